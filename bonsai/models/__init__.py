"""Language models: who is asked, what may be spent, what is recorded and played back.

Agents (`bonsai.models.agents`) talk to the `Gateway` alone; it asks a `LiveModel` or plays a
cassette, and pays from the `Books`.
"""

from bonsai.models import cassette
from bonsai.models.asking import Asker, asking, cost_of
from bonsai.models.budget import (
    CALLS,
    SPENT,
    Account,
    Books,
    Budget,
    Cost,
    Spending,
    describe_cost,
    dollars,
)
from bonsai.models.exchange import Refusal, Reply, ServiceDown
from bonsai.models.gateway import Gateway, Session
from bonsai.models.outage import WAIT_SECONDS, Outage, ServiceGone
from bonsai.models.provider import LiveModel

__all__ = [
    "CALLS",
    "SPENT",
    "WAIT_SECONDS",
    "Account",
    "Asker",
    "Books",
    "Budget",
    "Cost",
    "Gateway",
    "LiveModel",
    "Outage",
    "Refusal",
    "Reply",
    "ServiceDown",
    "ServiceGone",
    "Session",
    "Spending",
    "asking",
    "cassette",
    "cost_of",
    "describe_cost",
    "dollars",
]
