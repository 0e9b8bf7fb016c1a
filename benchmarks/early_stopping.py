"""What stopping runs early saves and loses, on recorded real runs with their curves.

The search of `bonsai.search` plays on the table of `recorded.py`, with and without its early
stopping. A run shows its curve point by point, and one that is given up costs only the share of its
steps that it had done; so compute is counted in whole runs. Both may begin the same number of runs.
Below it is told how good the predictor's chances are: of the runs to which it gave a chance within
a range, how many ended better than what they were to beat.

Run:  python benchmarks/early_stopping.py [--worlds 100] [--budget 200]
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks.recorded import RecordedWorld, Table
from benchmarks.search import judge
from bonsai.search import (
    START,
    Done,
    EarlyStopping,
    Evaluate,
    Plan,
    Propose,
    Search,
    Verdict,
    analyses_of,
)

BINS = (0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 1.01)


@dataclass
class Played:
    """What came of a search.

    Attributes:
        gain: true gain of the winner.
        guess: of the best guess.
        candidates: compute of the candidates' runs on search seeds, in whole runs.
        rest: of all other runs.
        chances: what the predictor said half-way, and whether the run ended better.
    """

    gain: float = 0.0
    guess: float = 0.0
    candidates: float = 0.0
    rest: float = 0.0
    chances: list[tuple[float, bool]] = field(default_factory=list)


def play(table: Table, number: int, budget: int, stops: bool) -> Played:
    """One search; the same number makes the same world."""
    world = RecordedWorld(table, np.random.default_rng([7, number]))
    plan = Plan(budget, range(100), range(100, 200), range(200, 240), analyses_of(budget))
    search, early, told = Search(plan), EarlyStopping(), Played()
    finals: dict[tuple[int, int], float] = {}
    while not isinstance(action := search.ask(), Done):
        if isinstance(action, Propose):
            made = world.change(action.parent, int(world.rng.integers(1, 4)))
            search.proposed(made, action.parent)
        elif isinstance(action, Verdict):
            search.judged(*judge(world, action.candidate, action.seeds, plan.analyses))
            told.rest += 2 * len(action.seeds)
        elif isinstance(action, Evaluate):
            _evaluate(action, world, search, early, told, finals, stops)
    told.gain, told.guess = (world.qualities[n] for n in (action.answer, action.guess))
    return told


def _evaluate(
    action: Evaluate, world: RecordedWorld, search: Search, early: EarlyStopping, told: Played,
    finals: dict[tuple[int, int], float], stops: bool,
) -> None:  # fmt: skip
    number, seed = action.candidate, action.seed
    curve = _points(world, number, seed)
    reference = _points(world, START, seed) if (START, seed) in finals else []
    value = curve[-1][1]
    if number == START or not reference:
        told.rest += 1
    else:
        best = finals.get((search.champions[-1], seed))
        to_beat = 0.0 if best is None else best - reference[-1][1]
        chance = early.chance(curve[: len(curve) // 2], reference, to_beat)
        if chance is not None:
            told.chances.append((chance, value - reference[-1][1] > to_beat))
        for reached in range(1, len(curve)) if stops else ():
            if early.gives_up(curve[:reached], reference, to_beat):
                told.candidates += curve[reached - 1][0] / curve[-1][0]
                search.failed(number, seed)
                return
        told.candidates += 1
        early.learn(curve, reference, value - reference[-1][1])
    finals[number, seed] = value
    search.evaluated(number, seed, value)


def _points(world: RecordedWorld, number: int, seed: int) -> list[tuple[float, float]]:
    values = world.curve(number, seed)
    return list(zip(world.table.steps.tolist(), values.tolist(), strict=True))


def main() -> None:
    """Print both sides and the calibration."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=100, help="default: 100")
    parser.add_argument("--budget", type=int, default=200, help="runs begun; default: 200")
    arguments = parser.parse_args()
    table = Table()
    sides = {
        stops: [play(table, n, arguments.budget, stops) for n in range(arguments.worlds)]
        for stops in (False, True)
    }
    print(f"{arguments.budget} runs begun, {arguments.worlds} worlds")
    print(f"{'':<10}{'compute of candidates':>22}{'in all':>10}{'true gain':>18}{'guess':>16}")
    for stops, found in sides.items():
        candidates = np.array([each.candidates for each in found])
        rest = np.array([each.rest for each in found])
        print(
            f"{'stopping' if stops else 'to the end':<10}{candidates.mean():>22.1f}"
            f"{(candidates + rest).mean():>10.1f}{_spread([each.gain for each in found]):>18}"
            f"{_spread([each.guess for each in found]):>16}"
        )
    whole, part = (np.mean([each.candidates for each in sides[stops]]) for stops in (False, True))
    print(f"saved of the candidates' compute: {100 * (1 - part / whole):.0f} %")
    differences = [b.guess - a.guess for a, b in zip(sides[False], sides[True], strict=True)]
    print(f"difference of the best guess, by stopping: {_spread(differences)}")
    print("\nhalf-way, chance to end better    runs   really better, %")
    chances = np.array([pair for each in sides[False] for pair in each.chances])
    for low, high in pairwise(BINS):
        within = chances[(chances[:, 0] >= low) & (chances[:, 0] < high)]
        if len(within):
            print(f"{low:>10.2f} to {min(high, 1.0):.2f} (mean {within[:, 0].mean():.2f})"
                  f"{len(within):>9}{100 * within[:, 1].mean():>16.1f}")  # fmt: skip


def _spread(values: list[float]) -> str:
    return f"{np.mean(values):.2f} ± {np.std(values, ddof=1) / len(values) ** 0.5:.2f}"


if __name__ == "__main__":
    main()
