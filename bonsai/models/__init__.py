"""Language models: who is asked, what may be spent, what is recorded and played back.

Agents (`bonsai.models.agents`) talk to the `Gateway` alone; it asks a `LiveModel` or plays a
cassette, and pays from the `Books`.
"""

from bonsai.models import cassette
from bonsai.models.budget import (
    CALLS,
    Account,
    Books,
    Budget,
    Cost,
    Spending,
    describe_cost,
    dollars,
)
from bonsai.models.exchange import Refusal, Reply
from bonsai.models.gateway import Gateway, Session
from bonsai.models.provider import LiveModel

__all__ = [
    "CALLS",
    "Account",
    "Books",
    "Budget",
    "Cost",
    "Gateway",
    "LiveModel",
    "Refusal",
    "Reply",
    "Session",
    "Spending",
    "cassette",
    "describe_cost",
    "dollars",
]
