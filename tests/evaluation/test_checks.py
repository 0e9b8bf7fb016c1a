"""What is checked of every run, and that a run that cheats or costs more does not pass."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bonsai.evaluation import checks
from bonsai.evaluation.checks import Check
from bonsai.evaluation.claims import seal
from bonsai.evaluation.runs import Machine, Measured, run_experiment, run_fresh_seeds
from bonsai.evaluation.scores import Scores
from bonsai.kit.data import checksums, fingerprints, fingerprints_of_tests, load_images
from bonsai.templates.contract import Claim
from bonsai.templates.template import Template
from tests import sweeps

TOY = Template(sweeps.TOY)
SHIPPED = sorted((sweeps.REPOSITORY / "templates").glob("*/score.py"))
CLAIM = Claim(metric="test_accuracy", direction="higher")


def _scores(**values: list[float]) -> Scores:
    per_seed = {"test_accuracy": [90.0, 91.0], **values}
    return Scores(
        dataset="digits",
        means={name: sum(column) / len(column) for name, column in per_seed.items()},
        stderrs=dict.fromkeys(per_seed),
        per_seed=per_seed,
        seeds=[0, 1],
    )


def _named(found: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in found}


# --- of one run, for real -------------------------------------------------------------------------


def _run(tmp_path: Path, *changes: tuple[str, str]) -> Measured:
    """A run of the toy, its code changed, on seeds 0 and 1."""
    code = (sweeps.TOY / "experiment.py").read_text()
    for old, new in changes:
        assert old in code
        code = code.replace(old, new)
    return run_fresh_seeds(
        TOY, code.encode(), tmp_path / "work", data="digits", seeds=[0, 1], log=tmp_path / "log",
        machine=Machine(1, threading.Event()),
    )  # fmt: skip


EXPOSED = ("        seed=seed,\n", "        seed=seed,\n        train_fingerprints=seen,\n")


def test_who_trains_on_training_images_alone_passes(tmp_path: Path) -> None:
    honest = "    seen = kit.fingerprints(data.train_images[drawn])\n    penalty ="
    run = _run(tmp_path, EXPOSED, ("    penalty =", honest))
    found = _named(checks.of_run(TOY, "digits", run, None))
    assert found["not trained on test images"].passed is True
    assert found["data unchanged"].passed is True
    assert found["seeds matter"].passed is True
    assert found["score reproduced"].passed is True
    assert found["test labels out of reach"].passed is None, "it ran without walls"


def test_who_trains_on_test_images_is_found_out(tmp_path: Path) -> None:
    leak = "    seen = kit.fingerprints(data.test_images[:30])\n    penalty ="
    run = _run(tmp_path, EXPOSED, ("    penalty =", leak))
    found = _named(checks.of_run(TOY, "digits", run, None))["not trained on test images"]
    assert found.passed is False
    assert found.found == "30 of the test images are among those that training has seen."


def test_another_data_set_under_the_same_name_is_found_out() -> None:
    names = dict.fromkeys(checksums("digits"), "0" * 64)
    run = Measured(_scores(), 1.0, "bubblewrap", checksums=names)
    found = _named(checks.of_run(TOY, "digits", run, None))
    assert found["data unchanged"].passed is False
    assert found["test labels out of reach"].passed is True


@pytest.mark.parametrize("name", ["toy", *(path.parent.name for path in SHIPPED)])
def test_what_a_run_could_read_is_said_of_every_template(name: str) -> None:
    template = TOY if name == "toy" else Template(sweeps.REPOSITORY / "templates" / name)
    within, without = (
        _named(checks.of_run(template, "mini", Measured(_scores(), 1.0, where), None))[
            "test labels out of reach"
        ]
        for where in ("bubblewrap on node-7", "no walls on node-7")
    )
    assert within.passed is True
    assert without.passed is None
    assert without.found == "It ran with no walls on node-7, and could have read the test labels."


def test_of_a_template_with_files_of_its_own_the_walls_alone_tell_nothing() -> None:
    brisk = Template(sweeps.REPOSITORY / "tests" / "brisk")
    for where, words in (
        ("bubblewrap", "is for its README to say"), ("no walls", "could have read")
    ):  # fmt: skip
        run = Measured(_scores(), 1.0, where)
        found = _named(checks.of_run(brisk, "x", run, None))["test labels out of reach"]
        assert found.passed is None
        assert words in found.found


def test_a_seed_that_gives_another_result_when_it_is_run_again_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, again = _scores(), _scores(test_accuracy=[90.25, 91.0]).of([0])
    found = checks.repeats(TOY, before, again)
    assert found.passed is False
    assert found.found == (
        "Seed 0 gave test_accuracy 90, and once more 90.25; they must be the same."
    )
    assert checks.repeats(TOY, before, again, "cuda").passed is None
    tolerant = replace(TOY.scorer, repeats_within=0.5)
    monkeypatch.setitem(vars(TOY), "scorer", tolerant)
    assert checks.repeats(TOY, before, again).passed is True


def test_a_seed_means_the_same_beside_other_seeds(tmp_path: Path) -> None:
    """As the shipped toy is run, so is it checked."""
    alone, beside = (
        run_experiment(
            TOY, _copy(tmp_path / name), tmp_path / name / "toy" / "run", data="digits",
            seeds=seeds, log=tmp_path / f"{name}.log", machine=Machine(1, threading.Event()),
        ).scores
        for name, seeds in (("alone", [0]), ("beside", [5000, 5001, 0]))
    )  # fmt: skip
    assert checks.repeats(TOY, alone, beside.of([0])).passed is True


def _copy(folder: Path) -> Path:
    folder.mkdir()
    return sweeps.copy_of_toy(folder)


# --- of files -------------------------------------------------------------------------------------


def test_a_frozen_file_that_differs_is_named_and_an_editable_one_is_not(tmp_path: Path) -> None:
    copy = _copy(tmp_path / "workspace")
    (copy / "experiment.py").write_text("# edited")
    (copy / "run_1").mkdir()
    assert checks.frozen_files(TOY, copy).passed is True
    (copy / "score.py").write_text("# edited")
    (copy / "prompt.json").unlink()
    found = checks.frozen_files(TOY, copy)
    assert found.passed is False
    assert found.found == "Changed: prompt.json, score.py."


def test_claims_pass_if_they_are_what_was_sealed_before_the_edits() -> None:
    assert checks.sealed([CLAIM], seal([CLAIM]), before_edits=True).passed is True
    assert checks.sealed([CLAIM], seal([CLAIM]), before_edits=False).passed is False
    assert checks.sealed([CLAIM], seal([]), before_edits=True).passed is False
    assert checks.sealed([CLAIM], None, before_edits=True).passed is False


def test_fingerprints_know_an_image_wherever_it_turns_up() -> None:
    images = load_images("digits")
    every = fingerprints(images.test_images)
    assert set(fingerprints(images.test_images[[7, 3]])) == {every[7], every[3]}
    assert (every == fingerprints_of_tests("digits")).all()
    assert not set(every) & set(fingerprints(images.train_images)), "the digits do not overlap"


def test_of_several_looks_the_worst_is_told() -> None:
    found = [
        Check(name="a", passed=passed, found=str(passed)) for passed in (True, None, False, True)
    ]
    assert [check.passed for check in checks.merged(found)] == [False]
    assert checks.merged(found[:2])[0].passed is None


# --- of cost --------------------------------------------------------------------------------------


def _look(seconds: float, memory: float = 1.0, **more: Any) -> dict[str, Any]:
    return {
        "cpu_seconds": seconds, "memory_gb": memory, "scores": {"means": {"parameters": 100}}
    } | more  # fmt: skip


def test_what_costs_as_much_as_the_baseline_passes_and_time_adds_up_over_looks() -> None:
    found = checks.cost(TOY, [_look(10), _look(14)], [_look(10), _look(10), _look(99)])
    assert found is not None
    assert found.passed is True
    assert found.found == (
        "Took 1.20 times the computing time, 1.00 times the memory and 1.00 times the parameters "
        "of the baseline."
    )


@pytest.mark.parametrize(
    ("look", "what", "ratio"),
    [
        (_look(20), "computing time", 2.0),
        (_look(10, memory=3.0), "memory", 3.0),
        (_look(10, scores={"means": {"parameters": 400}}), "parameters", 4.0),
    ],
)
def test_what_was_bought_by_more_of_something_does_not_pass(
    look: dict[str, Any], what: str, ratio: float
) -> None:
    found = checks.cost(TOY, [look], [_look(10)])
    assert found is not None
    assert found.passed is False
    assert found.numbers[what] == pytest.approx(ratio)
    assert f"{ratio:.2f} times the {what}" in found.found


def test_who_took_longer_is_compared_at_equal_time() -> None:
    """Twice the time: half of its training is what the baseline had."""
    rising = [[0.25, 80.0], [0.5, 90.0], [0.75, 92.0], [1.0, 93.0]]
    flat = [[0.5, 88.0], [1.0, 91.0]]
    found = checks.cost(TOY, [_look(20, curve=rising)], [_look(10, curve=flat)])
    assert found is not None
    assert found.numbers["at equal time"] == 90.0
    assert found.numbers["at its end"] == 93.0
    assert found.numbers["baseline"] == 91.0
    assert "was 90; at its end 93, the baseline's 91." in found.found


def test_cost_is_unknown_where_nothing_was_measured_and_absent_without_fresh_seeds() -> None:
    nothing = {"scores": {"means": {}}}
    found = checks.cost(TOY, [nothing], [nothing])
    assert found is not None
    assert (found.passed, found.found) == (None, "Its cost is not known.")
    assert checks.cost(TOY, [], [_look(1)]) is None


def test_a_curve_is_the_mean_over_seeds_against_the_share_of_the_training(tmp_path: Path) -> None:
    fashion = Template(sweeps.REPOSITORY / "templates" / "fashion_mnist")
    series = '{"validation accuracy": {"steps": [5, 10], "values": [%s, 90]}}'
    history = f'{{"seeds": {{"0": {series % 70}, "1": {series % 80}}}}}'
    (tmp_path / "history.json").write_text(history)
    assert checks.curve(fashion, tmp_path) == [[0.5, 75.0], [1.0, 90.0]]
    assert checks.curve(TOY, tmp_path) is None, "it names no curve"
    shutil.rmtree(tmp_path)
    assert checks.curve(fashion, tmp_path) is None
