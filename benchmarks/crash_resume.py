"""Kill a sweep again and again and compare what comes of it; time resume against finished ideas.

A sweep of a tiny template (real aider, real programs, real git) is killed with SIGKILL in each of
its steps, at random moments, and resumed, round after round with other moments, until there were as
many kills as were asked for. Each round ends in a comparison with an undisturbed sweep.

Then ledgers of many finished ideas are made of real entries, with replies as long as a real
model's, and `bonsai resume` is timed from its start until the first new step begins.

Run:  python benchmarks/crash_resume.py [--kills 30] [--seed 0] [--ideas 10,100,1000,10000]
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # for the tests' own sweeps

from tests import crashes  # noqa: E402

CASSETTES = ROOT / "templates" / "fashion_mnist" / "cassettes"
TIMES = 3  # each resume is timed so often; the median counts


def main() -> None:
    """Kill, compare, time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=30, help="at least so many; default: 30")
    parser.add_argument("--seed", type=int, default=0, help="of the moments; default: 0")
    parser.add_argument("--ideas", default="10,100,1000,10000", help="sizes of the ledgers")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        undisturbed = crashes.Sweep(home / "undisturbed")
        undisturbed.resume()
        _kill(home, undisturbed, arguments.kills, random.Random(arguments.seed))
        _time(home, undisturbed, [int(count) for count in arguments.ideas.split(",")])


def _kill(home: Path, undisturbed: crashes.Sweep, wanted: int, rng: random.Random) -> None:
    kills = resumes = 0
    under_way: Counter[str] = Counter()
    found: list[str] = []
    while kills < wanted:
        sweep = crashes.Sweep(home / f"killed-{kills}")
        tally = crashes.kill_in_every_step(sweep, undisturbed, rng)
        sweep.resume()
        found += crashes.differences(sweep, undisturbed)
        kills, resumes = kills + tally.kills, resumes + tally.resumes + 1
        under_way += tally.under_way
    print(f"{kills} kills, {resumes} resumes, {len(found)} differences to the undisturbed sweep")
    print("hit:", ", ".join(f"{step} {count}" for step, count in under_way.most_common()))
    for difference in found:
        print(difference[:500])


def _time(home: Path, undisturbed: crashes.Sweep, sizes: list[int]) -> None:
    replies = [path.read_text(encoding="utf-8") for path in sorted(CASSETTES.glob("*/*.md"))]
    typical = sorted(replies, key=len)[len(replies) * 2 // 3]
    print(f"{'finished ideas':>14}{'ledger MB':>11}{'resume s':>10}")
    for size in sizes:
        sweep = crashes.Sweep(home / f"large-{size}")
        crashes.fill(sweep, undisturbed, size, typical)
        seconds = []
        for _ in range(TIMES):
            started = time.monotonic()
            sweep.kill_in_step(1, 0, True, home / "report")
            seconds.append(time.monotonic() - started)
        megabytes = (sweep.results / "ledger.jsonl").stat().st_size / 1e6
        print(f"{size:>14}{megabytes:>11.1f}{statistics.median(seconds):>10.2f}")


if __name__ == "__main__":
    main()
