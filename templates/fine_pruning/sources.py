"""Frozen: where images come from: the kit's sets, CIFAR-10, an image folder, spoken words."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from scipy.io import wavfile
from users import CONDITIONS, SMOKE, People, Sizes

from bonsai import kit
from bonsai.kit.data import ALIASES as KIT_ALIASES
from bonsai.kit.data import SMOKE_SUFFIX, data_folder
from bonsai.kit.keys import keyed, secret_of
from bonsai.kit.vision import torchvision

Parts = dict[str, tuple[np.ndarray, np.ndarray | None]]

NOISY = "FashionMNIST-noisy"  # every image of it, the base's too, under noise
NOISE = 0.45  # its standard deviation, for pixels from 0 to 1

FOLDER_SIZES = Sizes(users=12, unlabelled=100, watch=20, test=40, off=20, val=20)
PER_CLASS = 60  # images of a class that are read from each part of an image folder, at most
SIDE = 224  # pixels, as ResNets were trained with
VAL_SHARE = 10  # one training image in so many is for validation, where a set has no such part
WORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
RATE, MELS, FRAMES = 16_000, 40, 49  # samples a second, bands and times of a spectrogram


def load(name: str, smoke: bool = False, given: Mapping[str, np.ndarray] | None = None) -> People:
    """The population of a data set; a name as it stands in results is understood too.

    Args:
        name: the data set; with a key, test images are dealt out by that (`bonsai.kit.keys`).
        smoke: whether to have few users and images.
        given: what `prepared` has made; then no test labels are loaded.

    Raises:
        kit.KitError: it is unknown, cannot be had, or belongs to another key.
    """
    plain, secret = secret_of(name)
    smoke = smoke or plain.endswith(SMOKE_SUFFIX)
    plain = plain.removesuffix(SMOKE_SUFFIX)
    classes, parts = (
        _unpacked(given) if given and plain in HANDED_OVER else _read(plain, smoke, given)
    )
    if secret is not None and plain in OWN:  # files come sorted by class
        order = np.random.default_rng(secret).permutation(len(parts["test"][0]))
        parts = {**parts, "test": tuple(array[order] for array in parts["test"])}
    sizes = SMOKE if smoke else FOLDER_SIZES if plain == "ImageFolder" else Sizes()
    full = str(given["name"]) if given else _full_name(plain, smoke, secret)
    return People(full, classes, parts, sizes, given, secret)


def prepared(name: str, smoke: bool, seeds: Sequence[int]) -> dict[str, np.ndarray]:
    """Arrays with which `load` needs no test label: who gets which images of these seeds.

    With them, where the kit has no set without labels, goes the set itself.
    """
    people = load(name, smoke)
    arrays = {
        f"{seed}.{condition}.{part}": chosen
        for seed in seeds
        for condition in CONDITIONS
        for part, chosen in people.draw(seed, condition).items()
    }
    whole = secret_of(name)[0].removesuffix(SMOKE_SUFFIX) in HANDED_OVER
    return {**arrays, "name": np.array(people.name), **(people.packed() if whole else {})}


def _unpacked(arrays: Mapping[str, np.ndarray]) -> tuple[tuple[str, ...], Parts]:
    parts = {part: (arrays[f"{part}.images"], arrays.get(f"{part}.labels"))
             for part in ("train", "val", "test")}  # fmt: skip
    return tuple(arrays["classes"].tolist()), parts


def _full_name(plain: str, smoke: bool, secret: int | None) -> str:
    name = KIT_ALIASES.get(plain, plain) + SMOKE_SUFFIX * smoke
    return name if secret is None else keyed(name)


def _read(
    name: str, smoke: bool, given: Mapping[str, np.ndarray] | None
) -> tuple[tuple[str, ...], Parts]:
    """Classes and parts of a data set; without test labels if it is known who gets which images."""
    if name in OWN:
        return OWN[name](data_folder())
    source = "FashionMNIST" if name == NOISY else name
    images = kit.load_images(source, smoke)
    test_labels = None if given else kit.load_truth(source, smoke).test_labels
    parts = {
        "train": (images.train_images.numpy(), images.train_labels.numpy()),
        "val": (images.val_images.numpy(), images.val_labels.numpy()),
        "test": (images.test_images.numpy(), test_labels),
    }
    if name == NOISY:
        parts = {part: (_noisy(pixels, part), labels) for part, (pixels, labels) in parts.items()}
    return images.classes, parts


def _noisy(images: np.ndarray, part: str) -> np.ndarray:
    """Images (N, h, w) uint8 with Gaussian noise, the same every time."""
    generator = torch.Generator().manual_seed(len(part))
    noise = torch.randn(images.shape, generator=generator).mul_(NOISE * 255)
    return noise.add_(torch.from_numpy(images)).round_().clamp_(0, 255).to(torch.uint8).numpy()


@lru_cache(maxsize=1)
def _cifar10(root: Path) -> tuple[tuple[str, ...], Parts]:
    """CIFAR-10 as torchvision keeps it: 32x32 pixels in three colours."""
    dataset = torchvision().datasets.CIFAR10
    try:
        try:
            train, test = dataset(str(root), train=True), dataset(str(root), train=False)
        except RuntimeError:  # not there yet
            train = dataset(str(root), train=True, download=True)
            test = dataset(str(root), train=False)
    except (RuntimeError, OSError) as error:
        raise kit.KitError(
            f"CIFAR10 is not in {root} and cannot be fetched ({error}); put torchvision's folder "
            "cifar-10-batches-py there"
        ) from error
    arrays = [(part.data.transpose(0, 3, 1, 2), np.array(part.targets)) for part in (train, test)]
    return tuple(train.classes), {**_with_validation(*arrays[0]), "test": arrays[1]}


@lru_cache(maxsize=1)
def _image_folder(root: Path) -> tuple[tuple[str, ...], Parts]:
    """Folders of images, one for each class, below ImageFolder/train and ImageFolder/test."""
    folder, vision = root / "ImageFolder", torchvision()
    prepare = vision.transforms.Compose(
        [
            vision.transforms.Resize(SIDE * 8 // 7),
            vision.transforms.CenterCrop(SIDE),
            vision.transforms.PILToTensor(),
        ]
    )
    parts, classes = {}, []
    for part in ("train", "test"):
        try:
            found = vision.datasets.ImageFolder(str(folder / part))
        except FileNotFoundError as error:
            raise kit.KitError(
                f"{folder / part} holds no images; put a folder of images for each class into "
                f"{folder}/train and {folder}/test"
            ) from error
        targets = np.array(found.targets)
        chosen = np.concatenate(
            [np.flatnonzero(targets == label)[:PER_CLASS] for label in range(len(found.classes))]
        )
        images = [prepare(found.loader(found.samples[index][0])).numpy() for index in chosen]
        parts[part] = (np.stack(images), targets[chosen])
        classes.append(tuple(found.classes))
    if classes[0] != classes[1]:
        raise kit.KitError(f"{folder}/train and {folder}/test must hold the same classes")
    return classes[0], {**_with_validation(*parts["train"]), "test": parts["test"]}


@lru_cache(maxsize=1)
def _speech_commands(root: Path) -> tuple[tuple[str, ...], Parts]:
    """Ten words of Speech Commands (Warden 2018) as log-mel spectrograms of 40x49 points."""
    folder = root / "SpeechCommands" / "speech_commands_v0.02"
    if not (folder / "testing_list.txt").is_file():
        if importlib.util.find_spec("torchaudio") is None:
            raise kit.KitError(
                f"Speech Commands is not in {folder}; unpack its archive there, or install "
                "torchaudio, which fetches it: pip install torchaudio"
            )
        import torchaudio  # type: ignore[import-not-found]

        root.mkdir(parents=True, exist_ok=True)
        torchaudio.datasets.SPEECHCOMMANDS(str(root), download=True)
    listed = {
        part: set((folder / f"{file}_list.txt").read_text().split())
        for part, file in (("test", "testing"), ("val", "validation"))
    }
    rows: dict[str, list[tuple[np.ndarray, int]]] = {"train": [], "val": [], "test": []}
    for label, word in enumerate(WORDS):
        for path in sorted((folder / word).glob("*.wav")):
            name = f"{word}/{path.name}"
            part = next((part for part, names in listed.items() if name in names), "train")
            rows[part].append((spectrogram(path), label))
    if not all(rows.values()):
        raise kit.KitError(f"{folder} holds no recordings of {', '.join(WORDS)} in all three parts")
    return WORDS, {
        part: (np.stack([image for image, _ in found]), np.array([label for _, label in found]))
        for part, found in rows.items()
    }


def spectrogram(path: Path) -> np.ndarray:
    """A second of sound as (40, 49) uint8: log energy of mel bands, 10 dB a step of 32."""
    rate, samples = wavfile.read(path)
    if rate != RATE:
        raise kit.KitError(f"{path} has {rate} samples a second; {RATE} are expected")
    sound = torch.zeros(RATE)
    heard = torch.from_numpy(samples[:RATE].astype(np.float32) / 2**15)
    sound[: len(heard)] = heard
    window = torch.hann_window(640)
    waves = torch.stft(sound, 640, 320, window=window, center=False, return_complex=True)
    power = mel_bands(waves.shape[0]) @ waves.abs().square()
    decibels = 10 * power.clamp_min(1e-8).log10()
    return ((decibels + 40) * 3.2).clamp(0, 255).to(torch.uint8).numpy()


@lru_cache(maxsize=1)
def mel_bands(frequencies: int) -> torch.Tensor:
    """Triangles (40, frequencies) of equal width on the mel scale, 2595·log10(1 + f/700)."""
    top = 2595 * np.log10(1 + RATE / 2 / 700)
    edges = torch.tensor(700 * (10 ** (np.linspace(0, top, MELS + 2) / 2595) - 1))
    scale = torch.linspace(0, RATE / 2, frequencies).double()
    low, peak, high = (edges[i : i + MELS, None] for i in range(3))
    rising, falling = (scale - low) / (peak - low), (high - scale) / (high - peak)
    return torch.minimum(rising, falling).clamp_min(0).float()


def _with_validation(images: np.ndarray, labels: np.ndarray) -> Parts:
    """Training images and a tenth of them for validation, the same ones every time."""
    order = np.random.default_rng(0).permutation(len(images))
    val, train = order[: len(order) // VAL_SHARE], order[len(order) // VAL_SHARE :]
    return {"train": (images[train], labels[train]), "val": (images[val], labels[val])}


OWN: dict[str, Callable[[Path], tuple[tuple[str, ...], Parts]]] = {
    "CIFAR10": _cifar10,
    "ImageFolder": _image_folder,
    "SpeechCommands": _speech_commands,
}  # sets that the kit does not have
HANDED_OVER = (*OWN, NOISY)  # whole, by the runner: the kit has them not, or not under this name
