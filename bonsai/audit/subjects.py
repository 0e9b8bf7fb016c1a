"""What a piece of text speaks of: metrics, runs and data sets, with where it names them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from bonsai.audit.facts import Facts, Metric, Run
from bonsai.audit.wording import Mention, mentions, words

# What names of metrics in code stand for in prose; each way round.
LONG = {
    "acc": "accuracy", "val": "validation", "eval": "evaluation", "ppl": "perplexity",
    "err": "error", "avg": "average", "prec": "precision", "rec": "recall", "sec": "seconds",
    "secs": "seconds", "ms": "milliseconds", "us": "microseconds", "infer": "inference",
    "train": "training", "params": "parameters", "std": "deviation", "num": "number",
    "kl": "kl", "div": "divergence", "dist": "distance", "gen": "generation", "mem": "memory",
    "corr": "correlation", "lat": "latency", "rew": "reward", "ret": "return", "wer": "wer",
}  # fmt: skip
QUIET = {"mean", "avg", "average", "final", "best", "total", "score", "value", "metric", "rate"}
HEADS = {
    "accuracy", "loss", "perplexity", "error", "time", "divergence", "reward", "return", "bleu",
    "f1", "auc", "precision", "recall", "sparsity", "latency", "memory", "parameters", "score",
    "fidelity", "distance", "correlation", "mse", "mae", "rmse", "seconds", "throughput",
}  # fmt: skip
OWN = {"baseline", "seed", "seeds", "run", "runs"}


@dataclass(frozen=True)
class Named:
    """Metrics that a piece of text may mean, and where it names them.

    Attributes:
        metrics: those that it may mean; several where the name is short for several.
        start: where.
        end: where it ends.
        whole: whether their whole name stands there.
    """

    metrics: tuple[Metric, ...]
    start: int
    end: int
    whole: bool = True


def metric_mentions(text: str, facts: Facts) -> list[Named]:
    """The metrics that a text names, in its order; of names that overlap, the longest."""
    found: list[Named] = []
    low = re.sub(r"(?<=[a-z])\.(?=\s)", " ", text.lower())  # `Val. acc.`
    for name, metrics, whole in _names(tuple(facts.metrics.values())):
        for match in re.finditer(_pattern(name), low):
            if all(match.end() <= each.start or match.start() >= each.end for each in found):
                found.append(Named(metrics, match.start(), match.end(), whole))
    return sorted(found, key=lambda each: each.start)


@lru_cache(maxsize=2048)
def _pattern(name: str) -> str:
    parts = r"[\s_\-–/]+".join(re.escape(part) for part in name.split())
    return rf"(?<![\w]){parts}(?:s|es)?(?![\w])"


@lru_cache(maxsize=64)
def _names(metrics: tuple[Metric, ...]) -> list[tuple[str, tuple[Metric, ...], bool]]:
    """Every name that may stand for a metric, the longest first."""
    whole: dict[str, list[Metric]] = {}
    short: dict[str, list[Metric]] = {}
    for metric in metrics:
        for name in _variants(metric):
            whole.setdefault(name, []).append(metric)
        words = _words(metric.name)
        for word in words:
            if word in HEADS:
                short.setdefault(word, []).append(metric)
        kept = [word for word in words if word not in QUIET]
        for start in range(1, len(kept)):  # `test accuracy` for `final test accuracy`
            if kept[start:] and len(kept[start:]) > 1:
                short.setdefault(" ".join(kept[start:]), []).append(metric)
    every = [(name, tuple(dict.fromkeys(them)), True) for name, them in whole.items()]
    every += [
        (name, tuple(dict.fromkeys(them)), False)
        for name, them in short.items() if name not in whole
    ]  # fmt: skip
    return sorted(every, key=lambda each: (-len(each[0]), not each[2]))


@lru_cache(maxsize=4096)
def _words(name: str) -> list[str]:
    """A name's words in full, in small letters."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name.rsplit("/", 1)[-1])
    return [LONG.get(part.lower(), part.lower()) for part in parts]


def _variants(metric: Metric) -> Iterator[str]:
    short = {full: brief for brief, full in LONG.items()}
    own = [part for part in re.split(r"[\s_\-–/]+", metric.name.lower()) if part]
    yield " ".join(own)
    full = _words(metric.name)
    lists = [own, full, [word for word in full if word not in QUIET] or full]
    lists.append([word for word in own if word not in QUIET] or own)
    lists += [[short.get(word, word) for word in each] for each in lists[1:3]]
    # `training_seconds` is spoken of as the training time.
    lists += [["time" if word in ("seconds", "milliseconds", "microseconds") else word
               for word in each] for each in lists[1:3]]  # fmt: skip
    for name in metric.names:
        yield " ".join(re.split(r"[\s_\-–/]+", name.lower()))
    for each in lists:
        name = " ".join(each)
        if len(name) > 1 and name not in ("time", "value", "score", "mean"):
            yield name
            if name.startswith("train "):
                yield "training" + name[5:]


def run_mentions(text: str, facts: Facts) -> list[Mention]:
    """The runs that a text names, in its order: by their labels, else by the words of these."""
    found = mentions(text, facts)
    words = [
        (match, _stem(match.group()))
        for match in re.finditer(r"[A-Za-z]{4,}", text)
        if all(match.end() <= each.start or match.start() >= each.end for each in found)
    ]
    by_stem = _by_stem(tuple(facts.runs.values())) if words else {}
    place = 0
    while place < len(words):
        match, stem = words[place]
        near = [
            word
            for word in words[max(0, place - 2) : place + 3]
            if abs(word[0].start() - match.start()) <= 30
        ]
        around = {each for _, each in near}
        fitting = [(stems, run) for stems, run in by_stem.get(stem, ()) if stems <= around]
        most = max((len(stems) for stems, _ in fitting), default=0)
        best = {run.name: (stems, run) for stems, run in fitting if len(stems) == most}
        if len(best) == 1:
            stems, run = next(iter(best.values()))
            inside = [word for word in near if word[1] in stems]
            start, end = inside[0][0].start(), inside[-1][0].end()
            found.append(Mention((run,), start, end))
            place = max(place, words.index(inside[-1]))
        place += 1
    return sorted(found, key=lambda each: each.start)


@lru_cache(maxsize=8)  # it is asked for every sentence, and there may be thousands of runs
def _by_stem(runs: tuple[Run, ...]) -> dict[str, list[tuple[frozenset[str], Run]]]:
    """The labels of runs, as stems, by each of their stems."""
    found: dict[str, list[tuple[frozenset[str], Run]]] = {}
    for run in runs:
        for stems in () if run.is_baseline else label_stems(run):
            for stem in stems:
                found.setdefault(stem, []).append((stems, run))
    return found


def label_stems(run: Run) -> list[frozenset[str]]:
    """The stems of the words of each of a run's labels that says something."""
    found = []
    for label in run.labels:
        stems = frozenset(
            _stem(word) for word in re.findall(r"[A-Za-z]{4,}", label) if word.lower() not in DULL
        )
        if stems and not re.fullmatch(r"run[\s_]?\d+", label):
            found.append(stems)
    return found


DULL = frozenset(words("with from baseline model method variant network data than that this both"))


def _stem(word: str) -> str:
    """A word without its ending; crude, and the same for all."""
    word = word.lower()
    for end in ("ations", "ation", "ings", "ing", "ions", "ion", "ers", "er", "ed", "es", "e", "s"):
        if word.endswith(end) and len(word) - len(end) >= 3:
            return word[: -len(end)]
    return word


def dataset_mentions(text: str, facts: Facts) -> list[tuple[str, int, int]]:
    """The data sets that a text names, with where."""
    found: list[tuple[str, int, int]] = []
    low = text.lower()
    names = sorted({each.dataset for each in facts.measured if each.dataset}, key=len, reverse=True)
    for name in names:
        spoken = " ".join(part for part in re.split(r"[\s_\-–/]+", name.lower()) if part)
        if len(spoken) < 2:
            continue
        for match in re.finditer(_pattern(spoken), low):
            if all(match.end() <= start or match.start() >= end for _, start, end in found):
                found.append((name, match.start(), match.end()))
    return sorted(found, key=lambda each: each[1])


def is_fraction(metric: Metric, facts: Facts) -> bool:
    """Whether all values of a metric lie between 0 and 1, so that they may be told in percent."""
    values = [each.mean for each in facts.measured if each.metric == metric.name]
    return bool(values) and all(0 <= value <= 1 for value in values)
