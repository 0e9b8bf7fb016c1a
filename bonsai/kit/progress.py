"""Progress of a long loop, as plain lines that a person, a log and the runner can read."""

import time


class Progress:
    """Prints at most one line every two seconds on stdout, with the time that is left.

    Example:
        progress = kit.Progress(steps, "seed 0")
        for step in range(steps):
            ...
            progress.step(loss=loss)
    """

    def __init__(self, total: int, label: str, every_seconds: float = 2.0) -> None:
        """Start the clock for `total` steps of the work called `label`."""
        self.total = total
        self.label = label
        self.every_seconds = every_seconds
        self.done = 0
        self._start = self._last_line = time.perf_counter()

    def step(self, **values: float) -> None:
        """Count one step; `values` (loss, accuracy, ...) are shown if a line is due."""
        self.done += 1
        now = time.perf_counter()
        if now - self._last_line < self.every_seconds and self.done < self.total:
            return
        self._last_line = now
        gone = now - self._start
        left = gone / self.done * (self.total - self.done)
        shown = "".join(f" · {name} {float(value):.4g}" for name, value in values.items())
        line = (
            f"{self.label} · {self.done}/{self.total}{shown} · {gone:.0f} s gone, {left:.0f} s left"
        )
        print(line, flush=True)
