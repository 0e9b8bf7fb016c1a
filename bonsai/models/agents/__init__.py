"""Agents: what turns a message into edits of files, by asking a language model."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bonsai.base import BonsaiError, listing
from bonsai.models.agents.protocol import FINISHED, Agent, AgentReply, Surroundings

if TYPE_CHECKING:
    from bonsai.models.agents.adapters import Adapter

__all__ = [
    "COMMAND",
    "FINISHED",
    "NAMES",
    "Agent",
    "AgentReply",
    "Surroundings",
    "called",
    "demand_known",
    "keeps_session",
    "make_agent",
    "programs",
    "runs_commands",
]

OWN = ("aider", "rewrite")  # whose edits the runner applies; the others run commands
NAMES = (*OWN, "opencode", "codex", "claude", "mini-swe-agent", "gptme")
COMMAND = "command:"  # what any other program is named by, with its command line behind it


def make_agent(name: str, edit_format: str | None = None, *, loads_now: bool = True) -> Agent:
    """Return the agent of that name.

    Args:
        name: one of `NAMES`, or "command:" and a command line. "rewrite" is for models that cannot
            write diffs.
        edit_format: How aider has the model write its edits, such as "diff" or "whole"; None: the
            agent's own choice.
        loads_now: Whether to load in the background what takes seconds; else when it is needed.

    Raises:
        BonsaiError: There is no such agent, it has no such edit format, or its program is not here.
    """
    # Imported here, because what they import takes time and only one of them is used.
    if name == "aider":
        from bonsai.models.agents.aider import AiderAgent

        return AiderAgent(edit_format or "diff", loads_now=loads_now)
    if edit_format is not None:
        raise BonsaiError(f"The agent {called(name)} has no edit formats; aider has.")
    if name == "rewrite":
        from bonsai.models.agents.rewrite import RewriteAgent

        return RewriteAgent()
    demand_known(name)
    from bonsai.models.agents.command import CommandAgent

    return CommandAgent.found(_adapter(name))


def demand_known(name: str) -> None:
    """Refuse a name that no agent has.

    Raises:
        BonsaiError: so it is; the text says which is meant, or which there are.
    """
    if name in NAMES or name.startswith(COMMAND):
        return
    near = difflib.get_close_matches(name.lower(), NAMES, 1, 0.5)
    meant = (
        f"did you mean {near[0]}?"
        if near
        else f"there are {listing(NAMES)}, and {COMMAND}'PROGRAM …' for any other"
    )
    raise BonsaiError(f"--agent {name}: there is no such agent; {meant}")


def _adapter(name: str) -> Adapter:
    from bonsai.models.agents.adapters import ADAPTERS, custom

    return ADAPTERS[name] if name in ADAPTERS else custom(name.removeprefix(COMMAND))


def runs_commands(name: str) -> bool:
    """Whether that agent is a program of others, which runs commands and so needs walls."""
    return name not in OWN


def called(name: str) -> str:
    """What people call that agent: the program's name, where it is a whole command line."""
    return COMMAND.rstrip(":") if name.startswith(COMMAND) else name


def keeps_session(name: str) -> bool:
    """Whether that agent has a session of its own that it can go on with."""
    return runs_commands(name) and _adapter(name).keeps_session


def programs() -> Iterator[tuple[Adapter, Path | None, str | None]]:
    """Each known agent that is a program of others, where it is on this machine, its version."""
    from bonsai.models.agents.adapters import ADAPTERS
    from bonsai.models.agents.whereabouts import find, version

    for adapter in ADAPTERS.values():
        path = find(adapter)
        yield adapter, path, None if path is None else version(path)
