"""Outcome files: what numpy wrote comes back as it was; anything else is one sentence, at once."""

from __future__ import annotations

import io
import pickle
import struct
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bonsai.base import BonsaiError
from bonsai.evaluation import outcomes


def _header(shape: object, descr: str = "<f4") -> bytes:
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def _zip(path: Path, content: bytes, name: str = "test.npy", **options: Any) -> None:
    with zipfile.ZipFile(path, "w", **options) as archive:
        archive.writestr(name, content)


def _encrypted(path: Path) -> None:
    _zip(path, _header("(2,)") + bytes(8))
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)


def _unknown_packing(path: Path) -> None:
    _zip(path, _header("(2,)") + bytes(8))
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 10] = 97
    path.write_bytes(content)


def _broken_lzma(path: Path) -> None:
    _zip(path, _header("(2,)") + bytes(8), compression=zipfile.ZIP_LZMA)
    content = bytearray(path.read_bytes())
    content[60:70] = b"\xff" * 10
    path.write_bytes(content)


def _broken_deflate(path: Path) -> None:
    _zip(path, _header("(999,)") + bytes(3996), compression=zipfile.ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    content[50:60] = b"\xff" * 10
    path.write_bytes(content)


def _many_entries(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(20_000):
            archive.writestr(f"{number}.npy", b"")


def _endless_directory(path: Path) -> None:
    _zip(path, _header("(2,)") + bytes(8))
    content = bytearray(path.read_bytes())
    content[-12:-6] = struct.pack("<HI", 65_535, 2**32 - 1)[:6]
    path.write_bytes(content)


def _written(value: object) -> Any:
    return lambda path: np.savez(path, test=np.asarray(value))


HOSTILE = {
    "terabytes": (lambda p: _zip(p, _header("(10**12,)".replace("10**12", "1" + "0" * 12))),
                  r"test\.npy announces 4,000,000,000,000 bytes"),
    "a negative length": (lambda p: _zip(p, _header("(-4, -4)") + bytes(64)), "."),
    "a length past all numbers": (lambda p: _zip(p, _header(f"({2**70},)")), "announces"),
    "half an array": (lambda p: _zip(p, _header("(100,)") + bytes(8)), "announces 400 bytes"),
    "no header": (lambda p: _zip(p, b"nothing"), "."),
    "a header without end": (lambda p: _zip(p, b"\x93NUMPY\x01\x00\xff\xff" + b" " * 65_535), "."),
    "code in a header": (lambda p: _zip(p, _header("__import__('os').abort()")), "."),
    "an unknown version": (lambda p: _zip(p, b"\x93NUMPY\x09\x00" + bytes(64)), "version"),
    "an encrypted entry": (_encrypted, r"test\.npy is encrypted"),
    "an unknown packing": (_unknown_packing, "packed by method 97"),
    "a broken LZMA stream": (_broken_lzma, "packed by method 14"),
    "a broken stream": (_broken_deflate, "."),
    "many entries": (_many_entries, "lists 20,000 arrays"),
    "an endless directory": (_endless_directory, "lists 65,535 arrays"),
    "another file within": (lambda p: _zip(p, b"x", name="../../evil.py"), "is no array"),
    "a text": (_written("a text"), "holds str"),
    "a lone text": (_written(np.str_("x")), "holds str"),
    "complex numbers": (_written([1j]), "holds complex128"),
    "dates": (_written(np.array(["2026-01-01"], dtype="datetime64[D]")), "holds datetime64"),
    "a structured array": (_written(np.zeros(2, dtype=[("a", "f4")])), "holds void"),
    "objects": (lambda p: _zip(p, _header("(1,)", "|O") + pickle.dumps(print)), "holds object"),
    "a pickle": (lambda p: p.write_bytes(pickle.dumps(print)), "BadZipFile"),
    "an empty file": (lambda p: p.write_bytes(b""), "BadZipFile"),
    "a folder": (lambda p: p.mkdir(), "is a folder"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_outcome_is_one_sentence_at_once(tmp_path: Path, kind: str) -> None:
    make, expected = HOSTILE[kind]
    path = tmp_path / "outcome_seed_0.npz"
    make(path)
    started = time.monotonic()
    with pytest.raises(BonsaiError, match=expected) as caught:
        outcomes.load(path)
    assert str(caught.value).startswith("outcome_seed_0.npz is not a readable outcome: ")
    assert "\n" not in str(caught.value)
    assert time.monotonic() - started < 2


@settings(max_examples=60, deadline=None)
@given(
    array=arrays.arrays(
        st.sampled_from(["?", "<i8", ">i4", "u1", "<f4", ">f8", "<f2"]),
        arrays.array_shapes(min_dims=0, max_dims=3, max_side=5),
    ),
    by_column=st.booleans(),
    packed=st.booleans(),
)
def test_what_numpy_wrote_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, array: Any, by_column: bool, packed: bool
) -> None:
    path = tmp_path_factory.mktemp("outcome") / "outcome_seed_0.npz"
    stored = np.asfortranarray(array) if by_column and array.ndim else array
    (np.savez_compressed if packed else np.savez)(path, values=stored, n=3)
    found = outcomes.load(path)
    assert set(found) == {"values", "n"}
    np.testing.assert_array_equal(found["values"], array)
    assert found["values"].shape == array.shape
    assert found["n"] == 3


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, test=np.arange(200), val=np.linspace(0, 1, 50))
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("outcome") / "outcome_seed_0.npz"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        outcomes.load(path)
    except BonsaiError as error:
        assert "outcome_seed_0.npz" in str(error)
