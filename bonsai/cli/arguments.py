"""What people type on the command line, made into what the runner takes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from bonsai.base import BonsaiError

if TYPE_CHECKING:
    from bonsai.execution import Mode
    from bonsai.models import LiveModel
    from bonsai.templates import Idea, IdeaSet, Template

RESULTS = Path("results")
MOST_TOLD = 8  # mends of a file of ideas that are told one by one when it is swept
Say = Callable[[str], None]


def live_model(
    model: str, api_base: str | None, context_tokens: int | None, budget_usd: float | None
) -> LiveModel:
    """The model that a command asks by itself.

    Raises:
        BonsaiError: a budget in dollars is wanted, and its price is not known.
    """
    from bonsai.models import LiveModel

    live = LiveModel(model, api_base, context_tokens=context_tokens)
    if budget_usd is not None and not live.price_is_known:
        raise BonsaiError(
            f"a budget in dollars cannot be kept: the price of {model} is unknown; "
            "give --budget-tokens instead"
        )
    return live


def choose_ideas(
    templates: list[Any], wanted: list[str], *, live: bool, named: bool, say: Say = print
) -> list[tuple[Any, list[Idea]]]:
    """Which ideas are tried on which template.

    Args:
        templates: the templates.
        wanted: names of seed ideas, as they are written or as their folders, with commas between
            them; or files of ideas. Empty: all seed ideas.
        live: whether a model is asked; else only ideas with a cassette are tried.
        named: whether a person named the templates, so that sets for others are taken as well.
        say: told what was mended, and which ideas are left out.

    Raises:
        BonsaiError: an idea is unknown, or nothing is left to do.
    """
    from bonsai.evaluation import claims
    from bonsai.settings import REPORT
    from bonsai.templates import idea_file, idea_files, read_ideas

    own = {template: _seed_ideas(template, wanted, say) for template in templates}
    known = {name for ideas in own.values() for idea in ideas for name in _names_of(idea)}
    files = [item for item in wanted if item not in known and _is_file(item)]
    names = {
        name.strip()
        for item in wanted
        if item not in files
        for name in ([item] if item in known else item.split(","))
        if name.strip()
    }
    sets = [read_ideas(idea_file(path)) for path in files]
    for path, found in zip(files, sets, strict=True):
        _tell(path, found, say)
    if unknown := sorted(names - known):
        raise BonsaiError(
            f"no seed idea is called {', '.join(unknown)}; `bonsai list --ideas` lists them"
        )
    if not wanted:
        for template in templates:
            for line in template.seed_ideas.left_out:
                say(f"{template.name}: {line}")
    places: dict[str, Path] = {}
    for template in templates:
        if (other := places.setdefault(template.name, template.folder)) != template.folder:
            raise BonsaiError(
                f"two templates are called {template.name}, {other} and {template.folder}: their "
                "results would lie in one folder; sweep one after the other"
            )
    chosen = []
    unjudged = []
    for template in templates:
        ideas = [idea for idea in own[template] if not wanted or names & _names_of(idea)]
        ideas += [
            idea for group in sets if group.suits(template.name) or named for idea in group.ideas
        ]
        if not live:
            ideas = [idea for idea in ideas if template.cassette(idea.Name)]
        ideas, mends = idea_files.distinct(ideas)
        for line in mends:
            say(f"{template.name}: mended: {line}")
        for idea in list(ideas):
            try:
                claims.complete(idea.Claims or [], template)
            except BonsaiError as error:
                unjudged.append(f"{template.name}/{idea.called}: {error}")
                ideas.remove(idea)
        if template.name == REPORT:
            raise BonsaiError(f"a template cannot be called {REPORT}: its results would lie there")
        if ideas:
            chosen.append((template, ideas))
    if not chosen:
        raise BonsaiError(
            "; ".join(unjudged[:3]) if unjudged
            else "none of these ideas has a cassette to play back; name a model with --model"
            if not live else "no idea suits these templates; see `bonsai list --ideas`"
        )  # fmt: skip
    for line in unjudged:
        say(f"left out: {line}")
    return chosen


def _seed_ideas(template: Template, wanted: list[str], say: Say) -> list[Idea]:
    """A template's own ideas; where a person brings a file of ideas, it need not have any."""
    try:
        return template.ideas
    except BonsaiError as error:
        if not any(_is_file(item) for item in wanted):
            raise
        say(f"{template.name} has no ideas of its own: {error}")
        return []


def _names_of(idea: Idea) -> set[str]:
    """What a person may call an idea: its folder, its name as they saw it, or as it was written."""
    return {idea.Name, idea.called, idea.Name_as_written or idea.Name}


def _is_file(item: str) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return item.endswith(".json") or Path(item).is_file()
    return False


def _tell(path: str, found: IdeaSet, say: Say) -> None:
    """What was mended in a file: all of a little, of much only that it was."""
    for line in found.left_out:
        say(f"{path}: {line}")
    for line in found.mends[:MOST_TOLD]:
        say(f"{path}: mended: {line}")
    if (more := len(found.mends) - MOST_TOLD) > 0:
        say(f"{path}: {more} more mended; `bonsai ideas check {path}` tells all")


def establish(
    templates: list[Template],
    metric: str | None,
    data_from: Sequence[Path] = (),
    *,
    threads: int | None = None,
    sandbox: Mode = "auto",
    limits: dict[str, float] | None = None,
    executor: str = "local",
    allow_network: bool = False,
    pass_env: list[str] | None = None,
    say: Say = typer.echo,
) -> list[Template]:
    """The templates, those without `score.py` with what was found out by running them.

    Raises:
        BonsaiError: an option is given that none of them heeds, or one of them does not run.
    """
    from dataclasses import replace

    from bonsai.evaluation import established, this_machine
    from bonsai.execution import sandbox as walls

    if not any(template.is_self_reported for template in templates):
        for option, given in (
            ("--metric", metric), ("--data-from", data_from), ("--allow-network", allow_network),
            ("--pass-env", pass_env),
        ):  # fmt: skip
            if given:
                raise BonsaiError(f"{option} is for templates without score.py; none is named")
        return templates
    if missing := [path for path in data_from if not path.exists()]:
        raise BonsaiError(f"--data-from {missing[0]}: it is not there")
    if pass_env and not allow_network:
        raise BonsaiError(
            f"--pass-env {pass_env[0]} goes with --allow-network: it is for an experiment that "
            "calls a service"
        )
    if unset := [name for name in pass_env or [] if not os.environ.get(name)]:
        raise BonsaiError(f"--pass-env {unset[0]}: it is not set here")
    if allow_network and executor != "local":
        raise BonsaiError(
            "--allow-network goes with --executor local: what is downloaded is kept on this machine"
        )
    machine = replace(
        this_machine(threads), walls=walls.choose(sandbox) is None, limits=limits or {}
    )
    places = [str(path.resolve()) for path in data_from]
    return [
        established(
            template,
            machine,
            metric=metric,
            data_from=places,
            network=allow_network,
            pass_env=pass_env or [],
            say=say,
        )
        for template in templates
    ]


def results_folder(results: Path | None) -> Path:
    """A results folder that is named, else the newest.

    Raises:
        BonsaiError: there is none.
    """
    if results is not None:
        return results.absolute()
    found = sorted(RESULTS.glob("*/sweep.json"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise BonsaiError(f"no sweep in {RESULTS.absolute()}; name a results folder")
    return found[-1].parent.absolute()


def parse_limits(texts: list[str]) -> dict[str, float]:
    """`memory_gb=4` and the like."""
    from bonsai.templates import Limits, contract

    limits: dict[str, float] = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            limits[name.strip()] = float(value)
        except ValueError:
            raise BonsaiError(
                f"--limit {text}: write it as NAME=NUMBER, like memory_gb=4"
            ) from None
    if unknown := sorted(set(limits) - set(Limits.model_fields)):
        known = ", ".join(Limits.model_fields)
        raise BonsaiError(f"--limit {unknown[0]}: there is no such limit; there are {known}")
    contract.check(Limits, limits, "--limit")
    return limits


def parse_machines(
    executor: str,
    workers: int | None,
    threads: int | None,
    gpus_per_run: float | None,
    address: str | None,
    slurm: list[str],
) -> dict[str, Any]:
    """The settings that say where programs run, and how many side by side."""
    from bonsai.execution import cores

    if address is not None and executor != "ray":
        raise BonsaiError("--address is that of a Ray cluster; it goes with --executor ray")
    if slurm and executor != "slurm":
        raise BonsaiError("--slurm goes with --executor slurm")
    if wrong := [text for text in slurm if not text.partition("=")[0] or "=" not in text]:
        raise BonsaiError(f"--slurm {wrong[0]}: write it as NAME=VALUE, like partition=gpu")
    if gpus_per_run is not None and gpus_per_run > 1 and gpus_per_run != int(gpus_per_run):
        raise BonsaiError("--gpus-per-run: a share of one GPU, like 0.5, or a whole number")
    if workers is None and executor != "ray":
        workers = 1
    if threads is None:
        threads = max(1, cores() // (workers or 1)) if executor == "local" else 1
    options = {text.partition("=")[0].lstrip("-"): text.partition("=")[2] for text in slurm}
    return {
        "executor": executor, "workers": workers, "threads": threads,
        "gpus_per_run": gpus_per_run, "address": address, "slurm": options,
    }  # fmt: skip


def parse_agents(texts: list[str]) -> list[str]:
    """`aider,opencode` and `command:'PROGRAM …'`, each once; aider where nothing was typed.

    A command may hold commas: it ends with the quote that it begins with, else where the name of
    another agent follows.

    Raises:
        BonsaiError: an agent has no name, or a command names no program.
    """
    from bonsai.models import agents

    found = []
    for text in texts:
        pieces = text.split(",")
        while pieces:
            if pieces[0].strip().startswith(agents.COMMAND):
                found.append(agents.COMMAND + _take_command(pieces))
            else:
                found.append(pieces.pop(0).strip())
            if found[-1] in ("", agents.COMMAND):
                raise BonsaiError(
                    f"--agent {text}: write it as NAME, NAME,NAME or {agents.COMMAND}'PROGRAM …'"
                )
    return list(dict.fromkeys(found)) or ["aider"]


def _take_command(pieces: list[str]) -> str:
    """Take the command at the head of a list off it."""
    from bonsai.models import agents

    def joined(count: int) -> str:
        return ",".join(pieces[:count]).strip().removeprefix(agents.COMMAND).strip()

    ends = range(1, len(pieces) + 1)
    for end in ends:
        command = joined(end)
        if command[:1] in ("'", '"') and command.find(command[0], 1) == len(command) - 1:
            del pieces[:end]
            return command[1:-1].strip()
    names = [piece.strip() for piece in pieces]
    others = (
        n for n in ends[:-1] if names[n] in agents.NAMES or names[n].startswith(agents.COMMAND)
    )
    end = next(others, len(pieces))
    command = joined(end)
    del pieces[:end]
    return command


def parse_seeds(text: str | None) -> list[int] | None:
    """`0,1,2` and `0-4`; None where nothing was typed.

    Raises:
        BonsaiError: it is no list of seeds.
    """
    if text is None:
        return None
    import argparse

    from bonsai.kit.experiment import parse_seeds

    try:
        return parse_seeds(text)
    except argparse.ArgumentTypeError as error:
        raise BonsaiError(f"--seeds: {error}") from error
