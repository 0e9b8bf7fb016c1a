"""Comparisons in words, without a number: `A is better than B in M`, `A raises M`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from bonsai.audit import statements
from bonsai.audit.document import Block, Document
from bonsai.audit.facts import Facts, Metric, kind_of
from bonsai.audit.findings import Finding, Sure
from bonsai.audit.statements import Sentence, repeated_claim
from bonsai.audit.subjects import metric_mentions
from bonsai.audit.tracing import is_time
from bonsai.audit.wording import OTHERS, Mention, sentences, shortened

READ = ("abstract", "paragraph", "caption", "title", "heading")
Way = Literal["better", "worse", "higher", "lower"]
WAYS: dict[str, Way] = {"better": "better", "worse": "worse", "higher": "higher", "lower": "lower"}
THAN = r"(?:\s+(?:\w+\s+){0,3}?than\b|\s+(?:compared|relative)\s+to\b)"
PATTERNS: tuple[tuple[Way, str], ...] = (
    ("better", r"\b(?:out-?perform\w*|beats?|beating|surpass\w*|exceeds?|wins?\s+(?:against|over)"
               r"|improv\w+\s+(?:on|upon|over)|superior\s+to|(?:is|comes)\s+ahead\s+of)\b"),
    ("worse", r"\b(?:under-?perform\w*|(?:falls?|fell)\s+(?:behind|short\s+of)|trails?"
              r"|lags?\s+behind|(?:do(?:es)?|did)\s+not\s+(?:reach|match)|loses?\s+to"
              r"|inferior\s+to|is\s+behind)\b"),
    ("better", rf"\bbetter\b(?:{THAN}|(?=\s+(?:in|on)\b))"),
    ("worse", rf"\bworse\b(?:{THAN}|(?=\s+(?:in|on)\b))"),
    ("higher", rf"\b(?:higher|larger|greater|longer|slower|more)\b{THAN}|,?\s+above\b"),
    ("lower", rf"\b(?:lower|smaller|shorter|faster|less|fewer)\b{THAN}|,?\s+below\b"),
)  # fmt: skip
# What happens to a metric, against the baseline where nothing else is named.
VERBS: tuple[tuple[Way, str], ...] = (
    ("better", r"\b(?:improv(?:es?|ed)|better(?:s|ed))\b(?!\s+(?:on|upon|over)\b)"),
    ("worse", r"\b(?:worsen(?:s|ed)?|degrad(?:es?|ed)|hurts?|harms?|deteriorates?)\b"),
    ("higher", r"\b(?:rais(?:es|ed)|increas(?:es?|ed)|lifts?|pushes\s+up)\b"),
    ("lower", r"\b(?:lowers|lowered|reduc(?:es?|ed)|decreas(?:es?|ed)|cuts|shrinks|drops)\b"),
)  # fmt: skip
BARE = re.compile(
    r"\b(?P<way>better|worse|higher|lower)\b"
    r"(?=\s+(?:in\s+terms\s+of|in|on|for|with\s+respect)\b)",
    re.IGNORECASE,
)
SUPERLATIVES: dict[str, Way] = {
    "best": "better", "worst": "worse", "highest": "higher", "lowest": "lower", "largest": "higher",
    "smallest": "lower",
}  # fmt: skip
SUPERLATIVE = re.compile(
    r"(?<!second )(?<!second-)\b(?:the|its)\s+(?:overall\s+)?"
    r"(best|worst|highest|lowest|largest|smallest)\b(?!\s+(?:of|run|seed|among)\b)",
    re.IGNORECASE,
)
COMPARED = re.compile(r"\b(?:compared\s+(?:to|with)|against|relative\s+to|versus)\b", re.IGNORECASE)
DENIED = re.compile(
    r"\b(?:not|no|never|neither|nor|without|whether|if|hardly|would|could|should|may|might|will"
    r"|than\s+expected|expect\w*|hypothes\w*|claims?\s+that|asks?|question|supposed|hoped?|aims?)\b"
    r"|n['’]t\b",
    re.IGNORECASE,
)
REACH = 90  # characters between a comparing word and what it compares with


@dataclass(frozen=True)
class Comparison:
    """Something that is said to be better, worse, higher or lower than something else."""

    ones: tuple[str, ...]
    others: tuple[str, ...]
    way: Way
    words: str
    place: int
    named: bool
    every: bool = False  # whether it is said of all others, so that one of them refutes it


def comparisons(document: Document, facts: Facts) -> Iterator[Finding]:
    """Rows on comparisons that are stated in words."""
    for block in document.blocks:
        if block.kind not in READ or OTHERS.search(block.section):
            continue
        before: Sentence | None = None
        for text in sentences(block.text):
            sentence = statements.read(text, facts, before)
            for each in _stated(sentence, facts):
                yield from _judge(block, sentence, each, facts)
            before = sentence


def _stated(sentence: Sentence, facts: Facts) -> Iterator[Comparison]:
    text = sentence.text
    taken: list[tuple[int, int]] = []
    for way, pattern in PATTERNS:
        for match in re.finditer(pattern, text, re.IGNORECASE):
            if any(match.start() < end and start < match.end() for start, end in taken):
                continue
            if _denied(text, match):
                continue
            other = _after(sentence, match.end())
            one = _before(sentence, match.start(), other)
            if other is None or not _has(one):
                continue
            taken.append(match.span())
            yield Comparison(_names(one), _names(other), way, match.group().strip(), match.start(),
                             one in sentence.runs)  # fmt: skip
    for match in BARE.finditer(text):
        if any(match.start() < end and start < match.end() for start, end in taken):
            continue
        references = statements.refers(sentence)
        if COMPARED.search(text) and references and not _denied(text, match):
            one = statements.subject_of(sentence)
            if _has(one):
                stated: Way = WAYS[match.group("way").lower()]
                yield Comparison(_names(one), _names(references[0]), stated, match.group(),
                                 match.start(), one in sentence.runs)  # fmt: skip
    yield from _verbs(sentence, facts, taken)
    yield from _best(sentence, facts)


def _best(sentence: Sentence, facts: Facts) -> Iterator[Comparison]:
    """`A has the lowest M`: against every other run of its kind."""
    text = sentence.text
    for match in SUPERLATIVE.finditer(text):
        after = metric_mentions(text[match.end() : match.end() + 40], facts)
        if not after or after[0].start > 24 or _denied(text, match):
            continue
        ones = [each for each in sentence.runs if each.end <= match.start()]
        one = ones[-1] if ones else None
        if one is None or re.search(r"[;:]", text[one.end : match.start()]):
            continue
        for name in _names(one):
            others = tuple(
                other for other in facts.runs if other != name and kind_of(other) == kind_of(name)
            )
            yield Comparison((name,), others, SUPERLATIVES[match.group(1).lower()], match.group(),
                             match.start(), True, every=True)  # fmt: skip


def _verbs(sentence: Sentence, facts: Facts, taken: list[tuple[int, int]]) -> Iterator[Comparison]:
    """`A raises M`: against what it is compared with, or the baseline."""
    text = sentence.text
    baselines = tuple(run.name for run in facts.runs.values() if run.is_baseline)
    for way, pattern in VERBS:
        for match in re.finditer(pattern, text, re.IGNORECASE):
            if any(match.start() < end and start < match.end() for start, end in taken):
                continue
            after = text[match.end() : match.end() + 50]
            if not metric_mentions(after, facts) or _denied(text, match):
                continue
            low, _ = statements.clause(text, match.start(), match.end())
            ones = [each for each in sentence.runs if each.end <= match.start()
                    and each not in statements.refers(sentence)]  # fmt: skip
            one = ones[-1] if ones else statements.subject_of(sentence)
            references = statements.refers(sentence)
            others = _names(references[-1]) if references else baselines
            if one is None and not ones and _own_method(text[low : match.start()]):
                rest = tuple(run.name for run in facts.runs.values() if not run.is_baseline)
                yield Comparison(rest, others, way, match.group(), match.start(), False)
            elif _has(one):
                yield Comparison(_names(one), others, way, match.group(), match.start(),
                                 one in sentence.runs)  # fmt: skip


def _own_method(subject: str) -> bool:
    """Whether the words before a verb name something, so that it is no rule or plan."""
    words = re.findall(r"[A-Za-z]+", subject)
    return 0 < len(words) <= 8 and words[-1].lower() not in ("to", "that", "which", "can", "must")


def _denied(text: str, match: re.Match[str]) -> bool:
    start, _ = statements.clause(text, match.start(), match.end())
    before = text[start : match.start()][-60:]
    return bool(DENIED.search(before)) or bool(re.search(r"\bor\s+(?:worse|better)\b", text))


def _after(sentence: Sentence, place: int) -> Mention | None:
    found = [each for each in sentence.runs if 0 <= each.start - place <= REACH]
    if not found:
        return None
    between = sentence.text[place : found[0].start]
    return None if re.search(r"[;.]\s", between) else found[0]


def _before(sentence: Sentence, place: int, other: Mention | None) -> Mention | None:
    references = statements.refers(sentence)
    found = [each for each in sentence.runs if each.end <= place and each is not other]
    subjects = [each for each in found if each not in references]
    if subjects:
        low, _ = statements.clause(sentence.text, place, place)
        inside = [each for each in subjects if each.start >= low]
        return (inside or subjects)[-1]
    if found:
        return None
    subject = statements.subject_of(sentence)
    return subject if subject is not other else None


def _has(mention: Mention | None) -> bool:
    return mention is not None and bool(mention.runs)


def _names(mention: Mention | None) -> tuple[str, ...]:
    return tuple(run.name for run in mention.runs) if mention else ()


def _judge(block: Block, sentence: Sentence, said: Comparison, facts: Facts) -> Iterator[Finding]:
    metrics, close = _metrics(sentence, said, facts)
    datasets = {name for name, _, _ in sentence.datasets}
    if repeated_claim(block, sentence.text, said.place, facts):
        return
    truths: list[tuple[int, str, str]] = []
    for metric in metrics:
        for one in said.ones:
            for other in said.others:
                truths += _signs(one, other, metric, datasets, said.way, facts)
    against = [truth for truth in truths if truth[0] < 0]
    if not against or (len(against) < len(truths) and not said.every):
        return
    truths = against
    sure: Sure = "sure" if said.named and close and len(metrics) == 1 else "likely"
    yield Finding(
        "comparison", "contradicted", sure, block.place, shortened(sentence.text),
        f"It is the other way round ({said.words}): {truths[0][1]}.", truths[0][2],
    )  # fmt: skip


def _signs(
    one: str, other: str, metric: Metric, datasets: set[str], way: Way, facts: Facts
) -> Iterator[tuple[int, str, str]]:
    """For each data set +1 where a comparison holds, -1 where the opposite does, else 0."""
    if one == other or kind_of(one) != kind_of(other):
        return
    if way in ("better", "worse") and metric.better is None:
        return
    up = way in ("higher", "better") if way in ("higher", "lower") else (
        (way == "better") == (metric.better == "higher")
    )  # fmt: skip
    for first in facts.of(one, metric.name):
        for second in facts.of(other, metric.name):
            if first.dataset != second.dataset or (datasets and first.dataset not in datasets):
                continue
            sign = (first.mean > second.mean) - (first.mean < second.mean)
            told = f"{metric.name} of {one} is {first.mean:.6g}, of {other} {second.mean:.6g}" + (
                f" on {first.dataset}" if first.dataset else ""
            )
            yield (sign if up else -sign), told, first.source


def _metrics(sentence: Sentence, said: Comparison, facts: Facts) -> tuple[Sequence[Metric], bool]:
    """What is compared: metrics beside the comparing words, else those of the sentence."""
    low, high = statements.clause(sentence.text, said.place, said.place + len(said.words))
    inside = [each for each in sentence.metrics if low <= each.start < high] or sentence.metrics
    if not inside and sentence.before is not None:
        inside = sentence.before.metrics
    metrics = tuple(dict.fromkeys(metric for each in inside for metric in each.metrics))
    speed = re.search(r"\b(?:faster|slower|shorter|longer)\b", said.words, re.IGNORECASE)
    if speed:
        times = [metric for metric in facts.metrics.values() if is_time(metric)]
        metrics = tuple(metric for metric in metrics if metric in times) or tuple(times)
    return metrics, bool(inside)
