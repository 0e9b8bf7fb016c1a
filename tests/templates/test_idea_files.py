"""Ideas in every shape are read, each mend is told, and nothing of them is lost."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bonsai.base import BonsaiError
from bonsai.settings import Assignment, Settings
from bonsai.templates import Idea, idea_files, read_ideas
from tests.sweeps import REPOSITORY
from tests.templates.idea_shapes import SHAPES, Shape, count_read, idea, v2

SHIPPED = [
    *sorted(REPOSITORY.glob("seed_ideas/*.json")),
    *sorted(REPOSITORY.glob("templates/*/seed_ideas.json")),
]


def _read(content: bytes, folder: Path) -> idea_files.IdeaSet:
    path = folder / "any name"
    path.write_bytes(content)
    return read_ideas(path)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_file_in_the_wild_is_read_and_its_mends_are_told(shape: Shape, tmp_path: Path) -> None:
    found = _read(shape.content, tmp_path)
    assert [each.Name for each in found.ideas] == [name for name, _ in shape.expected]
    for each, (_, words) in zip(found.ideas, shape.expected, strict=True):
        assert words in each.Experiment
    lines = [*found.mends, *found.left_out]
    assert bool(lines) == bool(shape.told), lines
    for words in shape.told:
        assert any(words in line for line in lines), lines
    assert not any("\n" in line for line in lines)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_mended_file_needs_no_mending(shape: Shape, tmp_path: Path) -> None:
    found = _read(shape.content, tmp_path)
    again = _read(found.text().encode(), tmp_path)
    assert (again.mends, again.left_out) == ([], [])
    assert again.ideas == found.ideas
    assert again.text() == found.text()


def test_every_shape_counts_as_read() -> None:
    assert count_read() == (len(SHAPES), len(SHAPES))
    assert len(SHAPES) >= 24


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name + "/" + path.name)
def test_in_what_we_ship_there_is_nothing_to_mend(path: Path) -> None:
    found = read_ideas(path)
    assert (found.mends, found.left_out) == ([], [])
    told = json.loads(path.read_text(encoding="utf-8"))
    told = told["ideas"] if isinstance(told, dict) else told
    for each, before in zip(found.ideas, told, strict=True):
        assert {key: each.model_dump()[key] for key in before} == before


# -------------------------------------------------------------------------------- what is kept


def test_unknown_keys_are_kept_also_null_ones_and_those_of_version_2() -> None:
    told = {**v2("cool", ["Cool."]), "Baseline": {"a": None}, "Expected_Outcome": None}
    found = idea_files.mend(told)
    written = json.loads(found.text())[0]
    assert {key: written[key] for key in told} == told
    assert "Expected_Outcome" in written


def test_what_replaces_a_value_that_says_more_leaves_it_beside() -> None:
    written = json.loads(idea_files.mend(idea("A-B", Novelty=7.5, Feasibility="high")).text())[0]
    assert written["Name_as_written"] == "A-B"
    assert written["Novelty_as_written"] == 7.5
    assert written["Feasibility_as_written"] == "high"
    assert (written["Novelty"], written["Feasibility"]) == (8, 5)


def test_of_two_ideas_that_are_one_the_keys_of_both_are_kept() -> None:
    found = idea_files.mend([idea(Baseline="b"), idea(Novelty=2, novel=False)])
    assert found.ideas[0].model_extra == {"Baseline": "b", "novel": False}
    assert found.ideas[0].Novelty == 8
    assert "of their Novelty the first counts" in found.mends[0]


def test_what_a_set_says_of_itself_is_kept(tmp_path: Path) -> None:
    told = {"about": "cold", "templates": "toy, brisk", "source": "a chat", "ideas": [idea()]}
    found = _read(json.dumps(told).encode(), tmp_path)
    assert found.suits("brisk")
    assert not found.suits("grokking")
    assert found.mends == ["templates is to be a list; toy and brisk is taken"]
    again = _read(found.text().encode(), tmp_path)
    assert (again.about, again.templates, again.more) == (
        "cold", ["toy", "brisk"], {"source": "a chat"},
    )  # fmt: skip


def test_sections_of_version_2_beside_an_experiment_are_read_as_well() -> None:
    told = idea(**{"Short Hypothesis": "Colder is better.", "Abstract": "Try warm_start"})
    (found,) = idea_files.mend(told).ideas
    assert found.Experiment.endswith("against run_0.\n\nShort Hypothesis: Colder is better.")


def test_a_name_is_shown_as_written_in_one_line_without_what_no_line_holds() -> None:
    (found,) = idea_files.mend(idea("Grow\n \x1b[31mor\u202e not " + "so " * 50)).ideas
    assert re.fullmatch(r"[a-z0-9_]{1,60}", found.Name)
    assert found.called.startswith("Grow \N{REPLACEMENT CHARACTER}[31mor")
    assert found.called.isprintable()
    assert len(found.called) == 80


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "it is empty"),
        (b"\xff\xfe \x00", "it is empty"),
        (b"[]", "it holds no idea: the list is empty"),
        (b'{"about": "x", "ideas": []}', "it holds no idea: the list is empty"),
        (b"No ideas today.", "it is not JSON: `No ideas today.` stands there"),
        (b'[{"Name": "a", "Title": ', "it is not JSON: line 1, column 2"),
        (b'{"system": "s", "task_description": "t"}', "it has neither a Name nor a Title"),
        (b'[["a", 1], null]', "an idea is an object with Name, Title and Experiment"),
        (bytes(range(256)), "it is not JSON"),
    ],
)
def test_a_file_without_an_idea_is_a_sentence(
    content: bytes, sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(BonsaiError) as error:
        _read(content, tmp_path)
    assert str(error.value).startswith(f"{tmp_path / 'any name'}: ")
    assert sentence in str(error.value)


def test_a_long_file_is_read_whole(tmp_path: Path) -> None:
    """Not only the last 50,000 characters, as of a reply."""
    told = [idea(f"n_{number}", Experiment="x " * 900) for number in range(150)]
    plain = json.dumps(told)
    assert len(plain) > 250_000
    assert len(_read(plain.encode(), tmp_path).ideas) == 150
    assert len(_read(f"See: {plain} Bye.".encode(), tmp_path).ideas) == 150


# ---------------------------------------------------------------------------------- properties

WORDS = st.text(min_size=1, max_size=30).filter(lambda text: text.strip() != "")
NAMES = st.one_of(st.from_regex(r"[a-z0-9_]{1,60}", fullmatch=True), WORDS)
SANE_TEXT = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1)
SANE = st.fixed_dictionaries(
    {
        "Name": st.from_regex(r"[a-z0-9_]{1,60}", fullmatch=True),
        "Title": SANE_TEXT.filter(lambda text: text.strip() != ""),
        "Experiment": SANE_TEXT.filter(lambda text: text.strip() != ""),
        **{name: st.integers(1, 10) for name in ("Interestingness", "Feasibility", "Novelty")},
    },
    optional={"Baseline": SANE_TEXT, "novel": st.booleans() | st.none()},
)
KEYS = st.sampled_from(
    ["Name", "Title", "Experiment", "Experiments", "Short Hypothesis", "Abstract", "Claims",
     "Risk Factors and Limitations", "Related Work", "Novelty", "name", "title", "experiment",
     "Description", "ideas", "idea", "about", "templates", "Name_as_written", "Novelty_as_written"]
) | st.text(max_size=5)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=12,
)
STRANGE = st.fixed_dictionaries(
    {},
    optional={
        "Name": NAMES | JSON, "name": NAMES, "Title": WORDS | JSON, "Experiment": WORDS | JSON,
        "Experiments": WORDS | JSON, "Abstract": JSON, "Short Hypothesis": WORDS,
        "Risk Factors and Limitations": JSON, "Name_as_written": JSON, "Claims": st.none() | JSON,
        "Novelty": st.sampled_from(["8", "8/10", "9/0", 7.5, 0, -3, 1e400, 10**400, "ten", True]),
        "Feasibility": JSON, "novel": JSON,
    },
)  # fmt: skip


@given(st.lists(SANE, min_size=1, max_size=6, unique_by=lambda told: told["Name"]))
def test_any_list_of_sane_ideas_survives(told: list[dict[str, Any]]) -> None:
    found = idea_files.parse(json.dumps(told, indent=1, ensure_ascii=False))
    assert (found.mends, found.left_out) == ([], [])
    assert [idea_files.as_written(each) for each in found.ideas] == [
        {**each, "Name": each["Name"]} for each in told
    ]


@given(st.lists(STRANGE | JSON, max_size=5) | STRANGE | JSON)
@example([{"Name": "0", "Experiment": "0"}, {"ideas": [], "idea": [None]}])
@example([{"Name": "0", "Experiment": "0"}, {"ideas": None, "Idea": []}])
@example({"about": "x", "IDEAS": "prose", "idea": [{"Name": "0", "Experiment": "0"}]})
@settings(max_examples=300)
def test_any_value_gives_ideas_or_a_sentence_and_is_mended_once_and_for_all(value: Any) -> None:
    try:
        found = idea_files.mend(value)
    except BonsaiError as error:
        assert str(error)
        return
    names = [each.Name for each in found.ideas]
    assert names
    assert len(set(names)) == len(names)
    for each in found.ideas:
        assert re.fullmatch(r"[a-z0-9_]{1,60}", each.Name)
        assert each.Title
        assert each.Experiment.strip()
        assert each.called
    assert not any("\n" in line for line in [*found.mends, *found.left_out])
    again = idea_files.mend(json.loads(found.text()))
    assert (again.mends, again.left_out) == ([], [])
    assert again.text() == found.text()
    saved = Settings(
        assignments=[Assignment(template="t", ideas=found.ideas)], first_fresh_seed=1
    ).model_dump_json()
    assert Settings.model_validate_json(saved).assignments[0].ideas == found.ideas


@given(
    st.lists(STRANGE, min_size=1, max_size=3),
    st.text(alphabet="ab ,.\n`*-#", max_size=20),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"]),
    st.booleans(),
    st.integers(0, 40),
)
@example([{"Name": "0", "Title": "0", "Risk Factors": {"u": False}}], "", "utf-8", False, 0)
@settings(max_examples=60, deadline=None)
def test_any_mixture_of_deviations_is_read_or_is_a_sentence(
    tmp_path_factory: pytest.TempPathFactory,
    told: list[dict[str, Any]], prose: str, encoding: str, fenced: bool, cut: int,
) -> None:  # fmt: skip
    text = json.dumps(told, indent=1)
    text = text[: len(text) - cut]
    text = f"{prose}\n```json\n{text}\n```\n{prose}" if fenced else prose + text
    path = tmp_path_factory.mktemp("ideas") / "file"
    path.write_bytes(text.replace("\n", "\r\n").encode(encoding, "replace"))
    try:
        found = read_ideas(path)
    except BonsaiError as error:
        assert str(error).startswith(f"{path}: ")
        return
    path.write_text(found.text(), encoding="utf-8")
    again = read_ideas(path)
    assert (again.mends, again.left_out) == ([], [])


@given(st.binary(max_size=200) | st.text(alphabet='{}[]":,\\Name \n`', max_size=80).map(str.encode))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_ideas_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("bytes") / "file"
    path.write_bytes(content)
    try:
        assert all(isinstance(each, Idea) for each in read_ideas(path).ideas)
    except BonsaiError as error:
        assert str(error).startswith(f"{path}")


def test_ideas_under_both_names_are_all_read_and_prose_there_is_kept() -> None:
    first, second = ({"Name": name, "Experiment": f"Try {name}."} for name in ("a", "b"))
    both = idea_files.mend({"ideas": [first], "Idea": [second], "about": "a set"})
    assert [each.Name for each in both.ideas] == ["a", "b"]
    assert both.about == "a set"
    beside = idea_files.mend({"ideas": "see below", "idea": [first]})
    assert [each.Name for each in beside.ideas] == ["a"]
    assert beside.more == {"ideas_as_written": "see below"}
