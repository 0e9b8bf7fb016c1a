"""How single particles move, learn and replicate. Frozen."""

import matplotlib.pyplot as plt
import numpy as np
import particles
import score
from figures_of_organisms import COLOURS, census_of, censuses, chosen, outcomes_of

from bonsai import kit
from bonsai.kit import plotting


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
