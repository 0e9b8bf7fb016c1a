"""New ideas for a template, proposed by a language model.

Each idea is a conversation: the model proposes, its proposal is checked, and it may think it over
for some rounds, as The AI Scientist has it, until it says that it is done. What cannot be used (it
does not parse, its name is taken, it repeats an idea that exists) goes back to the model with the
reason. Each idea that is accepted is on the disk before the next is asked for.
"""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bonsai.base import (
    MOST_CHARACTERS,
    BonsaiError,
    find_json,
    plain_text,
    says,
    write_atomically,
)
from bonsai.evaluation import claims
from bonsai.ideas import history as earlier
from bonsai.ideas import literature, novelty
from bonsai.ideas.history import IdeaHistory
from bonsai.ideas.literature import Literature
from bonsai.models import (
    WAIT_SECONDS,
    Asker,
    Budget,
    LiveModel,
    Refusal,
    Reply,
    ServiceGone,
    Spending,
    asking,
    cost_of,
)
from bonsai.sweep import Texts, prompts
from bonsai.templates import Idea, IdeaSet, Template, contract, idea_files

DONE = "I am done"
TEMPERATURE = 0.75  # as The AI Scientist has it
MAX_PROBLEMS = 3  # proposals of one conversation that cannot be used
MAX_FRUITLESS = 2  # conversations in a row without an idea: the model has no more
MAX_RUNS = 5  # of an idea, as `run` has it
MOST_LISTED = 200  # ideas of which the model is told; all are compared

Say = Callable[[str], None]
Messages = list[dict[str, str]]


class Unusable(BonsaiError):
    """A proposal cannot be used; the text says why, to the model and to people.

    Attributes:
        name: what the proposal calls itself.
    """

    def __init__(self, why: str, name: str = "a reply") -> None:
        """Refuse the proposal called `name`; both are made one line."""
        super().__init__(" ".join(why.split()))
        self.name = " ".join(name.split())


@dataclass
class Proposals:
    """What came of asking.

    Attributes:
        out: the file of ideas, which `run` takes.
        accepted: the ideas in it.
        rejected: for each proposal that could not be used, its name and the reason.
        spending: what it cost.
        why_ended: why there are fewer ideas than were wanted; None if there are not.
        stopped: whether a person stopped it.
        gone: why the model's service is waited for no longer; None if it is not away.
    """

    out: Path
    accepted: list[Idea] = field(default_factory=list)
    rejected: list[Unusable] = field(default_factory=list)
    spending: Spending = field(default_factory=Spending)
    why_ended: str | None = None
    stopped: bool = False
    gone: ServiceGone | None = None

    def accept(self, idea: Idea) -> None:
        """Add an idea, and have it on the disk before returning."""
        self.accepted.append(idea)
        write_atomically(self.out, IdeaSet(self.accepted).text())

    def report(self) -> list[str]:
        """The end of the command, as lines: counts, reasons, cost."""
        proposed = len(self.accepted) + len(self.rejected)
        cost = cost_of(self.spending)
        return [
            f"{proposed} proposed, {len(self.accepted)} accepted, {len(self.rejected)} rejected; "
            f"{cost}",
            *(f"  rejected {each.name}: {each}" for each in self.rejected),
            *([f"ended early: {self.why_ended}"] if self.accepted and self.why_ended else []),
        ]


def exchanges_folder(out: Path) -> Path:
    """Where the exchanges are recorded that led to a file of ideas."""
    return out.with_suffix(".exchanges")


def propose(
    template: Template,
    wanted: int,
    live: LiveModel,
    out: Path,
    *,
    budget: Budget,
    reflections: int = 3,
    results: Sequence[Path] = (),
    search: Literature | None = None,
    say: Say = print,
    wait_for_model: float = WAIT_SECONDS,
) -> Proposals:
    """Have a model propose ideas, until there are as many as wanted, or none more comes.

    Args:
        template: what the ideas are for.
        wanted: how many.
        live: the model.
        out: the file to write them to; the exchanges are recorded beside it.
        budget: what may be spent.
        reflections: rounds in which the model thinks an idea over.
        results: results folders to learn from, the oldest first.
        search: how papers are looked for; None: they are not.
        say: called with a line for a person, as things happen.
        wait_for_model: for how many seconds the model's service is waited for when it is away.

    Raises:
        BonsaiError: `out` is there already, or is no name of a file of ideas; the template cannot
            be read.
    """
    if out.suffix != ".json":
        raise BonsaiError(f"--out {out}: `run` takes files of ideas that end in .json")
    for path in (out, exchanges_folder(out)):
        if path.exists():
            raise BonsaiError(f"{path} is there already; name another file with --out")
    proposals = Proposals(out)
    # Earlier proposals lie beside this one, and would be proposed again.
    before = sorted(out.parent.glob(f"{template.name}-*.json"))
    known = earlier.collect(template, results, before)
    for warning in known.warnings:
        say(f"warning: {warning}")
    opening = Opening(template, known, earlier.find_baseline(template, results))
    say(
        f"{len(known.known)} ideas are known, what came of {len(known.outcomes)} is told; "
        f"{opening.about_baseline}"
    )
    folder = exchanges_folder(out)
    with asking(live, folder, budget=budget, say=say, wait_for_model=wait_for_model) as asker:
        proposals.spending = asker.spending
        proposer = _Proposer(template, proposals, known, opening, asker, reflections, search, say)
        try:
            proposer.work(wanted)
        except Refusal as refusal:
            proposals.why_ended = str(refusal)
        except ServiceGone as gone:
            proposals.why_ended, proposals.gone = str(gone), gone
        except KeyboardInterrupt:
            proposals.why_ended, proposals.stopped = "stopped by a person", True
        if asker.replies == 0:  # so that the command can be given again
            shutil.rmtree(folder, ignore_errors=True)
    return proposals


class Opening:
    """The message that a conversation begins with."""

    def __init__(
        self, template: Template, known: IdeaHistory, baseline: tuple[Any, Path] | None
    ) -> None:
        """Gather what does not change from idea to idea.

        Args:
            template: what the ideas are for.
            known: the ideas that exist; those that are added later are told as well.
            baseline: its scores, and where they are from.
        """
        self.texts = Texts()
        self._known = known
        scorer = template.scorer
        primary = scorer.primary
        figures = "Nobody has measured it here yet, so its figures and their noise are unknown."
        self.about_baseline, visible = "no baseline was measured yet", None
        if baseline is not None:
            scores, place = baseline
            self.about_baseline = f"the baseline's figures are those of {place}"
            figures = prompts.describe_run(f"run_0, on {scores.dataset}", scores, None)
            if primary in scores.per_seed:
                visible = prompts.visible_difference(scores, primary)
                figures += "\n" + prompts.describe_noise(scores, primary)
        code = template.folder / "experiment.py"
        self._fixed = {
            "system": template.prompt.system,
            "task": template.prompt.task_description,
            "code": plain_text(code.read_bytes(), code.name).rstrip(),
            "metrics": prompts.describe_metrics(scorer.metrics, scorer.selection),
            "baseline": figures,
            "outcomes": "\n".join(known.outcomes[-MOST_LISTED:]) or "None was tried yet.",
            "max_runs": MAX_RUNS,
            "most_claims": contract.MOST_CLAIMS,
            "primary": primary,
            "better": scorer.metrics[primary].better or "higher",
            "visible": f"{visible or 0.0:.2g}",
        }

    def text(self) -> str:
        """The whole message, with all ideas that exist by now."""
        listed = [f"- {idea.Name}: {idea.Title}" for idea in self._known.ideas[-MOST_LISTED:]]
        return self.texts.fill("propose", known="\n".join(listed) or "None.", **self._fixed)


@dataclass
class _Proposer:
    """Holds the conversations."""

    template: Template
    proposals: Proposals
    known: IdeaHistory
    opening: Opening
    asker: Asker
    reflections: int
    search: Literature | None
    say: Say
    background: list[Idea] = field(default_factory=earlier.shipped)
    usable: list[Idea] = field(default_factory=list, init=False)  # of this conversation
    found: list[dict[str, Any] | str] = field(default_factory=list, init=False)  # papers on them

    def work(self, wanted: int) -> None:
        """Hold conversations until there are as many ideas as wanted.

        Raises:
            Refusal: the model refuses to answer, or the budget does not pay for it.
            ServiceGone: the model's service is away.
        """
        fruitless = 0
        while len(self.proposals.accepted) < wanted:
            fruitless = 0 if self._one_idea() else fruitless + 1
            if fruitless == MAX_FRUITLESS:
                self.proposals.why_ended = f"{fruitless} conversations in a row gave no idea"
                return

    def _one_idea(self) -> bool:
        """Hold one conversation; whether an idea came of it, or several.

        What can be used when it ends is accepted, however it ends.
        """
        self.usable, self.found = [], []
        try:
            self._converse()
        finally:
            for number, idea in enumerate(self.usable):
                if number < len(self.found):
                    idea = idea.model_copy(update={"Literature": self.found[number]})
                self.proposals.accept(idea)
                self.known.add([idea], "just proposed")
                self.say(f"accepted {idea.called}: {idea.Title}")
        return bool(self.usable)

    def _converse(self) -> None:
        """Ask for an idea, and have it thought over; `usable` is its last form that can be used.

        Where a reply holds several, each is accepted or rejected on its own, and none thought over.
        """
        fill = self.opening.texts.fill
        messages: Messages = [{"role": "user", "content": self.opening.text()}]
        problems = rounds = 0
        while problems < MAX_PROBLEMS:
            reply = self.asker.ask(messages, temperature=TEMPERATURE)
            done = says(reply.text, DONE)
            ideas, faults = self._check(reply)
            if not ideas and done and self.usable:
                return
            for fault in faults:
                self.proposals.rejected.append(fault)
                self.say(f"rejected {fault.name}: {fault}")
            if ideas:
                several = len(ideas) + len(faults) > 1
                if self.search is not None and (several or not self.usable):
                    self.found = [self.search.search(idea) for idea in ideas]
                self.usable = ideas
                if several or done or rounds == self.reflections:
                    return
                rounds += 1
                answer = fill(
                    "reflect", round=rounds, rounds=self.reflections, done=DONE,
                    papers=literature.describe(self.found[0] if self.found else None),
                )  # fmt: skip
            else:
                problems += 1
                answer = fill("reject", problem=_told(faults))
            messages += [
                {"role": "assistant", "content": reply.text or "(no answer)"},
                {"role": "user", "content": answer},
            ]

    def _check(self, reply: Reply) -> tuple[list[Idea], list[Unusable]]:
        """The ideas of a reply that can be used, and why the others cannot."""
        if self.asker.lack:
            return [], [Unusable(self.asker.lack)]
        try:
            proposed, left_out = extract(reply.text)
        except Unusable as fault:
            if reply.finish_reason == "length":
                return [], [Unusable("The reply was cut off before the end of its JSON.")]
            return [], [fault]
        if left_out:
            self.say(f"of a reply, only its last proposal counts; left out: {left_out}")
        ideas: list[Idea] = []
        faults = []
        for value in proposed:
            try:
                ideas.append(self._check_one(value, ideas))
            except Unusable as fault:
                faults.append(fault)
        return ideas, faults

    def _check_one(self, value: Any, beside: Sequence[Idea]) -> Idea:
        """The idea that a JSON value is.

        Args:
            value: what the reply holds.
            beside: ideas of the same reply.

        Raises:
            Unusable: it is not of the right form, or it exists already.
        """
        if not isinstance(value, dict):
            raise Unusable(f"An idea must be a JSON object, and not {json.dumps(value)[:60]}.")
        value.pop("Literature", None)  # that is ours to write
        name = idea_files.name_of(value) or "a reply"
        try:
            idea, mends = idea_files.mend_idea(value, guess=False)
            if idea.Claims is not None:
                contract.check(contract.Claims, list(idea.Claims), "Claims")
                claims.complete(idea.Claims, self.template)
        except BonsaiError as error:
            raise Unusable(f"{error}.", name) from error
        known = [*self.known.ideas, *beside]
        if idea.Name in {other.Name for other in known}:
            raise Unusable("Its Name is taken by an idea that exists.", name)
        match = novelty.nearest(idea, known, self.background)
        if match is not None and match[1] >= novelty.THRESHOLD:
            other, likeness = match
            places = [each.where for each in self.known.known if each.idea is other]
            raise Unusable(
                f"It is too much like {other.Name} ({other.Title}; "
                f"{(places or ['in the same reply'])[0]}): similarity "
                f"{likeness:.2f}, and {novelty.THRESHOLD} is too much.",
                name,
            )
        for mend in mends:
            self.say(f"mended {idea.called}: {mend}")
        return idea


def _told(faults: Sequence[Unusable]) -> str:
    """Why proposals cannot be used, for the model; each by its name where there are several."""
    if len(faults) == 1:
        return str(faults[0])
    return " ".join(f"{fault.name}: {fault}" for fault in faults)


def extract(text: str) -> tuple[list[Any], str]:
    """The ideas of a reply, each a JSON value, and what else of it is left out, in words.

    A reply may hold drafts: what counts is its last JSON value with a `Name` in it, else the last.
    That is an idea, `{"idea": ...}`, or several as a list or as `{"ideas": [...]}`.

    Raises:
        Unusable: there is none, or what stands after it cannot be read, with its place.
    """
    pieces = find_json(text)
    read = [(_proposed(piece.value), number) for number, piece in enumerate(pieces)]
    ideas = [(values, number) for values, number in read if any(map(_is_object, values))]
    named = [each for each in ideas if any(idea_files.name_of(one) for one in each[0])]
    values, last = (named or ideas or [([], -1)])[-1]
    for piece in pieces[last + 1 :]:
        if piece.fault:
            raise Unusable(f"There is no JSON object in it that can be read: {piece.fault}.")
    if not values:
        raise Unusable(
            "There is no JSON object in it that can be read"
            + (f"; only its last {MOST_CHARACTERS:,} characters are looked at"
               if len(text) > MOST_CHARACTERS else "") + "."
        )  # fmt: skip
    others = [piece.fault or _name(piece.value) for piece in pieces[:last]]
    others += [_name(value) for given, number in read if number > last for value in given]
    return values, ", ".join(others)


def _proposed(value: Any) -> list[Any]:
    """The ideas that a JSON value of a reply holds."""
    return idea_files.entries(value) if isinstance(value, list | dict) else []


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _name(value: Any) -> str:
    """What a JSON value is called, to people."""
    names = [name for one in idea_files.entries(value) if (name := idea_files.name_of(one))]
    return ", ".join(names) or json.dumps(value)[:40]


def next_command(template: str, out: Path, live: LiveModel) -> str:
    """The command that tries the ideas."""
    words = ["bonsai", "run", template, "--ideas", str(out), "--model", live.model]
    if live.api_base:
        words += ["--api-base", live.api_base]
    return shlex.join(words)
