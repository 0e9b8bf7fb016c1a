"""Measures a program that an engine proposes; OpenEvolve and ShinkaEvolve both call this file.

Nothing is measured here: Bonsai does that, in a process group of its own, within walls and limits.
This file starts it, waits, ends it, and says what came of it in the shape that the engine expects.
It needs nothing but Python; the engine's own environment need not have Bonsai. Two variables change
what it does: BONSAI_PYTHON, an interpreter that has Bonsai, and BONSAI_TASK, the folder in which
task.json lies.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

TASK = ""  # the folder that was exported, in case that this file was copied out of it
MOST_SECONDS = 7200.0  # for one call; what is measured has limits of its own, which end it before
FAILED = -1e9  # the score of what could not be measured
END_SECONDS = 20.0  # for ending in order
MOST_CHARACTERS = 100_000  # of one argument of a command
SECRET = ("_KEY", "_TOKEN", "_SECRET")  # how the names of variables end that are not handed on

_first: dict[
    str, dict[str, Any]
] = {}  # what the first seed gave, by program, while OpenEvolve goes from stage to stage


def measure(program_path: str, stage: str, known: dict[str, Any] | None = None) -> dict[str, Any]:
    """What Bonsai says of a program.

    Raises:
        SystemExit: no program can be measured, until somebody has mended something. That ends
            OpenEvolve, which can go on from its last checkpoint; it would take any other exception
            for a bad program, and rank that above working ones.
    """
    folder = _task_folder()
    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    python = os.environ.get("BONSAI_PYTHON") or task["python"]
    with tempfile.TemporaryDirectory(prefix="evaluate-") as temporary:
        command = [
            *(python, "-m", "bonsai.engines.evaluator", "--task", str(folder)),
            *("--program", str(Path(program_path).resolve())),
            *("--stage", stage, "--parent", str(os.getpid())),
        ]
        scores = json.dumps(known) if known else ""
        if scores and len(scores) < MOST_CHARACTERS:
            command += ["--known", scores]
        out, err = Path(temporary, "out"), Path(temporary, "err")
        with out.open("wb") as output, err.open("wb") as errors:
            try:
                process = subprocess.Popen(
                    command, cwd=temporary, env=_environment(), start_new_session=True,
                    stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
                )  # fmt: skip
            except OSError as error:
                raise SystemExit(f"evaluate.py: {python} cannot be started: {error}") from error
            try:
                code = process.wait(MOST_SECONDS)
            except subprocess.TimeoutExpired:
                text = f"It was not measured within {MOST_SECONDS:.0f} s, and was ended."
                return {"ok": False, "kind": "hangs", "feedback": text, "over": True}
            finally:
                _end(process)
        said = err.read_text(encoding="utf-8", errors="replace").strip()
        if code == 0:
            lines = out.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            found: dict[str, Any] = json.loads(lines[-1])
            return found
        last = said.splitlines()[-1] if said else f"it ended with code {code} and gave no reason"
        print(said, file=sys.stderr)
        raise SystemExit(f"evaluate.py: no program can be measured: {last}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the whole group: first so that it can tidy up, then for certain."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + END_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            try:
                os.killpg(process.pid, number)
            except OSError:
                break
            if number == signal.SIGKILL:
                process.wait()
            time.sleep(0.1)
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)


def _environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if not name.upper().endswith(SECRET) and name not in ("PYTHONHOME", "PYTHONPATH")
    }


def _task_folder() -> Path:
    """Where task.json lies: an engine may have copied this file into its own folder."""
    here = Path(__file__).resolve().parent
    named = os.environ.get("BONSAI_TASK")
    for folder in [Path(named)] if named else [here, *list(here.parents)[:4], Path(TASK or here)]:
        with contextlib.suppress(OSError, ValueError, TypeError):
            if "fingerprint" in json.loads((folder / "task.json").read_text(encoding="utf-8")):
                return folder.resolve()
    raise SystemExit(
        f"evaluate.py: there is no task.json in {named or here}; set BONSAI_TASK to the folder "
        "that was exported, or export it anew"
    )


def _metrics(found: dict[str, Any]) -> dict[str, float]:
    """Figures by name; the score by which an engine ranks is among them."""
    metrics = {
        name: float(value)
        for name, value in found.get("metrics", {}).items()
        if math.isfinite(value)
    }
    return {**metrics, "combined_score": float(found.get("combined_score", FAILED))}


# ------------------------------------------------------------------------------------- OpenEvolve


def evaluate(program_path: str) -> Any:
    """The whole evaluation at once."""
    return _told(measure(program_path, "all"))


def evaluate_stage1(program_path: str) -> Any:
    """The smoke test: seconds."""
    return _told(measure(program_path, "smoke"))


def evaluate_stage2(program_path: str) -> Any:
    """The first seed."""
    found = measure(program_path, "first")
    _first[program_path] = found
    return _told(found)


def evaluate_stage3(program_path: str) -> Any:
    """The other seeds, unless it is far behind on the first."""
    before = _first.pop(program_path, None) or {}
    if before.get("over"):
        return _told(before)
    return _told(measure(program_path, "all", before.get("scores")))


def _told(found: dict[str, Any]) -> Any:
    artifacts = {"feedback": found["feedback"]}
    if found.get("kind"):
        artifacts["failure"] = found["kind"]
    try:
        shape = importlib.import_module("openevolve.evaluation_result").EvaluationResult
    except ImportError:
        return _metrics(found)
    return shape(metrics=_metrics(found), artifacts=artifacts)


# ----------------------------------------------------------------------------------- ShinkaEvolve


def main() -> None:
    """Evaluate a program as ShinkaEvolve asks for it, and leave two files in its folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--program_path", required=True)
    parser.add_argument("--results_dir", required=True)
    options, _ = parser.parse_known_args()
    results = Path(options.results_dir)
    results.mkdir(parents=True, exist_ok=True)
    trouble = None
    try:
        found = measure(options.program_path, "all")
    except SystemExit as error:
        trouble = error
        text = f"It was not measured, and that is not its fault. {error}"
        found = {"ok": False, "kind": "not measured", "feedback": text}
    metrics = _metrics(found)
    score = metrics.pop("combined_score")
    kind = found.get("kind", "")
    _write(
        results / "metrics.json",
        {
            "combined_score": score,
            "public": metrics,
            "private": {},
            "extra_data": {"failure": kind, "seconds": found.get("seconds", 0.0)},
            "text_feedback": found["feedback"],
        },
    )
    why = None if found["ok"] else f"{kind}: {found['feedback']}"
    _write(results / "correct.json", {"correct": found["ok"], "error": why})
    print(found["feedback"])
    if trouble is not None:
        print(trouble, file=sys.stderr)
        sys.exit(3)


def _write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
