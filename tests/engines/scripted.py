"""A model that proposes to OpenEvolve and ShinkaEvolve what a script says, in the form they want.

Both ask for a change of a program that stands in their message; which one that is, chance decides.
What is proposed here depends on the script alone, so that both are given the same programs.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from bonsai.engines.marks import END, START
from tests.fake_model import FakeModel, Says

MOST_REQUESTS = 5000
ABOUT = "<NAME>\nan_edit\n</NAME>\n<DESCRIPTION>\nOf use.\n</DESCRIPTION>\n"  # for ShinkaEvolve
HEADING = re.compile(r"^# (?:Current [Pp]rogram|Incorrect Program to Fix)$", re.MULTILINE)
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)

Messages = Sequence[Mapping[str, str]]


def current_program(messages: Messages) -> str:
    """The program that an engine asks to change."""
    text = messages[-1]["content"]
    *_, heading = HEADING.finditer(text)
    found = FENCE.search(text, heading.end())
    assert found is not None, text
    return found[1].removesuffix("\n")


def answer(messages: Messages, program: str) -> str:
    """What a model would say that proposes a program, in the form that the messages ask for."""
    asked = "\n".join(each["content"] for each in messages)
    if "<DIFF>" in asked:  # ShinkaEvolve, which lets nobody repeat the marks
        change = _change(_between(current_program(messages)), _between(program))
        return f"{ABOUT}<DIFF>\n{change}\n</DIFF>"
    if "<CODE>" in asked:
        return f"{ABOUT}<CODE>\n```python\n{program}\n```\n</CODE>"
    if "SEARCH/REPLACE diff format" in asked:
        return _change(current_program(messages), program)
    return f"```python\n{program}\n```"


def _change(before: str, after: str) -> str:
    return f"<<<<<<< SEARCH\n{before.rstrip()}\n=======\n{after.rstrip()}\n>>>>>>> REPLACE"


def _between(program: str) -> str:
    """What lies between the marks."""
    return program.partition(START + "\n")[2].partition(END)[0]


class Proposer:
    """Answers one request after the other with the programs of a script, then with idle changes.

    Attributes:
        told: how many requests it has answered.
    """

    def __init__(self, programs: Iterable[str]) -> None:
        self._programs = list(programs)
        self._lock = threading.Lock()
        self._shown = ""
        self.told = 0

    def __call__(self, body: Mapping[str, Any]) -> Says:
        messages = body["messages"]
        with self._lock:
            number, self.told = self.told, self.told + 1
            self._shown = self._shown or current_program(messages)
        if number < len(self._programs):
            return Says(answer(messages, self._programs[number]))
        idle = f"{START}\n# The same again, for the time number {number}.\n"
        return Says(answer(messages, self._shown.replace(START + "\n", idle)))


@contextmanager
def proposing(*programs: str) -> Iterator[FakeModel]:
    """A service of a model that proposes these programs, and then nothing of use."""
    with FakeModel(*[Proposer(programs)] * MOST_REQUESTS).serving() as model:
        yield model
