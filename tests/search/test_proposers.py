"""Proposers change a version by a little, and say the same again when they are asked again."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence

import pytest

from bonsai.search import (
    Mixed,
    Node,
    NoProposal,
    Proposal,
    Proposer,
    make_random,
    make_tpe,
    read_space,
)
from bonsai.search.proposers import draw, is_step, sample_tpe
from bonsai.search.space import values_of, with_values

SOURCE = """
class Config:
    rate: float = 0.1
    width: int = 64
    mirror: bool = True
"""
SPACE = read_space(SOURCE)
START = Node(0, 0, SOURCE, "", "", 0.0)


@pytest.mark.parametrize("make", [make_random, make_tpe])
def test_the_same_question_has_the_same_answer_and_another_number_another(make) -> None:
    first = make(SPACE, 1).propose([START], START, 1)
    assert make(SPACE, 1).propose([START], START, 1) == first
    others = {make(SPACE, 1).propose([START], START, number).source for number in range(2, 8)}
    assert len(others) > 3


def test_a_proposal_is_a_small_edit_of_its_parent_that_was_not_there_before() -> None:
    tree = [START]
    proposer = make_tpe(SPACE, 0)
    for number in range(1, 25):
        parent = tree[number // 2]
        made = proposer.propose(tree, parent, number)
        assert made.source not in {node.source for node in tree}
        before, after = values_of(parent.source), values_of(made.source)
        moved = [name for name in before if before[name] != after[name]]
        assert 1 <= len(moved) <= 3
        assert all(name in made.changed for name in moved)
        tree.append(Node(number, parent.number, made.source, made.changed, "tpe", 0.1 * number))


def test_a_space_that_is_used_up_is_told() -> None:
    source = "class Config:\n    mirror: bool = True\n"
    off = Node(1, 0, source.replace("True", "False"), "", "tpe", 0.0)
    with pytest.raises(NoProposal, match="has been there before"):
        make_tpe(read_space(source), 0).propose([Node(0, 0, source, "", ""), off], off, 2)


def test_draws_keep_to_their_ranges() -> None:
    rng = random.Random(0)
    for setting in SPACE.values():
        for _ in range(200):
            value = draw(setting, rng)
            if setting.choices:
                assert value in setting.choices
            else:
                assert setting.low is not None and setting.high is not None
                assert setting.low * 0.999 <= value <= setting.high * 1.001


def test_tpe_learns_where_it_is_good() -> None:
    def gain(rate: float) -> float:
        return -abs(math.log(rate / 0.3))

    rng = random.Random(1)
    trials = []
    for _ in range(60):
        values = {name: draw(each, rng) for name, each in SPACE.items()}
        trials.append((values, gain(float(values["rate"]))))
    learned = [gain(float(sample_tpe(SPACE, trials, seed)["rate"])) for seed in range(20)]
    at_random = [gain(float(draw(SPACE["rate"], rng))) for _ in range(200)]
    assert statistics.mean(learned) > statistics.mean(at_random) + 0.3


@pytest.mark.parametrize(
    ("name", "before", "after", "is_one"),
    [
        ("rate", 0.1, 0.101, False),
        ("rate", 0.1, 0.2, True),
        ("width", 64, 65, False),
        ("width", 64, 96, True),
        ("mirror", True, False, True),
        ("mirror", True, True, False),
    ],
)
def test_a_move_by_next_to_nothing_is_not_worth_a_run(
    name: str, before: object, after: object, is_one: bool
) -> None:
    assert is_step(SPACE[name], before, after) == is_one  # type: ignore[arg-type]


class Named:
    """A proposer that is only ever asked whose turn it is."""

    def __init__(self, name: str, uses: str = "") -> None:
        self.name, self.uses = name, uses

    def propose(self, tree: Sequence[Node], parent: Node, turn: int) -> Proposal:
        raise NotImplementedError


def test_turns_move_to_whose_candidates_are_taken_on() -> None:
    proposers: list[Proposer] = [Named("good"), Named("poor")]
    tree = [START] + [Node(n, 0, with_values(SOURCE, {"width": n}), "", ("good", "poor")[n % 2])
                      for n in range(1, 41)]  # fmt: skip
    taken_on = {n for n in range(1, 41) if n % 2 == 0 and n % 4}

    def whose(turn: int) -> str:
        chosen = Mixed(proposers, 0).choose(tree, taken_on, turn)
        assert chosen is not None
        return chosen.name

    turns = [whose(turn) for turn in range(41, 91)]
    assert turns.count("good") > 35
    assert whose(50) == turns[9]


def test_what_only_one_can_have_at_a_time_is_waited_for() -> None:
    mixed = Mixed([Named("model", "talk"), Named("cross", "talk"), Named("tpe")], 0)
    for turn in range(10):
        chosen = mixed.choose([START], set(), turn, away={"model"})
        assert chosen is not None
        assert chosen.name == "tpe"
    assert mixed.choose([START], set(), 0, away={"cross", "tpe"}) is None
