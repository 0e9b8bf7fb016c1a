"""Checks of the machine: versions, data, tools, disk, and the key of a model."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import torch
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from bonsai.doctor.finding import Finding, failure, note, ok, warning
from bonsai.execution import cores
from bonsai.execution import sandbox as walls
from bonsai.kit import data as kit_data
from bonsai.kit.errors import KitError
from bonsai.kit.vision import torchvision
from bonsai.models.agents import programs
from bonsai.templates import offered

DISTRIBUTION = "bonsai-experiments"
MIN_FREE_GIGABYTES = 2.0
TOOL_SECONDS = 20.0
LITELLM_SECONDS = 90.0
LATEX_TOOLS = ("pdflatex", "bibtex", "chktex")

# In a process of its own: litellm takes seconds to import, and prints what it likes.
ASK_LITELLM = """
import json, sys, litellm
model, api_base = json.loads(sys.argv[1])
try:
    provider = litellm.get_llm_provider(model, api_base=api_base)[1]
    missing = litellm.validate_environment(model, api_base=api_base)["missing_keys"]
except Exception as error:
    provider, missing = None, [str(error).strip().splitlines()[0]]
print(json.dumps([provider, missing]))
"""


def examine_environment(model: str | None = None, api_base: str | None = None) -> list[Finding]:
    """Check that this machine can run templates.

    Args:
        model: a litellm model string whose key is looked for; None: cassettes are played back.
        api_base: the address of the model's service, if it is not the usual one.
    """
    return [
        *python_version(),
        *package_versions(),
        *torchvision_imports(),
        *small_data(),
        *data_folder(),
        *template_packages(),
        *git(),
        *aider(),
        *coding_agents(),
        *model_key(model, api_base),
        *sandbox(),
        *latex(),
        *disk(),
        *processors(),
    ]


def python_version() -> Iterator[Finding]:
    """Python's version is one that the package was made for."""
    version = ".".join(map(str, sys.version_info[:3]))
    wanted = _metadata("Requires-Python")
    if wanted is None:
        yield warning(
            f"{DISTRIBUTION} is not installed, so the versions of packages are not checked",
            "install it: `pip install -e .` in the repository",
        )
    elif SpecifierSet(wanted).contains(version, prereleases=True):
        yield ok(f"Python {version}")
    else:
        yield failure(f"Python is {version}, and {wanted} is needed", "install such a Python")


def package_versions() -> Iterator[Finding]:
    """Every package that is needed is there, in a version that is good."""
    good = []
    for text in _requirements():
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        mend = f"`pip install '{requirement}'`"
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            yield failure(f"{requirement.name} is not installed", mend)
            continue
        if requirement.specifier.contains(version, prereleases=True):
            good.append(f"{requirement.name} {version}")
        else:
            yield failure(
                f"{requirement.name} is {version}, and {requirement.specifier} is needed", mend
            )
    if good:
        yield ok(", ".join(good))


def torchvision_imports() -> Iterator[Finding]:
    """A torchvision built for another torch does not import."""
    try:
        torchvision()
    except Exception as error:  # it fails in many ways, and each is the same to the reader
        yield failure(
            f"torchvision cannot be imported: {error}",
            "install torch and torchvision together, from the same index",
        )
    else:
        yield ok("torchvision imports")


def small_data() -> Iterator[Finding]:
    """The subset that ships with the package is what was published."""
    try:
        images = kit_data.load_images("mini")
    except (KitError, OSError) as error:
        yield failure(f"--data mini cannot be loaded: {error}", "install the package again")
    else:
        yield ok(f"--data mini is there and verified: {len(images.train_images)} images to train")


def data_folder() -> Iterator[Finding]:
    """The cache of data sets and baselines can be written."""
    folder = kit_data.data_folder()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if existing.is_dir() and os.access(existing, os.W_OK):
        yield ok(f"data sets and baselines are kept in {folder}")
    else:
        yield failure(
            f"the data folder {folder} cannot be written",
            "set BONSAI_DATA to a folder that can",
        )


def template_packages() -> Iterator[Finding]:
    """The templates that other packages offer can be had."""
    offers, broken = offered()
    for offer in offers:
        yield ok(f"{offer.origin} offers the template {offer.template.name}")
    for sentence in broken:
        yield warning(sentence, "tell its makers, or install another version")


def git() -> Iterator[Finding]:
    """Each idea's workspace is a git repository."""
    version = _output("git", "--version")
    if version is None:
        yield failure(
            "git is not there or does not work; each idea's workspace is a repository",
            "install git",
        )
    else:
        yield ok(version)


def aider() -> Iterator[Finding]:
    """The agent that edits files."""
    if find_spec("aider") is None:
        yield failure("aider is not there; it edits the files", "`pip install aider-chat`")
    else:
        yield ok("aider is there")


def coding_agents() -> Iterator[Finding]:
    """The agents that are programs of others: what is here, and what would install the rest."""
    why_no_walls = walls.problem()
    for adapter, path, version in programs():
        if path is None:
            mend = f"`{adapter.install}`, for --agent {adapter.name}"
            yield note(f"the agent {adapter.name} is not here", mend)
            continue
        told = f"the agent {adapter.name} is here: {path}, version {version or 'unknown'}"
        if why_no_walls is None:
            yield ok(f"{told}; it works within walls")
        else:
            yield note(
                f"{told}; there are no walls for it",
                "mend bubblewrap, or let it do whatever you may do with --agent-unconfined",
            )


def model_key(model: str | None, api_base: str | None) -> Iterator[Finding]:
    """A key for the model is in the environment, as far as litellm can tell."""
    if model is None:
        yield note("no model is named: cassettes are played back, without key or network")
        return
    answer = _ask_litellm(model, api_base)
    if answer is None:
        yield warning(
            f"litellm did not say within {LITELLM_SECONDS:.0f} s what {model} needs",
            "try `python -c 'import litellm'`",
        )
        return
    provider, missing = answer
    if provider is None:
        yield failure(
            f"litellm does not know the model {model}: {missing[0]}",
            "name it as PROVIDER/MODEL; for a server of your own, openai/MODEL with --api-base",
        )
    elif missing and provider == "openai" and api_base is not None:
        yield ok(f"{model} at {api_base} is asked without a key")
    elif missing:
        yield failure(
            f"for {model}, {', '.join(missing)} must be in the environment",
            f"`export {missing[0]}=...`; it is never written anywhere, nor shown to an experiment",
        )
    else:
        yield ok(f"the environment holds what {model} needs")


def sandbox() -> Iterator[Finding]:
    """Bubblewrap keeps what a model wrote from the files and the network."""
    why = walls.problem()
    if why is None:
        yield ok("bubblewrap works")
    else:
        yield warning(why, "on Linux, `apt install bubblewrap`; else run sweeps in a container")


def latex() -> Iterator[Finding]:
    """Only The AI Scientist's write-up needs it."""
    missing = [tool for tool in LATEX_TOOLS if shutil.which(tool) is None]
    if missing:
        yield note(
            f"{', '.join(missing)} not there; only The AI Scientist's papers need LaTeX",
            "`apt install texlive-latex-recommended chktex`",
        )
    else:
        yield ok(f"{', '.join(LATEX_TOOLS)} are there, for The AI Scientist's papers")


def disk() -> Iterator[Finding]:
    """Room for data, baselines and results."""
    data = kit_data.data_folder()
    data = next(path for path in (data, *data.parents) if path.exists())
    for what, folder in (("data", data), ("results", Path.cwd())):
        gigabytes = shutil.disk_usage(folder).free / 1e9
        if gigabytes < MIN_FREE_GIGABYTES:
            yield warning(
                f"only {gigabytes:.1f} GB are free for {what} ({folder})",
                f"make room: {MIN_FREE_GIGABYTES:.0f} GB are little enough",
            )
        else:
            yield ok(f"{gigabytes:.0f} GB are free for {what}")


def processors() -> Iterator[Finding]:
    """What computes."""
    if torch.cuda.is_available():
        gpu = f"GPU {torch.cuda.get_device_name(0)}"
    else:
        gpu = "Apple's GPU" if torch.backends.mps.is_available() else "no GPU"
    yield ok(f"{cores()} cores, {gpu}")


def _metadata(field: str) -> str | None:
    try:
        return metadata.metadata(DISTRIBUTION)[field]
    except metadata.PackageNotFoundError:
        return None


def _requirements() -> list[str]:
    try:
        return metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return []


def _output(*command: str) -> str | None:
    """What a command prints; None if it is not there, fails, or hangs."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TOOL_SECONDS, check=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _ask_litellm(model: str, api_base: str | None) -> tuple[str | None, list[str]] | None:
    """The model's provider and the environment's lacks; None if there is no answer."""
    offline = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION"}
    try:
        done = subprocess.run(
            [sys.executable, "-c", ASK_LITELLM, json.dumps([model, api_base])],
            env={**os.environ, **offline}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=LITELLM_SECONDS, check=True,
        )  # fmt: skip
        provider, missing = json.loads(done.stdout.strip().splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None
    return provider, missing
