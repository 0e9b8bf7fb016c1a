"""A template folder: where templates are, and what one holds."""

from __future__ import annotations

import ast
import hashlib
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bonsai.base import BonsaiError

if TYPE_CHECKING:
    from bonsai.kit.scoring import Scorer
from bonsai.templates import contract, idea_files
from bonsai.templates.reported import SELF_REPORTED, Reported

EDITABLE = ("experiment.py", "plot.py", "notes.txt")  # what an agent may change in a workspace
# What stays behind when a template is copied: results, recordings, and what machines leave.
LEFT_OUT = shutil.ignore_patterns("run_*", "cassettes", "__pycache__", "*.png", ".git", ".aider*")
# Of a template that says none, in seconds: a run may take what The AI Scientist gives it; without a
# --smoke the program is started, and is fine if it is still at work then.
THEIR_LIMITS = {"run_seconds": 7200.0, "smoke_seconds": 20.0}


@dataclass(frozen=True)
class Template:
    """One experiment with its scorer, plots, prompt and seed ideas.

    Attributes:
        folder: where it lies.
        reported: what stands in for a `score.py` where it has none; None until that is found out.
        called: its name, where that is not the folder's.
        program: what stands in for its `experiment.py`; None: nothing does.
    """

    folder: Path
    reported: Reported | None = field(default=None, compare=False)
    called: str | None = None
    program: Path | None = None

    @property
    def name(self) -> str:
        """What people call it: the folder's name, or the one that its package gives it."""
        return self.called or self.folder.name

    @property
    def experiment(self) -> Path:
        """The program that is its baseline, and that ideas change: mostly its `experiment.py`."""
        return self.program or self.folder / "experiment.py"

    @property
    def is_installed(self) -> bool:
        """Whether it lies in an installed package, where nothing is ever written."""
        return is_installed(self.folder)

    @cached_property
    def prompt(self) -> contract.Prompt:
        """What a model is told about it, and its limits."""
        return contract.read(contract.Prompt, self.folder / "prompt.json")

    @cached_property
    def seed_ideas(self) -> idea_files.IdeaSet:
        """What its `seed_ideas.json` holds."""
        return idea_files.read_ideas(self.folder / "seed_ideas.json")

    @property
    def ideas(self) -> list[contract.Idea]:
        """Its seed ideas."""
        return self.seed_ideas.ideas

    @cached_property
    def scorer(self) -> Scorer | Reported:
        """Its frozen `score.py`, or what stands in for it."""
        if self.reported is not None:
            return self.reported
        if self.is_self_reported:
            raise BonsaiError(
                f"{self.folder} has no score.py, and was not run yet: what it measures is found "
                "out when it is swept (`bonsai run`)"
            )
        # Here, because it takes long to load.
        from bonsai.kit.errors import KitError
        from bonsai.kit.scoring import load_scorer

        try:
            return load_scorer(self.folder / "score.py")
        except KitError as error:
            raise BonsaiError(str(error)) from error

    @property
    def is_self_reported(self) -> bool:
        """Whether its scores are those that its program writes: it has no `score.py`."""
        return not (self.folder / "score.py").is_file()

    @property
    def judged_by(self) -> str:
        """The metric by which ideas are judged and its unit, for people.

        Read from the text of `score.py` where it is plain: what that imports can take seconds.
        """
        if self.is_self_reported and self.reported is None:
            return SELF_REPORTED
        return _first_metric(self.folder / "score.py") or _told(
            self.scorer.primary, self.scorer.metrics[self.scorer.primary].unit
        )

    def cassette(self, idea: str) -> Path | None:
        """The folder of played-back replies for an idea, where there is one."""
        folder = self.folder / "cassettes" / idea
        return folder if any(folder.glob("*.md")) else None

    def limits(self, seeds: int, changes: Mapping[str, float] | None = None) -> contract.Limits:
        """What a run over this many seeds may take.

        Args:
            seeds: their number; the time limit of `prompt.json` is for the template's own.
            changes: limits that replace those of `prompt.json`.
        """
        if self.is_self_reported:  # each seed is a run of its own
            own = self.prompt.limits.model_dump(exclude_unset=True)
            return contract.Limits(**{**THEIR_LIMITS, **own, **(changes or {})})
        limits = contract.Limits(**{**self.prompt.limits.model_dump(), **(changes or {})})
        longer = max(1.0, seeds / len(self.scorer.seeds))
        return limits.model_copy(update={"run_seconds": limits.run_seconds * longer})

    def fingerprint(self) -> str:
        """SHA-256 of the code that makes a run: every Python file but `plot.py`."""
        digest = hashlib.sha256()
        pattern = "**/*.py" if self.is_self_reported else "*.py"
        for path in sorted(self.folder.glob(pattern)):
            if path.name != "plot.py":
                own = path == self.folder / "experiment.py"
                content = (self.experiment if own else path).read_bytes()
                digest.update(path.name.encode() + b"\0" + content + b"\0")
        return digest.hexdigest()

    def copy_to(self, target: Path) -> None:
        """Copy it without results, recordings and pictures; see `copy_template`."""
        copy_template(self.folder, target)
        if self.program is not None:
            shutil.copyfile(self.program, target / "experiment.py")


def is_installed(folder: Path) -> bool:
    """Whether a folder lies in an installed package: pip keeps records beside one of its parents.

    That holds for the packages of this Python as for `pip install --target`, and not for a checkout
    that is installed as editable.
    """
    return any(True for parent in folder.parents for _ in parent.glob("*.dist-info"))


def copy_template(source: Path, target: Path) -> None:
    """Copy a template's folder without results, recordings and pictures.

    Whoever runs this can change the copy, also where the original is read-only, as in a package
    that root installed.

    Args:
        source: the template's folder, or a copy of it.
        target: made, with the folders above it; it must not be there.

    Raises:
        OSError: it cannot be written.
    """
    shutil.copytree(source, target, ignore=LEFT_OUT, ignore_dangling_symlinks=True)
    make_writable(target)


def make_writable(folder: Path) -> None:
    """Let the owner change a folder and all that is in it; links are left alone."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | stat.S_IWUSR)


def _first_metric(path: Path) -> str | None:
    """The first entry of `METRICS = {"name": Metric(unit, ...), ...}`; None if it is not plain."""
    try:
        statements = ast.parse(path.read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return None
    values = {
        target.id: statement.value
        for statement in statements
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    metrics = values.get("METRICS")
    match metrics:
        case ast.Dict(keys=[ast.Constant(value=str(name)), *_], values=[ast.Call() as call, *_]):
            named = [word.value for word in call.keywords if word.arg == "unit"]
            match next(iter([*call.args, *named]), None):
                case ast.Constant(value=str(unit)):
                    return _told(name, unit)
                case ast.Name(id=constant):
                    unit_value = values.get(constant)
                    if isinstance(unit_value, ast.Constant):
                        return _told(name, str(unit_value.value))
    return None


def _told(metric: str, unit: str) -> str:
    return f"{metric} ({unit})" if unit else metric
