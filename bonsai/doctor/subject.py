"""The template under examination: its parts, and trials of it in copies."""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from bonsai.base import BonsaiError, plain_text
from bonsai.evaluation import (
    Machine,
    Reading,
    Scores,
    read_reported,
    run_experiment,
    this_machine,
    ways_out,
)
from bonsai.execution import Execution, Program
from bonsai.kit import data as kit_data
from bonsai.templates import Template, contract, make_writable, read_ideas

LEFT_OUT = shutil.ignore_patterns("run_*", "__pycache__", ".git", ".aider*")
STRANGERS_RUN_SECONDS = 7200.0  # The AI Scientist's own limit for one run
NOT_ASKED = "it has no --smoke, and a whole run takes long (`bonsai doctor --run` runs it)"


@dataclass(frozen=True)
class Trial:
    """How it went when the experiment was run in a copy.

    Attributes:
        folder: the results; None without any.
        scores: what the runner computed from them; None for a stranger's template.
        seconds: how long it ran.
        stderr: what it wrote there.
        problem: what went wrong, for its author.
        skipped: why it was not run at all.
    """

    folder: Path | None = None
    scores: Scores | None = None
    seconds: float = 0.0
    stderr: str = ""
    problem: str = ""
    skipped: str = ""


@dataclass(frozen=True)
class PlotTrial:
    """How it went when plot.py was run in a copy.

    Attributes:
        folder: the copy.
        done: how it ended.
        figures: names of the PNGs that it drew there.
    """

    folder: Path
    done: Execution
    figures: frozenset[str]


@dataclass
class Subject:
    """A template's folder, which is only read, and a scratch folder for copies of it.

    What takes seconds is done once, when the first check asks for it.
    """

    folder: Path
    scratch: Path
    run_strangers: bool = False
    threads: int = 1
    on_line: Callable[[str], None] | None = None
    gpu: bool | None = None
    _copies: int = field(default=0, init=False)

    @cached_property
    def machine(self) -> Machine:
        """What it is run on."""
        return this_machine(self.threads, self.on_line)

    @cached_property
    def has_gpu(self) -> bool:
        """Whether this machine has a GPU, unless `gpu` says so."""
        if self.gpu is not None:
            return self.gpu
        import torch  # here: it takes long to load

        return torch.cuda.is_available()

    @cached_property
    def source(self) -> str:
        """The text of experiment.py; empty if there is none."""
        return self.text("experiment.py")

    @cached_property
    def is_ours(self) -> bool:
        """Whether it is meant for this runner, and not only for The AI Scientist."""
        return (self.folder / "score.py").exists() or "bonsai" in imported(self.source)

    @cached_property
    def template(self) -> Template:
        """The template, as a copy: importing its score.py leaves nothing in the folder itself."""
        return Template(self.copy())

    @cached_property
    def limits(self) -> contract.Limits:
        """The limits of prompt.json, or the usual ones if that cannot be read."""
        try:
            return contract.read(contract.Prompt, self.folder / "prompt.json").limits
        except BonsaiError:
            return contract.Limits()

    @cached_property
    def ideas(self) -> list[contract.Idea] | None:
        """The seed ideas; None if they cannot be read."""
        try:
            return read_ideas(self.folder / "seed_ideas.json").ideas
        except BonsaiError:
            return None

    @cached_property
    def trial(self) -> Trial:
        """A run of the experiment: `--smoke` for ours, all of it for a stranger's if asked for."""
        if self.is_ours:
            return self._smoke()
        return self._whole_run() if self.run_strangers else Trial(skipped=NOT_ASKED)

    @cached_property
    def baseline(self) -> Path | None:
        """Results to draw: those of run_0, else those of the trial, if any."""
        run_0 = self.folder / "run_0"
        return run_0 if (run_0 / "final_info.json").is_file() else self.trial.folder

    @cached_property
    def plot(self) -> PlotTrial | None:
        """plot.py beside run_0, run_1.py and a half-written run_1; None without a baseline."""
        if self.baseline is None:
            return None
        return self.draw(baseline=True, code_of_run=True, half_written=True)

    @cached_property
    def plain_plot(self) -> PlotTrial:
        """plot.py beside run_0 and nothing else; asked for where `plot` failed."""
        return self.draw(baseline=True)

    @property
    def drawing(self) -> PlotTrial | None:
        """The trial of plot.py that ended well, beside which the paper is compiled."""
        if self.plot is None:
            return None
        trial = self.plot if self.plot.done.ok else self.plain_plot
        return trial if trial.done.ok else None

    @property
    def figures(self) -> frozenset[str] | None:
        """Names of the PNGs that the paper may show; None where nothing could be drawn."""
        if self.drawing is None:
            return None
        return self.drawing.figures | {path.name for path in self.folder.glob("*.png")}

    def draw(
        self, *, baseline: bool = False, code_of_run: bool = False, half_written: bool = False
    ) -> PlotTrial:
        """Run plot.py in a fresh copy.

        Args:
            baseline: whether a finished run_0 lies there.
            code_of_run: whether a file run_1.py does, as The AI Scientist leaves one.
            half_written: whether a folder run_1 does that a crash left without final_info.json.
        """
        copy = self.copy()
        if baseline and self.baseline is not None:
            shutil.copytree(self.baseline, copy / "run_0")
        if code_of_run:
            (copy / "run_1.py").write_text(self.source, encoding="utf-8")
        if half_written:
            (copy / "run_1").mkdir()
            (copy / "run_1" / "history.json").write_text('{"seeds": {"0": {', encoding="utf-8")
        before = _images(copy)
        program = Program(("plot.py",), copy, self.limits.plot_seconds, self.limits, labels=True)
        done = self.machine.run(program, copy.parent / "plot")
        drawn = frozenset(
            name for name, state in _images(copy).items() if before.get(name) != state
        )
        return PlotTrial(copy, done, drawn)

    def copy(self, depth: int = 0) -> Path:
        """A fresh copy of the folder without results, under the same name, in empty folders."""
        self._copies += 1
        target = self.scratch.joinpath(*[str(self._copies)] * (depth + 1), self.folder.name)
        shutil.copytree(self.folder, target, ignore=LEFT_OUT, ignore_dangling_symlinks=True)
        make_writable(target)
        return target

    def text(self, name: str) -> str:
        """The text of one of its files; empty if there is none."""
        path = self.folder / name
        return plain_text(path.read_bytes(), path.name) if path.is_file() else ""

    def code(self) -> list[Path]:
        """Its Python files, here and below, but for those of runs and hidden ones."""
        return [
            path for path in sorted(self.folder.rglob("*.py"))
            if path.is_file() and not any(
                part.startswith((".", "run_", "__pycache__"))
                for part in path.relative_to(self.folder).parts
            )
        ]  # fmt: skip

    def relative(self, text: str) -> str:
        """The text with paths into the folder or into a copy shortened to names within it."""
        name = re.escape(self.folder.name)
        copies = rf"{re.escape(str(self.scratch))}[/\\](\d+[/\\])+{name}[/\\]"
        return re.sub(copies, "", text).replace(f"{self.folder}/", "")

    def at_hand(self) -> list[str]:
        """The names of its data sets that need no download, the default first."""
        return [name for name in self.template.scorer.datasets if self.is_at_hand(name)]

    def is_at_hand(self, name: str) -> bool:
        """Whether a data set can be loaded without a network, as far as one can tell."""
        if self.template.scorer.load_data is not kit_data.load_images:
            return True  # the template brings its own
        name = kit_data.ALIASES.get(name, name)
        raw = kit_data.data_folder() / name / "raw"
        package = kit_data.PACKAGES.get(name)
        files = kit_data.IDX_FILES
        return (
            name in ("FashionMNIST-mini", "digits")
            or all((raw / file).is_file() for file in files)
            or (package is not None and all((package / f"{file}.gz").is_file() for file in files))
        )

    def _smoke(self) -> Trial:
        try:
            scorer = self.template.scorer
            names = self.at_hand()
        except Exception:  # whatever score.py raises: the check of score.py says it
            return Trial(skipped="score.py cannot be loaded")
        if not (self.folder / "experiment.py").is_file():
            return Trial(skipped="there is none")
        if not names:
            return Trial(skipped="none of its data sets is on this machine")
        work = self.copy()
        log = work.parent / "smoke"
        try:
            done = run_experiment(
                self.template,
                work,
                work / "run_0",
                data=names[0],
                seeds=scorer.seeds,
                log=log,
                machine=self.machine,
                smoke=True,
                trusted=True,
            )
        except BonsaiError as error:
            return Trial(problem=self.relative(str(error)))
        stderr = log.with_name("smoke.err").read_text(encoding="utf-8", errors="replace")
        return Trial(work / "run_0", done.scores, done.seconds, stderr)

    def _whole_run(self) -> Trial:
        if not (self.folder / "experiment.py").is_file():
            return Trial(skipped="there is none")
        links = ways_out(self.folder)  # as a sweep lays them
        work = self.copy(max((name.count("../") for name in links), default=0))
        program = Program(
            ("experiment.py", "--out_dir=run_0"), work, STRANGERS_RUN_SECONDS,
            links=tuple(links.items()),
        )  # fmt: skip
        # Without walls: it may bring its data from anywhere.
        done = replace(self.machine, walls=False).run(program, work.parent / "run")
        if not done.ok:
            problem = self.relative(f"{done.problem}\n{done.error or done.output}")
            return Trial(problem=f"the run {problem}")
        try:
            results_of_strangers(work / "run_0" / "final_info.json")
        except BonsaiError as error:
            problem = f"the run ended with exit code 0, but {self.relative(str(error))}"
            there = (work / "run_0" / "final_info.json").is_file()
            return Trial(work / "run_0" if there else None, problem=problem)
        return Trial(work / "run_0", None, done.seconds, done.error)


def results_of_strangers(path: Path) -> Reading | None:
    """The numbers in a `final_info.json`, of which The AI Scientist reads `means` under every key.

    Returns:
        The numbers; None if there are none that are finite, which The AI Scientist lets through.

    Raises:
        BonsaiError: it holds no object, or a key without `means`.
    """
    value = contract.read_json(path)
    if not isinstance(value, dict):
        raise BonsaiError(f"{path} holds no object")
    for name, entry in value.items():
        if not isinstance(entry, dict) or "means" not in entry:
            raise BonsaiError(f"{path}: {name}.means: field required")
    try:
        return read_reported(value, f"{path}")
    except BonsaiError:
        return None


def _images(folder: Path) -> dict[str, tuple[int, int]]:
    """Time and size of each PNG in a folder that holds anything."""
    found = {path.name: path.stat() for path in folder.glob("*.png")}
    return {name: (stat.st_mtime_ns, stat.st_size) for name, stat in found.items() if stat.st_size}


def parsed(source: str) -> ast.Module:
    """The syntax tree of a source; an empty one if it does not parse."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])


def imported(source: str) -> set[str]:
    """Names of the top-level packages that a source imports anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names
