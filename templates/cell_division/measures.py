"""Frozen: what is measured of the features and weights of a network while it learns."""

import torch
from torch import Tensor

DORMANT = 0.025  # a unit is dormant below this share of its layer's mean activity (Sokar et al.)
NAMES = (
    "dormant share (%)",
    "effective rank",
    "stable rank",
    "weight norm",
    "gradient norm",
    "units",
    "births",
    "deaths",
    "generation",
    "age",
)


def dormant_share(features: list[Tensor], alive: list[Tensor]) -> Tensor:
    """Percentage (N,) of the units that are dormant: mean |h| at most 0.025 of the layer's mean.

    Args:
        features: for each hidden layer (N, B, W), or (N, B, W, places) of a convolution.
        alive: for each hidden layer (N, W), 1 or 0.
    """
    dormant, units = torch.zeros(len(alive[0])), torch.zeros(len(alive[0]))
    for h, there in zip(features, alive, strict=True):
        size = h.abs().mean(1) if h.dim() == 3 else h.abs().mean((1, 3))
        mean = (size * there).sum(1) / there.sum(1).clamp(min=1)
        low = (size <= DORMANT * mean[:, None]) & (there > 0)
        dormant += low.sum(1).cpu()
        units += there.sum(1).cpu()
    return 100 * dormant / units.clamp(min=1)


def ranks(features: Tensor) -> tuple[Tensor, Tensor]:
    """Effective and stable rank (N,) of features (N, B, W).

    With singular values s: exp of the entropy of s / sum(s) (Roy & Vetterli 2007), and
    sum(s²) / max(s²). Zero where nothing is active or nothing is finite.
    """
    clean = torch.nan_to_num(features.flatten(2).double(), 0.0, 0.0, 0.0).clamp(-1e6, 1e6)
    power = torch.linalg.eigvalsh(clean.mT @ clean).clamp(min=0)
    values = power.sqrt()
    share = values / values.sum(1, keepdim=True).clamp(min=1e-300)
    entropy = -(share * share.clamp(min=1e-300).log()).sum(1)
    there = power.amax(1) > 0
    effective = torch.where(there, entropy.exp(), 0.0)
    stable = power.sum(1) / power.amax(1).clamp(min=1e-300)
    return effective.float().cpu(), stable.float().cpu()


def norms(tensors: list[Tensor]) -> Tensor:
    """Root mean square (N,) over all numbers of tensors that lead with N; at most 1e6."""
    squares = sum(tensor.detach().flatten(1).double().square().sum(1) for tensor in tensors)
    count = sum(tensor[0].numel() for tensor in tensors)
    found = (torch.as_tensor(squares) / count).sqrt()
    return torch.nan_to_num(found, 1e6, 1e6, 1e6).clamp(max=1e6).float().cpu()
