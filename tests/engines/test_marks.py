"""The marks between which an engine may change a program."""

from __future__ import annotations

import ast

import pytest

from bonsai.base import BonsaiError
from bonsai.engines.marks import END, START, frozen_part_problem, mark
from tests.sweeps import REPOSITORY

PROGRAM = '''\
"""What it is about."""

from __future__ import annotations

import numpy as np

HEIGHT = 1


if __name__ == "__main__":
    print(HEIGHT)
'''
MARKED = f'''\
"""What it is about."""

from __future__ import annotations

{START}
import numpy as np

HEIGHT = 1
{END}


if __name__ == "__main__":
    print(HEIGHT)
'''
TEMPLATES = sorted((REPOSITORY / "templates").glob("*/experiment.py"))


def test_all_that_is_science_lies_between_two_comments() -> None:
    assert mark(PROGRAM) == MARKED


def test_a_program_that_has_marks_keeps_them() -> None:
    own = PROGRAM.replace("HEIGHT = 1\n", f"{START}\nHEIGHT = 1\n{END}\n")
    assert mark(own) == own


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.parent.name)
def test_to_python_the_templates_with_marks_are_the_same(path) -> None:
    text = path.read_text()
    assert ast.dump(ast.parse(mark(text))) == ast.dump(ast.parse(text))
    assert 'if __name__ == "__main__"' in mark(text).partition(END)[2]


@pytest.mark.parametrize(
    ("program", "marked"),
    [
        ("", f"{START}\n{END}\n"),
        ("x = 1", f"{START}\nx = 1\n{END}\n"),
        ("#!/bin/python\n# Mine.\nx = 1\n", f"#!/bin/python\n# Mine.\n{START}\nx = 1\n{END}\n"),
        ('"""About."""; x = 1\n', f'{START}\n"""About."""; x = 1\n{END}\n'),
        ("x = 1\r\ny = 2\r\n", f"{START}\r\nx = 1\r\ny = 2\r\n{END}\r\n"),
        ("if '__main__' == __name__:\n    x = 1\ny = 2\n",
         f"{START}\n{END}\nif '__main__' == __name__:\n    x = 1\ny = 2\n"),
    ],
)  # fmt: skip
def test_programs_of_other_shapes_are_marked_as_well(program: str, marked: str) -> None:
    assert mark(program) == marked
    ast.parse(marked)


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("x = (", "does not parse"),
        (f"{START}\nx = 1\n", "do not go together"),
        (f"{END}\nx = 1\n{START}\n", "do not go together"),
        (f"{START}\n{START}\nx = 1\n{END}\n{END}\n", "do not go together"),
    ],
)
def test_what_cannot_be_marked_is_said(program: str, why: str) -> None:
    with pytest.raises(BonsaiError, match=why):
        mark(program)


@pytest.mark.parametrize(
    "candidate",
    [
        MARKED,
        MARKED.replace("HEIGHT = 1", "HEIGHT = 2\n\n\n# and more"),
        MARKED.replace("\n", " \t\r\n"),
        f"\n\n{MARKED.strip()}",
    ],
)
def test_what_lies_between_the_marks_may_change_and_blanks_at_line_ends(candidate: str) -> None:
    assert frozen_part_problem(MARKED, candidate) is None


@pytest.mark.parametrize(
    ("candidate", "said"),
    [
        (MARKED.replace("print(HEIGHT)", "print(9)"), "`print(HEIGHT)` became `print(9)`"),
        (MARKED + "print(9)\n", "the end became `print(9)`"),
        (MARKED.replace("    print(HEIGHT)\n", ""), "`print(HEIGHT)` became the end"),
        (MARKED.replace("What it", "That it"), '"""What it is about."""` became'),
        (MARKED.replace(END, ""), "must stay as they are, and there must be 1 of each"),
        (MARKED.replace(END, f"{END}\n{START}\n{END}"), "there must be 1 of each"),
        (MARKED.replace(START, "").replace("import numpy", f"import os\n{START}\nimport numpy"),
         "It edits the harness"),
        ("", "must stay as they are"),
    ],
)  # fmt: skip
def test_what_lies_outside_of_them_may_not(candidate: str, said: str) -> None:
    problem = frozen_part_problem(MARKED, candidate)
    assert problem is not None
    assert said in problem
    assert "\n" not in problem
