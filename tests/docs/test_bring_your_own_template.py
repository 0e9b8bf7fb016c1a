"""The page docs/bring_your_own_template.md, followed step by step with its own text."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import pytest

from bonsai.kit import launched
from tests import sweeps

PAGE = sweeps.REPOSITORY / "docs" / "bring_your_own_template.md"
RUNNER = sweeps.REPOSITORY / "runner.py"
IMAGES = 192  # of each part; the page takes all that there are


@lru_cache
def _blocks() -> list[tuple[str, str]]:
    """Language and text of each fenced block, in order."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)


def _file(name: str, which: int = 0) -> str:
    """The text of a file on the page; the first line names it, and belongs to Python files."""
    head = f"# {name}\n"
    found = [(kind, text) for kind, text in _blocks() if text.startswith(head)]
    kind, text = found[which]
    return text.removeprefix(head) if kind == "json" else text


def _python(folder: Path, *arguments: str) -> str:
    # As the runner starts it, so that torchvision can be imported beside a torch for CPUs alone.
    launcher = {"PYTHONPATH": str(launched.FOLDER), **launched.variables(0, 0)}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False,
        env=os.environ | launcher,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _bonsai(folder: Path, *arguments: str) -> str:
    return _python(folder, str(RUNNER), *arguments)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of somebody's with step 1 in it, and few images, where torchvision looks."""
    home = tmp_path_factory.mktemp("home")
    folder = home / "fashion_cnn"
    folder.mkdir()
    (home / "lay_data.py").write_text(_file("lay_data.py"))
    _python(home, "lay_data.py", "data", str(IMAGES))
    (folder / "train.py").write_text(_file("fashion_cnn/train.py"))
    return home


@pytest.fixture(scope="module")
def template(home: Path) -> Path:
    """Step 2."""
    folder = home / "fashion_cnn"
    (folder / "train.py").rename(folder / "experiment.py")
    change = next(text for kind, text in _blocks() if kind == "diff")
    subprocess.run(["git", "apply", "-"], input=change, text=True, cwd=home, check=True)
    for name in ("plot.py", "prompt.json", "seed_ideas.json"):
        (folder / name).write_text(_file(f"fashion_cnn/{name}"))
    _bonsai(home, "new", "spare", "--folder", ".")
    (home / "spare" / "latex").rename(folder / "latex")
    paper = folder / "latex" / "template.tex"
    paper.write_text(paper.read_text().replace("validation_loss.png", "test_accuracy.png"))
    _python(folder, "experiment.py", "--out_dir", "run_0")
    return folder


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Path:
    """Step 4."""
    folder = tmp_path_factory.mktemp("measured") / "fashion_cnn"
    folder.mkdir()
    for name in ("plot.py", "prompt.json", "seed_ideas.json", "score.py"):
        (folder / name).write_text(_file(f"fashion_cnn/{name}"))
    (folder / "experiment.py").write_text(_file("fashion_cnn/experiment.py"))
    shutil.copytree(template / "latex", folder / "latex")
    return folder


def test_the_plain_script_runs(home: Path) -> None:
    out = _python(home / "fashion_cnn", "train.py")
    assert re.fullmatch(r"best loss \d\.\d{4}, test accuracy 0\.\d{4}\n", out)


def test_the_ai_scientist_can_run_it(template: Path) -> None:
    info = json.loads((template / "run_0" / "final_info.json").read_text())
    assert set(info["FashionMNIST"]["means"]) == {"best_val_loss", "test_accuracy"}
    _python(template, "plot.py")
    assert (template / "test_accuracy.png").stat().st_size > 1000


def test_the_doctor_says_which_level_it_reaches_and_what_the_next_takes(template: Path) -> None:
    out = " ".join(_bonsai(template.parent, "doctor", str(template)).split())
    assert "can be swept, self-reported" in out
    assert "write score.py" in out
    assert "../data" in out


CASSETTE = {
    "01-plan.md": ("notes.txt", "## Run 0: the baseline, unchanged",
                   "## Run 0: the baseline, unchanged\n\nRun 1 leaves the dropouts out."),
    "02-edit.md": ("experiment.py", "        x = F.dropout(x, 0.25, self.training).flatten(1)",
                   "        x = x.flatten(1)"),
    "04-write_up.md": ("plot.py", 'labels = {"run_0": "Baseline"}',
                       'labels = {"run_0": "Baseline", "run_1": "No dropout"}'),
}  # fmt: skip


@pytest.mark.slow
def test_it_is_swept_to_a_verdict_as_it_is(template: Path, tmp_path: Path) -> None:
    replies = template / "cassettes" / "no_dropout"
    replies.mkdir(parents=True)
    for name, (file, before, after) in CASSETTE.items():
        block = f"<<<<<<< SEARCH\n{before}\n=======\n{after}\n>>>>>>> REPLACE"
        (replies / name).write_text(f"{file}\n```\n{block}\n```\n")
    (replies / "03-finish.md").write_text("ALL_COMPLETED\n")
    out = _bonsai(
        template.parent, "run", "fashion_cnn", "--out", str(tmp_path / "results"), "--seeds", "0,1",
        "--confirm-seeds", "2", "--max-confirm-seeds", "2",
    )  # fmt: skip
    told = next(text for kind, text in _blocks() if kind == "text")
    for line in told.splitlines():
        assert line in " ".join(out.split())
    report = (tmp_path / "results" / "report" / "report.md").read_text()
    assert "(self-reported)" in report
    assert (tmp_path / "results/fashion_cnn/no_dropout/workspace/test_accuracy.png").is_file()


def test_what_the_runner_measures_it_measures_itself(measured: Path) -> None:
    _python(measured, "experiment.py", "--out_dir", "run_9", "--data", "mini", "--seeds", "0",
            "--smoke")  # fmt: skip
    means = json.loads((measured / "run_9" / "final_info.json").read_text())
    assert set(next(iter(means.values()))["means"]) == {
        "test_accuracy", "val_accuracy", "train_seconds",
    }  # fmt: skip


@pytest.mark.slow
def test_the_doctor_says_that_the_runner_measures_it(measured: Path) -> None:
    _bonsai(measured.parent, "baseline", str(measured), "--seeds", "0")  # --fix takes all three
    out = " ".join(_bonsai(measured.parent, "doctor", str(measured)).split())
    means = json.loads((measured / "run_0" / "final_info.json").read_text())
    assert 70 < means["FashionMNIST-mini"]["means"]["test_accuracy"] < 95
    assert "score.py loads; ideas are judged by test_accuracy" in out
    assert "self-reported" not in out


def test_every_file_of_the_page_is_followed_here() -> None:
    named = [text.splitlines()[0] for kind, text in _blocks() if kind in ("python", "json")]
    assert named == [
        "# fashion_cnn/train.py", "# lay_data.py", "# fashion_cnn/plot.py",
        "# fashion_cnn/prompt.json", "# fashion_cnn/seed_ideas.json",
        "# fashion_cnn/experiment.py", "# fashion_cnn/score.py",
    ]  # fmt: skip
