"""What is on record of runs, read into `Facts`."""

from __future__ import annotations

from pathlib import Path

from bonsai.audit.facts import Facts
from bonsai.base import BonsaiError

__all__ = ["gather_facts"]


def gather_facts(where: Path) -> Facts:
    """What is on record in a results folder, in an idea's folder, or in a file of results.

    Raises:
        BonsaiError: it is none of these, or is damaged.
    """
    from bonsai.audit.evidence.ai_scientist import gather_idea, is_idea_folder
    from bonsai.audit.evidence.ledger import gather_sweep, is_results
    from bonsai.audit.evidence.loose import gather_json

    if where.is_file():
        return gather_json(where)
    for folder in (where, *list(where.resolve().parents)[:3]):
        if is_results(folder):
            return gather_sweep(folder)
    if is_idea_folder(where):
        return gather_idea(where)
    raise BonsaiError(
        f"{where} holds no results: neither sweep.json with ledger.jsonl, nor "
        "run_0/final_info.json, nor is it a file of them"
    )
