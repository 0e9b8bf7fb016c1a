"""Outcome files (`outcome_seed_<k>.npz`), read without trust.

An `.npz` is a zip archive of arrays, each with a header that says its type and shape. A hostile one
has a header that asks for terabytes, is packed by a method that Python may not know, is encrypted,
or holds pickles. Here everything is known to be sane before memory is taken for it.
"""

from __future__ import annotations

import io
import math
import struct
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.lib.format as npy
import numpy.typing as npt

from bonsai.base import BonsaiError, untrusted

MOST_BYTES = 500_000_000  # of a file, and of its arrays unpacked
MOST_ARRAYS = 10_000
MOST_HEADER = 10_000  # bytes; numpy's own limit
# The record at the end of a zip archive (APPNOTE.TXT 4.3.16), which a comment may follow.
END_OF_DIRECTORY, MOST_END = b"PK\x05\x06", 22 + 65_535
ENCRYPTED = 0x1  # a bit of a zip entry's flags
PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # those that numpy writes
NUMBERS = "biuf"  # kinds of arrays: booleans, integers, floating-point numbers
READ_VERSION: Any = npy.read_magic
READ_HEADER: dict[tuple[int, int], Any] = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
}


def load(path: Path) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an outcome file, by name.

    Raises:
        BonsaiError: it is missing, or no archive of arrays of numbers of a sane size.
    """
    if not path.exists() and not path.is_symlink():
        raise BonsaiError(
            f"{path.name} is missing: train must return one kit.Outcome for every seed"
        )
    try:
        content = untrusted.read_bytes(path, MOST_BYTES)
        _check_directory(content)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            size = sum(entry.file_size for entry in entries)
            if size > MOST_BYTES or len(entries) > MOST_ARRAYS:
                raise BonsaiError(
                    f"it unpacks to {size / 1e6:.0f} MB in {len(entries):,} arrays; at most "
                    f"{MOST_BYTES / 1e6:.0f} MB in {MOST_ARRAYS:,}"
                )
            return {
                entry.filename.removesuffix(".npy"): _array(archive, entry) for entry in entries
            }
    except BonsaiError as error:
        raise BonsaiError(f"{path.name} is not a readable outcome: {error}") from error
    except Exception as error:  # zipfile and its codecs raise some twenty kinds
        what = ": ".join([type(error).__name__, *str(error).splitlines()[:1]])
        raise BonsaiError(f"{path.name} is not a readable outcome: {what}") from error


def _check_directory(content: bytes) -> None:
    """Refuse an archive whose list of entries is absurd; zipfile would read it whole."""
    end = content.rfind(END_OF_DIRECTORY, max(0, len(content) - MOST_END))
    if end >= 0 and len(content) - end >= 22:
        entries, size = struct.unpack_from("<HI", content, end + 10)
        if entries > MOST_ARRAYS or size > MOST_ARRAYS * 1000:
            raise BonsaiError(f"it lists {entries:,} arrays in {size:,} bytes")


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> npt.NDArray[Any]:
    name = ascii(entry.filename)[1:-1][:80]
    if entry.flag_bits & ENCRYPTED:
        raise BonsaiError(f"{name} is encrypted")
    if entry.compress_type not in PACKINGS:
        raise BonsaiError(f"{name} is packed by method {entry.compress_type}; numpy deflates")
    if not entry.filename.endswith(".npy"):
        raise BonsaiError(f"{name} is no array")
    with archive.open(entry) as file:
        shape, by_column, dtype = _header(file, name)
        if dtype.kind not in NUMBERS:
            raise BonsaiError(
                f"{name} holds {dtype.name or dtype}; an outcome holds numbers, real and in plain "
                "arrays"
            )
        announced = math.prod(shape) * dtype.itemsize
        if announced > entry.file_size:
            raise BonsaiError(
                f"{name} announces {announced:,} bytes in shape {shape}, and has "
                f"{entry.file_size:,} at most"
            )
        array = np.frombuffer(_exactly(file, announced, name), dtype=dtype)
    return array.reshape(shape, order="F" if by_column else "C").astype(dtype.newbyteorder("="))


def _header(file: IO[bytes], name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = READ_VERSION(file)
    if version not in READ_HEADER:
        raise BonsaiError(f"{name} is of version {version} of numpy's format")
    shape, by_column, dtype = READ_HEADER[version](file, max_header_size=MOST_HEADER)
    return shape, by_column, dtype


def _exactly(file: IO[bytes], count: int, name: str) -> bytes:
    content = file.read(count)
    if len(content) != count:
        raise BonsaiError(f"{name} ends after {len(content):,} of {count:,} bytes")
    return content
