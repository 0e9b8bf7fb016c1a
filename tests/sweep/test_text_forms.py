"""A template whose files have other line ends and encodings: edits change what they mean to."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests import sweeps
from tests.crashes import BRISK
from tests.fake_model import HANGS, FakeModel, Says
from tests.sweep.test_live_sweep import EDIT, FINISHED, KEY, PLAN

IDEA = ("--ideas", "higher", "--out", "res", "--max-runs", "1")
ONE_LOOK = ("--confirm-seeds", "2", "--max-confirm-seeds", "2")


def _template(folder: Path) -> tuple[Path, bytes]:
    """Brisk as a Windows editor would save it, in a folder that git would meddle with."""
    template = Path(shutil.copytree(BRISK, folder / "brisk"))
    text = (template / "experiment.py").read_text()
    code = text.replace("\n", "\r\n").encode("utf-8-sig")
    (template / "experiment.py").write_bytes(code)
    plot = (template / "plot.py").read_text()
    latin = f"# coding: latin-1\n{plot}# Größe\n".encode("latin-1")
    (template / "plot.py").write_bytes(latin)
    (template / ".gitattributes").write_text(
        "* text=auto eol=lf\n*.py working-tree-encoding=UTF-16\n"
    )
    return template, code


def _whole(code: bytes) -> str:
    text = code.decode("utf-8-sig").replace("\r\n", "\n")
    return f"experiment.py\n```python\n{text.replace('HEIGHT = 1 ', 'HEIGHT = 300 ')}```\n"


def _show(workspace: Path, subject: str) -> str:
    """`git show --stat` of the commit whose message begins so."""
    command = ["git", "show", "--stat", "--format=%s", f":/^{subject}"]
    done = subprocess.run(command, cwd=workspace, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("agent", ["aider", "rewrite"])
def test_one_line_is_edited_and_the_same_bytes_are_run_on_fresh_seeds(
    tmp_path: Path, agent: str
) -> None:
    template, code = _template(tmp_path)
    aider = agent == "aider"
    plan = PLAN if aider else "notes.txt\n```\n# brisk: notes\n\n## Plan\nHigher.\n```\n"
    model = FakeModel(Says(plan), Says(EDIT if aider else _whole(code)), Says(FINISHED))
    with model.serving():
        done = sweeps.run(
            *("run", str(template), *IDEA, *ONE_LOOK, "--agent", agent),
            *("--model", "openai/anything", "--api-base", model.url),
            cwd=tmp_path,
            OPENAI_API_KEY=KEY,
        )
    assert done.returncode == 0, done.stderr
    idea = tmp_path / "res" / "brisk" / "higher"
    told = _show(idea / "workspace", "edit: ")
    assert " experiment.py | 2 +-\n" in told
    assert "1 file changed, 1 insertion(+), 1 deletion(-)" in told
    expected = code.replace(b"HEIGHT = 1 ", b"HEIGHT = 300 ")
    assert (idea / "workspace" / "experiment.py").read_bytes() == expected
    assert (idea / "workspace" / "run_1" / "experiment.py").read_bytes() == expected
    fresh = idea / "confirm" / "run_1" / "look_1" / "experiment.py"
    assert fresh.read_bytes() == expected
    baseline = tmp_path / "res" / "brisk" / "confirm" / "look_1" / "experiment.py"
    assert baseline.read_bytes() == code
    plot = (template / "plot.py").read_bytes()
    assert (idea / "workspace" / "plot.py").read_bytes() == plot


@pytest.mark.slow
def test_a_runner_that_dies_in_an_edit_leaves_no_other_form(tmp_path: Path) -> None:
    template, code = _template(tmp_path)
    model = FakeModel(Says(PLAN), HANGS, Says(EDIT), Says(FINISHED))
    with model.serving():
        with sweeps.start(
            *("run", str(template), *IDEA, "--confirm-seeds", "0"),
            *("--model", "openai/anything", "--api-base", model.url),
            cwd=tmp_path,
            OPENAI_API_KEY=KEY,
        ) as process:
            until = time.monotonic() + 100
            while len(model.bodies) < 2 and time.monotonic() < until:
                time.sleep(0.05)
            experiment = tmp_path / "res" / "brisk" / "higher" / "workspace" / "experiment.py"
            assert b"\r" not in experiment.read_bytes(), "as the agent is to see it"
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=60)
        done = sweeps.run("resume", "res", cwd=tmp_path, OPENAI_API_KEY=KEY)
    assert done.returncode == 0, done.stderr
    assert experiment.read_bytes() == code.replace(b"HEIGHT = 1 ", b"HEIGHT = 300 ")
    assert "1 insertion(+), 1 deletion(-)" in _show(experiment.parent, "edit: ")
    restored = [entry for entry in sweeps.entries(tmp_path / "res") if entry.step == "restored"]
    assert "experiment.py" in restored[0].message
