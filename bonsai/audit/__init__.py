"""An audit: every number, comparison and citation of a paper against what is on record.

`find` says what is to be audited, `read` reads a paper, `gather_facts` what is on record, `audit`
holds the one against the other, `Told` tells it. Nothing of it needs a model; `review` asks one for
an opinion, which is kept apart.
"""

from bonsai.audit.auditing import Audit, audit
from bonsai.audit.document import Document
from bonsai.audit.evidence import gather_facts
from bonsai.audit.facts import Facts
from bonsai.audit.findings import Finding
from bonsai.audit.places import Subject, find
from bonsai.audit.reading import read
from bonsai.audit.reviewer import Review, review
from bonsai.audit.telling import Told, review_lines, write_page

__all__ = [
    "Audit",
    "Document",
    "Facts",
    "Finding",
    "Review",
    "Subject",
    "Told",
    "audit",
    "find",
    "gather_facts",
    "read",
    "review",
    "review_lines",
    "write_page",
]
