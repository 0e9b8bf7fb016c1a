"""A program's modules, and what each of their names is bound to: read, and never run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bonsai.base import BonsaiError, untrusted
from bonsai.engines.closure import file_of
from bonsai.engines.flattening.scopes import Seen, bound, look

MOST_SOURCE_BYTES = 1_000_000
NEVER = ("TYPE_CHECKING", "typing.TYPE_CHECKING")
MAIN = "__name__ == '__main__'"


@dataclass(frozen=True)
class Own:
    """A name that a module's own statements bind."""

    module: str
    name: str


@dataclass(frozen=True)
class External:
    """A name that is imported from elsewhere: `import a.b as c`, or `from a import b as c`."""

    module: str
    attribute: str | None
    name: str  # what it is called

    @property
    def plain(self) -> bool:
        """Whether it is `import a.b`, which binds the name `a`."""
        return self.attribute is None and self.name == self.module.split(".")[0]


@dataclass(frozen=True)
class Whole:
    """A module of the program, by its name."""

    module: str


@dataclass(frozen=True)
class Elsewhere:
    """A name of another module of the program."""

    module: str
    name: str


Binding = Own | External | Whole | Elsewhere


@dataclass(eq=False)
class Unit:
    """A statement at the top of a module, which is taken whole or left out.

    Attributes:
        module: the module's name.
        node: the statement.
        text: its source, from its decorators to the end of its last line.
        above: the comments before it.
        binds: the names that it binds.
        seen: what it refers to.
        acts: whether it does more than to bind names.
    """

    module: str
    node: ast.stmt
    text: str
    above: str
    binds: frozenset[str]
    seen: Seen
    acts: bool


@dataclass
class Source:
    """A module.

    Attributes:
        name: as it is imported.
        path: its file, for messages.
        about: its docstring.
        content: its text.
        units: its statements, but for imports.
        main: the statements under `if __name__ == "__main__":`.
        bindings: what its names mean.
        imports: the modules of the program that it imports, in order.
        late: those that its functions import.
        defers: whether its annotations are never evaluated.
    """

    name: str
    path: str
    about: str
    content: str
    units: list[Unit] = field(default_factory=list)
    main: list[Unit] = field(default_factory=list)
    bindings: dict[str, Binding] = field(default_factory=dict)
    imports: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    defers: bool = False


class Sources:
    """The modules of a program: those of a folder, the kit, and those that are given as texts."""

    def __init__(self, folder: Path, given: Mapping[str, str], instead: Mapping[str, str]) -> None:
        """Look for modules in these places; they are read when they are asked for.

        Args:
            folder: of the template.
            given: texts of further modules, by name.
            instead: definitions that stand in for those of the same names, by the module's name.
        """
        self.folder = folder
        self.given = given
        self.instead = instead
        self._read: dict[str, Source] = {}

    def __getitem__(self, name: str) -> Source:
        """A module of the program.

        Raises:
            BonsaiError: it cannot be read or does not parse.
        """
        if name not in self._read:
            self._read[name] = self._load(name)
        return self._read[name]

    def has(self, name: str) -> bool:
        """Whether a module is one of the program's."""
        if name in self.given:
            return True
        if name.split(".")[0] == "bonsai":
            return file_of(name) is not None
        return self._local(name) is not None

    def _local(self, name: str) -> Path | None:
        place = self.folder.joinpath(*name.split("."))
        return next(
            (path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()),
            None,
        )

    def _load(self, name: str) -> Source:
        path: Path | None = None
        if name in self.given:
            content = self.given[name]
        else:
            path = file_of(name) if name.split(".")[0] == "bonsai" else self._local(name)
            assert path is not None
            content = untrusted.read_text(path, MOST_SOURCE_BYTES, follow=True)
        source = self._parse(name, str(path or name), content)
        if name in self.instead:
            _replace(source, self._parse(name, name, self.instead[name]))
        return source

    # -------------------------------------------------------------------------------------- reading

    def _parse(self, name: str, path: str, content: str) -> Source:
        try:
            tree = ast.parse(content)
        except (SyntaxError, ValueError) as error:
            raise BonsaiError(f"{path} does not parse: {error}") from error
        source = Source(name, path, ast.get_docstring(tree) or "", content)
        self._statements(source, tree.body[1:] if source.about else tree.body, tree)
        return source

    def _statements(self, source: Source, body: Sequence[ast.stmt], tree: ast.Module) -> None:
        lines = source.content.splitlines(keepends=True)
        end = _first_line(tree.body[0]) if tree.body else 1
        end = max(end - 1, tree.body[0].end_lineno or 0) if source.about else 0
        for node in body:
            first, last = _first_line(node), node.end_lineno or node.lineno
            above = "".join(lines[end : first - 1]) if first > end else ""
            end = last
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._import(source, node)
            elif isinstance(node, ast.If) and ast.unparse(node.test) in NEVER:
                for each in node.body:
                    if isinstance(each, ast.Import | ast.ImportFrom):
                        self._import(source, each)
                    else:
                        text = ast.unparse(each) + "\n"
                        self._unit(source, ast.parse(text).body[0], text, "")
            elif isinstance(node, ast.If) and ast.unparse(node.test) == MAIN:
                source.main = [self._main(source, each) for each in node.body]
            elif not self._modules_by_path(source, node):
                self._unit(source, node, "".join(lines[first - 1 : last]), above)

    def _unit(self, source: Source, node: ast.stmt, text: str, above: str) -> None:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return  # text that documents the name above it
        names = _names(node) | {
            name for name in _changed(node) if isinstance(source.bindings.get(name), Own)
        }
        if names == {"__all__"}:
            return
        plain = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign
        acts = not names or not isinstance(node, plain | ast.AugAssign)
        seen = look(node, self._local_import)
        source.late += [name for each in seen.imports for name in self._modules_of(each)]
        source.units.append(Unit(source.name, node, text, above, names, seen, acts))
        for name in names:
            source.bindings[name] = Own(source.name, name)

    def _main(self, source: Source, node: ast.stmt) -> Unit:
        text = ast.get_source_segment(source.content, node, padded=True) or ""
        text = (_dedent(text) or ast.unparse(node)) + "\n"
        node = ast.parse(text).body[0]
        for name in _names(node):
            source.bindings[name] = Own(source.name, name)
        seen = look(node, self._local_import)
        return Unit(source.name, node, text, "", _names(node), seen, True)

    def _import(self, source: Source, node: ast.Import | ast.ImportFrom) -> None:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            source.defers = source.defers or any(each.name == "annotations" for each in node.names)
            return
        for name, binding in self.imported(node).items():
            source.bindings[name] = binding
        for module in self._modules_of(node):
            if module not in source.imports:
                source.imports.append(module)

    def imported(self, node: ast.Import | ast.ImportFrom) -> dict[str, Binding]:
        """What the names of an import are bound to.

        Raises:
            BonsaiError: it takes everything, or is relative.
        """
        found: dict[str, Binding] = {}
        for alias in node.names:
            called = alias.asname or alias.name
            if isinstance(node, ast.Import):
                top = alias.name.split(".")[0]
                name = alias.asname or top
                whole = alias.name if alias.asname else top
                found[name] = Whole(whole) if self.has(whole) else External(alias.name, None, name)
            elif node.level or alias.name == "*" or node.module is None:
                raise BonsaiError(
                    f"`{ast.unparse(node)}` cannot be written into one file: name what is "
                    "imported, and from which module"
                )
            elif not self.has(node.module):
                found[called] = External(node.module, alias.name, called)
            elif self.has(f"{node.module}.{alias.name}"):
                found[called] = Whole(f"{node.module}.{alias.name}")
            else:
                found[called] = Elsewhere(node.module, alias.name)
        return found

    def _modules_of(self, node: ast.stmt) -> Iterator[str]:
        found = self.imported(node) if isinstance(node, ast.Import | ast.ImportFrom) else {}
        for binding in found.values():
            if isinstance(binding, Whole | Elsewhere):
                yield binding.module

    def _local_import(self, node: ast.stmt) -> dict[str, object] | None:
        """An import within a function: of a module of the program, or of what all of it imports."""
        if not isinstance(node, ast.Import | ast.ImportFrom):
            return None
        found = self.imported(node)
        ours = [isinstance(binding, Whole | Elsewhere) for binding in found.values()]
        late = isinstance(node, ast.Import) and all(each.name == "torch" for each in node.names)
        return dict(found) if all(ours) or late else None

    def _modules_by_path(self, source: Source, node: ast.stmt) -> bool:
        """Whether a statement loads modules beside it by their paths, as score.py does.

        That is an assignment of names, each of a file beside it that its right side mentions.
        """
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            return False
        target = node.targets[0]
        names = target.elts if isinstance(target, ast.Tuple) else [target]
        called = [each.id for each in names if isinstance(each, ast.Name)]
        said = {each.value for each in ast.walk(node.value) if isinstance(each, ast.Constant)}
        if len(called) != len(names) or not isinstance(node.value, ast.Call | ast.GeneratorExp):
            return False
        if not all(self._local(name) and {name, f"{name}.py"} & said for name in called):
            return False
        for name in called:
            source.bindings[name] = Whole(name)
            source.imports.append(name)
        return True

    # ------------------------------------------------------------------------------------ resolving

    def meaning(self, module: str, parts: Sequence[str]) -> tuple[Binding | None, int]:
        """What a chain of attributes means, and how many parts of it name that.

        Returns:
            An `Own` or `External` name, or a `Whole` module where no more is said of it; None: it
            is no name of the module.
        """
        binding = self[module].bindings.get(parts[0])
        return self.follow(binding, parts)

    def follow(self, binding: Binding | None, parts: Sequence[str]) -> tuple[Binding | None, int]:
        """The same for a chain whose first part is bound to this."""
        used = 1
        while True:
            if isinstance(binding, Elsewhere):
                found = self[binding.module].bindings.get(binding.name)
                if found is None:
                    raise BonsaiError(f"{self[binding.module].path} has no {binding.name}")
                binding = found
            elif isinstance(binding, Whole) and used < len(parts):
                name = parts[used]
                inner = f"{binding.module}.{name}"
                next_binding = self[binding.module].bindings.get(name)
                if next_binding is None:
                    if not self.has(inner):
                        raise BonsaiError(f"{self[binding.module].path} has no {name}")
                    next_binding = Whole(inner)
                binding, used = next_binding, used + 1
            else:
                return binding, used


def _names(node: ast.stmt) -> frozenset[str]:
    """The names that a statement at the top of a module binds."""
    return frozenset(bound([node])[0])


def _changed(node: ast.stmt) -> Iterator[str]:
    """The names of what a statement changes a part of, as `TABLE["a"] = 1` does."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AugAssign | ast.AnnAssign):
        targets = [node.target]
    for target in targets:
        while isinstance(target, ast.Attribute | ast.Subscript):
            target = target.value
        if isinstance(target, ast.Name):
            yield target.id


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])


def _dedent(text: str) -> str:
    """A statement moved to the left margin; nothing where a string in it would change."""
    lines = text.splitlines()
    indent = len(lines[0]) - len(lines[0].lstrip()) if lines else 0
    if any(line[:indent].strip() for line in lines):
        return ""
    return re.sub(rf"(?m)^[ \t]{{{indent}}}", "", text)


def _replace(source: Source, instead: Source) -> None:
    """Let the definitions of one module stand in for those of another."""
    source.bindings.update(instead.bindings)
    source.imports += [name for name in instead.imports if name not in source.imports]
    source.late += instead.late
    kept = {unit.binds: unit for unit in instead.units}
    source.units = [kept.pop(unit.binds, unit) for unit in source.units]
    source.units += kept.values()
