"""The command that writes a paper: paper."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bonsai.cli import arguments
from bonsai.cli.common import ApiBase, ContextTokens, Dollars, Tokens, WaitForModel, app, for_people

if TYPE_CHECKING:
    from bonsai.paper import Chosen


class FormatName(str, Enum):
    """What a paper becomes."""

    pdf = "pdf"
    latex = "latex"


@app.command("paper")
@for_people
def write_paper(
    results: Annotated[Path, typer.Argument(help="A results folder.")],
    idea: Annotated[
        str | None,
        typer.Argument(help="An idea, or TEMPLATE/IDEA; default: the whole sweep or search."),
    ] = None,
    form: Annotated[
        FormatName,
        typer.Option(
            "--format", help="pdf by typst; or latex, in the template's own latex/template.tex."
        ),
    ] = FormatName.pdf,
    model: Annotated[
        str | None, typer.Option(help="Have it write the prose: any litellm model string.")
    ] = None,
    api_base: ApiBase = None,
    budget_usd: Dollars = None,
    budget_tokens: Tokens = None,
    context_tokens: ContextTokens = None,
    wait_for_model: WaitForModel = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Do not look up whether found papers still exist.")
    ] = False,
) -> None:
    """Write a paper: every number in it is a reference to a value that was measured.

    Without a model its sentences are those of the report. A model's sentences are checked one by
    one; those that state a number by themselves, or more than a verdict carries, are left out.

    Examples:
      bonsai paper results/2026-11-21_10-00-00 lateral_inhibition

      bonsai paper results/2026-11-21_10-00-00

      bonsai paper results/2026-11-21_10-00-00 lateral_inhibition --model gpt-4o --format latex
    """
    from bonsai import paper
    from bonsai.models import WAIT_SECONDS, Budget

    chosen = paper.choose(arguments.results_folder(results), idea)
    gone = None
    if model is not None:
        live = arguments.live_model(model, api_base, context_tokens, budget_usd)
        budget = Budget(usd=budget_usd, tokens=budget_tokens)
        wait = WAIT_SECONDS if wait_for_model is None else wait_for_model
        cost, gone = paper.ask(chosen, live, budget=budget, say=typer.echo, wait_for_model=wait)
        typer.echo(cost)
    _tell(chosen, latex=form is FormatName.latex, network=not offline)
    if gone is not None:
        raise gone


def _tell(chosen: Chosen, *, latex: bool, network: bool) -> None:
    from bonsai import paper

    written = paper.write(chosen, latex=latex, network=network)
    for note in written.notes:
        typer.echo(note)
    typer.echo(written.pdf)
