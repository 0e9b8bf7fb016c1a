"""Running real sweeps of the toy template in tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from bonsai.base.ledger import Entry, Ledger
from bonsai.models.budget import CALLS

REPOSITORY = Path(__file__).resolve().parent.parent
TOY = Path(__file__).parent / "toy"


# An experiment as people write it for The AI Scientist, to be filled in by str.format.
STRANGER = """\
import argparse, json, os
parser = argparse.ArgumentParser()
parser.add_argument("--out_dir", default="run_0")
{options}
args = parser.parse_args()
os.makedirs(args.out_dir, exist_ok=True)
{body}
with open(os.path.join(args.out_dir, "final_info.json"), "w") as file:
    json.dump({info}, file)
"""


def copy_of_toy(folder: Path) -> Path:
    """A copy of the toy template that a test may change."""
    return Path(shutil.copytree(TOY, folder / "toy", ignore=shutil.ignore_patterns("__pycache__")))


def with_settings(brisk: Path) -> Path:
    """Give a copy of `brisk` settings that a search can move; the same folder."""
    experiment = brisk / "experiment.py"
    text = experiment.read_text()
    fixed = "HEIGHT = 1  # what the ideas change\n"
    assert fixed in text
    settings = """
class Config:
    height: float = 1.0
    width: float = 2.0  # of no use


HEIGHT = Config.height
"""
    experiment.write_text(text.replace(fixed, settings))
    return brisk


def start(*arguments: str, cwd: Path, **environment: str) -> subprocess.Popen[str]:
    """Start `runner.py` as a person would."""
    return subprocess.Popen(
        [sys.executable, str(REPOSITORY / "runner.py"), *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `runner.py` to its end."""
    with start(*arguments, cwd=cwd, **environment) as process:
        out, err = process.communicate(timeout=400)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def smoke(template: Path, folder: Path, *options: str) -> Path:
    """Results of `experiment.py --smoke`, run in another folder as The AI Scientist runs it."""
    command = [sys.executable, "-B", str(template / "experiment.py"), "--smoke"]
    done = subprocess.run(
        [*command, "--out_dir", str(folder / "run_0"), *options],
        capture_output=True, text=True, timeout=120, cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-1500:]
    return folder / "run_0"


def entries(results: Path, idea: str | None = None) -> list[Entry]:
    """What the ledger holds of one idea or of all, but for the calls of the model."""
    every = Ledger(results / "ledger.jsonl").read()
    every = [entry for entry in every if entry.step not in CALLS]
    return every if idea is None else [entry for entry in every if entry.idea == idea]


def story(entries: Iterable[Entry]) -> list[tuple[str, bool]]:
    """The steps and whether they went well."""
    return [(entry.step, entry.ok) for entry in entries]
