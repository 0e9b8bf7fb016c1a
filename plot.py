#!/usr/bin/env python
"""Draw the figures that compare all ideas of a results folder.

Run:  python plot.py [RESULTS]     (default: the newest folder in results/)
"""

import typer

from bonsai.cli.reports import plot

if __name__ == "__main__":
    typer.run(plot)
