"""What prose of a paper may refer to: its values, claims, runs, names, words and references."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from bonsai.base import untrusted
from bonsai.paper.prose import Carried, Scene
from bonsai.paper.values import Values
from bonsai.report.shapes import IdeaReport, Judged, Report, TemplateReport

TEXTS = ("README.md", "prompt.json", "experiment.py", "score.py", "plot.py", "seed_ideas.json")
MOST_BYTES = 500_000  # of each
WORD = re.compile(r"[^\W\d_]{2,}")


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
            claims[f"{begin}claim_{number}"] = Carried(claim.verdict.word, _lost(claim))
        runs |= {f"{begin}{run.name}" for run in (*idea.runs, *idea.fresh)}
    for template in report.templates:
        runs.add(f"{values.of_template(template)}baseline")
    return Scene(
        values=values.shown, claims=claims, runs=frozenset(runs),
        names=frozenset(_names(report)), words=frozenset(_words(report, folders)),
        references=frozenset(references),
    )  # fmt: skip


def _lost(claim: Judged) -> bool:
    """Whether the metric surely moved the other way than was claimed."""
    found = claim.verdict.comparison
    if claim.verdict.word != "refuted" or found is None:
        return False
    if found.low is None or found.high is None:
        return found.exact and found.mean != 0
    return found.high < 0 if claim.verdict.claim.direction == "higher" else found.low > 0


def _names(report: Report) -> Iterator[str]:
    for template in report.templates:
        yield template.name
        yield from template.metrics
        for run in (template.baseline, template.fresh):
            if run is not None:
                yield from (run.name, run.dataset, *run.means)
        for idea in template.ideas:
            yield from (idea.name, idea.folder)
            for run in (*idea.runs, *idea.fresh):
                yield from (run.name, *run.means)
    yield "experiment.py"


def _words(report: Report, folders: Iterable[Path]) -> Iterator[str]:
    texts = [f"{idea.title} {idea.experiment}" for _, idea in report.ideas]
    for folder in folders:
        for name in TEXTS:
            if untrusted.is_file(folder / name) and (folder / name).stat().st_size <= MOST_BYTES:
                texts.append(untrusted.read_text(folder / name, MOST_BYTES))
    for text in texts:
        yield from (word.lower() for word in WORD.findall(text))
