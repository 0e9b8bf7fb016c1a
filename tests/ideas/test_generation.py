"""Proposing ideas: what the model is told, what is accepted, what is sent back, what is kept."""

from __future__ import annotations

import json
import shutil
import signal
import threading
import time
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from benchmarks import wild
from bonsai.base.ledger import Ledger
from bonsai.cli import app, arguments
from bonsai.evaluation import verdict
from bonsai.ideas import generation as ideas
from bonsai.ideas import history as earlier
from bonsai.ideas.generation import Proposals, extract, propose
from bonsai.ideas.literature import Literature
from bonsai.models.budget import Budget
from bonsai.models.provider import LiveModel
from bonsai.settings import Assignment, Settings
from bonsai.templates import Idea, read_ideas
from bonsai.templates.template import Template
from tests import sweeps
from tests.fake_model import HANGS, Fails, FakeModel, Says, Step

CLAIM = {
    "metric": "test_accuracy", "direction": "higher", "smallest_effect": 1.0, "against": "run_0",
}  # fmt: skip
TOLD = {  # what three ideas say that have nothing in common
    "mirrored_digits": "Append left-right mirrored pictures of zeros and eights, which stay valid, "
    "and compare with mirrored sevens, which do not.",
    "centred_pixels": "Subtract the mean brightness per pixel before ridge regression; the "
    "control subtracts a shuffled mean image.",
    "voting_committee": "Fit nine regressions on bootstrap resamples and let them vote; the "
    "control fits nine times on identical rows.",
}


def _proposal(name: str = "mirrored_digits", **changes: Any) -> dict[str, Any]:
    about = {"Title": f"On {name.replace('_', ' ')}", "Experiment": TOLD.get(name, "Do it.")}
    ratings = {"Interestingness": 6, "Feasibility": 9, "Novelty": 4}
    return {"Name": name, **about, **ratings, "Claims": [CLAIM], **changes}


def _says(name: str = "mirrored_digits", end: str = "", **changes: Any) -> Says:
    text = json.dumps(_proposal(name, **changes))
    return Says(f"THOUGHT: {{why not}}\n```json\n{text}\n```\n{end}")


def _command(model: FakeModel, out: Path, *options: str) -> Result:
    """`bonsai ideas` for the toy template."""
    live = ("--model", "openai/anything", "--api-base", model.url)
    return CliRunner().invoke(app, ["ideas", str(sweeps.TOY), "--out", str(out), *live, *options])


def _ask(
    home: Path, *script: Step, wanted: int = 1, template: Path = sweeps.TOY, **options: Any
) -> tuple[Proposals, FakeModel]:
    model = FakeModel(*script)
    options = {"budget": Budget(), "reflections": 0, "say": lambda line: None, **options}
    with model.serving():
        live = LiveModel("openai/anything", api_base=model.url, retry_waits=())
        out = home / "ideas.json"
        return propose(Template(template), wanted, live, out, **options), model


def _last(model: FakeModel) -> str:
    """What the model was told last."""
    return str(model.bodies[-1]["messages"][-1]["content"])


# ------------------------------------------------------------------------------- the whole command


def test_the_command_writes_a_file_that_run_takes(tmp_path: Path) -> None:
    again = json.loads((sweeps.REPOSITORY / "seed_ideas" / "evolution.json").read_text())["ideas"][
        1
    ]
    model = FakeModel(
        _says("bad_rating", Novelty="high"),
        _says("mirrored_digits"),
        _says("mirrored_digits", ideas.DONE, Novelty=7, Extra="kept"),
        _says("told_again", Title=again["Title"], Experiment=again["Experiment"][:400]),
        _says("centred_pixels", ideas.DONE),
    )
    out = tmp_path / "new.json"
    with model.serving():
        done = _command(model, out, "-n", "2")
    assert done.exit_code == 0, done.output
    found = read_ideas(out).ideas
    assert [idea.Name for idea in found] == ["mirrored_digits", "centred_pixels"]
    assert found[0].Novelty == 7, "as it was after it was thought over"
    assert found[0].model_extra == {"Extra": "kept"}
    assert found[0].Claims is not None
    listed = json.loads(out.read_text())
    assert isinstance(listed, list), "as The AI Scientist has it"
    assert "4 proposed, 2 accepted, 2 rejected; 5,500 tokens, price unknown" in done.stdout
    assert "rejected bad_rating: the idea: Novelty: input should be a valid integer" in done.stdout
    assert "rejected told_again: It is too much like selection_of_seeds" in done.stdout
    url = model.url
    assert done.stdout.endswith(
        f"Next: bonsai run {sweeps.TOY} --ideas {out} --model openai/anything --api-base {url}\n"
    )
    recorded = {path.name for path in (tmp_path / "new.exchanges").iterdir()}
    assert {"001.request.json", "001.md", "001.usage.json", "005.md"} <= recorded
    chosen = arguments.choose_ideas([Template(sweeps.TOY)], [str(out)], live=True, named=True)
    assert [idea.Name for idea in chosen[0][1]] == ["mirrored_digits", "centred_pixels"]


def test_ctrl_c_keeps_what_there_is_also_of_an_unfinished_conversation(tmp_path: Path) -> None:
    model = FakeModel(_says("mirrored_digits", ideas.DONE), _says("centred_pixels"), HANGS)
    with (
        model.serving(),
        sweeps.start(
            *("ideas", str(sweeps.TOY), "-n", "3", "--out", "new.json"),
            *("--model", "openai/anything", "--api-base", model.url),
            cwd=tmp_path,
        ) as process,
    ):
        deadline = time.monotonic() + 60
        while len(model.bodies) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        before = read_ideas(tmp_path / "new.json").ideas
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert [idea.Name for idea in before] == ["mirrored_digits"], "on the disk once accepted"
    kept = read_ideas(tmp_path / "new.json").ideas
    assert [idea.Name for idea in kept] == ["mirrored_digits", "centred_pixels"]
    assert "ended early: stopped by a person" in output


# ------------------------------------------------------------------------------ what is told


def test_ideas_for_a_template_without_score_py_are_told_its_own_figures(tmp_path: Path) -> None:
    folder = wild.write("flat", tmp_path)
    model = FakeModel(_says(Claims=None))
    with model.serving():
        live = ("--model", "openai/anything", "--api-base", model.url, "--reflections", "0")
        done = CliRunner().invoke(
            app, ["ideas", str(folder), "-n", "1", "--out", str(tmp_path / "new.json"), *live]
        )
    assert done.exit_code == 0, done.output
    assert "self-reported" in done.stdout
    assert [idea.Name for idea in read_ideas(tmp_path / "new.json").ideas] == ["mirrored_digits"]
    assert "loss" in str(model.bodies[0]["messages"])


def test_the_model_is_told_the_template_and_all_that_exists(tmp_path: Path) -> None:
    _, model = _ask(tmp_path, _says())
    told = _last(model)
    assert "You are a careful researcher." in told
    assert "experiment.py fits ridge regression" in told
    assert "images: int = 60  # training images drawn per seed" in told
    assert "test_accuracy [the claim] (%, higher is better)" in told
    assert "- more_images: More images" in told
    assert "- selection_of_seeds: Early selection among starts" in told
    assert "None was tried yet." in told
    assert '{"metric": "test_accuracy", "direction": "higher"' in told


@pytest.fixture
def nothing_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests keep baselines of the toy in the cache."""
    monkeypatch.setenv("BONSAI_DATA", str(tmp_path / "data"))


@pytest.mark.usefixtures("nothing_cached")
def test_without_a_baseline_no_figure_is_invented(tmp_path: Path) -> None:
    _, model = _ask(tmp_path, _says())
    assert "Nobody has measured it here yet" in _last(model)


def _run_0(folder: Path, **environment: Any) -> Path:
    """A run of the toy template, as its experiment.py leaves it."""
    code = (sweeps.TOY / "experiment.py").read_bytes()
    environment = {"experiment_sha256": sha256(code).hexdigest(), "smoke": False, **environment}
    values = {"test_accuracy": [78.0, 79.0], "val_accuracy": [77.0, 78.0]}
    means = {name: sum(both) / 2 for name, both in values.items()}
    info = {"digits": {"means": means, "stderrs": {}, "final_info_dict": values}}
    folder.mkdir(parents=True)
    (folder / "final_info.json").write_text(json.dumps(info))
    (folder / "environment.json").write_text(json.dumps(environment))
    return folder


@pytest.mark.parametrize("where", ["template", "results", "cache"])
def test_a_baseline_is_told_with_its_noise_wherever_it_was_measured(
    tmp_path: Path, own_data_folder: Path, where: str
) -> None:
    toy = sweeps.copy_of_toy(tmp_path)
    results = _results(tmp_path / "res")
    places = {
        "template": toy / "run_0",
        "results": results / "toy" / "run_0",
        "cache": own_data_folder / "baselines" / "toy-0123",
    }
    run = _run_0(places[where])
    lines: list[str] = []
    _, model = _ask(tmp_path, _says(), template=toy, results=[results], say=lines.append)
    shutil.rmtree(run)
    assert "run_0, on digits: test_accuracy 78.5" in _last(model)
    assert "Over 2 seeds the baseline's test_accuracy is 78.5" in _last(model)
    assert any(str(run) in line for line in lines), "a person is told which it is"


@pytest.mark.usefixtures("nothing_cached")
@pytest.mark.parametrize("flaw", [{"experiment_sha256": "0" * 64}, {"smoke": True}])
def test_a_run_of_other_code_is_no_baseline(tmp_path: Path, flaw: dict[str, Any]) -> None:
    toy = sweeps.copy_of_toy(tmp_path)
    _run_0(toy / "run_0", **flaw)
    _, model = _ask(tmp_path, _says(), template=toy)
    assert "Nobody has measured it here yet" in _last(model)


def _results(folder: Path, template: Path = sweeps.TOY) -> Path:
    """A sweep in which an idea came to nothing."""
    idea = Idea(Name="tried_before", Title="Tried", Experiment="Sharpen every digit by a filter.")
    settings = Settings(
        assignments=[Assignment(template=str(template), ideas=[idea])], first_fresh_seed=1000
    )
    folder.mkdir(parents=True)
    settings.save(folder)
    ledger = Ledger(folder / "ledger.jsonl")
    entry = {"template": template.name, "idea": idea.Name}
    ledger.append(**entry, step="start", index=0)
    ledger.append(**entry, step="edit", index=1, ok=False, message="the filter diverged")
    return folder


def test_what_earlier_ideas_achieved_is_told_and_they_are_not_repeated(tmp_path: Path) -> None:
    folder = _results(tmp_path / "results" / "first")
    repeated = _says("sharpened", Title="Tried", Experiment="Sharpen every digit with a filter.")
    proposals, model = _ask(
        tmp_path, _says("tried_before"), repeated, _says("centred_pixels"), results=[folder]
    )
    told = model.bodies[0]["messages"][0]["content"]
    assert "- tried_before (Tried): no result; the last failure: the filter diverged" in told
    assert str(proposals.rejected[0]) == "Its Name is taken by an idea that exists."
    assert "too much like tried_before (Tried; tried in first)" in str(proposals.rejected[1])
    assert [idea.Name for idea in proposals.accepted] == ["centred_pixels"]


def test_a_refuted_idea_is_told_with_its_difference_and_interval() -> None:
    tried = SimpleNamespace(
        idea=Idea(Name="a", Title="A", Experiment="x"),
        word="refuted",
        best_run="run_2",
        comparison=verdict.compare([1.0, 2.0, 3.0], [2.0, 4.0, 5.0]),
        failures=[],
    )
    line = earlier.describe(tried)  # type: ignore[arg-type]
    assert line.startswith(
        "- a (A): refuted; its best run run_2 differs from the baseline by -1.67"
    )
    assert "(95 % interval " in line
    assert line.endswith("on 3 fresh seeds")


def test_damaged_results_are_left_out_with_a_warning(tmp_path: Path) -> None:
    good = _results(tmp_path / "good")
    torn, old, moved = tmp_path / "torn", tmp_path / "old", tmp_path / "moved"
    _results(torn)
    (torn / "ledger.jsonl").write_text("{}\n{}\n")
    old.mkdir()
    (old / "sweep.json").write_text('{"version": 0}')
    toy = sweeps.copy_of_toy(tmp_path / "elsewhere")
    _results(moved, toy)
    (toy / "experiment.py").unlink()
    lines: list[str] = []
    _, model = _ask(tmp_path, _says(), results=[torn, good, old, moved], say=lines.append)
    for folder in (torn, old, moved):
        assert any(f"warning: the results in {folder} are left out: " in line for line in lines)
    assert "tried_before" in _last(model)


def test_results_are_found_below_the_working_folder_or_where_they_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert earlier.results_folders([]) == []
    first = _results(Path("results") / "first")
    assert earlier.results_folders([]) == [first]
    assert earlier.results_folders([Path("results")]) == earlier.results_folders([first]) == [first]


def test_earlier_proposals_in_the_same_folder_are_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "toy-before.json").write_text(json.dumps([_proposal("mirrored_digits")]))
    proposals, model = _ask(tmp_path, _says("mirrored_digits"), _says("centred_pixels"))
    assert "- mirrored_digits: On mirrored digits" in model.bodies[0]["messages"][0]["content"]
    assert [idea.Name for idea in proposals.accepted] == ["centred_pixels"]


# ---------------------------------------------------------------------------- the conversation


def test_an_idea_is_thought_over_for_as_many_rounds_as_asked(tmp_path: Path) -> None:
    replies = [_says(Novelty=number) for number in (1, 2, 3)]
    proposals, model = _ask(tmp_path, *replies, reflections=2)
    assert [idea.Novelty for idea in proposals.accepted] == [3]
    assert "Round 2 of 2." in _last(model)
    assert [message["role"] for message in model.bodies[-1]["messages"]] == [
        *("user", "assistant", "user", "assistant", "user"),
    ]


@pytest.mark.parametrize("last", [_says(end=ideas.DONE), Says("Nothing to add. I am done.")])
def test_a_model_that_is_done_is_not_asked_again(tmp_path: Path, last: Says) -> None:
    proposals, model = _ask(tmp_path, _says(), last, reflections=5)
    assert len(model.bodies) == 2
    assert len(proposals.accepted) == 1
    assert proposals.rejected == []


def test_a_reflection_that_spoils_an_idea_does_not_lose_it(tmp_path: Path) -> None:
    spoilt = [_says(Feasibility=99)] * ideas.MAX_PROBLEMS
    proposals, _ = _ask(tmp_path, _says(), *spoilt, reflections=3)
    assert [idea.Feasibility for idea in proposals.accepted] == [9]
    assert len(proposals.rejected) == ideas.MAX_PROBLEMS


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (Says("I would rather not."), "There is no JSON object in it"),
        (Says('```json\n{"Name": "a", "Ti', "length"), "cut off before the end of its JSON"),
        (_says(Experiment=""), "Experiment: string should have at least 1 character"),
        (_says(Novelty="high"), "Novelty: input should be a valid integer"),
        (_says("more_images"), "Its Name is taken"),
        (_says(Claims=[{**CLAIM, "smallest_effect": -1}]), "Claims.0.smallest_effect: input"),
        (_says(Claims=[{**CLAIM, "metric": "beauty"}]), "'beauty' is no metric; there are test_"),
        (_says(Claims=[CLAIM, CLAIM]), "two claims on test_accuracy against run_0"),
        (_says(Claims=[CLAIM] * 4), "list should have at most 3 items"),
    ],
)
def test_what_cannot_be_used_goes_back_with_the_reason(
    tmp_path: Path, reply: Says, problem: str
) -> None:
    proposals, model = _ask(tmp_path, reply, _says("voting_committee"))
    assert problem in _last(model)
    assert _last(model).startswith("This proposal cannot be used: ")
    assert problem in str(proposals.rejected[0])
    assert "\n" not in str(proposals.rejected[0])
    assert [idea.Name for idea in proposals.accepted] == ["voting_committee"]


def test_a_model_without_ideas_is_given_up(tmp_path: Path) -> None:
    empty = [Says("Hm.")] * 20
    proposals, model = _ask(tmp_path, *empty, wanted=7)
    assert len(model.bodies) == ideas.MAX_FRUITLESS * ideas.MAX_PROBLEMS
    assert proposals.why_ended == "2 conversations in a row gave no idea"
    assert not (tmp_path / "ideas.json").exists()


def test_ideas_of_one_command_do_not_repeat_each_other(tmp_path: Path) -> None:
    again = _says("flipped_digits", Experiment=TOLD["mirrored_digits"])
    proposals, _ = _ask(tmp_path, _says(), again, _says("centred_pixels"), wanted=2)
    assert [idea.Name for idea in proposals.accepted] == ["mirrored_digits", "centred_pixels"]
    assert "mirrored_digits (On mirrored digits; just proposed)" in str(proposals.rejected[0])


def test_a_budget_ends_the_command_and_keeps_its_ideas(tmp_path: Path) -> None:
    replies = [_says(name) for name in TOLD]
    dear = [Says(each.text, tokens_in=8_000) for each in replies]
    proposals, model = _ask(tmp_path, *dear, wanted=3, budget=Budget(tokens=18_000))
    assert len(model.bodies) == 2, "refused before the call"
    assert len(read_ideas(tmp_path / "ideas.json").ideas) == 2
    assert proposals.why_ended is not None
    assert proposals.why_ended.startswith("The command's budget is spent: 16,200 of 18,000 tokens")


def test_a_service_that_refuses_ends_the_command_and_keeps_its_ideas(tmp_path: Path) -> None:
    proposals, _ = _ask(tmp_path, _says(), Fails(401, message="who are you?"), wanted=2)
    assert len(proposals.accepted) == 1
    assert "refused the key" in (proposals.why_ended or "")


def test_a_wrong_key_is_an_error_of_configuration(tmp_path: Path) -> None:
    model = FakeModel(Fails(401, message="who are you?"))
    with model.serving():
        done = _command(model, tmp_path / "new.json")
    assert done.exit_code == 78
    assert "error: The service of openai/anything refused the key, or got none" in done.stderr


def test_a_command_without_any_reply_can_be_given_again(tmp_path: Path) -> None:
    _ask(tmp_path, Fails(401, message="who are you?"))
    proposals, _ = _ask(tmp_path, _says())
    assert len(proposals.accepted) == 1


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "ideas.json").write_text("mine")
    with pytest.raises(Exception, match=r"ideas\.json is there already; name another file"):
        _ask(tmp_path, _says())
    assert (tmp_path / "ideas.json").read_text() == "mine"


def test_papers_are_shown_to_the_model_and_kept_with_the_idea(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paper = {"title": "Mirrors considered", "year": 2001, "url": "https://x"}
    found = {"searched": "openalex", "query": "mirrored", "papers": [paper]}
    monkeypatch.setattr(Literature, "search", lambda self, idea: found)
    forged = _says(Literature={"searched": "in my head", "papers": []})
    proposals, model = _ask(tmp_path, forged, forged, reflections=1, search=Literature())
    assert "- Mirrors considered (2001)" in _last(model)
    assert json.loads((tmp_path / "ideas.json").read_text())[0]["Literature"] == found
    assert len(proposals.accepted) == 1


def test_without_a_search_a_model_cannot_claim_one(tmp_path: Path) -> None:
    _ask(tmp_path, _says(Literature={"searched": "in my head"}))
    assert "Literature" not in json.loads((tmp_path / "ideas.json").read_text())[0]


# ------------------------------------------------------------------------- finding JSON in a reply

# Without what JSON writes as a backslash and a letter: before another, that is taken for LaTeX.
TEXT = st.text(alphabet=st.characters(exclude_characters="\b\f\n\r\t"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
PROSE = st.text(alphabet=st.characters(exclude_characters="{}"))


@given(st.dictionaries(TEXT, VALUES), PROSE, PROSE, st.booleans(), st.booleans())
@example({"IDEA": {}}, "", "", False, False)
@example({"ideas": ["none"]}, "", "", False, True)
def test_an_object_is_found_in_a_fence_or_bare_whatever_is_around_it(
    extra: dict[str, Any], before: str, after: str, fenced: bool, in_list: bool
) -> None:
    value = {**extra, "Name": "a"}
    text = json.dumps([value] if in_list else value, indent=2, ensure_ascii=False)
    text = f"```json\n{text}\n```" if fenced else text
    assert extract(f"{before}\n{text}\n{after}")[0] == [value]


@given(st.text(alphabet='{}[]":,\\ aN1\n`'))
def test_any_reply_holds_an_object_or_is_unusable(text: str) -> None:
    try:
        assert any(isinstance(value, dict) for value in extract(text)[0])
    except ideas.Unusable as problem:
        assert "no JSON object" in str(problem)


@pytest.mark.parametrize("text", ['{"a":' * 50_000, "{" * 100_000, '{"Name": "' + "x" * 200_000])
def test_a_reply_made_to_waste_time_does_not(text: str) -> None:
    found: list[str] = []

    def work() -> None:
        try:
            extract(text)
        except ideas.Unusable as problem:
            found.append(str(problem))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(5)
    assert len(found) == 1


def test_the_last_object_with_a_name_is_the_proposal() -> None:
    text = 'First {"Name": "draft"}, then {"Name": "final", "in": {"Name": "no"}} at cost {"n": 1}'
    assert [idea["Name"] for idea in extract(text)[0]] == ["final"]


# ---------------------------------------------------------------- proposals as models write them


def _three() -> list[dict[str, Any]]:
    return [_proposal(name) for name in TOLD]


def _names(proposals: Proposals) -> list[str]:
    return [idea.Name for idea in proposals.accepted]


def test_an_inner_object_with_a_name_is_not_taken_for_the_idea(tmp_path: Path) -> None:
    parts = [{"Name": "Prototype", "Description": "d"}, {"Name": "Study", "Description": "d"}]
    text = json.dumps(_proposal(Parts=parts)).replace("}],", "},],")
    proposals, model = _ask(tmp_path, Says(f"```json\n{text}\n```"))
    assert len(model.bodies) == 1
    assert _names(proposals) == ["mirrored_digits"]
    assert proposals.accepted[0].model_extra == {"Parts": parts}


def test_latex_keeps_its_backslashes(tmp_path: Path) -> None:
    text = json.dumps(_proposal(Title="On $L$ and (x)"))
    text = text.replace("$L$", r"$\lambda_\beta$").replace("(x)", r"\(x\)")
    proposals, _ = _ask(tmp_path, Says(text))
    assert proposals.accepted[0].Title == r"On $\lambda_\beta$ and \(x\)"
    assert read_ideas(tmp_path / "ideas.json").ideas[0].Title == proposals.accepted[0].Title


@pytest.mark.parametrize(
    "wrap",
    [
        lambda three: json.dumps(three),
        lambda three: f"Three of them:\n\n```json\n{json.dumps(three, indent=2)}\n```\nGood luck!",
        lambda three: json.dumps({"ideas": three}),
        lambda three: json.dumps({"Ideas": three}).replace("}]}", "},]}"),
        lambda three: json.dumps([{"idea": each} for each in three]),
    ],
)
def test_each_of_several_ideas_is_accepted_or_rejected_on_its_own(
    tmp_path: Path, wrap: Any
) -> None:
    three = _three()
    three[1]["Novelty"] = "high"
    proposals, model = _ask(tmp_path, Says(wrap(three)), reflections=3, wanted=2)
    assert len(model.bodies) == 1
    assert _names(proposals) == ["mirrored_digits", "voting_committee"]
    assert [each.name for each in proposals.rejected] == ["centred_pixels"]
    assert "Novelty: input should be a valid integer" in str(proposals.rejected[0])
    assert len(read_ideas(tmp_path / "ideas.json").ideas) == 2


def test_an_idea_in_the_shape_of_version_2_is_accepted(tmp_path: Path) -> None:
    reply = (
        '```json\n{"Name": "Coach & Class", "Title": "T", "Experiments": [{"Name": "Prototype", '
        '"Description": "Mirror a few."}, {"Name": "Study", "Description": "Mirror all."},], '
        '"Interestingness": "8/10"}\n```'
    )
    proposals, model = _ask(tmp_path, Says(reply))
    assert len(model.bodies) == 1
    accepted = read_ideas(tmp_path / "ideas.json").ideas[0]
    assert (accepted.Name, accepted.called) == ("coach_class", "Coach & Class")
    assert accepted.Experiment == "- Prototype: Mirror a few.\n- Study: Mirror all."
    assert accepted.Interestingness == 8
    assert len((accepted.model_extra or {})["Experiments"]) == 2
    assert proposals.rejected == []


def test_a_name_that_gives_the_folder_of_another_is_taken(tmp_path: Path) -> None:
    proposals, model = _ask(tmp_path, _says("More Images"), _says("voting_committee"))
    assert "Its Name is taken" in _last(model)
    assert [idea.Name for idea in proposals.accepted] == ["voting_committee"]


def test_ideas_of_one_reply_do_not_repeat_each_other(tmp_path: Path) -> None:
    again = [_proposal(), _proposal("again", Experiment=TOLD["mirrored_digits"]), _proposal(), 7]
    proposals, _ = _ask(tmp_path, Says(json.dumps(again)))
    assert _names(proposals) == ["mirrored_digits"]
    alike, twice, number = map(str, proposals.rejected)
    assert "too much like mirrored_digits (On mirrored digits; in the same reply)" in alike
    assert twice == "Its Name is taken by an idea that exists."
    assert number == "An idea must be a JSON object, and not 7."


def test_where_none_of_several_can_be_used_the_model_is_told_why_of_each(tmp_path: Path) -> None:
    bad = [_proposal(Novelty=99), _proposal("centred_pixels", Title="")]
    proposals, model = _ask(tmp_path, Says(json.dumps(bad)), _says("voting_committee"))
    assert "mirrored_digits: the idea: Novelty: input should be less" in _last(model)
    assert "centred_pixels: the idea: Title: string should have" in _last(model)
    assert _names(proposals) == ["voting_committee"]


@pytest.mark.parametrize("key", ["idea", "Idea"])
def test_an_idea_may_have_an_object_around_it(tmp_path: Path, key: str) -> None:
    proposals, _ = _ask(tmp_path, Says(json.dumps({key: _proposal()})))
    assert _names(proposals) == ["mirrored_digits"]


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda text: text.replace('"Title": ', '"Title" '), "line 2, column 37: expecting ':'"),
        (lambda text: text.replace('"Title"', '"Heading"'), "Title: field required"),
        (lambda text: text.replace('"Name"', '"Called"'), "Name: field required"),
        (lambda text: "[" * 100_000 + text, "nested more than 64 deep"),
        (lambda text: text + " " * 60_000, "only its last 50,000 characters are looked at"),
    ],
)
def test_the_place_of_a_fault_or_the_missing_key_is_told(
    tmp_path: Path, spoil: Any, problem: str
) -> None:
    text = spoil(json.dumps(_proposal()))
    started = time.monotonic()
    proposals, model = _ask(tmp_path, Says(f"So:\n{text}"), _says("voting_committee"))
    assert time.monotonic() - started < 30
    assert problem in _last(model)
    assert _names(proposals) == ["voting_committee"]


def test_a_good_draft_does_not_stand_for_a_faulty_proposal(tmp_path: Path) -> None:
    faulty = json.dumps(_proposal("centred_pixels")).replace('"Title": ', '"Title" ')
    reply = f"A draft:\n{json.dumps(_proposal())}\nNo, better:\n{faulty}"
    proposals, model = _ask(tmp_path, Says(reply), _says("voting_committee"))
    assert "line 4, column 36: expecting ':' delimiter" in _last(model)
    assert _names(proposals) == ["voting_committee"]


def test_a_person_is_told_which_drafts_do_not_count(tmp_path: Path) -> None:
    lines: list[str] = []
    reply = f"A draft:\n{json.dumps(_proposal())}\nNo:\n{json.dumps(_proposal('centred_pixels'))}"
    proposals, _ = _ask(tmp_path, Says(reply), say=lines.append)
    assert _names(proposals) == ["centred_pixels"]
    told = "of a reply, only its last proposal counts; left out: mirrored_digits"
    assert told in lines


def test_to_doubt_is_not_to_be_done(tmp_path: Path) -> None:
    doubts = _says(end="But am I sure that I am done?", Novelty=3)
    proposals, model = _ask(tmp_path, _says(), doubts, _says(Novelty=9), reflections=2)
    assert len(model.bodies) == 3
    assert [idea.Novelty for idea in proposals.accepted] == [9]


def test_papers_are_searched_for_each_of_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Literature, "search", lambda self, idea: f"on {idea.Name}")
    proposals, _ = _ask(tmp_path, Says(json.dumps(_three())), search=Literature())
    papers = [(idea.model_extra or {})["Literature"] for idea in proposals.accepted]
    assert papers == [f"on {name}" for name in TOLD]


def test_a_template_in_another_encoding_is_shown(tmp_path: Path) -> None:
    toy = sweeps.copy_of_toy(tmp_path)
    code = (toy / "experiment.py").read_text()
    text = f"# coding: latin-1\n# Größe\n{code}".replace("\n", "\r\n")
    (toy / "experiment.py").write_bytes(text.encode("latin-1"))
    _, model = _ask(tmp_path, _says(), template=toy)
    assert "# coding: latin-1\n# Größe\n" in _last(model)


def test_what_no_file_can_hold_is_replaced(tmp_path: Path) -> None:
    odd = _proposal(Note="\ud800")
    _ask(tmp_path, Says(json.dumps(odd)))
    assert json.loads((tmp_path / "ideas.json").read_text())[0]["Note"] == "?"
