"""A template of one's own: written from a small one that works, or copied from another."""

from __future__ import annotations

import re
import secrets
import shutil
from pathlib import Path

from bonsai.base import BonsaiError, untrusted
from bonsai.templates.template import Template, copy_template, make_writable

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
    target = _free(folder.absolute() / name, "take another name, or remove it")
    try:
        shutil.copytree(SCAFFOLD, target, ignore=shutil.ignore_patterns("__pycache__"))
        make_writable(target)
        for path in target.rglob("*"):
            if path.is_file():
                text = path.read_text(encoding="utf-8").replace(PLACEHOLDER, name)
                path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BonsaiError(f"{target} cannot be written: {error}") from error
    return target


def copy(template: Template, folder: Path) -> Path:
    """Copy a template, with all that its programs need, into a folder under its name.

    Results, recorded replies and pictures stay behind. The copy is there whole or not at all.

    Args:
        template: what to copy.
        folder: where its own folder is made, such as The AI Scientist's `templates/`; it is made as
            well where it is missing. The root of a checkout of The AI Scientist means its
            `templates/`.

    Returns:
        The copy's folder.

    Raises:
        BonsaiError: there is something of that name, or `folder` cannot be written.
    """
    if (folder / "launch_scientist.py").is_file():
        folder = folder / "templates"
    target = _free(folder.absolute() / template.name, "name another folder, or remove it")
    unfinished = target.with_name(f".{target.name}-{secrets.token_hex(4)}")
    try:
        copy_template(template.folder, unfinished)
        unfinished.rename(target)
    except (OSError, shutil.Error) as error:
        raise BonsaiError(f"{target} cannot be written: {error}") from error
    finally:
        untrusted.remove(unfinished)
    return target


def _free(target: Path, mend: str) -> Path:
    if target.exists() or target.is_symlink():
        raise BonsaiError(f"{target} is there already; {mend}")
    return target
