r"""The authors that are looked at only at the end, so that no check is made to fit them."""

# ruff: noqa: E501

from __future__ import annotations

from benchmarks.papers.authors import Author, best, escaped, figure, frame
from benchmarks.papers.manuscripts import NUMBERS, Draft
from benchmarks.papers.studies import Measure, Study


def essayist(study: Study) -> tuple[Draft, str]:
    """Long paragraphs, values in brackets, number words, tables with rows that span."""
    d, w = Draft(study, percent_sign=r" percent"), study.words
    main, second, third = study.measures[:3]
    sets = study.datasets
    one, two = (escaped(study.trials[run].phrase) for run in ("run_1", "run_2"))
    ahead = sum(d.gains("run_1", "run_0", main, each) for each in sets)
    several = study.seeds > 1

    rows = []
    for name in sets:
        for number, (run, each) in enumerate(study.trials.items()):
            first = (
                rf"\multirow{{{len(study.trials)}}}{{*}}{{{escaped(name)}}}" if not number else ""
            )
            cells = [
                rf"\bm{{{d.mean(run, m, name, unit=False)}}}"
                if run == best(study, m, name) else d.mean(run, m, name, unit=False)
                for m in (main, second)
            ]  # fmt: skip
            rows.append(
                " & ".join([first, escaped(each.label), *(f"${cell}$" for cell in cells)]) + r" \\"
            )
        rows.append(r"\midrule" if name != sets[-1] else r"\bottomrule")
    table = "\n".join(rows)
    over = (
        f"In {NUMBERS.get(ahead, ahead) if ahead else 'none'} of {NUMBERS[len(sets)]} data sets "
        f"{one} is ahead of the baseline in {main.name}. "
        if len(sets) > 1
        else ""
    )
    where = f" on {escaped(sets[0])}" if len(sets) > 1 else ""
    carried = ""
    if several and d.state("run_1", "run_0", main) == "undecided":
        word = d.mark("is not statistically significant", {"significant": ["is statistically significant"]})  # fmt: skip
        carried = f"The difference between {one} and the baseline {word}. "
    shown = next(name for name, (run, _) in study.pictures.items() if run)
    of, what = study.pictures[shown]
    text = rf"""
\begin{{abstract}}
{escaped(w.problem)} The question of this paper is whether {one} is worth its price. {escaped(w.idea)} What we found is that the {main.name}{where} {d.sign_word("run_1", "run_0", main, more="went up", less="went down")} when the baseline was exchanged for {one} ({d.mean("run_0", main)} before, {d.mean("run_1", main)} after).
\end{{abstract}}

\section{{Introduction}}
{escaped(w.problem)} There is no shortage of remedies, and most of them were never compared with anything as plain as a baseline. {escaped(w.idea)} We take the time to do so, and hope that the reader has the patience.

\section{{Related Work}}
{d.related()} It would lead too far to list all others.

\section{{Experimental Setup}}
{escaped(w.setup)} {"Every configuration was run with " + d.seeds() + ", and all values are means." if several else "Every configuration was run once, with one seed."}

\section{{Results}}
{over}{carried}The baseline's {main.name}{where} ({d.mean("run_0", main)}) is {d.verb("run_0", "run_1", main, better="better than", worse="worse than")} that of {one} ({d.mean("run_1", main)}), while {two} comes to {d.mean("run_2", main)}.{d.invented(f" When {w.ablation} was taken away, the {main.name} became worse by {d.shown(main, abs(study.mean('run_1', main)) / 12)}.")}

\begin{{table}}[ht]
\caption{{{main.name[0].upper() + main.name[1:]} and {second.name} by data set and configuration; the better the bolder.}}
\label{{tab:all}}
\begin{{tabular}}{{llrr}}
\toprule
Data & Configuration & {d.head(main)} & {d.head(second)} \\
\midrule
{table}
\end{{tabular}}
\end{{table}}

One may ask what it costs. The {third.name}{where} is {d.mean("run_0", third)} for the baseline, {d.mean("run_1", third)} for {one}, and {d.mean("run_2", third)} for {two}; in other words, {one} has {d.ratio("run_1", "run_0", third)} times the {third.name} of the baseline{where}.

{figure(d, shown, f"What was seen of {escaped(study.trials[of].label)}: {what}.", "seen")}

\section{{Discussion}}
{one[0].upper() + one[1:]} {d.surely("run_1", "run_2", main)}{d.verb("run_1", "run_2", main, better="surpasses", worse="trails")} {two} in {main.name}{where}.{d.invented(f" Experiments on {w.novel} led to the same conclusion.")} {escaped(w.limits)}
"""
    return d, frame(study, r"\usepackage{multirow,bm}", text)


def engineer(study: Study) -> tuple[Draft, str]:
    """Lists instead of sentences, errors in columns of their own, changes in brackets."""
    d, w = Draft(study, percent=True), study.words
    main, second, third = study.measures[:3]
    name = study.datasets[-1]
    where = escaped(name)
    several = study.seeds > 1
    runs = list(study.trials)

    def cells(run: str, measure: Measure) -> list[str]:
        text = d.mean(run, measure, name, unit=False)
        found = [rf"\textbf{{{text}}}" if run == best(study, measure, name) else text]
        return [*found, d.spread(run, measure, name)] if several else found

    shown = study.measures[:3]
    width = 2 if several else 1
    rows = "\n".join(
        " & ".join([escaped(f"{run} ({study.trials[run].label})"),
                    *(cell for m in shown for cell in cells(run, m))]) + r" \\"
        for run in runs
    )  # fmt: skip
    heads = " & ".join(["", *(rf"\multicolumn{{{width}}}{{c}}{{{d.head(m)}}}" for m in shown)])
    below = " & ".join(["Run", *(["mean", "SE"] * len(shown))]) + " \\\\\n" if several else ""
    items = "\n".join(
        rf"\item \texttt{{{escaped(run)}}} vs.\ baseline: {main.name} {d.mean(run, main, name)} "
        rf"({d.difference(run, 'run_0', main, name)}), {third.name} {d.mean(run, third, name)} "
        rf"({d.ratio(run, 'run_0', third, name)}$\times$)."
        for run in runs[1:]
    )
    less = d.shown(main, study.mean("run_1", main, name) * 0.91)
    invented = d.invented(
        f"\n\\item Ablation (no {w.ablation}): {main.name} drops to {less}.",
        "\n\\item \\texttt{run\\_8} vs.\\ baseline: no change.",
    )
    told = f"SE is the {d.error_word()} over n = {study.seeds} seeds." if several else "n = 1."
    pictures = "\n\n".join(
        figure(d, file, f"{escaped(run)}: {what}", f"e{number}")
        for number, (file, (run, what)) in enumerate(study.pictures.items()) if run
    )  # fmt: skip
    text = rf"""
\begin{{abstract}}
\textbf{{Change.}} {escaped(w.idea)} \textbf{{Outcome on {where}.}} {main.name[0].upper() + main.name[1:]}: {d.mean("run_1", main, name)} ({d.difference("run_1", "run_0", main, name)} vs.\ baseline). {second.name[0].upper() + second.name[1:]}: {d.mean("run_1", second, name)}.
\end{{abstract}}

\section{{Motivation}}
{escaped(w.problem)}

\section{{Prior work}}
{d.related("citep")}

\section{{Protocol}}
{escaped(w.setup)} Data: {", ".join(map(escaped, study.datasets))}. {"Seeds per run: " + str(study.seeds) + "." if several else ""}

\section{{Results}}
Summary ({where}):
\begin{{itemize}}
{items}{invented}
\end{{itemize}}

\begin{{table}}
\begin{{tabular}}{{l{"rr" * len(shown) if several else "r" * len(shown)}}}
\hline
{heads} \\
{below}\hline
{rows}
\hline
\end{{tabular}}
\caption{{{where}: all runs. {told}}}
\end{{table}}

{d.verb("run_1", "run_0", second, name, better="Better", worse="Worse")} {second.name} than the baseline for \texttt{{run\_1}} ({d.mean("run_1", second, name)} vs.\ {d.mean("run_0", second, name)}).

{pictures}

\section{{Takeaways}}
\begin{{itemize}}
\item \texttt{{run\_1}} is {d.surely("run_1", "run_2", main)}{d.verb("run_1", "run_2", main, name, better="better", worse="worse")} than \texttt{{run\_2}} on {main.name}.
\item {escaped(w.limits)}
\end{{itemize}}
"""
    return d, frame(study, "", text)


HELD_OUT: dict[str, Author] = {"essayist": essayist, "engineer": engineer}
