"""Who edits in a sweep: refused before anything begins where that cannot be, and made once each."""

from __future__ import annotations

from collections.abc import Iterable

from bonsai.base import BonsaiError, listing
from bonsai.execution import Mode, sandbox
from bonsai.models import agents, cassette
from bonsai.settings import Settings
from bonsai.templates import Idea, Template

MOST_NAMED = 5  # ideas in an error


def demand(
    names: Iterable[str], *, sandbox_mode: Mode, unconfined: bool, keep_session: bool
) -> None:
    """Refuse what cannot be done with these agents on this machine.

    Args:
        names: of the agents.
        sandbox_mode: whether programs run within walls.
        unconfined: whether a person lets agents that run commands work without.
        keep_session: whether sessions are to be kept.

    Raises:
        BonsaiError: an agent is unknown or not here, would have no walls, or none keeps a session.
    """
    names = list(names)
    for name in names:
        agents.demand_known(name)
        if agents.runs_commands(name):
            agents.make_agent(name)  # says how to install it, if it is not here
    for name in filter(agents.runs_commands, names):
        has_walls(name, sandbox_mode, unconfined)
    if keep_session and not any(agents.keeps_session(name) for name in names):
        told = listing([agents.called(name) for name in names])
        raise BonsaiError(
            f"--keep-session: {told} keep{'s' * (len(names) == 1)} no session that could be "
            "continued"
        )


def has_walls(name: str, mode: Mode, unconfined: bool) -> bool:
    """Whether an agent that runs commands works within walls; it does so on this machine.

    Raises:
        BonsaiError: there are none, and nobody has said that it may do without.
    """
    why_none = "--sandbox off" if mode == "off" else sandbox.problem()
    if why_none and not unconfined:
        raise BonsaiError(
            f"--agent {agents.called(name)} runs commands, and there are no walls to keep it in: "
            f"{why_none}; --agent-unconfined lets it do whatever you may do"
        )
    return why_none is None


def demand_playable(settings: Settings) -> None:
    """Refuse cassettes that were recorded with other agents than those that would hear them.

    What a model says to one agent, its tool calls above all, means nothing to another.

    Raises:
        BonsaiError: there is one.
    """
    if settings.model is not None or settings.search is not None:
        return
    strange: dict[tuple[str, str], list[str]] = {}
    for template, ideas in settings.templates():
        for idea in ideas:
            folder = template.cassette(idea.Name)
            agent = settings.agent_of(template.name, idea.Name)
            if folder is None or agent.startswith(agents.COMMAND):
                continue  # a program of one's own may take anything
            recorded = cassette.agent_of(folder)
            if (recorded or agent) == agents.called(agent) and (
                recorded or not agents.runs_commands(agent)
            ):
                continue
            pair = recorded or "aider", agents.called(agent)
            strange.setdefault(pair, []).append(f"{template.name}/{idea.called}")
    for (recorded, agent), found in strange.items():
        named = listing([*found[:MOST_NAMED], *["others"] * (len(found) > MOST_NAMED)])
        raise BonsaiError(
            f"the cassette{'s' * (len(found) > 1)} of {named} {'were' if found[1:] else 'was'} "
            f"recorded with {recorded}, so {agent} cannot be played {'them' if found[1:] else 'it'}"
            "; name a model with --model, or the agent that it was"
        )


def make(
    settings: Settings, templates: Iterable[tuple[Template, list[Idea]]], *, loads_now: bool
) -> dict[str, agents.Agent]:
    """The agents of these ideas, by their names in the settings.

    Args:
        settings: what the sweep was asked to do.
        templates: the templates, and the ideas that are left to work on.
        loads_now: whether what takes long to load is loaded at once.

    Raises:
        BonsaiError: as in `demand`.
    """
    names = dict.fromkeys(
        settings.agent_of(template.name, idea.Name) for template, ideas in templates
        for idea in ideas
    )  # fmt: skip
    demand(
        names, sandbox_mode=settings.sandbox, unconfined=settings.agent_unconfined,
        keep_session=False,
    )  # fmt: skip
    return {
        name: agents.make_agent(
            name, settings.edit_format if name == "aider" else None, loads_now=loads_now
        )
        for name in names
    }
