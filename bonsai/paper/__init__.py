"""A paper of what was measured: every number in it is a reference to a value of the ledger.

`choose` says what it is about, `ask` has a model write its prose, `write` writes its source and
makes the PDF.
"""

from bonsai.paper.prose import Scene, check
from bonsai.paper.subjects import Chosen, choose
from bonsai.paper.writing import Written, ask, write

__all__ = ["Chosen", "Scene", "Written", "ask", "check", "choose", "write"]
