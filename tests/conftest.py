"""What several tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def heed_ctrl_c() -> None:
    """Let what the tests start heed Ctrl-C, also where the suite itself runs in the background.

    A shell has its background jobs ignore SIGINT, and they hand that on to what they start.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


USABLE = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else set[int]()


@pytest.fixture(scope="session", autouse=True)
def own_core() -> None:
    """Processes that test side by side keep to a core each: two that share one wait for ever."""
    worker_id = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker_id.startswith("gw") and USABLE:
        usable = sorted(USABLE)
        os.sched_setaffinity(0, {usable[int(worker_id[2:]) % len(usable)]})


@pytest.fixture
def all_cores() -> Iterator[None]:
    """Lets what a test starts use all cores of the suite: with one, nothing is side by side."""
    if not USABLE:
        yield
        return
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, USABLE)
    yield
    os.sched_setaffinity(0, own)


@pytest.fixture(scope="session", autouse=True)
def own_data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every test works with a data cache of its own, so that nothing rests on this machine's."""
    folder = tmp_path_factory.mktemp("data")
    os.environ["BONSAI_DATA"] = str(folder)
    return folder


# What takes longest begins first, or one core would be left alone with it at the end.
LONGEST = (
    "test_cassettes", "test_ai_scientist", "test_real_agents_pypi", "test_real_agents_npm",
    "test_shinka", "test_openevolve", "test_crash", "test_executors", "test_faults",
    "test_outage", "test_live_sweep", "test_doctor", "test_sweep", "test_text_forms",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long files first."""
    rank = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(LONGEST)))
