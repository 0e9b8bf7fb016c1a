"""A figure that shows nothing is not saved, and the script is told; all else is as by itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAD = (
    "import sys\nimport matplotlib; matplotlib.use('Agg')\nfrom matplotlib import pyplot as plt\n"
)
EMPTY = {
    "a bare figure": "plt.figure(); plt.savefig('x.png')",
    "empty axes": "f, a = plt.subplots(2, 2); a[0, 0].set_title('t'); f.suptitle('T')\n"
    "f.savefig('x.png')",
    "axes with a grid": "f, a = plt.subplots(); a.grid(True); a.set_xlim(0, 5); f.savefig('x.png')",
    "a swallowed error": "f, a = plt.subplots()\ntry:\n    a.plot([1], undefined)\n"
                         "except Exception: pass\nf.savefig('x.png')",
    "an empty series": "f, a = plt.subplots(); a.set_xlabel('x'); a.legend([]); f.savefig('x.png')",
}  # fmt: skip
DRAWN = {
    "a line": "plt.plot([1, 2]); plt.savefig('x.png')",
    "bars": "plt.bar([1, 2], [3, 4]); plt.savefig('x.png')",
    "an image": "plt.imshow([[1, 2], [3, 4]]); plt.savefig('x.png')",
    "dots": "plt.scatter([1], [2]); plt.savefig('x.png')",
    "a table": "f, a = plt.subplots(); a.table([['1']]); f.savefig('x.png')",
    "a text": "f, a = plt.subplots(); a.text(0.5, 0.5, 'no results yet'); f.savefig('x.png')",
    "one panel of two": "f, a = plt.subplots(1, 2); a[1].plot([1, 2]); f.savefig('x.png')",
    "a subfigure": "f = plt.figure(); f.subfigures(1, 2)[1].subplots().plot([1, 2])\n"
    "f.savefig('x.png')",
    "a line at a level": "f, a = plt.subplots(); a.axhline(0.5); f.savefig('x.png')",
}


def _watched(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    (folder / "plot.py").write_text(HEAD + code)
    command = [sys.executable, "-m", "bonsai.kit.watched", "plot.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("kind", EMPTY)
def test_an_empty_figure_is_not_saved_and_that_is_said(tmp_path: Path, kind: str) -> None:
    done = _watched(tmp_path, EMPTY[kind])
    assert done.returncode == 0, done.stderr
    assert "x.png was not saved: nothing is drawn in it" in done.stderr
    assert not (tmp_path / "x.png").exists()


@pytest.mark.parametrize("kind", DRAWN)
def test_whatever_shows_something_is_saved(tmp_path: Path, kind: str) -> None:
    done = _watched(tmp_path, DRAWN[kind])
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "x.png").stat().st_size > 1000


def test_an_error_is_told_as_the_script_itself_would_tell_it(tmp_path: Path) -> None:
    done = _watched(tmp_path, "def draw():\n    1 / 0\ndraw()\n")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert 'File "plot.py", line 6, in <module>' in done.stderr
    assert "runpy" not in done.stderr
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_the_script_is_main_and_gets_its_arguments_and_exit_code(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("VALUE = 7\n")
    done = _watched(
        tmp_path,
        "from helper import VALUE\nprint(__name__, sys.argv, VALUE)\nraise SystemExit(3)",
    )
    assert done.returncode == 3
    assert done.stdout == "__main__ ['plot.py'] 7\n"
