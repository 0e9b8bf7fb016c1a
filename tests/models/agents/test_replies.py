"""Whole files and edits are found in replies as models write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bonsai.models.agents.replies import (
    longer_fence,
    named_file,
    resolve,
    tidy_diffs,
    tidy_edits,
    whole_files,
    why_not_written,
)

FILES = ["experiment.py", "plot.py", "notes.txt"]
PLACE = Path("/somewhere/workspace")

# A program and notes that hold fences themselves.
PROGRAM = '''"""Doubles.

```python
double(2)
```

and, shown without a language,

```
4
```
"""


def double(x):
    return 2 * x
'''
NOTES = "# Notes\n\n```python\ndouble(2)\n```\n\nIt gives\n\n```\n4\n```\nas it should.\n"


def _files(reply: str, old: dict[str, str] | None = None) -> dict[str, str]:
    found = whole_files(reply, dict.fromkeys(FILES, "") | (old or {}), PLACE)
    assert all(file.closed for file in found)
    return {file.name: file.text for file in found}


# ------------------------------------------------------------------------------- names of files


@pytest.mark.parametrize(
    "line",
    [
        "plot.py", "**plot.py**", "### `plot.py`:", "File: plot.py", "`plot.py`", "- plot.py",
        "2. **`plot.py`**:", "# plot.py", '"plot.py"', "> plot.py", "filename: `plot.py`",
    ],
)  # fmt: skip
def test_a_line_that_is_a_name_names_a_file(line: str) -> None:
    assert named_file(line) == "plot.py"


@pytest.mark.parametrize("line", ["", "In plot.py:", "See it.", "x = 1.5", "a b.py", "x" * 400])
def test_other_lines_name_none(line: str) -> None:
    assert named_file(line) is None


@pytest.mark.parametrize(
    "path",
    [
        "./plot.py", "templates/x/plot.py", "/some/where/plot.py", "~/work/plot.py",
        "/somewhere/workspace/plot.py", "workspace\\plot.py", "../plot.py", ".//plot.py",
    ],
)  # fmt: skip
def test_folders_before_a_name_do_not_matter(path: str) -> None:
    assert resolve(path, FILES, PLACE) == "plot.py"


def test_a_path_to_another_file_of_the_workspace_means_that(tmp_path: Path) -> None:
    (tmp_path / "run_1").mkdir()
    (tmp_path / "run_1" / "experiment.py").write_text("")
    assert resolve("run_1/experiment.py", FILES, tmp_path) == "run_1/experiment.py"
    assert resolve("score.py", FILES, tmp_path) == "score.py"
    assert resolve("my_plot.py", FILES, tmp_path) == "my_plot.py"


# ---------------------------------------------------------------------------------- whole files


@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("fence", ["```", "```python", "````", "~~~", "~~~py", "`````"])
def test_a_program_with_fences_in_it_is_read_to_its_end(fence: str, ends: str) -> None:
    closing = fence.rstrip("python")
    reply = f"Now:\n\nexperiment.py\n{fence}\n{PROGRAM}{closing}\n\nThen run it:\n```\nmake\n```\n"
    assert _files(reply.replace("\n", ends)) == {"experiment.py": PROGRAM}


@pytest.mark.parametrize("after", ["", "\nThat is all.\n", f"\nplot.py\n```\n{PROGRAM}```\n"])
def test_notes_with_fences_in_them_are_read_to_their_end(after: str) -> None:
    assert _files(f"notes.txt\n```\n{NOTES}```\n{after}")["notes.txt"] == NOTES


@pytest.mark.parametrize(
    "after", ["Run it with:\n```\nmake\n```\n", "Here:\n\nplot.py\n```\nx\n```\n"]
)
def test_what_follows_a_file_at_once_is_not_part_of_it(after: str) -> None:
    assert _files(f"notes.txt\n```\nIt works.\n```\n{after}")["notes.txt"] == "It works.\n"


@pytest.mark.parametrize("indent", ["  ", "   ", "\t", "1. ", "- "])
def test_an_indented_block_loses_its_indentation(indent: str) -> None:
    inner = indent if indent.isspace() else " " * len(indent)
    lines = ["```python", *PROGRAM.rstrip().split("\n"), "```"]
    shown = [f"{inner}{line}" if line else "" for line in lines]
    shown[0] = indent + lines[0]
    reply = "1. experiment.py\n" + "\n".join(shown) + "\n"
    assert _files(reply) == {"experiment.py": PROGRAM}


@pytest.mark.parametrize(
    "info",
    [
        "python experiment.py", "experiment.py", "python title=experiment.py",
        'python filename="experiment.py"', "python:experiment.py", "python:x/experiment.py",
    ],
)  # fmt: skip
def test_a_name_may_stand_on_the_fence(info: str) -> None:
    assert _files(f"Here:\n\n```{info}\nx = 1\n```\n") == {"experiment.py": "x = 1\n"}


def test_the_last_of_several_drafts_counts() -> None:
    reply = "plot.py\n```\nx = 1\n```\nNo:\n\nplot.py\n```\nx = 2\n```\n"
    assert _files(reply) == {"plot.py": "x = 2\n"}


@pytest.mark.parametrize("text", [f"plot.py\n```\n{PROGRAM}", f"notes.txt\n````\n{NOTES}"])
def test_a_block_that_is_never_closed_is_known(text: str) -> None:
    assert not all(file.closed for file in whole_files(text, dict.fromkeys(FILES, ""), PLACE))


@given(
    st.lists(st.sampled_from(["```", "````", "```python", "text", "", "`", "~~~"]), max_size=12),
    st.lists(st.sampled_from(["```", "````", "```python", "text", "", "`", "~~~"]), max_size=12),
)
def test_in_the_fence_that_is_asked_for_any_text_survives(one: list[str], two: list[str]) -> None:
    texts = {"notes.txt": "\n".join([*one, ""]), "plan.txt": "\n".join([*two, ""])}
    fence = longer_fence(list(texts.values()))
    assert len(fence) >= 4
    reply = "".join(f"{name}\n{fence}\n{text}{fence}\n\n" for name, text in texts.items())
    found = whole_files(reply, texts, PLACE)
    assert {file.name: file.text for file in found} == texts


@given(st.lists(st.sampled_from(['"""', "```", "```py", "x = 1", "# ```", "", "'''"]), max_size=14))
def test_any_program_survives_in_the_shortest_fence(lines: list[str]) -> None:
    program = "\n".join([*lines, "pass", ""])
    try:
        compile(program, "experiment.py", "exec")
    except SyntaxError:
        return
    reply = f"experiment.py\n```\n{program}```\n\nplot.py\n```\nx = 2\n```\nBye.\n"
    assert _files(reply) == {"experiment.py": program, "plot.py": "x = 2\n"}


# ------------------------------------------------------------------------------------ what is cut

LONG = "".join(f"x_{number} = {number}\n" for number in range(60))


@pytest.mark.parametrize(
    ("new", "why"),
    [
        ("def f(:\n", "it does not parse: experiment.py, line 1"),
        ("x = 1\n", "it has 1 lines of the 60 that the file has"),
        ("x = 1\n# ... rest unchanged\n", "line 2 leaves something out ('# ... rest unchanged')"),
        *(
            (f"{LONG}{line}\n", "line 61 leaves something out")
            for line in (
                "... rest unchanged",
                "# ... (the rest of the code remains the same)",
                "# … existing code …",
                "    # rest of the function unchanged",
                "# the rest stays the same",
                "# [rest of file as before]",
                "# remaining code is unchanged",
                "# ... unchanged ...",
                "... the rest of the file is as it was",
            )
        ),
    ],
)
def test_a_file_that_is_not_whole_is_not_written(new: str, why: str) -> None:
    assert (why_not_written("experiment.py", LONG, new) or "").startswith(why)


@pytest.mark.parametrize(
    "new",
    [
        LONG.replace("x_7", "y_7"),
        LONG + "# the remaining epochs are as long as before\n",
        LONG + "def todo(): ...\n",
        LONG + "# the rest of the penalty is explained above\n",
        "\n".join(LONG.split("\n")[:35]) + "\n",
        LONG + '"""Plots the rest."""\n',
        LONG + "# the rest of the class labels are the same\n",
    ],
)
def test_a_whole_file_is_written(new: str) -> None:
    assert why_not_written("experiment.py", LONG, new) is None


def test_what_the_file_said_before_it_may_say_again() -> None:
    old = LONG + "# ... rest unchanged\n"
    assert why_not_written("experiment.py", old, old.replace("x_7", "y_7")) is None
    assert why_not_written("experiment.py", "def f(:\n", "def g(:\n") is None
    assert why_not_written("notes.txt", "", "def f(:\n") is None
    assert why_not_written("notes.txt", "", "The rest is as before.\n") is None
    assert why_not_written("notes.txt", "a\n", "[rest of the notes unchanged]\n") is not None


# ---------------------------------------------------------------------------- edits, for aider

EDIT = "<<<<<<< SEARCH\n    a = 1\n=======\n    a = 2\n>>>>>>> REPLACE\n"
TIDY = f"experiment.py\n```python\n{EDIT}```\n"


@pytest.mark.parametrize(
    "reply",
    [
        TIDY,
        TIDY.replace("\n", "\r\n"),
        TIDY.replace("```", "~~~"),
        TIDY.replace("experiment.py", "**templates/x/experiment.py**"),
        TIDY.replace("experiment.py", "/some/where/experiment.py"),
        TIDY.replace("experiment.py\n", "./experiment.py\n\n"),
        TIDY.replace("python\n", "python\n\n"),
        "".join(f"  {line}\n" for line in TIDY.splitlines()),
        "".join(f"\t{line}\n" for line in TIDY.splitlines()),
        "experiment.py\n" + "".join(f"  {line}\n" for line in TIDY.splitlines()[1:]),
    ],
)
def test_an_edit_is_brought_into_aiders_form(reply: str) -> None:
    assert tidy_edits(reply, FILES, PLACE) == TIDY


def test_nothing_inside_of_an_edit_is_touched() -> None:
    inner = "  ```\ntemplates/x/plot.py\n~~~\n\n\n   odd\n"
    reply = f"notes.txt\n```\n<<<<<<< SEARCH\n{inner}=======\n{inner}>>>>>>> REPLACE\n```\n"
    assert tidy_edits(reply, FILES, PLACE) == reply


def test_a_fence_alone_that_is_indented_leaves_the_edit_as_it_is() -> None:
    reply = TIDY.replace("```", "  ```")
    assert tidy_edits(reply, FILES, PLACE) == TIDY


def test_an_edit_of_another_file_stays_one() -> None:
    reply = TIDY.replace("experiment.py", "run_0/score.py")
    assert tidy_edits(reply, FILES, PLACE) == reply


def test_an_edit_that_is_cut_off_stays_so() -> None:
    reply = TIDY.removesuffix(">>>>>>> REPLACE\n```\n")
    assert tidy_edits(reply, FILES, PLACE) == reply


def test_a_unified_diff_is_brought_into_aiders_form() -> None:
    diff = "--- experiment.py\n+++ experiment.py\n@@ ... @@\n-a = 1\n+a = 2\n"
    odd = diff.replace("experiment.py", "b/templates/x/experiment.py")
    reply = "Now:\n" + "".join(f"  {line}\r\n" for line in ["~~~diff", *odd.splitlines(), "~~~"])
    assert tidy_diffs(reply, FILES, PLACE) == f"Now:\n```diff\n{diff}```\n"
