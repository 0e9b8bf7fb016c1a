"""A git repository that the runner keeps: one commit for each step, and back to any of them."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bonsai.base import BonsaiError
from bonsai.execution import processes

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


# Files are kept byte for byte; texts are compared by lines, whatever their encoding.
ATTRIBUTES = """\
* -text -filter -ident -working-tree-encoding
*.py diff
*.txt diff
"""


@dataclass(frozen=True)
class Repository:
    """The git repository of the folder `folder`."""

    folder: Path

    def init(self, ignored: str = "") -> None:
        """Begin one; files that match a line of `ignored` stay out of its commits."""
        self._git("init", "--quiet")
        information = self.folder / ".git" / "info"
        (information / "exclude").write_text(ignored)
        # It goes before any .gitattributes of a template's.
        (information / "attributes").write_text(ATTRIBUTES)

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

    def file_at(self, commit: str, name: str) -> bytes:
        """A file as it was at `commit`, byte for byte."""
        return self._output("show", f"{commit}:{name}")

    def _git(self, *arguments: str) -> str:
        return self._output(*arguments).decode("utf-8", "surrogateescape")

    def _output(self, *arguments: str) -> bytes:
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
                check=True,
                timeout=60,
            )
        except FileNotFoundError as error:
            raise BonsaiError(
                "git is not installed; every idea's workspace is a git repository"
            ) from error
        except subprocess.CalledProcessError as error:
            raise BonsaiError(
                f"git {arguments[0]} in {self.folder} failed: "
                f"{error.stderr.decode('utf-8', 'replace').strip()}"
            ) from error
        return done.stdout
