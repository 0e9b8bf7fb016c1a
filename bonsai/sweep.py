"""A sweep: build the baselines, work on every idea, draw the conclusions."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from filelock import FileLock, Timeout

from bonsai import agents, execute, report
from bonsai.board import Board
from bonsai.contract import Idea
from bonsai.errors import BonsaiError
from bonsai.gateway import Gateway, LiveModel
from bonsai.idea_loop import Bench, IdeaLoop
from bonsai.journal import Journal, Result
from bonsai.ledger import Entry, Ledger
from bonsai.prompts import Prompts
from bonsai.runs import Baseline, Machine, RunFailed, build_baseline, run_fresh_seeds
from bonsai.scores import Scores
from bonsai.settings import Settings
from bonsai.template import Template

BASELINE = ""  # the idea under which a template's own steps stand in the ledger


class Sweep:
    """One sweep in its results folder; `run` starts it or goes on with it."""

    def __init__(self, results: Path, settings: Settings, board: Board) -> None:
        """Prepare a sweep whose results lie in `results`."""
        self.results = results
        self.settings = settings
        self.board = board
        self.ledger = Ledger(results / "ledger.jsonl")
        self.cancel = threading.Event()
        self._done: dict[tuple[str, str], list[Entry]] = {}

    def run(self) -> None:
        """Do all that is not done yet, then write the summary and its figures.

        Raises:
            BonsaiError: another runner works in this folder.
            KeyboardInterrupt: the person stopped it; running programs are killed first.
        """
        lock = FileLock(self.results / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise BonsaiError(
                f"another runner is at work in {self.results}; wait for it, or stop it"
            ) from error
        try:
            self._work()
        finally:
            lock.release()

    def _work(self) -> None:
        entries = self.ledger.read()
        for entry in entries:
            if entry.step != "fault":
                self._done.setdefault((entry.template, entry.idea), []).append(entry)
        spent = sum(
            steps[-1].data.get("cost_usd") or 0.0 for (_, idea), steps in self._done.items() if idea
        )
        live = None
        if self.settings.model is not None:
            live = LiveModel(self.settings.model, api_base=self.settings.api_base)
        edit_format = self.settings.edit_format if self.settings.agent == "aider" else None
        agent = agents.make_agent(self.settings.agent, edit_format)
        templates = [
            (Template(Path(item.template)), item.ideas) for item in self.settings.assignments
        ]
        for template, ideas in templates:
            metric = template.scorer.metrics[template.scorer.primary]
            for name in (BASELINE, *(idea.Name for idea in ideas)):
                self.board.add(template.name, name, template.scorer.primary, metric.better)
        for entry in entries:
            self.board.entry(entry)

        with (
            Gateway(live, budget_usd=self.settings.budget_usd, spent_usd=spent) as gateway,
            self.board,
        ):
            benches = [
                (bench, ideas)
                for template, ideas in templates
                if (bench := self._bench(template, gateway, agent)) is not None
            ]
            with ThreadPoolExecutor(self.settings.workers) as pool:
                tasks = [
                    pool.submit(
                        self._guarded, bench.template, idea.Name, self._work_on(bench, idea)
                    )
                    for bench, ideas in benches
                    for idea in ideas
                ]
                try:
                    for task in as_completed(tasks):
                        task.result()
                except BaseException:
                    self.cancel.set()
                    pool.shutdown(wait=True, cancel_futures=True)
                    raise
        report.write(self.results)

    def _bench(self, template: Template, gateway: Gateway, agent: agents.Agent) -> Bench | None:
        """Everything that a template's ideas share; None if its baseline does not work."""
        folder = self.results / template.name
        data = self.settings.data or template.scorer.datasets[0]
        seeds = self.settings.seeds or list(template.scorer.seeds)
        machine = Machine(
            self.settings.threads,
            self.cancel,
            lambda text: self.board.line(template.name, BASELINE, text),
        )
        journal = self._journal(template.name, BASELINE, lambda last: None)
        benches: list[Bench] = []

        def work() -> None:
            self.board.begin(template.name, BASELINE)
            entry = journal.step(
                "baseline", lambda: self._baseline(template, folder, data, seeds, machine)
            )
            if not entry.ok:
                return
            baseline = Baseline(
                folder / "run_0",
                Scores.model_validate(entry.data["scores"]),
                entry.data["run_seconds"],
                cached=True,
            )
            if self.settings.confirm_seeds:
                journal.step(
                    "confirm",
                    lambda: self._confirm_baseline(template, folder, data, machine),
                )
            journal.step("end", lambda: Result(True, "the baseline stands"))
            prompts = Prompts(template, baseline.scores, baseline.seconds)
            benches.append(
                Bench(
                    template,
                    self.settings,
                    data,
                    baseline,
                    prompts,
                    gateway,
                    agent,
                    folder,
                    self.cancel,
                )
            )

        self._guarded(template, BASELINE, work)
        return benches[0] if benches else None

    def _baseline(
        self, template: Template, folder: Path, data: str, seeds: list[int], machine: Machine
    ) -> Result:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            baseline = build_baseline(
                template, data, seeds, log=folder / "logs" / "baseline", machine=machine
            )
        except RunFailed as error:
            return Result(False, str(error).splitlines()[0], {"feedback": str(error)})
        shutil.rmtree(folder / "run_0", ignore_errors=True)
        shutil.copytree(baseline.folder, folder / "run_0")
        primary = template.scorer.primary
        mean, stderr = baseline.scores.means[primary], baseline.scores.stderrs[primary]
        spread = "" if stderr is None else f" ± {stderr:.2g}"
        how = "reused from the cache" if baseline.cached else f"{baseline.seconds:.0f} s"
        message = f"{primary} {mean:.4g}{spread} over {len(seeds)} seeds ({how})"
        return Result(
            True, message, {"scores": baseline.scores.model_dump(), "run_seconds": baseline.seconds}
        )

    def _confirm_baseline(
        self, template: Template, folder: Path, data: str, machine: Machine
    ) -> Result:
        """The baseline on the fresh seeds, to compare every idea's best run with, seed by seed."""
        seeds = self.settings.fresh_seeds()
        try:
            scores, seconds = run_fresh_seeds(
                template,
                (template.folder / "experiment.py").read_text(encoding="utf-8"),
                folder / "confirm",
                data=data,
                seeds=seeds,
                log=folder / "logs" / "confirm",
                machine=machine,
            )
        except RunFailed as error:
            return Result(False, str(error).splitlines()[0], {"feedback": str(error)})
        primary = template.scorer.primary
        message = f"{primary} {scores.means[primary]:.4g} on {len(seeds)} fresh seeds"
        return Result(True, message, {"scores": scores.model_dump(), "run_seconds": seconds})

    def _work_on(self, bench: Bench, idea: Idea) -> Callable[[], None]:
        name = bench.template.name

        def work() -> None:
            self.board.begin(name, idea.Name)
            IdeaLoop(
                bench,
                idea,
                lambda on_live: self._journal(name, idea.Name, on_live),
                lambda text: self.board.line(name, idea.Name, text),
            ).run()

        return work

    def _journal(
        self, template: str, idea: str, on_live: Callable[[Entry | None], None]
    ) -> Journal:
        done = self._done.get((template, idea), [])
        return Journal(
            self.ledger, template, idea, done, on_live=on_live, on_entry=self.board.entry
        )

    def _guarded(self, template: Template, idea: str, work: Callable[[], None]) -> None:
        """Do `work`; what goes wrong in it is recorded and ends this idea alone, until `resume`."""
        if self.cancel.is_set():
            return
        try:
            work()
        except execute.Cancelled:
            return
        except Exception as error:
            entry = self.ledger.append(
                template=template.name, idea=idea, step="fault", index=-1, ok=False,
                message=f"{type(error).__name__}: {error}",
            )  # fmt: skip
            self.board.entry(entry)
