"""What the kit takes from packages that are not everywhere, and what stands in for them.

A copy of the kit goes with a template to machines that have numpy, torch and matplotlib and nothing
else (`bonsai export --for ai-scientist`). There the cache is found, and locked, by what is here.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

POLL_SECONDS = 0.05

try:
    import fcntl
except ImportError:  # Windows: see `FileLock`
    fcntl = None  # type: ignore[assignment]

try:
    from platformdirs import user_cache_path
except ImportError:

    def user_cache_path(appname: str) -> Path:  # type: ignore[misc]
        """The user's cache folder for a program: the same as platformdirs names."""
        if sys.platform == "win32":
            local = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
            return Path(local) / appname / appname / "Cache"
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Caches" / appname
        chosen = os.environ.get("XDG_CACHE_HOME", "").strip()
        return (Path(chosen) if chosen else Path.home() / ".cache") / appname


try:
    from filelock import FileLock, Timeout
except ImportError:

    class Timeout(TimeoutError):  # type: ignore[no-redef]
        """Another process held a lock for too long."""

    class FileLock:  # type: ignore[no-redef]
        """Keeps other processes out while it is held, as filelock's does; ended with its process.

        On Windows it keeps nobody out: what is made twice there is renamed into place all the same.
        """

        def __init__(self, lock_file: str | os.PathLike[str]) -> None:
            """Lock by a file, which is made."""
            self.lock_file = os.fspath(lock_file)
            self._handle: int | None = None

        def acquire(self, timeout: float) -> None:
            """Wait for the lock.

            Raises:
                Timeout: it was not free within so many seconds.
            """
            handle = os.open(self.lock_file, os.O_RDWR | os.O_CREAT, 0o644)
            end = time.monotonic() + timeout
            while fcntl is not None:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    if time.monotonic() > end:
                        os.close(handle)
                        raise Timeout(self.lock_file) from None
                    time.sleep(POLL_SECONDS)
            self._handle = handle

        def release(self) -> None:
            """Let others have it."""
            if self._handle is not None:
                os.close(self._handle)
                self._handle = None


__all__ = ["FileLock", "Timeout", "user_cache_path"]
