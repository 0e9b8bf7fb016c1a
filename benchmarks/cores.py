"""How busy the cores are: a sweep with one worker, with two, and on a Ray cluster of this machine.

The experiments are the toy's, made to compute for some seconds; aider and the runner are real. The
machine should have nothing else to do, and two cores: with more, set them with `taskset -c 0,1`.

Run:  python benchmarks/cores.py
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

REPOSITORY = Path(__file__).resolve().parent.parent
TOY = REPOSITORY / "tests" / "toy"
SECONDS = 6.0  # of computing in a run
SAMPLE_SECONDS = 0.2
WORK = "np.sort(np.random.default_rng(0).standard_normal(1_000_000))"
WAYS = {
    "one worker": ("--workers", "1", "--threads", "1"),
    "two workers": ("--workers", "2", "--threads", "1"),
    "Ray, two CPUs": ("--executor", "ray", "--workers", "2"),
}


@dataclass
class Use:
    """Core use in samples, sorted by how many experiments ran side by side."""

    wall: float = 0.0
    seconds: dict[int, float] = field(default_factory=dict)
    busy: dict[int, float] = field(default_factory=dict)

    def share(self, least: int) -> float:
        """Busy share of all cores, in per cent, while at least so many experiments ran."""
        seconds = sum(value for count, value in self.seconds.items() if count >= least)
        busy = sum(value for count, value in self.busy.items() if count >= least)
        return 100 * busy / seconds if seconds else float("nan")


def main() -> None:
    """Sweep three times and print what the cores did."""
    print(f"two bare processes side by side take {yardstick():.2f} of their time one after another")
    print(f"{'':<15}{'wall s':>8}{'of one':>8}{'1 or 2 run':>12}{'2 run':>8}   (cores busy, %)")
    first = None
    with tempfile.TemporaryDirectory() as temporary:
        toy = heavy_toy(Path(temporary))
        for name, options in WAYS.items():
            use = sweep(toy, Path(temporary) / name.replace(" ", "_"), options)
            first = first or use.wall
            over = sum(use.seconds.values()) / psutil.cpu_count()
            cells = f"{name:<15}{use.wall:>8.1f}{use.wall / first:>8.2f}{use.share(1):>12.1f}"
            print(f"{cells}{use.share(2):>8.1f}   over {over:.0f} s", flush=True)


def yardstick() -> float:
    """What two workers could gain at best: cores may share caches, or be two halves of one."""
    code = f"import numpy as np\nfor _ in range(30):\n    {WORK}"

    def seconds(*groups: int) -> float:
        started = time.monotonic()
        for count in groups:
            processes = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(count)]
            for process in processes:
                process.wait()
        return time.monotonic() - started

    return seconds(2) / seconds(1, 1)


def heavy_toy(folder: Path) -> Path:
    """A copy of the toy template whose runs, but not its smoke runs, compute for `SECONDS`."""
    toy = Path(shutil.copytree(TOY, folder / "heavy"))
    started = time.perf_counter()
    for _ in range(5):
        eval(WORK, {"np": np})
    count = round(SECONDS / ((time.perf_counter() - started) / 5) / 2)  # for each of two seeds
    text = (toy / "experiment.py").read_text()
    marker = "    rng = np.random.default_rng(seed)\n"
    assert marker in text
    heavy = f"    for _ in range({count} if config.images > 40 else 0):\n        {WORK}\n"
    (toy / "experiment.py").write_text(text.replace(marker, marker + heavy))
    return toy


def sweep(toy: Path, home: Path, options: tuple[str, ...]) -> Use:
    """One sweep over two recorded ideas, and what the cores did while its experiments ran."""
    home.mkdir()
    command = [
        *(sys.executable, str(REPOSITORY / "runner.py"), "run", str(toy), "--out", "results"),
        *("--ideas", "more_images,changes_nothing", "--max-runs", "1", "--confirm-seeds", "2"),
        *("--max-confirm-seeds", "2"),
        *options,
    ]
    environment = {**os.environ, "BONSAI_DATA": str(home / "data")}
    use = Use()
    started = time.monotonic()
    with (home / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=home, env=environment, stdout=log, stderr=log)
        for experiments, seconds, busy in samples(process):
            use.seconds[experiments] = use.seconds.get(experiments, 0.0) + seconds
            use.busy[experiments] = use.busy.get(experiments, 0.0) + busy
    use.wall = time.monotonic() - started
    if process.returncode:
        raise SystemExit((home / "log").read_text())
    use.seconds.pop(0, None)
    return use


def samples(process: subprocess.Popen[bytes]) -> Iterator[tuple[int, float, float]]:
    """Experiments that run, seconds of core time there were, seconds of it that cores worked."""
    before = psutil.cpu_times()
    while process.poll() is None:
        count = running()
        time.sleep(SAMPLE_SECONDS)
        now = psutil.cpu_times()
        total = sum(now[:8]) - sum(before[:8])  # what comes after is counted in these already
        idle = now.idle + now.iowait - before.idle - before.iowait
        if count == running():  # else it cannot be said in which part of the sample it ran
            yield count, total, total - idle
        before = now


def running() -> int:
    """How many experiments run now, smoke runs not counted."""
    count = 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            count += words[:2] == [sys.executable, "experiment.py"] and "--smoke" not in words
    return count


if __name__ == "__main__":
    main()
