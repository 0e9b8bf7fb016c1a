"""A template as a task for another engine: what is written beside what is exported for it."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

import bonsai
from bonsai.base import BonsaiError, write_atomically
from bonsai.execution import Mode, cores
from bonsai.templates import Reported, Template, contract, copy_template, find_templates

FILE = "task.json"
FOLDER = "template"  # the template's copy, in the folder that is exported
FORM = 1  # one more whenever an older one cannot be read
SEEDS = 4  # on which candidates are compared with the template
NAME = r"^[^./\\\x00][^/\\\x00]*$"  # of a template: a folder among results is called so
DEEPEST = 4  # folders between a task and what an engine leaves below it


class Task(BaseModel):
    """What the evaluator of an exported template is told.

    Attributes:
        form: of this file.
        bonsai: the version that wrote it.
        template: the template's name.
        origin: the folder that it was exported from.
        folder: where its copy lies, from the file's folder; absolute where it was not copied.
        fingerprint: of its code, when it was exported.
        reported: what stands in for its `score.py`, where it has none.
        data: the data set.
        seeds: on which candidates are compared with the template; drawn for this task, and none of
            those that a verdict takes.
        threads: CPU threads of a run.
        python: an interpreter that has Bonsai; the engine's own need not.
        limits: limits that replace those of the template's `prompt.json`.
        sandbox: whether candidates run within walls.
    """

    model_config = ConfigDict(extra="forbid")

    form: int = FORM
    bonsai: str = bonsai.__version__
    template: Annotated[str, Field(pattern=NAME)]
    origin: str = ""
    folder: str = FOLDER
    fingerprint: str
    reported: Reported | None = None
    data: str
    seeds: Annotated[list[int], Field(min_length=2)]
    threads: Annotated[int, Field(ge=1)] = 1
    python: str = sys.executable
    limits: dict[str, float] = {}
    sandbox: Mode = "auto"

    def save(self, folder: Path) -> None:
        """Write `task.json`."""
        write_atomically(folder / FILE, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Task:
        """Read `task.json`.

        Raises:
            BonsaiError: it is not there, is none, or was written by another version.
        """
        path = folder / FILE
        value = contract.read_json(path)
        form = value.get("form") if isinstance(value, dict) else FORM
        if form != FORM:
            raise BonsaiError(
                f"{path} was written by another version of Bonsai (tasks of form {form}, this "
                f"version reads {FORM}); export the template anew"
            )
        return contract.check(cls, value, str(path))

    def template_at(self, folder: Path) -> Template:
        """The template, from the copy in a task's folder, or from where it came, unchanged.

        Raises:
            BonsaiError: both are gone, or not what was exported.
        """
        copied = Template((folder / self.folder).resolve(), self.reported, self.template)
        if copied.folder.is_dir() and copied.fingerprint() == self.fingerprint:
            return copied
        try:
            (found,) = find_templates([self.template])
        except BonsaiError:
            found = None
        if found and found.fingerprint() == self.fingerprint:
            return Template(found.folder, self.reported, self.template)
        raise BonsaiError(
            f"{copied.folder} is not what was exported: its code was changed since; export "
            f"{self.template} anew"
        )

    def original(self, folder: Path) -> Template:
        """The template as it lies where it came from: by that a verdict is spoken.

        Whoever worked in a task's folder could change the copy there, and `task.json` with it. So
        the copy is taken only where no original is left.

        Raises:
            BonsaiError: the original is not what the task says, so one of them was changed.
        """
        found = []
        with suppress(BonsaiError):
            found = find_templates([self.template])
        origin = Path(self.origin)
        if not found and self.origin and not origin.is_relative_to(folder.resolve()):
            found = [Template(origin)] if (origin / "experiment.py").is_file() else []
        if not found:
            return self.template_at(folder)
        if found[0].fingerprint() != self.fingerprint:
            raise BonsaiError(
                f"{found[0].folder} and what was exported to {folder} are not the same any more; "
                "export it anew, or name the template to judge by before the path"
            )
        return Template(found[0].folder, self.reported, self.template)


def make_task(
    template: Template,
    data: str,
    *,
    seeds: int = SEEDS,
    threads: int | None = None,
    limits: Mapping[str, float] | None = None,
    sandbox: Mode = "auto",
) -> Task:
    """A task with seeds of its own.

    Args:
        template: the template; one without a `score.py` must be established.
        data: the data set.
        seeds: how many.
        threads: CPU threads of a run; by default all cores.
        limits: limits that replace those of its `prompt.json`.
        sandbox: whether candidates run within walls.
    """
    first = 1000 * (1 + secrets.randbelow(1_000_000)) + 500  # a sweep's begin at whole thousands
    return Task(
        template=template.name,
        origin=str(template.folder.resolve()),
        fingerprint=template.fingerprint(),
        reported=template.reported,
        data=data,
        seeds=list(range(first, first + seeds)),
        threads=threads or cores(),
        limits=dict(limits or {}),
        sandbox=sandbox,
    )


def lay_task(task: Task, template: Template, folder: Path) -> Task:
    """Write `task.json` and a copy of the template into a folder; returns the task as written.

    A template whose program reads what lies outside of its folder is not copied: the task names
    its place.
    """
    from bonsai.evaluation import ways_out

    folder.mkdir(parents=True, exist_ok=True)
    if ways_out(template.folder):
        task = task.model_copy(update={"folder": str(template.folder.resolve())})
    else:
        copy_template(template.folder, folder / FOLDER)
    task.save(folder)
    return task


def task_above(path: Path) -> tuple[Task, Path] | None:
    """The task whose folder holds a path, and that folder; None: there is none near.

    Raises:
        BonsaiError: there is one, and it cannot be read.
    """
    path = path.resolve()
    for folder in (path, *list(path.parents)[:DEEPEST]):
        if (folder / FILE).is_file() and _is_ours(folder / FILE):
            return Task.load(folder), folder
    return None


def _is_ours(path: Path) -> bool:
    try:
        value = contract.read_json(path)
    except BonsaiError:
        return False
    return isinstance(value, dict) and "bonsai" in value and "fingerprint" in value
