"""The way out of an agent's walls hands on bytes, both ways, and stays within its limits."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bonsai.models.agents import relay


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that sends back, reversed, what it was sent until the end."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            with line:
                line.sendall(_all_of(line)[::-1])

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def _say(path: Path, text: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(path))
        line.settimeout(10)
        line.sendall(text)
        line.shutdown(socket.SHUT_WR)
        return _all_of(line)


def _all_of(line: socket.socket) -> bytes:
    return b"".join(iter(lambda: line.recv(65536), b""))


def _refused(path: Path) -> bool:
    try:
        return _say(path, b"hello") == b""
    except OSError:  # it was closed before all was said
        return True


def test_what_is_said_arrives_and_so_does_the_answer(tmp_path: Path, echo: int) -> None:
    with closing(relay.WayOut(tmp_path / "out", echo)):
        assert _say(tmp_path / "out", b"abc") == b"cba"
        long = bytes(range(256)) * 20_000  # of many pieces
        assert _say(tmp_path / "out", long) == long[::-1]


def test_it_serves_as_many_as_it_may_and_then_again_when_they_are_gone(
    tmp_path: Path, echo: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "MOST_CONNECTIONS", 2)
    with closing(relay.WayOut(tmp_path / "out", echo)):
        held = [socket.socket(socket.AF_UNIX) for _ in range(2)]
        for line in held:
            line.connect(str(tmp_path / "out"))
            line.sendall(b"still here")
        assert _refused(tmp_path / "out")
        for line in held:
            line.shutdown(socket.SHUT_WR)
            assert line.recv(100) == b"ereh llits"
            line.close()
        while _refused(tmp_path / "out"):  # the threads that served them are still at their end
            time.sleep(0.01)
        assert _say(tmp_path / "out", b"abc") == b"cba"


def test_the_program_within_finds_the_gateway_at_its_own_port(tmp_path: Path, echo: int) -> None:
    """Without walls the port would be taken, so another one is used here."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    talk = (
        "import socket, sys; line = socket.create_connection(('127.0.0.1', int(sys.argv[1])));"
        "line.sendall(b'abc'); line.shutdown(socket.SHUT_WR); print(line.recv(9)); sys.exit(7)"
    )
    with closing(relay.WayOut(tmp_path / "out", echo)):
        done = subprocess.run(
            [sys.executable, relay.__file__, str(tmp_path / "out"), str(port),
             sys.executable, "-c", talk, str(port)],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stdout) == (7, "b'cba'\n"), done.stderr


def test_without_walls_the_program_is_simply_started() -> None:
    done = subprocess.run(
        [sys.executable, relay.__file__, "", "0", sys.executable, "-c", "raise SystemExit(3)"],
        check=False,
    )
    assert done.returncode == 3


def test_a_signal_that_ends_the_program_is_told_as_shells_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    code = "import os; os.kill(os.getpid(), 9)"
    done = subprocess.run(
        [sys.executable, relay.__file__, str(tmp_path / "out"), port, sys.executable, "-c", code],
        check=False,
    )
    assert done.returncode == 128 + 9
