"""Scores runs in a process of its own; `scoring` starts it, and nothing else imports it.

A line of JSON on standard input is a job, a line on standard output its result.
"""

from __future__ import annotations

import json
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

from bonsai.base import BonsaiError
from bonsai.evaluation.scores import score_run
from bonsai.templates import Template


@cache
def _template(folder: str) -> Template:
    return Template(Path(folder))


def _answer(job: dict[str, Any]) -> dict[str, Any]:
    try:
        scores = score_run(
            _template(job["template"]), Path(job["run"]), job["data"], job["seeds"],
            smoke=job["smoke"],
        )  # fmt: skip
        return {"scores": scores.model_dump()}
    except BonsaiError as error:
        return {"problem": str(error)}
    except Exception as error:  # whatever a scorer makes of odd arrays
        return {"problem": ": ".join([type(error).__name__, *str(error).splitlines()[:1]])}


def main() -> None:
    """Answer until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a scorer prints is no answer
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
