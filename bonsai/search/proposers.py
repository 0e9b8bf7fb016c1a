"""Who makes candidates: a sampler that moves settings, or a model that edits the code.

All are met by one question: change this version, given the tree and what is known of it.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bonsai.base import BonsaiError
from bonsai.search.space import NOTHING_TO_MOVE, Setting, Value, values_of, with_values

MOST_TRIALS = 400  # finished candidates that Optuna's sampler is shown
STARTUP = 10  # candidates before its model of the space counts
TRIES = 20  # to find a version that is not there yet
MOST_CHANGES = 3  # settings that a candidate moves
LEAST_STEP = 0.1  # of a setting's range; what is moved by less is the same but for noise


@dataclass(frozen=True)
class Node:
    """A candidate as proposers see it.

    Attributes:
        number: its number; 0 is the template itself.
        parent: the number of the one that it was made from; its own for the template.
        source: its `experiment.py`.
        changed: what it changed in its parent, in a line.
        by: who proposed it.
        gain: what is believed of it against the template, higher is better; None: nothing.
        failure: why it gave no result; empty if it did.
    """

    number: int
    parent: int
    source: str
    changed: str
    by: str
    gain: float | None = None
    failure: str = ""


@dataclass(frozen=True)
class Proposal:
    """A version that is to be tried.

    Attributes:
        source: its `experiment.py`.
        changed: what is changed in the parent, in a line.
        parent: the version that it was made from.
        other: a second one of which it has something; None: there is none.
    """

    source: str
    changed: str
    parent: int
    other: int | None = None


class NoProposal(BonsaiError):
    """A proposer has nothing to offer; the text says why.

    Attributes:
        over: why it will never have anything again; None: it may.
        kind: what went wrong, as reports count it.
    """

    over: str | None = None
    kind: str = "no proposal"


class Proposer(Protocol):
    """Makes candidates.

    Attributes:
        name: as in `--proposer`.
        uses: what only one of those that use it can have at a time; "" for nothing.
    """

    name: str
    uses: str

    def propose(self, tree: Sequence[Node], parent: Node, turn: int) -> Proposal:
        """Change a version.

        Args:
            tree: all candidates so far, by number.
            parent: the one to change; some change another.
            turn: how many proposals were asked for before; the same turn and tree give the same.

        Raises:
            NoProposal: there is nothing to offer.
        """


@dataclass
class SettingsProposer:
    """Moves up to three settings of the parent at once.

    Where they go is drawn by `sample` from all settings; only some are taken, since a search by
    small steps keeps what was found before. Several, since most changes do nothing or little: they
    are found good or bad together for the price of one.

    Attributes:
        name: as in `--proposer`.
        space: the settings.
        seed: of the search.
        sample: draws a value for every setting, given what is known.
    """

    name: str
    space: Mapping[str, Setting]
    seed: int
    sample: Callable[[Mapping[str, Setting], Sequence[Node], int], dict[str, Value]]
    uses: str = field(default="", init=False)

    def propose(self, tree: Sequence[Node], parent: Node, turn: int) -> Proposal:
        """See `Proposer.propose`."""
        now = values_of(parent.source)
        open_settings = {name: each for name, each in self.space.items() if name in now}
        if not open_settings:
            raise NoProposal(NOTHING_TO_MOVE)
        known = {node.source for node in tree}
        for attempt in range(TRIES):
            seed = _seed(self.seed, self.name, turn, attempt)
            rng = random.Random(seed)
            drawn = self.sample(open_settings, tree, seed)
            count = min(len(drawn), rng.randint(1, MOST_CHANGES))
            taken = rng.sample(sorted(drawn), count)
            moved = {
                name: drawn[name] for name in taken
                if is_step(open_settings[name], now[name], drawn[name])
            }  # fmt: skip
            source = with_values(parent.source, moved)
            if moved and source not in known:
                changes = (f"{name} {now[name]!r} → {value!r}" for name, value in moved.items())
                return Proposal(source, ", ".join(changes), parent.number)
        raise NoProposal("every version that was drawn has been there before")


def make_random(space: Mapping[str, Setting], seed: int) -> Proposer:
    """Draws settings from their ranges, whatever is known."""

    def sample(
        settings: Mapping[str, Setting], tree: Sequence[Node], seed: int
    ) -> dict[str, Value]:
        rng = random.Random(seed)
        return {name: draw(each, rng) for name, each in settings.items()}

    return SettingsProposer("random", space, seed, sample)


def make_tpe(space: Mapping[str, Setting], seed: int) -> Proposer:
    """Draws settings by the tree-structured Parzen estimator of Optuna (Bergstra et al., 2011)."""

    def sample(
        settings: Mapping[str, Setting], tree: Sequence[Node], seed: int
    ) -> dict[str, Value]:
        return sample_tpe(settings, _trials(settings, tree), seed)

    return SettingsProposer("tpe", space, seed, sample)


def draw(setting: Setting, rng: random.Random) -> Value:
    """A value from a setting's range, uniform in it or in its logarithm."""
    if setting.choices:
        return rng.choice(setting.choices)
    assert setting.low is not None and setting.high is not None
    if setting.log:
        value = math.exp(rng.uniform(math.log(setting.low), math.log(setting.high)))
    else:
        value = rng.uniform(setting.low, setting.high)
    return tidy(setting, value)


def is_step(setting: Setting, before: Value, after: Value) -> bool:
    """Whether a move is large enough to be worth a run."""
    if setting.choices or not isinstance(before, int | float):
        return before != after
    assert setting.low is not None and setting.high is not None
    low, high, one, other = float(setting.low), float(setting.high), float(before), float(after)
    if setting.log:
        if one <= 0:
            return True
        low, high, one, other = (math.log(each) for each in (low, high, one, other))
    return before != after and abs(other - one) >= LEAST_STEP * (high - low)


def tidy(setting: Setting, value: float) -> Value:
    """A number as a person would write it: whole where it is one, else with three digits."""
    assert setting.low is not None and setting.high is not None
    if setting.whole:
        return min(max(round(value), math.ceil(setting.low)), math.floor(setting.high))
    return float(f"{value:.3g}")


Trial = tuple[dict[str, Value], float]  # the settings of a candidate, and its gain


def sample_tpe(
    settings: Mapping[str, Setting], trials: Sequence[Trial], seed: int
) -> dict[str, Value]:
    """One draw of all settings by Optuna's TPE, given these trials; the same for the same seed."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = {name: _distribution(each) for name, each in settings.items()}
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP),
    )
    study.add_trials([
        optuna.trial.create_trial(params=params, distributions=distributions, value=gain)
        for params, gain in trials
    ])  # fmt: skip
    drawn = study.ask(distributions).params
    return {
        name: drawn[name] if each.choices else tidy(each, float(drawn[name]))
        for name, each in settings.items()
    }


def _distribution(setting: Setting) -> Any:
    from optuna import distributions

    if setting.choices:
        return distributions.CategoricalDistribution(setting.choices)
    assert setting.low is not None and setting.high is not None
    if setting.whole:
        low, high = math.ceil(setting.low), math.floor(setting.high)
        return distributions.IntDistribution(low, high, log=setting.log)
    return distributions.FloatDistribution(setting.low, setting.high, log=setting.log)


def _trials(settings: Mapping[str, Setting], tree: Sequence[Node]) -> list[Trial]:
    """What the sampler can learn from: those within the ranges, with a gain; failures are worst."""
    gains = [node.gain for node in tree if node.gain is not None]
    worst = min(gains, default=0.0)
    found = []
    for node in tree[-MOST_TRIALS:]:
        gain = worst if node.failure else node.gain
        if gain is None:
            continue
        values = values_of(node.source)
        if all(
            name in values and _is_within(each, values[name]) for name, each in settings.items()
        ):
            found.append(({name: values[name] for name in settings}, gain))
    return found


def _is_within(setting: Setting, value: Value) -> bool:
    if setting.choices:
        return value in setting.choices
    assert setting.low is not None and setting.high is not None
    return isinstance(value, int | float) and setting.low <= value <= setting.high


def _seed(*parts: object) -> int:
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return int.from_bytes(digest[:4], "big")


@dataclass
class Mixed:
    """Several proposers; the share of each moves to what has worked.

    A proposer's turn is drawn by Thompson's rule (Biometrika 25:285-294, 1933): from a Beta
    distribution over how often its candidates were taken on.

    Attributes:
        proposers: at least one.
        seed: of the search.
    """

    proposers: Sequence[Proposer]
    seed: int

    def choose(
        self, tree: Sequence[Node], parents: set[int], turn: int, away: Collection[str] = ()
    ) -> Proposer | None:
        """Whose turn it is; None if none is free.

        Args:
            tree: all candidates so far.
            parents: numbers of those that were taken on.
            turn: how many proposals were asked for before.
            away: names of the proposers that are at work, or have nothing more to offer.
        """
        rng = random.Random(_seed(self.seed, "mixed", turn))
        used = {each.uses for each in self.proposers if each.name in away} - {""}
        free = [each for each in self.proposers if each.name not in away and each.uses not in used]

        def hope(proposer: Proposer) -> float:
            own = [node for node in tree if node.by == proposer.name]
            good = sum(node.number in parents for node in own)
            return rng.betavariate(1 + good, 1 + len(own) - good)

        return max(free, key=hope, default=None)
