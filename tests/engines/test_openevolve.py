"""OpenEvolve: a task that it evolves as it is, and what it leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from bonsai.base import BonsaiError
from bonsai.engines import openevolve
from bonsai.engines.evaluation import FAILED, PASSED, THRESHOLD
from tests.engines.real_engines import (
    AMOUNT,
    FAILS,
    KEY,
    Evolved,
    check_the_verdict,
    check_what_is_left,
    evolve,
    exported,
    judged,
    survivors,
)
from tests.engines.scripted import current_program


@pytest.fixture(scope="module")
def evolved(tmp_path_factory: pytest.TempPathFactory) -> Evolved:
    return evolve("openevolve", "openevolve", tmp_path_factory.mktemp("oe"), "--iterations")


def checkpoint(evolved: Evolved) -> Path:
    """The programs of the last one."""
    output = evolved.folder / "openevolve_output"
    return output / "checkpoints" / f"checkpoint_{AMOUNT}" / "programs"


@pytest.fixture(scope="module")
def recorded(evolved: Evolved) -> dict[str, dict[str, Any]]:
    """What OpenEvolve has written of each program that was proposed, by its name."""
    found = [json.loads(file.read_text()) for file in checkpoint(evolved).glob("*.json")]
    return {
        name: next(each for each in found if each["code"].strip() == text.strip())
        for name, text in evolved.programs.items()
    }


# ------------------------------------------------------------------------------ with the real one


@pytest.mark.slow
def test_the_real_one_runs_the_task_as_it_is(evolved: Evolved) -> None:
    assert evolved.done.returncode == 0, evolved.done.stderr[-3000:]
    assert len(evolved.model.bodies) == AMOUNT, "and asks for nothing else"
    assert set(evolved.model.keys) == {KEY}
    assert survivors(evolved.folder) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", FAILS)
def test_what_fails_is_ranked_last_and_told_why(
    name: str, recorded: dict[str, dict[str, Any]]
) -> None:
    assert recorded[name]["metrics"]["combined_score"] == FAILED
    feedback = json.loads(recorded[name]["artifacts_json"])["feedback"]
    assert FAILS[name] in feedback


@pytest.mark.slow
def test_the_others_have_what_was_measured(recorded: dict[str, dict[str, Any]]) -> None:
    scores = {name: each["metrics"]["combined_score"] for name, each in recorded.items()}
    assert scores["good"] == pytest.approx(0.5)
    assert scores["good once more"] == pytest.approx(0.25)
    assert (scores["null"], scores["leaves a process"]) == (0, 0)
    assert scores["harmful"] == pytest.approx(-0.05)
    assert -5 < scores["far behind"] < -4
    assert recorded["far behind"]["metrics"]["seeds"] == 1


@pytest.mark.slow
def test_who_changes_a_program_is_told_what_came_of_it(evolved: Evolved) -> None:
    """Which one is changed next, OpenEvolve draws; so each request is held against its own."""
    written = [json.loads(file.read_text()) for file in checkpoint(evolved).glob("*.json")]
    feedback = {
        each["code"].strip(): json.loads(each["artifacts_json"])["feedback"] for each in written
    }
    for body in evolved.model.bodies:
        asked = body["messages"]
        assert "experiment.py says how high it is." in asked[0]["content"]
        assert feedback[current_program(asked).strip()] in asked[-1]["content"]


@pytest.mark.slow
def test_what_the_real_one_left_is_read(evolved: Evolved) -> None:
    for path in (evolved.folder / "openevolve_output", evolved.folder):
        left = openevolve.read(path)
        check_what_is_left(left, evolved)
    assert left is not None
    assert left.best[0].metrics["combined_score"] == pytest.approx(0.5)
    assert left.best[0].metrics["height"] == pytest.approx(1.5, abs=0.3)


@pytest.mark.slow
def test_what_the_real_one_left_is_judged(evolved: Evolved, tmp_path: Path) -> None:
    check_the_verdict(
        judged(evolved.folder / "openevolve_output", tmp_path / "judged"), "openevolve"
    )


@pytest.mark.slow
def test_trouble_of_the_evaluator_ends_it_before_anything_is_paid_for(tmp_path: Path) -> None:
    """It would take an exception for a bad program, and rank that above working ones."""
    evolved = evolve(
        "openevolve", "openevolve", tmp_path, "--iterations",
        spoil=lambda task: (task / "template" / "score.py").write_text("SEEDS = ()"),
    )  # fmt: skip
    assert evolved.done.returncode != 0
    assert "no program can be measured: the harness was changed" in evolved.done.stderr
    assert evolved.model.bodies == []


# -------------------------------------------------------------------------------------- the export


def test_its_configuration_says_where_the_model_is_and_holds_no_key(tmp_path: Path) -> None:
    _, folder, commands = exported("openevolve", tmp_path, "http://localhost:9/v1")
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert config["llm"]["api_base"] == "http://localhost:9/v1"
    assert config["llm"]["models"] == [{"name": "anything", "weight": 1.0}]
    assert config["llm"]["api_key"] == "${OPENAI_API_KEY}"
    assert "experiment.py says how high it is." in config["prompt"]["system_message"]
    assert "EVOLVE-BLOCK-START" in (folder / "initial.py").read_text()
    first, second = config["evaluator"]["cascade_thresholds"]
    assert FAILED < first == second == THRESHOLD < PASSED
    assert commands[1].startswith(f"openevolve-run {folder}/initial.py {folder}/evaluate.py")
    assert (folder / "task.json").is_file()
    assert "bonsai judge openevolve_output" in (folder / "README.md").read_text()


# ------------------------------------------------------------------------------------- the reading


def leave(folder: Path, *programs: dict[str, Any], checkpoint: int = 10) -> Path:
    """An output folder with a checkpoint of these programs."""
    place = folder / "openevolve_output" / "checkpoints" / f"checkpoint_{checkpoint}" / "programs"
    place.mkdir(parents=True)
    for number, each in enumerate(programs):
        (place / f"{number}.json").write_text(json.dumps(each))
    if programs:
        (place.parent / "best_program.py").write_text(str(programs[-1]["code"]))
        (place.parent / "best_program_info.json").write_text(json.dumps(programs[-1]))
    return folder / "openevolve_output"


def program(code: str, iteration: int, score: float, parent: str | None = "a") -> dict[str, Any]:
    metrics = {"combined_score": score, "accuracy": 90.0, "timeout": True, "odd": "text"}
    return {"code": code, "iteration_found": iteration, "metrics": metrics, "parent_id": parent}


def test_the_last_checkpoint_is_what_it_kept(tmp_path: Path) -> None:
    leave(tmp_path, program("old", 1, 1.0), checkpoint=5)
    output = leave(
        tmp_path,
        program("start", 0, 0.0, None), program("start", 0, 0.0, "a"),
        program("worse", 2, -1.0), program("broken", 3, FAILED), program("worse", 4, -1.0),
        program("one", 7, 1.0), program("two", 7, 2.0),
    )  # fmt: skip
    left = openevolve.read(output)
    assert left is not None
    assert [(each.name, each.source) for each in left.candidates] == [
        ("iteration_0", b"start"), ("iteration_2", b"worse"), ("iteration_7", b"one"),
        ("iteration_7_2", b"two"),
    ]  # fmt: skip
    assert left.best == [left.candidates[-1]]
    assert left.best[0].metrics == {"combined_score": 2.0, "accuracy": 90.0}
    assert (left.task, left.before) == (None, None)


def test_its_best_is_what_it_has_written_as_that(tmp_path: Path) -> None:
    output = leave(tmp_path, program("worse", 1, -1.0), program("two", 2, 2.0))
    (output / "best").mkdir()
    (output / "best" / "best_program.py").write_text("best")
    info = {"metrics": {"combined_score": 3.0}}
    (output / "best" / "best_program_info.json").write_text(json.dumps(info))
    left = openevolve.read(tmp_path)
    assert left is not None
    assert [each.source for each in left.best] == [b"best"]
    assert left.best[0].metrics == {"combined_score": 3.0}
    assert [each.source for each in left.candidates] == [b"worse", b"two", b"best"]


def test_another_folder_is_not_its(tmp_path: Path) -> None:
    assert openevolve.read(tmp_path) is None
    assert openevolve.read(tmp_path / "none") is None


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: (path / "checkpoints").mkdir(parents=True), "no best/best_program.py and no"),
        (lambda path: leave(path.parent), "holds no program: OpenEvolve 0.4.1 writes"),
        (lambda path: leave(path.parent, {"code": "x", "metrics": {}}), "no other version is read"),
        (lambda path: leave(path.parent, {"code": [], "iteration_found": 1}), "no other version"),
        (lambda path: _tear(leave(path.parent, program("x", 1, 1.0))), "is not JSON"),
        (lambda path: leave(path.parent, program("x", 1, FAILED)), "has worked"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_sentence(make: Any, said: str, tmp_path: Path) -> None:
    make(tmp_path / "openevolve_output")
    with pytest.raises(BonsaiError, match=said) as error:
        openevolve.read(tmp_path)
    assert "\n" not in str(error.value)


def test_of_several_folders_one_must_be_named(tmp_path: Path) -> None:
    for name in ("first", "second"):
        leave(tmp_path / name, program("x", 1, 1.0)).rename(tmp_path / f"output_{name}")
    with pytest.raises(BonsaiError, match="several folders of OpenEvolve"):
        openevolve.read(tmp_path)


def _tear(output: Path) -> None:
    for file in output.rglob("*.json"):
        file.write_text(file.read_text()[:30])
