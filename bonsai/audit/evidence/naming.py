"""What a paper may call the metrics and runs that programs have keys for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from bonsai.audit.facts import Metric
from bonsai.evaluation import primary

LONG = {
    "acc": "accuracy", "val": "validation", "eval": "evaluation", "avg": "average",
    "num": "number of", "n": "number of", "err": "error", "ppl": "perplexity", "secs": "seconds",
    "sec": "seconds", "params": "parameters", "iters": "iterations", "dev": "development",
    "kl": "KL", "mem": "memory", "lr": "learning rate", "freq": "frequency", "corr": "correlation",
    "train": "training", "pct": "percent", "min": "minimum", "max": "maximum",
}  # fmt: skip
SHORT = {long: short for short, long in LONG.items() if short not in ("n", "num", "min", "max")}
# What the end of a key says of a unit.
UNITS = {
    "seconds": "s", "second": "s", "secs": "s", "sec": "s", "s": "s", "ms": "ms",
    "milliseconds": "ms", "us": "μs", "minutes": "min", "mins": "min", "hours": "h", "hour": "h",
    "time": "s", "runtime": "s", "duration": "s", "mb": "MB", "gb": "GB", "kb": "kB",
    "percent": "%", "pct": "%", "percentage": "%", "watts": "W", "joules": "J", "kwh": "kWh",
}  # fmt: skip
QUANTITY = {"latency", "time", "runtime", "duration", "delay"}  # which need no `time` behind them
SHARES = {"accuracy", "acc", "accuracies", "f1", "precision", "recall", "rate", "iou", "miou",
          "dice", "auc", "auroc", "sensitivity", "specificity", "churn", "em", "exact"}  # fmt: skip
MORE_HIGHER = {"miou", "chrf", "map", "ndcg", "mrr", "sparsity", "throughput", "speedup", "auprc",
               "kappa", "mcc"}  # fmt: skip
MORE_LOWER = {"churn", "cost", "latency", "nmse", "mape", "distance", "deviation"}
Better = Literal["higher", "lower"]


def metric_of(name: str, values: Iterable[float] = (), better: Better | None = None) -> Metric:
    """A metric by its key.

    Args:
        name: the key.
        values: that it has: a share above 1.5 is one in percent.
        better: which way it improves, where that is told; else its name may tell.
    """
    words = words_of(name.rsplit("/", 1)[-1])
    unit = ""
    if "per" not in words:
        last = words[-1] if words else ""
        unit = UNITS.get(last, "") if len(words) > 1 or last not in ("s", "us") else ""
        shown = [abs(each) for each in values]
        if not unit and SHARES & set(words) and shown and 1.5 < max(shown) <= 100:
            unit = "%"
    return Metric(name, unit, better or _way(name, words), names_of(name))


def _way(name: str, words: list[str]) -> Better | None:
    if {"step", "steps", "epochs"} & set(words) and {"99", "95", "90", "to"} & set(words):
        return "lower"  # how long it takes to get there
    found = primary.way_of(name)
    if found is not None:
        return found
    for word in reversed(words):
        if word in MORE_LOWER:
            return "lower"
        if word in MORE_HIGHER:
            return "higher"
    return None


def words_of(name: str) -> list[str]:
    """The words of a key."""
    apart = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return re.findall(r"[^\W_]+", apart.lower())


def names_of(name: str) -> tuple[str, ...]:
    """What else a metric may be called: its words, long and short, without its unit."""
    words = words_of(name.rsplit("/", 1)[-1])
    words = [each for each in words if each != "mean"] or words
    forms = [words, [LONG.get(each, each).lower() for each in words],
             [SHORT.get(each, each) for each in words]]  # fmt: skip
    for each in list(forms):
        if len(each) > 1 and each[-1] in UNITS and each[-1] not in ("time", "runtime", "duration"):
            is_time = UNITS[each[-1]] in ("s", "ms", "μs", "min", "h") and each[-2] not in QUANTITY
            forms.append([*each[:-1], *(["time"] if is_time else [])])
        if each[0] in ("final", "best", "total", "average", "avg", "mean", "overall"):
            forms.append(each[1:] or each)
    told = dict.fromkeys(" ".join(each) for each in forms if each)
    return tuple(each for each in told if each)


def label(text: str) -> str:
    """A run's name as papers are searched for it."""
    return " ".join(text.lower().split())
