"""Running foreign code: limits hold, everything is killed, nothing of ours leaks in."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from bonsai import execute


def _python(
    tmp_path: Path, code: str, seconds: float = 20.0, **options: object
) -> execute.Execution:
    (tmp_path / "code.py").write_text(code)
    return execute.python(
        ["code.py"],
        folder=tmp_path,
        log=tmp_path / "logs" / "code",
        seconds=seconds,
        **options,  # type: ignore[arg-type]
    )


def _gone(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


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


def test_the_time_limit_kills(tmp_path: Path) -> None:
    started = time.monotonic()
    done = _python(tmp_path, "while True: pass", seconds=0.5)
    assert done.timed_out
    assert not done.ok
    assert time.monotonic() - started < 5


CHILD = (
    "import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', {code!r}]{extra})"
)
LEFT_BEHIND = [
    pytest.param(", stdout=subprocess.DEVNULL", id="a child"),
    pytest.param(", start_new_session=True", id="a child in a session of its own"),
]


@pytest.mark.parametrize("extra", LEFT_BEHIND)
@pytest.mark.parametrize(
    "ending", ["time.sleep(60)", "pass"], ids=["at the limit", "after its end"]
)
def test_no_child_survives(tmp_path: Path, extra: str, ending: str) -> None:
    code = CHILD.format(code="import time; time.sleep(60)", extra=extra)
    _python(tmp_path, f"{code}; print(p.pid, flush=True); {ending}", seconds=1.5)
    pid = int((tmp_path / "logs" / "code.out").read_text())
    assert _gone(pid)


def test_an_orphan_of_an_orphan_is_found_by_its_mark(tmp_path: Path) -> None:
    code = (
        "import os, sys, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        print(os.getpid(), flush=True)\n"
        "        time.sleep(60)\n"
        "    os._exit(0)\n"
        "time.sleep(0.5)\n"
    )
    assert _python(tmp_path, code).ok
    assert _gone(int((tmp_path / "logs" / "code.out").read_text()))


def test_what_a_killed_runner_left_behind_is_ended_by_the_next_one(tmp_path: Path) -> None:
    runner = (
        "import pathlib, sys; from bonsai import execute\n"
        "here = pathlib.Path(sys.argv[1])\n"
        "execute.python(['-c', 'import os, time; print(os.getpid(), flush=True); time.sleep(99)'],"
        " folder=here, log=here / 'orphan', seconds=99)"
    )
    out = tmp_path / "orphan.out"
    with subprocess.Popen([sys.executable, "-c", runner, str(tmp_path)]) as process:
        deadline = time.monotonic() + 60
        while not (out.exists() and out.read_text().endswith("\n")) and time.monotonic() < deadline:
            time.sleep(0.02)
        orphan = int(out.read_text())
        execute.kill_orphans()
        assert psutil.pid_exists(orphan), "its runner lives"
        process.kill()
    execute.kill_orphans()
    assert _gone(orphan)


def test_no_secret_of_the_runners_environment_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy")
    done = _python(tmp_path, "import os; print(dict(os.environ))")
    assert "secret" not in done.output


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
