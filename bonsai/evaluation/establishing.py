"""How a template without `score.py` can be swept: found out by running it before any idea does."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bonsai.base import BonsaiError, listing, untrusted
from bonsai.evaluation import primary, programs, untouched
from bonsai.evaluation.reported import Reading
from bonsai.evaluation.runs import ERROR_CHARACTERS, Machine
from bonsai.execution import temporary_folder
from bonsai.templates import (
    Option,
    Reported,
    Seeding,
    Template,
    arguments,
    calls_a_model,
    downloads,
    install,
    missing_by_error,
)


def established(
    template: Template,
    machine: Machine,
    *,
    metric: str | None = None,
    data_from: Sequence[str] = (),
    network: bool = False,
    pass_env: Sequence[str] = (),
    say: Callable[[str], None] = lambda text: None,
) -> Template:
    """The template with all that stands in for its `score.py`; one that has it is returned as is.

    The untouched program is run with the runner's seed 0, twice, and with another: by its option
    for seeds, or with its seeds shifted. Where it holds a `run_0` that is the same as the first,
    one of the two is saved. These runs are kept: the baseline takes them over, and so does the
    next sweep.

    Args:
        template: the template.
        machine: what it is run on.
        metric: the primary metric that the person asks for; see `primary.choose`.
        data_from: what else the program may read.
        network: whether the untouched program may use the network.
        pass_env: variables that the program is given; see `Reported`.
        say: hears what was found.

    Raises:
        BonsaiError: it does not run, reports no number, or nothing says by which it is judged.
    """
    if not template.is_self_reported:
        return template
    if pass_env:
        say(
            f"warning: {template.name} and what ideas make of it run with the network and with "
            f"{listing(list(pass_env))}: what a model writes can send them anywhere"
        )
    folder = temporary_folder("establish")
    try:
        blank = Reported(
            directions={}, selection="", dataset="", data_from=tuple(data_from), network=network,
            pass_env=tuple(pass_env),
        )  # fmt: skip
        how, told = _probe(template, machine, folder, metric, blank)
    finally:
        untrusted.remove(folder)
    say(f"{template.name} has no score.py: its scores are self-reported, {how.chosen}")
    say(f"{template.name}: {how.told_seeding}")
    for line in told:
        say(f"{template.name}: {line}")
    if how.selection == how.primary:
        say(
            f"{template.name} has no other metric to choose by: runs are chosen by the figure that "
            "they are judged by, and the fresh seeds carry the whole weight"
        )
    if how.left_out:
        say(f"{template.name}: no number, and so left alone: {', '.join(how.left_out[:5])}")
    return replace(template, reported=how)


def _probe(
    template: Template, machine: Machine, folder: Path, metric: str | None, blank: Reported
) -> tuple[Reported, list[str]]:
    limits = template.limits(1, machine.limits)

    def run(how: Reported, seed: int, again: int = 0) -> Reading:
        out = folder / "run_0"
        done = untouched.execute(
            template, how, out, seed, limits=limits, start=machine.run, log=folder / "log",
            on=machine.kind, again=again,
        )  # fmt: skip
        if not done.ok:
            end = f"{done.problem}\n{done.error[-ERROR_CHARACTERS:]}".strip()
            raise BonsaiError(
                f"{template.name} does not run as it is: it {end}{_mend(template, how, done.error)}"
            )
        try:
            return programs.reading(out)
        except BonsaiError as error:
            raise BonsaiError(
                f"{template.name} ran, but its results cannot be read: "
                + str(error).replace(f"{out}/", "")
            ) from None

    first = run(blank, 0)
    chosen = primary.choose(
        list(first.metrics), metric, (template.prompt.model_extra or {}).get("metrics")
    )
    how = blank.model_copy(
        update={
            "directions": chosen.directions, "selection": chosen.selection,
            "dataset": first.dataset, "left_out": first.left_out, "chosen": chosen.why,
        }
    )  # fmt: skip
    told, as_before = _left_before(template, first, chosen.primary)
    if not (as_before or programs.same(first.metrics, run(blank, 0, again=1).metrics)):
        return how.model_copy(update={"seeding": "free"}), told
    if (option := find_option(template.experiment)) is not None:
        taken = how.model_copy(update={"seeding": "option", "option": option})
        if not programs.same(first.metrics, run(taken, 1).metrics):
            return taken, told
        told.append(f"its option {option.flag} has no effect")
    moved = run(how, 1)
    seeding: Seeding = "none" if programs.same(first.metrics, moved.metrics) else "shifted"
    return how.model_copy(update={"seeding": seeding}), told


def _left_before(template: Template, first: Reading, primary: str) -> tuple[list[str], bool]:
    """What is to be told of a `run_0` in the template, and whether it holds the same numbers."""
    if template.program is not None:  # whose run_0 this is not
        return [], False
    try:
        before = programs.reading(template.folder / "run_0").metrics
    except BonsaiError:
        return [], False
    if programs.same(before, first.metrics):
        return ["its run_0 holds the same numbers as a run on this machine"], True
    there = f"{before[primary]:.6g}" if primary in before else "no such number"
    return [
        f"its run_0 is not what a run on this machine gives ({primary}: {there} there, "
        f"{first.metrics[primary]:.6g} here); ideas are compared with runs of this machine"
    ], False


def _mend(template: Template, how: Reported, error: str) -> str:
    """What may mend a program that does not run: a package, the network, a key."""
    if name := missing_by_error(error):
        return f"\nIts package {name} is missing; `{install([name])}` may install it."
    if not how.pass_env and (models := calls_a_model(template.folder)):
        return (
            f"\nIt calls a model (by {listing(models)}), for which it needs --allow-network "
            "--pass-env NAME, with the variable that holds the key."
        )
    if not how.network and (fetched := downloads(template.folder)):
        return (
            f"\nIt seems to download what it needs ({fetched[0]}); --allow-network lets its "
            "baseline do so, and keeps it for the ideas."
        )
    return ""


def find_option(experiment: Path) -> Option | None:
    """The option of a program that takes a seed, as far as its text tells."""
    try:
        tree = ast.parse(experiment.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    for argument in arguments(tree):
        flag, default = argument.name, _literal(argument.default)
        if not _is_seed(flag):
            continue
        if isinstance(default, int) and not flag.endswith("seeds"):
            return Option(flag=flag, default=(default,))
        if default is None and not flag.endswith("seeds"):
            return Option(flag=flag)
        if isinstance(default, list | tuple) and all(isinstance(each, int) for each in default):
            return Option(flag=flag, default=tuple(default)) if argument.is_counted else None
        if isinstance(default, str):
            try:
                seeds = tuple(int(each) for each in default.split(","))
            except ValueError:
                continue
            return Option(flag=flag, default=seeds, listed="commas")
    return None  # a whole number for `--seeds` is how many, and not which


def _is_seed(flag: str) -> bool:
    words = flag.lstrip("-").replace("-", "_").split("_")
    return flag.startswith("--") and words[-1] in ("seed", "seeds") and words[0] not in ("num", "n")


def _literal(node: ast.expr | None) -> Any:
    try:
        return None if node is None else ast.literal_eval(node)
    except ValueError:
        return ...
