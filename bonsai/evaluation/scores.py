"""The runner's own scores, computed again from a run's outcome files with the pack's scorer."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from bonsai.base import BonsaiError, untrusted
from bonsai.evaluation import outcomes
from bonsai.kit.data import fingerprints_of_tests, load_images
from bonsai.kit.errors import KitError
from bonsai.kit.experiment import write_json
from bonsai.kit.scoring import Scorer, summarise
from bonsai.templates import Template, contract

TOLERANCE = 1e-6  # relative: the scores are computed twice from the same float32 arrays


class Scores(BaseModel):
    """What a run achieved, as the runner computed it.

    Attributes:
        dataset: the data set's name.
        means: mean over seeds of each metric.
        stderrs: standard error of that mean; None with one seed.
        per_seed: each metric's value for each seed, in the order of `seeds`.
        seeds: the seeds.
        disagreements: one sentence for each number of `final_info.json` that is another.
        seeds_differ: whether the arrays of different seeds differ, as they do if the seeds are
            used; True with one seed.
        trained_on_test: how many test images are among those that training has seen; None where
            the experiment does not say which those are (`Outcome(train_fingerprints=...)`).
    """

    dataset: str
    means: dict[str, float]
    stderrs: dict[str, float | None]
    per_seed: dict[str, list[float]]
    seeds: list[int]
    disagreements: list[str] = []
    seeds_differ: bool = True
    trained_on_test: int | None = None

    def varies(self, metric: str) -> bool:
        """Whether a metric is not the same for every seed, but for rounding."""
        values = self.per_seed[metric]
        return max(values) - min(values) > TOLERANCE * max(1.0, abs(values[0]))

    def of(self, seeds: Sequence[int]) -> Scores:
        """The scores of some of the seeds alone."""
        places = [self.seeds.index(seed) for seed in seeds]
        per_seed = [
            {name: values[place] for name, values in self.per_seed.items()} for place in places
        ]
        return self.model_copy(update=_figures(per_seed) | {"seeds": list(seeds)})


def joined(parts: Sequence[Scores]) -> Scores:
    """The scores of one code on several sets of seeds, as if they had been run together."""
    per_seed = [
        {name: values[position] for name, values in part.per_seed.items()}
        for part in parts
        for position in range(len(part.seeds))
    ]
    seeds = [seed for part in parts for seed in part.seeds]
    return Scores(dataset=parts[0].dataset, seeds=seeds, **_figures(per_seed))


def _figures(per_seed: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Means, standard errors and values per seed, as `Scores` has them."""
    summary = summarise(per_seed)
    return {
        "means": summary["means"],
        "stderrs": summary["stderrs"],
        "per_seed": summary["final_info_dict"],
    }


def score_run(
    template: Template, run: Path, data: str, seeds: Sequence[int], *, smoke: bool = False
) -> Scores:
    """Score the outcomes in the folder `run`; write its `final_info.json`, or compare with it.

    Raises:
        BonsaiError: a file is missing, of another shape, or cannot be scored; the text says which.
    """
    if strays := untrusted.strays(run):
        raise BonsaiError(f"{strays[0]}; results must be files")
    path = run / "final_info.json"
    claimed = contract.read(contract.FinalInfo, path).root if path.exists() else None
    try:
        scorer = template.scorer
        assert isinstance(scorer, Scorer), "what has no score.py is scored by `programs.score`"
        truth = scorer.load_truth(data, smoke)
        per_seed, prints, trained_on, bare = [], set(), [], True
        for seed in seeds:  # one after the other: outcomes may be large
            outcome = outcomes.load(run / f"outcome_seed_{seed}.npz")
            per_seed.append(scorer.evaluate(outcome, truth, seed))
            prints.add(_fingerprint(outcome))
            bare = bare and not any(array.ndim and array.size for array in outcome.values())
            trained_on.append(outcome.get("train_fingerprints"))
    except KitError as error:
        raise BonsaiError(str(error)) from error
    summary = summarise(per_seed)
    # Where outcomes are lone numbers, what they are scored by is all that can differ.
    differ = len(prints) > 1 or (bare and len({each[scorer.primary] for each in per_seed}) > 1)
    if claimed is None:
        write_json(path, {truth.name: summary})
    elif truth.name not in claimed:
        raise BonsaiError(
            f"final_info.json has no entry {truth.name!r} (it has {', '.join(claimed)})"
        )
    return Scores(
        dataset=truth.name,
        means=summary["means"],
        stderrs=summary["stderrs"],
        per_seed=summary["final_info_dict"],
        seeds=list(seeds),
        disagreements=_disagreements(claimed[truth.name].means, summary["means"])
        if claimed
        else [],
        seeds_differ=len(seeds) == 1 or differ,
        trained_on_test=_trained_on_test(template, data, smoke, trained_on),
    )


def _trained_on_test(
    template: Template,
    data: str,
    smoke: bool,
    trained_on: Sequence[npt.NDArray[Any] | None],
) -> int | None:
    """How many different test images are among the images that training says it has seen."""
    if template.scorer.load_data is not load_images or any(seen is None for seen in trained_on):
        return None
    seen = np.unique(np.concatenate([np.ravel(each) for each in trained_on if each is not None]))
    return int(np.isin(np.unique(fingerprints_of_tests(data, smoke)), seen).sum())


def _fingerprint(outcome: Mapping[str, npt.NDArray[Any]]) -> str:
    """A hash of an outcome's arrays; lone numbers, such as its seconds, are left out."""
    digest = hashlib.sha256()
    for name, array in sorted(outcome.items()):
        if array.ndim:
            digest.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
    return digest.hexdigest()


def _disagreements(claimed: dict[str, float], computed: dict[str, float]) -> list[str]:
    return [
        f"{name}: final_info.json says {claimed.get(name)}, its outcomes give {value:.6g}"
        for name, value in computed.items()
        if name not in claimed
        or not math.isclose(claimed[name], value, rel_tol=TOLERANCE, abs_tol=1e-9)
    ]
