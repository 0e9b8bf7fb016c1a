"""An agent that runs commands works in a copy; what it may change is taken over, nothing else."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from bonsai.base import BonsaiError
from bonsai.execution import Cancelled, sandbox
from bonsai.models import Gateway, Session
from bonsai.models.agents import AgentReply, Surroundings, make_agent
from bonsai.templates import Limits

needs_walls = pytest.mark.skipif(bool(sandbox.problem()), reason="no bubblewrap")
BOTH = [pytest.param(True, marks=needs_walls, id="walls"), pytest.param(False, id="no walls")]
# Asks the model once, and does as it is told: the reply is Python.
OBEDIENT = """
import json, os, sys, urllib.request
asked = {"messages": [{"role": "user", "content": open(sys.argv[1]).read()}]}
request = urllib.request.Request(
    os.environ["OPENAI_BASE_URL"] + "/chat/completions", json.dumps(asked).encode(),
    {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
)
exec(json.load(urllib.request.urlopen(request))["choices"][0]["message"]["content"])
"""


class World:
    """A workspace, a gateway that plays replies, and an agent that does what they say."""

    def __init__(self, folder: Path, gateway: Gateway) -> None:
        self.folder, self.gateway = folder, gateway
        self.workspace = folder / "workspace"
        (self.workspace / "run_0").mkdir(parents=True)
        self.workspace.joinpath("experiment.py").write_text("HEIGHT = 1\n")
        self.workspace.joinpath("score.py").write_text("frozen = True\n")
        self.workspace.joinpath("run_0", "final_info.json").write_text('{"found": 1}')
        self.workspace.joinpath("run_0", "outcome_seed_0.npz").write_bytes(b"arrays")
        self.workspace.joinpath(".git").mkdir()
        self.workspace.joinpath(".git", "config").write_text("ours")
        (folder / "agent.py").write_text(OBEDIENT)
        self.session: Session | None = None

    def plays(self, *replies: str, skip: int = 0) -> Session:
        cassette = self.folder / "cassette"
        cassette.mkdir(exist_ok=True)
        for number, reply in enumerate(replies):
            (cassette / f"{number + 1:02d}.md").write_text(reply)
        exchanges = self.folder / "exchanges"
        exchanges.mkdir(exist_ok=True)
        self.session = self.gateway.session(exchanges, cassette=cassette, skip=skip)
        return self.session

    def around(self, walls: bool) -> Surroundings:
        limits = Limits(memory_gb=2, disk_mb=50, tasks=64)
        return Surroundings(self.folder / "agent", walls, limits, threading.Event())

    def edit(
        self, walls: bool, *files: str, around: Surroundings | None = None, seconds: float = 60
    ) -> AgentReply:
        assert self.session is not None
        name = f"command:{sys.executable} {self.folder / 'agent.py'} {{prompt_file}} {{files}}"
        return make_agent(name).edit(
            self.workspace, "Make it higher.", files, self.session, seconds,
            around or self.around(walls),
        )  # fmt: skip


def _running(word: str) -> list[psutil.Process]:
    return [p for p in psutil.process_iter(["cmdline"]) if word in (p.info["cmdline"] or [])]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Gateway(None) as gateway:
        yield World(tmp_path, gateway)


@pytest.mark.parametrize("walls", BOTH)
def test_an_edit_is_taken_over_and_what_was_said_is_the_reply(world: World, walls: bool) -> None:
    said = 'open("experiment.py", "w").write("HEIGHT = 2\\n")  # higher'
    session = world.plays(said)
    reply = world.edit(walls, "experiment.py")
    assert reply.problem is None
    assert reply.edited == ("experiment.py",)
    assert reply.text == said
    assert world.workspace.joinpath("experiment.py").read_text() == "HEIGHT = 2\n"
    assert session.exchanges == 1
    asked = json.loads((world.folder / "exchanges" / "001.request.json").read_text())
    prompt = asked["messages"][0]["content"]
    assert prompt.endswith("Make it higher.")
    assert "Edit experiment.py there, and no other file." in prompt


@pytest.mark.parametrize("walls", BOTH)
def test_what_may_not_be_edited_is_told_and_what_it_made_for_itself_is_not(
    world: World, walls: bool
) -> None:
    world.plays(
        'open("experiment.py", "w").write("HEIGHT = 3\\n")\n'
        'open("score.py", "w").write("frozen = False\\n")\n'
        'open("run_0/final_info.json", "w").write("{}")\n'
        'open("scratch.py", "w").write("mine")\nos.mkdir(".git"); os.mkfifo("pipe")'
    )
    reply = world.edit(walls, "experiment.py")
    assert reply.strayed == ("run_0/final_info.json", "score.py")
    assert reply.edited == ("experiment.py",)
    assert world.workspace.joinpath("score.py").read_text() == "frozen = True\n"
    assert world.workspace.joinpath("run_0", "final_info.json").read_text() == '{"found": 1}'
    names = {path.name for path in world.workspace.iterdir()}
    assert names == {"experiment.py", "score.py", "run_0", ".git"}
    assert world.workspace.joinpath(".git", "config").read_text() == "ours"


@pytest.mark.parametrize(
    "instead",
    [
        'os.symlink("/etc/passwd", "experiment.py")',
        'os.mkfifo("experiment.py")',
        'os.mkdir("experiment.py")',
        "pass",
    ],
    ids=["a link", "a pipe", "a folder", "nothing"],
)
def test_what_it_puts_in_the_place_of_a_file_is_not_read(world: World, instead: str) -> None:
    world.plays(f'os.remove("experiment.py")\n{instead}')
    reply = world.edit(False, "experiment.py")
    assert reply.strayed == ("experiment.py",)
    assert world.workspace.joinpath("experiment.py").read_text() == "HEIGHT = 1\n"


def test_a_file_that_is_too_long_is_not_taken_over(world: World) -> None:
    world.plays('open("experiment.py", "w").write("#" * 3_000_000)')
    reply = world.edit(False, "experiment.py")
    assert reply.problem == (
        "experiment.py is 3 MB; at most 2 MB are read; experiment.py stays as it was."
    )
    assert world.workspace.joinpath("experiment.py").read_text() == "HEIGHT = 1\n"


@pytest.mark.parametrize("walls", BOTH)
def test_it_sees_results_and_neither_arrays_nor_the_repository(world: World, walls: bool) -> None:
    world.plays(
        'seen = [str(path) for path in __import__("pathlib").Path().rglob("*")]\n'
        'open("experiment.py", "w").write(repr(sorted(seen)))'
    )
    world.edit(walls, "experiment.py")
    seen = world.workspace.joinpath("experiment.py").read_text()
    assert seen == "['experiment.py', 'run_0', 'run_0/final_info.json', 'score.py']"


@pytest.mark.parametrize("walls", BOTH)
def test_of_the_environment_it_gets_what_it_needs(
    world: World, walls: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-real")
    monkeypatch.setenv("HTTP_PROXY", "http://somewhere")
    world.plays('open("experiment.py", "w").write(json.dumps(dict(os.environ)))')
    session = world.session
    assert session is not None
    world.edit(walls, "experiment.py")
    found = json.loads(world.workspace.joinpath("experiment.py").read_text())
    assert found["OPENAI_API_KEY"] == found["ANTHROPIC_API_KEY"] == "local"
    assert found["OPENAI_BASE_URL"] == session.base_url
    assert found["ANTHROPIC_BASE_URL"] == session.root_url
    own = world.folder / "agent"
    assert found["HOME"] == ("/home/agent" if walls else str(own / "home"))
    assert "HTTP_PROXY" not in found


@pytest.mark.parametrize("walls", BOTH)
def test_one_that_ends_badly_is_told_with_its_last_words(world: World, walls: bool) -> None:
    world.plays('sys.exit("no idea what to do")')
    reply = world.edit(walls, "experiment.py")
    assert reply.problem is not None
    assert reply.problem.endswith("ended with exit code 1: no idea what to do.")
    assert reply.detail.strip().endswith("no idea what to do")


def test_one_that_does_nothing_is_told_so(world: World) -> None:
    world.plays("pass")
    assert world.edit(False, "experiment.py").problem == (
        "The reply changed nothing in experiment.py."
    )


@pytest.mark.parametrize("walls", BOTH)
def test_at_its_deadline_it_is_stopped_with_all_that_it_started(world: World, walls: bool) -> None:
    world.plays(
        'open("experiment.py", "w").write("half")\nimport subprocess\n'
        'subprocess.run(["sleep", "1729.5"])'
    )
    reply = world.edit(walls, "experiment.py", seconds=3)
    assert reply.problem == "The agent was stopped after 3 seconds."
    assert world.workspace.joinpath("experiment.py").read_text() == "HEIGHT = 1\n"
    assert not _running("1729.5")
    assert not (world.folder / "agent" / "workspace").exists()


@pytest.mark.parametrize("walls", BOTH)
def test_it_keeps_to_limits(world: World, walls: bool) -> None:
    world.plays(
        'import time\nfor n in range(40):\n    open(f"large{n}", "wb").write(bytes(10**7))\n'
        "    time.sleep(0.1)"
    )
    reply = world.edit(walls, "experiment.py")
    assert reply.problem is not None
    assert "of 50 MB at most" in reply.problem


def test_when_the_replies_are_at_their_end_nothing_is_taken_over(world: World) -> None:
    session = world.plays(
        'open("experiment.py", "w").write("half")\nurllib.request.urlopen(request)'
    )
    reply = world.edit(False, "experiment.py")
    assert session.over == "cassette"
    assert reply.problem == "The cassette has no more replies: all 1 are played."
    assert reply.edited == ()


def test_when_the_sweep_is_stopped_it_is_killed(world: World) -> None:
    world.plays('import subprocess\nsubprocess.run(["sleep", "1730.5"])')
    around = world.around(False)
    threading.Timer(2, around.cancel.set).start()
    with pytest.raises(Cancelled):
        world.edit(False, "experiment.py", around=around)
    assert not _running("1730.5")


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(BonsaiError, match="no_such_program"):
        make_agent("command:no_such_program {prompt_file}")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("aidre", "there is no such agent; did you mean aider?"),
        ("command:", "command"),
        ("command:x {nothing}", "nothing"),
    ],
)
def test_a_wrong_name_is_told(name: str, told: str) -> None:
    with pytest.raises(BonsaiError, match=told):
        make_agent(name)


class TestSession:
    """An agent that keeps a session goes on with it, from where the last finished step left it."""

    NOTES = (
        'path = os.environ["HOME"] + "/session"\n'
        'text = open(path).read() if os.path.exists(path) else ""\n'
        'open(path, "w").write(text + "{}")\nopen("experiment.py", "w").write(text)\n'
    )

    def _edit(self, world: World, continues: bool = True) -> str:
        agent = make_agent(f"command:{sys.executable} {world.folder / 'agent.py'} {{prompt_file}}")
        agent = replace(agent, adapter=replace(agent.adapter, keeps_session=True))  # type: ignore[attr-defined, type-var]
        assert world.session is not None
        agent.edit(
            world.workspace, "Go on.", ["experiment.py"], world.session, 60,
            replace(world.around(False), continues=continues),
        )  # fmt: skip
        return world.workspace.joinpath("experiment.py").read_text()

    def test_it_is_kept_from_message_to_message(self, world: World) -> None:
        world.plays(*(self.NOTES.format(letter) for letter in "abc"))
        assert [self._edit(world) for _ in range(3)] == ["", "a", "ab"]

    def test_it_is_not_unless_that_is_wanted(self, world: World) -> None:
        world.plays(*(self.NOTES.format(letter) for letter in "ab"))
        assert [self._edit(world, continues=False) for _ in range(2)] == ["", ""]
        assert not list((world.folder / "agent").glob("session-*"))

    def test_a_step_that_is_done_again_begins_where_it_began(self, world: World) -> None:
        session = world.plays(*(self.NOTES.format(letter) for letter in "abc"))
        self._edit(world)
        assert self._edit(world) == "a"
        session.rewind(1)  # the second message was answered, and then the runner was killed
        assert self._edit(world) == "a"
        assert self._edit(world) == "ab"

    def test_a_link_in_it_leads_nowhere(self, world: World) -> None:
        outside = world.folder / "outside"
        outside.write_text("precious")
        link = f'os.symlink("{outside}", os.environ["HOME"] + "/prompt.txt")\n'
        forget = 'os.remove(os.environ["HOME"] + "/prompt.txt")\n'
        world.plays(forget + link + self.NOTES.format("a"), self.NOTES.format("b"))
        self._edit(world)
        assert self._edit(world) == "a"
        assert outside.read_text() == "precious"
