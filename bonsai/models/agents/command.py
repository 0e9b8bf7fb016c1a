"""Agents that are programs of others: they run commands, so they work in a copy, within walls.

Such a program sees a copy of the workspace without its git repository, and a home of its own. Its
network holds the gateway and nothing else (`relay`). When it has ended, the files that it may edit
are taken over from the copy, by their contents; whatever else it did to the copy is gone with it.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bonsai import execution
from bonsai.base import BonsaiError, listing, untrusted, write_atomically
from bonsai.execution import Program, Snapshot
from bonsai.kit.experiment import DATASET, SMOKE_ONLY
from bonsai.models.agents import relay
from bonsai.models.agents.adapters import Adapter, Job
from bonsai.models.agents.protocol import AgentReply, AgentStopped, Attempt, Surroundings, observe
from bonsai.models.agents.whereabouts import find, missing, places

if TYPE_CHECKING:
    from bonsai.models.gateway import Session

MOST_BYTES = 2_000_000  # of a file that is taken over
PROMPT = "prompt.txt"
# Where it finds these within walls, on every machine and for every idea: so the paths in a recorded
# conversation are right when it is played back, and tell nobody where that was.
WORKSPACE, HOME = Path("/workspace"), Path("/home/agent")
FOREWORD = """You work in {workspace}, a copy of an experiment's folder. {may} Whatever else you \
change is thrown away. The folders run_0, run_1, … hold the results so far. {tries}Runs are made \
for you after you have ended, so start none. Nobody answers questions: do what is asked, say in a \
sentence or two what you did, and end.

"""
TRIES = "`python experiment.py --smoke --out_dir run_try` tries the experiment in seconds. "


class _Place(NamedTuple):
    """Where an agent works, and whether it goes on with the session in its home."""

    copy: Path
    home: Path
    continued: bool


@dataclass(frozen=True)
class CommandAgent:
    """Has a program of others edit a copy of the workspace, and takes over what it may change."""

    adapter: Adapter
    path: Path  # of the program

    @classmethod
    def found(cls, adapter: Adapter) -> CommandAgent:
        """The agent, if its program is on this machine.

        Raises:
            BonsaiError: it is not; the text says how to install it.
        """
        path = find(adapter)
        if path is None:
            raise BonsaiError(missing(adapter))
        return cls(adapter, path)

    @property
    def name(self) -> str:
        """See `Agent.name`."""
        return self.adapter.name

    def edit(
        self,
        workspace: Path,
        message: str,
        files: Sequence[str],
        session: Session,
        deadline_seconds: float,
        surroundings: Surroundings | None = None,
    ) -> AgentReply:
        """See `Agent.edit`.

        Raises:
            execution.Cancelled: the sweep was told to stop.
        """
        assert surroundings is not None, "an agent that runs commands needs to know where"
        around = surroundings

        def attempt() -> Attempt:
            try:
                return self._attempt(workspace, message, files, session, deadline_seconds, around)
            except OSError as error:  # the disk, or what the program made of its home
                raise AgentStopped(f"The agent {self.name} could not work: {error}.") from error

        return observe(workspace, files, session, attempt)

    def _attempt(
        self,
        workspace: Path,
        message: str,
        files: Sequence[str],
        session: Session,
        deadline_seconds: float,
        around: Surroundings,
    ) -> Attempt:
        began = session.exchanges
        copy = around.folder / "workspace"
        with ExitStack() as stack:
            stack.callback(untrusted.remove, copy)
            _copy(workspace, copy)
            around.lay(copy)
            before = Snapshot.of(copy)
            place = _Place(copy, *stack.enter_context(self._home(around, session)))
            job = self._job(message, files, session, around, place)
            log = around.folder / f"{began:03d}"
            done = self._run(job, session, deadline_seconds, around, place, log)
            if done.stopped:
                raise AgentStopped(
                    f"The agent was stopped after {deadline_seconds:g} seconds."
                    if done.out_of_time
                    else f"The agent was stopped because {done.stopped}."
                )
            text = "\n\n".join(filter(None, session.replies_since(began)))
            problem = detail = ""
            if not done.ok and session.refusal is None:
                problem = f"The agent {self.name} {done.problem}."
                detail = done.error[-1500:] or done.output[-1500:]
            strayed: list[str] = []
            if session.refusal is None:
                strayed, unread = _take_over(before, workspace, files)
                problem = " ".join(filter(None, [problem, *unread]))
            return Attempt(text or done.output, problem or None, detail, tuple(strayed))

    def _job(
        self,
        message: str,
        files: Sequence[str],
        session: Session,
        around: Surroundings,
        place: _Place,
    ) -> Job:
        """Write down what is asked, and lay out the program's own files."""
        seen, its_home = (WORKSPACE, HOME) if around.walls else (place.copy, place.home)
        may = f"Edit {listing(files)} there, and no other file." if files else "Edit no file there."
        tries = TRIES if around.can_try else ""
        prompt = FOREWORD.format(workspace=seen, may=may, tries=tries) + message
        prompt = prompt.encode("utf-8", "replace").decode()
        job = Job(
            prompt=prompt, prompt_file=its_home / PROMPT, files=tuple(files),
            workspace=seen, home=its_home,
            openai_url=session.base_url, anthropic_url=session.root_url, api_key=session.api_key,
            model=session.model, continued=place.continued,
        )  # fmt: skip
        for name, text in {PROMPT: prompt, **self.adapter.configuration(job)}.items():
            write_atomically(place.home / name, text)
        return job

    def _run(
        self, job: Job, session: Session, seconds: float, around: Surroundings, place: _Place,
        log: Path,
    ) -> execution.Execution:  # fmt: skip
        door = execution.temporary_folder("agent")
        try:
            way = door / "gateway" if around.walls else None
            program = Program(
                arguments=(
                    relay.__file__, str(way or ""), str(session.port),
                    *self.adapter.line(self.path, job),
                ),
                folder=place.copy, seconds=seconds, limits=around.limits, threads=around.threads,
                walls=around.walls, writes=(), mounts={place.copy: WORKSPACE, place.home: HOME},
                data=around.data, own_data=around.own_data,
                reads=(*around.reads, *self.adapter.reads, *places(self.path), door),
                variables=self._variables(job, around),
            )  # fmt: skip
            with ExitStack() as stack:
                if way is not None:
                    stack.enter_context(closing(relay.WayOut(way, session.port)))
                return execution.run(program, log, cancel=around.cancel)
        finally:
            untrusted.remove(door)

    def _variables(self, job: Job, around: Surroundings) -> dict[str, str]:
        path = [str(Path(sys.executable).parent), str(self.path.parent), os.environ.get("PATH", "")]
        return {
            "PATH": os.pathsep.join(path),
            "HOME": str(job.home),
            "XDG_CONFIG_HOME": str(job.home / ".config"),
            "XDG_DATA_HOME": str(job.home / ".local" / "share"),
            "XDG_STATE_HOME": str(job.home / ".local" / "state"),
            "XDG_CACHE_HOME": str(job.home / ".cache"),
            "OPENAI_BASE_URL": job.openai_url,
            "OPENAI_API_BASE": job.openai_url,
            "OPENAI_API_KEY": job.api_key,
            "ANTHROPIC_BASE_URL": job.anthropic_url,
            "ANTHROPIC_API_KEY": job.api_key,
            SMOKE_ONLY: "1",
            **({DATASET: around.data} if around.data else {}),
            **self.adapter.variables(job),
        }

    @contextmanager
    def _home(self, around: Surroundings, session: Session) -> Iterator[tuple[Path, bool]]:
        """The program's home, and whether it holds the session that is to be continued.

        A session is kept under the number of exchanges after which it stood so: a step that is done
        again, after a crash or an outage of the model's service, begins with the one that it had.
        """
        home = around.folder / "home"
        keeps = around.continues and self.adapter.keeps_session
        before = around.folder / f"session-{session.exchanges:04d}"
        untrusted.remove(home)
        continued = keeps and before.is_dir()
        if continued:
            _copy(before, home, whole=True)
        home.mkdir(parents=True, exist_ok=True)
        try:
            yield home, continued
            if keeps and session.refusal is None:
                after = around.folder / f"session-{session.exchanges:04d}"
                for kept in around.folder.glob("session-*"):
                    if kept.name != before.name:
                        untrusted.remove(kept)
                if after != before:
                    home.rename(after)
        finally:
            untrusted.remove(home)


def _copy(source: Path, target: Path, whole: bool = False) -> None:
    """Copy the plain files of a folder; a link could lead a reader or writer anywhere.

    Of a workspace, arrays of runs stay behind: nothing that an agent does needs them, and no run
    sees the results of another.
    """
    untrusted.remove(target)
    target.mkdir(parents=True)
    for found in untrusted.walk(source, git=whole):
        if found.problem:
            continue
        place = target / found.name
        if found.is_folder:
            place.mkdir(parents=True, exist_ok=True)
        elif whole or not (found.name.startswith("run_") and found.name.endswith(".npz")):
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(found.path, place, follow_symlinks=False)
            shutil.copymode(found.path, place, follow_symlinks=False)


def _take_over(
    before: Snapshot, workspace: Path, files: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Take what was changed in a copy into the workspace.

    Returns:
        The files that it changed and may not change, and a sentence on each that cannot be read.
    """
    strayed, unread = [], []
    for name in before.changed():
        if name not in files or not untrusted.is_file(before.folder / name):
            if name in before.contents:
                strayed.append(name)
            continue  # what it made for itself is gone with the copy
        try:
            content = untrusted.read_bytes(before.folder / name, MOST_BYTES)
        except untrusted.Unreadable as error:
            unread.append(f"{error}; {name} stays as it was.".replace(f"{before.folder}/", ""))
        else:
            write_atomically(workspace / name, content)
    return strayed, unread
