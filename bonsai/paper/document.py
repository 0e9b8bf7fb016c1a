"""A paper as the writer makes it: plain data, in which a number can only be a key.

The same document becomes a PDF by typst and LaTeX for a template's `latex/template.tex`. Texts are
data: nothing in them is ever a command.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Text(_Form):
    """Words; `style` as it is set."""

    kind: Literal["text"] = "text"
    text: str
    style: Literal["plain", "strong", "emphasis", "code"] = "plain"


class Number(_Form):
    """A value, by its key among the paper's values; it comes with digits and unit."""

    kind: Literal["number"] = "number"
    key: str
    style: Literal["plain", "strong"] = "plain"


class Cite(_Form):
    """A citation, by the key of an entry in the paper's references."""

    kind: Literal["cite"] = "cite"
    key: str


Span = Annotated[Text | Number | Cite, Field(discriminator="kind")]
Spans = list[Span]


class Heading(_Form):
    """A heading; level 1 is a section."""

    kind: Literal["heading"] = "heading"
    level: Literal[1, 2] = 1
    text: str


class Paragraph(_Form):
    """A paragraph."""

    kind: Literal["paragraph"] = "paragraph"
    spans: Spans


class Items(_Form):
    """A list of items, without an order."""

    kind: Literal["items"] = "items"
    items: list[Spans]


class Table(_Form):
    """A table with one row of headings; `wide` is the column that takes what width is left."""

    kind: Literal["table"] = "table"
    caption: Spans
    header: list[Spans]
    rows: list[list[Spans]]
    wide: int | None = None


class Figure(_Form):
    """A picture, by its name in the paper's folder, with what it shows for those who cannot see."""

    kind: Literal["figure"] = "figure"
    file: str
    caption: Spans
    alternative: str


class Listing(_Form):
    """Lines of code or commands; `marks` says of each line whether it is added, removed or same."""

    kind: Literal["listing"] = "listing"
    caption: Spans
    language: str = ""
    lines: list[str]
    marks: list[Literal["+", "-", " "]] = []


class Quotation(_Form):
    """Somebody's words, and whose they are."""

    kind: Literal["quotation"] = "quotation"
    paragraphs: list[Spans]
    whose: str


Block = Annotated[
    Heading | Paragraph | Items | Table | Figure | Listing | Quotation,
    Field(discriminator="kind"),
]


class Shown(_Form):
    """A value as a paper shows it.

    Attributes:
        text: with the digits that it deserves and its unit, e.g. `+0.41 percentage points`.
        value: the number itself; None where it is a word, e.g. a verdict.
        about: what it is, in words.
        source: file of the results folder, with the line where there is one.
    """

    text: str
    value: float | None = None
    about: str
    source: str = ""


class Paper(_Form):
    """A paper.

    Attributes:
        title: its title.
        about: what made it, in a line below the title.
        date: of the last thing that was measured, as year, month, day.
        abstract: the abstract.
        blocks: the sections, in order.
        values: what numbers refer to.
        cited: keys of the references that are shown at the end, in order.
    """

    title: str
    about: str
    date: tuple[int, int, int]
    abstract: Spans
    blocks: list[Block]
    values: dict[str, Shown]
    cited: list[str] = []
