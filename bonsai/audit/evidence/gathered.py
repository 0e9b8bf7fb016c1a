"""Facts in the making."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from bonsai.audit.evidence.naming import Better, metric_of
from bonsai.audit.evidence.shapes import Value
from bonsai.audit.facts import Facts, Known, Measured, Picture, Run
from bonsai.audit.pixels import ENDINGS, digest_of_file
from bonsai.base import BonsaiError, untrusted

MOST_TEXT = 2_000_000  # characters of code, notes and ideas
MOST_FILE = 1_000_000  # bytes of each
MOST_PICTURES = 400


def add_values(
    facts: Facts, values: Iterable[Value], source: str, run: str = "", stale: bool = False
) -> None:
    """Add what a file measured; `run` is whose it is, where the file does not say."""
    for each in values:
        facts.measured.append(
            Measured(
                run or each.run or "results", each.metric, each.dataset, each.mean, each.stderr,
                each.values, each.count, source, stale,
            )
        )  # fmt: skip


def add_metrics(facts: Facts, told: dict[str, Better] | None = None) -> None:
    """Add the metrics that are measured and not yet known."""
    by_name: dict[str, list[float]] = {}
    for each in facts.measured:
        by_name.setdefault(each.metric, []).append(each.mean)
    for name, values in by_name.items():
        if name not in facts.metrics:
            facts.metrics[name] = metric_of(name, values, (told or {}).get(name))


def count_seeds(facts: Facts) -> None:
    """Note how many seeds runs have, as their values tell."""
    for each in facts.measured:
        if each.count and not each.stale:
            facts.seeds[each.run] = max(each.count, facts.seeds.get(each.run, 0))
    for name, count in facts.seeds.items():
        if name in facts.runs:
            facts.known.append(Known(f"seeds of {name}", count, kind="count"))


def add_run(facts: Facts, run: Run) -> None:
    """Add a run, with what is already known of one of that name."""
    before = facts.runs.get(run.name)
    if before is not None:
        labels = tuple(dict.fromkeys([*before.labels, *run.labels]))
        run = Run(run.name, labels, before.about or run.about, run.is_baseline, run.idea)
    facts.runs[run.name] = run


def text_of(path: Path, facts: Facts, most: int = MOST_FILE) -> str:
    """A file's text; empty where it is not there or cannot be read, which is told."""
    if not untrusted.is_file(path):
        return ""
    try:
        return untrusted.read_text(path, most)
    except BonsaiError as error:
        facts.troubles.append(str(error))
        return ""


def add_text(facts: Facts, *texts: str) -> None:
    """Add words of what was done."""
    room = MOST_TEXT - len(facts.text)
    facts.text += "\n".join(["", *texts])[: max(0, room)]


def add_pictures(
    facts: Facts, folder: Path, names_from: Path, run: str = "", idea: str = "",
    only: re.Pattern[str] | None = None,
) -> None:  # fmt: skip
    """Add the pictures of a folder, not of those in it.

    Args:
        facts: what they are added to.
        folder: where they lie.
        names_from: the folder that their names begin at.
        run: whose they are, if of one.
        idea: likewise.
        only: what their names begin with; None: all.
    """
    if not folder.is_dir() or folder.is_symlink():
        return
    for path in sorted(folder.iterdir()):
        if len(facts.pictures) >= MOST_PICTURES:
            return
        if only is not None and not only.match(path.name):
            continue
        if path.suffix.lower() in ENDINGS and untrusted.is_file(path):
            name = path.relative_to(names_from).as_posix()
            facts.pictures.append(Picture(name, path, digest_of_file(path), run, idea))
