"""Frozen: how masks are counted, chosen and changed, the same for every rule."""

from collections.abc import Sequence

import torch
from networks import Networks
from torch import Tensor


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
    for layer, size in enumerate(sizes):  # what rounding left over goes where there is room
        counts[layer] += min(max(wanted - sum(counts), -counts[layer]), size - counts[layer])
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
