"""What personalising costs: pruning against fine-tuning, and many users at once against one by one.

One run, one CPU thread, one base network (CNN, seed 0) and the twelve `subset` users of that seed:
seconds and floating-point operations of a user's pruning (100 unlabelled images), accuracy on the
user's test images, and labelled fine-tuning continued until it is as accurate on average. Every
time is the median of several; operations are counted from shapes, backward as twice forward.

Run:  python benchmarks/fine_pruning_speed.py [--data FashionMNIST]
"""

import argparse
import sys
from pathlib import Path

import torch

TEMPLATE = Path(__file__).resolve().parents[1] / "templates" / "fine_pruning"
sys.path.insert(0, str(TEMPLATE))
sys.dont_write_bytecode = True

import base_networks  # noqa: E402
import compact  # noqa: E402
import experiment  # noqa: E402
import networks  # noqa: E402
import peers  # noqa: E402
import sources  # noqa: E402
from protocol import ABSENT_SHARE  # noqa: E402

MAX_EPOCHS = 30  # of fine-tuning
RATE = peers.TUNE_ALL_RATE


def fine_tune(model, users, count, accuracy, goals):
    """Labelled epochs until the mean accuracy reaches each goal: {goal: (epochs, accuracy)}."""
    state = [
        {name: p.detach().clone().requires_grad_() for name, p in model.named_parameters()}
        for _ in range(len(users))
    ]
    adams = [torch.optim.Adam(copy.values(), lr=RATE) for copy in state]
    reached = {}
    for epoch in range(MAX_EPOCHS + 1):
        now = accuracy(state)
        for goal in goals:
            if now >= goal and goal not in reached:
                reached[goal] = (epoch, now)
        for user, (copy, adam) in enumerate(zip(state, adams, strict=True)):
            images, labels = users.unlabelled[user, :count], users.labels[user, :count]
            loss = torch.nn.functional.cross_entropy(networks.logits(model, copy, images), labels)
            adam.zero_grad()
            loss.backward()
            adam.step()
    return reached


def main() -> None:
    """Measure and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="FashionMNIST", help="as for experiment.py")
    torch.set_num_threads(1)
    people = sources.load(parser.parse_args().data)
    config = experiment.Config()
    count = config.images
    model = base_networks.base_network("cnn", people, 0)
    users = people.users(0, "subset")
    truth = torch.from_numpy(people.truth(0, "subset")["test"])
    layers = networks.prunable(model, output=False)

    def accuracy(copies, priors=None) -> float:
        """Mean accuracy (%) of the users' copies on their test images."""
        right = []
        for user, copy in enumerate(copies):
            with torch.no_grad():
                shown = users.shown[user, : people.sizes.test]
                answers = networks.logits(model, copy, shown)
            if priors is not None:
                answers = answers + priors[user]
            right.append((answers.argmax(1) == truth[user]).float().mean())
        return 100 * float(torch.stack(right).mean())

    def adapt(user: int, sparsity: float):
        images = users.unlabelled[user, :count]
        seen = [part.of(0) for part in networks.observe(model, layers, images[None])]
        return experiment.prune("rms", model, layers, seen, images, config, [sparsity], None)[0]

    def predicted(user: int) -> torch.Tensor:
        with torch.no_grad():
            return networks.logits(model, {}, users.unlabelled[user, :count])

    everyone = range(len(users))
    image = users.unlabelled[0, :1]
    forward = 2 * count * networks.multiply_adds(model, networks.prunable(model), image, {}) / 1e6
    weights = sum(layer.matrix.numel() for layer in layers)
    ranking = 3 * weights / 1e6  # absolute value, product, comparison
    seconds = compact.seconds_of
    dense = [{}] * len(users)
    masks = [peers.class_mask(predicted(user), ABSENT_SHARE) for user in everyone]
    priors = [peers.em_prior(predicted(user)) for user in everyone]
    rows = [("dense", 0.0, 0.0, accuracy(dense))]
    for sparsity in (0.5, 0.7):
        rows.append(
            (
                f"pruned {sparsity:.0%}",
                seconds(lambda s=sparsity: adapt(0, s), 15),
                forward + ranking,
                accuracy([adapt(user, sparsity) for user in everyone]),
            )
        )
    rows.append(("class mask", seconds(lambda: peers.class_mask(predicted(0), ABSENT_SHARE), 15),
                 forward, accuracy(dense, masks)))  # fmt: skip
    rows.append(("prior by EM", seconds(lambda: peers.em_prior(predicted(0)), 15), forward,
                 accuracy(dense, priors)))  # fmt: skip
    labels = users.labels[0, :count]
    epoch = seconds(
        lambda: peers.one_epoch_with_labels(model, users.unlabelled[0, :count], labels), 15
    )
    rows.append(("one epoch of backpropagation*", epoch, 3 * forward, float("nan")))
    reached = fine_tune(model, users, count, accuracy, [row[3] for row in rows[:5]])

    print(f"{people.name}, {len(users)} users with 2, 3 or 5 classes, {count} images each")
    print(f"{'':<30} {'ms':>8} {'MFLOP':>8} {'accuracy':>9}   fine-tuned* as far")
    for name, took, operations, mean in rows:
        epochs = reached.get(mean)
        told = f"{epochs[0]} epochs, {1e3 * epochs[0] * epoch:.1f} ms" if epochs else ""
        if mean == mean and not epochs:
            told = f"not within {MAX_EPOCHS} epochs"
        shown = f"{mean:>8.2f}%" if mean == mean else " " * 9
        print(f"{name:<30} {1e3 * took:>8.2f} {operations:>8.1f} {shown}   {told}")
    print("*: with labels; an epoch is one step over all images, the cheapest there is")

    images = users.unlabelled[:, :count]
    together = seconds(lambda: networks.observe(model, layers, images), 7)
    single = seconds(
        lambda: [networks.observe(model, layers, images[u : u + 1]) for u in everyone], 7
    )
    print(f"\nstatistics of {len(users)} users: one pass {1e3 * together:.1f} ms, one by one "
          f"{1e3 * single:.1f} ms, {single / together:.2f} times as long")  # fmt: skip
    few = users.unlabelled[:, :10]
    together = seconds(lambda: networks.observe(model, layers, few), 7)
    single = seconds(lambda: [networks.observe(model, layers, few[u : u + 1]) for u in everyone], 7)
    print(f"the same with 10 images each: {1e3 * together:.1f} ms and {1e3 * single:.1f} ms, "
          f"{single / together:.2f} times as long")  # fmt: skip


if __name__ == "__main__":
    main()
