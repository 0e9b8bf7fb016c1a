"""`bonsai export`, and what `bonsai judge` makes of what comes back: all engines alike."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bonsai.cli import app
from bonsai.cli.engines import EngineName
from bonsai.engines import ENGINES, Task, bring
from bonsai.templates import Template
from tests import sweeps

BRISK = sweeps.TOY.with_name("brisk")


def _bonsai(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def _said(done: Result) -> str:
    return " ".join(done.output.split())


@pytest.fixture(scope="module")
def brisk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template") / "brisk"
    return Path(shutil.copytree(BRISK, folder, ignore=shutil.ignore_patterns("__pycache__")))


@pytest.fixture(scope="module")
def exported(brisk: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of each engine."""
    folder = tmp_path_factory.mktemp("exported")
    for engine in ENGINES:
        done = _bonsai("export", brisk, folder / engine, "--for", engine, "--seeds", 3)
        assert done.exit_code == 0, done.output
    return {engine: folder / engine for engine in ENGINES}


def test_the_command_offers_every_engine_that_is_known() -> None:
    assert {each.value for each in EngineName} == set(ENGINES)


@pytest.mark.parametrize("engine", ENGINES)
def test_it_says_how_the_task_is_started_there(engine: str, brisk: Path, tmp_path: Path) -> None:
    done = _bonsai("export", brisk, "--for", engine, tmp_path / "task")
    assert done.stdout.startswith(f"brisk is written for {engine} to ")
    assert len(done.stdout.splitlines()) > 2


@pytest.mark.parametrize("engine", ENGINES)
def test_where_candidates_would_run_without_walls_it_says_so(
    engine: str, brisk: Path, tmp_path: Path
) -> None:
    done = _bonsai("export", brisk, "--for", engine, tmp_path / "task", "--sandbox", "off")
    warned = "candidates are run without walls here" in done.stderr
    assert warned == (not engine.startswith("ai-scientist")), "those run them by themselves"


@pytest.mark.parametrize("engine", sorted({*ENGINES} - {"ai-scientist-v2"}))
def test_a_task_has_seeds_that_are_drawn_for_it(engine: str, exported: dict[str, Path]) -> None:
    (file,) = [*exported[engine].glob("task.json"), *exported[engine].glob("*/task.json")]
    seeds = Task.load(file.parent).seeds
    assert len(seeds) == 3
    assert min(seeds) > 500, "none that a template works with"


@pytest.mark.parametrize("engine", ENGINES)
def test_where_nothing_was_run_yet_there_is_nothing_to_judge(
    engine: str, exported: dict[str, Path]
) -> None:
    done = _bonsai("judge", exported[engine])
    assert done.exit_code == 2
    assert len(done.output.strip().splitlines()) == 1
    assert str(exported[engine]) in done.output.replace("\n", "")


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_there_is_never_written_over(engine: str, brisk: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = _bonsai("export", brisk, tmp_path, "--for", engine)
    assert done.exit_code == 2
    assert "is there already; name a folder that is not" in _said(done)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_what_cannot_be_exported_leaves_no_folder(brisk: Path, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "task"
    done = _bonsai("export", brisk, folder, "--for", "shinka", "--api-base", "nowhere")
    assert done.exit_code == 2
    assert "its address begins with http" in _said(done)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nowhere", "task", "--for", "aide"], "no template 'nowhere'"),
        (["BRISK", "task", "--for", "aided"], "'aided' is not one of"),
        (["BRISK", "task", "--for", "aide", "--data", "mini"], "brisk offers numbers"),
        (["BRISK", "task", "--for", "aide", "--seeds", "1"], "1 is not in the range"),
        (["BRISK", "task", "--for", "aide", "--metric", "height"], "--metric is for templates"),
        (["BRISK", "task"], "Missing option '--for'"),
    ],
)
def test_what_is_typed_wrongly_is_told_in_a_sentence(
    words: list[str], sentence: str, brisk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = _bonsai("export", *[brisk if word == "BRISK" else word for word in words])
    assert done.exit_code == 2
    assert sentence in _said(done).replace("│ ", "")
    assert "Traceback" not in done.output
    assert not (tmp_path / "task").exists()


class TestJudged:
    """A program that lies in an exported folder is known to be a version of its template."""

    @pytest.fixture
    def task(self, exported: dict[str, Path], tmp_path: Path) -> Path:
        return Path(shutil.copytree(exported["openevolve"], tmp_path / "task"))

    def test_the_program_with_its_marks_is_no_better_than_the_template(
        self, task: Path, tmp_path: Path
    ) -> None:
        done = _bonsai("judge", task / "initial.py", "--out", tmp_path / "results", "--json")
        told: dict[str, Any] = json.loads(done.stdout)
        assert done.exit_code == 3
        assert (told["template"], told["programs"][0]["difference"]) == ("brisk", 0.0)

    @pytest.fixture
    def generous(self, task: Path, tmp_path: Path) -> Path:
        """A program with no gain, in a task where one scores well: somebody changed its copy."""
        score = task / "template" / "score.py"
        score.write_text(score.read_text().replace('float(outcome["height"])', "9.0"))
        return task

    def _forge(self, task: Path, **changes: str) -> None:
        written = json.loads((task / "task.json").read_text())
        (task / "task.json").write_text(json.dumps({**written, **changes}))

    def test_what_was_changed_in_the_task_is_measured_by_where_it_came_from(
        self, generous: Path, brisk: Path
    ) -> None:
        (brought,) = bring([str(generous / "initial.py")])
        assert brought.template.folder == brisk.resolve()

    def test_a_task_whose_record_was_changed_with_the_copy_is_refused(self, generous: Path) -> None:
        self._forge(generous, fingerprint=Template(generous / "template").fingerprint())
        done = _bonsai("judge", generous / "initial.py")
        assert done.exit_code == 2
        assert "are not the same any more; export it anew, or name the template" in _said(done)

    def test_where_no_original_is_left_the_copy_counts_if_it_is_what_was_exported(
        self, task: Path, generous: Path
    ) -> None:
        self._forge(generous, origin="/nowhere")
        done = _bonsai("judge", generous / "initial.py")
        assert "is not what was exported: its code was changed since" in _said(done)

    @pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "a/b", ".", ""])
    def test_a_name_that_leads_out_of_the_results_is_none(self, name: str, task: Path) -> None:
        self._forge(task, template=name)
        done = _bonsai("judge", task / "initial.py")
        assert done.exit_code == 2
        assert "task.json: template: string should match pattern" in _said(done)

    def test_another_template_may_be_named(self, task: Path, tmp_path: Path, brisk: Path) -> None:
        other = Path(shutil.copytree(brisk, tmp_path / "other"))
        text = (other / "experiment.py").read_text().replace("HEIGHT = 1 ", "HEIGHT = 2 ")
        (other / "experiment.py").write_text(text)
        done = _bonsai("judge", other, task / "initial.py", "--out", tmp_path / "results", "--json")
        told: dict[str, Any] = json.loads(done.stdout)
        assert (told["template"], told["verdict"]) == ("other", "refuted")

    def test_a_task_of_another_version_is_told(self, task: Path) -> None:
        written = json.loads((task / "task.json").read_text())
        (task / "task.json").write_text(json.dumps({**written, "form": 9}))
        done = _bonsai("judge", task / "initial.py")
        assert done.exit_code == 2
        assert "was written by another version of Bonsai (tasks of form 9, this" in _said(done)
