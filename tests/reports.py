"""Results folders for tests of the report: written through the real ledger, without a sweep."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bonsai.contract import Idea
from bonsai.kit.experiment import write_json
from bonsai.kit.scoring import summarise
from bonsai.ledger import Entry, Ledger
from bonsai.settings import Assignment, Settings
from tests import sweeps

SEEDS = [0, 1]
FRESH = list(range(1000, 1008))
NASTY = "<script>document.title = 'taken'</script>\x1b[31m\x00\u202e & \"quoted\" 'so' {{ 7 * 7 }}"
CODE = (sweeps.TOY / "experiment.py").read_text()


def scores(values: Sequence[float], seeds: Sequence[int]) -> dict[str, Any]:
    """As a run's line in the ledger has them; validation is as good as the test."""
    per_seed = [{"test_accuracy": value, "val_accuracy": value + 1} for value in values]
    told = summarise(per_seed)
    return {
        "dataset": "digits",
        "means": told["means"],
        "stderrs": told["stderrs"],
        "per_seed": told["final_info_dict"],
        "seeds": list(seeds),
    }


class Synthetic:
    """A results folder in the making."""

    def __init__(self, results: Path, ideas: Sequence[Idea], templates: int = 1) -> None:
        self.results = results
        self.rng = random.Random(7)
        results.mkdir(parents=True)
        folders = [sweeps.TOY, *(results.parent / f"toy_{n}" for n in range(2, templates + 1))]
        for folder in folders[1:]:
            sweeps.copy_of_toy(folder.parent).rename(folder)
        assignments = [Assignment(template=str(folder), ideas=list(ideas)) for folder in folders]
        Settings(assignments=assignments, first_fresh_seed=1000, max_confirm_seeds=8).save(results)
        self._lines: list[str] = []
        self._time = 1_795_000_000.0
        self._indexes: dict[tuple[str, str], int] = {}

    def step(self, template: str, idea: str, step: str, **fields: Any) -> None:
        """Add a step; `data` and others as in the ledger."""
        self._time += 1
        index = self._indexes.setdefault((template, idea), 0)
        self._indexes[template, idea] += 1
        entry = Entry(
            time=self._time, template=template, idea=idea, step=step, index=index,
            **{"message": f"{step} went well", "seconds": 1.0, **fields},
        )  # fmt: skip
        self._lines.append(entry.model_dump_json() + "\n")

    def around(self, mean: float, count: int) -> list[float]:
        return [mean + self.rng.gauss(0, 1) for _ in range(count)]

    def baseline(self, template: str = "toy") -> None:
        own, fresh = (self.around(80, len(seeds)) for seeds in (SEEDS, FRESH))
        data = {"run_seconds": 2.0, "where": "bubblewrap"}
        self.step(template, "", "baseline", data={**data, "scores": scores(own, SEEDS)})
        self.step(template, "", "confirm", data={**data, "scores": scores(fresh, FRESH)})
        self.step(template, "", "end")
        self.result(f"{template}/run_0", own, SEEDS)
        self.result(f"{template}/confirm/run", fresh, FRESH)

    def idea(self, name: str, gain: float, template: str = "toy", runs: int = 1) -> None:
        """An idea from its start to its end, in the ledger alone."""
        self.step(template, name, "start", data={"commit": "c", "exchanges": 0, "experiment": "x"})
        self.step(template, name, "plan", data={"commit": "c", "exchanges": 1})
        for number in range(1, runs + 1):
            self.step(template, name, "edit", data={"commit": "c", "exchanges": number + 1})
            found = scores(self.around(80 + gain, len(SEEDS)), SEEDS)
            self.step(
                template, name, "run",
                data={"scores": found, "run_seconds": 2.0, "where": "bubblewrap", "commit": "c",
                      "run": f"run_{number}", "experiment": str(number), "exchanges": number + 1},
            )  # fmt: skip
        found = scores(self.around(80 + gain, len(FRESH)), FRESH)
        self.step(
            template, name, "confirm",
            data={"scores": found, "run_seconds": 8.0, "where": "bubblewrap", "run": "run_1"},
        )  # fmt: skip
        self.step(template, name, "end")

    def result(self, folder: str, values: Sequence[float], seeds: Sequence[int]) -> None:
        """The files of a run, with curves."""
        found = scores(values, seeds)
        info = {"means": found["means"], "stderrs": found["stderrs"]}
        path = self.results / folder
        path.mkdir(parents=True, exist_ok=True)
        write_json(
            path / "final_info.json", {"digits": {**info, "final_info_dict": found["per_seed"]}}
        )
        steps = list(range(1, 301))
        curves = {
            str(seed): {"loss": {"steps": steps, "values": [1 / step + seed for step in steps]}}
            for seed in SEEDS
        }
        write_json(path / "history.json", {"seeds": curves})
        (path / "environment.json").write_text(json.dumps({"config": {"images": len(values)}}))

    def write(self) -> Path:
        """Put the ledger on the disk; returns the results folder."""
        (self.results / "ledger.jsonl").write_text("".join(self._lines), encoding="utf-8")
        assert len(Ledger(self.results / "ledger.jsonl").read()) == len(self._lines)
        return self.results


def ideas(names: Sequence[str]) -> list[Idea]:
    return [Idea(Name=name, Title=f"About {name}", Experiment="Try it.") for name in names]


def many(results: Path, count: int) -> Path:
    """A finished sweep of so many ideas, which left nothing but the ledger."""
    names = [f"idea_{number:05d}" for number in range(count)]
    made = Synthetic(results, ideas(names))
    made.baseline()
    for name in names:
        made.idea(name, made.rng.gauss(0, 1))
    return made.write()
