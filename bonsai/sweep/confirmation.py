"""Whether an idea's claims hold on seeds that no agent saw: looks at more and more of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bonsai.evaluation import checks, verdict
from bonsai.evaluation.claims import BASELINE_RUN
from bonsai.evaluation.runs import Machine, RunFailed, run_fresh_seeds
from bonsai.evaluation.scores import Scores, joined
from bonsai.models.budget import Account
from bonsai.sweep.context import Bench
from bonsai.sweep.journal import Journal, Result
from bonsai.templates.contract import Claim


@dataclass
class Confirmation:
    """The looks at one idea.

    Attributes:
        bench: what the ideas of the template share.
        folder: where the idea's fresh runs go.
        journal: where the looks are recorded.
        machine: what they run on.
        account: whose hours they take.
        claims: what is to be decided.
        code: the text of `experiment.py` as it was in a run.
        check_seeds: raises RunFailed if results do not depend on the seed.
        state: what every entry of the ledger carries.
        log: where stdout and stderr of a run of that name go.
    """

    bench: Bench
    folder: Path
    journal: Journal
    machine: Machine
    account: Account
    claims: Sequence[Claim]
    code: Callable[[str], str]
    check_seeds: Callable[[Scores], None]
    state: Callable[[], dict[str, object]]
    log: Callable[[str], Path]
    _fresh: dict[str, list[Scores]] = field(default_factory=dict)
    _baseline: list[Scores] = field(default_factory=list)

    def run(self, best: str, runs: dict[str, Scores]) -> None:
        """Look at the best run, and at those that claims compare it with, until all is decided."""
        against = {claim.against for claim in self.claims} & set(runs) - {best}
        rivals = sorted(against)
        for look in range(len(self.bench.settings.looks())):
            for name in (best, *rivals):
                entry = self.journal.step("confirm", partial(self._run, name, look, runs[name]))
                if entry.ok:
                    scores = Scores.model_validate(entry.data["scores"])
                    self._fresh.setdefault(name, []).append(scores)
                elif name == best:
                    return
                else:
                    rivals = [rival for rival in rivals if rival != name]
            baseline = self.bench.fresh_baseline(look)
            if baseline is None:
                return
            self._baseline.append(baseline)
            if not self.journal.step("look", partial(self._look, look, best)).data["more"]:
                return

    def _run(self, name: str, look: int, before: Scores) -> Result:
        """Run a run's code on the seeds of a look; on the first also once more on a known seed."""
        template = self.bench.template
        fresh = self.bench.settings.fresh_seeds(look)
        known = before.seeds[:1] if look == 0 else []
        try:
            done = run_fresh_seeds(
                template, self.code(name), self.folder / name / f"look_{look + 1}",
                data=self.bench.data, seeds=[*fresh, *known],
                log=self.log(f"confirm-{name}-look_{look + 1}"), machine=self.machine,
            )  # fmt: skip
            scores = done.scores.of(fresh)
            self.check_seeds(scores)
        except RunFailed as error:
            failed = {"feedback": str(error), "kind": error.kind, "run": name}
            return Result(False, str(error).splitlines()[0], self.state() | failed)
        found = checks.of_run(template, self.bench.data, done, self.bench.baseline.scores)
        if known:
            found.append(checks.repeats(template, before, done.scores.of(known), done.device))
        primary = template.scorer.primary
        message = f"{name}: {primary} {scores.means[primary]:.4g} on {len(fresh)} fresh seeds"
        data = done.record() | {
            "scores": scores.model_dump(),
            "run": name,
            "look": look + 1,
            "checks": [check.model_dump() for check in found],
            "curve": checks.curve(template, self.folder / name / f"look_{look + 1}" / "run"),
        }
        return Result(True, message, self.state() | data)

    def _look(self, look: int, best: str) -> Result:
        """Whether the claims are decided, and whether more seeds may well decide them."""
        counts = self.bench.settings.looks()
        together = self.bench.ideas * len(self.claims)  # as if every idea claimed as much
        hopeful = []
        for claim in self.claims:
            if claim.against == best:
                continue  # nothing to compare with
            other = self._baseline
            if claim.against != BASELINE_RUN:
                other = self._fresh.get(claim.against, [])
            if len(other) <= look:
                continue
            own, theirs = joined(self._fresh[best]), joined(other)
            if claim.metric in own.per_seed and claim.metric in theirs.per_seed:
                comparison = verdict.compare(
                    own.per_seed[claim.metric], theirs.per_seed[claim.metric], len(counts)
                )
                if verdict.is_worth_more(claim, comparison, together, counts[-1]):
                    hopeful.append(claim)
        more = bool(hopeful) and look + 1 < len(counts)
        why = "decided, or out of reach"
        if more:
            why = f"{counts[look + 1] - counts[look]} more may decide it"
            if over := self.account.time_is_up():
                more, why = False, over
        elif hopeful:
            why = "undecided"
        message = f"after {counts[look]} fresh seeds: {why}"
        return Result(True, message, self.state() | {"more": more})
