"""What every plot.py needs: the runs of a folder, colours, error bands and direct labels."""

from __future__ import annotations

import json
import math
import re
import textwrap
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:  # an experiment imports the kit, and need not wait for matplotlib
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]

BASELINE_GREY = "#7f7f7f"
"""The colour of the baseline in every figure."""

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#B8A900")
"""Okabe and Ito's colours for the colour-blind, without black; the yellow is darker than theirs."""


@dataclass(frozen=True)
class Run:
    """One folder of results."""

    name: str
    """The folder's name, for example `run_1`."""
    label: str
    """What figures call the run."""
    colour: str
    """Grey for the baseline, else a colour of `PALETTE` by order of the runs."""
    dataset: str
    means: Mapping[str, float]
    stderrs: Mapping[str, float]
    """Standard errors of the means; a metric without one (a single seed) is absent."""
    per_seed: Mapping[str, Sequence[float]]
    """The values of each metric, one per seed, in the order of `seeds`."""
    seeds: tuple[int, ...]
    """The seeds, as far as environment.json tells; else empty."""
    history: Mapping[str, Mapping[str, Any]]
    """`{seed: {series: {"steps": [...], "values": [...]}}}`; empty without history.json."""
    folder: Path
    is_baseline: bool

    def curve(self, series: str) -> tuple[Array, Array] | None:
        """The steps (T,) and values (seeds, T) of a series; None when no seed has it.

        Seeds that logged at other steps are interpolated to those of the shortest one.
        """
        found = []
        for curves in self.history.values():
            try:
                steps = np.asarray(curves[series]["steps"], dtype=float)
                values = np.asarray(curves[series]["values"], dtype=float)
            except (KeyError, TypeError, ValueError):
                continue
            if steps.ndim == 1 and steps.shape == values.shape and steps.size:
                found.append((steps, values))
        if not found:
            return None
        grid = min((steps for steps, _ in found), key=lambda steps: float(steps[-1]))
        return grid, np.stack([np.interp(grid, steps, values) for steps, values in found])

    def outcomes(self, name: str) -> list[Array]:
        """The array `name` of every outcome_seed_<k>.npz that can be read and has it, by seed."""
        arrays = []
        for path in sorted(self.folder.glob("outcome_seed_*.npz"), key=_natural):
            try:
                with np.load(path, allow_pickle=False) as archive:
                    arrays.append(np.asarray(archive[name]))
            except Exception as error:  # a broken archive fails in many ways
                print(f"{self.name}: {path.name} left out ({error})")
        return arrays


def load_runs(folder: Path | str = ".", labels: Mapping[str, str] | None = None) -> list[Run]:
    """The runs of `folder` that have results, the baseline (`run_0`) first.

    A folder whose results are missing, broken, or of another dataset than the first run's is left
    out, with a printed note.

    Args:
        folder: where the `run_*` folders lie.
        labels: the names in figures; a run without one goes by its folder's name.
    """
    runs: list[Run] = []
    colours = 0
    for path in sorted(Path(folder).glob("run_*"), key=_natural):
        if not path.is_dir():  # The AI Scientist leaves run_1.py beside run_1/
            continue
        try:
            dataset, info = _results(path / "final_info.json")
        except (OSError, ValueError) as error:
            print(f"{path.name}: left out ({error})")
            continue
        if runs and dataset != runs[0].dataset:
            print(f"{path.name}: left out ({dataset}, while {runs[0].name} is {runs[0].dataset})")
            continue
        is_baseline = path.name == "run_0"
        environment = _read_mapping(path / "environment.json")
        history = _mapping(_read_mapping(path / "history.json").get("seeds"))
        seeds = environment.get("seeds")
        runs.append(
            Run(
                name=path.name,
                label=str((labels or {}).get(path.name, path.name)),
                colour=BASELINE_GREY if is_baseline else PALETTE[colours % len(PALETTE)],
                dataset=dataset,
                means=_numbers(info.get("means")),
                stderrs=_numbers(info.get("stderrs")),
                per_seed={
                    metric: values
                    for metric, values in _mapping(info.get("final_info_dict")).items()
                    if isinstance(values, list) and values and all(map(_is_number, values))
                },
                seeds=tuple(seeds) if isinstance(seeds, list) else (),
                history={seed: _mapping(curves) for seed, curves in history.items()},
                folder=path,
                is_baseline=is_baseline,
            )
        )
        colours += not is_baseline
    return runs


def difference(run: Run, baseline: Run, metric: str) -> tuple[float, float | None] | None:
    """By how much `run` exceeds `baseline`: the mean and its standard error.

    Runs of the same seeds are compared seed by seed; others as independent samples. The standard
    error is None where a run has a single seed; all is None where a run lacks the metric.
    """
    if metric not in run.means or metric not in baseline.means:
        return None
    ours, theirs = run.per_seed.get(metric, ()), baseline.per_seed.get(metric, ())
    if run.seeds == baseline.seeds and len(ours) == len(theirs) > 1:
        pairs = np.subtract(ours, theirs)
        return float(pairs.mean()), float(pairs.std(ddof=1) / math.sqrt(len(pairs)))
    stderr = None
    if metric in run.stderrs and metric in baseline.stderrs:
        stderr = math.hypot(run.stderrs[metric], baseline.stderrs[metric])
    return run.means[metric] - baseline.means[metric], stderr


def best_run(runs: Sequence[Run], metric: str) -> Run:
    """The run with the highest mean of `metric`, which should be a validation metric."""
    return max(runs, key=lambda run: run.means.get(metric, -math.inf))


def against_baseline(run: Run, runs: Sequence[Run], metric: str, unit: str = "points") -> str:
    """What `difference` finds, in words: " (+0.42 ± 0.11 points against Baseline)".

    The `±` is one standard error. Nothing ("") for the baseline itself.
    """
    baseline = next((other for other in runs if other.is_baseline), run)
    found = None if run is baseline else difference(run, baseline, metric)
    if found is None:
        return ""
    mean, stderr = found
    spread = "" if stderr is None else f" ± {stderr:.2f}"
    return f" ({mean:+.2f}{spread} {unit} against {baseline.label})"


def draw_all(
    folder: Path, runs: list[Run], figures: Sequence[Callable[[list[Run]], Figure | None]]
) -> None:
    """Save the figure that each function returns as `<function name>.png`.

    A function that fails, or returns None for want of results, is skipped with a printed note.
    """
    from matplotlib import pyplot

    if not runs:
        print("No run has results yet; python experiment.py --out_dir run_0 makes the first.")
        return
    for draw in figures:
        name = f"{draw.__name__}.png"
        try:
            figure = draw(runs)
            if figure is None:
                print(f"{name}: skipped (the results that it needs are not there)")
            else:
                figure.savefig(folder / name)
                print(f"{name}: drawn")
        except Exception as error:  # the other figures are worth having
            print(f"{name}: skipped ({type(error).__name__}: {error})")
        finally:
            pyplot.close("all")


def style() -> None:
    """Draw to files, in letters that can be read when the figure is 600 pixels wide."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update(
        {
            "figure.constrained_layout.use": True,
            "figure.titlesize": 12.5,
            "figure.titleweight": "bold",
            "savefig.dpi": 150,
            "font.size": 11,
            "axes.titlesize": 11,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.color": "#e6e6e6",
            "axes.axisbelow": True,
            "lines.linewidth": 2,
        }
    )


def headline(figure: Figure, message: str, note: str = "") -> None:
    """Write the message of a figure above it, and a small note below it."""

    def fill(text: str, size: float) -> str:
        return textwrap.fill(text, int(figure.get_figwidth() * 72 / size / 0.58))

    figure.suptitle(fill(message, 12.5), x=0.01, ha="left")
    if note:
        figure.supxlabel(fill(note, 9.5), x=0.01, ha="left", fontsize=9.5, color="#555555")


def provenance(runs: Sequence[Run]) -> str:
    """The data set and the number of seeds behind a figure, as "FashionMNIST-mini, 3 seeds"."""
    counts = sorted({max(map(len, run.per_seed.values()), default=1) for run in runs})
    word = "seed" if counts == [1] else "seeds"
    return f"{runs[0].dataset}, {' or '.join(map(str, counts))} {word}"


def band(
    axis: Axes,
    steps: npt.ArrayLike,
    values_per_seed: npt.ArrayLike,
    *,
    colour: str,
    label: str | None = None,
) -> Array:
    """Draw the mean over seeds as a line, and one standard error to each side as a band.

    Args:
        axis: where to draw.
        steps: shape (T,).
        values_per_seed: shape (seeds, T); with one seed there is no band.
        colour: of the line; the band is the same, paler.
        label: for a legend, if the figure has one.

    Returns:
        The mean, shape (T,).
    """
    values = np.atleast_2d(np.asarray(values_per_seed, dtype=float))
    steps = np.asarray(steps, dtype=float)
    mean = np.asarray(values.mean(axis=0))
    axis.plot(steps, mean, color=colour, label=label, marker="o" if steps.size == 1 else None)
    if len(values) > 1:
        stderr = values.std(axis=0, ddof=1) / math.sqrt(len(values))
        axis.fill_between(steps, mean - stderr, mean + stderr, color=colour, alpha=0.25, lw=0)
    return mean


def metrics_by_run(
    runs: Sequence[Run], panels: Mapping[str, str], *, differences: Collection[str] = ()
) -> Figure:
    """A row for each run, a panel for each metric: its mean, and one standard error as a bar.

    Args:
        runs: those to show; each has all the metrics.
        panels: the title of each metric's axis.
        differences: the metrics in whose panels zero is marked.
    """
    from matplotlib import pyplot

    size = (8, 2.0 + 0.45 * len(runs))
    figure, axes = pyplot.subplots(1, len(panels), figsize=size, sharey=True, squeeze=False)
    for axis, (metric, title) in zip(axes[0], panels.items(), strict=True):
        for row, run in enumerate(runs):
            axis.errorbar(
                run.means[metric], row, xerr=run.stderrs.get(metric, 0.0), fmt="o",
                color=run.colour, capsize=3, markersize=8,
            )  # fmt: skip
        if metric in differences:
            axis.axvline(0, color="black", lw=1)
        axis.set_xlabel(title)
        axis.margins(x=0.2, y=0.2)
    axes[0, 0].set_yticks(range(len(runs)), [run.label for run in runs])
    axes[0, 0].invert_yaxis()
    return figure


def zoom(
    axis: Axes, curves: Sequence[npt.ArrayLike], *, reach: float, margin: float = 0.08
) -> None:
    """Set the limits of y to the later two thirds of the curves, where they can be told apart.

    A curve that ends farther than `reach` (data units) from the end of the first, as that of a run
    that failed to learn, does not widen the limits.
    """
    arrays = [np.atleast_1d(np.asarray(curve, dtype=float)) for curve in curves]
    near = [curve[len(curve) // 3 :] for curve in arrays if abs(curve[-1] - arrays[0][-1]) <= reach]
    low, high = min(float(curve.min()) for curve in near), max(float(curve.max()) for curve in near)
    room = margin * ((high - low) or abs(high) or 1.0)
    axis.set_ylim(low - room, high + room)


def label_ends(
    axis: Axes, ends: Iterable[tuple[float, float, str, str]], *, letters: int = 22
) -> None:
    """Name lines or points to the right of the axis, moved apart where the names would overlap.

    Call it last: the limits of the axis must stand. A point outside of them is named at the edge.

    Args:
        axis: the rightmost axis.
        ends: x and y of each point, in data units; its name; its colour.
        letters: width at which a name is broken into lines.
    """
    entries = sorted((y, x, textwrap.fill(text, letters), colour) for x, y, text, colour in ends)
    if not entries:
        return
    figure: Any = axis.figure
    figure.canvas.draw()  # lays the figure out, so that the height of the axis is known
    points = axis.get_window_extent().height * 72 / figure.dpi
    low, high = axis.get_ylim()
    lines = [0.3 + 1.3 * len(text.splitlines()) for _, _, text, _ in entries]
    size = min(10.5, points / sum(lines))
    shown = [min(max(y, low), high) for y, _, _, _ in entries]
    wanted = [(y - low) / (high - low) for y in shown]
    centres = _apart(wanted, [size * line / points for line in lines])
    for (_, x, text, colour), y, centre in zip(entries, shown, centres, strict=True):
        axis.annotate(
            text,
            xy=(x, y),
            xytext=(1.06, centre),
            textcoords="axes fraction",
            va="center",
            color=colour,
            fontsize=size,
            linespacing=1.05,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "relpos": (0, 0.5), "color": colour, "lw": 0.7},
        )


def _apart(wanted: Sequence[float], heights: Sequence[float]) -> list[float]:
    """Centres near the wanted ones (ascending) of boxes that do not overlap, between 0 and 1."""
    centres = list(wanted)
    for _ in range(200):
        for i in range(len(centres) - 1):
            overlap = (heights[i] + heights[i + 1]) / 2 - (centres[i + 1] - centres[i])
            if overlap > 0:
                centres[i] -= overlap / 2
                centres[i + 1] += overlap / 2
        for i, height in enumerate(heights):
            centres[i] = min(max(centres[i], height / 2), 1 - height / 2)
    return centres


def _natural(path: Path) -> list[tuple[int, str]]:
    """A key that puts run_2 before run_10."""
    parts = re.split(r"(\d+)", path.name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def _results(path: Path) -> tuple[str, Mapping[str, Any]]:
    """The first dataset of a final_info.json that has means. Raises OSError or ValueError."""
    if not path.is_file():
        raise ValueError(f"no {path.name}")
    content = json.loads(path.read_text(encoding="utf-8"))
    for dataset, info in _mapping(content).items():
        if isinstance(info, dict) and _numbers(info.get("means")):
            return str(dataset), info
    raise ValueError(f"{path.name} holds no means")


def _read_mapping(path: Path) -> Mapping[str, Any]:
    """A JSON object, or an empty one with a printed note."""
    try:
        return _mapping(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        print(f"{path.parent.name}: without {path.name} ({type(error).__name__})")
        return {}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _numbers(value: Any) -> dict[str, float]:
    return {name: float(number) for name, number in _mapping(value).items() if _is_number(number)}
