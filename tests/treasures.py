"""A results folder with a treasure in each place where an agent could look for one."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil

import bonsai
from bonsai.kit import data as kit_data
from tests import escapes
from tests.sweeps import TOY

SURVIVOR = "1731.25"  # seconds of sleep, by which a process that outlives its agent is known


@contextmanager
def treasures() -> Iterator[dict[str, Any]]:
    """A results folder with a secret in each place where there could be one."""
    # Not among the temporary files: an agent has a folder of its own by that name.
    place = Path(tempfile.mkdtemp(prefix="bonsai-test-", dir="/var/tmp"))
    root, home = place / "results", place / "home"
    home.mkdir()
    idea, other = root / "toy" / "idea", root / "toy" / "other" / "workspace"
    workspace = idea / "workspace"
    shutil.copytree(TOY, workspace)
    shutil.copy(escapes.__file__, workspace / "escapes.py")
    (workspace / ".git").mkdir()
    other.mkdir(parents=True)
    (other / "experiment.py").write_text("of another idea")
    (root / "ledger.jsonl").write_text('{"step": "start"}\n')
    (home / ".openai").write_text(escapes.SECRET)
    labels = kit_data.data_folder() / "FashionMNIST" / "raw" / "t10k-labels-idx1-ubyte"
    labels.parent.mkdir(parents=True, exist_ok=True)
    labels.write_bytes(b"labels")
    # Who attaches to a process stops it, so it is not the one that tests.
    code = "import time; time.sleep(600)"
    runner = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "OPENAI_API_KEY": escapes.SECRET}
    )
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, place)
        stack.callback(runner.wait)
        stack.callback(runner.kill)
        tcp = stack.enter_context(socket.create_server(("0.0.0.0", 0)))
        lines = []
        abstract = f"bonsai-test-{os.getpid()}"
        for address in (str(home / "socket"), "\0" + abstract):
            line = stack.enter_context(socket.socket(socket.AF_UNIX))
            line.bind(address)
            line.listen()
            stack.callback(line.shutdown, socket.SHUT_RDWR)  # else who waits in `accept` holds it
            lines.append(line)
        for listener in (tcp, *lines):
            threading.Thread(target=_take, args=(listener,), daemon=True).start()
        targets = {
            "home": str(home), "runner": runner.pid, "host": _own_address(),
            "port": tcp.getsockname()[1], "name": socket.gethostname(),
            "socket": str(home / "socket"), "abstract": abstract, "labels": [str(labels)],
            "other": str(other), "ledger": str(root / "ledger.jsonl"), "workspace": str(workspace),
            "results": str(root), "package": str(Path(bonsai.__file__).parent),
            "experiment": "experiment.py", "name_of_survivor": SURVIVOR,
        }  # fmt: skip
        (workspace / "targets.json").write_text(json.dumps(targets))
        yield {**targets, "idea": idea, "workspace": workspace}
    labels.unlink()


def _take(listener: socket.socket) -> None:
    while True:
        try:
            listener.accept()[0].close()
        except OSError:
            return


def _own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        try:
            line.connect(("192.0.2.1", 9))  # nothing is sent
        except OSError:
            return "127.0.0.1"
        return str(line.getsockname()[0])


def survivors() -> list[psutil.Process]:
    """Processes that have outlived their agent."""
    return [p for p in psutil.process_iter(["cmdline"]) if SURVIVOR in (p.info["cmdline"] or [])]
