"""Papers and facts for tests of an audit, made by hand."""

from __future__ import annotations

from pathlib import Path

from bonsai.audit.document import Block, Cell, Document
from bonsai.audit.facts import Facts, Measured, Metric, Run
from bonsai.audit.findings import Finding

VALUES = {  # by run, data set and metric: of three seeds each
    "run_0": {"wine": (0.70, 2.0, 10.0), "digits": (0.50, 3.0, 20.0)},
    "run_1": {"wine": (0.80, 1.5, 12.5), "digits": (0.45, 3.3, 22.0)},
    "run_2": {"wine": (0.754, 1.8, 40.0), "digits": (0.52, 2.9, 60.0)},
}
METRICS = ("test_accuracy", "val_loss", "train_seconds")


def facts() -> Facts:
    """A baseline and two runs on two data sets: accuracy, loss and a time."""
    found = Facts(Path("results"))
    found.metrics = {
        "test_accuracy": Metric("test_accuracy", "", "higher", ("test accuracy",)),
        "val_loss": Metric("val_loss", "", "lower", ("validation loss",)),
        "train_seconds": Metric("train_seconds", "s", "lower", ("training time",)),
    }
    labels = {"run_0": "baseline", "run_1": "gated units", "run_2": "slow decay"}
    for name, datasets in VALUES.items():
        found.runs[name] = Run(
            name, (name.replace("_", " "), labels[name]), labels[name], name == "run_0"
        )
        for dataset, values in datasets.items():
            for metric, mean in zip(METRICS, values, strict=True):
                spread = (mean * 0.99, mean, mean * 1.01)
                found.measured.append(
                    Measured(name, metric, dataset, mean, mean * 0.01 / 3**0.5, spread, 3, name)
                )
    old = Measured("run_1", "test_accuracy", "wine", 0.6312, source="notes.txt", stale=True)
    found.measured.append(old)
    return found


def paper(*texts: str, section: str = "Results") -> Document:
    """A paper with some paragraphs in a section."""
    document = Document(Path("paper.tex"), "latex")
    document.blocks = [
        Block("paragraph", text, f"line {number}", section) for number, text in enumerate(texts, 1)
    ]
    return document


def table(*rows: str, caption: str = "Results.", header_rows: int = 1) -> Document:
    """A paper with one table: cells are parted by `|`, bold ones stand between stars."""
    cells = tuple(
        tuple(
            Cell(text.strip().strip("*"), text.strip().startswith("*")) for text in row.split("|")
        )
        for row in rows
    )
    document = Document(Path("paper.tex"), "latex")
    document.blocks = [
        Block("table", "", "line 1", "Results", cells, header_rows, caption),
        Block("caption", caption, "line 1", "Results"),
    ]
    return document


def accused(findings: list[Finding]) -> list[str]:
    """What accusing rows quote."""
    return [each.said for each in findings if each.accuses]
