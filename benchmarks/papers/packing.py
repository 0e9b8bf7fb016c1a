"""Results folders of real sweeps in one compact file, with all that a paper and an audit read.

Left out are the outcomes (what scores were computed from), the curves, logs and repositories;
pictures are made small, and there are three at most of an idea. Paths of the machine that measured
are replaced.

Run:  python benchmarks/papers/packing.py RESULTS ...     (makes recorded_results.tar.xz anew)
"""

from __future__ import annotations

import io
import re
import sys
import tarfile
from collections import Counter
from pathlib import Path

FILE = Path(__file__).with_name("recorded_results.tar.xz")
REPOSITORY = Path(__file__).resolve().parent.parent.parent
HERE, RESULTS = "@REPOSITORY@", "@RESULTS@"  # what stands for them in the packed texts
KEPT = {
    "sweep.json", "ledger.jsonl", "final_info.json", "environment.json", "claims.json", "notes.txt",
    "plot.py", "experiment.py", "score.py", "prompt.json", "seed_ideas.json", "template.tex",
    "README.md",
}  # fmt: skip
LEFT_OUT = {".git", "report", "logs", "exchanges", "paper", "__pycache__"}
MOST_PICTURES = 3
WIDTH = 320  # of a picture, in pixels


def pack(folders: list[Path], file: Path = FILE) -> None:
    """Write the results folders into a file, always in the same order and with the same times."""
    with tarfile.open(file, "w:xz", preset=9) as archive:
        for folder in sorted(folders, key=lambda each: each.name):
            pictures: Counter[Path] = Counter()
            for path in sorted(folder.rglob("*")):
                inner = path.relative_to(folder)
                if set(inner.parts) & LEFT_OUT or not path.is_file() or path.is_symlink():
                    continue
                if path.suffix == ".png":
                    pictures[path.parent] += 1
                    if pictures[path.parent] > MOST_PICTURES:
                        continue
                    content = _small(path)
                elif path.name in KEPT:
                    content = _without_places(path.read_text(encoding="utf-8"), folder).encode()
                else:
                    continue
                entry = tarfile.TarInfo(f"{folder.name}/{inner.as_posix()}")
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))


def unpack(home: Path, name: str = "", file: Path = FILE) -> list[Path]:
    """Lay the results folders out, or the one of a name; returns them by name."""
    with tarfile.open(file, "r:xz") as archive:
        for entry in archive:
            parts = Path(entry.name).parts
            held = archive.extractfile(entry)
            if held is None or ".." in parts or name not in ("", parts[0]):
                continue
            path = home / entry.name
            path.parent.mkdir(parents=True, exist_ok=True)
            content = held.read()
            if path.suffix != ".png":
                results = str(home / parts[0])
                text = content.decode().replace(HERE, str(REPOSITORY)).replace(RESULTS, results)
                content = text.encode()
            path.write_bytes(content)
    return sorted(path for path in home.iterdir() if path.is_dir())


def _without_places(text: str, folder: Path) -> str:
    """A text without the paths of this machine."""
    text = text.replace(str(folder.resolve()), RESULTS)
    text = re.sub(r"/[\w/.\-]*?/(?=site-packages/)", "", text)
    return text.replace(str(REPOSITORY), HERE)


def _small(path: Path) -> bytes:
    """A picture with few colours and pixels."""
    from PIL import Image

    with Image.open(path) as picture:
        height = max(1, round(picture.height * WIDTH / picture.width))
        small = picture.convert("RGB").resize((WIDTH, height)).quantize(16)
    kept = io.BytesIO()
    small.save(kept, "PNG", optimize=True)
    return kept.getvalue()


if __name__ == "__main__":
    pack([Path(each) for each in sys.argv[1:]])
