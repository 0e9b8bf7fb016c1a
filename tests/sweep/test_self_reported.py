"""Templates with nothing but The AI Scientist's contract are swept to a verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import wild
from bonsai.report import summarise
from tests import sweeps


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, str]]:
    """The results and the output of sweeps over templates of three kinds."""
    found = {}
    for name in ("own_loop", "seed_option", "ode"):
        home = tmp_path_factory.mktemp(name)
        folder = wild.write(name, home)
        if name == "seed_option":  # as a person has it who stands in The AI Scientist's checkout
            (folder / "seed_ideas.json").rename(folder / "ideas.json")
            (folder / "seed_ideas.json").write_text("[]")
            done = wild.sweep(
                name, Path(name), home / "results", "--ideas", f"templates/{name}/ideas.json",
                stands_in=home / "checkout",
            )  # fmt: skip
        else:
            done = wild.sweep(name, folder, home / "results")
        assert done.returncode == 0, done.stderr
        found[name] = (home / "results", done.stdout)
    return found


def test_what_is_better_is_supported_and_what_changes_nothing_is_not(
    swept: dict[str, tuple[Path, str]],
) -> None:
    for results, _ in swept.values():
        assert wild.words(results) == {"better": "supported", "null": "undecided"}


def test_a_data_set_that_is_called_like_one_of_the_kits_is_not_fetched(
    swept: dict[str, tuple[Path, str]], own_data_folder: Path
) -> None:
    results, _ = swept["seed_option"]
    assert "Baseline on MNIST:" in (results / "report" / "report.md").read_text()
    assert not (own_data_folder / "MNIST").exists()


def test_how_seeds_reach_it_is_found_out_said_and_recorded(
    swept: dict[str, tuple[Path, str]],
) -> None:
    kinds = {"own_loop": "shifted", "seed_option": "option", "ode": "none"}
    for name, kind in kinds.items():
        results, _ = swept[name]
        baseline = next(e for e in sweeps.entries(results, "") if e.step == "baseline")
        assert baseline.data["reported"]["seeding"] == kind
    assert "by its option --seed" in swept["seed_option"][1]
    assert "judged by best_val_loss (lower is better)" in swept["own_loop"][1]


def test_a_deterministic_program_has_an_exact_difference_and_no_p(
    swept: dict[str, tuple[Path, str]],
) -> None:
    idea = summarise(swept["ode"][0]).templates[0].ideas[0]
    assert idea.comparison is not None
    assert idea.comparison.exact
    assert idea.main.p is None
    assert "exact" in idea.main.why


def test_runs_are_paired_by_fresh_seeds(swept: dict[str, tuple[Path, str]]) -> None:
    template = summarise(swept["own_loop"][0]).templates[0]
    better, null = template.ideas
    assert better.comparison is not None
    assert null.comparison is not None
    assert len(set(better.comparison.differences)) == 8
    assert null.comparison.differences == [0.0] * 8


def test_the_word_self_reported_stands_beside_numbers_and_verdicts(
    swept: dict[str, tuple[Path, str]],
) -> None:
    results, out = swept["own_loop"]
    assert "Scores of own_loop are self-reported." in out
    text = (results / "report" / "report.md").read_text()
    assert "**supported** (self-reported)" in text
    assert "(self-reported; standard error)" in text
    page = (results / "report" / "ideas" / "own_loop--better.html").read_text()
    assert "self-reported" in page
    assert "code that reports the metrics unchanged" in page


def test_the_template_is_untouched_and_its_plot_drawn(swept: dict[str, tuple[Path, str]]) -> None:
    results, _ = swept["own_loop"]
    folder = results.parent / "checkout" / "templates" / "own_loop"
    assert not list(folder.glob("run_*"))
    assert (results / "own_loop" / "better" / "workspace" / "runs.png").is_file()
    run = results / "own_loop" / "better" / "workspace" / "run_1"
    assert json.loads((run / "final_info.json").read_text())["toy"]["final_info_dict"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('final_info = {"toy": {"means": {"curve": [1, 2]}}}', "holds no number under any name"),
        ('final_info = {"toy": {"means": {"loss": float("nan")}}}', "toy: loss is nan"),
        ('final_info = {"a": {"means": {"loss": 1}}, "b": {"means": {"loss": 1}}}', "a/loss and b"),
        ("import npeet_of_nobody", "pip install npeet_of_nobody"),
    ],
)
def test_what_cannot_be_swept_is_refused_with_the_place(
    body: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(wild.WILD, "odd", wild.Wild(body))
    done = wild.sweep("odd", wild.write("odd", tmp_path), tmp_path / "results")
    assert done.returncode == 2
    assert told in done.stderr
    assert not (tmp_path / "results").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(wild.WILD) - {"own_loop", "seed_option", "ode"}))
def test_every_shape_is_swept(name: str, tmp_path: Path) -> None:
    done = wild.sweep(name, wild.write(name, tmp_path), tmp_path / "results")
    assert done.returncode == 0, done.stderr
    assert wild.words(tmp_path / "results") == {"better": "supported", "null": "undecided"}
