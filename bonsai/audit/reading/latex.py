r"""Papers in LaTeX, read by pylatexenc's walker once macros and inputs are written out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from bonsai.audit.document import Block, Document, Figure
from bonsai.audit.pixels import digest_of_file
from bonsai.audit.reading.expanding import MOST_BYTES, Expanded, expand, group_at
from bonsai.audit.reading.inline import (
    Node,
    arguments,
    kinds,
    number_of,
    source_of,
)
from bonsai.audit.reading.latex_draft import Draft
from bonsai.audit.reading.latex_nodes import (
    CODES,
    COUNTED,
    DISPLAYS,
    FLOATS,
    LISTS,
    NOT_TEXT,
    QUOTES,
    SECTIONS,
    WITHIN_FLOATS,
    Float,
    context,
    counter_of,
    find_picture,
    holds_blocks,
    labels_in,
    picture_folders,
)
from bonsai.audit.reading.latex_references import (
    of_bibitems,
    of_paper,
)
from bonsai.audit.reading.latex_tables import TABULARS, read_table
from bonsai.audit.reading.wording import plain
from bonsai.base import untrusted

MOST_AT_ONCE = 400_000  # characters: the parser's time grows with their square


def read_latex(path: Path, roots: Sequence[Path]) -> Document:
    """A paper in LaTeX.

    Args:
        path: its main file.
        roots: folders that pictures may lie in; the paper's own is one of them.

    Raises:
        Unreadable: the file cannot be read.
    """
    source = untrusted.read_text(path, MOST_BYTES, follow=True)
    expanded = expand(path, source)
    document = Document(path, "latex", source=source, troubles=expanded.troubles)
    reader = _Reader(document, expanded, roots)
    try:
        reader.read()
    except RecursionError:  # in the title or the bibliography; parts of the text have their own
        document.troubles.append("it is nested too deeply, so a part of it was not read")
    reader.finish()
    return document


class _Reader(Draft):
    def __init__(self, document: Document, expanded: Expanded, roots: Sequence[Path]) -> None:
        super().__init__(document, expanded)
        self.roots = roots
        self.floats: list[Float] = []
        self.folders = picture_folders(expanded.text)
        begin = expanded.text.find(r"\begin{document}")
        self.body_from = 0 if begin < 0 else begin + len(r"\begin{document}")
        end = expanded.text.find(r"\end{document}", self.body_from)
        self.body_to = len(expanded.text) if end < 0 else end
        self.body = expanded.text[self.body_from : self.body_to]

    # The whole.

    def read(self) -> None:
        document = self.document
        document.bibliography += of_paper(self.expanded, document.path, document.troubles)
        self.printed_bibliography()
        self.title()
        for start, end in self.expanded.breaks.parts(self.body_from, self.body_to):
            if end - start > MOST_AT_ONCE:
                told = f"{self.place(start - self.offset)}: {end - start:,} characters in one piece"
                self.document.troubles.append(f"{told} were not read")
                continue
            self.offset = start
            try:
                for nodes in self.parsed(self.expanded.text[start:end]):
                    self.walk(nodes)
            except RecursionError:
                self.floats.clear()
                self.kind = "paragraph"
                told = f"from {self.place(0)}: nested too deeply, so a part of it was not read"
                self.document.troubles.append(told)
        self.flush()

    def parsed(self, text: str) -> list[Sequence[Node]]:
        """The nodes of a text; after what the parser stumbles over it goes on."""
        from pylatexenc.latexwalker import LatexWalker

        walker = LatexWalker(text, latex_context=context(), tolerant_parsing=True)
        found, at = [], 0
        for _ in range(200):
            nodes, start, length = walker.get_latex_nodes(pos=at)
            found.append(nodes)
            if start + length >= len(text):
                break
            at = max(start + length, at + 1)
        return found

    def printed_bibliography(self) -> None:
        """Read `thebibliography`: the paper's own, else the one that BibTeX has left beside it."""
        found = re.search(r"\\begin\{thebibliography\}.*?\\end\{thebibliography\}", self.body, re.S)
        self.offset = self.body_from + (found.start() if found else 0)
        text, place = (found.group() if found else ""), self.place
        beside = self.document.path.with_suffix(".bbl")
        if not found and not self.document.bibliography and untrusted.is_file(beside):
            text = expand(beside, untrusted.read_text(beside, MOST_BYTES)).text
            place = lambda at: beside.name  # noqa: E731
        for node in (each for nodes in self.parsed(text[:MOST_AT_ONCE]) for each in nodes):
            if node is not None and node.isNodeType(kinds().environment):
                self.document.bibliography += of_bibitems(node.nodelist, self.inline, place)

    def title(self) -> None:
        found = re.search(r"\\(?:icml)?title\s*(?:\[[^\]]*\])?\s*(?={)", self.expanded.text)
        if found:
            title, _ = group_at(self.expanded.text, found.end())
            self.offset = found.start()
            text = plain(self.inline.text([each for part in self.parsed(title) for each in part]))
            if text:
                place = self.expanded.place(found.start())
                self.document.blocks.append(Block("title", text, place))

    # What nodes are.

    def walk(self, nodes: Sequence[Node]) -> None:
        """Nodes in which paragraphs, floats and sections may stand."""
        for number, node in enumerate(nodes):
            if node is None:
                continue
            if node.isNodeType(kinds().environment):
                self.environment(node)
            elif node.isNodeType(kinds().macro):
                self.macro(node, nodes[number + 1 :])
            elif node.isNodeType(kinds().group) and holds_blocks(node.nodelist):
                self.walk(node.nodelist)
            elif node.isNodeType(kinds().chars) or node.isNodeType(kinds().specials):
                self.words(self.inline.node(node), node.pos)
            else:
                self.say(self.inline.node(node), node.pos)

    def macro(self, node: Node, rest: Sequence[Node]) -> None:
        name, given = node.macroname, arguments(node)
        if name in SECTIONS:
            self.heading(name, given, node.pos)
        elif name in ("par", "bigskip", "medskip", "smallskip", "newpage", "clearpage", "maketitle",
                      "appendix", "pagebreak"):  # fmt: skip
            self.flush()
        elif name == "item":
            self.flush()
            if given and given[-1] is not None:
                self.say(self.inline.text(given[-1:]) + " ", node.pos)
        elif name in ("caption", "captionof", "caption*", "subcaption"):
            self.caption(given, node.pos)
        elif name in ("includegraphics", "includesvg", "epsfig"):
            self.image(source_of(given[-1:]), node.pos)
        elif name in ("subfloat", "subfigure", "subcaptionbox"):
            self.subfloat(name, given)
        elif name == "label":
            self.label(source_of(given[-1:]))
        elif name in ("title", "icmltitle", "bibliography", "bibliographystyle", "author"):
            pass
        elif name == "abstract" and given:
            self.abstract(given[-1:])
        elif name == "bonsairaw":
            self.listing(number_of(node), node.pos)
        elif name in ("resizebox", "scalebox", "adjustbox", "parbox", "makebox", "fbox", "mbox",
                      "rotatebox", "centerline", "colorbox", "textcolor") and given:  # fmt: skip
            inner = getattr(given[-1], "nodelist", None)
            if inner and holds_blocks(inner):
                self.walk(inner)
            else:
                self.say(self.inline.node(node), node.pos)
        else:
            told = self.inline.node(node)
            if told:
                self.say(told, node.pos)

    def heading(self, name: str, given: Sequence[Node], at: int) -> None:
        self.flush()
        starred = bool(given and given[0] is not None)
        if name in ("section", "subsection", "subsubsection") and not starred:
            depth = SECTIONS.index(name)
            self.counts[name] += 1
            for lower in SECTIONS[depth + 1 :]:
                self.counts[lower] = 0
            self.current = ".".join(str(self.counts[each]) for each in SECTIONS[2 : depth + 1])
        text = plain(self.inline.text(given[-1:]))
        self.section = text
        self.cited = []
        self.block("heading", text, at)
        for label in labels_in(given[-1:]):
            self.label(label)

    def abstract(self, nodes: Sequence[Node]) -> None:
        self.flush()
        before, self.kind = self.kind, "abstract"
        inner = nodes[0].nodelist if len(nodes) == 1 and hasattr(nodes[0], "nodelist") else nodes
        self.walk(inner)
        self.flush()
        self.kind = before

    def environment(self, node: Node) -> None:
        name, at, inner = node.environmentname, node.pos, node.nodelist
        bare = name.rstrip("*")
        if name in TABULARS and name != "array":
            self.table(node)
        elif name in FLOATS:
            self.float(bare, inner)
        elif name in WITHIN_FLOATS and self.floats:
            self.inner_float(inner)
        elif bare == "abstract":
            self.abstract(inner)
        elif bare in QUOTES:
            self.flush()
            before, self.kind = self.kind, "quotation"
            self.walk(inner)
            self.flush()
            self.kind = before
        elif bare in LISTS:
            self.flush()
            self.walk(inner)
            self.flush()
        elif bare in DISPLAYS:
            self.display(node)
        elif bare in NOT_TEXT:
            return
        elif bare in CODES:
            self.flush()
            self.block("listing", plain(self.inline.text(inner)), at)
        elif bare == "thebibliography":
            self.flush()  # it was read before the text that cites it
        else:
            self.walk(inner)

    def display(self, node: Node) -> None:
        for label in labels_in(node.nodelist):
            self.counts["equation"] += 1
            self.current = str(self.counts["equation"])
            self.label(label)
        self.say(f" {self.inline.text(node.nodelist, True)} ", node.pos)

    # Floats.

    def float(self, name: str, inner: Sequence[Node]) -> None:
        self.flush()
        self.floats.append(Float(name))
        self.walk(inner)
        self.flush()
        self.end_of_float(self.floats.pop())

    def inner_float(self, inner: Sequence[Node]) -> None:
        """A part of a float; without a caption of its own it has the whole one's."""
        outer = self.floats[-1]
        part = Float(outer.name)
        self.floats.append(part)
        self.walk(inner)
        self.flush()
        self.floats.pop()
        if part.captions:
            self.end_of_float(part)
        else:
            outer.images += part.images
            outer.tables += part.tables

    def subfloat(self, name: str, given: Sequence[Node]) -> None:
        texts = [each for each in given if each is not None]
        if not texts or not hasattr(texts[-1], "nodelist"):
            return
        part = Float("figure")
        if len(texts) > 1:
            part.captions.append((self.inline.text(texts[-2:-1]), texts[-2].pos, ()))
        self.floats.append(part)
        self.walk(texts[-1].nodelist)
        self.flush()
        self.floats.pop()
        if part.captions or not self.floats:
            self.end_of_float(part)
        else:
            self.floats[-1].images += part.images

    def end_of_float(self, found: Float) -> None:
        caption = plain(" ".join(text for text, _, _ in found.captions))
        for nodes, at in found.tables:
            self.tabulate(nodes, at, caption)
        for text, at, cited in found.captions:
            self.block("caption", plain(text), at, cited)
        for file, at in found.images:
            path = find_picture(file, self.document.path.parent, self.folders, self.roots)
            self.document.figures.append(
                Figure(file, path, digest_of_file(path) if path else None, caption, self.place(at))
            )

    def caption(self, given: Sequence[Node], at: int) -> None:
        before, self.cited = self.cited, []
        text = self.inline.text(given[-1:])
        cited, self.cited = tuple(self.cited), before
        name = self.floats[-1].name if self.floats else ""
        if len(self.floats) == 1 and (counter := COUNTED.get(counter_of(name))):
            self.counts[counter] += 1
            self.current = str(self.counts[counter])
        for label in labels_in(given[-1:]):
            self.label(label)
        if self.floats:
            self.floats[-1].captions.append((text, at, cited))
        else:
            self.flush()
            self.block("caption", plain(text), at, cited)

    def image(self, file: str, at: int) -> None:
        if self.floats:
            self.floats[-1].images.append((file.strip(), at))
        else:
            self.end_of_float(Float("", [(file.strip(), at)]))

    def table(self, node: Node) -> None:
        self.flush()
        if node.environmentname.rstrip("*") in FLOATS:  # a table that is its own float
            self.floats.append(Float("table"))
            for each in node.nodelist:
                if each is not None and each.isNodeType(kinds().macro):
                    if each.macroname == "caption":
                        self.caption(arguments(each), each.pos)
                    elif each.macroname == "label":
                        self.label(source_of(arguments(each)[-1:]))
            found = self.floats.pop()
            left = [
                each for each in node.nodelist
                if each is None or not each.isNodeType(kinds().macro)
                or each.macroname not in ("caption", "label")
            ]  # fmt: skip
            found.tables.append((left, node.pos))
            self.end_of_float(found)
        elif self.floats:
            self.floats[-1].tables.append((node.nodelist, node.pos))
        else:
            self.tabulate(node.nodelist, node.pos, "")

    def tabulate(self, nodes: Sequence[Node], at: int, caption: str) -> None:
        before, self.cited = self.cited, []
        found = read_table(nodes, self.inline)
        cited, self.cited = tuple(self.cited), before
        if found.rows:
            self.block(
                "table", "", at, cited, rows=found.rows, header_rows=found.header_rows,
                caption=caption,
            )  # fmt: skip

    def listing(self, number: int, at: int) -> None:
        if not 0 <= number < len(self.expanded.raw):
            return
        kind, option, text, _ = self.expanded.raw[number]
        if kind == "verb":
            self.say(text, at)
        elif not kind.startswith("filecontents"):
            self.flush()
            self.block("listing", text.strip("\n"), at)
            if caption := re.search(r"caption=\{([^}]*)\}", option):
                self.block("caption", plain(caption[1]), at)
