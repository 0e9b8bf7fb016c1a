"""The report in a real browser: it works from a file, by mouse, by keyboard, aloud and on paper."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bonsai import report
from bonsai.report.summary import summarise
from tests import reports

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
if CHROMIUM is None and not os.environ.get("BONSAI_ALL_TESTS"):
    pytest.skip("chromium is not installed (apt-get install chromium)", allow_module_level=True)

WIDTHS = {"phone": 360, "desktop": 1280}
IDEA = "ideas/toy--gains.html"
IDEAS = 5000  # in the large sweep
SORT_SECONDS = 2.0  # here it takes a tenth of that


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, "chromium is missing (apt-get install chromium)"
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report that was copied away from its results: it needs nothing else."""
    home = tmp_path_factory.mktemp("report")
    page = report.write(summarise(reports.telling(home)), finished=False)
    return Path(shutil.copytree(page.parent, home / "alone"))


class Visit:
    """A page that is open, and what the browser had to say."""

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page = browser.new_page(**options)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", lambda request: self.complaints.append(request.url))
        self.page.goto(path.as_uri())

    def column(self, number: int) -> list[str]:
        cells = self.page.locator(f"table.board tbody tr > :nth-child({number})")
        return [text.split("\n")[0].strip() for text in cells.all_inner_texts()]


@pytest.fixture
def visit(browser: Any, folder: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    visits: list[Visit] = []

    def go(name: str = "index.html", folder: Path = folder, **options: Any) -> Visit:
        visits.append(Visit(browser, folder / name, **options))
        return visits[-1]

    yield go
    for each in visits:
        each.page.close()


@pytest.mark.parametrize("name", ["index.html", IDEA, "ideas/toy--fails.html"])
def test_a_page_opens_from_a_file_without_complaint_and_asks_for_nothing_outside(
    visit: Any, folder: Path, name: str
) -> None:
    opened = visit(name)
    opened.page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    opened.page.evaluate("document.querySelectorAll('img').forEach(each => each.loading = 'eager')")
    opened.page.wait_for_load_state("networkidle")
    assert opened.complaints == []
    assert opened.requests
    assert all(url.startswith(folder.as_uri()) for url in opened.requests)
    assert "taken" not in opened.page.title(), "a script of the model's ran"
    broken = "Array.from(document.images).filter(each => !each.naturalWidth).length"
    assert opened.page.evaluate(broken) == 0


@pytest.mark.parametrize("name", ["index.html", "ideas/toy--gen_3.html"])
def test_a_judgement_opens_without_complaint_and_axe_finds_nothing(
    visit: Any, tmp_path: Path, name: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    results = reports.judged(tmp_path, reports.CODE.replace("images: int = 60", "images: int = 50"))
    made = report.write(summarise(results), finished=False)
    opened = visit(name, folder=made.parent, bypass_csp=True)
    assert opened.complaints == []
    assert "taken" not in opened.page.title(), "a script of the model's ran"
    opened.page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    found = Axe().run(opened.page).response
    assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["index.html", IDEA])
def test_axe_finds_nothing_to_complain_about(visit: Any, name: str, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    opened = visit(name, color_scheme=scheme, bypass_csp=True)
    opened.page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    found = Axe().run(opened.page).response
    assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []
    assert len(found["passes"]) > 20, "it was looked at"


def test_a_click_on_a_heading_sorts_and_a_second_one_turns_the_order_round(visit: Any) -> None:
    opened = visit()
    assert opened.column(1)[:4] == ["gains", "wavers", "loses", "fails"]
    head = opened.page.locator("table.board").first.get_by_role("button", name="difference")
    head.click()
    assert opened.column(1)[:4] == ["loses", "wavers", "gains", "fails"], "no value comes last"
    head.click()
    assert opened.column(1)[:4] == ["gains", "wavers", "loses", "fails"]


def test_the_keyboard_alone_reaches_the_content_and_sorts(visit: Any) -> None:
    page = (opened := visit()).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.locator("table.board").first.get_by_role("button", name="idea").focus()
    page.keyboard.press("Enter")
    assert opened.column(1)[:4] == ["fails", "gains", "loses", "wavers"]
    sorted_by = page.locator("table.board").first.locator("[aria-sort]")
    assert sorted_by.count() == 1
    assert sorted_by.get_attribute("aria-sort") == "ascending"
    page.keyboard.press("Space")
    assert opened.column(1)[:4] == ["wavers", "loses", "gains", "fails"]


def test_a_fold_opens_by_keyboard_and_shows_what_the_model_said_as_text(visit: Any) -> None:
    page = visit(IDEA).page
    fold = page.locator("details", has=page.get_by_label("Reply 2"))
    assert not page.get_by_label("Reply 2").is_visible()
    fold.locator("summary").focus()
    page.keyboard.press("Enter")
    assert page.get_by_label("Reply 2").is_visible()
    assert "<script>document.title" in page.get_by_label("Reply 2").inner_text()


def test_every_link_within_the_report_leads_somewhere(visit: Any, folder: Path) -> None:
    page = visit().page
    inside = page.evaluate("Array.from(document.links, each => each.href)")
    inside = [url for url in dict.fromkeys(inside) if url.startswith(folder.as_uri())]
    assert len(inside) > 10
    for url in inside:
        page.goto(url)
        target = url.partition("#")[2]
        if target:
            assert page.evaluate("!!document.querySelector(':target')"), url
        elif url.endswith(".html"):
            assert page.locator("h1").count() == 1


@pytest.mark.parametrize("name", ["index.html", IDEA])
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_no_page_scrolls_sideways(visit: Any, name: str, width: int) -> None:
    page = visit(name, viewport={"width": width, "height": 800}).page
    page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_on_paper_claims_are_open_and_logs_are_left_out(visit: Any) -> None:
    page = visit(IDEA).page
    assert page.pdf(format="A4").startswith(b"%PDF")
    assert not page.locator("details.print").first.evaluate("each => each.open"), "closed again"
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.get_by_text("on each fresh seed").first.is_visible()
    assert not page.get_by_role("heading", name="Logs").is_visible()
    assert not page.get_by_role("heading", name="The exchange with the model").is_visible()


def test_without_javascript_everything_can_be_read(visit: Any) -> None:
    opened = visit(java_script_enabled=False)
    assert opened.complaints == []
    assert opened.column(1)[:4] == ["gains", "wavers", "loses", "fails"]
    assert opened.page.locator("table.board button").count() == 0


def test_five_thousand_ideas_are_sorted_and_filtered_at_once(visit: Any, tmp_path: Path) -> None:
    from bonsai.report import page as pages

    told = report.gather(summarise(reports.many(tmp_path / "res", 100)))
    few = told.templates[0].ideas
    told.templates[0].ideas = [
        few[number % 100].model_copy(update={"name": f"idea_{number:05}"})
        for number in range(IDEAS)
    ]
    folder = tmp_path / "report"
    folder.mkdir()
    for name in pages.STATIC:
        shutil.copy(pages.HERE / name, folder)
    (folder / "index.html").write_text(pages.index(told, "res", {}), encoding="utf-8")
    opened = visit(folder=folder)
    seconds = opened.page.evaluate(
        """() => {
            const begin = performance.now();
            for (const name of ["p", "verdict"]) {
                const buttons = Array.from(document.querySelectorAll("table.board th button"));
                buttons.find(each => each.textContent.startsWith(name)).click();
                document.body.offsetHeight;  // have it laid out
            }
            return (performance.now() - begin) / 2000;
        }"""
    )
    assert seconds < SORT_SECONDS
    opened.page.get_by_label("Show ideas with").fill("idea_04999")
    assert opened.column(1) == ["idea_04999"]
    assert opened.page.get_by_text(f"1 of {IDEAS} ideas").is_visible()
