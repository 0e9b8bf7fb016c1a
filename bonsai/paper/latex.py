r"""A paper as LaTeX, in a template's own `latex/template.tex`, as The AI Scientist has it filled.

Each placeholder of that file is replaced, its sections and its block of references keep their
form, and pictures lie one folder up. A number is `\measured{key}`; what keys stand for is defined
in `values.tex`, and an unknown one stops LaTeX.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from bonsai import execution
from bonsai.base import BonsaiError, untrusted, write_atomically
from bonsai.paper.document import (
    Block,
    Figure,
    Heading,
    Items,
    Listing,
    Paper,
    Paragraph,
    Quotation,
    Span,
    Table,
)  # fmt: skip
from bonsai.paper.references import BLOCK, Reference

MOST_BYTES = 1_000_000  # of a template's paper
TOOL_SECONDS = 60.0
COMPILER = ("pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape",
            "template.tex")  # fmt: skip
SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "#": r"\#", "$": r"\$", "%": r"\%",
    "&": r"\&", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\symbol{34}",
    "−": r"\ensuremath{-}", "±": r"\ensuremath{\pm}", "×": r"\ensuremath{\times}",
    "≤": r"\ensuremath{\leq}", "≥": r"\ensuremath{\geq}", "µ": r"\ensuremath{\mu}",
    "μ": r"\ensuremath{\mu}", "→": r"\ensuremath{\to}", "·": r"\ensuremath{\cdot}",
    "…": r"\dots{}", "–": "--", "—": "---", "’": "'", "‘": "`", "“": "``", "”": "''",
    "\N{NO-BREAK SPACE}": "~", "°": r"\ensuremath{^\circ}", "`": r"\textasciigrave{}",
}  # fmt: skip
# Which of our sections go into which of the template's, by its placeholder.
PLACES = {
    "INTRO HERE": ("Question and claims",),
    "RELATED WORK HERE": ("Related work",),
    "BACKGROUND HERE": ("Controls",),
    "METHOD HERE": ("Method",),
    "EXPERIMENTAL SETUP HERE": ("Protocol",),
    "RESULTS HERE": ("Results", "What went wrong"),
    "CONCLUSIONS HERE": ("Limits", "Cost", "How to reproduce"),
}
DEFINITIONS = r"""% What \measured{key} stands for; an unknown key stops LaTeX.
\newcommand{\measuredvalue}[2]{\expandafter\gdef\csname measured@#1\endcsname{#2}}
\newcommand{\measured}[1]{\ifcsname measured@#1\endcsname\csname measured@#1\endcsname\else
  \GenericError{}{There is no value #1 in the ledger}{}{}\fi}
"""


def write_latex(
    paper: Paper, references: Mapping[str, Reference], template: str, folder: Path
) -> None:
    """Write `template.tex` and `values.tex`.

    Args:
        paper: the paper.
        references: those that may be cited.
        template: the text of the template's own paper, with its placeholders.
        folder: where they go; pictures lie in the folder above it.

    Raises:
        BonsaiError: the template's paper lacks what has to be filled.
    """
    folder.mkdir(parents=True, exist_ok=True)
    values = [
        rf"\measuredvalue{{{key}}}{{{escape(shown.text)}}}" for key, shown in paper.values.items()
    ]
    write_atomically(folder / "values.tex", DEFINITIONS + "\n".join(values) + "\n")
    text = _without_figures(template)
    entries = "\n\n".join(references[key].bibtex for key in paper.cited)
    if not BLOCK.search(text):
        raise BonsaiError(
            "latex/template.tex has no block \\begin{filecontents}{references.bib}; the references "
            "go there (`bonsai doctor` tells what else a paper needs)"
        )
    text = BLOCK.sub(
        lambda found: found.group(0).replace(found.group(1), f"\n{entries}\n", 1), text, count=1
    )
    text = text.replace(r"\begin{document}", "\\input{values.tex}\n\n\\begin{document}", 1)
    text = _fill(text, "TITLE HERE", escape(paper.title))
    text = _fill(text, "ABSTRACT HERE", said(paper.abstract))
    sections = _sections(paper.blocks)
    for placeholder, names in PLACES.items():
        parts = []
        for name in names:
            if name in sections:
                begin = rf"\subsection{{{escape(name)}}}" + "\n" if len(names) > 1 else ""
                parts.append(begin + "\n\n".join(map(block, sections[name])))
        nothing = "Nothing that was measured belongs here."
        text = _fill(text, placeholder, "\n\n".join(parts) or nothing)
    write_atomically(folder / "template.tex", text)


def compile_latex(folder: Path) -> bytes:
    """The PDF of a source folder, by pdflatex and bibtex.

    They work in a copy, and read nothing but what lies in it and their own files.

    Args:
        folder: with `template.tex` and `values.tex`; pictures lie in the folder above it.

    Raises:
        BonsaiError: they are not installed, take too long, or stop with an error.
    """
    lacking = [tool for tool in ("pdflatex", "bibtex") if shutil.which(tool) is None]
    if lacking:
        raise BonsaiError(
            f"--format latex needs {' and '.join(lacking)} (Debian: texlive-latex-recommended); "
            f"the source is in {folder}, and `bonsai paper` without --format makes a PDF"
        )
    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(temporary)
        for path in (*folder.iterdir(), *folder.parent.glob("*.png")):
            if untrusted.is_file(path):
                shutil.copyfile(path, copy / path.name)
        for command in (COMPILER, ("bibtex", "template"), COMPILER, COMPILER):
            _run(command, copy, folder)
        return (copy / "template.pdf").read_bytes()


def _run(command: tuple[str, ...], copy: Path, folder: Path) -> None:
    paranoid = {"openin_any": "p", "openout_any": "p"}
    dated = {"SOURCE_DATE_EPOCH": "0", "FORCE_SOURCE_DATE": "1"}  # the same bytes every time
    try:
        done = subprocess.run(
            command, cwd=copy, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=TOOL_SECONDS, check=False,
            env=execution.environment(1, "", str(copy)) | paranoid | dated,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise BonsaiError(
            f"{command[0]} took more than {TOOL_SECONDS:.0f} s for {folder}"
        ) from None
    if done.returncode and command is COMPILER:
        log = done.stdout.decode("utf-8", "replace")
        found = re.search(r"(?m)^! .*(?:\n.*){0,3}", log)
        error = found.group(0) if found else log[-300:]
        raise BonsaiError(f"{folder / 'template.tex'} does not become a PDF: {error}")


def read_template(folder: Path) -> str:
    """A template's own paper, with its placeholders.

    Raises:
        BonsaiError: it has none, or one that is too large.
    """
    path = folder / "latex" / "template.tex"
    if not untrusted.is_file(path):
        raise BonsaiError(
            f"{folder} has no latex/template.tex to write into; `bonsai paper` without --format "
            "needs none"
        )
    return untrusted.read_text(path, MOST_BYTES)


def escape(text: str) -> str:
    """A text that LaTeX shows as it is, whatever stands in it."""
    return "".join(SPECIAL.get(letter) or _letter(letter) for letter in text)


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
    if command == "texttt":  # long names may break after an underscore or a slash
        body = re.sub(r"(\\_|/)", r"\1\\allowbreak{}", body)
    return rf"\{command}{{{body}}}" if command else body


def block(part: Block) -> str:
    """A block as LaTeX."""
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
        return _table(part)
    if isinstance(part, Figure):
        return (
            "\\begin{figure}[htbp]\n  \\centering\n"
            f"  \\includegraphics[width=0.9\\textwidth]{{{part.file}}}\n"
            f"  \\caption{{{said(part.caption)}}}\n\\end{{figure}}"
        )
    return _listing(part)


def _table(part: Table) -> str:
    columns = "".join(
        r"p{0.42\textwidth}" if number == part.wide else "l" if number == 0 else "r"
        for number in range(len(part.header))
    )
    lines = [r" \\".join(["  " + " & ".join(map(said, row)), ""]) for row in part.rows]
    header = " & ".join(said(cell) for cell in part.header)
    return (
        "\\begin{table}[htbp]\n  \\centering\n  \\footnotesize\n"
        f"  \\caption{{{said(part.caption)}}}\n  \\begin{{tabular}}{{{columns}}}\n  \\toprule\n"
        f"  {header} \\\\\n  \\midrule\n" + "\n".join(lines) +
        "\n  \\bottomrule\n  \\end{tabular}\n\\end{table}"
    )  # fmt: skip


def _listing(part: Listing) -> str:
    """Lines of code, each escaped: a verbatim environment could be ended by what stands in it."""
    marks: Sequence[str] = part.marks or [""] * len(part.lines)
    shown = [
        r"\noindent\texttt{" + escape(f"{mark} {line}".rstrip()).replace(" ", r"\ ") + r"}\\"
        for mark, line in zip(marks, part.lines, strict=True)
    ]
    return "{\\scriptsize\n" + "\n".join(shown) + f"\n}}\n\n\\emph{{{said(part.caption)}}}"


def _sections(blocks: Sequence[Block]) -> dict[str, list[Block]]:
    """The blocks below each heading of the first level, which is a section of the template."""
    found: dict[str, list[Block]] = {}
    name = ""
    for each in blocks:
        if isinstance(each, Heading) and each.level == 1:
            name = each.text
        else:
            found.setdefault(name, []).append(each)
    return found


def _fill(text: str, placeholder: str, content: str) -> str:
    if placeholder not in text:
        raise BonsaiError(
            f"latex/template.tex has no {placeholder}, where that part of a paper goes; "
            "`bonsai doctor` tells what a paper needs"
        )
    return text.replace(placeholder, content, 1)


def _without_figures(text: str) -> str:
    """The template's own figures are examples: they show what another run may not have drawn."""
    return re.sub(r"\\begin{figure\*?}.*?\\end{figure\*?}\n?", "", text, flags=re.S)


__all__ = ["compile_latex", "escape", "read_template", "write_latex"]
