"""Budgets: kept before a call is made, by many at once, and through a crash.

The service is played, heeds `max_tokens`, and adds up what it bills; all else is real.
"""

from __future__ import annotations

import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import litellm
import openai
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from bonsai.base.ledger import END, NO_STEP, Entry, Ledger
from bonsai.cli import app
from bonsai.models.budget import ASKING, SPENT, USEFUL_REPLY, Books, Budget, Spending
from bonsai.models.exchange import LONG_REPLY, Exhausted
from bonsai.models.gateway import Gateway, LiveModel, Session
from bonsai.models.provider import PROMPT_MARGIN
from bonsai.settings import Settings
from tests import sweeps
from tests.fake_model import CUT, HANGS, Fails, FakeModel, Says, Step

PRICED, UNPRICED = "openai/gpt-4o-mini", "openai/nobody-knows-me"
PRICE_IN, PRICE_OUT = 0.15e-6, 0.60e-6  # dollars a token of gpt-4o-mini
LONGEST_REPLY = 16_384  # tokens of gpt-4o-mini
QUESTION = [{"role": "user", "content": "What is a bonsai?"}]
PROMPT = litellm.token_counter(model=PRICED, messages=QUESTION)
MOST = round(PROMPT * PROMPT_MARGIN) * PRICE_IN + LONGEST_REPLY * PRICE_OUT


class Service:
    """Replies as long as it may and is told to, and remembers what it bills for that."""

    def __init__(self, *wanted: int, wordiness: float = 1.0) -> None:
        self.wanted = list(wanted)  # tokens of each reply
        self.wordiness = wordiness  # tokens that it takes a prompt for, per token counted
        self.tokens = 0
        self.usd = 0.0
        self._lock = threading.Lock()

    def __call__(self, body: dict[str, Any]) -> Says:
        counted = litellm.token_counter(model=PRICED, messages=body["messages"])
        tokens_in = int(self.wordiness * counted)
        longest = body.get("max_tokens") or body.get("max_completion_tokens") or LONGEST_REPLY
        with self._lock:
            wanted = self.wanted.pop(0)
            tokens_out = min(wanted, longest)
            self.tokens += tokens_in + tokens_out
            self.usd += tokens_in * PRICE_IN + tokens_out * PRICE_OUT
        return Says("…", "length" if wanted > longest else "stop", tokens_in, tokens_out)


@contextmanager
def gateway_to(
    *script: Step,
    model: str = PRICED,
    sweep: Budget | None = None,
    idea: Budget | None = None,
    ledger: Ledger | None = None,
    **options: Any,
) -> Iterator[tuple[FakeModel, Gateway]]:
    options = {"timeout_seconds": 10.0, "retry_waits": (0.01,), **options}
    with FakeModel(*script).serving() as fake:
        live = LiveModel(model, api_base=fake.url, api_key="sk-fake", **options)
        with Gateway(live, Books(ledger, sweep=sweep, idea=idea)) as gateway:
            yield fake, gateway


def session_of(gateway: Gateway, folder: Path, idea: str = "an_idea") -> Session:
    return gateway.session(folder / idea, account=gateway.books.account("toy", idea))


def ask(session: Session, **options: Any) -> str:
    return session.answer({"messages": QUESTION, **options}, lambda: True).finish_reason


def refusal(session: Session, **options: Any) -> str:
    with pytest.raises(Exhausted) as refused:
        ask(session, **options)
    assert session.over == "budget"
    assert session.refusal == str(refused.value)
    return session.refusal


# --------------------------------------------------------------------------- never more than that


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    chance=st.randoms(use_true_random=False),
    replies=st.floats(0.01, 4.0),  # how many of the longest replies the budget buys
    in_dollars=st.booleans(),
    per_idea=st.booleans(),
    wordiness=st.sampled_from([0.7, 1.0, PROMPT_MARGIN]),
)
def test_many_ideas_at_once_never_overshoot_a_budget(
    tmp_path: Path,
    chance: random.Random,
    replies: float,
    in_dollars: bool,
    per_idea: bool,
    wordiness: float,
) -> None:
    tokens = int(replies * LONGEST_REPLY)
    limits = Budget(usd=tokens * PRICE_OUT) if in_dollars else Budget(tokens=tokens)
    service = Service(*(chance.randint(1, 20_000) for _ in range(16)), wordiness=wordiness)
    prompts = [[{"role": "user", "content": "tree " * chance.randint(1, 3000)}] for _ in range(16)]
    budgets = {"idea" if per_idea else "sweep": limits}
    refusals = []
    with gateway_to(*[service] * 16, **budgets) as (fake, gateway):
        sessions = [
            session_of(gateway, tmp_path, "the_same" if per_idea else f"idea_{number}")
            for number in range(4)
        ]

        def talk(session: Session, mine: list[list[dict[str, str]]]) -> None:
            try:
                for messages in mine:
                    session.answer({"messages": messages}, lambda: True)
            except Exhausted as exhausted:
                refusals.append((str(exhausted), messages))

        threads = [
            threading.Thread(target=talk, args=(session, prompts[number::4]))
            for number, session in enumerate(sessions)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        spending = gateway.books.spending
        assert (spending.tokens, spending.open) == (service.tokens, {})
        assert spending.known_usd == pytest.approx(service.usd)
    if in_dollars:
        assert service.usd <= limits.usd * (1 + 1e-9)
    else:
        assert service.tokens <= limits.tokens
    assert len(fake.bodies) == 16 or refusals
    for sentence, messages in refusals:  # none was refused what it could have been given
        counted = litellm.token_counter(model=PRICED, messages=messages)
        prompt, word = PROMPT_MARGIN * counted, "idea" if per_idea else "sweep"
        assert sentence.startswith(f"The {word}'s budget is spent: ")
        if in_dollars:
            left = limits.usd - service.usd
            assert left < (prompt + 1) * PRICE_IN + (USEFUL_REPLY + 1) * PRICE_OUT
        else:
            assert limits.tokens - service.tokens < prompt + USEFUL_REPLY + 1


def test_a_request_that_fits_is_left_as_it_is(tmp_path: Path) -> None:
    service = Service(100)
    with gateway_to(service, sweep=Budget(usd=1.01 * MOST)) as (fake, gateway):
        assert ask(session_of(gateway, tmp_path)) == "stop"
    assert "max_tokens" not in fake.bodies[0]


def test_a_budget_that_ends_in_the_middle_of_a_reply_cuts_it_off(tmp_path: Path) -> None:
    service, limits = Service(9999), Budget(usd=400 * PRICE_OUT)
    with gateway_to(service, sweep=limits) as (fake, gateway):
        with (
            session_of(gateway, tmp_path) as session,
            openai.OpenAI(base_url=session.base_url, api_key=session.api_key) as client,
        ):
            reply = client.chat.completions.create(model="bonsai", messages=QUESTION)
            assert reply.choices[0].finish_reason == "length"
            with pytest.raises(openai.BadRequestError, match=r"The sweep's budget is spent: \$0.0"):
                client.chat.completions.create(model="bonsai", messages=QUESTION)
        assert USEFUL_REPLY < fake.bodies[0]["max_tokens"] < 400
        assert len(fake.bodies) == 1
        assert 0.9 * limits.usd < service.usd <= limits.usd


def test_a_shorter_limit_of_the_request_itself_stands(tmp_path: Path) -> None:
    service = Service(100)
    with gateway_to(service, sweep=Budget(usd=0.1 * MOST)) as (fake, gateway):
        assert ask(session_of(gateway, tmp_path), max_completion_tokens=50) == "length"
        assert gateway.books.spending.tokens == PROMPT + 50
    assert fake.bodies[0]["max_completion_tokens"] == 50


def test_an_idea_waits_for_what_others_may_not_need(tmp_path: Path) -> None:
    """A second request does not fit while the first is open; it is not refused for that."""
    go_on, slow, quick = threading.Event(), Service(10), Service(10)

    def slowly(body: dict[str, Any]) -> Says:
        assert go_on.wait(10)
        return slow(body)

    with gateway_to(slowly, quick, sweep=Budget(usd=1.01 * MOST)) as (fake, gateway):
        asking = [
            threading.Thread(target=ask, args=[session_of(gateway, tmp_path, name)])
            for name in ("first", "second")
        ]
        for thread in asking:
            thread.start()
        time.sleep(0.5)
        assert len(fake.bodies) == 1
        go_on.set()
        for thread in asking:
            thread.join(10)
        assert len(fake.bodies) == 2
        assert fake.bodies[1].get("max_tokens", LONGEST_REPLY) > LONG_REPLY


def test_each_idea_has_a_budget_of_its_own(tmp_path: Path) -> None:
    service = Service(1000, 1000, 1000)
    budgets = {"idea": Budget(tokens=1200), "sweep": Budget(tokens=2400)}
    with gateway_to(*[service] * 3, **budgets) as (fake, gateway):
        first, second, third = (session_of(gateway, tmp_path, name) for name in "abc")
        ask(first)
        assert re.match(
            r"The idea's budget is spent: 1,0\d\d of 1,200 tokens are used, and even a short reply "
            r"could take 2\d\d\.",
            refusal(first),
        )
        ask(second)
        assert second.over is None
        ask(third)
        assert fake.bodies[2]["max_tokens"] < 400, "what the sweep has left"
        assert refusal(third).startswith("The sweep's budget is spent: 2,3")
        assert gateway.books.account("toy", "a").spending.tokens == PROMPT + 1000


# ---------------------------------------------------------------------------------- unknown prices


def test_an_unknown_price_is_counted_in_tokens(tmp_path: Path) -> None:
    service = Service(100_000, 100)
    limits = Budget(tokens=LONG_REPLY + 1000)
    with gateway_to(service, service, model=UNPRICED, sweep=limits) as (fake, gateway):
        session = session_of(gateway, tmp_path)
        ask(session)
        assert fake.bodies[0]["max_tokens"] == LONG_REPLY, "nobody knows what it would stop at"
        ask(session)
        spending = gateway.books.spending
        assert (spending.known_usd, spending.unpriced) == (None, 2)
        assert spending.tokens == service.tokens <= limits.tokens


def test_a_budget_in_dollars_needs_a_price(tmp_path: Path) -> None:
    with gateway_to(model=UNPRICED, sweep=Budget(usd=1)) as (fake, gateway):
        assert "this model's price is unknown" in refusal(session_of(gateway, tmp_path))
        assert fake.bodies == []


@pytest.mark.parametrize("option", ["--budget-usd", "--idea-budget-usd"])
def test_a_budget_in_dollars_without_a_price_is_refused_at_the_start(
    option: str, tmp_path: Path
) -> None:
    results = tmp_path / "res"
    command = ["run", str(sweeps.TOY), "--out", str(results), "--model", UNPRICED, option, "1"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 2
    assert "the price of openai/nobody-knows-me is unknown" in done.stderr
    assert "--budget-tokens" in done.stderr
    assert not results.exists()


# ------------------------------------------------------------------------------- nothing is lost


def test_every_call_is_on_record_before_it_is_made_and_when_it_is_over(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    on_record: list[int] = []

    def look(body: dict[str, Any]) -> Says:
        on_record.append(len(ledger.read()))
        return Service(100)(body)

    with gateway_to(Fails(429), look, ledger=ledger) as (_, gateway):
        ask(session_of(gateway, tmp_path))
    entries = ledger.read()
    assert on_record == [3]
    assert [entry.step for entry in entries] == [ASKING, SPENT, ASKING, SPENT]
    assert {(entry.template, entry.idea, entry.index) for entry in entries} == {
        ("toy", "an_idea", NO_STEP)
    }
    refused, answered = entries[1].data, entries[3].data
    assert (refused["tokens"], refused["usd"]) == (0, 0)
    assert (answered["tokens_in"], answered["tokens_out"]) == (PROMPT, 100)
    assert answered["usd"] == pytest.approx(PROMPT * PRICE_IN + 100 * PRICE_OUT)
    assert entries[0].data["usd"] == pytest.approx(MOST)


@pytest.mark.parametrize("fault", [CUT, HANGS], ids=str)
def test_a_reply_that_was_lost_on_its_way_counts_in_full(fault: Step, tmp_path: Path) -> None:
    with gateway_to(fault, Service(100), timeout_seconds=0.5) as (_, gateway):
        session = session_of(gateway, tmp_path)
        if fault == HANGS:
            with pytest.raises(Exception, match="did not answer within"):
                ask(session)
        ask(session)
        wait_for(lambda: not gateway.books.spending.open)
        assert gateway.books.spending.usd > MOST


def test_a_service_that_is_not_there_costs_nothing(tmp_path: Path) -> None:
    live = LiveModel(PRICED, api_base="http://127.0.0.1:9/v1", api_key="sk-fake", retry_waits=())
    with Gateway(live) as gateway, pytest.raises(Exception, match="could not be reached"):
        ask(session_of(gateway, tmp_path))
    assert gateway.books.spending == Spending()


def test_a_reply_that_nobody_waited_for_is_counted(tmp_path: Path) -> None:
    go_on, ledger = threading.Event(), Ledger(tmp_path / "ledger.jsonl")

    def late(body: dict[str, Any]) -> Says:
        assert go_on.wait(10)
        return Service(100)(body)

    with gateway_to(late, ledger=ledger) as (_, gateway):
        session = session_of(gateway, tmp_path)
        impatient = openai.OpenAI(
            base_url=session.base_url, api_key="local", timeout=0.5, max_retries=0
        )
        with impatient, pytest.raises(openai.APITimeoutError):
            impatient.chat.completions.create(model="bonsai", messages=QUESTION)
        spending = gateway.books.spending
        assert spending.tokens == 0 < spending.at_most.tokens
        go_on.set()
        wait_for(lambda: spending.tokens)
        assert spending.tokens == spending.at_most.tokens == PROMPT + 100
    assert Spending.of(ledger.read()).tokens == PROMPT + 100


ASK_ONCE = """
import sys
from pathlib import Path
from bonsai.models.budget import Books, Budget
from bonsai.models.gateway import Gateway, LiveModel
from bonsai.base.ledger import Ledger
folder, model, url = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
with Gateway(LiveModel(model, api_base=url), Books(Ledger(folder / "ledger.jsonl"))) as gateway:
    session = gateway.session(folder, account=gateway.books.account("toy", "an_idea"))
    session.answer({"messages": [{"role": "user", "content": "hello"}]}, lambda: True)
"""


def test_a_call_that_was_open_when_the_runner_was_killed_counts_in_full(tmp_path: Path) -> None:
    model = FakeModel(HANGS)
    command = [sys.executable, "-c", ASK_ONCE, str(tmp_path), PRICED]
    with (
        model.serving(),
        subprocess.Popen([*command, model.url], cwd=sweeps.REPOSITORY) as process,
    ):
        wait_for(lambda: model.bodies, seconds=60)
        process.send_signal(signal.SIGKILL)
    ledger = Ledger(tmp_path / "ledger.jsonl")
    (asked,) = ledger.read()
    assert asked.step == ASKING
    assert asked.data["usd"] > LONGEST_REPLY * PRICE_OUT

    for _ in range(2):  # resumed, and resumed again
        budget = Budget(usd=asked.data["usd"])
        books = Books(ledger, idea=budget, entries=ledger.read())
        assert books.spending.usd == asked.data["usd"]
        assert books.spending.open == {}
    assert [entry.step for entry in ledger.read()] == [ASKING, SPENT]
    with FakeModel().serving() as fake, Gateway(LiveModel(PRICED, fake.url), books) as gateway:
        assert "idea's budget is spent" in refusal(session_of(gateway, tmp_path))
    assert fake.bodies == []


def wait_for(condition: Any, seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


# ------------------------------------------------------------------------------------------- hours


def step(end: float, seconds: float, idea: str = "an_idea") -> Entry:
    return Entry(time=end, seconds=seconds, template="toy", idea=idea, step="run")


@pytest.mark.parametrize(
    ("steps", "seconds"),
    [
        ([], 0),
        ([(100, 10), (130, 30)], 40),
        ([(100, 50), (100, 20), (110, 50)], 60),  # side by side
        ([(100, 10), (90_000, 10)], 20),  # a pause, and a resume
        ([(90_000, 10), (100, 10)], 20),  # the clock was set back in between
    ],
)
def test_hours_are_those_in_which_anything_was_done(
    steps: list[tuple[float, float]], seconds: float, tmp_path: Path
) -> None:
    """Each step by its end and its length; also those of ideas that have ended since."""
    ledger = Ledger(tmp_path / "ledger.jsonl")
    every = [step(end, length) for end, length in steps]
    every += [step(end, 0.0).model_copy(update={"step": END}) for end, _ in steps[-1:]]
    ledger.path.write_text("".join(entry.model_dump_json() + "\n" for entry in every))
    assert len(ledger.recall()) <= 1
    assert ledger.seconds_at_work == seconds


def test_hours_end_a_sweep_and_an_idea() -> None:
    entries = [step(3600, 3600), step(5400, 1800, "other")]
    before = {"entries": entries, "seconds_before": 5400}
    enough = Books(sweep=Budget(hours=2), idea=Budget(hours=1.1), **before)
    assert enough.account("toy", "an_idea").time_is_up() is None
    of_ideas = Books(idea=Budget(hours=1), **before)
    assert of_ideas.account("toy", "other").time_is_up() is None
    assert of_ideas.account("toy", "an_idea").time_is_up() == "The idea's budget of 1 h is over."
    of_sweep = Books(sweep=Budget(hours=1.5), **before)
    assert of_sweep.account("toy", "new").time_is_up() == "The sweep's budget of 1.5 h is over."


def test_resume_keeps_the_budgets(tmp_path: Path) -> None:
    told = Settings(
        assignments=[],
        first_fresh_seed=1000,
        budget=Budget(usd=5, tokens=10**6, hours=48),
        idea_budget=Budget(usd=0.5, tokens=10**5, hours=2),
    )
    told.save(tmp_path)
    assert Settings.load(tmp_path) == told
