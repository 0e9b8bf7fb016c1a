"""What a search promises whatever it meets: on made-up worlds, with no program run."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from scipy import stats

from bonsai.evaluation import verdict
from bonsai.search import (
    START,
    Action,
    Done,
    Evaluate,
    Plan,
    Propose,
    Search,
    Verdict,
    Wait,
)
from bonsai.search.decisions import Candidate

Effect = Callable[[np.random.Generator], float]


def _plan(budget: int = 60, **others: Any) -> Plan:
    return Plan(budget, range(100), range(100, 200), range(200, 240), **others)


def _mixed(rng: np.random.Generator) -> float:
    drawn = rng.random()
    return abs(rng.normal(0, 0.6)) if drawn < 0.15 else 0.0 if drawn < 0.65 else -abs(rng.normal())


@dataclass
class World:
    """True qualities; each run's noise depends on candidate and seed alone."""

    effect: Effect
    number: int = 0
    noise: float = 0.7
    qualities: list[float] = field(default_factory=lambda: [0.0])

    def change(self, parent: int) -> int:
        rng = np.random.default_rng([1, self.number, len(self.qualities)])
        self.qualities.append(self.qualities[parent] + self.effect(rng))
        return len(self.qualities) - 1

    def run(self, candidate: int, seed: int) -> float:
        luck = np.random.default_rng([2, self.number, seed]).normal()
        own = np.random.default_rng([3, self.number, seed, candidate]).normal()
        return float(self.qualities[candidate] + 0.7 * luck + self.noise * own)


@dataclass
class Played:
    """A search that is over: what it asked for, and what it was told."""

    search: Search
    done: Done
    asked: list[Action]
    told: list[tuple[str, tuple[Any, ...]]]
    world: World

    def runs(self) -> list[tuple[int, int]]:
        return [(each.candidate, each.seed) for each in self.asked if isinstance(each, Evaluate)]


def _play(world: World, plan: Plan, workers: int = 1) -> Played:
    """Play a search; the last of several workers comes back first."""
    search, asked, told = Search(plan), list[Action](), list[tuple[str, tuple[Any, ...]]]()
    away: deque[Action] = deque()
    while True:
        action = search.ask()
        if isinstance(action, Done):
            return Played(search, action, asked, told, world)
        if isinstance(action, Wait):
            assert away, "nothing is under way, and it waits"
        else:
            asked.append(action)
            away.append(action)
            if len(away) < workers:
                continue
        name, what = _carry_out(world, away.pop(), plan.sign)
        told.append((name, what))
        getattr(search, name)(*what)


def _carry_out(world: World, action: Action, sign: float) -> tuple[str, tuple[Any, ...]]:
    if isinstance(action, Propose):
        return "proposed", (world.change(action.parent), action.parent)
    if isinstance(action, Evaluate):
        value = sign * world.run(action.candidate, action.seed)
        return "evaluated", (action.candidate, action.seed, value)
    assert isinstance(action, Verdict)
    found = verdict.compare(
        [world.run(action.candidate, seed) for seed in action.seeds],
        [world.run(START, seed) for seed in action.seeds],
    )
    supported = found.p is not None and found.p < verdict.LEVEL and found.mean > 0
    return "judged", (supported, found.mean, len(action.seeds))


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("budget", [30, 60, 200])
def test_seeds_are_used_for_one_purpose_and_the_budget_is_kept(budget: int, workers: int) -> None:
    played = _play(World(_mixed, 1), _plan(budget), workers)
    explored = {seed for _, seed in played.runs() if seed < 100}
    judged = [each for each in played.asked if isinstance(each, Verdict)]
    assert explored
    assert len(judged) <= 1
    assert all(200 <= seed < 240 for each in judged for seed in each.seeds)
    assert all(seed < 200 for _, seed in played.runs())
    assert len(set(played.runs())) == len(played.runs()), "a run was asked for twice"
    assert played.search.spent <= budget


def test_sets_of_seeds_must_be_disjoint() -> None:
    with pytest.raises(ValueError, match="disjoint"):
        Plan(60, range(10), range(5, 15), range(20, 40))


def test_the_race_is_run_on_its_own_seeds_after_all_candidates_are_made() -> None:
    played = _play(World(_mixed, 2), _plan(200))
    raced = [
        place for place, each in enumerate(played.asked)
        if isinstance(each, Evaluate) and each.seed >= 100
    ]  # fmt: skip
    assert raced
    assert not any(isinstance(each, Propose) for each in played.asked[raced[0] :])


@pytest.mark.parametrize("workers", [1, 4])
def test_the_same_again_gives_the_same(workers: int) -> None:
    first, second = (_play(World(_mixed, 3), _plan(), workers) for _ in range(2))
    assert first.asked == second.asked
    assert first.done == second.done


def test_a_search_that_was_killed_goes_on_as_if_it_had_not_been() -> None:
    whole = _play(World(_mixed, 4), _plan(200))
    for cut in range(0, len(whole.told), 23):
        again = Search(_plan(200))
        for name, what in whole.told[:cut]:
            getattr(again, name)(*what)
        assert again.ask() == whole.asked[cut], f"after {cut} steps"


def test_what_is_under_way_is_not_asked_for_again() -> None:
    search = Search(_plan(proposals=3))
    asked = [search.ask() for _ in range(2)]
    assert asked == [Evaluate(START, 0), Evaluate(START, 1)]
    assert search.ask() == Wait()
    for seed in range(2):
        search.evaluated(START, seed, 0.1 * seed)
    proposals = [search.ask() for _ in range(3)]
    assert proposals == [Propose(START)] * 3
    assert search.ask() == Wait(), "as many as may be in the making"
    search.failed()
    assert search.ask() == Propose(START)


def test_what_is_bad_at_its_first_seed_is_run_no_further() -> None:
    played = _play(World(lambda rng: -10.0 if rng.random() < 0.5 else _mixed(rng), 5), _plan())
    first = {candidate for candidate, _ in played.runs()[:12]}  # runs that tell noise from effects
    bad = {
        number for number, quality in enumerate(played.world.qualities)
        if number not in first and quality < -5
    }  # fmt: skip
    runs = [candidate for candidate, _ in played.runs()]
    assert bad
    assert all(runs.count(candidate) == 1 for candidate in bad)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_big_gain_is_found_and_said_as_large_as_it_is(sign: float) -> None:
    found = []
    for number in range(5):
        world = World(lambda rng: 5.0 * (rng.random() < 0.1), number)
        played = _play(world, _plan(100, sign=sign))
        found.append((played.done.claimed, world.qualities[played.done.answer]))
    claimed, true = np.mean(found, axis=0)
    assert true >= 5
    assert claimed == pytest.approx(true, rel=0.1)


def test_a_search_where_nothing_helps_seldom_claims_a_gain() -> None:
    played = [_play(World(lambda _: 0.0, number), _plan(30)) for number in range(60)]
    claims = sum(each.done.claimed > 0 for each in played)
    assert stats.binom.sf(claims - 1, len(played), 0.025) > 0.001
    assert all(each.done.answer == START for each in played if each.done.claimed == 0)


def test_nobody_has_to_beat_the_luck_of_the_champion() -> None:
    """A gain of a noise's deviation is adopted though its parent looked better by luck."""
    search = Search(_plan(400))
    _tell(search, START, 0.0)
    lucky, later = 1, 2
    search.proposed(lucky, START)
    _tell(search, lucky, 3.0)
    assert search.champions == [START, lucky]
    for later in range(2, 22):  # its children say that it was luck
        search.proposed(later, lucky)
        _tell(search, later, 0.3 * (-1) ** later)
    assert search.expected < 1.5
    assert search.champions[-1] != START


def test_candidates_and_runs_that_fail_are_given_up() -> None:
    search = Search(_plan())
    _tell(search, START, 0.0)
    assert search.ask() == Propose(START)
    search.failed()
    assert search.ask() == Propose(START)
    search.proposed(1, START)
    asked = search.ask()
    assert isinstance(asked, Evaluate)
    assert asked.candidate == 1
    search.failed(1, asked.seed)
    assert search.ask() == Propose(START)
    assert search.spent == 3 + len(search.candidates[START].values) - 2


def test_a_champion_that_breaks_on_a_seed_is_not_run_there_for_ever() -> None:
    search, broken, numbers = Search(_plan(200)), 0, 0
    while not isinstance(action := search.ask(), Done | Verdict):
        if isinstance(action, Propose):
            numbers += 1
            search.proposed(numbers, action.parent)
        elif isinstance(action, Evaluate) and action.seed >= 3:
            broken += 1
            search.failed(action.candidate, action.seed)
        else:
            assert isinstance(action, Evaluate)
            value = 0.1 * np.random.default_rng(action.candidate).normal()
            search.evaluated(action.candidate, action.seed, value)
    assert 0 < broken < 50


def test_a_start_that_breaks_ends_the_search() -> None:
    search = Search(_plan())
    search.ask()
    search.failed(START, 0)
    assert search.ask() == Done()


def test_a_search_without_noise_stays_sane() -> None:
    played = _play(World(_mixed, 6, noise=0.0), _plan(300))
    true = played.world.qualities[played.done.answer]
    assert true > 4
    assert played.search.expected == pytest.approx(true, rel=0.01)
    assert played.done.claimed == pytest.approx(true)


class Copies(World):
    """Every other change is none, like a comment: such a version does what its parent does."""

    def change(self, parent: int) -> int:
        made = super().change(parent)
        if made % 2:
            self.does[made] = self.does.get(parent, parent)
            self.qualities[made] = self.qualities[parent]
        return made

    def run(self, candidate: int, seed: int) -> float:
        return super().run(self.does.get(candidate, candidate), seed)

    @property
    def does(self) -> dict[int, int]:
        """By candidate, which earlier one it does the same as."""
        return self.__dict__.setdefault("_does", {})


@pytest.mark.parametrize(
    ("own", "other", "same"),
    [
        ({0: 1.0, 1: 2.0}, {0: 1.0, 1: 2.0}, True),
        ({0: 1.0, 1: 2.0}, {0: 1.0, 7: 3.0}, True),  # more is not known of both
        ({0: 1.0, 1: 2.0}, {0: 1.0, 1: 2.5}, False),
        ({0: 1.0}, {1: 1.0}, False),  # nothing is
    ],
)
def test_what_repeats_another_is_told_by_the_seeds_that_they_share(
    own: dict[int, float], other: dict[int, float], same: bool
) -> None:
    assert Candidate(1, own).repeats(Candidate(START, other)) is same


@pytest.mark.parametrize("workers", [1, 4])
def test_a_version_that_does_what_the_template_does_is_not_adopted(workers: int) -> None:
    """Whatever is expected of changes, its figures are the same on every seed: no verdict on it."""
    for number in range(20):
        world = Copies(_mixed, number)
        played = _play(world, _plan(100), workers)
        judged = [each.candidate for each in played.asked if isinstance(each, Verdict)]
        for candidate in (*played.search.champions[1:], *judged):
            assert world.does.get(candidate, candidate) != START


def _tell(search: Search, candidate: int, value: float) -> None:
    """Answer all that is asked of a candidate, and of no other."""
    rng = np.random.default_rng(candidate)
    while isinstance(action := search.ask(), Evaluate):
        assert action.candidate == candidate
        search.evaluated(candidate, action.seed, value + 0.3 * float(rng.normal()))
    search.failed()  # the proposal that was asked for is none of ours
