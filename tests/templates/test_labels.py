"""No experiment finds the labels of its test images, wherever within the walls it looks.

For each template, each of its data sets that can be had without a network, or a small stand-in of
the same form, `label_thief.py` runs in the place of the experiment, as a run of a sweep does: it
reads all files, asks all who know, and draws again what was drawn. The same thief is successful
where a wall is open: that is tested, too.
"""

from __future__ import annotations

import csv
import json
import pickle
import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from scipy.io import wavfile
from scipy.optimize import linear_sum_assignment

from bonsai.evaluation import Machine, RunFailed, run_experiment
from bonsai.execution import sandbox
from bonsai.kit import data as kit_data
from bonsai.kit.vision import torchvision
from bonsai.templates import Template
from bonsai.templates.new import create
from tests import sweeps

THIEF = Path(__file__).with_name("label_thief.py")
TEMPLATES = sweeps.REPOSITORY / "templates"
GUESSED = 0.6  # of the labels; chance, the best of many candidates for 100 images, is below 0.4
SEEDS = [0, 1, 2]

needs_walls = pytest.mark.skipif(bool(sandbox.problem()), reason="no bubblewrap")


# ------------------------------------------------------------------------------------------------
# Stand-ins for sets that cannot be had here, in the form in which their owners publish them


def _idx(root: Path, name: str) -> None:
    """MNIST and its like: the four files of torchvision's folder, and an older torchvision's."""
    raw, rng = root / name / "raw", np.random.default_rng(0)
    raw.mkdir(parents=True)
    for part, count in (("train", 1200), ("t10k", 200)):
        labels = rng.permutation(np.arange(count) % 10).astype(np.uint8)
        pixels = rng.integers(0, 255, (count, 28, 28), dtype=np.uint8)
        for kind, array in (("images-idx3", pixels), ("labels-idx1", labels)):
            head = bytes([0, 0, 8, array.ndim]) + b"".join(
                size.to_bytes(4, "big") for size in array.shape
            )
            (raw / f"{part}-{kind}-ubyte").write_bytes(head + array.tobytes())
    (root / name / "processed").mkdir()
    torch.save(torch.from_numpy(labels), root / name / "processed" / "test.pt")


def _cifar(root: Path) -> None:
    folder, rng = root / "cifar-10-batches-py", np.random.default_rng(0)
    folder.mkdir(parents=True)
    for name in (*(f"data_batch_{index}" for index in range(1, 6)), "test_batch"):
        batch = {"data": rng.integers(0, 255, (200, 3072), dtype=np.uint8),
                 "labels": rng.permutation(np.arange(200) % 10).tolist()}  # fmt: skip
        (folder / name).write_bytes(pickle.dumps(batch))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))


def _image_folder(root: Path) -> None:
    rng = np.random.default_rng(0)
    for part in ("train", "test"):
        for name in ("goldfish", "tench", "hammerhead", "hen", "ostrich"):
            folder = root / "ImageFolder" / part / name
            folder.mkdir(parents=True)
            for index in range(20):
                pixels = rng.integers(0, 255, (40, 48, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{index}.png")


def _speech(root: Path) -> None:
    folder, rng = root / "SpeechCommands" / "speech_commands_v0.02", np.random.default_rng(0)
    lists: dict[str, list[str]] = {"testing": [], "validation": []}
    for word in ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"):
        (folder / word).mkdir(parents=True)
        for speaker in range(30):
            name = f"{word}/{speaker:08x}_nohash_0.wav"
            wavfile.write(folder / name, 16_000, rng.integers(-9000, 9000, 16_000, dtype=np.int16))
            if speaker % 3:
                lists["testing" if speaker % 3 == 1 else "validation"].append(name)
    for part, names in lists.items():
        (folder / f"{part}_list.txt").write_text("\n".join(names) + "\n")


def _fer2013(root: Path) -> None:
    rng, lines = np.random.default_rng(0), ["emotion,pixels,Usage"]
    for usage, count in (("Training", 210), ("PublicTest", 70), ("PrivateTest", 140)):
        for emotion in rng.permutation(np.arange(count) % 7):
            lines.append(f"{emotion},{' '.join(map(str, rng.integers(256, size=2304)))},{usage}")
    (root / "fer2013").mkdir(parents=True)
    (root / "fer2013" / "fer2013.csv").write_text("\n".join(lines) + "\n")


def _ravdess(root: Path) -> None:
    rng = np.random.default_rng(0)
    for actor in (1, 2, 3, 4, 17, 18, *range(21, 25)):
        folder = root / "ravdess" / f"Actor_{actor:02d}"
        folder.mkdir(parents=True)
        for emotion in range(2, 9):
            for take in range(1, 5):
                sound = rng.integers(-9000, 9000, 8000, dtype=np.int16)
                name = f"03-01-{emotion:02d}-01-01-{take:02d}-{actor:02d}.wav"
                wavfile.write(folder / name, 16_000, sound)


def _goemotions(root: Path) -> None:
    rng = np.random.default_rng(0)
    (root / "goemotions").mkdir(parents=True)
    for name, count in (("train", 210), ("dev", 70), ("test", 140)):
        rows = [
            f"{' '.join(rng.choice(list('abcdefgh'), 9))}\t{label}\tid{place}"
            for place, label in enumerate(rng.choice([17, 2, 14, 25, 11, 26, 27], count))
        ]
        (root / "goemotions" / f"{name}.tsv").write_text("\n".join(rows) + "\n")


def _brighter(root: Path) -> None:
    rng = np.random.default_rng(0)
    names = ("anger", "disgust", "fear", "joy", "sadness", "surprise")
    for language in ("eng", "deu"):
        (root / "brighter" / language).mkdir(parents=True)
        for part, count in (("train", 140), ("dev", 70), ("test", 70)):
            with (root / "brighter" / language / f"{part}.csv").open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(("id", "text", *names))
                for place, label in enumerate(rng.integers(7, size=count)):
                    text = " ".join(rng.choice(list("abcdefgh"), 9))
                    marks = [int(label == column) for column in range(6)]
                    writer.writerow((f"x_{place}", text, *marks))


STAND_INS: dict[str, Callable[[Path], None]] = {
    "MNIST": lambda root: _idx(root, "MNIST"),
    "KMNIST": lambda root: _idx(root, "KMNIST"),
    "CIFAR10": _cifar,
    "ImageFolder": _image_folder,
    "SpeechCommands": _speech,
    "fer2013": _fer2013,
    "ravdess": _ravdess,
    "goemotions": _goemotions,
    "brighter": _brighter,
}

# Where a template adds nothing to the kit, one set of each form is enough.
CASES = [
    ("gene_network_pruning", "faces"),  # the first: the one of make test
    *(("fashion_mnist", name) for name in ("FashionMNIST", "mini", "KMNIST", "MNIST")),
    *(("self_replication", name) for name in ("digits", "mini", "MNIST")),
    *(("cell_division", name) for name in ("digits", "mini", "KMNIST")),
    *(("gene_network_pruning", name)
      for name in ("mini", "fer2013", "ravdess", "goemotions", "brighter")),
    *(("fine_pruning", name)
      for name in ("FashionMNIST", "FashionMNIST-noisy", "mini", "KMNIST", "MNIST", "CIFAR10",
                   "SpeechCommands", "ImageFolder")),
    *(("scaffold", name) for name in ("digits", "mini")),
]  # fmt: skip


def _first_fast(cases: Sequence[tuple[str, ...]]) -> list[Any]:
    """The cases; all but the first belong to `make test-all`."""
    first, *others = cases
    return [pytest.param(*first), *(pytest.param(*each, marks=pytest.mark.slow) for each in others)]


# ------------------------------------------------------------------------------------------------
# A run of the thief


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data cache of its own, so that nothing rests on what another test has laid there."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("BONSAI_DATA", str(folder))
    monkeypatch.setattr(torchvision().datasets.cifar, "check_integrity", lambda *_: True)
    kit_data._arrays.cache_clear()
    return folder


def _template(name: str, tmp_path: Path) -> Template:
    if name == "scaffold":
        return Template(create("a_new_one", tmp_path / "new"))
    folder = tmp_path / "original" / name
    ignored = shutil.ignore_patterns("cassettes", "run_*", "__pycache__")
    return Template(Path(shutil.copytree(TEMPLATES / name, folder, ignore=ignored)))


def _fit_out(data: str, cache: Path) -> None:
    if data in STAND_INS:
        STAND_INS[data](cache)
    source = data.removesuffix("-noisy")
    package = kit_data.PACKAGES.get(source)
    if package is not None and not package.is_dir():
        pytest.skip(f"{source} is not on this machine")


def _steal(
    template: Template, data: str, tmp_path: Path, *, walls: bool = True, **options: Any
) -> tuple[dict[str, Any], dict[str, float]]:
    """What the thief saw; and for each candidate the share of the labels that it has right.

    Which number stands for which class is no secret, so the best of all ways to name them counts.
    """
    packages = options.pop("packages", False)
    work = Path(shutil.copytree(template.folder, tmp_path / "work" / template.name))
    code = THIEF.read_text(encoding="utf-8")
    if packages:
        code = code.replace("PACKAGES_TOO = False", "PACKAGES_TOO = True")
    if not walls:  # not all of the machine, then
        places = (kit_data.data_folder(), Path(kit_data.__file__).parent)
        code = code.replace('ROOTS = ("/",)', f"ROOTS = {tuple(map(str, places))!r}")
    (work / "experiment.py").write_text(code, encoding="utf-8")
    with pytest.raises(RunFailed, match="it has nothing to hand in"):
        run_experiment(
            template, work, work / "run_1", data=data, seeds=SEEDS, log=tmp_path / "thief",
            machine=Machine(1, threading.Event(), walls=walls), **options,
        )  # fmt: skip
    told = json.loads((tmp_path / "thief.out").read_text().splitlines()[-1])
    judged = data if options.get("published") else template.scorer.judged(data)
    labels = _labels(template.scorer.load_truth(judged, False))
    with np.load(work / "run_1" / "candidates.npz", allow_pickle=False) as file:
        return told, {name: _agreement(file[name], labels) for name in file.files}


def _labels(truth: Any) -> npt.NDArray[Any]:
    """The test labels in a template's truth."""
    if hasattr(truth, "test"):
        return np.asarray(truth.test.labels)
    return np.asarray(truth.test_labels if hasattr(truth, "test_labels") else truth._labels["test"])


def _agreement(found: npt.NDArray[Any], labels: npt.NDArray[Any]) -> float:
    table = np.zeros((int(found.max()) + 1, int(labels.max()) + 1))
    np.add.at(table, (found.astype(int), labels.astype(int)), 1)
    rows, columns = linear_sum_assignment(table, maximize=True)
    return float(table[rows, columns].sum() / len(labels))


# ------------------------------------------------------------------------------------------------
# Within the walls


@needs_walls
@pytest.mark.parametrize(("name", "data"), _first_fast(CASES))
def test_it_finds_none(name: str, data: str, tmp_path: Path, cache: Path) -> None:
    template = _template(name, tmp_path)
    assert data in template.scorer.datasets
    _fit_out(data, cache)
    told, found = _steal(template, data, tmp_path)
    assert found, "it has at least guessed"
    best = max(found, key=lambda candidate: found[candidate])
    assert found[best] < GUESSED, best
    # Of the cache it saw the sets without labels, and what templates keep, for they may.
    assert told["cache"] == ["kept", "unlabelled"]
    assert told["searched"]["in the data cache"] >= 2, "mini and the digits"


@needs_walls
def test_every_data_set_of_every_template_is_looked_into() -> None:
    """But those that others have: where all data are the kit's, one of each form is enough."""
    for path in sorted(TEMPLATES.glob("*/score.py")):
        scorer = Template(path.parent).scorer
        looked_into = {data for name, data in CASES if name == path.parent.name}
        assert scorer.withholds_labels, path.parent.name
        if scorer.prepare or scorer.load_data is kit_data.load_images:
            assert looked_into == set(scorer.datasets), path.parent.name


@needs_walls
@pytest.mark.slow
def test_it_finds_none_in_the_system_and_among_packages(tmp_path: Path, cache: Path) -> None:
    _fit_out("FashionMNIST", cache)
    template = _template("fashion_mnist", tmp_path)
    told, found = _steal(template, "FashionMNIST", tmp_path, packages=True)
    assert max(found.values()) < GUESSED
    assert told["searched"]["elsewhere"] > 1000


# ------------------------------------------------------------------------------------------------
# The thief can find them


@needs_walls
@pytest.mark.parametrize(
    ("name", "data", "how"),
    _first_fast(
        [
            ("gene_network_pruning", "mini", "faces, drawn again"),
            ("gene_network_pruning", "ravdess", "in turn, 4 of each"),
            ("fine_pruning", "mini", "users, dealt again"),
        ]
    ),
)
def test_in_the_published_draw_it_finds_them(
    name: str, data: str, how: str, tmp_path: Path, cache: Path
) -> None:
    """As an experiment that is started by hand is tested; no run of a sweep is."""
    _fit_out(data, cache)
    _, found = _steal(_template(name, tmp_path), data, tmp_path, published=True)
    assert max(share for candidate, share in found.items() if how in candidate) > 0.9


@needs_walls
@pytest.mark.parametrize(
    ("data", "how"),
    _first_fast([("mini", "mini, drawn again"), ("digits", "digits, from their places")]),
)
def test_in_the_old_order_it_finds_them(
    data: str, how: str, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kit_data, "DRAWN_IN_PUBLIC", ())
    kit_data._arrays.cache_clear()
    try:
        _, found = _steal(_template("scaffold", tmp_path), data, tmp_path)
    finally:
        kit_data._arrays.cache_clear()
    assert max(share for name, share in found.items() if how in name) > 0.9


@needs_walls
@pytest.mark.parametrize(
    ("name", "data"),
    _first_fast(
        [
            ("fashion_mnist", "MNIST"),
            ("scaffold", "digits"),
            ("scaffold", "mini"),
            ("fine_pruning", "KMNIST"),
        ]
    ),
)
def test_without_the_walls_it_finds_them(name: str, data: str, tmp_path: Path, cache: Path) -> None:
    _fit_out(data, cache)
    _, found = _steal(_template(name, tmp_path), data, tmp_path, walls=False)
    assert max(found.values()) == 1.0


@needs_walls
@pytest.mark.parametrize(
    "form", _first_fast([("npz",), ("idx.gz",), ("csv",), ("pickle",), ("text",)])
)
def test_a_file_that_was_forgotten_is_found_in_any_form(
    form: str, tmp_path: Path, cache: Path
) -> None:
    template = _template("scaffold", tmp_path)
    labels = _labels(template.scorer.load_truth("digits", False)).astype(np.uint8)
    folder = cache / "kept" / "forgotten"
    folder.mkdir(parents=True)
    if form == "npz":
        np.savez(folder / "x.npz", y=labels)
    elif form == "idx.gz":
        import gzip

        (folder / "x.gz").write_bytes(
            gzip.compress(bytes([0, 0, 8, 1, 0, 0, 1, 104]) + labels.tobytes())
        )
    elif form == "pickle":
        (folder / "x").write_bytes(pickle.dumps({"labels": labels.tolist()}))
    else:
        mark = "," if form == "csv" else "/"
        lines = "\n".join(f"{place}{mark}{label}" for place, label in enumerate(labels))
        (folder / "x").write_text(lines)
    _, found = _steal(template, "digits", tmp_path)
    assert max(found.values()) == 1.0


# ------------------------------------------------------------------------------------------------
# Draws


def test_a_draw_is_the_same_for_idea_and_baseline_and_another_on_another_machine(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = _template("gene_network_pruning", tmp_path).scorer
    one, again, by_hand = (
        faces.load_truth(name, True).test for name in (faces.judged("mini"),) * 2 + ("mini",)
    )
    assert np.array_equal(one.inputs, again.inputs)
    assert not np.array_equal(one.inputs, by_hand.inputs)
    here = faces.judged("mini")
    monkeypatch.setenv("BONSAI_DATA", str(tmp_path / "another machine"))
    assert faces.judged("mini") != here
    with pytest.raises(kit_data.KitError, match="drawn with the key of another machine"):
        faces.load_truth(here, True)


def test_what_the_runner_prepares_is_what_training_may_see(tmp_path: Path, cache: Path) -> None:
    faces = _template("gene_network_pruning", tmp_path).scorer
    judged = faces.judged("mini")
    assert faces.prepare is not None
    given: Any = faces.load_data("mini", True, faces.prepare(judged, True, [0]))  # type: ignore[call-arg]
    truth = faces.load_truth(judged, True)
    assert given.name == truth.name == judged.replace("mini", "faces-mini-smoke")
    assert np.array_equal(given.test_inputs, truth.test.inputs)
    assert not any("label" in name for name in vars(given) if name.startswith("test"))
    by_hand: Any = faces.load_data("mini", True)
    assert np.array_equal(given.train.inputs, by_hand.train.inputs), "only the test part differs"
    assert replace(given, name="") is not given
