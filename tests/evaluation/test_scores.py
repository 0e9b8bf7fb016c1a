"""The runner's own scores: from outcomes alone, whatever `final_info.json` says."""

from __future__ import annotations

import dataclasses
import json
import pickle
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from bonsai.base.errors import BonsaiError
from bonsai.evaluation import outcomes, scores
from bonsai.kit import KitError, load_truth
from bonsai.templates.template import Template
from tests import sweeps

TOY = Template(sweeps.TOY)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that classifies every test digit rightly with seed 0, and as 3 with seed 1."""
    truth = load_truth("digits")
    for seed, test in ((0, truth.test_labels), (1, np.full(len(truth.test_labels), 3))):
        np.savez(tmp_path / f"outcome_seed_{seed}.npz", test=test, val=truth.val_labels, extra=7.0)
    share = 100 * float(np.mean(truth.test_labels == 3))
    means = {"test_accuracy": (100 + share) / 2, "val_accuracy": 100.0, "extra": 7.0}
    (tmp_path / "final_info.json").write_text(json.dumps({"digits": {"means": means}}))
    return tmp_path


def _claim(run: Path, **means: float) -> None:
    info = json.loads((run / "final_info.json").read_text())
    info["digits"]["means"] |= means
    (run / "final_info.json").write_text(json.dumps(info))


def test_metrics_come_from_the_outcomes(run: Path) -> None:
    found = scores.score_run(TOY, run, "digits", [0, 1])
    assert found.per_seed["test_accuracy"][0] == 100.0
    assert found.per_seed["extra"] == [7.0, 7.0]
    assert found.dataset == "digits"
    assert found.disagreements == []


def test_a_claim_that_the_outcomes_do_not_bear_out_is_named(run: Path) -> None:
    _claim(run, test_accuracy=99.9)
    found = scores.score_run(TOY, run, "digits", [0, 1])
    assert found.means["test_accuracy"] < 60, "what is claimed is not believed"
    assert re.match(
        r"test_accuracy: final_info\.json says 99\.9, its outcomes give 5\d\.\d+",
        found.disagreements[0],
    )


def _break(run: Path, how: str) -> None:
    outcome = run / "outcome_seed_1.npz"
    truth = load_truth("digits")
    if how == "missing":
        outcome.unlink()
    elif how == "pickled":
        np.savez(outcome, test=np.array([{}], dtype=object), val=truth.val_labels)
    elif how == "no archive":
        outcome.write_bytes(pickle.dumps("boo"))
    elif how == "wrong number":
        np.savez(outcome, test=truth.test_labels[:10], val=truth.val_labels)
    elif how == "no shape":
        np.savez(outcome, test=5.0, val=truth.val_labels)
    elif how == "not finite":
        np.savez(outcome, test=truth.test_labels, val=truth.val_labels, extra=np.nan)
    elif how == "too large":
        with zipfile.ZipFile(outcome, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("test.npy", b"\0" * 3_000_000)
    elif how == "a link":
        outcome.rename(run / "elsewhere.npz")
        outcome.symlink_to(run / "elsewhere.npz")
    elif how == "NaN in info":
        (run / "final_info.json").write_text('{"digits": {"means": {"test_accuracy": NaN}}}')
    elif how == "bare value":
        (run / "final_info.json").write_text('{"digits": 93.1}')
    elif how == "other data set":
        (run / "final_info.json").write_text('{"MNIST": {"means": {"test_accuracy": 1}}}')


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("missing", "outcome_seed_1.npz is missing: train must return one kit.Outcome"),
        ("pickled", "outcome_seed_1.npz is not a readable outcome"),
        ("no archive", "outcome_seed_1.npz is not a readable outcome"),
        ("wrong number", "test has shape (10,); it must be (360,)"),
        ("no shape", "test has shape (); it must be (360,)"),
        ("not finite", "extra of seed 1 is nan; every metric must be a finite number"),
        ("too large", "outcome_seed_1.npz is not a readable outcome: it unpacks to 3 MB"),
        ("a link", "outcome_seed_1.npz is a link; results must be files"),
        ("NaN in info", "digits.means.test_accuracy: input should be a finite number"),
        ("bare value", "digits: input should be a valid dictionary"),
        ("other data set", "final_info.json has no entry 'digits' (it has MNIST)"),
    ],
)
def test_a_result_that_cannot_be_scored_is_explained(
    run: Path, how: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcomes, "MOST_BYTES", 1_000_000)
    _break(run, how)
    with pytest.raises(BonsaiError) as caught:
        scores.score_run(TOY, run, "digits", [0, 1])
    assert sentence in str(caught.value)


def test_a_scorer_that_fails_on_an_odd_outcome_fails_the_run_and_not_the_runner() -> None:
    scorer = dataclasses.replace(TOY.scorer, score=lambda outcome, truth: {"a": 1 / 0})
    with pytest.raises(KitError, match=r"seed 3 cannot be scored \(ZeroDivisionError"):
        scorer.evaluate({}, None, 3)


def test_where_an_experiment_left_no_final_info_the_runner_writes_it(run: Path) -> None:
    """As it is within a sweep: an experiment has no test labels, so it cannot score itself."""
    path = run / "final_info.json"
    claimed = json.loads(path.read_text())["digits"]["means"]
    path.unlink()
    found = scores.score_run(TOY, run, "digits", [0, 1])
    assert found.disagreements == []
    assert json.loads(path.read_text())["digits"]["means"] == pytest.approx(claimed)
    assert scores.score_run(TOY, run, "digits", [0, 1]) == found


@pytest.mark.parametrize(("heights", "differ"), [((1.0, 1.5), True), ((1.0, 1.0), False)])
def test_lone_numbers_tell_whether_seeds_matter_by_what_is_judged(
    heights: tuple[float, float], differ: bool, tmp_path: Path
) -> None:
    """Their seconds always differ, and say nothing."""
    brisk = Template(sweeps.TOY.with_name("brisk"))
    for seed, height in enumerate(heights):
        np.savez(tmp_path / f"outcome_seed_{seed}.npz", height=height, seconds=float(seed))
    assert scores.score_run(brisk, tmp_path, "numbers", [0, 1]).seeds_differ is differ
