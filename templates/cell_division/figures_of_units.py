"""What units do: how old they grow, whom they come from, how one takes its place. Frozen."""

import matplotlib.pyplot as plt
import measures
import numpy as np

from bonsai import kit
from bonsai.kit import plotting

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


def chosen(runs: list[kit.Run]) -> kit.Run | None:
    """The run that a figure is about: the first."""
    return runs[0] if runs else None


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


def smoothed(values: np.ndarray, width: int) -> np.ndarray:
    """Running mean (S, T) over `width` points, fewer at the ends."""
    kernel = np.ones(width)
    weight = np.convolve(np.ones(values.shape[1]), kernel, "same")
    return np.stack([np.convolve(row, kernel, "same") / weight for row in values])


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
