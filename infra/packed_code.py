"""The service's code as it is packaged: whole, and for hot functions what they come to and nothing else."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from infra.packages_folder import FOLDER
from vendorpay.entrypoints.aws.functions import FUNCTIONS

SOURCE: Final = FOLDER.parent / "src"
SERVICE: Final = "vendorpay"
NOT_ON_LAMBDA: Final = ("entrypoints/cli", "entrypoints/docs", "entrypoints/embedded_postgres", "client")
"""Folders and files of the package that no function imports; a test starts every function without them."""
ONLY_AT_THE_TOP: Final = frozenset(
    {
        "vendorpay.api.operations",  # the whole table: hot functions name the groups that they answer
        "vendorpay.entrypoints.aws.api",  # the document, which the function `service` alone shows
    }
)
"""Modules with imports inside of functions that no hot function calls; what others import so is packaged as well."""


def copy_code(target: Path) -> None:
    """The package without what no function imports."""
    left_out = [SOURCE / SERVICE / name for name in NOT_ON_LAMBDA]

    def ignored(folder: str, names: list[str]) -> set[str]:
        return {name for name in names if name == "__pycache__" or (Path(folder) / name).with_suffix("") in left_out}

    shutil.copytree(SOURCE / SERVICE, target / SERVICE, ignore=ignored)


def copy_hot_code(target: Path) -> None:
    """What hot functions import, and the SQL beside it: about half of what other functions have."""
    files = {file_of(module) for module in hot_modules()}
    folders = {file.parent for file in files}
    files |= {file for folder in folders for file in folder.glob("*.sql")}
    for file in sorted(files):
        place = target / file.relative_to(SOURCE)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)


def hot_modules() -> frozenset[str]:
    """Every module of ours that a hot function imports at its start, or may import later."""
    hot = [row for row in FUNCTIONS if row.hot]
    starts = {row.handler.rpartition(".")[0] for row in hot}
    starts |= {f"vendorpay.api.operations.{group}" for row in hot for group in row.groups}
    waiting = {each for name in starts for each in _with_packages(name)}
    found: set[str] = set()
    while waiting:
        module = waiting.pop()
        found.add(module)
        waiting |= set(imports_of(module)) - found
    return frozenset(found)


def imports_of(module: str) -> Iterator[str]:
    """The modules of ours that one imports, and the packages around them."""
    nodes = _nodes(ast.parse(file_of(module).read_bytes()).body, everywhere=module not in ONLY_AT_THE_TOP)
    for node in nodes:
        names = [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} says where it imports from only in relation to itself"
            names = [node.module or "", *(f"{node.module}.{name}" for name in names)]
        for name in names:
            yield from (each for each in _with_packages(name) if _exists(each))


def file_of(module: str) -> Path:
    """Where a module of ours stands."""
    folder = SOURCE.joinpath(*module.split("."))
    return folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")


def _nodes(body: Iterable[ast.AST], *, everywhere: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from _nodes(node.orelse, everywhere=everywhere)
        elif everywhere or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _nodes(ast.iter_child_nodes(node), everywhere=everywhere)


def _with_packages(name: str) -> Iterator[str]:
    parts = name.split(".")
    if parts[0] == SERVICE:
        yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def _exists(module: str) -> bool:
    return file_of(module).is_file()
