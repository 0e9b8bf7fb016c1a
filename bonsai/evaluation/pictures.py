"""Whether a picture that a plot left is one, and shows anything."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from bonsai.base import BonsaiError, untrusted

MOST_BYTES = 50_000_000
MOST_PIXELS = 100_000_000


def problem(path: Path) -> str | None:
    """Why a PNG is no picture that shows something, as a sentence; None if it is one."""
    from PIL import Image  # here: it takes long to load

    try:
        content = untrusted.read_bytes(path, MOST_BYTES)
    except BonsaiError as error:
        return str(error).replace(f"{path.parent}/", "")
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            width, height = image.size
            if width * height > MOST_PIXELS:
                return f"{path.name} has {width} × {height} pixels; {MOST_PIXELS:,} are looked at"
            extremes: Any = image.convert("RGBA").getextrema()
    except Exception as error:  # Pillow raises some ten kinds
        told = str(error).splitlines()[:1] or [type(error).__name__]
        return f"{path.name} is no PNG that can be read: {told[0]}"
    if all(low == high for low, high in extremes):
        return f"{path.name} shows nothing: all its pixels are the same"
    return None


def drawn(folder: Path) -> dict[str, int]:
    """The pictures in a folder and below, and when each was last written to (ns since 1970)."""
    found = untrusted.walk(folder, git=True)
    pictures = [each for each in found if each.name.endswith(".png") and not each.is_folder]
    return {each.name: each.path.lstat().st_mtime_ns for each in pictures}
