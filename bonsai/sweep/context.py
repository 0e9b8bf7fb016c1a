"""What all ideas of one template share while they are worked on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bonsai.evaluation.runs import Machine
from bonsai.evaluation.scores import Scores
from bonsai.models.agents.protocol import Agent
from bonsai.models.gateway import Gateway
from bonsai.settings import Settings
from bonsai.sweep import prompts
from bonsai.sweep.baseline import Baseline
from bonsai.templates.template import Template


@dataclass(frozen=True)
class Bench:
    """What all ideas of one template share.

    Attributes:
        template: the template.
        settings: what the sweep was asked to do.
        data: the data set.
        baseline: the template's own result.
        fresh_baseline: its scores on the fresh seeds of the look of that number; None if it failed
            there. The first who asks has it run, the others wait.
        prompts: the messages to the agent.
        gateway: where the agent's model is.
        agent: who edits.
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
    agent: Agent
    folder: Path
    machine: Machine
    ideas: int
