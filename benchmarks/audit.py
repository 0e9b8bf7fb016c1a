"""Whether an audit finds what is wrong with a paper, and leaves alone what is right.

Papers that are known to be right (`benchmarks/papers`: some in the form of The AI Scientist, some
that `bonsai paper` wrote of recorded sweeps, as PDF) are audited as they are, and with errors of
twelve kinds planted in them by a fixed seed. An error is found if a row accuses the paper at its
place (its lines; in a PDF the words around it), of the right kind, and does not stand among the
rows of the paper without it. Every other row that accuses is a false alarm. A third of the papers,
by authors and on studies of their own, is held out: no check was made to fit them, and they are
told apart.

It ends with status 1 below 95 % found or above two false alarms a paper.

Run:  python benchmarks/audit.py [--papers PATTERN] [--show] [--only open|held-out]
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.papers.manuscripts import KINDS, Kind, Planted
from benchmarks.papers.planting import ERRORS, Manuscript, manuscripts
from benchmarks.papers.written import Written, written_papers
from bonsai.audit.findings import Finding

LEAST_FOUND = 0.95
MOST_FALSE_ALARMS = 2.0
# What a row may be about that tells of an error of each kind.
NUMBERS = {"number", "comparison", "bold", "missing run"}
RIGHT: dict[Kind, set[str]] = {
    "digit": NUMBERS,
    "run": NUMBERS,
    "sign": NUMBERS,
    "unit": NUMBERS,
    "rounding": NUMBERS,
    "stale": NUMBERS,
    "exchanged": {"comparison", "certainty", "verdict"},
    "ablation": {"missing run", "number", "comparison"},
    "citation": {"citation"},
    "figure": {"figure"},
    "significant": {"certainty", "verdict"},
    "spread": {"spread", "seeds", "number"},
}


@dataclass
class Result:
    """What came of a paper.

    Attributes:
        name: the paper's.
        held_out: whether it is.
        planted: what was planted, and whether it was found.
        clean: the rows that accuse it as it is right.
        elsewhere: rows that accuse it elsewhere than where something was planted.
    """

    name: str
    held_out: bool
    planted: list[tuple[Planted, bool]] = field(default_factory=list)
    clean: list[Finding] = field(default_factory=list)
    elsewhere: list[Finding] = field(default_factory=list)


def audit(paper: Path, results: Path) -> list[Finding]:
    """The rows that accuse a paper, as `bonsai audit` computes them."""
    from bonsai.audit import auditing
    from bonsai.audit.evidence import gather_facts
    from bonsai.audit.reading import read

    found = auditing.audit(read(paper, results), gather_facts(results))
    return [each for each in found.findings if each.accuses]


def lines(place: str) -> tuple[int, int] | None:
    """The lines that a place names, the first and the last."""
    told = re.search(r"\blines? (\d+)(?:\s*(?:to|-|–)\s*(\d+))?", place)
    return (int(told[1]), int(told[2] or told[1])) if told else None


def stands_in(row: Finding, planted: Planted) -> bool:
    """Whether a row is about the block that an error was planted in."""
    told = lines(row.place)
    if not planted.block.first:
        return quotes(row, planted)
    if told is None:
        return False
    return told[0] <= planted.block.last and planted.block.first <= told[1]


def quotes(row: Finding, planted: Planted) -> bool:
    """Whether a row about a PDF quotes the block that an error was planted in, and the error."""

    def words(text: str) -> list[str]:
        return re.findall(r"[\w.]*\w", text.replace("−", "-").replace("\xad", "").lower())

    there, said = set(words(planted.block.text)), words(row.said)
    number = re.search(r"\d[\d.,]*", planted.wrong)
    if number and number.group().rstrip(".,") not in row.said:
        return False
    if planted.kind == "figure" and planted.right not in row.said:
        return False
    return bool(said) and sum(word in there for word in said) >= 0.7 * len(said)


def tell_apart(
    rows: Sequence[Finding], planted: Sequence[Planted], clean: Sequence[Finding]
) -> tuple[list[bool], list[Finding]]:
    """Which errors were found, and which rows are about none of them."""
    known = {(each.kind, each.said, each.found) for each in clean}
    new = [each for each in rows if (each.kind, each.said, each.found) not in known]
    found = [
        any(row.kind in RIGHT[error.kind] and stands_in(row, error) for row in new)
        for error in planted
    ]
    return found, [row for row in rows if not any(stands_in(row, error) for error in planted)]


def judge(paper: Manuscript | Written, home: Path, so_far: Counter[Kind]) -> Result:
    """Audit a paper as it is, and with errors in it."""
    clean = audit(*paper.write(home / "clean"))
    wrong, planted = paper.plant(ERRORS, so_far)
    rows = audit(*paper.write(home / "planted", wrong))
    found, elsewhere = tell_apart(rows, planted, clean)
    return Result(
        paper.name, paper.held_out, list(zip(planted, found, strict=True)), clean, elsewhere
    )


def judge_all(papers: Iterable[Manuscript | Written]) -> list[Result]:
    """Audit papers one after the other."""
    so_far: Counter[Kind] = Counter()
    results = []
    for paper in papers:
        with tempfile.TemporaryDirectory() as home:
            results.append(judge(paper, Path(home), so_far))
    return results


def told(title: str, results: Sequence[Result]) -> tuple[float, float]:
    """Print what came of papers; returns the share found and the false alarms a paper."""
    planted = [each for result in results for each in result.planted]
    print(f"\n{title}: {len(results)} papers, {len(planted)} errors")
    for kind, words in KINDS.items():
        of_kind = [found for error, found in planted if error.kind == kind]
        if of_kind:
            share = 100 * sum(of_kind) / len(of_kind)
            print(f"  {words:32} {len(of_kind):4} planted {sum(of_kind):4} found {share:6.1f} %")
    share = sum(found for _, found in planted) / max(1, len(planted))
    alarms = [len(each.clean) for each in results]
    elsewhere = [len(each.elsewhere) for each in results]
    mean = sum(alarms) / max(1, len(alarms))
    print(f"  found: {100 * share:.1f} %")
    print(f"  false alarms a paper: mean {mean:.2f}, worst {max(alarms, default=0)}; with errors")
    print(
        f"  in it, elsewhere: mean {sum(elsewhere) / max(1, len(elsewhere)):.2f}, "
        f"worst {max(elsewhere, default=0)}"
    )
    return share, mean


def show(results: Iterable[Result]) -> None:
    """Print what was missed, and the false alarms."""
    for result in results:
        for error, found in result.planted:
            if not found:
                print(f"missed: {result.name}: {KINDS[error.kind]}: {error.right!r} -> "
                      f"{error.wrong!r} in lines {error.block.first}-{error.block.last}: "
                      f"{' '.join(error.block.text.split())[:300]}")  # fmt: skip
        for name, rows in (("false", result.clean), ("elsewhere", result.elsewhere)):
            for row in rows:
                if name == "false" or row not in result.clean:
                    print(f"{name}: {result.name}: {row.place}: {row.kind}, {row.status}, "
                          f"{row.sure}: {row.said!r}: {row.found}")  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Audit all papers, and tell what came of it."""
    parser = argparse.ArgumentParser(description="errors planted in papers, and how many are found")
    parser.add_argument("--papers", default="", help="only those whose name matches this")
    parser.add_argument("--only", choices=("open", "held-out"), help="a part of them")
    parser.add_argument("--show", action="store_true", help="print what was missed, and alarms")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    papers = [
        each for each in (*manuscripts(), *written_papers())
        if re.search(options.papers, each.name)
        and (options.only is None or each.held_out == (options.only == "held-out"))
    ]  # fmt: skip
    results = judge_all(papers)
    if options.show:
        show(results)
    parts = {
        "Open papers": [each for each in results if not each.held_out],
        "Held-out papers": [each for each in results if each.held_out],
    }
    good = True
    for title, part in {**parts, "All papers": results}.items():
        if part:
            share, mean = told(title, part)
            good = good and share >= LEAST_FOUND and mean <= MOST_FALSE_ALARMS
    print(f"\n{time.monotonic() - began:.0f} s")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
