"""Frozen: how a Fashion-MNIST outcome is scored. The agent cannot edit this file.

An outcome holds log-probabilities for the validation and the test images, and what the training
cost. The labels of the test images are known here and nowhere else.
"""

from collections.abc import Mapping

import numpy as np

from bonsai import kit

DATASETS = ("FashionMNIST", "mini", "KMNIST", "MNIST")  # the first is the default
SEEDS = (0, 1, 2)
SELECTION = "val_accuracy"  # an idea's best run is chosen by this, never by a test metric
REPEATS_WITHIN = 0.0  # a seed gives the same result beside whatever other seeds, on one kind of CPU
CURVE = "validation accuracy"  # the same while training, for comparing at equal time

METRICS = {
    "test_accuracy": kit.Metric("%", "higher", "share of the test images classified rightly"),
    "test_loss": kit.Metric(
        "nats per image", "lower", "mean negative log-probability, test images"
    ),
    "val_accuracy": kit.Metric("%", "higher", "share of the validation images classified rightly"),
    "val_loss": kit.Metric("nats per image", "lower", "mean negative log-probability, validation"),
    "parameters": kit.Metric("", "lower", "trained numbers in the network"),
    "train_seconds": kit.Metric(
        "s", "lower", "training time of one seed, as the run itself measured it"
    ),
    "inference_us": kit.Metric(
        "µs per image", "lower", "time to classify one test image in a batch"
    ),
}


def score(outcome: Mapping[str, np.ndarray], truth: kit.Truth) -> dict[str, float]:
    """The metrics of one seed.

    Args:
        outcome: `test_log_probs` (T, 10) and `val_log_probs` (V, 10), natural logarithms that
            sum to one as probabilities; the numbers `parameters`, `train_seconds`, `inference_us`.
        truth: the labels.

    Raises:
        kit.KitError: predictions for the wrong number of images, or no probabilities.
    """
    test = _log_probs(outcome, "test_log_probs", truth.test_labels, len(truth.classes))
    val = _log_probs(outcome, "val_log_probs", truth.val_labels, len(truth.classes))
    metrics = {
        "test_accuracy": _accuracy(test, truth.test_labels),
        "test_loss": _loss(test, truth.test_labels),
        "val_accuracy": _accuracy(val, truth.val_labels),
        "val_loss": _loss(val, truth.val_labels),
    }
    for name in ("parameters", "train_seconds", "inference_us"):
        metrics[name] = float(outcome[name])
    for label, class_name in enumerate(truth.classes):
        of_class = truth.test_labels == label
        key = "accuracy_" + class_name.lower().replace(" ", "_").replace("-", "_")
        metrics[key] = _accuracy(test[of_class], truth.test_labels[of_class])
    return metrics


def _log_probs(
    outcome: Mapping[str, np.ndarray], name: str, labels: np.ndarray, classes: int
) -> np.ndarray:
    log_probs = np.asarray(outcome[name], dtype=np.float64)
    if log_probs.shape != (len(labels), classes):
        raise kit.KitError(
            f"{name} has shape {log_probs.shape}; it must be {(len(labels), classes)}"
        )
    total = np.exp(log_probs).sum(axis=1)
    if not np.allclose(total, 1.0, atol=1e-2):
        raise kit.KitError(
            f"{name} are not log-probabilities: a row's probabilities sum to {total[0]:.3g}, not 1"
        )
    return log_probs


def _accuracy(log_probs: np.ndarray, labels: np.ndarray) -> float:
    return 100.0 * float(np.mean(log_probs.argmax(axis=1) == labels))


def _loss(log_probs: np.ndarray, labels: np.ndarray) -> float:
    return -float(np.mean(log_probs[np.arange(len(labels)), labels]))
