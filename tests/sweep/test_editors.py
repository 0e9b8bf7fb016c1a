"""Who may edit is settled before anything begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from bonsai.base import BonsaiError
from bonsai.execution import sandbox
from bonsai.models import cassette
from bonsai.report import gather, summarise
from bonsai.settings import Assignment, Settings
from bonsai.sweep import editors
from bonsai.templates import Template
from tests import sweeps

OWN = "command:true {files}"
HAS_WALLS = sandbox.problem() is None


def _demand(*names: str, mode: sandbox.Mode = "auto", unconfined: bool = False) -> None:
    editors.demand(names, sandbox_mode=mode, unconfined=unconfined, keep_session=False)


def test_agents_that_run_no_commands_need_no_walls() -> None:
    _demand("aider", "rewrite", mode="off")


def test_one_that_runs_commands_is_refused_without_walls_unless_a_person_says_so() -> None:
    with pytest.raises(BonsaiError, match=r"runs commands.*--sandbox off; --agent-unconfined"):
        _demand("aider", OWN, mode="off")
    _demand("aider", OWN, mode="off", unconfined=True)


def test_nor_where_bubblewrap_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "problem", lambda: "bubblewrap is not there")
    with pytest.raises(BonsaiError, match="bubblewrap is not there; --agent-unconfined"):
        _demand(OWN)


@pytest.mark.skipif(not HAS_WALLS, reason="no walls here")
def test_within_walls_it_may() -> None:
    _demand(OWN)


def test_a_program_that_is_not_here_is_named_with_what_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("BONSAI_AGENTS", str(tmp_path))
    with pytest.raises(BonsaiError, match=r"codex.*npm install .*@openai/codex"):
        _demand("codex", unconfined=True)


def test_sessions_are_kept_by_one_that_has_some() -> None:
    with pytest.raises(BonsaiError, match="aider and rewrite keep no session"):
        editors.demand(
            ["aider", "rewrite"], sandbox_mode="auto", unconfined=True, keep_session=True
        )


# ----------------------------------------------------------------- cassettes, and who can hear them


@pytest.fixture
def toy(tmp_path: Path) -> Template:
    return Template(sweeps.copy_of_toy(tmp_path))


def _playing(toy: Template, *agents: str) -> Settings:
    ideas = [idea for idea in toy.ideas if toy.cassette(idea.Name)]
    assert len(ideas) > 1
    return Settings(
        assignments=[Assignment(template=str(toy.folder), ideas=ideas)],
        agents=list(agents), first_fresh_seed=1000,
    )  # fmt: skip


def test_plain_replies_are_played_to_aider_and_to_programs_of_ones_own(toy: Template) -> None:
    editors.demand_playable(_playing(toy, "aider", OWN))


def test_they_mean_nothing_to_an_agent_that_works_by_tool_calls(toy: Template) -> None:
    with pytest.raises(BonsaiError, match=r"toy/more_images.*recorded with aider, so codex cannot"):
        editors.demand_playable(_playing(toy, "codex"))


def test_what_was_recorded_with_an_agent_is_played_to_that_one_alone(toy: Template) -> None:
    for idea in toy.ideas:
        if folder := toy.cassette(idea.Name):
            cassette.write_agent(folder, "codex")
    editors.demand_playable(_playing(toy, "codex"))
    editors.demand_playable(_playing(toy, OWN))
    for other in ("aider", "opencode"):
        with pytest.raises(BonsaiError, match=f"recorded with codex, so {other} cannot"):
            editors.demand_playable(_playing(toy, other))


def test_with_a_model_nothing_is_played(toy: Template) -> None:
    editors.demand_playable(_playing(toy, "codex").model_copy(update={"model": "m"}))


# --------------------------------------------------------------------------------- made once each


def test_only_those_are_made_that_have_anything_left_to_edit(toy: Template) -> None:
    settings = _playing(toy, "aider", "rewrite")
    ideas = settings.assignments[0].ideas
    of_aider = [idea for idea in ideas if settings.agent_of("toy", idea.Name) == "aider"]
    assert 0 < len(of_aider) < len(ideas)
    assert set(editors.make(settings, [(toy, ideas)], loads_now=False)) == {"aider", "rewrite"}
    assert set(editors.make(settings, [(toy, of_aider)], loads_now=False)) == {"aider"}
    assert editors.make(settings, [(toy, [])], loads_now=False) == {}


def test_an_agent_that_a_resume_does_not_find_is_refused_before_anything_begins(
    toy: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = _playing(toy, OWN)
    monkeypatch.setattr(sandbox, "problem", lambda: "bubblewrap is not there")
    with pytest.raises(BonsaiError, match="bubblewrap is not there"):
        editors.make(settings, settings.templates(), loads_now=False)


# ------------------------------------------------------------------------- two agents in one sweep

AGENT = """
import json, os, sys, urllib.request

request = urllib.request.Request(
    os.environ["OPENAI_BASE_URL"] + "/chat/completions",
    json.dumps({"messages": [{"role": "user", "content": open(sys.argv[1]).read()}]}).encode(),
    {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"], "Content-Type": "application/json"},
)
urllib.request.urlopen(request).read()
for name in sys.argv[2:]:
    text = open(name).read()
    open(name, "w").write(text.replace("images: int = 60", "images: int = 600") + "\\n# seen\\n")
"""


def test_a_sweep_with_two_agents_is_shared_out_and_compared(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(AGENT)
    own = f"command:python {tmp_path / 'own.py'} {{prompt_file}} {{files}}"
    done = sweeps.run(
        *("run", str(sweeps.TOY), "--ideas", "more_images,changes_nothing", "--out", "res"),
        *("--max-runs", "1", "--confirm-seeds", "0", "--agent", f"aider,{own}"),
        *("--agent-seconds", "77"),
        *([] if HAS_WALLS else ["--agent-unconfined"]),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    settings = Settings.load(tmp_path / "res")
    assert settings.agents == ["aider", own]
    assert settings.agent_seconds == 77
    asked: dict[str, set[str]] = {}
    for entry in sweeps.entries(tmp_path / "res"):
        if "agent" in entry.data:
            asked.setdefault(entry.idea, set()).add(entry.data["agent"])
    assert asked == {
        idea: {settings.agent_of("toy", idea)} for idea in ("more_images", "changes_nothing")
    }
    told = gather(summarise(tmp_path / "res"))
    assert {each.agent: each.ideas for each in told.efforts} == {"aider": 1, "command": 1}
    assert [each.edits for each in told.efforts if each.agent == "command"] == [1]
    assert {each.what for each in told.contrasts} == {"edits kept", "time per idea"}
    assert all("the difference says nothing" in each.sentence for each in told.contrasts)
