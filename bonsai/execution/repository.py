"""A git repository that the runner keeps: one commit for each step, and back to any of them."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bonsai.base import BonsaiError, untrusted
from bonsai.execution import processes

GIT_SETTINGS = {
    "user.name": "bonsai",
    "user.email": "bonsai@localhost",
    "core.hooksPath": os.devnull,
    "commit.gpgsign": "false",
    "core.autocrlf": "false",
    "core.fsmonitor": "false",
    "core.attributesFile": os.devnull,
    "core.excludesFile": os.devnull,
    "gc.auto": "0",
    # A commit that the ledger names must outlive a power cut.
    "core.fsync": "committed",
    "core.fsyncMethod": "batch",
}


# What a repository's own config may say; the rest could name programs that git would run.
PLAIN_CONFIG = re.compile(
    r"\s*(\[core\]|(repositoryformatversion|filemode|bare|logallrefupdates|symlinks|ignorecase|"
    r"precomposeunicode)\s*=\s*\w+)?\s*"
)
# Stronger than any .gitattributes: no filter, no conversion, no program for differences.
# Texts are compared by lines, whatever their encoding.
ATTRIBUTES = """\
* -text !eol -ident -filter !diff !merge -working-tree-encoding
*.py diff
*.txt diff
"""
# Files of a repository that send git elsewhere.
DETOURS = ("config.worktree", "commondir", "objects/info/alternates", "info/grafts")
MOST_CONFIG = 100_000  # bytes
GIT_SECONDS = 60.0


@dataclass(frozen=True)
class Repository:
    """The git repository of the folder `folder`."""

    folder: Path

    def init(self, ignored: str = "") -> None:
        """Begin one; files that match a line of `ignored` stay out of its commits."""
        self._git("init", "--quiet")
        (self.folder / ".git" / "info" / "exclude").write_text(ignored)

    def commit(self, message: str) -> str:
        """Commit everything that changed (an unchanged tree too); returns the commit's hash."""
        self._git("add", "--all")
        self._git("commit", "--quiet", "--allow-empty", "--message", message)
        return self._git("rev-parse", "HEAD").strip()

    def clear(self) -> None:
        """Remove what a git that was killed has left: nobody else works here."""
        for pattern in ("*.lock", "tmp_obj_*"):
            for left in (self.folder / ".git").rglob(pattern):
                left.unlink()

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
        self.clear()
        for part in self.folder.iterdir():  # what a program left that was killed with its runner
            if part.name != ".git" and (part.is_symlink() or not part.is_file()):
                for found in list(untrusted.walk(part)):
                    if found.problem:
                        untrusted.remove(found.path)
        self._git("add", "--all")
        changed = self._git("diff", "--cached", "--name-only", "-z", commit).split("\0")
        self._git("reset", "--quiet", "--hard", commit)
        self._git("clean", "--quiet", "--force", "-d")
        return [name for name in changed if name]

    def file_at(self, commit: str, name: str) -> bytes:
        """A file as it was at `commit`, byte for byte."""
        return self._output("show", f"{commit}:{name}")

    def files_at(self, commits: Sequence[str], name: str) -> list[bytes]:
        """A file as it was at each of many commits, by one program."""
        wanted = "".join(f"{commit}:{name}\n" for commit in commits).encode()
        told = self._output("cat-file", "--batch", given=wanted)
        found, place = [], 0
        for commit in commits:
            end = told.index(b"\n", place)
            head = told[place:end].split()
            if len(head) != 3 or head[1] != b"blob":
                raise BonsaiError(f"{self.folder}: commit {commit} has no {name} any more")
            size = int(head[2])
            found.append(told[end + 1 : end + 1 + size])
            place = end + 1 + size + 1
        return found

    def add_version(self, parent: str, name: str, content: bytes, message: str, label: str) -> str:
        """A commit like `parent` but for one file; what lies in the folder is not touched.

        Args:
            parent: the commit that it follows.
            name: the file, at the top of the folder.
            content: what it holds.
            message: of the commit.
            label: a branch of this name leads to it.

        Returns:
            The commit's hash.
        """
        blob = self._output("hash-object", "-w", "--stdin", given=content).decode().strip()
        lines = self._output("ls-tree", "-z", parent).split(b"\0")[:-1]
        kept = [line for line in lines if line.split(b"\t", 1)[1] != name.encode()]
        entries = [*kept, f"100644 blob {blob}\t{name}".encode(), b""]
        tree = self._output("mktree", "-z", given=b"\0".join(entries)).decode().strip()
        commit = self._git("commit-tree", tree, "-p", parent, "-m", message).strip()
        self._git("update-ref", f"refs/heads/{label}", commit)
        return commit

    def difference(self, before: str, after: str) -> str:
        """What `git diff` says between two commits; it can be applied as a patch."""
        return self._git("diff", before, after)

    def _git(self, *arguments: str) -> str:
        return self._output(*arguments).decode("utf-8", "surrogateescape")

    def _output(self, *arguments: str, given: bytes | None = None) -> bytes:
        if arguments[0] != "init":
            self._disarm()
        settings = [
            part for key, value in GIT_SETTINGS.items() for part in ("-c", f"{key}={value}")
        ]
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith("GIT_")
        }
        environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        environment |= {"GIT_ATTR_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
        # Never a repository further up, should this one be gone; and no life after the runner's.
        environment |= {"GIT_DIR": ".git", **processes.badge()}
        try:
            done = subprocess.run(
                ["git", *settings, *arguments],
                cwd=self.folder,
                env=environment,
                capture_output=True,
                input=given or b"",
                check=True,
                timeout=GIT_SECONDS,
            )
        except FileNotFoundError as error:
            raise BonsaiError(
                "git is not installed; every idea's workspace is a git repository"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise BonsaiError(
                f"git {arguments[0]} in {self.folder} did not end within {GIT_SECONDS:g} s"
            ) from error
        except subprocess.CalledProcessError as error:
            raise BonsaiError(
                f"git {arguments[0]} in {self.folder} failed: "
                f"{error.stderr.decode('utf-8', 'replace').strip()}"
            ) from error
        return done.stdout

    def _disarm(self) -> None:
        """Have git obey nothing of what could have been written into the repository's own files."""
        home = self.folder / ".git"
        if home.is_symlink() or not home.is_dir():
            raise BonsaiError(f"{home} is no git repository any more; put it back")
        for name in DETOURS:
            untrusted.remove(home / name)
        _keep(home / "info" / "attributes", lambda text: ATTRIBUTES)
        _keep(home / "config", lambda text: "".join(filter(PLAIN_CONFIG.fullmatch, _lines(text))))


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _keep(path: Path, plain: Callable[[str], str]) -> None:
    """Write what `plain` makes of a file, if it is not that already."""
    try:
        text = untrusted.read_text(path, MOST_CONFIG)
    except untrusted.Unreadable:
        text = ""
    if plain(text) != text or not untrusted.is_file(path):
        untrusted.remove(path)
        path.parent.mkdir(exist_ok=True)
        path.write_text(plain(text), encoding="utf-8")
