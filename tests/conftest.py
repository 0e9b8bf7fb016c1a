"""What several tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_core(worker_id: str) -> None:
    """Processes that test side by side keep to a core each: two that share one wait for ever."""
    if worker_id.startswith("gw") and hasattr(os, "sched_setaffinity"):
        usable = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {usable[int(worker_id[2:]) % len(usable)]})


@pytest.fixture(scope="session", autouse=True)
def own_data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every test works with a data cache of its own, so that nothing rests on this machine's."""
    folder = tmp_path_factory.mktemp("data")
    os.environ["BONSAI_DATA"] = str(folder)
    return folder
