"""What an idea's own folder tells: code, notes, curves, plots, logs, the talk with the model.

Everything here was written by a model or by a program of its making. So nothing is followed out of
the results folder, nothing large is read whole, and what is left out is said.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from bonsai.base import BonsaiError, Entry, plain_text, untrusted
from bonsai.evaluation import BASELINE_RUN
from bonsai.execution import Repository
from bonsai.report import drawing, words
from bonsai.report.shapes import IdeaReport
from bonsai.report.summary import IdeaSummary, TemplateSummary
from bonsai.templates import contract

MAX_CODE_BYTES = 200_000  # of an experiment.py that is compared
MAX_HISTORY_BYTES = 5_000_000
MAX_NOTES = 20_000  # characters
MAX_LOG = 4_000  # characters, from the end
MAX_LOGS = 40
MAX_REPLY = 20_000
MAX_REQUEST = 6_000
MAX_EXCHANGES = 60
MAX_DIFF_LINES = 400
CONTEXT = 3  # unchanged lines around a change
MAX_PLOTS = 12  # of an idea
MAX_PLOT_BYTES = 2_000_000
PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Excerpt:
    """Part of a file.

    Attributes:
        text: what is shown.
        left_out: characters or bytes that are not.
        file: the file, relative to the results folder.
    """

    text: str
    left_out: int
    file: str


@dataclass(frozen=True)
class DiffLine:
    """A line of a comparison: kind is "add", "del", "same" or "gap"."""

    kind: str
    text: str
    old: int | None = None
    new: int | None = None


@dataclass(frozen=True)
class Diff:
    """A run's code against that of the run before."""

    before: str
    lines: list[DiffLine]
    added: int
    removed: int
    left_out: int


@dataclass(frozen=True)
class RunStory:
    """A run's code, and what its configuration changed."""

    name: str
    file: str | None
    diff: Diff | None
    settings: list[tuple[str, str, str]] = field(default_factory=list)  # name, before, after


@dataclass(frozen=True)
class Exchange:
    """A request to the model and its reply."""

    number: int
    step: str
    reply: Excerpt
    request: Excerpt | None
    tokens: int
    usd: float | None


@dataclass(frozen=True)
class Picture:
    """A plot: where it lies in the report's folder, and where it came from."""

    copy: str
    file: str
    size: tuple[int, int]  # width and height in pixels


@dataclass(frozen=True)
class Story:
    """All that an idea's folder tells.

    Attributes:
        notes: what the agent wrote down.
        runs: its runs.
        curves: of these.
        pictures: that were drawn.
        pictures_left_out: files that were too large, or too many.
        logs: what was printed.
        logs_left_out: how many more there are.
        exchanges: with the model.
        exchanges_left_out: how many more there are.
        program: the code of a program that was brought, against the baseline's.
    """

    notes: Excerpt | None
    runs: list[RunStory]
    curves: drawing.Curves
    pictures: list[Picture]
    pictures_left_out: list[str]
    logs: list[Excerpt]
    logs_left_out: int
    exchanges: list[Exchange]
    exchanges_left_out: int
    program: Diff | None = None


class Reader:
    """Reads what lies in a results folder, and nothing beside it."""

    def __init__(self, results: Path) -> None:
        """Read in `results`."""
        self.results = results
        self._real = Path(os.path.realpath(results))
        self._baselines: dict[str, list[str]] = {}  # code of baselines, by its hash

    def is_ours(self, path: Path) -> bool:
        """Whether there is a plain file of that name in the results folder, reached by no link."""
        try:
            inside = Path(os.path.realpath(path)) == self._real / path.relative_to(self.results)
        except (ValueError, OSError):
            return False
        return inside and untrusted.is_file(path)

    def name(self, path: Path) -> str:
        """A file's path in the results folder."""
        return path.relative_to(self.results).as_posix()

    def excerpt(self, path: Path, most: int, *, end: bool = False) -> Excerpt | None:
        """The beginning of a text file, or its end; None if there is none."""
        if not self.is_ours(path):
            return None
        with untrusted.open_file(path) as file:
            length = file.seek(0, os.SEEK_END)
            file.seek(max(0, length - most) if end else 0)
            content = file.read(most)
        whole = len(content) == length  # else a character may be cut in two
        text = plain_text(content, path.name) if whole else content.decode("utf-8", "replace")
        return Excerpt(words.clean(text).rstrip(), max(0, length - most), self.name(path))

    def code(self, path: Path) -> list[str] | None:
        """The lines of a source file."""
        found = self.excerpt(path, MAX_CODE_BYTES)
        return None if found is None else found.text.splitlines()

    def history(self, path: Path) -> contract.History | None:
        """The curves of a run.

        Raises:
            BonsaiError: there is a file, but not one that can be drawn.
        """
        if not self.is_ours(path):
            return None
        if path.stat().st_size > MAX_HISTORY_BYTES:
            raise BonsaiError(f"larger than {MAX_HISTORY_BYTES / 1e6:.0f} MB")
        return contract.read(contract.History, path)

    def json(self, path: Path) -> dict[str, object]:
        """A JSON object; empty if it cannot be read."""
        if not self.is_ours(path):
            return {}
        try:
            found = contract.read_json(path)
        except BonsaiError:
            return {}
        return found if isinstance(found, dict) else {}

    def baseline_code(self, template: TemplateSummary, idea: IdeaSummary) -> list[str] | None:
        """The code that an idea started from: the template's, as it was then."""
        start = next((entry for entry in idea.entries if entry.step == "start"), None)
        digest = str(start.data.get("experiment")) if start else ""
        if digest not in self._baselines:
            lines = self._template_code(template, digest)
            if lines is None and start is not None:
                lines = self._committed(template, idea, str(start.data.get("commit")))
            if lines is None:
                return None
            self._baselines[digest] = lines
        return self._baselines[digest]

    def _template_code(self, template: TemplateSummary, digest: str) -> list[str] | None:
        path = template.template.experiment
        content = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(content).hexdigest() != digest:
            return None
        return words.clean(plain_text(content, "experiment.py")).splitlines()

    def _committed(
        self, template: TemplateSummary, idea: IdeaSummary, commit: str
    ) -> list[str] | None:
        folder = self.results / template.template.name / idea.idea.Name / "workspace"
        if not (folder / ".git").is_dir():
            return None
        try:
            code = Repository(folder).file_at(commit, "experiment.py")
        except BonsaiError:
            return None
        return words.clean(plain_text(code, "experiment.py")).splitlines()


def read(
    reader: Reader, template: TemplateSummary, idea: IdeaSummary, told: IdeaReport, report: Path
) -> Story:
    """Read an idea's folder; its plots are copied into the report's.

    Args:
        reader: reads the results folder.
        template: the idea's template.
        idea: the idea.
        told: what is told of it already.
        report: the report's folder.
    """
    folder = reader.results / template.template.name / idea.idea.Name
    workspace = folder / "workspace"
    names = [BASELINE_RUN, *(run.name for run in told.runs)]
    histories, unreadable = {}, []
    for name in names:
        try:
            if history := reader.history(workspace / name / "history.json"):
                histories[name] = history
        except BonsaiError as error:
            unreadable.append(f"{name}/history.json: {error}")
    drawn = drawing.curves(histories)
    pictures, too_many = _pictures(reader, workspace, report, told)
    logs, more_logs = _logs(reader, folder / "logs")
    exchanges, more_exchanges = _exchanges(reader, folder / "exchanges", idea.entries)
    given = told.given
    return Story(
        notes=None if given else reader.excerpt(workspace / "notes.txt", MAX_NOTES),
        runs=list(_runs(reader, template, idea, workspace, names)),
        curves=drawing.Curves(drawn.plots, drawn.hidden, unreadable),
        pictures=pictures,
        pictures_left_out=too_many,
        logs=logs,
        logs_left_out=more_logs,
        exchanges=exchanges,
        exchanges_left_out=more_exchanges,
        program=_program(reader, template, idea, given.file) if given else None,
    )


def _program(
    reader: Reader, template: TemplateSummary, idea: IdeaSummary, file: str
) -> Diff | None:
    """What a program that was brought has other than the baseline, whether or not it runs."""
    before, code = reader.baseline_code(template, idea), reader.code(reader.results / file)
    return None if before is None or code is None else compare(before, code, BASELINE_RUN)


def _runs(
    reader: Reader, template: TemplateSummary, idea: IdeaSummary, workspace: Path, names: list[str]
) -> Iterator[RunStory]:
    before = reader.baseline_code(template, idea)
    settings = _settings(reader, workspace / BASELINE_RUN)
    for previous, name in pairwise(names):
        path = workspace / name / "experiment.py"
        code = reader.code(path)
        chosen = _settings(reader, workspace / name)
        changed = [
            (key, settings.get(key, "–"), chosen.get(key, "–"))
            for key in dict.fromkeys((*settings, *chosen))
            if settings.get(key) != chosen.get(key)
        ]
        yield RunStory(
            name=name,
            file=reader.name(path) if code is not None else None,
            diff=None if before is None or code is None else compare(before, code, previous),
            settings=changed if settings and chosen else [],
        )
        before, settings = code, chosen


def _settings(reader: Reader, run: Path) -> dict[str, str]:
    """The values of `Config` that a run reported."""
    config = reader.json(run / "environment.json").get("config")
    return (
        {str(key): json.dumps(value)[:200] for key, value in config.items()}
        if isinstance(config, dict)
        else {}
    )


def compare(before: list[str], after: list[str], name: str) -> Diff:
    """Line by line, what became of `before`, with some of what stayed around it.

    Args:
        before: lines of code.
        after: lines of code.
        name: the run that `before` is of.
    """
    lines: list[DiffLine] = []
    added = removed = 0
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for group in matcher.get_grouped_opcodes(CONTEXT):
        lines.append(DiffLine("gap", f"line {group[0][3] + 1}"))
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                lines += [
                    DiffLine("same", before[i], i + 1, j1 + i - i1 + 1) for i in range(i1, i2)
                ]
                continue
            lines += [DiffLine("del", before[i], i + 1, None) for i in range(i1, i2)]
            lines += [DiffLine("add", after[j], None, j + 1) for j in range(j1, j2)]
            removed, added = removed + i2 - i1, added + j2 - j1
    return Diff(name, lines[:MAX_DIFF_LINES], added, removed, max(0, len(lines) - MAX_DIFF_LINES))


def _pictures(
    reader: Reader, workspace: Path, report: Path, told: IdeaReport
) -> tuple[list[Picture], list[str]]:
    """Copy an idea's plots into the report; what is too large or too much is named."""
    pictures: list[Picture] = []
    left_out = []
    folder = report / "plots" / Path(told.page).stem
    for path in sorted(workspace.glob("*.png")):
        if not reader.is_ours(path):
            continue
        name, size = reader.name(path), png_size(path)
        if len(pictures) == MAX_PLOTS or path.stat().st_size > MAX_PLOT_BYTES or size is None:
            left_out.append(name)
            continue
        safe = re.sub(r"[^A-Za-z0-9_-]", "_", path.stem)[-60:]
        copy = folder / f"{len(pictures) + 1}_{safe}.png"
        _copy(path, copy)
        pictures.append(Picture(copy.relative_to(report).as_posix(), name, size))
    return pictures, left_out


def _copy(path: Path, copy: Path) -> None:
    """Copy a file, unless that was done before."""
    ours, theirs = path.stat(), copy.stat() if copy.is_file() else None
    if theirs and (ours.st_size, ours.st_mtime_ns) == (theirs.st_size, theirs.st_mtime_ns):
        return
    copy.parent.mkdir(parents=True, exist_ok=True)
    temporary = copy.with_name(f".{copy.name}.tmp")
    shutil.copy2(path, temporary)
    temporary.replace(copy)


def png_size(path: Path) -> tuple[int, int] | None:
    """Width and height of a PNG in pixels; None if it is none."""
    with untrusted.open_file(path) as file:
        head = file.read(24)
    if len(head) < 24 or not head.startswith(PNG):
        return None
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")


def _logs(reader: Reader, folder: Path) -> tuple[list[Excerpt], int]:
    paths = sorted(path for path in _children(folder) if path.suffix in (".out", ".err"))
    read = (reader.excerpt(path, MAX_LOG, end=True) for path in paths[-MAX_LOGS:])
    return [log for log in read if log and log.text], max(0, len(paths) - MAX_LOGS)


def _exchanges(
    reader: Reader, folder: Path, entries: Iterable[Entry]
) -> tuple[list[Exchange], int]:
    steps: dict[int, str] = {}
    for entry in entries:
        for number in range(len(steps) + 1, int(entry.data.get("exchanges", 0)) + 1):
            steps[number] = entry.step
    replies = sorted(path for path in _children(folder) if re.fullmatch(r"\d+\.md", path.name))
    found = []
    for path in replies[:MAX_EXCHANGES]:
        reply = reader.excerpt(path, MAX_REPLY)
        if reply is None:
            continue
        usage = reader.json(folder / f"{path.stem}.usage.json")
        tokens = [usage.get(key, 0) for key in ("tokens_in", "tokens_out")]
        usd = usage.get("cost_usd")
        found.append(
            Exchange(
                number=int(path.stem),
                step=steps.get(int(path.stem), ""),
                reply=reply,
                request=_last_message(reader, folder / f"{path.stem}.request.json"),
                tokens=sum(count for count in tokens if isinstance(count, int)),
                usd=float(usd) if isinstance(usd, int | float) else None,
            )
        )
    return found, max(0, len(replies) - MAX_EXCHANGES)


def _last_message(reader: Reader, path: Path) -> Excerpt | None:
    """What was said last in a request; each repeats all that was said before."""
    messages = reader.json(path).get("messages")
    if not isinstance(messages, list):
        return None
    said = [each for each in messages if isinstance(each, dict) and each.get("role") == "user"]
    if not said:
        return None
    content = said[-1].get("content")
    text = content if isinstance(content, str) else json.dumps(content)
    shown = words.clean(text[:MAX_REQUEST]).rstrip()
    return Excerpt(shown, max(0, len(text) - MAX_REQUEST), reader.name(path))


def _children(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []
