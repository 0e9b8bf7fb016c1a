#!/usr/bin/env python
"""Sweep experiment templates and let a language model mutate them: `runner.py --help`."""

from bonsai.cli import app

if __name__ == "__main__":
    app()
