"""A sweep: build the baselines, work on every idea, draw the conclusions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout

from bonsai import agents, execute, report, sandbox
from bonsai.baseline import BaselineLoop
from bonsai.board import Board
from bonsai.budget import Books
from bonsai.contract import Idea
from bonsai.errors import BonsaiError
from bonsai.executors import LocalExecutor
from bonsai.gateway import Gateway, LiveModel
from bonsai.idea_loop import Bench, IdeaLoop
from bonsai.journal import Journal
from bonsai.ledger import NO_STEP, Entry, Ledger
from bonsai.prompts import Prompts
from bonsai.runs import Machine
from bonsai.settings import Settings
from bonsai.template import Template

Found = TypeVar("Found")
CANCEL_SECONDS = 5.0  # how long to wait for what is being done when a person stops the sweep
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
        self._books = Books()

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
            execute.kill_orphans()
            self._work()
        finally:
            lock.release()

    def _work(self) -> None:
        entries = self.ledger.read()
        for entry in entries:
            if entry.index != NO_STEP:
                self._done.setdefault((entry.template, entry.idea), []).append(entry)
        live = None
        if self.settings.model is not None:
            live = LiveModel(self.settings.model, api_base=self.settings.api_base)
            if not live.price_is_known:
                self.board.say(f"the price of {live.model} is unknown: tokens are counted, not $")
        edit_format = self.settings.edit_format if self.settings.agent == "aider" else None
        agent = agents.make_agent(self.settings.agent, edit_format)
        templates = [
            (Template(Path(item.template)), item.ideas) for item in self.settings.assignments
        ]
        why_no_walls = sandbox.choose(self.settings.sandbox)
        if why_no_walls:
            self.board.say(f"warning: {why_no_walls}")
        executor = LocalExecutor()
        self.machine = Machine(
            self.settings.threads, self.cancel, walls=why_no_walls is None,
            limits=self.settings.limits, executor=executor,
        )  # fmt: skip
        for template, ideas in templates:
            metric = template.scorer.metrics[template.scorer.primary]
            for name in (BASELINE, *(idea.Name for idea in ideas)):
                self.board.add(template.name, name, template.scorer.primary, metric.better)
        for entry in entries:
            self.board.entry(entry)
        self._books = Books(
            self.ledger,
            sweep=self.settings.budget,
            idea=self.settings.idea_budget,
            entries=entries,
            on_entry=self.board.entry,
        )

        with Gateway(live, self._books) as gateway, self.board:
            work = []
            for template, ideas in templates:
                loop = self._baseline_loop(template)
                baseline = self._guarded(template, BASELINE, loop.build)
                if baseline is None:
                    continue  # nothing to compare with; the ledger says why
                bench = Bench(
                    template=template,
                    settings=self.settings,
                    data=loop.data,
                    baseline=baseline,
                    prompts=Prompts(
                        template, baseline.scores, baseline.seconds, self.settings.limits
                    ),
                    gateway=gateway,
                    agent=agent,
                    folder=loop.folder,
                    machine=self.machine,
                )
                work.append((template, BASELINE, loop.confirm))
                work += [(template, idea.Name, self._idea_loop(bench, idea).run) for idea in ideas]
            self._work_side_by_side(work)
        report.write(self.results)

    def _work_side_by_side(self, work: list[tuple[Template, str, Callable[[], None]]]) -> None:
        pool = ThreadPoolExecutor(self.settings.workers)
        tasks = [
            pool.submit(lambda item=item: self._guarded(*item))  # type: ignore[misc]
            for item in work
        ]
        try:
            for task in as_completed(tasks):
                task.result()
        except BaseException:
            self.cancel.set()
            pool.shutdown(wait=False, cancel_futures=True)
            wait(tasks, timeout=CANCEL_SECONDS)  # programs are killed; a model may not answer
            raise
        pool.shutdown()

    def _baseline_loop(self, template: Template) -> BaselineLoop:
        name = template.name
        machine = replace(self.machine, on_line=lambda text: self.board.line(name, BASELINE, text))
        journal = self._journal(name, BASELINE, lambda last: None)
        return BaselineLoop(template, self.settings, self.results / name, journal, machine)

    def _idea_loop(self, bench: Bench, idea: Idea) -> IdeaLoop:
        name = bench.template.name
        return IdeaLoop(
            bench,
            idea,
            lambda on_live: self._journal(name, idea.Name, on_live),
            lambda text: self.board.line(name, idea.Name, text),
        )

    def _journal(
        self, template: str, idea: str, on_live: Callable[[Entry | None], None]
    ) -> Journal:
        return Journal(
            self.ledger,
            template,
            idea,
            self._done.get((template, idea), []),
            on_live=on_live,
            on_step=lambda step: self.board.step(template, idea, step),
            on_entry=self._take,
        )

    def _take(self, entry: Entry) -> None:
        self._books.take(entry)
        self.board.entry(entry)

    def _guarded(self, template: Template, idea: str, work: Callable[[], Found]) -> Found | None:
        """Do `work`; what goes wrong in it is recorded and ends this idea alone, until `resume`."""
        if self.cancel.is_set():
            return None
        try:
            return work()
        except execute.Cancelled:
            return None
        except Exception as error:
            entry = self.ledger.append(
                template=template.name,
                idea=idea,
                step="fault",
                index=NO_STEP,
                ok=False,
                message=f"{type(error).__name__}: {error}",
            )
            self.board.entry(entry)
            return None
