"""The runner's git: nothing that lies in a workspace has a program run, or bytes changed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from bonsai.base import BonsaiError
from bonsai.execution import repository
from bonsai.execution.repository import Repository


@pytest.fixture
def kept(tmp_path: Path) -> Repository:
    (tmp_path / "work").mkdir()
    found = Repository(tmp_path / "work")
    found.init()
    (found.folder / "experiment.py").write_bytes(b"x = 1\n")
    found.commit("first")
    return found


def _trap(tmp_path: Path) -> tuple[str, Path]:
    """A command that leaves a trace, and the trace."""
    trace = tmp_path / "trace"
    script = tmp_path / "trap.sh"
    script.write_text(f"#!/bin/sh\ntouch {trace}\ncat\n")
    script.chmod(0o755)
    return str(script), trace


CONFIGS = {
    "a filter": '[filter "evil"]\n\tclean = {trap}\n\tsmudge = {trap}\n',
    "a monitor": "[core]\n\tfsmonitor = {trap}\n",
    "hooks": "[core]\n\thooksPath = {folder}\n",
    "a differ": '[diff "evil"]\n\tcommand = {trap}\n\ttextconv = {trap}\n',
    "an include": "[include]\n\tpath = {folder}/more\n",
    "another tree": "[core]\n\tworktree = /\n",
    "a pager": "[core]\n\tpager = {trap}\n\teditor = {trap}\n",
}


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_config_that_names_programs_is_not_obeyed(
    kept: Repository, tmp_path: Path, kind: str
) -> None:
    trap, trace = _trap(tmp_path)
    with (kept.folder / ".git" / "config").open("a") as file:
        file.write(CONFIGS[kind].format(trap=trap, folder=tmp_path))
    (tmp_path / "pre-commit").symlink_to(trap)
    (tmp_path / "more").write_text(CONFIGS["a filter"].format(trap=trap))
    (kept.folder / ".gitattributes").write_text("* filter=evil diff=evil\n")
    (kept.folder / "experiment.py").write_bytes(b"x = 2\n")
    commit = kept.commit("second")
    (kept.folder / "experiment.py").write_bytes(b"x = 3\n")
    assert kept.restore(commit) == ["experiment.py"]
    assert (kept.folder / "experiment.py").read_bytes() == b"x = 2\n"
    assert not trace.exists()


@pytest.mark.parametrize(
    "attributes",
    [
        "* text eol=crlf",
        "* working-tree-encoding=UTF-16",
        "* ident",
        "* filter=nothing",
        "* binary",
    ],
)
def test_attributes_change_no_byte(kept: Repository, attributes: str) -> None:
    content = "x = 'ä' # $Id$\r\ny = 2\n".encode()
    (kept.folder / ".gitattributes").write_text(attributes)
    (kept.folder / "experiment.py").write_bytes(content)
    commit = kept.commit("second")
    (kept.folder / "experiment.py").unlink()
    kept.restore(commit)
    assert (kept.folder / "experiment.py").read_bytes() == content


def test_a_repository_that_became_a_link_or_a_pointer_is_refused(
    kept: Repository, tmp_path: Path
) -> None:
    (kept.folder / ".git").rename(tmp_path / "elsewhere")
    for stand_in in (
        lambda path: path.symlink_to(tmp_path / "elsewhere"),
        lambda path: path.write_text(f"gitdir: {tmp_path / 'elsewhere'}\n"),
        lambda path: os.mkfifo(path),
    ):
        stand_in(kept.folder / ".git")
        with pytest.raises(BonsaiError, match="git repository"):
            kept.commit("second")
        (kept.folder / ".git").unlink()


def test_what_a_killed_program_left_is_gone_after_a_restore(kept: Repository) -> None:
    commit = kept.commit("second")
    out = kept.folder / "run_1"
    out.mkdir()
    os.mkfifo(out / "pipe")
    (out / ".gitignore").write_text("*\n")
    (out / "within").mkdir()
    subprocess.run(["git", "init", "--quiet", str(out / "within")], check=True)
    above = os.open(out, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("d" * 50, dir_fd=above)
        below = os.open("d" * 50, os.O_RDONLY, dir_fd=above)
        os.close(above)
        above = below
    os.close(above)
    kept.restore(commit)
    assert [path.name for path in kept.folder.iterdir() if path.name != ".git"] == ["experiment.py"]


def test_a_git_that_does_not_end_is_given_up(
    kept: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nsleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(repository, "GIT_SECONDS", 0.5)
    with pytest.raises(BonsaiError, match=r"git add in .* did not end within 0\.5 s"):
        kept.commit("second")
