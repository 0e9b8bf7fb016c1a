"""A template as a task for AIDE, whose scripts are run as AIDE runs them.

By aideml 0.2.2 of PyPI: `data_dir` is copied into the workspace's `input` beside an empty `working`
(`aide/utils/config.py:177-184`); a child process changes into the workspace, appends it to
`sys.path`, puts a queue in the place of stdout and stderr, writes `runfile.py`, runs the script by
`exec` in an empty global scope, and removes the file (`aide/interpreter.py:118-167`); a model reads
the metric from what was printed, and an exception, or a metric that is no float, makes a script
buggy (`aide/agent.py:296-339`); the journal is written as `journal.json`
(`aide/utils/serialize.py:10-32`, `aide/utils/config.py:187-199`). `Aide` below does the same, with
a regular expression that reads the metric. The very loop of aideml 0.2.2 has worked on an export,
too, with goal and evaluation on its command line.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bonsai.base import BonsaiError
from bonsai.engines import aide, marks
from bonsai.engines.aide import read
from bonsai.engines.service import Service
from bonsai.engines.task import make_task
from bonsai.templates import Template
from tests.sweeps import REPOSITORY

BRISK = REPOSITORY / "tests" / "brisk"
METRIC = "val_height"
# AIDE's interpreter, in a Python that has no package at all.
CHILD = """\
import os, sys, traceback
os.chdir(sys.argv[1])
sys.path.append(sys.argv[1])
code = sys.stdin.read()
said = []
class Queue:
    def write(self, text): said.append(text)
    def flush(self): pass
real = sys.stdout
sys.stdout = sys.stderr = Queue()
with open("runfile.py", "w") as file: file.write(code)
try:
    exec(compile(code, "runfile.py", "exec"), {})
    kind = ""
except BaseException as error:
    kind = type(error).__name__
    said.append(traceback.format_exc())
os.remove("runfile.py")
import json
json.dump([said, kind], real)
"""


class Aide:
    """AIDE's loop."""

    def __init__(self, folder: Path) -> None:
        self.workspace = folder / "workspaces" / "0-brave-otter"
        self.log = folder / "logs" / "0-brave-otter"
        (self.workspace / "working").mkdir(parents=True)
        self.log.mkdir(parents=True)
        shutil.copytree(folder / "data", self.workspace / "input")
        self.nodes: list[dict[str, Any]] = []

    def step(self, script: str) -> str:
        """Run a script and note it; what it printed, and its exception."""
        done = subprocess.run(
            [sys.executable, "-S", "-c", CHILD, str(self.workspace)], input=script,
            capture_output=True, text=True, timeout=300, cwd=self.workspace.parent,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        said, kind = json.loads(done.stdout)
        figures = re.findall(rf"^{METRIC}: (-?\d+\.\d+)$", "".join(said), re.M)
        value = None if kind or not figures else float(figures[-1])
        self.node(script, said, value, exc_type=kind or None)
        return "".join(said)

    def node(self, code: str, said: list[str], value: float | None, **more: Any) -> None:
        metric = {"value": value, "maximize": None if value is None else True}
        self.nodes.append(
            {
                "code": code, "plan": "A plan.", "step": len(self.nodes), "_term_out": said,
                "metric": metric, "is_buggy": value is None, "exc_type": None, **more,
            }
        )  # fmt: skip
        self.save()

    def save(self, version: object = "2") -> None:
        journal = {"nodes": self.nodes, "node2parent": {}, "__version": version}
        (self.log / "journal.json").write_text(json.dumps(journal, separators=(",", ":")))

    def measured(self, program: str, figure: float, *, claimed: float | None = None) -> None:
        """A node whose program has been measured, without doing so."""
        digest = hashlib.sha256(program.encode()).hexdigest()
        kept = self.workspace / "input" / "measured"
        kept.mkdir(exist_ok=True)
        (kept / f"{digest}.py").write_text(program)
        metrics = {METRIC: figure, "height": figure + 1}
        (kept / f"{digest}.json").write_text(json.dumps({"metric": METRIC, "metrics": metrics}))
        said = [f"It improves.\nprogram: {digest}", "\n", f"{METRIC}: {figure}\n"]
        self.node("measure(...)", said, figure if claimed is None else claimed)


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    folder = tmp_path / "for aide"
    folder.mkdir()
    service = Service("qwen", "http://localhost:9/v1")
    task = make_task(Template(BRISK), "numbers", seeds=3, threads=1)
    commands = aide.export(Template(BRISK), folder, task, service)
    assert commands[2].startswith(
        "OPENAI_BASE_URL=http://localhost:9/v1 aide data_dir=data desc_file=task.md "
    )
    assert "agent.code.model=qwen agent.feedback.model=qwen" in commands[2]
    assert commands[-1] == f"bonsai judge '{folder}'"
    return folder


def _script(exported: Path, after: str, *more: str) -> str:
    """The script that the task describes, with one change."""
    (example,) = re.findall(
        r"```python\n(import sys\n.*?)```", (exported / "task.md").read_text(), re.S
    )
    assert '"""the lines to be changed"""' in example
    script = example.replace('"""the lines to be changed"""', repr("HEIGHT = 1 "))
    return "\n".join([script.replace('"""what stands in their place"""', repr(after)), *more])


@pytest.mark.slow
def test_scripts_are_run_as_aide_runs_them(exported: Path) -> None:
    loop = Aide(exported)
    for script in (
        _script(exported, "HEIGHT = 1  "),  # null
        _script(exported, "HEIGHT = 2 "),
        _script(exported, "HEIGHT = -1 "),
        _script(exported, "HEIGHT = missing "),
        _script(exported, "HEIGHT == = 1"),
        f"print('{METRIC}: 99.0')",
        _script(exported, "HEIGHT = 3 "),
        _script(exported, "HEIGHT = 2.5 ", f"print('{METRIC}: 50.0')"),
        "import os\n"
        + _script(exported, "HEIGHT = 4 ").replace(
            "measure(", "os.system('echo X = 1 >> input/template/score.py'); measure(", 1
        ),
    ):
        loop.step(script)
    assert [node["exc_type"] for node in loop.nodes] == [
        None, None, None, "NotMeasured", "NotMeasured", None, None, None, "SystemExit",
    ]  # fmt: skip
    assert "the harness was changed" in "".join(loop.nodes[-1]["_term_out"])
    left = read(exported)
    assert left
    assert [(each.name, round(each.metrics[METRIC], 0)) for each in left.candidates] == [
        ("node_0", 1), ("node_1", 2), ("node_2", -1), ("node_6", 3), ("node_7", 50),
    ]  # fmt: skip
    (best,) = left.best
    assert best is left.candidates[-1]
    assert best.origin == (
        f"{loop.log}, node 7 (its {METRIC} is none that measure.py has measured) (AIDE's best is "
        "node 5, which had nothing measured)"
    )
    initial = marks.mark((BRISK / "experiment.py").read_text())
    assert best.source.decode() == initial.replace("HEIGHT = 1 ", "HEIGHT = 2.5 ")


def test_a_script_has_its_program_measured_by_the_runner(exported: Path) -> None:
    """Once, so that it takes few seconds; more scripts are above."""
    loop = Aide(exported)
    said = loop.step(_script(exported, "HEIGHT = 4 "))
    program = (loop.workspace / "working" / "experiment.py").read_bytes()
    digest = hashlib.sha256(program).hexdigest()
    told, named, score, figure = said.splitlines()
    assert told.startswith(f"It improves {METRIC} by 3 ± ")
    assert named == f"program: {digest}"
    assert float(score.removeprefix("combined_score: ")) == pytest.approx(3)
    assert float(figure.removeprefix(f"{METRIC}: ")) == pytest.approx(4, abs=0.5)
    left = read(loop.log)
    assert left
    assert left.engine == "aide"
    assert left.best[0].source == program
    assert left.best[0].metrics["combined_score"] == pytest.approx(3)
    assert left.task
    assert left.task_folder == exported / "data"


def test_the_task_says_all_in_words(exported: Path) -> None:
    text = (exported / "task.md").read_text()
    assert text.startswith("# Task goal\n\nYou are a careful researcher.\n")
    assert marks.mark((BRISK / "experiment.py").read_text()).strip() in text
    assert "\n# Task evaluation\n\nThe metric is `val_height`: " in text
    assert "Higher is better." in text
    names = {path.name for path in (exported / "data").iterdir()}
    assert names == {
        "README.md", "evaluate.py", "experiment.py", "measure.py", "task.json", "template",
    }  # fmt: skip
    for name in re.findall(r"`\./input/([\w.]+)`", text):
        assert name in names


def test_goal_and_evaluation_are_fit_for_the_command_line(exported: Path, tmp_path: Path) -> None:
    """Which reads them as YAML (`aide/utils/config.py:101`, `OmegaConf.from_cli`)."""
    words = [yaml.safe_load((exported / name).read_text()) for name in ("goal.txt", "eval.txt")]
    described = f"# Task goal\n\n{words[0]}\n\n# Task evaluation\n\n{words[1]}\n"
    assert described == (exported / "task.md").read_text()
    hard = "a: b # c\n'd' \"e\" \\ {f} é 🌳 \u2028\x1b\t```"
    assert yaml.safe_load(aide._argument(hard)) == hard
    assert yaml.safe_load(aide._argument("${x}")) == "\\${x}"  # as OmegaConf wants it


# ------------------------------------------------------------------------------------- what is left


@pytest.fixture
def loop(exported: Path) -> Aide:
    return Aide(exported)


def test_the_best_is_the_best_by_the_journal(loop: Aide, exported: Path) -> None:
    loop.measured("x = 1\n", 2.0)
    loop.measured("x = 2\n", 3.0)
    loop.measured("x = 3\n", 2.5, claimed=2.501)
    loop.node("x", ["Traceback"], None)
    left = read(exported)
    assert left
    assert [each.source for each in left.candidates] == [b"x = 1\n", b"x = 2\n", b"x = 3\n"]
    assert [each.source for each in left.best] == [b"x = 2\n"]
    assert left.best[0].origin == f"{loop.log}, node 1"
    assert left.candidates[2].metrics == {METRIC: 2.501, "height": 3.5}
    assert read(exported / "logs") == read(loop.log) == left


def test_less_may_be_better(loop: Aide) -> None:
    for figure in (2.0, 1.0, 3.0):
        loop.measured(f"x = {figure}\n", figure)
        loop.nodes[-1]["metric"]["maximize"] = False
    loop.save()
    left = read(loop.log)
    assert left
    assert left.best[0].source == b"x = 1.0\n"


def test_the_program_that_it_began_with_is_no_candidate(loop: Aide) -> None:
    loop.measured((loop.workspace / "input" / "experiment.py").read_text(), 9.0)
    with pytest.raises(BonsaiError, match="none of the 1 scripts that worked had a new program"):
        read(loop.log)
    loop.measured("x = 1\n", 1.0)
    left = read(loop.log)
    assert left
    assert len(left.candidates) == 1


def _refused(folder: Path) -> str:
    with pytest.raises(BonsaiError) as caught:
        read(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_holds_nothing_to_judge_says_so(loop: Aide, exported: Path, tmp_path: Path) -> None:
    assert read(tmp_path) is None
    assert read(loop.workspace) is None
    loop.node("x", ["Traceback"], None)
    assert "has no script that worked" in _refused(loop.log)
    loop.node("x", [f"{METRIC}: 99.0"], 99.0)
    loop.node("x", ["program: " + "0" * 64 + "\n"], 98.0)
    assert "none of the 2 scripts that worked had a new program measured" in _refused(loop.log)
    loop.measured("x = 1\n", 1.0)
    (kept,) = (loop.workspace / "input" / "measured").glob("*.py")
    kept.write_text("x = 2\n")  # not what its name says
    assert "none of the 3 scripts" in _refused(loop.log)
    shutil.rmtree(loop.workspace)
    assert f"{loop.workspace}/input/measured" in _refused(loop.log)
    shutil.rmtree(exported / "logs")
    assert "on which nothing was run yet" in _refused(exported)


@pytest.mark.parametrize("version", ["3", 2, None])
def test_a_journal_of_another_version_is_told(loop: Aide, version: object) -> None:
    loop.measured("x = 1\n", 1.0)
    loop.save(version)
    assert "is no journal of form 2, as AIDE 0.2.2 writes it" in _refused(loop.log)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "[" * 100_000, '{"nodes": 3, "__version": "2"}', "\0\xff"]
)
def test_what_is_no_journal_is_told(loop: Aide, text: str) -> None:
    (loop.log / "journal.json").write_text(text)
    assert "is no J" in _refused(loop.log).replace("journal of form", "J")


def test_nodes_that_are_none_are_passed_over(loop: Aide) -> None:
    loop.measured("x = 1\n", 1.0)
    loop.nodes += [
        None, 3, {}, {"metric": 3}, {"metric": {"value": "9"}, "is_buggy": False},
        {"metric": {"value": float("nan")}, "is_buggy": False}, {"metric": {"value": 9.0}},
        {"metric": {"value": 9.0}, "is_buggy": False, "_term_out": 3},
    ]  # fmt: skip
    loop.save()
    left = read(loop.log)
    assert left
    assert len(left.candidates) == 1


def test_several_runs_want_one_to_be_named(loop: Aide, exported: Path) -> None:
    loop.measured("x = 1\n", 1.0)
    shutil.copytree(loop.log, loop.log.with_name("1-calm-heron"))
    assert "several folders of AIDE (0-brave-otter, 1-calm-heron); name one" in _refused(exported)
    assert read(loop.log)


def test_what_is_no_file_is_not_read(loop: Aide) -> None:
    os.mkfifo(loop.log / "journal.json")
    assert read(loop.log) is None
