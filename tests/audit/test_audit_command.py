"""`bonsai audit`: what it is given, what it prints and writes, how it ends; and the reviewer."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bonsai import audit
from bonsai.audit.reviewer import Review, read_review
from bonsai.audit.telling import MEANINGS
from bonsai.base import BonsaiError
from bonsai.cli import app
from tests.fake_model import Fails, FakeModel, Says, Step

HARM = "<script>alert(1)</script>\x1b[31m"
FRAME = """\\documentclass{{article}}
\\title{{Gates}}
\\begin{{document}}
\\begin{{abstract}}
Run 1 has a test accuracy of {value}\\,\\%, and the baseline has 80.0\\,\\%.
\\end{{abstract}}
\\section{{Results}}
{more}
\\end{{document}}
"""


def idea_folder(home: Path, value: float = 85.0, more: str = "") -> Path:
    """An idea of The AI Scientist, whose paper states a value of its run 1, which is 85.0 %."""
    for number, mean in ((0, 80.0), (1, 85.0)):
        run = home / f"run_{number}"
        run.mkdir(parents=True)
        info = {"toy": {"means": {"test_accuracy": mean}}}
        (run / "final_info.json").write_text(json.dumps(info))
    (home / "latex").mkdir()
    (home / "latex" / "template.tex").write_text(FRAME.format(value=value, more=more))
    return home


def command(*given: object) -> Result:
    return CliRunner().invoke(app, ["audit", *map(str, given)], env={"COLUMNS": "200"})


def complaint(done: Result) -> str:
    assert done.exit_code == 2, done.output
    assert "Traceback" not in done.output
    return " ".join(done.output.split())


# ------------------------------------------------------------------------------------ how it ends


def test_a_paper_whose_numbers_are_on_record_ends_well(tmp_path: Path) -> None:
    done = command(idea_folder(tmp_path / "idea"))
    assert done.exit_code == 0, done.output
    assert "Nothing is contradicted" in done.output


def test_a_number_that_no_run_has_ends_with_1_and_says_place_and_right_value(
    tmp_path: Path,
) -> None:
    done = command(idea_folder(tmp_path / "idea", value=88.0))
    assert done.exit_code == 1, done.output
    assert "line 5" in done.output
    assert "88.0" in done.output
    assert "85" in done.output
    assert "run_1/final_info.json" in done.output


def test_numbers_that_are_no_results_accuse_nobody(tmp_path: Path) -> None:
    more = "We train for 40 epochs with 512 units, as was usual in 2019."
    done = command(idea_folder(tmp_path / "idea", more=more))
    assert done.exit_code == 0, done.output
    assert "accuses nobody" in done.output


# ------------------------------------------------------------------------------- what it is given


def test_a_paper_is_found_in_its_folder_and_its_results_around_it(tmp_path: Path) -> None:
    folder = idea_folder(tmp_path / "results" / "idea")
    for given in (folder, folder / "latex", folder / "latex" / "template.tex"):
        subject = audit.find(given, None)
        assert subject.paper.resolve() == (folder / "latex" / "template.tex").resolve()
        assert subject.results.resolve() == folder.resolve()


def test_results_may_be_named(tmp_path: Path) -> None:
    paper = idea_folder(tmp_path / "idea") / "latex" / "template.tex"
    results = tmp_path / "results.json"
    named = {"baseline": {"test_accuracy": 80.0}, "run_1": {"test_accuracy": 70.0}}
    results.write_text(json.dumps(named))
    done = command(paper, "--against", results)
    assert done.exit_code == 1, done.output
    assert "70" in done.output


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("missing.tex", "is not there"),
        ("empty", "holds no paper"),
        ("several", "several papers: a.tex and b.tex"),
        ("paper.docx", "no paper that can be read"),
        ("alone.tex", "name them with --against"),
        ("swept", "`bonsai paper"),
    ],
)
def test_what_is_missing_is_said_in_a_sentence(tmp_path: Path, given: str, why: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "several").mkdir()
    (tmp_path / "swept").mkdir()
    for name in ("several/a.tex", "several/b.tex", "paper.docx", "alone.tex", "swept/sweep.json"):
        (tmp_path / name).write_text("x")
    assert why in complaint(command(tmp_path / given))


def test_results_that_are_none_are_told(tmp_path: Path) -> None:
    paper = idea_folder(tmp_path / "idea") / "latex" / "template.tex"
    (tmp_path / "none.json").write_text("[]")
    assert "no number" in complaint(command(paper, "--against", tmp_path / "none.json"))
    assert "is not there" in complaint(command(paper, "--against", tmp_path / "no"))


# ---------------------------------------------------------------------------------- what it tells


def test_the_table_shows_what_was_traced_only_if_asked(tmp_path: Path) -> None:
    folder = idea_folder(tmp_path / "idea", value=88.0)
    short, whole = command(folder), command(folder, "--all")
    assert "traced" not in short.output.split("\n\n")[0].replace("traced to a record", "")
    assert whole.output.count("✓ traced") >= 1
    assert "✗ contradicted" in short.output


def test_json_holds_every_row_and_the_status(tmp_path: Path) -> None:
    done = command(idea_folder(tmp_path / "idea", value=88.0), "--json")
    record = json.loads(done.stdout)
    assert done.exit_code == record["status"] == 1
    assert record["form"] == "latex"
    assert record["review"] is None
    assert set(record["counts"]) == set(MEANINGS)
    assert sum(record["counts"].values()) == len(record["findings"])
    worst = record["findings"][0]
    assert worst["accuses"]
    assert set(worst) == {
        "kind", "status", "sure", "place", "said", "found", "source", "accuses"
    }  # fmt: skip
    assert [each["accuses"] for each in record["findings"]] == sorted(
        (each["accuses"] for each in record["findings"]), reverse=True
    )


def test_the_page_stands_alone_and_shows_texts_as_texts(tmp_path: Path) -> None:
    more = f"The baseline has a test accuracy of 99.0\\,\\% {HARM}."
    page = tmp_path / "out" / "audit.html"
    done = command(idea_folder(tmp_path / "idea", more=more), "--out", page)
    assert done.exit_code == 1, done.output
    assert str(page) in done.output.replace("\n", "")
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "alert(1)" in text
    assert "\x1b" not in text
    assert not re.findall(r"""(?:src|href)=["'](?!#)""", text)
    assert "<h2" in text and 'lang="en"' in text


def test_what_a_paper_says_does_not_reach_the_terminal_as_commands(tmp_path: Path) -> None:
    more = "The baseline has a test accuracy of 99.0\\,\\% \x1b]0;taken\x07 [red]x[/red]."
    done = command(idea_folder(tmp_path / "idea", more=more))
    assert "\x1b" not in done.output
    assert "[red]" in done.output


@pytest.mark.slow
def test_the_page_is_accessible(tmp_path: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None and not os.environ.get("BONSAI_ALL_TESTS"):
        pytest.skip("chromium is not installed (apt-get install chromium)")
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    page = tmp_path / "audit.html"
    command(idea_folder(tmp_path / "idea", value=88.0), "--out", page)
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        for scheme in ("light", "dark"):
            tab = browser.new_page(color_scheme=scheme, bypass_csp=True)
            tab.goto(page.as_uri())
            found = Axe().run(tab)
            assert found.violations_count == 0, found.generate_report()
        browser.close()


# --------------------------------------------------------------------------------- the reviewer

REVIEW: dict[str, Any] = {
    "Summary": "A net with gates.",
    "Strengths": ["It is short."],
    "Weaknesses": ["One seed."],
    "Originality": 2,
    "Quality": 2,
    "Clarity": 3,
    "Significance": 1,
    "Questions": ["Why gates?"],
    "Limitations": [],
    "Ethical Concerns": False,
    "Soundness": 2,
    "Presentation": 3,
    "Contribution": 1,
    "Overall": 3,
    "Confidence": 4,
    "Decision": "Reject",
}


def says(**changes: Any) -> Says:
    return Says(f"THOUGHT: hm.\n```json\n{json.dumps({**REVIEW, **changes})}\n```")


@contextmanager
def reviewed(folder: Path, *script: Step, options: tuple[str, ...] = ()) -> Iterator[Any]:
    model = FakeModel(*script)
    with model.serving():
        live = ("--model", "openai/anything", "--api-base", model.url)
        yield command(folder, *live, *options), model


def test_a_review_stands_beside_the_audit_and_changes_nothing(tmp_path: Path) -> None:
    folder = idea_folder(tmp_path / "idea", value=88.0)
    praise = says(Overall=10, Decision="Accept")
    with reviewed(folder, praise, options=("--json",)) as (done, model):
        record = json.loads(done.stdout)
    assert done.exit_code == record["status"] == 1
    assert record["review"] == {
        "by": "openai/anything", **REVIEW, "Overall": 10, "Decision": "Accept"
    }  # fmt: skip
    assert record["findings"] == json.loads(command(folder, "--json").stdout)["findings"]
    told = str(model.bodies[0]["messages"])
    assert "Run 1 has a test accuracy of 88.0 %" in told
    assert "contradicted" not in told
    assert "final_info" not in told


def test_a_review_is_shown_in_the_terminal_and_on_the_page_as_an_opinion(tmp_path: Path) -> None:
    page = tmp_path / "audit.html"
    script = says(Summary=HARM)
    folder = idea_folder(tmp_path / "idea")
    with reviewed(folder, script, options=("--out", str(page))) as (done, _):
        assert done.exit_code == 0, done.output
    assert "Review by openai/anything" in done.output
    assert "Overall 3 of 10" in done.output
    assert "\x1b" not in done.output
    text = page.read_text(encoding="utf-8")
    assert "Decision: Reject" in text
    assert "<script" not in text


@pytest.mark.parametrize(
    "wrong",
    [
        Says("I like it."),
        says(Overall=11),
        says(Originality=0),
        says(Decision="Weak accept"),
        says(Summary=""),
        Says(json.dumps({"Summary": "Short."})),
    ],
    ids=["no JSON", "too good", "too bad", "no decision", "no summary", "parts missing"],
)
def test_an_answer_that_is_no_review_goes_back_with_the_reason(tmp_path: Path, wrong: Says) -> None:
    folder = idea_folder(tmp_path / "idea")
    with reviewed(folder, wrong, says(), options=("--json",)) as (done, model):
        assert json.loads(done.stdout)["review"]["Overall"] == 3
    assert "no review that can be read" in str(model.bodies[1]["messages"][-1])


def test_after_three_answers_the_audit_goes_without_a_review(tmp_path: Path) -> None:
    with reviewed(idea_folder(tmp_path / "idea"), *[Says("No.")] * 3) as (done, _):
        assert done.exit_code == 0
        assert "There is no review: 3 answers of the model were no review" in done.output


@pytest.mark.slow  # it is asked several times
def test_a_service_that_is_away_costs_the_review_alone(tmp_path: Path) -> None:
    folder, wait = idea_folder(tmp_path / "idea"), ("--wait-for-model", "0")
    with reviewed(folder, *[Fails(503)] * 20, options=wait) as (done, _):
        assert done.exit_code == 75, done.output
    assert "Nothing is contradicted" in done.output
    assert "only the review is missing" in " ".join(done.output.split())


def test_a_budget_ends_the_review_alone(tmp_path: Path) -> None:
    folder, budget = idea_folder(tmp_path / "idea"), ("--budget-tokens", "10")
    with reviewed(folder, says(), options=budget) as (done, _):
        assert done.exit_code == 0, done.output
    assert "There is no review" in done.output


def test_reviews_in_the_shapes_that_models_write() -> None:
    whole = {**REVIEW, "Strengths": "One text.", "Overall": "3", "More": "ignored"}
    found = read_review(f"<thought>{{}}</thought> {json.dumps(whole)} That is all.")
    assert isinstance(found, Review)
    assert (found.strengths, found.overall) == (["One text."], 3)
    assert found.record()["Ethical Concerns"] is False
    assert isinstance(read_review("{}"), str)
    assert isinstance(read_review(""), str)


def test_a_budget_in_dollars_needs_a_known_price(tmp_path: Path) -> None:
    done = command(idea_folder(tmp_path / "i"), "--model", "openai/anything", "--budget-usd", "1")
    assert "the price of openai/anything is unknown" in complaint(done)


def test_a_library_call_gives_the_same(tmp_path: Path) -> None:
    subject = audit.find(idea_folder(tmp_path / "idea", value=88.0), None)
    document = audit.read(subject.paper, subject.results)
    found = audit.audit(document, audit.gather_facts(subject.results))
    assert found.status == 1
    assert {each.place for each in found.accusing} == {"line 5"}
    with pytest.raises(BonsaiError):
        audit.gather_facts(tmp_path)
