"""What a paper is made from, and the sentences that several of its sections share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bonsai.evaluation import BASELINE_RUN
from bonsai.paper.composing import Part, code, compose, paragraph
from bonsai.paper.document import Block, Figure, Listing, Spans
from bonsai.paper.values import Values
from bonsai.report import IdeaReport, Judged, Report, TemplateReport


@dataclass(frozen=True)
class Subject:
    """An idea that a paper is about.

    Attributes:
        template: its template.
        idea: the idea.
        given: its own words, as they were given before any result; what is left out is counted.
        explained: what the agent wrote of it afterwards, likewise.
        left_out: of these, how many sentences were left out.
        changes: what its judged run changed, and what its controls have other than that.
        unchanged: whether its program is that of the baseline; else it may not be known.
        figures: pictures of it, in the paper's folder.
    """

    template: TemplateReport
    idea: IdeaReport
    given: list[Spans] = field(default_factory=list)
    explained: list[Spans] = field(default_factory=list)
    left_out: tuple[int, int] = (0, 0)
    changes: list[Listing] = field(default_factory=list)
    unchanged: bool = False
    figures: list[Figure] = field(default_factory=list)


@dataclass(frozen=True)
class Matter:
    """What a paper is made from.

    Attributes:
        report: the sweep.
        values: the values, by key.
        subjects: the ideas that it is about.
        whole: whether it is about the whole sweep.
        figures: of the sweep.
        machine: what is known of data and machine, each with its name.
        steps: commands that make the results again, each with what it does.
        hashes: of files, by name.
        archive: the archive's name and its SHA-256.
        others: whether there are more ideas than those.
        prose: paragraphs that a model wrote, by field.
        literature: what may be cited, by where it is named.
    """

    report: Report
    values: Values
    subjects: list[Subject]
    whole: bool
    figures: list[Figure]
    machine: list[tuple[str, str]]
    steps: list[str]
    hashes: list[tuple[str, str]]
    archive: tuple[str, str]
    others: bool = False
    prose: Mapping[str, Sequence[Spans]] = field(default_factory=dict)
    literature: list[Spans] = field(default_factory=list)


def is_search(matter: Matter) -> bool:
    """Whether all that was tried are searches."""
    return all(subject.idea.search is not None for subject in matter.subjects)


def unfinished(matter: Matter) -> list[Spans]:
    """Says so where the sweep is not over."""
    if matter.report.finished:
        return []
    return [compose("The sweep was not finished when this was written: verdicts may still change.")]


def others(matter: Matter) -> list[Spans]:
    """Says so where not all ideas of a sweep are told."""
    if not matter.others:
        return []
    return [
        compose(
            "Told here are {told} with the least doubt, whatever their verdict; all others are in "
            "the ledger and the report.", told=matter.values.number("sweep.told"),
        )
    ]  # fmt: skip


def quoted_from(left_out: int) -> str:
    """Says of somebody's words that not all of them are there."""
    if not left_out:
        return ""
    return (
        " Sentences that state numbers or results by themselves are left out; the file holds them."
    )


def prose_of(matter: Matter, *fields: str) -> Iterator[Block]:
    """What a model wrote for some fields, a paragraph each."""
    for name in fields:
        if matter.prose.get(name):
            yield paragraph(*matter.prose[name])


def key_of(matter: Matter, subject: Subject, key: str) -> str:
    """A key of an idea's values."""
    return matter.values.of_idea(subject.template, subject.idea) + key


def named(matter: Matter, subject: Subject) -> Spans:
    """An idea's name; with its template's where there are several."""
    name = code(subject.idea.name)
    if len(matter.report.templates) == 1:
        return [name]
    return compose("{idea} on {template}", idea=name, template=code(subject.template.name))


def claim_of(matter: Matter, subject: Subject, number: int) -> Spans:
    """A claim in words: what it moves, by how much at least, against what."""
    claim = subject.idea.claims[number - 1].verdict.claim
    key = key_of(matter, subject, f"claim_{number}.smallest_effect")
    by: Part = (
        compose(" by {effect} at least", effect=matter.values.number(key))
        if key in matter.values
        else ""
    )
    against: Part = (
        "" if claim.against == BASELINE_RUN
        else compose(", against its control {run}", run=code(claim.against))
    )  # fmt: skip
    verb = "lowers" if claim.direction == "lower" else "raises"
    return compose(
        "{verb} {metric}{by}{against}", verb=verb, metric=code(claim.metric), by=by, against=against
    )


def outcome(matter: Matter, subject: Subject) -> list[Spans]:
    """How the first claim of an idea ended, in sentences, whatever the verdict is."""
    idea, values = subject.idea, matter.values
    own = " (scores are self-reported)" if subject.template.self_reported else ""
    said = compose(
        "The claim that {idea} {claim} {has} {verdict}{own}.",
        idea=named(matter, subject), claim=claim_of(matter, subject, 1), own=own,
        has="has" if idea.word == "no result" else "is",
        verdict=values.number(key_of(matter, subject, "claim_1.verdict"), strong=True),
    )  # fmt: skip
    if key_of(matter, subject, "claim_1.difference") not in values:
        return [said, compose("{why}", why=why_none(idea.main, idea))]
    return [*compared(matter, subject, 1), said]


def _baseline(matter: Matter, subject: Subject) -> Part:
    if len(matter.report.templates) == 1:
        return "the baseline"
    return compose("the baseline on {template}", template=code(subject.template.name))


def compared(matter: Matter, subject: Subject, number: int) -> list[Spans]:
    """What was measured for a claim, in a sentence with run and metric beside each figure."""
    values, claim = matter.values, subject.idea.claims[number - 1].verdict.claim
    begin = key_of(matter, subject, f"claim_{number}")
    other: Part = (
        _baseline(matter, subject) if claim.against == BASELINE_RUN
        else compose("its control {run}", run=code(claim.against))
    )  # fmt: skip
    run = subject.idea.claims[number - 1].verdict.run or ""
    chosen = ""
    if number == 1 and matter.report.wording.edited:
        by = "the winner of the search" if subject.idea.search else "chosen by a validation metric"
        chosen = f", {by},"
    found = [
        compose(
            "On {seeds}, {run} of {idea}{chosen} has a mean {metric} of {value}, and {other} has a "
            "mean {metric} of {compared}.",
            seeds=values.number(f"{begin}.seeds"), run=code(run), idea=named(matter, subject),
            chosen=chosen, metric=code(claim.metric), value=values.number(f"{begin}.value"),
            other=other, compared=values.number(f"{begin}.other"),
        )
    ]  # fmt: skip
    if f"{begin}.low" in values:
        found.append(
            compose(
                "The difference in {metric} is {difference}, with a {level} interval from {low} "
                "to {high}.",
                metric=code(claim.metric), difference=values.number(f"{begin}.difference"),
                level=values.number("test.interval"), low=values.number(f"{begin}.low"),
                high=values.number(f"{begin}.high"),
            )
        )  # fmt: skip
    else:
        comparison = subject.idea.claims[number - 1].verdict.comparison
        exact = comparison is not None and comparison.exact
        found.append(
            compose(
                "The difference in {metric} is {difference}; {sure}.",
                metric=code(claim.metric),
                difference=values.number(f"{begin}.difference"),
                sure="it is exact, since no seed changes either figure" if exact
                else "nothing tells how far it may vary",
            )
        )  # fmt: skip
    return found


def why_none(claim: Judged, idea: IdeaReport) -> str:
    """Why there is no figure for a claim, without numbers."""
    if idea.state != "done":
        return f"It is {idea.state}."
    if not idea.runs:
        return "It came to no run at all, which refutes nothing."
    return "No run of it was judged on fresh seeds, which refutes nothing."


def claim_told(matter: Matter, subject: Subject, number: int) -> list[Spans]:
    """What a claim came to, with all its figures."""
    key = key_of(matter, subject, f"claim_{number}.verdict")
    said = compose(
        "The claim that {idea} {claim} {has} {verdict}.", idea=named(matter, subject),
        has="has" if subject.idea.claims[number - 1].verdict.word == "no result" else "is",
        claim=claim_of(matter, subject, number), verdict=matter.values.number(key, strong=True),
    )  # fmt: skip
    if key_of(matter, subject, f"claim_{number}.difference") not in matter.values:
        return [said, compose("{why}", why=why_none(subject.idea.claims[number - 1], subject.idea))]
    return [*compared(matter, subject, number), said]
