"""What stands behind ±, and over how many seeds, against what was measured."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bonsai.audit.document import Block, Document
from bonsai.audit.facts import Facts, Measured
from bonsai.audit.findings import Finding
from bonsai.audit.wording import (
    NOT_CLAIMED,
    OTHERS,
    PROSE,
    around,
    claims,
    metrics,
    plain,
    sentences,
    shortened,
    words,
)

Spread = Literal["error", "deviation", "interval"]
WORDS: dict[Spread, str] = {
    "error": "the standard error",
    "deviation": "the standard deviation",
    "interval": "half of the 95 % interval",
}
SAYS: dict[Spread, re.Pattern[str]] = {
    "error": re.compile(r"\bstandard errors?\b|\bstd\.? ?err\w*|\bSE\b|\bs\.e\.|\bSEM\b", re.I),
    "deviation": re.compile(r"\bstandard deviations?\b|\bstd\b(?!\.? ?err)|\bSD\b|\bs\.d\.", re.I),
    "interval": re.compile(
        r"\b95\s*% (?:confidence )?intervals?\b|\bconfidence intervals?\b", re.I
    ),
}
PLUS_MINUS = re.compile(
    r"(?<![\d.])(?P<mean>[-−+]?\d+(?:,\d{3})*(?:\.\d+)?)\s*%?[\s_{($^]*(?:±|\+/-|\+-)\s*(?P<spread>\d+(?:\.\d+)?)"
)
NUMBER = re.compile(r"^[\s$({*]*(?P<number>[-−+]?\d+(?:,\d{3})*(?:\.\d+)?)\s*%?[\s$)}*]*$")
NAMES = words("zero one two three four five six seven eight nine ten eleven twelve")
COUNTS = {**{name: number for number, name in enumerate(NAMES)}, "single": 1, "twenty": 20}
COUNT = rf"(?P<count>\d{{1,4}}|{'|'.join(COUNTS)})"
SEEDS = re.compile(
    rf"\b{COUNT}\s+(?:\w+\s+)?(?:random\s+|different\s+|independent\s+|fresh\s+)*"
    r"(?:seeds?|repetitions|repeats|replicates|independent\s+runs|random\s+initiali[sz]ations)\b"
    rf"|\bseeds?\s+(?:per|for each|a)\s+\w+\s*[:=]\s*(?P<after>\d{{1,4}})\b"
    rf"|\bn\s*=\s*(?P<n>\d{{1,4}})\s+seeds\b"
    rf"|\brepeated\s+(?P<times>\d{{1,4}}|{'|'.join(COUNTS)})\s+times\b",
    re.I,
)
NO_COUNT = re.compile(
    r"\b(?:after|up to|at most|at least|more than|fewer than|less than|about|planned|looks?|another"
    r"|further|additional|further|analys[ei]s)\b",
    re.I,
)


@dataclass(frozen=True)
class _Stated:
    """A mean and what stands behind its ±."""

    text: str
    mean: str
    spread: str
    row: str
    column: str
    says: Spread | None = None


def spreads(document: Document, facts: Facts) -> Iterator[Finding]:
    """Every ± against the seeds, what it is said to be, and how many seeds there are said to be."""
    said_anywhere = _says(" ".join(block.text for block in document.blocks if block.kind in PROSE))
    for at, block in enumerate(document.blocks):
        if OTHERS.search(block.section):
            continue
        if block.kind == "table":
            near = [each.text for each in document.blocks[max(0, at - 1) : at + 2]
                    if each.kind == "caption"]  # fmt: skip
            said = _says(block.caption or " ".join(near)) or said_anywhere
            yield from _spreads(block, list(_of_table(block)), said, facts)
        elif block.kind in ("abstract", "paragraph", "caption"):
            for sentence in sentences(block.text):
                stated = [
                    _Stated(found.group(), found["mean"], found["spread"], sentence, sentence)
                    for found in PLUS_MINUS.finditer(sentence)
                ]
                yield from _spreads(block, stated, _says(sentence) or said_anywhere, facts)
    yield from _counts(document, facts)


def _says(text: str) -> Spread | None:
    """What a text says that ± is; None where it says nothing, or several things."""
    found = [spread for spread, pattern in SAYS.items() if pattern.search(text)]
    return found[0] if len(found) == 1 else None


def _of_table(block: Block) -> Iterator[_Stated]:
    above = block.rows[: block.header_rows]
    width = max((len(row) for row in block.rows), default=0)
    columns = [[row[at].text for row in above if at < len(row)] for at in range(width)]
    heads = [" ".join(dict.fromkeys(column)) for column in columns]
    lasts = block.rows[block.header_rows - 1] if block.header_rows else ()
    for row in block.rows[block.header_rows :]:
        first = row[0].text if row else ""
        for at, cell in enumerate(row):
            for found in PLUS_MINUS.finditer(cell.text):
                yield _Stated(found.group(), found["mean"], found["spread"], first, heads[at])
            # A column of its own, behind that of the mean.
            says = _says(lasts[at].text) if at < len(lasts) and len(lasts[at].text) < 20 else None
            own, before = NUMBER.match(cell.text), NUMBER.match(row[at - 1].text) if at else None
            if says and own and before:
                text = f"{before['number']} ± {own['number']}"
                yield _Stated(text, before["number"], own["number"], first, heads[at - 1], says)


def _spreads(
    block: Block, stated: list[_Stated], said: Spread | None, facts: Facts
) -> Iterator[Finding]:
    """Each ± of a block; where most are something else than is said, that is what is wrong."""
    weighed: list[tuple[_Stated, Measured, set[Spread]]] = []
    for each in stated:
        matching = _matching(each, facts)
        known = [one for one in matching if _of(one)]
        if matching and not known:
            where = shortened(f"{each.row}: {each.text}") if each.row != each.text else each.text
            yield Finding(
                "spread", "unsupported", "likely", block.place, where,
                "One seed has no spread, and no error is on record.", matching[0].source,
            )  # fmt: skip
        elif known:
            fitting = [(one, kinds) for one in known if (kinds := _kinds(each, one))]
            weighed.append((each, *(fitting[0] if fitting else (known[0], set()))))
    sure = [kinds for _, _, kinds in weighed if len(kinds) == 1]
    usual = said or next(
        (kind for kind in WORDS if sum(kind in kinds for kinds in sure) > len(sure) / 2), None
    )
    if usual is None and weighed:
        usual = "error"
    others = [
        (each, one, kinds) for each, one, kinds in weighed if (each.says or usual) not in kinds
    ]  # fmt: skip
    truly = next(
        (kind for kind in WORDS if kind != usual and sum(kind in kinds for _, _, kinds in others)
         > max(1, len(weighed) / 2)), None,
    )  # fmt: skip
    if truly and said and usual:
        one = others[0][1]
        yield Finding(
            "spread", "contradicted", "sure", block.place,
            shortened(f"{WORDS[usual]}: {block.caption or others[0][0].row}"),
            f"What stands behind ± is {WORDS[truly]}: {_told(one)}", one.source,
        )  # fmt: skip
        others = [each for each in others if truly not in each[2]]
    for each, one, kinds in others:
        expected = each.says or usual or "error"
        is_what = f"is {' or '.join(WORDS[kind] for kind in sorted(kinds))}" if kinds else "is none"
        yield Finding(
            "spread", "contradicted", "sure" if said or each.says or not kinds else "likely",
            block.place, shortened(f"{each.row}: {each.text}" if block.rows else each.text),
            f"± {each.spread} {is_what}, and not {WORDS[expected]}: {_told(one)}", one.source,
        )  # fmt: skip
    for each, one, _ in [each for each in weighed if each not in others]:
        yield Finding(
            "spread", "traced", "likely", block.place, each.text, _told(one), one.source
        )  # fmt: skip


def _told(one: Measured) -> str:
    parts = []
    of = _of(one)
    for kind, values in of.items():
        parts.append(f"{WORDS[kind]} {values[0]:.3g}")
    count = one.count or len(one.values)
    seeds = f" over {count} seeds" if count else ""
    return f"of {one.metric} of {one.run} are {', '.join(parts)}{seeds}."


def _of(one: Measured) -> dict[Spread, list[float]]:
    """Every value that may rightly stand behind ± of a mean, by what it is."""
    found: dict[Spread, list[float]] = {}
    count = one.count or len(one.values)
    errors = [] if one.stderr is None else [one.stderr]
    if one.deviation is not None:
        if count > 1:
            errors.append(one.deviation / math.sqrt(count))
            of_all = one.deviation * math.sqrt((count - 1) / count)  # as numpy.std has it
            found["deviation"] = [one.deviation, of_all]
        else:
            found["deviation"] = [one.deviation]
    if count == 1 or not errors:
        return {}
    found["error"] = errors
    if count > 1:
        from scipy.special import stdtrit

        found["interval"] = [
            factor * error
            for error in errors
            for factor in (float(stdtrit(count - 1, 0.975)), 1.96)
        ]
    return found


def _matching(stated: _Stated, facts: Facts) -> list[Measured]:
    """The measured values that a stated mean may be; those first that its row and column name."""
    value, unit = _value(stated.mean)
    found = []
    for one in facts.measured:
        if one.stale:
            continue
        for scale in (1.0, 100.0):
            if abs(one.mean * scale - value) <= 0.500001 * unit + 1e-12:
                found.append(one)
                break
    named = {metric.name for metric in metrics(f"{stated.column} {stated.row}", facts)}
    runs = {
        run.name for run in facts.runs.values()
        for label in run.labels if label and plain(label) in plain(stated.row)
    }  # fmt: skip
    return sorted(found, key=lambda one: (one.metric not in named, one.run not in runs))


def _kinds(stated: _Stated, one: Measured) -> set[Spread]:
    """What a stated spread may be."""
    value, unit = _value(stated.spread)
    mean, of_mean = _value(stated.mean)
    scale = (
        100.0 if abs(one.mean * 100 - mean) <= 0.500001 * of_mean < abs(one.mean - mean) else 1.0
    )
    return {
        kind for kind, values in _of(one).items()
        if any(abs(each * scale - value) <= 0.55 * unit for each in values)
    }  # fmt: skip


def _value(text: str) -> tuple[float, float]:
    """A number and the unit of its last digit."""
    text = text.replace("−", "-").replace(",", "")
    return float(text), 10.0 ** -(len(text.split(".")[1]) if "." in text else 0)


def _counts(document: Document, facts: Facts) -> Iterator[Finding]:
    """Over how many seeds it is said to be."""
    known = set(facts.seeds.values())
    known |= {each.count or len(each.values) for each in facts.measured}
    known |= {
        int(each.value)
        for each in facts.known
        if each.kind == "count" and "seed" in each.name and each.value % 1 == 0
    }
    known -= {0}
    if not known:
        return
    stated = [(block, sentence) for block, sentence in claims(document)]
    stated += [(block, cell) for block in document.blocks for cell in _cells_of_seeds(block)]
    for block, sentence in stated:
        for found in SEEDS.finditer(sentence):
            told = found["count"] or found["after"] or found["n"] or found["times"]
            count = int(told) if told.isdigit() else COUNTS[told.lower()]
            before = sentence[max(0, found.start() - 25) : found.end()]
            clause = next(each for each in _clauses(sentence) if found.group() in each)
            if NO_COUNT.search(before) or count == 0 or count > 1000:
                continue
            if NOT_CLAIMED.search(clause) and count not in known:
                continue
            right = count in known
            there = " or ".join(map(str, sorted(known)))
            yield Finding(
                "seeds", "traced" if right else "contradicted", "sure", block.place,
                around(sentence, *found.span()),
                f"A run has {there} seed{'s' if known != {1} else ''}.",
                next((each.source for each in facts.measured if each.source), ""),
            )  # fmt: skip


def _cells_of_seeds(block: Block) -> Iterator[str]:
    """What the cells of a table say of seeds, with the number before the word."""
    heads = [row for row in block.rows[: block.header_rows] if row]
    for row in block.rows[block.header_rows :]:
        for at, cell in enumerate(row):
            head = " ".join(each[at].text for each in heads if at < len(each))
            if re.fullmatch(r"\s*\d{1,4}\s*", cell.text) and re.fullmatch(
                r"\W*(?:number of |# ?)?(?:\w+ )?seeds\W*", head, re.I
            ):
                yield f"{cell.text.strip()} seeds"
            elif SEEDS.search(cell.text):
                yield cell.text


def _clauses(sentence: str) -> list[str]:
    """The parts of a sentence, and the whole of it for what goes over several."""
    return [*re.split(r"[;:()]|,\s+(?=and\b|but\b|while\b)", sentence), sentence]
