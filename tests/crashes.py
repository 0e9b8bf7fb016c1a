"""Killing a sweep again and again, and telling whether anything came of it. Benchmarks use it too.

The template `brisk` is swept: real aider, real programs, real git, but each run takes a fraction
of a second.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bonsai.base.ledger import NO_STEP, Entry, Ledger
from bonsai.settings import Assignment, SearchSettings, Settings
from bonsai.templates import Idea
from bonsai.templates.template import Template
from tests import sweeps

BRISK = Path(__file__).parent / "brisk"
PROGRAMS = {"baseline", "smoke", "run", "confirm"}  # steps that run the experiment once


class Sweep:
    """A sweep of `brisk` with everything of its own: results, data cache, temporary files."""

    def __init__(self, home: Path, *, without: str = "") -> None:
        self.home = home
        self.results = home / "results"
        for name in ("results", "data", "tmp"):
            (home / name).mkdir(parents=True)
        self.template = home / "brisk"
        shutil.copytree(BRISK, self.template, ignore=shutil.ignore_patterns("__pycache__"))
        self.trace = home / "trace"
        self.trace.touch()
        ideas = [idea for idea in Template(BRISK).ideas if idea.Name != without]
        self.settings = Settings(
            assignments=[Assignment(template=str(self.template), ideas=ideas)],
            confirm_seeds=2,
            max_confirm_seeds=4,
            first_fresh_seed=5000,
            sandbox="off",  # else no experiment could leave a trace outside its folder
        )
        self.settings.save(self.results)
        self.environment = {"BONSAI_DATA": str(home / "data"), "TMPDIR": str(home / "tmp")}

    def search(self, search: SearchSettings) -> None:
        """Have it search for better settings, and try no ideas."""
        sweeps.with_settings(self.template)
        idea = Idea(Name="search", Title="Search", Experiment="Candidates by tpe.")
        assignment = Assignment(template=str(self.template), ideas=[idea])
        self.settings = self.settings.model_copy(
            update={"assignments": [assignment], "search": search, "confirm_seeds": 6,
                    "max_confirm_seeds": 6}
        )  # fmt: skip
        self.settings.save(self.results)

    def resume(self) -> str:
        """Go on to the end; returns what was printed."""
        done = sweeps.run("resume", str(self.results), cwd=self.home, **self.environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def kill_from_outside(self, after_seconds: float) -> bool:
        """Kill the runner this long after it was started; False: it had ended before."""
        command = ("resume", str(self.results))
        with sweeps.start(*command, cwd=self.home, **self.environment) as process:
            time.sleep(after_seconds)
            process.kill()
            _, errors = process.communicate()
        assert "Traceback" not in errors, errors
        return process.returncode == -signal.SIGKILL

    def kill_in_step(self, number: int, seconds: float, whole: bool, report: Path) -> bool:
        """Have it killed in the how-manieth step that it begins; see `tests.doomed`."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.doomed", str(number), str(seconds), str(int(whole)),
             str(report), "resume", str(self.results)],
            cwd=sweeps.REPOSITORY,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=120,
        )  # fmt: skip
        assert done.returncode in (0, -signal.SIGKILL), done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode == -signal.SIGKILL

    def entries(self) -> list[Entry]:
        return Ledger(self.results / "ledger.jsonl").read()

    def steps(self) -> list[Entry]:
        return [entry for entry in self.entries() if entry.index != NO_STEP]

    def ran(self) -> list[str]:
        """Every execution of an experiment so far, by its own testimony: where in the results."""
        lines = self.trace.read_text().splitlines()
        return [re.sub(r"^.*/(results|moved|\.building-[^/]*)/", "", line) for line in lines]

    def finished_runs(self) -> dict[str, tuple[int, int]]:
        """The runs that the ledger says are over, as `ran` names them.

        With each stands the inode of its results and when they were written: it is the same for as
        long as nobody writes them again.
        """
        found = {}
        for entry in self.steps():
            if not entry.ok or entry.step not in ("baseline", "run", "confirm", "evaluate"):
                continue
            where = Path("brisk", entry.idea)
            if entry.step == "evaluate":
                number = entry.data["candidate"]
                called = f"c{number:04d}" if number else "template"
                where /= f"candidates/{called}-seed_{entry.data['seed']}/run"
            elif entry.step == "run" and "candidate" in entry.data:
                continue  # of runs that were over before
            elif entry.step == "run":
                where /= f"workspace/{entry.data['run']}"
            elif entry.step == "confirm":
                where /= f"confirm/{entry.data.get('run', '')}/look_{entry.data['look']}/run"
            else:
                where /= "run_0"
            status = (self.results / where / "final_info.json").stat()
            found[where.as_posix()] = (status.st_ino, status.st_mtime_ns)
        return found

    def plain(self, text: str) -> str:
        """Text without what may differ between two sweeps: places, times, commits."""
        text = re.sub(rf"{re.escape(str(self.home))}/(results|moved)\b", "RESULTS", text)
        text = text.replace(str(self.home), "HOME")
        text = re.sub(r"\((reused from the cache|\d+ s)\)", "(built)", text)
        text = re.sub(r"baseline takes \d+ s", "baseline takes", text)
        return re.sub(r"\b[0-9a-f]{40}\b", "COMMIT", text)

    def story(self) -> list[dict[str, Any]]:
        """The ledger's steps without times."""
        story = []
        for entry in self.steps():
            fields = entry.model_dump(exclude={"time", "seconds"})
            for measured in ("run_seconds", "agent_seconds", "cpu_seconds", "memory_gb", "where"):
                fields["data"].pop(measured, None)
            story.append(json.loads(self.plain(json.dumps(fields))))
        return story

    def git(self, idea: str, *arguments: str) -> str:
        workspace = self.results / "brisk" / idea / "workspace"
        command = ["git", *arguments]
        done = subprocess.run(command, cwd=workspace, capture_output=True, text=True, check=True)
        return done.stdout + done.stderr

    def files(self) -> dict[str, str]:
        """Every file that is left, git's own aside, with what it holds (times and places aside)."""
        roots = (self.results, self.home / "data", self.home / "tmp")
        found = {}
        for path in sorted(path for root in roots for path in root.rglob("*")):
            name = path.relative_to(self.home).as_posix()
            if "/.git/" in name or path.is_dir():
                continue
            name = re.sub(r"brisk-[0-9a-f]{20}", "brisk-KEY", name)
            content = path.read_bytes().decode("utf-8", "replace")
            if name.endswith(".request.json"):  # aider shows files in an order of its own
                content = "\n".join(sorted(content.replace("\\n", "\n").splitlines()))
            told = re.search(r"\.usage\.json$|/ledger\.jsonl$|\.png$", name) or "/report/" in name
            found[name] = "" if told else self.plain(content)
        return found


def fill(sweep: Sweep, like: Sweep, ideas: int, padding: str = "") -> None:
    """Make it as if `sweep` had finished this many ideas, and not begun the one after them.

    Args:
        sweep: nothing of it is done yet; its last idea, "stumbles", is left to do.
        like: a finished one, whose entries are used again under other names.
        ideas: how many.
        padding: added to every reply of the model; those of `brisk` are short.
    """
    last = next(idea for idea in like.settings.assignments[0].ideas if idea.Name == "stumbles")
    names = [f"idea_{number:05d}" for number in range(ideas)]
    sweep.settings.assignments[0].ideas = [
        *(last.model_copy(update={"Name": name}) for name in names),
        last,
    ]
    sweep.settings.save(sweep.results)
    steps = like.steps()
    for step in steps:
        if "reply" in step.data:
            step.data["reply"] += padding
    lines = [step.model_dump_json() for step in steps if step.idea == ""]
    done = [step.model_dump_json() for step in steps if step.idea == "higher"]
    with (sweep.results / "ledger.jsonl").open("w") as file:
        file.writelines(line + "\n" for line in lines)
        for name in names:
            file.writelines(line.replace('"higher"', f'"{name}"', 1) + "\n" for line in done)
    shutil.copytree(like.results / "brisk" / "run_0", sweep.results / "brisk" / "run_0")


@dataclass
class Tally:
    """What happened while a sweep was killed again and again."""

    kills: int = 0
    under_way: Counter[str] = field(default_factory=Counter)  # kills by the step that was hit
    resumes: int = 0


def differences(ours: Sweep, theirs: Sweep) -> list[str]:
    """What a killed sweep has that an undisturbed one has not, and the other way round."""
    found = []
    for name, a, b in (
        ("the ledger", ours.story(), theirs.story()),
        ("the files", ours.files(), theirs.files()),
    ):
        if a != b:
            keys = range(max(len(a), len(b))) if isinstance(a, list) else sorted({*a, *b})
            at = next(k for k in keys if _at(a, k) != _at(b, k))
            x, y = (repr(_at(items, at))[:1000] for items in (a, b))
            found.append(f"{name}, {at}: {x}, undisturbed {y}")
    for idea in [each.Name for each in ours.settings.assignments[0].ideas]:
        if (a := _history(ours, idea)) != (b := _history(theirs, idea)):
            found.append(f"the history of {idea}: {a}, undisturbed {b}")
        fsck = ours.git(idea, "fsck", "--strict", "--no-dangling", "--no-progress")
        if fsck or ours.git(idea, "status", "--porcelain"):
            found.append(f"the workspace of {idea} is unsound or unclean: {fsck}")
        left = [*(ours.results / "brisk" / idea / "workspace" / ".git").rglob("*.lock")]
        found += [f"left behind: {path}" for path in left]
    return found


def _history(sweep: Sweep, idea: str) -> list[str]:
    """Each commit's message and tree."""
    return sweep.plain(sweep.git(idea, "log", "--format=%s")).splitlines()


def _at(items: Any, key: Any) -> Any:
    try:
        return items[key]
    except (KeyError, IndexError):
        return None


def kill_in_every_step(sweep: Sweep, like: Sweep, rng: random.Random, leave_out: int = 0) -> Tally:
    """Resume `sweep` again and again, and kill it in each of its steps in turn.

    Before every fourth step it is killed from outside too, at a moment that nobody chose: while
    Python starts, while the ledger is read, while a workspace is put in order.

    Args:
        sweep: the sweep; it is left undone.
        like: an undisturbed one, which says how long each step takes.
        rng: chooses the moments.
        leave_out: so many steps after each one that is hit are not.
    """
    tally = Tally()
    report = sweep.home / "report"
    report.write_text("")
    for target, step in enumerate(like.steps()):
        if target % (1 + leave_out):
            continue
        if target % 4 == 0:
            moment = rng.uniform(0.05, 1.5)
            _kill(sweep, tally, lambda moment=moment: sweep.kill_from_outside(moment))
        done = len(sweep.steps())
        if done > target:
            continue  # the step was over before that
        seconds = 0.0 if step.seconds < 0.05 else round(rng.uniform(0.0, 1.2) * step.seconds, 3)
        bomb = (target - done + 1, seconds, rng.random() < 0.5, report)
        _kill(sweep, tally, lambda bomb=bomb: sweep.kill_in_step(*bomb))
    tally.under_way = Counter(report.read_text().split())
    return tally


def _kill(sweep: Sweep, tally: Tally, kill: Callable[[], bool]) -> None:
    finished, before = sweep.finished_runs(), len(sweep.ran())
    tally.resumes += 1
    tally.kills += kill()
    again = set(finished) & set(sweep.ran()[before:])
    assert not again, f"{again} were finished, and were run again"
    assert finished.items() <= sweep.finished_runs().items(), "results were written again"
