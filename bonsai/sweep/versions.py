"""The versions of a search: what is known of each, and how one is run on a seed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from bonsai.base import BonsaiError, untrusted
from bonsai.evaluation import (
    TOO_SLOW,
    GivesUp,
    Machine,
    Measured,
    RunFailed,
    Scores,
    run_fresh_seeds,
)
from bonsai.search import START, EarlyStopping, Node
from bonsai.sweep import prompts
from bonsai.sweep.context import Context
from bonsai.sweep.edit_proposers import EDITORS, called
from bonsai.templates import contract

CLOCK_SECONDS = 1.0  # of computing time, by which a run may be slower by chance
KEPT = ("final_info.json", "history.json")  # of a run
TIMES_OF_THE_TEMPLATE = 3  # that a run may last, of the most that a candidate may take
EXTRA_SECONDS = 20.0  # on top, since programs start more slowly beside others


@dataclass
class Version:
    """A candidate, and what is recorded of it.

    Attributes:
        node: as proposers see it.
        commit: in the search's repository.
        scores: by seed.
        cpu_seconds: of its runs, in the order in which they were over.
    """

    node: Node
    commit: str
    scores: dict[int, Scores] = field(default_factory=dict)
    cpu_seconds: list[float] = field(default_factory=list)


@dataclass
class Versions:
    """All versions of a search, by number; 0 is the template itself.

    Attributes:
        context: what the ideas of the template share.
        folder: where the search's results go.
        machine: what programs run on.
        max_slowdown: most computing time of a candidate, in times of the template's.
        sign: 1 if a higher value is better, -1 if a lower one is.
    """

    context: Context
    folder: Path
    machine: Machine
    max_slowdown: float
    sign: float
    _all: list[Version] = field(default_factory=list)
    _early: EarlyStopping = field(init=False)

    def __post_init__(self) -> None:
        self._early = EarlyStopping(self.sign)

    def __len__(self) -> int:
        """How many there are, the template among them."""
        return len(self._all)

    def __getitem__(self, number: int) -> Version:
        """A version by its number."""
        return self._all[number]

    @property
    def tree(self) -> list[Node]:
        """As proposers see them."""
        return [version.node for version in self._all]

    def add(self, node: Node, commit: str) -> None:
        """Take in a new version, whose number is the next."""
        assert node.number == len(self._all)
        self._all.append(Version(node, commit))

    def failed(self, number: int, why: str) -> None:
        """A version broke, or was given up."""
        self._all[number].node = replace(self._all[number].node, failure=why)

    def measured(self, number: int, seed: int, scores: Scores, cpu_seconds: float) -> None:
        """Take in a finished run, and learn from its curve."""
        version, start = self._all[number], self._all[START].scores.get(seed)
        version.scores[seed] = scores
        version.cpu_seconds.append(cpu_seconds)
        if number != START and start is not None:
            curve, reference = self._curve(number, seed), self._curve(START, seed)
            if curve and reference:
                self._early.learn(curve, reference, self.value(scores) - self.value(start))

    def value(self, scores: Scores) -> float:
        """The figure by which versions are compared."""
        return scores.means[self.context.template.scorer.selection]

    def judge_of(self, number: int, seed: int, champion: int) -> GivesUp | None:
        """What looks at the curve of a run while it is under way; None where nothing is known."""
        name = self.context.template.scorer.curve
        reference = self._curve(START, seed)
        if number == START or name is None or not reference:
            return None
        to_beat = 0.0
        if (best := self._all[champion].scores.get(seed)) is not None:
            to_beat = self.value(best) - self.value(self._all[START].scores[seed])
        known = EarlyStopping(self.sign, list(self._early.seen))  # as it is now
        return lambda curves: known.gives_up(curves.get(name, ()), reference, to_beat)

    def run(self, number: int, seed: int, gives_up: GivesUp | None = None) -> Measured:
        """Run a version on a seed; what is not read later is not kept.

        Raises:
            RunFailed: it broke, was given up, or takes too much computing time.
        """
        folder, machine = self._folder(number, seed), self.machine
        if number != START and (usual := self._all[START].cpu_seconds):
            most = TIMES_OF_THE_TEMPLATE * self.max_slowdown * max(usual) + EXTRA_SECONDS
            machine = replace(machine, limits={**machine.limits, "run_seconds": most})
        run = partial(
            run_fresh_seeds, self.context.template, self._all[number].node.source.encode(), folder,
            data=self.context.data, seeds=[seed], log=self.folder / "logs" / folder.name,
            machine=machine,
        )  # fmt: skip
        try:
            if _was_edited(self._all[number]):  # settings break nothing that a smoke run finds
                run(smoke=True)
            done = run(gives_up=gives_up)
        finally:
            _tidy(folder)
        slower = self._slowdown(number, done)
        if slower > self.max_slowdown:
            raise RunFailed(
                TOO_SLOW,
                f"it takes {slower:.2f} times the template's computing time, at most "
                f"{self.max_slowdown:g} is allowed",
                done.cpu_seconds,
            )
        return done

    def curves(self, number: int) -> str:
        """The curves of a version's first run, in a few lines; empty where there are none."""
        seed = next(iter(self._all[number].scores), None)
        if seed is None:
            return ""
        return prompts.describe_curves(self._folder(number, seed) / "run" / "history.json")

    def _folder(self, number: int, seed: int) -> Path:
        name = "template" if number == START else called(number)
        return self.folder / "candidates" / f"{name}-seed_{seed}"

    def _slowdown(self, number: int, done: Measured) -> float:
        """Its computing time in times of the template's; 0 where that is not known."""
        before = [seconds for seconds in self._all[START].cpu_seconds if seconds]
        if number == START or not before or not done.cpu_seconds:
            return 0.0
        # Starting Python takes what it takes, and no two times the same.
        return max(0.0, done.cpu_seconds - CLOCK_SECONDS) * len(before) / sum(before)

    def _curve(self, number: int, seed: int) -> list[tuple[float, float]]:
        """The curve of a finished run that is its figure as it grows; empty where there is none."""
        name = self.context.template.scorer.curve
        if name is None:
            return []
        try:
            path = self._folder(number, seed) / "run" / "history.json"
            seeds = contract.read(contract.History, path).seeds
        except BonsaiError:
            return []
        series: contract.Series | None = next(iter(seeds.values()), {}).get(name)
        return list(zip(series.steps, series.values, strict=False)) if series else []


def _was_edited(version: Version) -> bool:
    """Whether it is an edit of code that never ran."""
    return version.node.by in EDITORS and not version.scores


def _tidy(folder: Path) -> None:
    """Keep of a candidate's run what is read later; of thousands the arrays would fill the disk."""
    run = folder / "run"
    for found in list(folder.iterdir()) if folder.is_dir() else []:
        if found != run:
            untrusted.remove(found)
    for found in list(run.iterdir()) if run.is_dir() else []:
        if found.name not in KEPT:
            untrusted.remove(found)
