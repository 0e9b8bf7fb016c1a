"""What came out, in sentences that a paper might have printed, each with what became of it."""

from __future__ import annotations

from bonsai.evaluation import Word
from bonsai.report import searches, words
from bonsai.report.effort import Contrast
from bonsai.report.shapes import Finding, IdeaReport, Report, TemplateReport
from bonsai.report.summary import TemplateSummary
from bonsai.templates import SELF_REPORTED

MAX_FINDINGS = 6  # of claims, for each template; the leaderboard holds the rest
MAX_CHECKS = 6
WEIGHT: dict[Word, int] = {"supported": 0, "refuted": 1, "undecided": 2, "no result": 3}


def of_template(template: TemplateReport, summary: TemplateSummary) -> list[Finding]:
    """The findings on one template: its surest claims, the best of many, checks that failed."""
    return [
        *_contest(template),
        *_claims(template),
        *_said(template),
        *_selection(template, summary),
        *_seeming(template),
        *_checks(template),
    ]


def of_sweep(report: Report) -> list[Finding]:
    """The findings on the whole sweep: what was tried, and what went wrong."""
    found = []
    several = len(report.templates) > 1
    silent = [
        f"{template.name}/{idea.name}" if several else idea.name
        for template, idea in report.ideas
        if idea.state == "done" and not idea.runs
    ]
    if silent:
        names = ", ".join(silent[:3]) + ", …" * (len(silent) > 3)
        sentence = f"{report.wording.count(len(silent))} came to no run at all"
        found.append(
            Finding(
                sentence=sentence,
                detail=f"{names}: {report.wording.a} without a result refutes nothing.",
            )
        )
    found += [
        Finding(sentence=f"{each.better} did better than {_other(each)} in {each.what}",
                detail=each.sentence)
        for each in report.contrasts if each.better
    ]  # fmt: skip
    if report.failure_kinds:
        count = sum(report.failure_kinds.values())
        kinds = ", ".join(f"{count} × {kind}" for kind, count in report.failure_kinds.items())
        sentence = f"{words.counted(count, 'step')} went wrong"
        found.append(Finding(sentence=sentence, detail=f"{kinds}. Each cost its own try alone."))
    return found


def _other(contrast: Contrast) -> str:
    """Of two agents the one that did not do better."""
    return contrast.second if contrast.better == contrast.first else contrast.first


def _contest(template: TemplateReport) -> list[Finding]:
    if template.contest is None:
        return []
    sentence, detail = searches.describe_contest(
        template.contest, template.primary.unit, template.digits
    )
    return [Finding(sentence=sentence, template=template.name, detail=detail)]


def _claims(template: TemplateReport) -> list[Finding]:
    judged = [
        (idea, claim)
        for idea in template.ideas
        for claim in idea.claims
        if claim.verdict.comparison is not None
    ]
    judged.sort(
        key=lambda pair: (
            WEIGHT[pair[1].verdict.word],
            pair[1].doubt,
        )
    )
    return [
        Finding(
            sentence=_sentence(template, idea)
            if claim is idea.main
            else f"{idea.name} {claim.sentence}",
            idea=idea.name,
            template=template.name,
            word=claim.verdict.word,
            detail=f"{SELF_REPORTED}: " * template.self_reported
            + f"{claim.result}. {claim.verdict.why}",
            page=idea.page,
        )
        for idea, claim in judged[:MAX_FINDINGS]
    ]


def _sentence(template: TemplateReport, idea: IdeaReport) -> str:
    """The claim as its author would have put it, with what the best run gained in their hands."""
    begin = f"{idea.name} improves {template.primary.name}"
    if idea.given or idea.seeming is None or idea.seeming < 0.5 * 10**-template.digits:
        return begin
    amount = words.signed(idea.seeming, template.digits).lstrip("+")
    return f"{begin} by {amount} {words.points(template.primary.unit)}".strip()


def _said(template: TemplateReport) -> list[Finding]:
    """What is said of programs that were brought, and what was measured."""
    unit = template.primary.unit
    found = [
        Finding(
            sentence=f"{template.primary.name} of {idea.name} is "
            f"{words.number(idea.given.claimed)} {unit}".rstrip(),
            idea=idea.name,
            template=template.name,
            detail=idea.given.sentence,
            page=idea.page,
        )
        for idea in template.ideas
        if idea.given and idea.given.claimed is not None
    ]
    return found[:MAX_FINDINGS]


def _selection(template: TemplateReport, summary: TemplateSummary) -> list[Finding]:
    if summary.best is None:
        return []
    best, selected = summary.best
    unit = words.points(template.primary.unit)
    tried = len([idea for idea in template.ideas if idea.runs])
    runs = sum(len(idea.runs) for idea in template.ideas)
    measured = words.signed(selected.measured, template.digits)
    kept = words.signed(selected.expected, template.digits)
    idea = next(each for each in template.ideas if each.folder == best.idea.Name)
    gained = "gained" if selected.measured > 0 else "did not gain either:"
    return [
        Finding(
            sentence=f"{idea.name}, the best of {template.wording.count(tried)} and "
            f"{words.counted(runs, 'run')}, {gained} {measured} {unit}".strip(),
            idea=idea.name,
            template=template.name,
            detail="The best of many is partly the luckiest: measured once more on other seeds, it "
            f"is expected to show {kept} {unit}".strip()
            + ".",
            page=idea.page,
        )
    ]


def _seeming(template: TemplateReport) -> list[Finding]:
    """How far the gains on the agent's own seeds hold on fresh ones, over all ideas."""
    sign = -1.0 if template.primary.better == "lower" else 1.0
    pairs = [
        (idea.seeming, sign * idea.main.verdict.comparison.mean)
        for idea in template.ideas
        if idea.seeming is not None
        and idea.main.verdict.comparison is not None
        and not idea.given  # which was not chosen by its figures on these seeds
    ]
    if len(pairs) < 3:
        return []
    before, after = (sum(values) / len(pairs) for values in zip(*pairs, strict=True))
    unit = words.points(template.primary.unit)
    told = [words.signed(value, template.digits) for value in (before, after)]
    return [
        Finding(
            sentence=f"On the seeds that the agent worked with, {len(pairs)} ideas gained "
            f"{told[0]} {unit} on average".replace("  ", " "),
            template=template.name,
            detail=f"On fresh seeds the same code gained {told[1]} {unit}".strip() + ".",
        )
    ]


def _checks(template: TemplateReport) -> list[Finding]:
    found = [
        Finding(
            sentence=f"{idea.name}, {run}: {check.name}",
            idea=idea.name,
            template=template.name,
            detail=f"Check failed: {check.found}",
            page=idea.page,
        )
        for idea in template.ideas
        for run, check in idea.failed_checks
    ]
    return found[:MAX_CHECKS]
