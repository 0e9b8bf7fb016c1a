"""What a paper is about: a sweep, or an idea of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bonsai.base import BonsaiError, listing
from bonsai.report import (
    IdeaReport,
    IdeaSummary,
    Report,
    SweepSummary,
    TemplateReport,
    TemplateSummary,
    gather,
    summarise,
)

MOST_TOLD = 30  # ideas of a sweep; of more, those with the least doubt
SOURCE = "paper"  # the folder of a paper's source, beside its PDF
Tried = tuple[TemplateSummary, TemplateReport, IdeaSummary, IdeaReport]


@dataclass(frozen=True)
class Chosen:
    """What a paper is about, and where it goes.

    Attributes:
        sweep: the sweep.
        report: what there is to tell of it.
        ideas: the ideas, each with what is told of it.
        whole: whether it is about the whole sweep.
        home: the folder that the PDF goes to.
    """

    sweep: SweepSummary
    report: Report
    ideas: list[Tried]
    whole: bool
    home: Path

    @property
    def source(self) -> Path:
        """The folder of its source."""
        return self.home / SOURCE


def choose(results: Path, idea: str | None) -> Chosen:
    """Read a results folder, and find the idea that a paper is to be about.

    Args:
        results: the results folder.
        idea: its name or its folder, or `TEMPLATE/IDEA` where several have that name; None: all.

    Raises:
        BonsaiError: it is no results folder, or there is no such idea; the text lists those that
            there are.
    """
    sweep = summarise(results)
    ended = max((entry.time for entry in sweep.entries), default=0.0)
    report = gather(sweep, now=ended)  # so that the same ledger makes the same paper
    every = [
        (summary, template, tried, told)
        for summary, template in zip(sweep.templates, report.templates, strict=True)
        for tried, told in zip(summary.ideas, template.ideas, strict=True)
    ]
    if idea is None:
        return Chosen(sweep, report, _surest(every), True, results)
    called = [
        each
        for each in every
        if idea in (each[3].name, each[3].folder)
        or idea in (f"{each[1].name}/{each[3].name}", f"{each[1].name}/{each[3].folder}")
    ]
    if len(called) == 1:
        _, template, _, told = called[0]
        return Chosen(sweep, report, called, False, results / template.name / told.folder)
    there = listing([f"{template.name}/{told.folder}" for _, template, _, told in every[:20]])
    how_many = "no idea" if not called else "more than one idea"
    raise BonsaiError(f"{results} has {how_many} called {idea}; there are {there}")


def _surest(every: list[Tried]) -> list[Tried]:
    """Of many ideas those with the least doubt, whatever their verdict, in their own order."""
    surest = sorted(range(len(every)), key=lambda number: every[number][3].main.doubt)
    return [every[number] for number in sorted(surest[:MOST_TOLD])]
