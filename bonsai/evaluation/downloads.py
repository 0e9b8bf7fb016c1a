"""What a template of others downloaded, kept from run to run.

Only the untouched program may download, where a person allows it. What it got is laid before the
later runs, its own and those of ideas, which read it without a network: folders for data in its own
folder as copies, those above it as links, and what libraries keep in caches of their own by the
variables that they heed.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from bonsai.base import untrusted
from bonsai.kit.data import data_folder
from bonsai.templates import Template

DEEPEST = 4  # folders up, that a path out of the template's folder may lead
# Where libraries keep what they download: variable, and folder in the cache.
CACHES = {
    "HF_HOME": "huggingface", "TORCH_HOME": "torch", "SCIKIT_LEARN_DATA": "scikit_learn",
    "NLTK_DATA": "nltk", "KERAS_HOME": "keras", "TFDS_DATA_DIR": "tensorflow_datasets",
    "GENSIM_DATA_DIR": "gensim", "TIKTOKEN_CACHE_DIR": "tiktoken",
}  # fmt: skip
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
# A folder that a program makes within its own is taken for data by its name; another may hold
# checkpoints, from which the next run must not go on.
DATA_NAMES = ("data", "dataset", "download", "corpus", "corpora", "cache", "mnist", "cifar")
Entries = dict[str, Path]  # by path from the template's folder


class Downloads:
    """The downloads of one template."""

    def __init__(self, template: Template) -> None:
        """Nothing is written yet."""
        place = hashlib.sha256(str(template.folder.resolve()).encode()).hexdigest()[:12]
        self.folder = data_folder() / "downloads" / f"{template.name}-{place}"
        self.caches = self.folder / "caches"

    def variables(self, downloading: bool) -> dict[str, str]:
        """What tells libraries where to keep, or to find, what they download."""
        if downloading:
            self.caches.mkdir(parents=True, exist_ok=True)
        elif not self.caches.is_dir():
            return {}
        found = {name: str(self.caches / folder) for name, folder in CACHES.items()}
        return found if downloading else found | OFFLINE

    def links(self) -> Entries:
        """What lies above the template's folder: paths from there, and where it is kept."""
        return {
            "../" * up + path.name: path
            for up in range(1, DEEPEST + 1)
            for path in sorted(self._above(up).glob("*"))
        }

    def lay(self, folder: Path) -> None:
        """Copy what lies in the template's folder into a copy of it."""
        for path in sorted(self._above(0).glob("*")):
            if not (folder / path.name).exists():
                shutil.copytree(path, folder / path.name)

    def entries(self, folder: Path) -> Entries:
        """The folders in a copy of the template and in those above that are its own."""
        return {
            "../" * up + path.name: path
            for up in range(DEEPEST + 1)
            for path in (folder, *folder.parents)[up].iterdir()
            if path.is_dir() and not path.is_symlink() and path not in (folder, *folder.parents)
        }

    def keep(self, folder: Path, before: Entries) -> None:
        """Keep folders for data that were not there before a run."""
        for name, path in self.entries(folder).items():
            up = name.count("../")
            if name in before or not (up or path.name.lower().strip(".").startswith(DATA_NAMES)):
                continue
            target = self._above(up) / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                making = target.parent.parent / f".making-{up}-{path.name}"
                untrusted.remove(making)
                shutil.copytree(path, making, symlinks=True)
                making.rename(target)

    def _above(self, up: int) -> Path:
        return self.folder / f"above_{up}"
