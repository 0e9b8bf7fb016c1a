"""Templates as tasks for AIDE (PyPI's `aideml`), and what it leaves in its folder of logs.

AIDE has scripts written that it runs at global scope, and has a model read the metric from what
they print (`aide/agent.py:296-339`, of version 0.2.2). So the task is to write a script that writes
a version of the experiment and has it measured; the measuring keeps each under its SHA-256, which
is printed, and by which the version is found again.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bonsai.base import BonsaiError, decode, untrusted
from bonsai.engines import evolution
from bonsai.engines.candidate import Candidate, Left
from bonsai.engines.evaluation import most_seconds
from bonsai.engines.service import KEY, Service
from bonsai.engines.task import Task, task_above
from bonsai.settings import MOST_PROGRAM_BYTES
from bonsai.templates import Template

NAME = "aide"
VERSION = "0.2.2"
JOURNAL = "journal.json"
FORM = "2"  # of the journal
DATA, MEASURE, PROGRAM = "data", "measure.py", "experiment.py"
KEPT = "measured"  # in the workspace's `input`: the programs, and what was measured of them
STEPS = 20
MOST_JOURNAL = 200_000_000  # bytes
MOST_ENTRY = 1_000_000
DIGEST = re.compile(r"^program: ([0-9a-f]{64})$", re.MULTILINE)
CLOSE = 2e-3  # relative; by how much a figure that a model copied may be off


def export(template: Template, folder: Path, task: Task, service: Service) -> list[str]:
    """Write a template as a task for AIDE.

    Args:
        template: the template.
        folder: where to; it is there, and empty.
        task: what its evaluator is told.
        service: the model that the command asks.

    Returns:
        The commands that run it.

    Raises:
        BonsaiError: the program cannot be marked.
    """
    data = folder / DATA
    data.mkdir()
    command = _command(math.ceil(most_seconds(template, task) + evolution.MARGIN_SECONDS), service)
    task = evolution.lay(template, data, task, f"{NAME}/eval.md.j2", service)
    (data / evolution.INITIAL).rename(data / PROGRAM)
    text = (evolution.FILES / NAME / MEASURE).read_text(encoding="utf-8")
    before = 'METRIC = ""'
    assert text.count(before) == 1
    value = f"METRIC = {json.dumps(template.scorer.selection)}"
    (data / MEASURE).write_text(text.replace(before, value), encoding="utf-8")
    program = decode((data / PROGRAM).read_bytes(), PROGRAM).text.rstrip("\n")
    goal, ends, readme = (
        evolution.render(
            f"{NAME}/{each}.md.j2", template, folder, task, service, program=program,
            command=command, version=VERSION,
        )
        for each in ("goal", "eval", "README")
    )  # fmt: skip
    (folder / "README.md").write_text(readme, encoding="utf-8")
    # As AIDE itself puts its two parts together (`aide/backend/utils.py:43-56`).
    described = f"# Task goal\n\n{goal}\n# Task evaluation\n\n{ends}"
    (folder / "task.md").write_text(described, encoding="utf-8")
    (folder / "goal.txt").write_text(_argument(goal), encoding="utf-8")
    (folder / "eval.txt").write_text(_argument(ends), encoding="utf-8")
    where = shlex.quote(str(folder))
    return [
        f"# in an environment of its own: pip install aideml=={VERSION}; with {KEY} set",
        f"cd {where}",
        command,
        f"bonsai judge {where}",
    ]


def _command(seconds: int, service: Service) -> str:
    words = [
        *("aide", f"data_dir={DATA}", "desc_file=task.md", f"agent.steps={STEPS}"),
        *("agent.k_fold_validation=1", f"exec.timeout={seconds}", "generate_report=False"),
        *(f"agent.{role}.model={service.model}" for role in ("code", "feedback")),
    ]
    return f"OPENAI_BASE_URL={shlex.quote(service.api_base)} {shlex.join(words)}"


def _argument(text: str) -> str:
    """A text for AIDE's command line, which is read as YAML, and then for `${...}` (OmegaConf)."""
    quoted = json.dumps(text.strip().replace("${", "\\${"), ensure_ascii=False)
    return "".join(each if each.isprintable() else f"\\U{ord(each):08x}" for each in quoted)


# ------------------------------------------------------------------------------------- what is left


@dataclass(frozen=True)
class _Node:
    """A script that AIDE took for working.

    Attributes:
        step: its number.
        value: the metric, as a model read it from what the script printed.
        digest: of the program that was measured last in it; empty: none was.
    """

    step: int
    value: float
    digest: str


def read(path: Path) -> Left | None:
    """What AIDE left in its folder of logs, or in a folder with one.

    Raises:
        BonsaiError: there are several, or it holds no program that was measured, or cannot be read.
    """
    log = _log(path)
    if log is None:
        return None
    nodes, maximize = _nodes(log / JOURNAL)
    if not nodes:
        raise BonsaiError(f"{log / JOURNAL} has no script that worked: there is nothing to judge")
    home = log.parent.parent
    data = home / "workspaces" / log.name / "input"
    task = task_above(home / DATA) or task_above(data)
    begun = _bytes(data / PROGRAM)
    kept = [
        (node, candidate)
        for node in nodes
        if (candidate := _candidate(log, data, node)) is not None and candidate.source != begun
    ]
    if not kept:
        raise BonsaiError(
            f"{log}: none of the {len(nodes)} scripts that worked had a new program measured "
            f"whose text is in {data / KEPT}: there is nothing to judge"
        )
    sign = 1 if maximize else -1
    first = max(nodes, key=lambda node: sign * node.value)
    node, best = max(kept, key=lambda pair: sign * pair[0].value)
    if not first.digest and sign * first.value > sign * node.value:
        told = f"{best.origin} (AIDE's best is node {first.step}, which had nothing measured)"
        named = Candidate(best.name, told, best.source, best.metrics)
        kept = [(node, named if each is best else each) for node, each in kept]
        best = named
    return Left(NAME, [best], [each for _, each in kept], *(task or (None, None)))


def _log(path: Path) -> Path | None:
    """The folder with the journal; None: there is nothing of AIDE.

    Raises:
        BonsaiError: there are several, or none yet.
    """
    if untrusted.is_file(path / JOURNAL):
        return path
    logs = path if path.name == "logs" else path / "logs"
    if not logs.is_dir() or logs.is_symlink():
        if untrusted.is_file(path / DATA / MEASURE) and untrusted.is_file(path / "goal.txt"):
            raise BonsaiError(f"{path} is a task for AIDE on which nothing was run yet")
        return None
    held = [each for each in sorted(logs.iterdir()) if untrusted.is_file(each / JOURNAL)]
    return evolution.the_only_one(logs, held, "AIDE")


def _nodes(journal: Path) -> tuple[list[_Node], bool]:
    """The scripts that worked, the oldest first, and whether more is better.

    Raises:
        BonsaiError: it is no journal that can be read.
    """
    try:
        value = json.loads(untrusted.read_bytes(journal, MOST_JOURNAL))
    except (ValueError, RecursionError) as error:
        raise BonsaiError(f"{journal} is no JSON: {error}") from error
    nodes = value.get("nodes") if isinstance(value, Mapping) else None
    form = value.get("__version") if isinstance(value, Mapping) else None
    if not isinstance(nodes, list) or form != FORM:
        raise BonsaiError(
            f"{journal} is no journal of form {FORM}, as AIDE {VERSION} writes it, and no other "
            "version is read"
        )
    ways = [way for node in nodes if (way := _metric(node).get("maximize")) is not None]
    found = [_node(place, node) for place, node in enumerate(nodes)]
    return [node for node in found if node is not None], not ways or ways[0] is not False


def _metric(node: Any) -> Mapping[str, Any]:
    metric = node.get("metric") if isinstance(node, Mapping) else None
    return metric if isinstance(metric, Mapping) else {}


def _node(place: int, node: Any) -> _Node | None:
    value = evolution.figures(_metric(node)).get("value")
    if value is None or node.get("is_buggy") is not False:
        return None
    said = node.get("_term_out")
    printed = "".join(map(str, said)) if isinstance(said, list) else ""
    digests = DIGEST.findall(printed)
    return _Node(place, value, digests[-1] if digests else "")


def _candidate(log: Path, data: Path, node: _Node) -> Candidate | None:
    """The program that a script had measured; None: it had none, or its text is gone."""
    if not node.digest:
        return None
    source = _bytes(data / KEPT / f"{node.digest}.py")
    if source is None or hashlib.sha256(source).hexdigest() != node.digest:
        return None
    try:
        text = untrusted.read_text(data / KEPT / f"{node.digest}.json", MOST_ENTRY)
        entry = json.loads(text)
    except (BonsaiError, ValueError, RecursionError):
        entry = None
    entry = entry if isinstance(entry, Mapping) else {}
    metric = str(entry.get("metric") or "metric")
    figures = evolution.figures(entry.get("metrics"))
    told = f"{log}, node {node.step}"
    if not math.isclose(figures.get(metric, math.nan), node.value, rel_tol=CLOSE):
        told += f" (its {metric} is none that {MEASURE} has measured)"
    return Candidate(f"node_{node.step}", told, source, {**figures, metric: node.value})


def _bytes(path: Path) -> bytes | None:
    try:
        return untrusted.read_bytes(path, MOST_PROGRAM_BYTES)
    except BonsaiError:
        return None
