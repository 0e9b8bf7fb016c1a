"""What came of a candidate, as the evaluator of an exported template tells it.

An engine ranks by one number. It is in the unit of the metric that the template chooses by, the
higher the better, 0 for the template itself; what could not be measured has a number that no
measured candidate can have, however bad.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from bonsai.engines.task import Task
from bonsai.evaluation import Scores
from bonsai.templates import Template

Stage = Literal["smoke", "first", "all"]

LOWEST = -1e8  # of what was measured; what is worse is given as this
PASSED = -2e8  # of what has passed the smoke test, and was not measured yet
THRESHOLD = -5e8  # between what may go on to the next stage, and what may not
FAILED = -1e9  # of what could not be measured
GRACE_SECONDS = 60.0  # for starting and ending, on top of what programs may last
ROUNDING = 1e-12  # of a value; a spread below that is none
FAR = 3.0  # standard errors that a candidate may be behind on its first seed, to be run on the rest


@dataclass(frozen=True)
class Evaluation:
    """What came of a candidate.

    Attributes:
        ok: whether it could be measured as far as the stage asks.
        stage: how far it was run.
        combined_score: by which it is ranked; see the module.
        feedback: what is to be said of it to whoever proposes the next, in a sentence or few.
        metrics: means over its seeds of all that the runner measured, and `difference`, `stderr`
            and `seeds` of the comparison.
        kind: of failure, for counting; empty if there was none.
        over: whether no later stage would tell more.
        seconds: how long it took, all told.
        scores: what was measured, to be handed to the next stage.
    """

    ok: bool
    stage: Stage
    combined_score: float
    feedback: str
    metrics: dict[str, float] = field(default_factory=dict)
    kind: str = ""
    over: bool = False
    seconds: float = 0.0
    scores: dict[str, Any] | None = None

    def record(self) -> dict[str, Any]:
        """As it is printed."""
        return asdict(self)


class Failed(Exception):
    """A candidate that cannot be measured."""

    def __init__(self, kind: str, feedback: str) -> None:
        """Say of what kind the failure is, for counting, and what its author needs to mend it."""
        super().__init__(feedback)
        self.kind = kind
        self.feedback = feedback


def most_seconds(template: Template, task: Task) -> float:
    """What an evaluation lasts at most, with the template's own run before it."""
    few, every = (template.limits(count, task.limits) for count in (1, len(task.seeds)))
    runs = few.run_seconds + 2 * every.run_seconds
    if template.is_self_reported:  # each seed is a run of its own
        runs = (1 + 2 * len(task.seeds)) * few.run_seconds
    return few.smoke_seconds + runs + 4 * few.score_seconds + GRACE_SECONDS


def compare(template: Template, own: Scores, base: Scores, wanted: int, stage: Stage) -> Evaluation:
    """Rank a candidate by its runs beside the template's on the same seeds.

    With two seeds or more, the score is the mean of the differences less one standard error of that
    mean, so that a candidate has to be better than noise. With one, the error is guessed: as if the
    candidate's results spread over seeds as the template's do, and independently of them.

    A candidate that is behind by more than `FAR` such errors on its first seed is `over`.

    Args:
        template: the template.
        own: the candidate's scores.
        base: the template's, on these seeds at least.
        wanted: how many seeds a candidate is measured on that is not far behind.
        stage: how far the candidate was run.
    """
    name = template.scorer.selection
    metric = template.scorer.metrics[name]
    sign = -1.0 if metric.better == "lower" else 1.0
    both = base.of(own.seeds)
    differences = np.subtract(own.per_seed[name], both.per_seed[name])
    difference, seeds = float(differences.mean()), len(own.seeds)
    if seeds > 1:
        error = float(differences.std(ddof=1) / np.sqrt(seeds))
        error = 0.0 if error < ROUNDING * abs(own.means[name]) else error
        over = seeds >= wanted
    else:
        error = float(np.sqrt(2) * np.std(base.per_seed[name], ddof=1))
        over = sign * difference < -FAR * error
    score = max(LOWEST, sign * difference - error)
    way = "improves" if sign * difference > 0 else "worsens"
    told = (
        f"It {way} {name} by {abs(difference):.4g} ± {error:.2g} {metric.unit}".rstrip()
        if difference
        else f"It does not change {name}"
    )
    told += (
        f" against the template, on {seeds} seed{'s' * (seeds > 1)}: {own.means[name]:.6g}, the "
        f"template {both.means[name]:.6g} ({metric.better or 'higher'} is better)."
    )
    if seeds > 1:
        better = int((sign * differences > 0).sum())
        told += f" It is better on {better} of {seeds} seeds." if difference else ""
        told += " The score is the gain less the error."
    elif over:
        told += " That is far behind, so it was not run on more seeds."
    figures = {"difference": difference, "stderr": error, "seeds": float(seeds)}
    return Evaluation(
        True, stage, score, told, {**own.means, **figures}, over=over, scores=own.model_dump()
    )
