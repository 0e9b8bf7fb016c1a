"""How a search for better versions of an experiment decides, and who proposes them.

Nothing here runs anything: `Search` says what to do next and is told what came of it, proposers
change a version's text. `bonsai.sweep.tree_loop` carries it out.
"""

from bonsai.search.actions import (
    START,
    Action,
    Done,
    Evaluate,
    Plan,
    Propose,
    Verdict,
    Wait,
    analyses_of,
)
from bonsai.search.decisions import Search
from bonsai.search.early import EarlyStopping
from bonsai.search.proposers import (
    Mixed,
    Node,
    NoProposal,
    Proposal,
    Proposer,
    make_random,
    make_tpe,
)
from bonsai.search.space import Setting, read_space, space_of

__all__ = [
    "START",
    "Action",
    "Done",
    "EarlyStopping",
    "Evaluate",
    "Mixed",
    "NoProposal",
    "Node",
    "Plan",
    "Proposal",
    "Propose",
    "Proposer",
    "Search",
    "Setting",
    "Verdict",
    "Wait",
    "analyses_of",
    "make_random",
    "make_tpe",
    "read_space",
    "space_of",
]
