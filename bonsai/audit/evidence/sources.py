"""References that are known to exist: of templates, of ideas, of a search of the literature."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bonsai.audit.facts import KnownReference
from bonsai.base import BonsaiError, bibliography, untrusted
from bonsai.report import SweepSummary
from bonsai.templates import Idea

MOST_BYTES = 1_000_000
BLOCK = re.compile(
    r"\\begin\{filecontents\*?\}(?:\[[^]]*\])?\{[^}]*\.bib\}(.*?)\\end\{filecontents", re.S
)
SOURCES = ("source", "sources", "references", "url", "urls", "arxiv", "doi")
IDENTIFIER = re.compile(
    r"(10\.\d{4,9}/[^\s\"'<>]{1,120}[^\s\"'<>.,;)\]])"
    r"|(?:arxiv[:/. ]*(?:org/(?:abs|pdf)/)?)(\d{4}\.\d{4,5})"
    r"|(https?://[^\s\"'<>]{3,200}[^\s\"'<>.,;)\]])",
    re.I,
)


def references_of(sweep: SweepSummary) -> list[KnownReference]:
    """All that a sweep's templates and ideas name."""
    found: list[KnownReference] = []
    for template in sweep.templates:
        found += _of_template(template.template.folder)
        for idea in template.ideas:
            found += _of_idea(idea.idea)
    return found


def _of_template(folder: Path) -> Iterator[KnownReference]:
    for name in ("references.bib", "latex/references.bib", "latex/template.tex"):
        if not untrusted.is_file(folder / name):
            continue
        try:
            text = untrusted.read_text(folder / name, MOST_BYTES)
        except BonsaiError:
            continue
        for block in BLOCK.findall(text) if name.endswith(".tex") else [text]:
            for entry in bibliography.read(block).entries.values():
                yield KnownReference(entry.key, entry.title, f"{folder.name}/{name}")


def _of_idea(idea: Idea) -> Iterator[KnownReference]:
    extra: dict[str, Any] = idea.model_extra or {}
    where = f"the idea {idea.called}"
    for name, value in extra.items():
        if name.lower() in SOURCES:
            for match in list(IDENTIFIER.finditer(str(value)))[:50]:
                told = next(each for each in match.groups() if each)
                named = f"arXiv:{told}" if match[2] else told
                yield KnownReference(named, named, where)
    literature = extra.get("Literature")
    papers = literature.get("papers") if isinstance(literature, dict) else None
    for paper in papers if isinstance(papers, list) else []:
        if isinstance(paper, dict) and paper.get("title"):
            key = str(paper.get("url") or paper["title"])
            yield KnownReference(key, str(paper["title"])[:300], where)
