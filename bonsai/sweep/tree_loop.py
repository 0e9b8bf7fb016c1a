"""How a search works on a tree of versions: propose, evaluate on search seeds, judge the winner.

What to do next is decided by `bonsai.search`; here it is done, several things side by side, and
recorded. A candidate is a commit whose parent is the version that it was made from, in a repository
of its own (`versions`), since the agent may be at work in its workspace meanwhile; a step of the
ledger is a candidate made, or one evaluated on a seed. A search that is resumed tells `Search` what
is recorded, in the order in which it came about, and goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from bonsai import search as searching
from bonsai.base import BonsaiError, Entry, LinkedEvent, untrusted
from bonsai.evaluation import (
    BASELINE_RUN,
    STOPPED_EARLY,
    TOO_SLOW,
    GivesUp,
    RunFailed,
    Scores,
    checks,
    claims,
    joined,
)
from bonsai.execution import Repository
from bonsai.models import ServiceGone
from bonsai.search import START, Evaluate, Node, NoProposal, Proposal, Propose, Proposer
from bonsai.sweep.confirmation import Confirmation
from bonsai.sweep.context import Context
from bonsai.sweep.conversation import Conversation
from bonsai.sweep.edit_proposers import FILE, EditProposer, called
from bonsai.sweep.journal import Journal, Result
from bonsai.sweep.versions import Versions
from bonsai.sweep.workspace import NOT_COMMITTED, Workspace
from bonsai.templates import Claim, Idea

WINNER = "run_1"  # as which the winner meets the baseline on fresh seeds
SEARCH_SEEDS = 100  # beyond the first fresh seed, which begins those of the verdict
RACE_SEEDS = 200
MOST_SEEDS = 40
PATIENCE = 5  # proposals in a row that come to nothing


@dataclass
class UnderWay:
    """What is being done, side by side.

    Attributes:
        runs: of candidates on seeds.
        proposals: by whom, and in which turn.
    """

    runs: dict[Future[Result], Evaluate] = field(default_factory=dict)
    proposals: dict[Future[Proposal], tuple[Proposer, int]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self.runs or self.proposals)


class TreeLoop:
    """Searches until its budget is spent, then has the winner judged."""

    def __init__(
        self,
        context: Context,
        idea: Idea,
        make_journal: Callable[[Callable[[Entry | None], None]], Journal],
        on_line: Callable[[str], None],
    ) -> None:
        """Prepare; nothing is written yet. Arguments as in `Trial`.

        Raises:
            BonsaiError: the settings of the search do not suit the template.
        """
        assert context.settings.search is not None
        self.context = context
        self.idea = idea
        self.settings = context.settings.search
        self.folder = context.folder / idea.Name
        self.workspace = Workspace(self.folder / "workspace")
        self.repository = Repository(self.folder / "versions")
        # Stopped with the sweep, or alone.
        self.machine = replace(
            context.machine, on_line=on_line, cancel=LinkedEvent(context.machine.cancel)
        )
        self.talk = Conversation(context, idea, self.folder, self.workspace)
        self.journal = make_journal(self._go_live)
        scorer = context.template.scorer
        sign = -1.0 if scorer.metrics[scorer.selection].better == "lower" else 1.0
        source = context.template.experiment.read_text(encoding="utf-8")
        self.versions = Versions(
            context, self.folder, self.machine, self.settings.max_slowdown, sign
        )
        self.versions.add(Node(START, START, source, "", "", 0.0), "")
        self.proposers = self._make_proposers()
        self._exhausted: set[str] = set()  # proposers that will never have anything again
        self.search = searching.Search(self._plan(sign))
        self._claims: list[Claim] = []
        self._turns = 0  # proposals asked for
        self._fruitless = 0  # of them, the last ones in a row that came to nothing
        self._state: dict[str, object] = {}  # of workspace and conversation, between proposals

    def run(self) -> None:
        """Do every step that is not done yet.

        Raises:
            execute.Cancelled: the sweep was told to stop.
            ServiceGone: the model's service is away; the search is not over.
        """
        try:
            start = self.journal.step("start", self._start)
            self.versions[START].commit = start.data["version"]
            self._state = {name: start.data[name] for name in ("commit", "exchanges")}
            sealed = self.journal.step("claims", self._seal)
            self._claims = [Claim.model_validate(each) for each in sealed.data["claims"]]
            verdict = self._look_for_a_winner()
            if verdict is not None:
                self.journal.step("run", partial(self._take_on, verdict.candidate))
                self._confirm(verdict)
            self.journal.step("end", partial(self._end, verdict))
        finally:
            self.talk.close()

    # --- the search -------------------------------------------------------------------------------

    def _look_for_a_winner(self) -> searching.Verdict | None:
        self._replay()
        under_way = UnderWay()
        gone: ServiceGone | None = None
        with (
            ThreadPoolExecutor(self._workers()) as runs,
            ThreadPoolExecutor(len(self.proposers.proposers)) as makers,
        ):
            try:
                while True:
                    action = searching.Wait() if gone else self._next(under_way)
                    if isinstance(action, Evaluate):
                        work = runs.submit(self._evaluate, action, self._judge_of(action))
                        under_way.runs[work] = action
                    elif isinstance(action, Propose):
                        self._begin_proposal(action, makers, under_way)
                    elif not under_way:
                        break
                    else:
                        gone = self._record_what_is_over(under_way) or gone
            except BaseException:
                self.machine.cancel.set()
                raise
        if gone is not None:
            raise gone
        return action if isinstance(action, searching.Verdict) else None

    def _replay(self) -> None:
        """Tell the search all that is recorded."""
        entries = list(iter(lambda: self.journal.recorded("propose", "evaluate"), None))
        commits = [entry.data["version"] for entry in entries if "version" in entry.data]
        contents = self.repository.files_at(commits, FILE) if commits else []
        sources = {c: text.decode() for c, text in zip(commits, contents, strict=True)}
        for entry in entries:
            self._tell(entry, sources.get(entry.data.get("version", ""), ""))

    def _next(self, under_way: UnderWay) -> searching.Action:
        """What to do now; `Wait` where there is no room for more side by side, or no more time."""
        if len(under_way.runs) >= self._workers():
            return searching.Wait()
        tired = self._fruitless >= PATIENCE or not self._lines()
        if tired or self.talk.account.time_is_up():
            self.search.give_up_proposing()
        return self.search.ask()

    def _begin_proposal(
        self, action: Propose, makers: ThreadPoolExecutor, under_way: UnderWay
    ) -> None:
        tree = self.versions.tree
        at_work = {proposer.name for proposer, _ in under_way.proposals.values()}
        proposer = self.proposers.choose(
            tree, set(self.search.champions), self._turns, at_work | self._exhausted
        )
        assert proposer is not None, "the search asks for no more than can be made side by side"
        work = makers.submit(proposer.propose, tree, tree[action.parent], self._turns)
        under_way.proposals[work] = proposer, self._turns
        self._turns += 1

    def _record_what_is_over(self, under_way: UnderWay) -> ServiceGone | None:
        """Wait for the next things to be over, and record them; the service, if it is away."""
        pending: list[Future[Any]] = [*under_way.runs, *under_way.proposals]
        over, _ = wait(pending, return_when=FIRST_COMPLETED)
        gone = None
        for run in [each for each in under_way.runs if each in over]:
            del under_way.runs[run]
            result = run.result()
            # Where the conversation stood between two proposals: one may be under way.
            result = replace(result, data=self._state | result.data)
            seconds = float(result.data.get("run_seconds", 0.0))
            self._tell(self.journal.step("evaluate", partial(_same, result), seconds))
        for made in [each for each in under_way.proposals if each in over]:
            proposer, turn = under_way.proposals.pop(made)
            if isinstance(error := made.exception(), ServiceGone):
                self.search.failed()  # it was never made; after a resume it is asked for again
                gone = error
                continue
            entry = self.journal.step("propose", partial(self._record, proposer, turn, made))
            self._tell(entry, made.result().source if entry.ok else "")
        return gone

    def _tell(self, entry: Entry, source: str = "") -> None:
        """Tell the search what was recorded; the same for what is replayed and what is new.

        Args:
            entry: a candidate that was made, or a run.
            source: the candidate's `experiment.py`.
        """
        data = entry.data
        if entry.step == "propose":
            self._turns = max(self._turns, data["turn"] + 1)
            self._state = {name: data[name] for name in ("commit", "exchanges")}
            if not entry.ok:
                self._fruitless += 1
                if "over" in data:
                    self._exhausted.add(data["by"])
                    self.search.proposals = len(self._lines())
                self.search.failed()
                return
            self._fruitless = 0
            node = Node(data["candidate"], data["parent"], source, data["change"], data["by"])
            self.versions.add(node, data["version"])
            self.search.proposed(node.number, node.parent)
            return
        number, seed = data["candidate"], data["seed"]
        if not entry.ok:
            self.versions.failed(number, entry.message)
            self.search.failed(number, seed)
            return
        scores = Scores.model_validate(data["scores"])
        self.versions.measured(number, seed, scores, data["cpu_seconds"])
        self.search.evaluated(number, seed, self.versions.value(scores))
        version = self.versions[number]
        version.node = replace(version.node, gain=self.search.gain_of(number))

    def _start(self) -> Result:
        commit = self.workspace.create(
            self.context.template, self.context.baseline.folder, self.idea
        )
        untrusted.remove(self.repository.folder)
        self.context.template.copy_to(self.repository.folder)
        self.repository.init(NOT_COMMITTED)
        data = self.talk.state(commit) | {"version": self.repository.commit("the template")}
        return Result(True, f"{self.settings.runs} runs of one seed to spend", data)

    def _go_live(self, last: Entry | None) -> None:
        self.talk.go_live(last, self.journal.remark)
        if last is not None:
            self.repository.clear()

    def _seal(self) -> Result:
        """Record what is claimed of whatever is found.

        That the primary metric improves; and what the idea itself claims against the baseline.
        """
        own = [claim for claim in self.idea.Claims or [] if claim.against == BASELINE_RUN]
        made = claims.complete(own, self.context.template)
        data = {"claims": [claim.model_dump() for claim in made], "sha256": claims.seal(made)}
        count = f"{len(made)} claim{'s' * (len(made) != 1)} sealed"
        return Result(True, count, self.talk.state() | data)

    def _record(self, proposer: Proposer, turn: int, work: Future[Proposal]) -> Result:
        """A proposal as a commit of its own, or why there is none."""
        # Those that use the conversation come after each other, so what it tells is of this one.
        about = self.talk.state() | self.talk.effort if proposer.uses else dict(self._state)
        about |= {"by": proposer.name, "turn": turn}
        try:
            made = work.result()
        except NoProposal as error:
            about |= {"kind": error.kind} | ({"over": error.over} if error.over else {})
            return Result(False, str(error), about)
        parent = self.versions[made.parent]
        name = called(len(self.versions))
        commit = self.repository.add_version(
            parent.commit, FILE, made.source.encode(), f"{name}: {made.changed}", name
        )
        about |= {
            "candidate": len(self.versions), "parent": made.parent, "change": made.changed,
            "version": commit,
        }  # fmt: skip
        if made.other is not None:
            about["other"] = made.other
        message = f"{name} of {called(made.parent)}: {made.changed}"
        return Result(True, message, about)

    def _evaluate(self, action: Evaluate, gives_up: GivesUp | None) -> Result:
        stage = "race" if action.seed in self.search.plan.race else "search"
        about = {"candidate": action.candidate, "seed": action.seed, "stage": stage}
        try:
            done = self.versions.run(action.candidate, action.seed, gives_up)
        except RunFailed as error:
            about |= {"feedback": str(error), "kind": error.kind}
            about["cpu_seconds"] = error.cpu_seconds
            about["given_up"] = error.kind in (STOPPED_EARLY, TOO_SLOW)
            return Result(False, str(error).splitlines()[0], about)
        value = self.versions.value(done.scores)
        chosen_by = self.context.template.scorer.selection
        message = f"{called(action.candidate)}: {chosen_by} {value:.4g}"
        return Result(True, message, about | done.record())

    def _judge_of(self, action: Evaluate) -> GivesUp | None:
        return self.versions.judge_of(action.candidate, action.seed, self.search.champions[-1])

    def _workers(self) -> int:
        """Runs of this search side by side: searches that go on beside it get as many."""
        together = self.context.settings.workers or self.machine.executor.slots
        return max(1, together // min(self.context.ideas, together))

    def _lines(self) -> set[str]:
        """What proposals can be made side by side by: those of one line come after each other."""
        left = [each for each in self.proposers.proposers if each.name not in self._exhausted]
        return {proposer.uses or proposer.name for proposer in left}

    def _plan(self, sign: float) -> searching.Plan:
        settings = self.context.settings
        first = settings.first_fresh_seed
        try:
            return searching.Plan(
                budget=self.settings.runs,
                search=range(first + SEARCH_SEEDS, first + SEARCH_SEEDS + MOST_SEEDS),
                race=range(first + RACE_SEEDS, first + RACE_SEEDS + MOST_SEEDS),
                verdict=settings.verdict_seeds(),
                analyses=settings.interim_analyses(),
                proposals=len(self._lines()),
                sign=sign,
            )
        except ValueError as error:
            raise BonsaiError(f"the search cannot be judged: {error}") from None

    def _make_proposers(self) -> searching.Mixed:
        names = self.settings.arms.get(self.idea.Name, self.settings.proposers)
        seed = self.settings.seed
        made: list[Proposer] = []
        for name in names:
            if name == "tpe" or name == "random":
                make = searching.make_tpe if name == "tpe" else searching.make_random
                made.append(make(searching.space_of(self.context.template), seed))
            else:
                made.append(self._editor(name))
        return searching.Mixed(made, seed)

    def _editor(self, name: str) -> EditProposer:
        return EditProposer(name, self.idea, self.talk, lambda number: self.versions.curves(number))

    # --- the winner -------------------------------------------------------------------------------

    def _take_on(self, winner: int) -> Result:
        """Let the winner be the workspace's experiment, as a run that can be judged."""
        version = self.versions[winner]
        experiment = self.workspace.folder / FILE
        experiment.write_text(version.node.source, encoding="utf-8")
        scores = joined(list(version.scores.values()))
        commit = self.workspace.commit(f"{WINNER}: {called(winner)}")
        found = checks.reporting(self.context.template, experiment.read_bytes())
        found.append(checks.frozen_files(self.context.template, self.workspace.folder))
        patch = self.repository.difference(self.versions[START].commit, version.commit)
        (self.folder / "winner.patch").write_text(patch, encoding="utf-8")
        data = self.talk.state(commit) | {
            "run": WINNER, "candidate": winner, "scores": scores.model_dump(),
            "run_seconds": 0.0, "checks": [each.model_dump() for each in found],
        }  # fmt: skip
        return Result(True, f"{called(winner)} is to be judged", data)

    def _confirm(self, verdict: searching.Verdict) -> None:
        version = self.versions[verdict.candidate]
        Confirmation(
            self.context, self.folder / "confirm", self.journal, self.machine, self.talk.account,
            self._claims, code=lambda run: version.node.source.encode(),
            check_seeds=lambda scores: None, state=self.talk.state,
            log=lambda name: self.folder / "logs" / name, most_seeds=len(verdict.seeds),
        ).run(WINNER, {WINNER: joined(list(version.scores.values()))})  # fmt: skip

    def _end(self, verdict: searching.Verdict | None) -> Result:
        tried = len(self.versions) - 1
        if verdict is None:
            return Result(False, f"none of {tried} candidates was better", self.talk.state())
        return Result(True, f"{called(verdict.candidate)} of {tried} candidates", self.talk.state())


def _same(result: Result) -> Result:
    return result
