"""The package as people get it: built, installed into an environment of its own, used elsewhere.

The environment borrows the packages that these tests run with, so that nothing is downloaded; of
Bonsai it has the wheel alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import sysconfig
import tarfile
import time
import venv
import zipfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import bonsai
from bonsai.engines import ENGINES
from tests import sweeps

slow = pytest.mark.slow
PYTHONS = ("3.10", "3.11", "3.12")
TINY = {
    "digits_again": "tiny_subjects.digits_again",
    "renamed": "tiny_subjects.digits_again",
    "fashion_mnist": "tiny_subjects.fashion_mnist",
    "gone": "tiny_subjects.nowhere",
    "of_another": "no_such_package",
    "with_object": "tiny_subjects.digits_again:thing",
}


def test_the_version_is_the_same_wherever_it_is_written() -> None:
    changelog = (sweeps.REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    citation = (sweeps.REPOSITORY / "CITATION.cff").read_text(encoding="utf-8")
    released = re.findall(r"^## \[(\d[^\]]*)\] - (\S+)$", changelog, re.M)
    cited = re.search(r"^version: (\S+)$", citation, re.M)
    dated = re.search(r'^date-released: "(\S+)"$', citation, re.M)
    assert cited and dated
    assert released[0] == (bonsai.__version__, dated.group(1))
    assert cited.group(1) == bonsai.__version__


def test_every_pin_can_be_had_by_every_python_that_is_promised() -> None:
    """But for pins that a marker keeps to newer ones; where a package says what it needs."""
    pins = (sweeps.REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    refused = []
    for requirement in (Requirement(pin) for pin in pins if not pin.startswith("#")):
        try:
            needed = metadata.metadata(requirement.name).get("Requires-Python")
        except metadata.PackageNotFoundError:
            continue
        for version in PYTHONS:
            marker = requirement.marker
            if marker and not marker.evaluate({"python_version": version}):
                continue
            if needed and not SpecifierSet(needed).contains(f"{version}.99"):
                refused.append(f"{requirement} on {version}")
    assert not refused


def test_the_readme_promises_the_pythons_that_the_package_asks_for() -> None:
    text = (sweeps.REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^requires-python = "(.*)"$', text, re.M)
    assert found
    admitted = [v for v in (f"3.{n}" for n in range(6, 20)) if SpecifierSet(found[1]).contains(v)]
    assert admitted == list(PYTHONS)
    readme = (sweeps.REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert f"Python {PYTHONS[0]} to {PYTHONS[-1]}" in readme


@dataclass(frozen=True)
class Built:
    """What a release consists of, and the sources that it was built from."""

    source: Path
    sdist: Path
    wheel: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """An sdist and a wheel, from a copy of the repository in which somebody has worked."""
    source = tmp_path_factory.mktemp("source")
    for name in _sources():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(sweeps.REPOSITORY / name, source / name)
    template = source / "templates" / "fashion_mnist"
    for name in ("run_0/final_info.json", "curves.png", "__pycache__/score.cpython-311.pyc",
                 ".run_0-x/log", ".aider.chat.history.md"):  # fmt: skip
        (template / name).parent.mkdir(exist_ok=True)
        (template / name).write_text("left behind")
    stale = source / "build" / "lib" / "bonsai" / "pack" / "templates" / "gone" / "experiment.py"
    stale.parent.mkdir(parents=True)
    stale.write_text("# of an earlier build")
    sdist, wheel = (_build(kind, source, source / "dist") for kind in ("sdist", "wheel"))
    return Built(source, sdist, wheel)


def _sources() -> list[str]:
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=sweeps.REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [name for name in done.stdout.splitlines() if (sweeps.REPOSITORY / name).is_file()]


def _build(kind: str, source: Path, out: Path) -> Path:
    """Build an sdist or a wheel, by the hooks that pip and build call."""
    out.mkdir(exist_ok=True)
    program = (
        "import sys; from setuptools import build_meta; "
        f"print(); print(build_meta.build_{kind}(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(out)], cwd=source, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return out / done.stdout.strip().splitlines()[-1]


def _names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@slow
def test_the_wheel_holds_all_that_is_ours_and_nothing_of_what_was_left_behind(built: Built) -> None:
    inside = {name for name in _names(built.wheel) if ".dist-info/" not in name}
    wanted = set()
    for name in _sources():
        top = name.split("/")[0]
        if top in ("templates", "seed_ideas", "prompt.json"):
            wanted.add(f"bonsai/pack/{name}")
        elif top == "bonsai":
            wanted.add(name)
    assert inside == wanted
    assert any("/cassettes/" in name for name in inside)


@slow
def test_the_sdist_builds_the_same_wheel(built: Built, tmp_path: Path) -> None:
    with tarfile.open(built.sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    again = _build("wheel", source, tmp_path / "dist")
    assert _names(again) == _names(built.wheel)
    for name in ("runner.py", "plot.py", "tests/test_package.py", "CHANGELOG.md"):
        assert (source / name).is_file()


@dataclass(frozen=True)
class Installation:
    """An environment with the wheel, and an empty folder to stand in."""

    folder: Path
    here: Path

    @property
    def packages(self) -> Path:
        """Its site-packages."""
        (found,) = self.folder.glob("lib/python*/site-packages")
        return found

    def program(self, name: str, *arguments: str) -> list[str]:
        """The command line of one of its programs."""
        return [str(self.folder / "bin" / name), *arguments]

    def environment(self) -> dict[str, str]:
        """Without what would lead to the checkout."""
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return kept | {
            "COLUMNS": "200",
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        }

    def call(
        self, *command: str, code: int = 0, cwd: Path | None = None, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Give a command in the empty folder; it ends with this exit code."""
        done = subprocess.run(
            self.program(*command), cwd=cwd or self.here, env=self.environment() | more,
            capture_output=True, text=True, timeout=400, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
        return done

    def fingerprint(self) -> dict[str, str]:
        """Every file of the installed packages, with its hash."""
        return {
            str(path.relative_to(self.packages)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in self.packages.rglob("*")
            if path.is_file()
        }


@pytest.fixture(scope="module")
def environment(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel and a tiny package that offers templates, installed and then read-only."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    packages = next(folder.glob("lib/python*/site-packages"))
    # A path that a .pth file adds brings packages, and not the .pth files within it: not the link
    # to the checkout.
    borrowed = {sysconfig.get_path(kind) for kind in ("purelib", "platlib")}
    (packages / "borrowed.pth").write_text("\n".join(sorted(borrowed)))
    tiny = _build("wheel", _tiny_package(tmp_path_factory.mktemp("tiny")), folder / "wheels")
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install",
         "--quiet", "--no-index", "--no-deps", str(built.wheel), str(tiny)],
        check=True,
    )  # fmt: skip
    for path in (*packages.rglob("*"), packages):
        path.chmod(path.stat().st_mode & ~0o222)
    return folder


def _tiny_package(source: Path) -> Path:
    """A package of somebody else with templates; to import it is a mistake."""
    package = source / "tiny_subjects"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('a package was imported to list it')")
    for name in ("digits_again", "fashion_mnist"):
        shutil.copytree(sweeps.TOY, package / name, ignore=shutil.ignore_patterns("__pycache__"))
    points = "\n".join(f'{name} = "{target}"' for name, target in TINY.items())
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "tiny-subjects"\nversion = "1.2"\n'
        f'[project.entry-points."bonsai.templates"]\n{points}\n'
        '[tool.setuptools]\npackages = ["tiny_subjects"]\n'
        '[tool.setuptools.package-data]\ntiny_subjects = ["**/*"]\n'
    )
    return source


@pytest.fixture
def installed(environment: Path, tmp_path: Path) -> Installation:
    here = tmp_path / "empty folder"
    here.mkdir()
    return Installation(environment, here)


@slow
def test_the_package_is_the_wheels_and_its_environment_is_sound(installed: Installation) -> None:
    found = installed.call("python", "-c", "import bonsai; print(bonsai.__file__)").stdout.strip()
    assert Path(found).is_relative_to(installed.packages)
    assert installed.call("bonsai", "--version").stdout == f"bonsai {bonsai.__version__}\n"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(installed.folder / "bin" / "python"),
         "check"],
        check=True, env=installed.environment(),
    )  # fmt: skip


@slow
def test_what_can_be_done_in_an_empty_folder_and_nothing_is_written_into_the_package(
    installed: Installation,
) -> None:
    before = installed.fingerprint()

    listed = installed.call("bonsai", "list").stdout
    assert all(path.name in listed for path in sweeps.REPOSITORY.glob("templates/*")), listed
    _sweep_begins(installed)

    examined = installed.call("bonsai", "doctor", "fashion_mnist", "--fix").stdout
    assert "no run_0: it lies in an installed package" in " ".join(examined.split())
    assert "run_0 was not made" in examined

    made = installed.call("bonsai", "baseline", "digits_again", "--seeds", "0")
    run_0 = installed.here / "baselines" / "digits_again" / "run_0"
    assert str(run_0) in made.stdout
    assert "nothing is written" in made.stdout
    assert "digits" in json.loads((run_0 / "final_info.json").read_text())

    new = installed.call("bonsai", "new", "my_subject").stdout
    assert "lies in the current one" in new
    assert (installed.here / "my_subject" / "experiment.py").is_file()

    ideas = "seed_ideas/measurement.json"  # one that comes with Bonsai
    refused = installed.call("bonsai", "run", "my_subject", "--ideas", ideas, code=2)
    assert "none of these ideas has a cassette" in refused.stderr
    assert "ideas\n" in installed.call("bonsai", "ideas", "check", ideas).stdout

    for engine in ENGINES:
        export = ("bonsai", "export", "fashion_mnist", f"for_{engine}", "--data", "mini")
        told = installed.call(*export, "--for", engine).stdout
        assert told.startswith(f"fashion_mnist is written for {engine}"), told
    judged = installed.call("bonsai", "judge", "for_openevolve", code=2)
    assert "holds a task, and nothing that an engine has left yet" in judged.stderr
    assert installed.fingerprint() == before


def _sweep_begins(installed: Installation) -> None:
    """A sweep of a template of the package, stopped after its agent's first edit."""
    few = ("--seeds", "0", "--confirm-seeds", "0")
    command = installed.program("bonsai", "run", "fashion_mnist", "--data", "mini", *few)
    ledgers = (installed.here / "results").glob
    with subprocess.Popen(
        command, cwd=installed.here, env=installed.environment(),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        steps: set[str] = set()
        deadline = time.monotonic() + 300
        while "edit" not in steps and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.5)
            for path in ledgers("*/ledger.jsonl"):
                text = path.read_text(encoding="utf-8")
                entries = [json.loads(line) for line in text.splitlines(True) if line[-1] == "\n"]
                steps = {entry["step"] for entry in entries if entry.get("ok")}
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=60)[0]
    assert steps >= {"baseline", "edit"}, told
    assert process.returncode == 130, told
    (workspace, *_) = ledgers("*/fashion_mnist/*/workspace/experiment.py")
    assert workspace.stat().st_mode & stat.S_IWUSR, "what was copied can be edited"


@slow
def test_a_copy_is_ready_in_the_ai_scientist(installed: Installation) -> None:
    root = installed.here / "AI-Scientist"
    (root / "templates" / "grokking").mkdir(parents=True)
    (root / "templates" / "grokking" / "experiment.py").write_text("import argparse\n")
    for name in ("fashion_mnist", "fine_pruning"):
        told = installed.call("bonsai", "copy", name, "templates", cwd=root).stdout
        copy = root / "templates" / name
        assert str(copy) in told.splitlines()
        assert "python experiment.py --out_dir run_0" in told
        assert {path.name for path in copy.glob("*.py")} == {
            path.name for path in (sweeps.REPOSITORY / "templates" / name).glob("*.py")
        }
        assert not (copy / "cassettes").exists()
        assert not list(copy.glob("run_*")) + list(copy.rglob("*.pyc"))
        assert all(path.stat().st_mode & stat.S_IWUSR for path in (copy, *copy.rglob("*")))
        installed.call(
            "python", "experiment.py", "--out_dir=run_0", cwd=copy,
            BONSAI_SMOKE="1", BONSAI_DATASET="mini",
        )  # fmt: skip
        installed.call("python", "plot.py", cwd=copy)
        assert list(copy.glob("*.png"))
    again = installed.call("bonsai", "copy", "fashion_mnist", "templates", cwd=root, code=2)
    assert "is there already" in again.stderr


@slow
def test_templates_of_another_package_are_found_and_swept(installed: Installation) -> None:
    before = installed.fingerprint()
    listed = installed.call("bonsai", "list")
    rows = {line.split()[0]: line for line in listed.stdout.splitlines()[1:]}
    assert "tiny-subjects 1.2" in rows["digits_again"]
    assert "tiny-subjects 1.2" in rows["tiny-subjects/fashion_mnist"]
    assert "bonsai-experiments" not in rows["fashion_mnist"], "ours wins"
    for name in ("gone", "of_another", "with_object"):
        (line,) = [line for line in listed.stderr.splitlines() if f"'{name}'" in line]
        assert line.startswith("warning: the template")
    swept = installed.call(
        *("bonsai", "run", "tiny_subjects/renamed", "--ideas", "more_images", "--seeds", "0,1"),
        *("--max-runs", "1", "--confirm-seeds", "0", "--out", "res"),
    )
    assert "digits" in swept.stdout or "toy" in swept.stdout or "renamed" in swept.stdout
    assert (installed.here / "res" / "renamed" / "more_images" / "workspace").is_dir()
    assert (installed.here / "res" / "report" / "index.html").is_file()
    assert installed.fingerprint() == before
