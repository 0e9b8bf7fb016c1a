"""The examination: every check in one table, the baseline that `--fix` makes, and the report."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from bonsai.base import BonsaiError
from bonsai.doctor import code, files, pack, paper, strangers
from bonsai.doctor.finding import Finding, count, exit_code, failure, show, warning
from bonsai.doctor.machine import examine_environment
from bonsai.doctor.subject import Subject
from bonsai.evaluation import this_machine
from bonsai.execution import cores
from bonsai.kit.errors import KitError
from bonsai.sweep import build_baseline
from bonsai.templates import Template

Check = Callable[[Subject], Iterable[Finding]]

# Each check, with what to do where it cannot even read what it looks at.
CONTRACT: tuple[tuple[Check, str], ...] = (
    (files.folder_name, ""),
    (files.folder_size, ""),
    (files.nothing_left_behind, ""),
    (code.experiment_source, "save it as UTF-8 text"),
    (code.experiment_arguments, ""),
    (code.experiment_paths, ""),
    (code.experiment_runs, ""),
    (code.plot_source, "save it as UTF-8 text"),
    (code.plot_arguments, ""),
    (code.plot_takes_folders, ""),
    (files.prompt, 'write {"system": "You are ...", "task_description": "..."}'),
    (
        files.seed_ideas,
        'write a list of ideas, [{"Name": ..., "Title": ..., "Experiment": ...}, ...]',
    ),
    (files.baseline, 'the shape is {dataset: {"means": {metric: finite number}}}; make it again'),
    (code.plot_runs, ""),
    (paper.paper_is_there, ""),
    (paper.paper_references, ""),
    (paper.paper_figures, ""),
    (paper.paper_frame, ""),
    (paper.paper_parts, ""),
    (paper.paper_compiles, ""),
    (paper.paper_style, ""),
)
PACK: tuple[tuple[Check, str], ...] = (
    (pack.score_loads, ""),
    (pack.score_metrics, ""),
    (pack.score_seeds, ""),
    (pack.score_metrics_appear, ""),
    (pack.curve_appears, ""),
    (pack.data_is_there, ""),
    (pack.baseline_is_current, ""),
    (pack.baseline_is_believed, ""),
    (pack.readme, ""),
    (pack.cassettes, "name its files 01-plan.md, 02-edit.md, ... and save them as UTF-8 text"),
)
STRANGERS: tuple[tuple[Check, str], ...] = (
    (strangers.packages, ""),
    (strangers.model, ""),
    (strangers.network, ""),
    (strangers.gpu, ""),
    (strangers.numbers, ""),
)


def examine(
    folder: Path,
    *,
    run_strangers: bool = False,
    threads: int | None = None,
    on_line: Callable[[str], None] | None = None,
    gpu: bool | None = None,
) -> list[Finding]:
    """Check a template's folder against the contract; nothing is written there.

    The contract is The AI Scientist's. What this runner asks beyond it is checked where score.py or
    an import of bonsai says that the template is meant for it; else the last finding says how far
    the template gets as it is, and what the next level takes.

    Args:
        folder: the template.
        run_strangers: whether to run the experiment of a template that is not meant for this
            runner. It knows no `--smoke`, so that is a whole run, of two hours at most.
        threads: CPU threads of what is run; by default all cores.
        on_line: called with each last line that a run prints.
        gpu: whether this machine has a GPU; by default torch is asked.

    Raises:
        BonsaiError: there is no such folder.
    """
    folder = folder.resolve()
    if not folder.is_dir():
        raise BonsaiError(f"{folder} is no folder; name a template's folder")
    with tempfile.TemporaryDirectory(
        prefix="bonsai-doctor-", ignore_cleanup_errors=True
    ) as scratch:
        subject = Subject(
            folder, Path(scratch).resolve(), run_strangers, threads or cores(), on_line, gpu
        )
        checks = CONTRACT + (PACK if subject.is_ours else STRANGERS)
        told = [
            (check, finding) for check, mend in checks for finding in apply(check, subject, mend)
        ]
        found = [finding for _, finding in told]
        return found if subject.is_ours else [*found, *strangers.level(subject, told)]


def apply(check: Check, subject: Subject, mend: str = "") -> Iterator[Finding]:
    """The findings of one check; what it cannot read is a failure with `mend`."""
    try:
        yield from check(subject)
    except (BonsaiError, KitError, OSError, UnicodeError) as error:
        yield failure(subject.relative(str(error)), mend)


def fix_baseline(
    template: Template,
    *,
    threads: int | None = None,
    on_line: Callable[[str], None] | None = None,
) -> Path:
    """Make the template's `run_0`, or take it from the cache, and put it into its folder.

    Args:
        template: one of ours, with a score.py.
        threads: CPU threads; by default all cores.
        on_line: called with each last line that the run prints.

    Returns:
        The folder run_0.

    Raises:
        BonsaiError: the template does not work, or its data cannot be had.
    """
    machine = this_machine(threads, on_line)
    scorer = template.scorer
    target = template.folder / "run_0"
    with tempfile.TemporaryDirectory(dir=template.folder, prefix=".run_0-") as temporary:
        built = build_baseline(
            template, scorer.datasets[0], scorer.seeds, log=Path(temporary) / "log",
            machine=machine, published=True,  # The AI Scientist's runs are started by hand
        )  # fmt: skip
        fresh = Path(temporary) / "run_0"
        shutil.copytree(built.folder, fresh)
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)
    return target


def report(
    templates: Sequence[Template],
    *,
    fix: bool = False,
    model: str | None = None,
    api_base: str | None = None,
    run_strangers: bool = False,
    threads: int | None = None,
    console: Console | None = None,
) -> int:
    """Examine this machine and the templates, and print what is found.

    Args:
        templates: what to examine.
        fix: whether to make `run_0` first where it is missing or stale.
        model: see `examine_environment`.
        api_base: see `examine_environment`.
        run_strangers: see `examine`.
        threads: see `examine`.
        console: where to print; by default stdout.

    Returns:
        The exit code: 1 if anything breaks the contract, else 0.
    """
    console = console or Console(soft_wrap=False)
    with console.status("examining this machine"):
        found = examine_environment(model, api_base)
    show(console, "this machine", found)
    for template in templates:
        with console.status(f"examining {template.name}") as status:

            def tell(line: str, name: str = template.name) -> None:
                status.update(Text(f"examining {name}: {line}"))

            own = _fix(template, threads, tell) if fix else []
            own += examine(
                template.folder, run_strangers=run_strangers, threads=threads, on_line=tell
            )
        console.print()
        show(console, f"{template.name} ({template.folder})", own)
        found += own
    console.print()
    console.print(count(found), highlight=False)
    return exit_code(found)


def _fix(template: Template, threads: int | None, on_line: Callable[[str], None]) -> list[Finding]:
    """Make run_0 if it is needed and can be made; what went wrong, if anything did."""
    there = (template.folder / "run_0" / "final_info.json").is_file()
    can = (template.folder / "score.py").is_file()
    if not can or (there and not pack.is_stale(template.folder)):
        return []
    if template.is_installed:
        return [
            warning(
                "run_0 was not made: the template lies in an installed package, where nothing is "
                "written",
                f"`bonsai copy {template.folder} DIR`, then `bonsai doctor DIR/{template.name} "
                "--fix`",
            )
        ]
    try:
        fix_baseline(template, threads=threads, on_line=on_line)
    except PermissionError as error:
        return [
            failure(
                f"run_0 could not be made: {template.folder} cannot be written ({error.strerror})",
                "make the folder writable, or `bonsai copy` the template to a place of yours",
            )
        ]
    except BonsaiError as error:
        return [failure(f"run_0 could not be made: {error}", "mend that, then try again")]
    return []
