"""Frozen: streams of tasks, on which a network has to go on learning.

A stream is a long series of tasks. Each task is a series of batches, and every batch is predicted
before it is learned from, so the stream itself measures how well a network still learns. All is
drawn from (seed, task) alone: `score.py` draws the same targets again and compares them with the
predictions that an outcome holds.

permuted      each task shuffles the pixels anew; one pass over the images (Dohare et al. 2024)
turnover      the same for half as long, for studies beside the main comparison
gradual       the same, but each shuffle fades into the next over the first half of the task
labels        the same images for ever, with new random labels for each task, learned by heart
incremental   two more classes with each task, until all are there; then new pixels, from two again
regression    slowly-changing regression: bits of which one flips with each task (Dohare et al.)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

Array = npt.NDArray[Any]

BATCH = 16  # examples per step
TASKS = {"permuted": 200, "gradual": 200, "labels": 40, "incremental": 100, "regression": 200,
         "turnover": 100}  # fmt: skip
SMOKE_TASKS = 4
SMOKE = "-smoke"  # the kit ends the names of data so in a smoke test
IMAGES = 1280  # seen in a task of permuted, gradual and incremental; fewer where there are fewer
LABELLED_IMAGES, LABELLED_PASSES = 320, 25  # images learned by heart, and passes over them
REGRESSION_STEPS = 80
BITS, FLIPPING_BITS, TARGET_UNITS, TARGET_SHARE = 20, 15, 100, 0.7  # of the regression
_CODES = {"permuted": 1, "gradual": 1, "labels": 2, "incremental": 3, "regression": 4,
          "turnover": 5}  # fmt: skip


def standard_tasks(name: str, data_name: str) -> int:
    """How many tasks a full run of a stream has; few in a smoke test."""
    return SMOKE_TASKS if data_name.endswith(SMOKE) else TASKS[name]


def ends(tasks: int) -> tuple[slice, slice]:
    """The first and the last tenth of so many tasks, at least one each."""
    tenth = max(1, tasks // 10)
    return slice(0, tenth), slice(tasks - tenth, tasks)


def examined(tasks: int) -> list[int]:
    """The numbers of the tasks in the first and the last tenth, in order."""
    first, last = ends(tasks)
    return sorted({*range(tasks)[first], *range(tasks)[last]})


@dataclass(frozen=True)
class Stream:
    """One kind of stream over one data set.

    Attributes:
        name: one of `TASKS`.
        tasks: how many tasks it has.
        steps: batches in each task.
        images: (n, D) float32 in [0, 1], to learn from.
        labels: (n,) int64.
        classes: how many; 1 for the regression.
    """

    name: str
    tasks: int
    steps: int
    images: Array
    labels: Array
    classes: int

    @property
    def inputs(self) -> int:
        """Numbers in one input, D."""
        return BITS if self.name == "regression" else self.images.shape[1]

    def batches(self, seed: int, task: int) -> tuple[Array, Array]:
        """Inputs (steps, BATCH, D) float32 and targets (steps, BATCH) of one task."""
        if self.name == "regression":
            return self._bits(seed, task), self.targets(seed, task)
        chosen = self._order(seed, task)
        inputs = self.transform(seed, task, self.images[chosen])
        if self.name == "gradual" and task > 0:
            before = self.transform(seed, task - 1, self.images[chosen])
            weight = np.clip(np.arange(self.steps) / (self.steps / 2), 0, 1)[:, None, None]
            inputs = (weight * inputs + (1 - weight) * before).astype(np.float32)
        return inputs, self.targets(seed, task)

    def targets(self, seed: int, task: int) -> Array:
        """Targets (steps, BATCH) of one task: classes as uint8, or float32 for the regression."""
        if self.name == "regression":
            return self._target_network(seed, self._bits(seed, task))
        chosen = self._order(seed, task)
        if self.name == "labels":
            drawn = self._rng(seed, task, 1).integers(self.classes, size=len(self.images))
            return drawn[chosen].astype(np.uint8)
        return self.labels[chosen].astype(np.uint8)

    def transform(self, seed: int, task: int, images: Array) -> Array:
        """What a task makes of images (..., D): the same with pixels in the order of that task."""
        if self.name == "labels":
            return images
        cycle = task // self._cycle if self.name == "incremental" else task
        return images[..., self._rng(seed, cycle, 2).permutation(images.shape[-1])]

    def _rng(self, seed: int, task: int, purpose: int) -> np.random.Generator:
        return np.random.default_rng([_CODES[self.name], purpose, seed, task])

    @property
    def _cycle(self) -> int:
        """Tasks of the incremental stream until all classes are there."""
        return max(1, self.classes // 2)

    def _order(self, seed: int, task: int) -> Array:
        """Indices (steps, BATCH) of the images of a task in the order in which they come."""
        rng, size = self._rng(seed, task, 0), self.steps * BATCH
        if self.name == "labels":
            mine = self._rng(seed, 0, 3).permutation(len(self.images))[:LABELLED_IMAGES]
            passes = [rng.permutation(mine) for _ in range(-(-size // len(mine)))]
            return np.concatenate(passes)[:size].reshape(self.steps, BATCH)
        pool = np.arange(len(self.images))
        if self.name == "incremental":
            cycle, step = divmod(task, self._cycle)
            classes = self._rng(seed, cycle, 4).permutation(self.classes)[: 2 * (step + 1)]
            pool = pool[np.isin(self.labels, classes)]
        passes = [rng.permutation(pool) for _ in range(-(-size // len(pool)))]
        return np.concatenate(passes)[:size].reshape(self.steps, BATCH)

    def _bits(self, seed: int, task: int) -> Array:
        """Inputs of the regression: bits of which one flips with each task, and random ones."""
        start = self._rng(seed, 0, 3).integers(2, size=FLIPPING_BITS)
        flips = [self._rng(seed, t, 2).integers(FLIPPING_BITS) for t in range(1, task + 1)]
        slow = (start + np.bincount(flips, minlength=FLIPPING_BITS)) % 2 if flips else start
        fast = self._rng(seed, task, 0).integers(2, size=(self.steps, BATCH, BITS - FLIPPING_BITS))
        slow = np.broadcast_to(slow, (self.steps, BATCH, FLIPPING_BITS))
        return np.concatenate([slow, fast], axis=2).astype(np.float32)

    def _target_network(self, seed: int, bits: Array) -> Array:
        """A fixed random network of threshold units: unit i is 1 above 0.7 m - (its negatives).

        Weights are +1 or -1 and m is the number of inputs; the outputs' weights are normal, here
        with variance 1 / units.
        """
        rng = self._rng(seed, 0, 5)
        weights = rng.choice([-1.0, 1.0], size=(BITS, TARGET_UNITS))
        threshold = TARGET_SHARE * BITS - (weights < 0).sum(axis=0)
        outer = rng.normal(size=TARGET_UNITS) / np.sqrt(TARGET_UNITS)
        return ((bits @ weights > threshold) @ outer).astype(np.float32)


def make(name: str, data: Any, length: float = 1.0) -> Stream:
    """A stream over the training images of `data` (kit.Images).

    Args:
        name: one of `TASKS`.
        data: with `train_images` (n, h, w) uint8, `train_labels` (n,), `classes`, `name`.
        length: share of the standard number of tasks.
    """
    images = pixels(data.train_images)
    labels = data.train_labels.cpu().numpy()
    size = min(IMAGES, len(images))
    if name == "labels":
        passes = 2 if data.name.endswith(SMOKE) else LABELLED_PASSES
        size = passes * min(LABELLED_IMAGES, len(images))
    steps = REGRESSION_STEPS if name == "regression" else size // BATCH
    tasks = max(2, round(length * standard_tasks(name, data.name)))
    classes = 1 if name == "regression" else len(data.classes)
    return Stream(name, tasks, steps, images, labels, classes)


def batches_of(
    stream: Stream, seeds: Sequence[int], task: int, like: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """One task for several seeds: inputs (steps, S, BATCH, D) and targets (steps, S, BATCH).

    Inputs, and the targets of a regression, are of type and device of `like`; classes int64.
    """
    drawn = [stream.batches(seed, task) for seed in seeds]
    inputs = torch.from_numpy(np.stack([x for x, _ in drawn], axis=1)).to(like)
    targets = torch.from_numpy(np.stack([y for _, y in drawn], axis=1)).to(like.device)
    return inputs, targets.to(like.dtype) if stream.name == "regression" else targets.long()


def loss(stream: Stream, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean loss (N,) of outputs (N, B, C): cross-entropy, or squared error of the regression."""
    if stream.name == "regression":
        return (outputs[..., 0] - targets).square().mean(1)
    each = F.cross_entropy(outputs.flatten(0, 1), targets.flatten(), reduction="none")
    return each.view(targets.shape).mean(1)


def pixels(images: torch.Tensor) -> Array:
    """Images (n, h, w) uint8 as rows (n, h·w) of float32 from 0 to 1."""
    rows: Array = images.cpu().numpy().reshape(len(images), -1).astype(np.float32) / 255
    return rows


def online_score(stream: Stream, predictions: Array, targets: Array) -> float:
    """Percentage of right predictions; for the regression the mean squared error, at most 1e6."""
    if stream.name != "regression":
        return 100.0 * float((predictions == targets).mean())
    error = np.square(predictions.astype(np.float64) - targets).mean()
    return float(np.nan_to_num(error, nan=1e6, posinf=1e6).clip(max=1e6))
