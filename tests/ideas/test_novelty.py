"""An idea that is told again is found, one that is new is not taken for another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bonsai.ideas import history as earlier
from bonsai.ideas import novelty
from bonsai.templates.contract import Idea

MEASURED = {"light": 8, "medium": 8, "heavy": 3}  # of 8 each; see bonsai/ideas/novelty.py


@pytest.fixture(scope="module")
def shipped() -> list[Idea]:
    return earlier.shipped()


def _paraphrases() -> list[dict[str, str]]:
    path = Path(__file__).with_name("paraphrases.json")
    return list(json.loads(path.read_text(encoding="utf-8"))["paraphrases"])


def test_no_shipped_idea_is_taken_for_a_repetition_of_another(shipped: list[Idea]) -> None:
    for idea in shipped:
        others = [other for other in shipped if other is not idea]
        other, likeness = novelty.nearest(idea, others) or (idea, 0.0)
        assert likeness < novelty.THRESHOLD, f"{idea.Name} and {other.Name}"


def test_as_many_paraphrases_are_found_as_were_measured(shipped: list[Idea]) -> None:
    found = dict.fromkeys(MEASURED, 0)
    for told in _paraphrases():
        idea = Idea(**{key: told[key] for key in ("Name", "Title", "Experiment")})
        match = novelty.nearest(idea, shipped)
        assert match is not None
        found[told["change"]] += match[0].Name == told["of"] and match[1] >= novelty.THRESHOLD
    assert found == MEASURED


def test_the_same_text_under_another_name_is_the_same(shipped: list[Idea]) -> None:
    again = shipped[3].model_copy(update={"Name": "quite_another_name"})
    match = novelty.nearest(again, shipped)
    assert match is not None
    assert match[0] is shipped[3]
    assert match[1] > 0.9


def test_the_first_idea_of_all_is_like_no_other(shipped: list[Idea]) -> None:
    assert novelty.nearest(shipped[0], []) is None


@settings(max_examples=10, deadline=None)
@given(st.text(min_size=1), st.text(min_size=1))
def test_any_text_has_a_likeness_between_none_and_the_same(title: str, experiment: str) -> None:
    idea = Idea(Name="any", Title=title, Experiment=experiment)
    known = Idea(Name="known", Title="Prune early", Experiment="Remove small weights early.")
    match = novelty.nearest(idea, [known])
    assert match is not None
    assert 0.0 <= match[1] <= 1.0 + 1e-9
