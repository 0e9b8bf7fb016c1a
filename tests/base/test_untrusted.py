"""Whatever a program leaves: it is read with bounds or refused in a sentence, and removed."""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bonsai.base import untrusted
from bonsai.base.untrusted import Unreadable, read_bytes, remove, strays, walk


def _deep(folder: Path, depth: int) -> None:
    """A tree of that depth, which no path can reach the end of."""
    folder.mkdir(exist_ok=True)
    above = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=above)
        below = os.open("d", os.O_RDONLY, dir_fd=above)
        os.close(above)
        above = below
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=above))
    os.close(above)


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def _hard_link(path: Path) -> None:
    (path.parent.parent / "other").write_text("somebody's")
    os.link(path.parent.parent / "other", path)


HOSTILE = {
    "a link": lambda path: path.symlink_to("/etc/passwd"),
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "a named pipe": _pipe,
    "a socket": _socket,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_only_a_regular_file_is_read_and_nothing_waits(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "notes.txt"
    HOSTILE[kind](path)
    started = time.monotonic()
    with pytest.raises(Unreadable, match=r"notes\.txt (is|cannot)"):
        read_bytes(path, 1000)
    assert time.monotonic() - started < 1


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"nothing\.txt is missing"):
        read_bytes(tmp_path / "nothing.txt", 10)


def test_a_link_is_followed_where_that_is_asked_for_and_a_pipe_behind_it_is_not(
    tmp_path: Path,
) -> None:
    (tmp_path / "real").write_bytes(b"ours")
    (tmp_path / "name").symlink_to("real")
    assert read_bytes(tmp_path / "name", 10, follow=True) == b"ours"
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "other").symlink_to("pipe")
    with pytest.raises(Unreadable, match="is a named pipe"):
        read_bytes(tmp_path / "other", 10, follow=True)


def test_no_more_is_read_than_asked_for(tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(b"x" * 11)
    assert read_bytes(tmp_path / "long", 11) == b"x" * 11
    with pytest.raises(Unreadable, match="11 bytes; at most 10 bytes"):
        read_bytes(tmp_path / "long", 10)
    with (tmp_path / "holes").open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(Unreadable, match="1000000 MB"):
        read_bytes(tmp_path / "holes", 1000)


def test_a_file_that_grows_while_it_is_read_ends(tmp_path: Path) -> None:
    path = tmp_path / "grows"
    path.write_bytes(b"x")
    over = threading.Event()

    def grow() -> None:
        with path.open("ab", buffering=0) as file:
            while not over.is_set() and file.tell() < 10**8:
                file.write(b"x" * 1000)

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        for _ in range(200):
            try:
                assert len(read_bytes(path, 50_000)) <= 50_000
            except Unreadable:
                break
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("kind", [*HOSTILE, "a hard link"])
def test_what_is_no_plain_file_is_a_stray(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "run_1"
    folder.mkdir()
    (folder / "fine.txt").write_text("fine")
    {**HOSTILE, "a hard link": _hard_link}[kind](folder / "odd")
    found = strays(folder)
    assert len(found) == (kind != "a folder")
    assert all(sentence.startswith("odd is a ") for sentence in found)


@pytest.mark.parametrize("name", [".gitattributes", ".gitignore", ".gitmodules", ".git"])
def test_what_git_obeys_is_a_stray_wherever_it_lies(tmp_path: Path, name: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / name).write_text("* filter=evil")
    assert strays(tmp_path) == [f"sub/{name} has a name that git obeys"]


def test_names_that_are_no_utf8_are_told_readably(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff\x1b[31m")).write_text("")
    (found,) = strays(tmp_path)
    assert found.isprintable()
    assert found.endswith("has a name that is no UTF-8")


def test_a_deep_tree_is_told_once_and_removed_without_recursion(tmp_path: Path) -> None:
    _deep(tmp_path / "deep", 3000)
    (found,) = strays(tmp_path / "deep")
    assert "folders deep" in found
    remove(tmp_path / "deep")
    assert not (tmp_path / "deep").exists()


def test_a_wide_tree_ends_the_walk(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number:02d}").touch()
    *plain, last = walk(tmp_path, most=20)
    assert len(plain) == 20
    assert last.problem == "is one of more than 20 files"


def test_a_folder_that_was_replaced_by_a_link_is_not_entered(tmp_path: Path) -> None:
    (tmp_path / "run_1").symlink_to("/etc")
    (found,) = walk(tmp_path / "run_1")
    assert found.name == "."
    assert found.problem
    remove(tmp_path / "run_1")
    assert not (tmp_path / "run_1").is_symlink()
    assert Path("/etc/passwd").exists()


def test_what_may_not_be_read_is_made_readable_and_removed(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    (locked / "in").mkdir(parents=True)
    (locked / "in" / "file").write_text("x")
    (locked / "in" / "file").chmod(0)
    (locked / "in").chmod(0)
    locked.chmod(0)
    assert [found.problem for found in walk(locked)] == [None, None]
    assert read_bytes(locked / "in" / "file", 10) == b"x"
    locked.chmod(0)
    remove(locked)
    assert not locked.exists()


TREES = st.recursive(
    st.sampled_from(["file", "link", "pipe"]),
    lambda inner: st.dictionaries(st.sampled_from("abcdé \n.-"), inner, max_size=4),
    max_leaves=12,
)


def _grow(path: Path, tree: object) -> None:
    if isinstance(tree, dict):
        path.mkdir()
        for name, below in tree.items():
            if name != ".":
                _grow(path / name, below)
    elif tree == "file":
        path.write_text("x")
    elif tree == "link":
        path.symlink_to("/etc")
    else:
        os.mkfifo(path)


@settings(max_examples=60, deadline=None)
@given(tree=TREES)
def test_any_tree_is_walked_whole_and_removed_whole(
    tmp_path_factory: pytest.TempPathFactory, tree: object
) -> None:
    folder = tmp_path_factory.mktemp("tree")
    _grow(folder / "top", tree)
    if isinstance(tree, dict):
        seen = {found.name for found in walk(folder / "top")}
        every = {
            path.relative_to(folder / "top").as_posix() for path in (folder / "top").rglob("*")
        }
        assert seen == every
    remove(folder / "top")
    assert os.listdir(folder) == []  # noqa: PTH208


def test_the_limits_are_sane() -> None:
    """What a kit run leaves is far inside them."""
    assert untrusted.MOST_DEPTH >= 20
    assert untrusted.MOST_FILES >= 10_000
