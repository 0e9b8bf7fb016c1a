"""What a template's code needs is told from its text, whatever way it says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from bonsai.templates import (
    calls_a_model,
    distribution,
    downloads,
    install,
    missing_by_error,
    missing_packages,
    modules,
    see_missing_packages,
)


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ("import json, os", []),
        ("import no_such_a.b as x", ["no_such_a"]),
        ("from no_such_a import b", ["no_such_a"]),
        ("def f():\n    import no_such_a", ["no_such_a"]),
        ("import no_such_a\nimport no_such_a", ["no_such_a"]),
        ("import importlib\nimportlib.import_module('no_such_a')", ["no_such_a"]),
        ("try:\n    import no_such_a\nexcept ImportError:\n    no_such_a = None", []),
        ("try:\n    import no_such_a\nexcept ImportError:\n    raise SystemExit", ["no_such_a"]),
        ("try:\n    import json\nexcept ImportError:\n    import no_such_a", []),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import no_such_a", []),
        ("import beside", []),
        ("from . import beside", []),
        ("import sys\nsys.path.append('lib')\nimport deep", []),
        ("syntax error(", []),
    ],
)
def test_packages_that_are_missing(source: str, missing: list[str], tmp_path: Path) -> None:
    folder = write(tmp_path, experiment=source, beside="", lib__deep="")
    assert missing_packages(folder) == missing


def test_what_modules_beside_it_import_counts_with_its_place(tmp_path: Path) -> None:
    folder = write(
        tmp_path, experiment="from models import net", models__net="import os\nimport no_such_a",
        unused="import no_such_b",
    )  # fmt: skip
    found = see_missing_packages(folder)
    assert [(sight.what, sight.where) for sight in found] == [
        ("no_such_a", "models/net.py, line 2")
    ]
    assert [module.name for module in modules(folder)] == ["experiment.py", "models/net.py"]


def test_a_script_that_it_starts_counts_and_its_main_part_too(tmp_path: Path) -> None:
    main = "if __name__ == '__main__':\n    import no_such_{}\n"
    folder = write(
        tmp_path, experiment="import beside\nrun(['python', 'train.py'])", beside=main.format("b"),
        train=main.format("t"),
    )  # fmt: skip
    assert missing_packages(folder) == ["no_such_t"]


def test_plot_counts_where_it_is_asked_for(tmp_path: Path) -> None:
    folder = write(tmp_path, experiment="", plot="import no_such_p")
    assert missing_packages(folder) == []
    assert missing_packages(folder, "experiment.py", "plot.py") == ["no_such_p"]


@pytest.mark.parametrize(
    ("source", "models"),
    [
        ("import openai", ["openai"]),
        ("from openai import OpenAI", ["openai"]),
        ("from google import genai", ["google.genai"]),
        ("import google.generativeai as genai", ["google.generativeai"]),
        ("from ai_scientist.llm import create_client", ["ai_scientist.llm"]),
        ("import openai_whisper", []),
        ("import torch", []),
    ],
)
def test_modules_that_ask_a_model(source: str, models: list[str], tmp_path: Path) -> None:
    assert calls_a_model(write(tmp_path, experiment=source)) == models


@pytest.mark.parametrize(
    ("source", "fetches"),
    [
        ("from torchvision.datasets import MNIST\nMNIST('d', download=True)", True),
        ("from torchvision.datasets import MNIST\nMNIST('d', download=False)", False),
        ("import requests\nrequests.get(url)", True),
        ("import urllib.request\nurllib.request.urlretrieve(url)", True),
        ("from datasets import load_dataset\nload_dataset('x')", True),
        ("from sklearn.datasets import load_digits\nload_digits()", False),
        ("from sklearn.datasets import fetch_openml\nfetch_openml('x')", True),
        ("A.from_pretrained('gpt2')", True),
        ("A.from_pretrained('./here')", False),
        ("A.from_pretrained('gpt2', local_files_only=True)", False),
        ("import os\nos.system('wget x')", True),
        ("print('wget x')", False),
        ("pandas.read_csv('https://x/y.csv')", True),
    ],
)
def test_what_fetches_something(source: str, fetches: bool, tmp_path: Path) -> None:
    assert bool(downloads(write(tmp_path, experiment=source))) == fetches


def test_what_is_to_be_installed_has_its_own_name() -> None:
    assert install(["sklearn", "cv2.dnn", "sklearn"]) == "pip install scikit-learn opencv-python"
    assert distribution("google.cloud.storage") == "google-cloud-storage"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Traceback\nModuleNotFoundError: No module named 'einops'", "einops"),
        ("ModuleNotFoundError: No module named 'a.b'\n", "a.b"),
        ("ValueError: No module named 'a'", None),
        ("", None),
    ],
)
def test_an_error_names_the_module_that_is_missing(text: str, name: str | None) -> None:
    assert missing_by_error(text) == name
