"""The tables of a paper's results: verdicts, metrics of the runs, what a search's winner gained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bonsai.paper.composing import code, compose, listed
from bonsai.paper.document import Spans, Table, Text
from bonsai.paper.matter import Matter, Subject, claim_of, key_of, named
from bonsai.report import Run, TemplateReport, words

MOST_ROWS = 60  # of a table of verdicts
MOST_RUNS = 4  # columns of a table of metrics, beside the baseline
MOST_METRICS = 12  # rows of it
LEFT_OUT = "–"


def verdicts(matter: Matter) -> Table:
    """Every claim with its verdict, difference, interval, seeds and p-value."""
    rows = [row for subject in matter.subjects for row in _verdict_rows(matter, subject)]
    caption = compose(
        "The claims, on fresh seeds: verdict, difference with its {level} interval, how many "
        "seeds, and the p-value after Holm's correction. The first claim of each {one} is that it "
        "improves the metric that its template is judged by.",
        level=matter.values.number("test.interval"), one=matter.report.wording.one,
    )  # fmt: skip
    header = ["claim", "verdict", "difference", "interval", "seeds", "p (Holm)"]
    return Table(
        caption=caption, header=[compose(each) for each in header], rows=rows[:MOST_ROWS], wide=0
    )


def _verdict_rows(matter: Matter, subject: Subject) -> Iterator[list[Spans]]:
    values = matter.values
    for number, claim in enumerate(subject.idea.claims, 1):
        begin = key_of(matter, subject, f"claim_{number}")
        told: Spans = [*named(matter, subject), Text(text=" "), *claim_of(matter, subject, number)]

        def cell(name: str, begin: str = begin) -> Spans:
            key = f"{begin}.{name}"
            return [values.number(key)] if key in values else compose(LEFT_OUT)

        between = (
            compose("{low} to {high}", low=cell("low"), high=cell("high"))
            if f"{begin}.low" in values else compose(LEFT_OUT)
        )  # fmt: skip
        yield [
            told, [values.number(f"{begin}.verdict", strong=claim.verdict.word != "no result")],
            cell("difference"), between, cell("seeds.bare"), cell("p.bare"),
        ]  # fmt: skip


def metrics(matter: Matter, subject: Subject) -> Iterator[Table]:
    """The metrics of an idea's runs beside the baseline's, a column each."""
    idea, template = subject.idea, subject.template
    if idea.fresh and template.fresh:
        yield _metrics(matter, subject, "fresh", idea.fresh[:MOST_RUNS], template.fresh)
    if idea.runs and template.baseline and idea.search is None:
        yield _metrics(matter, subject, "agent", idea.runs[:MOST_RUNS], template.baseline)


def _metrics(matter: Matter, subject: Subject, kind: str, runs: Sequence[Run], base: Run) -> Table:
    template, values = subject.template, matter.values
    columns = [f"{values.of_template(template)}baseline.{kind}"]
    columns += [key_of(matter, subject, f"{run.name}.{kind}") for run in runs]
    rows = []
    for metric in _shown(template, base):
        keys = [f"{column}.{metric}.bare" for column in columns]
        told = template.metrics.get(metric)
        unit = f" ({told.unit})" if told and told.unit else ""
        rows.append(
            [compose("{metric}{unit}", metric=code(metric), unit=unit),
             *(compose("{it}", it=values.number(key) if key in values else LEFT_OUT)
               for key in keys)]
        )  # fmt: skip
    counts = {len(run.seeds) for run in (base, *runs)}
    seeds: Spans = [values.number(f"{columns[0]}.seeds")]
    if len(counts) > 1:
        told_seeds = listed([[values.number(f"{column}.seeds")] for column in columns])
        seeds = compose("{seeds}, in the order of the columns", seeds=told_seeds)
    worked_with = f"the seeds {matter.report.wording.worked_with}, on which nothing rests"
    return Table(
        caption=compose(
            "Metrics of the baseline and of the runs of {idea} on {where}: mean and standard error "
            "over seeds ({seeds}).",
            idea=named(matter, subject), seeds=seeds,
            where="fresh seeds" if kind == "fresh" else worked_with,
        ),
        header=[
            compose("metric"),
            compose("baseline"),
            *(compose("{run}", run=code(run.name)) for run in runs),
        ],
        rows=rows,
    )  # fmt: skip


def _shown(template: TemplateReport, base: Run) -> list[str]:
    """The metrics of a table: those that the scorer knows, else whatever the program reports."""
    known = [name for name in template.metrics if name in base.means]
    return (known or list(base.means))[:MOST_METRICS]


def gains(matter: Matter, subject: Subject) -> Table | None:
    """What the winner of a search gained step by step; None where there is nothing to tell."""
    search, values = subject.idea.search, matter.values
    if search is None or not search.gains:
        return None
    rows: list[list[Spans]] = []
    for number, gain in enumerate(search.gains, 1):
        begin = key_of(matter, subject, f"gain_{number}")
        rows.append(
            [
                compose("{stage}", stage=gain.stage),
                compose("{against}", against=words.version(gain.against)),
                [values.number(f"{begin}.seeds")],
                [values.number(f"{begin}.difference")],
            ]
        )
    return Table(
        caption=compose(
            "The difference in {metric} of the winner of {idea}, at each step on seeds of its own: "
            "what is chosen for its figures falls back.",
            metric=code(subject.template.primary.name), idea=named(matter, subject),
        ),
        header=[compose(each) for each in ("step", "against", "seeds", "difference")],
        rows=rows,
    )  # fmt: skip
