"""What a sweep measured, logged into MLflow or TensorBoard as well.

It is read from the results folder when the sweep is over, so tracking cannot disturb a sweep: if it
fails, that is a sentence, and the next `bonsai resume` logs what is missing. What is there is not
logged twice.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import json
import logging
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bonsai.base import BonsaiError, Entry, plain_text, untrusted
from bonsai.evaluation import Scores, claims
from bonsai.execution import sha256
from bonsai.report.summary import IdeaSummary, SweepSummary, TemplateSummary
from bonsai.templates import contract

Kind = Literal["mlflow", "tensorboard"]
Point = tuple[int, float]  # a step and a value

PACKAGES = {"mlflow": ("mlflow", "sqlalchemy", "alembic"), "tensorboard": ("tensorboard",)}
SEED_PREFIX, FRESH_PREFIX = "seed/", "fresh/"
MOST_TEXT = 1_000_000  # bytes of a file that is logged
MLFLOW_BATCH = 1000  # metrics in one request, MLflow's own limit
MLFLOW_DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # a sweep tells nobody of itself
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",  # a server that is gone is not waited for for an hour
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
}


@dataclass(frozen=True)
class Record:
    """One run, as a tracker is told of it.

    Attributes:
        name: `<template>/<idea>/run_N`, or `<template>/run_0`.
        started: seconds since 1970.
        ended: seconds since 1970.
        params: what the run was.
        points: per metric what does not change any more: means and standard errors at step 0,
            `seed/<metric>` with the seed for a step, and the curves, mean over seeds.
        fresh: the same for what interim analyses add, under `fresh/`; their step is how many fresh
            seeds there are.
        tags: the verdicts; they may change with each interim analysis, and with each further claim.
        texts: contents of files, by name.
    """

    name: str
    started: float
    ended: float
    params: dict[str, str]
    points: dict[str, list[Point]]
    fresh: dict[str, list[Point]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Hash of all of it: by this a tracker's copy is known to be up to date."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


def demand(kinds: Sequence[Kind]) -> None:
    """See to it, before a sweep begins, that what its tracking needs is installed.

    Raises:
        BonsaiError: it is not.
    """
    for kind in kinds:
        for package in PACKAGES[kind]:
            if importlib.util.find_spec(package) is None:
                raise BonsaiError(
                    f"--track {kind} needs the package {package}: "
                    f"pip install 'bonsai-experiments[{kind}]'"
                )


def track(sweep: SweepSummary, kind: Kind) -> str:
    """Log all finished runs of a sweep that are not logged yet; returns a sentence for people."""
    try:
        records = list(_records(sweep))
        log = _log_to_mlflow if kind == "mlflow" else _log_to_tensorboard
        return log(sweep, records)
    except Exception as error:  # whatever a tracker or its server comes up with
        why = " ".join(str(error).split())[:300]
        return (
            f"warning: --track {kind}: {type(error).__name__}: {why}; the results are complete, "
            "and `bonsai resume` tries to log them again"
        )


# --- what is logged -------------------------------------------------------------------------------


def _records(sweep: SweepSummary) -> Iterator[Record]:
    for template in sweep.templates:
        folder = sweep.results / template.template.name
        code = template.template.experiment
        for entry in template.entries:
            if entry.step == "baseline" and entry.ok:
                yield _record(sweep, template, None, entry, folder / claims.BASELINE_RUN, code)
        for idea in template.ideas:
            workspace = folder / idea.idea.Name / "workspace"
            for entry in idea.entries:
                if entry.step == "run" and entry.ok:
                    run = workspace / str(entry.data["run"])
                    yield _record(sweep, template, idea, entry, run, run / "experiment.py")


def _record(
    sweep: SweepSummary,
    template: TemplateSummary,
    idea: IdeaSummary | None,
    entry: Entry,
    folder: Path,
    code: Path,
) -> Record:
    name, scores = template.template.name, Scores.model_validate(entry.data["scores"])
    run = folder.name
    fresh = template.confirmed if idea is None else idea.fresh.get(run)
    texts = {"experiment.py": _text(code)}
    if idea is not None:
        before = _text(template.template.experiment).splitlines(keepends=True)
        now = texts["experiment.py"].splitlines(keepends=True)
        texts["changes.diff"] = "".join(difflib.unified_diff(before, now, "run_0", run))
    return Record(
        name=f"{name}/{idea.idea.Name}/{run}" if idea else f"{name}/{run}",
        started=entry.time - float(entry.data.get("run_seconds", entry.seconds)),
        ended=entry.time,
        params={
            "template": name,
            sweep.wording.one: idea.idea.called if idea else "",
            "run": run,
            "seeds": ",".join(map(str, scores.seeds)),
            "dataset": scores.dataset,
            "model": sweep.settings.model or "cassettes" if sweep.wording.edited else "none",
            "code_sha256": entry.data.get("experiment") or (sha256(code) if code.is_file() else ""),
        },
        points=_points(scores) | _curves(folder / "history.json"),
        fresh=_points(fresh, FRESH_PREFIX, step=len(fresh.seeds)) if fresh else {},
        tags=_tags(idea) if idea is not None and run == idea.best_run else {},
        texts=texts,
    )


def _points(scores: Scores, prefix: str = "", step: int = 0) -> dict[str, list[Point]]:
    points: dict[str, list[Point]] = {}
    for metric, mean in scores.means.items():
        points[prefix + metric] = [(step, mean)]
        stderr = scores.stderrs.get(metric)
        if stderr is not None:
            points[f"{prefix}{metric}_stderr"] = [(step, stderr)]
        each = zip(scores.seeds, scores.per_seed[metric], strict=True)
        points[f"{prefix}{SEED_PREFIX}{metric}"] = list(each)
    return points


def _curves(path: Path) -> dict[str, list[Point]]:
    """A run's curves, mean over seeds; none if there is no `history.json` of the right shape.

    Trackers count steps in whole numbers; where a curve's are not, its points are counted.
    """
    try:
        history = contract.read(contract.History, path)
    except BonsaiError:
        return {}
    values: dict[str, dict[float, list[float]]] = {}
    for curves in history.seeds.values():
        for name, series in curves.items():
            for step, value in zip(series.steps, series.values, strict=False):
                values.setdefault(name, {}).setdefault(step, []).append(value)
    points = {}
    for name, by_step in values.items():
        whole = all(step == int(step) for step in by_step)
        points[f"curve/{name}"] = [
            (int(step) if whole else number, float(np.mean(found)))
            for number, (step, found) in enumerate(sorted(by_step.items()))
        ]
    return points


def _tags(idea: IdeaSummary) -> dict[str, str]:
    tags: dict[str, str] = {"verdict": idea.word}
    for number, verdict in enumerate(idea.verdicts):
        told = f"{claims.describe(verdict.claim)}: {verdict.word}. {verdict.why}"
        if verdict.comparison is not None:
            told += f" Mean difference {verdict.comparison.mean:.4g}"
            if verdict.p is not None:
                told += f", corrected p {verdict.p:.2g}"
            told += f", {len(verdict.comparison.differences)} fresh seeds."
        tags[f"claim_{number + 1}"] = told
    return tags


def _text(path: Path) -> str:
    """A file's text; empty if it is none, or too long. Links are not followed: a run left them."""
    try:
        return plain_text(untrusted.read_bytes(path, MOST_TEXT), path.name)
    except BonsaiError:
        return ""


# --- MLflow ---------------------------------------------------------------------------------------


def _log_to_mlflow(sweep: SweepSummary, records: Sequence[Record]) -> str:
    """Log to the server in MLFLOW_TRACKING_URI, else to a database in the results folder."""
    for name, value in MLFLOW_DEFAULTS.items():
        os.environ.setdefault(name, value)
    from mlflow.tracking import MlflowClient

    for chatty in ("mlflow", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    uri, artifacts = os.environ.get("MLFLOW_TRACKING_URI"), None
    if not uri:
        folder = sweep.results / "mlflow"
        folder.mkdir(exist_ok=True)
        uri, artifacts = f"sqlite:///{folder / 'mlflow.db'}", (folder / "artifacts").as_uri()
    client = MlflowClient(tracking_uri=uri)
    name = f"bonsai/{sweep.results.name}"
    experiment = client.get_experiment_by_name(name)
    number = experiment.experiment_id if experiment else client.create_experiment(name, artifacts)
    # Other sweeps, whose folders have the same name, may be logged there as well.
    this_sweep = str(sweep.settings.first_fresh_seed)
    logged: dict[str, Any] = {}
    token = None
    while True:
        page = client.search_runs(
            [number], f"tags.`bonsai.sweep` = '{this_sweep}'", page_token=token
        )
        logged |= {run.data.tags["mlflow.runName"]: run for run in page}
        if not (token := page.token):
            break
    new = 0
    for record in records:
        run = logged.get(record.name)
        if run is not None and run.info.status != "FINISHED":
            client.delete_run(run.info.run_id)  # whoever logged it was killed meanwhile
            run = None
        if run is None:
            new += 1
            _new_mlflow_run(client, number, record, this_sweep)
        elif run.data.tags.get("bonsai.content") != record.fingerprint:
            _mlflow_batch(client, run.info.run_id, record, record.fresh)
    return f"{new} runs logged to MLflow at {uri}, as experiment {name}"


def _new_mlflow_run(client: Any, experiment: str, record: Record, sweep: str) -> None:
    started, ended = int(1000 * record.started), int(1000 * record.ended)
    tags = {"bonsai.sweep": sweep}
    run = client.create_run(experiment, start_time=started, tags=tags, run_name=record.name)
    for name, text in record.texts.items():
        client.log_text(run.info.run_id, text, name)
    _mlflow_batch(client, run.info.run_id, record, record.points | record.fresh, record.params)
    client.set_terminated(run.info.run_id, end_time=ended)


def _mlflow_batch(
    client: Any,
    run: str,
    record: Record,
    points: dict[str, list[Point]],
    params: dict[str, str] | None = None,
) -> None:
    from mlflow.entities import Metric, Param, RunTag

    ended = int(1000 * record.ended)
    metrics = [
        Metric(re.sub(r"[^\w\-. /]", "_", name), value, ended, step)
        for name, line in points.items()
        for step, value in line
    ]
    for begin in range(0, len(metrics), MLFLOW_BATCH):
        client.log_batch(run, metrics=metrics[begin : begin + MLFLOW_BATCH])
    tags = [RunTag(name, value) for name, value in record.tags.items()]
    tags.append(RunTag("bonsai.content", record.fingerprint))  # the last: then all is there
    listed = [Param(name, value) for name, value in (params or {}).items()]
    client.log_batch(run, params=listed, tags=tags)


# --- TensorBoard ----------------------------------------------------------------------------------


def _log_to_tensorboard(sweep: SweepSummary, records: Sequence[Record]) -> str:
    """Write event files into the results folder; where a verdict has changed, anew."""
    make_writer: Any = importlib.import_module("torch.utils.tensorboard").SummaryWriter
    home = sweep.results / "tensorboard"
    new = 0
    for record in records:
        folder = home / record.name
        mark = folder / "content.sha256"
        if mark.is_file() and mark.read_text() == record.fingerprint:
            continue
        new += 1
        shutil.rmtree(folder, ignore_errors=True)
        with make_writer(str(folder)) as writer:
            for name, line in (record.points | record.fresh).items():
                for step, value in line:
                    writer.add_scalar(name, value, step, walltime=record.ended)
            for name, text in {**record.params, **record.tags}.items():
                writer.add_text(name, text, walltime=record.ended)
            if "changes.diff" in record.texts:
                shown = "".join(
                    f"    {line}" for line in record.texts["changes.diff"].splitlines(keepends=True)
                )
                writer.add_text("changes", shown, walltime=record.ended)
        mark.write_text(record.fingerprint)  # the last: then all is there
    return f"{new} runs logged for TensorBoard: tensorboard --logdir {home}"
