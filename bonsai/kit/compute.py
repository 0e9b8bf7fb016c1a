"""Which device computes, with how many threads, from which seed."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import numpy as np

from bonsai.kit.errors import KitError

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda", "mps")

_device = "cpu"


def device() -> torch.device:
    """The device chosen with `--device`: cuda, mps or cpu."""
    import torch

    return torch.device(_device)


def choose_device(name: str) -> torch.device:
    """Make `name` the device of this process; `auto` takes cuda, then mps, then cpu.

    Raises:
        KitError: the device asked for is not on this machine.
    """
    import torch

    global _device
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next((kind for kind, there in available.items() if there), "cpu")
    elif not available.get(name, True):
        raise KitError(f"--device {name}: torch sees no such device here; use --device auto or cpu")
    _device = name
    return device()


def set_seed(seed: int) -> None:
    """Seed Python's, numpy's and torch's generators, and ask the GPU for deterministic kernels.

    On a CPU torch is deterministic for a fixed number of threads.
    """
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    if _device == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.backends.cudnn.benchmark = False
        torch.use_deterministic_algorithms(True, warn_only=True)


def threads() -> int:
    """The number of CPU threads that torch computes with (set by `OMP_NUM_THREADS`)."""
    import torch

    return torch.get_num_threads()
