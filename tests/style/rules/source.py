"""What the rules read: a Python file as text and tree, and where it stands in the package."""

import ast
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = "vendorpay"


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file; `path` is relative to the project, so that `src/vendorpay/store/db.py` is in room `store`."""

    path: str
    text: str
    tree: ast.Module = field(repr=False, compare=False)

    @classmethod
    def parse(cls, path: str, text: str) -> "Source":
        """Read a file's text. Raises SyntaxError when it is not Python."""
        return cls(path, text, ast.parse(text, path))

    @property
    def module(self) -> str:
        """The dotted name: `vendorpay.store.db`, and `vendorpay.store` for its `__init__.py`."""
        return module_name(self.path)

    @property
    def room(self) -> str:
        """The first name below the package: a folder (`store`) or a single file (`settings`); empty for the root."""
        parts = self.module.split(".")
        return parts[1] if len(parts) > 1 else ""

    def at(self, node: ast.AST, text: str) -> str:
        """A finding: where it is and what to do about it."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}: {text}"


def module_name(path: str) -> str:
    """The dotted name of a path such as `src/vendorpay/store/db.py`."""
    parts = path.removesuffix(".py").removesuffix("/__init__").split("/")
    return ".".join(parts[parts.index(PACKAGE) :])


@cache
def package() -> tuple[Source, ...]:
    """Every Python file of the package, parsed once."""
    files = sorted((ROOT / "src" / PACKAGE).rglob("*.py"))
    return tuple(parsed(f.relative_to(ROOT).as_posix(), f.read_text("utf-8")) for f in files)


@cache
def parsed(path: str, text: str) -> Source:
    """A file, parsed once however many rules and trees look at it."""
    return Source.parse(path, text)


def listing(findings: list[str]) -> str:
    """All findings, one a line: the message of a failed rule."""
    return "\n" + "\n".join(findings)


def docstrings(tree: ast.Module) -> set[int]:
    """The ids of the nodes that are docstrings, for rules that look at other strings alone."""
    found: set[int] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        first = node.body[0] if node.body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            found.add(id(first.value))
    return found
