"""The folder in which one idea is worked on: a copy of the template and its own git repository."""

from __future__ import annotations

import shutil
from pathlib import Path

from bonsai.base import untrusted
from bonsai.evaluation import claims
from bonsai.execution import Repository
from bonsai.templates import Idea, Template

# Outcome arrays are large and binary: they stay beside the history, not in it.
NOT_COMMITTED = "*.npz\n__pycache__/\n"


class Workspace(Repository):
    """An idea's working copy at `folder`; one commit per edit and per run."""

    def create(self, template: Template, baseline: Path, idea: Idea) -> str:
        """Copy the template and its baseline into a fresh folder and commit them.

        Args:
            template: what to copy.
            baseline: the results that become `run_0`.
            idea: the idea that is worked on here.

        Returns:
            The commit's hash.
        """
        untrusted.remove(self.folder)
        template.copy_to(self.folder)
        shutil.copytree(baseline, self.folder / "run_0")
        notes = self.folder / "notes.txt"
        notes.write_text(notes_header(template), encoding="utf-8")
        claims.write(self.folder, idea)
        self.init(NOT_COMMITTED)
        return self.commit("template and baseline")


def notes_header(template: Template) -> str:
    """How every idea's `notes.txt` begins."""
    return f"# {template.name}: notes\n\n## Run 0: the baseline, unchanged\n"
