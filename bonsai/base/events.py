"""Events that stop what is under way."""

from __future__ import annotations

import threading


class LinkedEvent(threading.Event):
    """An event that also counts as set when another one is: to stop a part, or with the whole."""

    def __init__(self, whole: threading.Event) -> None:
        """Begin unset."""
        super().__init__()
        self.whole = whole

    def is_set(self) -> bool:
        """Whether this event or the other one is set."""
        return super().is_set() or self.whole.is_set()
