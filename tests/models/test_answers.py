"""What services say, in all the forms that they have for it."""

from __future__ import annotations

import json
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bonsai.models import answers
from bonsai.models.answers import NoReply, cause, completion, pause, why_empty, words
from tests.fake_model import Says
from tests.fake_model import completion as reply

NOW = 1_795_591_640.0  # Wed, 25 Nov 2026 07:27:20 GMT
jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["error", "choices", "message", "content", "usage", "delta", "text", "type",
                         "finish_reason", "code", "prompt_tokens", "reasoning", "x"]),
        inner, max_size=4),
    max_leaves=25,
)  # fmt: skip


def _said(body: Any) -> tuple[str, str, str]:
    text = body if isinstance(body, str) else json.dumps(body)
    choice = completion(text.encode())["choices"][0]
    message = choice["message"]
    return message["content"], message["reasoning_content"], choice["finish_reason"]


def _with(message: Any, **choice: Any) -> dict[str, Any]:
    return {**reply(Says("")), "choices": [{"finish_reason": "stop", "message": message, **choice}]}


def _events(*deltas: Any, finish: str | None = "stop", done: bool = True, **last: Any) -> str:
    events = [{"id": "x", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}], **last})
    lines = (json.dumps(event, ensure_ascii=False) for event in events)
    return "".join(f"data: {line}\n\n" for line in lines) + "data: [DONE]\n\n" * done


# --------------------------------------------------------------------------------- bodies: replies


@pytest.mark.parametrize(
    ("body", "text", "thought"),
    [
        (_with({"content": "An answer."}), "An answer.", ""),
        (_with({"content": [{"type": "text", "text": "An answer."}]}), "An answer.", ""),
        (_with({"content": [{"type": "text", "text": "An "}, "answer", {"text": "."}]}),
         "An answer.", ""),
        (_with({"content": {"type": "output_text", "text": {"value": "An answer."}}}),
         "An answer.", ""),
        (_with({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
                            {"type": "text", "text": "An answer."}]}), "An answer.", "Hm."),
        (_with({"content": "An answer.", "reasoning": "Hm."}), "An answer.", "Hm."),
        (_with({"content": "An answer.", "reasoning_details": [{"text": "Hm.", "type": "t"}]}),
         "An answer.", "Hm."),
        (_with({"content": None, "refusal": "I will not."}), "I will not.", ""),
        (_with(None, text="An answer."), "An answer.", ""),
        (_events({"role": "assistant"}, {"content": "An "}, {"content": "answer."}),
         "An answer.", ""),
        (": ping\n\n" + _events({"reasoning_content": "Hm."}, {"content": "Yes."}), "Yes.", "Hm."),
        ("\ufeff\r\n" + json.dumps(_with({"content": "An answer."})), "An answer.", ""),
    ],
)  # fmt: skip
def test_a_good_reply_is_taken_whatever_its_form(body: Any, text: str, thought: str) -> None:
    assert _said(body)[0] == text
    assert _said(body)[1] == thought


def test_a_stream_is_counted_once_by_its_last_word() -> None:
    body = _events({"content": "a"}, usage={"prompt_tokens": 7, "completion_tokens": 2})
    assert completion(body.encode())["usage"] == {
        "prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9,
    }  # fmt: skip


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=6), st.booleans())
def test_a_stream_says_what_its_pieces_say(pieces: list[str], done: bool) -> None:
    events = _events(*({"content": piece} for piece in pieces), done=done)
    assert _said(events)[0] == "".join(pieces)


@given(st.text(), st.integers(0, 9), st.integers(0, 9))
def test_a_plain_completion_is_as_it_was(text: str, tokens_in: int, tokens_out: int) -> None:
    plain = reply(Says(text, "length", tokens_in, tokens_out))
    read = completion(json.dumps(plain).encode())
    assert read["choices"][0]["message"]["content"] == text
    assert read["choices"][0]["finish_reason"] == "length"
    assert read["usage"] == plain["usage"]


@given(st.binary() | jsons.map(lambda value: json.dumps(value).encode()))
def test_whatever_comes_is_a_completion_or_an_error(raw: bytes) -> None:
    try:
        read = completion(raw)
    except NoReply as problem:
        assert str(problem).strip()
        assert "\n" not in str(problem)
        assert 400 <= problem.status < 600
    else:
        message = read["choices"][0]["message"]
        assert isinstance(message["content"], str)
        assert isinstance(message["reasoning_content"], str)
        assert all(isinstance(read["usage"][key], int) for key in ("prompt_tokens", "total_tokens"))


# ---------------------------------------------------------------------------------- bodies: errors


@pytest.mark.parametrize(
    ("body", "says", "status"),
    [
        (_with({"content": None}, error={"message": "provider failed"}), "provider failed", 502),
        (_with({"content": "half"}, error={"message": "too busy", "code": 503}), "too busy", 503),
        (_with({"content": "half"}, finish_reason="error"), "an error without words", 502),
        ({"error": {"message": "overloaded", "code": 529}}, "overloaded", 529),
        ({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, "slow down", 429),
        ({"error": "model is loading"}, "model is loading", 502),
        ([{"error": {"code": 404, "message": "no such model"}}], "no such model", 404),
        ({"choices": None, "detail": "shutting down"}, "shutting down", 502),
        ({**reply(Says("")), "choices": None}, "the answer holds no reply", 502),
        ({**reply(Says("")), "choices": []}, "the answer holds no reply", 502),
        ("Service Unavailable", "no JSON, but: Service Unavailable", 502),
        ("<html><title>502 Bad\nGateway</title><body>…", "no JSON, but: 502 Bad Gateway", 502),
        ("<h1>maintenance</h1>", "no JSON, but: maintenance", 502),
        ("", "an empty answer", 502),
        ('data: {"error": {"message": "lost the GPU"}}\n\n', "lost the GPU", 502),
        (_events({"content": "half of"}, finish=None, done=False), "breaks off", 502),
        (json.dumps(reply(Says("cut")))[:60], "breaks off", 502),
    ],
)  # fmt: skip
def test_an_error_in_a_successful_answer_is_named_in_its_own_words(
    body: Any, says: str, status: int
) -> None:
    with pytest.raises(NoReply) as problem:
        _said(body)
    assert says in str(problem.value)
    assert problem.value.status == status
    assert problem.value.billed == ("breaks off" in says)


@given(st.text(min_size=1).filter(str.strip))
def test_the_words_of_an_error_are_one_line_of_bounded_length(text: str) -> None:
    for body in (text, json.dumps({"error": {"message": text}}), json.dumps({"detail": [text]})):
        found = words(body)
        assert len(found) <= answers.LONGEST_WORDS
        assert len(found.splitlines()) <= 1


# ----------------------------------------------------------------------------------------- pauses


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"Retry-After": "40"}, "", 40),
        ({"retry-after": "2.5"}, "", 2.5),
        ({"Retry-After": "Wed, 25 Nov 2026 07:28:00 GMT"}, "", 40),
        ({"Retry-After": "Wed, 25 Nov 2026 07:20:00 GMT"}, "", 0),
        ({"retry-after-ms": "1500", "Retry-After": "2"}, "", 1.5),
        ({}, '{"error": {"details": [{"retryDelay": "38s"}]}}', 38),
        ({}, r'{"error": "{\"details\": [{\"retryDelay\": \"38.5s\"}]}"}', 38.5),
        ({}, "Rate limit reached. Please try again in 1m30.5s. Visit …", 90.5),
        ({}, "Please try again in 250ms.", 0.25),
        ({}, "Please retry in 12.5 seconds", 12.5),
        ({"Retry-After": "1"}, '{"error": {"details": [{"retryDelay": "38s"}]}}', 38),
        ({"Retry-After": "soon"}, "later", 0),
        ({"Retry-After": "nan"}, "", 0),
        ({"Retry-After": "-5"}, "", 0),
        ({}, "", 0),
    ],
)
def test_a_pause_is_read(headers: dict[str, str], body: str, seconds: float) -> None:
    assert pause(headers, body, NOW) == pytest.approx(seconds, abs=0.01)


@given(st.integers(0, 10_000))
def test_a_date_says_what_seconds_say(seconds: int) -> None:
    date = formatdate(NOW + seconds, usegmt=True)
    assert pause({"Retry-After": date}, "", NOW) == pause({"Retry-After": str(seconds)}, "", NOW)


@given(st.text(), st.text())
def test_any_header_and_body_is_a_pause_or_none(header: str, body: str) -> None:
    for name in ("Retry-After", "retry-after-ms"):
        assert pause({name: header}, f"try again in {body}", NOW) >= 0


# ----------------------------------------------------------------------------------------- causes


@pytest.mark.parametrize(
    ("status", "text", "expected"),
    [
        (401, "Incorrect API key", "config"),
        (403, "forbidden", "config"),
        (404, "The model `gpt-9` does not exist", "config"),
        (400, "model_not_found", "config"),
        (422, "Unknown model: x", "config"),
        (402, "Payment required", "quota"),
        (429, '{"error": {"code": "insufficient_quota"}}', "quota"),
        (429, "You exceeded your current quota, please check your plan and billing", "quota"),
        (400, "Your credit balance is too low", "quota"),
        (403, "billing is not enabled for this project", "quota"),
        (429, 'exceeded your current quota {"retryDelay": "38s"}', "passes"),
        (429, '{"quotaId": "RequestsPerDay", "retryDelay": "38s"}', "quota"),
        (429, "Rate limit reached. Please try again in 7s. See https://x.com/billing", "passes"),
        (429, "Rate limit reached. See https://console.x.com/settings/billing", "passes"),
        (429, "", "passes"), (500, "", "passes"), (503, "", "passes"), (529, "", "passes"),
        (408, "", "passes"), (None, "no route to host", "passes"),
        (413, "Request too large … Limit 6000, Requested 9000", "too long"),
        (429, "Request too large for gpt-4o: Limit 30000, Requested 41000", "too long"),
        (400, "This model's maximum context length is 8192 tokens", "too long"),
        (400, "prompt is too long: 210000 tokens > 200000 maximum", "too long"),
        (500, "the request exceeds the available context size", "too long"),
        (400, "temperature must be at most 1", "refused"),
    ],
)  # fmt: skip
def test_whose_fault_it_is(status: int | None, text: str, expected: str) -> None:
    assert cause(status, text) == expected


@pytest.mark.parametrize(
    ("text", "window", "prompt"),
    [
        ("This model's maximum context length is 8192 tokens. However, you requested 8992 tokens "
         "(800 in the messages, 8192 in the completion).", 8192, 800),
        ("maximum context length is 4,096 tokens. However, your messages resulted in 5,000 tokens",
         4096, 5000),
        ("prompt is too long: 210000 tokens > 200000 maximum", 200_000, None),
        ("input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000", 200_000,
         None),
        ("the request exceeds the available context size (4096 tokens), try increasing it", 4096,
         None),
        ('{"n_ctx": 4096, "n_prompt_tokens": 5000}', 4096, 5000),
        ("'max_tokens' is too large: 8192. This model's maximum context length is 8192 tokens and "
         "your request has 1024 input tokens", 8192, 1024),
        ("Limit 6000, Requested 9000", None, None),
        ("something else", None, None),
    ],
)  # fmt: skip
def test_a_refusal_tells_the_window(text: str, window: int | None, prompt: int | None) -> None:
    assert answers.window(text) == window
    assert answers.prompt_tokens(text) == prompt


@given(st.text(), st.none() | st.integers(100, 599))
def test_any_text_has_a_cause_and_no_absurd_window(text: str, status: int | None) -> None:
    assert cause(status, text) in ("passes", "config", "quota", "too long", "refused")
    found = answers.window(text)
    assert found is None or 64 <= found <= 100_000_000


# ---------------------------------------------------------------------------------- empty replies


@pytest.mark.parametrize(
    ("finish", "thought", "tokens", "why"),
    [
        ("length", "", 1, "window"), ("length", "", 0, "window"), ("length", "Hm", 1, "thought"),
        ("length", "", 4096, "thought"), ("stop", "Hm", 30, "thought"), ("stop", "", 3, "nothing"),
        ("tool_calls", "Hm", 30, "tool"), ("content_filter", "", 0, "filter"),
        ("anything", "", 0, "nothing"),
    ],
)  # fmt: skip
def test_why_a_reply_is_empty(finish: str, thought: str, tokens: int, why: str) -> None:
    assert why_empty(finish, thought, tokens).why == why


def test_a_tool_call_is_told_by_how_the_reply_ends() -> None:
    called = _with({"content": None, "tool_calls": [{"id": 1, "function": "?"}]})
    assert _said(called)[2] == "tool_calls"
    assert _said(_events({"tool_calls": [{}]}, finish=None))[2] == "tool_calls"
