"""The command line: what a person types wrongly is answered with one sentence."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from benchmarks import wild
from bonsai.cli import app, arguments
from bonsai.templates import Idea, Template
from tests import sweeps

COMMANDS = ("list", "doctor", "new", "copy", "baseline", "run", "ideas", "ideas check", "resume",
            "report", "plot", "search", "judge", "export")  # fmt: skip


def _bonsai(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_help_names_every_command() -> None:
    text = _bonsai("--help").output
    assert all(f" {command} " in text for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_has_an_example(command: str) -> None:
    done = _bonsai(*command.split(), "--help")
    assert done.exit_code == 0
    assert f"bonsai {command}" in done.output


def test_list_shows_templates_and_their_ideas() -> None:
    output = _bonsai("list", str(sweeps.TOY), "--ideas").output
    assert "toy" in output
    assert "more_images" in output
    assert "(has a cassette)" in output


@pytest.fixture
def ideas_file(tmp_path: Path) -> Path:
    return tmp_path / "ideas.json"


RAY_NOWHERE = ["run", "TOY", "--executor", "ray", "--address", "127.0.0.1:9", "--out", "res"]
IDEA = {"Name": "a", "Title": "A", "Experiment": "Do it."}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "nowhere"], "no template 'nowhere'"),
        (["run", "TOY", "--ideas", "mispelt"], "no seed idea is called mispelt"),
        (["run", "TOY", "--ideas", "missing.json"], "missing.json is missing"),
        (["run", "TOY", "--ideas", "never_recorded"], "none of these ideas has a cassette"),
        (["run", "TOY", "--api-base", "http://x"], "--api-base is given without --model"),
        (["run", "TOY", "--agent", "rewrite"], "cassettes hold aider's diffs"),
        (["run", "TOY", "--agent", "opencoder"], "there is no such agent; did you mean opencode?"),
        (["run", "TOY", "--agent", "emacs"], "there are aider, rewrite, opencode"),
        (["run", "TOY", "--agent", "aider,"], "--agent aider,: write it as NAME, NAME,NAME or"),
        (["run", "TOY", "--agent", "command:"], "or command:'PROGRAM …'"),
        (["run", "TOY", "--agent", "command:python {promptfile}"], "{promptfile}"),
        (["run", "TOY", "--agent", "command:no-such-program {files}"], "no-such-program"),
        (["run", "TOY", "--keep-session"], "--keep-session: aider keeps no session"),
        (["run", "TOY", "--agent", "command:true", "--sandbox", "off"], "--agent-unconfined lets"),
        (["search", "TOY", "--agent", "aider"], "--agent edits by a model"),
        (["search", "TOY", "--model", "x", "--agent", "aider,rewrite"], "a search has one agent"),
        (["run", "TOY", "--data", "mini"], "--data mini: toy offers digits"),
        (["run", "TOY", "--seeds", "one"], "--seeds: 'one' is not a list of seeds"),
        (["run", "TOY", "--address", "head:6379"], "it goes with --executor ray"),
        (["run", "TOY", "--slurm", "partition=gpu"], "--slurm goes with --executor slurm"),
        (["run", "TOY", "--executor", "slurm", "--slurm", "gpu"], "write it as NAME=VALUE"),
        (["run", "TOY", "--gpus-per-run", "1.5"], "a share of one GPU, like 0.5, or a whole"),
        (RAY_NOWHERE, "no Ray cluster answers at 127.0.0.1:9"),
        (["ideas", "TOY"], "name one with --model"),
        (["ideas", "TOY", "--model", "x", "--budget-usd", "1"], "give --budget-tokens instead"),
        (
            ["ideas", "TOY", "--model", "x", "--out", "ideas.txt"],
            "files of ideas that end in .json",
        ),
        (["ideas", "TOY", "--model", "x", "--results", "nowhere"], "there is no such folder"),
        (["copy", "nowhere", "here"], "no template 'nowhere'"),
        (["copy", "TOY", "/dev/null/templates"], "cannot be written"),
        (["resume", "nowhere"], "sweep.json is missing"),
        (["report", "nowhere"], "sweep.json is missing"),
        (["plot", "nowhere"], "sweep.json is missing"),
        (["resume"], "no sweep in"),
    ],
)
def test_a_wrong_input_ends_with_a_sentence(
    arguments: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = _bonsai(*[str(sweeps.TOY) if item == "TOY" else item for item in arguments])
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert sentence in done.stderr
    assert "Traceback" not in done.output
    assert not list(tmp_path.iterdir()), "nothing is left behind"


@pytest.mark.parametrize(
    ("ideas", "sentence"),
    [
        ([{"Name": "a", "Title": "A"}], "idea 1 (a) is left out: it has no Experiment"),
        ([{"Experiment": "Do it."}], "it has neither a Name nor a Title"),
        ([{**IDEA, "Claims": [{"metric": "m"}]}], "Claims.0.direction: field required"),
        ({"ideas": []}, "it holds no idea: the list is empty"),
        ([], "it holds no idea: the list is empty"),
        ([1, None], "idea 1 is left out: an idea is an object with Name, Title and Experiment"),
        ("text", "it is not JSON"),
    ],
)
def test_a_faulty_file_of_ideas_is_explained(
    ideas: object, sentence: str, ideas_file: Path
) -> None:
    ideas_file.write_text(json.dumps(ideas))
    done = _bonsai("run", str(sweeps.TOY), "--ideas", str(ideas_file), "--model", "x")
    assert done.exit_code == 2
    assert str(ideas_file) in done.stderr
    assert sentence in done.stderr


def _chosen(*wanted: str) -> tuple[list[Idea], list[str]]:
    said: list[str] = []
    toy = [Template(sweeps.TOY)]
    chosen = arguments.choose_ideas(toy, list(wanted), live=True, named=True, say=said.append)
    return chosen[0][1], said


def test_one_bad_idea_costs_itself_alone(ideas_file: Path) -> None:
    speed = [{"metric": "speed", "direction": "higher"}]
    told = [IDEA, {"Name": "b", "Title": "B"}, {**IDEA, "Name": "c", "Claims": speed}]
    ideas_file.write_text(json.dumps(told))
    ideas, said = _chosen(str(ideas_file))
    assert [idea.Name for idea in ideas] == ["a"]
    assert f"{ideas_file}: idea 2 (b) is left out: it has no Experiment" in said[0]
    assert said[-1].startswith("left out: toy/c: 'speed' is no metric")


def test_a_bad_seed_idea_is_told_and_the_others_are_tried(tmp_path: Path) -> None:
    toy = sweeps.copy_of_toy(tmp_path)
    (toy / "seed_ideas.json").write_text(json.dumps([{"Name": "b", "Title": "B"}, IDEA]))
    said: list[str] = []
    (chosen,) = arguments.choose_ideas([Template(toy)], [], live=True, named=True, say=said.append)
    assert [idea.Name for idea in chosen[1]] == ["a"]
    assert said == ["toy: idea 1 (b) is left out: it has no Experiment, so there is nothing to try"]


def test_a_file_of_ideas_may_have_any_name(tmp_path: Path) -> None:
    path = tmp_path / "from, a chat"
    path.write_text(f"Here it is:\n\n```json\n{json.dumps(IDEA)}\n```\n")
    ideas, said = _chosen(str(path))
    assert [idea.Name for idea in ideas] == ["a"]
    assert f"{path}: mended: prose and a fence around the JSON left out" in said


def test_an_idea_of_two_files_is_tried_once_and_another_of_its_name_too(tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.json" for number in range(3)]
    for path, told in zip(files, ("Do it.", "Do it.", "Do that."), strict=True):
        path.write_text(json.dumps([{**IDEA, "Experiment": told}]))
    ideas, said = _chosen(*map(str, files))
    assert [(idea.Name, idea.Experiment) for idea in ideas] == [
        ("a", "Do it."),
        ("a_2", "Do that."),
    ]
    assert [line for line in said if "toy: mended" in line] == [
        "toy: mended: a: stands twice with the same text; one is kept",
        "toy: mended: a: another idea has that name; this one is called a_2",
    ]


@pytest.mark.parametrize("name", ["Prune, then: grow", "prune_then_grow"])
def test_a_seed_idea_goes_by_its_name_as_written_and_by_its_folders(
    name: str, tmp_path: Path
) -> None:
    toy = sweeps.copy_of_toy(tmp_path)
    told = {**IDEA, "Name": "Prune, then: grow"}
    (toy / "seed_ideas.json").write_text(json.dumps([IDEA, told]))
    chosen = arguments.choose_ideas([Template(toy)], [name], live=True, named=True)
    assert [idea.called for idea in chosen[0][1]] == ["Prune, then: grow"]
    assert "Prune, then: grow" in _bonsai("list", str(toy), "--ideas").output


def test_ideas_check_tells_each_mend_and_writes_a_file_without_any(tmp_path: Path) -> None:
    source, out = tmp_path / "source.txt", tmp_path / "out.json"
    told = [{**IDEA, "Name": "AB-MCTS", "Novelty": "8/10"}, 7]
    source.write_text(json.dumps(told))
    done = _bonsai("ideas", "check", str(source), "--out", str(out))
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        f"{source}: 1 idea",
        "  AB-MCTS: A",
        "mended: AB-MCTS: its folder is called ab_mcts",
        'mended: AB-MCTS: its Novelty "8/10" is 8',
        "mended: AB-MCTS: it has no Interestingness or Feasibility; 5 is taken",
        "idea 2 is left out: an idea is an object with Name, Title and Experiment, and not 7",
        str(out),
    ]
    again = _bonsai("ideas", "check", str(out))
    assert again.stdout.splitlines() == [f"{out}: 1 idea", "  AB-MCTS: A", "nothing to mend"]
    assert json.loads(out.read_text())[0]["Name"] == "ab_mcts"
    before = out.read_text()
    assert "is there already" in _bonsai("ideas", "check", str(source), "--out", str(out)).stderr
    assert out.read_text() == before


def test_an_idea_that_claims_what_cannot_be_judged_is_named(ideas_file: Path) -> None:
    claim = {"metric": "speed", "direction": "higher"}
    ideas_file.write_text(json.dumps([{**IDEA, "Claims": [claim]}]))
    done = _bonsai("run", str(sweeps.TOY), "--ideas", str(ideas_file), "--model", "x")
    assert done.exit_code == 2
    assert "toy/a: 'speed' is no metric; there are test_accuracy, val_accuracy" in done.stderr


def test_a_template_that_would_lie_in_the_reports_folder_is_refused(tmp_path: Path) -> None:
    template = shutil.copytree(sweeps.TOY, tmp_path / "report")
    done = _bonsai("run", str(template), "--out", str(tmp_path / "res"))
    assert done.exit_code == 2
    assert "a template cannot be called report" in done.stderr


@pytest.mark.parametrize("command", ["resume", "report"])
def test_results_of_another_version_are_told_from_broken_ones(command: str, tmp_path: Path) -> None:
    (tmp_path / "sweep.json").write_text('{"assignments": [], "first_fresh_seed": 1}')
    done = _bonsai(command, str(tmp_path))
    assert done.exit_code == 2
    assert "was written by another version of Bonsai (results of form 1" in done.stderr
    assert "start a new sweep" in done.stderr


def test_a_results_folder_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "sweep.json").write_text("{}")
    done = _bonsai("run", str(sweeps.TOY), "--out", str(tmp_path))
    assert done.exit_code == 2
    assert "bonsai resume" in done.stderr


def test_baseline_makes_run_0_in_the_template_and_reuses_it(tmp_path: Path) -> None:
    toy = sweeps.copy_of_toy(tmp_path)
    first = _bonsai("baseline", str(toy), "--seeds", "7")
    assert first.exit_code == 0, first.output
    info = json.loads((toy / "run_0" / "final_info.json").read_text())
    assert 0 < info["digits"]["means"]["test_accuracy"] < 100
    second = _bonsai("baseline", str(toy), "--seeds", "7")
    assert "reused from the cache" in second.output


def test_the_doctor_runs_an_experiment_of_others_only_when_asked(tmp_path: Path) -> None:
    folder = str(wild.write("own_loop", tmp_path))
    assert "bonsai doctor --run" in " ".join(_bonsai("doctor", folder).output.split())
    asked = " ".join(_bonsai("doctor", "--run", folder).output.split())
    assert "was not run" not in asked
    assert "can be swept, self-reported" in asked


def test_baseline_of_a_template_without_score_py_is_the_programs_own_run(tmp_path: Path) -> None:
    folder = wild.write("own_loop", tmp_path)
    done = _bonsai("baseline", str(folder))
    assert done.exit_code == 0, done.output
    assert "judged by best_val_loss (lower is better)" in done.output
    info = json.loads((folder / "run_0" / "final_info.json").read_text())
    assert len(info["toy"]["final_info_dict"]["best_val_loss"]) == 3


@pytest.mark.parametrize("command", [("baseline",), ("ideas", "--model", "openai/anything")])
def test_what_lies_elsewhere_can_be_named_wherever_a_template_is_run(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    folder = str(wild.write("own_loop", tmp_path))
    done = _bonsai(command[0], folder, *command[1:], "--data-from", str(tmp_path / "nowhere"))
    assert done.exit_code == 2
    assert "nowhere: it is not there" in done.stderr
    done = _bonsai(command[0], folder, *command[1:], "--pass-env", "NAME")
    assert "goes with --allow-network" in done.stderr


def test_two_templates_of_one_name_are_not_swept_into_one_folder(tmp_path: Path) -> None:
    first, second = (str(sweeps.copy_of_toy(tmp_path / name)) for name in ("a", "b"))
    done = _bonsai("run", first, second, "--out", str(tmp_path / "res"))
    assert done.exit_code == 2
    assert "two templates are called toy" in done.stderr
    assert first in done.stderr
    assert second in done.stderr
    assert not (tmp_path / "res").exists()


def _install(folder: Path) -> None:
    """Leave what pip leaves beside a package."""
    (folder / "toys-1.0.dist-info").mkdir()


def test_baseline_of_an_installed_template_goes_to_a_place_of_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, here = tmp_path / "site", tmp_path / "here"
    site.mkdir()
    here.mkdir()
    toy = sweeps.copy_of_toy(site)
    _install(site)
    before = sorted(toy.rglob("*"))
    monkeypatch.chdir(here)
    done = _bonsai("baseline", str(toy), "--seeds", "7")
    assert done.exit_code == 0, done.output
    run_0 = here / "baselines" / "toy" / "run_0"
    assert (run_0 / "final_info.json").is_file()
    assert str(run_0) in done.output
    assert "bonsai copy" in done.output
    assert sorted(toy.rglob("*")) == before


def test_a_broken_template_costs_the_list_itself_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sweeps.copy_of_toy(tmp_path / "templates")
    (tmp_path / "templates" / "broken").mkdir()
    (tmp_path / "templates" / "broken" / "experiment.py").write_text("")
    done = _bonsai("list")
    assert done.exit_code == 0
    assert "toy" in done.stdout
    assert "warning: the template broken is left out" in done.stderr
    assert _bonsai("list", "broken").exit_code == 2


def test_python_and_bonsai_are_the_same_command(tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("bonsai")
    runner = [sys.executable, str(sweeps.REPOSITORY / "runner.py")]
    outputs = [
        subprocess.run([*command, "--version"], cwd=tmp_path, capture_output=True, text=True).stdout
        for command in ([str(script)], runner)
    ]
    assert outputs[0] == outputs[1] != ""


def test_top_level_plot_draws_a_results_folder_or_says_what_is_wrong(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(sweeps.REPOSITORY / "plot.py"), str(tmp_path)],
        cwd=tmp_path, capture_output=True, text=True, env=dict(os.environ),
    )  # fmt: skip
    assert done.returncode == 2
    assert "sweep.json is missing" in done.stderr
