"""Measures a candidate of another engine: within our walls and limits, by the runner's scores.

The `evaluate.py` of an exported template starts it as a program of its own::

    python -m bonsai.engines.evaluator --task DIR --program FILE [--stage smoke|first|all]

The last line that it prints is the evaluation, as JSON. It ends with code 0 whatever came of the
candidate, and with 3 if nothing can be said of the candidate, for a reason that is not its own.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from bonsai.base import BonsaiError, listing, plain_text, untrusted
from bonsai.engines import marks
from bonsai.engines.evaluation import FAILED, PASSED, Evaluation, Failed, Stage, compare
from bonsai.engines.harness import Harness, holds
from bonsai.engines.task import Task
from bonsai.evaluation import (
    SCORING,
    TOO_SLOW,
    Machine,
    Measured,
    RunFailed,
    Scores,
    checks,
    joined,
    run_fresh_seeds,
)
from bonsai.execution import Cancelled, cores, sandbox, syntax_problem, temporary_folder
from bonsai.settings import MOST_PROGRAM_BYTES
from bonsai.sweep import build_baseline
from bonsai.templates import EDITABLE, Template

TROUBLE = 3  # exit code: the evaluator's own
ENDED = 4  # exit code: whoever had started it is no more
TIMES = 5.0  # that a run may last, of the template's own run
EXTRA_SECONDS = 20.0  # on top, since programs start more slowly beside others
FEW = 3  # seeds; with fewer the first is run again beside the others, to see whether seeds matter
GLANCE_SECONDS = 0.5

# A check of programs that report their own scores, where a change may be of their science.
COMPUTED = "code that computes the metrics unchanged"
TOLD = {  # how what is said of a failure begins
    "broken": "It breaks",
    "fabricates": "It is not believed",
    "forks": "It starts too many processes",
    "hangs": "It hangs",
    "takes too much": "It takes too much",
    TOO_SLOW: "It is too slow",
}


class Trouble(BonsaiError):
    """The evaluator's own: no candidate can be measured until somebody has mended it."""

    exit_code = TROUBLE


def evaluate(
    task: Task,
    folder: Path,
    program: bytes,
    *,
    stage: Stage = "all",
    known: Scores | None = None,
    cancel: threading.Event | None = None,
) -> Evaluation:
    """Measure a candidate on the seeds of a task, beside the template.

    Args:
        task: what is asked.
        folder: where its `task.json` lies.
        program: the candidate, byte for byte.
        stage: how far to run it; each goes on from where the one before ends. `smoke`: `--smoke`
            alone; `first`: one seed; `all`: the smoke test, the first seed, and the others unless
            it is far behind on that.
        known: what the stage `first` has measured of it; it is not run on that again.
        cancel: when set, whatever runs is ended.

    Raises:
        Trouble: nothing can be said of it, and that is not its fault.
        Cancelled: `cancel` was set.
    """
    started = time.monotonic()
    template = _template(task, folder)
    work = temporary_folder("candidate")
    try:
        machine = _machine(task, cancel or threading.Event())
        harness = None if machine.walls else Harness(folder, template)
        try:
            trial = _Trial(task, template, program, work, machine)
            trial.look()
            found = trial.measure(stage, known)
            found = replace(found, feedback=found.feedback + trial.remark)
        except Failed as failure:
            found = _failed(failure.kind, failure.feedback, stage)
        finally:
            changed = harness.mend() if harness else []
        if changed:
            told = f"It edits the harness: {listing(changed[:5])} changed while it ran."
            found = _failed("edits the harness", told, stage)
    except BonsaiError as error:
        raise error if isinstance(error, Trouble) else Trouble(str(error)) from error
    except OSError as error:
        raise Trouble(f"the evaluator cannot work: {error}") from error
    finally:
        untrusted.remove(work)
    return replace(found, seconds=round(time.monotonic() - started, 3))


def _failed(kind: str, feedback: str, stage: Stage) -> Evaluation:
    return Evaluation(False, stage, FAILED, feedback, kind=kind, over=True)


def _template(task: Task, folder: Path) -> Template:
    try:
        return task.template_at(folder)
    except BonsaiError as error:
        raise Trouble(f"the harness was changed: {error}") from error


def _machine(task: Task, cancel: threading.Event) -> Machine:
    walls = sandbox.choose(task.sandbox) is None
    return Machine(min(task.threads, cores()), cancel, walls=walls, limits=task.limits)


@dataclass
class _Trial:
    """One candidate.

    Attributes:
        task: what is asked.
        template: what it is compared with.
        program: its text.
        work: a folder for its runs.
        machine: what they are run on.
        remark: what is to be said of its text, behind all else.
    """

    task: Task
    template: Template
    program: bytes
    work: Path
    machine: Machine
    remark: str = ""

    def look(self) -> None:
        """Look at its text alone.

        Raises:
            Failed: it need not be run.
        """
        if len(self.program) > MOST_PROGRAM_BYTES:
            raise Failed("too large", f"It is longer than {MOST_PROGRAM_BYTES:,} bytes.")
        try:
            text = plain_text(self.program)
        except BonsaiError as error:
            raise Failed("does not parse", f"It does not parse: {error}") from error
        if problem := marks.frozen_part_problem(self._initial(), text):
            raise Failed("edits the harness", problem)
        path = self.work / "experiment.py"
        path.write_bytes(self.program)
        if problem := syntax_problem(path):
            raise Failed("does not parse", f"It does not parse: {problem}")
        for check in checks.reporting(self.template, self.program):
            if check.passed is False and check.name == COMPUTED:
                self.remark = f" Note that code that computes the metrics changed: {check.found}"
            elif check.passed is False:
                raise Failed("fabricates", f"{TOLD['fabricates']} ({check.name}): {check.found}")

    def measure(self, stage: Stage, known: Scores | None) -> Evaluation:
        """Run it as far as a stage goes.

        Raises:
            Failed: it broke, or is not believed.
            Trouble: the template itself does not run.
        """
        seeds, same = self.task.seeds, self._is_the_template()
        if not same and known is None:
            self._run([], smoke=True)
        if stage == "smoke":
            told = "It is the template." if same else "It has passed the smoke test (--smoke)."
            return Evaluation(True, stage, PASSED, told)
        base, usual = self._baseline()
        if same:
            scores = base.of(seeds[:1]) if stage == "first" else base
            return compare(self.template, scores, base, len(seeds), stage)
        limit = TIMES * usual + EXTRA_SECONDS
        first = known or self._run(seeds[:1], base, limit)
        found = compare(self.template, first, base, len(seeds), stage)
        if stage == "first" or found.over:
            return found
        if len(seeds) < FEW:
            return compare(self.template, self._run(seeds, base, limit), base, len(seeds), stage)
        scores = joined([first, self._run(seeds[1:], base, limit)])
        return compare(self.template, scores, base, len(seeds), stage)

    def _initial(self) -> str:
        return marks.mark(plain_text(self.template.experiment.read_bytes()))

    def _is_the_template(self) -> bool:
        lines = (plain_text(self.program).split("\n"), self._initial().split("\n"))
        mine, its = ("\n".join(each.rstrip() for each in text).strip() for text in lines)
        return mine == its

    def _baseline(self) -> tuple[Scores, float]:
        """The template's own scores, and how long it takes for them."""
        try:
            done = build_baseline(
                self.template, self.task.data, self.task.seeds,
                log=self.work / "logs" / "baseline", machine=self.machine,
            )  # fmt: skip
        except RunFailed as error:
            raise Trouble(f"the template itself does not run here: {error}") from error
        return done.scores, done.seconds

    def _run(
        self, seeds: Sequence[int], base: Scores | None = None, limit: float | None = None,
        *, smoke: bool = False,
    ) -> Scores:  # fmt: skip
        limits = dict(self.machine.limits)
        if limit is not None:
            allowed = self.template.limits(len(seeds), limits).run_seconds
            limits["run_seconds"] = min(allowed, limit)
        folder = self.work / "run"
        try:
            done = run_fresh_seeds(
                self.template, self.program, folder, data=self.task.data,
                seeds=seeds or list(self.template.scorer.seeds), log=self.work / "logs" / "run",
                machine=replace(self.machine, limits=limits), smoke=smoke,
            )  # fmt: skip
        except RunFailed as error:
            raise self._failure(error, smoke) from error
        if not smoke:
            self._believe(done, folder, base)
        return done.scores

    def _failure(self, error: RunFailed, smoke: bool) -> Exception:
        """What a failed run says of the candidate, if it does."""
        text = str(error).replace(f"{self.work}/run/", "").replace(str(self.work), "")
        if error.kind == "data not at hand":
            return Trouble(text)
        kind = "fabricates" if error.kind == "results not believed" else "broken"
        if error.kind == "limit crossed":
            kind = "takes too much"
            if "its time limit" in text:
                kind = "hangs" if smoke else TOO_SLOW
            elif "processes and threads" in text:
                kind = "forks"
        return Failed(kind, f"{TOLD[kind]}: {text}")

    def _believe(self, done: Measured, folder: Path, base: Scores | None) -> None:
        """Refuse what the runner would not believe of an idea of its own."""
        for own in self.template.folder.glob("*.py"):
            if own.name not in EDITABLE and not holds(folder / own.name, own.read_bytes()):
                told = f"It edits the harness: {own.name} was changed while it ran."
                raise Failed("edits the harness", told)
        for check in checks.of_run(self.template, self.task.data, done, base):
            if check.passed is False:
                raise Failed("fabricates", f"{TOLD['fabricates']} ({check.name}): {check.found}")


def main(arguments: Sequence[str]) -> int:
    """Measure a candidate for `evaluate.py`; returns the exit code."""
    options = dict(zip(arguments[::2], arguments[1::2], strict=False))
    cancel = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: cancel.set())
    threading.Thread(
        target=_watch, args=(int(options.get("--parent", os.getppid())), cancel), daemon=True
    ).start()
    try:
        stage: Any = options.get("--stage", "all")
        if not {"--task", "--program"} <= options.keys() or stage not in get_args(Stage):
            raise Trouble(f"{sys.argv[0]} --task DIR --program FILE [--stage smoke|first|all]")
        folder = Path(options["--task"])
        task = Task.load(folder)
        SCORING.prepare()
        program = untrusted.read_bytes(
            Path(options["--program"]), 2 * MOST_PROGRAM_BYTES, follow=True
        )
        known = options.get("--known")
        found = evaluate(
            task, folder, program, stage=stage, cancel=cancel,
            known=Scores.model_validate_json(known) if known else None,
        )  # fmt: skip
    except Cancelled:
        return ENDED
    except BonsaiError as error:
        print(error, file=sys.stderr)
        return TROUBLE
    print(json.dumps(found.record()), flush=True)
    return 0


def _watch(parent: int, cancel: threading.Event) -> None:
    """End with whoever has started this: an engine's time-out kills no more than its child."""
    while not cancel.wait(GLANCE_SECONDS):
        if os.getppid() != parent:
            cancel.set()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
