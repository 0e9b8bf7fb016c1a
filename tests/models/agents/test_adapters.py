"""Coding agents of others: how they are started, found, and what they need to run."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bonsai.base import BonsaiError
from bonsai.models.agents import whereabouts
from bonsai.models.agents.adapters import ADAPTERS, LONGEST_ARGUMENT, Adapter, Job, custom
from bonsai.models.agents.whereabouts import find, missing, places, version


@pytest.fixture
def job(tmp_path: Path) -> Job:
    home = tmp_path / "home of {files}"
    home.mkdir()
    (home / "prompt.txt").write_text("Make it higher.\n")
    return Job(
        prompt="Make it higher.\n", prompt_file=home / "prompt.txt",
        files=("experiment.py", "my notes.txt"), workspace=tmp_path / "work", home=home,
        openai_url="http://127.0.0.1:1/token/v1", anthropic_url="http://127.0.0.1:1/token",
        api_key="local", model="bonsai", continued=False,
    )  # fmt: skip


def program(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def only_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all there is on PATH beside the system's."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("BONSAI_AGENTS", str(tmp_path / "agents"))
    return tmp_path / "bin"


# ---------------------------------------------------------------------------- a command line


def test_each_placeholder_of_a_command_line_becomes_one_word(job: Job) -> None:
    adapter = custom("agent --ask={prompt_file} {files} 'in {workspace}' '{\"a\": 1}'")
    assert adapter.program == "agent"
    assert adapter.line(Path("/bin/agent"), job) == [
        "/bin/agent", f"--ask={job.prompt_file}", "experiment.py", "my notes.txt",
        f"in {job.workspace}", '{"a": 1}',
    ]  # fmt: skip


def test_with_no_files_there_is_no_word_for_them(job: Job) -> None:
    assert custom("agent {files} now").command(replace(job, files=())) == ["now"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("agent {prompt}", "There is no {prompt} for a command line; there are {prompt_file}, "),
        ("agent --files={files}", "{files} must be a word of its own, and is part of "),
        ("agent 'unclosed", "cannot be read: No closing quotation."),
        ("  ", "needs a command line behind it, such as 'command: python my_agent.py"),
    ],
)
def test_a_command_line_that_cannot_be_meant_is_refused(text: str, problem: str) -> None:
    with pytest.raises(BonsaiError) as refused:
        custom(text)
    assert problem in str(refused.value)


def test_a_script_beside_it_is_found_from_any_folder_and_may_be_read(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = program(tmp_path / "my_agent.py")
    monkeypatch.chdir(tmp_path)
    adapter = custom("python my_agent.py nowhere.py {prompt_file}")
    assert adapter.command(job) == [str(script), "nowhere.py", str(job.prompt_file)]
    assert adapter.reads == (script,)
    assert custom("./my_agent.py").program == str(script)
    assert custom(f"python {script}").reads == (script,)


# ---------------------------------------------------------------------------- the known agents


@pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=ADAPTERS)
def test_a_long_prompt_is_no_argument(adapter: Adapter, job: Job) -> None:
    """Linux starts no program with an argument of more than 128 KiB."""
    longest = replace(job, prompt="é" * LONGEST_ARGUMENT)
    for asked in (job, longest):
        line = adapter.line(Path("/bin/true"), asked)
        assert subprocess.run(line, check=False).returncode == 0
        named = any(str(job.prompt_file) in word for word in line)
        assert named or any(job.prompt in word for word in line)


def test_a_prompt_that_goes_to_the_input_is_read_from_its_file(job: Job) -> None:
    adapter = replace(ADAPTERS["codex"], command=lambda job: ["-"])
    line = adapter.line(Path("/bin/cat"), job)
    done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    assert done.stdout == b"Make it higher.\n"


@pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=ADAPTERS)
def test_one_that_keeps_its_session_is_told_to_go_on_with_it(adapter: Adapter, job: Job) -> None:
    before, after = adapter.command(job), adapter.command(replace(job, continued=True))
    # gptme goes on with the conversation of that name, if there is one.
    assert (before != after) == (adapter.keeps_session and adapter.name != "gptme")


def test_each_configuration_can_be_read(job: Job) -> None:
    tomllib = pytest.importorskip("tomllib")
    files: dict[str, str] = {}
    for adapter in ADAPTERS.values():
        files |= adapter.configuration(job)
    opencode = json.loads(files[".config/opencode/opencode.json"])
    assert opencode["provider"]["bonsai"]["options"]["baseURL"] == job.openai_url
    codex = tomllib.loads(files[".codex/config.toml"])
    assert codex["model_providers"]["bonsai"]["base_url"] == job.openai_url
    chat = tomllib.loads(files[".local/share/gptme/logs/bonsai/config.toml"])
    assert chat["chat"]["workspace"] == str(job.workspace)


# ------------------------------------------------------------------------- where programs lie


def test_a_program_is_found_on_path(only_here: Path) -> None:
    assert find(ADAPTERS["codex"]) is None
    path = program(only_here / "codex")
    assert find(ADAPTERS["codex"]) == path
    path.chmod(0o644)
    assert find(ADAPTERS["codex"]) is None


@pytest.mark.parametrize("place", ["npm/node_modules/.bin", "gptme/bin"])
def test_those_in_the_folder_of_agents_come_first(only_here: Path, place: str) -> None:
    program(only_here / "gptme")
    path = program(only_here.parent / "agents" / place / "gptme")
    assert find(ADAPTERS["gptme"]) == path


def test_python_is_the_one_that_runs_this(only_here: Path) -> None:
    program(only_here / "python")
    found = find(custom("python my_agent.py"))
    assert found is not None
    assert found.parent == Path(sys.executable).parent


def test_a_missing_program_is_named_with_the_command_that_installs_it() -> None:
    assert missing(ADAPTERS["codex"]) == (
        "The agent codex needs the program codex, which is not here; "
        "`npm install --global @openai/codex` installs it."
    )
    assert missing(custom("nothing-like-it {files}")) == (
        "The agent command needs the program nothing-like-it, which is not here; name one that is."
    )


def test_a_script_of_npm_needs_its_packages_and_node(only_here: Path, tmp_path: Path) -> None:
    modules = tmp_path / "prefix" / "lib" / "node_modules"
    script = program(modules / "@openai" / "codex" / "bin" / "codex.js", "#!/usr/bin/env node\n")
    node = program(tmp_path / "v20" / "bin" / "node")
    only_here.mkdir()
    only_here.joinpath("node").symlink_to(node)
    link = tmp_path / "prefix" / "bin" / "codex"
    link.parent.mkdir()
    link.symlink_to("../lib/node_modules/@openai/codex/bin/codex.js")
    assert script.samefile(link)
    assert set(places(link)) == {link.parent, modules, only_here, node.parent}


def test_a_script_of_a_virtual_environment_needs_the_python_that_it_is_made_from(
    only_here: Path, tmp_path: Path
) -> None:
    base = program(tmp_path / "python" / "bin" / "python3.11")
    base.with_name("python3").symlink_to("python3.11")
    library = tmp_path / "python" / "lib" / "python3.11"
    library.mkdir(parents=True)
    venv = tmp_path / "venv"
    program(venv / "bin" / "gptme", f"#!{venv / 'bin' / 'python'}\n")
    venv.joinpath("bin", "python").symlink_to(base)
    venv.joinpath("pyvenv.cfg").write_text(f"home = {base.parent}\nversion = 3.11\n")
    link = tmp_path / "local" / "bin" / "gptme"  # as pipx does it
    link.parent.mkdir(parents=True)
    link.symlink_to(venv / "bin" / "gptme")
    assert set(places(link)) == {link.parent, venv, base.parent, library.parent}


def test_a_program_among_other_things_shows_nothing_but_itself(tmp_path: Path) -> None:
    path = program(tmp_path / "my_agent.sh")
    (tmp_path / "secret.txt").write_text("sk-real")
    assert places(path) == (path,)


def test_programs_of_the_system_need_nothing_beside_it() -> None:
    assert places(Path("/bin/sh")) == ()


# ---------------------------------------------------------------------------------- versions


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo codex-cli 0.169.0", "0.169.0"),
        ("echo 'This is 2.4.6.' >&2; exit 2", "2.4.6"),
        ("echo none", None),
    ],
)
def test_a_version_is_read_from_what_a_program_says(
    tmp_path: Path, script: str, expected: str | None
) -> None:
    assert version(program(tmp_path / "agent", f"#!/bin/sh\n{script}\n")) == expected


def test_a_program_that_hangs_has_no_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whereabouts, "VERSION_SECONDS", 0.3)
    started = time.monotonic()
    assert version(program(tmp_path / "hangs", "#!/bin/sh\nsleep 60 & wait\n")) is None
    assert version(program(tmp_path / "child", "#!/bin/sh\necho 1.2.3; sleep 60 &\n")) is None
    assert version(tmp_path / "nothing") is None
    assert time.monotonic() - started < 20
