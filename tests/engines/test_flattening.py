"""Several modules become one file that does the same, whatever they call things."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bonsai.base import BonsaiError
from bonsai.engines.flattening import Sources, flatten


def _flat(folder: Path, last: str, **modules: str) -> str:
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    return flatten(Sources(folder, {"last": last}, {}), [], "last")


def _run(text: str) -> dict[str, Any]:
    scope: dict[str, Any] = {}
    exec(compile(text, "runfile.py", "exec"), scope)
    return scope


def test_names_that_mean_two_things_are_told_apart(tmp_path: Path) -> None:
    text = _flat(
        tmp_path,
        "import one\nimport two\nfrom one import value as first\n"
        "result = (one.value, first, two.ask())",
        one="value = 1\n",
        two="value = 2\n\n\ndef ask():\n    return value\n",
    )  # fmt: skip
    assert _run(text)["result"] == (1, 1, 2)
    assert "two_value = 2" in text
    assert "return two_value" in text


def test_a_local_name_does_not_hide_what_a_module_was_asked_for(tmp_path: Path) -> None:
    text = _flat(
        tmp_path,
        "import tools\n\n\ndef f():\n    device = tools.device()\n    return device\n"
        "\n\nresult = f()",
        tools='def device():\n    return "cpu"\n',
    )
    assert "device = tools_device()" in text
    assert _run(text)["result"] == "cpu"


def test_a_modules_own_round_is_not_pythons(tmp_path: Path) -> None:
    text = _flat(
        tmp_path,
        "import odd\nresult = (round(2.6), odd.round(2.6))",
        odd='def round(x):\n    return "odd"\n',
    )
    assert _run(text)["result"] == (3, "odd")


def test_formatted_strings_and_comments_stay_as_they_were_written(tmp_path: Path) -> None:
    text = _flat(
        tmp_path,
        "import one, two\n\n\ndef f(x):\n"
        '    return f"{two.unit} {x:{two.width}} two.unit"  # said so\n'
        "\n\nresult = f(1)\nrest = one.unit",
        one='unit = "m"\n',
        two='unit = "s"  # seconds\nwidth = 3\n',
    )
    assert 'two_unit = "s"  # seconds' in text
    assert _run(text)["result"] == "s   1 two.unit"


def test_only_what_is_needed_is_there(tmp_path: Path) -> None:
    text = _flat(
        tmp_path,
        "from one import used\nresult = used()",
        one=(
            "import json\nimport math\n\n# an unused one\ndef unused():\n    return json\n\n\n"
            "# it is needed\ndef used():\n    return math.pi\n"
        ),
    )
    assert "unused" not in text
    assert "import json" not in text
    assert "# it is needed\ndef used" in text
    assert _run(text)["result"] > 3


def test_what_acts_is_kept_and_what_is_loaded_by_path_is_the_same_module(tmp_path: Path) -> None:
    text = _flat(
        tmp_path,
        "import score\nresult = score.score()",
        score=(
            "import runpy\nfrom pathlib import Path\nfrom types import SimpleNamespace\n"
            'tools = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("tools.py"))))\n'
            "\n\ndef score():\n    return tools.TABLE\n"
        ),
        tools='TABLE = {}\nTABLE["a"] = 1\nfor name in ("b", "c"):\n    TABLE[name] = 2\n',
    )
    assert "runpy" not in text
    assert _run(text)["result"] == {"a": 1, "b": 2, "c": 2}


def test_imports_within_functions_and_annotations_of_later_classes_work(tmp_path: Path) -> None:
    text = _flat(
        tmp_path,
        "import one\nresult = one.Node().next().name()",
        one=(
            "from __future__ import annotations\n\n\nclass Node:\n"
            "    def next(self) -> Leaf | None:\n        from two import word\n\n"
            "        return Leaf(word)\n\n\nclass Leaf:\n"
            "    def __init__(self, text: str) -> None:\n        self.text = text\n\n"
            "    def name(self) -> str:\n        return self.text\n"
        ),
        two='word = "leaf"\n',
    )
    assert '-> "Leaf | None":' in text
    assert "from two" not in text
    assert _run(text)["result"] == "leaf"


def test_a_global_that_a_function_sets_is_the_modules(tmp_path: Path) -> None:
    text = _flat(
        tmp_path,
        "import one, two\none.set(5)\nresult = (one.get(), two.state)",
        one=(
            "state = 0\n\n\ndef set(value):\n    global state\n    state = value\n\n\n"
            "def get():\n    return state\n"
        ),
        two="state = 7\n",
    )
    assert _run(text)["result"] == (5, 7)


@pytest.mark.parametrize(
    ("module", "told"),
    [
        ("import last_one as other\nx = vars(other)\n", "hands on the module"),
        ("from last_one import *\nx = 1\n", "cannot be written into one file"),
        ("from pathlib import Path\nx = Path(__file__)\n", "asks where its own file lies"),
        ("def x(:\n", "does not parse"),
    ],
)
def test_what_takes_several_files_is_told(tmp_path: Path, module: str, told: str) -> None:
    (tmp_path / "last_one.py").write_text("y = 1\n")
    with pytest.raises(BonsaiError, match=told):
        _flat(tmp_path, "import one\nprint(one.x)", one=module)
