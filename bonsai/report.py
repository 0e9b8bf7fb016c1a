"""The summary of a sweep, for people: `summary.md` and its figures."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from bonsai import figures
from bonsai.budget import dollars
from bonsai.files import write_atomically
from bonsai.summary import IdeaSummary, SweepSummary, TemplateSummary, most_telling

MAX_LISTED = 100  # ideas of a template, and failures; of more, the rest is counted


def write(sweep: SweepSummary) -> list[Path]:
    """Write `summary.md` and the figures into the results folder; returns the files."""
    pictures = figures.draw(sweep)
    summary = sweep.results / "summary.md"
    write_atomically(summary, describe(sweep, pictures))
    made = [summary]
    if any(len(template.ideas) > MAX_LISTED for template in sweep.templates):
        made.append(sweep.results / "ideas.csv")
        write_atomically(made[-1], tabulate(sweep))
    return [*made, *pictures]


def headline(sweep: SweepSummary) -> str:
    """The answer in one sentence."""
    words = [idea.word for _, idea in sweep.ideas]
    parts = [f"{words.count('supported')} of {len(words)} ideas beat the baseline"]
    for word, said in (
        ("refuted", "fell below it"),
        ("undecided", "undecided"),
        ("no result", "without a result"),
    ):
        if words.count(word):  # type: ignore[arg-type]
            parts.append(f"{words.count(word)} {said}")  # type: ignore[arg-type]
    return "; ".join(parts) + "."


def describe(sweep: SweepSummary, pictures: list[Path]) -> str:
    """The whole summary as Markdown."""
    settings = sweep.settings
    runs = sum(len(idea.runs) for _, idea in sweep.ideas)
    lines = [
        "# Summary of the sweep",
        "",
        f"**{headline(sweep)}**",
        "",
        f"{len(sweep.ideas)} ideas and {runs} runs were tried; the model was "
        f"{_escape(settings.model) if settings.model else 'played back from cassettes'}. A "
        "verdict compares an idea's "
        f"best run, chosen by a validation metric, with the baseline on {settings.confirm_seeds} "
        "fresh seeds that no "
        "agent saw: paired t-test, Holm's correction over all ideas, level 0.05.",
        "",
    ]
    for template in sweep.templates:
        lines += _describe_template(template)
    lines += _describe_budgets(sweep)
    lines += _describe_failures(sweep)
    if pictures:
        lines += ["## Figures", "", *(f"![{path.stem}]({path.name})\n" for path in pictures)]
    return "\n".join(lines)


def _describe_template(template: TemplateSummary) -> list[str]:
    lines = [f"## {template.template.name}", ""]
    if template.baseline is None:
        last = template.entries[-1].message if template.entries else "not begun"
        return [*lines, f"The baseline gave no result, so no idea was tried: {_escape(last)}", ""]
    mean, stderr = (
        template.baseline.means[template.primary],
        template.baseline.stderrs[template.primary],
    )
    spread = "" if stderr is None else f" ± {stderr:.2g} (standard error)"
    lines += [
        f"Baseline on {template.baseline.dataset}: {template.primary} {mean:.4g}{spread} "
        f"{template.unit}, "
        f"{len(template.baseline.seeds)} seeds.",
        "",
        f"| idea | verdict | difference in {template.primary} | 95 % interval | p (Holm) | runs | "
        "tries failed | run time | tokens | cost |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    listed = most_telling(template.ideas, MAX_LISTED)
    order = sorted(
        listed,
        key=lambda idea: -idea.comparison.mean if idea.comparison else float("inf"),
        reverse=template.better == "lower",
    )
    lines += [*(_row(idea) for idea in order), ""]
    if more := len(template.ideas) - len(listed):
        lines += [f"These are the {len(listed)} surest; all are in `ideas.csv`, {more} more.", ""]
    return lines


def tabulate(sweep: SweepSummary) -> str:
    """Every idea of a sweep, one line each, as comma-separated values with a heading."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(
        ["template", "idea", "verdict", "difference", "low", "high", "p_holm", "best_run", "runs",
         "tries_failed", "run_seconds", "tokens", "cost_usd"]
    )  # fmt: skip
    for template, idea in sweep.ideas:
        found = idea.comparison
        numbers = (found.mean, found.low, found.high) if found else (None, None, None)
        table.writerow(
            [template.template.name, idea.idea.Name, idea.word, *numbers, idea.adjusted_p,
             idea.best_run, len(idea.runs), len(idea.failures), round(idea.run_seconds, 1),
             idea.spending.tokens, idea.spending.known_usd]
        )  # fmt: skip
    return text.getvalue()


def _row(idea: IdeaSummary) -> str:
    comparison = idea.comparison
    difference = interval = p = "–"
    if comparison is not None:
        difference = f"{comparison.mean:+.3f} ({idea.best_run})"
        if comparison.low is not None and comparison.high is not None:
            interval = f"{comparison.low:+.3f} to {comparison.high:+.3f}"
        if idea.adjusted_p is not None:
            p = f"{idea.adjusted_p:.3f}" if idea.adjusted_p >= 0.001 else "< 0.001"
    usd = idea.spending.known_usd
    cost = "unknown" if usd is None else f"${usd:.2f}"
    cells = [
        _escape(idea.idea.Name), f"**{idea.word}**", difference, interval, p, str(len(idea.runs)),
        str(len(idea.failures)), f"{idea.run_seconds:.0f} s", str(idea.spending.tokens), cost,
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def _describe_budgets(sweep: SweepSummary) -> list[str]:
    """What was spent, and which budget ended which idea."""
    lines = []
    spending = sweep.spending
    if spending.tokens:
        unknown = (
            f"; the price of {spending.unpriced} calls is unknown, so they count in tokens only"
            if spending.unpriced
            else ""
        )
        lines.append(
            f"Spent on the model: {spending.tokens:,} tokens, {dollars(spending.usd)}{unknown}."
        )
    for template, idea in sweep.ideas:
        if idea.ended_by_budget:
            where = _escape(f"{template.template.name}/{idea.idea.Name}")
            lines.append(f"- {where}: {_escape(idea.ended_by_budget)}")
    return ["## Budget", "", *lines, ""] if lines else []


def _describe_failures(sweep: SweepSummary) -> list[str]:
    failed = [entry for entry in sweep.entries if entry.is_failure]
    if not failed:
        return ["Nothing failed.", ""]
    kinds = ", ".join(f"{count} × {kind}" for kind, count in sweep.failures.most_common())
    lines = ["## What went wrong", "", f"{kinds}. Each cost its own try and nothing else.", ""]
    if len(failed) > MAX_LISTED:
        lines += [f"The last {MAX_LISTED}; all are in `ledger.jsonl`.", ""]
    for entry in failed[-MAX_LISTED:]:
        where = f"{entry.template}/{entry.idea}" if entry.idea else entry.template
        lines.append(f"- {_escape(where)}, {entry.step}: {_escape(entry.message)}")
    return [*lines, ""]


def _escape(text: str) -> str:
    """A model's words as plain text in Markdown."""
    line = " ".join(text.split())
    for mark in "\\`*_{}[]<>|#":
        line = line.replace(mark, "\\" + mark)
    return line
