"""The report's data, its sentences and its pages: true to the files, whatever a model wrote."""

from __future__ import annotations

import json
import math
import re
import shutil
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup
from hypothesis import example, given
from hypothesis import strategies as st
from typer.testing import CliRunner

from bonsai import report
from bonsai.base.ledger import Ledger
from bonsai.cli import app
from bonsai.evaluation.claims import seal
from bonsai.evaluation.verdict import Verdict, compare
from bonsai.report import drawing, findings, markdown, refresh, story, words
from bonsai.report.shapes import Judged
from bonsai.report.summary import summarise
from bonsai.templates.contract import Claim, History
from tests import reports
from tests.reports import FRESH, SEEDS

IDEA = "ideas/toy--gains.html"
Numbers = st.floats(-1e6, 1e6, allow_nan=False).filter(lambda value: abs(value) > 1e-3)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with its whole report."""
    results = reports.telling(tmp_path_factory.mktemp("told"))
    assert report.write(summarise(results)) == results / "report" / "index.html"
    return results


@pytest.fixture(scope="module")
def told(results: Path) -> dict[str, Any]:
    return json.loads((results / "report" / "report.json").read_text())


def _soup(results: Path, name: str) -> BeautifulSoup:
    return BeautifulSoup((results / "report" / name).read_text(), "html.parser")


def _pages(results: Path) -> list[str]:
    folder = results / "report"
    return [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.html"))]


def _idea(told: dict[str, Any], name: str, template: int = 0) -> dict[str, Any]:
    return next(idea for idea in told["templates"][template]["ideas"] if idea["name"] == name)


# ------------------------------------------------------------------------ numbers and their files


def test_a_run_has_the_numbers_of_the_files_that_it_names(
    results: Path, told: dict[str, Any]
) -> None:
    idea, base = _idea(told, "gains"), told["templates"][0]
    for run in (base["baseline"], base["fresh"], *idea["runs"], *idea["fresh"]):
        files = [source["file"] for source in run["sources"] if source["line"] is None]
        assert len(files) == 1, run["name"]
        info = json.loads((results / files[0]).read_text())["digits"]
        assert run["means"] == info["means"]
        assert run["stderrs"] == info["stderrs"]
        assert run["per_seed"].items() <= info["final_info_dict"].items()


def test_a_line_of_the_ledger_that_is_named_holds_the_number(
    results: Path, told: dict[str, Any]
) -> None:
    lines = (results / "ledger.jsonl").read_text().splitlines()
    idea, base = _idea(told, "gains"), told["templates"][0]
    for run in (base["baseline"], base["fresh"], *idea["runs"], *idea["fresh"]):
        [line] = [source["line"] for source in run["sources"] if source["line"] is not None]
        assert json.loads(lines[line - 1])["data"]["scores"]["means"] == run["means"]
    for failure in told["failures"]:
        assert json.loads(lines[failure["source"]["line"] - 1])["message"] == failure["message"]


def test_each_column_of_the_metrics_shows_the_file_that_it_links_to(results: Path) -> None:
    [table] = _soup(results, IDEA).select("table.metrics")
    rows = {row.th.get_text(" ").split(",")[0]: row.find_all("td") for row in table.tbody("tr")}
    assert len(rows["file"]) == 5, "baseline and two runs, and two on fresh seeds"
    for column, cell in enumerate(rows["file"]):
        linked = [unquote(link["href"]) for link in cell("a") if "final_info" in link["href"]]
        info = json.loads((results / "report" / "ideas" / linked[0]).resolve().read_text())
        for metric in ("test_accuracy", "val_accuracy"):
            assert float(rows[metric][column].data["value"]) == info["digits"]["means"][metric]


def test_the_differences_are_those_of_the_seeds(results: Path, told: dict[str, Any]) -> None:
    [claim] = _idea(told, "gains")["claims"]
    rows = _soup(results, IDEA).select("details.print tbody tr:has(data)")
    shown = [[float(cell["value"]) for cell in row("data")] for row in rows]
    assert [value - other for value, other, _ in shown] == pytest.approx(
        claim["verdict"]["comparison"]["differences"]
    )
    assert [int(row.th.text) for row in rows] == FRESH


def test_several_looks_are_one_run_with_a_file_for_each(tmp_path: Path) -> None:
    made = reports.Synthetic(tmp_path / "res", reports.ideas(["gains"]))
    made.baseline()
    made.idea("gains", 5, files=True)
    made.result("toy/gains/confirm/run_1/look_1/run", [80.0] * 8, FRESH)
    made.result("toy/gains/confirm/run_2/look_0/run", [80.0] * 8, FRESH)
    [run] = report.gather(summarise(made.write())).templates[0].ideas[0].fresh
    folder = "toy/gains/confirm/run_1"
    assert [source.file for source in run.sources if source.line is None] == [
        f"{folder}/look_0/run/final_info.json", f"{folder}/look_1/run/final_info.json",
    ]  # fmt: skip


# ------------------------------------------------------------------------------------ the folder


def test_every_link_and_picture_leads_to_a_file_that_is_there(results: Path) -> None:
    seen = 0
    for name in _pages(results):
        page = results / "report" / name
        for element in _soup(results, name).select("[href], [src]"):
            address = urlsplit(element.get("href") or element.get("src"))
            assert not address.scheme and not address.netloc
            target = (page.parent / unquote(address.path)).resolve() if address.path else page
            assert target.is_file(), (name, element)
            if address.fragment:
                soup = BeautifulSoup(target.read_text(), "html.parser")
                assert soup.find(id=unquote(address.fragment)), (name, element)
            seen += 1
    assert seen > 100


def test_what_a_page_shows_lies_in_the_report_itself(results: Path) -> None:
    folder = (results / "report").resolve()
    for name in _pages(results):
        for element in _soup(results, name).select("[src], link[href]"):
            path = unquote(element.get("src") or element["href"])
            assert (folder / name).parent.joinpath(path).resolve().is_relative_to(folder)


def test_every_idea_has_a_page_and_a_row(results: Path, told: dict[str, Any]) -> None:
    rows = _soup(results, "index.html").select("table.board tbody tr")
    linked = [row.a["href"] for row in rows]
    pages = [idea["page"] for template in told["templates"] for idea in template["ideas"]]
    assert sorted(linked) == sorted(pages)
    assert len(pages) == 8


def test_a_page_is_written_again_only_if_there_is_something_new_to_tell(
    results: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(results, tmp_path / "res", symlinks=True))
    pages = {path: path.stat().st_mtime_ns for path in copy.glob("report/ideas/*.html")}
    report.write(summarise(copy), finished=False)
    assert {path: path.stat().st_mtime_ns for path in pages} == pages
    Ledger(copy / "ledger.jsonl").append(
        template="toy", idea="fails", step="smoke", index=3, ok=False, message="again"
    )
    report.write(summarise(copy), finished=False)
    changed = [path.stem for path, before in pages.items() if path.stat().st_mtime_ns != before]
    assert changed == ["toy--fails"]


def test_a_page_is_left_where_it_is_when_the_sweep_is_stopped(tmp_path: Path) -> None:
    results = reports.many(tmp_path / "res", 5)
    answers = iter([False, False, True])
    report.write(summarise(results), finished=False, stopped=lambda: next(answers))
    assert len(list(results.glob("report/ideas/*.html"))) == 2
    assert not (results / "report" / "index.html").exists()


# ------------------------------------------------------------------------- what others have written


@pytest.mark.parametrize("kind", ["html", "md", "json", "csv"])
def test_nothing_that_a_model_wrote_becomes_markup_or_code(results: Path, kind: str) -> None:
    for path in (results / "report").rglob(f"*.{kind}"):
        text = path.read_text(encoding="utf-8")
        assert "49" not in re.findall(r"'so' (\S+)", text), "no template is filled in it"
        if kind == "html":
            soup = BeautifulSoup(text, "html.parser")
            assert [script.get_text() for script in soup("script")] == [""], path
            assert not soup("b", string=re.compile("png"))
        if kind in ("html", "md"):
            assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", text), path
    told = _soup(results, IDEA).get_text()
    assert told.count("<script>document.title = 'taken'</script>") > 8, "it is shown as text"


def test_no_link_is_followed_out_of_the_results(results: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "notes.txt").write_text("the key")
    copy = Path(shutil.copytree(results, tmp_path / "res", symlinks=True))
    gains = copy / "toy" / "gains"
    (gains / "workspace" / "notes.txt").unlink()
    (gains / "workspace" / "notes.txt").symlink_to(tmp_path / "secret" / "notes.txt")
    shutil.rmtree(gains / "logs")
    (gains / "logs").symlink_to(tmp_path / "secret")
    (tmp_path / "secret" / "x.out").write_text("the key")
    shutil.rmtree(copy / "report")
    report.write(summarise(copy), finished=False)
    text = (copy / "report" / IDEA).read_text()
    assert "the key" not in text
    assert "linked" not in text
    assert len(list(copy.glob("report/plots/*/*"))) == 1, "a picture, and neither text nor links"


def test_of_what_is_long_a_part_is_shown_and_the_rest_is_counted(results: Path) -> None:
    soup = _soup(results, IDEA)
    [log] = soup.select("pre[aria-label='00-run_1.err']")
    assert "begins" not in log.text
    assert log.text.rstrip().endswith("{{ 7 * 7 }}"), "a log's end says most"
    assert "before it are left out" in log.find_previous("p").text
    [request] = soup.select("pre[aria-label='Request 2']")
    assert "message 2" in request.text
    assert "the first message" not in request.text, "each request repeats all before it"
    assert len(request.text) <= story.MAX_REQUEST
    assert "characters more" in request.find_previous("p").text


def test_a_file_that_cannot_be_read_is_named_and_costs_nothing_else(
    results: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(results, tmp_path / "res", symlinks=True))
    workspace = copy / "toy" / "gains" / "workspace"
    (workspace / "run_1" / "history.json").write_text("{]")
    (workspace / "run_2" / "environment.json").write_text("[1, 2]")
    (copy / "toy" / "gains" / "exchanges" / "002.request.json").write_text('{"messages": 7}')
    report.write(summarise(copy), finished=False)
    shutil.rmtree(copy / "report")
    report.write(summarise(copy), finished=False)
    assert "Not drawn: run_1/history.json" in _soup(copy, IDEA).get_text()


def test_a_change_of_code_is_shown_with_what_is_around_it(results: Path) -> None:
    fold = _soup(results, IDEA).select_one("h3#run_1 ~ details:has(.diff)")
    assert "Code against the baseline: 1 line added, 1 removed" in fold.summary.text
    assert "images: int = 60 " in fold.select_one("tr.del code").text
    assert "images: int = 600 " in fold.select_one("tr.add code").text
    assert fold.select_one("tr.same")


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
def test_a_comparison_holds_each_line_that_was_added_or_removed(
    before: list[str], after: list[str]
) -> None:
    diff = story.compare(before, after, "run_0")
    assert diff.added - diff.removed == len(after) - len(before)
    for line in diff.lines:
        if line.old is not None:
            assert before[line.old - 1] == line.text
        if line.new is not None:
            assert after[line.new - 1] == line.text
    assert (before == after) == (not diff.lines)


# ------------------------------------------------------------------------------------- sentences


def test_a_finding_says_what_the_agent_saw_and_then_what_fresh_seeds_say(
    told: dict[str, Any],
) -> None:
    found = told["templates"][0]["findings"]
    first = found[0]
    assert re.fullmatch(
        r"gains improves test_accuracy by \d\.\d percentage points", first["sentence"]
    )
    assert first["word"] == "supported"
    assert re.match(r"\+\d\.\d percentage points, 95\s% interval \+\d\.\d to ", first["detail"])
    assert [each["word"] for each in found[:3]] == ["supported", "refuted", "undecided"]
    assert any("the best of 3 ideas and 4 runs" in each["sentence"] for each in found)
    whole = [each["sentence"] for each in told["findings"]]
    assert whole == ["2 ideas came to no run at all", "2 steps went wrong"]


def test_a_failed_check_is_a_finding_and_stands_at_its_run(tmp_path: Path) -> None:
    made = reports.Synthetic(tmp_path / "res", reports.ideas(["gains"]))
    made.baseline()
    made.step("toy", "gains", "start", data={"experiment": "x"})
    scores = reports.scores([90.0, 91.0], SEEDS)
    checks = [
        {"name": "compute", "passed": False, "found": "It took 2.1 times the compute."},
        {"name": "labels", "passed": None, "found": "Nobody knows."},
        {"name": "seeds", "passed": True, "found": "They differ."},
    ]
    made.step("toy", "gains", "run", data={"scores": scores, "run": "run_1", "checks": checks})
    results = made.write()
    page = report.write(summarise(results), finished=False).read_text()
    assert "gains</a>, run_1: compute" in page
    assert "Check failed: It took 2.1 times the compute." in page
    fold = _soup(results, IDEA).select_one("details:has(.checks)")
    assert fold.has_attr("open"), "a check failed"
    assert fold.summary.text == "3 checks of run_1: 1 failed, 1 passed, 1 not known"
    said = [" ".join(item.text.split()) for item in fold.select(".checks li")]
    assert said == [
        "failed: compute. It took 2.1 times the compute.",
        "not known: labels. Nobody knows.",
        "passed: seeds. They differ.",
    ]
    assert "0 of 1 idea done when this was written" in page


def test_a_claim_of_the_agent_has_its_own_sentence_and_verdict(tmp_path: Path) -> None:
    made = reports.Synthetic(tmp_path / "res", reports.ideas(["gains"]))
    made.baseline()
    own = Claim(metric="val_accuracy", direction="lower", smallest_effect=0.5)
    made.idea("gains", 8, claims=[reports.PRIMARY, own])
    results = made.write()
    report.write(summarise(results), finished=False)
    soup = _soup(results, IDEA)
    said = [" ".join(head.text.split()) for head in soup.select(".claim h3")]
    assert said == [
        "gains raises test_accuracy (?)",
        "gains lowers val_accuracy by 0.5 percentage points at least (?)",
    ]
    verdicts = [claim.select_one(".verdict").text.split()[-1] for claim in soup.select(".claim")]
    assert verdicts == ["supported", "refuted"]
    assert seal([reports.PRIMARY, own]) in soup.text


def test_the_terminal_reads_the_same_as_the_page(results: Path, told: dict[str, Any]) -> None:
    text = (results / "report" / "report.md").read_text()
    page = " ".join(_soup(results, "index.html").get_text(" ").split())
    assert f"**{told['answer']}**" in text
    assert told["answer"] in page
    for template in told["templates"]:
        for finding in template["findings"]:
            assert markdown.escape(finding["sentence"]) in text
            assert " ".join(finding["detail"].split()) in page
    assert text.count("\n| gains |") == 2


def test_of_very_many_ideas_the_figure_shows_the_surest_and_says_so(tmp_path: Path) -> None:
    results = reports.many(tmp_path / "res", 120)
    report.write(summarise(results), finished=False)
    soup = _soup(results, "index.html")
    assert len(soup.select(".forest li")) == drawing.MAX_ROWS
    assert "Of 120 ideas, the 30 surest" in " ".join(soup.figcaption.text.split())
    assert len(soup.select("table.board tbody tr")) == 120
    assert "all are in `ideas.csv`, 20 more" in (results / "report" / "report.md").read_text()
    assert len((results / "report" / "ideas.csv").read_text().splitlines()) == 121


def test_a_sweep_that_has_not_begun_says_so(tmp_path: Path) -> None:
    results = reports.Synthetic(tmp_path / "res", reports.ideas(["waits"])).write()
    text = report.write(summarise(results)).read_text()
    assert "0 of 1 ideas beat the baseline; 1 without a result." in text
    assert "Not finished" in text
    assert "The baseline is not built yet." in text
    assert "the idea is waiting" in (results / "report" / "ideas" / "toy--waits.html").read_text()


def test_a_template_without_a_baseline_is_over_and_says_why(tmp_path: Path) -> None:
    made = reports.Synthetic(tmp_path / "res", reports.ideas(["waits"]))
    made.step("toy", "", "baseline", ok=False, message="it crashed")
    results = made.write()
    text = report.write(summarise(results)).read_text()
    assert "There is no baseline, so no idea was tried: it crashed" in text
    assert "Not finished" not in text


# ---------------------------------------------------------------------------- numbers as words


@given(Numbers, st.integers(0, 6))
def test_a_difference_has_its_sign_and_is_rounded_only(value: float, digits: int) -> None:
    text = words.signed(value, digits)
    back = float(text.replace("−", "-").replace(",", ""))
    assert math.isclose(back, value, abs_tol=0.5 * 10**-digits * 1.001)
    assert text[0] in "+−" or back == 0


@given(Numbers, st.floats(1e-4, 1e3))
def test_a_mean_is_told_as_exactly_as_its_error_allows(mean: float, stderr: float) -> None:
    told = [float(part.replace("−", "-").replace(",", "")) for part in
            words.spread(mean, stderr).split(" ± ")]  # fmt: skip
    assert math.isclose(told[1], stderr, rel_tol=0.06, abs_tol=0.5)
    assert abs(told[0] - mean) <= max(0.06 * stderr, 0.5)


@given(st.text())
def test_clean_text_holds_nothing_that_a_page_must_not_hold(text: str) -> None:
    once = words.clean(text)
    assert words.clean(once) == once
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e]", once)
    once.encode("utf-8")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0"),
        (93.126, "93.13"),
        (116784, "116,784"),
        (-0.00012345, "−0.0001234"),
        (2e12, "2e+12"),
    ],
)
def test_a_metric_is_told_in_four_digits(value: float, said: str) -> None:
    assert words.number(value) == said


# ------------------------------------------------------------------------------------- figures


def _judged(differences: list[float]) -> Judged:
    comparison = compare(differences, [0.0] * len(differences))
    claim = Claim(metric="loss", direction="higher")
    return Judged(sentence="x", verdict=Verdict(claim=claim, comparison=comparison))


@given(
    st.lists(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=5), min_size=1, max_size=6),
    st.booleans(),
)
@example([[0.0, 5e-324]], False)
@example([[-1e-310, 1e-310], [1.0, 2.0]], True)
def test_in_the_figure_better_is_right_and_all_is_within(
    ideas: list[list[float]], lower: bool
) -> None:
    told: Any = SimpleNamespace(name="x")
    figure = drawing.forest([(told, _judged(each)) for each in ideas], lower, 2)
    places = [figure.zero, *(tick.at for tick in figure.ticks)]
    sign = -1.0 if lower else 1.0
    for row in figure.rows:
        assert row.low is not None and row.high is not None
        places += [row.mean, row.low, row.high, *row.seeds]
        assert row.low <= row.mean <= row.high
        comparison = row.claim.verdict.comparison
        assert comparison is not None
        gain = sign * comparison.mean
        assert row.mean >= figure.zero if gain >= 0 else row.mean <= figure.zero
    assert all(0 <= place <= 100 for place in places)
    assert 2 <= figure.zero <= 98
    assert [row.mean for row in figure.rows] == sorted(
        (row.mean for row in figure.rows), reverse=True
    )


def test_the_smallest_effect_that_is_claimed_is_in_the_figure() -> None:
    told: Any = SimpleNamespace(name="x")
    claim = Claim(metric="loss", direction="lower", smallest_effect=5)
    judged = _judged([-1.0, -2.0])
    judged.verdict = judged.verdict.model_copy(update={"claim": claim})
    [row] = drawing.forest([(told, judged)], True, 2).rows
    assert row.goal is not None and row.high is not None
    assert row.mean < row.goal <= 96, "it fell short of it"


def test_one_wild_idea_does_not_press_the_others_together() -> None:
    told: Any = SimpleNamespace(name="x")
    tame = [_judged([1.0, 1.2 + number / 10]) for number in range(5)]
    figure = drawing.forest([(told, each) for each in [*tame, _judged([-900.0, -901.0])]], False, 2)
    assert [row.beyond for row in figure.rows] == [""] * 5 + ["left"]
    assert figure.rows[0].mean - figure.zero > 5


@given(st.lists(st.tuples(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9)), min_size=1, max_size=300))
def test_curves_are_thinned_and_stay_within_their_box(points: list[tuple[float, float]]) -> None:
    steps, values = (list(each) for each in zip(*points, strict=True))
    history = History.model_validate({"seeds": {"0": {"loss": {"steps": steps, "values": values}}}})
    drawn = drawing.curves({"run_0": history})
    assert len(drawn.plots) == (len(set(steps)) > 1)
    for plot in drawn.plots:
        pairs = re.findall(r"(-?[\d.]+),(-?[\d.]+)", plot.lines[0].path)
        assert 2 <= len(pairs) <= drawing.MAX_POINTS
        assert all(0 <= float(x) <= drawing.WIDTH for x, _ in pairs)
        assert all(0 <= float(y) <= drawing.HEIGHT for _, y in pairs)


# ------------------------------------------------------------------------------------ refreshing


def test_the_report_is_refreshed_when_there_is_news_and_says_where_it_is_once(
    tmp_path: Path,
) -> None:
    results = reports.many(tmp_path / "res", 2)
    said: list[str] = []
    with refresh.Refresher(results, said.append, least_seconds=0.0) as refresher:
        page = results / "report" / "index.html"
        for _ in range(2):
            page.unlink(missing_ok=True)
            refresher.poke()
            _wait_for(page.is_file)
    assert said == [f"the report so far, refreshed as the sweep goes on: {page}"]
    assert not list(results.glob("report/figures/*")), "they are drawn at the end"


def test_a_report_that_cannot_be_refreshed_is_a_warning_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = threading.Semaphore(0)

    def fail(results: Path) -> None:
        tried.release()
        raise RuntimeError("no luck")

    monkeypatch.setattr(refresh, "summarise", fail)
    said: list[str] = []
    with refresh.Refresher(tmp_path, said.append, least_seconds=0.0) as refresher:
        for _ in range(3):
            refresher.poke()
            assert tried.acquire(timeout=20)
    assert said == ["warning: the report could not be refreshed: no luck"]


def test_a_sweep_that_ends_does_not_wait_for_the_next_refresh(tmp_path: Path) -> None:
    with refresh.Refresher(tmp_path, print, least_seconds=3600) as refresher:
        refresher.poke()
    assert not refresher._thread.is_alive()
    assert not (tmp_path / "report").exists()


def _wait_for(true: Any) -> None:
    deadline = threading.Event()
    for _ in range(400):
        if true():
            return
        deadline.wait(0.05)
    raise AssertionError("it did not happen within twenty seconds")


def test_findings_on_claims_are_bounded(results: Path) -> None:
    template = report.gather(summarise(results)).templates[0]
    template.ideas *= 10
    assert len(findings._claims(template)) == findings.MAX_FINDINGS


def test_the_command_writes_the_report_and_says_where_it_is(results: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(results, tmp_path / "res", symlinks=True))
    shutil.rmtree(copy / "report")
    done = CliRunner().invoke(app, ["report", str(copy)])
    page = copy / "report" / "index.html"
    assert done.output.splitlines() == [str(page), page.as_uri()]
    assert page.is_file()
