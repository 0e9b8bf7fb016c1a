"""Commands that read a results folder: report, plot."""

from __future__ import annotations

import typer

from bonsai.cli import arguments
from bonsai.cli.common import (
    Results,
    app,
    for_people,
)


@app.command("report")
@for_people
def write_report(results: Results = None) -> None:
    """Write a results folder's report: pages for a browser, report.md, report.json, figures.

    Example:  bonsai report results/2026-11-21_10-00-00
    """
    from bonsai import report
    from bonsai.report import summarise

    page = report.write(summarise(arguments.results_folder(results)))
    typer.echo(f"{page}\n{page.as_uri()}")


@app.command()
@for_people
def plot(results: Results = None) -> None:
    """Draw the figures that compare all ideas of a results folder, as PNG, and nothing else.

    Example:  bonsai plot results/2026-11-21_10-00-00
    """
    from bonsai.report import figures, summarise

    for path in figures.draw(summarise(arguments.results_folder(results))):
        typer.echo(path)
