"""What came of a search, as its ledger has it: its tree, what it took, how far the winner fell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np

from bonsai.base import END, Entry, listing
from bonsai.evaluation import STOPPED_EARLY, TOO_SLOW, Comparison, checks, verdict
from bonsai.report import words
from bonsai.report.shapes import (
    CandidateReport,
    Contest,
    Finalist,
    Gain,
    SearchReport,
)
from bonsai.report.source import Source
from bonsai.report.summary import IdeaSummary, TemplateSummary
from bonsai.settings import SearchSettings

TEMPLATE = 0  # the candidate that is the template itself
MOST_SHOWN = 400
STAGES = {
    "search": "the search's seeds",
    "race": "the race's seeds",
    "verdict": "fresh seeds, for the verdict",
}
Values = dict[int, dict[int, float]]  # by candidate and seed


def read_search(
    idea: IdeaSummary, template: TemplateSummary, settings: SearchSettings, patch: str = ""
) -> SearchReport | None:
    """What the ledger holds of a search; None where nothing was run.

    Differences are to the template on the same seeds, in the metric that ideas are judged by. Those
    of the search's seeds are what it chose by, and so flatter whatever it chose.

    Args:
        idea: whose steps are those of the search.
        template: what is searched.
        settings: of the search.
        patch: the file with the winner's changes; empty: there is none.
    """
    candidates = _candidates(idea.entries)
    runs = [entry for entry in idea.entries if entry.step == "evaluate"]
    if not runs:
        return None
    values = {stage: _values(runs, stage, template.primary) for stage in ("search", "race")}
    taken_on = (
        e.data["candidate"] for e in idea.entries if e.step == "run" and "candidate" in e.data
    )
    winner = next(taken_on, None)
    for number, each in candidates.items():
        each.won = number == winner
        each.seeds, each.difference = _against(values["search"], number, TEMPLATE)
    _tell_fates(candidates, runs, values)
    line = _line(candidates, winner)
    computing = [entry.data["cpu_seconds"] for entry in runs if entry.data.get("cpu_seconds")]
    count = Counter(_stage(entry) for entry in runs)
    if idea.comparison is not None:
        count["verdict"] = 2 * len(idea.comparison.differences)
    made = [entry for entry in idea.entries if entry.step == "propose"]
    finalists = [
        Finalist(
            number=number, seeds=sorted(found), mean=float(np.mean(list(found.values()))),
            won=number == winner,
        )
        for number, found in values["race"].items()
    ]  # fmt: skip
    finalists.sort(key=lambda each: each.mean, reverse=template.better != "lower")
    return SearchReport(
        tree=_in_order(candidates),
        proposers=_counted(entry.data["by"] for entry in made if entry.ok),
        fruitless=_counted(entry.data["by"] for entry in made if not entry.ok),
        runs=dict(count),
        given_up=_counted(_kind(entry) for entry in runs if not entry.ok),
        cpu_seconds=sum(computing),
        timed=len(computing),
        line=line,
        others=_counted(each.fate for each in candidates.values() if each.number not in line),
        finalists=finalists,
        gains=_gains(values, winner, [each.number for each in finalists], idea.comparison),
        cost=cost_of(idea),
        max_slowdown=settings.max_slowdown,
        patch=patch,
    )


def contest(
    template: TemplateSummary,
    searches: Mapping[str, SearchReport],
    settings: SearchSettings,
    analyses: int,
) -> Contest | None:
    """Whether the search with a model found more than its control with as many runs.

    A paired comparison of the two winners on the fresh seeds that both were run on; a search that
    ended without a winner answers with the template. None where there is no control, or a search is
    not over.

    Args:
        template: whose ideas are the searches.
        searches: what came of them, by the idea's folder.
        settings: of the searches; `arms` names the control.
        analyses: how often a verdict could be spoken.
    """
    over = [
        idea for idea in template.ideas
        if idea.idea.Name in searches and any(entry.step == END for entry in idea.entries)
    ]  # fmt: skip
    arms = sorted(over, key=lambda idea: idea.idea.Name in settings.arms)
    if len(arms) != 2 or [idea.idea.Name in settings.arms for idea in arms] != [False, True]:
        return None
    model, control = arms
    own, other = (searches[idea.idea.Name] for idea in arms)
    seeds, comparison = _compare(model, control, template, analyses)
    return Contest(
        model=model.idea.called,
        control=control.idea.called,
        answer=_answer(comparison, template.better, model.confirmed is not None),
        comparison=comparison,
        seeds=seeds,
        found=(model.confirmed is not None, control.confirmed is not None),
        runs=(own.spent, other.spent),
        cpu_seconds=(own.cpu_seconds, other.cpu_seconds),
        timed=(own.timed, other.timed),
    )


def describe_contest(found: Contest, unit: str, digits: int) -> tuple[str, str]:
    """The question, answered, and the figures that the answer rests on."""
    answers = {
        "yes": "The model beat TPE at equal compute",
        "no": "The model did not beat TPE at equal compute",
        "undecided": "Whether the model beat TPE at equal compute is undecided",
    }
    detail = f"{found.answer.capitalize()}: {found.model} against {found.control}"
    comparison = found.comparison
    if comparison is None:
        detail += ", neither of which has a winner that was judged"
    else:
        names = (found.model, found.control)
        nothing = [name for name, there in zip(names, found.found, strict=True) if not there]
        for name in nothing:
            detail += f"; {name} has no winner that was judged, so the template stands for it"
        detail += f": {words.signed(comparison.mean, digits)} {words.points(unit)}".rstrip()
        if comparison.low is not None and comparison.high is not None:
            ends = words.interval(comparison.low, comparison.high, digits)
            detail += f", 95\N{NO-BREAK SPACE}% interval {ends}"
        detail += f", on {words.counted(len(found.seeds), 'fresh seed')}"
    own, other = found.runs
    detail += f". Spent: {own:,} and {other:,} runs of one seed, "
    detail += " and ".join(f"{seconds:,.0f}" for seconds in found.cpu_seconds)
    detail += " s of computing"
    if found.timed != found.runs:
        detail += f" in the {found.timed[0]:,} and {found.timed[1]:,} of which it is known"
    return answers[found.answer], f"{detail}. One comparison beside the claims, not among them."


def describe_spending(search: SearchReport) -> str:
    """What was looked at, by whom, and what that took."""
    told = f"{words.counted(len(search.tree), 'candidate')} looked at"
    if search.proposers:
        told += f", made by {_listed(search.proposers)}"
    if search.fruitless:
        told += f" (proposals that came to nothing: {_listed(search.fruitless)})"
    runs = [f"{words.counted(search.runs.get('search', 0), 'run')} of one seed to find the best"]
    if race := search.runs.get("race"):
        runs.append(f"{race:,} in a race of {words.counted(len(search.finalists), 'finalist')}")
    if judged := search.runs.get("verdict"):
        runs.append(f"{judged:,} for the verdict, half of them of the template")
    told += f". {listing(runs)}; each step has seeds of its own. "
    ends = []
    broken = dict(search.given_up)
    for kind, said in ((STOPPED_EARLY, "stopped early by their curve"), (TOO_SLOW, "too slow")):
        if count := broken.pop(kind, 0):
            ends.append(f"{count:,} {said}")
    if broken:
        ends.append(f"{sum(broken.values()):,} broken ({_listed(broken)})")
    if ends:
        told += f"Runs without a figure: {listing(ends)}. "
    told += f"{search.cpu_seconds:,.0f} s of computing before the verdict"
    if search.timed != search.spent:
        told += f", in the {search.timed:,} runs of which it is known"
    return told + "."


def describe_cost(search: SearchReport) -> str:
    """What the winner takes, and what it was allowed to."""
    limit = (
        f"A candidate could take {words.number(search.max_slowdown)} times the template's "
        "computing time at most."
    )
    if not search.cost:
        return limit
    return f"Cost on the fresh seeds: {search.cost[0].lower()}{search.cost[1:]} {limit}"


def describe_others(search: SearchReport) -> str:
    """What became of the candidates that the winner has nothing of; empty where there are none."""
    if not search.others:
        return ""
    count = words.counted(sum(search.others.values()), "candidate")
    begin = f"{count} beside these" if search.line else count
    return f"{begin}: " + ", ".join(f"{n:,} {fate}" for fate, n in search.others.items()) + "."


def how_to_apply(search: SearchReport) -> str:
    """The command, in the template's folder.

    `git apply` would do there as well, but within a larger repository it looks for the files at
    that one's top, and skips them without a word.
    """
    return f"patch -p1 < RESULTS/{search.patch}"


def shown(search: SearchReport) -> list[CandidateReport]:
    """Of a large tree those that led to others or won, and the first of the rest."""
    tree = search.tree
    if len(tree) <= MOST_SHOWN:
        return tree
    telling = {each.parent for each in tree} | set(search.line)
    rest = [each.number for each in tree if each.number not in telling]
    kept = telling | set(rest[: max(0, MOST_SHOWN - len(telling))])
    return [each for each in tree if each.number in kept]


def _candidates(entries: Sequence[Entry]) -> dict[int, CandidateReport]:
    """Those that were made, by number."""
    made = [entry for entry in entries if entry.step == "propose" and entry.ok]
    return {
        entry.data["candidate"]: CandidateReport(
            number=entry.data["candidate"], parent=entry.data["parent"],
            other=entry.data.get("other"), change=entry.data["change"], by=entry.data["by"],
            source=Source(file="ledger.jsonl", line=entry.line),
        )
        for entry in made
    }  # fmt: skip


def _stage(entry: Entry) -> str:
    """Which seeds a run was made on; older ledgers do not say, and know no race."""
    return str(entry.data.get("stage", "search"))


def _kind(entry: Entry) -> str:
    return str(entry.data.get("kind", "failed"))


def _values(runs: Sequence[Entry], stage: str, metric: str) -> Values:
    """The figures of the finished runs of a stage."""
    values: Values = {}
    for entry in runs:
        if entry.ok and _stage(entry) == stage:
            found = values.setdefault(entry.data["candidate"], {})
            found[entry.data["seed"]] = entry.data["scores"]["means"][metric]
    return values


def _tell_fates(
    candidates: Mapping[int, CandidateReport], runs: Sequence[Entry], values: Mapping[str, Values]
) -> None:
    """Say of each candidate what became of it."""
    parents = {each.parent for each in candidates.values()}
    broke = {entry.data["candidate"]: entry for entry in runs if not entry.ok}
    for number, each in candidates.items():
        each.fate = "not run"
        if each.won:
            each.fate = "judged on fresh seeds"
        elif number in broke:
            each.fate = _kind(broke[number])
        elif number in values["race"]:
            each.fate = "raced"
        elif number in parents:
            each.fate = "taken on"
        elif number in values["search"]:
            each.fate = "not taken on"
        if number in broke:
            each.problem = broke[number].message


def _line(candidates: Mapping[int, CandidateReport], winner: int | None) -> list[int]:
    """The candidates from the template's child to the winner."""
    line, at = list[int](), winner
    while at is not None and at in candidates:
        line.append(at)
        at = candidates[at].parent
    return line[::-1]


def _against(values: Values, one: int, other: int) -> tuple[list[int], float | None]:
    """The seeds that two candidates share, and their mean difference there."""
    own, theirs = values.get(one, {}), values.get(other, {})
    shared = sorted(own.keys() & theirs.keys())
    if not shared:
        return shared, None
    return shared, float(np.mean([own[seed] - theirs[seed] for seed in shared]))


def _gains(
    values: Mapping[str, Values],
    winner: int | None,
    finalists: Sequence[int],
    comparison: Comparison | None,
) -> list[Gain]:
    """The winner's differences, from the seeds that it was chosen by to those that are claimed."""
    if winner is None:
        return []
    gains = []
    rivals = [number for number in finalists if number != winner]
    for stage, other in (("search", TEMPLATE), *(("race", rival) for rival in rivals)):
        seeds, difference = _against(values[stage], winner, other)
        if difference is not None:
            gains.append(Gain(stage=stage, against=other, seeds=len(seeds), difference=difference))
    if comparison is not None:
        count = len(comparison.differences)
        gains.append(
            Gain(stage="verdict", against=TEMPLATE, seeds=count, difference=comparison.mean)
        )
    return gains


def cost_of(idea: IdeaSummary) -> str:
    """What the run that was judged costs, against the baseline on the same fresh seeds; or ""."""
    found = idea.checks.get(idea.best_run or "", [])
    return next((check.found for check in found if check.name == checks.COST), "")


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


def _compare(
    model: IdeaSummary, control: IdeaSummary, template: TemplateSummary, analyses: int
) -> tuple[list[int], Comparison | None]:
    """The fresh seeds that two answers were run on, and how they differ there.

    Nothing where both are the template.
    """
    if model.confirmed is None and control.confirmed is None:
        return [], None
    own, other = (
        {} if (scores := idea.confirmed or template.confirmed) is None
        else dict(zip(scores.seeds, scores.per_seed[template.primary], strict=True))
        for idea in (model, control)
    )  # fmt: skip
    seeds = [seed for seed in own if seed in other]
    if not seeds:
        return [], None
    return seeds, verdict.compare(
        [own[seed] for seed in seeds], [other[seed] for seed in seeds], analyses
    )


def _answer(
    comparison: Comparison | None, better: str | None, found: bool
) -> Literal["yes", "no", "undecided"]:
    if not found:
        return "no"  # there is nothing that could have beaten anything
    if comparison is None or comparison.p is None or comparison.p >= verdict.LEVEL:
        return "undecided"
    return "yes" if (comparison.mean < 0) == (better == "lower") else "no"


def _counted(names: Iterable[str]) -> dict[str, int]:
    """How often each occurs, the most frequent first."""
    return dict(Counter(names).most_common())


def _listed(counts: Mapping[str, int]) -> str:
    return listing([f"{name} ({count:,})" for name, count in counts.items()])
