"""Versions of an experiment in a range of commits, as a pull request has them.

A verdict needs the same measure on both sides: where anything but the experiment and its plots
differs between them, or in the folder that is measured with, there is none.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bonsai.base import BonsaiError, listing, storable, untrusted
from bonsai.engines.candidate import Candidate, Left
from bonsai.engines.git import FULL_CLONE, MOST_BYTES, SHORT, Entry, Git, repository_at
from bonsai.templates import Template

ENGINE = "git"
PROGRAM = "experiment.py"
BESIDE = ("prompt.json", "score.py", "seed_ideas.json")  # one of these makes its folder a template
NOT_FROZEN = (PROGRAM, "plot.py")
# Of results, recordings and what machines leave nothing is frozen (`templates.LEFT_OUT`).
PASSED_OVER = re.compile(r"(^|/)(run_[^/]*|cassettes|__pycache__|\.[^/]*)/")
MOST_NAMED = 5  # files in an error
RANGE = re.compile(r"(?P<first>.*?)(?P<dots>\.{2,3})(?P<last>.*)", re.DOTALL)


def is_range(text: str) -> bool:
    """Whether what was typed means commits: it holds `..`, and is no path."""
    found = RANGE.fullmatch(text)
    if found is None or found["first"].endswith("/") or found["last"].startswith("/"):
        return False
    with contextlib.suppress(OSError, ValueError):
        return not Path(text).exists()
    return True


def read_range(text: str, template: Template | None) -> list[tuple[Path, Left]]:
    """The versions of `experiment.py` in a range of commits of the current folder's repository.

    Args:
        text: `A..B`, from A to B, or `A...B`, from where B left A; without one of them, HEAD.
        template: the template that is meant; None: each that the range changes.

    Returns:
        For each template its folder and what became of its program: `before` as at A, `best` as at
        B, and as `candidates` each version that commits of the range made, the oldest first.

    Raises:
        BonsaiError: there is no such repository or range, it changes no experiment, or it changes
            by what experiments are measured.
    """
    here = repository_at(Path.cwd())
    span = _span(here, text)
    if span.first == span.last:
        raise BonsaiError(f"{text} is empty: both ends are commit {span.first[:SHORT]}")
    asked = None if template is None else _below(here, template.folder)
    before, after = here.tree(span.first), here.tree(span.last)
    programs = [path for path in sorted(after) if _is_meant(path, asked, after)]
    if asked is not None and not programs:
        raise BonsaiError(f"{asked} holds no {PROGRAM} at {span.named[1]}")
    touched = [path for path in programs if before.get(path) != after[path]]
    if not touched:
        what = f"{PROGRAM} of a template" if asked is None else f"{asked / PROGRAM}"
        raise BonsaiError(f"{text} changes no {what}, so there is nothing to judge")
    return [
        (here.top / PurePosixPath(path).parent, _left(here, span, path, before, after))
        for path in touched
    ]


@dataclass(frozen=True)
class _Span:
    """Two commits by their full names, and as they were typed."""

    first: str
    last: str
    named: tuple[str, str]


def _span(here: Git, text: str) -> _Span:
    match = RANGE.fullmatch(text)
    if match is None or ".." in match["last"]:
        raise BonsaiError(f"{text!r} is no range of commits; a range is A..B, or A...B")
    named = (match["first"] or "HEAD", match["last"] or "HEAD")
    first, last = (_commit(here, each) for each in named)
    if match["dots"] == "...":
        fork = here.fork(first, last)
        if fork is None:
            hint = FULL_CLONE if here.is_shallow() else "use two dots"
            raise BonsaiError(f"the two ends of {text} have no commit in common; {hint}")
        first, named = fork, (f"where {named[1]} left {named[0]}", named[1])
    return _Span(first, last, named)


def _commit(here: Git, revision: str) -> str:
    commit = here.commit(revision)
    if commit is None:
        hint = f"; {FULL_CLONE}" if here.is_shallow() else ""
        raise BonsaiError(
            f"there is no commit {revision!r} in the repository {here.top} (nor a file of that "
            f"name){hint}"
        )
    return commit


def _below(here: Git, folder: Path) -> PurePosixPath:
    """A template's folder, from the repository's top."""
    try:
        return PurePosixPath(folder.resolve().relative_to(here.top).as_posix())
    except ValueError:
        raise BonsaiError(
            f"{folder} lies outside of the repository {here.top}, so no range of commits changes it"
        ) from None


def _is_meant(path: str, asked: PurePosixPath | None, tree: Mapping[str, Entry]) -> bool:
    """Whether a file is the program of the template that was asked for, or of any."""
    place = PurePosixPath(path)
    if place.name != PROGRAM:
        return False
    if asked is not None:
        return place.parent == asked
    return not PASSED_OVER.search(path) and any(f"{place.parent / name}" in tree for name in BESIDE)


def _left(
    here: Git,
    span: _Span,
    path: str,
    before: Mapping[str, Entry],
    after: Mapping[str, Entry],
) -> Left:
    folder = PurePosixPath(path).parent
    if path not in before:
        raise BonsaiError(
            f"{path} is new, or was moved: at {span.named[0]} there is none to compare it with; "
            f"sweep it with `bonsai run {folder}`, or name another template of the range"
        )
    _same_measure(here, span, folder, before, after)
    versions = {before[path]: span.first}
    for commit, entry in here.versions(path, span.last, span.first):
        versions.setdefault(entry, commit)
    versions.setdefault(after[path], span.last)
    subjects = here.subjects(list(versions.values()))
    found = {
        entry: Candidate(
            name=commit[:SHORT],
            origin=f"{path} at commit {commit[:SHORT]}: {subjects[commit]}".rstrip(": "),
            source=here.content(entry, f"{path} at commit {commit[:SHORT]}"),
        )
        for entry, commit in versions.items()
    }
    start = found.pop(before[path])
    return Left(ENGINE, [found[after[path]]], list(found.values()), before=start)


def _same_measure(
    here: Git,
    span: _Span,
    folder: PurePosixPath,
    before: Mapping[str, Entry],
    after: Mapping[str, Entry],
) -> None:
    """Refuse where programs of both ends would not be measured alike.

    Raises:
        BonsaiError: what the template consists of beside its program is not the same at both ends
            and in the folder that is measured with.
    """
    frozen = [path for path in sorted({**before, **after}) if _is_frozen(path, folder)]
    differ = [path for path in frozen if before.get(path) != after.get(path)]
    if differ:
        raise BonsaiError(
            f"{_named(differ)} {'differs' if len(differ) == 1 else 'differ'} between "
            f"{span.named[0]} and {span.named[1]}: a verdict needs the same measure on both sides, "
            "so have such changes in a range of their own"
        )
    place = here.top / folder
    if not place.is_dir():
        raise BonsaiError(f"{place} is not there: check out {span.named[1]}, so that it can be run")
    strays = [path for path in frozen if not _is_as_committed(here, path, before[path])]
    known = {*frozen, *(f"{folder / name}" for name in NOT_FROZEN)}
    names = (f"{folder / file.name}" for file in sorted(place.glob("*.py")))
    strays += [f"{name} (which is not committed)" for name in names if name not in known]
    if strays:
        raise BonsaiError(
            f"in the working tree, {_named(strays)} {'is' if len(strays) == 1 else 'are'} not as "
            f"at {span.named[0]}: a verdict needs the same measure on both sides, so commit or "
            "stash such changes first"
        )


def _is_frozen(path: str, folder: PurePosixPath) -> bool:
    place = PurePosixPath(path)
    if place.suffix != ".py" or not place.is_relative_to(folder):
        return False
    below = f"{place.relative_to(folder)}"
    return below not in NOT_FROZEN and not PASSED_OVER.search(below)


def _is_as_committed(here: Git, path: str, entry: Entry) -> bool:
    """Whether a file of the working tree is what was committed, whatever the ends of its lines."""
    content = here.content(entry, path)
    try:
        found = untrusted.read_bytes(here.top / path, MOST_BYTES)
    except BonsaiError:
        return False
    return found.replace(b"\r\n", b"\n") == content.replace(b"\r\n", b"\n")


def _named(paths: Sequence[str]) -> str:
    shown = [*paths[:MOST_NAMED], *["others"] * (len(paths) > MOST_NAMED)]
    return listing([storable(path) for path in shown])
