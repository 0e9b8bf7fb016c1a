"""Who runs a program: this machine, or others."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bonsai.execution.executors.local import LocalExecutor, visible_gpus
from bonsai.execution.program import Execution, Program

if TYPE_CHECKING:
    from bonsai.settings import Settings

__all__ = ["Executor", "LocalExecutor", "make_executor"]


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


def make_executor(settings: Settings, results: Path, say: Callable[[str], None]) -> Executor:
    """The executor that a sweep was asked to use.

    Args:
        settings: what the sweep was asked to do.
        results: its results folder.
        say: hears of what the person at the terminal should know.

    Raises:
        BonsaiError: what it needs is not installed or not there.
    """
    if settings.executor == "ray":
        from bonsai.execution.executors.ray import RayExecutor

        return RayExecutor(
            settings.address, threads=settings.threads, gpus_per_run=settings.gpus_per_run,
            sandbox=settings.sandbox, say=say,
        )  # fmt: skip
    if settings.executor == "slurm":
        from bonsai.execution.executors.slurm import SlurmExecutor

        return SlurmExecutor(
            results / "jobs", options=settings.slurm, threads=settings.threads,
            gpus_per_run=settings.gpus_per_run, sandbox=settings.sandbox, say=say,
        )  # fmt: skip
    return LocalExecutor(visible_gpus(), settings.gpus_per_run)
