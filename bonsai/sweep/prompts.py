"""What the agent is told: the texts of `prompt.json`, filled with what is known so far."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template as Text
from typing import Any

import numpy as np

from bonsai.base import BonsaiError
from bonsai.evaluation import Scores
from bonsai.kit.scoring import Metric
from bonsai.templates import EDITABLE, HOME, SELF_REPORTED, Template, contract

CURVE_POINTS = 6  # a curve is thinned to this many points: enough for its shape, cheap to send
MAX_FAILURES = 5
TEXTS = (
    "rules", "rules_reported", "plan", "claims", "claims_given", "mend_claims", "edit", "mend",
    "write_up", "candidate", "cross", "propose", "reflect", "reject",
)  # fmt: skip
MAX_NOTES = 4000


class Texts:
    """The texts of the top-level `prompt.json`, in which `$names` are filled in."""

    def __init__(self) -> None:
        """Load them.

        Raises:
            BonsaiError: `prompt.json` is missing, or lacks a text.
        """
        self._path = HOME / "prompt.json"
        value = contract.read_json(self._path)
        try:
            self._texts = {name: "\n".join(value[name]) for name in TEXTS}
        except (KeyError, TypeError) as error:
            raise BonsaiError(
                f"{self._path}: {error}; it must hold lists of lines called {', '.join(TEXTS)}"
            ) from error

    def fill(self, name: str, **values: Any) -> str:
        """The text called `name`, with `values` filled in.

        Raises:
            BonsaiError: it asks for something that is not among them.
        """
        try:
            return Text(self._texts[name]).substitute(values)
        except (KeyError, ValueError) as error:
            raise BonsaiError(
                f"{self._path}, text {name!r}: {error} is not something that is filled in"
            ) from error


class Prompts:
    """The messages to an agent about one template."""

    def __init__(
        self,
        template: Template,
        baseline: Scores,
        baseline_seconds: float,
        changes: Mapping[str, float] | None = None,
    ) -> None:
        """Load the texts and fix what is the same in every message.

        Args:
            template: the template.
            baseline: its own result.
            baseline_seconds: how long that took.
            changes: limits that replace those of its `prompt.json`.

        Raises:
            BonsaiError: `prompt.json` is missing, or lacks a text.
        """
        self._texts = Texts()
        self._template = template
        self._baseline = baseline
        limits = template.limits(len(baseline.seeds), changes)
        self._rules = self._texts.fill(
            "rules_reported" if template.is_self_reported else "rules",
            system=template.prompt.system,
            task=template.prompt.task_description,
            editable=", ".join(EDITABLE),
            seed_count=len(baseline.seeds),
            run_seconds=f"{limits.run_seconds:.0f}",
            smoke_seconds=f"{limits.smoke_seconds:.0f}",
            memory_gb=f"{limits.memory_gb:g}",
            disk_mb=f"{limits.disk_mb:g}",
            baseline_seconds=f"{baseline_seconds:.0f}",
            metrics=describe_metrics(template.scorer.metrics, template.scorer.selection),
            noise=describe_noise(baseline, template.scorer.primary),
        )

    def message(self, name: str, idea: contract.Idea, **values: Any) -> str:
        """One whole message: the rules, then the text called `name` with `values` filled in."""
        text = self._texts.fill(name, title=idea.Title, experiment=idea.Experiment, **values)
        return f"{self._rules}\n\n{text}\n"

    def claims(self, idea: contract.Idea) -> str:
        """How claims.json is to be filled, or that the idea has brought its own."""
        if idea.Claims is not None:
            return self._texts.fill("claims_given")
        primary = self._template.scorer.primary
        size = visible_difference(self._baseline, primary)
        return self._texts.fill(
            "claims",
            most_claims=contract.MOST_CLAIMS,
            primary=primary,
            better=self._template.scorer.metrics[primary].better or "higher",
            visible=f"{size or 0.0:.2g}",
        )

    def results(self, runs: Mapping[str, Scores], curves: Mapping[str, str]) -> str:
        """A table of every finished run beside the baseline, then the curves of the last one."""
        lines = [describe_run("run_0 (baseline)", self._baseline, None)]
        lines += [describe_run(name, scores, self._baseline) for name, scores in runs.items()]
        lines += [
            f"Curves of {name}, mean over seeds:\n{text}" for name, text in curves.items() if text
        ]
        return "\n".join(lines)


def describe_metrics(metrics: Mapping[str, Metric], selection: str) -> str:
    """One line a metric: name, unit, which way is better, meaning."""
    lines = []
    for position, (name, metric) in enumerate(metrics.items()):
        role = " [the claim]" if position == 0 else " [choose by this]" if name == selection else ""
        way = f", {metric.better} is better" if metric.better else ""
        unit = metric.unit or (SELF_REPORTED if metric.about == SELF_REPORTED else "count")
        about = "" if metric.about == SELF_REPORTED else f": {metric.about}"
        lines.append(f"- {name}{role} ({unit}{way}){about}")
    return "\n".join(lines)


def describe_noise(baseline: Scores, primary: str) -> str:
    """How much the primary metric moves between seeds, and what that means for a difference."""
    values = baseline.per_seed[primary]
    if len(values) < 2:
        return (
            "The baseline has one seed, so its noise is unknown: do not read a small difference "
            "as progress."
        )
    deviation = float(np.std(values, ddof=1))
    visible = visible_difference(baseline, primary)
    return (
        f"Over {len(values)} seeds the baseline's {primary} is {np.mean(values):.4g} with a "
        "standard "
        f"deviation of {deviation:.2g} between seeds. With as many seeds, a difference below about "
        f"{visible:.2g} cannot be told from noise. At the end the runner repeats your best run "
        "and the "
        "baseline on fresh seeds that you have not seen, and only that decides."
    )


def visible_difference(baseline: Scores, metric: str) -> float | None:
    """The difference of two means over the agent's seeds that is about twice its standard error.

    None where the noise is unknown, with one seed.
    """
    values = baseline.per_seed[metric]
    if len(values) < 2:
        return None
    return float(2 * np.std(values, ddof=1) * math.sqrt(2 / len(values)))


def describe_run(name: str, scores: Scores, baseline: Scores | None) -> str:
    """One line a run: each metric with its error, and the difference to the baseline."""
    parts = []
    for metric, mean in scores.means.items():
        error = scores.stderrs.get(metric)
        text = f"{metric} {mean:.5g}" + (f" ± {error:.2g}" if error is not None else "")
        if baseline is not None and metric in baseline.means:
            text += f" ({mean - baseline.means[metric]:+.3g})"
        parts.append(text)
    return f"- {name}: " + ", ".join(parts)


def describe_failures(failures: Sequence[str]) -> str:
    """What failed before in this idea, so that it is not tried again; empty if nothing did."""
    if not failures:
        return ""
    shown = [f"- {text.splitlines()[0]}" for text in failures[-MAX_FAILURES:]]
    return "\n".join(["# What failed before", *shown, "", ""])


def describe_curves(path: Path) -> str:
    """A run's `history.json`, mean over seeds and thinned; empty if there is none to read."""
    try:
        history = contract.read(contract.History, path)
    except BonsaiError:
        return ""
    by_name: dict[str, list[contract.Series]] = {}
    for curves in history.seeds.values():
        for name, series in curves.items():
            by_name.setdefault(name, []).append(series)
    return "\n".join(f"- {name}: {thin(all_series)}" for name, all_series in by_name.items())


def thin(all_series: Sequence[contract.Series]) -> str:
    """A few points of a curve as `step:value`, averaged over seeds of equal length."""
    length = min(min(len(series.steps), len(series.values)) for series in all_series)
    if length == 0:
        return "empty"
    mean = np.mean([series.values[:length] for series in all_series], axis=0)
    picked = np.unique(np.linspace(0, length - 1, min(CURVE_POINTS, length)).round().astype(int))
    return ", ".join(f"{all_series[0].steps[index]:g}:{mean[index]:.4g}" for index in picked)


def clip_notes(text: str) -> str:
    """The end of `notes.txt`, as far as it fits in a message."""
    return text if len(text) <= MAX_NOTES else "…" + text[-MAX_NOTES:]
