"""Gene-network pruning: a paper that says of itself that it is fake, put to the test.

Baseline: genes 84.3 % ± 0.1 of the test faces at 90 % sparsity (mean ± standard error, 10 seeds);
          with the wrong partners 84.4 ± 0.1, plain magnitude pruning 84.6 ± 0.1, dense 84.3 ± 0.1;
          the published rule 82.3 ± 0.3. About three minutes on two cores. See README.md.
Method:   a network 576-64-32-7 learns seven emotions from drawn faces while a rule silences
          synapses. `Fake` is the published rule to the letter. `Genes` is what it pretends to be:
          one gene per hidden unit, whose mRNA follows the unit's saliency and is repressed by the
          proteins of redundant units; a synapse is expressed by its size times the proteins at both
          ends. Every rule has the same budget, the same start, the same batches; all networks of
          several seeds train as one batch of tensors (networks.py). peers.py has the other rules.
Run:      python experiment.py --out_dir run_0     (add --smoke for a check in seconds)
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from emotions import Emotions
from masks import cubic, exchange, keep_top
from networks import Networks, Trained, adam, differentiate, forward, generator, names_of
from peers import Gradual, LotteryTicket, Random, RigL, Rule, Set, SmallDense, Snip
from records import add, fake_diagnosis, log_accuracy, log_fake, record, record_details
from regressors import one_shot
from torch import Tensor

from bonsai import kit


@dataclass
class Config:
    """Settings of a run."""

    sparsities: tuple[float, ...] = (0.5, 0.7, 0.8, 0.9, 0.95)   # asked of every rule but the fake
    focus: float = 0.9             # one of these, at which rules are compared; 0.5 must stay too
    hidden: tuple[int, ...] = (64, 32)     # units of the hidden layers
    classes: int = 7               # emotions
    epochs: int = 20               # passes over the training data
    batch_size: int = 64           # inputs per step
    learning_rate: float = 1e-3    # of Adam
    probe: int = 256               # training inputs on which rules look at activations
    seeds_at_once: int = 2         # seeds in one batch of tensors; more need more memory
    regressors: int = 5            # networks per seed for the published figure
    # the genuine rule
    hill: float = 2.0              # n: exponent of the activation by saliency
    half: float = 0.3              # K: saliency, relative to the layer's mean, of half activation
    repression: float = 0.5        # rho: share of transcription that redundancy can silence
    mrna_decay: float = 1.0        # gamma_m, per unit of gene time
    protein_decay: float = 0.5     # gamma_p, per unit of gene time
    translation: float = 1.0       # kappa, protein made per mRNA and unit of gene time
    gene_step: float = 0.2         # units of gene time per sub-step
    gene_substeps: int = 5         # sub-steps per update of the masks
    hysteresis: float = 1.5        # a silent synapse must be this much stronger to come back
    rewiring: float = 0.0          # share of a layer's expressed synapses replaced by silent ones
    # the published rule
    fake_gradient: float = 0.5     # alpha: weight of |gradient| in its importance
    fake_time: float = 0.2         # beta: weight of the training progress in it
    fake_start: int = 5            # epochs before it begins to prune
    fake_links: int = 100          # most links that it rewires per layer and epoch


# ------------------------------------------------------------------------------------------------
# The published rule, to the letter


class Fake(Rule):
    """Prune what scores below mean + half a deviation; rewire what scores near the mean.

    S = |w| + alpha |gradient| + beta progress, per layer, with the gradient of the last batch; a
    masked weight keeps its value and gets no gradient; P(rewire) ~ exp(-|S - mean S| / sigma) with
    sigma = max(0.5, 2 (1 - progress)). It was never given a sparsity and cannot be.
    """

    until = 1.0

    def __init__(self, config: Config, to_median: bool = False) -> None:
        """Use the median of the survivors' scores as the threshold if `to_median`."""
        super().__init__()
        self.config, self.to_median = config, to_median
        self.log: list[dict[str, Tensor]] = []       # per epoch; see records.fake_diagnosis
        self.before: tuple[Tensor, ...] = ()

    def begin(self, nets: Networks, seeds: list[int], inputs: Tensor, labels: Tensor) -> None:
        """Start from all synapses."""
        self.streams = [generator(seed, 4) for seed in seeds]

    def update(self, nets: Networks, inputs: Tensor, progress: float) -> None:
        """Prune and rewire, once per epoch."""
        epoch = progress * self.config.epochs
        if abs(epoch - round(epoch)) > 1e-6 or epoch <= self.config.fake_start:
            return
        for layer, (weight, mask) in enumerate(zip(nets.weights, nets.masks, strict=True)):
            score = self.importance(weight, nets.gradients[layer] * mask, progress)
            mask.mul_(score >= self.threshold(score, mask))
            chosen = self.rewire(score, mask, progress)
            if layer == 0:
                self.log.append(fake_diagnosis(self.before, weight, mask, score, chosen))
                self.before = weight.clone(), mask + chosen, chosen
            mask.add_(chosen)

    def importance(self, weight: Tensor, gradient: Tensor, progress: float) -> Tensor:
        """Equation 2 of the paper."""
        config = self.config
        return weight.abs() + config.fake_gradient * gradient.abs() + config.fake_time * progress

    def threshold(self, score: Tensor, mask: Tensor) -> Tensor:
        """Mean + half a standard deviation of a layer's scores; (S, K, 1, 1)."""
        flat = score.flatten(2)
        if self.to_median:
            flat = torch.where(mask.flatten(2) > 0, flat, torch.nan)
            return flat.nanmedian(-1).values[..., None, None]
        return (flat.mean(-1) + 0.5 * flat.std(-1))[..., None, None]

    def rewire(self, score: Tensor, mask: Tensor, progress: float) -> Tensor:
        """Silent links drawn by equation 3, as a mask."""
        sigma = max(0.5, 2 * (1 - progress))
        distance = (score - score.mean((-2, -1), keepdim=True)).abs()
        chance = torch.exp(-distance / sigma) * (1 - mask)
        chosen = torch.zeros_like(mask)
        rows = zip(chosen.flatten(1), chance.flatten(1).cpu(), self.streams, strict=True)
        for row, flat, stream in rows:
            count = min(self.config.fake_links, int((flat > 0).sum()))
            if count:
                row[torch.multinomial(flat, count, generator=stream).to(row.device)] = 1
        return chosen


# ------------------------------------------------------------------------------------------------
# The genuine rule


class Genes(Rule):
    """One gene per hidden unit; a synapse lives by the proteins of the units that it joins.

    dm/dt = A (1 - rho R) - gamma_m m        A = s^n / (K^n + s^n), s the unit's saliency
    dp/dt = kappa m - gamma_p p              R = x / (1 + x), x_i = sum_j C_ij^2 p_j
    C is the positive part of the activations' correlation: redundant units repress one another.
    """

    def __init__(
        self, sparsities: Sequence[float], config: Config, shuffled: bool = False,
        static: bool = False,
    ) -> None:
        """Exchange the partners of all genes if `shuffled`; stay as first found if `static`."""
        super().__init__(sparsities)
        self.config, self.shuffled, self.static = config, shuffled, static
        self.history: list[Tensor] = []      # each (2, S, K, genes): mRNA and protein

    def begin(self, nets: Networks, seeds: list[int], inputs: Tensor, labels: Tensor) -> None:
        """Start all genes at 0.5."""
        shapes = [weight.shape[:3] for weight in nets.weights[:-1]]
        self.mrna = [inputs.new_full(shape, 0.5) for shape in shapes]
        self.protein = [m.clone() for m in self.mrna]
        self.streams = [generator(seed, 5) for seed in seeds]
        self.partners = [
            torch.stack([torch.randperm(shape[2], generator=g) for g in self.streams])
            for shape in shapes
        ]

    def update(self, nets: Networks, inputs: Tensor, progress: float) -> None:
        """Let the genes react to what their units do, then express the strongest synapses."""
        if not (self.static and self.history):
            self.transcribe(nets, inputs)
        self.history.append(torch.stack([torch.cat(self.mrna, -1), torch.cat(self.protein, -1)]))
        ends = [None, *self.protein, None]
        scores = []
        layers = zip(nets.weights, nets.masks, pairwise(ends), strict=True)
        for weight, mask, (below, above) in layers:
            score = weight.abs() * (1 + (self.config.hysteresis - 1) * mask)
            score = score if below is None else score * below[:, :, None, :]
            scores.append(score if above is None else score * above[:, :, :, None])
        keep_top(nets, scores, [cubic(final, progress) for final in self.sparsities])
        if self.config.rewiring:
            exchange(nets.masks, scores, self.config.rewiring, self.streams)

    def transcribe(self, nets: Networks, inputs: Tensor) -> None:
        """Advance mRNA and protein by `gene_substeps` steps."""
        config, effective = self.config, nets.effective()
        hidden = forward(effective, nets.biases, inputs)[:-1]
        for layer, activation in enumerate(hidden):
            activated = self.activation(activation, effective[layer + 1])
            relation = self.relation(activation, self.partners[layer])
            for _ in range(config.gene_substeps):
                self.mrna[layer], self.protein[layer] = step_genes(
                    self.mrna[layer], self.protein[layer], activated, relation, config
                )

    def activation(self, activation: Tensor, outgoing: Tensor) -> Tensor:
        """Hill function of the saliency E|h| sum|w_out| over the layer's mean; (S, K, H)."""
        saliency = activation.abs().mean(-1) * outgoing.abs().sum(-2)
        power = (saliency / saliency.mean(-1, keepdim=True).clamp_min(1e-12)) ** self.config.hill
        return power / (self.config.half**self.config.hill + power)

    def relation(self, activation: Tensor, partners: Tensor) -> Tensor:
        """Squared positive correlation of units, zero on the diagonal; (S, K, H, H)."""
        centred = activation - activation.mean(-1, keepdim=True)
        scaled = centred / centred.norm(dim=-1, keepdim=True).clamp_min(1e-12)
        relation = (scaled @ scaled.mT).clamp_min(0).square()
        relation.diagonal(dim1=-2, dim2=-1).zero_()
        if self.shuffled:
            relation = torch.stack([
                part[:, order][:, :, order] for part, order in zip(relation, partners, strict=True)
            ])
        return relation


def step_genes(
    mrna: Tensor, protein: Tensor, activated: Tensor, relation: Tensor, config: Config
) -> tuple[Tensor, Tensor]:
    """One step of the genes, stable for every step size.

    Exponential Euler: production is frozen over the step and decay is exact. Whatever the step,
    0 <= m <= 1 / gamma_m and 0 <= p <= kappa / (gamma_m gamma_p), once inside; forward Euler would
    need steps below 2 / max(gamma_m, gamma_p) not to blow up.
    """
    repressors = (relation @ protein[..., None])[..., 0]
    made = activated * (1 - config.repression * repressors / (1 + repressors))

    def relax(state: Tensor, production: Tensor, decay: float) -> Tensor:
        kept = math.exp(-decay * config.gene_step)
        return kept * state + (1 - kept) / decay * production

    return (relax(mrna, made, config.mrna_decay),
            relax(protein, config.translation * mrna, config.protein_decay))


# ------------------------------------------------------------------------------------------------
# Training


def fit(
    config: Config,
    rules: dict[str, Rule],
    inputs: Tensor,
    labels: Tensor,
    seeds: list[int],
    first_epoch: int = 0,
    log: Callable[[int, Networks], None] | None = None,
) -> Trained:
    """Train the networks of all `rules` for all seeds together.

    Args:
        config: settings.
        rules: by name.
        inputs: (N, D).
        labels: (S, N), so that each seed may have its own.
        seeds: of the initial weights, the batches and everything random.
        first_epoch: epochs before it are left out.
        log: called with the number of epochs and the networks, after each epoch.
    """
    names, own, count = names_of(rules), {}, 0
    for name, rule in rules.items():
        own[name] = slice(count, count := count + len(rule.sparsities))
    widths = [inputs.shape[1], *config.hidden, config.classes]
    nets = early = Networks.start(widths, seeds, len(names)).to(inputs)
    streams = [generator(seed, 3) for seed in seeds]

    def shuffle() -> Tensor:
        orders = [torch.randperm(len(inputs), generator=stream) for stream in streams]
        return torch.stack(orders).to(inputs.device)

    looked_at = shuffle()[:, : config.probe]
    probe = inputs[looked_at]
    for name, rule in rules.items():
        rule.begin(nets.part(own[name]), seeds, probe, labels.gather(1, looked_at))
    parameters = [*nets.weights, *nets.biases]
    optimizer = adam(parameters, config.learning_rate)
    steps = len(inputs) // config.batch_size
    update_after = {steps // 2: 0.5, steps: 1.0}     # steps into an epoch, epochs that are done
    churn, progress = [], first_epoch / config.epochs
    for epoch in range(config.epochs):
        order = shuffle()
        if epoch < first_epoch:
            continue
        for step in range(1, steps + 1):
            rows = order[:, (step - 1) * config.batch_size : step * config.batch_size]
            _, gradients = differentiate(nets, inputs[rows], labels.gather(1, rows))
            nets.gradients = gradients[: len(nets.weights)]
            allowed = [*nets.masks, *[1.0] * len(nets.biases)]
            for parameter, gradient, mask in zip(parameters, gradients, allowed, strict=True):
                parameter.grad = gradient * mask
            optimizer.step()
            if step not in update_after:
                continue
            moments = [optimizer.state[weight] for weight in nets.weights]
            nets.momenta = [(m["exp_avg"], m["exp_avg_sq"]) for m in moments]
            before, masks = progress, [mask.clone() for mask in nets.masks]
            progress = (epoch + update_after[step]) / config.epochs
            for name, rule in rules.items():
                if before < rule.until:
                    rule.update(nets.part(own[name]), probe, progress)
            changed = [(old - new).abs().sum((-2, -1))
                       for old, new in zip(masks, nets.masks, strict=True)]
            churn.append(sum(changed) / sum(mask.sum((-2, -1)) for mask in masks))
        if epoch == 0:
            early = replace(nets, weights=[weight.clone() for weight in nets.weights],
                            biases=[bias.clone() for bias in nets.biases])
        if log:
            log(epoch + 1, nets)
    return Trained(names, nets, early, torch.stack(churn))


# ------------------------------------------------------------------------------------------------
# The experiment


def rules_of(config: Config) -> dict[str, Callable[[Sequence[float]], Rule]]:
    """How to make each rule, given its sparsities."""
    return {
        "dense": lambda levels: Rule(),
        "fake": lambda levels: Fake(config),
        "fake_no_time": lambda levels: Fake(replace(config, fake_time=0.0)),
        "fake_median": lambda levels: Fake(config, to_median=True),
        "genes": lambda levels: Genes(levels, config),
        "genes_shuffled": lambda levels: Genes(levels, config, shuffled=True),
        "genes_unregulated": lambda levels: Genes(levels, replace(config, repression=0.0)),
        "genes_static": lambda levels: Genes(levels, config, static=True),
        "gradual": Gradual, "rigl": RigL, "set": Set, "snip": Snip, "random": Random,
        "small_dense": SmallDense,
    }


def study(config: Config, data: Emotions, seeds: list[int]) -> list[kit.Outcome]:
    """All measurements for some seeds, which are trained as one batch."""
    started = time.perf_counter()
    curves = [kit.Curves() for _ in seeds]
    values: list[dict[str, Tensor]] = [{} for _ in seeds]
    inputs, labels = data.train.inputs, data.train.labels.expand(len(seeds), -1)
    make = rules_of(config)

    # every rule at every sparsity, then the lottery tickets of the dense networks among them
    rules = {name: made(config.sparsities) for name, made in make.items()}
    names = names_of(rules)

    def log(epoch: int, nets: Networks) -> None:
        if epoch % 4 == 0 or epoch == config.epochs:
            log_accuracy(curves, epoch, names, nets, data)

    pooled = fit(config, rules, inputs, labels, seeds, log=log)
    dense = slice(names.index("dense@0"), names.index("dense@0") + 1)
    ticket = LotteryTicket(config.sparsities, pooled.early.part(dense), pooled.nets.part(dense))
    again = fit(config, {"lottery": ticket}, inputs, labels, seeds, first_epoch=1)
    for part in (pooled, again):
        record(values, part, data)
        record_details(values, part, data, config.focus)

    # one condition left out
    few = {"dense": (0.0,), "fake": (0.0,), "genes": (0.5, config.focus),
           "genes_shuffled": (config.focus,), "gradual": (config.focus,)}
    for index, condition in enumerate(data.conditions if len(data.conditions) > 1 else ()):
        seen = data.train.conditions != index
        chosen = {name: make[name](levels) for name, levels in few.items()}
        part = fit(config, chosen, inputs[seen], labels[:, seen], seeds)
        record(values, part, data, f"without {condition}: ")

    # labels that mean nothing
    chosen = {name: make[name]((config.focus,)) for name in ("dense", "genes")}
    orders = [torch.randperm(len(inputs), generator=generator(seed, 7)) for seed in seeds]
    nonsense = labels.gather(1, torch.stack(orders).to(labels.device))
    record(values, fit(config, chosen, inputs, nonsense, seeds), data, "shuffled labels: ")

    # the experiment behind the published figure
    found = one_shot(inputs, data.train.valence, data.test_inputs[:1000], seeds, config.regressors)
    for name, predicted in found.items():
        add(values, f"regressors {name}", predicted)

    log_fake(curves, rules["fake"].log, config.fake_start)
    genes = torch.stack(rules["genes"].history)[:, :, :, config.sparsities.index(config.focus)]
    add(values, "genes", genes.permute(2, 0, 1, 3))                          # (S, updates, 2, H)
    seconds = (time.perf_counter() - started) / len(seeds)
    return [
        kit.Outcome(seed=seed, curves=curve, train_seconds=seconds, focus=config.focus, **value)
        for seed, curve, value in zip(seeds, curves, values, strict=True)
    ]


def train(config: Config, data: Emotions, seeds: list[int]) -> list[kit.Outcome]:
    """One outcome per seed."""
    data = data.to(kit.device())
    groups = torch.tensor(seeds).split(config.seeds_at_once)
    outcomes, progress = [], kit.Progress(len(groups), "groups of seeds")
    for group in groups:
        outcomes += study(config, data, group.tolist())
        progress.step()
    return outcomes


if __name__ == "__main__":
    kit.main(Config, train, smoke={
        "sparsities": (0.5, 0.9), "epochs": 4, "batch_size": 32, "fake_start": 1, "regressors": 2,
    })
