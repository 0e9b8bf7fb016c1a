"""Papers in their forms, read into a `Document`: nothing of them is run, and all is bounded."""

from __future__ import annotations

from pathlib import Path

from bonsai.audit.document import Document
from bonsai.base import BonsaiError

__all__ = ["FORMS", "read"]

FORMS = (".tex", ".pdf", ".typ", ".md", ".txt")


def read(path: Path, results: Path | None = None) -> Document:
    """A paper.

    Args:
        path: its file.
        results: the folder of the results that it is on; pictures may lie there too.

    Raises:
        BonsaiError: there is no such file, or it is no paper that can be read.
    """
    form = path.suffix.lower()
    if form not in FORMS:
        raise BonsaiError(f"{path} is no paper that can be read; that is one of {', '.join(FORMS)}")
    roots = [path.parent.resolve()]
    if results is not None:
        roots.append((results if results.is_dir() else results.parent).resolve())
    elif path.parent.name == "latex":
        roots.append(path.parent.parent.resolve())
    if form == ".tex":
        from bonsai.audit.reading.latex import read_latex

        return read_latex(path, roots)
    if form == ".pdf":
        from bonsai.audit.reading.pdf import read_pdf

        return read_pdf(path)
    if form == ".typ":
        from bonsai.audit.reading.typst_source import read_typst

        return read_typst(path)
    from bonsai.audit.reading.markup import read_markup

    return read_markup(path, roots)
