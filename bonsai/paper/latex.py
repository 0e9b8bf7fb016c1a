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
from dataclasses import dataclass, field
from pathlib import Path

from bonsai import execution
from bonsai.base import BonsaiError, untrusted, write_atomically
from bonsai.paper.blocks import block, escape, said
from bonsai.paper.checking import check_identifiers
from bonsai.paper.document import Block, Heading, Paper, Paragraph
from bonsai.paper.references import BLOCK, Reference, as_bibtex
from bonsai.templates import new

MOST_BYTES = 1_000_000  # of a template's paper, and of each file that it needs
TOOL_SECONDS = 30.0  # The AI Scientist's own limit for each of the commands
COMPILER = ("pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape",
            "template.tex")  # fmt: skip
STYLES = (".sty", ".cls", ".bst", ".clo", ".def", ".cfg")
MOST_STYLES = 40  # files that a template's paper may need
# Which of our sections go into which of the template's, by its placeholder. The first paragraph of
# the protocol says how claims are judged, whatever the experiment is: that is background.
JUDGING = "How claims are judged"
PLACES = {
    "INTRO HERE": ("Question and claims",),
    "RELATED WORK HERE": ("Related work",),
    "BACKGROUND HERE": (JUDGING,),
    "METHOD HERE": ("Method",),
    "EXPERIMENTAL SETUP HERE": ("Protocol",),
    "RESULTS HERE": ("Results", "Controls", "What went wrong"),
    "CONCLUSIONS HERE": ("Limits", "Cost", "How to reproduce"),
}
DEFINITIONS = r"""% In typewriter letters an underscore is a letter, so that names can be copied
% from the PDF.
\makeatletter
\AtBeginDocument{\DeclareRobustCommand{\_}{%
  \edef\bonsai@family{\ttdefault}%
  \ifx\f@family\bonsai@family\char95\relax\else\ifmmode\nfss@text{\textunderscore}\else
  \textunderscore\fi\fi}}
\makeatother
% What \measured{key} stands for; an unknown key stops LaTeX.
\newcommand{\measuredvalue}[2]{\expandafter\gdef\csname measured@#1\endcsname{#2}}
\newcommand{\measured}[1]{\ifcsname measured@#1\endcsname\csname measured@#1\endcsname\else
  \GenericError{}{There is no value #1 in the ledger}{}{}\fi}
"""


@dataclass(frozen=True)
class Frame:
    """What a paper is written into.

    Attributes:
        text: a template's own `latex/template.tex`, with its placeholders.
        styles: the files that it needs, by name.
    """

    text: str
    styles: Mapping[str, bytes] = field(default_factory=dict)


def read_template(template: Path) -> Frame:
    """A template's own paper with its styles; that of `bonsai new` where it has none.

    Args:
        template: the template's folder.

    Raises:
        BonsaiError: it cannot be read.
    """
    folder = template / "latex"
    if not untrusted.is_file(folder / "template.tex"):
        folder = new.SCAFFOLD / "latex"
    names = [
        path.name for path in sorted(folder.iterdir())
        if path.suffix in STYLES and untrusted.is_file(path)
    ]  # fmt: skip
    return Frame(
        untrusted.read_text(folder / "template.tex", MOST_BYTES),
        {name: untrusted.read_bytes(folder / name, MOST_BYTES) for name in names[:MOST_STYLES]},
    )


def write_latex(
    paper: Paper, references: Mapping[str, Reference], frame: Frame, folder: Path
) -> None:
    """Write `template.tex`, `values.tex` and what they need.

    Args:
        paper: the paper.
        references: those that may be cited.
        frame: what it is written into.
        folder: where they go; pictures lie in the folder above it.

    Raises:
        BonsaiError: the frame lacks what has to be filled, or a work is cited that is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = _without_figures(frame.text)
    if not BLOCK.search(text):
        raise BonsaiError(
            "latex/template.tex has no block \\begin{filecontents}{references.bib}; the references "
            "go there (`bonsai doctor` tells what else a paper needs)"
        )
    checked = check_identifiers(references.values(), folder.parent, network=False)
    entries = as_bibtex(references, paper.cited, checked)
    text = BLOCK.sub(
        lambda found: found.group().replace(found.group(1), f"\n{entries}\n", 1), text, count=1
    )
    if not paper.cited:  # an empty list stops LaTeX
        text = re.sub(r"(?m)^[ \t]*\\bibliography{[^}]*}", "", text)
    text = text.replace(r"\begin{document}", "\\input{values.tex}\n\n\\begin{document}", 1)
    text = _with_author(text, paper.about)
    text = _fill(text, "TITLE HERE", escape(paper.title))
    text = _fill(text, "ABSTRACT HERE", said(paper.abstract))
    for placeholder, content in _contents(paper).items():
        text = _fill(text, placeholder, content)
    for name, style in frame.styles.items():
        (folder / name).write_bytes(style)
    values = [
        rf"\measuredvalue{{{key}}}{{{escape(shown.text)}}}" for key, shown in paper.values.items()
    ]
    write_atomically(folder / "values.tex", DEFINITIONS + "\n".join(values) + "\n")
    write_atomically(folder / "template.tex", text)


def _contents(paper: Paper) -> dict[str, str]:
    """What takes the place of each placeholder."""
    sections = _sections(paper.blocks)
    found = {}
    for placeholder, names in PLACES.items():
        parts = []
        for name in names:
            if sections.get(name):
                alone = len(names) == 1 or name.upper() in placeholder
                parts += [] if alone else [rf"\subsection{{{escape(name)}}}"]
                parts += [block(part, paper.values) for part in sections[name]]
        found[placeholder] = "\n\n".join(parts) or "Nothing that was measured belongs here."
    return found


def _sections(blocks: Sequence[Block]) -> dict[str, list[Block]]:
    """The blocks below each heading of the first level, which is a section of the template."""
    found: dict[str, list[Block]] = {}
    name = ""
    for each in blocks:
        if isinstance(each, Heading) and each.level == 1:
            name = each.text
        else:
            found.setdefault(name, []).append(each)
    protocol = found.get("Protocol", [])
    if len(protocol) > 1 and isinstance(protocol[0], Paragraph):
        found[JUDGING] = [protocol.pop(0)]
    return found


def _with_author(text: str, about: str) -> str:
    """The template names who writes into it; this paper was written by something else."""
    found = re.search(r"\\author\s*{", text)
    if found is None:
        return text
    depth, end = 1, found.end()
    while end < len(text) and depth:
        if text[end] == "\\":
            end += 1
        depth += {"{": 1, "}": -1}.get(text[end : end + 1], 0)
        end += 1
    return rf"{text[: found.start()]}\author{{Bonsai\thanks{{{escape(about)}}}}}{text[end:]}"


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


__all__ = ["Frame", "compile_latex", "escape", "read_template", "write_latex"]
