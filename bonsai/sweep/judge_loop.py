"""How a program is judged that was brought: it is run, drawn and confirmed as an idea's would be.

Nobody edits it. What it claims is sealed before it is run for the first time, as an idea's claims
are before the first edit.
"""

from __future__ import annotations

from functools import partial

from bonsai.base import BonsaiError
from bonsai.evaluation import claims
from bonsai.execution import sha256, syntax_problem
from bonsai.sweep.journal import Result
from bonsai.sweep.trial import Trial

RUN = "run_1"


class JudgeLoop(Trial):
    """Has one program measured until its claim is decided, or its seeds are used up."""

    def run(self) -> None:
        """Do every step that is not done yet.

        Raises:
            execute.Cancelled: the sweep was told to stop.
        """
        self.journal.step("start", self._start)
        self._seal()
        if self._is_run():
            self.journal.step("plots", self._plots_of_template)
            self._confirm()
        self.journal.step("end", self._end)

    def _is_run(self) -> bool:
        """Run the program on the template's own seeds; whether it gave a result."""
        steps = (
            ("program", self._take),
            ("smoke", partial(self.talk.in_time, self._smoke)),
            ("run", partial(self.talk.in_time, partial(self._run, RUN))),
        )
        for name, work in steps:
            entry = self.journal.step(name, work)
            if not entry.ok:
                if not self._is_over(entry):
                    self._fell_through(entry)
                return False
        self._take_in(entry)
        return True

    def _seal(self) -> None:
        template = self.context.template
        made = claims.complete(self.idea.Claims or [], template)
        data = self.talk.state() | {
            "claims": [claim.model_dump() for claim in made], "sha256": claims.seal(made),
        }  # fmt: skip
        count = f"{len(made)} claim{'s' * (len(made) != 1)} sealed"
        self._seal_as(self.journal.step("claims", lambda: Result(True, count, data)))

    def _take(self) -> Result:
        """Let the program be the workspace's experiment."""
        settings, template = self.context.settings, self.context.template
        given = settings.given(template.name, self.idea.Name)
        assert given is not None, "the loop is for programs that were brought"
        try:
            content = given.read(self.context.folder.parent)
        except BonsaiError as error:
            return Result(False, str(error), self.talk.state() | {"kind": "program gone"})
        before = sha256(self._experiment)
        self._experiment.write_bytes(content)
        commit = self.workspace.commit(f"the program of {given.origin}")
        data = self.talk.state(commit) | {
            "origin": given.origin, "sha256": given.sha256,
            "changed": sha256(self._experiment) != before,
        }  # fmt: skip
        if problem := syntax_problem(self._experiment):
            told = f"does not parse: {problem.splitlines()[0]}"
            return Result(False, told, data | {"feedback": problem, "kind": "syntax"})
        return Result(True, f"taken from {given.origin}", data)
