"""What an audit says of a paper, one row for each thing that it looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["contradicted", "unsupported", "untraced", "traced", "note"]
"""`contradicted`: what is on record says otherwise. `unsupported`: a result that no run has.
`untraced`: a number that is no result, or of which nothing is known; it accuses nobody. `traced`:
it is on record. `note`: for the reader, without judgement."""

Sure = Literal["sure", "likely", "possible"]
"""`sure`: run and metric are named beside it. `likely`: one of them is inferred from what stands
around it. `possible`: a guess; such a row accuses nobody."""

Kind = Literal[
    "number", "comparison", "certainty", "spread", "seeds", "figure", "citation", "placeholder",
    "missing run", "bold", "verdict", "reading",
]  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """A row of an audit.

    Attributes:
        kind: what was looked at.
        status: what came of it.
        sure: how sure that is.
        place: where it stands in the paper.
        said: what the paper says, shortened.
        found: what is on record, in a sentence with the right value.
        source: where that stands; empty where nothing does.
    """

    kind: Kind
    status: Status
    sure: Sure
    place: str
    said: str
    found: str
    source: str = ""

    @property
    def accuses(self) -> bool:
        """Whether it says that the paper is wrong."""
        return self.status in ("contradicted", "unsupported") and self.sure != "possible"
