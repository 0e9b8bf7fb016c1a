"""JSON as language models write it: prose and fences around, a comma too many, quotes of any kind.

What is JSON is read as JSON. The rest is mended by json-repair, and taken only where no word of it
is lost by that; else it is a fault, with its place, which can be told to whoever wrote it.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from bonsai.base.errors import BonsaiError
from bonsai.base.markdown import Block, split

MOST_CHARACTERS = 50_000  # of a text that are looked at: its last
MOST_DEPTH = 64  # of brackets within brackets
MOST_MENDED = 8  # values of one text: each takes a process
MEND_SECONDS = 5.0  # json-repair takes quadratic time on some texts
MOST_FAILED = 200  # values of one text that cannot be read: then it is left alone
SHOWN = 40  # characters of what stands at a fault
END_SEEN = 500  # characters by which it is judged whether a value may end so

MEND = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
import json_repair
text = sys.stdin.buffer.read().decode("utf-8", "surrogatepass")
try:
    answer = json.dumps(json_repair.loads(text, skip_json_loads=True, strict=True))
except Exception:
    sys.exit(3)
print(answer)
"""
HOPELESS = 3  # its exit code

START = re.compile(r"[{\[]")
# What may begin an object or a list, so that braces in prose are none.
OBJECT = re.compile(r"""\{\s*(?:["'“}]|//|/\*|\#|\w+\s*:\s*["'“\[{\d-])""")
LIST = re.compile(r"\[\s*[{\]]")
# What follows a value where a bracket too many closed it before its end.
TOO_EARLY = "something is closed too early, for what follows belongs to it"
CONTINUES = re.compile(r"""[\s,}\]]*(["'])(?:(?!\1)[^\\\n]){1,60}\1\s*:""")
ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
# Commands of LaTeX that look like an escaped line break or tab and the rest of a word. After a
# backspace, a form feed or a carriage return no text goes on with a letter.
LATEX = re.compile(
    r"n(?:abla|u|eq|otin|ot|leq|geq)(?![a-zA-Z])"
    r"|t(?:au|heta|imes|ext[a-z]{0,4}|anh|an|op|o|ilde|riangle[a-z]*|frac|herefore)(?![a-zA-Z])"
    r"|[bfr][a-zA-Z]"
)
SPELT_OUT = {"b": "\\u0008", "t": "\\u0009", "n": "\\u000a", "f": "\\u000c", "r": "\\u000d"}
COMMENT = re.compile(r"/\*.{0,500}?\*/|(?://|#)[^\n]*", re.DOTALL)
WORD = re.compile(r"[^\W\d_]\w*")
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
DOUBLE_QUOTED = re.compile(r'[\[{\s]*"')
TEXT = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
BRACKET = re.compile(r"[{}\[\]]")
TEXT_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)
BEFORE_END = re.compile(r"""["'”’{}\[\]]$|[:\[,]\s*[-+.\w]+$""")
CONSTANTS = {"null", "none", "true", "false", "nan", "infinity", "undefined"}


class Piece(NamedTuple):
    """A JSON value of a text, or what looks like one and cannot be read.

    Attributes:
        value: the value; None where it cannot be read.
        fault: where it is at fault, and what stands there.
        mends: what had to be mended to read it, each as a part of a sentence.
        span: where in the text it begins and ends; empty at a fault.
    """

    value: Any
    fault: str | None = None
    mends: tuple[str, ...] = ()
    span: tuple[int, int] = (0, 0)


def find_json(text: str, most: int = MOST_CHARACTERS) -> list[Piece]:
    r"""Every JSON object and list of a text, in order; those inside of others are left out.

    NaN and infinities become None. Backslashes of LaTeX, as in "$\lambda$", are kept.

    Args:
        text: a reply or a file.
        most: of a longer text, only so many characters are looked at, its last.
    """
    text = text[-most:]
    search = _Search(text)
    if (whole := search.whole()) is not None:
        return [whole]
    if deep := _too_deep(text):
        return [Piece(None, deep)]
    return list(search.pieces())


class _Search:
    """Looks for JSON in one text.

    Attributes:
        original: the text.
        text: the text with the backslashes of LaTeX doubled.
        added: where that was done.
        mended: how many values were given to json-repair.
        failed: how many could not be read.
    """

    def __init__(self, original: str) -> None:
        self.original = original
        self.text, self.added = _keep_latex(original)
        self.mended = 0
        self.failed = 0

    def whole(self) -> Piece | None:
        """The text as one value, if it is JSON and nothing else, as most files are."""
        if _too_deep(TEXT.sub("", self.text)):
            return None
        start = len(self.text) - len(self.text.lstrip())
        try:
            value, end = DECODER.raw_decode(self.text, start)
        except (ValueError, RecursionError):
            return None
        if not isinstance(value, dict | list) or self.text[end:].strip():
            return None
        return self._piece(_finite(value), start, end)

    def pieces(self) -> Iterator[Piece]:
        """The values among all else."""
        position = 0
        for part in split(self.text):
            end = position + len(part.raw if isinstance(part, Block) else part)
            if isinstance(part, Block):
                inner = position + part.raw.find("\n") + 1
                is_json = part.text.lstrip()[:1] in {"{", "["}
                # Programs are full of braces; only what says that it is JSON can be at fault.
                blames = is_json or part.fence.info.lower().startswith("json")
                stop = inner + len(part.text) if is_json else end
                yield from self._scan(inner, stop, whole=is_json, blames=blames)
            else:
                yield from self._scan(position, end, whole=False, blames=True)
            position = end

    def _scan(self, start: int, end: int, *, whole: bool, blames: bool) -> Iterator[Piece]:
        """The values between two positions.

        Args:
            start: the first.
            end: the last, exclusive.
            whole: whether they enclose JSON and nothing else, as a fence does.
            blames: whether what cannot be read is a fault.
        """
        text, position = self.text[:end], start
        first = end - len(text[start:].lstrip())
        while (match := START.search(text, position)) and self.failed < MOST_FAILED:
            position = match.start()
            looks_so = (OBJECT if match[0] == "{" else LIST).match(text, position)
            if position != first and not looks_so:
                position += 1
                continue
            done = self._value(text, position, whole)
            if isinstance(done, tuple):
                piece, position = done
                if CONTINUES.match(text, position):
                    piece = Piece(None, self._describe(position, TOO_EARLY))
                yield piece
                continue
            self.failed += 1
            if match[0] == "[" or not looks_so:
                position += 1  # a bracket of prose, or what it holds can be read
            else:
                if blames:
                    yield Piece(None, done)
                position = _next_start(text, position)

    def _value(self, text: str, start: int, whole: bool) -> tuple[Piece, int] | str:
        """The value that begins at `start`, and where it ends; or what is wrong with it."""
        try:
            value, end = DECODER.raw_decode(text, start)
            return self._piece(_finite(value), start, end), end
        except (ValueError, RecursionError) as error:
            place, what = getattr(error, "pos", start), getattr(error, "msg", str(error))
            fault = mend = self._describe(place, what)
            if text[place : place + 1] in {"}", "]"} and text[:place].rstrip().endswith(","):
                mend = self._describe(place, "there is a comma too many")
            broke_off = what.startswith("Unterminated") or not text[place:].strip()
        source = text[start:]
        ends = _ends(source)
        spans = [end for end in ends if _is_end(source[:end])]
        # A closed fence says where its value ends, also where a bracket is missing.
        if whole and source.rstrip().endswith(("}", "]")):
            spans.insert(0, len(source.rstrip()))
        if broke_off and not spans and not ends:
            return self._describe(start, "what begins there is never closed")
        for span in dict.fromkeys(spans):
            if self.mended >= MOST_MENDED:
                break
            self.mended += 1
            value = _mend(source[:span])
            if value is not None:
                return self._piece(value, start, start + span, mend), start + span
        return fault

    def _piece(self, value: Any, start: int, end: int, *mends: str) -> Piece:
        first, last = bisect_left(self.added, start), bisect_left(self.added, end)
        if last > first:
            mends = (*mends, "backslashes that were not escaped, as of LaTeX, are kept")
        return Piece(value, None, mends, (start - first, end - last))

    def _describe(self, position: int, what: str) -> str:
        position -= bisect_left(self.added, position)
        before = self.original[:position]
        line, column = before.count("\n") + 1, position - before.rfind("\n")
        found = self.original[position:].split("\n", 1)[0][:SHOWN].strip()
        there = f"`{found}` stands there" if found else "nothing stands there"
        return f"line {line}, column {column}: {what[:1].lower()}{what[1:]}; {there}"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, in which a key may not stand twice with different values: one would be lost."""
    value = dict(pairs)
    for key, inner in pairs:
        if value[key] != inner:
            raise ValueError(f"the key {key!r} stands twice within it")
    return value


DECODER = json.JSONDecoder(
    strict=False, parse_constant=lambda name: None, object_pairs_hook=_object
)


def _too_deep(text: str) -> str | None:
    depth = 0
    for found in BRACKET.finditer(text):
        depth = depth + 1 if found[0] in "{[" else max(0, depth - 1)
        if depth > MOST_DEPTH:
            before = text[: found.start()]
            line, column = before.count("\n") + 1, found.start() - before.rfind("\n")
            return f"line {line}, column {column}: brackets are nested more than {MOST_DEPTH} deep"
    return None


def _keep_latex(text: str) -> tuple[str, list[int]]:
    """Double the backslashes that begin no escape of JSON; also says where one was added."""
    added: list[int] = []

    def keep(match: re.Match[str]) -> str:
        escape = match[1]
        known = len(escape) > 1 or escape in "\"'\\/\n"
        if known or (escape in "bfnrt" and not LATEX.match(text, match.start() + 1)):
            return match[0]
        added.append(match.start() + len(added))
        return "\\" + match[0]

    return ESCAPE.sub(keep, text), added


def spell_out(text: str) -> str:
    """JSON in which no escape can be taken for the beginning of a command of LaTeX.

    A line break before "u", say, is written by its number: `find_json` would read its usual escape
    and the letter as the Greek one.
    """

    def spell(match: re.Match[str]) -> str:
        escape = match[1]
        if len(escape) == 1 and LATEX.match(text, match.start() + 1):
            return SPELT_OUT[escape]
        return match[0]

    return ESCAPE.sub(spell, text)


def _ends(source: str) -> list[int]:
    """Where the bracket that `source` begins with may be closed.

    First where brackets in texts are not counted, then where all are: with a quotation mark too
    many or too few, nobody knows what is in a text.
    """
    return [end for pattern in (TEXT_OR_BRACKET, BRACKET) if (end := _balance(source, pattern))]


def _balance(source: str, pattern: re.Pattern[str]) -> int | None:
    depth = 0
    for found in pattern.finditer(source):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(found[0], 0)
        if depth <= 0:
            return found.end()
    return None


def _is_end(source: str) -> bool:
    """Whether a value may end so: its last bracket is not one in the middle of a text."""
    inner = source[-END_SEEN:-1]  # in which what looks like a comment may be one, or part of a text
    if not any(
        BEFORE_END.search(before.rstrip(", \t\r\n")) for before in (inner, COMMENT.sub("", inner))
    ):
        return False
    marks = len(re.findall(r'(?<!\\)"', source))
    return marks % 2 == 0 or not DOUBLE_QUOTED.match(source)


def _next_start(text: str, position: int) -> int:
    """Where to look on after a value that cannot be read, but not within it.

    With a quotation mark too many its own end may not be found; but what begins a line as it did
    stands beside it.
    """
    source = text[position:]
    indent = text[text.rfind("\n", 0, position) + 1 : position]
    beside = None if indent.strip() else re.search(rf"\n{indent}(?=\{{)", source)
    ends = [beside.end()] if beside else []
    if ends := [*ends, *_ends(source)[:1]]:
        return position + min(ends)
    later = re.compile(r"^[{\[]", re.MULTILINE).search(text, position + 1)
    return later.start() if later else len(text)


def _mend(source: str) -> Any | None:
    """What json-repair makes of a text; None if it can make nothing of it, or would lose words."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", MEND, json.dumps(sys.path)],
            input=source.encode("utf-8", "surrogatepass"),
            capture_output=True,
            timeout=MEND_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return None
    if done.returncode == HOPELESS:
        return None
    if done.returncode != 0:
        why = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        raise BonsaiError(f"json-repair, which reads what is not quite JSON, failed: {why[-1]}")
    value = json.loads(done.stdout)
    said = _words(ESCAPE.sub(_unescape, source))
    lost = said - _words("\n".join(_texts(value))) - CONSTANTS
    for comment in COMMENT.findall(source):
        lost -= _words(comment)
    if lost or not isinstance(value, dict | list) or _is_invented(value, source):
        return None
    # json-repair makes texts of them.
    bare = [name for name in ("NaN", "Infinity", "-Infinity") if f'"{name}"' not in source]
    return _finite(value, bare)


def _is_invented(value: Any, source: str) -> bool:
    """Whether a mended value has objects or lists that nobody wrote, or a key made of several."""
    written = Counter(TEXT.sub("", source))
    made: Counter[str] = Counter()
    inside = [value]
    while inside:
        each = inside.pop()
        if isinstance(each, dict):
            made["{"] += 1
            if any(set(key) & set("\n{}") for key in each):
                return True
            inside += each.values()
        elif isinstance(each, list):
            made["["] += 1
            inside += each
    return any(made[bracket] > written[bracket] for bracket in "{[")


def _unescape(match: re.Match[str]) -> str:
    if len(match[1]) > 1:
        return chr(int(match[1][1:], 16))
    return " " if match[1] in "bfnrt" else match[1]


def _words(text: str) -> set[str]:
    numbers = {str(float(number)) for number in NUMBER.findall(text)}
    return {word.lower() for word in WORD.findall(text)} | numbers


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    else:
        yield str(value)


def _finite(value: Any, names: Collection[Any] = ()) -> Any:
    """The value with None for what is no finite number, and for texts that are such `names`."""
    if isinstance(value, dict):
        return {key: _finite(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner, names) for inner in value]
    infinite = isinstance(value, float) and not math.isfinite(value)
    return None if infinite or value in names else value
