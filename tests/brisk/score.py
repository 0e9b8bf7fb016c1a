"""Frozen: how high it is."""

from types import SimpleNamespace

from bonsai import kit

DATASETS = ("numbers",)
SEEDS = (0, 1)
SELECTION = "val_height"
METRICS = {
    "height": kit.Metric("m", "higher", "how high it is"),
    "val_height": kit.Metric("m", "higher", "the same, to choose by"),
}


def load_data(name, smoke):
    return SimpleNamespace(name=name)


load_truth = load_data


def score(outcome, truth):
    return {"height": float(outcome["height"]), "val_height": float(outcome["height"])}
