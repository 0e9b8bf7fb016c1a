"""Neurons that divide, age and die while a network learns one task after another.

Measured: at the end of the permuted stream division is right about 85.0 % of new images, continual
          backprop 83.0 %, plain backprop 75.5 % (sweep.py: 3 seeds). See README.md.
Method:   a hidden layer has slots; each is empty or holds a unit with an age, a lifetime, an energy
          and a utility (its mean activity times the size of its outgoing weights). A unit that dies
          leaves its mean output to the next layer's biases. A unit that divides gives its daughter
          its incoming weights and shares out its outgoing ones. All methods and seeds are one
          batched network, whose tensors lead with N = methods x seeds rows; see networks.py.
Run:      python experiment.py --out_dir run_0     (add --smoke for a check in seconds)
"""

import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import streams
import torch
import torch.nn.functional as F
from networks import Networks
from peers import NO_REMEDY, Remedies, Remedy, optimiser
from records import Record
from torch import Tensor
from torch.optim import Optimizer
from units import NEWBORN, NOBODY, SURVIVAL, Population

from bonsai import kit


@dataclass
class Method:
    """One way to train a network: who dies, who is born and how."""

    name: str
    dies: str = ""               # who: least "utility", "random", by "age", "energy", "dormant"
    turnover: float = 3e-4       # deaths per unit and step; also 1 / lifetime, 1 / steps to starve
    maturity: int = 100          # steps before a unit may die or divide
    dormant: float = 0.1         # "dormant": activity below this share of the layer's mean
    period: int = 10             # "dormant": steps between two inspections, a multiple of TICK
    budget: float = 1.0          # "energy": share of the slots that the layer's income feeds
    division: float = 1.0        # share of births by division; the others are newborn
    parent: str = "proportional" # who divides: that to utility, or "best", "random", "novel"
    noise: float = 2.0           # mutation of the daughter's incoming weights, of their rms
    keep_norm: bool = True       # scale the daughter to the norm of her mother
    split: float = 0.0           # share of the outgoing weights that she gets
    uneven: bool = False         # another random share for each of them, about `split`
    gradmax: bool = False        # newborn look where the loss falls fastest
    compensate: bool = True      # a dying unit's mean output goes to the next layer's biases
    reset_moments: bool = True   # Adam forgets the weights of the dead
    units: float = 1.0           # share of the slots taken at the start
    growth: float = 0.0          # births without a death, per slot and step, while there is room
    remedy: Remedy = NO_REMEDY   # ordinary remedies: L2-Init, layer normalisation, ... see peers.py


@dataclass
class Course:
    """A stream, and how it is learned."""

    stream: str                  # one of streams.TASKS
    learning_rate: float         # of Adam, or of plain SGD
    sgd: bool = False
    methods: tuple[Method, ...] = ()     # others than those of Config


RATES = (3e-5, 1e-4, 3e-4, 1e-3, 3e-3)  # of turnover: division and newborn are compared at each


@dataclass
class Config:
    """Settings of a run."""

    methods: tuple[Method, ...] = (
        Method("division", dies="utility"),            # the one that this run is about comes first
        Method("random_parent", dies="utility", parent="random"),
        Method("energy", dies="energy"),
        Method("continual_backprop", dies="utility", division=0.0),
        Method("random_turnover", dies="random", turnover=1e-4, division=0.0),
        Method("random_lifetime", dies="age", turnover=1e-4, division=0.0),
        Method("redo", dies="dormant", dormant=0.025, period=100, division=0.0),
        Method("l2_init", remedy=Remedy(l2_init=3e-3)),
        Method("crelu", remedy=Remedy(crelu=True)),
        Method("reset", remedy=Remedy(reset=True)),
        Method("backprop"),
    )
    courses: tuple[Course, ...] = (
        Course("permuted", 3e-3),
        Course("labels", 1e-3),
        Course("turnover", 3e-3, methods=(
            *(Method(f"division {rate:g}", "utility", rate) for rate in RATES),
            *(Method(f"newborn {rate:g}", "utility", rate, division=0.0) for rate in RATES),
            Method("none"),
            Method("cured", "utility", parent="best", split=0.5, noise=1.0),
            Method("runaway", "utility", parent="best", split=0.5, noise=1.0, keep_norm=False),
        )),
    )
    length: float = 1.0          # share of each stream's standard number of tasks
    width: int = 64              # slots of each hidden layer
    depth: int = 3               # hidden layers
    channels: int = 0            # slots of a convolution before them; 0: there is none
    decay: float = 0.99          # of the running mean of a unit's activity, per step
    logs: int = 20               # points in the curves of dormancy, rank, norms and population
    window: int = 320            # steps in mid-stream whose every activity and event is kept


BY_RATE = ("utility", "random")  # ways to die so and so often; the others have their own time
TICK = 10                        # steps between two looks at who dies and who divides
ENERGY_TO_DIVIDE, MOST_ENERGY = 2.0, 4.0     # a unit is born with 1; division halves it


class LivingLayers(Population):
    """The units of all hidden layers: who dies, who divides, and how. See units.py as well."""

    def __init__(
        self, networks: Networks, methods: tuple[Method, ...], adam: Optimizer, decay: float
    ) -> None:
        """Populate the slots as each method wants it; `owed` are parts of deaths and of births."""
        super().__init__(networks, adam, decay)
        self.methods = methods
        self.slots = torch.tensor(networks.slots, device=networks.device)               # (L,)
        rates = torch.tensor([(m.turnover * (m.dies in BY_RATE), m.growth) for m in methods])
        self.rates = rates.T.repeat_interleave(networks.seeds, 1)[..., None].to(self.slots.device)
        self.owed = torch.zeros(2, len(networks.chance), len(self.units)).to(self.rates)
        for m, method in enumerate(self.methods):
            who = networks.rows(m)
            for units in self.units:
                slots = units.alive.shape[1]
                units.alive[who, max(1, round(method.units * slots)):] = 0
                if method.dies == "age":                    # of all ages from the first step on
                    drawn = networks.uniform(who, slots).abs()
                    units.lifetime[who] = drawn * 1.33 / method.turnover

    def tick(self) -> None:
        """Deaths and births, to be called after each step; there are some every TICK steps."""
        if self.now % TICK:
            return
        alive = torch.stack([units.alive.sum(1) for units in self.units], dim=1)        # (N, L)
        self.owed += self.rates * TICK * torch.stack([alive, self.slots.expand_as(alive)])
        due = (self.owed >= 1).any(0).view(len(self.methods), -1, len(self.units)).any(1).tolist()
        for m, method in enumerate(self.methods):
            for layer in range(len(self.units)):
                if due[m][layer] or method.dies in ("age", "energy", "dormant"):
                    self.live(layer, m, method)

    def live(self, layer: int, m: int, method: Method) -> None:
        """Deaths and births in one layer of the networks of method `m`."""
        units, who = self.units[layer], self.networks.rows(m)
        if method.dies == "energy":
            self.feed(layer, who, method)
        for _ in range(units.alive.shape[1]):
            dying, slot = self.doomed(layer, who, method)
            if not len(dying):
                break
            age = self.now - units.born[dying, slot]
            self.bury(layer, dying, slot, method)
            mother = (torch.full_like(slot, NOBODY) if method.dies == "energy"  # see `grow`
                      else self.bear(layer, dying, slot, method))
            self.record(layer, dying, slot, mother, age)
        self.grow(layer, who, method)

    # --------------------------------------------------------------------------------------------
    # Who

    def feed(self, layer: int, who: Tensor, method: Method) -> None:
        """Share the layer's income by utility; living costs the same for all.

        A layer at its budget earns what it spends. Units below maturity get an equal share.
        """
        units = self.units[layer]
        alive = units.alive[who]
        cost = method.turnover * TICK
        young = (self.age(layer, who) < method.maturity) * alive
        useful = self.utility(layer, who) * alive * (1 - young)
        share = useful / useful.sum(1, keepdim=True).clamp(min=1e-30)
        count = alive.sum(1, keepdim=True)
        share = (young + share * (count - young.sum(1, keepdim=True))) / count.clamp(min=1)
        income = cost * method.budget * alive.shape[1] * share
        units.energy[who] = (units.energy[who] + income - cost).clamp(0, MOST_ENERGY) * alive

    def doomed(self, layer: int, who: Tensor, method: Method) -> tuple[Tensor, Tensor]:
        """Rows (n,) in which a unit has to die now, and its slot (n,): at most one for each row."""
        if method.dies in BY_RATE:
            who = who[self.owed[0, who, layer] >= 1]
            self.owed[0, who, layer] -= 1
        elif method.dies == "dormant" and self.now % method.period:
            who = who[:0]
        if not method.dies or not len(who):
            return who[:0], who[:0]
        units = self.units[layer]
        alive = units.alive[who]
        may = alive > 0
        if method.dies == "utility":
            key = self.utility(layer, who)
        elif method.dies == "random":
            key = self.networks.uniform(who, alive.shape[1])
        elif method.dies == "age":
            key = units.lifetime[who] - self.age(layer, who)
        elif method.dies == "energy":
            key = units.energy[who]
        else:
            activity = self.activity(layer, who) * alive
            key = activity - method.dormant * activity.sum(1, keepdim=True) / alive.sum(1)[:, None]
        if method.dies not in ("age", "energy"):
            may &= self.age(layer, who) >= method.maturity
        if method.dies not in BY_RATE:
            may &= (key <= 0) & (alive.sum(1, keepdim=True) > 1)
        slot = torch.where(may, key, math.inf).argmin(1)
        return who[may.any(1)], slot[may.any(1)]

    def rich(self, layer: int, who: Tensor) -> Tensor:
        """Which units (n, W) have the energy to divide."""
        units = self.units[layer]
        return (units.alive[who] > 0) & (units.energy[who] > ENERGY_TO_DIVIDE)

    def parent(self, layer: int, who: Tensor, slot: Tensor, method: Method) -> Tensor:
        """Slot (n,) of the unit that divides into `slot`: grown up if any is, and another one."""
        units = self.units[layer]
        may = units.alive[who] > 0
        may.scatter_(1, slot[:, None], False)
        grown = may & (self.age(layer, who) >= method.maturity)
        may = torch.where(grown.any(1, keepdim=True), grown, may)
        if method.dies == "energy":
            may = self.rich(layer, who)
        if method.parent == "best":
            key = self.utility(layer, who)
        elif method.parent == "proportional":               # Gumbel's trick
            chance = self.networks.uniform(who, may.shape[1]).abs().clamp(1e-9, 1 - 1e-7)
            key = self.utility(layer, who).clamp(min=1e-30).log() - (-chance.log()).log()
        elif method.parent == "random":
            key = self.networks.uniform(who, may.shape[1])
        else:                                               # "novel": least like any other
            looks = F.normalize(self.networks.incoming(layer)[who], dim=2)
            alike = looks @ looks.mT - 2 * torch.eye(may.shape[1]).to(looks)
            key = -torch.where(may[:, None], alike, -1.0).amax(2)
        return torch.where(may, key, -math.inf).argmax(1)

    # --------------------------------------------------------------------------------------------
    # How: rows `who` (n,), one slot in each

    def bury(self, layer: int, who: Tensor, slot: Tensor, method: Method) -> None:
        """Empty the slots; what the units put out on average goes on as a bias."""
        units, out = self.units[layer], self.networks.outgoing(layer)
        if method.compensate:
            mean = self.activity(layer, who).gather(1, slot[:, None])
            bias = self.networks.biases[layer + 1].detach()
            bias[who, 0] += out[who, :, slot].sum(2) * mean
        out[who, :, slot] = 0
        units.alive[who, slot] = 0
        if method.reset_moments:
            self.forget(layer, who, slot)

    def bear(self, layer: int, who: Tensor, slot: Tensor, method: Method) -> Tensor:
        """Fill empty slots by division or with newborn; the mothers' slots (n,), or NEWBORN."""
        mother = torch.full_like(slot, NEWBORN)
        chance = (self.networks.uniform(who) + 1) / 2
        divides = (chance < method.division) & (self.units[layer].alive[who].sum(1) > 0)
        if divides.any():
            mother[divides] = self.parent(layer, who[divides], slot[divides], method)
            self.divide(layer, who[divides], mother[divides], slot[divides], method)
        if not divides.all():
            self.newborn(layer, who[~divides], slot[~divides], method)
        units = self.units[layer]
        units.alive[who, slot] = 1
        units.born[who, slot] = self.now
        units.activity[who, slot] = 0
        units.lifetime[who, slot] = (1 + 0.33 * self.networks.uniform(who)) / method.turnover
        return mother

    def divide(self, layer: int, who: Tensor, mother: Tensor, slot: Tensor, method: Method) -> None:
        """The daughter looks at what her mother does, and takes over some of what she says.

        With no noise the network's output stays the same for any split (Net2Wider, Chen et al.
        2016); with `split` 0 it does for any noise, since the daughter is silent at first.
        """
        units, networks = self.units[layer], self.networks
        looks, out = networks.incoming(layer), networks.outgoing(layer)
        seen = looks[who, mother]                                           # (n, inputs)
        size = seen.square().mean(1, keepdim=True).sqrt()
        mutated = seen + method.noise * size * networks.normal(who, seen.shape[1])
        if method.keep_norm:        # else clones of the best grow without end: see the README
            mutated = F.normalize(mutated, dim=1) * seen.norm(dim=1, keepdim=True)
        looks[who, slot] = mutated
        bias = networks.biases[layer].detach()
        bias[who, 0, slot] = bias[who, 0, mother]
        said = out[who, :, mother]                                          # (n, next, places)
        share = torch.full_like(said, method.split)
        if method.uneven:
            share = share + (0.5 - abs(method.split - 0.5)) * networks.uniform(who, *said.shape[1:])
        out[who, :, slot] = share * said
        out[who, :, mother] = said - share * said
        units.energy[who, mother] /= 2
        units.energy[who, slot] = units.energy[who, mother]
        units.founder[who, slot] = units.founder[who, mother]
        units.generation[who, slot] = units.generation[who, mother] + 1

    def newborn(self, layer: int, who: Tensor, slot: Tensor, method: Method) -> None:
        """A unit with fresh incoming weights that says nothing yet, and founds a clone."""
        units, networks = self.units[layer], self.networks
        looks = networks.incoming(layer)
        fresh = networks.uniform(who, looks.shape[2]) * networks.bounds[layer]
        if method.gradmax:          # Evci et al. 2022: see where its outgoing gradient is largest
            wanted = self.signals[layer + 1][who].mT @ self.seen[layer][who]    # (n, next, inputs)
            look = torch.linalg.svd(wanted.nan_to_num(0.0, 1.0, -1.0), full_matrices=False).Vh[:, 0]
            heard = self.seen[layer][who] @ look[:, :, None]                    # (n, B, 1)
            side = torch.where(heard.relu().sum((1, 2)) >= (-heard).relu().sum((1, 2)), 1.0, -1.0)
            fresh = look * (side * fresh.norm(dim=1))[:, None]
        looks[who, slot] = fresh
        networks.biases[layer].detach()[who, 0, slot] = 0
        networks.outgoing(layer)[who, :, slot] = 0
        units.energy[who, slot] = 1
        units.generation[who, slot] = 0
        for row, place in zip(who.tolist(), slot.tolist(), strict=True):
            units.founder[row, place] = units.founders[row]
            units.founders[row] += 1

    def grow(self, layer: int, who: Tensor, method: Method) -> None:
        """Births without a death: those that energy pays for, or those of planned growth."""
        units = self.units[layer]
        wants = (units.alive[who] == 0).any(1)
        if method.dies == "energy":
            wants &= self.rich(layer, who).any(1)
        else:
            owed = self.owed[1, who, layer]
            wants &= (owed >= 1).to(wants)
            self.owed[1, who, layer] = torch.where(owed >= 1, owed - 1, owed)
        who = who[wants]
        if len(who):
            slot = (units.alive[who] == 0).int().argmax(1)
            mother = self.bear(layer, who, slot, method)
            self.record(layer, who, slot, mother, torch.full_like(slot, SURVIVAL))


# ------------------------------------------------------------------------------------------------
# The experiment


def learn(
    course: Course, stream: streams.Stream, config: Config, data: kit.Images, seeds: list[int]
) -> Record:
    """Train all methods and seeds on a stream: predict each batch, then learn from it."""
    methods = course.methods or config.methods
    count = len(methods)
    networks = Networks(
        seeds, count, stream.inputs, [config.width] * config.depth, stream.classes,
        channels=config.channels, device=kit.device())
    adam = optimiser(networks.parameters, course.learning_rate, course.sgd)
    remedies = Remedies(networks, [method.remedy for method in methods], len(seeds))
    networks.before_relu = remedies.before_relu
    living = LivingLayers(networks, methods, adam, config.decay)
    record = Record(stream, data, seeds, [method.name for method in methods], config, living)
    progress = kit.Progress(stream.tasks, f"{stream.name}: {count} methods x {len(seeds)} seeds")
    for task in range(stream.tasks):
        if task:
            remedies.new_task(adam)
        inputs, targets = streams.batches_of(stream, seeds, task, networks.weights[0])
        for x, y in zip(inputs, targets, strict=True):                      # (S, B, D), (S, B)
            x, y = x.repeat(count, 1, 1), y.repeat(count, 1)                # (N, B, D), (N, B)
            outputs, before, after = networks.forward(x)
            record.predictions(outputs)
            losses = streams.loss(stream, outputs, y)                       # (N,)
            signals = [*before, outputs] if any(method.gradmax for method in methods) else []
            wanted = [*networks.parameters, *signals]
            gradients = torch.autograd.grad(losses.sum(), wanted)
            own = gradients[: len(networks.parameters)]
            remedies.penalise(own)
            for parameter, gradient in zip(networks.parameters, own, strict=True):
                parameter.grad = gradient.contiguous()      # a fused optimiser demands it
            adam.step()
            living.observe(x, after, gradients[len(own):])
            with record.events(x, after):                   # how much do they change the output?
                living.tick()
            if living.now % TICK == 0:
                remedies.shrink_and_perturb()
        record.end_of_task(task, inputs, own)
        progress.step()
    return record


def train(config: Config, data: kit.Images, seeds: list[int]) -> list[kit.Outcome]:
    """One outcome per seed; seeds and methods are trained together, streams one on each core."""
    started = time.perf_counter()
    curves = [kit.Curves() for _ in seeds]
    values: list[dict[str, torch.Tensor | float]] = [{} for _ in seeds]
    every = [streams.make(course.stream, data, config.length) for course in config.courses]
    with ThreadPoolExecutor(kit.threads(), "", torch.set_num_threads, (1,)) as pool:
        records = pool.map(lambda *of: learn(*of, config, data, seeds), config.courses, every)
    for record in records:
        for s in range(len(seeds)):
            values[s] |= record.values(s)
            record.draw(s, curves[s])
    seconds = (time.perf_counter() - started) / len(seeds)
    return [
        kit.Outcome(seed=seed, curves=curve, train_seconds=seconds, **value)
        for seed, curve, value in zip(seeds, curves, values, strict=True)
    ]


if __name__ == "__main__":
    kit.main(Config, train, smoke={"window": 40})
