"""A paper as PDF, by typst: no LaTeX, no network, the same bytes for the same paper."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from bonsai.base import BonsaiError, write_atomically
from bonsai.paper.document import Paper

LAYOUT = Path(__file__).with_name("paper.typ")


def write_source(paper: Paper, references: Mapping[str, str], folder: Path) -> None:
    """Write what typst reads: the layout, the paper and its references as data."""
    write_atomically(folder / "paper.typ", LAYOUT.read_text(encoding="utf-8"))
    write_atomically(folder / "paper.json", paper.model_dump_json(indent=1) + "\n")
    shown = {key: {"text": text} for key, text in references.items()}
    write_atomically(folder / "references.json", json.dumps(shown, indent=1) + "\n")


def compile_pdf(folder: Path) -> bytes:
    """The PDF of a paper's source folder; nothing outside of it is read.

    Raises:
        BonsaiError: it refers to a value, a reference or a picture that is not there; the text says
            to which.
    """
    import typst

    # The standards: for archives, and for people who cannot see the pages.
    try:
        return bytes(
            typst.compile(
                str(folder / "paper.typ"), root=str(folder), format="pdf",
                ignore_system_fonts=True, pdf_standards=["a-2a", "ua-1"],
            )
        )  # fmt: skip
    except typst.TypstError as error:
        raise BonsaiError(f"{folder / 'paper.typ'} does not become a PDF: {error}") from None
