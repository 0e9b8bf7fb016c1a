"""The model's service is away: in every phase of an idea, for a while, from the start, for good.

Aider, git, the experiments and the HTTP service are real; only the model's replies are played.
"""

from __future__ import annotations

import functools
import io
import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bonsai.base.ledger import Entry
from bonsai.cli.board import Board
from bonsai.models import outage
from bonsai.models.outage import ServiceGone
from bonsai.models.provider import LiveModel
from bonsai.settings import Assignment, Settings
from bonsai.sweep import sweep
from bonsai.templates.contract import Idea
from tests import sweeps
from tests.crashes import BRISK
from tests.fake_model import Fails, FakeModel, Says, Step
from tests.sweep.test_live_sweep import EDIT, FINISHED, PLAN

BROKEN = EDIT.replace("HEIGHT = 300", "HEIGHT = nothing")
MENDED = EDIT.replace("HEIGHT = 1 ", "HEIGHT = nothing ")
MODEL = ("--model", "openai/anything")
REMARKS = ("outage", "outage over", "given up")


class Author:
    """A model that answers by what it is asked, however often and by whomever."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, body: dict[str, Any]) -> Says:
        phase = _phase(body)
        self.asked.append(phase)
        if phase == "edit" and "HEIGHT = 300" in json.dumps(body["messages"]):
            return Says(FINISHED)
        return Says({"plan": PLAN, "edit": BROKEN, "mend": MENDED, "write_up": FINISHED}[phase])


def _phase(body: dict[str, Any]) -> str:
    told = json.dumps(body["messages"])
    for phase, words in PHASES.items():
        if words in told:
            return phase
    raise AssertionError(told[-3000:])


PHASES = {  # what each phase of an idea says to the agent
    "plan": "# Now: the plan", "mend": "# Now: mend it", "write_up": "# Now: plots and notes",
    "edit": "# Now: run ",
}  # fmt: skip


def _settings(url: str, names: Sequence[str] = ("one",), **options: Any) -> Settings:
    ideas = [Idea(Name=name, Title=name, Experiment="Make it higher.") for name in names]
    options = {"max_runs": 2, "max_tries": 2, "confirm_seeds": 0, **options}
    return Settings(
        assignments=[Assignment(template=str(BRISK), ideas=ideas)], model="openai/anything",
        api_base=url, first_fresh_seed=1000, **options,
    )  # fmt: skip


@pytest.fixture
def sweep_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[list[Entry], list[str]]]:
    """A sweep in this process that is quick to give up on a service and to try again."""
    live = functools.partial(LiveModel, timeout_seconds=20.0, retry_waits=(), api_key="sk-fake")
    monkeypatch.setattr(sweep, "LiveModel", live)
    monkeypatch.setattr(outage, "PAUSES", (0.05, 0.1, 0.2))

    def run(settings: Settings) -> tuple[list[Entry], list[str]]:
        settings.save(tmp_path)
        output = io.StringIO()
        try:
            sweep.Sweep(tmp_path, settings, Board(Console(file=output, width=200))).run()
        finally:
            entries = sweeps.entries(tmp_path)
        return entries, output.getvalue().splitlines()

    return run


def _story(entries: Sequence[Entry], idea: str = "one") -> list[tuple[str, bool]]:
    return sweeps.story(each for each in entries if each.idea == idea and each.index >= 0)


def _remarks(entries: Sequence[Entry]) -> list[str]:
    return [entry.step for entry in entries if entry.step in REMARKS]


WHOLE = [
    *(("start", True), ("plan", True), ("claims", True)),
    *(("edit", True), ("smoke", False), ("edit", True), ("smoke", True), ("run", True)),
    *(("edit", True), ("write_up", True), ("plots", True), ("end", True)),
]


@pytest.mark.parametrize("phase", PHASES)
def test_away_for_a_while_it_is_waited_for_and_nothing_is_a_try(
    sweep_with: Callable[..., Any], phase: str
) -> None:
    author, refusals = Author(), [0]

    def answer(body: dict[str, Any]) -> Any:
        if _phase(body) == phase and refusals[0] < 4:
            refusals[0] += 1
            return Fails(503, message="overloaded")
        return author(body)

    with FakeModel(*[answer] * 40).serving() as fake:
        entries, output = sweep_with(_settings(fake.url))
    assert _story(entries) == WHOLE
    assert _remarks(entries) == ["outage", "outage over"]
    assert sum("overloaded" in line for line in output) == 1, "told once"
    assert refusals == [4]


@pytest.mark.parametrize("phase", PHASES)
def test_gone_in_a_phase_the_idea_is_not_over_and_resume_finishes_it(
    sweep_with: Callable[..., Any], phase: str
) -> None:
    author, away = Author(), threading.Event()
    away.set()

    def answer(body: dict[str, Any]) -> Any:
        if _phase(body) == phase and away.is_set():
            return Fails(503, message="overloaded")
        return author(body)

    with FakeModel(*[answer] * 60).serving() as fake:
        settings = _settings(fake.url, wait_for_model=0.5)
        with pytest.raises(ServiceGone, match="bonsai resume") as gone:
            sweep_with(settings)
        assert gone.value.exit_code == 75
        away.clear()
        entries, _ = sweep_with(settings)
    assert _story(entries) == WHOLE
    assert _remarks(entries) == ["outage", "given up"]


def test_ideas_side_by_side_wait_for_one_and_the_same_outage(
    sweep_with: Callable[..., Any],
) -> None:
    author, back = Author(), [0.0]

    def answer(body: dict[str, Any]) -> Any:
        if _phase(body) == "edit" and not back[0]:
            back[0] = time.monotonic() + 3
        return Fails(503) if time.monotonic() < back[0] else author(body)

    with FakeModel(*[answer] * 300).serving() as fake:
        entries, _ = sweep_with(_settings(fake.url, ["one", "two", "three"], workers=3))
    for name in ("one", "two", "three"):
        assert _story(entries, name) == WHOLE
    assert _remarks(entries) == ["outage", "outage over"]


def test_an_edit_of_which_half_was_done_is_done_again_from_the_start(
    sweep_with: Callable[..., Any], tmp_path: Path
) -> None:
    """Aider asks twice when a block does not match; the service goes away in between."""
    partly = f"notes.txt\n```\n<<<<<<< SEARCH\n=======\nhalf of it\n>>>>>>> REPLACE\n```\n{EDIT}"
    misses = partly.replace("HEIGHT = 1 ", "HEIGHT = 7 ")
    script: list[Step] = [Says(PLAN), Says(misses), Fails(503), Says(EDIT), Says(FINISHED)]
    with FakeModel(*script, Says(FINISHED)).serving() as fake:
        entries, _ = sweep_with(_settings(fake.url))
    assert [step for step in _story(entries) if step[0] == "edit"] == [("edit", True)] * 2
    notes = (tmp_path / "brisk" / "one" / "workspace" / "notes.txt").read_text()
    assert "half of it" not in notes
    replies = sorted((tmp_path / "brisk" / "one" / "exchanges").glob("*.md"))
    assert [path.read_text() for path in replies] == [PLAN, EDIT, FINISHED, FINISHED]


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (Fails(401, message="Incorrect API key"), 78, "refused the key, or got none"),
        (Fails(403, message="not you"), 78, "refused the key, or got none"),
        (Fails(404, message="no such model"), 78, "has no such model"),
        (Fails(429, message="insufficient_quota"), 75, "the quota is used up"),
        (Fails(429, {"Retry-After": "9999"}), 75, "left alone for 9999 seconds"),
    ],
)
def test_what_does_not_pass_ends_the_sweep_at_once_and_no_idea(
    sweep_with: Callable[..., Any], answer: Step, status: int, says: str
) -> None:
    with FakeModel(*[answer] * 3).serving() as fake:
        with pytest.raises(ServiceGone, match=says) as gone:
            sweep_with(_settings(fake.url, ["one", "two", "three"]))
        assert len(fake.bodies) == 1
    assert gone.value.exit_code == status


def test_what_needs_no_model_is_done_all_the_same(
    sweep_with: Callable[..., Any], tmp_path: Path
) -> None:
    """One idea is past its last call of the model, one in the middle, one not begun."""
    author = Author()
    with FakeModel(*[author] * 40).serving() as fake:
        entries, _ = sweep_with(_settings(fake.url, ["one", "two"]))
    ledger = tmp_path / "ledger.jsonl"
    kept = []
    for line in ledger.read_text().splitlines():
        entry = json.loads(line)
        past = {"one": 11, "two": 5}.get(entry["idea"], 99)  # `one` has its plots, `two` an edit
        if entry["index"] < past:
            kept.append(line)
    ledger.write_text("\n".join(kept) + "\n")
    with FakeModel(*[Fails(503)] * 99).serving() as fake:
        fresh = {"confirm_seeds": 2, "max_confirm_seeds": 2, "wait_for_model": 0.3}
        with pytest.raises(ServiceGone):
            sweep_with(_settings(fake.url, ["two", "one", "three"], **fresh))
    entries = sweeps.entries(tmp_path)
    assert _story(entries, "one")[-3:] == [("confirm", True), ("look", True), ("end", True)]
    assert _story(entries, "two") == WHOLE[:5]
    assert _story(entries, "three") == [], "it is not even begun"
    assert ("confirm", True) in _story(entries, "")
    assert (tmp_path / "report" / "index.html").is_file()


# ------------------------------------------------------------------------------- the whole command


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.mark.slow
def test_dead_from_the_start_the_command_stops_and_resume_finishes_every_idea(
    tmp_path: Path,
) -> None:
    port = _free_port()
    ideas = [{"Name": name, "Title": name, "Experiment": "Higher."} for name in ("one", "two")]
    (tmp_path / "ideas.json").write_text(json.dumps(ideas))
    started = time.monotonic()
    done = sweeps.run(
        *("run", str(BRISK), "--ideas", "ideas.json", "--out", "res", "--confirm-seeds", "0"),
        *(*MODEL, "--api-base", f"http://127.0.0.1:{port}/v1", "--wait-for-model", "20"),
        *("--context-tokens", "100000"),
        cwd=tmp_path,
    )
    assert time.monotonic() - started < 60
    assert done.returncode == 75, done.stderr
    assert f"`bonsai resume {tmp_path / 'res'}` goes on" in done.stderr
    assert "Traceback" not in done.stderr
    entries = sweeps.entries(tmp_path / "res")
    told = json.loads((tmp_path / "res" / "sweep.json").read_text())
    assert (told["wait_for_model"], told["context_tokens"]) == (20, 100_000)
    assert _remarks(entries) == ["outage", "given up"]
    assert "could not be reached" in entries[-1].message
    assert _story(entries) == [("start", True)]
    assert _story(entries, "two") == []
    with FakeModel(*[Author()] * 60).serving(port):
        resumed = sweeps.run("resume", "res", "--wait-for-model", "5", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    entries = sweeps.entries(tmp_path / "res")
    for name in ("one", "two"):
        assert _story(entries, name) == WHOLE


def test_a_person_need_not_wait_for_the_waiting(tmp_path: Path) -> None:
    with sweeps.start(
        *("run", str(BRISK), "--ideas", "higher", "--out", "res", *MODEL),
        *("--api-base", f"http://127.0.0.1:{_free_port()}/v1"),
        cwd=tmp_path,
    ) as process:
        ledger, until = tmp_path / "res" / "ledger.jsonl", time.monotonic() + 60
        while time.monotonic() < until and (
            not ledger.exists() or '"outage"' not in ledger.read_text()
        ):
            time.sleep(0.1)
        time.sleep(4)
        stopped = time.monotonic()
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=30)
    assert time.monotonic() - stopped < 5
    assert process.returncode == 130, errors
    assert "bonsai resume" in output


def test_ideas_that_were_accepted_are_kept(tmp_path: Path) -> None:
    idea = {"Name": "mirrored_digits", "Title": "T", "Experiment": "Append mirrored pictures."}
    model = FakeModel(Says(json.dumps(idea) + "\nI am done"), *[Fails(503)] * 99)
    with model.serving():
        done = sweeps.run(
            *("ideas", str(sweeps.TOY), "-n", "3", "--out", "new.json", *MODEL),
            *("--api-base", model.url, "--wait-for-model", "2"),
            cwd=tmp_path,
        )
    assert done.returncode == 75, done.stderr
    assert [each["Name"] for each in json.loads((tmp_path / "new.json").read_text())] == [
        "mirrored_digits"
    ]
    assert "new.json holds what was accepted" in done.stderr
    assert done.stdout.count("It is waited for, 2 s at most.") == 1
