"""From a results folder to a paper: gathers, writes the source, compiles."""

from __future__ import annotations

import hashlib
import shlex
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bonsai.base import BonsaiError, listing
from bonsai.paper import content
from bonsai.paper.archive import write_archive
from bonsai.paper.changes import listing_of
from bonsai.paper.composing import code, compose
from bonsai.paper.content import Matter, Subject
from bonsai.paper.document import Figure, Paper, Spans
from bonsai.paper.typesetting import compile_pdf, write_source
from bonsai.paper.values import Values
from bonsai.report import figures as report_figures
from bonsai.report import gather, summarise, words
from bonsai.report.shapes import IdeaReport, Report, TemplateReport
from bonsai.report.story import MAX_PLOT_BYTES, Reader, png_size
from bonsai.report.summary import IdeaSummary, SweepSummary, TemplateSummary

PDF = "paper.pdf"
SOURCE = "paper"  # the folder of a paper's source, beside its PDF
ARCHIVE = "archive.zip"
MOST_PLOTS = 4  # of an idea
MOST_CHANGES = 8  # listings in a paper on a whole sweep


@dataclass(frozen=True)
class Written:
    """A paper that was written.

    Attributes:
        pdf: the file.
        notes: what a person should know, one sentence each.
    """

    pdf: Path
    notes: list[str] = field(default_factory=list)


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
    ideas: list[tuple[TemplateSummary, TemplateReport, IdeaSummary, IdeaReport]]
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
        return Chosen(sweep, report, every, True, results)
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


def write(chosen: Chosen, prose: Mapping[str, Sequence[Spans]] | None = None) -> Written:
    """Write a paper's source and compile it.

    Args:
        chosen: what it is about.
        prose: sentences that a model wrote and that were checked, by field.
    """
    source = chosen.source
    if source.exists():
        for path in source.iterdir():
            if path.suffix in (".png", ".typ", ".zip"):
                path.unlink()
    source.mkdir(parents=True, exist_ok=True)
    told = [(template, idea) for _, template, _, idea in chosen.ideas]
    values = Values(chosen.report, told)
    reader = Reader(chosen.sweep.results)
    subjects = [_subject(reader, chosen, each, number) for number, each in enumerate(chosen.ideas)]
    archived = {(template.name, idea.folder) for template, idea in told}
    left_out = write_archive(chosen.sweep, source / ARCHIVE, archived)
    matter = Matter(
        report=chosen.report, values=values, subjects=subjects, whole=chosen.whole,
        figures=_sweep_figures(chosen), machine=_machine(reader, chosen),
        steps=_steps(chosen), hashes=_hashes(reader, chosen),
        archive=(f"{SOURCE}/{ARCHIVE}", _digest((source / ARCHIVE).read_bytes())),
        prose=prose or {},
    )  # fmt: skip
    when = time.gmtime(chosen.report.ended or chosen.report.written)
    paper = Paper(
        title=_title(chosen),
        about=f"Written by Bonsai {chosen.report.bonsai} from the ledger of a sweep; "
        "every number in it is a reference to a value that was measured.",
        date=(when.tm_year, when.tm_mon, when.tm_mday),
        abstract=content.abstract(matter),
        blocks=content.blocks(matter),
        values=values.shown,
    )
    write_source(paper, {}, source)
    pdf = chosen.home / PDF
    _write_bytes(pdf, compile_pdf(source))
    notes = [f"left out of {ARCHIVE} for its size: {name}" for name in left_out]
    return Written(pdf, notes)


def _title(chosen: Chosen) -> str:
    if chosen.whole:
        return words.clean(chosen.report.question)
    return words.clean(chosen.ideas[0][3].title or chosen.ideas[0][3].name)


def _subject(
    reader: Reader, chosen: Chosen,
    each: tuple[TemplateSummary, TemplateReport, IdeaSummary, IdeaReport], number: int,
) -> Subject:  # fmt: skip
    summary, template, tried, told = each
    folder = reader.results / template.name / told.folder
    run = told.best_run or (told.runs[-1].name if told.runs else "")
    change = None
    if run and (not chosen.whole or number < MOST_CHANGES):
        path = folder / "workspace" / run / "experiment.py"
        if told.given is not None:
            path = reader.results / told.given.file
        before, after = reader.baseline_code(summary, tried), reader.code(path)
        if before is not None and after is not None:
            change = listing_of(before, after, run, reader.name(path))
    plots = [] if chosen.whole else _plots(reader, folder / "workspace", chosen.source, told)
    return Subject(template=template, idea=told, change=change, figures=plots)


def _plots(reader: Reader, workspace: Path, source: Path, told: IdeaReport) -> list[Figure]:
    """Pictures that the idea's own plot.py drew, copied beside the paper."""
    found: list[Figure] = []
    for path in sorted(workspace.glob("*.png")):
        if len(found) == MOST_PLOTS:
            break
        if not reader.is_ours(path) or path.stat().st_size > MAX_PLOT_BYTES or not png_size(path):
            continue
        name = f"plot_{len(found) + 1}.png"
        shutil.copyfile(path, source / name)
        whose = (
            "the template's plot.py" if told.given else "the idea's plot.py, which an agent edited"
        )
        caption = compose(
            "{file} of {idea}, as {whose}, drew it; no claim rests on it.",
            file=code(path.name), idea=code(told.name), whose=whose,
        )  # fmt: skip
        alternative = (
            f"The picture {path.name} that plot.py drew from the runs of {told.name} on the seeds "
            "that it was worked with. Its figures are in the tables of metrics and the archive."
        )
        found.append(Figure(file=name, caption=caption, alternative=words.clean(alternative)))
    return found


def _sweep_figures(chosen: Chosen) -> list[Figure]:
    """The differences of all ideas of the templates that the paper is about, drawn anew."""
    from bonsai.kit import plotting

    plotting.style()
    found: list[Figure] = []
    about = {template.name for _, template, _, _ in chosen.ideas}
    for summary in chosen.sweep.templates:
        name = summary.template.name
        if name not in about or not any(idea.comparison for idea in summary.ideas):
            continue
        drawn = report_figures.draw_differences(chosen.sweep, summary)
        file = f"differences_{len(found) + 1}.png"
        shutil.copyfile(drawn, chosen.source / file)
        compared = [idea for idea in summary.ideas if idea.comparison]
        sentences = [
            f"{idea.idea.called} {idea.comparison.mean:+.2f} ({idea.word})"
            for idea in compared if idea.comparison
        ]  # fmt: skip
        caption = compose(
            "Every idea's difference to the baseline in {metric} on {template}, on fresh seeds: "
            "the circle is the mean, the bar its interval, the ticks the seeds.",
            metric=code(summary.primary), template=code(name),
        )  # fmt: skip
        alternative = (
            f"One row for each idea on {name}: its mean difference to the baseline in "
            f"{summary.primary}, with an interval. " + "; ".join(sentences[:20]) + "."
        )
        found.append(Figure(file=file, caption=caption, alternative=words.clean(alternative)))
    return found


def _machine(reader: Reader, chosen: Chosen) -> list[tuple[str, str]]:
    """Data, machine and versions as the first baseline's run recorded them."""
    found: list[tuple[str, str]] = []
    for _, template, _, _ in chosen.ideas[:1]:
        told = reader.json(reader.results / template.name / "run_0" / "environment.json")
        names = (("data", "data set"), ("device", "device"), ("threads", "threads"),
                 ("platform", "platform"), ("python", "Python"), ("torch", "PyTorch"))  # fmt: skip
        found += [(name, str(told[key])[:120]) for key, name in names if key in told]
        sums = told.get("checksums")
        if isinstance(sums, dict):
            found += [
                (f"SHA-256 of {key}", str(value)[:64]) for key, value in list(sums.items())[:4]
            ]
        if template.baseline is not None and template.baseline.where:
            found.append(("walls around a run", template.baseline.where))
    found.append(("Bonsai", chosen.report.bonsai))
    when = chosen.report.ended or chosen.report.written
    found.append(("measured until", time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(when))))
    return found


def _steps(chosen: Chosen) -> list[str]:
    """Commands that make the results again, from the archive."""
    lines = ["pip install bonsai-experiments", f"unzip {ARCHIVE} -d results && cd results"]
    idea = "" if chosen.whole else f" {shlex.quote(chosen.ideas[0][3].folder)}"
    lines += ["bonsai report .", f"bonsai paper .{idea}"]
    settings = chosen.sweep.settings
    for summary, template, _, told in chosen.ideas[:3]:
        if told.best_run is None or template.self_reported:
            continue
        program = f"{template.name}/{told.folder}/workspace/{told.best_run}/experiment.py"
        where = f"templates/{summary.template.folder.name}"
        data = f" --data {shlex.quote(settings.data)}" if settings.data else ""
        lines.append(f"bonsai judge {shlex.quote(where)} {shlex.quote(program)}{data}")
    return lines


def _hashes(reader: Reader, chosen: Chosen) -> list[tuple[str, str]]:
    """SHA-256 of the ledger and of the programs that were judged."""
    paths = [reader.results / "ledger.jsonl"]
    for _, template, _, told in chosen.ideas[:10]:
        if told.best_run:
            folder = reader.results / template.name / told.folder
            paths.append(folder / "workspace" / told.best_run / "experiment.py")
    found = [
        (reader.name(path), _digest(path.read_bytes())) for path in paths if reader.is_ours(path)
    ]
    for summary in chosen.sweep.templates:
        name = f"{summary.template.name}: the template's code"
        found.append((name, summary.template.fingerprint()))
    return found


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write_bytes(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(content)
    temporary.replace(path)


__all__ = ["Chosen", "Written", "choose", "write"]
