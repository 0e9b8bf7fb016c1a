"""How the rules compare, and what every figure reads from a run. Frozen."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import score

from bonsai import kit
from bonsai.kit import plotting
from bonsai.kit.statistics import holm, paired_p

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


def chosen(runs: list[kit.Run]) -> kit.Run | None:
    """The run that a figure is about: the first."""
    return runs[0] if runs else None


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
    tests = [paired_p(values) for values in others.values()]
    adjusted = dict(zip(others, holm(tests), strict=True))
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
