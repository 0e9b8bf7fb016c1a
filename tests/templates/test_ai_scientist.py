"""Every template works in The AI Scientist: its own loop, imitated to the letter.

What is imitated is `launch_scientist.py` and `perform_experiments.py` of SakanaAI/AI-Scientist at
9dffdc4: which files it reads, which command it runs, which keys it takes from the results.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import sweeps

TEMPLATES = sorted(path.parent for path in sweeps.REPOSITORY.glob("templates/*/experiment.py"))
LONG = ("cell_division", "fine_pruning", "gene_network_pruning")  # half a minute, in smoke mode
IDEA_KEYS = {"Name", "Title", "Experiment", "Interestingness", "Feasibility", "Novelty"}


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


def _call(folder: Path, tmp_path: Path, *command: str, timeout: int) -> None:
    done = subprocess.run(
        command, cwd=folder, env=_environment(tmp_path), timeout=timeout,
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-1500:]


def _read_results(folder: Path, run: int) -> dict[str, dict[str, float]]:
    """perform_experiments.py:62-64: `means` of every top-level key."""
    with (folder / f"run_{run}" / "final_info.json").open() as file:
        results = json.load(file)
    return {key: value["means"] for key, value in results.items()}


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
    _call(project, tmp_path, "python", "experiment.py", "--out_dir=run_0", timeout=120)
    prompt = json.loads((project / "prompt.json").read_text())
    assert prompt["system"]
    assert prompt["task_description"]
    ideas = json.loads((project / "seed_ideas.json").read_text())
    assert len(ideas) >= 8
    assert all(set(idea) >= IDEA_KEYS for idea in ideas)

    baseline = _read_results(project, 0)
    assert baseline
    folder = tmp_path / "AI Scientist" / "results" / project.name / f"2026_{ideas[0]['Name']}"
    shutil.copytree(project, folder)
    (folder / "notes.txt").write_text(f"# Title: {ideas[0]['Title']}\n# Baseline: {baseline}\n")
    experiment = folder / "experiment.py"
    experiment.write_text(experiment.read_text() + "# edited\n")
    shutil.copy(experiment, folder / "run_1.py")
    _call(folder, tmp_path, "python", "experiment.py", "--out_dir=run_1", timeout=120)
    means = _read_results(folder, 1)
    assert means.keys() == baseline.keys()
    assert all(isinstance(value, float | int) for value in next(iter(means.values())).values())
    _call(folder, tmp_path, "python", "plot.py", timeout=120)
    figures = {path.name for path in folder.glob("*.png")}
    assert figures
    paper = (folder / "latex" / "template.tex").read_text()
    shown = [part.split("}")[0] for part in paper.split("\\includegraphics")[1:]]
    assert {text.split("{")[1] for text in shown} <= figures, "the paper shows only what is drawn"


def test_plots_before_any_run_say_so_and_do_not_fail(project: Path, tmp_path: Path) -> None:
    (project / "run_1").mkdir()
    (project / "run_1.py").write_text("")
    _call(project, tmp_path, "python", "plot.py", timeout=60)


def test_nothing_of_a_template_is_heavy(project: Path) -> None:
    size = sum(path.stat().st_size for path in project.rglob("*") if path.is_file())
    assert size < 2_000_000, "a template is copied once for every idea"
