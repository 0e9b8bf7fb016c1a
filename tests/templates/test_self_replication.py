"""The theory of self-replicating particles, each statement a test, and the template on it."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from bonsai import kit
from bonsai.kit.scoring import load_scorer
from tests import sweeps

TEMPLATE = Path(__file__).resolve().parents[2] / "templates" / "self_replication"
BENCHMARKS = TEMPLATE.parents[1] / "benchmarks"
OWN = ("particles", "score", "experiment", "self_replication_speed")


@pytest.fixture(scope="module")
def modules() -> Iterator[dict[str, ModuleType]]:
    """The template's files as modules, importable as where they run; nothing stays behind."""
    threads, written = torch.get_num_threads(), sys.dont_write_bytecode
    sys.path[:0] = [str(TEMPLATE), str(BENCHMARKS)]
    sys.dont_write_bytecode = True
    torch.set_num_threads(1)
    try:
        yield {name: __import__(name) for name in OWN}
    finally:
        del sys.path[:2]
        sys.dont_write_bytecode = written
        torch.set_num_threads(threads)
        for name in OWN:
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def p(modules: dict[str, ModuleType]) -> ModuleType:
    return modules["particles"]


@pytest.fixture(scope="module")
def e(modules: dict[str, ModuleType]) -> ModuleType:
    return modules["experiment"]


def self_train(
    e: ModuleType, p: ModuleType, weights: torch.Tensor, steps: int, rate: float, *, full: bool
) -> torch.Tensor:
    """Particles (P, N) after `steps` of self-training."""
    weights = weights.double().clone()
    goals = torch.tensor([1.0, 0, 0, 0]).double()[:, None].expand(4, weights.shape[1])
    replication = e.Replication(goals, p.positions(p.hidden_width(weights)))
    config = e.Config(learning_rate=rate)
    velocity, gradient = torch.zeros_like(weights), torch.zeros_like(weights)
    for _ in range(steps):
        v = p.five_vector(weights)
        signal = torch.cat([replication.signal(weights, v), torch.zeros_like(v[:1])])
        e.push_back(weights, signal, gradient)
        if full:
            gradient += replication.own_gradient(weights, v)
        e.descend(weights, velocity, gradient, config)
    return weights


def rows_of(p: ModuleType, weights: torch.Tensor) -> torch.Tensor:
    """The self-replication task of particles (P, N) as inputs (5, N, P)."""
    columns = p.positions(p.hidden_width(weights)).T[:, None].expand(3, weights.shape[1], -1)
    return torch.cat([weights.T[None], columns, torch.zeros_like(columns[:1])])


# ------------------------------------------------------------------------------------------------
# Theory 1: a particle is one 5-vector


@pytest.mark.parametrize("hidden", [2, 5, 8])
def test_a_linear_particle_is_one_five_vector(e: ModuleType, p: ModuleType, hidden: int) -> None:
    weights = e.start(hidden, 50, 0, False).double()
    inputs = torch.randn(5, 50, 30, dtype=torch.float64)
    v = p.five_vector(weights)
    assert torch.allclose(p.respond(weights, inputs), (v.unsqueeze(-1) * inputs).sum(0))


def test_fixpoints_are_where_v_is_one_and_three_zeros(e: ModuleType, p: ModuleType) -> None:
    weights = p.onto_fixpoint(e.start(4, 200, 0, False).double())
    assert (p.classify(weights) == p.REPLICATOR).all()
    assert p.five_vector(weights)[4].std() > 0.1, "a continuum: v5 is free"
    pushed = weights.clone()
    pushed[0] += 0.01
    assert not (p.classify(pushed) == p.REPLICATOR).any()


@pytest.mark.parametrize("hidden", [2, 3, 6])
def test_self_training_ends_on_that_manifold(e: ModuleType, p: ModuleType, hidden: int) -> None:
    start = e.start(hidden, 200, 1, False)
    early = self_train(e, p, start, 300, 0.004, full=False)
    late = self_train(e, p, start, 600, 0.04, full=False)
    share = (p.classify(late) == p.REPLICATOR).double().mean()
    assert (p.classify(early) == p.REPLICATOR).double().mean() < 0.35
    assert share >= 0.98
    v = p.five_vector(late[:, p.classify(late) == p.REPLICATOR])
    assert (v[0] - 1).abs().max() < 1e-4
    assert v[4].abs().median() > 0.2


# ------------------------------------------------------------------------------------------------
# Theory 2: the scalar is exact, and the organism is a linear network of scalars


def test_the_scalar_is_exact_for_linear_particles(e: ModuleType, p: ModuleType) -> None:
    weights = e.start(8, 100, 0, False).double()
    number, fit = p.scalars(weights)
    x = torch.linspace(-3, 3, 21).double()
    assert torch.allclose(p.answer(weights, x), number[:, None] * x, atol=1e-12)
    assert (fit == 1).all()
    assert torch.allclose(number, p.five_vector(weights)[4])


def test_the_scalar_of_a_tanh_particle_is_a_fit(e: ModuleType, p: ModuleType) -> None:
    weights = 2 * e.start(8, 100, 0, False).double()
    number, fit = p.scalars(weights, tanh=True)
    assert (fit <= 1).all()
    assert 0 < fit.mean() < 0.9999
    assert not torch.allclose(number, p.five_vector(weights)[4], atol=1e-2)


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("residual", [0.0, 1.0])
def test_embedding_gives_the_same_logits(
    e: ModuleType, p: ModuleType, residual: float, relu: bool
) -> None:
    widths = [9, 4, 4, 4, 4, 3]
    weights = e.start(5, len(p.edges(widths)), 0, False).double()
    images = torch.rand(1, 20, 9).double()
    honest = p.forward_by_particle(images, weights[:, None, None], widths, residual, relu)
    numbers, _ = p.scalars(weights)
    regular = p.forward(images, p.matrices(numbers[None, None], widths), residual, relu)
    assert honest.shape == regular.shape == (1, 1, 20, 3)
    assert (honest - regular).abs().max() < 1e-12


def test_the_embedding_is_an_ordinary_torch_network(e: ModuleType, p: ModuleType) -> None:
    widths = [9, 4, 3]
    numbers, _ = p.scalars(e.start(5, len(p.edges(widths)), 0, False).double())
    network = torch.nn.Sequential(
        torch.nn.Linear(9, 4, bias=False), torch.nn.Linear(4, 3, bias=False)
    ).double()
    maps = p.matrices(numbers[None, None], widths)
    for layer, matrix in zip(network, maps, strict=True):
        layer.weight.data = matrix[0, 0]
    images = torch.rand(1, 20, 9).double()
    assert torch.allclose(network(images[0]), p.forward(images, maps)[0, 0])
    product = maps[1][0, 0] @ maps[0][0, 0]
    assert torch.linalg.matrix_rank(product) <= 4
    assert torch.allclose(images[0] @ product.T, p.forward(images, maps)[0, 0])


# ------------------------------------------------------------------------------------------------
# Theory 3: the exit law


@pytest.mark.parametrize("hidden", [2, 8])
def test_exit_law(modules: dict[str, ModuleType], hidden: int) -> None:
    start = modules["experiment"].start(hidden, 300, 0, False)
    times = modules["score"].exit_times(start.T.numpy().astype(np.float64)).mean(axis=1)
    small = times[4:]  # the law is one of small noise, 1e-5 and less
    slope = np.polyfit(np.arange(len(small)), small, 1)[0]
    assert slope == pytest.approx(math.log(10) / math.log(4), abs=0.06)
    assert times[0] < 8, "noise of 0.1 is not survived for long"


def test_self_application_raises_the_scale_to_the_fourth_power(
    e: ModuleType, p: ModuleType
) -> None:
    weights = p.onto_fixpoint(e.start(3, 20, 0, False).double())
    where = p.positions(3)
    for scale in (0.9, 1.1):
        ratio = p.apply(scale * weights, where) / weights
        assert torch.allclose(ratio, torch.full_like(ratio, scale**4), rtol=1e-6)


# ------------------------------------------------------------------------------------------------
# Theory 4: collapse to zero under the full gradient from PyTorch's initial weights


def test_collapse_to_zero(e: ModuleType, p: ModuleType) -> None:
    shares = {}
    for full in (False, True):
        for default in (False, True):
            end = self_train(e, p, e.start(2, 100, 0, default), 6000, 0.004, full=full)
            shares[full, default] = (p.classify(end) == p.ZERO).double().mean().item()
    assert shares[False, False] == shares[False, True] == 0, "never by semi-gradient"
    assert shares[True, True] > 0.85
    assert shares[True, False] < 0.5


def test_an_all_zero_particle_is_dead_for_good(e: ModuleType, p: ModuleType) -> None:
    weights = torch.zeros(p.weight_count(3), 4)
    gradient = torch.ones_like(weights)
    e.push_back(weights, torch.randn(5, 4), gradient)
    assert (gradient == 0).all()
    assert (self_train(e, p, weights, 5, 0.004, full=True) == 0).all()


# ------------------------------------------------------------------------------------------------
# The census


def test_the_order_of_the_census(e: ModuleType, p: ModuleType) -> None:
    copy = p.onto_fixpoint(e.start(3, 1, 0, False).double())[:, 0]
    second = p.onto_fixpoint(e.start(3, 1, 1, False).double())[:, 0]
    p.layers(second)[2].neg_()  # v1 = -1: the second pass brings the weights back
    divergent, zero = torch.full_like(copy, math.nan), torch.zeros_like(copy)
    divergent_too = copy.clone()
    divergent_too[0] = math.inf
    other = e.start(3, 1, 2, False).double()[:, 0]
    nearly_zero, hardly = torch.full_like(copy, 0.9e-5), torch.full_like(copy, 1.1e-4)
    every = [divergent, divergent_too, zero, nearly_zero, copy, copy + 1e-7, second, other, hardly]
    found = [p.CLASSES[code] for code in p.classify(torch.stack(every, dim=1))]
    assert found == [
        "divergent", "divergent", "all-zero", "all-zero", "self-replicator", "self-replicator",
        "second order", "other", "other",
    ]  # fmt: skip


def test_zeros_would_pass_for_copies(p: ModuleType) -> None:
    """Why zero is tested first: the published counts had taken dead particles for identities."""
    zero = torch.zeros(p.weight_count(2), 1).double()
    assert (p.apply(zero, p.positions(2)) == zero).all()
    assert p.classify(zero) == p.ZERO


def test_the_filler_task_is_solved_elsewhere(e: ModuleType, p: ModuleType) -> None:
    goals = torch.tensor([0.0, 0.3, -0.2, 0.1]).double()[:, None]
    weights = e.start(3, 1, 0, False).double()
    w1, w2, w3 = p.layers(weights)
    above = (w3.unsqueeze(1) * w2).sum(0)
    miss = p.five_vector(weights)
    miss[:4] -= goals
    miss[4] = 0
    w1 -= above.unsqueeze(1) * miss / above.square().sum(0)
    assert p.classify(weights, goals=goals) == p.REPLICATOR
    assert p.classify(weights) == p.OTHER


def test_positions(p: ModuleType) -> None:
    where = p.positions(2)
    assert where.shape == (16, 3)
    assert where.max(0).values.tolist() == pytest.approx([1, 1, 1], abs=1e-6)
    assert p.positions(2, "length").norm(dim=0).tolist() == pytest.approx([1, 1, 1], abs=1e-6)
    assert where[:5, 2].tolist() == pytest.approx([0, 0.25, 0.5, 0.75, 1]), "five sources"


@pytest.mark.parametrize("tanh", [False, True])
def test_interactions(e: ModuleType, p: ModuleType, tanh: bool) -> None:
    one, other = e.start(3, 7, 0, False).double(), e.start(3, 7, 1, False).double()
    where = p.positions(3)
    attacked = p.apply(one, where, other, tanh)
    assert torch.allclose(attacked, p.respond(one, rows_of(p, other), tanh).T)
    child = p.melt(one, other, torch.Generator().manual_seed(0))
    assert ((child == one) | (child == other)).all()
    assert ((child == one).sum(0) == len(one) // 2).all()
    moved = p.noise(one, 0.1, torch.Generator().manual_seed(0)) - one
    assert 0.05 < moved.abs().max() <= 0.1
    assert (moved < 0).any()
    assert (moved > 0).any()


# ------------------------------------------------------------------------------------------------
# Exactness: the closed form is the derivative


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("filler", [False, True])
def test_the_gradient_is_that_of_automatic_differentiation(
    e: ModuleType, p: ModuleType, full: bool, filler: bool
) -> None:
    weights = e.start(4, 6, 0, False).double().requires_grad_()
    goals = torch.tensor([0.0, 0.4, -0.1, 0.2] if filler else [1.0, 0, 0, 0]).double()
    goals = goals[:, None].expand(4, 6)
    where = p.positions(4)
    seen = weights if full else weights.detach()
    target = goals[0] * seen + torch.tensordot(where, goals[1:], dims=1)
    error = p.respond(weights, rows_of(p, seen)).T - target
    (expected,) = torch.autograd.grad(error.square().mean(0).sum(), weights)

    weights = weights.detach()
    replication = e.Replication(goals, where)
    v, gradient = p.five_vector(weights), torch.zeros_like(weights)
    signal = torch.cat([replication.signal(weights, v), torch.zeros_like(v[:1])])
    e.push_back(weights, signal, gradient)
    if full:
        gradient += replication.own_gradient(weights, v)
    assert torch.allclose(gradient, expected, atol=1e-12)


def test_tanh_path_agrees_with_the_closed_form_where_tanh_is_linear(
    e: ModuleType, p: ModuleType
) -> None:
    """With tiny weights tanh is the identity, so both ways of training must take the same step."""
    config = e.Config(hidden=3, depth=3, width=2, organisms=(e.Organism(alpha=2.0),), momentum=0.0)
    widths = [4, 2, 2, 3]
    images, labels = torch.rand(1, 8, 4), torch.randint(3, (1, 8))
    ends = []
    for tanh in (False, True):
        config.tanh = tanh
        batch = e.make_batch(config, [0], widths)
        batch.weights *= 1e-2
        before = batch.weights.clone()
        batch.step(images, labels)
        ends.append(batch.weights - before)
    assert ends[0].abs().max() > 0
    assert torch.allclose(ends[0], ends[1], rtol=1e-2, atol=1e-9)


def test_ours_is_the_plain_form(modules: dict[str, ModuleType]) -> None:
    """Ten steps of one module and one optimiser per particle, in float64, against ours."""
    speed, e = modules["self_replication_speed"], modules["experiment"]
    speed.WIDTHS[:] = [6, 3, 3, 4]
    count = len(modules["particles"].edges(speed.WIDTHS))
    weights = e.start(5, count, 0, False).double()
    images, labels = torch.rand(40, 6).double(), torch.randint(4, (40,))
    plain, ours = speed.PlainOrganism(weights), speed.OurOrganism(weights)
    for _ in range(10):
        for organism in (plain, ours):
            organism.replicate()
            organism.learn(images, labels)
    there = torch.stack([particle.flat() for particle in plain.particles], dim=1)
    assert (there - weights).abs().max() > 1e-3
    assert (there - ours.weights[:, 0, 0]).abs().max() < 1e-10


@pytest.mark.parametrize("way", ["loop", "vmap", "autograd", "sparse"])
def test_every_way_of_the_benchmark_takes_the_same_steps(
    modules: dict[str, ModuleType], way: str
) -> None:
    """Else the table would compare different work."""
    speed, e = modules["self_replication_speed"], modules["experiment"]
    weights = e.start(2, 5, 0, False).double()
    ours = speed.OurOrganism(weights)
    step = speed.WAYS[way](weights.clone())
    for _ in range(3):
        ours.replicate()
        step()
    parts = dict(zip(step.__code__.co_freevars, (c.cell_contents for c in step.__closure__),
                     strict=True))  # fmt: skip
    if way == "loop":
        end = torch.stack([module.flat() for module in parts["modules"]], dim=1)
    elif way == "vmap":
        end = parts["state"]["weights"].T
    elif way == "autograd":
        end = parts["flat"].detach().T
    else:
        end = torch.cat([value.detach().view(5, -1) for value in parts["values"]], dim=1).T
    assert torch.allclose(end, ours.weights[:, 0, 0], atol=1e-12)


# ------------------------------------------------------------------------------------------------
# The experiment and its scorer


def test_organisms_do_not_touch_each_other(e: ModuleType) -> None:
    """One that diverges leaves the others as they are, and seeds are trained as if alone."""
    images, labels = torch.rand(2, 30, 4), torch.randint(3, (2, 30))
    widths = [4, 2, 2, 3]

    def end(organisms: tuple[object, ...], seeds: list[int], which: slice) -> torch.Tensor:
        batch = e.make_batch(e.Config(hidden=3, organisms=organisms), seeds, widths)
        for _ in range(20):
            batch.step(images[which], labels[which])
        return batch.weights

    both = end((e.Organism(), e.Organism(alpha=1e6)), [0, 1], slice(0, 2))
    assert not both[:, :, 1].isfinite().all()
    alone = end((e.Organism(),), [1], slice(1, 2))
    assert torch.allclose(both[:, 1, 0], alone[:, 0, 0], atol=1e-6)


def test_alpha_zero_is_really_off(e: ModuleType, p: ModuleType) -> None:
    config = e.Config(hidden=3, organisms=(e.Organism(alpha=0.0),))
    batch = e.make_batch(config, [0], [4, 2, 2, 3])
    before = batch.weights.clone()
    batch.step(torch.zeros(1, 5, 4), torch.zeros(1, 5, dtype=torch.long))
    assert torch.equal(batch.weights, before), "black images ask nothing, and neither does α = 0"


def test_the_control_task_is_as_large_and_starts_from_the_same_weights(
    e: ModuleType, p: ModuleType
) -> None:
    config = e.Config(organisms=(e.Organism(), e.Organism(filler=True)), hidden=4)
    batch = e.make_batch(config, [3], [6, 3, 3, 2])
    assert torch.equal(batch.weights[:, 0, 0], batch.weights[:, 0, 1])
    goals = batch.replication.goals[:, 0, 1].double()
    target = torch.tensordot(p.positions(4), goals[1:], dims=1)
    size = batch.weights[:, 0, 1].double().square().mean(0)
    assert (goals[0] == 0).all()
    assert torch.allclose(target.square().mean(0), size, rtol=1e-4)


def test_ablations_remove_as_many(p: ModuleType) -> None:
    widths = [4, 3, 3, 2]
    where = p.edges(widths)
    found = torch.full((len(where),), p.OTHER)
    found[[0, 1, 4, 13]] = p.REPLICATOR
    masks = p.ablations(found, torch.rand(len(where)), where, torch.tensor([0.0, 0, 1, 2]))
    assert masks["class self-replicator"].sum() == 4
    assert (masks["random"].sum(1) == 4).all()
    assert len(masks["random"]) == 20
    for name in ("random, same layers", "smallest, same layers"):
        assert (masks[name][:, :12].sum(1) == 3).all(), name
        assert (masks[name][:, 12:21].sum(1) == 1).all(), name
    assert masks["constant pixels"].sum() == 2 * 3
    assert not masks["pixels that vary least"][0, 12:].any()


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of `experiment.py --smoke`, run as The AI Scientist runs it."""
    return sweeps.smoke(TEMPLATE, tmp_path_factory.mktemp("self replication"), "--seeds", "0,1")


def test_smoke_leaves_finite_metrics(smoke: Path) -> None:
    info = json.loads((smoke / "final_info.json").read_text())["digits-smoke"]
    assert all(math.isfinite(value) for value in info["means"].values())
    scorer = load_scorer(TEMPLATE / "score.py")
    assert scorer.metrics.keys() <= info["means"].keys()
    assert info["means"]["embedding_error"] < 1e-5
    assert info["means"]["compression"] == 112


def test_the_score_comes_from_the_weights(smoke: Path) -> None:
    scorer = load_scorer(TEMPLATE / "score.py")
    truth = scorer.load_truth("digits", True)
    with np.load(smoke / "outcome_seed_0.npz", allow_pickle=False) as archive:
        outcome = {name: archive[name] for name in archive.files}
    whole = scorer.evaluate(outcome, truth, 0)
    info = json.loads((smoke / "final_info.json").read_text())["digits-smoke"]
    assert whole["test_accuracy"] == info["final_info_dict"]["test_accuracy"][0]
    dead = outcome | {"particles": np.zeros_like(outcome["particles"])}
    metrics = scorer.evaluate(dead, truth, 0)
    assert metrics["all_zero"] == 552
    assert metrics["self_replicators"] == 0, "the dead are not counted as copies"
    diverged = outcome | {"particles": np.full_like(outcome["particles"], np.nan)}
    assert scorer.evaluate(diverged, truth, 0)["test_accuracy"] == 0
    with pytest.raises(kit.KitError, match="shape"):
        scorer.evaluate(outcome | {"particles": outcome["particles"][:, 1:]}, truth, 0)


def test_larger_images_are_reduced(modules: dict[str, ModuleType]) -> None:
    data = modules["score"].load_data("mini", smoke=True)
    assert data.name == "FashionMNIST-mini-smoke-15x15"
    assert data.train_images.shape[1:] == (15, 15)
    assert data.train_images.dtype == torch.uint8
    truth = modules["score"].load_truth("mini", smoke=True)
    assert truth.name == data.name
    assert truth.test_images.shape == (len(truth.test_labels), 225)
