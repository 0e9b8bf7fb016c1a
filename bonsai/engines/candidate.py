"""What an engine left, as the rest of Bonsai knows it: candidates to be judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bonsai.engines.task import Task


@dataclass(frozen=True)
class Candidate:
    """A version of a template's `experiment.py` that came from elsewhere.

    Attributes:
        name: what it is called there, for example `gen_3`; unique among those read together.
        origin: where it was found, for people: a path, or a commit.
        source: the program, byte for byte; nobody has looked at it yet.
        metrics: what the engine recorded of it, by name; nobody has measured it yet.
    """

    name: str
    origin: str
    source: bytes
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Left:
    """What an engine left in a folder.

    Attributes:
        engine: its name, as `ENGINES` has it, or `git`.
        best: the candidates that it calls its best; mostly one.
        candidates: all that it kept and took for working, the best among them, the oldest first.
        task: what was exported for the engine; None: the folder does not say.
        task_folder: where that lies.
        before: the program that a candidate is to be compared with; None: the template's own.
    """

    engine: str
    best: Sequence[Candidate]
    candidates: Sequence[Candidate]
    task: Task | None = None
    task_folder: Path | None = None
    before: Candidate | None = None
