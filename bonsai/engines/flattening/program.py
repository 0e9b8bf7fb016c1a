"""Several modules as one file: what is needed of them, in order, as it is written there.

Names that mean two things in two modules are told apart by the module's name in front; whatever
else is changed is checked, statement by statement, against the same change of the syntax tree.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections.abc import Iterable, Iterator, Sequence

from bonsai.base import BonsaiError
from bonsai.engines.flattening.rewriting import Resolved, rewrite
from bonsai.engines.flattening.sources import External, Own, Source, Sources, Unit, Whole

Symbol = Own | External
BUILTINS = frozenset(dir(builtins))
WIDTH = 100


def flatten(sources: Sources, first: Sequence[str], last: str, *, main: str | None = None) -> str:
    """The text of a program that was several modules.

    Args:
        sources: where the modules are.
        first: modules that are taken whole, and come first.
        last: the module that is run; all that it needs comes before it.
        main: the module whose `if __name__ == "__main__":` is run, before `last`.

    Raises:
        BonsaiError: a module cannot be read, or does what can only be done with several.
    """
    return _Flattening(sources, first, last, main).text()


class _Flattening:
    def __init__(self, sources: Sources, first: Sequence[str], last: str, main: str | None) -> None:
        self.sources = sources
        self.main = main
        done = set(first)
        before = _in_order(sources, main, done) if main else []
        self.modules = [*first, *before, *_in_order(sources, last, done)]
        self.whole = {*first, last}
        self.units = {
            Own(module, name): [unit for unit in self._all_units(module) if name in unit.binds]
            for module in self.modules
            for unit in self._all_units(module)
            for name in unit.binds
        }
        self.resolved: dict[Unit, list[Resolved]] = {}
        self.symbols: dict[Symbol, None] = {}
        self._find_live()
        self.order = [u for m in self.modules for u in self._all_units(m) if u in self.resolved]
        self.names = self._name()

    def _all_units(self, module: str) -> list[Unit]:
        source = self.sources[module]
        return [*source.units, *(source.main if module == self.main else [])]

    # ------------------------------------------------------------------------------ what is needed

    def _find_live(self) -> None:
        waiting = [
            unit
            for module in self.modules
            for unit in self._all_units(module)
            if module in self.whole | {self.main} or (unit.acts and not module.startswith("bonsai"))
        ]
        while waiting:
            unit = waiting.pop()
            if unit in self.resolved:
                continue
            self.resolved[unit] = list(self._resolve(unit))
            for name in unit.binds:
                self.symbols.setdefault(Own(unit.module, name))
            for each in self.resolved[unit]:
                self.symbols.setdefault(each.symbol)
                if isinstance(each.symbol, Own):
                    waiting += self.units.get(each.symbol, [])

    def _resolve(self, unit: Unit) -> Iterator[Resolved]:
        """What the references of a unit mean, those that are of modules of the program alone."""
        own = self.sources[unit.module].bindings
        for reference in unit.seen.references:
            binding = reference.meant or own.get(reference.parts[0])
            found, used = self.sources.follow(binding, reference.parts)  # type: ignore[arg-type]
            if isinstance(found, Whole):
                raise BonsaiError(
                    f"{self.sources[unit.module].path}:{reference.nodes[0].lineno} hands on the "
                    f"module {found.module} itself, which one file cannot have; take names from it"
                )
            if isinstance(found, Own | External):
                yield Resolved(reference, found, used)
        for statement in unit.seen.globals:
            for name in statement.names:
                if name not in own:
                    own[name] = Own(unit.module, name)

    # --------------------------------------------------------------------------------------- names

    def _name(self) -> dict[Symbol, str]:
        """What each name is called in the one file."""
        hidden: dict[Symbol, set[str]] = {}
        for references in self.resolved.values():
            for each in references:
                hidden.setdefault(each.symbol, set()).update(each.reference.hidden)
        seen = {word for unit in self.order for word in re.findall(r"\w+", unit.text)}
        names: dict[Symbol, str] = {}
        taken: dict[str, Symbol] = {}
        for symbol in sorted(self.symbols, key=self._rank):
            name = symbol.name
            shared = taken.get(name)
            together = (
                isinstance(symbol, External)
                and isinstance(shared, External)
                and symbol.plain
                and shared.plain
            )
            free = name not in taken and name not in BUILTINS
            if not (together or free) or name in hidden.get(symbol, ()):
                prefix = symbol.module.rpartition(".")[2]
                name = f"{prefix}_{name.strip('_')}"
                while name in taken or name in seen or name in BUILTINS:
                    name += "_"
            taken.setdefault(name, symbol)
            names[symbol] = name
        return names

    def _rank(self, symbol: Symbol) -> tuple[int, int]:
        """Who has a name first: what opens the file, the program, imports, then what helps it."""
        if isinstance(symbol, External):
            return 2, 0
        index = self.modules.index(symbol.module)
        if symbol.module in self.whole:
            return (4 if index else 0), index
        return (1 if symbol.module == "experiment" else 3), index

    # ---------------------------------------------------------------------------------------- text

    def text(self) -> str:
        position = {unit: index for index, unit in enumerate(self.order)}
        defined: dict[Symbol, int] = {}
        for unit in reversed(self.order):
            for name in unit.binds:
                defined[Own(unit.module, name)] = position[unit]
        parts = ["\n".join(_imports(self.names)) + "\n"]
        for module in self.modules:
            source = self.sources[module]
            texts = [
                (unit, self._rewritten(unit, source, defined, position[unit]))
                for unit in self._all_units(module)
                if unit in self.resolved
            ]
            if texts:
                parts.append(_section(source, texts, titled=module not in self.whole))
        return "\n\n".join(parts)

    def _rewritten(self, unit: Unit, source: Source, defined: dict[Symbol, int], here: int) -> str:
        def is_before(symbol: Symbol) -> bool:
            return defined.get(symbol, -1) < here

        return rewrite(unit, source, self.resolved[unit], self.names, is_before)


def _in_order(sources: Sources, last: str, done: set[str]) -> list[str]:
    """A module and all that it imports, each after what it imports itself."""
    if last in done:
        return []
    done.add(last)
    source = sources[last]
    before = [
        name for each in (*source.imports, *source.late) for name in _in_order(sources, each, done)
    ]
    return [*before, last]


def _section(source: Source, texts: Iterable[tuple[Unit, str]], *, titled: bool) -> str:
    """The statements of a module under its title."""
    parts = []
    if titled:
        title = source.about.split("\n\n")[0].replace("\n", " ")
        name = source.name.removeprefix("bonsai.")
        parts.append(f"# {'=' * (WIDTH - 2)}\n{_comment(f'{name}: {title}')}\n")
    header, before = "", None
    kept = dict(texts)
    for unit in (*source.units, *source.main):
        comments = [line.strip() for line in unit.above.splitlines() if line.strip()]
        comments = [line for line in comments if line.startswith("#")]
        above = "".join(f"{line}\n" for line in comments)
        if any(re.fullmatch(r"# ?-{20,}", line) for line in comments):
            header, above = above, ""
        if unit not in kept:
            continue
        big = isinstance(unit.node, ast.FunctionDef | ast.ClassDef)
        gap = "\n\n" if big or (before is not None and before[1]) else "\n" if header else ""
        if before is None:
            gap = "\n" if titled else ""
        elif "\n\n" in unit.above or unit.above.startswith("\n"):
            gap = gap or "\n"
        parts.append(gap + (f"{header}\n" if header else "") + above + kept[unit])
        header, before = "", (unit, big)
    return "".join(parts)


def _comment(text: str) -> str:
    import textwrap

    return textwrap.fill(text, WIDTH, initial_indent="# ", subsequent_indent="# ")


def _imports(names: dict[Symbol, str]) -> list[str]:
    """Import statements, those of the standard library first."""
    plain: dict[str, None] = {}
    taken: dict[str, dict[str, None]] = {}
    for symbol, name in names.items():
        if not isinstance(symbol, External):
            continue
        if symbol.attribute is None:
            called = name != symbol.module.split(".")[0]
            plain[f"import {symbol.module} as {name}" if called else f"import {symbol.module}"] = (
                None
            )
        else:
            called = name != symbol.attribute
            item = f"{symbol.attribute} as {name}" if called else symbol.attribute
            taken.setdefault(symbol.module, {})[item] = None
    lines = [*plain]
    for module, items in taken.items():
        line = f"from {module} import {', '.join(sorted(items))}"
        if len(line) > WIDTH:
            inner = "".join(f"    {item},\n" for item in sorted(items))
            line = f"from {module} import (\n{inner})"
        lines.append(line)

    def standard(line: str) -> bool:
        return re.split(r"[ .]", line)[1] in sys.stdlib_module_names

    def key(line: str) -> tuple[bool, str]:
        return line.startswith("from"), line

    ours = sorted((line for line in lines if standard(line)), key=key)
    others = sorted((line for line in lines if not standard(line)), key=key)
    return [*ours, *([""] if ours and others else []), *others]
