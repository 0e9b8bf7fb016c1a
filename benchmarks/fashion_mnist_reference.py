"""The plain recipe that `templates/fashion_mnist` is measured against.

The network and the schedule of the PyTorch MNIST example, on Fashion-MNIST, written as its users
write it: one image at a time through torchvision's transforms and a DataLoader. All 60,000
training images, Adadelta, 14 epochs, in 32-bit floating point. The test set is looked at once.

Run:  python benchmarks/fashion_mnist_reference.py [--epochs 14] [--seed 0]
"""

import argparse
import time

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

from bonsai import kit
from bonsai.kit.data import data_folder
from bonsai.kit.vision import torchvision

MEAN, STD = 0.2860, 0.3530  # of the training images, pixels between 0 and 1


class Net(nn.Module):
    """Two convolutions and two fully connected layers: 1,199,882 parameters."""

    def __init__(self) -> None:
        """Make the layers."""
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3)
        self.conv2 = nn.Conv2d(32, 64, 3)
        self.dropout1 = nn.Dropout(0.25)
        self.dropout2 = nn.Dropout(0.5)
        self.fc1 = nn.Linear(9216, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Log-probabilities (N, 10) of images (N, 1, 28, 28)."""
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        x = self.dropout1(F.max_pool2d(x, 2))
        x = F.relu(self.fc1(torch.flatten(x, 1)))
        return F.log_softmax(self.fc2(self.dropout2(x)), dim=1)


def datasets() -> tuple[Dataset, Dataset]:
    """The 60,000 training and the 10,000 test images, each transformed when it is asked for."""
    kit.load_images("FashionMNIST")  # sees to it that the files are there
    vision = torchvision()
    transform = vision.transforms.Compose(
        [vision.transforms.ToTensor(), vision.transforms.Normalize((MEAN,), (STD,))]
    )
    train, test = (
        vision.datasets.FashionMNIST(str(data_folder()), train=part, transform=transform)
        for part in (True, False)
    )
    return train, test


def train_reference(epochs: int = 14, seed: int = 0) -> dict[str, float]:
    """Train the reference on the CPU and test it once.

    Returns:
        "accuracy" (% of the test images), "seconds" (training only) and "epochs".
    """
    torch.manual_seed(seed)
    train_set, test_set = datasets()
    train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=1000)
    model = Net()
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)

    started = time.perf_counter()
    for epoch in range(1, epochs + 1):
        model.train()
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = F.nll_loss(model(images), labels)
            loss.backward()
            optimizer.step()
        scheduler.step()
        gone = time.perf_counter() - started
        line = f"reference · epoch {epoch}/{epochs} · loss {loss.item():.3f} · {gone:.0f} s"
        print(line, flush=True)
    seconds = time.perf_counter() - started

    model.eval()
    with torch.no_grad():
        right = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader)
    return {"accuracy": 100 * right / len(test_set), "seconds": seconds, "epochs": epochs}


def main() -> None:
    """Train the reference and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=14, help="default: 14")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    arguments = parser.parse_args()
    result = train_reference(arguments.epochs, arguments.seed)
    print(f"epochs:   {result['epochs']}")
    print(f"accuracy: {result['accuracy']:.2f} % of the test images")
    print(f"seconds:  {result['seconds']:.1f}")


if __name__ == "__main__":
    main()
