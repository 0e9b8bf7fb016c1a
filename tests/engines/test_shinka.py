"""ShinkaEvolve: a task that it evolves as it is, and what it leaves."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from bonsai.base import BonsaiError
from bonsai.engines import shinka
from bonsai.engines.evaluation import FAILED
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

REFUSED = "edits the harness"  # which ShinkaEvolve undoes before anybody has it measured


@pytest.fixture(scope="module")
def evolved(tmp_path_factory: pytest.TempPathFactory) -> Evolved:
    folder = tmp_path_factory.mktemp("shinka")
    return evolve("shinka", "shinka-evolve", folder, "--num_generations")


@pytest.fixture(scope="module")
def recorded(evolved: Evolved) -> dict[str, dict[str, Any]]:
    """What ShinkaEvolve has written of each program that was proposed, by its name."""
    with closing(sqlite3.connect(evolved.folder / "results" / "programs.sqlite")) as connection:
        connection.row_factory = sqlite3.Row
        found = [dict(row) for row in connection.execute("SELECT * FROM programs")]
    return {
        name: next(each for each in found if each["code"].strip() == text.strip())
        for name, text in evolved.programs.items()
        if name != REFUSED
    }


# ------------------------------------------------------------------------------ with the real one


@pytest.mark.slow
def test_the_real_one_runs_the_task_as_it_is(evolved: Evolved) -> None:
    assert evolved.done.returncode == 0, evolved.done.stderr[-3000:]
    assert AMOUNT - 1 <= len(evolved.model.bodies) <= AMOUNT + 3, "and asks for little else"
    assert set(evolved.model.keys) == {KEY}
    assert survivors(evolved.folder) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in FAILS if name != REFUSED])
def test_what_fails_is_not_taken_for_correct_and_told_why(
    name: str, recorded: dict[str, dict[str, Any]]
) -> None:
    assert (recorded[name]["correct"], recorded[name]["combined_score"]) == (0, FAILED)
    assert FAILS[name] in recorded[name]["text_feedback"]


@pytest.mark.slow
def test_the_others_have_what_was_measured(recorded: dict[str, dict[str, Any]]) -> None:
    scores = {name: each["combined_score"] for name, each in recorded.items()}
    assert scores["good"] == pytest.approx(0.5)
    assert scores["good once more"] == pytest.approx(0.25)
    assert (scores["null"], scores["leaves a process"]) == (0, 0)
    assert scores["harmful"] == pytest.approx(-0.05)
    assert -5 < scores["far behind"] < -4


@pytest.mark.slow
def test_the_next_proposal_is_told_what_came_of_the_one_before(evolved: Evolved) -> None:
    asked = json.dumps([body["messages"] for body in evolved.model.bodies])
    assert "additional text feedback about the current program" in asked
    assert "It does not change val_height" in asked
    assert "experiment.py says how high it is." in asked


@pytest.mark.slow
def test_what_the_real_one_left_is_read(evolved: Evolved) -> None:
    for path in (evolved.folder / "results", evolved.folder):
        left = shinka.read(path)
        check_what_is_left(left, evolved)
    assert left is not None
    assert left.best[0].metrics["combined_score"] == pytest.approx(0.5)
    assert left.best[0].metrics["height"] == pytest.approx(1.5, abs=0.3)
    assert Path(left.best[0].origin).read_bytes() == left.best[0].source


@pytest.mark.slow
def test_what_the_real_one_left_is_judged(evolved: Evolved, tmp_path: Path) -> None:
    check_the_verdict(judged(evolved.folder / "results", tmp_path / "judged"), "shinka")


# -------------------------------------------------------------------------------------- the export


def test_its_configuration_says_where_the_model_is_and_holds_no_key(tmp_path: Path) -> None:
    _, folder, commands = exported("shinka", tmp_path, "http://localhost:9/v1")
    config = yaml.safe_load((folder / "shinka.yaml").read_text())
    assert config["evo"]["llm_models"] == [
        "local/anything@http://localhost:9/v1?api_key_env=OPENAI_API_KEY"
    ]
    assert config["evo"]["embedding_model"] is None, "no other service is asked"
    assert "experiment.py says how high it is." in config["evo"]["task_sys_msg"]
    assert commands[1].startswith(f"shinka_run --task-dir {folder} --config-fname shinka.yaml")
    assert "EVOLVE-BLOCK-START" in (folder / "initial.py").read_text()
    assert "bonsai judge results" in (folder / "README.md").read_text()


def test_an_address_that_it_cannot_be_told_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BonsaiError, match="its address begins with http; found anything at lm:9"):
        exported("shinka", tmp_path, "lm:9")


# ------------------------------------------------------------------------------------- the reading

ROWS = (  # code, generation, parent, score, correct
    ("start", 0, None, 0.0, 1),
    ("start", 0, "a", 0.0, 1),
    ("worse", 1, "a", -1.0, 1),
    ("broken", 2, "a", FAILED, 0),
    ("good", 3, "a", 2.0, 1),
    ("good too", 3, "a", 1.0, 1),
    ("worse", 4, "a", -1.0, 1),
)


def leave(folder: Path, *rows: tuple[Any, ...], without: str = "") -> Path:
    """A results folder with a database of these programs."""
    folder.mkdir(parents=True)
    columns = ["code TEXT", "generation INTEGER", "parent_id TEXT", "combined_score REAL",
               "correct BOOLEAN", "public_metrics TEXT", "private_metrics TEXT",
               "timestamp REAL"]  # fmt: skip
    with closing(sqlite3.connect(folder / "programs.sqlite")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        kept = [each for each in columns if not without or without not in each]
        connection.execute(f"CREATE TABLE programs ({', '.join(kept)})")
        for number, row in enumerate(rows):
            values = (*row, '{"accuracy": 90.0, "odd": "text"}', "{}", float(number))
            connection.execute("INSERT INTO programs VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
        connection.commit()
    return folder


def test_the_programs_that_worked_are_read_and_the_highest_is_its_best(tmp_path: Path) -> None:
    left = shinka.read(leave(tmp_path / "results", *ROWS))
    assert left is not None
    assert [(each.name, each.source) for each in left.candidates] == [
        ("gen_1", b"worse"), ("gen_3", b"good"), ("gen_3_2", b"good too"),
    ]  # fmt: skip
    assert [each.source for each in left.best] == [b"good"]
    assert left.best[0].metrics == {"accuracy": 90.0, "combined_score": 2.0}
    assert left.best[0].origin == str(tmp_path / "results" / "gen_3" / "main.py")


def test_its_best_is_what_it_has_copied_as_that(tmp_path: Path) -> None:
    results = leave(tmp_path / "results", *ROWS)
    (results / "best").mkdir()
    (results / "best" / "main.py").write_text("good too")
    left = shinka.read(tmp_path)
    assert left is not None
    assert [each.source for each in left.best] == [b"good too"]


def test_another_folder_is_not_its(tmp_path: Path) -> None:
    assert shinka.read(tmp_path) is None
    assert shinka.read(tmp_path / "none") is None


def test_where_nothing_was_better_the_first_is_its_best(tmp_path: Path) -> None:
    left = shinka.read(leave(tmp_path / "results", *ROWS[:3]))
    assert left is not None
    assert [each.source for each in left.best] == [b"start"]
    assert left.best[0] in left.candidates


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: leave(path), "has worked"),
        (lambda path: leave(path, ROWS[3]), "has worked"),
        (lambda path: leave(path, without="correct"), "with correct: it is none of ShinkaEvolve"),
        (lambda path: leave(path, ("code", 1, None, None, 1)), "without code, generation or"),
        (lambda path: _write(path / "programs.sqlite", b"no database" * 99), "torn, or none"),
        (lambda path: _tear(leave(path, *ROWS * 200) / "programs.sqlite"), "torn, or none"),
        (lambda path: _write(path / "programs.sqlite", b""), "has no table `programs`"),
        (lambda path: _write(path / "evolution_db.sqlite", b""), "has no programs.sqlite, in"),
        (lambda path: _write(path / "gen_0" / "main.py", b""), "no other version is read"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_sentence(make: Any, said: str, tmp_path: Path) -> None:
    make(tmp_path / "results")
    with pytest.raises(BonsaiError, match=said) as error:
        shinka.read(tmp_path)
    assert "\n" not in str(error.value)


def test_of_several_folders_one_must_be_named(tmp_path: Path) -> None:
    for name in ("first", "second"):
        leave(tmp_path / name)
    with pytest.raises(BonsaiError, match="several folders of ShinkaEvolve"):
        shinka.read(tmp_path)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:9000])
