"""The agent for models that cannot write diffs: it asks for whole files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import openai

from bonsai.base import listing, write_atomically
from bonsai.models.agents.protocol import AgentReply, AgentStopped, Attempt, observe

if TYPE_CHECKING:
    from bonsai.models.gateway import Session

INSTRUCTIONS = """You edit files. Reply with each file that you change, whole, from its first line \
to its last: the name of the file alone on a line, and below it the contents between two lines of \
four backticks, like this:

notes.txt
````
the complete new contents of notes.txt
````

Leave out files that you do not change. Leave nothing out of files that you do: no "..." and no \
"the rest stays as it is". You may edit these files and no others: {files}."""

FENCE = re.compile(r"^(`{3,}|~{3,})([^`]*)$")
FILE_NAME = re.compile(r"^[\w./-]*\w\.\w+$")


@dataclass(frozen=True)
class RewriteAgent:
    """Asks for whole files through the openai client, and writes those that it gets."""

    name: str = "rewrite"

    def edit(
        self,
        workspace: Path,
        message: str,
        files: Sequence[str],
        session: Session,
        deadline_seconds: float,
    ) -> AgentReply:
        """See `Agent.edit`."""
        return observe(
            workspace,
            files,
            session,
            lambda: _rewrite(workspace, message, files, session, deadline_seconds),
        )


class _File(NamedTuple):
    """A fenced block of a reply that has a file name above it."""

    name: str
    contents: str
    closed: bool


def _rewrite(
    workspace: Path, message: str, files: Sequence[str], session: Session, deadline_seconds: float
) -> Attempt:
    text, cut_off = _ask(_prompt(workspace, message, files), session, deadline_seconds)
    found = _parse(text)
    if cut_off or not all(file.closed for file in found):
        return Attempt(text, "The reply was cut off before its end, so nothing of it was used.")
    for file in found:
        if file.name in files:
            write_atomically(workspace / file.name, file.contents)
    refused = sorted({file.name for file in found} - set(files))
    if refused and files:
        return Attempt(text, f"Only {listing(files)} may be edited, so {listing(refused)} was not.")
    return Attempt(text)


def _ask(
    messages: list[openai.types.chat.ChatCompletionMessageParam], session: Session, seconds: float
) -> tuple[str, bool]:
    """Return the reply, and whether it was cut off at the model's limit of length."""
    # The gateway does the retrying, and no proxy of the user's must come between.
    http = openai.DefaultHttpxClient(trust_env=False)
    try:
        with openai.OpenAI(
            base_url=session.base_url,
            api_key=session.api_key,
            timeout=seconds,
            max_retries=0,
            http_client=http,
        ) as client:
            completion = client.chat.completions.create(
                model=session.model, messages=messages, temperature=0
            )
    except openai.APITimeoutError as error:
        raise AgentStopped(f"The agent was stopped after {seconds:g} seconds.") from error
    except openai.BadRequestError:
        return "", False  # the session holds the reason
    except openai.OpenAIError as error:
        raise AgentStopped(f"The gateway could not be reached: {error}") from error
    choice = completion.choices[0]
    return choice.message.content or "", choice.finish_reason == "length"


def _prompt(
    workspace: Path, message: str, files: Sequence[str]
) -> list[openai.types.chat.ChatCompletionMessageParam]:
    if not files:
        return [{"role": "user", "content": message}]
    shown = [
        f"{name}\n````\n{(workspace / name).read_text(encoding='utf-8')}\n````"
        for name in files
        if (workspace / name).is_file()
    ]
    content = "\n\n".join([message, "The files as they are now:", *shown])
    return [
        {"role": "system", "content": INSTRUCTIONS.format(files=listing(files))},
        {"role": "user", "content": content},
    ]


def _parse(text: str) -> list[_File]:
    """Return the fenced blocks that have a file name above them, the last of each name.

    Other blocks illustrate something. As in Markdown, a fence is closed by a line of at least as
    many of its own characters.
    """
    found: dict[str, _File] = {}
    lines = text.splitlines(keepends=True)
    above, position = "", 0
    while position < len(lines):
        line = lines[position].strip()
        position += 1
        opening = FENCE.match(line)
        if not opening:
            above = line or above  # one may leave an empty line between name and fence
            continue
        end = _closing(lines, position, opening[1])
        name = _file_name(above, opening[2])
        if name:
            found[name] = _File(name, "".join(lines[position:end]), end < len(lines))
        above, position = "", end + 1
    return list(found.values())


def _closing(lines: list[str], start: int, fence: str) -> int:
    """Return the index of the line that closes the fence, or one past the last line."""
    for index in range(start, len(lines)):
        line = lines[index].rstrip()
        if line.startswith(fence) and not line.strip(fence[0]):
            return index
    return len(lines)


def _file_name(above: str, info: str) -> str | None:
    """Return the file that a fence is about: named on the line above it, or on its own line."""
    for candidate in (above, *reversed(info.split())):
        name = re.sub(r"^(file|filename):\s*", "", candidate.strip("*#`: "), flags=re.IGNORECASE)
        name = name.strip("*`: ").removeprefix("./")
        if FILE_NAME.match(name):
            return name
    return None
