"""What an agent with a shell tries against its walls; none of it succeeds."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest

import bonsai
from bonsai.execution import sandbox
from bonsai.kit import data as kit_data
from bonsai.models import Gateway
from bonsai.models.agents import Surroundings, make_agent
from bonsai.templates import Limits
from tests import escapes
from tests.sweeps import TOY

pytestmark = pytest.mark.skipif(bool(sandbox.problem()), reason="no bubblewrap")
SURVIVOR = "1731.25"  # seconds of sleep, by which a process that outlives its agent is known


@pytest.fixture(scope="module")
def treasures() -> Iterator[dict[str, Any]]:
    """A results folder with a secret in each place where there could be one."""
    # Not among the temporary files: an agent has a folder of its own by that name.
    place = Path(tempfile.mkdtemp(prefix="bonsai-test-", dir="/var/tmp"))
    root, home = place / "results", place / "home"
    home.mkdir()
    idea, other = root / "toy" / "idea", root / "toy" / "other" / "workspace"
    workspace = idea / "workspace"
    shutil.copytree(TOY, workspace)
    shutil.copy(escapes.__file__, workspace / "escapes.py")
    (workspace / ".git").mkdir()
    other.mkdir(parents=True)
    (other / "experiment.py").write_text("of another idea")
    (root / "ledger.jsonl").write_text('{"step": "start"}\n')
    (home / ".openai").write_text(escapes.SECRET)
    labels = kit_data.data_folder() / "FashionMNIST" / "raw" / "t10k-labels-idx1-ubyte"
    labels.parent.mkdir(parents=True, exist_ok=True)
    labels.write_bytes(b"labels")
    # Who attaches to a process stops it, so it is not the one that tests.
    code = "import time; time.sleep(600)"
    runner = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "OPENAI_API_KEY": escapes.SECRET}
    )
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, place)
        stack.callback(runner.wait)
        stack.callback(runner.kill)
        tcp = stack.enter_context(socket.create_server(("0.0.0.0", 0)))
        lines = []
        abstract = f"bonsai-test-{os.getpid()}"
        for address in (str(home / "socket"), "\0" + abstract):
            line = stack.enter_context(socket.socket(socket.AF_UNIX))
            line.bind(address)
            line.listen()
            lines.append(line)
        for listener in (tcp, *lines):
            threading.Thread(target=_take, args=(listener,), daemon=True).start()
        targets = {
            "home": str(home), "runner": runner.pid, "host": _own_address(),
            "port": tcp.getsockname()[1], "name": socket.gethostname(),
            "socket": str(home / "socket"), "abstract": abstract, "labels": [str(labels)],
            "other": str(other), "ledger": str(root / "ledger.jsonl"), "workspace": str(workspace),
            "results": str(root), "package": str(Path(bonsai.__file__).parent),
            "experiment": "experiment.py", "name_of_survivor": SURVIVOR,
        }  # fmt: skip
        (workspace / "targets.json").write_text(json.dumps(targets))
        yield {**targets, "idea": idea, "workspace": workspace}
    labels.unlink()


def _take(listener: socket.socket) -> None:
    while True:
        try:
            listener.accept()[0].close()
        except OSError:
            return


def _own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        try:
            line.connect(("192.0.2.1", 9))  # nothing is sent
        except OSError:
            return "127.0.0.1"
        return str(line.getsockname()[0])


@pytest.fixture(scope="module")
def came_of_it(treasures: dict[str, Any]) -> dict[str, str]:
    """What an agent within walls reports of its attempts."""
    os.environ["OPENAI_API_KEY"] = escapes.SECRET
    try:
        return _tried(treasures, walls=True)
    finally:
        del os.environ["OPENAI_API_KEY"]


def _tried(treasures: dict[str, Any], walls: bool) -> dict[str, str]:
    workspace = treasures["workspace"]
    around = Surroundings(treasures["idea"] / "agent", walls, Limits(), threading.Event())
    with Gateway(None) as gateway:
        session = gateway.session(treasures["idea"] / "exchanges")
        agent = make_agent(f"command:{sys.executable} escapes.py {{files}}")
        (workspace / "notes.txt").write_text("")
        reply = agent.edit(workspace, "Escape.", ["notes.txt"], session, 200, around)
    assert reply.problem is None, reply
    found: dict[str, str] = json.loads((workspace / "notes.txt").read_text())
    return found


@pytest.mark.parametrize("attempt", escapes.ATTEMPTS)
def test_the_walls_hold(came_of_it: dict[str, str], attempt: str) -> None:
    assert came_of_it[attempt] == ""


def test_nothing_outlived_it(came_of_it: dict[str, str]) -> None:
    time.sleep(0.2)
    assert _survivors() == []


def test_nothing_was_changed_outside(came_of_it: dict[str, str], treasures: dict[str, Any]) -> None:
    assert Path(treasures["ledger"]).read_text() == '{"step": "start"}\n'
    assert list((treasures["workspace"] / ".git").iterdir()) == []
    assert not (treasures["workspace"] / ".gitattributes").exists()


def test_without_walls_the_same_attempts_find_what_they_look_for(
    came_of_it: dict[str, str], treasures: dict[str, Any]
) -> None:
    """Else they would prove nothing."""
    free = _tried(treasures, walls=False)
    held = {name for name, what in free.items() if not what}
    # Of these the first is not the walls' doing, and the others ask for what is not there here.
    allowed = {
        "the key in the environment", "the network by a proxy", "the terminal", "a full run",
        "another conversation at the gateway", "a process that outlives it",
        "more rights", "a mount of its own", "a network interface",
    }  # fmt: skip
    assert held <= allowed
    for process in _survivors():
        process.kill()


def _survivors() -> list[psutil.Process]:
    return [p for p in psutil.process_iter(["cmdline"]) if SURVIVOR in (p.info["cmdline"] or [])]
