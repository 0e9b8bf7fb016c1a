"""The AI Scientist v2 (SakanaAI/AI-Scientist-v2): a topic, ideas and code to begin from.

It knows no templates. It is given ideas (`--load_ideas NAME.json`) and, with `--load_code`, one
program as a hint, which its models rewrite and which is then run as text, at global scope, in an
empty folder (`ai_scientist/treesearch/interpreter.py`). So a template is written as one file: the
experiment, its scorer, what they import, and what they need of the kit, under plain names.
"""

from __future__ import annotations

import ast
import json
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bonsai.base import BonsaiError, untrusted, write_atomically
from bonsai.engines.candidate import Candidate, Left
from bonsai.engines.closure import PACKAGE
from bonsai.engines.flattening import Sources, flatten
from bonsai.engines.service import Service
from bonsai.engines.task import Task, task_above
from bonsai.settings import MOST_PROGRAM_BYTES
from bonsai.templates import Idea, Template, parse

NAME = "ai-scientist-v2"
FILES = Path(__file__).resolve().parent / "files" / "ai_scientist_v2"
MINI = PACKAGE / "kit" / "mini"
INSTEAD = {"bonsai.kit.data": "data.py.j2", "bonsai.kit.keys": "keys.py.j2"}
WORKING = ("OUT", "SEEDS", "SELECTION", "SMOKE", "SMOKE_CHANGES", "DATASET", "CURVE", "WORKING")
AS_ONE_FILE = (
    "Here experiment.py, score.py and what they import are one program, which takes no arguments "
    "and writes working/experiment_data.npy. The test labels are within its reach: they are for "
    "scoring alone."
)


def export(template: Template, folder: Path, task: Task, service: Service) -> list[str]:
    """Write a topic, ideas and a program: `NAME.md`, `NAME.json`, `NAME.py`.

    The program leaves `working/experiment_data.npy` in the shape that AI-Scientist-v2 asks its own
    programs for, and needs neither Bonsai nor any file but those of its data set.

    Args:
        template: the template.
        folder: an empty folder.
        task: the data set is taken from it.
        service: not used: AI-Scientist-v2 has models of its own.

    Returns:
        The command lines that run it, in a checkout of AI-Scientist-v2.

    Raises:
        BonsaiError: the template's code cannot be one file; the text says where and why.
    """
    del service
    name = template.name
    code = program(template, task, folder / "data" / "fashion_mnist_mini.npz")
    write_atomically(folder / f"{name}.py", code)
    if "\nMINI = " in code and "mini" in template.scorer.datasets:
        (folder / "data").mkdir()
        for file in ("fashion_mnist_mini.npz", "LICENSE"):
            shutil.copyfile(MINI / file, folder / "data" / file)
    ideas = [_idea(template, idea) for idea in template.ideas]
    write_atomically(folder / f"{name}.json", json.dumps(ideas, indent=4, ensure_ascii=False))
    write_atomically(folder / f"{name}.md", topic(template))
    here, there = shlex.quote(str(folder)), f"ai_scientist/ideas/{name}"
    return [
        "# in AI-Scientist-v2's checkout:",
        f"cp {here}/{name}.md {here}/{name}.json {here}/{name}.py ai_scientist/ideas/",
        f"python launch_scientist_bfts.py --load_ideas {there}.json --load_code --idea_idx 0",
        "# for ideas of its own, beside those that are there:",
        f"python ai_scientist/perform_ideation_temp_free.py --workshop-file {there}.md",
    ]


# ----------------------------------------------------------------------------------------- the code


@dataclass(frozen=True)
class _Frame:
    """What a template's experiment gives to `kit.main`."""

    config: str
    train: str
    smoke: dict[str, Any]


def program(template: Template, task: Task, mini: Path) -> str:
    """A template as one program that is run at global scope.

    Args:
        template: the template.
        task: the data set is taken from it.
        mini: where the program finds the images that need no network.

    Raises:
        BonsaiError: its code cannot be one file.
    """
    tree = parse(template.experiment)
    if tree is None:
        raise BonsaiError(f"{template.experiment} does not parse, so it cannot be one file")
    frame = _frame(template.experiment, tree)
    scored = not template.is_self_reported
    scorer = template.scorer if scored else None
    facts: dict[str, Any] = {
        "program": frame is None,
        "scored": scored,
        "mini": json.dumps(str(mini)),
    }
    facts |= {"selection": "", "curve": "", "data": "", "datasets": "", "seeds": "[0]"}
    if scorer is not None:
        facts |= {
            "data": json.dumps(task.data),
            "datasets": ", ".join(scorer.datasets),
            "seeds": repr(list(scorer.seeds)),
            "selection": json.dumps(scorer.selection),
            "curve": json.dumps(scorer.curve) if scorer.curve else "",
            "prepares": scorer.prepare is not None,
            "own_data": scorer.load_data.__module__ != "bonsai.kit.data",
        }
    if frame is not None:
        changes = [f"    {json.dumps(name)}: {value!r},\n" for name, value in frame.smoke.items()]
        facts |= {"config": frame.config, "train": frame.train, "smoke": changes}
    settings = _page("settings.py.j2", facts)
    facts["names"] = ", ".join(each for each in WORKING if f"\n{each} = " in settings)
    given = {"settings": settings, "results": _page("results.py.j2", facts)}
    given["experiment"] = template.experiment.read_text(encoding="utf-8")
    instead = {module: _page(file, facts) for module, file in INSTEAD.items()}
    sources = Sources(template.folder, given, instead)
    main = "experiment" if frame is None else None
    return _opening(template, tree) + flatten(sources, ["settings"], "results", main=main)


def _frame(path: Path, tree: ast.Module) -> _Frame | None:
    """What is given to `kit.main`; None for a program with a frame of its own.

    Raises:
        BonsaiError: it is given what only the running program knows.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("kit.main", "main"):
            named = {word.arg: word.value for word in node.keywords}
            first = [*node.args, *(named.get(name) for name in ("config_class", "train"))][:2]
            config, train = (each.id if isinstance(each, ast.Name) else "" for each in first)
            if ast.unparse(node.func) == "main" and not (config and train):
                continue  # a function of its own
            try:
                smoke = ast.literal_eval(named["smoke"]) if "smoke" in named else {}
            except ValueError as error:
                raise BonsaiError(
                    f"{path}:{node.lineno}: the smoke settings of kit.main are no plain values; "
                    "write them as such"
                ) from error
            if not (config and train):
                raise BonsaiError(f"{path}:{node.lineno}: kit.main is given no plain names")
            return _Frame(config, train, smoke)
    return None


def _opening(template: Template, tree: ast.Module) -> str:
    """The docstring of the one file: the experiment's, without how it is run on its own."""
    about = ast.get_docstring(tree) or template.name
    lines = about.splitlines()
    run = next((at for at, line in enumerate(lines) if line.startswith("Run:")), len(lines))
    kept = "\n".join(lines[:run]).strip().replace("\\", "\\\\").replace('"""', "'''")
    return (
        f'"""{kept}\n\nWrites working/experiment_data.npy: {{data set: metrics, losses, '
        'predictions, ground_truth}.\n"""\n\n'
    )


def _page(name: str, facts: dict[str, Any]) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # here: it takes long to load

    pages = Environment(
        loader=FileSystemLoader(FILES), undefined=StrictUndefined, keep_trailing_newline=True,
        autoescape=False,
    )  # fmt: skip
    return pages.get_template(name).render(facts)


# ----------------------------------------------------------------------------- the topic, the ideas


def topic(template: Template) -> str:
    """The topic, from which AI-Scientist-v2 has ideas proposed."""
    tree = parse(template.experiment)
    about = ((tree and ast.get_docstring(tree)) or template.name).split("\n\n")[0]
    words = [template.name.replace("_", " ")]
    words += [] if template.is_self_reported else [*template.scorer.datasets]
    parts = {
        f"# Title: {template.name.replace('_', ' ')}": "",
        "## Keywords": ", ".join(words),
        "## TL;DR": " ".join(about.split()),
        "## Abstract": _task(template),
    }
    return "\n".join(
        f"{title}\n{text}\n" if text else f"{title}\n" for title, text in parts.items()
    )


def _task(template: Template) -> str:
    """What a model is told of the template, and what of that is otherwise here."""
    told = template.prompt.task_description
    return told if template.is_self_reported else f"{told}\n\n{AS_ONE_FILE}"


def _idea(template: Template, idea: Idea) -> dict[str, Any]:
    """A seed idea in AI-Scientist-v2's form; nothing is added that the template does not say."""
    return {
        "Name": idea.Name,
        "Title": idea.Title,
        "Short Hypothesis": _hypothesis(template, idea),
        "Related Work": (
            "Not searched for: this idea was written beside the code that it changes, and what was "
            "published of it is to be looked up before anything is called new."
        ),
        "Abstract": f"{idea.Title}. {idea.Experiment}\n\n{_task(template)}",
        "Experiments": [idea.Experiment, *_measured(template)],
        "Risk Factors and Limitations": list(_risks(template, idea)),
    }


def _hypothesis(template: Template, idea: Idea) -> str:
    if idea.Claims:
        said = [
            f"{claim.metric} is {claim.direction}"
            + (f" by {claim.smallest_effect:g} at least" if claim.smallest_effect else "")
            + (" than that of the baseline" if claim.against == "run_0" else "")
            for claim in idea.Claims
        ]
        return f"{idea.Title}: {'; '.join(said)}."
    if template.is_self_reported:
        return f"{idea.Title} improves on the code as it is given."
    better = template.scorer.metrics[template.scorer.primary].better or "higher"
    return (
        f"{idea.Title}: with this change {template.scorer.primary} is {better} than without, on "
        "the same seeds."
    )


def _measured(template: Template) -> Iterator[str]:
    if template.is_self_reported:
        return
    scorer = template.scorer
    about = scorer.metrics[scorer.primary].about
    yield (
        f"Compare with the code as it is given, seed by seed (seeds "
        f"{', '.join(map(str, scorer.seeds))} and others that were not worked with): "
        f"{scorer.primary} ({about}), with the standard error of the mean difference. Choose "
        f"between versions by {scorer.selection} alone."
    )


def _risks(template: Template, idea: Idea) -> Iterator[str]:
    yield (
        f"Whoever wrote the idea rates its feasibility {idea.Feasibility} and its novelty "
        f"{idea.Novelty} of 10; nobody has checked either."
    )
    if not template.is_self_reported:
        yield (
            f"A difference on {len(template.scorer.seeds)} seeds that is not several standard "
            "errors large may be chance, and the best of many versions looks better than it is."
        )
        yield "Test labels are for scoring alone: nothing may be trained or chosen by them."


# ------------------------------------------------------------------------------------ what it left


def read(path: Path) -> Left | None:
    """What AI-Scientist-v2 left: `experiments/TIME_IDEA_attempt_0`, or a folder in its `logs`.

    Its programs are scripts of their own, mostly; only one that is still an experiment as a
    template has it, which gives `Config` and `train` to `kit.main`, can stand in a template's place
    and be judged.

    Args:
        path: the folder.

    Returns:
        None: it is none of AI-Scientist-v2's.

    Raises:
        BonsaiError: it is, and none of its programs can be judged.
    """
    programs = sorted(_best_programs(path))
    if not programs and not any(untrusted.is_file(each) for each in _marks(path)):
        return None
    if not programs:
        raise BonsaiError(
            f"{path} is of AI-Scientist-v2 and holds no best_solution_*.py: no stage of it ended"
        )
    candidates = [
        Candidate(each.parent.name, str(each), untrusted.read_bytes(each, MOST_PROGRAM_BYTES))
        for each in programs
        if _is_experiment(each)
    ]
    if not candidates:
        raise BonsaiError(
            f"{path}: the programs that AI-Scientist-v2 left are scripts of their own, and no "
            "versions of a template's experiment.py that could be measured against it; make the "
            "change in a copy of the template's, and name that"
        )
    return Left(NAME, candidates[-1:], candidates, *(task_above(path) or (None, None)))


def _marks(path: Path) -> Iterator[Path]:
    for place in (path, path / "logs" / "0-run"):
        if not place.is_dir():
            continue
        yield place / "bfts_config.yaml"
        for stage in place.glob("stage_*"):
            yield stage / "journal.json"


def _best_programs(path: Path) -> Iterator[Path]:
    for place in (path, path / "logs" / "0-run"):
        for pattern in ("best_solution_*.py", "stage_*/best_solution_*.py"):
            if place.is_dir():
                yield from (each for each in place.glob(pattern) if untrusted.is_file(each))


def _is_experiment(path: Path) -> bool:
    tree = parse(path)
    if tree is None:
        return False
    try:
        return _frame(path, tree) is not None
    except BonsaiError:
        return False
