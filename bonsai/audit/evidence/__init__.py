"""What is on record of runs, read into `Facts`."""
