"""Templates as tasks for autoresearch, and what its agent leaves in the repository.

github.com/karpathy/autoresearch is a protocol rather than a program: `program.md` tells a coding
agent to change `train.py`, to commit, to run it, to note the figure that it prints in `results.tsv`
and to keep the commit or to reset it. Here the figure that it prints is the runner's.
"""

from __future__ import annotations

import ast
import hashlib
import json
import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import dropwhile
from pathlib import Path, PurePosixPath

from bonsai.base import BonsaiError, TextFile, decode, untrusted
from bonsai.engines import evolution, marks
from bonsai.engines.candidate import Candidate, Left
from bonsai.engines.git import FULL_CLONE, SHORT, Entry, Git, repository_at, shown
from bonsai.engines.service import Service
from bonsai.engines.task import FILE, FOLDER, Task, task_above
from bonsai.templates import Template

NAME = "autoresearch"
TRAIN, PREPARE, PROGRAM = "train.py", "prepare.py", "program.md"
TABLE = "results.tsv"
RUNS = "runs.jsonl"  # what `prepare.py` has measured
IGNORED = (TABLE, "run.log", RUNS, "__pycache__/")
FROZEN = (PREPARE, evolution.EVALUATE, FILE, FOLDER)
KEEP = "keep"
COLUMNS = "commit, a metric, memory_gb, status and description"
MOST_TABLE = 5_000_000  # bytes
MOST_RUNS = 50_000_000
FIRST = (
    "# ---- Run as a program, this file has prepare.py measure it: leave these lines as they are."
)
LAST = "# ---- From here on it is the experiment."
ENTRY = f"""\
{FIRST}
if __name__ == "__main__":
    import prepare

    raise SystemExit(prepare.measure(__file__))
{LAST}
"""
LOWER = ("val_bpb",)  # metrics of repositories that we did not export, where less is better
CLOSE = 2e-3  # relative; by how much a figure that was rounded and copied may be off


def export(template: Template, folder: Path, task: Task, service: Service) -> list[str]:
    """Write a template as a repository for autoresearch.

    Args:
        template: the template.
        folder: where to; it is there, and empty.
        task: what its evaluator is told.
        service: not needed: the agent is the person's own.

    Returns:
        The commands that run it.

    Raises:
        BonsaiError: the program cannot be marked.
    """
    task = evolution.lay(template, folder, task, f"{NAME}/README.md.j2", service)
    initial = folder / evolution.INITIAL
    program = decode(initial.read_bytes(), initial.name)
    (folder / TRAIN).write_bytes(_with_entry(program))
    initial.unlink()
    metric = template.scorer.selection
    text = (evolution.FILES / NAME / PREPARE).read_text(encoding="utf-8")
    for before, value in (
        ('METRIC = ""', f"METRIC = {json.dumps(metric)}"),
        ('ENTRY = ("", "")', f"ENTRY = ({json.dumps(FIRST)}, {json.dumps(LAST)})"),
    ):
        assert text.count(before) == 1, before
        text = text.replace(before, value)
    (folder / PREPARE).write_text(text, encoding="utf-8")
    figures = {
        metric: "0.997900", "combined_score": "0.012000", "stderr": "0.003100",
        "seeds": f"{len(task.seeds)}", "seconds": "61.2", "peak_memory_mb": "512.3",
    }  # fmt: skip
    width = max(18, len(metric) + 2)
    example = "\n".join(f"{name + ':':<{width}}{figure}" for name, figure in figures.items())
    told = evolution.render(
        f"{NAME}/{PROGRAM}", template, folder, task, service, example=example,
        worse="1.005000" if template.scorer.metrics[metric].better == "lower" else "0.981000",
    )  # fmt: skip
    (folder / PROGRAM).write_text(told, encoding="utf-8")
    (folder / ".gitignore").write_text("\n".join(IGNORED) + "\n", encoding="utf-8")
    where = shlex.quote(str(folder))
    return [
        f"cd {where}",
        "git init --initial-branch=master && git add --all && git commit --message 'The task'",
        "# start your coding agent here, and say: Have a look at program.md and let's kick off a "
        "new experiment; let's do the setup first.",
        f"bonsai judge {where}",
    ]


def _with_entry(program: TextFile) -> bytes:
    """A program with marks, and with the lines by which it is run in front of its first mark."""
    lines = program.text.splitlines(keepends=True)
    first = next(place for place, line in enumerate(lines) if line.startswith(marks.START))
    rest = dropwhile(_comes_first, ast.parse(program.text).body)
    # Marks of its own may begin further down; and what it imports need not be at hand here.
    first = min([first, *(statement.lineno - 1 for statement in rest)])
    text = "".join([*lines[:first], ENTRY, *lines[first:]])
    ast.parse(text)
    return program.encoded(text)


def _comes_first(statement: ast.stmt) -> bool:
    """Whether it is a docstring, or an import from `__future__`."""
    match statement:
        case ast.Expr(value=ast.Constant(value=str())) | ast.ImportFrom(module="__future__"):
            return True
    return False


def without_entry(content: bytes) -> bytes:
    """The experiment in a `train.py`: all but the lines by which it is run."""
    lines = content.splitlines(keepends=True)
    found = [line.rstrip() for line in lines]
    first, last = FIRST.encode(), LAST.encode()
    if first not in found or last not in found[found.index(first) :]:
        return content
    return b"".join(lines[: found.index(first)] + lines[found.index(last) + 1 :])


# ------------------------------------------------------------------------------------- what is left


@dataclass(frozen=True)
class _Row:
    """A line of `results.tsv` whose commit was kept."""

    commit: str
    value: float
    description: str


def read(path: Path) -> Left | None:
    """What an agent left in a repository of autoresearch.

    Raises:
        BonsaiError: nothing was run or kept there yet, or its commits or its table cannot be read.
    """
    if not untrusted.is_file(path / TRAIN):
        return None
    if not untrusted.is_file(path / TABLE):
        if untrusted.is_file(path / PROGRAM) and untrusted.is_file(path / PREPARE):
            raise BonsaiError(
                f"{path} is a task for autoresearch on which nothing was run yet: it holds no "
                f"{TABLE}"
            )
        return None
    metric, rows = _table(path / TABLE)
    if not rows:
        raise BonsaiError(f"{path / TABLE} keeps no commit yet: there is nothing to judge")
    here = repository_at(path)
    task = task_above(path)
    kept, gone = _kept(here, path, metric, rows)
    if not kept:
        raise BonsaiError(_nothing(here, path, rows, gone))
    return Left(NAME, [_best(kept, metric, task)], kept, *(task or (None, None)))


def _table(path: Path) -> tuple[str, list[_Row]]:
    """The metric's name, and the rows that were kept and can be read, the oldest first."""
    lines = untrusted.read_text(path, MOST_TABLE).splitlines()
    columns = [name.strip() for name in lines[0].split("\t")] if lines else []
    if len(columns) < 3 or columns[0] != "commit" or "status" not in columns[2:]:
        raise BonsaiError(
            f"{path} begins with {shown(lines[0] if lines else '')!r}; a table of autoresearch has "
            f"the columns {COLUMNS}, separated by tabs"
        )
    rows = []
    for line in lines[1:]:
        cells = dict(zip(columns, (cell.strip() for cell in line.split("\t")), strict=False))
        if cells.get("status", "").lower() != KEEP:
            continue
        try:
            value = float(cells[columns[1]])
        except ValueError:
            continue
        if math.isfinite(value):
            rows.append(_Row(cells["commit"], value, shown(cells.get("description", ""))))
    return columns[1], rows


def _kept(
    here: Git, path: Path, metric: str, rows: list[_Row]
) -> tuple[list[Candidate], list[str]]:
    """The versions that were kept, without the one that it began with; and commits not found."""
    below = PurePosixPath(path.resolve().relative_to(here.top).as_posix())
    train = f"{below / TRAIN}"
    measured = _measured(path / RUNS)
    before: dict[str, Entry] = {}  # the files that it began with
    found: dict[bytes, Candidate] = {}
    gone = []
    for row in rows:
        commit = here.commit(row.commit) if _is_name(row.commit) else None
        tree = here.tree(commit) if commit else {}
        if commit is None or train not in tree:
            gone.append(shown(row.commit))
            continue
        if not before:
            before = here.tree(here.began(train, commit) or commit)
        if tree[train] == before.get(train):
            continue  # the baseline
        content = here.content(tree[train], f"{train} at commit {commit[:SHORT]}")
        metrics = {metric: row.value}
        told = f"{path / TRAIN} at commit {commit[:SHORT]}: {row.description}".rstrip(": ")
        if measured is not None:
            figures = measured.get(hashlib.sha256(content).hexdigest(), {})
            if not math.isclose(figures.get(metric, math.nan), row.value, rel_tol=CLOSE):
                told += f" (its {metric} is none that {PREPARE} has measured)"
            metrics = {**figures, **metrics}
        if changed := _changed(below, before, tree):
            told += f" ({changed} was changed)"
        source = without_entry(content)
        # What was kept twice is one version; the later figure may be of a second look.
        found[source] = Candidate(commit[:SHORT], told, source, metrics)
    return list(found.values()), gone


def _is_name(text: str) -> bool:
    """Whether it is a commit's name, rather than a branch's or another way to say it."""
    return 4 <= len(text) <= 64 and all(letter in "0123456789abcdef" for letter in text.lower())


def _changed(
    below: PurePosixPath, before: Mapping[str, Entry], after: Mapping[str, Entry]
) -> str | None:
    """The first of the frozen files that is not as it was at the beginning."""
    for each in sorted({**before, **after}):
        if before.get(each) != after.get(each) and any(
            PurePosixPath(each).is_relative_to(below / name) for name in FROZEN
        ):
            return each
    return None


def _measured(path: Path) -> dict[str, dict[str, float]] | None:
    """What was measured of each `train.py`, by its SHA-256; None: nobody kept that."""
    if not untrusted.is_file(path):
        return None
    found: dict[str, dict[str, float]] = {}
    for line in untrusted.read_text(path, MOST_RUNS).splitlines():
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue  # half written
        if isinstance(entry, dict) and entry.get("ok") is True:
            found[str(entry.get("train_sha256"))] = evolution.figures(entry.get("metrics"))
    return found


def _best(kept: list[Candidate], metric: str, task: tuple[Task, Path] | None) -> Candidate:
    """The best by the metric; by the protocol the last that was kept, where its way is unknown."""
    better = "lower" if metric in LOWER else None
    if task is not None:
        try:
            metrics = task[0].template_at(task[1]).scorer.metrics
        except BonsaiError:
            metrics = {}  # it was changed; that is told to whoever judges by it
        if metric in metrics:
            better = metrics[metric].better or "higher"
    if better is None:
        return kept[-1]
    sign = -1 if better == "lower" else 1
    return max(reversed(kept), key=lambda each: sign * each.metrics[metric])


def _nothing(here: Git, path: Path, rows: list[_Row], gone: list[str]) -> str:
    if gone:
        hint = f"; {FULL_CLONE}" if here.is_shallow() else ""
        return (
            f"{path / TABLE} keeps commit {gone[-1]}, and the repository {here.top} has none that "
            f"is called so, or no {TRAIN} in it{hint}"
        )
    return (
        f"{path / TABLE} keeps nothing but the program that it began with "
        f"({', '.join(row.commit for row in rows[:3])}): there is nothing to judge"
    )
