"""What a sweep was asked to do; kept in its results folder, so that `resume` needs nothing else."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bonsai.base import BonsaiError, untrusted, write_atomically
from bonsai.evaluation import verdict
from bonsai.execution import Mode
from bonsai.models import WAIT_SECONDS, Budget
from bonsai.templates import Idea, Reported, Template, contract

FORM = 2  # of what stands in a results folder; one more whenever an older one cannot be read
GIVEN = "given"  # the folder of programs that were brought, in a results folder
REPORT = "report"  # the folder of the report in a results folder
MOST_PROGRAM_BYTES = 1_000_000  # of one that is brought to be judged
MAX_TRIES = 4  # as The AI Scientist has it
CONFIRM_SEEDS = 8
MAX_CONFIRM_SEEDS = 32


class GivenProgram(BaseModel):
    """A version of a template's `experiment.py` that came from elsewhere, to be judged.

    Attributes:
        file: the results folder's copy of it, from there.
        sha256: of it.
        origin: where it was found, for people.
        engine: what made it, where that is known.
        claimed: what its primary metric is said to be, before anybody measured it here.
    """

    model_config = ConfigDict(extra="forbid")

    file: str
    sha256: str
    origin: str
    engine: str = ""
    claimed: float | None = None

    @classmethod
    def lay(
        cls, results: Path, file: str, content: bytes, *,
        origin: str, engine: str = "", claimed: float | None = None,
    ) -> GivenProgram:  # fmt: skip
        """Keep a program in a results folder; `file` is its name among those that were given."""
        path = results / GIVEN / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return cls(
            file=f"{GIVEN}/{file}", sha256=hashlib.sha256(content).hexdigest(), origin=origin,
            engine=engine, claimed=claimed,
        )  # fmt: skip

    def read(self, results: Path) -> bytes:
        """What it holds, byte for byte.

        Raises:
            BonsaiError: the results folder's copy is gone, or was changed.
        """
        content = untrusted.read_bytes(results / self.file, MOST_PROGRAM_BYTES)
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise BonsaiError(
                f"{results / self.file} was changed since it was brought; judge it anew"
            )
        return content


class Assignment(BaseModel):
    """A template and the ideas to try on it."""

    model_config = ConfigDict(extra="forbid")

    template: str  # its folder
    called: str | None = None  # its name, where that is not the folder's
    ideas: list[Idea]
    reported: Reported | None = None  # what stands in for a score.py, where there is none
    programs: dict[str, GivenProgram] = {}  # by idea: those that nobody is to edit any more
    baseline: GivenProgram | None = None  # what stands in for its experiment.py

    @property
    def name(self) -> str:
        """What people call the template, and its folder among the results."""
        return self.called or Path(self.template).name


ProposerName = Literal["tpe", "random", "model", "cross", "chain"]


class SearchSettings(BaseModel):
    """How a search for a better version of a template goes; see `bonsai.search`."""

    model_config = ConfigDict(extra="forbid")

    proposers: list[ProposerName] = ["tpe"]
    arms: dict[str, list[ProposerName]] = {}  # by idea, where it is searched for by others
    runs: Annotated[int, Field(ge=30)] = 100  # of one seed, those of the verdict included
    seed: int = 0  # of what is drawn in it
    max_slowdown: Annotated[float, Field(ge=1)] = 1.1  # times the baseline's computing time


class Settings(BaseModel):
    """Everything that `run` was told. The model's key is not among it."""

    model_config = ConfigDict(extra="forbid")

    form: int = FORM
    assignments: list[Assignment]
    model: str | None = None  # None: cassettes are played back
    api_base: str | None = None
    context_tokens: Annotated[int, Field(ge=1)] | None = None  # the model's window; None: unknown
    wait_for_model: Annotated[float, Field(ge=0)] = WAIT_SECONDS  # while its service is away
    agents: Annotated[list[str], Field(min_length=1)] = ["aider"]  # several share the ideas
    agent_unconfined: bool = False  # whether one that runs commands may do so without walls
    keep_session: bool = False  # whether one that can goes on with its session within an idea
    edit_format: Literal["diff", "whole"] = "diff"
    max_runs: Annotated[int, Field(ge=1)] = 5
    max_tries: Annotated[int, Field(ge=1)] = MAX_TRIES
    workers: Annotated[int, Field(ge=1)] | None = 1  # None: as many as the executor has room for
    threads: Annotated[int, Field(ge=1)] = 1
    data: str | None = None  # None: each template's default
    seeds: list[int] | None = None  # None: each template's default
    confirm_seeds: Annotated[int, Field(ge=0)] = CONFIRM_SEEDS
    max_confirm_seeds: Annotated[int, Field(ge=0, le=verdict.MOST_SEEDS)] = MAX_CONFIRM_SEEDS
    first_fresh_seed: int  # drawn when the sweep starts, so that no agent can know it
    sandbox: Mode = "auto"
    executor: Literal["local", "ray", "slurm"] = "local"
    address: str | None = None  # of the Ray cluster; None: this machine's, or a new one
    slurm: dict[str, str] = {}  # options of sbatch
    gpus_per_run: Annotated[float, Field(ge=0)] | None = None  # None: one, where there are GPUs
    limits: dict[str, float] = {}  # those that replace limits of the templates' prompt.json
    budget: Budget = Budget()  # of the whole sweep
    idea_budget: Budget = Budget()  # of each idea
    agent_seconds: float = 600.0  # the deadline of one reply
    track: list[Literal["mlflow", "tensorboard"]] = []  # where else finished runs are logged
    search: SearchSettings | None = None  # None: an idea is a chain of edits

    @model_validator(mode="before")
    @classmethod
    def _one_agent(cls, value: Any) -> Any:
        """Older versions knew a single agent, and called it so."""
        if isinstance(value, dict) and "agent" in value and "agents" not in value:
            value = {**value, "agents": [value["agent"]]}
            del value["agent"]
        return value

    def agent_of(self, template: str, idea: str) -> str:
        """Who edits for an idea, as `agents` has it: drawn once, and the same after a resume."""
        ideas = tuple(
            (item.name, tuple(each.Name for each in item.ideas)) for item in self.assignments
        )
        return _shared_out(tuple(self.agents), ideas, self.first_fresh_seed)[template, idea]

    def interim_analyses(self) -> list[int]:
        """After how many fresh seeds an idea is judged, for good or for the time being."""
        return verdict.interim_analyses(self.confirm_seeds, self.max_confirm_seeds)

    def verdict_seeds(self) -> list[int]:
        """All that interim analyses may take."""
        return [seed for n in range(len(self.interim_analyses())) for seed in self.fresh_seeds(n)]

    def fresh_seeds(self, analysis: int) -> list[int]:
        """The seeds that an interim analysis (counted from 0) adds; no agent was ever shown one."""
        counts = [0, *self.interim_analyses()]
        first = self.first_fresh_seed
        return list(range(first + counts[analysis], first + counts[analysis + 1]))

    @property
    def judges(self) -> bool:
        """Whether its ideas are programs that were brought, and nobody edits."""
        return any(item.programs for item in self.assignments)

    def given(self, template: str, idea: str) -> GivenProgram | None:
        """The program that was brought as an idea; None where the idea is to be worked on."""
        found = (item.programs.get(idea) for item in self.assignments if item.name == template)
        return next(found, None)

    def templates(self, results: Path | None = None) -> list[tuple[Template, list[Idea]]]:
        """The templates, and the ideas to try on each.

        Args:
            results: the results folder, with the programs that stand in for templates' own; without
                it, these are the templates as they came.

        Raises:
            BonsaiError: a template is no longer where it was, or a program was changed.
        """
        for item in self.assignments:
            if not (Path(item.template) / "experiment.py").is_file():
                raise BonsaiError(
                    f"the template {item.template} is gone; put it back, or write its new place "
                    "into sweep.json in the results folder"
                )
        found = []
        for item in self.assignments:
            program = None
            if item.baseline is not None and results is not None:
                item.baseline.read(results)  # says so if it is not what was brought
                program = results / item.baseline.file
            template = Template(Path(item.template), item.reported, item.called, program)
            found.append((template, item.ideas))
        return found

    def save(self, results: Path) -> None:
        """Write `sweep.json`."""
        write_atomically(results / "sweep.json", self.model_dump_json(indent=2) + "\n")

    @classmethod
    def load(cls, results: Path) -> Settings:
        """Read `sweep.json`.

        Raises:
            BonsaiError: the folder is no results folder, or that of another version.
        """
        path = results / "sweep.json"
        value = contract.read_json(path)
        form = value.get("form", 1) if isinstance(value, dict) else FORM
        if form != FORM:
            raise BonsaiError(
                f"{path} was written by another version of Bonsai (results of form {form}, this "
                f"version reads {FORM}); go on with that version, or start a new sweep"
            )
        return contract.check(cls, value, str(path))


@lru_cache(maxsize=4)
def _shared_out(
    agents: tuple[str, ...], ideas: tuple[tuple[str, tuple[str, ...]], ...], seed: int
) -> dict[tuple[str, str], str]:
    """Ideas shared out among agents at random, in blocks (permuted-block design).

    Each block of a template's ideas, in their order, has every agent once. So each agent gets as
    many of a template as any other, or one less or more. In a last block that is too short for all,
    those come first that have had the fewest so far: the same holds of the sweep.
    """
    draw = random.Random(f"agents {seed}")
    had: Counter[str] = Counter()
    shares: dict[tuple[str, str], str] = {}
    for template, names in ideas:
        for first in range(0, len(names), len(agents)):
            block = names[first : first + len(agents)]
            order = draw.sample(agents, len(agents))
            order = sorted(order, key=lambda agent: had[agent])[: len(block)]
            draw.shuffle(order)
            had.update(order)
            shares |= {(template, name): agent for name, agent in zip(block, order, strict=True)}
    return shares
