"""One run of an experiment, from the command line to scores that the runner computed itself."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bonsai import execute
from bonsai.errors import BonsaiError
from bonsai.scores import Scores, score_run
from bonsai.template import Template

ERROR_CHARACTERS = 1500  # as much of stderr as The AI Scientist shows a model


@dataclass(frozen=True)
class Machine:
    """What runs share: threads, a way to stop them, and who hears of their progress."""

    threads: int
    cancel: threading.Event
    on_line: Callable[[str], None] | None = None


class RunFailed(BonsaiError):
    """A run that gave no believable result; the text is what its author needs to mend it."""


def run_experiment(
    template: Template,
    folder: Path,
    out: Path,
    *,
    data: str,
    seeds: Sequence[int],
    seconds: float,
    log: Path,
    machine: Machine,
    smoke: bool = False,
) -> tuple[Scores, float]:
    """Run `folder/experiment.py` and score what it leaves in `out`.

    Args:
        template: the untouched template, whose `score.py` is believed.
        folder: where the (edited) experiment lies; its working directory.
        out: its `--out_dir`; emptied first.
        data: its `--data`.
        seeds: its `--seeds`.
        seconds: the limit of wall-clock time.
        log: stdout and stderr go to `<log>.out` and `<log>.err`.
        machine: threads, cancellation and progress.
        smoke: whether to run with `--smoke`.

    Returns:
        The scores, and the seconds that the whole run took.

    Raises:
        RunFailed: it crashed, took too long, or left no result that can be scored.
    """
    shutil.rmtree(out, ignore_errors=True)
    arguments = ["experiment.py", "--out_dir", os.path.relpath(out, folder), "--data", data,
                 "--seeds", ",".join(map(str, seeds)), *(["--smoke"] if smoke else [])]  # fmt: skip
    done = execute.python(
        arguments, folder=folder, log=log, seconds=seconds, threads=machine.threads,
        on_line=machine.on_line, cancel=machine.cancel,
    )  # fmt: skip
    what = "--smoke" if smoke else "the run"
    if done.timed_out:
        raise RunFailed(
            f"{what} was killed after {seconds:.0f} s, its time limit; its last line was: "
            f"{last_line(done.output)}"
        )
    if not done.ok:
        raise RunFailed(
            f"{what} ended with exit code {done.code}: "
            f"{last_line(done.error)}\n{done.error[-ERROR_CHARACTERS:]}"
        )
    try:
        scores = score_run(template, out, data, seeds, smoke=smoke)
    except BonsaiError as error:
        raise RunFailed(
            f"{what} ended with exit code 0, but its results cannot be scored: {error}"
        ) from error
    if scores.disagreements:
        raise RunFailed(
            "final_info.json is not what its own outcomes give, so it is not believed: "
            + "; ".join(scores.disagreements[:3])
            + ". Leave the writing of results to kit.main"
        )
    return scores, done.seconds


def last_line(text: str) -> str:
    """The last line that holds something."""
    lines = text.strip().splitlines()
    return lines[-1].strip()[:300] if lines else "(nothing)"


def run_fresh_seeds(
    template: Template,
    experiment: str,
    folder: Path,
    *,
    data: str,
    seeds: Sequence[int],
    log: Path,
    machine: Machine,
) -> tuple[Scores, float]:
    """Run the code `experiment` once more, apart from any workspace, on seeds nobody has seen.

    Args:
        template: the untouched template, whose `score.py` is used.
        experiment: the text of `experiment.py`.
        folder: made anew; the code goes there, and its results into `run` within.
        data: the data set.
        seeds: the fresh seeds.
        log: as in `run_experiment`.
        machine: as in `run_experiment`.

    Returns:
        The scores, and the seconds that it took.

    Raises:
        RunFailed: as in `run_experiment`.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for source in template.folder.glob("*.py"):
        shutil.copy(source, folder / source.name)
    (folder / "experiment.py").write_text(experiment, encoding="utf-8")
    return run_experiment(
        template,
        folder,
        folder / "run",
        data=data,
        seeds=seeds,
        seconds=template.time_limit(len(seeds)),
        log=log,
        machine=machine,
    )
