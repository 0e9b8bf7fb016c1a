"""What the template fine_pruning promises: its scores, its users, its peers, its real savings."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import wavfile

from bonsai import kit
from bonsai.kit.data import SCORED_BY_RUNNER, publish
from bonsai.kit.vision import torchvision

TEMPLATE = Path(__file__).resolve().parents[2] / "templates" / "fine_pruning"
OWN = (
    "users",
    "sources",
    "networks",
    "base_networks",
    "peers",
    "compact",
    "protocol",
    "score",
    "experiment",
)


def _modules() -> dict[str, ModuleType]:
    """The template's files as modules, importable as where they run; nothing stays behind."""
    written = sys.dont_write_bytecode
    sys.path.insert(0, str(TEMPLATE))
    sys.dont_write_bytecode = True
    try:
        return {name: __import__(name) for name in OWN}
    finally:
        sys.path.remove(str(TEMPLATE))
        sys.dont_write_bytecode = written
        for name in OWN:
            sys.modules.pop(name, None)


M = _modules()
E, N, B, U, P, C, S = (M[name] for name in ("experiment", "networks", "base_networks", "users",
                                            "peers", "compact", "score"))  # fmt: skip
USERS, IMAGES = 4, 12


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(params=["cnn", "mlp"])
def model(request: pytest.FixtureRequest) -> torch.nn.Module:
    """A small random network in double precision, its normalisations not trivial."""
    return network(request.param)


def network(kind: str) -> torch.nn.Module:
    torch.manual_seed(3)
    widths = [4, 6, 8, 10] if kind == "cnn" else [12, 8]
    made = B.small_network(kind, (1, 12, 12), 5, widths).double().eval().requires_grad_(False)
    for _, norm in N.norms(made):
        for tensor in (norm.weight, norm.running_var):
            tensor.uniform_(0.5, 1.5)
        for tensor in (norm.bias, norm.running_mean):
            tensor.normal_(0, 0.3)
    return made


@pytest.fixture
def images() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(USERS, IMAGES, 1, 12, 12, generator=generator).double()


@pytest.fixture(scope="module")
def people() -> Any:
    return S.load_data("mini", True)


# ------------------------------------------------------------------------------------------------
# Scores and masks


@given(
    rows=st.integers(1, 4),
    columns=st.integers(1, 40),
    sparsity=st.floats(0, 1),
    ties=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_a_sparsity_is_hit_exactly_also_where_scores_tie(
    rows: int, columns: int, sparsity: float, ties: bool, seed: int
) -> None:
    values = torch.rand(rows, columns, generator=torch.Generator().manual_seed(seed))
    values = (3 * values).floor() if ties else values
    kept = E.keep_largest(values, sparsity)
    assert (kept.sum(1) == columns - round(sparsity * columns)).all()
    for row, stay in zip(values, kept, strict=True):
        if stay.any() and not stay.all():
            assert row[stay].min() >= row[~stay].max()


@pytest.mark.parametrize("score", ["rms", "l1", "hebbian", "activity", "contribution"])
def test_scores_move_with_the_units_that_they_belong_to(score: str, images: torch.Tensor) -> None:
    net = network("mlp")
    layers = N.prunable(net)
    seen = [part.of(0) for part in N.observe(net, layers, images, pairs=True)]
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    linear, norm, following = net[1], net[2], net[4]
    value = E.saliency(score, layers[0].matrix, seen[0], layers[1].matrix, None)
    linear.weight.copy_(linear.weight[order])
    for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
        tensor.copy_(tensor[order])
    following.weight.copy_(following.weight[:, order])
    again = [part.of(0) for part in N.observe(net, layers, images, pairs=True)]
    moved = E.saliency(score, layers[0].matrix, again[0], layers[1].matrix, None)
    assert torch.allclose(moved, value[order])


@pytest.mark.parametrize("score", ["rms", "rms_rows", "l1", "hebbian"])
def test_what_a_user_never_feeds_is_pruned_first(score: str, images: torch.Tensor) -> None:
    net = network("mlp")
    images[:, :, :, 0] = 0  # the first row of pixels is dark: twelve inputs of 144
    layers = N.prunable(net, output=False)[:1]
    seen = [part.of(0) for part in N.observe(net, layers, images, pairs=True)]
    config = E.Config(least_share=0)
    (copy,) = E.prune(score, net, layers, seen, images[0], config, [12 / 144], None)
    gone = copy[layers[0].key] == 0
    value = E.saliency(score, layers[0].matrix, seen[0], None, None)
    assert gone.sum() == 12 * 12
    assert (value[gone] == 0).all()
    assert (value[:, :12] == 0).all()
    if score != "hebbian":  # to which silent units are worth nothing either
        assert gone[:, :12].all()


def test_rms_is_the_root_of_the_mean_square_of_what_a_weight_is_multiplied_with(
    images: torch.Tensor,
) -> None:
    net = network("cnn")
    layers = N.prunable(net)
    seen = N.observe(net, layers, images)
    padded = torch.nn.functional.pad(images[1], (1, 1, 1, 1))
    top_left = padded[:, 0, 0:-2:2, 0:-2:2]  # what the first weight of each filter meets
    assert torch.allclose(seen[0].square[1, 0], top_left.square().mean())
    assert torch.allclose(seen[0].absolute[1, 0], top_left.abs().mean())


def test_one_batched_pass_sees_what_single_users_see(
    model: torch.nn.Module, images: torch.Tensor
) -> None:
    layers = N.prunable(model)
    together = N.observe(model, layers, images, pairs=True)
    for user in range(USERS):
        alone = N.observe(model, layers, images[user : user + 1], pairs=True)
        for batched, single in zip(together, alone, strict=True):
            for name in ("square", "absolute", "activity", "coactivity", "gram"):
                assert torch.allclose(
                    getattr(batched, name)[user], getattr(single, name)[0], atol=1e-13, rtol=1e-12
                )


def test_large_images_are_observed_in_parts_with_the_same_result(
    monkeypatch: pytest.MonkeyPatch, images: torch.Tensor
) -> None:
    net = network("cnn")
    layers = N.prunable(net)
    whole = N.observe(net, layers, images, pairs=True)
    monkeypatch.setattr(N, "SMALL_IMAGES", 0)
    parts = N.observe(net, layers, images, pairs=True)  # ten images, then two
    for one, other in zip(whole, parts, strict=True):
        assert torch.allclose(one.gram, other.gram)
        assert torch.allclose(one.coactivity, other.coactivity)


def test_rows_lose_equally_many_and_small_layers_none(
    model: torch.nn.Module, images: torch.Tensor
) -> None:
    layers = N.prunable(model, output=False)
    seen = [part.of(0) for part in N.observe(model, layers, images)]
    (copy,) = E.prune("rms_rows", model, layers, seen, images[0], E.Config(), [0.5], None)
    for layer in layers:
        if layer.key in copy:
            per_row = (copy[layer.key].flatten(1) == 0).sum(1)
            assert (per_row == round(0.5 * layer.matrix.shape[1])).all()
    (copy,) = E.prune("rms", model, layers, seen, images[0], E.Config(least_share=0.3), [0.5], None)
    total = sum(layer.matrix.numel() for layer in layers)
    assert set(copy) == {layer.key for layer in layers if layer.matrix.numel() >= 0.3 * total}


def test_iterative_pruning_hits_its_targets_and_never_regrows(images: torch.Tensor) -> None:
    net = network("cnn")
    layers = N.prunable(net, output=False)
    config = E.Config(least_share=0)
    copies = E.prune_iteratively(net, layers, images[0], config, (0.3, 0.75))
    for layer in layers:
        few, many = (copy[layer.key] == 0 for copy in copies)
        assert int(few.sum()) == round(0.3 * few.numel())
        assert int(many.sum()) == round(0.75 * many.numel())
        assert (few & ~many).sum() == 0


# ------------------------------------------------------------------------------------------------
# Whole units, and what pruning saves


@pytest.mark.parametrize("sparsity", [0.3, 0.7])
def test_silenced_units_and_removed_units_answer_alike(
    model: torch.nn.Module, images: torch.Tensor, sparsity: float
) -> None:
    layers = N.prunable(model, output=False)
    seen = N.observe(model, layers, images)
    kept = E.unit_masks(layers, [part.activity[0] for part in seen], sparsity)
    silent = N.logits(model, E.silence_units(layers, kept), images[0])
    smaller = C.removed_units(model, kept)
    assert torch.allclose(silent, smaller(images[0]), atol=1e-12)
    assert [len(layer.matrix) for layer in N.prunable(smaller)[:-1]] == [int(k.sum()) for k in kept]
    copy = E.silence_units(layers, kept)
    left = sum(layer.matrix.numel() for layer in N.prunable(smaller, output=False))
    assert sum(int(copy[layer.key].count_nonzero()) for layer in layers) == left


def test_unit_sparsity_is_as_near_as_whole_units_allow() -> None:
    net = B.small_network("cnn", (1, 28, 28), 10, list(B.SMALL["cnn"]))
    layers = N.prunable(net, output=False)
    total = sum(layer.matrix.numel() for layer in layers)
    for sparsity in E.Config().grid:
        values = [torch.rand(len(layer.matrix)) for layer in layers]
        copy = E.silence_units(layers, E.unit_masks(layers, values, sparsity))
        left = sum(int(copy[layer.key].count_nonzero()) for layer in layers)
        assert abs(1 - left / total - sparsity) < 0.05


def test_multiply_adds_count_places_and_skip_zeros() -> None:
    net = network("cnn")
    layers = N.prunable(net)
    image = torch.rand(1, 1, 12, 12).double()
    dense = 36 * 4 * 9 + 9 * 6 * 36 + 4 * 8 * 54 + 10 * 32 + 5 * 10
    assert N.multiply_adds(net, layers, image, {}) == dense
    silent = {layers[1].key: torch.zeros_like(layers[1].module.weight)}
    assert N.multiply_adds(net, layers, image, silent) == dense - 9 * 6 * 36


def test_zeros_compress() -> None:
    net = network("mlp")
    layers = N.prunable(net)
    sparse = {layer.key: layer.module.weight * 0 for layer in layers}
    assert C.compressed_bytes(net, sparse) < 0.1 * C.compressed_bytes(net, {})


def test_onnx_export_works_or_says_what_to_install(tmp_path: Path) -> None:
    net, image = network("cnn").float(), torch.rand(3, 1, 12, 12)
    if all(importlib.util.find_spec(name) for name in ("onnx", "onnxscript")):
        path = C.export_onnx(net, image, str(tmp_path), "net.onnx")
        assert path.stat().st_size > 0
    else:
        with pytest.raises(kit.KitError, match=r"pip install .bonsai-experiments.onnx."):
            C.export_onnx(net, image, str(tmp_path), "net.onnx")


# ------------------------------------------------------------------------------------------------
# Peers


def test_the_mask_drops_rare_predictions_and_never_all() -> None:
    answers = torch.eye(4)[torch.tensor([0] * 60 + [1] * 38 + [2] * 2)]
    term = P.class_mask(answers, 0.04)
    assert term.tolist() == [0, 0, -torch.inf, -torch.inf]
    assert torch.isfinite(P.class_mask(torch.rand(5, 4), 1.0)).any()


def test_em_finds_the_prior_of_a_calibrated_classifier() -> None:
    generator = torch.Generator().manual_seed(0)
    prior = torch.tensor([0.7, 0.3, 0.0])
    labels = torch.multinomial(prior, 4000, replacement=True, generator=generator)
    x = labels.double()[:, None] + 0.7 * torch.randn(4000, 1, generator=generator)
    answers = -((x - torch.arange(3)) ** 2) / (2 * 0.7**2)  # log-likelihoods up to a constant
    found = P.em_prior(answers).exp() / 3
    assert torch.allclose(found, prior, atol=0.04)


def test_compensation_hits_its_sparsity_and_errs_less_than_leaving_the_rest_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(6, 90, generator=generator).double()
    mixing = torch.randn(90, 90, generator=generator).double()
    inputs = torch.randn(2, 300, 90, generator=generator).double() @ mixing
    grams = inputs.transpose(1, 2) @ inputs / 300
    found = P.compensate(matrix, grams, (0.5, 0.8))
    for share, weights in zip((0.5, 0.8), found, strict=True):
        for user in range(2):
            assert int((weights[user] == 0).sum()) == round(share * 540)
            plain = matrix * (weights[user] != 0)
            error = (inputs[user] @ (weights[user] - matrix).T).square().sum()
            assert error < 0.9 * (inputs[user] @ (plain - matrix).T).square().sum()


def test_compensation_is_one_user_at_a_time() -> None:
    matrix = torch.randn(4, 70, generator=torch.Generator().manual_seed(1)).double()
    inputs = torch.randn(3, 90, 70, generator=torch.Generator().manual_seed(2)).double()
    grams = inputs.transpose(1, 2) @ inputs / 90
    together = P.compensate(matrix, grams, (0.6,))
    for user in range(3):
        alone = P.compensate(matrix, grams[user : user + 1], (0.6,))
        assert torch.allclose(together[:, user], alone[:, 0], atol=1e-12)


def test_the_taylor_score_is_the_mean_squared_gradient_times_weight(
    model: torch.nn.Module, images: torch.Tensor
) -> None:
    layers = N.prunable(model)
    labels = torch.arange(IMAGES) % 5
    values = P.taylor_with_labels(model, layers, images[0], labels)
    expected = [torch.zeros_like(value) for value in values]
    for image, label in zip(images[0], labels, strict=True):
        leaves = {layer.key: layer.module.weight.clone().requires_grad_() for layer in layers}
        loss = torch.nn.functional.cross_entropy(N.logits(model, leaves, image[None]), label[None])
        gradients = torch.autograd.grad(loss, list(leaves.values()))
        for total, layer, gradient in zip(expected, layers, gradients, strict=True):
            total += (layer.matrix * gradient.flatten(1)).square() / IMAGES
    for value, total in zip(values, expected, strict=True):
        assert torch.allclose(value, total)


def test_adaptation_leaves_the_network_as_it_was(
    model: torch.nn.Module, images: torch.Tensor
) -> None:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    labels = torch.arange(IMAGES) % 5
    P.tent(model, images[0])
    P.tune_with_labels(model, images[0], labels, last=False)
    P.one_epoch_with_labels(model, images[0], labels)
    N.restandardise(model, {}, images[0])
    assert not model.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]) or name.endswith("num_batches_tracked"), name


def test_restandardising_gives_every_unit_the_statistics_that_it_was_trained_for(
    images: torch.Tensor,
) -> None:
    net = network("mlp")
    copy = N.restandardise(net, {}, images[0])
    first = net[1](images[0].flatten(1))
    assert torch.allclose(copy["2.running_mean"], first.mean(0))
    assert torch.allclose(copy["2.running_var"], first.var(0))


def test_tent_lowers_entropy_and_tuning_the_loss(images: torch.Tensor) -> None:
    net, labels = network("mlp"), torch.arange(IMAGES) % 5

    def entropy(copy: dict[str, torch.Tensor]) -> float:
        log_shares = N.logits(net, copy, images[0]).log_softmax(1)
        return float(-(log_shares.exp() * log_shares).sum(1).mean())

    assert entropy(P.tent(net, images[0])) < entropy(N.restandardise(net, {}, images[0]))
    for last in (True, False):
        tuned = P.tune_with_labels(net, images[0], labels, last=last)
        loss = torch.nn.functional.cross_entropy
        assert loss(N.logits(net, tuned, images[0]), labels) < loss(net(images[0]), labels)


# ------------------------------------------------------------------------------------------------
# Users


def test_users_are_the_same_each_time_and_others_for_another_seed(people: Any) -> None:
    one, again, other = (people.users(seed, "both") for seed in (0, 0, 1))
    assert torch.equal(one.shown, again.shown)
    assert not torch.equal(one.shown, other.shown)


def test_images_to_adapt_to_and_images_to_score_are_different_images(people: Any) -> None:
    base = {image.tobytes() for image in people.base_images.numpy()}
    parts = {name: {image.tobytes() for image in people._images[name]} for name in people._images}
    assert not base & (parts["pool"] | parts["val"] | parts["test"])
    assert not parts["pool"] & (parts["val"] | parts["test"])
    drawn = people._draw(0, "subset", 0)
    assert not set(drawn["test"]) & set(drawn["off"])


def test_a_subset_user_has_few_classes_and_forgets_others() -> None:
    full = S.load_data("mini")
    truth = full.truth(0, "subset")
    for count, test, off in zip(full.class_counts(), truth["test"], truth["off"], strict=True):
        assert len(set(test)) == count
        assert not set(test) & set(off)
    users = full.users(0, "subset")
    assert all(
        set(labels.tolist()) == set(test)
        for labels, test in zip(users.labels, truth["test"], strict=True)
    )
    assert {len(set(test)) for test in full.truth(0, "style")["test"]} == {10}


def test_who_was_drawn_with_test_labels_is_found_again_without_them(
    people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a sweep: the runner has the labels and prepares, the experiment is given the rest."""
    prepared = S.prepare("mini", True, [4, 7])
    publish("mini")
    monkeypatch.setenv(SCORED_BY_RUNNER, "1")
    given = S.load_data("mini", True, prepared)
    assert given._labels["test"] is None
    for condition in S.CONDITIONS:
        assert torch.equal(given.users(7, condition).shown, people.users(7, condition).shown)
    with pytest.raises(kit.KitError, match="the users of seed 5 were not prepared"):
        given.users(5, "subset")


def test_the_population_hands_out_no_test_labels(people: Any) -> None:
    users = people.users(0, "subset")
    assert {name for name in vars(people) if not name.startswith("_")} == {
        "name", "classes", "sizes", "base_images", "base_labels",
    }  # fmt: skip
    assert users.labels.shape == users.unlabelled.shape[:2]


class Untouchable:
    """Labels that must not be looked at."""

    def __getattribute__(self, name: str):
        raise AssertionError("a label-free method touched labels")

    def __getitem__(self, key: object):
        raise AssertionError("a label-free method touched labels")

    def __len__(self) -> int:
        raise AssertionError("a label-free method touched labels")


def test_no_label_reaches_a_label_free_arm(people: Any) -> None:
    net = B.base_network("mlp", people, 0)
    users = replace(people.users(0, "subset"), labels=Untouchable())
    arms = M["protocol"].Arms(net, users, people.sizes)
    config = E.Config(images=20, image_counts=(10,), grid=(0.5, 0.7), stop_grid=(0.5,))
    E.label_free_arms(config, net, arms, users, 0)
    assert {"pruned", "mask", "em", "bn", "tent", "pruned+mask"} <= arms.answers.keys()
    with pytest.raises(AssertionError, match="touched labels"):
        M["protocol"].arms_with_labels(arms, 20, (0.5,), False, None)


# ------------------------------------------------------------------------------------------------
# Base networks and their cache


def test_a_base_network_is_kept_read_again_and_trained_where_nothing_can_be_kept(
    people: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BONSAI_DATA", str(tmp_path))
    first = B.base_network("mlp", people, 5).state_dict()
    (kept,) = (tmp_path / "kept" / "fine_pruning").glob("*.npz")

    def never(*_: object) -> None:
        raise AssertionError("trained again")

    with monkeypatch.context() as patch:
        patch.setattr(B, "_train", never)
        again = B.base_network("mlp", people, 5).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)

    with np.load(kept) as file:
        arrays = dict(file)
    np.savez(kept, **{**arrays, "1.weight": arrays["1.weight"][:5]})  # another shape
    assert torch.equal(B.base_network("mlp", people, 5).state_dict()["1.weight"], first["1.weight"])
    np.savez(kept, **{**arrays, "1.weight": np.array([{"a": 1}], dtype=object)})  # pickled
    assert torch.equal(B.base_network("mlp", people, 5).state_dict()["1.weight"], first["1.weight"])
    kept.write_bytes(b"broken")
    assert torch.equal(B.base_network("mlp", people, 5).state_dict()["1.weight"], first["1.weight"])

    nowhere = tmp_path / "file"
    nowhere.write_text("")  # a folder cannot be made below a file, not even by root
    monkeypatch.setenv("BONSAI_DATA", str(nowhere))
    fresh = B.base_network("mlp", people, 5).state_dict()
    assert torch.equal(fresh["1.weight"], first["1.weight"]), "training is a function of the seed"
    assert "base network not kept" in capsys.readouterr().out


def test_a_smaller_network_from_scratch_has_the_weights_that_are_left() -> None:
    for kind in B.SMALL:
        full = B.small_network(kind, (1, 28, 28), 10, list(B.SMALL[kind]))
        widths = B.slimmer(kind, (1, 28, 28), 10, 0.3)
        small = B.small_network(kind, (1, 28, 28), 10, widths)
        count = [sum(layer.matrix.numel() for layer in N.prunable(net)) for net in (full, small)]
        assert 0.25 < count[1] / count[0] < 0.35


# ------------------------------------------------------------------------------------------------
# Other data and large networks


def _folder_of_images(root: Path) -> None:
    from PIL import Image

    rng = np.random.default_rng(0)
    for part in ("train", "test"):
        for name in ("goldfish", "tench"):
            folder = root / "ImageFolder" / part / name
            folder.mkdir(parents=True)
            for index in range(20):
                pixels = rng.integers(0, 255, (40, 48, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{index}.png")


def test_a_resnet_is_personalised_on_a_folder_of_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BONSAI_DATA", str(tmp_path))
    monkeypatch.setattr(M["sources"], "SIDE", 32)
    models = torchvision().models
    monkeypatch.setattr(models, "get_model", lambda name, weights: getattr(models, name)())
    _folder_of_images(tmp_path)
    people = M["sources"].load("ImageFolder", smoke=True)
    assert people.base_images.shape[1:] == (3, 32, 32)
    people.sizes = replace(people.sizes, users=1, unlabelled=4, watch=2, test=3, off=2, val=2)
    config = E.Config(
        scores=("rms", "magnitude"), images=4, image_counts=(4,), grid=(0.5, 0.7), stop_grid=(0.5,)
    )
    monkeypatch.setattr(M["protocol"], "TIMES", 1)
    monkeypatch.setattr(P, "TUNE_ALL_STEPS", 1)
    monkeypatch.setattr(P, "TUNE_LAST_STEPS", 1)
    monkeypatch.setattr(P, "TENT_STEPS", 1)
    monkeypatch.setattr(C, "LATENCY_TIMES", 1)
    (outcome,) = E.train(config, people, [0])
    assert outcome.values["resnet18.rms@50"].shape == (3, people.sizes.shown, 2)
    kept = outcome.values["resnet18.kept"].sum(1) / outcome.values["resnet18.weights"].sum()
    assert ((kept > 0.29) & (kept < 0.5)).all()
    assert "units_latency_share" not in outcome.values


def test_resnet50_has_its_layers_and_names_of_classes_are_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    models = torchvision().models
    monkeypatch.setattr(models, "get_model", lambda name, weights: getattr(models, name)())
    net = B.pretrained("resnet50", ("goldfish", "Great_White_Shark")).eval()
    assert net(torch.rand(1, 3, 32, 32)).shape == (1, 2)
    layers = N.prunable(net)
    assert len(layers) == 54
    assert [layer.norm is None for layer in layers].count(True) == 1, "the output layer alone"
    with pytest.raises(kit.KitError, match="no class 'cat'"):
        B.pretrained("resnet50", ("cat", "goldfish"))


def test_weights_that_cannot_be_fetched_say_where_to_put_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(torchvision().models, "get_model", offline)
    with pytest.raises(kit.KitError, match=r"put resnet18-.*\.pth into"):
        B.pretrained("resnet18", ("goldfish", "tench"))


def test_cifar10_comes_in_colour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pickle

    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in (*(f"data_batch_{index}" for index in range(1, 6)), "test_batch"):
        batch = {"data": rng.integers(0, 255, (40, 3072), dtype=np.uint8),
                 "labels": [index % 10 for index in range(40)]}  # fmt: skip
        (folder / name).write_bytes(pickle.dumps(batch))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))
    monkeypatch.setattr(torchvision().datasets.cifar, "check_integrity", lambda *_: True)
    monkeypatch.setenv("BONSAI_DATA", str(tmp_path))
    people = M["sources"].load("CIFAR10", smoke=True)
    assert people.name == "CIFAR10-smoke"
    assert people.users(0, "both").unlabelled.shape[2:] == (3, 32, 32)


def _recordings(root: Path) -> Path:
    folder = root / "SpeechCommands" / "speech_commands_v0.02"
    lists: dict[str, list[str]] = {"testing": [], "validation": []}
    for pitch, word in enumerate(M["sources"].WORDS):
        (folder / word).mkdir(parents=True)
        for speaker in range(6):
            seconds = torch.arange(14_000) / 16_000
            sound = torch.sin(2 * torch.pi * 200 * (pitch + 1) * seconds) * 2**13
            name = f"{word}/{speaker:08x}_nohash_0.wav"
            wavfile.write(folder / name, 16_000, sound.to(torch.int16).numpy())
            part = {4: "testing", 5: "validation"}.get(speaker)
            if part:
                lists[part].append(name)
    for part, names in lists.items():
        (folder / f"{part}_list.txt").write_text("\n".join(names) + "\n")
    return folder


def test_spoken_words_become_spectrograms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _recordings(tmp_path)
    monkeypatch.setenv("BONSAI_DATA", str(tmp_path))
    people = M["sources"].load("SpeechCommands", smoke=True)
    assert people.base_images.shape[1:] == (1, 40, 49)
    bands = [
        int(M["sources"].spectrogram(next((folder / word).glob("*.wav"))).sum(1).argmax())
        for word in M["sources"].WORDS
    ]
    assert bands == sorted(bands), "a higher tone lies in a higher band"
    assert B.base_network("cnn", people, 0)(people.base_images[:2].float()).shape == (2, 10)


def test_data_that_is_not_there_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BONSAI_DATA", str(tmp_path))
    monkeypatch.setattr(M["sources"].importlib.util, "find_spec", lambda _: None)
    with pytest.raises(kit.KitError, match="pip install torchaudio"):
        M["sources"].load("SpeechCommands")
    with pytest.raises(kit.KitError, match="put a folder of images for each class"):
        M["sources"].load("ImageFolder")

    def offline(*_: object, **__: object) -> None:
        raise RuntimeError("not found")

    monkeypatch.setattr(torchvision().datasets, "CIFAR10", offline)
    with pytest.raises(kit.KitError, match="cifar-10-batches-py"):
        M["sources"].load("CIFAR10")


# ------------------------------------------------------------------------------------------------
# Stopping, scoring


def test_stopping_takes_the_last_sparsity_before_a_limit_is_passed() -> None:
    dense = torch.tensor([[4.0, 0, 0], [0, 4, 0], [0, 0, 4], [4, 0, 0]])
    unsure, other = dense / 10, dense.roll(1, 1)
    config = E.Config(stop_grid=(0.1, 0.5, 0.9))
    assert E.stop(dense, [dense, dense, unsure], config) == {"entropy": 50, "agreement": 90}
    assert E.stop(dense, [dense, other, dense], config) == {"entropy": 90, "agreement": 10}
    assert E.stop(dense, [unsure, dense, dense], config)["entropy"] == 0


@pytest.fixture(scope="module")
def outcome(people: Any) -> dict[str, np.ndarray]:
    """A whole run of one seed, short."""
    patch = pytest.MonkeyPatch()
    patch.setattr(M["protocol"], "TIMES", 1)
    config = E.Config(images=20, image_counts=(10, 40), grid=(0.5, 0.7), stop_grid=(0.5, 0.7))
    (found,) = E.train(config, people, [0])
    patch.undo()
    return {**found.values, "seed": np.asarray(0)}


def test_scores_come_from_predictions(outcome: dict[str, np.ndarray], people: Any) -> None:
    metrics = S.score(outcome, people)
    assert list(metrics)[: len(S.METRICS)] == list(S.METRICS)
    assert abs(metrics["sparsity"] - 70) < 1.5
    truth = people.truth(0, "subset")["test"]
    rows, test = slice(0, people.sizes.users), slice(0, people.sizes.test)
    dense, pruned = (
        100 * (outcome[f"cnn.{arm}"][rows, test, 0] == truth).mean() for arm in ("dense", "pruned")
    )
    assert metrics["gain_subset"] == pytest.approx(pruned - dense)
    assert metrics["dense_accuracy_subset"] == pytest.approx(dense)


def test_perfect_predictions_score_as_such(outcome: dict[str, np.ndarray], people: Any) -> None:
    perfect = outcome["cnn.pruned"].copy()
    truths = [people.truth(0, condition) for condition in U.CONDITIONS]
    perfect[..., 0] = np.concatenate(
        [np.hstack([truth[part] for part in ("test", "off", "val")]) for truth in truths]
    )
    perfect[..., 1] = 255
    table = S.Table({**outcome, "cnn.pruned": perfect}, "cnn", people, 0)
    for condition in U.CONDITIONS:
        assert (table.accuracy("pruned", condition=condition) == 100).all()
        assert table.calibration_error("pruned", condition) == 0


def test_other_users_answers_score_otherwise(outcome: dict[str, np.ndarray], people: Any) -> None:
    """The seed decides who is tested on what, and the frame, not the outcome, says the seed."""
    scorer = S_frozen()
    values = {name: array for name, array in outcome.items() if name != "seed"}
    assert scorer.evaluate(values, people, 0) != scorer.evaluate(values, people, 1)
    with pytest.raises(kit.KitError, match="must be"):
        scorer.evaluate({**values, "cnn.mask": outcome["cnn.mask"][:2]}, people, 0)
    with pytest.raises(kit.KitError, match="lacks"):
        scorer.evaluate({"headline": np.asarray(70)}, people, 0)


def S_frozen() -> ModuleType:
    from bonsai.kit.scoring import load_scorer

    return load_scorer(TEMPLATE / "score.py")


def test_a_rule_that_follows_the_oracle_has_no_regret(
    outcome: dict[str, np.ndarray], people: Any
) -> None:
    table = S.Table(outcome, "cnn", people, 0)
    chosen, regret = table.stopping("entropy", "style")
    assert set(chosen.tolist()) <= {0, 50, 70}
    val = np.stack([table.accuracy(arm, "val", "style") for arm in ("dense", "rms@50", "rms@70")])
    table.numbers["stop.oracle"] = np.repeat(np.array([[0, 50, 70]])[0][val.argmax(0)], 1)
    table.numbers["stop.oracle"] = np.tile(table.numbers["stop.oracle"], 3)
    assert (table.stopping("oracle", "style")[1] == 0).all()
    assert regret.shape == chosen.shape
