"""What a sweep and each of its ideas may use up, and have used up: money, tokens, hours.

Every call of the model is two entries in the ledger: `asking`, with the most that it can take, is
on the disk before the call is made, and `spent`, with what it took, as soon as that is known. All
totals are sums over these entries, so a crash loses none: a call without an end counts in full.
"""

from __future__ import annotations

import math
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from bonsai.base import NO_STEP, Entry, Ledger
from bonsai.models.exchange import GLANCE_SECONDS, LONG_REPLY, Exhausted, NobodyWaits, Quote, Reply

ASKING, SPENT = "asking", "spent"
CALLS = (ASKING, SPENT)  # the entries of this module
USEFUL_REPLY = 256  # tokens; what cannot buy as many is no longer spent
PATIENCE_SECONDS = 300.0  # the longest wait for other calls to give back what they do not need


class Budget(BaseModel):
    """The most that may be used up; None: no limit."""

    model_config = ConfigDict(extra="forbid")

    usd: Annotated[float | None, Field(ge=0)] = None
    tokens: Annotated[int | None, Field(ge=0)] = None  # sent and received together
    hours: Annotated[float | None, Field(ge=0)] = None


@dataclass(frozen=True)
class Cost:
    """What calls of the model take."""

    tokens: int
    usd: float | None  # None: nobody knows the price


@dataclass
class Spending:
    """What has been used up, as the entries of an idea, or of a whole sweep, tell.

    Attributes:
        tokens: sent and received, in all calls whose end is known.
        usd: the money that those cost, as far as prices are known.
        unpriced: those of them whose price nobody knows.
        seconds: the time that steps took.
        open: what calls may take at most whose end is not known, by their names.
    """

    tokens: int = 0
    usd: float = 0.0
    unpriced: int = 0
    seconds: float = 0.0
    open: dict[str, Cost] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Spending:
        """Add up entries of a ledger that nobody writes to any more: open calls count in full."""
        spending = cls()
        for entry in entries:
            spending.take(entry)
        for cost in spending.open.values():
            spending._add(cost)
        spending.open.clear()
        return spending

    def take(self, entry: Entry) -> None:
        """Add an entry, of whatever kind."""
        if entry.step == ASKING:
            self.open[entry.data["call"]] = _cost(entry)
        elif entry.step == SPENT:
            self.open.pop(entry.data["call"], None)
            self._add(_cost(entry))
        elif entry.index != NO_STEP:
            self.seconds += entry.seconds

    @property
    def known_usd(self) -> float | None:
        """The money; None where a price is unknown."""
        return None if self.unpriced else self.usd

    @property
    def at_most(self) -> Cost:
        """What is gone if every open call takes all that it may."""
        open_calls = self.open.values()
        return Cost(
            self.tokens + sum(cost.tokens for cost in open_calls),
            self.usd + sum(cost.usd or 0.0 for cost in open_calls),
        )

    def _add(self, cost: Cost) -> None:
        self.tokens += cost.tokens
        self.usd += cost.usd or 0.0
        self.unpriced += cost.usd is None


class Books:
    """The budgets of a sweep and of its ideas; safe to use from several threads."""

    def __init__(
        self,
        ledger: Ledger | None = None,
        *,
        sweep: Budget | None = None,
        idea: Budget | None = None,
        entries: Iterable[Entry] = (),
        seconds_before: float = 0.0,
        on_entry: Callable[[Entry], None] = lambda entry: None,
        name: str = "sweep",
    ) -> None:
        """Open the books where `entries` left them.

        Args:
            ledger: where calls are recorded; None: they are counted and not kept.
            sweep: the limits of the whole sweep; of its hours, those before a resume count too.
            idea: the limits of each idea.
            entries: what the ledger holds. Calls that a crash left open are closed at their most.
            seconds_before: how long the sweep was at work before a resume.
            on_entry: called with every entry that the books make.
            name: what the whole is called when it is refused more.
        """
        self.name = name
        self.sweep = sweep or Budget()
        self.idea = idea or Budget()
        self.spending = Spending()  # of the whole sweep
        self._ideas: dict[tuple[str, str], Spending] = defaultdict(Spending)
        self._ledger = ledger
        self._on_entry = on_entry
        self.changed = threading.Condition(threading.RLock())
        self._began = time.monotonic()
        self._seconds_before = seconds_before
        for entry in entries:
            self.take(entry)
        for template, name in list(self._ideas):
            account = self.account(template, name)
            for call, cost in list(account.spending.open.items()):
                message = "no end of this call is known, so it counts in full"
                account.enter(SPENT, message, call, cost)

    def account(self, template: str, idea: str) -> Account:
        """What one idea does with the books."""
        with self.changed:
            return Account(self, template, idea, self._ideas[template, idea])

    @property
    def seconds(self) -> float:
        """How long the sweep has been at work, over all resumes."""
        return self._seconds_before + time.monotonic() - self._began

    def take(self, entry: Entry) -> None:
        """Add an entry of the ledger, of whatever kind."""
        with self.changed:
            self.spending.take(entry)
            self._ideas[entry.template, entry.idea].take(entry)
            self.changed.notify_all()

    def enter(self, **fields: Any) -> None:
        """Make an entry, and have it on the disk before returning."""
        with self.changed:
            entry = self._ledger.append(**fields) if self._ledger else Entry(time=0.0, **fields)
            self.take(entry)
        self._on_entry(entry)


@dataclass(frozen=True)
class Account:
    """One idea's part of the books; made by `Books.account`."""

    books: Books
    template: str
    idea: str
    spending: Spending  # what the idea has used up

    def time_is_up(self) -> str | None:
        """Why nothing more should be begun, as a sentence; None while there is time."""
        books = self.books
        for whose, limits, seconds in (
            (books.name, books.sweep, books.seconds),
            ("idea", books.idea, self.spending.seconds),
        ):
            if limits.hours is not None and seconds >= limits.hours * 3600:
                return f"The {whose}'s budget of {limits.hours:g} h is over."
        return None

    def reserve(self, quote: Quote, wanted: Callable[[], bool] = lambda: True) -> Call:
        """Set aside the most that a request can take, and say how long its reply may be.

        Where what is left does not pay for the longest reply, the reply must be shorter. Where that
        is only because of other calls that are open, their end is waited for: they hardly ever take
        all that they may.

        Args:
            quote: what the request can take.
            wanted: whether somebody still waits for the reply; asked several times a second.

        Raises:
            Exhausted: Not even a short reply can be paid for.
            NobodyWaits: `wanted` said so.
        """
        purses = self._purses()
        short = min(USEFUL_REPLY, quote.reply_tokens)
        long = min(LONG_REPLY, quote.reply_tokens)
        until = time.monotonic() + PATIENCE_SECONDS
        while wanted():
            with self.books.changed:
                now = [purse.buys(quote) for purse in purses]
                later = [purse.buys(quote, before_open_calls=True) for purse in purses]
                reply_tokens = min([*now, quote.reply_tokens])
                may_grow = later != now and min(later) >= short and time.monotonic() < until
                if reply_tokens >= (long if may_grow else short):
                    return self._open(quote, reply_tokens, limited=bool(purses))
                if not may_grow:
                    tightest = purses[now.index(reply_tokens)]
                    raise Exhausted(tightest.refusal(quote, short), "budget")
                self.books.changed.wait(GLANCE_SECONDS)
        raise NobodyWaits

    def _purses(self) -> list[Purse]:
        books = self.books
        return [
            Purse(whose, unit, limit, spending)
            for whose, limits, spending in (
                (books.name, books.sweep, books.spending),
                ("idea", books.idea, self.spending),
            )
            for unit, limit in (("usd", limits.usd), ("tokens", limits.tokens))
            if limit is not None
        ]

    def _open(self, quote: Quote, reply_tokens: int, limited: bool) -> Call:
        must_be_told = reply_tokens < quote.reply_tokens or (limited and not quote.bounded)
        most = Cost(quote.prompt_tokens + reply_tokens, quote.usd(reply_tokens))
        call = Call(self, secrets.token_hex(8), most, reply_tokens if must_be_told else None)
        self.enter(ASKING, f"at most {describe_cost(most)}", call.name, most)
        return call

    def enter(self, step: str, message: str, call: str, cost: Cost, **more: int) -> None:
        """Record the beginning or the end of a call."""
        data = {"call": call, "tokens": cost.tokens, "usd": cost.usd, **more}
        self.books.enter(
            template=self.template,
            idea=self.idea,
            step=step,
            index=NO_STEP,
            message=message,
            data=data,
        )


@dataclass(frozen=True)
class Call:
    """A call of the model that is paid for; made by `Account.reserve`, and ended once.

    Attributes:
        name: what the ledger calls it.
        most: what was set aside for it.
        max_tokens: the longest reply that the model may be asked for; None: it need not be told.
    """

    account: Account
    name: str
    most: Cost
    max_tokens: int | None

    def answered(self, reply: Reply) -> None:
        """Enter what a reply took. What the service does not say counts in full."""
        tokens = reply.tokens_in + reply.tokens_out
        usd = self.most.usd if reply.cost_usd is None else reply.cost_usd
        took = Cost(tokens, usd) if tokens else self.most
        self.account.enter(
            SPENT, describe_cost(took), self.name, took,
            tokens_in=reply.tokens_in, tokens_out=reply.tokens_out,
        )  # fmt: skip

    def failed(self, *, billed: bool) -> None:
        """Enter that there is no reply; if the service may have made one, all counts as spent."""
        message = "no reply, and perhaps billed: counts in full" if billed else "no reply, no bill"
        took = self.most if billed else Cost(0, 0.0)
        self.account.enter(SPENT, message, self.name, took)


@dataclass(frozen=True)
class Purse:
    """One budget of money or tokens, and what is left in it."""

    whose: str
    unit: str  # "usd" or "tokens"
    limit: float
    spending: Spending

    def buys(self, quote: Quote, before_open_calls: bool = False) -> int:
        """How many tokens of reply can be paid for; negative if not even the prompt can."""
        left, price = self.limit - self._used(before_open_calls), 1.0
        if self.unit == "tokens":
            left -= quote.prompt_tokens
        elif quote.prompt_usd is None or quote.reply_token_usd is None:
            return -1
        else:
            left, price = left - quote.prompt_usd, quote.reply_token_usd
        if price > 0:
            return math.floor(left / price)
        return quote.reply_tokens if left >= 0 else -1

    def refusal(self, quote: Quote, reply_tokens: int) -> str:
        """Why there will not even be a reply of so many tokens, as a sentence."""
        head = f"The {self.whose}'s budget is spent: "
        used = self._used()
        if self.unit == "tokens":
            tokens = quote.prompt_tokens + reply_tokens
            return (
                f"{head}{used:,} of {self.limit:,} tokens are used, and even a short reply could "
                f"take {tokens:,}."
            )
        usd = quote.usd(reply_tokens)
        if usd is None:
            return f"The {self.whose}'s budget is in dollars, but this model's price is unknown."
        return (
            f"{head}{dollars(used)} of {dollars(self.limit)} are used, and even a short reply "
            f"could cost {dollars(usd)}."
        )

    def _used(self, before_open_calls: bool = False) -> float:
        spending = self.spending
        used = Cost(spending.tokens, spending.usd) if before_open_calls else spending.at_most
        return used.tokens if self.unit == "tokens" else used.usd or 0.0


def describe_cost(cost: Cost) -> str:
    """A cost for people."""
    price = "price unknown" if cost.usd is None else dollars(cost.usd)
    return f"{cost.tokens:,} tokens, {price}"


def dollars(usd: float) -> str:
    """Money for people; small sums with more digits."""
    return f"${usd:,.2f}" if usd >= 1 or usd == 0 else f"${usd:.4f}"


def _cost(entry: Entry) -> Cost:
    return Cost(entry.data["tokens"], entry.data["usd"])
