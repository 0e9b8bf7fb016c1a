"""Executions of an untouched program, kept from sweep to sweep: they may take hours.

How a template is to be swept is found out by running it, and its baseline needs the same runs.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import bonsai
from bonsai.base import BonsaiError, untrusted, write_atomically
from bonsai.evaluation import programs
from bonsai.execution import Execution
from bonsai.execution.executors import visible_gpus
from bonsai.kit.data import data_folder
from bonsai.templates import LEFT_OUT, Limits, Reported, Template, contract

RESULTS, RECORD = "out", "execution.json"
MOST_FILES = 20_000  # of each folder, that are looked at
# In a template's folder, what its program does not read: it is for models, people and papers.
NO_DATA = ("prompt.json", "seed_ideas.json", "ideas.json", "notes.txt", "README.md", "latex")


def execute(
    template: Template, how: Reported, out: Path, seed: int, *, limits: Limits,
    start: programs.Start, log: Path, on: object, again: int = 0, code: Path | None = None,
) -> Execution:  # fmt: skip
    """Run an untouched program for one seed, or take what it left when that was done before.

    Args:
        template: the template.
        how: as in `programs.execute`.
        out: as in `programs.execute`.
        seed: the runner's.
        limits: as in `programs.execute`.
        start: as in `programs.execute`.
        log: as in `programs.execute`.
        on: what it is run on: threads, executor.
        again: for a second execution that is to be compared with the first.
        code: a copy of the template; by default itself.
    """
    kept = _folder(template, how, seed, on, again)
    try:
        done = Execution(**contract.read_json(kept / RECORD))
        untrusted.remove(out)
        shutil.copytree(kept / RESULTS, out)
        return done
    except (BonsaiError, OSError, TypeError):
        untrusted.remove(kept)  # it is not there, or damaged
    done = programs.execute(
        template, how, code, out, seed,
        seconds=limits.run_seconds, limits=limits, start=start, log=log, trusted=True,
    )  # fmt: skip
    if done.ok and out.is_dir() and not untrusted.strays(out):
        making = kept.with_name(f".making-{kept.name}")
        untrusted.remove(making)
        shutil.copytree(out, making / RESULTS)
        write_atomically(making / RECORD, json.dumps(asdict(done)))
        if not kept.exists():
            making.rename(kept)
        untrusted.remove(making)
    return done


def _folder(template: Template, how: Reported, seed: int, on: object, again: int) -> Path:
    """Named after all that the results depend on: code, data, seed, versions, machine."""
    parts = (
        template.fingerprint(),
        *data_states(template, how),
        *programs.arguments(how, "out", seed),
        *sorted(programs.variables(how, seed).items()),
        (how.network, how.pass_env, again, on, bool(visible_gpus())),
        (bonsai.__version__, sys.version, *map(version, ("torch", "numpy"))),
    )
    name = hashlib.sha256(repr(parts).encode()).hexdigest()[:20]
    return data_folder() / "baselines" / "runs" / f"{template.name}-{name}"


def data_states(template: Template, how: Reported) -> Iterator[tuple[str, int, int]]:
    """What a template may read beside its code: names, sizes, and when it was last written.

    In its folder, where paths out of it lead, and what a person named; `fingerprint` has the code.
    """
    skipped = LEFT_OUT(str(template.folder), [path.name for path in template.folder.iterdir()])
    own = {path for path in template.folder.iterdir() if path.name not in (*skipped, *NO_DATA)}
    others = [*programs.ways_out(template.folder).values(), *map(Path, how.data_from)]
    for top in sorted(own | set(others)):
        inner = sorted(top.rglob("*"))[:MOST_FILES] if top.is_dir() else []
        for path in (top, *inner):
            if path.is_file() and path.suffix not in (".py", ".pyc"):
                state = path.stat()
                yield str(path), state.st_size, state.st_mtime_ns
