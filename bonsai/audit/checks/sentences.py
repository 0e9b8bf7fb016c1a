"""The numbers of sentences and captions: each against exactly the run and metric that it names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bonsai.audit import statements
from bonsai.audit.document import Block, Document
from bonsai.audit.facts import Facts, Metric
from bonsai.audit.findings import Finding, Status, Sure
from bonsai.audit.numbers import Number
from bonsai.audit.statements import Said, Sentence
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
RESULTS = re.compile(
    r"\b(?:results?|experiments?|evaluation|conclusions?|discussion|analysis|findings|ablations?"
    r"|abstract|comparison|performance|outcomes?)\b",
    re.IGNORECASE,
)
SETUP = re.compile(r"\b(?:set-?up|methods?|methodology|implementation|details|training|protocol"
                   r"|hyper-?parameters?|reproduc\w+|cost|appendix)\b", re.IGNORECASE)  # fmt: skip
STATES = re.compile(
    r"\b(?:achiev\w*|reach\w*|obtain\w*|attain\w*|yield\w*|scor(?:e[sd]?|ing)|improv\w*|reduc\w*|increas\w*"
    r"|decreas\w*|drop\w*|rises?|rose|falls?|fell|gains?|gained|lowers?|lowered|raises?|raised|outperform\w*"
    r"|beats?|surpass\w*|compared|from|has|had|have|is|was|are|were|stays?|remains?|takes?|took|needs?|costs?"
    r"|averag\w*|give[sn]?|gave|show\w*|report\w*|measur\w*|mean|against|versus|with)\b",
    re.IGNORECASE,
)  # fmt: skip
UP = re.compile(r"\b(?:increas\w*|rais(?:e[sd]?|ing)|rises?|rose|risen|grows?|grew|climb\w*|higher|larger|longer"
                r"|slower|more|above|greater|up)\b", re.IGNORECASE)  # fmt: skip
DOWN = re.compile(r"\b(?:decreas\w*|reduc\w*|lower\w*|drop\w*|falls?|fell|fallen|declin\w*|smaller|shorter"
                  r"|faster|less|fewer|below|cuts?|shr[iau]nk\w*|down)\b", re.IGNORECASE)  # fmt: skip
GOOD = re.compile(r"\b(?:improv\w*|better|gain(?:s|ed)?|outperform\w*|beats?|surpass\w*|benefit\w*|speed-?ups?"
                  r"|advantage)\b", re.IGNORECASE)  # fmt: skip
BAD = re.compile(r"\b(?:worse\w*|degrad\w*|hurts?|harms?|loss\s+of|loses?|lost|costs?|trails?|lags?|deteriorat\w*"
                 r"|slow-?downs?|penalty)\b", re.IGNORECASE)  # fmt: skip
SEEDS = re.compile(
    r"\bseeds?\b|\bbest\b|\bworst\b|\brang\w+\b|\bsingle\b|\bmax\w*|\bmin\w*", re.IGNORECASE
)


def sentences(document: Document, facts: Facts) -> Iterator[Finding]:
    """Rows on the numbers of a paper's sentences."""
    for block in document.blocks:
        if block.kind not in READ or OTHERS.search(block.section):
            continue
        before: Sentence | None = None
        for text in split(block.text):
            sentence = statements.read(text, facts, before)
            yield from _judge(block, sentence, facts)
            before = sentence


def _judge(block: Block, sentence: Sentence, facts: Facts) -> Iterator[Finding]:
    starts = {first for first, _ in statements.moves(sentence)}
    yield from _moves(block, sentence)
    for said in statements.said(sentence, facts):
        number = said.number
        if said.role in ("label", "count", "setting"):
            if said.role != "label":
                yield _row(block, sentence, number, "untraced", "possible", "It is no result.")
            continue
        if number in starts and not said.named:
            said = _of_others(said)
        yield from _trace(block, sentence, said, facts)


def _moves(block: Block, sentence: Sentence) -> Iterator[Finding]:
    """`rises from A to B` where B is the smaller one."""
    for first, second in statements.moves(sentence):
        low, _ = statements.clause(sentence.text, first.start, first.start)
        before = sentence.text[low : first.start]
        ways = {way for pattern, way in ((UP, 1), (DOWN, -1)) if pattern.search(before)}
        moved = (second.value > first.value) - (second.value < first.value)
        if len(ways) == 1 and moved and moved not in ways and first.unit == second.unit:
            yield _row(block, sentence, second, "contradicted", "sure",
                       f"From {first.text} to {second.text} goes the other way.", "", "comparison")  # fmt: skip


def _of_others(said: Said) -> Said:
    """What something changes from belongs to what it is compared with."""
    from dataclasses import replace

    return replace(said, runs=said.others, named=False)


def _trace(block: Block, sentence: Sentence, said: Said, facts: Facts) -> Iterator[Finding]:
    number = said.number
    every = tuple(facts.runs)
    metrics = said.metrics
    fitting = [each for each in metrics if scales(number, each, facts)] or list(metrics)
    runs = said.runs or every
    if said.role in ("interval", "p"):
        found = list(_interval(said, fitting, facts))
        yield from _decide_interval(block, sentence, said, found, facts)
        return
    if said.role == "difference":
        yield from _difference(block, sentence, said, fitting, facts)
        return
    seeds = bool(SEEDS.search(sentence.text))
    exact = list(levels(number, runs, fitting, said.datasets, facts, seeds=seeds))
    hit = _best(number, exact, said.roughly)
    if hit:
        yield _traced(block, sentence, number, hit)
        return
    loose = list(levels(number, every, fitting, (), facts, seeds=seeds))
    loose += (
        list(deviations(number, every, fitting, (), facts)) if not number.unit or said.close else []
    )
    elsewhere = _best(number, loose, said.roughly)
    if not said.metrics:
        yield from _without_metric(block, sentence, said, facts)
        return
    if elsewhere and not said.named:
        yield _traced(block, sentence, number, elsewhere)
        return
    other = _best(number, list(differences(number, runs, said.others or every, fitting, said.datasets, facts)), said.roughly)  # fmt: skip
    if other or _best(number, list(verdict_values(number, fitting, facts)), said.roughly):
        yield _row(block, sentence, number, "traced", "likely", "A difference that is on record.")
        return
    if not _is_result(block, sentence, said):
        yield _row(block, sentence, number, "untraced", "possible",
                   "Nothing on record is this number; it may be no result.")  # fmt: skip
        return
    yield _accused(block, sentence, said, exact, elsewhere, facts)


def _accused(
    block: Block, sentence: Sentence, said: Said, exact: list[Candidate],
    elsewhere: Candidate | None, facts: Facts,
) -> Finding:  # fmt: skip
    number = said.number
    every = tuple(facts.runs)
    old = _best(number, list(stale(number, said.runs or every, said.metrics, facts)), said.roughly)
    if old:
        return _row(block, sentence, number, "contradicted", "sure",
                    f"That is out of date: {old.told}.{_right(exact)}", old.source)  # fmt: skip
    for each in exact:
        if fit(number, each.value, roughly=said.roughly) == "rounded":
            helps = _helps(number, each, facts)
            status: Status = "note" if helps is False else "contradicted"
            how = "is rounded the wrong way" + (", in favour of the paper" if helps else "")
            return _row(block, sentence, number, status, "sure" if said.named else "likely",
                        f"It {how}: {each.told}.", each.source)  # fmt: skip
    if elsewhere:
        sure: Sure = "sure" if said.close else "likely"
        return _row(block, sentence, number, "contradicted", sure,
                    f"That belongs elsewhere: {elsewhere.told}.{_right(exact)}", elsewhere.source)  # fmt: skip
    unit = _wrong_unit(said, facts)
    if unit:
        return _row(block, sentence, number, "contradicted", "sure", f"The unit is wrong: {unit.told}.",
                    unit.source)  # fmt: skip
    if said.runs and exact:
        return _row(block, sentence, number, "contradicted", "sure" if said.close else "likely",
                    f"No such value is on record.{_right(exact)}", exact[0].source)  # fmt: skip
    names = ", ".join(metric.name for metric in said.metrics[:3])
    return _row(
        block, sentence, number, "unsupported", "likely", f"No run has this value of {names}."
    )


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
    from dataclasses import replace

    every = tuple(facts.runs)
    for unit in ("", "%", "s"):
        if unit == said.number.unit:
            continue
        other = replace(said.number, unit=unit)  # type: ignore[arg-type]
        for metric in said.metrics:
            if said.number.unit == "" and unit == "%":
                continue
            for each in levels(other, said.runs or every, [metric], said.datasets, facts):
                if fit(other, each.value) == "fits":
                    return each
    return None


def _interval(said: Said, metrics: list[Metric], facts: Facts) -> Iterator[Candidate]:
    yield from verdict_values(said.number, metrics, facts)
    if not metrics:
        yield from verdict_values(said.number, facts.metrics.values(), facts)
    if said.role == "interval":
        for metric in metrics or facts.metrics.values():
            yield from _ends(said.number, metric, facts)


def _ends(number: Number, metric: Metric, facts: Facts) -> Iterator[Candidate]:
    """Ends of intervals of means and of differences, as tables of others give them."""
    from bonsai.audit.checks.comparing import difference

    values = [each for each in facts.measured if each.metric == metric.name and not each.stale]
    for factor in scales(number, metric, facts) or [1.0]:
        for each in values:
            for reach in (1.0, 1.96, 2.0):
                if each.stderr is not None:
                    for end in (each.mean - reach * each.stderr, each.mean + reach * each.stderr):
                        yield Candidate(end * factor, f"{each.mean:.5g} ± {reach * each.stderr:.3g}",
                                        each.source, each.run, each.metric)  # fmt: skip
        for one in values:
            for other in values:
                if one.run != other.run and one.dataset == other.dataset:
                    found = difference(one, other)
                    for end in (found.low, found.high):
                        if end is not None:
                            yield Candidate(end * factor, found.told(), one.source, one.run,
                                            one.metric)  # fmt: skip


def _decide_interval(
    block: Block, sentence: Sentence, said: Said, found: list[Candidate], facts: Facts
) -> Iterator[Finding]:
    hit = _best(said.number, found, said.roughly)
    if hit:
        yield _traced(block, sentence, said.number, hit)
    elif said.role == "interval" and facts.compared and said.metrics and found:
        near = min(found, key=lambda each: abs(each.value - said.number.value))
        yield _row(block, sentence, said.number, "contradicted", "likely",
                   f"No interval on record has this end; the nearest: {near.told}.", near.source)  # fmt: skip
    else:
        yield _row(
            block, sentence, said.number, "untraced", "possible", "No such figure is on record."
        )


def _difference(
    block: Block, sentence: Sentence, said: Said, metrics: list[Metric], facts: Facts
) -> Iterator[Finding]:
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
        wrong = [each for each in fits if _direction(sentence, said, each, facts) is False]
        if len(wrong) < len(fits):
            yield _traced(block, sentence, number, next(e for e in fits if e not in wrong))
            return
        yield _row(block, sentence, number, "contradicted", "sure" if said.named else "likely",
                   f"It goes the other way: {wrong[0].told}.", wrong[0].source, "comparison")  # fmt: skip
        return
    if not number.unit or number.unit == "%":  # it may be a level after all
        hit = _best(number, list(levels(number, runs, asked, said.datasets, facts)), said.roughly)
        if hit is None and not said.named:
            hit = _best(number, list(levels(number, every, asked, (), facts)), said.roughly)
        if hit:
            yield _traced(block, sentence, number, hit)
            return
    loose = [
        each for each in differences(size, every, every, asked, (), facts)
        if fit(size, each.value, roughly=said.roughly) in ("fits", "near")
    ]  # fmt: skip
    if loose and not (said.named and said.close):
        right = [each for each in loose if _direction(sentence, said, each, facts) is not False]
        if right:
            yield _traced(block, sentence, number, right[0])
            return
    if not metrics or not _is_result(block, sentence, said):
        yield _row(
            block, sentence, number, "untraced", "possible", "Nothing on record is this number."
        )
        return
    near = [each for each in exact if fit(size, each.value, roughly=said.roughly) == "rounded"]
    if near:
        yield _row(block, sentence, number, "contradicted", "sure" if said.named else "likely",
                   f"It is rounded the wrong way: {near[0].told}.", near[0].source)  # fmt: skip
        return
    if exact:
        closest = min(exact, key=lambda each: abs(each.value - size.value))
        yield _row(block, sentence, number, "contradicted", "sure" if said.named else "likely",
                   f"No such difference is on record; the nearest: {closest.told}.", closest.source)  # fmt: skip
        return
    yield _row(block, sentence, number, "unsupported", "likely", "No runs differ by this.")


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
                f"the difference in {each.metric} of {each.run} to {each.against} is {each.mean:+.4g}",
                each.source, each.run, each.metric, True, sign,
            )  # fmt: skip


def _unsigned(number: Number) -> Number:
    from dataclasses import replace

    return replace(number, value=abs(number.value))


def _direction(sentence: Sentence, said: Said, candidate: Candidate, facts: Facts) -> bool | None:
    """Whether a difference goes the way that the sentence says; None: it says nothing."""
    if not candidate.sign:
        return None
    if said.number.signed:
        return (said.number.value > 0) == (candidate.sign > 0)
    low, high = statements.clause(sentence.text, said.number.start, said.number.end)
    text = sentence.text[low:high]
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
    if _swapped(sentence, said, candidate):
        return None
    return candidate.sign == ways.pop()


def _swapped(sentence: Sentence, said: Said, candidate: Candidate) -> bool:
    """Whether it may be the other run that is the subject of the sentence."""
    return not said.runs or candidate.run not in said.runs


def _without_metric(
    block: Block, sentence: Sentence, said: Said, facts: Facts
) -> Iterator[Finding]:
    """A number beside which no metric stands: what it is of can only be guessed."""
    number = said.number
    every = list(facts.metrics.values())
    runs = said.runs or tuple(facts.runs)
    hit = _best(number, list(levels(number, runs, every, said.datasets, facts)), said.roughly)
    if hit:
        yield _traced(block, sentence, number, hit)
        return
    for known in facts.known:
        if fit(number, known.value) == "fits":
            yield _row(block, sentence, number, "traced", "possible", f"{known.name} is {known.value:g}.",
                       known.source)  # fmt: skip
            return
    alike = [metric for metric in every if number.unit and scales(number, metric, facts)]
    wanted = (
        said.named
        and (number.digits > 0 or number.spread is not None)
        and (alike or not number.unit)
    )
    if wanted and _is_result(block, sentence, said) and RESULTS.search(block.section or block.kind):
        elsewhere = _best(
            number, list(levels(number, tuple(facts.runs), every, (), facts)), said.roughly
        )
        if elsewhere:
            yield _row(block, sentence, number, "contradicted", "likely",
                       f"That belongs elsewhere: {elsewhere.told}.", elsewhere.source)  # fmt: skip
            return
        yield _row(block, sentence, number, "unsupported", "likely", "No run has this value.")
        return
    yield _row(block, sentence, number, "untraced", "possible", "Nothing on record is this number.")


def _is_result(block: Block, sentence: Sentence, said: Said) -> bool:
    """Whether a number is stated as a result: what makes it one must stand beside it."""
    number = said.number
    low, high = statements.clause(sentence.text, number.start, number.end)
    clause = sentence.text[low:high]
    if NOT_CLAIMED.search(clause) and re.search(
        r"\b(?:would|could|should|may|might|will|expect\w*|hypothes\w*|plan\w*|if)\b",
        clause,
        re.IGNORECASE,
    ):
        return False
    in_setup = bool(SETUP.search(block.section)) and not RESULTS.search(block.section)
    exact = number.digits > 0 or number.spread is not None or bool(number.unit)
    if in_setup:
        return said.close and exact and said.named
    if not exact:
        return said.close and abs(number.value) >= 10 and bool(STATES.search(clause))
    return said.close or bool(said.runs) or block.kind in ("abstract", "caption")


def _best(number: Number, candidates: list[Candidate], roughly: bool) -> Candidate | None:
    for wanted in ("fits", "near"):
        for each in candidates:
            if fit(number, each.value, roughly=roughly) == wanted:
                return each
    return None


def _traced(block: Block, sentence: Sentence, number: Number, hit: Candidate) -> Finding:
    return _row(block, sentence, number, "traced", "sure", f"{hit.told}.", hit.source)


def _row(
    block: Block, sentence: Sentence, number: Number, status: Status, sure: Sure, found: str,
    source: str = "", kind: str = "number",
) -> Finding:  # fmt: skip
    said = around(sentence.text, number.start, number.end)
    return Finding(kind, status, sure, block.place, f"{number.text}: {said}", found, source)  # type: ignore[arg-type]
