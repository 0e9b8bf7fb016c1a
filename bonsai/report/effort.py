"""What each agent cost and what it was worth, by idea and over the sweep, and who did better."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import mean

from pydantic import BaseModel

from bonsai.base import END, Entry
from bonsai.models import agents
from bonsai.report import intervals, words
from bonsai.report.source import Source
from bonsai.report.summary import IdeaSummary, SweepSummary
from bonsai.settings import Settings

ASKING = ("plan", "edit", "write_up", "propose")  # the steps in which an agent is asked
EDITORS = ("model", "cross", "chain")  # of a search's proposers, those that have an agent edit
UNDER_WAY = "under way"  # the outcome of an idea that has not ended
MOST_SOURCES = 8


class Effort(BaseModel):
    """What an agent took and what came of it, on one idea or on all of its ideas.

    Attributes:
        agent: its name, as people know it.
        ideas: how many.
        calls: of the model that were billed, or replies that were played back.
        tokens: to and from the model.
        tokens_in: of these, those that are known to have been sent.
        tokens_out: those that are known to have been received.
        usd: the money for them; None where a price is not known.
        seconds: that the agent took for all its messages.
        edits: how many it tried, as far as it is known what came of them.
        kept: those that led to a finished run.
        share: the interval of `kept / edits`; None without an edit.
        failures: how many steps went wrong, by kind.
        outcomes: how many of the ideas ended with each verdict.
        sources: the ledger's lines, first those of the edits.
    """

    agent: str
    ideas: int = 1
    calls: int = 0
    tokens: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    usd: float | None = 0.0
    seconds: float = 0.0
    edits: int = 0
    kept: int = 0
    share: tuple[float, float] | None = None
    failures: dict[str, int] = {}
    outcomes: dict[str, int] = {}
    sources: list[Source] = []

    @property
    def ended(self) -> int:
        """The ideas that have ended."""
        return self.ideas - self.outcomes.get(UNDER_WAY, 0)


class Contrast(BaseModel):
    """How two agents differ in one thing: the first less the second.

    Attributes:
        what: what they are compared in.
        first: an agent.
        second: another.
        values: what each came to, in words.
        difference: the first's figure less the second's; a proportion, seconds or tokens.
        low: lower end of its interval; None: nothing tells how sure it is.
        high: upper end.
        better: the agent that did better; None where the interval holds 0, or is not known.
        sentence: all that in a sentence.
    """

    what: str
    first: str
    second: str
    values: tuple[str, str]
    difference: float
    low: float | None = None
    high: float | None = None
    better: str | None = None
    sentence: str = ""


@dataclass(frozen=True)
class Proportion:
    """Something that can go well or not, counted for two agents."""

    what: str
    of: str  # what is counted, in words
    count: Callable[[Effort], tuple[int, int]]  # how often it went well, of how many


@dataclass(frozen=True)
class Amount:
    """Something that each finished idea takes, the less the better."""

    what: str
    unit: str
    of_idea: Callable[[Effort], float]


SUPPORTED = Proportion(
    "ideas supported", "ideas", lambda each: (each.outcomes.get("supported", 0), each.ended)
)
PROPORTIONS = (
    Proportion("edits kept", "edits", lambda each: (each.kept, each.edits)),
    SUPPORTED,
)
AMOUNTS = (
    Amount("time per idea", "s", lambda each: each.seconds),
    Amount("tokens per idea", "tokens", lambda each: each.tokens),
)


def of_idea(settings: Settings, template: str, idea: IdeaSummary) -> Effort | None:
    """What an agent took for an idea; None where none was asked.

    Args:
        settings: what the sweep was asked to do.
        template: the template's name.
        idea: the idea.
    """
    asked = [entry for entry in idea.entries if _asks(entry)]
    if not asked:
        return None
    edits, kept = _edits(idea.entries)
    billed = [entry for entry in idea.calls if entry.data["tokens"]]
    played = max((int(entry.data.get("exchanges", 0)) for entry in idea.entries), default=0)
    ended = any(entry.step == END for entry in idea.entries)
    seconds = sum(float(each.data.get("agent_seconds", _stepped(each))) for each in asked)
    return Effort(
        agent=_agent(settings, template, idea, asked),
        calls=len(billed) or played,
        tokens=idea.spending.tokens,
        tokens_in=sum(int(entry.data.get("tokens_in", 0)) for entry in billed),
        tokens_out=sum(int(entry.data.get("tokens_out", 0)) for entry in billed),
        usd=idea.spending.known_usd,
        seconds=seconds,
        edits=edits,
        kept=kept,
        share=intervals.wilson(kept, edits) if edits else None,
        failures=dict(
            Counter(str(each.data.get("kind", each.step)) for each in idea.failures).most_common()
        ),
        outcomes={idea.word if ended else UNDER_WAY: 1},
        sources=[
            Source(file="ledger.jsonl", line=entry.line)
            for entry in sorted(asked, key=lambda entry: entry.step not in ("edit", "propose"))
        ][:MOST_SOURCES],
    )


def by_agent(efforts: Iterable[Effort]) -> list[Effort]:
    """What each agent took for all of its ideas, in the order in which they come up."""
    theirs: dict[str, list[Effort]] = {}
    for each in efforts:
        theirs.setdefault(each.agent, []).append(each)
    return [_sum(name, parts) for name, parts in theirs.items()]


def contrasts(efforts: Sequence[Effort], judged: bool = True) -> list[Contrast]:
    """How every two agents differ; empty where there is but one.

    Args:
        efforts: of the ideas.
        judged: whether ideas get a verdict in this sweep.
    """
    proportions = [each for each in PROPORTIONS if judged or each is not SUPPORTED]
    found: list[Contrast] = []
    for one, two in combinations(by_agent(efforts), 2):
        found += filter(None, (_compare_proportions(each, one, two) for each in proportions))
        over = [each for each in efforts if not each.outcomes.get(UNDER_WAY)]
        for amount in AMOUNTS:
            values, others = (
                [amount.of_idea(each) for each in over if each.agent == agent.agent]
                for agent in (one, two)
            )
            if values and others and any((*values, *others)):
                found.append(_compare_amounts(amount, one.agent, two.agent, values, others))
    return found


def of_sweep(sweep: SweepSummary) -> dict[tuple[str, str], Effort]:
    """What an agent took for each idea that one was asked about, by template and idea."""
    found = ((template.template.name, idea.idea.Name, idea) for template, idea in sweep.ideas)
    return {
        (template, name): effort
        for template, name, idea in found
        if (effort := of_idea(sweep.settings, template, idea)) is not None
    }


def _asks(entry: Entry) -> bool:
    if entry.step == "propose":
        return entry.data.get("by") in EDITORS
    return entry.step in ASKING


def _stepped(entry: Entry) -> float:
    """The time of a step that does not say how much of it was the agent's."""
    return 0.0 if entry.step == "propose" else entry.seconds


def _agent(settings: Settings, template: str, idea: IdeaSummary, asked: list[Entry]) -> str:
    """Who was asked, as people know it: as the ledger has it, else the settings."""
    given = settings.agent_of(template, idea.idea.Name)
    told = next((str(e.data["agent"]) for e in reversed(asked) if "agent" in e.data), given)
    if told not in settings.agents and agents.called(told) == agents.called(given):
        told = given
    shorts = [agents.called(name) for name in settings.agents]
    return told if shorts.count(agents.called(told)) > 1 else agents.called(told)


def _edits(entries: Iterable[Entry]) -> tuple[int, int]:
    """How many edits were tried, and how many of them led to a finished run.

    One whose fate is open, because a budget ended or the idea is under way, is not counted.
    """
    fates: dict[object, bool | None] = {}  # None: open
    latest: object = None
    for entry in entries:
        over, data = bool(entry.data.get("over")), entry.data
        if entry.step == "edit" and not over and not data.get("finished"):
            latest = entry.index
            fates[latest] = None if entry.ok else False
        elif entry.step in ("smoke", "run") and latest in fates and not over:
            if not entry.ok or entry.step == "run":
                fates[latest] = entry.ok
        elif entry.step == "propose" and data.get("by") in EDITORS and not over:
            fates[data.get("candidate", ("none", entry.index))] = None if entry.ok else False
        elif entry.step == "evaluate" and data.get("candidate") in fates:
            fates[data["candidate"]] = bool(fates[data["candidate"]]) or entry.ok
    known = [fate for fate in fates.values() if fate is not None]
    return len(known), sum(known)


def _sum(agent: str, parts: Sequence[Effort]) -> Effort:
    """What an agent took for several ideas together."""
    failures, outcomes = Counter[str](), Counter[str]()
    for part in parts:
        failures.update(part.failures)
        outcomes.update(part.outcomes)
    prices = [part.usd for part in parts if part.usd is not None]
    edits, kept = sum(part.edits for part in parts), sum(part.kept for part in parts)
    return Effort(
        agent=agent,
        ideas=len(parts),
        calls=sum(part.calls for part in parts),
        tokens=sum(part.tokens for part in parts),
        tokens_in=sum(part.tokens_in for part in parts),
        tokens_out=sum(part.tokens_out for part in parts),
        usd=sum(prices) if len(prices) == len(parts) else None,
        seconds=sum(part.seconds for part in parts),
        edits=edits,
        kept=kept,
        share=intervals.wilson(kept, edits) if edits else None,
        failures=dict(failures.most_common()),
        outcomes=dict(outcomes.most_common()),
    )


def _compare_proportions(about: Proportion, one: Effort, two: Effort) -> Contrast | None:
    """None where one of the two has nothing to count."""
    (good, of), (other, of_other) = about.count(one), about.count(two)
    if not of or not of_other:
        return None
    ends = intervals.newcombe(good, of, other, of_other)
    return _contrast(
        about.what, one.agent, two.agent,
        (f"{good} of {of} {about.of}", f"{other} of {of_other} {about.of}"),
        good / of - other / of_other, ends, more=True, unit="percentage points", scale=100,
    )  # fmt: skip


def _compare_amounts(
    about: Amount, one: str, two: str, values: Sequence[float], others: Sequence[float]
) -> Contrast:
    first, second = mean(values), mean(others)
    digits = _digits(about.unit, max(first, second))
    told = tuple(f"{words.fixed(each, digits)} {about.unit}" for each in (first, second))
    return _contrast(
        about.what, one, two, (told[0], told[1]), first - second, intervals.welch(values, others),
        more=False, unit=about.unit,
    )  # fmt: skip


def _contrast(
    what: str, first: str, second: str, values: tuple[str, str], difference: float,
    ends: tuple[float, float] | None, *, more: bool, unit: str, scale: float = 1,
) -> Contrast:  # fmt: skip
    """A difference with its interval, and in words what they say.

    Args:
        what: as in `Contrast`.
        first: likewise.
        second: likewise.
        values: likewise.
        difference: likewise.
        ends: of its interval; None: there is none.
        more: whether more is better.
        unit: that it is told in.
        scale: how many of that unit one is.
    """
    digits = _digits(unit, abs(difference))

    def signed(value: float) -> str:
        return words.signed(scale * value, digits)

    better = None
    if ends is None:
        said = "too few ideas, or none that differ, for an interval; so the difference says nothing"
    else:
        if ends[0] > 0 or ends[1] < 0:
            better = first if (ends[0] > 0) == more else second
        said = f"95\N{NO-BREAK SPACE}% interval {signed(ends[0])} to {signed(ends[1])}: " + (
            f"{better} did better" if better else "it holds 0, so the difference says nothing"
        )
    return Contrast(
        what=what, first=first, second=second, values=values, difference=difference,
        low=ends[0] if ends else None, high=ends[1] if ends else None, better=better,
        sentence=f"{what.capitalize()}: {first} {values[0]}, {second} {values[1]}; "
        f"difference {signed(difference)} {unit}, {said}.",
    )  # fmt: skip


def _digits(unit: str, value: float) -> int:
    """Digits after the point: a few seconds have one."""
    return 1 if unit == "s" and value < 10 else 0
