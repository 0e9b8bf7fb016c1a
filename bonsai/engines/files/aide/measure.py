"""Measures an experiment.py that a solution has written: `measure("./working/experiment.py")`.

Nothing is measured here: evaluate.py, beside this file, has Bonsai run it within walls and limits,
on seeds that it does not choose, and compute every score anew. What was measured is kept in the
folder `measured`, under the program's SHA-256. This file needs nothing but Python.
"""

import hashlib
import json
import time
from pathlib import Path

import evaluate

METRIC = ""  # the figure to be improved
KEPT = Path(__file__).parent.absolute() / "measured"


class NotMeasured(Exception):
    """A program without a figure; the text says why."""


def measure(program):
    """Measure a program and print its figures, the one that counts last; returns that.

    Raises:
        NotMeasured: it has none: it broke, or is not believed.
    """
    content = Path(program).read_bytes()
    started = time.time()
    found = evaluate.measure(program, "all")
    metrics = found.get("metrics") or {}
    if not found["ok"] or METRIC not in metrics:
        raise NotMeasured(found["feedback"])
    print(found["feedback"], flush=True)
    digest = hashlib.sha256(content).hexdigest()
    KEPT.mkdir(exist_ok=True)
    (KEPT / f"{digest}.py").write_bytes(content)
    entry = {
        "time": round(started, 3),
        "metric": METRIC,
        "metrics": {**metrics, "combined_score": found["combined_score"]},
        "seconds": round(time.time() - started, 3),
    }
    (KEPT / f"{digest}.json").write_text(json.dumps(entry) + "\n", encoding="utf-8")
    print(f"program: {digest}")
    print(f"combined_score: {found['combined_score']:.6f}")
    print(f"{METRIC}: {metrics[METRIC]:.6f}", flush=True)
    return metrics[METRIC]
