"""Scoring apart from the runner: the same scores, and an end to whatever keeps a scorer busy."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from bonsai.base import BonsaiError
from bonsai.evaluation.scores import score_run
from bonsai.evaluation.scoring import Scoring
from bonsai.execution import Cancelled
from bonsai.templates import Limits, Template
from tests import sweeps

BUSY = '''"""A scorer that an outcome can keep busy, or make greedy."""
import time

from bonsai import kit

DATASETS = ("digits",)
SEEDS = (0,)
SELECTION = "accuracy"
METRICS = {"accuracy": kit.Metric("%", "higher")}


def score(outcome, truth):
    print("what a scorer prints is no answer", flush=True)
    held = []
    for _ in range(int(outcome["loops"])):
        time.sleep(0.01)
        if "greed" in outcome:
            held.append(bytearray(20_000_000))
    if "dies" in outcome:
        import os
        os._exit(7)
    return {"accuracy": 1.0}
'''


@pytest.fixture
def scoring() -> Scoring:
    found = Scoring()
    yield found  # type: ignore[misc]
    found.close()


@pytest.fixture
def busy(tmp_path: Path) -> Template:
    folder = sweeps.copy_of_toy(tmp_path)
    (folder / "score.py").write_text(BUSY)
    return Template(folder)


def _score(scoring: Scoring, template: Template, run: Path, **options: object) -> object:
    limits = Limits(**{"score_seconds": 60, "memory_gb": 2, **options})  # type: ignore[arg-type]
    return scoring.score(
        template, run, "digits", [0], smoke=True, limits=limits, cancel=threading.Event()
    )


def _left(folder: Path, **values: float) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    np.savez(folder / "outcome_seed_0.npz", **{k: np.asarray(v) for k, v in values.items()})
    return folder


def test_the_scores_are_those_of_the_plain_way(scoring: Scoring, tmp_path: Path) -> None:
    run = sweeps.smoke(sweeps.TOY, tmp_path, "--seeds", "0")
    again = Path(shutil.copytree(run, tmp_path / "again"))
    template = Template(sweeps.TOY)
    assert _score(scoring, template, run) == score_run(template, again, "digits", [0], smoke=True)


def test_a_scorer_that_does_not_end_is_ended(
    scoring: Scoring, busy: Template, tmp_path: Path
) -> None:
    started = time.monotonic()
    with pytest.raises(BonsaiError, match=r"scoring it took more than 4 s"):
        _score(scoring, busy, _left(tmp_path / "run", loops=1e9), score_seconds=4)
    assert time.monotonic() - started < 8
    assert _score(scoring, busy, _left(tmp_path / "run", loops=1)), "the next run is scored"


def test_a_scorer_that_takes_all_memory_is_ended(
    scoring: Scoring, busy: Template, tmp_path: Path
) -> None:
    with pytest.raises(BonsaiError, match=r"more than 0\.6 GB of memory"):
        _score(scoring, busy, _left(tmp_path / "run", loops=1e9, greed=1), memory_gb=0.6)


def test_a_scorer_that_takes_its_process_with_it_is_a_sentence(
    scoring: Scoring, busy: Template, tmp_path: Path
) -> None:
    with pytest.raises(BonsaiError, match="the process that scores it ended"):
        _score(scoring, busy, _left(tmp_path / "run", loops=0, dies=1))
    assert _score(scoring, busy, _left(tmp_path / "run", loops=0))


def test_a_stop_is_heard_while_it_scores(scoring: Scoring, busy: Template, tmp_path: Path) -> None:
    cancel = threading.Event()
    threading.Timer(1.5, cancel.set).start()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        scoring.score(
            busy, _left(tmp_path / "run", loops=1e9), "digits", [0], smoke=True,
            limits=Limits(), cancel=cancel,
        )  # fmt: skip
    assert time.monotonic() - started < 10


def test_nothing_is_left_running(scoring: Scoring, busy: Template, tmp_path: Path) -> None:
    _score(scoring, busy, _left(tmp_path / "run", loops=0))
    before = {each.pid for each in psutil.Process().children()}
    scoring.close()
    assert {each.pid for each in psutil.Process().children()} < before
