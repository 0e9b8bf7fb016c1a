"""The folder in which one idea is worked on: a copy of the template and its own git repository."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bonsai.base.errors import BonsaiError
from bonsai.evaluation import claims
from bonsai.execution import processes
from bonsai.templates.contract import Idea
from bonsai.templates.template import LEFT_OUT, Template

GIT_SETTINGS = {
    "user.name": "bonsai",
    "user.email": "bonsai@localhost",
    "core.hooksPath": os.devnull,
    "commit.gpgsign": "false",
    "core.autocrlf": "false",
    "gc.auto": "0",
    # A commit that the ledger names must outlive a power cut.
    "core.fsync": "committed",
    "core.fsyncMethod": "batch",
}


@dataclass(frozen=True)
class Workspace:
    """An idea's working copy at `folder`; one commit per edit and per run."""

    folder: Path

    def create(self, template: Template, baseline: Path, idea: Idea) -> str:
        """Copy the template and its baseline into a fresh folder and commit them.

        Args:
            template: what to copy.
            baseline: the results that become `run_0`.
            idea: the idea that is worked on here.

        Returns:
            The commit's hash.
        """
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(template.folder, self.folder, ignore=LEFT_OUT)
        shutil.copytree(baseline, self.folder / "run_0")
        notes = self.folder / "notes.txt"
        notes.write_text(notes_header(template), encoding="utf-8")
        claims.write(self.folder, idea)
        self._git("init", "--quiet")
        # Outcome arrays are large and binary: they stay beside the history, not in it.
        (self.folder / ".git" / "info" / "exclude").write_text("*.npz\n__pycache__/\n")
        return self.commit("template and baseline")

    def commit(self, message: str) -> str:
        """Commit everything that changed (an unchanged tree too); returns the commit's hash."""
        self._git("add", "--all")
        self._git("commit", "--quiet", "--allow-empty", "--message", message)
        return self._git("rev-parse", "HEAD").strip()

    def restore(self, commit: str) -> list[str]:
        """Put every committed file back as it was at `commit` and remove what came later.

        What a git that was killed has left is removed first: nobody else works here.

        Returns:
            The files that were not as `commit` has them.
        """
        if not (self.folder / ".git").is_dir():
            raise BonsaiError(
                f"{self.folder} is gone, or no git repository any more; put it back, or start a "
                "new sweep"
            )
        for pattern in ("*.lock", "tmp_obj_*"):
            for left in (self.folder / ".git").rglob(pattern):
                left.unlink()
        self._git("add", "--all")
        changed = self._git("diff", "--cached", "--name-only", "-z", commit).split("\0")
        self._git("reset", "--quiet", "--hard", commit)
        self._git("clean", "--quiet", "--force", "-d")
        return [name for name in changed if name]

    def file_at(self, commit: str, name: str) -> str:
        """The text of a file as it was at `commit`."""
        return self._git("show", f"{commit}:{name}")

    def _git(self, *arguments: str) -> str:
        settings = [
            part for key, value in GIT_SETTINGS.items() for part in ("-c", f"{key}={value}")
        ]
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith("GIT_")
        }
        environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        # Never a repository further up, should this one be gone; and no life after the runner's.
        environment |= {"GIT_DIR": ".git", **processes.badge()}
        try:
            done = subprocess.run(
                ["git", *settings, *arguments],
                cwd=self.folder,
                env=environment,
                capture_output=True,
                text=True,
                check=True,
                timeout=60,
            )
        except FileNotFoundError as error:
            raise BonsaiError(
                "git is not installed; every idea's workspace is a git repository"
            ) from error
        except subprocess.CalledProcessError as error:
            raise BonsaiError(
                f"git {arguments[0]} in {self.folder} failed: {error.stderr.strip()}"
            ) from error
        return done.stdout


def notes_header(template: Template) -> str:
    """How every idea's `notes.txt` begins."""
    return f"# {template.name}: notes\n\n## Run 0: the baseline, unchanged\n"
