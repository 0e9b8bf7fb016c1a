"""What an audit looks at, one module for each kind; every check yields the rows of its kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bonsai.audit.document import Document
from bonsai.audit.facts import Facts
from bonsai.audit.findings import Finding

Check = Callable[[Document, Facts], Iterator[Finding]]

__all__ = ["CHECKS", "Check"]


def __getattr__(name: str) -> Any:
    # Put together when asked for, while what the checks build on still imports from this package.
    if name != "CHECKS":
        raise AttributeError(name)
    from bonsai.audit.checks.certainty import certainty
    from bonsai.audit.checks.citations import citations
    from bonsai.audit.checks.figures import figures
    from bonsai.audit.checks.missing_runs import missing_runs
    from bonsai.audit.checks.placeholders import placeholders
    from bonsai.audit.checks.sentences import sentences
    from bonsai.audit.checks.spreads import spreads
    from bonsai.audit.checks.tables import tables
from bonsai.audit.checks.verdicts import verdicts

    return (
        tables, sentences, verdicts, certainty, spreads, figures, citations, placeholders, missing_runs,
    )  # fmt: skip
