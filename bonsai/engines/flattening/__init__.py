"""Several modules as one file that reads as if it had been written so.

`sources` knows what each module defines and needs, by what `scopes` sees in a statement; `program`
puts what is needed in order, and `rewriting` changes names in the text of a statement.
"""

from bonsai.engines.flattening.program import flatten
from bonsai.engines.flattening.sources import Sources

__all__ = ["Sources", "flatten"]
