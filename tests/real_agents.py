"""What every real coding agent is put through, with a model that says what it is to do.

`make agents` installs them. Those of npm and those of PyPI are tested in a file each, so that they
are tested side by side.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from bonsai.execution import sandbox
from bonsai.models import Books, Budget, Gateway, LiveModel, Session
from bonsai.models.agents import AgentReply, Surroundings, make_agent
from bonsai.models.agents.adapters import ADAPTERS
from bonsai.models.agents.command import WORKSPACE
from bonsai.models.agents.whereabouts import find
from bonsai.templates import Limits
from tests import sweeps
from tests.coding_agents import ends, runs, writes
from tests.crashes import BRISK
from tests.fake_model import Fails, FakeModel, Says

KEY = "sk-of-the-user-4711"
SURVIVOR = f"{100_000 + os.getpid()}.25"  # seconds of sleep, by which it is known
OUTLIVES = f"(setsid sleep {SURVIVOR} >/dev/null 2>&1 &)"
SECONDS = 90.0  # for a message
FILES = ("experiment.py",)
TOKENS = 40_000  # the budget of a loop; four of its replies take all of it, or three
# Prints what it gets hold of, of what it must not.
SPY = """\
import os, pathlib, socket, sys
home, host, port = sys.argv[1:]
key = [name for name, value in os.environ.items() if {key!r} in value]
for path in [*pathlib.Path(home).glob("*"), *pathlib.Path("/proc").glob("[0-9]*/environ")]:
    try:
        key += [str(path)] * ({key!r} in path.read_text(errors="replace"))
    except OSError:
        pass
network = []
for address in ((host, int(port)), ("localhost", int(port)), ("example.org", 80)):
    try:
        socket.create_connection(address, 2).close()
        network.append(address)
    except OSError:
        pass
print(f"SPIED {{len(key)}} keys, {{len(network)}} ways out:", *key, *network)
"""


def needs(agent: str) -> None:
    """Skip what needs an agent that is not here, unless nothing may be skipped."""
    if os.environ.get("BONSAI_ALL_TESTS"):
        return
    if why := sandbox.problem():
        pytest.skip(why)
    if find(ADAPTERS[agent]) is None:
        pytest.skip(f"{agent} is not installed (make agents)")


@dataclass
class Told:
    """One message to an agent, and what came of it."""

    reply: AgentReply
    session: Session
    requests: list[dict[str, Any]]  # to the model's service
    left: dict[str, str]  # the files of the workspace afterwards


@dataclass
class Conversation:
    """An agent, a workspace and the model that tells it what to do."""

    agent: str
    folder: Path
    gateway: Gateway
    model: FakeModel
    listener: socket.socket  # what it must not reach
    around: Surroundings = field(init=False)

    def __post_init__(self) -> None:
        self.workspace.mkdir()
        self.workspace.joinpath("experiment.py").write_text("HEIGHT = 1\n")
        self.workspace.joinpath("score.py").write_text("frozen = True\n")
        self.workspace.joinpath("spy.py").write_text(SPY.format(key=KEY))
        self.folder.joinpath(".env").write_text(KEY)
        self.around = Surroundings(
            self.folder / "agent", True, Limits(memory_gb=4), threading.Event(), continues=True
        )

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    @property
    def spying(self) -> list[str]:
        host, port = self.listener.getsockname()
        return ["spy.py", str(self.folder), host, str(port)]

    def tell(self, *script: Says, budget: bool = False) -> Told:
        exchanges = self.folder / "exchanges"
        before = len(list(exchanges.glob("???.md")))
        self.model.script, self.model.bodies = list(script), []
        account = Books(sweep=Budget(tokens=TOKENS)).account("", "") if budget else None
        with self.gateway.session(exchanges, account=account, skip=before) as session:
            reply = make_agent(self.agent).edit(
                self.workspace, "Make it higher.", FILES, session, SECONDS, self.around
            )
        left = {path.name: path.read_text() for path in self.workspace.iterdir()}
        return Told(reply, session, self.model.bodies, left)

    @staticmethod
    def survivors() -> list[psutil.Process]:
        return [
            p for p in psutil.process_iter(["cmdline"]) if SURVIVOR in (p.info["cmdline"] or [])
        ]


class RealAgents:
    """The tests, each for every agent that a class derived from this one is parametrized with."""

    @pytest.fixture(scope="class")
    @classmethod
    def conversation(
        cls, agent: str, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[Conversation]:
        needs(agent)
        folder = tmp_path_factory.mktemp(agent)
        with ExitStack() as stack:
            model = stack.enter_context(FakeModel().serving())
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            monkeypatch = stack.enter_context(pytest.MonkeyPatch.context())
            monkeypatch.setenv("OPENAI_API_KEY", KEY)
            gateway = stack.enter_context(Gateway(LiveModel("openai/anything", model.url)))
            yield Conversation(agent, folder, gateway, model, listener)

    @pytest.fixture(scope="class")
    @classmethod
    def good(cls, agent: str, conversation: Conversation) -> Told:
        """It spies, starts a process that is to outlive it, and makes a good edit."""
        spy = " ".join(["python", *conversation.spying])
        return conversation.tell(
            runs(agent, spy),
            runs(agent, f"{OUTLIVES}; echo started"),
            writes(agent, WORKSPACE / "experiment.py", "HEIGHT = 2\n"),
            ends(agent, "Now it is higher."),
        )

    @pytest.fixture(scope="class")
    @classmethod
    def frozen(cls, agent: str, conversation: Conversation, good: Told) -> Told:
        """In the same session it edits a frozen file beside the one that it may."""
        return conversation.tell(
            writes(agent, WORKSPACE / "score.py", "frozen = False\n"),
            writes(agent, WORKSPACE / "experiment.py", "HEIGHT = 3\n"),
            ends(agent, "Even higher."),
        )

    @pytest.fixture(scope="class")
    @classmethod
    def loop(cls, agent: str, conversation: Conversation, frozen: Told) -> Told:
        """It runs one command after the other until it is stopped."""
        return conversation.tell(
            *(replace(runs(agent, f"echo {n}"), tokens_in=10_000) for n in range(100)), budget=True
        )

    def test_its_edit_is_taken_over(self, good: Told) -> None:
        assert good.reply.problem is None
        assert good.reply.edited == FILES
        assert good.left["experiment.py"] == "HEIGHT = 2\n"
        assert "Now it is higher." in good.reply.text

    def test_it_asks_for_nothing_but_what_the_edit_needs(self, agent: str, good: Told) -> None:
        """No title, no summary, no second opinion: each would be paid for."""
        assert len(good.requests) == 4
        assert all("Make it higher." in json.dumps(body) for body in good.requests)

    def test_it_finds_neither_the_key_nor_a_network(
        self, conversation: Conversation, good: Told
    ) -> None:
        assert "SPIED 0 keys, 0 ways out:" in json.dumps(good.requests[1]["messages"])

    def test_outside_its_walls_the_same_spying_finds_both(self, conversation: Conversation) -> None:
        """Else it would prove nothing."""
        command = [sys.executable, *conversation.spying]
        folder = conversation.workspace
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
        assert "OPENAI_API_KEY" in done.stdout
        assert str(conversation.folder / ".env") in done.stdout
        assert str(conversation.listener.getsockname()) in done.stdout

    def test_nothing_that_it_started_outlives_it(
        self, conversation: Conversation, good: Told
    ) -> None:
        assert "started" in json.dumps(good.requests[2]["messages"])
        assert conversation.survivors() == []

    def test_an_edit_of_a_frozen_file_is_undone_and_told(self, frozen: Told) -> None:
        assert frozen.reply.strayed == ("score.py",)
        assert frozen.left["score.py"] == "frozen = True\n"
        assert frozen.left["experiment.py"] == "HEIGHT = 3\n"

    def test_it_goes_on_with_its_session(self, agent: str, frozen: Told) -> None:
        remembered = "Now it is higher." in json.dumps(frozen.requests[0])
        assert remembered == ADAPTERS[agent].keeps_session

    def test_a_loop_ends_with_the_budget(self, loop: Told) -> None:
        assert loop.session.over == "budget"
        assert loop.reply.problem == loop.session.refusal
        assert 2 <= len(loop.requests) <= 4
        assert loop.reply.seconds < SECONDS / 2


def killed_and_resumed(agent: str, home: Path) -> None:
    """Kill a sweep while its agent works, resume it, and compare it with what it should be.

    The runner is killed when the agent has changed its files and asks the model for the second
    time; what it had begun is done again.
    """
    needs(agent)
    runner: list[subprocess.Popen[str]] = []

    def kill(body: dict[str, Any]) -> Fails:
        runner[0].send_signal(signal.SIGKILL)
        runner[0].wait(30)
        return Fails(500, message="nobody listens")

    text = (BRISK / "experiment.py").read_text().replace("HEIGHT = 1 ", "HEIGHT = 300 ")
    plan = [
        writes(agent, WORKSPACE / "notes.txt", "# Plan\nHigher is better.\n"),
        ends(agent, "This is my plan."),
    ]
    edit = [writes(agent, WORKSPACE / "experiment.py", text), ends(agent, "It is higher.")]
    model = FakeModel(
        *plan, runs(agent, f"{OUTLIVES}; echo nonsense > experiment.py"), kill,
        *edit, ends(agent, "ALL_COMPLETED"), ends(agent, "ALL_COMPLETED"),
    )  # fmt: skip
    with model.serving():
        keeps = ["--keep-session"] if ADAPTERS[agent].keeps_session else []
        started = sweeps.start(
            *("run", str(BRISK), "--ideas", "higher", "--out", "results", "--agent", agent),
            *("--model", "openai/anything", "--api-base", model.url),
            *("--confirm-seeds", "0", *keeps),
            cwd=home, OPENAI_API_KEY=KEY,
        )  # fmt: skip
        runner.append(started)
        _, errors = started.communicate(timeout=300)
        assert started.returncode == -signal.SIGKILL, errors
        asked = len(model.bodies)
        done = sweeps.run("resume", "results", cwd=home, OPENAI_API_KEY=KEY)
    assert done.returncode == 0, done.stdout + done.stderr
    assert Conversation.survivors() == []
    entries = sweeps.entries(home / "results", "higher")
    assert sweeps.story(entries) == [
        *(("start", True), ("plan", True), ("claims", True), ("edit", True), ("smoke", True)),
        *(("run", True), ("edit", True), ("write_up", True), ("plots", True), ("end", True)),
    ]
    assert entries[-1].data["exchanges"] == 6
    first = json.dumps(model.bodies[asked])  # of the edit that is done again
    assert ("This is my plan." in first) == ADAPTERS[agent].keeps_session
    assert "nonsense" not in first


def played_back(agent: str, home: Path) -> None:
    """Play to an agent what was recorded with it: it does the same again, in another folder."""
    needs(agent)
    text = (BRISK / "experiment.py").read_text().replace("HEIGHT = 1 ", "HEIGHT = 300 ")
    model = FakeModel(
        writes(agent, WORKSPACE / "notes.txt", "# Plan\nHigher is better.\n"),
        ends(agent, "This is my plan."),
        runs(agent, "python experiment.py --smoke --data numbers --seeds 0 --out_dir run_try"),
        writes(agent, WORKSPACE / "experiment.py", text), ends(agent, "It is higher."),
        writes(agent, WORKSPACE / "notes.txt", "# Done\n"), ends(agent, "That is all."),
    )  # fmt: skip
    asked = (
        "run",
        "--ideas",
        "higher",
        "--agent",
        agent,
        "--confirm-seeds",
        "0",
        "--max-runs",
        "1",
    )
    with model.serving():
        live = ("--model", "openai/anything", "--api-base", model.url)
        done = sweeps.run(
            *asked, str(BRISK), "--out", "results", *live, cwd=home, OPENAI_API_KEY=KEY
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "heights:" in json.dumps(model.bodies[3]), "it tried the experiment"
    copy = Path(shutil.copytree(BRISK, home / "copies" / "brisk"))
    shutil.rmtree(copy / "cassettes")
    recorded = home / "results" / "brisk" / "higher" / "exchanges"
    assert (recorded / "agent.txt").read_text() == f"{agent}\n"
    shutil.copytree(recorded, copy / "cassettes" / "higher")
    again = sweeps.run(*asked, str(copy), "--out", "again", cwd=home)
    assert again.returncode == 0, again.stdout + again.stderr
    stories = [
        [
            (e.step, e.ok, e.message)
            for e in sweeps.entries(home / name, "higher")
            if e.step != "run"
        ]
        for name in ("results", "again")
    ]
    assert stories[0] == stories[1]
    assert "HEIGHT = 300" in (home / "again/brisk/higher/workspace/experiment.py").read_text()
    refused = sweeps.run(*asked[:3], str(copy), "--out", "other", cwd=home)  # by aider
    assert refused.returncode == 2
    assert f"recorded with {agent}" in refused.stderr
