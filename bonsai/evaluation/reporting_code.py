"""Whether the code that reports a program's metrics is what it was, where nobody measures them.

Looked at are the statements that name a metric, `final_info`, or write JSON; what is computed
before, the idea is free to change.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterator

WRITERS = ("dump", "dumps")
RESULTS = "final_info"


def changed(before: bytes, after: bytes, metrics: Collection[str]) -> list[str]:
    """The reporting statements that one source has and the other has not, as code.

    Args:
        before: the template's experiment.py.
        after: the idea's.
        metrics: names as they stand in the results, joined with `/`.
    """
    names = {part for name in metrics for part in name.split("/")}
    old, new = (Counter(_reporting(source, names)) for source in (before, after))
    return [*(old - new).elements(), *(new - old).elements()]


def constants(source: bytes, metrics: Collection[str]) -> list[str]:
    """Metrics that a source gives a fixed number instead of a result."""
    names = {name.split("/")[-1] for name in metrics}
    found: dict[str, None] = {}
    for node in ast.walk(_parsed(source)):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value in names and _is_number(value):
                    found[str(key.value)] = None
        elif isinstance(node, ast.Assign) and _is_number(node.value):
            for target in node.targets:
                index = target.slice if isinstance(target, ast.Subscript) else None
                if isinstance(index, ast.Constant) and index.value in names:
                    found[str(index.value)] = None
    return list(found)


def _reporting(source: bytes, names: Collection[str]) -> Iterator[str]:
    for node in ast.walk(_parsed(source)):
        simple = isinstance(node, ast.stmt) and not hasattr(node, "body")
        if simple and any(_tells(inner, names) for inner in ast.walk(node)):
            yield ast.unparse(node)


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
