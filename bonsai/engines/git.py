"""Somebody's own git repository, read: nothing in it is written, and nothing is started by it.

Its owner's configuration holds, since that says which repositories git may trust; but only git's
plumbing is used, and nothing is fetched, so that no filter, hook, pager or monitor has a say.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bonsai.base import BonsaiError
from bonsai.settings import MOST_PROGRAM_BYTES

SECONDS = 60.0
MOST_BYTES = MOST_PROGRAM_BYTES  # of a file that is read
MOST_COMMITS = 500  # that changed one file
MOST_SUBJECT = 60  # characters of a commit's message
SHORT = 10  # letters of a commit's name
SETTINGS = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "protocol.allow": "never",  # a partial clone would fetch what it lacks
}
FULL_CLONE = (
    "the clone is shallow, so fetch all of its history (`git fetch --unshallow`, or for "
    "GitHub's actions/checkout `fetch-depth: 0`)"
)
FILE = "100644"  # as git calls its kind; a program that may be started is one all the same
STARTED = "100755"


@dataclass(frozen=True)
class Entry:
    """A file of a commit: the name of its contents, and its kind."""

    blob: str
    mode: str


@dataclass(frozen=True)
class Git:
    """The repository with the working tree `top`, to be read."""

    top: Path

    def commit(self, revision: str) -> str | None:
        """The full name of a commit; None: there is none that is called so."""
        if revision.startswith("-") or not revision.isprintable():
            return None
        # Not by --end-of-options, which older versions print.
        done = _run(self.top, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        return None if done.returncode else done.stdout.decode().strip()

    def fork(self, first: str, last: str) -> str | None:
        """The commit at which two lines of commits parted; None: they have none in common."""
        done = _run(self.top, "merge-base", first, last)
        return None if done.returncode else done.stdout.decode().split()[0]

    def tree(self, commit: str, path: str | None = None) -> dict[str, Entry]:
        """All files of a commit, or one of them, by their paths from the top."""
        asked = [] if path is None else ["--", path]
        # What is asked for is a name, never a pattern.
        told = self._output("--literal-pathspecs", "ls-tree", "-r", "-z", commit, *asked)
        entries = {}
        for line in filter(None, told.split(b"\0")):
            head, _, name = line.partition(b"\t")
            mode, _, blob = head.decode().split()
            entries[os.fsdecode(name)] = Entry(blob, FILE if mode == STARTED else mode)
        return entries

    def versions(
        self, path: str, last: str, after: str | None = None
    ) -> Iterator[tuple[str, Entry]]:
        """The commits that changed a file, the oldest first, and what it was then.

        Args:
            path: the file, from the top.
            last: the last commit that counts.
            after: those up to this one do not; None: all do.

        Raises:
            BonsaiError: there are too many.
        """
        commits = self._touching(path, last, after)
        if len(commits) > MOST_COMMITS:
            raise BonsaiError(
                f"{len(commits):,} commits changed {path}; at most {MOST_COMMITS} are looked at"
            )
        for commit in commits:
            entry = self.tree(commit, path).get(path)  # none where the commit removed it
            if entry is not None and entry.mode == FILE:
                yield commit, entry

    def began(self, path: str, last: str) -> str | None:
        """The first commit up to the last that has a file."""
        return next(iter(self._touching(path, last, None)), None)

    def _touching(self, path: str, last: str, after: str | None) -> list[str]:
        told = self._output(
            "--literal-pathspecs", "rev-list", "--reverse", "--topo-order", "--full-history",
            last, *([f"^{after}"] if after else []), "--", path,
        )  # fmt: skip
        return told.decode().split()

    def content(self, entry: Entry, called: str) -> bytes:
        """What a file holds, byte for byte.

        Raises:
            BonsaiError: it is no file, or too long.
        """
        if entry.mode != FILE:
            raise BonsaiError(f"{called} is no file, but a link or a repository of its own")
        size = int(self._output("cat-file", "-s", entry.blob))
        if size > MOST_BYTES:
            raise BonsaiError(f"{called} has {size:,} bytes; at most {MOST_BYTES:,} are read")
        return self._output("cat-file", "blob", entry.blob)

    def subjects(self, commits: Sequence[str]) -> dict[str, str]:
        """The first line of each commit's message, fit to be shown."""
        told = self._output("rev-list", "--no-walk", "--format=%H %s", *commits)
        lines = (line.partition(" ") for line in told.decode("utf-8", "replace").split("\n"))
        return {first: shown(subject) for first, _, subject in lines if first != "commit"}

    def is_shallow(self) -> bool:
        """Whether it lacks the beginning of its history."""
        return _run(self.top, "rev-parse", "--is-shallow-repository").stdout.strip() == b"true"

    def _output(self, *arguments: str) -> bytes:
        done = _run(self.top, *arguments)
        if done.returncode:
            hint = f" ({FULL_CLONE})" if self.is_shallow() else ""
            told = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise BonsaiError(
                f"git could not read the repository {self.top}: {shown((told or ['?'])[-1])}{hint}"
            )
        return done.stdout


def repository_at(folder: Path) -> Git:
    """The repository that holds a folder.

    Raises:
        BonsaiError: there is none, or it has no working tree, or git does not trust it.
    """
    done = _run(folder, "rev-parse", "--show-toplevel")
    if done.returncode:
        told = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise BonsaiError(
            f"{folder} is in no git repository that can be read: {shown((told or ['?'])[0])}"
        )
    return Git(Path(os.fsdecode(done.stdout.removesuffix(b"\n"))).resolve())


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    settings = [part for key, value in SETTINGS.items() for part in ("-c", f"{key}={value}")]
    # As in a hook of another repository, these would send git elsewhere.
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("GIT_") or key.startswith("GIT_CONFIG")
    }
    environment |= {
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }
    try:
        return subprocess.run(
            ["git", "--no-pager", *settings, *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise BonsaiError("git is not installed, and without it no commits are read") from error
    except subprocess.TimeoutExpired as error:
        raise BonsaiError(
            f"git {arguments[0]} in {folder} did not end within {SECONDS:g} s"
        ) from error


def shown(text: str) -> str:
    """A line of somebody else's, fit to be shown."""
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= MOST_SUBJECT else text[: MOST_SUBJECT - 1] + "…"
