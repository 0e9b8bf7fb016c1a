"""How often verdicts are wrong, how often they find what is there, and how many seeds that takes.

Whole sweeps are simulated with the runner's own functions: each idea is looked at after 8, 16, 32
fresh seeds for as long as `is_worth_more` says, and `judge` speaks the verdicts on all claims
together. Ideas of a sweep share their baseline, so their differences hang together, as in reality.

First ideas that change nothing (an A/A test), with noise of several shapes; then ideas with planted
effects; then what hope costs, the constant by which a look decides whether to go on. Beside them
stand, on the same numbers, a paired t-test with Holm's correction on a fixed number of seeds, and
the habit of calling each improvement of the mean progress. Then programs without `score.py`, whose
seeds the runner moves from outside; at last real ideas that change nothing but the random numbers
go through the real runner.

Effects are in standard deviations of the difference between an idea and its baseline on one seed
(Cohen's d for paired samples). Intervals are Clopper and Pearson's, 95 %.

Run:  python benchmarks/verdicts.py [--scale 1] [--seed 0] [--real 8]
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from scipy import stats

from bonsai.cli.board import Board
from bonsai.evaluation import programs, verdict
from bonsai.evaluation.verdict import Verdict
from bonsai.kit import launched
from bonsai.report.summary import summarise
from bonsai.settings import CONFIRM_SEEDS, MAX_CONFIRM_SEEDS, Assignment, Settings
from bonsai.sweep.sweep import Sweep
from bonsai.templates import Option, Reported
from bonsai.templates.contract import Claim, Idea
from bonsai.templates.template import Template

TOY = Path(__file__).resolve().parent.parent / "tests" / "toy"
NOMINAL = verdict.LEVEL / 2  # of claims wrongly supported, and of claims wrongly refuted
LOOKS = verdict.interim_analyses(CONFIRM_SEEDS, MAX_CONFIRM_SEEDS)
MOST = LOOKS[-1]
AGENT_SEEDS = 3  # on which an agent sees a mean improve, or not
SAMPLES = 200_000  # from which a noise's standard deviation is taken

Values = npt.NDArray[np.float64]
Noise = Callable[[np.random.Generator, tuple[int, ...]], Values]


@dataclass(frozen=True)
class Plan:
    """Simulated sweeps of one kind.

    Attributes:
        noise: what ideas and baselines differ by from seed to seed.
        ideas: how many there are in a sweep.
        sweeps: how many sweeps.
        effect: of every idea.
        claims: smallest effects that every idea claims; 0 is the claim on the primary metric.
        baseline_noise: of the baseline, if it is another.
    """

    noise: Noise
    ideas: int
    sweeps: int
    effect: float = 0.0
    claims: tuple[float, ...] = (0.0,)
    baseline_noise: Noise | None = None


@dataclass
class Count:
    """How the claims of many sweeps ended.

    Attributes:
        claims: how many there were.
        words: how many of them ended with each verdict.
        sweeps: how many sweeps there were.
        sweeps_with: in how many of them a verdict came up at all.
        seeds: fresh seeds that were spent on each idea.
    """

    claims: int = 0
    words: Counter[str] = field(default_factory=Counter)
    sweeps: int = 0
    sweeps_with: Counter[str] = field(default_factory=Counter)
    seeds: list[int] = field(default_factory=list)

    def add(self, words: Sequence[str], seeds: Sequence[int]) -> None:
        """Count one sweep."""
        self.claims += len(words)
        self.words.update(words)
        self.sweeps += 1
        self.sweeps_with.update(set(words))
        self.seeds.extend(seeds)

    def sweep_rate(self, word: str) -> str:
        """The share of sweeps in which a verdict came up, with its interval."""
        return _rate(self.sweeps_with[word], self.sweeps)

    def claim_rate(self, word: str) -> str:
        """The share of claims that ended with a verdict, with its interval."""
        return _rate(self.words[word], self.claims)

    @property
    def mean_seeds(self) -> float:
        """Fresh seeds an idea."""
        return float(np.mean(self.seeds))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0, help="times as many sweeps; default: 1")
    parser.add_argument("--seed", type=int, default=0, help="of the simulation; default: 0")
    parser.add_argument("--real", type=int, default=8, help="real ideas; default: 8")
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)

    def many(sweeps: int) -> int:
        return max(1, round(sweeps * arguments.scale))

    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        noises = _noises(_real_values(Path(folder)))
        _print_nulls(noises, many, rng)
        _print_power(noises["normal"], many, rng)
        _print_hope(noises["normal"], many, rng)
        _print_reported(many, rng)
        print(f"\nsimulated in {time.monotonic() - started:.0f} s\n", flush=True)
        if arguments.real:
            _print_real(Path(folder), arguments.real)


# --- the tables -----------------------------------------------------------------------------------


def _print_nulls(
    noises: dict[str, Noise], many: Callable[[int], int], rng: np.random.Generator
) -> None:
    print(
        f"Ideas that change nothing; in at most {NOMINAL:.1%} of sweeps may a claim be supported,\n"
        f"in at most {NOMINAL:.1%} one that is true be refuted. In %, with intervals.\n"
    )
    print(
        f"{'noise':<24}{'ideas':>6}{'sweeps':>8}{'supported in':>22}{'refuted in':>22}"
        f"{'supported claims':>22}{'seeds':>7}"
    )
    normal = noises["normal"]
    plans = {
        "normal": [Plan(normal, count, many(sweeps)) for count, sweeps in
                   ((1, 600), (5, 240), (14, 120), (50, 40))],
        **{name: [Plan(noise, 1, many(600)), Plan(noise, 14, many(80))]
           for name, noise in noises.items() if name != "normal"},
        "claims of 0 and 0.5": [Plan(normal, 5, many(150), claims=(0.0, 0.5))],
        "gain 0.5, claim 0.5 *": [Plan(normal, 5, many(150), effect=0.5, claims=(0.5,))],
        "skewed against normal": [Plan(noises["skewed"], 1, many(600), baseline_noise=normal)],
        "skewed against steady +": [Plan(noises["skewed"], 1, many(600), baseline_noise=_steady)],
    }  # fmt: skip
    for name, rows in plans.items():
        for plan in rows:
            found = simulate(plan, rng)
            print(
                f"{name:<24}{plan.ideas:>6}{plan.sweeps:>8}{found.sweep_rate('supported'):>22}"
                f"{found.sweep_rate('refuted'):>22}{found.claim_rate('supported'):>22}"
                f"{found.mean_seeds:>7.1f}",
                flush=True,
            )
    habit = _habit(normal, 14, many(2000), rng)
    print(
        "\n* here to be supported is right, and to be refuted is wrong\n"
        "+ what no test of few seeds can see: an idea that is a little better on nine seeds of\n"
        "  ten, and so much worse on the tenth that nothing is gained; here the differences are\n"
        "  not symmetric about zero, which both tests count on\n"
        f"the habit: the mean of {AGENT_SEEDS} seeds improved, so it is progress: "
        f"{habit.claim_rate('supported')} % of ideas, "
        f"{habit.sweep_rate('supported')} % of sweeps of 14\n"
    )


def _print_power(noise: Noise, many: Callable[[int], int], rng: np.random.Generator) -> None:
    print(
        "Planted effects: % of ideas supported, with intervals, and seeds an idea. Fixed: paired\n"
        "t-test and Holm's correction, after 8 and after 32 seeds.\n"
    )
    print(
        f"{'effect':>6}{'ideas':>7}{'sequential':>22}{'seeds':>7}{'fixed, 8 seeds':>22}"
        f"{'fixed, 32 seeds':>22}"
    )
    for effect in (0.25, 0.5, 1.0, 2.0):
        for ideas, sweeps in ((1, 150), (14, 12)):
            plan = Plan(noise, ideas, many(sweeps), effect=effect)
            runs = [_draw(plan, rng) for _ in range(plan.sweeps)]
            found = _follow(plan, runs)
            print(
                f"{effect:>6}{ideas:>7}{found.claim_rate('supported'):>22}{found.mean_seeds:>7.1f}"
                + "".join(
                    f"{_fixed(runs, seeds).claim_rate('supported'):>22}" for seeds in (8, 32)
                ),
                flush=True,
            )


def _print_hope(noise: Noise, many: Callable[[int], int], rng: np.random.Generator) -> None:
    print("\nWhat hope costs (the constant HOPE of verdict.py), with 14 ideas a sweep:\n")
    print(f"{'hope':>6}{'seeds of a null idea':>24}" + "".join(
        f"{f'effect {effect}':>22}{'seeds':>7}" for effect in (0.5, 1.0)
    ))  # fmt: skip
    plans = [Plan(noise, 14, many(12), effect) for effect in (0.0, 0.5, 1.0)]
    drawn = [[_draw(plan, rng) for _ in range(plan.sweeps)] for plan in plans]
    usual = verdict.HOPE
    for hope in (0.0, 0.5, 1.0, 1.5):
        verdict.HOPE = hope
        null, *planted = (_follow(plan, runs) for plan, runs in zip(plans, drawn, strict=True))
        print(f"{hope:>6}{null.mean_seeds:>24.1f}" + "".join(
            f"{found.claim_rate('supported'):>22}{found.mean_seeds:>7.1f}" for found in planted
        ), flush=True)  # fmt: skip
    verdict.HOPE = usual


def _print_real(folder: Path, count: int) -> None:
    started = time.monotonic()
    words, seeds = _sweep_really(folder, count)
    told = ", ".join(f"{number} {word}" for word, number in words.most_common())
    print(
        f"{count} real ideas that change nothing but the random numbers, through the real runner:\n"
        f"{told}; {seeds:.1f} fresh seeds an idea, {time.monotonic() - started:.0f} s"
    )


def _print_reported(many: Callable[[int], int], rng: np.random.Generator) -> None:
    print(
        "\nPrograms without score.py, with ideas that only draw their random numbers later: seeds\n"
        "reach them as in a sweep. In %, with intervals.\n"
    )
    print(f"{'seeds of the program':<24}{'ideas':>6}{'sweeps':>8}{'supported in':>22}"
          f"{'refuted in':>22}{'spread':>8}")  # fmt: skip
    for kind in PROGRAMS:
        for ideas, sweeps in ((1, many(600)), (14, many(80))):
            runs = _run_programs(kind, ideas, sweeps, rng)
            found = _follow(Plan(_steady, ideas, sweeps), runs)
            spread = np.mean([values.std(ddof=1) for values, _ in runs])
            print(f"{kind:<24}{ideas:>6}{sweeps:>8}{found.sweep_rate('supported'):>22}"
                  f"{found.sweep_rate('refuted'):>22}{spread:>8.3f}", flush=True)  # fmt: skip


# --- programs without score.py --------------------------------------------------------------------

PROGRAMS: dict[str, str] = {  # `later` numbers are drawn before those that count
    "fixed within": "np.random.seed(1337); np.random.rand(later); "
    "score = np.random.randn(40).var()",
    "by --seed": "rng = np.random.default_rng(seed); rng.random(later); "
    "score = rng.normal(size=40).var()",
    "none": "np.random.rand(later); [random.random() for _ in range(later)]; "
    "score = np.random.randn(40).var() + random.random()",
}
WORKER = """
import importlib.util, json, random, sys
code, path, runs = json.load(sys.stdin)
spec = importlib.util.spec_from_file_location("launcher", path)
launcher = importlib.util.module_from_spec(spec)
spec.loader.exec_module(launcher)
launcher.change_random()
import numpy as np
launcher.change_numpy(np.random)
compiled, scores = compile(code, "experiment.py", "exec"), []
for shift, start, seed, later in runs:  # each as a process of its own would begin
    launcher._shift, launcher._start, launcher._unseeded = shift, start, 0
    random.seed()
    np.random.seed()
    names = {"np": np, "random": random, "seed": seed, "later": later}
    exec(compiled, names)
    scores.append(float(names["score"]))
json.dump(scores, sys.stdout)
"""


def _run_programs(
    kind: str, ideas: int, sweeps: int, rng: np.random.Generator
) -> list[tuple[Values, Values]]:
    """The scores of ideas, shape (ideas, MOST), and of the baseline, for sweeps on fresh seeds."""
    how = Reported(
        directions={"score": "higher"}, selection="score", dataset="toy",
        seeding="option" if kind == "by --seed" else "shifted",
        option=Option(flag="--seed", default=(0,)) if kind == "by --seed" else None,
    )  # fmt: skip
    runs = []
    for _ in range(sweeps):
        first = 1000 * (1 + int(rng.integers(1_000_000)))
        for later in range(ideas + 1):
            for seed in range(first, first + MOST):
                given = programs.variables(how, seed)
                own = programs.arguments(how, "run_1", seed)[3:]
                runs.append((
                    int(given[launched.SHIFT]), int(given[launched.START]),
                    int(own[0]) if own else 0, later,
                ))  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", WORKER], capture_output=True, text=True, check=True,
        input=json.dumps([PROGRAMS[kind], str(launched.FOLDER / "sitecustomize.py"), runs]),
    )  # fmt: skip
    scores = np.asarray(json.loads(done.stdout)).reshape(sweeps, ideas + 1, MOST)
    return [(each[1:], each[0]) for each in scores]


# --- simulated sweeps -----------------------------------------------------------------------------


def simulate(plan: Plan, rng: np.random.Generator) -> Count:
    """Draw sweeps and judge them as the runner does."""
    return _follow(plan, [_draw(plan, rng) for _ in range(plan.sweeps)])


def _draw(plan: Plan, rng: np.random.Generator) -> tuple[Values, Values]:
    """The metric of all ideas, shape (ideas, MOST), and of the baseline, shape (MOST,).

    Noise has a variance of a half, so that the difference of two has one of 1.
    """
    baseline = (plan.baseline_noise or plan.noise)(rng, (MOST,))
    return plan.noise(rng, (plan.ideas, MOST)) + plan.effect, baseline


def _follow(plan: Plan, sweeps: Sequence[tuple[Values, Values]]) -> Count:
    count = Count()
    claims = [Claim(metric="m", direction="higher", smallest_effect=size) for size in plan.claims]
    together = plan.ideas * len(claims)
    for ideas, baseline in sweeps:
        open_verdicts, seeds = [], []
        for idea in ideas:
            for looked_at in LOOKS:
                comparison = verdict.compare(idea[:looked_at], baseline[:looked_at], len(LOOKS))
                if not any(
                    verdict.is_worth_more(claim, comparison, together, MOST) for claim in claims
                ):
                    break
            seeds.append(looked_at)
            open_verdicts += [Verdict(claim=claim, comparison=comparison) for claim in claims]
        count.add([judged.word for judged in verdict.judge(open_verdicts)], seeds)
    return count


def _fixed(sweeps: Sequence[tuple[Values, Values]], seeds: int) -> Count:
    """The textbook: one look after a fixed number of seeds, paired t-test, Holm."""
    count = Count()
    for ideas, baseline in sweeps:
        differences = ideas[:, :seeds] - baseline[:seeds]
        adjusted = verdict.holm(stats.ttest_1samp(differences, 0.0, axis=1).pvalue)
        words = [
            "undecided" if p >= verdict.LEVEL else "supported" if mean > 0 else "refuted"
            for p, mean in zip(adjusted, differences.mean(axis=1), strict=True)
        ]
        count.add(words, [seeds] * len(ideas))
    return count


def _habit(noise: Noise, ideas: int, sweeps: int, rng: np.random.Generator) -> Count:
    """What is done without statistics: a larger mean on the agent's seeds is progress."""
    count = Count()
    for _ in range(sweeps):
        means = noise(rng, (ideas, AGENT_SEEDS)).mean(axis=1)
        better = means > noise(rng, (AGENT_SEEDS,)).mean()
        count.add(["supported" if yes else "refuted" for yes in better], [AGENT_SEEDS] * ideas)
    return count


def _noises(real: Values) -> dict[str, Noise]:
    """Noises by name: mean 0, variance 1/2, so that the difference of two has variance 1."""
    shapes: dict[str, Noise] = {
        "normal": lambda rng, shape: rng.normal(size=shape),
        "heavy tails (t3)": lambda rng, shape: rng.standard_t(3, size=shape),
        # One seed in ten does not learn, and loses what is twenty times the others' spread.
        "skewed": lambda rng, shape: rng.normal(size=shape) - 20 * (rng.random(shape) < 0.1),
        "rounded, 200 images": lambda rng, shape: rng.binomial(200, 0.93, size=shape) / 2,
        f"{len(real)} real seeds": lambda rng, shape: rng.choice(real, size=shape),
    }
    return {name: _scaled(shape) for name, shape in shapes.items()}


def _steady(rng: np.random.Generator, shape: tuple[int, ...]) -> Values:
    """Hardly any noise at all."""
    return rng.normal(scale=0.01, size=shape)


def _scaled(shape: Noise) -> Noise:
    many = shape(np.random.default_rng(0), (SAMPLES,))
    mean, scale = many.mean(), many.std() * np.sqrt(2)
    return lambda rng, size: (shape(rng, size) - mean) / scale


def _rate(part: int, whole: int) -> str:
    """A share in % with its interval."""
    interval = stats.binomtest(part, whole).proportion_ci(method="exact")
    return f"{100 * part / whole:.1f} ({100 * interval.low:.1f} to {100 * interval.high:.1f})"


# --- real numbers ---------------------------------------------------------------------------------


def _real_values(folder: Path, seeds: int = 300) -> Values:
    """The accuracy of the tests' toy template, a ridge regression on digits, with many seeds."""
    out = folder / "real_seeds"
    command = [sys.executable, "-B", str(TOY / "experiment.py"), "--out_dir", str(out)]
    subprocess.run([*command, "--seeds", f"0-{seeds - 1}"], check=True, capture_output=True)
    info = json.loads((out / "final_info.json").read_text())
    return np.asarray(info["digits"]["final_info_dict"]["test_accuracy"])


def _sweep_really(home: Path, count: int) -> tuple[Counter[str], float]:
    """Sweep a template with ideas that draw other random numbers; verdicts, and seeds an idea."""
    os.environ["BONSAI_DATA"] = str(home / "data")
    toy, results = home / "toy", home / "results"
    shutil.copytree(TOY, toy, ignore=shutil.ignore_patterns("cassettes", "__pycache__"))
    results.mkdir()
    ideas = []
    for number in range(1, count + 1):
        name = f"other_numbers_{number}"
        ideas.append(Idea(Name=name, Title="Other numbers", Experiment="Draw other numbers."))
        replies = toy / "cassettes" / name
        replies.mkdir(parents=True)
        line = "    rng = np.random.default_rng(seed)\n"
        other = line.replace("(seed)", f"([seed, {number}])")
        (replies / "01-plan.md").write_text("Nothing is claimed.\n")
        (replies / "02-edit.md").write_text(
            "experiment.py\n```python\n"
            f"<<<<<<< SEARCH\n{line}=======\n{other}>>>>>>> REPLACE\n```\n"
        )
    settings = Settings(
        assignments=[Assignment(template=str(Template(toy).folder), ideas=ideas)],
        max_runs=1, workers=min(2, len(os.sched_getaffinity(0))), first_fresh_seed=1_000_000,
    )  # fmt: skip
    settings.save(results)
    Sweep(results, settings, Board(Console(file=io.StringIO()))).run()
    found = [idea for _, idea in summarise(results).ideas]
    seeds = [len(idea.comparison.differences) for idea in found if idea.comparison]
    return Counter(idea.word for idea in found), float(np.mean(seeds))


if __name__ == "__main__":
    main()
