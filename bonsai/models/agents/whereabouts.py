"""Where the programs of agents lie on this machine, what they need to run, and which they are."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from bonsai.execution import sandbox
from bonsai.models.agents.adapters import Adapter

VERSION_SECONDS = 10.0
FOLDERS_OF_PROGRAMS = ("bin", ".bin", "shims")
PYTHON = re.compile(r"python[\d.]*$")


def find(adapter: Adapter) -> Path | None:
    """The program of an adapter, if it is on this machine.

    Programs in the folder of agents come first: BONSAI_AGENTS, or `.agents` in a checkout, which
    `make agents` fills. Python is the one that runs this.
    """
    folder = Path(os.environ.get("BONSAI_AGENTS") or sandbox.package_root() / ".agents")
    own = [*folder.glob("*/bin"), *folder.glob("*/node_modules/.bin")]
    places = [*map(str, sorted(own)), str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    found = shutil.which(adapter.program, path=os.pathsep.join(places))
    return None if found is None else Path(found).absolute()


def missing(adapter: Adapter) -> str:
    """What is said of a program that is not on this machine."""
    how = f"`{adapter.install}` installs it" if adapter.install else "name one that is"
    return (
        f"The agent {adapter.name} needs the program {adapter.program}, which is not here; {how}."
    )


def places(path: Path) -> tuple[Path, ...]:
    """What a program must be able to read to run, beside the system's own folders.

    That is the folder of programs that it lies in, or it alone where it lies among other things;
    the packages around what it is a link to; and the same of what interprets it.
    """
    found: list[Path] = []
    left, seen = [path.absolute()], set[Path]()
    while left:
        one = left.pop()
        if one in seen or not one.exists():
            continue
        seen.add(one)
        found.append(one.parent if one.parent.name in FOLDERS_OF_PROGRAMS else one)
        if one.is_symlink():
            left.append(Path(os.path.normpath(one.parent / one.readlink())))
        elif one.resolve() != one:  # a folder on the way is a link
            left.append(one.resolve())
        found += _packages(one)
        left += _interpreters(one)
    kept: list[Path] = []
    roots = [Path(name) for name in sandbox.SYSTEM]
    for place in sorted(set(found), key=lambda place: (len(place.parts), str(place))):
        if not any(place.is_relative_to(other) for other in [*roots, *kept]):
            kept.append(place)
    return tuple(kept)


def _packages(program: Path) -> list[Path]:
    """The folders in which a program finds the rest of itself."""
    parts = program.parts
    if "node_modules" in parts:  # in the outermost lies what its packages need
        return [Path(*parts[: parts.index("node_modules") + 1])]
    prefix = program.parent.parent
    if program.parent.name == "shims":  # of pyenv and the like, which look up the program
        return [prefix]
    if program.parent.name != "bin":
        return []
    if (prefix / "pyvenv.cfg").is_file():
        return [prefix]
    libraries = [*prefix.glob("lib/python3*"), *prefix.glob("lib/libpython3*")]
    return [prefix / "lib"] if libraries and PYTHON.match(program.name) else libraries


def _interpreters(program: Path) -> list[Path]:
    """The programs that run a script, and the Python that a virtual environment is made from."""
    found = []
    try:
        with program.open("rb") as file:
            first = file.read(512).partition(b"\n")[0]
    except OSError:
        return []
    if first.startswith(b"#!"):
        words = first[2:].decode("utf-8", "replace").split()
        if words and Path(words[0]).name == "env":
            names = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
            path = os.pathsep.join([str(program.parent), os.environ.get("PATH", "")])
            words = [shutil.which(names[0], path=path) or ""] if names else []
        found += [Path(word) for word in words[:1] if word]
    config = program.parent.parent / "pyvenv.cfg"
    if config.is_file():
        home = re.search(r"^home *= *(.+)$", config.read_text(encoding="utf-8"), re.MULTILINE)
        found += [Path(home[1].strip()) / "python3"] if home else []
    return found


def version(path: Path) -> str | None:
    """The version that a program says it has; None if it says none, or takes long over it."""
    with tempfile.TemporaryDirectory(prefix="bonsai-agent-", ignore_cleanup_errors=True) as home:
        kept = {"PATH": os.environ.get("PATH", ""), "HOME": home, "LANG": "C.UTF-8"}
        quiet = {"OPENCODE_DISABLE_AUTOUPDATE": "1", "DISABLE_AUTOUPDATER": "1"}
        try:
            asked = subprocess.Popen(
                [str(path), "--version"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, env=kept | quiet, cwd=home, start_new_session=True,
            )  # fmt: skip
        except OSError:
            return None
        with asked:
            try:
                said, _ = asked.communicate(timeout=VERSION_SECONDS)
            except subprocess.TimeoutExpired:
                return None
            finally:  # also of what it started, which may hold on to what it writes to
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(asked.pid, signal.SIGKILL)
    found = re.search(rb"\d+\.\d+(\.\d+)?", said)
    return found[0].decode() if found else None
