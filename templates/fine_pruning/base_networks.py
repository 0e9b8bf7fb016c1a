"""Frozen: the networks that users are given, how they are trained once, and where they are kept."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from networks import prunable
from torch import Tensor, nn
from users import People

from bonsai import kit
from bonsai.kit.data import kept_folder
from bonsai.kit.keys import MARK
from bonsai.kit.vision import torchvision

SMALL = {"mlp": (128, 64), "cnn": (8, 16, 32, 64)}  # units of the hidden layers
RESNETS = ("resnet18", "resnet50")
EPOCHS = 6  # passes of a small base network over its training images
BATCH = 256  # images per step
PEAK_RATE = 6e-3  # Adam's learning rate at the top of its one cycle


# ------------------------------------------------------------------------------------------------
# Networks


def small_network(kind: str, shape: tuple[int, ...], classes: int, widths: list[int]) -> nn.Module:
    """An MLP, or convolutions of stride 2 below one hidden layer; all hidden layers normalised.

    Args:
        kind: "mlp" or "cnn".
        shape: channels, height and width of the images.
        classes: outputs.
        widths: units of the hidden layers; of a CNN all but the last are filters.
    """
    layers: list[nn.Module] = []
    channels, height, width = shape
    filters = widths[:-1] if kind == "cnn" else []
    for count in filters:
        layers += [nn.Conv2d(channels, count, 3, stride=2, padding=1, bias=False),
                   nn.BatchNorm2d(count), nn.ReLU()]  # fmt: skip
        channels, height, width = count, (height + 1) // 2, (width + 1) // 2
    layers.append(nn.Flatten())
    inputs = channels * height * width
    for count in widths[len(filters) :]:
        layers += [nn.Linear(inputs, count, bias=False), nn.BatchNorm1d(count), nn.ReLU()]
        inputs = count
    layers.append(nn.Linear(inputs, classes))
    return nn.Sequential(*layers)


def slimmer(kind: str, shape: tuple[int, ...], classes: int, share: float) -> list[int]:
    """Widths that leave about `share` of the weights of a small network's prunable layers."""
    full = SMALL[kind]

    def weights(factor: float) -> tuple[list[int], int]:
        widths = [max(1, round(factor * width)) for width in full]
        layers = prunable(small_network(kind, shape, classes, widths))
        return widths, sum(layer.module.weight.numel() for layer in layers)

    target = share * weights(1.0)[1]
    candidates = [weights(factor) for factor in np.linspace(0.02, 1, 99)]
    return min(candidates, key=lambda candidate: abs(candidate[1] - target))[0]


class PretrainedResNet(nn.Module):
    """A torchvision ResNet on images from 0 to 1, answering for some of its classes."""

    def __init__(self, network: nn.Module, chosen: list[int]) -> None:
        """Keep the outputs `chosen`."""
        super().__init__()
        self.network = network
        self.register_buffer("chosen", torch.tensor(chosen))
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) of images (N, 3, height, width)."""
        return self.network((images - self.mean) / self.std)[:, self.chosen]


def pretrained(name: str, classes: tuple[str, ...]) -> nn.Module:
    """A ResNet with torchvision's default ImageNet weights, for classes of an image folder.

    A thousand folders are taken for ImageNet's own in their usual order; fewer must bear the names
    of ImageNet's categories as torchvision spells them.

    Raises:
        kit.KitError: the weights cannot be had, or a class is unknown.
    """
    models = torchvision().models
    weights = models.get_model_weights(name).DEFAULT
    known = [category.lower() for category in weights.meta["categories"]]
    if len(classes) == len(known):
        chosen = list(range(len(known)))
    else:
        strange = [word for word in classes if word.lower().replace("_", " ") not in known]
        if strange:
            raise kit.KitError(
                f"{name} knows no class {strange[0]!r}; name the folders as torchvision names "
                f"ImageNet's categories ({known[0]!r}, {known[1]!r}, ...), or give all {len(known)}"
            )
        chosen = [known.index(word.lower().replace("_", " ")) for word in classes]
    try:
        network = models.get_model(name, weights=weights)
    except OSError as error:
        raise kit.KitError(
            f"the weights of {name} cannot be fetched ({error}); put {Path(weights.url).name} into "
            f"{torch.hub.get_dir()}/checkpoints"
        ) from error
    return PretrainedResNet(network, chosen)


# ------------------------------------------------------------------------------------------------
# Base networks: trained once for each seed, kept as plain arrays


def base_network(name: str, people: People, seed: int, share: float = 1.0) -> nn.Module:
    """The network that users start from, in evaluation mode and without gradients.

    Small ones are trained on the population's base images, or read from the data cache, where they
    are kept under a hash of everything that decides them.

    Args:
        name: "mlp", "cnn", "resnet18" or "resnet50".
        people: where its training images come from.
        seed: of initial weights and order of images.
        share: of its prunable weights, to train a smaller one from scratch.
    """
    if name in RESNETS:
        model = pretrained(name, people.classes)
    elif name in SMALL:
        shape, classes = tuple(people.base_images.shape[1:]), len(people.classes)
        widths = list(SMALL[name]) if share == 1 else slimmer(name, shape, classes, share)
        model = small_network(name, shape, classes, widths)
        path = _cache_file(name, people, seed, widths)
        if not _read(path, model):
            _train(model, people, seed, f"base {name}, seed {seed}")
            _write(path, model)
    else:
        raise kit.KitError(f"no network {name!r}; use one of {', '.join((*SMALL, *RESNETS))}")
    return model.to(kit.device()).eval().requires_grad_(False)


def _train(model: nn.Module, people: People, seed: int, label: str) -> None:
    """Adam with one cycle of the learning rate; all that is random comes from the seed."""
    generator = torch.Generator().manual_seed(seed)
    for layer in prunable(model):  # torch's own initial weights
        bound = layer.matrix.shape[1] ** -0.5
        for parameter in layer.module.parameters():
            nn.init.uniform_(parameter, -bound, bound, generator=generator)
    model.to(kit.device()).train()
    images, labels = people.base_images.to(kit.device()), people.base_labels.to(kit.device())
    size = min(BATCH, len(images))
    steps = EPOCHS * (len(images) // size)
    adam = torch.optim.Adam(model.parameters(), lr=PEAK_RATE)
    cycle = torch.optim.lr_scheduler.OneCycleLR(adam, PEAK_RATE, total_steps=steps)
    progress = kit.Progress(steps, label)
    for _ in range(EPOCHS):
        order = torch.randperm(len(images), generator=generator).to(kit.device())
        for batch in order.split(size):
            if len(batch) < size:  # the incomplete last batch is left out
                continue
            loss = F.cross_entropy(model(images[batch].float() / 255), labels[batch])
            adam.zero_grad()
            loss.backward()
            adam.step()
            cycle.step()
            progress.step()


def _cache_file(name: str, people: People, seed: int, widths: list[int]) -> Path:
    digest = hashlib.sha256(Path(__file__).read_bytes())
    plain, _, _ = people.name.partition(MARK)  # who is tested on what makes no difference here
    digest.update(repr((name, widths, seed, plain, torch.__version__)).encode())
    digest.update(people.base_images.numpy().tobytes())
    digest.update(people.base_labels.numpy().tobytes())
    return kept_folder("fine_pruning") / f"{name}-{digest.hexdigest()[:32]}.npz"


def _read(path: Path, model: nn.Module) -> bool:
    """Fill the network from the cache; False if there is no file, or one that does not fit."""
    wanted = model.state_dict()
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {key: torch.from_numpy(file[key]) for key in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return False
    fits = found.keys() == wanted.keys() and all(
        tensor.shape == wanted[key].shape
        and tensor.dtype == wanted[key].dtype
        and bool(tensor.isfinite().all())
        for key, tensor in found.items()
    )
    if fits:
        model.load_state_dict(found)
    return fits


def _write(path: Path, model: nn.Module) -> None:
    """Keep the network; where the cache cannot be written it is trained again next time."""
    arrays = {key: tensor.cpu().numpy() for key, tensor in model.state_dict().items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, **arrays)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        print(f"base network not kept: {error}", flush=True)
