"""How a search works on a tree of versions: propose, evaluate on search seeds, judge the winner.

What to do next is decided by `bonsai.search`; here it is done, several things side by side, and
recorded. A candidate is a commit whose parent is the version that it was made from; a step of the
ledger is a candidate made, or one evaluated on a seed. A search that is resumed tells `Search` what
is recorded, in the order in which it came about, and goes on.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from bonsai import search as searching
from bonsai.base import BonsaiError, Entry, untrusted
from bonsai.evaluation import (
    GivesUp,
    Measured,
    RunFailed,
    Scores,
    checks,
    claims,
    joined,
    run_fresh_seeds,
)
from bonsai.search import (
    START,
    EarlyStopping,
    Evaluate,
    Node,
    NoProposal,
    Proposal,
    Proposer,
)
from bonsai.sweep.confirmation import Confirmation
from bonsai.sweep.context import Context
from bonsai.sweep.conversation import Conversation
from bonsai.sweep.journal import Journal, Result
from bonsai.sweep.workspace import Workspace
from bonsai.templates import Idea, contract

FILE = "experiment.py"
WINNER = "run_1"  # as which the winner meets the baseline on fresh seeds
SEARCH_SEEDS, RACE_SEEDS = (
    100,
    200,
)  # beyond the first fresh seed, which begins those of the verdict
MOST_SEEDS = 40
CLOCK_SECONDS = 1.0  # of computing time, by which a run may be slower by chance
PATIENCE = 5  # proposals in a row that come to nothing
KEPT = ("final_info.json", "history.json")  # of a candidate's run


@dataclass
class Version:
    """A candidate, and what is recorded of it.

    Attributes:
        node: as proposers see it.
        commit: in the search's repository.
        scores: by search seed.
        cpu_seconds: of its runs, in the order in which they were over.
    """

    node: Node
    commit: str
    scores: dict[int, Scores] = field(default_factory=dict)
    cpu_seconds: list[float] = field(default_factory=list)


class TreeLoop:
    """Searches until its budget is spent, then has the winner judged."""

    def __init__(
        self,
        context: Context,
        idea: Idea,
        make_journal: Callable[[Callable[[Entry | None], None]], Journal],
        on_line: Callable[[str], None],
    ) -> None:
        """Prepare; nothing is written yet. Arguments as in `IdeaLoop`.

        Raises:
            BonsaiError: the settings of the search do not suit the template.
        """
        assert context.settings.search is not None
        self.context = context
        self.idea = idea
        self.settings = context.settings.search
        self.folder = context.folder / idea.Name
        self.workspace = Workspace(self.folder / "workspace")
        self.machine = replace(context.machine, on_line=on_line)
        self.talk = Conversation(context, idea, self.folder, self.workspace)
        self.journal = make_journal(lambda last: self.talk.go_live(last, self.journal.remark))
        template, scorer = context.template, context.template.scorer
        source = (template.folder / FILE).read_text(encoding="utf-8")
        self._claims = [claims.primary_claim(template)]
        first = context.settings.first_fresh_seed
        better = scorer.metrics[scorer.selection].better
        self.search = searching.Search(
            searching.Plan(
                budget=self.settings.runs,
                search=range(first + SEARCH_SEEDS, first + SEARCH_SEEDS + MOST_SEEDS),
                race=range(first + RACE_SEEDS, first + RACE_SEEDS + MOST_SEEDS),
                verdict=context.settings.verdict_seeds(),
                sign=-1.0 if better == "lower" else 1.0,
            )
        )
        self.versions = {START: Version(Node(START, START, source, "", "", 0.0), "")}
        self._proposers = self._make_proposers(source)
        self._fruitless = 0
        self._early = EarlyStopping(self.search.plan.sign)

    def run(self) -> None:
        """Do every step that is not done yet.

        Raises:
            execute.Cancelled: the sweep was told to stop.
            ServiceGone: the model's service is away; the search is not over.
        """
        try:
            start = self.journal.step("start", self._start)
            self.versions[START].commit = start.data["commit"]
            self.journal.step("claims", self._seal)
            winner = self._look_for_a_winner()
            if winner != START:
                self.journal.step("run", partial(self._take_on, winner))
                self._confirm(winner)
            self.journal.step("end", partial(self._end, winner))
        finally:
            self.talk.close()

    # --- the search -------------------------------------------------------------------------------

    def _look_for_a_winner(self) -> int:
        while (entry := self.journal.recorded("propose", "evaluate")) is not None:
            self._tell(entry)
        workers = self.context.settings.workers or self.machine.executor.slots
        under_way: dict[Future[Result], Evaluate] = {}
        with ThreadPoolExecutor(workers) as pool:
            try:
                while True:
                    action = self._next(len(under_way) < workers)
                    if isinstance(action, Evaluate):
                        work = pool.submit(self._evaluate, action, self._judge_of(action))
                        under_way[work] = action
                        continue
                    if isinstance(action, searching.Propose):
                        self._tell(self.journal.step("propose", partial(self._propose, action)))
                        continue
                    if not under_way:
                        return action.candidate if isinstance(action, searching.Verdict) else START
                    over, _ = wait(under_way, return_when=FIRST_COMPLETED)
                    for work in over:
                        del under_way[work]
                        result = work.result()
                        seconds = float(result.data.get("run_seconds", 0.0))
                        entry = self.journal.step("evaluate", partial(_same, result), seconds)
                        self._tell(entry)
            except BaseException:
                self.machine.cancel.set()
                raise

    def _next(self, room: bool) -> Any:
        """What to do now; `Wait` where there is no room for more side by side, or no more time."""
        if not room:
            return searching.Wait()
        if self._fruitless >= PATIENCE or self.talk.account.time_is_up():
            self.search.give_up_proposing()
        return self.search.ask()

    def _tell(self, entry: Entry) -> None:
        """Tell the search what was recorded; the same for what is replayed and what is new."""
        data = entry.data
        if entry.step == "propose":
            if not entry.ok:
                self._fruitless += 1
                self.search.failed()
                return
            self._fruitless = 0
            number, parent = data["candidate"], data["parent"]
            commit = data["version"]
            source = self.workspace.file_at(commit, FILE).decode("utf-8")
            node = Node(number, parent, source, data["change"], data["by"])
            self.versions[number] = Version(node, commit)
            self.search.proposed(number, parent)
            return
        number, seed = data["candidate"], data["seed"]
        version = self.versions[number]
        if not entry.ok:
            version.node = replace(version.node, failure=entry.message)
            self.search.failed(number, seed)
            return
        scores = Scores.model_validate(data["scores"])
        version.scores[seed] = scores
        version.cpu_seconds.append(data["cpu_seconds"])
        self._learn(number, seed)
        self.search.evaluated(number, seed, self._value(scores))
        gain = self.search.gain_of(number)
        version.node = replace(version.node, gain=gain)

    def _start(self) -> Result:
        commit = self.workspace.create(
            self.context.template, self.context.baseline.folder, self.idea
        )
        state = self.talk.state(commit)
        return Result(True, f"{self.settings.runs} runs of one seed to spend", state)

    def _seal(self) -> Result:
        """Record what is claimed of whatever is found: that the primary metric improves."""
        data = {
            "claims": [claim.model_dump() for claim in self._claims],
            "sha256": claims.seal(self._claims),
        }
        return Result(True, "1 claim sealed", self.talk.state() | data)

    def _propose(self, action: searching.Propose) -> Result:
        parent = self.versions[action.parent]
        number = len(self.versions)
        tree = [version.node for version in self.versions.values()]
        proposer = self._proposers.choose(tree, set(self.search.champions), number)
        try:
            made = proposer.propose(tree, parent.node, number)
        except NoProposal as error:
            return Result(False, str(error), self.talk.state() | {"kind": "no proposal"})
        try:
            ast.parse(made.source)
        except (SyntaxError, ValueError) as error:
            data = self.talk.state() | {"kind": "syntax", "by": proposer.name}
            return Result(False, f"does not parse: {error}", data)
        name = f"c{number:04d}"
        commit = self.workspace.add_version(
            parent.commit, FILE, made.source.encode(), f"{name}: {made.changed}", name
        )
        data = self.talk.state() | {
            "candidate": number, "parent": action.parent, "by": proposer.name,
            "change": made.changed, "version": commit,
        }  # fmt: skip
        return Result(True, f"{name} of {_called(action.parent)}: {made.changed}", data)

    def _judge_of(self, action: Evaluate) -> GivesUp | None:
        """What looks at the curve of a run while it is under way; None where nothing is known."""
        name = self._curve_name
        reference = self._curve(START, action.seed)
        if action.candidate == START or name is None or not reference:
            return None
        champion = self.versions[self.search.champions[-1]].scores.get(action.seed)
        to_beat = 0.0
        if champion is not None:
            to_beat = self._value(champion) - self._value(self.versions[START].scores[action.seed])
        stopping = EarlyStopping(self._early.sign, list(self._early.seen))  # as it is known now
        return lambda curves: stopping.gives_up(curves.get(name, ()), reference, to_beat)

    @property
    def _curve_name(self) -> str | None:
        """The curve that is the figure by which candidates are compared, as it grows."""
        return self.context.template.scorer.curve

    def _value(self, scores: Scores) -> float:
        return scores.means[self.context.template.scorer.selection]

    def _curve(self, candidate: int, seed: int) -> list[tuple[float, float]]:
        """A finished run's curve; empty where there is none."""
        run = self.folder / "candidates" / f"{_called(candidate)}-seed_{seed}" / "run"
        try:
            seeds = contract.read(contract.History, run / "history.json").seeds
        except BonsaiError:
            return []
        series = next(iter(seeds.values()), {}).get(self._curve_name or "")
        return list(zip(series.steps, series.values, strict=False)) if series else []

    def _learn(self, candidate: int, seed: int) -> None:
        """Take a finished run into what is known of early curves."""
        start = self.versions[START].scores.get(seed)
        curve, reference = self._curve(candidate, seed), self._curve(START, seed)
        if candidate != START and start is not None and curve and reference:
            own = self.versions[candidate].scores[seed]
            self._early.learn(curve, reference, self._value(own) - self._value(start))

    def _evaluate(self, action: Evaluate, gives_up: GivesUp | None = None) -> Result:
        version = self.versions[action.candidate]
        name = f"{_called(action.candidate)}-seed_{action.seed}"
        about = {"candidate": action.candidate, "seed": action.seed}
        folder = self.folder / "candidates" / name
        start = self.versions[START]
        machine = self.machine
        if start.cpu_seconds and action.candidate != START:
            most = 3 * self.settings.max_slowdown * max(start.cpu_seconds) + 20
            machine = replace(machine, limits={**machine.limits, "run_seconds": most})
        try:
            done = run_fresh_seeds(
                self.context.template, version.node.source.encode(), folder,
                data=self.context.data, seeds=[action.seed],
                log=self.folder / "logs" / name, machine=machine, gives_up=gives_up,
            )  # fmt: skip
        except RunFailed as error:
            failed = {"feedback": str(error), "kind": error.kind}
            return Result(False, str(error).splitlines()[0], self.talk.state() | about | failed)
        finally:
            _tidy(folder)
        data = self.talk.state() | about | done.record()
        slower = self._slowdown(done, action)
        chosen_by = self.context.template.scorer.selection
        message = f"{_called(action.candidate)}: {chosen_by} {self._value(done.scores):.4g}"
        if slower is not None and slower > self.settings.max_slowdown:
            message += f", but it takes {slower:.2f} times the template's computing time"
            return Result(False, message, data | {"kind": "too slow"})
        return Result(True, message, data)

    def _slowdown(self, done: Measured, action: Evaluate) -> float | None:
        """Its computing time in times of the template's; None where that is not known."""
        before = self.versions[START].cpu_seconds
        if action.candidate == START or not before or not done.cpu_seconds:
            return None
        usual = sum(before) / len(before)
        # Starting Python takes what it takes, and no two times the same.
        return max(0.0, done.cpu_seconds - CLOCK_SECONDS) / usual

    def _make_proposers(self, source: str) -> searching.Mixed:
        extra = self.context.template.prompt.model_extra or {}
        space = searching.read_space(source, extra.get("search"))
        made: dict[str, Callable[[], Proposer]] = {
            "tpe": lambda: searching.make_tpe(space, self.settings.seed),
            "random": lambda: searching.make_random(space, self.settings.seed),
            "model": lambda: ModelProposer(self),
        }
        names = self.settings.arms.get(self.idea.Name, self.settings.proposers)
        proposers = [made[name]() for name in names]
        if not space and any(proposer.name != "model" for proposer in proposers):
            raise BonsaiError(
                f"{self.context.template.name}: Config in experiment.py has no field that a search "
                'can move; name some in "search" of prompt.json'
            )
        return searching.Mixed(proposers, self.settings.seed)

    # --- the winner -------------------------------------------------------------------------------

    def _take_on(self, winner: int) -> Result:
        """Let the winner be the workspace's experiment, as a run that can be judged."""
        version = self.versions[winner]
        experiment = self.workspace.folder / FILE
        experiment.write_text(version.node.source, encoding="utf-8")
        scores = joined(list(version.scores.values()))
        commit = self.workspace.commit(f"{WINNER}: {_called(winner)}")
        found = checks.reporting(self.context.template, experiment.read_bytes())
        found.append(checks.frozen_files(self.context.template, self.workspace.folder))
        patch = self.workspace.difference(self.versions[START].commit, version.commit)
        (self.folder / "winner.patch").write_text(patch, encoding="utf-8")
        data = self.talk.state(commit) | {
            "run": WINNER, "candidate": winner, "scores": scores.model_dump(),
            "run_seconds": 0.0, "checks": [each.model_dump() for each in found],
        }  # fmt: skip
        return Result(True, f"{_called(winner)} is to be judged", data)

    def _confirm(self, winner: int) -> None:
        version = self.versions[winner]
        Confirmation(
            self.context, self.folder / "confirm", self.journal, self.machine, self.talk.account,
            self._claims, code=lambda run: version.node.source.encode(),
            check_seeds=lambda scores: None, state=self.talk.state,
            log=lambda name: self.folder / "logs" / name,
        ).run(WINNER, {WINNER: joined(list(version.scores.values()))})  # fmt: skip

    def _end(self, winner: int) -> Result:
        tried = len(self.versions) - 1
        if winner == START:
            return Result(False, f"none of {tried} candidates was better", self.talk.state())
        return Result(True, f"{_called(winner)} of {tried} candidates", self.talk.state())


@dataclass
class ModelProposer:
    """Has the agent edit a version that it is shown with its evidence.

    Attributes:
        loop: whose workspace and conversation it uses; one proposal is made at a time.
    """

    loop: TreeLoop
    name: str = field(default="model", init=False)

    def propose(self, tree: Sequence[Node], parent: Node, number: int) -> Proposal:
        """See `Proposer.propose`.

        Raises:
            NoProposal: the reply held no edit, or no more replies are to be had.
        """
        loop = self.loop
        experiment = loop.workspace.folder / FILE
        experiment.write_text(parent.source, encoding="utf-8")
        message = loop.context.prompts.message(
            "candidate", loop.idea, parent=_told(parent), tree=_about(tree, parent),
            number=number,
        )  # fmt: skip
        asked = loop.talk.ask("edit", message, (FILE,))
        if not asked.ok:
            raise NoProposal(asked.message)
        source = experiment.read_text(encoding="utf-8")
        if source == parent.source:
            raise NoProposal("the reply held no edit of experiment.py")
        lines = str(asked.data["reply"]).strip().splitlines()
        return Proposal(source, lines[0][:200] if lines else "an edit")


def _same(result: Result) -> Result:
    return result


def _about(tree: Sequence[Node], parent: Node) -> str:
    """What was tried beside: the versions that lead to the parent, its children, what failed."""
    line = {parent.number}
    above = parent
    while above.number != above.parent:
        above = tree[above.parent]
        line.add(above.number)
    shown = [node for node in tree[1:] if node.number in line or node.parent == parent.number]
    return "\n".join(f"- {_told(node)}" for node in shown[-20:]) or "- nothing yet"


def _told(node: Node) -> str:
    if node.number == START:
        return "the template itself"
    found = node.failure or ("not measured yet" if node.gain is None else f"gain {node.gain:+.3g}")
    return f"{_called(node.number)} of {_called(node.parent)}: {node.changed} ({found})"


def _called(number: int) -> str:
    return "the template" if number == START else f"c{number:04d}"


def _tidy(folder: Path) -> None:
    """Keep of a candidate's run what is read later; of thousands the arrays would fill the disk."""
    run = folder / "run"
    for found in list(folder.iterdir()) if folder.is_dir() else []:
        if found != run:
            untrusted.remove(found)
    for found in list(run.iterdir()) if run.is_dir() else []:
        if found.name not in KEPT:
            untrusted.remove(found)
