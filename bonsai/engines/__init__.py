"""Other engines: our templates as tasks for them, and what they left, to be judged.

What is known of an engine has one module, named after it: how a template is written for it
(`export`), and how what it leaves is read (`read`).
"""

from bonsai.engines.candidate import Candidate, Left
from bonsai.engines.exporting import ENGINES, export
from bonsai.engines.reading import Brought, bring
from bonsai.engines.service import Service
from bonsai.engines.task import Task, make_task

__all__ = [
    "ENGINES",
    "Brought",
    "Candidate",
    "Left",
    "Service",
    "Task",
    "bring",
    "export",
    "make_task",
]
