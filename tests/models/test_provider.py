"""A real call through litellm and HTTP to a service that answers in every way that there is."""

from __future__ import annotations

import contextlib
import functools
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from bonsai.models import answers, provider, transport
from bonsai.models.budget import Account, Books, Budget
from bonsai.models.exchange import Refusal, Reply, ServiceDown
from bonsai.models.provider import LiveModel
from tests.fake_model import HANGS, Fails, FakeModel, Says, Sends, Step, calls, completion

MODEL = "openai/nobody-knows-me"
QUESTION = {"messages": [{"role": "user", "content": "What is a bonsai?"}]}


@contextmanager
def service(*script: Step, tokens: int | None = None, **options: Any) -> Iterator[Any]:
    """A service, and a function that asks it."""
    with FakeModel(*script).serving() as fake:
        options = {"timeout_seconds": 10.0, "retry_waits": (0.01, 0.01), **options}
        live = LiveModel(MODEL, api_base=fake.url, api_key="sk-0123456789", **options)
        account = Books(sweep=Budget(tokens=tokens)).account("toy", "idea")
        yield fake, account, functools.partial(_ask, live, account)


def _ask(live: LiveModel, account: Account, **request: Any) -> Reply:
    return live.ask({**QUESTION, **request}, account)


def _choice(message: Any, finish: str = "stop", tokens: int = 5, **more: Any) -> Sends:
    body = completion(Says("", tokens_in=10, tokens_out=tokens))
    return Sends({**body, "choices": [{"message": message, "finish_reason": finish, **more}]})


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, which take no time here."""
    pauses: list[float] = []
    monkeypatch.setattr(provider, "_pause", lambda seconds, wanted: pauses.append(seconds))
    return pauses


# --------------------------------------------------------------------------------------- replies


@pytest.mark.parametrize(
    "answer",
    [
        _choice({"content": "An answer."}),
        _choice({"content": [{"type": "text", "text": "An answer."}]}),
        _choice({"role": "assistant", "content": "An answer.", "tool_calls": None, "audio": 1}),
        Sends("\n\n".join([
            'data: {"id":"1","choices":[{"index":0,"delta":{"content":"An "}}]}',
            'data: {"choices":[{"index":0,"delta":{"content":"answer."},"finish_reason":"stop"}],'
            '"usage":{"prompt_tokens":10,"completion_tokens":5}}',
            "data: [DONE]", "",
        ]), headers={"Content-Type": "text/event-stream"}),
    ],
    ids=["plain", "parts", "with nulls", "a stream"],
)  # fmt: skip
def test_a_good_reply_is_taken_and_billed_once(answer: Sends) -> None:
    with service(answer) as (fake, account, ask):
        assert ask().text == "An answer."
        assert len(fake.bodies) == 1
        assert account.spending.tokens == 15
        assert not account.spending.open


def test_thinking_is_kept_however_the_service_tells_it() -> None:
    with service(
        _choice({"content": "Yes.", "reasoning_content": "Hm."}),
        _choice({"content": "<think>Hm.</think>Yes."}),
    ) as (_, _, ask):
        assert ask().text == "<think>\nHm.\n</think>\n\nYes."
        assert ask().text == "<think>Hm.</think>Yes.", "verbatim"


# ---------------------------------------------------------------------------------------- faults


@pytest.mark.parametrize(
    ("answer", "kind", "says", "asked"),
    [
        (_choice({"content": None}, error={"message": "provider failed"}), "passes",
         "provider failed", 3),
        (Sends({"choices": None}), "passes", "the answer holds no reply", 3),
        (Sends({"error": {"message": "no GPU is free"}}), "passes", "no GPU is free", 3),
        (Sends("<html><title>maintenance</title></html>"), "passes", "maintenance", 3),
        (Sends("<html><title>502 Bad Gateway</title></html>", 502), "passes", "Bad Gateway", 3),
        (Fails(503, message="overloaded"), "passes", "overloaded", 3),
        (Fails(429, message="too fast"), "passes", "gets too many requests: too fast", 3),
        (Fails(401, message="bad key"), "config", "refused the key, or got none: bad key", 1),
        (Fails(404, message="no such model"), "config", "has no such model", 1),
        (Fails(400, message="Unknown model: x"), "config", "cannot be asked for this model", 1),
        (Fails(429, message="You exceeded your current quota"), "quota", "quota is used up", 1),
        (Sends({"error": {"message": "no", "code": "insufficient_quota"}}, 429), "quota",
         "quota is used up: no", 1),
        (Fails(402, message="add credits"), "quota", "add credits", 1),
    ],
)  # fmt: skip
def test_a_fault_of_the_service_is_told_in_its_own_words(
    answer: Step, kind: str, says: str, asked: int
) -> None:
    with service(*[answer] * 5) as (fake, account, ask):
        with pytest.raises(ServiceDown) as down:
            ask()
        assert down.value.kind == kind
        assert says in str(down.value)
        assert "Traceback" not in str(down.value)
        assert "sk-0123456789" not in str(down.value)
        assert len(fake.bodies) == asked
        assert account.spending.tokens == 0, "none was billed"


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (lambda: Fails(429, {"Retry-After": "40"}), 40.0),
        (lambda: Fails(429, {"Retry-After": "2.5"}), 2.5),
        (lambda: Fails(503, {"Retry-After": formatdate(time.time() + 40, usegmt=True)}), 40.0),
        (lambda: Fails(429, {"retry-after-ms": "1500"}), 1.5),
        (lambda: Sends([{"error": {"details": [{"retryDelay": "38s"}]}}], 429), 38.0),
        (lambda: Sends({"error": {"code": 429, "details": [{"retryDelay": "38s"}]}}), 38.0),
    ],
)
def test_a_pause_is_as_long_as_the_service_says(
    slept: list[float], answer: Any, seconds: float
) -> None:
    with service(answer(), Says("rested")) as (_, _, ask):
        assert ask().text == "rested"
        assert slept == [pytest.approx(seconds, abs=1.5)]


def test_too_long_a_pause_is_left_to_whoever_waits(slept: list[float]) -> None:
    with service(Fails(429, {"Retry-After": "999"})) as (_, _, ask):
        with pytest.raises(ServiceDown, match="left alone for 999 seconds") as down:
            ask()
        assert down.value.pause == 999.0
        assert slept == []


@pytest.mark.parametrize(
    "answer",
    [
        Fails(413, message="Request too large … Limit 6000, Requested 9000"),
        Fails(429, message="Request too large for x: Limit 6000, Requested 9000"),
        Fails(400, message="prompt is too long: 9000 tokens > 8192 maximum"),
        Sends({"error": {"message": "maximum context length is 8192 tokens", "code": 400}}),
    ],
)
def test_a_prompt_that_can_never_fit_is_not_asked_again(answer: Step) -> None:
    with service(answer) as (fake, _, ask):
        with pytest.raises(Refusal, match="The prompt is too long for the service of") as refused:
            ask()
        assert not isinstance(refused.value, ServiceDown)
        assert len(fake.bodies) == 1


def test_an_address_that_is_none_is_a_mistake_of_configuration() -> None:
    live = LiveModel(MODEL, api_base="localhost:9/v1", api_key="k", retry_waits=(0.01,))
    with pytest.raises(ServiceDown) as down:
        _ask(live, Books().account("", ""))
    assert down.value.kind == "config"


# --------------------------------------------------------------------------------- empty replies


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (_choice({"content": ""}, "length", 1), "cut after one token: the prompt fills the window"),
        (_choice({"content": None}, "content_filter"), "content filter withheld the reply"),
        (_choice({"content": "", "reasoning_content": "Hm."}), "nothing but thinking"),
        (_choice({"content": " \n"}), "reply was empty"),
    ],
)
def test_an_empty_reply_says_why(answer: Step, says: str) -> None:
    with service(answer) as (fake, _, ask):
        lack = ask().lack
        assert lack is not None
        assert says in lack.sentence
        assert len(fake.bodies) == 1


THOUGHT = _choice({"content": "", "reasoning_content": "Hm. " * 9}, "length", 4096)


def test_a_model_that_thought_until_its_limit_is_given_more_once() -> None:
    with service(THOUGHT, Says("Yes."), THOUGHT, THOUGHT) as (fake, account, ask):
        assert ask().text == "Yes."
        assert "max_tokens" not in fake.bodies[0]
        assert fake.bodies[1]["max_tokens"] == 4 * 4096
        assert account.spending.tokens == 10 + 4096 + 1100, "both are paid"
        lack = ask().lack
        assert lack is not None
        assert "ended while thinking, at its limit of 4,096 tokens" in lack.sentence
        assert len(fake.bodies) == 4


def test_so_is_one_whose_thinking_is_in_its_text() -> None:
    with service(_choice({"content": "<think>Hm."}, "length", 4096), Says("Yes.")) as (_, _, ask):
        assert ask().text == "Yes."


def test_not_where_the_budget_set_the_limit() -> None:
    with service(THOUGHT, tokens=5000) as (fake, _, ask):
        assert ask().lack is not None
        assert len(fake.bodies) == 1


def test_a_model_that_calls_a_tool_is_told_that_there_are_none() -> None:
    called = _choice({"content": None, "tool_calls": [{"function": {"name": "edit"}}]}, "stop")
    with service(called, Says("Yes."), called, called) as (fake, _, ask):
        assert ask().text == "Yes."
        assert fake.bodies[1]["messages"][-1]["content"] == provider.NO_TOOLS
        lack = ask().lack
        assert lack is not None
        assert "called a tool" in lack.sentence


# ------------------------------------------------------------------------------------------ tools


TOOL = {
    "type": "function",
    "function": {
        "name": "edit",
        "description": "Edits a file.",
        "parameters": {"type": "object", "properties": {"path": {"type": "string"}}},
    },
}
EDIT = ("edit", {"path": "experiment.py"})


def _calls_of(reply: Reply) -> list[tuple[str, str, Any]]:
    return [(call.id, call.name, json.loads(call.arguments)) for call in reply.tool_calls]


def test_a_model_is_given_the_tools_and_its_calls_come_back() -> None:
    with service(calls(EDIT)) as (fake, account, ask):
        reply = ask(tools=[TOOL], tool_choice="auto", parallel_tool_calls=False)
        assert fake.bodies[0]["tools"] == [TOOL]
        assert fake.bodies[0]["tool_choice"] == "auto"
        assert fake.bodies[0]["parallel_tool_calls"] is False
        assert (reply.text, reply.finish_reason, reply.lack) == ("", "tool_calls", None)
        assert _calls_of(reply) == [("call_1", *EDIT)]
        assert len(fake.bodies) == 1
        assert account.spending.tokens == 1100


def test_calls_are_told_by_what_is_in_the_reply_not_by_how_it_ends() -> None:
    called = {"id": "1", "type": "function", "function": {"name": "edit", "arguments": "{"}}
    with service(
        _choice({"content": "Hm.", "tool_calls": [called]}, "stop"),
        _choice({"content": "", "tool_calls": [called]}, "length"),
    ) as (_, _, ask):
        reply = ask(tools=[TOOL])
        assert (reply.text, reply.finish_reason) == ("Hm.", "tool_calls")
        assert [call.arguments for call in reply.tool_calls] == ["{"], "verbatim"
        cut = ask(tools=[TOOL])
        assert (cut.finish_reason, len(cut.tool_calls), cut.lack) == ("length", 1, None)


def test_a_call_that_cannot_be_read_is_lacking() -> None:
    called = _choice({"content": None, "tool_calls": [{"function": {"name": ""}}]})
    with service(called) as (fake, _, ask):
        lack = ask(tools=[TOOL]).lack
        assert lack is not None
        assert "in a form that cannot be read" in lack.sentence
        assert len(fake.bodies) == 1


def test_tools_that_may_not_be_called_are_none() -> None:
    with service(calls(EDIT), Says("Yes.")) as (fake, _, ask):
        assert ask(tools=[TOOL], tool_choice="none").text == "Yes."
        assert fake.bodies[1]["messages"][-1]["content"] == provider.NO_TOOLS


def test_tools_and_pictures_are_counted() -> None:
    live = LiveModel(MODEL, api_base="http://127.0.0.1:9/v1", api_key="k")
    plain = live.quote(QUESTION).prompt_tokens
    tools = [{**TOOL, "function": {**TOOL["function"], "description": "word " * 1000}}]
    assert live.quote({**QUESTION, "tools": tools}).prompt_tokens > plain + 1000
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}}
    shown = {"messages": [{"role": "user", "content": [picture]}]}
    assert plain + 1000 < live.quote(shown).prompt_tokens < plain + 5000
    odd = {"messages": [{"role": "user", "content": [{"type": "odd", "odd": "word " * 1000}]}]}
    assert live.quote(odd).prompt_tokens > plain + 1000


def test_a_service_of_another_form_is_given_tools_too() -> None:
    """Whatever litellm reaches takes and returns tools as it does with OpenAI's."""
    block = {"type": "tool_use", "id": "toolu_1", "name": EDIT[0], "input": EDIT[1]}
    answer = {"id": "1", "type": "message", "role": "assistant", "model": "claude",
              "content": [{"type": "text", "text": "I edit."}, block], "stop_reason": "tool_use",
              "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 5}}  # fmt: skip
    with FakeModel(Sends(answer)).serving() as fake:
        live = LiveModel(
            "anthropic/claude-3-5-haiku-20241022",
            api_base=fake.url.removesuffix("/v1"),
            api_key="k",
            retry_waits=(),
        )
        reply = _ask(live, Books().account("", ""), tools=[TOOL])
    assert fake.bodies[0]["tools"][0]["name"] == "edit"
    assert (reply.text, reply.finish_reason) == ("I edit.", "tool_calls")
    assert _calls_of(reply) == [("toolu_1", *EDIT)]


# ---------------------------------------------------------------------------------------- windows


def _with_window(size: int) -> Any:
    """A service that refuses what does not fit its window, prompt and reply together."""

    def answer(body: dict[str, Any]) -> Any:
        wanted = body.get("max_tokens", 0)
        prompt = sum(len(message["content"].split()) for message in body["messages"]) + 8
        if prompt + wanted <= size:
            return Says("It fits.", tokens_in=prompt, tokens_out=5)
        return Fails(
            400,
            message=f"This model's maximum context length is {size} tokens. However, you requested "
            f"{prompt + wanted} tokens ({prompt} in the messages, {wanted} in the completion).",
        )

    return answer


def test_the_window_is_learned_from_a_refusal() -> None:
    with service(*[_with_window(8192)] * 9, tokens=100_000) as (fake, account, ask):
        assert ask().text == "It fits."
        assert fake.bodies[0]["max_tokens"] == 8192
        assert 4096 < fake.bodies[1]["max_tokens"] < 8192
        assert ask().text == "It fits."
        assert len(fake.bodies) == 3, "and remembered"
        assert not account.spending.open


def test_a_window_that_is_given_need_not_be_learned() -> None:
    with service(_with_window(4096), tokens=100_000, context_tokens=4096) as (fake, _, ask):
        assert ask().text == "It fits."
        assert 2048 < fake.bodies[0]["max_tokens"] < 4096


def test_a_prompt_that_nearly_fills_the_window_still_gets_a_reply() -> None:
    prompt = [{"role": "user", "content": "tree " * 3000}]
    with service(*[_with_window(4096)] * 3, tokens=100_000) as (fake, _, ask):
        assert ask(messages=prompt).text == "It fits."
        assert len(fake.bodies) == 2


def test_a_prompt_longer_than_the_window_is_refused_once() -> None:
    prompt = [{"role": "user", "content": "tree " * 5000}]
    with service(*[_with_window(4096)] * 3, tokens=100_000) as (fake, _, ask):
        with pytest.raises(Refusal, match="too long"):
            ask(messages=prompt)
        assert len(fake.bodies) == 1


def test_the_longest_reply_is_learned_too() -> None:
    refuses = Fails(
        400, message="max_tokens is too large: 8192. It supports at most 4096 completion tokens"
    )
    with service(refuses, Says("Yes."), tokens=100_000) as (fake, account, ask):
        assert ask().text == "Yes."
        assert "max_tokens" not in fake.bodies[1], "the service itself allows no longer one"
        assert account.spending.at_most.tokens < 4096


# ------------------------------------------------------------------------------------------ bounds


@pytest.mark.parametrize("answer", [HANGS, Sends("x" * 999, drips=True)], ids=["silent", "drips"])
def test_a_call_ends_at_its_deadline_and_leaves_no_thread(answer: Step) -> None:
    with service(Says("loaded"), answer, timeout_seconds=1.0) as (_, account, ask):
        ask()
        started = time.monotonic()
        with pytest.raises(ServiceDown, match="did not answer within 1 seconds"):
            ask()
        assert time.monotonic() - started < 2.5
        until = time.monotonic() + 3
        while _calls() and time.monotonic() < until:
            time.sleep(0.05)
        assert not _calls(), "the connection was closed"
        assert not account.spending.open, "the call is entered as spent"
        assert account.spending.tokens > 1100


def test_a_service_that_accepts_no_connection_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "CONNECT_SECONDS", 0.5)
    with socket.socket() as full, contextlib.ExitStack() as others:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):  # until its queue is full, and what comes after is dropped
            other = others.enter_context(socket.socket())
            other.setblocking(False)
            other.connect_ex(full.getsockname())
        address = f"http://127.0.0.1:{full.getsockname()[1]}/v1"
        account, started = Books().account("", ""), time.monotonic()
        with pytest.raises(ServiceDown, match="could not be reached") as down:
            _ask(LiveModel(MODEL, api_base=address, api_key="k"), account)
    assert down.value.kind == "passes"
    assert time.monotonic() - started < 5
    assert account.spending.tokens == 0


def _calls() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "bonsai-model-call"]


def test_a_body_that_drips_past_its_head_ends_too() -> None:
    body = json.dumps(completion(Says("never whole")))
    with service(Sends(" " * 5 + body, drips=True), timeout_seconds=3.0) as (_, _, ask):
        started = time.monotonic()
        with pytest.raises(ServiceDown):
            ask()
        assert 2.9 < time.monotonic() - started < 5


def test_an_endless_answer_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "LARGEST_ANSWER", 10_000)
    long = Says("x" * 20_000)
    with service(long, long, long) as (_, account, ask), pytest.raises(ServiceDown) as down:
        ask()
    assert "longer than 16 MiB" in str(down.value)
    assert account.spending.tokens > 3 * 8192, "and may have been billed"


def test_what_was_recorded_of_a_call_has_no_key(tmp_path: Path) -> None:
    with service(Fails(400, message="bad: sk-0123456789")) as (_, _, ask):
        with pytest.raises(Refusal) as refused:
            ask()
        assert "[key]" in str(refused.value)
