"""Code blocks, and answers that are given or only mentioned."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bonsai.base.markdown import Block, says, split

ANSWER = "ALL_COMPLETED"
LINES = st.lists(
    st.sampled_from(["```", "````", "```python", "~~~", "  ```", "- ```", "text", "", "x = 1\r"])
)


@given(LINES, st.booleans())
def test_the_parts_of_a_text_are_all_of_it(lines: list[str], ended: bool) -> None:
    text = "\n".join(lines) + "\n" * ended
    parts = list(split(text))
    assert "".join(part.raw if isinstance(part, Block) else part for part in parts) == text


def test_a_block_ends_at_as_many_marks_of_its_own_kind() -> None:
    text = "before\n````python\n```\n~~~~~\n```\n````\nafter"
    before, block, after = split(text)
    assert (before, after) == ("before\n", "after")
    assert isinstance(block, Block)
    assert (block.text, block.fence.info, block.closed) == ("```\n~~~~~\n```\n", "python", True)


@pytest.mark.parametrize(
    "text",
    [
        "ALL_COMPLETED",
        "Nothing is left.\n\nALL_COMPLETED\n",
        "**ALL_COMPLETED**",
        "`ALL_COMPLETED`.",
        "- ALL_COMPLETED",
        "1. _ALL_COMPLETED_!",
        "## ALL_COMPLETED",
        "> ALL_COMPLETED",
        '"ALL_COMPLETED"',
        "\tALL_COMPLETED\r\nbye",
        "All that I planned is done. ALL_COMPLETED",
        "```python\nx = 1\n```\nALL_COMPLETED",
    ],
)
def test_an_answer_is_given(text: str) -> None:
    assert says(text, ANSWER)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Should I answer ALL_COMPLETED?",
        "Do not write ALL_COMPLETED yet.",
        "ALL_COMPLETED would be wrong here.",
        "I will say ALL_COMPLETED",
        "ALL_COMPLETED?",
        "Not yet. ALL_COMPLETED\nBut there is one more run.",
        "```\nALL_COMPLETED\n```",
        "~~~text\nALL_COMPLETED\n~~~\n",
        "It ends so:\n\n  ````\n  ALL_COMPLETED\n",
        "print('done')  # ALL_COMPLETED",
        "NOT_ALL_COMPLETED",
    ],
)
def test_an_answer_is_only_mentioned(text: str) -> None:
    assert not says(text, ANSWER)


@pytest.mark.parametrize("text", ["I am done", "i am done.", "*I am done*", "Fine. I am done."])
def test_an_answer_of_several_words_is_given(text: str) -> None:
    assert says(text, "I am done")


@pytest.mark.parametrize("text", ["am I sure that I am done?", "I am done with the first part"])
def test_an_answer_of_several_words_is_only_mentioned(text: str) -> None:
    assert not says(text, "I am done")
