"""Figures of the runs beside this file: one that compares them, and seven for one of them.

Run:  python plot.py     (no arguments; draws every run_* folder that has results)
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import score
from protocol import TIMED

from bonsai import kit
from bonsai.kit import plotting

# Name each run here as the reader should see it; a run without a name goes by its folder's.
labels = {
    "run_0": "Baseline",
}
DETAIL = "run_0"  # the run that the figures after the first one show

FOLDER = Path(__file__).resolve().parent
BLUE, ORANGE, GREEN, PINK, YELLOW, SKY = plotting.PALETTE[:6]
WHO = {
    "subset": "users with 2, 3 or 5 classes",
    "style": "users with a style, all classes",
    "both": "users with both",
}
BRIEFLY = {"subset": "2, 3 or 5 classes", "style": "a style, all classes", "both": "both"}
SCORES = {
    "rms": ("|w|·RMS of input", BLUE),
    "hebbian": ("co-activity", SKY),
    "activity": ("whole units, activity", PINK),
    "compensated": ("compensated (OBS)", GREEN),
    "taylor_with_labels": ("with labels (Taylor)", YELLOW),
    "other_user": ("another user's images", ORANGE),
    "magnitude": ("size alone", "#000000"),
    "random": ("random", kit.BASELINE_GREY),
}


# ------------------------------------------------------------------------------------------------
# All runs


def runs_compared(runs: list[kit.Run]) -> plt.Figure | None:
    """What pruning gains, what a mask gains without it, and what pruning adds to the mask."""
    panels = {
        "gain_subset": "gain by pruning\n(points)",
        "mask_gain_subset": "gain by a class mask,\nno pruning (points)",
        "beyond_mask_subset": "what pruning adds\nto the mask (points)",
    }
    runs = [run for run in runs if panels.keys() <= run.means.keys()]
    if not runs:
        return None
    figure = plotting.metrics_by_run(runs, panels, differences=panels)
    best = plotting.best_run(runs, score.SELECTION)
    plotting.headline(
        figure,
        f"{best.label}: pruning {best.means['sparsity']:.0f} % changes a user's accuracy by "
        f"{best.means['gain_subset']:+.1f} points"
        + plotting.against_baseline(best, runs, "gain_subset")
        + f", a class mask alone by {best.means['mask_gain_subset']:+.1f}",
        f"{plotting.provenance(runs)}; users with 2, 3 or 5 of the classes; best run by "
        "validation images; bars are one standard error",
    )
    return figure


# ------------------------------------------------------------------------------------------------
# One run, its first network


def accuracy_vs_sparsity(runs: list[kit.Run]) -> plt.Figure | None:
    """Users' accuracy against sparsity, for every score and two conditions."""
    run, tables = detail(runs)
    if not tables:
        return None
    figure, axes = plt.subplots(1, 2, figsize=(8, 4.8), sharey=True)
    ends = []
    main = tables[0].main_score()
    for axis, condition in zip(axes, ("style", "subset"), strict=True):
        dense = mean_of(tables, "dense", condition)
        axis.axhline(dense.mean(), color="black", lw=1, ls=":")
        for name, (label, colour) in named(main).items():
            levels = tables[0].sparsities(name)
            if not levels:
                continue
            values = np.stack(
                [mean_of(tables, f"{name}@{level}", condition) for level in levels], 1
            )
            steps = [0, *levels]
            mean = plotting.band(axis, steps, np.column_stack([dense, values]), colour=colour)
            if condition == "subset":
                ends.append((steps[-1], float(mean[-1]), label, colour))
        axis.set_xlabel("weights removed (%)")
        axis.set_title(WHO[condition])
        axis.set_ylim(0, 100)
    axes[0].set_ylabel("accuracy on the user's own images (%)")
    plotting.label_ends(axes[1], ends)
    headline = run.means["sparsity"]
    plotting.headline(
        figure,
        f"At {headline:.0f} % sparsity a user's own images beat size alone by "
        f"{run.means['gain_subset'] - run.means['magnitude_gain_subset']:.0f} points, and change "
        f"the dense network's accuracy by {run.means['gain_subset']:+.1f}",
        f"{plotting.provenance([run])}, {network_of(run)}; dotted: dense network; bands are one "
        "standard error over seeds",
    )
    return figure


def gain_decomposition(runs: list[kit.Run]) -> plt.Figure | None:
    """Gain of each user by pruning, by mask, by both, and of references without pruning."""
    run, tables = detail(runs)
    if not tables:
        return None
    rows = {
        "pruned": ("pruned", BLUE),
        "mask": ("class mask", ORANGE),
        "pruned+mask": ("pruned + mask", GREEN),
        "em": ("prior by EM", YELLOW),
        "bn": ("BatchNorm re-estimated", SKY),
        "tent": ("TENT", PINK),
        "oracle": ("mask of true classes*", "#999999"),
        "tuned_last": ("last layer tuned*", "#777777"),
        "tuned_all": ("all tuned*", "#555555"),
    }
    figure, axes = plt.subplots(1, 3, figsize=(8, 4.6), sharey=True)
    for axis, condition in zip(axes, score.CONDITIONS, strict=True):
        for place, (arm, (_, colour)) in enumerate(rows.items()):
            users = np.concatenate([table.gain(arm, condition) for table in tables])
            axis.barh(place, users.mean(), color=colour, xerr=score.half_interval(users),
                      error_kw={"lw": 1.2, "capsize": 2})  # fmt: skip
            end = max(users.mean() + score.half_interval(users), 0)
            axis.annotate(f"{users.mean():+.1f}", (end, place), va="center", xytext=(4, 0),
                          textcoords="offset points", fontsize=9)  # fmt: skip
        axis.axvline(0, color="black", lw=1)
        axis.set_title(BRIEFLY[condition])
        axis.margins(x=0.28)
    axes[1].set_xlabel("gain over the dense network (points), 95 % interval over users")
    axes[0].set_yticks(range(len(rows)), [label for label, _ in rows.values()])
    axes[0].invert_yaxis()
    means = run.means
    plotting.headline(
        figure,
        f"Noticing which classes a user has gives {means['mask_gain_subset']:+.1f} (mask) or "
        f"{means['em_gain_subset']:+.1f} (EM) without pruning; pruning gives "
        f"{means['gain_subset']:+.1f}, and to the mask it adds {means['beyond_mask_subset']:+.1f}",
        f"{plotting.provenance([run])}, {network_of(run)}, {means['sparsity']:.0f} % sparsity; "
        "*: sees labels of the images that the others adapt to without",
    )
    return figure


def gain_vs_images(runs: list[kit.Run]) -> plt.Figure | None:
    """Gain of pruning and of the mask against the number of unlabelled images."""
    run, tables = detail(runs)
    if not tables:
        return None
    counts = sorted(
        int(arm.removeprefix("images_")) for arm in tables[0].answers if arm.startswith("images_")
    )
    figure, axes = plt.subplots(1, 2, figsize=(8, 4), sharey=True)
    ends = []
    for axis, condition in zip(axes, ("style", "subset"), strict=True):
        for prefix, label, colour in (("images_", "pruned", BLUE),
                                      ("mask_images_", "class mask", ORANGE)):  # fmt: skip
            values = np.stack(
                [mean_of(tables, f"{prefix}{count}", condition, "gain") for count in counts], 1
            )
            mean = plotting.band(axis, np.log10(counts), values, colour=colour)
            if condition == "subset":
                ends.append((np.log10(counts[-1]), float(mean[-1]), label, colour))
        axis.axhline(0, color="black", lw=1)
        axis.set_xticks(np.log10(counts), [f"{count:,}" for count in counts])
        axis.set_xlabel("unlabelled images of the user")
        axis.set_title(WHO[condition])
    axes[0].set_ylabel("gain over the dense network (points)")
    plotting.label_ends(axes[1], ends)
    first, last = (mean_of(tables, f"images_{c}", "subset", "gain").mean() for c in
                   (counts[0], counts[-1]))  # fmt: skip
    plotting.headline(
        figure,
        f"From {counts[0]} to {counts[-1]:,} images the change by pruning goes from {first:+.1f} "
        f"to {last:+.1f} points",
        f"{plotting.provenance([run])}, {network_of(run)}, {run.means['sparsity']:.0f} % sparsity; "
        "bands are one standard error over seeds",
    )
    return figure


def users_dense_vs_pruned(runs: list[kit.Run]) -> plt.Figure | None:
    """Every user: accuracy of the dense and of the pruned network, and of the masked one."""
    run, tables = detail(runs)
    if not tables:
        return None
    figure, axes = plt.subplots(1, 3, figsize=(8, 3.6), sharey=True)
    better = {}
    for axis, condition in zip(axes, score.CONDITIONS, strict=True):
        dense = np.concatenate([table.accuracy("dense", condition=condition) for table in tables])
        for arm, colour in (("mask", ORANGE), ("pruned", BLUE)):
            ours = np.concatenate([table.accuracy(arm, condition=condition) for table in tables])
            axis.plot(dense, ours, "o", color=colour, ms=4, alpha=0.55, mew=0)
            better[arm, condition] = 100 * float((ours > dense).mean())
        low = 0
        axis.plot([low, 100], [low, 100], color="black", lw=1)
        axis.set_title(BRIEFLY[condition])
        axis.set_xlabel("dense (%)")
        axis.text(0.04, 0.93, "pruned", color=BLUE, transform=axis.transAxes)
        axis.text(0.04, 0.84, "class mask", color=ORANGE, transform=axis.transAxes)
    axes[0].set_ylabel("accuracy after (%)")
    plotting.headline(
        figure,
        f"Pruning makes {better['pruned', 'subset']:.0f} % of the users with few classes better, "
        f"the mask {better['mask', 'subset']:.0f} %",
        f"{plotting.provenance([run])}, {network_of(run)}, {run.means['sparsity']:.0f} % sparsity; "
        "one dot for each user; above the line: better than the dense network",
    )
    return figure


def forgetting(runs: list[kit.Run]) -> plt.Figure | None:
    """Accuracy on images that are not of the user's kind, against sparsity."""
    run, tables = detail(runs)
    if not tables:
        return None
    main = tables[0].main_score()
    figure, axis = plt.subplots(figsize=(8, 4.2))
    ends = []
    dense = mean_of(tables, "dense", "subset", part="off")
    for name, (label, colour) in named(main).items():
        if name not in (main, "compensated", "magnitude", "random", "taylor_with_labels"):
            continue
        levels = tables[0].sparsities(name)
        if not levels:
            continue
        values = np.stack(
            [mean_of(tables, f"{name}@{at}", "subset", part="off") for at in levels], 1
        )
        mean = plotting.band(axis, [0, *levels], np.column_stack([dense, values]), colour=colour)
        ends.append((levels[-1], float(mean[-1]), label, colour))
    for arm, label, colour in (("mask", "class mask, no pruning", ORANGE),
                               ("tuned_all", "all tuned, with labels", PINK)):  # fmt: skip
        value = mean_of(tables, arm, "subset", part="off").mean()
        axis.plot([0], [value], "D", color=colour, clip_on=False, zorder=5)
        axis.annotate(label, (0, value), xytext=(8, 4), textcoords="offset points", color=colour)
    axis.set_ylim(-3, 100)
    axis.set_xlabel("weights removed (%)")
    axis.set_ylabel("accuracy on other classes (%)")
    plotting.label_ends(axis, ends)
    plotting.headline(
        figure,
        f"Pruning {run.means['sparsity']:.0f} % loses {run.means['forgotten_subset']:.0f} points "
        "on the classes that a user does not have; a mask gives them all up at once",
        f"{plotting.provenance([run])}, {network_of(run)}; {WHO['subset']}; bands are one standard "
        "error over seeds",
    )
    return figure


def cost_vs_gain(runs: list[kit.Run]) -> plt.Figure | None:
    """What each way of adapting takes, in milliseconds for one user, and what it gives."""
    run, tables = detail(runs)
    times = [] if run is None else run.outcomes("cost.ms")
    if not tables or not times:
        return None
    spent = np.median(times, axis=0)
    ours, epoch = (float(np.median(run.per_seed[name])) for name in ("adapt_ms", "epoch_ms"))
    colours = {"pruned": BLUE, "mask": ORANGE, "em": YELLOW, "bn": SKY, "tent": PINK,
               "compensated": GREEN}  # fmt: skip
    names = {"pruned": "pruned", "mask": "class mask", "em": "EM prior", "bn": "BatchNorm",
             "tent": "TENT", "tuned_last": "last layer tuned*", "tuned_all": "all tuned*",
             "compensated": "pruned, compensated"}  # fmt: skip
    headline = int(run.means["headline"])
    figure, axes = plt.subplots(1, 2, figsize=(8, 4.2))
    for axis, condition in zip(axes, ("subset", "style"), strict=True):
        for arm, ms in zip(TIMED, spent, strict=True):
            key = f"compensated@{headline}" if arm == "compensated" else arm
            if key not in tables[0].answers:
                continue
            gain = mean_of(tables, key, condition, "gain").mean()
            colour = colours.get(arm, "#555555")
            axis.plot(ms, gain, "o", color=colour, ms=8)
            below = arm in ("tuned_last", "compensated", "tent")
            beside = arm == "em"
            axis.annotate(names[arm], (ms, gain), color=colour, fontsize=9.5,
                          xytext=(8, -4) if beside else (0, -16 if below else 8),
                          textcoords="offset points",
                          ha="left" if beside else "center")  # fmt: skip
        axis.axvline(epoch, color="black", lw=1, ls=":")
        axis.axhline(0, color="black", lw=1)
        axis.set_xscale("log")
        axis.margins(x=0.25, y=0.2)
        axis.set_xlabel("adaptation of one user (ms)")
        axis.set_title(WHO[condition])
    axes[0].set_ylabel("gain over the dense network (points)")
    plotting.headline(
        figure,
        f"Pruning takes {ours:.1f} ms for a user, one epoch of backpropagation {epoch:.1f} ms",
        f"{plotting.provenance([run])}, {network_of(run)}; dotted: one epoch of backpropagation "
        "over the same images; *: with labels; medians of the seeds",
    )
    return figure


def stopping(runs: list[kit.Run]) -> plt.Figure | None:
    """Sparsity that each label-free rule picks, and what it loses against the oracle."""
    run, tables = detail(runs)
    if not tables:
        return None
    rules = sorted(
        key.removeprefix("stop.") for key in tables[0].numbers if key.startswith("stop.")
    )
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.8))
    worst = 0.0
    for offset, (rule, colour) in enumerate(zip(rules, (BLUE, ORANGE, GREEN), strict=False)):
        for place, condition in enumerate(score.CONDITIONS):
            found = [table.stopping(rule, condition) for table in tables]
            chosen, regret = (np.concatenate(part) for part in zip(*found, strict=True))
            x = place + 0.36 * (offset - (len(rules) - 1) / 2)
            for axis, values in zip(axes, (chosen, regret), strict=True):
                axis.bar(x, values.mean(), 0.34, color=colour, yerr=score.half_interval(values),
                         error_kw={"lw": 1.2, "capsize": 3})  # fmt: skip
            worst = max(worst, float(regret.mean()))
        axes[0].text(0.03, 0.93 - 0.09 * offset, rule, color=colour, transform=axes[0].transAxes)
    for axis, title in zip(axes, ("sparsity chosen (%)", "points lost against the oracle"),
                           strict=True):  # fmt: skip
        axis.set_xticks(range(3), [f"{condition}" for condition in score.CONDITIONS])
        axis.set_ylabel(title)
        axis.axhline(0, color="black", lw=1)
    axes[0].set_ylim(0, 100)
    plotting.headline(
        figure,
        f"Without labels, entropy stops at {run.means['stop_sparsity']:.0f} % for users with few "
        f"classes and loses {run.means['stop_regret']:+.1f} points against the best sparsity",
        f"{plotting.provenance([run])}, {network_of(run)}; 95 % intervals over users; the oracle "
        "chooses by labels of validation images",
    )
    return figure


# ------------------------------------------------------------------------------------------------
# Helpers


def detail(runs: list[kit.Run]) -> tuple[kit.Run | None, list[score.Table]]:
    """The run to show and one table for each of its seeds."""
    run = next((run for run in runs if run.name == DETAIL), runs[0])
    people = score.load_truth(run.dataset)
    tables = []
    for seed in run.seeds:
        path = run.folder / f"outcome_seed_{seed}.npz"
        if path.is_file():
            with np.load(path, allow_pickle=False) as archive:
                outcome = {name: archive[name] for name in archive.files}
            tables.append(score.Table(outcome, score.networks(outcome)[0], people, seed))
    return run, tables


def network_of(run: kit.Run) -> str:
    """The name of the first network of a run."""
    with np.load(run.folder / f"outcome_seed_{run.seeds[0]}.npz", allow_pickle=False) as archive:
        return score.networks({name: archive[name] for name in archive.files})[0]


def mean_of(
    tables: list[score.Table], arm: str, condition: str, what: str = "accuracy", part: str = "test"
) -> np.ndarray:
    """Mean over users of each seed (seeds,): accuracy or gain of an arm."""
    if what == "gain":
        return np.array([table.gain(arm, condition, part).mean() for table in tables])
    return np.array([table.accuracy(arm, part, condition).mean() for table in tables])


def named(main: str) -> dict[str, tuple[str, str]]:
    """Scores to draw, with label and colour; the run's own first, even if it is a new one."""
    own = SCORES.get(main, (main, BLUE))
    rest = {name: entry for name, entry in SCORES.items() if name != main}
    return {main: own, **{name: entry for name, entry in rest.items() if entry[1] != own[1]}}


if __name__ == "__main__":
    plotting.style()
    plotting.draw_all(
        FOLDER,
        kit.load_runs(FOLDER, labels),
        [
            runs_compared, accuracy_vs_sparsity, gain_decomposition, gain_vs_images,
            users_dense_vs_pruned, forgetting, cost_vs_gain, stopping,
        ],
    )  # fmt: skip
