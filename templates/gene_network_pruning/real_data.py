"""Frozen: readers for four real sets of emotions, from files that somebody has put in place.

None of them may be shipped, so each reader takes a folder with the files as their owners publish
them, or, where it can, asks the Hugging Face package `datasets`. All give the seven classes of
faces.py, in their order; an item with several emotions or none of these is left out.

| name | what | condition | terms |
|---|---|---|---|
| fer2013 | 35,887 faces from the web, 48x48 | none | rules of Kaggle's challenge; do not share |
| ravdess | speech of 24 actors | voice, male or female | CC BY-NC-SA 4.0 |
| goemotions | Reddit comments, English | none | Apache-2.0; the comments are their authors' |
| brighter | short texts in 28 languages | language | CC BY 4.0 |
"""

import csv
import importlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import wavfile
from sklearn.feature_extraction.text import HashingVectorizer

from bonsai import kit

ANGRY, DISGUST, FEAR, HAPPY, SAD, SURPRISE, NEUTRAL = range(7)
PARTS = ("train", "val", "test")
TEXT_FEATURES = 1024  # hashed character n-grams

# For each part: features (N, D) float32, labels (N,), conditions (N,); and names of the conditions.
Raw = tuple[dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]], tuple[str, ...]]


def read(name: str, folder: Path) -> Raw:
    """A real data set from `folder`.

    Raises:
        kit.KitError: its files are not there, or hold something else.
    """
    reader = {
        "fer2013": fer2013,
        "ravdess": ravdess,
        "goemotions": goemotions,
        "brighter": brighter,
    }
    try:
        return reader[name](folder)
    except (ValueError, KeyError, IndexError, OSError, UnicodeError) as error:
        raise kit.KitError(f"--data {name}: {folder} cannot be read ({error!r})") from error


# ------------------------------------------------------------------------------------------------
# Faces


def fer2013(folder: Path) -> Raw:
    """FER-2013 where torchvision looks for it: `fer2013.csv`, or `icml_face_data.csv`.

    Public test faces are for validation, private ones for the test. Images are halved to 24x24.
    """
    path = next(
        (
            folder / name
            for name in ("fer2013.csv", "icml_face_data.csv")
            if (folder / name).is_file()
        ),
        None,
    )
    if path is None:
        raise kit.KitError(
            f"--data fer2013: put fer2013.csv or icml_face_data.csv of Kaggle's challenge into "
            f"{folder}"
        )
    part_of = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
    images: dict[str, list[np.ndarray]] = {part: [] for part in PARTS}
    labels: dict[str, list[int]] = {part: [] for part in PARTS}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file, skipinitialspace=True):
            part = part_of[row["Usage"]]
            image = np.array(row["pixels"].split(), dtype=np.float32).reshape(24, 2, 24, 2)
            images[part].append(image.mean(axis=(1, 3)).ravel() / 255)
            labels[part].append(int(row["emotion"]))
    return {part: _single(np.stack(images[part]), np.array(labels[part])) for part in PARTS}, (
        "all",
    )


def _single(features: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return features, labels, np.zeros_like(labels)


# ------------------------------------------------------------------------------------------------
# Voices

RAVDESS = {1: NEUTRAL, 2: NEUTRAL, 3: HAPPY, 4: SAD, 5: ANGRY, 6: FEAR, 7: DISGUST, 8: SURPRISE}
RAVDESS_NAME = re.compile(r"03-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)\.wav")  # audio only


def ravdess(folder: Path) -> Raw:
    """RAVDESS: `Actor_01/03-01-05-02-01-01-01.wav` and so on, speech only.

    The third number is the emotion ("calm" is taken for neutral), the last the actor; even ones
    have female voices. Actors 17 to 20 are for validation, 21 to 24 for the test.
    """
    found: dict[str, list[tuple[np.ndarray, int, int]]] = {part: [] for part in PARTS}
    for path in sorted(folder.rglob("*.wav")):
        name = RAVDESS_NAME.fullmatch(path.name)
        if name is None or name.group(1) != "01":  # 02 is song
            continue
        emotion, actor = int(name.group(2)), int(name.group(6))
        part = "train" if actor <= 16 else "val" if actor <= 20 else "test"
        rate, sound = wavfile.read(path)
        found[part].append((log_mel(sound, rate), RAVDESS[emotion], 1 - actor % 2))
    if not all(found.values()):
        raise kit.KitError(
            f"--data ravdess: put Actor_01 to Actor_24 of RAVDESS's speech files into {folder}"
        )
    parts = {
        part: (np.stack([f for f, _, _ in rows]), np.array([label for _, label, _ in rows]),
               np.array([condition for _, _, condition in rows]))
        for part, rows in found.items()
    }  # fmt: skip
    return parts, ("male voice", "female voice")


def log_mel(sound: np.ndarray, rate: int, bands: int = 64, pieces: int = 8) -> np.ndarray:
    """Log energies in mel bands: mean of each of `pieces` parts in time, and the deviation; (576,).

    Mel scale after O'Shaughnessy (1987), 2595 log10(1 + f/700), up to 8 kHz; windows of 32 ms.
    """
    samples = sound.astype(np.float32)
    samples = samples.mean(axis=1) if samples.ndim > 1 else samples
    if np.issubdtype(sound.dtype, np.integer):
        samples = samples / np.iinfo(sound.dtype).max
    size, hop = int(0.032 * rate), int(0.016 * rate)
    if len(samples) < size * pieces:
        raise ValueError(f"a sound of {len(samples)} samples is too short")
    frames = np.lib.stride_tricks.sliding_window_view(samples, size)[::hop]
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(size))))  # (T, F)
    highest = 2595 * np.log10(1 + min(8000, rate / 2) / 700)
    edges = 700 * (10 ** (np.linspace(0, highest, bands + 2) / 2595) - 1)
    frequencies = np.fft.rfftfreq(size, 1 / rate)
    rise = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    energies = np.log(power @ np.clip(np.minimum(rise, fall), 0, None).T + 1e-6)  # (T, bands)
    means = [piece.mean(axis=0) for piece in np.array_split(energies, pieces)]
    return np.concatenate([*means, energies.std(axis=0)]).astype(np.float32)


# ------------------------------------------------------------------------------------------------
# Texts

GOEMOTIONS = (  # the 28 labels in the published order, grouped after Ekman as their authors do
    HAPPY, HAPPY, ANGRY, ANGRY, HAPPY, HAPPY, SURPRISE, SURPRISE, HAPPY, SAD, ANGRY, DISGUST, SAD,
    HAPPY, FEAR, HAPPY, SAD, HAPPY, HAPPY, FEAR, HAPPY, HAPPY, SURPRISE, HAPPY, SAD, SAD, SURPRISE,
    NEUTRAL,
)  # fmt: skip
BRIGHTER = {"anger": ANGRY, "disgust": DISGUST, "fear": FEAR, "joy": HAPPY, "sadness": SAD,
            "surprise": SURPRISE}  # fmt: skip
LANGUAGES = ("eng", "deu", "rus", "hin", "hau", "ptbr")  # fetched when no folder is there


def goemotions(folder: Path) -> Raw:
    """GoEmotions: `train.tsv`, `dev.tsv`, `test.tsv` (text, label numbers, id), or from the Hub."""
    parts = {}
    for part, name in zip(PARTS, ("train", "dev", "test"), strict=True):
        path = folder / f"{name}.tsv"
        rows: Iterable[tuple[str, Iterable[int]]]
        if path.is_file():
            with path.open(newline="", encoding="utf-8") as file:
                rows = [
                    (row[0], [int(number) for number in row[1].split(",")])
                    for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
                ]
        else:
            split = {"val": "validation"}.get(part, part)
            table = _hub("google-research-datasets/go_emotions", "simplified", folder)[split]
            rows = zip(table["text"], table["labels"], strict=True)
        kept = [(text, {GOEMOTIONS[number] for number in numbers}) for text, numbers in rows]
        kept = [(text, emotions) for text, emotions in kept if len(emotions) == 1]
        labels = np.array([next(iter(emotions)) for _, emotions in kept])
        parts[part] = _single(hashed([text for text, _ in kept]), labels)
    return parts, ("all",)


def brighter(folder: Path) -> Raw:
    """BRIGHTER: a folder per language with `train-*.parquet`, `dev-*`, `test-*`, or `train.csv` ...

    The columns are id, text and one of 0 and 1 for each emotion; a language may lack an emotion.
    """
    languages = (
        sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    )
    parts: dict[str, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {part: [] for part in PARTS}
    names = tuple(languages) or LANGUAGES
    for condition, language in enumerate(names):
        for part, name in zip(PARTS, ("train", "dev", "test"), strict=True):
            table = _columns(folder / language, name)
            if table is None:
                table = _hub("brighter-dataset/BRIGHTER-emotion-categories", language, folder)[name]
            texts, labels = single_emotion(table)
            parts[part].append((hashed(texts), labels, np.full(len(labels), condition)))
    joined = {
        part: tuple(np.concatenate([row[i] for row in rows]) for i in range(3))
        for part, rows in parts.items()
    }
    return joined, names  # type: ignore[return-value]


def single_emotion(table: Mapping[str, Any]) -> tuple[list[str], np.ndarray]:
    """Texts with exactly one emotion, or none (neutral), and their labels."""
    texts = [str(text) for text in table["text"]]
    marks = np.zeros((len(texts), 6), dtype=int)
    for column, (name, label) in enumerate(BRIGHTER.items()):
        assert column == label
        if name in _names(table):
            marks[:, label] = [int(value or 0) for value in table[name]]
    count = marks.sum(axis=1)
    labels = np.where(count == 0, NEUTRAL, marks.argmax(axis=1))[count <= 1]
    return [text for text, one in zip(texts, count <= 1, strict=True) if one], labels


def hashed(texts: list[str]) -> np.ndarray:
    """Hashed counts of 2- to 4-grams of characters inside words, (N, 1024), of length one each."""
    vectoriser = HashingVectorizer(analyzer="char_wb", ngram_range=(2, 4), n_features=TEXT_FEATURES)
    return np.asarray(vectoriser.transform(texts).toarray(), dtype=np.float32)


def _names(table: Any) -> Iterable[str]:
    return table.column_names if hasattr(table, "column_names") else table.keys()


def _columns(folder: Path, part: str) -> Mapping[str, Any] | None:
    """The columns of `part-*.parquet` or `part.csv`; None where neither is there."""
    if path := next(iter(sorted(folder.glob(f"{part}*.parquet"))), None):
        try:
            parquet = importlib.import_module("pyarrow.parquet")
        except ImportError as error:
            raise kit.KitError(f"{path} is parquet; `pip install pyarrow` reads it") from error
        return parquet.read_table(path).to_pydict()  # type: ignore[no-any-return]
    path = folder / f"{part}.csv"
    if not path.is_file():
        return None
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: [row[name] for row in rows] for name in rows[0]}


def _hub(name: str, config: str, folder: Path) -> Any:
    """All splits of a data set of the Hugging Face Hub."""
    try:
        datasets = importlib.import_module("datasets")
    except ImportError as error:
        raise kit.KitError(
            f"{name} is not in {folder}; put its files there, or `pip install datasets` fetches it"
        ) from error
    return datasets.load_dataset(name, config)
