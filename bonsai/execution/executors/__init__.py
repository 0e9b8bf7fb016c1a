"""Who runs a program: this machine, or others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from bonsai.execution.execute import Execution, Program
from bonsai.execution.executors.local import LocalExecutor, visible_gpus
from bonsai.execution.sandbox import Mode

__all__ = ["Executor", "LocalExecutor", "make_executor", "visible_gpus"]


class Executor(Protocol):
    """Runs programs, as many at once as are asked for from different threads.

    Attributes:
        name: as in `--executor`.
    """

    name: str

    @property
    def slots(self) -> int:
        """How many programs have room side by side."""

    def run(
        self,
        program: Program,
        log: Path,
        *,
        on_line: Callable[[str], None] | None,
        cancel: threading.Event,
    ) -> Execution:
        """Run a program to its end and have what it wrote lie in its folder; see `execute.run`.

        Raises:
            execute.Cancelled: `cancel` was set; the program has been killed.
            BonsaiError: it could not be run, for reasons that are not its own.
        """

    def close(self) -> None:
        """Give back what was taken to run programs."""


def make_executor(
    name: str,
    *,
    threads: int,
    gpus_per_run: float | None,
    sandbox: Mode,
    address: str | None,
    slurm: Mapping[str, str],
    jobs: Path,
    say: Callable[[str], None],
) -> Executor:
    """The executor of that name.

    Args:
        name: "local", "ray" or "slurm".
        threads: CPU threads of a program.
        gpus_per_run: GPUs of a program, or its share of one; None: one, where there are GPUs.
        sandbox: whether other machines must have walls.
        address: of the Ray cluster; None: this machine's, or a new one.
        slurm: options of sbatch.
        jobs: the folder in which Slurm jobs are handed over.
        say: hears of what the person at the terminal should know.

    Raises:
        BonsaiError: what it needs is not installed or not there.
    """
    if name == "ray":
        from bonsai.execution.executors.ray import RayExecutor

        return RayExecutor(
            address, threads=threads, gpus_per_run=gpus_per_run, sandbox=sandbox, say=say
        )  # fmt: skip
    if name == "slurm":
        from bonsai.execution.executors.slurm import SlurmExecutor

        return SlurmExecutor(
            jobs, options=slurm, threads=threads, gpus_per_run=gpus_per_run, sandbox=sandbox,
            say=say,
        )  # fmt: skip
    return LocalExecutor(visible_gpus(), gpus_per_run)
