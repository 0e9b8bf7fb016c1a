"""A new template, written from a small one that works."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from bonsai.base import BonsaiError

SCAFFOLD = Path(__file__).resolve().parent / "scaffold"
PLACEHOLDER = "NAME_OF_TEMPLATE"


def create(name: str, folder: Path) -> Path:
    """Write a new template called `name` into `folder`.

    It is a small experiment on real data, complete with scorer, plots, prompt, ideas and paper, so
    that it can be run before the first line of it is changed.

    Args:
        name: lower-case letters, digits and underscores, beginning with a letter.
        folder: where the template's own folder is made; it is made as well where it is missing.

    Returns:
        The template's folder.

    Raises:
        BonsaiError: the name does not suit, there is something of that name, or `folder` cannot be
            written.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise BonsaiError(
            f"{name!r} cannot be a template's name; take lower-case letters, digits and _, "
            "beginning with a letter"
        )
    target = folder.absolute() / name
    if target.exists() or target.is_symlink():
        raise BonsaiError(f"{target} is there already; take another name, or remove it")
    try:
        shutil.copytree(SCAFFOLD, target, ignore=shutil.ignore_patterns("__pycache__"))
        for path in target.rglob("*"):
            if path.is_file():
                text = path.read_text(encoding="utf-8").replace(PLACEHOLDER, name)
                path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BonsaiError(f"{target} cannot be written: {error}") from error
    return target
