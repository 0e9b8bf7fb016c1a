"""OpenCode, Codex and Claude Code: real programs, which real walls are around."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.coding_agents import NPM
from tests.real_agents import RealAgents, killed_and_resumed

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("agent", NPM, scope="class")
class TestThoseOfNpm(RealAgents):
    pass


@pytest.mark.parametrize("agent", NPM)
def test_a_sweep_that_is_killed_goes_on_where_it_was(agent: str, tmp_path: Path) -> None:
    killed_and_resumed(agent, tmp_path)
