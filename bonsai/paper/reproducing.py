"""How the results of a paper are made again: commands, hashes, machine."""

from __future__ import annotations

import hashlib
import shlex
import time

from bonsai.paper.archive import NAME
from bonsai.paper.subjects import Chosen
from bonsai.report import story


def machine_of(reader: story.Reader, chosen: Chosen) -> list[tuple[str, str]]:
    """Data, machine and versions as the first baseline's run recorded them."""
    found: list[tuple[str, str]] = []
    for _, template, _, _ in chosen.ideas[:1]:
        told = reader.json(reader.results / template.name / "run_0" / "environment.json")
        names = (("data", "data set"), ("device", "device"), ("threads", "threads"),
                 ("platform", "platform"), ("python", "Python"), ("torch", "PyTorch"))  # fmt: skip
        found += [(name, str(told[key])[:120]) for key, name in names if key in told]
        sums = told.get("checksums")
        if isinstance(sums, dict):
            found += [
                (f"SHA-256 of {key}", str(value)[:64]) for key, value in list(sums.items())[:4]
            ]
        walls = [run.where for run in (template.baseline, template.fresh) if run is not None]
        if kept := [where for where in walls if where and where != "cached"]:
            found.append(("walls around a run", kept[-1]))
    found.append(("Bonsai", chosen.report.bonsai))
    if chosen.report.ended is not None:
        when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(chosen.report.ended))
        found.append(("measured until", when))
    return found


def steps_of(chosen: Chosen) -> list[str]:
    """Commands that make the results again, from the archive."""
    lines = ["pip install bonsai-experiments", f"unzip {NAME} -d results && cd results"]
    idea = "" if chosen.whole else f" {shlex.quote(chosen.ideas[0][3].folder)}"
    lines += ["bonsai report .", f"bonsai paper .{idea}"]
    settings = chosen.sweep.settings
    for summary, template, _, told in chosen.ideas[:3]:
        if told.best_run is None or template.self_reported:
            continue
        program = f"{template.name}/{told.folder}/workspace/{told.best_run}/experiment.py"
        where = f"templates/{summary.template.folder.name}"
        data = f" --data {shlex.quote(settings.data)}" if settings.data else ""
        lines.append(f"bonsai judge {shlex.quote(where)}{data} \\")
        lines.append(f"  {shlex.quote(program)}")
    return lines


def hashes_of(reader: story.Reader, chosen: Chosen) -> list[tuple[str, str]]:
    """SHA-256 of the ledger and of the programs that were judged."""
    paths = [reader.results / "ledger.jsonl"]
    for _, template, _, told in chosen.ideas[:10]:
        if told.best_run:
            folder = reader.results / template.name / told.folder
            paths.append(folder / "workspace" / told.best_run / "experiment.py")
    found = [
        (reader.name(path), digest(path.read_bytes())) for path in paths if reader.is_ours(path)
    ]
    for summary in chosen.sweep.templates:
        name = f"{summary.template.name}: the template's code"
        found.append((name, summary.template.fingerprint()))
    return found


def digest(content: bytes) -> str:
    """SHA-256."""
    return hashlib.sha256(content).hexdigest()
