"""Citations against the bibliography, and the bibliography against what is known to exist."""

from __future__ import annotations

import calendar
import difflib
import re
import unicodedata
from collections.abc import Iterator

from bonsai.audit.document import Document, Reference
from bonsai.audit.facts import Facts, KnownReference
from bonsai.audit.findings import Finding
from bonsai.audit.wording import around, shortened

ALIKE = 0.92  # of two titles that are one, whatever became of their hyphens
NAME = r"[A-ZÀ-ÖØ-Þ][\w’'\-]+"
YEAR = r"(?:19|20)\d\d"
# Who is cited by name: several authors, so that `June 2023` and `ImageNet (2012)` are not meant.
WRITTEN = re.compile(
    rf"\b(?P<name>{NAME})(?P<more>\s+et\s+al\.?|\s+(?:and|&)\s+{NAME})?"
    rf"[,;]?\s*[(\[]?(?P<year>{YEAR})[a-z]?\b"
)
MONTHS = frozenset(calendar.month_name) | frozenset(calendar.month_abbr)
UNDEFINED = re.compile(r"[\[(]\s*\?(?:\s*[,;]\s*\?)*\s*[\])]")


def citations(document: Document, facts: Facts) -> Iterator[Finding]:
    """What is cited and has no entry, what has an entry twice, what nobody knows, what is idle."""
    yield from _without_an_entry(document)
    yield from _by_name(document)
    yield from _undefined(document)
    yield from _twice(document.bibliography)
    yield from _unknown(document.bibliography, facts.references)
    yield from _idle(document)
    for label in document.missing_labels:
        yield Finding(
            "citation", "contradicted", "sure", label.place, label.text or label.key,
            f"Nothing in the paper has the label {label.key}.",
        )  # fmt: skip


def _keys(document: Document) -> Iterator[tuple[str, str, str]]:
    """Each key that is cited, with what is read and its place."""
    for each in document.citations:
        for key in re.split(r"[,;]", each.key):
            if key.strip() and key.strip() != "*":
                yield key.strip(), each.text, each.place


def _without_an_entry(document: Document) -> Iterator[Finding]:
    entries = {each.key for each in document.bibliography}
    cited = dict.fromkeys(_keys(document))
    if cited and not document.bibliography:
        yield Finding(
            "citation", "note", "sure", next(iter(cited))[2], f"{len(cited)} citations",
            "No bibliography was found, so none of them could be looked up.",
        )  # fmt: skip
        return
    if document.form == "pdf" and not all(key.isdigit() for key in entries):
        return  # what is printed of it are names and years, which are looked up as such
    for key, text, place in cited:
        if key not in entries:
            yield Finding(
                "citation", "contradicted", "sure", place, shortened(text or key),
                f"The bibliography has no entry {key}.",
            )  # fmt: skip


def _by_name(document: Document) -> Iterator[Finding]:
    if not document.bibliography and not _has_none(document):
        return
    texts = [
        (block.place, block.text)
        for block in document.blocks
        if block.kind in ("abstract", "paragraph", "caption")
    ]
    texts += [(each.place, each.text) for each in document.citations if not each.key]
    told = set()
    for place, text in texts:
        for found in WRITTEN.finditer(text):
            name, year = found["name"], found["year"]
            if not found["more"] or name in MONTHS or (place, name, year) in told:
                continue
            told.add((place, name, year))
            of_name = [each for each in document.bibliography if _folded(name) in _words(each)]
            if any(not each.year or each.year[:4] == year for each in of_name):
                continue
            if any(year in f"{each.title} {each.authors} {each.year}" for each in of_name):
                continue
            years = " and ".join(sorted({each.year for each in of_name}))
            yield Finding(
                "citation", "contradicted", "sure" if not of_name else "likely", place,
                around(text, *found.span()),
                f"The bibliography has {name} with {years}, and not with {year}." if of_name
                else f"The bibliography has no entry by {name} of {year}.",
            )  # fmt: skip


def _has_none(document: Document) -> bool:
    """Whether a paper surely has no bibliography, and not one that could not be read."""
    if document.source:
        return not re.search(r"\\(?:bibliography|printbibliography|bibitem)\b", document.source)
    heads = [block.text for block in document.blocks if block.kind == "heading"]
    return bool(heads) and not any(
        re.search(r"references|bibliography", each, re.I) for each in heads
    )


def _undefined(document: Document) -> Iterator[Finding]:
    for block in document.blocks:
        if block.kind not in ("listing", "quotation") and (found := UNDEFINED.search(block.text)):
            yield Finding(
                "citation", "contradicted", "sure", block.place, around(block.text, *found.span()),
                "A question mark stands where a citation was not found.",
            )  # fmt: skip


def _twice(bibliography: list[Reference]) -> Iterator[Finding]:
    first: dict[str, Reference] = {}
    for each in bibliography:
        title = _squeezed(each.title)
        if not title:
            continue
        before = first.setdefault(title, each)
        if before is each:
            continue
        # A talk and its article may share a title, some years apart.
        same = before.year == each.year or not (before.year and each.year)
        which = f"{before.key or before.place} and {each.key or each.place}"
        yield Finding(
            "citation", "contradicted" if same else "note", "sure" if same else "possible",
            each.place, shortened(each.title),
            f"The bibliography has it twice: {which}.",
        )  # fmt: skip


def _unknown(
    bibliography: list[Reference], known: list[KnownReference] | None
) -> Iterator[Finding]:
    if known is None:
        return
    titles = {_squeezed(each.title): each for each in known if _squeezed(each.title)}
    keys = {each.key: each for each in known}
    for each in bibliography:
        title = _squeezed(each.title)
        whole = _squeezed(f"{each.authors} {each.title}")
        found = titles.get(title) or next(
            (
                one
                for text, one in titles.items()
                if (len(text) > 20 and text in whole)
                or (len(title) > 12 and text.startswith(title))  # cut where a full stop stood
                or (title and difflib.SequenceMatcher(None, text, title).ratio() > ALIKE)
            ),
            None,
        )
        if found is None and not title:
            found = keys.get(each.key)
        if found:
            yield Finding(
                "citation", "traced", "sure", each.place, shortened(each.title or each.key),
                f"It is on record as {found.key}.", found.source,
            )  # fmt: skip
        else:
            yield Finding(
                "citation", "unsupported", "likely", each.place, shortened(each.title or each.key),
                "It is among none of the references that are on record as existing.",
            )  # fmt: skip


def _idle(document: Document) -> Iterator[Finding]:
    cited = {key for key, _, _ in _keys(document)}
    if document.form == "pdf" or not cited or any(key == "*" for key in _starred(document)):
        return
    idle = [each.key for each in document.bibliography if each.key and each.key not in cited]
    if idle:
        yield Finding(
            "citation", "note", "sure", document.bibliography[0].place,
            shortened(", ".join(idle)), "No sentence cites them.",
        )  # fmt: skip


def _starred(document: Document) -> list[str]:
    return [each.key.strip() for each in document.citations]


def _folded(text: str) -> str:
    """A name without its accents and case, as people type it in one place and not in another."""
    apart = unicodedata.normalize("NFKD", text)
    return "".join(sign for sign in apart if not unicodedata.combining(sign)).lower()


def _parts(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]+(?:[’'\-][^\W\d_]+)*", _folded(text)))


def _words(reference: Reference) -> set[str]:
    return _parts(f"{reference.authors} {reference.title}")


def _squeezed(text: str) -> str:
    return re.sub(r"[\W_]+", "", _folded(text))
