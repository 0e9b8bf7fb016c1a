"""A template, written out as the task of an engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bonsai.base import BonsaiError, untrusted
from bonsai.engines import ai_scientist, ai_scientist_v2, aide, autoresearch, openevolve, shinka
from bonsai.engines.service import Service
from bonsai.engines.task import Task
from bonsai.templates import Template

Export = Callable[[Template, Path, Task, Service], list[str]]
ENGINES: dict[str, Export] = {
    "openevolve": openevolve.export,
    "shinka": shinka.export,
    "autoresearch": autoresearch.export,
    "aide": aide.export,
    "ai-scientist": ai_scientist.export,
    "ai-scientist-v2": ai_scientist_v2.export,
}


def export(
    template: Template, engine: str, folder: Path, task: Task, service: Service
) -> list[str]:
    """Write a template as a task for an engine; returns the commands that start it there.

    Args:
        template: the template.
        engine: one of `ENGINES`.
        folder: made; it must not be there, or be empty.
        task: what the engine's evaluator is told.
        service: the model that configuration files are written for.

    Raises:
        BonsaiError: the folder holds something, or the engine cannot take such a template.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BonsaiError(f"{folder} is there already; name a folder that is not")
    was_there = folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return ENGINES[engine](template, folder.resolve(), task, service)
    except BaseException:
        untrusted.remove(folder)  # nothing half written
        if was_there:
            folder.mkdir()
        raise
