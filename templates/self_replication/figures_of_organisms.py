"""Which particles of an organism replicate, where they sit, and what they are worth. Frozen."""

import matplotlib.pyplot as plt
import numpy as np
import particles
import score
import torch
from matplotlib.collections import LineCollection

from bonsai import kit
from bonsai.kit import plotting

FIVE = ("#D55E00", "#000000", "#0072B2", "#CC79A7", "#E69F00")
COLOURS = dict(zip(particles.CLASSES, FIVE, strict=True))


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


def chosen(runs: list[kit.Run]) -> kit.Run | None:
    """The run that a figure is about: the first."""
    return runs[0] if runs else None


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
