"""Programs that were brought to be judged: where they are from, what is said of them, what is true.

What is said, by an engine or by a person, is set against the program's mean on fresh seeds. An
engine tells of the version that looked best among many, on the seeds that it looked best on, so it
mostly says too much.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pydantic import BaseModel

from bonsai.base import Entry
from bonsai.evaluation import Comparison, verdict
from bonsai.report import words
from bonsai.report.source import Source
from bonsai.report.summary import IdeaSummary, TemplateSummary
from bonsai.settings import GivenProgram


class Given(BaseModel):
    """A program that was brought.

    Attributes:
        origin: where it was found, for people.
        engine: what made it; empty where nobody says.
        sha256: of it.
        file: the results folder's copy.
        changed: whether it is another program than the baseline; None: nobody has looked yet.
        claimed: what its primary metric is said to be; None: nothing is said.
        measured: its mean on fresh seeds; None before these.
        optimism: by how much what is said is better than what was measured; negative: worse.
        low: lower end of that difference's 95 % interval; None where there is none.
        high: upper end.
        sentence: all that of what is said; empty where nothing is said.
        sources: the ledger's line of how it was taken.
    """

    origin: str
    engine: str = ""
    sha256: str
    file: str
    changed: bool | None = None
    claimed: float | None = None
    measured: float | None = None
    optimism: float | None = None
    low: float | None = None
    high: float | None = None
    sentence: str = ""
    sources: list[Source] = []


def read_given(
    program: GivenProgram, template: TemplateSummary, idea: IdeaSummary, looks: int
) -> Given:
    """What is known of a program that was brought.

    Args:
        program: as the settings have it.
        template: what it is a version of.
        idea: as which it was judged.
        looks: how many interim analyses are planned.
    """
    taken = [entry for entry in idea.entries if entry.step == "program"]
    given = as_given(program, taken)
    if program.claimed is None:
        return given
    given.claimed = program.claimed
    said = f"Said to be {words.number(program.claimed)}"
    scores = idea.confirmed
    if scores is None or template.primary not in scores.per_seed:
        given.sentence = f"{said}; not measured, for want of a run on fresh seeds."
        return given
    given.measured = scores.means[template.primary]
    values = scores.per_seed[template.primary]
    if template.needs_no_seed and not scores.varies(template.primary):
        found = verdict.compare_exactly(given.measured, program.claimed)
    else:
        found = verdict.compare(values, [program.claimed] * len(values), looks)
    sign = 1.0 if template.better == "lower" else -1.0
    given.optimism = sign * found.mean
    ends = [sign * end for end in (found.low, found.high) if end is not None]
    if ends:
        given.low, given.high = min(ends), max(ends)
    given.sentence = f"{said}; {_measured(given.measured, found, template.unit, values)}: " + (
        f"{_said_of(given, exact=found.exact)}."
    )
    return given


def as_given(program: GivenProgram, taken: Sequence[Entry] = ()) -> Given:
    """Where a program is from, without what is said of it.

    Args:
        program: as the settings have it.
        taken: the steps in which it was taken.
    """
    changed = next((bool(e.data["changed"]) for e in taken if "changed" in e.data), None)
    return Given(
        origin=program.origin,
        engine=program.engine,
        sha256=program.sha256,
        file=program.file,
        changed=changed,
        sources=[Source(file="ledger.jsonl", line=entry.line) for entry in taken if entry.line],
    )


def _measured(mean: float, found: Comparison, unit: str, values: Sequence[float]) -> str:
    """The measured figure and its difference to what is said, in words."""
    apart = abs(found.mean)
    digits = words.digits_of([found])
    if found.low == found.high:  # no seed makes a difference, or there is but one
        digits = words.digits_for(apart) if apart else 2
    told = f"measured {words.fixed(mean, digits)} on {words.counted(len(values), 'fresh seed')}"
    if not apart:
        return f"{told}, the same"
    more = "more" if found.mean > 0 else "less"
    told += f", {words.fixed(apart, digits)} {words.points(unit)}".rstrip() + f" {more}"
    if found.low is not None and found.high is not None:
        ends = words.interval(found.low, found.high, digits)
        told += f" (95\N{NO-BREAK SPACE}% interval {ends})"
    return told


def _said_of(given: Given, *, exact: bool) -> str:
    """What that makes of what was said."""
    assert given.optimism is not None
    low, high = (given.optimism, given.optimism) if exact else (given.low, given.high)
    if low is None or high is None:
        return "one seed does not tell whether that is so"
    if low > 0:
        return "optimistic"
    if high < 0:
        return "better than was said"
    return "true to what was said" if math.isclose(low, high) else "that may be chance"
