"""Tables: every cell against the run, the metric and the data set that its row and column name."""

from __future__ import annotations

import pytest

from bonsai.audit.checks.tables import tables
from bonsai.audit.document import Document
from tests.audit.papers import accused, facts, table

BY_RUN = (
    "Method | Test accuracy (%) | Val. loss | Train (s)",
    "Baseline | 70.0 ± 0.4 | 2.00 | 10.0",
    "Gated units | *80.0 ± 0.5* | *1.50* | 12.5",
    "Slow decay | 75.4 ± 0.4 | 1.80 | 40.0",
)
BY_METRIC = (
    " | Baseline | Run 1 | Run 2",
    "Test accuracy | 0.700 | *0.800* | 0.754",
    "Validation loss | 2.0 | *1.5* | 1.8",
)
BY_DATA = ("Run | wine | digits", "Baseline | 0.70 | 0.50", "Gated units | *0.80* | 0.45")


def rows(document: Document) -> list[str]:
    return accused(list(tables(document, facts())))


@pytest.mark.parametrize(
    ("cells", "caption"),
    [(BY_RUN, "Results on wine."), (BY_METRIC, "Results on wine."), (BY_DATA, "Test accuracy.")],
)
def test_a_table_that_is_right_is_not_accused_whichever_way_it_lies(
    cells: tuple[str, ...], caption: str
) -> None:
    assert rows(table(*cells, caption=caption)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("75.4", "74.5"),  # digits swapped
        ("1.80", "1.50"),  # of another run
        ("75.4", "75.5"),  # rounded in its own favour
        ("(s)", "(ms)"),
        ("70.0", "80.0"),
    ],
)
def test_a_cell_that_is_wrong_is_accused(old: str, new: str) -> None:
    wrong = [row.replace(old, new, 1) if old in row else row for row in BY_RUN]
    assert wrong != list(BY_RUN)
    assert rows(table(*wrong, caption="Results on wine."))


def test_a_cell_of_another_data_set_is_accused() -> None:
    wrong = [*BY_DATA[:2], "Gated units | 0.45 | 0.45"]
    (said,) = rows(table(*wrong, caption="Test accuracy."))
    assert said.startswith("0.45 (Gated units / wine)")


def test_a_row_without_a_name_is_given_the_run_that_explains_most_of_it() -> None:
    right = table(*BY_RUN[:2], "Ours+ | 75.4 | 1.80 | 40.0", caption="Results on wine.")
    wrong = table(*BY_RUN[:2], "Ours+ | 75.4 | 1.80 | 12.5", caption="Results on wine.")
    assert rows(right) == []
    (said,) = rows(wrong)
    assert said.startswith("12.5")


def test_bold_must_be_the_best_by_the_metrics_own_direction() -> None:
    wrong = [row.replace("1.80", "*1.80*").replace("*1.50*", "1.50") for row in BY_RUN]
    found = [each for each in tables(table(*wrong, caption="Results on wine."), facts())
             if each.accuses]  # fmt: skip
    assert [each.kind for each in found] == ["bold"]
    assert "lower is better" in found[0].found


def test_a_second_bold_cell_is_wrong_where_only_the_best_is_bold() -> None:
    cells = ("Run | Test accuracy", "Baseline | 0.70", "Gated | *0.80*", "Slow decay | *0.754*")
    assert rows(table(*cells, caption="Results on wine. The best of each column is bold."))
    assert rows(table(*cells, caption="Results on wine.")) == []


def test_a_column_of_differences_is_held_against_the_baseline() -> None:
    right = (
        "Method | Test accuracy | Δ",
        "Gated units | 0.80 | +0.10",
        "Slow decay | 0.754 | +0.054",
    )
    wrong = (*right[:2], "Slow decay | 0.754 | -0.054")
    assert rows(table(*right, caption="Results on wine.")) == []
    assert rows(table(*wrong, caption="Results on wine."))


def test_a_table_of_settings_accuses_nobody() -> None:
    cells = ("Setting | Value", "learning rate | 0.001", "batch size | 64", "width | 128")
    assert rows(table(*cells, caption="What was chosen.")) == []
