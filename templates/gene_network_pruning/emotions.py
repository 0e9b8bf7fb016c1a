"""Frozen: the data sets, and what training may see of each.

`faces` is generated (see faces.py), and so is `mini`, a fifth of it. The others are read from files
that somebody has put into the data folder (`$BONSAI_DATA`, else the user's cache).
"""

import runpy
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bonsai.kit.data import data_folder

# By path: the runner scores outcomes of many templates in one process, away from their folders.
faces, real_data = (
    SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name(f"{name}.py"))))
    for name in ("faces", "real_data")
)

SEEDS = {"train": 101, "val": 102, "test": 103}  # of the generated faces: the same for every run
SIZES = {  # faces of each condition
    "faces": {"train": 1200, "val": 300, "test": 1000},
    "mini": {"train": 300, "val": 100, "test": 200},
}
SMOKE_SUFFIX = "-smoke"
SMOKE_ITEMS = 200  # of each part of a real set


@dataclass(frozen=True)
class Part:
    """One of train, val and test.

    Attributes:
        inputs: (N, D) float32, less the mean input of the training part and scaled to spread 1.
        labels: (N,) index into the classes.
        conditions: (N,) index into the conditions.
        valence: (N,) float32, pleasantness from -1 to 1.
    """

    inputs: Tensor
    labels: Tensor
    conditions: Tensor
    valence: Tensor


@dataclass(frozen=True)
class Emotions:
    """What `train` may see: of the test part the inputs and conditions, not what is felt.

    Attributes:
        name: of the data set, as in final_info.json.
        classes: names of the emotions.
        conditions: names of the conditions.
        class_valence: (classes,) float32, pleasantness of each emotion.
        train: to learn from.
        val: for choices.
        test_inputs: (T, D).
        test_conditions: (T,).
    """

    name: str
    classes: tuple[str, ...]
    conditions: tuple[str, ...]
    class_valence: Tensor
    train: Part
    val: Part
    test_inputs: Tensor
    test_conditions: Tensor

    def to(self, device: torch.device) -> "Emotions":
        """The same on `device`."""
        return _to(self, device)


def _to(item: Any, device: torch.device) -> Any:
    """A tensor, or a dataclass of such, on a device; anything else as it is."""
    if isinstance(item, Tensor):
        return item.to(device)
    if not is_dataclass(item):
        return item
    return replace(item, **{f.name: _to(getattr(item, f.name), device) for f in fields(item)})


@dataclass(frozen=True)
class Truth:
    """What only score.py sees; `test` holds everything about the test part."""

    name: str
    classes: tuple[str, ...]
    conditions: tuple[str, ...]
    val: Part
    test: Part


def load(name: str, smoke: bool = False) -> tuple[Emotions, Truth]:
    """A data set for training and the truth about it, from its name (`-smoke` is understood)."""
    smoke = smoke or name.endswith(SMOKE_SUFFIX)
    name = name.removesuffix(SMOKE_SUFFIX).removeprefix("faces-") or name
    return _load(name, smoke)


@lru_cache(maxsize=2)
def _load(name: str, smoke: bool) -> tuple[Emotions, Truth]:
    return _generated(name, smoke) if name in SIZES else _real(name, smoke)


def _generated(name: str, smoke: bool) -> tuple[Emotions, Truth]:
    sizes = {part: 40 if smoke else count for part, count in SIZES[name].items()}
    drawn = {part: faces.draw(sizes[part], seed) for part, seed in SEEDS.items()}
    raw = {
        part: (
            f.images.reshape(len(f.images), -1) / np.float32(255),
            f.labels,
            f.conditions,
            f.valence,
        )
        for part, f in drawn.items()
    }
    mean = raw["train"][0].mean(axis=0)  # the mean face: else many units would never fire
    spread = (raw["train"][0] - mean).std()
    full = ("faces" if name == "faces" else f"faces-{name}") + SMOKE_SUFFIX * smoke
    return _assemble(full, faces.CONDITIONS, raw, mean, spread)


def _real(name: str, smoke: bool) -> tuple[Emotions, Truth]:
    """One of real_data.py, each feature standardised; its valence is that of the class."""
    parts, conditions = real_data.read(name, data_folder() / name)
    raw = {
        part: (*(array[: SMOKE_ITEMS if smoke else None] for array in arrays),)
        for part, arrays in parts.items()
    }
    raw = {part: (*arrays, faces.VALENCE[arrays[1]]) for part, arrays in raw.items()}
    mean, spread = raw["train"][0].mean(axis=0), raw["train"][0].std(axis=0) + 1e-6
    return _assemble(name + SMOKE_SUFFIX * smoke, conditions, raw, mean, spread)


def _assemble(
    name: str, conditions: tuple[str, ...], raw: dict[str, Any], mean: Any, spread: Any
) -> tuple[Emotions, Truth]:
    parts = {
        part: Part(
            torch.from_numpy((features - mean) / spread).float(),
            torch.from_numpy(labels).long(),
            torch.from_numpy(groups).long(),
            torch.from_numpy(valence).float(),
        )
        for part, (features, labels, groups, valence) in raw.items()
    }
    train, val, test = (parts[part] for part in ("train", "val", "test"))
    class_valence = torch.from_numpy(faces.VALENCE).float()
    data = Emotions(name, faces.CLASSES, conditions, class_valence, train, val, test.inputs,
                    test.conditions)  # fmt: skip
    return data, Truth(name, faces.CLASSES, conditions, val, test)
