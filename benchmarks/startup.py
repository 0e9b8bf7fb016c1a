"""How long a person waits before anything happens, beside a bare `python -c pass`.

Run:  python benchmarks/startup.py     (about half a minute)

Each command is started several times in turn with the bare interpreter; printed are the medians, in
seconds, and how often the bare start's time that is. The first step of a sweep is the moment at
which `bonsai run` begins to build its first baseline; everything up to there is start-up.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
TOY = REPOSITORY / "tests" / "toy"
TIMES = 7
UNTIL_FIRST_STEP = (
    "import os, sys\n"
    "from bonsai.cli.board import Board\n"
    "from bonsai.cli import app\n"
    "Board.step = lambda *arguments: os._exit(0)\n"
    "app(sys.argv[1:])\n"
)


def seconds(command: list[str], folder: str) -> float:
    """How long a command takes; it must end well."""
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    """Measure, and print a table."""
    bonsai = [sys.executable, str(REPOSITORY / "runner.py")]
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "bonsai --help": [*bonsai, "--help"],
        "bonsai list": [*bonsai, "list", *map(str, sorted((REPOSITORY / "templates").iterdir()))],
        "bonsai run, until its first step": [
            *(sys.executable, "-c", UNTIL_FIRST_STEP, "run", str(TOY), "--out", "results"),
        ],
    }
    measured: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(TIMES):
        for name, command in commands.items():
            with tempfile.TemporaryDirectory() as folder:
                measured[name].append(seconds(command, folder))
    bare = statistics.median(measured["python -c pass"])
    print(f"{'':34}{'seconds':>8}{'× bare':>8}   (medians of {TIMES})")
    for name, values in measured.items():
        median = statistics.median(values)
        print(f"{name:34}{median:8.2f}{median / bare:8.1f}")


if __name__ == "__main__":
    main()
