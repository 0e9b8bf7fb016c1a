"""The one way out of an agent's walls: from a port within them, by a Unix socket, to the gateway.

Within its walls an agent has a network of its own, with nothing in it. There this file, run as a
program, listens on the port that the gateway has outside, so that the gateway's address is the same
on both sides, and starts the agent. `WayOut` is the end on the runner's side. What passes is not
looked at: at the other end is the gateway alone, and it knows who may ask.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

MOST_CONNECTIONS = 64  # at a time; each takes two threads of the runner
PIECE = 65536  # bytes


class WayOut:
    """Hands on to the gateway what comes through a Unix socket, until it is closed."""

    def __init__(self, path: Path, port: int) -> None:
        """Listen.

        Args:
            path: where the socket is made.
            port: the gateway's, on this machine.
        """
        self._port = port
        self._free = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(MOST_CONNECTIONS)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more; what is under way goes on until its ends hang up."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # else who waits in `accept` is not woken
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                inside, _ = self._listener.accept()
                if not self._free.acquire(blocking=False):
                    inside.close()
                    continue
                threading.Thread(target=self._serve, args=(inside,), daemon=True).start()

    def _serve(self, inside: socket.socket) -> None:
        try:
            join(inside, lambda: socket.create_connection(("127.0.0.1", self._port)))
        finally:
            self._free.release()


def join(first: socket.socket, connect: Callable[[], socket.socket]) -> None:
    """Pass on what comes from either side, until both have said their last."""
    with first, contextlib.suppress(OSError), connect() as second:
        back = threading.Thread(target=_pass_on, args=(second, first), daemon=True)
        back.start()
        _pass_on(first, second)
        back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(PIECE):
            target.sendall(piece)
    for side, how in ((target, socket.SHUT_WR), (source, socket.SHUT_RD)):
        with contextlib.suppress(OSError):
            side.shutdown(how)


def _listen_within(path: str, port: int) -> None:
    """Take connections on a port, and hand each on to the socket at `path`."""

    def connect() -> socket.socket:
        way_out = socket.socket(socket.AF_UNIX)
        way_out.connect(path)
        return way_out

    def serve() -> None:
        while True:
            inside, _ = listener.accept()
            threading.Thread(target=join, args=(inside, connect), daemon=True).start()

    listener = socket.create_server(("127.0.0.1", port), backlog=MOST_CONNECTIONS)
    threading.Thread(target=serve, daemon=True).start()


def _main(path: str, port: str, *command: str) -> int:
    """Start the agent, within walls with a way out; returns its exit code."""
    if not path:  # no walls
        os.execvp(command[0], command)
    _listen_within(path, int(port))
    return subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    code = _main(*sys.argv[1:])
    sys.exit(code if code >= 0 else 128 - code)
