"""Where the references of a paper come from: only what exists somewhere, each with where."""

from __future__ import annotations

import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bonsai.base import BonsaiError, bibliography
from bonsai.paper import checking
from bonsai.paper.checking import check_identifiers
from bonsai.paper.references import Reference, as_bibtex, collect
from bonsai.templates import HOME, Idea

ENTRY = """@article{lecun1990optimal,
  title = {Optimal Brain Damage}, author = {LeCun, Yann and Denker, John S.}, year = {1990},
  journal = {NeurIPS}
}"""
FRAME = rf"\begin{{filecontents}}{{references.bib}}{ENTRY}\end{{filecontents}}"
PAPERS = [
    {"title": "Pruning by growth", "year": 2024, "url": "https://doi.org/10.1000/grown.7"},
    {"title": "Mutual pruning", "year": None, "url": "https://arxiv.org/abs/2401.00001v2"},
]


def idea(**more: object) -> Idea:
    return Idea.model_validate({"Name": "an_idea", "Title": "t", "Experiment": "e", **more})


def found_by_search() -> Idea:
    return idea(Literature={"searched": "openalex", "papers": PAPERS})


def test_the_templates_own_file_and_its_latex_are_read(tmp_path: Path) -> None:
    (tmp_path / "latex").mkdir()
    (tmp_path / "latex" / "template.tex").write_text(FRAME)
    (tmp_path / "references.bib").write_text("@misc{other, title = {Another}, year = {2001}}")
    found = collect(tmp_path, [])
    assert {key: each.origin for key, each in found.items()} == {
        "other": "the template's references.bib",
        "lecun1990optimal": "the template's latex/template.tex",
    }
    assert found["lecun1990optimal"].text == "LeCun, Denker. Optimal Brain Damage. NeurIPS. 1990."


def test_each_of_our_templates_has_references() -> None:
    for folder in sorted((HOME / "templates").iterdir()):
        if (folder / "latex").is_dir():
            found = collect(folder, [])
            assert len(found) > 5, folder
            text = as_bibtex(found, found)
            assert set(bibliography.read(text).entries) == set(found), folder


def test_what_an_idea_names_as_its_source_can_be_cited(tmp_path: Path) -> None:
    told = idea(source="See arXiv:1803.03635 and https://example.org/page.", References=["none"])
    found = collect(tmp_path, [told])
    assert [each.identifier for each in found.values()] == [
        "arXiv:1803.03635", "https://example.org/page",
    ]  # fmt: skip
    assert found["arxiv-1803-03635"].origin == "the idea an_idea"


def test_what_a_search_found_says_whether_it_was_checked(tmp_path: Path) -> None:
    found = collect(tmp_path, [found_by_search()])
    grown, mutual = found.values()
    assert (grown.key, grown.identifier) == ("pruning-by-growth-2024", "10.1000/grown.7")
    assert mutual.identifier == "arXiv:2401.00001"
    assert grown.shown({}).endswith("(identifier not checked)")
    assert grown.shown({grown.identifier: True}).endswith("(identifier checked)")
    assert grown.shown({grown.identifier: False}).endswith("(identifier not found any more)")
    noted = bibliography.read(as_bibtex(found, found, {mutual.identifier: True})).entries
    assert noted[grown.key].fields["note"] == "10.1000/grown.7 (identifier not checked)"
    assert noted[mutual.key].fields["note"] == "arXiv:2401.00001 (identifier checked)"


@pytest.mark.parametrize(
    "literature",
    [None, "text", {}, {"papers": "x"}, {"papers": [1, {}, {"title": "t"}, {"url": "u"}]}],
)
def test_a_search_of_another_shape_is_none(literature: object, tmp_path: Path) -> None:
    assert collect(tmp_path, [idea(Literature=literature)]) == {}


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real.bib").write_text(ENTRY)
    template = tmp_path / "template"
    template.mkdir()
    (template / "references.bib").symlink_to(tmp_path / "real.bib")
    assert collect(template, []) == {}


def test_what_nothing_holds_cannot_be_cited() -> None:
    with pytest.raises(BonsaiError, match="cites made2031up, which is neither"):
        as_bibtex({}, ["made2031up"])


def test_a_reference_calls_nothing_and_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "references.bib").write_text(
        "@misc{evil, title = {\\input{/etc/passwd} \\write18{id} ^^5cinput x}, "
        'author = {van Merri{\\"e}nboer, Bart}, note = {50% off_the #1 & $x$ \\def\\x{y} 猫}}'
    )
    text = collect(tmp_path, [])["evil"].bibtex
    assert set(re.findall(r"\\[a-zA-Z]+|\\.", text)) == {'\\"', "\\%", "\\_", "\\#", "\\&"}
    assert "^^" not in text
    assert bibliography.read(text).entries["evil"].authors == ["van Merriënboer"]


@given(st.text(alphabet='{}\\%$^_&#@=",ab \n', max_size=60))
def test_whatever_a_title_is_its_entry_is_one_entry(title: str) -> None:
    literature = {"papers": [{"title": title or "t", "year": 1, "url": "http://a.b/c"}]}
    for reference in collect(Path("/nowhere"), [idea(Literature=literature)]).values():
        assert list(bibliography.read(reference.bibtex).entries) == [reference.key]


# ------------------------------------------------------------------------------ checked again


class _Answers(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response(int(self.path.rsplit("/", 1)[-1]))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def reference(identifier: str) -> Reference:
    return Reference("k", "t.", "a search", identifier, "", was_found=True)


def test_identifiers_are_asked_for_once_and_remembered(tmp_path: Path) -> None:
    server = HTTPServer(("127.0.0.1", 0), _Answers)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    here = f"http://127.0.0.1:{server.server_port}"
    try:
        wanted = [reference(f"{here}/{status}") for status in (200, 302, 404, 500)]
        found = check_identifiers(wanted, tmp_path, network=True)
    finally:
        server.shutdown()
        server.server_close()
    # What a service that is out of order says is no answer.
    assert found == {f"{here}/200": True, f"{here}/302": True, f"{here}/404": False}
    assert check_identifiers(wanted, tmp_path, network=False) == found


def test_without_a_network_nothing_is_asked_and_nothing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check_identifiers([reference("10.1/x")], tmp_path, network=False) == {}
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(checking, "SECONDS", 0.5)
    assert check_identifiers([reference("http://127.0.0.1:1/x")], tmp_path, network=True) == {}


def test_a_memory_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / checking.FILE).write_text("{")
    assert check_identifiers([], tmp_path, network=False) == {}
