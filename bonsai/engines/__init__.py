"""Other engines: our templates as tasks for them, and what they left, to be judged.

What is known of an engine has one module, named after it.
"""

from bonsai.engines.candidate import Candidate, Left
from bonsai.engines.task import Task, lay_task, make_task, task_above

__all__ = ["Candidate", "Left", "Task", "lay_task", "make_task", "task_above"]
