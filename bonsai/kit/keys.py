"""The key with which the runner draws what an experiment must not be able to draw again.

A test part that follows from code and a seed is known to whoever reads both. So a template that
draws one (`DRAWS_TESTS` in its `score.py`) is judged on a draw of this machine: from a random key
beside the data sets, which programs within walls do not see. Such a draw is named after the data
set and the key, as `faces@3f9a2c51`, so that results say what they were tested on, and the same
test part is found again. A plain name means the published draw, which is the same everywhere: it is
what an experiment gets that is started by hand.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from bonsai.kit import data
from bonsai.kit.errors import KitError

VARIABLE = "BONSAI_TEST_KEY"  # carries the key to figures that are drawn on another machine
FOLDER = "secret"  # in the cache of data sets
MARK = "@"


def test_key() -> str:
    """The key of this machine, made at first use; 64 hexadecimal digits.

    Raises:
        KitError: it is asked for by an experiment that the runner scores, or cannot be kept.
    """
    if os.environ.get(data.SCORED_BY_RUNNER):
        raise KitError("the key of the test parts is not given to an experiment")
    if given := os.environ.get(VARIABLE):
        return given
    path = key_folder() / "test_key"
    try:
        if not path.is_file():
            with data.writing(path) as temporary:
                if not path.is_file():  # else another process was faster
                    temporary.touch(mode=0o600)
                    temporary.write_text(secrets.token_hex(32), encoding="ascii")
                    temporary.replace(path)
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise KitError(
            f"{path}, the key with which test parts are drawn, cannot be kept or read ({error}); "
            "let that folder be writable, or set BONSAI_DATA to one that is"
        ) from error


def key_folder() -> Path:
    """Where the key lies; hidden within walls."""
    return data.data_folder() / FOLDER


def keyed(name: str) -> str:
    """A data set whose test part is drawn with the key of this machine; errors as `test_key`."""
    return f"{name}{MARK}{_fingerprint(test_key())}"


def secret_of(name: str) -> tuple[str, int | None]:
    """The plain name of a data set, and the number from which its test part is drawn.

    Args:
        name: as it stands in results.

    Returns:
        The number has 128 bits; None for the published draw.

    Raises:
        KitError: the draw is that of another key; or as in `test_key`.
    """
    plain, mark, fingerprint = name.partition(MARK)
    if not mark:
        return plain, None
    key = test_key()
    if fingerprint != _fingerprint(key):
        raise KitError(
            f"the test part of {name} was drawn with the key of another machine, or with one that "
            f"is gone; copy test_key from where it ran into {key_folder()}, or run it again"
        )
    return plain, int.from_bytes(hashlib.blake2b(key.encode(), digest_size=16).digest(), "big")


def _fingerprint(key: str) -> str:
    return hashlib.blake2b(key.encode(), digest_size=4, person=b"which key").hexdigest()
