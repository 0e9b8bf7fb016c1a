"""A search works on a tree of versions, and is the same whether it was interrupted or not."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from bonsai.base import NO_STEP
from bonsai.report import summarise
from bonsai.settings import Assignment, SearchSettings, Settings
from bonsai.templates import Idea
from tests import sweeps
from tests.fake_model import FakeModel, Says

FIRST = 5000
IDEA = Idea(Name="search", Title="Search for a better version", Experiment="Candidates by tpe.")


def _settings(**changes: object) -> Settings:
    search = SearchSettings(runs=34, seed=3).model_copy(update=changes.pop("search", {}))
    given: dict[str, object] = {
        "assignments": [Assignment(template=str(sweeps.TOY), ideas=[IDEA])],
        "first_fresh_seed": FIRST, "confirm_seeds": 6, "max_confirm_seeds": 6,
    }  # fmt: skip
    return Settings.model_validate({**given, **changes, "search": search})


def _resume(results: Path) -> str:
    done = sweeps.run("resume", str(results), cwd=results.parent)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _start(results: Path, **changes: object) -> Path:
    results.mkdir(parents=True)
    _settings(**changes).save(results)
    _resume(results)
    return results


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a search that nothing disturbed."""
    return _start(tmp_path_factory.mktemp("undisturbed") / "results")


def _tree(results: Path) -> list[tuple[object, ...]]:
    """What was decided and found, in order."""
    return [
        (entry.step, entry.ok, entry.message, entry.data.get("candidate"), entry.data.get("seed"))
        for entry in sweeps.entries(results, "search")
        if entry.index != NO_STEP
    ]


def test_it_ends_with_one_verdict_on_seeds_that_it_never_used(searched: Path) -> None:
    entries = sweeps.entries(searched, "search")
    used = {entry.data["seed"] for entry in entries if entry.step == "evaluate"}
    template = summarise(searched).templates[0]
    (idea,) = template.ideas
    assert idea.word == "supported"
    assert len(idea.verdicts) == 1
    assert idea.confirmed is not None
    assert idea.confirmed.seeds == list(range(FIRST, FIRST + 6))
    assert not used & set(idea.confirmed.seeds)
    assert not used & set(range(3))  # nor those of the baseline


def test_a_candidate_is_a_commit_that_changes_what_its_line_says(searched: Path) -> None:
    workspace = searched / "toy" / "search" / "workspace"
    made = [e for e in sweeps.entries(searched, "search") if e.step == "propose" and e.ok]
    commits = {0: sweeps.entries(searched, "search")[0].data["commit"]}
    commits |= {entry.data["candidate"]: entry.data["version"] for entry in made}
    assert len(made) >= 2
    for entry in made:
        own, parent = commits[entry.data["candidate"]], commits[entry.data["parent"]]
        shown = _git(workspace, "diff", "--unified=0", parent, own)
        changed = [line for line in shown.splitlines() if line[:2] in ("+ ", "- ")]
        assert len(changed) == 2 * len(entry.data["change"].split(", "))
        assert _git(workspace, "rev-parse", f"{own}^").strip() == parent


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_winner_is_a_patch_that_applies_to_the_template(searched: Path, tmp_path: Path) -> None:
    copy = sweeps.copy_of_toy(tmp_path)
    patch = searched / "toy" / "search" / "winner.patch"
    subprocess.run(["git", "apply", str(patch)], cwd=copy, check=True)
    workspace = searched / "toy" / "search" / "workspace"
    assert (copy / "experiment.py").read_text() == (workspace / "experiment.py").read_text()


def test_no_candidate_is_run_twice_on_a_seed(searched: Path) -> None:
    done = [
        (entry.data["candidate"], entry.data["seed"])
        for entry in sweeps.entries(searched, "search")
        if entry.step == "evaluate"
    ]
    assert len(done) == len(set(done))


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_killed_anywhere_it_becomes_the_same_tree(
    searched: Path, share: float, tmp_path: Path
) -> None:
    results = tmp_path / "results"
    shutil.copytree(searched, results)
    lines = (results / "ledger.jsonl").read_text().splitlines(keepends=True)
    kept = lines[: int(share * len(lines))]
    torn = lines[len(kept)][:30]
    (results / "ledger.jsonl").write_text("".join(kept) + torn)
    _resume(results)
    assert _tree(results) == _tree(searched)


def test_the_report_shows_the_tree_and_how_far_the_winner_fell_back(searched: Path) -> None:
    report = json.loads((searched / "report" / "report.json").read_text())
    (idea,) = report["templates"][0]["ideas"]
    numbers = [each["number"] for each in idea["tree"]]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    assert sum(each["won"] for each in idea["tree"]) == 1
    page = (searched / "report" / "ideas" / "toy--search.html").read_text()
    assert "what was chosen for its figures falls back" in page
    assert "c0001" in page


IMAGES = "    images: int = 60  # training images drawn per seed"
RIDGE = "    ridge: float = 10.0  # weight of the penalty"
RNG = "    rng = np.random.default_rng(seed)"
EDITS = {
    "More images.": (IMAGES, IMAGES.replace("60", "400")),
    "A comment.": ("    curves = kit.Curves()", "    curves = kit.Curves()  # of the training"),
    "All penalty.": (RIDGE, RIDGE.replace("10.0", "1e9")),
    "A slip.": (RNG, RNG.replace("random.d", "rondom.d")),
    "Half a line.": (RNG, RNG.removesuffix("seed)")),
}


def _reply(about: str) -> Says:
    before, after = EDITS[about]
    return Says(
        f"{about}\n\nexperiment.py\n```python\n<<<<<<< SEARCH\n{before}\n=======\n{after}\n"
        ">>>>>>> REPLACE\n```\n"
    )


def test_a_models_edits_that_help_do_nothing_harm_and_break(tmp_path: Path) -> None:
    """Through real aider; whatever the last edit that helped was, is what others start from."""
    order = ["A comment.", "All penalty.", "A slip.", "Half a line.",
             "More images."]  # fmt: skip
    model = FakeModel(*map(_reply, order), *[Says("I have no more ideas.")] * 9)
    results = tmp_path / "results"
    with model.serving():
        _start(
            results, model="openai/anything", api_base=model.url,
            search={"proposers": ["model"], "runs": 40},
        )  # fmt: skip
    entries = sweeps.entries(results, "search")
    made = {entry.data["change"]: entry.data["candidate"] for entry in entries
            if entry.step == "propose" and entry.ok}  # fmt: skip
    assert list(made) == [each for each in order if each != "Half a line."]
    ends = {entry.data["candidate"]: entry for entry in entries if entry.step == "evaluate"}
    assert "rondom" in ends[made["A slip."]].data["feedback"]
    refused = [entry for entry in entries if entry.step == "propose" and not entry.ok]
    assert "does not parse" in refused[0].message
    won = next(entry for entry in entries if entry.step == "run")
    assert won.data["candidate"] == made["More images."]
    assert summarise(results).templates[0].ideas[0].word == "supported"
    told = " ".join(str(body["messages"]) for body in model.bodies)
    assert "c0003" in told
