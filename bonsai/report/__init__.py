"""The report of a sweep: pages for a browser, `report.md` for a terminal, `report.json`.

Everything lies in `<results>/report/`, which may be copied elsewhere: `index.html`, a page for each
idea, the pictures that they show, `report.md`, `report.json` and `ideas.csv`.

`summarise` reads a results folder, `gather` says what there is to tell (`Report` and its parts),
`write` writes it. `story` reads what an idea's folder holds, and `words` has numbers as people read
them. What came of programs that were brought `verdict_record` tells a script, and `overall` in a
word.
"""

from bonsai.report import figures, story, tracking, words
from bonsai.report.gathering import gather, headline
from bonsai.report.record import overall, verdict_record
from bonsai.report.refresh import Refresher
from bonsai.report.shapes import (
    IdeaReport,
    Judged,
    MetricReport,
    Report,
    Run,
    SearchReport,
    TemplateReport,
)
from bonsai.report.source import Source
from bonsai.report.summary import IdeaSummary, SweepSummary, TemplateSummary, summarise
from bonsai.report.writing import write

__all__ = [
    "IdeaReport",
    "IdeaSummary",
    "Judged",
    "MetricReport",
    "Refresher",
    "Report",
    "Run",
    "SearchReport",
    "Source",
    "SweepSummary",
    "TemplateReport",
    "TemplateSummary",
    "figures",
    "gather",
    "headline",
    "overall",
    "story",
    "summarise",
    "tracking",
    "verdict_record",
    "words",
    "write",
]
