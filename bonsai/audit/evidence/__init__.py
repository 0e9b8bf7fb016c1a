"""What is on record of runs, read into `Facts`."""

from __future__ import annotations

from pathlib import Path

from bonsai.audit.facts import Facts
from bonsai.base import BonsaiError

__all__ = ["gather_facts", "holds_results"]

MOST_LEVELS = 3  # folders above one of an idea, up to the results folder


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
    for folder in (where, *list(where.resolve().parents)[:MOST_LEVELS]):
        if is_results(folder):
            return gather_sweep(folder)
    if is_idea_folder(where):
        return gather_idea(where)
    raise BonsaiError(
        f"{where} holds no results: neither sweep.json with ledger.jsonl, nor "
        "run_0/final_info.json, nor is it a file of them"
    )


def holds_results(folder: Path) -> bool:
    """Whether a folder is one of results: a sweep's, or that of an idea of The AI Scientist."""
    from bonsai.audit.evidence.ai_scientist import is_idea_folder
    from bonsai.audit.evidence.ledger import is_results

    if is_results(folder):
        return True
    inside = any(is_results(above) for above in list(folder.parents)[:MOST_LEVELS])
    return is_idea_folder(folder) and not inside
