"""What the doctor finds, and how it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

Status = Literal["ok", "note", "warning", "failure"]

COLOURS: dict[Status, str] = {"ok": "green", "note": "cyan", "warning": "yellow", "failure": "red"}
SYMBOLS: dict[Status, str] = {"ok": "✓", "note": "·", "warning": "!", "failure": "✗"}
PLAIN_SYMBOLS: dict[Status, str] = {"ok": "+", "note": "-", "warning": "!", "failure": "x"}
ARROW, PLAIN_ARROW = "→", "->"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        status: "failure" breaks the contract; "warning" will hurt; "note" is worth knowing.
        what: what was found and where, as a sentence.
        mend: what to do about it; empty where there is nothing to do.
    """

    status: Status
    what: str
    mend: str = ""


def ok(what: str) -> Finding:
    """Something is as it should be."""
    return Finding("ok", what)


def note(what: str, mend: str = "") -> Finding:
    """Something worth knowing, and nothing wrong."""
    return Finding("note", what, mend)


def warning(what: str, mend: str) -> Finding:
    """Something that works, and will hurt."""
    return Finding("warning", what, mend)


def failure(what: str, mend: str) -> Finding:
    """Something that breaks the contract."""
    return Finding("failure", what, mend)


def show(console: Console, title: str, findings: Iterable[Finding]) -> None:
    """Print a group of findings under its title, each with what to do below it."""
    fancy = console.encoding.lower().startswith("utf")
    symbols, arrow = (SYMBOLS, ARROW) if fancy else (PLAIN_SYMBOLS, PLAIN_ARROW)
    console.print(Text(title, style="bold"))
    rows = Table.grid(padding=(0, 1))
    for finding in findings:
        symbol = Text(symbols[finding.status], style=COLOURS[finding.status])
        rows.add_row(symbol, Text(finding.what.rstrip()))
        if finding.mend:
            rows.add_row("", Text(f"{arrow} {finding.mend}", style="dim"))
    console.print(Padding(rows, (0, 0, 0, 2), expand=False))


def count(findings: Sequence[Finding]) -> str:
    """For example "21 ok, 1 note, 0 warnings, 2 failures"."""
    amounts = {
        status: sum(item.status == status for item in findings) for status in get_args(Status)
    }
    return ", ".join(
        f"{amount} {status}" + ("s" if status != "ok" and amount != 1 else "")
        for status, amount in amounts.items()
    )


def exit_code(findings: Iterable[Finding]) -> int:
    """1 if anything is a failure, else 0."""
    return int(any(finding.status == "failure" for finding in findings))
