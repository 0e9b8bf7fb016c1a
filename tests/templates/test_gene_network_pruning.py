"""Gene-network pruning: the faults of the published rule, the gene rule, peers, data and scores."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.io import wavfile

from bonsai import kit
from bonsai.kit.scoring import load_scorer
from tests import sweeps

TEMPLATE = Path(__file__).resolve().parents[2] / "templates" / "gene_network_pruning"
OWN = ("faces", "real_data", "networks", "masks", "peers", "records", "regressors", "emotions",
       "score", "experiment")  # fmt: skip


@pytest.fixture(scope="module")
def modules() -> Iterator[dict[str, ModuleType]]:
    """The template's files as modules, importable as where they run; nothing stays behind."""
    threads, written = torch.get_num_threads(), sys.dont_write_bytecode
    sys.path.insert(0, str(TEMPLATE))
    sys.dont_write_bytecode = True
    torch.set_num_threads(1)
    try:
        yield {name: __import__(name) for name in OWN}
    finally:
        del sys.path[0]
        sys.dont_write_bytecode = written
        torch.set_num_threads(threads)
        for name in OWN:
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def e(modules: dict[str, ModuleType]) -> ModuleType:
    return modules["experiment"]


@pytest.fixture(scope="module")
def n(modules: dict[str, ModuleType]) -> ModuleType:
    return modules["networks"]


@pytest.fixture(scope="module")
def masks(modules: dict[str, ModuleType]) -> ModuleType:
    return modules["masks"]


@pytest.fixture(scope="module")
def task() -> tuple[torch.Tensor, torch.Tensor]:
    """Separable inputs (240, 20) of three classes, in double precision."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(240) % 3
    centres = 2 * torch.randn(3, 20, generator=generator).double()
    return centres[labels] + torch.randn(240, 20, generator=generator).double(), labels


SMALL = {"hidden": (12, 8), "epochs": 8, "batch_size": 24, "probe": 48, "fake_start": 2,
         "classes": 3}  # fmt: skip


def fit(e: ModuleType, task: tuple[torch.Tensor, torch.Tensor], seeds: list[int], *names: str,
        levels: tuple[float, ...] = (0.5, 0.8), **changes: object) -> object:  # fmt: skip
    config = e.Config(**{**SMALL, **changes})
    rules = {name: e.rules_of(config)[name](levels) for name in names}
    labels = task[1].expand(len(seeds), -1)
    trained = e.fit(config, rules, task[0], labels, seeds)
    trained.rules = rules
    return trained


# ------------------------------------------------------------------------------------------------
# The published rule: each fault


def test_fault_1_the_time_term_changes_nothing(
    e: ModuleType, task: tuple[torch.Tensor, torch.Tensor]
) -> None:
    """It is the same for all weights of a layer, so it shifts their scores and their threshold."""
    trained = fit(e, task, [0, 1], "fake", "fake_no_time")
    for weight, mask in zip(trained.nets.weights, trained.nets.masks, strict=True):
        assert torch.equal(mask[:, 0], mask[:, 1])
        assert torch.equal(weight[:, 0], weight[:, 1])
    assert min(mask.mean() for mask in trained.nets.masks) < 1, "something was pruned"
    assert e.Config().fake_time > 0


@pytest.mark.parametrize(
    ("shape", "expected"), [("normal", 0.728), ("uniform", 0.644), ("laplace", 0.777)]
)
def test_fault_2_the_shape_of_the_weights_sets_the_sparsity(
    e: ModuleType, shape: str, expected: float
) -> None:
    rng = np.random.default_rng(0)
    draw = {"normal": rng.normal, "uniform": lambda size: rng.uniform(-1, 1, size),
            "laplace": lambda size: rng.laplace(size=size)}[shape]  # fmt: skip
    for scale in (0.01, 1.0, 7.0):
        weights = torch.from_numpy(scale * draw(size=(1, 1, 300, 400))).abs()
        rule = e.Fake(e.Config())
        pruned = (weights < rule.threshold(weights, torch.ones_like(weights))).double().mean()
        assert pruned == pytest.approx(expected, abs=0.01), "whatever the scale, never a half"


def test_fault_3_the_median_of_the_survivors_halves_the_net_every_epoch(e: ModuleType) -> None:
    scores, rule = torch.rand(1, 1, 64, 64, dtype=torch.float64), e.Fake(e.Config(), to_median=True)
    mask = torch.ones_like(scores)
    for epoch in range(1, 9):
        mask *= scores >= rule.threshold(scores, mask)
        assert mask.sum() == pytest.approx(64 * 64 / 2**epoch, abs=1)


def test_fault_4_masked_weights_stand_still_and_links_that_come_back_go_again(
    e: ModuleType, task: tuple[torch.Tensor, torch.Tensor]
) -> None:
    trained = fit(e, task, [0, 1, 2], "fake", epochs=20, fake_links=20)
    log = trained.rules["fake"].log
    motion = torch.stack([entry["silent motion"] for entry in log[2:]])
    again = torch.stack([entry["rewired, pruned again"] for entry in log[1:]])
    assert motion.mean() < 0.35, "moved by Adam's momentum alone, or for an epoch of rewiring"
    assert again.mean() > 0.6


def test_a_masked_weight_has_no_gradient(n: ModuleType) -> None:
    nets = n.Networks.start([6, 5, 3], [0], 1)
    nets.masks[0][..., 2:] = 0
    _, gradients = n.differentiate(nets, torch.rand(1, 9, 6), torch.randint(3, (1, 9)))
    assert gradients[0][..., 2:].abs().max() > 0, "the dense gradient that RigL asks for"
    weights = [weight.clone().requires_grad_() for weight in nets.weights]
    masked = [weight * mask for weight, mask in zip(weights, nets.masks, strict=True)]
    logits = n.forward(masked, nets.biases, torch.rand(1, 9, 6))[-1]
    n.cross_entropy(logits, torch.randint(3, (1, 9))).sum().backward()
    assert (weights[0].grad[..., 2:] == 0).all(), "what the published code sees"


def test_fault_5_rewiring_prefers_the_average_and_hardly_prefers_anything(e: ModuleType) -> None:
    rule = e.Fake(e.Config(fake_links=2000))
    rule.streams = [torch.Generator().manual_seed(0)]
    wide = 30 * torch.rand(1, 1, 100, 100)  # scores spread far beyond sigma
    chosen = rule.rewire(wide, torch.zeros_like(wide), 1.0) > 0
    distance = (wide - wide.mean()).abs()
    assert chosen.sum() == 2000
    assert distance[chosen].mean() < distance[~chosen].mean() / 2
    assert wide[chosen].mean() < wide.quantile(0.6) and wide[chosen].max() < wide.max() - 1
    narrow = wide / 300  # as trained weights are: near chance
    chosen = rule.rewire(narrow, torch.zeros_like(narrow), 1.0) > 0
    distance = (narrow - narrow.mean()).abs()
    assert distance[chosen].mean() == pytest.approx(float(distance[~chosen].mean()), rel=0.1)


def test_fault_6_the_published_rule_has_no_genes(e: ModuleType) -> None:
    assert not {"mrna", "protein"} & set(vars(e.Fake(e.Config())))


def test_the_published_rule_waits_and_then_acts_once_per_epoch(
    e: ModuleType, task: tuple[torch.Tensor, torch.Tensor]
) -> None:
    churn = fit(e, task, [0], "fake").churn[:, 0, 0]
    assert (churn[: 2 * SMALL["fake_start"] + 1] == 0).all()
    assert (churn[2 * SMALL["fake_start"] + 1 :: 2] > 0).all()
    assert (churn[2 * SMALL["fake_start"] + 2 :: 2] == 0).all()


# ------------------------------------------------------------------------------------------------
# The gene rule


def a_state(e: ModuleType, genes: int = 6) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(3)
    activated = torch.rand(1, 1, genes, generator=generator).double()
    relation = torch.rand(1, 1, genes, genes, generator=generator).double()
    relation.diagonal(dim1=-2, dim2=-1).zero_()
    start = torch.full((1, 1, genes), 0.5).double()
    return start, start.clone(), activated, relation


def test_the_dynamics_are_those_of_the_equations(e: ModuleType) -> None:
    config = e.Config(gene_step=0.001)
    mrna, protein, activated, relation = a_state(e)
    a, c = activated[0, 0].numpy(), relation[0, 0].numpy()

    def slope(_: float, state: np.ndarray) -> np.ndarray:
        m, p = state[:6], state[6:]
        x = c @ p
        made = a * (1 - config.repression * x / (1 + x))
        return np.concatenate([made - config.mrna_decay * m,
                               config.translation * m - config.protein_decay * p])  # fmt: skip

    true = solve_ivp(slope, (0, 2), np.full(12, 0.5), rtol=1e-9, atol=1e-9).y[:, -1]
    for _ in range(2000):
        mrna, protein = e.step_genes(mrna, protein, activated, relation, config)
    found = torch.cat([mrna[0, 0], protein[0, 0]]).numpy()
    assert np.abs(found - true).max() < 2e-3


@settings(max_examples=40, deadline=None)
@given(
    step=st.floats(0.01, 1000.0), decay=st.floats(0.05, 5.0), other=st.floats(0.05, 5.0),
    repression=st.floats(0.0, 1.0),
)  # fmt: skip
def test_the_scheme_is_stable_for_every_step(
    e: ModuleType, step: float, decay: float, other: float, repression: float
) -> None:
    config = e.Config(gene_step=step, mrna_decay=decay, protein_decay=other, repression=repression)
    mrna, protein, activated, relation = a_state(e)
    for _ in range(50):
        mrna, protein = e.step_genes(mrna, protein, activated, relation, config)
        assert (mrna >= 0).all() and (mrna <= max(0.5, 1 / decay) + 1e-9).all()
        highest = max(0.5, config.translation * max(0.5, 1 / decay) / other)
        assert (protein >= 0).all() and (protein <= highest + 1e-9).all()


def test_redundant_units_repress_one_another(e: ModuleType) -> None:
    rule = e.Genes((0.5,), e.Config())
    signal = torch.randn(3, 50).double()
    activation = torch.stack([signal[0], signal[0], signal[1], -signal[2], signal[2]])[None, None]
    relation = rule.relation(activation, torch.arange(5)[None])
    assert relation[0, 0, 0, 1] == pytest.approx(1.0)
    assert relation[0, 0, 3, 4] == 0, "opposites are not redundant"
    assert (relation.diagonal(dim1=-2, dim2=-1) == 0).all()
    flat = torch.full((1, 1, 5), 0.5).double()
    _, protein = flat, flat
    config = e.Config(repression=0.9)
    mrna = flat
    for _ in range(60):
        mrna, protein = e.step_genes(mrna, protein, torch.ones_like(flat), relation, config)
    assert protein[0, 0, :2].max() < 0.8 * protein[0, 0, 2:].min()


def test_shuffled_partners_have_the_same_statistics(e: ModuleType) -> None:
    activation = torch.randn(1, 1, 9, 40).double()
    order = torch.randperm(9, generator=torch.Generator().manual_seed(1))[None]
    right = e.Genes((0.5,), e.Config()).relation(activation, order)
    wrong = e.Genes((0.5,), e.Config(), shuffled=True).relation(activation, order)
    assert not torch.equal(right, wrong)
    assert torch.allclose(right.flatten().sort().values, wrong.flatten().sort().values)
    assert torch.allclose(right.sum(-1).sort().values, wrong.sum(-1).sort().values)
    assert (wrong.diagonal(dim1=-2, dim2=-1) == 0).all()


def test_without_repression_partners_do_not_matter(
    e: ModuleType, task: tuple[torch.Tensor, torch.Tensor]
) -> None:
    trained = fit(e, task, [0], "genes", "genes_shuffled", levels=(0.8,), repression=0.0)
    for mask in trained.nets.masks:
        assert torch.equal(mask[:, 0], mask[:, 1])


def test_hysteresis_calms_the_mask(e: ModuleType, task: tuple[torch.Tensor, torch.Tensor]) -> None:
    churns = [
        fit(e, task, [0, 1, 2], "genes", levels=(0.8,), hysteresis=h).churn.mean() for h in (1, 4)
    ]
    assert churns[1] < churns[0]


def test_static_proteins_stay(e: ModuleType, task: tuple[torch.Tensor, torch.Tensor]) -> None:
    history = fit(e, task, [0], "genes_static", levels=(0.8,)).rules["genes_static"].history
    assert all(torch.equal(history[0], later) for later in history)


def test_rewiring_keeps_the_count(e: ModuleType, task: tuple[torch.Tensor, torch.Tensor]) -> None:
    plain = fit(e, task, [0], "genes", levels=(0.8,))
    trained = fit(e, task, [0], "genes", levels=(0.8,), rewiring=0.3)
    pairs = list(zip(plain.nets.masks, trained.nets.masks, strict=True))
    assert [one.sum() for one, _ in pairs] == [other.sum() for _, other in pairs]
    assert any(not torch.equal(one, other) for one, other in pairs)
    assert trained.churn.sum() > plain.churn.sum()


# ------------------------------------------------------------------------------------------------
# Peers, budgets and masks


@settings(max_examples=60, deadline=None)
@given(
    widths=st.lists(st.integers(2, 40), min_size=3, max_size=5), sparsity=st.floats(0.0, 0.97)
)  # fmt: skip
def test_a_budget_is_spent_to_the_last_synapse(
    n: ModuleType, masks: ModuleType, widths: list[int], sparsity: float
) -> None:
    weights = n.Networks.start(widths, [0], 1).weights
    counts, sizes = masks.budgets(weights, sparsity), [weight[0, 0].numel() for weight in weights]
    assert sum(counts) == round((1 - sparsity) * sum(sizes))
    assert all(0 <= count <= size for count, size in zip(counts, sizes, strict=True))


@settings(max_examples=40, deadline=None)
@given(count=st.integers(0, 30), ties=st.booleans(), seed=st.integers(0, 99))
def test_top_keeps_exactly_so_many(masks: ModuleType, count: int, ties: bool, seed: int) -> None:
    scores = torch.rand(2, 5, 6, generator=torch.Generator().manual_seed(seed))
    scores = (3 * scores).round() if ties else scores
    mask = masks.top(scores, count)
    assert (mask.sum((1, 2)) == count).all()
    kept = torch.where(mask > 0, scores, torch.inf).amin((1, 2))
    left = torch.where(mask > 0, -torch.inf, scores).amax((1, 2))
    assert (kept >= left).all()


EQUAL = ("genes", "genes_shuffled", "genes_unregulated", "genes_static", "gradual", "rigl", "set",
         "snip", "random")  # fmt: skip


def test_every_rule_reaches_the_sparsity_that_it_was_asked_for(
    e: ModuleType, masks: ModuleType, task: tuple[torch.Tensor, torch.Tensor]
) -> None:
    trained = fit(e, task, [0, 1], *EQUAL, "small_dense", "dense")
    assert trained.names[:2] == ["genes@0.5", "genes@0.8"]
    for column, name in enumerate(trained.names):
        sparsity = float(name.split("@")[1])
        kept = [mask[:, column].sum((-2, -1)) for mask in trained.nets.masks]
        budget = masks.budgets(trained.nets.weights, sparsity)
        if name.startswith("small_dense"):
            assert (sum(kept) <= sum(budget)).all(), name
        else:
            assert all((one == count).all() for one, count in zip(kept, budget, strict=True)), name


def test_set_and_rigl_grow_from_zero_and_where_they_should(n: ModuleType, modules: dict) -> None:
    nets = n.Networks.start([10, 8, 3], [0], 1)
    rule = modules["peers"].RigL((0.5,))
    rule.begin(nets, [0], torch.rand(1, 9, 10), torch.randint(3, (1, 9)))
    before = [mask.clone() for mask in nets.masks]
    nets.gradients = [torch.rand_like(weight) for weight in nets.weights]
    nets.momenta = [(torch.ones_like(w), torch.ones_like(w)) for w in nets.weights]
    rule.update(nets, torch.rand(1, 9, 10), 0.1)
    new = (nets.masks[0] > 0) & (before[0] == 0)
    assert new.any()
    assert (nets.weights[0][new] == 0).all()
    assert (nets.momenta[0][0][new] == 0).all()
    never = (nets.masks[0] == 0) & (before[0] == 0)
    assert nets.gradients[0][new].min() >= nets.gradients[0][never].max()


def test_a_lottery_ticket_is_the_early_weights_under_the_final_mask(
    e: ModuleType, modules: dict[str, ModuleType], task: tuple[torch.Tensor, torch.Tensor]
) -> None:
    dense = fit(e, task, [0, 1], "dense")
    ticket = modules["peers"].LotteryTicket((0.5, 0.8), dense.early, dense.nets)
    nets = modules["networks"].Networks.start([20, 12, 8, 3], [0, 1], 2).to(task[0])
    ticket.begin(nets, [0, 1], task[0][None], task[1][None])
    assert torch.equal(nets.weights[0][:, 1], dense.early.weights[0][:, 0])
    for sizes, mask in zip(dense.nets.weights[0][:, 0].abs(), nets.masks[0][:, 1], strict=True):
        assert sizes[mask > 0].min() >= sizes[mask == 0].max()
    assert not torch.equal(dense.early.weights[0], dense.nets.weights[0])


def test_seeds_and_rules_train_together_as_they_would_alone(
    e: ModuleType, task: tuple[torch.Tensor, torch.Tensor]
) -> None:
    """In double precision; one diverging network, even, leaves the others as they are."""
    names = (*EQUAL, "fake", "dense", "small_dense")
    together = fit(e, task, [0, 1, 2], *names)
    for name in names:
        alone = fit(e, task, [1], name)
        columns = [together.names.index(network) for network in alone.names]
        for ours, theirs in zip(together.nets.weights, alone.nets.weights, strict=True):
            assert (ours[1, columns] - theirs[0]).abs().max() < 1e-10, name
        for ours, theirs in zip(together.nets.masks, alone.nets.masks, strict=True):
            assert torch.equal(ours[1, columns], theirs[0]), name


def test_ours_is_an_ordinary_torch_network(
    e: ModuleType, n: ModuleType, task: tuple[torch.Tensor, torch.Tensor]
) -> None:
    """The dense one against nn.Sequential and torch.optim.Adam, step by step, in double."""
    config = e.Config(**SMALL)
    trained = fit(e, task, [5], "dense")
    start = n.Networks.start([20, 12, 8, 3], [5], 1).to(task[0])
    linear = [torch.nn.Linear(*shape).double() for shape in ((20, 12), (12, 8), (8, 3))]
    for layer, weight, bias in zip(linear, start.weights, start.biases, strict=True):
        layer.weight.data, layer.bias.data = weight[0, 0].clone(), bias[0, 0, :, 0].clone()
    relu = torch.nn.ReLU()
    model = torch.nn.Sequential(linear[0], relu, linear[1], relu, linear[2])
    adam = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    stream = n.generator(5, 3)
    torch.randperm(240, generator=stream)  # the probe inputs
    for _ in range(config.epochs):
        order = torch.randperm(240, generator=stream)
        for rows in order.split(config.batch_size):
            adam.zero_grad()
            torch.nn.functional.cross_entropy(model(task[0][rows]), task[1][rows]).backward()
            adam.step()
    for layer, weight in zip(linear, trained.nets.weights, strict=True):
        assert (layer.weight.data - weight[0, 0]).abs().max() < 1e-10


# ------------------------------------------------------------------------------------------------
# Data


def test_faces_are_the_same_every_time_and_balanced(modules: dict[str, ModuleType]) -> None:
    faces = modules["faces"]
    one, other = faces.draw(70, 5), faces.draw(70, 5)
    assert one.images.shape == (210, 24, 24) and one.images.dtype == np.uint8
    assert (one.images == other.images).all() and (one.labels == other.labels).all()
    for condition in range(3):
        assert (np.bincount(one.labels[one.conditions == condition], minlength=7) == 10).all()
    assert np.abs(one.valence).max() <= 1.2
    assert (one.images != faces.draw(70, 6).images).any()


def test_a_display_rule_damps_its_half_of_the_face(modules: dict[str, ModuleType]) -> None:
    faces = modules["faces"]
    calm = faces.Difficulty(jitter=0.0, blend=0.0, noise=0.0)
    rng = np.random.default_rng(0)
    labels = np.full(300, faces.CLASSES.index("surprise"))
    conditions = np.repeat([0, 1, 2], 100)
    shown = faces.express(labels, conditions, np.ones(300), calm, rng)
    upper, lower = np.abs(shown[:, :5]).sum(1), np.abs(shown[:, 5:]).sum(1)
    assert upper[:100].max() < upper[200:].min() < upper[100:200].min()
    assert lower[:100].min() > np.median(lower[200:]) > np.median(lower[100:200])


def test_train_is_not_shown_what_test_faces_feel(modules: dict[str, ModuleType]) -> None:
    scorer = load_scorer(TEMPLATE / "score.py")
    data, truth = scorer.load_data("mini", True), scorer.load_truth("faces-mini-smoke", False)
    assert data.name == truth.name == "faces-mini-smoke"
    seen = [field for field in vars(data) if field.startswith("test")]
    assert seen == ["test_inputs", "test_conditions"]
    assert torch.equal(data.test_inputs, truth.test.inputs)
    assert len(truth.test.labels) == len(data.test_inputs)


def fer_csv(folder: Path, header: str, order: str) -> None:
    rng = np.random.default_rng(0)
    lines = [header]
    for index, usage in enumerate(["Training"] * 8 + ["PublicTest"] * 4 + ["PrivateTest"] * 4):
        pixels = " ".join(map(str, rng.integers(256, size=48 * 48)))
        lines.append(order.format(emotion=index % 7, usage=usage, pixels=pixels))
    name = "fer2013.csv" if header.startswith("emotion,p") else "icml_face_data.csv"
    folder.mkdir(parents=True)
    (folder / name).write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("header", "order"),
    [
        ("emotion,pixels,Usage", "{emotion},{pixels},{usage}"),
        ("emotion, Usage, pixels", "{emotion}, {usage}, {pixels}"),
    ],
)
def test_fer2013_in_both_published_forms(
    modules: dict[str, ModuleType], tmp_path: Path, header: str, order: str
) -> None:
    fer_csv(tmp_path / "fer2013", header, order)
    parts, conditions = modules["real_data"].read("fer2013", tmp_path / "fer2013")
    assert {part: len(rows[1]) for part, rows in parts.items()} == {"train": 8, "val": 4, "test": 4}
    features, labels, _ = parts["train"]
    assert features.shape == (8, 576) and 0 < features.mean() < 1
    assert labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 0]
    assert conditions == ("all",)


def test_a_real_set_arrives_standardised_and_its_truth_stays_apart(
    modules: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fer_csv(tmp_path / "fer2013", "emotion,pixels,Usage", "{emotion},{pixels},{usage}")
    monkeypatch.setenv("BONSAI_DATA", str(tmp_path))
    scorer = load_scorer(TEMPLATE / "score.py")
    data, truth = scorer.load_data("fer2013", True), scorer.load_truth("fer2013", True)
    assert data.train.inputs.mean().abs() < 1e-5
    assert data.class_valence[data.train.labels].equal(data.train.valence)
    assert len(truth.test.labels) == 4


def test_ravdess(modules: dict[str, ModuleType], tmp_path: Path) -> None:
    """Emotion and voice are in the file's name; song and video are left out."""
    rng = np.random.default_rng(0)
    for actor in (1, 2, 17, 24):
        folder = tmp_path / f"Actor_{actor:02d}"
        folder.mkdir()
        for code in (1, 2, 5, 8):
            sound = (3000 * rng.standard_normal(24_000)).astype(np.int16)
            name = f"03-01-{code:02d}-01-01-01-{actor:02d}.wav"
            wavfile.write(folder / name, 48_000, sound)
        wavfile.write(folder / f"03-02-05-01-01-01-{actor:02d}.wav", 48_000, sound)
    parts, conditions = modules["real_data"].read("ravdess", tmp_path)
    features, labels, groups = parts["train"]
    assert features.shape == (8, 576) and np.isfinite(features).all()
    assert labels.tolist() == [6, 6, 0, 5] * 2
    assert [conditions[group] for group in groups] == ["male voice"] * 4 + ["female voice"] * 4
    assert len(parts["val"][1]) == len(parts["test"][1]) == 4


def test_a_tone_is_loud_in_its_mel_band(modules: dict[str, ModuleType]) -> None:
    time = np.arange(32_000) / 16_000
    low, high = (
        modules["real_data"].log_mel(np.sin(2 * np.pi * hertz * time).astype(np.float32), 16_000)
        for hertz in (300, 4000)
    )
    bands = [int(features[:64].argmax()) for features in (low, high)]
    centre = 2595 * np.log10(1 + np.array([300, 4000]) / 700) / (2595 * np.log10(1 + 8000 / 700))
    assert np.abs(np.array(bands) - (centre * 65 - 1)).max() <= 1


def test_goemotions(modules: dict[str, ModuleType], tmp_path: Path) -> None:
    rows = [("my \"quote\" of joy", "17", "a1"), ("so angry", "2,3", "a2"), ("hm", "27", "a3"),
            ("mixed", "2,17", "a4"), ("what", "26", "a5")]  # fmt: skip
    for name in ("train", "dev", "test"):
        text = "".join("\t".join(row) + "\n" for row in rows)
        (tmp_path / f"{name}.tsv").write_text(text)
    parts, _ = modules["real_data"].read("goemotions", tmp_path)
    features, labels, _ = parts["val"]
    assert labels.tolist() == [3, 0, 6, 5], "anger and annoyance are one emotion, mixed ones go"
    assert features.shape == (4, 1024)
    assert np.allclose(np.linalg.norm(features, axis=1), 1)
    assert len(modules["real_data"].GOEMOTIONS) == 28


BRIGHTER_ROWS = [
    {"id": "x_0", "text": "good", "anger": 0, "fear": 0, "joy": 1, "sadness": 0, "surprise": 0},
    {"id": "x_1", "text": "both", "anger": 1, "fear": 1, "joy": 0, "sadness": 0, "surprise": 0},
    {"id": "x_2", "text": "none", "anger": 0, "fear": 0, "joy": 0, "sadness": 0, "surprise": 0},
    {"id": "x_3", "text": "oh", "anger": 0, "fear": 0, "joy": 0, "sadness": 0, "surprise": 1},
]


def check_brighter(modules: dict[str, ModuleType], folder: Path) -> None:
    parts, conditions = modules["real_data"].read("brighter", folder)
    assert conditions == ("deu", "eng")
    _, labels, groups = parts["test"]
    assert labels.tolist() == [3, 6, 5, 3, 6, 5], "a text without any emotion is neutral"
    assert groups.tolist() == [0, 0, 0, 1, 1, 1]


def test_brighter_as_csv(modules: dict[str, ModuleType], tmp_path: Path) -> None:
    for language in ("eng", "deu"):
        (tmp_path / language).mkdir()
        for name in ("train", "dev", "test"):
            with (tmp_path / language / f"{name}.csv").open("w", newline="") as file:
                writer = csv.DictWriter(file, BRIGHTER_ROWS[0])
                writer.writeheader()
                writer.writerows(BRIGHTER_ROWS)
    check_brighter(modules, tmp_path)


def test_brighter_as_parquet(modules: dict[str, ModuleType], tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow", exc_type=ImportError)
    parquet = pytest.importorskip("pyarrow.parquet", exc_type=ImportError)
    for language in ("eng", "deu"):
        (tmp_path / language).mkdir()
        for name in ("train", "dev", "test"):
            path = tmp_path / language / f"{name}-00000-of-00001.parquet"
            parquet.write_table(arrow.Table.from_pylist(BRIGHTER_ROWS), path)
    check_brighter(modules, tmp_path)


def test_texts_come_from_the_hub_where_no_files_are(
    modules: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what `load_dataset` returns: splits of columns; GoEmotions calls dev "validation"."""
    asked = []

    def load_dataset(name: str, config: str) -> dict[str, dict[str, list[object]]]:
        asked.append((name, config))
        table = {"text": ["a", "b"], "labels": [[17], [2, 3]], "id": ["x", "y"]}
        return {"train": table, "validation": table, "test": table}

    hub = ModuleType("datasets")
    hub.load_dataset = load_dataset  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", hub)
    parts, _ = modules["real_data"].read("goemotions", tmp_path)
    assert asked[0] == ("google-research-datasets/go_emotions", "simplified")
    assert parts["val"][1].tolist() == [3, 0]


@pytest.mark.parametrize("name", ["fer2013", "ravdess"])
def test_what_is_missing_is_said(modules: dict[str, ModuleType], tmp_path: Path, name: str) -> None:
    with pytest.raises(Exception, match=f"--data {name}: put"):
        modules["real_data"].read(name, tmp_path)
    (tmp_path / "fer2013.csv").write_text("emotion,pixels,Usage\n0,1 2 3,Training\n")
    if name == "fer2013":
        with pytest.raises(Exception, match="cannot be read"):
            modules["real_data"].read(name, tmp_path)


# ------------------------------------------------------------------------------------------------
# Scores and verdicts


def test_dead_units_and_multiply_adds(modules: dict[str, ModuleType]) -> None:
    """Unit 0 lives; 1 has no input, 2 no output, and 3 leads only to a unit without output."""
    first = np.array([[1, 1], [0, 0], [1, 0], [0, 1]], dtype=bool)
    second = np.array([[1, 1, 0, 0], [0, 0, 0, 1]], dtype=bool)
    third = np.array([[1, 0]], dtype=bool)
    live = modules["score"].live_units([first, second, third])
    assert [units.tolist() for units in live] == [[True, False, False, False], [True, False]]
    found = modules["score"].anatomy([first, second, third])
    assert found["dead_units"] == 4
    assert found["multiply_adds"] == 2 + 1 + 1
    assert found["sparsity"] == pytest.approx(100 * (1 - 8 / 18))


def test_verdicts(modules: dict[str, ModuleType]) -> None:
    s = modules["score"]
    noise = np.array([-0.2, -0.1, 0.0, 0.1, 0.2])
    assert s.equivalent(noise, 1.0) == "supported"
    assert s.equivalent(noise + 3, 1.0) == "refuted"
    assert s.equivalent(10 * noise, 1.0) == "undecided"
    assert s.at_least(noise + 84, 92) == "refuted"
    assert s.at_least(noise + 93, 92) == "supported"
    assert s.improves(noise) == "undecided"
    assert s.improves(noise + 1) == "supported"
    assert s.improves(noise - 1) == "refuted"
    assert s.equivalent([0.0], 1.0) == s.at_least([99.0], 92) == s.improves([5.0]) == "undecided"
    row = s.claims({"fake_accuracy": [80.0]})[0]
    assert (row.low, row.high, row.verdict) == (None, None, "undecided")


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), margin=st.floats(0.2, 3.0), shift=st.floats(-2, 2))
def test_equivalence_is_two_one_sided_tests(
    modules: dict[str, ModuleType], seed: int, margin: float, shift: float
) -> None:
    from scipy import stats

    values = shift + np.random.default_rng(seed).standard_normal(8)
    below = stats.ttest_1samp(values, -margin, alternative="greater").pvalue
    above = stats.ttest_1samp(values, margin, alternative="less").pvalue
    assert (modules["score"].equivalent(values, margin) == "supported") == (
        max(below, above) < 0.05
    )


def test_f1_and_r2(modules: dict[str, ModuleType]) -> None:
    from sklearn import metrics

    rng = np.random.default_rng(0)
    labels, found = rng.integers(7, size=(2, 500))
    s = modules["score"]
    expected = 100 * metrics.f1_score(labels, found, average="macro")
    assert s.macro_f1(found, labels, 7) == pytest.approx(expected)
    true, predicted = rng.standard_normal((2, 50))
    assert s.r2(predicted, true) == pytest.approx(metrics.r2_score(true, predicted))


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of `experiment.py --smoke` with one seed, in another folder."""
    options = ("--data", "mini", "--seeds", "3")
    return sweeps.smoke(TEMPLATE, tmp_path_factory.mktemp("genes here"), *options)


def test_smoke_leaves_finite_metrics_even_with_one_seed(smoke: Path) -> None:
    info = json.loads((smoke / "final_info.json").read_text())["faces-mini-smoke"]
    assert all(math.isfinite(value) for value in info["means"].values())
    scorer = load_scorer(TEMPLATE / "score.py")
    assert scorer.metrics.keys() <= info["means"].keys()
    assert info["means"]["time_term_changes"] == 0
    assert info["means"]["sparsity"] == pytest.approx(90, abs=0.01)


def test_the_score_comes_from_the_predictions(smoke: Path) -> None:
    scorer = load_scorer(TEMPLATE / "score.py")
    truth = scorer.load_truth("mini", True)
    with np.load(smoke / "outcome_seed_3.npz", allow_pickle=False) as archive:
        outcome = {name: archive[name] for name in archive.files}
    info = json.loads((smoke / "final_info.json").read_text())["faces-mini-smoke"]
    found = scorer.evaluate(outcome, truth, 3)
    assert found["test_accuracy"] == info["final_info_dict"]["test_accuracy"][0]
    perfect = outcome | {"test genes@0.9": truth.test.labels.numpy()}
    assert scorer.evaluate(perfect, truth, 3)["test_accuracy"] == 100
    with pytest.raises(kit.KitError, match="shape"):
        scorer.evaluate(outcome | {"test genes@0.9": np.zeros(3)}, truth, 3)


def test_more_networks_may_be_added(smoke: Path) -> None:
    scorer = load_scorer(TEMPLATE / "score.py")
    truth = scorer.load_truth("mini", True)
    with np.load(smoke / "outcome_seed_3.npz", allow_pickle=False) as archive:
        outcome = {name: archive[name] for name in archive.files}
    more = outcome | {"test mine@0.9": outcome["test genes@0.9"], "my_number": np.float64(4.5)}
    found = scorer.evaluate(more, truth, 3)
    assert found["my_number"] == 4.5
    assert found["mine_accuracy"] == found["test_accuracy"]


def test_config_can_be_changed_alone(e: ModuleType) -> None:
    assert replace(e.Config(), focus=0.5).focus in e.Config().sparsities
