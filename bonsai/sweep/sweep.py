"""A sweep: build the baselines, work on every idea, draw the conclusions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from filelock import FileLock, Timeout

from bonsai import execution, report
from bonsai.base import END, NO_STEP, BonsaiError, DiskFull, Entry, Ledger, tells_of_full_disk
from bonsai.evaluation import SCORING, Machine
from bonsai.execution import sandbox
from bonsai.execution.executors import make_executor
from bonsai.models import Books, Gateway, LiveModel, Outage, ServiceGone
from bonsai.models.agents import Agent
from bonsai.report import Refresher, SweepSummary, summarise
from bonsai.settings import REPORT, Settings
from bonsai.sweep import editors
from bonsai.sweep.baseline import Baseline, BaselineLoop
from bonsai.sweep.context import Context
from bonsai.sweep.idea_loop import IdeaLoop
from bonsai.sweep.journal import Journal
from bonsai.sweep.judge_loop import JudgeLoop
from bonsai.sweep.observer import Observer
from bonsai.sweep.prompts import Prompts
from bonsai.templates import Idea, Template

if TYPE_CHECKING:
    from bonsai.sweep.tree_loop import TreeLoop

Found = TypeVar("Found")
Work = tuple[Template, str, Callable[[], object]]  # what is done for an idea of a template
CANCEL_SECONDS = 5.0  # how long to wait for what is being done when a person stops the sweep
NEWS = {"baseline", "run", "look", END}  # steps after which the report has more to tell
BASELINE = ""  # the idea under which a template's own steps stand in the ledger


class Sweep:
    """One sweep in its results folder; `run` starts it or goes on with it."""

    def __init__(self, results: Path, settings: Settings, observer: Observer) -> None:
        """Prepare a sweep whose results lie in `results`."""
        self.results = results
        self.settings = settings
        self.observer = observer
        self.ledger = Ledger(results / "ledger.jsonl")
        self.cancel = threading.Event()
        self._done: dict[tuple[str, str], list[Entry]] = {}
        self._books = Books()
        self._outage = Outage(
            settings.wait_for_model, say=observer.say, remark=self._remark, cancel=self.cancel
        )
        self._unanswered: ServiceGone | None = None  # why an idea is left unfinished
        self._refresher: Refresher | None = None

    def run(self) -> SweepSummary:
        """Do all that is not done yet, then write the report; returns what it is about.

        Raises:
            BonsaiError: another runner works in this folder, or its ledger is damaged.
            DiskFull: there is no room for more results.
            ServiceGone: ideas are left that need the model, whose service is away; all else is
                done.
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
            execution.kill_orphans()
            written = self.results / REPORT
            for left in (*self.results.glob(".*.tmp"), *written.rglob(".*.tmp")):
                left.unlink()  # what a killed runner was writing
            self._work()
            sweep = summarise(self.results)
            report.write(sweep)
            if (gone := self._outage.gone or self._unanswered) is not None:
                raise ServiceGone(
                    f"{gone} What is not finished is not lost: `bonsai resume {self.results}` "
                    "goes on.",
                    gone.exit_code,
                )
            return sweep
        finally:
            lock.release()

    def _work(self) -> None:
        entries = self.ledger.recall()
        for entry in entries:
            if entry.index != NO_STEP:
                self._done.setdefault((entry.template, entry.idea), []).append(entry)
        live = None
        if self.settings.model is not None:
            live = LiveModel(
                self.settings.model,
                api_base=self.settings.api_base,
                context_tokens=self.settings.context_tokens,
            )
            if not live.price_is_known:
                self.observer.say(
                    f"the price of {live.model} is unknown: tokens are counted, not $"
                )
        templates = []
        for template, ideas in self.settings.templates(self.results):
            left = [idea for idea in ideas if not self._ended(template, idea.Name)]
            templates.append((template, left))
            metric = template.scorer.metrics[template.scorer.primary]
            for name, called in ((BASELINE, ""), *((idea.Name, idea.called) for idea in left)):
                self.observer.add(
                    template.name, name, template.scorer.primary, metric.better, called
                )
            self.observer.done_before += len(ideas) - len(left)
        if entries:
            self.observer.recall(entries)
        if any(item.ideas for item in self.settings.assignments) and not any(
            left for _, left in templates
        ):
            return
        # A sweep that goes on may have nothing left but runs.
        made: Mapping[str, Agent] = {}
        if not self.settings.judges:
            made = editors.make(self.settings, templates, loads_now=not entries)
        why_no_walls = None
        if self.settings.executor == "local":  # other machines decide for themselves
            why_no_walls = sandbox.choose(self.settings.sandbox)
        if why_no_walls:
            self.observer.say(f"warning: {why_no_walls}")
        settings = self.settings
        SCORING.prepare()
        executor = make_executor(
            settings.executor, threads=settings.threads, gpus_per_run=settings.gpus_per_run,
            sandbox=settings.sandbox, address=settings.address, slurm=settings.slurm,
            jobs=self.results / "jobs", say=self.observer.say,
        )  # fmt: skip
        self.machine = Machine(
            self.settings.threads, self.cancel, walls=why_no_walls is None,
            limits=self.settings.limits, executor=executor,
        )  # fmt: skip
        self._books = Books(
            self.ledger,
            sweep=self.settings.budget,
            idea=self.settings.idea_budget,
            entries=entries,
            seconds_before=self.ledger.seconds_at_work,
            on_entry=self.observer.entry,
        )

        self._refresher = Refresher(self.results, self.observer.say)
        with (
            closing(executor), Gateway(live, self._books, self._outage) as gateway,
            self.observer, self._refresher,
        ):  # fmt: skip

            def after(loop: BaselineLoop, ideas: list[Idea], baseline: Baseline) -> Iterator[Work]:
                template = loop.template
                context = Context(
                    template=template,
                    settings=self.settings,
                    data=loop.data,
                    baseline=baseline,
                    fresh_baseline=loop.fresh,
                    prompts=Prompts(
                        template, baseline.scores, baseline.seconds, self.settings.limits
                    ),
                    gateway=gateway,
                    agents=made,
                    folder=loop.folder,
                    machine=self.machine,
                    ideas=sum(len(assignment.ideas) for assignment in self.settings.assignments),
                )
                if self.settings.confirm_seeds:  # meanwhile ideas are worked on
                    yield template, BASELINE, partial(loop.fresh, 0)
                for idea in ideas:
                    yield template, idea.Name, self._idea_loop(context, idea).run

            self._work_side_by_side(templates, after)

    def _ended(self, template: Template, idea: str) -> bool:
        steps = self._done.get((template.name, idea))
        return steps is not None and steps[-1].step == END

    def _work_side_by_side(
        self,
        templates: list[tuple[Template, list[Idea]]],
        after: Callable[[BaselineLoop, list[Idea], Baseline], Iterator[Work]],
    ) -> None:
        """Build the baselines, and do the work on a template's ideas once its own is there."""
        pool = ThreadPoolExecutor(self.settings.workers or self.machine.executor.slots)
        baselines: dict[Future[Any], tuple[BaselineLoop, list[Idea]]] = {}
        for template, ideas in templates:
            loop = self._baseline_loop(template)
            baselines[pool.submit(self._guarded, template, BASELINE, loop.build)] = loop, ideas
        tasks = set(baselines)
        try:
            while tasks:
                over, tasks = wait(tasks, return_when=FIRST_COMPLETED)
                for task in over:
                    baseline = task.result()
                    if baseline is None or task not in baselines:
                        continue  # an idea; or a template without a baseline: the ledger says why
                    for template, idea, work in after(*baselines[task], baseline):
                        tasks.add(pool.submit(self._guarded, template, idea, work))
        except BaseException:
            self.cancel.set()
            pool.shutdown(wait=False, cancel_futures=True)
            wait(tasks, timeout=CANCEL_SECONDS)  # programs are killed; a model may not answer
            raise
        pool.shutdown()

    def _baseline_loop(self, template: Template) -> BaselineLoop:
        name = template.name
        machine = replace(
            self.machine, on_line=lambda text: self.observer.line(name, BASELINE, text)
        )
        journal = self._journal(name, BASELINE, lambda last: None)
        return BaselineLoop(template, self.settings, self.results / name, journal, machine)

    def _idea_loop(self, context: Context, idea: Idea) -> IdeaLoop | JudgeLoop | TreeLoop:
        name = context.template.name
        kind: type[IdeaLoop | JudgeLoop | TreeLoop] = IdeaLoop
        if self.settings.given(name, idea.Name) is not None:
            kind = JudgeLoop
        elif self.settings.search:
            from bonsai.sweep.tree_loop import TreeLoop  # its statistics take long to load

            kind = TreeLoop
        return kind(
            context,
            idea,
            lambda on_live: self._journal(name, idea.Name, on_live),
            lambda text: self.observer.line(name, idea.Name, text),
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
            on_step=lambda step: self.observer.step(template, idea, step),
            on_entry=self._take,
        )

    def _take(self, entry: Entry) -> None:
        self._books.take(entry)
        self.observer.entry(entry)
        if self._refresher and entry.step in NEWS:
            self._refresher.poke()

    def _remark(self, step: str, message: str, seconds: float) -> None:
        """Record something of the whole sweep."""
        self.ledger.append(step=step, index=NO_STEP, message=message, seconds=round(seconds, 3))

    def _guarded(self, template: Template, idea: str, work: Callable[[], Found]) -> Found | None:
        """Do `work`; what goes wrong in it is recorded and ends this idea alone, until `resume`."""
        if self.cancel.is_set():
            return None
        begins = idea != BASELINE and (template.name, idea) not in self._done
        if begins and self._outage.gone:  # no idea gets anywhere without the model
            return None
        try:
            return work()
        except execution.Cancelled:
            return None
        except ServiceGone as gone:
            self._unanswered = gone
            return None
        except DiskFull:
            raise
        except Exception as error:
            if tells_of_full_disk(str(error)):
                raise DiskFull(self.results) from error
            entry = self.ledger.append(
                template=template.name,
                idea=idea,
                step="fault",
                index=NO_STEP,
                ok=False,
                message=f"{type(error).__name__}: {error}",
            )
            self.observer.entry(entry)
            return None
