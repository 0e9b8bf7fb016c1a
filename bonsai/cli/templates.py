"""Commands about templates: list, doctor, new, copy, baseline."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bonsai.base import BonsaiError
from bonsai.cli import arguments
from bonsai.cli.common import (
    AllowNetwork,
    Data,
    DataFrom,
    Metric,
    PassEnv,
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

    Without names these are all that are within reach: in ./templates, those that come with Bonsai,
    and those of other packages.

    Example:  bonsai list fashion_mnist --ideas
    """
    from bonsai.templates import find_templates, list_templates

    listed, warnings = list_templates()
    if templates:
        names = {each.template.folder: each for each in listed}
        found = [
            (template, template.name, each.origin if (each := names.get(template.folder)) else "")
            for template in find_templates(templates)
        ]
        warnings = []
    else:
        found = [(each.template, each.name, each.origin) for each in listed]
    table = Table(box=None, pad_edge=False)
    headings = ["template", "seed ideas", "cassettes", "judged by"]
    foreign = any(origin for _, _, origin in found)
    for heading in [*headings, "from"] if foreign else headings:
        table.add_column(heading, no_wrap=heading == "template")
    for template, name, origin in found:
        try:
            recorded = [idea.Name for idea in template.ideas if template.cassette(idea.Name)]
            judged_by = template.judged_by
        except BonsaiError as error:
            if templates:
                raise
            warnings.append(f"the template {name} is left out: {error}")
            continue
        table.add_row(
            name, str(len(template.ideas)), str(len(recorded)), judged_by,
            *([origin] if foreign else []),
        )  # fmt: skip
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
    for warning in warnings:
        Console(stderr=True).print(Text(f"warning: {warning}"), soft_wrap=True)


@app.command()
@for_people
def doctor(
    templates: Templates = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="Build the baseline (run_0) where it is missing.")
    ] = False,
    run: Annotated[
        bool, typer.Option("--run", help="Run an experiment that has no --smoke, in whole.")
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
    raise typer.Exit(
        examination.report(found, fix=fix, model=model, api_base=api_base, run_strangers=run)
    )


@app.command()
@for_people
def new(
    name: Annotated[
        str, typer.Argument(help="The template's name: lower-case letters, digits, _.")
    ],
    folder: Annotated[
        Path | None, typer.Option(help="Where to put it; default: templates/, else here.")
    ] = None,
) -> None:
    """Write a new template, small and complete, to start your own from.

    Example:  bonsai new my_subject && bonsai doctor my_subject --fix
    """
    from bonsai.templates import folder_for_new
    from bonsai.templates import new as scaffold

    path = scaffold.create(name, folder or folder_for_new())
    if folder is None and path.parent == Path.cwd():
        typer.echo("There is no folder templates/ here, so it lies in the current one.")
    typer.echo(f"{path}\nNext: edit experiment.py and score.py, then `bonsai doctor {path} --fix`.")


@app.command()
@for_people
def copy(
    template: Annotated[str, typer.Argument(help="Name or folder of a template.")],
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where the copy goes: DIR/<its name>.")
    ],
) -> None:
    """Copy a template with its helpers into a folder of yours, The AI Scientist's templates/ say.

    Results, recorded replies and pictures stay behind. What is there is never overwritten.

    Example:  bonsai copy fashion_mnist AI-Scientist/templates
    """
    from bonsai.templates import find_templates
    from bonsai.templates import new as scaffold

    path = scaffold.copy(find_templates([template])[0], folder)
    typer.echo(
        f"{path}\nNext: cd {path} && python experiment.py --out_dir run_0, then launch The AI "
        f"Scientist as always; or `bonsai run {path} --model MODEL`."
    )


@app.command()
@for_people
def baseline(
    templates: Templates = None,
    data: Data = None,
    seeds: Seeds = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads; default: all cores.")] = None,
    metric: Metric = None,
    data_from: DataFrom = None,
    allow_network: AllowNetwork = False,
    pass_env: PassEnv = None,
) -> None:
    """Make `run_0` in each template's folder, as The AI Scientist wants it.

    A result with the same code, data and seeds is reused from the cache. In an installed package
    nothing is written: its templates' go to baselines/<name>/run_0 here.

    Example:  bonsai baseline fashion_mnist --data mini
    """
    from bonsai.evaluation import this_machine
    from bonsai.sweep import build_baseline
    from bonsai.templates import find_templates

    for template in arguments.establish(
        find_templates(templates), metric, data_from or (), threads=threads,
        allow_network=allow_network, pass_env=pass_env,
    ):  # fmt: skip
        chosen = arguments.parse_seeds(seeds) or list(template.scorer.seeds)
        machine = this_machine(threads, lambda line: typer.echo(f"  {line}"))
        typer.echo(f"{template.name}: seeds {chosen} on {data or template.scorer.datasets[0]}")
        folder = template.folder
        if template.is_installed:
            folder = Path("baselines", template.name).absolute()
            typer.echo(
                f"  it lies in an installed package, where nothing is written; run_0 goes to "
                f"{folder} (`bonsai copy {template.name} DIR` makes a template of yours)"
            )
        built = build_baseline(
            template, data or template.scorer.datasets[0], chosen,
            log=folder / "run_0.log", machine=machine, published=True,
        )  # fmt: skip
        target = folder / "run_0"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(built.folder, target)
        mean = built.scores.means[template.scorer.primary]
        how = "reused from the cache" if built.cached else f"{built.seconds:.0f} s"
        typer.echo(f"{target}: {template.scorer.primary} {mean:.4g} ({how})")
