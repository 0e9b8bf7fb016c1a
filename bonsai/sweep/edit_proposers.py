"""Proposers that have the agent edit a version, which it is shown with its evidence."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bonsai.execution import syntax_problem
from bonsai.search import START, Node, NoProposal, Proposal
from bonsai.sweep.conversation import Conversation
from bonsai.templates import Idea

FILE = "experiment.py"
MOST_TOLD = 20  # versions that the agent is told of
MOST_LINES = 200  # of the second parent's changes
EDITORS = ("model", "cross", "chain")  # as in `--proposer`


@dataclass
class EditProposer:
    """Has the agent edit a version.

    Attributes:
        name: "model" edits the version that it is given; "cross" is shown a second good one as
            well; "chain" edits what it made last, whatever came of that, as a sweep of ideas does.
        idea: what the search is about.
        talk: the conversation with the agent, one for all proposers of a search.
        curves: the curves of a version's first run, in a few lines; empty where there are none.
    """

    name: str
    idea: Idea
    talk: Conversation
    curves: Callable[[int], str]
    uses: str = field(default="conversation", init=False)

    def propose(self, tree: Sequence[Node], parent: Node, turn: int) -> Proposal:
        """See `Proposer.propose`.

        Raises:
            NoProposal: the reply held no edit, or no more replies are to be had.
            ServiceGone: the model's service is away.
            execution.Cancelled: the sweep was told to stop.
        """
        if self.name == "chain":
            parent = _last_of_chain(tree)
        other = second_parent(tree, parent) if self.name == "cross" else None
        workspace = self.talk.workspace
        experiment = workspace.folder / FILE
        experiment.write_text(parent.source, encoding="utf-8")
        self.talk.state(workspace.commit(f"to edit: {called(parent.number)}"))
        curves = self.curves(parent.number)
        shown = {
            "parent": told(parent) + (f"\nIts curves:\n{curves}" if curves else ""),
            "tree": _around(tree, parent),
            "number": turn + 1,
        }
        if other is not None:
            shown |= {"other": told(other), "changes": _changes(tree[START], other)}
        message = self.talk.context.prompts.message(
            "candidate" if other is None else "cross", self.idea, **shown
        )
        asked = self.talk.ask("edit", message, (FILE,))
        if not asked.ok:
            gone = NoProposal(asked.message)
            gone.over = asked.message if asked.data.get("over") else None
            raise gone
        if problem := syntax_problem(experiment):
            broken = NoProposal(f"does not parse: {problem.splitlines()[0]}")
            broken.kind = "syntax"
            raise broken
        source = experiment.read_bytes().decode("utf-8", errors="replace")  # no longer than code is
        if source == parent.source:
            raise NoProposal("the reply held no edit of experiment.py")
        lines = str(asked.data["reply"]).strip().splitlines()
        changed = lines[0][:200] if lines else "an edit"
        return Proposal(source, changed, parent.number, other.number if other else None)


def called(number: int) -> str:
    """How a version is called."""
    return "the template" if number == START else f"c{number:04d}"


def told(node: Node) -> str:
    """A version and its evidence, in a line."""
    if node.number == START:
        return "the template itself"
    found = node.failure or ("not measured yet" if node.gain is None else f"gain {node.gain:+.3g}")
    return f"{called(node.number)} of {called(node.parent)}: {node.changed} ({found})"


def _last_of_chain(tree: Sequence[Node]) -> Node:
    whole = [node for node in tree if node.by == "chain" and not node.failure]
    return whole[-1] if whole else tree[START]


def second_parent(tree: Sequence[Node], parent: Node) -> Node | None:
    """The best version beside a parent's own line; None if there is none that gained anything."""
    line = _line(tree, parent)
    others = [node for node in tree if node.number not in line and (node.gain or 0.0) > 0]
    # A version that goes on from the parent holds all of it already.
    others = [node for node in others if parent.number not in _line(tree, node)]
    return max(others, key=lambda node: node.gain or 0.0, default=None)


def _line(tree: Sequence[Node], node: Node) -> set[int]:
    """A version and those that lead to it, but for the template."""
    line = set[int]()
    while node.number != START:
        line.add(node.number)
        node = tree[node.parent]
    return line


def _around(tree: Sequence[Node], parent: Node) -> str:
    """What was tried beside: the versions that lead to the parent, its children, what failed."""
    line = _line(tree, parent)
    shown = [node for node in tree[1:] if node.number in line or node.parent == parent.number]
    return "\n".join(f"- {told(node)}" for node in shown[-MOST_TOLD:]) or "- nothing yet"


def _changes(start: Node, other: Node) -> str:
    lines = difflib.unified_diff(
        start.source.splitlines(), other.source.splitlines(), "the template", called(other.number),
        lineterm="", n=2,
    )  # fmt: skip
    return "\n".join(list(lines)[:MOST_LINES])
