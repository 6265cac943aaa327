"""An endpoint is whole, from its use case to its pages (CONTRIBUTING.md has the steps)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeGuard

from tests.style.rules.names import defined, uses_of
from tests.style.rules.source import PACKAGE, Source
from tests.style.rules.tree import Tree

OPERATIONS = "api/operations"
PROMISES = "tests/api/test_operations.py"
CLIENT = "tests/client/test_contract.py"
FUNCTIONS = "entrypoints/aws/functions.py"
PAGES = ("docs/openapi.json", "docs/permissions.md")
ASKING = ("api", "scenarios")
"""The rooms of tests that send requests."""
_LAST_WORD = re.compile(r"/([a-z][a-z.-]*)(?:/{\w+})*$")


@dataclass(frozen=True)
class Row:
    """A row of the operations table, as it is written."""

    source: Source
    node: ast.Call
    name: str
    method: str
    path: str
    function: str
    """The module and the function, dotted."""

    def finding(self, text: str) -> str:
        """What is wrong about it."""
        return self.source.at(self.node, f"{self.method} {self.path}: {text}")


def rows(tree: Tree) -> Iterator[Row]:
    """Every `Operation(..)` of the table."""
    for source in tree.under(OPERATIONS):
        modules = dict(_imported(source))
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Operation":
                told = {each.arg: each.value for each in node.keywords}
                function = ast.unparse(told["function"])
                module, _, name = function.rpartition(".")
                operation, method, path = (ast.literal_eval(told[key]) for key in ("name", "method", "path"))
                yield Row(source, node, operation, method, path, f"{modules.get(module, module)}.{name}")


def unreached_usecases(tree: Tree) -> list[str]:
    """Use cases that nobody asks for."""
    reached = {name for source in tree.package for name in _reaches(source)}
    advice = "nothing asks for this use case: call it from a function in api/ (or from workers/, entrypoints/)"
    silent = [source for source in tree.under("usecases") if not source.path.endswith("__init__.py")]
    return [f"{source.path}:1: {advice}" for source in silent if source.module not in reached]


def unnamed_functions(tree: Tree) -> list[str]:
    """Functions of operations that no row names."""
    named = {row.function for row in rows(tree)}
    found = []
    for source in tree.under("api"):
        for node in source.tree.body:
            if _is_of_an_operation(node) and f"{source.module}.{node.name}" not in named:
                advice = "no row names it: add one in api/operations/, with its permission, errors and examples"
                found.append(source.at(node, f"{node.name}: {advice}"))
    return found


def forgotten_groups(tree: Tree) -> list[str]:
    """Files of rows that the table does not take in."""
    groups = [source for source in tree.under(OPERATIONS) if not source.path.endswith("__init__.py")]
    (table,) = [source for source in tree.under(OPERATIONS) if source.path.endswith("__init__.py")]
    taken = {alias.name for node in ast.walk(table.tree) for alias in getattr(node, "names", ())}
    advice = "is not in OPERATIONS: add it to api/operations/__init__.py"
    lists = [(source, name) for source in groups for name in defined(source) if _holds_rows(source, name)]
    return [f"{source.path}:1: {name} {advice}" for source, name in lists if name not in taken]


def unpromised(tree: Tree) -> list[str]:
    """Rows that are not in the table of promises, and promises that no row keeps."""
    promised = _table(tree, PROMISES, "PROMISED")
    kept = {(row.method, row.path) for row in rows(tree)}
    advice = f"PROMISED of {PROMISES} lacks it: add it with its permission (contract section 2)"
    found = [row.finding(advice) for row in rows(tree) if (row.method, row.path) not in promised]
    return found + [
        f"{PROMISES}: {method} {path} is promised, and no row of api/operations/ answers it: add the row"
        for method, path in sorted(promised - kept)
    ]


def unasked(tree: Tree) -> list[str]:
    """Rows whose path no test asks for."""
    asked = "\n".join(text for path, text in tree.tests(*ASKING).items() if path != PROMISES)
    words = {word: word in asked for row in rows(tree) if (word := _last_word(row))}
    advice = "no test asks for it: write one in tests/api/ that gets its answer and each of its refusals"
    return [row.finding(advice) for row in rows(tree) if not words.get(_last_word(row), True)]


def without_method(tree: Tree) -> list[str]:
    """Rows that the Python client cannot ask for, and that nobody left out for a reason."""
    asking = "\n".join(source.text for source in tree.under("client"))
    absent = _table(tree, CLIENT, "ABSENT")
    advice = f"vendorpay.client has no method for it: write one in client/, or say why not in ABSENT of {CLIENT}"
    return [
        row.finding(advice) for row in rows(tree) if row.name not in absent and f"def {_snake(row.name)}(" not in asking
    ]


def without_function_on_aws(tree: Tree) -> list[str]:
    """Rows that no Lambda function answers, and operations of functions that no row knows."""
    (table,) = [source for source in tree.under("entrypoints/aws") if source.path.endswith(FUNCTIONS)]
    answered = {name for node in ast.walk(table.tree) if isinstance(node, ast.Call) for name in _operations(node)}
    known = {row.name for row in rows(tree)}
    advice = "no function answers it on AWS: name {} in a row of " + FUNCTIONS
    return [row.finding(advice.format(row.name)) for row in rows(tree) if row.name not in answered] + [
        f"{FUNCTIONS}: {name} is answered by a function, and is no operation: take it out, or add its row"
        for name in sorted(answered - known)
    ]


def undocumented(tree: Tree) -> list[str]:
    """Rows that the generated pages do not know."""
    document, permissions = (tree.texts.get(page, "") for page in PAGES)
    return [
        row.finding(f"{' and '.join(PAGES)} do not tell of it: run `make docs` and commit what it writes")
        for row in rows(tree)
        if f'"operationId": "{row.name}"' not in document or f"`{row.method} {row.path}`" not in permissions
    ]


def _last_word(row: Row) -> str:
    """The last part of a path that is not left open, with its slash: /payments/{id}/hold is asked for as /hold."""
    found = _LAST_WORD.search(row.path)
    return f"/{found[1]}" if found else ""


def _is_of_an_operation(node: ast.stmt) -> TypeGuard[ast.AsyncFunctionDef]:
    if not isinstance(node, ast.AsyncFunctionDef) or node.name.startswith("_"):
        return False
    taken = [ast.unparse(each.annotation) for each in node.args.args if each.annotation]
    return taken == ["Call"] and node.returns is not None and ast.unparse(node.returns) == "Answer"


def _holds_rows(source: Source, name: str) -> bool:
    return any(
        isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == name and "Operation(" in ast.unparse(node)
        for node in source.tree.body
    )


def _table(tree: Tree, path: str, name: str) -> set[Any]:
    """The keys of a test's table."""
    for node in ast.parse(tree.texts[path]).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            assert isinstance(node.value, ast.Dict)
            return {ast.literal_eval(key) for key in node.value.keys if key is not None}
    raise AssertionError(f"{path} has no {name}")


def _operations(call: ast.Call) -> Iterator[str]:
    """The operations that a `Function(..)` names."""
    if ast.unparse(call.func) == "Function":
        for told in call.keywords:
            if told.arg == "operations":
                yield from ast.literal_eval(told.value)


def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", name)


def _imported(source: Source) -> Iterator[tuple[str, str]]:
    """What each name that is imported from the package stands for."""
    for _, module, name, own in uses_of(source).imports:
        yield own, f"{module}.{name}"


def _reaches(source: Source) -> Iterator[str]:
    """The use cases that a file imports, as modules or for a name in them."""
    for _, name in _imported(source):
        parts = name.split(".")
        if parts[:2] == [PACKAGE, "usecases"]:
            yield ".".join(parts[:3])
