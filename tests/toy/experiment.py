"""Ridge regression on the 8x8 digits: a template small enough to sweep in a test."""

from dataclasses import dataclass

import numpy as np

from bonsai import kit


@dataclass
class Config:
    images: int = 60  # training images drawn per seed
    ridge: float = 10.0  # weight of the penalty


def train(config: Config, data: kit.Images, seeds: list[int]) -> list[kit.Outcome]:
    return [train_one(config, data, seed) for seed in seeds]


def train_one(config: Config, data: kit.Images, seed: int) -> kit.Outcome:
    rng = np.random.default_rng(seed)
    curves = kit.Curves()
    drawn = rng.permutation(len(data.train_images))[: config.images]
    inputs = features(data.train_images)[drawn]
    targets = np.eye(10)[data.train_labels.numpy()[drawn]]
    penalty = config.ridge * np.eye(inputs.shape[1])
    weights = np.linalg.solve(inputs.T @ inputs + penalty, inputs.T @ targets)
    curves.add("training loss", 1, float(np.mean((inputs @ weights - targets) ** 2)))
    return kit.Outcome(
        seed=seed,
        curves=curves,
        test=(features(data.test_images) @ weights).argmax(axis=1),
        val=(features(data.val_images) @ weights).argmax(axis=1),
    )


def features(images) -> np.ndarray:
    """Pixels between 0 and 1 with a constant one; shape (N, 65)."""
    flat = images.numpy().reshape(len(images), -1) / 255
    return np.hstack([flat, np.ones((len(flat), 1))])


if __name__ == "__main__":
    kit.main(Config, train, smoke={"images": 40})
