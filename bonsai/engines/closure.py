"""Which of Bonsai's own files a template's code needs: its imports, followed through the kit."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import bonsai
from bonsai.base import BonsaiError
from bonsai.templates import parse

PACKAGE = Path(bonsai.__file__).resolve().parent
KIT = "bonsai.kit"  # the only part of Bonsai that goes elsewhere


def kit_files(code: Iterable[Path]) -> list[Path]:
    """The files of the kit, and of the packages it lies in, that code takes; none if it takes none.

    Args:
        code: files of Python; what does not parse takes nothing.

    Raises:
        BonsaiError: it takes another part of Bonsai.
    """
    waiting = list(code)
    found: dict[Path, None] = {}
    for path in waiting:  # grows while it is gone through
        tree = parse(path)
        for name, line in imports(tree) if tree else ():
            if not f"{KIT}.".startswith(f"{name}.") and not name.startswith(f"{KIT}."):
                raise BonsaiError(
                    f"{path}:{line} imports {name}, and only {KIT} goes along with a template; "
                    f"take what it needs from {KIT}, or write it into the template"
                )
            for file in _files(name):
                if file not in found:
                    found[file] = None
                    waiting.append(file)
    return list(found)


def imports(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Modules of Bonsai that code imports, anywhere in it, with the lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "bonsai":
                    yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("bonsai."):
            yield str(node.module), node.lineno
            for alias in node.names:
                if file_of(f"{node.module}.{alias.name}"):
                    yield f"{node.module}.{alias.name}", node.lineno


def file_of(name: str) -> Path | None:
    """The file of a module of Bonsai; None if there is none."""
    place = PACKAGE.joinpath(*name.split(".")[1:])
    return next(
        (path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None
    )


def _files(name: str) -> Iterator[Path]:
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        if path := file_of(".".join(parts[:length])):
            yield path
