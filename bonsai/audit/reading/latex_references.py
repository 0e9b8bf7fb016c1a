"""A paper's bibliography: BibTeX, or `thebibliography` as it is printed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bonsai.audit.document import Reference
from bonsai.audit.reading.expanding import MOST_BYTES, Expanded
from bonsai.audit.reading.inline import Inline, Node, arguments, kinds, source_of
from bonsai.audit.reading.wording import plain
from bonsai.base import bibliography, untrusted

YEAR = re.compile(r"(?<![\w./-])(?:19|20)\d\d(?=[a-z]?(?![\w./-]*[/\w]))")
"""A year; parts of addresses and identifiers (`10.1016/j.jesp.2006.02.004`) are none."""
STOP = re.compile(r"(?<=[^\W\d_]{2})\.\s+|(?<=\(\d{4}\))\.?\s+|(?<=\d[a-z)])\.\s+|(?<=\d)\.\s+")
NAMED = re.compile(r"\\(?:bibliography|addbibresource)\s*(?:\[[^\]]*\])?{([^}]*)}")
MOST_ENTRIES = 3000
# Commands whose citation is a part of the sentence, without brackets around it.
IN_WORDS = ("citet", "citealt", "textcite", "citealp", "citeauthor", "citeyear")


def of_paper(expanded: Expanded, paper: Path, troubles: list[str]) -> list[Reference]:
    """The entries of all files that a paper takes its bibliography from.

    Args:
        expanded: its source, which may hold such files.
        paper: its file; others are read in its folder only.
        troubles: are told what cannot be read.
    """
    files = {name: expanded.raw[number][2:] for number, name in expanded.names.items()}
    wanted = [name.strip() for group in NAMED.findall(expanded.text) for name in group.split(",")]
    found: list[Reference] = []
    for each in wanted or [name for name in files if name.endswith(".bib")]:
        name = each if each.endswith(".bib") else f"{each}.bib"
        if name in files:
            inside, line = files[name]
            found += of_file(inside, "", line, troubles)
            continue
        folder = paper.parent.resolve()
        file = (folder / name).resolve()
        if not file.is_relative_to(folder) or not untrusted.is_file(file):
            troubles.append(f"the bibliography {name} is not in the paper's folder")
            continue
        try:
            inside = untrusted.read_text(file, MOST_BYTES)
        except untrusted.Unreadable as error:
            troubles.append(str(error))
            continue
        found += of_file(inside, file.relative_to(folder).as_posix(), 1, troubles)
    return found


def of_file(text: str, file: str, line: int, troubles: list[str]) -> list[Reference]:
    """The entries of a file in BibTeX.

    Args:
        text: its contents.
        file: its name, for places; empty for a part of the paper's own source.
        line: the line that the text begins in.
        troubles: are told what cannot be read.
    """
    found = bibliography.read(text)
    named = f"{file}, " if file else ""
    troubles += [f"{file or 'references'}: {fault}" for fault in found.faults[:10]]
    entries = [
        Reference(
            each.key, each.title, "; ".join(each.authors), each.year,
            f"{named}line {each.line + line - 1}",
        )
        for each in found.entries.values()
    ]  # fmt: skip
    for key in dict.fromkeys(key for key in found.repeated if key in found.entries):
        first = next(each for each in entries if each.key == key)
        places = list(re.finditer(rf"@\w+\s*[{{(]\s*{re.escape(key)}\s*,", text))
        entries += [
            replace(first, place=f"{named}line {line + text.count(chr(10), 0, each.start())}")
            for each in places[1:]
        ]
    return entries[:MOST_ENTRIES]


def of_bibitems(
    nodes: Sequence[Node], inline: Inline, place: Callable[[int], str]
) -> list[Reference]:
    """The entries of a `thebibliography`."""
    found: list[tuple[str, str, int, list[list[Node]]]] = []
    for node in nodes:
        if node is None:
            continue
        if node.isNodeType(kinds().macro) and node.macroname == "bibitem":
            given = arguments(node)
            label = inline.text([each for each in given[:-1] if each is not None])
            found.append((source_of(given[-1:]).strip(), label, node.pos, [[]]))
        elif found and node.isNodeType(kinds().macro) and node.macroname == "newblock":
            found[-1][3].append([])
        elif found:
            found[-1][3][-1].append(node)
    entries = []
    for key, label, at, parts in found[:MOST_ENTRIES]:
        texts = [plain(inline.text(part)) for part in parts]
        authors, title = split_entry(texts)
        years = YEAR.findall(" ".join(texts)) or YEAR.findall(plain(label))
        entries.append(Reference(key, title, authors, years[-1] if years else "", place(at)))
    return entries


def split_entry(texts: Sequence[str]) -> tuple[str, str]:
    """Authors and title of a printed entry: its blocks, or else its sentences."""
    blocks = [each for each in texts if each]
    if len(blocks) > 1:
        return blocks[0].rstrip(". "), blocks[1].rstrip(". ")
    whole = blocks[0] if blocks else ""
    quoted = re.search(r"[“\"](.{8,300}?)[,.]?[”\"]", whole)
    if quoted:
        return whole[: quoted.start()].rstrip(",. "), quoted[1]
    # A full stop behind an initial ends nothing.
    sentences = [each for each in STOP.split(whole) if each.strip()]
    if len(sentences) > 1:
        authors = sentences[0]
        rest = [each for each in sentences[1:] if not YEAR.fullmatch(each.strip(" ()."))]
        return authors.strip(), (rest[0] if rest else "").strip(" .")
    return "", whole


def cited_as(command: str, key: str, entry: Reference | None) -> str:
    """How a citation is printed: by authors and year; by its key where there is no entry."""
    names = [name.strip() for name in entry.authors.split(";")] if entry else []
    who = f"{names[0]} et al." if len(names) > 2 else " and ".join(names)
    if entry is None or not who:
        return f"[{key}]"
    if command.lower() in ("citeauthor", "citeyear", "citeyearpar"):
        return who if command.lower() == "citeauthor" else entry.year
    by_name = command.lower() in ("citet", "citealt", "textcite")
    return f"{who} ({entry.year})" if by_name else f"{who}, {entry.year}"
