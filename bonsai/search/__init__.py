"""A search over versions of a program: what it does next, and what it may claim in the end.

`Search` decides, by what it is told of proposals and runs, and runs nothing itself.
"""

from bonsai.search.decisions import (
    START,
    Action,
    Done,
    Evaluate,
    Plan,
    Propose,
    Search,
    Verdict,
    Wait,
)

__all__ = [
    "START",
    "Action",
    "Done",
    "Evaluate",
    "Plan",
    "Propose",
    "Search",
    "Verdict",
    "Wait",
]
