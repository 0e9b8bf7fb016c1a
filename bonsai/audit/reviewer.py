"""A review by a model, in the form that The AI Scientist's has; it decides nothing here.

It reads the paper's text alone, so that it knows no more than a reviewer does, and stands beside
what was computed: models find few of the errors of a paper (SPOT, arXiv 2505.11855).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from string import Template as Form
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bonsai.audit.document import Document
from bonsai.base import BonsaiError, find_json
from bonsai.models import WAIT_SECONDS, Asker, Budget, LiveModel, asking
from bonsai.templates import contract

PROMPT = Path(__file__).with_name("prompt.json")
TRIES = 3
MOST_TEXT = 200_000  # characters of a paper that a model is given
MOST_WORDS = 5000  # characters of a part of a review


def _text(value: Any) -> Any:
    """A text, or several of them as one."""
    if isinstance(value, list):
        return "\n".join(str(each) for each in value)
    return value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) and value.strip() else value


def _number(value: Any) -> Any:
    """`7`, `7.0` and `"7"` are numbers; `"7/10"` and `"7: accept"` are not."""
    return value.strip() if isinstance(value, str) else value


Words = Annotated[str, BeforeValidator(_text), Field(min_length=1, max_length=MOST_WORDS)]
Point = Annotated[str, Field(min_length=1, max_length=MOST_WORDS)]
Points = Annotated[list[Point], BeforeValidator(_listed), Field(max_length=50)]
Four = Annotated[int, BeforeValidator(_number), Field(ge=1, le=4)]
Five = Annotated[int, BeforeValidator(_number), Field(ge=1, le=5)]
Ten = Annotated[int, BeforeValidator(_number), Field(ge=1, le=10)]


class Review(BaseModel):
    """A review, with the names and ranges of `perform_review.py`."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    summary: Words = Field(alias="Summary")
    strengths: Points = Field(alias="Strengths")
    weaknesses: Points = Field(alias="Weaknesses")
    originality: Four = Field(alias="Originality")
    quality: Four = Field(alias="Quality")
    clarity: Four = Field(alias="Clarity")
    significance: Four = Field(alias="Significance")
    questions: Points = Field(alias="Questions")
    limitations: Points = Field(alias="Limitations")
    ethical_concerns: bool = Field(alias="Ethical Concerns")
    soundness: Four = Field(alias="Soundness")
    presentation: Four = Field(alias="Presentation")
    contribution: Four = Field(alias="Contribution")
    overall: Ten = Field(alias="Overall")
    confidence: Five = Field(alias="Confidence")
    decision: Literal["Accept", "Reject"] = Field(alias="Decision")

    def record(self) -> dict[str, Any]:
        """As The AI Scientist writes it."""
        return self.model_dump(by_alias=True)

    @property
    def scores(self) -> list[tuple[str, int, int]]:
        """What was scored, the score, and the best that there is."""
        most = {"Overall": 10, "Confidence": 5}
        return [
            (name, value, most.get(name, 4))
            for name, value in self.record().items()
            if isinstance(value, int) and not isinstance(value, bool)
        ]

    @property
    def parts(self) -> list[tuple[str, list[str]]]:
        """What was said, part by part."""
        return [
            ("Strengths", self.strengths), ("Weaknesses", self.weaknesses),
            ("Questions", self.questions), ("Limitations", self.limitations),
        ]  # fmt: skip


def review(
    document: Document, live: LiveModel, *, budget: Budget,
    say: Callable[[str], None] = print, wait_for_model: float = WAIT_SECONDS,
) -> tuple[Review, str]:  # fmt: skip
    """Have a model review a paper.

    Args:
        document: the paper.
        live: the model.
        budget: what may be spent.
        say: is told when the service is away.
        wait_for_model: for how many seconds it is then waited for.

    Returns:
        The review, and what it took, in words.

    Raises:
        BonsaiError: no answer was a review; the text says what was wrong with the last.
        Refusal: the model refuses, or the budget does not pay for it.
        ServiceGone: the service is away.
    """
    with (
        tempfile.TemporaryDirectory() as home,
        asking(live, Path(home), budget=budget, say=say, wait_for_model=wait_for_model) as asker,
    ):
        return _ask(asker, document), asker.cost


def _ask(asker: Asker, document: Document) -> Review:
    texts = contract.read_json(PROMPT)
    text, left_out = as_text(document)
    told = f"({left_out:,} characters at its end are left out.)" if left_out else ""
    task = Form("\n".join(texts["task"])).substitute(paper=text, left_out=told)
    messages = [
        {"role": "system", "content": "\n".join(texts["system"])},
        {"role": "user", "content": task},
    ]
    why = "there was no answer"
    for _ in range(TRIES):
        reply = asker.ask(messages)
        found = read_review(reply.text)
        if isinstance(found, Review):
            return found
        why = asker.lack or found
        again = Form("\n".join(texts["again"])).substitute(why=why)
        messages += [
            {"role": "assistant", "content": reply.text or "(no answer)"},
            {"role": "user", "content": again},
        ]
    raise BonsaiError(f"{TRIES} answers of the model were no review; the last: {why}")


def read_review(reply: str) -> Review | str:
    """The review in a reply, or why there is none, as a sentence."""
    why = "it holds no JSON object"
    for piece in reversed(find_json(reply)):
        if not isinstance(piece.value, dict):
            continue
        try:
            return Review.model_validate(piece.value)
        except ValidationError as error:
            first = error.errors()[0]
            why = f"{first['loc'][0]}: {first['msg'][:200]}"
    return why


def as_text(document: Document) -> tuple[str, int]:
    """A paper as text, and how many characters of it are left out."""
    pieces = []
    for block in document.blocks:
        if block.kind == "table":
            pieces.append("\n".join(" | ".join(cell.text for cell in row) for row in block.rows))
        elif block.kind in ("title", "heading"):
            pieces.append(f"# {block.text}")
        else:
            pieces.append(block.text)
    whole = "\n\n".join(pieces)
    return whole[:MOST_TEXT], max(0, len(whole) - MOST_TEXT)
