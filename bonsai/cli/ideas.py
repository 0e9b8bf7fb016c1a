"""Commands about ideas: ideas, which has new ones proposed, and ideas check."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Annotated

import typer

from bonsai.base import BonsaiError
from bonsai.cli import arguments
from bonsai.cli.common import (
    AllowNetwork,
    ApiBase,
    ContextTokens,
    DataFrom,
    Dollars,
    Metric,
    PassEnv,
    Tokens,
    WaitForModel,
    app,
    for_people,
)


@app.command("ideas")
@for_people
def propose_ideas(
    template: Annotated[str, typer.Argument(help="Name or folder of a template.")],
    number: Annotated[int, typer.Option("-n", "--number", min=1, help="Ideas wanted.")] = 5,
    model: Annotated[str | None, typer.Option(help="Any litellm model string.")] = None,
    api_base: ApiBase = None,
    context_tokens: ContextTokens = None,
    wait_for_model: WaitForModel = None,
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
    metric: Metric = None,
    data_from: DataFrom = None,
    allow_network: AllowNetwork = False,
    pass_env: PassEnv = None,
) -> None:
    """Have a model propose new ideas for a template, in a file that `run --ideas` takes.

    It is told the template's code, its baseline, the ideas that exist and what came of them.
    Proposals that repeat one of those, or that cannot be used, are rejected.

    Examples:
      bonsai ideas fashion_mnist -n 5 --model gpt-4o --budget-usd 1

      bonsai ideas cell_division --model openai/qwen2.5-coder --api-base http://localhost:8000/v1

      bonsai ideas fashion_mnist --model gpt-4o --literature --results results/2026-11-21_10-00-00
    """
    from bonsai.ideas import Literature, next_command, propose, results_folders
    from bonsai.models import WAIT_SECONDS, Budget, ServiceGone
    from bonsai.templates import find_templates

    if model is None:
        raise BonsaiError("ideas are proposed by a model; name one with --model, e.g. gpt-4o")
    live = arguments.live_model(model, api_base, context_tokens, budget_usd)
    subject = arguments.establish(
        find_templates([template]), metric, data_from or (), allow_network=allow_network,
        pass_env=pass_env,
    )[0]  # fmt: skip
    name = f"{subject.name}-{time.strftime('%Y-%m-%d_%H-%M-%S')}.json"
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # `kill` is as good as Ctrl-C
    proposals = propose(
        subject, number, live, out or Path("ideas") / name,
        budget=Budget(usd=budget_usd, tokens=budget_tokens), reflections=reflections,
        results=results_folders(results or []),
        search=Literature() if literature else None, say=typer.echo,
        wait_for_model=WAIT_SECONDS if wait_for_model is None else wait_for_model,
    )  # fmt: skip
    for line in proposals.report():
        typer.echo(line)
    if proposals.accepted:
        typer.echo(f"{proposals.out}\nNext: {next_command(template, proposals.out, live)}")
    if proposals.stopped:
        raise typer.Exit(130)
    if (gone := proposals.gone) is not None:
        kept = f" {proposals.out} holds what was accepted." if proposals.accepted else ""
        raise ServiceGone(f"{gone}{kept} Give the command again when it is back.", gone.exit_code)
    if not proposals.accepted:
        raise BonsaiError(f"no idea was accepted: {proposals.why_ended}")


@app.command("ideas check")
@for_people
def check_ideas(
    file: Annotated[Path, typer.Argument(help="A file of ideas, in whatever shape.")],
    out: Annotated[Path | None, typer.Option(help="A new file, for the ideas as mended.")] = None,
) -> None:
    """Say which ideas a file holds, and what has to be mended in it, one line each.

    `run --ideas` takes the file either way; mended, it suits The AI Scientist as well.

    Examples:
      bonsai ideas check my_ideas.json

      bonsai ideas check from_a_chat.md --out my_ideas.json
    """
    from bonsai.base import write_atomically
    from bonsai.templates import idea_file, read_ideas

    if out is not None and out.exists():
        raise BonsaiError(f"{out} is there already; name another file with --out")
    found = read_ideas(idea_file(str(file)))
    typer.echo(f"{file}: {len(found.ideas)} idea{'s' * (len(found.ideas) != 1)}")
    for idea in found.ideas:
        typer.echo(f"  {idea.called}: {' '.join(idea.Title.split())}")
    for line in found.mends:
        typer.echo(f"mended: {line}")
    for line in found.left_out:
        typer.echo(line)
    if not found.mends and not found.left_out:
        typer.echo("nothing to mend")
    if out is not None:
        write_atomically(out, found.text())
        typer.echo(str(out))
