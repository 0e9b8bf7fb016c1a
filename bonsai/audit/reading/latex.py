r"""Papers in LaTeX, read by pylatexenc's walker once macros and inputs are written out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bonsai.audit.document import Block, Citation, Document, Figure, Kind
from bonsai.audit.pixels import digest_of_file
from bonsai.audit.reading.expanding import MOST_BYTES, Expanded, expand, group_at
from bonsai.audit.reading.inline import (
    Inline,
    Node,
    arguments,
    kinds,
    number_of,
    reference,
    source_of,
)
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
    find_picture,
    holds_blocks,
    labels_in,
    picture_folders,
)
from bonsai.audit.reading.latex_references import of_bibitems, of_paper
from bonsai.audit.reading.latex_tables import TABULARS, read_table
from bonsai.audit.reading.wording import REF, REF_END, plain
from bonsai.base import untrusted


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
    except RecursionError:
        document.troubles.append("it is nested too deeply, so a part of it was not read")
    reader.finish()
    return document


class _Reader:
    def __init__(self, document: Document, expanded: Expanded, roots: Sequence[Path]) -> None:
        self.document, self.expanded, self.roots = document, expanded, roots
        self.inline = Inline(self.raw, self.cite, self.refer, self.footnote)
        self.kind: Kind = "paragraph"
        self.section = ""
        self.pieces: list[str] = []
        self.begun: int | None = None
        self.cited: list[str] = []
        self.footnotes: list[tuple[str, int]] = []
        self.floats: list[Float] = []
        self.counts: Counter[str] = Counter()
        self.current = ""  # the number that a label takes
        self.numbers: dict[str, str] = {}
        self.referred: list[Citation] = []
        self.offset = 0
        begin = expanded.text.find(r"\begin{document}")
        self.preamble = expanded.text[: max(0, begin)]
        self.body_from = 0 if begin < 0 else begin + len(r"\begin{document}")
        end = expanded.text.find(r"\end{document}", self.body_from)
        self.body = expanded.text[self.body_from : len(expanded.text) if end < 0 else end]
        self.folders = picture_folders(expanded.text)

    # The whole.

    def read(self) -> None:
        document = self.document
        document.bibliography += of_paper(self.expanded, document.path, document.troubles)
        self.title()
        self.offset = self.body_from
        for nodes in self.parsed(self.body):
            self.walk(nodes)
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

    def title(self) -> None:
        found = re.search(r"\\(?:icml)?title\s*(?:\[[^\]]*\])?\s*(?={)", self.expanded.text)
        if found:
            title, _ = group_at(self.expanded.text, found.end())
            self.offset = found.start()
            text = plain(self.inline.text([each for part in self.parsed(title) for each in part]))
            if text:
                place = self.expanded.place(found.start())
                self.document.blocks.append(Block("title", text, place))

    def finish(self) -> None:
        """Put in the numbers of labels, and note which there are not."""
        self.flush()
        pattern = re.compile(f"{REF}([^{REF_END}]*){REF_END}")

        def numbered(text: str) -> str:
            return pattern.sub(lambda found: self.numbers.get(found[1], "??"), text)

        self.document.blocks = [
            Block(
                each.kind, numbered(each.text), each.place, numbered(each.section), each.rows,
                each.header_rows, numbered(each.caption), each.cited,
            )
            for each in self.document.blocks
        ]  # fmt: skip
        self.document.figures = [
            Figure(each.file, each.path, each.digest, numbered(each.caption), each.place)
            for each in self.document.figures
        ]
        labels = self.document.labels
        self.document.missing_labels = [each for each in self.referred if each.key not in labels]

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

    def words(self, text: str, at: int) -> None:
        """Words, in which an empty line ends a paragraph."""
        for number, piece in enumerate(re.split(r"\n[ \t]*\n\s*", text)):
            if number:
                self.flush()
            if piece.strip() or self.pieces:
                blank = len(piece) - len(piece.lstrip())
                self.say(piece, at + text.find(piece) + blank)

    def say(self, text: str, at: int) -> None:
        if self.begun is None and text.strip():
            self.begun = at
        self.pieces.append(text)

    def flush(self) -> None:
        """End the paragraph."""
        text = plain("".join(self.pieces))
        if text and self.begun is not None:
            self.block(self.kind, text, self.begun, cited=tuple(self.cited))
        self.pieces, self.begun, self.cited = [], None, []
        notes, self.footnotes = self.footnotes, []
        for note, at in notes:
            self.block("paragraph", plain(note), at)

    def block(
        self, kind: Kind, text: str, at: int, cited: tuple[str, ...] = (), **more: object
    ) -> None:
        if text or kind == "table":
            self.document.blocks.append(
                Block(kind, text, self.place(at), self.section, cited=cited, **more)  # type: ignore[arg-type]
            )

    def place(self, at: int) -> str:
        return self.expanded.place(self.offset + at)

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
            self.flush()
            found = of_bibitems(inner, self.inline, self.place)
            self.document.bibliography += found
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
        if len(self.floats) == 1 and (counter := COUNTED.get(_counter_of(name))):
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

    # What the text names.

    def raw(self, number: int) -> str:
        return self.expanded.raw[number][2] if 0 <= number < len(self.expanded.raw) else ""

    def label(self, key: str) -> None:
        self.document.labels.add(key.strip())
        self.numbers.setdefault(key.strip(), self.current or "1")

    def refer(self, command: str, key: str, at: int) -> str:
        self.referred.append(Citation(key, f"\\{command}{{{key}}}", self.place(at)))
        return reference(key)

    def footnote(self, text: str, at: int) -> None:
        self.footnotes.append((text, at))

    def cite(self, command: str, keys: list[str], at: int) -> str:
        by_key = {each.key: each for each in self.document.bibliography}
        told = []
        for key in keys:
            entry = by_key.get(key)
            names = [name.strip() for name in entry.authors.split(";")] if entry else []
            who = f"{names[0]} et al." if len(names) > 2 else " and ".join(names)
            shown = f"{who}, {entry.year}" if entry and who else f"[{key}]"
            if command.lower() in ("citet", "citealt", "textcite") and entry and who:
                shown = f"{who} ({entry.year})"
            told.append(shown)
            self.document.citations.append(Citation(key, shown, self.place(at)))
        self.cited += keys
        if command == "nocite":
            return ""
        text = "; ".join(told)
        as_words = command.lower() in ("citet", "citealt", "textcite", "citealp", "citeauthor")
        return text if as_words or text.startswith("[") else f"({text})"


def _counter_of(name: str) -> str:
    return "table" if "table" in name else "figure" if "figure" in name else name
