"""Shift every seed that a program sets, and give one to what it leaves without; see `__init__`.

Python imports this by itself. With a shift of 0 the program's own seeds are as it wrote them.
Nothing but the standard library is imported here: numpy, torch and torchvision are changed once the
program imports them.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.machinery
import importlib.util
import multiprocessing
import os
import random
import sys
import threading
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Any

_shift = int(os.environ.get("BONSAI_SEED_SHIFT", "0"))
_start = int(os.environ.get("BONSAI_SEED_START", "0"))
_within = threading.local()  # a seed that a library hands on to another is shifted once
_unseeded = 0


def shifted(seed: Any, below: int = 2**32) -> Any:
    """A seed of the program as the runner's number moves it; what is no number stays."""
    if _shift == 0 or isinstance(seed, bool):
        return seed
    if isinstance(seed, str):
        return f"{seed}|{_shift}"
    if isinstance(seed, list | tuple):
        return type(seed)([shifted(each, below) for each in seed])
    try:
        return (int(seed.__index__()) + _shift) % below
    except AttributeError:
        return seed


def drawn() -> int:
    """A seed for what the program leaves without one: another each time, the same in each run."""
    global _unseeded
    _unseeded += 1
    who = getattr(multiprocessing.current_process(), "_identity", ())
    text = f"{_start}|{_unseeded}|{who}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def reseeded(function: Callable[..., Any], *, keyword: str, below: int = 2**32) -> Any:
    """A function whose seed is shifted, or drawn where none is given."""

    @functools.wraps(function)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        if getattr(_within, "busy", False):
            return function(*arguments, **named)
        if arguments:
            arguments = (_seed(arguments[0], below), *arguments[1:])
        else:
            named[keyword] = _seed(named.get(keyword), below)
        _within.busy = True
        try:
            return function(*arguments, **named)
        finally:
            _within.busy = False

    return wrapped


def _seed(seed: Any, below: int) -> Any:
    return drawn() if seed is None else shifted(seed, below)


class _LooksLike(type):
    """A class that takes the instances of the one that it is derived from for its own."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls.__mro__[1])

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, cls.__mro__[1])


def derived(base: Any, seeds: Callable[[Any], Any]) -> Any:
    """A class like `base` whose first argument is a seed."""

    def __new__(cls: Any, seed: Any = None, *rest: Any) -> Any:
        return base.__new__(cls)

    def __init__(self: Any, seed: Any = None, *rest: Any) -> None:
        base.__init__(self, seeds(seed), *rest)

    body = {"__new__": __new__, "__init__": __init__, "__module__": base.__module__}
    made = _LooksLike(base.__name__, (base,), body)
    made.__qualname__ = base.__qualname__
    return made


def _generator_seed(seed: Any) -> Any:
    return seed if getattr(_within, "busy", False) else _seed(seed, 2**32)


def change_random() -> None:
    """`random.seed` and `random.Random`."""
    random.seed(drawn())
    random.seed = reseeded(random.seed, keyword="a", below=2**62)
    original = random.Random

    class Random(original):  # type: ignore[valid-type, misc]
        def seed(self, a: Any = None, version: int = 2) -> None:
            super().seed(_generator_seed(a), version)

    Random.__qualname__ = "Random"
    Random.__module__ = "random"
    random.Random = Random  # type: ignore[misc]


def change_numpy(module: Any) -> None:
    """`numpy.random`, old and new."""
    module.seed(drawn())
    module.seed = reseeded(module.seed, keyword="seed")
    module.default_rng = reseeded(module.default_rng, keyword="seed", below=2**62)
    for name in ("RandomState", "PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"):
        if hasattr(module, name):
            setattr(module, name, derived(getattr(module, name), _generator_seed))


def change_torch(module: Any) -> None:
    """`torch.manual_seed` and its relatives."""
    module.manual_seed(drawn())
    module.manual_seed = reseeded(module.manual_seed, keyword="seed", below=2**62)
    module.random.manual_seed = module.manual_seed
    module.seed = module.random.seed = lambda: module.manual_seed(None).initial_seed()
    for name in ("manual_seed", "manual_seed_all"):
        changed = reseeded(getattr(module.cuda, name), keyword="seed", below=2**62)
        setattr(module.cuda, name, changed)
        setattr(module.cuda.random, name, changed)
    base = module.Generator

    class Generator(base):  # type: ignore[valid-type, misc]
        def manual_seed(self, seed: int) -> Any:
            super().manual_seed(_generator_seed(seed))
            return self

        def seed(self) -> int:
            self.manual_seed(drawn())
            return int(self.initial_seed())

    module.Generator = Generator


def mend_torchvision(execute: Callable[[ModuleType], None], module: ModuleType) -> None:
    """Import torchvision also where it and torch were built for different devices.

    As in `bonsai.kit.vision`, which is not imported: the program is not to import the kit.
    """
    try:
        execute(module)
        return
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    import torch

    for name in [name for name in sys.modules if name.startswith("torchvision.")]:
        del sys.modules[name]
    for operator in ("nms", "qnms"):
        schema = "(Tensor dets, Tensor scores, float threshold) -> Tensor"
        torch.library.define(f"torchvision::{operator}", schema)
    execute(module)


CHANGES: dict[str, Callable[[Any], None]] = {
    "numpy.random": change_numpy,
    "torch": change_torch,
}


class OnceImported(MetaPathFinder):
    """Changes modules right after the program has imported them."""

    def find_spec(
        self, name: str, path: Any = None, target: Any = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find a module as Python does, and have it changed when it is there."""
        if name not in CHANGES and name != "torchvision":
            return None
        sys.meta_path.remove(self)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            sys.meta_path.insert(0, self)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            if name == "torchvision":
                mend_torchvision(execute, module)
            else:
                execute(module)
                CHANGES[name](module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def hand_on() -> None:
    """Let another `sitecustomize`, which this one stands before, have its turn."""
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]  # noqa: PTH100
    own = sys.modules.pop("sitecustomize", None)
    try:
        importlib.import_module("sitecustomize")
    except ImportError:
        if own is not None:
            sys.modules["sitecustomize"] = own


if __name__ == "sitecustomize":
    change_random()
    sys.meta_path.insert(0, OnceImported())
    hand_on()
