"""Frozen: what is put on record of trained networks, and of the published rule's first layer."""

import torch
from emotions import Emotions
from networks import Networks, Trained, predict
from torch import Tensor

from bonsai import kit


def record(
    values: list[dict[str, Tensor]], part: Trained, data: Emotions, prefix: str = ""
) -> None:
    """Add the predicted classes of the test inputs, for every seed and network."""
    classes = predict(part.nets, data.test_inputs).argmax(2).byte()
    for value, rows in zip(values, classes, strict=True):
        value |= {f"{prefix}test {name}": row for name, row in zip(part.names, rows, strict=True)}


def record_details(
    values: list[dict[str, Tensor]], part: Trained, data: Emotions, focus: float
) -> None:
    """Add what else score.py wants of the networks that were trained on all conditions.

    Predicted valence only at the sparsities 0 and `focus`, to keep outcomes small.
    """
    valence = torch.einsum("skcn,c->skn", predict(part.nets, data.test_inputs), data.class_valence)
    classes = predict(part.nets, data.val.inputs).argmax(2).byte()
    for s, value in enumerate(values):
        for k, name in enumerate(part.names):
            value[f"val {name}"] = classes[s, k]
            if name.endswith(("@0", f"@{focus:g}")):
                value[f"valence {name}"] = valence[s, k]
            value[f"churn {name}"] = part.churn[:, s, k]
            for layer, mask in enumerate(part.nets.masks):
                value[f"mask {layer} {name}"] = mask[s, k].bool()


def add(values: list[dict[str, Tensor]], name: str, rows: Tensor) -> None:
    """Add one row (S, ...) to the values of each seed."""
    for value, row in zip(values, rows, strict=True):
        value[name] = row


def log_accuracy(
    curves: list[kit.Curves], epoch: int, names: list[str], nets: Networks, data: Emotions
) -> None:
    """Add the validation accuracy of every network to the curves of each seed."""
    right = predict(nets, data.val.inputs).argmax(2) == data.val.labels
    for curve, accuracies in zip(curves, 100 * right.float().mean(2), strict=True):
        for name, accuracy in zip(names, accuracies, strict=True):
            curve.add(f"validation accuracy {name}", epoch, accuracy)


def log_fake(curves: list[kit.Curves], found: list[dict[str, Tensor]], start: int) -> None:
    """Add each epoch's `fake_diagnosis` to the curves of each seed."""
    for epoch, entry in enumerate(found, start=start + 1):
        for name, numbers in entry.items():
            for curve, number in zip(curves, numbers, strict=True):
                curve.add(f"fake: {name}", epoch, number)


def fake_diagnosis(
    before: tuple[Tensor, ...], weight: Tensor, mask: Tensor, score: Tensor, chosen: Tensor
) -> dict[str, Tensor]:
    """What the published rule does to a layer, each (S,) and nan where there is nothing to tell.

    Args:
        before: weights, masks and rewired links of the epoch before; empty at the first pruning.
        weight: now, (S, 1, out, in).
        mask: after pruning and before rewiring.
        score: of every link.
        chosen: the links that are rewired now.

    Returns:
        "silent motion": how far silent weights moved in the epoch, relative to expressed ones;
        "rewired, pruned again": the share of the links rewired before that are pruned now;
        "outranks a rewired link": the share of silent links that score higher than a rewired one.
    """
    silent = 1 - mask
    higher = []
    for scores, sleeping, picked in zip(score, silent, chosen, strict=True):
        asleep = scores[sleeping > 0].sort().values
        place = torch.searchsorted(asleep, scores[picked > 0]).to(score)
        higher.append(1 - place.mean() / len(asleep))
    found = {"outranks a rewired link": torch.stack(higher)}
    if before:
        was, expressed, rewired = before
        moved = (weight - was).abs()
        found["silent motion"] = _mean(moved, 1 - expressed) / _mean(moved, expressed)
        found["rewired, pruned again"] = _mean(silent, rewired)
    return found


def _mean(values: Tensor, where: Tensor) -> Tensor:
    return (values * where).flatten(1).sum(1) / where.flatten(1).sum(1)
