"""One archive with all that a paper rests on: the same bytes for the same results."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from bonsai.report import SweepSummary, story
from bonsai.settings import GIVEN

NAME = "archive.zip"
MOST_BYTES = 200_000_000  # of all files together; what would go beyond is left out
MOST_FILE_BYTES = 20_000_000
EPOCH = (1980, 1, 1, 0, 0, 0)  # the time of every file in it
TEMPLATES = "templates"  # where the templates lie in it
WORKSPACE = ("experiment.py", "plot.py", "notes.txt", "claims.json", "*.png")
OF_A_RUN = ("final_info.json", "environment.json", "history.json", "experiment.py")


def write_archive(sweep: SweepSummary, path: Path, ideas: set[tuple[str, str]]) -> list[str]:
    """Write a zip file of what a paper rests on.

    Unpacked, it is a results folder that `bonsai report` and `bonsai paper` read from there: its
    settings name the templates in it. No exchange with a model is in it.

    Args:
        sweep: the sweep.
        path: the file.
        ideas: by template and folder, those whose files are wanted.

    Returns:
        What was left out for its size.
    """
    left_out, size = [], 0
    with (
        tempfile.TemporaryDirectory() as temporary,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name, content in _files(sweep, ideas, Path(temporary)):
            size += len(content)
            if size > MOST_BYTES:
                left_out.append(name)
                size -= len(content)
                continue
            info = zipfile.ZipInfo(name, EPOCH)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(info, content)
    return left_out


def _files(
    sweep: SweepSummary, ideas: set[tuple[str, str]], temporary: Path
) -> Iterator[tuple[str, bytes]]:
    reader = story.Reader(sweep.results)
    settings = json.loads((sweep.results / "sweep.json").read_bytes())
    for summary, item in zip(sweep.templates, settings["assignments"], strict=True):
        item["template"] = f"{TEMPLATES}/{summary.template.folder.name}"
    yield "sweep.json", (json.dumps(settings, indent=2) + "\n").encode()
    names = {"ledger.jsonl"}
    for template, idea in sorted(ideas):
        names |= set(_of_idea(reader, sweep.results / template / idea))
    for summary in sweep.templates:
        folder = sweep.results / summary.template.name
        for place in (folder / "run_0", *sorted((folder / "confirm").glob("**/run*"))):
            names |= set(_of_run(reader, place))
    names |= {reader.name(each) for each in (sweep.results / GIVEN).glob("**/*") if each.is_file()}
    for name in sorted(names):
        yield from _read(reader, sweep.results / name, name)
    for summary in sweep.templates:
        target = temporary / summary.template.folder.name
        if target.exists():
            continue
        summary.template.copy_to(target)
        copied = story.Reader(temporary)
        for each in sorted(target.rglob("*")):
            yield from _read(copied, each, f"{TEMPLATES}/{copied.name(each)}")


def _of_idea(reader: story.Reader, folder: Path) -> Iterator[str]:
    workspace = folder / "workspace"
    for pattern in WORKSPACE:
        yield from (reader.name(each) for each in workspace.glob(pattern) if reader.is_ours(each))
    for run in (*workspace.glob("run_*"), *(folder / "confirm").glob("**/run*")):
        yield from _of_run(reader, run)
    yield from (reader.name(each) for each in folder.glob("*.patch") if reader.is_ours(each))


def _of_run(reader: story.Reader, folder: Path) -> Iterator[str]:
    for name in OF_A_RUN:
        if reader.is_ours(folder / name):
            yield reader.name(folder / name)


def _read(reader: story.Reader, path: Path, name: str) -> Iterator[tuple[str, bytes]]:
    if reader.is_ours(path) and path.stat().st_size <= MOST_FILE_BYTES:
        yield name, path.read_bytes()
