"""Checks of what runs: experiment.py and plot.py, by reading them and by running them in copies."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from bonsai.doctor.files import how_to_make_run_0
from bonsai.doctor.finding import Finding, failure, note, ok, warning
from bonsai.doctor.reading import bare_words, has_labels
from bonsai.doctor.subject import PlotTrial, Subject, parsed
from bonsai.doctor.ways import climbing
from bonsai.evaluation import ERROR_CHARACTERS
from bonsai.execution import syntax_problem
from bonsai.templates import arguments, install, missing_by_error

MAX_LINES = 400


def experiment_source(subject: Subject) -> Iterator[Finding]:
    """experiment.py is there, parses, and is short enough to be in every prompt."""
    path = subject.folder / "experiment.py"
    if not path.is_file():
        yield failure("experiment.py is missing", "write it, or begin with `bonsai new NAME`")
        return
    if problem := syntax_problem(path):
        yield failure(problem, "mend the syntax")
        return
    lines = len(subject.source.splitlines())
    if lines > MAX_LINES:
        yield warning(
            f"experiment.py has {lines} lines; all of them are in the model's prompt at each turn",
            f"shorten it to {MAX_LINES} lines: weak models cannot edit longer files",
        )
    else:
        yield ok(f"experiment.py parses, and its {lines} lines fit in a prompt")


def experiment_arguments(subject: Subject) -> Iterator[Finding]:
    """It is run as `python experiment.py --out_dir=run_1`, and with nothing else."""
    tree = parsed(subject.source)
    required = [
        each for each in arguments(tree) if each.is_required and each.name != "--out_dir"
    ]  # fmt: skip
    if required:
        yield failure(
            f"experiment.py requires {', '.join(each.name for each in required)} (line "
            f"{required[0].line}); it is run with --out_dir and nothing else",
            "give these options defaults",
        )
    elif _calls(tree, "main", "kit") or "out_dir" in subject.source:
        yield ok("experiment.py takes --out_dir and needs no other argument")
    else:
        yield failure(
            "experiment.py knows nothing of --out_dir; it is run as "
            "`python experiment.py --out_dir=run_1`",
            "end it with kit.main(Config, train), or parse --out_dir and write "
            "final_info.json there",
        )


def experiment_paths(subject: Subject) -> Iterator[Finding]:
    """The folder is copied to another depth, so no path may climb out of it."""
    found = False
    for path in subject.code():
        name = path.relative_to(subject.folder)
        tree = parsed(subject.text(name.as_posix()))
        for line, text in climbing(tree, len(name.parts) - 1):
            found = True
            yield warning(
                f"{name.as_posix()}, line {line}: the path {text} leads out of the folder, which "
                "The AI Scientist copies to another depth for each idea"
                + ("" if subject.is_ours else "; `bonsai run` keeps what it means from here"),
                "load data from a cache with a fixed place (the kit's is $BONSAI_DATA)"
                if subject.is_ours else
                "for The AI Scientist, name the data by an absolute path, or put it in the folder",
            )  # fmt: skip
    if not found:
        yield ok("no path in the code leads out of the folder")


def experiment_runs(subject: Subject) -> Iterator[Finding]:
    """It runs in a copy and leaves results in the right shape."""
    trial = subject.trial
    how = "--smoke" if subject.is_ours else "a run"
    if trial.skipped:
        yield note(f"experiment.py was not run: {trial.skipped}")
    elif trial.problem:
        yield failure(
            f"experiment.py: {trial.problem}",
            f"run `python experiment.py --out_dir run_0{' --smoke' if subject.is_ours else ''}` "
            "in a copy of the folder, and mend the cause",
        )
    else:
        yield ok(f"experiment.py: {how} takes {trial.seconds:.0f} s and leaves results")
        if len(trial.stderr) > ERROR_CHARACTERS:
            yield warning(
                f"experiment.py writes {len(trial.stderr)} characters to stderr when nothing is "
                f"wrong; The AI Scientist shows a model the last {ERROR_CHARACTERS} of stderr",
                "print progress on stdout, so that an error is not pushed out",
            )


def plot_source(subject: Subject) -> Iterator[Finding]:
    """plot.py is there, parses, and has the dictionary that a model fills in."""
    path = subject.folder / "plot.py"
    if not path.is_file():
        yield failure("plot.py is missing", "write it; `bonsai new NAME` shows a small one")
        return
    if problem := syntax_problem(path):
        yield failure(problem, "mend the syntax")
        return
    if has_labels(parsed(subject.text("plot.py"))):
        yield ok("plot.py parses, and names the runs in `labels`")
    else:
        yield Finding(
            "failure" if subject.is_ours else "warning",
            "plot.py has no dictionary `labels`; a model is asked to name its runs there",
            'write labels = {"run_0": "Baseline"} at the top, and fall back to a run\'s own name',
        )


def plot_arguments(subject: Subject) -> Iterator[Finding]:
    """It is run as `python plot.py`, with nothing else."""
    tree = parsed(subject.text("plot.py"))
    asked = [(each.line, f"requires {each.name}") for each in arguments(tree) if each.is_required]
    asked += [(line, f"takes {text}") for line, text in bare_words(tree)]
    for line, what in asked[:1]:
        yield failure(
            f"plot.py, line {line}: it {what}, and is run as `python plot.py`, with nothing else",
            'give it a default, such as nargs="?", default="." for a folder',
        )


def plot_takes_folders(subject: Subject) -> Iterator[Finding]:
    """The AI Scientist leaves run_1.py beside run_1/, so a pattern must not take files."""
    source = subject.text("plot.py")
    pattern = re.search(r"""(glob|startswith)\(\s*f?["'][^"']*run[^"']*["']""", source)
    if pattern and not re.search(r"is_?dir|is_file|exists|load_runs", source):
        line = source[: pattern.start()].count("\n") + 1
        yield note(
            f"plot.py, line {line}: {pattern.group(0)}) takes files too; The AI Scientist leaves "
            "run_1.py beside run_1/",
            "take only what is a folder and holds final_info.json",
        )


def plot_runs(subject: Subject) -> Iterator[Finding]:
    """It draws what is there and never crashes on what is not."""
    if syntax_problem_of_plot(subject):
        return
    empty = subject.draw()
    if not empty.done.ok:
        yield _crash(subject, empty, "in a folder without results", strict=subject.is_ours)
    if subject.plot is None:
        yield note(
            "plot.py was not tried with results, because there are none",
            how_to_make_run_0(subject),
        )
    elif not subject.plot.done.ok:
        yield _blame(subject, subject.plot)
    elif not subject.plot.figures:
        yield Finding(
            "failure" if subject.is_ours else "warning",
            "plot.py ends well and draws no PNG in its own folder",
            "save each figure as a .png beside plot.py: a paper can show no others",
        )
    elif empty.done.ok:
        yield ok(f"plot.py draws {', '.join(sorted(subject.plot.figures))}, whatever runs exist")


def syntax_problem_of_plot(subject: Subject) -> bool:
    """Whether plot.py cannot be run at all, which `plot_source` reports."""
    path = subject.folder / "plot.py"
    return not path.is_file() or syntax_problem(path) is not None


def _blame(subject: Subject, worst: PlotTrial) -> Finding:
    """Find what of the three things beside plot.py it cannot bear."""
    if not subject.plain_plot.done.ok:
        return _crash(subject, subject.plain_plot, "with the results of run_0", strict=True)
    with_code = subject.draw(baseline=True, code_of_run=True)
    if not with_code.done.ok:
        return _crash(
            subject, with_code, "when a file run_1.py lies there, as The AI Scientist leaves one",
            strict=True,
        )  # fmt: skip
    return _crash(
        subject, worst, "when a folder run_1 has no final_info.json, as after a crash",
        strict=subject.is_ours,
    )  # fmt: skip


def _crash(subject: Subject, trial: PlotTrial, when: str, *, strict: bool) -> Finding:
    how = "takes longer than its limit" if trial.done.stopped is not None else "fails"
    end = subject.relative(trial.done.error).strip()[-600:]
    if (missing := missing_by_error(end)) is not None:
        return warning(f"plot.py needs {missing}, which is not installed here",
                       f"`{install([missing])}`")  # fmt: skip
    return Finding(
        "failure" if strict else "warning",
        f"plot.py {how} {when}" + (f":\n{end}" if end else ""),
        "draw the run folders that hold final_info.json, and leave out all others",
    )


def _calls(tree: ast.Module, function: str, module: str) -> bool:
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == function
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == module
        for node in ast.walk(tree)
    )
