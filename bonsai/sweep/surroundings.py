"""What an agent that runs commands finds around it, while it works on an idea."""

from __future__ import annotations

from pathlib import Path

from bonsai.base import BonsaiError
from bonsai.evaluation import lay_smoke_data
from bonsai.execution import sandbox
from bonsai.models.agents import Surroundings
from bonsai.sweep.context import Context
from bonsai.templates import Reported


def surroundings(context: Context, folder: Path) -> Surroundings:
    """What is around the agent of an idea whose results lie in `folder`.

    It finds what an experiment finds: the data without test labels, and the limits of a run.

    Raises:
        BonsaiError: there are no walls, and nobody has said that it may do without.
    """
    template, settings, machine = context.template, context.settings, context.machine
    scorer = template.scorer
    reported = scorer if isinstance(scorer, Reported) else None
    why_no_walls = sandbox.choose(settings.sandbox)
    if why_no_walls and not settings.agent_unconfined:
        raise BonsaiError(
            f"the agent runs commands, and there are no walls for it ({why_no_walls}); allow that "
            "with --agent-unconfined, or choose aider or rewrite, which run none"
        )
    return Surroundings(
        folder=folder / "agent",
        walls=why_no_walls is None,
        limits=template.limits(1, machine.limits),
        cancel=machine.cancel,
        threads=machine.threads,
        # Without score.py a data set is what the program calls it: "MNIST" is not the kit's MNIST.
        data=None if reported else context.data,
        own_data=bool(reported) or not scorer.withholds_labels,
        reads=tuple(map(Path, reported.data_from)) if reported else (),
        lay=lambda copy: lay_smoke_data(template, context.data, copy),
        continues=settings.keep_session,
    )
