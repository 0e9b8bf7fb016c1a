"""Frozen: ordinary remedies for the loss of plasticity, and the optimisers.

Whatever replaces units (continual backpropagation, ReDo, random lifetimes, growth) is an option of
the living layer in experiment.py; here is what acts on weights and activations.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from networks import Networks
from torch import Tensor


def optimiser(
    parameters: list[Tensor], learning_rate: float, sgd: bool = False
) -> torch.optim.Optimizer:
    """Plain SGD, or Adam with its usual constants; in one pass over memory where torch can."""
    version = tuple(int(part) for part in torch.__version__.split(".")[:2])
    fused = parameters[0].device.type in ("cuda", "cpu") and version >= (2, 4)
    kind = torch.optim.SGD if sgd else torch.optim.Adam
    return kind(parameters, lr=learning_rate, fused=fused)


@dataclass(frozen=True)
class Remedy:
    """What a method does beyond backpropagation and turnover."""

    l2: float = 0.0  # pull of the weights to zero
    l2_init: float = 0.0  # pull of the weights to where they started (Kumar et al. 2023)
    shrink: float = 0.0  # share of every weight that is lost, every 10 steps
    perturb: float = 0.0  # share of a fresh initial weight that is added, every 10 steps
    layer_norm: bool = False  # layer normalisation before each ReLU
    crelu: bool = False  # half as many units, each with relu(z) and relu(-z)
    reset: bool = False  # begin anew with each task: an oracle that knows when that is


NO_REMEDY = Remedy()


class Remedies:
    """The remedies of several methods, `seeds` rows each."""

    def __init__(self, networks: Networks, remedies: Sequence[Remedy], seeds: int) -> None:
        """Prepare for N = len(remedies) · seeds rows."""
        self.networks = networks
        self.parts = [
            (remedy, slice(m * seeds, (m + 1) * seeds)) for m, remedy in enumerate(remedies)
        ]
        self.crelu = self._flags([remedy.crelu for remedy in remedies], seeds)
        self.layer_norm = self._flags([remedy.layer_norm for remedy in remedies], seeds)

    def _flags(self, wanted: Sequence[bool], seeds: int) -> Tensor | None:
        """Which rows want it (N, 1, 1); None if none does."""
        flags = torch.tensor(wanted).repeat_interleave(seeds)[:, None, None]
        return flags.to(self.networks.device) if any(wanted) else None

    def before_relu(self, z: Tensor) -> Tensor:
        """Pre-activations (N, B, W) after layer normalisation or mirroring, where asked for.

        CReLU (Abbas et al. 2023) gives each of W / 2 units relu(z) and relu(-z), so that the layer
        keeps its W outputs. Layer normalisation has no trained scale here.
        """
        if self.crelu is not None:
            half = z[..., : z.shape[-1] // 2]
            mirrored = torch.cat([half, -half, z[..., 2 * half.shape[-1] :]], dim=-1)
            z = torch.where(self.crelu, mirrored, z)
        if self.layer_norm is not None:
            z = torch.where(self.layer_norm, F.layer_norm(z, z.shape[-1:]), z)
        return z

    def penalise(self, gradients: Sequence[Tensor]) -> None:
        """Add the derivative of l2/2 |w|² and of l2_init/2 |w - w0|² (Kumar et al. 2023)."""
        for remedy, rows in self.parts:
            pull = remedy.l2 + remedy.l2_init
            if not pull:
                continue
            for gradient, parameter, start in zip(
                gradients, self.networks.parameters, self.networks.start, strict=True
            ):
                gradient[rows].add_(parameter.detach()[rows], alpha=pull)
                gradient[rows].sub_(start[rows], alpha=remedy.l2_init)

    def shrink_and_perturb(self) -> None:
        """Shrink weights and add some of a fresh initial draw (Ash & Adams 2020)."""
        networks = self.networks
        for remedy, rows in self.parts:
            if not (remedy.shrink or remedy.perturb):
                continue
            who = torch.arange(len(networks.chance))[rows]
            for weight, bound in zip(networks.weights, networks.bounds, strict=True):
                noise = networks.uniform(who, *weight.shape[1:]) * bound
                weight.detach()[rows].mul_(1 - remedy.shrink).add_(noise, alpha=remedy.perturb)
            for bias in networks.biases:
                bias.detach()[rows].mul_(1 - remedy.shrink)

    def new_task(self, adam: torch.optim.Optimizer) -> None:
        """Begin anew, from another draw, where a method does so with each task.

        Adam's first moments are forgotten too; the second stay, for lack of a count of its own.
        """
        networks = self.networks
        for remedy, rows in self.parts:
            if not remedy.reset:
                continue
            who = torch.arange(len(networks.chance))[rows]
            for weight, bound in zip(networks.weights, networks.bounds, strict=True):
                weight.detach()[rows] = networks.uniform(who, *weight.shape[1:]) * bound
            for bias in networks.biases:
                bias.detach()[rows] = 0.0
            for state in adam.state.values():
                if "exp_avg" in state:
                    state["exp_avg"][rows] = 0.0
