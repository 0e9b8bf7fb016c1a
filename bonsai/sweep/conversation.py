"""The conversation with the agent about one idea: messages go out, edits come back as commits.

What was changed is found by comparing files; what may not be changed is put back. Every step's
entry in the ledger carries where workspace and conversation stand (`state`), so that a sweep that
is resumed can return to that point.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bonsai.base import Entry
from bonsai.execution import Snapshot, out_of_scope
from bonsai.models import Session, cassette
from bonsai.models.agents import called, runs_commands
from bonsai.sweep.context import Context
from bonsai.sweep.journal import Result
from bonsai.sweep.surroundings import surroundings
from bonsai.sweep.workspace import Workspace
from bonsai.templates import Idea


class Conversation:
    """Asks the agent about one idea, within its budget of time."""

    def __init__(self, context: Context, idea: Idea, folder: Path, workspace: Workspace) -> None:
        """Prepare; nobody is asked yet.

        Args:
            context: what the ideas of the template share.
            idea: the idea.
            folder: its results; exchanges are recorded there.
            workspace: where the agent edits.
        """
        self.context = context
        self.idea = idea
        self.folder = folder
        self.workspace = workspace
        self.agent = context.settings.agent_of(context.template.name, idea.Name)
        self.account = context.gateway.books.account(context.template.name, idea.Name)
        self.effort: dict[str, object] = {}  # who was asked last, and how long that took
        self._session: Session | None = None
        self._commit = ""  # the workspace's latest
        self._exchanges_before = 0  # of the sweep that is being resumed

    def close(self) -> None:
        """End the session with the model, if there is one."""
        if self._session:
            self._session.close()

    def in_time(self, work: Callable[[], Result]) -> Result:
        """Do `work`, unless the hours of the sweep or of the idea are over."""
        if why := self.account.time_is_up():
            return Result(False, why, self.state() | {"over": "budget"})
        return work()

    def ask(self, step: str, message: str, files: tuple[str, ...]) -> Result:
        """One message to the agent, if there is time; what it changed beside `files` is undone.

        While the model's service is away, it is waited for, and the message is sent again.

        Raises:
            ServiceGone: the service was waited for long enough, or waiting does not help.
            execution.Cancelled: the sweep was told to stop.
        """
        return self.context.gateway.outage.through(
            lambda: self.in_time(lambda: self._ask_now(step, message, files))
        )

    def _ask_now(self, step: str, message: str, files: tuple[str, ...]) -> Result:
        self.context.gateway.outage.check()
        session = self.session()
        exchanges = session.exchanges
        before = Snapshot.of(self.workspace.folder)
        present = [name for name in files if (self.workspace.folder / name).is_file()]
        around = None
        if runs_commands(self.agent):
            around = surroundings(self.context, self.agent, self.folder)
        reply = self.context.agent_for(self.idea.Name).edit(
            self.workspace.folder, message, present, session, self.context.settings.agent_seconds,
            around,
        )  # fmt: skip
        if (down := session.down) is not None:
            # Nobody's try: what an earlier reply of this message did is undone, and done again.
            self.workspace.restore(self._commit)
            session.rewind(exchanges)
            raise down
        offences = [*out_of_scope(before, files), *reply.strayed]
        changed = before.changed()
        commit = self.workspace.commit(f"{step}: {', '.join(changed) or 'nothing changed'}")
        data = self.state(commit) | {"reply": reply.text, "changed": changed}
        self.effort = {"agent": self.agent, "agent_seconds": round(reply.seconds, 3)}
        data |= self.effort
        if session.over:
            why = session.refusal or "the model has no more replies"
            return Result(False, why, data | {"over": session.over})
        if offences:
            named = ", ".join(offences[:5])
            text = (
                f"changed {named}, which is frozen and was put back; edit only {', '.join(files)}"
            )
            return Result(False, text, data | {"kind": "frozen file"})
        if reply.problem:
            feedback = f"{reply.problem}\n{reply.detail}".strip()
            data |= {"feedback": feedback}
            data |= {"kind": "request refused" if session.refusal else "unusable reply"}
            return Result(False, reply.problem.splitlines()[0], data)
        return Result(True, f"changed {', '.join(changed)}" if changed else "changed nothing", data)

    def state(self, commit: str | None = None) -> dict[str, object]:
        """What every entry carries: where the workspace and the conversation stand."""
        if commit is not None:
            self._commit = commit
        exchanges = self._session.exchanges if self._session else self._exchanges_before
        return {"commit": self._commit, "exchanges": exchanges}

    def session(self) -> Session:
        """The session with the model, opened when it is first needed."""
        if self._session is None:
            settings, template = self.context.settings, self.context.template
            played = None if settings.model else template.cassette(self.idea.Name)
            self._session = self.context.gateway.session(
                self.folder / "exchanges",
                account=self.account,
                cassette=played,
                skip=self._exchanges_before,
            )
            if runs_commands(self.agent):  # only it can do what its model's replies say
                cassette.write_agent(self.folder / "exchanges", called(self.agent))
        return self._session

    def go_live(self, last: Entry | None, remark: Callable[[str, str], None]) -> None:
        """Put the workspace and the recorded exchanges where the last recorded step left them.

        Args:
            last: that step; None: there is none.
            remark: is told what had to be put back.
        """
        if last is not None:
            self._exchanges_before = last.data["exchanges"]
            self._commit = last.data["commit"]
            cassette.cut(self.folder / "exchanges", self._exchanges_before)
            if changed := self.workspace.restore(self._commit):
                remark(
                    "restored",
                    f"put back in the workspace, as the last finished step left it: "
                    f"{', '.join(changed[:5])}{', …' * (len(changed) > 5)}",
                )
