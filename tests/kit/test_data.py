"""Data: real, verified, split once, and without test labels for training."""

from __future__ import annotations

import dataclasses
import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from bonsai import kit
from bonsai.kit import data
from bonsai.kit.vision import torchvision

PUBLISHED = ("FashionMNIST", "FashionMNIST-mini", "digits")
DEBIAN = data.PACKAGES["FashionMNIST"]


def test_mini_is_a_balanced_set_of_real_images_with_the_published_checksum() -> None:
    images, truth = kit.load_images("mini"), kit.load_truth("mini")
    assert images.name == truth.name == "FashionMNIST-mini"
    assert images.train_images.shape == (9000, 28, 28)
    assert images.train_images.dtype == torch.uint8
    assert images.val_images.shape == (1000, 28, 28)
    assert images.test_images.shape == (2000, 28, 28)
    assert torch.bincount(images.train_labels).tolist() == [900] * 10
    assert np.bincount(truth.val_labels).tolist() == [100] * 10
    assert np.bincount(truth.test_labels).tolist() == [200] * 10
    assert np.array_equal(truth.val_labels, images.val_labels.numpy())


def test_mini_fits_in_the_repository() -> None:
    file = Path(data.__file__).parent / "mini" / "fashion_mnist_mini.npz"
    assert file.stat().st_size < 8_000_000


def test_what_train_gets_holds_no_test_labels() -> None:
    names = {field.name for field in dataclasses.fields(kit.Images)}
    assert not [name for name in names if "test" in name and "label" in name]


def test_no_image_is_in_two_parts() -> None:
    images = kit.load_images("mini")
    parts = [images.train_images, images.val_images, images.test_images]
    seen = [{image.numpy().tobytes() for image in part} for part in parts]
    assert not seen[0] & seen[1]
    # Fashion-MNIST itself holds near and exact copies between training and test set; few.
    assert len((seen[0] | seen[1]) & seen[2]) < 5


def test_a_smoke_set_is_small_and_its_name_says_so() -> None:
    images, truth = kit.load_images("mini", smoke=True), kit.load_truth("FashionMNIST-mini-smoke")
    assert images.name == truth.name == "FashionMNIST-mini-smoke"
    assert [len(images.train_images), len(images.val_images), len(images.test_images)] == [
        *(512, 128, 128)
    ]
    assert len(truth.test_labels) == 128


def test_the_digits_of_scikit_learn() -> None:
    images, truth = kit.load_images("digits"), kit.load_truth("digits")
    assert images.train_images.shape[1:] == (8, 8)
    assert len(images.train_images) + len(images.val_images) == 1437
    assert len(truth.test_labels) == len(images.test_images) == 360


def test_the_digits_are_read_as_scikit_learn_reads_them() -> None:
    from sklearn.datasets import load_digits

    theirs = load_digits()
    train_images, train_labels, test_images, test_labels = data._digits()
    ours = np.concatenate([test_images, train_images]), np.concatenate([test_labels, train_labels])
    order = np.random.default_rng(data.SPLIT_SEED).permutation(len(theirs.target))
    assert np.array_equal(ours[1], theirs.target[order])
    assert np.array_equal(np.round(ours[0] * (16 / 255)), theirs.images[order])


def test_an_unknown_set_is_named_with_those_that_there_are() -> None:
    with pytest.raises(kit.KitError, match=r"--data fashoin: unknown; use one of mini, FashionM"):
        kit.load_images("fashoin")


def test_the_cache_is_the_environment_variable_else_the_users_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BONSAI_DATA", str(tmp_path))
    assert data.data_folder() == tmp_path
    monkeypatch.delenv("BONSAI_DATA")
    assert data.data_folder().is_absolute()


@pytest.fixture
def fresh_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    data._arrays.cache_clear()
    monkeypatch.setenv("BONSAI_DATA", str(tmp_path / "cache"))
    yield tmp_path / "cache"
    data._arrays.cache_clear()


def test_without_data_one_sentence_says_what_to_do(
    fresh_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "PACKAGES", {"FashionMNIST": Path("/nowhere")})
    monkeypatch.setattr(torchvision().datasets.FashionMNIST, "mirrors", ["http://127.0.0.1:9/"])
    with pytest.raises(kit.KitError) as caught:
        kit.load_images("FashionMNIST")
    text = str(caught.value)
    assert str(fresh_cache) in text
    assert "--data mini" in text
    assert "BONSAI_DATA" in text
    assert not list(fresh_cache.glob(".FashionMNIST-*")), "no half download is left"


def _idx_package(folder: Path, change: int = 0) -> Path:
    """A distribution's package: the four files of the mini set in the IDX format, gzipped."""
    folder.mkdir()
    train_images, train_labels, test_images, test_labels = data._mini()
    arrays = (train_images + np.uint8(change), train_labels, test_images, test_labels)
    for name, array in zip(data.IDX_FILES, arrays, strict=True):
        head = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
        with gzip.open(folder / f"{name}.gz", "wb", compresslevel=1) as file:
            file.write(head + array.astype(np.uint8).tobytes())
    return folder


def test_a_distributions_package_is_used_before_the_network(
    fresh_cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(data, "PACKAGES", {"FashionMNIST": _idx_package(tmp_path / "package")})
    monkeypatch.setitem(data.CHECKSUMS, "FashionMNIST", data.CHECKSUMS["FashionMNIST-mini"])
    images = kit.load_images("FashionMNIST")
    assert len(images.train_images) + len(images.val_images) == 10_000
    assert (fresh_cache / "FashionMNIST" / "raw" / "train-images-idx3-ubyte").is_file()


def test_what_a_killed_process_left_in_the_cache_is_removed_and_nothing_else_is_left(
    fresh_cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(data, "PACKAGES", {"FashionMNIST": _idx_package(tmp_path / "package")})
    monkeypatch.setitem(data.CHECKSUMS, "FashionMNIST", data.CHECKSUMS["FashionMNIST-mini"])
    fetching = fresh_cache / ".FashionMNIST.tmp" / "FashionMNIST" / "raw"
    fetching.mkdir(parents=True)
    (fetching / "half.gz").touch()
    publishing = fresh_cache / "unlabelled" / ".FashionMNIST.npz.tmp"
    publishing.parent.mkdir()
    publishing.write_bytes(b"half")
    data.publish("FashionMNIST")
    left = {path.name for path in fresh_cache.rglob("*") if path.is_file()}
    locks = {".FashionMNIST.lock", *(f".{name}.npz.lock" for name in PUBLISHED)}
    assert left == {*data.IDX_FILES, *(f"{name}.npz" for name in PUBLISHED)} | locks


def test_contents_that_are_not_the_published_ones_are_refused(
    fresh_cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = _idx_package(tmp_path / "package", change=1)
    monkeypatch.setattr(data, "PACKAGES", {"FashionMNIST": package})
    with pytest.raises(kit.KitError, match="not the published data set"):
        kit.load_images("FashionMNIST")


def test_a_damaged_cache_is_named(fresh_cache: Path) -> None:
    raw = fresh_cache / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for name in data.IDX_FILES:
        (raw / name).write_bytes(b"not an IDX file")
    with pytest.raises(kit.KitError, match="cannot be read"):
        kit.load_images("FashionMNIST")


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="needs Debian's dataset-fashion-mnist")
def test_the_full_set_from_debians_package_has_the_published_contents(fresh_cache: Path) -> None:
    images, truth = kit.load_images("FashionMNIST"), kit.load_truth("FashionMNIST")
    assert images.train_images.shape == (55_000, 28, 28)
    assert images.val_images.shape == (5_000, 28, 28)
    assert len(truth.test_labels) == 10_000
    mini = Path(data.__file__).parent / "mini" / "fashion_mnist_mini.npz"
    with np.load(mini) as file:
        full = {image.tobytes() for image in data._arrays("FashionMNIST")[0]}
        assert all(image.tobytes() in full for image in file["train_images"])
    shutil.rmtree(fresh_cache)


def test_a_file_that_another_process_makes_without_end_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "LOCK_SECONDS", 0.3)
    path = tmp_path / "cache" / "arrays.npz"
    expected = "making .*arrays.npz for 0.3 s"
    with data.writing(path) as place, pytest.raises(kit.KitError, match=expected):
        place.touch()
        with data.writing(path):
            pass


@pytest.mark.parametrize("shape", [(3,), (2, 4, 5)])
def test_idx_files_are_read_as_torchvision_reads_them(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    array = np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)
    header = bytes([0, 0, 8, len(shape)]) + np.array(shape, dtype=">u4").tobytes()
    (tmp_path / "file").write_bytes(header + array.tobytes())
    theirs = torchvision().datasets.mnist.read_sn3_pascalvincent_tensor(str(tmp_path / "file"))
    assert np.array_equal(data._idx(tmp_path / "file"), array)
    assert np.array_equal(theirs.numpy(), array)
