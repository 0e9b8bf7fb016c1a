"""Record real runs for `benchmarks/search.py`: 144 settings of `self_replication`, 12 seeds each.

All combinations of a few values of five settings, the template's own among them, on the 8x8 digits;
the first organism alone, without controls and ablations, since only its validation accuracy is
kept: 40 points a run, the last one being the figure that a search compares. The twelve seeds of a
setting train as one batch, with the same results as one by one (`REPEATS_WITHIN` of the template).
Stored are counts of rightly classified images, one byte each.

Run:  python benchmarks/record_runs.py [--jobs 2]     (about 25 minutes on two cores)
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

FILE = Path(__file__).with_name("recorded_runs.npz")
TEMPLATE = Path(__file__).parent.parent / "templates" / "self_replication"
SEEDS = range(100, 112)
GRID: dict[str, tuple[float | int, ...]] = {
    "learning_rate": (0.002, 0.004, 0.008, 0.012),
    "momentum": (0.8, 0.9, 0.95),
    "width": (4, 6, 9),
    "hidden": (5, 8),
    "batch_size": (125, 250),
}


def main() -> None:
    """Run all settings; write the table when all are there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2, help="processes; default: 2")
    arguments = parser.parse_args()
    settings = [
        dict(zip(GRID, values, strict=True)) for values in itertools.product(*GRID.values())
    ]
    counts = []
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for number, found in enumerate(pool.map(run, settings), 1):
            counts.append(found[1])
            print(f"{number} of {len(settings)}: {settings[number - 1]}", flush=True)
    shape = [len(values) for values in GRID.values()]
    stacked = np.stack(counts).reshape(*shape, len(SEEDS), -1)
    np.savez_compressed(
        FILE, right=stacked, steps=found[0], images=found[2], seeds=np.array(SEEDS),
        **{f"values_{name}": np.array(values) for name, values in GRID.items()},
    )  # fmt: skip
    print(f"{FILE}: {FILE.stat().st_size / 1024:.0f} KB")


def run(setting: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, int]:
    """Steps (T,), rightly classified images (12, T), and how many images there are."""
    sys.path.insert(0, str(TEMPLATE))
    import experiment  # type: ignore[import-not-found]
    import torch

    from bonsai import kit

    torch.set_num_threads(1)
    data = kit.load_images("digits")
    config = experiment.Config(
        organisms=(experiment.Organism(),), retrain_steps=1, peer_steps=1, lab_steps=1,
        lab_particles=1, lab_hidden=(2,), **setting,
    )  # fmt: skip
    outcomes = experiment.train(config, data, list(SEEDS))
    curves = [each.curves.as_dict()["validation accuracy 0"] for each in outcomes]
    images = len(data.val_images)
    right = np.array([each["values"] for each in curves]) * images / 100
    return np.array(curves[0]["steps"]), right.round().astype(np.uint8), images


if __name__ == "__main__":
    main()
