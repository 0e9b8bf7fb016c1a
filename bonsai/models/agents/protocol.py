"""What an agent is to the runner, and what all agents have in common."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from bonsai.base import BonsaiError, TextFile, decode, listing, says, write_atomically
from bonsai.templates import Limits

if TYPE_CHECKING:
    from bonsai.models.gateway import Session

FINISHED = "ALL_COMPLETED"  # what the model writes when it wants no further runs


@dataclass(frozen=True)
class AgentReply:
    """What came of one message to an agent."""

    text: str  # what the model said, all its replies joined
    problem: str | None  # one sentence; None: edited cleanly, finished, or nothing was to be edited
    seconds: float
    detail: str = ""  # what the model needs to mend the problem, beyond the sentence
    edited: tuple[str, ...] = ()  # the files whose contents changed, problem or not
    strayed: tuple[str, ...] = ()  # files that were there and that it changed in vain


@dataclass(frozen=True)
class Surroundings:
    """What an agent that runs commands finds around it.

    Attributes:
        folder: of its own, beside the exchanges: what it printed, and its session if that is kept.
        walls: whether it works within walls; else a person has said that it may do without.
        limits: what it may take.
        cancel: when set, it is killed.
        threads: CPU threads that it may compute with.
        data: the data set that `experiment.py --smoke` reads, if the kit has it.
        own_data: whether the experiment reads data of its own from the cache, beside the kit's.
        reads: what else it may read.
        can_try: whether the experiment has a `--smoke` by which it can be tried.
        lay: puts into its copy of the workspace what a smoke run is given by the runner.
        continues: whether it goes on with the session of its last message.
    """

    folder: Path
    walls: bool
    limits: Limits
    cancel: threading.Event
    threads: int = 1
    data: str | None = None
    own_data: bool = False
    reads: tuple[Path, ...] = ()
    can_try: bool = True
    lay: Callable[[Path], None] = lambda copy: None
    continues: bool = False


class Agent(Protocol):
    """Turns a message into edits of files. It may be used from several threads at once."""

    @property
    def name(self) -> str:
        """The name by which people choose it."""

    def edit(
        self,
        workspace: Path,
        message: str,
        files: Sequence[str],
        session: Session,
        deadline_seconds: float,
        surroundings: Surroundings | None = None,
    ) -> AgentReply:
        """Show the model a message and files, and apply the edits that it replies with.

        Nothing need be remembered from one call to the next, so the message must say everything.

        Args:
            workspace: The folder of the idea.
            message: What the model is asked to do.
            files: Paths, relative to the workspace, of what the model sees and may edit. Missing
                ones may be created. With none, only the text of the reply is wanted.
            session: Where the model is asked.
            deadline_seconds: The agent is stopped after this long.
            surroundings: For an agent that runs commands; others need none.
        """


class Attempt(NamedTuple):
    """An agent's own account of how it went."""

    text: str
    problem: str | None = None
    detail: str = ""
    strayed: tuple[str, ...] = ()


class AgentStopped(Exception):
    """The agent did not come to an end of its own; the text is a sentence for people."""


def observe(
    workspace: Path, files: Sequence[str], session: Session, attempt: Callable[[], Attempt]
) -> AgentReply:
    """Let an agent make its attempt, and report what came of it.

    What changed is found by comparing the files, and not from what the agent or model says. The
    agent sees every file as UTF-8 with line feeds; afterwards each has the form that it had.
    """
    started = time.monotonic()

    def reply(text: str, problem: str | None, detail: str = "") -> AgentReply:
        now = _contents(workspace, files)
        edited = tuple(name for name in files if now[name] != before[name])
        return AgentReply(text, problem, time.monotonic() - started, detail, edited, tuple(strayed))

    strayed: tuple[str, ...] = ()
    before = _contents(workspace, files)
    strays = [name for name in files if not _stays_inside(workspace, name)]
    if strays:
        return reply("", f"No edit was made, because {listing(strays)} leads out of the workspace.")
    shown = _show(workspace, before)
    stopped = False
    try:
        text, problem, detail, strayed = attempt()
    except AgentStopped as error:
        stopped, text, problem, detail = True, "", str(error), ""
    finally:
        unfit = _give_form_back(workspace, before, shown)
    problem = " ".join(filter(None, [problem, *unfit])) or None
    if session.refusal and not stopped:
        return reply(text, session.refusal)
    if session.lack:
        return reply(text, session.lack)
    result = reply(text, problem, detail)
    if problem or result.edited or strayed or not files or says(text, FINISHED):
        return result
    if not text.strip():
        return reply(text, "The model's reply was empty.")
    return reply(text, f"The reply changed nothing in {listing(files)}.")


def _show(workspace: Path, before: Mapping[str, bytes | None]) -> dict[str, TextFile]:
    """Lay out the files in the plain form for the agent; returns the forms that they had."""
    forms = {name: decode(content, name) for name, content in before.items() if content is not None}
    for name, form in forms.items():
        if form.text.encode() != before[name]:
            write_atomically(workspace / name, form.text)
    return forms


def _give_form_back(
    workspace: Path, before: Mapping[str, bytes | None], forms: Mapping[str, TextFile]
) -> list[str]:
    """Give files the form that they had; a sentence on each whose new text does not fit it.

    Such a file is put back as it was.
    """
    unfit = []
    for name, form in forms.items():
        now, content = _read(workspace / name), before[name]
        if now is None or content is None or now == content:
            continue
        try:
            if now != form.text.encode():
                content = form.encoded(now.decode("utf-8", "replace"))
        except BonsaiError as error:
            unfit.append(f"{name} was not changed: {error}.")
        if now != content:
            write_atomically(workspace / name, content)
    return unfit


def _contents(workspace: Path, files: Sequence[str]) -> dict[str, bytes | None]:
    return {name: _read(workspace / name) for name in files}


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _stays_inside(workspace: Path, name: str) -> bool:
    """Whether the path is what it seems: an experiment may have put a symbolic link there."""
    root = workspace.resolve()
    return (root / name).resolve() == root / name and name not in {"", "."}
