"""Checks of a folder's data files: prompt, seed ideas, baseline, and what should not be there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bonsai.base import BonsaiError, listing
from bonsai.doctor.finding import Finding, failure, note, ok, warning
from bonsai.doctor.subject import Subject, results_of_strangers
from bonsai.templates import contract, is_installed, read_ideas

MAX_MEGABYTES = 20.0
NEEDED_KEYS = ("Name", "Title", "Experiment")  # else The AI Scientist ends with a KeyError
RATING_KEYS = ("Interestingness", "Feasibility", "Novelty")
LEFT_BEHIND = {
    "notes.txt": "The AI Scientist and this runner write one for each idea",
    "ideas.json": "The AI Scientist writes the ideas of a run there",
}


def folder_name(subject: Subject) -> Iterator[Finding]:
    """The name becomes part of paths and commands."""
    name = subject.folder.name
    if re.fullmatch(r"[A-Za-z0-9_-]+", name):
        yield ok(f"the folder's name, {name}, suits a command line")
    else:
        yield warning(
            f"the folder's name, {name!r}, holds more than letters, digits, _ and -",
            "rename the folder: its name is typed on command lines and becomes part of paths",
        )


def folder_size(subject: Subject) -> Iterator[Finding]:
    """The whole folder is copied for each idea."""
    files = [path for path in subject.folder.rglob("*") if path.is_file()]
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    if megabytes <= MAX_MEGABYTES:
        yield ok(f"the folder is light: {megabytes:.1f} MB")
        return
    largest = max(files, key=lambda path: path.stat().st_size)
    yield warning(
        f"the folder holds {megabytes:.0f} MB (most of all in "
        f"{largest.relative_to(subject.folder).as_posix()}), and is copied whole for every idea",
        f"move data to a cache outside of it; at most {MAX_MEGABYTES:.0f} MB should stay",
    )


def nothing_left_behind(subject: Subject) -> Iterator[Finding]:
    """Files that are written for each idea are not part of a template."""
    found = [name for name in LEFT_BEHIND if (subject.folder / name).exists()]
    for name in found:
        yield warning(
            f"{name} lies in the folder; {LEFT_BEHIND[name]}, so it is from an earlier use",
            f"delete {name}",
        )
    if not found:
        yield ok("nothing of an earlier use lies in the folder")


def prompt(subject: Subject) -> Iterator[Finding]:
    """prompt.json says what a model is told."""
    limits = contract.read(contract.Prompt, subject.folder / "prompt.json").limits
    own = f", and limits a run to {limits.run_seconds:.0f} s" if subject.is_ours else ""
    yield ok(f"prompt.json tells a model its role and its task{own}")


def seed_ideas(subject: Subject) -> Iterator[Finding]:
    """seed_ideas.json is a list of ideas, with all that The AI Scientist looks up in them."""
    path = subject.folder / "seed_ideas.json"
    mend = f"`bonsai ideas check {path} --out mended.json` writes it as it should be"
    try:
        value = contract.read_json(path)
    except BonsaiError:
        read_ideas(path)  # tells it better, where nobody can read the file
        yield failure("seed_ideas.json is not plain JSON, as The AI Scientist reads it", mend)
        return
    if not isinstance(value, list):
        yield failure(
            f"seed_ideas.json holds {_kind(value)}, and The AI Scientist reads a list of ideas",
            'write [{"Name": ..., "Title": ..., ...}, ...]; idea sets belong into seed_ideas/',
        )
        return
    if not value:
        yield warning(
            "seed_ideas.json is an empty list; The AI Scientist makes ideas without it, and a "
            "sweep has none to try",
            "write some there, or name a file of ideas with `bonsai run --ideas FILE`",
        )
        return
    found = [each for number, idea in enumerate(value, 1) for each in _of_idea(number, idea)]
    yield from found
    ideas = read_ideas(path)
    for line in ideas.left_out:
        yield warning(f"seed_ideas.json: {line}", "mend it; the other ideas can be swept")
    if ideas.mends and not found:
        yield warning(f"seed_ideas.json is mended when it is read: {ideas.mends[0]}", mend)
    if not found and not ideas.mends and not ideas.left_out:
        yield ok(f"seed_ideas.json holds {len(ideas.ideas)} ideas")


def _of_idea(number: int, idea: Any) -> Iterator[Finding]:
    """What The AI Scientist would stumble over in one idea."""
    keys = set(idea) if isinstance(idea, dict) else set()
    name = f"the idea {idea['Name']}" if "Name" in keys else f"idea {number}"
    if missing := [key for key in NEEDED_KEYS if key not in keys]:
        yield failure(
            f"seed_ideas.json: {name} lacks {', '.join(missing)}",
            "The AI Scientist looks them up when it begins an idea, and ends there",
        )
    if missing := [key for key in RATING_KEYS if key not in keys]:
        yield warning(
            f"seed_ideas.json: {name} lacks {', '.join(missing)}",
            "give each idea all six keys; the three ratings are whole numbers from 1 to 10",
        )
    if "Name" in keys and not re.fullmatch(contract.NAME, str(idea["Name"])):
        yield warning(
            f"seed_ideas.json: {name} has a Name that is more than letters, digits and _",
            "The AI Scientist makes it part of a path; here its folder is called otherwise",
        )


def baseline(subject: Subject) -> Iterator[Finding]:
    """run_0/final_info.json is there, with finite means under every key."""
    path = subject.folder / "run_0" / "final_info.json"
    if not path.is_file() and is_installed(subject.folder):
        yield note(
            "there is no run_0: it lies in an installed package, where nothing is written",
            f"`bonsai copy {subject.folder} DIR` makes one of yours, for The AI Scientist as well",
        )
        return
    if not path.is_file() and not subject.is_ours:
        yield warning(
            "run_0/final_info.json is missing; The AI Scientist wants one that was made on your "
            "machine (`bonsai run` makes its own)",
            how_to_make_run_0(subject),
        )
        return
    if not path.is_file():
        yield failure(
            "run_0/final_info.json is missing; The AI Scientist does not start without it",
            how_to_make_run_0(subject),
        )
        return
    if not subject.is_ours:  # The AI Scientist itself reads any shape of `means`
        found = results_of_strangers(path)
        if found is None:
            return  # a sweep minds, and `strangers.numbers` says it
        left = f", and beside them {listing(found.left_out)}" if found.left_out else ""
        yield ok(f"run_0/final_info.json holds {len(found.metrics)} numbers{left}")
        return
    info = contract.read(contract.FinalInfo, path).root
    counts = ", ".join(f"{len(entry.means)} means for {name}" for name, entry in info.items())
    yield ok(f"run_0/final_info.json holds {counts}")
    if unsure := [name for name, entry in info.items() if not any(entry.stderrs.values())]:
        yield note(
            f"run_0/final_info.json has no standard errors for {', '.join(unsure)}",
            "run several seeds, else nobody can tell a difference from noise",
        )


def how_to_make_run_0(subject: Subject) -> str:
    """What to do about a baseline that is missing, stale or broken."""
    if subject.is_ours:
        return f"`bonsai baseline {subject.folder}` makes it, and so does `bonsai doctor --fix`"
    return f"run `python experiment.py --out_dir run_0` in {subject.folder}"


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return f"an object with the keys {', '.join(map(str, value))}"
    return f"a {type(value).__name__}"
