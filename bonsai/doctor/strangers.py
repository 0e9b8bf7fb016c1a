"""Checks of a template without score.py: what it needs of this machine, and how far it gets.

Three levels: it runs in The AI Scientist; it can be swept here, by the numbers that it reports
itself; it can be swept with numbers that the runner measures.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from bonsai.base import BonsaiError, listing
from bonsai.doctor import code, files, paper
from bonsai.doctor.finding import Finding, note, ok, warning
from bonsai.doctor.reading import wishes
from bonsai.doctor.subject import Subject
from bonsai.evaluation import primary, read_reported
from bonsai.templates import (
    Sight,
    contract,
    install,
    modules,
    see_downloads,
    see_missing_packages,
    see_model_calls,
)

THEIRS, REPORTED, MEASURED = (
    "runs in The AI Scientist",
    "can be swept, self-reported",
    "can be swept, measured by the runner",
)
MEASURE = (
    "to have its numbers measured by the runner, write score.py and let experiment.py use "
    "bonsai.kit; `bonsai new NAME` shows how"
)
KEY = re.compile(r"\b[A-Z][A-Z0-9_]*_(?:KEY|TOKEN)\b")
KEYS = {
    "openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY", "groq": "GROQ_API_KEY",
    "mistralai": "MISTRAL_API_KEY", "google.genai": "GEMINI_API_KEY",
    "google.generativeai": "GEMINI_API_KEY", "cohere": "COHERE_API_KEY",
    "together": "TOGETHER_API_KEY", "replicate": "REPLICATE_API_TOKEN",
}  # fmt: skip
Told = Sequence[tuple[Callable[[Subject], Iterable[Finding]], Finding]]


def packages(subject: Subject) -> Iterator[Finding]:
    """What the code imports is installed here."""
    missing = see_missing_packages(subject.folder, "experiment.py", "plot.py")
    if not missing:
        yield ok("every package that the code imports is installed")
        return
    names = list(dict.fromkeys(sight.what for sight in missing))
    yield warning(
        f"{_with_places(missing)} {'are' if len(names) > 1 else 'is'} not installed here",
        f"`{install(names)}`",
    )


def model(subject: Subject) -> Iterator[Finding]:
    """Whether the experiment asks a model."""
    if sights := see_model_calls(subject.folder):
        yield warning(
            f"the experiment calls a model, by {_with_places(sights)}; a sweep gives it neither "
            "network nor key",
            f"`bonsai run {subject.folder} {_options(subject)}` gives it both, and what ideas make "
            "of it as well" + ("" if _key(subject) else "; NAME is the variable with its key"),
        )


def network(subject: Subject) -> Iterator[Finding]:
    """Whether the experiment seems to fetch something."""
    if sights := see_downloads(subject.folder):
        more = f", and {len(sights) - 1} more" if len(sights) > 1 else ""
        yield warning(
            f"the experiment seems to download what it needs: {sights[0].what} "
            f"({sights[0].where}){more}; a sweep gives it no network",
            f"`bonsai run {subject.folder} {_options(subject)}` lets its baseline download, and "
            "keeps that for the ideas",
        )


def gpu(subject: Subject) -> Iterator[Finding]:
    """On a machine without a GPU, whether the experiment takes one for granted."""
    if subject.has_gpu:
        return
    for module in modules(subject.folder):
        for wish in wishes(module.tree)[:1]:  # whoever mends one sees the next
            fallback = '"cuda" if torch.cuda.is_available() else "cpu"'
            by_hand = f"{wish.option} {'-1' if 'gpu' in wish.option else 'cpu'}"
            yield warning(
                f"{module.name}, line {wish.line}: {wish.text}, and this machine has no GPU",
                f"let the default of {wish.option} be {fallback}, for it is run with --out_dir "
                f"alone; by hand, `{by_hand}` does it"
                if wish.is_default else
                f"take {fallback}" + (f", and see its option {wish.option}" if wish.option else ""),
            )  # fmt: skip


def numbers(subject: Subject) -> Iterator[Finding]:
    """The results, where there are any, hold a number by which ideas can be judged."""
    try:
        names = _metrics(subject)
    except BonsaiError as error:
        yield warning(
            subject.relative(str(error)), "without a finite number `bonsai run` cannot judge ideas"
        )
        return
    if why := _undecided(subject, names):
        yield note(why, f"`bonsai run {subject.folder} --metric NAME`")


def _metrics(subject: Subject) -> list[str]:
    """The names of the metrics in the results; none where there are no results.

    Raises:
        BonsaiError: they cannot be read, or hold no finite number.
    """
    if subject.baseline is None:
        return []
    path = subject.baseline / "final_info.json"
    return list(
        read_reported(contract.read_json(path), f"{subject.baseline.name}/{path.name}").metrics
    )


def _undecided(subject: Subject, names: Sequence[str]) -> str:
    """Why a sweep must be told by which metric ideas are judged; empty if it need not."""
    try:
        prompt = contract.read(contract.Prompt, subject.folder / "prompt.json").model_extra
    except BonsaiError:
        prompt = None
    try:
        if names:
            primary.choose(names, None, (prompt or {}).get("metrics"))
    except BonsaiError as error:
        return str(error)
    return ""


LACKS = (packages, gpu, numbers)
# Without these no sweep begins.
NEEDED = (code.experiment_source, code.experiment_arguments, code.experiment_runs,
          code.plot_source, files.prompt)  # fmt: skip
# Without these The AI Scientist runs experiments, but writes no paper.
PAPER = (paper.paper_is_there, paper.paper_references, paper.paper_figures, paper.paper_frame,
         paper.paper_parts, paper.paper_compiles, paper.paper_style)  # fmt: skip


def level(subject: Subject, told: Told) -> Iterator[Finding]:
    """The level that the template reaches, and what the next takes.

    Args:
        subject: the template, without score.py.
        told: all that was found, each with the check that found it.
    """
    failed = [(check, found) for check, found in told if found.status == "failure"]
    theirs = [found for check, found in failed if check not in PAPER]
    papers = [found for check, found in failed if check in PAPER]
    ran = subject.trial.folder is not None  # so it had all that it needs
    unswept = [
        found for check, found in told
        if (found.status == "failure" and check in NEEDED)
        or (found.status == "warning" and check in LACKS and not (ran and check is not numbers))
    ]  # fmt: skip
    if subject.trial.folder is not None and not any(check is numbers for check, _ in told):
        # It ran, and what The AI Scientist cannot read of its results, a sweep can.
        unswept = [found for found in unswept if "final_info.json" not in found.what]
    untried = " (as its text tells: it was not run)" if subject.trial.skipped else ""
    options = " ".join(filter(None, (_options(subject), _metric_option(subject))))
    swept = REPORTED + (f", with {options}" if options else "") + untried
    bare = "; The AI Scientist runs it without a paper (`--writeup na`)" if papers else ""
    if not (theirs or unswept):
        more = f"for a paper, {_first(papers)}; " if papers else ""
        yield note(f"there is no score.py; level: {swept}{bare}", more + MEASURE)
    elif not unswept:
        yield note(
            f"there is no score.py; level: {swept}, yet it does not run in The AI Scientist",
            f"for The AI Scientist, {_first(theirs)}; {MEASURE}",
        )
    elif not theirs:
        yield note(
            f"there is no score.py; level: {THEIRS}{untried}, where it has what it needs{bare}",
            f"for the next ({REPORTED}), {_first(unswept)}",
        )
    else:
        yield note(
            f"there is no score.py; level: none, for it does not run in The AI Scientist{untried}",
            f"for the first ({THEIRS}), {_first(theirs)}",
        )


def _first(faults: Sequence[Finding]) -> str:
    """The first of several faults, and what mends it."""
    more = len(faults) - 1
    told = f"mend this: {faults[0].what.splitlines()[0].rstrip('.:')}"
    told += f" ({faults[0].mend})" if faults[0].mend else ""
    return told + (f", and {more} more" if more else "")


def _options(subject: Subject) -> str:
    """What `bonsai run` must be told, so that the experiment can do what it does."""
    if see_model_calls(subject.folder):
        return f"--allow-network --pass-env {_key(subject) or 'NAME'}"
    return "--allow-network" if see_downloads(subject.folder) else ""


def _metric_option(subject: Subject) -> str:
    """The option that says by which metric ideas are judged; empty if it need not be said."""
    try:
        return "--metric NAME" if _undecided(subject, _metrics(subject)) else ""
    except BonsaiError:
        return ""


def _key(subject: Subject) -> str:
    """The variable that holds the key of the model that the experiment asks; empty if unknown."""
    for module in modules(subject.folder):
        if found := KEY.search(subject.text(module.name)):
            return found[0]
    asked = see_model_calls(subject.folder)
    return next((KEYS[sight.what] for sight in asked if sight.what in KEYS), "")


def _with_places(sights: Sequence[Sight]) -> str:
    """Each thing once, with where it stands first."""
    first = {sight.what: sight for sight in reversed(sights)}
    names = dict.fromkeys(sight.what for sight in sights)
    return listing([f"{name} ({first[name].where})" for name in names])
