"""What a paper says, section by section, where no model writes it."""

from __future__ import annotations

from collections.abc import Iterator

from bonsai.paper import outcomes
from bonsai.paper.composing import Part, code, compose, joined, listed, paragraph, plainly, strong
from bonsai.paper.document import (
    Block,
    Heading,
    Items,
    Quotation,
    Spans,
    Table,
)
from bonsai.paper.matter import (
    Matter,
    claim_of,
    is_search,
    key_of,
    named,
    others,
    outcome,
    prose_of,
    quoted_from,
    unfinished,
)
from bonsai.paper.method import method
from bonsai.templates import SELF_REPORTED

MOST_TOLD = 3  # ideas whose outcome an abstract tells one by one
MOST_HEADED = 8  # ideas that have a section each; of more, claims stand in a table


def abstract(matter: Matter) -> Spans:
    """The abstract: what was asked, what came out, how sure it is."""
    if "abstract" in matter.prose:
        return joined([*matter.prose["abstract"], *_untold(matter), *unfinished(matter)], " ")
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
                *outcome(matter, subject),
                *unfinished(matter),
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
    told = [
        sentence
        for subject in matter.subjects[:MOST_TOLD] for sentence in outcome(matter, subject)
        if len(matter.subjects) <= MOST_TOLD
    ]  # fmt: skip
    templates = listed([[code(each.name)] for each in report.templates])
    tried = compose(
        "We tried {ideas} on {templates}, in {runs} on the seeds {worked_with}, and judged what "
        "came of them on fresh seeds {unseen}.",
        ideas=values.number("sweep.ideas"), templates=templates, runs=values.number("sweep.runs"),
        worked_with=report.wording.worked_with, unseen=report.wording.unseen,
    )  # fmt: skip
    if is_search(matter):
        tried = compose(
            "{ideas} looked for a better version of {templates}; the winner was judged on fresh "
            "seeds {unseen}.",
            ideas=listed([named(matter, subject) for subject in matter.subjects]),
            templates=templates, unseen=report.wording.unseen,
        )  # fmt: skip
    if not report.runs:
        ideas = values.number("sweep.ideas")
        tried = compose(
            "Of {ideas} on {templates} none came to a run.", ideas=ideas, templates=templates
        )
    return joined(
        [
            tried,
            compose("Of their first claims, {counts}.", counts=listed(counts)),
            *told,
            *unfinished(matter),
        ],
        " ",
    )  # fmt: skip


def _untold(matter: Matter) -> Iterator[Spans]:
    """Verdicts that a model's abstract leaves out, whatever they are."""
    told = {span.key for each in matter.prose["abstract"] for span in each if span.kind == "number"}
    if matter.whole:
        return
    for subject in matter.subjects:
        if key_of(matter, subject, "claim_1.verdict") not in told:
            yield outcome(matter, subject)[-1]


def blocks(matter: Matter) -> list[Block]:
    """All sections of the paper."""
    parts = (
        ("Question and claims", _question),
        ("Related work", _related),
        ("Method", method),
        ("Protocol", _protocol),
        ("Results", outcomes.results),
        ("Controls", outcomes.controls),
        ("What went wrong", outcomes.wrong),
        ("Limits", outcomes.limits),
        ("Cost", outcomes.cost),
        ("How to reproduce", outcomes.reproduce),
    )
    found: list[Block] = []
    for title, section in parts:
        if made := list(section(matter)):
            found += [Heading(text=title), *made]
    return found


def _question(matter: Matter) -> Iterator[Block]:
    yield from prose_of(matter, "introduction")
    if matter.whole:
        yield paragraph(
            compose(
                "The question of {ideas}: what beats the baseline of its template? Each claims at "
                "least that it improves the metric that its template is judged by.",
                ideas=matter.values.number("sweep.ideas"),
            ),
            *others(matter),
        )
    if len(matter.subjects) > MOST_HEADED:
        yield from _claims_of_many(matter)
        return
    sealed = f"were sealed in the ledger before {matter.report.wording.first}"
    for subject in matter.subjects:
        idea = subject.idea
        if matter.whole:
            yield Heading(level=2, text=plainly(named(matter, subject)))
        if subject.given:
            whose = f"The {matter.report.wording.one} as it was given, before any result."
            yield Quotation(
                paragraphs=subject.given, whose=whose + quoted_from(subject.left_out[0])
            )
        claims = [
            compose(
                "It was claimed that {idea} {claim}.",
                idea=named(matter, subject),
                claim=claim_of(matter, subject, number),
            )
            for number in range(1, len(idea.claims) + 1)
        ]
        key = key_of(matter, subject, "sealed")
        when: Part = (
            compose(", at {when}", when=matter.values.number(key)) if key in matter.values else ""
        )
        if idea.seal:
            yield paragraph(
                compose(
                    "Its claims {sealed}{when}, so none was chosen by its result. Their seal is "
                    "the SHA-256 {seal}.",
                    sealed=sealed, when=when, seal=code(idea.seal),
                )
            )  # fmt: skip
        else:
            yield paragraph(
                compose("It came to no sealed claims, so the first claim of every idea stands.")
            )
        yield Items(items=claims)


def _claims_of_many(matter: Matter) -> Iterator[Block]:
    """What many ideas claim, a row each."""
    rows = []
    for subject in matter.subjects:
        claims = [
            claim_of(matter, subject, number) for number in range(1, len(subject.idea.claims) + 1)
        ]
        key = key_of(matter, subject, "sealed")
        rows.append(
            [
                compose("{idea}", idea=named(matter, subject)), joined(claims, "; "),
                compose("{it}", it=matter.values.number(key) if key in matter.values else "–"),
            ]
        )  # fmt: skip
    yield Table(
        caption=compose(
            "What is claimed, and when it was sealed in the ledger, before {first}; the ledger has "
            "the seals.", first=matter.report.wording.first,
        ),
        header=[compose(each) for each in (matter.report.wording.one, "claims", "sealed")],
        rows=rows, wide=1,
    )  # fmt: skip


def _related(matter: Matter) -> Iterator[Block]:
    yield from prose_of(matter, "related work")
    if matter.literature:
        yield paragraph(*matter.literature)


def _protocol(matter: Matter) -> Iterator[Block]:
    report, values = matter.report, matter.values
    wording = report.wording
    judged = "on fresh seeds " + wording.unseen
    looks: Part = (
        compose(", after {looks} of them", looks=values.number("sweep.looks"))
        if "sweep.looks" in values else ""
    )  # fmt: skip
    chosen = (
        "Each program is judged just as it was brought," if not wording.edited
        else "The winner of a search is judged" if is_search(matter)
        else "The run that a validation metric chose is judged"
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
    about = {subject.template.name for subject in matter.subjects}
    for template in [each for each in report.templates if each.name in about]:
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
