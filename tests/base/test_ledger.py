"""The ledger and the journal: nothing that was written is lost, nothing is done twice."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bonsai.base import storable
from bonsai.base.errors import BonsaiError
from bonsai.base.ledger import Ledger
from bonsai.sweep.journal import Journal, Result

ANYTHING = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.jsonl")


@ANYTHING
@given(
    message=st.text(),
    data=st.dictionaries(st.text(), st.one_of(st.integers(), st.text(), st.booleans())),
)
def test_what_is_appended_is_read_back(
    ledger: Ledger, message: str, data: dict[str, object]
) -> None:
    ledger.append(step="edit", message=message, data=data)
    last = ledger.read()[-1]
    assert last.message == message
    assert last.data == data


Wild = st.text(st.characters(exclude_categories=()))  # halves of characters as well


@ANYTHING
@given(message=Wild, names=st.lists(Wild), name=Wild)
def test_whatever_an_agent_replied_can_be_recorded(
    ledger: Ledger, message: str, names: list[str], name: str
) -> None:
    made = ledger.append(step="edit", message=message, data={"changed": names, name: (1, name)})
    read = ledger.read()[-1]
    assert read.message == made.message == storable(message)
    assert read.data == storable({"changed": names, name: (1, name)})


def test_a_name_that_is_no_utf_8_is_recorded_with_its_escapes(ledger: Ledger) -> None:
    name = b"caf\xe9.py".decode("utf-8", "surrogateescape")
    ledger.append(step="edit", message=f"changed {name}", data={"changed": (name,), "good": "é"})
    [read] = ledger.read()
    assert read.message == "changed caf\\udce9.py"
    assert read.data == {"changed": ["caf\\udce9.py"], "good": "é"}


@ANYTHING
@given(cut=st.integers(1, 60))
def test_a_line_cut_short_by_a_crash_is_dropped_and_the_rest_stays(
    ledger: Ledger, cut: int
) -> None:
    ledger.path.unlink(missing_ok=True)
    ledger.append(step="first")
    whole = ledger.path.read_bytes()
    ledger.append(step="torn")
    ledger.path.write_bytes(ledger.path.read_bytes()[:-cut])
    assert [entry.step for entry in ledger.read()] == ["first"]
    ledger.append(step="second")
    assert [entry.step for entry in ledger.read()] == ["first", "second"]
    assert ledger.path.read_bytes().startswith(whole)


def test_a_damaged_line_in_the_middle_is_named(ledger: Ledger) -> None:
    ledger.append(step="first")
    with ledger.path.open("a") as file:
        file.write("garbage\n")
    ledger.append(step="third")
    with pytest.raises(BonsaiError, match=r"ledger\.jsonl, line 2 is not an entry"):
        ledger.read()


def test_threads_do_not_mix_their_lines(ledger: Ledger) -> None:
    def write(name: str) -> None:
        for _ in range(20):
            ledger.append(step=name, message="x" * 2000)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ledger.read()) == 80


def _journal(ledger: Ledger, **options: object) -> Journal:
    return Journal(ledger, "t", "i", ledger.read(), **options)  # type: ignore[arg-type]


def test_a_recorded_step_is_not_done_again(ledger: Ledger) -> None:
    first = _journal(ledger)
    first.step("edit", lambda: Result(True, "done", {"commit": "abc"}))
    went_live: list[object] = []
    again = _journal(ledger, on_live=went_live.append)

    def never() -> Result:
        raise AssertionError("done twice")

    assert again.step("edit", never).data == {"commit": "abc"}
    assert went_live == []
    again.step("run", lambda: Result(False, "crashed"))
    assert [entry.step for entry in ledger.read()] == ["edit", "run"]
    assert went_live[0].data == {"commit": "abc"}, "the state to go on from"


def test_a_step_that_raises_is_not_recorded(ledger: Ledger) -> None:
    def crash() -> Result:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        _journal(ledger).step("run", crash)
    assert ledger.read() == []


def test_a_ledger_of_another_version_is_refused(ledger: Ledger) -> None:
    _journal(ledger).step("edit", lambda: Result(True, ""))
    with pytest.raises(BonsaiError, match="resume with the version that wrote it"):
        _journal(ledger).step("run", lambda: Result(True, ""))
