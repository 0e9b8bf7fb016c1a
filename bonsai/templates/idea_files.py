"""Idea files, in every shape that people and models write them: one reader for all.

The AI Scientist's lists, sets of ideas, objects of AI-Scientist-v2, and what goes wrong on the way:
prose around, a comma too many, names with spaces, ratings like "8/10". What can be understood is
mended, and each mend told in one line. An idea that cannot be is left out, and takes no other with
it. Nothing is lost: keys that we do not know are kept, and a value that is replaced by one that
says less stays beside it, under its key and `_as_written`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bonsai.base import BonsaiError, decode, find_json, listing, spell_out, untrusted
from bonsai.templates.contract import AS_WRITTEN, MOST_NAME, Idea
from bonsai.templates.idea_mending import (
    mend_idea,
    name_of,
    plain,
    plain_keys,
    says_what_to_try,
    text_of,
    writable,
)

__all__ = [
    "IdeaSet", "as_written", "distinct", "entries", "mend", "mend_idea", "name_of", "parse",
    "read_ideas", "to_json",
]  # fmt: skip

AROUND_IDEAS = ("ideas", "idea")  # keys of an object around ideas
MOST_BYTES = 20_000_000  # of a file
MOST_MENDED = 1_000_000  # characters of one that is not plain JSON
IN_SET = re.compile(r"\"ideas\"\s*:\s*(?=\[)", re.IGNORECASE)


@dataclass(frozen=True)
class IdeaSet:
    """The ideas of a file.

    Attributes:
        ideas: those that can be tried, with names that differ.
        mends: one line for each thing that was mended.
        left_out: one line for each idea that cannot be understood.
        about: what the set is about.
        templates: names of the templates that it is for, or "*" for any.
        more: what else stands in the file beside its ideas.
    """

    ideas: list[Idea]
    mends: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    about: str = ""
    templates: list[str] = field(default_factory=lambda: ["*"])
    more: dict[str, Any] = field(default_factory=dict)

    def suits(self, template: str) -> bool:
        """Whether the ideas are meant for the template of that name."""
        return "*" in self.templates or template in self.templates

    def text(self) -> str:
        """The set as a file that needs no mending: a list, if nothing is said of the whole."""
        ideas = [as_written(idea) for idea in self.ideas]
        if not (self.about or self.more or self.templates != ["*"]):
            return to_json(ideas)
        about = {"about": self.about} if self.about else {}
        return to_json({**about, "templates": self.templates, **self.more, "ideas": ideas})


def read_ideas(path: Path) -> IdeaSet:
    """Read a file of ideas, whatever its shape and its encoding.

    Raises:
        BonsaiError: it is missing, too large, or holds no idea; the text names the file, the place
            in it, and what stands there.
    """
    decoded = decode(untrusted.read_bytes(path, MOST_BYTES, follow=True))
    try:
        ideas = parse(decoded.text)
    except BonsaiError as error:
        raise BonsaiError(f"{path}: {error}") from error
    if decoded.encoding in ("cp1252", "latin-1"):
        ideas.mends.insert(0, f"the file is not in UTF-8; it is read as {decoded.encoding}")
    return ideas


def parse(text: str) -> IdeaSet:
    """The ideas of a file's text.

    Raises:
        BonsaiError: there is none.
    """
    if not text.strip():
        raise BonsaiError("it is empty")
    pieces = find_json(text, MOST_MENDED)
    inner = IN_SET.search(text[-MOST_MENDED:])
    if inner and not any(_has_ideas(piece.value) for piece in pieces):
        # One idea that cannot be read must not take its set with it.
        text = text[-MOST_MENDED:][inner.end() :]
        pieces = find_json(text, MOST_MENDED)
    found = [piece for piece in pieces if piece.fault is None]
    faults = [piece.fault for piece in pieces if piece.fault is not None]
    useful = [piece for piece in found if _has_ideas(piece.value)] or found[:1]
    if not useful:
        why = faults[0] if faults else f"`{text.split(chr(10), 1)[0][:40].strip()}` stands there"
        longer = f"; only its last {MOST_MENDED:,} characters are looked at"
        raise BonsaiError(f"it is not JSON: {why}{longer if len(text) > MOST_MENDED else ''}")
    values = [piece.value for piece in useful]
    read = mend(values[0] if len(values) == 1 else values)
    mends = [f"it is not quite JSON: {each}" for piece in useful for each in piece.mends]
    around = text[-MOST_MENDED:]
    for start, end in sorted((piece.span for piece in useful), reverse=True):
        around = around[:start] + around[end:]
    if around.strip("[], \t\n") and not faults:
        prose = re.sub(r"^\s*(?:`{3,}|~{3,})\w*\s*$", "", around, flags=re.MULTILINE)
        parts = ["prose"] * bool(prose.strip("[], \t\n")) + ["a fence"] * (prose != around)
        mends.append(f"{listing(parts)} around the JSON left out")
    lost = [f"what cannot be read is left out: {fault}" for fault in faults]
    if len(text) > MOST_MENDED and (mends or lost):
        lost.append(f"only the last {MOST_MENDED:,} characters of the file were looked at")
    return replace(read, mends=[*mends, *read.mends], left_out=[*lost, *read.left_out])


# ----------------------------------------------------------------------------- from values to ideas


def mend(value: Any) -> IdeaSet:
    """The ideas of a JSON value, with all mends; a pure function.

    Raises:
        BonsaiError: there is no idea in it that can be tried.
    """
    more: dict[str, Any] = {}
    given = entries(writable(value), more)
    ideas: list[Idea] = []
    mends: list[str] = []
    left_out: list[str] = []
    for number, entry in enumerate(given, 1):
        try:
            idea, said = mend_idea(entry)
        except BonsaiError as error:
            name = f" ({name})" if (name := name_of(entry)) else ""
            left_out.append(f"idea {number}{name} is left out: {error}")
            continue
        ideas.append(idea)
        mends += [f"{idea.called}: {each}" for each in said]
    if not given:
        raise BonsaiError("it holds no idea: the list is empty")
    if not ideas:
        raise BonsaiError(f"it holds no idea that can be tried: {'; '.join(left_out[:3])}")
    ideas, said = distinct(ideas)
    for key in [key for key in more if plain(key) in AROUND_IDEAS]:  # a file of the set has its own
        more |= {} if (held := more.pop(key)) is None else {f"{key}{AS_WRITTEN}": held}
    about, templates, wrong = _of_the_set(more)
    return IdeaSet(ideas, [*wrong, *mends, *said], left_out, about, templates, more)


def entries(value: Any, more: dict[str, Any] | None = None) -> list[Any]:
    """What may be ideas in a JSON value: a list, an object around one, objects by name, or one.

    Args:
        value: the value.
        more: takes what stands beside the ideas in objects around them.
    """
    more = {} if more is None else more
    if isinstance(value, list):
        return [one for each in value for one in
                (entries(each, more) if isinstance(each, list | dict) else [each])]  # fmt: skip
    if not isinstance(value, dict) or says_what_to_try(value):
        return [value]
    around = {
        key: each for key, each in value.items()
        if plain(key) in AROUND_IDEAS and isinstance(each, list | dict)
    }  # fmt: skip
    # A named object is around ideas only if there are some: else it has a key that is called so.
    named = bool(plain_keys(value) & {"name", "title"})
    held = [one for each in around.values() for one in entries(each)]
    if around and (not named or any(map(_is_idea, held))):
        more.update({key: each for key, each in value.items() if key not in around})
        return [one for each in around.values() for one in entries(each, more)]
    if named:
        return [value]
    inside = {
        key: found
        for key, each in value.items()
        if isinstance(each, list | dict) and any(map(_is_idea, found := entries(each)))
    }
    if not inside:
        return [value]
    more.update({key: each for key, each in value.items() if key not in inside})
    ideas: list[Any] = []
    for key, found in inside.items():
        by_name = isinstance(value[key], dict) and found == [value[key]]
        without = by_name and "name" not in plain_keys(found[0])
        ideas += [{"Name": key, **found[0]}] if without else found
    return ideas


def distinct(ideas: Sequence[Idea]) -> tuple[list[Idea], list[str]]:
    """Ideas with names that differ: of two with one name and text one is kept, else one is renamed.

    A name that was written as a folder's name goes first, and stays what it is.
    """
    order = sorted(range(len(ideas)), key=lambda index: ideas[index].Name_as_written is not None)
    taken = {idea.Name for idea in ideas}
    groups: dict[str, list[int]] = {}  # by the name in common, where the kept ones stand
    kept: dict[int, Idea] = {}
    mends = []
    for index in order:
        idea = ideas[index]
        group = groups.setdefault(idea.Name, [])
        same = next((other for other in group if _text(ideas[other]) == _text(idea)), None)
        if same is not None:
            first, second = as_written(kept[same]), as_written(idea)
            ours = ("Name", f"Name{AS_WRITTEN}")
            unlike = [
                key
                for key, each in second.items()
                if key not in ours and first.get(key, each) != each
            ]
            rest = f"; of their {listing(unlike)} the first counts" if unlike else ""
            mends.append(f"{idea.called}: stands twice with the same text; one is kept{rest}")
            kept[same] = Idea(**{**second, **first, "Name": first["Name"]})
            continue
        if group:
            new = _free(idea.Name, taken)
            taken.add(new)
            shown = {each.called for each in kept.values()}
            name, number = idea.Name_as_written, len(group) + 1
            while name is not None and name in shown:
                name, number = f"{idea.Name_as_written} ({number})", number + 1
            mends.append(f"{idea.called}: another idea has that name; this one is called {new}")
            idea = idea.model_copy(update={"Name": new, f"Name{AS_WRITTEN}": name})
        group.append(index)
        kept[index] = idea
    return [kept[index] for index in sorted(kept)], mends


def as_written(idea: Idea) -> dict[str, Any]:
    """An idea as a file has it."""
    extra = idea.model_extra or {}
    return {
        key: each for key, each in idea.model_dump().items() if each is not None or key in extra
    }


def to_json(value: Any) -> str:
    """Ideas as the text of a file."""
    return spell_out(json.dumps(writable(value), indent=2, ensure_ascii=False)) + "\n"


def _text(idea: Idea) -> tuple[Any, ...]:
    """What two ideas of one name must have in common to be one."""
    return idea.Title, idea.Experiment, idea.Claims


def _free(name: str, taken: Iterable[str]) -> str:
    number = 2
    while (new := f"{name[: MOST_NAME - 1 - len(str(number))]}_{number}") in taken:
        number += 1
    return new


def _of_the_set(more: dict[str, Any]) -> tuple[str, list[str], list[str]]:
    """What is said of the whole, taken out of `more`: about, templates, and mends."""
    by_key = {plain(key): key for key in more}
    about = text_of(more.pop(by_key["about"])) if "about" in by_key else ""
    if "templates" not in by_key:
        return about, ["*"], []
    given = more.pop(by_key["templates"])
    if isinstance(given, list) and given and all(isinstance(each, str) for each in given):
        return about, given, []
    named = given.split(",") if isinstance(given, str) else given if isinstance(given, list) else []
    templates = [text for each in named if (text := text_of(each))] or ["*"]
    return about, templates, [f"templates is to be a list; {listing(templates)} is taken"]


def _has_ideas(value: Any) -> bool:
    return any(map(_is_idea, entries(value)))


def _is_idea(value: Any) -> bool:
    named = isinstance(value, dict) and plain_keys(value) & {"name", "title"}
    return bool(named) or says_what_to_try(value)
