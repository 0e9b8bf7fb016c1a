"""From the ledger of a sweep to what a report tells of it (`shapes`)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from bonsai.base import END, Entry, listing
from bonsai.evaluation import BASELINE_RUN, Verdict, Word, claims
from bonsai.models import Spending
from bonsai.report import effort, findings, words
from bonsai.report.given import as_given, read_given
from bonsai.report.searches import contest, read_search
from bonsai.report.shapes import (
    Failure,
    IdeaReport,
    Judged,
    MetricReport,
    Report,
    Run,
    SearchReport,
    TemplateReport,
)
from bonsai.report.source import Source
from bonsai.report.summary import IdeaSummary, SweepSummary, TemplateSummary
from bonsai.settings import SearchSettings
from bonsai.templates import SELF_REPORTED, Reported

Efforts = dict[tuple[str, str], effort.Effort]  # by template and idea
MAX_FAILURES = 100  # of more, the last are told one by one, and the rest is counted


def gather(sweep: SweepSummary, now: float | None = None) -> Report:
    """What there is to tell of a sweep.

    Args:
        sweep: the sweep.
        now: seconds since 1970; by default the time.
    """
    search = sweep.settings.search
    efforts = effort.of_sweep(sweep)
    templates = [_template(sweep.results, each, search, efforts) for each in sweep.templates]
    _tell_given(sweep, templates)
    steps = [entry for entry in sweep.entries if entry.index >= 0]
    ideas = [idea for template in templates for idea in template.ideas]
    done = sum(idea.state == "done" for idea in ideas)
    report = Report(
        question=_question(sweep),
        answer=headline(sweep),
        finished=all(map(_is_over, sweep.templates)),
        written=time.time() if now is None else now,
        began=min((entry.time - entry.seconds for entry in steps), default=None),
        ended=max((entry.time for entry in steps), default=None),
        ideas_done=done,
        model=sweep.settings.model,
        looks=sweep.settings.interim_analyses(),
        templates=templates,
        findings=[],
        runs=sum(len(idea.runs) for idea in ideas),
        tokens=sweep.spending.tokens,
        usd=sweep.spending.usd,
        unpriced=sweep.spending.unpriced,
        failures=_failures(sweep.entries, _names(sweep))[-MAX_FAILURES:],
        failure_kinds=dict(sweep.failures.most_common()),
        efforts=effort.by_agent(efforts.values()),
        contrasts=effort.contrasts(
            list(efforts.values()), judged=bool(sweep.settings.interim_analyses())
        ),
    )
    for template, summary in zip(templates, sweep.templates, strict=True):
        if search is not None:
            found = {idea.folder: idea.search for idea in template.ideas if idea.search}
            template.contest = contest(summary, found, search, len(report.looks))
        template.findings = findings.of_template(template, summary)
    report.findings = findings.of_sweep(report)
    return report


def headline(sweep: SweepSummary) -> str:
    """The answer in one sentence."""
    spoken = [idea.word for _, idea in sweep.ideas]
    parts = [f"{spoken.count('supported')} of {len(spoken)} {sweep.wording.many} beat the baseline"]
    told: tuple[tuple[Word, str], ...] = (
        ("refuted", "refuted"),
        ("undecided", "undecided"),
        ("no result", "without a result"),
    )
    parts += [f"{spoken.count(word)} {said}" for word, said in told if word in spoken]
    told_by = [each.template.name for each in sweep.templates if each.template.is_self_reported]
    whose = f" Scores of {listing(told_by)} are {SELF_REPORTED}." if told_by else ""
    return "; ".join(parts) + "." + whose


def page_of(template: str, idea: str) -> str:
    """The page of an idea, in the report's folder."""
    return f"ideas/{template}--{idea}.html"


def _question(sweep: SweepSummary) -> str:
    count = sweep.wording.count(len(sweep.ideas))
    if len(sweep.templates) == 1:
        name = sweep.templates[0].template.name
        return f"Of {count} on {name}: which beat the baseline?"
    return f"Of {count} on {len(sweep.templates)} templates: which beat the baseline?"


def _tell_given(sweep: SweepSummary, templates: Sequence[TemplateReport]) -> None:
    """Add to what is told where programs are from that were brought, and what is said of them."""
    settings, looks = sweep.settings, len(sweep.settings.interim_analyses())
    brought = {item.name: item.baseline for item in settings.assignments}
    for summary, template in zip(sweep.templates, templates, strict=True):
        if (baseline := brought.get(template.name)) is not None:
            template.given = as_given(baseline)
        for idea, told in zip(summary.ideas, template.ideas, strict=True):
            if (program := settings.given(template.name, told.folder)) is not None:
                told.given = read_given(program, summary, idea, looks)


def _template(
    results: Path, summary: TemplateSummary, search: SearchSettings | None, efforts: Efforts
) -> TemplateReport:
    name, scorer = summary.template.name, summary.template.scorer
    metrics = {
        key: MetricReport(name=key, unit=metric.unit, better=metric.better, about=metric.about)
        for key, metric in scorer.metrics.items()
    }
    built = [entry for entry in summary.entries if entry.step == "baseline" and entry.ok]
    baseline = None
    if summary.baseline is not None:
        baseline = _run(BASELINE_RUN, built[-1], results, f"{name}/run_0", {summary.primary})
        baseline.checks = summary.checks
    compared = [idea.comparison for idea in summary.ideas if idea.comparison]
    problem = ""
    if baseline is None:
        failed = [entry for entry in summary.entries if not entry.ok]
        problem = failed[-1].message if failed else "The baseline is not built yet."
    report = TemplateReport(
        name=name,
        primary=metrics[summary.primary],
        metrics=metrics,
        digits=words.digits_of(compared),
        baseline=baseline,
        fresh=None,
        problem=problem,
        ideas=[],
        about_scores=_about_scores(scorer) if isinstance(scorer, Reported) else "",
    )
    claimed = {claim.metric for idea in summary.ideas for claim in idea.claims}
    confirmed = [each for each in summary.entries if each.step == "confirm" and each.ok]
    if summary.confirmed and confirmed:
        report.fresh = _fresh(BASELINE_RUN, confirmed, summary.confirmed, claimed)
        report.fresh.sources += _files(results, f"{name}/confirm", BASELINE_RUN)
    report.ideas = [_idea(results, summary, report, idea, search) for idea in summary.ideas]
    for told in report.ideas:
        told.effort = efforts.get((name, told.folder))
    return report


def _about_scores(how: Reported) -> str:
    """What a reader must know of scores that nobody but the program computed."""
    told = (
        f"{SELF_REPORTED.capitalize()}: there is no score.py, so every score is one that the "
        f"program wrote itself, {how.chosen}. As for seeds, {how.told_seeding}."
    )
    if how.selection == how.primary:
        told += (
            " Runs were chosen by the figure that they are judged by, so the fresh seeds carry "
            "the whole weight."
        )
    if how.left_out:
        told += f" No number, and so left alone: {', '.join(how.left_out[:5])}."
    return told


def _idea(
    results: Path, template: TemplateSummary, told: TemplateReport, idea: IdeaSummary,
    search: SearchSettings | None,
) -> IdeaReport:  # fmt: skip
    name = template.template.name
    folder = f"{name}/{idea.idea.Name}"
    finished = [entry for entry in idea.entries if entry.step == "run" and entry.ok]
    runs = []
    for entry in finished:
        run = _run(
            entry.data["run"], entry, results, f"{folder}/workspace/{entry.data['run']}",
            {told.primary.name},
        )  # fmt: skip
        run.checks = idea.checks.get(run.name, [])
        runs.append(run)
    claimed = {claim.metric for claim in idea.claims}
    fresh = []
    for run_name, scores in idea.fresh.items():
        confirmed = [
            entry for entry in idea.entries
            if entry.step == "confirm" and entry.ok and entry.data.get("run") == run_name
        ]  # fmt: skip
        again = _fresh(run_name, confirmed, scores, claimed)
        again.sources += _files(results, f"{folder}/confirm", run_name)
        fresh.append(again)
    begun = bool(idea.entries)
    searched = _search(results, template, folder, idea, search)
    lines = [entry.line for entry in idea.entries if entry.line]
    return IdeaReport(
        name=idea.idea.called,
        folder=idea.idea.Name,
        title=idea.idea.Title,
        experiment=idea.idea.Experiment,
        page=page_of(name, idea.idea.Name),
        state="done" if _ended(idea.entries) else "under way" if begun else "waiting",
        word=idea.word,
        claims=[_judged(told, idea, each) for each in idea.verdicts],
        seal=idea.seal,
        runs=runs,
        fresh=fresh,
        best_run=idea.best_run,
        seeming=_seeming(template, idea, searched),
        failures=_failures(idea.entries, {(name, idea.idea.Name): idea.idea.called}),
        run_seconds=idea.run_seconds,
        seconds=idea.spending.seconds,
        tokens=idea.spending.tokens,
        usd=_usd(idea.spending),
        ended_by_budget=idea.ended_by_budget,
        sources=[Source(file="ledger.jsonl", line=line) for line in (*lines[:1], *lines[1:][-1:])],
        search=searched,
    )


def _search(
    results: Path, template: TemplateSummary, folder: str, idea: IdeaSummary,
    settings: SearchSettings | None,
) -> SearchReport | None:  # fmt: skip
    if settings is None:
        return None
    patch = f"{folder}/winner.patch"
    there = patch if (results / patch).is_file() else ""
    return read_search(idea, template, settings, there)


def _judged(template: TemplateReport, idea: IdeaSummary, verdict: Verdict) -> Judged:
    claim, comparison = verdict.claim, verdict.comparison
    metric = template.metrics.get(claim.metric)
    judged = Judged(
        sentence=claims.describe(claim, words.points(metric.unit) if metric else ""),
        verdict=verdict,
        unit=metric.unit if metric else "",
    )
    if comparison is None:
        return judged
    run = idea.fresh[verdict.run or ""]
    count = len(comparison.differences)
    judged.seeds = run.seeds[:count]
    judged.values = run.per_seed[claim.metric][:count]
    judged.others = [
        value - difference
        for value, difference in zip(judged.values, comparison.differences, strict=True)
    ]
    digits = words.digits_of([comparison])
    if claim.metric == template.primary.name:
        digits = template.digits
    judged.digits = digits
    judged.result = f"{words.signed(comparison.mean, digits)} {words.points(judged.unit)}".strip()
    if comparison.low is not None and comparison.high is not None:
        ends = words.interval(comparison.low, comparison.high, digits)
        judged.result += f", 95\N{NO-BREAK SPACE}% interval {ends}"
    judged.result += f", on {words.counted(count, 'fresh seed')}"
    return judged


def _seeming(
    template: TemplateSummary, idea: IdeaSummary, search: SearchReport | None
) -> float | None:
    """What the best run gained on the seeds that it was chosen by, as a paper would say it."""
    run = idea.runs.get(idea.best_run or "")
    if run is None or template.baseline is None:
        return None
    gain: float | None = run.means[template.primary] - template.baseline.means[template.primary]
    if search is not None:  # its seeds are not the baseline's
        gain = search.winner.difference if search.winner else None
    if gain is None:
        return None
    return -gain if template.better == "lower" else gain


def _run(name: str, entry: Entry, results: Path, folder: str, told: set[str]) -> Run:
    """A run on the agent's seeds, as its line in the ledger has it."""
    scores = entry.data["scores"]
    return Run(
        name=name,
        dataset=scores["dataset"],
        seeds=scores["seeds"],
        means=scores["means"],
        stderrs=scores["stderrs"],
        per_seed={key: values for key, values in scores["per_seed"].items() if key in told},
        seconds=entry.data.get("run_seconds") or None,  # a winner is taken on without a run
        where=entry.data.get("where", ""),
        sources=[Source(file="ledger.jsonl", line=entry.line), *_file(results, folder)],
    )


def _fresh(name: str, entries: list[Entry], scores: object, told: set[str]) -> Run:
    """A run on fresh seeds, of all interim analyses of it together."""
    from bonsai.evaluation import Scores

    assert isinstance(scores, Scores)
    return Run(
        name=name,
        dataset=scores.dataset,
        seeds=scores.seeds,
        means=scores.means,
        stderrs=scores.stderrs,
        per_seed={key: values for key, values in scores.per_seed.items() if key in told},
        seconds=sum(float(entry.data.get("run_seconds", 0.0)) for entry in entries),
        where=entries[-1].data.get("where", "") if entries else "",
        sources=[Source(file="ledger.jsonl", line=entry.line) for entry in entries],
    )


def _file(results: Path, folder: str) -> list[Source]:
    path = f"{folder}/final_info.json"
    return [Source(file=path)] if (results / path).is_file() else []


def _files(results: Path, folder: str, run: str) -> list[Source]:
    """The result files of a run on fresh seeds: one for every look at it."""
    found = sorted((results / folder).glob("**/final_info.json"))
    named = [path for path in found if run in path.relative_to(results / folder).parts]
    return [Source(file=path.relative_to(results).as_posix()) for path in named or found]


def _names(sweep: SweepSummary) -> dict[tuple[str, str], str]:
    """How people know the idea of a template and a folder."""
    return {
        (template.template.name, idea.idea.Name): idea.idea.called for template, idea in sweep.ideas
    }


def _failures(entries: list[Entry], names: dict[tuple[str, str], str]) -> list[Failure]:
    return [
        Failure(
            template=entry.template,
            idea=names.get((entry.template, entry.idea), entry.idea),
            step=entry.step,
            kind=str(entry.data.get("kind", entry.step)),
            message=entry.message,
            source=Source(file="ledger.jsonl", line=entry.line),
        )
        for entry in entries
        if entry.is_failure
    ]


def _is_over(template: TemplateSummary) -> bool:
    """Whether there is nothing left to do on a template."""
    if any(entry.step == "baseline" and not entry.ok for entry in template.entries):
        return True  # without a baseline no idea is tried
    return template.baseline is not None and all(_ended(idea.entries) for idea in template.ideas)


def _ended(entries: list[Entry]) -> bool:
    return any(entry.step == END for entry in entries)


def _usd(spending: Spending) -> float | None:
    return spending.known_usd
