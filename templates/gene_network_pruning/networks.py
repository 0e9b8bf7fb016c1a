"""Frozen: many small networks as a few tensors, how masks are counted, and the record of a part.

S seeds and K networks per seed train together. Layer l has weights (S, K, out, in) and biases
(S, K, out, 1); inputs (S, B, D) are shared by the K networks of a seed, so that these differ in
nothing but their rule. Activations are (S, K, units, B). A mask is 1 where a synapse is expressed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def generator(seed: int, purpose: int) -> torch.Generator:
    """A stream of random numbers of its own for each seed and purpose."""
    return torch.Generator().manual_seed(seed + purpose * 2**32)


@dataclass
class Networks:
    """The tensors of S x K networks; slices of it are views, so that a rule changes them in place.

    Attributes:
        weights: one (S, K, out, in) per layer, as they are before masking.
        biases: one (S, K, out, 1) per layer.
        masks: like the weights, of 0 and 1.
        momenta: Adam's two moments of each layer's weights; empty before the first step.
        gradients: dense gradient by the *effective* weights of the last batch; empty likewise.
    """

    weights: list[Tensor]
    biases: list[Tensor]
    masks: list[Tensor]
    momenta: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    gradients: list[Tensor] = field(default_factory=list)

    @classmethod
    def start(cls, widths: Sequence[int], seeds: Sequence[int], count: int) -> "Networks":
        """PyTorch's initial weights, U(-1/sqrt(in), 1/sqrt(in)); the same for a seed's networks."""
        streams = [generator(seed, 1) for seed in seeds]
        weights, biases = [], []
        for inputs, outputs in pairwise(widths):
            bound = inputs**-0.5
            for tensors, columns in ((weights, inputs), (biases, 1)):
                drawn = [torch.rand(1, outputs, columns, generator=g) for g in streams]
                start = bound * (2 * torch.stack(drawn) - 1)
                tensors.append(start.repeat(1, count, 1, 1))
        return cls(weights, biases, [torch.ones_like(w) for w in weights])

    def to(self, like: Tensor) -> "Networks":
        """The same on the device and in the precision of `like`."""
        return Networks(
            *([t.to(like) for t in ts] for ts in (self.weights, self.biases, self.masks))
        )

    def part(self, columns: slice) -> "Networks":
        """The networks `columns` of every seed, as views."""

        def cut(tensors: list[Tensor]) -> list[Tensor]:
            return [tensor[:, columns] for tensor in tensors]

        momenta = [(first[:, columns], second[:, columns]) for first, second in self.momenta]
        return Networks(cut(self.weights), cut(self.biases), cut(self.masks), momenta,
                        cut(self.gradients))  # fmt: skip

    def effective(self) -> list[Tensor]:
        """Weights as the forward pass sees them."""
        return [weight * mask for weight, mask in zip(self.weights, self.masks, strict=True)]

    @property
    def sizes(self) -> list[int]:
        """Synapses of each layer."""
        return [weight[0, 0].numel() for weight in self.weights]


def names_of(rules: Mapping[str, Any]) -> list[str]:
    """Each network as "rule@sparsity", in the order of the rules and of their sparsities."""
    return [f"{name}@{level:g}" for name, rule in rules.items() for level in rule.sparsities]


def forward(weights: Sequence[Tensor], biases: Sequence[Tensor], inputs: Tensor) -> list[Tensor]:
    """Hidden activations and logits, each (S, K, units, B), of inputs (S, B, D).

    The first layer of a seed's K networks is one product, since they share their inputs.
    """
    seeds, count, units, _ = weights[0].shape
    first = torch.bmm(weights[0].flatten(1, 2), inputs.transpose(1, 2))
    layers = [first.view(seeds, count, units, -1) + biases[0]]
    for weight, bias in zip(weights[1:], biases[1:], strict=True):
        layers[-1] = layers[-1].relu()
        layers.append(weight @ layers[-1] + bias)
    return layers


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over the batch, (S, K), of logits (S, K, C, B) with labels (S, B)."""
    target = labels[:, None].expand(-1, logits.shape[1], -1)
    each = F.cross_entropy(logits.flatten(0, 1), target.flatten(0, 1), reduction="none")
    return each.mean(-1).view(logits.shape[:2])


@torch.enable_grad()
def differentiate(nets: Networks, inputs: Tensor, labels: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Losses (S, K), and gradients by the effective weights, then by the biases."""
    leaves = [tensor.detach().requires_grad_() for tensor in (*nets.effective(), *nets.biases)]
    layers = len(nets.weights)
    losses = cross_entropy(forward(leaves[:layers], leaves[layers:], inputs)[-1], labels)
    return losses.detach(), list(torch.autograd.grad(losses.sum(), leaves))


@dataclass
class Trained:
    """What training leaves behind."""

    names: list[str]  # "rule@sparsity" of each of the K networks
    nets: Networks
    early: Networks  # as they were after the first epoch
    churn: Tensor  # (updates, S, K): synapses that changed, as a share of the expressed


def predict(nets: Networks, inputs: Tensor) -> Tensor:
    """Probabilities (S, K, classes, N) of inputs (N, D)."""
    shared, effective = inputs.expand(len(nets.weights[0]), -1, -1), nets.effective()
    parts = [forward(effective, nets.biases, part)[-1] for part in shared.split(500, dim=1)]
    return torch.cat(parts, dim=-1).softmax(-2)


# ------------------------------------------------------------------------------------------------
# Masks


def budgets(weights: Sequence[Tensor], sparsity: float) -> list[int]:
    """How many synapses each layer keeps, so that the whole net has `sparsity`.

    Density goes with (in + out) / (in * out) and is at most one: the Erdos-Renyi rule of Mocanu et
    al. (Nature Comm. 9:2383, 2018). Every rule that is given a sparsity keeps these counts.
    """
    shapes = [weight.shape[-2:] for weight in weights]
    sizes = [rows * columns for rows, columns in shapes]
    wanted = round((1 - sparsity) * sum(sizes))
    full: set[int] = set()
    while True:
        rest = wanted - sum(sizes[layer] for layer in full)
        open_layers = [layer for layer in range(len(sizes)) if layer not in full]
        total = sum(sum(shapes[layer]) for layer in open_layers)
        kept = {layer: rest * sum(shapes[layer]) / total for layer in open_layers}
        over = {layer for layer in open_layers if kept[layer] > sizes[layer]}
        if not over:
            break
        full |= over
    counts = [sizes[layer] if layer in full else round(kept[layer]) for layer in range(len(sizes))]
    counts[0] += wanted - sum(counts)  # what rounding left over
    return counts


def top(scores: Tensor, count: int) -> Tensor:
    """Mask of the `count` highest scores of each network; scores (S, out, in), any ties cut."""
    flat = scores.flatten(1)
    mask = torch.zeros_like(flat)
    if count > 0:
        mask.scatter_(1, flat.topk(count, sorted=False).indices, 1.0)
    return mask.view_as(scores)


def keep_top(nets: Networks, scores: Sequence[Tensor], sparsities: Sequence[float]) -> None:
    """Set the masks to each layer's highest scores (S, K, out, in); one sparsity per network."""
    for column, sparsity in enumerate(sparsities):
        counts = budgets(nets.weights, sparsity)
        for mask, score, count in zip(nets.masks, scores, counts, strict=True):
            mask[:, column] = top(score[:, column], count)


def cubic(final: float, progress: float, end: float = 0.75) -> float:
    """Sparsity at `progress` (0 to 1) of training: f (1 - (1 - t/T)^3), from T on f.

    The gradual schedule of Zhu & Gupta (arXiv 1710.01878).
    """
    return final * (1 - (1 - min(progress / end, 1.0)) ** 3)


def exchange(
    masks: Sequence[Tensor], scores: Sequence[Tensor], share: float, streams: list[torch.Generator]
) -> None:
    """Replace the weakest `share` of a layer's expressed synapses by silent ones, drawn at random.

    The chance of a silent one is exp(-(tau - score) / sigma), sigma the deviation of the scores;
    tau cancels. Drawn without replacement, by adding Gumbel noise to score / sigma.
    """
    for mask, score in zip(masks, scores, strict=True):
        drawn = [torch.rand(score.shape[1:], generator=stream) for stream in streams]
        gumbel = -torch.log(-torch.log(torch.stack(drawn).to(score).clamp(1e-7, 1 - 1e-7)))
        wish = score / score.flatten(2).std(-1)[..., None, None] + gumbel
        for column in range(mask.shape[1]):
            expressed = mask[:, column] > 0
            count = round(share * float(expressed[0].sum()))
            count = min(count, int((~expressed[0]).sum()))
            weakest = top(torch.where(expressed, -score[:, column], -torch.inf), count)
            drawn_in = top(torch.where(expressed, -torch.inf, wish[:, column]), count)
            mask[:, column] += drawn_in - weakest
