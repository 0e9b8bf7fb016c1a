"""A template exported for The AI Scientist runs there, where Bonsai and its dependencies are not.

It is run as that project runs it (`tests/ai_scientist_loop.py`, with file and line), by a Python
that sees numpy, torch, matplotlib and what the template itself imports, and nothing else.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from bonsai.base import BonsaiError
from bonsai.doctor import examine
from bonsai.engines import ai_scientist, make_task
from bonsai.engines.service import Service
from bonsai.templates import Template
from tests import sweeps
from tests.ai_scientist_loop import call, check_paper, read_results, whole_loop
from tests.engines.bare import bare_python

SHIPPED = sorted(path.parent for path in sweeps.REPOSITORY.glob("templates/*/experiment.py"))
OWN_IMPORTS = {  # beside numpy, torch and matplotlib
    "toy": ["scikit-learn"],  # its images are scikit-learn's
    "fashion_mnist": [],
    "cell_division": ["scikit-learn", "scipy"],
    "fine_pruning": ["torchvision", "scipy"],
    "gene_network_pruning": ["scikit-learn", "scipy"],
    "self_replication": ["scikit-learn", "scipy"],
}
ABSENT = ("bonsai", "platformdirs", "filelock", "pydantic", "typer", "psutil", "litellm")


def _export(source: Path, place: Path, data: str | None = None) -> tuple[Path, list[str]]:
    folder = place / "AI Scientist" / "templates" / source.name
    folder.mkdir(parents=True)
    template = Template(source)
    task = make_task(template, data or template.scorer.datasets[0])
    return folder, ai_scientist.export(template, folder, task, Service())


def _environment(place: Path, name: str, data: str | None = None) -> dict[str, str]:
    found = bare_python(place / "bare", "numpy", "torch", "matplotlib", *OWN_IMPORTS[name])
    cache = place / "empty cache"
    cache.mkdir()
    given = {"BONSAI_DATASET": data} if data else {}
    return {**found, **given, "BONSAI_DATA": str(cache), "BONSAI_SMOKE": "1"}


def test_it_runs_in_their_loop_without_bonsai(tmp_path: Path) -> None:
    project, _ = _export(sweeps.TOY, tmp_path)
    environment = _environment(tmp_path, "toy")
    asked = "; ".join(f"import importlib.util as u; assert not u.find_spec({name!r}), {name!r}"
                      for name in ABSENT)  # fmt: skip
    subprocess.run(["python", "-c", asked], env=environment, cwd=tmp_path, check=True)

    folder = whole_loop(project, environment)

    assert (folder / "accuracy.png").is_file()
    left = ai_scientist.read(folder)
    assert left is not None
    assert [each.name for each in left.best] == ["run_1"]
    assert left.best[0].source == (folder / "run_1.py").read_bytes()
    assert left.best[0].metrics["test_accuracy"] > 50
    assert left.task is not None
    assert left.task.template == "toy"


@pytest.mark.slow
@pytest.mark.parametrize("source", SHIPPED, ids=lambda path: path.name)
def test_every_shipped_template_runs_there(source: Path, tmp_path: Path) -> None:
    data = "mini" if source.name in ("fashion_mnist", "fine_pruning") else None
    project, lines = _export(source, tmp_path, data)
    environment = _environment(tmp_path, source.name, data)
    call(project, environment, "python", "experiment.py", "--out_dir=run_0", timeout=120)
    call(project, environment, "python", "plot.py", timeout=120)
    assert read_results(project, 0)
    check_paper(project)
    assert (f"BONSAI_DATASET={data} python" in lines[-1]) == (data is not None)


@pytest.mark.slow
def test_the_doctor_finds_the_folder_sound(tmp_path: Path) -> None:
    folder, _ = _export(sweeps.REPOSITORY / "templates" / "fashion_mnist", tmp_path, "mini")
    wrong = [each.what for each in examine(folder) if each.status in ("failure", "warning")]
    assert len(wrong) == 1, wrong
    assert "run_0/final_info.json is missing" in wrong[0]  # it is made where the project runs


def test_what_is_needed_of_the_kit_goes_along_and_nothing_else(tmp_path: Path) -> None:
    folder, lines = _export(sweeps.REPOSITORY / "templates" / "fashion_mnist", tmp_path)
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {"experiment.py", "plot.py", "score.py", "prompt.json", "seed_ideas.json"} <= names
    assert {"latex/template.tex", "README.md"} <= names
    assert "bonsai/kit/mini/fashion_mnist_mini.npz" in names  # no network is needed
    assert not any("cassettes" in name or name.startswith("run_") for name in names)
    assert not {"bonsai/kit/watched.py", "bonsai/base/errors.py"} & names
    assert any("experiment.py --out_dir run_0" in line for line in lines)
    assert any("launch_scientist.py --experiment fashion_mnist" in line for line in lines)


def test_images_stay_behind_where_a_template_has_others(tmp_path: Path) -> None:
    folder, _ = _export(sweeps.TOY, tmp_path)
    assert not (folder / "bonsai" / "kit" / "mini").exists()


def test_what_takes_more_than_the_kit_is_told_where(tmp_path: Path) -> None:
    toy = sweeps.copy_of_toy(tmp_path)
    (toy / "helper.py").write_text("import numpy\nfrom bonsai.evaluation import verdict\n")
    with pytest.raises(BonsaiError, match=r"helper\.py:2 imports bonsai\.evaluation"):
        _export(toy, tmp_path)


# ------------------------------------------------------------------------------------ what it left


def _results(place: Path, **runs: float) -> Path:
    """A folder of an idea as The AI Scientist leaves it, with the accuracy of each run."""
    folder = place / "results" / "toy" / "20260101_000000_idea"
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("# Title: an idea\n")
    (folder / "experiment.py").write_text("last = True\n")
    for name, accuracy in runs.items():
        (folder / f"{name}.py").write_text(f"name = {name!r}\n")
        if accuracy >= 0:
            (folder / name).mkdir()
            info = {"digits": {"means": {"val_accuracy": 1.0, "test_accuracy": accuracy}}}
            (folder / name / "final_info.json").write_text(json.dumps(info))
    return folder


def test_of_a_known_template_the_best_is_the_best_as_claimed(tmp_path: Path) -> None:
    folder = _results(tmp_path, run_1=70.0, run_2=90.0, run_3=80.0, run_4=-1)
    template = Template(sweeps.TOY)
    task = make_task(template, "digits")
    task.model_copy(update={"folder": str(template.folder)}).save(folder)
    left = ai_scientist.read(folder)
    assert left is not None
    assert [each.name for each in left.candidates] == ["run_1", "run_2", "run_3"]  # run_4 failed
    assert [each.name for each in left.best] == ["run_2"]


def test_of_an_unknown_template_the_best_is_the_last(tmp_path: Path) -> None:
    folder = _results(tmp_path, run_1=70.0, run_2=90.0, run_10=80.0)
    left = ai_scientist.read(folder)
    assert left is not None
    assert [each.name for each in left.best] == ["run_10"]
    assert left.best[0].metrics == {"val_accuracy": 1.0, "test_accuracy": 80.0}
    of_all = ai_scientist.read(folder.parent)
    assert of_all is not None
    assert [each.name for each in of_all.best] == ["20260101_000000_idea/run_10"]


def test_what_holds_no_result_is_told_and_what_is_not_theirs_is_left(tmp_path: Path) -> None:
    with pytest.raises(BonsaiError, match="holds no run that worked"):
        ai_scientist.read(_results(tmp_path, run_1=-1))
    assert ai_scientist.read(sweeps.TOY) is None
    assert ai_scientist.read(tmp_path / "nothing") is None
