r"""Checks of latex/template.tex, as The AI Scientist's write-up reads it.

Its `perform_writeup.py` finds the references by `\begin{filecontents}{references.bib}`, compares
cited keys and shown figures with what is there, asks a model to fill placeholders, and compiles
with nobody watching.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bonsai import execution
from bonsai.base import BonsaiError
from bonsai.doctor.finding import Finding, failure, note, ok, warning
from bonsai.doctor.subject import Subject

PLACEHOLDERS = ("TITLE HERE", "ABSTRACT HERE", "INTRO HERE", "RELATED WORK HERE",
                "BACKGROUND HERE", "METHOD HERE", "EXPERIMENTAL SETUP HERE", "RESULTS HERE",
                "CONCLUSIONS HERE")  # fmt: skip
SECTIONS = ("Introduction", "Related Work", "Background", "Method", "Experimental Setup",
            "Results", "Conclusions and Future Work")  # fmt: skip
BIBLIOGRAPHY = re.compile(r"\\begin{filecontents}{references\.bib}(.*?)\\end{filecontents}", re.S)
TOOL_SECONDS = 30.0  # The AI Scientist's own limit for each of the commands
COMPILER = ("pdflatex", "-interaction=nonstopmode", "-no-shell-escape", "template.tex")


def paper_is_there(subject: Subject) -> Iterator[Finding]:
    """Without it there is no paper."""
    if _source(subject):
        yield ok("latex/template.tex is there")
    else:
        yield failure(
            "latex/template.tex is missing or empty; The AI Scientist writes its paper into it",
            "copy latex/ from another template, or begin with `bonsai new NAME`",
        )


def paper_references(subject: Subject) -> Iterator[Finding]:
    """One block of references in the form that is looked for, holding every key that is cited."""
    source = _source(subject)
    if not source:
        return
    blocks = source.count(r"\end{filecontents")
    found = BIBLIOGRAPHY.search(source)
    if found is None:
        yield failure(
            "latex/template.tex: there is no block \\begin{filecontents}{references.bib} ... "
            "\\end{filecontents}, spelt exactly so, without * or [options]",
            "put the references into one such block, before \\begin{document}",
        )
        return
    if blocks > 1:
        yield failure(
            f"latex/template.tex has {blocks} filecontents blocks; The AI Scientist adds what it "
            "cites to each of them",
            "keep the one of references.bib, and ship other files in latex/",
        )
        return
    keys = set(re.findall(r"@\w+\s*{\s*([^,\s}]+)\s*,", found.group(1)))
    cited = {
        key.strip()
        for group in re.findall(r"\\[cC]ite[a-zA-Z]*\*?(?:\[[^]]*\])*{([^}]*)}", _visible(source))
        for key in group.split(",")
    }
    if unknown := sorted(cited - keys - {"*"}):
        yield failure(
            f"latex/template.tex cites {', '.join(unknown)}, and references.bib has no such entry",
            "add the entry, or remove the \\cite",
        )
    else:
        yield ok(f"latex/template.tex cites only what is among its references ({len(keys)})")


def paper_figures(subject: Subject) -> Iterator[Finding]:
    """Every figure is one that plot.py draws, shown once, found one folder up."""
    source = _source(subject)
    if not source:
        return
    visible = _visible(source)
    if not re.search(r"\\graphicspath\s*{\s*{\.\./}", visible):
        yield failure(
            "latex/template.tex does not look for figures one folder up, where plot.py draws them",
            "write \\graphicspath{{../}} into its preamble",
        )
    # The AI Scientist reads comments too, so a figure that is commented out counts.
    shown = re.findall(r"\\includegraphics.*?{(.*?)}", source)
    if twice := _repeated(shown):
        yield failure(
            f"latex/template.tex shows {', '.join(twice)} more than once",
            "show each figure once; a comment counts too",
        )
    drawn = subject.figures
    if drawn is None:
        if shown:
            yield note(
                f"whether plot.py draws {', '.join(shown)} for latex/template.tex is not known, "
                "because it could not be run with results"
            )
    elif missing := sorted(set(shown) - drawn):
        there = ", ".join(sorted(drawn)) or "none"
        yield Finding(
            "failure" if subject.is_ours else "warning",  # The AI Scientist has a model mend it
            f"latex/template.tex shows {', '.join(missing)}, which plot.py does not draw",
            f"name one of its figures, with .png at the end: {there}",
        )
    else:
        yield ok(f"latex/template.tex shows what plot.py draws: {', '.join(shown) or 'nothing'}")


def paper_frame(subject: Subject) -> Iterator[Finding]:
    """The placeholders and sections that a model is asked to fill."""
    source = _source(subject)
    if not source:
        return
    lacking = [text for text in PLACEHOLDERS if text not in source]
    sections = re.findall(r"\\section\*?{([^}]*)}", _visible(source))
    lacking_sections = [text for text in SECTIONS if text not in sections]
    if lacking:
        yield failure(
            f"latex/template.tex lacks the placeholders {', '.join(lacking)}",
            "put each where a model should write that part",
        )
    if lacking_sections:
        yield failure(
            f"latex/template.tex lacks the sections {', '.join(lacking_sections)}",
            "add \\section{...} for each, spelt so: a model fills them by name",
        )
    if twice := _repeated(sections):
        yield failure(
            f"latex/template.tex has the sections {', '.join(twice)} more than once",
            "keep one of each",
        )
    if not (lacking or lacking_sections or twice):
        yield ok(f"latex/template.tex has the {len(SECTIONS)} sections and their placeholders")


def paper_parts(subject: Subject) -> Iterator[Finding]:
    """The document class and the packages are in latex/ or in this machine's TeX."""
    source = _source(subject)
    if not source:
        return
    if shutil.which("kpsewhich") is None:
        yield note("whether TeX knows the packages of latex/template.tex is not known: no TeX here")
    elif missing := missing_parts(subject):
        yield warning(
            f"latex/template.tex uses {', '.join(missing)}, which is neither in latex/ nor in "
            "this machine's TeX",
            "ship the file in latex/, or use what every TeX has",
        )
    else:
        yield ok("TeX finds the document class and every package of latex/template.tex")


def paper_compiles(subject: Subject) -> Iterator[Finding]:
    """As it is shipped it becomes a PDF, by the commands that The AI Scientist uses."""
    source = _source(subject)
    if not source:
        return
    lacking = [tool for tool in ("pdflatex", "bibtex", "kpsewhich") if not shutil.which(tool)]
    if lacking or missing_parts(subject):
        why = f"no {', '.join(lacking)} here" if lacking else "TeX lacks parts of it"
        yield note(f"latex/template.tex was not compiled: {why}")
        return
    folder = (subject.drawing.folder if subject.drawing else subject.copy()) / "latex"
    for command in (COMPILER, ("bibtex", "template"), COMPILER, COMPILER):
        if _run(command, folder) is None:
            yield failure(
                f"latex/template.tex: {command[0]} takes longer than {TOOL_SECONDS:.0f} s",
                "simplify the paper: The AI Scientist stops it then",
            )
            return
    error = _first_error(folder / "template.log")
    if not (folder / "template.pdf").is_file():
        yield failure(
            f"latex/template.tex does not become a PDF: {error or 'see its log'}",
            "run `pdflatex template.tex` in latex/, and mend the first error",
        )
    elif error and subject.figures is not None:
        yield warning(
            f"latex/template.tex becomes a PDF with errors; the first: {error}",
            "run `pdflatex template.tex` in latex/, and mend it: nobody will watch",
        )
    else:
        yield ok("latex/template.tex becomes a PDF")


def paper_style(subject: Subject) -> Iterator[Finding]:
    """Chktex has no complaint; a model is asked to mend each before the paper is compiled."""
    if not _source(subject):
        return
    if shutil.which("chktex") is None:
        yield note("latex/template.tex was not read by chktex, which is not installed here")
        return
    command = ("chktex", "template.tex", "-q", "-n2", "-n24", "-n13", "-n1")
    said = _run(command, subject.template.folder / "latex")
    complaints = re.findall(r"(?m)^(?:Warning|Error) \d+.*", said or "")
    if complaints:
        yield warning(
            f"chktex has {len(complaints)} complaints about latex/template.tex; "
            f"the first: {complaints[0]}",
            "mend them: The AI Scientist asks a model to do so, at your cost, for every paper",
        )
    else:
        yield ok("chktex has no complaint about latex/template.tex")


def missing_parts(subject: Subject) -> list[str]:
    """File names of the class, packages and bibliography style that nothing provides."""
    visible = _visible(_source(subject))
    optional = set(re.findall(r"\\IfFileExists{([^}]*)}", visible))
    wanted = [
        f"{name.strip()}{ending}"
        for command, ending in (
            ("documentclass", ".cls"),
            ("usepackage", ".sty"),
            ("RequirePackage", ".sty"),
            ("bibliographystyle", ".bst"),
        )
        for group in re.findall(rf"\\{command}(?:\[[^]]*\])?{{([^}}]*)}}", visible)
        for name in group.split(",")
    ]
    shipped = {path.name for path in (subject.folder / "latex").iterdir()}
    open_names = [name for name in dict.fromkeys(wanted) if name not in shipped | optional]
    known = _run(("kpsewhich", *open_names), subject.folder) if open_names else ""
    found = {Path(line).name for line in (known or "").splitlines()}
    return [name for name in open_names if name not in found]


def _source(subject: Subject) -> str:
    return subject.text("latex/template.tex")


def _visible(source: str) -> str:
    """The source without comments."""
    return re.sub(r"(?m)(?<!\\)%.*$", "", source)


def _repeated(names: list[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def _first_error(log: Path) -> str:
    """The first error in TeX's log, with the lines below it that say where."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    found = re.search(r"(?m)^! .*(?:\n.*){0,3}", text)
    return found.group(0).strip() if found else ""


def _run(command: tuple[str, ...], folder: Path) -> str | None:
    """What a tool prints; None if it takes too long.

    Raises:
        BonsaiError: it cannot be started.
    """
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=execution.environment(1, "", str(Path.home())),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TOOL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    except OSError as error:
        raise BonsaiError(f"{command[0]} cannot be started: {error}") from error
    return os.fsdecode(done.stdout)
