"""Figures of the runs beside this file: one that compares them, and the checklist for one of them.

Run:  python plot.py     (no arguments; draws every run_* folder that has results)
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import particles
import score
import torch
from matplotlib.collections import LineCollection

from bonsai import kit
from bonsai.kit import plotting

# Name each run here as the reader should see it; a run without a name goes by its folder's.
labels = {
    "run_0": "Baseline",
}
DETAIL = "run_0"  # the run whose particles the figures of the checklist show

FOLDER = Path(__file__).resolve().parent
FIVE = ("#D55E00", "#000000", "#0072B2", "#CC79A7", "#E69F00")
COLOURS = dict(zip(particles.CLASSES, FIVE, strict=True))
PEERS = {
    "linear_same_topology": "linear, same topology",
    "relu_same_topology": "ReLU, same topology",
    "relu_same_neurons": "ReLU, one layer, as many neurons",
    "relu_same_weights": "ReLU, as many weights",
}


# ------------------------------------------------------------------------------------------------
# All runs


def runs_compared(runs: list[kit.Run]) -> plt.Figure | None:
    """Accuracy, self-replicators and the price of dropping them, for every run."""
    panels = {
        "test_accuracy": "test accuracy (%)",
        "self_replicators": "self-replicators (particles)",
        "drop_self_replicators": "change when they are\nzeroed (points)",
    }
    runs = [run for run in runs if panels.keys() <= run.means.keys()]
    if not runs:
        return None
    figure = plotting.metrics_by_run(runs, panels)
    best = plotting.best_run(runs, "val_accuracy")
    plotting.headline(
        figure,
        f"{best.label} classifies best: {best.means['test_accuracy']:.1f} %"
        + plotting.against_baseline(best, runs, "test_accuracy")
        + f", with {best.means['self_replicators']:.0f} particles that copy themselves",
        f"{plotting.provenance(runs)}; best by validation accuracy; bars are one standard error",
    )
    return figure


# ------------------------------------------------------------------------------------------------
# Does it matter? The dropout test, the control, and ordinary networks


def dropout_test(runs: list[kit.Run]) -> plt.Figure | None:
    """Signed change of accuracy when each set of particles is zeroed."""
    run = chosen(runs)
    rows = {
        "drop_self_replicators": "all self-replicators",
        "drop_smallest_same_layers": "as many, smallest |v5|,\nsame layers",
        "drop_least_varying_pixels": "as many, on the pixels\nthat vary least",
        "drop_random_same_layers": "as many at random,\nsame layers",
        "drop_random": "as many at random",
        "drop_constant_pixels": "all on constant pixels",
    }
    if run is None or not rows.keys() <= run.means.keys():
        return None
    figure, axis = plt.subplots(figsize=(8, 4.4))
    of_seeds(axis, run, list(rows), list(rows.values()), "#0072B2")
    axis.axvline(0, color="black", lw=1)
    axis.set_xlabel("change of test accuracy (percentage points)")
    change, random = run.means["drop_self_replicators"], run.means["drop_random_same_layers"]
    plotting.headline(
        figure,
        f"Zeroing the {run.means['self_replicators']:.0f} self-replicators changes accuracy by "
        f"{change:+.1f} points; as many others of the same layers, {random:+.1f}",
        f"{plotting.provenance([run])}; dots are seeds, bars their means",
    )
    return figure


def filler_control(runs: list[kit.Run]) -> plt.Figure | None:
    """Self-replication against an equally large task that is not replication."""
    run = chosen(runs)
    pairs = {
        "particles that reach\ntheir goal": ("self_replicators", "filler_solved"),
        "change when zeroed\n(points)": ("drop_self_replicators", "filler_drop_solved"),
        "chance that membership\ntells a harmless removal": ("replicator_auc", "filler_auc"),
    }
    if run is None or not {name for pair in pairs.values() for name in pair} <= run.means.keys():
        return None
    figure, axes = plt.subplots(1, 3, figsize=(8, 3.8))
    for axis, (title, names) in zip(axes, pairs.items(), strict=True):
        for x, (name, colour) in enumerate(zip(names, ("#0072B2", "#E69F00"), strict=True)):
            axis.bar(x, run.means[name], color=colour, alpha=0.35)
            axis.plot([x] * len(run.per_seed[name]), run.per_seed[name], "o", color=colour)
        axis.set_xticks([0, 1], ["replicate", "filler"])
        axis.set_title(title)
        axis.axhline(0, color="black", lw=1)
    axes[2].axhline(0.5, color="black", lw=1, ls=":")
    axes[2].set_ylim(0, 1.05)
    plotting.headline(
        figure,
        f"An arbitrary filler task idles {run.means['filler_solved']:.0f} particles, "
        f"self-replication {run.means['self_replicators']:.0f}; dropping them costs "
        f"{run.means['filler_drop_solved']:+.1f} and {run.means['drop_self_replicators']:+.1f}",
        f"{plotting.provenance([run])}; dots are seeds; dotted: membership tells nothing",
    )
    return figure


def ordinary_networks(runs: list[kit.Run]) -> plt.Figure | None:
    """Accuracy of the organism, its controls and ordinary networks."""
    run = chosen(runs)
    if run is None:
        return None
    names = {
        "test_accuracy": "organism",
        "task_only_accuracy": "organism, task only (α = 0)",
        "filler_accuracy": "organism, filler task",
        **{f"peer_{key}_accuracy": label for key, label in PEERS.items()},
    }
    names = {name: label for name, label in names.items() if name in run.means}
    figure, axis = plt.subplots(figsize=(8, 4.2))
    of_seeds(axis, run, list(names), list(names.values()), "#0072B2")
    low = min(min(run.per_seed[name]) for name in names)
    axis.set_xlim(max(0, low - 5), 100)
    axis.set_xlabel("test accuracy (%)")
    peers = {label: run.means[name] for name, label in names.items() if name.startswith("peer_")}
    best = max(peers, key=lambda label: peers[label]) if peers else ""
    plotting.headline(
        figure,
        f"The organism reaches {run.means['test_accuracy']:.1f} % with {run.means['weights']:,.0f} "
        f"weights" + (f"; the best ordinary network ({best}) {peers[best]:.1f} %" if peers else ""),
        f"{plotting.provenance([run])}; dots are seeds",
    )
    return figure


# ------------------------------------------------------------------------------------------------
# Who is it? Membership over time, over pixels and in the network


def membership_over_time(runs: list[kit.Run]) -> plt.Figure | None:
    """How many particles are of each class while the organism learns, mean over seeds."""
    run = chosen(runs)
    histories = [] if run is None else run.outcomes("class_history")
    curve = run and run.curve("validation accuracy 0")
    if not histories or not curve:
        return None
    steps = curve[0]
    counts = np.mean([[(history == code).sum(axis=1) for code in range(len(particles.CLASSES))]
                      for history in histories], axis=0)  # fmt: skip
    order = [particles.REPLICATOR, particles.ZERO, particles.SECOND_ORDER, particles.OTHER,
             particles.DIVERGENT]  # fmt: skip
    figure, axis = plt.subplots(figsize=(8, 4))
    axis.stackplot(steps, counts[order], colors=[COLOURS[particles.CLASSES[c]] for c in order],
                   alpha=0.8)  # fmt: skip
    tops = np.cumsum(counts[order], axis=0)[:, -1]
    for top, code in zip(tops, order, strict=True):
        if counts[code, -1] >= 0.5:
            axis.annotate(f" {particles.CLASSES[code]}: {counts[code, -1]:.0f}",
                          (steps[-1], top - counts[code, -1] / 2), va="center",
                          annotation_clip=False,
                          color=COLOURS[particles.CLASSES[code]])  # fmt: skip
    axis.set_xlim(steps[0], steps[-1])
    axis.set_ylim(0, tops[-1])
    axis.set_xlabel("training step")
    axis.set_ylabel("particles")
    share = counts[particles.REPLICATOR, -1] / counts[:, -1].sum()
    plotting.headline(
        figure,
        f"At the end {share:.0%} of the particles copy themselves, "
        f"and {counts[particles.ZERO, -1]:.0f} are dead (all weights zero)",
        f"{plotting.provenance([run])}; mean over seeds; within 1e-5 per weight; zeros are counted "
        "before copies",
    )
    return figure


def membership_on_pixels(runs: list[kit.Run]) -> plt.Figure | None:
    """Where in the image the particles that copy themselves sit, beside how much pixels vary."""
    run = chosen(runs)
    found = censuses(run)
    if not found or "pixel_correlation" not in run.means:
        return None
    variance = run.outcomes("pixel_variance")[0]
    side = round(len(variance) ** 0.5)
    width = int(run.outcomes("widths")[0][1])
    first = [census[: width * len(variance)].reshape(width, -1) for census in found]
    share = 100 * np.mean(
        [(census == particles.REPLICATOR).mean(axis=0) for census in first], axis=0
    )
    figure, axes = plt.subplots(1, 3, figsize=(8, 3.4))
    spread = np.sqrt(variance)
    for axis, values, title, colours in (
        (axes[0], spread, "how much a pixel varies\n(standard deviation)", "Greys_r"),
        (axes[1], share, "its particles that\ncopy themselves (%)", "Blues"),
    ):
        image = axis.imshow(values.reshape(side, side), cmap=colours, vmin=0)
        figure.colorbar(image, ax=axis, shrink=0.7)
        axis.set_title(title)
        axis.set_axis_off()
    axes[2].plot(spread, share, "o", color=COLOURS["self-replicator"], alpha=0.6)
    axes[2].set_xlabel("standard deviation")
    axes[2].set_title("copies (%) against spread")
    constant = share[variance == 0].mean() if (variance == 0).any() else None
    plotting.headline(
        figure,
        "Particles copy themselves where the image never changes"
        + ("" if constant is None else f": {constant:.0f} % of those on constant pixels, "
           f"{share[variance > 0].mean():.0f} % elsewhere")
        + f" (Spearman's ρ = {run.means['pixel_correlation']:.2f})",
        f"{plotting.provenance([run])}; permutation test over pixels: p = "
        f"{run.means['pixel_p']:.4f}; pixels from 0 to 1",
    )  # fmt: skip
    return figure


def connectivity(runs: list[kit.Run]) -> plt.Figure | None:
    """One line per particle from its source to its target neuron, one panel for each class."""
    run = chosen(runs)
    found = censuses(run)
    if not found:
        return None
    widths = run.outcomes("widths")[0].tolist()
    where = particles.edges(widths).numpy()
    classes = [code for code in range(len(particles.CLASSES)) if (found[0] == code).any()]
    figure, axes = plt.subplots(1, len(classes) + 1, figsize=(8, 4.4))
    for axis, code in zip(axes, classes, strict=False):
        mine = where[found[0] == code]
        scale = [max(width - 1, 1) for width in widths]
        lines = [[(layer, source / scale[layer]), (layer + 1, target / scale[layer + 1])]
                 for layer, target, source in mine]  # fmt: skip
        colour = COLOURS[particles.CLASSES[code]]
        axis.add_collection(LineCollection(lines, colors=colour, lw=0.6, alpha=0.5))
        for layer, width in enumerate(widths):
            axis.plot([layer] * width, np.arange(width) / scale[layer], ".", color="#555555", ms=3)
        axis.set_title(f"{particles.CLASSES[code]}\n{len(mine)} of {len(where)}", color=colour)
        axis.set_xlabel("layer of neurons")
        axis.set_yticks([])
        axis.grid(False)
    working, paths, isolated = thinning(found, widths)
    axis = axes[-1]
    axis.bar(range(len(working)), 100 * working, color=COLOURS["other"])
    axis.set_ylim(0, 100)
    axis.set_xlabel("layer of particles")
    axis.set_title("still at work (%)\nmean of seeds")
    plotting.headline(
        figure,
        f"The net thins out at its input: {100 * working[0]:.0f} % of the first layer's particles "
        f"neither copy themselves nor are dead, {100 * working[1:].min():.0f} % or more above it",
        f"{plotting.provenance([run])}, lines of one; without idle particles "
        f"{100 * paths:.0f} % of the paths from pixel to class are left, and {isolated:.1f} "
        "neurons or pixels are cut off",
    )
    return figure


def thinning(found: list[np.ndarray], widths: list[int]) -> tuple[np.ndarray, float, float]:
    """Shares of each layer's particles and of all paths left without idle ones; neurons cut off.

    Idle are self-replicators and the all-zero. Means over seeds.
    """
    rows = []
    for census in found:
        works = torch.from_numpy(~np.isin(census, (particles.REPLICATOR, particles.ZERO))).double()
        layers = particles.matrices(works, widths)
        paths = torch.eye(widths[0], dtype=torch.float64)
        for layer in layers:
            paths = layer @ paths
        below = sum(int((layer.sum(0) == 0).sum()) for layer in layers)
        shares = [float(layer.mean()) for layer in layers]
        rows.append([*shares, float(paths.sum()) / np.prod(widths, dtype=float), below])
    mean = np.mean(rows, axis=0)
    return mean[:-2], float(mean[-2]), float(mean[-1])


# ------------------------------------------------------------------------------------------------
# Trajectories


def trajectory_cube(runs: list[kit.Run]) -> plt.Figure | None:
    """Principal components of particles' weights over training: each alone, and all together."""
    run = chosen(runs)
    histories = [] if run is None else run.outcomes("tracked_history")
    found, curve = censuses(run), run and run.curve("validation accuracy 0")
    if not histories or not found or not curve:
        return None
    history, steps = histories[0], curve[0]  # (T, tracked, P)
    members = run.outcomes("tracked")[0]
    classes = found[0][members]
    finite = np.isfinite(history).all(axis=(0, 2))
    if not finite.any():
        return None
    figure = plt.figure(figsize=(8, 4.6))
    left = figure.add_subplot(1, 2, 1, projection="3d")
    right = figure.add_subplot(1, 2, 2, projection="3d")
    alone = []
    for index in np.flatnonzero(finite):
        points, explained = principal(history[:, index])
        alone.append(explained)
        trace(left, points, steps, COLOURS[particles.CLASSES[classes[index]]])
    together, explained = principal(history[:, finite].reshape(-1, history.shape[2]))
    together = together.reshape(len(steps), -1, 2)
    for column, index in enumerate(np.flatnonzero(finite)):
        trace(right, together[:, column], steps, COLOURS[particles.CLASSES[classes[index]]])
    left.set_title(f"axes fitted to each alone\n({100 * np.mean(alone):.0f} % of variance, mean)")
    right.set_title(f"axes fitted to all\n({100 * explained:.0f} % of variance)")
    for axis in (left, right):
        axis.set_xlabel("component 1")
        axis.set_ylabel("component 2")
        axis.set_zlabel("training step")
    plotting.headline(
        figure,
        moved(history, classes),
        f"{run.dataset}, one seed, {int(finite.sum())} particles by the class at the end; dot: "
        "start, triangle: end; whitened. Raw weights may turn while what they compute stays",
    )
    return figure


def moved(history: np.ndarray, classes: np.ndarray) -> str:
    """How far particles (T, tracked, P) of two classes went in the last half of training."""
    way = np.linalg.norm(np.diff(history[len(history) // 2 :], axis=0), axis=2).sum(axis=0)
    medians = {}
    for code in (particles.REPLICATOR, particles.OTHER):
        of_class = way[classes == code]
        medians[code] = f"{np.median(of_class):.1g}" if of_class.size else "(none)"
    return (
        f"In the last half of training self-replicators (blue) moved "
        f"{medians[particles.REPLICATOR]} in all, others (orange) {medians[particles.OTHER]} "
        "(medians)"
    )


def trajectory_invariant(runs: list[kit.Run]) -> plt.Figure | None:
    """The two numbers that matter of a particle, v1 and v5, over training."""
    run = chosen(runs)
    histories = [] if run is None else run.outcomes("v_history")
    found, curve = censuses(run), run and run.curve("validation accuracy 0")
    if not histories or not found or not curve:
        return None
    members, steps = run.outcomes("tracked")[0], curve[0]
    history = histories[0][:, members]
    figure = plt.figure(figsize=(8, 4.6))
    grid = figure.add_gridspec(1, 2, wspace=0.25)
    cube = figure.add_subplot(grid[0], projection="3d")
    flat = figure.add_subplot(grid[1])
    for index, member in enumerate(members):
        colour = COLOURS[particles.CLASSES[found[0][member]]]
        trace(cube, history[:, index][:, [0, 4]], steps, colour)
    cube.set_xlabel("v1")
    cube.set_ylabel("v5")
    cube.set_zlabel("training step")
    for code in np.unique(found[0]):
        mine = histories[0][-1][found[0] == code]
        name = particles.CLASSES[code]
        off = np.abs(mine[:, :4] - [1, 0, 0, 0]).max(axis=1).clip(1e-9)
        flat.plot(off, mine[:, 4], ".", color=COLOURS[name], alpha=0.6, label=name)
    flat.set_xscale("log")
    flat.set_xlabel("how far v1 to v4 are from\n(1, 0, 0, 0) at the end")
    flat.set_ylabel("v5 at the end")
    flat.legend(frameon=False)
    ends = [history[-1] for history in run.outcomes("v_history")]
    idle = np.concatenate([np.abs(v[census == particles.REPLICATOR, 4])
                           for v, census in zip(ends, found, strict=True)])  # fmt: skip
    size = f"{np.median(idle):.2f}" if idle.size else "no"
    plotting.headline(
        figure,
        "Replication fixes v1 at one and leaves v5 free: self-replicators keep a median |v5| of "
        f"{size}, so they are no small weights",
        f"{run.dataset}, one seed; a linear particle computes v·x, whatever its single weights",
    )
    return figure


def principal(rows: np.ndarray) -> tuple[np.ndarray, float]:
    """The first two principal components of rows (n, P), whitened, and their share of variance."""
    centred = rows - rows.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    total = float((sizes**2).sum())
    return left[:, :2] * np.sqrt(len(rows) - 1), float(
        (sizes[:2] ** 2).sum()
    ) / total if total else 1.0


def trace(axis: plt.Axes, points: np.ndarray, steps: np.ndarray, colour: str) -> None:
    """A line through the cube with its start and its end marked."""
    axis.plot(points[:, 0], points[:, 1], steps, color=colour, lw=0.8, alpha=0.7)
    axis.plot(points[:1, 0], points[:1, 1], steps[:1], "o", color=colour, ms=2)
    axis.plot(points[-1:, 0], points[-1:, 1], steps[-1:], "^", color=colour, ms=4)


# ------------------------------------------------------------------------------------------------
# What does it compute? Scalars, embedding, attribution


def scalar_embedding(runs: list[kit.Run]) -> plt.Figure | None:
    """Each particle as one number, by class; how exact the ordinary network made of them is."""
    run = chosen(runs)
    found = censuses(run)
    if not found or "embedding_error" not in run.means:
        return None
    numbers = [history[-1][:, 4] for history in run.outcomes("v_history")]
    figure, axis = plt.subplots(figsize=(8, 3.8))
    finite = np.concatenate(numbers)
    finite = finite[np.isfinite(finite)]
    if not finite.size:
        return None
    bins = np.linspace(*np.quantile(finite, [0.005, 0.995]), 50)
    for code, name in enumerate(particles.CLASSES):
        mine = np.concatenate([n[f == code] for n, f in zip(numbers, found, strict=True)])
        if len(mine):
            axis.hist(mine, bins, color=COLOURS[name], alpha=0.55, label=f"{name} ({len(mine)})")
    axis.legend(frameon=False)
    axis.set_xlabel("the particle's number: its answer to (0, 0, 0, 0, 1)")
    axis.set_ylabel("particles, all seeds")
    plotting.headline(
        figure,
        f"{run.means['compression']:.0f} weights act as one number: an ordinary network of these "
        f"numbers has the same logits to {run.means['embedding_error']:.0e}",
        f"{plotting.provenance([run])}; R² of one number each: {run.means['scalar_r2']:.4f}",
    )
    return figure


def attribution(runs: list[kit.Run]) -> plt.Figure | None:
    """The linear map that the organism is, from pixels to each class, with and without copies."""
    run = chosen(runs)
    found = censuses(run)
    if not found or run.outcomes("options")[0][:2].any():  # only linear organisms are one matrix
        return None
    widths = run.outcomes("widths")[0].tolist()
    residual = float(run.outcomes("organisms")[0][0, particles.RESIDUAL])
    numbers = torch.from_numpy(run.outcomes("v_history")[0][-1][:, 4].copy()).double()
    pixels = torch.eye(widths[0], dtype=torch.float64)[None]

    def whole(scalars: torch.Tensor) -> np.ndarray:
        maps = particles.matrices(scalars[None, None], widths)
        return particles.forward(pixels, maps, residual)[0, 0].T.numpy()  # (classes, pixels)

    spread = np.sqrt(run.outcomes("pixel_variance")[0])
    full = whole(numbers) * spread
    kept = torch.where(torch.from_numpy(found[0] == particles.REPLICATOR), 0.0, numbers)
    without = whole(kept) * spread
    if not np.isfinite(full).all():
        return None
    side = round(widths[0] ** 0.5)
    classes = len(full)
    figure, axes = plt.subplots(2, classes, figsize=(8, 3.1))
    limit = np.abs(without).max()
    for row, maps in enumerate((full, without)):
        for axis, image, label in zip(axes[row], maps, range(classes), strict=True):
            drawn = axis.imshow(image.reshape(side, side), cmap="RdBu_r", vmin=-limit, vmax=limit)
            axis.set_xticks([])
            axis.set_yticks([])
            axis.set_title(f"{label}" if row == 0 else "")
    axes[0, 0].set_ylabel("all")
    axes[1, 0].set_ylabel("no copies")
    figure.colorbar(drawn, ax=axes, label="logit per\nstandard deviation", shrink=0.8)
    rank = int((np.linalg.svd(full, compute_uv=False) > 1e-6 * np.abs(full).max()).sum())
    change = np.abs(full - without).max()
    plotting.headline(
        figure,
        f"The organism is one {classes} x {widths[0]} matrix of rank {rank}: red pixels speak for "
        "a class, blue against",
        f"{run.dataset}, one seed; each entry times how much its pixel varies. Below: without the "
        f"self-replicators, where it changes by {change:.2g} at most (largest entry {limit:.2g})",
    )
    return figure


# ------------------------------------------------------------------------------------------------
# Variants and single particles


def strength_of_replication(runs: list[kit.Run]) -> plt.Figure | None:
    """Accuracy and census against α, with what diverged."""
    run = chosen(runs)
    if run is None or "task_only_accuracy" not in run.means:
        return None
    settings = run.outcomes("organisms")[0]
    plain = [row for row in range(len(settings))
             if settings[row, 2] == 1 and not settings[row, [1, 3, 4]].any()]  # fmt: skip
    plain.sort(key=lambda row: settings[row, 0])
    found = [[census_of(outcome, row) for row in plain] for outcome in outcomes_of(run)]
    names = [particles.organism_name(settings[row]) for row in plain]
    accuracy = [run.means["test_accuracy" if row == 0 else f"{name}_accuracy"]
                for row, name in zip(plain, names, strict=True)]  # fmt: skip
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.8))
    ticks = [f"{settings[row, 0]:g}" for row in plain]
    axes[0].plot(range(len(plain)), accuracy, "o-", color="#0072B2")
    axes[0].set_ylabel("test accuracy (%)")
    axes[0].set_ylim(0, 100)
    below = np.zeros(len(plain))
    for code in (particles.REPLICATOR, particles.ZERO, particles.DIVERGENT):
        counts = np.mean([[np.sum(census == code) for census in row] for row in found], axis=0)
        name = particles.CLASSES[code]
        axes[1].bar(range(len(plain)), counts, bottom=below, color=COLOURS[name], label=name)
        below += counts
    axes[1].set_ylabel("particles")
    axes[1].legend(frameon=False)
    for axis in axes:
        axis.set_xticks(range(len(plain)), ticks)
        axis.set_xlabel("α, weight of the replication loss")
    gone = [tick for tick, value in zip(ticks, accuracy, strict=True) if value == 0]
    held = [tick for tick, value in zip(ticks, accuracy, strict=True) if value > accuracy[0] - 1]
    plotting.headline(
        figure,
        f"Replication costs no accuracy (within a point of α = 0) up to α = {held[-1]}; "
        + (f"α = {', '.join(gone)} diverges in every seed" if gone else "no α diverges throughout"),
        f"{plotting.provenance([run])}; means; a diverged organism classifies nothing: 0 %",
    )
    return figure


def learning_with_and_without_residual(runs: list[kit.Run]) -> plt.Figure | None:
    """Validation accuracy while training, with and without residual connections."""
    run = chosen(runs)
    if run is None:
        return None
    settings = run.outcomes("organisms")[0]
    wanted = {"residual": [0], "none": []}
    wanted["none"] = [row for row in range(1, len(settings)) if settings[row, 2] == 0]
    if not wanted["none"]:
        return None
    figure, axis = plt.subplots(figsize=(8, 3.8))
    ends, final = [], {}
    for (name, rows), colour in zip(wanted.items(), ("#0072B2", "#D55E00"), strict=True):
        steps, values = run.curve(f"validation accuracy {rows[0]}")
        mean = kit.band(axis, steps, values, colour=colour)
        final[name] = mean
        ends.append((steps[-1], mean[-1], f"{name} {mean[-1]:.1f} %", colour))
    axis.set_ylim(0, 100)
    axis.set_xlabel("training step")
    axis.set_ylabel("validation accuracy (%)")
    reached = [float(steps[np.argmax(mean >= 0.95 * mean[-1])]) for mean in final.values()]
    plotting.headline(
        figure,
        f"With residual connections 95 % of the final accuracy is there by step {reached[0]:.0f}, "
        f"without them by step {reached[1]:.0f}",
        f"{plotting.provenance([run])}; lines are means, bands one standard error",
    )
    plotting.label_ends(axis, ends)
    return figure


def multiply_by_n(runs: list[kit.Run]) -> plt.Figure | None:
    """Single particles that learn x·n while they replicate: what became of them."""
    run = chosen(runs)
    outcomes = outcomes_of(run)
    sizes = sorted(int(key[4:]) for key in (outcomes[0] if outcomes else ()) if key[:4] == "lab_")
    if not sizes:
        return None
    titles = ("semi-gradient, Xavier", "semi-gradient, PyTorch's start",
              "full gradient, Xavier", "full gradient, PyTorch's start")  # fmt: skip
    colours = ("#0072B2", "#56B4E9", "#009E73", "#000000", "#E69F00")
    figure, axes = plt.subplots(2, 2, figsize=(8, 5.6), sharex=True, sharey=True)
    shares = {}
    for size in sizes:
        each = [score.xn_shares(outcome[f"lab_{size}"], bool(outcome["options"][2]))
                for outcome in outcomes]  # fmt: skip
        shares[size] = {group: 100 * np.mean([one[group] for one in each], axis=0)
                        for group in each[0]}  # fmt: skip
    for condition, (axis, title) in enumerate(zip(axes.flat, titles, strict=True)):
        below = np.zeros(len(sizes))
        for group, colour in zip(shares[sizes[0]], colours, strict=True):
            heights = np.array([shares[size][group][condition] for size in sizes])
            axis.bar(range(len(sizes)), heights, bottom=below, color=colour, label=group)
            below += heights
        axis.set_title(title)
        axis.set_xticks(range(len(sizes)), sizes)
    for axis in axes[1]:
        axis.set_xlabel("neurons in each hidden layer")
    for axis in axes[:, 0]:
        axis.set_ylabel("particles (%)")
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), loc="outside right center", frameon=False
    )
    best = np.mean([shares[size]["both"][0] for size in sizes])
    dead = max(shares[size]["collapsed to zero"][3] for size in sizes)
    plotting.headline(
        figure,
        f"Multiplying by {0.03} and copying oneself go together: {best:.0f} % do both; "
        f"the full gradient from small weights kills up to {dead:.0f} %",
        f"{plotting.provenance([run])}, {len(outcomes[0][f'lab_{sizes[0]}'][0])} particles each",
    )
    return figure


def exit_law(runs: list[kit.Run]) -> plt.Figure | None:
    """How long a fixpoint survives noise when it keeps rewriting itself."""
    run = chosen(runs)
    outcomes = outcomes_of(run)
    keys = sorted((key for key in (outcomes[0] if outcomes else ()) if key[:4] == "lab_"), key=len)
    if not keys:
        return None
    times = [score.exit_times(outcome[keys[0]][0]).mean(axis=1) for outcome in outcomes]
    decades = np.arange(1, 1 + len(times[0]))
    figure, axis = plt.subplots(figsize=(8, 3.8))
    mean = kit.band(axis, decades, times, colour="#0072B2")
    slope = np.polyfit(decades, mean, 1)[0]
    law = np.log(10) / np.log(4)
    axis.plot(decades, mean[0] + law * (decades - 1), ":", color="black")
    axis.set_xticks(decades, [f"1e-{decade}" for decade in decades])
    axis.set_xlabel("noise on each weight")
    axis.set_ylabel("self-applications until\nzero or infinity")
    plotting.headline(
        figure,
        f"Fixpoints repel: ten times less noise buys {slope:.2f} more steps "
        f"(log₄10 = {law:.2f} predicted)",
        f"{plotting.provenance([run])}; dotted: the prediction from the first point; three layers "
        "make self-application multiply the scale's logarithm by four",
    )
    return figure


# ------------------------------------------------------------------------------------------------
# Helpers


def chosen(runs: list[kit.Run]) -> kit.Run | None:
    """The run called `DETAIL`, else the first."""
    return next((run for run in runs if run.name == DETAIL), runs[0] if runs else None)


def outcomes_of(run: kit.Run | None) -> list[dict[str, np.ndarray]]:
    """Every outcome of a run that can be read."""
    found = []
    for path in sorted(run.folder.glob("outcome_seed_*.npz")) if run else []:
        with np.load(path, allow_pickle=False) as archive:
            found.append({name: archive[name] for name in archive.files})
    return found


def census_of(outcome: dict[str, np.ndarray], row: int) -> np.ndarray:
    """The class of every particle of one organism."""
    return score.Organism.read(outcome, row).census().numpy()


def censuses(run: kit.Run | None) -> list[np.ndarray]:
    """The class of every particle of the first organism, for each seed."""
    return [census_of(outcome, 0) for outcome in outcomes_of(run)]


def of_seeds(
    axis: plt.Axes, run: kit.Run, metrics: list[str], names: list[str], colour: str
) -> None:
    """Horizontal bars of means with the seeds as dots, the first metric on top."""
    for row, metric in enumerate(metrics):
        axis.barh(row, run.means[metric], color=colour, alpha=0.35)
        values = run.per_seed.get(metric, ())
        axis.plot(values, [row] * len(values), "o", color=colour, ms=5, alpha=0.7)
        axis.annotate(f"{run.means[metric]:.1f}", (1.01, row), va="center", fontsize=10,
                      xycoords=("axes fraction", "data"), annotation_clip=False)  # fmt: skip
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()


if __name__ == "__main__":
    plotting.style()
    plotting.draw_all(
        FOLDER,
        kit.load_runs(FOLDER, labels),
        [
            runs_compared, dropout_test, filler_control, ordinary_networks, membership_over_time,
            membership_on_pixels, connectivity, trajectory_cube, trajectory_invariant,
            scalar_embedding, attribution, strength_of_replication,
            learning_with_and_without_residual, multiply_by_n, exit_law,
        ],
    )  # fmt: skip
