"""What is done with an idea's program, whoever wrote it: smoke, run, score, draw, confirm.

Every step goes through the journal, so what is finished is never done again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from bonsai.base import Entry, untrusted
from bonsai.evaluation import Measured, RunFailed, Scores, checks, pictures, run_experiment
from bonsai.execution import Program, Snapshot, out_of_scope, sha256
from bonsai.kit import watched
from bonsai.sweep.confirmation import Confirmation
from bonsai.sweep.context import Context
from bonsai.sweep.conversation import Conversation
from bonsai.sweep.journal import Journal, Result
from bonsai.sweep.workspace import Workspace
from bonsai.templates import SELF_REPORTED, Claim, Idea


@dataclass
class Progress:
    """What is known of an idea so far; rebuilt from the journal when a sweep is resumed."""

    runs: dict[str, Scores] = field(default_factory=dict)
    commits: dict[str, str] = field(default_factory=dict)  # of experiment.py, per run
    failures: list[str] = field(default_factory=list)
    seen: dict[str, str] = field(
        default_factory=dict
    )  # hash of experiment.py -> the run that had it
    over: str | None = None  # why no further run is begun, if a budget or the cassette ended
    claims: list[Claim] = field(default_factory=list)
    tries: int = 0
    problem: str | None = None  # what the agent must mend


class Trial:
    """One idea in its workspace: its program is tried, measured, drawn and judged."""

    def __init__(
        self,
        context: Context,
        idea: Idea,
        make_journal: Callable[[Callable[[Entry | None], None]], Journal],
        on_line: Callable[[str], None],
    ) -> None:
        """Prepare; nothing is written yet.

        Args:
            context: what the ideas of the template share.
            idea: the idea.
            make_journal: makes the journal, given what to call before its first new step.
            on_line: hears of the progress inside a run.
        """
        self.context = context
        self.idea = idea
        self.folder = context.folder / idea.Name
        self.workspace = Workspace(self.folder / "workspace")
        self.machine = replace(context.machine, on_line=on_line)
        self.progress = Progress()
        self.talk = Conversation(context, idea, self.folder, self.workspace)
        self.journal = make_journal(lambda last: self.talk.go_live(last, self.journal.remark))

    def _start(self) -> Result:
        commit = self.workspace.create(
            self.context.template, self.context.baseline.folder, self.idea
        )
        data = self.talk.state(commit) | {"experiment": sha256(self._experiment)}
        return Result(True, f"workspace of {self.idea.Title!r}", data)

    def _smoke(self) -> Result:
        out = self.workspace.folder / "run_smoke"
        seeds = self._agent_seeds()[:2]  # two: a second seed meets what the first one left behind
        try:
            self._experiment_run(out, seeds, smoke=True)
        except RunFailed as error:
            return self._failed(error)
        finally:
            untrusted.remove(out)
        return Result(True, "--smoke passes", self.talk.state())

    def _run(self, name: str) -> Result:
        out = self.workspace.folder / name
        try:
            done = self._experiment_run(out, self._agent_seeds())
        except RunFailed as error:
            untrusted.remove(out)
            return self._failed(error)
        untrusted.remove(out / "experiment.py")
        shutil.copy(self._experiment, out / "experiment.py")  # the code lies beside its result
        message = self._describe(done.scores)
        commit = self.workspace.commit(f"{name}: {message}")
        found = checks.of_run(
            self.context.template, self.context.data, done, self.context.baseline.scores
        )
        found += checks.reporting(self.context.template, self._experiment.read_bytes())
        found.append(checks.frozen_files(self.context.template, self.workspace.folder))
        data = self.talk.state(commit) | done.record()
        data |= {"checks": [each.model_dump() for each in found]}
        data |= {"run": name, "experiment": sha256(self._experiment)}
        return Result(True, message, data)

    def _plots(self) -> Result:
        limits = self.context.template.limits(1, self.machine.limits)
        before = Snapshot.of(self.workspace.folder)
        earlier = pictures.drawn(self.workspace.folder)
        # Without score.py a data set is what the program calls it: "MNIST" is not the kit's MNIST.
        kit_data = None if self.context.template.is_self_reported else self.context.data
        program = Program(
            ("-m", watched.__name__, "plot.py"), self.workspace.folder, limits.plot_seconds,
            limits, hides=(".git",), data=kit_data, labels=True,
        )  # fmt: skip
        done = self.machine.run(program, self._log("plots"))
        changed = [name for name in before.changed() if name.endswith(".png")]
        offences = out_of_scope(before, changed)
        now = pictures.drawn(self.workspace.folder)  # a picture that is drawn again as it was, too
        made = [name for name, time in now.items() if earlier.get(name) != time]
        blank = [why for name in made if (why := pictures.problem(self.workspace.folder / name))]
        if done.ok and not offences and made and not blank:
            return Result(
                True, f"{len(made)} figures", self.talk.state(self.workspace.commit("figures"))
            )
        why = (
            done.problem if not done.ok
            else f"changed {', '.join(offences)}, which was undone" if offences
            else f"left no picture: {blank[0]}" if blank
            else "made no figure"
        )  # fmt: skip
        data = self.talk.state() | {
            "feedback": f"plot.py {why}\n{done.error[-1500:]}",
            "kind": "no figure",
        }
        return Result(False, f"plot.py {why}", data)

    def _plots_of_template(self) -> Result:
        """The figures by the template's own plot.py: an idea must not lose its pictures."""
        plot = self.context.template.folder / "plot.py"
        if not plot.is_file():
            return Result(True, "no figures: the template has no plot.py", self.talk.state())
        shutil.copy(plot, self.workspace.folder / "plot.py")
        return self._plots()

    def _confirm(self) -> None:
        progress = self.progress
        if not progress.runs:
            return
        Confirmation(
            self.context, self.folder / "confirm", self.journal, self.machine, self.talk.account,
            progress.claims,
            code=lambda run: self.workspace.file_at(progress.commits[run], "experiment.py"),
            check_seeds=self._check_seeds, state=self.talk.state, log=self._log,
        ).run(self._best_run(), progress.runs)  # fmt: skip

    def _end(self) -> Result:
        runs = len(self.progress.runs)
        over = self.progress.over
        if runs == 0:
            failures = self.progress.failures
            why = over or (f"last: {failures[-1]}" if failures else "no edit was made")
            return Result(False, f"no run finished; {why}", self.talk.state())
        message = f"{runs} run{'s' * (runs != 1)} finished" + (f"; {over}" if over else "")
        return Result(True, message, self.talk.state())

    # --- what steps left ------------------------------------------------------------------------

    def _seal_as(self, sealed: Entry) -> None:
        self.progress.claims = [Claim.model_validate(each) for each in sealed.data["claims"]]

    def _take_in(self, run: Entry) -> None:
        """Remember a finished run."""
        progress, name = self.progress, run.data["run"]
        progress.runs[name] = Scores.model_validate(run.data["scores"])
        progress.commits[name] = run.data["commit"]
        progress.seen[run.data["experiment"]] = name
        progress.tries, progress.problem = 0, None

    def _fell_through(self, entry: Entry) -> None:
        """Remember a try that came to nothing."""
        self.progress.tries += 1
        self.progress.problem = entry.data.get("feedback", entry.message)
        self.progress.failures.append(entry.message)

    def _is_over(self, entry: Entry) -> bool:
        if entry.data.get("over"):
            self.progress.over = entry.message
        return self.progress.over is not None

    # --- helpers --------------------------------------------------------------------------------

    @property
    def _experiment(self) -> Path:
        return self.workspace.folder / "experiment.py"

    def _agent_seeds(self) -> list[int]:
        return self.context.baseline.scores.seeds

    def _log(self, name: str) -> Path:
        return self.folder / "logs" / f"{len(self.progress.failures):02d}-{name}"

    def _best_run(self) -> str:
        """The best by a validation metric; a run that a claim names as a control is not the idea's.

        Unless there is no other.
        """
        scorer = self.context.template.scorer
        sign = -1.0 if scorer.metrics[scorer.selection].better == "lower" else 1.0
        controls = {claim.against for claim in self.progress.claims}
        return max(
            [run for run in self.progress.runs if run not in controls] or self.progress.runs,
            key=lambda name: sign * self.progress.runs[name].means[scorer.selection],
        )

    def _describe(self, scores: Scores) -> str:
        metric = self.context.template.scorer.primary
        mean, base = scores.means[metric], self.context.baseline.scores.means[metric]
        own = f", {SELF_REPORTED}" if self.context.template.is_self_reported else ""
        return f"{metric} {mean:.4g} ({mean - base:+.3g} to the baseline's seeds{own})"

    def _experiment_run(self, out: Path, seeds: list[int], smoke: bool = False) -> Measured:
        """Run in the workspace, and undo whatever the experiment wrote outside its `--out_dir`."""
        before = Snapshot.of(self.workspace.folder)
        try:
            done = run_experiment(
                self.context.template, self.workspace.folder, out, data=self.context.data,
                seeds=seeds, log=self._log(out.name), machine=self.machine, smoke=smoke,
            )  # fmt: skip
        finally:
            inside = [name for name in before.changed() if name.startswith(f"{out.name}/")]
            offences = out_of_scope(before, inside)
        if not smoke:
            self._check_seeds(done.scores)
        if offences:
            raise RunFailed(
                "wrote elsewhere",
                f"experiment.py changed {', '.join(offences[:5])}, which was undone; write only "
                "into --out_dir",
            )
        return done

    def _check_seeds(self, scores: Scores) -> None:
        """Refuse results on which the seed has no effect: nobody could say how sure they are.

        Predictions that were taken from an earlier run show in this way, too.
        """
        if self.context.baseline.scores.seeds_differ and not scores.seeds_differ:
            raise RunFailed(
                "results not believed",
                f"the outcomes of seeds {', '.join(map(str, scores.seeds))} are the same in every "
                "array, and the baseline's are not: they must come from training with the seed "
                "that train was given",
            )

    def _failed(self, error: RunFailed) -> Result:
        text = str(error)
        data = self.talk.state() | {"feedback": text, "kind": error.kind}
        return Result(False, text.splitlines()[0], data)
