"""The catalogue goes on: what a run or a plot leaves behind is out to do harm.

Each row is an idea of one sweep, as in test_faults.py, and is played with walls and without. None
may hang a worker, cost more than its own try, or end as a fault without a name.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest

from bonsai.execution import sandbox
from tests import sweeps
from tests.sweep.test_faults import (
    EDIT,
    FAULTS,
    PLAN,
    SERVICE,
    Fault,
    at_last,
    replacing,
)  # fmt: skip
from tests.sweep.test_live_sweep import FINISHED

pytestmark = pytest.mark.slow

OUT = (
    "    import io, json, os, shutil, socket, struct, sys, zipfile; from pathlib import Path\n"
    "    out = Path(sys.argv[sys.argv.index('--out_dir') + 1])\n"
    "    outcome = out / 'outcome_seed_0.npz'\n"
)
DEEP = (
    "    above = os.open({place}, os.O_RDONLY)\n"
    "    for _ in range(3000):\n"
    "        os.mkdir('d', dir_fd=above)\n"
    "        below = os.open('d', os.O_RDONLY, dir_fd=above)\n"
    "        os.close(above)\n"
    "        above = below\n"
)
HEADER = (
    "    def header(shape, descr='<f4'):\n"
    "        told = {'descr': descr, 'fortran_order': False, 'shape': 0}\n"
    "        text = repr(told).replace('0', shape).encode()\n"
    "        text += b' ' * (-(len(text) + 11) % 64) + b'\\n'\n"
    "        return b'\\x93NUMPY\\x01\\x00' + struct.pack('<H', len(text)) + text\n"
    "    def archive(content, name='test.npy', **options):\n"
    "        with zipfile.ZipFile(outcome, 'w', **options) as file: file.writestr(name, content)\n"
)


def left(code: str) -> str:
    """A reply that makes experiment.py do this once its results are written."""
    body = "".join(f"    {line}\n" for line in code.strip().splitlines())
    return at_last((OUT + body).rstrip())


def deep(place: str) -> str:
    return at_last((OUT + DEEP.format(place=place)).rstrip())


def packed(code: str) -> str:
    body = "".join(f"    {line}\n" for line in code.strip().splitlines())
    return at_last((OUT + HEADER + body).rstrip())


def unusable(name: str, reply: str, message: str) -> Fault:
    return Fault(name, reply, "smoke", "results unusable", message)


RESULTS = (
    unusable("pipe_for_an_outcome", left("outcome.unlink(); os.mkfifo(outcome)"),
             r"outcome_seed_0\.npz is a named pipe; results must be files"),
    unusable("pipe_named_experiment", left("os.mkfifo(out / 'experiment.py')"),
             r"experiment\.py is a named pipe; results must be files"),
    unusable("pipe_for_a_history", left("(out / 'history.json').unlink(); "
                                        "os.mkfifo(out / 'history.json')"),
             r"history\.json is a named pipe"),
    unusable("a_socket", left("os.chdir(out); socket.socket(socket.AF_UNIX).bind('s')"),
             r"s is a socket; results must be files"),
    unusable("a_hard_link", left("os.link(out / 'history.json', out / 'again.json')"),
             r"again\.json is a hard link, the second name of a file"),
    unusable("a_folder_for_an_outcome", left("outcome.unlink(); outcome.mkdir()"),
             r"outcome_seed_0\.npz is a folder; a file is expected"),
    unusable("a_folder_for_the_scores", left("(out / 'final_info.json').mkdir()"),
             r"final_info\.json is a folder; a file is expected"),
    unusable("attributes_for_git", left("(out / '.gitattributes').write_text('* filter=evil')"),
             r"\.gitattributes has a name that git obeys"),
    unusable("a_repository_within", left("(out / 'sub' / '.git').mkdir(parents=True)"),
             r"sub/\.git has a name that git obeys"),
    unusable("all_ignored", left("(out / '.gitignore').write_text('*')"),
             r"\.gitignore has a name that git obeys"),
    unusable("a_name_that_is_no_text", left("(out / os.fsdecode(b'\\xff\\xfe')).touch()"),
             r"\S+ has a name that is no UTF-8"),
    Fault("a_deep_tree", deep("out"), "smoke", "limit crossed",
          r"it made folders more than \d+ deep"),
    Fault("a_deep_temporary_tree", deep("os.environ['TMPDIR']"), "smoke", "limit crossed",
          r"it made folders more than \d+ deep"),
    Fault("many_files", left("for n in range(70_000): (out / str(n)).touch()"), "smoke",
          "limit crossed", r"it wrote more than 50,000 files"),
    Fault("a_file_of_holes", left("open(out / 'holes', 'wb').truncate(10**12)"), "smoke",
          "program failed", r"File too large"),
    unusable("announces_terabytes", packed("archive(header('(1000000000000,)'))"),
             r"test\.npy announces 4,000,000,000,000 bytes"),
    unusable("announces_the_unspeakable", packed("archive(header(f'({2**80},)'))"),
             r"is not a readable outcome: test\.npy announces"),
    unusable("packed_by_an_unknown_method", packed(
             "archive(header('(2,)') + bytes(8))\n"
             "content = bytearray(outcome.read_bytes())\n"
             "content[content.index(b'PK\\x01\\x02') + 10] = 97\n"
             "outcome.write_bytes(content)"), r"is packed by method 97"),
    unusable("encrypted", packed(
             "archive(header('(2,)') + bytes(8))\n"
             "content = bytearray(outcome.read_bytes())\n"
             "content[6] |= 1; content[content.index(b'PK\\x01\\x02') + 8] |= 1\n"
             "outcome.write_bytes(content)"), r"test\.npy is encrypted"),
    unusable("broken_lzma", packed(
             "archive(header('(2,)') + bytes(8), compression=zipfile.ZIP_LZMA)\n"
             "content = bytearray(outcome.read_bytes())\n"
             "content[60:70] = b'\\xff' * 10\n"
             "outcome.write_bytes(content)"), r"is packed by method 14"),
    unusable("cut_off", left("outcome.write_bytes(outcome.read_bytes()[:100])"),
             r"outcome_seed_0\.npz is not a readable outcome: BadZipFile"),
    unusable("countless_arrays", left(
             "with zipfile.ZipFile(outcome, 'w') as file:\n"
             "    for n in range(20_000): file.writestr(f'{n}.npy', b'')"),
             r"it lists 20,000 arrays"),
    unusable("leads_out_of_the_archive", packed("archive(b'x', name='../../evil.py')"),
             r"\.\./\.\./evil\.py is no array"),
    unusable("a_lone_text", left("np.savez(outcome, test='all of them', val=0)"), r"holds str"),
    unusable("complex_numbers", left("np.savez(outcome, test=np.ones(360) * 1j, val=0)"),
             r"holds complex128"),
    unusable("a_structured_array", left("np.savez(outcome, test=np.zeros(9, dtype=[('a', 'f4')]))"),
             r"holds void"),
    unusable("objects_within", left("np.savez(outcome, test=np.array([print, None]))"),
             r"holds object"),
    unusable("dates", left("np.savez(outcome, test=np.zeros(9, dtype='datetime64[s]'))"),
             r"holds datetime64"),
    unusable("far_too_long", left("np.savez_compressed(outcome, test=np.zeros(10**8, bool))"),
             r"test has shape \(100000000,\); it must be"),
    unusable("nothing_in_it", left("np.savez(outcome, test=np.zeros(0), val=np.zeros(0))"),
             r"has shape \(0,\); it must be"),
    unusable("scores_without_end", left("(out / 'final_info.json').write_text('[' * 200_000)"),
             r"final_info\.json is not JSON"),
    unusable("scores_too_large", left("(out / 'final_info.json').write_bytes(b' ' * 21_000_000)"),
             r"final_info\.json is 21 MB; at most 20 MB"),
    unusable("scores_that_are_no_text", left("(out / 'final_info.json').write_bytes(b'\\xff{}')"),
             r"final_info\.json is not JSON"),
    Fault("its_folder_is_a_link", left("shutil.rmtree(out); out.symlink_to('/etc')"), "smoke", "",
          r"(Device or resource busy|Read-only file system|is a link|cannot be read)"),
    Fault("a_device", left("os.mknod(out / 'null', 0o20666, os.makedev(1, 3))"), "smoke", "",
          r"(Operation not permitted|null is a device; results must be files)"),
)  # fmt: skip

PLOT_LINE = '"""One bar a run."""'


def plotting(name: str, code: str, message: str, told: str = "") -> Fault:
    """An idea that does well, but for what its plot.py does before it draws."""
    head = "import os, shutil, socket; from pathlib import Path\n"
    reply = replacing(PLOT_LINE, f"{PLOT_LINE}\n{head}{code}", "plot.py")
    return Fault(name, reply, "plots", "no figure", message, told)


UNDONE = r"plot\.py changed {}, which was undone"
PLOTS = (
    plotting("notes_became_a_pipe", "os.unlink('notes.txt'); os.mkfifo('notes.txt')",
             UNDONE.format(r"notes\.txt")),
    plotting("scorer_became_a_pipe", "os.unlink('score.py'); os.mkfifo('score.py')",
             UNDONE.format(r"score\.py")),
    plotting("scorer_became_a_folder", "os.unlink('score.py'); os.makedirs('score.py/in')\n"
             "open('score.py/in/x', 'w').close()", UNDONE.format(r"score\.py.*")),
    plotting("experiment_became_a_link", "os.unlink('experiment.py')\n"
             "os.symlink('/etc/passwd', 'experiment.py')", UNDONE.format(r"experiment\.py")),
    plotting("baseline_became_a_link", "shutil.rmtree('run_0'); os.symlink('/etc', 'run_0')",
             UNDONE.format(r"run_0.*")),
    plotting("runs_are_gone", "shutil.rmtree('run_1')", r"plot\.py changed run_1/"),
    plotting("a_picture_that_is_a_pipe", "os.mkfifo('figure.png')", UNDONE.format(r"figure\.png")),
    plotting("a_picture_that_is_a_result", "os.link('run_1/final_info.json', 'figure.png')",
             UNDONE.format(r"run_1/final_info\.json")),
    plotting("obeyed_by_git", "open('.gitattributes', 'w').write('* filter=evil')",
             UNDONE.format(r"\.gitattributes")),
    plotting("the_repository_itself", "open('.git/config', 'a').write('[core]\\nfsmonitor=x')",
             r"plot\.py (changed \.git/config|ended with exit code 1: .*(Read-only|No such file))"),
    plotting("a_plot_with_a_deep_tree",
             "above = os.open('.', os.O_RDONLY)\nfor _ in range(3000):\n"
             "    os.mkdir('d', dir_fd=above); above = os.open('d', os.O_RDONLY, dir_fd=above)\n"
             "    os.close(above - 1) if above > 50 else None",
             r"plot\.py (was killed because it made folders|ended with exit code 1|changed d)"),
    plotting("a_socket_for_a_picture", "socket.socket(socket.AF_UNIX).bind('x.png')",
             UNDONE.format(r"x\.png")),
    plotting("a_text_for_a_picture", "open('x.png', 'w').write('a picture')",
             r"plot\.py left no picture: x\.png is no PNG that can be read"),
    plotting("one_colour", "import matplotlib; matplotlib.use('Agg')\n"
             "from matplotlib import image; import numpy\n"
             "image.imsave('x.png', numpy.ones((9, 9, 3)))",
             r"plot\.py left no picture: x\.png shows nothing: all its pixels are the same"),
    Fault("an_error_that_is_swallowed", replacing(
              "for run in runs:\n    axis.bar(run.label, run.means[\"test_accuracy\"], "
              "color=run.colour)",
              "try:\n    axis.bar([1], undefined)\nexcept Exception:\n    pass", "plot.py"),
          "plots", "no figure", r"plot\.py made no figure",
          r"accuracy\.png was not saved: nothing is drawn in it"),
)  # fmt: skip


def misread(name: str, reply: str, message: str, asked_again: bool = False) -> Fault:
    return Fault(name, reply, "edit", "unusable reply", message, asked_again=asked_again)


NOTHING = r"The reply changed nothing in experiment\.py"
REPLIES = (
    misread("a_draft_in_thinking", f"<think>\nPerhaps:\n\n{EDIT}\n</think>\n", r"thinking"),
    misread("thinking_without_end", f"<think>\nPerhaps:\n\n{EDIT}", r"ended while thinking"),
    misread("a_draft_before_a_lone_tag", f"Perhaps:\n\n{EDIT}\n</think>\nOr not.", NOTHING),
    misread("finished_in_a_sentence", "Should I say ALL_COMPLETED? I am not sure yet.", NOTHING),
    misread("finished_in_a_block", "The word to say is\n\n```\nALL_COMPLETED\n```\n", NOTHING),
    misread("finished_while_thinking", "<think>\nALL_COMPLETED\n</think>\nNot yet.", NOTHING),
    misread("brackets_without_end", "[" * 50_000, NOTHING),
    misread("fences_without_end", "```python\n" * 3000, r".", asked_again=True),
    misread("another_templates_file", replacing("    images: int = 60", "    images: int = 61",
                                                "templates/other/score.py"),
            r"(Only experiment\.py.* was not|changed nothing|does not match)"),
)  # fmt: skip

HOSTILE = RESULTS + PLOTS + REPLIES
SECONDS_MORE = 2.0  # than its limit, that a row may take
LIMITS = {"smoke_seconds": 60, "plot_seconds": 60, "memory_gb": 1.5, "disk_mb": 40, "tasks": 64,
          "output_mb": 2}  # fmt: skip


@pytest.fixture(
    scope="module",
    params=["auto", "off"],
    ids=["as this machine has it", "no walls"],
)
def swept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One sweep with an idea for every row, and a good one; its results."""
    home = tmp_path_factory.mktemp("hostile")
    toy = sweeps.copy_of_toy(home)
    for folder in (toy / "cassettes").iterdir():
        if folder.name != "more_images":
            shutil.rmtree(folder)
    ideas = [{"Name": "more_images", "Title": "Good", "Experiment": "Goes well."}]
    for fault in HOSTILE:
        folder = toy / "cassettes" / fault.name
        folder.mkdir()
        replies = {"01-plan": PLAN, "02-edit": fault.reply}
        if fault.step == "plots":
            replies = {"01-plan": PLAN, "02-edit": EDIT, "03-finish": FINISHED,
                       "04-write_up": fault.reply, "05-write_up": "I give up."}  # fmt: skip
        for name, reply in replies.items():
            (folder / f"{name}.md").write_bytes(reply.encode())
        ideas.append({"Name": fault.name, "Title": fault.name, "Experiment": "Does harm."})
    (toy / "seed_ideas.json").write_text(json.dumps(ideas))
    done = sweeps.run(
        *("run", str(toy), "--out", "res", "--confirm-seeds", "0", "--workers", "2"),
        *("--sandbox", request.param),
        *(part for name, value in LIMITS.items() for part in ("--limit", f"{name}={value}")),
        cwd=home,
    )
    assert done.returncode == 0, done.stderr
    (home / "res" / "output").write_text(done.stdout)
    return home / "res"


@pytest.mark.parametrize("fault", HOSTILE, ids=lambda fault: fault.name)
def test_what_is_left_behind_is_one_clear_line_and_one_clear_message(
    fault: Fault, swept: Path
) -> None:
    entries = sweeps.entries(swept, fault.name)
    wrong = next(entry for entry in entries if not entry.ok)
    assert wrong.step == fault.step, wrong.message
    assert re.search(fault.message, wrong.message), wrong.message
    assert wrong.data["kind"] == fault.kind or not fault.kind
    assert "\n" not in wrong.message
    assert wrong.message.isprintable()
    assert len(wrong.message) < 600
    told = [
        json.loads(path.read_text())["messages"][-1]["content"]
        for path in sorted((swept / "toy" / fault.name / "exchanges").glob("*.request.json"))
    ]
    assert any(wrong.message in text and re.search(fault.told, text) for text in told)
    assert entries[-1].step == "end"
    assert wrong.seconds < LIMITS["smoke_seconds"] + SECONDS_MORE


def test_the_catalogue_is_long() -> None:
    names = [fault.name for fault in (*FAULTS, *HOSTILE)]
    assert len(set(names)) == len(names)
    assert len(names) + len(SERVICE) >= 110


def test_none_ends_as_a_fault_without_a_name(swept: Path) -> None:
    assert [entry.message for entry in sweeps.entries(swept) if entry.step == "fault"] == []
    kinds = Counter(
        entry.data.get("kind") for entry in sweeps.entries(swept)
        if not entry.ok and entry.step != "end" and not entry.data.get("over")
    )  # fmt: skip
    assert None not in kinds
    assert "what went wrong: " in (swept / "output").read_text()


def test_the_good_idea_beside_them_is_finished(swept: Path) -> None:
    story = sweeps.story(sweeps.entries(swept, "more_images"))
    assert story.count(("run", True)) == 2
    assert story[-1] == ("end", True)


def test_ideas_with_hostile_plots_keep_their_runs_and_get_the_templates_figures(
    swept: Path,
) -> None:
    for fault in PLOTS:
        story = sweeps.story(sweeps.entries(swept, fault.name))
        assert ("run", True) in story
        assert story[-2:] == [("plots", True), ("end", True)], fault.name
        assert (swept / "toy" / fault.name / "workspace" / "run_1" / "final_info.json").is_file()


def test_nothing_hostile_is_left_in_a_workspace(swept: Path) -> None:
    from bonsai.base import untrusted

    for workspace in swept.glob("toy/*/workspace"):
        for found in untrusted.walk(workspace, git=True):
            assert found.problem is None, (workspace, found)
    assert (Path("/etc") / "passwd").is_file()


def test_the_sweep_can_be_resumed_and_reported_after_all_of_it(swept: Path) -> None:
    started = time.monotonic()
    done = sweeps.run("resume", str(swept), cwd=swept.parent)
    assert done.returncode == 0, done.stderr
    assert (swept / "report" / "index.html").is_file()
    assert time.monotonic() - started < 60


def test_walls_are_what_was_asked_for(swept: Path) -> None:
    settings = json.loads((swept / "sweep.json").read_text())
    runs = [entry for entry in sweeps.entries(swept) if entry.step == "run" and entry.ok]
    where = {entry.data["where"] for entry in runs}
    walls = settings["sandbox"] == "auto" and sandbox.problem() is None
    assert where == {"bubblewrap" if walls else "no walls"}
