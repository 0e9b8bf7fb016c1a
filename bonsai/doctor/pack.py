"""Checks of what this runner asks beyond The AI Scientist: score.py, README.md, cassettes, data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bonsai.base import BonsaiError, listing
from bonsai.doctor.files import how_to_make_run_0
from bonsai.doctor.finding import Finding, failure, note, ok, warning
from bonsai.doctor.subject import Subject
from bonsai.evaluation import claims, score_run
from bonsai.execution import sha256
from bonsai.kit import data as kit_data
from bonsai.kit.scoring import Metric, Scorer
from bonsai.models import cassette
from bonsai.templates import EDITABLE, contract

MIN_SEEDS = 3
HEAD = re.compile(r"<{5,9} SEARCH>?\s*$")  # aider's own patterns
DIVIDER = re.compile(r"={5,9}\s*$")
TAIL = re.compile(r">{5,9} REPLACE\s*$")
FILE_NAME = re.compile(r"[\w./-]+\.(?:py|txt|json)")


def score_loads(subject: Subject) -> Iterator[Finding]:
    """score.py can be imported and defines all that is needed."""
    scorer = _load(subject)
    if isinstance(scorer, str):
        yield failure(
            f"score.py cannot be loaded: {scorer}",
            "let it define DATASETS, SEEDS, METRICS, SELECTION and score(outcome, truth)",
        )
        return
    yield ok(f"score.py loads; ideas are judged by {scorer.primary}")


def score_metrics(subject: Subject) -> Iterator[Finding]:
    """The first metric has a direction, and the best run is not chosen by a test figure."""
    scorer = _load(subject)
    if isinstance(scorer, str):
        return
    if strange := [name for name, item in scorer.metrics.items() if not isinstance(item, Metric)]:
        yield failure(
            f"score.py: METRICS[{strange[0]!r}] is not a kit.Metric",
            'write kit.Metric("%", "higher", "what it means") for each',
        )
        return
    faults = list(_metric_faults(scorer))
    yield from faults
    if not faults:
        yield ok(f"an idea's best run is chosen by {scorer.selection}")


def _metric_faults(scorer: Scorer) -> Iterator[Finding]:
    primary = scorer.metrics[scorer.primary]
    if primary.better is None:
        yield failure(
            f"score.py: {scorer.primary}, the first of METRICS, does not say which way is better",
            'put the metric that ideas are judged by first, with better="higher" or better="lower"',
        )
    if scorer.selection not in scorer.metrics:
        yield failure(
            f"score.py: SELECTION is {scorer.selection!r}, which is not in METRICS",
            f"choose one of {', '.join(scorer.metrics)}",
        )
        return
    if "test" in scorer.selection.split("_"):
        yield failure(
            f"score.py: SELECTION is {scorer.selection!r}; the best run would be chosen by what it "
            "is judged by",
            "choose a validation metric, such as val_accuracy",
        )
    if scorer.metrics[scorer.selection].better is None:
        yield failure(
            f"score.py: {scorer.selection}, by which runs are chosen, does not say which way is "
            "better",
            'give it better="higher" or better="lower"',
        )


def score_seeds(subject: Subject) -> Iterator[Finding]:
    """Several seeds by default, each a whole number, none twice."""
    scorer = _load(subject)
    if isinstance(scorer, str):
        return
    seeds = scorer.seeds
    if not all(isinstance(seed, int) and seed >= 0 for seed in seeds) or len(set(seeds)) < len(
        seeds
    ):
        yield failure(
            f"score.py: SEEDS is {seeds}", "list different whole numbers, such as (0, 1, 2)"
        )
    elif len(seeds) < MIN_SEEDS:
        yield warning(
            f"score.py: SEEDS holds {len(seeds)}, too few to see the noise between seeds",
            f"list at least {MIN_SEEDS}, such as (0, 1, 2)",
        )
    else:
        yield ok(f"a run trains with {len(seeds)} seeds")


def score_metrics_appear(subject: Subject) -> Iterator[Finding]:
    """Each metric that score.py announces is among the means of a run."""
    scorer = _load(subject)
    scores = subject.trial.scores
    if isinstance(scorer, str) or scores is None:
        return
    if missing := [name for name in scorer.metrics if name not in scores.means]:
        yield failure(
            f"score.py announces {', '.join(missing)} in METRICS, but a run does not have it",
            "let score() return it, or take it out of METRICS",
        )
    else:
        yield ok(f"a run has all {len(scorer.metrics)} metrics of score.py")


def curve_appears(subject: Subject) -> Iterator[Finding]:
    """The curve that score.py names is among those of a run."""
    scorer, run = _load(subject), subject.trial.folder
    if isinstance(scorer, str) or run is None or scorer.curve is None:
        return
    try:
        seeds = contract.read(contract.History, run / "history.json").seeds
        curves = {name for found in seeds.values() for name in found}
    except BonsaiError as error:
        yield failure(subject.relative(str(error)), "leave the writing of curves to kit.main")
        return
    if scorer.curve not in curves:
        yield failure(
            f"score.py names the curve {scorer.curve!r}, but a run has {listing(sorted(curves))}"
            if curves else f"score.py names the curve {scorer.curve!r}, but a run has none",
            "call it as history.json does, or take CURVE out of score.py",
        )  # fmt: skip


def data_is_there(subject: Subject) -> Iterator[Finding]:
    """The default data set is known, on this machine, and holds what was published."""
    scorer = _load(subject)
    if isinstance(scorer, str):
        return
    if scorer.load_data is kit_data.load_images:
        unknown = [
            name
            for name in scorer.datasets
            if kit_data.ALIASES.get(name, name) not in kit_data.CLASSES
        ]
        if unknown:
            yield failure(
                f"score.py: DATASETS names {', '.join(unknown)}, which the kit does not know",
                f"the kit knows {', '.join((*kit_data.CLASSES, *kit_data.ALIASES))}; for data of "
                "your own, define load_data(name, smoke) and load_truth(name, smoke) in score.py",
            )
            return
    default = scorer.datasets[0]
    if not subject.is_at_hand(default):
        others = [name for name in subject.at_hand() if name != default]
        yield warning(
            f"{default}, the default data set, is not in {kit_data.data_folder()}; the first run "
            "downloads it",
            f"without a network, take --data {others[0]}" if others else
            "put its files there, or set BONSAI_DATA to a folder that has them",
        )  # fmt: skip
        return
    try:
        scorer.load_data(default, False)
    except Exception as error:  # a template's own loader may raise anything
        yield failure(
            f"{default}, the default data set, cannot be loaded: {error}",
            "see that load_data(name, smoke) works, or name another data set first in DATASETS",
        )
    else:
        yield ok(f"{default}, the default data set, is on this machine")


def baseline_is_current(subject: Subject) -> Iterator[Finding]:
    """run_0 was made by this experiment.py, by a whole run, with the default data and seeds."""
    run_0 = subject.folder / "run_0"
    scorer = _load(subject)
    if isinstance(scorer, str) or not (run_0 / "final_info.json").is_file():
        return
    environment = read_environment(run_0)
    if not environment:
        yield warning(
            "run_0/environment.json is missing or broken, so nobody knows what code made run_0",
            how_to_make_run_0(subject),
        )
        return
    if environment.get("smoke"):
        yield failure(
            "run_0 was made with --smoke: it is a check, and no baseline",
            how_to_make_run_0(subject),
        )
        return
    if is_stale(subject.folder):
        yield warning(
            "run_0 is stale: experiment.py was changed since it was made",
            how_to_make_run_0(subject),
        )
    else:
        yield ok("run_0 was made by this experiment.py")
    made_with = environment.get("seeds")
    if made_with != list(scorer.seeds):
        yield note(f"run_0 was made with seeds {made_with}, and runs take {list(scorer.seeds)}")
    default = kit_data.ALIASES.get(scorer.datasets[0], scorer.datasets[0])
    if (data := environment.get("data")) != default:
        yield note(
            f"run_0 was made on {data}, and runs take {default}: they cannot be compared",
            how_to_make_run_0(subject),
        )


def baseline_is_believed(subject: Subject) -> Iterator[Finding]:
    """The means of run_0 are what its own outcomes give, scored again."""
    run_0 = subject.folder / "run_0"
    environment = read_environment(run_0)
    data, seeds = environment.get("data"), environment.get("seeds")
    outcomes = list(run_0.glob("outcome_seed_*.npz"))
    if isinstance(_load(subject), str) or environment.get("smoke"):
        return
    if not (outcomes and isinstance(data, str) and isinstance(seeds, list)):
        return
    if not (run_0 / "final_info.json").is_file() or not subject.is_at_hand(data):
        return
    try:
        scores = score_run(subject.template, run_0, data, seeds)
    except Exception as error:  # a template's own score() may raise anything
        yield failure(
            f"run_0 cannot be scored again: {subject.relative(str(error))}",
            how_to_make_run_0(subject),
        )
        return
    if scores.disagreements:
        yield failure(
            f"run_0 is not what its own outcomes give: {'; '.join(scores.disagreements[:3])}",
            how_to_make_run_0(subject),
        )
    else:
        yield ok("run_0, scored again from its outcomes, gives the same means")


def readme(subject: Subject) -> Iterator[Finding]:
    """README.md says what the template is about."""
    if subject.text("README.md").strip():
        yield ok("README.md is there")
    else:
        yield warning(
            "README.md is missing or empty",
            "say what is studied, what the baseline reaches, and how long a run takes",
        )


def cassettes(subject: Subject) -> Iterator[Finding]:
    """Each cassette belongs to a seed idea, and its replies can be parsed as edits."""
    root = subject.folder / "cassettes"
    folders = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    if not folders:
        yield note("there are no cassettes, so without a model key no idea can be tried")
        return
    for folder in folders:
        faults = list(_cassette_faults(folder, subject))
        yield from faults
        if not faults:
            yield ok(f"cassettes/{folder.name} holds {len(cassette.read(folder))} replies")


def _cassette_faults(folder: Path, subject: Subject) -> Iterator[Finding]:
    name = f"cassettes/{folder.name}"
    if subject.ideas is not None and folder.name not in {idea.Name for idea in subject.ideas}:
        yield failure(
            f"{name} belongs to no idea of seed_ideas.json, so it is never played",
            "name the folder as the idea",
        )
    replies = cassette.read(folder)  # sorted as the paths below
    paths = sorted(folder.glob("[0-9]*.md"), key=lambda path: path.name)
    for path, reply in zip(paths, replies, strict=True):
        if not re.fullmatch(r"\d+-[a-z_]+\.md", path.name):
            yield warning(
                f"{name}/{path.name} does not tell the step of its reply",
                "name it like 01-plan.md, 02-edit.md, ... in the order of play",
            )
        for fault in edit_faults(reply):
            yield warning(
                f"{name}/{path.name}, {fault}, so the edit fails and costs a try",
                "write the file's name, then a fenced block of <<<<<<< SEARCH, =======, "
                ">>>>>>> REPLACE; unless the reply is meant to fail",
            )


def edit_faults(reply: str) -> list[str]:
    """What is wrong with the SEARCH/REPLACE blocks of a reply, each as `line N: ...`.

    A block is what aider parses: the file's name on the line above the fence (or on that of an
    earlier block), then the three marker lines in their order.
    """
    faults = []
    lines = reply.splitlines()
    place, opened = "outside", 0
    named = False
    for number, line in enumerate(lines, start=1):
        if HEAD.match(line):
            if place != "outside":
                faults.append(f"line {number}: SEARCH begins inside the block of line {opened}")
            place, opened = "search", number
            above = _file_above(lines, number - 1)
            if above and above not in (*EDITABLE, claims.FILE):
                faults.append(f"line {number}: edits {above}; only {', '.join(EDITABLE)} may be")
            elif not above and not named:
                faults.append(f"line {number}: no file is named above the block")
            named = named or bool(above)
        elif DIVIDER.match(line) and place == "search":
            place = "replace"
        elif TAIL.match(line):
            if place != "replace":
                faults.append(f"line {number}: REPLACE without SEARCH and ======= before it")
            place = "outside"
    if place != "outside":
        faults.append(f"line {opened}: the block is not closed")
    return faults


def _file_above(lines: list[str], index: int) -> str:
    """The file named in the line above a block, or above the fence that opens it."""
    for line in reversed(lines[max(0, index - 2) : index]):
        text = line.strip().strip("`*:# ")
        if FILE_NAME.fullmatch(text):
            return text
        if not line.startswith("```"):
            return ""
    return ""


def is_stale(folder: Path) -> bool:
    """Whether run_0 was made by another experiment.py, or by a smoke run, or by nobody knows."""
    environment = read_environment(folder / "run_0")
    made_by = environment.get("experiment_sha256")
    return bool(environment.get("smoke")) or made_by != sha256(folder / "experiment.py")


def read_environment(run: Path) -> dict[str, Any]:
    """A run's environment.json; empty if it cannot be read."""
    try:
        value = contract.read_json(run / "environment.json")
    except (BonsaiError, json.JSONDecodeError, OSError):
        return {}
    return value if isinstance(value, dict) else {}


def _load(subject: Subject) -> Scorer | str:
    """The scorer, or why there is none."""
    if subject.template.is_self_reported:
        return "score.py is missing"
    try:
        scorer = subject.template.scorer
        return scorer if isinstance(scorer, Scorer) else "there is none"
    except BonsaiError as error:
        return subject.relative(str(error))
    except Exception as error:  # a module may raise anything while it is imported
        return f"{type(error).__name__}: {error}"
