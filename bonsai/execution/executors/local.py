"""Programs on this machine; where it has GPUs, each gets its own, or its share of one."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

from bonsai.execution import execute
from bonsai.execution.execute import Execution, Program

VISIBLE_GPUS = "CUDA_VISIBLE_DEVICES"
GPU_DEVICES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")  # one of them is there where a GPU is
GLANCE_SECONDS = 0.2


class LocalExecutor:
    """Runs programs on this machine."""

    name = "local"

    def __init__(self, gpus: Sequence[str] = (), gpus_per_run: float | None = None) -> None:
        """Hand out these GPUs; without any, programs see what this process sees.

        Args:
            gpus: their names, as in `CUDA_VISIBLE_DEVICES`.
            gpus_per_run: how many a program gets; below 1 several share one. None: one.
        """
        self._gpus = _GpuPool(gpus, 1 if gpus_per_run is None else gpus_per_run)

    @property
    def slots(self) -> int:
        """One program at a time, where nobody says otherwise."""
        return 1

    def run(
        self,
        program: Program,
        log: Path,
        *,
        on_line: Callable[[str], None] | None,
        cancel: threading.Event,
    ) -> Execution:
        """See `Executor.run`."""
        with self._gpus.lend(cancel) as variables:
            return execute.run(
                program, log, on_line=on_line, cancel=cancel, environment_too=variables
            )

    def close(self) -> None:
        """Nothing was taken."""


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` names them."""
    chosen = os.environ.get(VISIBLE_GPUS)
    if chosen is not None:
        return [name.strip() for name in chosen.split(",") if name.strip() not in ("", "-1")]
    if sys.platform == "linux" and not any(Path(name).exists() for name in GPU_DEVICES):
        return []
    import torch  # here: it takes a second to load

    return [str(number) for number in range(torch.cuda.device_count())]


class _GpuPool:
    """GPUs and how much of each is taken."""

    def __init__(self, gpus: Sequence[str], per_run: float) -> None:
        self._share = Fraction(per_run).limit_denominator(1000)  # thirds add up to one
        self._taken = dict.fromkeys(gpus, Fraction(0))
        self._changed = threading.Condition()

    @contextmanager
    def lend(self, cancel: threading.Event) -> Iterator[dict[str, str]]:
        """The variables that show a program its GPUs; waits until they are free.

        Raises:
            execute.Cancelled: `cancel` was set while waiting.
        """
        if not self._taken:
            yield {}
            return
        with self._changed:
            while (chosen := self._free()) is None:
                if cancel.is_set():
                    raise execute.Cancelled
                self._changed.wait(GLANCE_SECONDS)
            self._take(chosen, 1)
        try:
            yield {VISIBLE_GPUS: ",".join(chosen)}
        finally:
            with self._changed:
                self._take(chosen, -1)
                self._changed.notify_all()

    def _free(self) -> list[str] | None:
        """The GPUs with the most room, if they have enough."""
        emptiest = sorted(self._taken, key=lambda gpu: self._taken[gpu])
        if self._share >= 1:
            emptiest = [gpu for gpu in emptiest if not self._taken[gpu]]
            count = min(int(self._share), len(self._taken))
            return emptiest[:count] if len(emptiest) >= count else None
        fits = self._taken[emptiest[0]] + self._share <= 1
        return emptiest[: bool(self._share)] if fits else None

    def _take(self, gpus: Sequence[str], sign: int) -> None:
        for gpu in gpus:
            self._taken[gpu] += sign * min(self._share, Fraction(1))
