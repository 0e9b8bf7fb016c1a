"""Figures of the runs beside this file: one that compares them, and the others for one of them.

Run:  python plot.py     (no arguments; draws every run_* folder that has results)
"""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import measures
import numpy as np
from scipy import stats

from bonsai import kit
from bonsai.kit import plotting

# Name each run here as the reader should see it; a run without a name goes by its folder's.
labels = {
    "run_0": "Baseline",
}
DETAIL = "run_0"  # the run whose methods the other figures show

FOLDER = Path(__file__).resolve().parent
NAMES = {  # methods as figures call them; others go by their own names
    "division": "division",
    "random_parent": "division, random mother",
    "energy": "energy: grow and shrink",
    "continual_backprop": "continual backprop",
    "random_turnover": "random death, newborn",
    "random_lifetime": "random lifetime, newborn",
    "redo": "ReDo",
    "l2_init": "L2-Init",
    "crelu": "CReLU",
    "reset": "reset with each task",
    "backprop": "backprop",
}
COLOURS = {
    "division": "#0072B2", "continual_backprop": "#D55E00", "random_lifetime": "#CC79A7",
    "energy": "#56B4E9", "reset": "#009E73", "backprop": "#000000", "crelu": "#E69F00",
}  # fmt: skip
SHOWN = ("division", "continual_backprop", "random_lifetime", "crelu", "reset", "backprop")
STREAMS = {"permuted": "new pixel order with each task", "labels": "new random labels"}
LATE = {"permuted": "test_accuracy", "labels": "late_labels"}
TENTH = 10  # a tenth of the tasks counts as early or late


# ------------------------------------------------------------------------------------------------
# All runs


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


# ------------------------------------------------------------------------------------------------
# Is plasticity kept?


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


def runaway(runs: list[kit.Run]) -> plt.Figure | None:
    """Weight norms when daughters are mutated with and without keeping the norm."""
    run = chosen(runs)
    tables = outcomes(run, "health_turnover")
    names = methods_of(run, "turnover")
    kept = "cured"
    if run is None or not tables or not {"runaway", kept, "none"} <= set(names):
        return None
    tasks = outcomes(run, "logged_turnover")[0] + 1
    column = measures.NAMES.index("weight norm")
    figure, axis = plt.subplots(figsize=(8, 3.8))
    ends = []
    for name, text, shade in (
        ("runaway", "best unit divides, noise adds to the norm", "#D55E00"),
        (kept, "the same, but daughters keep the norm", colour("division")),
        ("none", "no turnover", "#000000"),
    ):
        values = np.array([table[names.index(name), :, column] for table in tables])
        mean = plotting.band(axis, tasks, values, colour=shade)
        ends.append((tasks[-1], mean[-1], text, shade))
    axis.set_yscale("log")
    axis.set_xlabel("task (new pixel order with each)")
    axis.set_ylabel("root mean square weight")
    axis.margins(x=0)
    figure.canvas.draw()
    lowest = min(y for _, y, _, _ in ends)
    for x, y, text, shade in ends:
        above = 6 if y > lowest else -14
        axis.annotate(text, (x, y), xytext=(-4, above), textcoords="offset points", ha="right",
                      color=shade)  # fmt: skip
    final = {name: np.mean([t[names.index(name), -1, column] for t in tables])
             for name in ("runaway", kept)}  # fmt: skip
    plotting.headline(
        figure,
        f"Weights reach {final['runaway']:.3g} where the best unit divides and noise adds to the "
        f"norm of daughters, {final[kept]:.2g} where they keep it",
        f"{plotting.provenance([run])}; bands are one standard error",
    )
    return figure


# ------------------------------------------------------------------------------------------------
# The lives of units


def age_pyramid(runs: list[kit.Run]) -> plt.Figure | None:
    """How old units are at the end, of two methods."""
    run = chosen(runs)
    ages = outcomes(run, "ages_permuted")
    if run is None or not ages:
        return None
    names = methods_of(run, "permuted")
    left = names[0]
    right = "random_lifetime" if "random_lifetime" in names else names[-1]
    oldest = max(float(table.max()) for table in ages)
    edges = np.linspace(0, oldest + 1, 17)
    figure, axes = plt.subplots(1, 2, figsize=(8, 4.2), sharey=True)
    medians = []
    for axis, name in zip(axes, (left, right), strict=True):
        mine = [table[names.index(name)] for table in ages]
        shares = [100 * np.histogram(row[row >= 0], edges)[0] / max(1, (row >= 0).sum())
                  for row in mine]  # fmt: skip
        mean = np.mean(shares, axis=0)
        axis.barh(edges[:-1], mean, height=np.diff(edges) * 0.9, align="edge", color=colour(name))
        every = np.concatenate([row[row >= 0] for row in mine])
        medians.append(float(np.median(every)))
        axis.axhline(medians[-1], color="black", ls=":", lw=1.5)
        x, side = (0.98, "right") if axis is axes[1] else (0.02, "left")
        axis.annotate(f"median {medians[-1]:,.0f}", (x, medians[-1]), ha=side, xytext=(0, 4),
                      xycoords=("axes fraction", "data"), textcoords="offset points")  # fmt: skip
        axis.set_title(name_of(name), color=colour(name))
        axis.set_xlabel("units of the middle layer (%)")
    axes[0].invert_xaxis()
    axes[0].set_ylabel("age (steps)")
    plotting.headline(
        figure,
        f"Half of the units of {name_of(left)} are older than {medians[0]:,.0f} steps; "
        f"of {name_of(right)}, {medians[1]:,.0f}",
        f"{plotting.provenance([run])}, pooled; end of the permuted stream",
    )
    return figure


def lineages(runs: list[kit.Run]) -> plt.Figure | None:
    """Muller plot: how many units each founder's clone has, over the tasks; first seed."""
    run = chosen(runs)
    tables = {stream: outcomes(run, f"clones_{stream}") for stream in STREAMS}
    if run is None or not all(tables.values()):
        return None
    figure, axes = plt.subplots(1, 2, figsize=(8, 4.2), sharey=True)
    left_over = {}
    for axis, (stream, found) in zip(axes, tables.items(), strict=True):
        clones = found[0]  # (tasks, W)
        founders = [f for f in np.unique(clones) if f >= 0]
        counts = np.array([(clones == founder).sum(axis=1) for founder in founders])
        order = np.argsort(-counts.max(axis=1))
        shades = [plotting.PALETTE[k % len(plotting.PALETTE)] for k in range(len(founders))]
        axis.stackplot(np.arange(1, len(clones) + 1), counts[order], colors=shades, lw=0.3,
                       edgecolor="white")  # fmt: skip
        axis.set_title(STREAMS[stream])
        axis.set_xlabel("task")
        axis.margins(x=0, y=0)
        left_over[stream] = np.mean([len(set(t[-1][t[-1] >= 0])) for t in found])
    axes[0].set_ylabel("units of the middle layer,\none colour for a founder's clone")
    size = tables["permuted"][0].shape[1]
    plotting.headline(
        figure,
        f"Of {size} founders' clones {left_over['permuted']:.0f} are left when pixels change, "
        f"{left_over['labels']:.0f} when labels do",
        f"{run.dataset}, {name_of(methods_of(run, 'permuted')[0])}, first seed (headline: mean "
        "over seeds); the largest clones lie at the bottom",
    )
    return figure


def activity_around_an_event(runs: list[kit.Run]) -> plt.Figure | None:
    """Mean activity of the dying unit, the mother and the daughter, before and after."""
    run = chosen(runs)
    traces = {"died, then daughter in its place": [], "mother": []}
    reach = (-20, 60)
    windows, every = outcomes(run, "activity_permuted"), outcomes(run, "events_permuted")
    starts = outcomes(run, "window_permuted")
    count = 0
    for activity, events, (start, _) in zip(windows, every, starts, strict=False):
        scale = max(float(activity.astype(np.float32).mean()), 1e-12)
        for now, _, _, slot, mother, _ in events:
            at = now - start  # the first step after the event
            if mother < 0 or at + reach[0] < 0 or at + reach[1] > len(activity):
                continue
            part = activity[at + reach[0] : at + reach[1]].astype(np.float32) / scale
            traces["died, then daughter in its place"].append(part[:, slot])
            traces["mother"].append(part[:, mother])
            count += 1
    if run is None or count == 0:
        return None
    figure, axis = plt.subplots(figsize=(8, 4))
    steps = np.arange(reach[0], reach[1])
    ends = []
    for (name, values), shade in zip(traces.items(), ("#D55E00", "#0072B2"), strict=True):
        mean = plotting.band(axis, steps, values, colour=shade)
        ends.append((steps[-1], mean[-1], name, shade))
    axis.axvline(-0.5, color="black", lw=1)
    axis.axhline(1, color="#555555", lw=1, ls=":")
    axis.set_xlabel("steps from the event")
    axis.set_ylabel("activity (1: mean of the layer)")
    axis.set_ylim(bottom=0)
    axis.margins(x=0)
    plotting.label_ends(axis, ends, letters=16)
    change = run.means.get("event_change", 0.0)
    plotting.headline(
        figure,
        f"A quiet unit dies, a daughter of a busy one takes its slot; an event changes the "
        f"network's output by {change:.2g} %",
        f"{plotting.provenance([run])}; {count} divisions in mid-stream; bands are one standard "
        "error; percent of the spread of the outputs",
    )
    return figure


# ------------------------------------------------------------------------------------------------
# Reading runs


def chosen(runs: list[kit.Run]) -> kit.Run | None:
    """The run called `DETAIL`, else the first."""
    return next((run for run in runs if run.name == DETAIL), runs[0] if runs else None)


def outcomes(run: kit.Run | None, name: str) -> list[np.ndarray]:
    """An array of every seed's outcome; none where there is no run."""
    return run.outcomes(name) if run else []


def methods_of(run: kit.Run | None, stream: str) -> list[str]:
    """The names of the methods on a stream."""
    codes = outcomes(run, f"methods_{stream}")
    return bytes(codes[0].astype(np.uint8)).decode().split(",") if codes else []


def name_of(method: str) -> str:
    """What figures call a method."""
    return NAMES.get(method, method.replace("_", " "))


def colour(method: str) -> str:
    """The colour of a method; grey for those without one."""
    return COLOURS.get(method, plotting.BASELINE_GREY)


def lost(run: kit.Run, method: str) -> float | None:
    """Change of online accuracy, last tenth minus first, of the permuted stream (points)."""
    curve = run.curve(f"permuted {method}")
    if curve is None:
        return None
    values = curve[1].mean(axis=0)
    tenth = max(1, len(values) // TENTH)
    return float(values[-tenth:].mean() - values[:tenth].mean())


def smoothed(values: np.ndarray, width: int) -> np.ndarray:
    """Running mean (S, T) over `width` points, fewer at the ends."""
    kernel = np.ones(width)
    weight = np.convolve(np.ones(values.shape[1]), kernel, "same")
    return np.stack([np.convolve(row, kernel, "same") / weight for row in values])


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
    plotting.draw_all(
        FOLDER,
        kit.load_runs(FOLDER, labels),
        [
            runs_compared, accuracy_by_task, differences, dormancy_and_rank, turnover_rate,
            runaway, age_pyramid, lineages, activity_around_an_event,
        ],
    )  # fmt: skip
