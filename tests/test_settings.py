"""What a sweep was asked to do: kept as it was, and ideas shared out fairly among agents."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bonsai.settings import Assignment, Settings
from bonsai.templates import Idea

AGENTS = ("aider", "rewrite", "opencode", "codex", "command:python a.py {prompt_file}")
Seeds = st.integers(0, 2**31)
Agents = st.lists(st.sampled_from(AGENTS), min_size=1, unique=True)
Counts = st.lists(st.integers(0, 12), min_size=1, max_size=6)  # of ideas, by template


def _settings(agents: list[str], counts: list[int], seed: int) -> Settings:
    assignments = [
        Assignment(
            template=f"/somewhere/t{number}",
            ideas=[Idea(Name=f"i{k}", Title="T", Experiment="E") for k in range(count)],
        )
        for number, count in enumerate(counts)
    ]
    return Settings(assignments=assignments, agents=agents, first_fresh_seed=seed)


def _shares(settings: Settings) -> list[list[str]]:
    """Who edits, by template, in the order of its ideas."""
    return [
        [settings.agent_of(item.name, idea.Name) for idea in item.ideas]
        for item in settings.assignments
    ]


@given(agents=Agents, counts=Counts, seed=Seeds)
def test_each_agent_has_as_many_ideas_as_any_other_give_or_take_one(
    agents: list[str], counts: list[int], seed: int
) -> None:
    shares = _shares(_settings(agents, counts, seed))
    for share in (*shares, list(chain(*shares))):
        found = [share.count(agent) for agent in agents]
        assert max(found) - min(found) <= 1
        assert sum(found) == len(share)


@given(agents=Agents, counts=Counts, seed=Seeds)
def test_each_block_of_a_template_has_every_agent_once(
    agents: list[str], counts: list[int], seed: int
) -> None:
    for share in _shares(_settings(agents, counts, seed)):
        for first in range(0, len(share), len(agents)):
            block = share[first : first + len(agents)]
            assert len(set(block)) == len(block)


@given(agents=Agents, counts=Counts, seed=Seeds)
def test_the_shares_are_the_same_when_the_settings_are_read_again(
    agents: list[str], counts: list[int], seed: int
) -> None:
    made = _settings(agents, counts, seed)
    shares = _shares(made)
    again = Settings.model_validate_json(made.model_dump_json())
    assert _shares(again) == shares
    assert _shares(again.model_copy(update={"wait_for_model": 5.0})) == shares


def test_the_order_within_blocks_is_drawn() -> None:
    first = Counter(
        _shares(_settings(["aider", "opencode"], [2], seed))[0][0] for seed in range(1000)
    )
    assert 430 < first["aider"] < 570, "of 1000 fair draws; outside by chance once in 100,000"


def test_templates_with_a_single_idea_do_not_all_go_to_one_agent() -> None:
    shares = _shares(_settings(["aider", "opencode"], [1] * 10, 5))
    assert Counter(agent for [agent] in shares) == {"aider": 5, "opencode": 5}


def test_settings_of_older_versions_knew_a_single_agent(tmp_path: Path) -> None:
    made = _settings(["rewrite"], [1], 7)
    told = json.loads(made.model_dump_json())
    for name in ("agents", "agent_unconfined", "keep_session"):
        del told[name]
    (tmp_path / "sweep.json").write_text(json.dumps({**told, "agent": "rewrite"}))
    assert Settings.load(tmp_path) == made
    (tmp_path / "sweep.json").write_text(json.dumps(told))
    assert Settings.load(tmp_path).agents == ["aider"]


def test_a_template_goes_by_the_name_that_its_package_gives_it() -> None:
    settings = _settings(["aider"], [1], 7)
    settings.assignments[0].called = "faces"
    assert settings.agent_of("faces", "i0") == "aider"
    with pytest.raises(KeyError):
        settings.agent_of("faces", "i1")


def test_reading_settings_loads_nothing_heavy() -> None:
    heavy = "{'torch', 'scipy', 'litellm', 'aider', 'pandas'}"
    code = f"import sys, bonsai.settings; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_copy_with_other_agents_shares_out_anew() -> None:
    settings = _settings(["aider", "rewrite"], [4], 1)
    assert set(chain(*_shares(settings))) == {"aider", "rewrite"}
    other = settings.model_copy(update={"agents": ["codex", "opencode"]})
    assert set(chain(*_shares(other))) == {"codex", "opencode"}
