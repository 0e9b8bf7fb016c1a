"""What is known of the runs that a paper speaks of: the measured values, and what else is there."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """A quantity that runs report.

    Attributes:
        name: its key in the results, e.g. `test_accuracy`.
        unit: e.g. `%`, `s`; empty where it is not known.
        better: which way it improves; None where that is not known.
        names: what else a paper may call it, in lower case, e.g. `test accuracy`.
    """

    name: str
    unit: str = ""
    better: Literal["higher", "lower"] | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Run:
    """A run, or a group of seeds that a paper may call so.

    Attributes:
        name: its key: `run_1`; in a sweep `IDEA/run_1`, and `IDEA/run_1 (fresh seeds)`.
        labels: what a paper may call it, in lower case: `run 1`, an idea's name, the label that
            plot.py gives it.
        about: what is known of what it does: of its notes, of what it changed.
        is_baseline: whether it is what others are compared with.
        idea: the idea that it is of; empty where there is only one.
    """

    name: str
    labels: tuple[str, ...] = ()
    about: str = ""
    is_baseline: bool = False
    idea: str = ""


def kind_of(name: str) -> str:
    """The kind of a run's seeds: what stands in brackets behind its name."""
    return name[len(name.split(" (")[0]) :]


@dataclass(frozen=True)
class Measured:
    """A metric of a run on a data set.

    Attributes:
        run: the run's name.
        metric: the metric's name.
        dataset: the data set's name.
        mean: of the seeds.
        stderr: its standard error, as it is reported; None where it is not.
        values: of each seed; empty where they are not known.
        count: of seeds; None where it is not known.
        source: the file, and the line where there is one, that says so.
        stale: whether a later run of that name has replaced it.
    """

    run: str
    metric: str
    dataset: str
    mean: float
    stderr: float | None = None
    values: tuple[float, ...] = ()
    count: int | None = None
    source: str = ""
    stale: bool = False

    @property
    def deviation(self) -> float | None:
        """The standard deviation between seeds (`ddof` 1); None where it is not known."""
        if len(self.values) > 1:
            return statistics.stdev(self.values)
        if self.stderr is not None and self.count:
            return float(self.stderr * self.count**0.5)
        return None


@dataclass(frozen=True)
class Compared:
    """A difference with its interval that a verdict rests on: `run` less `against`.

    Attributes:
        word: supported, refuted, undecided or no result.
        count: of seeds; the others as in `evaluation.Comparison`.
        claim: the claim in words.
        idea: whose claim it is.
    """

    idea: str
    run: str
    against: str
    metric: str
    word: str
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    count: int = 0
    claim: str = ""
    source: str = ""


@dataclass(frozen=True)
class Known:
    """Any other number that is on record: a cost, a time, a count, a setting.

    Attributes:
        name: what it is, in words: `fresh seeds`, `tokens`, `run time`, `learning_rate`.
        value: in `unit`.
        kind: `count` of what there is (seeds, runs, ideas, claims, failures), `setting` of code or
            configuration, `figure` for all others.
    """

    name: str
    value: float
    unit: str = ""
    kind: Literal["count", "setting", "figure"] = "figure"
    source: str = ""


@dataclass(frozen=True)
class Picture:
    """A picture that runs left; `digest` as in `document.Figure`, `run` and `idea` if of one."""

    name: str
    path: Path
    digest: str | None
    run: str = ""
    idea: str = ""


@dataclass(frozen=True)
class KnownReference:
    """A reference that is known to exist: where it is on record, and by what identifier if any."""

    key: str
    title: str
    source: str


@dataclass
class Facts:
    """All that is on record.

    Attributes:
        where: the folder or file that it comes from.
        metrics: by name.
        runs: by name.
        measured: the values.
        compared: the verdicts' comparisons.
        known: other numbers.
        pictures: what was drawn.
        references: those known to exist; None where nothing is known of which do.
        seeds: how many each run has, by run; a run that is missing is not known.
        text: of code, ideas and notes: what was really done, in words.
        troubles: what could not be read, one sentence each.
    """

    where: Path
    metrics: dict[str, Metric] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    measured: list[Measured] = field(default_factory=list)
    compared: list[Compared] = field(default_factory=list)
    known: list[Known] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    references: list[KnownReference] | None = None
    seeds: dict[str, int] = field(default_factory=dict)
    text: str = ""
    troubles: list[str] = field(default_factory=list)
    _by_run: dict[tuple[str, str], list[Measured]] = field(default_factory=dict, repr=False)
    _counted: int = field(default=-1, repr=False)

    @property
    def baseline(self) -> Run | None:
        """What runs are compared with; None where that is not known, or there are several."""
        found = [run for run in self.runs.values() if run.is_baseline]
        return found[0] if len(found) == 1 else None

    def of(self, run: str, metric: str) -> list[Measured]:
        """The current values of a metric of a run, one a data set."""
        if self._counted != len(self.measured):  # it is asked for very often
            self._by_run = {}
            for each in self.measured:
                if not each.stale:
                    self._by_run.setdefault((each.run, each.metric), []).append(each)
            self._counted = len(self.measured)
        return self._by_run.get((run, metric), [])
