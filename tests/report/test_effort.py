"""What agents cost and were worth: counted from the ledger, told apart only where that is sure."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from bonsai import report
from bonsai.report import effort, markdown
from bonsai.report.effort import UNDER_WAY, Contrast, Effort
from bonsai.report.intervals import newcombe, welch, wilson
from bonsai.report.shapes import Report
from bonsai.report.summary import summarise
from tests import reports

# ---------------------------------------------------------------------------------- the intervals


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611),
     (1, 29, 0.0061, 0.1718)],
)  # fmt: skip
def test_wilson_is_as_published(count: int, of: int, low: float, high: float) -> None:
    """Table I of R. G. Newcombe, Stat. Med. 17 (1998) 857, method 3."""
    assert wilson(count, of) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((6, 7, 2, 7), 0.0582, 0.8062),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((0, 10, 0, 20), -0.1611, 0.2775),
        ((0, 10, 0, 10), -0.2775, 0.2775),
        ((10, 10, 0, 20), 0.6791, 1.0),
        ((10, 10, 0, 10), 0.6075, 1.0),
    ],
)
def test_newcombe_is_as_published(
    counts: tuple[int, int, int, int], low: float, high: float
) -> None:
    """Table II of R. G. Newcombe, Stat. Med. 17 (1998) 873, method 10."""
    assert newcombe(*counts) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_welch_by_hand() -> None:
    """Means 2 and 6, variances 1 and 4, three values each: a standard error of the root of 5/3.

    The degrees of freedom are (5/3)² / ((1/3)²/2 + (4/3)²/2) = 50/17.
    """
    reach = stats.t.ppf(0.975, 50 / 17) * math.sqrt(5 / 3)
    assert welch([1, 2, 3], [4, 6, 8]) == (
        pytest.approx(-4 - reach), pytest.approx(-4 + reach)
    )  # fmt: skip


Values = st.lists(st.floats(-1e3, 1e3).map(lambda value: round(value, 3)), min_size=2, max_size=20)


@given(Values, Values)
def test_welch_is_scipys(values: list[float], others: list[float]) -> None:
    assume(len(set(values)) > 1 and len(set(others)) > 1)
    theirs = stats.ttest_ind(values, others, equal_var=False).confidence_interval()
    assert welch(values, others) == (
        pytest.approx(theirs.low, abs=1e-6), pytest.approx(theirs.high, abs=1e-6)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("values", "others"), [([], [1.0, 2.0]), ([1.0], [1.0, 2.0]), ([3.0, 3.0], [5.0, 5.0, 5.0])]
)
def test_where_nothing_spreads_there_is_no_interval(
    values: Sequence[float], others: Sequence[float]
) -> None:
    assert welch(values, others) is None


Trials = st.integers(1, 200).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))


@given(Trials)
def test_a_proportion_lies_in_its_interval_and_that_is_the_others_mirrored(
    trials: tuple[int, int],
) -> None:
    count, of = trials
    low, high = wilson(count, of)
    assert 0 <= low <= count / of <= high <= 1
    assert wilson(of - count, of) == (pytest.approx(1 - high), pytest.approx(1 - low))


@given(Trials, Trials)
def test_a_difference_lies_in_its_interval_and_changes_its_sign_with_the_order(
    one: tuple[int, int], two: tuple[int, int]
) -> None:
    low, high = newcombe(*one, *two)
    assert -1 - 1e-9 <= low <= one[0] / one[1] - two[0] / two[1] <= high <= 1 + 1e-9
    assert newcombe(*two, *one) == (pytest.approx(-high), pytest.approx(-low))


# ------------------------------------------------------------------------- counted from the ledger


@pytest.mark.parametrize(
    ("fates", "edits", "kept"),
    [("", 0, 0), ("k", 1, 1), ("kkf", 2, 2), ("usrk", 4, 1), ("ko", 1, 1), ("uk?", 2, 1)],
)
def test_an_edit_is_kept_where_it_led_to_a_finished_run(
    fates: str, edits: int, kept: int, tmp_path: Path
) -> None:
    made = reports.Synthetic(tmp_path / "res", reports.ideas(["a"]))
    made.baseline()
    made.tries("a", "aider", fates, 3.0)
    [idea] = report.gather(summarise(made.write())).templates[0].ideas
    assert idea.effort is not None
    assert (idea.effort.edits, idea.effort.kept) == (edits, kept)


def _two_agents(tmp_path: Path, **settings: Any) -> reports.Synthetic:
    """Eight ideas, shared out; opencode edits well and slowly, aider badly and fast."""
    names = [f"idea_{number}" for number in range(8)]
    told = {"agents": ["aider", "opencode"], "model": "some/model", **settings}
    made = reports.Synthetic(tmp_path / "res", reports.ideas(names), **told)
    made.baseline()
    for number, name in enumerate(names):
        agent = made.settings.agent_of("toy", name)
        fates, seconds = ("uus", 10.0) if agent == "aider" else ("kkk", 60.0)
        made.tries(name, agent, fates, seconds + number)
        for _ in range(2):
            made.call(name, 1000 + number, 100, 0.01 if agent == "aider" else None)
        made.step("toy", name, "end")
    return made


def _told(made: reports.Synthetic) -> Report:
    return report.gather(summarise(made.write()))


def test_sums_by_agent_are_those_of_the_ledger(tmp_path: Path) -> None:
    made = _two_agents(tmp_path)
    told = {each.agent: each for each in _told(made).efforts}
    lines = map(json.loads, (made.results / "ledger.jsonl").read_text().splitlines())
    steps: dict[str, list[Any]] = {"aider": [], "opencode": []}
    for line in lines:
        if line["idea"]:
            steps[made.settings.agent_of("toy", line["idea"])].append(line)
    for agent, each in told.items():
        spent = [line["data"] for line in steps[agent] if line["step"] == "spent"]
        asked = [line["data"] for line in steps[agent] if line["step"] in ("plan", "edit")]
        assert each.ideas == 4
        assert each.calls == len(spent) == 8
        assert each.tokens_in == sum(data["tokens_in"] for data in spent)
        assert each.tokens_out == 800
        assert each.tokens == each.tokens_in + each.tokens_out
        assert each.seconds == pytest.approx(sum(data["agent_seconds"] for data in asked))
        assert each.edits == 12
    assert (told["aider"].kept, told["opencode"].kept) == (0, 12)
    assert told["aider"].usd == pytest.approx(0.08)
    assert told["opencode"].usd is None, "a price that nobody knows is said to be unknown"
    assert told["aider"].failures == {"unusable reply": 8, "crashed": 4}
    assert told["aider"].outcomes == {"no result": 4}


def test_each_idea_names_the_lines_that_its_agent_was_asked_in(tmp_path: Path) -> None:
    made = _two_agents(tmp_path)
    told = _told(made)
    lines = (made.results / "ledger.jsonl").read_text().splitlines()
    for _, idea in told.ideas:
        assert idea.effort is not None
        named = [
            json.loads(lines[source.line - 1]) for source in idea.effort.sources if source.line
        ]
        assert [entry["step"] for entry in named] == ["edit", "edit", "edit", "plan"]
        assert {entry["idea"] for entry in named} == {idea.folder}
        assert {entry["data"]["agent"] for entry in named} == {idea.effort.agent}


def test_which_agent_did_better_is_said_where_it_is_sure(tmp_path: Path) -> None:
    told = _told(_two_agents(tmp_path))
    by_what = {each.what: each for each in told.contrasts}
    assert list(by_what) == [
        "edits kept", "ideas supported", "time per idea", "tokens per idea"
    ]  # fmt: skip
    kept, seconds = by_what["edits kept"], by_what["time per idea"]
    order = kept.first, kept.second
    counts = {"aider": 0, "opencode": 12}
    assert kept.better == "opencode"
    assert (kept.low, kept.high) == newcombe(counts[order[0]], 12, counts[order[1]], 12)
    assert seconds.better == "aider", "less time is better"
    assert "aider did better" in seconds.sentence
    for unsure in (by_what["ideas supported"], by_what["tokens per idea"]):
        assert unsure.better is None
        assert unsure.low is not None and unsure.high is not None
        assert unsure.low <= 0 <= unsure.high
        assert "it holds 0, so the difference says nothing" in unsure.sentence
    found = [finding.sentence for finding in told.findings]
    assert "opencode did better than aider in edits kept" in found
    assert not any("tokens" in sentence for sentence in found)


def test_where_nothing_is_judged_no_agent_is_compared_by_verdicts(tmp_path: Path) -> None:
    told = _told(_two_agents(tmp_path, confirm_seeds=0, max_confirm_seeds=0))
    assert [each.what for each in told.contrasts] == [
        "edits kept", "time per idea", "tokens per idea"
    ]  # fmt: skip


def test_with_one_idea_each_nothing_is_said_of_means(tmp_path: Path) -> None:
    made = reports.Synthetic(tmp_path / "res", reports.ideas(["a", "b"]), agents=["aider", "codex"])
    made.baseline()
    for name in ("a", "b"):
        made.tries(name, made.settings.agent_of("toy", name), "k", 5.0 + ord(name))
        made.step("toy", name, "end")
    [seconds] = [each for each in _told(made).contrasts if each.what == "time per idea"]
    assert (seconds.low, seconds.high, seconds.better) == (None, None, None)
    assert "so the difference says nothing" in seconds.sentence


def test_an_idea_under_way_counts_in_no_mean_and_as_no_outcome(tmp_path: Path) -> None:
    made = reports.Synthetic(tmp_path / "res", reports.ideas(["a", "b"]), agents=["aider", "codex"])
    made.baseline()
    made.tries("a", made.settings.agent_of("toy", "a"), "k", 5.0)
    made.step("toy", "a", "end")
    made.tries("b", made.settings.agent_of("toy", "b"), "k?", 5.0)
    told = _told(made)
    [begun] = [each for each in told.efforts if each.outcomes == {UNDER_WAY: 1}]
    assert (begun.ideas, begun.ended) == (1, 0)
    assert {each.what for each in told.contrasts} == {"edits kept"}


def test_who_was_asked_is_what_the_ledger_says(tmp_path: Path) -> None:
    """Whatever stands in sweep.json now."""
    made = reports.Synthetic(tmp_path / "res", reports.ideas(["a"]), agents=["gptme"])
    made.baseline()
    made.tries("a", "codex", "k", 5.0)
    assert [each.agent for each in _told(made).efforts] == ["codex"]


def test_results_of_before_agents_were_recorded_are_told_by_the_settings(tmp_path: Path) -> None:
    made = reports.Synthetic(tmp_path / "res", reports.ideas(["a"]), agent="rewrite")
    made.baseline()
    made.tries("a", None, "uk", 4.0)
    [told] = _told(made).efforts
    assert (told.agent, told.edits, told.kept) == ("rewrite", 2, 1)
    assert told.seconds == 12.0, "of the three steps"


def test_two_programs_of_ones_own_are_told_apart_by_their_commands(tmp_path: Path) -> None:
    own = ["command:python one.py", "command:python two.py"]
    made = reports.Synthetic(tmp_path / "res", reports.ideas(["a", "b"]), agents=own)
    made.baseline()
    for name in ("a", "b"):
        made.tries(name, "command", "k", 5.0)
    assert {each.agent for each in _told(made).efforts} == set(own)


def test_without_an_agent_there_is_nothing_to_tell(tmp_path: Path) -> None:
    made = reports.Synthetic(tmp_path / "res", reports.ideas(["a"]))
    made.baseline()
    made.step("toy", "a", "propose", data={"by": "tpe", "turn": 0, "candidate": 1})
    told = _told(made)
    assert told.efforts == told.contrasts == []
    assert told.ideas[0][1].effort is None


def test_in_a_search_an_edit_is_kept_where_its_version_was_measured(tmp_path: Path) -> None:
    made = reports.Synthetic(tmp_path / "res", reports.ideas(["a"]), agents=["codex"])
    made.baseline()
    by = {"agent": "codex", "agent_seconds": 2.0}
    for number, proposer in enumerate(("model", "tpe", "cross", "chain"), start=1):
        made.step("toy", "a", "propose", data={"by": proposer, "candidate": number, **by})
    made.step("toy", "a", "propose", ok=False, data={"by": "model", "kind": "no edit", **by})
    for number, ok in ((1, True), (2, True), (3, False)):
        data = {"candidate": number, "seed": 1100, "given_up": not ok}
        made.step("toy", "a", "evaluate", ok=ok, data=data)
    found = summarise(made.write())
    took = effort.of_idea(found.settings, "toy", found.ideas[0][1])
    assert took is not None
    assert (took.edits, took.kept) == (3, 1), "one is not measured yet, and tpe edits nothing"
    assert took.seconds == 8.0


Counted = st.integers(0, 40).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), Counted), max_size=12))
def test_an_agent_that_did_better_has_the_larger_share_and_never_by_chance_alone(
    ideas: list[tuple[str, tuple[int, int]]],
) -> None:
    efforts = [
        Effort(agent=agent, kept=kept, edits=of, outcomes={"no result": 1})
        for agent, (kept, of) in ideas
    ]
    shares = {each.agent: each.kept / each.edits for each in effort.by_agent(efforts) if each.edits}
    found: list[Contrast] = effort.contrasts(efforts)
    assert {each.agent for each in effort.by_agent(efforts)} == {agent for agent, _ in ideas}
    for each in found:
        if each.what == "edits kept" and each.better:
            other = each.second if each.better == each.first else each.first
            assert shares[each.better] > shares[other]
            assert each.low is not None and each.high is not None
            assert each.low > 0 or each.high < 0


# ------------------------------------------------------------------------------- as people see it


def test_pages_and_tables_show_the_same_numbers(tmp_path: Path) -> None:
    made = _two_agents(tmp_path)
    told = _told(made)
    page = BeautifulSoup(report.write(summarise(made.results)).read_text(), "html.parser")
    table, ideas = page.select("table.efforts")
    rows = {row.th.text: [cell.text for cell in row("td")] for row in table.tbody("tr")}
    for each in told.efforts:
        row = rows[each.agent]
        assert row[0] == "4"
        assert row[2:4] == [str(each.edits), str(each.kept)]
        assert row[6:9] == [f"{n:,}" for n in (each.calls, each.tokens_in, each.tokens_out)]
    assert rows["opencode"][9] == "unknown"
    assert rows["aider"][9] == "$0.08"
    assert len(ideas.tbody("tr")) == 8
    assert [item.text for item in page.select(".contrasts li")] == [
        each.sentence for each in told.contrasts
    ]
    text = (made.results / "report" / "report.md").read_text()
    assert all(markdown.escape(each.sentence) in text for each in told.contrasts)
    listed = list(csv.DictReader((made.results / "report" / "ideas.csv").read_text().splitlines()))
    assert {row["idea"]: row["agent"] for row in listed} == {
        idea.name: made.settings.agent_of("toy", idea.folder) for _, idea in told.ideas
    }
    own = BeautifulSoup(
        (made.results / "report" / told.ideas[0][1].page).read_text(), "html.parser"
    )
    section = own.find("section", attrs={"aria-labelledby": "effort"})
    assert section is not None
    assert told.ideas[0][1].effort is not None
    assert section.text.strip().splitlines()[1].startswith(told.ideas[0][1].effort.agent)
    assert section.find("a", href="../../ledger.jsonl")


def test_one_agent_has_one_line_and_no_comparison(tmp_path: Path) -> None:
    made = reports.Synthetic(tmp_path / "res", reports.ideas(["a", "b"]))
    made.baseline()
    for name in ("a", "b"):
        made.tries(name, "aider", "uk", 4.0)
    page = BeautifulSoup(report.write(summarise(made.write())).read_text(), "html.parser")
    [table] = page.select("table.efforts")
    assert len(table.tbody("tr")) == 1
    assert not page.select(".contrasts")
