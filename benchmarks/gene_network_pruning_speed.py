"""How fast many small pruned networks train: one after another in plain torch, or as one batch.

The plain form is what anyone would write: an nn.Sequential per seed, torch.nn.utils.prune masks of
the smallest weights by the same schedule, torch.optim.Adam. Both forms train gradual magnitude
pruning at four sparsities for S seeds; in double precision the weights of both must agree to 1e-9.
Then: which share of the template's training goes into mask updates, for every rule together, and
how long the default data take to generate. Nothing is extrapolated. Minutes on one core.

Run:  python benchmarks/gene_network_pruning_speed.py [--quick]
"""

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import prune

TEMPLATE = Path(__file__).resolve().parents[1] / "templates" / "gene_network_pruning"
sys.path.insert(0, str(TEMPLATE))
import emotions  # noqa: E402
import experiment as ours  # noqa: E402
from masks import budgets, cubic, top  # noqa: E402
from networks import Networks, generator  # noqa: E402

SEEDS = (1, 5, 10, 30)


def plain(
    config: ours.Config, inputs: Tensor, labels: Tensor, seed: int, sparsity: float
) -> nn.Sequential:
    """One network by gradual magnitude pruning, with torch's own tools."""
    start = Networks.start([inputs.shape[1], *config.hidden, config.classes], [seed], 1).to(inputs)
    layers = []
    for weight, bias in zip(start.weights, start.biases, strict=True):
        layer = nn.Linear(weight.shape[-1], weight.shape[-2]).to(inputs)
        layer.weight.data, layer.bias.data = weight[0, 0].clone(), bias[0, 0, :, 0].clone()
        prune.custom_from_mask(layer, "weight", torch.ones_like(layer.weight))
        layers += [layer, nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    linear = layers[::2]
    adam = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    stream = generator(seed, 3)
    torch.randperm(len(inputs), generator=stream)  # the template's probe inputs
    steps, before = len(inputs) // config.batch_size, 0.0
    for epoch in range(config.epochs):
        order = torch.randperm(len(inputs), generator=stream)
        for step in range(1, steps + 1):
            rows = order[(step - 1) * config.batch_size : step * config.batch_size]
            adam.zero_grad()
            F.cross_entropy(model(inputs[rows]), labels[rows]).backward()
            adam.step()
            if step in (steps // 2, steps) and before < 0.75:
                before = (epoch + (1.0 if step == steps else 0.5)) / config.epochs
                counts = budgets([layer.weight_orig for layer in linear], cubic(sparsity, before))
                for layer, count in zip(linear, counts, strict=True):
                    layer.weight_mask = top(layer.weight_orig.data.abs()[None], count)[0]
    return model


def one_by_one(
    config: ours.Config, inputs: Tensor, labels: Tensor, seeds: list[int], levels: list[float]
) -> None:
    """Every network by itself, one after another."""
    for seed in seeds:
        for level in levels:
            plain(config, inputs, labels, seed, level)


def batch(
    config: ours.Config, inputs: Tensor, labels: Tensor, seeds: list[int], levels: list[float]
) -> ours.Trained:
    """The same networks by the template, a few seeds at a time."""
    parts = []
    for first in range(0, len(seeds), 10):
        some = seeds[first : first + 10]
        rules = {"gradual": ours.Gradual(levels)}
        parts.append(ours.fit(config, rules, inputs, labels.expand(len(some), -1), some))
    return parts[-1]


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def check_equality(inputs: Tensor, labels: Tensor, levels: list[float]) -> float:
    """Largest difference of a weight after three epochs in double precision."""
    config = ours.Config(epochs=3)
    inputs, labels = inputs[:1000].double(), labels[:1000]
    together = batch(config, inputs, labels, [0, 1], levels).nets
    worst = 0.0
    for s, seed in enumerate((0, 1)):
        for k, level in enumerate(levels):
            model = plain(config, inputs, labels, seed, level)
            for layer, weight in zip(model[::2], together.weights, strict=True):
                worst = max(worst, float((layer.weight_orig.detach() - weight[s, k]).abs().max()))
    return worst


def update_share(inputs: Tensor, labels: Tensor, epochs: int) -> tuple[float, float]:
    """Seconds of a training of all rules for two seeds, and the share spent in mask updates."""
    config, spent = ours.Config(epochs=epochs), [0.0]
    rules = {name: make(config.sparsities) for name, make in ours.rules_of(config).items()}
    for rule in rules.values():

        def counted(*arguments: object, update: Callable[..., None] = rule.update) -> None:
            spent[0] += timed(lambda: update(*arguments))

        rule.update = counted  # type: ignore[method-assign]
    seconds = timed(lambda: ours.fit(config, rules, inputs, labels.expand(2, -1), [0, 1]))
    return seconds, spent[0] / seconds


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer epochs and seeds")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    generating = timed(lambda: emotions.load("faces"))
    data, _ = emotions.load("faces")
    inputs, labels = data.train.inputs, data.train.labels
    levels = [0.5, 0.8, 0.9, 0.95]
    print(f"the default data are generated in {generating:.2f} s")
    worst = check_equality(inputs, labels, levels)
    print(f"largest difference of a weight, double precision: {worst:.1e}")

    config = ours.Config(epochs=1 if quick else 2, fake_start=0)
    steps = config.epochs * (len(inputs) // config.batch_size)
    print(f"\n{len(levels)} sparsities, {steps} steps of {config.batch_size}, one thread, float32:")
    print("| seeds | one after another | together | times faster |\n|---|---|---|---|")
    for count in SEEDS[:2] if quick else SEEDS:
        alone = timed(partial(one_by_one, config, inputs, labels, list(range(count)), levels))
        together = timed(partial(batch, config, inputs, labels, list(range(count)), levels))
        print(
            f"| {count} | {alone:.2f} s | {together:.2f} s | {alone / together:.1f} |", flush=True
        )

    seconds, share = update_share(inputs, labels, 4 if quick else 20)
    print(
        f"\nall rules at all sparsities, two seeds: {seconds:.1f} s, {share:.1%} of it mask updates"
    )


if __name__ == "__main__":
    main()
