"""From a results folder to a paper: gathers, writes the source, compiles."""

from __future__ import annotations

import hashlib
import re
import shlex
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel

from bonsai.base import BonsaiError, listing
from bonsai.models import Budget, LiveModel, ServiceGone, asking
from bonsai.paper import content
from bonsai.paper.archive import write_archive
from bonsai.paper.changes import listing_of
from bonsai.paper.checking import check_identifiers
from bonsai.paper.composing import code, compose, joined, listed
from bonsai.paper.document import Block, Cite, Figure, Listing, Paper, Spans
from bonsai.paper.latex import compile_latex, read_template, write_latex
from bonsai.paper.matter import Matter, Subject
from bonsai.paper.model_prose import FILE, load
from bonsai.paper.model_prose import write as write_prose
from bonsai.paper.prose import Scene, Sentence, check_plan, check_words
from bonsai.paper.references import Reference, collect
from bonsai.paper.scene import scene_of
from bonsai.paper.typesetting import compile_pdf, write_source
from bonsai.paper.values import Values
from bonsai.report import figures as report_figures
from bonsai.report import gather, summarise, words
from bonsai.report.shapes import IdeaReport, Report, TemplateReport
from bonsai.report.story import MAX_NOTES, MAX_PLOT_BYTES, Reader, png_size
from bonsai.report.summary import IdeaSummary, SweepSummary, TemplateSummary

PDF = "paper.pdf"
SOURCE = "paper"  # the folder of a paper's source, beside its PDF
ARCHIVE = "archive.zip"
MOST_PLOTS = 4  # of an idea
MOST_QUOTED = 12  # paragraphs of somebody's words
MOST_CITED = 30  # works that are named without a model
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


def scenery(chosen: Chosen) -> tuple[Values, Scene, dict[str, Reference]]:
    """What a paper's prose may refer to: values, the scene around them, references.

    Args:
        chosen: what the paper is about.
    """
    told = [(template, idea) for _, template, _, idea in chosen.ideas]
    values = Values(chosen.report, told)
    references: dict[str, Reference] = {}
    for summary in chosen.sweep.templates:
        ideas = [idea.idea for each, _, idea, _ in chosen.ideas if each is summary]
        if ideas:
            references = collect(summary.template.folder, ideas) | references
    folders = [summary.template.folder for summary in chosen.sweep.templates]
    return values, scene_of(chosen.report, values, told, folders, references), references


def ask(
    chosen: Chosen, live: LiveModel, *,
    budget: Budget, say: Callable[[str], None], wait_for_model: float,
) -> tuple[str, ServiceGone | None]:  # fmt: skip
    """Have a model write the prose of a paper; what may stand is kept beside its source.

    Args:
        chosen: what the paper is about.
        live: the model.
        budget: what may be spent.
        say: is told what happens.
        wait_for_model: for how many seconds the model's service is waited for when it is away.

    Returns:
        What it cost, in words, and why it ended early if the service went away.
    """
    _, scene, _ = scenery(chosen)
    ideas = [f"- {told.name} ({template.name}): {told.title}. {told.experiment}"
             for _, template, _, told in chosen.ideas[:MOST_CHANGES]]  # fmt: skip
    tasks = [summary.template.prompt.task_description for summary in chosen.sweep.templates[:4]]
    changes = [
        "\n".join(f"{mark} {line}" for mark, line in zip(listing.marks, listing.lines, strict=True))
        for each in chosen.ideas[:MOST_CHANGES] if (listing := _change(chosen, each))
    ]  # fmt: skip
    story = "\n\n".join([*tasks, *ideas, *changes])
    chosen.source.mkdir(parents=True, exist_ok=True)
    exchanges = chosen.source / "exchanges"
    shutil.rmtree(exchanges, ignore_errors=True)
    with asking(live, exchanges, budget=budget, say=say, wait_for_model=wait_for_model) as asker:
        prose, gone = write_prose(scene, story, asker, live.model, say)
    prose.save(chosen.source)
    return asker.cost, gone


def write(chosen: Chosen, *, latex: bool = False, network: bool = False) -> Written:
    """Write a paper's source and compile it.

    Prose that lies in the source folder (`model_prose.Prose`) is taken in, as far as it may stand.

    Args:
        chosen: what it is about.
        latex: whether it becomes LaTeX, in the template's own `latex/template.tex`, and a PDF by
            pdflatex; else a PDF by typst.
        network: whether identifiers of references that a search found may be looked up.

    Raises:
        BonsaiError: it does not become a PDF; the text says why. The source is there.
    """
    source = chosen.source
    if source.exists():
        for path in source.iterdir():
            if path.suffix in (".png", ".typ", ".zip"):
                path.unlink()
    source.mkdir(parents=True, exist_ok=True)
    values, scene, references = scenery(chosen)
    written = load(source)
    prose, lost = written.checked(scene) if written else ({}, [])
    told = [(template, idea) for _, template, _, idea in chosen.ideas]
    reader = Reader(chosen.sweep.results)
    subjects = [
        _subject(reader, chosen, scene, each, number) for number, each in enumerate(chosen.ideas)
    ]
    archived = {(template.name, idea.folder) for template, idea in told}
    left_out = write_archive(chosen.sweep, source / ARCHIVE, archived)
    matter = Matter(
        report=chosen.report, values=values, subjects=subjects, whole=chosen.whole,
        figures=_sweep_figures(chosen), machine=_machine(reader, chosen),
        steps=_steps(chosen), hashes=_hashes(reader, chosen),
        archive=(f"{SOURCE}/{ARCHIVE}", _digest((source / ARCHIVE).read_bytes())),
        prose=prose,
        literature=_literature(references),
    )  # fmt: skip
    when = time.gmtime(chosen.report.ended or chosen.report.written)
    abstract, blocks = content.abstract(matter), content.blocks(matter)
    paper = Paper(
        title=_title(chosen, scene),
        about=f"Written by Bonsai {chosen.report.bonsai} from the ledger of a sweep; "
        "every number in it is a reference to a value that was measured."
        + (f" Prose by {written.by}." if written and prose else ""),
        date=(when.tm_year, when.tm_mon, when.tm_mday),
        abstract=abstract,
        blocks=blocks,
        values=values.shown,
        cited=_cited(abstract, blocks),
    )
    checked = check_identifiers(
        [each for each in references.values() if each.was_found], source, network=network
    )
    shown = {key: references[key].shown(checked) for key in paper.cited if key in references}
    write_source(paper, shown, source)
    pdf = chosen.home / PDF
    if latex:
        template = chosen.ideas[0][0].template.folder
        write_latex(paper, references, read_template(template), source / "latex")
        write_bytes(pdf, compile_latex(source / "latex").read_bytes())
    else:
        write_bytes(pdf, compile_pdf(source))
    notes = [f"left out of {ARCHIVE} for its size: {name}" for name in left_out]
    notes += [f"left out of {FILE}: {each.sentence} ({each.why})" for each in lost]
    if written and prose:
        notes.append(
            f"the prose is that of {source / FILE}, by {written.by}; without that file the paper "
            "has the report's own sentences"
        )
    return Written(pdf, notes)


def _cited(abstract: Spans, blocks: Sequence[Block]) -> list[str]:
    """Keys of the works that are cited, in the order in which they are met."""
    found: dict[str, None] = {}

    def look(value: object) -> None:
        if isinstance(value, Cite):
            found.setdefault(value.key)
        elif isinstance(value, BaseModel):
            for name in type(value).model_fields:
                look(getattr(value, name))
        elif isinstance(value, list | tuple):
            for each in value:
                look(each)

    look([*abstract, *blocks])
    return list(found)


def _literature(references: Mapping[str, Reference]) -> list[Spans]:
    """What may be cited, told by where it is named."""
    origins: dict[str, list[Spans]] = {}
    for key, reference in list(references.items())[:MOST_CITED]:
        origins.setdefault(reference.origin, []).append([Cite(key=key)])
    return [
        compose("Named in {origin}: {works}.", origin=origin, works=listed(works))
        for origin, works in origins.items()
    ]


def _title(chosen: Chosen, scene: Scene) -> str:
    """The question of a sweep, or the idea's title if it states no result."""
    if chosen.whole:
        return words.clean(chosen.report.question)
    told = chosen.ideas[0][3]
    title = " ".join(words.clean(told.title).split())
    checked = check_plan(title, scene)
    return title if title and not any(each.fault for each in checked) else told.folder


def _subject(
    reader: Reader, chosen: Chosen, scene: Scene,
    each: tuple[TemplateSummary, TemplateReport, IdeaSummary, IdeaReport], number: int,
) -> Subject:  # fmt: skip
    _, template, _, told = each
    folder = reader.results / template.name / told.folder
    change = _change(chosen, each) if not chosen.whole or number < MOST_CHANGES else None
    plots = [] if chosen.whole else _plots(reader, folder / "workspace", chosen.source, told)
    given, not_given = _quote(told.experiment, check_plan, scene)
    path = folder / "workspace" / "notes.txt"
    notes = None if told.given or chosen.whole else reader.excerpt(path, MAX_NOTES)
    explained, not_explained = _quote(_running(notes.text) if notes else "", check_words, scene)
    return Subject(
        template=template, idea=told, change=change, figures=plots,
        given=given if told.given is None else [], explained=explained,
        left_out=(not_given, not_explained),
    )  # fmt: skip


def _change(
    chosen: Chosen, each: tuple[TemplateSummary, TemplateReport, IdeaSummary, IdeaReport]
) -> Listing | None:
    """What the judged run of an idea changed; None where nothing did, or it cannot be read."""
    summary, template, tried, told = each
    run = told.best_run or (told.runs[-1].name if told.runs else "")
    if not run:
        return None
    reader = Reader(chosen.sweep.results)
    path = reader.results / template.name / told.folder / "workspace" / run / "experiment.py"
    if told.given is not None:
        path = reader.results / told.given.file
    before, after = reader.baseline_code(summary, tried), reader.code(path)
    if before is None or after is None:
        return None
    return listing_of(before, after, run, reader.name(path))


def _quote(
    text: str, check: Callable[[str, Scene], list[Sentence]], scene: Scene
) -> tuple[list[Spans], int]:
    """Somebody's words, a paragraph each, and how many sentences are left out."""
    quoted: list[Spans] = []
    left_out = 0
    for part in re.split(r"\n\s*\n", words.clean(text))[:MOST_QUOTED]:
        found = check(part, scene)
        left_out += sum(bool(each.fault) for each in found)
        if spans := joined([each.spans for each in found if not each.fault], " "):
            quoted.append(spans)
    return quoted, left_out


def _running(notes: str) -> str:
    """The agent's notes without headings, and with a paragraph for each item of a list."""
    lines = [line for line in notes.splitlines() if not line.lstrip().startswith("#")]
    return "\n".join(re.sub(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+", "\n", line) for line in lines)


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


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file that is never half there."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(content)
    temporary.replace(path)


__all__ = ["Chosen", "Written", "choose", "write"]
