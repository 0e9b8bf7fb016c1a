"""What a report tells of a search: only what the ledger holds, each figure on seeds of its own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from bonsai.base import Entry
from bonsai.evaluation import Scores
from bonsai.report.searches import contest, describe_contest, read_search
from bonsai.report.shapes import SearchReport
from bonsai.report.summary import IdeaSummary, TemplateSummary
from bonsai.settings import SearchSettings
from bonsai.templates import Idea

SETTINGS = SearchSettings(arms={"control": ["tpe"]})


def _entry(step: str, ok: bool = True, message: str = "", **data: Any) -> Entry:
    return Entry(template="t", idea="i", step=step, index=0, ok=ok, message=message, seconds=0.0,
                 time=0.0, data=data)  # fmt: skip


def _scores(values: dict[int, float]) -> Scores:
    mean = sum(values.values()) / len(values)
    return Scores(dataset="d", seeds=list(values), means={"a": mean}, stderrs={"a": None},
                  per_seed={"a": list(values.values())})  # fmt: skip


def _ran(number: int, seed: int, value: float, stage: str | None = "search") -> Entry:
    about: dict[str, Any] = {} if stage is None else {"stage": stage}
    return _entry("evaluate", candidate=number, seed=seed, cpu_seconds=2.0,
                  scores=_scores({seed: value}).model_dump(), **about)  # fmt: skip


def _made(number: int, parent: int, by: str = "tpe", **others: Any) -> Entry:
    return _entry(
        "propose", candidate=number, parent=parent, by=by, change=f"to {number}", **others
    )


TREE = [
    _ran(0, 100, 1.0), _ran(0, 101, 2.0),
    _made(1, 0), _ran(1, 100, 3.0),
    _made(2, 1, "cross", other=1), _ran(2, 101, 5.0),
    _made(3, 1), _entry("evaluate", False, "by its curve", candidate=3, seed=100,
                        stage="search", kind="stopped early"),
    _made(4, 0), _entry("evaluate", False, "a slip", candidate=4, seed=100, stage="search",
                        kind="program failed"),
]  # fmt: skip
RACE = [_ran(1, 200, 7.0, "race"), _ran(2, 200, 7.5, "race")]
TAKEN_ON = _entry("run", candidate=2, run="run_1")


def _read(*entries: Entry, patch: str = "") -> SearchReport:
    found = read_search(entries, "a", SETTINGS, patch)
    assert found is not None
    return found


def test_each_candidate_stands_below_its_parent_with_what_came_of_it() -> None:
    found = _read(*TREE, *RACE, TAKEN_ON)
    assert [(each.number, each.depth) for each in found.tree] == [(1, 0), (2, 1), (3, 1), (4, 0)]
    one, two, three, four = found.tree
    assert (one.difference, one.was_parent) == (2.0, True)
    assert (two.difference, two.seeds, two.won, two.other) == (3.0, [101], True, 1)
    assert three.problem == "by its curve"
    assert four.problem == "a slip"
    assert [each.number for each in found.line] == [1, 2]
    assert found.proposers == {"tpe": 3, "cross": 1}
    assert found.given_up == {"stopped early": 1, "program failed": 1}


def test_runs_of_the_race_are_apart_from_those_of_the_search() -> None:
    found = _read(*TREE, *RACE, TAKEN_ON)
    assert found.runs == {"search": 6, "race": 2}
    assert [(each.number, each.mean, each.won) for each in found.finalists] == [
        (1, 7.0, False), (2, 7.5, True)
    ]  # fmt: skip
    assert found.lead == 0.5
    assert found.winner is not None
    assert found.winner.difference == 3.0, "on seeds of the search alone"


def test_a_winner_without_a_race_has_no_lead() -> None:
    found = _read(*TREE, TAKEN_ON)
    assert found.finalists == []
    assert found.lead is None


def test_a_search_may_find_nothing() -> None:
    found = _read(*TREE)
    assert found.winner is None
    assert found.line == []
    assert read_search([_entry("start")], "a", SETTINGS) is None


def test_a_ledger_that_names_no_stages_is_one_of_a_search() -> None:
    found = _read(_ran(0, 100, 1.0, None), _made(1, 0), _ran(1, 100, 3.0, None))
    assert found.runs == {"search": 2}
    assert found.tree[0].difference == 2.0


def _arm(name: str, fresh: dict[int, float] | None, over: bool = True) -> IdeaSummary:
    entries = [_ran(0, 100, 1.0), _ran(1, 100, 1.0), *([_entry("end")] if over else [])]
    idea = IdeaSummary(Idea(Name=name, Title=name, Experiment=name), entries, [])
    if fresh is not None:
        idea.best_run, idea.fresh = "run_1", {"run_1": _scores(fresh)}
    return idea


def _template(*ideas: IdeaSummary) -> TemplateSummary:
    scorer = SimpleNamespace(primary="a", metrics={"a": SimpleNamespace(unit="%", better="higher")})
    start = _scores({seed: 1.0 + 0.01 * seed for seed in range(8)})
    return TemplateSummary(cast(Any, SimpleNamespace(scorer=scorer)), start, start, [], list(ideas))


def _fresh(gain: float) -> dict[int, float]:
    return {seed: 1.0 + gain + 0.02 * (seed % 3) for seed in range(8)}


@pytest.mark.parametrize(
    ("model", "control", "answer"),
    [
        (_fresh(2.0), _fresh(1.0), "yes"),
        (_fresh(1.0), _fresh(2.0), "no"),
        (_fresh(1.0), {seed: value + (-1) ** seed for seed, value in _fresh(1.0).items()},
         "undecided"),
        (_fresh(2.0), None, "yes"),  # the template stands for the control
        (None, _fresh(2.0), "no"),
        (None, None, "no"),
    ],
)  # fmt: skip
def test_whether_the_model_beat_tpe_is_answered_on_fresh_seeds(
    model: dict[int, float] | None, control: dict[int, float] | None, answer: str
) -> None:
    template = _template(_arm("search", model), _arm("control", control))
    found = contest(template, SETTINGS, 1)
    assert found is not None
    assert found.answer == answer
    assert found.seeds == list(range(8))
    assert found.runs == [2, 2]
    assert found.cpu_seconds == [4.0, 4.0]
    sentence, detail = describe_contest(found, "%", 2)
    assert {"yes": "beat TPE", "no": "did not beat", "undecided": "undecided"}[answer] in sentence
    assert "on 8 fresh seeds; 2 and 2 runs of one seed, 4 and 4 s" in detail
    assert ("found nothing" in detail) == (model is None or control is None)


def test_it_is_not_answered_before_both_searches_are_over() -> None:
    unfinished = _template(_arm("search", _fresh(2.0), over=False), _arm("control", None))
    assert contest(unfinished, SETTINGS, 1) is None
    assert contest(_template(_arm("search", _fresh(2.0))), SETTINGS, 1) is None
    assert contest(_template(_arm("search", None)), SearchSettings(), 1) is None
