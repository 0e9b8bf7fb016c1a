"""Frozen: how an outcome of cell_division is scored. The agent cannot edit this file.

Two kinds of predictions are kept. *Online* ones were made for each batch before it was learned
from; the targets of a stream follow from the seed alone and are drawn again here. They measure
plasticity, but training was shown the targets a moment later, so an outcome is taken at its word.
*Held-out* ones are for images whose labels training never sees, under the pixel order of the task
just learned; an idea is judged by those for the test images.
"""

import runpy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch.nn.functional as F

from bonsai import kit

HERE = Path(__file__).parent
# Loaded by path, since the runner scores outcomes of many templates in one process.
streams = SimpleNamespace(**runpy.run_path(str(HERE / "streams.py")))
measures = SimpleNamespace(**runpy.run_path(str(HERE / "measures.py")))

DATASETS = ("digits", "mini", "FashionMNIST", "MNIST", "KMNIST")  # the first needs no network
KIT_DATA = True  # reduced below, but read by the kit alone
SEEDS = (0, 1, 2, 3, 4)
SELECTION = "val_accuracy"  # an idea's best run is chosen by this, never by a test metric
REPEATS_WITHIN = 0.0  # a seed gives the same result beside whatever other seeds, on one kind of CPU
MAIN = "permuted"  # the stream by which ideas are judged; `labels` is scored where it is there
STUDY = "turnover"  # for the figures alone
PAIRED = ("backprop", "continual_backprop")  # the differences to these have an error of their own
POOLED = 14  # pixels to a side: larger images are averaged over 2x2

POINTS = "points of accuracy"
METRICS = {
    "test_accuracy": kit.Metric(
        "%", "higher", "held-out test images, last tenth of permuted tasks"
    ),
    "val_accuracy": kit.Metric("%", "higher", "the same for validation images"),
    "test_plasticity_lost": kit.Metric(POINTS, "lower", "test accuracy, first minus last tenth"),
    "online_permuted": kit.Metric("%", "higher", "predictions before learning, mean of all tasks"),
    "late_permuted": kit.Metric("%", "higher", "the same in the last tenth of the tasks"),
    "lost_permuted": kit.Metric(POINTS, "lower", "plasticity lost: first minus last tenth"),
    "dormant_share": kit.Metric("%", "lower", "units that are dormant at the end"),
    "effective_rank": kit.Metric("", None, "of the last hidden layer's features, at the end"),
    "weight_norm": kit.Metric("", None, "root mean square of all weights at the end"),
    "births": kit.Metric("units", None, "in all hidden layers, over the whole stream"),
    "deaths": kit.Metric("units", None, "likewise"),
    "lineage_depth": kit.Metric("divisions", None, "mean generation of the units at the end"),
    "units_used": kit.Metric("units", "lower", "alive, mean over the tasks"),
    "event_change": kit.Metric("%", "lower", "mean change of outputs per event, of their spread"),
    "tasks": kit.Metric("", None, "permuted tasks that were learned"),
    "train_seconds": kit.Metric("s", "lower", "all methods and streams, per seed"),
}


# ------------------------------------------------------------------------------------------------
# Data


@dataclass(frozen=True)
class Truth:
    """What scoring needs: the streams' data, and the labels that training does not see."""

    name: str
    data: kit.Images
    val_labels: np.ndarray
    test_labels: np.ndarray


def load_data(name: str, smoke: bool = False) -> kit.Images:
    """The kit's images, those of 28x28 pixels pooled to 14x14; names and errors as in the kit."""
    images = kit.load_images(name.replace(f"-{POOLED}x{POOLED}", ""), smoke)
    if images.train_images.shape[-1] <= POOLED:
        return images
    small = {
        f"{part}_images": F.avg_pool2d(getattr(images, f"{part}_images").float(), 2).round().byte()
        for part in ("train", "val", "test")
    }
    suffix = f"-{POOLED}x{POOLED}"  # before "-smoke", by which the streams know
    stem, smoke_suffix, _ = images.name.partition(streams.SMOKE)
    return replace(images, name=stem + suffix + smoke_suffix, **small)


def load_truth(name: str, smoke: bool = False) -> Truth:
    """Labels and data for scoring; names and errors as in `load_data`."""
    data = load_data(name, smoke)
    labels = kit.load_truth(name.replace(f"-{POOLED}x{POOLED}", ""), smoke)
    return Truth(data.name, data, labels.val_labels, labels.test_labels)


# ------------------------------------------------------------------------------------------------
# Scores


def score(outcome: Mapping[str, np.ndarray], truth: Truth) -> dict[str, float]:
    """The metrics of one seed, for the first method; of the others accuracies alone.

    Args:
        outcome: `stream_seed`, and for each stream the arrays of records.py.
        truth: from `load_truth`.

    Raises:
        kit.KitError: arrays that do not fit each other.
    """
    names = method_names(outcome, MAIN)
    # A run of fewer tasks than the stream has by rule has not learned the last ones: it gets
    # nothing right there, so that nobody gains by stopping early.
    whole = len(outcome[f"online_{MAIN}"]) >= streams.standard_tasks(MAIN, truth.name)
    test, val = (held_out_accuracy(outcome, truth, part) for part in ("test", "val"))
    metrics = {
        "test_accuracy": test[0, 1] * whole,
        "val_accuracy": val[0, 1] * whole,
        "test_plasticity_lost": test[0, 0] - test[0, 1] * whole,
    }
    for key in sorted(outcome):
        if key.startswith("online_") and key != f"online_{STUDY}":
            metrics |= online_metrics(outcome, truth, key.removeprefix("online_"))
    end = dict(zip(measures.NAMES, outcome[f"health_{MAIN}"][0, -1], strict=True))
    metrics |= {
        "dormant_share": end["dormant share (%)"],
        "effective_rank": end["effective rank"],
        "weight_norm": end["weight norm"],
        "births": end["births"],
        "deaths": end["deaths"],
        "lineage_depth": end["generation"],
        "units_used": outcome[f"units_used_{MAIN}"][0],
        "event_change": 100 * outcome[f"change_{MAIN}"][0],
        "tasks": len(outcome[f"online_{MAIN}"]),
        "train_seconds": outcome["train_seconds"],
    }
    for m, name in enumerate(names[1:], start=1):
        metrics[f"{name}_test_accuracy"] = test[m, 1] * whole
        if name in PAIRED:
            metrics[f"minus_{name}_test"] = (test[0, 1] - test[m, 1]) * whole
    return {name: float(value) for name, value in metrics.items()}


def method_names(outcome: Mapping[str, np.ndarray], stream: str) -> list[str]:
    """The names of the methods on a stream, in the order of the arrays' first axis."""
    return bytes(outcome[f"methods_{stream}"].astype(np.uint8)).decode().split(",")


def held_out_accuracy(
    outcome: Mapping[str, np.ndarray], truth: Truth, part: str, stream: str = MAIN
) -> np.ndarray:
    """Percentage right (M, 2) on validation or test images, in the first and last tenth of tasks.

    Raises:
        kit.KitError: there are not as many predictions as images and examined tasks.
    """
    labels = truth.test_labels if part == "test" else truth.val_labels
    predicted = outcome[f"{part}_{stream}"]
    count, tasks = len(method_names(outcome, stream)), len(outcome[f"online_{stream}"])
    examined, first = streams.examined(tasks), streams.ends(tasks)[0]
    if predicted.shape != (count, len(examined), len(labels)):
        raise kit.KitError(
            f"{part}_{stream} has shape {predicted.shape}; for {tasks} tasks it must be "
            f"{(count, len(examined), len(labels))}: methods, first and last tasks, images"
        )
    right = 100.0 * (predicted == labels).mean(axis=2)
    return np.stack([right[:, : first.stop].mean(1), right[:, -first.stop :].mean(1)], axis=1)


def whole_stream(outcome: Mapping[str, np.ndarray], truth: Truth, name: str) -> np.ndarray:
    """Online accuracy in % of the first method (tasks,), or squared error of the regression.

    Raises:
        kit.KitError: there are not as many predictions as the stream has batches.
    """
    predicted = outcome[f"online_{name}"]
    stream, seed = _stream(outcome, truth, name), int(outcome["stream_seed"][0])
    _demand(f"online_{name}", predicted, (stream.tasks, stream.steps, streams.BATCH))
    tasks = range(stream.tasks)
    return np.array([
        streams.online_score(stream, predicted[task], stream.targets(seed, task)) for task in tasks
    ])  # fmt: skip


def online_scores(outcome: Mapping[str, np.ndarray], truth: Truth, name: str) -> np.ndarray:
    """The same of all methods, mean of the first and of the last tenth of the tasks (M, 2).

    Raises:
        kit.KitError: there are not as many predictions as these tasks have batches.
    """
    predicted = outcome[f"ends_{name}"]
    stream, seed = _stream(outcome, truth, name), int(outcome["stream_seed"][0])
    tasks, count = streams.examined(stream.tasks), len(method_names(outcome, name))
    _demand(f"ends_{name}", predicted, (count, len(tasks), stream.steps, streams.BATCH))
    targets = [stream.targets(seed, task) for task in tasks]
    scores = np.array([
        [streams.online_score(stream, *pair) for pair in zip(mine, targets, strict=True)]
        for mine in predicted
    ])  # fmt: skip
    tenth = streams.ends(stream.tasks)[0].stop
    return np.stack([scores[:, :tenth].mean(axis=1), scores[:, -tenth:].mean(axis=1)], axis=1)


def _stream(outcome: Mapping[str, np.ndarray], truth: Truth, name: str) -> Any:
    """The stream over the truth's data, of as many tasks as the outcome has."""
    tasks = len(outcome[f"online_{name}"])
    return streams.make(name, truth.data, tasks / streams.standard_tasks(name, truth.name))


def _demand(name: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise kit.KitError(f"{name} has shape {array.shape}, not {shape}; see records.py")


def online_metrics(outcome: Mapping[str, np.ndarray], truth: Truth, name: str) -> dict[str, float]:
    """Area under the curve, late level and plasticity lost on a stream, of the first method.

    The others have their late level alone; of the main stream their test accuracies serve.
    """
    names, (early, late) = method_names(outcome, name), online_scores(outcome, truth, name).T
    metrics = {
        f"online_{name}": whole_stream(outcome, truth, name).mean(),
        f"late_{name}": late[0],
        f"lost_{name}": early[0] - late[0],
    }
    for m, other in enumerate(names[1:], start=1):
        if name != MAIN:
            metrics[f"{other}_late_{name}"] = late[m]
            if other in PAIRED:
                metrics[f"minus_{other}_{name}"] = late[0] - late[m]
        if other == "backprop":
            metrics[f"backprop_lost_{name}"] = early[m] - late[m]
    return metrics
