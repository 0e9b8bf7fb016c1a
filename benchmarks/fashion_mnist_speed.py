"""How long our Fashion-MNIST baseline takes beside the plain reference recipe, on this machine.

Everything is trained here, in this one run: ours (one seed, as the template's experiment.py
stands), then the reference, then ours once more, so that a machine whose speed drifts favours
neither. Nothing is extrapolated: with `--epochs` below 14 the table says that the reference was cut
short. Seconds are training seconds; ours include its validation pass after every epoch. The whole
takes about a quarter of an hour on two cores.

Run:  python benchmarks/fashion_mnist_speed.py [--epochs 14] [--seed 0]
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from fashion_mnist_reference import train_reference

EXPERIMENT = Path(__file__).resolve().parents[1] / "templates" / "fashion_mnist" / "experiment.py"
FULL_EPOCHS = 14  # of the reference recipe


def train_ours(seed: int) -> dict[str, float]:
    """Run the template for one seed on the CPU; its metrics, as its frozen score.py gives them."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(EXPERIMENT), "--out_dir", folder, "--seeds", str(seed)]
        subprocess.run([*command, "--device", "cpu", "--data", "FashionMNIST"], check=True)
        info = json.loads((Path(folder) / "final_info.json").read_text(encoding="utf-8"))
        return info["FashionMNIST"]["means"]


def main() -> None:
    """Train both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=FULL_EPOCHS, help="of the reference")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    arguments = parser.parse_args()

    first = train_ours(arguments.seed)
    reference = train_reference(arguments.epochs, arguments.seed)
    again = train_ours(arguments.seed)
    rows = [
        ("ours", first["test_accuracy"], first["train_seconds"], "55,000 images"),
        ("reference", reference["accuracy"], reference["seconds"], "60,000 images"),
        ("ours again", again["test_accuracy"], again["train_seconds"], "55,000 images"),
    ]
    print(f"\n{'recipe':<11} {'test accuracy':>13} {'training':>10}   trained on")
    for name, accuracy, seconds, images in rows:
        print(f"{name:<11} {accuracy:>11.2f} % {seconds:>8.1f} s   {images}")
    print(
        f"seed {arguments.seed}, {torch.get_num_threads()} CPU threads, torch {torch.__version__}"
    )
    if arguments.epochs != FULL_EPOCHS:
        print(f"The reference ran {arguments.epochs} epochs, not its full {FULL_EPOCHS}.")
    if first["test_accuracy"] >= reference["accuracy"]:
        ratio = 2 * reference["seconds"] / (first["train_seconds"] + again["train_seconds"])
        print(f"Ours ends at least as accurate, in 1/{ratio:.1f} of the reference's seconds.")
    else:
        print("Ours ends less accurate than the reference, so its seconds are no speed-up.")


if __name__ == "__main__":
    main()
