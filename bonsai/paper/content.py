"""What a paper says, section by section, where no model writes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bonsai.evaluation import BASELINE_RUN
from bonsai.paper.composing import Part, code, compose, joined, listed, paragraph, strong
from bonsai.paper.document import (
    Block,
    Figure,
    Heading,
    Items,
    Listing,
    Quotation,
    Spans,
    Table,
    Text,
)
from bonsai.paper.values import Values
from bonsai.report import words
from bonsai.report.shapes import IdeaReport, Judged, Report, Run, TemplateReport
from bonsai.templates import SELF_REPORTED

MOST_RUNS = 4  # columns of a table of metrics, beside the baseline
MOST_METRICS = 12  # rows of it
MOST_IDEAS = 40  # rows of a table of verdicts
MOST_FAILURES = 12
FIRST_WORDS = {"supported": "supported", "refuted": "refuted", "undecided": "undecided"}


@dataclass(frozen=True)
class Subject:
    """An idea that a paper is about.

    Attributes:
        template: its template.
        idea: the idea.
        given: its own words, as they were given before any result; what is left out is counted.
        explained: what the agent wrote of it afterwards, likewise.
        left_out: of these, how many sentences were left out.
        change: what its judged run changed.
        figures: pictures of it, in the paper's folder.
    """

    template: TemplateReport
    idea: IdeaReport
    given: list[Spans] = field(default_factory=list)
    explained: list[Spans] = field(default_factory=list)
    left_out: tuple[int, int] = (0, 0)
    change: Listing | None = None
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
        prose: paragraphs that a model wrote, by field.
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
    prose: Mapping[str, Sequence[Spans]] = field(default_factory=dict)


def abstract(matter: Matter) -> Spans:
    """The abstract: what was asked, what came out, how sure it is."""
    if "abstract" in matter.prose:
        return joined(matter.prose["abstract"], " ")
    report, values = matter.report, matter.values
    if not matter.whole:
        subject = matter.subjects[0]
        return joined(
            [
                compose(
                    "{idea} is {one} on {template}, judged by {metric}.",
                    idea=code(subject.idea.name), one=report.wording.a,
                    template=code(subject.template.name),
                    metric=code(subject.template.primary.name),
                ),
                *_outcome(matter, subject),
                *_unfinished(matter),
            ],
            " ",
        )  # fmt: skip
    counts = [
        compose("{number} {word}", number=values.number(f"sweep.{key}"), word=word)
        for key, word in (
            ("supported", "supported"), ("refuted", "refuted"), ("undecided", "undecided"),
            ("no_result", "without a result"),
        )
    ]  # fmt: skip
    return joined(
        [
            compose(
                "We tried {ideas} on {templates}, in {runs} on the seeds {worked_with}, and "
                "judged each on fresh seeds {unseen}.",
                ideas=values.number("sweep.ideas"),
                templates=listed([[code(each.name)] for each in report.templates]),
                runs=values.number("sweep.runs"), worked_with=report.wording.worked_with,
                unseen=report.wording.unseen,
            ),
            compose("Of their first claims, {counts}.", counts=listed(counts)),
            *_unfinished(matter),
        ],
        " ",
    )  # fmt: skip


def blocks(matter: Matter) -> list[Block]:
    """All sections of the paper."""
    parts = (
        ("Question and claims", _question), ("Method", _method), ("Protocol", _protocol),
        ("Results", _results), ("Controls", _controls), ("What went wrong", _wrong),
        ("Limits", _limits), ("Cost", _cost), ("How to reproduce", _reproduce),
    )  # fmt: skip
    found: list[Block] = []
    for title, section in parts:
        if made := list(section(matter)):
            found += [Heading(text=title), *made]
    return found


def _prose(matter: Matter, *fields: str) -> Iterator[Block]:
    """What a model wrote for some fields, a paragraph each."""
    for name in fields:
        if matter.prose.get(name):
            yield paragraph(*matter.prose[name])


def _unfinished(matter: Matter) -> list[Spans]:
    if matter.report.finished:
        return []
    return [compose("The sweep was not finished when this was written: verdicts may still change.")]


def _key(matter: Matter, subject: Subject, key: str) -> str:
    return matter.values.of_idea(subject.template, subject.idea) + key


def _claim(matter: Matter, subject: Subject, number: int) -> Spans:
    """A claim in words: what it moves, by how much at least, against what."""
    claim = subject.idea.claims[number - 1].verdict.claim
    key = _key(matter, subject, f"claim_{number}.smallest_effect")
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


def _outcome(matter: Matter, subject: Subject) -> list[Spans]:
    """How the first claim of an idea ended, in sentences, whatever the verdict is."""
    idea, values = subject.idea, matter.values
    own = " (scores are self-reported)" if subject.template.self_reported else ""
    said = compose(
        "The claim that it {claim} is {verdict}{own}.",
        claim=_claim(matter, subject, 1), own=own,
        verdict=values.number(_key(matter, subject, "claim_1.verdict"), strong=True),
    )  # fmt: skip
    if _key(matter, subject, "claim_1.difference") not in values:
        return [said, compose("{why}", why=_why(idea.main, idea))]
    return [*_compared(matter, subject, 1), said]


def _compared(matter: Matter, subject: Subject, number: int) -> list[Spans]:
    """What was measured for a claim, in a sentence with run and metric beside each figure."""
    values, claim = matter.values, subject.idea.claims[number - 1].verdict.claim
    begin = _key(matter, subject, f"claim_{number}")
    other: Part = (
        "the baseline" if claim.against == BASELINE_RUN
        else compose("its control {run}", run=code(claim.against))
    )  # fmt: skip
    run = subject.idea.claims[number - 1].verdict.run or ""
    chosen = (
        ", chosen by a validation metric," if matter.report.wording.edited and number == 1 else ""
    )
    found = [
        compose(
            "On {seeds}, {run} of {idea}{chosen} has a mean {metric} of {value}, and {other} has "
            "{compared}.",
            seeds=values.number(f"{begin}.seeds"), run=code(run), idea=code(subject.idea.name),
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
        found.append(
            compose(
                "The difference in {metric} is {difference}; nothing tells how far it may vary.",
                metric=code(claim.metric),
                difference=values.number(f"{begin}.difference"),
            )
        )
    return found


def _why(claim: Judged, idea: IdeaReport) -> str:
    """Why there is no figure for a claim, without numbers."""
    if idea.state != "done":
        return f"It is {idea.state}."
    if not idea.runs:
        return "It came to no run at all, which refutes nothing."
    return "No run of it was judged on fresh seeds, which refutes nothing."


def _question(matter: Matter) -> Iterator[Block]:
    yield from _prose(matter, "introduction")
    if matter.whole:
        yield paragraph(
            compose(
                "The question of {ideas}: which of them beat the baseline of their template? Each "
                "claims at least that it improves the metric that its template is judged by.",
                ideas=matter.values.number("sweep.ideas"),
            )
        )
    sealed = f"were sealed in the ledger before {matter.report.wording.first}"
    for subject in matter.subjects:
        idea = subject.idea
        if matter.whole:
            yield Heading(level=2, text=words.clean(idea.name))
        if subject.given:
            whose = f"The {matter.report.wording.one} as it was given, before any result."
            yield Quotation(paragraphs=subject.given, whose=whose + _left_out(subject.left_out[0]))
        claims = [
            compose("{idea} {claim}", idea=code(idea.name), claim=_claim(matter, subject, number))
            for number in range(1, len(idea.claims) + 1)
        ]
        if idea.seal:
            yield paragraph(
                compose(
                    "Its claims {sealed}, so none was chosen by its result. Their seal is the "
                    "SHA-256 {seal}.",
                    sealed=sealed, seal=code(idea.seal),
                )
            )  # fmt: skip
        else:
            yield paragraph(
                compose("It came to no sealed claims, so the first claim of every idea stands.")
            )
        yield Items(items=claims)


def _left_out(count: int) -> str:
    if not count:
        return ""
    return (
        " Sentences that state numbers or results by themselves are left out; the file holds them."
    )


def _method(matter: Matter) -> Iterator[Block]:
    yield from _prose(matter, "method")
    for subject in matter.subjects:
        idea = subject.idea
        if matter.whole and (subject.explained or subject.change):
            yield Heading(level=2, text=words.clean(idea.name))
        if idea.given is not None:
            yield paragraph(
                compose(
                    "The program was brought from {origin} and is judged as it is: its SHA-256 is "
                    "{digest}.",
                    origin=code(idea.given.origin),
                    digest=code(idea.given.sha256),
                )
            )
        if subject.change is not None:
            yield subject.change
        elif idea.runs and idea.search is None:
            yield paragraph(
                compose(
                    "The program of {run} is that of the baseline, but for comments.",
                    run=code(idea.best_run or idea.runs[-1].name),
                )
            )
        if subject.explained:
            whose = "The agent's own words from notes.txt, which nobody checked."
            yield Quotation(
                paragraphs=subject.explained, whose=whose + _left_out(subject.left_out[1])
            )


def _protocol(matter: Matter) -> Iterator[Block]:
    report, values = matter.report, matter.values
    wording = report.wording
    judged = "on fresh seeds " + wording.unseen
    looks: Part = (
        compose(", after {looks} of them", looks=values.number("sweep.looks"))
        if "sweep.looks" in values else ""
    )  # fmt: skip
    chosen = (
        "The run that a validation metric chose is judged" if wording.edited
        else "Each program is judged just as it was brought,"
    )  # fmt: skip
    yield paragraph(
        compose(
            "{chosen} {judged}{looks}. A difference is taken seed by seed, against the baseline or "
            "a control on the same seeds. It counts as sure if the larger p-value of a paired "
            "t-test and an exact sign-flip test is below {level}, two-sided, after a correction "
            "for the planned looks (Bonferroni) and for all claims of the sweep (Holm). Intervals "
            "are Student's, of {interval}, corrected for the looks alone.",
            chosen=chosen, judged=judged, looks=looks, level=values.number("test.level"),
            interval=values.number("test.interval"),
        ),
        compose(
            "A claim is supported if its metric surely moved as claimed, and on average by the "
            "smallest effect at least; refuted if it surely did not move by that much; undecided "
            "if neither is sure."
        ),
    )  # fmt: skip
    for template in report.templates:
        begin = values.of_template(template)
        if template.self_reported:
            yield paragraph(
                compose(
                    "Scores of {template} are {own}: no frozen scorer measures them, and they are "
                    "those that the program wrote.", template=code(template.name),
                    own=strong(SELF_REPORTED),
                )
            )  # fmt: skip
        if template.baseline is None:
            yield paragraph(
                compose("There is no baseline of {template}, so {untried}.",
                        template=code(template.name), untried=wording.untried)
            )  # fmt: skip
            continue
        fresh: Part = (
            compose(" and on {seeds}", seeds=values.number(f"{begin}baseline.fresh.seeds"))
            if template.fresh else ""
        )  # fmt: skip
        yield paragraph(
            compose(
                "On {template}, the data are {data}; the baseline was run on {seeds}{fresh}.",
                template=code(template.name), data=code(template.baseline.dataset), fresh=fresh,
                seeds=values.number(f"{begin}baseline.agent.seeds"),
            )
        )  # fmt: skip
    if matter.machine:
        yield Table(
            caption=compose("Data, machine and versions, as the baseline's run recorded them."),
            header=[compose("what"), compose("which")],
            rows=[[compose("{it}", it=name), [code(what)]] for name, what in matter.machine],
            wide=1,
        )


def _results(matter: Matter) -> Iterator[Block]:
    yield from _prose(matter, "results")
    shown = matter.subjects[:MOST_IDEAS]
    rows = [row for subject in shown for row in _verdict_rows(matter, subject, first=matter.whole)]
    what = "first claim of every idea" if matter.whole else "claims"
    caption = compose(
        "The {what}, on fresh seeds: verdict, difference with its {level} interval, how many "
        "seeds, and the p-value after Holm's correction. The first claim of each is that it "
        "improves the metric that its template is judged by.",
        what=what, level=matter.values.number("test.interval"),
    )  # fmt: skip
    header = ["claim", "verdict", "difference", "interval", "seeds", "p (Holm)"]
    yield Table(caption=caption, header=[compose(each) for each in header], rows=rows, wide=0)
    if len(matter.subjects) > len(shown):
        yield paragraph(compose("The other ideas are in the report's table."))
    for subject in matter.subjects:
        if matter.whole:
            yield paragraph(*_outcome(matter, subject))
        else:
            for number in range(1, len(subject.idea.claims) + 1):
                yield paragraph(*_claim_told(matter, subject, number))
    yield from matter.figures
    for subject in matter.subjects:
        if (table := _metrics(matter, subject)) is not None and not matter.whole:
            yield table
        yield from subject.figures
    yield from _prose(matter, "discussion")


def _claim_told(matter: Matter, subject: Subject, number: int) -> list[Spans]:
    key = _key(matter, subject, f"claim_{number}.verdict")
    said = compose(
        "The claim that {idea} {claim} is {verdict}.", idea=code(subject.idea.name),
        claim=_claim(matter, subject, number), verdict=matter.values.number(key, strong=True),
    )  # fmt: skip
    if _key(matter, subject, f"claim_{number}.difference") not in matter.values:
        return [said, compose("{why}", why=_why(subject.idea.claims[number - 1], subject.idea))]
    return [*_compared(matter, subject, number), said]


def _verdict_rows(matter: Matter, subject: Subject, *, first: bool) -> Iterator[list[Spans]]:
    values = matter.values
    for number, claim in enumerate(subject.idea.claims[: 1 if first else None], 1):
        begin = _key(matter, subject, f"claim_{number}")
        told: Spans = [code(subject.idea.name), Text(text=" "), *_claim(matter, subject, number)]

        def cell(name: str, begin: str = begin) -> Spans:
            key = f"{begin}.{name}"
            return [values.number(key)] if key in values else compose("–")

        between = (
            compose("{low} to {high}", low=cell("low"), high=cell("high"))
            if f"{begin}.low" in values else compose("–")
        )  # fmt: skip
        yield [
            told, [values.number(f"{begin}.verdict", strong=claim.verdict.word != "no result")],
            cell("difference"), between, cell("seeds"), cell("p"),
        ]  # fmt: skip


def _metrics(matter: Matter, subject: Subject) -> Table | None:
    """The metrics of the runs on fresh seeds, else on the agent's: a column each."""
    template, idea, values = subject.template, subject.idea, matter.values
    kind, runs = ("fresh", idea.fresh) if idea.fresh else ("agent", idea.runs)
    base = template.fresh if idea.fresh else template.baseline
    runs = runs[:MOST_RUNS]
    if not runs or base is None:
        return None
    begin = values.of_template(template)
    columns = [f"{begin}baseline.{kind}"]
    columns += [_key(matter, subject, f"{run.name}.{kind}") for run in runs]
    metrics = [name for name in template.metrics if name in base.means][:MOST_METRICS]
    rows = []
    for metric in metrics:
        keys = [f"{column}.{metric}" for column in columns]
        cells = [compose("{it}", it=values.number(key) if key in values else "–") for key in keys]
        rows.append([compose("{metric}", metric=code(metric)), *cells])
    seeds = listed([[values.number(f"{column}.seeds")] for column in columns])
    where = "on fresh seeds" if kind == "fresh" else "on the seeds that the agent worked with"
    return Table(
        caption=compose(
            "Metrics of the baseline and of the runs of {idea} {where}: mean and standard error "
            "over seeds ({seeds}, in the order of the columns).",
            idea=code(idea.name), where=where, seeds=seeds,
        ),
        header=[
            compose("metric"),
            compose("baseline"),
            *(compose("{run}", run=code(run.name)) for run in runs),
        ],
        rows=rows,
    )  # fmt: skip


def _controls(matter: Matter) -> Iterator[Block]:
    failed = [
        compose("{idea}, {run}: {check}", idea=code(subject.idea.name), run=code(run),
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
        _claim_told(matter, subject, number)
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


def _wrong(matter: Matter) -> Iterator[Block]:
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
        items = []
        for subject, number in open_ones[:MOST_IDEAS]:
            key = _key(matter, subject, f"claim_{number}.verdict")
            items.append(
                compose(
                    "{idea} {claim}: {verdict}", idea=code(subject.idea.name),
                    claim=_claim(matter, subject, number), verdict=matter.values.number(key),
                )
            )  # fmt: skip
        yield Items(items=items)
    failures = [
        each for subject in matter.subjects for each in subject.idea.failures
    ]  # fmt: skip
    if not failures:
        yield paragraph(compose("No step failed."))
        return
    key = "sweep.failures" if matter.whole else _key(matter, matter.subjects[0], "failures")
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


def _limits(matter: Matter) -> Iterator[Block]:
    yield from _prose(matter, "limitations")
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
        key = _key(matter, subject, "seeming")
        if key in matter.values and subject.idea.best_run and not matter.whole:
            told.append(
                compose(
                    "On the seeds that it was worked with and chosen on, {run} of {idea} differs "
                    "from the baseline by {seeming} in {metric}; such a figure flatters, and "
                    "nothing rests on it.",
                    run=code(subject.idea.best_run), idea=code(subject.idea.name),
                    seeming=matter.values.number(key), metric=code(subject.template.primary.name),
                )
            )  # fmt: skip
    if any(template.self_reported for template in matter.report.templates):
        told.append(compose("Self-reported scores are as honest as the program that wrote them."))
    told += _unfinished(matter)
    yield Items(items=told)


def _cost(matter: Matter) -> Iterator[Block]:
    values, report = matter.values, matter.report
    begin = "sweep." if matter.whole else _key(matter, matter.subjects[0], "")
    runs = values.number(f"{begin}runs")
    told = [
        compose(
            "The experiments ({runs} on the seeds {worked_with}, and those on fresh seeds) took "
            "{time}.", runs=runs, worked_with=report.wording.worked_with,
            time=values.number(f"{begin}run_time"),
        )
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


def _reproduce(matter: Matter) -> Iterator[Block]:
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
        wide=1,
    )
