"""Within walls a program sees what it needs, and nothing else; and it cannot do harm."""

from __future__ import annotations

import ast
import json
import shutil
import socket
import sys
import threading
from pathlib import Path

import pytest

from bonsai.base.errors import BonsaiError
from bonsai.execution import execute, sandbox
from bonsai.execution.execute import Execution, Program
from bonsai.kit import data as kit_data

needs_walls = pytest.mark.skipif(bool(sandbox.problem()), reason="no bubblewrap")


def _within(tmp_path: Path, code: str, **options: object) -> Execution:
    folder = tmp_path / "work"
    (folder / "out").mkdir(parents=True, exist_ok=True)
    (folder / "code.py").write_text(code)
    settings = {"walls": True, "writes": ("out",), **options}
    program = Program(("code.py",), folder, 30, **settings)  # type: ignore[arg-type]
    return execute.run(program, tmp_path / "logs" / "code")


@needs_walls
def test_it_writes_its_own_folder_and_its_own_tmp_and_nothing_else(tmp_path: Path) -> None:
    code = """
import os, tempfile
from pathlib import Path
Path("out/result").write_text("kept")
Path(tempfile.mkdtemp(), "x").write_text("gone afterwards")
Path.home().joinpath("x").write_text("gone afterwards")
Path("/dev/shm/x").write_text("gone afterwards")
import bonsai, numpy
places = [".", "/", "/usr", "/dev", "/etc", os.environ["BONSAI_DATA"],
          Path(bonsai.__file__).parent, Path(numpy.__file__).parent]
for place in places:
    try:
        Path(place, "harm").write_text("")
        print("wrote into", place)
    except OSError:
        pass
try:
    os.remove("code.py")
    print("removed its code")
except OSError:
    pass
"""
    done = _within(tmp_path, code)
    assert done.ok, done.error
    assert done.output == ""
    assert (tmp_path / "work" / "out" / "result").read_text() == "kept"
    assert not Path("/dev/shm/x").exists()


@needs_walls
def test_it_sees_no_file_of_the_user_and_no_other_process(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of the user")
    (tmp_path / "work" / "run_0").mkdir(parents=True)
    (tmp_path / "work" / "run_0" / "outcome").write_text("of another run")
    places = [str(tmp_path / "secret"), str(Path.home() / ".bashrc"), str(Path(__file__).parent)]
    code = f"""
import json, os
print(json.dumps({{
    "seen": [place for place in {places!r} if os.path.exists(place)],
    "run_0": os.listdir("run_0"),
    "processes": sum(name.isdigit() for name in os.listdir("/proc")),
    "home": os.listdir(os.path.expanduser("~")),
}}))
"""
    done = _within(tmp_path, code, hides=("run_0",))
    assert done.ok, done.error
    found = json.loads(done.output)
    assert found["seen"] == []
    assert found["run_0"] == []
    assert found["processes"] <= 3, "bubblewrap, the shell that became it, and itself"
    ways = (tmp_path, sandbox.package_root(), Path(sys.prefix), kit_data.data_folder())
    on_the_way = {path.parts[2] for path in ways if path.parts[1] == "tmp"}
    assert set(found["home"]) <= {".cache", "shm", *on_the_way}


@needs_walls
def test_packages_that_lie_elsewhere_are_seen_and_their_test_labels_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a .pth file or PYTHONPATH adds them; of other folders on the path nothing is seen."""
    elsewhere, checkout = tmp_path / "env" / "site-packages", tmp_path / "checkout"
    digits = Path("sklearn", "datasets", "data", "digits.csv.gz")
    for place in (elsewhere, checkout):
        (place / digits).parent.mkdir(parents=True)
        (place / digits).write_text("labels")
        (place / "module.py").write_text("")
        monkeypatch.syspath_prepend(str(place))
    code = f"""
from pathlib import Path
for place in {[str(elsewhere), str(checkout)]!r}:
    print(Path(place, "module.py").exists())
digits = Path({str(elsewhere)!r}, {str(digits)!r})
try:
    print(len(digits.read_bytes()))
except OSError:
    print(0)
"""
    done = _within(tmp_path, code)
    assert done.ok, done.error
    assert done.output.split() == ["True", "False", "0"]


@needs_walls
def test_it_reaches_no_network_not_even_this_machine(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        server.settimeout(0.1)
        code = f"import socket; socket.create_connection(('127.0.0.1', {port}), timeout=2)"
        done = _within(tmp_path, code)
        with pytest.raises(TimeoutError):
            server.accept()
    assert "ConnectionRefusedError" in done.problem or "Network is unreachable" in done.problem


SEARCH_FOR_TEST_LABELS = """
import os
from pathlib import Path
from bonsai import kit
images = kit.load_images("mini"), kit.load_images("digits")
print([len(each.test_images) for each in images])
def attempt(name, work):
    try:
        print("had them:", name, work())
    except Exception as error:
        pass
attempt("kit", lambda: kit.load_truth("mini"))
os.environ.pop("BONSAI_SCORED_BY_RUNNER")
attempt("kit, told otherwise", lambda: kit.load_truth("mini"))
attempt("kit's digits, told otherwise", lambda: kit.load_truth("digits"))
import sklearn.datasets
attempt("scikit-learn", sklearn.datasets.load_digits)
import numpy as np
import bonsai
for path in Path(bonsai.__file__).parent.rglob("*.npz"):
    attempt(path, lambda: np.load(path))
for root in (os.environ["BONSAI_DATA"], "/usr/share/datasets"):
    for path in Path(root).rglob("*"):
        if path.suffix == ".npz":
            with np.load(path) as file:
                if "test_labels" in file.files:
                    print("had them:", path)
        elif "t10k-labels" in path.name:
            attempt(path, path.read_bytes)
        elif path.is_file() and path.suffix != ".lock":
            print("beside data:", path)
"""


@needs_walls
def test_it_has_the_images_and_not_the_test_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BONSAI_DATA", str(tmp_path / "data"))
    raw = tmp_path / "data" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "t10k-labels-idx1-ubyte").write_bytes(b"the labels")
    result = tmp_path / "data" / "baselines" / "x" / "outcome_seed_0.npz"
    result.parent.mkdir(parents=True)
    result.write_bytes(b"predictions of another run")
    done = _within(tmp_path, SEARCH_FOR_TEST_LABELS, data="mini")
    assert done.ok, done.error
    assert done.output == "[2000, 360]\n"


LIST_THE_CACHE = """
import os
from pathlib import Path
cache = Path(os.environ["BONSAI_DATA"])
print(sorted(str(path.relative_to(cache)) for path in cache.rglob("*")
             if path.is_file() and path.stat().st_size and "unlabelled" not in path.parts))
try:
    (cache / "kept" / "more").write_text("x")
    print("kept")
except OSError:
    pass
try:
    (cache / "unlabelled" / "more").write_text("x")
    print("changed the data")
except OSError:
    pass
"""


@needs_walls
@pytest.mark.parametrize(
    ("options", "seen", "said"),
    [
        ({}, ["kept/net"], ""),
        ({"keeps_data": True}, ["kept/net"], "kept"),
        ({"own_data": True}, ["kept/net", "mine/images"], ""),
        ({"labels": True}, ["kept/net", "mine/images", "mine/raw/t10k-labels-idx1-ubyte",
                            "secret/test_key"], ""),
    ],
)  # fmt: skip
def test_of_the_data_cache_it_sees_what_it_needs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, bool],
    seen: list[str],
    said: str,
) -> None:
    monkeypatch.setenv("BONSAI_DATA", str(tmp_path / "data"))
    for name in ("kept/net", "mine/images", "mine/raw/t10k-labels-idx1-ubyte", "secret/test_key",
                 "baselines/x/outcome"):  # fmt: skip
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_text("x")
    done = _within(tmp_path, LIST_THE_CACHE, data="mini", **options)
    assert done.ok, done.error
    found, _, rest = done.output.partition("\n")
    assert [name for name in ast.literal_eval(found) if not name.endswith(".lock")] == seen
    assert rest.strip() == said


@needs_walls
def test_data_that_were_tampered_with_are_laid_out_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BONSAI_DATA", str(tmp_path))
    kit_data.publish("mini")
    path = tmp_path / "unlabelled" / "FashionMNIST-mini.npz"
    good = path.read_bytes()
    path.write_bytes(good[:5000] + bytes(100) + good[5100:])
    kit_data.publish("mini")
    assert path.read_bytes() == good


SEARCH_FOR_KEY = """
import os, sys
from pathlib import Path
def contains(path):
    try:
        return path.is_file() and b"sk-of-the-user" in path.read_bytes()
    except OSError:
        return False
found = [name for name, value in os.environ.items() if "sk-of-the-user" in value]
for root in ("/proc", "/tmp", "/etc", "/root", "/home", str(Path.home()), os.getcwd(), "/dev/shm"):
    for folder, folders, names in os.walk(root):
        if folder.startswith("/proc/") and folder.count("/") > 3:
            folders[:] = []
        if folder in (sys.prefix, sys.base_prefix):  # packages, which anybody may read
            folders[:] = []
        found += [f"{folder}/{name}" for name in names
                  if name in ("environ", "cmdline") or not folder.startswith("/proc")
                  if contains(Path(folder, name))]
print(found)
"""


@needs_walls
def test_it_does_not_find_the_key_of_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "-".join(("sk", "of", "the", "user", "0123456789"))
    monkeypatch.setenv("OPENAI_API_KEY", key)
    (tmp_path / "dot_env").write_text(f"OPENAI_API_KEY={key}")
    code = SEARCH_FOR_KEY.replace('b"sk-of-the-user"', 'b"-".join([b"sk", b"of", b"the", b"user"])')
    done = _within(tmp_path, code.replace('"sk-of-the-user"', '"-".join(["sk", "of", "the"])'))
    assert done.ok, done.error
    assert done.output == "[]\n"


def test_without_bubblewrap_it_is_said_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert "apt install bubblewrap" in (sandbox.choose("auto") or "")
    with pytest.raises(BonsaiError, match="--sandbox require: bubblewrap is not there"):
        sandbox.choose("require")


@needs_walls
def test_where_a_run_was_kept_is_known(tmp_path: Path) -> None:
    assert _within(tmp_path, "").where == "bubblewrap"
    assert _within(tmp_path, "", walls=False).where == "no walls"


@needs_walls
def test_it_dies_with_the_thread_that_watches_it(tmp_path: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    (tmp_path / "work").mkdir()
    program = Program(("-c", "import time; time.sleep(60)"), tmp_path / "work", 60, walls=True)
    with pytest.raises(execute.Cancelled):
        execute.run(program, tmp_path / "log", cancel=cancel)
    assert (tmp_path / "log.out").exists()
