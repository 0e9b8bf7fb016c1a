"""Frozen: how an outcome of NAME_OF_TEMPLATE is scored. The agent cannot edit this file.

The labels of the test images are known here and nowhere else.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bonsai import kit

DATASETS = ("digits", "mini")  # what --data accepts; the first is the default
SEEDS = (0, 1, 2)
SELECTION = "val_accuracy"  # an idea's best run is chosen by this, never by a test metric
REPEATS_WITHIN = 0.0  # by how much the first metric of a seed may differ when it is run again

# The first metric is the one that ideas are judged by.
METRICS = {
    "test_accuracy": kit.Metric("%", "higher", "share of the test images classified rightly"),
    "test_loss": kit.Metric("nats", "lower", "mean negative log-probability, test images"),
    "val_accuracy": kit.Metric("%", "higher", "share of the validation images classified rightly"),
    "val_loss": kit.Metric("nats", "lower", "mean negative log-probability, validation images"),
    "parameters": kit.Metric("", "lower", "trained numbers in the network"),
    "train_seconds": kit.Metric("s", "lower", "training time of one seed, as it measured itself"),
}


def score(outcome: Mapping[str, npt.NDArray[Any]], truth: kit.Truth) -> dict[str, float]:
    """The metrics of one seed.

    Args:
        outcome: `test_log_probs` (T, classes) and `val_log_probs` (V, classes), natural logarithms;
            the numbers `parameters` and `train_seconds`.
        truth: the labels.

    Raises:
        kit.KitError: predictions of the wrong shape, or no probabilities.
    """
    test = log_probs(outcome, "test_log_probs", (len(truth.test_labels), len(truth.classes)))
    val = log_probs(outcome, "val_log_probs", (len(truth.val_labels), len(truth.classes)))
    return {
        "test_accuracy": accuracy(test, truth.test_labels),
        "test_loss": loss(test, truth.test_labels),
        "val_accuracy": accuracy(val, truth.val_labels),
        "val_loss": loss(val, truth.val_labels),
        "parameters": float(outcome["parameters"]),
        "train_seconds": float(outcome["train_seconds"]),
    }


def log_probs(
    outcome: Mapping[str, npt.NDArray[Any]], name: str, shape: tuple[int, int]
) -> npt.NDArray[Any]:
    """An outcome's log-probabilities, checked: an edited experiment may return anything."""
    found = np.asarray(outcome[name], dtype=np.float64)
    if found.shape != shape:
        raise kit.KitError(f"{name} has shape {found.shape}; it must be {shape}")
    if not np.allclose(np.exp(found).sum(axis=1), 1.0, atol=1e-3):
        raise kit.KitError(f"{name} are no log-probabilities: not every row's sum up to 1")
    return found


def accuracy(predicted: npt.NDArray[Any], labels: npt.NDArray[Any]) -> float:
    """Percentage of rows whose greatest entry is at the label."""
    return 100.0 * float(np.mean(predicted.argmax(axis=1) == labels))


def loss(predicted: npt.NDArray[Any], labels: npt.NDArray[Any]) -> float:
    """Mean negative log-probability of the labels, in nats."""
    return -float(np.mean(predicted[np.arange(len(labels)), labels]))
