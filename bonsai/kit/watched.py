"""Run a script that draws, and keep it from saving a figure that shows nothing.

Run:  python -m bonsai.kit.watched plot.py

A plot.py that swallows its own error still saves its figure, an empty frame, and nobody is told. So
the runner starts plots through this module: a figure of matplotlib without any data is not saved,
and stderr says so. The script runs as it would by itself in every other way.
"""

from __future__ import annotations

import importlib.util
import os
import runpy
import sys
import traceback
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


def shows_something(figure: Any) -> bool:
    """Whether anything but frames and titles is drawn in a figure of matplotlib."""
    own = {id(figure.patch), *(id(getattr(figure, name, None)) for name in TITLES)}
    artists = (*figure.texts, *figure.images, *figure.lines, *figure.patches, *figure.legends,
               *figure.artists)  # fmt: skip
    if any(id(artist) not in own for artist in artists):
        return True
    if any(shows_something(below) for below in getattr(figure, "subfigs", ())):
        return True
    return any(_holds_something(axes) for axes in figure.axes)


TITLES = ("_suptitle", "_supxlabel", "_supylabel")


def _holds_something(axes: Any) -> bool:
    drawn = axes.has_data() or axes.texts or axes.tables or axes.artists or axes.images
    return bool(drawn) or any(_holds_something(child) for child in axes.child_axes)


class _OnceImported(MetaPathFinder):
    """Changes `matplotlib.figure` when the script imports it, and costs nothing where not."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != "matplotlib.figure":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                _watch(module.Figure)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _watch(figure_class: Any) -> None:
    save = figure_class.savefig

    def savefig(self: Any, fname: Any, *arguments: Any, **options: Any) -> Any:
        if shows_something(self):
            return save(self, fname, *arguments, **options)
        name = os.path.basename(fname) if isinstance(fname, str | os.PathLike) else "a figure"  # noqa: PTH119
        print(f"{name} was not saved: nothing is drawn in it", file=sys.stderr, flush=True)
        return None

    figure_class.savefig = savefig


def main(script: str, *arguments: str) -> None:
    """Run the script `script` with these arguments."""
    sys.meta_path.insert(0, _OnceImported())
    sys.argv = [script, *arguments]
    try:
        runpy.run_path(script, run_name="__main__")
    except Exception as error:
        # As if it had been started by itself: without the frames of this module and of runpy.
        frames = error.__traceback__
        while frames and frames.tb_frame.f_code.co_filename != script:
            frames = frames.tb_next
        traceback.print_exception(error.with_traceback(frames or error.__traceback__))
        raise SystemExit(1) from None


if __name__ == "__main__":
    main(*sys.argv[1:])
