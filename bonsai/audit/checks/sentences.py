"""The numbers of sentences and captions: each against exactly the run and metric that it names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from bonsai.audit import statements
from bonsai.audit.checks.ends import interval_values
from bonsai.audit.document import Block, Document
from bonsai.audit.facts import Facts, Metric
from bonsai.audit.findings import Finding, Kind, Status, Sure
from bonsai.audit.numbers import Number, Unit
from bonsai.audit.phrases import (
    BAD,
    DOWN,
    GOOD,
    PLANNED,
    RESULTS,
    SEEDS,
    SETUP,
    SPREAD,
    STATES,
    UP,
)
from bonsai.audit.statements import Said, Sentence, repeated_claim
from bonsai.audit.tracing import (
    Candidate,
    deviations,
    differences,
    fit,
    levels,
    scales,
    stale,
    verdict_values,
)  # fmt: skip
from bonsai.audit.wording import NOT_CLAIMED, OTHERS, around
from bonsai.audit.wording import sentences as split

READ = ("abstract", "paragraph", "caption", "title", "heading")


@dataclass(frozen=True)
class Place:
    """A sentence in its block, of which rows are made."""

    block: Block
    sentence: Sentence

    def row(
        self, number: Number, status: Status, sure: Sure, found: str, source: str = "",
        kind: Kind = "number",
    ) -> Finding:  # fmt: skip
        """A row on one of its numbers."""
        said = around(self.sentence.text, number.start, number.end)
        return Finding(
            kind, status, sure, self.block.place, f"{number.text}: {said}", found, source
        )


def sentences(document: Document, facts: Facts) -> Iterator[Finding]:
    """Rows on the numbers of a paper's sentences."""
    for block in document.blocks:
        if block.kind not in READ or OTHERS.search(block.section):
            continue
        before: Sentence | None = None
        for text in split(block.text):
            sentence = statements.read(text, facts, before)
            yield from _judge(Place(block, sentence), facts)
            before = sentence


def _judge(at: Place, facts: Facts) -> Iterator[Finding]:
    starts = {first for first, _ in statements.moves(at.sentence)}
    yield from _moves(at)
    for said in statements.said(at.sentence, facts):
        number = said.number
        if claim := repeated_claim(at.block, at.sentence.text, number.start, facts):
            yield at.row(number, "traced", "sure", f"So it was claimed: {claim}.")
            continue
        if said.role in ("label", "count", "setting"):
            if said.role != "label":
                yield at.row(number, "untraced", "possible", "It is no result.")
            continue
        if number in starts and not said.named:
            said = _of_others(said)
        yield from _trace(at, said, facts)


def _moves(at: Place) -> Iterator[Finding]:
    """`rises from A to B` where B is the smaller one."""
    for first, second in statements.moves(at.sentence):
        low, _ = statements.clause(at.sentence.text, first.start, first.start)
        before = at.sentence.text[low : first.start]
        ways = {way for pattern, way in ((UP, 1), (DOWN, -1)) if pattern.search(before)}
        moved = (second.value > first.value) - (second.value < first.value)
        if len(ways) == 1 and moved and moved not in ways and first.unit == second.unit:
            yield at.row(
                second,
                "contradicted",
                "sure",
                f"From {first.text} to {second.text} goes the other way.",
                "",
                "comparison",
            )


def _of_others(said: Said) -> Said:
    """What something changes from belongs to what it is compared with."""
    return replace(said, runs=said.others, named=False)


def _trace(at: Place, said: Said, facts: Facts) -> Iterator[Finding]:
    number = said.number
    every = tuple(facts.runs)
    metrics = said.metrics
    fitting = [each for each in metrics if scales(number, each, facts)] or list(metrics)
    runs = said.runs or every
    if said.role in ("interval", "p"):
        found = list(interval_values(said, fitting, facts))
        yield from _decide_interval(at, said, found, facts)
        return
    if said.role == "difference":
        yield from _difference(at, said, fitting, facts)
        return
    seeds = bool(SEEDS.search(at.sentence.text))
    exact = list(levels(number, runs, fitting, said.datasets, facts, seeds=seeds))
    hit = _best(number, exact, said.roughly)
    if hit:
        yield _traced(at, number, hit)
        return
    loose = list(levels(number, every, fitting, (), facts, seeds=seeds))
    if SPREAD.search(at.sentence.text):
        loose += deviations(number, every, fitting, (), facts)
    elsewhere = _best(number, loose, said.roughly)
    if not said.metrics:
        yield from _without_metric(at, said, facts)
        return
    if elsewhere and not said.named:
        yield _traced(at, number, elsewhere)
        return
    others = said.others or every
    apart = list(differences(number, runs, others, fitting, said.datasets, facts))
    if _best(number, apart, said.roughly) or _best(
        number, list(verdict_values(number, fitting, facts)), said.roughly
    ):
        yield at.row(number, "traced", "likely", "A difference that is on record.")
        return
    if not _is_result(at, said):
        yield at.row(
            number, "untraced", "possible", "Nothing on record is this number; it may be no result."
        )
        return
    yield _accused(at, said, exact, elsewhere, facts)


def _accused(
    at: Place, said: Said, exact: list[Candidate],
    elsewhere: Candidate | None, facts: Facts,
) -> Finding:  # fmt: skip
    number = said.number
    every = tuple(facts.runs)
    old = _best(number, list(stale(number, said.runs or every, said.metrics, facts)), said.roughly)
    if old:
        return at.row(
            number,
            "contradicted",
            "sure",
            f"That is out of date: {old.told}.{_right(exact)}",
            old.source,
        )
    for each in exact:
        if fit(number, each.value, roughly=said.roughly) == "rounded":
            helps = _helps(number, each, facts)
            status: Status = "note" if helps is False else "contradicted"
            how = "is rounded the wrong way" + (", in favour of the paper" if helps else "")
            return at.row(
                number,
                status,
                "sure" if said.named else "likely",
                f"It {how}: {each.told}.",
                each.source,
            )
    if elsewhere:
        sure: Sure = "sure" if said.close else "likely"
        return at.row(
            number,
            "contradicted",
            sure,
            f"That belongs elsewhere: {elsewhere.told}.{_right(exact)}",
            elsewhere.source,
        )
    unit = _wrong_unit(said, facts)
    if unit:
        return at.row(
            number, "contradicted", "sure", f"The unit is wrong: {unit.told}.", unit.source
        )
    if said.runs and exact:
        return at.row(
            number,
            "contradicted",
            "sure" if said.close else "likely",
            f"No such value is on record.{_right(exact)}",
            exact[0].source,
        )
    names = ", ".join(metric.name for metric in said.metrics[:3])
    return at.row(number, "unsupported", "likely", f"No run has this value of {names}.")


def _right(candidates: list[Candidate]) -> str:
    return f" On record: {candidates[0].told}." if candidates else ""


def _helps(number: Number, candidate: Candidate, facts: Facts) -> bool | None:
    """Whether a stated number is more favourable than the value; None: nobody can tell."""
    run = facts.runs.get(candidate.run)
    if candidate.gain is None or (run and run.is_baseline):
        return None
    return (number.value > candidate.value) == candidate.gain


def _wrong_unit(said: Said, facts: Facts) -> Candidate | None:
    """The value that fits but for its unit."""
    every = tuple(facts.runs)
    every_unit: tuple[Unit, ...] = ("", "%", "s")
    for unit in every_unit:
        if unit == said.number.unit:
            continue
        other = replace(said.number, unit=unit)
        for metric in said.metrics:
            if said.number.unit == "" and unit == "%":
                continue
            for each in levels(other, said.runs or every, [metric], said.datasets, facts):
                if fit(other, each.value) == "fits":
                    return each
    return None


def _decide_interval(
    at: Place, said: Said, found: list[Candidate], facts: Facts
) -> Iterator[Finding]:
    hit = _best(said.number, found, said.roughly)
    if hit:
        yield _traced(at, said.number, hit)
    elif said.role == "interval" and facts.compared and said.metrics and found:
        near = min(found, key=lambda each: abs(each.value - said.number.value))
        yield at.row(
            said.number,
            "contradicted",
            "likely",
            f"No interval on record has this end; the nearest: {near.told}.",
            near.source,
        )
    else:
        yield at.row(said.number, "untraced", "possible", "No such figure is on record.")


def _difference(at: Place, said: Said, metrics: list[Metric], facts: Facts) -> Iterator[Finding]:
    number, every = said.number, tuple(facts.runs)
    size = _unsigned(number)
    runs, others = said.runs or every, said.others or every
    asked = metrics or list(facts.metrics.values())
    exact = list(differences(size, runs, others, asked, said.datasets, facts))
    exact += list(_of_verdicts(size, asked, runs, facts))
    fits = [
        each for each in exact if fit(size, each.value, roughly=said.roughly) in ("fits", "near")
    ]
    if fits:
        wrong = [each for each in fits if _direction(at, said, each, facts) is False]
        if len(wrong) < len(fits):
            yield _traced(at, number, next(e for e in fits if e not in wrong))
            return
        yield at.row(
            number,
            "contradicted",
            "sure" if said.named else "likely",
            f"It goes the other way: {wrong[0].told}.",
            wrong[0].source,
            "comparison",
        )
        return
    if number.unit in ("", "%", "points"):  # it may be a level after all
        hit = _best(number, list(levels(number, runs, asked, said.datasets, facts)), said.roughly)
        if hit is None and not said.named:
            hit = _best(number, list(levels(number, every, asked, (), facts)), said.roughly)
        if hit:
            yield _traced(at, number, hit)
            return
    loose = [
        each for each in differences(size, every, every, asked, (), facts)
        if fit(size, each.value, roughly=said.roughly) in ("fits", "near")
    ]  # fmt: skip
    if loose and not (said.named and said.close):
        right = [each for each in loose if _direction(at, said, each, facts) is not False]
        if right:
            yield _traced(at, number, right[0])
            return
    if not metrics or not _is_result(at, said):
        yield at.row(number, "untraced", "possible", "Nothing on record is this number.")
        return
    near = [each for each in exact if fit(size, each.value, roughly=said.roughly) == "rounded"]
    if near:
        yield at.row(
            number,
            "contradicted",
            "sure" if said.named else "likely",
            f"It is rounded the wrong way: {near[0].told}.",
            near[0].source,
        )
        return
    if exact:
        closest = min(exact, key=lambda each: abs(each.value - size.value))
        yield at.row(
            number,
            "contradicted",
            "sure" if said.named else "likely",
            f"No such difference is on record; the nearest: {closest.told}.",
            closest.source,
        )
        return
    yield at.row(number, "unsupported", "likely", "No runs differ by this.")


def _of_verdicts(
    number: Number, metrics: Iterable[Metric], runs: Iterable[str], facts: Facts
) -> Iterator[Candidate]:
    """The differences that verdicts rest on, without their sign."""
    names, of = {metric.name: metric for metric in metrics}, {run.split(" (")[0] for run in runs}
    for each in facts.compared:
        if each.mean is None or each.metric not in names or each.run.split(" (")[0] not in of:
            continue
        for factor in scales(number, names[each.metric], facts):
            sign = (each.mean > 0) - (each.mean < 0)
            yield Candidate(
                abs(each.mean) * factor,
                f"{each.metric} of {each.run} differs from {each.against} by {each.mean:+.4g}",
                each.source, each.run, each.metric, True, sign,
            )  # fmt: skip


def _unsigned(number: Number) -> Number:
    return replace(number, value=abs(number.value))


def _direction(at: Place, said: Said, candidate: Candidate, facts: Facts) -> bool | None:
    """Whether a difference goes the way that the sentence says; None: it says nothing."""
    if not candidate.sign:
        return None
    if said.number.signed:
        return (said.number.value > 0) == (candidate.sign > 0)
    low, high = statements.clause(at.sentence.text, said.number.start, said.number.end)
    text = at.sentence.text[low:high]
    if re.search(r"\b(?:not|no|without|rather than|instead of)\b", text, re.IGNORECASE):
        return None
    metric = facts.metrics.get(candidate.metric)
    better = metric.better if metric else None
    words: list[tuple[int, int]] = []
    place = said.number.start - low
    for pattern, way in ((UP, 1), (DOWN, -1)):
        words += [(abs(m.start() - place), way) for m in pattern.finditer(text)]
    if better:
        sign = 1 if better == "higher" else -1
        words += [(abs(m.start() - place), sign) for m in GOOD.finditer(text)]
        words += [(abs(m.start() - place), -sign) for m in BAD.finditer(text)]
    ways = {way for _, way in words}
    if len(ways) != 1:
        return None
    if _swapped(at, said, candidate):
        return None
    return candidate.sign == ways.pop()


def _swapped(at: Place, said: Said, candidate: Candidate) -> bool:
    """Whether it may be the other run that is the subject of the at.sentence."""
    return not said.runs or candidate.run not in said.runs


def _without_metric(at: Place, said: Said, facts: Facts) -> Iterator[Finding]:
    """A number beside which no metric stands: what it is of can only be guessed."""
    number = said.number
    every = list(facts.metrics.values())
    runs = said.runs or tuple(facts.runs)
    hit = _best(number, list(levels(number, runs, every, said.datasets, facts)), said.roughly)
    if hit:
        yield _traced(at, number, hit)
        return
    for known in facts.known:
        if fit(number, known.value) == "fits":
            yield at.row(
                number, "traced", "possible", f"{known.name} is {known.value:g}.", known.source
            )
            return
    alike = [metric for metric in every if number.unit and scales(number, metric, facts)]
    wanted = (
        said.named
        and (number.digits > 0 or number.spread is not None)
        and (alike or not number.unit)
    )
    if wanted and _is_result(at, said) and RESULTS.search(at.block.section or at.block.kind):
        elsewhere = _best(
            number, list(levels(number, tuple(facts.runs), every, (), facts)), said.roughly
        )
        if elsewhere:
            yield at.row(
                number,
                "contradicted",
                "likely",
                f"That belongs elsewhere: {elsewhere.told}.",
                elsewhere.source,
            )
            return
        yield at.row(number, "unsupported", "likely", "No run has this value.")
        return
    yield at.row(number, "untraced", "possible", "Nothing on record is this number.")


def _is_result(at: Place, said: Said) -> bool:
    """Whether a number is stated as a result: what makes it one must stand beside it."""
    number = said.number
    if PLANNED.match(at.sentence.text):
        return False
    low, high = statements.clause(at.sentence.text, number.start, number.end)
    clause = at.sentence.text[low:high]
    if NOT_CLAIMED.search(clause) and re.search(
        r"\b(?:would|could|should|may|might|will|expect\w*|hypothes\w*|plan\w*|if)\b",
        clause,
        re.IGNORECASE,
    ):
        return False
    in_setup = bool(SETUP.search(at.block.section)) and not RESULTS.search(at.block.section)
    exact = number.digits > 0 or number.spread is not None or bool(number.unit)
    if in_setup:
        return said.close and exact and said.named
    if not exact:
        return said.close and abs(number.value) >= 10 and bool(STATES.search(clause))
    return said.close or bool(said.runs) or at.block.kind in ("abstract", "caption")


def _best(number: Number, candidates: list[Candidate], roughly: bool) -> Candidate | None:
    for wanted in ("fits", "near"):
        for each in candidates:
            if fit(number, each.value, roughly=roughly) == wanted:
                return each
    return None


def _traced(at: Place, number: Number, hit: Candidate) -> Finding:
    return at.row(number, "traced", "sure", f"{hit.told}.", hit.source)
