"""The references of a paper: only entries that exist somewhere, each with where.

They come from the template's `references.bib` or the block of that name in its
`latex/template.tex`, from what the idea says it is from, and from the search of the literature that
is kept with an idea.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bonsai.base import BonsaiError, bibliography, untrusted
from bonsai.paper.blocks import escape, only_letters
from bonsai.report import words
from bonsai.templates import Idea

MOST_BYTES = 1_000_000  # of a file of references
MOST_FOUND = 20  # papers of a search, and sources of an idea
BLOCK = re.compile(
    r"\\begin{filecontents\*?}(?:\[[^]]*\])?{[^}]*\.bib}(.*?)\\end{filecontents", re.S
)
SOURCES = ("source", "sources", "references", "url", "urls", "arxiv", "doi")
DOI = r"10\.\d{4,9}/[^\s\"'<>]{1,120}[^\s\"'<>.,;)\]]"
ARXIV = r"arxiv[:/. ]*(?:org/(?:abs|pdf)/)?(\d{4}\.\d{4,5})"
URL = r"https?://[^\s\"'<>]{3,200}[^\s\"'<>.,;)\]]"
IDENTIFIER = re.compile(rf"{DOI}|{URL}|{ARXIV}", re.IGNORECASE)
COMMAND = re.compile(r"\\(?:[A-Za-z@]+|.)", re.S)
_NAMES = (
    "u v H c k r b d t ss o O l L i j ae AE oe OE aa AA dh th emph textit textbf textsc texttt "
    "textendash"
)
HARMLESS = frozenset(f"\\{each}" for each in (*"\"'`^~=.&%_#{}-/ ", *_NAMES.split()))
"""Accents, letters and fonts: all that a field of a reference may call."""


@dataclass(frozen=True)
class Reference:
    """An entry that may be cited.

    Attributes:
        key: what it is cited by.
        text: as it is shown.
        origin: where it stands.
        identifier: DOI, arXiv number or address; empty where it has none.
        bibtex: as an entry of BibTeX.
        was_found: whether a search of the literature found it, and so nobody may have read it.
    """

    key: str
    text: str
    origin: str
    identifier: str
    bibtex: str
    was_found: bool = False

    def shown(self, checked: Mapping[str, bool]) -> str:
        """As a paper shows it.

        Args:
            checked: by identifier, whether it still answers; one that is missing was not checked.
        """
        return f"{self.text} ({self._told(checked)})" if self.was_found else self.text

    def entry(self, checked: Mapping[str, bool]) -> str:
        """The same as an entry of BibTeX; what a search found has a note at its end."""
        if not self.was_found:
            return self.bibtex
        return self.bibtex.removesuffix("}\n}") + f" ({self._told(checked)})}}\n}}"

    def _told(self, checked: Mapping[str, bool]) -> str:
        told = {None: "identifier not checked", True: "identifier checked"}
        return told.get(checked.get(self.identifier), "identifier not found any more")


def collect(template: Path, ideas: Iterable[Idea]) -> dict[str, Reference]:
    """All references that a paper on a template and some of its ideas may cite, by key.

    Args:
        template: the template's folder.
        ideas: the ideas.
    """
    found: dict[str, Reference] = {}
    for origin, text in _files(template):
        for entry in bibliography.read(text).entries.values():
            if re.fullmatch(r"[\w:.\-+/]{1,100}", entry.key) and entry.key not in found:
                found[entry.key] = _of_entry(entry, origin)
    known = {each.identifier for each in found.values() if each.identifier}
    for idea in ideas:
        for reference in (*_sources(idea), *_literature(idea)):
            if reference.identifier in known:
                continue
            known.add(reference.identifier)
            found.setdefault(reference.key, reference)
    return found


def as_bibtex(
    references: Mapping[str, Reference], cited: Iterable[str],
    checked: Mapping[str, bool] | None = None,
) -> str:  # fmt: skip
    """The references that are cited, as a file of BibTeX.

    Args:
        references: those that may be cited.
        cited: their keys.
        checked: by identifier, whether it still answers.

    Raises:
        BonsaiError: something is cited that is not among them.
    """
    entries = []
    for key in cited:
        if key not in references:
            raise BonsaiError(
                f"the paper cites {key}, which is neither in the template's references.bib or "
                "latex/template.tex, nor a source of the idea, nor found by its search"
            )
        entries.append(references[key].entry(checked or {}))
    return "\n\n".join(entries)


def _files(template: Path) -> Iterator[tuple[str, str]]:
    for name in ("references.bib", "latex/references.bib"):
        if untrusted.is_file(template / name):
            yield f"the template's {name}", untrusted.read_text(template / name, MOST_BYTES)
    paper = template / "latex" / "template.tex"
    if untrusted.is_file(paper):
        for block in BLOCK.findall(untrusted.read_text(paper, MOST_BYTES)):
            yield "the template's latex/template.tex", block


def _of_entry(entry: bibliography.Entry, origin: str) -> Reference:
    who = entry.authors
    names = ", ".join(who[:3]) + (" and others" if len(who) > 3 else "")
    place = next(
        (
            bibliography.plain(entry.fields[name])
            for name in ("journal", "booktitle", "publisher", "howpublished", "institution")
            if entry.fields.get(name)
        ),
        "",
    )
    stated = " ".join(
        entry.fields.get(name, "") for name in ("doi", "eprint", "url", "journal", "note")
    )
    identifier = _identifier(stated)
    parts = [part for part in (names, entry.title, place, entry.year) if part]
    if identifier and identifier not in place and identifier.removeprefix("arXiv:") not in place:
        parts.append(identifier)
    fields = ",\n".join(
        f"  {name} = {{{_field(name, value)}}}"
        for name, value in entry.fields.items()
        if re.fullmatch(r"[a-z][a-z0-9_-]{0,30}", name)
    )
    return Reference(
        key=entry.key, text=words.clean(". ".join(parts))[:600] + ".", origin=origin,
        identifier=identifier, bibtex=f"@{_word(entry.kind)}{{{entry.key},\n{fields}\n}}",
    )  # fmt: skip


def _sources(idea: Idea) -> Iterator[Reference]:
    """What an idea says it is from, as far as it can be looked up."""
    extra: Mapping[str, Any] = idea.model_extra or {}
    for name, value in extra.items():
        if name.lower() not in SOURCES:
            continue
        for match in list(IDENTIFIER.finditer(str(value)))[:MOST_FOUND]:
            identifier = _identifier(match.group())
            text = f"{identifier}, named as a source of the idea {idea.called}"
            yield _plain(identifier, text, f"the idea {idea.called}", identifier, "")


def _literature(idea: Idea) -> Iterator[Reference]:
    """What a search of the literature found when the idea was proposed."""
    found = (idea.model_extra or {}).get("Literature")
    if not isinstance(found, dict) or not isinstance(found.get("papers"), list):
        return
    service = str(found.get("searched", "a search"))[:40]
    for paper in found["papers"][:MOST_FOUND]:
        if not isinstance(paper, dict) or not paper.get("title") or not paper.get("url"):
            continue
        title, year = str(paper["title"])[:300], paper.get("year")
        identifier = _identifier(str(paper["url"])) or str(paper["url"])[:200]
        parts = [title, *([str(year)] if year else []), identifier]
        yield _plain(
            f"{title} {year or ''}", ". ".join(parts), f"a search of {service}", identifier, title,
            str(year or ""), was_found=True,
        )  # fmt: skip


def _plain(
    named: str, text: str, origin: str, identifier: str, title: str, year: str = "",
    *, was_found: bool = False,
) -> Reference:  # fmt: skip
    key = re.sub(r"[^a-z0-9]+", "-", named.lower()).strip("-")[:60] or "source"
    fields = [f"  title = {{{escape(title or identifier)}}}"]
    fields += [f"  year = {{{year}}}"] if year.isdigit() else []
    fields.append(f"  note = {{{escape(identifier)}}}")
    return Reference(
        key=key, text=words.clean(text) + ".", origin=origin, identifier=identifier,
        bibtex=f"@misc{{{key},\n" + ",\n".join(fields) + "\n}", was_found=was_found,
    )  # fmt: skip


def _identifier(text: str) -> str:
    """The DOI that stands in a text, else its arXiv number, else its address."""
    if match := re.search(DOI, text):
        return match.group()
    if match := re.search(ARXIV, text, re.IGNORECASE):
        return f"arXiv:{match.group(1)}"
    match = re.search(URL, text, re.IGNORECASE)
    return match.group() if match else ""


def _field(name: str, text: str) -> str:
    """A field as LaTeX takes it: it cannot end its braces early, and calls accents and fonts only.

    Args:
        name: its name; an address has no commands at all.
        text: as it was written, for LaTeX.
    """
    if name in ("url", "doi", "eprint"):
        return re.sub(r"[^\w:/?&=.~+,;@()-]", "", text, flags=re.ASCII)
    text = text.replace("^^", "").replace("$", "").replace("^", "")  # ^^5c is a backslash, too
    text = COMMAND.sub(lambda found: found.group() if found.group() in HARMLESS else "", text)
    text = text.removesuffix("\\")
    depth, kept = 0, []
    for letter in re.sub(r"(?<!\\)([%#&_])", r"\\\1", only_letters(text)):
        if letter == "}" and depth == 0:
            continue
        depth += {"{": 1, "}": -1}.get(letter, 0)
        kept.append(letter)
    return "".join(kept) + "}" * depth


def _word(text: str) -> str:
    return re.sub(r"[^a-z]", "", text) or "misc"
