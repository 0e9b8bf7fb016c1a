"""One run of an experiment, from the command line to scores that the runner computed itself."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from bonsai.base import BonsaiError, LinkedEvent, untrusted
from bonsai.evaluation import programs, untouched
from bonsai.evaluation.scores import Scores
from bonsai.evaluation.scoring import SCORING
from bonsai.execution import Cancelled, Execution, Program, cores, sandbox, temporary_folder
from bonsai.execution.executors import Executor, LocalExecutor
from bonsai.kit.errors import KitError
from bonsai.kit.experiment import PREPARED
from bonsai.kit.outcome import LIVE
from bonsai.templates import Reported, Template, contract, copy_template, make_writable

GivesUp = Callable[[Mapping[str, Sequence[tuple[float, float]]]], bool]
LIVE_FILE = "live_curves.jsonl"
LOOK_SECONDS = 0.5  # between two looks at a run's curves
STOPPED_EARLY = "stopped early"
TOO_SLOW = "too slow"  # a candidate of a search, against its template
ERROR_CHARACTERS = 1500  # as much of stderr as The AI Scientist shows a model


@dataclass(frozen=True)
class Machine:
    """What programs run on.

    Attributes:
        threads: CPU threads of each.
        cancel: when set, whatever runs is killed.
        on_line: called with each last line that a program prints.
        walls: whether programs run in a sandbox.
        limits: limits that replace those of a template's `prompt.json`.
        executor: runs a program, here or elsewhere.
    """

    threads: int
    cancel: threading.Event
    on_line: Callable[[str], None] | None = None
    walls: bool = False
    limits: Mapping[str, float] = field(default_factory=dict)
    executor: Executor = field(default_factory=LocalExecutor)

    @property
    def kind(self) -> tuple[int, str]:
        """What the results of a program may depend on."""
        return self.threads, self.executor.name

    def run(self, program: Program, log: Path) -> Execution:
        """Run a program with this machine's threads and walls; see `execute.run`."""
        program = replace(program, threads=self.threads, walls=self.walls)
        return self.executor.run(program, log, on_line=self.on_line, cancel=self.cancel)


@dataclass(frozen=True)
class Measured:
    """A finished run: its scores, what it took, and what it was kept within.

    Attributes:
        scores: as the runner computed them.
        seconds: how long it ran.
        where: what kept it from doing harm, and the machine, if it was another.
        memory_gb: the most memory that it was seen to take; 0 if that is not known.
        cpu_seconds: the computing time that it took; 0 if that is not known.
        checksums: SHA-256 of the data that it read, by its own account.
        device: what it computed on, by its own account.
    """

    scores: Scores
    seconds: float
    where: str
    memory_gb: float = 0.0
    cpu_seconds: float = 0.0
    checksums: Mapping[str, str] = field(default_factory=dict)
    device: str = "cpu"

    def record(self) -> dict[str, object]:
        """As it stands in the ledger."""
        return {
            "scores": self.scores.model_dump(),
            "run_seconds": round(self.seconds, 3),
            "where": self.where,
            "memory_gb": round(self.memory_gb, 3),
            "cpu_seconds": round(self.cpu_seconds, 2),
        }


def this_machine(
    threads: int | None = None, on_line: Callable[[str], None] | None = None
) -> Machine:
    """This machine, with walls where it has them, for what is not part of a sweep.

    Args:
        threads: CPU threads; by default all cores.
        on_line: called with each last line that a program prints.
    """
    walls = sandbox.problem() is None
    return Machine(threads or cores(), threading.Event(), on_line, walls)


class RunFailed(BonsaiError):
    """A run that gave no believable result; the text is what its author needs to mend it."""

    def __init__(self, kind: str, text: str, cpu_seconds: float = 0.0) -> None:
        """Say what went wrong, of what kind that is, for counting, and what was computed for it."""
        super().__init__(text)
        self.kind = kind
        self.cpu_seconds = cpu_seconds


def judged_on(template: Template, data: str, *, published: bool = False) -> str:
    """The name under which results on a data set stand; see `bonsai.kit.keys`.

    Args:
        template: the template.
        data: the `--data` of its experiment.
        published: as in `run_experiment`.

    Raises:
        RunFailed: the key with which its test part is drawn cannot be kept.
    """
    try:
        return data if published else template.scorer.judged(data)
    except KitError as error:
        raise RunFailed("data not at hand", str(error)) from error


def run_experiment(
    template: Template,
    folder: Path,
    out: Path,
    *,
    data: str,
    seeds: Sequence[int],
    log: Path,
    machine: Machine,
    smoke: bool = False,
    trusted: bool = False,
    published: bool = False,
    reuse: bool = False,
    gives_up: GivesUp | None = None,
) -> Measured:
    """Run `folder/experiment.py` and score what it leaves in `out`.

    Args:
        template: the untouched template, whose `score.py` is believed.
        folder: where the (edited) experiment lies; its working directory.
        out: its `--out_dir`; emptied first.
        data: its `--data`.
        seeds: its `--seeds`.
        log: stdout and stderr go to `<log>.out` and `<log>.err`.
        machine: what it runs on.
        smoke: whether to run with `--smoke`.
        trusted: whether it is the template's own code, which may keep things in the data cache.
        published: whether it is tested as an experiment that is started by hand, and not with the
            key of this machine, if that makes a difference; see `bonsai.kit.keys`.
        reuse: whether executions of an untouched template without `score.py` are taken from
            earlier ones, and kept for later.
        gives_up: is shown the curves of a run of one seed as they grow, by name, and says whether
            it is to be ended; for templates with a `score.py`.

    Raises:
        RunFailed: it crashed, took too long, or left no result that can be scored.
    """
    if isinstance(template.scorer, Reported):
        return _run_program(
            template, template.scorer, folder, out, seeds, log, machine, smoke, trusted, reuse
        )
    untrusted.remove(out)
    out.mkdir(parents=True)
    limits = template.limits(len(seeds), machine.limits)
    judged = judged_on(template, data, published=published)
    if _lay_prepared(template, judged, smoke, seeds, out):
        given_mb = (out / PREPARED).stat().st_size / 1e6  # lies where the run writes
        limits = limits.model_copy(update={"disk_mb": limits.disk_mb + given_mb})
    inside = out.relative_to(folder).as_posix()
    # No run sees the results of another, whose predictions it could hand in as its own.
    others = [path.name for path in folder.glob("run_*") if path.is_dir() and path != out]
    live = f"{inside}/{LIVE_FILE}"
    run = machine.run
    if gives_up is not None:
        run = partial(_run_watched, machine, folder / live, gives_up)
    done = run(
        Program(
            ("experiment.py", "--out_dir", inside, "--data", data,
             "--seeds", ",".join(map(str, seeds)), *(["--smoke"] if smoke else [])),
            folder, limits.smoke_seconds if smoke else limits.run_seconds, limits,
            writes=(inside,), hides=(*others, *([".git"] if (folder / ".git").is_dir() else [])),
            data=data, keeps_data=trusted, own_data=not template.scorer.withholds_labels,
            variables={LIVE: live} if gives_up is not None else {},
        ),
        log,
    )  # fmt: skip
    untrusted.remove(out / PREPARED)
    untrusted.remove(out / LIVE_FILE)
    what = "--smoke" if smoke else "the run"
    if not done.ok:
        text = f"{what} {done.problem}\n{done.error[-ERROR_CHARACTERS:]}".strip()
        kind = "limit crossed" if done.stopped else "program failed"
        raise RunFailed(kind, text, done.cpu_seconds)
    try:
        scores = SCORING.score(
            template, out, judged, seeds, smoke=smoke, limits=limits, cancel=machine.cancel
        )
    except BonsaiError as error:  # whatever a scorer makes of odd arrays is to be mended
        raise RunFailed(
            "results unusable",
            f"{what} ended with exit code 0, but its results cannot be scored: {error}",
        ) from error
    if scores.disagreements:
        raise RunFailed(
            "results not believed",
            "final_info.json is not what its own outcomes give, so it is not believed: "
            + "; ".join(scores.disagreements[:3])
            + ". Leave the writing of results to kit.main",
        )
    environment = _environment(out)
    checksums, device = environment.get("checksums"), environment.get("device", "cpu")
    return Measured(
        scores, done.seconds, done.where, done.memory_gb, done.cpu_seconds,
        checksums if isinstance(checksums, dict) else {}, str(device),
    )  # fmt: skip


def lay_smoke_data(template: Template, data: str, folder: Path) -> None:
    """Lay beside an experiment what its `--smoke` is given by the runner, for its default seeds.

    So that somebody who may not see the test part of the data can try it.

    Raises:
        RunFailed: the data cannot be prepared.
    """
    if not isinstance(template.scorer, Reported):
        seeds = template.scorer.seeds
        _lay_prepared(template, judged_on(template, data), True, seeds, folder)


def _lay_prepared(
    template: Template, judged: str, smoke: bool, seeds: Sequence[int], folder: Path
) -> bool:
    """Write the data that the template's `score.py` prepares into a folder, if it does."""
    try:
        given = template.scorer.prepare(judged, smoke, seeds) if template.scorer.prepare else None
    except KitError as error:
        raise RunFailed("data not at hand", f"the data cannot be prepared: {error}") from error
    if given is None:
        return False
    np.savez(folder / PREPARED, **given)
    return True


def _run_program(
    template: Template, how: Reported, code: Path, out: Path, seeds: Sequence[int], log: Path,
    machine: Machine, smoke: bool, trusted: bool, reuse: bool,
) -> Measured:  # fmt: skip
    """Run a program that has no `score.py`, once for each seed; see `run_experiment`.

    Where its results depend on no seed, that of the first is believed for all once a second one has
    given the same. Without a `--smoke` it passes if it still works when the time for that is over.
    """
    limits = template.limits(1, machine.limits)
    what = "the first try" if smoke else "the run"
    parts = temporary_folder("seeds")
    try:
        done: list[Execution] = []
        for seed in seeds[:1] if smoke else seeds:
            part = parts / str(seed)
            if len(done) > 1 and how.seeding == "none" and _as_the_first(parts, seeds, len(done)):
                shutil.copytree(parts / str(seeds[0]), part)
                continue
            each = untouched.execute(
                template, how, part, seed, limits=limits, start=machine.run, log=log,
                on=machine.kind, code=code,
            ) if reuse else programs.execute(
                template, how, code, part, seed,
                seconds=limits.smoke_seconds if smoke else limits.run_seconds, limits=limits,
                start=machine.run, log=log, trusted=trusted,
            )  # fmt: skip
            done.append(each)
            if smoke and each.out_of_time:
                return Measured(_nothing(how), each.seconds, each.where)
            if not each.ok:
                text = f"{what} {each.problem}\n{each.error[-ERROR_CHARACTERS:]}".strip()
                raise RunFailed("limit crossed" if each.stopped else "program failed", text)
            try:
                if strays := untrusted.strays(part):
                    raise BonsaiError(f"{strays[0]}; results must be files")
                programs.reading(part)
            except BonsaiError as error:
                found = str(error).replace(f"{part}/", "")
                raise RunFailed(
                    "results unusable",
                    f"{what} ended with exit code 0, but its results cannot be used: {found}",
                ) from error
        programs.keep(out, parts, seeds[:1] if smoke else seeds)
        seconds = sum(each.seconds for each in done)
        programs.write_record(out, seconds)
        try:
            scores = programs.score(how, out, seeds[:1] if smoke else seeds)
        except BonsaiError as error:
            found = str(error).replace(f"{out}/", "")
            raise RunFailed("results unusable", f"{what}: {found}") from error
        return Measured(
            scores, seconds, done[0].where, max(each.memory_gb for each in done),
            sum(each.cpu_seconds for each in done),
        )  # fmt: skip
    finally:
        untrusted.remove(parts)


def _as_the_first(parts: Path, seeds: Sequence[int], count: int) -> bool:
    """Whether the executions of the first seeds gave the same numbers."""
    found = [programs.reading(parts / str(seed)).metrics for seed in seeds[:count]]
    return all(programs.same(found[0], each) for each in found[1:])


def _run_watched(
    machine: Machine, live: Path, gives_up: GivesUp, program: Program, log: Path
) -> Execution:
    """Run a program for as long as its curves do not speak against it.

    Raises:
        RunFailed: it was given up.
    """
    stop, over = LinkedEvent(machine.cancel), threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_SECONDS):
            if gives_up(_read_curves(live)):
                stop.set()
                return

    watcher, started = threading.Thread(target=watch, daemon=True), time.monotonic()
    watcher.start()
    try:
        return replace(machine, cancel=stop).run(program, log)
    except Cancelled:
        if machine.cancel.is_set():
            raise
        text = "stopped early: by its curve it would not be better"
        # What a killed program had computed nobody says; its time is about that.
        raise RunFailed(STOPPED_EARLY, text, time.monotonic() - started) from None
    finally:
        over.set()
        watcher.join()


def _read_curves(live: Path) -> dict[str, list[tuple[float, float]]]:
    """The points that a run has written so far; what is no point is left out."""
    curves: dict[str, list[tuple[float, float]]] = {}
    try:
        text = untrusted.read_text(live, contract.MAX_JSON_BYTES)
    except BonsaiError:
        return curves
    for line in text.splitlines():
        try:
            name, step, value = json.loads(line)
            curves.setdefault(str(name), []).append((float(step), float(value)))
        except (ValueError, TypeError):
            continue
    return curves


def _nothing(how: Reported) -> Scores:
    return Scores(dataset=how.dataset, means={}, stderrs={}, per_seed={}, seeds=[])


def _environment(run: Path) -> dict[str, object]:
    """What a run says of itself; an experiment may write anything there, or nothing."""
    try:
        found = contract.read_json(run / "environment.json")
    except BonsaiError:
        return {}
    return found if isinstance(found, dict) else {}


def run_fresh_seeds(
    template: Template,
    experiment: bytes,
    folder: Path,
    *,
    data: str,
    seeds: Sequence[int],
    log: Path,
    machine: Machine,
    smoke: bool = False,
    trusted: bool = False,
    gives_up: GivesUp | None = None,
) -> Measured:
    """Run the code `experiment` once more, apart from any workspace, on seeds nobody has seen.

    Args:
        template: the untouched template, whose `score.py` is used.
        experiment: `experiment.py`, byte for byte.
        folder: made anew; the code goes there, and its results into `run` within.
        data: the data set.
        seeds: the fresh seeds.
        log: as in `run_experiment`.
        machine: as in `run_experiment`.
        smoke: as in `run_experiment`.
        trusted: as in `run_experiment`.
        gives_up: as in `run_experiment`.

    Raises:
        RunFailed: as in `run_experiment`.
    """
    untrusted.remove(folder)
    if template.is_self_reported:  # its program may need whatever lies beside it
        copy_template(template.folder, folder)
    folder.mkdir(parents=True, exist_ok=True)
    for source in template.folder.glob("*.py"):
        shutil.copy(source, folder / source.name)
    make_writable(folder)
    (folder / "experiment.py").write_bytes(experiment)
    return run_experiment(
        template,
        folder,
        folder / "run",
        data=data,
        seeds=seeds,
        log=log,
        machine=machine,
        smoke=smoke,
        trusted=trusted,
        gives_up=gives_up,
    )
