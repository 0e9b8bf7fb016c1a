"""How a template is swept that has no `score.py`: by the numbers that its program writes itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict

from bonsai.kit.scoring import Metric

Way = Literal["higher", "lower"]
Seeding = Literal["option", "shifted", "none", "free"]

SELF_REPORTED = "self-reported"
MOST_OF_OPTION = 1_000_000  # programs multiply their seeds, and numpy takes none above 2^32
SEEDINGS: dict[Seeding, str] = {
    "option": "each run has a seed of the runner's, by its option {option}",
    "shifted": "each run has seeds of the runner's: every seed that its code sets is shifted",
    "none": "its results depend on no seed: it is deterministic, so it is run once, a difference "
    "is exact, and there is no p-value",
    "free": "the same seed does not give the same numbers, so runs are not paired by seed: each is "
    "a draw of its own",
}


class Option(BaseModel):
    """An option of an experiment that takes its seed, or a list of its seeds.

    Attributes:
        flag: as it is written, with its dashes.
        default: its seeds where it is not given; empty if it has none.
        listed: how several are written: one after the other, or with commas.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    flag: str
    default: tuple[int, ...] = ()
    listed: Literal["words", "commas"] = "words"

    def arguments(self, number: int) -> tuple[str, ...]:
        """The arguments for a seed of the runner's; none for 0, which changes nothing."""
        if number == 0:
            return ()
        seeds = [str(seed + offset(number, MOST_OF_OPTION)) for seed in self.default or (0,)]
        return (self.flag, *seeds) if self.listed == "words" else (self.flag, ",".join(seeds))


class Reported(BaseModel):
    """What stands in for a `score.py`, with the face of `kit.scoring.Scorer`.

    It is found out on the untouched template before a sweep, and kept with the sweep.

    Attributes:
        directions: every metric that the untouched program writes, the primary first, and which
            way is better, where that is known.
        selection: the metric by which an idea's best run is chosen.
        dataset: what the results stand under.
        left_out: what of `final_info.json` is no number.
        chosen: how the primary metric came to be chosen, as a sentence.
        seeding: how a seed of the runner's reaches the program.
        option: the option that takes it, if there is one with an effect.
        data_from: what else the program may read.
        network: whether the untouched program may use the network, to download what it needs.
        pass_env: variables that the program is given; with one it calls a model, so ideas may use
            the network as well.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    directions: dict[str, Way | None]
    selection: str
    dataset: str
    left_out: tuple[str, ...] = ()
    chosen: str = ""
    seeding: Seeding = "shifted"
    option: Option | None = None
    data_from: tuple[str, ...] = ()
    network: bool = False
    pass_env: tuple[str, ...] = ()

    @cached_property
    def metrics(self) -> Mapping[str, Metric]:
        """The metrics as a `score.py` has them; what they mean, nobody has said."""
        return {name: Metric("", way, SELF_REPORTED) for name, way in self.directions.items()}

    @property
    def primary(self) -> str:
        """The metric by which ideas are judged."""
        return next(iter(self.directions))

    @property
    def datasets(self) -> tuple[str, ...]:
        """The program decides by itself what it reads."""
        return (self.dataset,)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that the agent works with; with 0 the program is as it was written."""
        return (0,) if self.seeding == "none" else (0, 1, 2)

    @property
    def told_seeding(self) -> str:
        """How seeds reach the program, for people."""
        return SEEDINGS[self.seeding].format(option=self.option.flag if self.option else "")

    prepare: None = None
    curve: None = None
    load_data: None = None
    withholds_labels: bool = False
    repeats_within: float = 0.0

    def judged(self, name: str) -> str:
        """Nothing is drawn from a key; see `kit.scoring.Scorer.judged`."""
        return name


def offset(number: int, below: int) -> int:
    """By how much a seed of the runner's moves the seeds of a program; 0 for 0.

    Far apart for neighbours: a program that counts up from its own seed must not meet the seeds
    of another run.
    """
    if number == 0:
        return 0
    digest = hashlib.sha256(str(number).encode()).digest()
    return 1 + int.from_bytes(digest[:8], "big") % (below - 1)
