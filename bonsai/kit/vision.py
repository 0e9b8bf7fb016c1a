"""Import torchvision, also where its wheel and torch's were built for different devices."""

import importlib
import sys
from types import ModuleType

import torch


def torchvision() -> ModuleType:
    """The module torchvision.

    A torchvision built for CUDA beside a CPU-only torch fails to import, because the operators
    `torchvision::nms` and `torchvision::qnms` are missing. Data sets, transforms and models do not
    need them, so after a failed import the two are declared and the import is tried once more.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    for operator in ("nms", "qnms"):
        schema = f"torchvision::{operator}(Tensor dets, Tensor scores, float threshold) -> Tensor"
        torch.library.define(schema.split("(")[0], schema[schema.index("(") :])
    return importlib.import_module("torchvision")
