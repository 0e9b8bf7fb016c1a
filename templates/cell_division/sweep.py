"""Every method at several settings, on seeds of its own: how the defaults were chosen.

Each setting is tried on seeds 100, 101 and 102 with two fifths of the tasks of a run, on both
streams. The choice is by the mean of two accuracies in the last tenth of the tasks: of validation
images (permuted) and of predictions before learning (labels). Test labels play no part.

Run:  python sweep.py [--only division,redo]     (all: N networks, about M minutes on two cores)
"""

import argparse
import time
from dataclasses import replace
from itertools import product

import experiment
import numpy as np
import score
from experiment import Config, Method
from peers import Remedy

SEEDS = [100, 101, 102]
LENGTH = 0.4  # of the standard number of tasks
TOGETHER = 18  # settings trained as one batch
GROWTH = 2e-4  # births per slot and step: half of the slots in 2500 steps


def settings() -> dict[str, list[Method]]:
    """The settings of every method."""
    rates = (1e-4, 3e-4, 1e-3, 3e-3)

    def turnover(name: str, dies: str) -> list[Method]:
        return [Method(name, dies, rate, division=0.0) for rate in (3e-5, *rates)]

    def remedy(name: str, *remedies: Remedy) -> list[Method]:
        return [Method(name, remedy=each) for each in remedies]

    return {
        "division": [
            *(
                Method("division", "utility", 3e-4, noise=noise, split=split, parent=parent)
                for noise, split, parent in product(
                    (0.5, 1.0, 2.0), (0.0, 0.5), ("best", "proportional")
                )
            ),
            *(
                Method("division", "utility", rate, noise=noise)
                for rate, noise in product((1e-4, 1e-3), (1.0, 2.0))
            ),
        ],
        "naive": [
            Method("naive", "utility", 3e-4, parent="best", split=0.5, noise=noise, keep_norm=False)
            for noise in (0.1, 0.5, 1.0)
        ],
        "uneven": [
            Method("uneven", "utility", rate, noise=0.0, split=0.5, uneven=True)
            for rate in rates[:3]
        ],
        "novel_parent": [
            Method("novel_parent", "utility", rate, parent="novel", noise=noise)
            for rate, noise in product((3e-4, 1e-3), (1.0, 2.0))
        ],
        "random_parent": [
            Method("random_parent", "utility", rate, parent="random", noise=noise)
            for rate, noise in product(rates[:3], (1.0, 2.0))
        ],
        "both": [Method("both", "utility", rate, division=0.5, noise=2.0) for rate in rates[:3]],
        "energy": [
            *(
                Method("energy", "energy", rate, noise=noise)
                for rate, noise in product(rates[:3], (1.0, 2.0))
            ),
            Method("energy", "energy", 3e-4, noise=2.0, budget=0.5),
        ],
        "continual_backprop": turnover("continual_backprop", "utility"),
        "random_turnover": turnover("random_turnover", "random"),
        "random_lifetime": turnover("random_lifetime", "age"),
        "redo": [
            Method("redo", "dormant", division=0.0, dormant=dormant, period=period)
            for dormant, period in product((0.025, 0.1, 0.2), (100, 500))
        ],
        "gradmax": [
            Method("gradmax", "utility", rate, division=0.0, gradmax=True) for rate in rates[1:]
        ],
        "l2": remedy("l2", *(Remedy(l2=pull) for pull in (1e-4, 1e-3, 1e-2))),
        "l2_init": remedy("l2_init", *(Remedy(l2_init=pull) for pull in (1e-3, 3e-3, 1e-2))),
        "shrink_perturb": remedy(
            "shrink_perturb",
            *(Remedy(shrink=share, perturb=share) for share in (3e-4, 1e-3, 3e-3)),
        ),
        "layer_norm": remedy("layer_norm", Remedy(layer_norm=True)),
        "crelu": remedy("crelu", Remedy(crelu=True)),
        "reset": remedy("reset", Remedy(reset=True)),
        "backprop": remedy("backprop", Remedy()),
        "net2net": [
            Method("net2net", units=0.5, growth=GROWTH, split=0.5, noise=noise, uneven=uneven)
            for noise, uneven in ((0.0, True), (0.1, False))
        ],
        "gradmax_growth": [
            Method("gradmax_growth", units=0.5, growth=GROWTH, division=0.0, gradmax=True)
        ],
        "newborn_growth": [Method("newborn_growth", units=0.5, growth=GROWTH, division=0.0)],
        "dense_smaller": [Method("dense_smaller", units=share) for share in (0.5, 0.75)],
    }


def described(method: Method) -> str:
    """The fields of a method that are not as by default."""
    plain = Method(method.name)
    found = {key: value for key, value in vars(method).items() if value != getattr(plain, key)}
    remedy = found.pop("remedy", None)
    if remedy is not None:
        found |= {k: v for k, v in vars(remedy).items() if v != getattr(Remedy(), k)}
    return ", ".join(f"{key}={value}" for key, value in found.items()) or "-"


def measure(methods: list[Method], data_name: str, seeds: list[int], length: float) -> np.ndarray:
    """Late validation accuracy (permuted) and late online accuracy (labels) in %, (methods, 2, S).

    Args:
        methods: trained as one batch.
        data_name: as in score.py.
        seeds: of the streams and networks.
        length: share of the standard number of tasks.
    """
    config = Config(methods=tuple(methods), length=length, window=0)
    config.courses = config.courses[:2]
    data, truth = score.load_data(data_name), score.load_truth(data_name)
    found = np.zeros((len(methods), 2, len(seeds)))
    for s, outcome in enumerate(experiment.train(config, data, seeds)):
        found[:, 0, s] = score.held_out_accuracy(outcome.values, truth, "val")[:, 1]
        found[:, 1, s] = score.online_scores(outcome.values, truth, "labels")[:, 1]
    return found


def main() -> None:
    """Measure all settings and print them as a table, the best of each method marked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="names of methods, with commas")
    parser.add_argument("--data", default="digits")
    parser.add_argument("--length", type=float, default=LENGTH)
    arguments = parser.parse_args()
    started = time.perf_counter()
    every = settings()
    names = arguments.only.split(",") if arguments.only else list(every)
    chosen = [method for name in names for method in every[name]]
    unique = [replace(method, name=f"{m} {method.name}") for m, method in enumerate(chosen)]
    parts = [
        measure(unique[at : at + TOGETHER], arguments.data, SEEDS, arguments.length)
        for at in range(0, len(unique), TOGETHER)
    ]
    found = np.concatenate(parts)
    means = found.mean(axis=(1, 2))
    print("| method | setting | permuted: validation % | labels: online % | mean |")
    print("|---|---|---|---|---|")
    for m, method in enumerate(chosen):
        rivals = [means[k] for k, other in enumerate(chosen) if other.name == method.name]
        mark = "**" if means[m] == max(rivals) else ""
        first, second = found[m].mean(axis=1)
        print(f"| {method.name} | {mark}{described(method)}{mark} | {first:.1f} | {second:.1f} "
              f"| {means[m]:.1f} |")  # fmt: skip
    seconds = time.perf_counter() - started
    print(f"\n{len(chosen)} settings x {len(SEEDS)} seeds in {seconds:.0f} s")


if __name__ == "__main__":
    main()
