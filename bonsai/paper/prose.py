"""Prose that a model wrote, sentence by sentence: what may stand in a paper, and why not.

A number can only be written as a key of the paper's values, `{lateral_inhibition.claim_1.p}`, and a
citation as `[@key]`. A word that states a result stands only beside a claim whose verdict carries
it. What passes is data: it is shown, and never run by any typesetter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bonsai.paper import carrying, letters, vocabulary
from bonsai.paper.carrying import KEY
from bonsai.paper.composing import code
from bonsai.paper.document import Cite, Number, Spans, Text
from bonsai.paper.letters import MARKS, NAME
from bonsai.paper.scene import Carried, Scene

MOST_SENTENCE = 600  # characters
MOST_TEXT = 40_000
PLAN_MARKS = MARKS | frozenset("%*+=<>_[]&@·×±−≤≥→°µ~|")
SHORT = re.compile(
    r"\b(?:e\.g|i\.e|cf|vs|etc|fig|figs|eq|sec|tab|approx|resp|al|dr|mr|ms)\.$", re.I
)
END = re.compile(r"[.!?][\"'”’)\]]*\s+(?=[A-Z{\[\"'“‘(])")
LAST = re.compile(r"[.!?][\"'”’)]*$")


@dataclass(frozen=True)
class Sentence:
    """A sentence, and what is wrong with it.

    Attributes:
        text: as it was written.
        spans: as it is shown; empty where it may not be.
        fault: why it may not stand, for who wrote it; empty where it may.
    """

    text: str
    spans: Spans
    fault: str = ""


def check(text: str, scene: Scene) -> list[Sentence]:
    """The sentences of a field of a paper, each with its fault if it has one.

    Args:
        text: what was written.
        scene: what it may refer to.
    """
    return [_judged(each, scene, _fault, _spans) for each in sentences(text)]


def check_words(text: str, scene: Scene) -> list[Sentence]:
    """The same for words that are quoted as somebody's own: no numbers, no results, no commands."""
    return [_judged(each, scene, _fault_of_words, _quoted) for each in sentences(text)]


def check_plan(text: str, scene: Scene) -> list[Sentence]:
    """The same for a plan from before any result: its numbers are settings, and may stand."""
    return [_judged(each, scene, _fault_of_plan, _quoted) for each in sentences(text)]


def sentences(text: str) -> list[str]:
    """A text as sentences, each on one line; what is too long is cut off."""
    found: list[str] = []
    for part in re.split(r"\n\s*\n", text[:MOST_TEXT].replace("\r\n", "\n")):
        line, start = " ".join(part.split()), 0
        for match in END.finditer(line):
            piece = line[start : match.end()].strip()
            if SHORT.search(piece.rstrip("\"'”’)]")):
                continue
            found.append(piece)
            start = match.end()
        if rest := line[start:].strip():
            found.append(rest)
    return found


def _judged(
    text: str, scene: Scene, judge: Callable[[str, Scene], str],
    show: Callable[[str, Scene], Spans],
) -> Sentence:  # fmt: skip
    fault = judge(text, scene)
    return Sentence(text, [] if fault else show(text, scene), fault)


def _fault(sentence: str, scene: Scene) -> str:
    bare = KEY.sub(lambda found: " " * len(found.group()), sentence)
    nameless = letters.without(bare, scene.odd)
    return next(
        filter(None, _faults(sentence, bare, nameless, scene)), ""
    )  # the first alone: who mends it is asked again


def _faults(sentence: str, bare: str, nameless: str, scene: Scene) -> Iterator[str]:
    if len(sentence) > MOST_SENTENCE:
        yield "it is too long"
    yield carrying.misused_key(sentence, scene)
    yield letters.strange_character(nameless, MARKS)
    yield letters.digit(bare, scene.odd)
    yield letters.mark_within(nameless)
    if not LAST.search(sentence):
        yield "it does not end"
    yield letters.number_word(nameless)
    yield _strange_name(nameless, scene)
    yield carrying.uncarried(sentence, scene)
    yield carrying.work_without_run(sentence, scene)
    yield carrying.misplaced_value(sentence, scene)


def _strange_name(nameless: str, scene: Scene) -> str:
    """Why names may not stand that nothing here mentions: of data sets, methods, people."""
    text = letters.fold(nameless)
    if "et al" in " ".join(text.lower().replace(".", " ").split()):
        return "authors may not be named by hand; cite a reference by its key"
    for number, found in enumerate(re.finditer(r"[A-Za-z][A-Za-z’'\-]*", text)):
        word = re.sub(r"['’]s$", "", found.group())
        for place, piece in enumerate(filter(None, re.split(r"[-’']", word))):
            small = piece.lower()
            if small in scene.known:
                continue
            if vocabulary.DATA_SETS.match(small):
                return f"{piece!r} names something that nothing here was run on"
            if any(letter.isupper() for letter in piece[1:]) or (
                piece[0].isupper() and (number or place)
            ):
                return f"{piece!r} names something that neither the template nor the idea mentions"
            if (
                piece[0].isupper()
                and small not in vocabulary.STARTS
                and not vocabulary.ENDINGS.search(small)
            ):
                return f"{piece!r} may be a name; begin the sentence with another word"
    return ""


def _fault_of_words(sentence: str, scene: Scene) -> str:
    text = sentence.replace("`", " ")
    nameless = letters.without(text, scene.odd)
    fault = (
        letters.strange_character(text, MARKS | {"_"})
        or letters.digit(text, scene.odd)
        or letters.number_word(nameless)
        or carrying.result_word(nameless)
    )
    return fault or ("what it announces is not there" if sentence.endswith(":") else "")


def _fault_of_plan(sentence: str, scene: Scene) -> str:
    """A plan states no result: no figure of a metric that was reached, no word of certainty."""
    if fault := letters.strange_character(sentence.replace("`", ""), PLAN_MARKS):
        return fault
    text = letters.fold(sentence)
    if found := vocabulary.STATED.search(text) or re.search(
        r"\bstate[\s-]+of[\s-]+the[\s-]+art\b|\bsota\b", text, re.IGNORECASE
    ):
        return f"{found.group()!r} states a result"
    for clause in re.split(r"[,;]\s|\.\s", text):
        spoken = clause.replace("_", " ")
        metric = vocabulary.OF_A_METRIC.search(spoken) or any(
            name in clause or name.replace("_", " ") in spoken for name in scene.metrics & scene.odd
        )
        if metric and letters.digit(letters.without(clause, scene.odd), scene.odd):
            return "it gives a figure of a metric"
    return ""


def _quoted(sentence: str, _: Scene) -> Spans:
    """A quoted sentence, with what stands between backticks as code."""
    parts = sentence.split("`")
    if len(parts) % 2 == 0:
        return [Text(text=sentence.replace("`", ""))]
    return [code(part) if number % 2 else Text(text=part)
            for number, part in enumerate(parts) if part]  # fmt: skip


def _spans(sentence: str, scene: Scene) -> Spans:
    found: Spans = []
    start = 0
    for match in KEY.finditer(sentence):
        found += _named(sentence[start : match.start()], scene)
        key, cited = match.groups()
        found.append(Number(key=key) if key else Cite(key=cited))
        start = match.end()
    return [*found, *_named(sentence[start:], scene)]


def _named(text: str, scene: Scene) -> Spans:
    """Words, with known names set as code."""
    found: Spans = []
    start = 0
    for match in NAME.finditer(text):
        if match.group() in scene.odd:
            found += [Text(text=text[start : match.start()])] if match.start() > start else []
            found.append(code(match.group()))
            start = match.end()
    return [*found, Text(text=text[start:])] if start < len(text) else found


__all__ = ["Carried", "Scene", "Sentence", "check", "check_plan", "check_words", "sentences"]
