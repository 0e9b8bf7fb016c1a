"""Prose that a model wrote, sentence by sentence: what may stand in a paper, and why not.

A number can only be written as a key of the paper's values, `{lateral_inhibition.claim_1.p}`, and a
citation as `[@key]`. A word that states a result stands only beside a claim whose verdict carries
it. What passes is data: it is shown, and never run by any typesetter.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from bonsai.evaluation import Word
from bonsai.paper import vocabulary
from bonsai.paper.composing import code
from bonsai.paper.document import Cite, Number, Shown, Spans, Text

MOST_SENTENCE = 600  # characters
MOST_TEXT = 40_000
MARKS = frozenset(" .,;:!?'\"()-–—’‘“”/")
PLAN_MARKS = MARKS | frozenset("%*+=<>_[]&@·×±−≤≥→°µ~|")
KEY = re.compile(r"\{([^{}\s]{1,200})\}|\[@([^\[\]\s]{1,200})\]")
NAME = re.compile(r"[A-Za-z0-9_][\w.\-]*[A-Za-z0-9_]|[A-Za-z0-9_]")
SHORT = re.compile(
    r"\b(?:e\.g|i\.e|cf|vs|etc|fig|figs|eq|sec|tab|approx|resp|al|no|dr|mr|ms)\.$", re.I
)
END = re.compile(r"[.!?][\"'”’)\]]*\s+(?=[A-Z{\[\"'“‘(])")


@dataclass(frozen=True)
class Carried:
    """A claim, as far as prose may lean on it.

    Attributes:
        word: its verdict.
        lost: whether the metric surely moved against it.
    """

    word: Word
    lost: bool = False


@dataclass(frozen=True)
class Scene:
    """What prose may refer to.

    Attributes:
        values: by key.
        claims: by what their keys begin with, for example `lateral_inhibition.claim_1`.
        runs: what keys of runs begin with, for example `lateral_inhibition.run_1`.
        names: words that may hold digits and marks: names of metrics, runs, ideas, data sets.
        words: all words, in small letters, of what the template and the idea say.
        references: keys that may be cited.
    """

    values: Mapping[str, Shown] = field(default_factory=dict)
    claims: Mapping[str, Carried] = field(default_factory=dict)
    runs: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    references: frozenset[str] = frozenset()


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
    return [_checked(sentence, scene) for sentence in sentences(text)]


def check_words(text: str, scene: Scene) -> list[Sentence]:
    """The same for words that are quoted as somebody's own: no digits, no results, no commands."""
    found = []
    for sentence in sentences(text):
        fault = (
            _characters(sentence, MARKS | {"_"}) or _digits(sentence, scene) or _result(sentence)
        )
        if not fault and sentence.endswith(":"):
            fault = "what it announces is not there"
        found.append(Sentence(sentence, [] if fault else [Text(text=sentence)], fault))
    return found


def check_plan(text: str, scene: Scene) -> list[Sentence]:
    """The same for a plan from before any result: its numbers are settings, and may stand."""
    found = []
    for sentence in sentences(text):
        fault = _characters(sentence.replace("`", ""), PLAN_MARKS) or _plan_result(sentence, scene)
        found.append(Sentence(sentence, [] if fault else _quoted(sentence), fault))
    return found


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


def _checked(sentence: str, scene: Scene) -> Sentence:
    bare = KEY.sub(lambda match: " " if match.group(1) or match.group(2) else "", sentence)
    tokens = list(_plain_words(bare, scene))
    fault = (
        ("it is too long" if len(sentence) > MOST_SENTENCE else "")
        or _keys(sentence, scene)
        or _characters(_without_names(bare, scene), MARKS)
        or _digits(bare, scene)
        or _number_words(tokens)
        or _names(bare, scene)
        or _claims(sentence, bare, scene)
        or _done(sentence, bare, scene)
    )
    return Sentence(sentence, [] if fault else _spans(sentence, scene), fault)


def _keys(sentence: str, scene: Scene) -> str:
    for key, cited in KEY.findall(sentence):
        if key and key not in scene.values:
            return f"there is no value with the key {{{key}}}"
        if cited and cited not in scene.references:
            return f"there is no reference [@{cited}]; only those that are listed may be cited"
    return ""


def _characters(text: str, marks: frozenset[str]) -> str:
    """Nothing but Latin letters, digits and a few marks: no commands, no letters in disguise."""
    for letter in text:
        if letter in marks or (letter.isascii() and letter.isalnum()):
            continue
        if letter.isalpha() and _is_latin(letter):
            continue
        name = unicodedata.name(letter, "a character without a name").lower()
        return f"the character {letter!r} ({name}) may not stand in it; write plain words"
    if re.search(r"//|https?:|www\.", text):
        return "an address may not stand in it; cite a reference by its key"
    return ""


@lru_cache(maxsize=4096)
def _is_latin(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith("LATIN ") and (
        unicodedata.normalize("NFKC", letter) == letter
    )


def _digits(text: str, scene: Scene) -> str:
    for word in text.split():
        if any(unicodedata.numeric(letter, None) is not None for letter in word):
            cleaned = word.strip(".,;:!?'\"()’‘“”")
            if cleaned not in scene.names and cleaned.removesuffix("'s") not in scene.names:
                return f"{cleaned!r} holds a number; a number can only be written as a {{key}}"
    return ""


def _plain_words(text: str, scene: Scene) -> Iterator[str]:
    """Words in small letters, without names; words joined by hyphens are taken apart too."""
    for word in _without_names(text, scene).split():
        for piece in re.split(r"[-–—/]", word):
            cleaned = piece.strip(".,;:!?'\"()’‘“”")
            if cleaned:
                yield cleaned


def _without_names(text: str, scene: Scene) -> str:
    """The text without names that are known to the letter, and that need no check."""
    return NAME.sub(
        lambda match: "" if match.group() in scene.names and _is_odd(match.group())
        else match.group(), text,
    )  # fmt: skip


def _is_odd(name: str) -> bool:
    """Whether a name is no plain word: only such a name is exempt from anything."""
    return not name.isalpha()


def _number_words(words: list[str]) -> str:
    for word, after in zip(words, [*words[1:], ""], strict=True):
        small = re.sub(r"['’]s$", "", word.lower())
        if vocabulary.NUMBER_WORD.match(small) or (small == "per" and after.lower() == "cent"):
            return f"{word!r} is a number in words; a number can only be written as a {{key}}"
        if vocabulary.ROMAN.match(word):
            return f"{word!r} is a Roman number; a number can only be written as a {{key}}"
        if len(word) == 1 and word not in ("a", "A", "I"):
            return f"the letter {word!r} stands alone"
    joined = "".join(words).lower()
    if any(len(word) <= 2 for word in words):  # a number that is spelt in pieces
        pieces = re.findall(r"(?:\b\w{1,2}\b\s+){2,}\w{1,2}\b", " ".join(words).lower())
        for piece in pieces:
            if vocabulary.NUMBER_WORD.match("".join(piece.split())):
                return f"{piece!r} is a number in pieces"
    del joined
    return ""


def _names(text: str, scene: Scene) -> str:
    words = list(re.finditer(r"[^\W\d_][\w’'\-]*", _without_names(text, scene)))
    if "et al" in " ".join(text.lower().replace(".", " ").split()):
        return "authors may not be named by hand; cite a reference by its key"
    for number, match in enumerate(words):
        word = re.sub(r"['’]s$", "", match.group())
        for piece in word.split("-"):
            known = piece.lower() in scene.words or piece.lower() in _names_lower(scene.names)
            inner = any(letter.isupper() for letter in piece[1:])
            capital = piece[:1].isupper() and number > 0 and piece not in ("I",)
            if vocabulary.DATA_SETS.match(piece.lower()) and not known:
                return f"{piece!r} names something that nothing here was run on"
            if (inner or capital) and not known:
                return f"{piece!r} names something that neither the template nor the idea mentions"
    return ""


@lru_cache(maxsize=64)
def _names_lower(names: frozenset[str]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)


def _claims(sentence: str, bare: str, scene: Scene) -> str:
    """Words of results, held against the verdicts of the claims that the sentence refers to."""
    if found := vocabulary.NEVER.search(bare):
        return f"no verdict carries {found.group()!r}"
    if found := vocabulary.VERDICT.search(bare):
        return f"write the verdict {found.group()!r} as its {{key}}"
    keys = [key for key, _ in KEY.findall(sentence) if key]
    leaned = {name: claim for name, claim in scene.claims.items()
              if any(key.startswith(f"{name}.") for key in keys)}  # fmt: skip
    told = all(f"{name}.verdict" in keys for name in leaned)
    words = {claim.word for claim in leaned.values()}
    asked = bool(leaned) and told and bool(vocabulary.FRAMING.search(bare))
    for found in vocabulary.CERTAIN.finditer(bare):
        if not leaned or not words <= {"supported", "refuted"}:
            return (
                f"no verdict carries {found.group()!r}: only a supported or a refuted claim is "
                "sure, and the sentence must refer to it by a key"
            )
    for found in vocabulary.GAIN.finditer(bare):
        if asked:
            continue
        wanted = {"refuted"} if _negated(bare, found.start()) else {"supported"}
        if not leaned or words != wanted:
            return _uncarried(found.group(), wanted)
    for found in vocabulary.LOSS.finditer(bare):
        if asked:
            continue
        carried = (
            words == {"supported"} if _negated(bare, found.start())
            else all(claim.lost for claim in leaned.values())
        )  # fmt: skip
        lowers = words == {"supported"} and not _negated(bare, found.start())
        if not leaned or not (carried or lowers):
            return _uncarried(found.group(), {"refuted"})
    return ""


def _uncarried(word: str, wanted: set[str]) -> str:
    return (
        f"no verdict carries {word!r}: the sentence must refer, by a key, to a claim that is "
        f"{', '.join(sorted(wanted))}, or tell the verdict as a key beside what was claimed"
    )


def _negated(text: str, place: int) -> bool:
    before = " ".join(re.split(r"[,;:.]", text[:place])[-1].split()[-5:])
    return bool(vocabulary.NEGATION.search(before))


def _done(sentence: str, bare: str, scene: Scene) -> str:
    found = vocabulary.DONE.search(bare)
    if found is None:
        return ""
    keys = [key for key, _ in KEY.findall(sentence) if key]
    starts = (*scene.claims, *scene.runs)
    named = {match.group() for match in NAME.finditer(bare)} & {
        start.rsplit(".", 1)[-1] for start in scene.runs
    }
    if named or any(key.startswith(f"{start}.") for start in starts for key in keys):
        return ""
    return f"{found.group()!r} says that something was run; refer to the run or claim by a key"


def _result(sentence: str) -> str:
    for pattern in (vocabulary.NEVER, vocabulary.CERTAIN, vocabulary.GAIN, vocabulary.LOSS):
        if found := pattern.search(sentence):
            return f"{found.group()!r} states a result"
    return ""


STATED = re.compile(
    r"\b(?:achiev(?:e|es|ed)|reach(?:es|ed)|obtain(?:s|ed)|attain(?:s|ed)|yield(?:s|ed)|scor(?:es|ed)"
    r"|improved|improves|outperform\w*|surpass\w*|beats|was|were|showed|shows|gives|gave|rose|fell"
    r"|increased|decreased|reduced|raised|lowered)\b",
    re.IGNORECASE,
)


def _plan_result(sentence: str, scene: Scene) -> str:
    """A plan states no result: no figure of a metric that was reached, no word of certainty."""
    if found := vocabulary.NEVER.search(sentence):
        return f"{found.group()!r} states a result"
    if re.search(r"\bsignificant(?:ly)?\b|\boutperform", sentence, re.IGNORECASE):
        return "it speaks of significance"
    metric = any(name in sentence for name in scene.names if "_" in name) or bool(
        re.search(r"%|\bper ?cent|\bpoints?\b", sentence, re.IGNORECASE)
    )
    if STATED.search(sentence) and metric and re.search(r"\d", sentence):
        return "it states a figure as if it had been reached"
    return ""


def _quoted(sentence: str) -> Spans:
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
        if match.group() in scene.names and _is_odd(match.group()):
            found += [Text(text=text[start : match.start()])] if match.start() > start else []
            found.append(code(match.group()))
            start = match.end()
    return [*found, Text(text=text[start:])] if start < len(text) else found
