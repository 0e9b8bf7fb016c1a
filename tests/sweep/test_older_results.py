"""A results folder that version 0.1.0 wrote is resumed and reported as one of today's.

It holds a sweep of the toy template with two ideas: one ended, the other was killed in the middle
of an edit after its first run. That version made it, before the code was moved into packages.
"""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from bonsai.report import summarise
from tests import sweeps

ARCHIVE = Path(__file__).with_name("results_of_0.1.0.tar.gz")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """The folder, on a machine where its template lies elsewhere."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    settings = tmp_path / "results" / "sweep.json"
    told = json.loads(settings.read_text())
    told["assignments"][0]["template"] = str(tmp_path / "toy")
    settings.write_text(json.dumps(told))
    return tmp_path / "results"


def test_it_is_resumed_where_it_was_and_nothing_is_done_again(results: Path) -> None:
    before = (results / "ledger.jsonl").read_text()
    assert ("end", True) not in sweeps.story(sweeps.entries(results, "changes_nothing"))
    done = sweeps.run("resume", str(results), cwd=results.parent)
    assert done.returncode == 0, done.stderr
    assert "going on: 1 of 2 ideas are done, 1 begun" in done.stdout
    assert (results / "ledger.jsonl").read_text().startswith(before)
    story = sweeps.story(sweeps.entries(results, "changes_nothing"))
    assert [step for step, _ in story] == [
        *("start", "plan", "claims", "edit", "smoke", "run", "edit", "write_up", "plots"),
        *("confirm", "look", "end"),
    ]
    assert all(ok for _, ok in story)


def test_it_is_reported_as_it_is(results: Path) -> None:
    done = sweeps.run("report", str(results), cwd=results.parent)
    assert done.returncode == 0, done.stderr
    ideas = {idea.idea.Name: idea for _, idea in summarise(results).ideas}
    assert ideas["more_images"].comparison.mean > 5
    assert len(ideas["more_images"].runs) == 2
    page = (results / "report" / "report.md").read_text()
    assert "0 of 2 ideas beat the baseline; 1 undecided; 1 without a result" in page
    assert (results / "report" / "figures").is_dir()
