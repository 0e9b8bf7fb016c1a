"""What code says of its `labels`, of words it is given, of the GPU it wants; nothing is run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bonsai.templates import arguments

ASKS = re.compile(r"is_available|device_count|is_built")
GPU = re.compile(r"cuda(:\d*)?")
NEEDS_GPU = re.compile(
    r"torch\.cuda\.(synchronize|set_device|current_device|get_device_\w+|device)$"
)
ABOUT_DEVICES = re.compile(r"device|cuda|gpu", re.IGNORECASE)
MAPPINGS = ("dict", "OrderedDict", "defaultdict", "fromkeys", "copy")


@dataclass(frozen=True)
class Wish:
    """Where code takes for granted that there is a GPU.

    Attributes:
        line: the line.
        text: what stands there.
        option: the option that changes it; empty if there is none.
        is_default: whether it is the default of that option.
    """

    line: int
    text: str
    option: str = ""
    is_default: bool = False


def bare_words(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Lines and texts of words of the command line that are taken without a look if they exist."""
    if any(text in ast.unparse(tree) for text in ("len(sys.argv)", "len(argv)", "except IndexErr")):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) in ("sys.argv", "argv"):
            number = _constant(node.slice)
            if isinstance(number, int) and number > 0:
                yield node.lineno, ast.unparse(node)


def has_labels(tree: ast.AST) -> bool:
    """Whether there is a dictionary `labels`: anywhere, written in any way."""
    for node in ast.walk(tree):
        pairs: list[tuple[ast.expr, ast.expr | None]] = []
        if isinstance(node, ast.Assign):
            pairs = [(target, node.value) for target in node.targets]
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr):
            pairs = [(node.target, node.value)]
        elif isinstance(node, ast.arguments):
            pairs = [(ast.Name(each.arg), value) for each, value in _defaults(node)]
        for target, value in pairs:
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                inner = list(zip(target.elts, value.elts, strict=False))
            else:
                inner = [(target, value)] if value is not None else []
            if any(_is_labels(left) and _is_mapping(right) for left, right in inner):
                return True
            if (
                isinstance(target, ast.Subscript)
                and _is_labels(target.value)
                and isinstance(_constant(target.slice), str)
            ):
                return True
    return False


def _is_labels(node: ast.expr) -> bool:
    return getattr(node, "id", getattr(node, "attr", "")) == "labels"


def _is_mapping(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _is_mapping(node.left) or _is_mapping(node.right)
    if isinstance(node, ast.BoolOp):
        return any(map(_is_mapping, node.values))
    if isinstance(node, ast.IfExp):
        return _is_mapping(node.body) or _is_mapping(node.orelse)
    if isinstance(node, ast.Call):
        return ast.unparse(node.func).split(".")[-1] in MAPPINGS
    return isinstance(node, ast.Dict | ast.DictComp)


def _constant(node: ast.expr | None) -> object:
    return node.value if isinstance(node, ast.Constant) else None


# ------------------------------------------------------------------------------------------- GPU


def wishes(tree: ast.Module) -> list[Wish]:
    """Where code takes a GPU without asking if there is one, each thing once.

    Whoever asks, by `torch.cuda.is_available()` or the like, and by that decides of a name or of
    what follows, is taken at their word.
    """
    options = [each for each in arguments(tree) if ABOUT_DEVICES.search(each.name)]
    settled = _settled(tree)
    found = [
        Wish(each.line, f"{each.name} is {_constant(each.default)!r}", each.name, is_default=True)
        for each in arguments(tree)
        if _is_gpu(each.default) and each.attribute not in settled
    ]
    if found:  # whatever else there is hangs on it
        return found
    option = options[0].name if options else ""
    return [
        Wish(node.lineno, ast.unparse(node).splitlines()[0][:60], option)
        for node in _unasked(tree.body, settled)
        if isinstance(node, ast.stmt | ast.expr) and _wants(node, settled)
    ]


def _wants(node: ast.AST, settled: set[str]) -> bool:
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func)
        if NEEDS_GPU.search(name) or (name.endswith(".cuda") and name != "torch.cuda"):
            return True
        if name.split(".")[-1] in ("device", "to", "Generator", "autocast", "set_default_device"):
            firsts = [*node.args[:1]] if name.split(".")[-1] != "autocast" else []
            named = [word.value for word in node.keywords if word.arg == "device"]
            return any(map(_is_gpu, [*firsts, *named]))
        return any(word.arg == "device" and _is_gpu(word.value) for word in node.keywords)
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = [ast.unparse(target).split(".")[-1] for target in targets]
        return _is_gpu(node.value) and any(
            "device" in name.lower() and name not in settled for name in names
        )
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return any(
            _is_gpu(value) and each.arg not in settled for each, value in _defaults(node.args)
        )
    return False


def _defaults(node: ast.arguments) -> list[tuple[ast.arg, ast.expr | None]]:
    """The arguments of a function that have a default."""
    plain = [*node.posonlyargs, *node.args]
    last = plain[len(plain) - len(node.defaults) :]
    return [
        *zip(last, node.defaults, strict=True),
        *zip(node.kwonlyargs, node.kw_defaults, strict=True),
    ]


def _is_gpu(node: ast.expr | None) -> bool:
    if isinstance(node, ast.JoinedStr) and node.values:
        node = node.values[0]
    text = _constant(node)
    return isinstance(text, str) and GPU.fullmatch(text) is not None


def _settled(tree: ast.Module) -> set[str]:
    """Names of which the code decides, in one way or another, by asking for a GPU."""
    settled: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If | ast.IfExp | ast.While) and _asks(node.test):
            settled |= set(_names(node))
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value and _asks(node.value):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            settled |= {name for target in targets for name in _names(target)}
            settled |= set(_names(node.value))
    return settled - {"torch", "cuda", "args", "device_count", "is_available", "self"}


def _asks(node: ast.AST) -> bool:
    return ASKS.search(ast.unparse(node)) is not None


def _names(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            yield each.id
        elif isinstance(each, ast.Attribute):
            yield each.attr


def _unasked(body: Sequence[ast.stmt], settled: set[str]) -> Iterator[ast.AST]:
    """Each node that is reached without a question for the GPU before it."""
    for statement in body:
        yield from _within(statement, settled)
        if isinstance(statement, ast.If) and _is_question(statement.test, settled):
            ends = (ast.Return, ast.Continue, ast.Break, ast.Raise)
            if statement.body and isinstance(statement.body[-1], ends):
                return


def _within(node: ast.AST, settled: set[str]) -> Iterator[ast.AST]:
    if isinstance(node, ast.If | ast.IfExp | ast.While) and _is_question(node.test, settled):
        return
    if isinstance(node, ast.BoolOp) and _is_question(node, settled):
        return
    if isinstance(node, ast.Try) and node.handlers:
        for each in (*node.handlers, *node.orelse, *node.finalbody):
            yield from _within(each, settled)
        return
    yield node
    for name, value in ast.iter_fields(node):
        if isinstance(value, list) and name in ("body", "orelse", "finalbody"):
            yield from _unasked(value, settled)
        elif isinstance(value, list):
            for each in value:
                if isinstance(each, ast.AST):
                    yield from _within(each, settled)
        elif isinstance(value, ast.AST):
            yield from _within(value, settled)


def _is_question(test: ast.expr, settled: set[str]) -> bool:
    """Whether a condition is about the GPU: it asks for it, or what it names hangs on that."""
    return (
        _asks(test)
        or any(name in settled or ABOUT_DEVICES.search(name) for name in _names(test))
        or re.search(r"['\"](cuda|gpu)", ast.unparse(test)) is not None
    )
