"""Sweep templates in the shapes that other people write for The AI Scientist, none with score.py.

Run:  python benchmarks/wild.py [--only NAME ...]

Each is written into a temporary folder and swept through the real loop, with a played-back edit
that makes its result better, and with one that changes a comment alone. It prints how many came to
a verdict, and how many of the null ideas were supported, of which there should be none or few; then
how many idea files are read, in the shapes of people, models and other tools.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
HEAD = """\
import argparse, json, os, random, time
import numpy as np
parser = argparse.ArgumentParser()
parser.add_argument("--out_dir", type=str, default="run_0")
{options}args = parser.parse_args()
os.makedirs(args.out_dir, exist_ok=True)
SCALE = 1.0  # how far off
# The experiment.
"""
TAIL = """
with open(os.path.join(args.out_dir, "final_info.json"), "w") as file:
    json.dump(final_info, file)
"""
PLOT = """\
import json, os
import matplotlib.pyplot as plt
labels = {"run_0": "Baseline"}
runs = [name for name in os.listdir(".") if os.path.isfile(os.path.join(name, "final_info.json"))]
plt.bar(runs, range(1, len(runs) + 1))
plt.savefig("runs.png")
plt.show()
"""


@dataclass(frozen=True)
class Wild:
    """A template: what its experiment does, and how it is called.

    Attributes:
        body: computes `final_info`.
        options: of its parser.
        arguments: of `bonsai run`.
        files: what lies beside it, or above it, by path from its folder.
    """

    body: str
    options: str = ""
    arguments: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()


SEEDED = "np.random.seed(1337)\n"
LOSS = "loss = float((SCALE * np.random.randn(40)).var())\n"
WILD: dict[str, Wild] = {
    "flat": Wild(SEEDED + LOSS + 'final_info = {"toy": {"means": {"loss": loss}}}'),
    "seed_option": Wild(
        "rng = np.random.default_rng(args.seed)\n"
        "loss = float((SCALE * rng.normal(size=40)).var())\n"
        # A name that the kit has a data set for, which this one does not read.
        'final_info = {"MNIST": {"means": {"val_loss": loss, "train_loss": loss / 2}}}',
        'parser.add_argument("--seed", type=int, default=42)\n',
    ),
    "seed_ignored": Wild(
        SEEDED + LOSS + 'final_info = {"toy": {"means": {"loss": loss}}}',
        'parser.add_argument("--seed", type=int, default=0)\n',
    ),
    "no_seeds": Wild(LOSS + 'final_info = {"toy": {"means": {"loss": loss}}}'),
    "default_rng": Wild(
        "rng = np.random.default_rng()\nloss = float((SCALE * rng.normal(size=40)).var())\n"
        'final_info = {"toy": {"means": {"loss": loss}}}'
    ),
    "python_random": Wild(
        "random.seed(42)\nloss = SCALE * sum(random.random() for _ in range(40)) / 40\n"
        'final_info = {"toy": {"means": {"mse": loss, "seconds": time.time() % 1}}}'
    ),
    "ode": Wild(
        "y, h = 1.0, 0.01\nfor _ in range(100):\n    y += h * y\n"
        "error = SCALE * abs(y - np.e)\n"
        'final_info = {"ode": {"means": {"error": float(error), "steps": 100}}}'
    ),
    "own_loop": Wild(
        "losses = []\nfor seed_offset in range(3):\n    np.random.seed(1337 + seed_offset)\n"
        "    losses.append(float((SCALE * np.random.randn(40)).var()))\n"
        'final_info = {"toy": {"means": {"best_val_loss_mean": float(np.mean(losses))}, '
        '"stderrs": {"best_val_loss_stderr": float(np.std(losses))}, '
        '"final_info_dict": {"best_val_loss": losses}}}'
    ),
    "several_sets": Wild(
        SEEDED + "final_info = {}\nfor name in ('circle', 'dino'):\n"
        "    loss = float((SCALE * np.random.randn(40)).var())\n"
        "    final_info[name] = {'means': {'eval_loss': loss}}",
        arguments=("--metric", "circle/eval_loss"),
    ),
    "means_number": Wild(
        SEEDED + LOSS + 'final_info = {"layer_1": {"means": loss, "stds": 0.1}, '
        '"layer_2": {"means": 0.5}}',
        arguments=("--metric", "layer_1:lower"),
    ),
    "nested": Wild(
        SEEDED + LOSS + 'final_info = {"eq": {"means": {"mse": loss, "shape": {"peak": 2.0}}, '
        '"solution": "y = x", "x_values": [0.0, 1.0]}}'
    ),
    "no_level": Wild(
        SEEDED + LOSS + 'final_info = {"means": {"final_val_mse": loss}, "stderrs": {}}'
    ),
    "no_means": Wild(
        SEEDED + LOSS + 'final_info = {"results": {"win_rate": 1 / (1 + loss), "rounds": 7}, '
        '"runtime": time.time() % 1}'
    ),
    "curves": Wild(
        SEEDED + LOSS + 'final_info = {"toy": {"means": {"loss": loss, "curve": [1.0, loss], '
        '"confusion_matrix": [[1, 2], [3, 4]]}}}\n'
        'np.save(os.path.join(args.out_dir, "all_results.npy"), final_info, allow_pickle=True)'
    ),
    "data_above": Wild(
        SEEDED + "offset = float(open(os.path.join('..', '..', 'data', 'offset.txt')).read())\n"
        + LOSS + 'final_info = {"toy": {"means": {"loss": loss + offset}}}',
        files=(("../../data/offset.txt", "0.25"),),
    ),
    "modules": Wild(
        SEEDED + "from models.net import spread\n"
        'final_info = {"toy": {"means": {"loss": SCALE * spread(np.random.randn(40))}}}',
        files=(("models/net.py", "def spread(values):\n    return float(values.var())\n"),
               ("models/__init__.py", "")),
    ),
    "writes_beside": Wild(
        SEEDED + LOSS + 'np.save("checkpoint.npy", np.zeros(3))\n'
        'final_info = {"toy": {"means": {"loss": loss}}}'
    ),
    "torch_seeded": Wild(
        "import torch\ntorch.manual_seed(1337)\n"
        "loss = float((SCALE * torch.randn(40)).var())\n"
        'final_info = {"toy": {"means": {"loss": loss}}}'
    ),
    "torchvision": Wild(
        "import torch, torchvision\nfrom torchvision import transforms\n"
        "generator = torch.Generator().manual_seed(3)\n"
        "loss = float((SCALE * torch.randn(40, generator=generator)).var())\n"
        'final_info = {"toy": {"means": {"loss": loss}}}'
    ),
    "reward_up": Wild(
        SEEDED + "reward = float(np.random.rand(40).mean() / SCALE)\n"
        'final_info = {"maze": {"means": {"mean_reward": reward, "episodes": 40}}}'
    ),
}  # fmt: skip
BETTER, NULL = "better", "null"
EDITS = {
    BETTER: ("SCALE = 1.0  # how far off", "SCALE = 0.5  # how far off"),
    NULL: ("# The experiment.", "# The experiment, untouched."),
}


def write(name: str, root: Path, ideas: tuple[str, ...] = (BETTER, NULL)) -> Path:
    """Write a template with recorded ideas below `root`; returns its folder."""
    wild = WILD[name]
    folder = root / "checkout" / "templates" / name
    folder.mkdir(parents=True)
    source = HEAD.format(options=wild.options) + wild.body + TAIL
    texts = {"experiment.py": source, "plot.py": PLOT, **dict(wild.files)}
    texts["prompt.json"] = json.dumps({"system": "You are careful.", "task_description": "A toy."})
    texts["seed_ideas.json"] = json.dumps(
        [
            {"Name": idea, "Title": idea, "Experiment": "As the title says.",
             "Interestingness": 5, "Feasibility": 5, "Novelty": 5}
            for idea in ideas
        ]
    )  # fmt: skip
    for idea in ideas:
        before, after = EDITS[idea]
        replies = f"cassettes/{idea}"
        heading = "## Run 0: the baseline, unchanged"
        texts[f"{replies}/01-plan.md"] = _edit("notes.txt", heading, f"{heading}\n\n## Plan\nIt.")
        texts[f"{replies}/02-edit.md"] = _edit("experiment.py", before, after)
        texts[f"{replies}/03-finish.md"] = "ALL_COMPLETED\n"
        labels = 'labels = {"run_0": "Baseline"}'
        more = 'labels = {"run_0": "Baseline", "run_1": "Changed"}'
        texts[f"{replies}/04-write_up.md"] = _edit("plot.py", labels, more)
    for path, text in texts.items():
        target = Path(os.path.normpath(folder / path))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return folder


def _edit(file: str, before: str, after: str) -> str:
    body = f"<<<<<<< SEARCH\n{before}\n=======\n{after}\n>>>>>>> REPLACE"
    return f"It.\n\n{file}\n```python\n{body}\n```\n"


def sweep(
    name: str, folder: Path, out: Path, *more: str, stands_in: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Sweep a template that `write` wrote; by default from the folder of templates."""
    command = [
        sys.executable, str(REPOSITORY / "runner.py"), "run", str(folder), "--out", str(out),
        "--confirm-seeds", "8", "--max-confirm-seeds", "8", *WILD[name].arguments, *more,
    ]  # fmt: skip
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=stands_in or folder.parent
    )


def words(out: Path) -> dict[str, str]:
    """The verdict on each idea of a sweep."""
    from bonsai.report import summarise

    return {idea.idea.Name: idea.word for _, idea in summarise(out).ideas}


def main() -> None:
    """Sweep them all, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=sorted(WILD))
    chosen = parser.parse_args().only or list(WILD)
    swept = nulls = 0
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["BONSAI_DATA"] = str(Path(temporary) / "cache")
        for name in chosen:
            root = Path(temporary) / name
            done = sweep(name, write(name, root), root / "results")
            if done.returncode:
                print(f"{name}: not swept: {done.stderr.strip()[-300:]}", flush=True)
                continue
            found = words(root / "results")
            swept += all(word != "no result" for word in found.values())
            nulls += found[NULL] == "supported"
            seeds = next(line for line in done.stdout.splitlines() if "seed" in line)
            print(f"{name}: {found[BETTER]}; null: {found[NULL]}; {seeds}", flush=True)
    print(f"{swept} of {len(chosen)} templates without score.py were swept to a verdict")
    print(f"{nulls} of {swept} ideas that change nothing were supported (nominal: 2.5 %)")
    sys.path.insert(0, str(REPOSITORY))
    from tests.templates.idea_shapes import count_read

    print("{} of {} idea files were read, each as it was meant".format(*count_read()))


if __name__ == "__main__":
    main()
