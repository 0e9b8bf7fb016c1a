"""Start a program of others so that the runner's seed reaches it, wherever it sets its own.

Python itself runs `sitecustomize.py` of this folder before any program that has the folder on its
PYTHONPATH, and before every Python that this program starts. So a program runs as it would by
itself: same file, same arguments, same tracebacks.
"""

from pathlib import Path

FOLDER = Path(__file__).parent
SHIFT, START = "BONSAI_SEED_SHIFT", "BONSAI_SEED_START"


def variables(shift: int, start: int) -> dict[str, str]:
    """What such a program needs in its environment, beside `FOLDER` on its PYTHONPATH.

    Args:
        shift: added to every seed that its code sets.
        start: the seed of what its code leaves without one.
    """
    # Sets of texts are walked in another order each time, unless this is given.
    return {SHIFT: str(shift), START: str(start), "PYTHONHASHSEED": "0"}


__all__ = ["FOLDER", "variables"]
