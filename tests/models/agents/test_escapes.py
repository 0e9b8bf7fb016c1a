"""What an agent with a shell tries against its walls; none of it succeeds."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bonsai.execution import sandbox
from bonsai.models import Gateway
from bonsai.models.agents import Surroundings, make_agent
from bonsai.templates import Limits
from tests import escapes
from tests.treasures import survivors
from tests.treasures import treasures as treasures_laid

pytestmark = pytest.mark.skipif(bool(sandbox.problem()), reason="no bubblewrap")


@pytest.fixture(scope="module")
def treasures() -> Iterator[dict[str, Any]]:
    with treasures_laid() as laid:
        yield laid


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
    assert survivors() == []


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
    for process in survivors():
        process.kill()
