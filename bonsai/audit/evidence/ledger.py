"""What a results folder of Bonsai has on record: its ledger, as the report reads it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from bonsai.audit.evidence.code import labels_of, settings_of
from bonsai.audit.evidence.figures_of_sweep import known_of
from bonsai.audit.evidence.gathered import (
    add_pictures,
    add_run,
    add_text,
    count_seeds,
    text_of,
)
from bonsai.audit.evidence.naming import label, metric_of
from bonsai.audit.evidence.sources import references_of
from bonsai.audit.facts import Compared, Facts, Measured, Metric, Run
from bonsai.base import Entry, untrusted
from bonsai.evaluation import BASELINE_RUN, Scores
from bonsai.report import (
    IdeaReport,
    IdeaSummary,
    Report,
    SweepSummary,
    TemplateReport,
    TemplateSummary,
    gather,
    summarise,
)

LEDGER, SETTINGS = "ledger.jsonl", "sweep.json"
FRESH = " (fresh seeds)"
DRAWN = re.compile(r"differences")  # the names of what `bonsai paper` draws anew
METHOD = """paired t-test, exact sign-flip test, Holm's correction, Bonferroni, interim analyses,
looks, fresh seeds, validation metric, smoke test, claims sealed, controls, baseline, interval"""


def is_results(folder: Path) -> bool:
    """Whether a folder is a results folder of a sweep or search."""
    return untrusted.is_file(folder / LEDGER) and untrusted.is_file(folder / SETTINGS)


def gather_sweep(results: Path) -> Facts:
    """What is on record in a results folder.

    Raises:
        BonsaiError: its ledger is damaged, or it is of another version.
    """
    sweep = summarise(results)
    report = gather(sweep, now=0.0)
    facts = Facts(results)
    for template, told in zip(sweep.templates, report.templates, strict=True):
        _Template(facts, sweep, template, told, len(sweep.templates) > 1).add()
    facts.known += known_of(sweep, report)
    _add_words(facts, sweep, report)
    add_pictures(facts, results / "report", results)
    add_pictures(facts, results / "paper", results, only=DRAWN)
    facts.references = references_of(sweep)
    count_seeds(facts)
    return facts


class _Template:
    """Adds what was measured on a template."""

    def __init__(
        self, facts: Facts, sweep: SweepSummary, summary: TemplateSummary, told: TemplateReport,
        several: bool,
    ) -> None:  # fmt: skip
        self.facts, self.sweep, self.summary, self.told = facts, sweep, summary, told
        self.results = sweep.results
        self.name = summary.template.name
        self.before = f"{self.name}/" if several else ""
        self.base = f"{self.before}{BASELINE_RUN}"
        self.several = several

    def add(self) -> None:
        self.metrics()
        self.baseline()
        for idea, told in zip(self.summary.ideas, self.told.ideas, strict=True):
            self.idea(idea, told)
        home = self.results / self.name
        add_pictures(self.facts, home / BASELINE_RUN, self.results, self.base)

    def metrics(self) -> None:
        for name, each in self.told.metrics.items():
            plain = metric_of(name, (), each.better)  # type: ignore[arg-type]
            self.facts.metrics[name] = Metric(
                name, each.unit or plain.unit, plain.better if each.better else None, plain.names
            )
        # What a program reports itself has no unit that anybody has told.
        if self.told.self_reported:
            means = self.summary.baseline.means if self.summary.baseline else {}
            for name in self.told.metrics:
                way = self.told.metrics[name].better
                self.facts.metrics[name] = metric_of(
                    name, [means[name]] if name in means else (), way  # type: ignore[arg-type]
                )  # fmt: skip

    def baseline(self) -> None:
        names = ["baseline", "run 0", f"the template {self.name}", f"baseline on {self.name}"]
        if self.summary.baseline is not None:
            source = _line(self.told.baseline.sources) if self.told.baseline else ""
            self.run(self.base, names, self.summary.baseline, source, "the untouched template",
                     is_baseline=True)  # fmt: skip
        if self.summary.confirmed is not None:
            source = _line(self.told.fresh.sources) if self.told.fresh else ""
            fresh = [*names, "baseline on fresh seeds"]
            self.run(self.base + FRESH, fresh, self.summary.confirmed, source,
                     "the untouched template, on fresh seeds", is_baseline=True)  # fmt: skip
        steps = [each for each in self.summary.entries if each.step == "confirm" and each.ok]
        self.looks(self.base + FRESH, steps)

    def idea(self, idea: IdeaSummary, told: IdeaReport) -> None:
        home = self.results / self.name / told.folder
        notes = text_of(home / "workspace" / "notes.txt", self.facts)
        plotting = text_of(home / "workspace" / "plot.py", self.facts)
        labels = labels_of(plotting)
        sources = {each.name: _line(each.sources) for each in told.runs}
        fresh_sources = {each.name: _line(each.sources) for each in told.fresh}
        for name in dict.fromkeys([*idea.runs, *idea.fresh]):
            names = self.names(told, name, labels.get(name, ""), name == idea.best_run)
            key = f"{self.before}{told.folder}/{name}"
            about = f"{told.name}: {labels.get(name, '')}. {told.title}"
            if name in idea.runs:
                self.run(key, names, idea.runs[name], sources.get(name, ""), about, told.folder)
            if name in idea.fresh:
                fresh = [*names, *(f"{each} on fresh seeds" for each in names)]
                self.run(key + FRESH, fresh, idea.fresh[name], fresh_sources.get(name, ""), about,
                         told.folder)  # fmt: skip
            steps = [
                each for each in idea.entries
                if each.step == "confirm" and each.ok and each.data.get("run") == name
            ]  # fmt: skip
            self.looks(key + FRESH, steps)
            self.replaced(key, [
                each for each in idea.entries
                if each.step == "run" and each.ok and each.data.get("run") == name
            ])  # fmt: skip
            self.code(home, name)
        self.claims(idea, told)
        add_text(self.facts, notes, plotting)
        add_pictures(self.facts, home / "workspace", self.results, idea=told.folder)
        # What the writer draws is of all ideas; what it copies is known from where it copied it.
        add_pictures(self.facts, home / "paper", self.results, only=DRAWN)

    def names(self, told: IdeaReport, run: str, called: str, is_best: bool) -> list[str]:
        """What a paper may call a run of an idea."""
        number = run.replace("_", " ")
        names = [number, f"{run} of {told.name}", f"{run} of {told.folder}",
                 f"{told.name}, {run}", f"{told.name} {run}", f"control {run}"]  # fmt: skip
        if self.several:
            names += [f"{each} on {self.name}" for each in (told.name, f"{run} of {told.name}")]
        if called and called.lower() != "baseline":
            names.append(called)
        if is_best or told.best_run is None:
            names += [told.name, told.folder, told.title]
        return names

    def run(
        self, key: str, names: Iterable[str], scores: Scores, source: str, about: str,
        idea: str = "", is_baseline: bool = False,
    ) -> None:  # fmt: skip
        labels = tuple(dict.fromkeys(label(each) for each in names if each))
        add_run(self.facts, Run(key, labels, about, is_baseline, idea))
        self.measured(key, scores, source)
        self.facts.seeds[key] = len(scores.seeds)

    def measured(self, key: str, scores: Scores, source: str, stale: bool = False) -> None:
        for metric, mean in scores.means.items():
            values = tuple(scores.per_seed.get(metric, ()))
            self.facts.measured.append(
                Measured(
                    key, metric, scores.dataset, mean, scores.stderrs.get(metric), values,
                    len(scores.seeds), source, stale,
                )
            )  # fmt: skip
            if metric not in self.facts.metrics:
                self.facts.metrics[metric] = metric_of(metric, [mean])

    def looks(self, key: str, entries: Sequence[Entry]) -> None:
        """What was known of a run before its last seeds were there."""
        if len(entries) > 1:
            for each in entries:
                scores = Scores.model_validate(each.data["scores"])
                self.measured(key, scores, f"{LEDGER}, line {each.line}", stale=True)

    def replaced(self, key: str, entries: Sequence[Entry]) -> None:
        """What a run had measured before it was done again."""
        for each in entries[:-1]:
            scores = Scores.model_validate(each.data["scores"])
            self.measured(key, scores, f"{LEDGER}, line {each.line}", stale=True)

    def claims(self, idea: IdeaSummary, told: IdeaReport) -> None:
        for judged in told.claims:
            verdict = judged.verdict
            found, claim = verdict.comparison, verdict.claim
            count = len(found.differences) if found else 0
            run = f"{self.before}{told.folder}/{verdict.run or idea.best_run or 'run_1'}"
            against = f"{self.before}{told.folder}/{claim.against}"
            if claim.against == BASELINE_RUN:
                against = self.base
            self.facts.compared.append(
                Compared(
                    told.folder, run + FRESH, against + FRESH, claim.metric, verdict.word,
                    found.mean if found else None, found.low if found else None,
                    found.high if found else None, verdict.p, count,
                    judged.sentence, _line(told.sources[-1:]),
                )
            )  # fmt: skip

    def code(self, home: Path, run: str) -> None:
        """Add the settings of a run, and what its code says."""
        path = home / "workspace" / run / "experiment.py"
        if not untrusted.is_file(path):
            path = home / "workspace" / "experiment.py"
        code = text_of(path, self.facts)
        source = path.relative_to(self.results).as_posix()
        known = {(each.name, each.value) for each in self.facts.known}
        self.facts.known += [
            each for each in settings_of(code, source) if (each.name, each.value) not in known
        ]
        if code and code not in self.facts.text:
            add_text(self.facts, code)


def _add_words(facts: Facts, sweep: SweepSummary, report: Report) -> None:
    """Add words of what was to be done, and of how it is judged."""
    add_text(facts, METHOD)
    for template, told in zip(sweep.templates, report.templates, strict=True):
        folder = template.template.folder
        codes = {each: text_of(folder / each, facts) for each in ("experiment.py", "score.py")}
        known = {(each.name, each.value) for each in facts.known}
        for name, code in codes.items():
            facts.known += [
                each for each in settings_of(code, f"{template.template.name}/{name}")
                if (each.name, each.value) not in known
            ]  # fmt: skip
        texts = [text_of(folder / each, facts) for each in ("README.md", "prompt.json")]
        add_text(facts, *codes.values(), *texts)
        add_text(facts, *(f"{each.name}: {each.about}" for each in told.metrics.values()))
        for idea in told.ideas:
            add_text(facts, idea.name, idea.title, idea.experiment)
            add_text(facts, *(each.sentence for each in idea.claims))
            add_text(facts, *(each.message for each in idea.failures))
            for run in (*idea.runs, *idea.fresh):
                add_text(facts, *(f"{each.name}: {each.found}" for each in run.checks))
            if idea.search is not None:
                add_text(facts, "random search, grid search, hyperparameter search, sweep")
                add_text(facts, *(f"{each.name}: {each.change}" for each in idea.search.tree))
    add_text(facts, *(f"{each.sentence} {each.detail}" for each in report.findings))


def _line(sources: Sequence[object]) -> str:
    """A source for people: its file, and its line if it has one."""
    told = [
        f"{getattr(each, 'file', '')}"
        + (f", line {getattr(each, 'line', None)}" if getattr(each, "line", None) else "")
        for each in sources[:1]
    ]
    return told[0] if told else LEDGER
