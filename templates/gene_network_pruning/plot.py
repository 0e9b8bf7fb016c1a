"""Figures of the runs beside this file: one that compares them, and the case against the paper.

Run:  python plot.py     (no arguments; draws every run_* folder that has results)
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import score
from figures_of_genes import faults_of_the_rule, gene_trajectories, mask_churn
from figures_of_rules import (
    BLUE,
    ORANGE,
    RED,
    VERDICTS,
    accuracy_against_sparsity,
    chosen,
    condition_by_rule,
    outcomes,
    rules_at_focus,
    truth_of,
)

from bonsai import kit
from bonsai.kit import plotting

# Name each run here as the reader should see it; a run without a name goes by its folder's.
labels = {
    "run_0": "Baseline",
}
DETAIL = "run_0"  # the run that all figures but the first are about

FOLDER = Path(__file__).resolve().parent


def runs_compared(runs: list[kit.Run]) -> plt.Figure | None:
    """Accuracy of the gene rule, and what its regulation is worth, for every run."""
    panels = {
        "test_accuracy": "gene rule,\ntest accuracy (%)",
        "genes_minus_shuffled": "over shuffled\npartners (points)",
        "genes_minus_gradual": "over magnitude\npruning (points)",
    }
    runs = [run for run in runs if panels.keys() <= run.means.keys()]
    if not runs:
        return None
    figure = plotting.metrics_by_run(runs, panels, differences=list(panels)[1:])
    best = plotting.best_run(runs, "val_accuracy")
    plotting.headline(
        figure,
        f"{best.label}: {best.means['test_accuracy']:.1f} % with "
        f"{best.means.get('sparsity', 0):.0f} % of the synapses silenced"
        + plotting.against_baseline(best, runs, "test_accuracy")
        + f"; right partners are worth {round(best.means['genes_minus_shuffled'], 2) + 0:+.2f} "
        "points",
        f"{plotting.provenance(runs)}; best by validation accuracy; bars are one standard error",
    )
    return figure


def claims_table(runs: list[kit.Run]) -> plt.Figure | None:
    """Claim, what the paper said, what was measured, interval, verdict."""
    run = chosen(runs)
    table = score.claims(run.per_seed) if run else []
    if run is None or not table:
        return None
    figure, axis = plt.subplots(figsize=(8, 1.5 + 0.36 * len(table)))
    axis.set_axis_off()
    axis.set_ylim(len(table) + 0.5, -1)
    columns = {"claim": 0.0, "paper": 0.53, "measured": 0.63, "95 % interval": 0.75, "verdict": 1.0}
    for title, x in columns.items():
        axis.text(x, -0.6, title, weight="bold", ha="right" if x == 1 else "left", fontsize=9.5)
    for row, claim in enumerate(table):
        if row % 2 == 0:
            axis.axhspan(row - 0.5, row + 0.5, color="#f3f3f3", lw=0)
        unit = "%" if claim.unit == "%" else ""
        between = "" if claim.low is None else f"{claim.low:.2f} to {claim.high:.2f}"
        cells = (claim.about, claim.paper, f"{round(claim.mean, 2) + 0:.2f} {unit}", between)
        for x, text in zip(columns.values(), cells, strict=False):
            axis.text(x, row, text, va="center", fontsize=9.5)
        axis.text(1, row, claim.verdict, va="center", ha="right", fontsize=10, weight="bold",
                  color=VERDICTS[claim.verdict])  # fmt: skip
    axis.set_xlim(0, 1)
    counts = {word: sum(claim.verdict == word for claim in table) for word in VERDICTS}
    plotting.headline(
        figure,
        f"Of {len(table)} statements {counts['refuted']} are refuted, {counts['supported']} "
        f"supported, {counts['undecided']} undecided",
        f"{plotting.provenance([run])}; differences in points, paired by seed; fixed beforehand: "
        f"no loss is within ±{score.NO_LOSS:g}, stable within ±{score.STABLE:g} points "
        "(two one-sided tests at 5 %)",
    )
    return figure


def published_figure(runs: list[kit.Run]) -> plt.Figure | None:
    """R2 and error against the share pruned: one run as the paper drew it, and many."""
    run = chosen(runs)
    if run is None or "regressors few" not in outcomes(run.folder)[0]:
        return None
    truth = truth_of(run)
    every = outcomes(run.folder)
    shares = 100 * np.arange(every[0]["regressors few"].shape[1]) / 10
    paper = np.array([[0.115, 0.114, 0.080, 0.076, 0.081], [-0.48, -0.40, 0.29, 0.33, 0.25]])
    figure, axes = plt.subplots(1, 2, figsize=(8, 4.2))
    r2, error = (
        np.stack([single_runs(every, truth, "regressors few", index, 40, measure)
                  for index in range(len(shares))], axis=1)
        for measure in (score.r2, score.mean_error)
    )  # fmt: skip
    for axis, values, published in zip(axes, (error, r2), paper, strict=True):
        low, high = np.quantile(values, [0.025, 0.975], axis=0)
        axis.fill_between(shares, low, high, color=BLUE, alpha=0.2, lw=0)
        axis.plot(shares, values.mean(axis=0), color=BLUE)
        axis.plot(shares, values[0], color=ORANGE, lw=1.2, marker="o", ms=3)
        axis.plot(shares[1:6], published, color=RED, ls="--", marker="s", ms=4)
        axis.set_xlabel("weights pruned (%)")
    axes[0].set_ylabel("mean absolute error of valence")
    axes[1].set_ylabel("R² of valence")
    axes[1].set_ylim(min(-0.7, float(r2.mean(axis=0)[:6].min())), 1)
    axes[1].axhline(0, color="black", lw=0.8)
    notes = (("as published,\none run (other data)", RED, 0.97), ("one run here", ORANGE, 0.84),
             (f"mean and 95 % of\n{len(r2)} runs here", BLUE, 0.77))  # fmt: skip
    for text, colour, y in notes:
        axes[0].text(
            0.03, y, text, color=colour, transform=axes[0].transAxes, va="top", fontsize=10
        )
    plotting.headline(
        figure,
        f"Single runs scatter: at 30 % pruned R² of one run lies from {_range(r2[:, 3])}, "
        f"while the mean falls from {r2[:, 0].mean():.2f} to {r2[:, 5].mean():.2f} at 50 %",
        f"{run.dataset}, {len(r2)} networks of 11,267 parameters, 200 faces to learn from, 40 to "
        "test each on; one-shot magnitude pruning; published points read off the figure",
    )
    return figure


def single_runs(
    every: list[dict[str, np.ndarray]],
    truth: Any,
    key: str,
    share: int,
    faces: int,
    measure: Callable[[np.ndarray, np.ndarray], float] = score.r2,
) -> np.ndarray:
    """R2, or another measure, of every regressor of every seed, on one block of test faces each."""
    return np.concatenate([
        score.single_runs(outcome, truth, key, share, faces, measure, first)
        for first, outcome in enumerate(every)
    ])  # fmt: skip


def _range(values: np.ndarray) -> str:
    low, high = np.quantile(values, [0.025, 0.975])
    return f"{low:.2f} to {high:.2f}"


def runs_needed(runs: list[kit.Run]) -> plt.Figure | None:
    """Spread of a single run's R2 against the number of test faces, and how many runs that asks."""
    run = chosen(runs)
    if run is None or "regressors few" not in outcomes(run.folder)[0]:
        return None
    truth, every = truth_of(run), outcomes(run.folder)
    available = every[0]["regressors few"].shape[-1]
    faces = [count for count in (20, 40, 80, 160, 320, 640, 1000) if count <= available]
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.8))
    for key, text, colour, y in (
        ("regressors few", "200 faces to learn from", ORANGE, 0.12),
        ("regressors many", "2,000 faces to learn from", BLUE, 0.03),
    ):
        sd = np.array([np.std(single_runs(every, truth, key, 3, count), ddof=1) for count in faces])
        axes[0].plot(faces, sd, color=colour, marker="o")
        axes[0].text(0.03, y, text, color=colour, transform=axes[0].transAxes)
        needed = np.ceil(np.square(1.96 * sd / 0.05))
        axes[1].plot(faces, needed, color=colour, marker="o")
        if key == "regressors few":
            at_40 = (
                (sd[faces.index(40)], needed[faces.index(40)])
                if 40 in faces
                else (sd[0], needed[0])
            )
    for axis in axes:
        axis.set_xscale("log")
        axis.set_xticks(faces, [str(count) for count in faces], fontsize=9, minor=False)
        axis.minorticks_off()
        axis.set_xlabel("test faces")
    axes[0].set_ylim(bottom=0)
    axes[0].set_ylabel("spread of R² over single runs\n(standard deviation)")
    axes[1].set_yscale("log")
    axes[1].set_ylabel("runs for R² to within ±0.05")
    plotting.headline(
        figure,
        f"With 40 test faces a single R² scatters by {at_40[0]:.2f}: knowing it to ±0.05 takes "
        f"{at_40[1]:.0f} runs",
        f"{run.dataset}, {len(every) * every[0]['regressors few'].shape[0]} networks each, 30 % "
        "of the weights pruned in one go; ±0.05 is half of a 95 % interval",
    )
    return figure


if __name__ == "__main__":
    plotting.style()
    runs = kit.load_runs(FOLDER, labels)
    plotting.draw_all(FOLDER, runs, [runs_compared])
    if runs:
        detail = [run for run in runs if run.name == DETAIL] or runs[:1]
        plotting.draw_all(
            FOLDER,
            detail,
            [
                claims_table,
                published_figure,
                runs_needed,
                accuracy_against_sparsity,
                rules_at_focus,
                condition_by_rule,
                gene_trajectories,
                mask_churn,
                faults_of_the_rule,
            ],
        )
