"""What is checked of a run before its numbers are believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from bonsai.base import BonsaiError, listing, untrusted
from bonsai.evaluation import claims as claims_module
from bonsai.evaluation import reporting_code
from bonsai.evaluation.runs import Measured
from bonsai.evaluation.scores import Scores
from bonsai.kit import data as kit_data
from bonsai.kit.errors import KitError
from bonsai.templates import EDITABLE, LEFT_OUT, Claim, Reported, Template, contract

COST = "costs no more than the baseline"
MORE = 1.5  # times the cost of the baseline; less may be the noise of a busy machine
SIZES = ("parameters", "weights")  # metrics that tell how large a network is
CURVE_POINTS = 40
RANK = {False: 0, None: 1, True: 2}  # the worst first
SAME = 1e-6  # relative: two runs of one seed give the same number, but for rounding


class Check(BaseModel):
    """One thing that was checked of a run.

    Attributes:
        name: what was checked, in a few words.
        passed: whether it is as it should be; None if it could not be found out.
        found: what was found, as a sentence.
        numbers: the figures in it.
    """

    name: str
    passed: bool | None
    found: str
    numbers: dict[str, float] = {}


def of_run(template: Template, data: str, run: Measured, baseline: Scores | None) -> list[Check]:
    """What can be checked of any run, idea's or baseline's, once it is scored.

    Args:
        template: its template.
        data: its data set.
        run: what was measured.
        baseline: the baseline's scores; None if the run is the baseline.
    """
    scores = run.scores
    if template.is_self_reported:
        found = "No score.py measures it: the numbers are those that the program wrote."
        return [
            Check(name="score reproduced", passed=None, found=f"Self-reported. {found}"),
            _seeds_used(scores, baseline),
        ]
    return [
        Check(
            name="score reproduced",
            passed=not scores.disagreements,
            found=f"The runner computed {len(scores.means)} metrics of {len(scores.seeds)} seeds "
            "from the outcome files.",
        ),
        _seeds_used(scores, baseline),
        _labels_out_of_reach(template, run),
        _data_unchanged(template, data, run),
        _trained_on_test(scores),
    ]


def reporting(template: Template, experiment: bytes) -> list[Check]:
    """What is looked at in the code of a run whose scores the program itself reports.

    Args:
        template: its template; one with a `score.py` needs none of this.
        experiment: `experiment.py` of the run, byte for byte.
    """
    if not template.is_self_reported:
        return []
    metrics = list(template.scorer.metrics)
    before = template.experiment.read_bytes()
    other, otherwise = reporting_code.changed(before, experiment, metrics)
    known = reporting_code.constants(before, metrics)
    fixed = [each for each in reporting_code.constants(experiment, metrics) if each not in known]
    return [
        Check(
            name="code that reports the metrics unchanged", passed=not other, found=_told(other)
        ),
        Check(
            name="code that computes the metrics unchanged", passed=not otherwise,
            found=_told(otherwise),
        ),
        Check(
            name="results are no constants", passed=not fixed,
            found=f"Set to a fixed number: {listing(fixed)}." if fixed
            else "No metric is set to a fixed number.",
        ),
    ]  # fmt: skip


def _told(other: Sequence[str]) -> str:
    return f"Other than in the template: {other[0][:200]}" if other else "As in the template."


def merged(found: Sequence[Check]) -> list[Check]:
    """One check of each name, over all interim analyses of a run: the worst, or else the first."""
    worst: dict[str, Check] = {}
    for check in found:
        known = worst.setdefault(check.name, check)
        if RANK[check.passed] < RANK[known.passed]:
            worst[check.name] = check
    return list(worst.values())


def sealed(claims: Sequence[Claim], seal: str | None, before_edits: bool) -> Check:
    """Whether the claims are those that stood in the ledger before the first version."""
    same = claims_module.seal(claims) == seal and before_edits
    found = (
        f"Their hash {seal[:12] if seal else ''} stood in the ledger before the first version."
        if same else "They are not those that were sealed before the first version."
    )  # fmt: skip
    return Check(name="claims sealed", passed=same, found=found)


def frozen_files(template: Template, workspace: Path) -> Check:
    """Whether every file but the editable ones is as the template has it."""
    skipped = LEFT_OUT(str(template.folder), [path.name for path in template.folder.iterdir()])
    changed = []
    for path in sorted(template.folder.rglob("*")):
        name = path.relative_to(template.folder)
        if not path.is_file() or name.parts[0] in skipped or "__pycache__" in name.parts:
            continue
        copy = workspace / name
        if str(name) not in EDITABLE and not (_holds(copy, path.read_bytes())):
            changed.append(str(name))
    found = (
        f"Changed: {', '.join(changed)}." if changed
        else f"Beside {', '.join(EDITABLE)} every file is the template's."
    )  # fmt: skip
    return Check(name="frozen files untouched", passed=not changed, found=found)


def _holds(path: Path, content: bytes) -> bool:
    try:
        return untrusted.read_bytes(path, len(content)) == content
    except BonsaiError:
        return False


def repeats(template: Template, before: Scores, again: Scores, device: str = "cpu") -> Check:
    """Whether a seed gives the same result when it is run once more, beside other seeds.

    A GPU adds in an order of its own, so there a difference proves nothing.
    """
    primary, seed = template.scorer.primary, again.seeds[0]
    first, second = before.of([seed]).means[primary], again.means[primary]
    within = template.scorer.repeats_within
    gap = abs(second - first)
    same = gap <= max(within, SAME * abs(first))
    allowed = f"they may differ by {within:g}" if within else "they must be the same"
    if not same and device != "cpu":
        allowed = f"on {device} a seed does not decide everything"
    return Check(
        name="seeds obeyed",
        passed=True if same else None if device != "cpu" or _is_free(template) else False,
        found=f"Seed {seed} gave {primary} {first:.6g}, and once more {second:.6g}; {allowed}.",
        numbers={"first": first, "second": second, "allowed": within},
    )


def _is_free(template: Template) -> bool:
    """Whether not even the untouched program gives the same numbers with the same seed."""
    return isinstance(template.scorer, Reported) and template.scorer.seeding == "free"


def cost(
    template: Template, own: Sequence[Mapping[str, Any]], base: Sequence[Mapping[str, Any]]
) -> Check | None:
    """Whether a run costs about as much as the baseline did on the same seeds.

    Args:
        template: the template.
        own: the data of the ledger's `confirm` entries of the run, one per interim analysis.
        base: those of the baseline.

    Returns:
        The ratios of computing time, memory and size; and, if the run takes more time, what it had
        achieved when it had taken as much as the baseline, by the curve that the template names.
        None if either was not run on fresh seeds.
    """
    analyses = min(len(own), len(base))
    if not analyses:
        return None
    numbers = {}
    for what, unit in (("cpu_seconds", "computing time"), ("memory_gb", "memory")):
        mine, theirs = (_total(entries[:analyses], what) for entries in (own, base))
        if mine and theirs:
            numbers[unit] = mine / theirs
    for size in SIZES:
        large, usual = (entries[0]["scores"]["means"].get(size) for entries in (own, base))
        if large and usual:
            numbers[size] = large / usual
    ratios = [f"{ratio:.2f} times the {what}" for what, ratio in numbers.items()]
    found = "Its cost is not known."
    if ratios:
        found = f"Took {listing(ratios)} of the baseline."
    dear = any(ratio > MORE for ratio in numbers.values())
    time = numbers.get("computing time", 1.0)
    early, end = (_after(own[0].get("curve"), share) for share in (1 / time, 1.0))
    usual = _after(base[0].get("curve"), 1.0)
    if time > MORE and early is not None and end is not None and usual is not None:
        numbers |= {"at equal time": early, "at its end": end, "baseline": usual}
        found += (
            f" When it had taken as long as the baseline, its {template.scorer.curve} was "
            f"{early:.4g}; at its end {end:.4g}, the baseline's {usual:.4g}."
        )
    return Check(
        name=COST,
        passed=not dear if ratios else None,
        found=found,
        numbers=numbers,
    )


def curve(template: Template, run: Path) -> list[list[float]] | None:
    """The curve that follows the selection metric through training, for the ledger.

    Returns:
        Pairs of the share of the training that is over and the mean over seeds; None if the
        template names no such curve, or the run has none.
    """
    if template.scorer.curve is None:
        return None
    try:
        seeds = contract.read(contract.History, run / "history.json").seeds
        found = [curves[template.scorer.curve] for curves in seeds.values()]
    except (BonsaiError, KeyError):
        return None
    length = min((len(series.values) for series in found), default=0)
    if not length:
        return None
    steps = np.asarray(found[0].steps[:length])
    means = np.mean([series.values[:length] for series in found], axis=0)
    picked = np.unique(np.linspace(0, length - 1, min(CURVE_POINTS, length)).round().astype(int))
    return [[float(steps[at] / steps[-1]), float(means[at])] for at in picked]


def _after(points: list[list[float]] | None, share: float) -> float | None:
    """The value of a curve when this share of the training is over; None if it begins later."""
    reached = [value for at, value in points or [] if at <= share]
    return reached[-1] if reached else None


def _total(entries: Sequence[Mapping[str, Any]], what: str) -> float:
    """Time adds up over interim analyses, memory does not."""
    values = [float(entry.get(what, 0.0)) for entry in entries]
    return max(values) if what == "memory_gb" else sum(values)


def _seeds_used(scores: Scores, baseline: Scores | None) -> Check:
    differ = scores.seeds_differ
    if baseline is not None and not baseline.seeds_differ:
        found = "The template gives the same outcomes for every seed."
        return Check(name="seeds matter", passed=None, found=found)
    if len(scores.seeds) < 2:
        return Check(name="seeds matter", passed=None, found="There is but one seed.")
    same = "The outcomes of different seeds " + ("differ." if differ else "are the same.")
    return Check(name="seeds matter", passed=differ, found=same)


def _labels_out_of_reach(template: Template, run: Measured) -> Check:
    name = "test labels out of reach"
    if "bubblewrap" not in run.where:
        found = f"It ran with {run.where}, and could have read the test labels."
        return Check(name=name, passed=None, found=found)
    if not template.scorer.withholds_labels:
        found = (
            "The template has data of its own; whether they hold test labels is for its README "
            "to say."
        )
        return Check(name=name, passed=None, found=found)
    found = "It ran within bubblewrap, where the test labels are not."
    return Check(name=name, passed=True, found=found)


def _data_unchanged(template: Template, data: str, run: Measured) -> Check:
    name = "data unchanged"
    if not run.checksums or template.scorer.load_data is not kit_data.load_images:
        return Check(name=name, passed=None, found="The template has data of its own.")
    same = run.checksums == _checksums(data)
    which = f"{len(run.checksums)} arrays of {run.scores.dataset}"
    found = f"SHA-256 of {which}, as the run read them, "
    found += f"{'are' if same else 'are not'} those of the data set."
    return Check(name=name, passed=same, found=found)


@lru_cache(maxsize=8)
def _checksums(data: str) -> Mapping[str, str]:
    try:
        return kit_data.checksums(data)
    except KitError:
        return {}


def _trained_on_test(scores: Scores) -> Check:
    name, count = "not trained on test images", scores.trained_on_test
    if count is None:
        found = "The experiment does not tell which images it has trained on."
        return Check(name=name, passed=None, found=found)
    found = f"{count or 'None'} of the test images {'is' if count == 1 else 'are'} among those "
    return Check(name=name, passed=not count, found=f"{found}that training has seen.")
