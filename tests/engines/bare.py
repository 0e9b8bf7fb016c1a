"""A Python that sees a few packages and what these need, and nothing else of this environment."""

from __future__ import annotations

import os
import re
import sys
from functools import lru_cache
from importlib import metadata
from pathlib import Path

# What torch and matplotlib name among their needs, and do without for all that an experiment does.
LEFT_OUT = {"filelock", "fsspec", "platformdirs"}


def bare_python(folder: Path, *distributions: str) -> dict[str, str]:
    """The environment in which `python` is this one with these packages alone.

    The packages are linked into a folder of their own; `-S` keeps those of this environment out,
    Bonsai among them.
    """
    seen = folder / "packages"
    seen.mkdir(parents=True)
    for name in _needed(list(distributions)):
        for place in _places(name):
            if not (seen / place.name).exists():
                (seen / place.name).symlink_to(place)
    python = folder / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S -B "$@"\n')
    python.chmod(0o755)
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    return {**kept, "PATH": path, "PYTHONPATH": str(seen), "MPLCONFIGDIR": str(folder / "mpl")}


@lru_cache
def _places(name: str) -> tuple[Path, ...]:
    """What a package puts beside others."""
    distribution = metadata.distribution(name)
    tops = {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}
    places = (Path(str(distribution.locate_file(top))) for top in tops)
    return tuple(place for place in places if place.exists())


def _needed(waiting: list[str]) -> list[str]:
    found: dict[str, None] = {}
    for name in waiting:  # grows while it is gone through
        plain = re.sub(r"[-_.]+", "-", name).lower()
        if plain in found or plain in LEFT_OUT:
            continue
        try:
            requires = metadata.distribution(plain).requires or []
        except metadata.PackageNotFoundError:
            continue  # for another system
        found[plain] = None
        for requirement in requires:
            if "extra ==" not in requirement:
                waiting.append(re.split(r"[^\w.-]", requirement, maxsplit=1)[0])
    return list(found)
