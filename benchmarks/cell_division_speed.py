"""What life costs: a step of the living layers beside plain forms of it, in one run.

Three comparisons, each the median time of a training step on the template's default network
(64-64-64-64-10, batches of 16, Adam, float32) and each a ratio within this run:
(a) living layers against a static dense network of the same live width;
(b) one Python object per neuron, as the code that gave rise to this template has it, against ours;
    both take the same steps from the same weights, compared in float64;
(c) 5, 30 and 100 seeds trained as one batch against one after another.

Run:  python benchmarks/cell_division_speed.py [--quick] [--threads 2]
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TEMPLATE = Path(__file__).resolve().parents[1] / "templates" / "cell_division"
sys.path.insert(0, str(TEMPLATE))
import experiment as ours  # noqa: E402
import peers  # noqa: E402
import streams  # noqa: E402
from networks import Networks  # noqa: E402

WIDTHS = (64, 64, 64, 64, 10)
RATE = 3e-3
COUNTS = (5, 30, 100)


class Neuron(nn.Module):
    """One unit with weights, bias, age and energy of its own."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        """Take over weights (in,) and a bias."""
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight.clone()), nn.Parameter(bias.clone())
        self.age, self.energy = 0, 10.0

    def forward(self, inputs: Tensor) -> Tensor:
        """Response (B,) to inputs (B, in)."""
        self.age += 1
        return inputs @ self.weight + self.bias


class ObjectNetwork(nn.Module):
    """A network of `Neuron` objects."""

    def __init__(self, networks: Networks, row: int) -> None:
        """Take over the weights of one row."""
        super().__init__()
        self.layers = nn.ModuleList(
            nn.ModuleList(map(Neuron, weight[row].detach(), bias[row, 0].detach()))
            for weight, bias in zip(networks.weights, networks.biases, strict=True)
        )
        self.optimiser = torch.optim.Adam(self.parameters(), lr=RATE)

    def learn(self, inputs: Tensor, labels: Tensor) -> None:
        """One step on inputs (B, D) and labels (B,)."""
        h = inputs
        for layer in self.layers:
            z = torch.stack([neuron(h) for neuron in layer], dim=1)
            h = torch.relu(z)
        self.optimiser.zero_grad()
        F.cross_entropy(z, labels).backward()
        self.optimiser.step()


class OurNetworks:
    """The template's networks, with or without life."""

    def __init__(
        self, methods: Sequence[ours.Method], seeds: int, widths: Sequence[int] = WIDTHS
    ) -> None:
        """As many networks as methods and seeds; without any methods, one static network each."""
        count = max(1, len(methods))
        self.networks = Networks(range(seeds), count, widths[0], widths[1:-1], widths[-1])
        self.adam = peers.optimiser(self.networks.parameters, RATE)
        self.living = (
            ours.LivingLayers(self.networks, tuple(methods), self.adam, 0.99) if methods else None
        )

    def learn(self, inputs: Tensor, labels: Tensor) -> None:
        """One step on inputs (N, B, D) and labels (N, B)."""
        outputs, _, after = self.networks.forward(inputs)
        each = F.cross_entropy(outputs.flatten(0, 1), labels.flatten(), reduction="none")
        wanted = self.networks.parameters
        gradients = torch.autograd.grad(each.view(labels.shape).mean(1).sum(), wanted)
        for parameter, gradient in zip(wanted, gradients, strict=True):
            parameter.grad = gradient.contiguous()
        self.adam.step()
        if self.living:
            self.living.observe(inputs, after, ())
            self.living.tick()


class StaticNetworks:
    """The same without slots: no mask, no record of activity, no signals."""

    def __init__(self, rows: int, widths: Sequence[int] = WIDTHS) -> None:
        """Networks (rows,) of these widths."""
        start = Networks(range(rows), 1, widths[0], widths[1:-1], widths[-1])
        self.weights, self.biases = start.weights, start.biases
        self.adam = peers.optimiser(start.parameters, RATE)
        self.parameters = start.parameters

    def learn(self, inputs: Tensor, labels: Tensor) -> None:
        """One step on inputs (N, B, D) and labels (N, B)."""
        h = inputs
        for weight, bias in zip(self.weights, self.biases, strict=True):
            z = torch.baddbmm(bias, h, weight.mT)
            h = torch.relu(z)
        each = F.cross_entropy(z.flatten(0, 1), labels.flatten(), reduction="none")
        gradients = torch.autograd.grad(each.view(labels.shape).mean(1).sum(), self.parameters)
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient.contiguous()
        self.adam.step()


def batch(rows: int, widths: Sequence[int] = WIDTHS) -> tuple[Tensor, Tensor]:
    """Inputs (rows, B, D) and labels (rows, B)."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(rows, streams.BATCH, widths[0], generator=generator)
    labels = torch.randint(widths[-1], (rows, streams.BATCH), generator=generator)
    return inputs, labels


def difference(widths: Sequence[int] = WIDTHS, steps: int = 10) -> float:
    """Largest difference of weights after steps of both forms, in float64."""
    kind = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        fast = OurNetworks((), 1, widths)
        plain = ObjectNetwork(fast.networks, 0)
        inputs, labels = batch(1, widths)
        for _ in range(steps):
            fast.learn(inputs, labels)
            plain.learn(inputs[0], labels[0])
        return max(
            float(
                (torch.stack([neuron.weight.detach() for neuron in layer]) - weight[0].detach())
                .abs()
                .max()
            )
            for layer, weight in zip(plain.layers, fast.networks.weights, strict=True)
        )
    finally:
        torch.set_default_dtype(kind)


def seconds(*steps: Callable[[], None], least: float) -> list[float]:
    """Median time of a step of each kind; kinds take turns, so that all meet the same machine."""
    times: list[list[float]] = [[] for _ in steps]
    for step in steps:
        step()
    while sum(map(sum, times)) < least * len(steps) or len(times[0]) < 7:
        for step, mine in zip(steps, times, strict=True):
            started = time.perf_counter()
            for _ in range(ours.TICK):  # a whole period of life
                step()
            mine.append((time.perf_counter() - started) / ours.TICK)
    return [sorted(mine)[len(mine) // 2] for mine in times]


def cost_of_life(least: float) -> None:
    """Print the first comparison."""
    print("(a) one training step, ms                static   living   ratio")
    division = ours.Config().methods[0]
    newborn = ours.Method("newborn", "utility", division=0.0)
    for name, methods, seeds in (
        ("division, 5 seeds", [division], 5),
        ("division, 50 seeds", [division], 50),
        ("five divide, five newborn, 5 seeds", [division] * 5 + [newborn] * 5, 5),
    ):
        rows = len(methods) * seeds
        inputs, labels = batch(rows)
        static, alive = StaticNetworks(rows), OurNetworks(methods, seeds)
        for _ in range(200):  # until units are old enough to die
            alive.learn(inputs, labels)
        plain, ours_ = seconds(
            lambda n=static, x=inputs, y=labels: n.learn(x, y),
            lambda n=alive, x=inputs, y=labels: n.learn(x, y),
            least=least,
        )  # fmt: skip
        print(f"    {name:<36} {1e3 * plain:>6.2f}   {1e3 * ours_:>6.2f}   {ours_ / plain:>5.2f}")


def against_objects(least: float) -> bool:
    """Print the second comparison; whether both forms take the same steps."""
    apart = difference()
    fast = OurNetworks((), 1)
    plain = ObjectNetwork(fast.networks, 0)
    many = OurNetworks(ours.Config().methods, 5)
    (x, y), (xs, ys) = batch(1), batch(len(many.networks.chance))
    slow, one, all_of = seconds(
        lambda: plain.learn(x[0], y[0]), lambda: fast.learn(x, y), lambda: many.learn(xs, ys),
        least=least,
    )  # fmt: skip
    count = len(xs)
    print(f"\n(b) one object per neuron: {1e3 * slow:.1f} ms a step; after 10 steps in float64 the")
    print(f"    weights of both forms are within {apart:.1e} of each other")
    print(f"    ours, one network:            {1e3 * one:6.2f} ms, {slow / one:6.0f} times faster")
    print(f"    ours, {count} living networks:    {1e3 * all_of:6.2f} ms, "
          f"{slow * count / all_of:6.0f} times faster")  # fmt: skip
    return apart <= 1e-10


def seeds_together(least: float) -> None:
    """Print the third comparison."""
    print("\n(c) one step of so many seeds (division), ms    one by one   together   times faster")
    division = ours.Config().methods[0]
    for count in COUNTS:
        single, together = OurNetworks([division], 1), OurNetworks([division], count)
        (x, y), (xs, ys) = batch(1), batch(count)
        one, all_of = seconds(
            lambda n=single, a=x, b=y: n.learn(a, b),
            lambda n=together, a=xs, b=ys: n.learn(a, b),
            least=least,
        )  # fmt: skip
        print(f"    {count:>3} seeds {1e3 * one * count:>46.2f} {1e3 * all_of:>10.2f} "
              f"{one * count / all_of:>14.1f}")  # fmt: skip


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="shorter, noisier timings")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of all forms")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    least = 0.5 if arguments.quick else 4.0
    print(f"torch {torch.__version__}, {torch.get_num_threads()} CPU thread(s)\n")
    cost_of_life(least)
    equal = against_objects(least)
    seeds_together(least)
    print(f"\nwidths {'-'.join(map(str, WIDTHS))}; {len(list(pairwise(WIDTHS)))} layers of weights")
    raise SystemExit(0 if equal else 1)


if __name__ == "__main__":
    main()
