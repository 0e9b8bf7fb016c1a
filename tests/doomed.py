"""`runner.py`, but it kills itself with SIGKILL, at a moment that a test can choose.

A test that kills from outside cannot see which step is under way, and some take a millisecond.

Usage:  python -m tests.doomed STEP SECONDS WHOLE REPORT ARGUMENT...

    STEP       the how-manieth step that this process begins
    SECONDS    how long after its beginning, 0: before anything of it is done; at the latest when
               all of it is done and nothing is recorded
    WHOLE      1: what it started is killed with it, as by a power cut; 0: it is killed alone
    REPORT     a file that is told the step that is under way at that moment
    ARGUMENT   as for runner.py
"""

import contextlib
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import psutil

from bonsai.base.ledger import Entry, Ledger
from bonsai.cli import app
from bonsai.cli.board import Board

number, seconds, whole, report, *arguments = sys.argv[1:]
begun: list[str] = []
dying = threading.Lock()
step = Board.step  # the runner calls it when a step begins
append = Ledger.append  # and this when it is over


def die() -> None:
    dying.acquire()  # once
    with Path(report).open("a") as file:
        file.write(begun[-1] + "\n")
    try:
        for process in psutil.Process().children(recursive=True) if whole == "1" else ():
            with contextlib.suppress(psutil.Error):  # it may have ended by itself just now
                process.kill()
    finally:
        os.kill(os.getpid(), signal.SIGKILL)


def step_and_die(board: Board, template: str, idea: str, name: str) -> None:
    begun.append(name)
    if len(begun) == int(number):
        if float(seconds) == 0:
            die()
        threading.Timer(float(seconds), die).start()
    step(board, template, idea, name)


def die_or_append(ledger: Ledger, **fields: Any) -> Entry:
    if len(begun) == int(number):
        die()
    return append(ledger, **fields)


Board.step = step_and_die  # type: ignore[method-assign]
Ledger.append = die_or_append  # type: ignore[method-assign]
sys.argv[1:] = arguments
app()
