"""What a sentence is made of: its characters, and numbers in whatever form they are written."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

from bonsai.paper import vocabulary

MARKS = frozenset(" .,;:!?'\"()-–—’‘“”/")
AROUND = ".,;:!?'\"()’‘“”"
NAME = re.compile(r"[A-Za-z0-9_][\w.\-]*[A-Za-z0-9_]|[A-Za-z0-9_]")
PROPER = re.compile(r"[A-Za-z][\w\-]*(?:\.[A-Za-z]\w*)*", re.ASCII)
WHOLE = {"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l",
         "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "þ": "th", "Þ": "Th"}  # fmt: skip
SPELT = 4  # words that may together spell a number: `se ven`
INSIDE = re.compile(r"(?<!\be)(?<!\bi)(?<!\be\.g)(?<!\bi\.e)[.,;:!?]\w", re.IGNORECASE)


def fold(text: str) -> str:
    """A text with letters of plain ASCII only, so that `tẃo` reads as it looks."""
    return "".join(map(_folded, text))


@lru_cache(maxsize=4096)
def _folded(letter: str) -> str:
    if letter.isascii():
        return letter
    plain = WHOLE.get(letter) or unicodedata.normalize("NFD", letter)[0]
    return plain if plain.isascii() else letter


def odd_names(names: Iterable[str]) -> frozenset[str]:
    """The names that are no plain words; only these are exempt from anything.

    What is no proper name, as `94.2`, is none of them.
    """
    return frozenset(
        name for name in names if not name.isalpha() and PROPER.fullmatch(name) and len(name) <= 100
    )


def without(text: str, names: frozenset[str]) -> str:
    """A text without the names that are known to the letter, each of the same length."""
    return NAME.sub(
        lambda found: " " * len(found.group()) if found.group() in names else found.group(), text
    )


def strange_character(text: str, marks: frozenset[str]) -> str:
    """Why characters may not stand: nothing but Latin letters and a few marks, so no commands."""
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
    """Whether it is a letter of a European language, and not one that only looks like it."""
    return (
        unicodedata.name(letter, "").startswith("LATIN ")
        and unicodedata.normalize("NFKC", letter) == letter
        and fold(letter).isascii()
    )


def mark_within(text: str) -> str:
    """Why a mark may not stand within a word, as in the name of a file."""
    found = INSIDE.search(text)
    return f"{found.group()!r} stands within a word" if found else ""


def digit(text: str, names: frozenset[str]) -> str:
    """Why a number may not stand that is written with any character that counts something."""
    for word in text.split():
        if any(unicodedata.numeric(letter, None) is not None for letter in word):
            cleaned = word.strip(AROUND)
            if cleaned not in names and re.sub(r"['’]s$", "", cleaned) not in names:
                return f"{cleaned!r} holds a number; a number can only be written as a {{key}}"
    return ""


def words_of(text: str) -> Iterator[str]:
    """The words of a text without marks; what is joined by a hyphen or a slash is taken apart."""
    for word in fold(text).split():
        for piece in re.split(r"[-–—/]", word):
            if cleaned := re.sub(r"['’]s$", "", piece.strip(AROUND)):
                yield cleaned


def number_word(text: str) -> str:
    """Why a number may not stand that is written in words, in pieces or in Roman letters."""
    words = list(words_of(text))
    for number, word in enumerate(words):
        small = re.sub(r"['’]", "", word.lower())
        if small == "per" and words[number + 1 : number + 2] == ["cent"]:
            small = "percent"
        if vocabulary.NUMBER_WORD.match(small):
            return f"{word!r} is a number in words; a number can only be written as a {{key}}"
        if vocabulary.ROMAN.match(small):
            return f"{word!r} is a Roman number; a number can only be written as a {{key}}"
        if len(word) == 1 and word not in ("a", "A"):
            return f"the letter {word!r} stands alone"
        for end in range(number + 2, min(number + SPELT, len(words)) + 1):
            spelt = "".join(words[number:end]).lower()
            if vocabulary.NUMBER_WORD.match(spelt):
                return f"{' '.join(words[number:end])!r} spells a number"
    return ""
