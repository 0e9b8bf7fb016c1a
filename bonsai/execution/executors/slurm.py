"""Programs as jobs of Slurm, through submitit (https://github.com/facebookincubator/submitit).

Submitit hands over parcels in a folder that the driver and the nodes must share, as home folders
are on most Slurm clusters; programs themselves need no shared file system.
"""

from __future__ import annotations

import importlib
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bonsai.base import BonsaiError
from bonsai.execution import sandbox
from bonsai.execution.execute import ALLOWED, Cancelled
from bonsai.execution.executors.remote import (
    Delivery,
    MachineLost,
    Parcel,
    Refusal,
    RemoteExecutor,
    work,
)

MISSING = "--executor slurm needs the package submitit: pip install 'bonsai-experiments[slurm]'"
GLANCE_SECONDS = 0.5
CANCEL_SECONDS = 4.0
MORE_MINUTES = 5  # beside the program's own limit, which ends it first: a job's start and its end
MORE_GB = 1.0  # beside the program's own limit: for what watches it
LOST = {"BOOT_FAIL", "DEADLINE", "NODE_FAIL", "PREEMPTED", "REVOKED", "INTERRUPTED"}
# Not the key of the model, which Slurm would otherwise hand on with the rest.
EXPORTED = (*ALLOWED, "HOME", "USER", "PYTHONPATH", "BONSAI_DATA", "XDG_CACHE_HOME")


class SlurmExecutor(RemoteExecutor):
    """Runs programs as jobs of Slurm."""

    name = "slurm"
    slots = 1  # nobody knows how many Slurm has room for

    def __init__(
        self,
        folder: Path,
        *,
        options: Mapping[str, str] | None = None,
        threads: int,
        gpus_per_run: float | None = None,
        sandbox: sandbox.Mode = "auto",
        say: Callable[[str], None],
        cluster: str = "slurm",
    ) -> None:
        """Find Slurm.

        Args:
            folder: for submitit's files; the nodes must see it.
            options: of sbatch, for example `{"partition": "gpu"}`.
            threads: CPUs that each program takes.
            gpus_per_run: GPUs that each takes, a whole number; None: none.
            sandbox: whether programs must run within walls.
            say: hears of lost machines, and of those without walls.
            cluster: "slurm"; "local" has submitit run jobs on this machine.

        Raises:
            BonsaiError: submitit is not installed, or Slurm is not here.
        """
        super().__init__(sandbox, say)
        if gpus_per_run is not None and gpus_per_run != int(gpus_per_run):
            raise BonsaiError("--gpus-per-run: Slurm hands out whole GPUs only")
        try:
            self._submitit: Any = importlib.import_module("submitit")
        except ImportError as error:
            raise BonsaiError(MISSING) from error
        try:
            self._slurm = self._submitit.AutoExecutor(folder=str(folder), cluster=cluster)
        except RuntimeError as error:
            raise BonsaiError(
                f"--executor slurm: {error} Run this where `srun` and `sbatch` are"
            ) from error
        exported = ",".join(name for name in EXPORTED if name in os.environ)
        self._slurm.update_parameters(
            name="bonsai", cpus_per_task=threads, gpus_per_node=int(gpus_per_run or 0) or None,
            slurm_additional_parameters={"export": exported, **(options or {})},
        )  # fmt: skip
        self._submitting = threading.Lock()

    def close(self) -> None:
        """Nothing was taken."""

    def send(
        self, parcel: Parcel, on_line: Callable[[str], None] | None, cancel: threading.Event
    ) -> Delivery | Refusal:
        """See `RemoteExecutor.send`."""
        job = self._submit(parcel)
        try:
            told = ""
            while not job.done():
                if cancel.is_set():
                    self._cancel(job)
                    raise Cancelled
                if on_line and (line := _last_line(job.paths.stdout)) != told:
                    on_line(told := line)
                time.sleep(GLANCE_SECONDS)
            answer: Delivery | Refusal = job.result()
            return answer
        except self._submitit.core.utils.UncompletedJobError as error:
            if (state := job.state.partition(" ")[0]) in LOST:
                raise MachineLost(state) from error
            raise BonsaiError(
                f"Slurm ended job {job.job_id} ({state}): {_last_line(job.paths.stderr)}"
            ) from error
        finally:
            for path in (job.paths.submitted_pickle, job.paths.result_pickle, job.paths.stdout,
                         job.paths.stderr, job.paths.submission_file):  # fmt: skip
                path.unlink(missing_ok=True)

    def _submit(self, parcel: Parcel) -> Any:
        minutes = math.ceil(parcel.program.seconds / 60) + MORE_MINUTES
        with self._submitting:
            self._slurm.update_parameters(
                timeout_min=minutes, mem_gb=parcel.program.limits.memory_gb + MORE_GB
            )
            try:
                return self._slurm.submit(_work_aloud, parcel)
            except self._submitit.core.utils.FailedJobError as error:
                reason = str(error).strip().splitlines()[-1]
                raise BonsaiError(f"sbatch refuses: {reason}") from error

    def _cancel(self, job: Any) -> None:
        job.cancel(check=False)
        deadline = time.monotonic() + CANCEL_SECONDS
        while not job.done() and time.monotonic() < deadline:
            time.sleep(GLANCE_SECONDS)


def _work_aloud(parcel: Parcel) -> Delivery | Refusal:
    """On the node: work, with the program's progress on stdout."""
    # `scancel` begins with SIGTERM, which submitit ignores: kill the program then, and clean up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return work(parcel, on_line=lambda line: print(line, flush=True))


def _last_line(path: Path, size: int = 400) -> str:
    """The last line of a file that may not be there yet; "" if it is submitit's own."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - size))
            lines = file.read().decode("utf-8", errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1] if lines and not lines[-1].startswith("submitit ") else ""
