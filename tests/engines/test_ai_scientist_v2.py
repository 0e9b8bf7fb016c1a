"""A template exported for AI-Scientist-v2 is a topic, ideas and code as that project reads them.

The code is run as its interpreter runs programs (`v2_interpreter.py`), by a Python that sees no
Bonsai; its scores are those of the template's own run.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bonsai.base import BonsaiError
from bonsai.engines import ai_scientist_v2, make_task
from bonsai.engines.service import Service
from bonsai.templates import Template, read_ideas
from tests import sweeps
from tests.engines.bare import bare_python
from tests.engines.test_ai_scientist import OWN_IMPORTS, SHIPPED

BRISK = sweeps.TOY.with_name("brisk")
INTERPRETER = Path(__file__).with_name("v2_interpreter.py")
TIMES = re.compile(r"seconds|_us$|latency|_ms|per_second")  # no two runs take equally long


def _export(source: Path, place: Path, data: str | None = None) -> tuple[Path, list[str]]:
    folder = place / f"{source.name} exported"
    folder.mkdir(parents=True)
    template = Template(source)
    task = make_task(template, data or "")
    if data is None and not template.is_self_reported:
        task = make_task(template, template.scorer.datasets[0])
    return folder, ai_scientist_v2.export(template, folder, task, Service())


def _run(program: Path, place: Path, *packages: str) -> dict[str, Any]:
    """The `experiment_data` that it leaves, loaded as the plotting code there loads it."""
    workspace = place / "workspace"
    workspace.mkdir()
    (place / "cache").mkdir(exist_ok=True)
    environment = bare_python(place / "bare", "numpy", "torch", "matplotlib", *packages)
    environment |= {
        "BONSAI_SMOKE": "1",
        "BONSAI_DATA": str(place / "cache"),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        ["python", str(INTERPRETER), str(program), str(workspace)],
        env=environment, cwd=place, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    # parallel_agent.py:340-384 asks for this place and this shape, and for plots that read it so.
    file = workspace / "working" / "experiment_data.npy"
    loaded: dict[str, Any] = np.load(file, allow_pickle=True).item()
    for found in loaded.values():
        for name in ("metrics", "losses"):
            assert {"train", "val"} <= found[name].keys()
            assert all(isinstance(found[name][part], list) for part in ("train", "val"))
        assert {"predictions", "ground_truth"} <= found.keys()
        assert len(found["metrics"]["val"]) > 0
    return loaded


def _own_run(source: Path, place: Path, data: str) -> dict[str, Any]:
    """What the template's own run of the same seeds writes."""
    environment = {**os.environ, "BONSAI_DATA": str(place / "cache"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-B", str(source / "experiment.py"), "--smoke", "--data", data]
    out = place / "run_0"
    subprocess.run(
        [*command, "--out_dir", str(out)], env=environment, check=True, stdout=subprocess.DEVNULL,
        timeout=300,
    )  # fmt: skip
    found: dict[str, Any] = json.loads((out / "final_info.json").read_text())
    return found


def _same(loaded: dict[str, Any], own: dict[str, Any]) -> None:
    assert loaded.keys() == own.keys()
    for dataset, entry in own.items():
        per_seed = entry["final_info_dict"]
        scores = loaded[dataset]["scores"]
        assert scores.keys() == per_seed.keys()
        for metric, values in per_seed.items():
            if not TIMES.search(metric):
                # But for the last digit, which follows from where arrays lie in memory.
                assert scores[metric] == pytest.approx(values, rel=1e-12, abs=1e-12), metric
                assert math.isclose(
                    loaded[dataset]["metrics"]["test"][metric], entry["means"][metric]
                )


def test_the_code_runs_in_their_interpreter_and_scores_as_the_template_does(tmp_path: Path) -> None:
    folder, _ = _export(sweeps.TOY, tmp_path)
    loaded = _run(folder / "toy.py", tmp_path, *OWN_IMPORTS["toy"])
    _same(loaded, _own_run(sweeps.TOY, tmp_path, "digits"))
    found = loaded["digits-smoke"]
    assert found["predictions"].shape == found["ground_truth"].shape
    accuracy = 100 * float(np.mean(found["predictions"] == found["ground_truth"]))
    assert accuracy == found["scores"]["test_accuracy"][0]
    assert found["losses"]["train"]


@pytest.mark.slow
@pytest.mark.parametrize("source", SHIPPED, ids=lambda path: path.name)
def test_every_shipped_template_does(source: Path, tmp_path: Path) -> None:
    data = Template(source).scorer.datasets[0]
    data = "mini" if data == "FashionMNIST" else data
    folder, _ = _export(source, tmp_path, data)
    loaded = _run(folder / f"{source.name}.py", tmp_path, *OWN_IMPORTS[source.name])
    _same(loaded, _own_run(source, tmp_path, data))


def test_a_program_with_a_frame_of_its_own_is_started_as_it_is(tmp_path: Path) -> None:
    folder, _ = _export(BRISK, tmp_path)
    found = _run(folder / "brisk.py", tmp_path)["numbers"]
    assert len(found["scores"]["height"]) == 2
    assert found["metrics"]["val"] == found["scores"]["val_height"]
    assert set(found["predictions"]) == {"height", "junk"}  # all that it leaves
    assert list(found["ground_truth"]) == []


def test_a_program_without_a_scorer_is_taken_with_what_it_reports(tmp_path: Path) -> None:
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    text = sweeps.STRANGER.format(
        options="", body="import helper", info='{"set": {"means": {"loss": helper.LOSS}}}'
    )
    (stranger / "experiment.py").write_text(text)
    (stranger / "helper.py").write_text("LOSS = 0.25\n")
    for name in ("prompt.json", "seed_ideas.json"):
        (stranger / name).write_bytes((sweeps.TOY / name).read_bytes())
    folder, _ = _export(stranger, tmp_path)
    found = _run(folder / "stranger.py", tmp_path)["set"]
    assert found["scores"] == {"loss": [0.25]}
    assert found["metrics"]["val"] == [0.25]


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(path, marks=[pytest.mark.slow] if path in SHIPPED[1:] else [])
        for path in (sweeps.TOY, *SHIPPED)
    ],
    ids=lambda path: path.name,
)
def test_the_code_is_one_readable_file(source: Path, tmp_path: Path) -> None:
    folder, _ = _export(source, tmp_path)
    code = (folder / f"{source.name}.py").read_text()
    assert "import bonsai" not in code
    assert "from bonsai" not in code
    assert "__main__" not in code  # parallel_agent.py:335
    assert "__file__" not in code
    assert "```" not in code  # bfts_utils.py writes it between fences
    assert "from __future__" not in code  # lines are put before it: parallel_agent.py:1261-1330
    assert "BONSAI_SCORED_BY_RUNNER" not in code
    experiment = (source / "experiment.py").read_text()
    kept = set(experiment.splitlines()) & set(code.splitlines())
    assert len(kept) > 0.7 * len(set(experiment.splitlines())), "it reads as it was written"
    assert len(code) < 130_000


def test_ideas_have_all_that_is_looked_up_in_them(tmp_path: Path) -> None:
    folder, lines = _export(sweeps.TOY, tmp_path)
    ideas = json.loads((folder / "toy.json").read_text())
    seeds = Template(sweeps.TOY).ideas
    assert [idea["Name"] for idea in ideas] == [idea.Name for idea in seeds]
    for idea in ideas:  # agent_manager.py:126-134
        for key in ("Title", "Abstract", "Short Hypothesis", "Experiments",
                    "Risk Factors and Limitations"):  # fmt: skip
            assert idea[key]
        assert all(isinstance(each, str) for each in idea["Experiments"])  # ...:217-236
        assert all(isinstance(each, str) for each in idea["Risk Factors and Limitations"])
        assert "Not searched for" in idea["Related Work"]
    assert seeds[0].Experiment in ideas[0]["Abstract"]
    again = read_ideas(folder / "toy.json")
    assert [idea.Name for idea in again.ideas] == [idea.Name for idea in seeds]
    # launch_scientist_bfts.py:198-209: the code has the name of the ideas, but for its ending.
    (loading,) = (line for line in lines if "--load_ideas" in line)
    assert "ai_scientist/ideas/toy.json --load_code" in loading
    assert (folder / "toy.py").is_file()


def test_the_topic_has_the_four_parts(tmp_path: Path) -> None:
    folder, lines = _export(sweeps.TOY, tmp_path)
    topic = (folder / "toy.md").read_text()  # perform_ideation_temp_free.py reads it whole
    parts = re.findall(r"(?m)^(# Title: .+|## Keywords|## TL;DR|## Abstract)$", topic)
    assert parts == ["# Title: toy", "## Keywords", "## TL;DR", "## Abstract"]
    assert Template(sweeps.TOY).prompt.task_description in topic
    assert any("--workshop-file ai_scientist/ideas/toy.md" in line for line in lines)


def test_the_images_that_need_no_network_lie_beside_the_code(tmp_path: Path) -> None:
    folder, _ = _export(sweeps.REPOSITORY / "templates" / "fashion_mnist", tmp_path, "mini")
    mini = folder / "data" / "fashion_mnist_mini.npz"
    assert mini.is_file()
    assert f'MINI = Path("{mini}")' in (folder / "fashion_mnist.py").read_text()


def test_what_one_file_cannot_be_is_told_where(tmp_path: Path) -> None:
    toy = sweeps.copy_of_toy(tmp_path)
    experiment = (toy / "experiment.py").read_text()
    (toy / "helper.py").write_text("from pathlib import Path\n\nHERE = Path(__file__).parent\n")
    (toy / "experiment.py").write_text(
        experiment.replace(
            "    curves = kit.Curves()", "    print(helper.HERE)\n    curves = kit.Curves()"
        ).replace("import numpy as np", "import helper\nimport numpy as np")
    )
    with pytest.raises(BonsaiError, match=r"helper\.py:3 asks where its own file lies"):
        _export(toy, tmp_path)


# ------------------------------------------------------------------------------------ what it left


def _left(place: Path, program: str | None) -> Path:
    """`experiments/TIME_IDEA_attempt_0`, with the best program of a stage."""
    folder = place / "experiments" / "2026-01-01_00-00-00_idea_attempt_0"
    stage = folder / "logs" / "0-run" / "stage_1_initial_implementation_1_preliminary"
    stage.mkdir(parents=True)
    (folder / "bfts_config.yaml").write_text("goal: null\n")
    (stage / "journal.json").write_text('{"nodes": []}')
    if program is not None:
        (stage / "best_solution_0a1b.py").write_text(program)
    return folder


def test_scripts_of_its_own_are_nothing_to_judge(tmp_path: Path) -> None:
    with pytest.raises(BonsaiError, match="scripts of their own"):
        ai_scientist_v2.read(_left(tmp_path, "import torch\nprint(torch.ones(1))\n"))
    with pytest.raises(BonsaiError, match="no stage of it ended"):
        ai_scientist_v2.read(_left(tmp_path / "other", None))
    assert ai_scientist_v2.read(sweeps.TOY) is None


def test_an_experiment_of_the_template_is(tmp_path: Path) -> None:
    left = ai_scientist_v2.read(_left(tmp_path, (sweeps.TOY / "experiment.py").read_text()))
    assert left is not None
    assert left.best[0].source == (sweeps.TOY / "experiment.py").read_bytes()
