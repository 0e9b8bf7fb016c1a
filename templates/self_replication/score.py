"""Frozen: how an outcome of self_replication is scored. The agent cannot edit this file.

An outcome holds the weights of every particle, so the network is run here, on images that training
never saw: `train` is given the test images without labels and without any need for them, and no
number of the dropout test is taken on trust. See particles.py for the words used.
"""

import math
import runpy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy import stats

from bonsai import kit

# Loaded by path, since the runner scores outcomes of many templates in one process.
particles = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("particles.py"))))

DATASETS = ("digits", "mini", "FashionMNIST", "MNIST", "KMNIST")  # the first needs no network
KIT_DATA = True  # reduced below, but read by the kit alone
SEEDS = (0, 1, 2, 3, 4)
SELECTION = "val_accuracy"  # an idea's best run is chosen by this, never by a test metric
REPEATS_WITHIN = 0.0  # a seed gives the same result beside whatever other seeds, on one kind of CPU
SIDE = 15  # pixels to which larger images are reduced, as in the published experiments
IMAGES_FOR_LEAVING_OUT = 2000  # at most, when particles are removed one at a time

NOISES = tuple(10.0**-power for power in range(1, 10))  # sizes of noise in the exit law

POINTS = "points of accuracy"
METRICS = {
    "test_accuracy": kit.Metric("%", "higher", "share of the test images classified rightly"),
    "val_accuracy": kit.Metric("%", "higher", "share of the validation images classified rightly"),
    "test_loss": kit.Metric("nats", "lower", "mean negative log-probability, test images"),
    "self_replicators": kit.Metric("particles", "higher", "census: reproduce every weight to 1e-5"),
    "all_zero": kit.Metric("particles", "lower", "census: dead, every weight zero to 1e-5"),
    "drop_self_replicators": kit.Metric(POINTS, "higher", "change when they are zeroed"),
    "drop_random": kit.Metric(POINTS, None, "as many others zeroed, mean of 20 draws"),
    "drop_random_same_layers": kit.Metric(POINTS, None, "as many in the same layers, 20 draws"),
    "drop_smallest_same_layers": kit.Metric(POINTS, None, "as many of the smallest |v5|"),
    "drop_least_varying_pixels": kit.Metric(POINTS, None, "as many, on the least varying pixels"),
    "drop_constant_pixels": kit.Metric(POINTS, None, "all particles on constant pixels zeroed"),
    "replicator_auc": kit.Metric("", "higher", "how well membership tells a harmless removal"),
    "pixel_correlation": kit.Metric("", None, "Spearman: a pixel's self-replicators and variance"),
    "pixel_p": kit.Metric("", None, "its p by permuting pixels"),
    "filler_accuracy": kit.Metric("%", None, "test accuracy of the filler-task control"),
    "filler_solved": kit.Metric("particles", None, "its particles that solved their filler task"),
    "filler_drop_solved": kit.Metric(POINTS, None, "change when those are zeroed"),
    "filler_drop_random_same_layers": kit.Metric(POINTS, None, "as many others of the same layers"),
    "embedding_error": kit.Metric("logits", "lower", "organism against a net of its scalars"),
    "scalar_r2": kit.Metric("", "higher", "how well one number describes a particle (1: exactly)"),
    "compression": kit.Metric("x", None, "weights of a particle for one of the embedded network"),
    "weights": kit.Metric("", "lower", "trained numbers in the organism"),
    "train_seconds": kit.Metric("s", "lower", "training of all organisms, per seed"),
}


# ------------------------------------------------------------------------------------------------
# Data


@dataclass(frozen=True)
class Truth:
    """What training does not see, for scoring: the test labels; and the images to score on."""

    name: str
    classes: tuple[str, ...]
    val_images: torch.Tensor
    val_labels: np.ndarray
    test_images: torch.Tensor
    test_labels: np.ndarray
    pixel_variance: torch.Tensor


def load_data(name: str, smoke: bool = False) -> kit.Images:
    """The kit's images, larger ones reduced to 15x15 pixels; names and errors as in the kit."""
    images = kit.load_images(name.replace(f"-{SIDE}x{SIDE}", ""), smoke)
    if images.train_images.shape[-1] <= SIDE:
        return images
    small = {f"{part}_images": _reduce(getattr(images, f"{part}_images"))
             for part in ("train", "val", "test")}  # fmt: skip
    return replace(images, name=f"{images.name}-{SIDE}x{SIDE}", **small)


def load_truth(name: str, smoke: bool = False) -> Truth:
    """Labels and images for scoring; names and errors as in `load_data`."""
    data = load_data(name, smoke)
    labels = kit.load_truth(name.replace(f"-{SIDE}x{SIDE}", ""), smoke)
    flat = {part: getattr(data, f"{part}_images").flatten(1).float() / 255
            for part in ("train", "val", "test")}  # fmt: skip
    variance = flat["train"].var(dim=0, unbiased=False)
    return Truth(data.name, data.classes, flat["val"], labels.val_labels, flat["test"],
                 labels.test_labels, variance)  # fmt: skip


def _reduce(images: torch.Tensor) -> torch.Tensor:
    parts = [
        F.interpolate(part[:, None].float(), size=(SIDE, SIDE), mode="bilinear", antialias=True)
        for part in images.split(5000)
    ]
    return torch.cat(parts)[:, 0].round().to(torch.uint8)


# ------------------------------------------------------------------------------------------------
# An organism, as its weights tell


@dataclass(frozen=True)
class Organism:
    """One trained organism out of an outcome."""

    name: str
    particles: torch.Tensor  # (P, N), double precision
    goals: torch.Tensor  # (4, N)
    widths: list[int]
    residual: float
    relu: bool
    tanh: bool
    norm: str

    @classmethod
    def read(
        cls, outcome: Mapping[str, np.ndarray], row: int, key: str = "particles"
    ) -> "Organism":
        """Organism `row` of an outcome.

        Raises:
            kit.KitError: its arrays do not fit each other.
        """
        widths = [int(width) for width in outcome["widths"]]
        count = sum(a * b for a, b in zip(widths[1:], widths[:-1], strict=True))
        weights = np.asarray(outcome[key], dtype=np.float64)
        settings = np.asarray(outcome["organisms"], dtype=np.float64)
        if weights.ndim != 3 or weights.shape[1] != count:
            raise kit.KitError(
                f"{key} has shape {weights.shape}; with layers of {widths} neurons it must be "
                f"(organisms, {count}, weights of a particle)"
            )
        hidden = math.sqrt(weights.shape[2] + 9) - 3
        if hidden != round(hidden):
            raise kit.KitError(
                f"no particle has {weights.shape[2]} weights: 5h + h² + h for some h"
            )
        setting = row if key == "particles" else 0
        tanh, relu, length = (bool(option) for option in outcome["options"])
        return cls(
            name=particles.organism_name(settings[setting]),
            particles=torch.from_numpy(np.ascontiguousarray(weights[row].T)),
            goals=torch.from_numpy(outcome["goals"][setting].astype(np.float64).T.copy()),
            widths=widths,
            residual=float(settings[setting, particles.RESIDUAL]),
            relu=relu, tanh=tanh, norm="length" if length else "max",
        )  # fmt: skip

    def census(self) -> torch.Tensor:
        """The class of each particle; for a filler organism "self-replicator" is "solved"."""
        return particles.classify(self.particles, self.norm, self.tanh, self.goals)

    def logits(self, images: torch.Tensor, keep: torch.Tensor | None = None) -> torch.Tensor:
        """Logits (C, B, classes) for images (B, D), once for each row of `keep` (C, N)."""
        keep = torch.ones(1, self.particles.shape[1], dtype=torch.bool) if keep is None else keep
        if self.tanh:
            each = [
                particles.forward_by_particle(
                    images[None], torch.where(row, self.particles, 0.0)[:, None, None], self.widths,
                    self.residual, self.relu, tanh=True,
                )[0, 0]
                for row in keep
            ]  # fmt: skip
            return torch.stack(each)
        v5 = torch.where(keep, particles.five_vector(self.particles)[4], 0.0)
        weights = particles.matrices(v5[None], self.widths)
        return particles.forward(images[None], weights, self.residual, self.relu)[0]

    def accuracy(
        self, images: torch.Tensor, labels: np.ndarray, drop: torch.Tensor | None = None
    ) -> float:
        """Percentage right, mean over the rows of `drop` (C, N), the particles that are zeroed.

        An organism whose logits are not finite predicts nothing, and gets nothing right.
        """
        logits = self.logits(images.double(), None if drop is None else ~drop)
        right = logits.argmax(-1) == torch.from_numpy(labels)
        return 100.0 * float((right & logits.isfinite().all(-1)).double().mean())


def losses(organism: Organism, truth: Truth, keep: torch.Tensor) -> torch.Tensor:
    """Mean test loss (C,) for each row of `keep`; of at most `IMAGES_FOR_LEAVING_OUT` images."""
    most = IMAGES_FOR_LEAVING_OUT // (20 if organism.tanh else 1)  # tanh: every particle sees each
    images = truth.test_images[:most].double()
    labels = torch.from_numpy(truth.test_labels[:most])
    found = []
    for rows in keep.split(64):
        logits = organism.logits(images, rows)
        target = labels.expand(len(rows), -1).flatten()
        each = F.cross_entropy(logits.flatten(0, 1), target, reduction="none")
        found.append(each.view(len(rows), -1).mean(1))
    return torch.cat(found)


# ------------------------------------------------------------------------------------------------
# Scores


def score(outcome: Mapping[str, np.ndarray], truth: Truth) -> dict[str, float]:
    """The metrics of one seed.

    Args:
        outcome: `particles` (K, N, P), `organisms` (K, 5: see particles.py), `goals` (K, N, 4),
            `widths`, `options` (tanh, relu, positions by length), `retrained` (3, N, P), `lab_<h>`
            (4, n, P), and classes `peer_<name>` (T,). The first organism is the one it is about.
        truth: from `load_truth`.

    Raises:
        kit.KitError: arrays that do not fit each other.
    """
    organism = Organism.read(outcome, 0)
    images, labels = truth.test_images, truth.test_labels
    found = organism.census()
    logits = organism.logits(images.double())[0]
    loss = float(F.cross_entropy(logits, torch.from_numpy(labels)))
    metrics = {
        "test_accuracy": organism.accuracy(images, labels),
        "val_accuracy": organism.accuracy(truth.val_images, truth.val_labels),
        "test_loss": loss if math.isfinite(loss) else 1e3,
        "self_replicators": float((found == particles.REPLICATOR).sum()),
        "all_zero": float((found == particles.ZERO).sum()),
    }
    changes = dropout_test(organism, truth)
    for metric, condition in (
        ("drop_self_replicators", "class self-replicator"),
        ("drop_random", "random"),
        ("drop_random_same_layers", "random, same layers"),
        ("drop_smallest_same_layers", "smallest, same layers"),
        ("drop_least_varying_pixels", "pixels that vary least"),
        ("drop_constant_pixels", "constant pixels"),
        ("drop_all_zero", "class all-zero"),
        ("drop_other", "class other"),
    ):
        metrics[metric] = changes[condition]
    metrics["replicator_auc"] = harmless_auc(organism, truth, found)
    metrics |= pixel_association(organism, truth, found)
    metrics |= embedding(organism, truth)
    metrics |= variants(outcome, truth)
    metrics |= retraining(outcome, truth)
    metrics |= laboratory(outcome)
    metrics["train_seconds"] = float(outcome["train_seconds"])
    return metrics


def dropout_test(organism: Organism, truth: Truth) -> dict[str, float]:
    """Signed change of test accuracy, in points, for each of the ablations of particles.py."""
    v5 = particles.five_vector(organism.particles)[4]
    where = particles.edges(organism.widths)
    masks = particles.ablations(organism.census(), v5.abs(), where, truth.pixel_variance)
    whole = organism.accuracy(truth.test_images, truth.test_labels)
    return {
        name: organism.accuracy(truth.test_images, truth.test_labels, drop) - whole
        for name, drop in masks.items()
    }


def leave_one_out(organism: Organism, truth: Truth) -> torch.Tensor:
    """How much the test loss rises when each particle alone is zeroed, (N,)."""
    count = organism.particles.shape[1]
    keep = ~torch.eye(count, dtype=torch.bool)
    return losses(organism, truth, keep) - losses(organism, truth, keep[:1] | ~keep[:1])


def harmless_auc(organism: Organism, truth: Truth, found: torch.Tensor) -> float:
    """Chance that a self-replicator's lone removal hurts less than another particle's; ties half.

    0.5 where there are no self-replicators, or only such, or where the organism has diverged.
    """
    member = (found == particles.REPLICATOR).numpy()
    if member.all() or not member.any():
        return 0.5
    rise = leave_one_out(organism, truth).abs().numpy()
    if not np.isfinite(rise).all():
        return 0.5
    ranks = stats.rankdata(np.round(rise, 9))
    mine, others = member.sum(), (~member).sum()
    wins = ranks[~member].sum() - others * (others + 1) / 2
    return float(wins / (mine * others))


def pixel_association(
    organism: Organism, truth: Truth, found: torch.Tensor, permutations: int = 2000
) -> dict[str, float]:
    """Spearman's correlation between a pixel's self-replicators and its variance, and p."""
    first = organism.widths[0] * organism.widths[1]
    counts = (found[:first] == particles.REPLICATOR).view(-1, organism.widths[0]).sum(0).numpy()
    variance = truth.pixel_variance.numpy()
    if counts.min() == counts.max() or variance.min() == variance.max():
        return {"pixel_correlation": 0.0, "pixel_p": 1.0}
    ranks = [stats.zscore(stats.rankdata(values)) for values in (counts, variance)]
    rng = np.random.default_rng(0)
    observed = float(np.mean(ranks[0] * ranks[1]))
    shuffled = [np.mean(ranks[0] * rng.permutation(ranks[1])) for _ in range(permutations)]
    beyond = int((np.abs(shuffled) >= abs(observed) - 1e-12).sum())
    return {"pixel_correlation": observed, "pixel_p": (beyond + 1) / (permutations + 1)}


def embedding(organism: Organism, truth: Truth) -> dict[str, float]:
    """Whether an ordinary network of one number per particle gives the same logits."""
    images = truth.test_images[:200].double()
    weights = organism.particles
    honest = particles.forward_by_particle(
        images[None], weights[:, None, None], organism.widths, organism.residual, organism.relu,
        organism.tanh,
    )[0, 0]  # fmt: skip
    numbers, fit = particles.scalars(weights, organism.tanh)
    network = particles.matrices(numbers[None, None], organism.widths)
    regular = particles.forward(images[None], network, organism.residual, organism.relu)[0, 0]
    error = float((honest - regular).abs().max())
    r2 = float(fit.mean())
    return {
        "embedding_error": error if math.isfinite(error) else 1e6,
        "scalar_r2": r2 if math.isfinite(r2) else 0.0,
        "compression": float(weights.shape[0]),
        "weights": float(weights.numel()),
    }


def variants(outcome: Mapping[str, np.ndarray], truth: Truth) -> dict[str, float]:
    """Accuracy and census of the other organisms, the filler's own dropout test, and the peers."""
    metrics = {}
    for row in range(1, len(outcome["particles"])):
        organism = Organism.read(outcome, row)
        name, found = organism.name, organism.census()
        metrics[f"{name}_accuracy"] = organism.accuracy(truth.test_images, truth.test_labels)
        is_filler = outcome["organisms"][row, particles.FILLER] > 0
        counted = "solved" if is_filler else "self_replicators"
        metrics[f"{name}_{counted}"] = float((found == particles.REPLICATOR).sum())
        if is_filler:
            changes = dropout_test(organism, truth)
            metrics[f"{name}_drop_solved"] = changes["class self-replicator"]
            metrics[f"{name}_drop_random_same_layers"] = changes["random, same layers"]
            metrics[f"{name}_auc"] = harmless_auc(organism, truth, found)
        else:
            metrics[f"{name}_all_zero"] = float((found == particles.ZERO).sum())
            metrics[f"{name}_divergent"] = float((found == particles.DIVERGENT).sum())
    for key in sorted(outcome):
        if key.startswith("peer_"):
            predicted = np.asarray(outcome[key])
            if predicted.shape != truth.test_labels.shape:
                raise kit.KitError(f"{key} has shape {predicted.shape}; one class per test image")
            metrics[f"{key}_accuracy"] = 100.0 * float(np.mean(predicted == truth.test_labels))
    return metrics


def retraining(outcome: Mapping[str, np.ndarray], truth: Truth) -> dict[str, float]:
    """Test accuracy after the organism was trained on with particles missing."""
    names = ("retrained_whole", "retrained_without_self_replicators", "retrained_without_random")
    return {
        name: Organism.read(outcome, row, "retrained").accuracy(
            truth.test_images, truth.test_labels
        )
        for row, name in enumerate(names)
    }


def laboratory(outcome: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Single particles: how many learned x·n and replicate, or collapsed; and the exit law."""
    metrics = {}
    for key in sorted(outcome):
        if key.startswith("lab_"):
            shares = xn_shares(np.asarray(outcome[key]), bool(outcome["options"][2]))
            hidden = key.removeprefix("lab_")
            metrics[f"xn_both_h{hidden}"] = 100 * shares["both"][0]  # semi-gradient, Xavier
            metrics[f"xn_zero_full_default_h{hidden}"] = 100 * shares["collapsed to zero"][3]
            if key == min((k for k in outcome if k.startswith("lab_")), key=len):
                times = exit_times(np.asarray(outcome[key])[0]).mean(axis=1)
                metrics["exit_steps_per_decade"] = float(np.polyfit(range(len(times)), times, 1)[0])
    return metrics


def exit_times(lab: np.ndarray, sizes: tuple[float, ...] = NOISES, limit: int = 60) -> np.ndarray:
    """Self-applications until noise has driven a fixpoint to zero or to infinity, (sizes, n).

    Each particle (n, P) is first moved onto the nearest fixpoint in W1, where v1..v4 = (1, 0, 0, 0)
    exactly; then every weight is moved by up to each of the sizes.
    """
    generator = torch.Generator().manual_seed(0)
    fixpoints = particles.onto_fixpoint(torch.from_numpy(lab.T.copy()).double())
    where = particles.positions(particles.hidden_width(fixpoints))
    times = np.zeros((len(sizes), len(lab)))
    for row, size in zip(times, sizes, strict=True):
        moved = particles.noise(fixpoints, size, generator)
        for _ in range(limit):
            largest = moved.abs().amax(0)
            inside = (largest > particles.TOLERANCE) & (largest < 3.4e38)  # single precision ends
            row += inside.numpy()
            moved = torch.where(inside, particles.apply(moved, where), moved)
    return times


def xn_shares(lab: np.ndarray, length: bool, factor: float = 0.03) -> dict[str, Any]:
    """Shares (conditions,) of the particles (conditions, n, P), each particle in one of the groups.

    Solved means |v5 - factor| < 1e-3.
    """
    weights = torch.from_numpy(lab).double().permute(2, 0, 1).contiguous()
    found = particles.classify(weights, "length" if length else "max")
    solved = (particles.five_vector(weights)[4] - factor).abs() < 1e-3
    copies, zero = found == particles.REPLICATOR, found == particles.ZERO
    groups = {
        "both": solved & copies,
        "solved only": solved & ~copies,
        "replicates only": copies & ~solved,
        "collapsed to zero": zero,
        "neither": ~(solved | copies | zero),
    }
    return {name: group.double().mean(1).numpy() for name, group in groups.items()}
