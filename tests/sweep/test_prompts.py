"""The messages: complete, with the noise and the curves, and short."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bonsai.evaluation.scores import Scores
from bonsai.sweep import prompts
from bonsai.templates.contract import Idea, Series
from bonsai.templates.template import Template
from tests import sweeps

IDEA = Idea(Name="an_idea", Title="An idea", Experiment="Do $this for 5 $.")
BASELINE = Scores(
    dataset="digits",
    means={"test_accuracy": 90.0, "val_accuracy": 91.0},
    stderrs={"test_accuracy": 0.5, "val_accuracy": None},
    per_seed={"test_accuracy": [89.5, 90.5], "val_accuracy": [91.0, 91.0]},
    seeds=[0, 1],
)
VALUES = {
    "plan": {"max_runs": 5, "claims": "C"},
    "mend_claims": {"problem": "boom", "claims": "C"},
    "edit": {"run_number": 2, "max_runs": 5, "plan": "P", "results": "R", "failures": ""},
    "mend": {
        **{"run_number": 2, "problem": "boom", "try_number": 1, "max_tries": 4},
        **{"results": "R", "failures": ""},
    },
    "write_up": {"results": "R", "failures": ""},
}


@pytest.fixture
def messages() -> prompts.Prompts:
    return prompts.Prompts(Template(sweeps.TOY), BASELINE, 12.0)


@pytest.mark.parametrize("name", VALUES)
def test_every_message_stands_alone(messages: prompts.Prompts, name: str) -> None:
    text = messages.message(name, IDEA, **VALUES[name])
    assert "You are a careful researcher." in text
    assert "Do $this for 5 $." in text, "an idea's own words are not filled in"
    assert "test_accuracy [the claim] (%, higher is better)" in text
    assert "val_accuracy [choose by this]" in text
    assert "standard deviation of 0.71 between seeds" in text
    assert "the baseline takes 12 s" in text
    assert len(text) < 8000


def test_the_visible_difference_is_twice_the_standard_error_of_a_difference() -> None:
    expected = 2 * np.std([89.5, 90.5], ddof=1) * np.sqrt(2 / 2)
    assert f"below about {expected:.2g}" in prompts.describe_noise(BASELINE, "test_accuracy")


def test_one_seed_means_unknown_noise() -> None:
    single = BASELINE.model_copy(update={"per_seed": {"test_accuracy": [90.0]}})
    assert "noise is unknown" in prompts.describe_noise(single, "test_accuracy")


def test_results_show_the_difference_to_the_baseline(messages: prompts.Prompts) -> None:
    better = BASELINE.model_copy(update={"means": {"test_accuracy": 92.0, "val_accuracy": 91.0}})
    text = messages.results({"run_1": better}, {"run_1": "- loss: 1:2"})
    assert "run_1: test_accuracy 92 ± 0.5 (+2)" in text
    assert "Curves of run_1, mean over seeds:\n- loss: 1:2" in text


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=200), st.integers(1, 4))
def test_a_thinned_curve_is_short_and_keeps_its_ends(values: list[float], seeds: int) -> None:
    steps = [float(step) for step in range(len(values))]
    text = prompts.thin([Series(steps=steps, values=values)] * seeds)
    points = text.split(", ")
    assert len(points) <= prompts.CURVE_POINTS
    assert points[0] == f"0:{values[0]:.4g}" or np.isclose(float(points[0][2:]), values[0], 1e-3)
    assert points[-1].startswith(f"{steps[-1]:g}:")


def test_a_broken_history_is_no_reason_to_fail(tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    assert prompts.describe_curves(path) == ""
    path.write_text(json.dumps({"seeds": {"0": {"loss": {"steps": ["x"], "values": [1]}}}}))
    assert prompts.describe_curves(path) == ""


def test_failures_are_listed_by_their_first_line() -> None:
    text = prompts.describe_failures(["boom\nTraceback ...", "bang"])
    assert text.splitlines()[:3] == ["# What failed before", "- boom", "- bang"]
    assert prompts.describe_failures([]) == ""
