"""What one seed of an experiment leaves behind: raw values for the scorer, and curves."""

from __future__ import annotations

import json
import math
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bonsai.kit.errors import KitError

if TYPE_CHECKING:
    import torch

    Value = float | int | np.ndarray[Any, Any] | torch.Tensor


LIVE = "BONSAI_LIVE_CURVES"  # where points go as soon as they are known, a JSON list a line


class Curves:
    """Named series of numbers over steps, for example the training loss."""

    def __init__(self) -> None:
        """Start with no series."""
        self._series: dict[str, dict[str, list[float]]] = {}

    def add(self, name: str, step: float, value: float | torch.Tensor) -> None:
        """Append `value` at `step` to the series called `name`; one that is not finite stays out.

        A loss that diverged shows as a series that ends, since JSON has no NaN.
        """
        import torch

        number = float(value.detach() if isinstance(value, torch.Tensor) else value)
        if math.isfinite(number):
            series = self._series.setdefault(name, {"steps": [], "values": []})
            series["steps"].append(float(step))
            series["values"].append(number)
            if live := os.environ.get(LIVE):  # whoever started the run watches it
                with open(live, "a", encoding="utf-8") as file:  # noqa: PTH123 - at every step
                    file.write(json.dumps([name, float(step), number]) + "\n")

    def as_dict(self) -> dict[str, dict[str, list[float]]]:
        """`{name: {"steps": [...], "values": [...]}}`, the shape of `history.json`."""
        return self._series


class Outcome:
    """The raw result of one seed: what `score.py` needs to compute the metrics.

    Example:
        kit.Outcome(seed=seed, curves=curves, test_log_probs=log_probs, train_seconds=12.5)
    """

    def __init__(self, *, seed: int, curves: Curves | None = None, **values: Value) -> None:
        """Keep `values` (numbers, numpy arrays, tensors) as numpy arrays under their names.

        Raises:
            KitError: a value is none of these.
        """
        self.seed = int(seed)
        self.curves = curves or Curves()
        self.values = {name: _as_array(name, value) for name, value in values.items()}


def _as_array(name: str, value: Value) -> npt.NDArray[Any]:
    import torch

    if isinstance(value, torch.Tensor):
        value = (
            value.detach().float().cpu().numpy()
            if value.is_floating_point()
            else value.cpu().numpy()
        )
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise KitError(
            f"Outcome({name}=...) must be a number, a numeric array or a tensor, not "
            f"{type(value).__name__}"
        )
    return array
