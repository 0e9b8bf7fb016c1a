"""By which of its own metrics a template is judged, and which way is better."""

from __future__ import annotations

import pytest

from bonsai.base import BonsaiError
from bonsai.evaluation.primary import choose, way_of


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("final_val_mse", "lower"), ("best_val_loss", "lower"), ("circle/eval_loss", "lower"),
        ("training_time", "lower"), ("perplexity", "lower"), ("val_acc", "higher"),
        ("F1", "higher"), ("testAccuracy", "higher"), ("mean_reward", "higher"),
        ("tokens_per_second", "higher"), ("results/win_rate", "higher"), ("omega", None),
    ],
)  # fmt: skip
def test_names_tell_which_way_is_better(name: str, way: str | None) -> None:
    assert way_of(name) == way


@pytest.mark.parametrize(
    ("metrics", "primary", "selection"),
    [
        (["train_time", "loss"], "loss", "loss"),
        (["final_train_loss", "best_val_loss", "total_train_time"], "best_val_loss", None),
        (["val_accuracy", "test_accuracy", "steps"], "test_accuracy", "val_accuracy"),
        (["final_val_loss", "final_val_acc", "step_val_acc_99"], "final_val_acc", None),
        (["reward", "episodes"], "reward", "reward"),
        (["seconds"], "seconds", "seconds"),
    ],
)
def test_names_decide(metrics: list[str], primary: str, selection: str | None) -> None:
    found = choose(metrics)
    assert (found.primary, found.selection) == (primary, selection or primary)
    assert next(iter(found.directions)) == primary


def test_a_person_decides_before_the_prompt_and_the_prompt_before_names() -> None:
    metrics = ["loss", "omega", "acc"]
    assert choose(metrics, "omega:lower", ["acc"]).directions["omega"] == "lower"
    assert choose(metrics, None, ["loss", "acc"]).primary == "loss"
    assert choose(metrics, None, {"omega": "higher"}).primary == "omega"
    assert choose(["a/loss", "b/acc"], "acc").primary == "b/acc"


@pytest.mark.parametrize(
    ("metrics", "asked", "told"),
    [
        (["a/loss", "b/loss"], None, "one of a/loss and b/loss"),
        (["alpha", "beta"], None, "one of alpha and beta"),
        (["omega"], None, "--metric omega:higher or --metric omega:lower"),
        (["loss"], "accuracy", "no metric 'accuracy'; there are loss"),
        (["a/loss", "b/loss"], "loss", "several loss: a/loss and b/loss"),
    ],
)
def test_where_nothing_decides_the_candidates_are_named(
    metrics: list[str], asked: str | None, told: str
) -> None:
    with pytest.raises(BonsaiError, match=told):
        choose(metrics, asked)
