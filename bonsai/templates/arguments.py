"""The arguments of a template's programs, as their text adds them to argparse; nothing is run."""

from __future__ import annotations

import ast
from dataclasses import dataclass

FREE = ("?", "*", "...")  # how many words an argument takes that may be left out


@dataclass(frozen=True)
class Argument:
    """An argument of argparse.

    Attributes:
        name: as it is written on the command line, the long one where there are two.
        attribute: as it is called among the parsed.
        default: its default, if that is written there.
        is_required: whether argparse refuses to go on without it.
        is_counted: whether it says how many words it takes (`nargs`).
        line: where it is added.
    """

    name: str
    attribute: str
    default: ast.expr | None
    is_required: bool
    is_counted: bool
    line: int


def arguments(tree: ast.AST) -> list[Argument]:
    """The arguments that code adds to argparse."""
    found = []
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument"):
            continue
        flags = [
            each.value for each in node.args
            if isinstance(each, ast.Constant) and isinstance(each.value, str)
        ]  # fmt: skip
        if not flags:
            continue
        words = {word.arg: word.value for word in node.keywords}
        name = next((flag for flag in flags if flag.startswith("--")), flags[0])
        dest, often = _constant(words.get("dest")), words.get("nargs")
        is_free = _constant(often) in (*FREE, 0) if often is not None else False
        is_unread = often is not None and not isinstance(often, ast.Constant)
        is_required = (
            _constant(words.get("required")) is True if name.startswith("-")
            else not (is_free or is_unread)
        )  # fmt: skip
        attribute = dest if isinstance(dest, str) else name.lstrip("-").replace("-", "_")
        found.append(
            Argument(
                name, attribute, words.get("default"), is_required, often is not None, node.lineno
            )
        )
    return found


def _constant(node: ast.expr | None) -> object:
    return node.value if isinstance(node, ast.Constant) else None
