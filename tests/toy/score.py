"""Frozen: the share of digits classified rightly."""

from bonsai import kit

DATASETS = ("digits",)
SEEDS = (0, 1)
SELECTION = "val_accuracy"
METRICS = {
    "test_accuracy": kit.Metric("%", "higher", "share of the test digits classified rightly"),
    "val_accuracy": kit.Metric("%", "higher", "share of the validation digits classified rightly"),
}


def score(outcome, truth):
    metrics = {}
    for part, labels in (("test", truth.test_labels), ("val", truth.val_labels)):
        if outcome[part].shape != labels.shape:
            raise kit.KitError(f"{part} has shape {outcome[part].shape}; it must be {labels.shape}")
        metrics[f"{part}_accuracy"] = 100.0 * float((outcome[part] == labels).mean())
    return metrics
