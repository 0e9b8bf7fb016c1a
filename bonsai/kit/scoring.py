"""From outcomes and the truth to metrics, means and standard errors.

The experiment and the runner both call this module, so that a score computed again can only differ
when a file was changed.
"""

from __future__ import annotations

import math
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bonsai.kit.data import Truth, load_images, load_truth
from bonsai.kit.errors import KitError
from bonsai.kit.keys import keyed

Values = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Metric:
    """What one number of `means` is: its unit, which way is better, and its meaning."""

    unit: str
    better: Literal["higher", "lower"] | None = None
    about: str = ""


@dataclass(frozen=True)
class Scorer:
    """A template's `score.py`, loaded."""

    datasets: tuple[str, ...]
    seeds: tuple[int, ...]
    metrics: Mapping[str, Metric]
    selection: str
    score: Callable[[Values, Any], Mapping[str, float]]
    load_data: Callable[[str, bool], Any]
    load_truth: Callable[[str, bool], Any]
    prepare: Callable[[str, bool, Sequence[int]], Values] | None = None
    draws_tests: bool = False
    kit_data: bool = False
    repeats_within: float = 0.0
    curve: str | None = None

    @property
    def primary(self) -> str:
        """The metric by which ideas are judged: the first of `METRICS`."""
        return next(iter(self.metrics))

    @property
    def withholds_labels(self) -> bool:
        """Whether its experiments are given all data without test labels, and need no other file.

        So it is where all data are the kit's, and where the runner prepares them.
        """
        return self.kit_data or self.prepare is not None

    def judged(self, name: str) -> str:
        """The data set on which the runner judges, of `--data name`; see `bonsai.kit.keys`.

        Raises:
            KitError: the key cannot be kept.
        """
        return keyed(name) if self.draws_tests else name

    def evaluate(self, values: Values, truth: Any, seed: int) -> dict[str, float]:
        """The metrics of one seed: those of `score.py`, then every other number of the outcome.

        So an experiment reports a number of its own (a sparsity, a count) by adding it to its
        `Outcome`. To these values `score` finds the seed added, under the name "seed": what a
        seed decides beside the experiment, such as who is tested on what, is not taken on trust.

        Raises:
            KitError: a value is missing, a shape is wrong, or a metric is not a finite number.
        """
        known = {**values, "seed": np.asarray(seed)}
        try:
            metrics = {name: float(value) for name, value in self.score(known, truth).items()}
        except KitError:
            raise
        except KeyError as error:
            raise KitError(
                f"the outcome of seed {seed} lacks {error}; score.py needs it"
            ) from error
        except Exception as error:  # any arrays may come, and score.py need not foresee them
            what = f"{type(error).__name__}: {error}"
            raise KitError(f"the outcome of seed {seed} cannot be scored ({what})") from error
        for name, array in values.items():
            if np.ndim(array) == 0:
                metrics.setdefault(name, float(array))
        for name, value in metrics.items():
            if not math.isfinite(value):
                raise KitError(
                    f"{name} of seed {seed} is {value}; every metric must be a finite number"
                )
        return metrics


def load_scorer(path: Path) -> Scorer:
    """Import a `score.py`.

    It defines `DATASETS`, `SEEDS`, `METRICS`, `SELECTION` and `score(outcome, truth)`; a template
    with data of its own also defines `load_data(name, smoke)` and `load_truth(name, smoke)`. Where
    these cannot be had without test labels, as files that hold both, or the choice of which test
    images are whose, it also defines `prepare(name, smoke, seeds)`, which returns arrays; they are
    `load_data`'s third argument. The runner, which has the labels, prepares; the experiment is
    given the arrays, and within walls sees no file of the data cache but the kit's sets without
    labels and what templates keep (`kit.data.kept_folder`).

    Four more are optional. `DRAWS_TESTS = True`: `prepare` and `load_truth` draw something about
    the test part from a seed; they are called with names that say from which
    (`bonsai.kit.keys.secret_of`). `KIT_DATA = True`: all that `load_data` reads comes from
    `kit.load_images`. `REPEATS_WITHIN`: by how much the primary metric of one seed may differ
    between two runs on one machine, beside other seeds (default: not at all). `CURVE`: the series
    of `history.json` that follows the metric `SELECTION` through training, by which runs that take
    unequal time are compared at equal time.

    Raises:
        KitError: the file is missing or a name is.
    """
    if not path.is_file():
        raise KitError(f"{path} is missing: it turns outcomes into metrics")
    # Not through the import system: two templates' score.py must not be taken for one, and the
    # template's folder stays without __pycache__.
    module = types.ModuleType(f"bonsai_score_{path.parent.name}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    try:
        exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)
        scorer = Scorer(
            datasets=tuple(module.DATASETS),
            seeds=tuple(module.SEEDS),
            metrics=dict(module.METRICS),
            selection=module.SELECTION,
            score=module.score,
            load_data=getattr(module, "load_data", load_images),
            load_truth=getattr(module, "load_truth", load_truth),
            prepare=getattr(module, "prepare", None),
            draws_tests=bool(getattr(module, "DRAWS_TESTS", False)),
            kit_data=bool(getattr(module, "KIT_DATA", not hasattr(module, "load_data"))),
            repeats_within=float(getattr(module, "REPEATS_WITHIN", 0.0)),
            curve=getattr(module, "CURVE", None),
        )
    except AttributeError as error:
        raise KitError(f"{path}: {error}; score.py must define it") from error
    except Exception as error:
        raise KitError(f"{path} cannot be loaded: {type(error).__name__}: {error}") from error
    for name in ("DATASETS", "SEEDS", "METRICS"):
        if not getattr(scorer, name.lower()):
            raise KitError(f"{path}: {name} is empty; it must hold at least one")
    return scorer


def summarise(per_seed: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Means, standard errors and per-seed values of each metric.

    The standard error of the mean is `std(ddof=1) / sqrt(n)`; with one seed there is none (null).

    Args:
        per_seed: the metrics of each seed; names that some seed lacks are left out.

    Returns:
        `{"means": {...}, "stderrs": {...}, "final_info_dict": {metric: [one per seed]}}`.
    """
    shared = [name for name in per_seed[0] if all(name in metrics for metrics in per_seed)]
    table = {name: [float(metrics[name]) for metrics in per_seed] for name in shared}
    count = len(per_seed)
    return {
        "means": {name: float(np.mean(column)) for name, column in table.items()},
        "stderrs": {
            name: float(np.std(column, ddof=1) / math.sqrt(count)) if count > 1 else None
            for name, column in table.items()
        },
        "final_info_dict": table,
    }


__all__ = ["KitError", "Metric", "Scorer", "Truth", "Values", "load_scorer", "summarise"]
