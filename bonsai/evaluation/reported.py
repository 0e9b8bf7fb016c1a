"""The numbers in a `final_info.json` that a program wrote as it liked.

The shapes are those of templates in the wild: means of one data set or of several, nested or flat,
a `means` that is a number, no `means` at all, one value for each seed. A metric is called by its
keys, joined with `/`; the data set is left out where there is but one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bonsai.base import BonsaiError, listing

MEANS, PER_SEED = "means", "final_info_dict"
BESIDE = ("means", "stderrs", "stds", "final_info_dict", "final_info_list")
MOST_DEPTH = 20
MOST_METRICS = 5000
SHOWN = 5


@dataclass(frozen=True)
class Reading:
    """What a program reports.

    Attributes:
        dataset: the data set's name, or those of all; empty where there is none.
        metrics: finite numbers by name, in the order of the file.
        left_out: names of what is no number: curves, matrices, texts.
    """

    dataset: str
    metrics: dict[str, float]
    left_out: tuple[str, ...] = ()


def read(value: Any, where: str = "final_info.json") -> Reading:
    """Read the metrics of a parsed `final_info.json`.

    Args:
        value: the parsed JSON.
        where: the file's name, for errors.

    Raises:
        BonsaiError: it holds no number, or one that is not finite; the text names the place.
    """
    if not isinstance(value, dict):
        raise BonsaiError(
            f'{where} holds no object; write {{dataset: {{"means": {{metric: number}}}}}}'
        )
    if MEANS in value or PER_SEED in value:
        value = {"": value}
    several = len(value) > 1
    metrics: dict[str, float] = {}
    left_out: dict[str, None] = {}
    for key, entry in value.items():
        for path, found in _of_entry(str(key), entry, several):
            name = "/".join(path)
            if found is None or name in metrics or len(metrics) >= MOST_METRICS:
                left_out[name] = None
                continue
            if not math.isfinite(found):
                place = f"{key}: {name}" if key and not several else name
                raise BonsaiError(f"{where}: {place} is {found}; it must be a finite number")
            metrics[name] = found
    if not metrics:
        held = f"{listing(list(left_out)[:SHOWN])} is no number" if left_out else "it is empty"
        raise BonsaiError(
            f"{where} holds no number under any name ({held}); write "
            '{dataset: {"means": {metric: number}}}'
        )
    return Reading(", ".join(map(str, value)), metrics, tuple(left_out))


Named = tuple[tuple[str, ...], float | None]


def _of_entry(key: str, entry: Any, several: bool) -> Iterator[Named]:
    """The numbers of one top-level entry, and what in it is none."""
    outer = (key,) if several else ()
    if not isinstance(entry, dict):
        yield (key,), _number(entry)
        return
    if MEANS not in entry and PER_SEED not in entry:
        yield from _numbers(outer, entry)
        return
    per_seed = entry.get(PER_SEED)
    seeds: Mapping[str, Any] = per_seed if isinstance(per_seed, dict) else {}
    means = entry.get(MEANS)
    if isinstance(means, dict):
        for path, found in _numbers((), means):
            yield (*outer, *_without_suffix(path, seeds)), found
    elif MEANS in entry:
        yield (key or MEANS,), _number(means)
    else:
        for name, values in seeds.items():
            yield (*outer, str(name)), _mean(values)
    for name in entry:
        if name not in BESIDE:
            yield (*outer, str(name)), None


def _without_suffix(path: tuple[str, ...], seeds: Mapping[str, Any]) -> tuple[str, ...]:
    """`best_val_loss_mean` is called `best_val_loss` where its values for each seed are."""
    plain = path[-1].removesuffix("_mean")
    return (*path[:-1], plain) if plain in seeds else path


def _numbers(outer: tuple[str, ...], value: Mapping[str, Any]) -> Iterator[Named]:
    for key, inner in value.items():
        path = (*outer, str(key))
        if isinstance(inner, dict) and len(path) < MOST_DEPTH:
            yield from _numbers(path, inner)
        else:
            yield path, _number(inner)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _mean(values: Any) -> float | None:
    """The mean of a list of numbers, one for each seed; None if it is something else."""
    if not isinstance(values, list):
        return _number(values)
    numbers = [_number(value) for value in values]
    known = [number for number in numbers if number is not None]
    return sum(known) / len(known) if known and len(known) == len(numbers) else None
