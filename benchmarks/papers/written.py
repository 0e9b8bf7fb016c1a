"""Papers that `bonsai paper` wrote of real sweeps, and errors planted in what it typesets.

The writer cannot state a wrong number; so the wrong one is put into the data that typst sets.
"""

from __future__ import annotations

import json
import random
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.papers.manuscripts import KINDS, Block, Kind, Planted, helped, swapped
from benchmarks.papers.packing import unpack
from bonsai.paper import choose, write
from bonsai.paper.document import Paper
from bonsai.paper.typesetting import compile_pdf

IDEAS: dict[str, tuple[str | None, ...]] = {
    "cell_division": ("division_vs_neurogenesis", "runaway_selection", None),
    "demo": ("lateral_inhibition", "rotation_pretraining", None),
    "fine_pruning": ("bias_correction", "prune_the_output", None),
    "gene_network_pruning": ("bistable_synapses", "beyond_ninety_five", None),
    "self_replication": ("goal_before_replication", "zero_or_identity", None),
}
HELD_OUT = ("gene_network_pruning", "fine_pruning")
RESULT = re.compile(
    r"claim_\d+\.(?:value|other|difference|low|high)$|\.(?:fresh|agent)\.(?!seed|time)"
)
CHANGE = re.compile(r"claim_\d+\.(?:difference|low|high)$")
LOWER = ("loss", "seconds", "_us", "churn", "lost", "dead")
COMPONENTS = ("label smoothing", "the second attention head", "the positional encoding")
UNITS = {"s": ("ms", "min"), "µs per image": ("ms per image",)}

Change = tuple[tuple[Any, ...], Any]  # where in paper.json, and what to put there


@dataclass(frozen=True)
class Site:
    """A place in a paper's data where something can be wrong.

    Attributes:
        kind: what would be.
        change: what to put where.
        right: what stands there.
        wrong: what would.
        group: the block; one error is planted in each.
        text: what a row about it may quote.
    """

    kind: Kind
    change: Change
    right: str
    wrong: str
    group: object
    text: str


@dataclass(frozen=True)
class Written:
    """A paper by the writer, on an idea of a results folder or on all of it."""

    results: str
    idea: str | None
    held_out: bool

    @property
    def name(self) -> str:
        """Its name, for people."""
        return f"{self.results}/{self.idea or 'all ideas'} by bonsai paper"

    def write(self, home: Path, wrong: Sequence[Change] = ()) -> tuple[Path, Path]:
        """Lay out the results and write the paper; returns both."""
        home.mkdir(parents=True)
        [results] = unpack(home, self.results)
        written = write(choose(results, self.idea))
        if wrong:
            source = written.pdf.parent / "paper"
            told = json.loads((source / "paper.json").read_text(encoding="utf-8"))
            for where, put in wrong:
                if where[0] == "picture":
                    (source / where[1]).write_bytes((results / put).read_bytes())
                else:
                    _put(told, where, put)
            Paper.model_validate(told)
            (source / "paper.json").write_text(json.dumps(told), encoding="utf-8")
            written.pdf.write_bytes(compile_pdf(source))
        return written.pdf, results

    def plant(self, most: int, so_far: Counter[Kind]) -> tuple[list[Change], list[Planted]]:
        """Errors of the kinds that were planted least so far, one a block; as of a manuscript."""
        rng = random.Random(self.name)
        with tempfile.TemporaryDirectory() as home:
            pdf, results = self.write(Path(home) / "home")
            told = json.loads((pdf.parent / "paper" / "paper.json").read_text(encoding="utf-8"))
            sites = list(_sites(told, results, self.idea))
        chosen: list[Site] = []
        while len(chosen) < most:
            taken = {each.group for each in chosen}
            left = [each for each in sites if each.group not in taken]
            if not left:
                break
            kinds = {each.kind for each in left}
            fewest = min(so_far[kind] for kind in kinds)
            kind = rng.choice([each for each in KINDS if each in kinds and so_far[each] == fewest])
            chosen.append(rng.choice([each for each in left if each.kind == kind]))
            so_far[kind] += 1
        planted = [
            Planted(each.kind, each.right, each.wrong, Block(each.text, 0, 0, ()))
            for each in chosen
        ]
        return [each.change for each in chosen], planted


def written_papers() -> Iterator[Written]:
    """All of them."""
    for results, ideas in IDEAS.items():
        for idea in ideas:
            yield Written(results, idea, results in HELD_OUT)


def _put(told: Any, where: tuple[Any, ...], put: Any) -> None:
    for step in where[:-1]:
        told = told[step]
    if isinstance(told, list) and where[-1] == len(told):
        told.append(put)
    else:
        told[where[-1]] = put


def _text(text: str) -> dict[str, str]:
    return {"kind": "text", "text": text, "style": "plain"}


def _sites(told: dict[str, Any], results: Path, idea: str | None) -> Iterator[Site]:
    for where, spans, text, group in _texts(told):
        for number, span in enumerate(spans):
            place = (*where, number)
            if span["kind"] == "number":
                yield from _of_value(told, span["key"], place, group, text)
            elif "standard error" in span.get("text", "") and "2 seeds" not in text:
                # Of two seeds, one may be called the other (numpy's `ddof`).
                wrong = span["text"].replace("standard error", "standard deviation")
                yield Site("spread", (place, _text(wrong)), "standard error", "standard deviation",
                           group, text.replace("standard error", "standard deviation"))  # fmt: skip
        if where[0] == "blocks" and told["blocks"][where[1]]["kind"] == "paragraph":
            yield from _sentences(told, where, spans, group, text)
    yield from _pictures(told, results, idea)


def _texts(
    told: dict[str, Any],
) -> Iterator[tuple[tuple[Any, ...], list[dict[str, Any]], str, object]]:
    """Every run of spans: where it is, its text with what stands around it, and its group."""

    def say(spans: list[dict[str, Any]]) -> str:
        values = told["values"]
        return "".join(
            values[span["key"]]["text"] if span["kind"] == "number" else span.get("text", "")
            for span in spans
        )

    yield ("abstract",), told["abstract"], say(told["abstract"]), "abstract"
    for at, block in enumerate(told["blocks"]):
        if block["kind"] == "paragraph":
            yield ("blocks", at, "spans"), block["spans"], say(block["spans"]), at
        elif block["kind"] == "items":
            for number, spans in enumerate(block["items"]):
                yield ("blocks", at, "items", number), spans, say(spans), at
        elif block["kind"] == "table":
            around = " ".join(say(each) for each in [block["caption"], *block["header"]])
            yield ("blocks", at, "caption"), block["caption"], around, at
            for row, cells in enumerate(block["rows"]):
                text = f"{around} {' '.join(say(cell) for cell in cells)}"
                for column, spans in enumerate(cells):
                    yield ("blocks", at, "rows", row, column), spans, text, (at, row)


def _of_value(
    told: dict[str, Any], key: str, place: tuple[Any, ...], group: object, text: str
) -> Iterator[Site]:
    value = told["values"][key]
    right, number = value["text"], value["value"]

    def site(kind: Kind, wrong: str) -> Iterator[Site]:
        if wrong != right:
            yield Site(kind, (place, _text(wrong)), right, wrong, group, f"{text} {wrong}")

    if key.endswith(".verdict"):
        opposite = {"undecided": "supported", "supported": "refuted", "refuted": "supported"}
        if right in opposite:
            yield from site("exchanged", opposite[right])
        return
    if key.endswith(".seeds") and (count := re.match(r"\d+", right)):
        yield from site("spread", right.replace(count.group(), "5", 1))
        return
    if number is None or not RESULT.search(key):
        return
    found = re.match(r"[+−-]?\d+(?:\.\d+)?", right)
    if found is None or "," in right:
        return
    stated, rest = found.group(), right[found.end() :]
    places = len(stated.split(".")[1]) if "." in stated else 0
    ascii_stated = stated.replace("−", "-")
    for other in swapped(ascii_stated):
        yield from site("digit", other.replace("-", "−") + rest)
    for other in _others(told, key):
        yield from site("run", other)
    if CHANGE.search(key) and stated[0] in "+−" and number:
        yield from site("sign", ("−" if stated[0] == "+" else "+") + stated[1:] + rest)
    elif stated[0] == "−" and number:
        yield from site("sign", stated[1:] + rest)
    unit = rest.split("%")[0] if "%" in rest else ""
    if "%" in rest and "±" not in rest and not unit.strip():
        yield from site(
            "unit", f"{float(ascii_stated) / 100:.{places + 2}f}{rest}".replace("-", "−")
        )
    for name, wrong in UNITS.items():
        if rest.endswith(f" {name}"):
            for each in wrong:
                yield from site("unit", stated + rest[: -len(name)] + each)
    metric = key.rsplit(".", 1)[-1]
    if not CHANGE.search(key) and ("accuracy" in metric or any(each in metric for each in LOWER)):
        better = "higher" if "accuracy" in metric else "lower"
        for other in helped(number, places, better):
            yield from site("rounding", other.replace("-", "−") + rest)


def _others(told: dict[str, Any], key: str) -> list[str]:
    """The values of other runs that may be taken for this one."""
    values = told["values"]
    if key.endswith((".value", ".other")):
        begin, _, end = key.rpartition(".")
        other = f"{begin}.{'other' if end == 'value' else 'value'}"
        return [values[other]["text"]] if other in values else []
    tail = re.search(r"(?:fresh|agent)\.\w+$|claim_\d+\.difference$", key)
    if tail is None:
        return []
    alike: Callable[[str], bool] = lambda name: name.endswith(tail.group())  # noqa: E731
    if "difference" in key:
        alike = lambda name: name.endswith(".difference")  # noqa: E731
    return [
        each["text"]
        for name, each in values.items()
        if name != key
        and alike(name)
        and each["value"] != values[key]["value"]
        and each["text"].split(" ")[1:] == values[key]["text"].split(" ")[1:]  # the same unit
    ]


def _sentences(
    told: dict[str, Any], where: tuple[Any, ...], spans: list[dict[str, Any]], group: object,
    text: str,
) -> Iterator[Site]:  # fmt: skip
    """What could be claimed at the end of a paragraph on results."""
    keys = [span["key"] for span in spans if span["kind"] == "number"]
    claimed = next((key[: -len(".verdict")] for key in keys if key.endswith(".verdict")), None)
    if claimed is None:
        return
    idea = claimed.split(".")[-2]
    metric = told["values"].get(f"{claimed}.difference", {}).get("about", "")
    named = re.search(r"difference in (\w+)", metric)
    if named is None:
        return
    end = (*where, len(spans))

    def site(kind: Kind, sentence: str) -> Site:
        return Site(kind, (end, _text(" " + sentence)), "", sentence, group, f"{text} {sentence}")

    for number, what in enumerate(COMPONENTS):
        yield site("ablation", f"Without {what}, {named[1]} falls by {number + 1}.4 points.")
    yield site("ablation", "A user study with twelve participants confirmed this.")
    yield site("ablation", "We also evaluated on CIFAR-100, with the same outcome.")
    yield site("citation", "Similar results were reported by Hoffmann et al. (2023).")
    yield site("citation", "This agrees with earlier work (Okafor and Lindqvist, 2021).")
    ends = [told["values"].get(f"{claimed}.{end}", {}).get("value") for end in ("low", "high")]
    verdicts = [
        each["text"]
        for key, each in told["values"].items()
        if key.endswith(".verdict") and key.split(".")[-3] == idea
    ]
    # Among many claims one may be undecided whose own interval leaves zero out; and where an idea
    # has several claims, the sentence does not say which of them it is about.
    if set(verdicts) == {"undecided"} and None not in ends and ends[0] < 0 < ends[1]:
        yield site("significant", f"So {idea} significantly changes {named[1]}.")
        subject = f"The difference of {idea} in {named[1]}"
        yield site("significant", f"{subject} is statistically significant.")


def _pictures(told: dict[str, Any], results: Path, idea: str | None) -> Iterator[Site]:
    """The agent's pictures, exchanged with those of another idea."""
    others = [
        path.relative_to(results).as_posix()
        for path in sorted(results.glob("*/*/workspace/*.png"))
        if idea and path.parent.parent.name != idea
    ]
    for at, block in enumerate(told["blocks"]):
        if block["kind"] != "figure" or not block["file"].startswith("plot"):
            continue
        caption = "".join(span.get("text", "") for span in block["caption"])
        own = {path.read_bytes() for path in results.glob(f"*/{idea}/workspace/*.png")}
        same = [each for each in others if Path(each).name in caption]
        for other in [each for each in same if (results / each).read_bytes() not in own]:
            yield Site("figure", (("picture", block["file"]), other), Path(other).name, "", at,
                       f"{block['file']}: {caption} {block['alternative']}")  # fmt: skip
