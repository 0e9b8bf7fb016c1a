"""A model that means no good: nothing of what it makes up reaches a paper, and nothing is read."""

from __future__ import annotations

import io
import json
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

from bonsai import paper
from bonsai.base import BonsaiError
from bonsai.models import Budget, LiveModel, ServiceGone
from bonsai.paper.document import Figure, Text
from bonsai.paper.letters import odd_names
from bonsai.paper.model_prose import FIELDS, LeftOut, Prose, load, plain
from bonsai.paper.prose import check
from bonsai.paper.typesetting import compile_pdf
from tests.fake_model import Fails, FakeModel, Says, Step
from tests.paper.test_prose import SCENE
from tests.reports import DOT, telling

SECRET = "the-secret-of-another-folder"
NUMBERS = [
    *("9", "94.2", "９４", "⁹⁴", "½", "④", "٣", "三", "Ⅳ", "IV", "iv", "xx", "𝟗", "0x1f", "1e5"),
    *("nine", "NINE", "Nine", "ninety-four", "ninetyfour", "ninety–four", "twice", "tenfold"),
    *("ten-fold", "a third", "half", "a dozen", "per cent", "percent", "zero", "a couple", "first"),
    *("o n e", "o-n-e", "on e", "se ven", "ni ne ty", "s.e.v.e.n", "sev,en", "sev'en"),
    *("o\u00adne", "o\u200bne", "o\u2060ne", "оne", "ｏｎｅ", "ᴏɴᴇ", "ōne", "tẃo", "ſeven", "sıx"),
    *("&#57;", "&frac12;", "nine\u0301", "\u202eenin", "\u0000nine", "n\u0131ne", "million"),
]  # fmt: skip
COMMANDS = [
    *("\\input{/etc/passwd}", "\\write18{id}", "^^5cinput", "\\measured{x}", "$x$", "\\(x\\)"),
    *('#read("/etc/passwd")', "#import", "#let x", "@preview/x", "<label>", "*bold*", "_bold_"),
    *("`code`", "~", "a & b", "a | b", "% all gone", "[link](x)", "<b>x</b>", "<script>", "{{x}}"),
    *("{x}", "{", "}", "http://a.b", "//x", "www.x", "file.txt", "x = y", "a + b", "±", "\x1b[31m"),
    *("@lecun1990optimal", "[@a; @b]", "α", "≈", "∞", "−", "\ufeff", "\U000e0041"),
]  # fmt: skip
RESULTS = [
    *("outperforms", "OUTPERFORMS", "out-performs", "out performs", "out'performs", "оutperforms"),
    *("out\u00adperforms", "öutperforms", "be-tter", "im/proves", "sig nificantly", "signiﬁcantly"),
    *("state of the art", "state-of-the-art", "state‐of‐the‐art", "state – of – the – art", "SOTA"),
    *("SoTA", "s.o.t.a.", "is novel", "is the best", "gains", "wins", "is faster", "is robust"),
    *("is on par", "is no worse", "never fails", "cannot fail", "not only gains", "excels", "rose"),
]  # fmt: skip


@pytest.mark.parametrize("number", NUMBERS)
def test_no_disguise_hides_a_number(number: str) -> None:
    assert all(each.fault for each in check(f"It is {number} of them.", SCENE))


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_and_no_strange_character_passes(command: str) -> None:
    assert all(each.fault for each in check(f"It is {command} that counts.", SCENE))


@pytest.mark.parametrize("result", RESULTS)
def test_no_disguise_hides_a_result(result: str) -> None:
    assert all(each.fault for each in check(f"It {result} here.", SCENE))


LIES = [
    "The network reaches 94.2 of all.",
    "It reaches ninety of them.",
    "Pruning outperforms the rest.",
    "The difference is significant.",
    "An ablation without pruning was run.",
    "It was known before [@invented2031paper].",
    "It was tested on ImageNet too.",
    "It is state of the art.",
    f'It reads #read("../{SECRET}.txt") now.',
    f"It reads \\input{{../{SECRET}}} now.",
    "It writes \\write18{{touch taken}} now.",
    "It reaches {toy.gains.claim_9.value} now.",
]
TRUTH = "The claim that it raises test_accuracy is {toy.gains.claim_1.verdict}."
TOLD = "The claim that it raises test_accuracy is"
STUBBORN = "\n".join([TRUTH, *LIES])


def of_a_model(*script: Step) -> tuple[paper.Chosen, FakeModel, ServiceGone | None]:
    """An idea with prose by a model that answers so, again and again."""
    home = Path(mkdtemp())
    (home / f"{SECRET}.txt").write_text(SECRET)
    chosen = paper.choose(telling(home), "toy/gains")
    model = FakeModel(*script)
    with model.serving():
        live = LiveModel("openai/anything", model.url, api_key="sk-x", retry_waits=())
        _, gone = paper.ask(chosen, live, budget=Budget(), say=lambda _: None, wait_for_model=0.0)
    return chosen, model, gone


@cache
def stubborn() -> tuple[paper.Chosen, FakeModel, str]:
    chosen, model, _ = of_a_model(*[Says(STUBBORN)] * 3 * len(FIELDS))
    return chosen, model, text_of(paper.write(chosen).pdf)


def text_of(pdf: Path) -> str:
    from pdfminer.high_level import extract_text

    return " ".join(extract_text(io.BytesIO(pdf.read_bytes())).split())


def test_what_may_stand_is_in_the_paper_with_its_value() -> None:
    _, _, text = stubborn()
    assert f"{TOLD} supported." in text


@pytest.mark.parametrize(
    "lie",
    [
        *("94.2", "ninety", "Pruning outperforms", "is significant", "ablation", "invented2031"),
        *("ImageNet", "state of the art", "#read", "input{", "write18", "claim_9"),
    ],
)
def test_nothing_made_up_is_in_the_paper(lie: str) -> None:
    chosen, _, text = stubborn()
    assert lie not in text
    assert lie not in (chosen.source / "paper.json").read_text(encoding="utf-8")


def test_a_sentence_is_sent_back_with_the_reason_twice_and_then_left_out() -> None:
    chosen, model, _ = stubborn()
    assert len(model.bodies) == 3 * len(FIELDS)
    asked_again = model.bodies[1]["messages"][-1]["content"]
    assert "Why: '94.2' holds a number; a number can only be written as a {key}." in asked_again
    prose = load(chosen.source)
    assert prose is not None
    assert {each.sentence for each in prose.left_out if each.field == "abstract"} == set(LIES)
    assert prose.fields == {name: [TRUTH] for name in FIELDS}


def test_the_model_is_told_what_the_claims_came_to_first() -> None:
    _, model, _ = stubborn()
    told = model.bodies[0]["messages"][0]["content"]
    values = told[told.index("# What was measured") : told.index("# What may be cited")]
    keys = [line.split(":")[0][2:] for line in values.splitlines() if line.startswith("- ")]
    assert keys[0].startswith("toy.gains.claim_1.")
    assert "toy.gains.run_1.fresh.test_accuracy" in keys
    assert not [key for key in keys if key.endswith(".bare")], "a value comes with its unit"


def test_nothing_outside_the_folder_is_read_or_written() -> None:
    chosen, _, _ = stubborn()
    home = chosen.sweep.results.parent
    holders = [
        path for path in home.rglob("*")
        if path.is_file() and "exchanges" not in path.parts and SECRET.encode() in path.read_bytes()
    ]  # fmt: skip
    names = {path.name for path in holders}
    assert names == {f"{SECRET}.txt", "prose.json"}, "its name, where the left out sentences are"
    assert not list(home.rglob("taken"))


def test_typst_reads_nothing_outside_of_the_folder() -> None:
    chosen, _, _ = stubborn()
    path, outside = chosen.source / "paper.json", chosen.sweep.results / "outside.png"
    was = path.read_text(encoding="utf-8")
    outside.write_bytes(DOT)
    (chosen.source / "inside.png").write_bytes(DOT)
    try:
        _show(path, "inside.png")
        assert compile_pdf(chosen.source)
        for name in ("../../../outside.png", str(outside)):
            _show(path, name)
            with pytest.raises(BonsaiError, match="does not become a PDF"):
                compile_pdf(chosen.source)
    finally:
        path.write_text(was, encoding="utf-8")


def _show(path: Path, picture: str) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    figure = Figure(file=picture, caption=[Text(text="x")], alternative="x").model_dump()
    path.write_text(json.dumps({**document, "cited": [], "blocks": [figure]}), encoding="utf-8")


def test_prose_that_was_put_beside_the_source_is_checked_like_a_models() -> None:
    chosen = paper.choose(telling(Path(mkdtemp())), "toy/gains")
    chosen.source.mkdir(parents=True)
    Prose(by="a person", fields={"abstract": [TRUTH, LIES[0]], "appendix": [TRUTH]}).save(
        chosen.source
    )
    written = paper.write(chosen)
    text = text_of(written.pdf)
    assert f"{TOLD} supported." in text
    assert "Prose by a person" in text
    assert "94.2" not in text
    assert any(LIES[0] in note for note in written.notes)
    assert any("no field appendix" in note for note in written.notes)


def test_a_mended_answer_is_taken_and_nothing_is_asked_twice() -> None:
    good = [Says(TRUTH)] * (len(FIELDS) - 1)
    chosen, model, _ = of_a_model(Says(LIES[0]), Says(TRUTH), *good)
    prose = load(chosen.source)
    assert prose is not None
    assert prose.left_out == []
    assert set(prose.fields) == set(FIELDS)
    assert len(model.bodies) == len(FIELDS) + 1


def test_a_service_that_goes_away_loses_nothing() -> None:
    chosen, _, gone = of_a_model(Says(TRUTH), Says(STUBBORN), Fails(401))
    assert gone is not None
    prose = load(chosen.source)
    assert prose is not None
    assert prose.fields == {"abstract": [TRUTH], "introduction": [TRUTH]}
    assert f"{TOLD} supported." in text_of(paper.write(chosen).pdf)


def test_a_model_that_refuses_ends_it_with_what_there_is() -> None:
    chosen, _, gone = of_a_model(Says(TRUTH), Fails(400))
    prose = load(chosen.source)
    assert gone is None
    assert prose is not None
    assert prose.fields == {"abstract": [TRUTH]}


@pytest.mark.parametrize(
    "reply",
    [
        f"```\n{TRUTH}\n```",
        f"# Abstract\n\n- {TRUTH}",
        f"1. {TRUTH}",
        json.dumps({"abstract": TRUTH}),
        f"```json\n{json.dumps({'sentences': [TRUTH]})}\n```",
        json.dumps([TRUTH]),
        f"<think>It is 42.</think>{TRUTH}",
    ],
)
def test_a_reply_is_read_in_whatever_form_it_comes(reply: str) -> None:
    from bonsai.models.thinking import answer_in

    assert plain(answer_in(reply).text).strip() == TRUTH


def test_a_reply_that_begins_with_a_key_is_no_json() -> None:
    assert plain("{toy.gains.claim_1.value} is what run_1 has.") == (
        "{toy.gains.claim_1.value} is what run_1 has."
    )


def test_what_is_left_out_is_kept_with_its_reason() -> None:
    prose = Prose(by="x", left_out=[LeftOut(field="abstract", sentence="It is.", why="why")])
    folder = Path(mkdtemp())
    prose.save(folder)
    assert load(folder) == prose


def test_names_that_a_run_gave_itself_excuse_no_number() -> None:
    """A self-reported metric may be called anything: what is no plain name is no name here."""
    names = ["94.2", "run_1", "9", "a b", "x\\y", "Fashion-MNIST", "plain", "v1.94"]
    assert odd_names(names) == {"run_1", "Fashion-MNIST"}
