"""Frozen: ordinary networks beside the organism, so that its accuracy can be judged."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from particles import cross_entropy, forward

from bonsai import kit

Draw = Callable[[], tuple[torch.Tensor, torch.Tensor]]


def peers(widths: list[int], weights: int) -> dict[str, tuple[list[int], bool]]:
    """Widths, and whether ReLU, of each peer of an organism of `widths` neurons and `weights`."""
    pixels, classes = widths[0], widths[-1]
    around = pixels + classes
    wide = round((-around + (around**2 + 4 * weights) ** 0.5) / 2)  # wide² + around·wide = weights
    return {
        "linear_same_topology": (widths, False),
        "relu_same_topology": (widths, True),
        "relu_same_neurons": ([pixels, sum(widths[1:-1]), classes], True),
        "relu_same_weights": ([pixels, wide, wide, classes], True),
    }


def train_peers(
    widths: list[int],
    particles: torch.Tensor,
    config: Any,
    test_images: torch.Tensor,
    batches: Callable[[], Draw],
    seeds: list[int],
) -> dict[str, torch.Tensor]:
    """Train each peer on the batches that the organism saw; its test predictions, (S, T).

    Args:
        widths: neurons of the organism's layers.
        particles: the organism's; the largest peer has as many weights.
        config: with `peer_steps` and `peer_learning_rate`.
        test_images: (T, D).
        batches: gives a function that draws the next images (S, B, D) and labels (S, B).
        seeds: of the initial weights.
    """
    classes = {}
    for name, (shape, relu) in peers(widths, particles.numel()).items():
        maps = _train(shape, relu, config, batches(), seeds)
        with torch.no_grad():
            images = test_images.expand(len(seeds), -1, -1)
            classes[name] = forward(images, maps, 0.0, relu).argmax(-1)[:, 0].cpu()
        print(f"peer {name} trained", flush=True)
    return classes


def _train(
    widths: list[int], relu: bool, config: Any, draw: Draw, seeds: list[int]
) -> list[torch.Tensor]:
    """One bias-free network per seed, trained with Adam: matrices (S, 1, out, in)."""
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    maps = []
    for inputs, outputs in pairwise(widths):
        drawn = torch.stack([torch.rand(1, outputs, inputs, generator=g) for g in generators])
        bound = (6 / (inputs + outputs)) ** 0.5  # Xavier's
        maps.append(((2 * drawn - 1) * bound).to(kit.device()).requires_grad_())
    adam = torch.optim.Adam(maps, lr=config.peer_learning_rate)
    for _ in range(config.peer_steps):
        images, labels = draw()
        adam.zero_grad()
        cross_entropy(forward(images, maps, 0.0, relu), labels).sum().backward()
        adam.step()
    return maps
