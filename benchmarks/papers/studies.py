"""Results that papers are written on, and what is told of them that is no result.

Four studies hold what real runs of our templates measured (`recorded.json`). The others are drawn
by a fixed seed in the shapes that templates of The AI Scientist write: one data set or several, one
seed or several, means alone or with their errors, keys with and without `_mean`.
"""

from __future__ import annotations

import functools
import json
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

RECORDED = Path(__file__).with_name("recorded.json")


@dataclass(frozen=True)
class Measure:
    """A metric, and how people speak of it.

    Attributes:
        key: in `final_info.json`.
        name: in a sentence.
        short: in the head of a table.
        unit: `%`, `s` and others; empty: a bare number.
        better: which way it improves.
        digits: after the point, as papers show it.
        fraction: whether it lies between 0 and 1 and may be shown as percent.
    """

    key: str
    name: str
    short: str
    unit: str = ""
    better: Literal["higher", "lower"] = "higher"
    digits: int = 2
    fraction: bool = False


@dataclass(frozen=True)
class Trial:
    """A run: what plot.py calls it, the phrase that a sentence has for it, and its notes."""

    label: str
    phrase: str
    notes: str


@dataclass(frozen=True)
class Words:
    """What a paper says that is no result."""

    title: str
    method: str  # with its article, for the middle of a sentence
    problem: str
    idea: str
    related: str  # with {0}, {1}, ... for citations
    setup: str
    limits: str
    ablation: str  # something that no run has removed, as a noun phrase
    novel: str  # a baseline or data set that no run has


@dataclass
class Study:
    """Results of one idea.

    Attributes:
        name: its folder's.
        words: around them.
        measures: the first is what the idea is about.
        trials: by run; `run_0` is the baseline, `run_1` the idea itself.
        values: by run, measure and data set: one value a seed.
        stale: by run and measure: what an earlier try had measured, on the first data set.
        settings: of experiment.py.
        references: entries of its bibliography, by key: kind, title, authors, year.
        style: how `final_info.json` is written.
        pictures: by file name: the run that it is of (empty: of all), and what it shows.
    """

    name: str
    words: Words
    measures: tuple[Measure, ...]
    trials: dict[str, Trial]
    values: dict[str, dict[str, dict[str, list[float]]]]
    stale: dict[tuple[str, str], float]
    settings: dict[str, float]
    references: dict[str, tuple[str, str, str, int]]
    style: Literal["plain", "suffixed", "means"] = "plain"
    pictures: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def datasets(self) -> list[str]:
        """The names of its data sets."""
        return list(next(iter(self.values["run_0"].values())))

    @property
    def seeds(self) -> int:
        """How many a run has."""
        return len(self.per_seed("run_0", self.measures[0]))

    def per_seed(self, run: str, measure: Measure, dataset: str = "") -> list[float]:
        """One value a seed; of the first data set if none is named."""
        return self.values[run][measure.key][dataset or self.datasets[0]]

    def mean(self, run: str, measure: Measure, dataset: str = "") -> float:
        """The mean of the seeds."""
        return statistics.fmean(self.per_seed(run, measure, dataset))

    def error(self, run: str, measure: Measure, dataset: str = "") -> float:
        """The standard error of the mean; 0 with one seed."""
        values = self.per_seed(run, measure, dataset)
        return statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0

    def lay_out(self, folder: Path) -> None:
        """Write what The AI Scientist leaves of an idea, without its paper."""
        (folder / "latex").mkdir(parents=True)
        for run in self.trials:
            (folder / run).mkdir()
            info = {each: self._info(run, each) for each in self.datasets}
            (folder / run / "final_info.json").write_text(json.dumps(info))
            if run != "run_0":  # The AI Scientist keeps what it ran
                (folder / f"{run}.py").write_text(self._code())
        (folder / "experiment.py").write_text(self._code())
        (folder / "plot.py").write_text(self._plotting())
        (folder / "notes.txt").write_text(self._notes())
        for number, name in enumerate(self.pictures):
            (folder / name).write_bytes(picture(self.name, number))

    def _info(self, run: str, dataset: str) -> dict[str, Any]:
        end, of_error = ("_mean", "_stderr") if self.style == "suffixed" else ("", "")
        means = {each.key + end: self.mean(run, each, dataset) for each in self.measures}
        if self.style == "means":
            return {"means": means}
        errors = {each.key + of_error: self.error(run, each, dataset) for each in self.measures}
        values = {each.key: self.per_seed(run, each, dataset) for each in self.measures}
        return {"means": means, "stderrs": errors, "final_info_dict": values}

    def _code(self) -> str:
        options = "\n".join(
            f'    parser.add_argument("--{name}", default={value!r})'
            for name, value in self.settings.items()
        )
        return (
            f'"""{self.words.idea}"""\n\nimport argparse\n\nDATASETS = {self.datasets!r}\n'
            f"SEEDS = {list(range(self.seeds))!r}\n\n\n"
            "def main():\n    parser = argparse.ArgumentParser()\n"
            f'    parser.add_argument("--out_dir", default="run_0")\n{options}\n'
        )

    def _plotting(self) -> str:
        told = "\n".join(f"    {run!r}: {each.label!r}," for run, each in self.trials.items())
        drawn = "\n".join(f"plt.savefig({name!r})  # {of[1]}" for name, of in self.pictures.items())
        return f"import matplotlib.pyplot as plt\n\nlabels = {{\n{told}\n}}\n\n{drawn}\n"

    def _notes(self) -> str:
        lines = [f"# Title: {self.words.title}", f"# Experiment description: {self.words.idea}"]
        for run, each in self.trials.items():
            earlier = {key: value for (of, key), value in self.stale.items() if of == run}
            if earlier:
                told = ", ".join(f"{key} {value:.6g}" for key, value in earlier.items())
                lines.append(
                    f"## Run {run[4:]}, first try (replaced: a bug in the loop)\nResults: {told}"
                )
            means = {
                name: {m.key: round(self.mean(run, m, name), 6) for m in self.measures}
                for name in self.datasets
            }
            lines.append(
                f"## Run {run[4:]}: {each.label}\nResults: {means}\nDescription: {each.notes}"
            )
        return "\n\n".join(lines) + "\n"


def picture(*which: object) -> bytes:
    """A small picture of its own for each name: squares of colours drawn from it."""
    import io

    from PIL import Image

    rng = random.Random(repr(which))
    image = Image.new("RGB", (8, 8))
    image.putdata([tuple(rng.randrange(256) for _ in range(3)) for _ in range(64)])
    kept = io.BytesIO()
    image.resize((32, 32), Image.Resampling.NEAREST).save(kept, "PNG")
    return kept.getvalue()


Level = tuple[float, float]  # a mean, and the deviation between seeds


def drawn(
    name: str, seeds: int, datasets: Sequence[str],
    levels: dict[str, dict[str, Level]], spread_of_datasets: float = 0.25,
) -> dict[str, dict[str, dict[str, list[float]]]]:  # fmt: skip
    """Values by run, measure and data set, around a level for each run and measure."""
    rng = random.Random(name)
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    factors = {each: 1 + spread_of_datasets * number for number, each in enumerate(datasets)}
    for run, by_measure in levels.items():
        found[run] = {}
        for key, (mean, deviation) in by_measure.items():
            found[run][key] = {}
            share = 0.7 < levels["run_0"][key][0] < 1
            for each in datasets:
                # A share stays below 1: data sets move what is missing from it, not itself.
                middle = 1 - (1 - mean) * factors[each] if share else mean * factors[each]
                shift = rng.gauss(0, deviation)
                found[run][key][each] = [
                    float(f"{middle + shift + rng.gauss(0, deviation):.7g}") for _ in range(seeds)
                ]
    return found


def recorded(name: str) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Values of real runs."""
    told = json.loads(RECORDED.read_text(encoding="utf-8"))[name]
    return {
        run: {key: {told["dataset"]: values} for key, values in by_key.items()}
        for run, by_key in told["runs"].items()
    }


@functools.cache
def studies() -> dict[str, Study]:
    """All of them, by name."""
    from benchmarks.papers import subjects

    return {each.name: each for each in subjects.all_studies()}
