"""`bonsai new`: a template that works before its first line is changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bonsai.base.errors import BonsaiError
from bonsai.templates import read_ideas
from bonsai.templates.contract import Prompt, read
from bonsai.templates.new import PLACEHOLDER, copy, create
from bonsai.templates.template import Template

FILES = (
    *("experiment.py", "score.py", "plot.py", "prompt.json", "seed_ideas.json", "README.md"),
    "latex/template.tex",
)


def test_the_template_is_complete_and_bears_its_name(tmp_path: Path) -> None:
    folder = create("sparse_digits", tmp_path / "templates")
    assert folder == tmp_path / "templates" / "sparse_digits"
    assert all((folder / name).is_file() for name in FILES)
    texts = [path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file()]
    assert not any(PLACEHOLDER in text for text in texts)
    assert (folder / "experiment.py").read_text().startswith('"""sparse_digits: ')
    assert "bonsai doctor sparse_digits" in (folder / "README.md").read_text()


def test_it_holds_sources_only(tmp_path: Path) -> None:
    names = {path.suffix for path in create("clean", tmp_path).rglob("*") if path.is_file()}
    assert names == {".py", ".json", ".md", ".tex"}


def test_its_files_have_the_shapes_that_are_asked_for(tmp_path: Path) -> None:
    folder = create("shapes", tmp_path)
    assert read(Prompt, folder / "prompt.json").limits.run_seconds > 0
    assert len(read_ideas(folder / "seed_ideas.json").ideas) == 2
    assert isinstance(json.loads((folder / "seed_ideas.json").read_text()), list)
    scorer = Template(folder).scorer
    assert (scorer.primary, scorer.selection) == ("test_accuracy", "val_accuracy")


@pytest.mark.parametrize("name", ["", "2d", "Digits", "my-subject", "a b", "../up", "a/b", "ä"])
def test_a_name_that_cannot_be_a_folder_and_a_word_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(BonsaiError, match="cannot be a template's name"):
        create(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "experiment.py").write_text("# a month of work\n")
    with pytest.raises(BonsaiError, match="is there already"):
        create("mine", tmp_path)
    assert (mine / "experiment.py").read_text() == "# a month of work\n"


def test_a_dangling_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BonsaiError, match="is there already"):
        create("link", tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BonsaiError, match="cannot be written"):
        create("mine", tmp_path / "file")


@pytest.fixture
def used(tmp_path: Path) -> Template:
    """A template in which somebody has worked."""
    folder = create("used", tmp_path / "mine")
    for name in ("run_0/final_info.json", "run_1.py", "cassettes/idea/01-plan.md", "curves.png",
                 "__pycache__/score.pyc", ".git/HEAD", "helpers.py", "data/words.txt"):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    return Template(folder)


def test_a_copy_has_all_that_runs_and_nothing_that_ran(used: Template, tmp_path: Path) -> None:
    folder = copy(used, tmp_path / "AI-Scientist" / "templates")
    assert folder == tmp_path / "AI-Scientist" / "templates" / "used"
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert names == {*FILES, "helpers.py", "data/words.txt"}
    assert [path.name for path in folder.parent.iterdir()] == ["used"]


def test_the_root_of_the_ai_scientist_means_its_templates(used: Template, tmp_path: Path) -> None:
    (tmp_path / "AI-Scientist").mkdir()
    (tmp_path / "AI-Scientist" / "launch_scientist.py").write_text("")
    assert copy(used, tmp_path / "AI-Scientist").parent == tmp_path / "AI-Scientist" / "templates"


def test_a_copy_never_overwrites(used: Template, tmp_path: Path) -> None:
    with pytest.raises(BonsaiError, match="is there already; name another folder"):
        copy(used, tmp_path / "mine")
    assert (used.folder / "run_0").is_dir()


def test_a_copy_that_fails_leaves_nothing_half_done(
    used: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(source: Path, target: Path) -> None:
        target.mkdir(parents=True)
        (target / "experiment.py").write_text("")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bonsai.templates.new.copy_template", fail)
    with pytest.raises(BonsaiError, match=r"cannot be written: .*No space left"):
        copy(used, tmp_path / "there")
    assert list((tmp_path / "there").iterdir()) == []
