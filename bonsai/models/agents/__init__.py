"""Agents: what turns a message into edits of files, by asking a language model."""

from __future__ import annotations

from bonsai.base import BonsaiError
from bonsai.models.agents.protocol import FINISHED, Agent, AgentReply

__all__ = ["FINISHED", "Agent", "AgentReply", "make_agent"]


def make_agent(name: str, edit_format: str | None = None, *, loads_now: bool = True) -> Agent:
    """Return the agent of that name.

    Args:
        name: "aider", or "rewrite" for models that cannot write diffs.
        edit_format: How aider has the model write its edits, such as "diff" or "whole"; None: the
            agent's own choice.
        loads_now: Whether to load in the background what takes seconds; else when it is needed.

    Raises:
        BonsaiError: There is no such agent, or it has no such edit format.
    """
    # Imported here, because what they import takes time and only one of them is used.
    if name == "aider":
        from bonsai.models.agents.aider import AiderAgent

        return AiderAgent(edit_format or "diff", loads_now=loads_now)
    if name == "rewrite":
        from bonsai.models.agents.rewrite import RewriteAgent

        if edit_format is not None:
            raise BonsaiError("The agent rewrite has no edit formats: it asks for whole files.")
        return RewriteAgent()
    raise BonsaiError(f'There is no agent "{name}"; there are "aider" and "rewrite".')
