"""OpenEvolve, ShinkaEvolve and `bonsai search` on one task: what each finds, and what it claims.

The task is a program with switches, written for this. What each switch is worth is known, so is the
true value of every program; a run shows it with luck of the seed, which all programs share, and
with noise of the program's own. A scripted model stands behind an OpenAI-compatible address, and
its k-th proposal turns switch k of the program that it is shown, whoever asks. On a null task no
switch is worth anything, and whoever says that it has found something better is wrong.

The engines run the task as `bonsai export` writes it, whose score is the mean difference to the
template on four seeds less one standard error; their best is the program that they name, and their
claim its score. The search spends as many runs of one seed as so many candidates of the engines
would take, its verdict's among them; its best is the winner that its verdict supports, else the
template as it was. Its winner without the verdict is shown as well: nothing is claimed for it.

Differences to bear in mind: the engines run every candidate on all seeds unless the first is far
behind, and measure none again; the search gives most up after few runs, and so sees more proposals.
All run one program at a time. Overhead is wall time less that of the runs, from start to end of the
engine's process, per run of one seed: the engines start an evaluator for each candidate, the search
none, and the engines' processes take seconds to start.

Run:  make engines && python benchmarks/engines.py [--candidates 10] [--repeats 1] [--seed 0]
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import itertools
import os
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

if TYPE_CHECKING:
    from bonsai.engines import Candidate

HOMES = {  # as `make engines` makes them
    "openevolve": REPOSITORY / ".engines" / "openevolve",
    "shinka": REPOSITORY / ".engines" / "shinka-evolve",
}
SWITCHES = 200
SECONDS = 0.25  # of a run of one seed
SEEDS = 4  # on which the engines' candidates are measured
HELPS, GAIN, HARMS, LOSS = 0.25, 1.0, 0.35, 1.0  # how many switches do, and the scale of how much
LUCK = OWN = 0.5**0.5  # standard deviations: of the seed, and of a program on a seed
MOST_SECONDS = 3600.0  # of an engine
PROGRAM = '''"""Switches, each of which may be worth something."""

import hashlib
import time
from dataclasses import dataclass

import numpy as np

from bonsai import kit

{switches}


@dataclass
class Config:
    seconds: float = {seconds}  # that a seed takes


def train(config, data, seeds):
    return [train_one(config, data, seed) for seed in seeds]


def train_one(config, data, seed):
    states = [value for name, value in sorted(globals().items()) if name.startswith("SWITCH_")]
    own = int.from_bytes(hashlib.sha256(bytes(states)).digest()[:8], "big")
    luck = np.random.default_rng(seed).normal() * {luck}
    noise = np.random.default_rng([seed, own]).normal(size=2) * {own}
    time.sleep(config.seconds)
    return kit.Outcome(
        seed=seed, curves=kit.Curves(), states=np.array(states), noise=luck + noise
    )


if __name__ == "__main__":
    kit.main(Config, train, smoke={{"seconds": 0.0}})
'''
SCORE = '''"""Frozen: what the switches are worth."""

from types import SimpleNamespace

import numpy as np

from bonsai import kit

DATASETS = ("switches",)
SEEDS = (0, 1)
SELECTION = "val_worth"
METRICS = {{
    "worth": kit.Metric("", "higher", "what the switches are worth"),
    "val_worth": kit.Metric("", "higher", "the same, to choose by"),
}}
WORTH = np.array({worth})


def load_data(name, smoke):
    return SimpleNamespace(name=name)


load_truth = load_data


def score(outcome, truth):
    worth = float(WORTH @ outcome["states"])
    first, second = map(float, outcome["noise"])
    return {{"worth": worth + first, "val_worth": worth + second}}
'''
PROMPT = """{
  "system": "You are a careful engineer.",
  "task_description": "experiment.py has switches, each of which is 0 or 1.",
  "limits": {"run_seconds": 120, "smoke_seconds": 60, "plot_seconds": 60}
}
"""
FENCED = re.MULTILINE | re.DOTALL
# Stands in for the interpreter of the evaluator, to write down what was measured.
COUNTER = """#!{python}
import sys
from contextlib import redirect_stdout
from io import StringIO

from bonsai.engines import evaluator

told = StringIO()
with redirect_stdout(told):
    code = evaluator.main(sys.argv[3:])
with open({log!r}, "a") as log:
    log.write(f"{{int('--known' in sys.argv)}} {{told.getvalue()}}")
print(told.getvalue(), end="")
sys.exit(code)
"""


@dataclass(frozen=True)
class Outcome:
    """What an engine came to on a task.

    Attributes:
        gain: true gain of what it hands over.
        claim: what it says of that; None: nothing.
        moved: whether it hands over something else than the template, and says that it is better.
        candidates: how many it measured.
        runs: of one seed, those of the template included.
        wall: seconds, from its start to its end.
    """

    gain: float
    claim: float | None
    moved: bool
    candidates: int
    runs: int
    wall: float


@dataclass(frozen=True)
class World:
    """A task whose true values are known."""

    folder: Path
    worth: tuple[float, ...]

    def gain(self, source: bytes) -> float:
        """What a program is truly worth, more than the template."""
        return sum((self.worth[number] for number in _turned(source)), 0.0)


def main() -> None:
    """Measure all, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--candidates", type=int, default=10, help="of each engine")
    parser.add_argument("--repeats", type=int, default=1, help="tasks of either kind")
    parser.add_argument("--seed", type=int, default=0, help="of the tasks")
    parser.add_argument("--only", choices=["openevolve", "shinka", "search"], action="append")
    arguments = parser.parse_args()
    rivals: dict[str, tuple[str, Callable[..., list[Outcome]]]] = {
        "openevolve": ("OpenEvolve", openevolve),
        "shinka": ("ShinkaEvolve", shinka),
        "search": ("bonsai search", search),
    }
    wanted = arguments.only or list(rivals)
    missing = [each for each in wanted if each in HOMES and not HOMES[each].is_dir()]
    if missing:
        print(f"{' and '.join(missing)} cannot be measured here: `make engines` installs them")
        wanted = [each for each in wanted if each not in missing]
    print("versions:", ", ".join(_version(name) for name in wanted), flush=True)
    print(
        f"{arguments.repeats} tasks with gains and {arguments.repeats} without, "
        f"{arguments.candidates} candidates on {SEEDS} seeds each, {SECONDS} s a run\n"
    )
    found: dict[str, dict[str, list[list[Outcome]]]] = {name: {} for name in wanted}
    os.environ["OPENAI_API_KEY"] = "none"
    for number in range(arguments.repeats):
        for kind in ("gains", "null"):
            for name in wanted:
                with tempfile.TemporaryDirectory() as temporary:
                    folder = Path(temporary)
                    os.environ["BONSAI_DATA"] = str(folder / "data")
                    world = _world(folder, kind, arguments.seed + number)
                    outcome = rivals[name][1](world, folder, arguments.candidates)
                found[name].setdefault(kind, []).append(outcome)
                print(f"# {kind} {number} {name}: {outcome[0]}", file=sys.stderr, flush=True)
    print(_head())
    for name in wanted:
        for place, title in enumerate((rivals[name][0], "  its winner without the verdict")):
            rows = [[each[place] for each in found[name][kind] if place < len(each)]
                    for kind in ("gains", "null")]  # fmt: skip
            if rows[0]:
                print(_row(title, *rows))


def openevolve(world: World, folder: Path, candidates: int) -> list[Outcome]:
    """Have OpenEvolve evolve the exported task."""
    return _engine("openevolve", world, folder, candidates, "--iterations", 0)


def shinka(world: World, folder: Path, candidates: int) -> list[Outcome]:
    """Have ShinkaEvolve evolve it; its generation 0 is the template."""
    return _engine("shinka", world, folder, candidates, "--num_generations", 1)


def search(world: World, folder: Path, candidates: int) -> list[Outcome]:
    """Have `bonsai search` look for a better version, with as many runs of one seed."""
    from bonsai import report

    results, runs = folder / "results", max(30, SEEDS * (candidates + 1))
    with _serving() as url:
        command = [
            *(sys.executable, REPOSITORY / "runner.py", "search", world.folder),
            *("--proposer", "model", "--agent", "rewrite"),
            *("--model", "openai/scripted", "--api-base", url),
            *("--no-control", "--runs", runs, "--workers", 1, "--threads", 1, "--out", results),
            *("--max-slowdown", 10),
        ]
        wall = _run([str(each) for each in command], folder)
    told = report.gather(report.summarise(results)).templates[0]
    (idea,) = told.ideas
    if idea.search is None or told.baseline is None:
        sys.exit(f"the search did not begin: {told.problem}")
    spent = sum(idea.search.runs.values()) + len(told.baseline.seeds)
    made = len(idea.search.tree)
    program = results / told.name / idea.folder / "workspace" / "experiment.py"
    gain = world.gain(program.read_bytes()) if idea.search.winner else 0.0
    proven = idea.word == "supported"
    comparison = idea.main.verdict.comparison
    claim = comparison.mean if proven and comparison else 0.0
    return [
        Outcome(gain if proven else 0.0, claim, proven, made, spent, wall),
        Outcome(gain, None, idea.search.winner is not None, made, spent, wall),
    ]


def _engine(
    engine: str, world: World, folder: Path, candidates: int, option: str, more: int
) -> list[Outcome]:  # fmt: skip
    from bonsai.engines import make_task
    from bonsai.engines.service import Service
    from bonsai.execution import cores
    from bonsai.templates import find_templates

    (template,) = find_templates([str(world.folder)])
    task = make_task(template, "switches", seeds=SEEDS, threads=cores())
    module = importlib.import_module(f"bonsai.engines.{engine}")
    target = folder / "task"
    target.mkdir()
    log, python = folder / "evaluations", folder / "python"
    text = COUNTER.format(python=sys.executable, log=str(log))
    python.write_text(text)
    python.chmod(0o755)
    with _serving() as url:
        lines = module.export(template, target, task, Service("scripted", url))
        (line,) = [each for each in lines if option in each]
        command = shlex.split(line)
        command[0] = str(HOMES[engine] / "bin" / command[0])
        command[command.index(option) + 1] = str(candidates + more)
        wall = _run(command, target, BONSAI_PYTHON=str(python))
    measured, runs = _counted(log)
    best: Candidate = module.read(target).best[0]
    claim = best.metrics["combined_score"]
    moved = bool(_turned(best.source)) and claim > 0
    return [Outcome(world.gain(best.source), claim, moved, measured, runs, wall)]


def _turned(source: bytes) -> list[int]:
    """The switches of a program that are 1."""
    return [int(each) for each in re.findall(rb"^SWITCH_(\d+) = 1\b", source, re.MULTILINE)]


def _counted(log: Path) -> tuple[int, int]:
    """How many candidates were measured, and runs of one seed, the template's included."""
    import json

    measured, runs = 0, SEEDS
    for line in log.read_text().splitlines():
        known, _, text = line.partition(" ")
        with contextlib.suppress(ValueError):
            found = json.loads(text)
            seeds = int(found["metrics"].get("seeds", 0))
            if found["feedback"].startswith("It does not change"):
                continue  # the template itself, which is not run again
            measured += seeds > 0 and known == "0"
            runs += seeds - int(known)
    return measured, runs


def _world(folder: Path, kind: str, seed: int) -> World:
    rng = np.random.default_rng([seed, SWITCHES])
    drawn, sizes = rng.random(SWITCHES), np.abs(rng.normal(size=SWITCHES))
    worth = np.where(drawn < HELPS, GAIN * sizes, np.where(drawn > 1 - HARMS, -LOSS * sizes, 0.0))
    worth = np.round(worth * (kind == "gains"), 3)
    template = folder / "switches"
    template.mkdir()
    lines = "\n".join(f"SWITCH_{number:03d} = 0" for number in range(SWITCHES))
    program = PROGRAM.format(switches=lines, luck=LUCK, own=OWN, seconds=SECONDS)
    (template / "experiment.py").write_text(program)
    (template / "score.py").write_text(SCORE.format(worth=worth.tolist()))
    (template / "prompt.json").write_text(PROMPT)
    (template / "seed_ideas.json").write_text("[]")
    shutil.copy(REPOSITORY / "tests" / "brisk" / "plot.py", template / "plot.py")
    return World(template, tuple(worth.tolist()))


@contextlib.contextmanager
def _serving() -> Iterator[str]:
    """The scripted model's address."""
    from tests.fake_model import FakeModel, Says

    numbers = itertools.count()

    def answer(body: dict[str, Any]) -> Says:
        return Says(_proposal(body["messages"], numbers))

    with FakeModel(*[answer] * 100_000).serving() as model:
        yield model.url


def _proposal(messages: Sequence[dict[str, str]], numbers: Iterator[int]) -> str:
    """The program that is shown with the next switch turned, in the form that is asked for."""
    from tests.engines import scripted

    def turn(program: str) -> str:
        number = next(numbers) % SWITCHES
        return program.replace(f"SWITCH_{number:03d} = 0", f"SWITCH_{number:03d} = 1")

    if "You edit files." in messages[0]["content"]:  # the search's agent
        shown = re.search(r"^experiment\.py\n(`{3,})\n(.*?)^\1", messages[-1]["content"], FENCED)
        assert shown is not None, messages[-1]["content"]
        fence, program = shown.groups()
        return f"Turns a switch.\n\nexperiment.py\n{fence}\n{turn(program)}{fence}\n"
    return scripted.answer(messages, turn(scripted.current_program(messages)))


def _run(command: Sequence[str], folder: Path, **variables: str) -> float:
    """Run an engine to its end; returns the seconds that it took."""
    log = folder / "engine.log"
    started = time.monotonic()
    with log.open("w") as out:
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, **variables}, stdin=subprocess.DEVNULL,
            stdout=out, stderr=subprocess.STDOUT, timeout=MOST_SECONDS, check=False,
        )  # fmt: skip
    if done.returncode:
        sys.exit(f"{shlex.join(command)} ended with {done.returncode}:\n{log.read_text()[-3000:]}")
    return time.monotonic() - started


def _version(name: str) -> str:
    if name == "search":
        import bonsai

        return f"bonsai {bonsai.__version__}"
    package, python = HOMES[name].name, HOMES[name] / "bin" / "python"
    asked = f"import importlib.metadata as m; print(m.version({package!r}))"
    done = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True)
    return f"{package} {done.stdout.strip()}"


def _head() -> str:
    return (
        f"{'':<34}{'true gain':>10}{'claims':>9}{'false bests':>13}{'candidates':>12}{'runs':>7}"
        f"{'runs/s':>9}{'overhead, s/run':>17}"
    )


def _row(title: str, gains: Sequence[Outcome], null: Sequence[Outcome]) -> str:
    every = [*gains, *null]
    claims = [each.claim for each in gains if each.claim is not None]
    told = f"{statistics.mean(claims):+.2f}" if claims else "nothing"
    wrong = sum(each.moved for each in null)
    runs, wall = sum(each.runs for each in every), sum(each.wall for each in every)
    return (
        f"{title:<34}{statistics.mean(each.gain for each in gains):>+10.2f}{told:>9}"
        f"{f'{wrong} of {len(null)}':>13}{sum(e.candidates for e in every) / len(every):>12.1f}"
        f"{runs / len(every):>7.1f}{runs / wall:>9.2f}{(wall - SECONDS * runs) / runs:>17.2f}"
    )


if __name__ == "__main__":
    main()
