"""Papers, and the errors that are planted in them by a fixed seed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.papers.authors import AUTHORS
from benchmarks.papers.held_out import HELD_OUT
from benchmarks.papers.manuscripts import KINDS, Draft, Kind, Planted
from benchmarks.papers.studies import studies

HELD_OUT_STUDIES = ("boundary_loss", "reward_shaping")
ERRORS = 8  # to a paper, each in a block of its own


@dataclass(frozen=True)
class Manuscript:
    """A paper in the form of The AI Scientist.

    Attributes:
        study: the study's name.
        author: who wrote it.
        held_out: whether it is looked at only at the end.
    """

    study: str
    author: str
    held_out: bool

    @property
    def name(self) -> str:
        """Its name, for people."""
        return f"{self.study} by {self.author}"

    def draft(self) -> tuple[Draft, str]:
        """The paper with the marks of what could be wrong."""
        return {**AUTHORS, **HELD_OUT}[self.author](studies()[self.study])

    def write(self, folder: Path, wrong: Sequence[tuple[int, str]] = ()) -> tuple[Path, Path]:
        """Lay out the idea's folder with the paper in it; returns the paper and its results."""
        studies()[self.study].lay_out(folder)
        draft, text = self.draft()
        paper = folder / "latex" / "template.tex"
        paper.write_text(draft.render(text, wrong), encoding="utf-8")
        return paper, folder

    def plant(
        self, most: int, so_far: Counter[Kind]
    ) -> tuple[list[tuple[int, str]], list[Planted]]:
        """Errors of the kinds that were planted least so far, one a block.

        Args:
            most: how many.
            so_far: how many of each kind other papers have; what is planted is added.

        Returns:
            The slots and what to put there, and what that makes.
        """
        rng = random.Random(self.name)
        draft, text = self.draft()
        blocks = draft.blocks(text)
        wrong: list[tuple[int, str]] = []
        chosen: list[tuple[Kind, int, str, int]] = []
        taken: set[int] = set()
        while len(chosen) < most:
            places: dict[Kind, list[tuple[int, int, str]]] = {}
            for number, block in enumerate(blocks):
                for slot in block.slots if number not in taken else ():
                    for kind, texts in draft.slots[slot].errors.items():
                        places.setdefault(kind, []).extend((number, slot, one) for one in texts)
            if not places:
                break
            fewest = min(so_far[kind] for kind in places)
            kind = rng.choice([each for each in KINDS if each in places and so_far[each] == fewest])
            number, slot, put = rng.choice(places[kind])
            # A macro stands in several blocks: one error, wherever it is seen.
            taken |= {at for at, block in enumerate(blocks) if slot in block.slots}
            so_far[kind] += 1
            wrong.append((slot, put))
            chosen.append((kind, slot, put, number))
        after = draft.blocks(text, wrong)
        return wrong, [
            Planted(kind, draft.slots[slot].text, put, after[number])
            for kind, slot, put, number in chosen
        ]


def manuscripts() -> Iterator[Manuscript]:
    """All papers in the form of The AI Scientist: two authors a study, and the held-out ones."""
    open_studies = [name for name in studies() if name not in HELD_OUT_STUDIES]
    for number, study in enumerate(open_studies):
        names = list(AUTHORS)
        for author in (names[number % 4], names[(number + 1 + number // 4) % 4]):
            yield Manuscript(study, author, held_out=False)
    for number, study in enumerate(open_studies):
        if number % 2 == 0:
            yield Manuscript(study, list(HELD_OUT)[number // 2 % 2], held_out=True)
    for study in HELD_OUT_STUDIES:
        for author in ("scientist", "percents", *HELD_OUT):
            yield Manuscript(study, author, held_out=True)
