"""What the gene network does to masks while it trains. Frozen."""

import matplotlib.pyplot as plt
import numpy as np
import score
from figures_of_rules import (
    BLUE,
    GREY,
    OLIVE,
    PINK,
    RED,
    at_focus,
    called,
    chosen,
    focus_of,
    outcomes,
)

from bonsai import kit
from bonsai.kit import plotting


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
