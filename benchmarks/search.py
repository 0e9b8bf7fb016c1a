"""What a search finds, what it claims, and how often it ends worse than it began; by strategy.

Worlds are simulated: a change of a candidate moves its true quality by what the landscape says, and
a run shows quality + luck of the seed, common to all candidates, + noise of its own, of variance 1
together. Each strategy may spend the same number of runs of one seed, ours the verdict included.

The others are what is common: a candidate's recorded score is believed and never measured again.
They use the same seeds for all candidates, which is the best for them; on fresh seeds for each they
find less and claim more. Naive racing is told the noise. Our search changes one thing at a time, or
three at once, as the runner's samplers of settings may: what three changes at once bring to a
climber is shown as well.

"Taken" is what is handed over: the others' best, our winner if the verdict supports it and the
start otherwise. Our best guess is what those take who want no proof; nothing is claimed for it.
Null landscapes hold no gain at all: a claim there is wrong.

Run:  python benchmarks/search.py [--worlds 400] [--quick] [--seed 0] [--jobs 1]
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from bonsai.evaluation import verdict
from bonsai.search import START, Done, Evaluate, Plan, Propose, Search, Verdict, analyses_of

BUDGETS = (60, 200, 600)
CHUNK = 10  # worlds that a process takes at once


@dataclass(frozen=True)
class Landscape:
    """What changes do, and how noise looks.

    Attributes:
        helps: probability of a gain, at the start.
        gain: its scale.
        harms: probability of a loss.
        loss: its scale.
        fades: the quality at which gains are e times as rare; 0 for never.
        common: share of the noise's variance that all candidates of a seed have in common.
        uneven: standard deviation of the logarithm of a candidate's own noise.
        inherited: whether a child has its parent's noise on a seed, half of it anew where it has an
            effect: seeds can be fitted.
    """

    helps: float = 0.15
    gain: float = 0.6
    harms: float = 0.35
    loss: float = 0.8
    fades: float = 0.0
    common: float = 0.5
    uneven: float = 0.0
    inherited: bool = False


LANDSCAPES = {
    "the page's, half of the noise common": Landscape(),
    "none of the noise common": Landscape(common=0.0),
    "all of the noise common": Landscape(common=1.0),
    "gains become rarer": Landscape(helps=0.3, fades=1.5),
    "rare large gains": Landscape(helps=0.03, gain=2.0),
    "noise differs by candidate": Landscape(uneven=0.7),
    "noise is inherited": Landscape(inherited=True),
    "most changes harm": Landscape(helps=0.1, harms=0.6),
    "null: nothing helps": Landscape(helps=0.0),
    "null: nothing matters": Landscape(helps=0.0, harms=0.0),
}


class World:
    """True qualities, and runs that show them through noise."""

    def __init__(self, landscape: Landscape, rng: np.random.Generator) -> None:
        """Begin with a start of quality 0, candidate 0."""
        self._landscape, self._rng = landscape, rng
        self.qualities = [0.0]
        self._scales = [self._scale()]
        self._own: list[dict[int, float]] = [{}]
        self._parents = [-1]
        self._luck: dict[int, float] = {}
        self.spent = 0

    @property
    def deviation(self) -> float:
        """Standard deviation of the difference of two candidates on a seed."""
        return float(2 * (1 - self._landscape.common)) ** 0.5

    def change(self, parent: int, changes: int = 1) -> int:
        """A child, by so many changes."""
        quality = self.qualities[parent]
        for _ in range(changes):
            quality += self._effect(quality)
        self.qualities.append(quality)
        self._scales.append(self._scale())
        self._own.append({})
        self._parents.append(parent)
        return len(self.qualities) - 1

    def run(self, candidate: int, seed: int) -> float:
        """One run, of a candidate on a seed."""
        self.spent += 1
        if seed not in self._luck:
            self._luck[seed] = self._rng.normal() * self._landscape.common**0.5
        return self.qualities[candidate] + self._luck[seed] + self._noise(candidate, seed)

    def _effect(self, quality: float) -> float:
        at, drawn = self._landscape, self._rng.random()
        fading = np.exp(-max(0.0, quality) / at.fades) if at.fades else 1.0
        if drawn < at.helps * fading:
            return abs(self._rng.normal()) * at.gain
        return -abs(self._rng.normal()) * at.loss if drawn > 1 - at.harms else 0.0

    def _scale(self) -> float:
        """Of a candidate's own noise; of the given variance on average."""
        at = self._landscape
        scale = (1 - at.common) ** 0.5
        return scale * float(np.exp(at.uneven * self._rng.normal() - at.uneven**2))

    def _noise(self, candidate: int, seed: int) -> float:
        known = self._own[candidate]
        if seed not in known:
            known[seed] = self._rng.normal() * self._scales[candidate]
            if self._landscape.inherited and candidate:
                parent = self._parents[candidate]
                keeps = self.qualities[parent] == self.qualities[candidate]
                share = 1.0 if keeps else 0.5
                inherited = share**0.5 * self._noise(parent, seed)
                known[seed] = inherited + (1 - share) ** 0.5 * known[seed]
        return known[seed]


@dataclass(frozen=True)
class Outcome:
    """How a search ended.

    Attributes:
        taken: true gain of what it hands over.
        claimed: what it says of that.
        spent: runs.
        guess: true gain of its best guess.
    """

    taken: float
    claimed: float
    spent: int
    guess: float


@dataclass
class Tally:
    """How many searches ended."""

    outcomes: list[Outcome] = field(default_factory=list)

    def row(self) -> str:
        """True gain with its standard error, claimed, ratio, worse, claims, runs, best guess."""
        table = np.array([[o.taken, o.claimed, o.spent, o.guess] for o in self.outcomes])
        taken, claimed, spent, guess = table.T
        error = taken.std() / np.sqrt(len(taken))
        ratio = f"{claimed.mean() / taken.mean():.2f}" if taken.mean() > 0.1 else "-"
        return (
            f"{taken.mean():>7.2f} ±{error:>5.2f} {claimed.mean():>8.2f} {ratio:>8}"
            f"{100 * (taken < 0).mean():>9.1f} {100 * (claimed > 0).mean():>9.1f}"
            f"{spent.mean():>8.1f} {guess.mean():>8.2f} {100 * (guess < 0).mean():>7.1f}"
        )


Strategy = Callable[[World, int], Outcome]


def main() -> None:
    """Print a table for each landscape and budget."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=400, help="for each row; default: 400")
    parser.add_argument("--quick", action="store_true", help="20 worlds, without the budget of 600")
    parser.add_argument("--seed", type=int, default=0, help="of the simulation; default: 0")
    parser.add_argument("--jobs", type=int, default=1, help="processes; default: 1")
    parser.add_argument("--budgets", type=int, nargs="+", default=BUDGETS)
    arguments = parser.parse_args()
    worlds = 20 if arguments.quick else arguments.worlds
    budgets = arguments.budgets[:2] if arguments.quick else arguments.budgets
    started = time.monotonic()
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for budget in budgets:
            for landscape in LANDSCAPES:
                print(f"\n{budget} runs, {landscape}, {worlds} worlds\n{'strategy':<28}"
                      "   taken       claimed    ratio  worse, %  claims, %    runs    guess"
                      "  worse, %")  # fmt: skip
                for strategy in STRATEGIES:
                    chunks = range(0, worlds, CHUNK)
                    play = partial(_play, strategy, landscape, budget, arguments.seed)
                    tally = Tally([each for chunk in pool.map(play, chunks) for each in chunk])
                    print(f"{strategy:<28}{tally.row()}", flush=True)
    print(f"\n{time.monotonic() - started:.0f} s")


def _play(strategy: str, landscape: str, budget: int, seed: int, first: int) -> list[Outcome]:
    outcomes = []
    for number in range(first, first + CHUNK):
        rng = np.random.default_rng([seed, number])
        outcomes.append(STRATEGIES[strategy](World(LANDSCAPES[landscape], rng), budget))
    return outcomes


# --- the others -----------------------------------------------------------------------------------


def _score(world: World, candidate: int, seeds: int) -> float:
    return sum(world.run(candidate, seed) for seed in range(seeds)) / seeds


def recorded(world: World, best: int, claimed: float) -> Outcome:
    """An outcome in which a recorded score is believed."""
    gain = world.qualities[best]
    return Outcome(gain, claimed, world.spent, gain)


def climb(world: World, budget: int, seeds: int, changes: int = 1) -> Outcome:
    """Change the best; what scores higher is the best."""
    best, start = 0, _score(world, 0, seeds)
    highest = start
    while world.spent + seeds <= budget:
        child = world.change(best, changes)
        score = _score(world, child, seeds)
        if score > highest:
            best, highest = child, score
    return recorded(world, best, highest - start)


def best_of_n(world: World, budget: int, seeds: int = 3) -> Outcome:
    """Change the start; take the highest score."""
    best, start = 0, _score(world, 0, seeds)
    highest = start
    while world.spent + seeds <= budget:
        child = world.change(0)
        score = _score(world, child, seeds)
        if score > highest:
            best, highest = child, score
    return recorded(world, best, highest - start)


def islands(world: World, budget: int, count: int = 3, migration: int = 15) -> Outcome:
    """Climb on several islands, one seed; now and then the best takes the place of the worst."""
    start = _score(world, 0, 1)
    kept = [(start, 0)] * count
    for step in _steps(world, budget):
        here = step % count
        child = world.change(kept[here][1])
        kept[here] = max(kept[here], (_score(world, child, 1), child))
        if step % (count * migration) == count * migration - 1:
            kept[kept.index(min(kept))] = max(kept)
    highest, best = max(kept)
    return recorded(world, best, highest - start)


def _steps(world: World, budget: int) -> Iterator[int]:
    step = 0
    while world.spent < budget:
        yield step
        step += 1


def race_naively(world: World, budget: int, most: int = 16) -> Outcome:
    """Drop a child whose mean difference turns negative, keep it when it is at z > 2."""
    best, claimed = 0, 0.0
    deviation = world.deviation + 1e-9
    known: dict[int, float] = {}
    while world.spent < budget:
        child, values, total = world.change(best), dict[int, float](), 0.0
        for seed in range(most):
            if world.spent + 1 + (seed not in known) > budget:
                return recorded(world, best, claimed)
            if seed not in known:
                known[seed] = world.run(best, seed)
            values[seed] = world.run(child, seed)
            total += values[seed] - known[seed]
            if total <= 0:
                break
            if total > 2 * deviation * (seed + 1) ** 0.5:
                best, claimed, known = child, claimed + total / (seed + 1), values
                break
    return recorded(world, best, claimed)


# --- ours -----------------------------------------------------------------------------------------


Change = Callable[[World, Search, int], int]  # makes a child of a candidate


def ours(world: World, budget: int, changes: int = 1, change: Change | None = None) -> Outcome:
    """The runner's own decisions, and its own verdict.

    Args:
        world: the world.
        budget: runs to spend.
        changes: that a candidate is made by.
        change: how it is made instead.
    """
    plan = Plan(budget, range(100), range(100, 200), range(200, 240), analyses_of(budget))
    search = Search(plan)
    while not isinstance(action := search.ask(), Done):
        if isinstance(action, Propose):
            parent = action.parent
            made = change(world, search, parent) if change else world.change(parent, changes)
            search.proposed(made, parent)
        elif isinstance(action, Evaluate):
            search.evaluated(
                action.candidate, action.seed, world.run(action.candidate, action.seed)
            )
        elif isinstance(action, Verdict):
            search.judged(*judge(world, action.candidate, action.seeds, plan.analyses))
    true = world.qualities
    return Outcome(true[action.answer], action.claimed, world.spent, true[action.guess])


def judge(
    world: World, winner: int, seeds: Sequence[int], analyses: Sequence[int]
) -> tuple[bool, float, int]:
    """The verdict, spoken as soon as it is sure: whether it supports the winner, gain and seeds."""
    own, start = list[float](), list[float]()
    for count in analyses:
        if count > len(seeds):
            break
        for seed in seeds[len(own) : count]:
            own.append(world.run(winner, seed))
            start.append(world.run(START, seed))
        found = verdict.compare(own, start, len(analyses))
        if found.p is not None and found.p < verdict.LEVEL:
            break
    return found.mean > 0 and found.p is not None and found.p < verdict.LEVEL, found.mean, len(own)


STRATEGIES: dict[str, Strategy] = {
    "climbing, 1 seed": partial(climb, seeds=1),
    "climbing, 3 seeds": partial(climb, seeds=3),
    "climbing, 8 seeds": partial(climb, seeds=8),
    "best of n, 3 seeds": best_of_n,
    "islands, 1 seed": islands,
    "naive racing": race_naively,
    "ours, 1 change": ours,
    "ours, 3 changes": partial(ours, changes=3),
    "climbing, 1 seed, 3 changes": partial(climb, seeds=1, changes=3),
}


if __name__ == "__main__":
    main()
