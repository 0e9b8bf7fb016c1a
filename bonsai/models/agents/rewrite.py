"""The agent for models that cannot write diffs: it asks for whole files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import openai

from bonsai.base import listing, write_atomically
from bonsai.models.agents import replies
from bonsai.models.agents.protocol import (
    AgentReply,
    AgentStopped,
    Attempt,
    Surroundings,
    observe,
)

if TYPE_CHECKING:
    from bonsai.models.gateway import Session

INSTRUCTIONS = """You edit files. Reply with each file that you change, whole, from its first line \
to its last: the name of the file alone on a line, and below it the contents between two lines of \
{count} backticks, like this:

notes.txt
{fence}
the complete new contents of notes.txt
{fence}

Leave out files that you do not change. Leave nothing out of files that you do: no "..." and no \
"the rest stays as it is". You may edit these files and no others: {files}."""


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
        surroundings: Surroundings | None = None,
    ) -> AgentReply:
        """See `Agent.edit`."""
        return observe(
            workspace,
            files,
            session,
            lambda: _rewrite(workspace, message, files, session, deadline_seconds),
        )


def _rewrite(
    workspace: Path, message: str, files: Sequence[str], session: Session, deadline_seconds: float
) -> Attempt:
    old = {name: _text(workspace / name) for name in files}
    text, cut_off = _ask(_prompt(message, old), session, deadline_seconds)
    known = {name: contents or "" for name, contents in old.items()}
    found = replies.whole_files(text, known, workspace) if files else []
    if cut_off or not all(file.closed for file in found):
        return Attempt(text, "The reply was cut off before its end, so nothing of it was used.")
    problems = []
    for file in found:
        if file.name not in files:
            continue
        if why := replies.why_not_written(file.name, known[file.name], file.text):
            problems.append(f"{file.name} was not written, because {why}.")
        else:
            write_atomically(workspace / file.name, file.text)
    detail = "It stands as it was: reply with all of it, from its first line to its last."
    refused = sorted({file.name for file in found} - set(files))
    if refused:
        problems.append(f"Only {listing(files)} may be edited, so {listing(refused)} was not.")
        detail = detail if len(problems) > 1 else ""
    return Attempt(text, " ".join(problems), detail) if problems else Attempt(text)


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


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
    message: str, old: Mapping[str, str | None]
) -> list[openai.types.chat.ChatCompletionMessageParam]:
    if not old:
        return [{"role": "user", "content": message}]
    there = {name: text for name, text in old.items() if text is not None}
    # The model is to fence files as they are shown to it, and they may hold fences themselves.
    fence = replies.longer_fence(list(there.values()))
    shown = [f"{name}\n{fence}\n{text}\n{fence}" for name, text in there.items()]
    content = "\n\n".join([message, "The files as they are now:", *shown])
    count = "four" if len(fence) == 4 else str(len(fence))
    rules = INSTRUCTIONS.format(files=listing(list(old)), fence=fence, count=count)
    return [{"role": "system", "content": rules}, {"role": "user", "content": content}]
