"""Everything that an experiment needs and that is not its science.

An experiment is a `Config` dataclass, a `train` function and one last line::

    def train(config: Config, data: kit.Images, seeds: list[int]) -> list[kit.Outcome]: ...

    if __name__ == "__main__":
        kit.main(Config, train, smoke={"epochs": 1})

The kit parses the arguments, loads the data that `score.py` names, calls `train`, scores what it
returns and writes the result files. The agent that edits experiments cannot edit the kit.
"""

from bonsai.kit.compute import device, set_seed, threads
from bonsai.kit.data import Images, Truth, fingerprints, load_images, load_truth
from bonsai.kit.errors import KitError
from bonsai.kit.experiment import main
from bonsai.kit.outcome import Curves, Outcome
from bonsai.kit.plotting import BASELINE_GREY, PALETTE, Run, band, load_runs
from bonsai.kit.progress import Progress
from bonsai.kit.scoring import Metric

__all__ = [
    "BASELINE_GREY",
    "PALETTE",
    "Curves",
    "Images",
    "KitError",
    "Metric",
    "Outcome",
    "Progress",
    "Run",
    "Truth",
    "band",
    "device",
    "fingerprints",
    "load_images",
    "load_runs",
    "load_truth",
    "main",
    "set_seed",
    "threads",
]
