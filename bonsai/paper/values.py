"""Every number that a paper may show, by key, from what was measured.

A value comes with its text: the digits that its interval or its error deserves, and its unit. Keys
are words joined by points: `lateral_inhibition.claim_1.difference`, `baseline.fresh.test_accuracy`.
"""

from __future__ import annotations

from collections.abc import Sequence

from bonsai.base import listing
from bonsai.evaluation import BASELINE_RUN, verdict
from bonsai.models import dollars
from bonsai.paper.document import Number, Shown
from bonsai.report import (
    IdeaReport,
    Judged,
    MetricReport,
    Report,
    Run,
    SearchReport,
    Source,
    TemplateReport,
    words,
)

MOST_METRICS = 60  # of a run; of more, the first
MOST_SEEDS = 12  # that are named one by one
MOST_DIGITS = 4  # after the point, of values that no seed changes


class Values:
    """The values of a paper, and the keys that its parts are known by."""

    def __init__(self, report: Report, told: Sequence[tuple[TemplateReport, IdeaReport]]) -> None:
        """Gather the values of a sweep, and of some of its ideas all that is known.

        Args:
            report: the sweep.
            told: the ideas that the paper is about, with their templates.
        """
        self.shown: dict[str, Shown] = {}
        self._several = len(report.templates) > 1
        self._sweep(report, len(told))
        for template in report.templates:
            self._template(template)
        for template, idea in told:
            self._idea(template, idea)

    def number(self, key: str, *, strong: bool = False) -> Number:
        """A reference to a value.

        Raises:
            KeyError: there is none of that key; nothing refers to it unless `in` says so.
        """
        if key not in self.shown:
            raise KeyError(key)
        return Number(key=key, style="strong" if strong else "plain")

    def __contains__(self, key: str) -> bool:
        return key in self.shown

    def of_template(self, template: TemplateReport) -> str:
        """What keys of a template begin with."""
        return f"{template.name}." if self._several else ""

    def of_idea(self, template: TemplateReport, idea: IdeaReport) -> str:
        """What keys of an idea begin with."""
        return f"{self.of_template(template)}{idea.folder}."

    def add(
        self, key: str, text: str, value: float | None, about: str,
        sources: Sequence[Source] = (),
    ) -> None:  # fmt: skip
        """Put a value among them, as it is shown."""
        places = ", ".join(
            each.file + (f", line {each.line}" if each.line else "") for each in sources[:2]
        )
        self.shown[key] = Shown(text=words.clean(text), value=value, about=about, source=places)

    def count(
        self, key: str, number: int, thing: str, things: str | None = None,
        sources: Sequence[Source] = (),
    ) -> None:  # fmt: skip
        """Put a count with its noun among them."""
        about = f"how many {things or thing + 's'}"
        self.add(key, words.counted(number, thing, things), number, about, sources)

    def _bare(self, key: str, text: str) -> None:
        """The same value once more without its unit, for tables that have it in a heading."""
        whole = self.shown[key]
        self.shown[f"{key}.bare"] = whole.model_copy(update={"text": words.clean(text)})

    def _sweep(self, report: Report, told: int) -> None:
        wording, ledger = report.wording, [report.ledger]
        self.count("sweep.ideas", len(report.ideas), wording.one, wording.many, [report.settings])
        self.count("sweep.told", told, wording.one, wording.many, [report.settings])
        self.count("sweep.runs", report.runs, "run", sources=ledger)
        judged = [
            claim for _, idea in report.ideas for claim in idea.claims if claim.verdict.comparison
        ]
        self.count("sweep.claims", len(judged), "claim", sources=ledger)
        self.count("sweep.failures", sum(report.failure_kinds.values()), "step", sources=ledger)
        for kind, number in report.failure_kinds.items():
            self.add(f"sweep.failed.{kind}", str(number), number, f"how often: {kind}", ledger)
        for word in ("supported", "refuted", "undecided", "no result"):
            number = sum(idea.word == word for _, idea in report.ideas)
            about = f"{wording.many} whose first claim ended as: {word}"
            self.add(f"sweep.{word.replace(' ', '_')}", str(number), number, about, ledger)
        if report.looks:
            looks = listing([str(number) for number in report.looks])
            self.add("sweep.looks", looks, None, "fresh seeds after which a claim is judged",
                     [report.settings])  # fmt: skip
        cover = 100 * (1 - verdict.LEVEL)
        self.add("test.level", f"{verdict.LEVEL:g}", verdict.LEVEL, "level of the tests, two-sided")
        self.add("test.interval", f"{cover:g} %", cover, "level of the intervals")
        self.add("sweep.tokens", f"{report.tokens:,} tokens", report.tokens,
                 "to and from the model", ledger)  # fmt: skip
        self.add("sweep.usd", dollars(report.usd), report.usd, "paid to the model's service",
                 ledger)  # fmt: skip
        self.count("sweep.unpriced", report.unpriced, "call", sources=ledger)
        run_seconds = sum(idea.run_seconds for _, idea in report.ideas)
        self.add("sweep.run_time", words.duration(run_seconds), run_seconds,
                 "time of all experiments", ledger)  # fmt: skip
        if report.began is not None and report.ended is not None:
            took = report.ended - report.began
            self.add("sweep.time", words.duration(took), took, "from first to last step", ledger)

    def _template(self, template: TemplateReport) -> None:
        begin = self.of_template(template)
        for key, run in (("agent", template.baseline), ("fresh", template.fresh)):
            if run is not None:
                self._run(f"{begin}baseline.{key}", template, run, "the baseline", key)
        contest = template.contest
        if contest is None or (found := contest.comparison) is None:
            return
        unit, what = words.points(template.primary.unit), "the two searches' winners"
        self.add(
            f"{begin}contest.difference",
            f"{words.signed(found.mean, template.digits)} {unit}".strip(), found.mean,
            f"difference in {template.primary.name} of {what}", [Source(file="ledger.jsonl")],
        )  # fmt: skip
        self.count(f"{begin}contest.seeds", len(contest.seeds), "fresh seed")
        for name, end in (("low", found.low), ("high", found.high)):
            if end is not None:
                about = f"{'lower' if name == 'low' else 'upper'} end of that difference's interval"
                self.add(f"{begin}contest.{name}", words.signed(end, template.digits), end, about)

    def _run(self, begin: str, template: TemplateReport, run: Run, called: str, kind: str) -> None:
        seeds = "fresh seed" if kind == "fresh" else "seed"
        self.count(f"{begin}.seeds", len(run.seeds), seeds, sources=run.sources)
        if 0 < len(run.seeds) <= MOST_SEEDS:
            named = listing([str(seed) for seed in run.seeds])
            self.add(f"{begin}.seed_numbers", named, None, f"the seeds of {called}", run.sources)
        if run.seconds is not None:
            about = f"time of {called}, all seeds"
            self.add(f"{begin}.time", words.duration(run.seconds), run.seconds, about, run.sources)
        for metric, mean in list(run.means.items())[:MOST_METRICS]:
            known = template.metrics.get(metric) or MetricReport(
                name=metric, unit=_unit(template, metric), better=None, about=""
            )
            told = words.spread(mean, run.stderrs.get(metric))
            about = f"{metric} of {called} on {words.counted(len(run.seeds), seeds)}, mean and "
            self.add(
                f"{begin}.{metric}", f"{told} {known.unit}".strip(), mean,
                about + "standard error", run.sources,
            )  # fmt: skip
            self._bare(f"{begin}.{metric}", told)

    def _idea(self, template: TemplateReport, idea: IdeaReport) -> None:
        begin = self.of_idea(template, idea)
        for kind, runs in (("agent", idea.runs), ("fresh", idea.fresh)):
            for run in runs:
                called = f"{run.name} of {idea.name}"
                self._run(f"{begin}{run.name}.{kind}", template, run, called, kind)
        for number, claim in enumerate(idea.claims, 1):
            self._claim(f"{begin}claim_{number}", idea, claim)
        self.count(f"{begin}claims", len(idea.claims), "claim", sources=idea.sources)
        self.count(f"{begin}runs", len(idea.runs), "run", sources=idea.sources)
        self.count(f"{begin}failures", len(idea.failures), "step", sources=idea.sources)
        self.add(f"{begin}run_time", words.duration(idea.run_seconds), idea.run_seconds,
                 f"time of the experiments of {idea.name}", idea.sources)  # fmt: skip
        self.add(f"{begin}tokens", f"{idea.tokens:,} tokens", idea.tokens,
                 "to and from the model", idea.sources)  # fmt: skip
        if idea.usd is not None:
            self.add(f"{begin}usd", dollars(idea.usd), idea.usd, "paid to the model's service",
                     idea.sources)  # fmt: skip
        if idea.search is not None:
            self._search(begin, template, idea.search)
        if idea.given is not None:
            for name, value in (("said", idea.given.claimed), ("measured", idea.given.measured)):
                if value is not None:
                    text = f"{words.number(value)} {template.primary.unit}".strip()
                    about = f"{template.primary.name} of {idea.name}, "
                    about += "as is said of it elsewhere" if name == "said" else "on fresh seeds"
                    self.add(f"{begin}{name}", text, value, about, idea.given.sources)
        if idea.seeming is not None:
            gain = -idea.seeming if template.primary.better == "lower" else idea.seeming
            unit = words.points(template.primary.unit)
            self.add(
                f"{begin}seeming", f"{words.signed(gain, template.digits)} {unit}".strip(), gain,
                f"difference of {idea.best_run} to the baseline in {template.primary.name}, on the "
                "seeds that it was worked with and chosen on", idea.sources,
            )  # fmt: skip

    def _search(self, begin: str, template: TemplateReport, search: SearchReport) -> None:
        self.count(f"{begin}candidates", len(search.tree), "candidate")
        for stage, number in search.runs.items():
            self.count(f"{begin}{stage}_runs", number, "single run")
        self.add(f"{begin}search_time", words.duration(search.cpu_seconds), search.cpu_seconds,
                 "computing time before the verdict")  # fmt: skip
        self.add(
            f"{begin}max_slowdown",
            f"{words.number(search.max_slowdown)} times",
            search.max_slowdown,
            "most computing time of a candidate, in the template's",
        )
        unit = words.points(template.primary.unit)
        for number, gain in enumerate(search.gains, 1):
            about = f"difference in {template.primary.name} of the winner to "
            text = f"{words.signed(gain.difference, template.digits)} {unit}".strip()
            self.add(f"{begin}gain_{number}.difference", text, gain.difference,
                     f"{about}{words.version(gain.against)}, in the {gain.stage}")  # fmt: skip
            self.add(f"{begin}gain_{number}.seeds", str(gain.seeds), gain.seeds,
                     f"how many seeds of the {gain.stage}")  # fmt: skip

    def _claim(self, key: str, idea: IdeaReport, claim: Judged) -> None:
        verdict, unit = claim.verdict, words.points(claim.unit)
        sources = [each for run in idea.fresh if run.name == verdict.run for each in run.sources]
        what = f"{verdict.run} of {idea.name} against {verdict.claim.against}"
        self.add(f"{key}.verdict", verdict.word, None, f"the verdict: {claim.sentence}", sources)
        if verdict.claim.smallest_effect:
            effect = f"{verdict.claim.smallest_effect:g} {unit}".strip()
            self.add(f"{key}.smallest_effect", effect, verdict.claim.smallest_effect,
                     "the smallest effect that matters, as claimed", idea.sources)  # fmt: skip
        found = verdict.comparison
        if found is None:
            return
        metric, digits = verdict.claim.metric, claim.digits
        if found.low is None or found.low == found.high:  # no width tells how many digits count
            digits = words.digits_for(abs(found.mean)) + 2 if found.mean else MOST_DIGITS
        self.add(
            f"{key}.difference", f"{words.signed(found.mean, digits)} {unit}".strip(),
            found.mean, f"difference in {metric}, {what}, mean over fresh seeds", sources,
        )  # fmt: skip
        self.count(f"{key}.seeds", len(found.differences), "fresh seed", sources=sources)
        self._bare(f"{key}.seeds", str(len(found.differences)))
        if found.low is not None and found.high is not None:
            for name, end in (("low", found.low), ("high", found.high)):
                about = f"{'lower' if name == 'low' else 'upper'} end of that difference's interval"
                self.add(f"{key}.{name}", words.signed(end, digits), end, about, sources)
        if verdict.p is not None:
            p = words.p_value(verdict.p)
            told = f"p {p}" if p.startswith("<") else f"p = {p}"
            self.add(f"{key}.p", told, verdict.p,
                     "p-value of the side that decides, after Holm", sources)  # fmt: skip
            self._bare(f"{key}.p", p)
        for name, values in (("value", claim.values), ("other", claim.others)):
            mean = sum(values) / len(values)
            whose = verdict.run if name == "value" else verdict.claim.against
            called = "the baseline" if whose == BASELINE_RUN else f"{whose}"
            text = f"{words.fixed(mean, digits)} {claim.unit}".strip()
            self.add(f"{key}.{name}", text, mean,
                     f"{metric} of {called}, mean over the same fresh seeds", sources)  # fmt: skip


def _unit(template: TemplateReport, metric: str) -> str:
    """The unit of a metric that its scorer does not name one by one, as accuracies of classes."""
    begin = metric.split("_", 1)[0]
    primary = template.primary
    return primary.unit if begin and begin in primary.name and primary.unit == "%" else ""
