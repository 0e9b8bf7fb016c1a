"""Three hundred generated inputs, each answered with a sentence: the benchmark held to its word."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.sweeps import REPOSITORY


@pytest.mark.slow
def test_no_generated_input_hangs_ends_without_a_sentence_or_costs_another(
    tmp_path: object,
) -> None:
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "benchmarks" / "hostile.py")],
        capture_output=True, text=True, timeout=1500,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    assert [row[0] for row in rows] == ["results", "replies", "services"]
    assert sum(int(row[1]) for row in rows) >= 300
