"""The same programs on other machines: what travels, what is kept from travelling, what is lost."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import signal
import sys
import tarfile
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bonsai import kit, report
from bonsai.base.errors import BonsaiError
from bonsai.base.ledger import NO_STEP, Entry, Ledger
from bonsai.execution import execute, sandbox
from bonsai.execution.execute import Program
from bonsai.execution.executors import LocalExecutor, make_executor
from bonsai.execution.executors import ray as ray_executor
from bonsai.execution.executors.local import visible_gpus
from bonsai.execution.executors.ray import QUIET, RayExecutor
from bonsai.execution.executors.remote import (
    MachineLost,
    Parcel,
    RemoteExecutor,
    Unfit,
    pack,
    unpack,
    work,
)
from bonsai.execution.executors.slurm import SlurmExecutor
from bonsai.kit import data as kit_data
from bonsai.kit.vision import torchvision
from bonsai.report import markdown
from bonsai.report.summary import summarise
from bonsai.settings import Assignment, Settings
from bonsai.templates.contract import Limits
from bonsai.templates.template import Template
from tests import sweeps

# --- packing ------------------------------------------------------------------------------------

MUCH = 1e9
# Any name that a file may have, also such as are no UTF-8, and long ones.
NAMES = st.binary(min_size=1, max_size=40).filter(
    lambda name: name not in (b".", b"..") and not {0, 47} & set(name)
) | st.sampled_from([b"n" * 200, b"line\nbreak", b" ", "é".encode(), b"-rf"])
FILES = st.tuples(st.binary(max_size=700), st.booleans())  # contents, and whether executable
TREES = st.recursive(
    st.dictionaries(NAMES, FILES, max_size=4),
    lambda trees: st.dictionaries(NAMES, FILES | trees, max_size=4),
    max_leaves=8,
)


def _lay_out(tree: dict, folder: Path, *, reverse: bool = False) -> None:
    folder.mkdir()
    for name, content in sorted(tree.items(), reverse=reverse):
        path = folder / os.fsdecode(name)
        if isinstance(content, dict):
            _lay_out(content, path, reverse=reverse)
        else:
            path.write_bytes(content[0])
            path.chmod(0o755 if content[1] else 0o644)


def _read_back(folder: Path) -> dict:
    return {
        os.fsencode(path.name): _read_back(path)
        if path.is_dir()
        else (path.read_bytes(), bool(path.stat().st_mode & 0o100))
        for path in folder.iterdir()
    }


@pytest.fixture(scope="module")
def new_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    return lambda: tmp_path_factory.mktemp("tree")


@settings(max_examples=60, deadline=None)
@given(tree=TREES)
def test_what_is_packed_is_what_is_unpacked(new_folder: Callable[[], Path], tree: dict) -> None:
    here = new_folder()
    _lay_out(tree, here / "a")
    _lay_out(tree, here / "b", reverse=True)
    files = pack(here / "a", most_bytes=MUCH)
    assert files == pack(here / "b", most_bytes=MUCH), "the same contents give the same bytes"
    (here / "c").mkdir()
    unpack(files, here / "c", most_bytes=MUCH)
    assert _read_back(here / "c") == tree


def _archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


HOSTILE = {
    "a path that leads out": _member("run_1/../../escaped"),
    "a path from the root": _member("/tmp/escaped"),
    "a file that another run owns": _member("run_0/final_info.json"),
    "a file beside its folder": _member("score.py"),
    "a name that only begins alike": _member("run_10/x"),
    "a hook of git": _member("run_1/hidden/hook"),
    "a link": _member("run_1/x", tarfile.SYMTYPE, "../score.py"),
    "a hard link": _member("run_1/x", tarfile.LNKTYPE, "score.py"),
    "a device": _member("run_1/x", tarfile.CHRTYPE),
    "a pipe": _member("run_1/x", tarfile.FIFOTYPE),
    "a sparse file": _member("run_1/x", tarfile.GNUTYPE_SPARSE),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_nothing_but_files_below_the_runs_folder_is_taken_back(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    files = _archive((_member("run_1/good"), b"good"), (HOSTILE[what], b""))
    with pytest.raises(BonsaiError, match="was not asked for"):
        unpack(files, folder, writes=("run_1",), without=("run_1/hidden",), most_bytes=MUCH)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("files", [b"no archive", _archive((_member("x"), b"1" * 5000))[:2000]])
def test_an_archive_that_is_none_is_refused(tmp_path: Path, files: bytes) -> None:
    with pytest.raises(BonsaiError, match="cannot be unpacked"):
        unpack(files, tmp_path, most_bytes=MUCH)


def test_too_much_is_refused_on_both_sides(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(2000))
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(10**13)  # takes no room on the disk, and would fill the memory
    with pytest.raises(Unfit, match="holds more than"):
        pack(tmp_path, most_bytes=1000)
    with pytest.raises(Unfit, match="holds more than"):
        pack(tmp_path, ["sparse"], most_bytes=MUCH)
    files = pack(tmp_path, ["large"], most_bytes=MUCH)
    with pytest.raises(BonsaiError, match="more came back"):
        unpack(files, tmp_path / "there", most_bytes=1000)
    assert not (tmp_path / "there").exists()


@pytest.mark.parametrize("target", ["/etc/passwd", "../secret", "inside", "."])
def test_a_link_does_not_travel(tmp_path: Path, target: str) -> None:
    (tmp_path / "secret").write_text("of the user")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "inside").write_text("")
    (folder / "link").symlink_to(target)
    with pytest.raises(Unfit, match="link is a link or no plain file"):
        pack(folder, most_bytes=MUCH)


# --- one program, sent as bytes, on this machine --------------------------------------------------


class Postman(RemoteExecutor):
    """Hands parcels to this very process; loses as many machines as it is told to."""

    def __init__(self, losses: int = 0) -> None:
        self.said: list[str] = []
        super().__init__("auto", self.said.append)
        self.losses = losses
        self.parcels: list[Parcel] = []

    def send(self, parcel, on_line, cancel):  # type: ignore[no-untyped-def]
        self.parcels.append(parcel)
        if len(self.parcels) <= self.losses:
            raise MachineLost("the power went")
        return work(parcel, on_line=on_line, cancel=cancel)


def _program(tmp_path: Path, code: str, **changes: object) -> Program:
    folder = tmp_path / "work"
    (folder / "run_1").mkdir(parents=True, exist_ok=True)
    (folder / "code.py").write_text(code)
    options = {"seconds": 30.0, "writes": ("run_1",), **changes}
    return Program(("code.py",), folder, **options)  # type: ignore[arg-type]


def _run(executor, program: Program, cancel: threading.Event | None = None):  # type: ignore[no-untyped-def]
    log = program.folder.parent / "logs" / "code"
    return executor.run(program, log, on_line=None, cancel=cancel or threading.Event())


def test_a_program_sees_its_folder_and_what_it_writes_comes_back(tmp_path: Path) -> None:
    code = """
from pathlib import Path
print(sorted(path.name for path in Path().iterdir()), Path("note").read_text())
Path("run_1/sub").mkdir()
Path("run_1/sub/result").write_text("42")
try:
    Path("note").write_text("changed")
except OSError:
    pass
"""
    program = _program(tmp_path, code, hides=("run_0",))
    (program.folder / "note").write_text("here")
    for hidden in ("run_0", ".git"):
        (program.folder / hidden).mkdir()
        (program.folder / hidden / "secret").write_text("")
    done = _run(Postman(), program)
    assert done.ok, done.error
    assert done.output == "['code.py', 'note', 'run_1'] here\n"
    assert (program.folder / "run_1" / "sub" / "result").read_text() == "42"
    assert (program.folder / "note").read_text() == "here"
    assert (tmp_path / "logs" / "code.out").read_text() == done.output
    assert done.where.endswith(f" on {os.uname().nodename}")


def test_of_a_folder_that_it_may_write_only_what_changed_comes_back(tmp_path: Path) -> None:
    code = """
import shutil
from pathlib import Path
Path("changed").write_text("after!")
shutil.copy2("kept", "copied")
"""
    program = _program(tmp_path, code, writes=(".",))
    for name in ("kept", "changed"):
        (program.folder / name).write_text("before")
    postman = Postman()
    (program.folder / "kept").chmod(0o600)  # what comes back has other rights
    assert _run(postman, program).ok
    assert (program.folder / "kept").stat().st_mode & 0o777 == 0o600
    assert (program.folder / "changed").read_text() == "after!"
    assert (program.folder / "copied").read_text() == "before"


def test_a_run_that_leaves_a_link_has_failed_and_is_told_so(tmp_path: Path) -> None:
    done = _run(Postman(), _program(tmp_path, "import os; os.symlink('/etc', 'run_1/way_out')"))
    assert not done.ok
    assert "because run_1/way_out is a link or no plain file" in done.problem


def test_a_folder_in_a_files_place_is_the_programs_own_failure(tmp_path: Path) -> None:
    code = "import os; os.remove('note'); os.mkdir('note'); open('note/x', 'w')"
    program = _program(tmp_path, code, writes=(".",))
    (program.folder / "note").write_text("here")
    done = _run(Postman(), program)
    assert "it put a folder in a file's place, or a file in a folder's (note/x)" in done.problem
    assert (program.folder / "note").read_text() == "here"


def test_a_lost_machine_has_its_program_run_again(tmp_path: Path) -> None:
    postman = Postman(losses=2)
    assert _run(postman, _program(tmp_path, "print('done')")).output == "done\n"
    assert len(postman.parcels) == 3
    assert [line.endswith("was lost (the power went); it runs again") for line in postman.said[:2]]
    with pytest.raises(BonsaiError, match="3 machines were lost under the same program"):
        _run(Postman(losses=9), _program(tmp_path, ""))


def test_a_program_that_fails_by_its_own_fault_runs_once(tmp_path: Path) -> None:
    postman = Postman()
    assert not _run(postman, _program(tmp_path, "import os; os.kill(os.getpid(), 9)")).ok
    assert len(postman.parcels) == 1


def test_a_machine_without_walls_refuses_or_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bonsai.execution.sandbox.problem", lambda: "bubblewrap is not there")
    node, postman = os.uname().nodename, Postman()
    for _ in range(2):
        assert _run(postman, _program(tmp_path, "")).where == f"no walls on {node}"
    assert postman.said == [f"warning: {node}: bubblewrap is not there"]
    postman._mode = "require"
    with pytest.raises(BonsaiError, match=f"on {node}: --sandbox require: bubblewrap is not there"):
        _run(postman, _program(tmp_path, ""))


def test_a_machine_without_the_data_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit_data._arrays.cache_clear()
    monkeypatch.setenv("BONSAI_DATA", str(tmp_path / "empty"))
    monkeypatch.setattr(kit_data, "PACKAGES", {})
    monkeypatch.setattr(torchvision().datasets.FashionMNIST, "mirrors", ["http://127.0.0.1:9/"])
    with pytest.raises(BonsaiError, match=f"on {os.uname().nodename}: FashionMNIST is not in"):
        _run(Postman(), _program(tmp_path, "", data="FashionMNIST"))


def test_a_machine_with_another_version_is_named(tmp_path: Path) -> None:
    parcel = Parcel(_program(tmp_path, ""), b"", "auto", version="0.0")
    assert "install the same on every machine" in work(parcel).reason  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["ray", "submitit"])
def test_a_missing_package_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    chosen = {"ray": "ray", "submitit": "slurm"}[name]
    with pytest.raises(BonsaiError) as raised:
        make_executor(
            chosen, threads=1, gpus_per_run=None, sandbox="auto", address=None, slurm={},
            jobs=tmp_path, say=print,
        )  # fmt: skip
    assert str(raised.value) == (
        f"--executor {chosen} needs the package {name}: pip install 'bonsai-experiments[{chosen}]'"
    )


# --- GPUs of this machine -----------------------------------------------------------------------

SHOW_GPUS = "import os; print(os.environ.get('CUDA_VISIBLE_DEVICES'))"


def _seen(executor: LocalExecutor, tmp_path: Path, programs: int) -> list[str]:
    """What programs that run side by side see as their GPUs."""
    code = SHOW_GPUS + "; import time; time.sleep(0.3)"
    seen: list[str] = []

    def one(number: int) -> None:
        done = _run(executor, _program(tmp_path / str(number), code))
        seen.append(done.output.strip())

    threads = [threading.Thread(target=one, args=(number,)) for number in range(programs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(seen)


def test_each_run_has_a_gpu_of_its_own(tmp_path: Path) -> None:
    assert _seen(LocalExecutor(["0", "1"]), tmp_path, 2) == ["0", "1"]


def test_runs_share_a_gpu_where_a_fraction_is_asked_for(tmp_path: Path) -> None:
    assert _seen(LocalExecutor(["4", "7"], 0.5), tmp_path, 4) == ["4", "4", "7", "7"]


@pytest.mark.parametrize(
    ("gpus", "per_run", "expected"),
    [(["0", "1", "2"], 2, "0,1"), (["0"], 0, ""), (["0"], 3, "0"), ([], 1, "None")],
)
def test_what_a_run_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    gpus: list[str], per_run: float, expected: str,
) -> None:  # fmt: skip
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert _seen(LocalExecutor(gpus, per_run), tmp_path, 1) == [expected]


def test_a_gpu_is_never_taken_twice_and_always_given_back() -> None:
    """A thousand loans by eight threads, of a third each."""
    pool = LocalExecutor(["a", "b"], 1 / 3)._gpus
    most: dict[str, int] = {}
    now: dict[str, int] = {"a": 0, "b": 0}
    lock = threading.Lock()

    def borrow() -> None:
        for _ in range(125):
            with pool.lend(threading.Event()) as variables:
                gpu = variables["CUDA_VISIBLE_DEVICES"]
                with lock:
                    now[gpu] += 1
                    most[gpu] = max(most.get(gpu, 0), now[gpu])
                time.sleep(0)
                with lock:
                    now[gpu] -= 1

    threads = [threading.Thread(target=borrow) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {"a", "b"}
    assert max(most.values()) <= 3
    assert not any(pool._taken.values())


def test_who_waits_for_a_gpu_can_be_cancelled() -> None:
    pool, cancel = LocalExecutor(["0"])._gpus, threading.Event()
    threading.Timer(0.1, cancel.set).start()
    with pool.lend(threading.Event()), pytest.raises(execute.Cancelled), pool.lend(cancel):
        pass


@pytest.mark.parametrize(
    ("variable", "expected"),
    [(None, ["0", "1", "2"]), ("1,2", ["1", "2"]), ("", []), ("-1", []), ("GPU-ab", ["GPU-ab"])],
)
def test_only_gpus_that_this_process_may_use_are_handed_out(
    monkeypatch: pytest.MonkeyPatch, variable: str | None, expected: list[str]
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)
    monkeypatch.setattr("bonsai.execution.executors.local.GPU_DEVICES", ("/dev/null",))
    if variable is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)
    assert visible_gpus() == expected


# --- sweeps with whole-file cassettes: quick, and the same each time ----------------------------


def _toy_that_pauses(
    folder: Path, ideas: tuple[str, ...], *, pause: float = 0.0, baseline_pause: float = 0.0
) -> Path:
    """A copy of the toy whose runs sleep for seconds, played back to the agent `rewrite`."""
    toy = sweeps.copy_of_toy(folder.parent).rename(folder)
    baseline = (
        (toy / "experiment.py")
        .read_text()
        .replace(
            "    ridge: float",
            f"    pause: float = {baseline_pause}  # seconds of sleep\n    ridge: float",
        )
        .replace("    return [train_one", "    time.sleep(config.pause)\n    return [train_one")
        .replace("from dataclasses", "import time\nfrom dataclasses")
        .replace('smoke={"images": 40}', 'smoke={"images": 40, "pause": 0.0}')
    )
    (toy / "experiment.py").write_text(baseline)
    shutil.rmtree(toy / "cassettes")
    for number, name in enumerate(ideas):
        edited = baseline.replace(f"pause: float = {baseline_pause}", f"pause: float = {pause}")
        edited = edited.replace("images: int = 60", f"images: int = {300 + number}")
        replies = {
            "01-plan": "notes.txt\n````\n# Notes\n\n## Plan\nMore images.\n````\n",
            "02-edit": f"experiment.py\n````\n{edited}````\n",
            "03-write_up": f"notes.txt\n````\n# Notes\nMore images help: {name}.\n````\n",
        }
        cassette = toy / "cassettes" / name
        cassette.mkdir(parents=True)
        for step, reply in replies.items():
            (cassette / f"{step}.md").write_text(reply)
    return toy


def _settings(toys: list[Path], ideas: tuple[str, ...], **options: object) -> Settings:
    every = {idea.Name: idea for idea in Template(sweeps.TOY).ideas}
    chosen = [every[name] for name in ideas]
    asked = [Assignment(template=str(toy), ideas=chosen) for toy in toys]
    fixed = {"agent": "rewrite", "max_runs": 1, "confirm_seeds": 0, "first_fresh_seed": 1000}
    return Settings(assignments=asked, **{**fixed, **options})  # type: ignore[arg-type]


def _begun(settings: Settings, results: Path) -> Path:
    results.mkdir()
    settings.save(results)
    return results


STORY = [
    *(
        ("start", True),
        ("plan", True),
        ("claims", True),
        ("edit", True),
        ("smoke", True),
        ("run", True),
    ),
    *(("write_up", True), ("plots", True), ("end", True)),
]


def _expected(images: int) -> list[float]:
    """The test accuracy of a run of the toy over seeds 0 and 1, computed in this process."""
    specification = spec_from_file_location("toy_experiment", sweeps.TOY / "experiment.py")
    assert specification and specification.loader
    toy = module_from_spec(specification)
    sys.modules["toy_experiment"] = toy  # dataclasses look there
    specification.loader.exec_module(toy)
    outcomes = toy.train(toy.Config(images=images), kit.load_images("digits"), [0, 1])
    truth = kit.load_truth("digits")
    return [100.0 * (outcome.values["test"] == truth.test_labels).mean() for outcome in outcomes]


# --- a real Ray cluster of three nodes on this machine ------------------------------------------


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Three nodes of one CPU each; all their processes are gone in the end."""
    place = Path(tempfile.mkdtemp(prefix="ray-"))  # short: sockets lie in it
    patch = pytest.MonkeyPatch()
    for name, value in QUIET.items():
        patch.setenv(name, value)
    patch.setenv("RAY_TMPDIR", str(place))  # where it writes its address, and makes no folder
    (place / "ray").mkdir()
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}
    nodes = Cluster(initialize_head=True, head_node_args={**node, "temp_dir": str(place)})
    try:
        for _ in range(2):
            nodes.add_node(**node)
        yield nodes
    finally:
        ours = psutil.Process().children(recursive=True)
        nodes.shutdown()
        patch.undo()
        _, alive = psutil.wait_procs(ours, timeout=10)
        shutil.rmtree(place, ignore_errors=True)
        assert not alive, "nothing of the cluster is left"


@pytest.fixture
def executor(cluster: Any) -> Iterator[RayExecutor]:
    joined = RayExecutor(cluster.address, threads=1, say=print)
    yield joined
    joined.close()


def test_a_machine_that_has_begun_and_never_answers_counts_as_lost(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(parcel: Any) -> Iterator[str]:
        yield ""
        time.sleep(600)

    monkeypatch.setattr(ray_executor, "_task", silent)
    monkeypatch.setattr(ray_executor, "MORE_SECONDS", 0.5)
    monkeypatch.setattr(ray_executor, "CANCEL_SECONDS", 1.0)
    joined = RayExecutor(cluster.address, threads=1, say=print)
    started = time.monotonic()
    try:
        parcel = Parcel(replace(_program(tmp_path, ""), seconds=0.5), b"", "auto")
        with pytest.raises(MachineLost, match="it does not answer"):
            joined.send(parcel, None, threading.Event())
    finally:
        joined.close()
    assert time.monotonic() - started < 30


def _processes_with(*words: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            line = process.cmdline()
            if process.status() != psutil.STATUS_ZOMBIE and all(word in line for word in words):
                found.append(process)
    return found


def _soon(what: Callable[[], Any], seconds: float) -> Any:
    """What `what` gives, once it gives something."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


def _nodes_at_work(cluster: Any, *words: str) -> list[Any]:
    """The nodes below which a program with these arguments runs."""
    found = []
    for node in cluster.list_all_nodes():
        with contextlib.suppress(psutil.Error):
            raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
            below = set(raylet.children(recursive=True))
            if below & set(_processes_with(*words)):
                found.append(node)
    return found


def test_a_sweep_is_stopped_and_resumed_and_outlives_a_node_of_its_cluster(
    cluster: Any, tmp_path: Path
) -> None:
    ideas = ("more_images", "changes_nothing")
    toy = _toy_that_pauses(tmp_path / "toy", ideas, pause=8.0)  # to be met in the middle
    options = {"executor": "ray", "address": cluster.address, "workers": None}
    results = _begun(_settings([toy], ideas, **options), tmp_path / "res")
    words = ("experiment.py", "--out_dir", "run_1")
    with sweeps.start("resume", "res", cwd=tmp_path) as process:
        _soon(lambda: _nodes_at_work(cluster, *words), 120)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Go on with: bonsai resume" in output
    assert "Traceback" not in errors
    assert not _nodes_at_work(cluster, *words), "what ran is killed"

    with sweeps.start("resume", "res", cwd=tmp_path) as process:
        lost = _soon(lambda: set(_nodes_at_work(cluster, *words)) - {cluster.head_node}, 120)
        cluster.remove_node(lost.pop(), allow_graceful=False)
        output, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    assert "the machine that ran experiment.py --out_dir run_1 was lost" in output
    assert output.count("it runs again") == 1
    walls = "bubblewrap" if sandbox.problem() is None else "no walls"
    for number, idea in enumerate(ideas):
        entries = [entry for entry in sweeps.entries(results, idea) if entry.index >= 0]
        assert sweeps.story(entries) == STORY, "as it would be on one machine"
        [run] = [entry for entry in entries if entry.step == "run"]
        assert run.data["scores"]["per_seed"]["test_accuracy"] == pytest.approx(
            _expected(300 + number)
        )
        assert run.data["where"] == f"{walls} on {os.uname().nodename}"
        workspace = results / "toy" / idea / "workspace"
        assert (workspace / "run_1" / "outcome_seed_1.npz").is_file()
        assert (workspace / "accuracy.png").is_file()
    assert "Traceback" not in errors


def test_limits_hold_on_the_worker(executor: RayExecutor, tmp_path: Path) -> None:
    code = "a = []\nwhile True: a.append(bytearray(50_000_000))"
    done = _run(executor, _program(tmp_path, code, limits=Limits(memory_gb=0.3)))
    assert "GB of memory, of 0.3 GB at most" in done.problem


def test_cancelling_kills_on_the_worker(executor: RayExecutor, tmp_path: Path) -> None:
    cancel, token = threading.Event(), uuid.uuid4().hex
    program = _program(tmp_path, "import time; time.sleep(60)")
    program = replace(program, arguments=(*program.arguments, token))

    def when_it_runs() -> None:
        _soon(lambda: _processes_with(token), 30)
        cancel.set()

    threading.Thread(target=when_it_runs).start()
    with pytest.raises(execute.Cancelled):
        _run(executor, program, cancel)
    assert not _processes_with(token)


def test_a_cluster_on_which_nothing_fits_is_refused(cluster: Any) -> None:
    with pytest.raises(BonsaiError, match="no machine of the Ray cluster has the 2 CPUs"):
        RayExecutor(cluster.address, threads=2, say=print)


# --- Slurm's jobs, on this machine --------------------------------------------------------------


def test_a_job_of_submitit_brings_back_what_it_wrote(tmp_path: Path) -> None:
    executor = SlurmExecutor(tmp_path / "jobs", threads=1, say=print, cluster="local")
    heard: list[str] = []
    code = "import time; print('at work', flush=True); time.sleep(2); open('run_1/x', 'w')"
    program = _program(tmp_path, code)
    done = executor.run(program, tmp_path / "log", on_line=heard.append, cancel=threading.Event())
    assert done.ok, done.error
    assert (program.folder / "run_1" / "x").exists()
    assert "at work" in heard
    assert not list((tmp_path / "jobs").glob("*.pkl")), "parcels do not pile up"


def test_a_job_of_submitit_can_be_cancelled(tmp_path: Path) -> None:
    executor = SlurmExecutor(tmp_path / "jobs", threads=1, say=print, cluster="local")
    cancel, token = threading.Event(), uuid.uuid4().hex
    program = _program(tmp_path, "import time; time.sleep(60)")
    program = replace(program, arguments=(*program.arguments, token))

    def when_it_runs() -> None:
        _soon(lambda: _processes_with(token), 30)
        cancel.set()

    threading.Thread(target=when_it_runs).start()
    with pytest.raises(execute.Cancelled):
        _run(executor, program, cancel)
    _soon(lambda: not _processes_with(token), 5)


def test_without_slurm_one_sentence_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BonsaiError, match=r"--executor slurm: .* Run this where `srun` and"):
        SlurmExecutor(tmp_path, threads=1, say=print)


# --- side by side on one machine ----------------------------------------------------------------


@pytest.fixture(scope="module")
def side_by_side(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a sweep over two templates with two workers; one baseline takes its time."""
    home = tmp_path_factory.mktemp("two")
    ideas = ("more_images",)
    toys = [
        _toy_that_pauses(home / "slow", ideas, baseline_pause=4.0),
        _toy_that_pauses(home / "quick", ideas),
    ]
    for path in home.glob("*/cassettes/*/0[23]-*.md"):  # it ends after its plan: that is enough
        path.unlink()
    results = _begun(_settings(toys, ideas, workers=2), home / "res")
    done = sweeps.run("resume", "res", cwd=home)
    assert done.returncode == 0, done.stderr
    return results


def _entry(results: Path, template: str, idea: str, step: str) -> Entry:
    every = sweeps.entries(results, idea)
    return next(entry for entry in every if (entry.template, entry.step) == (template, step))


def test_baselines_are_built_side_by_side_and_first(side_by_side: Path) -> None:
    slow, quick = (_entry(side_by_side, name, "", "baseline") for name in ("slow", "quick"))
    assert slow.time - slow.seconds < quick.time < slow.time
    first = sweeps.entries(side_by_side)[0]
    assert (first.template, first.step) == ("quick", "baseline")


def test_ideas_wait_for_their_own_baseline_and_for_no_other(side_by_side: Path) -> None:
    slow = _entry(side_by_side, "slow", "", "baseline")
    assert _entry(side_by_side, "quick", "more_images", "start").time < slow.time
    assert _entry(side_by_side, "slow", "more_images", "start").time > slow.time


def test_the_order_of_results_does_not_depend_on_timing(side_by_side: Path, tmp_path: Path) -> None:
    """The ledger in ten other orders, each as it could have been: one and the same story."""
    copy = Path(shutil.copytree(side_by_side, tmp_path / "res"))
    fault = {"step": "fault", "index": NO_STEP, "ok": False, "message": "the disk was full"}
    ledger = Ledger(copy / "ledger.jsonl")
    for template, idea in (("quick", "more_images"), ("slow", ""), ("slow", "more_images")):
        ledger.append(template=template, idea=idea, **{**fault, "data": {"kind": idea or "disk"}})
    lines = (copy / "ledger.jsonl").read_text().splitlines(keepends=True)
    told = set()
    for seed in range(10):
        (copy / "ledger.jsonl").write_text("".join(_as_it_could_have_been(lines, seed)))
        told.add(markdown.describe(report.gather(summarise(copy), now=0.0)))
    [text] = told
    assert text.index("## slow") < text.index("## quick"), "as they were asked for"
    assert "the disk was full" in text


def _as_it_could_have_been(lines: list[str], seed: int) -> Iterator[str]:
    """The lines in another order that keeps that of each idea."""
    waiting: dict[tuple[str, str], list[str]] = {}
    for line in lines:
        entry = json.loads(line)
        waiting.setdefault((entry["template"], entry["idea"]), []).append(line)
    rng = random.Random(seed)
    while waiting:
        name = rng.choice(sorted(waiting))
        yield waiting[name].pop(0)
        if not waiting[name]:
            del waiting[name]
