"""Frozen: what pruning saves in fact. Smaller dense networks, bytes, milliseconds, ONNX files."""

from __future__ import annotations

import importlib.util
import time
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import torch
from networks import Copy, logits, prunable
from torch import Tensor, nn

from bonsai import kit

LATENCY_TIMES = 7  # how often a latency is measured; the median counts


def removed_units(model: nn.Sequential, kept: list[Tensor]) -> nn.Sequential:
    """A smaller dense network that answers as the large one with the units not kept silenced.

    Args:
        model: a small network: convolutional and linear layers, each but the last normalised.
        kept: for each hidden layer (out,) truth values.
    """
    output = prunable(model)[-1].module
    plan = iter(kept)
    there = torch.ones(_inputs(prunable(model)[0].module), dtype=torch.bool)
    layers: list[nn.Module] = []
    for module in model:
        if isinstance(module, nn.Conv2d | nn.Linear):
            stay = torch.ones(len(module.weight), dtype=torch.bool)
            stay = stay if module is output else next(plan).cpu()
            # Behind nn.Flatten every filter owns several inputs of the linear layer.
            inputs = there.repeat_interleave(_inputs(module) // len(there))
            layers.append(_part(module, stay, inputs))
            there = stay
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            layers.append(_norm_part(module, there))
        else:
            layers.append(module)
    return nn.Sequential(*layers).eval().requires_grad_(False)


def _inputs(module: nn.Module) -> int:
    return module.weight.shape[1]


def _part(module: nn.Module, rows: Tensor, columns: Tensor) -> nn.Module:
    weight = module.weight.detach()[rows][:, columns]
    bias = module.bias is not None
    like = {"dtype": weight.dtype, "device": weight.device}
    if isinstance(module, nn.Conv2d):
        part: nn.Module = nn.Conv2d(
            weight.shape[1], weight.shape[0], module.kernel_size, module.stride, module.padding,
            bias=bias, **like,
        )  # fmt: skip
    else:
        part = nn.Linear(weight.shape[1], weight.shape[0], bias=bias, **like)
    part.weight.data.copy_(weight)
    if bias:
        part.bias.data.copy_(module.bias.detach()[rows])
    return part


def _norm_part(module: nn.Module, rows: Tensor) -> nn.Module:
    like = {"dtype": module.weight.dtype, "device": module.weight.device}
    part = type(module)(int(rows.sum()), **like)
    for name in ("weight", "bias", "running_mean", "running_var"):
        getattr(part, name).data.copy_(getattr(module, name).detach()[rows])
    return part


def compressed_bytes(model: nn.Module, copy: Copy) -> int:
    """Bytes of a copy's prunable weights (float32) after zlib, which finds the zeros itself."""
    tensors = [copy.get(layer.key, layer.module.weight) for layer in prunable(model)]
    raw = b"".join(tensor.detach().cpu().numpy().tobytes() for tensor in tensors)
    return len(zlib.compress(raw, 6))


def latency_ms(model: nn.Module, copy: Copy, images: Tensor) -> float:
    """Milliseconds to answer all images at once, the median of several times."""
    with torch.no_grad():
        return seconds_of(lambda: logits(model, copy, images), LATENCY_TIMES) * 1e3


def seconds_of(work: Callable[[], object], repeats: int) -> float:
    """Seconds that `work` takes, the median of several times after one that is not counted."""
    times = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        work()
        if kit.device().type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return sorted(times[1:])[repeats // 2]


def export_onnx(model: nn.Module, images: Tensor, folder: str, name: str) -> Path:
    """Write a network as ONNX, for batches of any size.

    Raises:
        kit.KitError: the packages for it are not installed.
    """
    missing = [name for name in ("onnx", "onnxscript") if importlib.util.find_spec(name) is None]
    if missing:
        raise kit.KitError(
            f"ONNX export needs {' and '.join(missing)}: pip install 'bonsai-experiments[onnx]'"
        )
    path = Path(folder).expanduser() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    batch = torch.export.Dim("batch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model.cpu().eval(), (images[:2].cpu(),), path, dynamo=True, verbose=False,
            input_names=["images"], output_names=["logits"], dynamic_shapes=({0: batch},),
        )  # fmt: skip
    return path
