"""Scoring apart from the runner, with a limit of time and memory.

A template's scorer is believed, but it computes with what a run left, and a run can leave numbers
that keep any scorer busy for ever, or have it ask for all the memory there is. So runs are scored
in a process that can be killed. It is kept for the next run: what a scorer imports can take
seconds.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from bonsai.base import BonsaiError
from bonsai.evaluation.scores import Scores
from bonsai.execution import Cancelled, processes, sandbox
from bonsai.templates import Limits, Template

GLANCE_SECONDS = 0.1
MOST_ANSWER = 50_000_000  # bytes of scores


class Scoring:
    """Processes that score, as many as are asked at once; safe to use from several threads."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._lock = threading.Lock()
        self._idle: list[subprocess.Popen[bytes]] = []

    def prepare(self) -> None:
        """Start one in the background, so that the first run need not wait for it."""
        with self._lock:
            if not self._idle:
                self._idle.append(_start())

    def score(
        self,
        template: Template,
        run: Path,
        data: str,
        seeds: Sequence[int],
        *,
        smoke: bool,
        limits: Limits,
        cancel: threading.Event,
    ) -> Scores:
        """The scores of a run; see `scores.score_run`.

        Raises:
            BonsaiError: it cannot be scored, or not within `limits.score_seconds` and
                `limits.memory_gb`; the text says why.
            Cancelled: `cancel` was set meanwhile.
        """
        job = {
            "template": str(template.folder), "run": str(run), "data": data,
            "seeds": list(seeds), "smoke": smoke,
        }  # fmt: skip
        process = self._take()
        try:
            answer = _ask(process, job, limits, cancel)
        except BaseException:
            _end(process)
            raise
        with self._lock:
            self._idle.append(process)
        if "scores" in answer:
            return Scores.model_validate(answer["scores"])
        raise BonsaiError(answer["problem"])

    def close(self) -> None:
        """End all processes that are idle."""
        with self._lock:
            while self._idle:
                _end(self._idle.pop())

    def _take(self) -> subprocess.Popen[bytes]:
        with self._lock:
            while self._idle:
                process = self._idle.pop()
                if process.poll() is None:
                    return process
        return _start()


def _start() -> subprocess.Popen[bytes]:
    environment = {
        name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")
    }
    path = [str(sandbox.package_root()), *filter(None, [environment.get("PYTHONPATH")])]
    environment |= {"PYTHONPATH": os.pathsep.join(path), **processes.badge()}
    return subprocess.Popen(
        [sys.executable, "-m", "bonsai.evaluation._scoring_child"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env=environment, start_new_session=True,
    )  # fmt: skip


def _ask(
    process: subprocess.Popen[bytes], job: dict[str, Any], limits: Limits, cancel: threading.Event
) -> dict[str, Any]:
    assert process.stdin and process.stdout, "see `_start`"
    deadline = time.monotonic() + limits.score_seconds
    answer = bytearray()
    try:
        process.stdin.write(json.dumps(job).encode() + b"\n")
        process.stdin.flush()
        while not answer.endswith(b"\n"):
            if select.select([process.stdout], [], [], GLANCE_SECONDS)[0]:
                part = os.read(process.stdout.fileno(), 1 << 20)
                if not part:
                    raise BrokenPipeError
                answer += part
            if cancel.is_set():
                raise Cancelled
            if time.monotonic() > deadline:
                raise BonsaiError(f"scoring it took more than {limits.score_seconds:g} s")
            if _memory_gb(process.pid) > limits.memory_gb or len(answer) > MOST_ANSWER:
                raise BonsaiError(f"scoring it took more than {limits.memory_gb:g} GB of memory")
    except OSError as error:
        code = process.poll()
        raise BonsaiError(f"the process that scores it ended (exit code {code})") from error
    found: dict[str, Any] = json.loads(answer)
    return found


def _memory_gb(pid: int) -> float:
    try:
        return float(psutil.Process(pid).memory_info().rss) / 1e9
    except psutil.Error:
        return 0.0


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=processes.END_SECONDS)
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()


SCORING = Scoring()
atexit.register(SCORING.close)
