"""How papers are read: what stands in them, where, and what is not followed out of their folder."""

from __future__ import annotations

import hashlib
import io
import zlib
from pathlib import Path

import pytest
import typst
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bonsai.audit import pixels
from bonsai.audit.document import Block, Document
from bonsai.audit.reading import read
from bonsai.audit.reading.balancing import balanced
from bonsai.audit.reading.expanding import expand
from bonsai.audit.reading.wording import tidy
from bonsai.base import BonsaiError

BIBLIOGRAPHY = r"""\begin{filecontents}{references.bib}
@article{xiao2017,
  title = {Fashion-{MNIST}: a Novel Dataset},
  author = {Xiao, Han and Rasul, Kashif and Vollgraf, Roland},
  year = {2017},
}
@article{kingma2014, title={Adam}, author={Kingma, D. and Ba, J.}, year=2014}
\end{filecontents}
"""


def latex(home: Path, body: str, preamble: str = "", name: str = "template.tex") -> Document:
    path = home / name
    path.write_text(
        "\\documentclass{article}\n"
        f"{preamble}\\begin{{document}}\n{body}\n\\end{{document}}\nnothing of this is read\n"
    )
    return read(path)


def texts(document: Document, kind: str = "paragraph") -> list[str]:
    return [block.text for block in document.blocks if block.kind == kind]


def line(home: Path, body: str, preamble: str = "") -> str:
    return " / ".join(texts(latex(home, body, preamble)))


def table_of(document: Document) -> Block:
    (found,) = [block for block in document.blocks if block.kind == "table"]
    return found


def shown(block: Block) -> list[list[str]]:
    """A table's cells; bold ones have a star before them."""
    return [["*" * cell.bold + cell.text for cell in row] for row in block.rows]


def picture(path: Path, colour: tuple[int, int, int] = (200, 10, 10)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (6, 4), colour)
    image.putpixel((0, 0), (1, 2, 3))
    image.save(path)


# ------------------------------------------------------------------------------------------ LaTeX


def test_the_parts_of_a_paper_have_kinds_sections_and_lines(tmp_path: Path) -> None:
    document = latex(
        tmp_path,
        "\\maketitle\n\\begin{abstract}\nShort.\n\\end{abstract}\n"
        "\\section{Results}\nFirst.\n\nSecond,\ngoes on.\n"
        "\\begin{itemize}\n\\item One.\n\\item[Two] two.\n\\end{itemize}\n"
        "\\begin{quote}Their words.\\end{quote}\n\\begin{verbatim}\nx = 5 % y\n\\end{verbatim}\n",
        preamble="\\title{Gates\\thanks{No.} \\\\ of a Net}\n",
    )
    assert [(each.kind, each.text, each.place, each.section) for each in document.blocks] == [
        ("title", "Gates of a Net", "line 2", ""),
        ("abstract", "Short.", "line 6", ""),
        ("heading", "Results", "line 8", "Results"),
        ("paragraph", "First.", "line 9", "Results"),
        ("paragraph", "Second, goes on.", "line 11", "Results"),
        ("paragraph", "One.", "line 14", "Results"),
        ("paragraph", "Two two.", "line 15", "Results"),
        ("quotation", "Their words.", "line 17", "Results"),
        ("listing", "x = 5 % y", "line 18", "Results"),
    ]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (r"83.2\,\%, 4\%", "83.2 %, 4%"),
        (r"$83.2 \pm 0.1$\,\%", "83.2 ± 0.1 %"),
        (r"$80.1_{\pm 0.2}$", "80.1 ± 0.2"),
        (r"$2\times$ as fast", "2 × as fast"),
        (r"$1.5 \times 10^{-3}$", "1.5 × 10^-3"),
        (r"$-0.5$ or −0.5 or \textminus 0.5", "-0.5 or -0.5 or -0.5"),
        (r"1{,}234 and $1{,}234$", "1,234 and 1,234"),
        (r"\num{1.2e-3}, \num{83.2(1)}, \num{5 +- 1}", "1.2 × 10^-3, 83.2 ± 0.1, 5 ± 1"),
        (r"\SI{12.5}{\milli\second}, \SI{4}{\percent}, \qty{3}{\kilo\byte}", "12.5 ms, 4 %, 3 kB"),
        (r"$R^2$ and $F_1$ of $x_{12}$", "R2 and F1 of x_12"),
        (r"$\mathbf{0.83}$, \textbf{0.83}, {\bf 0.83}, \bm{$0.83$}", "0.83, 0.83, 0.83, 0.83"),
        (r"$\frac{a}{b}$, $\sqrt{2}$, $\alpha \leq 0.05$", "a/b, √2, α ≤ 0.05"),
        (r"Fran\c{c}ois, \'Etude, na\"ive, \ss", "François, Étude, naïve, ß"),
        (r"run\_1, \#2, \& co., 5~s, a -- b", "run_1, #2, & co., 5 s, a – b"),
        (r"\href{http://a.b}{here}, \texttt{val\_loss}, \verb|x_1|", "here, val_loss, x_1"),
        (r"\textcolor{red}{seen} \phantom{unseen} \vspace{3mm} \color{blue} x", "seen x"),
        ("kept % 99.9 is not\ngoes on", "kept goes on"),
        (r"\iffalse hidden \else seen \fi", "seen"),
        (r"$p < 0.05$, $p=0.03$", "p < 0.05, p=0.03"),
        ("a\\footnote{Note.} b", "a b / Note."),
    ],
)  # fmt: skip
def test_lines_become_plain_text(tmp_path: Path, source: str, text: str) -> None:
    assert line(tmp_path, source) == text


@pytest.mark.parametrize(
    ("preamble", "source", "text"),
    [
        (r"\newcommand{\acc}{83.2}", r"\acc{} and \acc", "83.2 and 83.2"),
        (r"\newcommand{\pct}[1]{#1\,\%}", r"\pct{4.5}", "4.5 %"),
        (r"\newcommand{\two}[2][x]{#1-#2}", r"\two{b} \two[a]{b}", "x-b a-b"),
        (r"\def\half#1{(#1)/2}", r"\half{3}", "(3)/2"),
        (r"\newcommand*\net{GateNet}", r"\net\ is", "GateNet is"),
        (r"\newcommand{\inner}{5}\newcommand{\outer}{\inner.\inner}", r"\outer", "5.5"),
        (r"\let\a\alpha", r"$\a$", "α"),
        (r"\DeclareMathOperator{\acc}{acc}", r"$\acc = 1$", "acc = 1"),
        (r"\renewcommand{\textbf}[1]{gone}", r"\textbf{stays}", "stays"),
    ],
)
def test_macros_of_the_paper_are_written_out(
    tmp_path: Path, preamble: str, source: str, text: str
) -> None:
    assert line(tmp_path, source, preamble) == text


def test_what_a_macro_says_stands_where_it_is_used(tmp_path: Path) -> None:
    document = latex(tmp_path, "One.\n\n\\long", "\\newcommand{\\long}{A\n\nB}\n")
    assert [block.place for block in document.blocks] == ["line 6", "line 8", "line 8"]


def test_measured_values_are_taken_from_the_lines_that_say_them(tmp_path: Path) -> None:
    (tmp_path / "values.tex").write_text("\\measuredvalue{base.acc}{90.81\\,\\%}\n")
    document = latex(
        tmp_path, "It has \\measured{base.acc}, not \\measured{no.such}.", "\\input{values}\n"
    )
    assert texts(document) == ["It has 90.81 %, not [no value]."]
    assert document.troubles == ["line 4: no value stands for the key 'no.such'"]


def test_a_table_in_all_its_finery(tmp_path: Path) -> None:
    document = latex(
        tmp_path,
        r"""\begin{table}[t]
\caption{All runs. \label{tab:a}}
\begin{tabular*}{\textwidth}{l@{}cc|c}
\toprule
\multirow{2}{*}{Method} & \multicolumn{2}{c}{Accuracy} & Time \\ \cmidrule(lr){2-3}
 & A & B & (s) \\
\midrule
\multirow{2}{*}{Base} & $80.1_{\pm 0.2}$ & 81.0 $\pm$ 0.1 & 3 \\
 & 79 & 78 & 4 \\ \hline
Ours (\textit{big}) & \bm{$83.2$} & {\bf 84.0} $\pm$ 0.1 & $\mathbf{2.5}$ \\[2pt]
\rowcolor{gray} Third & \bfseries 84.1 & -- & \makecell{1 \\ 2} \\
\bottomrule
\end{tabular*}
\end{table}""",
    )
    table = table_of(document)
    assert shown(table) == [
        ["Method", "Accuracy", "Accuracy", "Time"],
        ["Method", "A", "B", "(s)"],
        ["Base", "80.1 ± 0.2", "81.0 ± 0.1", "3"],
        ["Base", "79", "78", "4"],
        ["Ours (big)", "*83.2", "*84.0 ± 0.1", "*2.5"],
        ["Third", "*84.1", "–", "1 2"],
    ]
    assert (table.header_rows, table.caption, table.place) == (2, "All runs.", "line 5")
    assert texts(document, "caption") == ["All runs."]


@pytest.mark.parametrize(
    ("rows", "heads"),
    [
        (r"\hline & A & B \\ \hline x & 1.5 & 2.5 \\ \hline y & 3.5 & 4.5 \\ \hline", 1),
        (r"& A & B \\ x & 1.5 & 2.5 \\", 1),
        (r"x & 1.5 & 2.5 \\ y & 3.5 & 4.5 \\", 0),
    ],
)
def test_headings_of_a_table_are_told_by_rules_or_by_what_they_hold(
    tmp_path: Path, rows: str, heads: int
) -> None:
    document = latex(tmp_path, f"\\begin{{tabular}}{{lcc}}{rows}\\end{{tabular}}")
    assert table_of(document).header_rows == heads


def test_figures_have_their_files_and_captions(tmp_path: Path) -> None:
    picture(tmp_path / "curves.png")
    (tmp_path / "latex").mkdir()
    document = latex(
        tmp_path / "latex",
        r"""\begin{figure}
\begin{subfigure}[b]{0.4\textwidth}\includegraphics[width=\textwidth]{curves}
\caption{Run 1.}\end{subfigure}
\includegraphics{lost.png}
\caption{All of them.}
\end{figure}""",
        preamble=r"\graphicspath{{../}}" + "\n",
    )
    first, second = document.figures
    assert (first.file, first.path, first.caption) == (
        "curves", (tmp_path / "curves.png").resolve(), "Run 1."
    )  # fmt: skip
    assert first.digest == pixels.digest_of_file(tmp_path / "curves.png")
    assert (second.file, second.path, second.digest) == ("lost.png", None, None)
    assert second.caption == "All of them."


def test_citations_are_printed_by_their_entries(tmp_path: Path) -> None:
    document = latex(
        tmp_path,
        r"By \citet{xiao2017}, so \citep[see][p.~3]{xiao2017,kingma2014} and \cite{nobody2020}."
        "\n\\bibliography{references}",
        BIBLIOGRAPHY,
    )
    assert texts(document) == [
        "By Xiao et al. (2017), so (Xiao et al., 2017; Kingma and Ba, 2014) and [nobody2020]."
    ]
    keys = ["xiao2017", "xiao2017", "kingma2014", "nobody2020"]
    assert [each.key for each in document.citations] == keys
    assert document.blocks[0].cited == tuple(keys)
    first = document.bibliography[0]
    assert (first.title, first.authors, first.year, first.place) == (
        "Fashion-MNIST: a Novel Dataset", "Xiao; Rasul; Vollgraf", "2017", "line 3"
    )  # fmt: skip


def test_an_entry_that_stands_there_twice_is_read_twice(tmp_path: Path) -> None:
    entry = "@article{a, title={A title}, year=2020}"
    block = f"\\begin{{filecontents}}{{r.bib}}\n{entry}\n\n{entry}\n\\end{{filecontents}}\n"
    document = latex(tmp_path, "\\cite{a}\\bibliography{r}", block)
    assert [(each.key, each.place) for each in document.bibliography] == [
        ("a", "line 3"), ("a", "line 5")
    ]  # fmt: skip


def test_a_bibliography_may_be_printed_already(tmp_path: Path) -> None:
    items = (
        "\\begin{thebibliography}{9}\n"
        "\\bibitem{a} A. Author and B. Writer. \\newblock A nice title. \\newblock Nature, 2020.\n"
        "\\bibitem[Other(2019)]{b} C. Other. Title two: the return. In ICML, 2019.\n"
        "\\end{thebibliography}\n"
    )
    (tmp_path / "paper.bbl").write_text(items)
    for document in (
        latex(tmp_path, f"See \\cite{{a}}.\n{items}"),
        latex(tmp_path, "See \\cite{a}.", name="paper.tex"),
    ):
        found = [(each.key, each.title, each.year) for each in document.bibliography]
        assert found == [("a", "A nice title", "2020"), ("b", "Title two: the return", "2019")]


def test_references_within_a_paper_have_numbers_or_are_missing(tmp_path: Path) -> None:
    document = latex(
        tmp_path,
        "\\section{A}\\subsection{B}\\label{sec:b}\nSee Section~\\ref{sec:b}, Table~\\ref{tab:no}.",
    )
    assert texts(document) == ["See Section 1.1, Table ??."]
    assert [(each.key, each.place) for each in document.missing_labels] == [("tab:no", "line 4")]


def test_files_are_read_in_the_papers_folder_only(tmp_path: Path) -> None:
    (tmp_path / "secret.tex").write_text("SECRET")
    (tmp_path / "secret.bib").write_text("@article{s, title={SECRET}}")
    picture(tmp_path / "secret.png")
    home = tmp_path / "paper"
    (home / "inside").mkdir(parents=True)
    (home / "inside" / "part.tex").write_text("From\nwithin.")
    (home / "linked.tex").symlink_to(tmp_path / "secret.tex")
    document = latex(
        home,
        "\\input{inside/part}\n\n\\input{../secret}\\input{linked}\\include{/etc/hostname}\n"
        "\\includegraphics{../secret.png}\\bibliography{../secret}",
    )
    assert "SECRET" not in repr([document.blocks, document.bibliography])
    assert [block.place for block in document.blocks] == ["inside/part.tex, line 1"]
    assert [figure.path for figure in document.figures] == [None]
    assert len(document.troubles) == 4


@pytest.mark.parametrize(
    "source",
    [
        r"\def\a{\a\a}\a", r"\newcommand{\a}{\b}\newcommand{\b}{\a}\b", "{" * 50_000,
        "}" * 50_000, r"\begin{a}" * 5000, r"$\frac{" * 3000, r"\\[" * 3000, r"$ " * 20_000,
        r"\begin{tabular}{c}\multicolumn{999999999}{c}{x}\\ \multirow{-9}{*}{y}\end{tabular}",
        r"\begin{tabular}{c}" + "&" * 20_000, r"\input{template}" * 100, r"\iffalse" * 9000,
        r"\textbf" * 5000, r"\verb|" * 5000, r"\title{" + r"\\[" * 3000,
    ],
    ids=range(15),
)  # fmt: skip
def test_no_source_takes_long_or_breaks_the_reader(tmp_path: Path, source: str) -> None:
    document = latex(tmp_path, f"{source}\n\nThe end.")
    assert document.form == "latex"


@given(st.text(alphabet="\\{}[]$&%#\n ab1.~^_|", max_size=200))
@settings(max_examples=300, deadline=None)
def test_whatever_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, body: str) -> None:
    home = tmp_path_factory.getbasetemp()
    document = latex(home, f"{body}\n\n\\section{{After}} it")
    assert all(block.place.startswith("line ") for block in document.blocks)


LATEX_PIECES = st.lists(
    st.sampled_from(
        ["\\begin{a}", "\\end{a}", "\\begin{table}", "\\end{table}", "{", "}", "$", "$$", "\\(",
         "\\)", "\\[", "\\]", "x", " ", "\n\n", "\\\\", "\\{", "\\textbf{", "&"]
    ),
    max_size=60,
)  # fmt: skip


@given(LATEX_PIECES)
def test_what_is_balanced_stays_so_and_keeps_its_places(pieces: list[str]) -> None:
    text = "".join(pieces)
    once = balanced(text)
    assert len(once.text) == len(text)
    assert balanced(once.text).text == once.text
    braces = once.text.replace("\\\\", "").replace("\\{", "")
    assert braces.count("{") == braces.count("}")
    assert all(
        kept in (before, " ") for before, kept in zip(text, once.text, strict=True)
    )  # fmt: skip


@given(
    st.lists(st.sampled_from(["a\n", "% c\n", "\\x", "\\y{z}", "{", "}", " ", "b"]), max_size=40)
)
def test_every_place_is_a_line_of_the_source(pieces: list[str]) -> None:
    source = "\\newcommand{\\x}{p\n\nq}\\def\\y#1{#1\n#1}" + "".join(pieces)
    found = expand(Path("paper.tex"), source)
    lines = source.count("\n") + 1
    for at in range(len(found.text)):
        assert 1 <= int(found.place(at).removeprefix("line ")) <= lines


@given(st.text())
def test_tidy_text_is_tidy(text: str) -> None:
    once = tidy(text)
    assert "  " not in once
    assert not set("\u2212\u00a0\u00ad\ufb01\u200b\n") & set(once)
    assert tidy(once) == once


# --------------------------------------------------------------------------------------------- PDF

PAPER = """#set document(title: "Gates of a Net", date: datetime(year: 2026, month: 11, day: 1))
#set heading(numbering: "1.1")
#title()
#heading(numbering: none)[Abstract]
Accuracy is 83.2 ± 0.1 % with gates [1], which is a rather long sentence so that it has to be set in several
lines of unforgettable hyphenation characteristics.
= Results
In @t the #strong[gates] reach 83.2 % on the self-made set of run_1, and the baseline reaches −0.5 or $10^(-3)$.
#figure(table(columns: 3, table.header([Method], [Acc.], [Time]),
  [Base], [80.1 ± 0.2], [*2.5*], [Gates], [*83.2 ± 0.1*], [3.5]),
  kind: table, caption: [All runs.]) <t>
#figure(image("curves.png", width: 3cm, alt: "Curves of run_1, as plot.py drew them: curves.png"), caption: [Run 1.])
- One thing.
- Another.
#quote(block: true)[Their words of 99 %.]
#raw(block: true, "x = 5\\n  y = 6")
#heading(numbering: none)[References]
#par[[1] H. Xiao. Fashion-MNIST: a novel dataset. arXiv, 2017.]
"""  # noqa: E501


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A paper as typst and as PDF, tagged and not."""
    folder = tmp_path_factory.mktemp("papers")
    picture(folder / "curves.png")
    (folder / "paper.typ").write_text(PAPER)
    for name, tags in (("tagged.pdf", True), ("plain.pdf", False)):
        typst.compile(
            folder / "paper.typ", output=folder / name, root=folder, ignore_system_fonts=True,
            pdf_tags=tags,
        )  # fmt: skip
    return folder


@pytest.mark.parametrize("name", ["tagged.pdf", "plain.pdf", "paper.typ"])
def test_a_pdf_is_read_with_a_structure_and_without(home: Path, name: str) -> None:
    document = read(home / name)
    assert document.form == ("typst" if name == "paper.typ" else "pdf")
    assert texts(document, "title") == ["Gates of a Net"]
    (abstract,) = texts(document, "abstract")
    assert abstract.startswith("Accuracy is 83.2 ± 0.1 % with gates [1], which is a rather long")
    assert abstract.endswith("lines of unforgettable hyphenation characteristics.")
    assert texts(document, "heading") == ["Results"]
    results = texts(document)[0]
    assert "on the self-made set of run_1, and the baseline reaches -0.5 or 10^-3." in results
    assert {block.place for block in document.blocks} == {"page 1"}
    table = table_of(document)
    assert shown(table) == [
        ["Method", "Acc.", "Time"], ["Base", "80.1 ± 0.2", "*2.5"], ["Gates", "*83.2 ± 0.1", "3.5"]
    ]  # fmt: skip
    assert (table.header_rows, table.caption) == (1, "All runs.")
    assert texts(document, "caption") == ["All runs.", "Run 1."]
    (figure,) = document.figures
    assert (figure.caption, figure.place) == ("Run 1.", "page 1")
    assert figure.digest == pixels.digest_of_file(home / "curves.png")
    assert [(each.key, each.text) for each in document.citations] == [("1", "[1]")]
    (entry,) = document.bibliography
    assert (entry.key, entry.year) == ("1", "2017")
    assert "Fashion-MNIST: a novel dataset" in f"{entry.authors} {entry.title}"


def test_a_structure_tells_lists_quotations_code_and_what_pictures_show(home: Path) -> None:
    document = read(home / "tagged.pdf")
    assert texts(document)[-2:] == ["One thing.", "Another."]
    assert texts(document, "quotation") == ["Their words of 99 %."]
    assert texts(document, "listing") == ["x = 5\n  y = 6"]
    (figure,) = document.figures
    assert figure.file == "curves.png"
    assert figure.alternative == "Curves of run_1, as plot.py drew them: curves.png"


def test_two_columns_are_read_one_after_the_other(tmp_path: Path) -> None:
    words = " ".join(f"word{number}" for number in range(600))
    (tmp_path / "a.typ").write_text(
        f"#set page(columns: 2)\n= Results\n{words}\n= Conclusion\nThe end with 5.5 s."
    )
    made = tmp_path / "a.pdf"
    typst.compile(tmp_path / "a.typ", output=made, ignore_system_fonts=True, pdf_tags=False)
    document = read(made)
    assert texts(document, "heading") == ["Results", "Conclusion"] or (
        texts(document, "title") == ["Results"] and texts(document, "heading") == ["Conclusion"]
    )
    told = " ".join(texts(document))
    assert told.split()[:600] == words.split()
    assert told.endswith("The end with 5.5 s.")


def test_a_page_of_tables_and_code_is_no_page_of_two_columns(tmp_path: Path) -> None:
    rows = "".join(f"[metric_{n} (%)],[{n}.25 ± 0.10],[{n}.75 ± 0.20],[{n}.5]," for n in range(12))
    (tmp_path / "a.typ").write_text(
        "= Results\nBefore it.\n"
        "#figure(kind: table, caption: [All.], table(columns: (1fr,) * 4, stroke: none,"
        f"[metric],[baseline],[run_1],[run_2],{rows}))\n"
        "Below it.\n```\nx = 5\n  y = 6 + x\n```\n"
    )
    made = tmp_path / "a.pdf"
    typst.compile(tmp_path / "a.typ", output=made, ignore_system_fonts=True, pdf_tags=False)
    document = read(made)
    table = shown(table_of(document))
    assert table[0] == ["metric", "baseline", "run_1", "run_2"]
    assert table[3] == ["metric_2 (%)", "2.25 ± 0.10", "2.75 ± 0.20", "2.5"]
    assert len(table) == 13
    assert texts(document, "listing") == ["x = 5\n  y = 6 + x"]
    assert texts(document) == ["Before it.", "Below it."]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"no pdf", "is no PDF"),
        (b"%PDF-1.7\n" + b"trailer << >>" * 3, "cannot be read as a PDF"),
        (
            b"%PDF-1.7\n1 0 obj << /Filter /FlateDecode >>\nstream\n"
            + zlib.compress(b"\0" * 650_000_000, 9),
            "unpacks to more than",
        ),
    ],
    ids=["text", "damaged", "bomb"],
)
def test_a_pdf_that_is_none_is_told_in_a_sentence(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "paper.pdf"
    path.write_bytes(content)
    with pytest.raises(BonsaiError, match=why):
        read(path)


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_a_damaged_pdf_is_read_or_told(home: Path, data: st.DataObject) -> None:
    content = bytearray((home / "tagged.pdf").read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(8, len(content) - 1))
        content[at : at + data.draw(st.integers(1, 30))] = data.draw(st.binary(max_size=30))
    path = home / "damaged.pdf"
    path.write_bytes(bytes(content))
    try:
        document = read(path)
    except BonsaiError as error:
        assert str(path) in str(error)
    else:
        assert document.form == "pdf"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ('#read("../secret.txt")', "escape the project root"),
        ('#read("/../secret.txt")', "escape the project root"),
        ('#import "@preview/cetz:0.3.0"', "does not compile"),
        ("#nothing", "unknown variable"),
    ],
)
def test_typst_reads_nothing_outside_its_folder_and_fetches_nothing(
    tmp_path: Path, source: str, why: str
) -> None:
    (tmp_path / "secret.txt").write_text("SECRET")
    (tmp_path / "paper").mkdir()
    path = tmp_path / "paper" / "paper.typ"
    path.write_text(source)
    with pytest.raises(BonsaiError, match=why):
        read(path)


# --------------------------------------------------------------------------------------- Markdown

MARKDOWN = """# Gates

## Abstract
We reach **83.2 %** [1], and `val_loss` falls.

## Results
| Run | Acc. |
|---|---:|
| base | 80.1 |
| gates | **83.2 ± 0.1** |

Table 1: All runs.

![Run 1](curves.png)

- one
- two

> quoted

```python
x = 5
```

## References
[1] Xiao, Han. "Fashion-MNIST: a novel dataset." arXiv, 2017.
"""


def test_markdown(tmp_path: Path) -> None:
    picture(tmp_path / "curves.png")
    path = tmp_path / "paper.md"
    path.write_text(MARKDOWN)
    document = read(path)
    kinds = [(each.kind, each.text, each.place) for each in document.blocks]
    assert kinds == [
        ("title", "Gates", "line 1"),
        ("abstract", "We reach 83.2 % [1], and val_loss falls.", "line 4"),
        ("heading", "Results", "line 6"),
        ("table", "", "line 7"),
        ("caption", "All runs.", "line 12"),
        ("caption", "Run 1", "line 14"),
        ("paragraph", "one", "line 16"),
        ("paragraph", "two", "line 17"),
        ("quotation", "quoted", "line 19"),
        ("listing", "x = 5", "line 21"),
    ]
    table = table_of(document)
    assert shown(table) == [["Run", "Acc."], ["base", "80.1"], ["gates", "*83.2 ± 0.1"]]
    assert table.caption == "All runs."
    assert document.figures[0].digest == pixels.digest_of_file(tmp_path / "curves.png")
    (entry,) = document.bibliography
    assert (entry.key, entry.title, entry.year) == ("1", "Fashion-MNIST: a novel dataset", "2017")


@given(st.text(alphabet="#|-`*_[]()!\n >1.a~\\", max_size=200))
@settings(max_examples=200, deadline=None)
def test_whatever_is_marked_up_is_read(tmp_path_factory: pytest.TempPathFactory, body: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.md"
    path.write_text(body)
    assert read(path).form == "text"


# --------------------------------------------------------------------------------------- pictures


def test_a_picture_is_known_by_its_pixels_whatever_its_file(tmp_path: Path) -> None:
    image = Image.new("RGB", (5, 3), (9, 8, 7))
    digests = set()
    for name, options in (("a.png", {}), ("b.png", {"compress_level": 0}), ("c.bmp", {})):
        image.save(tmp_path / name, **options)
        digests.add(pixels.digest_of_file(tmp_path / name))
    assert digests == {hashlib.sha256(b"5x3:" + bytes([9, 8, 7]) * 15).hexdigest()}


def test_a_picture_that_is_none_has_no_pixels(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    kept = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(kept, "PNG")  # small, and endless when it is unpacked
    (tmp_path / "b.png").write_bytes(kept.getvalue())
    (tmp_path / "c.png").symlink_to("/dev/zero")
    assert [pixels.digest_of_file(tmp_path / name) for name in ("a.png", "b.png", "c.png")] == (
        [None] * 3
    )


@pytest.mark.parametrize("name", ["paper.docx", "paper"])
def test_other_forms_are_told(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x")
    with pytest.raises(BonsaiError, match=r"no paper that can be read"):
        read(tmp_path / name)
