"""What a judgement came to, for a script: a word for all of it, and a record of each program."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import mean
from typing import Any

import bonsai
from bonsai.evaluation import Word
from bonsai.report.given import Given, read_given
from bonsai.report.searches import cost_of
from bonsai.report.summary import IdeaSummary, SweepSummary, TemplateSummary
from bonsai.settings import REPORT

BEST_FIRST: tuple[Word, ...] = ("supported", "undecided", "refuted", "no result")


def overall(sweep: SweepSummary) -> Word:
    """The verdict on all of a sweep: that of each template's best program, and of these the worst.

    Args:
        sweep: the sweep.
    """
    best = [
        _first(BEST_FIRST, (idea.word for idea in template.ideas)) for template in sweep.templates
    ]
    return _first(BEST_FIRST[::-1], best)


def verdict_record(sweep: SweepSummary) -> dict[str, Any]:
    """What a sweep of programs came to, as plain data.

    Args:
        sweep: the sweep.

    Returns:
        `verdict` as `overall` has it, `template`, a list `programs` of what came of each, `report`,
        its first page, and `bonsai`, the version. Figures are None where they are not known.
    """
    return {
        "verdict": overall(sweep),
        "template": ", ".join(template.template.name for template in sweep.templates),
        "programs": [_record(sweep, template, idea) for template, idea in sweep.ideas],
        "report": str(sweep.results / REPORT / "index.html"),
        "bonsai": bonsai.__version__,
    }


def _record(sweep: SweepSummary, template: TemplateSummary, idea: IdeaSummary) -> dict[str, Any]:
    found, primary = idea.comparison, template.primary
    measured = baseline = None
    if found is not None and idea.confirmed is not None:
        measured = mean(idea.confirmed.per_seed[primary][: len(found.differences)])
        baseline = measured - found.mean
    given = _given(sweep, template, idea)
    return {
        "template": template.template.name,
        "name": idea.idea.called,
        "origin": given.origin if given else None,
        "engine": given.engine if given else None,
        "verdict": idea.word,
        "why": idea.main.why,
        "metric": primary,
        "unit": template.unit,
        "better": template.better,
        "baseline": baseline,
        "measured": measured,
        "difference": found.mean if found else None,
        "low": found.low if found else None,
        "high": found.high if found else None,
        "p": idea.main.p,
        "seeds": len(found.differences) if found else 0,
        "claimed": given.claimed if given else None,
        "optimism": given.optimism if given else None,
        "optimism_low": given.low if given else None,
        "optimism_high": given.high if given else None,
        "checks": [
            f"{check.name}: {check.found}"
            for checks in idea.checks.values()
            for check in checks
            if check.passed is False
        ],
        "cost": cost_of(idea) or None,
        "problem": _problem(template, idea),
    }


def _given(sweep: SweepSummary, template: TemplateSummary, idea: IdeaSummary) -> Given | None:
    program = sweep.settings.given(template.template.name, idea.idea.Name)
    if program is None:
        return None
    return read_given(program, template, idea, len(sweep.settings.interim_analyses()))


def _problem(template: TemplateSummary, idea: IdeaSummary) -> str | None:
    """What went wrong last, with the program or, before it came to that, with the baseline."""
    failed = [entry.message for entry in idea.failures]
    if not failed and template.baseline is None:
        failed = [f"baseline: {entry.message}" for entry in template.entries if entry.is_failure]
    return failed[-1] if failed else None


def _first(order: tuple[Word, ...], words: Iterable[Word]) -> Word:
    """Of some verdicts the one that stands first in an order; of none `no result`."""
    return min(words, key=order.index, default="no result")
