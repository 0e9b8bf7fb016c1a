"""What a search does next: which version to change, on which seeds to run it, when to stop.

Nothing here runs anything. `Search.ask` returns an action, whoever carries it out tells what came
of it, and both may be far apart: any number of actions may be under way. What a search decides
follows from what it was told, in that order, and from nothing else; so telling the same again
rebuilds it, for a search that was killed.

There are three disjoint sets of seeds. On the *search* seeds candidates are compared, one run each
as long as more are not worth it (`bonsai/search/stopping.py`), by estimates that are shrunk towards
their parent (`bonsai/search/beliefs.py`). On the *race* seeds the last champions are measured
again. On the *verdict* seeds the winner meets the start, and only this is claimed: what the search
believed until then is selected, and flatters. A winner that the verdict does not support is not
handed over: then the search answers with its start.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import ndtr, stdtrit

from bonsai.search.beliefs import Beliefs
from bonsai.search.stopping import MOST_RUNS, best_policy

START = 0  # the candidate that is the template itself
FEWEST_VERDICT_SEEDS = 6  # with fewer no exact test supports anything
REPLICATED = 2
_LEVEL = 0.025  # one-sided


@dataclass(frozen=True)
class Propose:
    """Make a candidate by changing `parent`; tell `proposed`."""

    parent: int


@dataclass(frozen=True)
class Evaluate:
    """Run a candidate on a seed; tell `evaluated`."""

    candidate: int
    seed: int


@dataclass(frozen=True)
class Verdict:
    """Run a candidate and the start on these seeds and judge the gain, once; tell `judged`."""

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
    """

    answer: int
    claimed: float


Action = Propose | Evaluate | Verdict | Wait | Done


@dataclass(frozen=True)
class Plan:
    """How much may be spent, and on which seeds.

    Attributes:
        budget: runs of one seed, those of the start and of the verdict included.
        search: seeds to find candidates with; no more than the first few are used.
        race: seeds to choose among finalists.
        verdict: seeds for the verdict; no more are used than the expected gain needs.
        sign: 1 if a higher value is better, -1 if a lower one is.
    """

    budget: int
    search: Sequence[int]
    race: Sequence[int]
    verdict: Sequence[int]
    sign: float = 1.0

    def __post_init__(self) -> None:
        sets = [set(self.search), set(self.race), set(self.verdict)]
        if sum(map(len, sets)) != len(set().union(*sets)):
            raise ValueError("the seeds of search, race and verdict must be disjoint")
        if len(self.verdict) < FEWEST_VERDICT_SEEDS or not self.search:
            raise ValueError(f"{FEWEST_VERDICT_SEEDS} verdict seeds and a search seed are needed")


@dataclass
class Candidate:
    """A version, and what is known of it.

    Attributes:
        parent: whose change it is; itself for the start.
        values: by seed, turned so that higher is better.
        closed: whether it is measured no further.
        gain: expected effect of its change, once it is closed.
        lead: what the champion has gained since it was proposed.
        turn: how many candidates were proposed before.
    """

    parent: int
    values: dict[int, float] = field(default_factory=dict)
    closed: bool = False
    gain: float = 0.0
    lead: float = 0.0
    turn: int = 0


class Search:
    """A search: `ask` for what to do, tell what came of it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.candidates = {START: Candidate(START)}
        self.champions = [START]
        self.spent = 0
        self.result: Done | None = None
        self._beliefs = Beliefs()
        self._begun = False
        self._away: set[Evaluate] = set()
        self._proposing = 0
        self._judging = False
        self._pool = list(plan.search[: 1 + (plan.budget >= 40) + (plan.budget >= 120)])
        self._racing: list[int] = []
        self._over = False

    # --- what came back ---------------------------------------------------------------------------

    def proposed(self, candidate: int, parent: int) -> None:
        """A candidate was made."""
        lead = 0.0
        if parent in self.champions:
            later = self.champions[self.champions.index(parent) + 1 :]
            lead = sum(self.candidates[each].gain for each in later)
        self.candidates[candidate] = Candidate(parent, lead=lead, turn=len(self.candidates))
        self._proposing = max(0, self._proposing - 1)

    def failed(self, candidate: int | None = None, seed: int | None = None) -> None:
        """No candidate was made, or a run of one broke: it is given up."""
        if candidate is None:
            self._proposing = max(0, self._proposing - 1)
            return
        if seed is not None:
            self._away.discard(Evaluate(candidate, seed))
            self.spent += 1
        self.candidates[candidate].closed = True

    def evaluated(self, candidate: int, seed: int, value: float) -> None:
        """A run is done."""
        self._away.discard(Evaluate(candidate, seed))
        self.spent += 1
        told = self.candidates[candidate]
        told.values[seed] = self.plan.sign * value
        if not self._begun:
            if set(self._pool) <= set(told.values):
                self._begun = True
                self._beliefs.begin(told.values)
            return
        if seed in self.plan.race:
            return
        if candidate == self.champions[-1]:
            self._beliefs.measure_champion(seed, told.values[seed])
        elif not told.closed and not any(each.candidate == candidate for each in self._away):
            self._decide(candidate, told)

    def judged(self, supported: bool, gain: float, seeds: int) -> None:
        """The verdict was spoken; `gain` as it is, turned by the plan's sign."""
        self.spent += 2 * seeds
        self.result = Done(self._winner, gain) if supported else Done(START, 0.0)

    # --- what to do -------------------------------------------------------------------------------

    def ask(self) -> Action:
        """The next action; it counts as under way from now on."""
        if self.result is not None:
            return self.result
        if not self._begun:
            return self._first([(START, seed) for seed in self._pool])
        left = self.plan.budget - self.spent - len(self._away)
        if not self._over:
            for number, candidate in self.candidates.items():
                if number and not candidate.closed and not any(
                    each.candidate == number for each in self._away
                ):
                    return self._run(number, self._next_seed(candidate))
            seeds = self._verdict_seeds(left - self._proposing)
            if left - self._proposing > 2 * seeds:
                self._proposing += 1
                return Propose(self.champions[-1])
            if self._away or self._proposing:
                return Wait()
            self._over = True
        return self._judge(left)

    def _judge(self, left: int) -> Action:
        if self._judging:
            return Wait()
        seeds = min(self._verdict_seeds(left), left // 2)
        if self.champions[-1] == START or seeds < FEWEST_VERDICT_SEEDS:
            self.result = Done(START, 0.0)
            return self.result
        self._judging, self._winner = True, self.champions[-1]
        return Verdict(self._winner, tuple(self.plan.verdict[:seeds]))

    def _first(self, wanted: list[tuple[int, int]]) -> Action:
        for number, seed in wanted:
            run = Evaluate(number, seed)
            if seed not in self.candidates[number].values and run not in self._away:
                return self._run(number, seed)
        return Wait()

    def _run(self, candidate: int, seed: int) -> Evaluate:
        run = Evaluate(candidate, seed)
        self._away.add(run)
        return run

    def _next_seed(self, candidate: Candidate) -> int:
        """Candidates take turns on the seeds, so that none of these is fitted."""
        order = [self._pool[(candidate.turn + k) % len(self._pool)] for k in range(len(self._pool))]
        return next(seed for seed in order if seed not in candidate.values)

    def _decide(self, number: int, candidate: Candidate) -> None:
        """Measure a candidate further, adopt it or give it up."""
        found = self._beliefs.estimate(candidate.values)
        effects = self._beliefs.effects
        mean, _ = effects.posterior(
            np.array(found.effect + candidate.lead), np.array(found.variance)
        )
        gain = float(mean) - candidate.lead
        policy = best_policy(effects, self._beliefs.noise)
        stage = min(found.runs, MOST_RUNS) - 1
        more = len(candidate.values) < len(self._pool)
        if more and number <= REPLICATED:
            return
        if more and policy.reject[stage] < gain < policy.adopt[stage]:
            return
        adopt = gain > 0
        candidate.closed = True
        candidate.gain = self._beliefs.close(candidate.values, candidate.lead, adopt)
        if adopt:
            self.champions.append(number)
            for other in self.candidates.values():
                if not other.closed:
                    other.lead += candidate.gain

    def _verdict_seeds(self, left: int) -> int:
        """How many pairs the verdict should have: those that bring the most in the end.

        With n pairs it supports a gain g with the power of a t-test, and costs 2 n runs, which
        would have brought the going rate each.
        """
        if left > 4 * len(self.plan.verdict):
            return FEWEST_VERDICT_SEEDS  # too early to ask
        mean, variance = self._beliefs.champion
        rate = best_policy(self._beliefs.effects, self._beliefs.noise).rate
        numbers = np.arange(FEWEST_VERDICT_SEEDS, min(len(self.plan.verdict), 40) + 1)
        expected = mean + rate * np.maximum(0, left - 2 * numbers)
        reached = expected[:, None] + math.sqrt(variance) * _NODES
        error = np.sqrt(2 * self._beliefs.noise / numbers)
        power = ndtr(reached / error[:, None] - stdtrit(numbers - 1, 1 - _LEVEL)[:, None])
        value = (power * reached).mean(axis=1)
        value[2 * numbers > left] = -np.inf
        return int(numbers[int(np.argmax(value))])


_NODES = np.array([-1.5, -0.7, 0.0, 0.7, 1.5])
