"""NAME_OF_TEMPLATE: handwritten digits with one hidden layer. Replace it by what you study.

Baseline: see run_0/final_info.json; a few seconds on two CPU cores.
Run:  python experiment.py --out_dir run_0     (add --smoke for a check in seconds)
"""

import time
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from bonsai import kit


@dataclass
class Config:
    """What a run may change; each field with its meaning and unit."""

    hidden: int = 64  # units of the hidden layer
    epochs: int = 40  # passes over the training images
    batch_size: int = 64  # images per step
    learning_rate: float = 0.1  # of SGD with momentum 0.9; falls to zero along a cosine
    weight_decay: float = 1e-4  # L2 penalty on all weights


def train(config: Config, data: kit.Images, seeds: list[int]) -> list[kit.Outcome]:
    """Train once for each seed; return one outcome per seed, in order."""
    data = data.to(kit.device())
    return [train_one(config, data, seed) for seed in seeds]


def train_one(config: Config, data: kit.Images, seed: int) -> kit.Outcome:
    """Train one network; its predictions are scored by score.py, which alone has test labels."""
    kit.set_seed(seed)
    started = time.perf_counter()
    images, labels = pixels(data.train_images), data.train_labels
    model = nn.Sequential(
        nn.Linear(images.shape[1], config.hidden),
        nn.ReLU(),
        nn.Linear(config.hidden, len(data.classes)),
    ).to(images.device)
    cross_entropy = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(
        model.parameters(), config.learning_rate, momentum=0.9, weight_decay=config.weight_decay
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.epochs)
    progress = kit.Progress(config.epochs, f"seed {seed}")
    curves = kit.Curves()

    for epoch in range(1, config.epochs + 1):
        order = torch.randperm(len(images), device=images.device)
        for batch in torch.split(order, config.batch_size):
            optimizer.zero_grad()
            loss = cross_entropy(model(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
        schedule.step()
        val_log_probs = predict(model, data.val_images)
        val_loss = functional.nll_loss(val_log_probs, data.val_labels)
        curves.add("training loss", epoch, loss.item())
        curves.add("validation loss", epoch, val_loss.item())
        progress.step(loss=loss.item(), val_loss=val_loss.item())

    return kit.Outcome(
        seed=seed,
        curves=curves,
        test_log_probs=predict(model, data.test_images),
        val_log_probs=val_log_probs,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        train_seconds=time.perf_counter() - started,
    )


@torch.no_grad()
def predict(model: nn.Module, images: Tensor) -> Tensor:
    """Log-probabilities (N, classes) of uint8 images (N, height, width)."""
    logits: Tensor = model(pixels(images))
    return logits.log_softmax(dim=1)


def pixels(images: Tensor) -> Tensor:
    """Images (N, height, width) of 0 to 255 as rows (N, height * width) of -1 to 1."""
    return images.flatten(1).float() / 127.5 - 1.0


if __name__ == "__main__":
    kit.main(Config, train, smoke={"epochs": 2})
