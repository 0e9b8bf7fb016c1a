"""The command line: `python runner.py` or `bonsai`.

Importing a module of commands adds them to `app`, in this order. What a command needs is imported
when it is given, so that help is quick.
"""

from bonsai.cli.common import app  # isort: skip
from bonsai.cli import templates, sweeps, searches, engines, ideas, reports, papers, audits  # isort: skip  # noqa: F401

__all__ = ["app"]
