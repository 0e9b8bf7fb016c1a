"""The report for a terminal, `report.md`, and a table of all ideas, `ideas.csv`."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from urllib.parse import quote

from bonsai.models import dollars
from bonsai.report import searches, words
from bonsai.report.given import Given
from bonsai.report.shapes import Finding, IdeaReport, Report, TemplateReport
from bonsai.templates import SELF_REPORTED

GIVEN = ("origin", "engine", "sha256", "claimed", "measured", "optimism")  # in ideas.csv
MAX_LISTED = 100  # ideas of a template; of more, the rest is in ideas.csv


def describe(report: Report) -> str:
    """The whole report as Markdown."""
    wording, looks = report.wording, ", ".join(map(str, report.looks))
    lines = [
        f"# {escape(report.question)}",
        "",
        f"**{report.answer}**",
        "",
    ]
    if not report.finished:
        done = f"{report.ideas_done} of {wording.count(len(report.ideas))} done"
        lines += [f"Not finished: {done} when this was written. Verdicts may still change.", ""]
    lines += [
        f"{wording.count(len(report.ideas))} and {words.counted(report.runs, 'run')} were "
        f"tried; {escape(report.whose)}. A verdict "
        f"compares {wording.is_judged} with the baseline on fresh "
        f"seeds {wording.unseen}{f' (looked at after {looks})' if looks else ''}: paired t-test "
        "and exact sign-flip test, the larger p-value; Holm's correction over all claims, level "
        "0.05. `index.html` tells it all.",
        "",
        "## Key findings (?)",
        "",
    ]
    findings = [each for template in report.templates for each in template.findings]
    told = [_finding(each) for each in (*findings, *report.findings)]
    lines += [*(told or ["Nothing yet."]), ""]
    for template in report.templates:
        lines += _describe_template(template)
    lines += _describe_budgets(report)
    lines += _describe_agents(report)
    lines += _describe_failures(report)
    figures = [figure for template in report.templates for figure in template.figures]
    if figures := [*figures, *report.figures]:
        lines += ["## Figures", "", *(f"![{name}]({name})\n" for name in figures)]
    return "\n".join(lines)


def tabulate(report: Report) -> str:
    """Every idea of a sweep, one line each, as comma-separated values with a heading."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    brought = not report.wording.edited
    table.writerow(
        ["template", report.wording.one, "verdict", "difference", "low", "high", "p_holm",
         "best_run", "runs", "tries_failed", "run_seconds", "tokens", "cost_usd", "folder",
         "agent", "agent_seconds", "calls", "edits", "edits_kept", *(GIVEN if brought else ())]
    )  # fmt: skip
    for template, idea in report.ideas:
        found = idea.main.verdict.comparison
        numbers = (found.mean, found.low, found.high) if found else (None, None, None)
        table.writerow(
            [template.name, idea.name, idea.word, *numbers, idea.main.verdict.p, idea.best_run,
             len(idea.runs), len(idea.failures), round(idea.run_seconds, 1), idea.tokens, idea.usd,
             idea.folder, *_effort(idea), *(_given(idea) if brought else ())]
        )  # fmt: skip
    return text.getvalue()


def _given(idea: IdeaReport) -> list[object]:
    """Where a program is from, and what is said of it, for the table; empty cells where none is."""
    return [getattr(idea.given, name, None) for name in GIVEN]


def _effort(idea: IdeaReport) -> list[object]:
    """What an idea's agent took, for the table; empty cells where none was asked."""
    if (took := idea.effort) is None:
        return [None] * 5
    return [took.agent, round(took.seconds, 1), took.calls, took.edits, took.kept]


def escape(text: str) -> str:
    """A model's words as plain text in Markdown."""
    line = " ".join(words.clean(text).split())
    for mark in "\\`*_{}[]<>|#":
        line = line.replace(mark, "\\" + mark)
    return line


def _finding(finding: Finding) -> str:
    word = f"**{finding.word}**: " if finding.word else ""
    return f"- {escape(finding.sentence)} (?) — {word}{escape(finding.detail)}"


def _describe_template(template: TemplateReport) -> list[str]:
    lines = [f"## {escape(template.name)}", ""]
    if template.baseline is None:
        return [
            *lines,
            f"There is no baseline, so {template.wording.untried}: {escape(template.problem)}",
            "",
        ]
    primary, base = template.primary, template.baseline
    lines += [
        f"Baseline on {escape(base.dataset)}: {escape(primary.name)} "
        f"{words.spread(base.means[primary.name], base.stderrs[primary.name])} {primary.unit} "
        f"({SELF_REPORTED + '; ' if template.self_reported else ''}standard error), "
        f"{words.counted(len(base.seeds), 'seed')}.",
        "",
        f"| {template.wording.one} | verdict | difference in {escape(primary.name)} "
        "| 95 % interval | p (Holm) | fresh seeds | runs | tries failed | run time | tokens "
        "| cost |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    if template.about_scores:
        lines[2:2] = [escape(template.about_scores), ""]
    if template.given:
        lines[2:2] = [f"The baseline was brought, too: {_origin(template.given)}.", ""]
    listed = template.surest(MAX_LISTED)
    lines += [*(_row(template, idea) for idea in template.best_first(listed)), ""]
    lines += _describe_given(listed)
    for idea in listed:
        lines += _describe_search(template, idea)
    if more := len(template.ideas) - len(listed):
        lines += [f"These are the {len(listed)} surest; all are in `ideas.csv`, {more} more.", ""]
    return lines


def _describe_given(ideas: list[IdeaReport]) -> list[str]:
    """Where programs are from that were brought, and what came of what is said of them."""
    lines = []
    for idea in ideas:
        if (given := idea.given) is not None:
            said = f" {escape(given.sentence)}" if given.sentence else ""
            lines.append(f"- {escape(idea.name)}: {_origin(given)}.{said}")
    return [*lines, ""] if lines else []


def _origin(given: Given) -> str:
    engine = f", by {escape(given.engine)}" if given.engine else ""
    return f"{escape(given.origin)}{engine}, sha256 `{given.sha256[:12]}`"


def _describe_search(template: TemplateReport, idea: IdeaReport) -> list[str]:
    """What a search looked at, what its winner gained step by step, and how it came about."""
    search = idea.search
    if search is None:
        return []
    primary, winner = template.primary, search.winner
    lines = [f"### {escape(idea.name)}, step by step", "", searches.describe_spending(search), ""]
    if winner:
        unit = f" ({words.points(primary.unit)})" if primary.unit else ""
        lines += [
            f"What {winner.name}, the winner, gained at each step. What is chosen for its figures "
            "falls back; only the verdict is claimed.",
            "",
            f"| measured on | against | seeds | difference in {escape(primary.name)}{unit} |",
            "|---|---|---|---|",
        ]
        for gain in search.gains:
            difference = words.signed(gain.difference, template.digits)
            lines.append(
                f"| {searches.STAGES[gain.stage]} | {words.version(gain.against)} | {gain.seeds} "
                f"| {difference} |"
            )
        lines.append("")
    elif idea.state == "done":
        lines += ["None was better: the search answers with the template itself.", ""]
    if search.finalists:
        told = ", ".join(
            f"{each.name}{' (the winner)' * each.won} {words.fixed(each.mean, template.digits)} on "
            + words.counted(len(each.seeds), "seed")
            for each in search.finalists
        )
        lines += [f"Mean {escape(primary.name)} of the finalists in the race: {told}.", ""]
    if winner:
        lines += [f"From the template to {winner.name}, each made from the one before:", ""]
        for each in search.steps:
            other = f" (with {words.version(each.other)})" if each.other is not None else ""
            lines.append(f"- {each.name}: {escape(each.change)}{other}, by {escape(each.by)}")
        lines.append("")
    if others := searches.describe_others(search):
        lines += [escape(others), ""]
    lines += [searches.describe_cost(search), ""]
    if search.patch and winner:
        lines += [
            f"[`{search.patch}`](../{quote(search.patch)}) holds what {winner.name} changed. In "
            f"the template's folder, `{searches.how_to_apply(search)}` applies it, `git apply` too "
            "if that folder lies in no larger repository.",
            "",
        ]
    return lines


def _row(template: TemplateReport, idea: IdeaReport) -> str:
    comparison = idea.main.verdict.comparison
    difference = interval = seeds = "–"
    if comparison is not None:
        difference = f"{words.signed(comparison.mean, template.digits)} ({idea.best_run})"
        seeds = str(len(comparison.differences))
        if comparison.low is not None and comparison.high is not None:
            interval = words.interval(comparison.low, comparison.high, template.digits)
    cost = "unknown" if idea.usd is None else f"${idea.usd:.2f}"
    cells = [
        escape(idea.name), f"**{idea.word}**" + f" ({SELF_REPORTED})" * template.self_reported,
        difference, interval,
        words.p_value(idea.main.verdict.p), seeds, str(len(idea.runs)), str(len(idea.failures)),
        words.duration(idea.run_seconds), f"{idea.tokens:,}", cost,
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def _describe_budgets(report: Report) -> list[str]:
    """What was spent, and which budget ended which idea."""
    lines = []
    if report.tokens:
        unknown = (
            f"; the price of {report.unpriced} calls is unknown, so they count in tokens only"
            if report.unpriced
            else ""
        )
        lines.append(
            f"Spent on the model: {report.tokens:,} tokens, {dollars(report.usd)}{unknown}."
        )
    for template, idea in report.ideas:
        if idea.ended_by_budget:
            where = escape(f"{template.name}/{idea.name}")
            lines.append(f"- {where}: {escape(idea.ended_by_budget)}")
    return ["## Budget", "", *lines, ""] if lines else []


def _describe_agents(report: Report) -> list[str]:
    """What each agent cost and was worth, and where two can be told apart."""
    if not report.efforts:
        return []
    lines = [
        "## What the agents cost and were worth",
        "",
        "| agent | ideas | outcomes | edits tried | kept | 95 % interval | agent's time | calls "
        "| tokens in | out | cost | what went wrong |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for each in report.efforts:
        cells = [
            escape(each.agent), str(each.ideas), _counts(each.outcomes, " "), str(each.edits),
            str(each.kept), words.share(each.share) if each.share else "–",
            words.duration(each.seconds), f"{each.calls:,}", f"{each.tokens_in:,}",
            f"{each.tokens_out:,}", "unknown" if each.usd is None else f"${each.usd:.2f}",
            _counts(each.failures, " × ") or "–",
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", *(f"- {escape(each.sentence)}" for each in report.contrasts)]
    if report.contrasts:
        lines += [
            "",
            "The ideas were shared out at random. Intervals (Newcombe's for shares, Welch's for "
            "means) are not corrected for the number of comparisons; those of edits are rather "
            "too narrow, since edits of one idea are no independent trials.",
        ]
    return [*lines, ""]


def _counts(counts: Mapping[str, int], between: str) -> str:
    return escape(", ".join(f"{count}{between}{name}" for name, count in counts.items()))


def _describe_failures(report: Report) -> list[str]:
    if not report.failures:
        return ["Nothing failed.", ""]
    kinds = ", ".join(f"{count} × {kind}" for kind, count in report.failure_kinds.items())
    lines = ["## What went wrong", "", f"{kinds}. Each cost its own try and nothing else.", ""]
    if sum(report.failure_kinds.values()) > len(report.failures):
        lines += [f"The last {len(report.failures)}; all are in `ledger.jsonl`.", ""]
    for each in report.failures:
        where = f"{each.template}/{each.idea}" if each.idea else each.template
        lines.append(f"- {escape(where)}, {each.step}: {escape(each.message)}")
    return [*lines, ""]
