"""Three figures of the runs beside this file: what they learn, at what cost, with which errors.

Run:  python plot.py     (no arguments; draws every run_* folder that has results)
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from bonsai import kit
from bonsai.kit import plotting

# Name each run here as the reader should see it; a run without a name goes by its folder's.
labels = {
    "run_0": "Baseline",
}

FOLDER = Path(__file__).resolve().parent


def validation_curves(runs: list[kit.Run]) -> plt.Figure | None:
    """Validation loss and accuracy over training steps, mean and standard error over seeds."""
    runs = [run for run in runs if run.curve("validation loss")]
    runs = [run for run in runs if run.curve("validation accuracy")]
    if not runs:
        return None
    figure, (loss_axis, accuracy_axis) = plt.subplots(1, 2, figsize=(8, 3.8))
    best = plotting.best_run(runs, "val_accuracy")
    plotting.headline(
        figure,
        f"{best.label} reaches {percent(best.means['val_accuracy'])} validation accuracy"
        + (f", the best of {len(runs)} runs" if len(runs) > 1 else "")
        + plotting.against_baseline(best, runs, "val_accuracy"),
        f"{plotting.provenance(runs)}; lines are means, bands one standard error",
    )

    ends = []
    losses, accuracies = [], []
    for run in runs:
        losses.append(kit.band(loss_axis, *run.curve("validation loss"), colour=run.colour))
        steps, values = run.curve("validation accuracy")
        accuracies.append(kit.band(accuracy_axis, steps, values, colour=run.colour))
        accuracy = accuracies[-1][-1]
        ends.append((steps[-1], accuracy, f"{run.label} {percent(accuracy)}", run.colour))

    plotting.zoom(loss_axis, losses, reach=0.3)
    plotting.zoom(accuracy_axis, accuracies, reach=5)
    loss_axis.set_xlabel("training step")
    loss_axis.set_ylabel("validation loss (nats)")
    accuracy_axis.set_xlabel("training step")
    accuracy_axis.set_ylabel("validation accuracy (%)")
    plotting.label_ends(accuracy_axis, ends)
    return figure


def accuracy_vs_cost(runs: list[kit.Run]) -> plt.Figure | None:
    """Test accuracy against parameters and training time, mean and standard error over seeds."""
    needed = {"test_accuracy", "parameters", "train_seconds"}
    runs = [run for run in runs if needed <= run.means.keys()]
    if not runs:
        return None
    figure, (size_axis, time_axis) = plt.subplots(1, 2, figsize=(8, 3.8), sharey=True)
    best = plotting.best_run(runs, "val_accuracy")
    plotting.headline(
        figure,
        f"{best.label}: {percent(best.means['test_accuracy'])} test accuracy"
        + plotting.against_baseline(best, runs, "test_accuracy")
        + f", {best.means['parameters'] / 1000:.0f} thousand parameters"
        + f", {best.means['train_seconds']:.0f} s",
        f"{plotting.provenance(runs)}; bars are one standard error",
    )

    ends = []
    intervals = []
    for run in runs:
        accuracy, stderr = run.means["test_accuracy"], run.stderrs.get("test_accuracy", 0.0)
        seconds = run.means["train_seconds"]
        style = {"yerr": stderr, "fmt": "o", "markersize": 8, "capsize": 3, "color": run.colour}
        size_axis.errorbar(run.means["parameters"] / 1000, accuracy, **style)
        time_axis.errorbar(seconds, accuracy, xerr=run.stderrs.get("train_seconds", 0.0), **style)
        intervals.append([accuracy - stderr, accuracy + stderr])
        ends.append((seconds, accuracy, f"{run.label} {percent(accuracy)}", run.colour))

    plotting.zoom(size_axis, intervals, reach=5, margin=0.2)
    size_axis.set_xlim(0, 1.1 * max(run.means["parameters"] for run in runs) / 1000)
    time_axis.set_xlim(0, 1.1 * max(run.means["train_seconds"] for run in runs))
    size_axis.set_xlabel("parameters (thousands)")
    size_axis.set_ylabel("test accuracy (%)")
    time_axis.set_xlabel("training time per seed (s)")
    plotting.label_ends(time_axis, ends)
    return figure


def confusion_matrix(runs: list[kit.Run]) -> plt.Figure | None:
    """What the run with the best validation accuracy takes each class for, over all its seeds."""
    best = plotting.best_run(runs, "val_accuracy")
    predictions = [log_probs.argmax(axis=1) for log_probs in best.outcomes("test_log_probs")]
    if not predictions:
        return None
    truth = kit.load_truth(best.dataset)
    count = len(truth.classes)
    shares = np.zeros((count, count))
    for predicted in predictions:
        np.add.at(shares, (truth.test_labels, predicted), 1)
    shares *= 100 / shares.sum(axis=1, keepdims=True)
    right = np.eye(count, dtype=bool)
    errors = np.ma.masked_where(right, shares)
    worst, taken_for = np.unravel_index(errors.filled(0).argmax(), errors.shape)

    figure, axis = plt.subplots(figsize=(8, 6.4))
    plotting.headline(
        figure,
        f"{best.label} takes {percent(errors[worst, taken_for], 0)} of {truth.classes[worst]} for "
        f"{truth.classes[taken_for]}, its commonest error",
        f"{plotting.provenance([best])}; best run by validation accuracy; blank: below 1 %",
    )
    image = axis.imshow(errors, cmap="Oranges", vmin=0)
    for row, column in np.argwhere(shares >= 1):
        dark = not right[row, column] and shares[row, column] > 0.6 * errors.max()
        colour = kit.BASELINE_GREY if right[row, column] else "white" if dark else "black"
        axis.text(column, row, f"{shares[row, column]:.0f}", ha="center", va="center", color=colour)
    axis.set_xticks(range(count), truth.classes, rotation=40, ha="right", rotation_mode="anchor")
    axis.set_yticks(range(count), truth.classes)
    axis.set_xlabel("predicted class")
    axis.set_ylabel("true class")
    axis.grid(False)
    figure.colorbar(image, ax=axis, label="errors (% of the images of the true class)")
    return figure


def percent(value: float, digits: int = 2) -> str:
    """The value with a percent sign that no line break parts from it."""
    return f"{value:.{digits}f}\N{NO-BREAK SPACE}%"


if __name__ == "__main__":
    plotting.style()
    plotting.draw_all(
        FOLDER,
        kit.load_runs(FOLDER, labels),
        [validation_curves, accuracy_vs_cost, confusion_matrix],
    )
