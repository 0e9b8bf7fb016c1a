"""What a coding agent costs and what keeps it in: seconds, requests, tokens, escapes.

Every agent that is installed (`make agents`) makes the same edit, which a scripted model has it
make. Seconds are those from the prompt to the edit, less those that the gateway waited for the
model; the yardstick is the agent of ten lines that `docs/agents.md` shows, without walls, measured
in the same run. Tokens are those of all requests of the edit, with their tools, as litellm counts
them for gpt-4o. Those that run commands then run `tests/escapes.py` within their walls.

Run:  python benchmarks/agents.py [--repeats 3] [AGENT …]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from bonsai.execution import sandbox  # noqa: E402
from bonsai.models import (  # noqa: E402
    Gateway,
    LiveModel,
    lazy_litellm,
)
from bonsai.models.agents import AgentReply, Surroundings, make_agent, runs_commands  # noqa: E402
from bonsai.models.agents.adapters import ADAPTERS  # noqa: E402
from bonsai.models.agents.command import WORKSPACE  # noqa: E402
from bonsai.models.agents.whereabouts import find, version  # noqa: E402
from bonsai.templates import Limits  # noqa: E402
from tests import coding_agents, escapes  # noqa: E402
from tests.fake_model import FakeModel, Says  # noqa: E402
from tests.treasures import survivors, treasures  # noqa: E402

FILES = ("experiment.py",)
BEFORE = (REPOSITORY / "tests" / "toy" / "experiment.py").read_text()
AFTER = BEFORE + "\n# An edit.\n"
LAST = BEFORE.splitlines()[-1]
Script = Callable[[Path], list[Says]]  # of the model, given the folder that the agent works in


@dataclass(frozen=True)
class Contestant:
    """An agent, and what a model must say for it to make the edit."""

    title: str
    name: str  # as in `--agent`
    script: Script
    walls: bool = True


def main() -> None:
    """Measure all, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("agents", nargs="*", help="only these")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    os.environ["OPENAI_API_KEY"] = escapes.SECRET
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BONSAI_DATA"] = str(Path(folder) / "data")
        rivals = [
            each for each in _contestants(Path(folder))
            if not arguments.agents or each.name in (*arguments.agents, "ten lines")
        ]  # fmt: skip
        print(f"{'agent':<34}{'s':>7}{'ratio':>8}{'requests':>10}{'tokens':>9}   escapes held")
        plain = None
        for rival in rivals:
            took, requests, tokens = _edit(rival, Path(folder), arguments.repeats)
            plain = plain or took
            held = _escapes(rival) if rival.walls and runs_commands(rival.name) else "-"
            print(
                f"{rival.title:<34}{took:>7.2f}{took / plain:>8.1f}{requests:>10}{tokens:>9,}   "
                f"{held}",
                flush=True,
            )


def _contestants(folder: Path) -> list[Contestant]:
    docs = (REPOSITORY / "docs" / "agents.md").read_text()
    code = re.search(r"```python\n(# my_agent.py\n.*?)```", docs, re.DOTALL)
    assert code
    (folder / "my_agent.py").write_text(code[1])
    own = f"command:{sys.executable} {folder / 'my_agent.py'} {{prompt_file}} {{files}}"

    def json_reply(_: Path) -> list[Says]:
        return [Says(json.dumps({FILES[0]: AFTER}))]

    def diff(_: Path) -> list[Says]:
        block = f"<<<<<<< SEARCH\n{LAST}\n=======\n{LAST}\n\n# An edit.\n>>>>>>> REPLACE"
        return [Says(f"{FILES[0]}\n```python\n{block}\n```")]

    def whole(_: Path) -> list[Says]:
        return [Says(f"{FILES[0]}\n````\n{AFTER}````")]

    found = [
        Contestant("ten lines, no walls", own, json_reply, walls=False),
        *([Contestant("ten lines", own, json_reply)] if not sandbox.problem() else []),
        Contestant("aider", "aider", diff),
        Contestant("rewrite", "rewrite", whole),
    ]
    for name, adapter in ADAPTERS.items():
        if (path := find(adapter)) is not None and not sandbox.problem():
            script = _of_tools(name)
            found.append(Contestant(f"{name} {version(path)}", name, script))
    return found


def _of_tools(name: str) -> Script:
    def script(copy: Path) -> list[Says]:
        done = coding_agents.ends(name, "An edit is made.")
        return [coding_agents.writes(name, copy / FILES[0], AFTER), done]

    return script


def _edit(rival: Contestant, folder: Path, repeats: int) -> tuple[float, int, int]:
    """Seconds of one edit beside the model's (median), requests, and tokens of these."""
    took: list[float] = []
    requests = tokens = 0
    for number in range(repeats + 1):  # the first loads what is loaded once
        place = Path(tempfile.mkdtemp(dir=folder))
        workspace = place / "workspace"
        shutil.copytree(REPOSITORY / "tests" / "toy", workspace)
        reply, model = _ask(rival, place, workspace, FILES, rival.script(WORKSPACE))
        assert reply.edited == FILES and not reply.problem, (rival.name, reply)
        waited = sum(
            json.loads(path.read_text())["seconds"]
            for path in (place / "exchanges").glob("*.usage.json")
        )
        if number:
            took.append(reply.seconds - waited)
        requests = len(model.bodies)
        tokens = sum(_tokens(body) for body in model.bodies)
    return statistics.median(took), requests, tokens


def _ask(
    rival: Contestant, place: Path, workspace: Path, files: tuple[str, ...], script: list[Says]
) -> tuple[AgentReply, FakeModel]:
    around = Surroundings(place / "agent", rival.walls, Limits(), threading.Event())
    with ExitStack() as stack:
        model = stack.enter_context(FakeModel(*script).serving())
        gateway = stack.enter_context(Gateway(LiveModel("openai/fake", model.url)))
        session = stack.enter_context(gateway.session(place / "exchanges"))
        agent = make_agent(rival.name)
        reply = agent.edit(workspace, "Make an edit.", files, session, 300, around)
    return reply, model


def _tokens(body: dict[str, object]) -> int:
    text = json.dumps([body["messages"], body.get("tools", [])])
    return int(lazy_litellm.load().token_counter(model="gpt-4o", text=text))


def _escapes(rival: Contestant) -> str:
    """How many of the attempts to escape were held."""
    with treasures() as laid:
        idea, workspace = laid["idea"], laid["workspace"]
        (workspace / "notes.txt").write_text("")
        if rival.name in ADAPTERS:
            run = coding_agents.runs(rival.name, "python escapes.py notes.txt")
            script, name = [run, coding_agents.ends(rival.name, "None succeeded.")], rival.name
        else:
            script, name = [], f"command:{sys.executable} escapes.py {{files}}"
        trying = Contestant(rival.title, name, rival.script)
        reply, _ = _ask(trying, idea, workspace, ("notes.txt",), script)
        assert not reply.problem, (name, reply)
        came_of_it = json.loads((workspace / "notes.txt").read_text())
        if survivors():
            came_of_it["a process that outlives it"] = "it did"
    broken = [name for name, what in came_of_it.items() if what]
    total = len(escapes.ATTEMPTS)
    return f"{total - len(broken)} of {total}" + (f": {', '.join(broken)}" if broken else "")


if __name__ == "__main__":
    main()
