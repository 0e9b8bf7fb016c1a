"""Pictures by their pixels: two files that show the same are the same picture."""

from __future__ import annotations

import hashlib
import io
import warnings
from pathlib import Path

from bonsai.base import BonsaiError, untrusted

MOST_BYTES = 50_000_000  # of a picture's file
MOST_PIXELS = 40_000_000
ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp")


def digest_of_file(path: Path) -> str | None:
    """SHA-256 of the pixels of a picture's file as `document.Figure` has it; None: unreadable."""
    if path.suffix.lower() not in ENDINGS:
        return None
    try:
        return digest_of_bytes(untrusted.read_bytes(path, MOST_BYTES))
    except BonsaiError:
        return None


def digest_of_bytes(content: bytes) -> str | None:
    """The same of a file's contents."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content)) as image:
                if image.width * image.height > MOST_PIXELS:
                    return None
                shown = image.convert("RGB")
                return digest_of_pixels(shown.width, shown.height, shown.tobytes())
    except Exception:  # Pillow raises whatever its codecs raise
        return None


def digest_of_pixels(width: int, height: int, pixels: bytes) -> str:
    """The same of pixels as 8-bit RGB, row by row."""
    return hashlib.sha256(f"{width}x{height}:".encode() + pixels).hexdigest()
