"""The AI Scientist (SakanaAI/AI-Scientist): a template for it, and what it left of one.

It copies a template's whole folder for each idea and runs `python experiment.py --out_dir=run_1`,
`python plot.py` there (`ai_scientist/perform_experiments.py`). The folder of a script comes first
where Python looks for modules, so the kit that lies in it, as `bonsai/`, is found before any other.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import bonsai
from bonsai.base import BonsaiError, untrusted
from bonsai.engines.candidate import Candidate, Left
from bonsai.engines.closure import PACKAGE, kit_files
from bonsai.engines.service import Service
from bonsai.engines.task import Task, task_above
from bonsai.settings import MOST_PROGRAM_BYTES
from bonsai.templates import Template, contract, make_writable

NAME = "ai-scientist"
FILES = Path(__file__).resolve().parent / "files" / "ai_scientist"
MINI = ("fashion_mnist_mini.npz", "LICENSE")  # the images that need no network
MOST_FOLDERS = 1000  # ideas in one folder of results


def export(template: Template, folder: Path, task: Task, service: Service) -> list[str]:
    """Write a template that needs neither Bonsai nor its dependencies where it is used.

    What it imports by itself, as scipy, stays needed. `run_0` is not written: The AI Scientist
    wants one that was made on the machine where it runs.

    Args:
        template: the template.
        folder: an empty folder; it becomes the template.
        task: the data set is taken from it.
        service: not used: The AI Scientist has models of its own.

    Returns:
        The command lines that run it, in The AI Scientist's checkout.

    Raises:
        BonsaiError: it imports parts of Bonsai beside the kit, or has a folder `bonsai` of its own.
    """
    del service
    if (template.folder / "bonsai").exists() or (template.folder / "bonsai.py").exists():
        raise BonsaiError(
            f"{template.folder} has a module `bonsai` of its own, where the kit would have to lie; "
            "it can be copied as it is (`bonsai copy`)"
        )
    folder.rmdir()
    template.copy_to(folder)
    code = sorted(folder.rglob("*.py"))
    kit = kit_files(code)
    for path in kit:
        target = folder / "bonsai" / path.relative_to(PACKAGE)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    if kit:
        _write_origin(template, folder / "bonsai")
    if kit and _reads_mini(template, code):
        mini = folder / "bonsai" / "kit" / "mini"
        mini.mkdir(parents=True)
        for name in MINI:
            shutil.copyfile(PACKAGE / "kit" / "mini" / name, mini / name)
    make_writable(folder)
    # It goes along into every folder of results, and says there what was worked on.
    task.model_copy(update={"folder": str(template.folder.resolve())}).save(folder)
    return _command_lines(template, folder, task)


def _write_origin(template: Template, folder: Path) -> None:
    from jinja2 import Template as Page  # here, because it takes long to load

    text = (FILES / "ORIGIN.md.j2").read_text(encoding="utf-8")
    page = Page(text, keep_trailing_newline=True)
    written = page.render(version=bonsai.__version__, template=template.name)
    (folder / "ORIGIN.md").write_text(written, encoding="utf-8")


def _reads_mini(template: Template, code: Sequence[Path]) -> bool:
    """Whether the images that need no network are among the data sets that it reads."""
    if template.is_self_reported or "mini" not in template.scorer.datasets:
        return False
    own = any("load_data" in path.read_text("utf-8", "replace") for path in code)
    return not own or any("load_images" in path.read_text("utf-8", "replace") for path in code)


def _command_lines(template: Template, folder: Path, task: Task) -> list[str]:
    name = template.name
    chosen = ""
    if not template.is_self_reported and task.data != template.scorer.datasets[0]:
        chosen = f"BONSAI_DATASET={shlex.quote(task.data)} "
    there = folder.parent.name == "templates"
    lines = ["# in The AI Scientist's checkout:"]
    if not (there and folder.name == name):
        lines.append(f"cp -r {shlex.quote(str(folder))} templates/{name}")
    return [
        *lines,
        f"(cd templates/{name} && {chosen}python experiment.py --out_dir run_0 && python plot.py)",
        f"{chosen}python launch_scientist.py --experiment {name} --model MODEL",
    ]


# ------------------------------------------------------------------------------------ what it left


def read(path: Path) -> Left | None:
    """What The AI Scientist left of one idea (`results/NAME/TIME_IDEA`), or of a template's ideas.

    A candidate is a `run_1.py`, the `experiment.py` of a run, whose results it kept; the metrics
    are the means that the run wrote. The best of all is the best by the primary metric, as written,
    where the folder says which template it was exported from. Where it does not, nothing says which
    metric counts, and the best is the last run of each idea: the one that the agent ended with.

    Args:
        path: the folder.

    Returns:
        None: it is none of The AI Scientist's.

    Raises:
        BonsaiError: it is, and holds no run with results.
    """
    ideas = [path] if _is_ideas(path) else [each for each in _folders(path) if _is_ideas(each)]
    if not ideas:
        return None
    of_ideas = [list(_runs(idea, idea != path)) for idea in ideas]
    candidates = [candidate for runs in of_ideas for candidate in runs]
    if not candidates:
        raise BonsaiError(
            f"{path} is of The AI Scientist and holds no run that worked (run_1.py beside "
            "run_1/final_info.json); name the folder of another idea"
        )
    found = task_above(ideas[0])
    task, folder = found or (None, None)
    last = [runs[-1] for runs in of_ideas if runs]
    best = _by_primary(task, folder, candidates) or last
    return Left(NAME, best, candidates, task, folder)


def _is_ideas(folder: Path) -> bool:
    """Whether a folder is that of one idea."""
    here = untrusted.is_file(folder / "experiment.py") and untrusted.is_file(folder / "notes.txt")
    runs = any(_number(each) for each in folder.glob("run_*.py"))
    return here and (runs or any(folder.glob("*_aider.txt")))


def _folders(path: Path) -> list[Path]:
    if not path.is_dir():
        return []
    found = [each for each in path.iterdir() if each.is_dir() and not each.is_symlink()]
    return sorted(found)[:MOST_FOLDERS]


def _runs(idea: Path, with_name: bool) -> Iterator[Candidate]:
    numbered = sorted((_number(each), each) for each in idea.glob("run_*.py") if _number(each))
    for number, program in numbered:
        info = idea / f"run_{number}" / "final_info.json"
        if untrusted.is_file(info) and untrusted.is_file(program):
            name = f"{idea.name}/run_{number}" if with_name else f"run_{number}"
            source = untrusted.read_bytes(program, MOST_PROGRAM_BYTES)
            yield Candidate(name, str(program), source, _means(info))


def _number(path: Path) -> int:
    """The number of a run's program; 0 for what is none."""
    found = re.fullmatch(r"run_([1-9]\d{0,5})\.py", path.name)
    return int(found[1]) if found else 0


def _means(path: Path) -> dict[str, float]:
    """The numbers under `means` of the first data set; none where the file is of another shape."""
    try:
        info = contract.read(contract.FinalInfo, path).root
    except BonsaiError:
        return {}
    return dict(next(iter(info.values())).means)


def _by_primary(
    task: Task | None, folder: Path | None, candidates: Sequence[Candidate]
) -> list[Candidate]:
    if task is None or folder is None:
        return []
    try:
        scorer = task.original(folder).scorer
    except BonsaiError:  # the template is gone: it is said where the candidates are judged
        return []
    metric = scorer.primary
    known = [each for each in candidates if metric in each.metrics]
    sign = -1 if scorer.metrics[metric].better == "lower" else 1
    return [max(known, key=lambda each: sign * each.metrics[metric])] if known else []
