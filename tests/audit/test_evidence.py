"""What is gathered of runs: from a ledger, from what The AI Scientist leaves, from any JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bonsai.audit import evidence
from bonsai.audit.evidence import shapes
from bonsai.audit.evidence.code import labels_of, seeds_of, settings_of
from bonsai.audit.evidence.naming import metric_of
from bonsai.audit.facts import Facts, Measured
from bonsai.base import BonsaiError
from tests import reports


def numbers(values: list[shapes.Value]) -> dict[tuple[str, str, str], float]:
    return {(each.run, each.dataset, each.metric): each.mean for each in values}


# -------------------------------------------------------------------------------- final_info.json


@pytest.mark.parametrize(
    ("info", "found"),
    [
        ({"toy": {"means": {"acc_mean": 0.5, "loss": 2}}},
         {("", "toy", "acc"): 0.5, ("", "toy", "loss"): 2}),
        ({"means": {"acc": 0.5}, "stderrs": {"acc": 0.1}}, {("", "", "acc"): 0.5}),
        ({"a": {"means": 2.71}, "b": {"means": 2.44}}, {("", "", "a"): 2.71, ("", "", "b"): 2.44}),
        ({"results": {"win_rate": 0.5, "rounds": 7}, "runtime": 3.2},
         {("", "", "results/win_rate"): 0.5, ("", "", "results/rounds"): 7,
          ("", "", "runtime"): 3.2}),
        ({"ode": {"means": {"mse": 1e-9, "shape": {"max": 2.0}}, "xs": [0.0, 1.0]}},
         {("", "ode", "mse"): 1e-9, ("", "ode", "shape/max"): 2.0}),
        ({"toy": {"means": {"acc": 0.7, "matrix": [[5, 1], [2, 7]]}}}, {("", "toy", "acc"): 0.7}),
        ({"toy": {"means": {"loss": float("nan"), "acc": 0.1, "ok": True}}},
         {("", "toy", "acc"): 0.1}),
        ({"a": {"acc": 0.5}, "b": {"acc": 0.7}}, {("", "a", "acc"): 0.5, ("", "b", "acc"): 0.7}),
        ({"acc": [0.5, 0.7]}, {("", "", "acc"): 0.6}),
        ({}, {}),
        ([1, 2], {}),
    ],
    ids=range(11),
)  # fmt: skip
def test_a_runs_file_in_the_shapes_of_the_wild(info: Any, found: dict[Any, float]) -> None:
    assert numbers(shapes.of_run(info)) == pytest.approx(found)


def test_errors_and_values_of_seeds_come_with_a_mean() -> None:
    info = {
        "toy": {
            "means": {"acc_mean": 0.6, "loss_mean": 2.0},
            "stderrs": {"acc_stderr": 0.05},
            "stds": {"loss": 0.4},
            "final_info_dict": {
                "acc": [0.5, 0.6, 0.7],
                "loss": [1.0, 2.0, 2.0, 3.0],
                "more": [4.0],
            },
        }
    }
    acc, loss, more = shapes.of_run(info)
    assert (acc.stderr, acc.values, acc.count) == (0.05, (0.5, 0.6, 0.7), 3)
    assert (loss.stderr, loss.count) == (0.2, 4)
    assert (more.mean, more.count) == (4.0, None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["means", "stderrs", "final_info_dict", "final_info_list", "run_0", "a"]),
        inner, max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@given(JSON)
def test_no_shape_breaks_the_reading(value: Any) -> None:
    for each in (*shapes.of_run(value), *shapes.of_results(value)):
        assert each.mean == each.mean
        assert each.metric


# --------------------------------------------------------------------------- results beside a paper


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"run_0": {"toy": {"means": {"acc": 0.5}}}, "run_1": {"toy": {"means": {"acc": 0.7}}}},
         {("run_0", "toy", "acc"): 0.5, ("run_1", "toy", "acc"): 0.7}),
        ({"baseline": {"acc": [0.4, 0.6]}, "ours": {"acc": 0.7}},
         {("baseline", "", "acc"): 0.5, ("ours", "", "acc"): 0.7}),
        ({"results": {"baseline": {"acc": 0.5}, "gates": {"acc": 0.7}}},
         {("baseline", "", "acc"): 0.5, ("gates", "", "acc"): 0.7}),
        ({"acc": 0.5, "loss": 2.0}, {("results", "", "acc"): 0.5, ("results", "", "loss"): 2.0}),
        ({"toy": {"means": {"acc": 0.5}}}, {("results", "toy", "acc"): 0.5}),
        ([{"method": "base", "dataset": "toy", "seed": 0, "acc": 0.4},
          {"method": "base", "dataset": "toy", "seed": 1, "acc": 0.6},
          {"method": "gates", "dataset": "toy", "seed": 0, "acc": 0.7}],
         {("base", "toy", "acc"): 0.5, ("gates", "toy", "acc"): 0.7}),
        ([{"run": "a", "metric": "acc", "value": 0.5}], {("a", "", "acc"): 0.5}),
    ],
    ids=["final_infos", "lists", "wrapped", "numbers", "final_info", "records", "long"],
)  # fmt: skip
def test_any_json_of_results(tmp_path: Path, content: Any, found: dict[Any, float]) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps(content))
    facts = evidence.gather_facts(path)
    told = {(each.run, each.dataset, each.metric): each.mean for each in facts.measured}
    assert told == pytest.approx(found)
    assert set(facts.runs) == {run for run, _, _ in found}
    assert set(facts.metrics) == {metric for _, _, metric in found}


def test_the_baseline_and_seeds_of_a_json_are_known(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"our_baseline": {"acc": [0.4, 0.6]}, "gates": {"acc": [0.7, 0.9]}}))
    facts = evidence.gather_facts(path)
    assert facts.baseline is not None
    assert facts.baseline.name == "our_baseline"
    assert facts.seeds == {"our_baseline": 2, "gates": 2}


@pytest.mark.parametrize(
    ("text", "why"), [("{", "is no JSON"), ("[]", "no number"), ('{"a": "b"}', "no number")]
)
def test_a_json_without_results_is_told(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(text)
    with pytest.raises(BonsaiError, match=why):
        evidence.gather_facts(path)


# ------------------------------------------------------------------------------------ names, code


@pytest.mark.parametrize(
    ("key", "values", "unit", "better", "name"),
    [
        ("test_accuracy", [90.0], "%", "higher", "test accuracy"),
        ("final_val_acc", [0.9], "", "higher", "validation accuracy"),
        ("best_val_loss", [1.5], "", "lower", "val loss"),
        ("total_train_time", [600.0], "s", "lower", "training time"),
        ("train_minutes", [3.0], "min", "lower", "train time"),
        ("latency_ms", [3.0], "ms", "lower", "latency"),
        ("avg_tokens_per_second", [400.0], "", "higher", "average tokens per second"),
        ("step_val_acc_99", [3000.0], "", "lower", "step validation accuracy 99"),
        ("self_replicators", [12.0], "", None, "self replicators"),
        ("valAccuracy", [0.9], "", "higher", "validation accuracy"),
    ],
)  # fmt: skip
def test_a_metrics_key_tells_its_unit_its_way_and_its_names(
    key: str, values: list[float], unit: str, better: str | None, name: str
) -> None:
    found = metric_of(key, values)
    assert (found.unit, found.better) == (unit, better)
    assert name in found.names


def test_the_time_of_a_training_is_not_called_training() -> None:
    assert not {"train", "training", "inference"} & set(metric_of("training_time").names)


CODE = """
import argparse
from dataclasses import dataclass
SEEDS = [0, 1, 2]
RATE = 3e-4

@dataclass
class Config:
    width: int = 64
    decay: float = 1e-2 / 2

def train(steps=500, *, batch=16):
    optimiser = SGD(lr=0.1, momentum=-0.9)
    return Dropout(0.3)

parser = argparse.ArgumentParser()
parser.add_argument("--max-iters", type=int, default=5000)
options = {"block_size": 256, "sizes": [32, 64]}
"""


def test_the_numbers_of_code_have_names() -> None:
    found = {(each.name, each.value) for each in settings_of(CODE, "experiment.py")}
    assert {
        ("RATE", 3e-4), ("width", 64.0), ("decay", 0.005), ("steps", 500.0), ("batch", 16.0),
        ("lr", 0.1), ("momentum", -0.9), ("Dropout", 0.3), ("max_iters", 5000.0),
        ("block_size", 256.0), ("sizes", 32.0), ("sizes", 64.0),
    } <= found  # fmt: skip
    assert {each.source for each in settings_of(CODE, "experiment.py")} >= {"experiment.py, line 5"}


@pytest.mark.parametrize(
    ("code", "seeds"),
    [
        ("SEEDS = [0, 1, 2]", 3),
        ("num_seeds = 4", 4),
        ("num_seeds = {'toy': 3, 'large': 1}", {"toy": 3, "large": 1}),
        ("seeds = range(5)", 5),
        ("seed = 1337", None),
        ("x = 1", None),
        ("def (", None),
        ("9" * 5000, None),
    ],
)
def test_code_may_say_how_many_seeds_there_are(code: str, seeds: Any) -> None:
    assert seeds_of(code) == seeds


def test_labels_are_read_and_never_run() -> None:
    code = "labels = {'run_0': 'Baseline', 'run_1': 'Gates'}\nlabels = __import__('os').system('x')"
    assert labels_of(code) == {"run_0": "Baseline", "run_1": "Gates"}


# ------------------------------------------------------------------------------- The AI Scientist

NOTES = """# Title: Gates
## Run 0: Baseline
Results: {'toy': {'acc': 0.8}}
## Run 1: first try
Results: {'toy': {'acc': 0.7412}}
Description: It had a bug.
## Run 1: Gated units
Results: {'toy': {'acc': 0.85}}
Description: A gate for each unit.
"""


def idea_folder(home: Path) -> Path:
    for number, mean in ((0, 0.8), (1, 0.85), (2, 0.79)):
        run = home / f"run_{number}"
        run.mkdir(parents=True)
        info = {"means": {"acc_mean": mean, "train_time_mean": 60.0 + number}, "stderrs": {}}
        (run / "final_info.json").write_text(json.dumps({"toy": info}))
    (home / "run_3").mkdir()  # it left nothing
    (home / "run_4").symlink_to(home / "run_1")
    (home / "run_1_old").mkdir()
    old = {"toy": {"means": {"acc_mean": 0.6}}}
    (home / "run_1_old" / "final_info.json").write_text(json.dumps(old))
    (home / "notes.txt").write_text(NOTES)
    (home / "plot.py").write_text("labels = {'run_0': 'Base', 'run_2': 'Wide gates'}\n")
    (home / "experiment.py").write_text("num_seeds = {'toy': 3}\nlearning_rate = 0.01\n")
    (home / "run_1.py").write_text("gate = 0.5\n")
    (home / "prompt.json").write_text(json.dumps({"task_description": "Study gates."}))
    (home / "curves.png").write_bytes(reports.DOT)
    return home


def test_the_folder_of_an_idea_of_the_ai_scientist(tmp_path: Path) -> None:
    facts = evidence.gather_facts(idea_folder(tmp_path / "20261121_gates"))
    assert list(facts.runs) == ["run_0", "run_1", "run_2"]
    assert facts.baseline is facts.runs["run_0"]
    assert facts.runs["run_0"].labels == ("run 0", "base", "baseline")
    assert facts.runs["run_1"].labels == ("run 1", "gated units")
    assert "A gate for each unit." in facts.runs["run_1"].about
    assert facts.runs["run_2"].labels == ("run 2", "wide gates")
    current = {(each.run, each.metric): each for each in facts.measured if not each.stale}
    assert current["run_1", "acc"] == Measured(
        "run_1", "acc", "toy", 0.85, count=3, source="run_1/final_info.json"
    )
    stale = {
        (each.run, each.metric, each.mean, each.source) for each in facts.measured if each.stale
    }
    assert stale == {
        ("run_1", "acc", 0.6, "run_1_old/final_info.json"), ("run_1", "acc", 0.7412, "notes.txt")
    }  # fmt: skip
    assert facts.seeds == {"run_0": 3, "run_1": 3, "run_2": 3}
    known = {(each.name, each.value, each.kind) for each in facts.known}
    assert {
        ("learning_rate", 0.01, "setting"),
        ("gate", 0.5, "setting"),
        ("runs", 3, "count"),
    } <= known
    assert [picture.name for picture in facts.pictures] == ["curves.png"]
    assert "Study gates." in facts.text
    assert facts.references is None
    assert facts.troubles == []


@pytest.mark.parametrize("content", ["{", "[" * 100_000, '{"toy": {"means": {}}}'])
def test_a_runs_file_that_cannot_be_read_is_told_and_costs_that_run_alone(
    tmp_path: Path, content: str
) -> None:
    folder = idea_folder(tmp_path / "idea")
    (folder / "run_2" / "final_info.json").write_text(content)
    facts = evidence.gather_facts(folder)
    assert {each.run for each in facts.measured} == {"run_0", "run_1"}
    assert len(facts.troubles) == 1
    assert "run_2/final_info.json" in facts.troubles[0]


# -------------------------------------------------------------------------------- results folders


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("results")
    made = reports.Synthetic(home / "res", reports.ideas(["gains", "loses"]))
    made.baseline()
    made.idea("gains", 8, runs=2, files=True)
    made.idea("loses", -8)
    workspace = made.results / "toy" / "gains" / "workspace"
    (workspace / "plot.py").write_text("labels = {'run_1': 'Many images'}\n")
    (workspace / "curves.png").write_bytes(reports.DOT)
    return made.write()


@pytest.fixture(scope="module")
def facts(results: Path) -> Facts:
    return evidence.gather_facts(results)


def test_runs_of_a_ledger_on_their_seeds_and_on_fresh_ones(facts: Facts) -> None:
    assert list(facts.runs) == [
        "run_0", "run_0 (fresh seeds)", "gains/run_1", "gains/run_1 (fresh seeds)", "gains/run_2",
        "loses/run_1", "loses/run_1 (fresh seeds)",
    ]  # fmt: skip
    assert {run.name for run in facts.runs.values() if run.is_baseline} == {
        "run_0", "run_0 (fresh seeds)"
    }  # fmt: skip
    assert {"run 1", "gains", "run_1 of gains", "many images"} <= set(
        facts.runs["gains/run_1"].labels
    )
    assert "gains on fresh seeds" in facts.runs["gains/run_1 (fresh seeds)"].labels
    assert "gains" not in facts.runs["gains/run_2"].labels
    assert facts.seeds["gains/run_1"] == 2
    assert facts.seeds["gains/run_1 (fresh seeds)"] == 8


def test_values_of_a_ledger_have_their_seeds_and_their_line(facts: Facts, results: Path) -> None:
    (found,) = facts.of("gains/run_1 (fresh seeds)", "test_accuracy")
    assert (len(found.values), found.count) == (8, 8)
    number = int(found.source.removeprefix("ledger.jsonl, line "))
    entry = json.loads((results / "ledger.jsonl").read_text().splitlines()[number - 1])
    assert entry["data"]["scores"]["means"]["test_accuracy"] == found.mean
    assert facts.metrics["test_accuracy"].unit == "%"
    assert facts.metrics["test_accuracy"].better == "higher"


def test_verdicts_of_a_ledger(facts: Facts) -> None:
    found = {each.idea: each for each in facts.compared}
    assert {name: each.word for name, each in found.items()} == {
        "gains": "supported", "loses": "refuted"
    }  # fmt: skip
    gains = found["gains"]
    assert (gains.run, gains.against) == ("gains/run_1 (fresh seeds)", "run_0 (fresh seeds)")
    assert gains.low is not None and gains.mean is not None and gains.high is not None
    assert gains.low < gains.mean < gains.high
    assert gains.count == 8


def test_counts_settings_and_pictures_of_a_ledger(facts: Facts) -> None:
    counts = {each.name: each.value for each in facts.known if each.kind == "count"}
    assert (counts["ideas"], counts["ideas supported"], counts["runs of gains"]) == (2, 1, 2)
    assert ("images", 60.0) in {(each.name, each.value) for each in facts.known}
    assert [(each.name, each.idea) for each in facts.pictures] == [
        ("toy/gains/workspace/curves.png", "gains")
    ]
    assert facts.references is not None


def test_an_ideas_folder_within_results_has_the_same_facts(facts: Facts, results: Path) -> None:
    for folder in (results / "toy" / "gains", results / "toy" / "gains" / "workspace"):
        found = evidence.gather_facts(folder)
        assert (found.where, found.runs, found.measured, found.known) == (
            facts.where, facts.runs, facts.measured, facts.known
        )  # fmt: skip


def test_what_a_later_run_replaced_is_stale(tmp_path: Path) -> None:
    made = reports.Synthetic(tmp_path / "res", reports.ideas(["gains"]))
    made.baseline()
    made.idea("gains", 8)
    again = {"run": "run_1", "run_seconds": 2.0, "scores": reports.scores([50.0, 51.0], [0, 1])}
    made.step("toy", "gains", "run", data=again)
    facts = evidence.gather_facts(made.write())
    (now,) = facts.of("gains/run_1", "test_accuracy")
    (before,) = [
        each for each in facts.measured
        if each.stale and each.run == "gains/run_1" and each.metric == "test_accuracy"
    ]  # fmt: skip
    assert now.mean == 50.5
    assert 80 < before.mean < 100


@pytest.mark.parametrize("make", [reports.telling, reports.judged])
def test_sweeps_of_every_kind_and_hostile_texts_are_gathered(tmp_path: Path, make: Any) -> None:
    facts = evidence.gather_facts(make(tmp_path))
    assert {each.word for each in facts.compared} == {
        "supported", "refuted", "undecided", "no result"
    }  # fmt: skip
    assert not any(picture.path.is_symlink() for picture in facts.pictures)


def test_a_sweep_that_has_only_begun_is_no_error(tmp_path: Path) -> None:
    made = reports.Synthetic(tmp_path / "res", reports.ideas(["gains"]))
    facts = evidence.gather_facts(made.write())
    assert facts.measured == []
    assert [each.word for each in facts.compared] == ["no result"]


def test_a_folder_without_results_is_told_with_what_is_looked_for(tmp_path: Path) -> None:
    with pytest.raises(BonsaiError, match=r"neither sweep\.json .* nor run_0/final_info\.json"):
        evidence.gather_facts(tmp_path)
