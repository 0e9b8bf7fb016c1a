"""What a sentence says of each of its numbers: of which run and metric it is, in what role."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from bonsai.audit.document import Block
from bonsai.audit.facts import Facts, Metric
from bonsai.audit.numbers import Number, numbers
from bonsai.audit.phrases import (
    AFTER_DIFFERENCE,
    AGAINST,
    BY,
    CLAIMED,
    CLAUSE,
    FOLLOW,
    FOR_OTHER,
    FOR_RUN,
    FRESH,
    FROM,
    INTERVAL,
    IT_GOES_ON,
    IT_IS,
    LEVEL,
    OF_RUN,
    OWNS,
    P_VALUE,
    PAIR,
    PRONOUN,
    REFERENCE,
    ROUGHLY,
    SETTING,
    STARTS_WITH_PRONOUN,
    TO,
    VERB,
    WITH,
)
from bonsai.audit.subjects import Named, dataset_mentions, metric_mentions, run_mentions
from bonsai.audit.wording import Mention

Role = Literal["level", "difference", "interval", "p", "spread", "count", "setting", "label"]


@dataclass(frozen=True)
class Said:
    """A number of a sentence and what it is said to be.

    Attributes:
        number: the number.
        role: what kind of statement it is part of.
        runs: names of the runs that it is of; empty where the sentence names none.
        others: names of those that it is compared with; empty: the baseline.
        named: whether its run stands in the sentence, beside it.
        metrics: what it may be a value of.
        close: whether a metric stands in the same clause.
        datasets: of these data sets; empty: of any.
        roughly: whether it is said to be no exact figure.
    """

    number: Number
    role: Role
    runs: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    named: bool = False
    metrics: tuple[Metric, ...] = ()
    close: bool = False
    datasets: tuple[str, ...] = ()
    roughly: bool = False


@dataclass
class Sentence:
    """A sentence with what it names.

    Attributes:
        text: the sentence.
        runs: the runs that it names.
        metrics: the metrics.
        datasets: the data sets.
        numbers: its numbers.
    """

    text: str
    runs: list[Mention]
    metrics: list[Named]
    datasets: list[tuple[str, int, int]]
    numbers: list[Number]
    before: Sentence | None = field(default=None, repr=False)


def read(text: str, facts: Facts, before: Sentence | None = None) -> Sentence:
    """Read a sentence.

    Args:
        text: the sentence.
        facts: what is on record.
        before: the sentence before it in its paragraph.
    """
    runs = run_mentions(text, facts)
    metrics = [
        each for each in metric_mentions(text, facts)
        if all(each.end <= run.start or each.start >= run.end for run in runs)
    ]  # fmt: skip
    inside = [
        number for number in numbers(text)
        if all(number.end <= run.start or number.start >= run.end for run in runs)
    ]  # fmt: skip
    return Sentence(text, runs, metrics, dataset_mentions(text, facts), inside, before)


def said(sentence: Sentence, facts: Facts) -> Iterator[Said]:
    """What a sentence says of its numbers."""
    respectively = _respectively(sentence)
    for place, number in enumerate(sentence.numbers):
        role = _role(sentence, number, place)
        metrics, close = _metrics(sentence, number, facts)
        runs, named = _runs(sentence, number, place)
        runs = of_seeds(runs, sentence.text, sentence.before.text if sentence.before else "")
        others = _others(sentence, number, runs, facts)
        if number in respectively:
            runs, named = respectively[number], True
        datasets = _datasets(sentence, number)
        roughly = bool(ROUGHLY.search(sentence.text[: number.start][-24:]))
        yield Said(number, role, runs, others, named, metrics, close, datasets, roughly)


def _role(sentence: Sentence, number: Number, place: int) -> Role:
    text = sentence.text
    before, after = text[: number.start], text[number.end :]
    if number.is_label:
        return "label"
    if P_VALUE.search(before[-40:]):
        return "p"
    if LEVEL.match(after) and number.spread is None:
        return "setting"
    if number.unit == "times":
        return "difference"
    if number.spread is not None:
        return "difference" if BY.search(before[-60:]) or number.signed else "level"
    if _is_interval(sentence, number, place):
        return "interval"
    if BY.search(before[-70:]) or number.unit == "points" or (number.signed and number.value >= 0):
        return "difference"
    if number.unit in ("%", "points", "") and AFTER_DIFFERENCE.match(after):
        return "difference" if number.unit else "level"
    if re.search(r"\b(?:a|an|the)\s*$", before) and re.match(
        r"\s*(?:\w+\s+){0,2}(?:improvement|reduction|increase|decrease|gain|drop|speed-?up|change)\b",
        after, re.IGNORECASE,
    ):  # fmt: skip
        return "difference"
    if _is_setting(sentence, number) and not _metric_before(sentence, number):
        return "setting"
    word = re.match(r"[\s-]*([A-Za-z][A-Za-z]+)", after)
    if word and not number.unit and word.group(1) not in FOLLOW:
        following = word.group(1).lower()
        if not any(
            named.start <= number.end + 3 and named.end > number.end for named in sentence.metrics
        ):
            return "count" if following not in FOLLOW else "level"
    return "level"


def _is_setting(sentence: Sentence, number: Number) -> bool:
    """Whether what stands before a number says that it was chosen; names of runs say nothing."""
    first = max(0, number.start - 40)
    found = SETTING.search(sentence.text[first : number.start])
    return found is not None and not any(
        run.start <= first + found.start() < run.end for run in sentence.runs
    )


def _metric_before(sentence: Sentence, number: Number) -> bool:
    """Whether a metric's name stands right before a number."""
    return any(
        0 <= number.start - named.end <= 14
        and not re.search(r"[,;]", sentence.text[named.end : number.start])
        for named in sentence.metrics
    )


def _is_interval(sentence: Sentence, number: Number, place: int) -> bool:
    """Whether a number is an end of an interval of which the sentence speaks before it."""
    text = sentence.text
    spoken = list(INTERVAL.finditer(text, 0, number.start))
    if not spoken:
        opens = re.search(r"[\[(]\s*$", text[: number.start])
        goes_on = re.match(r"\s*,\s*[-+]?\d", text[number.end :])
        return bool(opens and goes_on and INTERVAL.search(text))
    last = spoken[-1].end()
    ends = [each for each in sentence.numbers if last <= each.start < number.start]
    return number.start - last <= 40 and len(ends) <= 1


def clause(text: str, start: int, end: int) -> tuple[int, int]:
    """The part of a sentence around a place, as far as marks and conjunctions part it.

    Returns:
        Where it begins and ends.
    """
    low, high = 0, len(text)
    for mark in CLAUSE.finditer(text):
        if mark.end() <= start:
            low = mark.end()
        elif mark.start() >= end:
            high = mark.start()
            break
    return low, high


def _metrics(sentence: Sentence, number: Number, facts: Facts) -> tuple[tuple[Metric, ...], bool]:
    low, high = clause(sentence.text, number.start, number.end)
    inside = [named for named in sentence.metrics if low <= named.start < high]
    if inside:
        nearest = sorted(inside, key=lambda named: _distance(named.start, named.end, number))
        return tuple(dict.fromkeys(m for named in nearest for m in named.metrics)), True
    if sentence.metrics:
        return tuple(dict.fromkeys(m for named in sentence.metrics for m in named.metrics)), False
    if sentence.before is not None and sentence.before.metrics:
        return tuple(
            dict.fromkeys(m for named in sentence.before.metrics for m in named.metrics)
        ), False
    return (), False


def _distance(start: int, end: int, number: Number) -> int:
    """How far a mention is; what stands before a number is nearer than what stands after it."""
    if end <= number.start:
        return number.start - end
    return 2 * max(0, start - number.end) + 6


def _runs(sentence: Sentence, number: Number, place: int) -> tuple[tuple[str, ...], bool]:
    """The runs that a number is of, and whether the sentence itself says so."""
    text = sentence.text
    if not sentence.runs and sentence.before is not None and IT_GOES_ON.match(text):
        subject = subject_of(sentence.before)
        return (_names(subject), True) if subject else ((), False)
    before = [mention for mention in sentence.runs if mention.end <= number.start]
    for mention in sentence.runs:  # `0.83 for A`, `0.83 (A)`
        between = text[number.end : mention.start]
        close = mention.start >= number.end and len(between) <= 24 and OF_RUN.match(between)
        begins = between.strip() in ("", ",") and VERB.match(text[mention.end :])
        if close and not begins:
            return _names(mention), True
    if before and re.fullmatch(r"['’]?s?\s*\(\s*", text[before[-1].end : number.start]):
        return _names(before[-1]), True
    if FOR_OTHER.match(text[number.end :]):
        return (), False
    subject, references = subject_of(sentence), [m for m in sentence.runs if m in refers(sentence)]
    if place + 1 < len(sentence.numbers) and PAIR.fullmatch(
        text[number.end : sentence.numbers[place + 1].start]
    ):
        return (_names(subject), True) if subject else ((), False)
    paired = place > 0 and PAIR.fullmatch(text[sentence.numbers[place - 1].end : number.start])
    if paired or AGAINST.search(text[: number.start][-50:]):
        beside = [mention for mention in references if mention.start > number.start - 80]
        return (_names((beside or references)[-1]), True) if references else ((), False)
    if FROM.search(text[: number.start][-24:]):
        return (), False
    if any(second is number for _, second in moves(sentence)):
        return (_names(subject), True) if subject else ((), False)
    if not before or (
        PRONOUN.search(text[before[-1].end : number.start]) and not _owns(text, before[-1], number)
    ):
        goes_on = bool(STARTS_WITH_PRONOUN.match(text))
        return (_names(subject), goes_on or subject in sentence.runs) if subject else ((), False)
    near = before[-1]
    if near in references and not _owns(text, near, number):
        return (_names(subject), True) if subject in before else ((), False)
    return _names(near), True


def refers(sentence: Sentence) -> list[Mention]:
    """The runs of a sentence that others are compared with."""
    return [each for each in sentence.runs if REFERENCE.search(sentence.text[: each.start][-60:])]


def subject_of(sentence: Sentence) -> Mention | None:
    """The run that a sentence is about: the first that is no measure of others."""
    references = refers(sentence)
    first = next((each for each in sentence.runs if each not in references), None)
    if first is not None:
        opening = sentence.text[: first.start]
        if not STARTS_WITH_PRONOUN.match(opening) and not STARTS_WITH_PRONOUN.match(sentence.text):
            return first
    if sentence.before is not None and (
        STARTS_WITH_PRONOUN.match(sentence.text) or not sentence.runs
    ):
        return subject_of(sentence.before)
    return first


def _owns(text: str, mention: Mention, number: Number) -> bool:
    """Whether a run that something is compared with is what a number behind it is of."""
    between = text[mention.end : number.start]
    if WITH.search(text[: mention.start]) and IT_IS.match(between):
        return True  # `with A, it is 0.83`: what it is, is no run
    return len(between) <= 34 and bool(OWNS.match(between))


def of_seeds(runs: tuple[str, ...], text: str, before: str = "") -> tuple[str, ...]:
    """Of runs of several kinds of seeds those that a text speaks of, where it says so.

    Args:
        runs: names of runs.
        text: the sentence, or the caption.
        before: what stands before it, and counts where the text itself says nothing.
    """
    for spoken in (text, before):
        found = FRESH.search(spoken)
        if found is not None:
            fresh = tuple(name for name in runs if "(fresh" in name)
            others = tuple(name for name in runs if "(fresh" not in name)
            return (fresh if found.group("fresh") else others) or runs
    return runs


def _names(mention: Mention) -> tuple[str, ...]:
    return tuple(run.name for run in mention.runs)


def _others(
    sentence: Sentence, number: Number, runs: tuple[str, ...], facts: Facts
) -> tuple[str, ...]:
    """The runs that those of a number are compared with: others that the sentence names."""
    mentions = sentence.runs
    if not mentions and sentence.before is not None and IT_GOES_ON.match(sentence.text):
        mentions = sentence.before.runs
    named = [name for mention in mentions for name in _names(mention) if name not in runs]
    baselines = [run.name for run in facts.runs.values() if run.is_baseline]
    return tuple(dict.fromkeys([*named, *baselines]))


def _datasets(sentence: Sentence, number: Number) -> tuple[str, ...]:
    if not sentence.datasets:
        if sentence.before is not None and len(sentence.before.datasets) == 1:
            return ()
        return ()
    low, high = clause(sentence.text, number.start, number.end)
    inside = [name for name, start, _ in sentence.datasets if low <= start < high]
    return tuple(dict.fromkeys(inside or [name for name, _, _ in sentence.datasets]))


def _respectively(sentence: Sentence) -> dict[Number, tuple[str, ...]]:
    """Numbers and runs that are paired by their order."""
    if not re.search(r"\brespectively\b", sentence.text, re.IGNORECASE):
        return {}
    levels = [number for number in sentence.numbers if not number.is_label]
    if len(levels) != len(sentence.runs) or len(levels) < 2:
        return {}
    return {number: _names(mention) for number, mention in zip(levels, sentence.runs, strict=True)}


def repeated_claim(block: Block, text: str, place: int, facts: Facts) -> str:
    """The claim that a place of a sentence only repeats; empty where it states something itself.

    Args:
        block: where the sentence stands.
        text: the sentence.
        place: in it.
        facts: the claims on record.
    """
    if not CLAIMED.search(f"{block.section} {text}"):
        return ""
    for each in facts.compared:
        parts = [re.escape(part) for part in each.claim.split()]
        for found in re.finditer(r"\s+".join(parts), text) if parts else ():
            if found.start() <= place < found.end():
                return each.claim
    return ""


def moves(sentence: Sentence) -> list[tuple[Number, Number]]:
    """Pairs of numbers: something goes from the first, which is another run's, to the second."""
    return [
        (first, second)
        for first, second in zip(sentence.numbers, sentence.numbers[1:], strict=False)
        if FROM.search(sentence.text[: first.start][-24:])
        and TO.match(FOR_RUN.sub("", sentence.text[first.end : second.start]))
    ]
