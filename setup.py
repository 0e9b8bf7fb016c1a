"""What pyproject.toml cannot say: the wheel holds templates, ideas and texts in `bonsai/pack/`.

In the repository they lie at the top, where people look for them. `bonsai/templates/places.py`
finds them at either place.
"""

from __future__ import annotations

import fnmatch
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

PACKED = ("templates", "seed_ideas", "prompt.json")
# What runs and machines leave in a template's folder is not shipped.
LEFT_BEHIND = ("run_*", ".run_*", "__pycache__", "*.py[co]", "*.png", ".git", ".aider*", ".*_cache")


class BuildWithPack(build_py):
    """Builds the package, and puts the pack into it."""

    def run(self) -> None:
        """Build; an editable install uses the repository itself."""
        super().run()
        if self.editable_mode:
            return
        shutil.rmtree(Path(self.build_lib, "bonsai", "pack"), ignore_errors=True)  # of a last build
        for source, target in self._pack():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)

    def get_source_files(self) -> list[str]:
        """What an sdist must hold, too."""
        return [*super().get_source_files(), *(str(source) for source, _ in self._pack())]

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """What is built."""
        own = [] if self.editable_mode else [str(target) for _, target in self._pack()]
        return [*super().get_outputs(include_bytecode), *own]

    def _pack(self) -> list[tuple[Path, Path]]:
        """Each file of the pack, and where it goes."""
        files = [
            path
            for name in PACKED
            for path in sorted([Path(name)] if Path(name).is_file() else Path(name).rglob("*"))
            if path.is_file() and not any(map(_is_left_behind, path.parts))
        ]
        return [(path, Path(self.build_lib, "bonsai", "pack", path)) for path in files]


def _is_left_behind(name: str) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in LEFT_BEHIND)


setup(cmdclass={"build_py": BuildWithPack})
