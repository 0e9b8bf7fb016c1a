"""The papers of benchmarks/audit.py are wrong only where it is said that they are."""

from __future__ import annotations

import functools
import re
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import audit
from benchmarks.papers.manuscripts import KINDS, MARK, Kind, Planted, helped, swapped
from benchmarks.papers.planting import ERRORS, Manuscript, manuscripts
from benchmarks.papers.written import Written, written_papers

PAPERS = list(manuscripts())


@functools.cache
def planted() -> list[tuple[Manuscript, list[tuple[int, str]], list[Planted]]]:
    so_far: Counter[Kind] = Counter()
    return [(paper, *paper.plant(ERRORS, so_far)) for paper in PAPERS]


def test_there_are_enough_papers_errors_and_kinds() -> None:
    errors = [each for _, _, found in planted() for each in found]
    assert len(PAPERS) >= 30
    assert len(errors) >= 200
    by_kind = Counter(each.kind for each in errors)
    assert set(by_kind) == set(KINDS)
    assert min(by_kind.values()) >= 10


def test_a_third_of_the_papers_is_held_out() -> None:
    held_out = [each for each in PAPERS if each.held_out]
    assert len(held_out) >= len(PAPERS) / 3
    authors = {each.author for each in PAPERS if not each.held_out}
    assert {each.author for each in held_out} - authors


def test_the_same_errors_are_planted_each_time() -> None:
    so_far: Counter[Kind] = Counter()
    again = [paper.plant(ERRORS, so_far)[0] for paper in PAPERS[:5]]
    assert again == [wrong for _, wrong, _ in planted()[:5]]


def test_the_writers_papers_hold_errors_too() -> None:
    so_far: Counter[Kind] = Counter()
    papers = list(written_papers())
    assert len(papers) >= 10
    [paper] = [each for each in papers if each.idea == "lateral_inhibition"]
    changes, errors = paper.plant(ERRORS, so_far)
    assert len(changes) == len(errors) == ERRORS
    assert len({each.kind for each in errors}) > ERRORS / 2


@pytest.mark.parametrize("number", range(len(PAPERS)), ids=lambda each: PAPERS[each].name)
def test_an_error_stands_where_it_is_said_to_stand(number: int, tmp_path: Path) -> None:
    paper, wrong, errors = planted()[number]
    right = paper.write(tmp_path / "right")[0].read_text().splitlines()
    text = paper.write(tmp_path / "wrong", wrong)[0].read_text()
    lines = text.splitlines()
    assert not MARK.search(text)
    assert text.count("\\begin{") == text.count("\\end{")
    for error in errors:
        block = "\n".join(lines[error.block.first - 1 : error.block.last])
        assert block == error.block.text
        assert error.wrong in block or "\\newcommand" in text
    if not any("\n" in error.wrong for error in errors):
        pairs = enumerate(zip(right, lines, strict=True), 1)
        differing = {at for at, (before, after) in pairs if before != after}
        places = {
            line for error in errors for line in range(error.block.first, error.block.last + 1)
        }
        macros = {at for at, line in enumerate(lines, 1) if line.startswith("\\newcommand")}
        assert differing <= places | macros


def test_an_audit_finds_what_is_planted_and_accuses_no_right_paper() -> None:
    """A few papers of every form; the whole is slow."""
    some = [paper for paper in PAPERS if paper.study in ("adaptive_block", "rotation_pretraining")]
    papers = [*(paper for paper in some if not paper.held_out), Written("demo", None, False)]
    results = audit.judge_all(papers)
    share, alarms = audit.told("Some papers", results)
    assert share >= audit.LEAST_FOUND
    assert alarms <= audit.MOST_FALSE_ALARMS


@pytest.mark.slow
def test_an_audit_finds_what_is_planted_in_all_papers(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main(["--show"]) == 0, capsys.readouterr().out


@pytest.mark.parametrize("text", ["0.9123", "91.2", "1523", "-47.8", "+0.41", "7"])
def test_swapped_digits_make_another_number(text: str) -> None:
    for other in swapped(text):
        assert float(other) != float(text)
        assert re.fullmatch(r"[+-]?\d+(\.\d+)?", other)


def test_a_helping_rounding_goes_up_where_higher_is_better_and_is_not_the_nearest() -> None:
    assert helped(83.22, 1, "higher") == ["83.3"]
    assert helped(83.28, 1, "higher") == []  # rounded correctly, it helps as it is
    assert helped(83.2, 1, "higher") == []  # nothing is rounded
    assert helped(83.245, 1, "higher") == []  # hardly to be told from its neighbour
    assert helped(0.3788, 3, "lower") == ["0.378"]
    assert helped(0.3788, 3, "higher") == []
    assert helped(0.3782, 3, "lower") == []
