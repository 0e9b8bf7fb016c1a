"""A search works on a tree of versions, and is the same whether it was interrupted or not."""

from __future__ import annotations

import json
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from bonsai.base import NO_STEP, Entry
from bonsai.report import gather, summarise
from bonsai.search import Node
from bonsai.settings import Assignment, SearchSettings, Settings
from bonsai.sweep.edit_proposers import second_parent
from bonsai.templates import Idea
from tests import sweeps
from tests.crashes import BRISK
from tests.fake_model import Fails, FakeModel, Says

FIRST = 5000
IDEA = Idea(Name="search", Title="Search for a better version", Experiment="Candidates by tpe.")


def _settings(template: Path, **changes: object) -> Settings:
    search = SearchSettings(runs=34, seed=3).model_copy(update=changes.pop("search", {}))
    given: dict[str, object] = {
        "assignments": [Assignment(template=str(template), ideas=[IDEA])],
        "first_fresh_seed": FIRST, "confirm_seeds": 6, "max_confirm_seeds": 6,
    }  # fmt: skip
    return Settings.model_validate({**given, **changes, "search": search})


def _template(folder: Path) -> Path:
    """A template whose runs take a fraction of a second, with two settings, one of no use."""
    if not (folder / "brisk").exists():
        ignored = shutil.ignore_patterns("__pycache__")
        sweeps.with_settings(Path(shutil.copytree(BRISK, folder / "brisk", ignore=ignored)))
    return folder / "brisk"


def _resume(results: Path) -> str:
    done = sweeps.run("resume", str(results), cwd=results.parent)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _start(results: Path, **changes: object) -> Path:
    results.mkdir(parents=True)
    _settings(_template(results.parent), **changes).save(results)
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
    versions = searched / "brisk" / "search" / "versions"
    made = [e for e in sweeps.entries(searched, "search") if e.step == "propose" and e.ok]
    commits = {0: sweeps.entries(searched, "search")[0].data["version"]}
    commits |= {entry.data["candidate"]: entry.data["version"] for entry in made}
    assert len(made) >= 2
    for entry in made:
        own, parent = commits[entry.data["candidate"]], commits[entry.data["parent"]]
        shown = _git(versions, "diff", "--unified=0", parent, own)
        changed = [line for line in shown.splitlines() if line[:2] in ("+ ", "- ")]
        assert len(changed) == 2 * len(entry.data["change"].split(", "))
        assert _git(versions, "rev-parse", f"{own}^").strip() == parent


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_winner_is_a_patch_that_applies_to_the_template(searched: Path, tmp_path: Path) -> None:
    copy = _template(tmp_path)
    patch = searched / "brisk" / "search" / "winner.patch"
    subprocess.run(["git", "apply", str(patch)], cwd=copy, check=True)
    workspace = searched / "brisk" / "search" / "workspace"
    assert (copy / "experiment.py").read_text() == (workspace / "experiment.py").read_text()


def test_no_candidate_is_run_twice_on_a_seed(searched: Path) -> None:
    done = [
        (entry.data["candidate"], entry.data["seed"])
        for entry in sweeps.entries(searched, "search")
        if entry.step == "evaluate"
    ]
    assert len(done) == len(set(done))


@pytest.mark.parametrize(
    "share",
    [0.5, pytest.param(0.2, marks=pytest.mark.slow), pytest.param(0.8, marks=pytest.mark.slow)],
)
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
    numbers = [each["number"] for each in idea["search"]["tree"]]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    assert sum(each["won"] for each in idea["search"]["tree"]) == 1
    page = (searched / "report" / "ideas" / "brisk--search.html").read_text()
    assert "What is chosen for its figures falls back" in page
    assert "c0001" in page


CONFIG = "    height: float = 1.0"
DRAW = "        rng = np.random.default_rng(seed)"
EDITS = {
    "Higher.": (CONFIG, CONFIG.replace("1.0", "2.0")),
    "A comment.": (CONFIG, CONFIG + "  # in metres"),
    "Lower.": (CONFIG, CONFIG.replace("1.0", "0.5")),
    "A slip.": (DRAW, DRAW.replace("random.d", "rondom.d")),
    "A word.": (DRAW, DRAW + "  # its own"),
    "Half a line.": (DRAW, DRAW.removesuffix("seed)")),
}


def _reply(about: str) -> Says:
    before, after = EDITS[about]
    return Says(
        f"{about}\n\nexperiment.py\n```python\n<<<<<<< SEARCH\n{before}\n=======\n{after}\n"
        ">>>>>>> REPLACE\n```\n"
    )


def test_a_models_edits_that_help_do_nothing_harm_and_break(tmp_path: Path) -> None:
    """Through real aider; whatever the last edit that helped was, is what others start from."""
    order = ["A comment.", "Lower.", "A slip.", "Half a line.",
             "Higher."]  # fmt: skip
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
    assert won.data["candidate"] == made["Higher."]
    assert summarise(results).templates[0].ideas[0].word == "supported"
    told = " ".join(str(body["messages"]) for body in model.bodies)
    assert "c0003" in told
    asked = [entry.data for entry in entries if entry.step == "propose"]
    assert {each["agent"] for each in asked} == {"aider"}
    [took] = gather(summarise(results)).efforts
    assert all(each["agent_seconds"] > 0 for each in asked)
    assert took.seconds == pytest.approx(sum(each["agent_seconds"] for each in asked))
    assert took.edits == len(asked)
    assert took.kept == len(made) - 1, "all that were made but the slip"


def _search_by(model: FakeModel, results: Path, *proposers: str, **search: object) -> list[Entry]:
    with model.serving():
        _start(
            results, model="openai/anything", api_base=model.url,
            search={"proposers": list(proposers), "runs": 40, **search},
        )  # fmt: skip
    return sweeps.entries(results, "search")


def _told(model: FakeModel) -> list[str]:
    return [str(body["messages"]) for body in model.bodies]


@pytest.mark.slow
def test_a_chain_edits_what_it_made_last_whatever_came_of_it(tmp_path: Path) -> None:
    order = ["Lower.", "A word."]
    model = FakeModel(*map(_reply, order), *[Says("I have no more ideas.")] * 9)
    entries = _search_by(model, tmp_path / "results", "chain")
    made = [entry.data for entry in entries if entry.step == "propose" and entry.ok]
    assert [(each["candidate"], each["parent"]) for each in made] == [(1, 0), (2, 1)]
    assert "height: float = 0.5" in _told(model)[1], "the harm is still there"


@pytest.mark.slow
def test_a_cross_is_shown_a_second_version_that_gained(tmp_path: Path) -> None:
    """What the settings' proposer found meanwhile, while the best line is another one."""
    tree = [
        Node(0, 0, "a = 1\n", "", "", 0.0),
        Node(1, 0, "a = 2\n", "a 1 → 2", "tpe", 0.5),
        Node(2, 0, "a = 1\nb = 2\n", "b", "model", 0.3),
        Node(3, 2, "a = 1\nb = 3\n", "b again", "model", 0.4),
        Node(4, 1, "a = 2\nc = 1\n", "c", "model", 0.2),
        Node(5, 0, "broken\n", "slip", "model", None, "it broke"),
    ]
    assert second_parent(tree, tree[1]) == tree[3], "not what goes on from the parent itself"
    assert second_parent(tree, tree[3]) == tree[1]
    assert second_parent(tree[:2], tree[1]) is None
    model = FakeModel(_reply("A word."), *[Says("I have no more ideas.")] * 9)
    entries = _search_by(model, tmp_path / "results", "cross", "tpe", seed=1)
    made = [entry.data for entry in entries if entry.step == "propose" and entry.ok]
    assert {each["by"] for each in made} == {"cross", "tpe"}


@pytest.mark.slow
def test_a_sweep_gives_each_idea_a_small_tree(tmp_path: Path) -> None:
    """`bonsai run --search`: two ideas, each with its own versions and its own verdict."""
    ideas = [
        {"Name": name, "Title": name, "Experiment": "Make it better.",
         "Interestingness": 5, "Feasibility": 5, "Novelty": 5}
        for name in ("first", "second")
    ]  # fmt: skip
    (tmp_path / "ideas.json").write_text(json.dumps(ideas))
    nothing = [Says("I have no more ideas.")] * 5
    model = FakeModel(_reply("Higher."), *nothing, _reply("Lower."), _reply("A comment."), *nothing)
    with model.serving():
        done = sweeps.run(
            "run", str(_template(tmp_path)), "--ideas", "ideas.json", "--model", "openai/anything",
            "--api-base", model.url, "--search", "--search-runs", "40", "--confirm-seeds", "6",
            "--max-confirm-seeds", "6", "--out", "results", cwd=tmp_path, OPENAI_API_KEY="sk-fake",
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, second = summarise(tmp_path / "results").templates[0].ideas
    assert first.word == "supported"
    assert [len([e for e in each.entries if e.step == "propose" and e.ok])
            for each in (first, second)] == [1, 2]  # fmt: skip
    assert second.word == "no result"
    assert "none of 2 candidates was better" in second.entries[-1].message


@pytest.mark.slow
def test_while_the_model_is_away_runs_are_finished_and_nothing_is_lost(tmp_path: Path) -> None:
    """The service dies after one candidate; whoever resumes later gets the rest."""
    results = tmp_path / "results"
    dead = FakeModel(_reply("A word."), *[Fails(401, message="account deactivated")] * 9)
    with dead.serving():
        results.mkdir()
        _settings(
            _template(tmp_path), model="openai/anything", api_base=dead.url, wait_for_model=0,
            search={"proposers": ["model"], "runs": 40},
        ).save(results)  # fmt: skip
        done = sweeps.run("resume", str(results), cwd=tmp_path, OPENAI_API_KEY="sk-fake")
        assert done.returncode in (75, 78), done.stdout + done.stderr
        port = int(dead.url.split(":")[2].split("/")[0])
    before = [e for e in sweeps.entries(results, "search") if e.index != NO_STEP]
    assert [entry.step for entry in before][-1] != "end"
    alive = FakeModel(_reply("Higher."), *[Says("I have no more ideas.")] * 9)
    with alive.serving(port):
        _resume(results)
    assert summarise(results).templates[0].ideas[0].word == "supported"
    after = [e for e in sweeps.entries(results, "search") if e.index != NO_STEP]
    assert after[: len(before)] == before
    done_runs = [(e.data["candidate"], e.data["seed"]) for e in after if e.step == "evaluate"]
    assert len(done_runs) == len(set(done_runs))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--proposer", "cross"], "edits by a model; name one with --model"),
        (["--model", "openai/x", "--proposer", "tpe"], "no --proposer that edits by it"),
        (["--runs", "40", "--confirm-seeds", "12"], "they take 24 of 40 runs"),
        (["--data", "elsewhere"], "offers numbers"),
        (["--budget-usd", "1", "--model", "openai/unknown"], "price of openai/unknown is unknown"),
    ],
)
def test_what_cannot_be_searched_is_a_sentence(
    arguments: list[str], says: str, tmp_path: Path
) -> None:
    done = sweeps.run("search", str(_template(tmp_path)), *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "results").exists()


@pytest.mark.slow
def test_with_a_model_a_search_without_it_goes_on_beside_and_the_report_compares_them(
    tmp_path: Path,
) -> None:
    """As a person would: the model's one good idea is out of reach of settings."""
    better = Says(
        "Twice as high.\n\nexperiment.py\n```python\n<<<<<<< SEARCH\nHEIGHT = Config.height\n"
        "=======\nHEIGHT = Config.height + 50\n>>>>>>> REPLACE\n```\n"
    )
    model = FakeModel(better, *[Says("I have no more ideas.")] * 30)
    with model.serving():
        done = sweeps.run(
            "search", str(_template(tmp_path)), "--model", "openai/anything", "--api-base",
            model.url, "--runs", "40", "--workers", "1", "--out", "results", cwd=tmp_path,
            OPENAI_API_KEY="sk-fake",
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    template = json.loads((tmp_path / "results" / "report" / "report.json").read_text())
    template = template["templates"][0]
    assert template["contest"]["answer"] == "yes"
    assert template["contest"]["found"] == [True, True]
    assert template["contest"]["comparison"]["mean"] > 40
    assert "The model beat TPE at equal compute" in template["findings"][0]["sentence"]
    text = (tmp_path / "results" / "report" / "report.md").read_text()
    assert "The model beat TPE at equal compute" in text
    by = template["ideas"][0]["search"]["proposers"]
    assert set(by) == {"model", "tpe"}
    assert set(template["ideas"][1]["search"]["proposers"]) == {"tpe"}


@pytest.mark.slow
@pytest.mark.usefixtures("all_cores")
def test_on_ray_runs_go_on_side_by_side(tmp_path: Path) -> None:
    """No generation waits for its slowest: the next run begins whenever one is over."""
    done = sweeps.run(
        "search", str(_template(tmp_path)), "--runs", "30", "--executor", "ray", "--out",
        "results", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    runs = [e for e in sweeps.entries(tmp_path / "results", "search") if e.step == "evaluate"]
    spans = [(entry.time - entry.data["run_seconds"], entry.time) for entry in runs if entry.ok]
    assert any(after[0] < before[1] for before, after in pairwise(spans))
    assert summarise(tmp_path / "results").templates[0].ideas[0].word == "supported"
