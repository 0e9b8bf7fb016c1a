"""What everything stands on: errors for people, files never half written, the ledger.

Nothing here knows of experiments or models.
"""

from bonsai.base import untrusted
from bonsai.base.errors import BonsaiError
from bonsai.base.files import (
    AMPLE_BYTES,
    FULL,
    DiskFull,
    has_room,
    tells_of_full_disk,
    write_atomically,
)
from bonsai.base.ledger import END, NO_STEP, Entry, Ledger
from bonsai.base.text import listing

__all__ = [
    "AMPLE_BYTES",
    "END",
    "FULL",
    "NO_STEP",
    "BonsaiError",
    "DiskFull",
    "Entry",
    "Ledger",
    "has_room",
    "listing",
    "tells_of_full_disk",
    "untrusted",
    "write_atomically",
]
