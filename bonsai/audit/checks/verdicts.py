"""Verdicts as a paper states them, against those in the ledger."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from bonsai.audit.checks.comparing import told_verdict
from bonsai.audit.document import Block, Cell, Document
from bonsai.audit.facts import Compared, Facts
from bonsai.audit.findings import Finding
from bonsai.audit.wording import claims, is_named, mentions, metrics, shortened

WORD = re.compile(r"\b(supported|refuted|undecided|no result)\b", re.I)
# What the words mean, and how many claims there are of each, is no verdict on one of them.
GENERAL = re.compile(
    r"\b(?:a|an|any|each|every|no|\w+ed)\s+(?:\w+\s+)?(?:claim|one)\b[^.]{0,40}\b(?:is|are|may|if)\b"
    r"|\bclaims\b|\bideas\b|\bif\b|\bnot\s+(?:a\s+)?(?:supported|refuted|undecided)\b"
    r"|\b(?:supported|refuted|undecided)\s+by\b(?!\s+the\s+verdict)",
    re.I,
)
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
# Columns of a table of claims, by their heads, and what stands in them.
COLUMNS: tuple[tuple[re.Pattern[str], Callable[[Compared], tuple[float | None, ...]]], ...] = (
    (re.compile(r"^\W*(?:mean )?difference\b", re.I), lambda each: (each.mean,)),
    (re.compile(r"^\W*(?:95\s*%\s*)?interval\b", re.I), lambda each: (each.low, each.high)),
)
CELL = re.compile(r"\W*(supported|refuted|undecided|no result)\W*", re.I)


def verdicts(document: Document, facts: Facts) -> Iterator[Finding]:
    """Every verdict on a claim that can be told from the others."""
    if not facts.compared:
        return
    for block in document.blocks:
        for row in block.rows:
            stated = [found[1] for cell in row if (found := CELL.fullmatch(cell.text))]
            if len(stated) == 1:
                text = " | ".join(cell.text for cell in row)
                yield from _stated(block.place, text, stated[0].lower(), facts)
                yield from _numbers(block, row, text, facts)
    for block, sentence in claims(document):
        words = {each.lower() for each in WORD.findall(sentence)}
        if len(words) == 1 and not GENERAL.search(sentence):
            yield from _stated(block.place, sentence, words.pop(), facts)


def _stated(place: str, text: str, word: str, facts: Facts) -> Iterator[Finding]:
    meant = _meant(text, facts)
    if not meant:
        return
    right = [each for each in meant if each.word == word]
    shown = (right or meant)[0]
    yield Finding(
        "verdict", "traced" if right else "contradicted", "sure" if len(meant) == 1 else "likely",
        place, shortened(text), told_verdict(shown), shown.source,
    )  # fmt: skip


def _numbers(block: Block, row: tuple[Cell, ...], text: str, facts: Facts) -> Iterator[Finding]:
    """The numbers beside a verdict, in columns that say what they are."""
    meant = _meant(text, facts)
    if len(meant) != 1:
        return
    [verdict] = meant
    for at, cell in enumerate(row):
        head = " ".join(each[at].text for each in block.rows[: block.header_rows] if at < len(each))
        expected = next((values(verdict) for name, values in COLUMNS if name.search(head)), None)
        stated = NUMBER.findall(cell.text.replace("−", "-"))
        if expected is None or None in expected or len(stated) != len(expected):
            continue
        for number, value in zip(stated, expected, strict=True):
            unit = 10.0 ** -len(number.partition(".")[2])
            fits = any(
                abs(float(number) - (value or 0.0) * scale) <= 0.501 * unit for scale in (1, 100)
            )
            if not fits:
                yield Finding(
                    "number", "contradicted", "sure", block.place,
                    shortened(f"{cell.text} ({head}): {text}"), told_verdict(verdict),
                    verdict.source,
                )  # fmt: skip
                break


def _meant(text: str, facts: Facts) -> list[Compared]:
    """The verdicts that a text may speak of: of the idea, the metric and the other run it names."""
    ideas = {each.idea for each in facts.compared}
    named = {idea for idea in ideas if idea and is_named(idea, text)}
    if not named and len(ideas) > 1:
        return []
    found = [each for each in facts.compared if not named or each.idea in named]
    names = {each.name for each in metrics(text, facts)}
    # An idea's name may stand for any of its runs, and then tells none from the others.
    called = [{_bare(run.name) for run in each.runs} for each in mentions(text, facts)]
    runs = {name for each in called if len(each) == 1 for name in each}
    claims_run = {_bare(each.run) for each in found}
    # Each narrows what is meant only where something is left of it.
    for narrowed in (
        [each for each in found if each.metric in names],
        [each for each in found if _bare(each.against) in runs - claims_run],
    ):
        kept = [each for each in narrowed if each in found]
        found = kept or found
    others = runs - claims_run
    if not any(_bare(each.against) in others for each in found):
        baselines = {_bare(run.name) for run in facts.runs.values() if run.is_baseline} | {"run_0"}
        found = [each for each in found if _bare(each.against) in baselines] or found
    return found


def _bare(name: str) -> str:
    """A run's own name, without its idea and the kind of its seeds."""
    return name.rsplit("/", 1)[-1].split(" (")[0]
