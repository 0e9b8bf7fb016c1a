"""docs/bring_your_own_template.md, done as it says, from the very text of its blocks."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from benchmarks.bring_your_own import CHANGES, PAGE, Block, script, steps
from bonsai.execution import sandbox
from bonsai.report import summarise
from tests import sweeps
from tests.sweeps import REPOSITORY

PLAIN, TEMPLATE, REPORTED, MEASURED = steps()[:4]
METRICS = ("best_val_loss", "test_accuracy", "train_seconds")
IDEA = "class_by_class"
LIVE = " --model MODEL"  # a recorded model is played back in its place
LABELS = ('labels = {"run_0": "Baseline"}', 'labels = {"run_0": "Baseline", "run_1": "Sorted"}')
SORTED_BY_PROGRAM = (
    "    images = (images - 0.1307) / 0.3081\n",
    '    if part == "train":\n        labels, order = labels.sort()\n'
    "        images = images[order]\n    images = (images - 0.1307) / 0.3081\n",
)
SORTED_IN_KIT = (
    "order = torch.randperm(len(train_images), device=kit.device())",
    "order = data.train_labels.argsort()",
)


@dataclass
class Reader:
    """Somebody who follows the page in an empty folder."""

    folder: Path
    said: list[str] = field(default_factory=list)  # what each command printed

    @property
    def template(self) -> Path:
        return self.folder / "garments"

    def follow(self, blocks: list[Block]) -> Reader:
        """Write the files and give the commands of some blocks, in order."""
        for block in blocks:
            if block.file:
                (self.folder / block.file).write_text(block.text, encoding="utf-8")
            elif block.language == "sh":
                self.said += [self.shell(line) for line in block.text.splitlines()]
        return self

    def shell(self, line: str) -> str:
        """Give a command."""
        environment = {
            **os.environ, "PATH": f"{self.folder.parent / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(REPOSITORY), "PYTHONIOENCODING": "utf-8", "COLUMNS": "200",
            "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        done = subprocess.run(
            ["sh", "-c", line.replace(LIVE, " --threads 1")], cwd=self.folder, env=environment,
            capture_output=True, text=True, encoding="utf-8", timeout=600,
        )  # fmt: skip
        # The doctor says 1 as long as latex/ is missing, which the page leaves out.
        assert done.returncode == (1 if " doctor " in line else 0), done.stdout + done.stderr
        return done.stdout

    def results(self) -> list[Path]:
        """The results of the sweeps, the first one first."""
        return sorted((self.folder / "results").iterdir())

    def record(self, change: tuple[str, str]) -> None:
        """What a model would have answered."""
        heading = "## Run 0: the baseline, unchanged"
        replies = {
            "01-plan": _edit("notes.txt", heading, f"{heading}\n\n## Plan\nOne run, sorted."),
            "02-edit": _edit("experiment.py", *change),
            "03-finish": "ALL_COMPLETED\n",
            "04-write_up": _edit("plot.py", *LABELS),
        }
        folder = self.template / "cassettes" / IDEA
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in replies.items():
            (folder / f"{name}.md").write_text(text, encoding="utf-8")


def _edit(file: str, before: str, after: str) -> str:
    before, after = before.rstrip("\n"), after.rstrip("\n")
    body = f"<<<<<<< SEARCH\n{before}\n=======\n{after}\n>>>>>>> REPLACE"
    return f"It.\n\n{file}\n```python\n{body}\n```\n"


def _reader(root: Path) -> Reader:
    (root / "bin").mkdir()
    (root / "work").mkdir()
    for name, command in (("python", ""), ("bonsai", f" '{REPOSITORY / 'runner.py'}'")):
        path = root / "bin" / name
        path.write_text(f"#!/bin/sh\nexec '{sys.executable}'{command} \"$@\"\n")
        path.chmod(0o755)
    return Reader(root / "work")


def _shown(blocks: list[Block]) -> list[str]:
    """The lines that the page shows as output."""
    return [
        line for block in blocks if block.language == "text" for line in block.text.splitlines()
    ]


def _plain(text: str) -> str:
    """A text with one space between words, and any number as #."""
    return re.sub(r"\d+(\.\d+)?", "#", " ".join(text.split()))


def _told(line: str, output: str) -> bool:
    """Whether an output holds a line that the page shows, whatever its numbers."""
    return _plain(line) in _plain(output)


def _doctor_of(said: str) -> str:
    """What the doctor said of the template, without this machine."""
    return said[said.index("garments (") :]


# ------------------------------------------------------------ in seconds: on few images, no sweep


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Steps 1 and 2 done, with the data cut to a few hundred images."""
    reader = _reader(tmp_path_factory.mktemp("quick"))
    reader.follow(PLAIN[:1])
    data = reader.folder / "data" / "fashion_mnist.npz"
    with np.load(data) as file:
        parts = {name: file[name] for name in file.files}
    assert parts["train_images"].shape == (10_000, 28, 28)
    np.savez(data, **{name: values[:500] for name, values in parts.items()})
    return reader.follow(PLAIN[1:] + TEMPLATE)


def test_the_plain_script_prints_its_numbers(quick: Reader) -> None:
    printed = next(said for said in quick.said if "test_accuracy" in said)
    assert set(json.loads(printed.replace("'", '"'))) == set(METRICS)


def test_the_patch_makes_a_template_of_the_ai_scientist(quick: Reader) -> None:
    info = json.loads((quick.template / "run_0" / "final_info.json").read_text())
    assert set(info["MNIST"]["means"]) == {f"{name}_mean" for name in METRICS}
    assert (quick.template / "val_loss.png").stat().st_size > 1000
    assert not (quick.template / "train.py").exists()


def test_the_doctor_tells_the_level_that_the_page_tells(quick: Reader) -> None:
    doctor = _doctor_of(quick.said[-1])
    for line in _shown(TEMPLATE):
        assert _told(line, doctor), doctor
    assert doctor.count("✗") == 1  # latex/, as the page says


def test_what_uses_the_kit_runs_by_itself_and_is_scored(quick: Reader) -> None:
    folder = quick.folder / "measured"
    folder.mkdir()
    for block in MEASURED:
        if block.file:
            (folder / Path(block.file).name).write_text(block.text, encoding="utf-8")
    quick.shell("cd measured && python experiment.py --smoke --out_dir run_0 && python plot.py")
    info = json.loads((folder / "run_0" / "final_info.json").read_text())
    entry = info["FashionMNIST-mini-smoke"]
    assert {"test_accuracy", "val_accuracy", "test_loss", "val_loss"} < set(entry["means"])
    assert len(set(entry["final_info_dict"]["test_loss"])) == 3, "each seed is one of its own"
    assert entry["stderrs"]["test_accuracy"] > 0
    assert (folder / "val_accuracy.png").is_file()


def test_figures_of_the_page_are_those_of_its_benchmark() -> None:
    """As far as a test can tell: what is changed is in the script, and each row is on the page."""
    for name, changes in CHANGES.items():
        for before, _ in changes:
            assert script().count(before) == 1, f"{name}: {before!r}"
        assert re.search(rf"^\| {re.escape(name)} \|", PAGE.read_text(encoding="utf-8"), re.M)


# ---------------------------------------------------------------------- in minutes: the whole page


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """All steps done as they stand there, with two sweeps in the third and one in the fourth."""
    reader = _reader(tmp_path_factory.mktemp("whole")).follow(PLAIN + TEMPLATE)
    reader.record(SORTED_BY_PROGRAM)
    reader.follow(REPORTED)
    reader.record(SORTED_IN_KIT)
    return reader.follow(MEASURED)


def _word(results: Path) -> str:
    return summarise(results).templates[0].ideas[0].word


@pytest.mark.slow
def test_the_accuracy_of_the_plain_script_is_where_the_page_says(whole: Reader) -> None:
    printed = next(said for said in whole.said if "test_accuracy" in said)
    assert 75 < json.loads(printed.replace("'", '"'))["test_accuracy"] < 80


@pytest.mark.slow
def test_the_runner_finds_out_the_metric_and_the_seeds(whole: Reader) -> None:
    output = "\n".join(whole.said)
    for line in _shown(REPORTED):
        assert "**" in line or line in output
    entry = next(e for e in sweeps.entries(whole.results()[0], "") if e.step == "baseline")
    reported = entry.data["reported"]
    assert next(iter(reported["directions"].items())) == ("test_accuracy", "higher")
    assert reported["selection"] == "best_val_loss"
    assert reported["seeding"] == "shifted"


@pytest.mark.slow
def test_one_idea_ends_as_the_page_says_by_each_metric(whole: Reader) -> None:
    shown = [line for line in _shown(REPORTED) + _shown(MEASURED) if "**" in line]
    words = ["refuted", "supported", "refuted"]
    assert [re.findall(r"\*\*(\w+)\*\*", line) for line in shown] == [[word] for word in words]
    for results, line, word in zip(whole.results(), shown, words, strict=True):
        assert summarise(results).templates[0].ideas[0].word == word
        text = (results / "report" / "report.md").read_text(encoding="utf-8")
        assert f"{line} |" in text
        assert ("self-reported" in text.lower()) == ("self-reported" in line)


@pytest.mark.slow
def test_the_doctor_tells_the_next_level(whole: Reader) -> None:
    doctor = _doctor_of([said for said in whole.said if "garments (" in said][-1])
    for line in _shown(MEASURED):
        assert "**" in line or _told(line, doctor), doctor
    assert doctor.count("✗") == 1
    assert "self-reported" not in doctor


@pytest.mark.slow
@pytest.mark.skipif(bool(sandbox.problem()), reason="no bubblewrap")
def test_within_walls_the_measured_one_has_no_test_labels(whole: Reader) -> None:
    page = whole.results()[-1] / "report" / "ideas" / f"garments--{IDEA}.html"
    assert "passed: test labels out of reach" in _text_of(page)


def _text_of(page: Path) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", page.read_text(encoding="utf-8")).split())
