"""From a results folder to a paper: gathers, writes the source, compiles."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel

from bonsai.base import listing, write_atomically
from bonsai.evaluation import BASELINE_RUN
from bonsai.models import Budget, LiveModel, ServiceGone, asking
from bonsai.paper import archive, content
from bonsai.paper.changes import listing_of
from bonsai.paper.checking import check_identifiers
from bonsai.paper.composing import code, compose, joined, listed
from bonsai.paper.document import Block, Cite, Listing, Paper, Spans
from bonsai.paper.latex import compile_latex, read_template, write_latex
from bonsai.paper.matter import Matter, Subject
from bonsai.paper.model_prose import FILE, load
from bonsai.paper.model_prose import write as write_prose
from bonsai.paper.pictures import figures_of, plots_of
from bonsai.paper.prose import Scene, Sentence, check_plan, check_words
from bonsai.paper.references import Reference, collect
from bonsai.paper.reproducing import digest, hashes_of, machine_of, steps_of
from bonsai.paper.scene import scene_of
from bonsai.paper.subjects import SOURCE, Chosen, Tried
from bonsai.paper.typesetting import compile_pdf, write_source
from bonsai.paper.values import Values
from bonsai.report import Source, story, words

PDF = "paper.pdf"
MOST_QUOTED = 12  # paragraphs of somebody's words
MOST_CITED = 30  # works that are named without a model
MOST_CHANGES = 8  # ideas with a listing in a paper on a whole sweep
MOST_NAMED = 3  # templates in a title


@dataclass(frozen=True)
class Written:
    """A paper that was written.

    Attributes:
        pdf: the file.
        notes: what a person should know, one sentence each.
    """

    pdf: Path
    notes: list[str] = field(default_factory=list)


def scenery(chosen: Chosen) -> tuple[Values, Scene, dict[str, Reference]]:
    """What a paper's prose may refer to: values, the scene around them, references.

    Args:
        chosen: what the paper is about.
    """
    told = [(template, idea) for _, template, _, idea in chosen.ideas]
    values = Values(chosen.report, told)
    for _, template, tried, idea in chosen.ideas:
        sealed = next((each for each in tried.entries if each.step == "claims" and each.ok), None)
        if sealed is not None:
            when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(sealed.time))
            source = Source(file="ledger.jsonl", line=sealed.line)
            key = f"{values.of_idea(template, idea)}sealed"
            values.add(key, when, None, f"when the claims of {idea.name} were sealed", [source])
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
        "\n".join(f"{mark} {line}" for mark, line in zip(code.marks, code.lines, strict=True))
        for each in chosen.ideas[:MOST_CHANGES]
        for code in _changes(chosen, each, controls=True)[0]
    ]  # fmt: skip
    before = "\n\n".join([*tasks, *ideas, *changes])
    chosen.source.mkdir(parents=True, exist_ok=True)
    exchanges = chosen.source / "exchanges"
    shutil.rmtree(exchanges, ignore_errors=True)
    with asking(live, exchanges, budget=budget, say=say, wait_for_model=wait_for_model) as asker:
        prose, gone = write_prose(scene, before, asker, live.model, say)
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
    _tidy(source)
    values, scene, references = scenery(chosen)
    written = load(source)
    prose, lost = written.checked(scene) if written else ({}, [])
    told = [(template, idea) for _, template, _, idea in chosen.ideas]
    reader = story.Reader(chosen.sweep.results)
    subjects = [
        _subject(reader, chosen, scene, each, number) for number, each in enumerate(chosen.ideas)
    ]
    archived = {(template.name, idea.folder) for template, idea in told}
    if chosen.whole:
        archived = {(template.name, idea.folder) for template, idea in chosen.report.ideas}
    left_out = archive.write_archive(chosen.sweep, source / archive.NAME, archived)
    matter = Matter(
        report=chosen.report, values=values, subjects=subjects, whole=chosen.whole,
        figures=figures_of(chosen), machine=machine_of(reader, chosen),
        steps=steps_of(chosen), hashes=hashes_of(reader, chosen),
        archive=(f"{SOURCE}/{archive.NAME}", digest((source / archive.NAME).read_bytes())),
        others=chosen.whole and len(told) < len(chosen.report.ideas),
        prose=prose,
        literature=_literature(references),
    )  # fmt: skip
    when = time.gmtime(chosen.report.ended or chosen.report.written)
    abstract, blocks = content.abstract(matter), content.blocks(matter)
    paper = Paper(
        title=_title(chosen, scene),
        about=f"Written by Bonsai {chosen.report.bonsai} from a ledger: every number in it is a "
        "reference to a measured value."
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
    entries = "\n\n".join(references[key].bibtex for key in shown)
    write_atomically(source / "references.bib", entries + "\n" * bool(entries))
    pdf = chosen.home / PDF
    if latex:
        template = chosen.ideas[0][0].template.folder
        write_latex(paper, references, read_template(template), source / "latex")
        write_atomically(pdf, compile_latex(source / "latex"))
    else:
        write_atomically(pdf, compile_pdf(source))
    notes = [f"left out of {archive.NAME} for its size: {name}" for name in left_out]
    notes += [f"left out of {FILE}: {each.sentence} ({each.why})" for each in lost]
    if written and prose:
        notes.append(
            f"the prose is that of {source / FILE}, by {written.by}; without that file the paper "
            "has the report's own sentences"
        )
    return Written(pdf, notes)


def _tidy(source: Path) -> None:
    """Make the folder of a paper's source, without what an earlier paper left there."""
    source.mkdir(parents=True, exist_ok=True)
    of_latex = [source / "latex" / name for name in ("template.tex", "values.tex")]
    for path in (*source.iterdir(), *of_latex):
        if path.suffix in (".png", ".typ", ".zip", ".tex"):
            path.unlink(missing_ok=True)
    if (source / "latex").is_dir() and not any((source / "latex").iterdir()):
        (source / "latex").rmdir()


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
        compose(
            "Works that are named in {origin}, and with which nothing here was compared: {works}.",
            origin=origin,
            works=listed(works),
        )
        for origin, works in origins.items()
    ]


def _title(chosen: Chosen, scene: Scene) -> str:
    """The question of a sweep, or the idea's title if it states no result."""
    if chosen.whole:
        names = [template.name for template in chosen.report.templates]
        where = listing(names) if len(names) <= MOST_NAMED else "several templates"
        if len(chosen.report.ideas) == 1:
            return words.clean(
                f"Does {chosen.report.ideas[0][1].name} beat the baseline of {where}?"
            )
        return words.clean(f"Which {chosen.report.wording.many} beat the baseline of {where}?")
    told = chosen.ideas[0][3]
    title = " ".join(words.clean(told.title).split())
    checked = check_plan(title, scene)
    return title if title and not any(each.fault for each in checked) else told.folder


def _subject(
    reader: story.Reader, chosen: Chosen, scene: Scene,
    each: Tried, number: int,
) -> Subject:  # fmt: skip
    _, template, _, told = each
    folder = reader.results / template.name / told.folder
    whole = chosen.whole
    changes, unchanged = (
        _changes(chosen, each, controls=not whole) if number < MOST_CHANGES else ([], False)
    )
    plots = [] if chosen.whole else plots_of(reader, folder / "workspace", chosen.source, told)
    given, not_given = _quote(told.experiment, check_plan, scene)
    path = folder / "workspace" / "notes.txt"
    notes = None if told.given or chosen.whole else reader.excerpt(path, story.MAX_NOTES)
    explained, not_explained = _quote(_running(notes.text) if notes else "", check_words, scene)
    return Subject(
        template=template, idea=told, changes=changes, unchanged=unchanged, figures=plots,
        given=given if told.given is None else [], explained=explained,
        left_out=(not_given, not_explained),
    )  # fmt: skip


def _changes(chosen: Chosen, each: Tried, *, controls: bool) -> tuple[list[Listing], bool]:
    """What the judged run of an idea changed, and what its controls have other than that run.

    Returns:
        The listings, and whether the run's program is surely that of the baseline.
    """
    summary, template, tried, told = each
    run = told.best_run or (told.runs[-1].name if told.runs else "")
    if not run:
        return [], False
    reader = story.Reader(chosen.sweep.results)
    workspace = reader.results / template.name / told.folder / "workspace"
    path = (workspace if told.search else workspace / run) / "experiment.py"
    if told.given is not None:
        path = reader.results / told.given.file
    before, after = reader.baseline_code(summary, tried), reader.code(path)
    if before is None or after is None:
        return [], False
    found = [listing_of(before, after, run, "the baseline", reader.name(path))]
    named = dict.fromkeys(claim.verdict.claim.against for claim in told.claims)
    for control in [name for name in named if name not in (BASELINE_RUN, run)] * controls:
        path = workspace / control / "experiment.py"
        if (program := reader.code(path)) is not None:
            found.append(listing_of(after, program, control, code(run), reader.name(path)))
    return [each for each in found if each is not None], found[0] is None


def _quote(
    text: str, check: Callable[[str, Scene], list[Sentence]], scene: Scene
) -> tuple[list[Spans], int]:
    """Somebody's words, a paragraph each, and how many sentences are left out."""
    quoted: list[Spans] = []
    left_out = 0
    for part in re.split(r"\n\s*\n", words.clean(text))[:MOST_QUOTED]:
        found = check(part, scene)
        kept = [each for each in found if not each.fault and not each.text.endswith(":")]
        left_out += len(found) - len(kept)
        if spans := joined([each.spans for each in kept], " "):
            quoted.append(spans)
    return quoted, left_out


def _running(notes: str) -> str:
    """The agent's notes without headings, and with a paragraph for each item of a list."""
    lines = [line for line in notes.splitlines() if not line.lstrip().startswith("#")]
    return "\n".join(re.sub(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+", "\n", line) for line in lines)
