"""The process that runs aider. The runner starts it, and nothing else imports it.

`python -m bonsai.models.agents._aider_child serve FD` loads aider, which takes seconds, and then
forks a child for every edit that is asked for over the socket FD; so an edit takes a fraction of a
second, and can be killed without harm to anything else. `... once` does the one edit that stands on
standard input, where processes cannot be forked.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any, TypedDict

from aider import models
from aider.coders import Coder, base_coder
from aider.io import InputOutput

from bonsai.base import listing, write_atomically
from bonsai.models.agents import replies
from bonsai.models.agents.protocol import Attempt

MAX_REFLECTIONS = 1  # times that aider itself sends a failed edit back; the runner does the rest
LONGEST_DETAIL = 3000  # characters
LARGEST_FILE = 100_000_000  # bytes that an edit may write into one file


class Job(TypedDict):
    """One edit, as it is sent to this process."""

    workspace: str
    message: str
    files: list[str]
    edit_format: str
    stream: bool
    base_url: str
    api_key: str
    model: str
    deadline_seconds: float


class _Desk(InputOutput):  # type: ignore[misc, unused-ignore]
    """What aider believes to be the user's terminal: it says no, and keeps what it is told."""

    def __init__(self, workspace: Path, editable: set[Path]) -> None:
        super().__init__(pretty=False, yes=False, fancy_input=False)
        self.workspace = workspace
        self.editable = editable
        self.replies: list[str] = []
        self.refused: list[str] = []
        self.not_whole: list[str] = []
        self.errors: list[str] = []

    def confirm_ask(
        self, question: str, default: str = "y", subject: str | None = None, **kwargs: Any
    ) -> bool:
        """Allow the creation of an editable file, and nothing else: no URL, command or file."""
        if subject is None or not question.startswith(("Create new file", "Allow edits to file")):
            return False
        if (self.workspace / subject).resolve() in self.editable:
            return True
        if subject not in self.refused:
            self.refused.append(subject)
        return False

    def ai_output(self, content: str) -> None:
        """Keep a reply of the model."""
        self.replies.append(content)

    def tool_error(self, message: object = "", strip: bool = True) -> None:
        """Keep an error of aider's."""
        self.errors.append(str(message).strip())

    def write_text(self, filename: str, content: str, *args: Any, **kwargs: Any) -> None:
        """Write an editable file, in such a way that a kill at the deadline leaves no half of it.

        Aider asks before it comes to this; here it is made sure.
        """
        if Path(filename) not in self.editable:
            raise PermissionError(f"{filename} may not be edited")
        write_atomically(Path(filename), content)


def perform(job: Job) -> Attempt:
    """Do one edit."""
    workspace = Path(job["workspace"]).resolve()
    paths = [workspace / name for name in job["files"]]
    desk = _Desk(workspace, set(paths))
    coder = Coder.create(
        main_model=_model(job),
        edit_format=job["edit_format"],
        io=desk,
        # Aider would create those that are missing, needed or not.
        fnames=[str(path) for path in paths if path.exists()],
        stream=job["stream"],
        use_git=False,
        map_tokens=0,
        auto_lint=False,
        auto_test=False,
        detect_urls=False,
        suggest_shell_commands=False,
    )
    coder.root = str(workspace)  # aider takes the folder that the files have in common
    coder.max_reflections = MAX_REFLECTIONS
    # Else a thread may ask the model for a summary of the talk, which nobody is going to read.
    coder.summarize_start = lambda: None
    _read_as_meant(coder, desk, job)
    # No preprocessing: a message that begins with "/" or "!" is no command.
    coder.run_one(job["message"], preproc=False)
    return Attempt("\n\n".join(filter(None, desk.replies)), *_diagnose(coder, desk, job["files"]))


def _read_as_meant(coder: Any, desk: _Desk, job: Job) -> None:
    """Have each reply brought into aider's form, once it is there and before it is read."""
    remove_reasoning = coder.remove_reasoning_content

    def tidy() -> None:
        remove_reasoning()
        text, workspace, files = coder.partial_response_content, desk.workspace, job["files"]
        if job["edit_format"] == "whole":
            old = {name: desk.read_text(workspace / name, silent=True) or "" for name in files}
            # Which no line of theirs begins with, so that none ends a file too early.
            marks = replies.longer_fence([*old.values(), text])
            text, desk.not_whole = replies.tidy_whole(text, old, workspace, marks)
            coder.fence = (marks, marks) if marks in text else coder.fence
        elif job["edit_format"] == "udiff":
            text = replies.tidy_diffs(text, files, workspace)
        else:
            text = replies.tidy_edits(text, files, workspace)
        coder.partial_response_content = text

    coder.remove_reasoning_content = tidy


def _model(job: Job) -> models.Model:
    name = f"openai/{job['model']}"
    # What aider knows about a model it need not look up on the network.
    models.model_info_manager.local_model_metadata[name] = {"litellm_provider": "openai"}
    model = models.Model(name, weak_model=name, editor_model=False)
    model.extra_params = {
        "api_base": job["base_url"],
        "api_key": job["api_key"],
        "timeout": job["deadline_seconds"],
        "max_retries": 0,
    }
    return model


def _diagnose(coder: Any, desk: _Desk, files: list[str]) -> tuple[str | None, str]:
    """Return what kept the edit from being applied, if anything, and aider's words on it."""
    if coder.num_exhausted_context_windows:
        return "The reply was cut off before its end, so nothing of it was used.", ""
    problems = []
    if desk.refused:
        editable = f"Only {listing(files)} may be edited" if files else "Nothing may be edited"
        problems.append(f"{editable}, so {listing(desk.refused)} was not.")
    problems += desk.not_whole
    # What aider would still send back to the model, had it not done so often enough.
    complaint = (coder.reflected_message or "").strip()
    if "failed to match" in complaint:
        problems.append("A SEARCH block does not match the lines of the file.")
    elif complaint:
        problems.append("The reply does not keep to the form for edits.")
    elif desk.errors and not any(desk.replies):
        problems.append("Aider failed.")
        complaint = "\n".join(desk.errors)
    return " ".join(problems) or None, complaint[:LONGEST_DETAIL]


# --------------------------------------------------------------------------------- the process


def _serve(control: socket.socket) -> None:
    """Fork a child for each connection that comes over `control`, until the runner is gone."""
    _warm_up()
    gc.freeze()  # else each child's first collection would copy all that was loaded
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children need no burial
    while True:
        _, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not descriptors:
            return
        with socket.socket(fileno=descriptors[0]) as line:
            if os.fork() == 0:
                control.close()
                _serve_one(line)


def _serve_one(line: socket.socket) -> None:
    """Be the forked child: tell one's number, read the job, send the answer, end."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()  # so that it can be killed with all it may have started
        import resource  # not on every system, as os.fork

        resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
        # To a runner that gave up while aider was being loaded, this fails; then nothing is edited.
        line.sendall(b"%d\n" % os.getpid())
        job: Job = json.loads(line.makefile("rb").readline())
        line.sendall(_answer(job))
    finally:
        os._exit(0)


def _answer(job: Job) -> bytes:
    try:
        attempt = perform(job)
    except Exception as error:
        attempt = Attempt("", "Aider failed.", f"{type(error).__name__}: {error}")
    return json.dumps(attempt).encode() + b"\n"


def _once() -> None:
    """Do the job that stands on standard input, and write the answer on standard output."""
    with os.fdopen(os.dup(1), "wb") as output:
        os.dup2(2, 1)  # aider says much on standard output, too
        output.write(_answer(json.loads(sys.stdin.buffer.readline())))


def _warm_up() -> None:
    """Do an edit that cannot reach a model, so that all that aider loads late is loaded."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        Path(folder, "file.py").write_text("\n")
        perform(
            {
                "workspace": folder,
                "message": "hello",
                "files": ["file.py"],
                "edit_format": "diff",
                "stream": False,
                "base_url": f"http://127.0.0.1:{closed.getsockname()[1]}/v1",
                "api_key": "local",
                "model": "bonsai",
                "deadline_seconds": 5.0,
            }
        )


def _stay_local() -> None:
    """Let this process talk to this machine only, whatever aider and its libraries intend."""

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect" and isinstance(arguments[1], tuple):
            host = arguments[1][0]
        elif event == "socket.getaddrinfo":
            host = arguments[0]
        else:
            return
        if host not in {None, "127.0.0.1", "::1", "localhost"}:
            raise PermissionError(f"aider's process may not talk to {host}")

    sys.addaudithook(watch)


def _main(mode: str, *arguments: str) -> None:
    _stay_local()
    base_coder.RETRY_TIMEOUT = 0  # the gateway does the retrying
    if mode == "once":
        _once()
    else:
        _serve(socket.socket(fileno=int(arguments[0])))


if __name__ == "__main__":
    _main(*sys.argv[1:])
