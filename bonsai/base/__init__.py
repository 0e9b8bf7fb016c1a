"""What everything stands on: errors for people, files never half written, texts, the ledger.

Nothing here knows of experiments or models.
"""

from bonsai.base import bibliography, untrusted
from bonsai.base.errors import BonsaiError
from bonsai.base.events import LinkedEvent
from bonsai.base.files import (
    AMPLE_BYTES,
    FULL,
    DiskFull,
    has_room,
    tells_of_full_disk,
    write_atomically,
)
from bonsai.base.ledger import END, NO_STEP, Entry, Ledger
from bonsai.base.loose_json import MOST_CHARACTERS, Piece, find_json, spell_out
from bonsai.base.markdown import Block, Fence, fence, lines_of, says, split
from bonsai.base.text import listing, storable
from bonsai.base.text_form import TextFile, decode, plain_text

__all__ = [
    "AMPLE_BYTES",
    "END",
    "FULL",
    "MOST_CHARACTERS",
    "NO_STEP",
    "Block",
    "BonsaiError",
    "DiskFull",
    "Entry",
    "Fence",
    "Ledger",
    "LinkedEvent",
    "Piece",
    "TextFile",
    "bibliography",
    "decode",
    "fence",
    "find_json",
    "has_room",
    "lines_of",
    "listing",
    "plain_text",
    "says",
    "spell_out",
    "split",
    "storable",
    "tells_of_full_disk",
    "untrusted",
    "write_atomically",
]
