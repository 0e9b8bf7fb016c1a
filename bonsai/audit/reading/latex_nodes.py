"""What pylatexenc's walker is told of LaTeX, and what its nodes hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bonsai.audit.reading.expanding import group_at
from bonsai.audit.reading.inline import (
    BOLD_OF,
    CITING,
    DROPPED,
    LAST,
    QUANTITIES,
    REFERRING,
    Node,
    arguments,
    kinds,
    source_of,
)
from bonsai.audit.reading.latex_tables import TABULARS
from bonsai.base import untrusted

SECTIONS = ("part", "chapter", "section", "subsection", "subsubsection", "paragraph",
            "subparagraph")  # fmt: skip
FLOATS = {"figure", "figure*", "table", "table*", "wrapfigure", "wraptable", "sidewaystable",
          "sidewaysfigure", "SCfigure", "SCtable", "longtable", "algorithm", "listing",
          "teaserfigure", "marginfigure", "margintable", "sidewaystable*", "sidewaysfigure*",
          "floatingfigure", "supertabular", "xltabular", "longtblr"}  # fmt: skip
WITHIN_FLOATS = {"subfigure", "subtable", "subfloat", "minipage", "subfigure*"}
LISTS = ("itemize", "enumerate", "description", "compactitem", "compactenum", "inparaenum")
QUOTES = ("quote", "quotation", "displayquote", "verse")
CODES = ("algorithmic", "algorithm2e", "tikzpicture", "pgfpicture", "picture", "CD", "axis")
NOT_TEXT = ("tikzpicture", "pgfpicture", "picture", "CD", "axis")
DISPLAYS = ("equation", "align", "gather", "multline", "eqnarray", "displaymath", "math",
            "alignat", "flalign", "dmath")  # fmt: skip
PICTURES = (".png", ".pdf", ".jpg", ".jpeg", ".eps", ".svg")
COUNTED = {"figure": "figure", "table": "table", "algorithm": "algorithm", "longtable": "table"}


@dataclass
class Float:
    """A figure or table that one stands in."""

    name: str
    images: list[tuple[str, int]] = field(default_factory=list)
    captions: list[tuple[str, int, tuple[str, ...]]] = field(default_factory=list)
    tables: list[tuple[Sequence[Node], int]] = field(default_factory=list)


def counter_of(name: str) -> str:
    """What counts a float of this name."""
    return "table" if "table" in name else "figure" if "figure" in name else name


def labels_in(nodes: Sequence[Node]) -> list[str]:
    """Labels that stand in what is given to a command, or in an equation."""
    found: list[str] = []
    todo = [each for each in nodes if each is not None]
    while todo:
        node = todo.pop(0)
        if node.isNodeType(kinds().macro) and node.macroname == "label":
            found.append(source_of(arguments(node)[-1:]))
        elif not node.isNodeType(kinds().macro):
            todo += [each for each in getattr(node, "nodelist", None) or [] if each is not None]
    return found


def holds_blocks(nodes: Sequence[Node]) -> bool:
    """Whether something stands in a group that is no part of a line."""
    return any(
        each is not None
        and (
            (each.isNodeType(kinds().environment))
            or (each.isNodeType(kinds().specials) and each.specials_chars == "\n\n")
            or (each.isNodeType(kinds().chars) and re.search(r"\n\s*\n", each.chars))
            or (
                each.isNodeType(kinds().macro)
                and each.macroname in (*SECTIONS, "includegraphics", "caption", "par", "item")
            )
            or (each.isNodeType(kinds().group) and holds_blocks(each.nodelist))
        )
        for each in nodes
    )


def picture_folders(text: str) -> list[str]:
    """The folders that a source says pictures lie in, its own first."""
    found = re.search(r"\\graphicspath\s*", text)
    told, _ = group_at(text, found.end()) if found else ("", 0)
    return ["", *re.findall(r"{([^{}]*)}", told)]


def find_picture(
    name: str, home: Path, folders: Sequence[str], roots: Sequence[Path]
) -> Path | None:
    """The file of a picture.

    Args:
        name: as the source has it.
        home: the paper's folder.
        folders: from there, those that it may lie in.
        roots: those that it must lie in, whatever the source says.
    """
    for folder in folders:
        for ending in ("", *PICTURES):
            path = (home / folder / f"{name}{ending}").resolve()
            if any(path.is_relative_to(root) for root in roots) and untrusted.is_file(path):
                return path
    return None


def context() -> object:
    """What the walker knows of commands and their arguments."""
    from pylatexenc.latexwalker import get_default_latex_context_db
    from pylatexenc.macrospec import EnvironmentSpec, MacroSpec, std_macro

    context = get_default_latex_context_db()
    specs = {**DROPPED, **LAST, **BOLD_OF, **QUANTITIES}
    specs.update(dict.fromkeys(CITING, "*[[{"))
    specs.update(dict.fromkeys(REFERRING, "*{"))
    specs.update(dict.fromkeys(SECTIONS, "*[{"))
    specs.update(
        {
            "caption": "*[{", "captionof": "*{[{", "subcaption": "{", "item": "[", "\\": "*[",
            "includegraphics": "*[{", "includesvg": "[{", "bonsairaw": "{", "footnote": "[{",
            "footnotetext": "[{", "footnotemark": "[", "frac": "{{", "dfrac": "{{", "tfrac": "{{",
            "nicefrac": "{{", "sfrac": "{{", "sqrt": "[{", "title": "[{", "icmltitle": "{",
            "bibliography": "{", "subfloat": "[[{", "subcaptionbox": "*{[{",
            "textsuperscript": "{", "textsubscript": "{", "bibitem": "[{",
        }
    )  # fmt: skip
    macros = [std_macro(name, given) if given else MacroSpec(name) for name, given in specs.items()]
    environments = [EnvironmentSpec(name, given) for name, given in TABULARS.items()]
    environments += [EnvironmentSpec(name, "[") for name in FLOATS if name not in TABULARS]
    environments += [
        EnvironmentSpec("wrapfigure", "[{[{"), EnvironmentSpec("wraptable", "[{[{"),
        EnvironmentSpec("subfigure", "[[[{"), EnvironmentSpec("subtable", "[[[{"),
        EnvironmentSpec("minipage", "[[[{"), EnvironmentSpec("thebibliography", "{"),
        EnvironmentSpec("adjustbox", "{"), EnvironmentSpec("threeparttable", "["),
        EnvironmentSpec("multicols", "{"), EnvironmentSpec("subfloat", "["),
        *(EnvironmentSpec(name, "[") for name in LISTS),
        *(
            EnvironmentSpec(f"{name}{star}", "{" if name == "alignat" else "", is_math_mode=True)
            for name in DISPLAYS for star in ("", "*")
        ),
    ]  # fmt: skip
    context.add_context_category("bonsai", macros, environments, prepend=True)
    return context
