"""Where platformdirs and filelock are missing, the kit finds the same cache and locks it."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import platformdirs
import pytest

from bonsai.kit import standins

HOLD = """
import sys
sys.modules["filelock"] = sys.modules["platformdirs"] = None
from bonsai.kit.standins import FileLock
lock = FileLock(sys.argv[1])
lock.acquire(timeout=5)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module as it is without these packages."""
    for name in ("filelock", "platformdirs"):
        monkeypatch.setitem(sys.modules, name, None)
    yield importlib.reload(standins)
    monkeypatch.undo()
    importlib.reload(standins)


def test_the_cache_is_where_platformdirs_says(
    alone: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert alone.user_cache_path is not platformdirs.user_cache_path
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert alone.user_cache_path("bonsai") == platformdirs.user_cache_path("bonsai")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert alone.user_cache_path("bonsai") == platformdirs.user_cache_path("bonsai")


def test_a_lock_keeps_another_process_out_until_it_ends(alone: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as other:  # fmt: skip
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        lock = alone.FileLock(path)
        with pytest.raises(alone.Timeout):
            lock.acquire(timeout=0.2)
        other.kill()
    lock.acquire(timeout=5)
    lock.release()
    lock.acquire(timeout=0)
    lock.release()
