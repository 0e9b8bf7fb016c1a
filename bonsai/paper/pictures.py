"""The pictures of a paper, copied beside its source."""

from __future__ import annotations

import shutil
from pathlib import Path

from bonsai.paper.composing import code, compose
from bonsai.paper.document import Figure
from bonsai.paper.subjects import Chosen
from bonsai.report import IdeaReport, story, words
from bonsai.report import figures as report_figures

MOST_PLOTS = 4  # of an idea
MOST_TOLD = 20  # ideas in the words for a picture


def plots_of(reader: story.Reader, workspace: Path, source: Path, told: IdeaReport) -> list[Figure]:
    """Pictures that the idea's own plot.py drew, copied beside the paper."""
    found: list[Figure] = []
    for path in sorted(workspace.glob("*.png")):
        if len(found) == MOST_PLOTS:
            break
        if not reader.is_ours(path) or path.stat().st_size > story.MAX_PLOT_BYTES:
            continue
        if story.png_size(path) is None:
            continue
        name = f"plot_{len(found) + 1}.png"
        shutil.copyfile(path, source / name)
        whose = (
            "the template's plot.py" if told.given else "the idea's plot.py, which an agent edited"
        )
        caption = compose(
            "{file} of {idea}, as {whose}, drew it; no claim rests on it.",
            file=code(path.name), idea=code(told.name), whose=whose,
        )  # fmt: skip
        alternative = (
            f"The picture {path.name} that plot.py drew from the runs of {told.name} on the seeds "
            "that it was worked with. Its figures are in the tables of metrics and the archive."
        )
        found.append(Figure(file=name, caption=caption, alternative=words.clean(alternative)))
    return found


def figures_of(chosen: Chosen) -> list[Figure]:
    """The differences of all ideas of the templates that the paper is about, drawn anew."""
    from bonsai.kit import plotting

    plotting.style()
    found: list[Figure] = []
    about = {template.name for _, template, _, _ in chosen.ideas}
    for summary, told in zip(chosen.sweep.templates, chosen.report.templates, strict=True):
        name = summary.template.name
        if name not in about or not any(idea.comparison for idea in summary.ideas):
            continue
        drawn = report_figures.draw_differences(chosen.sweep, summary)
        file = f"differences_{len(found) + 1}.png"
        shutil.copyfile(drawn, chosen.source / file)
        compared = [idea for idea in summary.ideas if idea.comparison]
        sentences = [
            f"{idea.idea.called} {words.signed(idea.comparison.mean, told.digits)} ({idea.word})"
            for idea in compared if idea.comparison
        ]  # fmt: skip
        caption = compose(
            "The {many}' differences to the baseline in {metric} on {template}, on fresh seeds: "
            "the circle is the mean, the bar its interval, the ticks the seeds.",
            many=chosen.report.wording.many, metric=code(summary.primary), template=code(name),
        )  # fmt: skip
        alternative = (
            f"One row for each idea on {name}: its mean difference to the baseline in "
            f"{summary.primary}, with an interval. "
            + "; ".join(sentences[:MOST_TOLD])
            + ("; and others, which the table has." if len(sentences) > MOST_TOLD else ".")
        )
        found.append(Figure(file=file, caption=caption, alternative=words.clean(alternative)))
    return found
