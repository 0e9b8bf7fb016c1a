"""The baseline: the untouched template's own result, which every idea is compared with."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock, Timeout

import bonsai
from bonsai import execution
from bonsai.base import BonsaiError, untrusted
from bonsai.evaluation import (
    TOOK,
    Machine,
    Measured,
    RunFailed,
    Scores,
    checks,
    data_states,
    judged_on,
    run_experiment,
    run_fresh_seeds,
    score_run,
    self_reported_scores,
)
from bonsai.execution.executors import visible_gpus
from bonsai.kit.data import data_folder
from bonsai.settings import Settings
from bonsai.sweep.journal import Journal, Result
from bonsai.templates import SELF_REPORTED, Template


@dataclass(frozen=True)
class Baseline:
    """The untouched template's own result.

    Attributes:
        folder: the result files.
        scores: what they amount to.
        seconds: how long the run took.
        where: what it was kept within.
        cached: whether an earlier run was reused.
    """

    folder: Path
    scores: Scores
    seconds: float
    where: str
    cached: bool


def build_baseline(
    template: Template,
    data: str,
    seeds: Sequence[int],
    *,
    log: Path,
    machine: Machine,
    published: bool = False,
) -> Baseline:
    """Run the untouched template, or reuse its result from the cache.

    The cache's key is everything that the result depends on: code, data, seeds, versions, threads,
    and which machines ran it.

    Two runners that want the same one do not both run it: the second waits for the first.

    Args:
        template: the untouched template.
        data: its `--data`.
        seeds: its `--seeds`.
        log: as in `run_experiment`.
        machine: as in `run_experiment`.
        published: as in `run_experiment`.

    Raises:
        RunFailed: the template does not work.
        execution.Cancelled: the sweep was told to stop.
    """
    # Not by loading torch, which takes seconds, and which the runner itself does not need.
    judged = judged_on(template, data, published=published)
    parts: tuple[object, ...] = (
        template.fingerprint(),
        judged,
        list(seeds),
        bonsai.__version__,
        version("torch"),
    )
    if template.reported is not None:
        states = data_states(template, template.reported)
        parts = (*parts, template.reported.model_dump_json(), *states)
    key = repr((*parts, machine.threads, bool(visible_gpus()), machine.executor.name))
    name = f"{template.name}-{hashlib.sha256(key.encode()).hexdigest()[:20]}"
    cached = data_folder() / "baselines" / name
    cached.parent.mkdir(parents=True, exist_ok=True)
    with _held(cached.with_name(f".{name}.lock"), machine):
        return _build(template, data, seeds, cached, log, machine, published)


@contextmanager
def _held(path: Path, machine: Machine) -> Iterator[None]:
    """Hold a lock, which falls when its holder dies, however that comes about."""
    lock = FileLock(path)
    while True:
        with suppress(Timeout):
            lock.acquire(timeout=0.5)
            break
        if machine.on_line:
            machine.on_line("another runner is building this baseline; waiting for it")
        if machine.cancel.is_set():
            raise execution.Cancelled
    try:
        yield
    finally:
        lock.release()


def _build(
    template: Template,
    data: str,
    seeds: Sequence[int],
    cached: Path,
    log: Path,
    machine: Machine,
    published: bool,
) -> Baseline:
    if (cached / "final_info.json").is_file():
        try:
            if template.reported is not None:
                seconds = float(json.loads((cached / TOOK).read_text(encoding="utf-8"))["seconds"])
                scores = self_reported_scores(template.reported, cached, seeds)
                return Baseline(cached, scores, seconds, "cached", cached=True)
            environment = json.loads((cached / "environment.json").read_text(encoding="utf-8"))
            judged = judged_on(template, data, published=published)
            scores = score_run(template, cached, judged, seeds)
            if scores.disagreements:
                raise BonsaiError("it is not what its outcomes give today")
            return Baseline(cached, scores, float(environment["seconds"]), "cached", cached=True)
        except (BonsaiError, OSError, ValueError, KeyError):
            untrusted.remove(cached)  # a damaged cache is made anew
    building = cached.with_name(f".building-{cached.name}")
    untrusted.remove(building)  # of a runner that was killed
    try:
        work = building / template.name
        template.copy_to(work)
        done = run_experiment(
            template,
            work,
            work / "run_0",
            data=data,
            seeds=seeds,
            log=log,
            machine=machine,
            trusted=True,
            published=published,
            reuse=True,
        )
        untrusted.remove(cached)
        shutil.move(work / "run_0", cached)
    finally:
        untrusted.remove(building)
    return Baseline(cached, done.scores, done.seconds, done.where, cached=False)


class BaselineLoop:
    """A template's own steps in a sweep: build the baseline, then run it on the fresh seeds."""

    def __init__(
        self,
        template: Template,
        settings: Settings,
        folder: Path,
        journal: Journal,
        machine: Machine,
    ) -> None:
        """Prepare; nothing is written yet.

        Args:
            template: the template.
            settings: what the sweep was asked to do.
            folder: `results/<template>`.
            journal: where the steps are recorded.
            machine: threads, cancellation and progress.
        """
        self.template = template
        self.folder = folder
        self.data = settings.data or template.scorer.datasets[0]
        self._seeds = settings.seeds or list(template.scorer.seeds)
        self._settings = settings
        self._journal = journal
        self._machine = machine
        self._scores: Scores | None = None
        self._analyses: list[Scores | None] = []
        self._looking = threading.Lock()

    def build(self) -> Baseline | None:
        """The baseline that the template's ideas start from; None if the template does not work."""
        entry = self._journal.step("baseline", self._build)
        if not entry.ok:
            return None
        self._scores = Scores.model_validate(entry.data["scores"])
        return Baseline(
            self.folder / "run_0",
            self._scores,
            entry.data["run_seconds"],
            entry.data["where"],
            True,
        )

    def fresh(self, analysis: int) -> Scores | None:
        """The baseline's scores on the fresh seeds of an interim analysis; None if it failed there.

        It is run once, for whoever asks first; the others wait for that.

        Raises:
            execution.Cancelled: the sweep was told to stop.
        """
        while not self._looking.acquire(timeout=0.2):
            if self._machine.cancel.is_set():
                raise execution.Cancelled
        try:
            while len(self._analyses) <= analysis and None not in self._analyses:
                number = len(self._analyses)
                entry = self._journal.step("confirm", partial(self._confirm, number))
                scores = Scores.model_validate(entry.data["scores"]) if entry.ok else None
                self._analyses.append(scores)
            return self._analyses[analysis] if analysis < len(self._analyses) else None
        finally:
            self._looking.release()

    def _build(self) -> Result:
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / "logs" / "baseline"
        try:
            baseline = build_baseline(
                self.template, self.data, self._seeds, log=log, machine=self._machine
            )
        except RunFailed as error:
            return _failed(error)
        untrusted.remove(self.folder / "run_0")
        shutil.copytree(baseline.folder, self.folder / "run_0")
        how = "reused from the cache" if baseline.cached else f"{baseline.seconds:.0f} s"
        message = f"{self._describe(baseline.scores)} over {len(self._seeds)} seeds ({how})"
        measured = Measured(baseline.scores, baseline.seconds, baseline.where)
        data = measured.record()
        if self.template.reported is not None:
            data |= {"reported": self.template.reported.model_dump()}
            message += f"; {self.template.reported.told_seeding}"
        return Result(True, message, data)

    def _confirm(self, analysis: int) -> Result:
        seeds = self._settings.fresh_seeds(analysis)
        before = self._scores if analysis == 0 else None
        known = before.seeds[:1] if before else []
        folder = self.folder / "confirm" / f"look_{analysis + 1}"
        try:
            done = run_fresh_seeds(
                self.template,
                self.template.experiment.read_bytes(),
                folder,
                data=self.data,
                seeds=[*seeds, *known],
                log=self.folder / "logs" / f"confirm-look_{analysis + 1}",
                machine=self._machine,
                trusted=True,
            )
        except RunFailed as error:
            return _failed(error)
        found = checks.of_run(self.template, self.data, done, None)
        if before:
            found.append(checks.repeats(self.template, before, done.scores.of(known), done.device))
        scores = done.scores.of(seeds)
        message = f"{self._describe(scores)} on {len(seeds)} fresh seeds"
        data = done.record() | {
            "scores": scores.model_dump(),
            "look": analysis + 1,
            "checks": [check.model_dump() for check in found],
            "curve": checks.curve(self.template, folder / "run"),
        }
        return Result(True, message, data)

    def _describe(self, scores: Scores) -> str:
        primary = self.template.scorer.primary
        stderr = scores.stderrs[primary]
        spread = "" if stderr is None else f" ± {stderr:.2g}"
        own = f" ({SELF_REPORTED})" if self.template.is_self_reported else ""
        return f"{primary} {scores.means[primary]:.4g}{spread}{own}"


def _failed(error: RunFailed) -> Result:
    data = {"feedback": str(error), "kind": f"baseline: {error.kind}"}
    return Result(False, str(error).splitlines()[0], data)
