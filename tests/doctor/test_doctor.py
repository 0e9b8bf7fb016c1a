"""The doctor, as a specification: each fault that a template can have, and what is said of it."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bonsai import doctor
from bonsai.base.errors import BonsaiError
from bonsai.doctor import code, examination, files, machine, pack, paper
from bonsai.doctor.finding import Finding
from bonsai.doctor.subject import PlotTrial, Subject, Trial
from bonsai.evaluation.scores import Scores
from bonsai.execution.execute import Execution
from bonsai.templates.new import create
from bonsai.templates.template import Template

Break = Callable[[Path], object]
DOT = base64.b64decode(
    b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)


# ------------------------------------------------------------------------------ a healthy template


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh template with its baseline."""
    folder = create("digits_mlp", tmp_path_factory.mktemp("healthy"))
    doctor.fix_baseline(Template(folder), threads=1)
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)
    return folder


@pytest.fixture(scope="module")
def findings(healthy: Path) -> list[Finding]:
    before = _contents(healthy)
    found = doctor.examine(healthy, threads=1)
    assert _contents(healthy) == before, "examining a template leaves no trace in it"
    return found


def test_a_fresh_template_with_its_baseline_is_green(findings: list[Finding]) -> None:
    assert [finding for finding in findings if finding.status not in ("ok", "note")] == []


@pytest.mark.parametrize(
    "text",
    [
        "--smoke takes",
        "draws test_accuracy.png, validation_loss.png, whatever runs exist",
        "shows what plot.py draws: validation_loss.png",
        "holds 6 means for digits",
        "was made by this experiment.py",
        "scored again from its outcomes, gives the same means",
        "has all 6 metrics of score.py",
    ],
)
def test_what_it_says_of_a_healthy_template_was_tried(findings: list[Finding], text: str) -> None:
    assert _said(findings, "ok", text)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX on this machine")
def test_the_paper_of_a_fresh_template_compiles(findings: list[Finding]) -> None:
    assert _said(findings, "ok", "latex/template.tex becomes a PDF")


def test_a_template_of_ours_without_cassettes_is_told_so(findings: list[Finding]) -> None:
    assert _said(findings, "note", "there are no cassettes")


# ------------------------------------------------------------------------- one fault, one finding


def put(name: str, text: str) -> Break:
    def change(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")

    return change


def swap(name: str, old: str, new: str) -> Break:
    def change(folder: Path) -> None:
        text = (folder / name).read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {name}"
        (folder / name).write_text(text.replace(old, new), encoding="utf-8")

    return change


def append(name: str, text: str) -> Break:
    return lambda folder: put(name, (folder / name).read_text(encoding="utf-8") + text)(folder)


def remove(name: str) -> Break:
    return lambda folder: (folder / name).unlink()


def in_json(name: str, change: Callable[[Any], object]) -> Break:
    def edit(folder: Path) -> None:
        value = json.loads((folder / name).read_text(encoding="utf-8"))
        change(value)
        (folder / name).write_text(json.dumps(value), encoding="utf-8")

    return edit


EXPERIMENT, PLOT, SCORE, PAPER = "experiment.py", "plot.py", "score.py", "latex/template.tex"
IDEAS, INFO, RECORD = "seed_ideas.json", "run_0/final_info.json", "run_0/environment.json"
EDIT = "experiment.py\n```python\n<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n```\n"
REPLY = "cassettes/noisy_images/01-edit.md"

FAULTS: list[tuple[examination.Check, Break, str, str]] = [
    # C1 and C3: the folder and its files
    (files.folder_size, put("weights.bin", "0" * 20_500_000), "warning", "in weights.bin"),
    (files.nothing_left_behind, put("notes.txt", ""), "warning", "notes.txt lies in the folder"),
    (files.nothing_left_behind, put("ideas.json", "[]"), "warning", "ideas.json lies in the"),
    (files.prompt, remove("prompt.json"), "failure", "prompt.json is missing"),
    (files.prompt, put("prompt.json", "{"), "failure", "prompt.json is not JSON"),
    (files.prompt, put("prompt.json", '{"system": "s"}'), "failure", "task_description"),
    (files.seed_ideas, remove(IDEAS), "failure", "seed_ideas.json is missing"),
    (files.seed_ideas, put(IDEAS, '{"ideas": []}'), "failure", "an object with the keys ideas"),
    (files.seed_ideas, in_json(IDEAS, lambda v: v[0].pop("Title")), "failure", "lacks Title"),
    (files.seed_ideas, in_json(IDEAS, lambda v: v[1].pop("Novelty")), "warning", "lacks Novelty"),
    (
        files.seed_ideas,
        in_json(IDEAS, lambda v: v[0].update(Name="A b")),
        "warning",
        "a Name that is",
    ),
    (
        files.seed_ideas,
        in_json(IDEAS, lambda v: v[0].update(Novelty=11)),
        "warning",
        "Novelty 11 is no",
    ),
    (files.seed_ideas, in_json(IDEAS, lambda v: v.append(v[0])), "warning", "stands twice"),
    (files.seed_ideas, put(IDEAS, "[{},]"), "failure", "holds no idea"),
    (files.seed_ideas, append(IDEAS, "\n```"), "failure", "is not plain JSON, as The AI Scient"),
    (files.seed_ideas, in_json(IDEAS, lambda v: v.append(7)), "warning", "not 7"),
    (files.baseline, remove(INFO), "failure", "The AI Scientist does not start without it"),
    (files.baseline, put(INFO, '{"d": {"accuracy": 1}}'), "failure", "d.means"),
    (files.baseline, put(INFO, '{"d": {"means": {"a": NaN}}}'), "failure", "d.means.a"),
    (
        files.baseline,
        put(INFO, '{"d": {"means": {"a": 1}}, "e": 0.5}'),
        "failure",
        "run_0/final_info.json: e",
    ),
    # C2: what runs
    (code.experiment_source, remove(EXPERIMENT), "failure", "experiment.py is missing"),
    (code.experiment_source, append(EXPERIMENT, "def"), "failure", "invalid syntax"),
    (
        code.experiment_source,
        append(EXPERIMENT, "#\n" * 400),
        "warning",
        "lines; all of them are in the",
    ),
    (code.experiment_arguments, put(EXPERIMENT, "print()"), "failure", "nothing of --out_dir"),
    (
        code.experiment_arguments,
        append(EXPERIMENT, "parser.add_argument('--lr', required=True)\n"),
        "failure",
        "requires --lr",
    ),
    (
        code.experiment_paths,
        append(EXPERIMENT, "open('../../data/mnist.npz')\n"),
        "warning",
        "the path '../../data/mnist.npz' leads out",
    ),
    (code.plot_source, remove(PLOT), "failure", "plot.py is missing"),
    (code.plot_source, append(PLOT, "if"), "failure", "plot.py, line"),
    (code.plot_source, swap(PLOT, "labels = {", "names = {"), "failure", "no dictionary `labels`"),
    (
        code.plot_arguments,
        append(PLOT, "parser.add_argument('--out_dir', required=True)\n"),
        "failure",
        "it requires --out_dir, and is run as `python plot.py`",
    ),
    (
        code.plot_takes_folders,
        put(PLOT, "import glob\nglob.glob('run_*')\n"),
        "note",
        "plot.py, line 2: glob('run_*') takes files too",
    ),
    # C4: the paper
    (paper.paper_is_there, remove(PAPER), "failure", "template.tex is missing"),
    (
        paper.paper_references,
        swap(PAPER, "{filecontents}{ref", "{filecontents*}{ref"),
        "failure",
        "spelt exactly so",
    ),
    (
        paper.paper_references,
        swap(PAPER, "{filecontents}{ref", "{filecontents}[overwrite]{ref"),
        "failure",
        "spelt exactly so",
    ),
    (
        paper.paper_references,
        append(PAPER, "\\begin{filecontents}{a.tex}\n\\end{filecontents}\n"),
        "failure",
        "has 2 filecontents blocks",
    ),
    (
        paper.paper_references,
        append(PAPER, r"\citep[see][]{pedregosa2011scikit, made_up}"),
        "failure",
        "cites made_up,",
    ),
    (paper.paper_figures, swap(PAPER, r"\graphicspath", "%"), "failure", "one folder up"),
    (
        paper.paper_figures,
        swap(PAPER, "validation_loss.png", "loss_curve.png"),
        "failure",
        "shows loss_curve.png, which plot.py does not draw",
    ),
    (
        paper.paper_figures,
        append(PAPER, r"% \includegraphics{validation_loss.png}"),
        "failure",
        "shows validation_loss.png more than once",
    ),
    (paper.paper_frame, swap(PAPER, "METHOD HERE", ""), "failure", "placeholders METHOD HERE"),
    (
        paper.paper_frame,
        swap(PAPER, "Conclusions and Future Work", "Conclusion"),
        "failure",
        "sections Conclusions and Future Work",
    ),
    (
        paper.paper_frame,
        append(PAPER, r"\section{Results}"),
        "failure",
        "sections Results more than once",
    ),
    # What this runner asks beyond it
    (pack.score_loads, remove(SCORE), "failure", "score.py is missing"),
    (pack.score_loads, append(SCORE, "1 / 0\n"), "failure", "ZeroDivisionError"),
    (pack.score_loads, swap(SCORE, "SEEDS =", "SEED ="), "failure", "SEEDS"),
    (pack.score_loads, append(SCORE, "METRICS = {}\n"), "failure", "METRICS is empty"),
    (
        pack.score_metrics,
        append(SCORE, "METRICS = {'a': '%'}\n"),
        "failure",
        "METRICS['a'] is not a kit.Metric",
    ),
    (
        pack.score_metrics,
        swap(SCORE, '("%", "higher", "share of the test', '("%", None, "share of the test'),
        "failure",
        "test_accuracy, the first of METRICS, does not say which way is better",
    ),
    (
        pack.score_metrics,
        swap(SCORE, 'SELECTION = "val_accuracy"', 'SELECTION = "test_accuracy"'),
        "failure",
        "chosen by what it is judged by",
    ),
    (
        pack.score_metrics,
        swap(SCORE, 'SELECTION = "val_accuracy"', 'SELECTION = "accuracy"'),
        "failure",
        "'accuracy', which is not in METRICS",
    ),
    (pack.score_seeds, append(SCORE, "SEEDS = (0, 0)\n"), "failure", "SEEDS is (0, 0)"),
    (pack.score_seeds, append(SCORE, "SEEDS = (0,)\n"), "warning", "too few to see the noise"),
    (pack.score_loads, append(SCORE, "DATASETS = ()\n"), "failure", "DATASETS is empty"),
    (pack.data_is_there, append(SCORE, "DATASETS = ('CIFAR',)\n"), "failure", "names CIFAR"),
    (
        pack.data_is_there,
        append(SCORE, "DATASETS = ('KMNIST', 'mini')\n"),
        "warning",
        "KMNIST, the default data set, is not in",
    ),
    (
        pack.data_is_there,
        append(SCORE, "def load_data(name, smoke):\n    raise OSError('no disk')\n"),
        "failure",
        "cannot be loaded: no disk",
    ),
    (pack.baseline_is_current, append(EXPERIMENT, "# new\n"), "warning", "run_0 is stale"),
    (pack.baseline_is_current, remove(RECORD), "warning", "nobody knows what code made run_0"),
    (
        pack.baseline_is_current,
        in_json(RECORD, lambda value: value.update(smoke=True)),
        "failure",
        "made with --smoke",
    ),
    (
        pack.baseline_is_current,
        in_json(RECORD, lambda value: value.update(data="FashionMNIST-mini")),
        "note",
        "on FashionMNIST-mini, and runs take digits",
    ),
    (
        pack.baseline_is_believed,
        in_json(INFO, lambda value: value["digits"]["means"].update(test_accuracy=99.9)),
        "failure",
        "test_accuracy: final_info.json says 99.9",
    ),
    (pack.readme, put("README.md", " \n"), "warning", "README.md is missing or empty"),
    (pack.cassettes, put("cassettes/other/01-plan.md", "."), "failure", "belongs to no idea"),
    (pack.cassettes, put("cassettes/noisy_images/a.md", "."), "failure", "is no cassette"),
    (pack.cassettes, put("cassettes/noisy_images/01.md", "."), "warning", "the step of its reply"),
    (pack.cassettes, put(REPLY, EDIT.replace("=======\n", "")), "warning", "line 6: REPLACE"),
    (pack.cassettes, put(REPLY, EDIT.replace("experiment", "score")), "warning", "edits score.py"),
]


@pytest.mark.parametrize(
    ("check", "break_it", "status", "text"),
    FAULTS,
    ids=[f"{check.__name__}-{text.replace(' ', '_')}" for check, _, _, text in FAULTS],
)
def test_each_fault_is_found(
    check: examination.Check,
    break_it: Break,
    status: str,
    text: str,
    healthy: Path,
    tmp_path: Path,
) -> None:
    folder = _copy(healthy, tmp_path)
    assert _bad(examination.apply(check, _subject(healthy, tmp_path))) == [], "healthy before"
    break_it(folder)
    mend = dict((*examination.CONTRACT, *examination.PACK))[check]
    found = _bad(examination.apply(check, _subject(folder, tmp_path), mend))
    assert _said(found, status, text), found
    assert all(finding.mend for finding in found if finding.status != "note"), "with what to do"


def test_every_check_is_shown_to_find_a_fault() -> None:
    table = (*examination.CONTRACT, *examination.PACK)
    elsewhere = {
        files.folder_name,
        code.experiment_runs,
        code.plot_runs,
        paper.paper_parts,
        paper.paper_compiles,
        paper.paper_style,
        pack.score_metrics_appear,
        pack.curve_appears,
    }
    assert {check for check, _ in table} == {check for check, *_ in FAULTS} | elsewhere


def test_a_folder_name_with_a_space_is_warned_of(healthy: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(healthy, tmp_path / "my digits"))
    assert _said(files.folder_name(_subject(folder, tmp_path)), "warning", "'my digits'")


# --------------------------------------------------------------------------- what runs, by running


def test_an_experiment_that_fails_is_reported_with_its_error(healthy: Path, tmp_path: Path) -> None:
    folder = _copy(healthy, tmp_path)
    swap(EXPERIMENT, "    kit.set_seed(seed)\n", "    raise ValueError('no luck')\n")(folder)
    found = list(code.experiment_runs(Subject(folder, tmp_path / "scratch")))
    assert _said(found, "failure", "ValueError: no luck")
    assert str(tmp_path / "scratch") not in found[0].what, "names are those within the folder"


def test_an_experiment_that_writes_much_to_stderr_hides_its_errors(
    healthy: Path, tmp_path: Path
) -> None:
    subject = _subject(healthy, tmp_path)
    vars(subject)["trial"] = Trial(healthy / "run_0", seconds=1.0, stderr="5 %\n" * 1000)
    assert _said(code.experiment_runs(subject), "warning", "writes 4000 characters to stderr")


def test_a_metric_that_no_run_has_is_reported(healthy: Path, tmp_path: Path) -> None:
    folder = _copy(healthy, tmp_path)
    swap(SCORE, "METRICS = {", 'METRICS = {"top_5": kit.Metric("%", "higher"),')(folder)
    found = pack.score_metrics_appear(_subject(folder, tmp_path))
    assert _said(found, "failure", "announces top_5 in METRICS")


def test_a_plan_may_write_claims_and_no_other_frozen_file() -> None:
    block = "{}\n```\n<<<<<<< SEARCH\n[]\n=======\n[1]\n>>>>>>> REPLACE\n```\n"
    assert pack.edit_faults(block.format("claims.json")) == []
    assert "edits prompt.json" in pack.edit_faults(block.format("prompt.json"))[0]


def test_a_curve_that_no_run_has_is_reported(healthy: Path, tmp_path: Path) -> None:
    folder = _copy(healthy, tmp_path)
    swap(SCORE, "METRICS = {", 'CURVE = "val_accuracy"\nMETRICS = {')(folder)
    found = pack.curve_appears(_subject(folder, tmp_path))
    assert _said(found, "failure", "names the curve 'val_accuracy', but a run has training loss")


DRAW = f"(Path(__file__).parent / 'figure.png').write_bytes(bytes.fromhex('{DOT.hex()}'))\n"
SOUND_PLOT = f"""
import json
from pathlib import Path
labels = {{"run_0": "Baseline"}}
here = Path(__file__).parent
for run in sorted(here.glob("run_*")):
    if (run / "final_info.json").is_file():
        json.loads((run / "final_info.json").read_text())
        {DRAW}
"""

PLOTS = {
    "sound": (SOUND_PLOT, "ok", "draws figure.png, whatever runs exist"),
    "needs a run": (
        SOUND_PLOT + "assert list(here.glob('*/final_info.json'))\n",
        "failure",
        "fails in a folder without results",
    ),
    "fails on results": (SOUND_PLOT + "assert not (here / 'run_0').exists()\n",
                         "failure", "fails with the results of run_0"),
    "takes files for runs": (
        SOUND_PLOT.replace('if (run / "final_info.json").is_file()', "if list(run.iterdir())"),
        "failure",
        "when a file run_1.py lies there",
    ),
    "needs every result": (
        SOUND_PLOT.replace('if (run / "final_info.json").is_file()', "if run.is_dir()"),
        "failure",
        "when a folder run_1 has no final_info.json",
    ),
    "draws nothing": (SOUND_PLOT.replace(DRAW, ""), "failure", "draws no PNG in its own folder"),
    "draws elsewhere": (
        SOUND_PLOT.replace("parent / 'figure.png'", "parent / run.name / 'figure.png'"),
        "failure",
        "draws no PNG in its own folder",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("source", "status", "text"), PLOTS.values(), ids=PLOTS.keys())
def test_plot_is_tried_with_whatever_may_lie_beside_it(
    source: str, status: str, text: str, healthy: Path, tmp_path: Path
) -> None:
    folder = _copy(healthy, tmp_path)
    (folder / PLOT).write_text(source)
    found = list(code.plot_runs(Subject(folder, tmp_path / "scratch")))
    assert _said(found, status, text), found


def test_a_plot_over_its_time_limit_is_stopped(healthy: Path, tmp_path: Path) -> None:
    folder = _copy(healthy, tmp_path)
    (folder / PLOT).write_text("import time\ntime.sleep(60)\n")
    in_json("prompt.json", lambda value: value["limits"].update(plot_seconds=0.3))(folder)
    found = list(code.plot_runs(Subject(folder, tmp_path / "scratch")))
    assert _said(found, "failure", "takes longer than its limit")


def test_a_figure_that_lay_there_before_is_not_taken_for_one_that_was_drawn(
    healthy: Path, tmp_path: Path
) -> None:
    folder = _copy(healthy, tmp_path)
    (folder / PLOT).write_text("labels = {}\n")
    (folder / "old.png").write_bytes(DOT)
    found = list(code.plot_runs(Subject(folder, tmp_path / "scratch")))
    assert _said(found, "failure", "draws no PNG")


# ------------------------------------------------------------------------------------ LaTeX itself

needs_latex = pytest.mark.skipif(
    not all(map(shutil.which, ("pdflatex", "bibtex", "kpsewhich", "chktex"))),
    reason="no LaTeX on this machine",
)


@needs_latex
def test_a_class_that_nothing_provides_is_named(healthy: Path, tmp_path: Path) -> None:
    folder = _copy(healthy, tmp_path)
    swap(PAPER, r"\usepackage{natbib}", r"\usepackage{iclr2099_conference,natbib}")(folder)
    subject = _subject(folder, tmp_path)
    assert _said(paper.paper_parts(subject), "warning", "uses iclr2099_conference.sty, which")
    assert _said(paper.paper_compiles(subject), "note", "was not compiled")
    (folder / "latex" / "iclr2099_conference.sty").write_text("")
    assert _bad(paper.paper_parts(subject)) == [], "shipped beside it, it is there"


@needs_latex
def test_a_paper_that_tex_cannot_read_is_reported_with_the_first_error(
    healthy: Path, tmp_path: Path
) -> None:
    folder = _copy(healthy, tmp_path)
    swap(PAPER, "METHOD HERE", "METHOD HERE \\nosuchcommand")(folder)
    found = list(paper.paper_compiles(_subject(folder, tmp_path)))
    assert _said(found, "warning", "Undefined control sequence")
    swap(PAPER, "\\begin{document}", "")(folder)
    found = list(paper.paper_compiles(_subject(folder, tmp_path)))
    assert _bad(found), found


@needs_latex
def test_what_chktex_minds_is_reported(healthy: Path, tmp_path: Path) -> None:
    folder = _copy(healthy, tmp_path)
    swap(PAPER, "METHOD HERE", 'METHOD HERE "quoted"')(folder)
    assert _said(paper.paper_style(_subject(folder, tmp_path)), "warning", "chktex has")


def test_without_latex_it_says_so_and_goes_on(
    healthy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    subject = _subject(healthy, tmp_path)
    for check in (paper.paper_parts, paper.paper_compiles, paper.paper_style):
        assert [finding.status for finding in check(subject)] == ["note"]


# --------------------------------------------------------------- a template of The AI Scientist's

STRANGERS_EXPERIMENT = """
import argparse
import json
import os

parser = argparse.ArgumentParser(description="Run experiment")
parser.add_argument("--out_dir", type=str, default="run_0", help="Output directory")
args = parser.parse_args()

if __name__ == "__main__":
    os.makedirs(args.out_dir, exist_ok=True)
    means = {"final_val_loss_mean": 0.5}
    with open(os.path.join(args.out_dir, "final_info.json"), "w") as f:
        json.dump({"shakespeare": {"means": means, "stderrs": {}}}, f)
"""
STRANGERS_PLOT = f"""
import json
import os
from pathlib import Path

final_results = {{}}
for folder in os.listdir("./"):
    if folder.startswith("run") and os.path.isdir(folder):
        with open(os.path.join(folder, "final_info.json")) as f:
            final_results[folder] = json.load(f)
labels = {{
    "run_0": "Baseline",
}}
for run in labels:
    print(final_results[run])
{DRAW}
"""


@pytest.fixture
def stranger(healthy: Path, tmp_path: Path) -> Path:
    """A template as The AI Scientist ships them: no score.py, no kit, no run_0, no README."""
    folder = tmp_path / "nanoGPT_lite"
    (folder / "latex").mkdir(parents=True)
    (folder / EXPERIMENT).write_text(STRANGERS_EXPERIMENT)
    (folder / PLOT).write_text(STRANGERS_PLOT)
    (folder / "prompt.json").write_text('{"system": "You are.", "task_description": "Do it."}')
    shutil.copy(healthy / IDEAS, folder / IDEAS)
    shutil.copy(healthy / PAPER, folder / PAPER)
    swap(PAPER, "validation_loss.png", "figure.png")(folder)
    return folder


def test_a_strangers_template_is_not_run_unasked(stranger: Path) -> None:
    found = doctor.examine(stranger, threads=1)
    failures = [finding.what for finding in found if finding.status == "failure"]
    assert failures == []
    assert _said(found, "warning", "run_0/final_info.json is missing")
    assert _said(found, "note", "experiment.py was not run")
    assert _said(found, "note", "plot.py was not tried with results")


def test_a_strangers_template_is_run_when_asked(stranger: Path) -> None:
    found = doctor.examine(stranger, threads=1, run_strangers=True)
    assert _said(found, "ok", "a run takes 0 s and leaves results")
    assert _said(found, "ok", "shows what plot.py draws: figure.png")
    assert not (stranger / "run_0").exists()


def test_what_only_our_runner_asks_is_one_note_to_a_stranger(stranger: Path) -> None:
    found = doctor.examine(stranger, threads=1)
    assert _said(found, "note", "there is no score.py; level: can be swept, self-reported")
    assert not any(re.search("README|cassette|METRICS", finding.what) for finding in found)


def test_a_plot_that_needs_every_result_is_forgiven_to_a_stranger(stranger: Path) -> None:
    found = doctor.examine(stranger, threads=1, run_strangers=True)
    assert _said(found, "warning", "plot.py fails in a folder without results")
    assert _said(found, "warning", "plot.py fails when a folder run_1 has no final_info.json")


def test_a_strangers_run_in_the_wrong_shape_is_a_failure(stranger: Path) -> None:
    swap(EXPERIMENT, '{"means": means, "stderrs": {}}', "means")(stranger)
    found = doctor.examine(stranger, threads=1, run_strangers=True)
    assert _said(found, "failure", "run_0/final_info.json: shakespeare.means: field required")


def test_a_path_out_of_a_strangers_folder_means_what_it_does_in_a_sweep(stranger: Path) -> None:
    (stranger.parent / "data.txt").write_text("here")
    append(EXPERIMENT, "open('../data.txt')\n")(stranger)
    found = doctor.examine(stranger, threads=1, run_strangers=True)
    assert _said(found, "warning", "leads out of the folder")
    assert _said(found, "ok", "a run takes 0 s and leaves results")


def test_no_folder_is_an_error_and_no_finding(tmp_path: Path) -> None:
    with pytest.raises(BonsaiError, match="is no folder"):
        doctor.examine(tmp_path / "nowhere")


def test_an_empty_folder_is_examined_to_the_end(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    found = doctor.examine(tmp_path / "empty")
    missing = [finding.what for finding in found if "is missing" in finding.what]
    assert len(missing) == 6


# ------------------------------------------------------------------------------- edits in cassettes


@pytest.mark.parametrize(
    ("reply", "faults"),
    [
        ("No edit: ALL_COMPLETED", []),
        (EDIT, []),
        (EDIT.replace("experiment.py", "**experiment.py**"), []),
        (EDIT + "\nand\n\n" + EDIT.replace("experiment.py\n", ""), []),
        ("A title\n=======\n\n" + EDIT, []),
        (EDIT.replace("experiment.py\n", "\n"), ["line 3: no file is named"]),
        (EDIT.replace("experiment.py", "score.py"), ["line 3: edits score.py"]),
        (EDIT.replace(">>>>>>> REPLACE\n", ""), ["line 3: the block is not closed"]),
        (EDIT.replace("a\n=======\n", "a\n"), ["line 6: REPLACE without"]),
        (EDIT.replace("a\n", "<<<<<<< SEARCH\n"), ["line 4: SEARCH begins inside"]),
    ],
)
def test_edits_are_read_as_aider_reads_them(reply: str, faults: list[str]) -> None:
    found = pack.edit_faults(reply)
    assert len(found) == len(faults)
    assert all(text.startswith(start) for text, start in zip(found, faults, strict=True))


# ------------------------------------------------------------------------------------- the machine


def test_this_machine_can_run_templates() -> None:
    found = doctor.examine_environment()
    assert [finding for finding in found if finding.status == "failure"] == []
    assert _said(found, "note", "cassettes are played back")
    assert _said(found, "ok", "--data mini is there and verified")


@pytest.mark.parametrize(
    ("requirement", "text"),
    [("torch>=99", "torch is "), ("no-such-package>=1", "no-such-package is not installed")],
)
def test_a_package_that_is_too_old_or_not_there(
    requirement: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_requirements", lambda: [requirement])
    assert _said(machine.package_versions(), "failure", text)


def test_a_python_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 18))
    assert _said(machine.python_version(), "failure", "Python is 3.9.18")


def test_tools_that_are_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert _said(machine.git(), "failure", "git is not there")
    assert _said(machine.sandbox(), "warning", "bubblewrap is not there")
    assert _said(machine.latex(), "note", "pdflatex, bibtex, chktex not there")


def _program(folder: Path, name: str, prints: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\necho {prints}\n")
    (folder / name).chmod(0o755)


def test_coding_agents_are_told_with_versions_and_missing_ones_with_what_installs_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _program(tmp_path, "codex", "codex-cli 4.5.6")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("BONSAI_AGENTS", str(tmp_path))
    monkeypatch.setattr(machine.walls, "problem", lambda: None)
    found = list(machine.coding_agents())
    assert {each.status for each in found} == {"ok", "note"}, "a missing one is no failure"
    assert _said(found, "ok", "the agent codex is here") and _said(found, "ok", "4.5.6")
    assert _said(found, "note", "the agent opencode is not here")
    missing = next(each for each in found if "opencode" in each.what)
    assert "npm install" in missing.mend and "opencode-ai" in missing.mend
    monkeypatch.setattr(machine.walls, "problem", lambda: "bubblewrap is not there")
    assert _said(machine.coding_agents(), "note", "there are no walls for it")


def test_a_bubblewrap_that_does_not_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bwrap").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert _said(machine.sandbox(), "warning", "bubblewrap does not work here (it gave no reason)")


def test_a_data_folder_that_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BONSAI_DATA", str(tmp_path / "file" / "data"))
    assert _said(machine.data_folder(), "failure", "cannot be written")


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "MIN_FREE_GIGABYTES", 1e9)
    assert _said(machine.disk(), "warning", "GB are free for results")


@pytest.mark.parametrize(
    ("answer", "api_base", "status", "text"),
    [
        (("openai", []), None, "ok", "holds what m needs"),
        (("openai", ["OPENAI_API_KEY"]), None, "failure", "OPENAI_API_KEY must be in the env"),
        (("openai", ["OPENAI_API_KEY"]), "http://here/v1", "ok", "is asked without a key"),
        ((None, ["what is m?"]), None, "failure", "does not know the model m: what is m?"),
        (None, None, "warning", "did not say"),
    ],
)
def test_what_litellm_says_of_a_key(
    answer: tuple[str | None, list[str]] | None,
    api_base: str | None,
    status: str,
    text: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(machine, "_ask_litellm", lambda model, base: answer)
    assert _said(machine.model_key("m", api_base), status, text)


def test_litellm_is_really_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    found = list(machine.model_key("claude-3-5-sonnet-20241022", None))
    assert _said(found, "failure", "ANTHROPIC_API_KEY must be in the environment")


# ------------------------------------------------------------------------ the baseline, the report


def test_a_stale_baseline_is_made_again(healthy: Path, tmp_path: Path) -> None:
    folder = _copy(healthy, tmp_path)
    append(EXPERIMENT, "# new\n")(folder)
    swap(EXPERIMENT, "epochs: int = 40", "epochs: int = 1")(folder)
    (folder / "run_0" / "old.txt").write_text("of the old baseline")
    assert pack.is_stale(folder)
    assert doctor.fix_baseline(Template(folder), threads=1) == folder / "run_0"
    assert not pack.is_stale(folder)
    assert not (folder / "run_0" / "old.txt").exists()
    assert not list(folder.glob(".run_0*"))


def test_a_baseline_that_cannot_be_made_leaves_the_old_one(healthy: Path, tmp_path: Path) -> None:
    folder = _copy(healthy, tmp_path)
    (folder / EXPERIMENT).write_text("raise SystemExit('no')\n")
    with pytest.raises(BonsaiError, match="exit code 1: no"):
        doctor.fix_baseline(Template(folder), threads=1)
    assert (folder / INFO).is_file()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out of the report what runs programs."""
    monkeypatch.setattr(examination, "CONTRACT", ((files.baseline, ""), (files.prompt, "mend it")))
    monkeypatch.setattr(examination, "PACK", ((pack.readme, ""),))
    monkeypatch.setattr(examination, "examine_environment", lambda model, api_base: [])


@pytest.mark.usefixtures("quick")
def test_the_report_ends_with_a_count_and_an_exit_code(healthy: Path, tmp_path: Path) -> None:
    folder = _copy(healthy, tmp_path)
    exit_code, text = _report(healthy)
    assert exit_code == 0
    assert "3 ok, 0 notes, 0 warnings, 0 failures" in text

    (folder / "prompt.json").unlink()
    (folder / "README.md").unlink()
    exit_code, text = _report(folder)
    assert exit_code == 1
    assert "1 ok, 0 notes, 1 warning, 1 failure" in text
    assert "✗ prompt.json is missing" in text
    assert "→ mend it" in text


@pytest.mark.usefixtures("quick")
def test_the_report_makes_do_with_plain_letters(healthy: Path, tmp_path: Path) -> None:
    folder = _copy(healthy, tmp_path)
    (folder / "prompt.json").unlink()
    _, text = _report(folder, encoding="cp1252")
    assert "x prompt.json is missing" in text
    assert "-> mend it" in text


@pytest.mark.usefixtures("quick")
def test_the_report_makes_what_is_missing_when_told_to(healthy: Path, tmp_path: Path) -> None:
    folder = _copy(healthy, tmp_path)
    shutil.rmtree(folder / "run_0")
    assert _report(folder)[0] == 1
    assert _report(folder, fix=True)[0] == 0
    assert (folder / INFO).is_file()


@pytest.mark.usefixtures("quick")
def test_the_report_says_why_a_baseline_cannot_be_made(healthy: Path, tmp_path: Path) -> None:
    folder = _copy(healthy, tmp_path)
    (folder / EXPERIMENT).write_text("raise SystemExit('[no] luck')\n")
    exit_code, text = _report(folder, fix=True)
    assert exit_code == 1
    assert "run_0 could not be made" in text
    assert "[no] luck" in text, "what a template prints is no markup"


# ------------------------------------------------------------------------------------------ helpers


@pytest.mark.usefixtures("quick")
def test_into_an_installed_template_nothing_is_written(healthy: Path, tmp_path: Path) -> None:
    folder = _copy(healthy, tmp_path)
    shutil.rmtree(folder / "run_0")
    (tmp_path / "pack-1.0.dist-info").mkdir()
    exit_code, text = _report(folder, fix=True)
    text = " ".join(text.split())
    assert exit_code == 0
    assert "there is no run_0: it lies in an installed package" in text
    assert "run_0 was not made: the template lies in an installed package" in text
    assert "bonsai copy" in text
    assert not (folder / "run_0").exists()


@pytest.mark.usefixtures("quick")
def test_a_folder_that_cannot_be_written_is_said_and_what_to_do(
    healthy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _copy(healthy, tmp_path)
    shutil.rmtree(folder / "run_0")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")  # root may write everywhere

    monkeypatch.setattr(examination, "fix_baseline", refuse)
    text = " ".join(_report(folder, fix=True)[1].split())
    assert "cannot be written (Permission denied)" in text
    assert "bonsai copy" in text


def _copy(healthy: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(healthy, tmp_path / "changed" / healthy.name))


def _subject(folder: Path, tmp_path: Path) -> Subject:
    """A subject whose experiment and plots are taken as run: what that takes is tested above."""
    subject = Subject(folder, tmp_path / f"scratch-{len(list(tmp_path.iterdir()))}")
    means = {"test_accuracy": 97.0, "test_loss": 0.1, "val_accuracy": 97.0, "val_loss": 0.1,
             "parameters": 1.0, "train_seconds": 1.0}  # fmt: skip
    scores = Scores(dataset="digits", means=means, stderrs={}, per_seed={}, seeds=[0])
    vars(subject)["trial"] = Trial(folder / "run_0", scores, 1.0)
    copy = tmp_path / "drawn" / str(len(list(tmp_path.rglob("drawn/*")))) / folder.name
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("run_*", "*.bin"))
    figures = frozenset({"test_accuracy.png", "validation_loss.png"})
    for name in figures:
        (copy / name).write_bytes(DOT)
    vars(subject)["plot"] = PlotTrial(copy, Execution(0, None, 1.0, "", "", "no walls"), figures)
    return subject


def _said(findings: Iterator[Finding] | list[Finding] | Any, status: str, text: str) -> bool:
    return any(finding.status == status and text in finding.what for finding in findings)


def _bad(findings: Any) -> list[Finding]:
    return [finding for finding in findings if finding.status != "ok" and "no cassettes" not in
            finding.what]  # fmt: skip


def _contents(folder: Path) -> dict[str, bytes]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def _report(folder: Path, *, fix: bool = False, encoding: str = "utf-8") -> tuple[int, str]:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=stream, width=100)
    exit_code = doctor.report([Template(folder)], fix=fix, threads=1, console=console)
    stream.seek(0)
    return exit_code, stream.read()
