"""The direction of imports between the rooms of the package (ARCHITECTURE.md)."""

import ast
import sys
from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter

from tests.style.rules.source import PACKAGE, Source

ORDER = ("domain client", "ports settings", "store adapters", "usecases", "api workers", "entrypoints __main__")
RANK = {room: rank for rank, rooms in enumerate(ORDER) for room in rooms.split()}

# Rooms with doors of their own, whatever the ranks say.
FOR_ANYONE = {"", "observe", "metrics"}
ONLY_FOR_ENTRYPOINTS = {"adapters", "settings", "client"}
MAINS = {"entrypoints", "__main__"}

DOMAIN_MAY_IMPORT = frozenset({"msgspec", PACKAGE}) | sys.stdlib_module_names
# Part of the standard library, and yet a clock, a thread, a network or a machine.
DOMAIN_MAY_NOT_IMPORT = frozenset(
    {"asyncio", "concurrent", "multiprocessing", "signal", "subprocess", "threading"}
    | {"http", "select", "selectors", "socket", "socketserver", "sqlite3", "ssl", "urllib"}
    | {"logging", "os", "random", "secrets", "shutil", "tempfile", "time"}
)


def imports(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Every import, whether at the top, in a function or under TYPE_CHECKING, as the dotted names it may reach."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _base(source, node)
            yield from ((node, f"{base}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and _is_import_call(node.func) and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield node, name.value


def _is_import_call(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in {"import_module", "__import__"}


def _base(source: Source, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    is_package = source.path.endswith("/__init__.py")
    parts = source.module.split(".")
    kept = parts[: len(parts) - node.level + is_package]
    return ".".join([*kept, node.module] if node.module else kept)


def _room_of(name: str) -> str | None:
    """The room a dotted name is in; None outside the package."""
    parts = name.split(".")
    if parts[0] != PACKAGE:
        return None
    return parts[1] if len(parts) > 1 and (parts[1] in RANK or parts[1] in FOR_ANYONE) else ""


def wrong_imports(source: Source) -> list[str]:
    """Imports that go up, sideways, or through a door that is not theirs."""
    here = source.room
    if here not in RANK and here not in FOR_ANYONE:
        return [f"{source.path}:1: the room {here!r} has no rank: move it into a room, or give it one in {__name__}"]
    found = []
    for node, name in imports(source):
        target = _room_of(name)
        if target is not None and target != here and (advice := _refusal(here, target)):
            found.append(source.at(node, f"{here or PACKAGE} imports {name}: {advice}"))
    return found


def _refusal(here: str, target: str) -> str | None:
    """Why a file of one room may not import another; None when it may."""
    if here == "client":
        return "the client is for programs without a server: it imports no other room (docs/decisions/0014)"
    if target in FOR_ANYONE or here in MAINS:
        return None
    if here in FOR_ANYONE:
        return "everyone imports this file, so it imports no room; pass what it needs as a value"
    if target in ONLY_FOR_ENTRYPOINTS:
        return "only entrypoints may; take it in Deps (a Protocol of ports.py) or as an argument"
    if RANK[target] >= RANK[here]:
        return f"imports go down ({' < '.join(ORDER)}); move the shared part down, or pass it in"
    return None


def impure_domain_imports(source: Source) -> list[str]:
    """Imports of the domain that are not plain values: third parties, clocks, threads, network, logs and metrics."""
    found = []
    for node, name in imports(source):
        top = name.split(".")[0]
        if top not in DOMAIN_MAY_IMPORT or top in DOMAIN_MAY_NOT_IMPORT or _room_of(name) in {"observe", "metrics"}:
            advice = "the domain is pure (stdlib values and msgspec): do it in a use case, store or adapter"
            found.append(source.at(node, f"{name}: {advice}"))
    return found


def cycles(sources: Sequence[Source]) -> list[str]:
    """Modules that import each other, function-level and TYPE_CHECKING imports counted."""
    modules = {source.module for source in sources}
    graph: dict[str, set[str]] = {}
    for source in sources:
        reached = {known for _, name in imports(source) if (known := _longest(name, modules))}
        graph[source.module] = reached - {source.module}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        ring = " -> ".join(reversed(error.args[1]))
        return [f"{ring}: move what both need into a third module"]
    return []


def _longest(name: str, modules: set[str]) -> str | None:
    """The module a name is in: `vendorpay.domain.money.Money` is in `vendorpay.domain.money`."""
    while name not in modules and "." in name:
        name = name.rpartition(".")[0]
    return name if name in modules and name != PACKAGE else None
