"""mini-swe-agent and gptme: real programs, which real walls are around."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.coding_agents import PYPI
from tests.real_agents import RealAgents, killed_and_resumed

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("agent", PYPI, scope="class")
class TestThoseOfPypi(RealAgents):
    pass


@pytest.mark.parametrize("agent", PYPI)
def test_a_sweep_that_is_killed_goes_on_where_it_was(agent: str, tmp_path: Path) -> None:
    killed_and_resumed(agent, tmp_path)
