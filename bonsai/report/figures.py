"""The figures that compare all ideas of a results folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bonsai.base import NO_STEP, Entry
from bonsai.kit import plotting
from bonsai.report.summary import IdeaSummary, SweepSummary, TemplateSummary, most_telling
from bonsai.settings import REPORT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FOLDER = Path(REPORT, "figures")  # in the results folder
MAX_ROWS = 30  # ideas in one figure; of more, those are drawn that say most
MAX_NAMED = 12  # runs that are named in one figure
LETTERS_IN_FONT = 0x500  # of Latin, Greek and Cyrillic all are in every font that may be used
COLOURS = {
    "supported": "#009E73",
    "refuted": "#D55E00",
    "undecided": "#56B4E9",
    "no result": "#BBBBBB",
}
STEP_COLOURS = {
    "run": "#0072B2",
    "confirm": "#009E73",
    "smoke": "#56B4E9",
    "agent": "#E69F00",
    "failed": "#D55E00",
}
STEP_NAMES = {
    "run": "run",
    "confirm": "fresh seeds",
    "smoke": "smoke run",
    "failed": "a try that failed",
}


def draw(sweep: SweepSummary) -> list[Path]:
    """Draw every figure for which there are results; returns the files written."""
    plotting.style()
    made = []
    for template in sweep.templates:
        if any(idea.comparison for idea in template.ideas):
            made.append(draw_differences(sweep, template))
        timed = sweep.settings.search is None  # the winner of one was run seed by seed, among many
        if timed and template.baseline is not None and any(idea.runs for idea in template.ideas):
            made.append(draw_cost(sweep, template))
    if sweep.entries:
        made.append(draw_timeline(sweep))
    return made


def draw_differences(sweep: SweepSummary, template: TemplateSummary) -> Path:
    """Every idea's difference to the baseline on fresh seeds, with its 95 % interval."""
    from matplotlib import pyplot

    wording = sweep.wording
    compared = [idea for idea in template.ideas if idea.comparison]
    ideas = sorted(
        most_telling(compared, MAX_ROWS),
        key=lambda idea: idea.comparison.mean if idea.comparison else 0.0,
    )
    figure, axis = pyplot.subplots(figsize=(8, 1.9 + 0.5 * len(ideas)))
    axis.axvline(0, color=plotting.BASELINE_GREY, lw=2)
    for y, idea in enumerate(ideas):
        comparison = idea.comparison
        assert comparison is not None
        colour = COLOURS[idea.word]
        if comparison.low is not None and comparison.high is not None:
            axis.plot([comparison.low, comparison.high], [y, y], color=colour, lw=3, alpha=0.55)
        axis.plot(
            comparison.differences, [y] * len(comparison.differences), "|", color=colour, ms=11
        )
        axis.plot(comparison.mean, y, "o", color=colour, ms=9)
        axis.annotate(
            f"{comparison.mean:+.2f}  {idea.word}", (1.01, y), xycoords=("axes fraction", "data"),
            va="center", color=colour, fontsize=10.5, annotation_clip=False,
        )  # fmt: skip
    axis.set_yticks(range(len(ideas)), [_label(idea) for idea in ideas])
    axis.set_ylim(-0.6, len(ideas) - 0.4)
    axis.grid(axis="y", visible=False)
    way = "" if template.better is None else f" ({template.better} is better)"
    axis.set_xlabel(
        f"difference to the baseline in {template.primary}, {_points(template.unit)}{way}"
    )
    seeds = len(template.confirmed.seeds) if template.confirmed else 0
    won = sum(idea.word == "supported" for idea in compared)
    missing = len(template.ideas) - len(compared)
    shown = f"The {len(ideas)} surest of {len(compared)}. " if len(ideas) < len(compared) else ""
    rest = f" ({missing} without a result)" if missing else ""
    plotting.headline(
        figure,
        f"{template.template.name}: {won} of {len(template.ideas)} {wording.many} beat the "
        f"baseline{rest}",
        f"{shown}Circle: mean over {seeds} fresh seeds {wording.unseen}; bar: its 95 % interval; "
        "ticks: the seeds. "
        "Verdict: paired t-test, Holm's correction.",
    )
    return _save(figure, sweep, f"{template.template.name}_differences")


def draw_cost(sweep: SweepSummary, template: TemplateSummary) -> Path:
    """The primary metric against what a run cost in time, one point per run."""
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(8, 4.6))
    baseline, base = template.baseline, _baseline_seconds(template)
    assert baseline is not None
    mean, stderr = baseline.means[template.primary], baseline.stderrs[template.primary]
    _point(axis, mean, stderr, base, plotting.BASELINE_GREY)
    ends = [(base, mean, "Baseline", plotting.BASELINE_GREY)]
    tried = [idea for idea in template.ideas if idea.runs]
    named = most_telling(tried, MAX_NAMED)
    if len(named) < len(tried):  # too many to name, or to tell apart
        times, means = zip(*(_cost(template, entry) for idea in tried for entry in idea.entries
                             if _is_run(entry)), strict=True)  # fmt: skip
        axis.plot(times, means, ".", color=plotting.BASELINE_GREY, ms=3, alpha=0.4, zorder=0)
    for position, idea in enumerate(named):
        colour = plotting.PALETTE[position % len(plotting.PALETTE)]
        for entry in idea.entries:
            if _is_run(entry):
                name = entry.data["run"]
                seconds, mean = _cost(template, entry)
                _point(axis, mean, idea.runs[name].stderrs[template.primary], seconds, colour)
                number = name.removeprefix("run_")
                ends.append((seconds, mean, f"{_label(idea)} {number}", colour))
    axis.set_xlabel("time of the whole run, all seeds, in seconds")
    axis.set_ylabel(f"{template.primary}" + (f", {template.unit}" if template.unit else ""))
    seeds = len(baseline.seeds)
    plotting.headline(
        figure,
        f"{template.template.name}: what each run achieved, and what it took",
        f"{baseline.dataset}. One point per run: mean over the {seeds} seeds "
        f"{sweep.wording.worked_with}; "
        "bars: one standard error. The number after a name is the run."
        + f" Named are the {len(named)} surest of {len(tried)} {sweep.wording.many}."
        * (len(named) < len(tried)),
    )
    plotting.label_ends(axis, ends, letters=30)
    return _save(figure, sweep, f"{template.template.name}_cost")


def _label(idea: IdeaSummary) -> str:
    """An idea's name as a figure can show it: in its font, and without taking $ for mathematics."""
    name = idea.idea.called
    in_font = all(ord(letter) < LETTERS_IN_FONT for letter in name)
    return name.replace("$", r"\$") if in_font else idea.idea.Name


def draw_timeline(sweep: SweepSummary) -> Path:
    """When each idea was worked on, and what happened then."""
    from matplotlib import pyplot
    from matplotlib.patches import Patch

    rows: list[tuple[str, Sequence[Entry]]] = []
    for template in sweep.templates:
        several = f"{template.template.name}/" if len(sweep.templates) > 1 else ""
        rows.append((several + "(baseline)", template.entries))
        rows += [(several + _label(idea), idea.entries) for idea in template.ideas]
    hidden = len(rows) - MAX_ROWS
    if hidden > 0:  # those that were worked on last, in their own order
        ends = sorted((entries[-1].time for _, entries in rows if entries), reverse=True)[:MAX_ROWS]
        rows = [row for row in rows if row[1] and row[1][-1].time >= ends[-1]][:MAX_ROWS]
    start = min(entry.time - entry.seconds for entry in sweep.entries)
    figure, axis = pyplot.subplots(figsize=(8, 1.9 + 0.36 * len(rows)))
    used = set()
    for y, (_, entries) in enumerate(reversed(rows)):
        for entry in entries:
            if entry.ok and entry.index == NO_STEP:
                continue
            kind = _kind(entry)
            used.add(kind)
            left = (entry.time - entry.seconds - start) / 60
            width = max(entry.seconds / 60, 0.004)
            axis.barh(
                y,
                width,
                left=left,
                height=0.66,
                color=STEP_COLOURS[kind],
                edgecolor="white",
                lw=0.3,
            )
            if entry.is_failure:
                axis.plot(left + width, y, "x", color=STEP_COLOURS["failed"], ms=6, mew=2)
    axis.set_yticks(range(len(rows)), [name for name, _ in reversed(rows)])
    axis.grid(axis="y", visible=False)
    axis.set_xlabel("minutes since the sweep began")
    names = STEP_NAMES | {"agent": sweep.wording.steps}
    handles = [
        Patch(color=STEP_COLOURS[kind], label=names[kind]) for kind in STEP_COLOURS if kind in used
    ]
    figure.legend(
        handles=handles, loc="outside lower right", ncols=len(handles), fontsize=9.5, frameon=False
    )
    minutes = (max(entry.time for entry in sweep.entries) - start) / 60
    failed = sum(sweep.failures.values())
    cost = f"; {failed} tries failed and cost only themselves" if failed else ""
    part = f" (the {MAX_ROWS} {sweep.wording.many} that were worked on last)" if hidden > 0 else ""
    plotting.headline(figure, f"The sweep took {minutes:.1f} minutes{cost}{part}")
    return _save(figure, sweep, "timeline")


def _is_run(entry: Entry) -> bool:
    return entry.ok and entry.step == "run"


def _cost(template: TemplateSummary, entry: Entry) -> tuple[float, float]:
    """What a run took, in seconds, and its mean of the primary metric."""
    return float(entry.data["run_seconds"]), float(entry.data["scores"]["means"][template.primary])


def _kind(entry: Entry) -> str:
    if entry.is_failure:
        return "failed"
    kinds = {"baseline": "run", "run": "run", "evaluate": "run", "confirm": "confirm"}
    return (kinds | {"smoke": "smoke"}).get(entry.step, "agent")


def _point(axis: Axes, mean: float, stderr: float | None, seconds: float, colour: str) -> None:
    axis.errorbar(
        seconds, mean, yerr=stderr or None, fmt="o", ms=8, color=colour, capsize=3, lw=1.5
    )


def _baseline_seconds(template: TemplateSummary) -> float:
    return next(
        float(entry.data["run_seconds"])
        for entry in template.entries
        if entry.step == "baseline" and entry.ok
    )


def _points(unit: str) -> str:
    return "percentage points" if unit == "%" else unit or "its own units"


def _save(figure: Figure, sweep: SweepSummary, name: str) -> Path:
    from matplotlib import pyplot

    path = sweep.results / FOLDER / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    figure.savefig(temporary, format="png")
    temporary.replace(path)
    pyplot.close("all")
    return path
