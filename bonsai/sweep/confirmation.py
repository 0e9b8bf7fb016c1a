"""Whether an idea's claims hold on seeds that no agent saw: interim analyses of more and more.

In the ledger and in folders an interim analysis is called a look.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bonsai.evaluation import (
    BASELINE_RUN,
    Machine,
    RunFailed,
    Scores,
    checks,
    joined,
    run_fresh_seeds,
    verdict,
)
from bonsai.models import Account
from bonsai.sweep.context import Context
from bonsai.sweep.journal import Journal, Result
from bonsai.templates import Claim, Reported


@dataclass
class Confirmation:
    """The interim analyses of one idea.

    Attributes:
        context: what the ideas of the template share.
        folder: where the idea's fresh runs go.
        journal: where they are recorded.
        machine: what they run on.
        account: whose hours they take.
        claims: what is to be decided.
        code: `experiment.py` as it was in a run, byte for byte.
        check_seeds: raises RunFailed if results do not depend on the seed.
        state: what every entry of the ledger carries.
        log: where stdout and stderr of a run of that name go.
        most_seeds: none of the planned analyses goes beyond these; None: all may be made.
    """

    context: Context
    folder: Path
    journal: Journal
    machine: Machine
    account: Account
    claims: Sequence[Claim]
    code: Callable[[str], bytes]
    check_seeds: Callable[[Scores], None]
    state: Callable[[], dict[str, object]]
    log: Callable[[str], Path]
    most_seeds: int | None = None
    _fresh: dict[str, list[Scores]] = field(default_factory=dict)
    _baseline: list[Scores] = field(default_factory=list)

    def run(self, best: str, runs: dict[str, Scores]) -> None:
        """Look at the best run, and at those that claims compare it with, until all is decided."""
        against = {claim.against for claim in self.claims} & set(runs) - {best}
        rivals = sorted(against)
        for analysis in range(self._possible()):
            for name in (best, *rivals):
                entry = self.journal.step("confirm", partial(self._run, name, analysis, runs[name]))
                if entry.ok:
                    scores = Scores.model_validate(entry.data["scores"])
                    self._fresh.setdefault(name, []).append(scores)
                elif name == best:
                    return
                else:
                    rivals = [rival for rival in rivals if rival != name]
            baseline = self.context.fresh_baseline(analysis)
            if baseline is None:
                return
            self._baseline.append(baseline)
            if not self.journal.step("look", partial(self._analyse, analysis, best)).data["more"]:
                return

    def _possible(self) -> int:
        """How many of the planned analyses may be made."""
        counts = self.context.settings.interim_analyses()
        return len([n for n in counts if self.most_seeds is None or n <= self.most_seeds])

    def _run(self, name: str, analysis: int, before: Scores) -> Result:
        """Run a run's code on the seeds of an analysis; on the first also again on a known seed."""
        template = self.context.template
        fresh = self.context.settings.fresh_seeds(analysis)
        known = before.seeds[:1] if analysis == 0 else []
        try:
            done = run_fresh_seeds(
                template, self.code(name), self.folder / name / f"look_{analysis + 1}",
                data=self.context.data, seeds=[*fresh, *known],
                log=self.log(f"confirm-{name}-look_{analysis + 1}"), machine=self.machine,
            )  # fmt: skip
            scores = done.scores.of(fresh)
            self.check_seeds(scores)
        except RunFailed as error:
            failed = {"feedback": str(error), "kind": error.kind, "run": name}
            return Result(False, str(error).splitlines()[0], self.state() | failed)
        found = checks.of_run(template, self.context.data, done, self.context.baseline.scores)
        if known:
            found.append(checks.repeats(template, before, done.scores.of(known), done.device))
        primary = template.scorer.primary
        message = f"{name}: {primary} {scores.means[primary]:.4g} on {len(fresh)} fresh seeds"
        data = done.record() | {
            "scores": scores.model_dump(),
            "run": name,
            "look": analysis + 1,
            "checks": [check.model_dump() for check in found],
            "curve": checks.curve(template, self.folder / name / f"look_{analysis + 1}" / "run"),
        }
        return Result(True, message, self.state() | data)

    def _is_exact(self, own: Scores, theirs: Scores, metric: str) -> bool:
        scorer = self.context.template.scorer
        seedless = isinstance(scorer, Reported) and scorer.seeding == "none"
        return seedless and not (own.varies(metric) or theirs.varies(metric))

    def _analyse(self, analysis: int, best: str) -> Result:
        """Whether the claims are decided, and whether more seeds may well decide them."""
        counts = self.context.settings.interim_analyses()
        together = self.context.ideas * len(self.claims)  # as if every idea claimed as much
        hopeful = []
        for claim in self.claims:
            if claim.against == best:
                continue  # nothing to compare with
            other = self._baseline
            if claim.against != BASELINE_RUN:
                other = self._fresh.get(claim.against, [])
            if len(other) <= analysis:
                continue
            own, theirs = joined(self._fresh[best]), joined(other)
            if claim.metric in own.per_seed and claim.metric in theirs.per_seed:
                if self._is_exact(own, theirs, claim.metric):
                    continue  # more of the same would decide nothing
                comparison = verdict.compare(
                    own.per_seed[claim.metric], theirs.per_seed[claim.metric], len(counts)
                )
                if verdict.is_worth_more(claim, comparison, together, counts[-1]):
                    hopeful.append(claim)
        more = bool(hopeful) and analysis + 1 < self._possible()
        why = "decided, or out of reach"
        if more:
            why = f"{counts[analysis + 1] - counts[analysis]} more may decide it"
            if over := self.account.time_is_up():
                more, why = False, over
        elif hopeful:
            why = "undecided"
        message = f"after {counts[analysis]} fresh seeds: {why}"
        return Result(True, message, self.state() | {"more": more})
