"""What code says of its settings, read and never run."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator

from bonsai.audit.facts import Known

MOST_SETTINGS = 3000
SEEDS = re.compile(r"^(?:n|num|number|n_of)?_?(?:random_)?seeds?(?:_(?:list|count|number))?$", re.I)


def parsed(code: str) -> ast.Module | None:
    """Code as a tree; None if it is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def settings_of(code: str, source: str) -> list[Known]:
    """The numbers that code has names for."""
    tree = parsed(code)
    if tree is None:
        return []
    found: dict[tuple[str, float], int] = {}
    for name, node in _named(tree):
        for number in _numbers(node):
            found.setdefault((name, number), getattr(node, "lineno", 0))
            if len(found) >= MOST_SETTINGS:
                break
    return [
        Known(name, number, kind="setting", source=f"{source}, line {line}")
        for (name, number), line in found.items()
    ]


def _named(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if (name := _name(target)) is not None:
                    yield name, node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            if (name := _name(node.target)) is not None:
                yield name, node.value
        elif isinstance(node, ast.keyword) and node.arg not in (None, "default", "type", "nargs"):
            yield str(node.arg), node.value
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value, value
        elif isinstance(node, ast.arguments):
            names = [each.arg for each in (*node.posonlyargs, *node.args)]
            for name, value in zip(reversed(names), reversed(node.defaults), strict=False):
                yield name, value
            for argument, given in zip(node.kwonlyargs, node.kw_defaults, strict=True):
                if given is not None:
                    yield argument.arg, given
        elif isinstance(node, ast.Call):
            yield from _option(node)
            yield from _arguments(node)


def _option(node: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    """An option of argparse, and its default."""
    if not (isinstance(node.func, ast.Attribute) and node.func.attr == "add_argument"):
        return
    flags = [each.value for each in node.args if isinstance(each, ast.Constant)]
    for each in node.keywords:
        if each.arg == "default" and flags and isinstance(flags[-1], str):
            yield flags[-1].lstrip("-").replace("-", "_"), each.value


def _arguments(node: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    """Numbers that are given by their place: `nn.Dropout(0.3)`, `range(5)`."""
    name = _name(node.func)
    if name is not None:
        for each in node.args:
            if isinstance(each, ast.Constant | ast.UnaryOp | ast.BinOp):
                yield name, each


def _name(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else None


def _numbers(node: ast.expr, depth: int = 0) -> Iterator[float]:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, int | float) and not isinstance(node.value, bool):
            try:
                yield float(node.value)
            except OverflowError:
                return
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and depth < 4:
        yield from (-number for number in _numbers(node.operand, depth + 1))
    elif isinstance(node, ast.BinOp) and depth < 4:
        left = next(_numbers(node.left, depth + 1), None)
        right = next(_numbers(node.right, depth + 1), None)
        if left is not None and right is not None:
            found = _worked_out(node.op, left, right)
            yield from [] if found is None else [found]
    elif isinstance(node, ast.List | ast.Tuple | ast.Set) and depth < 3:
        for each in node.elts[:100]:
            yield from _numbers(each, depth + 1)


def _worked_out(how: ast.operator, left: float, right: float) -> float | None:
    try:
        if isinstance(how, ast.Mult):
            return left * right
        if isinstance(how, ast.Add):
            return left + right
        if isinstance(how, ast.Sub):
            return left - right
        if isinstance(how, ast.Div):
            return left / right
        if isinstance(how, ast.Pow) and abs(right) < 64 and abs(left) < 1e4:
            return float(left**right)
    except (ArithmeticError, TypeError):
        return None
    return None


def seeds_of(code: str) -> int | dict[str, int] | None:
    """How many seeds code works with, or how many by data set; None where it does not say.

    The Scientist's templates write `num_seeds = {"enwik8": 1}`, ours `SEEDS = [0, 1, 2]`.
    """
    tree = parsed(code)
    if tree is None:
        return None
    for name, node in _named(tree):
        if not SEEDS.match(name):
            continue
        is_count = name.lower().startswith(("n", "num"))
        if isinstance(node, ast.Dict):
            counts = {
                str(key.value): int(value.value)
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant) and isinstance(value, ast.Constant)
                and isinstance(value.value, int)
            }  # fmt: skip
            if counts:
                return counts
        elif isinstance(node, ast.List | ast.Tuple) and node.elts and not is_count:
            return len(node.elts)
        elif is_count and isinstance(node, ast.Constant) and isinstance(node.value, int):
            return node.value
        elif isinstance(node, ast.Call) and _name(node.func) == "range" and len(node.args) == 1:
            (argument,) = node.args
            if isinstance(argument, ast.Constant) and isinstance(argument.value, int):
                return argument.value
    return None


def labels_of(code: str) -> dict[str, str]:
    """What plot.py calls runs: its `labels`."""
    tree = parsed(code)
    found: dict[str, str] = {}
    for node in ast.walk(tree) if tree is not None else ():
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if not any((_name(each) or "").lower() in ("labels", "label", "run_labels", "run_names")
                   for each in targets):  # fmt: skip
            continue
        try:
            value = ast.literal_eval(node.value)
        except (ValueError, TypeError, RecursionError, MemoryError, SyntaxError):
            continue
        if isinstance(value, dict):
            found |= {str(key): str(each)[:200] for key, each in value.items()
                      if isinstance(each, str)}  # fmt: skip
    return found
