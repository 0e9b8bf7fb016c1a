"""Every template works in The AI Scientist: its own loop, imitated to the letter."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from tests import sweeps
from tests.ai_scientist_loop import call, check_paper, whole_loop

TEMPLATES = sorted(path.parent for path in sweeps.REPOSITORY.glob("templates/*/experiment.py"))
LONG = ("cell_division", "fine_pruning", "gene_network_pruning")  # half a minute, in smoke mode


@pytest.fixture(params=TEMPLATES, ids=lambda path: path.name)
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The AI Scientist's checkout with one of our templates dropped in; paths hold a space."""
    target = tmp_path / "AI Scientist" / "templates" / request.param.name
    ours = shutil.ignore_patterns("run_*", "*.png", "__pycache__")
    shutil.copytree(request.param, target, ignore=ours)
    return target


def _environment(tmp_path: Path) -> dict[str, str]:
    """It calls `python`, whichever that is; the images are the shipped ones, in smoke mode."""
    (tmp_path / "bin").mkdir(exist_ok=True)
    link = tmp_path / "bin" / "python"
    if not link.exists():
        link.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        link.chmod(0o755)
    path = f"{link.parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "BONSAI_SMOKE": "1", "BONSAI_DATASET": "mini"}


@pytest.mark.parametrize(
    "project",
    [
        pytest.param(path, marks=[pytest.mark.slow] if path.name in LONG else [])
        for path in TEMPLATES
    ],
    ids=lambda path: path.name,
    indirect=True,
)
def test_the_whole_loop(project: Path, tmp_path: Path) -> None:
    folder = whole_loop(project, _environment(tmp_path))
    assert len(json.loads((project / "seed_ideas.json").read_text())) >= 8
    check_paper(folder)


def test_plots_before_any_run_say_so_and_do_not_fail(project: Path, tmp_path: Path) -> None:
    (project / "run_1").mkdir()
    (project / "run_1.py").write_text("")
    call(project, _environment(tmp_path), "python", "plot.py", timeout=60)


def test_nothing_of_a_template_is_heavy(project: Path) -> None:
    size = sum(path.stat().st_size for path in project.rglob("*") if path.is_file())
    assert size < 2_000_000, "a template is copied once for every idea"
