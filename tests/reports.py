"""Results folders for tests of the report: written through the real ledger, without a sweep."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bonsai.base.ledger import NO_STEP, Entry, Ledger
from bonsai.evaluation.claims import seal
from bonsai.kit.experiment import write_json
from bonsai.kit.scoring import summarise
from bonsai.models.budget import SPENT
from bonsai.settings import Assignment, GivenProgram, Settings
from bonsai.templates.contract import Claim, Idea
from tests import sweeps

SEEDS = [0, 1]
FRESH = list(range(1000, 1008))
PRIMARY = Claim(metric="test_accuracy", direction="higher")
NASTY = "<script>document.title = 'taken'</script>\x1b[31m\x00\u202e & \"quoted\" 'so' {{ 7 * 7 }}"
DOT = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c636000000002000148afa4710000000049454e44ae426082"
)  # a picture of one pixel
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

    def __init__(
        self, results: Path, ideas: Sequence[Idea], templates: int = 1, **settings: Any
    ) -> None:
        self.results = results
        self.rng = random.Random(7)
        results.mkdir(parents=True)
        folders = [sweeps.TOY, *(results.parent / f"toy_{n}" for n in range(2, templates + 1))]
        for folder in folders[1:]:
            sweeps.copy_of_toy(folder.parent).rename(folder)
        assignments = [Assignment(template=str(folder), ideas=list(ideas)) for folder in folders]
        told = {"first_fresh_seed": 1000, "max_confirm_seeds": 8, **settings}
        self.settings = Settings(assignments=assignments, **told)
        self.settings.save(results)
        self._brought = 0
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

    def call(
        self, idea: str, tokens_in: int, tokens_out: int, usd: float | None, template: str = "toy"
    ) -> None:
        """The end of a call of the model."""
        data = {"call": str(len(self._lines)), "tokens": tokens_in + tokens_out, "usd": usd}
        entry = Entry(
            time=self._time, template=template, idea=idea, step=SPENT, index=NO_STEP,
            data={**data, "tokens_in": tokens_in, "tokens_out": tokens_out},
        )  # fmt: skip
        self._lines.append(entry.model_dump_json() + "\n")

    def tries(
        self, name: str, agent: str | None, fates: str, seconds: float, template: str = "toy"
    ) -> None:
        """Edits of an agent, one after the other, in an idea that begins with its plan.

        Of each the fate is a letter: `k`ept, `u`nusable reply, `s`moke run fails, `r`un fails,
        `o`ver before it was run, `f`inished, and `?` for one whose run is under way.
        """
        by = {} if agent is None else {"agent": agent, "agent_seconds": seconds}
        self.step(template, name, "plan", data=by, seconds=seconds)
        for number, fate in enumerate(fates):
            failed = {"ok": False, "data": {**by, "kind": "unusable reply"}}
            good = {"data": {**by, "finished": True} if fate == "f" else by}
            self.step(template, name, "edit", seconds=seconds, **(failed if fate == "u" else good))
            if fate in "krs":
                data = {} if fate != "s" else {"kind": "crashed"}
                self.step(template, name, "smoke", ok=fate != "s", data=data)
            if fate == "o":
                self.step(template, name, "smoke", ok=False, data={"over": "budget"})
            if fate in "kr":
                found = scores(self.around(80, len(SEEDS)), SEEDS)
                good = {
                    "run": f"run_{1 + fates[:number].count('k')}",
                    "scores": found,
                    "run_seconds": 2.0,
                }
                data = good if fate == "k" else {"kind": "crashed"}
                self.step(template, name, "run", ok=fate == "k", data=data)

    def around(self, mean: float, count: int) -> list[float]:
        return [mean + self.rng.gauss(0, 1) for _ in range(count)]

    def baseline(self, template: str = "toy") -> None:
        own, fresh = (self.around(80, len(seeds)) for seeds in (SEEDS, FRESH))
        data = {"run_seconds": 2.0, "where": "bubblewrap"}
        self.step(template, "", "baseline", data={**data, "scores": scores(own, SEEDS)})
        self.step(template, "", "confirm", data={**data, "scores": scores(fresh, FRESH)})
        self.result(f"{template}/run_0", own, SEEDS)
        self.result(f"{template}/confirm/run", fresh, FRESH)

    def idea(
        self,
        name: str,
        gain: float,
        template: str = "toy",
        runs: int = 1,
        files: bool = False,
        claims: Sequence[Claim] = (PRIMARY,),
    ) -> None:
        """An idea from its start to its end; without `files` in the ledger alone."""
        folder = f"{template}/{name}"
        shared = {"commit": "c", "run_seconds": 2.0, "where": "bubblewrap"}
        digest = hashlib.sha256(CODE.encode()).hexdigest()
        self.step(
            template, name, "start", data={"commit": "c", "exchanges": 0, "experiment": digest}
        )
        self.step(template, name, "plan", data={"commit": "c", "exchanges": 1})
        sealed = {"claims": [each.model_dump() for each in claims], "sha256": seal(claims)}
        self.step(template, name, "claims", data={"commit": "c", "exchanges": 1, **sealed})
        if files:
            self.result(f"{folder}/workspace/run_0", self.around(80, len(SEEDS)), SEEDS)
        for number in range(1, runs + 1):
            self.step(template, name, "edit", data={"commit": "c", "exchanges": number + 1})
            values = self.around(80 + gain, len(SEEDS))
            data = {"run": f"run_{number}", "experiment": str(number), "exchanges": number + 1}
            self.step(
                template, name, "run", data={**shared, **data, "scores": scores(values, SEEDS)}
            )
            if files:
                self.result(f"{folder}/workspace/run_{number}", values, SEEDS)
        values = self.around(80 + gain, len(FRESH))
        data = {"run": "run_1", "scores": scores(values, FRESH)}
        self.step(template, name, "confirm", data={**shared, **data})
        if files:
            self.result(f"{folder}/confirm/run_1/look_0/run", values, FRESH)
        self.step(template, name, "end")

    def bring(
        self, name: str, code: str, claimed: float | None = None, engine: str = "",
        baseline: bool = False,
    ) -> GivenProgram:  # fmt: skip
        """A program that was brought as an idea, or as the baseline."""
        self._brought += 1
        file = f"programs/toy/{self._brought}.py"
        path = self.results / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code, encoding="utf-8")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        given = GivenProgram(
            file=file, sha256=digest, origin=f"left/{name}.py", engine=engine, claimed=claimed
        )
        [assignment] = self.settings.assignments
        if baseline:
            assignment.baseline = given
        else:
            assignment.programs[name] = given
        self.settings.save(self.results)
        return given

    def program(
        self, name: str, gain: float, code: str, claimed: float | None = None, engine: str = "",
        problem: str = "",
    ) -> None:  # fmt: skip
        """A program that was brought, from its start to its end; or to its problem."""
        given = self.bring(name, code, claimed, engine)
        [assignment] = self.settings.assignments
        before = CODE
        if assignment.baseline:
            before = (self.results / assignment.baseline.file).read_text(encoding="utf-8")
        digest = hashlib.sha256(before.encode()).hexdigest()
        sealed = {"claims": [PRIMARY.model_dump()], "sha256": seal([PRIMARY])}
        taken = {"origin": given.origin, "sha256": given.sha256, "changed": code != before}
        self.step("toy", name, "start", data={"commit": "c", "experiment": digest})
        self.step("toy", name, "claims", data={"commit": "c", **sealed})
        if problem:
            data = {**taken, "kind": "syntax"}
            self.step("toy", name, "program", ok=False, message=problem, data=data)
            self.step("toy", name, "end", ok=False, message=f"no run finished; last: {problem}")
            return
        shared = {"commit": "c", "run": "run_1", "run_seconds": 2.0, "where": "bubblewrap"}
        own, fresh = (self.around(80 + gain, len(seeds)) for seeds in (SEEDS, FRESH))
        self.step("toy", name, "program", data=taken)
        self.step("toy", name, "smoke")
        data = {**shared, "experiment": given.sha256, "scores": scores(own, SEEDS)}
        self.step("toy", name, "run", data=data)
        self.step("toy", name, "confirm", data={**shared, "scores": scores(fresh, FRESH)})
        self.step("toy", name, "end")
        run = f"toy/{name}/workspace/run_1"
        self.result(run, own, SEEDS)
        (self.results / run / "experiment.py").write_text(code, encoding="utf-8")

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


def telling(home: Path) -> Path:
    """A small sweep of two templates with one idea of every verdict, and texts that do harm."""
    names = ("gains", "loses", "wavers", "fails")
    made = Synthetic(home / "res", ideas(names), templates=2)
    for template in ("toy", "toy_2"):
        made.baseline(template)
        made.idea("loses", -8, template)
        made.idea("wavers", 0, template)
        made.step(template, "fails", "start", data={"experiment": "x"})
        made.step(
            template, "fails", "edit", ok=False, message=NASTY, data={"kind": "unusable reply"}
        )
        made.step(template, "fails", "end", ok=False)
    made.idea("gains", 8, runs=2, files=True)
    _fill(made.results / "toy" / "gains")
    return made.write()


def judged(home: Path, before: str | None = None) -> Path:
    """Programs that were brought, of every verdict, one of them with a claim, in texts that harm.

    Args:
        home: where the results folder is made.
        before: the baseline's code, where that was brought, too.
    """
    names = ("gen_3", "gen_1", "same", "broken")
    made = Synthetic(home / "res", ideas(names))
    if before is not None:
        made.bring("before", before, baseline=True)
    made.baseline()
    better = CODE.replace("images: int = 60", f"images: int = 600  # {NASTY}")
    made.program("gen_3", 8, better, claimed=93.4, engine="openevolve")
    made.program("gen_1", -8, CODE + "\nWORSE = 1\n", engine="openevolve")
    made.program("same", 0, CODE)
    made.program("broken", 0, "def train(:\n", problem=f"does not parse: {NASTY}")
    return made.write()


def _fill(folder: Path) -> None:
    """What an agent and its programs leave behind, none of it well meant."""
    workspace, logs, exchanges = (folder / name for name in ("workspace", "logs", "exchanges"))
    logs.mkdir()
    exchanges.mkdir()
    for number in (1, 2):
        code = CODE.replace("images: int = 60", f"images: int = {600 * number}  # {NASTY}")
        (workspace / f"run_{number}" / "experiment.py").write_text(code, encoding="utf-8")
    (workspace / "notes.txt").write_text(NASTY, encoding="utf-8")
    (workspace / "<b>&#39;.png").write_bytes(DOT)
    (workspace / "no_picture.png").write_text(NASTY, encoding="utf-8")
    (folder / "secret").symlink_to("/etc")
    (workspace / "linked.png").symlink_to(Path(__file__))
    (logs / "00-run_1.err").write_text("begins\n" + "noise\n" * 20_000 + NASTY, encoding="utf-8")
    for number in (1, 2, 3):
        (exchanges / f"{number:03}.md").write_text(f"reply {number}: {NASTY}", encoding="utf-8")
        messages = [
            {"role": "user", "content": "the first message"},
            {"role": "user", "content": f"message {number}: {NASTY}" + "x" * 50_000},
        ]
        (exchanges / f"{number:03}.request.json").write_text(json.dumps({"messages": messages}))
        usage = {"tokens_in": 1000, "tokens_out": 200, "cost_usd": 0.01}
        (exchanges / f"{number:03}.usage.json").write_text(json.dumps(usage))


def ideas(names: Sequence[str]) -> list[Idea]:
    return [Idea(Name=name, Title=f"About {name} {NASTY}", Experiment=NASTY) for name in names]


def many(results: Path, count: int) -> Path:
    """A finished sweep of so many ideas, which left nothing but the ledger."""
    names = [f"idea_{number:05d}" for number in range(count)]
    made = Synthetic(results, ideas(names))
    made.baseline()
    for name in names:
        made.idea(name, made.rng.gauss(0, 1))
    return made.write()
