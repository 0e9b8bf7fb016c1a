"""What an audit says of words, figures, citations and claims of work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bonsai.audit.checks import CHECKS, Check
from bonsai.audit.checks.certainty import certainty
from bonsai.audit.checks.citations import citations
from bonsai.audit.checks.comparing import difference
from bonsai.audit.checks.figures import figures
from bonsai.audit.checks.missing_runs import missing_runs
from bonsai.audit.checks.placeholders import placeholders
from bonsai.audit.checks.spreads import spreads
from bonsai.audit.checks.verdicts import verdicts
from bonsai.audit.document import Block, Cell, Citation, Document, Figure, Kind, Reference
from bonsai.audit.facts import (
    Compared,
    Facts,
    Known,
    KnownReference,
    Measured,
    Metric,
    Picture,
    Run,
)
from bonsai.audit.findings import Finding
from bonsai.audit.wording import sentences
from bonsai.report.intervals import welch

BASE, GATED, FROZEN = (90.1, 90.3, 90.2, 90.0), (92.1, 92.4, 92.2, 92.0), (90.0, 90.6, 90.1, 90.2)
HOME = Path("/nowhere")
# Numbers are looked at elsewhere.
OF_WORDS: tuple[Check, ...] = (
    verdicts, certainty, spreads, figures, citations, placeholders, missing_runs,
)  # fmt: skip


def measured(run: str, metric: str, values: tuple[float, ...], dataset: str = "digits") -> Measured:
    mean = sum(values) / len(values)
    spread = (sum((value - mean) ** 2 for value in values) / max(1, len(values) - 1)) ** 0.5
    error = spread / len(values) ** 0.5 if len(values) > 1 else None
    return Measured(
        run, metric, dataset, mean, error, values, len(values), f"{run}/final_info.json"
    )


def facts(**others: object) -> Facts:
    """Four seeds: gating is surely better than the baseline, frozen gates are not."""
    known = Facts(
        HOME,
        metrics={
            "test_accuracy": Metric("test_accuracy", "%", "higher", ("test accuracy", "accuracy")),
            "test_loss": Metric("test_loss", "", "lower", ("test loss",)),
        },
        runs={
            "run_0": Run("run_0", ("run 0", "baseline"), "No gates.", is_baseline=True),
            "run_1": Run("run_1", ("run 1", "gated"), "One gate a column."),
            "run_2": Run("run_2", ("run 2", "frozen gates"), "Control: gates are frozen."),
        },
        measured=[
            measured(run, metric, tuple(value * scale for value in values))
            for run, values in (("run_0", BASE), ("run_1", GATED), ("run_2", FROZEN))
            for metric, scale in (("test_accuracy", 1.0), ("test_loss", 0.01))
        ],
        seeds={"run_0": 4, "run_1": 4, "run_2": 4},
        text="Each column has a gate. Trained with SGD for 20 epochs.",
    )
    for name, value in others.items():
        setattr(known, name, value)
    return known


def one_seed() -> Facts:
    known = facts(seeds={"run_0": 1, "run_1": 1, "run_2": 1})
    known.measured = [
        Measured(each.run, each.metric, each.dataset, each.mean, None, (each.mean,), 1)
        for each in known.measured
    ]
    return known


def paper(*blocks: Block, **others: object) -> Document:
    document = Document(HOME / "paper.tex", "latex", blocks=list(blocks))
    for name, value in others.items():
        setattr(document, name, value)
    return document


def said(text: str, kind: Kind = "paragraph", section: str = "Results") -> Document:
    return paper(Block(kind, text, "line 7", section))


def rows(document: Document, known: Facts) -> list[Finding]:
    return [row for check in OF_WORDS for row in check(document, known)]


def accused(document: Document, known: Facts) -> set[str]:
    return {row.kind for row in rows(document, known) if row.accuses}


# Certainty


@pytest.mark.parametrize(
    "text",
    [
        "The gated model is significantly better than the baseline in test accuracy.",
        "Frozen gates do not differ significantly from the baseline in test accuracy.",
        "The difference between frozen gates and the baseline in accuracy is not significant.",
        "There is no significant gain of frozen gates over the baseline in accuracy.",
        "Training at scale takes significant computational resources.",
        "This is a significant challenge for the baseline.",
        "Future work may find a significant improvement in accuracy with frozen gates.",
        "Whether frozen gates improve accuracy significantly is open.",
        "We call a difference significant if p < 0.05 after the correction.",
        "The gated model improves test accuracy (p < 0.01).",
        "State-of-the-art models are larger than ours.",
        "With dropout of p = 0.2, frozen gates reach the test accuracy of the baseline.",
        "Generative models have made significant progress in reducing artefacts [3].",
        "Diffusion models showed significant improvements in image generation (Ho et al., 2020).",
        "The gated model consistently outperforms the baseline in test accuracy.",
    ],
)
def test_what_the_seeds_carry_accuses_nobody(text: str) -> None:
    assert not accused(said(text), facts())


@pytest.mark.parametrize(
    "text",
    [
        "Frozen gates are significantly better than the baseline in test accuracy.",
        "Frozen gates yield a significant improvement in accuracy.",
        "With frozen gates, test accuracy increases significantly.",
        "The gain of frozen gates over the baseline in accuracy is statistically significant.",
        "Frozen gates improve accuracy over the baseline (p < 0.01).",
        "The gated model does not differ significantly from the baseline in test accuracy.",
        "The gated model achieves a new state of the art in accuracy.",
        "This proves that frozen gates raise accuracy over the baseline.",
    ],
)
def test_certainty_that_the_seeds_do_not_carry_is_contradicted(text: str) -> None:
    assert accused(said(text), facts()) == {"certainty"}


def test_one_seed_carries_no_significance() -> None:
    text = "The gated model is significantly better than the baseline in test accuracy."
    [row] = [row for row in rows(said(text), one_seed()) if row.accuses]
    assert row.kind == "certainty"
    assert "one seed" in row.found


def test_without_a_second_seed_nothing_is_significant_whatever_it_is_said_of() -> None:
    known = facts()
    known.measured = [replace(each, values=(), stderr=None, count=None) for each in known.measured]
    text = "A second branch significantly raises the test accuracy."
    assert accused(said(text), known) == {"certainty"}


def test_the_metric_may_stand_in_the_sentence_before() -> None:
    text = "We look at test accuracy. Frozen gates are significantly better than the baseline."
    assert accused(said(text), facts()) == {"certainty"}


def test_always_means_on_every_data_set() -> None:
    known = facts()
    known.measured += [
        measured("run_0", "test_accuracy", BASE, "letters"),
        measured("run_1", "test_accuracy", (89.0, 89.1, 88.9, 89.0), "letters"),
    ]
    text = "The gated model consistently outperforms the baseline in test accuracy."
    [row] = [row for row in rows(said(text), known) if row.accuses]
    assert "letters" in row.found


def compared(word: str, mean: float, low: float, high: float) -> Compared:
    return Compared(
        "gating", "run_1", "run_0", "test_accuracy", word, mean, low, high, 0.2, 8,
        "gating raises test_accuracy", "ledger.jsonl, line 9",
    )  # fmt: skip


def test_a_verdict_counts_more_than_an_interval_of_ones_own() -> None:
    text = "The gated model is significantly better than the baseline in test accuracy."
    undecided = facts(compared=[compared("undecided", 0.1, -0.3, 0.5)])
    [row] = [row for row in rows(said(text), undecided) if row.accuses]
    assert "undecided" in row.found
    assert row.source == "ledger.jsonl, line 9"
    assert not accused(said(text), facts(compared=[compared("supported", 2.0, 1.5, 2.5)]))
    outperforms = said("The gated model outperforms the baseline in test accuracy.")
    assert accused(outperforms, undecided) == {"certainty"}
    assert not accused(outperforms, facts())


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("The claim that gating raises test_accuracy is undecided.", True),
        ("The claim that gating raises test_accuracy is supported.", False),
        ("The claim that gating raises test_accuracy is refuted.", False),
        ("A claim is supported if its metric surely moved as claimed.", True),
        ("An undecided claim is not a refuted one.", True),
        ("Two claims are supported.", True),
    ],
)
def test_a_verdict_is_the_one_in_the_ledger(text: str, right: bool) -> None:
    known = facts(compared=[compared("undecided", 0.1, -0.3, 0.5)])
    assert accused(said(text), known) == (set() if right else {"verdict"})


def test_a_verdict_in_a_table_is_the_one_in_the_ledger() -> None:
    head = (Cell("claim"), Cell("verdict"))
    for word, kinds in (("undecided", set()), ("supported", {"verdict"})):
        row = (Cell("gating raises test_accuracy"), Cell(word))
        table = paper(Block("table", "", "page 2", "Results", (head, row), 1))
        known = facts(compared=[compared("undecided", 0.1, -0.3, 0.5)])
        assert accused(table, known) == kinds


@pytest.mark.parametrize(
    ("difference_", "interval", "right"),
    [
        ("+0.10 percentage points", "−0.30 to +0.50", True),
        ("+0.1", "-0.3 to 0.5", True),
        ("−0.10 percentage points", "−0.30 to +0.50", False),
        ("+0.10", "+0.30 to +0.50", False),
        ("+1.00", "−0.30 to +0.50", False),
        ("—", "none", True),
    ],
)
def test_the_numbers_beside_a_verdict_are_its_own(
    difference_: str, interval: str, right: bool
) -> None:
    head = tuple(Cell(each) for each in ("claim", "verdict", "difference", "interval"))
    told = ("gating raises test_accuracy", "undecided", difference_, interval)
    row = tuple(Cell(each) for each in told)
    table = paper(Block("table", "", "page 2", "Results", (head, row), 1))
    known = facts(compared=[compared("undecided", 0.1, -0.3, 0.5)])
    assert accused(table, known) == (set() if right else {"number"})


@settings(deadline=None)  # the first takes as long as scipy takes to load
@given(
    st.lists(st.integers(-500, 500).map(lambda value: value / 100), min_size=2, max_size=9),
    st.lists(st.integers(-500, 500).map(lambda value: value / 100), min_size=2, max_size=9),
)
def test_the_interval_from_means_and_errors_is_welchs(one: list[float], other: list[float]) -> None:
    expected = welch(one, other)
    found = difference(measured("a", "m", tuple(one)), measured("b", "m", tuple(other)))
    if expected is None:
        assert found.low == found.high
    else:
        assert (found.low, found.high) == pytest.approx(expected, rel=1e-6, abs=1e-9)


# Spreads and seeds


def table(*cells: str, caption: str = "Mean and standard error over four seeds.") -> Document:
    head = (Cell("Model"), Cell("Test accuracy"))
    names = ("Baseline", "Gated", "Frozen gates")
    body = [(Cell(name), Cell(cell)) for name, cell in zip(names, cells, strict=True)]
    block = Block("table", "", "line 30", "Results", (head, *body), 1, caption)
    return paper(block, Block("caption", caption, "line 36", "Results"))


ERRORS = ("90.15 ± 0.06", "92.18 ± 0.09", "90.22 ± 0.13")
DEVIATIONS = ("90.15 ± 0.13", "92.18 ± 0.17", "90.22 ± 0.26")


@pytest.mark.parametrize(
    ("document", "kinds"),
    [
        (table(*ERRORS), set()),
        (table(*DEVIATIONS, caption="Mean and standard deviation."), set()),
        (table(*ERRORS, caption="Mean and standard deviation."), {"spread"}),
        (table(*DEVIATIONS), {"spread"}),
        (table(ERRORS[0], "92.18 ± 0.04", ERRORS[2]), {"spread"}),
        (table(ERRORS[0], ERRORS[1], DEVIATIONS[2], caption="Results."), {"spread"}),
        (said("The accuracy is 92.18 ± 0.09 (standard error) for the gated model."), set()),
        (said("The accuracy is 92.18 ± 0.17 (standard error) for the gated model."), {"spread"}),
    ],
)
def test_what_stands_behind_plus_minus_is_what_is_said(document: Document, kinds: set[str]) -> None:
    assert accused(document, facts()) == kinds


def test_one_seed_has_no_spread() -> None:
    assert accused(table(*ERRORS, caption="Results."), one_seed()) == {"spread"}


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("All values are means over four random seeds.", True),
        ("All values are means over 4 seeds.", True),
        ("Each run was repeated with five random seeds.", False),
        ("Results are averaged over 10 seeds; nothing was left out.", False),
        ("Seeds per run: 3.", False),
        ("Each experiment was repeated three times.", False),
        ("Each experiment was repeated four times.", True),
        ("About 40 seeds would decide it.", True),
        ("It is looked at after 8, 16 and 32 seeds.", True),
        ("The seed was 1337.", True),
    ],
)
def test_so_many_seeds_are_claimed_as_there_are(text: str, right: bool) -> None:
    assert accused(said(text), facts()) == (set() if right else {"seeds"})


def test_a_setting_with_seed_in_its_name_counts_no_seeds() -> None:
    known = facts(known=[Known("first_fresh_seed", 5, kind="setting")])
    assert accused(said("Each run has five seeds."), known) == {"seeds"}
    known.known.append(Known("fresh seeds", 5, kind="count"))
    assert not accused(said("Each run has five seeds."), known)


def test_a_column_of_seeds_says_how_many_there_are() -> None:
    head = (Cell("Model"), Cell("seeds"))
    for count, kinds in (("4", set()), ("5", {"seeds"})):
        block = Block("table", "", "line 3", "Results", (head, (Cell("Gated"), Cell(count))), 1)
        assert accused(paper(block), facts()) == kinds


# Work that nobody did


@pytest.mark.parametrize(
    "text",
    [
        "In an ablation study we removed the normalisation layer, which reduced accuracy to 85.2.",
        "Without label smoothing, test accuracy falls by 1.4 points.",
        "An ablation of the warm-up shows that accuracy drops.",
        "We also ablate the warm-up and find that accuracy drops.",
        "When the second vocabulary was taken away, the test accuracy became worse.",
        "We also evaluated on CIFAR-100, where the gain is of the same size.",
        "The same holds on ImageNet.",
        "Experiments on WMT19 Finnish led to the same conclusion.",
        "A user study with twelve participants confirmed this.",
        "Run 7 has the highest accuracy.",
        "The results of run_9 are similar.",
        "We chose the learning rate by grid search.",
    ],
)
def test_work_that_no_run_has_done_is_unsupported(text: str) -> None:
    assert accused(said(text), facts()) == {"missing run"}


@pytest.mark.parametrize(
    "text",
    [
        "Without gates, test accuracy falls by 2 points.",
        "Run 2 is no better than the baseline.",
        "Future work could evaluate the model on CIFAR-100.",
        "We did not run an ablation of the warm-up.",
        "We run 5 jobs in parallel and train 12 times.",
        "Without doubt the test accuracy of the baseline is 90.2.",
        "We train for 20 epochs with early stopping after 5 epochs without progress.",
        "All models are trained on digits on an NVIDIA A100.",
        "We train on the training set and test on the test set.",
        "Results are shown in Figure 2 and on page 7.",
        "No label is seen before the test.",
        "There is no significant change in performance.",
        "Accuracy improves without increasing the computational cost.",
        "Without loss of generality, accuracy is given in percent and improves with size.",
        "Experiments on modular arithmetic tasks show the same accuracy.",
        "We conduct experiments on four 2D problems.",
        "Our experiments on 2D data and results on Gaussian noise are the same.",
        "All models were trained and tested on a V100 and on Google Colab.",
        "The ablation studies reveal that both components improve performance.",
    ],
)
def test_work_that_was_done_or_is_not_claimed_accuses_nobody(text: str) -> None:
    assert not accused(said(text), facts())


def test_what_an_introduction_says_of_others_is_their_affair() -> None:
    text = "Networks trained on ImageNet are robust, and a significant improvement over others."
    assert not accused(said(text, section="Introduction"), facts())
    assert not accused(said(text, kind="abstract", section=""), facts())


def test_what_others_did_is_their_affair() -> None:
    text = "Removing dropout reduced the accuracy by 3 points on ImageNet."
    assert not accused(said(text, section="Related Work"), facts())
    assert accused(said(text), facts())


def test_a_row_of_a_table_is_a_run_that_there_is() -> None:
    head = (Cell("Model"), Cell("Accuracy"))
    there = (Cell("Gated"), Cell("92.2"))
    missing = (Cell("Gated w/o the sparsity penalty"), Cell("91.1"))
    right = paper(Block("table", "", "line 3", "Results", (head, there), 1))
    wrong = paper(Block("table", "", "line 3", "Results", (head, there, missing), 1))
    assert not accused(right, facts())
    assert accused(wrong, facts()) == {"missing run"}


# Figures


def shown(file: str, caption: str, digest: str | None = None) -> Figure:
    return Figure(file, HOME / file, digest, caption, "line 50")


PICTURES = [
    Picture("gates_run_1.png", HOME / "gates_run_1.png", "1", run="run_1"),
    Picture("gates_run_2.png", HOME / "gates_run_2.png", "2", run="run_2"),
    Picture("curves.png", HOME / "curves.png", "3"),
]


@pytest.mark.parametrize(
    ("figure", "right"),
    [
        (shown("gates_run_1.png", "Gated: the gates.", "1"), True),
        (shown("gates_run_2.png", "Gated: what is learned.", "2"), False),
        (shown("renamed.png", "What is learned by run 1.", "2"), False),
        (shown("gates_run_2.png", "What the frozen gates of all columns are.", "2"), True),
        (shown("curves.png", "Curves of run 1 and run 2.", "3"), True),
        (shown("curves.png", "Curves.", "changed"), False),
        (shown("gates_run_2.png", "Run 1 against run 2.", "2"), True),
        (Figure("gone.png", None, None, "Gone.", "line 50"), False),
    ],
)
def test_a_figure_is_the_one_of_which_its_caption_speaks(figure: Figure, right: bool) -> None:
    known = facts(pictures=PICTURES)
    assert accused(paper(figures=[figure]), known) == (set() if right else {"figure"})


def test_one_picture_under_two_captions_is_told() -> None:
    two = [shown("a.png", "Before training.", "9"), shown("b.png", "After training.", "9")]
    assert accused(paper(figures=two), facts(pictures=[])) == {"figure"}


def test_pictures_that_are_not_at_hand_accuse_nobody() -> None:
    missing = [Figure(f"{name}.png", None, None, name, "line 5") for name in "ab"]
    assert not accused(paper(figures=missing), facts())


# Citations and placeholders

ADAM = Reference("kingma2014adam", "Adam: A Method", "Kingma, D. and Ba, J.", "2014", "line 2")
NETS = Reference(
    "long2015fully", "Fully Convolutional Networks", "Long, J. and Shelhamer, E.", "2015", "line 3"
)


def cites(*keys: str, text: str = "As is known.") -> Document:
    return paper(
        Block("paragraph", text, "line 9", "Related Work"),
        citations=[Citation(key, key, "line 9") for key in keys],
        bibliography=[ADAM, NETS],
    )


def test_what_is_cited_has_an_entry() -> None:
    assert not accused(cites("kingma2014adam", "long2015fully"), facts())
    assert accused(cites("kingma2014adam", "liu2023unified"), facts()) == {"citation"}
    assert accused(cites("kingma2014adam,liu2023unified"), facts()) == {"citation"}


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("Kingma and Ba (2014) did so.", True),
        ("This is known (Long et al., 2015).", True),
        ("Similar ideas were explored by Hoffmann et al. (2023).", False),
        ("This is known (Long et al., 2019).", False),
        ("In June 2023 the ImageNet challenge (2012) was old.", True),
        ("Between May and June 2023 nothing happened.", True),
        ("As shown in [?], it works.", False),
    ],
)
def test_who_is_cited_by_name_has_an_entry(text: str, right: bool) -> None:
    found = accused(cites("kingma2014adam", "long2015fully", text=text), facts())
    assert found == (set() if right else {"citation"})


def test_an_entry_stands_there_once() -> None:
    for year, kinds in (("2014", {"citation"}), ("", {"citation"}), ("2017", set())):
        again = Reference("adam2", "ADAM: a method", "Kingma, D.", year, "line 4")
        document = paper(citations=[Citation("adam2", "", "line 9")], bibliography=[ADAM, again])
        assert accused(document, facts()) == kinds


def test_entries_that_nobody_knows_are_unsupported_where_it_is_known_which_exist() -> None:
    document = cites("kingma2014adam", "long2015fully")
    assert not accused(document, facts(references=None))
    known = [KnownReference("a", "Adam - a method", "references.bib")]
    [row] = [row for row in rows(document, facts(references=known)) if row.accuses]
    assert (row.status, row.said) == ("unsupported", "Fully Convolutional Networks")


def test_no_bibliography_at_hand_accuses_nobody() -> None:
    document = paper(
        citations=[Citation("a", "a", "line 9")], source=r"\bibliography{elsewhere}",
    )  # fmt: skip
    assert not accused(document, facts())


def test_a_reference_to_nothing_is_told() -> None:
    document = paper(missing_labels=[Citation("fig:x", "Figure ??", "line 8")])
    assert accused(document, facts()) == {"citation"}


@pytest.mark.parametrize(
    ("source", "right"),
    [
        ("CONCLUSIONS HERE", False),
        ("Conclusions Here", False),
        ("\\title{TITLE HERE}", False),
        ("TODO: say more", False),
        ("as in Section ??", False),
        ("[insert figure]", False),
        ("Lorem ipsum dolor", False),
        ("\\author{Author Name}", False),
        ("the results here are good", True),
        ("% TODO: say more", True),
        ("50 \\% of all methods here", True),
        ("\\begin{verbatim}\nTODO\n\\end{verbatim}", True),
        ("is it so? yes", True),
    ],
)
def test_what_a_template_left_in_is_told(source: str, right: bool) -> None:
    document = paper(source=f"first line\n{source}\n")
    found = [row for row in rows(document, facts()) if row.kind == "placeholder"]
    assert [row.place for row in found] == ([] if right else ["line 2"])


# All of them


def test_every_check_is_among_those_that_an_audit_makes() -> None:
    assert set(OF_WORDS) <= set(CHECKS)


def test_sentences_do_not_end_in_numbers_and_abbreviations() -> None:
    text = "It is 0.5, cf. Fig. 2. He et al. found 3.1 vs. Ours. (It ends.) Yes"
    assert sentences(text) == [
        "It is 0.5, cf. Fig. 2.",
        "He et al. found 3.1 vs. Ours.",
        "(It ends.)",
        "Yes",
    ]


@settings(deadline=None)
@given(st.text(max_size=300))
def test_no_text_breaks_a_check(text: str) -> None:
    cells = ((Cell(text), Cell("1 ± 2")), (Cell("Gated"), Cell(text)))
    document = paper(
        Block("paragraph", text, "line 1", text),
        Block("caption", text, "line 2"),
        Block("table", "", "line 3", text, cells, 1, text),
        figures=[Figure(text, None, None, text, "line 4")],
        citations=[Citation(text, text, "line 5")],
        bibliography=[Reference(text, text, text, text, "line 6"), ADAM],
        source=text,
    )
    known = facts(pictures=PICTURES, compared=[compared("undecided", 0, -1, 1)])
    for check in CHECKS:
        list(check(document, known))


def test_nothing_known_and_nothing_said_is_nothing_to_tell() -> None:
    assert rows(paper(), Facts(HOME)) == []
    text = "The gated model is significantly better in 3 of 4 runs (p < 0.05), see Run 7."
    assert not accused(said(text), Facts(HOME))
