"""Frozen: the data sets, and what training may see of each.

`faces` is generated (see faces.py), and so is `mini`, a fifth of it. The others are read from files
that somebody has put into the data folder (`$BONSAI_DATA`, else the user's cache).

Whoever has faces.py and the seed of the test faces knows what they feel. By hand they are the
published ones; the runner draws others, from the key of its machine (`bonsai.kit.keys`), and hands
the experiment `packed` arrays. Real test items come in an order by that key: sorted files would
tell their labels.
"""

import runpy
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bonsai.kit.data import data_folder
from bonsai.kit.keys import keyed, secret_of

# By path: the runner scores outcomes of many templates in one process, away from their folders.
faces, real_data = (
    SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name(f"{name}.py"))))
    for name in ("faces", "real_data")
)

SEEDS = {"train": 101, "val": 102, "test": 103}  # of the generated faces, by hand
SIZES = {  # faces of each condition
    "faces": {"train": 1200, "val": 300, "test": 1000},
    "mini": {"train": 300, "val": 100, "test": 200},
}
TEST_FIELDS = ("test_inputs", "test_conditions")  # all that training sees of the test part
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
    """A data set for training and the truth about it.

    Args:
        name: as it stands in results; `-smoke` and a key are understood.
        smoke: whether to have few items.

    Raises:
        kit.KitError: its files are not there, or it was drawn with another key.
    """
    plain, secret = secret_of(name)
    smoke = smoke or plain.endswith(SMOKE_SUFFIX)
    plain = plain.removesuffix(SMOKE_SUFFIX).removeprefix("faces-") or plain
    return _load(plain, smoke, secret)


@lru_cache(maxsize=2)
def _load(name: str, smoke: bool, secret: int | None) -> tuple[Emotions, Truth]:
    return (_generated if name in SIZES else _real)(name, smoke, secret)


def _generated(name: str, smoke: bool, secret: int | None) -> tuple[Emotions, Truth]:
    sizes = {part: 40 if smoke else count for part, count in SIZES[name].items()}
    seeds: dict[str, int | list[int]] = dict(SEEDS)
    if secret is not None:
        seeds["test"] = [SEEDS["test"], secret]
    drawn = {part: faces.draw(sizes[part], seed) for part, seed in seeds.items()}
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
    return _assemble(_full_name(full, secret), faces.CONDITIONS, raw, mean, spread)


def _real(name: str, smoke: bool, secret: int | None) -> tuple[Emotions, Truth]:
    """One of real_data.py, each feature standardised; its valence is that of the class."""
    parts, conditions = real_data.read(name, data_folder() / name)
    raw = {
        part: (*(array[: SMOKE_ITEMS if smoke else None] for array in arrays),)
        for part, arrays in parts.items()
    }
    if secret is not None:
        order = np.random.default_rng(secret).permutation(len(raw["test"][1]))
        raw["test"] = tuple(array[order] for array in raw["test"])
    raw = {part: (*arrays, faces.VALENCE[arrays[1]]) for part, arrays in raw.items()}
    mean, spread = raw["train"][0].mean(axis=0), raw["train"][0].std(axis=0) + 1e-6
    full = _full_name(name + SMOKE_SUFFIX * smoke, secret)
    return _assemble(full, conditions, raw, mean, spread)


def _full_name(name: str, secret: int | None) -> str:
    return name if secret is None else keyed(name)


def packed(data: Emotions) -> dict[str, np.ndarray]:
    """What training may see, as arrays, for `unpacked` in another process."""
    parts = {
        f"{part}.{field.name}": getattr(getattr(data, part), field.name).numpy()
        for part in ("train", "val")
        for field in fields(Part)
    }
    rest = {field: getattr(data, field).numpy() for field in TEST_FIELDS}
    return {**parts, **rest, "name": np.array(data.name), "conditions": np.array(data.conditions)}


def unpacked(arrays: Mapping[str, np.ndarray]) -> Emotions:
    """The inverse of `packed`."""

    def part(name: str) -> Part:
        return Part(*(torch.from_numpy(arrays[f"{name}.{field.name}"]) for field in fields(Part)))

    rest = {field: torch.from_numpy(arrays[field]) for field in TEST_FIELDS}
    return Emotions(
        name=str(arrays["name"]),
        classes=faces.CLASSES,
        conditions=tuple(arrays["conditions"].tolist()),
        class_valence=torch.from_numpy(faces.VALENCE).float(),
        train=part("train"),
        val=part("val"),
        **rest,
    )


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
