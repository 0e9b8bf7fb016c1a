"""Where templates are found: in a folder, shipped, in packages of others; by which names."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from bonsai.base import BonsaiError
from bonsai.templates import (
    HOME,
    Template,
    copy_template,
    find_templates,
    folder_for_new,
    idea_file,
    is_installed,
    list_templates,
    offered,
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which the person stands."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages on the search path."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def _template(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "experiment.py").write_text("# one\n")
    return folder


def _install(site: Path, distribution: str, **points: str) -> None:
    """What pip leaves of a package that offers templates."""
    records = site / f"{distribution.replace('-', '_')}-1.0.dist-info"
    records.mkdir()
    (records / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
    )
    lines = [f"{name} = {value}" for name, value in points.items()]
    (records / "entry_points.txt").write_text("\n".join(["[bonsai.templates]", *lines]))


def test_a_template_of_another_package_is_found_without_importing_it(
    here: Path, site: Path
) -> None:
    spiral = _template(site / "spiral_pack" / "deep" / "spiral")
    (site / "spiral_pack" / "__init__.py").write_text("raise RuntimeError\n")
    _install(site, "spiral-pack", spiral="spiral_pack.deep.spiral")
    for name in ("spiral", "spiral-pack/spiral", "spiral_pack/spiral", "Spiral.Pack/spiral"):
        assert find_templates([name]) == [Template(spiral)]
    assert "spiral_pack" not in sys.modules


def test_the_package_itself_may_be_the_templates_folder_and_gives_it_its_name(
    here: Path, site: Path
) -> None:
    folder = _template(site / "bonsai_spiral")
    _install(site, "bonsai-spiral", spiral="bonsai_spiral")
    (template,) = find_templates(["spiral"])
    assert (template.name, template.folder) == ("spiral", folder)


def test_a_namespace_that_several_packages_share_is_searched_in_each(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second"):
        site = tmp_path / f"site_{name}"
        _template(site / "subjects_of_many" / name)
        monkeypatch.syspath_prepend(str(site))
        _install(site, f"subjects-{name}", **{name: f"subjects_of_many.{name}"})
    assert [template.name for template in find_templates(["first", "second"])] == [
        "first", "second",
    ]  # fmt: skip


def test_ours_wins_a_clash_and_the_others_has_a_full_name(here: Path, site: Path) -> None:
    theirs = _template(site / "theirs" / "fashion_mnist")
    _install(site, "theirs", fashion_mnist="theirs.fashion_mnist")
    ours = HOME / "templates" / "fashion_mnist"
    assert find_templates(["fashion_mnist"])[0].folder == ours
    assert find_templates(["bonsai/fashion_mnist"])[0].folder == ours
    assert find_templates(["theirs/fashion_mnist"])[0].folder == theirs
    listed = {each.name: each for each in list_templates()[0]}
    assert listed["fashion_mnist"].template.folder == ours
    assert listed["theirs/fashion_mnist"].origin == "theirs 1.0"


def test_what_a_person_has_in_templates_comes_first_and_hides_nothing(here: Path) -> None:
    mine = _template(here / "templates" / "fashion_mnist")
    assert find_templates(["fashion_mnist"])[0].folder == mine
    assert [template.folder for template in find_templates()] == [mine]
    assert find_templates(["cell_division"])[0].folder == HOME / "templates" / "cell_division"
    names = [each.name for each in list_templates()[0]]
    assert names[0] == "fashion_mnist"
    assert "bonsai/fashion_mnist" in names
    for name in names:
        find_templates([name])


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("nowhere_to_be_found", "no package 'nowhere_to_be_found'"),
        ("holds.nothing", "holds no experiment.py"),
        ("plain_module", "no package 'plain_module'"),
        ("holds:thing", "should name a package alone"),
        ("not a package", "should name a package alone"),
        ("..", "left out"),
    ],
)
def test_a_broken_offer_is_a_sentence_and_costs_itself_alone(
    value: str, why: str, here: Path, site: Path
) -> None:
    _template(site / "good_pack" / "good")
    (site / "holds").mkdir()
    (site / "holds" / "__init__.py").write_text("raise RuntimeError\n")
    (site / "plain_module.py").write_text("raise RuntimeError\n")
    _install(site, "a-broken-one", broken=value)
    _install(site, "good-pack", good="good_pack.good")
    offers, sentences = offered()
    assert [offer.full_name for offer in offers] == ["good-pack/good"]
    (sentence,) = sentences
    assert "'broken' of the package a-broken-one" in sentence
    assert why in sentence
    assert "\n" not in sentence
    with pytest.raises(BonsaiError, match=r"no template 'broken'.*left out"):
        find_templates(["broken"])


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "two words"])
def test_a_name_that_could_not_be_a_folder_is_no_offer(name: str, here: Path, site: Path) -> None:
    _template(site / "named")
    _install(site, "named", **{name: "named"})
    offers, sentences = offered()
    assert not offers
    assert len(sentences) == 1


def test_what_is_named_twice_is_taken_once(here: Path) -> None:
    names = ["fashion_mnist", "bonsai/fashion_mnist", str(HOME / "templates" / "fashion_mnist")]
    assert len(find_templates(names)) == 1


def test_ideas_that_come_with_bonsai_are_found_from_anywhere(here: Path) -> None:
    assert idea_file("seed_ideas/evolution.json") == HOME / "seed_ideas" / "evolution.json"
    (here / "seed_ideas").mkdir()
    (here / "seed_ideas" / "evolution.json").write_text("[]")
    assert idea_file("seed_ideas/evolution.json") == Path("seed_ideas/evolution.json")
    assert idea_file("mine.json") == Path("mine.json")


def test_what_lies_beside_records_of_pip_is_installed(tmp_path: Path, site: Path) -> None:
    inside = _template(site / "pack" / "one")
    outside = _template(tmp_path / "checkout" / "templates" / "one")
    (tmp_path / "checkout" / "pack.egg-info").mkdir()
    _install(site, "pack")
    assert is_installed(inside)
    assert not is_installed(outside)
    assert not is_installed(HOME / "templates" / "fashion_mnist"), "of an editable install"


def test_a_new_template_never_goes_into_the_package(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bonsai.templates import places

    monkeypatch.setattr(places, "HOME", places._PACKAGE / "pack")  # as in a wheel
    assert folder_for_new() == here
    (here / "templates").mkdir()
    assert folder_for_new() == here / "templates"


def test_a_copy_of_what_is_read_only_can_be_changed(tmp_path: Path) -> None:
    source = _template(tmp_path / "site" / "one")
    (source / "latex").mkdir()
    (source / "latex" / "template.tex").write_text("x")
    (source / "dangling").symlink_to(tmp_path / "nowhere")
    for path in (source / "latex" / "template.tex", source / "latex", source / "experiment.py",
                 source):  # fmt: skip
        path.chmod(path.stat().st_mode & ~0o222)
    copy_template(source, tmp_path / "copy")
    source.chmod(0o755)  # so that it can be cleared away
    (source / "latex").chmod(0o755)
    copied = [tmp_path / "copy", *(tmp_path / "copy").rglob("*")]
    assert len(copied) == 4
    assert all(path.stat().st_mode & stat.S_IWUSR for path in copied)
