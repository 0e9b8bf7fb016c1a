"""The gateway between real clients and a played model: litellm, HTTP and openai are real."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import openai
import pytest

from bonsai.base.errors import BonsaiError
from bonsai.models import cassette, endpoint
from bonsai.models.gateway import Gateway, LiveModel, Session
from tests.fake_model import CUT, HANGS, NO_CHOICES, NOT_JSON, Fails, FakeModel, Says, Step

KEY = "sk-the-real-key-of-the-user"
QUESTION = [{"role": "user", "content": "What is a bonsai?"}]
# litellm knows the price of this model: 0.15 and 0.60 dollars for a million tokens.
PRICED, UNPRICED = "openai/gpt-4o-mini", "openai/nobody-knows-me"
PRICE = 1000 * 0.15e-6 + 100 * 0.60e-6


def live_model(fake: FakeModel, model: str = PRICED, **options: Any) -> LiveModel:
    options = {"timeout_seconds": 10.0, "retry_waits": (0.01, 0.01), **options}
    return LiveModel(model, api_base=fake.url, api_key=KEY, **options)


@contextmanager
def conversation(
    folder: Path, *script: Step, model: str = PRICED, **options: Any
) -> Iterator[tuple[FakeModel, Gateway, Session]]:
    with (
        FakeModel(*script).serving() as fake,
        Gateway(live_model(fake, model, **options)) as gateway,
        gateway.session(folder) as session,
    ):
        yield fake, gateway, session


def ask(session: Session, **options: Any) -> str:
    with client_of(session) as client:
        completion = client.chat.completions.create(
            model=session.model, messages=QUESTION, **options
        )
        return completion.choices[0].message.content


def client_of(session: Session, **options: Any) -> openai.OpenAI:
    # Retries are left on: the gateway's refusals must be such that no client tries again.
    return openai.OpenAI(base_url=session.base_url, api_key=session.api_key, **options)


def refusal_of(session: Session) -> str:
    with pytest.raises(openai.BadRequestError) as error:
        ask(session)
    assert session.refusal is not None
    assert error.value.body["message"] == session.refusal
    assert KEY not in session.refusal
    return session.refusal


def write_cassette(folder: Path, *replies: str) -> Path:
    folder.mkdir(parents=True)
    for number, reply in enumerate(replies, start=1):
        (folder / f"{number:02d}-step.md").write_bytes(reply.encode())
    return folder


def post(address: str, body: bytes) -> tuple[int, Any]:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    try:
        connection.request("POST", parts.path, body)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_a_reply_of_the_model_reaches_the_client(tmp_path: Path) -> None:
    with conversation(tmp_path, Says("A small tree.")) as (fake, gateway, session):
        assert ask(session, temperature=0.5, user="someone") == "A small tree."
        assert fake.keys == [KEY]
        assert fake.bodies[0]["messages"] == QUESTION
        assert fake.bodies[0]["temperature"] == 0.5
        assert "user" not in fake.bodies[0]
        assert session.exchanges == 1
        for spending in (session.account.spending, gateway.books.spending):
            assert (spending.tokens, spending.known_usd) == (1100, pytest.approx(PRICE))
        assert session.refusal is None


def test_a_reply_can_be_streamed(tmp_path: Path) -> None:
    with (
        conversation(tmp_path, Says("Ein Bäumchen.\n", "length")) as (_, _, session),
        client_of(session) as client,
    ):
        chunks = list(
            client.chat.completions.create(
                model="bonsai",
                messages=QUESTION,
                stream=True,
                stream_options={"include_usage": True},
            )
        )
    choices = [choice for chunk in chunks for choice in chunk.choices]
    assert "".join(choice.delta.content or "" for choice in choices) == "Ein Bäumchen.\n"
    assert choices[-1].finish_reason == "length"
    assert chunks[-1].usage.total_tokens == 1100


def test_clients_can_list_the_model(tmp_path: Path) -> None:
    with conversation(tmp_path) as (_, _, session), client_of(session) as client:
        assert [model.id for model in client.models.list()] == [session.model]


def test_an_unknown_price_is_said_and_not_guessed(tmp_path: Path) -> None:
    with conversation(tmp_path, Says("hello"), model=UNPRICED) as (_, gateway, session):
        ask(session)
        assert session.account.spending.known_usd is None
        spending = gateway.books.spending
        assert (spending.usd, spending.unpriced, spending.tokens) == (0.0, 1, 1100)


def test_addresses_are_secret_and_end_with_the_session(tmp_path: Path) -> None:
    question = json.dumps({"messages": QUESTION}).encode()
    with conversation(tmp_path, Says("hello")) as (fake, gateway, session):
        for address in (f"{gateway.url}/guess/v1", f"{gateway.url}/v1", gateway.url):
            assert post(f"{address}/chat/completions", question)[0] == 404
        assert post(f"{session.base_url}/embeddings", question)[0] == 404
        with gateway.session(tmp_path) as closed:
            pass
        assert post(f"{closed.base_url}/chat/completions", question)[0] == 404
        assert fake.bodies == []


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"messages": []}', b'{"messages": [1]}'])
def test_a_malformed_request_is_explained(tmp_path: Path, body: bytes) -> None:
    with conversation(tmp_path) as (fake, _, session):
        status, answer = post(f"{session.base_url}/chat/completions", body)
    assert status == 400
    assert answer["error"]["type"] == "invalid_request_error"
    assert "The request" in answer["error"]["message"] or "Each message" in str(answer)
    assert fake.bodies == []


@pytest.mark.parametrize(
    "fault", [Fails(429), Fails(500), Fails(503), CUT, NOT_JSON, NO_CHOICES], ids=str
)
def test_faults_that_tend_to_pass_are_tried_again(tmp_path: Path, fault: Step) -> None:
    with conversation(tmp_path, fault, fault, Says("at last")) as (fake, _, session):
        assert ask(session) == "at last"
        assert len(fake.bodies) == 3
        assert session.exchanges == 1


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fails(500), "could not be reached"),
        (Fails(429), "too many requests"),
        (CUT, "could not be reached"),
        (NO_CHOICES, "holds no reply"),
    ],
    ids=str,
)
def test_retries_end(tmp_path: Path, fault: Step, says: str) -> None:
    with conversation(tmp_path, *[fault] * 9) as (fake, _, session):
        assert says in refusal_of(session)
        assert len(fake.bodies) == 3


@pytest.mark.parametrize(
    ("status", "says"), [(401, "refused the key"), (403, "refused the key"), (404, "status 404")]
)
def test_faults_that_stay_are_not_tried_again(tmp_path: Path, status: int, says: str) -> None:
    fault = Fails(status, message=f"Not with {KEY}")
    with conversation(tmp_path, fault, Says("too late")) as (fake, _, session):
        sentence = refusal_of(session)
        assert says in sentence
        assert "Not with [key]" in sentence
        assert len(fake.bodies) == 1
        assert session.exchanges == 0
        assert ask(session) == "too late"
        assert session.refusal is None


def test_a_service_that_asks_for_a_pause_gets_it(tmp_path: Path) -> None:
    fault = Fails(429, {"Retry-After": "0.5"})
    with conversation(tmp_path, fault, Says("rested")) as (_, _, session):
        started = time.monotonic()
        assert ask(session) == "rested"
        assert time.monotonic() - started >= 0.5


def test_a_service_that_asks_for_too_long_a_pause_is_given_up(tmp_path: Path) -> None:
    with conversation(tmp_path, Fails(429, {"Retry-After": "3600"})) as (fake, _, session):
        assert "left alone for 3600 seconds" in refusal_of(session)
        assert len(fake.bodies) == 1


def test_a_model_that_hangs_is_left(tmp_path: Path) -> None:
    with conversation(tmp_path, HANGS, timeout_seconds=0.5) as (fake, _, session):
        assert "did not answer within 0.5 seconds" in refusal_of(session)
        assert len(fake.bodies) == 1


def test_a_service_that_is_not_there(tmp_path: Path) -> None:
    live = LiveModel(PRICED, api_base="http://127.0.0.1:9/v1", retry_waits=(0.01,))
    with Gateway(live) as gateway, gateway.session(tmp_path) as session:
        assert "could not be reached" in refusal_of(session)


def test_a_missing_key_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with Gateway(LiveModel("openai/gpt-4o")) as gateway, gateway.session(tmp_path) as session:
        assert "refused the key, or got none" in refusal_of(session)


def test_an_agent_that_hung_up_is_not_waited_for(tmp_path: Path) -> None:
    with conversation(tmp_path, HANGS, Says("for the next")) as (_, _, session):
        with (
            client_of(session, timeout=0.3, max_retries=0) as client,
            pytest.raises(openai.APITimeoutError),
        ):
            client.chat.completions.create(model="bonsai", messages=QUESTION)
        started = time.monotonic()
        assert ask(session) == "for the next"
        assert time.monotonic() - started < 3
        assert session.refusal is None


@pytest.mark.parametrize(
    "sent", [b"", b"POST /", b"POST / HTTP/1.1\r\nContent-Length: 999\r\n\r\n"]
)
def test_a_client_that_drips_its_request_is_hung_up_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(endpoint, "REQUEST_SECONDS", 0.6)
    with conversation(tmp_path) as (_, gateway, _):
        address = urlsplit(gateway.url)
        with socket.create_connection((address.hostname, address.port)) as client:
            client.sendall(sent)
            started = time.monotonic()
            client.settimeout(0.05)
            while time.monotonic() - started < 5:
                try:
                    client.sendall(b"x")
                    if client.recv(1000) == b"":
                        break
                except TimeoutError:
                    continue
                except OSError:
                    break
            assert 0.5 < time.monotonic() - started < 2


def test_a_client_that_sips_its_reply_holds_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "REQUEST_SECONDS", 0.6)
    before = threading.active_count()
    with conversation(tmp_path, Says("x" * 12_000_000)) as (_, _, session):
        parts = urlsplit(session.base_url)
        body = json.dumps({"messages": QUESTION}).encode()
        head = f"POST {parts.path}/chat/completions HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
        with socket.create_connection((parts.hostname, parts.port)) as client:
            client.sendall(head.encode() + body)
            until = time.monotonic() + 10
            while session.exchanges == 0 and time.monotonic() < until:
                time.sleep(0.02)
            assert session.exchanges == 1
            gone = time.monotonic() + 4
            while threading.active_count() > before + 2 and time.monotonic() < gone:
                time.sleep(0.05)  # the server of the model and of the gateway stay
                client.recv(50_000)
            assert threading.active_count() <= before + 2


def test_the_last_refusal_and_its_kind_are_remembered(tmp_path: Path) -> None:
    script = [Fails(401), Fails(400), Says("<think>never closed"), Says("Yes.")]
    with conversation(tmp_path, *script) as (_, _, session):
        refusal_of(session)
        assert session.down is not None
        assert session.down.kind == "config"
        refusal_of(session)
        assert session.down is None
        assert ask(session) == ""
        assert "ended while thinking" in (session.lack or "")
        assert ask(session) == "Yes."
        assert session.lack is None
        session.rewind(1)
        assert not (tmp_path / "002.md").exists()
        assert session.exchanges == 1


def test_several_ideas_ask_at_once(tmp_path: Path) -> None:
    script = [Says("hello")] * 24
    with conversation(tmp_path / "0", *script) as (_, gateway, _):
        sessions = [gateway.session(tmp_path / str(number)) for number in range(8)]

        def talk(session: Session) -> None:
            for _ in range(3):
                ask(session)

        threads = [threading.Thread(target=talk, args=[session]) for session in sessions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [session.exchanges for session in sessions] == [3] * 8
        assert gateway.books.spending.usd == pytest.approx(24 * PRICE)
        assert gateway.books.spending.tokens == 24 * 1100


def test_a_cassette_is_played_in_order_and_ends(tmp_path: Path) -> None:
    tape = write_cassette(tmp_path / "tape", "plan", "edit")
    (tape / "README.md").write_text("about this cassette")
    with Gateway(None) as gateway, gateway.session(tmp_path / "log", cassette=tape) as session:
        assert [ask(session), ask(session)] == ["plan", "edit"]
        assert "no more replies" in refusal_of(session)
        assert (session.exchanges, session.over) == (2, "cassette")
        assert session.account.spending.tokens == 0


def test_a_resumed_cassette_skips_what_was_played(tmp_path: Path) -> None:
    tape = write_cassette(tmp_path / "tape", "plan", "edit")
    with (
        Gateway(None) as gateway,
        gateway.session(tmp_path / "log", cassette=tape, skip=1) as session,
    ):
        assert session.exchanges == 1
        assert ask(session) == "edit"
        assert (tmp_path / "log" / "002.md").read_text() == "edit"


def test_what_was_recorded_is_a_cassette(tmp_path: Path) -> None:
    said = ["Zeile eins\r\nzwei\n\n```python\nx = '🌱'\n```", "", "last"]
    with conversation(tmp_path / "log", *map(Says, said)) as (_, _, session):
        assert [ask(session, temperature=0) for _ in said] == said
    request = json.loads((tmp_path / "log" / "001.request.json").read_text(encoding="utf-8"))
    assert request == {"messages": QUESTION, "temperature": 0}
    usage = json.loads((tmp_path / "log" / "001.usage.json").read_text())
    assert usage["model"] == PRICED
    assert (usage["tokens_in"], usage["tokens_out"]) == (1000, 100)
    assert usage["cost_usd"] == pytest.approx(PRICE)
    assert usage["seconds"] >= 0
    assert not list((tmp_path / "log").glob(".*"))

    assert cassette.read(tmp_path / "log") == said
    with (
        Gateway(None) as gateway,
        gateway.session(tmp_path / "again", cassette=tmp_path / "log") as session,
    ):
        assert [ask(session) for _ in said] == said


def test_a_folder_without_replies_is_no_cassette(tmp_path: Path) -> None:
    with Gateway(None) as gateway, pytest.raises(BonsaiError, match="no cassette"):
        gateway.session(tmp_path, cassette=tmp_path / "nothing")


def test_no_model_and_no_cassette(tmp_path: Path) -> None:
    with Gateway(None) as gateway, gateway.session(tmp_path) as session:
        assert "No model is configured" in refusal_of(session)


def test_a_key_is_never_printed() -> None:
    assert KEY not in repr(LiveModel(PRICED, api_key=KEY))
