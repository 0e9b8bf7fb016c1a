"""What a paper says of what came out: results, controls, what went wrong, limits, cost."""

from __future__ import annotations

from collections.abc import Iterator

from bonsai.evaluation import BASELINE_RUN
from bonsai.paper import tables
from bonsai.paper.composing import Part, code, compose, joined, listed, paragraph, strong
from bonsai.paper.document import Block, Items, Listing, Quotation, Spans, Table, Text
from bonsai.paper.matter import (
    Matter,
    Subject,
    claim_of,
    claim_told,
    is_search,
    key_of,
    named,
    outcome,
    prose_of,
    unfinished,
)
from bonsai.report import Run, TemplateReport

MOST_IDEAS = 40  # claims that are listed once more
MOST_TOLD = 8  # ideas whose outcome is told whatever it is; of more, the table has the undecided
MOST_FAILURES = 12


def results(matter: Matter) -> Iterator[Block]:
    """What the claims came to, with figures and metrics."""
    yield from prose_of(matter, "results")
    yield tables.verdicts(matter)
    for subject in matter.subjects:
        if len(matter.subjects) > MOST_TOLD and subject.idea.word not in ("supported", "refuted"):
            continue
        if matter.whole:
            yield paragraph(*outcome(matter, subject))
        else:
            for number in range(1, len(subject.idea.claims) + 1):
                yield paragraph(*claim_told(matter, subject, number))
        yield from _said_of(matter, subject)
    for template in matter.report.templates:
        yield from _contest(matter, template)
    yield from matter.figures
    for subject in matter.subjects:
        if (steps := tables.gains(matter, subject)) is not None:
            yield steps
        if not matter.whole:
            yield from tables.metrics(matter, subject)
        yield from subject.figures
    yield from prose_of(matter, "discussion")


def _said_of(matter: Matter, subject: Subject) -> Iterator[Block]:
    """What is said elsewhere of a program that was brought, and what was measured."""
    said, measured = (key_of(matter, subject, name) for name in ("said", "measured"))
    if said not in matter.values:
        return
    metric = code(subject.template.primary.name)
    yield Quotation(
        paragraphs=[compose("{metric}: {said}", metric=metric, said=matter.values.number(said))],
        whose=f"What is said of {subject.idea.name} elsewhere; nothing here rests on it.",
    )
    told = compose("It was not measured on fresh seeds.")
    if measured in matter.values:
        told = compose(
            "The mean {metric} of {idea} that was measured on fresh seeds is {measured}.",
            metric=metric, idea=named(matter, subject), measured=matter.values.number(measured),
        )  # fmt: skip
    yield paragraph(told)


def _contest(matter: Matter, template: TemplateReport) -> Iterator[Block]:
    """Whether a search with a model found more than its control."""
    found, begin = template.contest, f"{matter.values.of_template(template)}contest"
    if found is None or not matter.whole:
        return
    told = [
        compose(
            "{model} is a search with a model and {control} its control without, at equal "
            "computing. Whether the model's winner is ahead: {answer}.",
            model=code(found.model), control=code(found.control), answer=found.answer,
        )
    ]  # fmt: skip
    if f"{begin}.difference" in matter.values:
        told.append(
            compose(
                "The difference of the two winners in {metric} is {difference} on {seeds}.",
                metric=code(template.primary.name),
                difference=matter.values.number(f"{begin}.difference"),
                seeds=matter.values.number(f"{begin}.seeds"),
            )
        )
    yield paragraph(*told)


def controls(matter: Matter) -> Iterator[Block]:
    """What was checked, and claims against controls."""
    failed = [
        compose("{idea}, {run}: {check}", idea=named(matter, subject), run=code(run),
                check=check.name)
        for subject in matter.subjects for run, check in subject.idea.failed_checks
    ]  # fmt: skip
    names = {
        check.name
        for run in _all_runs(matter) for check in run.checks if check.passed
    }  # fmt: skip
    if names:
        listed_names = listed([[Text(text=name)] for name in sorted(names)])
        yield paragraph(
            compose("Of every run it was checked, and found to be so: {names}.", names=listed_names)
        )
    if failed:
        yield paragraph(compose("These checks failed, and count against what they are of:"))
        yield Items(items=failed)
    elif names:
        yield paragraph(compose("No check failed."))
    against = [
        claim_told(matter, subject, number)
        for subject in matter.subjects
        for number, claim in enumerate(subject.idea.claims, 1)
        if claim.verdict.claim.against != BASELINE_RUN
    ]
    if against and matter.whole:
        yield paragraph(
            compose("Claims against controls of the ideas' own, which separate what they add:")
        )
        yield Items(items=[joined(each, " ") for each in against])
    elif not against:
        yield paragraph(
            compose("The only control is the baseline: no claim was made against another run.")
        )


def _all_runs(matter: Matter) -> Iterator[Run]:
    for template in matter.report.templates:
        if template.baseline is not None:
            yield template.baseline
    for subject in matter.subjects:
        yield from (*subject.idea.runs, *subject.idea.fresh)


def wrong(matter: Matter) -> Iterator[Block]:
    """What did not hold, and what failed, as prominent as what did."""
    open_ones = [
        (subject, number)
        for subject in matter.subjects
        for number, claim in enumerate(subject.idea.claims, 1)
        if claim.verdict.word != "supported"
    ]
    if open_ones:
        yield paragraph(
            compose("These claims did not hold, or are not settled, and count as much as others:")
        )
        items = list(_open_by_verdict(matter, open_ones))
        for subject, number in open_ones if not items else ():
            key = key_of(matter, subject, f"claim_{number}.verdict")
            items.append(
                compose(
                    "{idea} {claim}: {verdict}", idea=named(matter, subject),
                    claim=claim_of(matter, subject, number),
                    verdict=matter.values.number(key, strong=True),
                )
            )  # fmt: skip
        yield Items(items=items)
    if ended := [subject.idea.name for subject in matter.subjects if subject.idea.ended_by_budget]:
        names = listed([[code(name)] for name in ended[:MOST_IDEAS]])
        yield paragraph(
            compose("A budget ended these before they were done: {names}.", names=names)
        )
    failures = [
        each for subject in matter.subjects for each in subject.idea.failures
    ]  # fmt: skip
    if not failures:
        yield paragraph(compose("No step failed."))
        return
    key = "sweep.failures" if matter.whole else key_of(matter, matter.subjects[0], "failures")
    yield paragraph(
        compose("{count} failed, and each cost its own try alone:", count=matter.values.number(key))
    )
    shown = failures[:MOST_FAILURES]
    yield Items(
        items=[
            compose(
                "{idea}, {step}: {kind} (ledger, line {line})", idea=code(each.idea),
                step=each.step, kind=each.kind, line=code(str(each.source.line)),
            )
            for each in shown
        ]
    )  # fmt: skip
    if len(failures) > len(shown):
        yield paragraph(compose("The others are in the ledger."))


def _open_by_verdict(matter: Matter, claims: list[tuple[Subject, int]]) -> Iterator[Spans]:
    """Many claims, by their verdict; nothing where they are few enough to be told one by one."""
    if len(claims) <= MOST_FAILURES:
        return
    for word in ("refuted", "undecided", "no result"):
        names = [
            named(matter, subject) for subject, number in claims
            if subject.idea.claims[number - 1].verdict.word == word
        ]  # fmt: skip
        if names:
            yield compose("{word}: {names}", word=strong(word), names=listed(names[:MOST_IDEAS]))


def limits(matter: Matter) -> Iterator[Block]:
    """What the measurements cannot tell."""
    yield from prose_of(matter, "limitations")
    told = [
        compose(
            "All that is measured holds for these data, this budget of training and this machine; "
            "nothing here says whether it carries over."
        ),
        compose(
            "An undecided claim is not a refuted one: the fresh seeds do not tell. A supported one "
            "may still be small."
        ),
    ]
    for subject in matter.subjects:
        key = key_of(matter, subject, "seeming")
        if key in matter.values and subject.idea.best_run and not matter.whole:
            told.append(
                compose(
                    "On the seeds that it was worked with and chosen on, {run} of {idea} differs "
                    "from the baseline by {seeming} in {metric}; such a figure flatters, and "
                    "nothing rests on it.",
                    run=code(subject.idea.best_run), idea=named(matter, subject),
                    seeming=matter.values.number(key), metric=code(subject.template.primary.name),
                )
            )  # fmt: skip
    if any(template.self_reported for template in matter.report.templates):
        told.append(compose("Self-reported scores are as honest as the program that wrote them."))
    told += unfinished(matter)
    yield Items(items=told)


def cost(matter: Matter) -> Iterator[Block]:
    """What it took."""
    values, report = matter.values, matter.report
    begin = "sweep." if matter.whole else key_of(matter, matter.subjects[0], "")
    runs = values.number(f"{begin}runs")
    what: Part = compose(
        "{runs} on the seeds {worked_with}, and those on fresh seeds",
        runs=runs, worked_with=report.wording.worked_with,
    )  # fmt: skip
    if is_search(matter):
        what = "those of the search, and those on fresh seeds"
    told = [
        compose("The experiments ({what}) took {time}.", what=what,
                time=values.number(f"{begin}run_time"))
    ]  # fmt: skip
    if f"{begin}usd" in values:
        told.append(
            compose(
                "The language model took {tokens} and {usd}; {whose}.",
                tokens=values.number(f"{begin}tokens"), usd=values.number(f"{begin}usd"),
                whose=report.whose,
            )
        )  # fmt: skip
    else:
        told.append(
            compose(
                "The language model took {tokens}, whose price is not known; {whose}.",
                tokens=values.number(f"{begin}tokens"),
                whose=report.whose,
            )
        )
    yield paragraph(*told)


def reproduce(matter: Matter) -> Iterator[Block]:
    """How anybody gets these results again."""
    name, digest = matter.archive
    yield paragraph(
        compose(
            "{archive} holds the ledger, the settings, the result files that the ledger names, the "
            "programs of the runs and the template. Its SHA-256 is {digest}. Unpacked, these "
            "commands make the report and this paper again, and measure the program anew on seeds "
            "that nobody has seen:",
            archive=code(name),
            digest=code(digest),
        )
    )
    yield Listing(
        caption=compose("From the archive to results of one's own."), language="sh",
        lines=matter.steps,
    )  # fmt: skip
    yield Table(
        caption=compose("SHA-256 of what the results rest on."),
        header=[compose("file"), compose("SHA-256")],
        rows=[[[code(file)], [code(value)]] for file, value in matter.hashes],
        wide=0,
    )
