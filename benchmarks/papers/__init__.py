"""Papers that are known to be right, and errors that are known to be planted in them.

`studies.py` has the results, some of real runs of our templates (`recorded.json`) and some drawn in
the shapes of The AI Scientist's templates, and lays each out as an idea's folder of The AI
Scientist. `authors.py` and `held_out.py` write a paper on any study, each in the style of an author
of its own; `manuscripts.py` is what they write on: it knows of each word that can be wrong how.
`written.py` takes papers of `bonsai paper` instead, on recorded sweeps (`packing.py`). The held-out
authors and studies are for the end: no check may be made to fit them.
"""

from __future__ import annotations
