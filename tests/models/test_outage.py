"""Waiting for a service that is away: together, told once, with an end."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from bonsai.execution import Cancelled
from bonsai.models import outage
from bonsai.models.exchange import ServiceDown
from bonsai.models.outage import Outage, ServiceGone


class Told:
    """What an outage says and remarks."""

    def __init__(self, patience: float, **options: Any) -> None:
        self.said: list[str] = []
        self.remarks: list[tuple[str, str, float]] = []
        self.outage = Outage(
            patience, say=self.said.append, remark=lambda *told: self.remarks.append(told),
            **options,
        )  # fmt: skip

    @property
    def steps(self) -> list[str]:
        return [step for step, _, _ in self.remarks]


class Service:
    """Is away until a moment."""

    def __init__(self, seconds: float) -> None:
        self.back = time.monotonic() + seconds
        self.asked = 0

    def __call__(self) -> str:
        self.asked += 1
        if time.monotonic() < self.back:
            raise ServiceDown("The service of x could not be reached.", "passes")
        return "a reply"


@pytest.fixture
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outage, "PAUSES", (0.05, 0.1, 0.2))


@pytest.mark.usefixtures("brisk")
def test_many_wait_for_one_outage_and_all_go_on() -> None:
    told, service = Told(20), Service(0.6)
    replies = []

    def work() -> None:
        replies.append(told.outage.through(service))
        told.outage.answered()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert replies == ["a reply"] * 8
    assert told.steps == ["outage", "outage over"]
    assert told.remarks[1][2] >= 0.6
    assert len(told.said) == 2
    assert service.asked <= 8 * 6, "after growing pauses"
    assert not told.outage.is_on


@pytest.mark.usefixtures("brisk")
def test_patience_has_an_end() -> None:
    told, started = Told(0.5), time.monotonic()
    with pytest.raises(ServiceGone, match=r"It was waited for 0\.5 s\.") as gone:
        told.outage.through(Service(60))
    assert gone.value.exit_code == 75
    assert 0.5 <= time.monotonic() - started < 1.5
    assert told.steps == ["outage", "given up"]
    with pytest.raises(ServiceGone):
        told.outage.check()


def test_without_patience_nobody_waits() -> None:
    told, service = Told(0), Service(60)
    with pytest.raises(ServiceGone):
        told.outage.through(service)
    assert service.asked == 1


@pytest.mark.parametrize(("kind", "status"), [("config", 78), ("quota", 75)])
def test_what_does_not_pass_is_not_waited_for(kind: Any, status: int) -> None:
    told = Told(600)
    with pytest.raises(ServiceGone) as gone:
        told.outage.wait(ServiceDown("No.", kind))
    assert gone.value.exit_code == status
    assert told.said == []


@pytest.mark.usefixtures("brisk")
def test_the_pause_that_the_service_asks_for_is_kept() -> None:
    told, started = Told(20), time.monotonic()
    told.outage.wait(ServiceDown("Slow down.", "passes", pause=0.6))
    assert time.monotonic() - started >= 0.6


def test_a_pause_beyond_all_patience_is_not_begun() -> None:
    started = time.monotonic()
    with pytest.raises(ServiceGone, match="longer than it is waited for") as gone:
        Outage(600).wait(ServiceDown("Slow down.", "passes", pause=9999))
    assert gone.value.exit_code == 75
    assert time.monotonic() - started < 1


def test_old_news_begins_no_outage() -> None:
    told = Told(600)
    old = ServiceDown("The service of x failed.", "passes")
    told.outage.answered()
    told.outage.wait(old)
    limited = ServiceDown("Too many requests.", "passes", pause=0.5)
    told.outage.answered()
    started = time.monotonic()
    told.outage.wait(limited)
    assert time.monotonic() - started >= 0.5, "it is still left alone as long as it asked"
    assert told.remarks == []


@pytest.mark.usefixtures("brisk")
def test_one_who_alone_is_never_answered_is_given_up_and_the_others_go_on() -> None:
    told, over = Told(1.0), threading.Event()

    def another() -> None:
        while not over.wait(0.02):
            told.outage.answered()

    thread = threading.Thread(target=another)
    thread.start()
    try:
        with pytest.raises(ServiceGone, match="though others are answered"):
            told.outage.through(Service(60))
    finally:
        over.set()
        thread.join()
    told.outage.check()
    assert told.outage.gone is None


def test_pauses_grow_to_a_minute() -> None:
    assert list(outage.PAUSES) == sorted(outage.PAUSES)
    assert outage.PAUSES[:5] == (1, 2, 5, 10, 20)
    assert outage.PAUSES[-1] == 60


def test_a_stop_ends_the_waiting_at_once() -> None:
    cancel = threading.Event()
    waiting, raised = Outage(600, cancel=cancel), []

    def work() -> None:
        try:
            waiting.wait(ServiceDown("Slow down.", "passes", pause=60))
        except Cancelled as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.3)
    cancel.set()
    thread.join(2)
    assert len(raised) == 1


@pytest.mark.usefixtures("brisk")
def test_when_one_gives_up_all_who_wait_do() -> None:
    told, gone = Told(30), []

    def work() -> None:
        try:
            told.outage.through(Service(60))
        except ServiceGone as error:
            gone.append(error.exit_code)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    with pytest.raises(ServiceGone):
        told.outage.wait(ServiceDown("The key was revoked.", "config"))
    for thread in threads:
        thread.join(5)
    assert gone == [78] * 3
    assert told.steps == ["outage", "given up"]
