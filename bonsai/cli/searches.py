"""The command that searches for a better version of a template."""

from __future__ import annotations

import secrets
from enum import Enum
from typing import Annotated

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
    KeepSession,
    Limit,
    Metric,
    Out,
    PassEnv,
    Sandbox,
    SandboxMode,
    Seeds,
    Slurm,
    Threads,
    Tokens,
    Track,
    WaitForModel,
    app,
    for_people,
)
from bonsai.cli.sweeps import begin, demand_price

CONTROL = "search_by_tpe"  # the search that shows what a model adds


class ProposerName(str, Enum):
    """Who makes the candidates of a search."""

    tpe = "tpe"
    random = "random"
    model = "model"
    cross = "cross"
    chain = "chain"


SAMPLERS = ("tpe", "random")  # the others edit by a model


@app.command()
@for_people
def search(
    template: Annotated[str, typer.Argument(help="Name or folder of a template.")],
    proposer: Annotated[
        list[ProposerName] | None,
        typer.Option(
            help="Who makes candidates; may be repeated. Settings by tpe or at random; edits by a "
            "model of the best version, of two (cross), or of its own last (chain). Default: tpe, "
            "with a model that as well."
        ),
    ] = None,
    runs: Annotated[
        int, typer.Option(min=30, help="Runs of one seed to spend, those of the verdict included.")
    ] = 100,
    hours: Annotated[
        float | None, typer.Option(min=0.0, help="After these no more candidates are made.")
    ] = None,
    search_seed: Annotated[int, typer.Option(help="Of what the search draws.")] = 0,
    max_slowdown: Annotated[
        float,
        typer.Option(min=1.0, help="Most computing time of a candidate, in the template's."),
    ] = 1.1,
    model: Annotated[
        str | None, typer.Option(help="Any litellm model string, to edit the code.")
    ] = None,
    api_base: ApiBase = None,
    context_tokens: ContextTokens = None,
    wait_for_model: WaitForModel = None,
    agent: Agents = None,
    agent_unconfined: AgentUnconfined = False,
    keep_session: KeepSession = False,
    agent_seconds: AgentSeconds = 600.0,
    edit_format: EditFormat = EditFormatName.diff,
    control: Annotated[
        bool,
        typer.Option(help="With a model, have TPE search beside it with as many runs."),
    ] = True,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Runs side by side; default: the machine's cores, Ray's room."),
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
        int | None,
        typer.Option(min=6, max=40, help="Fresh seeds for a first verdict; default: by --runs."),
    ] = None,
    max_confirm_seeds: Annotated[
        int | None,
        typer.Option(min=6, max=40, help="Most of them, while it is undecided; default: likewise."),
    ] = None,
    budget_usd: Dollars = None,
    budget_tokens: Tokens = None,
    sandbox: Sandbox = SandboxMode.auto,
    metric: Metric = None,
    data_from: DataFrom = None,
    allow_network: AllowNetwork = False,
    pass_env: PassEnv = None,
    limit: Limit = None,
    track: Track = None,
) -> None:
    """Look for a better version of a template at about equal computing time, and judge the winner.

    Examples:
      bonsai search fashion_mnist --data mini                     no key: Optuna over Config

      bonsai search fashion_mnist --model gpt-4o --budget-usd 5   the model edits, Optuna beside it

      bonsai search my_template --hours 8 --executor ray
    """
    from bonsai import search as searching
    from bonsai.execution import cores
    from bonsai.models import WAIT_SECONDS, Budget
    from bonsai.settings import Assignment, SearchSettings, Settings
    from bonsai.sweep import editors
    from bonsai.templates import Idea, find_templates

    names = [each.value for each in proposer or []] or (["model", "tpe"] if model else ["tpe"])
    names = list(dict.fromkeys(names))
    edits = [name for name in names if name not in SAMPLERS]
    if edits and model is None:
        raise BonsaiError(f"--proposer {edits[0]} edits by a model; name one with --model")
    if model is not None and not edits:
        raise BonsaiError("--model is given, but no --proposer that edits by it")
    if model is None and api_base is not None:
        raise BonsaiError(
            "--api-base is given without --model; name the model that the service offers"
        )
    agents = arguments.parse_agents(agent or [])
    if agent and model is None:
        raise BonsaiError("--agent edits by a model; name one with --model")
    if len(agents) > 1:
        raise BonsaiError(
            "--agent: a search has one agent; `bonsai run --search` shares ideas out among several"
        )
    editors.demand(
        agents, sandbox_mode=sandbox.value, unconfined=agent_unconfined, keep_session=keep_session
    )
    demand_price(model, api_base, budget_usd is not None)
    limits = arguments.parse_limits(limit or [])
    found = arguments.establish(
        find_templates([template]), metric, data_from or (), threads=threads,
        sandbox=sandbox.value, limits=limits, executor=executor.value,
        allow_network=allow_network, pass_env=pass_env,
    )[0]  # fmt: skip
    has_control = bool(edits) and control
    if has_control or len(edits) < len(names):
        searching.space_of(found)  # says what is missing before anything is run
    by = " and ".join(names)
    ideas = [
        Idea(
            Name="search", Title="Search for a better version",
            Experiment=f"Candidates by {by}; {runs} runs of one seed.",
        )
    ]  # fmt: skip
    if has_control:
        ideas.append(
            Idea(
                Name=CONTROL, Title="The control: a search without the model",
                Experiment=f"Candidates by tpe; as many runs, {runs}.",
            )
        )  # fmt: skip
    if workers is None and executor is not ExecutorName.ray:
        workers = cores()
    first, *more = searching.analyses_of(runs)
    first = confirm_seeds or min(first, max_confirm_seeds or first)
    most = max_confirm_seeds or max([first, *more])
    if 2 * first > runs // 2:
        raise BonsaiError(
            f"--confirm-seeds {first}: they take {2 * first} of {runs} runs; give more --runs"
        )
    settings = Settings(
        assignments=[
            Assignment(
                template=str(found.folder), called=found.called, ideas=ideas,
                reported=found.reported,
            )
        ],
        model=model, api_base=api_base, context_tokens=context_tokens,
        wait_for_model=WAIT_SECONDS if wait_for_model is None else wait_for_model,
        agents=agents, agent_unconfined=agent_unconfined, keep_session=keep_session,
        agent_seconds=agent_seconds, edit_format=edit_format.value,
        data=data, seeds=arguments.parse_seeds(seeds),
        **arguments.parse_machines(
            executor.value, workers, threads, gpus_per_run, address, slurm or []
        ),
        confirm_seeds=first, max_confirm_seeds=most,
        sandbox=sandbox.value, limits=limits,
        budget=Budget(usd=budget_usd, tokens=budget_tokens, hours=hours),
        first_fresh_seed=1000 * (1 + secrets.randbelow(1_000_000)),
        search=SearchSettings.model_validate({
            "proposers": names, "runs": runs, "seed": search_seed, "max_slowdown": max_slowdown,
            "arms": {CONTROL: ["tpe"]} if has_control else {},
        }),
        track=list(dict.fromkeys(tracker.value for tracker in track or [])),
    )  # fmt: skip
    begin([found], settings, out)
