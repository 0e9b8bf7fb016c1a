"""stub"""

from bonsai.audit.reading.pdf_pages import Opened
from bonsai.audit.document import Document


def read_by_layout(opened: Opened, document: Document) -> None: ...
