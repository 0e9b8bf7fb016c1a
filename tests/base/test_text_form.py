"""Whatever form a text file has, an edit changes the lines that it means to change."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bonsai.base import BonsaiError
from bonsai.base.text_form import BOMS, decode, plain_text

ENDS = ("\n", "\r\n", "\r")
# Each line that is told apart from the next: no line may begin with what ends another.
LINE = st.text(st.characters(exclude_characters="\r\n", exclude_categories=("Cs",)), max_size=8)
ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=8)
LATIN = st.text(st.characters(min_codepoint=160, max_codepoint=255), min_size=1, max_size=8)


@given(st.binary(max_size=80), st.sampled_from(["a.py", "notes.txt"]))
def test_any_bytes_come_back(content: bytes, name: str) -> None:
    form = decode(content, name)
    assert "\r" not in form.text
    assert form.encoded(form.text) == content


@st.composite
def files(draw: st.DrawFn) -> tuple[list[str], list[str], str, bytes, bytes]:
    """Lines, their ends, an encoding, its mark, and the file's bytes."""
    bom, encoding = draw(st.sampled_from([*BOMS.items(), (b"", "utf-8"), (b"", "latin-1")]))
    each = ASCII | LATIN if encoding == "latin-1" else LINE | LATIN
    lines = draw(st.lists(each, min_size=1, max_size=8))
    ends = draw(st.lists(st.sampled_from(ENDS), min_size=len(lines), max_size=len(lines)))
    if lines[-1] and draw(st.booleans()):
        ends[-1] = ""
    first = f"# -*- coding: {encoding} -*-"
    lines, ends = [first, *lines], [draw(st.sampled_from(ENDS)), *ends]
    # A return and a line feed of two lines would be the end of one.
    for number, end in enumerate(ends[:-1]):
        assume(not (end == "\r" and lines[number + 1] == "" and ends[number + 1] == "\n"))
    text = "".join(line + end for line, end in zip(lines, ends, strict=True))
    return lines, ends, encoding, bom, bom + text.encode(encoding)


@given(files(), st.data())
def test_an_edit_of_one_line_changes_that_line(
    file: tuple[list[str], list[str], str, bytes, bytes], data: st.DataObject
) -> None:
    lines, ends, encoding, bom, content = file
    form = decode(content, "experiment.py")
    assert form.encoded(form.text) == content
    number = data.draw(st.integers(1, len(lines) - 1))
    new = [*lines]
    new[number] = data.draw(ASCII.filter(lambda line: line != lines[number]))
    edited = form.encoded("".join(f"{line}\n" for line in new))  # agents end the last line
    head = "".join(map("".join, zip(lines[:number], ends[:number], strict=True)))
    tail = "".join(map("".join, zip(lines[number + 1 :], ends[number + 1 :], strict=True)))
    head, tail = bom + head.encode(encoding), tail.encode(encoding)
    assert edited.startswith(head)
    assert edited.endswith(tail)
    middle = edited[len(head) : len(edited) - len(tail)].decode(encoding)
    assert middle in {new[number] + end for end in ENDS}


@given(files(), st.data())
def test_lines_that_come_and_go_leave_the_others_as_they_were(
    file: tuple[list[str], list[str], str, bytes, bytes], data: st.DataObject
) -> None:
    lines, ends, _, _, content = file
    assume(len(set(lines)) == len(lines))
    form = decode(content, "experiment.py")
    gone = data.draw(st.sets(st.integers(1, len(lines) - 1)))
    kept = [number for number in range(len(lines)) if number not in gone]
    at = data.draw(st.integers(1, len(kept)))
    new = [lines[number] for number in kept]
    added = "~ a line that is new"
    assume(added not in lines)
    new.insert(at, added)
    after = decode(form.encoded("".join(f"{line}\n" for line in new)), "experiment.py")
    assert after.text.removesuffix("\n").split("\n") == new
    found = dict(zip(new, after.ends, strict=True))
    for number in kept:
        followed_by_nothing = new[new.index(lines[number]) + 1 :][:1] == [""]
        if ends[number] == "\r" and followed_by_nothing:
            assert found[lines[number]] in ("\r", "\r\n"), "a lone LF after it would join it"
        elif ends[number]:
            assert found[lines[number]] == ends[number]


def test_a_carriage_return_is_not_joined_with_the_line_feed_of_an_empty_line() -> None:
    form = decode(b"a\rb\r\n\nc\r", "notes.txt")
    assert form.text == "a\nb\n\nc\n"
    edited = form.encoded("a\n\nc\n")
    assert decode(edited, "notes.txt").text == "a\n\nc\n"


@pytest.mark.parametrize(
    ("content", "name", "text"),
    [
        (codecs.BOM_UTF8 + b"a\r\nb", "x.py", "a\nb"),
        ("# coding: latin-1\nü\n".encode("latin-1"), "x.py", "# coding: latin-1\nü\n"),
        ("#!python\r\n# vim: fileencoding=cp1252\r\n€".encode("cp1252"), "x.py", None),
        ("€ in cp1252".encode("cp1252"), "notes.txt", "€ in cp1252"),
        ("wide\r\n".encode("utf-16"), "notes.txt", "wide\n"),
        ("wide\n".encode("utf-16-le"), "notes.txt", "wide\n"),
        ("wide\n".encode("utf-16-be"), "notes.txt", "wide\n"),
        (b"# coding: no-such-codec\nx", "x.py", "# coding: no-such-codec\nx"),
        (b"# coding: rot13\nx", "x.py", "# coding: rot13\nx"),
        (b"x = 1\n\n# coding: latin-1\n\xc3\xbc", "x.py", "x = 1\n\n# coding: latin-1\nü"),
        (b"", "x.py", ""),
    ],
)
def test_a_text_is_read_as_it_was_meant(content: bytes, name: str, text: str | None) -> None:
    expected = "#!python\n# vim: fileencoding=cp1252\n€" if text is None else text
    assert plain_text(content, name) == expected


def test_new_lines_end_as_most_do() -> None:
    form = decode(b"a\r\nb\r\nc\nd")
    assert form.encoded("a\nnew\nb\nc\nd\n") == b"a\r\nnew\r\nb\r\nc\nd"
    assert form.encoded("a\nb\nc\nd\ne\n") == b"a\r\nb\r\nc\nd\r\ne\r\n"


def test_what_the_encoding_has_not_is_told_with_its_line() -> None:
    form = decode("# coding: latin-1\nü = 1\n".encode("latin-1"), "x.py")
    with pytest.raises(BonsaiError, match=r"encoded as iso8859-1, which has no '→' \(line 2\)"):
        form.encoded("# coding: latin-1\nü = '→'\n")


def test_a_program_may_say_another_encoding_from_now_on() -> None:
    form = decode("# coding: latin-1\nü = 1\n".encode("latin-1"), "x.py")
    assert form.encoded("# coding: utf-8\nü = 1\n") == "# coding: utf-8\nü = 1\n".encode()
    assert form.encoded("ü = 1\n") == "ü = 1\n".encode()


def test_a_long_file_of_mixed_ends_is_quick() -> None:
    content = b"".join(b"%d\r\n%d\n" % (n, n) for n in range(20_000))
    form = decode(content)
    backwards = "\n".join(reversed(form.text.splitlines())) + "\n"
    assert len(form.encoded(backwards).splitlines()) == 40_000
