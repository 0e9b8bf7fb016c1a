"""Programs that were brought and judged: what a reader, a script and a tracker are told of them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from bs4 import BeautifulSoup

from bonsai import report
from bonsai.report import figures, tracking
from bonsai.report.given import read_given
from bonsai.report.record import overall, verdict_record
from bonsai.report.summary import summarise
from bonsai.settings import GivenProgram
from tests import reports
from tests.reports import CODE, FRESH

GIVEN = GivenProgram(file="programs/1.py", sha256="5" * 64, origin="left/best.py", claimed=93.4)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder of programs with its report."""
    results = reports.judged(tmp_path_factory.mktemp("judged"))
    report.write(summarise(results), finished=False)
    return results


def _text(results: Path, name: str) -> str:
    page = (results / "report" / name).read_text()
    return " ".join(BeautifulSoup(page, "html.parser").get_text(" ").split())


# ---------------------------------------------------------------------------- what a reader meets


def test_a_reader_of_a_judgement_meets_programs_and_no_ideas_or_agents(results: Path) -> None:
    index, text = _text(results, "index.html"), (results / "report" / "report.md").read_text()
    for said in (index, text):
        assert "Of 4 programs on toy: which beat the baseline?" in said
        assert (
            "1 of 4 programs beat the baseline; 1 refuted; 1 undecided; 1 without a result" in said
        )
        assert "nobody edited here, and no model took part" in said
        assert "fresh seeds that nobody saw before" in said
    pages = [_text(results, f"ideas/toy--{name}.html") for name in ("gen_3", "same", "broken")]
    for said in (index, *pages, text.replace("ideas.csv", "").replace("ideas/", "")):
        lowered = said.lower()
        assert "idea" not in lowered
        assert "agent" not in lowered
        assert "edit " not in lowered


def test_figures_speak_of_programs_too(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(figures.plotting, "headline", lambda figure, *told: said.extend(told))
    monkeypatch.setattr(figures, "_save", lambda figure, sweep, name: Path(name))
    figures.draw(summarise(results))
    assert said[0] == "toy: 1 of 4 programs beat the baseline (1 without a result)"
    assert not [each for each in said if "idea" in each or "agent" in each]


def test_a_page_tells_where_its_program_is_from_and_that_nobody_edited_it(results: Path) -> None:
    page = BeautifulSoup((results / "report/ideas/toy--gen_3.html").read_text(), "html.parser")
    section = page.select_one("section[aria-labelledby=idea]")
    said = " ".join(section.get_text(" ").split())
    digest = summarise(results).settings.given("toy", "gen_3").sha256
    assert said.startswith(
        "The program The program as it was brought: left/gen_3.py , by openevolve"
    )
    assert digest[:12] in said
    assert "nobody edited it here" in said
    line = json.loads((results / "ledger.jsonl").read_text().splitlines()[4])
    assert line["step"] == "program"
    assert "ledger.jsonl line 5" in said
    changes = section.select_one(".diff")
    assert "images: int = 600" in changes.select_one("tr.add code").text
    assert "images: int = 60 " in changes.select_one("tr.del code").text
    assert len(page.select(".diff")) == 1, "told once"
    assert not page.select("#effort")
    assert not page.select("script:not([src])")


def test_a_program_that_is_the_baseline_itself_is_called_so(results: Path) -> None:
    assert "the baseline's own program, byte for byte" in _text(results, "ideas/toy--same.html")
    assert "byte for byte" not in _text(results, "ideas/toy--gen_3.html")


def test_a_program_that_never_ran_is_shown_with_its_problem(results: Path) -> None:
    page = _text(results, "ideas/toy--broken.html")
    assert "Code against the baseline: 1 line added" in page
    assert "failed: does not parse: <script>" in page
    assert "No run finished." in page


def test_a_baseline_that_was_brought_is_named_wherever_the_baseline_is_told(tmp_path: Path) -> None:
    before = CODE.replace("images: int = 60", "images: int = 50")
    results = reports.judged(tmp_path, before)
    report.write(summarise(results), finished=False)
    for name in ("index.html", "ideas/toy--gen_3.html"):
        assert "The baseline was brought, too: left/before.py" in _text(results, name)
    assert "The baseline was brought, too: left/before.py" in (
        results / "report" / "report.md"
    ).read_text().replace("\\", "")
    page = BeautifulSoup((results / "report/ideas/toy--gen_1.html").read_text(), "html.parser")
    assert "images: int = 50" in page.select_one("tr.del code").text
    told = json.loads((results / "report" / "report.json").read_text())
    assert told["templates"][0]["given"]["origin"] == "left/before.py"


# ------------------------------------------------------------------------------- what is said


def _of(values: list[float], better: str = "higher", looks: int = 1, **told: Any) -> Any:
    """What is told of a program that was said to be 93.4, whose fresh values are these."""
    scores = SimpleNamespace(
        per_seed={"acc": values}, means={"acc": sum(values) / max(len(values), 1)},
        varies=lambda metric: len(set(values)) > 1,
    )  # fmt: skip
    unit = told.pop("unit", "%")
    template = SimpleNamespace(primary="acc", unit=unit, better=better, needs_no_seed=False)
    template.__dict__.update(told)
    idea = SimpleNamespace(entries=[], confirmed=scores if values else None)
    return read_given(GIVEN, template, idea, looks)  # type: ignore[arg-type]


def test_a_claim_is_set_against_the_mean_on_fresh_seeds_with_an_interval() -> None:
    given = _of([92.5, 92.9, 92.6, 92.8])
    assert given.measured == pytest.approx(92.7)
    assert given.optimism == pytest.approx(0.7)
    # Student's interval of four values: 3.182 standard errors of 0.0913 to either side
    assert given.low == pytest.approx(0.7 - 0.2905, abs=1e-3)
    assert given.high == pytest.approx(0.7 + 0.2905, abs=1e-3)
    assert given.sentence == (
        "Said to be 93.4; measured 92.70 on 4 fresh seeds, 0.70 percentage points less "
        "(95\N{NO-BREAK SPACE}% interval −0.99 to −0.41): optimistic."
    )


def test_more_looks_make_the_interval_wider() -> None:
    few, many = (_of([92.5, 92.9, 92.6, 92.8], looks=looks) for looks in (1, 3))
    assert many.low < few.low < few.high < many.high


@pytest.mark.parametrize(
    ("values", "better", "optimism", "end"),
    [
        ([94.0, 94.1, 94.2], "higher", -0.7, "0.70 more", ),
        ([94.0, 94.1, 94.2], "lower", 0.7, "0.70 more"),
        ([93.0, 93.4, 93.9], "higher", -0.0333, "that may be chance."),
        ([93.4, 93.4, 93.4], "higher", 0.0, "the same: true to what was said."),
        ([93.0], "higher", 0.4, "one seed does not tell whether that is so."),
    ],
)  # fmt: skip
def test_optimism_is_what_is_said_too_well_whichever_way_is_better(
    values: list[float], better: str, optimism: float, end: str
) -> None:
    given = _of(values, better, unit="")
    assert given.optimism == pytest.approx(optimism, abs=1e-3)
    assert end in given.sentence
    if len(values) > 1 and optimism > 0.1:
        assert given.sentence.endswith(": optimistic.")
    if optimism < -0.1:
        assert given.sentence.endswith(": better than was said.")


def test_of_programs_that_need_no_seed_a_claim_is_exact() -> None:
    given = _of([93.0, 93.0], needs_no_seed=True, unit="")
    assert (given.optimism, given.low, given.high) == (pytest.approx(0.4), None, None)
    assert (
        given.sentence == "Said to be 93.4; measured 93.00 on 2 fresh seeds, 0.40 less: optimistic."
    )


def test_a_claim_that_was_not_measured_is_told_as_one() -> None:
    given = _of([])
    assert (given.claimed, given.measured, given.optimism) == (93.4, None, None)
    assert given.sentence == "Said to be 93.4; not measured, for want of a run on fresh seeds."


def test_a_claim_is_a_finding_beside_the_verdict(results: Path) -> None:
    told = json.loads((results / "report" / "report.json").read_text())
    [template] = told["templates"]
    given = {idea["name"]: idea["given"] for idea in template["ideas"]}
    assert given["gen_3"]["engine"] == "openevolve"
    assert given["gen_3"]["claimed"] == 93.4
    assert given["gen_3"]["low"] > 0
    assert given["gen_1"]["claimed"] is None
    found = {each["sentence"]: each["detail"] for each in template["findings"]}
    assert found["test_accuracy of gen_3 is 93.4 %"] == given["gen_3"]["sentence"]
    assert "gen_3 improves test_accuracy" in found
    for said in (_text(results, "index.html"), _text(results, "ideas/toy--gen_3.html")):
        assert " ".join(given["gen_3"]["sentence"].split()) in said


# --------------------------------------------------------------------------- for a script


def test_a_record_has_each_program_with_its_figures(results: Path) -> None:
    record = verdict_record(summarise(results))
    assert json.loads(json.dumps(record)) == record
    assert record["verdict"] == "supported"
    assert record["template"] == "toy"
    assert record["report"] == str(results / "report" / "index.html")
    programs = {each["name"]: each for each in record["programs"]}
    words = [each["verdict"] for each in record["programs"]]
    assert words == ["supported", "refuted", "undecided", "no result"]
    best = programs["gen_3"]
    assert (best["origin"], best["engine"]) == ("left/gen_3.py", "openevolve")
    assert best["measured"] - best["baseline"] == pytest.approx(best["difference"])
    assert best["low"] < best["difference"] < best["high"]
    assert best["seeds"] == len(FRESH)
    assert best["p"] < 0.05
    assert best["optimism"] == pytest.approx(93.4 - best["measured"])
    assert best["optimism_low"] < best["optimism"] < best["optimism_high"]
    assert best["problem"] is None
    assert best["checks"] == []
    assert programs["broken"]["problem"].startswith("does not parse: ")
    assert programs["broken"]["difference"] is None
    assert programs["gen_1"]["optimism"] is None


def test_a_baseline_that_fails_is_the_problem_of_each_program(tmp_path: Path) -> None:
    made = reports.Synthetic(tmp_path / "res", reports.ideas(["new"]))
    made.step("toy", "", "baseline", ok=False, message="it crashed")
    made.bring("new", CODE)
    record = verdict_record(summarise(made.write()))
    assert record["verdict"] == "no result"
    assert record["programs"][0]["problem"] == "baseline: it crashed"


@pytest.mark.parametrize(
    ("words", "verdict"),
    [
        ([["supported"]], "supported"),
        ([["refuted", "undecided"]], "undecided"),
        ([["no result", "refuted"]], "refuted"),
        ([["supported", "refuted"], ["undecided", "no result"]], "undecided"),
        ([["supported"], []], "no result"),
        ([], "no result"),
    ],
)
def test_the_word_for_all_is_of_each_template_the_best_and_of_templates_the_worst(
    words: list[list[str]], verdict: str
) -> None:
    templates = [
        SimpleNamespace(ideas=[SimpleNamespace(word=word) for word in each]) for each in words
    ]
    assert overall(SimpleNamespace(templates=templates)) == verdict  # type: ignore[arg-type]


def test_the_table_has_where_programs_are_from_and_what_is_said(results: Path) -> None:
    with (results / "report" / "ideas.csv").open() as file:
        rows = {row["program"]: row for row in csv.DictReader(file)}
    assert rows["gen_3"]["origin"] == "left/gen_3.py"
    assert float(rows["gen_3"]["claimed"]) == 93.4
    assert float(rows["gen_3"]["optimism"]) == pytest.approx(
        93.4 - float(rows["gen_3"]["measured"])
    )
    assert rows["same"]["claimed"] == ""


def test_a_tracker_is_told_of_programs_and_their_change_to_the_baseline(tmp_path: Path) -> None:
    before = CODE.replace("images: int = 60", "images: int = 50")
    records = {
        record.name: record
        for record in tracking._records(summarise(reports.judged(tmp_path, before)))
    }
    best = records["toy/gen_3/run_1"]
    assert best.params["program"] == "gen_3"
    assert best.params["model"] == "none"
    assert "-    images: int = 50" in best.texts["changes.diff"]
    assert "images: int = 50" in records["toy/run_0"].texts["experiment.py"]
