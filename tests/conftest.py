"""What several tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def own_data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every test works with a data cache of its own, so that nothing rests on this machine's."""
    folder = tmp_path_factory.mktemp("data")
    os.environ["BONSAI_DATA"] = str(folder)
    return folder
