"""What is known before a new idea is proposed: ideas that exist, what they achieved, a baseline."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bonsai.base import BonsaiError
from bonsai.evaluation import Scores, read_reported, self_reported_scores
from bonsai.kit.data import data_folder
from bonsai.report import IdeaSummary, summarise
from bonsai.templates import HOME, Idea, Template, contract, read_ideas, templates_folder

RESULTS = Path("results")


@dataclass(frozen=True)
class Known:
    """An idea that exists, and where."""

    idea: Idea
    where: str


@dataclass
class IdeaHistory:
    """All that exists before.

    Attributes:
        known: every idea once: of the template, of `seed_ideas/`, tried (on any template), or
            proposed and not tried yet.
        outcomes: one line for every idea that was tried on the template.
        warnings: one sentence for each thing that could not be read.
    """

    known: list[Known] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def ideas(self) -> list[Idea]:
        """The ideas alone."""
        return [known.idea for known in self.known]

    def add(self, ideas: Iterable[Idea], where: str) -> None:
        """Take up ideas, but for those that are known with the same name and text."""
        seen = {(idea.Name, idea.Experiment) for idea in self.ideas}
        for idea in ideas:
            if (idea.Name, idea.Experiment) not in seen:
                self.known.append(Known(idea, where))

    def add_file(self, path: Path) -> None:
        """Take up the ideas of a file; one that cannot be read is a warning."""
        try:
            found = read_ideas(path)
            self.add(found.ideas, str(path))
            self.warnings += [f"{path}: {each}" for each in found.left_out]
        except BonsaiError as error:
            self.warnings.append(f"{error}; left out")


def collect(
    template: Template, results: Sequence[Path], proposed: Sequence[Path] = ()
) -> IdeaHistory:
    """Gather what is known about a template.

    Args:
        template: the template.
        results: results folders, the oldest first; one that is damaged, or of a version that is
            too old, is a warning.
        proposed: files of ideas that were proposed and perhaps not tried yet.

    Raises:
        BonsaiError: the template has no readable seed ideas.
    """
    history = IdeaHistory()
    history.add(template.ideas, "seed idea")
    for path in sorted((templates_folder().parent / "seed_ideas").glob("*.json")):
        history.add_file(path)
    for folder in results:
        try:
            tried = [(each.template.name, idea) for each, idea in summarise(folder).ideas]
        except Exception as error:  # results of another version may fail in any way
            why = str(error) if isinstance(error, BonsaiError) else f"{type(error).__name__}"
            history.warnings.append(f"the results in {folder} are left out: {why}")
            continue
        history.add((idea.idea for _, idea in tried), f"tried in {folder.name}")
        history.outcomes += [describe(idea) for name, idea in tried if name == template.name]
    for path in proposed:
        history.add_file(path)
    return history


def describe(tried: IdeaSummary) -> str:
    """What an idea achieved, in a line."""
    head = f"- {tried.idea.Name} ({tried.idea.Title}): {tried.word}"
    found = tried.comparison
    if found is not None:
        line = (
            f"{head}; its best run {tried.best_run} differs from the baseline by {found.mean:+.3g}"
        )
        if found.low is not None and found.high is not None:
            line += f" (95 % interval {found.low:+.3g} to {found.high:+.3g})"
        return f"{line} on {len(found.differences)} fresh seeds"
    if tried.failures:
        return f"{head}; the last failure: {tried.failures[-1].message}"
    return head


def results_folders(named: Sequence[Path]) -> list[Path]:
    """The results folders to read, the oldest first.

    Args:
        named: those that a person names, or folders that hold some; none: all below `results/`.

    Raises:
        BonsaiError: a named one is not there.
    """
    found: set[Path] = set()
    for folder in named or [RESULTS]:
        if named and not folder.is_dir():
            raise BonsaiError(f"--results {folder}: there is no such folder")
        alone = (folder / "sweep.json").is_file()
        found |= {folder} if alone else {path.parent for path in folder.glob("*/sweep.json")}
    return sorted(found, key=lambda path: ((path / "sweep.json").stat().st_mtime, path))


def shipped_files() -> list[Path]:
    """The files of ideas that come with Bonsai."""
    return [
        *sorted(HOME.glob("seed_ideas/*.json")),
        *sorted(HOME.glob("templates/*/seed_ideas.json")),
    ]


def shipped() -> list[Idea]:
    """All ideas in them, from which the usual weights of words are learned."""
    history = IdeaHistory()
    for path in shipped_files():
        history.add_file(path)
    return history.ideas


def find_baseline(template: Template, results: Sequence[Path]) -> tuple[Scores, Path] | None:
    """The baseline's figures, where this experiment.py was run unchanged before, and their place.

    They are looked for in the template's own `run_0`, then in the results folders, the newest
    first, and then in the cache of baselines.
    """
    cache = (data_folder() / "baselines").glob(f"{template.name}-*")
    places = [
        template.folder / "run_0",
        *(folder / template.name / "run_0" for folder in reversed(results)),
        *sorted(cache, key=lambda path: path.stat().st_mtime, reverse=True),
    ]
    find = _reported_baselines if template.reported else _baselines
    return next(find(template, places), None)


def _reported_baselines(
    template: Template, places: Iterable[Path]
) -> Iterator[tuple[Scores, Path]]:
    """Of a template without `score.py`: as its runs were kept, else as its program wrote them."""
    how = template.reported
    assert how is not None
    for place in places:
        with contextlib.suppress(BonsaiError):
            yield self_reported_scores(how, place, how.seeds), place
        with contextlib.suppress(BonsaiError):
            metrics = read_reported(contract.read_json(place / "final_info.json")).metrics
            if how.primary in metrics:
                yield (
                    Scores(
                        dataset=how.dataset, means=metrics, stderrs=dict.fromkeys(metrics),
                        per_seed={name: [value] for name, value in metrics.items()}, seeds=[0],
                    ),
                    place,
                )  # fmt: skip


def _baselines(template: Template, places: Iterable[Path]) -> Iterator[tuple[Scores, Path]]:
    code = (template.folder / "experiment.py").read_bytes()
    for place in places:
        try:
            info = contract.read(contract.FinalInfo, place / "final_info.json").root
            environment = _read_environment(place)
        except BonsaiError:
            continue
        # An experiment that does not use Bonsai's kit says nothing of the code that was run.
        sha256 = environment.get("experiment_sha256")
        of_other_code = sha256 not in (None, hashlib.sha256(code).hexdigest())
        if of_other_code or environment.get("smoke"):
            continue
        for name, dataset in info.items():
            if template.scorer.primary in dataset.means:
                per_seed = dataset.final_info_dict
                count = len(per_seed.get(template.scorer.primary, []))
                yield (
                    Scores(
                        dataset=name, means=dataset.means, stderrs=dataset.stderrs,
                        per_seed=per_seed, seeds=list(range(count)),
                    ),
                    place,
                )  # fmt: skip


def _read_environment(run: Path) -> dict[str, object]:
    try:
        value = json.loads((run / "environment.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
