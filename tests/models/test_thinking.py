"""Thinking is cut from a reply, and nothing else is."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bonsai.models import Reply, cassette
from bonsai.models.agents import make_agent
from bonsai.models.gateway import Gateway
from bonsai.models.thinking import ENDED_THINKING, ONLY_THINKING, Answer, answer_in, with_thinking

REPLIES = Path(__file__).with_name("replies")
TAGS = [
    ("<think>", "</think>"), ("<thinking>", "</thinking>"), ("<reasoning>", "</reasoning>"),
    ("<thought>", "</thought>"), ("[THINK]", "[/THINK]"), ("<THINK>", "</Think>"),
]  # fmt: skip
LINES = [
    "No, too strong.", "", "```", "```python", "````", "experiment.py", "<<<<<<< SEARCH", "=======",
    ">>>>>>> REPLACE", '    x = "a"', "don't", "| a | b |", "~~~",
]  # fmt: skip
EDIT = "experiment.py\n```python\n<<<<<<< SEARCH\nx = 1\n=======\nx = 2\n>>>>>>> REPLACE\n```\n"
ANSWERS = st.sampled_from([EDIT, EDIT + "\nAnd:\n\n" + EDIT, "ALL_COMPLETED", '{"Name": "a"}'])
untagged = (st.text() | st.lists(st.sampled_from(LINES)).map("\n".join)).filter(
    lambda text: not re.search(r"(?i)think|reasoning|thought", text)
)


@given(untagged)
def test_text_without_tags_is_unchanged(text: str) -> None:
    assert answer_in(text) == Answer(text)


@given(st.sampled_from(TAGS), untagged, untagged | ANSWERS)
def test_an_answer_wrapped_with_any_thinking_comes_out(
    tags: tuple[str, str], thought: str, answer: str
) -> None:
    assume(answer.strip())
    wrapped = f"{tags[0]}\n{thought}\n{tags[1]}\n\n{answer}"
    assert answer_in(wrapped).text.strip() == answer.strip()


@given(st.sampled_from(TAGS), untagged, ANSWERS)
def test_so_it_does_where_the_chat_template_had_opened_the_thinking(
    tags: tuple[str, str], thought: str, answer: str
) -> None:
    assert answer_in(f"{thought}\n{tags[1]}\n\n{answer}") == Answer(answer)


@given(st.lists(st.tuples(st.sampled_from(TAGS), untagged), min_size=1, max_size=4), ANSWERS)
def test_however_often_it_thinks(thoughts: list[tuple[tuple[str, str], str]], answer: str) -> None:
    wrapped = "".join(f"{tags[0]}\n{text}\n{tags[1]}\n\n" for tags, text in thoughts)
    assert answer_in(wrapped + answer) == Answer(answer)
    assert answer_in(answer + "\n" + wrapped).text.strip() == answer.strip()


@given(st.sampled_from(TAGS), untagged)
def test_thinking_that_never_ends_leaves_no_answer(tags: tuple[str, str], thought: str) -> None:
    assert answer_in(f"{tags[0]}\n{thought}") == Answer("", ENDED_THINKING)


@given(st.sampled_from(TAGS), untagged, st.sampled_from(["", "\n", " \n\n"]))
def test_nothing_but_thinking_is_told(tags: tuple[str, str], thought: str, end: str) -> None:
    assert answer_in(f"{tags[0]}{thought}\n{tags[1]}{end}") == Answer("", ONLY_THINKING)


@given(untagged, untagged | ANSWERS)
def test_what_is_recorded_of_separate_thinking_comes_out_again(thought: str, answer: str) -> None:
    recorded = with_thinking(thought, answer)
    assert answer_in(recorded).text.strip() == answer.strip()


@pytest.mark.parametrize(
    "text",
    [
        'prompt = "<think>"\n',
        "prompt = '<think>' + text + '</think>'\n",
        'return re.sub(r"<think>.*?</think>", "", reply)',
        "The tags `<think>` and `</think>` are cut.",
        "We teach it to write <think> before it answers.",
        '{"Title": "On <think> tokens", "Experiment": "Cut </think> and compare."}',
        "notes.txt\n```\n<think>\nas it is\n</think>\n```\n",
        "notes.txt\n```\n# tags\n<think>\n```\n",
        "notes.txt\n~~~\nthe line\n</think>\nends it\n~~~\n",
        "experiment.py\n  ```python\n  <<<<<<< SEARCH\n  a\n  =======\n  </think>\n"
        "  >>>>>>> REPLACE\n  ```\n",
        "<<<<<<< SEARCH\n=======\n<think>\n>>>>>>> REPLACE\n",
    ],
)
def test_tags_that_are_part_of_the_answer_stay(text: str) -> None:
    assert answer_in(text) == Answer(text)
    assert answer_in(f"<think>\nHm.\n</think>\n{text}") == Answer(text)


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("Okay. <think>hm</think> Yes.", "Okay.  Yes."),
        ("[THINK]hm[/THINK]Yes.", "Yes."),
        ("too strong.</think>Yes.", "Yes."),
        ('<think>it is called "x"</think>"y"', '"y"'),
        ("<think>\nr.split('</think>')[1]\n```\n</think>\nYes.", "Yes."),
        ("<think>a<think>b</think>c</think>Yes.", "Yes."),
        ("<think>\r\na\r\n</think>\r\n\r\nYes.\r\n", "Yes.\r\n"),
        ("I could write <think> here.\n</think>\n\nYes.", "Yes."),
    ],
)
def test_tags_need_no_lines_of_their_own(reply: str, answer: str) -> None:
    assert answer_in(reply).text == answer


def test_a_million_tags_take_no_time() -> None:
    started = time.monotonic()
    for line in (
        "<think>a</think>b\n",
        "a <think>\n",
        "</think>\n",
        "```\n</think>\n",
        "<think>\n",
    ):
        answer_in(line * 50_000)
    assert time.monotonic() - started < 20


RIDGE = "class Config:\n    ridge: float = 10.0  # weight of the penalty\n"


@pytest.mark.parametrize(
    ("name", "ridge", "problem"),
    [
        ("01_think_closed_at_start", "3.0", None),
        ("02_think_only_closing_tag", "3.0", None),
        ("04_think_never_closed", "10.0", ENDED_THINKING),
    ],
)
def test_aider_edits_what_was_answered_and_not_what_was_thought(
    tmp_path: Path, name: str, ridge: str, problem: str | None
) -> None:
    told = _edit(tmp_path, name, "aider")
    assert told == problem
    assert f"ridge: float = {ridge} " in (tmp_path / "work" / "experiment.py").read_text()
    reply = (REPLIES / f"{name}.md").read_bytes()
    assert (tmp_path / "log" / "001.md").read_bytes() == reply, "what is recorded is whole"


def test_a_file_drafted_while_thinking_is_not_written(tmp_path: Path) -> None:
    assert _edit(tmp_path, "11_rewrite_think_drafts_whole_file", "rewrite") is None
    assert (tmp_path / "work" / "experiment.py").read_text() == RIDGE
    assert (tmp_path / "work" / "plot.py").read_text() == 'labels = {"run_0": "Baseline"}\n'


def _edit(home: Path, name: str, agent: str) -> str | None:
    """Have an agent edit after a recorded reply; returns the problem."""
    work, tape = home / "work", home / "tape"
    work.mkdir()
    (work / "experiment.py").write_text(RIDGE)
    (work / "plot.py").write_text("labels = {}\n")
    cassette.write_reply(tape, 1, Reply((REPLIES / f"{name}.md").read_text()), {})
    with Gateway(None) as gateway, gateway.session(home / "log", cassette=tape) as session:
        files = ["experiment.py", "plot.py"]
        return make_agent(agent).edit(work, "Change ridge.", files, session, 60.0).problem
