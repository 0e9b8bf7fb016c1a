"""Which names in a statement mean something of its module, rather than something local."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
LocalImport = Callable[[ast.stmt], dict[str, object] | None]


@dataclass
class Reference:
    """A name of the module, or a chain of attributes that begins with one.

    Attributes:
        nodes: the name, then each attribute around it.
        parts: their names.
        hidden: names that mean something local where it stands.
        joined: the formatted string that it stands in.
        meant: what an import within the function binds the name to; None: what the module does.
    """

    nodes: list[ast.expr]
    parts: list[str]
    hidden: frozenset[str]
    joined: ast.JoinedStr | None = None
    meant: object | None = None


@dataclass
class Seen:
    """What a statement refers to.

    Attributes:
        references: in the order of the text.
        annotations: those that Python evaluates as soon as it meets the statement.
        globals: statements that declare names to be the module's.
        imports: statements within functions for whose names something else stands.
    """

    references: list[Reference] = field(default_factory=list)
    annotations: list[ast.expr] = field(default_factory=list)
    globals: list[ast.Global] = field(default_factory=list)
    imports: list[ast.stmt] = field(default_factory=list)


@dataclass
class _Scope:
    is_class: bool
    bound: set[str]
    declared: set[str]
    meant: dict[str, object]


def look(statement: ast.stmt, local_import: LocalImport) -> Seen:
    """Find the references of a top-level statement.

    Args:
        statement: of a module.
        local_import: what the names of an import within a function are to mean; None: what it says.
    """
    walker = _Walker(local_import)
    walker.visit(statement)
    return walker.seen


def bound(body: Iterable[ast.AST]) -> tuple[set[str], set[str]]:
    """The names that statements bind where they stand, and those that they declare global."""
    names: set[str] = set()
    declared: set[str] = set()
    waiting = list(body)
    while waiting:
        node = waiting.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
            case ast.Lambda():
                pass
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                walrus = (each for each in ast.walk(node) if isinstance(each, ast.NamedExpr))
                names.update(each.target.id for each in walrus)
            case ast.Import() | ast.ImportFrom():
                names.update(alias.asname or alias.name.split(".")[0] for alias in node.names)
            case ast.Global():
                declared.update(node.names)
            case _:
                if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                    names.add(node.id)
                own = getattr(node, "name", None) or getattr(node, "rest", None)
                if isinstance(node, ast.ExceptHandler | ast.pattern) and isinstance(own, str):
                    names.add(own)
                waiting += ast.iter_child_nodes(node)
    return names - declared, declared


class _Walker(ast.NodeVisitor):
    def __init__(self, local_import: LocalImport) -> None:
        self.seen = Seen()
        self._local_import = local_import
        self._scopes: list[_Scope] = []
        self._joined: ast.JoinedStr | None = None

    # -------------------------------------------------------------------------------- what is found

    def visit_Name(self, node: ast.Name) -> None:
        self._refer([node], [node.id])

    def visit_Attribute(self, node: ast.Attribute) -> None:
        nodes: list[ast.expr] = [node]
        while isinstance(nodes[0], ast.Attribute):
            nodes.insert(0, nodes[0].value)
        root = nodes[0]
        if isinstance(root, ast.Name):
            attributes = [each.attr for each in nodes[1:] if isinstance(each, ast.Attribute)]
            self._refer(nodes, [root.id, *attributes])
        else:
            self.visit(root)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        outer, self._joined = self._joined, self._joined or node
        self.generic_visit(node)
        self._joined = outer

    def visit_Global(self, node: ast.Global) -> None:
        self.seen.globals.append(node)

    def _refer(self, nodes: list[ast.expr], parts: list[str]) -> None:
        found, meant = self._meaning(parts[0])
        if found:
            hidden = {
                name
                for scope in self._scopes
                for name in scope.bound
                if not scope.is_class or scope is self._scopes[-1]
            }
            self.seen.references.append(
                Reference(nodes, parts, frozenset(hidden), self._joined, meant)
            )

    def _meaning(self, name: str) -> tuple[bool, object | None]:
        for scope in reversed(self._scopes):
            if scope.is_class and scope is not self._scopes[-1]:
                continue
            if name in scope.meant:
                return True, scope.meant[name]
            if name in scope.declared:
                return True, None
            if name in scope.bound:
                return False, None
        return True, None

    # --------------------------------------------------------------------------------------- scopes

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for each in node.decorator_list:
            self.visit(each)
        self._function(node, node.body)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._function(node, [node.body])

    def _function(self, node: Function, body: list[ast.stmt] | list[ast.expr]) -> None:
        given = node.args
        arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs]
        arguments += [each for each in (given.vararg, given.kwarg) if each]
        for default in (*given.defaults, *given.kw_defaults):
            if default is not None:
                self.visit(default)
        for argument in arguments:
            self._annotation(argument.annotation)
        self._annotation(getattr(node, "returns", None))
        names, declared = bound(body)
        meant = {} if isinstance(node, ast.Lambda) else self._meant_by_imports(node.body)
        names = (names | {argument.arg for argument in arguments}) - set(meant)
        self._within(_Scope(False, names, declared, meant), body)

    def _meant_by_imports(self, body: list[ast.stmt]) -> dict[str, object]:
        meant: dict[str, object] = {}
        waiting: list[ast.AST] = list(body)
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.Import | ast.ImportFrom):
                if (found := self._local_import(node)) is not None:
                    meant.update(found)
                    self.seen.imports.append(node)
            elif not isinstance(node, Function | ast.ClassDef):
                waiting += ast.iter_child_nodes(node)
        return meant

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for each in (*node.decorator_list, *node.bases, *node.keywords):
            self.visit(each)
        names, declared = bound(node.body)
        self._within(_Scope(True, names, declared, {}), node.body)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._annotation(node.annotation)
        for each in (node.target, node.value):
            if each is not None:
                self.visit(each)

    def _annotation(self, node: ast.expr | None) -> None:
        if node is None:
            return
        if all(scope.is_class for scope in self._scopes):
            self.seen.annotations.append(node)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if node.value.isidentifier():  # the name of a class, as a string
                self._refer([node], [node.value])
            return
        self.visit(node)

    def _comprehension(self, node: Comprehension) -> None:
        self.visit(node.generators[0].iter)
        names, _ = bound([each.target for each in node.generators])
        rest: list[ast.AST] = [each.iter for each in node.generators[1:]]
        rest += [condition for each in node.generators for condition in each.ifs]
        rest += [each.target for each in node.generators]
        rest += [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        self._within(_Scope(False, names, set(), {}), rest)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def _within(self, scope: _Scope, body: Iterable[ast.AST]) -> None:
        self._scopes.append(scope)
        for each in body:
            self.visit(each)
        self._scopes.pop()
