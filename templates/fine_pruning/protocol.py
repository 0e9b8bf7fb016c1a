"""Frozen: what every arm answers to every user, the arms with labels, and what adapting costs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import compact
import peers
import torch
from networks import Copy, Layer, logits, multiply_adds, observe, prunable, restandardise
from torch import Tensor, nn
from users import Sizes, Users

from bonsai import kit

TIMED = ("pruned", "mask", "em", "bn", "tent", "tuned_last", "tuned_all", "compensated")
ABSENT_SHARE = 0.15  # for the mask: a class this much rarer than the commonest counts as absent
TIMES = 3  # how often each is timed; the median counts


def in_parallel(work: Callable[..., Any], tasks: list[tuple[Any, ...]]) -> list[Any]:
    """Results of `work(*task)` for all tasks, in order; on a CPU each task has one core.

    The networks are small: several at once on one core each are faster than one on all.
    """
    if kit.device().type != "cpu" or kit.threads() == 1:
        return [work(*task) for task in tasks]
    threads = kit.threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(lambda task: work(*task), tasks))
    finally:
        torch.set_num_threads(threads)


def percent(share: float) -> int:
    """0.7 as 70, for names of arms such as rms@70."""
    return round(100 * share)


class Arms:
    """What every arm answers to each user's images, as `score.py` wants it."""

    def __init__(self, model: nn.Module, users: Users, sizes: Sizes) -> None:
        """Start without answers."""
        self.model, self.users, self.shown = model, users, sizes.shown
        self.images = torch.cat([users.shown, users.watch], dim=1)
        self.answers: dict[str, dict[int, Tensor]] = {}  # arm, user: logits (n, classes)

    @torch.no_grad()
    def show(self, arm: str, user: int, copy: Copy) -> None:
        """Let a copy answer for a user."""
        self.answers.setdefault(arm, {})[user] = logits(self.model, copy, self.images[user])

    def adjust(self, arm: str, base: str, priors: list[Tensor]) -> None:
        """A further arm: the logits of another with a term (classes,) for each user added."""
        self.answers[arm] = {
            user: self.answers[base][user] + prior for user, prior in enumerate(priors)
        }

    def watched(self, arm: str, user: int) -> Tensor:
        """Logits for the images that are watched while pruning."""
        return self.answers[arm][user][self.shown :]

    def packed(self) -> dict[str, Tensor]:
        """Of each arm (U, n, 2) bytes: the class predicted, and 255 times its probability."""
        packed = {}
        for arm, by_user in self.answers.items():
            shares = torch.stack([by_user[user][: self.shown] for user in range(len(self.users))])
            confidence, classes = shares.softmax(2).max(2)
            both = torch.stack([classes.clamp_max(255), (255 * confidence).round()], dim=2)
            packed[arm] = both.to(torch.uint8).cpu()
        return packed


def arms_with_labels(
    arms: Arms,
    count: int,
    grid: tuple[float, ...],
    prune_output: bool,
    prune: Callable[[list[Layer], list[Tensor], float], Copy],
) -> None:
    """The references that may use labels of the images that others adapt to without them.

    Args:
        arms: where the answers go; the dense network's are there.
        count: how many images of each user.
        grid: sparsities at which the Taylor score is tried.
        prune_output: whether the last layer is pruned too.
        prune: from layers, values of their weights and a sparsity to a copy.
    """
    model, users = arms.model, arms.users
    layers = prunable(model, prune_output)
    oracle = []
    for user in range(len(users)):
        images, labels = users.unlabelled[user, :count], users.labels[user]
        oracle.append(peers.oracle_mask_with_labels(labels, arms.answers["dense"][user].shape[1]))
        labels = labels[:count]
        for last, arm in ((True, "tuned_last"), (False, "tuned_all")):
            arms.show(arm, user, peers.tune_with_labels(model, images, labels, last=last))
        values = peers.taylor_with_labels(model, layers, images, labels)
        for sparsity in grid:
            arms.show(f"taylor_with_labels@{percent(sparsity)}", user,
                      prune(layers, values, sparsity))  # fmt: skip
    arms.adjust("oracle", "dense", oracle)
    arms.adjust("pruned+oracle", "pruned", oracle)


def costs(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    adapt: Callable[[], Copy],
    kept: list[Tensor] | None,
    sparsity: float,
    onnx_folder: str,
) -> dict[str, float | Tensor]:
    """Milliseconds, operations and bytes for one user, as numbers and arrays of an outcome.

    Args:
        model: the base network.
        images: (n, c, h, w) of the user.
        labels: (n,) theirs, for what is timed beside.
        adapt: makes the user's pruned copy.
        kept: units (out,) of each hidden layer that stay in a smaller dense network, if it can be
            made smaller; exported beside the dense one where `onnx_folder` names a folder.
        sparsity: of the copy.
        onnx_folder: see `kept`.
    """
    layers = prunable(model, output=False)

    def compensate() -> None:
        for layer, seen in zip(
            layers, observe(model, layers, images[None], pairs=True), strict=True
        ):
            peers.compensate(layer.matrix, seen.gram, (sparsity,))

    def predicted() -> Tensor:
        with torch.no_grad():
            return logits(model, {}, images)

    work: dict[str, Callable[[], object]] = {
        "pruned": adapt,
        "mask": lambda: peers.class_mask(predicted(), ABSENT_SHARE),
        "em": lambda: peers.em_prior(predicted()),
        "bn": lambda: restandardise(model, {}, images),
        "tent": lambda: peers.tent(model, images),
        "tuned_last": lambda: peers.tune_with_labels(model, images, labels, last=True),
        "tuned_all": lambda: peers.tune_with_labels(model, images, labels, last=False),
        "epoch": lambda: peers.one_epoch_with_labels(model, images, labels),
    }
    times = {arm: 1e3 * compact.seconds_of(todo, TIMES) for arm, todo in work.items()}
    # The large matrices of a ResNet would take minutes.
    times["compensated"] = float("nan") if kept is None else 1e3 * compact.seconds_of(compensate, 1)
    everything, sparse = prunable(model), adapt()
    weights = sum(layer.matrix.numel() for layer in everything)
    dense = multiply_adds(model, everything, images[:1], {})
    forward = 2 * dense * len(images)  # floating-point operations; backward takes twice as many
    zeros, whole = (compact.latency_ms(model, copy, images) for copy in (sparse, {}))
    numbers: dict[str, float | Tensor] = {
        "cost.ms": torch.tensor([times[arm] for arm in TIMED]),
        "adapt_ms": times["pruned"],
        "epoch_ms": times["epoch"],
        "flops_share": (forward + 3 * weights) / (3 * forward),
        "multiply_adds_share": multiply_adds(model, everything, images[:1], sparse) / dense,
        "bytes_share": compact.compressed_bytes(model, sparse)
        / compact.compressed_bytes(model, {}),
        "zeros_latency_share": zeros / whole,
    }
    if kept is not None:
        smaller = compact.removed_units(model, kept)
        numbers["units_latency_share"] = compact.latency_ms(smaller, {}, images) / whole
        if onnx_folder:
            for name, network in (("dense", model), ("smaller", smaller)):
                compact.export_onnx(network, images, onnx_folder, f"{name}.onnx")
    return numbers
