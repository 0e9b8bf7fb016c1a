r"""Authors, each with a style of its own; every one can write a paper on any study.

None of them looked at how the audit reads. What they state is true: values are the study's, words
follow the values, and what the seeds do not carry is not called significant.
"""

# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Callable

from benchmarks.papers.manuscripts import NUMBERS, Draft
from benchmarks.papers.studies import Measure, Study

Author = Callable[[Study], tuple[Draft, str]]


def bibliography(study: Study) -> str:
    """The block of references that The AI Scientist looks for."""
    entries = [
        f"@{kind}{{{key},\n  title = {{{title}}},\n  author = {{{who}}},\n  year = {{{year}}},\n}}"
        for key, (kind, title, who, year) in study.references.items()
    ]
    told = "\n".join(entries)
    return r"\begin{filecontents}{references.bib}" + f"\n{told}\n" + r"\end{filecontents}"


def frame(study: Study, preamble: str, body: str) -> str:
    """A whole document around its body."""
    return rf"""\documentclass{{article}}
\usepackage{{graphicx,booktabs,natbib,amsmath}}
{preamble}
\graphicspath{{{{../}}}}
{bibliography(study)}
\title{{{escaped(study.words.title)}}}
\author{{The AI Scientist}}

\begin{{document}}
\maketitle

{body.strip()}

\bibliographystyle{{plainnat}}
\bibliography{{references}}

\end{{document}}
"""


def escaped(text: str) -> str:
    """Text for LaTeX."""
    for sign in "&%_#":
        text = text.replace(sign, "\\" + sign)
    return text


def best(study: Study, measure: Measure, dataset: str = "") -> str:
    """The run that is best in a measure."""
    way = max if measure.better == "higher" else min
    return way(study.trials, key=lambda run: study.mean(run, measure, dataset))


def figure(draft: Draft, name: str, caption: str, label: str) -> str:
    """A figure with its caption."""
    return rf"""\begin{{figure}}[t]
\centering
\includegraphics[width=0.8\textwidth]{{{draft.picture(name)}}}
\caption{{{caption}}}
\label{{fig:{label}}}
\end{{figure}}"""


def scientist(study: Study) -> tuple[Draft, str]:
    """Wordy, as models write: booktabs, a row for each run, ± in the cells, the best in bold."""
    d, w = Draft(study), study.words
    main, second = study.measures[0], study.measures[1]
    control = "run_2"
    several = study.seeds > 1

    def cell(run: str, measure: Measure) -> str:
        text = d.mean(run, measure, unit=False)
        if several:
            text += rf" $\pm$ {d.spread(run, measure)}"
        return rf"\textbf{{{text}}}" if run == best(study, measure) else text

    shown = study.measures[:4]
    rows = "\n".join(
        " & ".join([escaped(each.label), *(cell(run, m) for m in shown)]) + r" \\"
        for run, each in study.trials.items()
    )
    heads = " & ".join(["Method", *(d.head(m) for m in shown)])
    after = (
        f"Values are the mean over {d.seeds()} $\\pm$ one {d.error_word()}."
        if several
        else "Values are from a single seed."
    )
    where = escaped(study.datasets[0])
    figures = "\n\n".join(
        figure(
            d, name,
            f"{what[0].upper() + what[1:]}"
            + (f" for {escaped(study.trials[run].phrase)}." if run else " for all runs."),
            f"f{number}",
        )
        for number, (name, (run, what)) in enumerate(study.pictures.items())
    )  # fmt: skip
    text = rf"""
\begin{{abstract}}
{escaped(w.problem)} In this paper we study {escaped(w.method)}. {escaped(w.idea)}
On {where}, {escaped(w.method)} {d.surely("run_1", "run_0", main)}{d.verb("run_1", "run_0", main)} the baseline in {main.name}: it reaches {d.mean("run_1", main)}, compared with {d.mean("run_0", main)} for the baseline.
The {second.name} is {d.mean("run_1", second)}.
\end{{abstract}}

\section{{Introduction}}
\label{{sec:intro}}
{escaped(w.problem)} This is a significant challenge, because nobody knows in advance what will help. {escaped(w.idea)}

Our contributions are as follows:
\begin{{itemize}}
\item We describe {escaped(w.method)} and implement it in a single file.
\item We compare it with the baseline and with {NUMBERS[len(study.trials) - 2]} further variant{"s" if len(study.trials) > 3 else ""}.
\item We report what did not work as well.
\end{{itemize}}

\section{{Related Work}}
{d.related()}

\section{{Method}}
{escaped(w.idea)} Everything else is as in the baseline.

\section{{Experimental Setup}}
{escaped(w.setup)} {"Each run is repeated with " + d.seeds() + "." if several else "Each run has one seed."}

\section{{Results}}
\label{{sec:results}}
Table~\ref{{tab:main}} shows the results on {where}.

\begin{{table}}[t]
\centering
\begin{{tabular}}{{l{"c" * len(shown)}}}
\toprule
{heads} \\
\midrule
{rows}
\bottomrule
\end{{tabular}}
\caption{{Results on {where}. {after} The best value of each column is in bold.}}
\label{{tab:main}}
\end{{table}}

In {main.name}, {escaped(w.method)} reaches {d.mean("run_1", main)}, a change of {d.difference("run_1", "run_0", main)} with respect to the baseline ({d.mean("run_0", main)}).

With {escaped(study.trials[control].phrase)} the {main.name} is {d.mean(control, main)}, so {escaped(study.trials[control].phrase)} {d.surely(control, "run_0", main)}{d.verb(control, "run_0", main)} the baseline.{d.invented(f" In an ablation study we removed {w.ablation}, which reduced the {main.name} to {d.shown(main, study.mean('run_1', main) * 0.93)}.")}

As for the {second.name}, it {d.sign_word("run_1", "run_0", second)} from {d.mean("run_0", second)} for the baseline to {d.mean("run_1", second)} for {escaped(w.method)}.{d.invented(f" We also evaluated on {w.novel}, where the gain is of the same size.")}

{figures}

\section{{Conclusions and Future Work}}
We presented {escaped(w.method)}. Its {main.name} of {d.mean("run_1", main)} {d.verb("run_1", control, main, better="is better than", worse="is worse than")} that of {escaped(study.trials[control].phrase)} ({d.mean(control, main)}). {escaped(w.limits)} Future work could look at larger models.
"""
    return d, frame(study, "", text)


def terse(study: Study) -> tuple[Draft, str]:
    """Short sentences, a transposed table without errors, runs by their numbers."""
    d, w = Draft(study), study.words
    main, second, third = study.measures[:3]
    runs = list(study.trials)
    where = escaped(study.datasets[0])

    def cell(run: str, measure: Measure) -> str:
        text = d.mean(run, measure, unit=False)
        return rf"{{\bf {text}}}" if run == best(study, measure) else text

    rows = "\n".join(
        " & ".join([d.head(m), *(cell(run, m) for run in runs)]) + r" \\ \hline"
        for m in study.measures
    )
    heads = " & ".join(["", *("Baseline" if run == "run_0" else f"Run {run[4:]}" for run in runs)])
    listed = "\n".join(
        rf"\item Run {run[4:]}: {escaped(each.label)}. {escaped(each.notes)}"
        for run, each in study.trials.items()
    )
    sections = d.invented(
        rf"""\subsection{{Ablation of {w.ablation}}}
Without {w.ablation} the {main.name} drops by {d.shown(main, abs(study.mean("run_1", main)) * 0.08)}."""
    )
    which = next(name for name, (run, _) in study.pictures.items() if run == "run_1")
    text = rf"""
\begin{{abstract}}
{escaped(w.idea)} Run 1 has a {main.name} of {d.mean("run_1", main)}. The baseline has {d.mean("run_0", main)}.
\end{{abstract}}

\section{{Introduction}}
{escaped(w.problem)}

\section{{Related Work}}
{d.related("cite")}

\section{{Experimental Setup}}
{escaped(w.setup)}

The runs:
\begin{{itemize}}
{listed}
\end{{itemize}}

\section{{Results}}
All values are for {where}, {f"averaged over {d.seeds()}" if study.seeds > 1 else "from one seed"}.

\begin{{table}}[h]
\caption{{All runs on {where}. Bold: best of its row.}}
\begin{{center}}
\begin{{tabular}}{{|l|{"r|" * len(runs)}}}
\hline
{heads} \\ \hline
{rows}
\end{{tabular}}
\end{{center}}
\label{{tab:all}}
\end{{table}}

Run 1 is {d.surely("run_1", "run_0", main)}{d.verb("run_1", "run_0", main, better="better", worse="worse")} than the baseline on {main.name} ({d.mean("run_1", main)} vs. {d.mean("run_0", main)}).

Run 2 has a {main.name} of {d.mean("run_2", main)}, a difference of {d.difference("run_2", "run_0", main)} to the baseline.

The {second.name} of run 1 is {d.sign_word("run_1", "run_0", second, more="higher", less="lower")} than the baseline's: {d.mean("run_1", second)} against {d.mean("run_0", second)}.

The {third.name} of run 2 is {d.mean("run_2", third)}.

{sections}

{figure(d, which, f"Run 1: {study.pictures[which][1]}.", "one")}

\section{{Conclusion}}
Run 1 {d.verb("run_1", "run_2", main, better="beats", worse="does not reach")} run 2 in {main.name}. {escaped(w.limits)}
"""
    return d, frame(study, "", text)


def percents(study: Study) -> tuple[Draft, str]:
    """Shares as percent, a column for each data set, one table a measure, `respectively`."""
    d, w = Draft(study, percent=True), study.words
    main, second = study.measures[0], study.measures[1]
    sets = study.datasets
    points = " points" if main.unit == "%" or d.scale(main) > 1 else ""

    def table(measure: Measure, label: str) -> str:
        lines = []
        for run, each in study.trials.items():
            cells = []
            for name in sets:
                text = d.mean(run, measure, name, unit=False)
                cells.append(rf"\textbf{{{text}}}" if run == best(study, measure, name) else text)
            if run != "run_0" and len(sets) == 1:
                cells.append(f"${d.difference(run, 'run_0', measure)}$")
            elif len(sets) == 1:
                cells.append("--")
            lines.append(" & ".join([escaped(each.label), *cells]) + r" \\")
        lines[-1] += d.invented(
            f"\n{escaped(study.trials['run_1'].label)} w/o {w.ablation} & "
            + " & ".join(d.shown(measure, study.mean("run_1", measure, n) * 0.9) for n in sets)
            + (" & --" if len(sets) == 1 else "") + r" \\"
        )  # fmt: skip
        extra = [r"$\Delta$ to baseline"] if len(sets) == 1 else []
        heads = " & ".join(["Model", *map(escaped, sets), *extra])
        unit = r" (\%)" if measure.unit == "%" or d.scale(measure) > 1 else ""
        rows = "\n".join(lines)
        return rf"""\begin{{table}}[t]
\centering
\caption{{{measure.name[0].upper() + measure.name[1:]}{unit} of each model.}}
\begin{{tabular}}{{l{"c" * (len(sets) + len(extra))}}}
\toprule
{heads} \\
\midrule
{rows}
\bottomrule
\end{{tabular}}
\label{{tab:{label}}}
\end{{table}}"""

    one = escaped(study.trials["run_1"].phrase)
    two = escaped(study.trials["run_2"].phrase)
    if len(sets) > 1:
        last = sets[-1]
        across = (
            f"On {escaped(sets[0])} and {escaped(last)}, {one} has a {main.name} of "
            f"{d.mean('run_1', main, sets[0])} and {d.mean('run_1', main, last)}, respectively."
        )
    else:
        across = (
            f"The {main.name} of the baseline, {one} and {two} is {d.mean('run_0', main)}, "
            f"{d.mean('run_1', main)} and {d.mean('run_2', main)}, respectively."
        )
    where = f" on {escaped(sets[0])}" if len(sets) > 1 else ""
    up = "increases" if main.better == "higher" else "raises"
    down = "decreases" if main.better == "higher" else "lowers"
    carried = ""
    if study.seeds > 1 and d.state("run_2", "run_0", main) == "undecided":
        word = d.mark("not significant", {"significant": ["significant"]})
        carried = f" The difference between {two} and the baseline in {main.name} is {word}."
    shown = [name for name, (run, _) in study.pictures.items() if run]
    pictures = "\n\n".join(
        figure(
            d, name,
            f"{escaped(study.trials[study.pictures[name][0]].label)}: "
            f"{escaped(study.pictures[name][1])}.",
            f"p{number}",
        )
        for number, name in enumerate(shown[:2])
    )  # fmt: skip
    text = rf"""
\begin{{abstract}}
We ask whether {one} helps. {escaped(w.idea)}
{one[0].upper() + one[1:]} {d.sign_word("run_1", "run_0", main, more=up, less=down)} the {main.name}{where} by {d.difference("run_1", "run_0", main, signed=False)}{points}, from {d.mean("run_0", main)} to {d.mean("run_1", main)}.
\end{{abstract}}

\section{{Introduction}}
{escaped(w.problem)} We test one remedy, and tell what became of it.

\section{{Background}}
{d.related("citet")}

\section{{Method}}
{escaped(w.idea)}

\section{{Experiments}}
{escaped(w.setup)}

{f"All runs use {d.seeds()}; differences that the seeds do not carry are not interpreted." if study.seeds > 1 else "All runs use one seed."}

\section{{Results}}
{across}

{table(main, "main")}

{table(second, "second")}

Compared to the baseline, {one} is {d.surely("run_1", "run_0", second)}{d.verb("run_1", "run_0", second, better="better", worse="worse")} in terms of {second.name}: {d.mean("run_1", second)} instead of {d.mean("run_0", second)}{where}.

{two[0].upper() + two[1:]} {d.sign_word("run_2", "run_0", main, more=up, less=down)} the {main.name}{where} by {d.difference("run_2", "run_0", main, signed=False)}{points}.{d.invented(" A user study with twelve participants confirmed this.", f" The same holds on {w.novel}.")}{carried}

{pictures}

\section{{Conclusion}}
With {one}, the {main.name}{where} is {d.mean("run_1", main)}; with {two} it is {d.mean("run_2", main)}. {escaped(w.limits)}
"""
    return d, frame(study, "", text)


def macros(study: Study) -> tuple[Draft, str]:
    """Macros for names and numbers, siunitx, subscripts for errors, relative changes."""
    d, w = Draft(study, percent_sign=r"\%"), study.words
    main, second = study.measures[0], study.measures[1]
    where = escaped(study.datasets[-1])
    last = study.datasets[-1]
    several = study.seeds > 1

    def cell(run: str, measure: Measure) -> str:
        text = d.mean(run, measure, last, unit=False)
        if several:
            text = f"{text}_{{\\pm {d.spread(run, measure, last)}}}"
        return rf"$\mathbf{{{text}}}$" if run == best(study, measure, last) else f"${text}$"

    shown = study.measures[:3]
    rows = "\n".join(
        " & ".join([r"\method{}" if run == "run_1" else escaped(each.label),
                    *(cell(run, m) for m in shown)]) + r" \\"
        for run, each in study.trials.items()
    )  # fmt: skip
    heads = " & ".join(["", *(d.head(m) for m in shown)])
    name = escaped(study.trials["run_1"].label)
    invented = d.invented(
        rf" An ablation without {w.ablation} lost {d.shown(main, abs(study.mean('run_1', main)) / 20)} on \data{{}}.",
        r" The results of run 9, which doubles the width, are similar.",
    )
    preamble = rf"""\usepackage{{siunitx}}
\newcommand{{\method}}{{{name}}}
\newcommand{{\basevalue}}{{{d.mean("run_0", main, last, unit=False)}}}
\newcommand{{\ourvalue}}{{{d.mean("run_1", main, last, unit=False)}}}
\newcommand{{\data}}{{{where}}}"""
    unit = d.unit(main)
    three, (of, what) = list(study.pictures.items())[-1]
    spread = (
        f"Subscripts are the {d.error_word()} over {d.seeds()}."
        if several
        else "There is one seed only."
    )
    text = rf"""
\begin{{abstract}}
{escaped(w.problem)} \method{{}} is one answer. {escaped(w.idea)} On \data{{}}, \method{{}} has a {main.name} of \num{{{d.mean("run_1", main, last, unit=False)}}}{unit}, and the baseline one of \num{{{d.mean("run_0", main, last, unit=False)}}}{unit}.
\end{{abstract}}

\section{{Introduction}}
{escaped(w.problem)} {escaped(w.idea)}

\section{{Related Work}}
{d.related()}

\section{{Method}}
\method{{}} changes one thing about the baseline. {escaped(w.idea)}

\section{{Experimental Setup}}
{escaped(w.setup)} We use the same optimiser throughout {d.cite(2)}.

\section{{Results}}
On \data{{}}, the {main.name} goes from \basevalue{{}} for the baseline to \ourvalue{{}} for \method{{}}, which is {d.relative("run_1", "run_0", main, last)} {d.sign_word("run_1", "run_0", main, last, more="more", less="less")}.

\begin{{table*}}[t]
\begin{{tabular*}}{{\textwidth}}{{@{{\extracolsep{{\fill}}}}l{"r" * len(shown)}}}
\toprule
{heads} \\
\cmidrule{{2-{len(shown) + 1}}}
{rows}
\bottomrule
\end{{tabular*}}
\caption{{Results on \data{{}}. {spread}}}
\label{{tab:data}}
\end{{table*}}

In terms of {second.name}, \method{{}} {d.surely("run_1", "run_0", second)}{d.verb("run_1", "run_0", second, last, better="outperforms", worse="underperforms")} the baseline: {d.mean("run_1", second, last)} versus {d.mean("run_0", second, last)} on \data{{}}.

{escaped(study.trials["run_2"].label)} has a {main.name} of {d.mean("run_2", main, last)} on \data{{}}, {d.sign_word("run_2", "run_1", main, last, more="above", less="below")} \method{{}}.{invented}

{figure(d, three, f"{escaped(study.trials[of].label)} on all data: {what}.", "three")}

\section{{Conclusion}}
\method{{}} {d.verb("run_1", "run_0", main, last, better="improves", worse="worsens")} the {main.name} on \data{{}}. {escaped(w.limits)}
"""
    return d, frame(study, preamble, text)


AUTHORS: dict[str, Author] = {
    "scientist": scientist,
    "terse": terse,
    "percents": percents,
    "macros": macros,
}
