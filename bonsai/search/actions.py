"""What a search asks for, what it is told, and its plan: how much it may spend, on which seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

START = 0  # the candidate that is the template itself
FEWEST_VERDICT_SEEDS = 6  # with fewer no exact test supports anything
MOST_VERDICT_SEEDS = 32
VERDICT_SHARE = 0.25  # of the runs, at most


@dataclass(frozen=True)
class Propose:
    """Make a candidate out of `parent`; tell `proposed`."""

    parent: int


@dataclass(frozen=True)
class Evaluate:
    """Run a candidate on a seed; tell `evaluated`."""

    candidate: int
    seed: int


@dataclass(frozen=True)
class Verdict:
    """Run a candidate and the start on these seeds and judge the gain; tell `judged`.

    Attributes:
        candidate: the winner.
        seeds: the most that may be taken; earlier analyses of the plan may end it sooner.
    """

    candidate: int
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Wait:
    """Nothing to do before something that is under way comes back."""


@dataclass(frozen=True)
class Done:
    """The search is over.

    Attributes:
        answer: the candidate to take; `START` if none was supported.
        claimed: its gain on the verdict's seeds; 0 if not supported.
        guess: the candidate to take by those who do not ask for proof: the winner, unless all that
            is known together leaves it a chance of `MOST_WORSE` to be worse than the start.
    """

    answer: int = START
    claimed: float = 0.0
    guess: int = START


Action = Propose | Evaluate | Verdict | Wait | Done


def analyses_of(budget: int) -> list[int]:
    """After how many seeds the verdict of a search may be spoken, by the runs that it may take.

    Up to a quarter of the runs is kept for it: pairs for a first analysis, doubled while they fit.
    """
    counts = [8 if budget >= 100 else FEWEST_VERDICT_SEEDS]
    while counts[-1] < MOST_VERDICT_SEEDS and 4 * counts[-1] <= VERDICT_SHARE * budget:
        counts.append(2 * counts[-1])
    return counts


@dataclass(frozen=True)
class Plan:
    """How much may be spent, and on which seeds.

    Attributes:
        budget: runs of one seed, those of the start and of the verdict included.
        search: seeds to find candidates with; no more than the first few are used.
        race: seeds to choose among finalists.
        verdict: seeds for the verdict; no more are used than the expected gain needs.
        analyses: after how many of them the verdict may be spoken, the level shared out evenly.
        proposals: how many candidates may be in the making at the same time; each sees what came
            before it.
        sign: 1 if a higher value is better, -1 if a lower one is.
    """

    budget: int
    search: Sequence[int]
    race: Sequence[int]
    verdict: Sequence[int]
    analyses: Sequence[int] = (8, 16, 32)
    proposals: int = 1
    sign: float = 1.0

    def __post_init__(self) -> None:
        sets = [set(self.search), set(self.race), set(self.verdict)]
        if sum(map(len, sets)) != len(set().union(*sets)):
            raise ValueError("the seeds of search, race and verdict must be disjoint")
        if not self.analyses or min(self.analyses) < FEWEST_VERDICT_SEEDS or not self.search:
            raise ValueError(f"{FEWEST_VERDICT_SEEDS} verdict seeds and a search seed are needed")
        if len(self.verdict) < max(self.analyses):
            raise ValueError("the last analysis needs more seeds than there are for the verdict")
