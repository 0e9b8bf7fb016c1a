"""Bonsai: experiment templates about networks that are pruned, grow, divide and copy themselves.

`bonsai.kit` is what an experiment imports; everything else is the runner.
"""

__version__ = "0.1.0"
