"""The runner's own share of a sweep: wall time of an idea minus that of the programs it ran.

Played-back replies take no time, so all that aider takes counts as the runner's. As a yardstick
that does not depend on this machine's speed, a bare Python process that imports torch is timed in
the same run.

Run:  python benchmarks/runner_overhead.py
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from bonsai.base.ledger import Ledger
from bonsai.cli.board import Board
from bonsai.evaluation import established, this_machine
from bonsai.execution import execute
from bonsai.settings import Assignment, Settings
from bonsai.sweep.sweep import Sweep
from bonsai.templates.template import Template

REPOSITORY = Path(__file__).resolve().parent.parent
TOY = REPOSITORY / "tests" / "toy"
sys.path.insert(0, str(REPOSITORY))


def main() -> None:
    """Sweep a template of each kind once, and print what each idea cost beside its programs."""
    from benchmarks import wild

    yardstick = min(_bare_torch() for _ in range(3))
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["BONSAI_DATA"] = str(Path(temporary) / "data")
        _measure("with score.py", Template(TOY))
        theirs = Template(wild.write("flat", Path(temporary)))
        _measure("without", established(theirs, this_machine(1)))
    print(f"a bare `import torch` in the same run: {yardstick:.2f} s")


def _measure(kind: str, template: Template) -> None:
    ideas = [idea for idea in template.ideas if template.cassette(idea.Name)]
    names = {idea.Name for idea in ideas}
    programs: dict[str, float] = {}
    plain = execute.run
    lock = threading.Lock()

    def timed(program: execute.Program, log: Path, **options: Any) -> execute.Execution:
        started = time.monotonic()
        try:
            return plain(program, log, **options)
        finally:
            with lock:
                idea = next((part for part in log.parts if part in names), "")
                programs[idea] = programs.get(idea, 0.0) + time.monotonic() - started

    execute.run = timed
    with tempfile.TemporaryDirectory() as temporary:
        results = Path(temporary) / "results"
        results.mkdir()
        settings = Settings(
            assignments=[
                Assignment(template=str(template.folder), ideas=ideas, reported=template.reported)
            ],
            confirm_seeds=4,
            max_confirm_seeds=4,
            first_fresh_seed=1000,
        )
        settings.save(results)
        Sweep(results, settings, Board(Console(file=io.StringIO()))).run()
        entries = Ledger(results / "ledger.jsonl").read()

    execute.run = plain
    print(
        f"template {kind}\n{'idea':<18}{'edits':>7}{'wall s':>9}{'programs s':>12}{'runner s':>10}"
    )
    for idea in ideas:
        own = [entry for entry in entries if entry.idea == idea.Name]
        wall = own[-1].time - (own[0].time - own[0].seconds)
        edits = sum(entry.step in {"plan", "edit", "write_up"} for entry in own)
        runner = wall - programs[idea.Name]
        print(f"{idea.Name:<18}{edits:>7}{wall:>9.2f}{programs[idea.Name]:>12.2f}{runner:>10.2f}")


def _bare_torch() -> float:
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", "import torch"], check=True)
    return time.monotonic() - started


if __name__ == "__main__":
    main()
