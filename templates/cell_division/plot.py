"""Figures of the runs beside this file: one that compares them, and the others for one of them.

Run:  python plot.py     (no arguments; draws every run_* folder that has results)
"""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import measures
import numpy as np
from figures_of_units import (
    LATE,
    SHOWN,
    STREAMS,
    TENTH,
    activity_around_an_event,
    age_pyramid,
    chosen,
    colour,
    lineages,
    methods_of,
    name_of,
    outcomes,
    runaway,
    smoothed,
)
from scipy import stats

from bonsai import kit
from bonsai.kit import plotting

# Name each run here as the reader should see it; a run without a name goes by its folder's.
labels = {
    "run_0": "Baseline",
}
DETAIL = "run_0"  # the run whose methods the other figures show

FOLDER = Path(__file__).resolve().parent


def runs_compared(runs: list[kit.Run]) -> plt.Figure | None:
    """Held-out accuracy late in the stream, late memorising, and plasticity lost, for every run."""
    panels = {
        "test_accuracy": "test accuracy,\nlast tasks (%)",
        "late_labels": "random labels,\nlast tasks (%)",
        "lost_permuted": "plasticity lost\n(points)",
    }
    runs = [run for run in runs if panels.keys() <= run.means.keys()]
    if not runs:
        return None
    figure = plotting.metrics_by_run(runs, panels)
    best = plotting.best_run(runs, "val_accuracy")
    plotting.headline(
        figure,
        f"{best.label} is right about {best.means['test_accuracy']:.1f} % of new images at the end "
        "of the stream" + plotting.against_baseline(best, runs, "test_accuracy"),
        f"{plotting.provenance(runs)}; best by validation accuracy; bars are one standard error",
    )
    return figure


def accuracy_by_task(runs: list[kit.Run]) -> plt.Figure | None:
    """Online accuracy against task, on both streams."""
    run = chosen(runs)
    found = {
        stream: {name: curve for name in methods_of(run, stream)
                 if (curve := run.curve(f"{stream} {name}")) is not None}
        for stream in STREAMS
    } if run else {}  # fmt: skip
    found = {stream: curves for stream, curves in found.items() if curves}
    if run is None or not found:
        return None
    figure, axes = plt.subplots(len(found), 1, figsize=(8, 2.9 * len(found)), squeeze=False)
    for axis, (stream, curves) in zip(axes[:, 0], found.items(), strict=True):
        shown = list(dict.fromkeys([next(iter(curves)), *(n for n in SHOWN if n in curves)]))
        ends, drawn = [], []
        for name in shown:
            steps, values = curves[name]
            smooth, at = smoothed(values, max(1, len(steps) // 40)), steps
            mean = plotting.band(axis, at, smooth, colour=colour(name))
            drawn.append(mean)
            ends.append((at[-1], mean[-1], name_of(name), colour(name)))
        axis.set_title(STREAMS[stream], loc="left")
        axis.set_ylabel("accuracy before\nlearning (%)")
        axis.margins(x=0)
        plotting.label_ends(axis, ends, letters=26)
    axes[-1, 0].set_xlabel("task")
    mine = methods_of(run, "permuted")[0]
    parts = [f"{name_of(n)} {lost(run, n):+.0f}" for n in (mine, "continual_backprop", "backprop")
             if lost(run, n) is not None]  # fmt: skip
    plotting.headline(
        figure,
        "Change from first to last tenth of the tasks, in points: " + ", ".join(parts),
        f"{plotting.provenance([run])}; headline: upper panel; bands are one standard "
        "error; running mean over a fortieth of the tasks",
    )
    return figure


def differences(runs: list[kit.Run]) -> plt.Figure | None:
    """Late accuracy of every method minus that of the first, with 95 % intervals, by stream."""
    run = chosen(runs)
    if run is None or len(next(iter(run.per_seed.values()), ())) < 2:
        return None
    figure, axes = plt.subplots(1, 2, figsize=(8, 4.6), sharey=True)
    others = methods_of(run, "permuted")[1:]
    verdicts = []
    for axis, stream in zip(axes, STREAMS, strict=True):
        pairs = {}
        for name in others:
            theirs = run.per_seed.get(f"{name}_{LATE[stream]}")
            ours = run.per_seed.get(LATE[stream])
            if ours and theirs:
                pairs[name] = np.subtract(theirs, ours)
        tests = {name: stats.ttest_1samp(values, 0.0) for name, values in pairs.items()}
        sure = holm({name: float(test.pvalue) for name, test in tests.items()})
        for row, name in enumerate(others):
            if name not in pairs:
                continue
            interval = tests[name].confidence_interval(0.95)
            mean = pairs[name].mean()
            axis.plot([interval.low, interval.high], [row, row], color=colour(name), lw=2.5)
            axis.plot(mean, row, "o", color=colour(name), ms=9,
                      mfc=colour(name) if name in sure else "white", mew=2)  # fmt: skip
        axis.axvline(0, color="black", lw=1)
        axis.set_title(STREAMS[stream])
        axis.set_xlabel("points more than division" if run.is_baseline else "points more")
        better = [name for name in sure if pairs[name].mean() > 0]
        verdicts.append(f"{len(better)} of {len(pairs)}")
    axes[0].set_yticks(range(len(others)), [name_of(name) for name in others])
    axes[0].invert_yaxis()
    plotting.headline(
        figure,
        f"Surely better than {name_of(methods_of(run, 'permuted')[0])} at the end: {verdicts[0]} "
        f"methods when pixels change, {verdicts[1]} when labels do",
        f"{plotting.provenance([run])}; last tenth of the tasks; left: test images, right: before "
        "learning; bars: 95 % intervals of paired differences (t); filled: p < 0.05 after Holm",
    )
    return figure


def dormancy_and_rank(runs: list[kit.Run]) -> plt.Figure | None:
    """Dormant units and effective rank against task."""
    run = chosen(runs)
    tables = outcomes(run, "health_permuted")
    if run is None or not tables:
        return None
    tasks = outcomes(run, "logged_permuted")[0] + 1
    names = methods_of(run, "permuted")
    shown = [name for name in SHOWN if name in names] or names[:6]
    figure, axes = plt.subplots(2, 1, figsize=(8, 5.6), sharex=True)
    for axis, quantity, title in (
        (axes[0], "dormant share (%)", "dormant units (%)"),
        (axes[1], "effective rank", "effective rank of\nthe last features"),
    ):
        column = measures.NAMES.index(quantity)
        ends = []
        for name in shown:
            values = [table[names.index(name), :, column] for table in tables]
            mean = plotting.band(axis, tasks, values, colour=colour(name))
            ends.append((tasks[-1], mean[-1], name_of(name), colour(name)))
        axis.set_ylabel(title)
        axis.set_ylim(bottom=0)
        axis.margins(x=0)
        plotting.label_ends(axis, ends, letters=26)
    axes[1].set_xlabel("task (new pixel order with each)")
    end = {name: np.mean([t[names.index(name), -1, 0] for t in tables]) for name in shown}
    worst = max(end, key=lambda name: end[name])
    plotting.headline(
        figure,
        f"At the end {end[worst]:.0f} % of the units of {name_of(worst)} are dormant, "
        f"{end[shown[0]]:.0f} % of those of {name_of(shown[0])}",
        f"{plotting.provenance([run])}; dormant: below 0.025 of the layer's mean activity; bands "
        "are one standard error",
    )
    return figure


def turnover_rate(runs: list[kit.Run]) -> plt.Figure | None:
    """Late accuracy and plasticity lost against the rate of turnover."""
    run = chosen(runs)
    names = methods_of(run, "turnover")
    scores = {
        name: run.curve(f"turnover {name}") for name in names
    } if run else {}  # fmt: skip
    groups: dict[str, list[tuple[float, str]]] = {}
    for name in names:
        kind, _, rate = name.partition(" ")
        if rate:
            groups.setdefault(kind, []).append((float(rate), name))
    if run is None or not groups or any(score is None for score in scores.values()):
        return None
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.8))
    tenth = max(1, len(next(iter(scores.values()))[0]) // TENTH)
    best, named = {}, []
    for kind, members in groups.items():
        shade = colour("division" if kind == "division" else "continual_backprop")
        rates = [rate for rate, _ in members]
        early, late = (
            np.stack([scores[name][1][:, part].mean(1) for _, name in members], axis=1)
            for part in (slice(0, tenth), slice(-tenth, None))
        )
        best[kind] = rates[int(np.argmax(late.mean(0)))]
        for axis, values in zip(axes, (late, early - late), strict=True):
            mean = plotting.band(axis, rates, values, colour=shade)
            axis.plot(rates, mean, "o", color=shade)
        named.append((rates[-1], (early - late).mean(0)[-1], kind, shade))
    for axis, title, part in (
        (axes[0], "accuracy before learning,\nlast tenth of tasks (%)", 0),
        (axes[1], "plasticity lost (points)", 1),
    ):
        axis.set_xscale("log")
        axis.set_xlabel("deaths per unit and step")
        axis.set_ylabel(title)
        if "none" in scores:
            values = scores["none"][1]
            ends = values[:, :tenth].mean(), values[:, -tenth:].mean()
            level = ends[1] if part == 0 else ends[0] - ends[1]
            axis.axhline(level, color="black", ls=":", lw=1.5)
            axis.annotate("no turnover", (axis.get_xlim()[0], level), xytext=(3, 3),
                          textcoords="offset points", fontsize=9.5)  # fmt: skip
    plotting.label_ends(axes[1], named)
    plotting.headline(
        figure,
        "The rate of turnover that keeps most accuracy: "
        + ", ".join(f"{rate:g} for {kind}" for kind, rate in best.items()),
        f"{plotting.provenance([run])}; half as many tasks as in the main comparison; bands are "
        "one standard error",
    )
    return figure


def lost(run: kit.Run, method: str) -> float | None:
    """Change of online accuracy, last tenth minus first, of the permuted stream (points)."""
    curve = run.curve(f"permuted {method}")
    if curve is None:
        return None
    values = curve[1].mean(axis=0)
    tenth = max(1, len(values) // TENTH)
    return float(values[-tenth:].mean() - values[:tenth].mean())


def holm(p_values: dict[str, float], level: float = 0.05) -> Sequence[str]:
    """The names that are below the level after Holm's correction."""
    sure = []
    for rank, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        if not p_values[name] * (len(p_values) - rank) < level:
            break
        sure.append(name)
    return sure


if __name__ == "__main__":
    plotting.style()
    runs = kit.load_runs(FOLDER, labels)
    plotting.draw_all(FOLDER, runs, [runs_compared])
    if runs:
        detail = [run for run in runs if run.name == DETAIL] or runs[:1]
        plotting.draw_all(
            FOLDER,
            detail,
            [
                accuracy_by_task,
                differences,
                dormancy_and_rank,
                turnover_rate,
                runaway,
                age_pyramid,
                lineages,
                activity_around_an_event,
            ],
        )
