"""A program of one's own as the agent of a sweep: the one that the docs show, whatever happens."""

from __future__ import annotations

import json
import re
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from bonsai.base.ledger import Entry
from bonsai.execution import sandbox
from tests import sweeps
from tests.crashes import BRISK
from tests.fake_model import HANGS, Fails, FakeModel, Says

needs_walls = pytest.mark.skipif(bool(sandbox.problem()), reason="no bubblewrap")
DOCS = Path(__file__).parents[2] / "docs" / "agents.md"
KEY = "sk-of-the-user-8910"
EXPERIMENT = (BRISK / "experiment.py").read_text()
PLAN = Says(json.dumps({"notes.txt": "## Plan\nHigher is better.\n"}))
HIGHER = Says(json.dumps({"experiment.py": EXPERIMENT.replace("HEIGHT = 1 ", "HEIGHT = 300 ")}))
WRITE_UP = Says(json.dumps({"notes.txt": "## Done\n"}))
NO_VERDICT = ("--confirm-seeds", "0", "--max-runs", "1")


def agent_of_the_docs(folder: Path) -> str:
    """Save it as they say, and return what they have `--agent` be."""
    text = DOCS.read_text()
    code = re.search(r"```python\n(# my_agent.py\n.*?)```", text, re.DOTALL)
    command = re.search(r'--agent "(command:python my_agent.py[^"]*)"', text)
    assert code and command
    (folder / "my_agent.py").write_text(code[1])
    return command[1]


def _options(model: FakeModel, agent: str, *more: str) -> tuple[str, ...]:
    return (
        *("run", str(BRISK), "--ideas", "higher", "--out", "res", "--agent", agent),
        *("--model", "openai/anything", "--api-base", model.url, *NO_VERDICT, *more),
    )


def _sweep(folder: Path, model: FakeModel, *more: str, agent: str = "") -> str:
    agent = agent or agent_of_the_docs(folder)
    with model.serving():
        done = sweeps.run(*_options(model, agent, *more), cwd=folder, OPENAI_API_KEY=KEY)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@dataclass
class Swept:
    """A sweep that is over."""

    folder: Path
    model: FakeModel
    output: str
    edits: list[Entry]


def _told(model: FakeModel, number: int) -> str:
    text: str = model.bodies[number]["messages"][0]["content"]
    return text


@pytest.mark.parametrize(
    "more",
    [
        pytest.param((), marks=needs_walls, id="within walls"),
        pytest.param(
            ("--sandbox", "off", "--agent-unconfined"), marks=pytest.mark.slow, id="unconfined"
        ),
    ],
)
def test_the_agent_of_the_docs_edits_and_its_run_is_measured(
    tmp_path: Path, more: tuple[str, ...]
) -> None:
    model = FakeModel(PLAN, HIGHER, WRITE_UP)
    _sweep(tmp_path, model, *more)
    entries = sweeps.entries(tmp_path / "res", "higher")
    assert sweeps.story(entries) == [
        *(("start", True), ("plan", True), ("claims", True), ("edit", True), ("smoke", True)),
        *(("run", True), ("write_up", True), ("plots", True), ("end", True)),
    ]
    edit = next(entry for entry in entries if entry.step == "edit")
    assert edit.data["changed"] == ["experiment.py"]
    assert edit.data["agent"].startswith("command:python my_agent.py")
    assert edit.data["agent_seconds"] > 0
    assert set(model.keys) == {KEY}, "the gateway has the key"
    results = tmp_path / "res" / "brisk" / "higher"
    assert (results / "exchanges" / "agent.txt").read_text() == "command\n"
    assert "HEIGHT = 300" in (results / "workspace" / "experiment.py").read_text()
    everything = [path for path in (tmp_path / "res").rglob("*") if path.is_file()]
    assert not [path for path in everything if KEY.encode() in path.read_bytes()]
    assert not (results / "agent" / "workspace").exists()


class TestMistakes:
    """One sweep in which the agent changes what is frozen, fails, and meets a dead service."""

    HARNESS = Says(json.dumps({"score.py": "METRICS = {}\n", "run_0/final_info.json": "{}"}))

    @pytest.fixture(scope="class")
    @classmethod
    def swept(cls, tmp_path_factory: pytest.TempPathFactory) -> Swept:
        if why := sandbox.problem():
            pytest.skip(why)
        folder = tmp_path_factory.mktemp("mistakes")
        away = [Fails(503)] * 3  # the gateway tries so often
        talks = Says("I would rather talk.")
        model = FakeModel(PLAN, cls.HARNESS, talks, *away, HIGHER, WRITE_UP)
        output = _sweep(folder, model, "--wait-for-model", "60")
        edits = [e for e in sweeps.entries(folder / "res", "higher") if e.step == "edit"]
        return Swept(folder, model, output, edits)

    def test_what_it_may_not_change_is_undone_and_told(self, swept: Swept) -> None:
        edit = swept.edits[0]
        assert not edit.ok
        assert edit.data["kind"] == "frozen file"
        assert edit.message == (
            "changed run_0/final_info.json, score.py, which is frozen and was put back; edit only "
            "experiment.py, plot.py, notes.txt"
        )
        assert edit.message in _told(swept.model, 2)
        workspace = swept.folder / "res" / "brisk" / "higher" / "workspace"
        assert (workspace / "score.py").read_bytes() == (BRISK / "score.py").read_bytes()

    def test_when_it_fails_that_is_one_try_and_its_last_words_are_told(self, swept: Swept) -> None:
        edit = swept.edits[1]
        assert not edit.ok
        assert "ended with exit code 1: json.decoder.JSONDecodeError" in edit.message
        assert "JSONDecodeError" in _told(swept.model, 3)

    def test_while_the_service_is_away_no_try_is_used_up(self, swept: Swept) -> None:
        assert [edit.ok for edit in swept.edits] == [False, False, True]
        assert len(swept.model.bodies) == 8
        assert "It is waited for" in swept.output


@needs_walls
def test_the_budget_pays_for_it_and_ends_it(tmp_path: Path) -> None:
    model = FakeModel(PLAN, HIGHER, WRITE_UP)
    _sweep(tmp_path, model, "--idea-budget-tokens", "3000")
    last = sweeps.entries(tmp_path / "res", "higher")[-1]
    assert "tokens" in last.message
    assert len(model.bodies) < 3


@needs_walls
def test_a_runner_that_is_killed_while_it_works_takes_it_along_and_goes_on(
    tmp_path: Path,
) -> None:
    agent = agent_of_the_docs(tmp_path)
    model = FakeModel(PLAN, HANGS)
    with model.serving():
        with sweeps.start(*_options(model, agent), cwd=tmp_path, OPENAI_API_KEY=KEY) as process:
            while len(model.bodies) < 2:
                assert process.poll() is None, process.communicate()
                time.sleep(0.05)
            working = _agents(tmp_path)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        assert working
        _, left = psutil.wait_procs(working, timeout=10)
        assert not left
        model.script += [HIGHER, WRITE_UP]
        model.hung_up.set()
        done = sweeps.run("resume", "res", cwd=tmp_path, OPENAI_API_KEY=KEY)
    assert done.returncode == 0, done.stdout + done.stderr
    entries = sweeps.entries(tmp_path / "res", "higher")
    steps = [(entry.step, entry.ok) for entry in entries if entry.step in ("plan", "edit", "run")]
    assert steps == [("plan", True), ("edit", True), ("run", True)]
    exchanges = tmp_path / "res" / "brisk" / "higher" / "exchanges"
    assert sorted(path.name for path in exchanges.glob("*.md")) == ["001.md", "002.md", "003.md"]


def _agents(folder: Path) -> list[psutil.Process]:
    """Processes of the agent that works for a sweep in this folder."""
    script = str(folder / "my_agent.py")
    return [p for p in psutil.process_iter(["cmdline"]) if script in (p.info["cmdline"] or [])]


def test_without_walls_it_is_refused_before_anything_begins(tmp_path: Path) -> None:
    model = FakeModel()
    agent = agent_of_the_docs(tmp_path)
    with model.serving():
        done = sweeps.run(
            *_options(model, agent, "--sandbox", "off"), cwd=tmp_path, OPENAI_API_KEY=KEY
        )
    assert done.returncode != 0
    assert "--agent-unconfined" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "res").exists()
