"""Clock, randomness and environment are read by entrypoints alone; below they come in as values."""

import ast
from collections.abc import Mapping

from tests.style.rules.source import Source

CLOCK = frozenset(
    {"datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today"}
    | {f"time.{name}" for name in ("time", "time_ns", "localtime", "gmtime", "ctime", "strftime")}
)
ENVIRONMENT = frozenset({"os.environ", "os.environb", "os.getenv", "os.getenvb", "os.putenv"})
RANDOM = frozenset({"os.urandom", *(f"uuid.uuid{version}" for version in (1, 4, 6, 7, 8))})
# Modules that hold nothing else. A duration (time.monotonic, time.perf_counter) and secrets.compare_digest are fine.
RANDOM_MODULES = ("random.", "secrets.", "uuid_utils.uuid", "uuid_utils.compat.uuid", "numpy.random.")
NOT_RANDOM = frozenset({"secrets.compare_digest"})

ADVICE = {
    "clock": "take `now` as an argument (deps.now is called once, by the use case)",
    "environment": "only entrypoints read it: make it a field of settings and pass the value",
    "randomness": "take the id or token as an argument (deps.new_id)",
}


def ambient_reads(source: Source, allowed: Mapping[str, frozenset[str]]) -> list[str]:
    """References to a clock, the environment or randomness; `allowed` maps a path to the names it may use."""
    names = _imported_names(source.tree)
    pardoned = allowed.get(source.path, frozenset())
    found = []
    for node, name in _references(source.tree, names):
        kind = _kind(name)
        if kind and name not in pardoned:
            found.append(source.at(node, f"{name}: {ADVICE[kind]}"))
    return found


def _kind(name: str) -> str | None:
    if name in CLOCK:
        return "clock"
    if any(name == entry or name.startswith(f"{entry}.") for entry in ENVIRONMENT):
        return "environment"
    if name in RANDOM or (name.startswith(RANDOM_MODULES) and name not in NOT_RANDOM):
        return "randomness"
    return None


def _imported_names(tree: ast.Module) -> dict[str, str]:
    """What each imported name stands for: `dt` -> `datetime`, `now` -> `time.time`."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def _references(tree: ast.Module, names: dict[str, str]) -> list[tuple[ast.expr, str]]:
    """The full name of every imported thing that is used; the longest one where names are dotted."""
    found: list[tuple[ast.expr, str]] = []
    inner: set[int] = set()
    for node in ast.walk(tree):  # Breadth first: `a.b.c` comes before its part `a.b`.
        if isinstance(node, ast.Attribute):
            inner.add(id(node.value))
        if isinstance(node, ast.Attribute | ast.Name) and id(node) not in inner:
            name = _dotted(node, names)
            if name:
                found.append((node, name))
    return found


def _dotted(node: ast.expr, names: dict[str, str]) -> str | None:
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute) and (base := _dotted(node.value, names)):
        return f"{base}.{node.attr}"
    return None
