"""What people type, as the runner takes it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bonsai.base import BonsaiError
from bonsai.cli.arguments import parse_agents
from bonsai.models.agents import NAMES


@pytest.mark.parametrize(
    ("typed", "agents"),
    [
        ([], ["aider"]),
        (["opencode"], ["opencode"]),
        (["aider, codex"], ["aider", "codex"]),
        (["aider", "codex,aider"], ["aider", "codex"]),
        (["command:python a.py {prompt_file}"], ["command:python a.py {prompt_file}"]),
        (["command: python a.py"], ["command:python a.py"]),
        (["command:a --only x,y,aider"], ["command:a --only x,y", "aider"]),
        (["command:'a --only x,aider',codex"], ["command:a --only x,aider", "codex"]),
        (['gptme,command:"a b"'], ["gptme", "command:a b"]),
        (["command:a,command:b"], ["command:a", "command:b"]),
        (["command:'my agent' {files}"], ["command:'my agent' {files}"]),
        (["command:'my agent' 'its file'"], ["command:'my agent' 'its file'"]),
    ],
)
def test_agents_are_told_apart_by_commas_and_commands_keep_theirs(
    typed: list[str], agents: list[str]
) -> None:
    assert parse_agents(typed) == agents


@pytest.mark.parametrize("typed", ["", ",", "aider,", "aider,,codex", "command:", "command:''"])
def test_an_agent_without_a_name_is_refused(typed: str) -> None:
    with pytest.raises(BonsaiError, match="write it as NAME"):
        parse_agents([typed])


COMMANDS = st.text("abc {}-=,.", min_size=1).filter(lambda text: text.strip())


@given(st.lists(st.one_of(st.sampled_from(NAMES), COMMANDS.map("command:{}".format)), min_size=1))
def test_a_command_in_quotes_is_taken_as_it_is(agents: list[str]) -> None:
    """Whatever commas it holds, and wherever it stands."""
    expected = ["command:" + a[8:].strip() if a.startswith("command:") else a for a in agents]
    quoted = [f"command:'{a[8:]}'" if a.startswith("command:") else a for a in agents]
    assert parse_agents([",".join(quoted)]) == list(dict.fromkeys(expected))
