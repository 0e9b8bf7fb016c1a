"""A statement with other names in it, and otherwise as it was written."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bonsai.base import BonsaiError
from bonsai.engines.flattening.scopes import Reference
from bonsai.engines.flattening.sources import External, Own, Source, Unit

OWN_TEXT = "Path(__file__).read_bytes()"  # what identifies a version of a file
NOTES = re.compile(r"[ \t]+# (fmt: skip|noqa\b[^\n]*|type: ignore\b[^\n]*)$", re.MULTILINE)
Edit = tuple[int, int, bytes]


@dataclass(frozen=True)
class Resolved:
    """A reference, what it means, and how many parts of it name that."""

    reference: Reference
    symbol: Own | External
    used: int


def rewrite(
    unit: Unit,
    source: Source,
    resolved: Sequence[Resolved],
    names: Mapping[Own | External, str],
    is_before: Callable[[Own | External], bool],
) -> str:
    """The text of a statement in the one file.

    Args:
        unit: the statement; its tree is changed.
        source: its module.
        resolved: what its references mean.
        names: what everything is called.
        is_before: whether a name is bound above the statement.

    Raises:
        BonsaiError: it reads its own file.
    """
    change = _Change(unit)
    change.own_text(source)
    for each in resolved:
        change.refer(each, names[each.symbol])
    if source.defers:
        change.quote_annotations(resolved, is_before)
    change.rename_bindings(lambda name: names.get(Own(unit.module, name), name))
    change.drop(unit.seen.imports)
    return change.text()


class _Change:
    """The same change, of a text and of its syntax tree."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.content = NOTES.sub("", unit.text).encode()
        first = min([unit.node.lineno, *(d.lineno for d in _decorators(unit.node))])
        self.starts = [0]
        for line in self.content.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.first = first
        self.edits: list[Edit] = []
        self.nodes: dict[int, ast.AST | None] = {}

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        begin = self.starts[node.lineno - self.first] + node.col_offset
        end_line = node.end_lineno or node.lineno
        return begin, self.starts[end_line - self.first] + (node.end_col_offset or 0)

    def own_text(self, source: Source) -> None:
        digest = hashlib.sha256(source.content.encode()).hexdigest().encode()
        asks = [
            node
            for node in ast.walk(self.unit.node)
            if isinstance(node, ast.Call) and ast.unparse(node) == OWN_TEXT
        ]
        for node in asks:
            self.nodes[id(node)] = ast.Constant(digest)
            self.edits.append((*self._span(node), repr(digest).encode()))
        own = [each for each in self.unit.seen.references if each.parts[0] == "__file__"]
        if len(own) > len(asks):
            raise BonsaiError(
                f"{source.path}:{own[0].nodes[0].lineno} asks where its own file lies, and a "
                "program that is run as text lies nowhere; give the path in another way"
            )

    def refer(self, each: Resolved, new: str) -> None:
        reference = each.reference
        old, node = ".".join(reference.parts[: each.used]), reference.nodes[each.used - 1]
        if old == new:
            return
        if isinstance(node, ast.Constant):
            self.nodes[id(node)] = ast.Constant(new)
            self.edits.append((*self._span(node), f'"{new}"'.encode()))
            return
        self.nodes[id(node)] = ast.Name(new, getattr(node, "ctx", ast.Load()))
        if reference.joined is None:
            self.edits.append((*self._span(node), new.encode()))
        else:  # before Python 3.12 nodes within do not tell where they are
            self._within(reference.joined, old, new)

    def _within(self, node: ast.expr | ast.stmt, old: str, new: str) -> None:
        begin, end = self._span(node)
        for edit in [edit for edit in self.edits if (edit[0], edit[1]) == (begin, end)]:
            self.edits.remove(edit)
            text = edit[2]
            break
        else:
            text = self.content[begin:end]
        pattern = rf"(?<![\w.]){re.escape(old)}(?!\w)".encode()
        self.edits.append((begin, end, re.sub(pattern, new.encode(), text)))

    def quote_annotations(
        self, resolved: Sequence[Resolved], is_before: Callable[[Own | External], bool]
    ) -> None:
        """Make strings of annotations that name what is bound below them: these are evaluated."""
        late = {
            id(each.reference.nodes[0])
            for each in resolved
            if isinstance(each.symbol, Own) and not is_before(each.symbol)
        }
        for annotation in self.unit.seen.annotations:
            if not late & {id(node) for node in ast.walk(annotation)}:
                continue
            span = self._span(annotation)
            changed = _Replace(self.nodes).visit(annotation)
            assert changed is not None
            text = ast.unparse(changed)
            self.nodes[id(annotation)] = ast.Constant(text)
            self.edits = [
                edit for edit in self.edits if not (span[0] <= edit[0] and edit[1] <= span[1])
            ]
            self.edits.append((*span, f'"{text}"'.encode()))

    def rename_bindings(self, called: Callable[[str], str]) -> None:
        """The names of functions, classes and imports, and those that are declared global."""
        node = self.unit.node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            new = called(node.name)
            if new != node.name:
                begin = self.starts[node.lineno - self.first]
                header = self.content[begin:]
                word = re.search(rf"\b{node.name}\b".encode(), header)
                assert word is not None
                self.edits.append((begin + word.start(), begin + word.end(), new.encode()))
                node.name = new
        for statement in self.unit.seen.globals:
            for name in statement.names:
                if called(name) != name:
                    self._within(statement, name, called(name))
            statement.names = [called(name) for name in statement.names]
        local = {id(each) for each in self.unit.seen.imports}
        for each in ast.walk(node):
            if isinstance(each, ast.Import | ast.ImportFrom) and id(each) not in local:
                for alias in each.names:
                    bound = alias.asname or alias.name
                    if bound in self.unit.binds and called(bound) != bound:
                        alias.asname = called(bound)

    def drop(self, statements: Sequence[ast.stmt]) -> None:
        """Leave out statements, with their lines."""
        for node in statements:
            self.nodes[id(node)] = None
            begin = self.starts[node.lineno - self.first]
            end = self.starts[(node.end_lineno or node.lineno) - self.first + 1]
            if self.content[end:].startswith(b"\n"):
                end += 1  # the empty line below imports
            self.edits.append((begin, end, b""))

    def text(self) -> str:
        content = self.content
        for begin, end, new in sorted(self.edits, reverse=True):
            content = content[:begin] + new + content[end:]
        tree = _Replace(self.nodes).visit(self.unit.node)
        assert isinstance(tree, ast.stmt)
        ast.fix_missing_locations(tree)
        text = content.decode()
        try:
            same = ast.dump(ast.parse(text).body[0]) == ast.dump(tree)
        except (SyntaxError, IndexError):
            same = False
        return text if same else ast.unparse(tree) + "\n"


class _Replace(ast.NodeTransformer):
    def __init__(self, nodes: Mapping[int, ast.AST | None]) -> None:
        self.nodes = nodes

    def visit(self, node: ast.AST) -> ast.AST | None:
        if id(node) in self.nodes:
            return self.nodes[id(node)]
        found: ast.AST = self.generic_visit(node)
        if isinstance(getattr(found, "body", None), list) and not found.body:  # type: ignore[attr-defined]
            found.body = [ast.Pass()]  # type: ignore[attr-defined]
        return found


def _decorators(node: ast.stmt) -> list[ast.expr]:
    return getattr(node, "decorator_list", [])
