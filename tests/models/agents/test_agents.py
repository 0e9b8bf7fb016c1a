"""Real agents, aider among them, on real files; only the model's replies are played."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from bonsai.base.errors import BonsaiError
from bonsai.models.agents import Agent, AgentReply, make_agent
from bonsai.models.agents import aider as aider_module
from bonsai.models.agents.aider import AiderAgent, AiderServer
from bonsai.models.gateway import Gateway, LiveModel, Session
from tests.fake_model import HANGS, Fails, FakeModel, Says, Step

FILES = ["experiment.py", "plot.py", "notes.txt"]
EXPERIMENT = '"""A tiny experiment."""\n\nWIDTH = 24\nDEPTH = 3\n\nprint(WIDTH * DEPTH)\n'
PATIENCE = 60.0  # seconds; the first edit may have to wait until aider is loaded


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "experiment.py").write_text(EXPERIMENT)
    (folder / "plot.py").write_text("labels = {}\n")
    (folder / "score.py").write_text("METRICS = {}\n")
    return folder


@contextmanager
def cassette(folder: Path, *replies: str) -> Iterator[Session]:
    tape = folder.parent / "tape"
    tape.mkdir()
    for number, reply in enumerate(replies, start=1):
        (tape / f"{number:02d}-step.md").write_text(reply)
    with Gateway(None) as gateway, gateway.session(folder.parent / "log", cassette=tape) as session:
        yield session


@contextmanager
def live(folder: Path, *script: Step) -> Iterator[tuple[FakeModel, Session]]:
    with FakeModel(*script).serving() as fake:
        model = LiveModel("openai/fake", api_base=fake.url, api_key="sk-real", retry_waits=(0.01,))
        with Gateway(model) as gateway, gateway.session(folder.parent / "log") as session:
            yield fake, session


def edit(
    agent: Agent, workspace: Path, session: Session, message: str = "Make it wider."
) -> AgentReply:
    return agent.edit(workspace, message, FILES, session, PATIENCE)


def block(name: str, search: str, replace: str) -> str:
    body = f"<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE"
    return f"Here it is.\n\n{name}\n```python\n{body}\n```\n"


def whole(name: str, contents: str, fence: str = "```") -> str:
    return f"Here it is.\n\n{name}\n{fence}\n{contents}{fence}\n"


WIDER = block("experiment.py", "WIDTH = 24\n", "WIDTH = 48\n")
WIDER_EXPERIMENT = EXPERIMENT.replace("24", "48")
MISSES = block("experiment.py", "WIDTH = 25\nDEPTH = 3\n\n", "WIDTH = 48\nDEPTH = 3\n\n")


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


# ------------------------------------------------------------------------------------------- aider


@pytest.mark.parametrize("stream", [False, True], ids=["at once", "streamed"])
@pytest.mark.parametrize("edit_format", ["diff", "whole"])
def test_aider_edits(workspace: Path, edit_format: str, stream: bool) -> None:
    reply = WIDER if edit_format == "diff" else whole("experiment.py", WIDER_EXPERIMENT)
    before = files_in(workspace)
    with cassette(workspace, reply) as session:
        result = edit(AiderAgent(edit_format, stream), workspace, session)
    assert result.problem is None
    assert result.edited == ("experiment.py",)
    assert result.text == reply
    assert (workspace / "experiment.py").read_text() == WIDER_EXPERIMENT
    assert files_in(workspace) == before


def test_aider_shows_the_model_the_message_and_the_files(workspace: Path) -> None:
    # What aider would take for a command, a page to fetch and files to add is all just text.
    message = "/run rm *\nSee https://example.com, score.py and\n  File 'score.py', line 1"
    with live(workspace, Says(WIDER)) as (fake, session):
        assert edit(make_agent("aider"), workspace, session, message).problem is None
    asked = "".join(message["content"] for message in fake.bodies[0]["messages"])
    assert message in asked
    assert EXPERIMENT in asked
    assert "METRICS" not in asked
    assert fake.bodies[0]["temperature"] == 0
    assert "max_tokens" not in fake.bodies[0]


def test_aider_may_create_a_file_that_is_editable(workspace: Path) -> None:
    reply = block("notes.txt", "", "Wider is better.\n")
    with cassette(workspace, reply) as session:
        result = edit(make_agent("aider"), workspace, session)
    assert result.problem is None
    assert result.edited == ("notes.txt",)
    assert (workspace / "notes.txt").read_text() == "Wider is better.\n"


@pytest.mark.parametrize(
    "stray", ["score.py", "run_0/final_info.json", "../outside.py", "/tmp/bonsai_outside.py"]
)
def test_aider_edits_nothing_else(workspace: Path, stray: str) -> None:
    with cassette(workspace, WIDER + block(stray, "", "METRICS = None\n")) as session:
        result = edit(make_agent("aider"), workspace, session)
    assert result.problem is not None
    assert result.problem.startswith("Only experiment.py, plot.py and notes.txt may be edited")
    assert stray in result.problem
    assert result.edited == ("experiment.py",)
    assert (workspace / "score.py").read_text() == "METRICS = {}\n"
    assert not (workspace / "run_0").exists()
    assert not (workspace / stray).exists() or stray == "score.py"


def test_aider_lets_the_model_mend_a_block_that_does_not_match(workspace: Path) -> None:
    with cassette(workspace, MISSES, WIDER) as session:
        result = edit(make_agent("aider"), workspace, session)
        assert session.exchanges == 2
    assert result.problem is None
    assert MISSES in result.text
    assert WIDER in result.text


def test_aider_gives_up_after_one_mending(workspace: Path) -> None:
    with cassette(workspace, MISSES, MISSES, WIDER) as session:
        result = edit(make_agent("aider"), workspace, session)
        assert session.exchanges == 2
    assert result.problem == "A SEARCH block does not match the lines of the file."
    assert "WIDTH = 24" in result.detail  # the lines that were perhaps meant
    assert result.edited == ()


def test_a_malformed_edit_is_a_problem(workspace: Path) -> None:
    malformed = WIDER.replace(">>>>>>> REPLACE", "and so on")
    with cassette(workspace, malformed, malformed) as session:
        result = edit(make_agent("aider"), workspace, session)
    assert result.problem == "The reply does not keep to the form for edits."
    assert "REPLACE" in result.detail


def test_a_shell_command_is_not_run(workspace: Path) -> None:
    with cassette(workspace, "Run this:\n\n```bash\ntouch spoiled\n```\n") as session:
        result = edit(make_agent("aider"), workspace, session)
    assert result.problem is not None
    assert not (workspace / "spoiled").exists()


@pytest.mark.parametrize("name", ["aider", "rewrite"])
def test_talk_without_an_edit_is_a_problem(workspace: Path, name: str) -> None:
    with cassette(workspace, "I would rather talk.", "", "Done. ALL_COMPLETED") as session:
        agent = make_agent(name)
        talk, silence, end = (edit(agent, workspace, session) for _ in range(3))
        assert talk.problem == (
            "The reply changed nothing in experiment.py, plot.py and notes.txt."
        )
        assert silence.problem == "The model's reply was empty."
        assert end.problem is None
    assert end.edited == ()


@pytest.mark.parametrize("name", ["aider", "rewrite"])
def test_without_files_only_the_text_is_wanted(workspace: Path, name: str) -> None:
    with cassette(workspace, "First I would widen it.") as session:
        result = make_agent(name).edit(workspace, "What is your plan?", [], session, PATIENCE)
    assert result.problem is None
    assert result.text == "First I would widen it."


@pytest.mark.parametrize("name", ["aider", "rewrite"])
def test_a_refusal_is_reported_and_not_repeated(workspace: Path, name: str) -> None:
    with live(workspace, *[Fails(401)] * 9) as (fake, session):
        result = edit(make_agent(name), workspace, session)
        assert result.problem == session.refusal
        assert "refused the key" in (result.problem or "")
        assert len(fake.bodies) == 1
        assert result.seconds < 30


@pytest.mark.parametrize("name", ["aider", "rewrite"])
def test_a_reply_that_was_cut_off_is_not_used(workspace: Path, name: str) -> None:
    cut = whole("experiment.py", EXPERIMENT[:20]) + WIDER
    with live(workspace, Says(cut, finish_reason="length")) as (_, session):
        result = edit(make_agent(name), workspace, session)
    assert "cut off" in (result.problem or "")
    assert result.edited == ()


@pytest.mark.parametrize("name", ["aider", "rewrite"])
def test_an_agent_is_stopped_at_its_deadline(workspace: Path, name: str) -> None:
    agent = make_agent(name)
    with cassette(workspace, "loaded") as session:
        edit(agent, workspace, session)
    with live(workspace, HANGS) as (_, session):
        started = time.monotonic()
        result = agent.edit(workspace, "Make it wider.", FILES, session, 1.0)
        assert time.monotonic() - started < 3
    assert result.problem == "The agent was stopped after 1 seconds."
    assert result.edited == ()


@pytest.mark.skipif(not aider_module.CAN_FORK, reason="watched where processes can be forked")
def test_aider_is_stopped_when_it_takes_too_much(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = make_agent("aider")
    with cassette(workspace, "loaded") as session:
        edit(agent, workspace, session)
    little = aider_module.LIMITS.model_copy(update={"memory_gb": 0.01})
    monkeypatch.setattr(aider_module, "LIMITS", little)
    with live(workspace, HANGS) as (_, session):
        result = agent.edit(workspace, "Make it wider.", FILES, session, 20.0)
    assert "The agent was stopped because it took" in (result.problem or "")
    assert "GB of memory, of 0.01 GB at most" in (result.problem or "")


@pytest.mark.parametrize("name", ["aider", "rewrite"])
def test_a_link_out_of_the_workspace_is_not_followed(workspace: Path, name: str) -> None:
    outside = workspace.parent / "outside.txt"
    outside.write_text("precious\n")
    (workspace / "notes.txt").symlink_to(outside)
    with cassette(workspace, WIDER) as session:
        result = edit(make_agent(name), workspace, session)
        assert session.exchanges == 0
    assert result.problem == "No edit was made, because notes.txt leads out of the workspace."
    assert outside.read_text() == "precious\n"


def test_several_ideas_edit_at_once(tmp_path: Path) -> None:
    agent = make_agent("aider")
    results: dict[int, AgentReply] = {}

    def work(number: int) -> None:
        folder = tmp_path / str(number) / "workspace"
        folder.mkdir(parents=True)
        (folder / "experiment.py").write_text(EXPERIMENT)
        reply = block("experiment.py", "WIDTH = 24\n", f"WIDTH = {number}\n")
        with cassette(folder, reply) as session:
            results[number] = agent.edit(folder, "Change it.", FILES, session, PATIENCE)

    threads = [threading.Thread(target=work, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [results[number].problem for number in range(6)] == [None] * 6
    for number in range(6):
        text = (tmp_path / str(number) / "workspace" / "experiment.py").read_text()
        assert f"WIDTH = {number}\n" in text


def test_later_edits_are_quick(workspace: Path) -> None:
    agent = make_agent("aider")
    replies = [
        block("experiment.py", f"WIDTH = {width}\n", f"WIDTH = {width + 1}\n")
        for width in range(24, 28)
    ]
    with cassette(workspace, *replies) as session:
        seconds = [edit(agent, workspace, session).seconds for _ in replies]
    assert min(seconds[1:]) < 1.0


def test_aider_sees_no_key_and_no_proxy(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        "OPENAI_API_KEY": "sk-the-real-key",
        "AWS_SECRET_ACCESS_KEY": "the-other-key",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    server = AiderServer()
    monkeypatch.setattr(aider_module, "_SERVER", server)
    children: list[dict[str, str]] = []

    def look(fake: FakeModel) -> None:
        until = time.monotonic() + PATIENCE
        while not fake.bodies and time.monotonic() < until:
            time.sleep(0.05)
        runner = psutil.Process(os.getpid())
        children.extend(
            process.environ()
            for process in runner.children(recursive=True)
            if "bonsai.models.agents._aider_child" in process.cmdline()
        )
        fake.hung_up.set()

    try:
        with live(workspace, HANGS, Says(WIDER)) as (fake, session):
            monkeypatch.setenv("NO_PROXY", fake.url.split("/")[2])  # the runner's, not aider's
            watcher = threading.Thread(target=look, args=[fake], daemon=True)
            watcher.start()
            assert edit(AiderAgent(), workspace, session).problem is None
            watcher.join()
    finally:
        server.stop()
    assert len(children) >= 2  # the one that has aider loaded, and the one that edits
    for environment in children:
        assert not set(secrets.values()) & set(environment.values())


def test_aider_can_talk_to_this_machine_only() -> None:
    attempt = (
        "import socket; from bonsai.models.agents._aider_child import _stay_local; _stay_local()\n"
        "for address in [('192.0.2.1', 80), ('example.com', 80), ('127.0.0.1', 9)]:\n"
        "    try: socket.create_connection(address, timeout=5)\n"
        "    except OSError as error: print(type(error).__name__)"
    )
    command = [sys.executable, "-c", attempt]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert output.split() == ["PermissionError", "PermissionError", "ConnectionRefusedError"]


def test_aider_that_dies_is_reported_and_started_again(workspace: Path) -> None:
    server = AiderServer()
    agent = AiderAgent()
    with pytest.MonkeyPatch.context() as patch, cassette(workspace, WIDER) as session:
        patch.setattr(aider_module, "_SERVER", server)
        patch.setattr(aider_module, "_environment", lambda home: {"PYTHONPATH": "/nowhere"})
        failed = edit(agent, workspace, session)
        patch.undo()
        patch.setattr(aider_module, "_SERVER", server)
        mended = edit(agent, workspace, session)
    server.stop()
    assert "Aider ended unexpectedly" in (failed.problem or "")
    assert mended.problem is None


def test_aider_where_processes_cannot_be_forked(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aider_module, "CAN_FORK", False)
    with cassette(workspace, WIDER, "never said") as session:
        result = edit(AiderAgent(), workspace, session)
        late = AiderAgent().edit(workspace, "Make it wider.", FILES, session, 0.2)
    assert result.problem is None
    assert (workspace / "experiment.py").read_text() == WIDER_EXPERIMENT
    assert late.problem == "The agent was stopped after 0.2 seconds."


# ------------------------------------------------------------------- replies in other forms

INDENTED = "".join(f"  {line}\n" for line in WIDER.split("\n\n", 1)[1].splitlines()[1:])


@pytest.mark.parametrize("stream", [False, True], ids=["at once", "streamed"])
@pytest.mark.parametrize(
    "reply",
    [
        f"experiment.py\n{INDENTED}",
        f"1. First:\n\n   `experiment.py`:\n\n   {INDENTED}",
        WIDER.replace("experiment.py", "templates/x/experiment.py"),
        WIDER.replace("experiment.py", "/some/where/experiment.py"),
        WIDER.replace("experiment.py\n", "").replace("```python", "```python experiment.py"),
        WIDER.replace("```", "~~~"),
        WIDER.replace("\n", "\r\n"),
        INDENTED.replace("\n", "\r\n").replace("  ```python", "## ./experiment.py\r\n\r\n```py"),
    ],
)
def test_aider_takes_edits_in_other_forms(workspace: Path, reply: str, stream: bool) -> None:
    with cassette(workspace, reply, "never said") as session:
        result = edit(AiderAgent(stream=stream), workspace, session)
        assert session.exchanges == 1
    assert (result.problem, result.edited) == (None, ("experiment.py",))
    assert (workspace / "experiment.py").read_bytes() == WIDER_EXPERIMENT.encode()
    assert result.text.strip() == reply.strip(), "as the model said it"


def test_a_path_to_the_copy_of_a_run_is_not_the_experiment(workspace: Path) -> None:
    (workspace / "run_1").mkdir()
    (workspace / "run_1" / "experiment.py").write_text(EXPERIMENT)
    reply = WIDER.replace("experiment.py", "run_1/experiment.py")
    with cassette(workspace, reply) as session:
        result = edit(make_agent("rewrite"), workspace, session)
    assert result.edited == ()
    whole_copy = whole("run_1/experiment.py", WIDER_EXPERIMENT)
    with cassette(workspace / "run_1", whole_copy) as session:
        result = edit(make_agent("rewrite"), workspace, session)
    assert "run_1/experiment.py was not" in (result.problem or "")
    assert result.edited == ()


DIFF = "--- {0}\n+++ {0}\n@@ ... @@\n-WIDTH = 24\n+WIDTH = 48\n"


@pytest.mark.parametrize(
    ("edit_format", "reply"),
    [
        ("udiff", f"```diff\n{DIFF.format('experiment.py')}```\n"),
        ("udiff", f"~~~diff\n{DIFF.format('old/experiment.py')}~~~\n".replace("\n", "\r\n")),
        ("diff-fenced", WIDER.replace("experiment.py\n```python", "```python\nx/experiment.py")),
        ("whole", whole("x/experiment.py", WIDER_EXPERIMENT, "~~~").replace("\n", "\r\n")),
    ],
)
def test_aider_takes_other_formats_in_other_forms(
    workspace: Path, edit_format: str, reply: str
) -> None:
    with cassette(workspace, reply, "never said") as session:
        result = edit(AiderAgent(edit_format), workspace, session)
    assert (result.problem, result.edited) == (None, ("experiment.py",))
    assert (workspace / "experiment.py").read_bytes() == WIDER_EXPERIMENT.encode()


EXAMPLES = "```python\nWIDTH = 24\n```\n"  # a docstring that shows how it is used
SHOWN = f'"""A tiny experiment.\n\n{EXAMPLES}"""\n\nWIDTH = 24\nDEPTH = 3\n'


@pytest.mark.parametrize("fence", ["```", "```python", "````", "`````"])
@pytest.mark.parametrize("name", ["whole", "rewrite"])
def test_a_file_that_holds_fences_survives(workspace: Path, name: str, fence: str) -> None:
    (workspace / "experiment.py").write_text(SHOWN)
    agent = AiderAgent("whole") if name == "whole" else make_agent("rewrite")
    deeper = SHOWN.replace("DEPTH = 3", "DEPTH = 4")
    reply = f"experiment.py\n{fence}\n{deeper}{fence.rstrip('python')}\n\nThat is all.\n"
    with cassette(workspace, reply, "never said") as session:
        result = edit(agent, workspace, session)
    assert (result.problem, result.edited) == (None, ("experiment.py",))
    assert (workspace / "experiment.py").read_text() == deeper


@pytest.mark.parametrize(
    ("contents", "why"),
    [
        ("WIDTH = 48\n# ... rest unchanged\n", "line 2 leaves something out"),
        ("WIDTH = (48\n", "it does not parse: experiment.py, line 1: '(' was never closed"),
        ("WIDTH = 48\n", "it has 1 lines of the 66 that the file has"),
    ],
)
@pytest.mark.parametrize("name", ["whole", "rewrite"])
def test_a_file_that_is_cut_is_not_written(
    workspace: Path, name: str, contents: str, why: str
) -> None:
    long = EXPERIMENT + "".join(f"x_{number} = 0\n" for number in range(60))
    (workspace / "experiment.py").write_text(long)
    agent = AiderAgent("whole") if name == "whole" else make_agent("rewrite")
    reply = whole("experiment.py", contents) + whole("plot.py", 'labels = {"run_0": "B"}\n')
    with cassette(workspace, reply, "never said") as session:
        result = edit(agent, workspace, session)
    assert (result.problem or "").startswith(f"experiment.py was not written, because {why}")
    assert result.edited == ("plot.py",)
    assert (workspace / "experiment.py").read_text() == long


@pytest.mark.parametrize("name", ["aider", "rewrite"])
def test_to_mention_the_answer_is_not_to_give_it(workspace: Path, name: str) -> None:
    with cassette(workspace, "Should I say ALL_COMPLETED?", "- **ALL_COMPLETED**.") as session:
        agent = make_agent(name)
        asked, told = (edit(agent, workspace, session) for _ in range(2))
    assert "changed nothing" in (asked.problem or "")
    assert told.problem is None


# --------------------------------------------------------------------- files in other forms

CODING = "# -*- coding: latin-1 -*-\n"
GREETING = "GREETING = 'Grüße'\n"
FORMS = {
    "CRLF and BOM": (EXPERIMENT.replace("\n", "\r\n"), "utf-8-sig"),
    "CR": (EXPERIMENT.replace("\n", "\r"), "utf-8"),
    "mixed": (EXPERIMENT.replace("DEPTH = 3\n", "DEPTH = 3\r\n"), "utf-8"),
    "no last end": (EXPERIMENT.rstrip(), "utf-8"),
    "latin-1": (CODING + GREETING + EXPERIMENT, "latin-1"),
    "latin-1, CRLF": ((CODING + GREETING + EXPERIMENT).replace("\n", "\r\n"), "latin-1"),
    "cp1252": ("# coding: cp1252\nEURO = '€'\n" + EXPERIMENT, "cp1252"),
    "plain": (EXPERIMENT, "utf-8"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["aider", "rewrite"])
def test_an_edit_changes_its_line_whatever_form_the_file_has(
    workspace: Path, name: str, form: str
) -> None:
    text, encoding = FORMS[form]
    before = text.encode(encoding)
    (workspace / "experiment.py").write_bytes(before)
    notes = "Not touched.\r\n".encode("utf-16")
    (workspace / "notes.txt").write_bytes(notes)
    plain = text.replace("\r\n", "\n").replace("\r", "\n").replace("24", "48").rstrip() + "\n"
    reply = WIDER if name == "aider" else whole("experiment.py", plain)
    with live(workspace, Says(reply)) as (fake, session):
        result = edit(make_agent(name), workspace, session)
    assert (result.problem, result.edited) == (None, ("experiment.py",))
    assert (workspace / "experiment.py").read_bytes() == before.replace(b"24", b"48")
    assert (workspace / "notes.txt").read_bytes() == notes
    asked = "".join(message["content"] for message in fake.bodies[0]["messages"])
    assert "Not touched.\n" in asked
    assert "\r" not in asked
    assert "\ufeff" not in asked


@pytest.mark.parametrize("name", ["aider", "rewrite"])
def test_what_the_files_encoding_has_not_is_told_and_not_written(
    workspace: Path, name: str
) -> None:
    before = (CODING + EXPERIMENT).encode("latin-1")
    (workspace / "experiment.py").write_bytes(before)
    new = EXPERIMENT.replace("WIDTH = 24", "WIDTH = 24  # → wider")
    reply = block("experiment.py", "WIDTH = 24\n", "WIDTH = 24  # → wider\n")
    reply = reply if name == "aider" else whole("experiment.py", CODING + new)
    with cassette(workspace, reply) as session:
        result = edit(make_agent(name), workspace, session)
    assert "experiment.py was not changed: it is encoded as iso8859-1" in (result.problem or "")
    assert "has no '→' (line 4)" in (result.problem or "")
    assert result.edited == ()
    assert (workspace / "experiment.py").read_bytes() == before


@pytest.mark.parametrize("name", ["aider", "rewrite"])
def test_an_agent_that_is_stopped_leaves_files_in_their_form(workspace: Path, name: str) -> None:
    before = EXPERIMENT.replace("\n", "\r\n").encode("utf-8-sig")
    (workspace / "experiment.py").write_bytes(before)
    agent = make_agent(name)
    with live(workspace, HANGS) as (_, session):
        result = agent.edit(workspace, "Make it wider.", FILES, session, 1.0)
    assert "stopped after 1 seconds" in (result.problem or "")
    assert result.edited == ()
    assert (workspace / "experiment.py").read_bytes() == before


# ----------------------------------------------------------------------------------------- rewrite


@pytest.mark.parametrize(
    ("name_line", "fence"),
    [
        ("experiment.py", "````"),
        ("**experiment.py**", "```"),
        ("### `experiment.py`:", "```python"),
        ("File: ./experiment.py\n", "~~~"),
        ("Here it is:", "```python experiment.py"),
    ],
)
def test_rewrite_finds_the_file_however_it_is_named(
    workspace: Path, name_line: str, fence: str
) -> None:
    closing = fence.rstrip("abcdefghijklmnopqrstuvwxyz. ")
    reply = f"Sure!\n\n{name_line}\n{fence}\n{WIDER_EXPERIMENT}{closing}\nThat is all.\n"
    with cassette(workspace, reply) as session:
        result = edit(make_agent("rewrite"), workspace, session)
    assert (result.problem, result.edited) == (None, ("experiment.py",))
    assert (workspace / "experiment.py").read_text() == WIDER_EXPERIMENT


def test_rewrite_keeps_fences_within_fences(workspace: Path) -> None:
    notes = "# Notes\n\n```python\nWIDTH = 48\n```\n"
    reply = whole("notes.txt", notes, "````") + whole("experiment.py", WIDER_EXPERIMENT)
    with cassette(workspace, reply) as session:
        result = edit(make_agent("rewrite"), workspace, session)
    assert result.edited == ("experiment.py", "notes.txt")
    assert (workspace / "notes.txt").read_text() == notes


def test_rewrite_writes_only_what_may_be_edited(workspace: Path) -> None:
    reply = whole("score.py", "METRICS = None\n") + whole("experiment.py", WIDER_EXPERIMENT)
    with cassette(workspace, reply) as session:
        result = edit(make_agent("rewrite"), workspace, session)
    assert "score.py was not" in (result.problem or "")
    assert result.edited == ("experiment.py",)
    assert (workspace / "score.py").read_text() == "METRICS = {}\n"


def test_rewrite_ignores_blocks_that_name_no_file(workspace: Path) -> None:
    with cassette(workspace, "For example:\n```python\nWIDTH = 48\n```\n") as session:
        result = edit(make_agent("rewrite"), workspace, session)
    assert "changed nothing" in (result.problem or "")


def test_rewrite_shows_the_files_and_ignores_proxies(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with live(workspace, Says(whole("experiment.py", WIDER_EXPERIMENT))) as (fake, session):
        # Set in between, since the real model may well be behind a proxy; the gateway is not.
        monkeypatch.setenv("NO_PROXY", fake.url.split("/")[2])
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        assert edit(make_agent("rewrite"), workspace, session).problem is None
    asked = "".join(message["content"] for message in fake.bodies[0]["messages"])
    assert EXPERIMENT in asked
    assert "experiment.py, plot.py and notes.txt" in asked


# ---------------------------------------------------------------------------------- choosing one


@pytest.mark.parametrize(
    ("name", "edit_format"), [("nobody", None), ("aider", "haiku"), ("rewrite", "diff")]
)
def test_agents_that_there_are_not(name: str, edit_format: str | None) -> None:
    with pytest.raises(BonsaiError, match="agent"):
        make_agent(name, edit_format)
