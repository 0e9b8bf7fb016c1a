"""A command's own conversation with a model, outside of any sweep."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bonsai.models.budget import Books, Budget, Cost, Spending, describe_cost
from bonsai.models.exchange import Reply
from bonsai.models.gateway import Gateway, Session
from bonsai.models.outage import WAIT_SECONDS, Outage
from bonsai.models.provider import LiveModel

Message = dict[str, str]  # with `role` and `content`


class Asker:
    """Asks the model, one request after the other."""

    def __init__(self, session: Session, outage: Outage, spending: Spending) -> None:
        """Ask through `session`, and wait as `outage` has it."""
        self._session = session
        self._outage = outage
        self.spending = spending

    def ask(self, messages: Sequence[Message], *, temperature: float = 0.2) -> Reply:
        """The model's next message.

        Raises:
            Refusal: the model refuses to answer, or the budget does not pay for it.
            ServiceGone: the service is away, and is waited for no longer.
        """
        request = {"messages": list(messages), "temperature": temperature}
        return self._outage.through(partial(self._session.answer, request, wanted=lambda: True))

    @property
    def lack(self) -> str | None:
        """Why there was no answer in the last reply, as a sentence; None if there was one."""
        return self._session.lack

    @property
    def replies(self) -> int:
        """How many there were."""
        return self._session.exchanges

    @property
    def cost(self) -> str:
        """What it took so far, in words."""
        return cost_of(self.spending)


def cost_of(spending: Spending) -> str:
    """What a conversation took, in words.

    Args:
        spending: of an `Asker`, which outlives it.
    """
    most = spending.at_most
    return describe_cost(Cost(most.tokens, None if spending.unpriced else most.usd))


@contextmanager
def asking(
    live: LiveModel,
    folder: Path,
    *,
    budget: Budget,
    say: Callable[[str], None] = print,
    wait_for_model: float = WAIT_SECONDS,
) -> Iterator[Asker]:
    """Begin a conversation that is recorded in `folder`.

    Args:
        live: the model.
        folder: where requests and replies are recorded.
        budget: what may be spent.
        say: is told when the service is away, and when it is back.
        wait_for_model: for how many seconds it is then waited for.
    """
    books = Books(sweep=budget, name="command")
    with (
        Gateway(live, books, Outage(wait_for_model, say=say)) as gateway,
        gateway.session(folder) as session,
    ):
        yield Asker(session, gateway.outage, books.spending)
