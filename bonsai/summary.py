"""What a sweep amounts to, read from its ledger alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bonsai import verdict
from bonsai.budget import CALLS, Spending
from bonsai.contract import Idea
from bonsai.ledger import Entry, Ledger
from bonsai.scores import Scores
from bonsai.settings import Settings
from bonsai.template import Template


@dataclass
class IdeaSummary:
    """One idea's story: its runs, its failures, its verdict."""

    idea: Idea
    entries: list[Entry]
    spending: Spending = field(default_factory=Spending)
    runs: dict[str, Scores] = field(default_factory=dict)
    best_run: str | None = None  # the run that was confirmed
    confirmed: Scores | None = None
    comparison: verdict.Comparison | None = None
    adjusted_p: float | None = None
    word: verdict.Word = "no result"

    @property
    def failures(self) -> list[Entry]:
        """The steps that went wrong."""
        return [entry for entry in self.entries if entry.is_failure]

    @property
    def run_seconds(self) -> float:
        """Time that its experiments took."""
        return sum(float(entry.data.get("run_seconds", 0.0)) for entry in self.entries)

    @property
    def ended_by_budget(self) -> str | None:
        """Which budget ended it, as a sentence; None if none did."""
        ends = (entry for entry in self.entries if entry.data.get("over") == "budget")
        return next((entry.message for entry in ends), None)


@dataclass
class TemplateSummary:
    """A template's baseline and the ideas tried on it."""

    template: Template
    baseline: Scores | None
    confirmed: Scores | None
    entries: list[Entry]
    ideas: list[IdeaSummary]

    @property
    def primary(self) -> str:
        """The metric that ideas are judged by."""
        return self.template.scorer.primary

    @property
    def unit(self) -> str:
        """That metric's unit."""
        return self.template.scorer.metrics[self.primary].unit

    @property
    def better(self) -> str | None:
        """Which way it improves."""
        return self.template.scorer.metrics[self.primary].better


@dataclass
class SweepSummary:
    """A whole sweep."""

    results: Path
    settings: Settings
    entries: list[Entry]
    templates: list[TemplateSummary]
    spending: Spending

    @property
    def ideas(self) -> list[tuple[TemplateSummary, IdeaSummary]]:
        """All ideas of all templates, in the order in which they were asked for."""
        return [(template, idea) for template in self.templates for idea in template.ideas]

    @property
    def failures(self) -> Counter[str]:
        """How many steps went wrong, by kind."""
        return Counter(
            str(entry.data.get("kind", entry.step)) for entry in self.entries if entry.is_failure
        )


def most_telling(ideas: Sequence[IdeaSummary], count: int) -> list[IdeaSummary]:
    """Of many ideas those whose verdicts are surest, in their own order; of few ideas all.

    Surest is the smallest p-value; ideas without one come last.
    """
    if len(ideas) <= count:
        return list(ideas)

    def doubt(idea: IdeaSummary) -> float:
        p = idea.comparison.p if idea.comparison else None
        return 2.0 if p is None else p

    chosen = {id(idea) for idea in sorted(ideas, key=doubt)[:count]}
    return [idea for idea in ideas if id(idea) in chosen]


def summarise(results: Path) -> SweepSummary:
    """Read a results folder.

    Raises:
        BonsaiError: it is none, or its ledger is damaged.
    """
    settings = Settings.load(results)
    entries = Ledger(results / "ledger.jsonl").read()
    of_idea: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        of_idea.setdefault((entry.template, entry.idea), []).append(entry)
    templates = []
    for template, tried in settings.templates():
        base = of_idea.get((template.name, ""), [])
        ideas = [
            _summarise_idea(idea, of_idea.get((template.name, idea.Name), [])) for idea in tried
        ]
        baseline = TemplateSummary(
            template, _scores(base, "baseline"), _scores(base, "confirm"), base, ideas
        )
        templates.append(baseline)
    # In the order in which they were asked for: which idea came first is a matter of timing.
    order = {
        name: position
        for position, name in enumerate(
            (template.template.name, idea)
            for template in templates
            for idea in ("", *(each.idea.Name for each in template.ideas))
        )
    }
    steps = [entry for entry in entries if entry.step not in CALLS]
    steps.sort(key=lambda entry: order.get((entry.template, entry.idea), -1))
    sweep = SweepSummary(results, settings, steps, templates, Spending.of(entries))
    _judge(sweep)
    return sweep


def _summarise_idea(idea: Idea, entries: list[Entry]) -> IdeaSummary:
    steps = [entry for entry in entries if entry.step not in CALLS]
    summary = IdeaSummary(idea, steps, Spending.of(entries))
    for entry in entries:
        if entry.ok and entry.step == "run":
            summary.runs[entry.data["run"]] = Scores.model_validate(entry.data["scores"])
        if entry.ok and entry.step == "confirm":
            summary.best_run = entry.data["run"]
            summary.confirmed = Scores.model_validate(entry.data["scores"])
    return summary


def _judge(sweep: SweepSummary) -> None:
    """Compare each confirmed idea with its baseline, and correct for all of them together."""
    for template, idea in sweep.ideas:
        if idea.confirmed is not None and template.confirmed is not None:
            idea.comparison = verdict.compare(
                idea.confirmed.per_seed[template.primary],
                template.confirmed.per_seed[template.primary],
            )
    tested = [
        (template, idea)
        for template, idea in sweep.ideas
        if idea.comparison and idea.comparison.p is not None
    ]
    adjusted = verdict.holm(
        [
            idea.comparison.p
            for _, idea in tested
            if idea.comparison and idea.comparison.p is not None
        ]
    )
    for (_, idea), value in zip(tested, adjusted, strict=True):
        idea.adjusted_p = value
    for template, idea in sweep.ideas:
        idea.word = verdict.judge(idea.comparison, idea.adjusted_p, template.better)


def _scores(entries: list[Entry], step: str) -> Scores | None:
    found = [entry for entry in entries if entry.step == step and entry.ok]
    return Scores.model_validate(found[-1].data["scores"]) if found else None
