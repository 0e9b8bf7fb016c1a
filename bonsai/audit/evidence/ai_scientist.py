"""What The AI Scientist leaves of an idea: its runs, code, notes and pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bonsai.audit.evidence.code import labels_of, seeds_of, settings_of
from bonsai.audit.evidence.gathered import (
    add_metrics,
    add_pictures,
    add_run,
    add_text,
    add_values,
    count_seeds,
    text_of,
)
from bonsai.audit.evidence.naming import Better, label
from bonsai.audit.evidence.shapes import of_run, read_json
from bonsai.audit.facts import Facts, Known, Measured, Run
from bonsai.base import BonsaiError, untrusted

RUN = re.compile(r"run_(\d+)$")
OLD = re.compile(r"run_(\d+)[_.\- ]?(?:old|bak|backup|prev\w*|first|failed|\d{8}\S*)$", re.I)
NOTE = re.compile(r"^#{1,6}[ \t]*run[ _]*(\d+)\b[ \t]*(.*)$", re.I | re.M)
TOLD = re.compile(
    r"""['"]?([A-Za-z_][\w/ ]*?)['"]?\s*(?:[:=]|\bis\b|\s)\s*(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)"""
)
MOST_RUNS = 200
RUN_0 = "run_0"


def is_idea_folder(folder: Path) -> bool:
    """Whether a folder holds an idea of The AI Scientist with a run that has results."""
    return any(True for _ in _runs(folder, RUN))


def gather_idea(folder: Path) -> Facts:
    """What is on record in an idea's folder."""
    facts = Facts(folder)
    notes = text_of(folder / "notes.txt", facts)
    plotting = text_of(folder / "plot.py", facts)
    labels, told = labels_of(plotting), dict(_notes(notes))
    for number, path in sorted(_runs(folder, RUN)):
        name = f"run_{number}"
        _measure(facts, folder, path, name)
        _add_run(facts, name, labels.get(name, ""), told.get(number, []))
    for number, path in sorted(_runs(folder, OLD)):
        _measure(facts, folder, path, f"run_{number}", stale=True)
    _add_code(facts, folder)
    add_text(facts, notes, plotting)
    ways = _add_ideas(facts, folder)
    add_metrics(facts, ways)
    for number, sections in told.items():
        _add_stale(facts, f"run_{number}", sections)
    add_pictures(facts, folder, folder)
    for number, path in sorted(_runs(folder, RUN)):
        add_pictures(facts, path, folder, f"run_{number}")
    count_seeds(facts)
    runs = len(facts.runs)
    facts.known += [
        Known("runs", runs, kind="count"),
        Known("runs without the baseline", runs - (RUN_0 in facts.runs), kind="count"),
        Known("data sets", len({each.dataset for each in facts.measured}), kind="count"),
    ]
    return facts


def _runs(folder: Path, pattern: re.Pattern[str]) -> Iterator[tuple[int, Path]]:
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        found = pattern.match(path.name)
        if (
            found and len(found[1]) < 5 and path.is_dir() and not path.is_symlink()
            and untrusted.is_file(path / "final_info.json")
        ):  # fmt: skip
            yield int(found[1]), path


def _measure(facts: Facts, folder: Path, path: Path, name: str, stale: bool = False) -> None:
    file = path / "final_info.json"
    try:
        values = of_run(read_json(file))
    except BonsaiError as error:
        facts.troubles.append(str(error))
        return
    if not values:
        facts.troubles.append(f"{file} holds no number")
    add_values(facts, values, file.relative_to(folder).as_posix(), name, stale)


def _add_run(facts: Facts, name: str, called: str, sections: list[tuple[str, str]]) -> None:
    number = name[4:]
    names = [f"run {number}", *([called] if called else [])]
    titles = [title for title, _ in sections if title and len(title) < 80]
    names += titles[-1:]  # of what was tried first, nothing is left
    if name == RUN_0:
        names.append("baseline")
    about = " ".join(f"{title}. {text}" for title, text in sections)[:5000]
    labels = tuple(dict.fromkeys(label(each) for each in names))
    add_run(facts, Run(name, labels, about, is_baseline=name == RUN_0))


def _notes(notes: str) -> list[tuple[int, list[tuple[str, str]]]]:
    """What notes say of each run: their headings, and the text below them, in order."""
    found: dict[int, list[tuple[str, str]]] = {}
    heads = list(NOTE.finditer(notes))
    for at, head in enumerate(heads[:MOST_RUNS]):
        end = heads[at + 1].start() if at + 1 < len(heads) else len(notes)
        if len(head[1]) < 5:
            title = head[2].strip(" ,;:–—-")
            found.setdefault(int(head[1]), []).append((title, notes[head.end() : end].strip()))
    return list(found.items())


def _add_stale(facts: Facts, run: str, sections: list[tuple[str, str]]) -> None:
    """Values that the notes tell of a run, and that are not its values any more."""
    current: dict[str, list[Measured]] = {}
    for each in facts.measured:
        if each.run == run and not each.stale:
            current.setdefault(each.metric, []).append(each)
    told: set[tuple[str, float]] = set()
    for _, text in sections:
        for name, shown in TOLD.findall(text):
            metric = next(
                (one for one in (name.strip(), name.strip().removesuffix("_mean"))
                 if one in current), None,
            )  # fmt: skip
            digits = len(shown.split(".")[1]) if "." in shown and "e" not in shown.lower() else 0
            if metric is None or digits < 1 or (metric, float(shown)) in told:
                continue
            value, slack = float(shown), 0.51 * 10.0**-digits
            known = [one.mean for one in current[metric]]
            known += [seed for one in current[metric] for seed in one.values]
            if any(abs(one - value) <= slack for one in known):
                continue
            told.add((metric, value))
            first = current[metric][0]
            facts.measured.append(
                Measured(run, metric, first.dataset, value, source="notes.txt", stale=True)
            )


def _add_code(facts: Facts, folder: Path) -> None:
    codes = {"experiment.py": text_of(folder / "experiment.py", facts)}
    for number in range(MOST_RUNS):
        name = f"run_{number}.py"
        if untrusted.is_file(folder / name):
            codes[name] = text_of(folder / name, facts)
    settled: dict[tuple[str, float], Known] = {}
    for name, code in codes.items():
        for each in settings_of(code, name):
            settled.setdefault((each.name, each.value), each)
    facts.known += settled.values()
    add_text(facts, *dict.fromkeys(codes.values()))
    told = next((found for code in reversed(codes.values()) if (found := seeds_of(code))), None)
    if told is None:
        return
    facts.measured = [
        each if each.count or each.stale else Measured(
            each.run, each.metric, each.dataset, each.mean, each.stderr, each.values,
            told.get(each.dataset) if isinstance(told, dict) else told, each.source,
        )
        for each in facts.measured
    ]  # fmt: skip


def _add_ideas(facts: Facts, folder: Path) -> dict[str, Better]:
    """Add what was to be done; returns which way metrics improve, where `prompt.json` says."""
    ways: dict[str, Better] = {}
    prompt = _json(folder / "prompt.json", facts)
    if isinstance(prompt, dict):
        add_text(facts, *(each for each in prompt.values() if isinstance(each, str)))
        metrics = prompt.get("metrics")
        listed = metrics if isinstance(metrics, list) else [metrics]
        for each in listed:
            name, _, way = each.rpartition(":") if isinstance(each, str) else ("", "", "")
            if way in ("higher", "lower"):
                ways[name] = way  # type: ignore[assignment]
        if isinstance(metrics, dict):
            ways |= {str(name): way for name, way in metrics.items() if way in ("higher", "lower")}
    for file in ("ideas.json", "seed_ideas.json", "idea.json"):
        value = _json(folder / file, facts)
        listed = value if isinstance(value, list) else [value]
        for idea in listed:
            name = str(idea.get("Name", "")) if isinstance(idea, dict) else ""
            if name and (folder.name.endswith(name) or file == "idea.json"):
                add_text(facts, *(str(each) for each in idea.values() if isinstance(each, str)))
    add_text(facts, text_of(folder / "README.md", facts))
    return ways


def _json(path: Path, facts: Facts) -> Any:
    if not untrusted.is_file(path):
        return None
    try:
        return read_json(path)
    except BonsaiError as error:
        facts.troubles.append(str(error))
        return None
