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
import numpy.typing as npt
from scipy.special import ndtr, stdtrit

from bonsai.search.actions import (
    START,
    Action,
    Done,
    Evaluate,
    Plan,
    Propose,
    Verdict,
    Wait,
)
from bonsai.search.beliefs import Beliefs
from bonsai.search.stopping import MOST_RUNS, best_policy

LEVEL = 0.025  # of the verdict, one-sided, all analyses together
REPLICATED = 3  # at least so many first candidates run on several seeds, and a share of the runs:
REPLICATED_SHARE = 0.04  # it is they who tell noise from effects
CHILDREN_A_RUN = 6  # of a champion, after which it is measured once more
SEEDS_AT_ONCE = 3  # on which candidates take turns
RUNS_A_SEED = 40  # after so many runs a new search seed takes the place of the oldest
RACE_SHARE = 0.05  # of the budget
MOST_RACE_RUNS = 30
FINALISTS = 3
MOST_WORSE = 0.03  # probability of being worse than the start, for a best guess
_NODES = np.array([-1.5, -0.7, 0.0, 0.7, 1.5])  # standard errors, to average over


@dataclass
class Candidate:
    """A version, and what is known of it.

    Attributes:
        base: the champion that it is compared with, its parent but for proposers that choose
            their own; itself for the start.
        values: by seed, turned so that higher is better.
        closed: whether it is measured no further.
        gain: expected effect of its change, once it is closed.
        lead: what the champion has gained since it was proposed.
        turn: how many candidates were proposed before.
    """

    base: int
    values: dict[int, float] = field(default_factory=dict)
    closed: bool = False
    gain: float = 0.0
    lead: float = 0.0
    turn: int = 0

    def repeats(self, base: Candidate) -> bool:
        """Whether both had the same figure on every seed that they share, as after a comment.

        It has gained nothing over `base` then, whatever is expected of changes.
        """
        shared = self.values.keys() & base.values.keys()
        return bool(shared) and all(self.values[seed] == base.values[seed] for seed in shared)


class Search:
    """A search: `ask` for what to do, tell what came of it."""

    def __init__(self, plan: Plan) -> None:
        """Begin; nothing is known yet."""
        self.plan = plan
        self.candidates = {START: Candidate(START)}
        self.champions = [START]
        self.spent = 0
        self.result: Done | None = None
        self._beliefs = Beliefs()
        self._first = plan.search[: 1 + (plan.budget >= 40) + (plan.budget >= 120)]
        self._begun = False
        self._over = False  # nothing is proposed any more
        self._spoilt: set[int] = set()  # search seeds on which a champion collapsed
        self._open: dict[int, Candidate] = {}  # those that are not closed
        self._away: set[Evaluate] = set()
        self._broken: set[Evaluate] = set()
        self.proposals = plan.proposals  # that may be in the making at the same time
        self._proposing = 0
        self._judging = False
        self._numbers: dict[tuple[int, int], int] = {}
        self._closed_to_more = False

    @property
    def expected(self) -> float:
        """What the search believes its champion to gain; it flatters, if only a little."""
        return self._beliefs.champion[0]

    # --- what came back ---------------------------------------------------------------------------

    def proposed(self, candidate: int, parent: int) -> None:
        """A candidate was made."""
        base = parent if parent in self.champions else self.champions[-1]
        lead = self._gained_since(base)
        made = Candidate(base, lead=lead, turn=len(self.candidates))
        self.candidates[candidate] = self._open[candidate] = made
        self._proposing = max(0, self._proposing - 1)

    def failed(self, candidate: int | None = None, seed: int | None = None) -> None:
        """A candidate could not be made (None), or broke on a seed: it is given up."""
        if candidate is None:
            self._proposing = max(0, self._proposing - 1)
            return
        if seed is not None:
            self._away.discard(Evaluate(candidate, seed))
            self._broken.add(Evaluate(candidate, seed))
            self.spent += 1
        self.candidates[candidate].closed = True
        self._open.pop(candidate, None)
        if candidate == START and not self._begun:
            self.result = Done()  # nothing can be compared with it

    def evaluated(self, candidate: int, seed: int, value: float) -> None:
        """A run is done."""
        self._away.discard(Evaluate(candidate, seed))
        self.spent += 1
        told = self.candidates[candidate]
        told.values[seed] = self.plan.sign * value
        if seed in self.plan.race:
            self._over = True
        elif not self._begun:
            if set(self._first) <= set(told.values):
                self._begun = True
                self._beliefs.begin(told.values)
        elif candidate in self.champions:
            found = told.values[seed] + self._gained_since(candidate)
            if self._beliefs.is_collapse(seed, found):
                self._dethrone(candidate, seed)
            else:
                before = self._beliefs.champion[0]
                self._beliefs.measure_champion(seed, found)
                if candidate == self.champions[-1] != START:
                    self._correct(candidate, self._beliefs.champion[0] - before)
        elif not told.closed and self._beliefs.is_collapse(seed, told.values[seed]):
            told.gain = self._beliefs.collapsed(seed, told.values[seed])
            told.closed = True
            del self._open[candidate]
        elif not told.closed and not self._is_away(candidate):
            self._decide(candidate, told)

    def judged(self, supported: bool, gain: float, seeds: int) -> None:
        """The verdict was spoken; the gain is above 0 where the winner is better than the start."""
        self.spent += 2 * seeds
        winner = self._winner()
        mean, variance = self._beliefs.champion
        weight = seeds * variance / (seeds * variance + 2 * self._beliefs.noise)
        believed = mean + weight * (gain - mean)
        error = math.sqrt(max(1e-300, variance * (1 - weight)))
        guess = winner if supported or ndtr(-believed / error) <= MOST_WORSE else START
        self.result = Done(winner, gain, guess) if supported else Done(guess=guess)

    def give_up_proposing(self) -> None:
        """Make no more candidates: there is nothing to offer, or no more time."""
        self._closed_to_more = True

    def gain_of(self, candidate: int) -> float | None:
        """What is believed of a candidate against the start; None before it is closed."""
        if candidate == START:
            return 0.0
        found = self.candidates[candidate]
        if not found.closed:
            return None
        before = self.gain_of(found.base)
        return None if before is None else before + found.lead + found.gain

    # --- what to do -------------------------------------------------------------------------------

    def ask(self) -> Action:
        """The next action; it counts as under way from now on."""
        if self.result is not None:
            return self.result
        if not self._begun:
            return self._run([(START, seed) for seed in self._first]) or Wait()
        left = self.plan.budget - self.spent - len(self._away)
        if not self._over:
            further = self._explore(left - self._proposing)
            if further is not None:
                return further
            if self._away or self._proposing:
                return Wait()
            self._over = True
            for number, candidate in list(self._open.items()):
                if candidate.values:
                    self._decide(number, candidate)
        return self._race() or self._judge(left)

    def _explore(self, left: int) -> Action | None:
        """A further run of an open candidate, or a new one; None if the rest is for the end."""
        affordable = left > self._reserve(left)
        for number, candidate in self._open.items():
            if not self._is_away(number) and (affordable or not candidate.values):
                run = self._run([(number, seed) for seed in self._turns(candidate)])
                run = run or self._new_seed()
                if run is not None:
                    return run
        if not affordable or self._closed_to_more:
            return None
        run = self._check_champion()
        if run is not None:
            return run
        if len(self._beliefs.seeds) * RUNS_A_SEED < self.spent and len(self._first) > 1:
            run = self._new_seed()
            if run is not None:
                return run
        if self._proposing >= self.proposals:
            return Wait()
        self._proposing += 1
        return Propose(self.champions[-1])

    def _check_champion(self) -> Evaluate | None:
        """What is a parent for long is measured again: it may have been lucky, or break down."""
        number = self.champions[-1]
        champion = self.candidates[number]
        due = len(champion.values) <= (len(self.candidates) - champion.turn) // CHILDREN_A_RUN
        if number == START or not due or self._is_away(number):
            return None
        return self._run([(number, seed) for seed in self._turns(champion)])

    def _new_seed(self) -> Evaluate | None:
        """Run the champion on a further search seed, so that candidates can be compared there."""
        fresh = self._further_seeds()[:1]
        if any(run.seed in fresh for run in self._away):
            return None
        return self._run([(self.champions[-1], seed) for seed in fresh])

    def _further_seeds(self) -> list[int]:
        known = set(self._beliefs.seeds) | self._spoilt
        return [seed for seed in self.plan.search if seed not in known]

    def _race(self) -> Action | None:
        """Runs of the finalists on race seeds: the better two of them go on (sequential halving).

        Karnin, Koren and Somekh, *Almost optimal exploration in multi-armed bandits*, ICML 2013.
        """
        runs, finalists = self._race_runs(), self.champions[-FINALISTS:]
        if not runs or len(finalists) < 2:
            return None
        first = self.plan.race[: runs // 2 // len(finalists)]
        wanted = [(number, seed) for seed in first for number in finalists]
        if all(seed in self.candidates[number].values for number, seed in wanted):
            best = sorted(finalists, key=lambda each: self._final(each, first), reverse=True)[:2]
            last = len(first) + (runs - len(wanted)) // 2
            wanted = [(each, seed) for seed in self.plan.race[len(first) : last] for each in best]
        return self._run(wanted) or (Wait() if self._away else None)

    def _judge(self, left: int) -> Action:
        if self._judging:
            return Wait()
        winner = self._winner()
        seeds = max((n for n in self.plan.analyses if 2 * n <= left), default=0)
        if winner == START or not seeds:
            self.result = Done()
            return self.result
        self._judging = True
        return Verdict(winner, tuple(self.plan.verdict[:seeds]))

    # --- how it is decided ------------------------------------------------------------------------

    def _decide(self, number: int, candidate: Candidate) -> None:
        """Measure a candidate further, adopt it or give it up."""
        found = self._beliefs.estimate(candidate.values)
        gain = self._beliefs.gain(found, candidate.lead)
        policy = best_policy(self._beliefs.effects, self._beliefs.noise)
        stage = min(found.runs, MOST_RUNS) - 1
        left = self.plan.budget - self.spent
        known = any(seed not in candidate.values for seed in self._turns(candidate))
        worth = policy.reject[stage] < gain < policy.adopt[stage]
        more = known and candidate.turn <= max(REPLICATED, REPLICATED_SHARE * self.plan.budget)
        more |= worth and (known or bool(self._further_seeds()))
        if more and left > self._reserve(left):
            return
        candidate.closed = True
        del self._open[number]
        adopt = gain > 0 and not candidate.repeats(self.candidates[candidate.base])
        candidate.gain = self._beliefs.close(candidate.values, candidate.lead, adopt)
        if adopt:
            self.champions.append(number)
            for other in self._open.values():
                other.lead += candidate.gain

    def _dethrone(self, number: int, seed: int) -> None:
        """A champion collapsed on a seed: those before it are the best again, as far as known."""
        self._spoilt.add(seed)
        if number == START or number != self.champions[-1]:
            return  # what came after it is measured by itself
        self._step_down()

    def _correct(self, number: int, change: float) -> None:
        """A champion was measured again: that is about what it gained, not those before it."""
        self.candidates[number].gain += change
        for other in self._open.values():
            other.lead += change
        if self.candidates[number].gain < 0:
            self._step_down()

    def _step_down(self) -> None:
        lost = self.candidates[self.champions.pop()]
        for other in self._open.values():
            other.lead -= lost.gain
        self._beliefs.lose(lost.gain)

    def _turns(self, candidate: Candidate) -> list[int]:
        """The seeds for a candidate in its own order, so that no seed is all that is looked at."""
        seeds = self._beliefs.seeds[-SEEDS_AT_ONCE:]
        start = candidate.turn % len(seeds)
        return [*seeds[start:], *seeds[:start]]

    def _verdict_seeds(self, left: int) -> int:
        """How many pairs to keep for the verdict: those that bring the most in the end.

        With n pairs it supports a gain with the power of a t-test, and costs 2 n runs, which would
        have brought the going rate each.
        """
        numbers = np.array(sorted(self.plan.analyses))
        if left > 2 * numbers[-1]:
            return int(numbers[0])  # any number fits
        key = (self.spent, left)  # beliefs change by runs only
        if key not in self._numbers:
            self._numbers[key] = self._best_number(numbers, left)
        return self._numbers[key]

    def _best_number(self, numbers: npt.NDArray[np.int64], left: int) -> int:
        mean, variance = self._beliefs.champion
        rate = best_policy(self._beliefs.effects, self._beliefs.noise).rate
        expected = mean + rate * np.maximum(0, left - 2 * numbers)
        reached = expected[:, None] + math.sqrt(variance) * _NODES
        error = np.sqrt(2 * self._beliefs.noise / numbers)
        level = LEVEL / len(numbers)
        power = ndtr(reached / error[:, None] - stdtrit(numbers - 1, 1 - level)[:, None])
        value = np.where(2 * numbers <= left, (power * reached).mean(axis=1), -np.inf)
        return int(numbers[int(np.argmax(value))])

    def _reserve(self, left: int) -> int:
        """Runs that are kept for the race and the verdict."""
        race = self._race_runs()
        return race + 2 * self._verdict_seeds(left - race)

    def _race_runs(self) -> int:
        runs = min(int(RACE_SHARE * self.plan.budget), MOST_RACE_RUNS, 2 * len(self.plan.race))
        return runs if runs >= 2 * FINALISTS else 0

    def _final(self, number: int, seeds: Sequence[int]) -> float:
        """A finalist's gain over the newest champion: by the race, shrunk to what was believed.

        What was believed is trusted no more than one run.
        """
        newest = self.candidates[self.champions[-1]].values
        own = self.candidates[number].values
        raced = [own[seed] - newest[seed] for seed in seeds if seed in own and seed in newest]
        before = -self._gained_since(number)
        return (before + sum(raced) / 2) / (1 + len(raced) / 2)

    def _winner(self) -> int:
        finalists = reversed(self.champions[-FINALISTS:])
        return max(finalists, key=lambda each: self._final(each, self.plan.race))

    def _gained_since(self, number: int) -> float:
        """What champions gained after a former one."""
        if number not in self.champions:
            return 0.0
        return sum(self.candidates[each].gain for each in
                   self.champions[self.champions.index(number) + 1 :])  # fmt: skip

    def _is_away(self, number: int) -> bool:
        return any(run.candidate == number for run in self._away)

    def _run(self, wanted: Sequence[tuple[int, int]]) -> Evaluate | None:
        """The first of these runs that is neither done, broken nor under way."""
        for number, seed in wanted:
            run = Evaluate(number, seed)
            known = seed in self.candidates[number].values or run in self._broken
            if not known and run not in self._away:
                self._away.add(run)
                return run
        return None
