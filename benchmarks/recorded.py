"""Search strategies on recorded real runs: 144 settings of `self_replication`, 12 seeds each.

The table is `recorded_runs.npz`, made by `record_runs.py`. A change moves one setting, drawn
evenly, to another of its values; a version that was there before is not made again. The truth is a
setting's mean over its twelve seeds. A run shows what was recorded; beyond the twelve seeds, the
truth and the deviation of one of the setting's own runs (drawn with replacement, and widened by
12/11 in variance, since deviations from an own mean are too small). Twelve seeds come in another
order in each world. In the null version the search starts from the best setting of all.

Run:  python benchmarks/recorded.py [--worlds 200] [--budgets 60 200]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import numpy.typing as npt

from benchmarks.search import (
    Outcome,
    Strategy,
    Tally,
    World,
    best_of_n,
    climb,
    islands,
    ours,
    race_naively,
)
from bonsai.search import Search, Setting
from bonsai.search.proposers import sample_tpe

FILE = Path(__file__).with_name("recorded_runs.npz")
NAMES = ("learning_rate", "momentum", "width", "hidden", "batch_size")
TEMPLATE = (1, 1, 1, 1, 1)  # its own settings, by place
TRIES = 20  # to find a version that is not there yet
MOST_CHANGES = 3
Place = tuple[int, ...]
Values = npt.NDArray[np.float64]


class Table:
    """What was recorded: validation accuracy in percent."""

    def __init__(self, path: Path = FILE) -> None:
        """Read it."""
        with np.load(path) as file:
            self.curves: Values = 100.0 * file["right"] / float(file["images"])  # (..., 12, T)
            self.steps: Values = file["steps"]
            self.values = [file[f"values_{name}"].tolist() for name in NAMES]
        self.finals: Values = self.curves[..., -1]
        self.truths: Values = self.finals.mean(-1)
        self.shape = self.truths.shape

    @property
    def best(self) -> Place:
        """The best setting."""
        return tuple(map(int, np.unravel_index(int(self.truths.argmax()), self.shape)))

    @property
    def deviation(self) -> float:
        """Of a setting's runs: the median over the settings."""
        return float(np.median(self.finals.std(-1, ddof=1)))


class RecordedWorld(World):
    """Settings as candidates, and recorded runs."""

    def __init__(self, table: Table, rng: np.random.Generator, start: Place = TEMPLATE) -> None:
        """Begin at a setting."""
        self.table, self.rng = table, rng
        self.places = [start]
        self.qualities = [0.0]
        self.spent = 0
        self._order = rng.permutation(table.finals.shape[-1])
        self._drawn: dict[tuple[Place, int], int] = {}

    @property
    def deviation(self) -> float:
        """See `World`; next to nothing of the noise is common to a seed."""
        return float(2**0.5 * self.table.deviation)

    def change(self, parent: int, changes: int = 1) -> int:
        """A child, by so many settings moved to other values."""
        place = self.places[parent]
        for _ in range(TRIES):
            moved = list(place)
            for axis in self.rng.choice(len(place), size=changes, replace=False):
                others = [v for v in range(self.table.shape[axis]) if v != place[axis]]
                moved[axis] = int(self.rng.choice(others))
            if tuple(moved) not in self.places:
                break
        return self.add(tuple(moved))

    def add(self, place: Place) -> int:
        """Take in a setting as a candidate."""
        self.places.append(place)
        truths = self.table.truths
        self.qualities.append(float(truths[place] - truths[self.places[0]]))
        return len(self.places) - 1

    def run(self, candidate: int, seed: int) -> float:
        """One run, of a candidate on a seed."""
        self.spent += 1
        return float(self.curve(candidate, seed)[-1])

    def curve(self, candidate: int, seed: int) -> Values:
        """Its whole curve (T,)."""
        place = self.places[candidate]
        recorded: Values = self.table.curves[place]
        if seed < len(self._order):
            return recorded[self._order[seed]]
        if (place, seed) not in self._drawn:
            self._drawn[place, seed] = int(self.rng.integers(len(recorded)))
        mean = recorded.mean(0)
        wider = (len(recorded) / (len(recorded) - 1)) ** 0.5
        return mean + wider * (recorded[self._drawn[place, seed]] - mean)


def several(world: World, search: Search, parent: int) -> int:
    """One to three changes, as the runner's samplers of settings make them."""
    assert isinstance(world, RecordedWorld)
    return world.change(parent, int(world.rng.integers(1, MOST_CHANGES + 1)))


def by_tpe(world: World, search: Search, parent: int) -> int:
    """The same, to values that Optuna's sampler draws, given what the search believes."""
    assert isinstance(world, RecordedWorld)
    space = {
        name: Setting(name, 0, choices=tuple(range(count)))
        for name, count in zip(NAMES, world.table.shape, strict=True)
    }
    worst = min(gain for n in search.candidates if (gain := search.gain_of(n)) is not None)
    trials = []
    for number in search.candidates:
        gain = search.gain_of(number)
        if gain is not None:
            place = dict(zip(NAMES, world.places[number], strict=True))
            trials.append((place, worst if gain is None else gain))
    now = world.places[parent]
    for _ in range(TRIES):
        drawn = sample_tpe(space, trials[-400:], int(world.rng.integers(2**31)))
        count = int(world.rng.integers(1, MOST_CHANGES + 1))
        axes = world.rng.choice(len(NAMES), size=count, replace=False)
        moved = tuple(int(drawn[NAMES[a]]) if a in axes else now[a] for a in range(len(now)))
        if moved not in world.places:
            return world.add(moved)
    return world.change(parent, 1)


STRATEGIES: dict[str, Strategy] = {
    "climbing, 1 seed": partial(climb, seeds=1),
    "climbing, 3 seeds": partial(climb, seeds=3),
    "climbing, 8 seeds": partial(climb, seeds=8),
    "best of n, 3 seeds": best_of_n,
    "islands, 1 seed": islands,
    "naive racing": race_naively,
    "ours, 1 change": ours,
    "ours, 3 changes": partial(ours, changes=3),
    "ours, 1 to 3 changes": partial(ours, change=several),
    "ours, 1 to 3 by TPE": partial(ours, change=by_tpe),
}
SLOW = {"ours, 1 to 3 by TPE": 5}  # so many times fewer worlds


def main() -> None:
    """Print a table for each start and budget."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=200, help="for each row; default: 200")
    parser.add_argument("--budgets", type=int, nargs="+", default=(60, 200))
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn; default: 0")
    arguments = parser.parse_args()
    table = Table()
    most = float(table.truths.max() - table.truths[TEMPLATE])
    better = int((table.truths > table.truths[TEMPLATE]).sum())
    print(
        f"{table.truths.size} settings; the template's {table.truths[TEMPLATE]:.2f} %, {better} "
        f"better, the best by {most:.2f} points; a run deviates by {table.deviation:.2f} points"
    )
    started = time.monotonic()
    for budget in arguments.budgets:
        for name, start in (("the template's settings", TEMPLATE), ("the best of all", table.best)):
            print(f"\n{budget} runs, from {name}\n{'strategy':<28}"
                  "   taken       claimed    ratio  worse, %  claims, %    runs    guess"
                  "  worse, %")  # fmt: skip
            for strategy, play in STRATEGIES.items():
                worlds = max(10, arguments.worlds // SLOW.get(strategy, 1))
                outcomes = _play(table, play, start, budget, worlds, arguments.seed)
                print(f"{strategy:<28}{Tally(outcomes).row()}", flush=True)
    print(f"\n{time.monotonic() - started:.0f} s")


def _play(
    table: Table, play: Callable[[World, int], Outcome], start: Place, budget: int, worlds: int,
    seed: int,
) -> list[Outcome]:  # fmt: skip
    return [
        play(RecordedWorld(table, np.random.default_rng([seed, number]), start), budget)
        for number in range(worlds)
    ]


if __name__ == "__main__":
    main()
