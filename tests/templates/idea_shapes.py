"""Idea files in the shapes that people and models write, each with the ideas that it holds.

`SHAPES` are read by the tests here, and counted by whoever wants a figure: `count_read()`.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from bonsai.base import BonsaiError
from bonsai.templates import read_ideas


class Shape(NamedTuple):
    """A file.

    Attributes:
        name: what is special about it.
        content: its bytes.
        expected: for each idea in it the folder's name, and words that its Experiment must hold.
        told: words that the lines on mends and losses must hold; empty: there are no such lines.
    """

    name: str
    content: bytes
    expected: list[tuple[str, str]]
    told: tuple[str, ...] = ()


def idea(name: str | None = "warm_start", **more: Any) -> dict[str, Any]:
    """An idea with all that The AI Scientist writes; None leaves a key out."""
    told: dict[str, Any] = {
        "Name": name, "Title": f"On {name}", "Experiment": f"Try {name} against run_0.",
        "Interestingness": 6, "Feasibility": 7, "Novelty": 8, **more,
    }  # fmt: skip
    return {key: each for key, each in told.items() if each is not None}


def v2(name: str, experiments: Any, **more: Any) -> dict[str, Any]:
    """An idea as AI-Scientist-v2 writes it."""
    return {
        "Name": name, "Title": f"On {name}", "Short Hypothesis": "Colder is better.",
        "Related Work": "Nobody cooled it.", "Abstract": "We cool it.", "Experiments": experiments,
        "Risk Factors and Limitations": ["It may freeze."], **more,
    }  # fmt: skip


def _json(value: Any, **options: Any) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False, **options).encode()


def _raw(text: str) -> bytes:
    return text.encode()


THIRTY = [idea(f"number_{number}") for number in range(30)]
THIRTY_AS_READ = [(f"number_{n}", f"number_{n} against") for n in range(30) if n != 11]
WARM = [("warm_start", "Try warm_start")]
BROKEN_SET = (
    _json({"about": "cold", "ideas": THIRTY})
    .decode()
    .replace('"Title": "On number_11"', '"Title": On number_11, "')
)

SHAPES: list[Shape] = [
    Shape("a list of version 1", _json([idea()]), WARM),
    Shape("a set of ideas", _json({"about": "x", "templates": ["*"], "ideas": [idea()]}), WARM),
    Shape("an object round the list", _json({"ideas": [idea()], "model": "m"}), WARM),
    Shape("another word for it", _json({"research_proposals": [idea()], "n": 1}), WARM),
    Shape("each in an object of its own", _json([{"idea": idea()}]), WARM),
    Shape(
        "objects by name",
        _json({"Cold Start": idea(None, Title="C", Experiment="Freeze."), "warm_start": idea()}),
        [("cold_start", "Freeze."), *WARM],
        ("Cold Start: its folder is called cold_start",),
    ),
    Shape("a single object", _json(idea()), WARM),
    Shape(
        "one object a line",
        "\n".join(json.dumps(idea(name)) for name in ("warm_start", "cold")).encode(),
        [*WARM, ("cold", "Try cold")],
    ),
    Shape(
        "version 2, a list",
        _json([v2("cool_down", ["Cool to 1.", "Cool to 2."])]),
        [("cool_down", "Experiments:\n- Cool to 1.\n- Cool to 2.")],
        ("become its Experiment", "no Interestingness, Feasibility or Novelty; 5 is taken"),
    ),
    Shape(
        "version 2, numbered text",
        _json(v2("cool_down", "1. Cool. 2. Measure.")),
        [("cool_down", "1. Cool. 2. Measure.")],
        ("become its Experiment",),
    ),
    Shape(
        "version 2, objects",
        _json(v2("cool_down", [{"Name": "Prototype", "Description": "Small.", "Metric": "loss"}])),
        [("cool_down", "- Prototype: Small.\n  Metric: loss")],
        ("become its Experiment",),
    ),
    Shape(
        "version 2, experiments alone",
        _json({"Name": "bare", "Title": "B", "Experiments": {"A": "Heat.", "B": "Cool."}}),
        [("bare", "A: Heat.\nB: Cool.")],
        ("its Experiment is made of its Experiments",),
    ),
    Shape(
        "names with spaces, hyphens, umlauts",
        _json([idea("Tree-Search"), idea("Größe  wählen"), idea("β/γ: *ratio*?")]),
        [
            ("tree_search", "Try Tree-Search"),
            ("grosse_wahlen", "Try Größe"),
            ("b_g_ratio", "Try β/γ"),
        ],
        ("Tree-Search: its folder is called tree_search", "Größe wählen: its folder"),
    ),
    Shape(
        "a name in other letters",
        _json([idea("学习率")]),
        [("xue_xi_lu", "Try 学习率")],
        ("学习率: its folder",),
    ),
    Shape(
        "a name that leads out of its folder",
        _json([idea("../../etc/passwd"), idea("🚀", Title="To the moon")]),
        [("etc_passwd", "Try"), ("to_the_moon", "Try 🚀")],
        ("../../etc/passwd: its folder is called etc_passwd",),
    ),
    Shape(
        "a very long name",
        _json([idea("A Long Story about " + "Nothing " * 20)]),
        [("a_long_story_about_nothing_nothing_nothing_nothing_nothing", "Try A Long")],
        ("its folder is called a_long_story",),
    ),
    Shape(
        "no name",
        _json([idea(None, Title="Anneal the Noise!", Experiment="Anneal.")]),
        [("anneal_the_noise", "Anneal.")],
        ("it is called anneal_the_noise after its Title",),
    ),
    Shape("no title", _json([idea(Title=None)]), WARM, ("it has no Title; its Name is taken",)),
    Shape(
        "keys in other spellings",
        _json([{"name": "warm_start", "TITLE": "T", "experiment": "Try warm_start", "novelty": 3}]),
        WARM,
        ("`name` is read as Name", "`novelty` is read as Novelty"),
    ),
    Shape(
        "ratings of all kinds",
        _json([idea(Novelty="8/10", Feasibility="7", Interestingness="4 out of 5")]),
        WARM,
        ('its Novelty "8/10" is 8', 'its Feasibility "7" is 7', '"4 out of 5" is 8'),
    ),
    Shape(
        "ratings that do not fit",
        _json([idea(Novelty=7.5, Feasibility=0, Interestingness="high")]),
        WARM,
        ("Novelty 7.5 is no whole number", "8 is taken", "1 is taken", "5 is taken"),
    ),
    Shape("other keys", _json([idea(Baseline="b", Expected_Outcome=None, novel=True)]), WARM),
    Shape(
        "an experiment in steps",
        _json([idea(Experiment=["Heat.", "Cool."])]),
        [("warm_start", "- Heat.\n- Cool.")],
        ("its Experiment is made one text",),
    ),
    Shape(
        "prose, a fence, and a farewell",
        b"Sure! Here they are:\n\n```json\n" + _json([idea()]) + b"\n```\nShall I go on?\n",
        WARM,
        ("prose and a fence around the JSON left out",),
    ),
    Shape("a fence alone", b"```\n" + _json([idea()]) + b"\n```\n", WARM, ("a fence around",)),
    Shape(
        "commas too many",
        _json([idea()]).replace(b"8\n", b"8,\n").replace(b"}\n]", b"},\n]"),
        WARM,
        ("there is a comma too many",),
    ),
    Shape("a mark and CRLF", b"\xef\xbb\xbf" + _json([idea()]).replace(b"\n", b"\r\n"), WARM),
    Shape("UTF-16 of PowerShell", _json([idea()]).decode().encode("utf-16"), WARM),
    Shape("UTF-16 without a mark", _json([idea()]).decode().encode("utf-16-le"), WARM),
    Shape(
        "an old Windows encoding",
        _json([idea("Größe")]).decode().encode("cp1252"),
        [("grosse", "Try Größe")],
        ("not in UTF-8; it is read as cp1252",),
    ),
    Shape(
        "backslashes of LaTeX",
        _raw(r'[{"Name": "warm_start", "Title": "$\beta$", "Experiment": "Try warm_start: \(x\), '
             r'\alpha", "Interestingness": 5, "Feasibility": 5, "Novelty": 5}]'),
        [("warm_start", r"\(x\), \alpha")],
        ("backslashes that were not escaped",),
    ),
    Shape(
        "as Python prints it",
        repr([idea(novel=True)]).encode(),
        WARM,
        ("it is not quite JSON",),
    ),
    Shape(
        "one name, one text",
        _json([idea(), idea(novel=False)]),
        WARM,
        ("warm_start: stands twice with the same text; one is kept",),
    ),
    Shape(
        "one name, two texts",
        _json([idea(), idea(Experiment="Another."), idea("warm_start_2")]),
        [*WARM, ("warm_start_3", "Another."), ("warm_start_2", "Try warm_start_2")],
        ("warm_start: another idea has that name; this one is called warm_start_3",),
    ),
    Shape(
        "names with one folder",
        _json([idea("Warm-Start"), idea()]),
        [("warm_start_2", "Try Warm-Start"), *WARM],
        ("Warm-Start: another idea has that name",),
    ),
    Shape(
        "one without an experiment among thirty",
        _json([each if n != 11 else {"Name": "number_11", "Title": "T"}
               for n, each in enumerate(THIRTY)]),
        THIRTY_AS_READ,
        ("idea 12 (number_11) is left out: it has no Experiment",),
    ),
    Shape(
        "one that is no JSON among thirty",
        _json(THIRTY).replace(b'"Title": "On number_11"', b'"Title": On number_11, "'),
        THIRTY_AS_READ,
        ("what cannot be read is left out: line",),
    ),
    Shape(
        "one that is no JSON in a set",
        BROKEN_SET.encode(),
        THIRTY_AS_READ,
        ("what cannot be read is left out: line",),
    ),
    Shape(
        "the end is cut off",
        _json([idea(), idea("cold")])[:-60],
        WARM,
        ("what cannot be read is left out",),
    ),
    Shape(
        "halves of characters",
        _json(idea(Title="ABC")).replace(b"ABC", rb"a \ud83d b"),
        WARM,
    ),
]  # fmt: skip


def is_read(shape: Shape, folder: Path) -> bool:
    """Whether a file of that shape gives all its ideas."""
    path = folder / "ideas.txt"
    path.write_bytes(shape.content)
    try:
        found = read_ideas(path).ideas
    except BonsaiError:
        return False
    return [each.Name for each in found] == [name for name, _ in shape.expected] and all(
        words in each.Experiment for each, (_, words) in zip(found, shape.expected, strict=True)
    )


def count_read() -> tuple[int, int]:
    """How many of the files are read, and how many there are."""
    with tempfile.TemporaryDirectory() as folder:
        return sum(is_read(shape, Path(folder)) for shape in SHAPES), len(SHAPES)
