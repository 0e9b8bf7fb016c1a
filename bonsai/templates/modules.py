"""The files that a template's code consists of, and what they import; read, and never run."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path

from bonsai.base import BonsaiError, untrusted
from bonsai.templates.contract import MAX_JSON_BYTES

MOST_MODULES = 300
PATH_CALLS = ("append", "insert", "extend")


@dataclass(frozen=True)
class Module:
    """One file of a template's code.

    Attributes:
        path: the file.
        name: its path from the template's folder.
        tree: its text, parsed.
        is_started: whether it is run itself, rather than imported.
    """

    path: Path
    name: str
    tree: ast.Module
    is_started: bool


def modules(folder: Path, *starts: str) -> list[Module]:
    """The files of a template that are run or imported, as far as their text tells.

    Args:
        folder: the template.
        starts: the files that are run; by default `experiment.py`. What is not there or does not
            parse is left out.
    """
    local = Local(folder)
    waiting = [(folder / name, True) for name in starts or ("experiment.py",)]
    found: dict[Path, Module] = {}
    while waiting and len(found) < MOST_MODULES:
        path, is_started = waiting.pop(0)
        path = Path(os.path.normpath(path))
        tree = parse(path)
        if path in found or tree is None:
            continue
        name = Path(os.path.relpath(path, folder)).as_posix()
        module = found[path] = Module(path, name, tree, is_started)
        local.learn(tree)
        for name, names, _, _ in imports(module):
            waiting += [(each, False) for each in local.files(module, name, names)]
        waiting += [(each, True) for each in _scripts(tree, folder)]
    return list(found.values())


def parse(path: Path) -> ast.Module | None:
    """The text of a file, parsed; None if it is not there or is no Python."""
    try:
        return ast.parse(untrusted.read_bytes(path, MAX_JSON_BYTES, follow=True))
    except (BonsaiError, OSError, SyntaxError, ValueError, RecursionError):
        return None


def _scripts(tree: ast.Module, folder: Path) -> Iterator[Path]:
    """Files of the folder that code names as a whole string, as `subprocess` wants them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            name = node.value
            if re.fullmatch(r"[\w./-]{1,200}\.py", name) and name not in ("plot.py", "./plot.py"):
                yield folder / name


class Local:
    """Finds modules that lie in a template's folder, or where its code says that more lie."""

    def __init__(self, folder: Path) -> None:
        """Look for modules in `folder`, and where the code in it says."""
        self.folder = folder
        self.roots = [folder]
        for path in sorted(folder.glob("*.py")):
            if tree := parse(path):
                self.learn(tree)

    def learn(self, tree: ast.Module) -> None:
        """Take the folders that code adds to `sys.path`."""
        for node in ast.walk(tree):
            added: ast.AST | None = None
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                if node.func.attr in PATH_CALLS and ast.unparse(node.func.value) == "sys.path":
                    added = node
            elif isinstance(node, ast.AugAssign) and ast.unparse(node.target) == "sys.path":
                added = node.value
            if added is not None:
                held = [each.value for each in ast.walk(added) if isinstance(each, ast.Constant)]
                texts = [text for text in held if isinstance(text, str)]
                named = [self.folder / text for text in ("/".join(texts), *texts) if text]
                there = [path for path in named if path.is_dir()]
                self.roots += there or self.folder.parents[:2]

    def files(self, module: Module, name: str, names: Sequence[str]) -> list[Path]:
        """The local files that an import takes; none if it is of something else."""
        level = len(name) - len(name.lstrip("."))
        parts = [part for part in name.split(".") if part]
        roots = self.roots
        if level:
            above = module.path.parent
            for _ in range(level - 1):
                above = above.parent
            roots = [above]
        for root in roots:
            if found := list(_files_of(root, parts, names)):
                return found
        return []


def _files_of(root: Path, parts: Sequence[str], names: Sequence[str]) -> Iterator[Path]:
    here = root
    for number, part in enumerate(parts):
        if (here / f"{part}.py").is_file() and not (here / part / "__init__.py").is_file():
            yield here / f"{part}.py"
            return
        here = here / part
        if number == 0 and not (here.is_dir() and any(here.rglob("*.py"))):
            return
        if (here / "__init__.py").is_file():
            yield here / "__init__.py"
        elif number == 0:
            yield here
    for name in names:
        for path in (here / f"{name}.py", here / name / "__init__.py"):
            if path.is_file():
                yield path


Import = tuple[str, tuple[str, ...], int, bool]


def imports(module: Module) -> list[Import]:
    """Of each import: the module (dots before it if relative), names, line, and if it may fail."""
    found: list[Import] = []
    for node, is_caught in reached(module):
        if isinstance(node, ast.Import):
            found += [(alias.name, (), node.lineno, is_caught) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            found.append((f"{'.' * node.level}{node.module or ''}", names, node.lineno, is_caught))
        elif isinstance(node, ast.Call) and node.args:
            first = node.args[0]
            if (
                ast.unparse(node.func) in ("__import__", "importlib.import_module", "import_module")
                and isinstance(first, ast.Constant)
                and isinstance(first.value, str)
                and first.value
            ):
                found.append((first.value, (), node.lineno, is_caught))
    return sorted(found, key=lambda each: each[2])


def reached(module: Module) -> Iterator[tuple[ast.AST, bool]]:
    """Each node that can be run, and whether the code goes on where an import in it fails."""
    waiting: list[tuple[ast.AST, bool]] = [(module.tree, False)]
    while waiting:
        node, is_caught = waiting.pop()
        yield node, is_caught
        inner: list[tuple[ast.AST, bool]]
        if isinstance(node, ast.Try):
            goes_on = is_caught or any(_forgives(handler) for handler in node.handlers)
            works = all(lacking(name) is None for name in _plain_imports(node.body))
            inner = [(each, goes_on) for each in (*node.body, *node.orelse)]
            inner += [(each, is_caught or works) for each in node.handlers]
            inner += [(each, is_caught) for each in node.finalbody]
        elif isinstance(node, ast.If) and _is_never(node.test, module.is_started):
            inner = [(each, is_caught) for each in node.orelse]
        else:
            inner = [(each, is_caught) for each in ast.iter_child_nodes(node)]
        waiting += reversed(inner)


def _is_never(test: ast.expr, is_started: bool) -> bool:
    text = ast.unparse(test)
    return text in ("TYPE_CHECKING", "typing.TYPE_CHECKING", "False") or (
        not is_started and text.replace('"', "'") == "__name__ == '__main__'"
    )


def _forgives(handler: ast.ExceptHandler) -> bool:
    """Whether it catches an import that fails, and goes on."""
    caught = "" if handler.type is None else ast.unparse(handler.type)
    if caught and not re.search(r"ImportError|ModuleNotFoundError|\bException\b", caught):
        return False
    ends = ("exit", "sys.exit", "quit", "os._exit")
    return not any(
        isinstance(node, ast.Raise)
        or (isinstance(node, ast.Call) and ast.unparse(node.func) in ends)
        for each in handler.body
        for node in ast.walk(each)
    )


def _plain_imports(body: Sequence[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


# --------------------------------------------------------------------------------- what is missing


def lacking(name: str) -> str | None:
    """The shortest beginning of a module's name that is not installed; None if all of it is."""
    parts = name.split(".")
    if parts[0] in sys.stdlib_module_names or parts[0] == "bonsai":
        return None
    spec = _top(parts[0])
    for length in range(2, len(parts) + 1):
        if spec is None or spec.loader is not None or spec.submodule_search_locations is None:
            break
        spec = PathFinder.find_spec(".".join(parts[:length]), spec.submodule_search_locations)
        if spec is None:
            return ".".join(parts[:length])
    return parts[0] if spec is None else None


def is_namespace(name: str) -> bool:
    """Whether the top of a module's name is a namespace that several distributions share."""
    spec = _top(name.split(".")[0])
    return spec is not None and spec.loader is None


def _top(name: str) -> ModuleSpec | None:
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):  # one that is loaded may lack a record of how
        return None if name not in sys.modules else ModuleSpec(name, None, is_package=False)
    if spec is not None and spec.origin is None and spec.submodule_search_locations is not None:
        bare = ModuleSpec(name, None, is_package=True)
        bare.submodule_search_locations = list(spec.submodule_search_locations)
        return bare
    return spec
