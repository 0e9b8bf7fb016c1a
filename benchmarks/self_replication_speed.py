"""How fast thousands of self-replicating particles train: the plain form beside ours, in one run.

First the organism of 225-5-5-10 neurons (1,200 particles, h = 5) on batches of 2,000 images: one
module and one optimiser per particle in a Python loop, against the template's tensors. Both start
from the same weights, and ten steps in double precision must end within 1e-10 of each other. Then a
census: particle-steps of self-training per second for N independent particles, five ways, and
which share of this machine's own matrix-multiply rate ours achieves. Nothing is extrapolated: what
was not run has no number. About five minutes on one core.

Run:  python benchmarks/self_replication_speed.py [--quick] [--figure census.png]
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

TEMPLATE = Path(__file__).resolve().parents[1] / "templates" / "self_replication"
sys.path.insert(0, str(TEMPLATE))
import experiment as ours  # noqa: E402
import particles  # noqa: E402

WIDTHS = [225, 5, 5, 10]
HIDDEN, BATCH = 5, 2000
RATE, MOMENTUM = 0.004, 0.9
COUNTS, SIZES = (100, 1000, 10_000), (2, 8)


# ------------------------------------------------------------------------------------------------
# (a) The plain form


class Particle(nn.Module):
    """One particle as one module with an optimiser of its own."""

    def __init__(self, weights: torch.Tensor) -> None:
        """Take over weights (P,)."""
        super().__init__()
        hidden = particles.hidden_width(weights)
        self.layers = nn.ModuleList(
            nn.Linear(inputs, outputs, bias=False, dtype=weights.dtype)
            for inputs, outputs in ((5, hidden), (hidden, hidden), (hidden, 1))
        )
        with torch.no_grad():
            for layer, part in zip(self.layers, particles.layers(weights), strict=True):
                layer.weight.copy_(part.reshape(layer.weight.shape))
        self.where = particles.positions(hidden).to(weights.dtype)
        self.optimiser = torch.optim.SGD(self.parameters(), lr=RATE, momentum=MOMENTUM)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Answers (B, 1) to rows (B, 5)."""
        for layer in self.layers:
            rows = layer(rows)
        return rows

    def flat(self) -> torch.Tensor:
        """All weights, (P,)."""
        return torch.cat([layer.weight.detach().flatten() for layer in self.layers])

    def replicate(self) -> None:
        """One step of self-training, by semi-gradient."""
        weights = self.flat()
        rows = torch.cat([weights[:, None], self.where, torch.zeros_like(weights)[:, None]], dim=1)
        self.optimiser.zero_grad()
        F.mse_loss(self(rows)[:, 0], weights).backward()
        self.optimiser.step()


class PlainOrganism:
    """Particles in lists: layers of neurons of particles."""

    def __init__(self, weights: torch.Tensor) -> None:
        """Make a particle of each column of weights (P, N)."""
        self.particles = [Particle(column) for column in weights.T]
        self.where = particles.edges(WIDTHS).tolist()

    def replicate(self) -> None:
        """One step of self-training of every particle."""
        for particle in self.particles:
            particle.replicate()

    def learn(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        """One step of the image task: each neuron adds up what its particles answer."""
        values = list(images.T)
        following: dict[tuple[int, int], list[torch.Tensor]] = {}
        at = 0
        for layer in range(len(WIDTHS) - 1):
            following = {}
            while at < len(self.where) and self.where[at][0] == layer:
                _, target, source = self.where[at]
                rows = F.pad(values[source][:, None], (4, 0))  # (0, 0, 0, 0, x)
                answer = self.particles[at](rows)[:, 0]
                following.setdefault((layer, target), []).append(answer)
                at += 1
            values = [torch.stack(parts).sum(0) for parts in following.values()]
        for particle in self.particles:
            particle.optimiser.zero_grad()
        F.cross_entropy(torch.stack(values, dim=1), labels).backward()
        for particle in self.particles:
            particle.optimiser.step()


# ------------------------------------------------------------------------------------------------
# (b) Ours


class OurOrganism:
    """The template's own functions, on weights (P, 1 seed, 1 organism, N)."""

    def __init__(self, weights: torch.Tensor) -> None:
        """Take over weights (P, N)."""
        self.weights = weights[:, None, None].clone()
        self.velocity = torch.zeros_like(self.weights)
        self.gradient = torch.zeros_like(self.weights)
        goals = torch.tensor([1.0, 0, 0, 0], dtype=weights.dtype, device=weights.device)
        self.goals = goals[:, None, None, None].expand(4, *self.weights.shape[1:])
        where = particles.positions(particles.hidden_width(weights)).to(weights)
        self.replication = ours.Replication(self.goals, where)
        self.config = ours.Config(learning_rate=RATE, momentum=MOMENTUM)

    def replicate(self) -> None:
        """One step of self-training of every particle."""
        v = particles.five_vector(self.weights)
        signal = self.replication.signal(self.weights, v, self.gradient)
        self._step(torch.cat([signal, torch.zeros_like(v[:1])]))

    def learn(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        """One step of the image task."""
        v5 = particles.five_vector(self.weights)[4]
        _, signal = ours.task_signal(v5, images[None], labels[None], WIDTHS, 0.0, False)
        self._step(torch.cat([torch.zeros_like(self.goals), signal[None]]))

    def _step(self, signal: torch.Tensor) -> None:
        ours.push_back(self.weights, signal, self.gradient)
        ours.descend(self.weights, self.velocity, self.gradient, self.config)


# ------------------------------------------------------------------------------------------------
# Other ways to train N independent particles (P, N)


def plain_loop(weights: torch.Tensor) -> Callable[[], None]:
    """One module and one optimiser per particle."""
    modules = [Particle(column) for column in weights.T]

    def step() -> None:
        for module in modules:
            module.replicate()

    return step


def closed_form(weights: torch.Tensor) -> Callable[[], None]:
    """The template's way."""
    return OurOrganism(weights).replicate


def _rows(weights: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    """Rows (N, P, 5) for weights (N, P)."""
    index = where.expand(len(weights), -1, -1)
    return torch.cat([weights[..., None], index, torch.zeros_like(weights)[..., None]], dim=2)


def vmap(weights: torch.Tensor) -> Callable[[], None]:
    """`torch.func`: the gradient of one particle's loss, mapped over all."""
    hidden = particles.hidden_width(weights)
    where = particles.positions(hidden).to(weights)
    state = {"weights": weights.T.clone(), "velocity": torch.zeros_like(weights.T)}

    def loss(one: torch.Tensor, rows: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        w1, w2, w3 = one.split([5 * hidden, hidden * hidden, hidden])
        answer = rows @ w1.view(hidden, 5).T @ w2.view(hidden, hidden).T @ w3
        return (answer - target).square().mean()

    gradients = torch.func.vmap(torch.func.grad(loss))

    def step() -> None:
        now = state["weights"]
        gradient = gradients(now, _rows(now, where), now)
        state["velocity"].mul_(MOMENTUM).add_(gradient)
        state["weights"] = now - RATE * state["velocity"]

    return step


def batched_autograd(weights: torch.Tensor) -> Callable[[], None]:
    """Batched matrix products, and one call of autograd for all particles."""
    hidden = particles.hidden_width(weights)
    where = particles.positions(hidden).to(weights)
    flat = weights.T.clone().requires_grad_()
    velocity = torch.zeros_like(flat)

    def step() -> None:
        w1, w2, w3 = flat.split([5 * hidden, hidden * hidden, hidden], dim=1)
        target = flat.detach()
        x = torch.bmm(_rows(target, where), w1.reshape(-1, hidden, 5).mT)
        x = torch.bmm(torch.bmm(x, w2.reshape(-1, hidden, hidden).mT), w3[..., None])[..., 0]
        (gradient,) = torch.autograd.grad((x - target).square().mean(1).sum(), flat)
        velocity.mul_(MOMENTUM).add_(gradient)
        flat.data.add_(velocity, alpha=-RATE)

    return step


def sparse(weights: torch.Tensor) -> Callable[[], None]:
    """All particles as one network with block-diagonal sparse layers."""
    hidden, count = particles.hidden_width(weights), weights.shape[1]
    where = particles.positions(hidden).to(weights)
    shapes = ((hidden, 5), (hidden, hidden), (1, hidden))
    values, places = [], []
    for part, (outputs, inputs) in zip(particles.layers(weights), shapes, strict=True):
        blocks = part.reshape(outputs, inputs, count).permute(2, 0, 1)
        values.append(blocks.flatten().clone().requires_grad_())
        n, o, i = torch.meshgrid(
            *(torch.arange(size) for size in (count, outputs, inputs)), indexing="ij"
        )
        places.append(torch.stack([(n * outputs + o).flatten(), (n * inputs + i).flatten()]))
    velocities = [torch.zeros_like(value) for value in values]

    def step() -> None:
        flat = torch.cat([value.detach().view(count, -1) for value in values], dim=1)
        x = _rows(flat, where).permute(0, 2, 1).reshape(count * 5, -1)
        for value, place, (outputs, inputs) in zip(values, places, shapes, strict=True):
            size = (count * outputs, count * inputs)
            x = torch.sparse.mm(
                torch.sparse_coo_tensor(place, value, size, check_invariants=False), x
            )
        gradients = torch.autograd.grad((x - flat).square().mean(1).sum(), values)
        for value, velocity, gradient in zip(values, velocities, gradients, strict=True):
            velocity.mul_(MOMENTUM).add_(gradient)
            value.data.add_(velocity, alpha=-RATE)

    return step


WAYS = {
    "loop": plain_loop,
    "vmap": vmap,
    "autograd": batched_autograd,
    "closed form": closed_form,
    "sparse": sparse,
}
SPARSE_MOST = 1000  # its backward pass forms dense (N·out, N·in) matrices: 25 GB at 10,000, h = 8


# ------------------------------------------------------------------------------------------------
# Measuring


def seconds(step: Callable[[], None], least: float, device: str = "cpu") -> float:
    """Median time of one step, of five or more that together last at least `least` seconds."""
    step()
    times: list[float] = []
    while len(times) < 5 or sum(times) < least:
        _wait(device)
        started = time.perf_counter()
        step()
        _wait(device)
        times.append(time.perf_counter() - started)
        if sum(times) > 20:
            break
    return sorted(times)[len(times) // 2]


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def matmul_rate(device: str = "cpu", side: int = 2048) -> float:
    """This machine's own rate for a large float32 matrix product, in operations per second."""
    a, b = torch.randn(2, side, side, device=device)
    return 2 * side**3 / seconds(lambda: torch.mm(a, b), 1.0, device)


def operations(hidden: int) -> int:
    """Floating-point operations of one closed-form step of one particle, update included."""
    count = particles.weight_count(hidden)
    v = 2 * hidden * hidden + 10 * hidden
    signal = 2 * count + 6 * count + 40
    push = 2 * hidden * hidden + 10 * hidden + 5 * hidden + hidden * hidden + 2 * hidden * hidden
    return v + signal + push + 4 * count


def compare_organisms(least: float) -> bool:
    """Print the first table; whether the two forms agree."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(BATCH, WIDTHS[0], generator=generator, dtype=torch.float64)
    labels = torch.randint(WIDTHS[-1], (BATCH,), generator=generator)
    count = len(particles.edges(WIDTHS))
    weights = ours.start(HIDDEN, count, seed=0, default_init=False).double()
    plain, fast = PlainOrganism(weights), OurOrganism(weights)
    for _ in range(10):
        for organism in (plain, fast):
            organism.replicate()
            organism.learn(images, labels)
    there = torch.stack([particle.flat() for particle in plain.particles], dim=1)
    apart = float((there - fast.weights[:, 0, 0]).abs().max())
    moved = float((there - weights).abs().max())
    print(f"Ten steps in float64: weights moved by up to {moved:.2g}; plain and ours are within")
    print(f"{apart:.1e} of each other ({'equal' if apart <= 1e-10 else 'NOT EQUAL'} to 1e-10).\n")

    weights, images = weights.float(), images.float()
    print(f"{'one step, float32':<18} {'plain (s)':>10} {'ours (s)':>10} {'times faster':>13}")
    for name in ("self-training", "task"):
        plain, fast = PlainOrganism(weights), OurOrganism(weights)
        steps = {
            form: organism.replicate if name == "self-training"
            else (lambda organism=organism: organism.learn(images, labels))
            for form, organism in (("plain", plain), ("ours", fast))
        }  # fmt: skip
        slow, quick = seconds(steps["plain"], least), seconds(steps["ours"], least)
        print(f"{name:<18} {slow:>10.4f} {quick:>10.6f} {slow / quick:>13.0f}")
    return apart <= 1e-10


def census(least: float, counts: tuple[int, ...]) -> dict[tuple[str, int, int], float]:
    """Print the second table; particle-steps per second by way, h and N."""
    rates: dict[tuple[str, int, int], float] = {}
    print("\nSelf-training, particle-steps per second (float32)")
    print(f"{'h':>2} {'N':>9} " + "".join(f"{way:>14}" for way in WAYS))
    for hidden in SIZES:
        for count in counts:
            weights = ours.start(hidden, count, seed=0, default_init=False)
            row = []
            for way, make in WAYS.items():
                if way == "sparse" and count > SPARSE_MOST:
                    row.append(f"{'not run':>14}")
                    continue
                rates[way, hidden, count] = count / seconds(make(weights), least)
                row.append(f"{rates[way, hidden, count]:>14,.0f}")
            print(f"{hidden:>2} {count:>9,} " + "".join(row), flush=True)
    return rates


def million(least: float) -> None:
    """Print what a million particles take, on the GPU where there is one."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    count = 1_000_000
    peak = matmul_rate(device)
    print(f"\nClosed form on {device}, {torch.get_num_threads()} CPU thread(s); a float32 matrix")
    print(f"product of 2048 x 2048 runs at {peak / 1e9:,.0f} GFLOP/s here.")
    print(f"{'h':>2} {'N':>10} {'particle-steps/s':>17} {'GFLOP/s':>9} {'share':>7} {'memory':>9}")
    for hidden in SIZES:
        for number in (10_000, count):
            weights = ours.start(hidden, number, seed=0, default_init=False).to(device)
            if device == "cuda":
                torch.cuda.reset_peak_memory_stats()
            organism = OurOrganism(weights)
            rate = number / seconds(organism.replicate, least, device)
            held = 3 * organism.weights.nbytes
            if device == "cuda":
                held = torch.cuda.max_memory_allocated()
            speed = rate * operations(hidden)
            print(f"{hidden:>2} {number:>10,} {rate:>17,.0f} {speed / 1e9:>9.1f} "
                  f"{speed / peak:>7.1%} {held / 1e6:>6,.0f} MB")  # fmt: skip


def draw(rates: dict[tuple[str, int, int], float], path: Path) -> None:
    """Draw particle-steps per second against N, one panel for each h."""
    from matplotlib import pyplot as plt

    from bonsai.kit import plotting

    plotting.style()
    figure, axes = plt.subplots(1, len(SIZES), figsize=(8, 4), sharey=True)
    for axis, hidden in zip(axes, SIZES, strict=True):
        for way, colour in zip(WAYS, plotting.PALETTE, strict=False):
            points = [(n, rate) for (w, h, n), rate in rates.items() if (w, h) == (way, hidden)]
            axis.plot(*zip(*points, strict=True), "o-", color=colour)
            if axis is axes[-1]:
                shift = {"vmap": 6, "autograd": -6}.get(way, 0)  # these two end side by side
                axis.annotate(way, points[-1], (6, shift), textcoords="offset points",
                              color=colour, va="center", fontsize=9.5)  # fmt: skip
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xlabel("particles trained together")
        axis.set_title(f"h = {hidden}, {particles.weight_count(hidden)} weights")
        axis.margins(x=0.12)
    axes[-1].set_xlim(right=1e5)
    axes[0].set_ylabel("particle-steps per second")
    hidden, most = SIZES[-1], max(n for _, _, n in rates)
    gain = rates["closed form", hidden, most] / rates["loop", hidden, most]
    plotting.headline(
        figure,
        f"The closed form trains {gain:,.0f} times as many particles per second as the loop "
        f"(h = {hidden}, N = {most:,})",
        f"self-training steps, float32, {torch.get_num_threads()} CPU thread(s); sparse is not run "
        f"beyond {SPARSE_MOST:,}",
    )
    figure.savefig(path)


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="shorter, noisier timings")
    parser.add_argument("--figure", type=Path, help="where to draw the census, as a PNG")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of both forms")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    least = 0.1 if arguments.quick else 1.0
    print(f"torch {torch.__version__}, {torch.get_num_threads()} CPU thread(s)\n")
    equal = compare_organisms(least)
    rates = census(least, COUNTS[:2] if arguments.quick else COUNTS)
    million(least)
    if arguments.figure:
        draw(rates, arguments.figure)
    raise SystemExit(0 if equal else 1)


if __name__ == "__main__":
    main()
