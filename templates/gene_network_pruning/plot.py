"""Figures of the runs beside this file: one that compares them, and the case against the paper.

Run:  python plot.py     (no arguments; draws every run_* folder that has results)
"""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import score

from bonsai import kit
from bonsai.evaluation.verdict import compare, holm
from bonsai.kit import plotting

# Name each run here as the reader should see it; a run without a name goes by its folder's.
labels = {
    "run_0": "Baseline",
}
DETAIL = "run_0"  # the run that all figures but the first are about

FOLDER = Path(__file__).resolve().parent
BLUE, RED, GREEN, PINK, ORANGE, SKY, OLIVE = plotting.PALETTE
GREY = plotting.BASELINE_GREY
RULES = {  # what figures call a rule, and its colour
    "dense": ("dense", "black"),
    "fake": ("published (fake) rule", RED),
    "fake_median": ("fake, median threshold", RED),
    "genes": ("genes", BLUE),
    "genes_shuffled": ("genes, shuffled partners", ORANGE),
    "genes_unregulated": ("genes, no regulation", SKY),
    "genes_static": ("genes, static protein", PINK),
    "gradual": ("gradual magnitude", GREEN),
    "lottery": ("lottery ticket", OLIVE),
    "rigl": ("RigL", GREY),
    "set": ("SET", GREY),
    "snip": ("SNIP", GREY),
    "random": ("static random mask", GREY),
    "small_dense": ("small dense net", GREY),
}
VERDICTS = {"supported": GREEN, "refuted": RED, "undecided": GREY}


# ------------------------------------------------------------------------------------------------
# What a run left


def chosen(runs: list[kit.Run]) -> kit.Run | None:
    """The run called DETAIL, else the first."""
    return next((run for run in runs if run.name == DETAIL), runs[0] if runs else None)


@lru_cache(maxsize=1)
def outcomes(folder: Path) -> list[dict[str, np.ndarray]]:
    """The arrays of every seed."""
    found = []
    for path in sorted(folder.glob("outcome_seed_*.npz"), key=lambda path: int(path.stem[13:])):
        with np.load(path, allow_pickle=False) as archive:
            found.append({name: archive[name] for name in archive.files})
    return found


def truth_of(run: kit.Run) -> Any:
    """What the test inputs of a run's data set feel."""
    return score.load_truth(run.dataset)


@lru_cache(maxsize=1)
def accuracies(run_folder: Path, dataset: str) -> dict[str, np.ndarray]:
    """Test accuracy (seeds, 1 + conditions) of each network: overall, then in each condition."""
    truth = score.load_truth(dataset)
    right = truth.test.labels.numpy()
    table: dict[str, list[np.ndarray]] = {}
    for outcome in outcomes(run_folder):
        for name in score.networks(outcome):
            values = score.right(outcome, f"test {name}", right)
            row = np.array([values.mean(), *score.by_condition(values, truth)])
            table.setdefault(name, []).append(row)
    return {name: np.array(rows) for name, rows in table.items()}


def focus_of(run: kit.Run) -> str:
    """The sparsity of comparison, as "90 %"."""
    return f"{100 * float(outcomes(run.folder)[0]['focus']):.0f} %"


def at_focus(run: kit.Run, names: list[str]) -> dict[str, str]:
    """Each rule's network at the sparsity of comparison, or its only one: {rule: network}."""
    focus = f"@{float(outcomes(run.folder)[0]['focus']):g}"
    return {name.split("@")[0]: name for name in names if name.endswith((focus, "@0"))}


def called(rule: str) -> tuple[str, str]:
    """A rule's name in figures, and its colour."""
    return RULES.get(rule, (rule.replace("_", " "), GREY))


def spread(values: np.ndarray) -> float:
    """Half of the 95 % interval of the mean; 0 with a single seed."""
    found = score.interval(values)
    return 0.0 if found is None else (found[1] - found[0]) / 2


# ------------------------------------------------------------------------------------------------
# All runs


def runs_compared(runs: list[kit.Run]) -> plt.Figure | None:
    """Accuracy of the gene rule, and what its regulation is worth, for every run."""
    panels = {
        "test_accuracy": "gene rule,\ntest accuracy (%)",
        "genes_minus_shuffled": "over shuffled\npartners (points)",
        "genes_minus_gradual": "over magnitude\npruning (points)",
    }
    runs = [run for run in runs if panels.keys() <= run.means.keys()]
    if not runs:
        return None
    figure = plotting.metrics_by_run(runs, panels, differences=list(panels)[1:])
    best = plotting.best_run(runs, "val_accuracy")
    plotting.headline(
        figure,
        f"{best.label}: {best.means['test_accuracy']:.1f} % with "
        f"{best.means.get('sparsity', 0):.0f} % of the synapses silenced"
        + plotting.against_baseline(best, runs, "test_accuracy")
        + f"; right partners are worth {round(best.means['genes_minus_shuffled'], 2) + 0:+.2f} "
        "points",
        f"{plotting.provenance(runs)}; best by validation accuracy; bars are one standard error",
    )
    return figure


# ------------------------------------------------------------------------------------------------
# The claims


def claims_table(runs: list[kit.Run]) -> plt.Figure | None:
    """Claim, what the paper said, what was measured, interval, verdict."""
    run = chosen(runs)
    table = score.claims(run.per_seed) if run else []
    if run is None or not table:
        return None
    figure, axis = plt.subplots(figsize=(8, 1.5 + 0.36 * len(table)))
    axis.set_axis_off()
    axis.set_ylim(len(table) + 0.5, -1)
    columns = {"claim": 0.0, "paper": 0.53, "measured": 0.63, "95 % interval": 0.75, "verdict": 1.0}
    for title, x in columns.items():
        axis.text(x, -0.6, title, weight="bold", ha="right" if x == 1 else "left", fontsize=9.5)
    for row, claim in enumerate(table):
        if row % 2 == 0:
            axis.axhspan(row - 0.5, row + 0.5, color="#f3f3f3", lw=0)
        unit = "%" if claim.unit == "%" else ""
        between = "" if claim.low is None else f"{claim.low:.2f} to {claim.high:.2f}"
        cells = (claim.about, claim.paper, f"{round(claim.mean, 2) + 0:.2f} {unit}", between)
        for x, text in zip(columns.values(), cells, strict=False):
            axis.text(x, row, text, va="center", fontsize=9.5)
        axis.text(1, row, claim.verdict, va="center", ha="right", fontsize=10, weight="bold",
                  color=VERDICTS[claim.verdict])  # fmt: skip
    axis.set_xlim(0, 1)
    counts = {word: sum(claim.verdict == word for claim in table) for word in VERDICTS}
    plotting.headline(
        figure,
        f"Of {len(table)} statements {counts['refuted']} are refuted, {counts['supported']} "
        f"supported, {counts['undecided']} undecided",
        f"{plotting.provenance([run])}; differences in points, paired by seed; fixed beforehand: "
        f"no loss is within ±{score.NO_LOSS:g}, stable within ±{score.STABLE:g} points "
        "(two one-sided tests at 5 %)",
    )
    return figure


# ------------------------------------------------------------------------------------------------
# The published figure, and why one run says nothing


def published_figure(runs: list[kit.Run]) -> plt.Figure | None:
    """R2 and error against the share pruned: one run as the paper drew it, and many."""
    run = chosen(runs)
    if run is None or "regressors few" not in outcomes(run.folder)[0]:
        return None
    truth = truth_of(run)
    every = outcomes(run.folder)
    shares = 100 * np.arange(every[0]["regressors few"].shape[1]) / 10
    paper = np.array([[0.115, 0.114, 0.080, 0.076, 0.081], [-0.48, -0.40, 0.29, 0.33, 0.25]])
    figure, axes = plt.subplots(1, 2, figsize=(8, 4.2))
    r2, error = (
        np.stack([single_runs(every, truth, "regressors few", index, 40, measure)
                  for index in range(len(shares))], axis=1)
        for measure in (score.r2, score.mean_error)
    )  # fmt: skip
    for axis, values, published in zip(axes, (error, r2), paper, strict=True):
        low, high = np.quantile(values, [0.025, 0.975], axis=0)
        axis.fill_between(shares, low, high, color=BLUE, alpha=0.2, lw=0)
        axis.plot(shares, values.mean(axis=0), color=BLUE)
        axis.plot(shares, values[0], color=ORANGE, lw=1.2, marker="o", ms=3)
        axis.plot(shares[1:6], published, color=RED, ls="--", marker="s", ms=4)
        axis.set_xlabel("weights pruned (%)")
    axes[0].set_ylabel("mean absolute error of valence")
    axes[1].set_ylabel("R² of valence")
    axes[1].set_ylim(min(-0.7, float(r2.mean(axis=0)[:6].min())), 1)
    axes[1].axhline(0, color="black", lw=0.8)
    notes = (("as published,\none run (other data)", RED, 0.97), ("one run here", ORANGE, 0.84),
             (f"mean and 95 % of\n{len(r2)} runs here", BLUE, 0.77))  # fmt: skip
    for text, colour, y in notes:
        axes[0].text(
            0.03, y, text, color=colour, transform=axes[0].transAxes, va="top", fontsize=10
        )
    plotting.headline(
        figure,
        f"Single runs scatter: at 30 % pruned R² of one run lies from {_range(r2[:, 3])}, "
        f"while the mean falls from {r2[:, 0].mean():.2f} to {r2[:, 5].mean():.2f} at 50 %",
        f"{run.dataset}, {len(r2)} networks of 11,267 parameters, 200 faces to learn from, 40 to "
        "test each on; one-shot magnitude pruning; published points read off the figure",
    )
    return figure


def single_runs(
    every: list[dict[str, np.ndarray]],
    truth: Any,
    key: str,
    share: int,
    faces: int,
    measure: Callable[[np.ndarray, np.ndarray], float] = score.r2,
) -> np.ndarray:
    """R2, or another measure, of every regressor of every seed, on one block of test faces each."""
    return np.concatenate([
        score.single_runs(outcome, truth, key, share, faces, measure, first)
        for first, outcome in enumerate(every)
    ])  # fmt: skip


def _range(values: np.ndarray) -> str:
    low, high = np.quantile(values, [0.025, 0.975])
    return f"{low:.2f} to {high:.2f}"


def runs_needed(runs: list[kit.Run]) -> plt.Figure | None:
    """Spread of a single run's R2 against the number of test faces, and how many runs that asks."""
    run = chosen(runs)
    if run is None or "regressors few" not in outcomes(run.folder)[0]:
        return None
    truth, every = truth_of(run), outcomes(run.folder)
    available = every[0]["regressors few"].shape[-1]
    faces = [count for count in (20, 40, 80, 160, 320, 640, 1000) if count <= available]
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.8))
    for key, text, colour, y in (
        ("regressors few", "200 faces to learn from", ORANGE, 0.12),
        ("regressors many", "2,000 faces to learn from", BLUE, 0.03),
    ):
        sd = np.array([np.std(single_runs(every, truth, key, 3, count), ddof=1) for count in faces])
        axes[0].plot(faces, sd, color=colour, marker="o")
        axes[0].text(0.03, y, text, color=colour, transform=axes[0].transAxes)
        needed = np.ceil(np.square(1.96 * sd / 0.05))
        axes[1].plot(faces, needed, color=colour, marker="o")
        if key == "regressors few":
            at_40 = (
                (sd[faces.index(40)], needed[faces.index(40)])
                if 40 in faces
                else (sd[0], needed[0])
            )
    for axis in axes:
        axis.set_xscale("log")
        axis.set_xticks(faces, [str(count) for count in faces], fontsize=9, minor=False)
        axis.minorticks_off()
        axis.set_xlabel("test faces")
    axes[0].set_ylim(bottom=0)
    axes[0].set_ylabel("spread of R² over single runs\n(standard deviation)")
    axes[1].set_yscale("log")
    axes[1].set_ylabel("runs for R² to within ±0.05")
    plotting.headline(
        figure,
        f"With 40 test faces a single R² scatters by {at_40[0]:.2f}: knowing it to ±0.05 takes "
        f"{at_40[1]:.0f} runs",
        f"{run.dataset}, {len(every) * every[0]['regressors few'].shape[0]} networks each, 30 % "
        "of the weights pruned in one go; ±0.05 is half of a 95 % interval",
    )
    return figure


# ------------------------------------------------------------------------------------------------
# The rules


def accuracy_against_sparsity(runs: list[kit.Run]) -> plt.Figure | None:
    """Test accuracy of every rule at every sparsity, and of the fake rule where it ends up."""
    run = chosen(runs)
    if run is None:
        return None
    table = accuracies(run.folder, run.dataset)
    lines: dict[str, list[tuple[float, np.ndarray]]] = {}
    for name, values in table.items():
        rule, level = name.split("@")
        lines.setdefault(rule, []).append((100 * float(level), values[:, 0]))
    figure, axis = plt.subplots(figsize=(8, 4.6))
    dense = table["dense@0"][:, 0].mean()
    axis.axhline(dense, color="black", lw=1, ls=":")
    ends = []
    for rule, points in sorted(lines.items(), key=lambda item: called(item[0])[1] != GREY):
        text, colour = called(rule)
        if rule.startswith(("dense", "fake")):
            continue
        x = [level for level, _ in points]
        plotting.band(axis, x, np.stack([values for _, values in points], axis=1), colour=colour)
        ends.append((x[-1], points[-1][1].mean(), text, colour))
    reached = np.mean([score.anatomy(score.masks(o, "fake@0"))["sparsity"]
                       for o in outcomes(run.folder)])  # fmt: skip
    fake = table["fake@0"][:, 0]
    axis.errorbar(reached, fake.mean(), yerr=spread(fake), fmt="s", color=RED, capsize=3)
    axis.annotate("published\n(fake) rule", (reached, fake.mean()), xytext=(-8, -6),
                  textcoords="offset points", ha="right", va="top", color=RED)  # fmt: skip
    low = min(values[-1][1].mean() for rule, values in lines.items()
              if rule not in ("small_dense", "fake_median"))  # fmt: skip
    axis.set_ylim(low - 1.5, max(v[:, 0].mean() for v in table.values()) + 1.5)
    axis.set_xlabel("synapses silenced (%)")
    axis.set_ylabel("test accuracy (%)")
    axis.text(0.01, dense - 0.2, f"dense {dense:.1f} %", transform=axis.get_yaxis_transform(),
              va="top", bbox={"fc": "white", "ec": "none", "alpha": 0.8, "pad": 1})  # fmt: skip
    plotting.label_ends(axis, ends, letters=26)
    genes, gradual = (table[at_focus(run, list(table))[rule]][:, 0].mean()
                      for rule in ("genes", "gradual"))  # fmt: skip
    plotting.headline(
        figure,
        f"At {focus_of(run)} sparsity genes reach {genes:.1f} %, plain magnitude pruning "
        f"{gradual:.1f} %, the dense net {dense:.1f} %",
        f"{plotting.provenance([run])}; bands are one standard error; the square's bar is its 95 % "
        "interval; the small dense net falls below the axis",
    )
    return figure


def rules_at_focus(runs: list[kit.Run]) -> plt.Figure | None:
    """Each rule minus the gene rule, paired by seed, with intervals and Holm's correction."""
    run = chosen(runs)
    if run is None:
        return None
    table = accuracies(run.folder, run.dataset)
    names = at_focus(run, list(table))
    genes = table[names["genes"]][:, 0]
    others = {rule: table[name][:, 0] - genes for rule, name in names.items()
              if rule not in ("genes", "fake_no_time", "fake_median")}  # fmt: skip
    tests = [compare(values, np.zeros_like(values)).p for values in others.values()]
    adjusted = dict(zip(others, holm([1.0 if p is None else p for p in tests]), strict=True))
    order = sorted(others, key=lambda rule: float(others[rule].mean()))
    figure, axis = plt.subplots(figsize=(8, 1.7 + 0.33 * len(order)))
    for row, rule in enumerate(order):
        values, colour = others[rule], called(rule)[1]
        axis.plot(values, [row] * len(values), "|", color=colour, alpha=0.5)
        axis.errorbar(values.mean(), row, xerr=spread(values), fmt="o", capsize=3, color=colour)
        axis.text(1.01, row, f"{values.mean():+.2f}" + ("" if adjusted[rule] >= 0.05 else " *"),
                  transform=axis.get_yaxis_transform(), va="center", color=colour)  # fmt: skip
    axis.axvline(0, color=BLUE, lw=1.5)
    axis.axvspan(-score.NO_LOSS, score.NO_LOSS, color=BLUE, alpha=0.08, lw=0)
    axis.set_yticks(range(len(order)), [called(rule)[0] for rule in order])
    axis.set_xscale("symlog", linthresh=2)
    ticks = [-30, -10, -5, -2, -1, 0, 1, 2]
    axis.set_xticks(ticks, [str(tick) for tick in ticks], minor=False)
    axis.minorticks_off()
    axis.set_xlabel("test accuracy minus that of the gene rule (points; logarithmic beyond ±2)")
    shuffled = others["genes_shuffled"]
    plotting.headline(
        figure,
        f"Wrong partners do as well as the right ones: shuffled genes {shuffled.mean():+.2f} ± "
        f"{spread(shuffled):.2f} points at {focus_of(run)} sparsity",
        f"{plotting.provenance([run])}; ticks are seeds, bars 95 % intervals, paired by seed; "
        "shaded: counts as no difference; * differs at 5 % after Holm's correction",
    )
    return figure


def condition_by_rule(runs: list[kit.Run]) -> plt.Figure | None:
    """Accuracy in each display-rule condition, when it was trained on and when it was left out."""
    run = chosen(runs)
    if run is None or len(truth_of(run).conditions) < 2:
        return None
    truth, every = truth_of(run), outcomes(run.folder)
    table = accuracies(run.folder, run.dataset)
    first = truth.conditions[0]
    rules = {name: table[name][:, 1:].mean(axis=0)
             for name in score.networks(every[0], f"without {first}: ")}  # fmt: skip
    losses = {name: np.mean([score.unseen_losses(o, truth, name) for o in every], axis=0)
              for name in rules}  # fmt: skip
    grid = np.array([[*seen, *(seen - losses[name])] for name, seen in rules.items()])
    figure, axis = plt.subplots(figsize=(8, 1.9 + 0.42 * len(rules)))
    image = axis.imshow(grid, cmap="viridis", aspect="auto")
    for row, values in enumerate(grid):
        for column, value in enumerate(values):
            dark = value < (grid.min() + grid.max()) / 2
            axis.text(column, row, f"{value:.1f}", ha="center", va="center",
                      color="white" if dark else "black")  # fmt: skip
    count = len(truth.conditions)
    axis.axvline(count - 0.5, color="white", lw=4)
    axis.set_xticks(range(2 * count), [
        f"{name}\n{how}" for how in ("seen", "unseen") for name in truth.conditions
    ])  # fmt: skip
    axis.set_yticks(range(len(rules)), [
        f"{called(name.split('@')[0])[0]}, {100 * float(name.split('@')[1]):.0f} %"
        if not name.endswith("@0") else called(name.split("@")[0])[0] for name in rules
    ])  # fmt: skip
    axis.set_xlabel("display-rule condition of the test faces, in training or not")
    axis.grid(False)
    figure.colorbar(image, ax=axis, label="test accuracy (%)", shrink=0.8)
    every_loss = np.array(list(losses.values()))
    plotting.headline(
        figure,
        f"An unseen condition costs every network: {every_loss.mean(axis=1).min():.1f} to "
        f"{every_loss.mean(axis=1).max():.1f} points on average",
        f"{plotting.provenance([run])}; display-rule conditions of the simulation: A damps the "
        "upper face, B the lower, C both a little",
    )
    return figure


# ------------------------------------------------------------------------------------------------
# Inside the rules


def gene_trajectories(runs: list[kit.Run]) -> plt.Figure | None:
    """Protein of the genes of one net over training, and their phase plane with mRNA."""
    run = chosen(runs)
    if run is None or "genes" not in outcomes(run.folder)[0]:
        return None
    outcome = outcomes(run.folder)[0]
    history = outcome["genes"]  # (updates, 2, genes)
    focus = f"{float(outcome['focus']):g}"
    live = np.concatenate(score.live_units(score.masks(outcome, f"genes@{focus}")))
    updates = np.arange(1, len(history) + 1)
    figure, axes = plt.subplots(1, 2, figsize=(8, 4.2))
    for gene in range(history.shape[2]):
        colour, alpha = (BLUE, 0.45) if live[gene] else (RED, 0.45)
        axes[0].plot(updates, history[:, 1, gene], color=colour, alpha=alpha, lw=0.9)
        axes[1].plot(*history[:, :, gene].T, color=colour, alpha=alpha, lw=0.7)
        axes[1].plot(*history[-1, :, gene], "o", color=colour, ms=3)
    settings = {"mrna_decay": 1.0, "protein_decay": 0.5, "translation": 1.0}
    mrna = np.linspace(0, history[:, 0].max() * 1.05, 50)
    axes[1].plot(mrna, settings["translation"] * mrna / settings["protein_decay"], "k--", lw=1.2)
    axes[1].annotate("dp/dt = 0", (mrna[-1], 2 * mrna[-1]), ha="right", va="top", fontsize=10,
                     xytext=(-30, 0), textcoords="offset points")  # fmt: skip
    axes[0].set_xlabel("update of the masks (two per epoch)")
    axes[0].set_ylabel("protein")
    axes[1].set_xlabel("mRNA")
    axes[1].set_ylabel("protein")
    low, high = np.quantile(history[-1, 1], [0.1, 0.9])
    middle = float(np.median(history[-1, 0]))
    axes[1].axvline(middle, color="black", lw=1.2, ls=":")
    axes[1].text(middle, 0, " dm/dt = 0 of\n the median gene", fontsize=9)
    axes[0].set_ylim(bottom=-0.25 * history[:, 1].max())
    for y, text, colour in (
        (0.09, f"{live.sum()} units that live at the end", BLUE),
        (0.02, f"{(~live).sum()} that are cut off", RED),
    ):
        axes[0].text(0.03, y, text, color=colour, transform=axes[0].transAxes)
    plotting.headline(
        figure,
        f"Genes settle where mRNA and protein balance: eight in ten at {low:.2f} to {high:.2f} "
        "of protein",
        f"{run.dataset}, one seed, {history.shape[2]} genes at {focus_of(run)} sparsity; all start "
        "at 0.5, 0.5; dots: the end; dashed and dotted: nullclines",
    )
    return figure


def mask_churn(runs: list[kit.Run]) -> plt.Figure | None:
    """Share of the expressed synapses that change at each update."""
    run = chosen(runs)
    if run is None:
        return None
    every = outcomes(run.folder)
    names = at_focus(run, score.networks(every[0]))
    figure, axis = plt.subplots(figsize=(8, 4.2))
    ends = []
    for rule in ("genes", "genes_shuffled", "gradual", "set", "rigl", "fake"):
        if rule not in names:
            continue
        values = 100 * np.stack([outcome[f"churn {names[rule]}"] for outcome in every])
        text, colour = called(rule)
        colour = {"set": PINK, "rigl": OLIVE}.get(rule, colour)
        steps = np.arange(1, values.shape[1] + 1)
        if rule == "fake":  # it acts once per epoch
            steps, values = steps[1::2], values[:, 1::2]
        plotting.band(axis, steps, np.clip(values, 0.01, None), colour=colour)
        busy = steps[values.mean(axis=0) > 0.05]
        at = len(steps) // 2
        ends.append((busy[-1] if len(busy) else steps[-1], values.mean(axis=0)[at], text, colour))
    axis.set_yscale("log")
    axis.set_ylim(0.05, 1500)
    axis.set_xlabel("update of the masks (two per epoch; most rules stop after three quarters)")
    axis.set_ylabel("expressed synapses changed (%)")
    handles = [plt.Line2D([], [], color=colour, label=text) for _, _, text, colour in ends]
    axis.legend(handles=handles, ncols=2, frameon=False, fontsize=9.5, loc="upper right")
    fake = 100 * np.mean([np.mean(outcome[f"churn {names['fake']}"][-11:]) for outcome in every])
    plotting.headline(
        figure,
        "Masks settle as the schedule ends; the published rule goes on exchanging its last links "
        f"for random ones ({2 * fake:.1f} % an epoch)",
        f"{plotting.provenance([run])}; at the sparsity of comparison; added plus removed synapses "
        "over those expressed before; bands one standard error",
    )
    return figure


def faults_of_the_rule(runs: list[kit.Run]) -> plt.Figure | None:
    """The published rule: idle time term, sparsity by shape, frozen weights, vain rewiring."""
    run = chosen(runs)
    curves = (
        {
            name: run.curve(f"fake: {name}")
            for name in ("silent motion", "rewired, pruned again", "outranks a rewired link")
        }
        if run
        else {}
    )
    if run is None or not all(curves.values()):
        return None
    every = outcomes(run.folder)
    rng = np.random.default_rng(0)
    shapes = {"uniform": rng.uniform(-1, 1, 100_000), "Gaussian": rng.standard_normal(100_000),
              "Laplace": rng.laplace(size=100_000)}  # fmt: skip
    figure, axes = plt.subplots(2, 2, figsize=(8, 6))
    same = [
        100
        * np.mean(
            [
                np.mean(a == b)
                for a, b in zip(
                    score.masks(o, "fake@0"), score.masks(o, "fake_no_time@0"), strict=True
                )
            ]
        )
        for o in every
    ]
    agree = [100 * np.mean(o["test fake@0"] == o["test fake_no_time@0"]) for o in every]
    axes[0, 0].bar(["masks", "predictions"], [np.mean(same), np.mean(agree)], color=GREY)
    axes[0, 0].set_ylim(0, 110)
    for x, value in enumerate((np.mean(same), np.mean(agree))):
        axes[0, 0].text(x, value / 2, f"{value:.2f} %", ha="center", color="white", weight="bold")
    axes[0, 0].set_ylabel("the same without β (%)")
    axes[0, 0].set_title("1. the time term changes nothing")
    pruned = []
    for values in shapes.values():
        size = np.abs(values)
        pruned.append(100 * np.mean(size < size.mean() + 0.5 * size.std()))
    layers = np.mean(
        [[100 * (1 - m.mean()) for m in score.masks(o, "fake@0")] for o in every], axis=0
    )
    names = [*shapes, *(f"layer {index + 1}" for index in range(len(layers)))]
    heights = [*pruned, *layers]
    axes[0, 1].barh(names, heights, color=[GREY] * 3 + [RED] * len(layers))
    for row, height in enumerate(heights):
        axes[0, 1].text(height - 2, row, f"{height:.0f} %", va="center", ha="right", color="white")
    axes[0, 1].axvline(50, color="black", ls=":", lw=1.2)
    axes[0, 1].text(52, len(names) - 1, "claimed: 50 %", fontsize=9.5, va="center")
    axes[0, 1].invert_yaxis()
    axes[0, 1].set_xlabel("silenced by mean + ½ deviation (%)")
    axes[0, 1].set_title("2. the shape sets the sparsity")
    for axis, name, title in (
        (axes[1, 0], "silent motion", "3. silent weights nearly stand still"),
        (axes[1, 1], "rewired, pruned again", "4. rewired links: vain and middling"),
    ):
        steps, values = curves[name]
        plotting.band(axis, steps, 100 * values, colour=RED)
        axis.set_title(title)
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.set_ylim(0, 105)
    axes[1, 0].set_ylabel("motion per epoch\n(% of expressed weights')")
    steps, values = curves["outranks a rewired link"]
    plotting.band(axes[1, 1], steps, 100 * values, colour=BLUE)
    axes[1, 1].set_ylabel("%")
    again, middling = 100 * curves["rewired, pruned again"][1].mean(), 100 * values.mean()
    axes[1, 1].text(0.03, 0.72, "pruned again an epoch later", color=RED,
                    transform=axes[1, 1].transAxes)  # fmt: skip
    axes[1, 1].text(0.03, 0.3, "silent links that score higher", color=BLUE,
                    transform=axes[1, 1].transAxes)  # fmt: skip
    plotting.headline(
        figure,
        f"Four faults of the published rule: {again:.0f} % of the links that it rewires are pruned "
        f"an epoch later, and {middling:.0f} % of the silent ones score higher than they",
        f"{plotting.provenance([run])}; bands one standard error; 3 and 4: first layer",
    )
    return figure


if __name__ == "__main__":
    plotting.style()
    plotting.draw_all(
        FOLDER,
        kit.load_runs(FOLDER, labels),
        [
            runs_compared, claims_table, published_figure, runs_needed, accuracy_against_sparsity,
            rules_at_focus, condition_by_rule, gene_trajectories, mask_churn, faults_of_the_rule,
        ],
    )  # fmt: skip
