"""A picture is a PNG of sane size that shows something; why it is not is one sentence."""

from __future__ import annotations

import os
import re
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from bonsai.evaluation import pictures


def _picture(path: Path, colour: tuple[int, int, int] = (255, 255, 255), dot: bool = False) -> None:
    image = Image.new("RGB", (60, 40), colour)
    if dot:
        image.putpixel((30, 20), (0, 0, 0))
    image.save(path)


def _bomb(path: Path) -> None:
    """A PNG that says it is a hundred thousand pixels wide and high."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    content = (
        chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)


def _jpeg(path: Path) -> None:
    Image.new("RGB", (9, 9)).save(path, format="JPEG")


NONE = {
    "one colour": (_picture, r"a\.png shows nothing: all its pixels are the same"),
    "no picture": (lambda path: path.write_text("png"), r"a\.png is no PNG that can be read"),
    "another kind": (_jpeg, r"a\.png is no PNG that can be read"),
    "too large": (_bomb, r"a\.png (has 100000 × 100000 pixels|is no PNG)"),
    "a pipe": (lambda path: os.mkfifo(path), r"a\.png is a named pipe"),
    "a link": (lambda path: path.symlink_to("/etc/passwd"), r"a\.png is a link"),
    "cut off": (lambda path: (_picture(path, dot=True), path.write_bytes(path.read_bytes()[:60])),
                r"a\.png is no PNG that can be read"),
}  # fmt: skip


@pytest.mark.parametrize("kind", NONE)
def test_what_is_no_picture_is_told_why(tmp_path: Path, kind: str) -> None:
    make, expected = NONE[kind]
    make(tmp_path / "a.png")
    found = pictures.problem(tmp_path / "a.png")
    assert found
    assert str(tmp_path) not in found
    assert re.match(expected, found), found


def test_a_picture_that_shows_a_single_dot_is_one(tmp_path: Path) -> None:
    _picture(tmp_path / "a.png", dot=True)
    assert pictures.problem(tmp_path / "a.png") is None
