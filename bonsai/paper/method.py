"""What a paper says of how an idea was tried: what changed, what is the agent's own telling."""

from __future__ import annotations

from collections.abc import Iterator

from bonsai.evaluation import BASELINE_RUN
from bonsai.paper.composing import code, compose, listed, paragraph, plainly
from bonsai.paper.document import Block, Heading, Quotation, Spans
from bonsai.paper.matter import Matter, Subject, key_of, named, prose_of, quoted_from
from bonsai.report import SearchReport

MOST_TOLD = 8  # ideas that are told one by one; of more, those whose change is shown


def method(matter: Matter) -> Iterator[Block]:
    """How the ideas were tried."""
    yield from prose_of(matter, "method")
    for subject in matter.subjects:
        if len(matter.subjects) > MOST_TOLD and not (subject.changes or subject.idea.search):
            continue
        made = list(_of_subject(matter, subject))
        if matter.whole and made:
            yield Heading(level=2, text=plainly(named(matter, subject)))
        yield from made


def _of_subject(matter: Matter, subject: Subject) -> Iterator[Block]:
    idea = subject.idea
    if idea.given is not None:
        origin = code(idea.given.origin)
        by = compose(", made by {engine},", engine=idea.given.engine) if idea.given.engine else ""
        yield paragraph(
            compose(
                "The program was brought from {origin}{by} and is judged as it is: its SHA-256 is "
                "{digest}.", origin=origin, by=by, digest=code(idea.given.sha256),
            )
        )  # fmt: skip
    elif idea.search is not None:
        yield paragraph(*_searched(matter, subject, idea.search))
    elif idea.runs:
        yield paragraph(*_tried(matter, subject))
    yield from subject.changes
    if subject.unchanged:
        run = code(idea.best_run or idea.runs[-1].name)
        yield paragraph(
            compose("The program of {run} is that of the baseline, but for comments.", run=run)
        )
    if subject.explained:
        yield paragraph(compose("What the agent itself wrote in {notes}:", notes=code("notes.txt")))
        whose = "The agent's own words, which nobody checked."
        yield Quotation(
            paragraphs=subject.explained, whose=whose + quoted_from(subject.left_out[1])
        )


def _tried(matter: Matter, subject: Subject) -> list[Spans]:
    """What runs there were, and which of them are judged."""
    idea, values = subject.idea, matter.values
    told = [
        compose(
            "{idea} came to {runs} on the seeds that the agent worked with.",
            idea=named(matter, subject), runs=values.number(key_of(matter, subject, "runs")),
        )
    ]  # fmt: skip
    if idea.best_run is not None:
        told.append(
            compose(
                "A validation metric chose {run} among them, and it is what the verdicts are on.",
                run=code(idea.best_run),
            )
        )
    if controls := controls_of(subject):
        told.append(
            compose(
                "{runs} {are} its own: what {run} has beyond {it} is what the idea adds.",
                runs=listed([[code(name)] for name in controls]),
                are="is a control of" if len(controls) == 1 else "are controls of",
                run=code(idea.best_run or ""), it="it" if len(controls) == 1 else "them",
            )
        )  # fmt: skip
    return told


def controls_of(subject: Subject) -> list[str]:
    """Runs of an idea that its claims compare it with."""
    ran = {run.name for run in (*subject.idea.runs, *subject.idea.fresh)}
    named = dict.fromkeys(claim.verdict.claim.against for claim in subject.idea.claims)
    return [
        name for name in named
        if name != BASELINE_RUN and name in ran and name != subject.idea.best_run
    ]  # fmt: skip


def _searched(matter: Matter, subject: Subject, search: SearchReport) -> list[Spans]:
    """What a search looked at, and what that took."""
    values = matter.values

    def number(name: str) -> Spans:
        return [values.number(key_of(matter, subject, name))]

    by = listed([[code(name)] for name in search.proposers])
    told = [
        compose(
            "{idea} is a search for a better version of {template}: it looked at {candidates}{by}.",
            idea=named(matter, subject), template=code(subject.template.name),
            candidates=number("candidates"),
            by=compose(", made by {by}", by=by) if by else "",
        )
    ]  # fmt: skip
    spent = [
        compose("{runs} {why}", runs=number(f"{stage}_runs"), why=why)
        for stage, why in (
            ("search", "to find the best"), ("race", "in a race of the best"),
            ("verdict", "for the verdict, the template's among them"),
        )
        if stage in search.runs
    ]  # fmt: skip
    if spent:
        told.append(
            compose(
                "It spent {runs}; each step has seeds of its own. Before the verdict this took "
                "{time} of computing.", runs=listed(spent), time=number("search_time"),
            )
        )  # fmt: skip
    told.append(
        compose(
            "A candidate could take {slowdown} the template's computing time at most.",
            slowdown=number("max_slowdown"),
        )
    )
    if search.winner is None:
        told.append(compose("No candidate was taken on for a verdict."))
    return told
