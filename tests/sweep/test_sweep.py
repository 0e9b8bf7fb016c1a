"""A whole sweep, with real aider and a played-back model: what is measured, kept and told."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from bonsai.report.summary import SweepSummary, summarise
from bonsai.settings import Settings
from tests import sweeps

LOOKS = ("--confirm-seeds", "4", "--max-confirm-seeds", "12")


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The results and the output of one sweep over all cassettes of the toy template."""
    home = tmp_path_factory.mktemp("sweep")
    done = sweeps.run("run", str(sweeps.TOY), "--out", "res", *LOOKS, cwd=home)
    assert done.returncode == 0, done.stderr
    return home / "res", done.stdout


@pytest.fixture(scope="module")
def summary(swept: tuple[Path, str]) -> SweepSummary:
    return summarise(swept[0])


def _ideas(summary: SweepSummary) -> dict[str, object]:
    return {idea.idea.Name: idea for _, idea in summary.ideas}


def test_an_idea_goes_through_every_step(swept: tuple[Path, str]) -> None:
    assert sweeps.story(sweeps.entries(swept[0], "more_images")) == [
        *(("start", True), ("plan", True), ("claims", True)),
        *(("edit", True), ("smoke", True), ("run", True)),
        *(("edit", True), ("smoke", False)),
        *(("edit", True), ("smoke", True), ("run", True)),
        *(("edit", True), ("write_up", True), ("plots", True)),
        *(("confirm", True), ("look", True)) * 3,
        ("end", True),
    ]


def test_a_real_improvement_is_supported_and_a_rename_is_not(summary: SweepSummary) -> None:
    ideas = _ideas(summary)
    assert {name: idea.word for name, idea in ideas.items()} == {
        "more_images": "supported",
        "changes_nothing": "undecided",
        "goes_wrong": "no result",
    }
    assert ideas["more_images"].comparison.mean > 5
    assert ideas["changes_nothing"].comparison.differences == [0.0] * 4


def test_an_idea_is_shown_to_people_as_it_was_written(tmp_path: Path) -> None:
    toy = sweeps.copy_of_toy(tmp_path)
    told = json.loads((toy / "seed_ideas.json").read_text())
    name, slug = "Größer: $n$ & mehr", "grosser_n_mehr"
    next(idea for idea in told if idea["Name"] == "more_images")["Name"] = name
    (toy / "seed_ideas.json").write_text(json.dumps(told))
    (toy / "cassettes" / "more_images").rename(toy / "cassettes" / slug)
    options = ("--ideas", name, "--max-runs", "1", "--confirm-seeds", "2")
    done = sweeps.run("run", "toy", "--out", "res", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    results = tmp_path / "res"
    assert f"toy/{name} · run: " in done.stdout
    assert sweeps.story(sweeps.entries(results, slug))[-1] == ("end", True)
    assert (results / "toy" / slug / "workspace" / "run_1" / "final_info.json").is_file()
    report = json.loads((results / "report" / "report.json").read_text())
    (idea,) = report["templates"][0]["ideas"]
    assert (idea["name"], idea["folder"]) == (name, slug)
    assert f"| {name} |" in (results / "report" / "report.md").read_text()
    assert "Größer: $n$ &amp; mehr</a>" in (results / "report" / "index.html").read_text()
    assert (results / "report" / idea["page"]).is_file()
    assert (results / "report" / "figures" / "toy_cost.png").is_file()
    again = sweeps.run("resume", "res", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "going on: 1 of 1 ideas are done" in again.stdout


def test_ideas_without_a_cassette_are_left_out_when_no_model_is_named(
    summary: SweepSummary,
) -> None:
    assert "never_recorded" not in _ideas(summary)


def test_fresh_seeds_are_none_that_the_agent_worked_with(
    swept: tuple[Path, str], summary: SweepSummary
) -> None:
    settings = Settings.load(swept[0])
    fresh = [seed for look in range(3) for seed in settings.fresh_seeds(look)]
    assert len(fresh) == 12
    assert summary.templates[0].ideas[0].confirmed.seeds == fresh
    assert summary.templates[0].confirmed.seeds == fresh
    assert not set(fresh) & {0, 1}


def test_each_mistake_costs_one_try_and_one_clear_line(swept: tuple[Path, str]) -> None:
    wrong = [entry for entry in sweeps.entries(swept[0], "goes_wrong") if not entry.ok]
    messages = [f"{entry.step}: {entry.message}" for entry in wrong]
    expected = [
        r"plan: The reply changed nothing in notes\.txt and claims\.json",
        r"edit: The reply changed nothing in experiment\.py",
        r"edit: Only experiment\.py, plot\.py and notes\.txt may be edited, so score\.py was not",
        r"edit: does not parse: experiment\.py, line \d+",
        r"smoke: --smoke ended with exit code 1: TypeError",
        r"end: no run finished; last: --smoke ended",
    ]
    assert len(messages) == len(expected)
    for message, pattern in zip(messages, expected, strict=True):
        assert re.match(pattern, message)
        assert "\n" not in message


def test_a_frozen_file_is_as_it_was_in_every_workspace(swept: tuple[Path, str]) -> None:
    frozen = (sweeps.TOY / "score.py").read_bytes()
    copies = list(swept[0].glob("toy/*/workspace/score.py"))
    assert len(copies) == 3
    assert all(path.read_bytes() == frozen for path in copies)


def test_the_agent_is_told_what_went_wrong(swept: tuple[Path, str]) -> None:
    request = swept[0] / "toy" / "more_images" / "exchanges" / "004.request.json"
    told = json.loads(request.read_text())["messages"][-1]["content"]
    assert "AttributeError: 'Images' object has no attribute 'train_imgs'" in told
    assert "try 2 of 4 for run 2" in told
    assert "+13.9" in told, "the results so far"


def test_every_edit_and_run_is_a_commit_and_the_tree_is_clean(swept: tuple[Path, str]) -> None:
    workspace = swept[0] / "toy" / "more_images" / "workspace"

    def git(*arguments: str) -> str:
        command = ["git", *arguments]
        done = subprocess.run(command, cwd=workspace, capture_output=True, text=True, check=True)
        return done.stdout

    subjects = git("log", "--reverse", "--format=%s").splitlines()
    assert [subject.split(":")[0] for subject in subjects] == [
        *("template and baseline", "plan", "edit", "run_1", "edit", "edit", "run_2", "edit"),
        *("write_up", "figures"),
    ]
    assert git("status", "--porcelain") == ""


def test_each_run_keeps_its_code_and_its_results(swept: tuple[Path, str]) -> None:
    workspace = swept[0] / "toy" / "more_images" / "workspace"
    assert "images: int = 600" in (workspace / "run_1" / "experiment.py").read_text()
    assert "2 * config.images" in (workspace / "run_2" / "experiment.py").read_text()
    for run in ("run_0", "run_1", "run_2"):
        assert (workspace / run / "final_info.json").is_file()
        assert (workspace / run / "outcome_seed_0.npz").is_file()
    assert (workspace / "accuracy.png").is_file()


def test_the_template_itself_is_untouched(swept: tuple[Path, str]) -> None:
    assert not list(sweeps.TOY.glob("run_*"))
    assert not list(sweeps.TOY.glob("*.png"))


def test_the_output_is_plain_lines_that_end_with_the_answer(swept: tuple[Path, str]) -> None:
    lines = swept[1].strip().splitlines()
    assert lines[0].startswith("3 ideas on 1 templates with cassettes (no model given)")
    assert any("toy/more_images · run: test_accuracy 92.5" in line for line in lines)
    assert "1 of 3 ideas beat the baseline; 1 undecided; 1 without a result." in lines
    assert lines[-1] == str(swept[0] / "report" / "index.html")
    assert "\x1b" not in swept[1]


def test_the_report_and_its_figures_are_there(swept: tuple[Path, str]) -> None:
    folder = swept[0] / "report"
    text = (folder / "report.md").read_text()
    assert "| more\\_images | **supported** | +" in text
    assert "does not parse: experiment.py, line 20" in text
    for name in ("toy_differences.png", "toy_cost.png", "timeline.png"):
        assert (folder / "figures" / name).read_bytes().startswith(b"\x89PNG")
    assert "(figures/toy_cost.png)" in text
    page = (folder / "index.html").read_text()
    assert "Not finished" not in page
    assert "1 of 3 ideas beat the baseline; 1 undecided; 1 without a result." in page
    assert (folder / "ideas" / "toy--more_images.html").is_file()


def test_a_finished_sweep_resumes_into_nothing(swept: tuple[Path, str]) -> None:
    results, _ = swept
    before = (results / "ledger.jsonl").read_bytes()
    done = sweeps.run("resume", str(results), cwd=results)
    assert done.returncode == 0, done.stderr
    assert (results / "ledger.jsonl").read_bytes() == before


def test_fewer_runs_than_were_recorded_end_with_the_recorded_write_up(tmp_path: Path) -> None:
    done = sweeps.run(
        *("run", str(sweeps.TOY), "--out", "res", "--confirm-seeds", "0", "--max-runs", "1"),
        *("--ideas", "more_images"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    story = sweeps.story(sweeps.entries(tmp_path / "res", "more_images"))
    assert story[-3:] == [("write_up", True), ("plots", True), ("end", True)]
    plot = tmp_path / "res" / "toy" / "more_images" / "workspace" / "plot.py"
    assert '"run_1": "600 images"' in plot.read_text()


def test_two_runners_do_not_share_a_results_folder(swept: tuple[Path, str]) -> None:
    from filelock import FileLock

    results, _ = swept
    with FileLock(results / ".lock"):
        done = sweeps.run("resume", str(results), cwd=results)
    assert done.returncode == 2
    assert "another runner is at work" in done.stderr
