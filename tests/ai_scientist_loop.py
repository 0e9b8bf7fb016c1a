"""The AI Scientist's own loop over one idea, imitated to the letter.

What is imitated is `launch_scientist.py` and `ai_scientist/perform_experiments.py` of
SakanaAI/AI-Scientist at 9dffdc4: which files it reads, which command it runs, which keys it takes
from the results. Lines are given where they matter.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

IDEA_KEYS = {"Name", "Title", "Experiment", "Interestingness", "Feasibility", "Novelty"}
Environment = Mapping[str, str]


def call(folder: Path, environment: Environment, *command: str, timeout: int) -> None:
    """perform_experiments.py:39-46, 88-98: literally `python`, in the project's folder."""
    done = subprocess.run(
        command, cwd=folder, env=dict(environment), timeout=timeout,
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-1500:]


def read_results(folder: Path, run: int) -> dict[str, dict[str, float]]:
    """perform_experiments.py:62-64: `means` of every top-level key."""
    with (folder / f"run_{run}" / "final_info.json").open() as file:
        results = json.load(file)
    return {key: value["means"] for key, value in results.items()}


def whole_loop(project: Path, environment: Environment, *, baseline_seconds: int = 120) -> Path:
    """Make run_0 in `templates/NAME`, then work on the first idea; the idea's folder of results."""
    call(project, environment, "python", "experiment.py", "--out_dir=run_0",
         timeout=baseline_seconds)  # fmt: skip
    prompt = json.loads((project / "prompt.json").read_text())
    assert prompt["system"]  # generate_ideas.py:107-110
    assert prompt["task_description"]
    ideas = json.loads((project / "seed_ideas.json").read_text())
    assert all(set(idea) >= IDEA_KEYS for idea in ideas)  # generate_ideas.py:42-47

    baseline = read_results(project, 0)  # launch_scientist.py:172-176
    assert baseline
    results = project.parent.parent / "results" / project.name
    folder = results / f"20260101_000000_{ideas[0]['Name']}"
    shutil.copytree(project, folder, dirs_exist_ok=True)  # launch_scientist.py:167-171
    (folder / "notes.txt").write_text(f"# Title: {ideas[0]['Title']}\n# Baseline: {baseline}\n")
    experiment = folder / "experiment.py"
    experiment.write_text(experiment.read_text() + "# edited\n")
    shutil.copy(experiment, folder / "run_1.py")  # perform_experiments.py:33-36
    call(folder, environment, "python", "experiment.py", "--out_dir=run_1", timeout=120)
    means = read_results(folder, 1)
    assert means.keys() == baseline.keys()
    assert all(isinstance(value, float | int) for value in next(iter(means.values())).values())
    call(folder, environment, "python", "plot.py", timeout=120)
    return folder


def check_paper(folder: Path) -> None:
    """perform_writeup.py:44-47: the paper shows only figures that are drawn."""
    figures = {path.name for path in folder.glob("*.png")}
    assert figures
    paper = (folder / "latex" / "template.tex").read_text()
    shown = [part.split("}")[0] for part in paper.split("\\includegraphics")[1:]]
    assert {text.split("{")[1] for text in shown} <= figures
