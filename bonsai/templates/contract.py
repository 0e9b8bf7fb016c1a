"""The shapes of every file that crosses a border: ideas, prompts, results.

The shapes are The AI Scientist's own (its `generate_ideas.py` and `perform_experiments.py`), so a
template works there and here alike. Reading one goes through `read`, whose errors are sentences.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from bonsai.base import BonsaiError, untrusted

Rating = Annotated[int, Field(ge=1, le=10)]
Finite = Annotated[float, Field(allow_inf_nan=False)]

MOST_NAME = 60  # characters of a folder's name
NAME = rf"[a-z0-9_]{{1,{MOST_NAME}}}"  # that of an idea
AS_WRITTEN = "_as_written"  # ends the key of what a file said where something else is taken
MOST_SHOWN = 80  # characters of a name that people see
MOST_CLAIMS = 3  # that an idea can make, beside the one on the primary metric
MAX_JSON_BYTES = 20_000_000  # nothing larger is parsed: a run must not be able to fill our memory


class Claim(BaseModel):
    """What an idea is said to achieve, in a form that can turn out to be wrong.

    Attributes:
        metric: the metric that moves.
        direction: which way.
        smallest_effect: by how much at least, in the metric's unit; less would not matter.
        against: the run that it is compared with: the baseline, `run_0`, or a control of the idea.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: Annotated[str, Field(min_length=1)]
    direction: Literal["higher", "lower"]
    smallest_effect: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    against: Annotated[str, Field(pattern=r"^run_\d+$")] = "run_0"


class Claims(RootModel[Annotated[list[Claim], Field(max_length=MOST_CLAIMS)]]):
    """The claims of one idea."""


class Idea(BaseModel):
    """One idea, as The AI Scientist writes it; keys that we do not know are kept.

    `idea_files` makes one of whatever people and models write.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    Name: Annotated[str, Field(pattern=f"^{NAME}$")]  # its folder's name
    Name_as_written: str | None = None  # None: as its folder
    Title: Annotated[str, Field(min_length=1)]
    Experiment: Annotated[str, Field(min_length=1)]
    Interestingness: Rating = 5
    Feasibility: Rating = 5
    Novelty: Rating = 5
    Claims: Annotated[list[Claim], Field(max_length=MOST_CLAIMS)] | None = (
        None  # None: the agent makes them, before its first edit
    )

    @property
    def called(self) -> str:
        """The name that people see: as it was written, in one line without control characters."""
        name = " ".join((self.Name_as_written or self.Name).split())
        name = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in name)
        return (name if len(name) <= MOST_SHOWN else name[: MOST_SHOWN - 1] + "…") or self.Name


class Limits(BaseModel):
    """What a program may take, enforced outside the code that the agent edits."""

    model_config = ConfigDict(extra="forbid")

    run_seconds: Annotated[float, Field(gt=0)] = 900.0  # with the template's own number of seeds
    smoke_seconds: Annotated[float, Field(gt=0)] = 90.0
    plot_seconds: Annotated[float, Field(gt=0)] = 120.0
    score_seconds: Annotated[float, Field(gt=0)] = 120.0  # for scoring what a run left
    memory_gb: Annotated[float, Field(gt=0)] = 8.0
    disk_mb: Annotated[float, Field(gt=0)] = 1000.0  # all that it writes
    tasks: Annotated[int, Field(gt=0)] = 512  # processes and threads together
    output_mb: Annotated[float, Field(gt=0)] = 20.0  # stdout and stderr together


class Prompt(BaseModel):
    """A template's `prompt.json`: what a model is told, and the limits it works under."""

    model_config = ConfigDict(extra="allow")

    system: Annotated[str, Field(min_length=1)]
    task_description: Annotated[str, Field(min_length=1)]
    limits: Limits = Limits()


class DatasetInfo(BaseModel):
    """One entry of `final_info.json`."""

    model_config = ConfigDict(extra="allow")

    means: Annotated[dict[str, Finite], Field(min_length=1)]
    stderrs: dict[str, Finite | None] = {}
    final_info_dict: dict[str, list[Finite]] = {}


class FinalInfo(RootModel[Annotated[dict[str, DatasetInfo], Field(min_length=1)]]):
    """`final_info.json`: `{dataset: {"means": {metric: number}, ...}}`."""


class Series(BaseModel):
    """One curve."""

    steps: list[Finite]
    values: list[Finite]


class History(BaseModel):
    """`history.json`: per seed, named curves."""

    seeds: dict[str, dict[str, Series]]


Shape = TypeVar("Shape", bound=BaseModel)


def read(shape: type[Shape], path: Path) -> Shape:
    """Read a JSON file of the given shape.

    Raises:
        BonsaiError: the file is missing, too large, no JSON, or of another shape; the text names
            the file, the place in it, and what stands there.
    """
    return check(shape, read_json(path), str(path))


def read_json(path: Path) -> Any:
    """Read any JSON file; errors as in `read`."""
    content = untrusted.read_bytes(path, MAX_JSON_BYTES, follow=True)
    try:
        return json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BonsaiError(f"{path} is not JSON: {error}") from error


def check(shape: type[Shape], value: Any, where: str) -> Shape:
    """Validate parsed JSON; errors as in `read`, with `where` for the file's name."""
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        raise BonsaiError(f"{where}: {_explain(error)}") from error


def _explain(error: ValidationError) -> str:
    """The first three faults, each as `place: what is wrong (found ...)`."""
    faults = []
    for fault in error.errors()[:3]:
        place = ".".join(str(part) for part in fault["loc"]) or "the top level"
        found = json.dumps(fault["input"], default=str)
        found = found if len(found) < 60 else found[:57] + "..."
        faults.append(f"{place}: {fault['msg'].lower()} (found {found})")
    more = error.error_count() - len(faults)
    return "; ".join(faults) + (f"; and {more} more" if more > 0 else "")
