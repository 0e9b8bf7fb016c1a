"""What both real engines are put through: an exported task, and a model that proposes what is bad.

`make engines` installs them, each in a place of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from bonsai.engines import openevolve, shinka
from bonsai.engines.candidate import Left
from bonsai.engines.service import Service
from bonsai.engines.task import Task, make_task
from bonsai.execution import sandbox
from bonsai.templates import Template
from tests import sweeps
from tests.crashes import BRISK
from tests.engines.scripted import MOST_REQUESTS, Proposer
from tests.fake_model import FakeModel
from tests.sweeps import REPOSITORY

ENGINES = REPOSITORY / ".engines"
KEY = "sk-of-the-user-4711"
SECONDS = 200.0
LIMITS = {"smoke_seconds": 4.0, "run_seconds": 20.0, "tasks": 40.0, "memory_gb": 1.0}
# Seconds of sleep, by which what outlives its candidate is known.
SURVIVOR = f"{200_000 + os.getpid()}.25"

MAIN = "def main():\n"
HEIGHT = "HEIGHT = 1  # what the ideas change\n"
MEANS = "    means = {"
SPY = f"""\
def main():
    import pathlib
    key = [name for name, value in os.environ.items() if "{KEY}" in value]
    for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
        try:
            key += [str(path)] * ("{KEY}" in path.read_text(errors="replace"))
        except OSError:
            pass
    raise SystemExit(f"SPIED {{len(key)}} keys")
"""
EDITS: Mapping[str, tuple[str, str]] = {  # what is replaced, and by what
    "harmful": (HEIGHT, "HEIGHT = 0.95\n"),
    "far behind": (HEIGHT, "HEIGHT = -3\n"),
    "null": (HEIGHT, HEIGHT + "# This changes nothing.\n"),
    "does not parse": (HEIGHT, "HEIGHT = (\n"),
    "crashes": (MAIN, MAIN + "    raise RuntimeError('out of luck')\n"),
    "hangs": (MAIN, MAIN + "    time.sleep(3600)\n"),
    "good": (HEIGHT, "HEIGHT = 1.5\n"),
    "forks": (
        MAIN,
        MAIN + f"    import subprocess\n    for _ in range(300):\n"
        f"        subprocess.Popen(['sleep', '{SURVIVOR}'], start_new_session=True)\n",
    ),
    "leaves a process": (
        MAIN,
        MAIN + "    import subprocess\n"
        f"    subprocess.Popen(['sleep', '{SURVIVOR}'], start_new_session=True)\n",
    ),
    "fabricates": (MEANS, "    heights = [10 * each for each in heights]\n" + MEANS),
    "ignores its seed": ("default_rng(seed)", "default_rng(7)"),
    "edits the harness": ("    main()\n", "    main()\n    print('and more')\n"),
    "spies": (MAIN, SPY),
    "good once more": (HEIGHT, "HEIGHT = 1.25\n"),
}
AMOUNT = len(EDITS) + 1  # a multiple of the 5 after which OpenEvolve writes a checkpoint
# How those fail that do, and what is said of them.
FAILS = {
    "does not parse": "It does not parse",
    "crashes": "out of luck",
    "hangs": "its time limit of 4 s was over",
    "forks": "processes and threads, of 40 at most",
    "fabricates": "is not what its own outcomes give",
    "ignores its seed": "seeds matter",
    "edits the harness": "It edits the harness: what lies outside",
    "spies": "SPIED 0 keys",
}


def needs(engine: str) -> Path:
    """An engine's folder of programs; skips what needs one that is not here."""
    programs = ENGINES / engine / "bin"
    if not os.environ.get("BONSAI_ALL_TESTS"):
        if why := sandbox.problem():
            pytest.skip(why)
        if not programs.is_dir():
            pytest.skip(f"{engine} is not installed (make engines)")
    return programs


def programs(initial: str) -> dict[str, str]:
    """The programs that the edits make of the first one."""
    made = {}
    for name, (before, after) in EDITS.items():
        assert initial.count(before) == 1, name
        made[name] = initial.replace(before, after)
    return made


def brisk(folder: Path) -> Template:
    """A copy of `brisk`, whose baseline is nobody else's."""
    copy = Path(shutil.copytree(BRISK, folder / "brisk"))
    experiment = copy / "experiment.py"
    text = experiment.read_text()
    left = "junk=junk)"
    assert text.count(left) == 1
    # Something beside a lone number, by which it shows whether seeds matter.
    experiment.write_text(text.replace(left, "junk=junk, steps=rng.normal(size=9))"))
    return Template(copy)


def exported(
    engine: str, folder: Path, url: str = Service.api_base
) -> tuple[Task, Path, list[str]]:
    """A task of seconds for an engine, and the commands that start it."""
    template = brisk(folder)
    task = make_task(template, "numbers", seeds=4, threads=1, limits=LIMITS)
    at = folder / "task"
    at.mkdir()
    export = {"openevolve": openevolve.export, "shinka": shinka.export}[engine]
    commands = export(template, at, task, Service("anything", url))
    return Task.load(at), at, commands


@dataclass
class Evolved:
    """A run of an engine.

    Attributes:
        folder: the task's.
        programs: what was proposed, by name.
        model: who has proposed them.
        done: how the engine ended.
    """

    folder: Path
    programs: Mapping[str, str]
    model: FakeModel
    done: subprocess.CompletedProcess[str]


def evolve(
    engine: str, place: str, folder: Path, option: str,
    spoil: Callable[[Path], object] | None = None,
) -> Evolved:  # fmt: skip
    """Have an engine evolve a task by the command that the export told, but for how long.

    Args:
        engine: its name.
        place: of its programs, below `.engines`.
        folder: where to.
        option: of its command that says how many candidates it makes.
        spoil: is given the task's folder before the engine starts.
    """
    binaries = needs(place)
    with FakeModel().serving() as model:
        _, at, commands = exported(engine, folder, model.url)
        if spoil is not None:
            spoil(at)
        made = programs((at / "initial.py").read_text())
        model.script[:] = [Proposer(made.values())] * MOST_REQUESTS
        command = next(each for each in commands if not each.startswith(("#", "bonsai ")))
        assert f" {option} 100" in command
        command = command.replace(f" {option} 100", f" {option} {AMOUNT}")
        environment = {
            **os.environ,
            "OPENAI_API_KEY": KEY,
            "PATH": f"{binaries}:{os.environ['PATH']}",
        }
        done = subprocess.run(
            command, shell=True, cwd=folder, env=environment, capture_output=True, text=True,
            timeout=SECONDS, check=False,
        )  # fmt: skip
    return Evolved(at, made, model, done)


def survivors(folder: Path) -> list[psutil.Process]:
    """What outlives its candidate, and evaluators of a task that are at work."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if SURVIVOR in (line := process.info["cmdline"] or []) or str(folder.resolve()) in line
    ]


def check_what_is_left(left: Left | None, evolved: Evolved) -> None:
    """The good one is the best, and what does not work is not among what works."""
    assert left is not None
    assert [each.source.decode().strip() for each in left.best] == [
        evolved.programs["good"].strip()
    ]
    kept = {each.source.decode().strip() for each in left.candidates}
    working = {evolved.programs[name].strip() for name in EDITS if name not in FAILS}
    assert working <= kept
    assert not kept & {evolved.programs[name].strip() for name in FAILS}
    assert left.task is not None
    assert left.task_folder == evolved.folder.resolve()


def judged(path: Path, results: Path) -> dict[str, Any]:
    """What `bonsai judge` says, all at once, of what an engine has left."""
    done = sweeps.run(
        "judge", str(path), "--all", "--seeds", "12", "--json", "--out", str(results),
        cwd=results.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert isinstance(told, dict)
    return told


def check_the_verdict(told: dict[str, Any], engine: str) -> None:
    """The good edits are, and no other; what was said of the best is near what is measured."""
    words = {round(each["difference"], 2): each["verdict"] for each in told["programs"]}
    assert {engine} == {each["engine"] for each in told["programs"]}
    assert words[0.5] == "supported"
    assert all(word != "supported" for gain, word in words.items() if gain <= 0)
    best = next(each for each in told["programs"] if round(each["difference"], 2) == 0.5)
    assert best["optimism_low"] < best["optimism"] < best["optimism_high"]
