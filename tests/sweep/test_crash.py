"""The runner is killed at any moment, the machine fails: `resume` ends as if nothing had been."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bonsai.base.errors import BonsaiError
from bonsai.base.files import DiskFull
from bonsai.base.ledger import Ledger
from bonsai.execution import execute, processes
from bonsai.models import Reply, cassette
from bonsai.settings import SearchSettings
from bonsai.sweep.workspace import Workspace
from bonsai.templates.template import Template
from tests import crashes, sweeps
from tests.crashes import Sweep

KINDS = {
    *("baseline", "start", "plan", "claims", "edit", "smoke", "run", "write_up", "plots"),
    *("confirm", "look", "end"),
}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """A sweep that nothing happened to."""
    sweep = Sweep(tmp_path_factory.mktemp("undisturbed"))
    sweep.resume()
    return sweep


def test_killed_at_thirty_moments_it_ends_as_if_nothing_had_been(
    undisturbed: Sweep, tmp_path: Path
) -> None:
    """Every kind of step is hit; half of the kills take with them all that the runner started."""
    killed = Sweep(tmp_path / "killed")
    tally = crashes.kill_in_every_step(killed, undisturbed, random.Random(7))
    killed.resume()
    assert tally.kills >= 30
    assert set(tally.under_way) == KINDS
    assert crashes.differences(killed, undisturbed) == []
    programs = sum(entry.step in crashes.PROGRAMS for entry in killed.steps())
    hit = sum(count for step, count in tally.under_way.items() if step in crashes.PROGRAMS)
    outside = tally.kills - tally.under_way.total()
    assert len(undisturbed.ran()) == programs, "each says so when it is run"
    assert programs < len(killed.ran()) <= programs + hit + outside, "only what was cut short"


@pytest.mark.slow
def test_a_search_killed_in_every_other_step_ends_with_the_same_tree(tmp_path: Path) -> None:
    """And no candidate that was run on a seed is run on it again."""
    undisturbed, killed = Sweep(tmp_path / "undisturbed"), Sweep(tmp_path / "killed")
    for sweep in (undisturbed, killed):
        sweep.search(SearchSettings(runs=30, seed=1))
    undisturbed.resume()
    assert {"propose", "evaluate", "run", "look"} <= {entry.step for entry in undisturbed.steps()}
    tally = crashes.kill_in_every_step(killed, undisturbed, random.Random(8), leave_out=1)
    killed.resume()
    assert tally.kills >= 15
    assert crashes.differences(killed, undisturbed) == []


def test_a_sweep_goes_on_elsewhere_at_another_time_with_a_torn_line_and_a_meddled_workspace(
    undisturbed: Sweep, tmp_path: Path
) -> None:
    """What else may happen between a kill and the resume, all at once."""
    sweep = Sweep(tmp_path / "disturbed", without="stumbles")
    at_run_1 = [entry.step for entry in undisturbed.steps()].index("run")
    assert sweep.kill_in_step(at_run_1 + 1, 0.1, True, sweep.home / "report")

    moved = sweep.home / "moved"
    sweep.results.rename(moved)
    sweep.results = moved
    ledger = moved / "ledger.jsonl"
    tomorrow = time.time() + 86_400
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    lines[-1]["time"] = tomorrow  # so, for the rest of the sweep, the clock was set back by a day
    ledger.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"time":1795')
    workspace = moved / "brisk" / "higher" / "workspace"
    (workspace / "experiment.py").write_text("an edit by hand")
    (workspace / "notes of mine.txt").write_text("so is this")
    (workspace / ".git" / "index.lock").touch()  # as a git leaves it that was killed
    (workspace / ".git" / "refs" / "heads" / "master.lock").touch()

    printed = sweep.resume()
    assert "going on: 0 of 1 ideas are done, 1 begun" in printed
    restored = [entry for entry in sweep.entries() if entry.step == "restored"]
    assert restored[0].message.startswith(
        "put back in the workspace, as the last finished step left it: experiment.py, notes of mine"
    )
    assert restored[0].message in printed
    times = [entry.time for entry in sweep.entries()]
    assert times == sorted(times)
    assert times[-1] >= tomorrow
    assert all(entry.seconds >= 0 for entry in sweep.entries())
    theirs = [step for step in undisturbed.story() if step["idea"] != "stumbles"]
    assert sweep.story() == theirs


# --- what a kill may leave behind, piece by piece -------------------------------------------------


def test_a_workspace_is_put_back_and_what_was_changed_is_told(tmp_path: Path) -> None:
    workspace = _workspace(tmp_path)
    (workspace.folder / "notes.txt").write_text("first")
    commit = workspace.commit("first")
    (workspace.folder / "notes.txt").write_text("second")
    workspace.commit("by a step that the ledger does not know")
    (workspace.folder / "score.py").unlink()
    (workspace.folder / "new.txt").touch()
    for name in ("index.lock", "HEAD.lock", "objects/tmp_obj_x"):
        (workspace.folder / ".git" / name).touch()
    assert workspace.restore(commit) == ["new.txt", "notes.txt", "score.py"]
    assert (workspace.folder / "notes.txt").read_text() == "first"
    assert (workspace.folder / "score.py").read_bytes() == (crashes.BRISK / "score.py").read_bytes()
    assert not (workspace.folder / "new.txt").exists()
    assert not [*(workspace.folder / ".git").rglob("*.lock"), *workspace.folder.rglob("tmp_obj*")]
    assert workspace.restore(commit) == []


def test_a_workspace_that_is_gone_is_a_sentence_and_no_other_repository_is_touched(
    tmp_path: Path,
) -> None:
    """Results lie within a person's own repository; git looks for one further up."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / "precious.txt").write_text("not committed")
    workspace = _workspace(tmp_path)
    commit = workspace.commit("first")
    shutil.rmtree(workspace.folder / ".git")
    with pytest.raises(BonsaiError, match="no git repository any more; put it back"):
        workspace.restore(commit)
    with pytest.raises(BonsaiError, match="no git repository any more; put it back"):
        workspace.commit("second")
    assert (tmp_path / "precious.txt").read_text() == "not committed"


def _workspace(folder: Path) -> Workspace:
    baseline = folder / "baseline"
    baseline.mkdir()
    workspace = Workspace(folder / "results" / "workspace")
    template = Template(crashes.BRISK)
    workspace.create(template, baseline, template.ideas[0])
    return workspace


def test_exchanges_of_a_step_that_is_done_again_are_removed(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        cassette.write_request(tmp_path, number, {"messages": []})
    for number in (1, 2):
        cassette.write_reply(tmp_path, number, Reply("text"), {})
    (tmp_path / ".002.md.0a1b.tmp").write_text("hal")
    (tmp_path / "README.md").write_text("a person's")
    cassette.cut(tmp_path, 1)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["001.md", "001.request.json", "001.usage.json", "README.md"]


def test_what_a_killed_runner_started_is_ended_and_what_a_living_one_started_is_not(
    tmp_path: Path,
) -> None:
    """Also when the machine's clock was set since: processes are known by ticks, not by time."""
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    dead = subprocess.Popen([sys.executable, "-c", "pass"])
    orphan_of = {processes.RUNNER: f"{dead.pid}:1"}
    dead.wait()
    with (
        subprocess.Popen(sleeper, env=orphan_of) as orphan,
        subprocess.Popen(sleeper, env=processes.badge()) as ours,
    ):
        execute.kill_orphans()
        orphan.wait(timeout=5)  # it sleeps for a minute, if it is let
        assert ours.poll() is None
        ours.kill()


# --- ledgers --------------------------------------------------------------------------------------


def test_of_ended_ideas_only_the_end_is_recalled_and_of_others_everything(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    for idea, steps in (
        ("", "baseline confirm"),
        ("a", "start plan end"),
        ("b", "start fault plan"),
    ):
        for step in steps.split():
            ledger.append(template="t", idea=idea, step=step)
    found = [(entry.idea, entry.step) for entry in Ledger(ledger.path).recall()]
    assert found == [
        *(("", "baseline"), ("", "confirm"), ("a", "end")),
        *(("b", "start"), ("b", "fault"), ("b", "plan")),
    ]


@pytest.mark.parametrize("damage", [b"garbage", b'{"time": 1', b"[]", b"\x00\x00", b'{"step": 3}'])
def test_a_damaged_line_is_named_also_in_an_idea_that_has_ended(
    damage: bytes, tmp_path: Path
) -> None:
    """Nothing is changed: a person decides what is to become of the line."""
    sweep = Sweep(tmp_path / "damaged")
    path = sweep.results / "ledger.jsonl"
    ledger = Ledger(path)
    ledger.append(template="brisk", idea="higher", step="start")
    with path.open("ab") as file:
        file.write(damage + b"\n")
    ledger.append(template="brisk", idea="higher", step="end")
    before = path.read_bytes()
    done = sweeps.run("resume", str(sweep.results), cwd=tmp_path)
    assert done.returncode == 2
    assert "ledger.jsonl, line 2 is not an entry of a ledger" in done.stderr
    assert "mend or remove that line" in done.stderr
    assert "Traceback" not in done.stderr
    assert path.read_bytes() == before


def test_a_template_that_is_gone_is_named(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path / "gone")
    sweep.template.rename(tmp_path / "elsewhere")
    done = sweeps.run("resume", str(sweep.results), cwd=tmp_path)
    assert done.returncode == 2
    assert f"the template {sweep.template} is gone; put it back, or write its new" in done.stderr


# --- a full disk ----------------------------------------------------------------------------------


def test_a_ledger_that_cannot_grow_says_that_the_disk_is_full() -> None:
    with pytest.raises(DiskFull, match="make room"):
        Ledger(Path("/dev/full")).append(step="edit")


def test_a_full_disk_ends_with_a_sentence_and_resume_goes_on_when_there_is_room(
    tmp_path: Path,
) -> None:
    """A disk of 150 MB, where a run of 24 MB finds first too little room, then enough."""
    if not _has_bubblewrap():
        pytest.skip("bubblewrap, which makes a small disk, is missing or not allowed here")
    sweep = Sweep(tmp_path / "full")
    experiment = sweep.template / "experiment.py"
    experiment.write_text(experiment.read_text().replace("MEGABYTES = 0", "MEGABYTES = 12"))
    settings = sweep.settings.model_copy(deep=True)
    settings.assignments[0].ideas.clear()
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    kept.mkdir()
    settings.save(kept)
    (tmp_path / "script").write_text(f"""
        export BONSAI_DATA={disk}/data
        resume() {{
            {sys.executable} {sweeps.REPOSITORY}/runner.py resume {disk}/results \\
                >{kept}/$1.out 2>{kept}/$1.err
            echo $? >{kept}/$1.code
            find {disk} -name '.*.tmp' -o -name '.building*' >{kept}/$1.left
        }}
        mkdir {disk}/results
        cp {kept}/sweep.json {disk}/results
        dd if=/dev/zero of={disk}/filler bs=1M count=122 2>/dev/null; resume in_a_run
        dd if=/dev/zero of={disk}/more bs=1M count=16 2>/dev/null; resume before_a_step
        rm {disk}/filler {disk}/more; resume with_room
        cp {disk}/results/ledger.jsonl {kept}
    """)
    command = ["bwrap", "--dev-bind", "/", "/", "--size", "150000000", "--tmpfs", str(disk)]
    subprocess.run([*command, "sh", str(tmp_path / "script")], check=True, timeout=120)

    def told(attempt: str) -> tuple[str, str, str, str]:
        return tuple(
            (kept / f"{attempt}.{kind}").read_text() for kind in ("code", "err", "left", "out")
        )

    for attempt in ("in_a_run", "before_a_step"):
        code, error, left, _ = told(attempt)
        assert code == "2\n"
        assert error.startswith(f"error: the disk is full: there is no room left in {disk}/")
        assert "make room" in error
        assert "Traceback" not in error
        assert left == ""
    assert told("with_room")[0] == "0\n", told("with_room")
    assert sweeps.story(Ledger(kept / "ledger.jsonl").read()) == [
        ("baseline", True),
        ("confirm", True),
    ]


def _has_bubblewrap() -> bool:
    if shutil.which("bwrap") is None:
        return False
    return subprocess.run(["bwrap", "--dev-bind", "/", "/", "true"], check=False).returncode == 0


# --- at scale -------------------------------------------------------------------------------------


def test_the_runner_starts_without_what_it_may_not_need() -> None:
    """Loading torch, litellm or matplotlib takes longer than to go through a large ledger."""
    code = (
        "import bonsai.cli, bonsai.sweep, sys; from bonsai.templates.template import Template; "
        f"from pathlib import Path; Template(Path({str(crashes.BRISK)!r})).scorer; "
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "bonsai" in loaded
    late = {"torch", "litellm", "openai", "aider", "matplotlib", "scipy", "sklearn", "pandas"}
    assert not loaded & late


def test_of_a_thousand_finished_ideas_none_is_touched_and_the_summary_stays_readable(
    undisturbed: Sweep, tmp_path: Path
) -> None:
    sweep = Sweep(tmp_path / "large")
    crashes.fill(sweep, undisturbed, 1000)
    before = (sweep.results / "ledger.jsonl").read_bytes()
    printed = sweep.resume()
    assert "going on: 1000 of 1001 ideas are done, 0 begun" in printed
    assert (sweep.results / "ledger.jsonl").read_bytes().startswith(before)
    assert [name for name in sweep.ran() if "stumbles" not in name] == []
    ours, theirs = (
        [step for step in each.story() if step["idea"] == "stumbles"]
        for each in (sweep, undisturbed)
    )
    assert ours == theirs
    assert "0 of 1001 ideas beat the baseline; 1000 undecided" in printed, "among so many"
    summary = (sweep.results / "report" / "report.md").read_text()
    assert summary.count("\n| idea\\_") == 100
    assert "all are in `ideas.csv`, 901 more" in summary
    table = (sweep.results / "report" / "ideas.csv").read_text().splitlines()
    assert len(table) == 1 + 1001
    assert table[-1].startswith("brisk,stumbles,no result,")
    assert {path.name for path in sweep.results.glob("report/figures/*")} == {
        *("brisk_differences.png", "brisk_cost.png", "timeline.png")
    }
