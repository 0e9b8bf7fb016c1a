"""Frozen: what of trained networks goes into an outcome, under which names."""

import torch
from emotions import Emotions
from networks import Trained, predict
from torch import Tensor


def record(
    values: list[dict[str, Tensor]], part: Trained, data: Emotions, prefix: str = ""
) -> None:
    """Add the predicted classes of the test inputs, for every seed and network."""
    classes = predict(part.nets, data.test_inputs).argmax(2).byte()
    for value, rows in zip(values, classes, strict=True):
        value |= {f"{prefix}test {name}": row for name, row in zip(part.names, rows, strict=True)}


def record_details(values: list[dict[str, Tensor]], part: Trained, data: Emotions) -> None:
    """Add what else score.py wants of the networks that were trained on all conditions."""
    valence = torch.einsum("skcn,c->skn", predict(part.nets, data.test_inputs), data.class_valence)
    classes = predict(part.nets, data.val.inputs).argmax(2).byte()
    for s, value in enumerate(values):
        for k, name in enumerate(part.names):
            value[f"val {name}"] = classes[s, k]
            value[f"valence {name}"] = valence[s, k]
            value[f"churn {name}"] = part.churn[:, s, k]
            for layer, mask in enumerate(part.nets.masks):
                value[f"mask {layer} {name}"] = mask[s, k].bool()
