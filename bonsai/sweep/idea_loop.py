"""How one idea is worked on: plan, edit, guard, smoke, run, score, feed back, plot, notes, confirm.

Every step goes through the journal, so what is finished is never done again. A failure of the model
or of its code is one try and one clear message; it never ends the sweep, and finished runs stay.
"""

from __future__ import annotations

from functools import partial

from bonsai.base import BonsaiError, Entry, plain_text, says
from bonsai.evaluation import claims
from bonsai.execution import sha256, syntax_problem
from bonsai.models.agents import FINISHED
from bonsai.sweep import prompts
from bonsai.sweep.journal import Result
from bonsai.sweep.trial import Trial
from bonsai.templates import EDITABLE

PLOT_TRIES = 2


class IdeaLoop(Trial):
    """Works on one idea until its runs or its tries are used up."""

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
                self._take_in(entry)
            else:
                self._fell_through(entry)

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
        self._seal_as(sealed)
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

    # --- helpers --------------------------------------------------------------------------------

    def _results(self) -> str:
        runs = self.progress.runs
        latest = next(reversed(runs), "run_0")
        curves = {
            name: prompts.describe_curves(self.workspace.folder / name / "history.json")
            for name in dict.fromkeys(("run_0", latest))
        }
        return self.context.prompts.results(runs, curves)
