"""OpenCode, Codex and Claude Code: real programs, which real walls are around."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.coding_agents import NPM
from tests.real_agents import RealAgents, killed_and_resumed, played_back

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("agent", NPM, scope="class")
class TestThoseOfNpm(RealAgents):
    pass


@pytest.mark.parametrize("agent", NPM)
def test_a_sweep_that_is_killed_goes_on_where_it_was(agent: str, tmp_path: Path) -> None:
    killed_and_resumed(agent, tmp_path)


@pytest.mark.parametrize("agent", ["codex", "claude"])
def test_what_was_recorded_with_an_agent_is_played_back_to_it(agent: str, tmp_path: Path) -> None:
    played_back(agent, tmp_path)
