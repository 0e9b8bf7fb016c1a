"""What came of a search, as its ledger has it: its tree, what it took, how far the winner fell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from bonsai.base import Entry
from bonsai.evaluation import Scores, verdict
from bonsai.report import words
from bonsai.report.shapes import CandidateReport, Contest, Finalist, SearchReport, Source
from bonsai.report.summary import IdeaSummary, TemplateSummary
from bonsai.settings import SearchSettings

TEMPLATE = 0  # the candidate that is the template itself
MOST_SHOWN = 400
Values = dict[int, dict[int, float]]  # by candidate and seed


def read_search(
    entries: Sequence[Entry], metric: str, settings: SearchSettings, patch: str = ""
) -> SearchReport | None:
    """What the ledger holds of a search; None where there was none.

    Differences are to the template on the same seeds, in the metric that ideas are judged by. They
    are what the search looked at, and so flatter whatever it chose.

    Args:
        entries: the steps of the search.
        metric: the metric.
        settings: of the search.
        patch: the file with the winner's changes; empty: there is none.
    """
    candidates: dict[int, CandidateReport] = {}
    values: dict[str, Values] = {"search": {}, "race": {}}
    given_up: Counter[str] = Counter()
    runs: Counter[str] = Counter()
    cpu_seconds, winner = 0.0, None
    for entry in entries:
        data = entry.data
        if entry.step == "propose" and entry.ok:
            number = data["candidate"]
            candidates[number] = CandidateReport(
                number=number, parent=data["parent"], other=data.get("other"),
                change=data["change"], by=data["by"],
                source=Source(file="ledger.jsonl", line=entry.line),
            )  # fmt: skip
        elif entry.step == "evaluate":
            number, stage = data["candidate"], data.get("stage", "search")
            runs[stage] += 1
            if entry.ok:
                found = Scores.model_validate(data["scores"]).means[metric]
                values[stage].setdefault(number, {})[data["seed"]] = found
                cpu_seconds += data.get("cpu_seconds") or 0.0
            else:
                given_up[str(data.get("kind", "failed"))] += 1
                if number in candidates:
                    candidates[number].problem = entry.message
        elif entry.step == "run" and "candidate" in data:
            winner = data["candidate"]
    if not runs:
        return None
    parents = {each.parent for each in candidates.values()}
    for number, each in candidates.items():
        shared, each.difference = _against(values["search"], number, TEMPLATE)
        each.seeds = shared
        each.was_parent = number in parents
        each.won = number == winner
    raced = values["race"]
    return SearchReport(
        tree=_in_order(candidates),
        proposers=dict(Counter(each.by for each in candidates.values()).most_common()),
        runs=dict(runs),
        given_up=dict(given_up.most_common()),
        cpu_seconds=cpu_seconds,
        finalists=[
            Finalist(
                number=number, seeds=sorted(found), mean=float(np.mean(list(found.values()))),
                won=number == winner,
            )
            for number, found in raced.items()
        ],
        lead=_lead(raced, winner),
        max_slowdown=settings.max_slowdown,
        patch=patch,
    )  # fmt: skip


def contest(template: TemplateSummary, settings: SearchSettings, analyses: int) -> Contest | None:
    """Whether the search with a model found more than its control with as many runs.

    A paired comparison of the two winners on the fresh seeds that both were run on; a search that
    ended without a winner answers with the template. None where there is no control, or a search is
    not over.

    Args:
        template: whose ideas are the searches.
        settings: of the searches; `arms` names the control.
        analyses: how often a verdict could be spoken.
    """
    by_name = {idea.idea.Name: idea for idea in template.ideas}
    control = next((by_name[name] for name in settings.arms if name in by_name), None)
    others = [idea for idea in template.ideas if idea is not control]
    if control is None or len(others) != 1 or template.confirmed is None:
        return None
    model = others[0]
    if not all(each.entries and each.entries[-1].step == "end" for each in (model, control)):
        return None
    metric = template.primary
    (seeds, own), (other_seeds, other) = (
        _fresh(each, template, metric) for each in (model, control)
    )
    shared = [seed for seed in seeds if seed in other_seeds]
    found = verdict.compare(
        [own[seed] for seed in shared], [other[seed] for seed in shared], analyses
    )
    sign = -1.0 if template.better == "lower" else 1.0
    sure = found.p is not None and found.p < verdict.LEVEL
    answer = "undecided" if not sure else "yes" if sign * found.mean > 0 else "no"
    if model.confirmed is None:
        answer = "no"  # it found nothing to compare
    return Contest(
        model=model.idea.called,
        control=control.idea.called,
        answer=answer,
        comparison=found,
        seeds=shared,
        found=[each.confirmed is not None for each in (model, control)],
        runs=[_spent(each)[0] for each in (model, control)],
        cpu_seconds=[_spent(each)[1] for each in (model, control)],
    )


def describe_contest(found: Contest, unit: str, digits: int) -> tuple[str, str]:
    """The question, answered, and the figures that the answer rests on."""
    answers = {
        "yes": "The model beat TPE at equal compute",
        "no": "The model did not beat TPE at equal compute",
        "undecided": "Whether the model beat TPE at equal compute is undecided",
    }
    nothing = [
        name for name, there in zip((found.model, found.control), found.found, strict=True)
        if not there
    ]  # fmt: skip
    detail = f"{found.model} against {found.control}"
    if nothing:
        detail += f" ({' and '.join(nothing)} found nothing, so the template stands for it)"
    comparison = found.comparison
    detail += f": {words.signed(comparison.mean, digits)} {words.points(unit)}".rstrip()
    if comparison.low is not None and comparison.high is not None:
        ends = words.interval(comparison.low, comparison.high, digits)
        detail += f", 95\N{NO-BREAK SPACE}% interval {ends}"
    own, other = found.runs
    detail += (
        f", on {words.counted(len(found.seeds), 'fresh seed')}; {own} and {other} runs of one "
        f"seed, {found.cpu_seconds[0]:.0f} and {found.cpu_seconds[1]:.0f} s of computing. One "
        "comparison beside the claims, not among them."
    )
    return answers[found.answer], detail


def shown(tree: Sequence[CandidateReport]) -> list[CandidateReport]:
    """Of a large tree those that led to others or won, and the first of the rest."""
    if len(tree) <= MOST_SHOWN:
        return list(tree)
    telling = {each.number for each in tree if each.was_parent or each.won}
    rest = [each.number for each in tree if each.number not in telling]
    kept = telling | set(rest[: max(0, MOST_SHOWN - len(telling))])
    return [each for each in tree if each.number in kept]


def _against(values: Values, one: int, other: int) -> tuple[list[int], float | None]:
    """The seeds that two candidates share, and their mean difference there."""
    own, theirs = values.get(one, {}), values.get(other, {})
    shared = [seed for seed in own if seed in theirs]
    if not shared:
        return shared, None
    return shared, float(np.mean([own[seed] - theirs[seed] for seed in shared]))


def _lead(raced: Values, winner: int | None) -> float | None:
    """The winner's mean difference to the finalist that comes next to it."""
    if winner is None:
        return None
    found = [_against(raced, winner, other)[1] for other in raced if other != winner]
    known = [each for each in found if each is not None]
    return min(known, key=abs) if known else None


def _in_order(candidates: Mapping[int, CandidateReport]) -> list[CandidateReport]:
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


def _fresh(
    idea: IdeaSummary, template: TemplateSummary, metric: str
) -> tuple[list[int], dict[int, float]]:
    scores = idea.confirmed or template.confirmed
    assert scores is not None
    return scores.seeds, dict(zip(scores.seeds, scores.per_seed[metric], strict=True))


def _spent(idea: IdeaSummary) -> tuple[int, float]:
    """Runs of one seed, and seconds of computing, until the winner was chosen."""
    done = [entry for entry in idea.entries if entry.step == "evaluate"]
    return len(done), sum(float(entry.data.get("cpu_seconds") or 0.0) for entry in done)
