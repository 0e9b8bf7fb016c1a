"""Commands about templates: list, doctor, new, baseline."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bonsai.cli import arguments
from bonsai.cli.common import (
    Data,
    Seeds,
    Templates,
    app,
    for_people,
)


@app.command("list")
@for_people
def list_templates(
    templates: Templates = None,
    ideas: Annotated[
        bool, typer.Option("--ideas", help="List the ideas of each template too.")
    ] = False,
) -> None:
    """List the templates, and with --ideas what can be tried on them.

    Example:  bonsai list fashion_mnist --ideas
    """
    from bonsai.templates import find_templates

    table = Table(box=None, pad_edge=False)
    for heading in ("template", "seed ideas", "cassettes", "judged by"):
        table.add_column(heading)
    found = find_templates(templates)
    for template in found:
        recorded = [idea.Name for idea in template.ideas if template.cassette(idea.Name)]
        table.add_row(
            template.name,
            str(len(template.ideas)),
            str(len(recorded)),
            template.judged_by,
        )
        if ideas:
            for idea in template.ideas:
                mark = " [dim](has a cassette)[/dim]" if template.cassette(idea.Name) else ""
                table.add_row(
                    Text(f"  {idea.called}"),
                    "",
                    "",
                    Text.assemble(idea.Title, Text.from_markup(mark)),
                )
    Console().print(table)


@app.command()
@for_people
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
    from bonsai.templates import find_templates

    found = find_templates(templates)
    raise typer.Exit(examination.report(found, fix=fix, model=model, api_base=api_base))


@app.command()
@for_people
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
    from bonsai.templates import templates_folder

    path = scaffold.create(name, folder or templates_folder())
    typer.echo(f"{path}\nNext: edit experiment.py and score.py, then `bonsai doctor {path} --fix`.")


@app.command()
@for_people
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
    from bonsai.evaluation import this_machine
    from bonsai.sweep import build_baseline
    from bonsai.templates import find_templates

    for template in find_templates(templates):
        chosen = arguments.parse_seeds(seeds) or list(template.scorer.seeds)
        machine = this_machine(threads, lambda line: typer.echo(f"  {line}"))
        typer.echo(f"{template.name}: seeds {chosen} on {data or template.scorer.datasets[0]}")
        built = build_baseline(
            template, data or template.scorer.datasets[0], chosen,
            log=template.folder / "run_0.log", machine=machine, published=True,
        )  # fmt: skip
        target = template.folder / "run_0"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(built.folder, target)
        mean = built.scores.means[template.scorer.primary]
        how = "reused from the cache" if built.cached else f"{built.seconds:.0f} s"
        typer.echo(f"{target}: {template.scorer.primary} {mean:.4g} ({how})")
