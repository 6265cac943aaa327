"""Which docstrings must exist."""

import ast

from tests.style.rules.source import Source

EXPLAINED_ROOMS = frozenset({"domain", "usecases"})


def missing_module_docstring(source: Source) -> list[str]:
    """The file, when it does not say what it is for."""
    if ast.get_docstring(source.tree):
        return []
    return [f"{source.path}:1: no module docstring: say in one sentence what the file is for"]


def missing_docstrings(source: Source) -> list[str]:
    """Public top-level functions and classes of the explained rooms that say nothing."""
    if source.room not in EXPLAINED_ROOMS:
        return []
    found = []
    for node in source.tree.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if not node.name.startswith("_") and not ast.get_docstring(node):
            advice = "no docstring: say what it means and which errors it raises, or make it private"
            found.append(source.at(node, f"{node.name}: {advice}"))
    return found
