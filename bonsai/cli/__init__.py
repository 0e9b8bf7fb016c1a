"""The command line: `python runner.py` or `bonsai`."""

from bonsai.cli.app import app

__all__ = ["app"]
