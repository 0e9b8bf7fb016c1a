"""The HTML of a report: one page for the sweep, one for every idea; no server, nothing fetched."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from bonsai.base import Entry
from bonsai.report import drawing, searches, words
from bonsai.report.effort import Effort
from bonsai.report.shapes import IdeaReport, Report, TemplateReport
from bonsai.report.story import Story

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent
STATIC = ("style.css", "report.js")  # copied as they are
MAX_SEARCHES = 6  # told on the first page; of more, the others on pages of their own alone
MAX_EFFORTS = 200  # ideas told one by one with what their agents took
MAX_METRICS = 60  # rows of a table; of more, the rest is in final_info.json


def index(report: Report, name: str, sizes: Mapping[str, tuple[int, int] | None]) -> str:
    """The page of the sweep.

    Args:
        report: what there is to tell.
        name: of the results folder.
        sizes: width and height of each figure, in pixels.
    """
    forests = [(template, drawing.forest_of(template)) for template in report.templates]
    return _render(
        "index.html.j2",
        report=report,
        name=name,
        up="../",
        home="",
        forests=forests,
        alts=_alts(report),
        by_agent=[(each.agent, "", each) for each in report.efforts],
        by_idea=_by_idea(report)[:MAX_EFFORTS],
        asked=sum(each.ideas for each in report.efforts),
        claims=sum(
            claim.verdict.comparison is not None
            for _, told in report.ideas
            for claim in told.claims
        ),
        sizes=sizes,
        ordered={
            template.name: template.best_first(template.ideas) for template in report.templates
        },
        searched={
            template.name: [each for each in template.surest(MAX_SEARCHES) if each.search]
            for template in report.templates
        },
    )


def idea(
    report: Report,
    template: TemplateReport,
    told: IdeaReport,
    story: Story,
    steps: Sequence[Entry],
    name: str,
    key: str,
) -> str:
    """The page of an idea.

    Args:
        report: the sweep that it belongs to.
        template: its template.
        told: the idea.
        story: what its folder tells.
        steps: its steps in the ledger.
        name: of the results folder.
        key: stands in the page's head, to know later what the page was made from.
    """
    forests: list[drawing.Forest | None] = []
    for claim in told.claims:
        if claim.verdict.comparison is None:
            forests.append(None)
            continue
        metric = template.metrics.get(claim.verdict.claim.metric)
        lower = (metric.better if metric else claim.verdict.claim.direction) == "lower"
        forests.append(drawing.forest([(told, claim)], lower, claim.digits))
    return _render(
        "idea.html.j2",
        report=report,
        template=template,
        idea=told,
        story=story,
        steps=steps,
        name=name,
        key=key,
        up="../../",
        home="../",
        claims=list(zip(told.claims, forests, strict=True)),
        metrics=_metric_names(template, told),
        most_metrics=MAX_METRICS,
        tree=searches.shown(told.search) if told.search else [],
    )


def _by_idea(report: Report) -> list[tuple[str, str, Effort]]:
    """Each idea that an agent was asked about: its name, its page, what it took."""
    return [(idea.name, idea.page, idea.effort) for _, idea in report.ideas if idea.effort]


def _alts(report: Report) -> dict[str, str]:
    """What each picture shows, in words."""
    alts = {}
    for template in report.templates:
        for figure in template.figures:
            alts[figure] = (
                f"{template.name}: what each run achieved in {template.primary.name}, against the "
                "time that it took"
                if figure.endswith("_cost.png")
                else f"{template.name}: every {template.wording.one}'s difference to the baseline, "
                "as in the figure at the top"
            )
    return alts | dict.fromkeys(
        report.figures,
        f"When each {report.wording.one} was worked on, and which of its steps went wrong",
    )


def _metric_names(template: TemplateReport, told: IdeaReport) -> list[str]:
    """The primary metric, the claimed ones, the scorer's, then what the runs report themselves."""
    runs = [*told.runs, *told.fresh, *([template.baseline] if template.baseline else [])]
    every = [
        template.primary.name,
        *(claim.verdict.claim.metric for claim in told.claims),
        *template.metrics,
        *(metric for run in runs for metric in run.means),
    ]
    there = {metric for run in runs for metric in run.means}
    return [metric for metric in dict.fromkeys(every) if metric in there]


def _render(source: str, **context: Any) -> str:
    return _environment().get_template(source).render(**context)


@cache
def _environment() -> Environment:
    """Jinja2, which escapes all that it is given: everything here may be a model's own words."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    def finalize(value: Any) -> Any:
        return words.clean(value) if isinstance(value, str) and type(value) is not Markup else value

    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        "url": lambda path: quote(str(path)),
        "number": words.number,
        "fixed": words.fixed,
        "signed": words.signed,
        "p_value": words.p_value,
        "points": words.points,
        "duration": words.duration,
        "size": words.size,
        "share": words.share,
        "spending": searches.describe_spending,
        "others": searches.describe_others,
        "cost": searches.describe_cost,
        "apply": searches.how_to_apply,
        "clock": _clock,
        "machine_clock": lambda moment: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment)),
    }
    environment.globals |= {
        "called": words.version,
        "stages": searches.STAGES,
        "counted": words.counted,
        "spread": words.spread,
        "interval": words.interval,
        "marks": words.MARKS,
        "width": drawing.WIDTH,
        "height": drawing.HEIGHT,
    }
    return environment


def _clock(moment: float) -> str:
    return time.strftime("%d %B %Y, %H:%M UTC", time.gmtime(moment)).lstrip("0")
