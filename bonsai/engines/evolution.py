"""What OpenEvolve and ShinkaEvolve share: a program with marks, and one evaluator for both."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bonsai.base import BonsaiError, decode
from bonsai.engines import marks
from bonsai.engines.evaluation import THRESHOLD, most_seconds
from bonsai.engines.service import KEY, Service
from bonsai.engines.task import Task, lay_task
from bonsai.execution import cores
from bonsai.templates import Template

FILES = Path(__file__).parent / "files"
INITIAL = "initial.py"
EVALUATE = "evaluate.py"
MARGIN_SECONDS = 120.0  # that an engine waits longer than the evaluator takes at most
GENERATIONS = 100  # that the commands ask for
SCORE = "combined_score"


def lay(template: Template, folder: Path, task: Task, readme: str, service: Service) -> Task:
    """Write what both engines take: the task, the program, the evaluator; and a word to people.

    Args:
        template: the template.
        folder: where to.
        task: what the evaluator is told.
        readme: the text of `README.md`, for Jinja2.
        service: the model's service.

    Raises:
        BonsaiError: the program cannot be marked.
    """
    program = decode(template.experiment.read_bytes(), str(template.experiment))
    marked = program.encoded(marks.mark(program.text))
    task = lay_task(task, template, folder)
    (folder / INITIAL).write_bytes(marked)
    text = (FILES / "evolution" / EVALUATE).read_text(encoding="utf-8")
    for before, value in (
        ('TASK = ""', f"TASK = {json.dumps(str(folder))}"),
        ("MOST_SECONDS = 7200.0", f"MOST_SECONDS = {most_seconds(template, task):.1f}"),
    ):
        assert text.count(before) == 1, before
        text = text.replace(before, value)
    (folder / EVALUATE).write_text(text, encoding="utf-8")
    (folder / "README.md").write_text(
        render(readme, template, folder, task, service), encoding="utf-8"
    )
    return task


def render(
    file: str, template: Template, folder: Path, task: Task, service: Service, **more: str
) -> str:
    """Fill in a file of `bonsai.engines.files`, with what both engines need, and more."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FILES), undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True, autoescape=False,
    )  # fmt: skip
    metric = template.scorer.metrics[template.scorer.selection]
    seconds = most_seconds(template, task) + MARGIN_SECONDS
    return environment.get_template(file).render(
        template=template, folder=folder, task=task, service=service, key=KEY,
        metric=template.scorer.selection, unit=metric.unit, better=metric.better or "higher",
        seconds=math.ceil(seconds), threshold=THRESHOLD, generations=GENERATIONS,
        at_once=max(1, cores() // task.threads), message=_message(template), quoted=_quoted,
        most_characters=max(20_000, 4 * template.experiment.stat().st_size), block=_block,
        clock=_clock, **more,
    )  # fmt: skip


def _message(template: Template) -> str:
    """What a model is told of the task: what the template says, and by what it is judged."""
    name = template.scorer.selection
    metric = template.scorer.metrics[name]
    prompt = template.prompt
    unit = f" in {metric.unit}" if metric.unit else ""
    return "\n\n".join(
        (
            prompt.system.strip(),
            prompt.task_description.strip(),
            "You are given the program of this experiment, experiment.py, and propose a better "
            f"version. Change it between the comments `{marks.START}` and `{marks.END}` only, and "
            "leave these comments: a version that changes anything else is refused. The harness "
            "loads the data, draws the seeds, keeps limits of time and memory, and computes every "
            "score itself from what the program leaves; a version that makes up results, ignores "
            "its seed, or reaches for files that it was not given is refused.",
            f"A version is run beside the original on several seeds. Its `{SCORE}` is by how much "
            f"it improves {name}{unit} ({metric.better or 'higher'} is better), averaged over "
            "seeds, less one standard error: 0 is the original, and a gain within the noise "
            "counts for nothing.",
        )
    )


def _block(text: str, indent: int) -> str:
    """A text for YAML: readable where that is possible, else between quotation marks."""
    if text != text.strip() or not all(each.isprintable() or each == "\n" for each in text):
        return _quoted(text)
    return "|-\n" + "\n".join(" " * indent + line if line else "" for line in text.split("\n"))


def _quoted(text: str) -> str:
    """A text between quotation marks, for YAML."""
    return "".join(
        each if each.isprintable() else f"\\U{ord(each):08x}"
        for each in json.dumps(text, ensure_ascii=False)
    )


def _clock(seconds: float) -> str:
    whole = math.ceil(seconds)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def figures(value: Any) -> dict[str, float]:
    """The finite numbers of a table that an engine recorded; whatever else is in it is left out."""
    if not isinstance(value, Mapping):
        return {}
    return {
        str(name): float(number)
        for name, number in value.items()
        if isinstance(number, int | float)
        and not isinstance(number, bool)
        and abs(number) < 1e300
        and math.isfinite(number)
    }


def worked(metrics: Mapping[str, float]) -> bool:
    """Whether an engine took a program for working, by the metrics that it recorded of it."""
    return metrics.get(SCORE, 0.0 if "error" not in metrics else THRESHOLD) > THRESHOLD


def the_only_one(path: Path, found: list[Path], what: str) -> Path | None:
    """The one folder of its kind in a folder; None if there is none.

    Raises:
        BonsaiError: there are several.
    """
    if len(found) > 1:
        names = ", ".join(sorted(each.name for each in found)[:4])
        raise BonsaiError(f"{path} holds several folders of {what} ({names}); name one of them")
    return found[0] if found else None
