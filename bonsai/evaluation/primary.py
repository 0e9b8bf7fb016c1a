"""Which of a program's own metrics ideas are judged by, and which way it is better.

Nobody said so in a template without `score.py`; the person may, its `prompt.json` may, and else
the names do, as far as names can.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bonsai.base import BonsaiError, listing
from bonsai.templates import Way

LOWER = {
    "loss", "losses", "error", "errors", "err", "perplexity", "ppl", "mse", "rmse", "mae", "nll",
    "bpb", "bpc", "fid", "divergence", "kl", "regret", "wer", "cer", "brier", "energy",
}  # fmt: skip
HIGHER = {
    "accuracy", "accuracies", "acc", "score", "f1", "auc", "auroc", "reward", "rewards", "return",
    "returns", "precision", "recall", "iou", "dice", "bleu", "rouge", "psnr", "ssim", "spearman",
    "pearson", "correlation", "r2", "elbo", "fitness", "similarity",
}  # fmt: skip
TIMES = {
    "time", "times", "seconds", "second", "secs", "sec", "runtime", "duration", "latency",
    "minutes", "hours", "ms",
}  # fmt: skip
COUNTS = {
    "step", "steps", "epoch", "epochs", "count", "num", "n", "parameters", "params", "iterations",
    "iteration", "iters", "iter", "rounds", "size", "episodes", "memory", "seed", "std", "stderr",
}  # fmt: skip
SHOWN = 12


@dataclass(frozen=True)
class Choice:
    """What ideas are judged by.

    Attributes:
        primary: the metric.
        selection: the metric by which an idea's best run is chosen; the primary where there is no
            validation metric.
        directions: which way every metric is better, where that is known; the primary first.
        why: how it was chosen, as a sentence.
    """

    primary: str
    selection: str
    directions: dict[str, Way | None]
    why: str


def choose(metrics: Sequence[str], asked: str | None = None, prompt: Any = None) -> Choice:
    """Choose among the metrics of these names.

    Args:
        metrics: their names.
        asked: the person's choice, `NAME` or `NAME:lower` or `NAME:higher`; None if there is none.
        prompt: `"metrics"` of `prompt.json`: a name or a list of names in that form, or an object
            from name to "lower" or "higher"; None if there is none.

    Raises:
        BonsaiError: a name is unknown, or nothing decides; the text names the candidates.
    """
    ways = {name: way_of(name) for name in metrics}
    if asked is not None:
        said, how = [asked], "as --metric says"
    else:
        said, how = _of_prompt(prompt), "as its prompt.json says"
    for text in reversed(said):
        name, way = _named(text, metrics)
        ways[name] = way or ways[name]
        primary = name
    if not said:
        primary, how = _by_name(metrics, ways), "by its name"
    if ways[primary] is None:
        raise BonsaiError(
            f"whether {primary} is better when it is higher or lower cannot be told from its name; "
            f"say --metric {primary}:higher or --metric {primary}:lower"
        )
    selection = _selection(primary, metrics, ways)
    first = {primary: ways[primary]}
    return Choice(
        primary, selection, first | ways,
        f"judged by {primary} ({ways[primary]} is better), chosen {how}",
    )  # fmt: skip


def way_of(name: str) -> Way | None:
    """Which way a metric is better, by the last word of its name that tells; None if none does."""
    words = _words(name)
    if "per" in words:
        rate = words[words.index("per") + 1 :]
        if TIMES & set(rate):
            return "higher"  # so many a second
        words = words[: words.index("per")]
    for word in reversed(words):
        if word in LOWER or word in TIMES:
            return "lower"
        if word in HIGHER:
            return "higher"
    return "higher" if {"win", "rate"} <= set(words) or "success" in words else None


def is_time(name: str) -> bool:
    """Whether a metric measures time, and so differs from run to run with the same seed."""
    return bool(TIMES & set(_words(name)))


def is_count(name: str) -> bool:
    """Whether a metric counts something, rather than saying how good it is."""
    words = _words(name)
    return words[:1] != [] and (
        words[0] in COUNTS or (bool(COUNTS & set(words)) and way_of(name) is None)
    )


def _words(name: str) -> list[str]:
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return re.findall(r"[a-z]+[0-9]*|[0-9]+", spaced.lower())


def _is(kind: str, name: str) -> bool:
    return any(word.startswith(kind) for word in _words(name))


def _of_prompt(prompt: Any) -> list[str]:
    if isinstance(prompt, str):
        return [prompt]
    if isinstance(prompt, list):
        return [each for each in prompt if isinstance(each, str)]
    if isinstance(prompt, dict):
        return [f"{name}:{way}" if way in ("lower", "higher") else name
                for name, way in prompt.items()]  # fmt: skip
    return []


def _named(text: str, metrics: Sequence[str]) -> tuple[str, Way | None]:
    name, way = text.strip(), None
    for each in ("lower", "higher"):
        if name.endswith(f":{each}"):
            name, way = name.removesuffix(f":{each}"), each
    for candidate in (name, name.removesuffix("_mean")):
        if candidate in metrics:
            return candidate, way  # type: ignore[return-value]
    ends = [metric for metric in metrics if metric.endswith(f"/{name}")]
    if len(ends) == 1:
        return ends[0], way  # type: ignore[return-value]
    if ends:
        raise BonsaiError(f"there are several {name}: {_told(ends)}; name one of them in full")
    raise BonsaiError(f"its results hold no metric {name!r}; there are {_told(metrics)}")


def _by_name(metrics: Sequence[str], ways: dict[str, Way | None]) -> str:
    """The one that says how good a result is: no time, no count, rather tested than trained."""
    if len(metrics) == 1:
        return metrics[0]
    goods = [name for name in metrics if not (is_time(name) or is_count(name))]
    known = [name for name in goods if ways[name]]
    left = known or goods or [name for name in metrics if ways[name]] or list(metrics)
    narrowers: tuple[Callable[[str], bool], ...] = (
        lambda name: not _is("train", name),
        lambda name: _is("test", name),
        lambda name: ways[name] == "higher",
        lambda name: "best" not in _words(name),
    )
    for narrower in narrowers:
        left = [name for name in left if narrower(name)] or left
    if len(left) == 1:
        return left[0]
    raise BonsaiError(
        "by which of its metrics ideas are to be judged cannot be told from their names; say "
        f"--metric NAME, with one of {_told(left)}"
    )


def _selection(primary: str, metrics: Sequence[str], ways: dict[str, Way | None]) -> str:
    """A validation metric, rather one of the same kind as the primary and its data set."""
    if _is("val", primary):
        return primary
    candidates = [
        name for name in metrics
        if _is("val", name) and ways[name] and not (is_time(name) or is_count(name))
    ]  # fmt: skip
    kin = set(_words(primary))
    same = [name for name in candidates if ways[name] == ways[primary]]
    best = sorted(same or candidates, key=lambda name: -len(kin & set(_words(name))))
    return best[0] if best else primary


def _told(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (listing(names) if not more else ", ".join(names[:SHOWN])) + more
