"""Frozen: what a run keeps of a stream, for score.py and plot.py."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import measures
import numpy as np
import numpy.typing as npt
import streams
import torch
from torch import Tensor
from units import Population

from bonsai import kit

Array = npt.NDArray[Any]


class Record:
    """Predictions before learning, predictions for held-out images, and lives of units.

    The first method is the one that a run is about: of it alone the activities and events in a
    window of steps and the clones in every task are kept, those of the middle hidden layer.
    """

    def __init__(
        self,
        stream: streams.Stream,
        data: kit.Images,
        seeds: Sequence[int],
        methods: Sequence[str],
        config: Any,
        living: Population,
    ) -> None:
        """Prepare for a whole stream; `config` has `logs` (points) and `window` (steps)."""
        self.stream, self.seeds, self.methods, self.living = stream, seeds, methods, living
        self.layer = len(living.units) // 2
        shape = (len(methods), len(seeds), stream.tasks * stream.steps, streams.BATCH)
        self.regression = stream.name == "regression"
        self.predicted = np.zeros(shape, dtype=np.float16 if self.regression else np.uint8)
        self.images = {
            part: streams.pixels(getattr(data, f"{part}_images")) for part in ("val", "test")
        }
        self.examined = streams.examined(stream.tasks)
        self.held_out: dict[str, list[Array]] = {"val": [], "test": []}
        logs = torch.linspace(0, stream.tasks - 1, min(config.logs, stream.tasks))
        self.logged = [round(task) for task in logs.tolist()]
        self.health: list[Array] = []  # (M, S, quantities) each
        self.clones: list[Array] = []  # (S, W) each: founder, or -1 for an empty slot
        middle = stream.tasks * stream.steps // 2
        self.window = range(middle, min(middle + config.window, stream.tasks * stream.steps))
        self.activity: list[Array] = []  # (S, W) each
        self.change = torch.zeros(2, len(methods) * len(seeds))  # sum over events, their number
        self.units_used = torch.zeros(len(methods) * len(seeds))  # sum over tasks

    def predictions(self, outputs: Tensor) -> None:
        """Keep the predictions (N, B, C) of the next batch, made before learning from it."""
        found = outputs.detach()[..., 0] if self.regression else outputs.argmax(-1)
        kept = found.view(*self.predicted.shape[:2], -1).cpu().numpy()
        self.predicted[:, :, self.living.now] = kept.astype(self.predicted.dtype)

    @contextmanager
    def events(self, inputs: Tensor, activations: Sequence[Tensor]) -> Iterator[None]:
        """Within the window: what units do, and by how much deaths and births change the outputs.

        Args:
            inputs: (N, B, D), on which outputs before and after are compared.
            activations: of the hidden layers in this step.
        """
        living = self.living
        if living.now - 1 not in self.window:
            yield
            return
        mine = activations[self.layer][: len(self.seeds)].detach()
        self.activity.append(mine.mean(1 if mine.dim() == 3 else (1, 3)).cpu().numpy())
        count = len(living.events)
        with torch.no_grad():
            before = living.networks.forward(inputs)[0]
            yield
            after = living.networks.forward(inputs)[0]
        rows = torch.tensor([event[1] for event in living.events[count:]], dtype=torch.long)
        happened = torch.bincount(rows, minlength=len(before))
        spread = before.flatten(1).std(1).clamp(min=1e-12)
        change = ((after - before).abs().flatten(1).mean(1) / spread).nan_to_num(0.0).cpu()
        self.change[0] += torch.where(happened > 0, change, 0.0)
        self.change[1] += happened

    def end_of_task(self, task: int, inputs: Tensor, gradients: Sequence[Tensor]) -> None:
        """Examine the networks after a task.

        Args:
            task: its number.
            inputs: its batches (steps, S, B, D); the last eight are looked at.
            gradients: of the parameters in its last step.
        """
        living, count = self.living, len(self.seeds)
        alive = torch.stack([units.alive.sum(1) for units in living.units]).sum(0).cpu()
        self.units_used += alive
        mine = living.units[self.layer]
        clones = torch.where(mine.alive[:count] > 0, mine.founder[:count], -1)
        self.clones.append(clones.cpu().numpy().astype(np.int32))
        if task in self.logged:
            x = inputs[-8:].transpose(0, 1).flatten(1, 2).repeat(len(self.methods), 1, 1)
            self.health.append(self._health(x, gradients, alive))
        if task in self.examined and self.stream.name in ("permuted", "gradual", "turnover"):
            for part, images in self.images.items():
                rows = [self.stream.transform(seed, task, images) for seed in self.seeds]
                x = torch.from_numpy(np.stack(rows)).to(living.networks.weights[0])
                with torch.no_grad():
                    found = [self._classes(part_of_x) for part_of_x in x.split(1000, dim=1)]
                self.held_out[part].append(np.concatenate(found, axis=2))

    def _classes(self, x: Tensor) -> Array:
        """Predicted classes (M, S, B) for images (S, B, D)."""
        outputs = self.living.networks.forward(x.repeat(len(self.methods), 1, 1))[0]
        classes = outputs.argmax(-1).view(len(self.methods), len(self.seeds), -1)
        return classes.cpu().numpy().astype(np.uint8)

    def _health(self, x: Tensor, gradients: Sequence[Tensor], alive: Tensor) -> Array:
        """The quantities of measures.NAMES (M, S, quantities)."""
        living = self.living
        with torch.no_grad():
            features = living.networks.forward(x)[2]
        there = [units.alive for units in living.units]
        every = torch.arange(len(alive))

        def over_units(quantities: list[Tensor]) -> Tensor:
            pairs = zip(quantities, there, strict=True)
            return sum((q * a).sum(1).cpu() for q, a in pairs) / alive

        layers = range(len(living.units))
        columns = [
            measures.dormant_share(features, there),
            *measures.ranks(features[-1]),
            measures.norms(living.networks.weights),
            measures.norms(list(gradients)),
            alive,
            living.births,
            living.deaths,
            over_units([units.generation for units in living.units]),
            over_units([living.age(layer, every) for layer in layers]),
        ]
        table = torch.stack([column.float() for column in columns], dim=1)
        return table.view(len(self.methods), len(self.seeds), -1).numpy()

    def values(self, s: int) -> dict[str, Array]:
        """The arrays of seed number `s`, named `<what>_<stream>`; see score.py."""
        stream, living, count = self.stream, self.living, len(self.seeds)
        online = self.online(s)
        names = ",".join(self.methods).encode()
        mine = [event for event in living.events if event[1] == s and event[2] == self.layer]
        inside = [event for event in mine if event[0] - 1 in self.window]
        units = living.units[self.layer]
        ages = torch.where(units.alive > 0, self.living.now - units.born, -1.0)
        found = {
            "methods": np.frombuffer(names, dtype=np.uint8),
            "online": online[0],  # of the first method in all tasks (tasks, steps, BATCH)
            "ends": online[:, self.examined],  # of all in the first and last (M, ., steps, BATCH)
            "health": np.stack(self.health, axis=2)[:, s],  # (M, logs, quantities)
            "logged": np.array(self.logged),
            "clones": np.stack(self.clones)[:, s],  # (tasks, W)
            "ages": ages.view(len(self.methods), count, -1)[:, s].cpu().numpy(),  # (M, W)
            "activity": np.array([step[s] for step in self.activity], dtype=np.float16),  # (., W)
            "events": np.array(inside, dtype=np.int32).reshape(-1, 6),
            "window": np.array([self.window.start, self.window.stop]),
            "change": self._per_method(self.change[0] / self.change[1].clamp(min=1))[:, s],
            "units_used": self._per_method(self.units_used / stream.tasks)[:, s],
        }
        for part, predictions in self.held_out.items():
            if predictions:
                found[part] = np.stack(predictions, axis=2)[:, s]  # (M, examined, images)
        return {
            "stream_seed": np.array([self.seeds[s]]),
            **{f"{name}_{stream.name}": array for name, array in found.items()},
        }

    def online(self, s: int) -> Array:
        """Predictions before learning (M, tasks, steps, BATCH) of seed number `s`."""
        return self.predicted[:, s].reshape(len(self.methods), self.stream.tasks, -1, streams.BATCH)

    def _per_method(self, values: Tensor) -> Array:
        """Values (N,) as (M, S)."""
        return values.view(len(self.methods), len(self.seeds)).numpy().astype(np.float32)

    def draw(self, s: int, curves: kit.Curves) -> None:
        """Add online accuracy (%), or error, per task of each method to the curves of a seed."""
        predicted = self.online(s)
        for task in range(self.stream.tasks):
            target = self.stream.targets(self.seeds[s], task)
            for name, mine in zip(self.methods, predicted[:, task], strict=True):
                value = streams.online_score(self.stream, mine, target)
                curves.add(f"{self.stream.name} {name}", task + 1, value)
