"""Words of certainty against verdicts, or else against the intervals that the seeds allow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bonsai.audit.checks.comparing import (
    Difference,
    differences,
    is_carried,
    told_verdict,
    verdicts,
)
from bonsai.audit.document import Block, Document
from bonsai.audit.facts import Compared, Facts, Metric, Run
from bonsai.audit.findings import Finding, Status, Sure
from bonsai.audit.wording import (
    NOT_CLAIMED,
    Mention,
    claims,
    datasets,
    is_own,
    mentions,
    metrics,
    one_of,
    sentences,
    shortened,
)

CHANGE = one_of(
    r"""better worse improv\w+ outperform\w* underperform\w* surpass\w* exceed\w* beats? higher
    lower larger smaller faster slower fewer more less reduc\w+ increas\w+ decreas\w+ degrad\w+
    gain\w* drop\w* differ\w* change[sd]? effect\w* advantage\w* benefit\w* boost\w* rais\w+ ris\w+
    fall\w* fell rose declin\w+ enhanc\w+ speed\w* trail\w* loses? lost worsen\w* hurt\w* above
    below ahead behind reach\w* lowers lowered lowering rais\w+ cuts? shr[iau]nk\w* grows? grew
    exceed\w* surpass\w* beats? differ\w* helps? benefit\w* boost\w*"""
)
SIGNIFICANT = re.compile(
    rf"\bsignificantly\s+(?:\w+\s+){{0,3}}?{CHANGE}\b"
    rf"|\b{CHANGE}\s+(?:\w+\s+){{0,6}}?significantly\b"
    rf"|\bsignificant\s+(?:\w+\s+){{0,2}}?{CHANGE}\b"
    r"|\bstatistical(?:ly)?\s+significan\w+"
    rf"|\b{CHANGE}\b[^.;]{{0,80}}?\b(?:is|are|was|were|be|remains?)\s+(?:\w+\s+){{0,2}}significant\b"
    r"|\bis\s+(?:not\s+)?significant\b",
    re.I,
)
DENIED = re.compile(
    r"\b(?:not|no|never|nor|neither|hardly|without|lacks?|cannot|fail\w*)\b[^.;]{0,40}?\bsignifican\w+"
    r"|n['’]t\b[^.;]{0,30}?\bsignifican\w+|\binsignifican\w+|\bnon-?significant\w*",
    re.I,
)
P_VALUE = re.compile(
    r"\bp\s*(?:-?\s*values?\s*)?(?P<how><|>|≤|≥|=|of|is|was)\s*(?P<value>0?\.\d+|1(?:\.0+)?|\d(?:\.\d+)?e-\d+"
    r"|\d(?:\.\d+)?\s*[×x·]\s*10\s*\^?\s*[-−]\d+|10\s*\^?\s*[-−]\d+)",
    re.I,
)
TESTED = re.compile(r"\(\s*p\s*=|\bp-?\s*values?\b|\bsignifican\w+|\btests?\b|\bWilcoxon\b", re.I)
THRESHOLD = re.compile(
    r"\b(?:level|threshold|alpha|α|we call|means?|criterion|correct\w+|holm|bonferroni|decid\w+"
    r"|considered)\b",
    re.I,
)
CONSISTENT = re.compile(
    rf"\b(?:consistently|always|invariably|across the board|in all cases)\s+(?:\w+\s+)?{CHANGE}\b"
    rf"|\b{CHANGE}\b[^.;]{{0,60}}?\bconsistently\b",
    re.I,
)
WINS = re.compile(r"\b(?:outperform\w*|surpass\w*|superior|beats?|exceeds?)\b", re.I)
PROVES = re.compile(
    r"\bprov(?:es?|en|ed)\s+(?:that|the|our|its)\b|\bconclusively\b|\bdefinitively\b"
    r"|\bundeniabl[ey]\b|\bbeyond doubt\b",
    re.I,
)
ART = re.compile(r"\bstate[\s-]+of[\s-]+the[\s-]+art\b|\bSOTA\b", re.I)
REACHED = one_of(
    r"""new sets? establish\w* achiev\w* reach\w* attain\w* obtain\w* surpass\w*
    outperform\w* beats? exceed\w* improv\w+"""
)
OWN = re.compile(rf"\b{REACHED}\b|\b(?:is|are|be)\s+(?:the\s+)?state\b", re.I)
COSTS = re.compile(
    r"time|second|latency|memory|param|speed|flop|hours|minutes|_ms$|_us$|_mb$", re.I
)
OF_OTHERS = re.compile(r"\b(?:prior|previous|existing|recent|other|current)\b", re.I)


@dataclass(frozen=True)
class _Subject:
    """What a sentence compares, as far as it says.

    Attributes:
        pairs: the runs that may be meant, and what they are compared with.
        measures: the metrics.
        where: the data sets; empty: any.
        named: whether runs and metric are named, and not inferred.
    """

    pairs: tuple[tuple[tuple[Run, ...], tuple[Run, ...]], ...]
    measures: tuple[Metric, ...]
    where: tuple[str, ...]
    named: bool

    def differences(self, facts: Facts) -> list[Difference]:
        return [
            each
            for ones, others in self.pairs
            for each in differences(ones, others, self.measures, self.where, facts)
        ]

    def verdicts(self, facts: Facts) -> list[Compared]:
        return [
            each
            for ones, others in self.pairs
            for each in verdicts(ones, others, self.measures, facts)
        ]

    @property
    def sure(self) -> Sure:
        return "sure" if self.named else "likely"


def certainty(document: Document, facts: Facts) -> Iterator[Finding]:
    """Every sentence that says how sure something is, against what is on record."""
    main = _main_metrics(document, facts)
    for block, sentence in claims(document):
        if block.kind in ("title", "heading") or not is_own(block, sentence, facts):
            continue
        if SIGNIFICANT.search(sentence):
            yield from _significance(block, sentence, facts, main)
        yield from _p_values(block, sentence, facts, main)
        if CONSISTENT.search(sentence):
            yield from _consistency(block, sentence, facts, main)
        elif WINS.search(sentence) and not SIGNIFICANT.search(sentence):
            yield from _wins(block, sentence, facts, main)
        if PROVES.search(sentence):
            yield from _proof(block, sentence, facts, main)
    for block, sentence in claims(document, others=True):
        if ART.search(sentence) and OWN.search(sentence) and not NOT_CLAIMED.search(sentence):
            if OF_OTHERS.search(sentence):
                continue
            yield Finding(
                "certainty", "unsupported", "likely", block.place, shortened(sentence),
                "Nothing on record compares with the state of the art.",
            )  # fmt: skip


def _significance(
    block: Block, sentence: str, facts: Facts, main: tuple[Metric, ...]
) -> Iterator[Finding]:
    denied = bool(DENIED.search(sentence))
    if not denied and NOT_CLAIMED.search(_without_labels(sentence, facts)):
        return
    subject = _subject(block, sentence, facts, main)
    judged, measured = subject.verdicts(facts), subject.differences(facts)
    if not judged and not measured:
        yield from _without_seeds(block, sentence, facts, denied)
        return
    if judged:
        carried = [each for each in judged if is_carried(each)]
        found, source = told_verdict((carried or judged)[0]), (carried or judged)[0].source
        right = bool(carried) != denied or (denied and len(carried) < len(judged))
        status: Status = "traced" if right else "contradicted"
        yield _row(block, sentence, status, subject.sure, found, source)
        return
    surely = [each for each in measured if each.is_sure]
    known = [each for each in measured if each.low is not None]
    if denied:
        wrong = bool(known) and all(each.is_sure for each in known)
        shown = (known or measured)[0]
        status = "contradicted" if wrong else "traced"
        yield _row(block, sentence, status, "likely", shown.told(), shown.one.source)
    elif surely:
        yield _row(block, sentence, "traced", subject.sure, surely[0].told(), surely[0].one.source)
    elif known:
        shown = max(known, key=lambda each: abs(each.mean))
        sure: Sure = "possible" if any(each.may_be_sure for each in known) else subject.sure
        found = shown.told().replace(" (Welch", ", which contains 0 (Welch")
        yield _row(block, sentence, "contradicted", sure, found, shown.one.source)
    else:
        few = {each.one.count or len(each.one.values) for each in measured}
        why = "there is one seed" if few == {1} else "neither seeds nor errors are on record"
        # What a run costs differs little between seeds, so one seed tells something of it.
        costs = all(COSTS.search(each.one.metric) for each in measured)
        yield _row(
            block, sentence, "contradicted" if few == {1} else "unsupported",
            "possible" if costs else "likely",
            f"Nothing tells a difference from chance: {why}. {measured[0].told()}",
            measured[0].one.source,
        )  # fmt: skip


def _without_seeds(block: Block, sentence: str, facts: Facts, denied: bool) -> Iterator[Finding]:
    """Whatever a sentence is about: where no run has a second seed, nothing is significant."""
    names = {metric.name for metric in metrics(sentence, facts)}
    known = [each for each in facts.measured if each.metric in names and not each.stale]
    seeds = any(each.stderr or (each.count or len(each.values)) > 1 for each in known)
    if known and not seeds and not denied:
        yield _row(
            block, sentence, "unsupported", "likely",
            "Nothing tells a difference from chance: neither seeds nor errors are on record.",
            known[0].source,
        )  # fmt: skip


def _without_labels(sentence: str, facts: Facts) -> str:
    """A sentence without the names of runs: `No gate` denies nothing."""
    for each in reversed(mentions(sentence, facts)):
        sentence = sentence[: each.start] + "RUN" + sentence[each.end :]
    return sentence


def _p_values(
    block: Block, sentence: str, facts: Facts, main: tuple[Metric, ...]
) -> Iterator[Finding]:
    for found in P_VALUE.finditer(sentence):
        # `dropout with p = 0.1`: a probability of something else.
        tested = found["how"] in "<>≤≥" or TESTED.search(sentence[: found.end()])
        if (
            not tested
            or THRESHOLD.search(sentence)
            or not (
                mentions(sentence, facts) or metrics(sentence, facts) or re.search(CHANGE, sentence)
            )
        ):
            continue
        value, digits = _number(found["value"])
        subject = _subject(block, sentence, facts, main)
        known = [each.p for each in subject.verdicts(facts)]
        for each in subject.differences(facts):
            known += [each.p, each.p_paired]
        ps = [each for each in known if each is not None]
        how = found["how"]
        if not ps:
            if subject.differences(facts):
                why = "Nothing on record allows a test: neither seeds nor errors."
                yield _row(block, sentence, "unsupported", "likely", why, "")
            continue
        if how in "<≤":
            right = any(each <= value for each in ps)
        elif how in ">≥":
            right = any(each >= value for each in ps)
        else:
            right = any(abs(each - value) <= 10.0**-digits for each in ps)
        shown = ", ".join(f"{each:.3g}" for each in sorted(set(ps))[:4])
        yield _row(
            block, sentence, "traced" if right else "contradicted", "likely",
            f"On record, or computed from the seeds: p = {shown}.", "",
        )  # fmt: skip


def _number(text: str) -> tuple[float, int]:
    """A p-value, and how many digits it has after the point."""
    power = re.search(r"10\s*\^?\s*[-−](\d+)$|e-(\d+)$", text)
    if power:
        first = re.match(r"\d(?:\.\d+)?(?=\s*[×x·e])", text)
        exponent = int(power[1] or power[2])
        return (float(first.group()) if first else 1.0) * 10.0**-exponent, exponent
    return float(text), len(text.split(".")[1]) if "." in text else 0


def _consistency(
    block: Block, sentence: str, facts: Facts, main: tuple[Metric, ...]
) -> Iterator[Finding]:
    """`Consistently`: on every data set and seed."""
    if NOT_CLAIMED.search(_without_labels(sentence, facts)):
        return
    subject = _subject(block, sentence, facts, main)
    if len(subject.pairs) != 1:
        return
    ups = {
        name: [each for each in subject.differences(facts) if each.one.metric == name]
        for name in dict.fromkeys(each.name for each in subject.measures)
    }
    for name, found in ups.items():
        signs = [each.mean > 0 for each in found if each.mean]
        if len(found) < 2 or len(set(signs)) < 2:
            continue
        few = min((facts.metrics[name].better == "lower", True, False), key=signs.count)
        odd = next(each for each in found if each.mean and (each.mean > 0) == few)
        yield _row(block, sentence, "contradicted", "likely",
                   f"Not in all cases: {odd.told()} Elsewhere {name} differs the other way.",
                   odd.one.source)  # fmt: skip
        return


def _wins(block: Block, sentence: str, facts: Facts, main: tuple[Metric, ...]) -> Iterator[Finding]:
    """`Outperforms` against the verdict; without one it is a note."""
    if NOT_CLAIMED.search(_without_labels(sentence, facts)):
        return
    subject = _subject(block, sentence, facts, main)
    judged = subject.verdicts(facts)
    if judged:
        if any(is_carried(each) for each in judged):
            return  # which of the two is the better one is the comparison's to check
        yield _row(block, sentence, "contradicted", "likely", told_verdict(judged[0]),
                   judged[0].source)  # fmt: skip
        return
    found = [each for each in subject.differences(facts) if each.low is not None]
    if found and not any(each.may_be_sure for each in found):
        yield _row(block, sentence, "note", "possible", found[0].told(), found[0].one.source)


def _proof(
    block: Block, sentence: str, facts: Facts, main: tuple[Metric, ...]
) -> Iterator[Finding]:
    if not (mentions(sentence, facts) or metrics(sentence, facts)):
        return
    subject = _subject(block, sentence, facts, main)
    judged = subject.verdicts(facts)
    carried = any(is_carried(each) for each in judged) if judged else any(
        each.is_sure for each in subject.differences(facts)
    )  # fmt: skip
    if not carried and (judged or subject.differences(facts)):
        found = told_verdict(judged[0]) if judged else subject.differences(facts)[0].told()
        yield _row(block, sentence, "contradicted", "likely", found, "")


def _subject(block: Block, sentence: str, facts: Facts, main: tuple[Metric, ...]) -> _Subject:
    """What a sentence compares; what it does not say itself is taken from what stands around it."""
    before, after = _context(block, sentence)
    named = mentions(sentence, facts)
    told = metrics(sentence, facts)
    nearest = (sentence, *before[-1:], *after[:1], block.section)
    near = next((them for text in nearest if (them := metrics(text, facts))), None)
    measures = near or main or tuple(facts.metrics.values())
    where = datasets(sentence, facts) or datasets(" ".join(before), facts)
    earlier = (found for text in reversed(before) if (found := mentions(text, facts)))
    runs = named or next(earlier, [])
    return _Subject(_pairs(runs, facts), tuple(measures), tuple(where), bool(named and told))


def _context(block: Block, sentence: str) -> tuple[list[str], list[str]]:
    all_of = sentences(block.text)
    at = all_of.index(sentence) if sentence in all_of else 0
    return all_of[:at], all_of[at + 1 :]


def _pairs(
    named: list[Mention], facts: Facts
) -> tuple[tuple[tuple[Run, ...], tuple[Run, ...]], ...]:
    """Which runs are compared with which: those named with each other, one alone with the rest."""
    groups: list[tuple[Run, ...]] = []
    for each in named:
        for at, group in enumerate(groups):
            if common := set(group) & set(each.runs):  # `run_1 of the idea`: two names, one run
                groups[at] = tuple(run for run in group if run in common)
                break
        else:
            groups.append(each.runs)
    baselines = tuple(run for run in facts.runs.values() if run.is_baseline)
    others = tuple(run for run in facts.runs.values() if not run.is_baseline)
    if not groups:
        return ((others, baselines),)
    if len(groups) == 1:
        alone = groups[0]
        return ((alone, others if all(run.is_baseline for run in alone) else baselines),)
    return tuple(
        (one, other) for number, one in enumerate(groups) for other in groups[number + 1 :]
    )


def _main_metrics(document: Document, facts: Facts) -> tuple[Metric, ...]:
    """What a paper is about: what verdicts are on, else what title and abstract name first."""
    judged = list(dict.fromkeys(each.metric for each in facts.compared))
    if judged:
        return tuple(facts.metrics[name] for name in judged if name in facts.metrics)
    for kind in ("title", "abstract"):
        for block in document.blocks:
            if block.kind == kind and (found := metrics(block.text, facts)):
                return (found[0],)
    return ()


def _row(
    block: Block, sentence: str, status: Status, sure: Sure, found: str, source: str
) -> Finding:
    return Finding("certainty", status, sure, block.place, shortened(sentence), found, source)
