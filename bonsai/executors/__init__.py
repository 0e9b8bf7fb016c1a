"""Who runs a program: this machine, or others."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from bonsai import execute
from bonsai.execute import Execution, Program

__all__ = ["Executor", "LocalExecutor"]


class Executor(Protocol):
    """Runs programs, as many at once as are asked for from different threads."""

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
        """

    def close(self) -> None:
        """Give back what was taken to run programs."""


class LocalExecutor:
    """Runs programs on this machine."""

    def run(
        self,
        program: Program,
        log: Path,
        *,
        on_line: Callable[[str], None] | None,
        cancel: threading.Event,
    ) -> Execution:
        """See `Executor.run`."""
        return execute.run(program, log, on_line=on_line, cancel=cancel)

    def close(self) -> None:
        """Nothing was taken."""
