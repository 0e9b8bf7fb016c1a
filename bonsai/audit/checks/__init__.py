"""What an audit looks at, one module for each kind; every check yields the rows of its kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bonsai.audit.checks.certainty import certainty
from bonsai.audit.checks.citations import citations
from bonsai.audit.checks.comparisons import comparisons
from bonsai.audit.checks.figures import figures
from bonsai.audit.checks.missing_runs import missing_runs
from bonsai.audit.checks.placeholders import placeholders
from bonsai.audit.checks.sentences import sentences
from bonsai.audit.checks.spreads import spreads
from bonsai.audit.checks.tables import tables
from bonsai.audit.checks.verdicts import verdicts
from bonsai.audit.document import Document
from bonsai.audit.facts import Facts
from bonsai.audit.findings import Finding

Check = Callable[[Document, Facts], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    tables, sentences, comparisons, verdicts, certainty, spreads, figures, citations, placeholders,
    missing_runs,
)  # fmt: skip
"""In the order in which their rows are told where nothing else orders them."""

__all__ = ["CHECKS", "Check"]
