"""Parts of a paper as LaTeX: every text is escaped, and a number is a reference."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bonsai.paper.document import (
    Block,
    Figure,
    Heading,
    Items,
    Listing,
    Paragraph,
    Quotation,
    Shown,
    Span,
    Table,
)

SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "#": r"\#", "$": r"\$", "%": r"\%",
    "&": r"\&", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
    "−": r"\ensuremath{-}", "±": r"\ensuremath{\pm}", "×": r"\ensuremath{\times}",
    "≤": r"\ensuremath{\leq}", "≥": r"\ensuremath{\geq}", "µ": r"\ensuremath{\mu}",
    "μ": r"\ensuremath{\mu}", "→": r"\ensuremath{\to}", "·": r"\ensuremath{\cdot}",
    "…": r"\dots{}", "–": "--", "—": "---", "’": "'", "‘": "`", "“": "``", "”": "''",
    "\N{NO-BREAK SPACE}": "~", "°": r"\ensuremath{^\circ}", "`": r"\textasciigrave{}",
}  # fmt: skip
LINE = 105  # characters in the size of a table that fit into a line
LONG = 22  # characters of a name that may be broken
ENDS_CODE = re.compile(
    r"\\(?:begin|end|[cC]ite\w*|includegraphics|(?:sub)*section|bibliography|input|include)\b"
)


def escape(text: str) -> str:
    """A text that LaTeX shows as it is, whatever stands in it; `%` stays with its number."""
    shown = "".join(SPECIAL.get(letter) or _letter(letter) for letter in text)
    return re.sub(r"(?<=\d) (?=\\%)", "~", shown)


def only_letters(text: str) -> str:
    """A text for LaTeX, its commands as they are, with letters only that every LaTeX has."""
    return "".join(each if each.isascii() else SPECIAL.get(each) or _letter(each) for each in text)


def _letter(letter: str) -> str:
    """A letter of ASCII or Latin-1; another one that every LaTeX may lack becomes a mark."""
    return letter if (ord(letter) < 0x180 and letter.isprintable()) or letter in "\n\t" else "?"


def said(spans: Sequence[Span]) -> str:
    """Spans as LaTeX."""
    return "".join(map(_span, spans))


def _span(span: Span) -> str:
    if span.kind == "cite":
        return rf"\cite{{{span.key}}}"
    body = rf"\measured{{{span.key}}}" if span.kind == "number" else escape(span.text)
    command = {"strong": "textbf", "emphasis": "emph", "code": "texttt"}.get(span.style)
    if command == "texttt" and span.kind == "text" and len(span.text) > LONG:
        # Long names may break after an underscore or a slash, hashes anywhere.
        body = re.sub(r"(\\_|/)", r"\1\\allowbreak{}", body)
        body = re.sub(
            r"[0-9a-f]{32,}",
            lambda found: re.sub(r"(.{8})(?=.)", r"\1\\allowbreak{}", found.group()), body,
        )  # fmt: skip
    return rf"\{command}{{{body}}}" if command else body


def block(part: Block, values: Mapping[str, Shown]) -> str:
    """A block as LaTeX.

    Args:
        part: the block.
        values: the paper's values, by whose lengths the widths of columns are chosen.
    """
    if isinstance(part, Heading):
        command = "subsection" if part.level == 2 else "section"
        return rf"\{command}{{{escape(part.text)}}}"
    if isinstance(part, Paragraph):
        return said(part.spans)
    if isinstance(part, Items):
        items = "\n".join(rf"  \item {said(item)}" for item in part.items)
        return f"\\begin{{itemize}}\n{items}\n\\end{{itemize}}"
    if isinstance(part, Quotation):
        inner = "\n\n".join(said(each) for each in part.paragraphs)
        return f"\\begin{{quote}}\n{inner}\n\n\\emph{{{escape(part.whose)}}}\n\\end{{quote}}"
    if isinstance(part, Table):
        return _table(part, values)
    if isinstance(part, Figure):
        size = r"width=0.9\textwidth,height=0.4\textheight,keepaspectratio"
        return (
            "\\begin{figure}[htbp]\n  \\centering\n"
            f"  \\includegraphics[{size}]{{{part.file}}}\n"
            f"  \\caption{{{said(part.caption)}}}\n\\end{{figure}}"
        )
    return _listing(part)


def _table(part: Table, values: Mapping[str, Shown]) -> str:
    widths = [
        max(sum(_width(span, values) for span in cell) for cell in column)
        for column in zip(part.header, *part.rows, strict=True)
    ]
    others = sum(width + 3 for number, width in enumerate(widths) if number != part.wide)
    rest = min(0.75, max(0.2, 1 - others / LINE))
    columns = "".join(
        rf"p{{{rest:.2f}\textwidth}}" if number == part.wide else "l" if number == 0 else "r"
        for number in range(len(part.header))
    )
    header = " & ".join(said(cell) for cell in part.header)
    # A cell of several lines is not stretched to fill them; but in the last, \\ must end the row.
    ragged = part.wide if part.wide is not None and part.wide + 1 < len(part.header) else None
    rows = "\n".join(
        "  " + " & ".join(
            (r"\raggedright " if number == ragged else "") + said(cell)
            for number, cell in enumerate(row)
        ) + r" \\"
        for row in part.rows
    )  # fmt: skip
    small = "\\scriptsize" if part.wide is None and others > LINE else "\\footnotesize"
    return (
        f"\\begin{{table}}[htbp]\n  \\centering\n  {small}\n"
        f"  \\caption{{{said(part.caption)}}}\n  \\begin{{tabular}}{{{columns}}}\n  \\toprule\n"
        f"  {header} \\\\\n  \\midrule\n{rows}\n  \\bottomrule\n  \\end{{tabular}}\n\\end{{table}}"
    )


def _width(span: Span, values: Mapping[str, Shown]) -> float:
    """About how many characters of plain text it is as wide as."""
    if span.kind == "cite":
        return len(span.key)
    if span.kind == "number":
        return len(values[span.key].text) if span.key in values else 0
    return len(span.text) * (1.2 if span.style == "code" else 1)


def _listing(part: Listing) -> str:
    """Lines of code, as they are; escaped one by one where something in them could end that."""
    caption = rf"\noindent\emph{{Listing:}} {said(part.caption)}"
    marks: Sequence[str] = part.marks or [""] * len(part.lines)
    lines = [
        f"{mark} {line}".rstrip() if part.marks else line.rstrip()
        for mark, line in zip(marks, part.lines, strict=True)
    ]
    if not any(ENDS_CODE.search(line) for line in lines):
        code = "\n".join("".join(map(_plain, line)) for line in lines)
        shown = f"\\begin{{verbatim}}\n{code}\n\\end{{verbatim}}"
    else:
        shown = "\n".join(
            rf"\noindent\mbox{{}}\texttt{{{escape(line).replace(' ', '~')}}}\\" for line in lines
        )
    return f"{caption}\n\n\\nopagebreak\\scriptsize\n{shown}\n\n\\normalsize"


def _plain(letter: str) -> str:
    """A character that stands in code as it is: nothing is escaped there."""
    return {"…": "...", "−": "-", "\t": "    "}.get(letter, _letter(letter))
