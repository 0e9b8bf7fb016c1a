"""What a scripted model must reply for each of the real coding agents to do something.

Each has tools of its own, or code blocks, and its own way to end.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from tests.fake_model import Says, calls

NPM = ("opencode", "codex", "claude")
PYPI = ("mini-swe-agent", "gptme")


def runs(agent: str, command: str) -> Says:
    """Has the agent run a shell command."""
    text = "I run a command."
    if agent == "opencode":
        return calls(("bash", {"command": command, "description": "a command"}), text=text)
    if agent == "codex":
        return calls(("exec_command", {"cmd": command, "yield_time_ms": 30_000}), text=text)
    if agent == "claude":
        return calls(("Bash", {"command": command, "description": "a command"}), text=text)
    if agent == "mini-swe-agent":
        return calls(("bash", {"command": command}), text=text)
    assert agent == "gptme"
    return Says(f"{text}\n\n```shell\n{command}\n```")


def writes(agent: str, path: Path, contents: str) -> Says:
    """Has the agent write a file that is there already, with the tool that it has for that."""
    text = f"I write {path.name}."
    if agent == "opencode":  # which writes no file over that it has not read
        read, write = {"filePath": str(path)}, {"filePath": str(path), "content": contents}
        return calls(("read", read), ("write", write), text=text)
    if agent == "claude":
        read, write = {"file_path": str(path)}, {"file_path": str(path), "content": contents}
        return calls(("Read", read), ("Write", write), text=text)
    if agent == "gptme":
        return Says(f"{text}\n\n```save {path}\n{contents}```")
    return runs(agent, f"printf %s {shlex.quote(contents)} > {shlex.quote(str(path))}")


def ends(agent: str, text: str) -> Says:
    """Has the agent say something and end."""
    if agent == "mini-swe-agent":
        return calls(("bash", {"command": "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"}), text=text)
    return Says(f"{text}\n\n```complete\n```" if agent == "gptme" else text)
