"""What a sweep amounts to, read from its ledger alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bonsai.base import Entry, Ledger
from bonsai.evaluation import (
    BASELINE_RUN,
    Check,
    Comparison,
    Scores,
    Verdict,
    Word,
    checks,
    joined,
    primary_claim,
    selection,
    verdict,
)
from bonsai.models import CALLS, SPENT, Spending
from bonsai.report import words
from bonsai.settings import Settings
from bonsai.templates import Claim, Idea, Reported, Template

FIRST_EDITS = ("edit", "propose", "program")  # the steps before which claims are sealed


@dataclass
class IdeaSummary:
    """One idea's story: its runs, its failures, its verdicts.

    Attributes:
        idea: the idea.
        entries: its steps in the ledger.
        spending: what it cost.
        calls: the ends of its calls of the model, in the ledger.
        runs: the scores of its finished runs, on the agent's seeds, in order.
        best_run: the run that a validation metric chose for the fresh seeds; None before that.
        fresh: by run, the scores on fresh seeds, of all interim analyses together.
        claims: what is claimed of it; the first is always on the primary metric.
        seal: hash of the claims, as it stood in the ledger before the first edit; None if the idea
            did not come that far.
        verdicts: one a claim.
        checks: by run, what was checked of it.
    """

    idea: Idea
    entries: list[Entry]
    claims: list[Claim]
    spending: Spending = field(default_factory=Spending)
    calls: list[Entry] = field(default_factory=list)
    runs: dict[str, Scores] = field(default_factory=dict)
    best_run: str | None = None
    fresh: dict[str, Scores] = field(default_factory=dict)
    seal: str | None = None
    verdicts: list[Verdict] = field(default_factory=list)
    checks: dict[str, list[Check]] = field(default_factory=dict)

    @property
    def main(self) -> Verdict:
        """The verdict on the claim that every idea makes: that the primary metric improves."""
        return self.verdicts[0]

    @property
    def word(self) -> Word:
        """That verdict in a word."""
        return self.main.word

    @property
    def comparison(self) -> Comparison | None:
        """The differences to the baseline that it rests on."""
        return self.main.comparison

    @property
    def confirmed(self) -> Scores | None:
        """The scores of the best run on fresh seeds."""
        return self.fresh.get(self.best_run or "")

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
    """A template's baseline and the ideas tried on it.

    Attributes:
        template: the template.
        baseline: its scores on the agent's seeds; None if it gave no result.
        confirmed: its scores on fresh seeds, of all interim analyses together.
        entries: its own steps in the ledger.
        ideas: the ideas.
        checks: what was checked of the baseline.
    """

    template: Template
    baseline: Scores | None
    confirmed: Scores | None
    entries: list[Entry]
    ideas: list[IdeaSummary]
    checks: list[Check] = field(default_factory=list)

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

    @property
    def needs_no_seed(self) -> bool:
        """Whether its programs take no seed, so that a figure that does not vary is exact."""
        scorer = self.template.scorer
        return isinstance(scorer, Reported) and scorer.seeding == "none"

    @property
    def best(self) -> tuple[IdeaSummary, selection.Selected] | None:
        """The idea with the largest gain on fresh seeds, and how far it is expected to fall back.

        None where fewer than three ideas were confirmed.
        """
        compared = [
            (idea, idea.comparison)
            for idea in self.ideas
            if idea.comparison and len(idea.comparison.differences) > 1
        ]
        sign = -1.0 if self.better == "lower" else 1.0
        found = selection.best_of(
            [sign * comparison.mean for _, comparison in compared],
            [
                comparison.deviation / np.sqrt(len(comparison.differences))
                for _, comparison in compared
            ],
        )
        return None if found is None else (compared[found.index][0], found)


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
    def wording(self) -> words.Wording:
        """How to speak of what it judges."""
        return words.wording(self.settings.judges)

    @property
    def failures(self) -> Counter[str]:
        """How many steps went wrong, by kind."""
        return Counter(
            str(entry.data.get("kind", entry.step)) for entry in self.entries if entry.is_failure
        )


def most_telling(ideas: Sequence[IdeaSummary], count: int) -> list[IdeaSummary]:
    """Of many ideas those whose verdicts are surest, in their own order; of few ideas all.

    Surest is the smallest p-value, among equal ones the larger effect; ideas without come last.
    """
    if len(ideas) <= count:
        return list(ideas)

    def doubt(idea: IdeaSummary) -> tuple[float, float]:
        found = idea.comparison
        if found is None or found.p is None:
            return 2.0, 0.0
        return found.p, -abs(found.effect or 0.0)

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
    for template, tried in settings.templates(results):
        base = of_idea.get((template.name, ""), [])
        ideas = [
            _summarise_idea(template, idea, of_idea.get((template.name, idea.Name), []))
            for idea in tried
        ]
        built = [entry for entry in base if entry.step == "baseline" and entry.ok]
        for idea in ideas:
            _check_idea(template, idea, base)
        templates.append(
            TemplateSummary(
                template, _scores(built[-1]) if built else None, _fresh(base).get(BASELINE_RUN),
                base, ideas, checks.merged([check for entry in base for check in _checks(entry)]),
            )
        )  # fmt: skip
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


def _summarise_idea(template: Template, idea: Idea, entries: list[Entry]) -> IdeaSummary:
    steps = [entry for entry in entries if entry.step not in CALLS]
    summary = IdeaSummary(idea, steps, [primary_claim(template)], Spending.of(entries))
    summary.calls = [entry for entry in entries if entry.step == SPENT]
    for entry in steps:
        if entry.step == "claims" and "claims" in entry.data:
            summary.claims = [Claim.model_validate(claim) for claim in entry.data["claims"]]
            summary.seal = entry.data["sha256"]
        if entry.ok and entry.step == "run":
            summary.runs[entry.data["run"]] = _scores(entry)
        if entry.step in ("run", "confirm") and "run" in entry.data:
            summary.checks.setdefault(entry.data["run"], []).extend(_checks(entry))
        if entry.step == "confirm":
            summary.best_run = summary.best_run or entry.data.get("run")
    summary.fresh = _fresh(steps)
    return summary


def _check_idea(template: Template, idea: IdeaSummary, base: list[Entry]) -> None:
    """Add what can only be checked with the baseline and the whole story at hand."""
    if (best := idea.best_run) is None:
        return
    steps = [entry.step for entry in idea.entries]
    first_edit = next(place for place, step in enumerate(steps) if step in FIRST_EDITS)
    before_edits = "claims" in steps[:first_edit]
    idea.checks[best].append(checks.sealed(idea.claims, idea.seal, before_edits))
    cost = checks.cost(template, _looks(idea.entries, best), _looks(base, BASELINE_RUN))
    if cost:
        idea.checks[best].append(cost)
    idea.checks = {run: checks.merged(found) for run, found in idea.checks.items()}


def _looks(entries: list[Entry], run: str) -> list[dict[str, Any]]:
    """What the ledger holds of each look at a run."""
    return [
        entry.data
        for entry in entries
        if entry.step == "confirm" and entry.ok and entry.data.get("run", BASELINE_RUN) == run
    ]


def _judge(sweep: SweepSummary) -> None:
    """Compare each confirmed idea with what it claims to beat, and correct for all claims."""
    planned = len(sweep.settings.interim_analyses())
    one = sweep.wording.one
    open_verdicts = [
        (idea, _compare(template, idea, claim, planned, one))
        for template, idea in sweep.ideas
        for claim in idea.claims
    ]
    judged = verdict.judge([each for _, each in open_verdicts])
    for (idea, _), each in zip(open_verdicts, judged, strict=True):
        idea.verdicts.append(each)


def _compare(
    template: TemplateSummary, idea: IdeaSummary, claim: Claim, analyses: int, one: str
) -> Verdict:
    """A verdict yet to be spoken: the comparison that a claim rests on, or why there is none."""
    run, other = idea.confirmed, idea.fresh.get(claim.against)
    if claim.against == BASELINE_RUN:
        other = template.confirmed
    plain = Verdict(claim=claim, run=idea.best_run)
    if not idea.runs:
        return plain.model_copy(update={"why": "No run finished."})
    if run is None:
        return plain.model_copy(update={"why": f"No run of the {one} was confirmed."})
    if claim.against == idea.best_run:
        why = f"{claim.against} is the only run that could be the idea's: there is no control."
        return plain.model_copy(update={"why": why})
    if other is None:
        why = f"{claim.against} was not run on fresh seeds, so there is nothing to compare with."
        return plain.model_copy(update={"why": why})
    if claim.metric not in run.per_seed or claim.metric not in other.per_seed:
        return plain.model_copy(update={"why": f"The runs have no {claim.metric}."})
    shared = min(
        len(run.seeds), len(other.seeds)
    )  # one of them may have failed at a later analysis
    if template.needs_no_seed and not (run.varies(claim.metric) or other.varies(claim.metric)):
        exact = verdict.compare_exactly(run.means[claim.metric], other.means[claim.metric])
        return plain.model_copy(update={"comparison": exact})
    comparison = verdict.compare(
        run.per_seed[claim.metric][:shared], other.per_seed[claim.metric][:shared], analyses
    )
    return plain.model_copy(update={"comparison": comparison})


def _fresh(entries: list[Entry]) -> dict[str, Scores]:
    """By run, the scores of all interim analyses of it together."""
    by_run: dict[str, list[Scores]] = {}
    for entry in entries:
        if entry.step == "confirm" and entry.ok:
            by_run.setdefault(entry.data.get("run", BASELINE_RUN), []).append(_scores(entry))
    return {run: joined(scores) for run, scores in by_run.items()}


def _scores(entry: Entry) -> Scores:
    return Scores.model_validate(entry.data["scores"])


def _checks(entry: Entry) -> list[Check]:
    return [Check.model_validate(check) for check in entry.data.get("checks", [])]
