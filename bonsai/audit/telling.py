"""An audit for people and for programs: a headline, a table, a page, JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bonsai
from bonsai.audit.auditing import Audit
from bonsai.audit.findings import Finding
from bonsai.audit.reviewer import Review
from bonsai.base import write_atomically
from bonsai.report import words

if TYPE_CHECKING:
    from jinja2 import Environment
    from rich.table import Table

HERE = Path(__file__).parent
MARKS = {"contradicted": "✗", "unsupported": "✗", "untraced": "?", "traced": "✓", "note": "·"}
STYLES = {"contradicted": "bold red", "unsupported": "bold red", "untraced": "yellow",
          "traced": "green", "note": "dim"}  # fmt: skip
MEANINGS = {
    "contradicted": "what is on record says otherwise",
    "unsupported": "a result that no run has",
    "untraced": "a number that is no result, or of which nothing is known; it accuses nobody",
    "traced": "it is on record",
    "note": "for the reader, without judgement",
}
WRONG = ("contradicted", "unsupported")
SUMMED = ("untraced", "traced")  # what a table only counts, unless all is asked for


@dataclass(frozen=True)
class Told:
    """An audit as it is told, with a review by a model if there is one.

    Attributes:
        audit: the audit.
        paper: the paper's name, for people.
        results: what it was held against, likewise.
        review: the review.
        by: the model that wrote it.
        review_trouble: why there is none although one was asked for.
    """

    audit: Audit
    paper: str
    results: str
    review: Review | None = None
    by: str = ""
    review_trouble: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """How many rows there are of each status; of what is wrong, only those that accuse."""
        found: Counter[str] = Counter()
        for each in self.audit.findings:
            found["note" if each.status in WRONG and not each.accuses else each.status] += 1
        return {status: found[status] for status in MEANINGS}

    @property
    def headline(self) -> str:
        """What came of it, in a sentence or two."""
        counts = self.counts
        wrong = [
            words.counted(counts[status], "statement") + f" {said}"
            for status, said in (
                ("contradicted", "contradicted by what is on record"),
                ("unsupported", "of a result that no run has"),
            )
            if counts[status]
        ]
        traced = f"{words.counted(counts['traced'], 'statement')} traced to a record"
        if counts["untraced"]:
            numbers = words.counted(counts["untraced"], "other number")
            traced += f", {numbers} not traced, which accuses nobody"
        return f"{' and '.join(wrong) or 'Nothing is contradicted'}; {traced}."

    def rows(self, every: bool) -> list[Finding]:
        """The rows of a table: those that a reader must see, or all."""
        return [each for each in self.audit.findings if every or each.status not in SUMMED]

    def record(self) -> dict[str, Any]:
        """The audit for programs.

        `paper`, `results`, `form`, `status` (as the command ends), `headline`, `counts` by status,
        `findings` (each with `kind`, `status`, `sure`, `place`, `said`, `found`, `source`,
        `accuses`), and `review`: null, or `by` with the fields of The AI Scientist's review.
        """
        return {
            "bonsai": bonsai.__version__,
            "paper": self.paper,
            "results": self.results,
            "form": self.audit.document.form,
            "status": self.audit.status,
            "headline": self.headline,
            "counts": self.counts,
            "findings": [{**asdict(each), "accuses": each.accuses} for each in self.audit.findings],
            "review": {"by": self.by, **self.review.record()} if self.review else None,
        }

    def table(self, every: bool = False) -> Table:
        """The audit for a terminal."""
        from rich.box import HORIZONTALS
        from rich.table import Table
        from rich.text import Text

        table = Table(box=HORIZONTALS, show_lines=True, pad_edge=False)
        table.add_column("Place, and how sure", overflow="fold", min_width=15, max_width=22)
        for name in ("What the paper says", "What was found"):
            table.add_column(name, overflow="fold", ratio=1)
        for each in self.rows(every):
            style = STYLES[each.status] if each.accuses or each.status in SUMMED else "dim"
            where = Text(f"{MARKS[each.status]} {each.status}", style)
            where.append(f"\n{_line(each.place)}" if each.place else "", "default")
            where.append(f"\n{each.sure}", "dim")
            found = Text(_line(each.found))
            found.append(f"\n{_line(each.source)}" if each.source else "", "dim")
            table.add_row(where, Text(_line(each.said)), found)
        return table

    def page(self) -> str:
        """The audit as a page for a browser, in one file that fetches nothing."""
        return _environment().get_template("audit.html.j2").render(
            told=self, audit=self.audit, groups=self._groups(), marks=MARKS, meanings=MEANINGS,
            version=bonsai.__version__,
        )  # fmt: skip

    def _groups(self) -> list[tuple[str, str, Sequence[Finding]]]:
        """Rows of a kind together: title, anchor, rows."""
        accusing = self.audit.accusing
        rest = [each for each in self.audit.findings if not each.accuses]
        groups = [("What is wrong", "wrong", accusing)]
        titles = (("note", "To look at"), ("untraced", "Not traced"), ("traced", "Traced"))
        for status, title in titles:
            rows = [
                each for each in rest
                if each.status == status
                or (status == "note" and each.status in WRONG)
            ]  # fmt: skip
            groups.append((title, status, rows))
        return [(title, anchor, rows) for title, anchor, rows in groups if rows]


def write_page(told: Told, path: Path) -> None:
    """Write the page, whole or not at all."""
    write_atomically(path, told.page())


def review_lines(review: Review, by: str) -> list[str]:
    """A review for a terminal."""
    lines = [f"Review by {by}, who saw the text alone; it changes nothing above.", review.summary]
    for title, points in review.parts:
        lines += [f"{title}:", *(f"  - {' '.join(each.split())}" for each in points)]
    scores = ", ".join(f"{name} {score} of {most}" for name, score, most in review.scores)
    ethics = "yes" if review.ethical_concerns else "no"
    lines += [scores, f"Ethical concerns: {ethics}. Decision: {review.decision}."]
    return [words.clean(line) for line in lines]


def _line(text: str) -> str:
    return " ".join(words.clean(text).split())


@cache
def _environment() -> Environment:
    """Jinja2, which escapes all that it is given: a paper may hold anything."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    def finalize(value: Any) -> Any:
        return words.clean(value) if type(value) is str else value

    return Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined,
        finalize=finalize, trim_blocks=True, lstrip_blocks=True, auto_reload=False,
    )  # fmt: skip
