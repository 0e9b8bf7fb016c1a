"""Running what a model wrote: within walls, with limits, killed as a tree, undone where it strayed.

`run` runs a `Program` on this machine; `bonsai.execution.executors` runs it here or elsewhere.
"""

from bonsai.execution import processes, sandbox
from bonsai.execution.execute import (
    Cancelled,
    Execution,
    Program,
    cores,
    environment,
    kill_orphans,
    run,
    temporary_folder,
)
from bonsai.execution.guard import Snapshot, out_of_scope, problem_of, sha256, syntax_problem
from bonsai.execution.limits import Watch
from bonsai.execution.repository import Repository
from bonsai.execution.sandbox import Mode

__all__ = [
    "Cancelled",
    "Execution",
    "Mode",
    "Program",
    "Repository",
    "Snapshot",
    "Watch",
    "cores",
    "environment",
    "kill_orphans",
    "out_of_scope",
    "problem_of",
    "processes",
    "run",
    "sandbox",
    "sha256",
    "syntax_problem",
    "temporary_folder",
]
