"""Frozen: how an outcome of fine_pruning is scored. The agent cannot edit this file.

An outcome holds, for every network and arm, the class that each image of each user is taken for
and how sure the network is: arrays `<network>.<arm>` (users of all conditions, images, 2) of bytes.
Who the users of a seed are, which of these images are scored, and their labels, is known here.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
from scipy import stats

from bonsai import kit

HERE = Path(__file__).resolve().parent


def _beside(*names: str) -> list[ModuleType]:
    """Modules beside this file, whichever of that name the process has loaded before."""
    before = {name: sys.modules.pop(name, None) for name in names}
    sys.path.insert(0, str(HERE))
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        return [__import__(name) for name in names]
    finally:
        sys.dont_write_bytecode = written
        sys.path.remove(str(HERE))
        for name, module in before.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module


users, sources = _beside("users", "sources")
CONDITIONS: tuple[str, ...] = users.CONDITIONS

DATASETS = (
    "FashionMNIST",
    "FashionMNIST-noisy",
    "mini",
    "KMNIST",
    "MNIST",
    "CIFAR10",
    "SpeechCommands",
    "ImageFolder",
)  # the first is the default
SEEDS = (0, 1, 2, 3, 4)
DRAWS_TESTS = True  # the runner deals test images out by a key that no experiment has
SELECTION = "val_gain_subset"  # an idea's best run is chosen by this, never by a test metric
REPEATS_WITHIN = 0.0  # a seed gives the same result beside whatever other seeds, on one kind of CPU
BINS = 10  # of the calibration error

POINTS = "points of accuracy"
HALF = "half of its 95 % interval over the users of a seed"
METRICS = {
    "gain_subset": kit.Metric(POINTS, "higher", "pruned minus dense, users with some classes"),
    "gain_style": kit.Metric(POINTS, "higher", "the same, users with all classes, another style"),
    "gain_both": kit.Metric(POINTS, "higher", "the same, users with some classes and a style"),
    "gain_subset_interval": kit.Metric(POINTS, None, HALF),
    "gain_style_interval": kit.Metric(POINTS, None, HALF),
    "val_gain_subset": kit.Metric(POINTS, "higher", "gain_subset on validation images"),
    "mask_gain_subset": kit.Metric(POINTS, None, "label-free class mask, no pruning"),
    "mask_gain_style": kit.Metric(POINTS, None, "the same, users with a style"),
    "em_gain_subset": kit.Metric(POINTS, None, "class prior by EM, no pruning"),
    "beyond_mask_subset": kit.Metric(POINTS, "higher", "pruned and masked minus masked alone"),
    "beyond_mask_interval": kit.Metric(POINTS, None, HALF),
    "oracle_gain_subset": kit.Metric(POINTS, None, "mask of the true classes, no pruning"),
    "magnitude_gain_subset": kit.Metric(POINTS, None, "pruned by size alone, same sparsity"),
    "random_gain_subset": kit.Metric(POINTS, None, "pruned at random, same sparsity"),
    "other_user_gain_subset": kit.Metric(POINTS, None, "pruned for another user, same sparsity"),
    "taylor_gain_subset": kit.Metric(POINTS, None, "pruned with labels, same sparsity"),
    "bn_gain_style": kit.Metric(POINTS, None, "normalisation re-estimated, no pruning"),
    "tent_gain_style": kit.Metric(POINTS, None, "entropy minimisation, no pruning"),
    "tuned_gain_subset": kit.Metric(POINTS, None, "fine-tuned with labels, no pruning"),
    "tuned_gain_style": kit.Metric(POINTS, None, "the same, users with a style"),
    "dense_accuracy_subset": kit.Metric("%", None, "of the base network for these users"),
    "dense_accuracy_style": kit.Metric("%", None, "of the base network for these users"),
    "forgotten_subset": kit.Metric(POINTS, "lower", "lost on classes that the user does not have"),
    "ece_change_subset": kit.Metric("points", "lower", "calibration error, pruned minus dense"),
    "sparsity": kit.Metric("%", None, "prunable weights that the personalised copies lack"),
    "stop_sparsity": kit.Metric("%", None, "chosen without labels, by entropy"),
    "stop_regret": kit.Metric(POINTS, "lower", "lost against the best by validation labels"),
}  # fmt: skip

PAIRS = {  # metric: arm, condition; {} is the headline sparsity in percent
    "gain_subset": ("pruned", "subset"),
    "gain_style": ("pruned", "style"),
    "gain_both": ("pruned", "both"),
    "mask_gain_subset": ("mask", "subset"),
    "mask_gain_style": ("mask", "style"),
    "em_gain_subset": ("em", "subset"),
    "oracle_gain_subset": ("oracle", "subset"),
    "magnitude_gain_subset": ("magnitude@{}", "subset"),
    "random_gain_subset": ("random@{}", "subset"),
    "other_user_gain_subset": ("other_user@{}", "subset"),
    "taylor_gain_subset": ("taylor_with_labels@{}", "subset"),
    "bn_gain_style": ("bn", "style"),
    "tent_gain_style": ("tent", "style"),
    "tuned_gain_subset": ("tuned_all", "subset"),
    "tuned_gain_style": ("tuned_all", "style"),
}


def load_data(name: str, smoke: bool = False, given: Mapping[str, np.ndarray] | None = None):
    """The population to draw users from; without the test labels where `prepare` was called."""
    return sources.load(name, smoke, given)


def load_truth(name: str, smoke: bool = False):
    """The population with all labels."""
    return sources.load(name, smoke)


def prepare(name: str, smoke: bool, seeds: Sequence[int]) -> dict[str, np.ndarray]:
    """Which images are whose: users have classes, so that takes the labels of the test images."""
    return sources.prepared(name, smoke, seeds)


class Table:
    """One network's arms, as accuracies of its users."""

    def __init__(self, outcome: Mapping[str, np.ndarray], network: str, people, seed: int) -> None:
        """Read the answers of one seed's users.

        Raises:
            kit.KitError: an array has another shape than users and images ask for.
        """
        truths = [people.truth(seed, condition) for condition in CONDITIONS]
        self.labels = {part: np.concatenate([truth[part] for truth in truths])
                       for part in ("test", "off", "val")}  # fmt: skip
        sizes = people.sizes
        columns = np.concatenate([people.columns(seed, condition) for condition in CONDITIONS])
        self.parts = {"test": slice(0, sizes.test), "off": slice(sizes.test, -sizes.val),
                      "val": slice(-sizes.val, None)}  # fmt: skip
        self.condition = np.repeat(CONDITIONS, sizes.users)
        shape = (len(CONDITIONS) * sizes.users, sizes.shown, 2)
        self.answers, self.numbers = {}, {}
        for key, array in outcome.items():
            if not key.startswith(f"{network}."):
                continue
            arm = key.removeprefix(f"{network}.")
            if array.ndim == 3 and array.shape != shape:
                raise kit.KitError(f"{key} has shape {array.shape}; it must be {shape}")
            if array.ndim == 3:
                self.answers[arm] = np.take_along_axis(array, columns[..., None], axis=1)
            else:
                self.numbers[arm] = array

    def accuracy(self, arm: str, part: str = "test", condition: str | None = None) -> np.ndarray:
        """Per cent of each user's images (U,) that the arm takes for what they are."""
        rows = slice(None) if condition is None else self.condition == condition
        said = self.answers[arm][rows, self.parts[part], 0]
        return 100.0 * (said == self.labels[part][rows]).mean(axis=1)

    def gain(self, arm: str, condition: str, part: str = "test", base: str = "dense") -> np.ndarray:
        """By how much an arm is better than another for each user (U,), in points."""
        return self.accuracy(arm, part, condition) - self.accuracy(base, part, condition)

    def calibration_error(self, arm: str, condition: str) -> float:
        """Expected calibration error over all images of these users, in points, ten equal bins."""
        rows = self.condition == condition
        said = self.answers[arm][rows, self.parts["test"]]
        right = (said[..., 0] == self.labels["test"][rows]).ravel()
        sure = said[..., 1].ravel() / 255.0
        bins = np.minimum((sure * BINS).astype(int), BINS - 1)
        gaps = [abs(right[bins == b].mean() - sure[bins == b].mean()) * (bins == b).mean()
                for b in range(BINS) if (bins == b).any()]  # fmt: skip
        return 100.0 * float(sum(gaps))

    def sparsities(self, score: str) -> list[int]:
        """The sparsities, in percent, at which a score was tried."""
        ats = [arm.split("@")[1] for arm in self.answers if arm.startswith(f"{score}@")]
        return sorted(int(percent) for percent in ats)

    def main_score(self) -> str:
        """The score of the personalised copies: the one that was tried at most sparsities."""
        scores = [arm.split("@")[0] for arm in self.answers if "@" in arm and "+" not in arm]
        return max(dict.fromkeys(scores), key=scores.count)

    def stopping(self, rule: str, condition: str) -> tuple[np.ndarray, np.ndarray]:
        """Sparsity chosen for each user by a rule, and the points (U,) lost against the oracle.

        The oracle chooses by the labels of validation images; both are judged on test images.
        """
        score = self.main_score()
        levels = [0, *self.sparsities(score)]
        arms = ["dense", *(f"{score}@{level}" for level in levels[1:])]
        val = np.stack([self.accuracy(arm, "val", condition) for arm in arms])
        test = np.stack([self.accuracy(arm, "test", condition) for arm in arms])
        chosen = self.numbers[f"stop.{rule}"][self.condition == condition]
        place = np.array([levels.index(int(level)) for level in chosen])
        each = np.arange(len(place))
        return chosen, test[val.argmax(axis=0), each] - test[place, each]


def half_interval(differences: np.ndarray) -> float:
    """Half of the 95 % t interval of a mean over users."""
    if len(differences) < 2:
        return 0.0
    quantile = stats.t.ppf(0.975, len(differences) - 1)
    return float(quantile * differences.std(ddof=1) / np.sqrt(len(differences)))


def networks(outcome: Mapping[str, np.ndarray]) -> list[str]:
    """The networks of an outcome, the one that the metrics are about first."""
    return [key.removesuffix(".dense") for key in outcome if key.endswith(".dense")]


def score(outcome: Mapping[str, np.ndarray], truth) -> dict[str, float]:
    """The metrics of one seed; differences are paired by user.

    Args:
        outcome: see above; with `headline`, the sparsity in percent of the personalised copies,
            and the `seed`, which the frame adds.
        truth: the population.
    """
    seed, headline = int(outcome["seed"]), int(outcome["headline"])
    found = networks(outcome)
    if not found:
        raise kit.KitError("the outcome lacks '<network>.dense'; score.py needs it")
    table = Table(outcome, found[0], truth, seed)
    metrics = {
        metric: float(table.gain(arm.format(headline), condition).mean())
        for metric, (arm, condition) in PAIRS.items()
    }
    beyond = table.gain("pruned+mask", "subset", base="mask")
    kept = table.numbers["kept"].sum(axis=1) / table.numbers["weights"].sum()
    stopped, regret = table.stopping("entropy", "subset")
    metrics |= {
        "gain_subset_interval": half_interval(table.gain("pruned", "subset")),
        "gain_style_interval": half_interval(table.gain("pruned", "style")),
        "val_gain_subset": float(table.gain("pruned", "subset", "val").mean()),
        "beyond_mask_subset": float(beyond.mean()),
        "beyond_mask_interval": half_interval(beyond),
        "dense_accuracy_subset": float(table.accuracy("dense", condition="subset").mean()),
        "dense_accuracy_style": float(table.accuracy("dense", condition="style").mean()),
        "forgotten_subset": -float(table.gain("pruned", "subset", "off").mean()),
        "ece_change_subset": table.calibration_error("pruned", "subset")
        - table.calibration_error("dense", "subset"),
        "sparsity": 100.0 * float(1 - kept.mean()),
        "stop_sparsity": float(stopped.mean()),
        "stop_regret": float(regret.mean()),
    }
    for network in found[1:]:
        other = Table(outcome, network, truth, seed)
        metrics[f"{network}_gain_subset"] = float(other.gain("pruned", "subset").mean())
        metrics[f"{network}_mask_gain_subset"] = float(other.gain("mask", "subset").mean())
        beyond = other.gain("pruned+mask", "subset", base="mask")
        metrics[f"{network}_beyond_mask_subset"] = float(beyond.mean())
    return {name: metrics[name] for name in (*METRICS, *sorted(metrics.keys() - METRICS.keys()))}
