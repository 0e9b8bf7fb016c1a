"""Papers in typst: compiled to PDF, with nothing outside their folder at hand, and read as such."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bonsai.audit.document import Document
from bonsai.base import BonsaiError, untrusted

MOST_BYTES = 3_000_000
SECONDS = 60
MEMORY = 4 << 30  # bytes
# No package is fetched: there is no way out, and nothing that was fetched before.
NO_WAY_OUT = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY",
                            "ALL_PROXY"), "http://127.0.0.1:9")  # fmt: skip
PROGRAM = f"""
import sys, typst
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY}))
except (ImportError, OSError, ValueError):
    pass
typst.compile(sys.argv[1], output=sys.argv[2], root=sys.argv[3], ignore_system_fonts=True)
"""


def read_typst(path: Path) -> Document:
    """A paper in typst.

    Raises:
        BonsaiError: it does not compile; the text says why.
    """
    from bonsai.audit.reading.pdf import read_pdf

    untrusted.read_bytes(path, MOST_BYTES, follow=True)
    with tempfile.TemporaryDirectory() as home:
        made = Path(home) / "paper.pdf"
        _compile(path.resolve(), made)
        document = read_pdf(made)
    document.path, document.form = path, "typst"
    return document


def _compile(source: Path, made: Path) -> None:
    """Compile in a process of its own, since a source may go on for ever."""
    command = [sys.executable, "-I", "-c", PROGRAM, str(source), str(made), str(source.parent)]
    empty = str(made.parent / "packages")
    environment = {
        "PATH": os.environ.get("PATH", ""), "HOME": empty, "XDG_CACHE_HOME": empty,
        "XDG_DATA_HOME": empty, "TYPST_PACKAGE_PATH": empty, "TYPST_PACKAGE_CACHE_PATH": empty,
        **NO_WAY_OUT,
    }  # fmt: skip
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=SECONDS,
            check=False, env=environment,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise BonsaiError(f"{source} takes longer than {SECONDS} s to compile") from None
    if done.returncode != 0 or not made.is_file():
        told = [line for line in done.stderr.splitlines() if line.strip()][-1:]
        raise BonsaiError(f"{source} does not compile: {''.join(told)[:500]}")
