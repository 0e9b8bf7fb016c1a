"""The key from which test parts are drawn: one for each machine, named in results, never given."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bonsai.kit import KitError, data, keys


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BONSAI_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_it_is_made_once_and_nobody_else_may_read_it(cache: Path) -> None:
    first = keys.test_key()
    assert keys.test_key() == first
    assert len(bytes.fromhex(first)) == 32
    path = cache / "secret" / "test_key"
    assert path.stat().st_mode & 0o077 == 0
    path.unlink()
    assert keys.test_key() != first


def test_a_name_says_from_which_key_and_leads_back_to_its_number() -> None:
    name = keys.keyed("faces-mini-smoke")
    plain, number = keys.secret_of(name)
    assert plain == "faces-mini-smoke"
    assert number is not None and number.bit_length() > 100
    assert keys.secret_of(name) == (plain, number)
    assert keys.test_key() not in name and f"{number:x}" not in name


@given(st.text(st.characters(exclude_characters=keys.MARK), max_size=30))
def test_a_plain_name_is_the_published_draw(name: str) -> None:
    assert keys.secret_of(name) == (name, None)


def test_an_experiment_is_not_given_it(monkeypatch: pytest.MonkeyPatch) -> None:
    name = keys.keyed("faces")
    monkeypatch.setenv(data.SCORED_BY_RUNNER, "1")
    for ask in (keys.test_key, lambda: keys.keyed("faces"), lambda: keys.secret_of(name)):
        with pytest.raises(KitError, match="not given to an experiment"):
            ask()
    assert keys.secret_of("faces") == ("faces", None)


def test_figures_on_another_machine_are_drawn_with_the_key_that_they_are_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, key = keys.keyed("faces"), keys.test_key()
    there = keys.secret_of(name)
    monkeypatch.setenv("BONSAI_DATA", str(tmp_path / "there"))
    with pytest.raises(KitError, match="the key of another machine"):
        keys.secret_of(name)
    monkeypatch.setenv(keys.VARIABLE, key)
    assert keys.secret_of(name) == there


def test_where_it_cannot_be_kept_a_sentence_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BONSAI_DATA", str(tmp_path / "file"))
    with pytest.raises(KitError, match="set BONSAI_DATA to one that is"):
        keys.test_key()
