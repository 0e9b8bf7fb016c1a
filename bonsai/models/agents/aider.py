"""The agent that edits through aider (https://aider.chat), in processes of its own."""

from __future__ import annotations

import atexit
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

import bonsai
from bonsai import execution
from bonsai.base import BonsaiError
from bonsai.execution import Watch, processes
from bonsai.models.agents.protocol import (
    AgentReply,
    AgentStopped,
    Attempt,
    Surroundings,
    observe,
)
from bonsai.templates import Limits

if TYPE_CHECKING:
    from bonsai.models.agents._aider_child import Job
    from bonsai.models.gateway import Session

EDIT_FORMATS = ("diff", "whole", "diff-fenced", "udiff")
LIMITS = Limits(memory_gb=4, disk_mb=200, tasks=256)  # of one edit
WATCH_SECONDS = 0.5
CAN_FORK = hasattr(os, "fork") and hasattr(socket, "send_fds")

# All that aider's process gets to see of the runner's environment; so no key is among it, and no
# proxy between it and the gateway.
ENVIRONMENT_KEPT = (
    "PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT",
    "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
)  # fmt: skip


@dataclass(frozen=True)
class AiderAgent:
    """Lets aider ask the model and apply its edits."""

    edit_format: str = "diff"  # how the model is to write its edits
    stream: bool = False
    loads_now: bool = True  # else when it is first asked for an edit
    name: str = "aider"

    def __post_init__(self) -> None:
        """Check what can be checked, and start to load aider, which takes seconds."""
        if self.edit_format not in EDIT_FORMATS:
            raise BonsaiError(
                f'The agent aider has no edit format "{self.edit_format}"; '
                f"it has {', '.join(EDIT_FORMATS)}."
            )
        if find_spec("aider") is None:
            raise BonsaiError("aider is not installed; `pip install aider-chat` does that.")
        if CAN_FORK and self.loads_now:
            _SERVER.start()

    def edit(
        self,
        workspace: Path,
        message: str,
        files: Sequence[str],
        session: Session,
        deadline_seconds: float,
        surroundings: Surroundings | None = None,
    ) -> AgentReply:
        """See `Agent.edit`."""
        job: Job = {
            "workspace": str(workspace.resolve()),
            "message": message,
            "files": list(files),
            "edit_format": self.edit_format,
            "stream": self.stream,
            "base_url": session.base_url,
            "api_key": session.api_key,
            "model": session.model,
            "deadline_seconds": deadline_seconds,
        }
        perform = _SERVER.perform if CAN_FORK else _perform_in_new_process
        return observe(workspace, files, session, lambda: perform(job, deadline_seconds))


class AiderServer:
    """The process that has aider loaded, and forks a child for every edit.

    It is started when it is first needed, again if it died, and ends when the runner does. Python's
    own fork server would do, if it did not hand on the whole environment, keys and all.
    """

    def __init__(self) -> None:
        """Start nothing yet."""
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._home: Path | None = None

    def start(self) -> None:
        """Begin to load aider, in the background."""
        with self._lock:
            self._ensure_started()

    def stop(self) -> None:
        """End the process, and remove what it left."""
        with self._lock:
            self._hang_up()
            if self._home is not None:
                shutil.rmtree(self._home, ignore_errors=True)
                self._home = None

    def _hang_up(self) -> None:
        if self._process is None or self._control is None:
            return
        self._control.close()  # which it takes as its end, even if the runner is killed
        _kill_group(self._process.pid)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=processes.END_SECONDS)
        self._process = self._control = None

    def perform(self, job: Job, deadline_seconds: float) -> Attempt:
        """Have one edit done.

        Raises:
            AgentStopped: It was not done in time, or aider ended before it was.
        """
        until = time.monotonic() + deadline_seconds
        child = None
        with self._connect() as line, line.makefile("rb") as answers:
            try:
                line.settimeout(max(0.001, deadline_seconds))
                line.sendall(json.dumps(job).encode() + b"\n")
                child = int(answers.readline() or b"0")
                _wait_for_answer(line, child, Path(job["workspace"]), until)
                line.settimeout(max(0.001, until - time.monotonic()))
                answer = answers.readline()
            except TimeoutError:
                raise _too_late(deadline_seconds) from None
            except OSError:
                answer = b""
            finally:
                if child:
                    _kill_group(child)
        return _as_attempt(answer, self._last_words)

    def _connect(self) -> socket.socket:
        """Return a line to a child that is about to be forked."""
        ours, theirs = socket.socketpair()
        with self._lock, theirs:
            try:
                socket.send_fds(self._ensure_started(), [b"+"], [theirs.fileno()])
            except OSError:  # it died a moment ago
                self._hang_up()
                socket.send_fds(self._ensure_started(), [b"+"], [theirs.fileno()])
        return ours

    def _ensure_started(self) -> socket.socket:
        if self._process is not None and self._process.poll() is not None:
            self._hang_up()
        if self._control is not None:
            return self._control
        if self._home is None:
            self._home = execution.temporary_folder("aider")
            atexit.register(self.stop)
        self._control, theirs = socket.socketpair()
        with theirs, (self._home / "errors.txt").open("wb") as errors:
            self._process = subprocess.Popen(
                _command("serve", str(theirs.fileno())),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=_environment(self._home),
                cwd=self._home,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # else Ctrl-C would reach it before the runner's say
            )
        return self._control

    def _last_words(self) -> str:
        home = self._home
        if home is None:
            return ""
        return (home / "errors.txt").read_text(encoding="utf-8", errors="replace")


def _wait_for_answer(line: socket.socket, child: int, workspace: Path, until: float) -> None:
    """Wait until the child answers, hangs up, or is out of time, and watch what it takes.

    Raises:
        AgentStopped: it took more than it may.
    """
    watch = Watch(LIMITS, [workspace], [])
    while time.monotonic() < until and not select.select([line], [], [], WATCH_SECONDS)[0]:
        family = []
        with suppress(psutil.Error):
            process = psutil.Process(child)
            family = [process, *process.children(recursive=True)]
        if breach := watch.breach(family):
            raise AgentStopped(f"The agent was stopped because {breach}.")


_SERVER = AiderServer()


def _perform_in_new_process(job: Job, deadline_seconds: float) -> Attempt:
    """Have one edit done where processes cannot be forked; aider is loaded anew for it."""
    with (
        tempfile.TemporaryDirectory(prefix="bonsai-aider-", ignore_cleanup_errors=True) as home,
        subprocess.Popen(
            _command("once"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(Path(home)),
            cwd=home,
        ) as process,
    ):
        try:
            question = json.dumps(job).encode() + b"\n"
            answer, errors = process.communicate(question, timeout=deadline_seconds)
        except subprocess.TimeoutExpired:
            raise _too_late(deadline_seconds) from None
        finally:
            process.kill()
    return _as_attempt(answer, lambda: errors.decode("utf-8", "replace"))


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "bonsai.models.agents._aider_child", *arguments]


def _environment(home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ENVIRONMENT_KEPT if name in os.environ}
    package_root = str(Path(bonsai.__file__).resolve().parent.parent)
    search_path = [package_root, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return {
        **kept,
        "HOME": str(home),  # where aider keeps its own files
        "USERPROFILE": str(home),
        "TMPDIR": str(home),
        "PYTHONPATH": os.pathsep.join(filter(None, search_path)),
        "PYTHONUTF8": "1",
        "PYTHONHASHSEED": "0",  # aider keeps files in sets; a request is to list them as before
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else litellm downloads prices
        "LITELLM_MODE": "PRODUCTION",  # else litellm reads .env files
        **processes.badge(),  # should the runner be killed, `resume` ends what still edits
    }


def _as_attempt(answer: bytes, last_words: Callable[[], str]) -> Attempt:
    if not answer.endswith(b"\n"):
        reason = (last_words().strip().splitlines() or ["it gave no reason"])[-1]
        raise AgentStopped(f"Aider ended unexpectedly: {reason}.")
    return Attempt(*json.loads(answer))


def _too_late(seconds: float) -> AgentStopped:
    return AgentStopped(f"The agent was stopped after {seconds:g} seconds.")


def _kill_group(leader: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
