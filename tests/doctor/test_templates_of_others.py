"""Templates without score.py, in the shapes that other people write: what the doctor says of them.

Nearly all is told from their text; the few programs that are run do nothing but write a file.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from bonsai.doctor import code, examination, files, paper, strangers
from bonsai.doctor.finding import Finding
from bonsai.doctor.reading import bare_words, has_labels, wishes
from bonsai.doctor.subject import Subject
from bonsai.doctor.ways import climbing
from bonsai.templates import arguments
from tests.sweeps import STRANGER

PLOT = 'labels = {"run_0": "Baseline"}\n'
PROMPT = '{"system": "You are.", "task_description": "Do it."}'
MEANS = '{"toy": {"means": {"loss": 0.5}}}'
ASKS = "torch.cuda.is_available()"
DEVICE = 'parser.add_argument("--device", default="cuda")\n'


def write(
    folder: Path, *, options: str = "", body: str = "", info: str = MEANS, run_0: str = "",
    plot: str = PLOT,
) -> Path:  # fmt: skip
    """A template as others write it, without a paper."""
    template = folder / "templates" / "theirs"
    template.mkdir(parents=True)
    source = STRANGER.format(options=options, body=body, info=info)
    (template / "experiment.py").write_text(source)
    (template / "plot.py").write_text(plot)
    (template / "prompt.json").write_text(PROMPT)
    if run_0:
        (template / "run_0").mkdir()
        (template / "run_0" / "final_info.json").write_text(run_0)
    return template


def subject(folder: Path, *, gpu: bool = True, run: bool = False) -> Subject:
    return Subject(folder, folder.parents[1] / "scratch", run, gpu=gpu)


CHECKS = (
    code.experiment_source, code.experiment_arguments, code.experiment_paths, code.plot_source,
    code.plot_arguments, files.prompt, files.baseline,
    *(check for check, _ in examination.STRANGERS),
)  # fmt: skip


def examine(folder: Path, *, gpu: bool = True, run: bool = False) -> list[Finding]:
    """What is found by the checks that run nothing, or, if asked for, the experiment alone."""
    looked = subject(folder, gpu=gpu, run=run)
    checks = (*CHECKS, code.experiment_runs)
    told = [(check, found) for check in checks for found in examination.apply(check, looked)]
    return [*(found for _, found in told), *strangers.level(looked, told)]


def said(findings: list[Finding], status: str, *texts: str) -> bool:
    return any(
        found.status == status and all(text in f"{found.what} -> {found.mend}" for text in texts)
        for found in findings
    )


def bad(findings: list[Finding]) -> list[Finding]:
    return [found for found in findings if found.status == "failure"]


# --------------------------------------------------------------------------------------- levels


def test_a_sound_one_can_be_swept_and_is_told_how_to_be_measured(tmp_path: Path) -> None:
    found = examine(write(tmp_path, run_0=MEANS), run=True)
    assert not bad(found)
    assert said(found, "note", "level: can be swept, self-reported", "write score.py")
    assert "not run" not in found[-1].what


def test_what_was_not_run_is_said_to_be_told_from_its_text(tmp_path: Path) -> None:
    assert said(examine(write(tmp_path)), "note", "self-reported (as its text tells: it was not")


LEVELS: dict[str, tuple[dict[str, Any], bool, str, str]] = {
    "fails in both": ({"options": 'parser.add_argument("--lr", required=True)'}, True,
                      "level: none", "mend this: experiment.py requires --lr"),
    "lacks a package": ({"body": "import no_such_package"}, True,
                        "level: runs in The AI Scientist", "pip install no_such_package"),
    "wants a GPU": ({"options": DEVICE}, False, "level: runs in The AI Scientist", "line 4"),
    "no number": ({"run_0": '{"toy": {"means": {"loss": NaN}}}'}, True,
                  "level: runs in The AI Scientist", "nan"),
    "no means": ({"run_0": '{"toy": {"loss": 0.5}}'}, True,
                 "yet it does not run in The AI Scientist", "toy.means: field required"),
    "asks a model": ({"body": "if False:\n    pass\nimport openai"}, True, "with --allow-network",
                     "write score.py"),
}  # fmt: skip


@pytest.mark.parametrize(("parts", "gpu", "level", "then"), LEVELS.values(), ids=LEVELS.keys())
def test_each_level_is_named_with_what_the_next_takes(
    parts: dict[str, Any], gpu: bool, level: str, then: str, tmp_path: Path
) -> None:
    last = examine(write(tmp_path, **parts), gpu=gpu)[-1]
    if "openai" in str(parts):
        pytest.importorskip("openai")
    assert level in last.what
    assert then in last.mend


def test_one_that_fails_when_run_is_at_no_level(tmp_path: Path) -> None:
    found = examine(write(tmp_path, body="raise SystemExit('no luck')"), run=True)
    assert said(found, "failure", "no luck")
    assert "level: none" in found[-1].what
    assert "mend this: experiment.py: the run" in found[-1].mend


def test_results_that_only_a_sweep_can_read(tmp_path: Path) -> None:
    found = examine(write(tmp_path, info='{"toy": {"loss": 0.5}}'), run=True)
    assert said(found, "failure", "toy.means: field required")
    assert "can be swept, self-reported, yet it does not run in The AI" in found[-1].what


def test_what_a_run_did_without_keeps_it_from_no_level(tmp_path: Path) -> None:
    body = "def never():\n    import no_such_package\n    model.cuda()"
    found = examine(write(tmp_path, body=body), gpu=False, run=True)
    assert said(found, "warning", "no_such_package")
    assert "level: can be swept, self-reported" in found[-1].what


def test_a_metric_that_nobody_can_choose_is_asked_for(tmp_path: Path) -> None:
    info = '{"toy": {"means": {"alpha": 1, "beta": 2}}}'
    found = examine(write(tmp_path, run_0=info))
    assert said(found, "note", "say --metric NAME, with one of alpha and beta", "--metric NAME`")
    assert "self-reported, with --metric NAME" in found[-1].what


@pytest.mark.parametrize("metrics", ['"beta:lower"', '["beta:higher"]', '{"beta": "lower"}'])
def test_one_that_its_prompt_names_is_not(metrics: str, tmp_path: Path) -> None:
    folder = write(tmp_path, run_0='{"toy": {"means": {"alpha": 1, "beta": 2}}}')
    (folder / "prompt.json").write_text(f'{PROMPT[:-1]}, "metrics": {metrics}}}')
    assert "--metric" not in str(examine(folder))


def test_without_a_paper_it_runs_in_the_ai_scientist_all_the_same(tmp_path: Path) -> None:
    looked = subject(write(tmp_path))
    told = [(paper.paper_is_there, found) for found in paper.paper_is_there(looked)]
    last = next(strangers.level(looked, told))
    assert "level: can be swept" in last.what
    assert "without a paper (`--writeup na`)" in last.what
    assert "latex/template.tex is missing" in last.mend


# ---------------------------------------------------------- what The AI Scientist lets through


def test_an_empty_list_of_ideas_is_no_failure(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "seed_ideas.json").write_text("[]\n")
    found = list(examination.apply(files.seed_ideas, subject(folder)))
    assert [each.status for each in found] == ["warning"]
    assert said(found, "warning", "an empty list", "bonsai run --ideas FILE")


@pytest.mark.parametrize(
    "info",
    [
        MEANS,
        '{"layer_3": {"means": 0.8, "stds": 0.1}}',
        '{"eq": {"means": {"mse": 1.0, "shape": {"peak": 2.0}}, "solution": "y = x"}}',
        '{"a": {"means": {"curve": [1, 2], "loss": 1}}, "b": {"means": {"loss": 2}}}',
        '{"toy": {"means": {"loss": NaN, "accuracy": Infinity}}}',
        '{"toy": {"means": {"text": "fine"}}}',
        '{"toy": {"means": {}}}',
    ],
)
def test_no_shape_that_it_reads_is_a_failure(info: str, tmp_path: Path) -> None:
    assert not bad(examine(write(tmp_path, run_0=info)))


def test_neither_is_it_that_there_is_no_run_0(tmp_path: Path) -> None:
    found = examine(write(tmp_path))
    assert not bad(found)
    assert said(found, "warning", "run_0/final_info.json is missing", "--out_dir run_0")


def test_nor_a_plot_without_labels_or_figures(tmp_path: Path) -> None:
    folder = write(tmp_path, run_0=MEANS, plot="import os\nassert os.path.isdir('run_0')\n")
    looked = subject(folder)
    assert said(list(code.plot_source(looked)), "warning", "no dictionary `labels`")
    drawn = list(code.plot_runs(looked))
    assert said(drawn, "warning", "in a folder without results")
    assert said(drawn, "warning", "draws no PNG")
    assert not bad(drawn)


def test_a_plot_that_lacks_a_package_is_told_which(tmp_path: Path) -> None:
    found = list(code.plot_runs(subject(write(tmp_path, plot="import no_such_package\n"))))
    assert said(found, "warning", "plot.py needs no_such_package", "pip install no_such_package")


# ---------------------------------------------------------------------------------------- paths

OUT = [
    'open("../data/x")', 'd = "../../data"', r'd = r"..\data"', 'd = ".."', 'os.chdir("..")',
    'os.path.join("..", "..", "data")', 'os.path.join(os.pardir, "data")',
    'os.path.join(os.path.dirname(__file__), "..", "data")',
    'os.path.dirname(os.path.dirname(os.path.abspath(__file__)))',
    'here = os.path.dirname(__file__)\nd = os.path.join(here, os.pardir)',
    'Path("..") / "data"', 'Path("..", "data")', 'Path("data").joinpath("..", "..", "x")',
    'Path(__file__).parent.parent / "data"', 'd = Path(__file__).resolve().parents[1]',
    'here = Path(__file__).parent\nd = here.parent / "data"', 'Path.cwd().parent',
    'f"../{name}/x"', 'f"{root}/../data"', 'f"{os.path.dirname(__file__)}/../d"',
    '"../" + name', 'os.path.dirname(__file__) + "/../d"', '"../data/%s" % x', '"../{}".format(n)',
    'os.path.join(args.out_dir, "..", "..", "data")', "glob.glob('../*.csv')",
    'parser.add_argument("--data", default="../data")', 'load(args.data or "../data")',
    'sys.path.append("..")',
]  # fmt: skip
WITHIN = [
    'd = "sub/../data"', 'x.split("..")', 'a == ".."', 'a in (".", "..")', '"""../data"""',
    'os.path.join(args.out_dir, "..", "x")', 'f"{args.out_dir}/../x"', 'd = "http://x/../y"',
    'Path(__file__).parent / "data"', 'os.path.dirname(__file__)', 'os.path.join("data", "x")',
    'print("../x")', 'd = "wait.. what"', 'parser.add_argument("--a", help="../x")', 'a / b',
    'x.parent', 'd = "/data/../x"',
]  # fmt: skip


@pytest.mark.parametrize("source", OUT)
def test_a_path_out_of_the_folder_is_seen_once(source: str) -> None:
    assert len(climbing(ast.parse(source))) == 1


@pytest.mark.parametrize("source", WITHIN)
def test_a_path_within_the_folder_is_not(source: str) -> None:
    assert climbing(ast.parse(source)) == []


def test_a_path_in_a_module_below_is_told_from_there(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "models").mkdir()
    (folder / "models" / "net.py").write_text("import os\nd = os.path.dirname(__file__)\n"
                                              "up = os.path.dirname(d)\n"
                                              "out = os.path.dirname(up)\n")  # fmt: skip
    found = list(code.experiment_paths(subject(folder)))
    assert [each.status for each in found] == ["warning"]
    assert said(found, "warning", "models/net.py, line 4", "bonsai run` keeps", "absolute path")


# ------------------------------------------------------------------------------------- plot.py


@pytest.mark.parametrize(
    "source",
    [
        'labels = {"run_0": "Baseline"}',
        'def main():\n    labels = {"run_0": "Baseline"}',
        'labels: dict[str, str] = {"run_0": "Baseline"}',
        'def main():\n    labels: dict[str, str] = dict(run_0="Baseline")',
        'labels = OrderedDict([("run_0", "Baseline")])',
        "labels = {name: name for name in runs}",
        'labels, colours = {"run_0": "Baseline"}, ["grey"]',
        'def main(labels={"run_0": "Baseline"}): ...',
        'def main(a, *, labels={"run_0": "Baseline"}): ...',
        'labels["run_0"] = "Baseline"',
        'self.labels = base | {"run_0": "Baseline"}',
    ],
)
def test_labels_are_seen_wherever_they_are(source: str) -> None:
    assert has_labels(ast.parse(source))


@pytest.mark.parametrize(
    "source", ['labels = ["a"]', "labels = data['y']", "names = {}", "labels: dict[str, str]"]
)
def test_what_else_is_called_labels_is_not(source: str) -> None:
    assert not has_labels(ast.parse(source))


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ('p.add_argument("folder")', "requires folder"),
        ('p.add_argument("runs", nargs="+")', "requires runs"),
        ('p.add_argument("-o", "--out_dir", required=True)', "requires --out_dir"),
        ("import sys\nfolder = sys.argv[1]", "takes sys.argv[1]"),
        ('p.add_argument("folder", nargs="?", default=".")', ""),
        ('p.add_argument("runs", nargs="*")', ""),
        ('p.add_argument("--out_dir", default="run_0")', ""),
        ("import sys\nif len(sys.argv) > 1:\n    folder = sys.argv[1]", ""),
    ],
)
def test_a_plot_that_wants_to_be_told_something_fails(
    source: str, text: str, tmp_path: Path
) -> None:
    found = list(code.plot_arguments(subject(write(tmp_path, plot=source))))
    assert said(found, "failure", text, "python plot.py", "default") if text else not found


def test_of_an_argument_with_two_names_the_long_one_is_told() -> None:
    found = arguments(ast.parse('p.add_argument("--out_dir", "-o", dest="out", required=True)'))
    assert [(each.name, each.attribute, each.is_required) for each in found] == [
        ("--out_dir", "out", True)
    ]
    assert not list(bare_words(ast.parse("import sys\nprint(sys.argv[0])")))


# ----------------------------------------------------------------------------------------- GPU

FOR_GRANTED = [
    'torch.device("cuda")', 'device = "cuda"', "model.cuda()", 'x.to("cuda:0")',
    'torch.zeros(3, device="cuda")', 'device = torch.device(f"cuda:{args.gpu}")',
    'def f(device="cuda"): ...', 'class C:\n    device: str = "cuda"', "for x in y:\n    x.cuda()",
    "torch.cuda.set_device(0)", DEVICE,
    f"{DEVICE}if {ASKS}:\n    torch.cuda.manual_seed(1)\nmodel.to(args.device)",
]  # fmt: skip
ASKED = [
    f'd = "cuda" if {ASKS} else "cpu"', f"if {ASKS}:\n    m.cuda()",
    f"use = {ASKS}\nif use:\n    m.cuda()", f'device = "cuda"\nif not {ASKS}:\n    device = "cpu"',
    f'{DEVICE}d = torch.device(args.device if {ASKS} else "cpu")',
    f'{DEVICE}if not {ASKS}:\n    args.device = "cpu"',
    f'parser.add_argument("--device", default="cuda" if {ASKS} else "cpu")',
    f'def f():\n    if not {ASKS}:\n        return "cpu"\n    return torch.device("cuda")',
    "torch.cuda.manual_seed_all(1)", "try:\n    m.cuda()\nexcept RuntimeError:\n    pass",
    "if args.cuda:\n    m.cuda()", 'x = {"cuda": 1}',
]  # fmt: skip


@pytest.mark.parametrize("source", FOR_GRANTED)
def test_a_gpu_that_is_taken_for_granted_is_seen(source: str) -> None:
    assert len(wishes(ast.parse(source))) == 1


@pytest.mark.parametrize("source", ASKED)
def test_who_asks_for_a_gpu_first_is_left_alone(source: str) -> None:
    assert wishes(ast.parse(source)) == []


def test_the_option_that_changes_it_is_named_and_with_a_gpu_nothing_is_said(tmp_path: Path) -> None:
    folder = write(tmp_path, options=DEVICE)
    found = list(strangers.gpu(subject(folder, gpu=False)))
    assert said(found, "warning", "experiment.py, line 4: --device is 'cuda'", "`--device cpu`")
    assert not list(strangers.gpu(subject(folder, gpu=True)))


# ------------------------------------------------------------------- packages, a model, the network


def test_missing_packages_are_one_sentence_with_the_command(tmp_path: Path) -> None:
    folder = write(tmp_path, body="import no_such_a", plot=f"{PLOT}import no_such_b, no_such_a\n")
    found = list(strangers.packages(subject(folder)))
    assert len(found) == 1
    assert said(found, "warning", "no_such_a (experiment.py, line 7)", "no_such_b (plot.py, line 2",
                "are not installed", "`pip install no_such_a no_such_b`")  # fmt: skip


@pytest.mark.parametrize(
    ("body", "option"),
    [
        ("import openai", "--allow-network --pass-env OPENAI_API_KEY"),
        ("import litellm", "--allow-network --pass-env NAME"),
        ('import litellm\nkey = os.environ["MY_KEY"]', "--allow-network --pass-env MY_KEY"),
    ],
)
def test_who_calls_a_model_is_told_the_options(body: str, option: str, tmp_path: Path) -> None:
    found = list(strangers.model(subject(write(tmp_path, body=body))))
    assert len(found) == 1
    assert said(found, "warning", "calls a model", "(experiment.py, line 7)", option)


def test_who_downloads_is_told_the_option(tmp_path: Path) -> None:
    body = "from torchvision.datasets import MNIST\nMNIST('data', download=True)"
    found = list(strangers.network(subject(write(tmp_path, body=body))))
    assert said(found, "warning", "download=True", "experiment.py, line 8", "--allow-network` lets")
    (tmp_path / "plain").mkdir()
    assert not list(strangers.network(subject(write(tmp_path / "plain"))))
