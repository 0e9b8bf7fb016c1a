"""Every seed that a program sets moves with the runner's number, and with 0 none does."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys

import pytest

from bonsai.kit import launched
from bonsai.templates import offset

PROGRAMS = {
    "random": "import random; random.seed(3); print(random.random())",
    "Random": "import random; print(random.Random(3).random())",
    "numpy": "import numpy as np; np.random.seed(3); print(np.random.rand())",
    "default_rng": "from numpy.random import default_rng; print(default_rng(3).random())",
    "RandomState": "import numpy as np; print(np.random.RandomState(3).rand())",
    "PCG64": "import numpy as np; print(np.random.Generator(np.random.PCG64(3)).random())",
    "torch": "import torch; torch.manual_seed(3); print(torch.rand(1).item())",
    "generator": "import torch; g = torch.Generator(); g.manual_seed(3); "
    "print(torch.rand(1, generator=g).item())",
    "child": "import subprocess, sys; print(subprocess.run([sys.executable, '-c', "
    "'import random; random.seed(3); print(random.random())'], capture_output=True).stdout)",
}
UNSEEDED = {
    "random": "import random; print(random.random())",
    "numpy": "import numpy as np; print(np.random.rand(), np.random.default_rng().random())",
    "torch": "import torch; print(torch.rand(1).item())",
    "sets": "print(list({'a', 'b', 'c', 'd', 'e'}))",
}


def _run(code: str, number: int | None) -> str:
    environment = dict(os.environ)
    if number is not None:
        moved = offset(number, 2**31)
        environment |= launched.variables(moved, moved)
        environment["PYTHONPATH"] = str(launched.FOLDER)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("code", PROGRAMS.values(), ids=PROGRAMS)
def test_seeds_are_shifted_and_by_nothing_with_0(code: str) -> None:
    assert _run(code, 0) == _run(code, None)
    assert _run(code, 7) == _run(code, 7)
    assert _run(code, 7) != _run(code, 0)


@pytest.mark.parametrize("code", UNSEEDED.values(), ids=UNSEEDED)
def test_a_program_without_seeds_can_be_repeated(code: str) -> None:
    assert _run(code, 5) == _run(code, 5)


def test_neighbouring_numbers_move_seeds_far_apart() -> None:
    moved = [offset(number, 2**31) for number in range(200)]
    assert moved[0] == 0
    assert min(abs(a - b) for a, b in itertools.pairwise(moved)) > 1000
