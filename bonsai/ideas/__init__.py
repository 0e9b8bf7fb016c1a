"""New ideas: proposed by a model that is told what was tried, and compared with what exists."""

from bonsai.ideas.generation import next_command, propose
from bonsai.ideas.history import results_folders
from bonsai.ideas.literature import Literature

__all__ = ["Literature", "next_command", "propose", "results_folders"]
