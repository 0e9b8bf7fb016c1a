"""What prose of a paper may refer to: its values, claims, runs, names, words and references."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from bonsai.base import untrusted
from bonsai.evaluation import Word
from bonsai.paper.document import Shown
from bonsai.paper.letters import odd_names
from bonsai.paper.values import Values
from bonsai.report import IdeaReport, Judged, Report, TemplateReport

TEXTS = ("README.md", "prompt.json", "experiment.py", "score.py", "plot.py", "seed_ideas.json")
MOST_BYTES = 500_000  # of each
WORD = re.compile(r"[^\W\d_]{2,}")
BARE = ".bare"  # ends the keys of values without their unit, which only tables may show


@dataclass(frozen=True)
class Carried:
    """A claim, as far as prose may lean on it.

    Attributes:
        word: its verdict.
        lost: whether the metric surely moved against it.
        direction: which way the metric was to move.
        metric: the metric.
        run: the run that was judged; empty where there is none.
        against: the run that it was held against.
    """

    word: Word
    lost: bool = False
    direction: Literal["higher", "lower"] = "higher"
    metric: str = ""
    run: str = ""
    against: str = ""


@dataclass(frozen=True)
class Scene:
    """What prose may refer to.

    Attributes:
        values: by key.
        claims: by what their keys begin with, for example `lateral_inhibition.claim_1`.
        runs: what keys of runs begin with, for example `lateral_inhibition.run_1`.
        metrics: names of metrics.
        names: words that may hold digits and marks: names of metrics, runs, ideas, data sets.
        words: all words, in small letters, of what the template and the idea say.
        references: keys that may be cited.
    """

    values: Mapping[str, Shown] = field(default_factory=dict)
    claims: Mapping[str, Carried] = field(default_factory=dict)
    runs: frozenset[str] = frozenset()
    metrics: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    references: frozenset[str] = frozenset()

    @cached_property
    def odd(self) -> frozenset[str]:
        """The names that are no plain words."""
        return odd_names(self.names | self.metrics)

    @cached_property
    def known(self) -> frozenset[str]:
        """All words that something here mentions, in small letters."""
        parts = (part for name in self.names for part in WORD.findall(name))
        return self.words | {part.lower() for part in parts} | {n.lower() for n in self.names}


def scene_of(
    report: Report, values: Values, told: list[tuple[TemplateReport, IdeaReport]],
    folders: Iterable[Path], references: Iterable[str],
) -> Scene:  # fmt: skip
    """The scene of a paper.

    Args:
        report: the sweep.
        values: the paper's values.
        told: the ideas that it is about.
        folders: of their templates.
        references: keys that may be cited.
    """
    claims, runs = {}, set()
    for template, idea in told:
        begin = values.of_idea(template, idea)
        for number, claim in enumerate(idea.claims, 1):
            claims[f"{begin}claim_{number}"] = _carried(claim)
        runs |= {f"{begin}{run.name}" for run in (*idea.runs, *idea.fresh)}
    for template in report.templates:
        runs.add(f"{values.of_template(template)}baseline")
    metrics = frozenset(_metrics(report))
    return Scene(
        values={key: each for key, each in values.shown.items() if not key.endswith(BARE)},
        claims=claims, runs=frozenset(runs), metrics=metrics,
        names=frozenset(_names(report)) | metrics, words=frozenset(_words(report, folders)),
        references=frozenset(references),
    )  # fmt: skip


def _carried(claim: Judged) -> Carried:
    verdict = claim.verdict
    return Carried(
        word=verdict.word, lost=_lost(claim), direction=verdict.claim.direction,
        metric=verdict.claim.metric, run=verdict.run or "", against=verdict.claim.against,
    )  # fmt: skip


def _lost(claim: Judged) -> bool:
    """Whether the metric surely moved the other way than was claimed."""
    found = claim.verdict.comparison
    if claim.verdict.word != "refuted" or found is None:
        return False
    if found.low is None or found.high is None:
        return found.exact and found.mean != 0
    return found.high < 0 if claim.verdict.claim.direction == "higher" else found.low > 0


def _metrics(report: Report) -> Iterator[str]:
    for template in report.templates:
        yield from template.metrics
        runs = [run for idea in template.ideas for run in (*idea.runs, *idea.fresh)]
        for run in (template.baseline, template.fresh, *runs):
            if run is not None:
                yield from run.means


def _names(report: Report) -> Iterator[str]:
    for template in report.templates:
        yield template.name
        for run in (template.baseline, template.fresh):
            if run is not None:
                yield from (run.name, run.dataset)
        for idea in template.ideas:
            yield from (idea.name, idea.folder)
            yield from (run.name for run in (*idea.runs, *idea.fresh))
    yield "experiment.py"


def _words(report: Report, folders: Iterable[Path]) -> Iterator[str]:
    texts = [f"{idea.title} {idea.experiment}" for _, idea in report.ideas]
    for folder in folders:
        for name in TEXTS:
            if untrusted.is_file(folder / name) and (folder / name).stat().st_size <= MOST_BYTES:
                texts.append(untrusted.read_text(folder / name, MOST_BYTES))
    for text in texts:
        yield from (word.lower() for word in WORD.findall(text))
