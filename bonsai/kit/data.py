"""Small real image sets, kept in one cache, verified, and split so that test labels stay apart.

The cache is `$BONSAI_DATA`, else the user's cache folder; never a path relative to the working
directory. A set is taken from the cache, else from a distribution's package, else downloaded.
The subset `mini` of Fashion-MNIST ships inside this package and needs neither.
"""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import importlib.util
import os
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bonsai.kit.errors import KitError
from bonsai.kit.standins import FileLock, Timeout, user_cache_path

if TYPE_CHECKING:
    import torch

FASHION = (
    "T-shirt", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
DIGITS = tuple("0123456789")
KUZUSHIJI = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
CLASSES = {"FashionMNIST": FASHION, "FashionMNIST-mini": FASHION, "MNIST": DIGITS,
           "KMNIST": KUZUSHIJI, "digits": DIGITS}  # fmt: skip
ALIASES = {"mini": "FashionMNIST-mini"}
PACKAGES = {
    "FashionMNIST": Path("/usr/share/datasets/fashion-mnist")
}  # Debian's dataset-fashion-mnist
IDX_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte",
             "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")  # fmt: skip

# SHA-256 over the raw arrays: training images, training labels, test images, test labels.
CHECKSUMS = {
    "FashionMNIST": "ca3ab2a37f845e1b8ae23cab1b51749a3011ba3bf1d9016176d75cbaabac376f",
    "FashionMNIST-mini": "6c701aa83b83544da35015843c524bc10fae3cc2ecfe7ad4323eba70458cf465",
}

MINI = Path(__file__).parent / "mini" / "fashion_mnist_mini.npz"
DRAWN_IN_PUBLIC = ("FashionMNIST-mini", "digits")  # in these a place tells a test image's label

# Set by the runner, which scores by itself: what reads data then is not given the test labels.
SCORED_BY_RUNNER = "BONSAI_SCORED_BY_RUNNER"

UNLABELLED, KEPT = "unlabelled", "kept"  # folders of the cache that every program may see

LOCK_SECONDS = 900.0  # that another process may take to make a file of the cache
SMOKE_SUFFIX = "-smoke"
SMOKE_IMAGES = {"train": 512, "val": 128, "test": 128}
SPLIT_SEED = 20170825  # the day Fashion-MNIST appeared; the split is the same for every seed


@dataclass(frozen=True)
class Images:
    """A classification task as `train` may see it: no test labels.

    Attributes:
        name: the data set's name, for example "FashionMNIST-mini".
        classes: names of the classes; a label is an index into it.
        train_images: (N, height, width) uint8, 0 to 255.
        train_labels: (N,) int64.
        val_images: (V, height, width) uint8; for choices made while designing the method.
        val_labels: (V,) int64.
        test_images: (T, height, width) uint8, unlabelled.
    """

    name: str
    classes: tuple[str, ...]
    train_images: torch.Tensor
    train_labels: torch.Tensor
    val_images: torch.Tensor
    val_labels: torch.Tensor
    test_images: torch.Tensor

    def to(self, device: torch.device | str) -> Images:
        """The same images with every tensor on `device`."""
        import torch

        moved = {
            field.name: getattr(self, field.name).to(device)
            for field in dataclasses.fields(self)
            if isinstance(getattr(self, field.name), torch.Tensor)
        }
        return dataclasses.replace(self, **moved)


@dataclass(frozen=True)
class Truth:
    """The labels that a scorer compares predictions with.

    Attributes:
        name: the data set's name.
        classes: names of the classes.
        val_labels: (V,) int64.
        test_labels: (T,) int64.
    """

    name: str
    classes: tuple[str, ...]
    val_labels: npt.NDArray[np.int64]
    test_labels: npt.NDArray[np.int64]


Arrays = tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]
PARTS = ("train_images", "train_labels", "test_images", "test_labels")


def data_folder() -> Path:
    """The cache of data sets: `$BONSAI_DATA`, else the user's cache folder."""
    chosen = os.environ.get("BONSAI_DATA")
    return Path(chosen).expanduser().absolute() if chosen else user_cache_path("bonsai") / "data"


def kept_folder(name: str) -> Path:
    """Where a template keeps what its own runs made, as trained base networks, under its name.

    Every run sees it; within walls only the template's own code writes there.
    """
    return data_folder() / KEPT / name


def load_images(name: str, smoke: bool = False) -> Images:
    """Images and labels for training, without the test labels.

    Args:
        name: "FashionMNIST", "mini", "MNIST", "KMNIST" or "digits".
        smoke: keep only a few hundred images, for a check in seconds.

    Raises:
        KitError: the set is unknown, cannot be had, or its contents are not the published ones.
    """
    import torch  # here, because the runner imports the kit too, and seldom needs torch

    name, smoke = _canonical(name, smoke)
    train_images, train_labels, test_images = _without_test_labels(name)
    train, val, test = _split(name, smoke, train_labels, len(test_images))
    return Images(
        name=name + SMOKE_SUFFIX * smoke,
        classes=CLASSES[name],
        train_images=torch.from_numpy(train_images[train]),
        train_labels=torch.from_numpy(train_labels[train]),
        val_images=torch.from_numpy(train_images[val]),
        val_labels=torch.from_numpy(train_labels[val]),
        test_images=torch.from_numpy(test_images[test]),
    )


def load_truth(name: str, smoke: bool = False) -> Truth:
    """The labels for scoring; names and errors as in `load_images`.

    A name as it stands in `final_info.json` (with `-smoke`, if it was one) is understood too.
    """
    name, smoke = _canonical(name, smoke)
    if os.environ.get(SCORED_BY_RUNNER):
        raise KitError("test labels are not given to an experiment; the runner scores its outcomes")
    _, train_labels, _, test_labels = _arrays(name)
    _, val, test = _split(name, smoke, train_labels, len(test_labels))
    return Truth(name + SMOKE_SUFFIX * smoke, CLASSES[name], train_labels[val], test_labels[test])


def checksums(name: str) -> dict[str, str]:
    """SHA-256 of each raw array of a data set, for the record of a run; not of test labels."""
    name, _ = _canonical(name, False)
    return {
        part: _sha256(array)
        for part, array in zip(PARTS[:-1], _without_test_labels(name), strict=True)
    }


def fingerprints(images: Any) -> npt.NDArray[np.uint64]:
    """A hash of each image, by which one is known wherever it turns up; the same for equal pixels.

    `Outcome(train_fingerprints=kit.fingerprints(images))` tells the runner what training has seen,
    and it tells whoever reads the results whether test images were among that.

    Args:
        images: (N, ...) tensor or array of pixels as they were loaded.

    Returns:
        (N,) the first 64 bits of BLAKE2b.
    """
    array = np.ascontiguousarray(images.cpu().numpy() if hasattr(images, "cpu") else images)
    rows = array.reshape(len(array), -1)
    digests = [hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in rows]
    return np.frombuffer(b"".join(digests), dtype=np.uint64)


@lru_cache(maxsize=4)
def fingerprints_of_tests(name: str, smoke: bool = False) -> npt.NDArray[np.uint64]:
    """The fingerprints of a data set's test images; names and errors as in `load_images`."""
    name, smoke = _canonical(name, smoke)
    _, train_labels, test_images, _ = _arrays(name)
    _, _, test = _split(name, smoke, train_labels, len(test_images))
    return fingerprints(test_images[test])


def publish(name: str) -> None:
    """Lay a data set without its test labels into the cache, for programs that may not see them.

    What lies there is compared with the data set first, so a program that could change it (without
    a sandbox) gains nothing. With it go the small sets that need no network, in case a template
    reads them beside its own; a name that the kit does not know is the template's own affair.

    Raises:
        KitError: the set cannot be had.
    """
    try:
        names = {_canonical(name, False)[0]}
    except KitError:
        names = set()
    for each in sorted(names | {"FashionMNIST-mini", "digits"}):
        path = _published(each)
        arrays = dict(zip(PARTS[:-1], _arrays(each)[:-1], strict=True))
        if _holds(path, arrays):
            continue
        with writing(path) as temporary:
            with temporary.open("wb") as file:
                np.savez(file, **arrays)
            temporary.replace(path)


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """A place beside `path` for what will be renamed to it; one process at a time has it.

    What an earlier one left there, when it was killed, is removed first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=LOCK_SECONDS)
    except Timeout as error:
        raise KitError(
            f"another process has been making {path} for {LOCK_SECONDS:g} s; end it, or remove "
            f"{lock.lock_file}"
        ) from error
    try:
        _remove(temporary)
        yield temporary
    finally:
        _remove(temporary)
        lock.release()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def _published(name: str) -> Path:
    return data_folder() / UNLABELLED / f"{name}.npz"


def _holds(path: Path, arrays: dict[str, npt.NDArray[Any]]) -> bool:
    try:
        with np.load(path, allow_pickle=False) as file:
            return set(file.files) == set(arrays) and all(
                np.array_equal(file[part], array) for part, array in arrays.items()
            )
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error):
        return False


def _without_test_labels(name: str) -> tuple[npt.NDArray[Any], ...]:
    """Training images, training labels and test images."""
    return _as_published(name) if os.environ.get(SCORED_BY_RUNNER) else _arrays(name)[:-1]


@lru_cache(maxsize=4)
def _as_published(name: str) -> tuple[npt.NDArray[Any], ...]:
    path = _published(name)
    if not path.is_file():
        raise KitError(f"{name} is not among the data that the runner gives to this run")
    with np.load(path, allow_pickle=False) as file:
        return tuple(file[part] for part in PARTS[:-1])


def _canonical(name: str, smoke: bool) -> tuple[str, bool]:
    smoke = smoke or name.endswith(SMOKE_SUFFIX)
    name = name.removesuffix(SMOKE_SUFFIX)
    name = ALIASES.get(name, name)
    if name not in CLASSES:
        raise KitError(f"--data {name}: unknown; use one of {', '.join([*ALIASES, *CLASSES])}")
    return name, smoke


def _split(
    name: str, smoke: bool, train_labels: npt.NDArray[Any], test_count: int
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """Indices of training, validation and test images; validation is balanced over the classes."""
    validation_share = 12 if name != "FashionMNIST-mini" else 10
    per_class = len(train_labels) // validation_share // len(CLASSES[name])
    shuffled = np.random.default_rng(SPLIT_SEED).permutation(len(train_labels))
    val = np.concatenate(
        [
            shuffled[train_labels[shuffled] == label][:per_class]
            for label in range(len(CLASSES[name]))
        ]
    )
    train = np.setdiff1d(np.arange(len(train_labels)), val)
    test = np.arange(test_count)
    if smoke:
        rng = np.random.default_rng(SPLIT_SEED)
        train, val, test = (
            np.sort(rng.permutation(indices)[: SMOKE_IMAGES[part]])
            for part, indices in (("train", train), ("val", val), ("test", test))
        )
    return train, val, test


@lru_cache(maxsize=4)
def _arrays(name: str) -> Arrays:
    """Training images (N, h, w) uint8, training labels (N,) int64, test images, test labels."""
    arrays = {"FashionMNIST-mini": _mini, "digits": _digits}.get(name, lambda: _idx_set(name))()
    if name in CHECKSUMS and (found := _sha256(*arrays)) != CHECKSUMS[name]:
        raise KitError(
            f"{name} in {data_folder()} is not the published data set (SHA-256 {found[:12]}…); "
            "delete that folder and try again"
        )
    return _without_places(arrays) if name in DRAWN_IN_PUBLIC else arrays


def _without_places(arrays: Arrays) -> Arrays:
    """The test part in an order that follows from the images alone.

    The order of `mini` was drawn from a seed and the labels, so whoever draws again knows the label
    of each place. The digits were written in a round, so a label follows from those on either side
    of its place.
    """
    train_images, train_labels, test_images, test_labels = arrays
    order = np.argsort(fingerprints(test_images), kind="stable")
    return train_images, train_labels, test_images[order], test_labels[order]


def _mini() -> Arrays:
    with np.load(MINI, allow_pickle=False) as file:
        return (file["train_images"], file["train_labels"].astype(np.int64),
                file["test_images"], file["test_labels"].astype(np.int64))  # fmt: skip


def _digits() -> Arrays:
    """The 8x8 digits of scikit-learn: 1,437 to train on and 360 to test on.

    Its file is read as `sklearn.datasets.load_digits` does; to load that takes a second.
    """
    package = importlib.util.find_spec("sklearn")
    if package is None or package.origin is None:
        raise KitError("the digits are scikit-learn's; pip install scikit-learn")
    path = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
    with gzip.open(path, "rt") as file:
        table = np.loadtxt(file, delimiter=",")
    images = np.round(table[:, :-1].reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    labels = table[:, -1].astype(np.int64)
    order = np.random.default_rng(SPLIT_SEED).permutation(len(labels))
    test, train = order[:360], order[360:]
    return images[train], labels[train], images[test], labels[test]


def _idx_set(name: str) -> Arrays:
    folder = data_folder()
    raw = folder / name / "raw"
    if not all((raw / file).is_file() for file in IDX_FILES):
        _fetch(name, folder, raw)
    try:
        images, labels, test_images, test_labels = (_idx(raw / file) for file in IDX_FILES)
    except (OSError, ValueError) as error:
        raise KitError(
            f"{raw} cannot be read ({error}); delete that folder and try again"
        ) from error
    return images, labels.astype(np.int64), test_images, test_labels.astype(np.int64)


def _idx(path: Path) -> npt.NDArray[np.uint8]:
    """An array of bytes as MNIST's files hold it: http://yann.lecun.com/exdb/mnist."""
    content = path.read_bytes()
    if content[:3] != b"\0\0\x08" or len(content) < 4:
        raise ValueError(f"{path.name} is not an IDX file of bytes")
    shape = np.frombuffer(content, ">u4", count=content[3], offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * len(shape)).reshape(shape).copy()


def _fetch(name: str, folder: Path, raw: Path) -> None:
    """Fill the cache from a distribution's package, else from the network.

    Everything is made in a temporary folder and renamed, so nobody sees it half done.
    """
    from bonsai.kit.vision import torchvision

    package = PACKAGES.get(name)
    try:
        with writing(folder / name) as temporary:
            fresh = temporary / name / "raw"
            if all((raw / file).is_file() for file in IDX_FILES):
                return  # another process was faster
            if package and all((package / f"{file}.gz").is_file() for file in IDX_FILES):
                fresh.mkdir(parents=True)
                for file in IDX_FILES:
                    with (
                        gzip.open(package / f"{file}.gz") as source,
                        (fresh / file).open("wb") as target,
                    ):
                        shutil.copyfileobj(source, target)
            else:
                print(f"downloading {name} into {folder}", flush=True)
                getattr(torchvision().datasets, name)(str(temporary), download=True)
            raw.mkdir(parents=True, exist_ok=True)
            for file in IDX_FILES:
                (fresh / file).replace(raw / file)
    except (RuntimeError, OSError, EOFError, ImportError) as error:
        hint = " or `apt install dataset-fashion-mnist`" if name in PACKAGES else ""
        mini = ", or take --data mini, which needs no network" if name == "FashionMNIST" else ""
        raise KitError(
            f"{name} is not in {folder} and cannot be fetched ({error}); put torchvision's files "
            "into "
            f"{raw}{hint}, or set BONSAI_DATA to a folder that has them{mini}"
        ) from error


def _sha256(*arrays: npt.NDArray[Any]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).astype(np.uint8, copy=False).tobytes())
    return digest.hexdigest()
