"""Tool calls as services send them, whole and in pieces."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bonsai.models.answers import completion
from bonsai.models.tool_calls import LONGEST_NAME, MOST_CALLS, Pieces, plain


def _read(message: dict[str, Any], finish: str = "stop") -> tuple[list[tuple[str, str]], str]:
    """Names and arguments of the calls in an answer with this message, and how it ends."""
    body = {"choices": [{"message": message, "finish_reason": finish}]}
    choice = completion(json.dumps(body).encode())["choices"][0]
    return _told(choice["message"].get("tool_calls", [])), choice["finish_reason"]


def _told(calls: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(call["function"]["name"], call["function"]["arguments"]) for call in calls]


@pytest.mark.parametrize(
    "message",
    [
        {"tool_calls": [{"id": "1", "function": {"name": "ls", "arguments": '{"a": 1}'}}]},
        {"tool_calls": [{"id": "1", "type": "function", "index": 0,
                         "function": {"name": "ls", "arguments": {"a": 1}}}], "content": None},
        {"tool_calls": [{"function": {"name": "ls", "arguments": '{"a": 1}'}}], "content": ""},
        {"function_call": {"name": "ls", "arguments": '{"a": 1}'}},
    ],
    ids=["plain", "an object", "no id", "of old"],
)  # fmt: skip
def test_a_call_is_read_in_every_form(message: dict[str, Any]) -> None:
    assert _read(message) == ([("ls", '{"a": 1}')], "tool_calls")


def test_a_call_that_was_cut_is_said_to_be() -> None:
    message = {"tool_calls": [{"id": "1", "function": {"name": "ls", "arguments": '{"a'}}]}
    assert _read(message, "length") == ([("ls", '{"a')], "length")


@pytest.mark.parametrize(
    "calls", [[7], [{}], [{"function": 7}], [{"function": {"name": ""}}],
              [{"function": {"name": ["ls"]}}], [{"function": {"name": "x" * 999}}]],
)  # fmt: skip
def test_what_has_no_name_is_no_call(calls: list[Any]) -> None:
    assert _read({"tool_calls": calls}) == ([], "tool_calls")


def test_every_call_has_an_id_of_its_own() -> None:
    called = {"function": {"name": "ls", "arguments": ""}}
    ids = ["a", "a", "", None, "x" * (LONGEST_NAME + 1), 7]
    read = plain([{**called, "id": each} for each in ids])
    found = [call["id"] for call in read]
    assert found[0] == "a"
    assert len(set(found)) == len(ids)
    assert all(0 < len(each) <= LONGEST_NAME for each in found)


def test_there_are_no_more_than_may_be() -> None:
    called = {"function": {"name": "ls", "arguments": "{}"}}
    assert len(plain([called] * 1000)) == MOST_CALLS
    pieces = Pieces()
    for number in range(1000):
        pieces.add([{**called, "index": number}])
    assert len(pieces.whole()) == MOST_CALLS


def test_half_a_character_is_no_part_of_a_call() -> None:
    message = {"tool_calls": [{"function": {"name": "ls", "arguments": '{"a": "\ud83d"}'}}]}
    assert _read(message)[0] == [("ls", '{"a": "?"}')]


def _stream(*pieces: Any) -> bytes:
    events: list[Any] = [{"choices": [{"delta": {"tool_calls": piece}}]} for piece in pieces]
    events.append({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]})
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode()


def _streamed(*pieces: Any) -> list[tuple[str, str]]:
    read = completion(_stream(*pieces))["choices"][0]
    assert read["finish_reason"] == "tool_calls"
    return _told(read["message"].get("tool_calls", []))


FORMS = {
    "as OpenAI does": lambda n, first: {"index": n, **({"id": f"c{n}"} if first else {})},
    "id everywhere": lambda n, first: {"index": n, "id": f"c{n}"},
    "all of number 0": lambda n, first: {"index": 0, "id": f"c{n}"},
    "no number": lambda n, first: {"id": f"c{n}"},
    "no number, the id once": lambda n, first: {"id": f"c{n}"} if first else {},
    "no id": lambda n, first: {"index": n},
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@given(data=st.data())
def test_a_stream_is_put_together_however_it_is_cut(form: Any, data: st.DataObject) -> None:
    characters = st.characters(exclude_categories=["Cs"])
    made = data.draw(
        st.lists(st.tuples(st.sampled_from(["ls", "cat"]), st.text(characters)), max_size=3)
    )
    pieces = []
    for number, (name, written) in enumerate(made):
        pieces.append([{**form(number, True), "function": {"name": name, "arguments": ""}}])
        at = 0
        while at < len(written):
            length = data.draw(st.integers(1, len(written) - at))
            some = {"arguments": written[at : at + length]}
            pieces.append([{**form(number, False), "function": some}])
            at += length
    assert _streamed(*pieces) == made


@pytest.mark.parametrize("piece", [7, [7], [{}], [{"function": 7}], [{"index": []}], {"a": 1}])
def test_a_garbled_piece_is_no_call(piece: Any) -> None:
    assert _streamed(piece) == []


def test_a_stream_of_old_has_one_call() -> None:
    given = ({"name": "ls", "arguments": ""}, {"arguments": '{"a"'}, {"arguments": ": 1}"})
    events = [{"choices": [{"delta": {"function_call": each}}]} for each in given]
    events.append({"choices": [{"delta": {}, "finish_reason": "function_call"}]})
    raw = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    message = completion(raw.encode())["choices"][0]["message"]
    assert _told(message["tool_calls"]) == [("ls", '{"a": 1}')]


def test_an_id_that_an_earlier_call_has_is_not_given_again() -> None:
    """Some services number the calls of each reply anew, and agents match results by these ids."""
    call = {"id": "call_0", "function": {"name": "ls", "arguments": "{}"}}
    earlier: list[Any] = [{"role": "user", "tool_calls": None}, {"tool_calls": plain([call])}, 7]
    [again] = plain([call], earlier=earlier)
    assert plain([call])[0]["id"] == "call_0"
    assert again["id"] != "call_0"
    assert again["function"] == call["function"]
