"""How a template without score.py is swept is found out by running it, as rarely as can be."""

from __future__ import annotations

import functools
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bonsai.base import BonsaiError
from bonsai.evaluation import Machine, established, programs, run_experiment, this_machine
from bonsai.execution import Execution, Program, sandbox
from bonsai.execution.executors import LocalExecutor
from bonsai.sweep import build_baseline
from bonsai.templates import Reported, Template
from tests.sweeps import STRANGER

needs_walls = pytest.mark.skipif(bool(sandbox.problem()), reason="no bubblewrap")
IMPORTS = "import random, sys, time\nimport numpy as np\n"
INFO = '{"toy": {"means": {"loss": loss}}}'
SHIFTED = "np.random.seed(3); loss = np.random.rand()"
SEED = 'parser.add_argument("--seed", type=int, default=0)'


@dataclass
class Counting(LocalExecutor):
    """Counts what it runs."""

    programs: list[Program] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def run(self, program: Program, log: Path, **options: object) -> Execution:
        self.programs.append(program)
        return super().run(program, log, **options)  # type: ignore[arg-type]


@dataclass
class Bench:
    """Templates that are written in a line, and what is run for them."""

    home: Path
    said: list[str] = field(default_factory=list)
    executor: Counting = field(default_factory=Counting)

    def template(self, body: str, options: str = "", name: str = "odd") -> Template:
        folder = self.home / "checkout" / "templates" / name
        folder.mkdir(parents=True, exist_ok=True)
        text = STRANGER.format(options=options, body=IMPORTS + body, info=INFO)
        (folder / "experiment.py").write_text(text)
        (folder / "prompt.json").write_text('{"system": "s", "task_description": "t"}')
        return Template(folder)

    @property
    def machine(self) -> Machine:
        return replace(this_machine(1), executor=self.executor)

    def establish(self, template: Template, **options: object) -> Reported:
        found = established(template, self.machine, say=self.said.append, **options)  # type: ignore[arg-type]
        assert found.reported is not None
        return found.reported

    @property
    def runs(self) -> int:
        return len(self.executor.programs)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("BONSAI_DATA", str(tmp_path / "data"))
    return Bench(tmp_path)


# ---------------------------------------------------------------------------------- four kinds


@pytest.mark.parametrize(
    ("body", "options", "kind", "runs"),
    [
        (SHIFTED, "", "shifted", 3),
        ("rng = np.random.default_rng(args.seed); loss = rng.random()", SEED, "option", 3),
        (SHIFTED, SEED, "shifted", 4),  # the option is read, and has no effect
        ("loss = sum(1 / n for n in range(1, 50))", "", "none", 3),
        ("loss = int.from_bytes(os.urandom(4), 'big') / 2**32", "", "free", 2),
        ("loss = float(np.mean([np.random.default_rng([s, 1]).random() for s in range(3)]))", "",
         "shifted", 3),
    ],
)  # fmt: skip
def test_how_seeds_reach_a_program(
    bench: Bench, body: str, options: str, kind: str, runs: int
) -> None:
    assert bench.establish(bench.template(body, options)).seeding == kind
    assert bench.runs == runs
    assert any("option --seed has no effect" in line for line in bench.said) == (runs == 4)


def test_what_was_run_to_find_out_is_the_baselines_and_the_next_sweeps(bench: Bench) -> None:
    template = bench.template(SHIFTED)
    how = bench.establish(template)
    assert (bench.runs, how.seeds) == (3, (0, 1, 2))  # seed 0 twice, and seed 1
    known = replace(template, reported=how)
    built = build_baseline(
        known, "toy", how.seeds, log=bench.home / "log", machine=bench.machine
    )  # fmt: skip
    assert bench.runs == 4
    assert len(set(built.scores.per_seed["loss"])) == 3
    assert bench.establish(template) == how
    assert bench.runs == 4


DATA = {
    "table.csv": "", "data/corpus.txt": "", "settings.json": "", "../../data/labels.json": "",
    "elsewhere/x.md": "elsewhere",
}  # fmt: skip


@pytest.mark.parametrize("name", DATA)
def test_no_earlier_run_is_taken_where_the_data_are_others(bench: Bench, name: str) -> None:
    """Neither what was run to find out, nor the baseline, which is kept by itself."""
    body = f"{SHIFTED}\nwhere = '../../data', 'data'"
    template = bench.template(body)
    place = (bench.home if DATA[name] else template.folder) / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("1,2\n")
    data_from = [str(bench.home / DATA[name])] if DATA[name] else []

    def built() -> bool:
        known = replace(template, reported=bench.establish(template, data_from=data_from))
        return build_baseline(
            known, "toy", (0, 1), log=bench.home / "log", machine=bench.machine
        ).cached  # fmt: skip

    assert not built()
    assert built()
    place.write_text("3,4,5\n")
    before = bench.runs
    assert not built()
    assert bench.runs == before + 3


@pytest.mark.parametrize("name", ["notes.txt", "ideas.json", "README.md", "latex/template.tex"])
def test_what_a_program_does_not_read_costs_no_run(bench: Bench, name: str) -> None:
    template = bench.template(SHIFTED)
    bench.establish(template)
    (template.folder / name).parent.mkdir(exist_ok=True)
    (template.folder / name).write_text("new")
    bench.establish(template)
    assert bench.runs == 3


def test_a_run_0_that_a_run_here_repeats_saves_the_second_run(bench: Bench) -> None:
    template = bench.template("loss = 0.25")
    (template.folder / "run_0").mkdir()
    (template.folder / "run_0" / "final_info.json").write_text('{"toy": {"means": {"loss": 0.25}}}')
    assert bench.establish(template).seeding == "none"
    assert bench.runs == 2
    assert any("run_0 holds the same numbers" in line for line in bench.said)


def test_a_run_0_of_another_machine_is_told_and_not_compared_with(bench: Bench) -> None:
    template = bench.template("loss = 0.25")
    (template.folder / "run_0").mkdir()
    (template.folder / "run_0" / "final_info.json").write_text('{"toy": {"means": {"loss": 0.5}}}')
    bench.establish(template)
    assert any("loss: 0.5 there, 0.25 here" in line for line in bench.said)


def test_an_idea_that_makes_a_deterministic_program_random_is_run_for_every_seed(
    bench: Bench, tmp_path: Path
) -> None:
    template = bench.template("loss = 0.25")
    known = replace(template, reported=bench.establish(template))
    workspace = bench.template("loss = 0.2 + 0.1 * random.random()", name="idea").folder
    done = run_experiment(
        known, workspace, workspace / "run_1", data="toy", seeds=[5, 6, 7],
        log=tmp_path / "log", machine=bench.machine,
    )  # fmt: skip
    assert len(set(done.scores.per_seed["loss"])) == 3


# ------------------------------------------------------------------------ data, network, keys


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """A service on this machine with one file; its address, and the paths that were asked for."""
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            super().do_GET()

        def log_message(self, *_: object) -> None:
            pass

    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "offset.txt").write_text("0.125")
    made = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), made) as service:
        threading.Thread(target=service.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{service.server_port}/offset.txt", asked
        service.shutdown()


FETCH = """
import urllib.request
place = {place}
if not os.path.exists(place):
    os.makedirs(os.path.dirname(place), exist_ok=True)
    urllib.request.urlretrieve("{address}", place)
loss = float(open(place).read())
"""
PLACES = [
    "'data/offset.txt'",
    "'../../data/offset.txt'",
    "os.path.join(os.environ.get('TORCH_HOME', '.'), 'hub', 'offset.txt')",
]


@pytest.mark.parametrize("place", PLACES)
def test_the_baseline_downloads_once_and_ideas_read_it_without_a_network(
    bench: Bench, server: tuple[str, list[str]], place: str, tmp_path: Path
) -> None:
    address, asked = server
    template = bench.template(FETCH.format(place=place, address=address))
    known = replace(template, reported=bench.establish(template, network=True))
    assert asked == ["/offset.txt"]
    workspace = bench.template(
        FETCH.format(place=place, address=address) + "\nloss -= 0.1", name="idea"
    ).folder
    done = run_experiment(
        known, workspace, workspace / "run_1", data="toy", seeds=[0, 1],
        log=tmp_path / "log", machine=bench.machine,
    )  # fmt: skip
    assert done.scores.means["loss"] == pytest.approx(0.025)
    assert asked == ["/offset.txt"]
    assert not any(program.network for program in bench.executor.programs[-2:])
    assert {path.name for path in template.folder.iterdir()} == {"experiment.py", "prompt.json"}
    assert not (tmp_path / "checkout" / "data").exists()


def test_a_folder_of_checkpoints_is_not_taken_for_a_download(
    bench: Bench, server: tuple[str, list[str]]
) -> None:
    body = FETCH.format(place="'data/offset.txt'", address=server[0])
    body += "loss += 9.0 * os.path.exists('checkpoints')\nos.makedirs('checkpoints')"
    how = bench.establish(bench.template(body), network=True)
    assert how.seeding == "none"  # no run went on from another's


@needs_walls
def test_without_the_option_nothing_is_downloaded_and_a_sentence_names_it(
    bench: Bench, server: tuple[str, list[str]]
) -> None:
    template = bench.template(FETCH.format(place="'data/offset.txt'", address=server[0]))
    with pytest.raises(BonsaiError, match="--allow-network lets its baseline do so"):
        bench.establish(template)
    assert server[1] == []


CALLS = """
try:
    import openai
except ImportError:
    pass
key = os.environ.get("MY_KEY")
print("the key is", key, flush=True)
print("the key is", key, file=sys.stderr)
time.sleep(0.3)  # long enough to be heard
assert key, "no key"
loss = len(key) / 16
"""


def test_a_variable_is_passed_to_who_asks_and_cut_out_of_what_is_printed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-secret")
    template = bench.template(CALLS)
    with pytest.raises(BonsaiError, match="--allow-network --pass-env NAME"):
        bench.establish(template)
    how = bench.establish(template, network=True, pass_env=["MY_KEY"])
    assert any(line.startswith("warning: ") and "MY_KEY" in line for line in bench.said)
    heard: list[str] = []
    out, log = tmp_path / "run_1", tmp_path / "log"
    done = programs.execute(
        template, how, template.folder, out, 0, seconds=60, limits=template.limits(1),
        start=replace(bench.machine, on_line=heard.append).run, log=log,
    )  # fmt: skip
    assert heard == ["the key is <MY_KEY>"]
    assert json.loads((out / "final_info.json").read_text())["toy"]["means"]["loss"] == 9 / 16
    assert "the key is <MY_KEY>" in done.error
    assert "sk-secret" not in log.with_name("log.err").read_text()


def test_a_variable_that_is_not_set_is_named(bench: Bench) -> None:
    with pytest.raises(BonsaiError, match="--pass-env NO_SUCH_KEY: it is not set here"):
        bench.establish(bench.template(CALLS), network=True, pass_env=["NO_SUCH_KEY"])


@needs_walls
def test_what_lies_elsewhere_is_read_where_a_person_says_so(bench: Bench, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere" / "offset.txt"
    place.parent.mkdir()
    place.write_text("0.5")
    template = bench.template(f"loss = float(open({str(place)!r}).read())")
    with pytest.raises(BonsaiError, match="No such file"):
        bench.establish(template)
    assert bench.establish(template, data_from=[str(place.parent)]).seeding == "none"


SPELLINGS: list[str] = [
    "'../../data/offset.txt'",
    "os.path.join('..', '..', 'data', 'offset.txt')",
    "os.path.join(os.pardir, os.pardir, 'data', 'offset.txt')",
    "os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../data', 'offset.txt')",
    "__import__('pathlib').Path(__file__).resolve().parents[2] / 'data' / 'offset.txt'",
    "os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) "
    "+ '/data/offset.txt'",
]


@pytest.mark.parametrize("walls", [pytest.param(True, marks=needs_walls), False])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_paths_out_of_the_folder_mean_what_they_mean_from_the_templates_place(
    bench: Bench, spelling: str, walls: bool
) -> None:
    data = bench.home / "checkout" / "data"
    data.mkdir(parents=True)
    (data / "offset.txt").write_text("0.5")
    template = bench.template(f"loss = float(open({spelling}).read())")
    machine = replace(bench.machine, walls=walls)
    found = established(template, machine)
    assert found.reported is not None
    assert found.reported.seeding == "none"


@pytest.mark.parametrize("walls", [pytest.param(True, marks=needs_walls), False])
def test_a_path_that_is_one_longer_in_the_copies_of_the_ai_scientist_leads_to_the_same(
    bench: Bench, walls: bool
) -> None:
    """`run_0` is made in the template's own place, and all else one folder deeper."""
    corpus = bench.home / "checkout" / "corpus"
    corpus.mkdir(parents=True)
    (corpus / "offset.txt").write_text("0.5")
    template = bench.template(
        "up = '../../corpus' if args.out_dir == 'run_0' else '../../../corpus'\n"
        "loss = float(open(os.path.join(up, 'offset.txt')).read())"
    )
    machine = replace(bench.machine, walls=walls)
    known = established(template, machine)
    for out in ("run_0", "run_1"):
        done = run_experiment(
            known, template.folder, bench.home / out, data="toy", seeds=[3, 4],
            log=bench.home / "log", machine=machine,
        )  # fmt: skip
        assert done.scores.means["loss"] == 0.5


@needs_walls
def test_what_is_hidden_stays_so_where_a_path_out_of_the_folder_leads_to_it(bench: Bench) -> None:
    kept = bench.home / "data" / "baselines" / "other" / "final_info.json"
    kept.parent.mkdir(parents=True)
    kept.write_text("1")
    body = (
        "assert os.path.isdir('../../../data')\n"
        "loss = float(os.path.exists('../../../data/baselines/other/final_info.json'))"
    )
    how = bench.establish(bench.template(body), data_from=[str(bench.home / "data")])
    assert how.seeding == "none"
    record = next((bench.home / "data" / "baselines" / "runs").glob("*/out/final_info.json"))
    assert json.loads(record.read_text())["toy"]["means"]["loss"] == 0
