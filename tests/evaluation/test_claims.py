"""Claims: written before the first edit, sealed in the ledger, judged on fresh seeds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bonsai.base.errors import BonsaiError
from bonsai.base.ledger import Entry
from bonsai.evaluation import claims
from bonsai.report.summary import IdeaSummary, summarise
from bonsai.templates.contract import Claim, Idea
from bonsai.templates.template import Template
from tests import sweeps
from tests.crashes import BRISK

TOY = Template(sweeps.TOY)
PRIMARY = Claim(metric="test_accuracy", direction="higher")


def _idea(**more: object) -> Idea:
    return Idea(Name="an_idea", Title="An idea", Experiment="Try.", **more)  # type: ignore[arg-type]


# --- claims.json ----------------------------------------------------------------------------------


def test_without_claims_only_the_primary_metric_is_claimed_to_improve(tmp_path: Path) -> None:
    claims.write(tmp_path, _idea())
    assert (tmp_path / claims.FILE).read_text() == "[]\n", "a line that a model can replace"
    assert claims.read(tmp_path, TOY) == [PRIMARY]


def test_a_claim_on_the_primary_metric_takes_the_place_of_the_usual_one(tmp_path: Path) -> None:
    control = PRIMARY.model_copy(update={"against": "run_2"})
    sized = PRIMARY.model_copy(update={"smallest_effect": 0.5})
    claims.write(tmp_path, _idea(Claims=[control, sized]))
    assert claims.read(tmp_path, TOY) == [sized, control]


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ("nonsense", "is not JSON"),
        ('{"metric": "test_accuracy"}', "claims.json: the top level: input should be a valid list"),
        ([{"direction": "higher"}], "0.metric: field required"),
        ([{"metric": "speed", "direction": "higher"}], "'speed' is no metric; there are test_acc"),
        ([{"metric": "test_accuracy", "direction": "up"}], "should be 'higher' or 'lower'"),
        ([PRIMARY.model_dump() | {"smallest_effect": -1}], "greater than or equal to 0"),
        ([PRIMARY.model_dump() | {"against": "the baseline"}], "0.against: string should match"),
        ([PRIMARY.model_dump()] * 2, "two claims on test_accuracy against run_0"),
        ([PRIMARY.model_dump()] * 4, "at most 3 items"),
        ([PRIMARY.model_dump() | {"seeds": 1}], "0.seeds: extra inputs are not permitted"),
    ],
)
def test_a_claim_that_cannot_be_judged_is_refused_with_the_reason(
    made: object, told: str, tmp_path: Path
) -> None:
    text = made if isinstance(made, str) else json.dumps(made)
    (tmp_path / claims.FILE).write_text(text)
    with pytest.raises(BonsaiError, match=r"claims\.json") as caught:
        claims.read(tmp_path, TOY)
    assert told in str(caught.value)


CONTROL = '{"metric": "test_accuracy", "direction": "higher", "against": "run_2"}'


@pytest.mark.parametrize(
    "text",
    [
        f"[{CONTROL}]",
        f"[{CONTROL},]",
        f"```json\n[\n  {CONTROL},\n]\n```\n",
        f"// what I claim\n[{CONTROL}]",
        f"[{CONTROL}]  # the control".replace('"', "'"),
        f"[\r\n{CONTROL}\r\n]\r\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_claims_are_read_as_models_write_them(tmp_path: Path, text: str, encoding: str) -> None:
    (tmp_path / claims.FILE).write_bytes(text.encode(encoding))
    assert claims.read(tmp_path, TOY) == [PRIMARY, PRIMARY.model_copy(update={"against": "run_2"})]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "claims.json is not JSON: it holds no list, and one is wanted"),
        (f"[]\n[{CONTROL}]", "it holds 2 lists, and one is wanted"),
        (CONTROL.replace("[", "").join(["[", "]"]).replace('"metric":', '"metric"'), "line 1, col"),
        ("[" * 100_000, "claims.json is larger than 50 kB"),
        ("[" * 10_000, "line 1, column 65: brackets are nested more than 64 deep"),
        (f"[{CONTROL}, {CONTROL[:30]}", "is not JSON: line 1, column"),
    ],
)
def test_claims_that_cannot_be_read_are_refused_with_the_place(
    tmp_path: Path, text: str, told: str
) -> None:
    (tmp_path / claims.FILE).write_text(text)
    with pytest.raises(BonsaiError, match=r"claims\.json") as caught:
        claims.read(tmp_path, TOY)
    assert told in str(caught.value)


def test_a_seal_is_of_what_is_claimed_and_of_nothing_else() -> None:
    same = Claim.model_validate(json.loads(PRIMARY.model_dump_json()))
    assert claims.seal([PRIMARY]) == claims.seal([same])
    softened = PRIMARY.model_copy(update={"smallest_effect": 0.1})
    assert claims.seal([PRIMARY]) != claims.seal([softened])


def test_a_claim_is_a_sentence() -> None:
    control = PRIMARY.model_copy(update={"against": "run_2", "smallest_effect": 0.5})
    assert claims.describe(PRIMARY) == "raises test_accuracy"
    assert claims.describe(control, "percentage points") == (
        "raises test_accuracy by 0.5 percentage points at least, against its control run_2"
    )


# --- in a sweep -----------------------------------------------------------------------------------

FINISHED = "ALL_COMPLETED"
PLOT = BRISK / "cassettes" / "higher" / "06-write_up.md"


def _change(name: str, old: str, new: str) -> str:
    return f"{name}\n```\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n```\n"


def _claim(**fields: object) -> str:
    return json.dumps([{"metric": "height", "direction": "higher", **fields}])


def _height(old: int, new: int) -> str:
    line = "HEIGHT = {}  # what the ideas change"
    return _change("experiment.py", line.format(old), line.format(new))


PLAN = _change("notes.txt", "## Run 0: the baseline, unchanged", "## Run 0\n\n## Plan\nHigher.")
IDEAS = {
    # Claims more than there is, and later repents.
    "boasts": [
        PLAN + _change("claims.json", "[]", _claim(smallest_effect=5)),
        _change("claims.json", _claim(smallest_effect=5), _claim()),
        _height(1, 2),
        FINISHED,
    ],
    "mends": [
        PLAN + _change("claims.json", "[]", _claim(metric="weight")),
        _change("claims.json", _claim(metric="weight"), _claim(smallest_effect=0.5)),
        _height(1, 2),
        FINISHED,
    ],
    "gives_up": [
        PLAN + _change("claims.json", "[]", "[no JSON]"),
        _change("claims.json", "[no JSON]", "[still none]"),
        _height(1, 2),
        FINISHED,
    ],
    # Brings its own claims: the second run, although better, is the control.
    "brings_its_own": [PLAN, _height(1, 2), _height(2, 3), FINISHED],
    # Names as a control the only run that it makes.
    "lacks_a_control": [
        PLAN + _change("claims.json", "[]", _claim(smallest_effect=0.5, against="run_1")),
        _height(1, 2),
        FINISHED,
    ],
}
OWN = [{"metric": "height", "direction": "lower", "smallest_effect": 0.5, "against": "run_2"}]


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a sweep of brisk ideas that make claims of all kinds."""
    home = tmp_path_factory.mktemp("claims")
    folder = home / "brisk"
    shutil.copytree(BRISK, folder, ignore=shutil.ignore_patterns("__pycache__", "cassettes"))
    ideas = [{"Name": name, "Title": name, "Experiment": "Try."} for name in IDEAS]
    ideas[list(IDEAS).index("brings_its_own")]["Claims"] = OWN  # type: ignore[assignment]
    (folder / "seed_ideas.json").write_text(json.dumps(ideas))
    for name, replies in IDEAS.items():
        cassette = folder / "cassettes" / name
        cassette.mkdir(parents=True)
        for number, reply in enumerate([*replies, PLOT.read_text()], start=1):
            last = number > len(replies)
            (cassette / f"{number:02d}-{'write_up' if last else 'step'}.md").write_text(reply)
    looks = ("--confirm-seeds", "8", "--max-confirm-seeds", "16")
    done = sweeps.run(
        *("run", str(folder), "--out", "res", "--sandbox", "off", "--workers", "2", *looks),
        cwd=home,
    )
    assert done.returncode == 0, done.stderr
    return home / "res"


def _summary(results: Path, name: str) -> IdeaSummary:
    return next(idea for _, idea in summarise(results).ideas if idea.idea.Name == name)


def _sealed(results: Path, name: str) -> list[Entry]:
    return [entry for entry in sweeps.entries(results, name) if entry.step == "claims"]


def test_claims_stand_in_the_ledger_before_the_first_edit(swept: Path) -> None:
    for name in IDEAS:
        story = [entry.step for entry in sweeps.entries(swept, name)]
        assert story.index("claims") < story.index("edit")
        assert _summary(swept, name).seal == claims.seal(_summary(swept, name).claims)


def test_a_sealed_claim_cannot_be_changed(swept: Path) -> None:
    idea = _summary(swept, "boasts")
    assert [claim.smallest_effect for claim in idea.claims] == [5]
    offence = next(entry for entry in idea.entries if entry.step == "edit" and not entry.ok)
    assert "claims.json" in offence.message
    kept = (swept / "brisk" / "boasts" / "workspace" / claims.FILE).read_text()
    assert '"smallest_effect": 5' in kept


def test_a_gain_that_is_smaller_than_claimed_is_refuted(swept: Path) -> None:
    idea = _summary(swept, "boasts")
    assert idea.word == "refuted"
    assert idea.main.why == "Gained, but surely less than the 5 that matter."
    assert idea.comparison is not None
    assert idea.comparison.mean == pytest.approx(1.0), "a metre, on the same seeds"


def test_a_claim_that_cannot_be_judged_may_be_mended_once(swept: Path) -> None:
    first, second = _sealed(swept, "mends")
    assert (first.ok, second.ok) == (False, True)
    assert first.message == "claims.json: 'weight' is no metric; there are height, val_height"
    assert "claims" not in first.data, "nothing is sealed yet"
    assert _summary(swept, "mends").word == "supported"
    told = (swept / "brisk" / "mends" / "exchanges" / "002.request.json").read_text()
    assert "'weight' is no metric" in told


def test_who_makes_no_usable_claim_is_judged_by_the_primary_metric(swept: Path) -> None:
    first, second = _sealed(swept, "gives_up")
    assert not first.ok
    assert not second.ok
    idea = _summary(swept, "gives_up")
    assert idea.claims == [Claim(metric="height", direction="higher")]
    assert idea.word == "supported"


def test_an_idea_may_bring_its_claims_and_its_control_is_not_taken_for_the_idea(
    swept: Path,
) -> None:
    idea = _summary(swept, "brings_its_own")
    assert idea.best_run == "run_1", "run_2 is higher, but a claim names it as a control"
    assert [(each.word, each.run) for each in idea.verdicts] == [("supported", "run_1")] * 2
    against = idea.verdicts[1]
    assert against.claim.against == "run_2"
    assert against.comparison is not None
    assert against.comparison.mean == pytest.approx(-1.0)
    request = (swept / "brisk" / "brings_its_own" / "exchanges" / "001.request.json").read_text()
    assert "is sealed: do not change that file" in request


def test_a_run_is_not_compared_with_itself(swept: Path) -> None:
    idea = _summary(swept, "lacks_a_control")
    assert [(each.word, each.run) for each in idea.verdicts] == [
        ("supported", "run_1"),
        ("no result", "run_1"),
    ]
    assert "there is no control" in idea.verdicts[1].why


def test_seeds_are_added_while_they_may_decide_something(swept: Path) -> None:
    """Among five ideas the exact test decides nothing with eight seeds."""
    for name in IDEAS:
        looks = [entry for entry in sweeps.entries(swept, name) if entry.step == "look"]
        assert [entry.message for entry in looks] == [
            "after 8 fresh seeds: 8 more may decide it",
            "after 16 fresh seeds: decided, or out of reach",
        ], name


def test_what_a_run_is_checked_for_is_in_the_ledger(swept: Path) -> None:
    checks = {check.name: check.passed for check in _summary(swept, "mends").checks["run_1"]}
    assert checks.pop("costs no more than the baseline") in (True, False, None)  # a short run
    assert checks == {
        "score reproduced": True,
        "seeds matter": True,  # the figure that is judged differs
        "test labels out of reach": None,  # a template with data of its own
        "data unchanged": None,
        "not trained on test images": None,
        "frozen files untouched": True,
        "seeds obeyed": True,
        "claims sealed": True,
    }
