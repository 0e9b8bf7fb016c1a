"""Make `fashion_mnist_mini.npz`: a balanced subset of Fashion-MNIST, drawn with a fixed seed.

1,000 training and 200 test images of each of the ten classes, in random order.
Run:  python -m bonsai.kit.mini.make_mini
"""

from pathlib import Path

import numpy as np

from bonsai.kit import data

SEED = 0
PER_CLASS = {"train": 1000, "test": 200}


def main() -> None:
    """Write the file beside this script and print the checksum that `data.CHECKSUMS` must hold."""
    train_images, train_labels, test_images, test_labels = data._arrays("FashionMNIST")
    rng = np.random.default_rng(SEED)
    arrays = {}
    for part, images, labels in (
        ("train", train_images, train_labels),
        ("test", test_images, test_labels),
    ):
        chosen = [
            rng.choice(np.flatnonzero(labels == label), PER_CLASS[part], replace=False)
            for label in range(10)
        ]
        order = rng.permutation(np.concatenate(chosen))
        arrays[f"{part}_images"] = images[order]
        arrays[f"{part}_labels"] = labels[order].astype(np.uint8)
    target = Path(__file__).with_name("fashion_mnist_mini.npz")
    np.savez_compressed(target, **arrays)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")
    print(
        data._sha256(
            *(arrays[k] for k in ("train_images", "train_labels", "test_images", "test_labels"))
        )
    )


if __name__ == "__main__":
    main()
