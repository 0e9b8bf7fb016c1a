"""One reply in three languages: told to real clients, recorded, played back, refused alike."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bonsai.base.errors import BonsaiError
from bonsai.models import cassette
from bonsai.models.budget import Books, Budget
from bonsai.models.dialects import CHAT, MESSAGES, RESPONSES, NotUnderstood
from bonsai.models.exchange import Reply, ToolCall
from bonsai.models.gateway import Gateway, LiveModel, Session
from tests.fake_model import HANGS, FakeModel, Says, Step, calls
from tests.models.clients import (
    SHELL,
    Answered,
    Chat,
    Messages,
    Responses,
    joined,
    objects,
    parsed,
    read_chat,
    read_chat_events,
    read_message,
    read_response,
    read_response_events,
    refusal_of,
)

KEY = "sk-the-real-key-of-the-user"
LS, TREE = ("shell", {"command": "ls"}), ("shell", {"command": "printf 'Bäume\n🌳'"})
LANGUAGES = (Chat, Responses, Messages)
every_language = pytest.mark.parametrize("language", LANGUAGES)
streamed_or_not = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@contextmanager
def conversation(
    folder: Path, *script: Step, budget: Budget | None = None, **options: Any
) -> Iterator[tuple[FakeModel, Session]]:
    with FakeModel(*script).serving() as fake:
        options = {"timeout_seconds": 10.0, "retry_waits": (), **options}
        live = LiveModel("openai/gpt-4o-mini", api_base=fake.url, api_key=KEY, **options)
        with (
            Gateway(live, Books(sweep=budget)) as gateway,
            gateway.session(folder) as session,
        ):
            yield fake, session


# ------------------------------------------------------------------------------------ with a model


@streamed_or_not
@every_language
def test_a_reply_reaches_the_client(tmp_path: Path, language: Any, stream: bool) -> None:
    with conversation(tmp_path, Says("Ein Bäumchen.\n", "length")) as (fake, session):
        client = language(session, stream=stream)
        client.say("What is a bonsai?")
        answered = client.ask(temperature=0.5)
        assert answered == Answered("Ein Bäumchen.\n", [], "length", (1000, 100))
        assert fake.keys == [KEY]
        assert fake.bodies[0]["temperature"] == 0.5
        assert session.replies_since(0) == ["Ein Bäumchen.\n"]


@streamed_or_not
@every_language
def test_a_tool_is_called_and_what_came_of_it_is_told(
    tmp_path: Path, language: Any, stream: bool
) -> None:
    script = (calls(LS, TREE, text="I look."), Says("Two trees."))
    with conversation(tmp_path, *script) as (fake, session):
        client = language(session, stream=stream)
        client.say("What is here?")
        answered = client.ask()
        assert (answered.text, answered.stopped) == ("I look.", "tool_calls")
        assert objects(answered) == [("call_1", *LS), ("call_2", *TREE)]
        assert session.lack is None
        client.give("call_1", "a b")
        client.give("call_2", "Bäume 🌳")
        assert client.ask().text == "Two trees."

        first, second = fake.bodies
        tool = first["tools"][0]
        assert (tool["type"], tool["function"]["name"]) == ("function", "shell")
        assert tool["function"]["parameters"] == SHELL
        said = [
            (message["role"], message.get("content"), message.get("tool_call_id"))
            for message in second["messages"]
        ]
        assert said == [
            ("system", "Be brief.", None),
            ("user", "What is here?", None),
            ("assistant", "I look.", None),
            ("tool", "a b", "call_1"),
            ("tool", "Bäume 🌳", "call_2"),
        ]
        called = second["messages"][2]["tool_calls"]
        assert [(each["id"], json.loads(each["function"]["arguments"])) for each in called] == [
            ("call_1", LS[1]), ("call_2", TREE[1]),
        ]  # fmt: skip
        assert session.replies_since(1) == ["Two trees."]


def test_the_model_is_asked_the_same_in_every_language(tmp_path: Path) -> None:
    longest = {Chat: "max_tokens", Responses: "max_output_tokens", Messages: "max_tokens"}
    asked = []
    for language, name in longest.items():
        folder = tmp_path / language.__name__
        with conversation(folder, calls(LS), Says("Done.")) as (_, session):
            client = language(session)
            client.say("What is here?")
            client.ask(**{name: 4096})
            client.give("call_1", "a b")
            client.ask(**{name: 4096})
        asked.append([json.loads((folder / f"00{n}.request.json").read_text()) for n in (1, 2)])
        assert asked[-1][1]["messages"][2].pop("content", None) is None
    assert asked[0] == asked[1] == asked[2]


def test_what_was_thought_is_recorded_and_not_told(tmp_path: Path) -> None:
    for language in LANGUAGES:
        folder = tmp_path / language.__name__
        with conversation(folder, Says("<think>Hm.</think>Yes.")) as (_, session):
            client = language(session)
            client.say("Is it?")
            assert client.ask().text == "Yes."
            assert session.replies_since(0) == ["Yes."]
        assert (folder / "001.md").read_text() == "<think>Hm.</think>Yes."


@every_language
def test_a_tool_may_be_called_without_a_word(tmp_path: Path, language: Any) -> None:
    with conversation(tmp_path, calls(LS)) as (fake, session):
        client = language(session)
        client.say("What is here?")
        answered = client.ask()
        assert (answered.text, objects(answered)) == ("", [("call_1", *LS)])
        assert len(fake.bodies) == 1, "nothing was lacking"
        assert session.lack is None


# ------------------------------------------------------------------------- records, replays, limits


@streamed_or_not
@every_language
def test_turns_with_tool_calls_are_recorded_and_played_back(
    tmp_path: Path, language: Any, stream: bool
) -> None:
    def talk(session: Session) -> list[Answered]:
        client = language(session, stream=stream)
        client.say("What is here?")
        answers = [client.ask()]
        for call_id, _, _ in answers[0].calls:
            client.give(call_id, "a b")
        return [*answers, client.ask()]

    with conversation(tmp_path / "tape", calls(LS, TREE, text="Ich schau."), Says("Da.")) as (
        _, session,
    ):  # fmt: skip
        told = talk(session)
    recorded = json.loads((tmp_path / "tape" / "001.tools.json").read_text(encoding="utf-8"))
    assert [(each["id"], each["name"], json.loads(each["arguments"])) for each in recorded] == [
        ("call_1", *LS), ("call_2", *TREE),
    ]  # fmt: skip
    assert not (tmp_path / "tape" / "002.tools.json").exists()

    again = tmp_path / "again"
    with Gateway(None) as gateway, gateway.session(again, cassette=tmp_path / "tape") as session:
        played = talk(session)
        assert [(each.text, each.calls, each.stopped) for each in played] == [
            (each.text, each.calls, each.stopped) for each in told
        ]
        session.rewind(0)
        assert [path.name for path in again.glob("*.tools.json")] == []


@every_language
def test_a_budget_that_is_spent_refuses_alike(tmp_path: Path, language: Any) -> None:
    with conversation(tmp_path, calls(LS), Says("Yes."), budget=Budget(tokens=1300)) as (
        fake, session,
    ):  # fmt: skip
        client = language(session)
        client.say("What is here?")
        client.ask()
        client.give("call_1", "a b")
        assert "budget is spent" in refusal_of(client)
        assert session.over == "budget"
        assert len(fake.bodies) == 1


@every_language
def test_a_cassette_that_is_at_its_end_refuses_alike(tmp_path: Path, language: Any) -> None:
    cassette.write_reply(tmp_path / "tape", 1, Reply("Once."), {})
    with (
        Gateway(None) as gateway,
        gateway.session(tmp_path / "log", cassette=tmp_path / "tape") as session,
    ):
        client = language(session)
        client.say("And?")
        assert client.ask().text == "Once."
        assert "no more replies" in refusal_of(client)
        assert session.over == "cassette"


@every_language
def test_a_model_that_hangs_is_left_alike(tmp_path: Path, language: Any) -> None:
    with conversation(tmp_path, HANGS, timeout_seconds=0.5) as (fake, session):
        client = language(session)
        client.say("Are you there?")
        assert "did not answer within 0.5 seconds" in refusal_of(client)
        assert session.down is not None
        assert len(fake.bodies) == 1


def test_a_crash_leaves_no_tool_calls_of_another_reply(tmp_path: Path) -> None:
    called = (ToolCall("1", "shell", "{}"),)
    cassette.write_reply(tmp_path, 1, Reply("", tool_calls=called), {})
    cassette.write_reply(tmp_path, 2, Reply("lost", tool_calls=called), {})
    cassette.write_reply(tmp_path, 2, Reply("again"), {})
    assert [reply.tool_calls for reply in cassette.replies(tmp_path)] == [called, ()]
    assert cassette.read(tmp_path) == ["", "again"]
    cassette.cut(tmp_path, 0)
    assert list(tmp_path.iterdir()) == []


def test_a_cassette_says_which_agent_it_suits(tmp_path: Path) -> None:
    assert cassette.agent_of(tmp_path) is None
    cassette.write_agent(tmp_path, "codex")
    assert cassette.agent_of(tmp_path) == "codex"


@pytest.mark.parametrize("content", ["{", "[1]", '[{"id": "1"}]', "7", "[" * 100_000])
def test_tool_calls_that_cannot_be_read_are_explained(tmp_path: Path, content: str) -> None:
    (tmp_path / "01-plan.md").write_text("plan")
    (tmp_path / "01-plan.tools.json").write_text(content)
    with pytest.raises(BonsaiError, match=r"01-plan\.tools\.json does not hold tool calls"):
        cassette.replies(tmp_path)


# ------------------------------------------------------------------------------- what clients send


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
called = st.builds(
    lambda name, given: (name, json.dumps(given)),
    st.sampled_from(["shell", "edit"]),
    st.dictionaries(texts, texts | st.integers(-9, 9) | st.lists(st.booleans()), max_size=3),
)


@settings(max_examples=150)
@given(texts, st.lists(called, max_size=3), st.booleans(), st.integers(0, 10**6))
def test_what_a_reply_holds_comes_out_of_every_language_the_same(
    text: str, called: list[tuple[str, str]], cut: bool, tokens: int
) -> None:
    made = tuple(ToolCall(f"call_{n}", *call) for n, call in enumerate(called))
    finish = "length" if cut else "tool_calls" if made else "stop"
    reply = Reply(text, finish, tokens, 7, tool_calls=made)
    options = {"stream_options": {"include_usage": True}}
    heard = [
        read_chat(CHAT.answer(reply, {}))[0],
        read_chat_events(parsed(CHAT.events(reply, options)))[0],
        read_response(RESPONSES.answer(reply, {})),
        read_response_events(parsed(RESPONSES.events(reply, {}))),
        read_message(MESSAGES.answer(reply, {})),
        read_message(joined(MESSAGES.events(reply, {}))),
    ]
    for each in heard:
        assert (each.text, each.stopped, each.tokens) == (text, finish, (tokens, 7))
        assert objects(each) == [(call.id, call.name, json.loads(call.arguments)) for call in made]


WORDS = [
    "type", "role", "content", "text", "user", "assistant", "system", "message", "messages",
    "input", "tools", "name", "function", "custom", "namespace", "local_shell", "format",
    "definition", "tool_choice", "tool", "auto", "call_id", "arguments", "function_call",
    "custom_tool_call", "function_call_output", "local_shell_call", "action", "output",
    "instructions", "image", "image_url", "url", "source", "data", "tool_use", "tool_result",
    "tool_use_id", "tool_calls", "id", "input_schema", "parameters", "max_tokens", "stop",
    "parallel_tool_calls",
]  # fmt: skip
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5)
    ),
    max_leaves=20,
)
item = st.dictionaries(st.sampled_from(WORDS), anything, max_size=6)
SOUND = {
    "messages": [{"role": "user", "content": "Go."}],
    "input": "Go.",
    "tools": [
        {"type": "function", "name": "a", "function": {"name": "a"}, "input_schema": {}},
        {"type": "custom", "name": "function"},
    ],
}


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(WORDS), anything | st.lists(item, max_size=2), max_size=5))
@example({"tool_choice": {"type": ["auto"]}})
def test_any_request_at_all_is_read_or_explained(drawn: dict[str, Any]) -> None:
    body = SOUND | drawn
    for dialect in (CHAT, RESPONSES, MESSAGES):
        try:
            request = dialect.request(body)
        except NotUnderstood as why:
            assert str(why).endswith(".")
        else:
            assert request["messages"]
            reply = Reply("", "tool_calls", tool_calls=(ToolCall("1", "function", "[]"),))
            assert parsed(dialect.events(reply, body))


def test_what_is_no_object_is_no_loss() -> None:
    reply = Reply("", "tool_calls", tool_calls=(ToolCall("1", "shell", "ls | wc"),))
    assert read_chat(CHAT.answer(reply, {}))[0].calls == [("1", "shell", "ls | wc")]
    assert read_response(RESPONSES.answer(reply, {})).calls == [("1", "shell", "ls | wc")]
    assert objects(read_message(MESSAGES.answer(reply, {})))[0][2] == {"unreadable": "ls | wc"}


def test_codex_has_tools_that_are_no_functions() -> None:
    body = {
        "input": "Go.",
        "tools": [
            {"type": "custom", "name": "apply_patch", "description": "Patches.",
             "format": {"type": "grammar", "syntax": "lark", "definition": "start: patch"}},
            {"type": "local_shell"},
            {"type": "namespace", "name": "mcp__notes__",
             "tools": [{"type": "function", "name": "add", "parameters": SHELL}]},
            {"type": "web_search"},
        ],
        "tool_choice": {"type": "custom", "name": "apply_patch"},
    }  # fmt: skip
    request = RESPONSES.request(body)
    told = {tool["function"]["name"]: tool["function"] for tool in request["tools"]}
    assert list(told) == ["apply_patch", "local_shell", "mcp__notes__add"]
    assert "start: patch" in told["apply_patch"]["description"]
    assert request["tool_choice"] == {"type": "function", "function": {"name": "apply_patch"}}

    made = (
        ToolCall("1", "apply_patch", '{"input": "*** Begin Patch"}'),
        ToolCall("2", "apply_patch", "*** Begin Patch"),
        ToolCall("3", "local_shell", '{"command": ["ls", "-l"], "working_directory": "/w"}'),
        ToolCall("4", "local_shell", '{"command": "ls"}'),
        ToolCall("5", "mcp__notes__add", "{}"),
    )
    reply = Reply("", "tool_calls", tool_calls=made)
    events = parsed(RESPONSES.events(reply, body))
    items = [each["item"] for each in events if each["type"] == "response.output_item.done"]
    assert [item["type"] for item in items] == [
        "custom_tool_call", "custom_tool_call", "local_shell_call", "function_call",
        "function_call",
    ]  # fmt: skip
    assert items[0]["input"] == items[1]["input"] == "*** Begin Patch"
    assert items[2]["action"]["command"] == ["ls", "-l"]
    assert items[2]["action"]["working_directory"] == "/w"
    assert (items[4]["namespace"], items[4]["name"]) == ("mcp__notes__", "add")

    done = [
        {"type": kind + "_output", "call_id": item["call_id"], "output": f"out {number}"}
        for number, (item, kind) in enumerate((item, item["type"]) for item in items)
    ]
    messages = RESPONSES.request({**body, "input": [*items, *done]})["messages"]
    again = messages[0]["tool_calls"]
    assert [call["function"]["name"] for call in again] == [call.name for call in made]
    assert json.loads(again[1]["function"]["arguments"]) == {"input": "*** Begin Patch"}
    assert json.loads(again[2]["function"]["arguments"])["command"] == ["ls", "-l"]
    assert [(each["tool_call_id"], each["content"]) for each in messages[1:]] == [
        (str(n + 1), f"out {n}") for n in range(5)
    ]


def test_what_the_system_says_later_is_told_by_the_user() -> None:
    items = [
        {"role": "developer", "content": "Second."},
        {"role": "user", "content": "Go."},
        {"role": "developer", "content": "Third."},
    ]
    messages = RESPONSES.request({"instructions": "First.", "input": items})["messages"]
    assert [(each["role"], each["content"]) for each in messages] == [
        ("system", "First.\n\nSecond."),
        ("user", "Go."),
        ("user", "<system-reminder>\nThird.\n</system-reminder>"),
    ]
    messages = MESSAGES.request({"messages": [items[1], {"role": "system", "content": "X"}]})
    assert "X" in messages["messages"][1]["content"]


def test_pictures_of_tools_are_shown_after_all_results() -> None:
    picture = {"type": "base64", "media_type": "image/png", "data": "AAAA"}
    body = {"messages": [
        {"role": "user", "content": "Look."},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "1", "name": "view", "input": {}},
            {"type": "tool_use", "id": "2", "name": "view", "input": {}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "1",
             "content": [{"type": "image", "source": picture}]},
            {"type": "tool_result", "tool_use_id": "2", "content": "none"},
            {"type": "text", "text": "Well?"}]},
    ]}  # fmt: skip
    messages = MESSAGES.request(body)["messages"]
    assert [each["role"] for each in messages] == [
        "user", "assistant", "tool", "tool", "user", "user",
    ]  # fmt: skip
    url = messages[4]["content"][0]["image_url"]["url"]
    assert url == "data:image/png;base64,AAAA"


ELSEWHERE = "http://127.0.0.1:9/secret.png"


@pytest.mark.parametrize(
    ("dialect", "part"),
    [
        (CHAT, {"type": "image_url", "image_url": {"url": ELSEWHERE}}),
        (CHAT, {"type": "image_url", "image_url": ELSEWHERE}),
        (CHAT, {"type": "file", "file": {"file_id": ELSEWHERE}}),
        (CHAT, {"type": "video_url", "video_url": {"url": ELSEWHERE}}),
        (RESPONSES, {"type": "input_image", "image_url": ELSEWHERE}),
        (RESPONSES, {"type": "input_file", "file_url": ELSEWHERE}),
        (MESSAGES, {"type": "image", "source": {"type": "url", "url": ELSEWHERE}}),
        (MESSAGES, {"type": "document", "source": {"type": "url", "url": ELSEWHERE}}),
    ],
)
def test_nothing_is_fetched_for_an_agent(dialect: Any, part: dict[str, Any]) -> None:
    """Neither here nor by a service: an agent within walls would have a network by way of it."""
    said = [{"role": "user", "content": [part, {"type": "text", "text": "Look."}]}]
    request = dialect.request({"messages": said, "input": said})
    assert ELSEWHERE not in json.dumps(request)
    assert "cannot be shown" in json.dumps(request)


@pytest.mark.parametrize(
    "tool",
    [{"type": "web_search"}, {"type": "mcp", "server_url": ELSEWHERE}, {"type": "function"},
     {"type": "web_search_20250305", "name": "web_search"}, {"type": "code_interpreter"},
     {"type": "mcp", "function": {"name": "search"}, "server_url": ELSEWHERE}],
)  # fmt: skip
def test_no_tool_is_offered_that_a_service_would_do(tool: dict[str, Any]) -> None:
    said = [{"role": "user", "content": "Go."}]
    for dialect in (CHAT, RESPONSES, MESSAGES):
        assert "tools" not in dialect.request({"messages": said, "input": said, "tools": [tool]})


def test_litellm_reads_the_same_out_of_messages() -> None:
    adapter = pytest.importorskip(
        "litellm.llms.anthropic.experimental_pass_through.adapters.transformation"
    ).LiteLLMAnthropicMessagesAdapter()
    said = [
        {"role": "user", "content": "Look."},
        {"role": "assistant", "content": [
            {"type": "text", "text": "I do."},
            {"type": "tool_use", "id": "1", "name": "shell", "input": {"command": "ls"}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "1", "content": "a b"}]},
        {"role": "assistant", "content": "Two."},
    ]  # fmt: skip
    theirs = adapter.translate_anthropic_messages_to_openai(said)
    ours = MESSAGES.request({"messages": said})["messages"]
    assert list(map(_read, theirs)) == list(map(_read, ours))


def _read(message: dict[str, Any]) -> list[Any]:
    called = [
        (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
        for call in message.get("tool_calls") or []
    ]
    return [*(message.get(name) for name in ("role", "content", "tool_call_id")), called]


# ------------------------------------------------------------------------------------ the endpoint


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("responses", {}), ("responses", {"input": 7}), ("responses", {"input": [{"role": "x"}]}),
        ("responses", {"input": "And?", "previous_response_id": "resp_1"}),
        ("messages", {}), ("messages", {"messages": [7]}), ("messages", {"messages": [{}]}),
        ("messages", {"messages": [{"role": "user", "content": 7}]}),
        ("chat/completions", {"messages": [{"role": "user", "content": ""}], "tools": 7}),
        ("chat/completions", {"messages": [{"role": "user", "content": 7}]}),
        ("chat/completions", {"messages": [{"role": "nobody", "content": "And?"}]}),
        ("chat/completions", {"messages": [{"role": "user", "content": "And?"}], "stop": [7]}),
        ("responses", {"input": "And?", "max_output_tokens": "many"}),
        ("messages", {"messages": [{"role": "user", "content": "And?"}], "temperature": True}),
    ],
)  # fmt: skip
def test_a_malformed_request_is_explained_in_its_language(
    tmp_path: Path, path: str, body: dict[str, Any]
) -> None:
    with conversation(tmp_path) as (fake, session):
        answer = httpx.post(f"{session.base_url}/{path}", json=body)
        assert answer.status_code == 400
        assert answer.json().get("type") == ("error" if path == "messages" else None)
        assert answer.json()["error"]["type"] == "invalid_request_error"
        assert fake.bodies == []


@pytest.mark.parametrize("content", [b"[" * 200_000, b'{"messages": NaN}', b"\xff\xfe{"])
def test_what_is_no_json_is_explained(tmp_path: Path, content: bytes) -> None:
    with conversation(tmp_path) as (_, session):
        answer = httpx.post(f"{session.base_url}/responses", content=content)
        assert answer.status_code == 400
        assert "not JSON" in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["chat/completions", "responses", "messages"])
def test_half_a_character_breaks_nothing(tmp_path: Path, path: str) -> None:
    with conversation(tmp_path, Says("Yes.")) as (fake, session):
        said = r'[{"role": "user", "content": "half \ud83d of it, whole \ud83c\udf33"}]'
        body = f'{{"messages": {said}, "input": {said}}}'
        answer = httpx.post(f"{session.base_url}/{path}", content=body)
        assert answer.status_code == 200
        assert fake.bodies[0]["messages"][0]["content"] == "half ? of it, whole 🌳"
        assert "whole 🌳" in (tmp_path / "001.request.json").read_text(encoding="utf-8")


def test_clients_may_look_before_they_ask(tmp_path: Path) -> None:
    with conversation(tmp_path) as (fake, session), httpx.Client() as client:
        for address in (session.root_url, session.base_url, f"{session.base_url}/models"):
            assert client.get(address).json()["data"][0]["id"] == session.model
            head = client.head(address)
            assert (head.status_code, head.content) == (200, b"")
        assert client.get(f"{session.base_url}/models/bonsai").json()["id"] == session.model
        assert client.head(f"{session.base_url}/nothing").status_code == 404
        gone = client.post(f"{session.root_url}/v1/messages/batches", json={})
        assert (gone.status_code, gone.json()["error"]["type"]) == (404, "not_found_error")
        counted = client.post(
            f"{session.root_url}/v1/messages/count_tokens?beta=true",
            json={"messages": [{"role": "user", "content": "tree " * 400}]},
        ).json()["input_tokens"]
        assert 400 < counted < 800
        assert str(session.port) in session.root_url
        assert session.exchanges == 0
        assert fake.bodies == []
