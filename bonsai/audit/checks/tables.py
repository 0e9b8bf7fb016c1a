"""The numbers of tables: rows and columns name run, metric and data set, in whichever order.

A row that names no run is given the run that explains most of its cells; what then does not fit is
contradicted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from bonsai.audit.checks.bold import Line, Place, bold
from bonsai.audit.document import Block, Cell, Document
from bonsai.audit.facts import Compared, Facts, Metric
from bonsai.audit.findings import Finding, Kind, Status, Sure
from bonsai.audit.numbers import Unit, numbers
from bonsai.audit.statements import of_seeds
from bonsai.audit.subjects import dataset_mentions, metric_mentions, run_mentions
from bonsai.audit.tracing import (
    SECONDS,
    Candidate,
    deviations,
    differences,
    fit,
    is_time,
    levels,
    of_verdict,
    scales,
    stale,
    verdict_values,
)
from bonsai.audit.wording import OTHERS, is_named, shortened

DIFFERENCE = re.compile(
    r"Δ|\bdelta\b|\bdiff(?:erence|\.)?s?\b|\bvs\.?\s|\bversus\b|\bgain\b|\bimprovement\b|\bchange\b"
    r"|\brelative\b|\breduction\b|\bincrease\b|\bover baseline\b|\bspeed-?up\b",
    re.IGNORECASE,
)
SPREAD = re.compile(
    r"^\s*(?:±|\+/-)|\bstd(?:err|\.|ev)?\b|\bs\.?[de]\.?m?\.?(?!\w)|\bdeviation\b"
    r"|\bstandard error\b|\bstd\b|\bspread\b",
    re.IGNORECASE,
)
COUNT = re.compile(r"\bseeds?\b|\bn\b|\b#|\bcount\b|\bruns\b", re.IGNORECASE)
P = re.compile(r"\bp\b(?:[\s-]?values?)?|\bholm\b", re.IGNORECASE)
INTERVAL = re.compile(r"\bintervals?\b|\bci\b", re.IGNORECASE)
UNIT = re.compile(
    r"(?:[(\[]\s*(?:in\s+)?|,\s*|/\s*|\sin\s+|(?<=[a-z])\s(?=%|ms|min|sec|MB|GB|pp))"
    r"(%|percent|points|pp|ms|µs|μs|us|min|seconds|sec|s|h|MB|GB)\s*[)\]]?\s*[↑↓]?\s*$"
)
UNITS: dict[str, Unit] = {
    "%": "%", "percent": "%", "points": "points", "pp": "points", "ms": "ms", "µs": "µs",
    "μs": "µs", "us": "µs", "min": "min", "seconds": "s", "sec": "s", "s": "s", "h": "h",
    "MB": "MB", "GB": "GB",
}  # fmt: skip
AVERAGE = re.compile(r"\b(?:average|avg|mean|overall|all)\b", re.IGNORECASE)
MOST_SHARE = 0.5  # of the cells of an unnamed row that must fit one run, at least


def tables(document: Document, facts: Facts) -> Iterator[Finding]:
    """Rows on the numbers of a paper's tables."""
    for block in document.blocks:
        if block.kind == "table" and block.rows and not OTHERS.search(block.section):
            yield from _table(block, facts)


def _table(block: Block, facts: Facts) -> Iterator[Finding]:
    width = max(len(row) for row in block.rows)
    header = max(1, block.header_rows) if len(block.rows) > 1 else 0
    body = block.rows[header:]
    caption = _line(block.caption, facts)
    columns = [
        _line(
            " ".join(dict.fromkeys(row[n].text for row in block.rows[:header] if n < len(row))),
            facts,
        )
        for n in range(width)
    ]
    for n in range(1, width):  # `Δ` beside a metric is of that metric
        if columns[n].kind == "difference" and not columns[n].metrics:
            columns[n] = replace(columns[n], metrics=columns[n - 1].metrics)
    stub = _stub(body)
    rows = [_line(" ".join(cell.text for cell in row[:stub]), facts) for row in body]
    places = [
        place
        for r, row in enumerate(body)
        for c, cell in enumerate(row)
        if c >= stub
        for place in _places(r, c, cell, rows[r], columns[c], caption, facts)
    ]
    for place in places:
        place.runs = of_seeds(place.runs, block.caption)
        place.claim = _claim(rows[place.row], facts)
    if not places:
        return
    unnamed = not any(place.runs for place in places)
    _match(places, facts)
    _assign(places, facts)
    for place in places:
        yield from _tell(block, place, rows[place.row], columns[place.column], unnamed, facts)
    yield from bold(block, places, rows, columns)


def _stub(body: Sequence[Sequence[Cell]]) -> int:
    """How many columns at the left name the rows."""
    width = max((len(row) for row in body), default=0)
    for column in range(width):
        cells = [row[column].text for row in body if column < len(row) and row[column].text]
        numeric = [cell for cell in cells if _is_numeric(cell)]
        if cells and len(numeric) * 2 > len(cells):
            return max(1, column)
    return 1


NUMERIC = re.compile(r"^[\s(\[]*(?:p\s*)?[=<>≈~≤≥]?\s*[+\-−±]?\s*[\d.]*\d")


def _claim(row: Line, facts: Facts) -> Compared | None:
    """The claim that a row is about: its heading holds the claim's own words."""
    text = " ".join(row.text.split())
    stated = [each for each in facts.compared if each.claim and each.claim in text]

    def fits(each: Compared) -> tuple[int, int]:
        """How many parts of its run's name stand there too: template and idea; then its length."""
        parts = {each.idea, *each.run.split(" (")[0].split("/")[:-1]} - {""}
        return sum(is_named(part, text) for part in parts), len(each.claim)

    return max(stated, key=fits, default=None)


def _is_numeric(text: str) -> bool:
    """Whether a cell is a number with what belongs to it, as a unit, and no name."""
    letters = sum(letter.isalpha() for letter in text)
    return bool(NUMERIC.match(text)) and letters <= 30 and len(text.split()) <= 8


def _line(text: str, facts: Facts) -> Line:
    runs = [run.name for mention in run_mentions(text, facts) for run in mention.runs]
    named = metric_mentions(text, facts)
    best = [each for each in named if each.whole] or named
    metrics = tuple(dict.fromkeys(metric for each in best for metric in each.metrics))
    datasets = tuple(dict.fromkeys(name for name, _, _ in dataset_mentions(text, facts)))
    found = UNIT.search(re.sub(r"\s+(?:mean|avg)$", "", text))
    unit: Unit = UNITS[found.group(1)] if found else "%" if re.search(r"\(%\)|\[%\]", text) else ""
    if not metrics and unit in SECONDS:
        metrics = tuple(_times(text, facts))
    kind = "level"
    if SPREAD.search(text):
        kind = "spread"
    elif INTERVAL.search(text):
        kind = "interval"
    elif P.search(text) and not metrics:
        kind = "p"
    elif DIFFERENCE.search(text):
        kind = "difference"
    elif COUNT.search(text) and not metrics and not runs:
        kind = "count"
    return Line(text, tuple(dict.fromkeys(runs)), metrics, datasets, unit, kind)


def _times(text: str, facts: Facts) -> Iterator[Metric]:
    """The times that a heading like `Train (s)` may mean."""
    words = {word[:4] for word in re.findall(r"[a-z]{3,}", text.lower())} - {"time", "seco", "mean"}
    for metric in facts.metrics.values():
        if is_time(metric):
            own = {word[:4] for word in re.findall(r"[a-z]{3,}", metric.name.lower())}
            if not words or words & own:
                yield metric


def _places(
    r: int, c: int, cell: Cell, row: Line, column: Line, caption: Line, facts: Facts
) -> Iterator[Place]:
    found = [
        number for number in numbers(cell.text) if not number.is_label or _is_numeric(cell.text)
    ]
    if not found or (not _is_numeric(cell.text) and len(cell.text) > 40):
        return
    kinds = [each.kind for each in (column, row) if each.kind != "level"]
    kind = kinds[0] if kinds else "level"
    metrics = column.metrics or row.metrics or caption.metrics
    if column.metrics and row.metrics:
        metrics = tuple(m for m in column.metrics if m in row.metrics) or column.metrics
    runs = row.runs or column.runs
    if row.runs and column.runs:
        runs = tuple(name for name in row.runs if name in column.runs) or row.runs
    if named := tuple(name for name in runs if name in caption.runs):
        runs = named  # `run_1` of the idea that the caption names
    if not runs and caption.runs and len(set(caption.runs)) == 1:
        runs = caption.runs
    datasets = (*column.datasets, *row.datasets) or (
        caption.datasets if len(caption.datasets) == 1 else ()
    )
    if AVERAGE.search(column.text) or AVERAGE.search(row.text):
        datasets = ()
    unit = column.unit or row.unit or caption.unit
    for place, number in enumerate(found):
        told = number if number.unit or not unit else replace(number, unit=unit)
        here = kind
        if place > 0 and kind == "level" and number.value >= 0 and re.search(
            r"\(\s*$", cell.text[: number.start]
        ):  # fmt: skip
            here = "difference" if number.signed else "spread"
        yield Place(r, c, cell, told, runs, metrics, datasets, here, bool(runs))


def _candidates(place: Place, runs: Sequence[str], facts: Facts) -> list[Candidate]:
    number, metrics = place.number, place.metrics or tuple(facts.metrics.values())
    if place.claim is not None and place.kind in ("difference", "interval", "p"):
        return list(of_verdict(number, place.claim, facts))
    if place.kind == "difference":
        size = replace(number, value=abs(number.value))
        others = [run.name for run in facts.runs.values() if run.is_baseline] or list(facts.runs)
        found = [
            replace(each, value=each.value * each.sign if number.signed else each.value)
            for each in differences(size, runs, others, metrics, place.datasets, facts)
        ]
        return [*found, *_verdicts(place, runs, facts)]
    if place.kind in ("interval", "p"):
        return list(verdict_values(number, metrics, facts))
    if place.kind == "spread":
        return list(deviations(number, runs, metrics, place.datasets, facts))
    return list(levels(number, runs, metrics, place.datasets, facts))


def _verdicts(place: Place, runs: Sequence[str], facts: Facts) -> Iterator[Candidate]:
    of = {run.split(" (")[0] for run in runs}
    for each in facts.compared:
        metric = facts.metrics.get(each.metric)
        if each.mean is None or each.run.split(" (")[0] not in of or metric is None:
            continue
        for factor in scales(place.number, metric, facts):
            value = each.mean * factor
            told = f"{each.metric} of {each.run} differs from {each.against} by {each.mean:+.4g}"
            yield Candidate(
                value if place.number.signed else abs(value),
                told,
                each.source,
                each.run,
                each.metric,
            )


def _match(places: list[Place], facts: Facts) -> None:
    for place in places:
        place.candidates = _candidates(place, place.runs or tuple(facts.runs), facts)
        place.hit = _best(place)


def _best(place: Place) -> Candidate | None:
    return next(
        (each for each in place.candidates if fit(place.number, each.value) == "fits"), None
    )


def _assign(places: list[Place], facts: Facts) -> None:
    """Give rows, or columns, that name no run the run that explains most of their cells."""
    for way in ("row", "column"):
        lines = sorted({getattr(place, way) for place in places})
        for line in lines:
            own = [
                place for place in places
                if getattr(place, way) == line and not place.named and place.kind == "level"
                and place.metrics
            ]  # fmt: skip
            if len(own) < 2 or (way == "column" and any(place.runs for place in own)):
                continue
            counts = {
                run: sum(
                    any(each.run == run and fit(place.number, each.value) == "fits"
                        for each in place.candidates) for place in own
                ) for run in facts.runs
            }  # fmt: skip
            run, most = max(counts.items(), key=lambda item: item[1], default=("", 0))
            if most < 2 or most < MOST_SHARE * len(own):
                continue
            for place in own:
                place.runs = (run,)
                place.candidates = [each for each in place.candidates if each.run == run]
                place.hit = _best(place)


def _tell(
    block: Block, place: Place, row: Line, column: Line, unnamed: bool, facts: Facts
) -> Iterator[Finding]:
    number = place.number
    where = f"{shortened(row.text, 50)} / {shortened(column.text, 40)}".strip(" /")
    said = f"{place.cell.text} ({where})"

    def tell(
        status: Status, sure: Sure, found: str, source: str = "", kind: Kind = "number"
    ) -> Finding:
        return Finding(kind, status, sure, block.place, said, found, source)

    if place.kind == "count":
        yield tell("untraced", "possible", "It counts something.")
        return
    if place.hit:
        yield tell("traced", "sure", f"{place.hit.told}.", place.hit.source)
        return
    if place.kind in ("interval", "p"):
        if place.candidates and facts.compared and place.runs:
            near = min(place.candidates, key=lambda each: abs(each.value - number.value))
            found = f"No such figure is on record; the nearest: {near.told}."
            yield tell("contradicted", "likely", found, near.source)
        else:
            yield tell("untraced", "possible", "Nothing is known of it.")
        return
    if not place.metrics:
        yield from _unknown(place, facts, tell)
        return
    if place.kind == "spread":
        yield tell("untraced", "possible", "It is held against the seeds elsewhere.")
        return
    every = tuple(facts.runs)
    old = [each for each in stale(number, place.runs or every, place.metrics, facts)
           if fit(number, each.value) == "fits"]  # fmt: skip
    right = f" On record: {place.candidates[0].told}." if place.candidates and place.runs else ""
    if old:
        yield tell(
            "contradicted", "sure", f"That is out of date: {old[0].told}.{right}", old[0].source
        )
        return
    near_ones = [each for each in place.candidates if fit(number, each.value) == "rounded"]
    if near_ones and place.runs:
        each = near_ones[0]
        run = facts.runs.get(each.run)
        helps = None if each.gain is None or (run and run.is_baseline) else (
            (number.value > each.value) == each.gain
        )  # fmt: skip
        status: Status = "note" if helps is False else "contradicted"
        how = "It is rounded the wrong way" + ", in favour of the paper" * bool(helps)
        yield tell(status, "sure", f"{how}: {each.told}.", each.source)
        return
    known = [
        each for metric in place.metrics for each in facts.measured if each.metric == metric.name
    ]
    if not known or (place.runs and not place.candidates and not _wrong_unit(place, facts)):
        yield tell("untraced", "possible", "Nothing is on record for this cell.")
        return
    unit = _wrong_unit(place, facts)
    if unit:
        yield tell("contradicted", "sure", f"The unit is wrong: {unit.told}.", unit.source)
        return
    loose = replace_runs(place, every, facts)
    elsewhere = next((each for each in loose if fit(number, each.value) == "fits"), None)
    if elsewhere and place.runs:
        sure: Sure = "sure" if place.named else "likely"
        yield tell(
            "contradicted",
            sure,
            f"That belongs elsewhere: {elsewhere.told}.{right}",
            elsewhere.source,
        )
        return
    if place.runs:
        yield tell("contradicted", "sure" if place.named else "likely",
                   f"No such value is on record.{right}",
                   place.candidates[0].source if place.candidates else "")  # fmt: skip
        return
    names = ", ".join(metric.name for metric in place.metrics[:3])
    yield tell("unsupported", "likely", f"No run has this value of {names}.")


def replace_runs(place: Place, runs: Sequence[str], facts: Facts) -> list[Candidate]:
    """What a cell's number may be in any run, and on any data set."""
    return _candidates(replace(place, datasets=()), runs, facts)


def _unknown(place: Place, facts: Facts, tell: object) -> Iterator[Finding]:
    """A number of which no heading says what it is."""
    number = place.number
    settings = [known for known in facts.known if fit(number, known.value) == "fits"]
    assert callable(tell)
    if place.candidates and _best(place):
        hit = _best(place)
        assert hit is not None
        yield tell("traced", "possible", f"{hit.told}.", hit.source)
    elif settings:
        yield tell(
            "traced",
            "possible",
            f"{settings[0].name} is {settings[0].value:g}.",
            settings[0].source,
        )
    else:
        yield tell("untraced", "possible", "No heading says what it is.")


def _wrong_unit(place: Place, facts: Facts) -> Candidate | None:
    number = place.number
    if not number.unit or place.kind != "level":
        return None
    every: tuple[Unit, ...] = ("", "%", "s", "ms", "min")
    for unit in every:
        if unit == number.unit:
            continue
        other = replace(number, unit=unit)
        for each in levels(
            other, place.runs or tuple(facts.runs), place.metrics, place.datasets, facts
        ):
            if fit(other, each.value) == "fits":
                return each
    return None
