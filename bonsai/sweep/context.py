"""What all ideas of one template share while they are worked on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bonsai.evaluation import Machine, Scores
from bonsai.models import Gateway
from bonsai.models.agents import Agent
from bonsai.settings import Settings
from bonsai.sweep import prompts
from bonsai.sweep.baseline import Baseline
from bonsai.templates import Template


@dataclass(frozen=True)
class Context:
    """What all ideas of one template share.

    Attributes:
        template: the template.
        settings: what the sweep was asked to do.
        data: the data set.
        baseline: the template's own result.
        fresh_baseline: its scores on the fresh seeds of the interim analysis of that number; None
            if it failed there. The first who asks has it run, the others wait.
        prompts: the messages to the agent.
        gateway: where the agent's model is.
        agents: who edits, by the name that the settings have.
        folder: `results/<template>`.
        machine: what programs run on.
        ideas: how many ideas the sweep has in all.
    """

    template: Template
    settings: Settings
    data: str
    baseline: Baseline
    fresh_baseline: Callable[[int], Scores | None]
    prompts: prompts.Prompts
    gateway: Gateway
    agents: Mapping[str, Agent]
    folder: Path
    machine: Machine
    ideas: int

    def agent_for(self, idea: str) -> Agent:
        """Who edits for the idea of that name."""
        return self.agents[self.settings.agent_of(self.template.name, idea)]
