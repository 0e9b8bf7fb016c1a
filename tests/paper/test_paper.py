"""`bonsai paper`: from a results folder to a PDF in which every number is a reference."""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import mean
from tempfile import mkdtemp
from typing import Any

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from bonsai import paper
from bonsai.base import BonsaiError
from bonsai.cli import app
from bonsai.paper.archive import NAME
from bonsai.paper.changes import without_comments
from bonsai.paper.document import Cite, Heading, Number, Paper, Table, Text
from bonsai.paper.typesetting import compile_pdf
from bonsai.templates import contract
from tests import reports


def text_of(pdf: Path) -> str:
    from pdfminer.high_level import extract_text

    return " ".join(extract_text(io.BytesIO(pdf.read_bytes())).replace("\xa0", " ").split())


def source_of(pdf: Path) -> Paper:
    return contract.read(Paper, pdf.parent / "paper" / "paper.json")


@cache
def results() -> Path:
    return reports.telling(Path(mkdtemp()))


@cache
def whole() -> Path:
    return paper.write(paper.choose(results(), None)).pdf


@cache
def one() -> Path:
    return paper.write(paper.choose(results(), "toy/gains")).pdf


def spans_of(value: object) -> Iterator[Text | Number | Cite]:
    if isinstance(value, Text | Number | Cite):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from spans_of(getattr(value, name))
    elif isinstance(value, list):
        for each in value:
            yield from spans_of(each)


def section(told: Paper, title: str) -> list[Any]:
    found: list[Any] = []
    inside = False
    for block in told.blocks:
        if isinstance(block, Heading) and block.level == 1:
            inside = block.text == title
        elif inside:
            found.append(block)
    return found


def test_it_goes_beside_what_it_is_about() -> None:
    assert whole() == results() / "paper.pdf"
    assert one() == results() / "toy" / "gains" / "paper.pdf"


def test_all_sections_are_there_in_order() -> None:
    found = [block.text for block in source_of(one()).blocks
             if isinstance(block, Heading) and block.level == 1]  # fmt: skip
    assert found == [
        "Question and claims", "Method", "Protocol", "Results", "Controls", "What went wrong",
        "Limits", "Cost", "How to reproduce",
    ]  # fmt: skip


@pytest.mark.parametrize("made", [whole, one])
def test_no_sentence_has_a_number_of_its_own(made: Any) -> None:
    plain = [
        span.text for span in spans_of(source_of(made())) if isinstance(span, Text)
        and span.style != "code"
    ]  # fmt: skip
    assert not [text for text in plain if re.search(r"\d", text.replace("SHA-256", ""))]


@pytest.mark.parametrize("made", [whole, one])
def test_every_number_is_a_value_that_is_there(made: Any) -> None:
    told = source_of(made())
    keys = [span.key for span in spans_of(told) if isinstance(span, Number)]
    assert len(keys) > 20
    assert set(keys) <= set(told.values)


def test_a_difference_is_that_of_the_result_files() -> None:
    ends = ("gains/confirm/run_1/look_0/run", "confirm/run")
    found = [
        json.loads((results() / "toy" / end / "final_info.json").read_text())["digits"]
        for end in ends
    ]
    own, base = ([*each["final_info_dict"]["test_accuracy"]] for each in found)
    shown = source_of(one()).values["toy.gains.claim_1.difference"]
    assert shown.value == pytest.approx(mean(a - b for a, b in zip(own, base, strict=True)))
    assert float(shown.text.split()[0]) == pytest.approx(shown.value, abs=0.05)
    assert shown.text.endswith(" percentage points")


def test_a_value_names_the_line_of_the_ledger_that_it_is_from() -> None:
    lines = (results() / "ledger.jsonl").read_text().splitlines()
    shown = source_of(one()).values["toy.baseline.fresh.test_accuracy"]
    found = re.match(r"ledger\.jsonl, line (\d+)", shown.source)
    assert found is not None
    measured = json.loads(lines[int(found.group(1)) - 1])["data"]["scores"]["means"]
    assert measured["test_accuracy"] == shown.value


def test_digits_follow_the_interval() -> None:
    values = source_of(one()).values
    texts = [values[f"toy.gains.claim_1.{name}"].text for name in ("difference", "low", "high")]
    assert len({len(text.split()[0].split(".")[1]) for text in texts}) == 1


@pytest.mark.parametrize("word", ["supported", "refuted", "undecided", "no result"])
def test_every_verdict_is_in_the_table_and_told(word: str) -> None:
    told = source_of(whole())
    tables = [block for block in section(told, "Results") if isinstance(block, Table)]
    keys = [span.key for span in spans_of(tables[0]) if isinstance(span, Number)]
    assert word in [told.values[key].text for key in keys]
    assert f"{'has' if word == 'no result' else 'is'} {word}." in text_of(whole())


def test_what_did_not_hold_stands_out_as_much_as_what_did() -> None:
    told = source_of(whole())
    open_ones = [
        told.values[span.key].text for span in spans_of(section(told, "What went wrong"))
        if isinstance(span, Number) and span.style == "strong"
    ]  # fmt: skip
    assert sorted(set(open_ones)) == ["no result", "refuted", "undecided"]


def test_ideas_of_one_name_are_told_apart_by_their_templates() -> None:
    assert "loses on toy_2" in text_of(whole())


def test_what_is_not_over_says_so() -> None:
    assert "not finished when this was written" in text_of(whole())


def test_claims_are_told_with_their_seal_and_when_it_was_set() -> None:
    text = text_of(one())
    assert "sealed in the ledger before the first edit, at 2026-11-18" in text
    seal = next(
        json.loads(line)["data"]["sha256"]
        for line in (results() / "ledger.jsonl").read_text().splitlines()
        if '"claims"' in line and '"gains"' in line and "sha256" in line
    )
    assert seal in text.replace(" ", "")


def test_of_code_the_change_alone_is_shown_without_comments() -> None:
    text = text_of(one())
    assert "- images: int = 60" in text
    assert "+ images: int = 600" in text
    assert "<script>" not in text


def test_code_that_cannot_be_read_is_not_said_to_be_the_same() -> None:
    chosen = paper.choose(results(), "toy/loses")
    shutil.rmtree(results() / "toy" / "loses" / "workspace", ignore_errors=True)
    assert "is that of the baseline" not in text_of(paper.write(chosen).pdf)


def test_comments_and_docstrings_go_and_strings_stay() -> None:
    code = ['"""Doc."""', "x = 1  # note", "# line", 's = "# no comment"', "", "def f():",
            '    """Doc', '    more."""', "    return s"]  # fmt: skip
    assert without_comments(code) == [
        "x = 1", 's = "# no comment"', "def f():", "    return s"
    ]  # fmt: skip


def test_pictures_are_copied_and_no_link_is_followed() -> None:
    source = one().parent / "paper"
    pictures = sorted(path.name for path in source.glob("*.png"))
    assert pictures == ["differences_1.png", "plot_1.png"]
    assert not any(path.is_symlink() for path in source.rglob("*"))


def test_it_is_for_archives_and_for_people_who_cannot_see_it() -> None:
    content = one().read_bytes()
    assert b"<pdfaid:part>2</pdfaid:part>" in content
    assert b"<pdfuaid:part>1</pdfuaid:part>" in content


def test_every_figure_says_what_it_shows_in_words() -> None:
    told = source_of(one())
    figures = [block for block in told.blocks if block.kind == "figure"]
    assert len(figures) == 2
    assert "gains +7.3 (supported)" in figures[0].alternative


def test_a_key_that_is_not_there_stops_it(tmp_path: Path) -> None:
    source = Path(shutil.copytree(one().parent / "paper", tmp_path / "paper"))
    told = json.loads((source / "paper.json").read_text())
    told["abstract"].append({"kind": "number", "key": "made.up", "style": "plain"})
    (source / "paper.json").write_text(json.dumps(told))
    with pytest.raises(BonsaiError, match=r"there is no value .*made\.up.* in the ledger"):
        compile_pdf(source)


def test_a_citation_that_is_not_there_stops_it(tmp_path: Path) -> None:
    source = Path(shutil.copytree(one().parent / "paper", tmp_path / "paper"))
    told = json.loads((source / "paper.json").read_text())
    told["abstract"].append({"kind": "cite", "key": "invented2031"})
    (source / "paper.json").write_text(json.dumps(told))
    with pytest.raises(BonsaiError, match=r"there is no reference .*invented2031"):
        compile_pdf(source)


def test_text_is_never_run(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("the secret")
    source = Path(shutil.copytree(one().parent / "paper", tmp_path / "paper"))
    told = json.loads((source / "paper.json").read_text())
    told["abstract"].append({"kind": "text", "text": '#read("../secret.txt")', "style": "plain"})
    (source / "paper.json").write_text(json.dumps(told))
    (tmp_path / "paper.pdf").write_bytes(compile_pdf(source))
    text = text_of(tmp_path / "paper.pdf")
    assert "#read(" in text
    assert "the secret" not in text


def files_of(home: Path) -> dict[str, bytes]:
    paths = [home / "paper.pdf", *(path for path in (home / "paper").rglob("*") if path.is_file())]
    return {path.relative_to(home).as_posix(): path.read_bytes() for path in paths}


def test_the_same_ledger_makes_the_same_bytes_wherever_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files_of(whole().parent)
    shutil.copytree(results(), tmp_path / "moved", symlinks=True)
    shutil.rmtree(tmp_path / "moved" / "paper")
    monkeypatch.chdir(tmp_path)
    paper.write(paper.choose(Path("moved"), None))
    assert files_of(tmp_path / "moved") == before


def test_the_archive_alone_makes_the_same_paper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files_of(whole().parent)
    with zipfile.ZipFile(whole().parent / "paper" / NAME) as archive:
        archive.extractall(tmp_path)
    monkeypatch.chdir(tmp_path)
    paper.write(paper.choose(Path(), None))
    assert files_of(tmp_path) == before


def test_the_archive_has_no_exchange_with_a_model() -> None:
    with zipfile.ZipFile(whole().parent / "paper" / NAME) as archive:
        names = archive.namelist()
        contents = b"".join(archive.read(name) for name in names)
    assert "toy/gains/workspace/run_1/experiment.py" in names
    assert "templates/toy/experiment.py" in names
    assert not [name for name in names if "exchanges" in name or "secret" in name]
    assert b"reply 1:" not in contents


def test_programs_that_were_brought_are_told_as_such(tmp_path: Path) -> None:
    text = text_of(paper.write(paper.choose(reports.judged(tmp_path), None)).pdf)
    assert "The program was brought from left/gen_3.py, made by openevolve" in text
    assert "test_accuracy: 93.4 %" in text
    assert "What is said of gen_3 elsewhere; nothing here rests on it." in text
    assert "no agent" not in text


def test_of_many_ideas_the_surest_are_told_and_the_rest_is_not_hidden(tmp_path: Path) -> None:
    results = reports.many(tmp_path / "res", 40)
    told = source_of(paper.write(paper.choose(results, None)).pdf)
    assert told.values["sweep.ideas"].text == "40 ideas"
    assert told.values["sweep.told"].text == "30 ideas"
    keys = [span.key for span in spans_of(told.blocks) if isinstance(span, Number)]
    assert {"sweep.ideas", "sweep.told"} <= set(keys)


def test_a_sweep_without_any_result_makes_a_paper_that_says_so(tmp_path: Path) -> None:
    made = reports.Synthetic(tmp_path / "res", reports.ideas(["a", "b"]))
    text = text_of(paper.write(paper.choose(made.write(), None)).pdf)
    assert "Of 2 ideas on toy none came to a run." in text
    assert "The claim that a raises test_accuracy has no result. It is waiting." in text
    assert "There is no baseline of toy, so no idea was tried." in text
    assert "1970" not in text


def test_an_idea_with_no_run_is_a_paper_too() -> None:
    text = text_of(paper.write(paper.choose(results(), "toy/fails")).pdf)
    assert "It came to no run at all, which refutes nothing." in text


def test_a_name_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(BonsaiError, match=r"no idea called gain; there are toy/gains, toy/loses"):
        paper.choose(results(), "gain")
    with pytest.raises(BonsaiError, match=r"more than one idea called gains"):
        paper.choose(results(), "gains")


def test_the_command_prints_where_the_paper_is() -> None:
    done = CliRunner().invoke(app, ["paper", str(results()), "toy/wavers", "--offline"])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[-1] == str(results() / "toy" / "wavers" / "paper.pdf")


def test_prose_that_a_person_wrote_is_taken_in_under_the_same_rules(tmp_path: Path) -> None:
    home = Path(shutil.copytree(results(), tmp_path / "res", symlinks=True))
    source = home / "toy" / "gains" / "paper"
    source.mkdir(exist_ok=True)
    fields = {
        "abstract": ["We ask whether the number of images matters.", "It reaches 99 of them."]
    }
    (source / "prose.json").write_text(json.dumps({"by": "a person", "fields": fields}))
    made = paper.write(paper.choose(home, "toy/gains"))
    text = text_of(made.pdf)
    assert "We ask whether the number of images matters. The claim that gains on toy" in text
    assert "99" not in text.split("Question and claims")[0]
    assert any("It reaches 99 of them." in note for note in made.notes)
