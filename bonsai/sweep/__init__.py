"""A sweep: baselines, the loop over each idea, and the fresh seeds that confirm what it found.

`Sweep` does all of it in a results folder, or goes on with what it finds there.
"""

from bonsai.sweep import editors, prompts
from bonsai.sweep.baseline import build_baseline
from bonsai.sweep.observer import Observer
from bonsai.sweep.prompts import Texts
from bonsai.sweep.sweep import Sweep

__all__ = ["Observer", "Sweep", "Texts", "build_baseline", "editors", "prompts"]
