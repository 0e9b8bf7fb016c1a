"""An audit: what all checks say of a paper, in order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from bonsai.audit.checks import CHECKS
from bonsai.audit.document import Document
from bonsai.audit.facts import Facts
from bonsai.audit.findings import Finding

RANK = ("contradicted", "unsupported", "untraced", "note", "traced")
SURE = ("sure", "likely", "possible")


@dataclass
class Audit:
    """What came of it.

    Attributes:
        document: the paper.
        facts: what it was held against.
        findings: the rows, those that accuse first, then by place.
    """

    document: Document
    facts: Facts
    findings: list[Finding] = field(default_factory=list)

    @property
    def accusing(self) -> list[Finding]:
        """The rows that say that the paper is wrong."""
        return [each for each in self.findings if each.accuses]

    @property
    def status(self) -> int:
        """As the command ends: 0 if nothing is wrong, else 1."""
        return int(bool(self.accusing))


def audit(document: Document, facts: Facts) -> Audit:
    """Hold a paper against what is on record."""
    found = list(dict.fromkeys(each for check in CHECKS for each in check(document, facts)))
    found += _unread(document, facts)
    found.sort(key=_order)
    return Audit(document, facts, found)


def _unread(document: Document, facts: Facts) -> Iterator[Finding]:
    for trouble in (*document.troubles, *facts.troubles):
        yield Finding("reading", "note", "sure", "", "", trouble)


def _order(finding: Finding) -> tuple[bool, int, int, tuple[int, ...]]:
    place = tuple(int(each) for each in re.findall(r"\d{1,9}", finding.place))
    return not finding.accuses, RANK.index(finding.status), SURE.index(finding.sure), place
