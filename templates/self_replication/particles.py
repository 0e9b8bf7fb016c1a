"""Frozen: what a particle is, what it is called, and what an organism of particles computes.

A particle is a network 5 -> h -> h -> 1 without biases; here it is the column of its
P = 5h + h² + h weights, and many particles are one tensor (P, ...): the weights lie first, so that
every operation runs along memory over all particles at once. experiment.py, score.py and plot.py
all use these definitions, so that training, census and figures cannot mean different things.

The model is that of Gabor et al. (Artificial Life 28, 2022) and Illium et al. (arXiv:2212.10078).
"""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F

CLASSES = ("divergent", "all-zero", "self-replicator", "second order", "other")
DIVERGENT, ZERO, REPLICATOR, SECOND_ORDER, OTHER = range(len(CLASSES))
TOLERANCE = 1e-5  # by how much a weight may be off, absolutely, in every test of the census

# Of an organism, whichever its training: (K, 5) numbers, one row per organism.
ALPHA, FILLER, RESIDUAL, FULL_GRADIENT, DEFAULT_INIT = range(5)

# ------------------------------------------------------------------------------------------------
# One particle


def weight_count(hidden: int) -> int:
    """P, the weights of a particle with `hidden` neurons in each of its two hidden layers."""
    return 5 * hidden + hidden * hidden + hidden


def hidden_width(weights: torch.Tensor) -> int:
    """The h of particles (P, ...)."""
    return round(math.sqrt(len(weights) + 9) - 3)


def layers(weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Views of weights (P, ...) as W1 (h, 5, ...), W2 (h, h, ...), W3 (h, ...)."""
    hidden, rest = hidden_width(weights), weights.shape[1:]
    first, second = 5 * hidden, 5 * hidden + hidden * hidden
    return (
        weights[:first].view(hidden, 5, *rest),
        weights[first:second].view(hidden, hidden, *rest),
        weights[second:],
    )


def positions(hidden: int, norm: str = "max") -> torch.Tensor:
    """Where each weight sits: (P, 3) of layer, target neuron and source neuron, float64.

    Each column is divided by its maximum (`norm="max"`) or by its Euclidean length ("length").
    """
    shapes = ((hidden, 5), (hidden, hidden), (1, hidden))
    rows = [
        (layer, target, source)
        for layer, (targets, sources) in enumerate(shapes)
        for target in range(targets)
        for source in range(sources)
    ]
    table = torch.tensor(rows, dtype=torch.float64)
    scale = table.amax(dim=0) if norm == "max" else table.norm(dim=0)
    return table / (scale + 1e-8)


def five_vector(weights: torch.Tensor) -> torch.Tensor:
    """All that a linear particle can do is f(x) = v·x: v = W3 W2 W1, (5, ...)."""
    w1, w2, w3 = layers(weights)
    u = (w3.unsqueeze(1) * w2).sum(0)
    return (u.unsqueeze(1) * w1).sum(0)


def respond(weights: torch.Tensor, inputs: torch.Tensor, tanh: bool = False) -> torch.Tensor:
    """What particles answer to five numbers, layer by layer as the plain network computes it.

    Args:
        weights: (P, ...).
        inputs: (5, ..., B).
        tanh: whether the hidden neurons have that activation; else there is none.

    Returns:
        (..., B).
    """
    w1 = layers(weights)[0].unsqueeze(-1)
    return _upper_layers(weights, (w1 * inputs).sum(1), tanh)


def answer(weights: torch.Tensor, x: torch.Tensor, tanh: bool = False) -> torch.Tensor:
    """What particles (P, ...) answer to (0, 0, 0, 0, x), as in a task: (..., B) for x (..., B)."""
    return _upper_layers(weights, layers(weights)[0][:, 4].unsqueeze(-1) * x, tanh)


def _upper_layers(weights: torch.Tensor, first: torch.Tensor, tanh: bool) -> torch.Tensor:
    _, w2, w3 = layers(weights)
    first = first.tanh() if tanh else first
    second = torch.einsum("ij...,j...b->i...b", w2, first)
    second = second.tanh() if tanh else second
    return torch.einsum("i...,i...b->...b", w3, second)


def apply(
    weights: torch.Tensor, where: torch.Tensor, to: torch.Tensor | None = None, tanh: bool = False
) -> torch.Tensor:
    """Particles rewrite particles: the weights (P, ...) that `weights` answers for those of `to`.

    With `to` left out a particle rewrites itself (self-application); else this is an attack.

    Args:
        weights: the writers, (P, ...).
        where: `positions`, (P, 3).
        to: those that are rewritten, (P, ...).
        tanh: the activation of the writers' hidden neurons.
    """
    to = weights if to is None else to
    if not tanh:
        v = five_vector(weights)
        return v[0] * to + torch.tensordot(where, v[1:4], dims=1)
    index = where.T.reshape(3, *[1] * (weights.ndim - 1), len(where))
    rows = [to.movedim(0, -1), *(column.expand_as(to.movedim(0, -1)) for column in index)]
    rows.append(torch.zeros_like(rows[0]))
    return respond(weights, torch.stack(rows), tanh=True).movedim(-1, 0)


def melt(
    one: torch.Tensor, other: torch.Tensor, generator: torch.Generator | None = None
) -> torch.Tensor:
    """A child (P, ...) of two particles, that has a random half of its weights from each."""
    half = torch.rand(one.shape, generator=generator).argsort(dim=0) < len(one) // 2
    return torch.where(half.to(one.device), one, other)


def noise(
    weights: torch.Tensor, size: float, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Each weight moved up or down by a uniform amount between 0 and `size`."""
    shift = 2 * torch.rand(weights.shape, generator=generator, dtype=torch.float64) - 1
    return weights + size * shift.to(weights)


def onto_fixpoint(weights: torch.Tensor) -> torch.Tensor:
    """Linear particles (P, ...) moved in W1 alone, by the shortest way, to v1..v4 = (1, 0, 0, 0).

    There a particle answers each of its weights exactly, whatever v5 is: four equations, so that
    fixpoints are not points but a continuum.
    """
    weights = weights.clone()
    w1, w2, w3 = layers(weights)
    above = (w3.unsqueeze(1) * w2).sum(0)
    miss = five_vector(weights)
    miss[0] -= 1
    miss[4] = 0
    w1 -= above.unsqueeze(1) * miss / above.square().sum(0)
    return weights


def classify(
    weights: torch.Tensor,
    norm: str = "max",
    tanh: bool = False,
    goals: torch.Tensor | None = None,
) -> torch.Tensor:
    """The fixpoint census: an index into `CLASSES` for each of the particles (P, ...).

    Tested in this order: not finite; all weights zero; each weight reproduced; each weight
    reproduced by the second of two passes; none of these. An all-zero particle reproduces itself
    too, trivially: whoever asks for self-replicators first counts dead particles as alive.

    Args:
        weights: (P, ...).
        norm: of `positions`.
        tanh: the particles' activation.
        goals: (4, ...), for the filler task: what v1 to v4 are to be. Then "self-replicator" reads
            "solved its filler task". By default (1, 0, 0, 0), which is self-replication.
    """
    weights = weights.double()
    where = positions(hidden_width(weights), norm).to(weights.device)
    target = weights
    if goals is not None:
        goals = goals.double()
        target = goals[0] * weights + torch.tensordot(where, goals[1:], dims=1)
    once = apply(weights, where, tanh=tanh)
    twice = apply(weights, where, once, tanh=tanh)
    found = torch.full(weights.shape[1:], OTHER, device=weights.device)
    found[((twice - target).abs() <= TOLERANCE).all(0)] = SECOND_ORDER
    found[((once - target).abs() <= TOLERANCE).all(0)] = REPLICATOR
    found[(weights.abs() <= TOLERANCE).all(0)] = ZERO
    found[~weights.isfinite().all(0)] = DIVERGENT
    return found


# ------------------------------------------------------------------------------------------------
# Organisms: neuron j of a layer adds up what its particles answer to the neurons below, one each


def edges(widths: list[int]) -> torch.Tensor:
    """(N, 3): layer, target neuron and source neuron of each particle, in the order of storage."""
    return torch.tensor(
        [
            (layer, target, source)
            for layer in range(len(widths) - 1)
            for target in range(widths[layer + 1])
            for source in range(widths[layer])
        ]
    )


def matrices(scalars: torch.Tensor, widths: list[int]) -> list[torch.Tensor]:
    """Numbers (..., N), one per particle, as one matrix (..., out, in) per layer."""
    shapes = list(zip(widths[1:], widths[:-1], strict=True))
    parts = scalars.split([rows * columns for rows, columns in shapes], dim=-1)
    return [
        part.reshape(*part.shape[:-1], *shape) for part, shape in zip(parts, shapes, strict=True)
    ]


def forward(
    images: torch.Tensor,
    weights: list[torch.Tensor],
    residual: torch.Tensor | float = 1.0,
    relu: bool = False,
) -> torch.Tensor:
    """Logits of linear-particle organisms: an ordinary network whose weights are their scalars.

    With `residual`, what enters an odd hidden layer is added to what leaves the next even one.

    Args:
        images: (S, B, D), a batch for each of S groups of organisms.
        weights: the `matrices` of K organisms in each group, each (S, K, out, in).
        residual: 1 with, 0 without residual connections; (K, 1, 1) to choose for each organism.
        relu: whether neurons have that activation; the published organisms have none.

    Returns:
        (S, K, B, classes).
    """
    groups, organisms, outputs, inputs = weights[0].shape
    together = weights[0].reshape(groups, organisms * outputs, inputs)  # they see the same images
    x = (together @ images.mT).view(groups, organisms, outputs, -1)
    remembered = x
    for number, matrix in enumerate(weights[1:-1], start=1):
        x = x.relu() if relu else x
        if number % 2 == 1:
            remembered = x
        x = matrix @ x
        if number % 2 == 0:
            x = x + residual * remembered
    x = x.relu() if relu else x
    return (weights[-1] @ x).mT


def forward_by_particle(
    images: torch.Tensor,
    particles: torch.Tensor,
    widths: list[int],
    residual: torch.Tensor | float = 1.0,
    relu: bool = False,
    tanh: bool = False,
) -> torch.Tensor:
    """Logits of organisms, asking every particle about every image; right for any particle.

    Args:
        images: (S, B, D).
        particles: (P, S, K, N).
        widths: neurons of each layer.
        residual: as in `forward`.
        relu: as in `forward`.
        tanh: the particles' activation.

    Returns:
        (S, K, B, classes).
    """
    groups, organisms = particles.shape[1:3]
    x = images.unsqueeze(1).expand(-1, organisms, -1, -1)
    remembered, start = x, 0
    for number, (inputs, outputs) in enumerate(pairwise(widths)):
        if relu and number > 0:
            x = x.relu()
        if number % 2 == 1:
            remembered = x
        count = inputs * outputs
        these = particles[..., start : start + count]
        these = these.reshape(len(particles), groups, organisms, outputs, inputs)
        start += count
        x = answer(these, x.mT.unsqueeze(2), tanh).sum(-2).mT
        if number % 2 == 0 and 0 < number < len(widths) - 2:
            x = x + residual * remembered
    return x


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean loss (S, K) of each organism, of logits (S, K, B, classes) and labels (S, B)."""
    target = labels[:, None].expand(logits.shape[:3])
    rows = logits.mT.flatten(0, 1), target.flatten(0, 1)
    return F.cross_entropy(*rows, reduction="none").view(target.shape).mean(-1)


def scalars(particles: torch.Tensor, tanh: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """Each particle as one number: its answer to (0, 0, 0, 0, 1), and how well that describes it.

    A linear particle answers x with v5·x, so the number is exact. For tanh particles it is the
    slope of the best line through the origin for x from -2 to 2, and the fit says how good that is.

    Args:
        particles: (P, ...).
        tanh: the particles' activation.

    Returns:
        The number and its R², both (...).
    """
    if not tanh:
        number = answer(particles, torch.ones(1, dtype=particles.dtype))[..., 0]
        return number, torch.ones_like(number)
    x = torch.linspace(-2, 2, 41, dtype=particles.dtype)
    answers = answer(particles, x, tanh=True)
    slope = (answers * x).sum(-1) / (x * x).sum()
    rest = (answers - slope.unsqueeze(-1) * x).square().sum(-1)
    spread = answers.square().sum(-1)  # a line through the origin is compared with zero
    return slope, torch.where(spread > 0, 1 - rest / spread, 1.0)


# ------------------------------------------------------------------------------------------------
# The dropout test: which particles to zero


def ablations(
    found: torch.Tensor,
    sizes: torch.Tensor,
    where: torch.Tensor,
    pixel_variance: torch.Tensor,
    draws: int = 20,
) -> dict[str, torch.Tensor]:
    """Which particles each condition of the dropout test zeroes: (draws, N) bool by name.

    Beside the self-replicators, as many others: at random, at random within the same layers, the
    smallest within the same layers, and in the first layer those on the pixels that vary least.

    Args:
        found: the census, (N,).
        sizes: |v5| of each particle, (N,).
        where: `edges`, (N, 3).
        pixel_variance: of each input over the training images, (D,).
        draws: repetitions of what is random; the draws depend on nothing but the arguments.
    """
    generator = torch.Generator().manual_seed(0)
    layer, count = where[:, 0], len(found)
    chosen = found == REPLICATOR
    masks = {f"class {name}": (found == code)[None] for code, name in enumerate(CLASSES)}

    def lowest(key: torch.Tensor, pools: list[torch.Tensor]) -> torch.Tensor:
        mask = torch.zeros(count, dtype=torch.bool)
        for pool in pools:
            members = pool.nonzero()[:, 0]
            number = int(chosen[pool].sum())
            mask[members[key[members].argsort()[:number]]] = True
        return mask

    everything = [torch.ones(count, dtype=torch.bool)]
    by_layer = [layer == number for number in layer.unique()]
    random = torch.rand(2, draws, count, generator=generator)
    on_pixel = pixel_variance[where[:, 2].clamp_max(len(pixel_variance) - 1)]
    variance = torch.where(layer == 0, on_pixel, torch.inf)
    masks["random"] = torch.stack([lowest(key, everything) for key in random[0]])
    masks["random, same layers"] = torch.stack([lowest(key, by_layer) for key in random[1]])
    masks["smallest, same layers"] = lowest(sizes, by_layer)[None]
    masks["pixels that vary least"] = lowest(variance + 0 * sizes, by_layer[:1])[None]
    masks["constant pixels"] = (variance == 0)[None]
    return masks


def organism_name(setting: torch.Tensor) -> str:
    """What metrics call an organism, given its row of settings: task_only, filler, alpha_10, ..."""
    alpha, filler, residual, full, default = (float(value) for value in setting)
    name = "task_only" if alpha == 0 else "filler" if filler else f"alpha_{alpha:g}"
    name += "" if residual else "_no_residual"
    name += "_full" if full else ""
    return (name + ("_default_init" if default else "")).replace(".", "p")
