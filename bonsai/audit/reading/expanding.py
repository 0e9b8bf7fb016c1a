r"""LaTeX as TeX sees it: comments gone, files put in where they are input, macros written out.

Nothing is run. Files are read inside the paper's folder only, and all of it is bounded, since a
macro of twenty lines can stand for more text than there is room for.
"""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass, field
from pathlib import Path

from bonsai.audit.reading.balancing import Balanced, balanced
from bonsai.base import BonsaiError, untrusted

MOST_BYTES = 3_000_000  # of a source
MOST_FILES = 60
MOST_TEXT = 6_000_000  # characters, with all macros written out
MOST_EXPANSIONS = 50_000
MOST_DEPTH = 25  # of macros in macros, and files in files

RAW = ("verbatim", "verbatim*", "Verbatim", "lstlisting", "minted", "filecontents", "filecontents*",
       "comment", "alltt", "code", "pythoncode")  # fmt: skip
_TOKEN = re.compile(r"\\(?:[A-Za-z@]+|.|\n)|%[^\n]*(?:\n[ \t]*)?|\n", re.S)
_DEFINES = {"newcommand", "renewcommand", "providecommand", "DeclareRobustCommand",
            "DeclareMathOperator", "def", "edef", "gdef", "xdef", "let", "newenvironment",
            "renewenvironment"}  # fmt: skip
_INPUTS = {"input", "include", "subfile", "subfileinclude"}
# What has a meaning for the reader is not taken from it, whatever a paper defines it to be.
KEPT = re.compile(
    r"(?:[cC]ite\w*|\w*cite[pt]?|(?:eq|auto|page|name|c|C)?ref|label|(?:sub)*section|paragraph"
    r"|chapter|caption|includegraphics|bibliography|bibitem|title|abstract|maketitle|begin|end"
    r"|item|text(?:bf|it|tt|rm|sf)|emph|math(?:bf|rm)|measured|measuredvalue|the\w+|arraystretch"
    r"|baselinestretch|[A-Za-z]*rule|hline|footnote|author|date|num|SI|qty)$"
)


@dataclass
class Macro:
    """A macro: how many arguments, the first one's default if it has one, and what it says."""

    count: int
    default: str | None
    body: str


@dataclass
class Expanded:
    r"""A source in one piece.

    Attributes:
        text: LaTeX; pieces that are not to be read as such are `\bonsairaw{N}`.
        breaks: where it may be parted.
        raw: those pieces: the environment's name, its options, its text and its first line.
        names: of those pieces that are files, by their number.
        values: what stands for a key, of `\measuredvalue`.
        troubles: what was not read, one sentence each.
    """

    text: str = ""
    breaks: Balanced = field(default_factory=lambda: Balanced("", []))
    raw: list[tuple[str, str, str, int]] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    places: list[tuple[str, int]] = field(default_factory=list)

    def place(self, position: int) -> str:
        """Where a position of the text stands in the source, for people."""
        if not self.starts:
            return "line 1"
        at = max(0, bisect.bisect_right(self.starts, position) - 1)
        file, line = self.places[at]
        return f"{file}, line {line}" if file else f"line {line}"


def expand(path: Path, source: str) -> Expanded:
    """The source of `path`, with all that it inputs and all macros written out."""
    expander = _Expander(path)
    expander.read(source, _At("", 1, False), 0)
    found = expander.found
    whole = balanced("".join(expander.pieces))
    found.text, found.breaks = whole.text, whole
    return found


@dataclass
class _At:
    """Where in the sources one is; in a macro's text the line stays where the macro is used."""

    file: str
    line: int
    fixed: bool


class _Expander:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = path.parent.resolve()
        self.macros: dict[str, Macro] = {}
        self.found = Expanded()
        self.pieces: list[str] = []
        self.length = 0
        self.files = 0
        self.expansions = 0
        self.full = False
        self.ended = False

    def emit(self, text: str, at: _At) -> None:
        if not text or self.full:
            return
        if self.length + len(text) > MOST_TEXT:
            self.full = True
            self.trouble(f"more than {MOST_TEXT:,} characters are not read")
            return
        self.found.starts.append(self.length)
        self.found.places.append((at.file, at.line))
        self.pieces.append(text)
        self.length += len(text)

    def trouble(self, text: str, at: _At | None = None) -> None:
        where = f"line {at.line}: " if at and not at.file else f"{at.file}: " if at else ""
        if len(self.found.troubles) < 50 and where + text not in self.found.troubles:
            self.found.troubles.append(where + text)

    def read(self, text: str, at: _At, depth: int) -> None:
        """Put out a text, token by token."""
        position = 0
        while position < len(text) and not self.full and not self.ended:
            token = _TOKEN.search(text, position)
            if token is None:
                self.emit(text[position:], at)
                return
            self.emit(text[position : token.start()], at)
            position = token.end()
            what = token.group()
            if what == "\n":
                self.emit("\n", at)
                at.line += not at.fixed
            elif what[0] == "%":
                at.line += what.count("\n") * (not at.fixed)
            elif what[1].isalpha() or what[1] == "@":
                after = self.command(what[1:], text, position, at, depth)
                if not at.fixed:
                    at.line += text.count("\n", position, after)
                position = after
            else:
                self.emit(what, at)
                at.line += (what == "\\\n") * (not at.fixed)

    def command(self, name: str, text: str, position: int, at: _At, depth: int) -> int:
        """Put out a command, and say where the text goes on behind it."""
        if name in _DEFINES:
            return self.define(name, text, position)
        if name == "begin":
            return self.begin(text, position, at)
        if name == "end":
            group, after = group_at(text, position)
            self.ended = group.strip() == "document"
            self.emit(f"\\end{{{group}}}", at)
            return after
        if name in ("verb", "lstinline"):
            return self.verbatim(name, text, position, at)
        if name == "iffalse":
            return _behind_if(text, position)
        if name in _INPUTS:
            return self.input(text, position, at, depth)
        if name == "measuredvalue":
            key, after = group_at(text, position)
            value, after = group_at(text, after)
            self.found.values[key] = value
            return after
        if name == "measured":
            key, after = group_at(text, position)
            if key not in self.found.values:
                self.trouble(f"no value stands for the key {key[:80]!r}", at)
                self.emit("[no value]", at)
                return after
            self.read(self.found.values[key], _At(at.file, at.line, True), depth + 1)
            return after
        if (macro := self.macros.get(name)) is not None:
            return self.macro(name, macro, text, position, at, depth)
        self.emit(f"\\{name}", at)
        return position

    def macro(self, name: str, macro: Macro, text: str, position: int, at: _At, depth: int) -> int:
        arguments, after, count = [], position, macro.count
        if count and macro.default is not None:
            given, after = option_at(text, after)
            arguments.append(macro.default if given is None else given)
            count -= 1
        for _ in range(count):
            argument, after = group_at(text, after)
            arguments.append(argument)
        self.expansions += 1
        if depth >= MOST_DEPTH or self.expansions > MOST_EXPANSIONS:
            self.trouble(f"\\{name} stands for too much, and was left out", at)
            return after
        body = re.sub(
            r"#([1-9])",
            lambda found: arguments[int(found[1]) - 1] if int(found[1]) <= len(arguments) else "",
            macro.body,
        )
        self.read(body, _At(at.file, at.line, True), depth + 1)
        if re.search(r"\\[A-Za-z@]+$", body) and text[after : after + 1].isalpha():
            self.emit("{}", at)
        return after

    def define(self, name: str, text: str, position: int) -> int:
        """Note a definition, and say where it ends."""
        after = position + (text[position : position + 1] == "*")
        macro, after = group_at(text, after)
        macro = macro.strip()
        if name.endswith("environment"):
            for _ in range(2):
                _, after = option_at(text, after)
            for _ in range(2):
                _, after = group_at(text, after)
            return after
        count, default = 0, None
        if name in ("def", "edef", "gdef", "xdef"):
            begin = text.find("{", after)
            if begin < 0 or begin - after > 60:
                return after
            parameters = text[after:begin].strip()
            count = parameters.count("#")
            usable = re.fullmatch(r"(#[1-9]\s*)*", parameters) is not None
            body, after = group_at(text, begin)
            if not usable:
                return after
        elif name == "let":
            if text[after : after + 1] == "=":
                after += 1
            body, after = group_at(text, after)
            known = self.macros.get(body[1:]) if body.startswith("\\") else None
            if known is not None:
                self.macros[macro[1:]] = known
                return after
        else:
            if name != "DeclareMathOperator":
                told, after = option_at(text, after)
                count = int(told) if told and told.strip().isdigit() else 0
                default, after = option_at(text, after)
            body, after = group_at(text, after)
        if re.fullmatch(r"\\(?:[A-Za-z@]+)", macro) and not KEPT.match(macro[1:]):
            self.macros[macro[1:]] = Macro(min(count, 9), default, body)
        return after

    def begin(self, text: str, position: int, at: _At) -> int:
        name, after = group_at(text, position)
        name = name.strip()
        if name not in RAW:
            self.emit(f"\\begin{{{name}}}", at)
            return after
        end = text.find(f"\\end{{{name}}}", after)
        stop = len(text) if end < 0 else end
        option, inside = option_at(text, after)
        if name in ("filecontents", "filecontents*", "minted"):
            option, inside = group_at(text, inside)
        if name != "comment":
            line = at.line + text.count("\n", position, inside)
            if name.startswith("filecontents"):
                self.found.names[len(self.found.raw)] = (option or "").strip()
            self.found.raw.append((name, option or "", text[inside:stop], line))
            self.emit(f"\\bonsairaw{{{len(self.found.raw) - 1}}}", at)
        return stop if end < 0 else end + len(f"\\end{{{name}}}")

    def verbatim(self, name: str, text: str, position: int, at: _At) -> int:
        begin = position + (text[position : position + 1] == "*")
        if name == "lstinline":
            _, begin = option_at(text, begin)
        mark = text[begin : begin + 1]
        if mark == "{":
            said, after = group_at(text, begin)
        else:
            end = text.find(mark, begin + 1) if mark else -1
            if end < 0 or "\n" in text[begin:end]:
                return begin
            said, after = text[begin + 1 : end], end + 1
        self.found.raw.append(("verb", "", said, at.line))
        self.emit(f"\\bonsairaw{{{len(self.found.raw) - 1}}}", at)
        return after

    def input(self, text: str, position: int, at: _At, depth: int) -> int:
        if text[position : position + 1].isspace() and "{" not in text[position : position + 3]:
            told = re.compile(r"\s*([^\s\\{}%]+)").match(text, position)
            name, after = (told[1], told.end()) if told else ("", position)
        else:
            name, after = group_at(text, position)
        name = name.strip().strip('"')
        self.files += 1
        if not name or depth >= MOST_DEPTH or self.files > MOST_FILES:
            self.trouble(f"\\input of {name[:80]!r} was left out: there are too many", at)
            return after
        for each in (name, f"{name}.tex"):
            file = (self.folder / each).resolve()
            if not file.is_relative_to(self.folder):
                self.trouble(f"\\input of {name[:80]!r} leads out of the paper's folder", at)
                return after
            if untrusted.is_file(file):
                try:
                    inner = untrusted.read_text(file, MOST_BYTES)
                except BonsaiError as error:
                    self.trouble(str(error), at)
                    return after
                inside = file.relative_to(self.folder).as_posix()
                self.read(inner, _At(inside, 1, False), depth + 1)
                return after
        self.trouble(f"\\input of {name[:80]!r}: there is no such file", at)
        return after


def group_at(text: str, position: int) -> tuple[str, int]:
    """What stands in the group, or is the token, at a position; and where the text goes on."""
    found = re.compile(r"(?:[ \t]|%[^\n]*\n|\n(?!\s*\n))*").match(text, position)
    position = found.end() if found else position
    if position >= len(text):
        return "", position
    if text[position] != "{":
        token = re.compile(r"\\(?:[A-Za-z@]+|.)|.", re.S).match(text, position)
        return (token.group(), token.end()) if token else ("", position)
    depth, at = 0, position
    for each in re.compile(r"\\.|%[^\n]*|[{}]", re.S).finditer(text, position):
        depth += (each.group() == "{") - (each.group() == "}")
        at = each.end()
        if depth == 0:
            return text[position + 1 : at - 1], at
    return text[position + 1 :], len(text)


def option_at(text: str, position: int) -> tuple[str | None, int]:
    """What stands in the square brackets at a position, None without; and where it goes on."""
    found = re.compile(r"[ \t]*\n?[ \t]*\[").match(text, position)
    if found is None:
        return None, position
    depth = 0
    for each in re.compile(r"\\.|[{}\]]", re.S).finditer(text, found.end()):
        depth += (each.group() == "{") - (each.group() == "}")
        if each.group() == "]" and depth <= 0:
            return text[found.end() : each.start()], each.end()
    return None, position


def _behind_if(text: str, position: int) -> int:
    depth = 1
    for each in re.compile(r"\\(if(?!f\b)[A-Za-z@]*|else|fi)(?![A-Za-z@])").finditer(
        text, position
    ):
        depth += each[1].startswith("if") - (each[1] == "fi")
        if depth == 0 or (each[1] == "else" and depth == 1):
            return each.end()
    return len(text)
