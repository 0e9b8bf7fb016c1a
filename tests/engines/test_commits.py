"""A range of commits, as a pull request has it: which experiments it changes, and by how much."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bonsai.base import BonsaiError
from bonsai.engines import git
from bonsai.engines.commits import is_range, read_range
from bonsai.execution import sandbox
from bonsai.templates import Template
from tests.sweeps import REPOSITORY

BRISK = REPOSITORY / "tests" / "brisk"


class Forge:
    """A repository of a team, with the template `brisk` in it."""

    def __init__(self, top: Path, folder: str = "templates/brisk") -> None:
        self.top = top
        self.folder = top / folder
        top.mkdir(exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")
        shutil.copytree(
            BRISK, self.folder, ignore=shutil.ignore_patterns("cassettes", "__pycache__"),
            dirs_exist_ok=True,
        )  # fmt: skip
        self.commit("the template")

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=they", "-c", "user.email=they@localhost"]
        done = subprocess.run(
            ["git", *identity, "-c", "protocol.file.allow=always", *arguments],
            cwd=self.top, capture_output=True, text=True, check=True,
            env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull},
        )  # fmt: skip
        return done.stdout.strip()

    def commit(self, message: str) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def height(self, height: object, message: str = "") -> str:
        """Commit an experiment of another height."""
        source = (BRISK / "experiment.py").read_text()
        (self.folder / "experiment.py").write_text(
            source.replace("HEIGHT = 1 ", f"HEIGHT = {height} ")
        )
        return self.commit(message or f"height {height}")


@pytest.fixture
def forge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Forge:
    made = Forge(tmp_path / "team")
    monkeypatch.chdir(made.top)
    return made


def _heights(versions: object) -> list[str]:
    assert isinstance(versions, list)
    return [
        line.split()[2]
        for version in versions
        for line in version.source.decode().splitlines()
        if line.startswith("HEIGHT")
    ]


# ---------------------------------------------------------------------------------- what is a range


@pytest.mark.parametrize(
    "text", ["main..HEAD", "origin/main...HEAD", "HEAD~3..", "..topic", "v1.0..v1.1", "@{u}..@"]
)
def test_two_or_three_dots_make_a_range(text: str) -> None:
    assert is_range(text)


@pytest.mark.parametrize(
    "text", ["main", "experiment.py", "..", "../..", "../experiment.py", "a/../b", "/x/../y.py", ""]
)
def test_paths_are_none(text: str) -> None:
    assert not is_range(text)


def test_a_file_with_two_dots_in_its_name_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_range("before..after.py")
    (tmp_path / "before..after.py").touch()
    assert not is_range("before..after.py")


@pytest.mark.parametrize("text", ["a\0..b", "x" * 5000 + "..y"])
def test_what_no_path_can_be_is_asked_of_git(text: str, forge: Forge) -> None:
    assert is_range(text)
    with pytest.raises(BonsaiError, match="no commit"):
        read_range(text, None)


# ------------------------------------------------------------------------------------ what it holds


def test_a_pull_request_is_judged_from_where_it_began(forge: Forge) -> None:
    forge.git("checkout", "--quiet", "-b", "topic")
    second = forge.height(2, "twice as high")
    third = forge.height(3)
    forge.git("checkout", "--quiet", "main")
    (forge.top / "README.md").write_text("meanwhile\n")
    forge.commit("meanwhile")
    forge.git("checkout", "--quiet", "topic")
    ((folder, left),) = read_range("main...HEAD", None)
    assert folder == forge.folder
    assert left.engine == "git"
    assert left.before
    assert _heights([left.before]) == ["1"]
    assert _heights(left.candidates) == ["2", "3"]
    assert [version.name for version in left.candidates] == [second[:10], third[:10]]
    assert left.candidates[0].origin == (
        f"templates/brisk/experiment.py at commit {second[:10]}: twice as high"
    )
    assert list(left.best) == [left.candidates[-1]]


def test_two_dots_go_from_one_commit_to_the_other(forge: Forge) -> None:
    first = forge.height(2)
    forge.height(3)
    ((_, left),) = read_range(f"{first}..", None)
    assert left.before
    assert _heights([left.before]) == ["2"]
    assert _heights(left.candidates) == ["3"]


def test_what_was_tried_and_undone_is_a_candidate_and_not_the_best(forge: Forge) -> None:
    forge.git("tag", "start")
    forge.height(5)
    forge.height(1, "back")
    forge.height(5, "again")
    forge.height(2)
    ((_, left),) = read_range("start..HEAD", None)
    assert _heights(left.candidates) == ["5", "2"]
    assert _heights(left.best) == ["2"]


def test_versions_of_a_merged_branch_count(forge: Forge) -> None:
    forge.git("tag", "start")
    forge.git("checkout", "--quiet", "-b", "topic")
    forge.height(4)
    forge.git("checkout", "--quiet", "main")
    forge.height(2)
    forge.git("merge", "--quiet", "--strategy=ours", "--no-edit", "topic")
    ((_, left),) = read_range("start..HEAD", None)
    assert sorted(_heights(left.candidates)) == ["2", "4"]
    assert _heights(left.best) == ["2"]


def test_it_is_found_from_a_folder_further_down(
    forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    forge.height(2)
    monkeypatch.chdir(forge.folder)
    ((folder, _),) = read_range("HEAD~1..HEAD", None)
    assert folder == forge.folder


def test_a_template_may_be_the_whole_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forge = Forge(tmp_path / "alone", ".")
    monkeypatch.chdir(forge.top)
    forge.height(2)
    for asked in (None, Template(forge.top)):
        ((folder, left),) = read_range("HEAD~1..HEAD", asked)
        assert (folder, _heights(left.best)) == (forge.top, ["2"])


def test_all_templates_that_are_changed_are_found_or_the_one_that_is_asked_for(
    forge: Forge,
) -> None:
    other = shutil.copytree(forge.folder, forge.top / "templates" / "a [b]*")
    forge.commit("another")
    (other / "experiment.py").write_text("x = 1\n")
    forge.height(2)
    assert {folder.name for folder, _ in read_range("HEAD~1..", None)} == {"brisk", "a [b]*"}
    ((folder, left),) = read_range("HEAD~1..", Template(other))
    assert folder == other
    assert left.best[0].source == b"x = 1\n"


def test_bytes_are_handed_over_as_they_were_committed(forge: Forge) -> None:
    """Whether it parses is for the judge to say."""
    for content in (b"x = 1\r\ny = 2\r\n", b"\0\xff\xfe no program\n\n"):
        (forge.folder / "experiment.py").write_bytes(content)
        forge.commit("as it is")
        ((_, left),) = read_range("HEAD~1..", None)
        assert left.best[0].source == content


def test_a_working_tree_with_other_line_ends_is_the_same(forge: Forge) -> None:
    forge.height(2)
    score = forge.folder / "score.py"
    score.write_bytes(score.read_bytes().replace(b"\n", b"\r\n"))
    assert read_range("HEAD~1..", None)


def test_that_a_program_may_be_started_is_no_change(forge: Forge) -> None:
    (forge.folder / "experiment.py").chmod(0o755)
    (forge.folder / "score.py").chmod(0o755)
    forge.commit("modes")
    with pytest.raises(BonsaiError, match=r"changes no experiment\.py"):
        read_range("HEAD~1..", None)
    forge.height(2)
    assert read_range("HEAD~2..", None)


def test_the_repository_is_only_read_and_its_settings_start_nothing(
    forge: Forge, tmp_path: Path
) -> None:
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/trace\ncat\n")
    trap.chmod(0o755)
    forge.height(2)
    config = forge.top / ".git" / "config"
    config.write_text(
        config.read_text()
        + f"[core]\n\tpager = {trap}\n\tfsmonitor = {trap}\n[diff]\n\texternal = {trap}\n"
        f'[filter "x"]\n\tsmudge = {trap}\n[log]\n\tshowSignature = true\n'
        f"[gpg]\n\tprogram = {trap}\n"
    )
    (forge.top / ".git" / "info" / "attributes").write_text("* filter=x\n")
    before = {path: path.stat().st_mtime_ns for path in (forge.top / ".git").rglob("*")}
    assert read_range("HEAD~1..HEAD", None)
    assert not (tmp_path / "trace").exists()
    assert before == {path: path.stat().st_mtime_ns for path in (forge.top / ".git").rglob("*")}


# ------------------------------------------------------------------------------------- what is none


def _refused(text: str, template: Template | None = None) -> str:
    with pytest.raises(BonsaiError) as caught:
        read_range(text, template)
    told = str(caught.value)
    assert "\n" not in told
    return told


def test_a_measure_that_changes_with_the_program_is_named(forge: Forge) -> None:
    (forge.folder / "score.py").write_text("SCORES = 'high'\n")
    (forge.folder / "helper.py").write_text("")
    forge.height(2)
    told = _refused("HEAD~1..")
    assert "templates/brisk/helper.py and templates/brisk/score.py differ between HEAD~1" in told
    assert "same measure" in told
    forge.height(3)
    assert read_range("HEAD~1..", None)  # a range of their own


def test_so_is_one_that_differs_in_the_working_tree(forge: Forge) -> None:
    forge.height(2)
    score = forge.folder / "score.py"
    score.write_text(score.read_text() + "# louder\n")
    (forge.folder / "numpy.py").write_text("")
    told = _refused("HEAD~1..")
    assert "templates/brisk/score.py and templates/brisk/numpy.py (which is not committed)" in told
    score.unlink()
    assert "templates/brisk/score.py" in _refused("HEAD~1..")
    shutil.rmtree(forge.folder)
    assert "check out HEAD" in _refused("HEAD~1..")


def test_plots_pictures_and_texts_are_no_measure(forge: Forge) -> None:
    (forge.folder / "plot.py").write_text("")
    (forge.folder / "notes.txt").write_text("")
    (forge.folder / "run_0").mkdir()
    (forge.folder / "run_0" / "copy.py").write_text("")
    forge.height(2)
    (forge.folder / "plot.py").write_text("# not committed")
    assert read_range("HEAD~1..", None)


def test_a_new_or_moved_template_has_nothing_to_be_compared_with(forge: Forge) -> None:
    forge.folder.rename(forge.folder.with_name("moved"))
    forge.commit("moved")
    told = _refused("HEAD~1..")
    assert "templates/moved/experiment.py is new, or was moved: at HEAD~1 there is none" in told
    assert "bonsai run templates/moved" in told


def test_a_removed_template_and_other_files_are_nothing_to_judge(forge: Forge) -> None:
    (forge.top / "experiment.py").write_text("x = 1\n")  # none of a template
    shutil.rmtree(forge.folder)
    forge.commit("gone")
    assert "changes no experiment.py of a template" in _refused("HEAD~1..")
    assert "templates/brisk holds no experiment.py at HEAD" in _refused(
        "HEAD~1..", Template(forge.folder)
    )


def test_a_template_that_the_range_leaves_alone_is_named(forge: Forge) -> None:
    forge.commit("nothing")
    told = _refused("HEAD~1..", Template(forge.folder))
    assert "HEAD~1.. changes no templates/brisk/experiment.py" in told
    assert "outside of the repository" in _refused("HEAD~1..", Template(BRISK))


def test_an_empty_range_is_said_to_be_so(forge: Forge) -> None:
    assert "main..HEAD is empty" in _refused("main..HEAD")
    assert "is empty" in _refused("...")


@pytest.mark.parametrize(
    "text",
    ["nowhere..HEAD", "HEAD..no such thing", "--output=x..HEAD", "HEAD:templates..", "a b..\tc"],
)
def test_an_unknown_commit_is_named(forge: Forge, text: str) -> None:
    assert "there is no commit " in _refused(text)
    assert not list(forge.top.glob("*x*"))


@pytest.mark.parametrize("text", ["a..b..c", "main....HEAD", "main"])
def test_garbage_is_no_range(forge: Forge, text: str) -> None:
    assert "range" in _refused(text) or "no commit" in _refused(text)


def test_where_there_is_no_repository_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert "git repository" in _refused("main..HEAD")
    subprocess.run(["git", "init", "--quiet", "--bare", "bare"], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path / "bare")
    assert "git repository" in _refused("main..HEAD")


def test_without_git_it_says_so(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(forge.top / "empty"))
    assert "git is not installed" in _refused("main..HEAD")


def test_a_shallow_clone_is_told_what_it_lacks(
    forge: Forge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As actions/checkout makes one that was not told otherwise."""
    forge.git("checkout", "--quiet", "-b", "topic")
    forge.height(2)
    forge.git("checkout", "--quiet", "main")
    (forge.top / "README.md").write_text("meanwhile\n")
    forge.commit("meanwhile")
    clone = tmp_path / "clone"
    forge.git(
        "clone", "--quiet", "--depth=1", "--no-single-branch", forge.top.as_uri(), f"{clone}"
    )  # fmt: skip
    monkeypatch.chdir(clone)
    assert "fetch-depth: 0" in _refused("main~1..HEAD")
    assert "fetch-depth: 0" in _refused("origin/main...origin/topic")


def test_lines_without_a_common_commit_have_no_fork(forge: Forge) -> None:
    forge.git("checkout", "--quiet", "--orphan", "other")
    forge.height(2)
    assert "no commit in common; use two dots" in _refused("main...HEAD")
    assert _heights(read_range("main..HEAD", None)[0][1].best) == ["2"]


def test_a_link_and_a_giant_are_refused(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = forge.folder / "experiment.py"
    experiment.unlink()
    experiment.symlink_to("plot.py")
    forge.commit("a link")
    assert "is no file, but a link" in _refused("HEAD~1..")
    experiment.unlink()
    forge.height(2)
    monkeypatch.setattr(git, "MOST_BYTES", 100)
    assert "at most 100 are read" in _refused("HEAD~2..")


def test_a_message_is_shown_as_far_as_it_is_fit_to_be(forge: Forge) -> None:
    forge.height(2, "\x1b[31mred " + "x" * 200 + "\n\nmore")
    ((_, left),) = read_range("HEAD~1..", None)
    told = left.best[0].origin.partition(": ")[2]
    assert told.startswith("?[31mred xxx")
    assert len(told) == git.MOST_SUBJECT


# ------------------------------------------------------------------------------- in a pull request


def _workflow() -> dict[str, str]:
    """What the steps of the workflow in docs/engines.md run, by their names."""
    page = (REPOSITORY / "docs" / "engines.md").read_text()
    (block,) = re.findall(r"```yaml\n(.*?)```", page, re.S)
    value = yaml.safe_load(block)
    steps = value["jobs"]["judge"]["steps"]
    assert steps[0]["with"] == {"fetch-depth": 0}
    return {step["name"]: step["run"] for step in steps if "run" in step}


@pytest.mark.slow
@pytest.mark.skipif(
    not (shutil.which("jq") or os.environ.get("BONSAI_ALL_TESTS")),
    reason="no jq, which GitHub's machines have",
)
@pytest.mark.parametrize(
    ("change", "status", "told"),
    [
        (("HEIGHT = 1 ", "HEIGHT = 2 "), 0, "**supported**: templates/brisk/experiment.py at"),
        (("HEIGHT = 1 ", "HEIGHT = 0 "), 1, "**refuted**: "),
        (("what the ideas change", "a comment"), 0, "**undecided**: "),
        (("HEIGHT = 1 ", "HEIGHT == = 1 "), 2, ""),
    ],
    ids=["better", "worse", "the same", "broken"],
)
def test_a_pull_request_gets_a_verdict(
    forge: Forge, tmp_path: Path, change: tuple[str, str], status: int, told: str
) -> None:
    """By the very step of the workflow, in a clone as GitHub's checkout makes it."""
    forge.git("checkout", "--quiet", "-b", "topic")
    experiment = forge.folder / "experiment.py"
    experiment.write_text(experiment.read_text().replace(*change))
    forge.commit("a change")
    clone = tmp_path / "clone"
    forge.git("clone", "--quiet", "--branch=topic", f"{forge.top}", f"{clone}")
    summary = tmp_path / "summary.md"
    summary.touch()
    step = _workflow()["Judge"]
    assert "bonsai judge origin/main...HEAD" in step
    if sandbox.choose("auto") is not None:
        step = step.replace("--sandbox require", "--sandbox off")
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step], cwd=clone,
        env={**os.environ, "PATH": programs, "GITHUB_STEP_SUMMARY": f"{summary}"},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    assert summary.read_text().startswith(told)
    assert ("::warning::Undecided: 8 fresh seeds" in done.stdout) is ("undecided" in told)
    if status != 2:
        assert (clone / "verdict" / "report" / "index.html").is_file()
        record = json.loads((clone / "verdict.json").read_text())
        page = (REPOSITORY / "docs" / "engines.md").read_text()
        named = set(re.findall(r"`(\w+)`", page.partition("| field |")[2].partition("\n\n")[0]))
        assert named - set(record) - set(record["programs"][0]) <= {
            "supported", "refuted", "undecided",
        }  # fmt: skip
