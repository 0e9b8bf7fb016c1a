"""What an agent that runs commands finds around it: it can try what it edits, and no more."""

from __future__ import annotations

import shutil
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bonsai.base import BonsaiError
from bonsai.evaluation import Machine
from bonsai.execution import sandbox
from bonsai.models import Gateway
from bonsai.models.agents import AgentReply, make_agent
from bonsai.settings import Settings
from bonsai.sweep.surroundings import surroundings
from bonsai.templates import Reported, Template
from tests.sweeps import REPOSITORY, TOY

needs_walls = pytest.mark.skipif(bool(sandbox.problem()), reason="no bubblewrap")
SHIPPED = sorted(path.parent for path in (REPOSITORY / "templates").glob("*/experiment.py"))
TRIES = """\
import subprocess, sys
command = [sys.executable, "experiment.py", *sys.argv[2:]]
done = subprocess.run(command, capture_output=True, text=True)
open(sys.argv[1], "w").write(f"{done.returncode}\\n{done.stdout}{done.stderr}")
"""


def _around(template: Template, folder: Path, data: str = "", **settings: Any) -> Any:
    made = Settings(assignments=[], first_fresh_seed=1, **settings)
    machine = Machine(1, threading.Event())
    context: Any = SimpleNamespace(
        template=template, settings=made, machine=machine,
        data=data or template.scorer.datasets[0],
    )  # fmt: skip
    return surroundings(context, "codex", folder)


def _tries(template: Template, folder: Path, *options: str, data: str = "") -> AgentReply:
    """Have an agent run the experiment of a template; what came of it is in its notes."""
    workspace = folder / "workspace"
    shutil.copytree(template.folder, workspace, ignore=shutil.ignore_patterns("__pycache__"))
    (workspace / "notes.txt").write_text("")
    (folder / "tries.py").write_text(TRIES)
    line = f"command:{sys.executable} {folder / 'tries.py'} {{files}} {' '.join(options)}"
    with Gateway(None) as gateway:
        session = gateway.session(folder / "exchanges")
        return make_agent(line).edit(
            workspace, "Try it.", ["notes.txt"], session, 300, _around(template, folder, data)
        )


def _notes(folder: Path) -> list[str]:
    return (folder / "workspace" / "notes.txt").read_text().splitlines()


@needs_walls
@pytest.mark.parametrize(
    "folder",
    [TOY, *(pytest.param(path, marks=pytest.mark.slow) for path in SHIPPED)],
    ids=lambda path: path.name,
)
def test_it_can_try_the_experiment_of_every_template(folder: Path, tmp_path: Path) -> None:
    reply = _tries(Template(folder), tmp_path, "--smoke", "--out_dir", "run_try")
    assert not reply.problem, reply
    code, *told = _notes(tmp_path)
    assert code == "0", "\n".join(told)


@needs_walls
@pytest.mark.slow
@pytest.mark.parametrize("name", ["fashion_mnist", "gene_network_pruning"])
def test_it_tries_it_on_the_data_of_the_sweep(name: str, tmp_path: Path) -> None:
    """That which `score.py` prepares, of the second, as well as that which the kit has."""
    template = Template(REPOSITORY / "templates" / name)
    _tries(template, tmp_path, "--smoke", "--out_dir", "run_try", data="mini")
    code, *told = _notes(tmp_path)
    assert code == "0", "\n".join(told)
    assert any("mini" in line for line in told), told


def test_one_without_a_smoke_run_is_told_of_none(tmp_path: Path) -> None:
    reported = Reported(directions={"acc": "higher"}, selection="acc", dataset="d")
    assert not _around(Template(TOY, reported), tmp_path, "d", agent_unconfined=True).can_try
    assert _around(Template(TOY), tmp_path, agent_unconfined=True).can_try


@needs_walls
def test_a_full_run_is_refused_with_a_sentence(tmp_path: Path) -> None:
    _tries(Template(TOY), tmp_path, "--out_dir", "run_1")
    code, *told = _notes(tmp_path)
    assert code == "2"
    assert told == ["error: full runs are made by the runner; try the experiment with --smoke"]


def test_without_walls_there_are_none_unless_a_person_said_so(tmp_path: Path) -> None:
    template = Template(TOY)
    with pytest.raises(BonsaiError, match="--agent-unconfined"):
        _around(template, tmp_path, sandbox="off")
    assert not _around(template, tmp_path, sandbox="off", agent_unconfined=True).walls
