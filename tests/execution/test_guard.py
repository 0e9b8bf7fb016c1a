"""The guard: hashes decide what was changed, and what may not be is put back."""

from __future__ import annotations

import os
import time
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


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _folder(path: Path) -> None:
    (path / "inside").mkdir(parents=True)
    (path / "inside" / "file").write_text("x")


def _deep(path: Path) -> None:
    above = path
    for _ in range(60):
        above = above / "d"
    above.mkdir(parents=True)


IN_ITS_PLACE = {
    "a pipe": _pipe,
    "a folder": _folder,
    "a link": lambda path: path.symlink_to("/etc/passwd"),
    "a tree": _deep,
}


@pytest.mark.parametrize("kind", IN_ITS_PLACE)
@pytest.mark.parametrize("name", ["notes.txt", "score.py", "run_0/final_info.json", "new"])
def test_whatever_stands_in_a_files_place_goes_and_the_file_comes_back(
    workspace: Path, name: str, kind: str
) -> None:
    snapshot = Snapshot.of(workspace)
    (workspace / name).unlink(missing_ok=True)
    IN_ITS_PLACE[kind](workspace / name)
    assert out_of_scope(snapshot, EDITABLE)
    assert snapshot.changed() == []
    if name != "new":
        assert (workspace / name).read_text() == f"# {name}\n"


def test_a_folder_that_became_a_file_or_a_link_becomes_a_folder_again(workspace: Path) -> None:
    snapshot = Snapshot.of(workspace)
    (workspace / "run_0" / "final_info.json").unlink()
    (workspace / "run_0").rmdir()
    (workspace / "run_0").symlink_to("/tmp")
    assert set(out_of_scope(snapshot, EDITABLE)) == {"run_0", "run_0/final_info.json"}
    assert snapshot.changed() == []
    assert not (workspace / "run_0").is_symlink()


def test_another_name_of_a_file_is_no_file_of_its_own(workspace: Path) -> None:
    snapshot = Snapshot.of(workspace)
    os.link(workspace / "run_0" / "final_info.json", workspace / "figure.png")
    assert "figure.png" in out_of_scope(snapshot, EDITABLE)
    assert snapshot.changed() == []
    assert (workspace / "run_0" / "final_info.json").read_text() == "# run_0/final_info.json\n"


@pytest.mark.parametrize(
    "code",
    [
        "(" * 5000,
        "x = " + "-" * 200_000 + "1",
        "\x00",
        "\ufeff" * 3,
        "a" * 3_000_000,
        "if 1:\n" * 99,
    ],
    ids=["nested", "minus", "null", "marks", "long", "unfinished"],
)
def test_code_that_chokes_a_parser_is_told_in_one_line(tmp_path: Path, code: str) -> None:
    (tmp_path / "experiment.py").write_text(code)
    problem = syntax_problem(tmp_path / "experiment.py")
    assert problem
    assert "experiment.py" in problem.splitlines()[0]


def test_tens_of_thousands_of_new_files_are_gone_through_in_seconds(workspace: Path) -> None:
    snapshot = Snapshot.of(workspace)
    (workspace / "run_1").mkdir()
    for number in range(30_000):
        (workspace / "run_1" / str(number)).touch()
    started = time.monotonic()
    assert out_of_scope(snapshot, snapshot.changed()) == []
    assert time.monotonic() - started < 10
