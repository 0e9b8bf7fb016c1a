"""What people type on the command line, made into what the runner takes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from bonsai.base import BonsaiError

if TYPE_CHECKING:
    from bonsai.execution import Mode
    from bonsai.templates import Idea, Template

RESULTS = Path("results")


def choose_ideas(
    templates: list[Any], wanted: list[str], *, live: bool, named: bool
) -> list[tuple[Any, list[Idea]]]:
    """Which ideas are tried on which template.

    Raises:
        BonsaiError: an idea is unknown, claims what cannot be judged, or nothing is left to do.
    """
    from bonsai.evaluation import claims
    from bonsai.settings import REPORT
    from bonsai.templates import read_ideas

    files = [Path(item) for item in wanted if item.endswith(".json")]
    names = [
        name.strip() for item in wanted if not item.endswith(".json") for name in item.split(",")
    ]
    sets = [read_ideas(path) for path in files]
    known = {idea.Name for template in templates for idea in template.ideas}
    if unknown := [name for name in names if name not in known]:
        raise BonsaiError(
            f"no seed idea is called {', '.join(unknown)}; `bonsai list --ideas` lists them"
        )
    chosen = []
    for template in templates:
        ideas = [idea for idea in template.ideas if not wanted or idea.Name in names]
        ideas += [
            idea for group in sets if group.suits(template.name) or named for idea in group.ideas
        ]
        if not live:
            ideas = [idea for idea in ideas if template.cassette(idea.Name)]
        counts = Counter(idea.Name for idea in ideas)
        if twice := sorted(name for name, count in counts.items() if count > 1):
            raise BonsaiError(f"{template.name}: ideas called {', '.join(twice)} come twice")
        for idea in ideas:
            try:
                claims.complete(idea.Claims or [], template)
            except BonsaiError as error:
                raise BonsaiError(f"{template.name}/{idea.Name}: {error}") from None
        if template.name == REPORT:
            raise BonsaiError(f"a template cannot be called {REPORT}: its results would lie there")
        if ideas:
            chosen.append((template, ideas))
    if not chosen:
        raise BonsaiError(
            "none of these ideas has a cassette to play back; name a model with --model" if not live
            else "no idea suits these templates; see `bonsai list --ideas`"
        )  # fmt: skip
    return chosen


def establish(
    templates: list[Template],
    metric: str | None,
    data_from: list[Path],
    threads: int | None,
    sandbox: Mode,
    limits: dict[str, float],
) -> list[Template]:
    """The templates, those without `score.py` with what was found out by running them.

    Raises:
        BonsaiError: an option is given that none of them heeds, or one of them does not run.
    """
    from dataclasses import replace

    from bonsai.evaluation import established, this_machine
    from bonsai.execution import sandbox as walls

    if not any(template.is_self_reported for template in templates):
        for option, given in (("--metric", metric), ("--data-from", data_from)):
            if given:
                raise BonsaiError(f"{option} is for templates without score.py; none is named")
        return templates
    if missing := [path for path in data_from if not path.exists()]:
        raise BonsaiError(f"--data-from {missing[0]}: it is not there")
    machine = replace(this_machine(threads), walls=walls.choose(sandbox) is None, limits=limits)
    places = [str(path.resolve()) for path in data_from]
    return [
        established(template, machine, metric=metric, data_from=places, say=typer.echo)
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
