"""The same sweep with a live model: named by a string, reached over HTTP, paid for, and failing."""

from __future__ import annotations

import json
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from bonsai.report.summary import summarise
from tests import sweeps
from tests.crashes import BRISK
from tests.fake_model import HANGS, Fails, FakeModel, Says

PLAN = """\
notes.txt
```
<<<<<<< SEARCH
## Run 0: the baseline, unchanged
=======
## Run 0: the baseline, unchanged

## Plan
Higher is better.
>>>>>>> REPLACE
```
"""
EDIT = """\
experiment.py
```python
<<<<<<< SEARCH
HEIGHT = 1  # what the ideas change
=======
HEIGHT = 300  # what the ideas change
>>>>>>> REPLACE
```
"""
FINISHED = "ALL_COMPLETED"
NO_VERDICT = ("--confirm-seeds", "0")  # saves a run
KEY = "sk-of-the-user-0123456789"


def _sweep(home: Path, model: FakeModel, *options: str) -> tuple[Path, str, str]:
    with model.serving():
        done = sweeps.run(
            *("run", str(BRISK), "--ideas", "higher", "--out", "res"),
            *("--model", "openai/anything", "--api-base", model.url),
            *options,
            cwd=home,
            OPENAI_API_KEY=KEY,
        )
    assert done.returncode == 0, done.stderr
    return home / "res", done.stdout, done.stderr


def test_an_idea_without_a_cassette_is_worked_on_by_a_live_model(tmp_path: Path) -> None:
    refused = Fails(400, message=f"Not with this key: {KEY}")
    model = FakeModel(Says(PLAN), refused, Says(EDIT), Says(FINISHED), Says(FINISHED))
    results, output, _ = _sweep(tmp_path, model, "--confirm-seeds", "2", "--max-confirm-seeds", "2")
    story = sweeps.story(sweeps.entries(results, "higher"))
    assert story == [
        *(("start", True), ("plan", True), ("claims", True), ("edit", False), ("edit", True)),
        ("smoke", True),
        *(("run", True), ("edit", True), ("write_up", True), ("plots", True)),
        *(("confirm", True), ("look", True), ("end", True)),
    ]
    assert set(model.keys) == {KEY}, "the gateway has the key"
    last = sweeps.entries(results, "higher")[-1]
    assert last.data["exchanges"] == 4
    assert output.count("the price of openai/anything is unknown") == 1
    spent = "4,400 tokens, $0.00; the price of 4 calls is unknown, so they count in tokens only"
    assert spent in (results / "report" / "report.md").read_text()
    kept = [path for path in results.rglob("*") if path.is_file()]
    assert not [path for path in kept if KEY.encode() in path.read_bytes()]
    assert KEY not in output


def test_what_a_live_model_said_is_a_cassette(tmp_path: Path) -> None:
    model = FakeModel(Says(PLAN), Says(EDIT), Says(FINISHED), Says(FINISHED))
    results, _, _ = _sweep(tmp_path, model, "--max-runs", "1", *NO_VERDICT)
    brisk = Path(shutil.copytree(BRISK, tmp_path / "replayed" / "brisk"))
    shutil.rmtree(brisk / "cassettes")
    recorded = results / "brisk" / "higher" / "exchanges"
    target = brisk / "cassettes" / "higher"
    target.mkdir(parents=True)
    for path in recorded.glob("*.md"):
        (target / path.name).write_bytes(path.read_bytes())
    again = sweeps.run(
        *("run", str(brisk), "--ideas", "higher", "--out", "again"),
        *("--max-runs", "1", *NO_VERDICT),
        cwd=tmp_path,
    )
    assert again.returncode == 0, again.stderr
    stories = [
        [(e.step, e.ok, e.message) for e in sweeps.entries(folder, "higher")][:5]
        for folder in (results, tmp_path / "again")
    ]
    assert stories[0] == stories[1]


def test_a_budget_ends_an_idea_and_keeps_its_runs(tmp_path: Path) -> None:
    """gpt-4o's price is known; its second reply takes as long as what is left allows."""

    def at_length(body: dict[str, Any]) -> Says:
        return Says(EDIT, tokens_out=body["max_tokens"])

    model = FakeModel(Says(PLAN), at_length, Says(EDIT.replace("300", "9")))
    with model.serving():
        done = sweeps.run(
            *("run", str(BRISK), "--ideas", "higher", "--out", "res"),
            *("--model", "openai/gpt-4o", "--api-base", model.url, "--idea-budget-usd", "0.1"),
            *NO_VERDICT,
            cwd=tmp_path,
            OPENAI_API_KEY=KEY,
        )
    assert done.returncode == 0, done.stderr
    entries = sweeps.entries(tmp_path / "res", "higher")
    assert len(model.bodies) == 2, "refused before the call, not after"
    refused = next(entry for entry in entries if not entry.ok)
    assert refused.message.startswith("The idea's budget is spent: $0.0")
    assert not refused.is_failure
    assert [entry.data["run"] for entry in entries if entry.step == "run"] == ["run_1"]
    assert sweeps.story(entries)[-3:] == [("write_up", False), ("plots", True), ("end", True)]
    assert entries[-1].message == f"1 run finished; {refused.message}"
    spending = summarise(tmp_path / "res").spending
    assert 0.08 < spending.usd <= 0.1
    summary = (tmp_path / "res" / "report" / "report.md").read_text()
    assert "higher: The idea's budget is spent" in summary
    assert "Nothing failed" in summary


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_person_stops_it_at_once_also_while_the_model_is_silent(
    how: signal.Signals, tmp_path: Path
) -> None:
    model = FakeModel(HANGS)
    with (
        model.serving(),
        sweeps.start(
            *("run", str(BRISK), "--ideas", "higher", "--out", "res"),
            *("--model", "openai/anything", "--api-base", model.url),
            cwd=tmp_path,
            OPENAI_API_KEY=KEY,
        ) as process,
    ):
        deadline = time.monotonic() + 100
        while not model.bodies and time.monotonic() < deadline:
            time.sleep(0.05)
        stopped = time.monotonic()
        process.send_signal(how)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert time.monotonic() - stopped < 30
    assert "Go on with: bonsai resume" in output
    assert "Traceback" not in errors
    assert sweeps.story(sweeps.entries(tmp_path / "res", "higher")) == [("start", True)]


def test_a_model_that_cannot_write_diffs_rewrites_whole_files(tmp_path: Path) -> None:
    experiment = (BRISK / "experiment.py").read_text()
    whole = experiment.replace("HEIGHT = 1 ", "HEIGHT = 300 ")
    replies = [
        Says("notes.txt\n```\n# notes\n\n## Plan\nHigher.\n```\n"),
        Says(f"experiment.py\n```python\n{whole}```\n"),
        Says(FINISHED),
    ]
    model = FakeModel(*replies)
    results, _, _ = _sweep(tmp_path, model, "--agent", "rewrite", "--max-runs", "1", *NO_VERDICT)
    runs = [entry for entry in sweeps.entries(results, "higher") if entry.step == "run"]
    assert [entry.ok for entry in runs] == [True]
    asked = json.dumps(model.bodies[1]["messages"])
    assert "HEIGHT = 1 " in asked, "the model sees the file"
