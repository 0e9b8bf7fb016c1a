"""One bar a run."""

from pathlib import Path

from matplotlib import pyplot

from bonsai import kit

labels = {"run_0": "Baseline"}

runs = kit.load_runs(Path.cwd(), labels)
figure, axis = pyplot.subplots()
for run in runs:
    axis.bar(run.label, run.means["test_accuracy"], color=run.colour)
axis.set_ylabel("test accuracy, %")
figure.savefig("accuracy.png")
