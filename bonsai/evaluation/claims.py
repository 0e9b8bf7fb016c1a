"""What an idea claims, written down before its first edit and sealed in the ledger.

The agent writes `claims.json` along with its plan, unless the idea brings claims of its own. From
then on the file is frozen, and its hash stands in the ledger before any result is known.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bonsai.base import BonsaiError, find_json, plain_text
from bonsai.templates import Claim, Claims, Idea, Template, contract

FILE = "claims.json"
BASELINE_RUN = "run_0"
MOST_BYTES = 50_000  # of a file of claims


def primary_claim(template: Template) -> Claim:
    """What every idea is taken to claim: that the primary metric improves on the baseline's."""
    primary = template.scorer.primary
    return Claim(metric=primary, direction=template.scorer.metrics[primary].better or "higher")


def write(folder: Path, idea: Idea) -> None:
    """Lay `claims.json` into a workspace: the idea's own, or an empty list to be filled."""
    own = [claim.model_dump() for claim in idea.Claims or []]
    lines = ",\n".join(f"  {json.dumps(claim)}" for claim in own)
    (folder / FILE).write_text(f"[\n{lines}\n]\n" if own else "[]\n", encoding="utf-8")


def read(folder: Path, template: Template) -> list[Claim]:
    """The claims that `claims.json` in a workspace makes, the one on the primary metric first.

    A claim may name a control that is never run; then it ends without a result.

    Raises:
        BonsaiError: it cannot be read, or a claim could not be judged; the text says which and why.
    """
    path = folder / FILE
    made = contract.check(Claims, _load(path), str(path)).root
    try:
        return complete(made, template)
    except BonsaiError as error:
        raise BonsaiError(f"{FILE}: {error}") from None


def _load(path: Path) -> Any:
    """The JSON of a file that an agent wrote: as in its replies, much can be mended."""
    if not path.is_file():
        raise BonsaiError(f"{path} is missing")
    if path.stat().st_size > MOST_BYTES:
        raise BonsaiError(f"{path} is larger than {MOST_BYTES // 1000} kB")
    pieces = find_json(plain_text(path.read_bytes()))
    for piece in pieces:
        if piece.fault:
            raise BonsaiError(f"{path} is not JSON: {piece.fault}")
    if len(pieces) != 1:
        held = f"it holds {len(pieces)} lists" if pieces else "it holds no list"
        raise BonsaiError(f"{path} is not JSON: {held}, and one is wanted")
    return pieces[0].value


def complete(made: Sequence[Claim], template: Template) -> list[Claim]:
    """These claims, the one on the primary metric first; it is added where it is not among them.

    Raises:
        BonsaiError: a claim could not be judged; the text says which and why.
    """
    metrics = template.scorer.metrics
    subjects = [(claim.metric, claim.against) for claim in made]
    for claim in made:
        if claim.metric not in metrics:
            raise BonsaiError(f"{claim.metric!r} is no metric; there are {', '.join(metrics)}")
        if subjects.count((claim.metric, claim.against)) > 1:
            raise BonsaiError(f"two claims on {claim.metric} against {claim.against}")
    usual = primary_claim(template)
    first = [
        claim
        for claim in made
        if (claim.metric, claim.direction, claim.against)
        == (usual.metric, usual.direction, usual.against)
    ]
    return (first or [usual]) + [claim for claim in made if claim not in first]


def seal(claims: Sequence[Claim]) -> str:
    """SHA-256 of claims, by which it shows if they were changed."""
    text = json.dumps([claim.model_dump() for claim in claims], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def describe(claim: Claim, unit: str = "") -> str:
    """A claim in words, for example "raises test_accuracy by 0.3 percentage points at least".

    Args:
        claim: the claim.
        unit: of a difference in its metric.
    """
    verb = "lowers" if claim.direction == "lower" else "raises"
    amount = f"{claim.smallest_effect:g} {unit}".strip()
    by = f" by {amount} at least" if claim.smallest_effect else ""
    against = "" if claim.against == BASELINE_RUN else f", against its control {claim.against}"
    return f"{verb} {claim.metric}{by}{against}"
