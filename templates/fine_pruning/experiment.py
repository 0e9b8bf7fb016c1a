"""Fine-pruning: does cutting a network on a user's unlabelled images make it smaller and better?

Method:   run a user's unlabelled images through a trained network; in each layer, drop the weights
          that carry least there: the smallest |weight| · RMS of its input. No label and no gradient
          is used, and nothing is learned. Beside it, at equal sparsity: other scores, random ones,
          another user's images, compensation, labels. And what needs no pruning: noticing which
          classes the user has, re-estimated normalisation, fine-tuning.
Result:   it keeps far more than other cuts of the same size, and noticing the user's classes gives
          more without any cut. README.md has the figures.
Run:      python experiment.py --out_dir run_0     (add --smoke for a check in seconds)
"""

from dataclasses import dataclass
from functools import lru_cache, partial

import peers
import torch
from base_networks import RESNETS, base_network
from networks import logits, observe, prunable, restandardise
from protocol import ABSENT_SHARE, Arms, arms_with_labels, costs, in_parallel, percent
from torch import nn
from users import CONDITIONS

from bonsai import kit


@dataclass
class Config:
    """Settings of a run; shares are between 0 and 1."""

    models: tuple[str, ...] = ("cnn", "mlp")   # the metrics are about the first; mlp_* the second
    resnets: tuple[str, ...] = ("resnet18",)   # taken instead for --data ImageFolder; or resnet50
    score: str = "rms"             # the score of the personalised copy that the run is about
    sparsity: float = 0.7          # share of the prunable weights that it loses
    scores: tuple[str, ...] = (    # all are compared at every sparsity of the grid
        "rms", "rms_rows", "l1", "hebbian", "rms_iterative", "activity", "contribution",
        "other_user", "magnitude", "random", "compensated")
    grid: tuple[float, ...] = (0.3, 0.5, 0.7, 0.9)
    images: int = 100              # unlabelled images of the user that are pruned on
    image_counts: tuple[int, ...] = (10, 30, 100, 300, 1000)    # for the gain against their number
    prune_output: bool = False     # prune the last layer too
    least_share: float = 0.01      # layers with a smaller share of all weights are left whole
    restandardise: bool = False    # re-estimate the normalisation after pruning, on the same images
    prune_step: float = 0.1        # of the iterative score: observe again after so much sparsity
    stop_grid: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    entropy_rise: float = 0.05     # stop before the entropy of predictions has risen by this share
    agreement: float = 0.95        # stop before fewer predictions agree with the dense network's
    onnx_folder: str = ""          # write the dense and the smaller network there, as ONNX


UNIT_SCORES = ("activity", "contribution")     # these remove whole units, filters or neurons
PAIR_SCORES = ("hebbian", "compensated")       # these need more than sums over single inputs
ROW_SCORES = ("rms_rows",)                     # compared within each row, as Wanda does


# ------------------------------------------------------------------------------------------------
# Scores: how much a weight, (out, in), or a unit, (out,), matters to one user


def saliency(score, matrix, seen, following, generator):
    """What each weight, or each unit, is worth; the least is pruned first.

    Args:
        score: its name.
        matrix: (out, in) weights of a layer; of a filter, in = channels times places.
        seen: the layer's `Statistics` for the user's images.
        following: (out', in') weights of the next layer.
        generator: of random numbers.
    """
    size = matrix.abs()
    if score in ("rms", "rms_rows", "rms_iterative", "other_user"):
        return size * seen.square.sqrt()       # Sun et al. 2023 (Wanda, arXiv 2306.11695)
    if score == "l1":
        return size * seen.absolute
    if score == "hebbian":
        return size * seen.coactivity          # what fires together
    if score == "magnitude":
        return size
    if score == "random":
        return torch.rand(matrix.shape, generator=generator).to(matrix)
    if score == "activity":
        return seen.activity
    if score == "contribution":                # activity times what leaves the unit, as in
        leaving = following.abs().sum(0)       # continual backprop (Dohare et al. 2024)
        return seen.activity * leaving.view(len(matrix), -1).sum(1)
    raise kit.KitError(f"there is no score {score!r}")


def keep_largest(values, sparsity):
    """True for what stays: of each row of `values` (R, n) round(sparsity·n) smallest go."""
    count = round(sparsity * values.shape[1])
    if count == 0:
        return torch.ones_like(values, dtype=torch.bool)
    threshold = values.kthvalue(count, dim=1, keepdim=True).values
    below, ties = values < threshold, values == threshold
    open_places = count - below.sum(1, keepdim=True)
    return ~(below | (ties & (ties.cumsum(1) <= open_places)))


# ------------------------------------------------------------------------------------------------
# Pruning one user's copy


def prune_weights(layers, values, sparsity, config, *, rows=False):
    """A copy without the weights of least value, in each layer or in each row of it."""
    copy = {}
    least = config.least_share * sum(value.numel() for value in values)
    for layer, value in zip(layers, values, strict=True):
        if value.numel() >= least:
            kept = keep_largest(value if rows else value.reshape(1, -1), sparsity)
            copy[layer.key] = layer.module.weight * kept.view_as(layer.module.weight)
    return copy


@lru_cache
def unit_share(shapes, sparsity):
    """The share of units to remove from every layer (out, in) so that this many weights go.

    A unit takes its own weights along, and those of the next layer that listen to it.
    """
    def left(share):
        count, kept_before = 0.0, 1.0
        for units, inputs in shapes:
            kept = 1 - round(share * units) / units
            count += units * inputs * kept * kept_before
            kept_before = kept
        return count / sum(units * inputs for units, inputs in shapes)

    shares = [step / 200 for step in range(200)]
    return min(shares, key=lambda share: abs(left(share) - (1 - sparsity)))


def unit_masks(layers, values, sparsity):
    """Which units (out,) of each layer stay: the most valuable ones."""
    share = unit_share(tuple(tuple(layer.matrix.shape) for layer in layers), sparsity)
    return [keep_largest(value[None], share)[0] for value in values]


def silence_units(layers, kept):
    """A copy in which the units that are not kept say nothing."""
    copy, heard = {}, None
    for layer, stay in zip(layers, kept, strict=True):
        matrix = layer.matrix * stay[:, None]
        if heard is not None:
            matrix = matrix * heard.repeat_interleave(matrix.shape[1] // len(heard))
        copy[layer.key] = matrix.view_as(layer.module.weight)
        if layer.norm:                         # else its shift would make a silent unit speak
            copy[f"{layer.norm}.weight"] = layer.norm_module.weight * stay
            copy[f"{layer.norm}.bias"] = layer.norm_module.bias * stay
        heard = stay
    return copy


def prune_iteratively(model, layers, images, config, sparsities):
    """Copies at each sparsity, observing the pruned network again after every `prune_step`."""
    steps = [config.prune_step * i for i in range(1, round(1 / config.prune_step))]
    copy, copies = {}, {}
    for sparsity in sorted({round(s, 6) for s in (*steps, *sparsities)}):
        seen = observe(model, layers, images[None], copy)
        values = [
            copy.get(layer.key, layer.module.weight).flatten(1).abs() * now.of(0).square.sqrt()
            for layer, now in zip(layers, seen, strict=True)
        ]
        copy = prune_weights(layers, values, sparsity, config)
        copies[sparsity] = copy
    return [copies[round(sparsity, 6)] for sparsity in sparsities]


def prune(score, model, layers, seen, images, config, sparsities, generator):
    """One user's copies at each sparsity, by a score that knows neither labels nor gradients."""
    if score in UNIT_SCORES:                   # outputs are no units that could go
        layers = [layer for layer in layers if layer.norm]
    if score == "rms_iterative":
        return prune_iteratively(model, layers, images, config, sparsities)
    matrices = [layer.matrix for layer in prunable(model)]
    values = [
        saliency(score, layer.matrix, now, following, generator)
        for layer, now, following in zip(layers, seen, [*matrices, None][1:], strict=False)
    ]
    if score in UNIT_SCORES:
        return [silence_units(layers, unit_masks(layers, values, s)) for s in sparsities]
    rows = score in ROW_SCORES
    return [prune_weights(layers, values, s, config, rows=rows) for s in sparsities]


# ------------------------------------------------------------------------------------------------
# When to stop, without labels


def stop(dense, pruned, config):
    """The sparsity at which to stop, in percent, by each rule; 0: do not prune.

    Args:
        dense: the dense network's logits (n, classes) for the images that are watched.
        pruned: those of the copies at each sparsity of `stop_grid`.
        config: the limits.
    """

    def entropy(answers):
        log_shares = answers.log_softmax(1)
        return -(log_shares.exp() * log_shares).sum(1).mean()

    def agreement(answers):
        return (answers.argmax(1) == dense.argmax(1)).float().mean()

    limit = entropy(dense) * (1 + config.entropy_rise)
    rules = {
        "entropy": [bool(entropy(answers) <= limit) for answers in pruned],
        "agreement": [bool(agreement(answers) >= config.agreement) for answers in pruned],
    }
    stops = {}
    for rule, allowed in rules.items():
        reached = [*allowed, False].index(False)       # how many steps are allowed from the start
        stops[rule] = percent(config.stop_grid[reached - 1]) if reached else 0
    return stops


# ------------------------------------------------------------------------------------------------
# The protocol: all arms for all users of one condition


def label_free_arms(config, model, arms, users, seed):
    """All arms that see nothing of a user but unlabelled images; sparsities chosen, counts kept."""
    layers = prunable(model, config.prune_output)
    images = users.unlabelled[:, : config.images]
    scores = list(config.scores)
    if not isinstance(model, nn.Sequential):   # a ResNet's units cannot simply go, its pairs of
        scores = [score for score in scores    # inputs are too many
                  if score not in (*UNIT_SCORES, *PAIR_SCORES)]
    pairs = bool({*PAIR_SCORES} & {config.score, *scores})
    seen = observe(model, layers, images, pairs=pairs)     # one pass, for all users and scores
    generator = torch.Generator().manual_seed(seed)
    sparsities = dict.fromkeys(scores, config.grid)
    sparsities[config.score] = tuple(sorted({*config.grid, *config.stop_grid, config.sparsity}))
    compensated = {}
    if "compensated" in sparsities:
        pruned = prune_weights(layers, [layer.matrix for layer in layers], 0.5, config)
        compensated = {
            layer.key: peers.compensate(layer.matrix, now.gram, sparsities["compensated"])
            for layer, now in zip(layers, seen, strict=True) if layer.key in pruned
        }
    stops, kept = {}, []

    for user in range(len(users)):
        arms.show("dense", user, {})
        mine = images[user]
        for score, shares in sparsities.items():
            whose = (user + 1) % len(users) if score == "other_user" else user
            now = [statistics.of(whose) for statistics in seen]
            if score == "compensated":
                copies = [{key: weights[place, user].view_as(model.get_parameter(key))
                           for key, weights in compensated.items()} for place in range(len(shares))]
            else:
                copies = prune(score, model, layers, now, mine, config, shares, generator)
            for share, copy in zip(shares, copies, strict=True):
                if score == config.score:
                    if config.restandardise:
                        copy = restandardise(model, copy, mine)
                    elif share in config.grid:
                        fresh = restandardise(model, copy, mine)
                        arms.show(f"{score}+bn@{percent(share)}", user, fresh)
                    if share == config.sparsity:
                        arms.show("pruned", user, copy)
                        kept.append([int(copy.get(layer.key, layer.module.weight).count_nonzero())
                                     for layer in layers])
                arms.show(f"{score}@{percent(share)}", user, copy)
        watched = [arms.watched(f"{config.score}@{percent(s)}", user) for s in config.stop_grid]
        for rule, chosen in stop(arms.watched("dense", user), watched, config).items():
            stops.setdefault(f"stop.{rule}", []).append(chosen)
        arms.show("bn", user, restandardise(model, {}, mine))
        arms.show("tent", user, peers.tent(model, mine))

    with torch.no_grad():
        answers = [logits(model, {}, own) for own in users.unlabelled]     # of the dense network
    for count in config.image_counts:
        count = min(count, users.unlabelled.shape[1])
        fewer = observe(model, layers, users.unlabelled[:, :count], pairs=config.score == "hebbian")
        for user in range(len(users)):
            now = [statistics.of(user) for statistics in fewer]
            own = users.unlabelled[user, :count]
            (copy,) = prune(config.score, model, layers, now, own, config, [config.sparsity],
                            generator)
            arms.show(f"images_{count}", user, copy)
        arms.adjust(f"mask_images_{count}", "dense",
                    [peers.class_mask(own[:count], ABSENT_SHARE) for own in answers])

    masks = [peers.class_mask(own[: config.images], ABSENT_SHARE) for own in answers]
    priors = [peers.em_prior(own[: config.images]) for own in answers]
    arms.adjust("mask", "dense", masks)
    arms.adjust("em", "dense", priors)
    arms.adjust("pruned+mask", "pruned", masks)
    arms.adjust("pruned+em", "pruned", priors)
    for share in config.grid:
        arms.adjust(f"{config.score}+mask@{percent(share)}", f"{config.score}@{percent(share)}",
                    masks)
    return stops, kept


# ------------------------------------------------------------------------------------------------
# The experiment


def cost(config, model, users):
    """What `protocol.costs` measures for one user's copy, and for the network without units."""
    images = users.unlabelled[0, : config.images]
    score = config.score if config.score in ("l1", *UNIT_SCORES) else "rms"

    def adapt():
        layers = prunable(model, config.prune_output)
        seen = [part.of(0) for part in observe(model, layers, images[None])]
        return prune(score, model, layers, seen, images, config, [config.sparsity], None)[0]

    kept = None
    if isinstance(model, nn.Sequential):
        hidden = prunable(model, output=False)
        activity = [seen.activity[0] for seen in observe(model, hidden, images[None])]
        kept = unit_masks(hidden, activity, config.sparsity)
    labels = users.labels[0, : config.images]
    return costs(model, images, labels, adapt, kept, config.sparsity, config.onnx_folder)


def personalise(config, people, name, seed):
    """The base network, and what all arms answer to all users of a seed, as arrays."""
    model = base_network(name, people, seed)
    smaller = None
    if name not in RESNETS:                    # from scratch, with as many weights as are left
        smaller = base_network(name, people, seed, share=1 - config.sparsity)
    columns = {}
    for condition in CONDITIONS:
        users = people.users(seed, condition)
        arms = Arms(model, users, people.sizes)
        stops, kept = label_free_arms(config, model, arms, users, seed)
        by_value = partial(prune_weights, config=config)
        arms_with_labels(arms, config.images, config.grid, config.prune_output, by_value)
        if smaller is not None:
            arms.model = smaller
            for user in range(len(users)):
                arms.show("scratch", user, {})
        found = {**arms.packed(), **{rule: torch.tensor(row) for rule, row in stops.items()}}
        found["kept"] = torch.tensor(kept)
        for arm, part in found.items():
            columns.setdefault(f"{name}.{arm}", []).append(part)
    sizes = [layer.matrix.numel() for layer in prunable(model, config.prune_output)]
    columns[f"{name}.weights"] = [torch.tensor(sizes)]
    return model, {arm: torch.cat(parts) for arm, parts in columns.items()}


def train(config: Config, data, seeds: list[int]) -> list[kit.Outcome]:
    """One outcome per seed: what every arm answers to every user. See score.py for the metrics."""
    names = config.resnets if data.name.startswith("ImageFolder") else config.models
    tasks = [(config, data, name, seed) for name in names for seed in seeds]
    progress = kit.Progress(len(tasks), "networks personalised")

    def work(*task):
        found = personalise(*task)
        progress.step()
        return found

    found = dict(zip([task[2:] for task in tasks], in_parallel(work, tasks), strict=True))
    outcomes = []
    for seed in seeds:
        values = {"headline": percent(config.sparsity)}
        for name in names:
            values.update(found[name, seed][1])
        model = found[names[0], seed][0]       # timed now, when nothing else runs
        values.update(cost(config, model, data.users(seed, CONDITIONS[0])))
        outcomes.append(kit.Outcome(seed=seed, **values))
    return outcomes


if __name__ == "__main__":
    kit.main(Config, train, smoke={
        "images": 20, "image_counts": (10, 40), "grid": (0.5, 0.7), "stop_grid": (0.5, 0.7)})
