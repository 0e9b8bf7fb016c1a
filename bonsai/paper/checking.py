"""Whether what a search of the literature once found still answers under its identifier.

It takes a bounded time and never fails. What came out is kept beside the paper, so that the paper
is the same when it is made again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

from pydantic import RootModel

from bonsai.base import BonsaiError, write_atomically
from bonsai.paper.references import Reference
from bonsai.templates import contract

FILE = "checked.json"
SECONDS = 10.0  # for all together


class Checked(RootModel[dict[str, bool]]):
    """By identifier, whether it was found; one that is missing was not checked."""


def check_identifiers(
    references: Iterable[Reference], folder: Path, *, network: bool
) -> dict[str, bool]:
    """Ask for each identifier once, and remember the answer.

    Args:
        references: those that a search found.
        folder: the paper's source, where answers are kept.
        network: whether the network may be asked for those that are not known.

    Returns:
        By identifier, whether it was found; those that were not checked are missing.
    """
    known: dict[str, bool] = {}
    if (folder / FILE).is_file():
        try:
            known = contract.read(Checked, folder / FILE).root
        except BonsaiError:
            known = {}  # it is only a memory
    wanted = [each.identifier for each in references if each.identifier not in known]
    if network and wanted:
        found: dict[str, bool] = {}
        worker = threading.Thread(target=_ask, args=(wanted, found), daemon=True)
        worker.start()
        worker.join(SECONDS)
        known |= dict(found)
        write_atomically(folder / FILE, Checked(known).model_dump_json(indent=1) + "\n")
    return known


def _ask(identifiers: list[str], found: dict[str, bool]) -> None:
    import httpx  # here: it takes long to load

    with httpx.Client(timeout=SECONDS / 2, headers={"User-Agent": "bonsai"}) as client:
        for identifier in identifiers:
            try:
                status = client.head(_address(identifier)).status_code
            except Exception:  # there may be no network; whatever it is, nothing is known then
                continue
            if status < 400 or status in (404, 410):
                found[identifier] = status < 400


def _address(identifier: str) -> str:
    if identifier.startswith("arXiv:"):
        return f"https://arxiv.org/abs/{identifier.removeprefix('arXiv:')}"
    return identifier if identifier.startswith("http") else f"https://doi.org/{identifier}"
