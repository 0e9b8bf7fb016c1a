"""What a search takes beside its runs: per candidate with real programs, and with 10,000 of them.

First a search by TPE with real programs, which take a tenth of a second: its wall time minus theirs
and git's, for each candidate. Then one whose runs are simulated and take no time: what proposing,
deciding and recording take, how large the ledger gets, and how long it is from starting a resume
until the first new step.

Run:  python benchmarks/search_overhead.py [--candidates 10000]
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from bonsai.base import Entry, Ledger
from bonsai.cli.board import Board
from bonsai.evaluation import Measured, Scores
from bonsai.execution import execute
from bonsai.search.space import values_of
from bonsai.settings import Assignment, SearchSettings, Settings
from bonsai.sweep import versions
from bonsai.sweep.sweep import Sweep
from bonsai.templates import Idea

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))
METRICS = ("height", "val_height")


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--candidates", type=int, default=10_000, help="default: 10000")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ["BONSAI_DATA"] = str(folder / "data")
        template = _template(folder)
        _with_programs(template, folder / "real")
        _simulated(template, folder / "simulated", arguments.candidates)


def _template(folder: Path) -> Path:
    from tests import sweeps
    from tests.crashes import BRISK

    return sweeps.with_settings(Path(shutil.copytree(BRISK, folder / "brisk")))


def _with_programs(template: Path, results: Path) -> None:
    spent, lock, plain = 0.0, threading.Lock(), execute.run

    def timed(program: execute.Program, log: Path, **options: Any) -> execute.Execution:
        nonlocal spent
        started = time.monotonic()
        try:
            return plain(program, log, **options)
        finally:
            with lock:
                spent += (time.monotonic() - started) * ("search" in log.parts)

    execute.run = timed
    _search(template, results, 120)
    execute.run = plain
    entries = _steps(results)
    made = sum(entry.step == "propose" for entry in entries)
    runs = sum(entry.step == "evaluate" for entry in entries)
    span = entries[-1].time - entries[0].time
    print(
        f"{made} candidates, {runs} runs with real programs: {span:.1f} s, {spent:.1f} s of them "
        f"in programs, so {(span - spent) / made:.3f} s a candidate beside them"
    )


def _simulated(template: Path, results: Path, candidates: int) -> None:
    rng = np.random.default_rng(0)

    def run(self: versions.Versions, number: int, seed: int, gives_up: object = None) -> Measured:
        values = values_of(self[number].node.source)
        height = float(values["height"]) / 100 + rng.normal() / 10
        scores = Scores(
            dataset="numbers", seeds=[seed], means=dict.fromkeys(METRICS, height),
            stderrs=dict.fromkeys(METRICS), per_seed={name: [height] for name in METRICS},
        )  # fmt: skip
        return Measured(scores, 0.0, "simulated", 0.1, 0.1, {}, "cpu")

    plain = versions.Versions.run
    versions.Versions.run = run  # type: ignore[method-assign]
    try:
        started = time.monotonic()
        _search(template, results, 2 * candidates)
        wall = time.monotonic() - started
        entries = _steps(results)
        made = [entry for entry in entries if entry.step == "propose" and entry.ok]
        first, last = _pace(made[:1000]), _pace(made[-1000:])
        print(
            f"{len(made)} candidates, {sum(e.step == 'evaluate' for e in entries)} runs simulated: "
            f"{wall:.0f} s, {1000 * wall / len(made):.0f} ms a candidate (the first thousand "
            f"{1000 * first:.0f} ms, the last {1000 * last:.0f} ms)"
        )
        _resumed(template, results, len(made))
    finally:
        versions.Versions.run = plain  # type: ignore[method-assign]


def _pace(made: list[Entry]) -> float:
    return (made[-1].time - made[0].time) / max(1, len(made) - 1)


def _resumed(template: Path, results: Path, made: int) -> None:
    """Cut the ledger's end off, as a kill does, and see when the first new step is there."""
    ledger = results / "ledger.jsonl"
    lines = ledger.read_text().splitlines(keepends=True)
    ends = [place for place, line in enumerate(lines) if '"step":"evaluate"' in line]
    kept = lines[: ends[-20]]
    ledger.write_text("".join(kept))
    started = time.time()
    Sweep(results, Settings.load(results), Board(Console(file=io.StringIO()))).run()
    first = Ledger(ledger).read()[len(kept)]
    size = sum(map(len, kept)) / 1e6
    print(
        f"resume after {made} candidates (a ledger of {size:.0f} MB): first new step after "
        f"{first.time - started:.1f} s"
    )


def _search(template: Path, results: Path, runs: int) -> None:
    results.mkdir()
    idea = Idea(Name="search", Title="Search", Experiment="Candidates by tpe.")
    settings = Settings(
        assignments=[Assignment(template=str(template), ideas=[idea])],
        confirm_seeds=8, max_confirm_seeds=8, first_fresh_seed=1000,
        search=SearchSettings(runs=runs),
    )  # fmt: skip
    settings.save(results)
    Sweep(results, settings, Board(Console(file=io.StringIO()))).run()


def _steps(results: Path) -> list[Entry]:
    return [entry for entry in Ledger(results / "ledger.jsonl").read() if entry.idea == "search"]


if __name__ == "__main__":
    main()
