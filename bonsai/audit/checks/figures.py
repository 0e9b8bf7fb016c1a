"""Figures against the files that are there, and against the runs that drew them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import PurePosixPath

from bonsai.audit.document import Document, Figure
from bonsai.audit.facts import Facts, Picture
from bonsai.audit.findings import Finding, Sure
from bonsai.audit.wording import Mention, mentions, plain, shortened

JOINED = re.compile(
    r"[^.:;]{0,20}(?:\band\b|,|/|&|\bvs\b|\bversus\b|\bthan\b|\bto\b|\bwith\b)[^.:;]{0,20}"
)
NUMBERED = re.compile(r"run[_ ]?(\d+)", re.I)


def figures(document: Document, facts: Facts) -> Iterator[Finding]:
    """Whether each figure is there, and of the run that its caption names."""
    missing = [each for each in document.figures if each.file and each.path is None]
    missing = [each for each in missing if each.digest is None and document.form != "pdf"]
    if missing and len(missing) == len(document.figures) and not facts.pictures:
        yield Finding(
            "figure", "note", "sure", missing[0].place, f"{len(missing)} figures",
            "None of the pictures is at hand, so none could be looked at.",
        )  # fmt: skip
        return
    wrong = []
    for figure in document.figures:
        if figure in missing:
            yield Finding(
                "figure", "contradicted", "sure", figure.place, figure.file,
                "No such file is where the paper looks for it.",
            )  # fmt: skip
        else:
            rows = list(_origin(document, figure, facts))
            wrong += [figure for each in rows if each.status == "contradicted"]
            yield from rows
    yield from _repeated([each for each in document.figures if each not in wrong])


def _origin(document: Document, figure: Figure, facts: Facts) -> Iterator[Finding]:
    """Where its picture comes from, against what is said of it."""
    said = shortened(f"{figure.file}: {figure.caption}" if figure.file else figure.caption)
    same = [each for each in facts.pictures if figure.digest and each.digest == figure.digest]
    named = [each for each in facts.pictures if _base(each.name) == _base(figure.file)]
    if not same and figure.file and named and figure.digest and all(one.digest for one in named):
        sure: Sure = (
            "likely" if document.form != "pdf" else "possible"
        )  # a PDF may hold it otherwise
        yield Finding(
            "figure", "contradicted", sure, figure.place, said,
            f"The picture differs from the {_base(figure.file)} that the runs left.",
            named[0].name,
        )  # fmt: skip
        return
    if not same and not named and figure.digest and facts.pictures:
        yield Finding(
            "figure", "note", "possible", figure.place, said,
            "The picture is not among those that the runs left.",
        )  # fmt: skip
    told = f"{figure.caption} {figure.alternative}"
    if wrong := _of_another(figure, told, same or named, facts):
        yield Finding("figure", "contradicted", "sure", figure.place, said, wrong,
                      (same or named)[0].name if same or named else figure.file)  # fmt: skip
    elif same or named:
        yield Finding(
            "figure", "traced", "sure" if same else "likely", figure.place, said,
            "The runs left this picture." if same else "The runs left a picture of this name.",
            (same or named)[0].name,
        )  # fmt: skip


def _of_another(figure: Figure, told: str, pictures: list[Picture], facts: Facts) -> str | None:
    """The sentence that says whose picture it is, if it is not of who its caption names."""
    named = _subjects(told, facts)
    runs = {run.name for each in named for run in each.runs}
    ideas = {run.idea for each in named for run in each.runs if run.idea and not run.is_baseline}
    ideas |= {run.idea for run in facts.runs.values() if run.idea and _says(told, run.idea)}
    own_ideas = {each.idea for each in pictures if each.idea}
    if ideas and own_ideas and not ideas & own_ideas and all(each.idea for each in pictures):
        return f"The picture is of {_listed(own_ideas)}, and the caption of {_listed(ideas)}."
    own_runs = _runs_of(figure, pictures, facts)
    if runs and own_runs and not runs & own_runs:
        labels = {_label(facts, each) for each in own_runs}
        return f"The picture is of {_listed(labels)}, and the caption of another run."
    return None


def _subjects(caption: str, facts: Facts) -> list[Mention]:
    """The runs that a caption is about.

    Where a name is a part of another's, it may be a word that happens to be a name: `the gates, for
    frozen gates`. It counts if it is joined to the other one.
    """
    named = mentions(caption, facts)
    joined = {
        each
        for one, other in pairwise(named)
        if JOINED.fullmatch(caption[one.end : other.start])
        for each in (one, other)
    }
    texts = {each: f" {plain(caption[each.start : each.end])} " for each in named}
    return [
        each
        for each in named
        if each in joined
        or not any(texts[each] != text and texts[each] in text for text in texts.values())
    ]


def _runs_of(figure: Figure, pictures: list[Picture], facts: Facts) -> set[str]:
    """The runs that a picture is of, by what is on record or else by its name; empty: unknown."""
    if pictures and all(each.run for each in pictures):
        return {each.run for each in pictures}
    found: set[str] = set()
    names = [each.name for each in pictures] or [figure.file]
    for name in names:
        if number := NUMBERED.search(name):
            of = f"run_{number[1]}"
            ideas = {each.idea for each in pictures if each.idea}
            found |= {
                run.name for run in facts.runs.values()
                if _bare(run.name) == of and (not ideas or not run.idea or run.idea in ideas)
            }  # fmt: skip
            continue
        found |= {
            run.name for run in facts.runs.values()
            for label in run.labels
            if len(plain(label)) > 3 and _says(_base(name), label)
        }  # fmt: skip
    return found


def _repeated(shown: list[Figure]) -> Iterator[Finding]:
    """The same picture under two captions."""
    first: dict[str, Figure] = {}
    for figure in shown:
        same = figure.digest or (f"file {figure.file}" if figure.file else "")
        if not same:
            continue
        before = first.setdefault(same, figure)
        if before is figure or plain(before.caption) == plain(figure.caption):
            continue
        yield Finding(
            "figure", "contradicted", "likely", figure.place,
            shortened(f"{figure.file}: {figure.caption}"),
            f"The same picture stands at {before.place} under another caption.",
        )  # fmt: skip


def _base(name: str) -> str:
    """A file's name without its folder and its ending."""
    return PurePosixPath(name.replace("\\", "/")).stem.lower()


def _bare(run: str) -> str:
    """A run's own name, without its idea and the kind of its seeds."""
    return run.rsplit("/", 1)[-1].split(" (")[0]


def _says(text: str, name: str) -> bool:
    return f" {plain(name)} " in f" {re.sub(r'[^a-z0-9 ]+', ' ', plain(text))} "


def _label(facts: Facts, run: str) -> str:
    labels = facts.runs[run].labels if run in facts.runs else ()
    return labels[0] if labels else run


def _listed(names: set[str]) -> str:
    return " or ".join(sorted(names)[:3])
