"""Frozen: what gene regulation is measured against, each rule at the same number of synapses.

Each class is one rule for the masks of K networks per seed, one for each sparsity that it was
given. `begin` is called before the first step, `update` twice per epoch, right after a step.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from masks import budgets, cubic, keep_top, top
from networks import Networks, differentiate, generator
from torch import Tensor


class Rule:
    """Dense networks: every synapse stays. The other rules inherit from this one."""

    until = 0.75  # share of the training after which the masks stay

    def __init__(self, sparsities: Sequence[float] = (0.0,)) -> None:
        """Ask for these sparsities, one network for each."""
        self.sparsities = list(sparsities)

    def begin(self, nets: Networks, seeds: list[int], inputs: Tensor, labels: Tensor) -> None:
        """Set the first masks.

        Args:
            nets: this rule's networks.
            seeds: one per row of `nets`.
            inputs: (S, B, D), a few hundred training inputs to look at.
            labels: (S, B).
        """

    def update(self, nets: Networks, inputs: Tensor, progress: float) -> None:
        """Change masks; `inputs` as in `begin`, `progress` from 0 to 1."""


class Gradual(Rule):
    """Gradual magnitude pruning: the smallest weights go, by the cubic schedule."""

    def update(self, nets: Networks, inputs: Tensor, progress: float) -> None:
        """Keep the largest weights; a masked one keeps its value and may return."""
        asked = [cubic(final, progress) for final in self.sparsities]
        keep_top(nets, [weight.abs() for weight in nets.weights], asked)


class Random(Rule):
    """A random mask, drawn before training, that stays."""

    def begin(self, nets: Networks, seeds: list[int], inputs: Tensor, labels: Tensor) -> None:
        """Draw it."""
        self.streams = [generator(seed, 2) for seed in seeds]
        keep_top(nets, [self.noise(weight) for weight in nets.weights], self.sparsities)

    def noise(self, like: Tensor) -> Tensor:
        """Uniform numbers (S, K, out, in); a seed's do not depend on who else is in the batch."""
        drawn = [torch.rand(like.shape[1:], generator=stream) for stream in self.streams]
        return torch.stack(drawn).to(like)


class SmallDense(Rule):
    """An ordinary, smaller network of as many synapses, as a mask that leaves units out."""

    def begin(self, nets: Networks, seeds: list[int], inputs: Tensor, labels: Tensor) -> None:
        """Leave as many units of each hidden layer, in its proportion, as the budget pays for."""
        widths = [nets.weights[0].shape[-1], *(weight.shape[-2] for weight in nets.weights)]
        for column, sparsity in enumerate(self.sparsities):
            budget = (1 - sparsity) * sum(nets.sizes)
            for share in range(widths[1], 0, -1):
                units = [max(1, round(share / widths[1] * width)) for width in widths[1:-1]]
                kept = [widths[0], *units, widths[-1]]
                if sum(a * b for a, b in pairwise(kept)) <= budget:
                    break
            for mask, (inside, outside) in zip(nets.masks, pairwise(kept), strict=True):
                mask[:, column] = 0
                mask[:, column, :outside, :inside] = 1


class Snip(Rule):
    """SNIP (Lee, Ajanthan & Torr, ICLR 2019): once, before training, by |weight x gradient|."""

    def begin(self, nets: Networks, seeds: list[int], inputs: Tensor, labels: Tensor) -> None:
        """Keep the connections to which the loss is most sensitive."""
        _, gradients = differentiate(nets, inputs, labels)
        scores = [(w * g).abs() for w, g in zip(nets.weights, gradients, strict=False)]
        keep_top(nets, scores, self.sparsities)


class LotteryTicket(Rule):
    """One-shot lottery tickets with rewinding (Frankle et al., ICML 2020).

    The mask is that of the largest weights of trained dense networks; training goes on from what
    these weights were early on.
    """

    def __init__(self, sparsities: Sequence[float], early: Networks, trained: Networks) -> None:
        """Take the dense networks (K = 1) as they were early and in the end."""
        super().__init__(sparsities)
        self.early, self.trained = early, trained

    def begin(self, nets: Networks, seeds: list[int], inputs: Tensor, labels: Tensor) -> None:
        """Rewind and mask."""
        for own, early in zip([*nets.weights, *nets.biases],
                              [*self.early.weights, *self.early.biases], strict=True):  # fmt: skip
            own.copy_(early.expand_as(own))
        scores = [
            w.abs().expand_as(m) for w, m in zip(self.trained.weights, nets.masks, strict=True)
        ]
        keep_top(nets, scores, self.sparsities)


class Set(Random):
    """SET (Mocanu et al. 2018): drop the smallest active weights, grow as many at random."""

    drop = 0.3  # share of a layer's synapses that are exchanged

    def update(self, nets: Networks, inputs: Tensor, progress: float) -> None:
        """Exchange; a grown synapse starts at zero, with fresh moments."""
        share = self.share(progress)
        wishes = self.wishes(nets) if share else []
        for layer, wish in enumerate(wishes):
            weight, mask = nets.weights[layer], nets.masks[layer]
            for column, sparsity in enumerate(self.sparsities):
                count = budgets(nets.weights, sparsity)[layer]
                new = min(round(share * count), mask[0, 0].numel() - count)
                active = mask[:, column] > 0
                size = torch.where(active, weight[:, column].abs(), -1.0)
                kept = top(size, count - new) > 0
                grown = top(torch.where(kept, -1.0, wish[:, column]), new) > 0
                fresh = grown & ~active
                for tensor in (weight, *nets.momenta[layer]):
                    tensor[:, column] = torch.where(fresh, 0.0, tensor[:, column])
                mask[:, column] = (kept | grown).to(mask)

    def share(self, progress: float) -> float:
        """Share of synapses exchanged now."""
        return self.drop if progress < 0.75 else 0.0

    def wishes(self, nets: Networks) -> list[Tensor]:
        """Positive scores (S, K, out, in) of the synapses that might grow."""
        return [self.noise(weight) for weight in nets.weights]


class RigL(Set):
    """RigL (Evci et al., ICML 2020): as SET, but grow where the dense gradient is largest."""

    def share(self, progress: float) -> float:
        """A cosine down to zero at three quarters of training."""
        return self.drop / 2 * (1 + math.cos(math.pi * progress / 0.75)) if progress < 0.75 else 0.0

    def wishes(self, nets: Networks) -> list[Tensor]:
        """Sizes of the gradients."""
        return [gradient.abs() for gradient in nets.gradients]
