"""A template as a repository for autoresearch, worked on as its program.md says.

That project is a protocol: https://github.com/karpathy/autoresearch, `program.md`. Its section
"Setup" has the agent make a branch `autoresearch/<tag>` (step 2) and begin `results.tsv` (step 5);
"Output format" has `train.py` end with `---` and lines `key: value`, read by
`grep "^val_bpb:" run.log`; "Logging results" has five columns, separated by tabs; and "The
experiment loop", steps 2 to 9: edit `train.py`, `git commit`, `uv run train.py > run.log 2>&1`,
grep (empty: it crashed), note it in the table, which stays untracked, keep the commit if the figure
improved, else `git reset`. `Agent` below does this, to the letter.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bonsai.base import BonsaiError
from bonsai.engines import autoresearch, marks
from bonsai.engines.autoresearch import ENTRY, FIRST, read, without_entry
from bonsai.engines.service import Service
from bonsai.engines.task import make_task
from bonsai.templates import Template
from tests.sweeps import REPOSITORY

BRISK = REPOSITORY / "tests" / "brisk"
METRIC = "val_height"
# The person's Python, which has no package at all: neither Bonsai nor what the experiment needs.
PYTHON = f"{sys.executable} -S"
HEIGHT = "HEIGHT = 1 "


class Agent:
    """A coding agent that does what program.md says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.best = -float("inf")
        self.git("init", "--quiet", "--initial-branch=master")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "The task")
        self.git("checkout", "--quiet", "-b", "autoresearch/mar5")
        self.note("commit", METRIC, "memory_gb", "status", "description")

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=agent", "-c", "user.email=agent@localhost"]
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=self.folder, capture_output=True, text=True,
            check=True, env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull},
        )  # fmt: skip
        return done.stdout.strip()

    def note(self, *cells: str) -> None:
        with (self.folder / "results.tsv").open("a") as file:
            file.write("\t".join(cells) + "\n")

    def replace(self, before: str, after: str, file: str = "train.py") -> None:
        path = self.folder / file
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after, 1))

    def commit(self, message: str) -> str:
        self.git("commit", "--quiet", "--allow-empty", "--all", "--message", message)
        return self.git("rev-parse", "--short=7", "HEAD")

    def step(self, message: str, edit: Callable[[], None] = lambda: None) -> str:
        """Once through the loop; the status that was noted."""
        edit()
        commit = self.commit(message)
        subprocess.run(f"{PYTHON} train.py > run.log 2>&1", shell=True, cwd=self.folder)
        log = (self.folder / "run.log").read_text()
        figures = dict(re.findall(rf"^({METRIC}|stderr|peak_memory_mb):\s+(\S+)$", log, re.M))
        if METRIC not in figures:
            status, figure, memory = "crash", "0.000000", "0.0"
        else:
            figure = figures[METRIC]
            memory = f"{float(figures['peak_memory_mb']) / 1024:.1f}"
            better = float(figure) > self.best + float(figures.get("stderr", 0))
            status = "keep" if better else "discard"
        self.note(commit, figure, memory, status, message)
        if status == "keep":
            self.best = float(figure)
        else:
            self.git("reset", "--quiet", "--hard", "HEAD~1")
        return status


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    folder = tmp_path / "research"
    folder.mkdir()
    task = make_task(Template(BRISK), "numbers", seeds=3, threads=1)
    commands = autoresearch.export(Template(BRISK), folder, task, Service())
    assert commands[0] == f"cd {folder}"
    assert commands[-1] == f"bonsai judge {folder}"
    return folder


@pytest.fixture
def agent(exported: Path) -> Agent:
    return Agent(exported)


def _fabricates(agent: Agent) -> None:
    agent.replace("HEIGHT = 2.2 ", "HEIGHT = 0.1 ")
    agent.replace(
        "import prepare\n\n    raise SystemExit(prepare.measure(__file__))",
        f"print('---\\n{METRIC}: 99.0\\npeak_memory_mb: 1.0')\n    raise SystemExit",
    )


@pytest.mark.slow
def test_eleven_steps_of_the_loop(agent: Agent) -> None:
    def edit(*change: str) -> Callable[[], None]:
        return lambda: agent.replace(*change)

    def inflate() -> None:
        agent.replace("HEIGHT = 3 ", "HEIGHT = 2.2 ")
        agent.replace("{metrics[METRIC]:.6f}", "{metrics[METRIC] + 40:.6f}", "prepare.py")

    assert [
        agent.step("baseline"),
        agent.step("good", edit(HEIGHT, "HEIGHT = 2 ")),
        agent.step("null", edit("# what the ideas change", "# what ideas change")),
        agent.step("harmful", edit("HEIGHT = 2 ", "HEIGHT = 0.5 ")),
        agent.step("breaks", edit("HEIGHT = 2 ", "HEIGHT = missing ")),
        agent.step("does not parse", edit("HEIGHT = 2 ", "HEIGHT == = 2")),
        agent.step("edits the harness", edit("float(", "9 * float(", "template/score.py")),
        agent.step("edits its main block", edit('__main__":\n    main()', '__main__":\n    0')),
        agent.step("better", edit("HEIGHT = 2 ", "HEIGHT = 3 ")),
        agent.step("edits prepare.py", inflate),
        agent.step("fabricates", lambda: _fabricates(agent)),
    ] == ["keep", "keep", "discard", "discard", *["crash"] * 4, "keep", "keep", "keep"]
    left = read(agent.folder)
    assert left
    good, better, inflated, fabricated = left.candidates
    assert list(left.best) == [fabricated]  # that is what the agent calls its best
    assert [round(each.metrics[METRIC]) for each in left.candidates] == [2, 3, 42, 99]
    assert good.origin.endswith(": good")
    assert better.origin.endswith(": better")
    assert f"(its {METRIC} is none that prepare.py has measured)" in inflated.origin
    assert inflated.origin.endswith("(prepare.py was changed)")
    assert f"(its {METRIC} is none that prepare.py has measured)" in fabricated.origin
    # Whatever was done to the lines by which it is run, what is judged is the experiment.
    initial = marks.mark((BRISK / "experiment.py").read_text())
    for candidate, height in zip(left.candidates, ("2", "3", "2.2", "0.1"), strict=True):
        expected = initial.replace(HEIGHT, f"HEIGHT = {height} ")
        assert candidate.source.decode() == expected
    status = agent.git("status", "--porcelain")
    assert status == ""  # the table, the log and the record are no part of a commit


def test_a_run_prints_what_the_runner_measured(exported: Path) -> None:
    """Once, so that it takes few seconds; the whole loop is above."""
    train = exported / "train.py"
    train.write_text(train.read_text().replace(HEIGHT, "HEIGHT = 4 "))
    done = subprocess.run(
        [*PYTHON.split(), "train.py"], cwd=exported, capture_output=True, text=True, timeout=120,
        env={**os.environ, "OPENAI_API_KEY": "sk-secret"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told, _, figures = done.stdout.partition("---\n")
    assert told.startswith("It improves val_height by 3 ± ")
    lines = dict(line.split(":") for line in figures.splitlines())
    assert list(lines) == [
        METRIC, "combined_score", "stderr", "seeds", "seconds", "peak_memory_mb",
    ]  # fmt: skip
    assert float(lines[METRIC]) == pytest.approx(4, abs=0.5)
    assert float(lines["combined_score"]) == pytest.approx(3)
    (entry,) = map(json.loads, (exported / "runs.jsonl").read_text().splitlines())
    assert entry["ok"]
    assert entry["train_sha256"] == hashlib.sha256(train.read_bytes()).hexdigest()
    assert entry["metrics"][METRIC] == pytest.approx(float(lines[METRIC]), rel=1e-5)


def test_the_program_is_the_templates_but_for_marks_and_how_it_is_run(exported: Path) -> None:
    content = (exported / "train.py").read_bytes()
    assert content.count(ENTRY.encode() + marks.START.encode()) == 1
    assert without_entry(content).decode() == marks.mark((BRISK / "experiment.py").read_text())
    compile(content, "train.py", "exec")
    assert not (exported / "initial.py").exists()


PROGRAMS = {
    "windows": b"import os\r\nx = 1\r\n",
    "no end": b"x = 1",
    "a cookie": "# -*- coding: latin-1 -*-\nx = 'é'\n".encode("latin-1"),
    "a future": b'"""Text."""\nfrom __future__ import annotations\n\nimport os\n',
    "marks of its own": b"import numpy\n\n# EVOLVE-BLOCK-START\nx = 1\n# EVOLVE-BLOCK-END\n",
    "a script": b"import argparse\nargparse.ArgumentParser().parse_args()\n",
}


@pytest.mark.parametrize("kind", PROGRAMS)
def test_any_program_can_be_run_so_and_comes_out_as_it_went_in(kind: str, tmp_path: Path) -> None:
    template = Path(shutil.copytree(BRISK, tmp_path / "template"))
    (template / "experiment.py").write_bytes(PROGRAMS[kind])
    folder = tmp_path / "research"
    folder.mkdir()
    task = make_task(Template(template), "numbers", threads=1)
    autoresearch.export(Template(template), folder, task, Service())
    content = (folder / "train.py").read_bytes()
    restored = without_entry(content)
    kept = [line for line in restored.splitlines() if b"EVOLVE-BLOCK" not in line]
    expected = [line for line in PROGRAMS[kind].splitlines() if b"EVOLVE-BLOCK" not in line]
    assert kept == expected
    # What it imports need not be at hand: it is left before.
    (folder / "prepare.py").write_text("measure = lambda path: 7\n")
    done = subprocess.run([*PYTHON.split(), "train.py"], cwd=folder, capture_output=True)
    assert done.returncode == 7, done.stderr


def test_program_md_names_what_is_there(exported: Path) -> None:
    text = (exported / "program.md").read_text()
    assert f"commit\t{METRIC}\tmemory_gb\tstatus\tdescription" in text
    assert f'grep "^{METRIC}:' in text
    assert "a higher `val_height`" in text
    for name in re.findall(r"`([\w./]+\.(?:py|json|md))`", text):
        assert (exported / name).exists() or (exported / "template" / name).exists(), name
    assert (exported / ".gitignore").read_text().split() == [
        "results.tsv", "run.log", "runs.jsonl", "__pycache__/",
    ]  # fmt: skip


# ------------------------------------------------------------------------------------- what is left


def _keep(agent: Agent, height: object, figure: float, *, measured: float | None = None) -> str:
    """Keep a version with a figure, without running it."""
    train = agent.folder / "train.py"
    train.write_text(re.sub(r"HEIGHT = \S+ ", f"HEIGHT = {height} ", train.read_text(), count=1))
    commit = agent.commit(f"height {height}")
    agent.note(commit, f"{figure:.6f}", "0.5", "keep", f"height {height}")
    if measured is not None:
        entry = {
            "train_sha256": hashlib.sha256(train.read_bytes()).hexdigest(),
            "ok": True,
            "metrics": {METRIC: measured, "combined_score": 1.0},
        }
        with (agent.folder / "runs.jsonl").open("a") as file:
            file.write(json.dumps(entry) + "\n")
    return commit


def test_the_best_is_the_best_by_the_table(agent: Agent) -> None:
    _keep(agent, 1, 1.0, measured=1.0)
    first = _keep(agent, 3, 3.123457, measured=3.1234567)
    _keep(agent, 2, 2.0, measured=2.0)
    agent.note("0000000", "0.000000", "0.0", "crash", "no such commit, and none that is asked for")
    agent.note("half a line")
    left = read(agent.folder)
    assert left
    assert left.engine == "autoresearch"
    assert [each.metrics[METRIC] for each in left.candidates] == [3.123457, 2.0]
    (best,) = left.best
    assert best.name.startswith(first)
    assert best.origin == f"{agent.folder}/train.py at commit {best.name}: height 3"
    assert best.metrics["combined_score"] == 1.0
    assert left.task
    assert left.task.template == "brisk"
    assert left.task_folder == agent.folder


def test_where_less_is_better_or_nobody_says_so(agent: Agent) -> None:
    """A repository that was not exported, as upstream's own."""
    for name in ("task.json", "prepare.py"):
        (agent.folder / name).unlink()
    for height, figure in ((1, 3.0), (2, 1.0), (3, 2.0)):
        _keep(agent, height, figure)
    table = agent.folder / "results.tsv"
    for metric, height in (("val_bpb", 2), ("anything", 3)):
        table.write_text(table.read_text().replace(table.read_text().split("\t")[1], metric))
        left = read(agent.folder)
        assert left
        assert f"HEIGHT = {height} ".encode() in left.best[0].source
        assert left.task is None


def test_a_repository_within_a_repository_s_folder(agent: Agent, tmp_path: Path) -> None:
    """As where somebody keeps several runs in one."""
    shutil.rmtree(agent.folder / ".git")
    outer = Agent.__new__(Agent)
    outer.folder = tmp_path
    outer.git("init", "--quiet")
    outer.git("add", "--all")
    outer.git("commit", "--quiet", "--message", "all")
    agent.git("commit", "--quiet", "--allow-empty", "--message", "here")
    _keep(agent, 2, 2.0)
    left = read(agent.folder)
    assert left
    assert b"HEIGHT = 2 " in left.best[0].source


def _refused(folder: Path) -> str:
    with pytest.raises(BonsaiError) as caught:
        read(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_holds_nothing_to_judge_says_so(agent: Agent, tmp_path: Path) -> None:
    table = agent.folder / "results.tsv"
    assert "keeps no commit yet" in _refused(agent.folder)
    _keep(agent, 1, 1.0)
    assert "nothing but the program that it began with" in _refused(agent.folder)
    table.write_text("commit,val_height,status\n")
    assert "separated by tabs" in _refused(agent.folder)
    table.write_bytes(b"\x1b[31m")
    assert "begins with '?[31m'" in _refused(agent.folder)
    table.write_text("")
    assert "begins with ''" in _refused(agent.folder)
    table.unlink()
    assert "on which nothing was run yet" in _refused(agent.folder)
    assert read(tmp_path) is None
    (agent.folder / "prepare.py").unlink()
    assert read(agent.folder) is None


def test_commits_that_are_gone_are_passed_over_until_none_is_left(agent: Agent) -> None:
    header = (agent.folder / "results.tsv").read_text()
    gone = f"{header}0123abc\t9.0\t0.5\tkeep\tamended\nHEAD\t9.0\t0.5\tkeep\tno name\n"
    (agent.folder / "results.tsv").write_text(gone)
    told = _refused(agent.folder)
    assert "keeps commit HEAD, and the repository" in told
    _keep(agent, 2, 2.0)
    left = read(agent.folder)
    assert left
    assert len(left.candidates) == 1
    shutil.rmtree(agent.folder / ".git")
    assert "in no git repository" in _refused(agent.folder)


def test_what_is_no_file_is_not_read(agent: Agent) -> None:
    (agent.folder / "results.tsv").unlink()
    os.mkfifo(agent.folder / "results.tsv")
    assert "on which nothing was run yet" in _refused(agent.folder)
    (agent.folder / "train.py").unlink()
    (agent.folder / "train.py").symlink_to("prepare.py")
    assert read(agent.folder) is None


def test_lines_that_were_taken_out_leave_the_program_as_it_is() -> None:
    for content in (b"x = 1\n", FIRST.encode() + b"\nx = 1\n"):
        assert without_entry(content) == content
