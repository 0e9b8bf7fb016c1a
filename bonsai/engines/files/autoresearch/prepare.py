"""Frozen: measures train.py; running that leads here.

Nothing is measured by train.py itself, and what it prints is not what counts: evaluate.py, beside
this file, has Bonsai run it within walls and limits, on seeds that it does not choose, and compute
every score anew. What came of each run is also kept in runs.jsonl.

This file needs nothing but Python. `python prepare.py` looks whether all is in place.
"""

import hashlib
import json
import sys
import tempfile
import time
from pathlib import Path

import evaluate

METRIC = ""  # the figure to be improved
ENTRY = ("", "")  # the first and the last line of what train.py has for being run as a program
HERE = Path(__file__).resolve().parent
RUNS = HERE / "runs.jsonl"


def measure(train):
    """Measure a train.py and print its figures; returns the exit code."""
    content = Path(train).read_bytes()
    started = time.time()
    program = restored(content)
    if program is None:
        print(f"train.py: the lines from {ENTRY[0]!r} to {ENTRY[1]!r} must stay as they are.")
        return 1
    found = run(program, "all")
    metrics = found.get("metrics") or {}
    ok = bool(found["ok"]) and METRIC in metrics
    memory = _peak_memory_mb()
    _record(
        {
            "time": round(started, 3),
            "train_sha256": hashlib.sha256(content).hexdigest(),
            "ok": ok,
            "kind": found.get("kind", ""),
            "metric": METRIC,
            "metrics": {**metrics, "combined_score": found.get("combined_score")},
            "seconds": round(time.time() - started, 3),
        }
    )
    print(found["feedback"])
    if not ok:
        return 1
    print("---")
    _line(METRIC, f"{metrics[METRIC]:.6f}")
    _line("combined_score", f"{found['combined_score']:.6f}")
    _line("stderr", f"{metrics['stderr']:.6f}")
    _line("seeds", f"{metrics['seeds']:.0f}")
    _line("seconds", f"{time.time() - started:.1f}")
    _line("peak_memory_mb", f"{memory:.1f}")
    return 0


def run(program, stage):
    """What Bonsai says of a program."""
    with tempfile.TemporaryDirectory(prefix="train-") as folder:
        path = Path(folder, "experiment.py")
        path.write_bytes(program)
        return evaluate.measure(path, stage)


def restored(content):
    """The experiment in a train.py: all but the lines by which it is run; None: they are gone."""
    lines = content.splitlines(keepends=True)
    found = [line.rstrip() for line in lines]
    first, last = (line.encode() for line in ENTRY)
    if found.count(first) != 1 or found.count(last) != 1 or found.index(first) > found.index(last):
        return None
    return b"".join(lines[: found.index(first)] + lines[found.index(last) + 1 :])


def _line(name, value):
    print(f"{name + ':':<{max(18, len(METRIC) + 2)}}{value}")


def _record(entry):
    with RUNS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


def _peak_memory_mb():
    """Of the largest process of the run, those of Bonsai among them."""
    try:
        import resource
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    program = restored((HERE / "train.py").read_bytes())
    if program is None:
        sys.exit("train.py is not what was exported")
    print(run(program, "smoke")["feedback"])
