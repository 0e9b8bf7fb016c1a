"""Running foreign code: limits hold, everything is killed, nothing of ours leaks in."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import psutil
import pytest

from bonsai.execution import execute, processes, sandbox
from bonsai.execution.execute import Execution, Program
from bonsai.templates.contract import Limits

WALLS = [
    pytest.param(False, id="no walls"),
    pytest.param(
        True, id="walls", marks=pytest.mark.skipif(bool(sandbox.problem()), reason="no bubblewrap")
    ),
]
both = pytest.mark.parametrize("walls", WALLS)


def _python(
    tmp_path: Path,
    code: str,
    *,
    seconds: float = 20.0,
    limits: Limits | None = None,
    threads: int = 1,
    walls: bool = False,
    token: str = "",
    **options: object,
) -> Execution:
    folder = tmp_path / "work"
    folder.mkdir(exist_ok=True)
    (folder / "code.py").write_text(code)
    program = Program(("code.py", token), folder, seconds, limits or Limits(), threads, walls)
    return execute.run(program, tmp_path / "logs" / "code", **options)  # type: ignore[arg-type]


def _gone(token: str) -> bool:
    """Whether no process has `token` in its command line, after a moment at most."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if not any(token in part for part in _command_lines()):
            return True
        time.sleep(0.05)
    return False


def _command_lines() -> list[str]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
    return found


def test_a_good_end(tmp_path: Path) -> None:
    done = _python(tmp_path, "import sys; print('out'); print('err', file=sys.stderr)")
    assert done.ok
    assert done.output == "out\n"
    assert done.error == "err\n"
    assert (tmp_path / "logs" / "code.out").read_text() == "out\n"


def test_a_bad_end_keeps_the_end_of_stderr(tmp_path: Path) -> None:
    done = _python(tmp_path, "print('x' * 99999); raise ValueError('the useful part')")
    assert not done.ok
    assert done.code == 1
    assert done.error.endswith("ValueError: the useful part\n")
    assert len(done.output) <= execute.TAIL_BYTES


@both
def test_the_time_limit_kills(tmp_path: Path, walls: bool) -> None:
    started = time.monotonic()
    done = _python(tmp_path, "while True: pass", seconds=0.5, walls=walls)
    assert not done.ok
    assert done.problem.startswith("was killed because its time limit of 0 s was over")
    assert time.monotonic() - started < 5


@both
def test_a_signal_is_named(tmp_path: Path, walls: bool) -> None:
    done = _python(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", walls=walls)
    assert done.code == -11
    assert done.problem.startswith("was ended by signal 11 SIGSEGV")


CHILD = (
    "import subprocess, sys, time\n"
    "code = 'import time; time.sleep(60)'\n"
    "subprocess.Popen([sys.executable, '-c', code, '{token}']{extra})\n"
    "time.sleep(0.3)\n"
)
LEFT_BEHIND = [
    pytest.param(", stdout=subprocess.DEVNULL", id="a child"),
    pytest.param(", start_new_session=True", id="a child in a session of its own"),
]


@both
@pytest.mark.parametrize("extra", LEFT_BEHIND)
@pytest.mark.parametrize(
    "ending", ["time.sleep(60)", "pass"], ids=["at the limit", "after its end"]
)
def test_no_child_survives(tmp_path: Path, extra: str, ending: str, walls: bool) -> None:
    token = uuid.uuid4().hex
    _python(tmp_path, CHILD.format(token=token, extra=extra) + ending, seconds=1, walls=walls)
    assert _gone(token)


@both
def test_an_orphan_of_an_orphan_is_found(tmp_path: Path, walls: bool) -> None:
    token = uuid.uuid4().hex
    child = CHILD.format(token=token, extra=", start_new_session=True").replace("\n", "\n        ")
    code = (
        "import os, sys, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        f"        {child}\n"
        "    os._exit(0)\n"
        "time.sleep(0.5)\n"
    )
    assert _python(tmp_path, code, walls=walls).ok
    assert _gone(token)


DAEMON = (
    "import os, subprocess, sys, time\n"
    "code = 'import time; time.sleep(60)'\n"
    "if os.fork() == 0:\n"
    "    os.setsid()\n"
    "    subprocess.Popen([sys.executable, '-c', code, '{token}'], env={{}}, cwd='/')\n"
    "    os._exit(0)\n"
    "os.wait()\n"
)


@both
@pytest.mark.parametrize(
    "ending",
    [
        pytest.param("time.sleep(60)", id="at the limit"),
        pytest.param("", id="after its end"),
        pytest.param("os.kill(os.getpid(), 9)", id="after its death"),
        pytest.param("os.killpg(0, 9)", id="after it killed its group"),
    ],
)
def test_a_daemon_with_an_empty_environment_does_not_outlive_its_run(
    tmp_path: Path, ending: str, walls: bool
) -> None:
    token = uuid.uuid4().hex
    done = _python(tmp_path, DAEMON.format(token=token) + ending, seconds=1, walls=walls)
    assert done.stopped is not None if ending == "time.sleep(60)" else done.stopped is None
    assert done.code == (-9 if "kill" in ending else done.code)
    assert _gone(token)


def test_a_program_that_kills_its_supervisor_gains_nothing(tmp_path: Path) -> None:
    token = uuid.uuid4().hex
    code = DAEMON.format(token=token) + "time.sleep(0.6)\nos.kill(os.getppid(), 9)\ntime.sleep(60)"
    done = _python(tmp_path, code)
    assert not done.ok
    assert _gone(token)


def test_where_there_is_no_supervisor_the_tree_is_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on macOS: what was a descendant when one looked is known from then on."""
    monkeypatch.setattr(processes, "SUPERVISES", False)
    token = uuid.uuid4().hex
    slowly = DAEMON.format(token=token).replace("    os._exit", "    time.sleep(1)\n    os._exit")
    assert _python(tmp_path, slowly).ok
    assert _gone(token)


@both
def test_a_daemon_dies_with_the_runner_of_its_run(tmp_path: Path, walls: bool) -> None:
    token = uuid.uuid4().hex
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "code.py").write_text(DAEMON.format(token=token) + "time.sleep(60)")
    runner = (
        "import pathlib, sys\nfrom bonsai.execution.execute import Program, run\n"
        f"program = Program(('code.py',), pathlib.Path(sys.argv[1]) / 'work', 99, walls={walls})\n"
        "run(program, program.folder.parent / 'log')"
    )
    with subprocess.Popen([sys.executable, "-c", runner, str(tmp_path)]) as process:
        deadline = time.monotonic() + 60
        while not any(token in line for line in _command_lines()):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.kill()
    assert _gone(token)


def _own_control_groups() -> list[Path]:
    """Those of this process: the tests beside it have theirs."""
    ours = f"bonsai-{os.getpid()}:"
    return [path for path in processes.control_groups() if path.name.startswith(ours)]


def test_no_control_group_is_left_behind(tmp_path: Path) -> None:
    _python(tmp_path, DAEMON.format(token=uuid.uuid4().hex))
    assert not _own_control_groups()


def test_a_program_that_cannot_be_started_leaves_no_control_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):  # where its output would go
        execute.run(Program(("x.py",), tmp_path, 9), tmp_path / "file" / "log")
    assert not _own_control_groups()
    with pytest.raises(FileNotFoundError):  # its folder is not there
        execute.run(Program(("x.py",), tmp_path / "gone", 9, writes=()), tmp_path / "log")
    assert not _own_control_groups()
    monkeypatch.setattr(sys, "executable", "/no/such/python")  # nor what is to run it
    with pytest.raises(FileNotFoundError):
        execute.run(Program(("x.py",), tmp_path, 9), tmp_path / "log")
    assert not _own_control_groups()


TOO_MUCH = {
    "memory": (
        "a = []\nwhile True: a.append(bytearray(50_000_000))",
        {"memory_gb": 0.3},
        r"it took 0\.[3-9] GB of memory, of 0\.3 GB at most",
    ),
    "disk": (
        "i = 0\nwhile True:\n    open(f'f{i}', 'wb').write(bytes(900_000)); i += 1",
        {"disk_mb": 10},
        r"it wrote \d+ MB to disk, of 10 MB at most",
    ),
    "disk, in the folder for temporary files": (
        "import tempfile\nwhile True:\n    open(tempfile.mkstemp()[1], 'wb').write(bytes(900_000))",
        {"disk_mb": 10},
        r"it wrote \d+ MB to disk, of 10 MB at most",
    ),
    "processes": (
        "import subprocess, sys\n"
        "while True: subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(9)'])",
        {"tasks": 20},
        r"it had \d+ processes and threads, of 20 at most",
    ),
    "threads": (
        "import threading, time\n"
        "while True: threading.Thread(target=time.sleep, args=(9,)).start()",
        {"tasks": 20},
        r"it had \d+ processes and threads, of 20 at most",
    ),
    "output": ("while True: print('x' * 999)", {"output_mb": 2}, "it printed more than 2 MB"),
}


@both
@pytest.mark.parametrize("what", TOO_MUCH)
def test_a_limit_that_is_crossed_ends_the_program(tmp_path: Path, what: str, walls: bool) -> None:
    code, limits, expected = TOO_MUCH[what]
    started = time.monotonic()
    done = _python(tmp_path, code, limits=Limits(**limits), walls=walls)
    assert not done.ok
    assert re.search(expected, done.problem), done.problem
    assert time.monotonic() - started < 6
    written = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert written < 1e9


@both
def test_what_writes_without_end_is_stopped_within_two_seconds_of_its_quota(
    tmp_path: Path, walls: bool
) -> None:
    code = (
        "import itertools, time\n"
        "for i in itertools.count(1):\n"
        "    open(f'f{i}', 'wb').write(bytes(900_000))\n"
        "    if i == 12: print(time.monotonic(), flush=True)\n"  # one clock for all processes
    )
    done = _python(tmp_path, code, limits=Limits(disk_mb=10), walls=walls)
    assert "MB to disk, of 10 MB at most" in done.problem
    assert time.monotonic() - float(done.output) < 2


@both
def test_a_fork_bomb_is_put_out(tmp_path: Path, walls: bool) -> None:
    token = uuid.uuid4().hex
    # Under a name of its own: what is forked keeps the command line.
    code = "import os, time\nwhile True:\n    os.fork()\n    time.sleep(0.05)\n"
    done = _python(tmp_path, code, limits=Limits(tasks=60), walls=walls, token=token)
    assert "processes and threads, of 60 at most" in done.problem
    assert _gone(token)


def test_one_file_cannot_grow_past_the_disk_limit_even_for_a_moment(tmp_path: Path) -> None:
    code = "open('large', 'wb').write(bytes(30_000_000))"
    done = _python(tmp_path, code, limits=Limits(disk_mb=5))
    assert "File too large" in done.problem
    assert (tmp_path / "work" / "large").stat().st_size <= 5_000_000


@both
def test_what_a_killed_runner_left_behind_is_ended_by_the_next_one(
    tmp_path: Path, walls: bool
) -> None:
    token = uuid.uuid4().hex
    runner = (
        "import pathlib, sys\nfrom bonsai.execution.execute import Program, run\n"
        "here = pathlib.Path(sys.argv[1])\n"
        "code = 'import time; print(1, flush=True); time.sleep(99)'\n"
        f"program = Program(('-c', code, '{token}'), here, 99, walls={walls})\n"
        "run(program, here.parent / 'orphan')"
    )
    out = tmp_path / "orphan.out"
    (tmp_path / "work").mkdir()
    with subprocess.Popen([sys.executable, "-c", runner, str(tmp_path / "work")]) as process:
        deadline = time.monotonic() + 60
        while not (out.exists() and out.read_text()) and time.monotonic() < deadline:
            time.sleep(0.02)
        execute.kill_orphans()
        assert sum(token in line for line in _command_lines()) > 1, "its runner lives"
        process.kill()
    execute.kill_orphans()
    assert _gone(token)


def test_no_secret_of_the_runners_environment_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy")
    done = _python(tmp_path, "import os; print(dict(os.environ))")
    assert "sk-secret" not in done.output
    assert "user:secret" not in done.output


def test_threads_are_what_the_runner_says(tmp_path: Path) -> None:
    done = _python(tmp_path, "import os; print(os.environ['OMP_NUM_THREADS'])", threads=3)
    assert done.output == "3\n"


def test_cancelling_kills_at_once(tmp_path: Path) -> None:
    cancel = threading.Event()
    threading.Timer(0.4, cancel.set).start()
    started = time.monotonic()
    with pytest.raises(execute.Cancelled):
        _python(tmp_path, "import time; time.sleep(60)", cancel=cancel)
    assert time.monotonic() - started < 5


def test_progress_is_heard_while_it_runs(tmp_path: Path) -> None:
    heard: list[str] = []
    code = (
        "import time\nfor i in range(3):\n    print('step', i, flush=True)\n    time.sleep(0.3)\n"
    )
    _python(tmp_path, code, on_line=heard.append)
    assert "step 1" in heard
