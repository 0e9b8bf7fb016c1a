"""Sentences with values in them, and the parts of a paper that several sections use."""

from __future__ import annotations

import string
from collections.abc import Iterable

from bonsai.paper.document import Cite, Number, Paragraph, Span, Spans, Text
from bonsai.report import words

Part = str | Text | Number | Cite | list[Span]


def compose(sentence: str, **parts: Part) -> Spans:
    """A sentence in which `{name}` stands for a value, a name or several of them.

    Args:
        sentence: our own words; whatever is not ours comes in as a part.
        parts: by name.
    """
    found: Spans = []
    for text, name, _, _ in string.Formatter().parse(sentence):
        if text:
            found.append(Text(text=text))
        if name is not None:
            found += as_spans(parts[name])
    return found


def as_spans(part: Part) -> Spans:
    """Any part as a list of spans."""
    if isinstance(part, str):
        return [Text(text=words.clean(part))]
    return list(part) if isinstance(part, list) else [part]


def paragraph(*sentences: Spans) -> Paragraph:
    """Sentences one after the other, with spaces between them."""
    return Paragraph(spans=joined(sentences, " "))


def plainly(spans: Spans) -> str:
    """Spans of texts alone, as a text."""
    return "".join(span.text for span in spans if isinstance(span, Text))


def joined(parts: Iterable[Spans], between: str) -> Spans:
    """Spans with a text between every two."""
    found: Spans = []
    for part in parts:
        if found and part:
            found.append(Text(text=between))
        found += part
    return found


def code(text: str) -> Text:
    """A name as it stands in code."""
    return Text(text=words.clean(text), style="code")


def strong(text: str) -> Text:
    """Words that stand out."""
    return Text(text=words.clean(text), style="strong")


def listed(parts: list[Spans]) -> Spans:
    """Spans as people list them: a, b and c."""
    if len(parts) < 2:
        return parts[0] if parts else []
    return [*joined(parts[:-1], ", "), Text(text=" and "), *parts[-1]]
