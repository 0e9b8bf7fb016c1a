"""The report of a sweep: pages for a browser, `report.md` for a terminal, `report.json`.

Everything lies in `<results>/report/`, which may be copied elsewhere: `index.html`, a page for each
idea, the pictures that they show, `report.md`, `report.json` and `ideas.csv`.

`summarise` reads a results folder, `gather` says what there is to tell, `write` writes it. What
came of programs that were brought `verdict_record` tells a script, and `overall` in a word.
"""

from bonsai.report import figures, tracking
from bonsai.report.gathering import gather, headline
from bonsai.report.record import overall, verdict_record
from bonsai.report.refresh import Refresher
from bonsai.report.summary import IdeaSummary, SweepSummary, TemplateSummary, summarise
from bonsai.report.writing import write

__all__ = [
    "IdeaSummary",
    "Refresher",
    "SweepSummary",
    "TemplateSummary",
    "figures",
    "gather",
    "headline",
    "overall",
    "summarise",
    "tracking",
    "verdict_record",
    "write",
]
