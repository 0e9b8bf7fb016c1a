"""What a model may write into a paper: a number only as a key, a result only as it was judged."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bonsai.paper.document import Cite, Number, Shown, Text
from bonsai.paper.prose import (
    Carried,
    Scene,
    Sentence,
    check,
    check_plan,
    check_words,
    sentences,
)


def shown(text: str, value: float | None = 1.0) -> Shown:
    return Shown(text=text, value=value, about="a value")


VALUES = {
    f"{idea}.{claim}.{name}": shown(text)
    for idea in ("won_it", "lost_it", "open_it")
    for claim in ("claim_1", "claim_2")
    for name, text in (
        ("difference", "+0.41 percentage points"), ("low", "+0.1"), ("high", "+0.8"),
        ("value", "91.2 %"), ("other", "90.8 %"), ("p", "p = 0.01"), ("verdict", "supported"),
        ("seeds", "8 fresh seeds"),
    )
} | {
    f"{run}.fresh.{metric}": shown("90.8 %")
    for run in ("baseline", "won_it.run_1", "won_it.run_2")
    for metric in ("test_accuracy", "val_loss")
}  # fmt: skip
SCENE = Scene(
    values=VALUES,
    claims={
        "won_it.claim_1": Carried(
            "supported", metric="test_accuracy", run="run_1", against="run_0"
        ),
        "won_it.claim_2": Carried("supported", direction="lower", metric="val_loss", run="run_1"),
        "lost_it.claim_1": Carried("refuted", lost=True, metric="test_accuracy", run="run_1"),
        "lost_it.claim_2": Carried("refuted", metric="test_accuracy", run="run_1"),
        "open_it.claim_1": Carried("undecided", metric="test_accuracy", run="run_1"),
        "open_it.claim_2": Carried("no result", metric="test_accuracy"),
    },
    runs=frozenset({"baseline", "won_it.run_1", "won_it.run_2"}),
    metrics=frozenset({"test_accuracy", "val_loss", "loss"}),
    names=frozenset(
        {"run_1", "run_2", "won_it", "lost_it", "open_it", "Fashion-MNIST", "2x", "94.2"}
    ),
    words=frozenset({"adam", "hebbian", "pruning", "the", "network"}),
    references=frozenset({"lecun1990optimal"}),
)  # fmt: skip


def fault(text: str) -> str:
    (found,) = check(text, SCENE)
    assert bool(found.fault) == (not found.spans), "shown if and only if nothing is wrong with it"
    return found.fault


def test_a_sentence_becomes_words_values_citations_and_names() -> None:
    text = "On {won_it.claim_1.seeds} run_1 gives {won_it.claim_1.value} [@lecun1990optimal]."
    (found,) = check(text, SCENE)
    assert found == Sentence(
        text,
        [Text(text="On "), Number(key="won_it.claim_1.seeds"), Text(text=" "),
         Text(text="run_1", style="code"), Text(text=" gives "), Number(key="won_it.claim_1.value"),
         Text(text=" "), Cite(key="lecun1990optimal"), Text(text=".")],
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "Pruning removes weights that matter little, e.g. those near nothing.",
        "We ask whether pruning improves a network.",
        "It is unknown whether the effect is stronger elsewhere.",
        "We study whether pruning is better.",
        "The claim that it improves test_accuracy is {open_it.claim_1.verdict}.",
        "Whether it raises test_accuracy is {lost_it.claim_1.verdict}.",
        "It improves test_accuracy by {won_it.claim_1.difference} ({won_it.claim_1.p}).",
        "It significantly raises test_accuracy, by {won_it.claim_1.difference}.",
        "The val_loss falls by {won_it.claim_2.difference}, as claimed.",
        "It lowers test_accuracy by {lost_it.claim_1.difference}.",
        "It does not improve test_accuracy: {lost_it.claim_2.difference}.",
        "The difference of {open_it.claim_1.difference} is not significant.",
        "The interval goes from {open_it.claim_1.low} to {open_it.claim_1.high}.",
        "The interval is wide ({open_it.claim_1.low}, {open_it.claim_1.high}).",
        "On Fashion-MNIST, run_1 was trained and reaches {won_it.run_1.fresh.test_accuracy}.",
        "The test_accuracy is {won_it.claim_1.value} for run_1 and {won_it.claim_1.other} for the "
        "baseline.",
        "Hebbian learning is old [@lecun1990optimal].",
        "Naïve pruning, as in Adam's days, is a façade.",
        "The training loss is what the network is given; scaffolding comes later.",
    ],
)
def test_what_is_measured_or_asked_may_be_said(text: str) -> None:
    assert [each.fault for each in check(text, SCENE)] == [""]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "It gives {won_it.claim_9.value}.",
            "there is no value with the key {won_it.claim_9.value}",
        ),
        ("It is known [@made2023up].", "there is no reference [@made2023up]"),
        ("It is near {won_it.claim_1.low}{won_it.claim_1.high}.", "by itself"),
        ("It is {won_it.claim_1.low} {won_it.claim_1.high}.", "need words between them"),
        ("It is -{won_it.claim_1.value}.", "by itself"),
        ("It is {won_it.claim_1.value}.5 of it.", "by itself"),
        ("It is minus {won_it.claim_1.value}.", "makes another value of it"),
        ("It is above {won_it.claim_1.value}.", "makes another value of it"),
        ("It takes {won_it.claim_1.value} seconds.", "comes with its unit"),
        ("It is {won_it.claim_1.value} times that.", "comes with its unit"),
        ("It gives {won_it.claim_1.value} and then", "does not end"),
    ],
)
def test_a_key_stands_by_itself_and_is_there(text: str, why: str) -> None:
    assert why in fault(text)


@pytest.mark.parametrize(
    ("text", "belongs"),
    [
        ("The baseline reaches {won_it.run_1.fresh.test_accuracy}.", "run_1"),
        ("It reaches {won_it.run_1.fresh.test_accuracy} for the baseline.", "run_1"),
        ("On it run_1 reaches {won_it.run_2.fresh.test_accuracy}.", "run_2"),
        ("Its val_loss is {won_it.run_1.fresh.test_accuracy}.", "test_accuracy"),
        ("On it run_1 has {won_it.claim_1.other}.", "baseline"),
        ("The baseline has {won_it.claim_1.value}.", "run_1"),
        ("Its val_loss differs by {open_it.claim_1.difference}.", "test_accuracy"),
        ("Of lost_it, run_1 has {won_it.claim_1.value}.", "won_it"),
    ],
)
def test_a_value_stands_beside_the_run_and_metric_that_it_belongs_to(
    text: str, belongs: str
) -> None:
    assert f"is a value of {belongs}" in fault(text)


@pytest.mark.parametrize(
    "text",
    [
        "It improves the network.",  # no claim at all
        "It improves test_accuracy by {open_it.claim_1.difference}.",
        "It improves test_accuracy, though that is {open_it.claim_2.verdict}.",
        "It improves test_accuracy by {lost_it.claim_1.difference}.",
        "It improves it by {won_it.claim_1.difference} and {open_it.claim_1.difference}.",
        "It does not improve test_accuracy: {won_it.claim_1.difference}.",
        "It does not improve test_accuracy: {open_it.claim_1.difference}.",
        "It lowers test_accuracy by {won_it.claim_1.difference}.",
        "It raises val_loss by {won_it.claim_2.difference}.",
        "It lowers test_accuracy by {lost_it.claim_2.difference}.",
        "The difference of {open_it.claim_1.difference} is significant.",
        "The difference of {won_it.claim_1.difference} is not significant.",
        "The claim is {open_it.claim_1.verdict} and the network outperforms all.",
        "The claim is {open_it.claim_1.verdict}, yet pruning is better.",
        "Claimed or not, it outperforms others, as {open_it.claim_1.verdict} shows.",
        "It not only improves the network, {lost_it.claim_1.difference} is there.",
        "Without doubt {won_it.claim_1.difference} improves it.",
        "It is the best of all, by {won_it.claim_1.difference}.",
        "It is the most accurate, by {won_it.claim_1.difference}.",
        "It is state-of-the-art by {won_it.claim_1.difference}.",
        "It is a novel way to gain {won_it.claim_1.difference}.",
        "It is on par with others.",
        "There is no difference: {open_it.claim_1.difference}.",
        "It matches the network.",
        "The claim is supported.",
        "It always works, as {open_it.claim_1.difference} shows.",
        "It works well.",
        "It is robust.",
        "It OUTPERFORMS others.",
        "It out-performs others.",
        "It is more accurate.",
        "It pulls ahead.",
        "Our approach sets a new standard.",
        "It is statistically meaningful.",
        "The effect is unlikely to be due to chance.",
        "Every seed agreed.",
        "Accuracy goes from strength to strength.",
        "Errors vanish almost entirely.",
    ],
)
def test_a_result_that_no_verdict_carries_goes_back(text: str) -> None:
    assert fault(text)


@pytest.mark.parametrize(
    "text",
    [
        "We ran it on other data.",
        "The network was run again.",
        "An ablation shows why.",
        "We ablate pruning, as {won_it.claim_1.difference} shows.",
        "A user study with {won_it.claim_1.seeds} was made.",
        "Cross-validation gives {won_it.claim_1.value}.",
        "We compare it with others.",
        "We tested whether it does.",
        "We study whether it does, and we run it elsewhere.",
        "Additional experiments agree.",
        "Experiments show that it trains.",
        "The network was trained by hand with run_1.",  # a name alone is no key
        "We also removed the surround and saw the accuracy.",
        "We found that the surround is what counts.",
    ],
)
def test_work_that_no_run_has_goes_back(text: str) -> None:
    assert fault(text)


@pytest.mark.parametrize(
    "text",
    [
        "We use ImageNet for it.",
        "We use imagenet for it.",
        "We follow Smith here.",
        "Ackermann showed this.",
        "It is known from Smith et al. of course.",
        "It is a ResNet after all.",
        "It uses the GAN of others.",
    ],
)
def test_a_name_that_nothing_mentions_goes_back(text: str) -> None:
    assert fault(text)


def test_an_ablation_may_be_spoken_of_where_the_idea_speaks_of_it() -> None:
    scene = Scene(values=VALUES, claims=SCENE.claims, words=frozenset({"ablation"}))
    (found,) = check("The ablation gives {won_it.claim_1.value}.", scene)
    assert not found.fault


def test_sentences_are_cut_at_their_ends_only() -> None:
    text = ("It is {a.b.c}. See e.g. Fig. Two for it, i.e. That one! \"Is it?\" Yes.\n\n"
            "A new paragraph\nof lines")  # fmt: skip
    assert sentences(text) == [
        "It is {a.b.c}.", "See e.g. Fig. Two for it, i.e. That one!", '"Is it?"', "Yes.",
        "A new paragraph of lines",
    ]  # fmt: skip


WORDS = st.sampled_from(
    str.split(
        "the network pruning is gives of with and a not improves better {won_it.claim_1.value} . , "
        "run_1 {open_it.claim_1.verdict} [@lecun1990optimal] test_accuracy - 2x 94.2 claim whether"
    )
)  # fmt: skip
ANYTHING = st.lists(st.one_of(WORDS, st.text(max_size=6)), max_size=12).map(" ".join)


@given(ANYTHING)
def test_no_digit_passes_outside_of_a_value_and_a_known_name(text: str) -> None:
    for sentence in check(text, SCENE):
        for span in sentence.spans:
            if isinstance(span, Text) and span.style != "code":
                assert not any(unicodedata.numeric(each, None) is not None for each in span.text)
                assert not set(span.text) & set("\\#$`<>~^&%|*=+±@{}[]_")
            elif isinstance(span, Text):
                assert span.text in SCENE.odd
            elif isinstance(span, Number):
                assert span.key in SCENE.values
            else:
                assert span.key in SCENE.references


@given(ANYTHING)
def test_what_passes_says_what_was_written(text: str) -> None:
    for sentence in check(text, SCENE):
        if not sentence.fault:
            again = "".join(
                span.text if isinstance(span, Text)
                else f"{{{span.key}}}" if isinstance(span, Number) else f"[@{span.key}]"
                for span in sentence.spans
            )  # fmt: skip
            assert again == sentence.text


@pytest.mark.parametrize(
    ("text", "stands"),
    [
        ("Prune 50 % of the weights with a rate of 0.01.", True),
        ("The `test_accuracy` should rise by a little.", True),
        ("Runs: strength 0.2; strength 0.5; all blocks.", True),
        ("It achieves 94 % after all.", False),
        ("Its test_accuracy is 94.", False),
        ("Test accuracy: 0.94.", False),
        ("An accuracy of 94 % is reached.", False),
        ("It outperforms the others.", False),
        ("This is state of the art.", False),
        ("It is significantly good.", False),
        ("Read \\input{/etc/passwd} first.", False),
        ("Let #read(x) be.", False),
    ],
)
def test_a_plan_may_have_settings_and_no_results(text: str, stands: bool) -> None:
    (found,) = check_plan(text, SCENE)
    assert bool(found.spans) is stands, found.fault


@pytest.mark.parametrize(
    ("text", "stands"),
    [
        ("The surround is added to `run_1` and not subtracted.", True),
        ("It gained nothing.", False),
        ("Run 1 is the control.", False),
        ("Two runs were enough.", False),
        ("It is better.", False),
        ("\\write18{id}", False),
        ("What could break:", False),
    ],
)
def test_quoted_words_of_an_agent_state_no_numbers_and_no_results(text: str, stands: bool) -> None:
    (found,) = check_words(text, SCENE)
    assert bool(found.spans) is stands, found.fault
