"""What the living layers promise, each promise a test, and the template on them."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bonsai import kit
from bonsai.kit.scoring import load_scorer
from tests import sweeps

TEMPLATE = Path(__file__).resolve().parents[2] / "templates" / "cell_division"
BENCHMARKS = TEMPLATE.parents[1] / "benchmarks"
OWN = ("networks", "measures", "streams", "units", "peers", "records", "score", "experiment",
       "sweep", "cell_division_speed")  # fmt: skip
QUICK = settings(max_examples=25, deadline=None)


@pytest.fixture(scope="module", autouse=True)
def modules() -> Iterator[dict[str, ModuleType]]:
    """The template's files as modules, importable as where they run; nothing stays behind."""
    threads, written = torch.get_num_threads(), sys.dont_write_bytecode
    sys.path[:0] = [str(TEMPLATE), str(BENCHMARKS)]
    sys.dont_write_bytecode = True
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    try:
        yield {name: __import__(name) for name in OWN}
    finally:
        torch.set_default_dtype(torch.float32)
        del sys.path[:2]
        sys.dont_write_bytecode = written
        torch.set_num_threads(threads)
        for name in OWN:
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def e(modules: dict[str, ModuleType]) -> ModuleType:
    return modules["experiment"]


@pytest.fixture(scope="module")
def data(modules: dict[str, ModuleType]) -> kit.Images:
    return modules["score"].load_data("digits", smoke=True)


def living(
    method: object, seed: int = 0, width: int = 6, depth: int = 2, channels: int = 0, seeds: int = 2
) -> tuple[object, object, torch.Tensor]:
    """A population trained for a while, its networks, and inputs (N, B, D)."""
    e, peers, networks = (sys.modules[name] for name in ("experiment", "peers", "networks"))
    generator = torch.Generator().manual_seed(seed)
    net = networks.Networks(range(seed, seed + seeds), 1, 16, [width] * depth, 3, channels=channels)
    for bias in net.biases:
        bias.detach().normal_(std=0.3, generator=generator)
    adam = peers.optimiser(net.parameters, 1e-2)
    population = e.LivingLayers(net, (method,), adam, 0.9)
    x = torch.rand(seeds, 12, 16, generator=generator)
    for _ in range(3):
        step(population, x)
    return population, net, x


def step(population: object, x: torch.Tensor) -> None:
    """One step of learning to be constant, without life."""
    outputs, before, after = population.networks.forward(x)
    wanted = [*population.networks.parameters, *before, outputs]
    gradients = torch.autograd.grad((outputs - 1).square().mean((1, 2)).sum(), wanted)
    own = gradients[: len(population.networks.parameters)]
    for parameter, gradient in zip(population.networks.parameters, own, strict=True):
        parameter.grad = gradient.contiguous()
    population.adam.step()
    population.observe(x, after, gradients[len(own) :])


def outputs(net: object, x: torch.Tensor) -> torch.Tensor:
    return net.forward(x)[0].detach()


def vacate(population: object, layer: int, slot: int) -> tuple[torch.Tensor, torch.Tensor]:
    """All rows, and an empty slot in each."""
    who = torch.arange(len(population.networks.chance))
    place = torch.full_like(who, slot)
    population.units[layer].alive[who, place] = 0
    population.networks.outgoing(layer)[who, :, place] = 0
    return who, place


# ------------------------------------------------------------------------------------------------
# What was learned stays undisturbed


@QUICK
@given(
    seed=st.integers(0, 10_000), layer=st.integers(0, 2), channels=st.sampled_from([0, 3]),
    width=st.integers(2, 9), split=st.floats(0, 1), uneven=st.booleans(), noise=st.floats(0, 3),
)  # fmt: skip
def test_division_leaves_the_output_as_it_was(
    seed: int, layer: int, channels: int, width: int, split: float, uneven: bool, noise: float
) -> None:
    """Without mutation for any split of what the mother says; with it, for a silent daughter."""
    e = sys.modules["experiment"]
    for exact in (
        e.Method("m", noise=0.0, split=split, uneven=uneven),
        e.Method("m", noise=noise, split=0.0),
    ):
        population, net, x = living(exact, seed, width, 3, channels)
        who, slot = vacate(population, layer, 1)
        before = outputs(net, x)
        population.divide(layer, who, torch.zeros_like(slot), slot, exact)
        population.units[layer].alive[who, slot] = 1
        assert (outputs(net, x) - before).abs().max() < 1e-6
        assert population.units[layer].generation[who, slot].tolist() == [1, 1]


@QUICK
@given(seed=st.integers(0, 10_000), layer=st.integers(0, 2), channels=st.sampled_from([0, 3]),
       gradmax=st.booleans())  # fmt: skip
def test_a_newborn_disturbs_nothing(seed: int, layer: int, channels: int, gradmax: bool) -> None:
    e = sys.modules["experiment"]
    method = e.Method("m", division=0.0, gradmax=gradmax and not channels)
    population, net, x = living(method, seed, 5, 3, channels)
    who, slot = vacate(population, layer, 2)
    before = outputs(net, x)
    mother = population.bear(layer, who, slot, method)
    assert mother.tolist() == [-1, -1]
    assert (outputs(net, x) - before).abs().max() < 1e-6


@QUICK
@given(seed=st.integers(0, 10_000), layer=st.integers(0, 1), constant=st.floats(0, 3))
def test_the_death_of_a_unit_that_never_varies_disturbs_nothing(
    seed: int, layer: int, constant: float
) -> None:
    """A dormant unit is the case of a constant 0; its bias takes the place of the others."""
    e = sys.modules["experiment"]
    method = e.Method("m")
    population, net, x = living(method, seed)
    who = torch.arange(2)
    slot = torch.zeros_like(who)
    net.incoming(layer)[who, slot] = 0
    net.biases[layer].detach()[who, 0, slot] = constant
    for _ in range(3):
        population.observe(x, net.forward(x)[2], [])
    population.units[layer].activity[who, slot] = constant * (1 - 0.9**population.now)
    before = outputs(net, x)
    population.bury(layer, who, slot, method)
    assert (outputs(net, x) - before).abs().max() < 1e-6


@QUICK
@given(seed=st.integers(0, 10_000), compensate=st.booleans())
def test_any_other_death_leaves_the_mean_input_of_the_next_layer(
    seed: int, compensate: bool
) -> None:
    e = sys.modules["experiment"]
    method = e.Method("m", compensate=compensate)
    population, net, x = living(method, seed)
    who, slot = torch.arange(2), torch.zeros(2, dtype=torch.long)
    _, before, after = net.forward(x)
    population.units[0].activity[:] = after[0].detach().mean(1) * (1 - 0.9**population.now)
    population.bury(0, who, slot, method)
    change = (net.forward(x)[1][1].mean(1) - before[1].mean(1)).abs().max()
    said = after[0][..., 0].mean() > 1e-9
    assert change < 1e-9 if compensate or not said else change > 1e-12


# ------------------------------------------------------------------------------------------------
# The questions that the original asks


def test_inputs_and_weights_stay_aligned() -> None:
    """A slot's dendrites are one row, its axon one column, of tensors whose shape never changes."""
    for channels in (0, 3):
        population, net, _ = living(sys.modules["experiment"].Method("m"), channels=channels)
        for layer in range(len(net.slots)):
            net.incoming(layer)[0, 1] = 7.0
            assert (net.weights[layer][0, 1] == 7.0).all()
            net.outgoing(layer)[0, :, 1] = 5.0
            assert (net.weights[layer + 1].detach() == 5.0).sum() == net.outgoing(layer)[
                0, :, 1
            ].numel()
        shapes = [weight.shape for weight in net.weights]
        population.bury(0, torch.tensor([0]), torch.tensor([1]), population.methods[0])
        assert [weight.shape for weight in net.weights] == shapes


def test_dendrites_of_the_next_layer_follow_a_birth_and_a_death() -> None:
    """Whoever listens to a dead unit hears nothing of it; a daughter is heard from her split on."""
    e = sys.modules["experiment"]
    method = e.Method("m", split=0.5, noise=0.0)
    population, net, _ = living(method)
    who, slot = torch.tensor([0]), torch.tensor([3])
    population.bury(0, who, slot, method)
    assert (net.outgoing(0)[0, :, 3] == 0).all()
    said = net.outgoing(0)[0, :, 0].clone()
    population.divide(0, who, torch.tensor([0]), slot, method)
    assert torch.allclose(net.outgoing(0)[0, :, 3], said / 2)
    assert torch.allclose(net.outgoing(0)[0, :, 0], said / 2)
    assert torch.equal(net.incoming(0)[0, 3], net.incoming(0)[0, 0])


def test_division_costs_half_of_the_mothers_energy() -> None:
    e = sys.modules["experiment"]
    population, _, _ = living(e.Method("m"))
    units = population.units[0]
    units.energy[:] = 3.0
    who, slot = vacate(population, 0, 1)
    population.divide(0, who, torch.zeros_like(slot), slot, e.Method("m"))
    assert units.energy[:, :3].tolist() == [[1.5, 1.5, 3.0]] * 2


def test_twins_part_only_if_something_tells_them_apart() -> None:
    e = sys.modules["experiment"]
    apart = {}
    for name, method in {
        "neither": e.Method("m", noise=0.0, split=0.5),
        "uneven": e.Method("m", noise=0.0, split=0.5, uneven=True),
        "noise": e.Method("m", noise=0.1, split=0.5),
    }.items():
        population, net, x = living(method)
        who, slot = vacate(population, 0, 1)
        population.divide(0, who, torch.zeros_like(slot), slot, method)
        population.units[0].alive[who, slot] = 1
        net.biases[0].detach()[:, :, :2] += 1.0  # both are active
        population.adam = sys.modules["peers"].optimiser(net.parameters, 1e-2, sgd=True)
        before = net.incoming(0)[:, 0] - net.incoming(0)[:, 1]
        for _ in range(5):
            step(population, x)
        apart[name] = float((net.incoming(0)[:, 0] - net.incoming(0)[:, 1] - before).abs().max())
    assert apart["neither"] < 1e-12
    assert apart["uneven"] > 1e-6
    assert apart["noise"] > 1e-6


@QUICK
@given(seed=st.integers(0, 10_000), noise=st.floats(0.1, 3))
def test_mutation_keeps_the_norm_or_lets_it_run_away(seed: int, noise: float) -> None:
    """The naive form multiplies the norm by about sqrt(1 + noise²) with each division."""
    e = sys.modules["experiment"]
    grown = []
    for keep in (True, False):
        method = e.Method("m", noise=noise, keep_norm=keep)
        population, net, _ = living(method, seed, seeds=40)
        who, slot = vacate(population, 0, 1)
        population.divide(0, who, torch.zeros_like(slot), slot, method)
        ratio = net.incoming(0)[:, 1].norm(dim=1) / net.incoming(0)[:, 0].norm(dim=1)
        grown.append(ratio.square().mean().sqrt())
    assert grown[0] == pytest.approx(1.0, abs=1e-9)
    assert grown[1] == pytest.approx(math.sqrt(1 + noise**2), rel=0.25)


# ------------------------------------------------------------------------------------------------
# Who dies and who divides


def lives(
    method: object, steps: int, width: int = 20, seeds: int = 2
) -> tuple[object, torch.Tensor]:
    """A population after `steps` of life, and how many units lived after each."""
    population, _, x = living(method, width=width, seeds=seeds)
    counts = []
    for _ in range(steps):
        step(population, x)
        population.tick()
        counts.append(torch.stack([units.alive.sum(1) for units in population.units]))
    return population, torch.stack(counts)


@pytest.mark.parametrize("dies", ["utility", "random", "age", "dormant"])
@pytest.mark.parametrize("division", [0.0, 0.5, 1.0])
def test_the_population_never_dies_out(dies: str, division: float) -> None:
    """The original's layer was empty after a hundred calls; here every death makes a birth."""
    e = sys.modules["experiment"]
    population, counts = lives(e.Method("m", dies, 1e-2, 10, division=division, dormant=1.0), 300)
    assert (counts == 20).all()
    assert torch.equal(population.births, population.deaths)
    assert (population.deaths > 0).all()


@pytest.mark.parametrize("dies", ["utility", "random", "age"])
def test_turnover_is_the_rate_that_was_asked_for(dies: str) -> None:
    e = sys.modules["experiment"]
    population, _ = lives(e.Method("m", dies, 5e-3, 20), 1000)
    expected = 5e-3 * 2 * 20 * 1000
    assert population.deaths.mean().item() == pytest.approx(expected, rel=0.15)


def test_the_least_useful_die_and_the_young_are_spared() -> None:
    e = sys.modules["experiment"]
    population, net, _ = living(e.Method("m", "utility", maturity=2))
    who = torch.arange(2)
    population.owed[0] = 1
    net.outgoing(0)[:, :, 4] = 0
    dying, slot = population.doomed(0, who, population.methods[0])
    assert dying.tolist() == [0, 1]
    assert (net.outgoing(0)[who, :, slot] == 0).all() or (
        population.activity(0, who)[who, slot] == 0
    ).all()
    population.owed[0] = 1
    population.units[0].born[:, :] = population.now
    assert not len(population.doomed(0, who, population.methods[0])[0])


@pytest.mark.parametrize("parent", ["best", "proportional", "random", "novel"])
def test_mothers_are_alive_and_other_units(parent: str) -> None:
    e = sys.modules["experiment"]
    method = e.Method("m", parent=parent, maturity=0)
    population, net, _ = living(method)
    who, slot = vacate(population, 0, 1)
    found = population.parent(0, who, slot, method)
    assert (population.units[0].alive[who, found] == 1).all()
    if parent == "best":
        assert torch.equal(found, (population.utility(0, who)).argmax(1))
    if parent == "novel":
        net.incoming(0)[:] = 1.0
        net.incoming(0)[:, 4] = -1.0
        assert population.parent(0, who, slot, method).tolist() == [4, 4]


def test_energy_feeds_as_many_as_the_budget_allows() -> None:
    """At the budget all energy together stays as it is; below it, the layer shrinks."""
    e = sys.modules["experiment"]
    population, _, _ = living(e.Method("m", "energy", 1e-2, 1))
    units = population.units[0]
    population.feed(0, torch.arange(2), population.methods[0])
    assert torch.allclose(units.energy.sum(1), torch.tensor([6.0, 6.0]))
    _, fewer = lives(e.Method("m", "energy", 1e-2, 20, budget=0.4), 600)
    assert (fewer[-1] < 18).all()
    assert (fewer[-1] >= 1).all()
    _, again = lives(e.Method("m", "energy", 1e-2, 20, budget=1.0, units=0.3), 600)
    assert (again[-1].sum(0) > again[0].sum(0)).all(), "a hungry layer with free slots grows"


def test_planned_growth_fills_the_slots_and_stops() -> None:
    e = sys.modules["experiment"]
    method = e.Method("m", units=0.5, growth=1e-2, split=0.5, noise=0.0, uneven=True, maturity=5)
    population, counts = lives(method, 120)
    assert (counts[0] == 10).all()
    assert (counts[-1] == 20).all()
    assert (population.deaths == 0).all()
    assert (population.births == 20).all()


def test_empty_slots_are_silent_and_are_not_trained() -> None:
    e = sys.modules["experiment"]
    population, net, x = living(e.Method("m", units=0.5))
    population.adam = sys.modules["peers"].optimiser(net.parameters, 1e-2)  # no history
    before, kept = outputs(net, x), net.weights[0][:, 3:].detach().clone()
    net.incoming(0)[:, 3:] += 1.0
    assert torch.equal(outputs(net, x), before)
    net.incoming(0)[:, 3:] -= 1.0
    step(population, x)
    assert torch.allclose(net.weights[0][:, 3:], kept)


def test_gradmax_looks_where_the_outgoing_gradient_is_largest() -> None:
    e = sys.modules["experiment"]
    method = e.Method("m", division=0.0, gradmax=True)
    population, net, _ = living(method, width=8)
    who, slot = vacate(population, 1, 2)
    population.newborn(1, who, slot, method)
    wanted = population.signals[2].mT @ population.seen[1]
    look = torch.nn.functional.normalize(net.incoming(1)[who, slot], dim=1)
    reached = (wanted @ look[:, :, None]).norm(dim=(1, 2))
    others = torch.nn.functional.normalize(torch.randn(2, 500, 8), dim=2)
    assert (reached[:, None] >= (wanted @ others.mT).norm(dim=1) - 1e-9).all()


def test_adam_forgets_the_dead_and_sgd_has_nothing_to_forget() -> None:
    e = sys.modules["experiment"]
    for reset in (True, False):
        method = e.Method("m", reset_moments=reset)
        population, net, _ = living(method)
        first = population.adam.state[net.weights[0]]["exp_avg"]
        second = population.adam.state[net.weights[0]]["exp_avg_sq"]
        first[:], mean = 1.0, second[0].mean()
        population.bury(0, torch.tensor([0]), torch.tensor([2]), method)
        assert (first[0, 2] == 0).all() == reset
        assert (first[1] == 1).all()
        assert (first[0, 0] == 1).all()
        assert not reset or torch.allclose(second[0, 2], mean.expand(16))
    population.adam = sys.modules["peers"].optimiser(net.parameters, 0.1, sgd=True)
    population.forget(0, torch.tensor([0]), torch.tensor([2]))


# ------------------------------------------------------------------------------------------------
# Ordinary remedies


def remedied(*remedies: object) -> tuple[object, object, torch.Tensor]:
    net = sys.modules["networks"].Networks([5], len(remedies), 16, [6, 6], 3)
    all_of = sys.modules["peers"].Remedies(net, remedies, 1)
    net.before_relu = all_of.before_relu
    return net, all_of, torch.rand(1, 9, 16).repeat(len(remedies), 1, 1)


def test_remedies_touch_their_own_rows_alone(modules: dict[str, ModuleType]) -> None:
    peers = modules["peers"]
    net, all_of, _ = remedied(
        peers.Remedy(), peers.Remedy(l2=0.1), peers.Remedy(l2_init=0.1),
        peers.Remedy(shrink=0.5, perturb=0.1), peers.Remedy(reset=True),
    )  # fmt: skip
    for parameter in net.parameters:
        parameter.detach().add_(1.0)
    zero = [torch.zeros_like(parameter) for parameter in net.parameters]
    all_of.penalise(zero)
    assert (zero[0][0] == 0).all()
    assert torch.allclose(zero[0][1], 0.1 * net.weights[0][1])
    assert torch.allclose(zero[0][2], torch.full_like(zero[0][2], 0.1))
    before = [weight.detach().clone() for weight in net.weights]
    all_of.shrink_and_perturb()
    all_of.new_task(peers.optimiser(net.parameters, 0.1))
    for now, then in zip(net.weights, before, strict=True):
        assert torch.equal(now[:3], then[:3])
        assert (now[3] - 0.5 * then[3]).abs().max() <= 0.1 * max(net.bounds)
        assert now[4].abs().max() <= max(net.bounds)
    assert (net.biases[0][4] == 0).all()


def test_layer_norm_and_crelu(modules: dict[str, ModuleType]) -> None:
    peers = modules["peers"]
    net, _, x = remedied(peers.Remedy(), peers.Remedy(layer_norm=True), peers.Remedy(crelu=True))
    z = torch.baddbmm(net.biases[0], x, net.weights[0].mT)
    h = net.forward(x)[2][0]
    assert torch.allclose(h[0], z[0].relu())
    assert torch.allclose(h[1], torch.nn.functional.layer_norm(z[1], (6,)).relu())
    assert torch.allclose(h[2], torch.cat([z[2, :, :3].relu(), (-z[2, :, :3]).relu()], dim=1))


def test_convolution_is_that_of_torch(modules: dict[str, ModuleType]) -> None:
    net = modules["networks"].Networks([0, 1], 1, 16, [5], 3, channels=4)
    x = torch.rand(2, 7, 16)
    for n in range(2):
        kernel = net.weights[0][n].view(4, 1, 3, 3)
        maps = torch.conv2d(x[n].view(7, 1, 4, 4), kernel, net.biases[0][n, 0], padding=1)
        h = torch.nn.functional.max_pool2d(maps, 2).relu().flatten(1)
        h = (h @ net.weights[1][n].T + net.biases[1][n]).relu()
        expected = h @ net.weights[2][n].T + net.biases[2][n]
        assert torch.allclose(net.forward(x)[0][n], expected)


# ------------------------------------------------------------------------------------------------
# The trouble is there


def test_plain_backpropagation_loses_its_plasticity(
    e: ModuleType, modules: dict[str, ModuleType], data: kit.Images
) -> None:
    """Sixty short tasks and a high learning rate: only a fresh network learns the last."""
    streams, remedy = modules["streams"], modules["peers"].Remedy(reset=True)
    stream = replace(streams.make("permuted", data), tasks=60)
    methods = (e.Method("backprop"), e.Method("reset", remedy=remedy))
    record = e.learn(
        e.Course("permuted", 1e-2), stream, e.Config(methods=methods, width=32), data, [0, 1, 2]
    )
    right = np.array([
        [(mine == stream.targets(seed, task)).mean()
         for task, mine in enumerate(record.online(s)[m])]
        for m in range(2) for s, seed in enumerate([0, 1, 2])
    ]).reshape(2, 3, 60)  # fmt: skip
    early, late = right[..., :6].mean(2), right[..., -6:].mean(2)
    assert (early[0] > 0.3).all()
    assert (late[0] < 0.6 * early[0]).all()
    assert (late[1] > late[0] + 0.1).all()
    dormant = [record.values(s)["health_permuted"][0, :, 0] for s in range(3)]
    assert all(shares[-1] > shares[0] for shares in dormant)


# ------------------------------------------------------------------------------------------------
# One batch is as good as one after another


def short(e: ModuleType, **changes: object) -> object:
    few = e.Config().methods
    few = [replace(m, turnover=5e-3, maturity=10, period=min(m.period, 20)) for m in few]
    courses = (e.Course("permuted", 3e-3),)
    return e.Config(methods=tuple(few), courses=courses, width=10, depth=2, window=16, **changes)


def test_seeds_and_methods_do_not_touch_each_other(
    e: ModuleType, modules: dict[str, ModuleType], data: kit.Images
) -> None:
    """All methods and seeds in one batch, against each alone, in float64, life and all."""
    config = short(e)
    stream = replace(modules["streams"].make("permuted", data), tasks=2)
    together = e.learn(config.courses[0], stream, config, data, [0, 3]).living
    assert together.births.sum() > 50
    count = len(config.methods)
    for m in range(count):
        alone_config = replace(config, methods=(config.methods[m],))
        alone = e.learn(config.courses[0], stream, alone_config, data, [3]).living
        for one, all_of in zip(alone.networks.weights, together.networks.weights, strict=True):
            assert (one[0] - all_of[2 * m + 1]).abs().max() < 1e-9, config.methods[m].name
        assert alone.births[0] == together.births[2 * m + 1]


@pytest.mark.parametrize("name", ["gradual", "incremental", "regression", "labels", "turnover"])
def test_every_stream_can_be_learned(
    e: ModuleType, modules: dict[str, ModuleType], data: kit.Images, name: str
) -> None:
    config = short(e)
    course = e.Course(name, 0.05, sgd=True)
    stream = modules["streams"].make(name, data)
    record = e.learn(course, stream, config, data, [0])
    curves = kit.Curves()
    record.draw(0, curves)
    series = curves.as_dict()[f"{name} backprop"]["values"]
    assert len(series) == stream.tasks
    assert all(math.isfinite(value) for value in series)


def test_channels_live_as_well(
    e: ModuleType, modules: dict[str, ModuleType], data: kit.Images
) -> None:
    config = short(e, channels=4)
    stream = replace(modules["streams"].make("permuted", data), tasks=2)
    population = e.learn(config.courses[0], stream, config, data, [0]).living
    assert {event[2] for event in population.events} == {0, 1, 2}


# ------------------------------------------------------------------------------------------------
# Streams, measures, scores


def test_streams_follow_from_the_seed(modules: dict[str, ModuleType], data: kit.Images) -> None:
    streams = modules["streams"]
    for name in streams.TASKS:
        stream, again = (streams.make(name, data) for _ in range(2))
        for task in (0, 2):
            x, y = stream.batches(4, task)
            assert np.array_equal(y, again.targets(4, task)), "score.py draws the same"
            assert x.shape == (stream.steps, streams.BATCH, stream.inputs)
            assert x.dtype == np.float32
        assert not np.array_equal(stream.batches(5, 2)[0], x)


def test_what_changes_from_task_to_task(modules: dict[str, ModuleType], data: kit.Images) -> None:
    streams = modules["streams"]
    permuted, gradual = streams.make("permuted", data), streams.make("gradual", data)
    x, y = permuted.batches(0, 1)
    assert np.array_equal(np.sort(x, axis=2), np.sort(permuted.images[permuted._order(0, 1)], 2))
    mixed, same = gradual.batches(0, 1)
    assert np.array_equal(y, same)
    assert np.array_equal(mixed[-1], x[-1]), "faded over to the new order"
    assert np.allclose(mixed[0], gradual.transform(0, 0, gradual.images[gradual._order(0, 1)])[0])

    labels = streams.make("labels", data)
    seen = [{tuple(row) for row in labels.batches(0, task)[0].reshape(-1, 64)} for task in (0, 1)]
    assert seen[0] == seen[1]
    assert not np.array_equal(labels.targets(0, 0), labels.targets(0, 1))

    incremental = replace(streams.make("incremental", data), tasks=6)
    kinds = [len(set(incremental.targets(0, task).ravel())) for task in range(6)]
    assert kinds == [2, 4, 6, 8, 10, 2]

    regression = streams.make("regression", data)
    bits = [regression.batches(0, task)[0][..., :15] for task in range(3)]
    assert all((part == part[0, 0]).all() for part in bits)
    assert [int((a[0, 0] != b[0, 0]).sum()) for a, b in pairwise(bits)] == [1, 1]
    assert regression.targets(0, 0).std() > 0.1


def test_ranks_and_dormancy(modules: dict[str, ModuleType]) -> None:
    measures = modules["measures"]
    q = torch.linalg.qr(torch.randn(2, 30, 5)).Q
    effective, stable = measures.ranks(q)
    assert torch.allclose(effective, torch.full((2,), 5.0, dtype=torch.float32), atol=1e-3)
    assert torch.allclose(stable, torch.full((2,), 5.0, dtype=torch.float32), atol=1e-3)
    assert measures.ranks(torch.full((1, 4, 3), math.nan))[0] == 0
    h = torch.ones(1, 8, 4)
    h[..., 0], h[..., 1] = 0, 0.01
    alive = torch.ones(1, 4)
    assert measures.dormant_share([h], [alive]).item() == pytest.approx(50)
    alive[0, 0] = 0
    assert measures.dormant_share([h], [alive]).item() == pytest.approx(100 / 3, abs=1e-4)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of `experiment.py --smoke` with one seed, run as The AI Scientist runs it."""
    return sweeps.smoke(TEMPLATE, tmp_path_factory.mktemp("cell division"), "--seeds", "7")


def test_smoke_leaves_finite_metrics_and_goes_through_lives(smoke: Path) -> None:
    info = json.loads((smoke / "final_info.json").read_text())["digits-smoke"]
    assert all(math.isfinite(value) for value in info["means"].values())
    scorer = load_scorer(TEMPLATE / "score.py")
    assert scorer.metrics.keys() <= info["means"].keys()
    assert info["means"]["births"] > 0
    assert info["means"]["tasks"] == 4


def test_the_score_comes_from_the_predictions(smoke: Path) -> None:
    scorer = load_scorer(TEMPLATE / "score.py")
    truth = scorer.load_truth("digits", True)
    with np.load(smoke / "outcome_seed_7.npz", allow_pickle=False) as archive:
        outcome = {name: archive[name] for name in archive.files}
    info = json.loads((smoke / "final_info.json").read_text())["digits-smoke"]
    whole = scorer.evaluate(outcome, truth, 7)
    assert whole["test_accuracy"] == info["final_info_dict"]["test_accuracy"][0]
    perfect = np.broadcast_to(truth.test_labels, outcome["test_permuted"].shape)
    assert scorer.evaluate(outcome | {"test_permuted": perfect}, truth, 7)["test_accuracy"] == 100
    stream = sys.modules["streams"].make("permuted", truth.data)
    told = np.stack([stream.targets(7, task) for task in range(4)])
    told = np.broadcast_to(told, outcome["online_permuted"].shape)
    assert scorer.evaluate(outcome | {"online_permuted": told}, truth, 7)["online_permuted"] == 100
    with pytest.raises(kit.KitError, match="shape"):
        scorer.evaluate(outcome | {"test_permuted": perfect[:, :, 1:]}, truth, 7)


def test_nobody_gains_by_stopping_early(smoke: Path) -> None:
    scorer = load_scorer(TEMPLATE / "score.py")
    truth = scorer.load_truth("digits", True)
    with np.load(smoke / "outcome_seed_7.npz", allow_pickle=False) as archive:
        outcome = {name: archive[name] for name in archive.files}
    fewer = outcome | {"online_permuted": outcome["online_permuted"][:3]}
    fewer |= {"ends_permuted": outcome["ends_permuted"][:, [0, 1]]}
    found = scorer.evaluate(fewer, truth, 7)
    assert found["test_accuracy"] == found["val_accuracy"] == 0


def test_larger_images_are_pooled(modules: dict[str, ModuleType]) -> None:
    score = modules["score"]
    found = score.load_data("mini", smoke=True)
    assert found.name == "FashionMNIST-mini-14x14-smoke"
    assert found.train_images.shape[1:] == (14, 14)
    truth = score.load_truth(found.name)
    assert truth.name == found.name
    assert modules["streams"].standard_tasks("permuted", found.name) == 4


def test_the_sweep_names_what_it_tries(modules: dict[str, ModuleType], e: ModuleType) -> None:
    sweep = modules["sweep"]
    every = sweep.settings()
    assert {method.name for method in e.Config().methods} <= every.keys()
    for methods in every.values():
        told = [sweep.described(method) for method in methods]
        assert len(set(told)) == len(told)


def test_ours_is_the_plain_form(modules: dict[str, ModuleType]) -> None:
    """One object per neuron, as the original had it, takes the same steps."""
    speed = modules["cell_division_speed"]
    assert speed.difference(widths=(16, 5, 4, 3), steps=5) < 1e-10
