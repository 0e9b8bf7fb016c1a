"""Walls around a program that a model wrote, by bubblewrap (https://github.com/containers/bubblewrap).

Inside there is no network unless a person allows it, no other process, no other user's file: the
system and this Python read-only, the data sets read-only and without test labels, the program's own
folder, and a private /tmp.
"""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import bonsai
from bonsai.base import BonsaiError
from bonsai.kit import data as kit_data
from bonsai.kit.keys import key_folder

Mode = Literal["auto", "require", "off"]

SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt", "/nix", "/sys"),
    *("/etc/alternatives", "/etc/fonts", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
      "/etc/localtime", "/etc/passwd", "/etc/group"),
)  # fmt: skip
PYTHONS = tuple(
    f"{place}/lib/python3*/*-packages" for place in ("usr", "usr/local", "opt/*")
)  # beside the one that runs
NETWORK = (  # what name servers and certificates are found by
    *("/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/gai.conf"),
    *("/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/services", "/etc/protocols"),
)
DEVICES = ("/dev/nvidia*", "/dev/kfd", "/dev/dri")  # GPUs
PROBE_SECONDS = 20.0
MISSING = (
    "bubblewrap is not there, so what a model writes runs with your rights: it can read your files "
    "and use the network (`apt install bubblewrap`)"
)
BROKEN = (
    "bubblewrap does not work here ({reason}), so what a model writes runs with your rights; in a "
    "container, allow user namespaces"
)


def choose(mode: Mode) -> str | None:
    """Why programs will run without walls; None if they will run within.

    Raises:
        BonsaiError: walls are required, and there are none.
    """
    if mode == "off":
        return "--sandbox off: what a model writes runs with your rights"
    why = problem()
    if why and mode == "require":
        raise BonsaiError(f"--sandbox require: {why}")
    return why


def problem() -> str | None:
    """Why bubblewrap cannot be used on this machine; None if it can."""
    path = shutil.which("bwrap")
    return MISSING if path is None else _try(path)


@lru_cache(maxsize=4)
def _try(path: str) -> str | None:
    probe = [path, *_NAMESPACES, "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"]
    try:
        done = subprocess.run(
            probe, capture_output=True, text=True, timeout=PROBE_SECONDS, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        return BROKEN.format(reason=error)
    if done.returncode:
        return BROKEN.format(reason=(done.stderr.strip().splitlines() or ["it gave no reason"])[-1])
    return None


_NAMESPACES = ("--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL")


def wrap(
    command: Sequence[str],
    *,
    folder: Path,
    writable: Sequence[Path],
    hidden: Sequence[Path],
    scratch: Path,
    keep_data: bool,
    labels: bool,
    own_data: bool,
    reads: Sequence[Path] = (),
    network: bool = False,
    mounts: Mapping[Path, Path] = MappingProxyType({}),
) -> list[str]:
    """The command that runs `command` within walls.

    Args:
        command: the program and its arguments.
        folder: its working directory; read-only but for `writable`.
        writable: what it may write; each must be there.
        hidden: what it may not see of `folder`; folders that are there.
        scratch: an empty folder on disk that it sees as /tmp, and as its home.
        keep_data: whether it may write into the data cache: for code that no model has touched.
        labels: whether it may read test labels.
        own_data: whether it may read whatever lies in the data cache beside the kit's sets; else it
            sees those, without test labels, and what templates keep.
        reads: what else it may read; what is not there is left out.
        network: whether it may use the network.
        mounts: folders that it may write, and where it finds them; if its working directory is one
            of them, it is in that place.
    """
    bwrap = shutil.which("bwrap")
    assert bwrap, "see `problem`"
    shared_memory = scratch / "shm"  # on disk, where its size is watched
    shared_memory.mkdir(exist_ok=True)
    data = kit_data.data_folder()
    data.mkdir(parents=True, exist_ok=True)
    words = [bwrap, *_NAMESPACES, *(["--share-net"] if network else [])]
    for path in map(Path, NETWORK if network else ()):
        if path.exists():
            words += ["--ro-bind", str(path.resolve()), str(path)]
    for path in map(Path, SYSTEM):
        if path.is_symlink() and path.is_dir():
            words += ["--symlink", str(path.readlink()), str(path)]
        elif path.exists():
            words += ["--ro-bind", str(path), str(path)]
    words += ["--proc", "/proc", "--dev", "/dev"]
    for pattern in DEVICES:
        for device in sorted(Path("/").glob(pattern[1:])):
            words += ["--dev-bind", str(device), str(device)]
    words += ["--bind", str(shared_memory), "/dev/shm", "--bind", str(scratch), "/tmp"]
    for path in _outermost(_python_folders()):
        words += ["--ro-bind", str(path), str(path)]
    for path in reads:  # before what is hidden: it may lie there
        if path.exists():
            words += ["--ro-bind", str(path), str(path)]
    empty = []
    if not (labels or own_data):
        empty.append(data)
        words += ["--tmpfs", str(data)]
    for path in [data] if labels or own_data else _shown(data):
        path.mkdir(parents=True, exist_ok=True)
        bind = "--bind" if keep_data and path.name != kit_data.UNLABELLED else "--ro-bind"
        words += [bind, str(path), str(path)]
    for path in _hidden(data, labels, own_data):
        if path.is_dir():
            empty.append(path)
            words += ["--tmpfs", str(path)]
        else:
            words += ["--ro-bind", os.devnull, str(path)]
    if folder not in mounts:
        words += ["--ro-bind", str(folder), str(folder)]
    for path, place in mounts.items():
        words += ["--bind", str(path), str(place)]
    for path in writable:
        words += ["--bind", str(path), str(path)]
    for path in hidden:
        empty.append(path)
        words += ["--tmpfs", str(path)]
    # Last: nothing but what is named above can be written, not even the root of the file system.
    for path in (*empty, Path("/dev"), Path("/")):
        words += ["--remount-ro", str(path)]
    return [*words, "--chdir", str(mounts.get(folder, folder)), "--", *command]


def package_root() -> Path:
    """The folder that holds the package `bonsai`."""
    return Path(bonsai.__file__).resolve().parent.parent


def search_path() -> str | None:
    """`PYTHONPATH` for a program, where this Python would not find `bonsai` of itself."""
    root = str(package_root())
    return None if root in (*site.getsitepackages(), site.getusersitepackages()) else root


def _python_folders() -> list[Path]:
    """Where this Python and its packages lie; of a repository, only the package `bonsai`."""
    libraries = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    entries = [
        *(sys.prefix, sys.base_prefix, sys.exec_prefix, *sysconfig.get_paths().values()),
        *(*site.getsitepackages(), site.getusersitepackages(), *filter(None, libraries)),
        # Of other places where packages are installed, which .pth files and PYTHONPATH add.
        *(entry for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")),
    ]
    paths = [package_root() / "bonsai", *(Path(entry).absolute() for entry in entries)]
    # Both names of what is reached through a link.
    return [name for path in paths if path.exists() for name in (path, path.resolve())]


def _outermost(paths: Iterable[Path]) -> list[Path]:
    """Without those that lie in another of them or in the system."""
    kept: list[Path] = []
    roots = [Path(name) for name in SYSTEM]
    for path in sorted(set(paths), key=lambda path: (len(path.parts), str(path))):
        if not any(path.is_relative_to(other) for other in [*roots, *kept]):
            kept.append(path)
    return kept


def _shown(data: Path) -> list[Path]:
    """What of the data cache a program sees that is given all else, or needs nothing else."""
    return [data / kit_data.UNLABELLED, data / kit_data.KEPT]


def _hidden(data: Path, labels: bool, own_data: bool) -> list[Path]:
    """Files and folders with results of other runs, and with test labels if they are hidden."""
    found = [data / "baselines"] if labels or own_data else []
    if not labels:
        found += [Path("/usr/share/datasets"), *_packed_with_labels()]
    if own_data and not labels:
        found.append(key_folder())
        for depth in ("*", "*/*"):  # where they lie, and where they are made
            found += data.glob(f"{depth}/raw/t10k-labels-idx1-ubyte*")
    return [path for path in found if path.exists()]


def _packed_with_labels() -> Iterator[Path]:
    """Data sets with test labels among the packages of this Python, and of others that are seen."""
    others = (place for name in PYTHONS for place in Path("/").glob(name))
    for place in (*_python_folders(), *others):
        yield place / "kit" / "mini" / "fashion_mnist_mini.npz"
        yield place / "bonsai" / "kit" / "mini" / "fashion_mnist_mini.npz"
        yield place / "sklearn" / "datasets" / "data" / "digits.csv.gz"
