"""Paths in code that lead out of a template's folder, found in its text."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

CLIMB = re.compile(r"(^|/)\.\.(/|$)")
SAME = ("abspath", "realpath", "normpath", "resolve", "absolute", "expanduser", "fspath", "str",
        "as_posix", "Path", "PurePath")  # fmt: skip
WORDS = ("replace", "split", "rsplit", "partition", "startswith", "endswith", "strip", "lstrip",
         "rstrip", "count", "find", "index", "print", "add_argument")  # fmt: skip
MOST_STEPS = 50


@dataclass(frozen=True)
class Place:
    """Where a path leads.

    Attributes:
        level: how deep below the template's folder; below 0 it is out of it.
        lowest: the least level on the way there.
    """

    level: int
    lowest: int

    def then(self, text: str) -> Place | None:
        """Where a relative path leads from here; None if it starts elsewhere."""
        text = text.replace("\\", "/")
        if text.startswith("/") or re.match(r"[A-Za-z]:|~|\w+://", text):
            return None
        place: Place = self
        for part in text.split("/"):
            if part == "..":
                place = place.up(1)
            elif part not in ("", "."):
                place = Place(place.level + 1, place.lowest)
        return place

    def up(self, steps: int) -> Place:
        """The folder so many levels above."""
        level = self.level - min(steps, MOST_STEPS)
        return Place(level, min(self.lowest, level))


HERE = Place(0, 0)


def climbing(tree: ast.Module, depth: int = 0) -> list[tuple[int, str]]:
    """Line and text of each path that leads out of the template's folder.

    Args:
        tree: the code; paths in it are relative to the template's folder, where it is run.
        depth: how many folders below the template's the file itself lies.
    """
    reader = _Reader(depth)
    reader.visit(tree)
    return sorted(reader.found)


@dataclass
class _Reader(ast.NodeVisitor):
    """Goes through code from outer to inner, and tells of each path once.

    Attributes:
        depth: how many folders below the template's the file itself lies.
        known: variables that hold a path within the folder.
        found: what leads out.
    """

    depth: int
    known: dict[str, Place] = field(default_factory=dict)
    found: list[tuple[int, str]] = field(default_factory=list)

    def visit(self, node: ast.AST) -> None:
        """Tell of a path, or look at its parts."""
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return  # a docstring, or another lone text
        if isinstance(node, ast.Compare) or _is_of_words(node):
            for each in ast.iter_child_nodes(node):
                if not _is_plain(each):
                    self.visit(each)
            return
        if isinstance(node, ast.expr):
            place = self.place(node)
            if place is not None:
                if place.lowest < 0:
                    self.found.append((node.lineno, ast.unparse(node)[:80]))
                return
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            self.learn(node)
        self.generic_visit(node)

    def learn(self, node: ast.Assign | ast.AnnAssign) -> None:
        """Take in what a variable holds."""
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        place = self.place(node.value) if node.value is not None else None
        for target in targets:
            name = ast.unparse(target)
            self.known.pop(name, None)
            if place is not None and place.lowest >= 0:
                self.known[name] = place

    def place(self, node: ast.expr) -> Place | None:
        """Where an expression leads, if it is a path."""
        if isinstance(node, ast.Constant):
            return self.of_text(node.value) if isinstance(node.value, str) else None
        if isinstance(node, ast.JoinedStr):
            return self.of_pieces(node.values)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self.of_pieces(_summands(node))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            return self.joined([node.left, node.right])
        if isinstance(node, ast.Subscript):
            return self.of_parents(node)
        if isinstance(node, ast.Call):
            return self.of_call(node)
        name = ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""
        if name == "__file__":
            return Place(self.depth + 1, 0)
        if name in self.known:
            return self.known[name]
        if name in ("os.pardir", "pardir"):
            return HERE.up(1)
        if name in ("os.curdir", "curdir"):
            return HERE
        if isinstance(node, ast.Attribute) and node.attr == "parent":
            inner = self.place(node.value)
            return inner.up(1) if inner is not None else None
        return None

    def of_text(self, text: str) -> Place | None:
        """Where a whole text leads; only what names a folder above is taken for a path."""
        if "\n" in text or "\0" in text or len(text) > 1000:
            return None
        if CLIMB.search(text.replace("\\", "/")) or re.fullmatch(r"[\w./-]+", text):
            return HERE.then(text)
        return None

    def of_pieces(self, pieces: list[ast.expr]) -> Place | None:
        """Where a text in pieces leads; what cannot be told is a name, or the folder in front."""
        place: Place | None = HERE
        text = ""
        for number, piece in enumerate(pieces):
            if isinstance(piece, ast.Constant) and isinstance(piece.value, str):
                text += piece.value
                continue
            inner = piece.value if isinstance(piece, ast.FormattedValue) else piece
            if number == 0:
                place = self.start(inner)
                text = "./"
            elif self.is_up(inner):
                text += ".."
            else:
                text += "x"
        if place is None or "\n" in text or not CLIMB.search(text.replace("\\", "/")):
            return None if place is None or place is HERE else place
        text = text.removeprefix(".//") if text.startswith(".//") else text
        return place.then(text)

    def joined(self, parts: list[ast.expr]) -> Place | None:
        """Where the parts of a path lead together."""
        if not parts:
            return None
        place: Place | None = self.start(parts[0])
        for part in parts[1:]:
            if place is None:
                return None
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                place = place.then(part.value)
            elif self.is_up(part):
                place = place.up(1)
            elif not isinstance(part, ast.Starred):
                place = Place(place.level + 1, place.lowest)
        return place

    def start(self, node: ast.expr) -> Place | None:
        """Where a path begins; a folder that cannot be told is taken for the template's own."""
        if isinstance(node, ast.Constant):
            return HERE.then(node.value) if isinstance(node.value, str) else None
        found = self.place(node)
        if found is not None:
            return found
        return Place(1, 0) if "out_dir" in ast.unparse(node) else HERE

    def is_up(self, node: ast.expr) -> bool:
        """Whether it is the name of the folder above."""
        return ast.unparse(node) in ("os.pardir", "pardir", "'..'")

    def of_parents(self, node: ast.Subscript) -> Place | None:
        """Where `path.parents[number]` leads."""
        value, number = node.value, node.slice
        if not (isinstance(value, ast.Attribute) and value.attr == "parents"):
            return None
        inner = self.place(value.value)
        if inner is None or not isinstance(number, ast.Constant):
            return None
        return inner.up(number.value + 1) if isinstance(number.value, int) else None

    def of_call(self, node: ast.Call) -> Place | None:
        """Where a call of `os.path` or of a path leads."""
        name = _called(node)
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        if name in ("cwd", "getcwd"):
            return HERE
        if name == "join" and (owner is None or ast.unparse(owner).endswith("path")):
            return self.joined(node.args)
        if name == "joinpath" and owner is not None:
            return self.joined([owner, *node.args])
        if name == "dirname" and len(node.args) == 1:
            inner = self.place(node.args[0])
            return inner.up(1) if inner is not None else None
        if name in ("Path", "PurePath") and len(node.args) > 1:
            return self.joined(node.args)
        if name in SAME and len(node.args) == 1:
            return self.place(node.args[0])
        if name in ("Path", "PurePath") and not node.args:
            return HERE
        if name in SAME and owner is not None and not node.args:
            return self.place(owner)
        return None


def _called(node: ast.Call) -> str:
    func = node.func
    return func.attr if isinstance(func, ast.Attribute) else ast.unparse(func)


def _is_of_words(node: ast.AST) -> bool:
    """Whether a call is about texts, so that ".." in it is no folder."""
    if not isinstance(node, ast.Call):
        return False
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    name = _called(node)
    return name in WORDS or (name == "join" and isinstance(owner, ast.Constant))


def _is_plain(node: ast.AST) -> bool:
    """Whether it is a text, or a list of texts, or a method of a text."""
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return all(map(_is_plain, node.elts))
    if isinstance(node, ast.Attribute):
        return _is_plain(node.value)
    if isinstance(node, ast.keyword):
        return node.arg == "help"
    return isinstance(node, ast.Constant) or ast.unparse(node) == "os.pardir"


def _summands(node: ast.expr) -> list[ast.expr]:
    """The parts of a sum, from left to right."""
    parts: list[ast.expr] = []
    stack = [node]
    while stack:
        each = stack.pop()
        if isinstance(each, ast.BinOp) and isinstance(each.op, ast.Add):
            stack += [each.right, each.left]
        else:
            parts.append(each)
    return parts
