"""Writes the report of a sweep: only the pages that have something new to tell."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from bonsai.base import write_atomically
from bonsai.report import markdown, page, story
from bonsai.report.gathering import gather
from bonsai.report.shapes import IdeaReport, TemplateReport
from bonsai.report.summary import SweepSummary
from bonsai.settings import REPORT

KEY = re.compile(r'<meta name="bonsai-key" content="([0-9a-f]+)\.([0-9a-f]+)">')
KEY_BYTES = 2000  # within which a page's key stands


def write(
    sweep: SweepSummary,
    *,
    finished: bool = True,
    stopped: Callable[[], bool] = lambda: False,
) -> Path:
    """Write the report of a sweep; returns its first page.

    A page of an idea is written again only if something new is to be told of it.

    Args:
        sweep: the sweep.
        finished: whether nobody works on it now. Else the figures by matplotlib are left as they
            are, and so are pages of which only a verdict's correction for other claims changed.
        stopped: asked between two pages; when it says so, the rest stays as it is.
    """
    folder = sweep.results / REPORT
    if finished:
        from bonsai.report.figures import draw

        draw(sweep)
    report = gather(sweep)
    for template in report.templates:
        template.figures = _there(folder, f"{template.name}_cost")
    report.figures = _there(folder, "timeline")
    for name in page.STATIC:
        write_atomically(folder / name, (page.HERE / name).read_text(encoding="utf-8"))
    reader = story.Reader(sweep.results)
    for summary, template in zip(sweep.templates, report.templates, strict=True):
        for idea, told in zip(summary.ideas, template.ideas, strict=True):
            if stopped():
                return folder / "index.html"
            path, key = folder / told.page, _key(template, told)
            if _is_current(path, key, finished):
                continue
            found = story.read(reader, summary, idea, told, folder)
            text = page.idea(report, template, told, found, idea.entries, sweep.results.name, key)
            write_atomically(path, text)
    write_atomically(folder / "report.json", report.model_dump_json(indent=1) + "\n")
    write_atomically(folder / "report.md", markdown.describe(report))
    write_atomically(folder / "ideas.csv", markdown.tabulate(report))
    figures = [*report.figures, *(name for each in report.templates for name in each.figures)]
    sizes = {name: story.png_size(folder / name) for name in figures}
    write_atomically(folder / "index.html", page.index(report, sweep.results.name, sizes))
    return folder / "index.html"


def _there(folder: Path, *names: str) -> list[str]:
    found = [f"figures/{name}.png" for name in names]
    return [name for name in found if (folder / name).is_file()]


def _key(template: TemplateReport, told: IdeaReport) -> str:
    """What a page is made from: the program and the idea's own story, then all verdicts rest on."""
    own = told.model_dump_json(exclude={"claims", "word"})
    verdicts = repr((told.claims, template.baseline, template.fresh, template.digits))
    return f"{_hash(own + _program())}.{_hash(verdicts)}"


@cache
def _program() -> str:
    """A hash of what turns data into pages."""
    parts = (path for kind in ("*.py", "*.j2") for path in sorted(page.HERE.rglob(kind)))
    return _hash("".join(path.read_text(encoding="utf-8") for path in parts))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def _is_current(path: Path, key: str, whole: bool) -> bool:
    """Whether a page was made from the same story, and if `whole` from the same verdicts."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        found = KEY.search(file.read(KEY_BYTES).decode("utf-8", "replace"))
    if found is None:
        return False
    return key == ".".join(found.groups()) if whole else key.startswith(found.group(1))
