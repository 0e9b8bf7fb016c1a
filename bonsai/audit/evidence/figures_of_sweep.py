"""Numbers of a sweep that are no metric of a run: counts, costs, times, what checks found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bonsai.audit.facts import Known
from bonsai.report import IdeaReport, Report, Run, SweepSummary, TemplateReport

NUMBER = re.compile(r"(?<![\w.])[-+−]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w])")


def known_of(sweep: SweepSummary, report: Report) -> list[Known]:
    """All of them."""
    return [*_settings(sweep), *_totals(report), *_efforts(report), *_templates(sweep, report)]


def _settings(sweep: SweepSummary) -> Iterator[Known]:
    settings = sweep.settings
    for name, number in _numbers(settings.model_dump(mode="json", exclude={"assignments"})):
        yield Known(name, number, kind="setting", source="sweep.json")
    for looks in settings.interim_analyses():
        yield Known("fresh seeds", looks, kind="count", source="sweep.json")
    yield Known("looks", len(settings.interim_analyses()), kind="count", source="sweep.json")
    yield Known("level of the tests", 0.05, kind="setting")
    yield Known("level of the intervals", 95, "%", kind="setting")


def _numbers(value: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, float]]:
    if isinstance(value, dict) and depth < 6:
        for key, inner in value.items():
            yield from _numbers(inner, str(key), depth + 1)
    elif isinstance(value, list) and depth < 6:
        for inner in value[:200]:
            yield from _numbers(inner, name, depth + 1)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name, float(value)


def _totals(report: Report) -> Iterator[Known]:
    ideas = [idea for _, idea in report.ideas]
    claims = [claim for idea in ideas for claim in idea.claims]
    counts = {
        "ideas": len(ideas), "programs": len(ideas), "ideas done": report.ideas_done,
        "runs": report.runs, "templates": len(report.templates), "claims": len(claims),
        "claims with a comparison": sum(each.verdict.comparison is not None for each in claims),
        "steps that failed": sum(report.failure_kinds.values()),
        "calls without a known price": report.unpriced,
    }  # fmt: skip
    for name, count in counts.items():
        yield Known(name, count, kind="count", source="ledger.jsonl")
    for kind, count in report.failure_kinds.items():
        yield Known(f"steps that failed: {kind}", count, kind="count", source="ledger.jsonl")
    for word in ("supported", "refuted", "undecided", "no result"):
        yield Known(f"ideas {word}", sum(each.word == word for each in ideas), kind="count")
        number = sum(each.verdict.word == word for each in claims)
        yield Known(f"claims {word}", number, kind="count")
    yield Known("tokens", report.tokens, "tokens", source="ledger.jsonl")
    yield Known("cost of the model", report.usd, "$", source="ledger.jsonl")
    seconds = sum(each.run_seconds for each in ideas)
    yield Known("run time of all experiments", seconds, "s", source="ledger.jsonl")
    if report.began is not None and report.ended is not None:
        yield Known("time of the sweep", report.ended - report.began, "s", source="ledger.jsonl")
    yield Known("time of all steps", sum(each.seconds for each in ideas), "s")


def _efforts(report: Report) -> Iterator[Known]:
    for effort in report.efforts:
        for name, number in _numbers(effort.model_dump(mode="json", exclude={"sources"})):
            yield Known(f"{name} of {effort.agent}", number, source="ledger.jsonl")
    for contrast in report.contrasts:
        for name, number in _numbers(contrast.model_dump(mode="json")):
            yield Known(f"{contrast.what}: {name}", number, source="ledger.jsonl")
        yield from _told(contrast.what, f"{contrast.sentence} {' '.join(contrast.values)}")


def _templates(sweep: SweepSummary, report: Report) -> Iterator[Known]:
    for summary, template in zip(sweep.templates, report.templates, strict=True):
        for run in (template.baseline, template.fresh):
            if run is not None:
                yield from _run(run, "the baseline")
        if summary.best is not None:
            _, found = summary.best
            for name, number in _numbers(getattr(found, "__dict__", {})):
                yield Known(f"best idea: {name}", number)
        for finding in template.findings:
            yield from _told(finding.sentence[:60], f"{finding.sentence} {finding.detail}")
        if template.contest is not None:
            for name, number in _numbers(template.contest.model_dump(mode="json")):
                yield Known(f"contest: {name}", number, source="ledger.jsonl")
        for idea in template.ideas:
            yield from _idea(idea, template)
    for finding in report.findings:
        yield from _told(finding.sentence[:60], f"{finding.sentence} {finding.detail}")


def _idea(idea: IdeaReport, template: TemplateReport) -> Iterator[Known]:
    unit = template.primary.unit
    yield Known(f"runs of {idea.name}", len(idea.runs), kind="count", source="ledger.jsonl")
    yield Known(f"claims of {idea.name}", len(idea.claims), kind="count", source="ledger.jsonl")
    yield Known(f"tokens of {idea.name}", idea.tokens, "tokens", source="ledger.jsonl")
    if idea.usd is not None:
        yield Known(f"cost of {idea.name}", idea.usd, "$", source="ledger.jsonl")
    yield Known(f"run time of {idea.name}", idea.run_seconds, "s", source="ledger.jsonl")
    yield Known(f"time of all steps of {idea.name}", idea.seconds, "s", source="ledger.jsonl")
    if idea.seeming is not None:
        yield Known(f"seeming gain of {idea.name}", idea.seeming, unit, source="ledger.jsonl")
    for run in (*idea.runs, *idea.fresh):
        yield from _run(run, f"{idea.name}, {run.name}")
    for failure in idea.failures:
        yield Known("line of the ledger", failure.source.line or 0, source="ledger.jsonl")
    for claim in idea.claims:
        verdict = claim.verdict
        effect = verdict.claim.smallest_effect
        yield Known(f"smallest effect of {idea.name}", effect, claim.unit, "setting")
        for name, number in _numbers(verdict.model_dump(mode="json", exclude={"claim"})):
            yield Known(f"{name} of a claim of {idea.name}", number, source="ledger.jsonl")
        yield from _told(f"verdict on {idea.name}", f"{verdict.why} {claim.result}")
        for value in (*claim.values, *claim.others):
            yield Known(f"{verdict.claim.metric} of a seed", value, claim.unit)
        for seed in claim.seeds:
            yield Known("seed", seed, kind="setting", source="ledger.jsonl")
    if idea.search is not None:
        found = idea.search.model_dump(mode="json", exclude={"tree"})
        for name, number in _numbers(found):
            yield Known(f"{name} of the search {idea.name}", number, source="ledger.jsonl")
        yield Known("versions", len(idea.search.tree), kind="count", source="ledger.jsonl")
        for each in idea.search.tree:
            if each.difference is not None:
                yield Known(f"difference of {each.name}", each.difference, unit)
            yield from _told(each.name, f"{each.change} {each.fate} {each.problem}")
        yield from _told(f"cost of {idea.name}", idea.search.cost)


def _run(run: Run, whose: str) -> Iterator[Known]:
    yield Known(f"seeds of {whose}", len(run.seeds), kind="count", source="ledger.jsonl")
    for seed in run.seeds:
        yield Known("seed", seed, kind="setting", source="ledger.jsonl")
    if run.seconds is not None:
        yield Known(f"run time of {whose}", run.seconds, "s", source="ledger.jsonl")
    for check in run.checks:
        for name, number in check.numbers.items():
            yield Known(f"{check.name} of {whose}: {name}", number, source="ledger.jsonl")
        yield from _told(f"{check.name} of {whose}", check.found)


def _told(name: str, text: str) -> Iterator[Known]:
    """The numbers of a sentence that the report itself makes."""
    for found in NUMBER.findall(text)[:60]:
        number = found.replace(",", "").replace("−", "-").rstrip(".")
        if len(number) < 40:
            yield Known(name, float(number), source="the report")
