"""What an audit looks at, one module for each kind; every check yields the rows of its kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bonsai.audit.document import Document
from bonsai.audit.facts import Facts
from bonsai.audit.findings import Finding

Check = Callable[[Document, Facts], Iterator[Finding]]

CHECKS: tuple[Check, ...] = ()
"""In the order in which their rows are told where nothing else orders them."""
