"""The board: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from bonsai.base.ledger import Entry
from bonsai.cli.board import Board

SCORES = {"means": {"accuracy": 90.0}, "seeds": [0, 1]}


def _board(width: int, terminal: bool) -> tuple[Board, io.StringIO]:
    output = io.StringIO()
    console = Console(file=output, width=width, force_terminal=terminal, color_system=None)
    board = Board(console)
    for idea in ("", "an_idea", "another_idea"):
        board.add("digits", idea, "accuracy", "higher")
    return board, output


def _work(board: Board) -> None:
    def entry(step: str, idea: str = "an_idea", ok: bool = True, **data: object) -> None:
        board.entry(
            Entry(time=9, seconds=3, template="digits", idea=idea, step=step, ok=ok, data=data)
        )

    entry("baseline", idea="", scores=SCORES)
    entry("confirm", idea="")
    entry("run", scores={"means": {"accuracy": 92.5}})
    entry("run", scores={"means": {"accuracy": 91.0}})
    entry("smoke", ok=False)
    board.step("digits", "an_idea", "edit")
    board.step("digits", "another_idea", "run")
    board.line("digits", "another_idea", "seed 0 · 3/10 · 3 s gone, 7 s left")


def _table(board: Board, output: io.StringIO) -> dict[str, list[str]]:
    board.console.print(board._table())
    lines = [line.split() for line in output.getvalue().splitlines() if line.strip()]
    return {words[0]: words[1:] for words in lines}


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_shows_where_each_idea_stands(width: int) -> None:
    board, output = _board(width, terminal=True)
    _work(board)
    table = _table(board, output)
    assert table["idea"] == ["step", "runs", "tries", "best", "to", "base", "ETA"]
    assert table["(baseline)"] == ["confirm", "2", "90"]
    assert table["an_idea"] == ["edit", "2", "1", "92.5", "+2.5"]
    assert table["another_idea"] == ["run", "0", "7", "s"]
    assert table["0"][:5] == ["of", "2", "ideas", "done,", table["0"][4]]


def test_a_live_models_tokens_and_cost_are_shown_and_an_unknown_price_is_said() -> None:
    board, output = _board(100, terminal=True)
    _work(board)
    for step, tokens in (("asking", 9999), ("spent", 1234)):
        data = {"call": "a call", "tokens": tokens, "usd": None}
        board.entry(
            Entry(time=9, template="digits", idea="an_idea", step=step, index=-1, data=data)
        )
    table = _table(board, output)
    assert {"tokens", "cost"} <= set(table["idea"])
    assert table["an_idea"] == ["edit", "2", "1", "92.5", "+2.5", "1234", "unknown"]


def test_without_a_terminal_each_step_is_a_line_and_quiet_ones_are_left_out() -> None:
    board, output = _board(80, terminal=False)
    _work(board)
    lines = output.getvalue().splitlines()
    assert any("digits/an_idea · smoke FAILED" in line for line in lines)
    board.entry(Entry(time=10, template="digits", idea="an_idea", step="smoke", message="passes"))
    assert output.getvalue().splitlines() == lines


def test_of_a_large_sweep_the_table_shows_what_is_under_way_and_what_ended_last() -> None:
    board, output = _board(80, terminal=True)
    for number in range(10_000):
        board.add("digits", f"idea_{number}", "accuracy", "higher")
    for number in range(50):
        ended = Entry(time=number + 1, template="digits", idea=f"idea_{number}", step="end")
        board.entry(ended)
    board.done_before = 7
    board.step("digits", "an_idea", "edit")
    table = _table(board, output)
    assert [name for name in table if name.startswith("idea_")] == [
        *("idea_45", "idea_46", "idea_47", "idea_48", "idea_49")
    ]
    assert table["an_idea"][0] == "edit"
    assert table["57"][:3] == ["of", "10009", "ideas"]


def test_a_resumed_sweep_tells_how_far_it_had_come_and_does_not_tell_it_all_again() -> None:
    board, output = _board(80, terminal=False)
    begun = Entry(time=9, template="digits", idea="an_idea", step="plan", message="a plan")
    board.done_before = 3
    board.recall([begun])
    assert output.getvalue() == "going on: 3 of 5 ideas are done, 1 begun\n"
