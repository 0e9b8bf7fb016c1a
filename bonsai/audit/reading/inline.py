"""LaTeX within a line as plain text: words, mathematics, quantities with their units."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import Any

from bonsai.audit.reading.wording import BOLD, PLAIN, REF, REF_END

Node = Any  # of pylatexenc, which has no types

# What is left out with all that it is given; the number: of its arguments.
DROPPED = {
    "vspace": "*{", "hspace": "*{", "label": "{", "color": "[{", "setlength": "{{",
    "addtolength": "{{", "bibliographystyle": "{", "cmidrule": "[{", "cline": "{",
    "rowcolor": "[{", "cellcolor": "[{", "columncolor": "[{", "definecolor": "{{{",
    "hypersetup": "{", "thispagestyle": "{", "pagestyle": "{", "setcounter": "{{",
    "addtocounter": "{{", "phantom": "{", "hphantom": "{", "vphantom": "{", "rule": "[{{",
    "usepackage": "[{", "documentclass": "[{", "graphicspath": "{", "date": "{", "author": "[{",
    "captionsetup": "[{", "specialrule": "{{{", "addlinespace": "[", "newcolumntype": "{[{",
    "sisetup": "{", "arrayrulecolor": "{", "pagenumbering": "{", "enlargethispage": "{",
    "fontsize": "{{", "selectlanguage": "{", "hyphenation": "{", "affil": "[{", "thanks": "{",
    "icmltitlerunning": "{", "linespread": "{", "tikz": "[{", "vskip": "", "protect": "",
    "bibinfo": "{", "addcontentsline": "{{{", "stepcounter": "{", "allowdisplaybreaks": "[",
    "pagebreak": "[", "linebreak": "[", "looseness": "", "addbibresource": "[{",
}  # fmt: skip
# Of these arguments the last is text.
LAST = {
    "textcolor": "[{{", "colorbox": "[{{", "fcolorbox": "{{{", "scalebox": "{[{",
    "resizebox": "*{{{", "raisebox": "{[[{", "rotatebox": "[{{", "makebox": "[[{",
    "framebox": "[[{", "parbox": "[[[{{", "href": "[{{", "multirow": "[{[{[{",
    "multicolumn": "{{{", "makecell": "*[{", "adjustbox": "{{", "mbox": "{", "fbox": "{",
    "hbox": "{", "text": "{", "textrm": "{", "textsf": "{", "texttt": "{", "textit": "{",
    "textsl": "{", "textsc": "{", "textup": "{", "textmd": "{", "textnormal": "{", "emph": "{",
    "underline": "{", "uline": "{", "ul": "{", "hl": "{", "url": "{", "path": "{", "nolinkurl": "{",
    "mathrm": "{", "mathit": "{", "mathsf": "{", "mathtt": "{", "mathnormal": "{", "mathcal": "{",
    "mathbb": "{", "mathfrak": "{", "mathscr": "{", "operatorname": "*{", "ensuremath": "{",
    "boxed": "{", "overline": "{", "bar": "{", "hat": "{", "tilde": "{", "widehat": "{",
    "widetilde": "{", "vec": "{", "texorpdfstring": "{{", "enquote": "{", "uppercase": "{",
    "lowercase": "{", "MakeUppercase": "{", "mathop": "{", "mathbin": "{", "mathrel": "{",
    "mathord": "{", "smash": "[{", "rlap": "{", "llap": "{", "substack": "{", "thead": "*[{",
    "underbrace": "{", "overbrace": "{", "overset": "{{", "underset": "{{", "centerline": "{",
}  # fmt: skip
BOLD_OF = {"textbf": "{", "mathbf": "{", "bm": "{", "boldsymbol": "{", "pmb": "{", "mathbfit": "{",
           "symbf": "{", "textbfit": "{"}  # fmt: skip
BOLD_FROM_HERE = {"bf", "bfseries", "boldmath", "bold"}
SIGNS = {
    "pm": " ± ", "mp": " ∓ ", "times": " × ", "cdot": " · ", "approx": " ≈ ", "sim": "~",
    "le": " ≤ ", "leq": " ≤ ", "leqslant": " ≤ ", "ge": " ≥ ", "geq": " ≥ ", "geqslant": " ≥ ",
    "ne": " ≠ ", "neq": " ≠ ", "ll": " ≪ ", "gg": " ≫ ", "to": " → ", "rightarrow": " → ",
    "lt": " < ", "gt": " > ", "%": "%", "&": "&", "$": "$", "#": "#", "_": "_", "{": "{", "}": "}",
    ",": " ", ":": " ", ";": " ", "!": "", "/": "", "-": "", " ": " ", "\n": " ", "@": "",
    "quad": " ", "qquad": " ", "enspace": " ", "thinspace": " ", "ldots": "...", "dots": "...",
    "cdots": "...", "textpm": " ± ", "texttimes": " × ", "textdegree": "°", "degree": "°",
    "circ": "°", "textmu": "μ", "textasciitilde": "~", "textbackslash": "\\", "slash": "/",
    "uparrow": " ↑", "downarrow": " ↓", "textuparrow": " ↑", "textdownarrow": " ↓",
    "textless": "<", "textgreater": ">", "textbar": "|", "textunderscore": "_", "xspace": "",
    "left": "", "right": "", "big": "", "Big": "", "bigl": "", "bigr": "", "Bigl": "", "Bigr": "",
    "displaystyle": "", "textstyle": "", "scriptstyle": "", "limits": "", "nolimits": "",
    "nonumber": "", "notag": "", "noindent": "", "centering": "", "newline": " ", "\\": " ",
    "tabularnewline": " ", "linewidth": "", "textwidth": "", "columnwidth": "", "%%": "%",
    "micro": "μ", "checkmark": "✓", "dag": "†", "dagger": "†", "ddagger": "‡", "textdagger": "†",
    "infty": "∞", "ell": "ℓ", "textasciicircum": "^", "textquotesingle": "'", "textendash": "–",
    "textemdash": "—", "textminus": "-", "percent": "%", "LaTeX": "LaTeX", "TeX": "TeX",
}  # fmt: skip
UNITS = {
    "percent": "%", "second": "s", "minute": "min", "hour": "h", "day": "d", "byte": "B",
    "bit": "bit", "metre": "m", "meter": "m", "gram": "g", "hertz": "Hz", "watt": "W",
    "joule": "J", "celsius": "°C", "degreeCelsius": "°C", "degree": "°", "kelvin": "K",
    "milli": "m", "micro": "μ", "nano": "n", "pico": "p", "kilo": "k", "mega": "M", "giga": "G",
    "tera": "T", "kibi": "Ki", "mebi": "Mi", "gibi": "Gi", "centi": "c", "per": "/", "s": "s",
    "ms": "ms", "us": "μs", "ns": "ns", "min": "min", "h": "h", "GB": "GB", "MB": "MB", "kB": "kB",
    "kg": "kg", "g": "g", "m": "m", "cm": "cm", "mm": "mm", "km": "km", "W": "W", "kW": "kW",
    "kWh": "kWh", "Hz": "Hz", "GHz": "GHz", "MHz": "MHz", "decibel": "dB", "dB": "dB",
    "giga byte": "GB", "squared": "^2", "cubed": "^3", "square": "", "of": "", "flop": "FLOP",
}  # fmt: skip
QUANTITIES = {"num": "[{", "SI": "[{[{", "qty": "[{{", "si": "[{", "unit": "[{", "ang": "[{",
              "SIrange": "[{{{", "qtyrange": "[{{{", "numrange": "[{{",
              "tablenum": "[{"}  # fmt: skip
CITING = (
    "cite", "citep", "citet", "citealp", "citealt", "citeauthor", "citeyear", "citeyearpar",
    "citetitle", "citenum", "Cite", "Citep", "Citet", "Citealp", "Citealt", "Citeauthor",
    "parencite", "textcite", "autocite", "footcite", "fullcite", "smartcite", "supercite",
    "Parencite", "Textcite", "Autocite", "shortcite", "citeA", "citeN", "nocite",
)  # fmt: skip
REFERRING = ("ref", "eqref", "autoref", "cref", "Cref", "pageref", "nameref", "vref", "subref")


NAME = re.compile(r"(?<![A-Za-z\\])([A-Za-z])[_^](\d)(?!\d)")  # `R^2` and `F_1` are names


class Inline:
    """Nodes as text.

    Args:
        raw: what `bonsairaw` stands for.
        cite: is told of a citation (command, keys, position) and says how it is printed.
        refer: is told of a reference to a label, likewise.
        footnote: is given the text of a footnote.
    """

    def __init__(
        self,
        raw: Callable[[int], str] = lambda number: "",
        cite: Callable[[str, list[str], int], str] = lambda command, keys, at: "",
        refer: Callable[[str, str, int], str] = lambda command, key, at: "",
        footnote: Callable[[str, int], None] = lambda text, at: None,
    ) -> None:
        """Read by these."""
        self.raw, self.cite, self.refer, self.footnote = raw, cite, refer, footnote

    def text(self, nodes: Sequence[Node], math: bool = False) -> str:
        """A list of nodes as text, with marks of bold."""
        pieces: list[str] = []
        bold = 0
        for number, node in enumerate(nodes):
            if node is None:
                continue
            if node.isNodeType(_kinds().macro) and node.macroname in BOLD_FROM_HERE:
                pieces.append(BOLD)
                bold += 1
                continue
            raised = _raised(nodes, number) if math else ""
            told = self.node(node, math)
            if raised:
                before = pieces.pop()[:-1]
                pieces += [before, _script(raised, told)]
            else:
                pieces.append(told)
        return "".join(pieces) + PLAIN * bold

    def node(self, node: Node, math: bool = False) -> str:
        """A node as text."""
        kinds = _kinds()
        if node.isNodeType(kinds.chars):
            return str(node.chars)
        if node.isNodeType(kinds.group):
            return self.text(node.nodelist, math)
        if node.isNodeType(kinds.math):
            return NAME.sub(r"\1\2", self.text(node.nodelist, True))
        if node.isNodeType(kinds.specials):
            return _special(node.specials_chars)
        if node.isNodeType(kinds.environment):
            inner = self.text(node.nodelist, math)
            return f" {inner} "
        if node.isNodeType(kinds.macro):
            return self.macro(node, math)
        return ""

    def macro(self, node: Node, math: bool) -> str:
        """A command as text."""
        name = node.macroname
        given = arguments(node)
        after = node.macro_post_space
        if name in SIGNS:
            return SIGNS[name] + ("" if name.isalpha() else after)  # as TeX swallows it
        if name in BOLD_OF:
            return f"{BOLD}{self.text(given[-1:], math)}{PLAIN}"
        if name in QUANTITIES:
            return self.quantity(name, given)
        if name == "bonsairaw":
            return self.raw(number_of(node))
        if name in CITING:
            keys = [key.strip() for key in source_of(given[-1:]).split(",") if key.strip()]
            return self.cite(name, keys, node.pos)
        if name in REFERRING:
            told = [self.refer(name, key.strip(), node.pos)
                    for key in source_of(given[-1:]).split(",")]  # fmt: skip
            return ", ".join(told)
        if name in ("footnote", "footnotetext"):
            self.footnote(self.text(given[-1:]), node.pos)
            return ""
        if name == "footnotemark" or name in DROPPED:
            return ""
        if name in ("frac", "dfrac", "tfrac", "nicefrac", "sfrac"):
            parts = [_bracketed(self.text([each], True).strip()) for each in given[-2:]]
            return "/".join(parts)
        if name == "sqrt":
            return f"√{_bracketed(self.text(given[-1:], True).strip())}"
        if name in ("textsuperscript", "textsubscript"):
            return self.text(given[-1:], math)
        if name in LAST:
            return self.text(given[-1:], math)
        if (sign := _symbol(name)) is not None:
            return sign + (after if not math or not sign.isalpha() else " " * bool(after))
        if not given and not math and len(name) == 1 and not name.isalpha():
            return ""
        return _accented(node) or self.text([each for each in given if each is not None], math)

    def quantity(self, name: str, given: Sequence[Node]) -> str:
        """A quantity of siunitx."""
        needed = [each for each in given if each is not None and each.isNodeType(_kinds().group)]
        texts = [each for each in needed if not str(each.delimiters[0]).startswith("[")]
        if name in ("si", "unit"):
            return _unit(source_of(texts[-1:]))
        if name in ("num", "tablenum", "ang"):
            return _number(self.text(texts[-1:])) + ("°" if name == "ang" else "")
        if name == "numrange":
            return " to ".join(_number(self.text([each])) for each in texts)
        told = " to ".join(_number(self.text([each])) for each in texts[:-1])
        return f"{told} {_unit(source_of(texts[-1:]))}"


def arguments(node: Node) -> list[Node]:
    """The arguments of a command or environment; None for an optional one that is not there."""
    given = getattr(node, "nodeargd", None)
    return list(given.argnlist or []) if given is not None else []


def source_of(nodes: Sequence[Node]) -> str:
    """The source of an argument, without its braces."""
    if not nodes or nodes[0] is None:
        return ""
    node = nodes[0]
    if node.isNodeType(_kinds().group):
        return "".join(str(each.latex_verbatim()) for each in node.nodelist if each is not None)
    return str(node.latex_verbatim())


def number_of(node: Node) -> int:
    """Which piece a `bonsairaw` stands for; -1 for one that the paper itself has written."""
    told = source_of(arguments(node)[-1:])
    return int(told) if told.isdigit() and len(told) < 9 else -1


def reference(label: str) -> str:
    """The mark of a label, to be replaced by its number when all are known."""
    return f"{REF}{label}{REF_END}"


def _special(signs: str) -> str:
    told = {"~": " ", "``": "“", "''": "”", "--": "–", "---": "—", "&": " ", "\n\n": "\n\n"}
    return told.get(signs, signs)


def _raised(nodes: Sequence[Node], number: int) -> str:
    """`^` or `_`, if it stands before a node and takes it along."""
    if number == 0 or nodes[number - 1] is None:
        return ""
    before = nodes[number - 1]
    if not before.isNodeType(_kinds().chars) or before.chars[-1:] not in ("^", "_"):
        return ""
    return str(before.chars[-1])


def _script(sign: str, text: str) -> str:
    inner = text.strip()
    bare = inner.strip(BOLD + PLAIN + " ")
    if not bare:
        return ""
    if bare[0] in "±∓(":  # an error, set small
        return f" {inner}"
    if bare in ("*", "**", "***", "†", "‡", "°", "th", "st", "nd", "rd", "'") or bare == "%":
        return inner
    if sign == "^" and bare in ("×",):
        return f" {inner}"
    if " " in inner or re.search(r"(?<=.)[-+=,/]", inner):
        return f"{sign}({inner})" if not re.fullmatch(r"[-+]?[\d.]+", inner) else f"{sign}{inner}"
    return f"{sign}{inner}"


def _bracketed(text: str) -> str:
    return text if re.fullmatch(r"[\w.%]*", text) else f"({text})"


def _number(text: str) -> str:
    """A number as siunitx writes it."""
    text = text.replace(" ", "").replace("+-", "±").replace("\\pm", "±")
    text = re.sub(r"±", " ± ", text)
    text = re.sub(r"(?<=\d)[eEdD]([-+]?\d+)$", r" × 10^\1", text)
    found = re.fullmatch(r"([-+]?\d*)\.(\d+)\((\d+)\)", text)
    if found:
        whole, places, error = found.groups()
        spread = f"{int(error) / 10 ** len(places):.{len(places)}f}"
        return f"{whole}.{places} ± {spread}"
    return text


def _unit(source: str) -> str:
    def known(found: re.Match[str]) -> str:
        return UNITS.get(found[1], found[1])

    return re.sub(r"\\([A-Za-z]+|%)\s*", known, source).replace("{}", "").replace("~", " ").strip()


@functools.cache
def _kinds() -> Any:
    from types import SimpleNamespace

    from pylatexenc import latexwalker

    return SimpleNamespace(
        chars=latexwalker.LatexCharsNode, group=latexwalker.LatexGroupNode,
        math=latexwalker.LatexMathNode, specials=latexwalker.LatexSpecialsNode,
        environment=latexwalker.LatexEnvironmentNode, macro=latexwalker.LatexMacroNode,
    )  # fmt: skip


def kinds() -> Any:
    """Classes of nodes, by name."""
    return _kinds()


@functools.cache
def _texts() -> Any:
    from pylatexenc.latex2text import LatexNodes2Text, get_default_latex_context_db

    return LatexNodes2Text(), get_default_latex_context_db()


@functools.cache
def _symbol(name: str) -> str | None:
    """A letter or sign that a command without arguments stands for."""
    spec = _texts()[1].get_macro_spec(name)
    told = getattr(spec, "simplify_repl", None)
    return told if isinstance(told, str) and "%" not in told and told else None


def _accented(node: Node) -> str:
    """A letter with an accent; empty if it is something else."""
    spec = _texts()[1].get_macro_spec(node.macroname)
    if len(node.macroname) > 2 or not callable(getattr(spec, "simplify_repl", None)):
        return ""
    try:
        return str(_texts()[0].nodelist_to_text([node]))
    except Exception:  # whatever it is, it is no letter
        return ""
