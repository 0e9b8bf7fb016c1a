"""A paper of what was measured: every number in it is a reference to a value of the ledger.

`choose` says what it is about, `write` writes its source and compiles it.
"""

from bonsai.paper.writing import Written, choose, write

__all__ = ["Written", "choose", "write"]
