"""How many times the template's computing time a version takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from bonsai.evaluation import Measured
from bonsai.search import START, Node
from bonsai.sweep.versions import CLOCK_SECONDS, Versions


@pytest.mark.parametrize(
    ("template", "own", "times"),
    [
        ([10.0, 20.0], 30.0 + CLOCK_SECONDS, 2.0),
        ([0.0, 10.0], 20.0 + CLOCK_SECONDS, 2.0),  # 0: too short to be seen
        ([0.0, 0.0], 20.0, 0.0),
        ([], 20.0, 0.0),
        ([10.0], 0.0, 0.0),
    ],
)
def test_computing_time_that_was_not_seen_is_not_compared_with(
    template: list[float], own: float, times: float, tmp_path: Path
) -> None:
    versions = Versions(cast(Any, None), tmp_path, cast(Any, None), 1.1, 1.0)
    versions.add(Node(START, START, "", "", "", 0.0), "")
    versions.add(Node(1, START, "", "a change", "tpe", 0.0), "")
    versions[START].cpu_seconds += template
    done = Measured(cast(Any, None), 1.0, "here", cpu_seconds=own)
    assert versions._slowdown(1, done) == times
