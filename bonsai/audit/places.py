"""Where a paper lies, and where the results that it is on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bonsai.audit.evidence import holds_results
from bonsai.audit.reading import FORMS
from bonsai.base import BonsaiError, listing, untrusted

MOST_LEVELS = 5  # folders above a paper in which results are looked for
# Within a folder, the first of these that is there: of The AI Scientist, of Bonsai, of anybody.
PAPERS = ("latex/template.tex", "paper.pdf", "paper/paper.typ", "paper.typ", "main.tex",
          "paper.tex", "latex/main.tex", "template.tex", "main.pdf", "template.pdf", "main.typ",
          "paper.md")  # fmt: skip


@dataclass(frozen=True)
class Subject:
    """A paper's file, and what it is held against."""

    paper: Path
    results: Path


def find(given: Path, against: Path | None) -> Subject:
    """What is to be audited.

    Args:
        given: a paper, or a folder with one.
        against: where the results are; None: around the paper.

    Raises:
        BonsaiError: there is no paper, or no results; the text says what to name.
    """
    paper = _paper(given)
    if against is not None:
        if not against.exists():
            raise BonsaiError(f"{against} is not there; name with --against where the results are")
        return Subject(paper, against)
    above = list(paper.resolve().parents)[:MOST_LEVELS]
    for folder in ([given.resolve()] if given.is_dir() else []) + above:
        if holds_results(folder):
            return Subject(paper, folder)
    raise BonsaiError(
        f"no results were found around {paper}; name them with --against: a results folder of "
        "Bonsai, an idea's folder of The AI Scientist (with run_0/final_info.json), or a JSON file "
        "of results"
    )


def _paper(given: Path) -> Path:
    if given.is_file():
        if given.suffix.lower() not in FORMS:
            raise BonsaiError(f"{given} is no paper that can be read: {listing(list(FORMS))} can")
        return given
    if not given.is_dir():
        raise BonsaiError(f"{given} is not there; name a paper, or a folder that holds one")
    for name in PAPERS:
        if untrusted.is_file(given / name):
            return given / name
    found = [path for path in sorted(given.iterdir()) if path.suffix.lower() in FORMS[:3]
             and untrusted.is_file(path)]  # fmt: skip
    if len(found) == 1:
        return found[0]
    if found:
        names = listing([path.name for path in found[:8]])
        raise BonsaiError(f"{given} holds several papers: {names}; name one of them")
    hint = ""
    if untrusted.is_file(given / "sweep.json"):
        hint = f"; `bonsai paper {given}` writes one"
    raise BonsaiError(f"{given} holds no paper: neither latex/template.tex nor a PDF{hint}")
