"""What a sweep measured is found again in MLflow and TensorBoard, read by their own libraries."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bonsai.base.errors import BonsaiError
from bonsai.base.ledger import Ledger
from bonsai.cli import app
from bonsai.evaluation.scores import Scores
from bonsai.kit.scoring import summarise as summarise_metrics
from bonsai.report import tracking
from bonsai.report.summary import SweepSummary, summarise
from bonsai.settings import Assignment, Settings
from bonsai.templates.contract import Idea
from tests import sweeps
from tests.crashes import BRISK

NAMES = ["brisk/run_0", "brisk/higher/run_1", "brisk/higher/run_2"]
FRESH = list(range(1000, 1008))


@pytest.fixture(autouse=True)
def nobody_elses_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def measured(height: float, seeds: list[int]) -> dict[str, Any]:
    """What the ledger holds of a run whose heights are near this one."""
    per_seed = [{"height": height + seed % 3 / 10, "val_height": height} for seed in seeds]
    summary = summarise_metrics(per_seed)
    scores = Scores(
        dataset="numbers", means=summary["means"], stderrs=summary["stderrs"],
        per_seed=summary["final_info_dict"], seeds=seeds,
    )  # fmt: skip
    return {"scores": scores.model_dump(), "run_seconds": 1.5, "where": "", "checks": []}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A results folder of one idea with two runs, the second of which was confirmed."""
    results = tmp_path / "my sweep"
    workspace = results / "brisk" / "higher" / "workspace"
    before = (BRISK / "experiment.py").read_text()
    curves = {"0": [1.0, 3.0], "1": [3.0, 5.0]}
    history = {
        seed: {"growth (m)": {"steps": [10, 20], "values": values}}
        for seed, values in curves.items()
    }
    for run, height in (("run_1", 2), ("run_2", 3)):
        (workspace / run).mkdir(parents=True)
        code = before.replace("HEIGHT = 1", f"HEIGHT = {height}")
        (workspace / run / "experiment.py").write_text(code)
        (workspace / run / "history.json").write_text(json.dumps({"seeds": history}))
    idea = Idea(Name="higher", Title="Higher", Experiment="Grow.")
    Settings(
        assignments=[Assignment(template=str(BRISK), ideas=[idea])],
        confirm_seeds=8, max_confirm_seeds=16, first_fresh_seed=1000,
    ).save(results)  # fmt: skip
    ledger = Ledger(results / "ledger.jsonl")
    ledger.append(template="brisk", step="baseline", data=measured(1, [0, 1]))
    ledger.append(template="brisk", step="confirm", data=measured(1, FRESH) | {"run": "run_0"})
    own = {"template": "brisk", "idea": "higher"}
    for run, height in (("run_1", 2), ("run_2", 3)):
        known = {"run": run, "experiment": f"hash of {run}", "commit": ""}
        ledger.append(**own, step="edit")
        ledger.append(**own, step="run", data=measured(height, [0, 1]) | known)
    ledger.append(**own, step="confirm", data=measured(3, FRESH) | {"run": "run_2", "look": 1})
    return results


def confirm_further(results: Path) -> SweepSummary:
    """Another look, with as many seeds again: on these the idea is no better."""
    ledger, more = Ledger(results / "ledger.jsonl"), list(range(1008, 1016))
    ledger.append(template="brisk", step="confirm", data=measured(1, more) | {"run": "run_0"})
    fallen = measured(-2, more) | {"run": "run_2", "look": 2}
    ledger.append(template="brisk", idea="higher", step="confirm", data=fallen)
    return summarise(results)


# --- MLflow ---------------------------------------------------------------------------------------


def in_mlflow(results: Path) -> dict[str, Any]:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{results}/mlflow/mlflow.db")
    (experiment,) = client.search_experiments(filter_string="name LIKE 'bonsai/%'")
    assert experiment.name == f"bonsai/{results.name}"
    found = client.search_runs([experiment.experiment_id])
    runs = {run.info.run_name: run for run in found}
    assert len(runs) == len(found), "a run was logged twice"
    runs["client"] = client
    return runs


@pytest.mark.filterwarnings("ignore")  # MLflow's own
def test_mlflow_holds_runs_curves_verdicts_and_code_and_each_of_them_once(results: Path) -> None:
    pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    sweep = summarise(results)
    told = tracking.track(sweep, "mlflow")
    assert told.startswith("3 runs logged to MLflow at sqlite:///"), told
    runs = in_mlflow(results)
    client = runs.pop("client")
    assert sorted(runs) == sorted(NAMES)
    best = runs["brisk/higher/run_2"]
    assert best.info.status == "FINISHED"
    assert best.info.end_time - best.info.start_time == 1500
    assert best.data.params == {
        "template": "brisk", "idea": "higher", "run": "run_2", "seeds": "0,1",
        "dataset": "numbers", "model": "cassettes", "code_sha256": "hash of run_2",
    }  # fmt: skip
    assert best.data.metrics["height"] == pytest.approx(3.05)
    assert best.data.metrics["height_stderr"] == pytest.approx(0.05)
    assert best.data.metrics["fresh/height"] == pytest.approx(3.1, abs=0.03)
    line = client.get_metric_history(best.info.run_id, "curve/growth _m_")
    assert sorted((point.step, point.value) for point in line) == [(10, 2.0), (20, 4.0)]
    line = client.get_metric_history(best.info.run_id, "fresh/seed/height")
    assert sorted(point.step for point in line) == FRESH
    assert best.data.tags["verdict"] == "supported"
    assert "raises height: supported" in best.data.tags["claim_1"]
    assert "verdict" not in runs["brisk/higher/run_1"].data.tags
    kept = results / "mlflow" / "artifacts" / best.info.run_id / "artifacts"
    assert "+HEIGHT = 3" in (kept / "changes.diff").read_text()
    assert "HEIGHT = 3" in (kept / "experiment.py").read_text()
    assert tracking.track(sweep, "mlflow").startswith("0 runs logged")
    assert sorted(in_mlflow(results)) == sorted([*NAMES, "client"])

    # A further look has changed the verdict, and one run was being logged when the runner died.
    client.set_tag(best.info.run_id, "verdict", "an old one")
    client.update_run(runs["brisk/run_0"].info.run_id, status="RUNNING")
    assert tracking.track(confirm_further(results), "mlflow").startswith("1 runs logged")
    again = in_mlflow(results)
    assert sorted(again) == sorted([*NAMES, "client"])
    assert again["brisk/higher/run_2"].info.run_id == best.info.run_id
    assert again["brisk/higher/run_2"].data.tags["verdict"] == "undecided"
    assert again["brisk/higher/run_2"].data.metrics["fresh/height"] == pytest.approx(0.6, abs=0.03)
    assert again["brisk/run_0"].info.status == "FINISHED"


@pytest.mark.filterwarnings("ignore")
def test_a_server_that_does_not_answer_is_one_sentence(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    told = tracking.track(summarise(results), "mlflow")
    assert told.startswith("warning: --track mlflow: ")
    assert "127.0.0.1" in told
    assert told.endswith("the results are complete, and `bonsai resume` tries to log them again")
    assert "\n" not in told
    assert not (results / "mlflow").exists()


# --- TensorBoard ----------------------------------------------------------------------------------


def in_tensorboard(run: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(run))
    accumulator.Reload()
    return accumulator


@pytest.mark.filterwarnings("ignore")  # TensorBoard's own
def test_tensorboard_holds_runs_curves_and_verdicts_and_each_of_them_once(results: Path) -> None:
    pytest.importorskip("tensorboard")
    sweep = summarise(results)
    home = results / "tensorboard"
    assert tracking.track(sweep, "tensorboard").endswith(f"tensorboard --logdir {home}")
    events = sorted(home.rglob("events.out.tfevents.*"))
    assert [str(path.parent.relative_to(home)) for path in events] == sorted(NAMES)
    best = in_tensorboard(home / "brisk" / "higher" / "run_2")
    assert [(at.step, at.value) for at in best.Scalars("curve/growth (m)")] == [(10, 2), (20, 4)]
    assert [at.step for at in best.Scalars("fresh/seed/height")] == FRESH
    assert best.Scalars("height")[0].value == pytest.approx(3.05)
    text = {
        name: best.Tensors(name)[0].tensor_proto.string_val[0] for name in best.Tags()["tensors"]
    }
    assert text["verdict/text_summary"] == b"supported"
    assert text["model/text_summary"] == b"cassettes"
    assert b"+HEIGHT = 3" in text["changes/text_summary"]

    assert tracking.track(sweep, "tensorboard").startswith("0 runs logged")
    assert sorted(home.rglob("events.out.tfevents.*")) == events
    told = tracking.track(confirm_further(results), "tensorboard")
    assert told.startswith("2 runs logged"), "those that were run on more fresh seeds"
    best = in_tensorboard(home / "brisk" / "higher" / "run_2")
    assert [at.step for at in best.Scalars("fresh/seed/height")] == list(range(1000, 1016))
    assert best.Tensors("verdict/text_summary")[0].tensor_proto.string_val == [b"undecided"]


# --- what is wrong --------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
def test_a_run_without_curves_or_code_is_logged_all_the_same_and_no_link_is_followed(
    results: Path, tmp_path: Path
) -> None:
    pytest.importorskip("tensorboard")
    run = results / "brisk" / "higher" / "workspace" / "run_2"
    (run / "history.json").write_text("{")
    (tmp_path / "secret").write_text("the key")
    (run / "experiment.py").unlink()
    (run / "experiment.py").symlink_to(tmp_path / "secret")
    assert tracking.track(summarise(results), "tensorboard").startswith("3 runs logged")
    logged = results / "tensorboard" / "brisk" / "higher" / "run_2"
    assert "curve/growth (m)" not in in_tensorboard(logged).Tags()["scalars"]
    assert not any(b"the key" in path.read_bytes() for path in logged.iterdir())


@pytest.mark.parametrize("kind", ["mlflow", "tensorboard"])
def test_a_missing_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch, kind: Any) -> None:
    monkeypatch.setitem(sys.modules, kind, None)
    with pytest.raises(BonsaiError) as raised:
        tracking.demand([kind])
    assert str(raised.value) == (
        f"--track {kind} needs the package {kind}: pip install 'bonsai-experiments[{kind}]'"
    )


def test_without_the_package_no_sweep_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    out = tmp_path / "results"
    asked = ["run", str(BRISK), "--track", "mlflow", "--out", str(out)]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 2
    assert done.stderr.startswith("error: --track mlflow needs the package mlflow")
    assert not out.exists()


def test_resume_logs_what_was_not_logged_yet(results: Path) -> None:
    pytest.importorskip("tensorboard")
    Ledger(results / "ledger.jsonl").append(template="brisk", idea="higher", step="end")
    Settings.load(results).model_copy(update={"track": ["tensorboard"]}).save(results)
    done = sweeps.run("resume", str(results), cwd=results)
    assert done.returncode == 0, done.stderr
    assert "3 runs logged for TensorBoard" in done.stdout.replace("\n", " ")
