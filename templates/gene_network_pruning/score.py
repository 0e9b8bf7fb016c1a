"""Frozen: how an outcome of gene_network_pruning is scored. The agent cannot edit this file.

An outcome holds predicted classes and valences of every network, and its masks. What the test
faces feel is known here and nowhere else: the runner draws them from a key that no experiment has.
`claims` turns the scores of all seeds into verdicts; its margins were fixed before anything was
measured.
"""

import math
import runpy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy import stats

from bonsai import kit

# By path: the runner scores outcomes of many templates in one process, away from their folders.
emotions = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("emotions.py"))))

DATASETS = ("faces", "mini", "fer2013", "ravdess", "goemotions", "brighter")  # the first: default
SEEDS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
SELECTION = "val_accuracy"  # an idea's best run is chosen by this, never by a test metric
DRAWS_TESTS = True  # the runner tests on other faces than an experiment that is started by hand
REPEATS_WITHIN = 0.0  # a seed gives the same result beside whatever other seeds, on one kind of CPU

POINTS = "points of accuracy"
METRICS = {
    "test_accuracy": kit.Metric("%", "higher", "genes at the focus sparsity, all conditions"),
    "val_accuracy": kit.Metric("%", "higher", "the same on validation faces"),
    "macro_f1": kit.Metric("%", "higher", "the same net: mean F1 over the emotions"),
    "worst_condition": kit.Metric("%", "higher", "the same net: accuracy in its worst condition"),
    "condition_gap": kit.Metric(POINTS, "lower", "the same net: best condition minus worst"),
    "unseen_loss": kit.Metric(POINTS, "lower", "the same rule: what a condition loses, left out"),
    "valence_r2": kit.Metric("", "higher", "the same net: R2 of the expected valence"),
    "sparsity": kit.Metric("%", None, "the same net: share of synapses silenced"),
    "dead_units": kit.Metric("units", "lower", "the same net: hidden units cut off on either side"),
    "churn": kit.Metric("%", None, "the same net: expressed synapses changed per update, mean"),
    "multiply_adds": kit.Metric("per face", "lower", "the same net: synapses between live units"),
    "genes_minus_shuffled": kit.Metric(POINTS, "higher", "the decisive control: wrong partners"),
    "genes_minus_gradual": kit.Metric(POINTS, "higher", "against plain magnitude pruning"),
    "genes_minus_dense": kit.Metric(POINTS, "higher", "against the net that is not pruned"),
    "half_minus_dense": kit.Metric(POINTS, "higher", "genes at half the size against dense"),
    "dense_accuracy": kit.Metric("%", "higher", "the net that is not pruned"),
    "fake_accuracy": kit.Metric("%", "higher", "the published rule"),
    "fake_sparsity": kit.Metric("%", None, "share of synapses that it silences of its own accord"),
    "fake_minus_dense": kit.Metric(POINTS, "higher", "the published rule against dense"),
    "fake_worst_gain": kit.Metric(POINTS, "higher", "the same in the worst condition of each net"),
    "fake_unseen_loss": kit.Metric(POINTS, "lower", "what a condition loses when left out, fake"),
    "dense_unseen_loss": kit.Metric(POINTS, "lower", "the same, dense"),
    "time_term_changes": kit.Metric("synapses", None, "mask entries that differ without beta"),
    "shuffled_labels_accuracy": kit.Metric("%", None, "genes trained on labels that mean nothing"),
    "one_run_r2_spread": kit.Metric("", None, "sd of R2 over single runs: 40 faces, 30 % pruned"),
    "train_seconds": kit.Metric("s", "lower", "all networks, per seed"),
}


# ------------------------------------------------------------------------------------------------
# Data


def load_data(name: str, smoke: bool = False, given: Mapping[str, np.ndarray] | None = None) -> Any:
    """What training may see, from what was prepared or else anew; see emotions.py."""
    return emotions.load(name, smoke)[0] if given is None else emotions.unpacked(given)


def prepare(name: str, smoke: bool, seeds: Sequence[int]) -> dict[str, np.ndarray]:
    """The same for whoever may not draw the test faces, nor read the files of real sets."""
    return emotions.packed(emotions.load(name, smoke)[0])


def load_truth(name: str, smoke: bool = False) -> Any:
    """What it may not."""
    return emotions.load(name, smoke)[1]


# ------------------------------------------------------------------------------------------------
# Networks of an outcome


def networks(outcome: Mapping[str, np.ndarray], prefix: str = "") -> list[str]:
    """Names of the networks, "rule@sparsity", whose test predictions an outcome holds."""
    start = f"{prefix}test "
    return [key.removeprefix(start) for key in outcome if key.startswith(start)]


def right(outcome: Mapping[str, np.ndarray], key: str, labels: np.ndarray) -> np.ndarray:
    """Which predictions are right, (N,) of 0 and 100, so that a mean is a percentage.

    Raises:
        kit.KitError: there is not one prediction for each input.
    """
    found = np.asarray(outcome[key])
    if found.shape != labels.shape:
        raise kit.KitError(f"{key!r} has shape {found.shape}; it must be {labels.shape}")
    return 100.0 * (found == labels)


def by_condition(values: np.ndarray, truth: Any) -> np.ndarray:
    """Mean of `values` (T,) in each condition."""
    conditions = truth.test.conditions.numpy()
    return np.array([values[conditions == index].mean() for index in range(len(truth.conditions))])


def masks(outcome: Mapping[str, np.ndarray], name: str) -> list[np.ndarray]:
    """A network's masks, (out, in) of truth values, layer by layer."""
    layers = sorted(key for key in outcome if key.startswith("mask ") and key.endswith(f" {name}"))
    return [np.asarray(outcome[key]).astype(bool) for key in layers]


def live_units(layers: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Which units of each hidden layer are on a path from the inputs to an output."""
    below, reached = np.ones(layers[0].shape[1], dtype=bool), []
    for mask in layers[:-1]:
        below = (mask & below).any(axis=1)
        reached.append(below)
    above, live = np.ones(layers[-1].shape[0], dtype=bool), []
    for mask, from_below in zip(layers[:0:-1], reached[::-1], strict=True):
        above = (mask & above[:, None]).any(axis=0) & from_below
        live.append(above)
    return live[::-1]


def anatomy(layers: Sequence[np.ndarray]) -> dict[str, float]:
    """Sparsity in percent, dead hidden units, and multiply-adds for one input, from the masks."""
    live = live_units(layers)
    ends = [np.ones(layers[0].shape[1], dtype=bool), *live,
            np.ones(layers[-1].shape[0], dtype=bool)]  # fmt: skip
    used = [mask & ends[i][None, :] & ends[i + 1][:, None] for i, mask in enumerate(layers)]
    return {
        "sparsity": 100 * (1 - sum(mask.sum() for mask in layers) / sum(m.size for m in layers)),
        "dead_units": float(sum((~units).sum() for units in live)),
        "multiply_adds": float(sum(mask.sum() for mask in used)),
    }


# ------------------------------------------------------------------------------------------------
# Scores


def score(outcome: Mapping[str, np.ndarray], truth: Any) -> dict[str, float]:
    """The metrics of one seed.

    Args:
        outcome: for each network, as "rule@sparsity": `test` and `val` classes, test `valence`,
            `mask 0`, `mask 1`, ..., `churn`; `test` classes also after "without C: " and "shuffled
            labels: "; `regressors few`, `regressors many` (draws, shares, faces); the number
            `focus`. Accuracies of other networks at that sparsity become metrics too.
        truth: from `load_truth`.

    Raises:
        kit.KitError: arrays that do not fit the data.
    """
    focus = f"{float(outcome['focus']):g}"
    genes, labels = f"genes@{focus}", truth.test.labels.numpy()
    rights = {name: right(outcome, f"test {name}", labels) for name in networks(outcome)}
    accuracy = {name: float(values.mean()) for name, values in rights.items()}
    conditions = {name: by_condition(values, truth) for name, values in rights.items()}
    metrics = {
        "test_accuracy": accuracy[genes],
        "val_accuracy": float(right(outcome, f"val {genes}", truth.val.labels.numpy()).mean()),
        "macro_f1": macro_f1(np.asarray(outcome[f"test {genes}"]), labels, len(truth.classes)),
        "worst_condition": conditions[genes].min(),
        "condition_gap": np.ptp(conditions[genes]),
        "valence_r2": r2(np.asarray(outcome[f"valence {genes}"]), truth.test.valence.numpy()),
        "churn": 100 * float(np.mean(outcome[f"churn {genes}"])),
        **anatomy(masks(outcome, genes)),
        "genes_minus_shuffled": accuracy[genes] - accuracy[f"genes_shuffled@{focus}"],
        "genes_minus_gradual": accuracy[genes] - accuracy[f"gradual@{focus}"],
        "genes_minus_dense": accuracy[genes] - accuracy["dense@0"],
        "half_minus_dense": accuracy["genes@0.5"] - accuracy["dense@0"],
        "fake_sparsity": anatomy(masks(outcome, "fake@0"))["sparsity"],
        "fake_minus_dense": accuracy["fake@0"] - accuracy["dense@0"],
        "fake_worst_gain": conditions["fake@0"].min() - conditions["dense@0"].min(),
        "time_term_changes": float(sum(
            (one != other).sum()
            for one, other in zip(masks(outcome, "fake@0"), masks(outcome, "fake_no_time@0"),
                                  strict=True)
        )),
        "shuffled_labels_accuracy": float(
            right(outcome, f"shuffled labels: test {genes}", labels).mean()
        ),
        "one_run_r2_spread": float(np.std(single_runs(outcome, truth), ddof=1)),
        "train_seconds": float(outcome["train_seconds"]),
    }  # fmt: skip
    if len(truth.conditions) > 1:
        for metric, name in (("unseen_loss", genes), ("fake_unseen_loss", "fake@0"),
                             ("dense_unseen_loss", "dense@0")):  # fmt: skip
            metrics[metric] = float(unseen_losses(outcome, truth, name).mean())
    for name in networks(outcome):
        rule, level = name.split("@")
        if level in ("0", focus) and name != genes and not rule.startswith("fake_"):
            metrics[f"{rule}_accuracy"] = accuracy[name]
    return {name: float(value) for name, value in metrics.items()}


def macro_f1(found: np.ndarray, labels: np.ndarray, classes: int) -> float:
    """Mean over the classes of the F1 score, in percent; 0 for a class never hit."""
    scores = []
    for label in range(classes):
        hits = np.sum((found == label) & (labels == label))
        scores.append(2 * hits / max(np.sum(found == label) + np.sum(labels == label), 1))
    return 100.0 * float(np.mean(scores))


def r2(predicted: np.ndarray, true: np.ndarray) -> float:
    """Coefficient of determination; negative where the mean of `true` would do better."""
    residual = np.square(predicted.astype(np.float64) - true).sum()
    return 1.0 - float(residual / np.square(true - true.mean()).sum())


def mean_error(predicted: np.ndarray, true: np.ndarray) -> float:
    """Mean absolute error."""
    return float(np.abs(predicted.astype(np.float64) - true).mean())


def unseen_losses(outcome: Mapping[str, np.ndarray], truth: Any, name: str) -> np.ndarray:
    """By how many points each condition does better when it is among the training data."""
    labels = truth.test.labels.numpy()
    known = by_condition(right(outcome, f"test {name}", labels), truth)
    new = [
        by_condition(right(outcome, f"without {condition}: test {name}", labels), truth)[index]
        for index, condition in enumerate(truth.conditions)
    ]
    return known - np.array(new)


def single_runs(
    outcome: Mapping[str, np.ndarray],
    truth: Any,
    key: str = "regressors few",
    share: int = 3,
    faces: int = 40,
    measure: Callable[[np.ndarray, np.ndarray], float] = r2,
    first: int = 0,
) -> np.ndarray:
    """R2 of each draw's regressor, pruned by the share of that index, on its block of test faces.

    The draws of an outcome take one block after another; `first` counts the outcomes before it.
    """
    predicted = np.asarray(outcome[key])[:, share]
    found = []
    for draw, row in enumerate(predicted, start=first * len(predicted)):
        start = draw * faces % max(len(row) - faces, 1)
        found.append(
            measure(row[start : start + faces], truth.test.valence.numpy()[start:][:faces])
        )
    return np.array(found)


# ------------------------------------------------------------------------------------------------
# Claims

CLAIMED_ACCURACY = 92.0  # %, of the paper
CLAIMED_GAIN = 5.0  # points on under-represented subsets, of the paper
NO_LOSS = 1.0  # points: a smaller difference counts as none
STABLE = 2.0  # points: a smaller loss on an unseen condition counts as stable


@dataclass(frozen=True)
class Claim:
    """One row of the table of claims."""

    about: str
    paper: str
    mean: float
    low: float | None  # of the 95 % interval over seeds; None with a single seed
    high: float | None
    unit: str
    verdict: str  # supported, refuted or undecided


def interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float] | None:
    """Student's interval of the mean; None with fewer than two values."""
    numbers = np.asarray(values, dtype=float)
    if len(numbers) < 2:
        return None
    mean, error = numbers.mean(), numbers.std(ddof=1) / math.sqrt(len(numbers))
    reach = float(stats.t.ppf((1 + level) / 2, len(numbers) - 1)) * error
    return float(mean - reach), float(mean + reach)


def at_least(values: Sequence[float], bound: float) -> str:
    """Whether the mean reaches `bound`, by the 95 % interval."""
    found = interval(values)
    if found is None:
        return "undecided"
    return "supported" if found[0] >= bound else "refuted" if found[1] < bound else "undecided"


def equivalent(values: Sequence[float], margin: float) -> str:
    """Whether the mean lies within +-margin: two one-sided t-tests at 5 %.

    Both reject when the 90 % interval lies inside (Schuirmann, J. Pharmacokinet. Biopharm. 15:657,
    1987). Refuted when the 95 % interval lies outside.
    """
    narrow, wide = interval(values, 0.90), interval(values)
    if narrow is None or wide is None:
        return "undecided"
    if -margin < narrow[0] and narrow[1] < margin:
        return "supported"
    return "refuted" if wide[0] > margin or wide[1] < -margin else "undecided"


def claims(per_seed: Mapping[str, Sequence[float]]) -> list[Claim]:
    """The table of claims, from the metrics of each seed; rows without metrics are left out."""
    better = "better"
    rows = (
        ("fake rule: accuracy", "92 %", "fake_accuracy", "%",
         lambda v: at_least(v, CLAIMED_ACCURACY)),
        ("gene rule: accuracy", "92 %", "test_accuracy", "%",
         lambda v: at_least(v, CLAIMED_ACCURACY)),
        ("fake rule: share of synapses silenced", "50 %", "fake_sparsity", "%",
         lambda v: equivalent(np.subtract(v, 50), 5.0)),
        ("fake rule against dense: no loss", "none", "fake_minus_dense", "points",
         lambda v: equivalent(v, NO_LOSS)),
        ("gene rule at half the size: no loss", "none", "half_minus_dense", "points",
         lambda v: equivalent(v, NO_LOSS)),
        ("gene rule at half the size: improves", better, "half_minus_dense", "points", improves),
        ("fake rule, worst condition: gains 5", "+5", "fake_worst_gain", "points",
         lambda v: at_least(v, CLAIMED_GAIN)),
        ("fake rule, unseen condition: stable", "stable", "fake_unseen_loss", "points lost",
         lambda v: equivalent(v, STABLE)),
        ("gene rule, unseen condition: stable", "stable", "unseen_loss", "points lost",
         lambda v: equivalent(v, STABLE)),
        ("regulation matters: beats shuffled partners", "implied", "genes_minus_shuffled", "points",
         improves),
        ("regulation does not matter: same as shuffled", "control", "genes_minus_shuffled",
         "points", lambda v: equivalent(v, NO_LOSS)),
    )  # fmt: skip
    table = []
    for about, paper, metric, unit, judge in rows:
        values = per_seed.get(metric)
        if values is not None and len(values):
            low, high = interval(values) or (None, None)
            table.append(
                Claim(about, paper, float(np.mean(values)), low, high, unit, judge(values))
            )
    return table


def improves(values: Sequence[float]) -> str:
    """Whether the mean is above zero, by the 95 % interval."""
    found = interval(values)
    if found is None:
        return "undecided"
    return "supported" if found[0] > 0 else "refuted" if found[1] < 0 else "undecided"
