"""A paper as LaTeX: in a template's own frame, every text shown as it is, every number a key."""

from __future__ import annotations

import re
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bonsai import paper
from bonsai.base import BonsaiError
from bonsai.doctor import paper as checks
from bonsai.doctor.subject import PlotTrial, Subject
from bonsai.execution import Execution
from bonsai.paper.blocks import escape
from bonsai.paper.document import (
    Block,
    Cite,
    Figure,
    Heading,
    Items,
    Listing,
    Number,
    Paper,
    Paragraph,
    Quotation,
    Shown,
    Table,
    Text,
)
from bonsai.paper.latex import Frame, compile_latex, read_template, write_latex
from bonsai.paper.references import Reference
from bonsai.templates import HOME, new
from tests.reports import DOT, NASTY, telling

needs_latex = pytest.mark.skipif(
    not (shutil.which("pdflatex") and shutil.which("bibtex")), reason="no LaTeX on this machine"
)
HARM = (
    NASTY + r" \input{/etc/passwd} \write18{id} ^^5cinput $x$ 50% #1 ~ {a} }{ äß 猫 \end{verbatim}"
)
WORK = Reference("known2001", "Known.", "x", "", "@misc{known2001,\n  title = {Known}\n}")
OURS = sorted(path.name for path in (HOME / "templates").iterdir() if (path / "latex").is_dir())


def text(said: str) -> list[Text | Number | Cite]:
    return [Text(text=said)]


def blocks(harm: str) -> list[Block]:
    return [
        Heading(text="Question and claims"),
        Quotation(paragraphs=[text(harm)], whose=harm),
        Heading(text="Protocol"),
        Paragraph(spans=text("Judged so.")),
        Table(caption=text(harm), header=[text("what"), text("which")],
              rows=[[text(harm), [Number(key="a.b_c", style="strong")]]], wide=0),
        Heading(text="Results"),
        Paragraph(spans=[*text(harm), Number(key="a.b_c"), Cite(key="known2001")]),
        Heading(level=2, text=harm),
        Items(items=[text(harm), [Text(text=harm, style="code")]]),
        Figure(file="dot.png", caption=text(harm), alternative=harm),
        Heading(text="How to reproduce"),
        Listing(caption=text(harm), lines=["a = 1 % b", harm, "\tç"], marks=[" ", "+", "-"]),
        Listing(caption=text("Plain."), lines=["a = {1: 2} % $x$ #  ^^5c\\n", "    b"]),
    ]  # fmt: skip


def a_paper(harm: str = "x", cited: bool = True) -> Paper:
    return Paper(
        title=f"A title {harm}", about=f"By hand. {harm}", date=(2026, 1, 2),
        abstract=[*text(harm), Number(key="a.b_c")],
        blocks=blocks(harm) if cited else [],
        values={"a.b_c": Shown(text=f"+0.4 % {harm}", value=0.4, about=harm)},
        cited=["known2001"] if cited else [],
    )  # fmt: skip


def source_of(made: Paper, frame: Frame | None = None) -> Path:
    folder = Path(mkdtemp()) / "paper"
    folder.mkdir()
    (folder / "dot.png").write_bytes(DOT)
    write_latex(made, {"known2001": WORK}, frame or read_template(Path("/nowhere")),
                folder / "latex")  # fmt: skip
    return folder / "latex"


def read(pdf: bytes) -> str:
    import io

    from pdfminer.high_level import extract_text

    return " ".join(extract_text(io.BytesIO(pdf)).split())


@needs_latex
def test_whatever_a_text_holds_is_shown_and_not_run() -> None:
    folder = source_of(a_paper(HARM))
    shown = read(compile_latex(folder))
    assert "root:" not in shown
    assert "+0.4" in shown
    assert r"\input{/etc/passwd}" in shown
    assert "a = {1: 2} % $x$ # ^^5c\\n" in shown, "code is as it is"
    assert "Known" in shown


@needs_latex
@pytest.mark.slow
def test_the_same_paper_makes_the_same_bytes() -> None:
    assert compile_latex(source_of(a_paper())) == compile_latex(source_of(a_paper()))


@needs_latex
def test_a_paper_that_cites_nothing_becomes_a_pdf() -> None:
    assert "A title x" in read(compile_latex(source_of(a_paper(cited=False))))


@needs_latex
def test_a_key_that_does_not_exist_stops_latex() -> None:
    folder = source_of(a_paper())
    path = folder / "template.tex"
    path.write_text(path.read_text().replace(r"\measured{a.b_c}", r"\measured{a.b_d}", 1))
    with pytest.raises(BonsaiError, match=r"There is no value a\.b_d in the ledger"):
        compile_latex(folder)


@needs_latex
def test_nothing_outside_of_its_folder_is_read() -> None:
    folder = source_of(a_paper())
    secret = folder.parent / "secret.tex"
    secret.write_text("the secret")
    path = folder / "template.tex"
    before = path.read_text()
    for name in ("../secret", str(secret)):
        path.write_text(before.replace(r"\maketitle", rf"\input{{{name}}}\maketitle"))
        with pytest.raises(BonsaiError, match="does not become a PDF"):
            compile_latex(folder)


def test_without_latex_it_says_what_is_lacking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(BonsaiError, match="needs pdflatex and bibtex"):
        compile_latex(Path("/nowhere"))


def test_a_work_that_nothing_holds_stops_it() -> None:
    with pytest.raises(BonsaiError, match="cites made2031up, which is neither"):
        source_of(a_paper().model_copy(update={"cited": ["made2031up"]}))


@pytest.mark.parametrize("lacking", ["TITLE HERE", "RESULTS HERE", r"\end{filecontents}"])
def test_a_frame_that_cannot_be_filled_says_what_it_lacks(lacking: str) -> None:
    whole = read_template(Path("/nowhere"))
    with pytest.raises(BonsaiError, match=r"latex/template\.tex has no"):
        source_of(a_paper(), Frame(whole.text.replace(lacking, "")))


def test_a_template_without_a_paper_gets_the_frame_of_a_new_one(tmp_path: Path) -> None:
    own = (new.SCAFFOLD / "latex" / "template.tex").read_text(encoding="utf-8")
    assert read_template(tmp_path).text == own


def test_the_files_that_a_templates_paper_needs_go_along(tmp_path: Path) -> None:
    latex = Path(shutil.copytree(new.SCAFFOLD / "latex", tmp_path / "latex"))
    (latex / "iclr2099_conference.sty").write_text("% style")
    (latex / "linked.sty").symlink_to(latex / "iclr2099_conference.sty")
    (latex / "template.pdf").write_text("no style")
    folder = source_of(a_paper(), read_template(tmp_path))
    there = {path.name for path in folder.iterdir()}
    assert there == {"iclr2099_conference.sty", "template.tex", "values.tex"}


def test_the_paper_does_not_say_that_a_model_wrote_it() -> None:
    source = (source_of(a_paper()) / "template.tex").read_text()
    assert r"\author{Bonsai\thanks{By hand. x}}" in source
    assert "Written by a language model" not in source


@given(st.text(max_size=40))
def test_an_escaped_text_holds_no_command_but_ours(said: str) -> None:
    shown = escape(said)
    commands = set(re.findall(r"\\[A-Za-z]+", shown))
    assert commands <= {
        rf"\{name}" for name in (
            "textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater",
            "textbar", "ensuremath", "pm", "times", "leq", "geq", "mu", "to", "cdot",
            "dots", "circ", "textasciigrave",
        )
    }  # fmt: skip
    left = re.sub(r"\\[{}#$%&_]|\\ensuremath\{[^}]*\}|\\[a-z]+\{\}", "", shown)
    assert not set(left) & set("\\{}#$%&_^<>|")


# -------------------------------------------------------------- as The AI Scientist has it


@cache
def of_a_sweep(name: str) -> Path:
    """A sweep's paper in the frame of one of our templates: its folder with `latex/` in it."""
    chosen = paper.choose(telling(Path(mkdtemp())), "toy/gains")
    paper.write(chosen)
    made = Paper.model_validate_json((chosen.source / "paper.json").read_text(encoding="utf-8"))
    frame = read_template(HOME / "templates" / name)
    works = dict.fromkeys(made.cited, WORK)
    write_latex(made, works, frame, chosen.source / "latex")
    for part in ("experiment.py", "plot.py", "prompt.json", "score.py"):
        shutil.copyfile(HOME / "templates" / name / part, chosen.source / part)
    return chosen.source


def like_perform_writeup(folder: Path) -> list[str]:
    """What perform_writeup.py:17-75 looks for in latex/template.tex; what it complains about."""
    source = (folder / "latex" / "template.tex").read_text(encoding="utf-8")
    found = re.search(
        r"\\begin{filecontents}{references\.bib}(.*?)\\end{filecontents}", source, re.S
    )
    assert found is not None, "No references.bib found in template.tex"
    assert source.count(r"\end{filecontents") == 1, "new entries go before each of them"
    cites = re.findall(r"\\cite[a-z]*{([^}]*)}", source)
    wrong = [f"no reference {key}" for key in ",".join(cites).split(",")
             if key and key.strip() not in found.group(1)]  # fmt: skip
    shown = re.findall(r"\\includegraphics.*?{(.*?)}", source)
    drawn = {path.name for path in folder.iterdir() if path.name.endswith(".png")}
    wrong += [f"no figure {name}" for name in shown if name not in drawn]
    wrong += [f"figure {name} twice" for name in set(shown) if shown.count(name) > 1]
    sections = re.findall(r"\\section{([^}]*)}", source)
    return wrong + [f"section {name} twice" for name in set(sections) if sections.count(name) > 1]


@pytest.mark.parametrize("name", OURS)
def test_the_filled_paper_is_one_that_perform_writeup_takes(name: str) -> None:
    folder = of_a_sweep(name)
    assert like_perform_writeup(folder) == []
    source = (folder / "latex" / "template.tex").read_text(encoding="utf-8")
    assert [place for place in checks.PLACEHOLDERS if place in source] == []
    assert re.findall(r"\\section{([^}]*)}", source) == list(checks.SECTIONS)


def test_the_filled_paper_passes_the_doctors_checks(tmp_path: Path) -> None:
    folder = of_a_sweep("fashion_mnist")
    subject = Subject(folder, tmp_path)
    drawn = frozenset(path.name for path in folder.glob("*.png"))
    subject.__dict__["plot"] = PlotTrial(folder, Execution(0, None, 0.0, "", "", ""), drawn)
    looked_at = (checks.paper_is_there, checks.paper_references, checks.paper_figures,
                 checks.paper_parts)  # fmt: skip
    found = [each for check in looked_at for each in check(subject)]
    assert len(found) >= len(looked_at)
    assert [each.what for each in found if each.status not in ("ok", "note")] == []


@needs_latex
@pytest.mark.slow
@pytest.mark.parametrize("name", OURS)
def test_the_filled_paper_becomes_a_pdf_in_each_of_our_frames(name: str) -> None:
    assert "gains" in read(compile_latex(of_a_sweep(name) / "latex"))
