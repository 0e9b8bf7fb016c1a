"""The frame around `train`: arguments, data, scores and result files."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import inspect
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import bonsai
from bonsai.kit import compute, data
from bonsai.kit.errors import KitError
from bonsai.kit.outcome import Outcome
from bonsai.kit.scoring import Scorer, load_scorer, summarise

PREPARED = "prepared.npz"  # what the runner lays into `--out_dir`; see `scoring.load_scorer`
DATASET = "BONSAI_DATASET"  # the data set, where `--data` is not given
SMOKE_ONLY = "BONSAI_SMOKE_ONLY"  # set for who may try an experiment, and leaves runs to the runner
Train = Callable[[Any, Any, list[int]], Sequence[Outcome]]


def main(
    config_class: type,
    train: Train,
    *,
    smoke: Mapping[str, Any] | None = None,
    argv: Sequence[str] | None = None,
) -> None:
    """Run an experiment from the command line and leave its result files in `--out_dir`.

    A mistake of the user ends with one sentence on stderr and exit code 2; an exception in `train`
    ends with its traceback. Result files appear only when everything went well.

    Args:
        config_class: the dataclass of settings; made without arguments.
        train: called as `train(config, data, seeds)`; returns one `Outcome` per seed.
        smoke: the Config fields that `--smoke` replaces, to be through in seconds.
        argv: the arguments; by default those of the process.
    """
    source = Path(inspect.getfile(train)).resolve()
    try:
        scorer = load_scorer(source.with_name("score.py"))
        arguments = _parse(scorer, argv)
        run(config_class, train, scorer, source, arguments, smoke or {})
    except KitError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None


def run(
    config_class: type,
    train: Train,
    scorer: Scorer,
    source: Path,
    arguments: argparse.Namespace,
    smoke: Mapping[str, Any],
) -> None:
    """Load, train, score, write; see `main`.

    Started by Bonsai's runner it does not score: it is not given the test labels, and the runner
    writes `final_info.json`.

    Raises:
        KitError: the data cannot be had, or `train` returned something that cannot be scored.
    """
    import torch  # here, because the runner imports the kit too, and seldom needs torch

    started = time.perf_counter()
    compute.choose_device(arguments.device)
    config = _config(config_class, smoke if arguments.smoke else {})
    images = scorer.load_data(arguments.data, arguments.smoke, *_prepared(scorer, arguments))
    outcomes = train(config, images, list(arguments.seeds))
    _check_outcomes(outcomes, arguments.seeds)

    info = None
    if not os.environ.get(data.SCORED_BY_RUNNER):
        # Only now: train cannot have seen it.
        truth = scorer.load_truth(arguments.data, arguments.smoke)
        per_seed = [scorer.evaluate(outcome.values, truth, outcome.seed) for outcome in outcomes]
        info = {images.name: summarise(per_seed)}

    folder = Path(arguments.out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    for outcome in outcomes:
        write_outcome(folder / f"outcome_seed_{outcome.seed}.npz", outcome)
    curves = {str(outcome.seed): outcome.curves.as_dict() for outcome in outcomes}
    write_json(folder / "history.json", {"seeds": curves})
    write_json(
        folder / "environment.json",
        {
            "bonsai": bonsai.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "platform": platform.platform(),
            "device": str(compute.device()),
            "threads": compute.threads(),
            "data": images.name,
            "checksums": data.checksums(arguments.data)
            if scorer.load_data is data.load_images
            else {},
            "seeds": list(arguments.seeds),
            "smoke": arguments.smoke,
            "config": dataclasses.asdict(config),
            "seconds": time.perf_counter() - started,
            "experiment_sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
        },
    )
    if info is None:
        print(f"--- {images.name} · {folder}: done; the runner scores it")
        return
    write_json(folder / "final_info.json", info)  # the last: where it is, everything is
    _print_summary(scorer, info, folder)


def _prepared(scorer: Scorer, arguments: argparse.Namespace) -> list[Mapping[str, Any]]:
    """What `load_data` is given by those who may see test labels, if `score.py` asks for it."""
    if scorer.prepare is None:
        return []
    if not os.environ.get(data.SCORED_BY_RUNNER):
        return [scorer.prepare(arguments.data, arguments.smoke, arguments.seeds)]
    folder = Path() if os.environ.get(SMOKE_ONLY) else Path(arguments.out_dir)
    with np.load(folder / PREPARED, allow_pickle=False) as file:
        return [{name: file[name] for name in file.files}]


def write_json(path: Path, value: Any) -> None:
    """Write JSON (no NaN, no infinity) under a temporary name, then rename it into place."""
    text = json.dumps(value, indent=2, allow_nan=False, default=str)
    _write(path, lambda temporary: temporary.write_text(text + "\n", encoding="utf-8"))


def write_outcome(path: Path, outcome: Outcome) -> None:
    """Write an outcome's arrays as a compressed `.npz`, under a temporary name first."""

    def save(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez_compressed(file, **outcome.values)

    _write(path, save)


def _write(path: Path, save: Callable[[Path], object]) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    os.close(handle)
    try:
        save(Path(name))
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _parse(scorer: Scorer, argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the arguments.

    The AI Scientist passes `--out_dir` alone; whoever works through it can choose the rest with the
    environment variables `BONSAI_DATASET` and `BONSAI_SMOKE`.
    """
    dataset = os.environ.get(DATASET) or scorer.datasets[0]
    if dataset not in scorer.datasets:
        raise KitError(f"{DATASET}={dataset}: use one of {', '.join(scorer.datasets)}")
    seeds = ",".join(map(str, scorer.seeds))
    parser = argparse.ArgumentParser(
        description="Run the experiment and write its results to --out_dir.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--out_dir", default="run_0", help="folder for the results")
    add("--seeds", type=parse_seeds, default=seeds, help="for example 0,1,2 or 0-4")
    smoke = bool(os.environ.get("BONSAI_SMOKE"))
    add(
        "--smoke",
        action="store_true",
        default=smoke,
        help="check in seconds: few images, few steps",
    )
    add("--device", choices=compute.DEVICES, default="auto", help="where to compute")
    add("--data", choices=scorer.datasets, default=dataset, help="data set")
    arguments = parser.parse_args(argv)
    if os.environ.get(SMOKE_ONLY) and not arguments.smoke:
        raise KitError("full runs are made by the runner; try the experiment with --smoke")
    return arguments


def parse_seeds(text: str) -> list[int]:
    """Parse `0,1,2` and `0-4`."""
    seeds: list[int] = []
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if not first.isdecimal() or (last and not last.isdecimal()):
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a list of seeds such as 0,1,2 or 0-4"
            )
        seeds.extend(range(int(first), int(last or first) + 1))
    if len(set(seeds)) != len(seeds):
        raise argparse.ArgumentTypeError(f"{text!r} names a seed twice")
    if not seeds:
        raise argparse.ArgumentTypeError(f"{text!r} holds no seed")
    return seeds


def _config(config_class: type, changes: Mapping[str, Any]) -> Any:
    try:
        return config_class(**changes)
    except TypeError as error:
        raise KitError(
            f"{config_class.__name__}: {error}; give every field a default, and let smoke={{...}} "
            "name only fields"
        ) from error


def _check_outcomes(outcomes: Any, seeds: Sequence[int]) -> None:
    if not isinstance(outcomes, list | tuple) or not all(
        isinstance(item, Outcome) for item in outcomes
    ):
        raise KitError(
            f"train must return a list of kit.Outcome, one per seed, not {type(outcomes).__name__}"
        )
    if [outcome.seed for outcome in outcomes] != list(seeds):
        found = [outcome.seed for outcome in outcomes]
        raise KitError(
            f"train must return one kit.Outcome per seed, in order: asked for {list(seeds)}, got "
            f"{found}"
        )


def _print_summary(scorer: Scorer, info: Mapping[str, Any], folder: Path) -> None:
    for name, entry in info.items():
        print(f"--- {name} · {folder}")
        for metric, mean in entry["means"].items():
            unit = scorer.metrics[metric].unit if metric in scorer.metrics else ""
            stderr = entry["stderrs"][metric]
            spread = "" if stderr is None else f" ± {stderr:.3g}"
            print(f"{metric}: {mean:.6g}{spread} {unit}".rstrip())
