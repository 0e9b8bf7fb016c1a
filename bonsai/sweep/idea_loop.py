"""How one idea is worked on: plan, edit, guard, smoke, run, score, feed back, plot, notes, confirm.

Every step goes through the journal, so what is finished is never done again. A failure of the model
or of its code is one try and one clear message; it never ends the sweep, and finished runs stay.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from bonsai.base import BonsaiError, Entry, plain_text, says, untrusted
from bonsai.evaluation import Measured, RunFailed, Scores, checks, claims, pictures, run_experiment
from bonsai.execution import Program, Snapshot, out_of_scope, sha256, syntax_problem
from bonsai.kit import watched
from bonsai.models.agents import FINISHED
from bonsai.sweep import prompts
from bonsai.sweep.confirmation import Confirmation
from bonsai.sweep.context import Context
from bonsai.sweep.conversation import Conversation
from bonsai.sweep.journal import Journal, Result
from bonsai.sweep.workspace import Workspace
from bonsai.templates import EDITABLE, SELF_REPORTED, Claim, Idea

PLOT_TRIES = 2


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


class IdeaLoop:
    """Works on one idea until its runs or its tries are used up."""

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

    def run(self) -> None:
        """Do every step that is not done yet.

        Raises:
            execute.Cancelled: the sweep was told to stop.
            ServiceGone: the model's service is away; the idea is not over.
        """
        try:
            start = self.journal.step("start", self._start)
            self.progress.seen[start.data["experiment"]] = "run_0"
            if not self._is_over(self._plan_and_claims()):
                self._runs()
                self._write_up()
            self._confirm()
            self.journal.step("end", self._end)
        finally:
            self.talk.close()

    # --- the steps, in the order in which they happen -------------------------------------------

    def _runs(self) -> None:
        progress, settings = self.progress, self.context.settings
        while len(progress.runs) < settings.max_runs and progress.tries < settings.max_tries:
            name = f"run_{len(progress.runs) + 1}"
            entry = self.journal.step("edit", self._edit)
            if entry.data.get("finished"):
                return
            if entry.ok:
                entry = self.journal.step("smoke", partial(self.talk.in_time, self._smoke))
            if entry.ok:
                run = partial(self._run, name)
                entry = self.journal.step("run", partial(self.talk.in_time, run))
            if self._is_over(entry):
                return
            if entry.ok:
                progress.runs[name] = Scores.model_validate(entry.data["scores"])
                progress.commits[name] = entry.data["commit"]
                progress.seen[entry.data["experiment"]] = name
                progress.tries, progress.problem = 0, None
            else:
                progress.tries += 1
                progress.problem = entry.data.get("feedback", entry.message)
                progress.failures.append(entry.message)

    def _start(self) -> Result:
        commit = self.workspace.create(
            self.context.template, self.context.baseline.folder, self.idea
        )
        data = self.talk.state(commit) | {"experiment": sha256(self._experiment)}
        return Result(True, f"workspace of {self.idea.Title!r}", data)

    def _plan_and_claims(self) -> Entry:
        """Have a plan and claims made, and seal the claims; returns the last entry."""
        plan = self.journal.step("plan", self._plan)
        for last in (False, True):
            sealed = self.journal.step("claims", partial(self._seal, last))
            if sealed.ok or last:
                break
            self.progress.problem = sealed.data["feedback"]
            plan = self.journal.step("plan", self._mend_claims)
            self.progress.problem = None
        self.progress.claims = [Claim.model_validate(each) for each in sealed.data["claims"]]
        return plan

    def _plan(self) -> Result:
        message = self.context.prompts.message(
            "plan", self.idea, max_runs=self.context.settings.max_runs,
            claims=self.context.prompts.claims(self.idea),
        )  # fmt: skip
        own = () if self.idea.Claims is not None else (claims.FILE,)
        return self.talk.ask("plan", message, ("notes.txt", *own))

    def _mend_claims(self) -> Result:
        message = self.context.prompts.message(
            "mend_claims", self.idea, problem=self.progress.problem,
            claims=self.context.prompts.claims(self.idea),
        )  # fmt: skip
        return self.talk.ask("plan", message, (claims.FILE,))

    def _seal(self, last: bool) -> Result:
        """Record what is claimed; without claims that can be judged, only what every idea claims.

        Args:
            last: whether the agent gets no other chance to mend them.
        """
        template = self.context.template
        problem = None
        try:
            made = claims.read(self.workspace.folder, template)
        except BonsaiError as error:
            problem = str(error).replace(f"{self.workspace.folder}/", "")
            if not last and self.idea.Claims is None:
                again = {"feedback": problem, "kind": "unusable claims"}
                return Result(False, problem, self.talk.state() | again)
            made = [claims.primary_claim(template)]
        data = self.talk.state()
        data |= {"claims": [claim.model_dump() for claim in made], "sha256": claims.seal(made)}
        if problem:
            data["kind"] = "unusable claims"
        count = f"{len(made)} claim{'s' * (len(made) != 1)} sealed"
        told = f"{problem}; {count}" if problem else count
        return Result(problem is None, told, data)

    def _edit(self) -> Result:
        progress, settings = self.progress, self.context.settings
        shared = {
            "run_number": len(progress.runs) + 1,
            "results": self._results(),
            "failures": prompts.describe_failures(progress.failures),
        }
        if progress.problem is None:
            notes = plain_text((self.workspace.folder / "notes.txt").read_bytes())
            message = self.context.prompts.message(
                "edit",
                self.idea,
                plan=prompts.clip_notes(notes),
                max_runs=settings.max_runs,
                **shared,
            )
        else:
            message = self.context.prompts.message(
                "mend", self.idea, problem=progress.problem,
                try_number=progress.tries + 1, max_tries=settings.max_tries, **shared,
            )  # fmt: skip
        before = sha256(self._experiment)
        result = self.talk.ask("edit", message, EDITABLE)
        if not result.ok or result.data.get("over"):
            return result
        after = sha256(self._experiment)
        if problem := syntax_problem(self._experiment):
            return Result(
                False,
                f"does not parse: {problem.splitlines()[0]}",
                result.data | {"feedback": problem, "kind": "syntax"},
            )
        if after != before:
            if (same := progress.seen.get(after)) is not None:
                text = f"experiment.py is again what it was in {same}"
                return Result(False, text, result.data | {"kind": "no edit"})
            return result
        if not says(result.data["reply"], FINISHED):
            text = "the reply held no edit of experiment.py"
            return Result(False, text, result.data | {"kind": "no edit"})
        if not progress.runs:
            text = f"{FINISHED} was said before any run"
            return Result(False, text, result.data | {"kind": "no edit"})
        return Result(True, "the agent is finished", result.data | {"finished": True})

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

    def _write_up(self) -> None:
        if not self.progress.runs:
            return
        self.progress.problem = None
        for _ in range(PLOT_TRIES):
            if self.journal.step("write_up", self._ask_write_up).data.get("over"):
                break
            plots = self.journal.step("plots", self._plots)
            if plots.ok:
                return
            self.progress.problem = plots.data.get("feedback", plots.message)
        self.journal.step("plots", self._plots_of_template)

    def _ask_write_up(self) -> Result:
        failures = prompts.describe_failures(self.progress.failures)
        if self.progress.problem:
            failures += f"# What went wrong with plot.py\n{self.progress.problem}\n\n"
        self.talk.session().seek("write_up")
        message = self.context.prompts.message(
            "write_up", self.idea, results=self._results(), failures=failures
        )
        return self.talk.ask("write_up", message, ("plot.py", "notes.txt"))

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
        shutil.copy(self.context.template.folder / "plot.py", self.workspace.folder / "plot.py")
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

    def _results(self) -> str:
        runs = self.progress.runs
        latest = next(reversed(runs), "run_0")
        curves = {
            name: prompts.describe_curves(self.workspace.folder / name / "history.json")
            for name in dict.fromkeys(("run_0", latest))
        }
        return self.context.prompts.results(runs, curves)

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

    def _is_over(self, entry: Entry) -> bool:
        if entry.data.get("over"):
            self.progress.over = entry.message
        return self.progress.over is not None

    def _failed(self, error: RunFailed) -> Result:
        text = str(error)
        data = self.talk.state() | {"feedback": text, "kind": error.kind}
        return Result(False, text.splitlines()[0], data)
