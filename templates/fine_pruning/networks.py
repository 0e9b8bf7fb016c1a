"""Frozen: the layers of a network, what a user's copy of it answers, and what is observed in it.

A network is an `nn.Module`; a user's **copy** is a dictionary of the tensors in which it differs
(weights, entries of a normalisation), so that one module serves all users. What is pruned are the
weights of its convolutional and linear layers, each seen as a matrix (out, in): a filter's inputs
are its channels times its kernel's places.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

Copy = dict[str, Tensor]

SMALL_IMAGES = 64 * 64  # pixels; observed in large batches below that, in small ones above


# ------------------------------------------------------------------------------------------------
# Layers, and what a copy answers


@dataclass(frozen=True)
class Layer:
    """A layer whose weights can be pruned.

    Attributes:
        name: the module's; its weight is `name + ".weight"` in a copy.
        module: a Conv2d (groups 1) or Linear.
        norm: name of the normalisation after it, if there is one.
        norm_module: that normalisation.
    """

    name: str
    module: nn.Module
    norm: str | None
    norm_module: nn.Module | None

    @property
    def key(self) -> str:
        """The name of its weight in a copy."""
        return f"{self.name}.weight"

    @property
    def matrix(self) -> Tensor:
        """Its weights as (out, in)."""
        return self.module.weight.detach().flatten(1)

    def columns(self, inputs: Tensor) -> Tensor:
        """Inputs (N, ...) as the columns (N, in, places) that the matrix is multiplied with."""
        if isinstance(self.module, nn.Linear):
            return inputs.unsqueeze(-1)
        return F.unfold(inputs, self.module.kernel_size, self.module.dilation,
                        self.module.padding, self.module.stride)  # fmt: skip


def prunable(model: nn.Module, output: bool = True) -> list[Layer]:
    """The prunable layers in their order; without the last one unless `output`."""
    named = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | nn.BatchNorm1d | nn.BatchNorm2d)
        or (isinstance(module, nn.Conv2d) and module.groups == 1)
    ]
    layers = []
    for place, (name, module) in enumerate(named):
        if isinstance(module, nn.Conv2d | nn.Linear):
            after, norm = named[place + 1] if place + 1 < len(named) else ("", None)
            if not isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
                after, norm = None, None
            layers.append(Layer(name, module, after, norm))
    return layers if output else layers[:-1]


def logits(model: nn.Module, copy: Copy, images: Tensor) -> Tensor:
    """What a copy answers, (N, classes), to images (N, channels, height, width)."""
    return functional_call(model, copy, (images,))


@torch.no_grad()
def restandardise(model: nn.Module, copy: Copy, images: Tensor) -> Copy:
    """The copy with its normalisation statistics replaced by those of these unlabelled images.

    BatchNorm re-estimation (Li et al. 2016, arXiv 1603.04779): no label, no gradient.
    """
    with normalising_by_batch(model):
        buffers = {
            f"{name}.{kind}": getattr(module, kind).clone()
            for name, module in norms(model)
            for kind in ("running_mean", "running_var")
        }
        changed = copy | buffers
        logits(model, changed, images)  # in this mode the statistics become those of the batch
    return changed


@contextmanager
def normalising_by_batch(model: nn.Module) -> Iterator[None]:
    """Let the normalisations use, and leave behind, the statistics of the batch at hand."""
    kept = [(module, module.momentum) for _, module in norms(model)]
    for module, _ in kept:
        module.train()
        module.momentum = 1.0
    try:
        yield
    finally:
        for module, momentum in kept:
            module.eval()
            module.momentum = momentum


def norms(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Names and modules of all batch normalisations."""
    kinds = nn.BatchNorm1d | nn.BatchNorm2d
    return [(name, module) for name, module in model.named_modules() if isinstance(module, kinds)]


# ------------------------------------------------------------------------------------------------
# Statistics


@dataclass(frozen=True)
class Statistics:
    """What one layer sees of each user's images, averaged over images and places.

    Attributes:
        square: (U, in) mean of the squared input.
        absolute: (U, in) mean size of the input.
        activity: (U, out) mean size of the layer's own activation, behind norm and ReLU.
        coactivity: (U, out, in) mean product of both sizes; None unless asked for.
        gram: (U, in, in) mean product of inputs; None unless asked for.
    """

    square: Tensor
    absolute: Tensor
    activity: Tensor
    coactivity: Tensor | None = None
    gram: Tensor | None = None

    def of(self, user: int) -> Statistics:
        """Those of one user, without the leading axis."""
        parts = (self.square, self.absolute, self.activity, self.coactivity, self.gram)
        return Statistics(*(part if part is None else part[user] for part in parts))


@torch.no_grad()
def observe(
    model: nn.Module,
    layers: list[Layer],
    images: Tensor,
    copy: Copy | None = None,
    *,
    pairs: bool = False,
) -> list[Statistics]:
    """One pass of all users' images (U, n, c, h, w) through the network: statistics per layer.

    Args:
        model: the network; users share it.
        layers: which layers to watch.
        images: as many for each user.
        copy: a copy to look into, instead of the network itself.
        pairs: gather `coactivity` and `gram` too, which need most of the time.
    """
    count = images.shape[1]
    at_once = count if images[0, 0].numel() <= 3 * SMALL_IMAGES else 10
    sums: list[list[Tensor]] = []
    for part in images.split(at_once, dim=1):
        found = _observe_part(model, layers, part, copy or {}, pairs)
        weight = part.shape[1] / count
        scaled = [[weight * tensor for tensor in row] for row in found]
        sums = [
            [a + b for a, b in zip(old, new, strict=True)]
            for old, new in zip(sums, scaled, strict=False)
        ] or scaled
    return [Statistics(*row) for row in sums]


def _observe_part(
    model: nn.Module, layers: list[Layer], images: Tensor, copy: Copy, pairs: bool
) -> list[list[Tensor]]:
    users, count = images.shape[:2]
    seen: dict[str, Tensor] = {}

    def keep(name: str, which: str):
        def hook(_: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
            seen[name] = (inputs[0] if which == "input" else output).detach()

        return hook

    handles = []
    for layer in layers:
        handles.append(layer.module.register_forward_hook(keep(layer.name + "/in", "input")))
        last = layer.norm_module or layer.module
        handles.append(last.register_forward_hook(keep(layer.name + "/out", "output")))
    try:
        logits(model, copy, images.flatten(0, 1))
    finally:
        for handle in handles:
            handle.remove()

    rows = []
    for layer in layers:
        inputs, outputs = seen[layer.name + "/in"], seen[layer.name + "/out"]
        outputs = outputs.relu() if layer.norm else outputs.abs()
        per_user = inputs.unflatten(0, (users, count))
        square, absolute = (  # averaged over images first: unfolding is linear
            layer.columns(power.mean(1)).mean(-1) for power in (per_user.square(), per_user.abs())
        )
        activity = outputs.unflatten(0, (users, count)).mean(1)
        activity = activity.reshape(*activity.shape[:2], -1).mean(-1)
        row = [square, absolute, activity]
        if pairs:
            columns = layer.columns(inputs)  # (U n, in, places)
            columns = columns.unflatten(0, (users, count)).transpose(1, 2).flatten(2)
            sizes = outputs.flatten(2) if outputs.ndim > 2 else outputs.unsqueeze(-1)
            sizes = sizes.unflatten(0, (users, count)).transpose(1, 2).flatten(2)
            row.append(sizes @ columns.abs().transpose(1, 2) / columns.shape[2])
            row.append(columns @ columns.transpose(1, 2) / columns.shape[2])
        rows.append(row)
    return rows


def multiply_adds(model: nn.Module, layers: list[Layer], image: Tensor, copy: Copy) -> float:
    """Multiply-adds of one image (1, c, h, w) in these layers, counting non-zero weights alone."""
    places = {}

    def count(name: str):
        def hook(_: nn.Module, __: tuple[Tensor], output: Tensor) -> None:
            places[name] = output[0, 0].numel()

        return hook

    handles = [layer.module.register_forward_hook(count(layer.name)) for layer in layers]
    with torch.no_grad():
        logits(model, copy, image)
    for handle in handles:
        handle.remove()
    return float(sum(
        places[layer.name] * int(torch.count_nonzero(copy.get(layer.key, layer.module.weight)))
        for layer in layers
    ))  # fmt: skip
