"""JSON as models write it is read, or the fault and its place are told; nothing is lost."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bonsai.base import BonsaiError, loose_json
from bonsai.base.loose_json import find_json, spell_out

WORDS = st.text(alphabet="abc xyz_äß", max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)


def _value(text: str) -> Any:
    (piece,) = find_json(text)
    assert piece.fault is None, piece.fault
    return piece.value


def _fault(text: str) -> str:
    (piece,) = find_json(text)
    assert piece.fault is not None, piece.value
    return piece.fault


@given(st.lists(st.dictionaries(WORDS, VALUES, min_size=1), min_size=1, max_size=3))
def test_every_object_of_a_text_is_found_in_order(values: list[dict[str, Any]]) -> None:
    said = [f"Number {number}:\n{json.dumps(value)}\n" for number, value in enumerate(values)]
    assert [piece.value for piece in find_json("\n".join(said))] == values


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(st.text("abc", min_size=1), st.integers(0, 99) | WORDS, min_size=1),
    st.sampled_from(["comma", "comment", "fence", "constant", "prose"]),
)
def test_what_models_do_to_json_is_undone(value: dict[str, Any], how: str) -> None:
    text = json.dumps(value, indent=1, ensure_ascii=False)
    text = {
        "comma": text[:-2] + ",\n}",
        "comment": text.replace("{", "{ // the settings", 1),
        "fence": f"~~~json\n{text[:-2]},\n}}\n~~~",
        "constant": text[:-2] + ',\n"last": True}',
        "prose": f"Here {{it}} is:\n\n{text}\n\nIs it [good]?",
    }[how]
    expected = {**value, "last": True} if how == "constant" else value
    assert _value(text) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{'a': 'b'}", {"a": "b"}),
        ("{“a”: “b”}", {"a": "b"}),
        ('{"a": "he said "hi" to me"}', {"a": 'he said "hi" to me'}),
        ('{"a": NaN, "b": -Infinity, "c": 1e999}', {"a": None, "b": None, "c": None}),
        ('{"a": NaN, "b": "NaN",}', {"a": "NaN", "b": "NaN"}),
        ('{"a": NaN,}', {"a": None}),
        (r'{"a": "it\'s \(x\)", "b": [1]} and "c": 2', {"a": r"it's \(x\)", "b": [1]}),
        ('{"a": "two\nlines"}', {"a": "two\nlines"}),
        ('{"a": 1, /* more */ "b": [1, 2,], # all\n}', {"a": 1, "b": [1, 2]}),
        ('{"a": "http://x.org/#top",}', {"a": "http://x.org/#top"}),
        ('```json\n{"a": [1, 2]\n```', {"a": [1, 2]}),
        ('[{"a": 1} {"b": 2}]', [{"a": 1}, {"b": 2}]),
        ('{"a": "in { a text", "b": 1,}', {"a": "in { a text", "b": 1}),
        ('{"a": "in } a text", "b": 1,}', {"a": "in } a text", "b": 1}),
        ("Say {'a': 'x', 'b': [{}, {'c': 1},],} then.", {"a": "x", "b": [{}, {"c": 1}]}),
        ('As {"a": 1} says "yes": good', {"a": 1}),
        ("[]", []),
        ('x\r\n```json\r\n{"a": 1,}\r\n```\r\n', {"a": 1}),
        ('1. First:\n   ```json\n   {"a": 1}\n   ```', {"a": 1}),
    ],
)
def test_it_is_read(text: str, value: Any) -> None:
    assert _value(text) == value


@pytest.mark.parametrize(
    "latex",
    [
        r"$\lambda$", r"\(x\)", r"\[x\]", r"\alpha=0.1", r"\beta", r"\frac12", r"\rho", r"\nabla f",
        r"\nu", r"\tau", r"\theta_1", r"\times", r"\text{mm}", r"\tilde{x}", r"\underline{u}",
        r"\upsilon", r"a\_b", r"50\%", r"\right)", r"\neq",
    ],
)  # fmt: skip
@pytest.mark.parametrize("end", ["", ","])
def test_the_backslashes_of_latex_stay(latex: str, end: str) -> None:
    assert _value(f'{{"a": "so {latex} is"{end}}}') == {"a": f"so {latex} is"}


def test_escapes_of_json_are_escapes() -> None:
    written = r'{"a": "one\ntwo\tthree \"four\" \\alpha \u03b1 \/ \r\n\nnext\ttext: new\ne.g. x"}'
    assert _value(written) == json.loads(written)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"a": 1, "b" 2}', "line 1, column 14: expecting ':' delimiter; `2}` stands there"),
        ('So:\n\n{"a": 1,\n "b": 3 of 4}', "line 4, column 9: expecting ',' delimiter; `of 4}`"),
        ('{"a": "x", "b": "cut off he', "line 1, column 1: what begins there is never closed"),
        ('```json\n{"a": 1 oops}\n```', "line 2, column 9: expecting ',' delimiter; `oops}`"),
        ('{"a": 1}, "b": 2}', "line 1, column 9: something is closed too early"),
        ('{"a": [1,]}, "b": 2}', "line 1, column 12: something is closed too early"),
        ('```\n{"a": "Set it to\n```', "line 2, column 1: what begins there is never closed"),
        ('{"a": [{"b": 1}, "c": 2}', "line 1, column 21: expecting ',' delimiter; `: 2}`"),
        ('```\n{"a": 1,\n"b: [2],\n"c": 3}\n```', "line 4, column 2: expecting ':' delimiter"),
        ('{"a": 1, "a": 2}', "line 1, column 1: the key 'a' stands twice within it"),
        ('{"a": 0.3 0.5}', "line 1, column 11: expecting ',' delimiter; `0.5}`"),
        (r'{"a": "\lambda \rho" "b" 1}', "line 1, column 22: expecting ',' delimiter"),
    ],
)
def test_a_fault_is_told_with_its_place(text: str, fault: str) -> None:
    assert _fault(text).startswith(fault)


def test_what_is_inside_of_a_faulty_object_is_not_taken_for_a_whole_one() -> None:
    inner = '{"Name": "inner", "n": 1}'
    assert _fault(f'{{"Name": "outer", "all" [{inner}, {inner}]}}').startswith("line 1")


@pytest.mark.parametrize("text", ["{'a': 'in } a text', 'b': 1,}", '{"a": "b } c", "d": "e" f"}'])
def test_half_of_an_object_is_not_taken_for_all_of_it(text: str) -> None:
    for piece in find_json(text):
        assert piece.fault is not None or len(piece.value) == 2


def test_a_good_object_after_a_faulty_one_is_found() -> None:
    first, second = find_json('{"a" 1}\nNo:\n{"a": 1}')
    assert (first.value, second.value) == (None, {"a": 1})


@pytest.mark.parametrize(
    "text", ["", "Hm.", "f(x) = {x} [1] {why not}", "```python\nd = {k: v}\n```"]
)
def test_brackets_of_prose_and_programs_are_no_json(text: str) -> None:
    assert find_json(text) == []


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "{" * 100_000, '{"a":' * 50_000, "{'" * 50_000, '{"a":[' * 30_000],
)
def test_what_is_nested_too_deeply_is_told_at_once(text: str) -> None:
    started = time.monotonic()
    assert "nested more than 64 deep" in _fault(text)
    assert time.monotonic() - started < 1


@pytest.mark.parametrize(
    "unit",
    ["[{x}]", '{"}', '{"a" 1}', "/*", r"\}", "{'a':/*}", '[{"', "```\n", '"{', "[]", "{x: 1}"],
)
def test_what_is_full_of_faults_is_left_alone(unit: str) -> None:
    started = time.monotonic()
    find_json("{'a': '" + unit * (50_000 // len(unit)))
    find_json(unit * (50_000 // len(unit)))
    assert time.monotonic() - started < 30


def test_what_takes_long_to_mend_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loose_json, "MEND", "import time; time.sleep(60)")
    monkeypatch.setattr(loose_json, "MEND_SECONDS", 0.5)
    started = time.monotonic()
    assert _fault("{'a': 1}").startswith("line 1, column 2: expecting property name")
    assert time.monotonic() - started < 5


def test_any_text_is_read_or_not_and_nothing_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loose_json, "MOST_MENDED", 1)
    dice = random.Random(0)
    for _ in range(60):
        text = "".join(dice.choices("{}[]\"':,\\ aN1\n`/#*", k=dice.randrange(60)))
        for piece in find_json(text):
            assert piece.fault or isinstance(piece.value, dict | list)


def test_a_json_repair_that_is_not_there_is_no_fault_of_the_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loose_json, "MEND", "import a_package_that_is_not_there")
    with pytest.raises(BonsaiError, match=r"json-repair, which reads .* failed: ModuleNotFound"):
        find_json("{'a': 1}")


@pytest.mark.parametrize(
    ("text", "mends"),
    [
        ('[{"a": 1}]', ()),
        ('so: {"a": 1,}', ("line 1, column 13: there is a comma too many; `}` stands there",)),
        (r'{"a": "\(x\)"}', ("backslashes that were not escaped, as of LaTeX, are kept",)),
    ],
)
def test_what_was_mended_is_told(text: str, mends: tuple[str, ...]) -> None:
    (piece,) = find_json(text)
    assert piece.mends == mends
    start, end = piece.span
    assert text[start:end] == text.removeprefix("so: ")


def test_what_begins_a_line_beside_a_fault_is_read() -> None:
    """A quotation mark too many turns what is within texts and what is not around."""
    text = '[\n  {"n": 1},\n  {"n": 2", "in": {"n": 3}},\n  {"n": 4},\n  {"n": "5"}\n]'
    pieces = find_json(text)
    assert [piece.value for piece in pieces] == [{"n": 1}, None, {"n": 4}, {"n": "5"}]


def test_of_a_long_text_as_much_is_looked_at_as_is_asked_for() -> None:
    text = json.dumps([{"n": "x" * 60_000}, {"n": 2}])
    assert find_json(text, 100_000)[0].value == json.loads(text)
    assert find_json(text)[0].value == {"n": 2}


@given(st.text(alphabet='bfnrtu\\\b\f\n\r\t"au '))
def test_what_is_spelt_out_is_read_back_as_it_was(text: str) -> None:
    written = spell_out(json.dumps([{"text": text}]))
    assert json.loads(written) == [{"text": text}]
    (piece,) = find_json(written)
    assert (piece.value, piece.mends) == ([{"text": text}], ())
