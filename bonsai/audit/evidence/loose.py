"""Any JSON of results, given beside a paper."""

from __future__ import annotations

from pathlib import Path

from bonsai.audit.evidence.gathered import add_metrics, add_run, add_text, add_values, count_seeds
from bonsai.audit.evidence.naming import label, words_of
from bonsai.audit.evidence.shapes import of_results, read_json
from bonsai.audit.facts import Facts, Run
from bonsai.base import BonsaiError

BASELINES = ("baseline", "vanilla")


def gather_json(path: Path) -> Facts:
    """What a file of results says.

    Raises:
        BonsaiError: it is no JSON, or no number stands in it under any name.
    """
    facts = Facts(path)
    value = read_json(path)
    add_values(facts, of_results(value), path.name)
    if not facts.measured:
        raise BonsaiError(
            f"{path} holds no number under a name; write {{run: {{metric: number}}}}, or a list "
            "of numbers for each metric"
        )
    for name in dict.fromkeys(each.run for each in facts.measured):
        words = words_of(name)
        is_baseline = any(each in words for each in BASELINES) or words == ["run", "0"]
        labels = [label(name), " ".join(words), *(["baseline"] if is_baseline else [])]
        add_run(facts, Run(name, tuple(dict.fromkeys(labels)), is_baseline=is_baseline))
    add_metrics(facts)
    add_text(facts, *facts.runs, *(each.dataset for each in facts.measured))
    count_seeds(facts)
    return facts
