"""The command line: `python runner.py` or `bonsai`."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable
from enum import Enum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

import bonsai
from bonsai.base.errors import BonsaiError
from bonsai.base.files import FULL
from bonsai.cli import arguments

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Sweep experiment templates and let a language model mutate them. Every result is "
    "measured again by the runner, and judged on seeds that the model never saw.",
    epilog="Start with:  [bold]bonsai run[/bold]  (plays back recorded ideas: no key, no network)",
)
Command = TypeVar("Command", bound=Callable[..., Any])


class AgentName(str, Enum):
    """Who edits the files."""

    aider = "aider"
    rewrite = "rewrite"


class EditFormat(str, Enum):
    """How a model writes its edits."""

    diff = "diff"
    whole = "whole"


class ExecutorName(str, Enum):
    """Where programs run."""

    local = "local"
    ray = "ray"
    slurm = "slurm"


class SandboxMode(str, Enum):
    """Whether programs run within bubblewrap."""

    auto = "auto"
    require = "require"
    off = "off"


class TrackerName(str, Enum):
    """Where finished runs are logged as well."""

    mlflow = "mlflow"
    tensorboard = "tensorboard"


def _for_people(command: Command) -> Command:
    """A mistake of the user ends with one sentence and exit code 2, never with a traceback."""

    @wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except BonsaiError as error:
            Console(stderr=True).print(Text(f"error: {error}"), soft_wrap=True)
            raise typer.Exit(2) from None
        except OSError as error:
            if error.errno not in FULL:
                raise
            Console(stderr=True).print(Text(f"error: the disk is full: {error}"), soft_wrap=True)
            raise typer.Exit(2) from None

    return cast(Command, wrapped)


Templates = Annotated[
    list[str] | None,
    typer.Argument(metavar="[TEMPLATE]...", help="Names or folders; default: all."),
]
Results = Annotated[
    Path | None,
    typer.Argument(metavar="[RESULTS]", help="A results folder; default: the newest in results/."),
]
Data = Annotated[str | None, typer.Option(help="Data set, e.g. mini; default: the template's own.")]
Seeds = Annotated[
    str | None, typer.Option(help="Seeds that the agent works with, e.g. 0,1,2 or 0-4.")
]
Dollars = Annotated[float | None, typer.Option(min=0.0, help="Most dollars for the model.")]
Tokens = Annotated[int | None, typer.Option(min=0, help="Most tokens to and from it.")]
Hours = Annotated[float | None, typer.Option(min=0.0, help="Hours until nothing new is begun.")]


@app.command("list")
@_for_people
def list_templates(
    templates: Templates = None,
    ideas: Annotated[
        bool, typer.Option("--ideas", help="List the ideas of each template too.")
    ] = False,
) -> None:
    """List the templates, and with --ideas what can be tried on them.

    Example:  bonsai list fashion_mnist --ideas
    """
    from bonsai.templates import template as library

    table = Table(box=None, pad_edge=False)
    for heading in ("template", "seed ideas", "cassettes", "judged by"):
        table.add_column(heading)
    found = library.find(templates)
    for template in found:
        recorded = [idea.Name for idea in template.ideas if template.cassette(idea.Name)]
        metric = template.scorer.metrics[template.scorer.primary]
        unit = f" ({metric.unit})" if metric.unit else ""
        table.add_row(
            template.name,
            str(len(template.ideas)),
            str(len(recorded)),
            f"{template.scorer.primary}{unit}",
        )
        if ideas:
            for idea in template.ideas:
                mark = " [dim](has a cassette)[/dim]" if template.cassette(idea.Name) else ""
                table.add_row(
                    Text(f"  {idea.Name}"),
                    "",
                    "",
                    Text.assemble(idea.Title, Text.from_markup(mark)),
                )
    Console().print(table)


@app.command()
@_for_people
def doctor(
    templates: Templates = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="Build the baseline (run_0) where it is missing.")
    ] = False,
    model: Annotated[
        str | None, typer.Option(help="Check that a key for this model is there.")
    ] = None,
    api_base: Annotated[str | None, typer.Option(help="Address of the model's service.")] = None,
) -> None:
    """Check templates (ours or yours) against The AI Scientist's contract, and this machine.

    Examples:
      bonsai doctor                         all templates here

      bonsai doctor ~/AI-Scientist/templates/grokking

      bonsai doctor my_template --fix       build its run_0 as well
    """
    from bonsai import doctor as examination
    from bonsai.templates import template as library

    found = library.find(templates)
    raise typer.Exit(examination.report(found, fix=fix, model=model, api_base=api_base))


@app.command()
@_for_people
def new(
    name: Annotated[
        str, typer.Argument(help="The template's name: lower-case letters, digits, _.")
    ],
    folder: Annotated[
        Path | None, typer.Option(help="Where to put it; default: templates/.")
    ] = None,
) -> None:
    """Write a new template, small and complete, to start your own from.

    Example:  bonsai new my_subject && bonsai doctor my_subject --fix
    """
    from bonsai.templates import new as scaffold
    from bonsai.templates import template as library

    path = scaffold.create(name, folder or library.templates_folder())
    typer.echo(f"{path}\nNext: edit experiment.py and score.py, then `bonsai doctor {path} --fix`.")


@app.command()
@_for_people
def baseline(
    templates: Templates = None,
    data: Data = None,
    seeds: Seeds = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads; default: all cores.")] = None,
) -> None:
    """Make `run_0` in each template's folder, as The AI Scientist wants it.

    A result with the same code, data and seeds is reused from the cache.

    Example:  bonsai baseline fashion_mnist --data mini
    """
    import shutil

    from bonsai.evaluation.runs import this_machine
    from bonsai.sweep.baseline import build_baseline
    from bonsai.templates import template as library

    for template in library.find(templates):
        chosen = arguments.parse_seeds(seeds) or list(template.scorer.seeds)
        machine = this_machine(threads, lambda line: typer.echo(f"  {line}"))
        typer.echo(f"{template.name}: seeds {chosen} on {data or template.scorer.datasets[0]}")
        built = build_baseline(
            template, data or template.scorer.datasets[0], chosen,
            log=template.folder / "run_0.log", machine=machine,
        )  # fmt: skip
        target = template.folder / "run_0"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(built.folder, target)
        mean = built.scores.means[template.scorer.primary]
        how = "reused from the cache" if built.cached else f"{built.seconds:.0f} s"
        typer.echo(f"{target}: {template.scorer.primary} {mean:.4g} ({how})")


@app.command()
@_for_people
def run(
    templates: Templates = None,
    ideas: Annotated[
        list[str] | None,
        typer.Option(
            help="Names of seed ideas (comma-separated), or a file of ideas; may be repeated."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Any litellm model string; without one, cassettes are played back."),
    ] = None,
    api_base: Annotated[
        str | None, typer.Option(help="Address of an OpenAI-compatible service.")
    ] = None,
    agent: Annotated[
        AgentName, typer.Option(help="Who edits: aider, or whole-file rewrite.")
    ] = AgentName.aider,
    edit_format: Annotated[
        EditFormat, typer.Option(help="How aider's model writes edits.")
    ] = EditFormat.diff,
    max_runs: Annotated[int, typer.Option(min=1, help="Finished runs per idea.")] = 5,
    max_tries: Annotated[
        int, typer.Option(min=1, help="Failures in a row before an idea is given up.")
    ] = 4,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Ideas side by side; default: 1, on Ray as many as have room."),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="CPU threads of a run; default: cores / workers, on a cluster 1."),
    ] = None,
    gpus_per_run: Annotated[
        float | None,
        typer.Option(min=0.0, help="GPUs of a run, e.g. 0.5; default: 1 where there are GPUs."),
    ] = None,
    executor: Annotated[
        ExecutorName, typer.Option(help="Where experiments run.")
    ] = ExecutorName.local,
    address: Annotated[
        str | None,
        typer.Option(help="Of the Ray cluster; default: the one this machine belongs to."),
    ] = None,
    slurm: Annotated[
        list[str] | None,
        typer.Option(help="An option of sbatch, e.g. partition=gpu; may be repeated."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Results folder; default: results/<date and time>.")
    ] = None,
    data: Data = None,
    seeds: Seeds = None,
    confirm_seeds: Annotated[
        int, typer.Option(min=0, max=40, help="Fresh seeds for a first verdict; 0: no verdict.")
    ] = 8,
    max_confirm_seeds: Annotated[
        int, typer.Option(min=0, max=40, help="Most of them, while it is undecided.")
    ] = 32,
    budget_usd: Dollars = None,
    budget_tokens: Tokens = None,
    budget_hours: Hours = None,
    idea_budget_usd: Dollars = None,
    idea_budget_tokens: Tokens = None,
    idea_budget_hours: Hours = None,
    sandbox: Annotated[
        SandboxMode, typer.Option(help="Bubblewrap around experiments: where it works, or always.")
    ] = SandboxMode.auto,
    limit: Annotated[
        list[str] | None,
        typer.Option(help="What a run may take, e.g. memory_gb=4; may be repeated."),
    ] = None,
    track: Annotated[
        list[TrackerName] | None,
        typer.Option(help="Log finished runs there as well; may be repeated."),
    ] = None,
) -> None:
    """Sweep: build baselines, let the agent work on every idea, measure, judge, draw.

    Examples:
      bonsai run                                         recorded ideas, no key, no network

      bonsai run fashion_mnist --data mini --workers 2

      bonsai run fashion_mnist --model gpt-4o --ideas lateral_inhibition --budget-usd 2

      bonsai run --model openai/qwen2.5-coder --api-base http://localhost:8000/v1 --agent rewrite

      bonsai run --ideas seed_ideas/evolution.json --model claude-sonnet-4-5

      bonsai run --model gpt-4o --executor ray --address head-node:6379
    """
    from bonsai.models.budget import Budget
    from bonsai.models.provider import LiveModel
    from bonsai.settings import Assignment, Settings
    from bonsai.templates import template as library

    if model is None and api_base is not None:
        raise BonsaiError(
            "--api-base is given without --model; name the model that the service offers"
        )
    if model is None and (agent is not AgentName.aider or edit_format is not EditFormat.diff):
        raise BonsaiError("cassettes hold aider's diffs; --agent and --edit-format need --model")
    in_dollars = budget_usd is not None or idea_budget_usd is not None
    if model is not None and in_dollars and not LiveModel(model, api_base).price_is_known:
        raise BonsaiError(
            f"a budget in dollars cannot be kept: the price of {model} is unknown; "
            "give --budget-tokens or --idea-budget-tokens instead"
        )
    chosen = arguments.choose_ideas(
        library.find(templates), ideas or [], live=model is not None, named=bool(templates)
    )
    settings = Settings(
        assignments=[Assignment(template=str(item.folder), ideas=own) for item, own in chosen],
        model=model, api_base=api_base, agent=agent.value, edit_format=edit_format.value,
        max_runs=max_runs, max_tries=max_tries, data=data, seeds=arguments.parse_seeds(seeds),
        **arguments.parse_machines(
            executor.value, workers, threads, gpus_per_run, address, slurm or []
        ),
        confirm_seeds=confirm_seeds, max_confirm_seeds=max_confirm_seeds,
        sandbox=sandbox.value, limits=arguments.parse_limits(limit or []),
        budget=Budget(usd=budget_usd, tokens=budget_tokens, hours=budget_hours),
        idea_budget=Budget(
            usd=idea_budget_usd, tokens=idea_budget_tokens, hours=idea_budget_hours
        ),
        first_fresh_seed=1000 * (1 + secrets.randbelow(1_000_000)),
        track=list(dict.fromkeys(tracker.value for tracker in track or [])),
    )  # fmt: skip
    for template, _ in chosen:
        if data is not None and data not in template.scorer.datasets:
            offered = ", ".join(template.scorer.datasets)
            raise BonsaiError(f"--data {data}: {template.name} offers {offered}")
    results = (out or arguments.RESULTS / time.strftime("%Y-%m-%d_%H-%M-%S")).absolute()
    if (results / "sweep.json").exists():
        raise BonsaiError(
            f"{results} holds a sweep already; `bonsai resume {results}` goes on with it"
        )
    results.mkdir(parents=True, exist_ok=True)
    settings.save(results)
    try:
        _sweep(results, settings)
    except BonsaiError:
        if not (results / "ledger.jsonl").exists():  # not begun: the command can be given again
            for name in ("sweep.json", ".lock"):
                (results / name).unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                results.rmdir()
        raise


@app.command("ideas")
@_for_people
def propose_ideas(
    template: Annotated[str, typer.Argument(help="Name or folder of a template.")],
    number: Annotated[int, typer.Option("-n", "--number", min=1, help="Ideas wanted.")] = 5,
    model: Annotated[str | None, typer.Option(help="Any litellm model string.")] = None,
    api_base: Annotated[
        str | None, typer.Option(help="Address of an OpenAI-compatible service.")
    ] = None,
    reflections: Annotated[
        int, typer.Option(min=0, help="Rounds in which the model thinks an idea over.")
    ] = 3,
    results: Annotated[
        list[Path] | None,
        typer.Option(help="Results to learn from; may be repeated. Default: all in results/."),
    ] = None,
    literature: Annotated[
        bool, typer.Option("--literature", help="Search OpenAlex or Semantic Scholar for papers.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="The file; default: ideas/<template>-<date and time>.json.")
    ] = None,
    budget_usd: Dollars = None,
    budget_tokens: Tokens = None,
) -> None:
    """Have a model propose new ideas for a template, in a file that `run --ideas` takes.

    It is told the template's code, its baseline, the ideas that exist and what came of them.
    Proposals that repeat one of those, or that cannot be used, are rejected.

    Examples:
      bonsai ideas fashion_mnist -n 5 --model gpt-4o --budget-usd 1

      bonsai ideas cell_division --model openai/qwen2.5-coder --api-base http://localhost:8000/v1

      bonsai ideas fashion_mnist --model gpt-4o --literature --results results/2026-11-21_10-00-00
    """
    from bonsai.ideas import generation as proposing
    from bonsai.ideas import history as earlier
    from bonsai.ideas.literature import Literature
    from bonsai.models.budget import Budget
    from bonsai.models.provider import LiveModel
    from bonsai.templates import template as library

    if model is None:
        raise BonsaiError("ideas are proposed by a model; name one with --model, e.g. gpt-4o")
    live = LiveModel(model, api_base)
    if budget_usd is not None and not live.price_is_known:
        raise BonsaiError(
            f"a budget in dollars cannot be kept: the price of {model} is unknown; "
            "give --budget-tokens instead"
        )
    subject = library.find([template])[0]
    name = f"{subject.name}-{time.strftime('%Y-%m-%d_%H-%M-%S')}.json"
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # `kill` is as good as Ctrl-C
    proposals = proposing.propose(
        subject, number, live, out or Path("ideas") / name,
        budget=Budget(usd=budget_usd, tokens=budget_tokens), reflections=reflections,
        results=earlier.results_folders(results or []),
        search=Literature() if literature else None, say=typer.echo,
    )  # fmt: skip
    for line in proposals.report():
        typer.echo(line)
    if proposals.accepted:
        typer.echo(
            f"{proposals.out}\nNext: {proposing.next_command(template, proposals.out, live)}"
        )
    if proposals.stopped:
        raise typer.Exit(130)
    if not proposals.accepted:
        raise BonsaiError(f"no idea was accepted: {proposals.why_ended}")


@app.command()
@_for_people
def resume(results: Results = None) -> None:
    """Go on with a sweep where it was, however it ended; nothing finished is done again.

    Example:  bonsai resume results/2026-11-21_10-00-00
    """
    from bonsai.settings import Settings

    folder = arguments.results_folder(results)
    _sweep(folder, Settings.load(folder))


@app.command("report")
@_for_people
def write_report(results: Results = None) -> None:
    """Write a results folder's report: pages for a browser, report.md, report.json, figures.

    Example:  bonsai report results/2026-11-21_10-00-00
    """
    from bonsai import report
    from bonsai.report.summary import summarise

    page = report.write(summarise(arguments.results_folder(results)))
    typer.echo(f"{page}\n{page.as_uri()}")


@app.command()
@_for_people
def plot(results: Results = None) -> None:
    """Draw the figures that compare all ideas of a results folder, as PNG, and nothing else.

    Example:  bonsai plot results/2026-11-21_10-00-00
    """
    from bonsai.report import figures
    from bonsai.report.summary import summarise

    for path in figures.draw(summarise(arguments.results_folder(results))):
        typer.echo(path)


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    if version:
        typer.echo(f"bonsai {bonsai.__version__}")
        raise typer.Exit


def _sweep(results: Path, settings: Any) -> None:
    from bonsai import report
    from bonsai.cli.board import Board
    from bonsai.report import tracking
    from bonsai.sweep.sweep import Sweep

    tracking.demand(settings.track)
    board = Board()
    how = f"model {settings.model}" if settings.model else "cassettes (no model given)"
    ideas = sum(len(assignment.ideas) for assignment in settings.assignments)
    board.say(
        f"{ideas} ideas on {len(settings.assignments)} templates with {how}; results in {results}"
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # `kill` is as good as Ctrl-C
    try:
        sweep = Sweep(results, settings, board).run()
    except KeyboardInterrupt:
        board.say(f"stopped; nothing finished is lost. Go on with: bonsai resume {results}")
        sys.stdout.flush()
        os._exit(130)  # at once: a thread may still be waiting for a model that does not answer
    board.say("")
    board.say(report.headline(sweep))
    if sweep.failures:
        kinds = ", ".join(f"{count} × {kind}" for kind, count in sweep.failures.most_common())
        board.say(f"what went wrong: {kinds} (see the report)")
    for kind in settings.track:
        board.say(tracking.track(sweep, kind))
    board.say(str(results / report.FOLDER / "index.html"))
