"""What a report tells, as plain data with the file and line that each number came from.

The page, `report.md` and `report.json` are three forms of this. Paths are relative to the results
folder.
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import BaseModel

import bonsai
from bonsai.evaluation import Check, Comparison, Verdict, Word
from bonsai.report import words
from bonsai.report.effort import Contrast, Effort
from bonsai.report.given import Given
from bonsai.report.source import Source


class Run(BaseModel):
    """A finished run, on the agent's seeds or on fresh ones.

    Attributes:
        name: `run_1`.
        dataset: the data set's name.
        seeds: the seeds, in the order of `per_seed`.
        means: of each metric.
        stderrs: of these means; None with one seed.
        per_seed: the primary metric's and the claimed metrics' values.
        seconds: how long it took; None where that is not known.
        where: what it was kept within.
        checks: what was checked of it.
        sources: the ledger's lines, then result files that are there.
    """

    name: str
    dataset: str
    seeds: list[int]
    means: dict[str, float]
    stderrs: dict[str, float | None]
    per_seed: dict[str, list[float]]
    seconds: float | None = None
    where: str = ""
    checks: list[Check] = []
    sources: list[Source] = []


class Judged(BaseModel):
    """A claim and how it ended.

    Attributes:
        sentence: the claim in words, without a full stop.
        verdict: the verdict, with its numbers.
        seeds: the fresh seeds, in the order of the differences.
        values: the idea's value on each.
        others: the value of what it is compared with.
        unit: of all of them.
        digits: digits after the point that they are told with.
        result: the difference and its interval in words; empty where there is none.
    """

    sentence: str
    verdict: Verdict
    seeds: list[int] = []
    values: list[float] = []
    others: list[float] = []
    unit: str = ""
    digits: int = 2
    result: str = ""

    @property
    def doubt(self) -> tuple[float, float]:
        """Small where the difference is sure: the p-value, then the effect's size among equals."""
        comparison = self.verdict.comparison
        if comparison is None or comparison.p is None:
            return (2.0, 0.0)
        return (comparison.p, -abs(comparison.effect or 0.0))


class Failure(BaseModel):
    """A step that went wrong, and cost its own try."""

    template: str
    idea: str
    step: str
    kind: str
    message: str
    source: Source


class CandidateReport(BaseModel):
    """A version of `experiment.py` in a search.

    Attributes:
        number: of the candidate; 0 is the template itself.
        parent: the one that it was made from.
        other: a second one of which it has something; None: there is none.
        change: what it changed there.
        by: who proposed it.
        source: its line in the ledger.
        depth: how many changes lie between the template and its parent.
        seeds: of the search, on which it was compared with the template.
        difference: mean difference on them; None without any.
        fate: what became of it, in a few words.
        problem: why it was given up; empty where it was not.
        won: whether it is the one that was judged.
    """

    number: int
    parent: int
    other: int | None = None
    change: str
    by: str
    source: Source
    depth: int = 0
    seeds: list[int] = []
    difference: float | None = None
    fate: str = ""
    problem: str = ""
    won: bool = False

    @property
    def name(self) -> str:
        """As it is called."""
        return words.version(self.number)


class Finalist(BaseModel):
    """A version that was measured again at the end of a search, on seeds of the race.

    Attributes:
        number: of the candidate.
        seeds: the seeds.
        mean: of the primary metric on them.
        won: whether it is the one that was judged.
    """

    number: int
    seeds: list[int]
    mean: float
    won: bool = False

    @property
    def name(self) -> str:
        """As it is called."""
        return words.version(self.number)


class Gain(BaseModel):
    """What a search's winner gained at one of its steps, each of which has seeds of its own.

    Attributes:
        stage: "search", "race" or "verdict".
        against: the candidate that it was compared with; 0 is the template.
        seeds: how many both were run on.
        difference: the mean difference on them, in the primary metric.
    """

    stage: str
    against: int
    seeds: int
    difference: float


class SearchReport(BaseModel):
    """A search for a better version.

    Attributes:
        tree: the candidates, each below the one that it was made from.
        proposers: how many candidates each has made.
        fruitless: how many of its proposals came to no candidate.
        runs: of one seed, by stage: "search", "race", "verdict".
        given_up: runs of search and race that gave no figure, by why.
        cpu_seconds: computing time of the runs of search and race.
        timed: how many of them it is known of.
        line: the versions that lead from the template to the winner, which is the last.
        others: what became of all other candidates: how many of each fate.
        finalists: those that were raced, the best first; empty where there was no race.
        gains: of the winner, step by step; what is chosen for its figures falls back.
        cost: of the winner against the template on fresh seeds, in words; empty: not known.
        max_slowdown: most computing time that a candidate could take, in times of the template's.
        patch: the file with the winner's changes; empty: there is none.
    """

    tree: list[CandidateReport]
    proposers: dict[str, int]
    fruitless: dict[str, int] = {}
    runs: dict[str, int]
    given_up: dict[str, int] = {}
    cpu_seconds: float
    timed: int
    line: list[int] = []
    others: dict[str, int] = {}
    finalists: list[Finalist] = []
    gains: list[Gain] = []
    cost: str = ""
    max_slowdown: float
    patch: str = ""

    @property
    def winner(self) -> CandidateReport | None:
        """The candidate that was judged."""
        return next((each for each in self.tree if each.won), None)

    @property
    def steps(self) -> list[CandidateReport]:
        """The candidates of the line."""
        by_number = {each.number: each for each in self.tree}
        return [by_number[number] for number in self.line]

    @property
    def spent(self) -> int:
        """Runs of one seed until the winner was chosen."""
        return sum(count for stage, count in self.runs.items() if stage != "verdict")


class Contest(BaseModel):
    """Whether a search with a model found more than its control; pairs are in that order.

    Attributes:
        model: the search with a model.
        control: the search without.
        answer: whether it did.
        comparison: of the two winners, paired by seed; None where neither has one.
        seeds: fresh seeds that both were run on.
        found: whether each came to a winner with figures on fresh seeds; else the template stands
            for it.
        runs: of one seed that each spent until it had its winner.
        cpu_seconds: likewise.
        timed: of how many of these runs that time is known.
    """

    model: str
    control: str
    answer: Literal["yes", "no", "undecided"]
    comparison: Comparison | None = None
    seeds: list[int] = []
    found: tuple[bool, bool]
    runs: tuple[int, int]
    cpu_seconds: tuple[float, float]
    timed: tuple[int, int]


class IdeaReport(BaseModel):
    """One idea.

    Attributes:
        name: its name, as it was written.
        folder: the name of its folder.
        title: its title.
        experiment: what was to be done.
        page: its page in the report's folder.
        state: "waiting", "under way" or "done".
        word: the verdict on its first claim, that the primary metric improves.
        claims: its claims and their verdicts.
        seal: hash of the claims as they stood before the first edit.
        runs: its finished runs on the agent's seeds.
        fresh: the runs that were repeated on fresh seeds.
        best_run: the one that a validation metric chose.
        seeming: what the best run gained on the agent's own seeds; positive is better.
        failures: steps that went wrong.
        run_seconds: time that its experiments took.
        seconds: time that all its steps took.
        tokens: to and from the model.
        usd: the money for it; None where a price is not known.
        ended_by_budget: which budget ended it.
        sources: its lines in the ledger, first and last.
        search: what came of it, where the idea is a search; else None.
        effort: what the agent took for it; None where none was asked.
        given: the program that was brought as it; None where the idea was worked on here.
    """

    name: str
    folder: str
    title: str
    experiment: str
    page: str
    state: str
    word: Word
    claims: list[Judged]
    seal: str | None = None
    runs: list[Run] = []
    fresh: list[Run] = []
    best_run: str | None = None
    seeming: float | None = None
    failures: list[Failure] = []
    run_seconds: float = 0.0
    seconds: float = 0.0
    tokens: int = 0
    usd: float | None = 0.0
    ended_by_budget: str | None = None
    sources: list[Source] = []
    search: SearchReport | None = None
    effort: Effort | None = None
    given: Given | None = None

    @property
    def main(self) -> Judged:
        """The claim that every idea makes."""
        return self.claims[0]

    @property
    def failed_checks(self) -> list[tuple[str, Check]]:
        """By run, what was checked of it and is not as it should be."""
        every = [*self.runs, *self.fresh]
        found = [(run.name, check) for run in every for check in run.checks]
        return [(run, check) for run, check in found if check.passed is False]


class MetricReport(BaseModel):
    """What a metric is."""

    name: str
    unit: str
    better: str | None
    about: str


class Finding(BaseModel):
    """A sentence that a paper might have printed, and what became of it.

    Attributes:
        sentence: the finding.
        idea: the idea that it speaks of; empty: a whole template, or the method.
        template: the template.
        word: the verdict on it; None for findings on method, which are counted, not tested.
        detail: the numbers, in a sentence.
        page: where the rest stands, in the report's folder.
    """

    sentence: str
    idea: str = ""
    template: str = ""
    word: Word | None = None
    detail: str = ""
    page: str = ""


class TemplateReport(BaseModel):
    """One template.

    Attributes:
        name: its name.
        primary: the metric that ideas are judged by.
        metrics: all that its scorer knows.
        digits: digits after the point that differences are told with.
        baseline: on the agent's seeds; None if it gave no result.
        fresh: on fresh seeds.
        problem: why there is no baseline; empty if there is.
        ideas: the ideas, as they were asked for.
        findings: in words.
        figures: pictures in the report's folder.
        about_scores: how it was swept that has no score.py; empty where it has one.
        contest: whether a model found more than a search without; None where that was not asked.
        given: the program that was brought as its baseline; None where that is its own.
    """

    name: str
    primary: MetricReport
    metrics: dict[str, MetricReport]
    digits: int
    baseline: Run | None
    fresh: Run | None
    problem: str = ""
    ideas: list[IdeaReport]
    findings: list[Finding] = []
    figures: list[str] = []
    about_scores: str = ""
    contest: Contest | None = None
    given: Given | None = None

    @property
    def wording(self) -> words.Wording:
        """How to speak of what is judged."""
        return words.wording(any(idea.given for idea in self.ideas))

    @property
    def self_reported(self) -> bool:
        """Whether its scores are those that its program wrote."""
        return bool(self.about_scores)

    def surest(self, count: int) -> list[IdeaReport]:
        """Of many ideas those with the least doubt, in their own order; of few ideas all."""
        if len(self.ideas) <= count:
            return list(self.ideas)
        chosen = {id(idea) for idea in sorted(self.ideas, key=lambda each: each.main.doubt)[:count]}
        return [idea for idea in self.ideas if id(idea) in chosen]

    def best_first(self, ideas: list[IdeaReport]) -> list[IdeaReport]:
        """The largest gain first; ideas without a comparison last."""
        sign = -1.0 if self.primary.better == "lower" else 1.0

        def place(idea: IdeaReport) -> float:
            comparison = idea.main.verdict.comparison
            return math.inf if comparison is None else -sign * comparison.mean

        return sorted(ideas, key=place)


class Report(BaseModel):
    """A whole sweep."""

    bonsai: str = bonsai.__version__
    question: str
    answer: str
    finished: bool
    written: float
    began: float | None
    ended: float | None
    ideas_done: int
    model: str | None
    looks: list[int]
    templates: list[TemplateReport]
    findings: list[Finding]
    runs: int
    tokens: int
    usd: float
    unpriced: int
    failures: list[Failure]
    failure_kinds: dict[str, int]
    figures: list[str] = []
    efforts: list[Effort] = []  # of each agent
    contrasts: list[Contrast] = []  # of every two
    settings: Source = Source(file="sweep.json")
    ledger: Source = Source(file="ledger.jsonl")

    @property
    def wording(self) -> words.Wording:
        """How to speak of what is judged."""
        return words.wording(any(idea.given for _, idea in self.ideas))

    @property
    def whose(self) -> str:
        """Who edited, in words."""
        if not self.wording.edited:
            return "nobody edited here, and no model took part"
        if self.model:
            return f"the model was {self.model}"
        if any(idea.search for _, idea in self.ideas):
            return "no model took part"
        return "the model was played back from cassettes"

    @property
    def ideas(self) -> list[tuple[TemplateReport, IdeaReport]]:
        """All ideas of all templates."""
        return [(template, idea) for template in self.templates for idea in template.ideas]
