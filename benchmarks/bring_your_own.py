"""How much the faults of the script in docs/bring_your_own_template.md matter, on its own data.

The page's `train.py` is run as it stands there, then with one thing changed at a time, each with
the same eight seeds. The loss in the third column is the mean over all test images, which the
script itself never reports: what it collects as a validation loss is the fourth.

Run:  python benchmarks/bring_your_own.py      (about three minutes on one core)
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import stats

from bonsai.kit import mini

PAGE = Path(__file__).resolve().parent.parent / "docs" / "bring_your_own_template.md"
SEEDS = range(8)
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.M | re.S)
AS_WRITTEN = "as it is written"


@dataclass(frozen=True)
class Block:
    """A fenced block of the page: its language, the file that it is (or nothing), its text."""

    language: str
    file: str
    text: str


def steps() -> list[list[Block]]:
    """The fenced blocks of the page under each of its headings of the second level."""
    parts = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.M)[1:]
    return [[Block(*found) for found in BLOCK.findall(part)] for part in parts]


def script() -> str:
    """The text of the page's `train.py`."""
    return next(block.text for block in steps()[0] if block.file.endswith("train.py"))


AFTER_EPOCH = (
    ("        scheduler.step()\n        model.train()\n", "        model.train()\n"),
    ("    train_seconds = ", "        scheduler.step()\n    train_seconds = "),
)
SHUFFLED = (('in batches("train", BATCH_SIZE)', 'in shuffled(batches("train", 10000))'),)
NORMALISED = (("(images - 0.1307) / 0.3081", "(images - 0.2860) / 0.3530"),)
CHANGES: dict[str, Sequence[tuple[str, str]]] = {
    AS_WRITTEN: (),
    "scheduler after the epoch": AFTER_EPOCH,
    "shuffled": SHUFFLED,
    "Fashion-MNIST's mean and deviation": NORMALISED,
    "all three": (*AFTER_EPOCH, *SHUFFLED, *NORMALISED),
    "no dropout": (("Dropout(0.25)", "Dropout(0.0)"), ("Dropout(0.5)", "Dropout(0.0)")),
    "4 images a batch": (("BATCH_SIZE = 64", "BATCH_SIZE = 4"),),
}


def measure(changes: Sequence[tuple[str, str]], seed: int) -> tuple[float, float, float, float]:
    """Test accuracy (%), "best_val_loss", the test loss, and the last of the "val losses"."""
    data = Path(mini.__path__[0]) / "fashion_mnist_mini.npz"
    keep = "            val_losses.append(test_loss)\n"
    more = keep + "            right.append(F.nll_loss(log_probs, y).item())\n"
    text = script()
    for before, after in (("../data/fashion_mnist.npz", str(data)), (keep, more), *changes):
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    names: dict[str, Any] = {"__name__": "train", "right": [], "shuffled": _shuffled}
    exec(compile(text, "train.py", "exec"), names)
    torch.manual_seed(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch itself warns of a scheduler that is stepped first
        result, val_losses = names["run"]()
    loss = float(np.mean(names["right"]))
    return result["test_accuracy"], result["best_val_loss"], loss, val_losses[-1]


def _shuffled(whole: list[Any]) -> Any:
    images, labels = whole[0]
    order = torch.randperm(len(images))
    return zip(images[order].split(64), labels[order].split(64), strict=True)


def main() -> None:
    """Print a table, and each change's difference with its 95 % interval."""
    torch.set_num_threads(1)
    print(f"{'':36} accuracy, deviation, range    best_val_loss  test loss  last val loss")
    first = None
    for name, changes in CHANGES.items():
        table = np.array([measure(changes, seed) for seed in SEEDS])
        accuracy = table[:, 0]
        first = accuracy if first is None else first
        line = (
            f"{name:36} {accuracy.mean():.1f} % {accuracy.std(ddof=1):.1f} "
            f"({accuracy.min():.1f} to {accuracy.max():.1f})"
        )
        means = table[:, 1:].mean(axis=0)
        print(f"{line:66} {means[0]:13.3f} {means[1]:10.3f} {means[2]:14.3f}", flush=True)
        if name != AS_WRITTEN:
            gain = accuracy - first
            reach = stats.t.ppf(0.975, len(gain) - 1) * gain.std(ddof=1) / len(gain) ** 0.5
            low, high = gain.mean() - reach, gain.mean() + reach
            print(f"{'':36} {gain.mean():+.1f} points, 95 % interval {low:+.1f} to {high:+.1f}")


if __name__ == "__main__":
    main()
