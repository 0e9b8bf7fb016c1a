"""The tree of a search, as its ledger has it: what each candidate changed, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bonsai.base import Entry
from bonsai.evaluation import Scores
from bonsai.report.shapes import CandidateReport, Source

TEMPLATE = 0  # the candidate that is the template itself
MOST_SHOWN = 400


def read_tree(entries: Sequence[Entry], metric: str) -> list[CandidateReport]:
    """The candidates of a search, each below the one that it was made from; empty without any.

    Differences are to the template on the same seeds, in the metric that ideas are judged by. They
    are what a search looked at, and so flatter whatever it chose.

    Args:
        entries: the steps of the search.
        metric: the metric.
    """
    candidates: dict[int, CandidateReport] = {}
    values: dict[int, dict[int, float]] = {}
    winner = None
    for entry in entries:
        data = entry.data
        if entry.step == "propose" and entry.ok:
            number = data["candidate"]
            candidates[number] = CandidateReport(
                number=number, parent=data["parent"], change=data["change"], by=data["by"],
                source=Source(file="ledger.jsonl", line=entry.line),
            )  # fmt: skip
        elif entry.step == "evaluate":
            number = data["candidate"]
            if entry.ok:
                scores = Scores.model_validate(data["scores"])
                values.setdefault(number, {})[data["seed"]] = scores.means[metric]
            elif number in candidates:
                candidates[number].problem = entry.message
        elif entry.step == "run" and "candidate" in data:
            winner = data["candidate"]
    start = values.get(TEMPLATE, {})
    for number, each in candidates.items():
        shared = [seed for seed in values.get(number, {}) if seed in start]
        each.seeds = shared
        if shared:
            each.difference = float(np.mean([values[number][s] - start[s] for s in shared]))
        each.was_parent = any(other.parent == number for other in candidates.values())
        each.won = number == winner
    return _in_order(candidates)


def _in_order(candidates: dict[int, CandidateReport]) -> list[CandidateReport]:
    """Each candidate right below its parent, with its depth."""
    children: dict[int, list[int]] = {}
    for number, each in candidates.items():
        children.setdefault(each.parent, []).append(number)
    found = []
    todo = [(number, 0) for number in reversed(children.get(TEMPLATE, []))]
    while todo:
        number, depth = todo.pop()
        candidates[number].depth = depth
        found.append(candidates[number])
        todo += [(child, depth + 1) for child in reversed(children.get(number, []))]
    return found


def shown(tree: Sequence[CandidateReport]) -> list[CandidateReport]:
    """Of a large tree those that led to others or won, and the first of the rest."""
    if len(tree) <= MOST_SHOWN:
        return list(tree)
    telling = {each.number for each in tree if each.was_parent or each.won}
    rest = [each.number for each in tree if each.number not in telling]
    kept = telling | set(rest[: max(0, MOST_SHOWN - len(telling))])
    return [each for each in tree if each.number in kept]
