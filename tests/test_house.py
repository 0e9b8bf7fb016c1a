"""The house is as docs/architecture.md draws it; what import-linter cannot see is seen here."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sweeps import REPOSITORY

PACKAGE = REPOSITORY / "bonsai"
MOST_FILES_AT_THE_TOP = 8
MOST_LINES = 450
PACKAGES = sorted(
    path.parent for path in PACKAGE.rglob("__init__.py") if path.parent not in (PACKAGE,)
)
FACES = [path for path in PACKAGES if path.name not in ("kit", "mini")]
PAGES = sorted(
    [
        *REPOSITORY.glob("*.md"),
        *REPOSITORY.glob("docs/**/*.md"),
        *REPOSITORY.glob("templates/*/*.md"),
    ]
)
# Files that a page names and that are made by what it describes.
MADE = re.compile(
    r"^(results|ideas|run_\w+|report|index\.html|\.venv|~|path/to|AI-Scientist|ImageFolder|train\.py|(?:paper|prose)\.json|<)"
    r"|[<>*{]"
)


def _name(path: Path) -> str:
    return ".".join(path.relative_to(REPOSITORY).parts)


def _imports(file: Path) -> Iterator[tuple[str, str]]:
    """Each module of ours that a file imports from, and the name that it takes."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "bonsai":
            for alias in node.names:
                yield str(node.module), alias.name


def test_few_files_lie_at_the_top() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= MOST_FILES_AT_THE_TOP


@pytest.mark.parametrize("package", FACES, ids=_name)
def test_a_package_says_what_it_is_for_and_has_a_face(package: Path) -> None:
    face = importlib.import_module(_name(package))
    assert len((face.__doc__ or "").split()) > 5
    assert face.__all__
    for name in face.__all__:
        assert hasattr(face, name), f"{_name(package)} has no {name}"


def test_other_packages_are_met_by_their_faces() -> None:
    """Except the kit: its modules are what experiments import, and part of its face."""
    faces = {_name(path) for path in FACES} | {"bonsai", "bonsai.settings"}
    strays = []
    for file in PACKAGE.rglob("*.py"):
        own = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for module, name in _imports(file):
            top = module.split(".")[1] if "." in module else ""
            if top in (own, "kit") or module in faces:
                continue
            strays.append(f"{file.relative_to(REPOSITORY)}: from {module} import {name}")
    assert not strays


def test_what_is_taken_from_a_face_is_in_it() -> None:
    faces = {_name(path): importlib.import_module(_name(path)).__all__ for path in FACES}
    strays = []
    for file in PACKAGE.rglob("*.py"):
        own = file.relative_to(PACKAGE).parts[0]
        for module, name in _imports(file):
            if module in faces and module.split(".")[1] != own and name not in faces[module]:
                if f"{module}.{name}" in faces:  # a package within the package
                    continue
                strays.append(f"{file.relative_to(REPOSITORY)}: from {module} import {name}")
    assert not strays


def test_no_source_file_is_long() -> None:
    sources = [*PACKAGE.rglob("*.py"), *(REPOSITORY / "templates").rglob("*.py")]
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in sources}
    long = {str(path): lines for path, lines in lengths.items() if lines > MOST_LINES}
    assert not long


def test_a_tests_place_follows_from_the_codes() -> None:
    places = {path.parent.relative_to(REPOSITORY / "tests") for path in _test_files()}
    known = {path.relative_to(PACKAGE) for path in PACKAGES} | {Path(), Path("docs")}
    assert places <= known


def _test_files() -> list[Path]:
    return list((REPOSITORY / "tests").rglob("test_*.py"))


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_what_a_page_points_to_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    missing = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        there = page.parent / path if path else page
        if not there.exists() or (anchor and anchor not in _anchors(there)):
            missing.append(target)
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_the_files_that_a_page_names_are_there(page: Path) -> None:
    """Names in backticks that look like paths of this repository."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    named = [
        name for name in re.findall(r"`([\w./-]+/[\w./-]*|[\w-]+\.(?:py|md|toml|json))`", text)
        if not MADE.search(name)
    ]  # fmt: skip
    known = _tracked()
    missing = [
        name
        for name in named
        if not (page.parent / name).exists()
        and not any(f"/{path}".endswith(f"/{name.rstrip('/')}") for path in known)
    ]
    assert not missing


def test_files_that_code_names_are_there() -> None:
    """Tests, benchmarks, pages and modules that comments and messages speak of."""
    pattern = re.compile(r"\b(?:tests|benchmarks|docs|bonsai)/[\w/-]+\.(?:py|md|json)\b")
    missing = []
    for file in [*PACKAGE.rglob("*.py"), *_test_files(), *REPOSITORY.glob("benchmarks/*.py"),
                 *REPOSITORY.glob("templates/*/*.py"), REPOSITORY / "pyproject.toml"]:  # fmt: skip
        for name in pattern.findall(file.read_text(encoding="utf-8")):
            if not (REPOSITORY / name).exists():
                missing.append(f"{file.relative_to(REPOSITORY)}: {name}")
    assert not missing


def _tracked() -> set[str]:
    """Files and folders of this repository, and names that runs and sweeps give to theirs."""
    done = subprocess.run(
        ["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    files = set(done.stdout.splitlines())
    folders = {str(folder) for file in files for folder in Path(file).parents}
    return files | folders | {
        "final_info.json", "history.json", "environment.json", "sweep.json", "claims.json",
        "report.md", "report.json",
    }  # fmt: skip


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
