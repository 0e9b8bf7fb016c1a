"""What an agent that runs commands finds around it, while it works on an idea."""

from __future__ import annotations

from pathlib import Path

from bonsai.evaluation import lay_smoke_data
from bonsai.models.agents import Surroundings
from bonsai.sweep import editors
from bonsai.sweep.context import Context
from bonsai.templates import Reported


def surroundings(context: Context, agent: str, folder: Path) -> Surroundings:
    """What is around an agent that works on an idea whose results lie in `folder`.

    It finds what an experiment finds: the data without test labels, and the limits of a run.

    Raises:
        BonsaiError: there are no walls, and nobody has said that it may do without.
    """
    template, settings, machine = context.template, context.settings, context.machine
    scorer = template.scorer
    reported = scorer if isinstance(scorer, Reported) else None
    return Surroundings(
        folder=folder / "agent",
        walls=editors.has_walls(agent, settings.sandbox, settings.agent_unconfined),
        limits=template.limits(1, machine.limits),
        cancel=machine.cancel,
        threads=machine.threads,
        # Without score.py a data set is what the program calls it: "MNIST" is not the kit's MNIST.
        data=None if reported else context.data,
        own_data=bool(reported) or not scorer.withholds_labels,
        reads=tuple(map(Path, reported.data_from)) if reported else (),
        can_try=reported is None,
        lay=lambda copy: lay_smoke_data(template, context.data, copy),
        continues=settings.keep_session,
    )
