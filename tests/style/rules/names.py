"""Every name that one file of the package takes from another is there."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from tests.style.rules.source import PACKAGE, Source
from tests.style.rules.tree import Tree

ADVICE = {
    f"{PACKAGE}.usecases": "a use case is one file in usecases/, named by its verb",
    f"{PACKAGE}.domain.events": "an event about a payment is one struct in domain/events.py, derived from PaymentEvent",
    f"{PACKAGE}.api": "what an operation does is one function in api/: parse, one use case, render",
}
"""What to write where a name is missing, by the beginning of the module; else the import is to be mended."""


def missing_names(tree: Tree) -> list[str]:
    """Names that are imported, or taken from an imported module, and that nobody defines."""
    modules = {source.module: defined(source) for source in tree.package}
    found = []
    for source in tree.package:
        taken = {(module, name): line for line, module, name in _taken(source, modules)}
        for (module, name), line in taken.items():
            if not _is_there(modules, module, name):
                what = f"there is no {name} in {module}" if module in modules else f"there is no module {module}"
                found.append(f"{source.path}:{line}: {what}: {_advice(module)}")
    return found


@cache
def defined(source: Source) -> frozenset[str]:
    """The names at the top of a module, imports included."""
    names: set[str] = set()
    for node in source.tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        else:
            names |= {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and _is_stored(each)}
            names |= {each.name for each in ast.walk(node) if isinstance(each, ast.alias)}
    return frozenset(names)


@dataclass(frozen=True)
class Uses:
    """What a file does with names: line, module, name and own name of each import; line, own name and attribute."""

    imports: tuple[tuple[int, str, str, str], ...]
    attributes: tuple[tuple[int, str, str], ...]


@cache
def uses_of(source: Source) -> Uses:
    """What a file does with the names of others."""
    imports, attributes, own = [], [], set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE:
            imports += [
                (node.lineno, node.module or "", alias.name, alias.asname or alias.name) for alias in node.names
            ]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            attributes.append((node.lineno, node.value.id, node.attr))
        elif isinstance(node, ast.arg):
            own.add(node.arg)
        elif isinstance(node, ast.Name) and _is_stored(node):
            own.add(node.id)
    return Uses(tuple(imports), tuple(each for each in attributes if each[1] not in own))


def _taken(source: Source, modules: Mapping[str, frozenset[str]]) -> Iterator[tuple[int, str, str]]:
    """Line, module and name, for each import and each `module.name`."""
    uses = uses_of(source)
    bound = {own: full for _, module, name, own in uses.imports if (full := f"{module}.{name}") in modules}
    yield from ((line, module, name) for line, module, name, _ in uses.imports)
    for line, own, name in uses.attributes:
        if own in bound and not name.startswith("__"):
            yield line, bound[own], name


def _is_there(modules: Mapping[str, frozenset[str]], module: str, name: str) -> bool:
    return f"{module}.{name}" in modules or name in modules.get(module, frozenset())


def _advice(module: str) -> str:
    found = [advice for beginning, advice in ADVICE.items() if f"{module}.".startswith(f"{beginning}.")]
    return found[0] if found else "write it there, or mend the import"


def _is_stored(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)
