"""What is done while the model's service is away: told once, waited for together, given up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from bonsai import execution
from bonsai.base import BonsaiError
from bonsai.models.exchange import GLANCE_SECONDS, ServiceDown

WAIT_SECONDS = 600.0  # how long a service is waited for, unless a person says otherwise
PAUSES = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0)  # seconds; the last again and again
OUTAGE, OVER, GIVEN_UP = "outage", "outage over", "given up"  # remarks in the ledger
TEMPORARY, CONFIGURATION = 75, 78  # EX_TEMPFAIL and EX_CONFIG of sysexits.h

Found = TypeVar("Found")
Remark = Callable[[str, str, float], None]


class ServiceGone(BonsaiError):
    """The model's service is away, and is waited for no longer."""

    def __init__(self, sentence: str, exit_code: int) -> None:
        """Give up because of `sentence`; the command ends with `exit_code`."""
        super().__init__(sentence)
        self.exit_code = exit_code


class Outage:
    """Whether the service is away, for all who ask it; safe to use from several threads.

    An outage begins when somebody is refused and ends when somebody gets a reply. It is told once,
    however many ideas meet it. All who wait try again at the same moments, after growing pauses.
    """

    def __init__(
        self,
        patience_seconds: float = WAIT_SECONDS,
        *,
        say: Callable[[str], None] = lambda text: None,
        remark: Remark = lambda step, message, seconds: None,
        cancel: threading.Event | None = None,
    ) -> None:
        """Begin with a service that is there.

        Args:
            patience_seconds: how long an outage may last.
            say: is told, for a person, when one begins and ends.
            remark: is told the same for the ledger: a name, a sentence, and how long it lasted.
            cancel: when set, nobody waits any more.
        """
        self.patience_seconds = patience_seconds
        self._say = say
        self._remark = remark
        self._cancel = cancel or threading.Event()
        self._changed = threading.Condition()
        self._began: float | None = None  # this and the next in `time.monotonic`
        self._next_try = 0.0
        self._answered = 0.0  # when the latest reply came
        self._pauses = 0  # so far, in this outage
        self._ends = 0  # outages that are over
        self._gone: tuple[str, int] | None = None

    @property
    def is_on(self) -> bool:
        """Whether the service is known to be away."""
        return self._began is not None

    @property
    def gone(self) -> ServiceGone | None:
        """Why it is waited for no longer; None while it is."""
        return None if self._gone is None else ServiceGone(*self._gone)

    def check(self) -> None:
        """Return if the model may be asked.

        Raises:
            ServiceGone: the service is waited for no longer.
            execution.Cancelled: the sweep was told to stop.
        """
        if self._cancel.is_set():
            raise execution.Cancelled
        if (gone := self.gone) is not None:
            raise gone

    def through(self, ask: Callable[[], Found]) -> Found:
        """What `ask` returns, in the end.

        Raises:
            ServiceGone: as `wait`; or others are answered, and `ask` is not for all its patience.
        """
        tries, first = 0, 0.0
        while True:
            try:
                return ask()
            except ServiceDown as down:
                first = first or down.at
                lasted = time.monotonic() - first
                if tries and lasted >= self.patience_seconds and self._answered > first:
                    raise ServiceGone(
                        f"{down} So it is since {lasted:.0f} s, though others are answered.",
                        TEMPORARY,
                    ) from down
                self.wait(down, tries)
                tries += 1

    def wait(self, down: ServiceDown, tries: int = 0) -> None:
        """Return when it is time to ask again.

        Args:
            down: how the service was found.
            tries: how often this was waited for already.

        Raises:
            ServiceGone: there is nothing to wait for, or it was waited for long enough.
            execution.Cancelled: the sweep was told to stop.
        """
        with self._changed:
            self.check()
            old_news = down.at < self._answered  # others were answered since
            if old_news and down.kind == "passes" and down.pause <= self.patience_seconds:
                own = _pause(tries - 1) if tries else 0.0
                self._until(time.monotonic() + max(own, down.pause))
                return
            self._begin(down)
            if down.kind != "passes":
                self._give_up(str(down), CONFIGURATION if down.kind == "config" else TEMPORARY)
            self._plan(down, tries)
            ends = self._ends
            while self._next_try > time.monotonic() and ends == self._ends:
                self._until(min(self._next_try, time.monotonic() + GLANCE_SECONDS))

    def answered(self) -> None:
        """The service gave a reply: if it was away, it is back."""
        self._answered = time.monotonic()
        if self._began is None:  # as nearly always
            return
        with self._changed:
            if self._began is None or self._gone is not None:
                return
            seconds = time.monotonic() - self._began
            self._began, self._pauses = None, 0
            self._ends += 1
            sentence = f"the model's service is back after {seconds:.0f} s"
            self._say(sentence)
            self._remark(OVER, sentence, seconds)
            self._changed.notify_all()

    def _until(self, moment: float) -> None:
        """Wait, ready to stop."""
        while (left := moment - time.monotonic()) > 0:
            self._changed.wait(min(left, GLANCE_SECONDS))
            self.check()

    def _begin(self, down: ServiceDown) -> None:
        if self._began is not None:
            return
        self._began = self._next_try = time.monotonic()
        self._remark(OUTAGE, str(down), 0.0)
        if down.kind == "passes" and self.patience_seconds > 0:
            self._say(f"{down} It is waited for, {self.patience_seconds:g} s at most.")

    def _plan(self, down: ServiceDown, tries: int) -> None:
        """Set when to try next, unless somebody has, who was refused at the same time."""
        now = time.monotonic()
        end = (now if self._began is None else self._began) + self.patience_seconds
        if now >= end:
            waited = f" It was waited for {self.patience_seconds:g} s." * (
                self.patience_seconds > 0
            )
            self._give_up(f"{down}{waited}", TEMPORARY)
        if now + down.pause > end:
            self._give_up(f"{down} That is longer than it is waited for.", TEMPORARY)
        if now >= self._next_try:
            self._next_try = min(end, now + _pause(max(self._pauses, tries)))
            self._pauses += 1
        self._next_try = max(self._next_try, now + down.pause)

    def _give_up(self, sentence: str, exit_code: int) -> None:
        seconds = 0.0 if self._began is None else time.monotonic() - self._began
        self._gone = (sentence, exit_code)
        self._remark(GIVEN_UP, sentence, seconds)
        self._changed.notify_all()
        raise ServiceGone(sentence, exit_code)


def _pause(number: int) -> float:
    """The pause of that number, from 0, in seconds."""
    return PAUSES[min(number, len(PAUSES) - 1)]
