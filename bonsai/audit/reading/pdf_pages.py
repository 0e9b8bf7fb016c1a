"""What the pages of a PDF show: letters with their places, and pictures."""

from __future__ import annotations

import io
import re
import zlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from bonsai.audit.pixels import MOST_PIXELS, digest_of_bytes, digest_of_pixels
from bonsai.base import BonsaiError, untrusted

MOST_BYTES = 60_000_000
MOST_PAGES = 300
MOST_GLYPHS = 2_000_000
MOST_INFLATED = 600_000_000  # bytes of all that is packed in it
MONO = re.compile(r"mono|courier|consol|typewriter|CMTT|CMSLTT|SFTT|LMTT|lmtk", re.I)
BOLD = re.compile(r"bold|black|heavy|demi|CMBX|CMB\d|[-,]Bd|\bMedi", re.I)


@dataclass(frozen=True)
class Glyph:
    """A letter.

    Attributes:
        text: the letter, or several that are one sign.
        x0: where it begins, in points from the left.
        x1: where it ends.
        base: its base line, in points from below.
        size: of its font.
        bold: whether that is bold.
        mono: whether all its letters have one width.
        mark: the number of the marked content that it is in; None outside.
    """

    text: str
    x0: float
    x1: float
    base: float
    size: float
    bold: bool
    mono: bool
    mark: int | None


@dataclass
class Image:
    """A picture; its sides in points from below and from the left, `mark` as of a letter."""

    stream: Any
    mark: int | None
    top: float = 0.0
    bottom: float = 0.0
    x0: float = 0.0
    x1: float = 0.0

    @cached_property
    def digest(self) -> str | None:
        """SHA-256 of its pixels, as `document.Figure` has it."""
        return digest_of_stream(self.stream)


@dataclass
class Page:
    """A page.

    Attributes:
        number: counted from 1.
        key: what the file calls it.
        width: in points.
        height: in points.
        glyphs: the letters, as they are drawn.
        images: the pictures.
    """

    number: int
    key: int
    width: float
    height: float
    glyphs: list[Glyph] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)


@dataclass
class Opened:
    """A PDF: its pages, and the root of its structure, None where it has none."""

    pages: list[Page]
    structure: Any
    troubles: list[str]


def open_pdf(path: Path) -> Opened:
    """The pages of a PDF.

    Raises:
        BonsaiError: it is none, is locked, or holds more than can be read.
    """
    content = untrusted.read_bytes(path, MOST_BYTES, follow=True)
    if b"%PDF-" not in content[:1024]:
        raise BonsaiError(f"{path} is no PDF")
    _check_packing(content, path)
    try:
        return _open(content)
    except BonsaiError:
        raise
    except Exception as error:  # pdfminer raises whatever a damaged file leads it to
        told = str(error).splitlines()[:1]
        raise BonsaiError(
            f"{path} cannot be read as a PDF: {': '.join([type(error).__name__, *told])}; audit "
            "its source instead"
        ) from error


def _check_packing(content: bytes, path: Path) -> None:
    """Refuse a file that is small, and endless when it is unpacked."""
    left = MOST_INFLATED
    for found in re.finditer(rb"stream\r?\n", content):
        unpacker = zlib.decompressobj()
        try:
            at = found.end()
            while at < len(content) and not unpacker.eof and left > 0:
                chunk = unpacker.unconsumed_tail or content[at : at + 65536]
                at += 0 if unpacker.unconsumed_tail else 65536
                left -= len(unpacker.decompress(chunk, 1 << 20))
        except zlib.error:
            continue
        if left <= 0:
            raise BonsaiError(
                f"{path} unpacks to more than {MOST_INFLATED // 10**6} MB, and is not read"
            )


def _open(content: bytes) -> Opened:
    from pdfminer.pdfdocument import PDFDocument
    from pdfminer.pdfinterp import PDFPageInterpreter, PDFResourceManager
    from pdfminer.pdfpage import PDFPage
    from pdfminer.pdfparser import PDFParser
    from pdfminer.pdftypes import resolve1

    document = PDFDocument(PDFParser(io.BytesIO(content)))
    manager = PDFResourceManager()
    device = _device(manager)
    interpreter = PDFPageInterpreter(manager, device)
    pages: list[Page] = []
    troubles: list[str] = []
    count = 0
    for number, each in enumerate(PDFPage.create_pages(document), 1):
        if number > MOST_PAGES or count > MOST_GLYPHS:
            troubles.append(f"only its first {number - 1} pages were read")
            break
        x0, y0, x1, y1 = (float(side) for side in each.mediabox)
        page = Page(number, _number(each.pageid), abs(x1 - x0), abs(y1 - y0))
        device.begin(page)
        try:
            interpreter.process_page(each)
        except Exception as error:  # as above; the other pages may be whole
            troubles.append(f"page {number} was not read whole: {type(error).__name__}")
        pages.append(page)
        count += len(page.glyphs)
    root = resolve1(document.catalog.get("StructTreeRoot"))
    return Opened(pages, root if isinstance(root, dict) else None, troubles)


def _device(manager: Any) -> Any:
    from pdfminer.converter import PDFLayoutAnalyzer

    class Device(PDFLayoutAnalyzer):
        """Collects letters and pictures, with the marked content that they are in."""

        page: Page
        marks: list[tuple[int | None, bool]]

        def begin(self, page: Page) -> None:
            self.page, self.marks = page, []

        def begin_tag(self, tag: Any, props: Any = None) -> None:
            number = props.get("MCID") if isinstance(props, dict) else None
            hidden = getattr(tag, "name", "") == "Artifact"
            before = self.marks[-1] if self.marks else (None, False)
            mark = number if isinstance(number, int) else before[0]
            self.marks.append((mark, hidden or before[1]))

        def end_tag(self) -> None:
            if self.marks:
                self.marks.pop()

        def paint_path(self, *given: Any, **more: Any) -> None:
            """Lines are of no use here."""

        def render_char(self, *given: Any, **more: Any) -> float:
            kept = self.cur_item
            held: list[Any] = []
            self.cur_item = _Holder(held)  # type: ignore[assignment]
            try:
                forward = float(super().render_char(*given, **more))
            finally:
                self.cur_item = kept
            hidden = bool(self.marks and self.marks[-1][1])
            if held and not hidden and len(self.page.glyphs) < MOST_GLYPHS:
                letter = held[0]
                if letter.upright and not letter.get_text().startswith("(cid:"):
                    self.page.glyphs.append(
                        Glyph(
                            letter.get_text(), letter.x0, letter.x1, letter.matrix[5],
                            abs(letter.size) or 1.0, bool(BOLD.search(letter.fontname)),
                            bool(MONO.search(letter.fontname)),
                            self.marks[-1][0] if self.marks else None,
                        )
                    )  # fmt: skip
            return forward

        def render_image(self, name: str, stream: Any) -> None:
            mark, hidden = self.marks[-1] if self.marks else (None, False)
            if not hidden and len(self.page.images) < 200:
                box = self.cur_item
                self.page.images.append(Image(stream, mark, box.y1, box.y0, box.x0, box.x1))

    return Device(manager, laparams=None)


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


class _Holder:
    """What a letter is put into."""

    def __init__(self, held: list[Any]) -> None:
        self.held = held

    def add(self, item: Any) -> None:
        self.held.append(item)


def digest_of_stream(stream: Any) -> str | None:
    """SHA-256 of a picture's pixels as 8-bit RGB; None where they cannot be read."""
    from pdfminer.pdftypes import resolve1

    try:
        width, height = int(resolve1(stream["Width"])), int(resolve1(stream["Height"]))
        if not 0 < width * height <= MOST_PIXELS:
            return None
        filters = [str(getattr(each[0], "name", each[0])) for each in stream.get_filters()]
        if filters and filters[-1] in ("DCTDecode", "DCT", "JPXDecode"):
            return digest_of_bytes(stream.get_data())
        bits = int(resolve1(stream.get("BitsPerComponent", 8)))
        data = stream.get_data()
        pixels = _pixels(data, width * height, bits, resolve1(stream.get("ColorSpace")))
    except Exception:  # whatever is wrong with it, its pixels are not known
        return None
    return digest_of_pixels(width, height, pixels) if pixels else None


def _pixels(data: bytes, count: int, bits: int, space: Any) -> bytes | None:
    from pdfminer.pdftypes import resolve1

    if isinstance(space, list) and space and getattr(space[0], "name", "") == "Indexed":
        table = resolve1(space[3])
        table = table if isinstance(table, bytes) else table.get_data()
        if bits != 8 or len(data) < count or len(table) % 3:
            return None
        colours = [table[at : at + 3] for at in range(0, len(table), 3)]
        return b"".join(colours[each] for each in data[:count])
    if bits == 16 and len(data) >= count * 6:
        return data[: count * 6 : 2]
    if bits != 8:
        return None
    if len(data) >= count * 3:
        return data[: count * 3] if len(data) < count * 4 else None
    if len(data) >= count:
        return b"".join(data[at : at + 1] * 3 for at in range(count))
    return None
