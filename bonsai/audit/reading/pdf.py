"""Papers as PDF: by their structure where they have one, else by how they look."""

from __future__ import annotations

import logging
from pathlib import Path

from bonsai.audit.document import Document
from bonsai.audit.reading.pdf_layout import read_by_layout
from bonsai.audit.reading.pdf_pages import open_pdf
from bonsai.audit.reading.pdf_tagged import read_tagged


def read_pdf(path: Path) -> Document:
    """A paper as PDF.

    Raises:
        BonsaiError: it is none, or cannot be read.
    """
    logging.getLogger("pdfminer").setLevel(logging.ERROR)
    opened = open_pdf(path)
    document = Document(path, "pdf", troubles=opened.troubles)
    if opened.structure is not None:
        try:
            if read_tagged(opened, document):
                return document
        except Exception as error:  # pdfminer raises whatever a damaged file leads it to
            told = f"its structure is damaged ({type(error).__name__}): it was read as it looks"
            opened.troubles.append(told)
    document = Document(path, "pdf", troubles=opened.troubles)
    read_by_layout(opened, document)
    return document
