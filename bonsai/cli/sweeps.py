"""Commands that sweep: run, resume."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bonsai.base import BonsaiError
from bonsai.cli import arguments
from bonsai.cli.common import (
    Address,
    Agents,
    AgentSeconds,
    AgentUnconfined,
    AllowNetwork,
    ApiBase,
    ContextTokens,
    Data,
    DataFrom,
    Dollars,
    EditFormat,
    EditFormatName,
    Executor,
    ExecutorName,
    GpusPerRun,
    Hours,
    KeepSession,
    Limit,
    Metric,
    Out,
    PassEnv,
    Results,
    Sandbox,
    SandboxMode,
    Seeds,
    Slurm,
    Templates,
    Threads,
    Tokens,
    Track,
    WaitForModel,
    app,
    for_people,
)

if TYPE_CHECKING:
    from rich.console import Console

    from bonsai.report import SweepSummary
    from bonsai.settings import Settings
    from bonsai.templates import Template


# With which `judge` ends, by its verdict; 2 is what errors end with.
STATUS = {"supported": 0, "refuted": 1, "no result": 2, "undecided": 3}


@app.command()
@for_people
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
    api_base: ApiBase = None,
    context_tokens: ContextTokens = None,
    wait_for_model: WaitForModel = None,
    agent: Agents = None,
    agent_unconfined: AgentUnconfined = False,
    keep_session: KeepSession = False,
    agent_seconds: AgentSeconds = 600.0,
    edit_format: EditFormat = EditFormatName.diff,
    max_runs: Annotated[int, typer.Option(min=1, help="Finished runs per idea.")] = 5,
    max_tries: Annotated[
        int, typer.Option(min=1, help="Failures in a row before an idea is given up.")
    ] = 4,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Ideas side by side; default: 1, on Ray as many as have room."),
    ] = None,
    threads: Threads = None,
    gpus_per_run: GpusPerRun = None,
    executor: Executor = ExecutorName.local,
    address: Address = None,
    slurm: Slurm = None,
    out: Out = None,
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
    sandbox: Sandbox = SandboxMode.auto,
    metric: Metric = None,
    data_from: DataFrom = None,
    allow_network: AllowNetwork = False,
    pass_env: PassEnv = None,
    limit: Limit = None,
    track: Track = None,
    search: Annotated[
        bool,
        typer.Option("--search", help="Give each idea a small tree of versions, not a chain."),
    ] = False,
    search_runs: Annotated[
        int, typer.Option(min=30, help="With --search: runs of one seed that each idea may take.")
    ] = 60,
) -> None:
    """Sweep: build baselines, let the agent work on every idea, measure, judge, draw.

    Examples:
      bonsai run                                         recorded ideas, no key, no network

      bonsai run fashion_mnist --data mini --workers 2

      bonsai run fashion_mnist --model gpt-4o --ideas lateral_inhibition --budget-usd 2

      bonsai run --model openai/qwen2.5-coder --api-base http://localhost:8000/v1 --agent rewrite

      bonsai run --model gpt-4o --agent aider,opencode   two agents share the ideas out at random

      bonsai run --ideas seed_ideas/evolution.json --model claude-sonnet-4-5

      bonsai run --model gpt-4o --executor ray --address head-node:6379
    """
    from bonsai.models import WAIT_SECONDS, Budget
    from bonsai.settings import Assignment, SearchSettings, Settings
    from bonsai.sweep import editors
    from bonsai.templates import find_templates

    if model is None and api_base is not None:
        raise BonsaiError(
            "--api-base is given without --model; name the model that the service offers"
        )
    agents = arguments.parse_agents(agent or [])
    editors.demand(
        agents, sandbox_mode=sandbox.value, unconfined=agent_unconfined, keep_session=keep_session
    )
    if model is None and ("rewrite" in agents or edit_format is not EditFormatName.diff):
        raise BonsaiError("cassettes hold aider's diffs; --agent and --edit-format need --model")
    if search and model is None:
        raise BonsaiError("--search has ideas edited anew; name a model with --model")
    if search and confirm_seeds < 6:
        raise BonsaiError("--search ends with a verdict, which takes --confirm-seeds 6 at least")
    if search and 4 * confirm_seeds > search_runs:
        raise BonsaiError(
            f"--confirm-seeds {confirm_seeds}: they take {2 * confirm_seeds} of {search_runs} "
            "runs; give more --search-runs"
        )
    demand_price(model, api_base, budget_usd is not None or idea_budget_usd is not None)
    found = arguments.establish(
        find_templates(templates), metric, data_from or (), threads=threads, sandbox=sandbox.value,
        limits=arguments.parse_limits(limit or []), executor=executor.value,
        allow_network=allow_network, pass_env=pass_env,
    )  # fmt: skip
    chosen = arguments.choose_ideas(
        found,
        ideas or [],
        live=model is not None,
        named=bool(templates),
        say=typer.echo,
    )
    settings = Settings(
        assignments=[
            Assignment(
                template=str(item.folder), called=item.called, ideas=own, reported=item.reported
            )
            for item, own in chosen
        ],
        model=model, api_base=api_base, context_tokens=context_tokens,
        wait_for_model=WAIT_SECONDS if wait_for_model is None else wait_for_model,
        agents=agents, agent_unconfined=agent_unconfined, keep_session=keep_session,
        agent_seconds=agent_seconds, edit_format=edit_format.value,
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
        search=SearchSettings(proposers=["model"], runs=search_runs) if search else None,
    )  # fmt: skip
    editors.demand_playable(settings)
    begin([template for template, _ in chosen], settings, out)


def demand_price(model: str | None, api_base: str | None, in_dollars: bool) -> None:
    """Refuse a budget in dollars for a model whose price is not known.

    Raises:
        BonsaiError: that is so.
    """
    from bonsai.models import LiveModel

    if model is not None and in_dollars and not LiveModel(model, api_base).price_is_known:
        raise BonsaiError(
            f"a budget in dollars cannot be kept: the price of {model} is unknown; "
            "give --budget-tokens instead (or, for each idea of a sweep, --idea-budget-tokens)"
        )


def begin(templates: list[Template], settings: Settings, out: Path | None) -> None:
    """Make the results folder, and do what the settings say.

    Raises:
        BonsaiError: a template has no such data, or the folder holds a sweep.
    """
    for template in templates:
        demand_data(template, settings.data)
    with new_results(out) as results:
        settings.save(results)
        sweep(results, settings)


def demand_data(template: Template, data: str | None) -> None:
    """Refuse a data set that a template does not have.

    Raises:
        BonsaiError: that is so.
    """
    if data is not None and data not in template.scorer.datasets:
        offered = ", ".join(template.scorer.datasets)
        raise BonsaiError(f"--data {data}: {template.name} offers {offered}")


@contextlib.contextmanager
def new_results(out: Path | None) -> Iterator[Path]:
    """A folder for results; taken back if a mistake shows before anything has begun there.

    Raises:
        BonsaiError: the folder holds a sweep.
    """
    from bonsai.base import untrusted
    from bonsai.settings import GIVEN

    results = (out or arguments.RESULTS / time.strftime("%Y-%m-%d_%H-%M-%S")).absolute()
    if (results / "sweep.json").exists():
        raise BonsaiError(
            f"{results} holds a sweep already; `bonsai resume {results}` goes on with it"
        )
    results.mkdir(parents=True, exist_ok=True)
    try:
        yield results
    except BonsaiError:
        if not (results / "ledger.jsonl").exists():  # not begun: the command can be given again
            for name in ("sweep.json", ".lock", GIVEN):
                untrusted.remove(results / name)
            with contextlib.suppress(OSError):
                results.rmdir()
        raise


@app.command()
@for_people
def resume(results: Results = None, wait_for_model: WaitForModel = None) -> None:
    """Go on with a sweep where it was, however it ended; nothing finished is done again.

    A judgement that is resumed ends with the status of `bonsai judge`.

    Example:  bonsai resume results/2026-11-21_10-00-00
    """
    from bonsai.report import overall
    from bonsai.settings import Settings

    folder = arguments.results_folder(results)
    settings = Settings.load(folder)
    if wait_for_model is not None:
        settings = settings.model_copy(update={"wait_for_model": wait_for_model})
    done = sweep(folder, settings)
    if settings.judges:
        raise typer.Exit(STATUS[overall(done)])


def sweep(results: Path, settings: Settings, console: Console | None = None) -> SweepSummary:
    """Do what is left to do in a results folder, and tell a person how it goes; see `Sweep.run`.

    Args:
        results: the folder.
        settings: what is asked.
        console: where to tell it; by default stdout.
    """
    from bonsai import report
    from bonsai.cli.board import Board
    from bonsai.models import ServiceGone
    from bonsai.report import tracking
    from bonsai.settings import REPORT
    from bonsai.sweep import Sweep

    tracking.demand(settings.track)
    board = Board(console)
    how = f"model {settings.model}" if settings.model else "cassettes (no model given)"
    if settings.search is not None and settings.model is None:
        how = "no model"
    ideas = sum(len(assignment.ideas) for assignment in settings.assignments)
    told = f"{ideas} ideas on {len(settings.assignments)} templates with {how}"
    if settings.judges:
        on = ", ".join(assignment.name for assignment in settings.assignments)
        told = f"{ideas} program{'s' * (ideas != 1)} to judge on {on}"
    board.say(f"{told}; results in {results}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # `kill` is as good as Ctrl-C
    try:
        done = Sweep(results, settings, board).run()
    except KeyboardInterrupt:
        board.say(f"stopped; nothing finished is lost. Go on with: bonsai resume {results}")
        sys.stdout.flush()
        os._exit(130)  # at once: a thread may still be waiting for a model that does not answer
    except ServiceGone:
        board.say(str(results / REPORT / "index.html"))
        raise
    board.say("")
    board.say(report.headline(done))
    if done.failures:
        kinds = ", ".join(f"{count} × {kind}" for kind, count in done.failures.most_common())
        board.say(f"what went wrong: {kinds} (see the report)")
    for kind in settings.track:
        board.say(tracking.track(done, kind))
    board.say(str(results / REPORT / "index.html"))
    return done
