"""The guard: hashes decide what was changed, and what may not be is put back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bonsai.execution.guard import Snapshot, out_of_scope, syntax_problem

EDITABLE = ("experiment.py", "plot.py", "notes.txt")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    for name in (*EDITABLE, "score.py", "run_0/final_info.json", ".git/config"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"# {name}\n")
    return tmp_path


def test_an_edit_of_an_editable_file_stays(workspace: Path) -> None:
    snapshot = Snapshot.of(workspace)
    (workspace / "experiment.py").write_text("x = 1\n")
    assert out_of_scope(snapshot, EDITABLE) == []
    assert snapshot.changed() == ["experiment.py"]


@pytest.mark.parametrize("name", ["score.py", "run_0/final_info.json", ".git/config"])
def test_a_frozen_file_is_put_back(workspace: Path, name: str) -> None:
    snapshot = Snapshot.of(workspace)
    (workspace / name).write_text("accuracy = 100\n")
    assert out_of_scope(snapshot, EDITABLE) == [name]
    assert (workspace / name).read_text() == f"# {name}\n"


def test_a_new_file_is_removed_and_a_deleted_one_comes_back(workspace: Path) -> None:
    snapshot = Snapshot.of(workspace)
    (workspace / "sitecustomize.py").write_text("import os\n")
    (workspace / "score.py").unlink()
    (workspace / "experiment.py").unlink()
    assert out_of_scope(snapshot, EDITABLE) == ["experiment.py", "score.py", "sitecustomize.py"]
    assert not (workspace / "sitecustomize.py").exists()
    assert (workspace / "score.py").exists()
    assert (workspace / "experiment.py").exists()


def test_a_symbolic_link_in_place_of_a_file_is_undone_not_followed(
    workspace: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "precious.txt"
    outside.write_text("precious")
    snapshot = Snapshot.of(workspace)
    for name in ("score.py", "experiment.py"):
        (workspace / name).unlink()
        (workspace / name).symlink_to(outside)
    assert out_of_scope(snapshot, EDITABLE) == ["experiment.py", "score.py"]
    assert outside.read_text() == "precious"
    assert not (workspace / "score.py").is_symlink()
    assert (workspace / "experiment.py").read_text() == "# experiment.py\n"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    changes=st.dictionaries(
        st.sampled_from(["score.py", "run_0/final_info.json", "new.py", "deep/er/new.txt"]),
        st.one_of(st.none(), st.binary(max_size=20)),
    )
)
def test_whatever_is_done_to_frozen_files_is_undone(
    workspace: Path, changes: dict[str, bytes | None]
) -> None:
    snapshot = Snapshot.of(workspace)
    for name, content in changes.items():
        path = workspace / name
        if content is None:
            path.unlink(missing_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    out_of_scope(snapshot, EDITABLE)
    assert snapshot.changed() == []
    assert Snapshot.of(workspace).contents == snapshot.contents


def test_a_syntax_error_is_told_with_line_and_text(tmp_path: Path) -> None:
    path = tmp_path / "experiment.py"
    path.write_text("x = 1\ndef train(:\n    pass\n")
    problem = syntax_problem(path)
    assert problem is not None
    assert problem.startswith("experiment.py, line 2: ")
    assert "def train(:" in problem


@pytest.mark.parametrize("content", [b"\x00", b"\xff\xfe\x00", b"x = '\x00'"])
def test_bytes_that_are_no_python_are_a_sentence_too(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "experiment.py"
    path.write_bytes(content)
    assert "experiment.py" in (syntax_problem(path) or "")


def test_python_that_parses_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "experiment.py"
    path.write_text("x = 1\n")
    assert syntax_problem(path) is None
