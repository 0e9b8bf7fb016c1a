"""What a program reads by relative paths out of its folder is found on other machines as well."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from bonsai.base import BonsaiError
from bonsai.execution import Program
from bonsai.execution.executors import remote


class NextDoor(remote.RemoteExecutor):
    """Another machine, by its folders alone."""

    name = "next door"

    def send(
        self,
        parcel: remote.Parcel,
        on_line: Callable[[str], None] | None,
        cancel: threading.Event,
    ) -> remote.Delivery | remote.Refusal:
        return remote.work(parcel, on_line=on_line, cancel=cancel)


def _run(tmp_path: Path, data: Path, log: Path) -> str:
    folder = tmp_path / "stage" / "0" / "1" / "odd"
    folder.mkdir(parents=True)
    (folder / "experiment.py").write_text("print(open('../../data/offset.txt').read())")
    program = Program(("experiment.py",), folder, 60, nested=3, links=(("../../data", data),))
    done = NextDoor("auto", print).run(program, log, on_line=None, cancel=threading.Event())
    assert not (tmp_path / "stage" / "0" / "data").exists()
    return done.output


def test_links_are_laid_where_the_program_runs(tmp_path: Path) -> None:
    data = tmp_path / "shared" / "data"
    data.mkdir(parents=True)
    (data / "offset.txt").write_text("0.25")
    assert _run(tmp_path, data, tmp_path / "log").strip() == "0.25"


def test_data_that_the_machine_lacks_are_named(tmp_path: Path) -> None:
    with pytest.raises(BonsaiError, match=r"on .*nowhere.* which the experiment reads, is not on"):
        _run(tmp_path, tmp_path / "nowhere", tmp_path / "log")
