"""Prose by a model: asked for field by field, checked sentence by sentence, sent back with reasons.

What was accepted, and what was left out with the reason, is kept in `prose.json` beside the paper's
source. Whoever builds the paper again reads it from there, and checks it once more: so a person may
write it, too, under the same rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from string import Template as Form

from pydantic import BaseModel, ConfigDict

from bonsai.base import find_json, write_atomically
from bonsai.models import Asker, Refusal, ServiceGone
from bonsai.paper.document import Spans
from bonsai.paper.prose import Scene, Sentence, check
from bonsai.templates import contract

FIELDS = (
    "abstract", "introduction", "related work", "method", "results", "discussion", "limitations",
)  # fmt: skip
TRIES = 3  # of a field; after them a sentence that cannot stand is left out
MOST_SENTENCES = 8  # of a field
MOST_VALUES = 300  # that a model is told of
AS_JSON = re.compile(r"\s*(?:`{3,}\w*\s*)?(?:\{\s*\"|\[\s*[\"{])")  # no key, and no citation
PROMPT = Path(__file__).with_name("prompt.json")
FILE = "prose.json"


class LeftOut(BaseModel):
    """A sentence that cannot stand."""

    model_config = ConfigDict(extra="forbid")

    field: str
    sentence: str
    why: str


class Prose(BaseModel):
    """What was written for a paper.

    Attributes:
        by: who wrote it.
        fields: by field, the sentences as they were written, with keys.
        left_out: what cannot stand.
    """

    model_config = ConfigDict(extra="forbid")

    by: str
    fields: dict[str, list[str]] = {}
    left_out: list[LeftOut] = []

    def checked(self, scene: Scene) -> tuple[dict[str, list[Spans]], list[LeftOut]]:
        """What may stand of it now, by field, and what may not."""
        kept: dict[str, list[Spans]] = {}
        lost = []
        for name, written in self.fields.items():
            for sentence in (each for text in written for each in check(text, scene)):
                if sentence.fault or name not in FIELDS:
                    why = sentence.fault or f"a paper has no field {name}"
                    lost.append(LeftOut(field=name, sentence=sentence.text, why=why))
                else:
                    kept.setdefault(name, []).append(sentence.spans)
        return kept, lost

    def save(self, folder: Path) -> None:
        """Write it beside a paper's source."""
        write_atomically(folder / FILE, self.model_dump_json(indent=1) + "\n")


def load(folder: Path) -> Prose | None:
    """The prose that is kept beside a paper's source; None where there is none.

    Raises:
        BonsaiError: it cannot be read.
    """
    path = folder / FILE
    return contract.read(Prose, path) if path.is_file() else None


def write(
    scene: Scene, story: str, asker: Asker, by: str, say: Callable[[str], None]
) -> tuple[Prose, ServiceGone | None]:
    """Have a model write all fields of a paper.

    Args:
        scene: what it may refer to.
        story: what the experiment was, in words.
        asker: asks the model.
        by: the model's name.
        say: is told what happens, for a person.

    Returns:
        What may stand, and why it ended early if the service went away. What was accepted by then
        is in it.
    """
    texts = contract.read_json(PROMPT)
    fill = {name: Form("\n".join(lines)) for name, lines in texts.items() if name != "about"}
    opening = fill["task"].substitute(story=story, **_listing(scene))
    prose = Prose(by=by)
    for name in FIELDS:
        ask = fill["ask"].substitute(field=name, what=fill[name].template, most=MOST_SENTENCES)
        messages = [{"role": "user", "content": f"{opening}\n\n{ask}"}]
        best: list[Sentence] = []
        try:
            for attempt in range(TRIES):
                reply = asker.ask(messages)
                found = check(plain(reply.text), scene)[: 2 * MOST_SENTENCES]
                best = max(best, found, key=_worth)
                faults = [each for each in found if each.fault]
                if found and not faults:
                    break
                if attempt + 1 < TRIES:
                    told = "\n".join(f"- {each.text}\n  Why: {each.fault}." for each in faults)
                    again = fill["again"].substitute(
                        field=name, faults=told or "- There was no sentence in your answer."
                    )
                    messages += [
                        {"role": "assistant", "content": reply.text or "(no answer)"},
                        {"role": "user", "content": again},
                    ]
        except ServiceGone as gone:
            _keep(prose, name, best)
            return prose, gone
        except Refusal as refusal:
            _keep(prose, name, best)
            say(f"{name}: {refusal}")
            return prose, None
        _keep(prose, name, best)
        lost = sum(bool(each.fault) for each in best)
        say(f"{name}: {len(best) - lost} sentences" + (f", {lost} left out" if lost else ""))
    return prose, None


def plain(reply: str) -> str:
    """The text of a reply: without fences, headings and list marks, or out of its JSON."""
    pieces = find_json(reply) if AS_JSON.match(reply) else []
    for piece in pieces:
        value = piece.value
        if isinstance(value, Mapping):
            value = next((each for each in value.values() if isinstance(each, str | list)), None)
        if isinstance(value, str) and not piece.fault:
            return value
        if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
            return "\n\n".join(value)
    lines = [line for line in reply.splitlines() if not re.match(r"\s*(```|~~~|#{1,6}\s)", line)]
    return "\n".join(re.sub(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+", "\n", line) for line in lines)


def _worth(sentences: Sequence[Sentence]) -> int:
    return sum(not each.fault for each in sentences[:MOST_SENTENCES])


def _keep(prose: Prose, name: str, sentences: Sequence[Sentence]) -> None:
    kept = [each.text for each in sentences if not each.fault][:MOST_SENTENCES]
    if kept:
        prose.fields[name] = kept
    prose.left_out += [
        LeftOut(field=name, sentence=each.text, why=each.fault) for each in sentences if each.fault
    ]


def _listing(scene: Scene) -> dict[str, str]:
    begins = tuple(f"{name}." for name in scene.claims)
    ordered = sorted(scene.values.items(), key=lambda each: not each[0].startswith(begins))
    shown = ordered[:MOST_VALUES]  # what the claims came to is never what is cut off
    claims = [f"{name}.verdict" for name in scene.claims]
    differences = [f"{name}.difference" for name in scene.claims]
    example = next((key for key in differences if key in scene.values), "sweep.ideas")
    return {
        "values": "\n".join(f"- {key}: {each.about} [{each.text}]" for key, each in shown),
        "references": "\n".join(f"- [@{key}]" for key in sorted(scene.references)) or "Nothing.",
        "example": example,
        "verdict": next(iter(claims), "sweep.supported"),
    }
