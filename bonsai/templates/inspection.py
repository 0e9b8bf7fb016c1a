"""What the code of a template needs, told from its text: packages, a model, the network.

Nothing is run. Read are `experiment.py`, what it imports from its own folder, and the scripts there
that it names.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bonsai.templates.modules import Local, Module, imports, is_namespace, lacking, modules, reached

# Of distributions whose name is not that of what they are imported as.
DISTRIBUTIONS = {
    "absl": "absl-py", "attr": "attrs", "Bio": "biopython", "bs4": "beautifulsoup4",
    "Crypto": "pycryptodome", "cv2": "opencv-python", "dateutil": "python-dateutil",
    "docx": "python-docx", "dotenv": "python-dotenv", "faiss": "faiss-cpu", "fitz": "PyMuPDF",
    "git": "GitPython", "google.genai": "google-genai",
    "google.generativeai": "google-generativeai", "google.protobuf": "protobuf",
    "googleapiclient": "google-api-python-client", "hydra": "hydra-core", "IPython": "ipython",
    "kornia_rs": "kornia-rs", "langchain_core": "langchain-core",
    "langchain_openai": "langchain-openai", "lightning_fabric": "lightning",
    "llama_index": "llama-index", "mpl_toolkits": "matplotlib",
    "npeet": "git+https://github.com/gregversteeg/NPEET.git", "OpenGL": "PyOpenGL", "ot": "POT",
    "PIL": "pillow", "pkg_resources": "setuptools", "psycopg2": "psycopg2-binary",
    "pylab": "matplotlib", "pytorch_lightning": "pytorch-lightning", "ruamel": "ruamel.yaml",
    "sentence_transformers": "sentence-transformers", "serial": "pyserial",
    "skimage": "scikit-image", "sklearn": "scikit-learn", "skopt": "scikit-optimize",
    "sksurv": "scikit-survival", "stable_baselines3": "stable-baselines3",
    "tensorflow_datasets": "tensorflow-datasets",
    "tensorflow_probability": "tensorflow-probability", "torch_geometric": "torch-geometric",
    "torch_scatter": "torch-scatter", "torch_sparse": "torch-sparse", "umap": "umap-learn",
    "yaml": "pyyaml", "zmq": "pyzmq",
}  # fmt: skip
# Modules through which a program asks a model that is served elsewhere.
MODEL_MODULES = (
    "openai", "anthropic", "litellm", "aider", "google.generativeai", "google.genai", "vertexai",
    "cohere", "mistralai", "groq", "together", "ollama", "replicate", "dashscope", "zhipuai",
    "fireworks", "xai_sdk", "azure.ai.inference", "langchain", "langchain_openai",
    "langchain_anthropic", "langchain_google_genai", "langchain_community.chat_models",
    "llama_index", "dspy", "autogen", "instructor", "ai_scientist.llm",
)  # fmt: skip
# Calls that fetch something, by the full name of what is called.
FETCHES = re.compile(
    r"""requests\.(get|post|put|head|request|Session)|httpx\.\w+|aiohttp\.ClientSession
    |urllib\.request\.(urlopen|urlretrieve)|urllib3\.\w+|http\.client\.HTTPS?Connection
    |wget\.download|gdown\.\w+|kagglehub\.\w+|kaggle\.\w.*|openml\..+|yfinance\.\w+|nltk\.download
    |huggingface_hub\.(hf_hub_download|snapshot_download|\w*InferenceClient|HfApi)
    |datasets\.load_dataset|evaluate\.load|tensorflow_datasets\.load|tiktoken\.get_encoding
    |tiktoken\.encoding_for_model|gensim\.downloader\.load|spacy\.cli\.download
    |torch\.hub\.(load|load_state_dict_from_url|download_url_to_file)
    |torchvision\.datasets\.utils\.download\w*|sklearn\.datasets\.fetch_\w+
    |(tensorflow\.)?keras\.datasets\.\w+\.load_data
    |ogb\..+Dataset|torch_geometric\.datasets\.\w+|sentence_transformers\.SentenceTransformer""",
    re.VERBOSE,
)
COMMANDS = re.compile(r"\s*(wget|curl|git clone|pip3? install|huggingface-cli|kaggle)(\s|$)")
ADDRESS = re.compile(r"(https?|ftp|hf|s3|gs)://")


@dataclass(frozen=True)
class Sight:
    """Something in a template's code.

    Attributes:
        what: what it is.
        file: where it stands, from the template's folder.
        line: the line there.
    """

    what: str
    file: str
    line: int

    @property
    def where(self) -> str:
        """File and line, for people."""
        return f"{self.file}, line {self.line}"


# ------------------------------------------------------------------------------- what others ask


def missing_packages(folder: Path, *starts: str) -> list[str]:
    """Names of what a template's code imports and this Python does not have.

    Left out is what lies beside the code, and what the code can do without: an import whose failure
    it catches.

    Args:
        folder: the template, or a copy of it.
        starts: the files that are run; by default `experiment.py`.
    """
    return _names(see_missing_packages(folder, *starts))


def calls_a_model(folder: Path) -> list[str]:
    """Names of the modules through which a template's experiment asks a model."""
    return _names(see_model_calls(folder))


def downloads(folder: Path) -> list[str]:
    """What suggests that a template's experiment fetches something from the network."""
    return _names(see_downloads(folder))


def see_missing_packages(folder: Path, *starts: str) -> list[Sight]:
    """Every import of what `missing_packages` names, with its place."""
    found = []
    local = Local(folder)
    for module in modules(folder, *starts):
        for name, names, line, is_caught in imports(module):
            if is_caught or name.startswith(".") or local.files(module, name, names):
                continue
            wanted = [f"{name}.{each}" for each in names] if names else [name]
            for full in wanted if is_namespace(name) else [name]:
                if (gap := lacking(full)) is not None:
                    found.append(Sight(gap, module.name, line))
    return found


def see_model_calls(folder: Path) -> list[Sight]:
    """Every import of what `calls_a_model` names, with its place."""
    found = []
    local = Local(folder)
    for module in modules(folder):
        for name, names, line, _ in imports(module):
            if name.startswith(".") or local.files(module, name, names):
                continue
            full = [name, *(f"{name}.{each}" for each in names)]
            asked = next((model for model in MODEL_MODULES for each in full
                          if f"{each}.".startswith(f"{model}.")), None)  # fmt: skip
            if asked:
                found.append(Sight(asked, module.name, line))
    return found


def see_downloads(folder: Path) -> list[Sight]:
    """Every call of what `downloads` names, with its place."""
    local = Local(folder)
    found = []
    for module in modules(folder):
        called = _called_names(module, local)
        for node, _ in reached(module):
            if isinstance(node, ast.Call) and (what := _fetch(node, called, folder)):
                found.append(Sight(what, module.name, node.lineno))
    return found


def install(names: Iterable[str]) -> str:
    """The command that installs packages, by the names that code imports them by."""
    return f"pip install {' '.join(dict.fromkeys(map(distribution, names)))}"


def distribution(name: str) -> str:
    """What is to be installed, so that a module of this name can be imported."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        if (known := DISTRIBUTIONS.get(".".join(parts[:length]))) is not None:
            return known
    return parts[0] if parts[0] != "google" else "-".join(parts[:3])


def missing_by_error(text: str) -> str | None:
    """The module that a program's error says is missing, in its last line; None if it says none."""
    last = text.strip().splitlines()[-1:] or [""]
    told = re.match(r"(?:ModuleNotFoundError|ImportError): No module named '?([\w.]+)", last[0])
    return told[1] if told else None


# ------------------------------------------------------------------------------ what is fetched


def _called_names(module: Module, local: Local) -> dict[str, str]:
    """What each imported name stands for in full, but for those of local modules."""
    known: dict[str, str] = {}
    for node, _ in reached(module):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if not local.files(module, alias.name, ()):
                    first = alias.name.split(".")[0]
                    known[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            if local.files(module, node.module, ()):
                continue
            for alias in node.names:
                known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return known


def _full_name(node: ast.expr, called: dict[str, str]) -> str:
    """What is called, in full; empty if that cannot be told."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([called.get(node.id, ""), *reversed(parts)])


def _fetch(node: ast.Call, called: dict[str, str], folder: Path) -> str:
    """What a call fetches, for people; empty if it does not seem to."""
    name = _full_name(node.func, called)
    shown = name.lstrip(".") or ast.unparse(node.func)[-60:]
    words = {word.arg: word.value for word in node.keywords}
    if _is_true(words.get("local_files_only")):
        return ""
    if "download" in words and not _is_false(words["download"]):
        return f"{shown}(download={ast.unparse(words['download'])[:30]})"
    if FETCHES.fullmatch(name):
        return shown
    first = next((_text(each) for each in node.args), None)
    if isinstance(node.func, ast.Attribute) and node.func.attr == "from_pretrained":
        return "" if first and _is_path(first, folder) else shown
    if _is_true(words.get("pretrained")):
        return f"{shown}(pretrained=True)"
    if first and ADDRESS.match(first):
        return f"{shown}({first[:60]!r})"
    if first and COMMANDS.match(first) and not shown.endswith(("print", "add_argument")):
        return first.strip()[:60]
    return ""


def _text(node: ast.expr) -> str | None:
    """The text of a string, or of its beginning, or of the first part of a list."""
    if isinstance(node, ast.JoinedStr | ast.List | ast.Tuple):
        inner = node.values if isinstance(node, ast.JoinedStr) else node.elts
        return _text(inner[0]) if inner else None
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _is_path(text: str, folder: Path) -> bool:
    return text.startswith((".", "/", "~")) or ("\0" not in text and (folder / text).exists())


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and not node.value


def _names(sights: Iterable[Sight]) -> list[str]:
    return list(dict.fromkeys(sight.what for sight in sights))
