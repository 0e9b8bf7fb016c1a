"""ShinkaEvolve (https://pypi.org/project/shinka-evolve), version 0.0.7: tasks and results."""

from __future__ import annotations

import json
import shlex
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from bonsai.base import BonsaiError, untrusted
from bonsai.engines import evolution
from bonsai.engines.candidate import Candidate, Left
from bonsai.engines.evolution import GENERATIONS, SCORE
from bonsai.engines.service import KEY, Service
from bonsai.engines.task import Task, task_above
from bonsai.execution import temporary_folder
from bonsai.settings import MOST_PROGRAM_BYTES
from bonsai.templates import Template

NAME = "shinka"
VERSION = "0.0.7"
RESULTS = "results"
CONFIG = "shinka.yaml"
DATABASE = "programs.sqlite"
MOST_BYTES = 2_000_000_000  # of a database
MOST_PROGRAMS = 20_000
MOST_SECONDS = 60.0  # for asking a database
COLUMNS = ("code", "generation", "parent_id", SCORE, "public_metrics", "private_metrics", "correct")


def export(template: Template, folder: Path, task: Task, service: Service) -> list[str]:
    """Write a template as a task for ShinkaEvolve.

    Args:
        template: the template.
        folder: where to; it is there, and empty.
        task: what its evaluator is told.
        service: the model that the configuration is written for.

    Returns:
        The commands that run it.

    Raises:
        BonsaiError: the program cannot be marked, or it cannot be told of such a service.
    """
    if "@" in service.model or not service.api_base.startswith(("http://", "https://")):
        raise BonsaiError(
            "ShinkaEvolve is told of a service as local/MODEL@URL: its model must have no @ in "
            f"its name, and its address begins with http; found {service.model} at "
            f"{service.api_base}"
        )
    task = evolution.lay(template, folder, task, "shinka/README.md.j2", service)
    joint = "&" if "?" in service.api_base else "?"
    model = f"local/{service.model}@{service.api_base}{joint}api_key_env={KEY}"
    config = evolution.render("shinka/shinka.yaml.j2", template, folder, task, service, model=model)
    (folder / CONFIG).write_text(config, encoding="utf-8")
    words = [
        *("shinka_run", "--task-dir", folder, "--config-fname", CONFIG),
        *("--results_dir", folder / RESULTS, "--num_generations", GENERATIONS),
    ]
    return [
        f"# in an environment of its own: pip install shinka-evolve=={VERSION}; with {KEY} set",
        shlex.join(map(str, words)),
        f"bonsai judge {shlex.quote(str(folder / RESULTS))}",
    ]


def read(path: Path) -> Left | None:
    """What ShinkaEvolve left in its results folder, or in a folder that holds one.

    Raises:
        BonsaiError: there are several, or its database cannot be read or holds nothing that works.
    """
    results = path if _is_results(path) else None
    if results is None and path.is_dir():
        held = [each for each in sorted(path.iterdir()) if _is_results(each)]
        results = evolution.the_only_one(path, held, "ShinkaEvolve")
    if results is None:
        return None
    if not untrusted.is_file(results / DATABASE):
        raise BonsaiError(
            f"{results} has no {DATABASE}, in which ShinkaEvolve {VERSION} keeps its programs; no "
            "other version is read"
        )
    kept = _programs(results)
    if not kept:
        raise BonsaiError(f"{results}: no program that ShinkaEvolve evaluated has worked")
    best = _best(results, [each for _, each in kept])
    candidates = [each for begins, each in kept if not begins or each.source == best.source]
    task = task_above(results)
    return Left(NAME, [best], candidates, *(task or (None, None)))


def _is_results(path: Path) -> bool:
    """Whether it looks like a results folder, of whatever version."""
    return not path.is_symlink() and (
        untrusted.is_file(path / DATABASE)
        or untrusted.is_file(path / "evolution_db.sqlite")
        or untrusted.is_file(path / "gen_0" / "main.py")
        or untrusted.is_file(path / "evolution_run.log")
    )


def _best(results: Path, kept: list[Candidate]) -> Candidate:
    """What it calls its best: its folder `best`, or else what has the highest score."""
    file = results / "best" / "main.py"
    if untrusted.is_file(file):
        source = untrusted.read_bytes(file, MOST_PROGRAM_BYTES)
        if (same := next((each for each in kept if each.source == source), None)) is not None:
            return same
    return max(kept, key=lambda each: each.metrics[SCORE])


def _programs(results: Path) -> list[tuple[bool, Candidate]]:
    """The distinct programs that worked, the oldest first; and whether it began with them."""
    with _opened(results) as connection:
        known = {str(row[1]) for row in connection.execute("PRAGMA table_info(programs)")}
        if missing := [each for each in COLUMNS if each not in known]:
            raise BonsaiError(
                f"{results / DATABASE} has no table `programs` with {missing[0]}: it is none of "
                f"ShinkaEvolve {VERSION}, and no other version is read"
            )
        rows = connection.execute(
            f"SELECT {', '.join(COLUMNS)} FROM programs WHERE correct = 1 "
            "ORDER BY generation, timestamp LIMIT ?",
            (MOST_PROGRAMS,),
        ).fetchall()
    found: dict[bytes, tuple[bool, Candidate]] = {}
    names: dict[int, int] = {}
    for code, generation, parent, score, public, private, _ in rows:
        metrics = evolution.figures({SCORE: score})
        if not isinstance(code, str) or not isinstance(generation, int) or not metrics:
            raise BonsaiError(
                f"{results / DATABASE} has a program without code, generation or {SCORE}: it is "
                f"none of ShinkaEvolve {VERSION}, and no other version is read"
            )
        source = code.encode("utf-8", "replace")
        if source in found:
            continue
        metrics = {**_table(private), **_table(public), **metrics}
        names[generation] = count = names.get(generation, 0) + 1
        name = f"gen_{generation}" if count == 1 else f"gen_{generation}_{count}"
        origin = results / f"gen_{generation}" / "main.py"
        candidate = Candidate(name, str(origin), source, metrics)
        found[source] = (generation == 0 and not parent), candidate
    return list(found.values())


def _table(text: Any) -> dict[str, float]:
    try:
        return evolution.figures(json.loads(text))
    except (TypeError, ValueError, RecursionError):
        return {}


@contextmanager
def _opened(results: Path) -> Iterator[sqlite3.Connection]:
    """A copy of its database, so that nothing there is written, or waited for.

    Raises:
        BonsaiError: it is no database, or a torn one.
    """
    work = temporary_folder("database")
    file = results / DATABASE
    try:
        for name in (DATABASE, f"{DATABASE}-wal"):  # what is committed may be in the second alone
            if untrusted.is_file(results / name):
                (work / name).write_bytes(untrusted.read_bytes(results / name, MOST_BYTES))
        over = time.monotonic() + MOST_SECONDS
        with closing(sqlite3.connect(work / DATABASE)) as connection:
            connection.set_progress_handler(lambda: time.monotonic() > over, 100_000)
            connection.execute("PRAGMA trusted_schema = OFF")
            yield connection
    except sqlite3.Error as error:
        raise BonsaiError(
            f"{file} cannot be read as the database of ShinkaEvolve {VERSION} ({error}): it is "
            "torn, or none"
        ) from error
    finally:
        untrusted.remove(work)
