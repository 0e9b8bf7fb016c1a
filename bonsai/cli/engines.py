"""Commands for people who work with other engines: judge, export."""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Sequence
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from bonsai.base import BonsaiError
from bonsai.cli import arguments
from bonsai.cli.common import (
    Address,
    AllowNetwork,
    Data,
    DataFrom,
    Executor,
    ExecutorName,
    GpusPerRun,
    Hours,
    Limit,
    Metric,
    Out,
    PassEnv,
    Sandbox,
    SandboxMode,
    Slurm,
    Threads,
    app,
    for_people,
)
from bonsai.cli.sweeps import STATUS, demand_data, new_results, sweep

if TYPE_CHECKING:
    from bonsai.engines import Brought, Candidate
    from bonsai.settings import Assignment, GivenProgram
    from bonsai.templates import Template

TAKEN = {"run_0", "logs", "confirm"}  # what else lies beside ideas in a template's results


class EngineName(str, Enum):
    """Whom a template can be exported for."""

    openevolve = "openevolve"
    shinka = "shinka"
    autoresearch = "autoresearch"
    aide = "aide"
    ai_scientist = "ai-scientist"
    ai_scientist_v2 = "ai-scientist-v2"


RUN_BY_ITSELF = {EngineName.ai_scientist, EngineName.ai_scientist_v2}  # not by our evaluator


@app.command()
@for_people
def judge(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="[TEMPLATE] WHAT...",
            help="A program; BEFORE and AFTER; the folder that an engine left; or a git range like "
            "main..HEAD. TEMPLATE may be left out where the folder or the range tells it.",
        ),
    ],
    take_all: Annotated[
        bool,
        typer.Option("--all", help="All that the engine kept or the range holds, not its best."),
    ] = False,
    claimed: Annotated[
        float | None,
        typer.Option(help="What the primary metric is said to be; default: what the engine wrote."),
    ] = None,
    smallest_effect: Annotated[
        float, typer.Option(min=0.0, help="The least gain in the primary metric that matters.")
    ] = 0.0,
    seeds: Annotated[
        str,
        typer.Option(metavar="FIRST..MOST", help="Fresh seeds for a first verdict, and the most."),
    ] = "8..32",
    as_json: Annotated[
        bool, typer.Option("--json", help="The verdict as JSON on stdout, all else on stderr.")
    ] = False,
    hours: Hours = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Programs side by side; default: 1, on Ray its room.")
    ] = None,
    threads: Threads = None,
    gpus_per_run: GpusPerRun = None,
    executor: Executor = ExecutorName.local,
    address: Address = None,
    slurm: Slurm = None,
    out: Out = None,
    data: Data = None,
    sandbox: Sandbox = SandboxMode.auto,
    metric: Metric = None,
    data_from: DataFrom = None,
    allow_network: AllowNetwork = False,
    pass_env: PassEnv = None,
    limit: Limit = None,
) -> None:
    """Measure programs that came from elsewhere on fresh seeds, and say whether they are better.

    Exit status: 0 supported, 1 refuted, 3 undecided, 2 error. Of several programs of a template the
    best verdict counts, of several templates the worst.

    Examples:
      bonsai judge fashion_mnist path/to/experiment.py --data mini   against the template's own

      bonsai judge my_template before.py after.py --seeds 8..32      one program against another

      bonsai judge openevolve_output/ --all                          all that an engine kept

      bonsai judge origin/main...HEAD --json                         what a pull request changes
    """
    from bonsai import report
    from bonsai.engines import bring
    from bonsai.models import Budget
    from bonsai.settings import Settings

    first, most = parse_range(seeds)
    for option, given in (("--claimed", claimed), ("--smallest-effect", smallest_effect)):
        if given is not None and not math.isfinite(given):
            raise BonsaiError(f"{option} {given}: it must be a finite number")
    limits = arguments.parse_limits(limit or [])
    brought = bring(what, take_all=take_all)
    programs = sum(len(each.candidates) for each in brought)
    if claimed is not None and programs != 1:
        raise BonsaiError(f"--claimed is the figure of one program, and there are {programs}")
    if len({data or each.data for each in brought}) > 1:
        raise BonsaiError("they are versions for several data sets; name one with --data")
    with new_results(out) as results:
        assignments = []
        for each in brought:
            baseline = _keep_baseline(results, each)
            template = _with_baseline(results, each.template, baseline)
            if template.reported is None:  # else an export has found it out
                (template,) = arguments.establish(
                    [template], metric, data_from or (), threads=threads, sandbox=sandbox.value,
                    limits=limits, executor=executor.value, allow_network=allow_network,
                    pass_env=pass_env, say=partial(typer.echo, err=as_json),
                )  # fmt: skip
            demand_data(template, data or each.data)
            assignments.append(
                _assignment(results, template, baseline, each, claimed, smallest_effect)
            )
        settings = Settings(
            assignments=assignments,
            data=data or brought[0].data,
            **arguments.parse_machines(
                executor.value, workers, threads, gpus_per_run, address, slurm or []
            ),
            confirm_seeds=first, max_confirm_seeds=most,
            sandbox=sandbox.value, limits=limits, budget=Budget(hours=hours),
            first_fresh_seed=1000 * (1 + secrets.randbelow(1_000_000)),
        )  # fmt: skip
        demand_decidable(programs, settings.interim_analyses())
        settings.save(results)
        done = sweep(results, settings, Console(stderr=True) if as_json else None)
    if as_json:
        typer.echo(json.dumps(report.verdict_record(done), indent=2))
    raise typer.Exit(STATUS[report.overall(done)])


@app.command()
@for_people
def export(
    template: Annotated[str, typer.Argument(help="Name or folder of a template.")],
    folder: Annotated[Path, typer.Argument(help="Where to write it; made.")],
    engine: Annotated[EngineName, typer.Option("--for", help="Which engine it is for.")],
    model: Annotated[
        str | None, typer.Option(help="The model that its configuration names.")
    ] = None,
    api_base: Annotated[
        str | None, typer.Option(help="The OpenAI-compatible address that it names.")
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=2, max=40, help="Seeds on which candidates are compared.")
    ] = 4,
    threads: Threads = None,
    data: Data = None,
    sandbox: Sandbox = SandboxMode.auto,
    metric: Metric = None,
    data_from: DataFrom = None,
    allow_network: AllowNetwork = False,
    pass_env: PassEnv = None,
    limit: Limit = None,
) -> None:
    """Write a template as a task for another engine, and say how it is started there.

    Examples:
      bonsai export fashion_mnist fashion_task --for openevolve --model gpt-4o --data mini

      bonsai export self_replication AI-Scientist/templates/self_replication --for ai-scientist
    """
    from bonsai import engines
    from bonsai.execution import sandbox as walls
    from bonsai.templates import find_templates

    limits = arguments.parse_limits(limit or [])
    (found,) = arguments.establish(
        find_templates([template]), metric, data_from or (), threads=threads,
        sandbox=sandbox.value, limits=limits, allow_network=allow_network, pass_env=pass_env,
    )  # fmt: skip
    demand_data(found, data)
    task = engines.make_task(
        found, data or found.scorer.datasets[0], seeds=seeds, threads=threads, limits=limits,
        sandbox=sandbox.value,
    )  # fmt: skip
    service = engines.Service(**_given(model=model, api_base=api_base))
    commands = engines.export(found, engine.value, folder, task, service)
    if engine not in RUN_BY_ITSELF and (why := walls.choose(sandbox.value)):
        typer.echo(f"warning: candidates are run without walls here: {why}", err=True)
    typer.echo(f"{found.name} is written for {engine.value} to {folder}. There:")
    for line in commands:
        typer.echo(f"  {line}")


def parse_range(text: str) -> tuple[int, int]:
    """`8..32`, or `8` for neither more nor less.

    Raises:
        BonsaiError: it is no range, or holds numbers of seeds that are of no use.
    """
    from bonsai.evaluation import verdict

    first, dots, most = text.partition("..")
    if not first.strip().isdecimal() or (dots and not most.strip().isdecimal()):
        raise BonsaiError(f"--seeds {text}: write it as FIRST..MOST, like 8..32, or as one number")
    low, high = int(first), int(most) if dots else int(first)
    fewest = _fewest(1, 1)
    if not fewest <= low <= high <= verdict.MOST_SEEDS:
        raise BonsaiError(
            f"--seeds {text}: FIRST is {fewest} at least (fewer decide nothing), MOST no less than "
            f"FIRST and {verdict.MOST_SEEDS} at most"
        )
    return low, high


def demand_decidable(claims: int, analyses: Sequence[int]) -> None:
    """Refuse to judge with fewer seeds than could support any of so many claims.

    Raises:
        BonsaiError: that is so.
    """
    from bonsai.evaluation import verdict

    if (fewest := _fewest(claims, len(analyses))) > analyses[-1]:
        more = f"give --seeds {fewest}" if fewest <= verdict.MOST_SEEDS else "judge fewer at once"
        raise BonsaiError(
            f"{claims} programs are {claims} claims, and no test of {analyses[-1]} seeds can "
            f"support one among so many; {more}"
        )


def _fewest(claims: int, analyses: int) -> int:
    """Seeds below which the exact test supports nothing, corrected for claims and analyses."""
    from bonsai.evaluation import verdict

    return math.ceil(-math.log2(verdict.LEVEL / 2 / analyses / claims))


def _keep_baseline(results: Path, brought: Brought) -> GivenProgram | None:
    """The program that stands in for the template's own, kept among the results; None: none."""
    from bonsai.settings import GivenProgram

    if brought.before is None:
        return None
    _demand_python(brought.before)
    return GivenProgram.lay(
        results, f"{brought.template.name}/before.py", brought.before.source,
        origin=brought.before.origin,
    )  # fmt: skip


def _with_baseline(results: Path, template: Template, baseline: GivenProgram | None) -> Template:
    from dataclasses import replace

    return replace(template, program=results / baseline.file) if baseline else template


def _assignment(
    results: Path, template: Template, baseline: GivenProgram | None, brought: Brought,
    claimed: float | None, smallest_effect: float,
) -> Assignment:  # fmt: skip
    """The programs as ideas that nobody works on any more, and kept among the results.

    Raises:
        BonsaiError: the only program does not parse.
    """
    from bonsai.evaluation import primary_claim
    from bonsai.settings import Assignment, GivenProgram
    from bonsai.templates import Idea, slug

    if len(brought.candidates) == 1:  # of several, one that is broken is one without a result
        _demand_python(brought.candidates[0])
    claim = primary_claim(template).model_copy(update={"smallest_effect": smallest_effect})
    ideas: list[Idea] = []
    programs: dict[str, GivenProgram] = {}
    for candidate in brought.candidates:
        name = _free(slug(candidate.name) or "program", {*TAKEN, *programs})
        engine = f" by {brought.engine}" if brought.engine else ""
        ideas.append(
            Idea(
                Name=name, Name_as_written=candidate.name, Title=candidate.origin,
                Experiment=f"A program that was made{engine or ' elsewhere'}, found in "
                f"{candidate.origin}. It is measured as it is.",
                Claims=[claim],
            )
        )  # fmt: skip
        said = claimed if claimed is not None else candidate.metrics.get(claim.metric)
        programs[name] = GivenProgram.lay(
            results, f"{template.name}/{name}.py", candidate.source, origin=candidate.origin,
            engine=brought.engine, claimed=said,
        )  # fmt: skip
    return Assignment(
        template=str(template.folder), called=template.called, ideas=ideas,
        reported=template.reported, programs=programs, baseline=baseline,
    )  # fmt: skip


def _demand_python(candidate: Candidate) -> None:
    from bonsai.execution import problem_of

    if problem := problem_of(candidate.source, candidate.origin):
        raise BonsaiError(f"it does not parse: {problem.splitlines()[0]}")


def _free(name: str, taken: set[str]) -> str:
    numbered = (f"{name}_{number}" for number in range(2, len(taken) + 3))
    return name if name not in taken else next(each for each in numbered if each not in taken)


def _given(**options: str | None) -> dict[str, str]:
    return {name: value for name, value in options.items() if value is not None}
