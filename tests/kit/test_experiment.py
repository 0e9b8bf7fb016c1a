"""The frame around `train`: files, errors, seeds."""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bonsai import kit
from bonsai.kit.experiment import parse_seeds, write_json
from bonsai.kit.scoring import summarise
from bonsai.templates import contract

SCORE = """
from bonsai import kit
DATASETS = ("digits", "mini")
SEEDS = (0, 1, 2)
SELECTION = "val_accuracy"
METRICS = {"accuracy": kit.Metric("%", "higher"), "val_accuracy": kit.Metric("%", "higher")}
def score(outcome, truth):
    return {
        "accuracy": 100 * (outcome["test"] == truth.test_labels).mean(),
        "val_accuracy": 100 * (outcome["val"] == truth.val_labels).mean(),
    }
"""
EXPERIMENT = """
from dataclasses import dataclass
import torch
from bonsai import kit
@dataclass
class Config:
    guess: int = 3  # the class that is always answered
def train(config, data, seeds):
    outcomes = []
    for seed in seeds:
        kit.set_seed(seed)
        curves = kit.Curves()
        curves.add("loss", 1, torch.tensor(float("nan")))
        curves.add("loss", 2, torch.rand(()))
        outcomes.append(kit.Outcome(seed=seed, curves=curves, my_number=seed * 0.5,
            test=torch.full((len(data.test_images),), config.guess),
            val=torch.full((len(data.val_images),), config.guess)))
    return BODY
if __name__ == "__main__":
    kit.main(Config, train, smoke={"guess": 4})
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    (tmp_path / "score.py").write_text(SCORE)
    (tmp_path / "experiment.py").write_text(EXPERIMENT.replace("BODY", "outcomes"))
    return tmp_path


def _run(template: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "experiment.py", *arguments]
    return subprocess.run(command, cwd=template, capture_output=True, text=True)


def test_a_run_leaves_the_files_of_the_contract(template: Path) -> None:
    done = _run(template, "--out_dir=run_1")
    assert done.returncode == 0, done.stderr
    run = template / "run_1"
    assert sorted(path.name for path in run.iterdir()) == [
        *("environment.json", "final_info.json", "history.json"),
        *("outcome_seed_0.npz", "outcome_seed_1.npz", "outcome_seed_2.npz"),
    ]
    info = contract.read(contract.FinalInfo, run / "final_info.json").root["digits"]
    assert info.means["my_number"] == 0.5
    assert info.stderrs["my_number"] == pytest.approx(0.5 / math.sqrt(3))
    assert info.final_info_dict["my_number"] == [0.0, 0.5, 1.0]
    truth = kit.load_truth("digits")
    assert info.means["accuracy"] == pytest.approx(100 * np.mean(truth.test_labels == 3))
    history = contract.read(contract.History, run / "history.json")
    assert history.seeds["0"]["loss"].steps == [2.0], "a value that is not finite has no place"
    environment = json.loads((run / "environment.json").read_text())
    assert environment["seeds"] == [0, 1, 2]
    assert environment["config"] == {"guess": 3}
    assert len(environment["checksums"]["test_images"]) == 64


def test_options_and_smoke(template: Path) -> None:
    done = _run(template, "--out_dir", "deep/run", "--seeds", "5,7-8", "--smoke", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    info = json.loads((template / "deep/run/final_info.json").read_text())
    assert list(info) == ["digits-smoke"]
    assert info["digits-smoke"]["final_info_dict"]["my_number"] == [2.5, 3.5, 4.0]
    assert json.loads((template / "deep/run/environment.json").read_text())["config"]["guess"] == 4


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("None", "train must return a list of kit.Outcome, one per seed, not NoneType"),
        ("outcomes[:1]", "asked for [0, 1, 2], got [0]"),
        ("[kit.Outcome(seed=s, val=0) for s in seeds]", "lacks 'test'"),
        ("[kit.Outcome(seed=s, test='no') for s in seeds]", "Outcome(test=...) must be a number"),
        (
            "[kit.Outcome(seed=s, test=0, val=0, x=float('inf')) for s in seeds]",
            "x of seed 0 is inf",
        ),
    ],
)
def test_what_train_returns_wrongly_is_said_in_one_line(
    template: Path, body: str, complaint: str
) -> None:
    experiment = template / "experiment.py"
    experiment.write_text(EXPERIMENT.replace("BODY", body))
    done = _run(template, "--out_dir=run_1")
    assert done.returncode == 2
    assert complaint in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not (template / "run_1").exists(), "a failed run leaves no half result"


def test_an_exception_in_train_ends_stderr(template: Path) -> None:
    text = EXPERIMENT.replace("BODY", "outcomes").replace("kit.set_seed(seed)", "1 / 0")
    (template / "experiment.py").write_text(text)
    done = _run(template, "--out_dir=run_1")
    assert done.returncode == 1
    assert done.stderr.strip().endswith("ZeroDivisionError: division by zero")


def test_a_device_that_is_not_there_is_a_sentence(template: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has the device that the test wants to miss")
    done = _run(template, "--device", "cuda")
    assert done.returncode == 2
    assert done.stderr.startswith("error: --device cuda: torch sees no such device here")


@given(st.lists(st.integers(0, 99), min_size=1, unique=True))
def test_seeds_as_a_list_come_back(seeds: list[int]) -> None:
    assert parse_seeds(",".join(map(str, seeds))) == seeds


@given(st.integers(0, 50), st.integers(0, 20))
def test_seeds_as_a_range_come_back(first: int, more: int) -> None:
    assert parse_seeds(f"{first}-{first + more}") == list(range(first, first + more + 1))


@given(st.text(max_size=8))
def test_any_other_text_is_refused_with_a_sentence(text: str) -> None:
    try:
        seeds = parse_seeds(text)
    except argparse.ArgumentTypeError as error:
        assert repr(text) in str(error)
    else:
        assert seeds
        assert all(isinstance(seed, int) for seed in seeds)


@given(
    st.lists(
        st.fixed_dictionaries({"a": st.floats(-1e6, 1e6), "b": st.floats(-1, 1)}),
        min_size=1,
        max_size=12,
    )
)
def test_means_and_standard_errors_follow_their_definition(
    per_seed: list[dict[str, float]],
) -> None:
    summary = summarise(per_seed)
    for name in ("a", "b"):
        column = [metrics[name] for metrics in per_seed]
        assert summary["means"][name] == pytest.approx(np.mean(column), abs=1e-9)
        if len(column) == 1:
            assert summary["stderrs"][name] is None
        else:
            expected = np.std(column, ddof=1) / math.sqrt(len(column))
            assert summary["stderrs"][name] == pytest.approx(expected, abs=1e-9)
        assert summary["final_info_dict"][name] == column


def test_json_with_nan_is_never_written(tmp_path: Path) -> None:
    path = tmp_path / "info.json"
    write_json(path, {"kept": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"lost": float("nan")})
    assert json.loads(path.read_text()) == {"kept": 1}
    assert list(tmp_path.iterdir()) == [path], "no temporary file is left"


def test_the_same_seed_gives_the_same_numbers() -> None:
    import random

    import torch

    def draw() -> tuple[float, float, float]:
        kit.set_seed(11)
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    assert draw() == draw()
