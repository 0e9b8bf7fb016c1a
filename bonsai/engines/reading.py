"""What is to be judged, from the paths that a person types: programs, engines' folders, commits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bonsai.base import BonsaiError, listing, untrusted
from bonsai.engines import ai_scientist, ai_scientist_v2, aide, autoresearch, openevolve, shinka
from bonsai.engines.candidate import Candidate, Left
from bonsai.engines.commits import is_range, read_range
from bonsai.engines.task import task_above
from bonsai.settings import MOST_PROGRAM_BYTES
from bonsai.templates import Template, find_templates

READERS = (
    openevolve.read,
    shinka.read,
    autoresearch.read,
    aide.read,
    ai_scientist.read,
    ai_scientist_v2.read,
)


@dataclass(frozen=True)
class Brought:
    """Programs that are to be judged together, against one baseline.

    Attributes:
        template: whose place they take; with the task's data and what stands in for its score.py.
        candidates: the programs; no two are the same.
        engine: what made them; empty: nobody says.
        before: the program that stands in for the template's own; None: nothing does.
        data: the data set of the task that was exported; None: the template's default.
    """

    template: Template
    candidates: Sequence[Candidate]
    engine: str = ""
    before: Candidate | None = None
    data: str | None = None


def bring(words: Sequence[str], *, take_all: bool = False) -> list[Brought]:
    """What is meant by `[TEMPLATE] WHERE` or `TEMPLATE BEFORE AFTER...`.

    Args:
        words: as they were typed: WHERE is a program, an engine's folder, or a range of commits.
        take_all: whether all that an engine kept is meant, and not its best.

    Raises:
        BonsaiError: one of them is not there, cannot be read, or holds nothing to be judged.
    """
    if len(words) > 2:
        (template,) = find_templates([words[0]])
        before, *after = [_read_program(word) for word in words[1:]]
        return [Brought(template, _distinct(after), before=before)]
    asked = find_templates([words[0]])[0] if len(words) > 1 else None
    where = words[-1]
    if is_range(where):
        found = read_range(where, asked)
        return [_of_left(left, asked or Template(folder), take_all) for folder, left in found]
    path = Path(where)
    if not path.exists():
        raise BonsaiError(_not_there(where, alone=asked is None))
    if asked is None and (path / "experiment.py").is_file():
        raise BonsaiError(f"{where} is a template; name the program to judge as well")
    left = read(path) if path.is_dir() else _left_alone(path)
    return [_of_left(left, asked, take_all)]


def read(folder: Path) -> Left:
    """What an engine left in a folder.

    Raises:
        BonsaiError: no engine that is known left anything there, or it cannot be read.
    """
    for reader in READERS:
        if (left := reader(folder)) is not None:
            return left
    if not any(folder.iterdir()):
        raise BonsaiError(f"{folder} is empty: there is nothing to judge")
    if task_above(folder) is not None:
        raise BonsaiError(f"{folder} holds a task, and nothing that an engine has left yet")
    raise BonsaiError(
        f"{folder} is nothing that an engine leaves: no openevolve_output, no results of "
        "ShinkaEvolve, no results.tsv of autoresearch, no journal of AIDE, no results of The AI "
        "Scientist; name the program itself"
    )


def _left_alone(path: Path) -> Left:
    """A single program, and the task that it lies in, if there is one."""
    candidate = _read_program(str(path))
    task = task_above(path)
    return Left("", [candidate], [candidate], *(task or (None, None)))


def _of_left(left: Left, template: Template | None, take_all: bool) -> Brought:
    candidates = _distinct(left.candidates if take_all else left.best)
    if not candidates:
        raise BonsaiError(
            f"nothing that works was left by {left.engine}: there is nothing to judge"
        )
    if left.task is None or left.task_folder is None:
        if template is None:
            raise BonsaiError(
                f"which template {candidates[0].origin} is a version of is written nowhere near "
                "it; say `bonsai judge TEMPLATE` before the path"
            )
        return Brought(template, candidates, left.engine, left.before)
    if template is None:
        template = left.task.original(left.task_folder)
    elif template.fingerprint() != left.task.fingerprint:
        return Brought(template, candidates, left.engine, left.before)
    else:
        template = replace(template, reported=left.task.reported)
    return Brought(template, candidates, left.engine, left.before, left.task.data)


def _read_program(word: str) -> Candidate:
    path = Path(word)
    if not path.exists():
        raise BonsaiError(_not_there(word, alone=False))
    if path.is_dir():
        path = path / "experiment.py"
    source = untrusted.read_bytes(path, MOST_PROGRAM_BYTES, follow=True)
    return Candidate(path.stem, word, source)


def _not_there(word: str, *, alone: bool) -> str:
    also = ""
    if alone:
        try:
            find_templates([word])
        except BonsaiError:
            also = ", and no template is called so"
        else:
            return f"{word} is a template; name the program to judge as well"
    return f"{word} is not there{also}"


def _distinct(candidates: Sequence[Candidate]) -> list[Candidate]:
    """One of each content; the same program twice would be two claims."""
    kept: dict[bytes, list[Candidate]] = {}
    for candidate in candidates:
        kept.setdefault(candidate.source, []).append(candidate)
    return [
        same[0] if len(same) == 1
        else Candidate(same[0].name, listing([each.origin for each in same[:3]]), same[0].source,
                       same[0].metrics)
        for same in kept.values()
    ]  # fmt: skip
