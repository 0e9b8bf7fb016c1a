"""An audit: every number, comparison and citation of a paper against what is on record."""
