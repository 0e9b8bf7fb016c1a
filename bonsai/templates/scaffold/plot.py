"""Two figures of the runs beside this file. Run:  python plot.py     (no arguments)."""

from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from bonsai import kit
from bonsai.kit import plotting

# Name each run here as the reader should see it; a run without a name goes by its folder's.
labels = {
    "run_0": "Baseline",
}

FOLDER = Path(__file__).resolve().parent


def validation_loss(runs: list[kit.Run]) -> Figure | None:
    """How the validation loss falls, mean and standard error over seeds."""
    curves = [(run, curve) for run in runs if (curve := run.curve("validation loss"))]
    if not curves:
        return None
    figure, axis = plt.subplots(figsize=(8, 4))
    ends, means = [], []
    for run, (steps, values) in curves:
        mean = kit.band(axis, steps, values, colour=run.colour)
        means.append(mean)
        ends.append((steps[-1], mean[-1], f"{run.label} {mean[-1]:.3f}", run.colour))
    lowest = min(ends, key=lambda end: end[1])
    plotting.headline(
        figure,
        f"Validation loss while training; the lowest at the end: {lowest[2]}",
        f"{plotting.provenance(runs)}; lines are means, bands one standard error",
    )
    axis.set_xlabel("epoch")
    axis.set_ylabel("validation loss (nats per image)")
    plotting.zoom(axis, means, reach=0.2)
    plotting.label_ends(axis, ends)
    return figure


def test_accuracy(runs: list[kit.Run]) -> Figure | None:
    """Test accuracy of each run, mean and standard error over seeds."""
    runs = [run for run in runs if "test_accuracy" in run.means]
    if not runs:
        return None
    figure, axis = plt.subplots(figsize=(8, 1.6 + 0.5 * len(runs)))
    best = plotting.best_run(runs, "val_accuracy")
    plotting.headline(
        figure,
        f"{best.label}, chosen on validation images, reaches {best.means['test_accuracy']:.2f} %"
        + plotting.against_baseline(best, runs, "test_accuracy"),
        f"{plotting.provenance(runs)}; bars are one standard error",
    )
    for row, run in enumerate(reversed(runs)):
        axis.errorbar(
            run.means["test_accuracy"],
            row,
            xerr=run.stderrs.get("test_accuracy", 0.0),
            fmt="o",
            capsize=4,
            color=run.colour,
        )
    axis.set_yticks(range(len(runs)), [run.label for run in reversed(runs)])
    axis.set_ylim(-0.6, len(runs) - 0.4)
    axis.set_xlabel("test accuracy (%)")
    return figure


if __name__ == "__main__":
    plotting.style()
    plotting.draw_all(FOLDER, kit.load_runs(FOLDER, labels), [validation_loss, test_accuracy])
