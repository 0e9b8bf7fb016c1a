"""Where templates are: where a person stands, shipped with Bonsai, in packages of others.

Another package offers templates by entry points of the group `bonsai.templates`: to the left the
template's name, to the right the package that is its folder. Nothing of it is imported to find it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import bonsai
from bonsai.base import BonsaiError
from bonsai.templates.template import Template

GROUP = "bonsai.templates"
OURS = ("bonsai", "bonsai-experiments")  # the package, and the distribution that holds it
_PACKAGE = Path(bonsai.__file__).resolve().parent
# What lies at the top of the repository; an installed package has it in a folder of its own.
HOME = pack if (pack := _PACKAGE / "pack").is_dir() else _PACKAGE.parent


@dataclass(frozen=True)
class Offer:
    """A template that a package ships.

    Attributes:
        template: where it lies.
        packages: the names before the `/` by which it is found whatever else is there.
        origin: the distribution and its version, for people.
    """

    template: Template
    packages: tuple[str, ...]
    origin: str

    @property
    def full_name(self) -> str:
        """The name that always means this one."""
        return f"{self.packages[0]}/{self.template.name}"


@dataclass(frozen=True)
class Listed:
    """A template within reach.

    Attributes:
        template: where it lies.
        name: the shortest name by which it is found.
        origin: the package that ships it; empty where it lies in the folder of templates.
    """

    template: Template
    name: str
    origin: str


def templates_folder() -> Path:
    """`./templates` where it is there, else the one that comes with Bonsai."""
    here = Path("templates").resolve()
    return here if here.is_dir() else HOME / "templates"


def folder_for_new() -> Path:
    """Where a new template goes: `./templates`, else the repository's, else the current folder."""
    folder = templates_folder()
    return Path.cwd() if folder.is_relative_to(_PACKAGE) else folder


def idea_file(name: str) -> Path:
    """The file of ideas that is meant: the one that is there, else the one of that name shipped."""
    shipped = HOME / name
    return shipped if not Path(name).exists() and shipped.is_file() else Path(name)


def find_templates(names: list[str] | None = None) -> list[Template]:
    """The templates of these names or paths; without names, all in the folder of templates.

    A name is looked for in that folder, as a path, among those that come with Bonsai, and among
    those of other packages; `package/name` means that of one package. What is named twice is taken
    once.

    Raises:
        BonsaiError: one is not there.
    """
    root = templates_folder()
    if names:
        return list(dict.fromkeys(_find_one(name, root) for name in names))
    if found := _in_folder(root):
        return found
    raise BonsaiError(
        f"no template in {root}; name one that comes with Bonsai "
        f"({', '.join(template.name for template in _in_folder(HOME / 'templates'))}), or a "
        "template's folder"
    )


def list_templates() -> tuple[list[Listed], list[str]]:
    """All templates that a name reaches, and a sentence for each offer that is broken."""
    offers, broken = offered()
    found = [Listed(template, template.name, "") for template in _in_folder(templates_folder())]
    taken = {listed.template.folder for listed in found}
    names = {listed.name for listed in found}
    for offer in [*_shipped(), *offers]:
        if offer.template.folder not in taken:
            name = offer.template.name
            found.append(
                Listed(offer.template, offer.full_name if name in names else name, offer.origin)
            )
            names.add(name)
    return found, broken


def offered() -> tuple[list[Offer], list[str]]:
    """The templates that other packages ship, and a sentence for each that cannot be had."""
    offers, broken = [], []
    points = metadata.entry_points(group=GROUP)
    for point in sorted(points, key=lambda point: (_distribution(point), point.name)):
        try:
            offers.append(_offer(point))
        except Exception as error:  # what others installed may be broken in any way
            broken.append(
                f"the template {point.name!r} of the package {_distribution(point)} is left out: "
                f"{error}"
            )
    return offers, broken


def _offer(point: metadata.EntryPoint) -> Offer:
    if not re.fullmatch(r"[\w-][\w.-]*", point.name):
        raise BonsaiError("its name holds more than letters, digits, _, - and .")
    if not re.fullmatch(r"[\w.]+", point.value.strip()):
        raise BonsaiError(f"its entry point is {point.value!r}, and should name a package alone")
    module = point.value.strip()
    folder = _folder_of(module)
    package = module.split(".")[0]
    distribution = _distribution(point)
    version = f" {point.dist.version}" if point.dist else ""
    template = Template(folder, called=None if folder.name == point.name else point.name)
    return Offer(template, (distribution, package), f"{distribution}{version}")


def _distribution(point: metadata.EntryPoint) -> str:
    return str(point.dist.name) if point.dist else point.value.split(".")[0]


def _folder_of(module: str) -> Path:
    """The folder of a package, found without importing it, nor any package that it lies in."""
    top, *below = module.split(".")
    spec = find_spec(top)
    places = (spec.submodule_search_locations if spec else None) or []
    for place in places:
        folder = Path(place, *below)
        if (folder / "experiment.py").is_file():
            return folder.resolve()
    where = ", ".join(str(Path(place, *below)) for place in places)
    raise BonsaiError(
        f"{where} holds no experiment.py" if where else f"there is no package {top!r}"
    )


def _shipped() -> list[Offer]:
    """Those that come with Bonsai."""
    origin = f"{OURS[1]} {bonsai.__version__}"
    return [Offer(template, OURS, origin) for template in _in_folder(HOME / "templates")]


def _in_folder(folder: Path) -> list[Template]:
    return [Template(path.parent) for path in sorted(folder.glob("*/experiment.py"))]


def _find_one(name: str, root: Path) -> Template:
    for folder in (root / name, Path(name), HOME / "templates" / name):
        if (folder / "experiment.py").is_file():
            return Template(folder.resolve())
    offers, broken = offered()
    package, _, short = name.rpartition("/")
    for offer in [*_shipped(), *offers]:
        if offer.template.name == (short if package else name) and (
            not package or _same(package, offer.packages)
        ):
            return offer.template
    known = ", ".join(listed.name for listed in list_templates()[0])
    raise BonsaiError(
        f"no template {name!r}: neither {root / name} nor {name} holds experiment.py, and no "
        f"package offers it (known: {known})" + "".join(f"; {sentence}" for sentence in broken)
    )


def _same(package: str, names: tuple[str, ...]) -> bool:
    """Names of packages are the same whatever their case, and with - or _ (PEP 503)."""
    plain = re.compile(r"[-_.]+")
    return plain.sub("-", package).lower() in {plain.sub("-", name).lower() for name in names}
