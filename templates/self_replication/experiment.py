"""Organisms: networks whose every weight is a small network that also learns to copy itself.

Baseline: 92.9 % ± 0.4 of the test images (8x8 digits; mean ± standard error, 5 seeds); 87 ± 3 of
          552 particles copy themselves; zeroing these costs 1.1 ± 0.3 points, as many others of the
          same layers 31.0 ± 1.4. A filler task that is no replication idles 85 ± 7. See README.md.
Method:   a particle is a network 5 -> h -> h -> 1 without biases. Fed position and value of each of
          its own weights, it is to answer that value (self-replication); fed (0, 0, 0, 0, x), it
          stands in for one weight of a larger network, the organism, which learns to tell images.
          Linear particles compute v·x with v = W3 W2 W1. Whatever is asked of them is therefore a
          5-vector dL/dv, and one formula trains all particles of all organisms and seeds at once.
Run:      python experiment.py --out_dir run_0     (add --smoke for a check in seconds)
"""

import time
from dataclasses import dataclass
from itertools import pairwise

import torch
from particles import (
    ALPHA,
    FILLER,
    FULL_GRADIENT,
    REPLICATOR,
    RESIDUAL,
    ZERO,
    ablations,
    apply,
    classify,
    cross_entropy,
    edges,
    five_vector,
    forward,
    forward_by_particle,
    layers,
    matrices,
    melt,
    positions,
    weight_count,
)
from peers import train_peers

from bonsai import kit


@dataclass
class Organism:
    """How one organism of the batch is trained; the first one of a run is the one it is about."""

    alpha: float = 1.0             # weight of the replication loss, summed over particles; 0: none
    filler: bool = False           # learn an equally large task that is not replication instead
    residual: bool = True          # residual connections around pairs of hidden layers
    full_gradient: bool = False    # differentiate a particle's own weights as input and target too
    default_init: bool = False     # PyTorch's initial weights, smaller than Xavier's


@dataclass
class Config:
    """Settings of a run."""

    organisms: tuple[Organism, ...] = (
        Organism(),                                        # this one and its two controls first:
        Organism(alpha=0.0),                               # the task and nothing else
        Organism(filler=True),                             # a filler in place of replication
        Organism(residual=False), Organism(full_gradient=True),
        Organism(alpha=3.0), Organism(alpha=10.0), Organism(alpha=30.0), Organism(alpha=100.0),
        Organism(alpha=100.0, full_gradient=True, default_init=True),    # as first published
    )
    hidden: int = 8                # h, neurons in each hidden layer of a particle
    tanh: bool = False             # activation of a particle's hidden neurons (slow: autograd)
    depth: int = 5                 # layers of neurons above the pixels, the classes among them
    width: int = 6                 # neurons in each of these layers but the last
    relu: bool = False             # activation of the organism's neurons; the published have none
    position_norm: str = "max"     # scale of the positions that particles see: "max" or "length"
    steps: int = 6000              # training steps, each one batch and one replication update
    batch_size: int = 250          # images per step and seed, drawn with replacement
    learning_rate: float = 0.004   # of SGD
    momentum: float = 0.9          # of SGD
    attack_share: float = 0.0      # share of particles rewritten by a random other, per logging
    melt_share: float = 0.0        # share replaced by a child of themselves and another, likewise
    retrain_steps: int = 600       # steps after the dropout test, with the dropped still missing
    peer_steps: int = 2000         # of the ordinary networks beside the organisms
    peer_learning_rate: float = 0.003    # of Adam, for these
    threads: int = 1               # of the CPU; more gain little here, and wait for other programs
    logs: int = 40                 # points in every curve and trajectory
    tracked: int = 24              # particles whose every weight is logged, for the trajectories
    lab_hidden: tuple[int, ...] = (2, 3, 4, 6, 10)   # sizes of the single particles that learn x·n
    lab_particles: int = 20        # of them per size, condition and seed
    lab_steps: int = 2000          # their training steps
    lab_factor: float = 0.03       # n; score.py counts v5 within 0.001 of 0.03 as solved
    lab_learning_rate: float = 0.008     # theirs, of SGD


# ------------------------------------------------------------------------------------------------
# Particles: (P, ...) tensors, weights first; see particles.py


def start(hidden, count, seed, default_init):
    """Initial weights (P, count): one uniform draw, in Xavier's bounds or in PyTorch's."""
    generator = torch.Generator().manual_seed(seed)
    weights = 2 * torch.rand(weight_count(hidden), count, generator=generator) - 1
    widths = pairwise((5, hidden, hidden, 1))
    for layer, (inputs, outputs) in zip(layers(weights), widths, strict=True):
        layer *= inputs**-0.5 if default_init else (6 / (inputs + outputs)) ** 0.5
    return weights


class Replication:
    """The loss that asks each particle for its own weights, or for any other `goals`.

    A row of the task is x = (weight, its layer, target, source, 0), the answer v·x. It is the
    weight for every row when v1..v4 = (1, 0, 0, 0). The filler task has another goal, (0, a, b, c):
    the answers are a fixed random vector, not the weights; as many rows, as many free numbers.
    """

    def __init__(self, goals, where):
        """Prepare for `goals`; `where` are the `positions`."""
        self.goals = goals                                  # (4, ...)
        self.where = where                                  # (P, 3), see `positions`
        self.gram = where.T @ where

    def signal(self, weights, v, scratch=None):
        """dL/dv1..v4, (4, ...), of the mean squared error L over the rows: 2/P XᵀX (v - goal)."""
        c = v[:4] - self.goals
        square = torch.mul(weights, weights, out=scratch).sum(0)
        cross = (self.where.T @ weights.flatten(1)).view_as(c[1:])
        below = cross * c[0] + (self.gram @ c[1:].flatten(1)).view_as(c[1:])
        top = square * c[0] + (cross * c[1:]).sum(0)
        return (2 / len(weights)) * torch.cat([top[None], below])

    def own_gradient(self, weights, v):
        """What the full gradient adds: a weight is an input too and, in replication, the target."""
        c = v[:4] - self.goals
        error = weights * c[0] + (self.where @ c[1:].flatten(1)).view_as(weights)
        return error.mul_(c[0] * (2 / len(weights)))

    def of(self, organism):
        """The same for one of the organisms alone, without copying."""
        return Replication(self.goals[:, :, organism], self.where)


def push_back(weights, signal, gradient):
    """Write dL/dweights (P, ...) into `gradient`, given signal = dL/dv (5, ...); v = W3 W2 W1."""
    (w1, w2, w3), (g1, g2, g3) = layers(weights), layers(gradient)
    from_above = (w3.unsqueeze(1) * w2).sum(0)              # W3 W2
    from_below = (w1 * signal).sum(1)                       # W1 signalᵀ
    torch.mul(from_above.unsqueeze(1), signal, out=g1)
    torch.mul(w3.unsqueeze(1), from_below, out=g2)
    torch.sum(w2 * from_below, dim=1, out=g3)


def descend(weights, velocity, gradient, config):
    """One step of SGD with momentum, in place."""
    velocity.mul_(config.momentum).add_(gradient)
    weights.add_(velocity, alpha=-config.learning_rate)


# ------------------------------------------------------------------------------------------------
# Organisms: weights (P, S seeds, K organisms, N particles), images (S, B, D), labels (S, B)


def task_signal(scalars, images, labels, widths, residual, relu):
    """Cross-entropy (S, K) of each organism, and its derivative by every v5, (S, K, N)."""
    leaf = scalars.detach().requires_grad_()
    losses = cross_entropy(forward(images, matrices(leaf, widths), residual, relu), labels)
    (signal,) = torch.autograd.grad(losses.sum(), leaf)
    return losses.detach(), signal


def tanh_gradient(weights, replication, images, labels, widths, setting, config):
    """The same by automatic differentiation through each particle, for particles with tanh."""
    leaf = weights.detach().requires_grad_()
    logits = forward_by_particle(images, leaf, widths, setting[RESIDUAL], config.relu, tanh=True)
    losses = cross_entropy(logits, labels)
    full = setting[FULL_GRADIENT, :, 0] > 0
    seen = torch.where(full, leaf, weights)                 # semi-gradient: the rows are constants
    where, goals = replication.where, replication.goals
    goal = goals[0] * seen + torch.tensordot(where, goals[1:], 1)
    error = (apply(leaf, where, seen, tanh=True) - goal).square().mean(0)
    total = losses.sum() + (setting[ALPHA, :, 0] * error).sum()
    return losses.detach(), torch.autograd.grad(total, leaf)[0]


class Batch:
    """All organisms of all seeds, and one step of training them."""

    def __init__(self, weights, goals, setting, widths, config):
        """Start at rest; `setting` (5, K, 1, 1) is a column of particles.py's numbers for each."""
        self.weights, self.setting, self.widths, self.config = weights, setting, widths, config
        self.velocity, self.gradient = torch.zeros_like(weights), torch.zeros_like(weights)
        where = positions(config.hidden, config.position_norm)
        self.replication = Replication(goals, where.to(weights))
        self.full = setting[FULL_GRADIENT].flatten().nonzero().flatten().tolist()

    def step(self, images, labels):
        """One SGD step on task loss + α · sum of all particles' replication loss; task losses."""
        weights, setting, config = self.weights, self.setting, self.config
        residual, widths = setting[RESIDUAL], self.widths
        if config.tanh:
            losses, self.gradient = tanh_gradient(
                weights, self.replication, images, labels, widths, setting, config)
        else:
            v = five_vector(weights)
            losses, of_task = task_signal(v[4], images, labels, widths, residual, config.relu)
            alpha = setting[ALPHA, :, 0]                    # (K, 1)
            of_replication = alpha * self.replication.signal(weights, v, self.gradient)
            push_back(weights, torch.cat([of_replication, of_task[None]]), self.gradient)
            for k in self.full:
                own = self.replication.of(k).own_gradient(weights[:, :, k], v[:, :, k])
                self.gradient[:, :, k].add_(own, alpha=float(setting[ALPHA, k]))
        descend(weights, self.velocity, self.gradient, config)
        return losses


def mingle(weights, config, generator):
    """Let some particles of each organism be attacked by, or melt with, another one; in place."""
    where = positions(config.hidden, config.position_norm).to(weights)
    for share, meet in ((config.attack_share, "attack"), (config.melt_share, "melt")):
        count = int(share * weights.shape[-1])
        chosen = torch.randperm(weights.shape[-1], generator=generator)
        victims, others = chosen[:count], chosen[-count:] if count else chosen[:0]
        one, other = weights[..., victims], weights[..., others]
        if meet == "attack":
            weights[..., victims] = apply(other, where, one, config.tanh)
        else:
            weights[..., victims] = melt(one, other, generator)


# ------------------------------------------------------------------------------------------------
# The laboratory: single linear particles, in double precision, that replicate and multiply by n

LAB = ((False, False), (False, True), (True, False), (True, True))     # full gradient, default init


def lab(config, hidden, seeds):
    """Particles (P, 4 conditions of `LAB`, S, n) trained to replicate and to answer factor·x."""
    count = config.lab_particles
    weights = torch.stack([
        torch.stack([start(hidden, count, seed, default_init) for seed in seeds], dim=1)
        for _, default_init in LAB
    ], dim=1).double()
    goals = torch.tensor([1.0, 0, 0, 0]).double().view(4, 1, 1, 1).expand(4, *weights.shape[1:])
    replication = Replication(goals, positions(hidden, config.position_norm))
    full = torch.tensor([full for full, _ in LAB]).view(-1, 1, 1)
    velocity, gradient, own = (torch.zeros_like(weights) for _ in range(3))
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    squares = torch.stack([  # mean x² of each batch of 500 normal x
        torch.randn(config.lab_steps, 500, generator=g).square().mean(1) for g in generators
    ], dim=1).double()
    for step in range(config.lab_steps):
        v = five_vector(weights)
        of_task = 2 * (v[4] - config.lab_factor) * squares[step, :, None]
        push_back(weights, torch.cat([replication.signal(weights, v), of_task[None]]), gradient)
        torch.mul(replication.own_gradient(weights, v), full, out=own)
        velocity.mul_(config.momentum).add_(gradient).add_(own)
        weights.add_(velocity, alpha=-config.lab_learning_rate)
    return weights


# ------------------------------------------------------------------------------------------------
# The experiment


def make_batch(config, seeds, widths):
    """The organisms of all seeds before training; those of one seed start from the same draw."""
    count = len(edges(widths))
    all_of = config.organisms
    rows = [(o.alpha, o.filler, o.residual, o.full_gradient, o.default_init) for o in all_of]
    setting = torch.tensor(rows, dtype=torch.float32).T[:, :, None, None]   # (5, K, 1, 1)
    weights = torch.stack([
        torch.stack([start(config.hidden, count, seed, o.default_init) for o in all_of], dim=1)
        for seed in seeds
    ], dim=1)                                                               # (P, S, K, N)
    where = positions(config.hidden, config.position_norm).float()
    generators = [torch.Generator().manual_seed(seed + 2**20) for seed in seeds]
    free = torch.stack([torch.randn(3, 1, count, generator=g) for g in generators], dim=1)
    target = torch.tensordot(where, free, dims=1)                       # the filler's, (P, S, 1, N)
    free = free * (weights.square().mean(0) / target.square().mean(0)).sqrt()   # as large as these
    replicate = torch.tensor([1.0, 0, 0, 0]).view(4, 1, 1, 1)
    filler = torch.cat([torch.zeros_like(free[:1]), free])
    goals = torch.where(setting[FILLER, :, 0] > 0, filler, replicate.expand_as(filler))
    tensors = (tensor.to(kit.device()) for tensor in (weights, goals, setting))
    return Batch(*tensors, widths, config)


def train(config: Config, data: kit.Images, seeds: list[int]) -> list[kit.Outcome]:
    """One outcome per seed; all seeds and organisms are trained together, as one batch."""
    device = kit.device()
    torch.set_num_threads(config.threads)
    flat = {part: getattr(data, f"{part}_images").flatten(1).float().to(device) / 255
            for part in ("train", "val", "test")}
    train_labels, val_labels = data.train_labels.to(device), data.val_labels.to(device)
    pixel_variance = flat["train"].var(dim=0, unbiased=False).cpu()
    widths = [flat["train"].shape[1], *[config.width] * (config.depth - 1), len(data.classes)]

    def batches():
        """A function that draws the next batch, the same series of batches each time it is made."""
        generators = [torch.Generator().manual_seed(seed + 2**21) for seed in seeds]

        def draw():
            size = (config.batch_size,)
            rows = [torch.randint(len(train_labels), size, generator=g) for g in generators]
            index = torch.stack(rows).to(device)
            return flat["train"][index], train_labels[index]

        return draw

    curves = [kit.Curves() for _ in seeds]
    batch = make_batch(config, seeds, widths)
    count = batch.weights.shape[-1]
    tracked = torch.linspace(0, count - 1, min(config.tracked, count)).long().unique()
    log_at = sorted({round(x) for x in torch.linspace(1, config.steps, config.logs).tolist()})
    snapshots = {"class_history": [], "v_history": [], "tracked_history": []}
    progress = kit.Progress(config.steps, f"{len(seeds)} x {len(config.organisms)} organisms")
    soup = torch.Generator().manual_seed(min(seeds))
    draw, started = batches(), time.perf_counter()
    for step in range(1, config.steps + 1):
        images, labels = draw()
        losses = batch.step(images, labels)
        if step in log_at:
            log(step, batch, losses, flat["val"], val_labels, tracked, curves, snapshots)
            mingle(batch.weights, config, soup)
        progress.step()
    seconds = (time.perf_counter() - started) / len(seeds)

    goals = batch.replication.goals
    norm, tanh = config.position_norm, config.tanh
    found = classify(batch.weights[:, :, 0], norm, tanh, goals[:, :, 0]).cpu()
    dropped = retrain(batch, found, pixel_variance, batches(), config)
    peers = train_peers(widths, batch.weights[:, 0, 0], config, flat["test"], batches, seeds)
    single = {hidden: lab(config, hidden, seeds) for hidden in config.lab_hidden}

    return [
        kit.Outcome(
            seed=seed, curves=curves[s], train_seconds=seconds,
            organisms=batch.setting[:, :, 0, 0].T,                           # (K, 5)
            widths=torch.tensor(widths),
            options=torch.tensor([tanh, config.relu, norm == "length"]).int(),
            particles=batch.weights[:, s].permute(1, 2, 0),                  # (K, N, P)
            goals=goals[:, s].permute(1, 2, 0),                              # (K, N, 4)
            retrained=dropped[:, s].permute(1, 2, 0),                        # (3, N, P)
            pixel_variance=pixel_variance, tracked=tracked,
            **{name: torch.stack(parts)[:, s] for name, parts in snapshots.items()},
            **{f"peer_{name}": classes[s] for name, classes in peers.items()},
            **{f"lab_{h}": w[:, :, s].permute(1, 2, 0) for h, w in single.items()},  # (4, n, P)
        )
        for s, seed in enumerate(seeds)
    ]


def log(step, batch, losses, images, labels, tracked, curves, snapshots):
    """Append accuracy, loss and census of every organism, and the state of the first one."""
    config, weights = batch.config, batch.weights
    norm, tanh = config.position_norm, config.tanh
    with torch.no_grad():
        x = images.expand(weights.shape[1], -1, -1)
        residual = batch.setting[RESIDUAL]
        if tanh:
            logits = forward_by_particle(x, weights, batch.widths, residual, config.relu, tanh)
        else:
            maps = matrices(five_vector(weights)[4], batch.widths)
            logits = forward(x, maps, residual, config.relu)
        accuracy = 100 * (logits.argmax(-1) == labels).float().mean(-1)
        accuracy[~logits.isfinite().all(-1).all(-1)] = 0.0      # diverged: no prediction at all
        found = classify(weights, norm, tanh, batch.replication.goals)
    for s, curve in enumerate(curves):
        for k in range(weights.shape[2]):
            curve.add(f"validation accuracy {k}", step, accuracy[s, k])
            curve.add(f"training loss {k}", step, losses[s, k])
            curve.add(f"self-replicators {k}", step, (found[s, k] == REPLICATOR).sum())
            curve.add(f"all-zero {k}", step, (found[s, k] == ZERO).sum())
        v = five_vector(weights[:, :, 0])
    snapshots["class_history"].append(found[:, 0].to(torch.uint8).cpu())        # (S, N)
    snapshots["v_history"].append(v.permute(1, 2, 0).cpu())                     # (S, N, 5)
    snapshots["tracked_history"].append(weights[:, :, 0, tracked].permute(1, 2, 0).cpu())


def retrain(batch, found, pixel_variance, draw, config):
    """Train the first organism on, with nothing, its self-replicators, or as many others zeroed.

    A particle of zeros has no gradient, so it stays as it is with no further care. (P, S, 3, N).
    """
    weights = batch.weights[:, :, :1].repeat(1, 1, 3, 1)
    goals = batch.replication.goals[:, :, :1].repeat(1, 1, 3, 1)
    sizes = five_vector(batch.weights[:, :, 0])[4].abs().cpu()
    for s in range(weights.shape[1]):
        masks = ablations(found[s], sizes[s], edges(batch.widths), pixel_variance)
        for k, name in ((1, "class self-replicator"), (2, "random, same layers")):
            weights[:, s, k, masks[name][0].to(weights.device)] = 0
    setting = batch.setting[:, :1].expand(-1, 3, -1, -1)
    again = Batch(weights, goals, setting, batch.widths, config)
    for _ in range(config.retrain_steps):
        again.step(*draw())
    return again.weights


if __name__ == "__main__":
    kit.main(Config, train, smoke={
        "steps": 40, "retrain_steps": 5, "peer_steps": 20, "logs": 4, "batch_size": 50,
        "lab_steps": 60,
    })
