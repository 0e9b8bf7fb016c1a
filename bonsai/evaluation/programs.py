"""A template without `score.py`: its program is run once for each seed, in a copy of its folder.

The copy lies in a folder of its own, where the program may write what it likes, as it may in The
AI Scientist; only its `--out_dir` is taken from there. Paths that lead out of the template's folder
lead to the same places from the copy.
"""

from __future__ import annotations

import ast
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from bonsai.base import BonsaiError, untrusted
from bonsai.evaluation import reported
from bonsai.evaluation.downloads import DEEPEST, Downloads
from bonsai.evaluation.primary import is_time
from bonsai.evaluation.reported import Reading
from bonsai.evaluation.scores import Scores
from bonsai.execution import Execution, Program, temporary_folder
from bonsai.kit import launched
from bonsai.kit.scoring import summarise
from bonsai.templates import Limits, Reported, Template, contract, copy_template, offset

MOST_SHIFT = 2**31
TOOK = "seeds/took.json"  # how long a run took
SEEDS = "seeds"  # in a run's folder: what the program wrote for each seed
Start = Callable[[Program, Path], Execution]


def arguments(how: Reported, inside: str, seed: int) -> tuple[str, ...]:
    """How the program is called, as The AI Scientist calls it, with a seed of the runner's."""
    own = how.option.arguments(seed) if how.seeding == "option" and how.option else ()
    return ("experiment.py", f"--out_dir={inside}", *own)


def variables(how: Reported, seed: int) -> dict[str, str]:
    """What the launcher is told of a seed of the runner's."""
    moved = offset(seed, MOST_SHIFT)
    return launched.variables(0 if how.seeding == "option" else moved, moved)


def execute(
    template: Template, how: Reported, code: Path | None, out: Path, seed: int, *,
    seconds: float, limits: Limits, start: Start, log: Path, trusted: bool = False,
) -> Execution:  # fmt: skip
    """Run a program for one seed.

    Args:
        template: the untouched template, from whose place paths out of the folder are meant.
        how: how a seed reaches it.
        code: the folder with the (edited) experiment, which is only read; None: the template's.
        out: gets what the program leaves in its `--out_dir`; emptied first.
        seed: the runner's.
        seconds: the limit of wall-clock time.
        limits: what else it may take.
        start: runs a program.
        log: stdout goes to `<log>.out`, stderr to `<log>.err`.
        trusted: whether it is the untouched program, which alone may download.
    """
    untrusted.remove(out)
    downloads = Downloads(template)
    root = temporary_folder("stage")
    try:
        folder = root.joinpath(*map(str, range(DEEPEST)), template.name)
        if code is None:
            template.copy_to(folder)
        else:
            copy_template(code, folder)
        downloads.lay(folder)
        copied = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
        (folder / out.name).mkdir()
        downloading = trusted and how.network
        before = downloads.entries(folder) if downloading else {}
        program = Program(
            arguments(how, out.name, seed), folder, seconds,
            limits.model_copy(update={"disk_mb": limits.disk_mb + copied}),
            # What it downloads may go above its folder as well, and into the caches of libraries.
            writes=(".", str(root), str(downloads.caches)) if downloading else (".",),
            own_data=True, reads=tuple(map(Path, how.data_from)),
            variables={**variables(how, seed), **downloads.variables(downloading)},
            search=(str(launched.FOLDER),), nested=DEEPEST + 1,
            links=tuple({**ways_out(template.folder), **downloads.links()}.items()),
            network=downloading or (how.network and bool(how.pass_env)), passes=how.pass_env,
        )  # fmt: skip
        done = start(program, log)
        if downloading and done.ok:
            downloads.keep(folder, before)
        if (folder / out.name).is_dir() and not (folder / out.name).is_symlink():
            out.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(folder / out.name, out)
        return done
    finally:
        untrusted.remove(root)


def reading(run: Path) -> Reading:
    """What the program reports in a run's `final_info.json`.

    Raises:
        BonsaiError: there is none, it holds no number, or one that is not finite.
    """
    return reported.read(contract.read_json(run / "final_info.json"))


def keep(out: Path, parts: Path, seeds: Sequence[int]) -> None:
    """Make one run of several executions: the first one's files, and every one's results.

    Args:
        out: the run's folder, made anew.
        parts: holds a folder for each seed.
        seeds: the seeds, in order.
    """
    untrusted.remove(out)
    shutil.move(parts / str(seeds[0]), out)
    untrusted.remove(out / SEEDS)
    (out / SEEDS).mkdir()
    for seed in seeds:
        source = out if seed == seeds[0] else parts / str(seed)
        content = untrusted.read_bytes(source / "final_info.json", contract.MAX_JSON_BYTES)
        (out / SEEDS / f"{seed}.json").write_bytes(content)


def score(how: Reported, run: Path, seeds: Sequence[int]) -> Scores:
    """The scores of a run, as its program reported them for each seed.

    Raises:
        BonsaiError: a result is missing, cannot be read, or lacks the metric ideas are judged by.
    """
    found = [
        reported.read(contract.read_json(run / SEEDS / f"{seed}.json")).metrics for seed in seeds
    ]
    for metrics in found:
        for name in dict.fromkeys((how.primary, how.selection)):
            if name not in metrics:
                held = ", ".join(list(metrics)[:8])
                raise BonsaiError(
                    f"final_info.json has no {name!r} any more (it has {held}); write it as before"
                )
    summary = summarise(found)
    return Scores(
        dataset=how.dataset, means=summary["means"], stderrs=summary["stderrs"],
        per_seed=summary["final_info_dict"], seeds=list(seeds),
        seeds_differ=(len(found) == 1 and how.seeding != "none")
        or any(not same(found[0], each) for each in found[1:]),
    )  # fmt: skip


def same(first: dict[str, float], second: dict[str, float], within: float = 1e-9) -> bool:
    """Whether two executions give the same numbers, but for times."""
    names = [name for name in first if not is_time(name)] or list(first)
    return set(names) <= set(second) and all(
        abs(first[name] - second[name]) <= within * max(1.0, abs(first[name])) for name in names
    )


def write_record(run: Path, seconds: float) -> None:
    """Note beside the results how long they took, for whoever reuses them."""
    (run / TOOK).write_text(json.dumps({"seconds": seconds}), encoding="utf-8")


def ways_out(template: Path) -> dict[str, Path]:
    """Paths out of a template's folder that its code may mean, and where they lead.

    Code that looks whether its `out_dir` is `run_0` climbs one folder more where it is not: The AI
    Scientist's copies lie one deeper than the template. Where nothing lies so far up, that is what
    is meant.
    """
    names, climbs = _named_paths(template)
    found: dict[str, Path] = {}
    for up in range(1, min(climbs, DEEPEST, len(template.parents)) + 1):
        for name in sorted(names):
            places = [above / name for above in template.parents[max(0, up - 2) : up][::-1]]
            if there := next((place for place in places if place.exists()), None):
                found["../" * up + name] = there.resolve()
    return found


def _named_paths(template: Path) -> tuple[set[str], int]:
    """First parts of the paths in a template's code, and how far up they can lead at most."""
    names: set[str] = set()
    climbs = 0
    for path in template.rglob("*.py"):
        try:
            tree = ast.parse(untrusted.read_bytes(path, contract.MAX_JSON_BYTES, follow=True))
        except (BonsaiError, SyntaxError, ValueError):
            continue
        ups = 0
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                parts = node.value.replace("\\", "/").split("/")
                own = parts.count("..")
                climbs = max(climbs, own)
                ups += own == 1 and len(parts) == 1
                names.update(part for part in parts[:8] if part not in ("", ".", "..", "~"))
            elif isinstance(node, ast.Attribute) and node.attr == "parents":
                ups += DEEPEST  # which of them, only a run can tell
            elif isinstance(node, ast.Attribute | ast.Name):
                name = node.attr if isinstance(node, ast.Attribute) else node.id
                ups += name in ("parent", "pardir", "dirname")
        climbs = max(climbs, ups)
    return {name for name in names if len(name) < 100 and "\0" not in name}, climbs
