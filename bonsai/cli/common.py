"""What all commands share: the application, how errors are told, options that recur."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup

import bonsai
from bonsai.base import FULL, BonsaiError

if TYPE_CHECKING:
    import click


class TwoWords(TyperGroup):
    """Commands of two words, like `ideas check`, beside those of one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that was typed, and what was typed after it."""
        words = " ".join(args[:2])
        if len(args) > 1 and (command := self.get_command(ctx, words)) is not None:
            return words, command, args[2:]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=TwoWords,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Sweep experiment templates and let a language model mutate them. Every result is "
    "measured again by the runner, and judged on seeds that the model never saw.",
    epilog="Start with:  [bold]bonsai run[/bold]  (plays back recorded ideas: no key, no network)",
)
Command = TypeVar("Command", bound=Callable[..., Any])


def for_people(command: Command) -> Command:
    """A mistake of the user ends with one sentence and exit code 2, never with a traceback.

    A service of a model that is away ends with 75 or 78, as sysexits.h has it.
    """

    @wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except BonsaiError as error:
            Console(stderr=True).print(Text(f"error: {error}"), soft_wrap=True)
            raise typer.Exit(error.exit_code) from None
        except OSError as error:
            if error.errno not in FULL:
                raise
            Console(stderr=True).print(Text(f"error: the disk is full: {error}"), soft_wrap=True)
            raise typer.Exit(2) from None

    return cast(Command, wrapped)


class EditFormatName(str, Enum):
    """How a model writes its edits."""

    diff = "diff"
    whole = "whole"


class ExecutorName(str, Enum):
    """Where programs run."""

    local = "local"
    ray = "ray"
    slurm = "slurm"


class SandboxMode(str, Enum):
    """Whether programs run within bubblewrap."""

    auto = "auto"
    require = "require"
    off = "off"


class TrackerName(str, Enum):
    """Where finished runs are logged as well."""

    mlflow = "mlflow"
    tensorboard = "tensorboard"


Templates = Annotated[
    list[str] | None,
    typer.Argument(metavar="[TEMPLATE]...", help="Names or folders; default: all."),
]
Results = Annotated[
    Path | None,
    typer.Argument(metavar="[RESULTS]", help="A results folder; default: the newest in results/."),
]
Data = Annotated[str | None, typer.Option(help="Data set, e.g. mini; default: the template's own.")]
Seeds = Annotated[
    str | None, typer.Option(help="Seeds that the agent works with, e.g. 0,1,2 or 0-4.")
]
Metric = Annotated[
    str | None,
    typer.Option(
        metavar="NAME[:lower|higher]",
        help="What a template without score.py is judged by; default: its names tell.",
    ),
]
DataFrom = Annotated[
    list[Path] | None,
    typer.Option(help="What such a template may read as well; may be repeated."),
]
AllowNetwork = Annotated[
    bool,
    typer.Option(
        "--allow-network",
        help="Let such a template download what it needs: its baseline, not ideas.",
    ),
]
PassEnv = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="A variable (a key) for one that calls a service; ideas then have the network and it. "
        "May be repeated.",
    ),
]
Dollars = Annotated[float | None, typer.Option(min=0.0, help="Most dollars for the model.")]
Tokens = Annotated[int | None, typer.Option(min=0, help="Most tokens to and from it.")]
WaitForModel = Annotated[
    float | None,
    typer.Option(
        min=0.0, metavar="SECONDS", help="How long to wait for a model's service that is away."
    ),
]
ContextTokens = Annotated[
    int | None,
    typer.Option(min=1, help="The model's window, prompt and reply; default: what refusals tell."),
]
Hours = Annotated[float | None, typer.Option(min=0.0, help="Hours until nothing new is begun.")]
ApiBase = Annotated[str | None, typer.Option(help="Address of an OpenAI-compatible service.")]
Agents = Annotated[
    list[str] | None,
    typer.Option(
        "--agent",
        metavar="NAME[,NAME]",
        help="Who edits: aider (the default), rewrite, opencode, codex, claude, mini-swe-agent, "
        "gptme, or command:'PROGRAM …' with {prompt_file}, {files}, {workspace}. Several share the "
        "ideas out at random.",
    ),
]
AgentUnconfined = Annotated[
    bool,
    typer.Option(
        "--agent-unconfined",
        help="Let an agent that runs commands do so without walls, where there are none.",
    ),
]
KeepSession = Annotated[
    bool,
    typer.Option(
        "--keep-session", help="Let an agent that can go on with its session, within an idea."
    ),
]
AgentSeconds = Annotated[
    float, typer.Option(min=1.0, help="After these an agent is stopped, for each message.")
]
EditFormat = Annotated[EditFormatName, typer.Option(help="How aider's model writes edits.")]
Threads = Annotated[
    int | None,
    typer.Option(min=1, help="CPU threads of a run; default: cores / workers, on a cluster 1."),
]
GpusPerRun = Annotated[
    float | None,
    typer.Option(min=0.0, help="GPUs of a run, e.g. 0.5; default: 1 where there are GPUs."),
]
Executor = Annotated[ExecutorName, typer.Option(help="Where experiments run.")]
Address = Annotated[
    str | None,
    typer.Option(help="Of the Ray cluster; default: the one this machine belongs to."),
]
Slurm = Annotated[
    list[str] | None,
    typer.Option(help="An option of sbatch, e.g. partition=gpu; may be repeated."),
]
Out = Annotated[Path | None, typer.Option(help="Results folder; default: results/<date and time>.")]
Sandbox = Annotated[
    SandboxMode, typer.Option(help="Bubblewrap around experiments: where it works, or always.")
]
Limit = Annotated[
    list[str] | None,
    typer.Option(help="What a run may take, e.g. memory_gb=4; may be repeated."),
]
Track = Annotated[
    list[TrackerName] | None,
    typer.Option(help="Log finished runs there as well; may be repeated."),
]


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    if version:
        typer.echo(f"bonsai {bonsai.__version__}")
        raise typer.Exit
