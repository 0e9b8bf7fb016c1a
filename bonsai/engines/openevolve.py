"""OpenEvolve (https://pypi.org/project/openevolve), version 0.4.1: tasks, and what it leaves."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bonsai.base import BonsaiError, untrusted
from bonsai.engines import evolution
from bonsai.engines.candidate import Candidate, Left
from bonsai.engines.evolution import GENERATIONS, INITIAL
from bonsai.engines.service import KEY, Service
from bonsai.engines.task import Task, task_above
from bonsai.settings import MOST_PROGRAM_BYTES
from bonsai.templates import Template, contract

NAME = "openevolve"
VERSION = "0.4.1"
OUTPUT = "openevolve_output"
CONFIG = "config.yaml"
MOST_PROGRAMS = 20_000  # of a checkpoint


def export(template: Template, folder: Path, task: Task, service: Service) -> list[str]:
    """Write a template as a task for OpenEvolve.

    Args:
        template: the template.
        folder: where to; it is there, and empty.
        task: what its evaluator is told.
        service: the model that the configuration is written for.

    Returns:
        The commands that run it.

    Raises:
        BonsaiError: the program cannot be marked.
    """
    task = evolution.lay(template, folder, task, "openevolve/README.md.j2", service)
    config = evolution.render("openevolve/config.yaml.j2", template, folder, task, service)
    (folder / CONFIG).write_text(config, encoding="utf-8")
    words = [
        *("openevolve-run", folder / INITIAL, folder / evolution.EVALUATE),
        *("--config", folder / CONFIG, "--output", folder / OUTPUT, "--iterations", GENERATIONS),
    ]
    return [
        f"# in an environment of its own: pip install openevolve=={VERSION}; with {KEY} set",
        shlex.join(map(str, words)),
        f"bonsai judge {shlex.quote(str(folder / OUTPUT))}",
    ]


def read(path: Path) -> Left | None:
    """What OpenEvolve left in its output folder, or in a folder that holds one.

    Raises:
        BonsaiError: there are several, or it holds no program that can be read.
    """
    output = path if _is_output(path) else None
    if output is None and path.is_dir():
        held = [each for each in sorted(path.iterdir()) if _is_output(each)]
        output = evolution.the_only_one(path, held, "OpenEvolve")
    if output is None:
        return None
    candidates = _kept(output)
    best = _best(output, candidates)
    if all(each.source != best.source for each in candidates):
        candidates.append(best)
    task = task_above(output)
    return Left(NAME, [best], candidates, *(task or (None, None)))


def _is_output(path: Path) -> bool:
    """Whether it looks like an output folder, of whatever version."""
    return not path.is_symlink() and (
        (path / "checkpoints").is_dir()
        or untrusted.is_file(path / "best" / "best_program.py")
        or any((path / "logs").glob("openevolve_*.log"))
    )


def _best(output: Path, candidates: list[Candidate]) -> Candidate:
    """What it calls its best: written at its end, or else with its last checkpoint."""
    places = [output / "best", *_checkpoints(output)]
    place = next((p for p in places if untrusted.is_file(p / "best_program.py")), None)
    if place is None:
        raise BonsaiError(
            f"{output} holds no best/best_program.py and no checkpoint with one: OpenEvolve "
            f"{VERSION} leaves them when it has evaluated something"
        )
    file = place / "best_program.py"
    source = untrusted.read_bytes(file, MOST_PROGRAM_BYTES)
    same = next((each for each in candidates if each.source == source), None)
    if same is not None:
        return same
    metrics: dict[str, float] = {}
    info: Any = {}
    if untrusted.is_file(place / "best_program_info.json"):
        info = contract.read_json(place / "best_program_info.json")
    if isinstance(info, Mapping):
        metrics = evolution.figures(info.get("metrics"))
    if not evolution.worked(metrics):
        raise BonsaiError(f"{output}: no program that OpenEvolve evaluated has worked")
    return Candidate("best", str(file), source, metrics)


def _kept(output: Path) -> list[Candidate]:
    """The programs of the last checkpoint that worked, without the one that it began with."""
    checkpoints = _checkpoints(output)
    if not checkpoints:
        return []
    folder = checkpoints[0] / "programs"
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    if not files:
        raise BonsaiError(
            f"{folder} holds no program: OpenEvolve {VERSION} writes a JSON file of each there, "
            "and no other version is read"
        )
    if len(files) > MOST_PROGRAMS:
        raise BonsaiError(f"{folder} holds more than {MOST_PROGRAMS:,} programs")
    found: dict[bytes, tuple[int, Candidate]] = {}
    for file in files:
        value = contract.read_json(file)
        code = value.get("code") if isinstance(value, Mapping) else None
        iteration = value.get("iteration_found") if isinstance(value, Mapping) else None
        if not isinstance(code, str) or not isinstance(iteration, int):
            raise BonsaiError(
                f"{file} has no code or no iteration_found: it is no program of OpenEvolve "
                f"{VERSION}, and no other version is read"
            )
        metrics = evolution.figures(value.get("metrics"))
        source = code.encode("utf-8", "replace")
        begins = iteration == 0 and not value.get("parent_id")
        if begins or not evolution.worked(metrics):
            continue
        candidate = Candidate(f"iteration_{iteration}", str(file), source, metrics)
        if source not in found or iteration < found[source][0]:
            found[source] = iteration, candidate
    ordered = [each for _, each in sorted(found.values(), key=lambda pair: pair[0])]
    return _named(ordered)


def _named(candidates: list[Candidate]) -> list[Candidate]:
    """The same, no two of one name: an iteration may have given several programs."""
    names: dict[str, int] = {}
    told = []
    for each in candidates:
        names[each.name] = count = names.get(each.name, 0) + 1
        name = each.name if count == 1 else f"{each.name}_{count}"
        told.append(Candidate(name, each.origin, each.source, each.metrics))
    return told


def _checkpoints(output: Path) -> list[Path]:
    """Its checkpoints, the last first."""
    numbered = [
        (int(each.name.removeprefix("checkpoint_")), each)
        for each in (output / "checkpoints").glob("checkpoint_*")
        if each.name.removeprefix("checkpoint_").isdecimal() and each.is_dir()
    ]
    return [each for _, each in sorted(numbered, reverse=True)]
