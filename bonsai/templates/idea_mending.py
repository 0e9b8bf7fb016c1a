"""One idea, mended: from a JSON value that people or models wrote to an `Idea`.

Pure functions; `idea_files` reads whole files with them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from bonsai.base import BonsaiError, listing
from bonsai.templates import contract
from bonsai.templates.contract import AS_WRITTEN, MOST_NAME, NAME, Idea

SLUG = re.compile(NAME)
RATINGS = ("Interestingness", "Feasibility", "Novelty")
RATING = re.compile(r"\s*([-+]?\d+(?:[.,]\d+)?)\s*(?:(?:/|out of|von)\s*(\d+(?:[.,]\d+)?)\s*)?")
USUAL_RATING = 5
# The keys of AI-Scientist-v2 that become the text of the experiment, in the order of reading.
SECTIONS = (
    "Short Hypothesis", "Abstract", "Experiments", "Risk Factors and Limitations", "Related Work",
)  # fmt: skip
TRIABLE = {"experiments", "shorthypothesis", "abstract"}  # one of them says what to try
LIST_MARK = re.compile(r"\s*(?:[-*+•]|\(?\w{1,3}[.):])\s")


def mend_idea(value: Any, *, guess: bool = True) -> tuple[Idea, list[str]]:
    """The idea that a JSON value is, and what was mended in it; a pure function.

    Args:
        value: the value.
        guess: whether what is missing, or says nothing, is made up from the rest; whoever can ask
            the author again does not need that.

    Raises:
        BonsaiError: it cannot be understood; the text says why.
    """
    if not isinstance(value, dict):
        shown = json.dumps(value)
        raise BonsaiError(
            f"an idea is an object with Name, Title and Experiment, and not {shown[:60]}"
        )
    idea, mends = _with_known_keys(writable(value))
    named = _has_text(idea.get("Name")), _has_text(idea.get("Title"))
    if guess and not any(named):
        raise BonsaiError("it has neither a Name nor a Title")
    mends += _mend_name(idea) if guess or named[0] else []
    mends += _mend_title(idea) if guess or named[1] else []
    mends += [*_mend_experiment(idea, guess), *_mend_ratings(idea, guess)]
    if idea.get("Claims") is None:
        idea.pop("Claims", None)
    return contract.check(Idea, idea, "the idea"), mends


def slug(name: str) -> str:
    """A folder's name for a name; empty where it has no letter or digit."""
    from slugify import slugify  # here: few files need it

    made = slugify(name, separator="_", max_length=MOST_NAME, word_boundary=True, save_order=True)
    return re.sub(r"[^a-z0-9_]", "", made)[:MOST_NAME].strip("_")


def name_of(value: Any) -> str:
    """What a JSON value calls itself, in one line; empty where it does not."""
    if not isinstance(value, dict):
        return ""
    by_key = {plain(key): each for key, each in value.items()}
    found = by_key.get("name") or by_key.get("title")
    return " ".join(str(found).split())[:MOST_NAME] if _has_text(found) else ""


def _with_known_keys(value: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The idea with our keys spelt as we do."""
    known = {plain(name): name for name in Idea.model_fields}
    idea: dict[str, Any] = {}
    mends = []
    for key, each in value.items():
        name = known.get(plain(key), key)
        if name != key and name not in value and name not in idea:
            mends.append(f"`{key}` is read as {name}")
            idea[name] = each
        else:
            idea[key] = each
    return idea, mends


def _mend_name(idea: dict[str, Any]) -> list[str]:
    given = idea.get("Name")
    if isinstance(given, str) and SLUG.fullmatch(given):
        return []
    title = _one_line(text_of(idea.get("Title")))
    if not _has_text(given):
        idea["Name"] = slug(title) or "idea"
        return [f"it has no Name; it is called {idea['Name']} after its Title"]
    name = _one_line(text_of(given))
    idea["Name"] = slug(name) or slug(title) or "idea"
    if not _has_text(idea.get(f"Name{AS_WRITTEN}")) and name != idea["Name"]:
        idea[f"Name{AS_WRITTEN}"] = name
    return [f"its folder is called {idea['Name']}"]


def _mend_title(idea: dict[str, Any]) -> list[str]:
    if f"Name{AS_WRITTEN}" in idea and not isinstance(idea[f"Name{AS_WRITTEN}"], str):
        idea[f"Name{AS_WRITTEN}"] = _one_line(text_of(idea[f"Name{AS_WRITTEN}"])) or None
    title = idea.get("Title")
    if isinstance(title, str) and title.strip():
        return []
    if _has_text(title):
        idea["Title"] = _one_line(text_of(title))
        return ["its Title is made one text"]
    name = str(idea.get(f"Name{AS_WRITTEN}") or idea["Name"])
    idea["Title"] = name.replace("_", " ").strip() or name
    return ["it has no Title; its Name is taken"]


def _mend_experiment(idea: dict[str, Any], guess: bool) -> list[str]:
    """The text that the agent reads, from the keys of version 2 where they are."""
    own = idea.get("Experiment")
    mends = []
    if not isinstance(own, str):
        own = text_of(own)
        mends += ["its Experiment is made one text"] if own else []
    own = own if own.strip() else ""
    by_key = {plain(key): key for key in idea}
    keys = {name: by_key[plain(name)] for name in SECTIONS if plain(name) in by_key}
    texts = {name: text for name, key in keys.items() if (text := text_of(idea[key]))}
    if not own and not {plain(name) for name in texts} & TRIABLE:
        if not guess:
            return []
        raise BonsaiError("it has no Experiment, so there is nothing to try")
    if not own and list(texts) == ["Experiments"]:
        idea["Experiment"] = texts["Experiments"]
        return ["its Experiment is made of its Experiments"]
    added = {name: _section(name, text) for name, text in texts.items()
             if text not in own}  # fmt: skip
    if added:
        mends.append(f"its {listing(list(added))} {'are' if own else 'become'} "
                     f"{'added to ' if own else ''}its Experiment")  # fmt: skip
    idea["Experiment"] = "\n\n".join([own, *added.values()] if own else added.values())
    return mends


def _section(name: str, text: str) -> str:
    return f"{name}:{chr(10) if chr(10) in text or LIST_MARK.match(text) else ' '}{text}"


def _mend_ratings(idea: dict[str, Any], guess: bool) -> list[str]:
    mends = []
    missing = [name for name in RATINGS if idea.get(name) is None]
    for name in RATINGS:
        given = idea.get(name)
        if type(given) is int and 1 <= given <= 10:
            continue
        exact, said = _rating(given)
        if not (exact or guess):
            continue
        idea[name] = said
        if given is None:
            continue
        if exact:
            mends.append(f"its {name} {_shown(given)} is {said}")
        else:
            idea.setdefault(f"{name}{AS_WRITTEN}", given)
            mends.append(f"its {name} {_shown(given)} is no whole number from 1 to 10; {said} is "
                         f"taken, and the other kept as {name}{AS_WRITTEN}")  # fmt: skip
    if missing and guess:
        mends.append(f"it has no {listing(missing, 'or')}; {USUAL_RATING} is taken")
    return mends


def _rating(given: Any) -> tuple[bool, int]:
    """Whether a rating says a whole number from 1 to 10, and the nearest one."""
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        return False, USUAL_RATING
    try:
        match = RATING.fullmatch(given) if isinstance(given, str) else None
        if isinstance(given, str) and match is None:
            return False, USUAL_RATING
        value = float(match[1].replace(",", ".")) if match else float(given)
        if match and match[2]:
            value *= 10 / float(match[2].replace(",", "."))
        near = min(10, max(1, int(value + 0.5)))  # as people round: 7.5 is 8
    except (ValueError, OverflowError, ZeroDivisionError):
        return False, USUAL_RATING
    return near == value, near


def text_of(value: Any) -> str:
    """A JSON value as a text that people read: lists with marks, objects by name and description.

    What is a text is left alone, but for white space around.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list):
        texts = [text for each in value if (text := text_of(each))]
        marked = (text if LIST_MARK.match(text) else f"- {text}" for text in texts)
        return "\n".join(text.replace("\n", "\n  ") for text in marked)
    if isinstance(value, dict):
        by_key = {plain(key): key for key in value}
        head = next((by_key[key] for key in ("name", "title") if key in by_key), None)
        lines = [
            text if plain(key) == "description" else _section(str(key), text)
            for key, each in value.items()
            if key != head and (text := text_of(each))
        ]
        title = text_of(value[head]) if head is not None else ""
        return f"{title}{': ' if title and lines else ''}{chr(10).join(lines)}"
    return json.dumps(value)


def says_what_to_try(value: Any) -> bool:
    """Whether a JSON value is an object with a key for the experiment."""
    return isinstance(value, dict) and bool(plain_keys(value) & {"experiment", *TRIABLE})


def plain_keys(value: Mapping[Any, Any]) -> set[str]:
    """Its keys, without what people vary in them."""
    return {plain(key) for key in value}


def plain(key: Any) -> str:
    """A key without what people vary in it: case, spaces, underscores."""
    return re.sub(r"[\s_-]", "", str(key).lower())


def _has_text(value: Any) -> bool:
    return bool(_one_line(text_of(value)))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:37] + "..."


def writable(value: Any) -> Any:
    """The value without what no file holds: halves of characters, numbers that are not finite."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [writable(each) for each in value]
    if isinstance(value, dict):
        return {writable(key): writable(each) for key, each in value.items()}
    return value
