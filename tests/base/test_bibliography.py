"""References in BibTeX, as people and models write them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bonsai.base import bibliography

GOOD = r"""
@Article{xiao2017fashion,
  title   = {{Fashion-MNIST}: a novel image dataset},
  author  = {Xiao, Han and Ga{\"e}l Varoquaux},
  year    = {2017}
}
"""


def test_an_entry_has_a_key_a_title_authors_and_a_year_as_plain_text() -> None:
    (entry,) = bibliography.read(GOOD).entries.values()
    assert (entry.key, entry.kind, entry.line) == ("xiao2017fashion", "article", 2)
    assert entry.title == "Fashion-MNIST: a novel image dataset"
    assert entry.authors == ["Xiao", "Varoquaux"]
    assert entry.year == "2017"


def test_a_key_that_stands_there_twice_is_told_and_the_first_entry_counts() -> None:
    found = bibliography.read(GOOD + "@misc{xiao2017fashion, title={Another}}\n")
    assert found.repeated == ["xiao2017fashion"]
    assert found.entries["xiao2017fashion"].kind == "article"


def test_what_cannot_be_read_is_told_with_its_line_and_takes_nothing_else_with_it() -> None:
    found = bibliography.read(GOOD + '@misc{broken, title = "without end\n')
    assert list(found.entries) == ["xiao2017fashion"]
    (fault,) = found.faults
    assert fault.startswith("line 7: ")


def test_commands_in_a_field_are_never_followed() -> None:
    text = bibliography.plain(r"\input{/etc/passwd} \write18{id} {A} title")
    assert "root:" not in text
    assert text.endswith("A title")


@given(st.text(alphabet='@{}",=\\ \nabc%#', max_size=60))
def test_any_text_can_be_read(text: str) -> None:
    found = bibliography.read(text)
    assert all(entry.key in found.entries for entry in found.entries.values())
    assert isinstance(bibliography.plain(text), str)
