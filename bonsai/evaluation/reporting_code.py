"""Whether the code that reports a program's metrics is what it was, where nobody measures them.

Looked at are the statements that name a metric, `final_info`, or write JSON, and one step backwards
from there: the statements that give a value to what those report. What is computed before, the idea
is free to change.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterator

WRITERS = ("dump", "dumps")
RESULTS = "final_info"


def changed(before: bytes, after: bytes, metrics: Collection[str]) -> tuple[list[str], list[str]]:
    """The statements that one source has and the other has not, as code.

    Args:
        before: the template's experiment.py.
        after: the idea's.
        metrics: names as they stand in the results, joined with `/`.

    Returns:
        Those that report metrics, and those that compute what these report.
    """
    names = {part for name in metrics for part in name.split("/")}
    pairs = zip(_statements(before, names), _statements(after, names), strict=True)
    reporting, computing = (
        [*(old - new).elements(), *(new - old).elements()] for old, new in pairs
    )
    return reporting, computing


def constants(source: bytes, metrics: Collection[str]) -> list[str]:
    """Metrics that a source gives a fixed number instead of a result, at once or by a variable."""
    names = {name.split("/")[-1] for name in metrics}
    found: dict[str, None] = {}
    fixed = _fixed_names(source)
    for node in ast.walk(_parsed(source)):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if (
                    isinstance(key, ast.Constant) and key.value in names
                    and (_is_number(value) or _variable(value) in fixed)
                ):  # fmt: skip
                    found[str(key.value)] = None
        elif isinstance(node, ast.Assign) and (
            _is_number(node.value) or _variable(node.value) in fixed
        ):
            for target in node.targets:
                index = target.slice if isinstance(target, ast.Subscript) else None
                if isinstance(index, ast.Constant) and index.value in names:
                    found[str(index.value)] = None
    return list(found)


def _statements(source: bytes, names: Collection[str]) -> tuple[Counter[str], Counter[str]]:
    """Statements that report, and those that give a value to a variable which these read."""
    simple = [
        node
        for node in ast.walk(_parsed(source))
        if isinstance(node, ast.stmt) and not hasattr(node, "body")
    ]
    reporting = [node for node in simple if any(_tells(inner, names) for inner in ast.walk(node))]
    read = {
        inner.id
        for node in reporting
        for inner in ast.walk(node)
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load)
    }
    told = {id(node) for node in reporting}
    computing = [node for node in simple if id(node) not in told and read & set(_given(node))]
    return Counter(map(ast.unparse, reporting)), Counter(map(ast.unparse, computing))


def _given(node: ast.stmt) -> Iterator[str]:
    """Variables that a statement gives a value, or adds to: `x = 1`, `x += 1`, `x.append(1)`."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        target: ast.expr = node.value.func
        while isinstance(target, ast.Attribute | ast.Subscript):
            target = target.value
            if isinstance(target, ast.Name):
                yield target.id
        return
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    for each in targets:
        for inner in ast.walk(each) if each is not None else ():
            if isinstance(inner, ast.Name):
                yield inner.id


def _fixed_names(source: bytes) -> set[str]:
    """Variables that are given numbers written out, and nothing else."""
    given: Counter[str] = Counter()
    plain: Counter[str] = Counter()
    for node in ast.walk(_parsed(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            given[node.id] += 1
        elif isinstance(node, ast.arg):
            given[node.arg] += 1
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value and _is_number(node.value):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            plain.update(target.id for target in targets if isinstance(target, ast.Name))
    return {name for name in plain if plain[name] == given[name]}


def _variable(node: ast.expr) -> str | None:
    return node.id if isinstance(node, ast.Name) else None


def _tells(node: ast.AST, names: Collection[str]) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and (RESULTS in node.value or node.value in names)
    if isinstance(node, ast.Name):
        return RESULTS in node.id or node.id in names
    return isinstance(node, ast.Attribute) and node.attr in WRITERS


def _is_number(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp):
        node = node.operand
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


def _parsed(source: bytes) -> ast.Module:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])
