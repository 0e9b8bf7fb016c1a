"""Numbers of `final_info.json` and files like it, in whatever shape a program wrote them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bonsai.base import BonsaiError, untrusted

MOST_BYTES = 30_000_000  # of a file of results
MOST_VALUES = 5000  # of a file
MOST_SEEDS = 1000
MOST_DEPTH = 12
BESIDE = ("means", "stderrs", "stds", "final_info_dict", "final_info_list")
IS_RUN = re.compile(r"(?:run[_ -]?\d+|.*\bbase[_ -]?line.*|.*[_ -]baseline|vanilla|ours)$", re.I)
NAMES_RUN = ("run", "method", "model", "name", "variant", "algorithm", "system", "approach",
             "config", "experiment", "condition", "label")  # fmt: skip
NAMES_DATA = ("dataset", "data", "task", "benchmark", "environment", "env", "domain")
NAMES_SEED = ("seed", "trial", "repetition", "fold", "repeat", "replicate")
NAMES_METRIC = ("metric", "measure")
NAMES_VALUE = ("value", "mean", "result", "score")


@dataclass(frozen=True)
class Value:
    """A metric of a run on a data set; `run` is empty where the file is of one run."""

    run: str
    dataset: str
    metric: str
    mean: float
    stderr: float | None = None
    values: tuple[float, ...] = ()
    count: int | None = None


def read_json(path: Path) -> Any:
    """A JSON file.

    Raises:
        BonsaiError: it is missing, too long, or no JSON.
    """
    try:
        return json.loads(untrusted.read_bytes(path, MOST_BYTES).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise BonsaiError(f"{path} is no JSON: {error}") from error


def of_run(value: Any) -> list[Value]:
    """The numbers of a run's `final_info.json`."""
    return list(_bounded(_of_run("", value)))


def of_results(value: Any) -> list[Value]:
    """The numbers of any file of results: of one run, of several by name, or a list of records."""
    return list(_bounded(_of_results(value)))


def _bounded(values: Iterator[Value]) -> Iterator[Value]:
    for number, each in enumerate(values):
        if number >= MOST_VALUES:
            return
        if math.isfinite(each.mean):
            yield each


def _of_results(value: Any) -> Iterator[Value]:
    if isinstance(value, list):
        yield from _of_records([each for each in value if isinstance(each, dict)])
        return
    if not isinstance(value, dict):
        return
    inner = {str(key): each for key, each in value.items() if isinstance(each, dict)}
    lists = {
        key: each
        for key, each in value.items()
        if isinstance(each, list) and each and all(isinstance(one, dict) for one in each)
    }
    if lists and not inner:
        for records in lists.values():
            yield from _of_records(records)
        return
    is_one_run = any(key in value for key in BESIDE) or any(
        "means" in each or "final_info_dict" in each for each in inner.values()
    )
    if len(inner) == 1 and not is_one_run and not any(map(IS_RUN.match, inner)):
        (only,) = inner.values()
        if any(isinstance(each, dict) for each in only.values()):
            yield from _of_results(only)  # {"results": {run: ...}}
            return
    named_as_runs = bool(inner) and any(IS_RUN.match(key) for key in inner)
    if named_as_runs or (len(inner) > 1 and not is_one_run):
        for run, each in inner.items():
            yield from _of_run(run, each)
        return
    yield from _of_run("", value)


def _of_records(records: list[dict[str, Any]]) -> Iterator[Value]:
    """Rows of a table: each names its run, its data set, its seed; the rest are its numbers."""
    kept: dict[tuple[str, str, str], list[float]] = {}
    for record in records:
        run, data = _field(record, NAMES_RUN), _field(record, NAMES_DATA)
        metric = _field(record, NAMES_METRIC)
        for key, found in record.items():
            number = _number(found)
            if number is None or key.lower() in NAMES_SEED or found is record.get("_"):
                continue
            named = metric if metric and key.lower() in NAMES_VALUE else str(key)
            if key.lower() in (*NAMES_RUN, *NAMES_DATA):
                continue
            kept.setdefault((run, data, named), []).append(number)
    for (run, data, named), numbers in kept.items():
        yield _of_list(run, data, named, numbers)


def _field(record: Mapping[str, Any], names: tuple[str, ...]) -> str:
    lower = {str(key).lower(): value for key, value in record.items()}
    found = next((lower[name] for name in names if name in lower), "")
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""


def _of_run(run: str, value: Any) -> Iterator[Value]:
    if not isinstance(value, dict):
        return
    if any(key in value for key in BESIDE):
        yield from _of_entry(run, "", value)
        return
    entries = {str(key): each for key, each in value.items()}
    dicts = {key: each for key, each in entries.items() if isinstance(each, dict)}
    told = any(key in each for each in dicts.values() for key in BESIDE)
    alike = len(dicts) == len(entries) and (
        len(dicts) == 1 or len({frozenset(map(str, each)) for each in dicts.values()}) == 1
    )
    if dicts and (told or alike):
        for data, each in entries.items():
            if isinstance(each, dict):
                yield from _of_entry(run, data, each)
            elif (number := _number(each)) is not None:
                yield Value(run, "", data, number)
        return
    for path, found in _numbers((), value):
        yield _of_list(run, "", "/".join(path), found)


def _of_entry(run: str, data: str, entry: Mapping[str, Any]) -> Iterator[Value]:
    """What stands under a data set's name."""
    if not any(key in entry for key in BESIDE):
        for path, numbers in _numbers((), entry):
            yield _of_list(run, data, "/".join(path), numbers)
        return
    means = entry.get("means")
    if not isinstance(means, dict):
        if (number := _number(means)) is not None:
            yield Value(run, "", data or "means", number)
        means = {}
    seeds = _per_seed(entry)
    errors = dict(_numbers((), _dict(entry.get("stderrs"))))
    deviations = dict(_numbers((), _dict(entry.get("stds"))))
    told = set()
    for path, numbers in _numbers((), means):
        plain = (*path[:-1], path[-1].removesuffix("_mean"))
        values = seeds.get("/".join(path)) or seeds.get("/".join(plain)) or ()
        told |= {"/".join(path), "/".join(plain)}
        count = len(values) or None
        error = _of(errors, path, plain, "stderr")
        spread = _of(deviations, path, plain, "std")
        if error is None and spread is not None and count:
            error = spread / count**0.5
        yield Value(run, data, "/".join(plain), numbers[0], error, values, count)
    for name, values in seeds.items():
        if name not in told:
            yield _of_list(run, data, name, list(values))


def _of(
    found: Mapping[tuple[str, ...], list[float]], path: tuple[str, ...], plain: tuple[str, ...],
    end: str,
) -> float | None:  # fmt: skip
    for key in (path, plain, (*plain[:-1], f"{plain[-1]}_{end}")):
        if key in found:
            return found[key][0]
    return None


def _per_seed(entry: Mapping[str, Any]) -> dict[str, tuple[float, ...]]:
    """By metric, its values, one a seed."""
    found: dict[str, tuple[float, ...]] = {}
    listed = entry.get("final_info_list")
    if isinstance(listed, list):
        columns: dict[str, list[float]] = {}
        for each in listed[:MOST_SEEDS]:
            for path, numbers in _numbers((), _dict(each)):
                columns.setdefault("/".join(path), []).extend(numbers[:1])
        found = {key: tuple(values) for key, values in columns.items()}
    for path, numbers in _numbers((), _dict(entry.get("final_info_dict"))):
        found["/".join(path)] = tuple(numbers)
    return found


def _of_list(run: str, data: str, metric: str, numbers: list[float]) -> Value:
    plain = metric.removesuffix("_mean")
    if len(numbers) == 1:
        return Value(run, data, plain, numbers[0])
    mean = sum(numbers) / len(numbers)
    spread = math.sqrt(sum((each - mean) ** 2 for each in numbers) / (len(numbers) - 1))
    return Value(
        run, data, plain, mean, spread / math.sqrt(len(numbers)), tuple(numbers), len(numbers)
    )


def _numbers(
    outer: tuple[str, ...], value: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, ...], list[float]]]:
    """The numbers below a value, each by its keys; a list of numbers has one for each seed."""
    for key, inner in value.items():
        path = (*outer, str(key)[:200])
        if isinstance(inner, dict):
            if len(path) < MOST_DEPTH:
                yield from _numbers(path, inner)
        elif isinstance(inner, list):
            numbers = [_number(each) for each in inner[:MOST_SEEDS]]
            known = [each for each in numbers if each is not None]
            if known and len(known) == len(inner):
                yield path, known
        elif (number := _number(inner)) is not None:
            yield path, [number]


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(float(value)) else None
    except OverflowError:
        return None
