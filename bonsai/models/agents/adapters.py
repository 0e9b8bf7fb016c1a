"""How coding agents of others are started: without questions, with the gateway as their model.

An adapter says where such a program's prompt goes, how it is told the address of the model, and
where its own files lie. All of its permissions are open, because what it may do is for the walls
around it to say; its telemetry, updates and titles are off, because there is nobody to talk to but
the gateway.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bonsai.base import BonsaiError, listing

LONGEST_ARGUMENT = 100_000  # bytes; Linux allows 128 KiB
A_DAY = 86_400  # seconds; the runner ends an agent long before, and a client must not give up
BY_INPUT = ("/bin/sh", "-c", 'file=$1; shift; exec "$@" <"$file"', "sh")
PLACEHOLDERS = ("prompt_file", "files", "workspace")


@dataclass(frozen=True)
class Job:
    """One message to a program, as the program sees it.

    Attributes:
        prompt: what it is asked.
        prompt_file: where the same stands, in a file.
        files: what it may edit, relative to the workspace.
        workspace: the folder that it works in.
        home: its home, where its configuration and sessions lie.
        openai_url: the address of the model for OpenAI clients, with the version.
        anthropic_url: the same for Anthropic clients, without it.
        api_key: what it sends as key; worth nothing.
        model: what it calls the model.
        continued: whether it goes on with the session in its home.
    """

    prompt: str
    prompt_file: Path
    files: tuple[str, ...]
    workspace: Path
    home: Path
    openai_url: str
    anthropic_url: str
    api_key: str
    model: str
    continued: bool


@dataclass(frozen=True)
class Adapter:
    """How one program is started.

    Attributes:
        name: by which people choose it.
        program: what is looked for, on PATH and in the folder of agents.
        install: the command that installs it, for people; empty if nobody knows.
        keeps_session: whether it can go on with a session that lies in its home.
        command: its arguments.
        variables: its environment, beside the addresses and the key.
        configuration: the files of its configuration, by paths in its home.
        by_input: whether its prompt goes to its standard input.
        reads: files that its command line names.
    """

    name: str
    program: str
    install: str
    keeps_session: bool
    command: Callable[[Job], list[str]]
    variables: Callable[[Job], dict[str, str]] = lambda job: {}
    configuration: Callable[[Job], dict[str, str]] = lambda job: {}
    by_input: bool = False
    reads: tuple[Path, ...] = ()

    def line(self, path: Path, job: Job) -> list[str]:
        """The whole command line of the program at `path`."""
        words = [str(path), *self.command(job)]
        return [*BY_INPUT, str(job.prompt_file), *words] if self.by_input else words


def _told(job: Job) -> str:
    """The prompt as an argument, or where to find it, if no argument may be so long."""
    if len(job.prompt.encode()) <= LONGEST_ARGUMENT:
        return job.prompt
    return f"What you are to do stands in the file {job.prompt_file}. Read all of it, and do it."


# ------------------------------------------------------------------------------------- opencode


def _opencode_configuration(job: Job) -> dict[str, str]:
    model = {"name": job.model, "tool_call": True}
    options = {"baseURL": job.openai_url, "apiKey": job.api_key, "timeout": False}
    provider = {
        "npm": "@ai-sdk/openai-compatible", "name": "Bonsai",
        "options": options, "models": {job.model: model},
    }  # fmt: skip
    named = f"bonsai/{job.model}"
    config = {
        "provider": {"bonsai": provider}, "enabled_providers": ["bonsai"],
        "model": named, "small_model": named,
        "permission": {"*": "allow", "webfetch": "deny", "websearch": "deny"},
        "autoupdate": False, "share": "disabled", "snapshot": False,
        "lsp": False, "formatter": False,
    }  # fmt: skip
    return {".config/opencode/opencode.json": json.dumps(config, indent=2)}


def _opencode(job: Job) -> list[str]:
    # With a title of its own, no model is asked for one.
    goes_on = ["--continue"] if job.continued else ["--title", "bonsai"]
    return ["run", "--pure", "--auto", "--model", f"bonsai/{job.model}", *goes_on]


def _opencode_variables(job: Job) -> dict[str, str]:
    off = ("AUTOUPDATE", "MODELS_FETCH", "LSP_DOWNLOAD", "DEFAULT_PLUGINS", "SHARE")
    return {f"OPENCODE_DISABLE_{what}": "1" for what in off}


# ---------------------------------------------------------------------------------------- codex

CODEX = """\
model = {model}
model_provider = "bonsai"
approval_policy = "never"
sandbox_mode = "danger-full-access"
web_search = "disabled"
check_for_update_on_startup = false

[model_providers.bonsai]
name = "Bonsai"
base_url = {url}
env_key = "OPENAI_API_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
stream_idle_timeout_ms = {milliseconds}

[features]
apps = false
goals = false
plugins = false
shell_snapshot = false
unbounded_connection_retries = false

[agents]
enabled = false

[skills.bundled]
enabled = false

[analytics]
enabled = false

[history]
persistence = "none"
"""


def _codex_configuration(job: Job) -> dict[str, str]:
    config = CODEX.format(
        model=json.dumps(job.model), url=json.dumps(job.openai_url), milliseconds=A_DAY * 1000
    )
    return {".codex/config.toml": config}


def _codex(job: Job) -> list[str]:
    goes_on = ["resume", "--last"] if job.continued else []
    open_wide = ["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
    return ["exec", *open_wide, *goes_on, "-"]


# --------------------------------------------------------------------------------------- claude


def _claude(job: Job) -> list[str]:
    return [
        *("--print", "--dangerously-skip-permissions", "--model", job.model),
        *("--tools", "Bash,Edit,Read,Write", "--disable-slash-commands", "--strict-mcp-config"),
        *(["--continue"] if job.continued else []),
    ]


def _claude_variables(job: Job) -> dict[str, str]:
    return {
        "CLAUDE_CONFIG_DIR": str(job.home / ".claude"),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS": "1",
        "ANTHROPIC_SMALL_FAST_MODEL": job.model,
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": job.model,
        "API_TIMEOUT_MS": str(A_DAY * 1000),
        "DISABLE_AUTOUPDATER": "1",
        "IS_SANDBOX": "1",  # else it would not have its permissions open as root
    }


# ------------------------------------------------------------------------------- mini-swe-agent


def _mini(job: Job) -> list[str]:
    settings = ["mini.yaml", "environment.timeout=600", f"model.model_kwargs.timeout={A_DAY}"]
    return [
        *("--yolo", "--exit-immediately", "--cost-limit", "0", "--model", f"openai/{job.model}"),
        *(word for setting in settings for word in ("--config", setting)),
        f"--task={_told(job)}",
    ]


def _mini_variables(job: Job) -> dict[str, str]:
    return {
        "MSWEA_CONFIGURED": "true",
        "MSWEA_COST_TRACKING": "ignore_errors",
        "MSWEA_GLOBAL_CONFIG_DIR": str(job.home / ".config" / "mini-swe-agent"),
        "MSWEA_MODEL_RETRY_STOP_AFTER_ATTEMPT": "1",  # the gateway does the retrying
        "MSWEA_SILENT_STARTUP": "1",
        "TYPER_STANDARD_TRACEBACK": "1",  # else it takes seconds to tell that it was refused
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else litellm downloads prices
        "LITELLM_MODE": "PRODUCTION",  # else litellm reads .env files
    }


# ---------------------------------------------------------------------------------------- gptme


def _gptme_configuration(job: Job) -> dict[str, str]:
    # A conversation with a name has none made up by the model.
    config = f'[chat]\nname = "bonsai"\nworkspace = {json.dumps(str(job.workspace))}\n'
    return {".local/share/gptme/logs/bonsai/config.toml": config}


def _gptme(job: Job) -> list[str]:
    # With tools that change things it asks the model twice whether it has really ended.
    tools = "shell,save,append,patch" if job.files else "read-only"
    return [
        *("--non-interactive", "--name", "bonsai", "--model", f"local/{job.model}"),
        *("--tool-format", "markdown", "--tools", tools, "--context", "files", "--", _told(job)),
    ]


def _gptme_variables(job: Job) -> dict[str, str]:
    return {
        "GPTME_DISABLE_PATH_INCLUDE": "1",  # else it adds each file and page that the prompt names
        "GPTME_FOLD_SYSTEM_MESSAGES": "1",  # else some services have what came of a command first
        "GPTME_TIKTOKEN_TIMEOUT": "0",  # else it downloads tables to count tokens with
        "HOOK_ALLOWLIST": "cwd_changed,markdown_validation",
        "LLM_API_TIMEOUT": str(A_DAY),
    }


ADAPTERS = {
    adapter.name: adapter
    for adapter in (
        Adapter(
            "opencode", "opencode", "npm install --global opencode-ai", True,
            _opencode, _opencode_variables, _opencode_configuration, by_input=True,
        ),
        Adapter(
            "codex", "codex", "npm install --global @openai/codex", True,
            _codex, lambda job: {"CODEX_HOME": str(job.home / ".codex")}, _codex_configuration,
            by_input=True,
        ),
        Adapter(
            "claude", "claude", "npm install --global @anthropic-ai/claude-code", True,
            _claude, _claude_variables, by_input=True,
        ),
        Adapter(
            "mini-swe-agent", "mini-swe-agent", "pipx install mini-swe-agent", False,
            _mini, _mini_variables,
        ),
        Adapter(
            "gptme", "gptme", "pipx install gptme", True,
            _gptme, _gptme_variables, _gptme_configuration,
        ),
    )
}  # fmt: skip


# ----------------------------------------------------------------------------- any other program


def custom(text: str) -> Adapter:
    """The adapter of any other program, from its command line.

    Args:
        text: as in a shell, but for what a shell would fill in; of `{prompt_file}`, `{files}` and
            `{workspace}` each becomes a word of its own, `{files}` as many as there are files.

    Raises:
        BonsaiError: it is empty, its quotes do not pair up, or it holds another placeholder.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise BonsaiError(f"The command line {text!r} cannot be read: {error}.") from error
    if not words:
        raise BonsaiError(
            "The agent command: needs a command line behind it, such as "
            "'command: python my_agent.py {prompt_file}'."
        )
    for word in words:
        for name in re.findall(r"\{(\w+)\}", word):
            if name not in PLACEHOLDERS:
                known = listing([f"{{{each}}}" for each in PLACEHOLDERS])
                raise BonsaiError(f"There is no {{{name}}} for a command line; there are {known}.")
        if "{files}" in word and word != "{files}":
            raise BonsaiError(f"{{files}} must be a word of its own, and is part of {word!r}.")
    # It is started in another folder, where names that are relative to this one mean nothing.
    program, *rest = words
    program = str(Path(program).absolute()) if "/" in program else program
    reads = tuple(Path(word).absolute() for word in rest if Path(word).is_file())
    rest = [str(Path(word).absolute()) if Path(word).is_file() else word for word in rest]

    def command(job: Job) -> list[str]:
        fill = {"{prompt_file}": str(job.prompt_file), "{workspace}": str(job.workspace)}
        filled: list[str] = []
        for word in rest:
            filled += job.files if word == "{files}" else [_filled(word, fill)]
        return filled

    return Adapter("command", program, "", False, command, reads=reads)


def _filled(word: str, fill: dict[str, str]) -> str:
    # In one go: a path may hold braces.
    return re.sub("|".join(map(re.escape, fill)), lambda found: fill[found[0]], word)
