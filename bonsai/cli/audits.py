"""The command that checks a paper: audit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bonsai.base import BonsaiError
from bonsai.cli import arguments
from bonsai.cli.common import ApiBase, ContextTokens, Dollars, Tokens, WaitForModel, app, for_people

if TYPE_CHECKING:
    from bonsai.audit import Document, Review
    from bonsai.models import Budget, LiveModel


@app.command("audit")
@for_people
def audit_paper(
    paper: Annotated[
        Path,
        typer.Argument(help="A paper (.tex, .pdf, .typ, .md, .txt), or a folder with one."),
    ],
    against: Annotated[
        Path | None,
        typer.Option(
            help="The results: a results folder, an idea's folder of The AI Scientist, or a JSON "
            "file; default: those around the paper."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write it as a page for a browser.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Show what was traced, and what is no result, as well.")
    ] = False,
    model: Annotated[
        str | None, typer.Option(help="Have it review the text, too: any litellm model string.")
    ] = None,
    api_base: ApiBase = None,
    budget_usd: Dollars = None,
    budget_tokens: Tokens = None,
    context_tokens: ContextTokens = None,
    wait_for_model: WaitForModel = None,
) -> None:
    """Check a paper against the results that it is on: every number, comparison and citation.

    It ends with 0 if nothing is contradicted, with 1 if something is, or if a result is stated that
    no run has, and with 2 if it could not be done. No model is needed for it. With --model one
    writes a review besides, which is told apart and changes nothing.

    Examples:
      bonsai audit results/2026-11-21_10-00-00/paper.pdf

      bonsai audit AI-Scientist/results/2d_diffusion/20261121_100000_dual_scale --out audit.html

      bonsai audit paper.tex --against results.json
    """
    from rich.console import Console

    from bonsai import audit
    from bonsai.models import WAIT_SECONDS, Budget, Refusal, ServiceGone

    subject = audit.find(paper, against)
    live = None
    if model is not None:
        live = arguments.live_model(model, api_base, context_tokens, budget_usd)
    document = audit.read(subject.paper, subject.results)
    found = audit.audit(document, audit.gather_facts(subject.results))
    review, trouble, gone = None, "", None
    if live is not None:
        budget = Budget(usd=budget_usd, tokens=budget_tokens)
        wait = WAIT_SECONDS if wait_for_model is None else wait_for_model
        try:
            review = _review(document, live, budget, wait)
        except ServiceGone as error:
            gone, trouble = error, str(error)
        except (BonsaiError, Refusal) as error:
            trouble = str(error)
    told = audit.Told(found, str(subject.paper), str(subject.results), review, model or "", trouble)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        audit.write_page(told, out)
    if as_json:
        typer.echo(json.dumps(told.record(), indent=1, ensure_ascii=False))
    else:
        console = Console(soft_wrap=False)
        if told.rows(every):
            console.print(told.table(every))
        typer.echo(told.headline)
        if review is not None:
            typer.echo("")
            for line in audit.review_lines(review, told.by):
                typer.echo(line)
        if out is not None:
            typer.echo(out)
    if trouble and gone is None:
        typer.echo(f"There is no review: {trouble}", err=True)
    if gone is not None:
        raise ServiceGone(
            f"{gone} The audit is whole; only the review is missing. Give the command again when "
            "it is back.", gone.exit_code,
        )  # fmt: skip
    raise typer.Exit(found.status)


def _review(document: Document, live: LiveModel, budget: Budget, wait: float) -> Review:
    from bonsai import audit

    def say(text: str) -> None:
        typer.echo(text, err=True)

    written, cost = audit.review(document, live, budget=budget, say=say, wait_for_model=wait)
    say(f"The review took {cost}.")
    return written
