"""What a template left in to be replaced, and nobody replaced."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bonsai.audit.document import Document
from bonsai.audit.facts import Facts
from bonsai.audit.findings import Finding
from bonsai.audit.wording import around

PARTS = (
    "title|abstract|intro|introduction|related work|background|method|methods|experimental setup"
    "|experiments|results|discussion|conclusion|conclusions|caption|figure|table|text|author"
)
# Of what is matched without regard to case, only names that no sentence has are among them.
LEFT = re.compile(
    rf"\b(?:{'|'.join(each.upper() for each in PARTS.split('|'))}) HERE\b"
    rf"|\b(?:{'|'.join(each.title() for each in PARTS.split('|'))}) Here\b"
    r"|\bTODO\b|\bFIXME\b|\bTBD\b|\bX{3,}\b|\?\?+"
    r"|(?i:\\todo\b|\blorem ipsum\b|\b(?:your|author|first ?name last|firstname|last) ?name\b"
    r"(?=\s*(?:here|\}|\\|,|$))|\bauthor name\b|\byour (?:title|abstract|affiliation|text) here\b"
    r"|[\[<](?:insert|add|fill in|your|describe|placeholder|citation needed)\b[^\]>]{0,80}[\]>])"
)
NOT_READ = re.compile(
    r"\\begin\{(verbatim\*?|lstlisting|minted|filecontents\*?|comment|quote|quotation)\}"
    r".*?\\end\{\1\}|^```.*?^```",
    re.S | re.M,
)
COMMENT = re.compile(r"(?<!\\)%.*")


def placeholders(document: Document, facts: Facts) -> Iterator[Finding]:
    """Every one, once a line."""
    for place, text in _texts(document):
        for found in LEFT.finditer(text):
            yield Finding(
                "placeholder", "unsupported", "sure", place,
                around(text, *found.span()),
                f"“{found.group()}” is what a template leaves in to be replaced.",
            )  # fmt: skip
            break


def _texts(document: Document) -> Iterator[tuple[str, str]]:
    if not document.source:
        for block in document.blocks:
            if block.kind not in ("listing", "quotation"):
                yield block.place, block.text
                for row in block.rows:
                    yield block.place, " | ".join(cell.text for cell in row)
        return
    # What is only quoted keeps its lines, so that those below it keep their numbers.
    source = NOT_READ.sub(lambda found: "\n" * found.group().count("\n"), document.source)
    for number, line in enumerate(source.splitlines(), 1):
        yield f"line {number}", COMMENT.sub("", line) if document.form == "latex" else line
