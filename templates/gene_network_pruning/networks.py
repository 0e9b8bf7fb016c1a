"""Frozen: many small networks as a few tensors.

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


def adam(parameters: Sequence[Tensor], learning_rate: float) -> torch.optim.Optimizer:
    """Adam, in one pass over the memory where torch can (on a CPU since 2.4)."""
    try:
        return torch.optim.Adam(parameters, lr=learning_rate, fused=True)
    except RuntimeError:
        return torch.optim.Adam(parameters, lr=learning_rate)


def predict(nets: Networks, inputs: Tensor) -> Tensor:
    """Probabilities (S, K, classes, N) of inputs (N, D)."""
    shared, effective = inputs.expand(len(nets.weights[0]), -1, -1), nets.effective()
    parts = [forward(effective, nets.biases, part)[-1] for part in shared.split(500, dim=1)]
    return torch.cat(parts, dim=-1).softmax(-2)
