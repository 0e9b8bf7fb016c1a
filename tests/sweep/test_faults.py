"""The catalogue of what goes wrong with a model's edits, its code and its service.

Each row is played through the real loop: real aider, real processes, a real HTTP endpoint; only the
model is played. All rows of edits and code are ideas of one and the same sweep, and all rows of the
service are requests of another, so that each row also shows that the sweep goes on.

What goes wrong with the machine (kills, a full disk, the clock, a damaged ledger) is in
test_crash.py; what an experiment must not reach is in test_sandbox.py.
"""

from __future__ import annotations

import functools
import io
import json
import re
import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from bonsai import report
from bonsai.base.ledger import Entry
from bonsai.cli.board import Board
from bonsai.execution import sandbox
from bonsai.models import outage
from bonsai.models.provider import LiveModel
from bonsai.report.summary import summarise
from bonsai.settings import Assignment, Settings
from bonsai.sweep import sweep
from bonsai.templates.contract import Idea
from tests import sweeps
from tests.fake_model import CUT, HANGS, NO_CHOICES, NOT_JSON, Fails, FakeModel, Says, Sends
from tests.sweep.test_live_sweep import FINISHED, PLAN

FIRST_LINE = '"""Ridge regression on the 8x8 digits: a template small enough to sweep in a test."""'
LAST_LINE = '    kit.main(Config, train, smoke={"images": 40})'
TEST_LINE = "        test=(features(data.test_images) @ weights).argmax(axis=1),"
VAL_LINE = TEST_LINE.replace("test", "val")
RETURN_LINE = "    return [train_one(config, data, seed) for seed in seeds]"


def replacing(old: str, new: str, name: str = "experiment.py") -> str:
    """A reply that edits one line."""
    return f"{name}\n```python\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n```\n"


def at_once(code: str) -> str:
    """A reply that makes experiment.py do this before anything else."""
    return replacing(FIRST_LINE, f"{FIRST_LINE}\n{code}")


def at_last(code: str) -> str:
    """A reply that makes experiment.py do this after the results are written."""
    return replacing(LAST_LINE, f"{LAST_LINE}\n{code}")


EDIT = replacing(
    "    images: int = 60  # training images drawn per seed",
    "    images: int = 300  # training images drawn per seed",
)


@dataclass(frozen=True)
class Fault:
    """One row: the reply that is at fault, and what must be said about it.

    Attributes:
        name: the idea's name.
        reply: the model's words.
        step: the step that fails.
        kind: what it is counted as.
        message: what the ledger must say, as a pattern.
        told: what the agent must be told beside that, so that it can mend it.
        asked_again: whether aider itself asks the model once more before it gives up.
    """

    name: str
    reply: str
    step: str
    kind: str
    message: str
    told: str = ""
    asked_again: bool = False


EDITS = (
    Fault("malformed_diff", "experiment.py\n```\n<<<<<<< SEARCH\n    ridge: float\n=======\n```\n",
          "edit", "unusable reply", r"The reply does not keep to the form for edits",
          asked_again=True),
    Fault("search_not_found", replacing("    bananas: int = 60", "    bananas: int = 61"),
          "edit", "unusable reply", r"A SEARCH block does not match", "bananas", asked_again=True),
    Fault("whole_file_in_prose", "Here is the file:\n\nimport numpy\nprint('all of it')\n",
          "edit", "unusable reply", r"The reply changed nothing in experiment\.py"),
    Fault("empty_reply", "", "edit", "unusable reply", r"The model's reply was empty"),
    Fault("frozen_score", replacing("    metrics = {}", "    return {}", "score.py"),
          "edit", "unusable reply", r"Only experiment\.py, plot\.py and notes\.txt may .* score"),
    Fault("baseline_rewritten", replacing("", '{"digits": {}}', "run_0/final_info.json"),
          "edit", "unusable reply", r"Only experiment\.py.* run_0/final_info\.json was not"),
    Fault("data_rewritten", replacing("", "0", "/tmp/bonsai-data/digits.npz"),
          "edit", "unusable reply", r"(Only experiment\.py.* was not|changed nothing)"),
    Fault("outside_the_workspace", replacing("", "import os", "../../../../evil.py"),
          "edit", "unusable reply", r"(Only experiment\.py.* was not|changed nothing)"),
    Fault("a_command", "Let us begin anew:\n\n```bash\nrm experiment.py\n```\n",
          "edit", "unusable reply", r"The reply changed nothing in experiment\.py"),
    Fault("a_thousand_lines", "\n".join(f"Thought {i}." for i in range(1000)),
          "edit", "unusable reply", r"The reply changed nothing in experiment\.py"),
    Fault("control_characters", "Ich kann das \x1b[31mnicht\x1b[0m.\x07\x00 無理です。\r\n",
          "edit", "unusable reply", r"The reply changed nothing in experiment\.py"),
    Fault("finished_too_soon", FINISHED, "edit", "no edit", r"ALL_COMPLETED was said before any"),
    Fault("same_as_before", replacing("    ridge: float = 10.0  # weight of the penalty",
                                      "    ridge: float = 10.0  # weight of the penalty"),
          "edit", "unusable reply", r"The reply changed nothing in experiment\.py"),
    Fault("syntax_error", at_once("def broken(:"), "edit", "syntax",
          r"does not parse: experiment\.py, line 2: invalid syntax", "def broken\\(:"),
)  # fmt: skip

CODE = (
    Fault("missing_package", at_once("import tensorflow_of_my_dreams"), "smoke", "program failed",
          r"exit code 1: ModuleNotFoundError: No module named 'tensorflow_of_my_dreams'"),
    Fault("late_exception", replacing(RETURN_LINE, RETURN_LINE.replace(
              "return [", "assert config.images < 50, 'diverged'; return [")),
          "run", "program failed", r"the run ended with exit code 1: AssertionError: diverged"),
    Fault("nan_in_a_metric", replacing(TEST_LINE, f"{TEST_LINE}\n        quality=float('nan'),"),
          "smoke", "results unusable", r"quality of seed 0 is nan; every metric must be a finite"),
    Fault("infinity_in_a_metric", replacing(TEST_LINE, f"{TEST_LINE}\n        x=float('inf'),"),
          "smoke", "results unusable", r"x of seed 0 is inf; every metric must be a finite"),
    Fault("wrong_shape", replacing(TEST_LINE, TEST_LINE.replace(".argmax(axis=1)", "")),
          "smoke", "results unusable", r"test has shape \(\d+, 10\); it must be \(\d+,\)"),
    Fault("wrong_number_of_images", replacing(TEST_LINE, TEST_LINE.replace("1),", "1)[:7],")),
          "smoke", "results unusable", r"test has shape \(7,\); it must be"),
    Fault("no_results", at_once("raise SystemExit(0)"), "smoke", "results unusable",
          r"exit code 0, but its results cannot be scored: outcome_seed_0\.npz is missing"),
    Fault("results_elsewhere", replacing(LAST_LINE, LAST_LINE.replace(
              "40})", '40}, argv=["--out_dir", "elsewhere", "--smoke"])')),
          "smoke", "program failed", r"(Read-only file system|Permission denied)"),
    Fault("extra_arguments", at_once(
              "import argparse\np = argparse.ArgumentParser()\n"
              "p.add_argument('--magic', required=True)\np.parse_args()"),
          "smoke", "program failed", r"exit code 2: .*arguments are required: --magic"),
    Fault("endless_loop", at_once("while True: pass"), "smoke", "limit crossed",
          r"was killed because its time limit of 1 s was over"),
    Fault("sleeps_for_ever", at_once("import time; print('soon', flush=True); time.sleep(1e6)"),
          "smoke", "limit crossed", r"time limit of 1 s was over; its last line was: soon"),
    Fault("its_own_longer_limit", at_once(
              "import resource, signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
              "signal.alarm(7200)\ntime.sleep(7200)"),
          "smoke", "limit crossed", r"time limit of 1 s was over"),
    Fault("fork_bomb", at_once("import os, time\nwhile True:\n    os.fork()\n    time.sleep(0.05)"),
          "smoke", "limit crossed", r"it had \d+ processes and threads, of 64 at most"),
    Fault("memory_eater", at_once("a = []\nwhile True: a.append(bytearray(30_000_000))"),
          "smoke", "limit crossed", r"it took \S+ GB of memory, of 1\.5 GB at most"),
    Fault("disk_eater", at_once(
              "import sys, itertools\nout = sys.argv[sys.argv.index('--out_dir') + 1]\n"
              "for i in itertools.count(): open(f'{out}/{i}', 'wb').write(bytes(900_000))"),
          "smoke", "limit crossed", r"it wrote \d+ MB to disk, of 20 MB at most"),
    Fault("one_huge_file", at_once(
              "import sys\nout = sys.argv[sys.argv.index('--out_dir') + 1]\n"
              "open(f'{out}/huge', 'wb').write(bytes(40_000_000))"),
          "smoke", "program failed", r"File too large"),
    Fault("output_flood", at_once("while True: print('x' * 9999)"), "smoke", "limit crossed",
          r"it printed more than 2 MB"),
    Fault("deadlock", at_once(
              "import threading\na = threading.Lock(); a.acquire()\n"
              "t = threading.Thread(target=a.acquire); t.start(); t.join()"),
          "smoke", "limit crossed", r"time limit of 1 s was over"),
    Fault("calls_home", at_once(
              "import urllib.request; urllib.request.urlopen('http://1.1.1.1/', timeout=2)"),
          "smoke", "program failed", r"URLError"),
    Fault("crash_of_the_interpreter", at_once("import os; os.abort()"), "smoke", "program failed",
          r"was ended by signal 6 SIGABRT"),
    Fault("unreadable_output", at_once("import os; os.write(2, b'\\xff\\xfe\\x00'); os._exit(3)"),
          "smoke", "program failed", r"ended with exit code 3"),
    Fault("claims_too_much", at_last(
              "    import json, sys; from pathlib import Path\n"
              "    out = Path(sys.argv[sys.argv.index('--out_dir') + 1])\n"
              "    means = {'test_accuracy': 99.9, 'val_accuracy': 99.9}\n"
              "    names = ('digits', 'digits-smoke')\n"
              "    info = {name: {'means': means} for name in names}\n"
              "    (out / 'final_info.json').write_text(json.dumps(info))"),
          "smoke", "results not believed",
          r"final_info\.json is not what its own outcomes give.*test_accuracy: .* says 99\.9"),
    Fault("a_pickle_for_an_outcome", at_last(
              "    import pickle, sys; from pathlib import Path\n"
              "    out = Path(sys.argv[sys.argv.index('--out_dir') + 1])\n"
              "    (out / 'outcome_seed_0.npz').write_bytes(pickle.dumps(print))"),
          "smoke", "results unusable", r"outcome_seed_0\.npz is not a readable outcome"),
    Fault("a_link_for_an_outcome", at_last(
              "    import sys; from pathlib import Path\n"
              "    out = Path(sys.argv[sys.argv.index('--out_dir') + 1])\n"
              "    (out / 'more').symlink_to('/etc/passwd')"),
          "smoke", "results unusable", r"more is a link; results must be files"),
    Fault("copied_baseline", replacing(RETURN_LINE, "    import shutil\n"
              "    shutil.copy('run_0/outcome_seed_0.npz', '/tmp')\n" + RETURN_LINE),
          "smoke", "program failed", r"FileNotFoundError: .*run_0/outcome_seed_0\.npz"),
    Fault("hard_coded_predictions",
          replacing(TEST_LINE, "        test=np.arange(len(data.test_images)) % 10,")
          + replacing(VAL_LINE, "        val=np.arange(len(data.val_images)) % 10,"),
          "run", "results not believed",
          r"the outcomes of seeds 0, 1 are the same in every array, and the baseline's are not"),
    Fault("wants_the_test_labels",
          replacing(RETURN_LINE, "    kit.load_truth('digits')\n" + RETURN_LINE),
          "smoke", "program failed", r"test labels are not given to an experiment"),
    Fault("deletes_itself", at_once("import os; os.remove('experiment.py')"),
          "smoke", "program failed", r"Read-only file system"),
    Fault("writes_beside_its_folder", at_once("open('score.py', 'w').write('')"),
          "smoke", "program failed", r"Read-only file system"),
    Fault("child_left_behind", at_once(
              "import subprocess, sys\n"
              "sleep = [sys.executable, '-c', 'import time; time.sleep(999)', 'LEFTOVER']\n"
              "subprocess.Popen(sleep)\n"
              "raise SystemExit('the parent is over')"),
          "smoke", "program failed", r"the parent is over"),
    Fault("child_in_a_new_session", at_once(
              "import subprocess, sys\n"
              "sleep = [sys.executable, '-c', 'import time; time.sleep(999)', 'LEFTOVER']\n"
              "subprocess.Popen(sleep, start_new_session=True, env={})\n"
              "raise SystemExit('the parent is over')"),
          "smoke", "program failed", r"the parent is over"),
)  # fmt: skip

FAULTS = EDITS + CODE
NEED_WALLS = {"results_elsewhere", "copied_baseline", "deletes_itself", "writes_beside_its_folder",
              "calls_home"}  # fmt: skip


def _harmless() -> set[str]:
    """The rows that are no fault on this machine, as it has no walls to run into."""
    return NEED_WALLS if sandbox.problem() else set()


TIMED = tuple(fault for fault in FAULTS if "time limit" in fault.message)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """One sweep with an idea for every row, and a good one; its results and its output."""
    others = [fault for fault in FAULTS if fault not in TIMED]
    return _sweep(tmp_path_factory.mktemp("faults"), others, "more_images", smoke_seconds=60)


@pytest.fixture(scope="module")
def swept_in_time(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The same for the rows that end at the time limit, which is short here."""
    return _sweep(tmp_path_factory.mktemp("timed"), TIMED, smoke_seconds=1)


def _sweep(
    home: Path, faults: Sequence[Fault], *good: str, smoke_seconds: float
) -> tuple[Path, str]:
    toy = sweeps.copy_of_toy(home)
    ideas = [{"Name": name, "Title": name, "Experiment": "Goes well."} for name in good]
    for folder in (toy / "cassettes").iterdir():
        if folder.name not in good:
            shutil.rmtree(folder)
    for fault in faults:
        folder = toy / "cassettes" / fault.name
        folder.mkdir()
        (folder / "01-plan.md").write_text(PLAN)
        for number in range(2, 3 + fault.asked_again):
            (folder / f"{number:02d}-edit.md").write_bytes(fault.reply.encode())
        ideas.append({"Name": fault.name, "Title": fault.name, "Experiment": "Goes wrong."})
    (toy / "seed_ideas.json").write_text(json.dumps(ideas))
    limits = {"smoke_seconds": smoke_seconds, "memory_gb": 1.5, "disk_mb": 20, "tasks": 64,
              "output_mb": 2}  # fmt: skip
    done = sweeps.run(
        *("run", str(toy), "--out", "res", "--confirm-seeds", "0", "--workers", "2"),
        *(part for name, value in limits.items() for part in ("--limit", f"{name}={value}")),
        cwd=home,
    )
    assert done.returncode == 0, done.stderr
    return home / "res", done.stdout


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_one_clear_line_and_one_clear_message(
    fault: Fault, request: pytest.FixtureRequest
) -> None:
    if fault.name in _harmless():
        pytest.skip("needs bubblewrap")
    results, _ = request.getfixturevalue("swept_in_time" if fault in TIMED else "swept")
    entries = sweeps.entries(results, fault.name)
    wrong = next(entry for entry in entries if not entry.ok)
    assert wrong.step == fault.step
    assert re.search(fault.message, wrong.message), wrong.message
    assert wrong.data["kind"] == fault.kind
    assert "\n" not in wrong.message
    assert len(wrong.message) < 600
    exchange = 3 + fault.asked_again
    next_request = results / "toy" / fault.name / "exchanges" / f"{exchange:03d}.request.json"
    told = json.loads(next_request.read_text())["messages"][-1]["content"]
    assert wrong.message in told
    assert re.search(fault.told, told)
    assert [entry.step for entry in entries].count("end") == 1


def test_finished_runs_are_untouched_by_the_ideas_beside_them(swept: tuple[Path, str]) -> None:
    results, _ = swept
    story = sweeps.story(sweeps.entries(results, "more_images"))
    assert story.count(("run", True)) == 2
    assert story[-1] == ("end", True)


def test_the_frozen_and_the_foreign_are_as_they_were(swept: tuple[Path, str]) -> None:
    results, _ = swept
    for name in ("score.py", "prompt.json"):
        frozen = (sweeps.TOY / name).read_bytes()
        copies = list(results.glob(f"toy/*/workspace/{name}"))
        assert len(copies) == len(FAULTS) - len(TIMED) + 1
        assert all(path.read_bytes() == frozen for path in copies)
    baseline = (results / "toy" / "run_0" / "final_info.json").read_bytes()
    for path in results.glob("toy/*/workspace/run_0/final_info.json"):
        assert path.read_bytes() == baseline
    assert not list(results.parent.rglob("evil.py"))
    assert not Path("/tmp/bonsai-data").exists()


def test_nothing_is_left_running(swept: tuple[Path, str]) -> None:
    import psutil

    lines = [
        " ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])
    ]
    assert not [line for line in lines if "LEFTOVER" in line]


def test_the_run_ends_with_what_went_wrong_counted_by_kind(swept: tuple[Path, str]) -> None:
    line = next(line for line in swept[1].splitlines() if line.startswith("what went wrong: "))
    found = re.findall(r"(\d+) × ([^,(]+?)(?=,| \()", line)
    counts = {kind: int(count) for count, kind in found}
    sure = [fault for fault in FAULTS if fault not in TIMED and fault.name not in _harmless()]
    for kind in {fault.kind for fault in FAULTS} - {"unusable reply"}:
        planned = sum(fault.kind == kind for fault in sure)
        assert counts[kind] >= planned, kind
    summary = (swept[0] / "report" / "report.md").read_text()
    assert "\x1b" not in summary
    assert "\x00" not in summary


def test_every_fault_has_a_row_of_its_own() -> None:
    names = [fault.name for fault in FAULTS]
    assert len(set(names)) == len(names)
    assert len(FAULTS) + len(SERVICE) >= 40


# ---------------------------------------------------------------------------- the model's service

AWAY: tuple[tuple[str, object, int, str], ...] = (
    # what, the service's answer, how many times, what the ledger says of the outage
    ("too many requests", Fails(429), 3, r"gets too many requests"),
    ("it fails", Fails(500), 3, r"failed or could not be reached: scripted fault"),
    ("it is silent", HANGS, 1, r"did not answer within 1\.5 seconds"),
    ("it hangs up in mid-reply", CUT, 3, r"failed or could not be reached"),
    ("a page instead of JSON", NOT_JSON, 3, r"could not be reached: .*no JSON, but: maintenance"),
    ("JSON without a reply", NO_CHOICES, 3, r"holds no reply"),
    ("an error in its choice", Sends({"choices": [{"error": {"message": "no GPU"}}]}), 3,
     r"could not be reached: no GPU\."),
)  # fmt: skip
REFUSED: tuple[tuple[str, object, str], ...] = (
    # what, the service's answer, what the ledger says of the try
    ("the context is too long",
     Fails(400, message="This model's maximum context length is 8192 tokens"),
     r"The prompt is too long for the service of .*maximum context length is 8192 tokens"),
    ("the request is refused", Fails(400, message="no temperature here"),
     r"refused the request \(status 400\): no temperature here"),
    ("the reply is cut off", Says(EDIT[:60], finish_reason="length"), r"cut off"),
    ("the reply is empty", Says(""), r"reply was empty"),
    ("the prompt fills the window", Says("", "length", tokens_out=1), r"fills the window"),
    ("the reply ends while thinking", Says(f"<think>\n{EDIT}"), r"ended while thinking"),
)  # fmt: skip
SERVICE = (*AWAY, *REFUSED)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Entry], str]:
    """The ledger of a sweep of one idea whose model's service fails in every way, then answers."""
    home = tmp_path_factory.mktemp("service")
    script = [Says(PLAN)]
    for _, answer, times, _ in AWAY:
        script += [*[answer] * times, Says("It is back.")]
    script += [answer for _, answer, _ in REFUSED]
    fake = FakeModel(*script, Says(EDIT), Says(FINISHED), Says(FINISHED))
    patch = pytest.MonkeyPatch()
    impatient = functools.partial(
        LiveModel, timeout_seconds=1.5, retry_waits=(0.01, 0.01), api_key="sk-fake-0123456789"
    )
    patch.setattr(sweep, "LiveModel", impatient)
    patch.setattr(outage, "PAUSES", (0.05,))
    idea = Idea(Name="never_recorded", Title="Live", Experiment="Try.")
    with fake.serving():
        settings = Settings(
            assignments=[Assignment(template=str(sweeps.TOY), ideas=[idea])],
            model="openai/anything", api_base=fake.url, max_runs=1, max_tries=50,
            confirm_seeds=0, first_fresh_seed=1000,
        )  # fmt: skip
        settings.save(home)
        try:
            sweep.Sweep(home, settings, Board(Console(file=io.StringIO()))).run()
        finally:
            patch.undo()
    return sweeps.entries(home), report.headline(summarise(home))


@pytest.mark.parametrize("row", range(len(AWAY)), ids=[row[0] for row in AWAY])
def test_a_service_that_is_away_for_a_moment_is_nobodys_try(
    served: tuple[list[Entry], str], row: int
) -> None:
    told = [entry for entry in served[0] if entry.step in ("outage", "outage over")]
    assert [entry.step for entry in told] == ["outage", "outage over"] * len(AWAY)
    began = told[2 * row]
    assert re.search(AWAY[row][3], began.message), began.message
    assert "sk-fake" not in began.message
    assert (began.idea, began.is_failure) == ("", False)


@pytest.mark.parametrize("row", range(len(REFUSED)), ids=[row[0] for row in REFUSED])
def test_what_the_service_refuses_is_one_clear_line(
    served: tuple[list[Entry], str], row: int
) -> None:
    failed = [entry for entry in served[0] if entry.step == "edit" and not entry.ok]
    assert len(failed) == len(SERVICE)
    assert all("changed nothing" in entry.message for entry in failed[: len(AWAY)])
    message = failed[len(AWAY) + row].message
    assert re.search(REFUSED[row][2], message), message
    assert "sk-fake" not in message


def test_after_all_faults_of_the_service_the_idea_is_finished(
    served: tuple[list[Entry], str],
) -> None:
    assert sweeps.story(entry for entry in served[0] if entry.idea)[-5:] == [
        *(("smoke", True), ("run", True), ("write_up", True), ("plots", True), ("end", True)),
    ]
    assert threading.active_count() < 20
