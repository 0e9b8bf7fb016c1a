"""Figures of the runs beside this file: one that compares them, and the checklist for one of them.

Run:  python plot.py     (no arguments; draws every run_* folder that has results)
"""

from pathlib import Path

import matplotlib.pyplot as plt
from figures_of_organisms import (
    attribution,
    chosen,
    connectivity,
    membership_on_pixels,
    membership_over_time,
    scalar_embedding,
)
from figures_of_particles import (
    exit_law,
    learning_with_and_without_residual,
    multiply_by_n,
    strength_of_replication,
    trajectory_cube,
    trajectory_invariant,
)

from bonsai import kit
from bonsai.kit import plotting

# Name each run here as the reader should see it; a run without a name goes by its folder's.
labels = {
    "run_0": "Baseline",
}
DETAIL = "run_0"  # the run whose particles the figures of the checklist show

FOLDER = Path(__file__).resolve().parent
PEERS = {
    "linear_same_topology": "linear, same topology",
    "relu_same_topology": "ReLU, same topology",
    "relu_same_neurons": "ReLU, one layer, as many neurons",
    "relu_same_weights": "ReLU, as many weights",
}


def runs_compared(runs: list[kit.Run]) -> plt.Figure | None:
    """Accuracy, self-replicators and the price of dropping them, for every run."""
    panels = {
        "test_accuracy": "test accuracy (%)",
        "self_replicators": "self-replicators (particles)",
        "drop_self_replicators": "change when they are\nzeroed (points)",
    }
    runs = [run for run in runs if panels.keys() <= run.means.keys()]
    if not runs:
        return None
    figure = plotting.metrics_by_run(runs, panels)
    best = plotting.best_run(runs, "val_accuracy")
    plotting.headline(
        figure,
        f"{best.label} classifies best: {best.means['test_accuracy']:.1f} %"
        + plotting.against_baseline(best, runs, "test_accuracy")
        + f", with {best.means['self_replicators']:.0f} particles that copy themselves",
        f"{plotting.provenance(runs)}; best by validation accuracy; bars are one standard error",
    )
    return figure


def dropout_test(runs: list[kit.Run]) -> plt.Figure | None:
    """Signed change of accuracy when each set of particles is zeroed."""
    run = chosen(runs)
    rows = {
        "drop_self_replicators": "all self-replicators",
        "drop_smallest_same_layers": "as many, smallest |v5|,\nsame layers",
        "drop_least_varying_pixels": "as many, on the pixels\nthat vary least",
        "drop_random_same_layers": "as many at random,\nsame layers",
        "drop_random": "as many at random",
        "drop_constant_pixels": "all on constant pixels",
    }
    if run is None or not rows.keys() <= run.means.keys():
        return None
    figure, axis = plt.subplots(figsize=(8, 4.4))
    of_seeds(axis, run, list(rows), list(rows.values()), "#0072B2")
    axis.axvline(0, color="black", lw=1)
    axis.set_xlabel("change of test accuracy (percentage points)")
    change, random = run.means["drop_self_replicators"], run.means["drop_random_same_layers"]
    plotting.headline(
        figure,
        f"Zeroing the {run.means['self_replicators']:.0f} self-replicators changes accuracy by "
        f"{change:+.1f} points; as many others of the same layers, {random:+.1f}",
        f"{plotting.provenance([run])}; dots are seeds, bars their means",
    )
    return figure


def filler_control(runs: list[kit.Run]) -> plt.Figure | None:
    """Self-replication against an equally large task that is not replication."""
    run = chosen(runs)
    pairs = {
        "particles that reach\ntheir goal": ("self_replicators", "filler_solved"),
        "change when zeroed\n(points)": ("drop_self_replicators", "filler_drop_solved"),
        "chance that membership\ntells a harmless removal": ("replicator_auc", "filler_auc"),
    }
    if run is None or not {name for pair in pairs.values() for name in pair} <= run.means.keys():
        return None
    figure, axes = plt.subplots(1, 3, figsize=(8, 3.8))
    for axis, (title, names) in zip(axes, pairs.items(), strict=True):
        for x, (name, colour) in enumerate(zip(names, ("#0072B2", "#E69F00"), strict=True)):
            axis.bar(x, run.means[name], color=colour, alpha=0.35)
            axis.plot([x] * len(run.per_seed[name]), run.per_seed[name], "o", color=colour)
        axis.set_xticks([0, 1], ["replicate", "filler"])
        axis.set_title(title)
        axis.axhline(0, color="black", lw=1)
    axes[2].axhline(0.5, color="black", lw=1, ls=":")
    axes[2].set_ylim(0, 1.05)
    plotting.headline(
        figure,
        f"An arbitrary filler task idles {run.means['filler_solved']:.0f} particles, "
        f"self-replication {run.means['self_replicators']:.0f}; dropping them costs "
        f"{run.means['filler_drop_solved']:+.1f} and {run.means['drop_self_replicators']:+.1f}",
        f"{plotting.provenance([run])}; dots are seeds; dotted: membership tells nothing",
    )
    return figure


def ordinary_networks(runs: list[kit.Run]) -> plt.Figure | None:
    """Accuracy of the organism, its controls and ordinary networks."""
    run = chosen(runs)
    if run is None:
        return None
    names = {
        "test_accuracy": "organism",
        "task_only_accuracy": "organism, task only (α = 0)",
        "filler_accuracy": "organism, filler task",
        **{f"peer_{key}_accuracy": label for key, label in PEERS.items()},
    }
    names = {name: label for name, label in names.items() if name in run.means}
    figure, axis = plt.subplots(figsize=(8, 4.2))
    of_seeds(axis, run, list(names), list(names.values()), "#0072B2")
    low = min(min(run.per_seed[name]) for name in names)
    axis.set_xlim(max(0, low - 5), 100)
    axis.set_xlabel("test accuracy (%)")
    peers = {label: run.means[name] for name, label in names.items() if name.startswith("peer_")}
    best = max(peers, key=lambda label: peers[label]) if peers else ""
    plotting.headline(
        figure,
        f"The organism reaches {run.means['test_accuracy']:.1f} % with {run.means['weights']:,.0f} "
        f"weights" + (f"; the best ordinary network ({best}) {peers[best]:.1f} %" if peers else ""),
        f"{plotting.provenance([run])}; dots are seeds",
    )
    return figure


def of_seeds(
    axis: plt.Axes, run: kit.Run, metrics: list[str], names: list[str], colour: str
) -> None:
    """Horizontal bars of means with the seeds as dots, the first metric on top."""
    for row, metric in enumerate(metrics):
        axis.barh(row, run.means[metric], color=colour, alpha=0.35)
        values = run.per_seed.get(metric, ())
        axis.plot(values, [row] * len(values), "o", color=colour, ms=5, alpha=0.7)
        axis.annotate(f"{run.means[metric]:.1f}", (1.01, row), va="center", fontsize=10,
                      xycoords=("axes fraction", "data"), annotation_clip=False)  # fmt: skip
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()


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
                dropout_test,
                filler_control,
                ordinary_networks,
                membership_over_time,
                membership_on_pixels,
                connectivity,
                trajectory_cube,
                trajectory_invariant,
                scalar_embedding,
                attribution,
                strength_of_replication,
                learning_with_and_without_residual,
                multiply_by_n,
                exit_law,
            ],
        )
