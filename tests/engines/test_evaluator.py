"""How a candidate of another engine is measured, as both engines ask for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from bonsai.engines import openevolve
from bonsai.engines.evaluation import FAILED, PASSED, THRESHOLD, Evaluation, compare
from bonsai.engines.evaluator import Trouble, evaluate
from bonsai.engines.service import Service
from bonsai.engines.task import Task, make_task
from bonsai.evaluation import Scores, established, this_machine
from bonsai.execution import sandbox
from bonsai.templates import Template
from tests.engines.real_engines import FAILS, KEY, LIMITS, MAIN, exported, programs, survivors
from tests.sweeps import STRANGER, TOY

FAST = ("does not parse", "edits the harness", "crashes", "fabricates", "ignores its seed")
# As OpenEvolve calls it: one stage after the other, in its own process.
STAGES = """
import json, sys, evaluate
for stage in (evaluate.evaluate_stage1, evaluate.evaluate_stage2, evaluate.evaluate_stage3):
    print(json.dumps(stage(sys.argv[1])))
"""


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> tuple[Task, Path]:
    made, folder, _ = exported("shinka", tmp_path_factory.mktemp("evaluator"))
    return made, folder


@pytest.fixture(scope="module")
def made(task: tuple[Task, Path]) -> dict[str, str]:
    return programs((task[1] / "initial.py").read_text())


Measure = Callable[..., Evaluation]


@pytest.fixture(scope="module")
def measure(task: tuple[Task, Path], made: dict[str, str]) -> Measure:
    return lambda name, **options: evaluate(*task, made[name].encode(), **options)


# ------------------------------------------------------------------------------ what is worth what


def test_the_template_itself_has_no_gain_and_is_not_run_again(task: tuple[Task, Path]) -> None:
    found = evaluate(*task, (task[1] / "initial.py").read_bytes())
    assert (found.ok, found.combined_score, found.metrics["seeds"]) == (True, 0.0, 4.0)
    assert "does not change val_height" in found.feedback


def test_a_gain_is_told_in_the_metrics_unit_with_its_error(measure: Measure) -> None:
    found = measure("good")
    assert found.combined_score == pytest.approx(0.5)
    assert found.metrics["difference"] == pytest.approx(0.5)
    assert found.metrics["height"] - found.metrics["difference"] == pytest.approx(1, abs=0.3)
    assert found.feedback.startswith("It improves val_height by 0.5 ± 0 m against the template")
    assert "on 4 seeds" in found.feedback


def test_one_that_is_far_behind_is_not_run_on(measure: Measure) -> None:
    found = measure("far behind")
    assert (found.ok, found.over, found.metrics["seeds"]) == (True, True, 1.0)
    assert found.combined_score < -3
    assert "not run on more seeds" in found.feedback


def test_what_a_stage_has_measured_is_not_run_again(
    measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = measure("good", stage="first")
    assert first.metrics["seeds"] == 1
    assert THRESHOLD < first.combined_score < 0.5, "one seed is less sure"
    seeds: list[list[int]] = []
    from bonsai.engines import evaluator

    run = evaluator.run_fresh_seeds

    def listening(*arguments: Any, **options: Any) -> Any:
        seeds.append(list(options["seeds"]))
        return run(*arguments, **options)

    monkeypatch.setattr(evaluator, "run_fresh_seeds", listening)
    found = measure("good", known=Scores.model_validate(first.scores))
    assert found.combined_score == pytest.approx(0.5)
    assert [len(each) for each in seeds] == [3]


def test_a_smoke_test_says_no_more_than_that_it_works(measure: Measure) -> None:
    found = measure("good", stage="smoke")
    assert (found.ok, found.combined_score, found.metrics) == (True, PASSED, {})


def test_noise_counts_against_a_candidate() -> None:
    own = [1.2, 1.0, 1.4, 1.0]
    base = [1.0, 1.0, 1.0, 1.0]
    template = Template(TOY)
    name = template.scorer.selection

    def scores(values: list[float]) -> Scores:
        means = {name: sum(values) / 4}
        return Scores(dataset="d", means=means, stderrs={name: None}, per_seed={name: values},
                      seeds=[5, 6, 7, 8])  # fmt: skip

    found = compare(template, scores(own), scores(base), 4, "all")
    assert found.metrics["difference"] == pytest.approx(0.15)
    assert found.metrics["stderr"] == pytest.approx(0.0957, abs=1e-4)
    assert found.combined_score == pytest.approx(0.15 - 0.0957, abs=1e-4)


# ----------------------------------------------------------------------------------- what is not


@pytest.mark.parametrize(
    "name",
    [*FAST, *(pytest.param(n, marks=pytest.mark.slow) for n in FAILS if n not in FAST)],
)
def test_what_cannot_be_measured_is_below_all_that_can_and_is_told_why(
    name: str, measure: Measure, task: tuple[Task, Path]
) -> None:
    folder = task[1]
    if name == "spies" and sandbox.problem():
        pytest.skip("without walls there is a way")
    found = measure(name)
    assert (found.ok, found.over, found.combined_score) == (False, True, FAILED)
    assert FAILS[name] in found.feedback
    kinds = {"crashes": "broken", "spies": "broken", "ignores its seed": "fabricates"}
    assert found.kind == kinds.get(name, name)
    assert survivors(folder) == []


@pytest.mark.slow
def test_a_run_that_lasts_many_times_the_templates_is_too_slow(task: tuple[Task, Path]) -> None:
    patient, folder = task[0].model_copy(update={"limits": {**LIMITS, "run_seconds": 3.0}}), task[1]
    text = (folder / "initial.py").read_text()
    slow = text.replace("time.sleep(0.05)", "time.sleep(0.05 if arguments.smoke else 9)")
    found = evaluate(patient, folder, slow.encode())
    assert (found.kind, found.combined_score) == ("too slow", FAILED)
    assert found.feedback.startswith("It is too slow: the run was killed")


def test_without_walls_an_edit_of_the_harness_is_undone(tmp_path: Path) -> None:
    task, folder, _ = exported("openevolve", tmp_path)
    bare = task.model_copy(update={"sandbox": "off"})
    reached = f"""
    import pathlib
    for name in ("template/score.py", "task.json", "template/more.py"):
        pathlib.Path({str(folder)!r}, name).write_text("SEEDS = ()")
"""
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    text = (folder / "initial.py").read_text()
    found = evaluate(bare, folder, text.replace(MAIN, MAIN + reached).encode())
    assert (found.kind, found.combined_score) == ("edits the harness", FAILED)
    assert "more.py, score.py and task.json changed while it ran" in found.feedback
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_changed_harness_is_nobodys_failure(tmp_path: Path) -> None:
    task, folder, _ = exported("openevolve", tmp_path)
    (folder / "template" / "score.py").write_text("SEEDS = ()\n")
    with pytest.raises(Trouble, match="the harness was changed"):
        evaluate(task, folder, b"nonsense")


@pytest.mark.slow
def test_of_a_program_that_reports_its_own_scores_the_report_must_stay(tmp_path: Path) -> None:
    template = tmp_path / "stranger"
    template.mkdir()
    body = "import random\nrandom.seed(3)\nlift = 0.0\nacc = 0.8 + lift + random.gauss(0, 0.01)"
    info = "{'digits': {'means': {'accuracy': acc}}}"
    (template / "experiment.py").write_text(STRANGER.format(options="", body=body, info=info))
    prompt = {"system": "s", "task_description": "An odd\ttext \u2028 for YAML: \U0001f600"}
    (template / "prompt.json").write_text(json.dumps(prompt))
    found = established(Template(template), this_machine(1))
    folder = tmp_path / "task"
    folder.mkdir()
    task = make_task(found, "digits", threads=1)
    openevolve.export(found, folder, task, Service())
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert config["prompt"]["system_message"].startswith(f"s\n\n{prompt['task_description']}\n\n")
    task, text = Task.load(folder), (folder / "initial.py").read_text()
    better = evaluate(task, folder, text.replace("acc = 0.8", "acc = 0.9").encode())
    assert better.combined_score == pytest.approx(0.1)
    assert "code that computes the metrics changed" in better.feedback
    for fake in ("{'accuracy': 0.99}", "{'accuracy': acc + 0.1}"):
        found_out = evaluate(task, folder, text.replace("{'accuracy': acc}", fake).encode())
        assert (found_out.kind, found_out.combined_score) == ("fabricates", FAILED)


# ---------------------------------------------------------------------------------- evaluate.py


def called(folder: Path, program: Path, results: Path) -> list[str]:
    """The command by which ShinkaEvolve has a program measured."""
    return [
        *(sys.executable, "-I", str(folder / "evaluate.py")),
        *("--program_path", str(program), "--results_dir", str(results)),
    ]


def test_shinka_finds_what_it_expects(
    task: tuple[Task, Path], made: dict[str, str], tmp_path: Path
) -> None:
    _, folder = task
    copy = folder / "results" / "evaluate.py"  # it copies the file into its results
    copy.parent.mkdir(exist_ok=True)
    copy.write_text((folder / "evaluate.py").read_text())
    for name in ("good", "crashes"):
        (tmp_path / "main.py").write_text(made[name])
        command = called(copy.parent, tmp_path / "main.py", tmp_path / name)
        subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    metrics, correct = (
        json.loads((tmp_path / "good" / name).read_text())
        for name in ("metrics.json", "correct.json")
    )
    assert correct == {"correct": True, "error": None}
    assert metrics["combined_score"] == pytest.approx(0.5)
    assert metrics["public"]["val_height"] == pytest.approx(1.5, abs=0.3)
    assert metrics["text_feedback"].startswith("It improves val_height")
    metrics, correct = (
        json.loads((tmp_path / "crashes" / name).read_text())
        for name in ("metrics.json", "correct.json")
    )
    assert correct["correct"] is False
    assert correct["error"].startswith("broken: It breaks: --smoke ended with exit code 1")
    assert (metrics["combined_score"], metrics["public"]) == (FAILED, {})
    assert metrics["extra_data"]["failure"] == "broken"


@pytest.mark.slow
def test_openevolve_goes_from_stage_to_stage(
    task: tuple[Task, Path], made: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "candidate.py").write_text(made["good"])
    done = subprocess.run(
        [sys.executable, "-c", STAGES, str(tmp_path / "candidate.py")],
        cwd=task[1], capture_output=True, text=True, check=True,
    )  # fmt: skip
    smoke, first, every = map(json.loads, done.stdout.splitlines())
    assert smoke == {"combined_score": PASSED}
    assert (first["seeds"], every["seeds"]) == (1, 4)
    assert every["combined_score"] == pytest.approx(0.5)


def test_trouble_of_the_evaluator_is_told_as_such(tmp_path: Path) -> None:
    _, folder, _ = exported("shinka", tmp_path)
    (folder / "template" / "score.py").write_text("SEEDS = ()\n")
    command = called(folder, folder / "initial.py", tmp_path / "results")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "no program can be measured: the harness was changed" in done.stderr
    correct = json.loads((tmp_path / "results" / "correct.json").read_text())
    assert "that is not its fault" in correct["error"]
    (folder / "task.json").unlink()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "there is no task.json" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_whoever_ends_evaluate_ends_all_that_it_has_started(
    number: signal.Signals, task: tuple[Task, Path], made: dict[str, str], tmp_path: Path
) -> None:
    """An engine's time-out kills no more than its child."""
    folder = task[1]
    text = made["leaves a process"].replace("time.sleep(0.05)", "time.sleep(1 + 3600)")
    (tmp_path / "main.py").write_text(text)
    command = called(folder, tmp_path / "main.py", tmp_path / "results")
    with subprocess.Popen(command) as process:
        deadline = time.monotonic() + 20
        while (
            len(survivors(folder)) < 2 and time.monotonic() < deadline
        ):  # the evaluator, and a sleep
            time.sleep(0.05)
        assert len(survivors(folder)) >= 2
        process.send_signal(number)
    deadline = time.monotonic() + 20
    while survivors(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert survivors(folder) == []


def test_no_key_is_handed_on(task: tuple[Task, Path], tmp_path: Path) -> None:
    spy = tmp_path / "python"
    spy.write_text("#!/bin/sh\nenv >&2\nexit 3\n")
    spy.chmod(0o755)
    done = subprocess.run(
        called(task[1], task[1] / "initial.py", tmp_path / "results"),
        env={**os.environ, "OPENAI_API_KEY": KEY, "SOME_TOKEN": KEY, "HF_secret": KEY,
             "BONSAI_PYTHON": str(spy)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "PATH=" in done.stderr
    assert KEY not in done.stderr
