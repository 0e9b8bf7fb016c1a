"""Versions of an experiment in a range of commits, as a pull request has them.

The repository is somebody's own: it is read with git's plumbing, and nothing in it is written. Its
owner's configuration holds (it says which repositories git may trust), but none of it could have a
program run: no porcelain is used, nothing is fetched, no hook or monitor is started.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bonsai.base import BonsaiError, listing, storable, untrusted
from bonsai.engines.candidate import Candidate, Left
from bonsai.templates import Template

ENGINE = "git"
PROGRAM = "experiment.py"
BESIDE = ("prompt.json", "score.py", "seed_ideas.json")  # one of these makes its folder a template
NOT_FROZEN = (PROGRAM, "plot.py")
# Of results, recordings and what machines leave nothing is frozen (`templates.LEFT_OUT`).
PASSED_OVER = re.compile(r"(^|/)(run_[^/]*|cassettes|__pycache__|\.[^/]*)/")
SECONDS = 60.0
MOST_BYTES = 2_000_000  # of a program, or of another file that is compared
MOST_COMMITS = 500  # that changed one program
MOST_NAMED = 5  # files in an error
MOST_SUBJECT = 60  # characters of a commit's message
SHORT = 10  # letters of a commit's name
SETTINGS = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.quotePath": "false",
    "protocol.allow": "never",  # a partial clone would fetch what it lacks
}
RANGE = re.compile(r"(?P<first>.*?)(?P<dots>\.{2,3})(?P<last>.*)", re.DOTALL)
FULL_CLONE = (
    "the clone is shallow, so fetch all of its history (`git fetch --unshallow`, or for "
    "GitHub's actions/checkout `fetch-depth: 0`)"
)


def is_range(text: str) -> bool:
    """Whether what was typed means commits: it holds `..`, and is no path."""
    found = RANGE.fullmatch(text)
    if found is None or found["first"].endswith("/") or found["last"].startswith("/"):
        return False
    with contextlib.suppress(OSError, ValueError):
        return not Path(text).exists()
    return True


def read_range(text: str, template: Template | None) -> list[tuple[Path, Left]]:
    """The versions of `experiment.py` in a range of commits of the current folder's repository.

    Args:
        text: `A..B`, from A to B, or `A...B`, from where B left A; without one of them, HEAD.
        template: the template that is meant; None: each that the range changes.

    Returns:
        For each template its folder and what became of its program: `before` as at A, `best` as at
        B, and as `candidates` each version that commits of the range made, the oldest first.

    Raises:
        BonsaiError: there is no such repository or range, it changes no experiment, or it changes
            by what experiments are measured.
    """
    here = _repository()
    span = _span(here, text)
    if span.first == span.last:
        raise BonsaiError(f"{text} is empty: both ends are commit {span.first[:SHORT]}")
    asked = None if template is None else _below(here, template.folder)
    before, after = here.tree(span.first), here.tree(span.last)
    programs = [path for path in sorted(after) if _is_meant(path, asked, after)]
    if asked is not None and not programs:
        raise BonsaiError(f"{asked} holds no {PROGRAM} at {span.named[1]}")
    touched = [path for path in programs if before.get(path) != after[path]]
    if not touched:
        what = f"{PROGRAM} of a template" if asked is None else f"{asked / PROGRAM}"
        raise BonsaiError(f"{text} changes no {what}, so there is nothing to judge")
    return [
        (here.top / PurePosixPath(path).parent, _left(here, span, path, before, after))
        for path in touched
    ]


@dataclass(frozen=True)
class _Span:
    """Two commits by their full names, and as they were typed."""

    first: str
    last: str
    named: tuple[str, str]


def _span(here: _Git, text: str) -> _Span:
    match = RANGE.fullmatch(text)
    if match is None or ".." in match["last"]:
        raise BonsaiError(f"{text!r} is no range of commits; a range is A..B, or A...B")
    named = (match["first"] or "HEAD", match["last"] or "HEAD")
    first, last = (here.commit(each) for each in named)
    if match["dots"] == "...":
        first = here.fork(first, last, text)
        named = (f"where {named[1]} left {named[0]}", named[1])
    return _Span(first, last, named)


def _below(here: _Git, folder: Path) -> PurePosixPath:
    """A template's folder, from the repository's top."""
    try:
        return PurePosixPath(folder.resolve().relative_to(here.top).as_posix())
    except ValueError:
        raise BonsaiError(
            f"{folder} lies outside of the repository {here.top}, so no range of commits changes it"
        ) from None


def _is_meant(path: str, asked: PurePosixPath | None, tree: Mapping[str, _Entry]) -> bool:
    """Whether a file is the program of the template that was asked for, or of any."""
    place = PurePosixPath(path)
    if place.name != PROGRAM:
        return False
    if asked is not None:
        return place.parent == asked
    return not PASSED_OVER.search(path) and any(f"{place.parent / name}" in tree for name in BESIDE)


def _left(
    here: _Git,
    span: _Span,
    path: str,
    before: Mapping[str, _Entry],
    after: Mapping[str, _Entry],
) -> Left:
    folder = PurePosixPath(path).parent
    if path not in before:
        raise BonsaiError(
            f"{path} is new, or was moved: at {span.named[0]} there is none to compare it with; "
            f"sweep it with `bonsai run {folder}`, or name another template of the range"
        )
    _same_measure(here, span, folder, before, after)
    versions = {before[path]: span.first}
    for commit, entry in here.versions(span, path):
        versions.setdefault(entry, commit)
    versions.setdefault(after[path], span.last)
    subjects = here.subjects(list(versions.values()))
    found = {
        entry: Candidate(
            name=commit[:SHORT],
            origin=f"{path} at commit {commit[:SHORT]}: {subjects[commit]}".rstrip(": "),
            source=here.content(entry, f"{path} at commit {commit[:SHORT]}"),
        )
        for entry, commit in versions.items()
    }
    start = found.pop(before[path])
    return Left(ENGINE, [found[after[path]]], list(found.values()), before=start)


def _same_measure(
    here: _Git,
    span: _Span,
    folder: PurePosixPath,
    before: Mapping[str, _Entry],
    after: Mapping[str, _Entry],
) -> None:
    """Refuse where programs of both ends would not be measured alike.

    Raises:
        BonsaiError: what the template consists of beside its program is not the same at both ends
            and in the folder that is measured with.
    """
    frozen = [path for path in sorted({**before, **after}) if _is_frozen(path, folder)]
    differ = [path for path in frozen if before.get(path) != after.get(path)]
    if differ:
        raise BonsaiError(
            f"{_named(differ)} {'differs' if len(differ) == 1 else 'differ'} between "
            f"{span.named[0]} and {span.named[1]}: a verdict needs the same measure on both sides, "
            "so have such changes in a range of their own"
        )
    place = here.top / folder
    if not place.is_dir():
        raise BonsaiError(f"{place} is not there: check out {span.named[1]}, so that it can be run")
    strays = [path for path in frozen if not _is_as_committed(here, path, before[path])]
    known = {*frozen, *(f"{folder / name}" for name in NOT_FROZEN)}
    names = (f"{folder / file.name}" for file in sorted(place.glob("*.py")))
    strays += [f"{name} (which is not committed)" for name in names if name not in known]
    if strays:
        raise BonsaiError(
            f"in the working tree, {_named(strays)} {'is' if len(strays) == 1 else 'are'} not as "
            f"at {span.named[0]}: a verdict needs the same measure on both sides, so commit or "
            "stash such changes first"
        )


def _is_frozen(path: str, folder: PurePosixPath) -> bool:
    place = PurePosixPath(path)
    if place.suffix != ".py" or not place.is_relative_to(folder):
        return False
    below = f"{place.relative_to(folder)}"
    return below not in NOT_FROZEN and not PASSED_OVER.search(below)


def _is_as_committed(here: _Git, path: str, entry: _Entry) -> bool:
    """Whether a file of the working tree is what was committed, whatever the ends of its lines."""
    content = here.content(entry, path)
    try:
        found = untrusted.read_bytes(here.top / path, MOST_BYTES)
    except BonsaiError:
        return False
    return found.replace(b"\r\n", b"\n") == content.replace(b"\r\n", b"\n")


def _named(paths: Sequence[str]) -> str:
    shown = [*paths[:MOST_NAMED], *["others"] * (len(paths) > MOST_NAMED)]
    return listing([storable(path) for path in shown])


# --------------------------------------------------------------------------------------------- git

FILE = "100644"  # as git calls its kind; a program that may be started is one all the same
STARTED = "100755"


@dataclass(frozen=True)
class _Entry:
    """A file of a commit: the name of its contents, and its kind."""

    blob: str
    mode: str


@dataclass(frozen=True)
class _Git:
    """The repository with the working tree `top`, to be read."""

    top: Path

    def commit(self, revision: str) -> str:
        """The full name of a commit.

        Raises:
            BonsaiError: there is none of this name.
        """
        done = None
        if not revision.startswith("-") and revision.isprintable():
            # Not by --end-of-options, which older versions print.
            done = _run(self.top, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        if done is None or done.returncode:
            hint = f"; {FULL_CLONE}" if self._is_shallow() else ""
            raise BonsaiError(
                f"there is no commit {revision!r} in the repository {self.top} (nor a file of "
                f"that name){hint}"
            )
        return done.stdout.decode().strip()

    def fork(self, first: str, last: str, text: str) -> str:
        """The commit at which two lines of commits parted.

        Raises:
            BonsaiError: there is none.
        """
        done = _run(self.top, "merge-base", first, last)
        if done.returncode:
            hint = FULL_CLONE if self._is_shallow() else "use two dots"
            raise BonsaiError(f"the two ends of {text} have no commit in common; {hint}")
        return done.stdout.decode().split()[0]

    def tree(self, commit: str, path: str | None = None) -> dict[str, _Entry]:
        """All files of a commit, or one of them, by their paths from the top."""
        asked = [] if path is None else ["--", path]
        # What is asked for is a name, never a pattern.
        told = self._output("--literal-pathspecs", "ls-tree", "-r", "-z", commit, *asked)
        entries = {}
        for line in filter(None, told.split(b"\0")):
            head, _, name = line.partition(b"\t")
            mode, _, blob = head.decode().split()
            entries[os.fsdecode(name)] = _Entry(blob, FILE if mode == STARTED else mode)
        return entries

    def versions(self, span: _Span, path: str) -> Iterator[tuple[str, _Entry]]:
        """The commits of the range that changed a file, the oldest first, and what it was then."""
        told = self._output(
            "--literal-pathspecs", "rev-list", "--reverse", "--topo-order", "--full-history",
            span.last, f"^{span.first}", "--", path,
        )  # fmt: skip
        commits = told.decode().split()
        if len(commits) > MOST_COMMITS:
            raise BonsaiError(
                f"{len(commits):,} commits changed {path}; name a range with at most {MOST_COMMITS}"
            )
        for commit in commits:
            entry = self.tree(commit, path).get(path)  # none where the commit removed it
            if entry is not None and entry.mode == FILE:
                yield commit, entry

    def content(self, entry: _Entry, called: str) -> bytes:
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
        return {first: _shown(subject) for first, _, subject in lines if first != "commit"}

    def _is_shallow(self) -> bool:
        return _run(self.top, "rev-parse", "--is-shallow-repository").stdout.strip() == b"true"

    def _output(self, *arguments: str) -> bytes:
        done = _run(self.top, *arguments)
        if done.returncode:
            hint = f" ({FULL_CLONE})" if self._is_shallow() else ""
            told = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise BonsaiError(
                f"git could not read the repository {self.top}: {_shown((told or ['?'])[-1])}{hint}"
            )
        return done.stdout


def _repository() -> _Git:
    """The repository that holds the current folder.

    Raises:
        BonsaiError: there is none, or it has no working tree, or git does not trust it.
    """
    here = Path.cwd()
    done = _run(here, "rev-parse", "--show-toplevel")
    if done.returncode:
        told = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise BonsaiError(
            f"a range of commits is read in a git repository, and {here} is none that can be read "
            f"({_shown((told or ['?'])[0])})"
        )
    return _Git(Path(os.fsdecode(done.stdout.removesuffix(b"\n"))).resolve())


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
        raise BonsaiError(
            "git is not installed, and without it no range of commits is read"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise BonsaiError(
            f"git {arguments[0]} in {folder} did not end within {SECONDS:g} s"
        ) from error


def _shown(text: str) -> str:
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= MOST_SUBJECT else text[: MOST_SUBJECT - 1] + "…"
