"""What a report tells of a search: only what the ledger holds, each figure on seeds of its own."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bonsai.base import Entry
from bonsai.evaluation import Check, Scores, Verdict, checks, verdict
from bonsai.report import markdown, page
from bonsai.report.drawing import Curves
from bonsai.report.findings import of_template
from bonsai.report.searches import (
    contest,
    describe_contest,
    describe_cost,
    describe_others,
    describe_spending,
    read_search,
)
from bonsai.report.shapes import (
    Contest,
    IdeaReport,
    Judged,
    MetricReport,
    Report,
    Run,
    SearchReport,
    TemplateReport,
)
from bonsai.report.story import Story
from bonsai.report.summary import IdeaSummary, TemplateSummary
from bonsai.settings import SearchSettings
from bonsai.templates import Claim, Idea

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


START = {seed: 1.0 + 0.01 * seed for seed in range(8)}  # the template on fresh seeds
TREE = [
    _ran(0, 100, 1.0), _ran(0, 101, 2.0),
    _made(1, 0), _ran(1, 100, 3.0),
    _made(2, 1, "cross", other=1), _ran(2, 101, 5.0),
    _made(3, 1), _entry("evaluate", False, "by its curve", candidate=3, seed=100,
                        stage="search", kind="stopped early"),
    _made(4, 0), _entry("evaluate", False, "a slip", candidate=4, seed=100, stage="search",
                        kind="program failed"),
    _made(5, 0),
]  # fmt: skip
RACE = [_ran(1, 200, 7.0, "race"), _ran(2, 200, 7.5, "race")]
TAKEN_ON = _entry("run", candidate=2, run="run_1")


PRIMARY = Claim(metric="a", direction="higher")


def _search(
    *entries: Entry, fresh: dict[int, float] | None = None, name: str = "search"
) -> IdeaSummary:
    idea = IdeaSummary(Idea(Name=name, Title="t", Experiment="e"), list(entries), [PRIMARY])
    idea.verdicts = [Verdict(claim=PRIMARY)]
    if fresh is not None:
        shared = [seed for seed in fresh if seed in START]
        found = verdict.compare([fresh[each] for each in shared], [START[each] for each in shared])
        idea.best_run, idea.fresh = "run_1", {"run_1": _scores(fresh)}
        idea.verdicts = [Verdict(claim=PRIMARY, run="run_1", comparison=found)]
        cost = Check(name=checks.COST, passed=True, found="Took 1.05 times the memory.")
        idea.checks = {"run_1": [cost]}
    return idea


def _template(*ideas: IdeaSummary, better: str = "higher", fresh: bool = True) -> TemplateSummary:
    scorer = SimpleNamespace(primary="a", metrics={"a": SimpleNamespace(unit="%", better=better)})
    start = _scores(START) if fresh else None
    return TemplateSummary(cast(Any, SimpleNamespace(scorer=scorer)), start, start, [], list(ideas))


def _read(
    *entries: Entry, fresh: dict[int, float] | None = None, better: str = "higher", patch: str = ""
) -> SearchReport:
    found = read_search(_search(*entries, fresh=fresh), _template(better=better), SETTINGS, patch)
    assert found is not None
    return found


def _gains(found: SearchReport) -> list[tuple[str, int, int, float]]:
    return [(each.stage, each.against, each.seeds, each.difference) for each in found.gains]


def test_each_candidate_stands_below_its_parent_with_what_came_of_it() -> None:
    found = _read(*TREE, *RACE, TAKEN_ON)
    assert [(each.number, each.depth) for each in found.tree] == [
        (1, 0), (2, 1), (3, 1), (4, 0), (5, 0)
    ]  # fmt: skip
    one, two, three, four, five = found.tree
    assert (one.difference, one.fate) == (2.0, "raced")
    assert (two.difference, two.seeds, two.won, two.other) == (3.0, [101], True, 1)
    assert (three.fate, three.problem) == ("stopped early", "by its curve")
    assert (four.fate, four.problem) == ("program failed", "a slip")
    assert five.fate == "not run"
    assert found.line == [1, 2]
    assert found.others == {"stopped early": 1, "program failed": 1, "not run": 1}
    assert describe_others(found).startswith("3 candidates beside these: 1 stopped early")


def test_a_candidate_without_a_seed_of_the_template_was_measured_all_the_same() -> None:
    found = _read(_ran(0, 100, 1.0), _made(1, 0), _ran(1, 109, 3.0))
    assert found.tree[0].difference is None
    assert found.tree[0].fate == "not taken on"


def test_what_was_spent_is_told_by_stage_and_by_how_runs_ended() -> None:
    nothing = _entry("propose", False, "no edit", by="model", turn=7, kind="no edit")
    slow = _entry("evaluate", False, "slow", candidate=1, seed=101, stage="search", kind="too slow")
    found = _read(*TREE, nothing, slow, *RACE, TAKEN_ON, fresh=_fresh(1.0))
    assert found.proposers == {"tpe": 4, "cross": 1}
    assert found.fruitless == {"model": 1}
    assert found.runs == {"search": 7, "race": 2, "verdict": 16}
    assert found.spent == 9
    assert found.given_up == {"stopped early": 1, "program failed": 1, "too slow": 1}
    assert (found.cpu_seconds, found.timed) == (12.0, 6)
    assert describe_spending(found) == (
        "5 candidates looked at, made by tpe (4) and cross (1) (proposals that came to nothing: "
        "model (1)). 7 runs of one seed to find the best, 2 in a race of 2 finalists and 16 for "
        "the verdict, half of them of the template; each step has seeds of its own. Runs without a "
        "figure: 1 stopped early by their curve, 1 too slow and 1 broken (program failed (1)). "
        "12 s of computing before the verdict, in the 6 runs of which it is known."
    )


def test_the_winner_falls_back_from_step_to_step_each_on_seeds_of_its_own() -> None:
    found = _read(*TREE, *RACE, TAKEN_ON, fresh=_fresh(0.25))
    assert [(each.number, each.mean, each.won) for each in found.finalists] == [
        (2, 7.5, True), (1, 7.0, False)
    ]  # fmt: skip
    *chosen, last = _gains(found)
    assert chosen == [("search", 0, 1, 3.0), ("race", 1, 1, 0.5)]
    assert last[:3] == ("verdict", 0, 8)
    assert last[3] == pytest.approx(0.23, abs=0.01)
    assert describe_cost(found) == (
        "Cost on the fresh seeds: took 1.05 times the memory. A candidate could take 1.1 times "
        "the template's computing time at most."
    )


def test_where_less_is_better_the_smallest_finalist_is_the_first() -> None:
    found = _read(*TREE, *RACE, TAKEN_ON, better="lower")
    assert [each.number for each in found.finalists] == [1, 2]


def test_the_template_may_be_among_the_finalists() -> None:
    found = _read(*TREE, *RACE, _ran(0, 200, 6.0, "race"), TAKEN_ON)
    assert [each.name for each in found.finalists] == ["c0002", "c0001", "the template"]
    assert ("race", 0, 1, 1.5) in _gains(found)


def test_a_winner_without_a_race_is_told_without_one() -> None:
    found = _read(*TREE, TAKEN_ON, fresh=_fresh(1.0))
    assert found.finalists == []
    assert [each.stage for each in found.gains] == ["search", "verdict"]
    assert "race" not in describe_spending(found)


def test_a_search_may_find_nothing() -> None:
    found = _read(*TREE)
    assert found.winner is None
    assert found.line == []
    assert found.gains == []
    assert sum(found.others.values()) == 5
    assert "beside these" not in describe_others(found)
    assert read_search(_search(_entry("start")), _template(), SETTINGS) is None


def test_a_ledger_that_names_no_stages_is_one_of_a_search() -> None:
    found = _read(_ran(0, 100, 1.0, None), _made(1, 0), _ran(1, 100, 3.0, None))
    assert found.runs == {"search": 2}
    assert found.tree[0].difference == 2.0


def _fresh(gain: float) -> dict[int, float]:
    return {seed: 1.0 + gain + 0.02 * (seed % 3) for seed in range(8)}


def _arm(name: str, fresh: dict[int, float] | None, over: bool = True) -> IdeaSummary:
    entries = [_ran(0, 100, 1.0), _ran(1, 100, 1.0), *([_entry("end")] * over)]
    return _search(*entries, fresh=fresh, name=name)


def _contest(template: TemplateSummary, settings: SearchSettings = SETTINGS) -> Contest | None:
    found = {idea.idea.Name: read_search(idea, template, settings) for idea in template.ideas}
    return contest(template, {key: each for key, each in found.items() if each}, settings, 1)


@pytest.mark.parametrize(
    ("model", "control", "answer"),
    [
        (_fresh(2.0), _fresh(1.0), "yes"),
        (_fresh(1.0), _fresh(2.0), "no"),
        (_fresh(1.0), {seed: value + (-1) ** seed for seed, value in _fresh(1.0).items()},
         "undecided"),
        (_fresh(2.0), None, "yes"),  # the template stands for the control
        (None, _fresh(2.0), "no"),
    ],
)  # fmt: skip
def test_whether_the_model_beat_tpe_is_answered_on_fresh_seeds(
    model: dict[int, float] | None, control: dict[int, float] | None, answer: str
) -> None:
    found = _contest(_template(_arm("control", control), _arm("search", model)))
    assert found is not None
    assert (found.model, found.control) == ("search", "control")
    assert found.answer == answer
    assert found.seeds == list(range(8))
    assert found.runs == (2, 2)
    assert found.cpu_seconds == (4.0, 4.0)
    sentence, detail = describe_contest(found, "%", 2)
    assert {"yes": "beat TPE", "no": "did not beat", "undecided": "undecided"}[answer] in sentence
    assert detail.startswith({"yes": "Yes: ", "no": "No: ", "undecided": "Undecided: "}[answer])
    assert "on 8 fresh seeds. Spent: 2 and 2 runs of one seed, 4 and 4 s of computing. " in detail
    assert detail.endswith("One comparison beside the claims, not among them.")
    assert ("the template stands for it" in detail) == (model is None or control is None)


def test_less_may_be_better_in_a_contest() -> None:
    found = _contest(
        _template(_arm("s", _fresh(1.0)), _arm("control", _fresh(2.0)), better="lower")
    )
    assert found is not None
    assert found.answer == "yes"


def test_seeds_that_only_one_search_came_to_are_left_out() -> None:
    longer = _fresh(1.0) | {8: 9.0, 9: 9.0}
    found = _contest(_template(_arm("s", _fresh(2.0)), _arm("control", longer)))
    assert found is not None
    assert found.seeds == list(range(8))


@pytest.mark.parametrize("fresh", [True, False])
def test_where_neither_search_has_a_winner_the_model_did_not_beat_tpe(fresh: bool) -> None:
    """Then the template need not have been run on fresh seeds."""
    found = _contest(_template(_arm("s", None), _arm("control", None), fresh=fresh))
    assert found is not None
    assert (found.answer, found.comparison, found.seeds) == ("no", None, [])
    assert "neither of which has a winner" in describe_contest(found, "%", 2)[1]


def test_computing_time_that_is_not_known_is_not_told_as_if_it_were() -> None:
    arm = _arm("search", _fresh(2.0))
    arm.entries.insert(0, _entry("evaluate", False, candidate=1, seed=101, kind="stopped early"))
    found = _contest(_template(arm, _arm("control", _fresh(1.0))))
    assert found is not None
    assert (found.runs, found.timed) == ((3, 2), (2, 2))
    assert "4 and 4 s of computing in the 2 and 2 of which" in describe_contest(found, "%", 2)[1]


def test_it_is_not_answered_before_both_searches_are_over() -> None:
    model = _arm("search", _fresh(2.0))
    assert _contest(_template(_arm("search", None, over=False), _arm("control", None))) is None
    assert _contest(_template(model)) is None
    assert _contest(_template(model, _arm("other", None), _arm("control", None))) is None
    assert _contest(_template(model, _arm("control", None)), SearchSettings()) is None


def _report(idea: IdeaSummary, patch: str = "") -> Report:
    """A report of a search and its control, with as little else as it needs."""
    summary = _template(idea, _arm("control", None))
    metric = MetricReport(name="a", unit="%", better="higher", about="")
    base = Run(name="run_0", dataset="d", seeds=[0], means={"a": 1.0}, stderrs={"a": None},
               per_seed={"a": [1.0]})  # fmt: skip
    ideas = []
    for each in summary.ideas:
        ideas.append(
            IdeaReport(
                name=each.idea.called, folder=each.idea.Name, title="t", experiment="e",
                page=f"ideas/t--{each.idea.Name}.html", state="done", word=each.word,
                claims=[Judged(sentence="improves a", verdict=each.main)], best_run=each.best_run,
                search=read_search(each, summary, SETTINGS, patch if each is idea else ""),
            )
        )  # fmt: skip
    told = TemplateReport(name="t", primary=metric, metrics={"a": metric}, digits=2, baseline=base,
                          fresh=None, ideas=ideas, contest=_contest(summary))  # fmt: skip
    told.findings = of_template(told, summary)
    return Report(question="q", answer="a", finished=True, written=0, began=None, ended=None,
                  ideas_done=2, model=None, looks=[8], templates=[told], findings=[], runs=1,
                  tokens=0, usd=0, unpriced=0, failures=[], failure_kinds={})  # fmt: skip


def _forms(report: Report) -> dict[str, str]:
    """What a reader sees: on the first page, on the search's own, in report.md."""
    template = report.templates[0]
    story = Story(None, [], Curves([], 0, []), [], [], [], 0, [], 0)
    own = page.idea(report, template, template.ideas[0], story, [], "results", "0.0")
    return {
        "index": page.index(report, "results", {}), "page": own, "md": markdown.describe(report)
    }  # fmt: skip


def test_pages_and_text_tell_the_same_of_a_search() -> None:
    idea = _search(*TREE, *RACE, TAKEN_ON, _entry("end"), fresh=_fresh(0.25))
    report = _report(idea, "t/search/winner.patch")
    for form, text in _forms(report).items():
        for said in (
            "5 candidates looked at, made by tpe (4) and cross (1)",
            "2 in a race of 2 finalists",
            "What is chosen for its figures falls back",
            "+3.00", "+0.50", "+0.23", "7.50", "7.00",
            "From the template to c0002",
            "3 candidates beside these: 1 stopped early, 1 program failed, 1 not run.",
            "took 1.05 times the memory",
            "A candidate could take 1.1 times",
            "../t/search/winner.patch" if form != "page" else "../../t/search/winner.patch",
            "RESULTS/t/search/winner.patch",
        ):  # fmt: skip
            assert said in text.replace("&#39;", "'"), (form, said)
        assert 'style="' not in text, "a page's policy lets no style stand in it"
    told = json.loads(report.model_dump_json())["templates"][0]
    assert [each["stage"] for each in told["ideas"][0]["search"]["gains"]] == [
        "search", "race", "verdict"
    ]  # fmt: skip
    assert told["contest"]["answer"] == report.templates[0].contest.answer  # type: ignore[union-attr]
    for form in ("index", "md"):
        assert "at equal compute" in _forms(report)[form]


def test_a_search_that_found_nothing_says_so_once_it_is_over() -> None:
    report = _report(_search(*TREE, _entry("end")))
    for form, text in _forms(report).items():
        assert "None was better: the search answers with the template itself." in text, form
        assert "From the template to" not in text
        assert "winner.patch" not in text
    for idea in report.templates[0].ideas:
        idea.state = "under way"
    for form, text in _forms(report).items():
        assert "None was better" not in text, form
