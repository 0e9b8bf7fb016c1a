"""The shipped cassettes fit the templates they are for: played through real aider, but shorter.

One in `make test`, all in `make test-all`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bonsai.templates.template import Template
from tests import sweeps

# How many ideas a template has recorded at least, on which data they are played, and what makes a
# run short, beside the few images of smoke runs; the ideas are the same.
SHORTER = {
    "fashion_mnist": (4, "mini", "    epochs: int = 7 ", "    epochs: int = 1 "),
    "gene_network_pruning": (2, "mini", "    epochs: int = 20 ", "    epochs: int = 3 "),
    "self_replication": (2, "digits", "    steps: int = 6000 ", "    steps: int = 200 "),
    "cell_division": (2, "digits", "", ""),  # few images are enough
    "fine_pruning": (2, "mini", '...] = ("cnn", "mlp") ', '...] = ("cnn",) '),
}


FEW_IMAGES = """

_data = globals().get("load_data", kit.load_images)
_truth = globals().get("load_truth", kit.load_truth)


def load_data(name, smoke=False, *prepared):
    return _data(name, True, *prepared)


def load_truth(name, smoke=False):
    return _truth(name, True)


if "prepare" in globals():
    _prepare = prepare

    def prepare(name, smoke, seeds):
        return _prepare(name, True, seeds)
"""


@pytest.mark.parametrize(
    ("name", "every"),
    [
        ("fashion_mnist", False),
        *(pytest.param(name, True, marks=pytest.mark.slow) for name in SHORTER),
    ],
)
def test_every_recorded_idea_fails_once_is_mended_and_ends_with_two_runs(
    name: str, every: bool, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(sweeps.REPOSITORY / "templates" / name, tmp_path / name))
    experiment = folder / "experiment.py"
    at_least, data, old, new = SHORTER[name]
    assert old in experiment.read_text()
    experiment.write_text(experiment.read_text().replace(old, new))
    with (folder / "score.py").open("a") as file:
        file.write(FEW_IMAGES)
    template = Template(folder)
    recorded = [idea.Name for idea in template.ideas if template.cassette(idea.Name)]
    assert len(recorded) >= at_least
    if not every:
        recorded = recorded[:1]  # the rest takes minutes

    done = sweeps.run(
        *("run", str(folder), "--data", data, "--seeds", "0", "--confirm-seeds", "0"),
        *("--workers", "2", "--out", "res", "--ideas", ",".join(recorded)),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    for idea in recorded:
        entries = sweeps.entries(tmp_path / "res", idea)
        told = [f"{entry.step}: {entry.message}" for entry in entries]
        assert entries[-1].step == "end", told
        runs = [entry for entry in entries if entry.step == "run" and entry.ok]
        assert len(runs) >= 2, told
        failed = [number for number, entry in enumerate(entries) if not entry.ok]
        assert len(failed) == 1, told
        assert entries[failed[0]].step in {"smoke", "run"}, "a bug in the code, not in the edit"
        assert [entry.ok for entry in entries if entry.step == "plots"] == [True], told
        workspace = tmp_path / "res" / name / idea / "workspace"
        assert "## Plan" in (workspace / "notes.txt").read_text()
        assert "## Conclusion" in (workspace / "notes.txt").read_text()
        codes = {(workspace / run / "experiment.py").read_text() for run in ("run_1", "run_2")}
        assert len(codes) == 2
        assert list(workspace.glob("*.png"))
