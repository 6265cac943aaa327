"""What a pin file must look like."""

import ast
import re
import sys
from collections.abc import Iterable, Mapping

from tests.style.rules.source import PACKAGE, Source

_PIN = re.compile(r"^([a-z0-9][a-z0-9.-]*)(?:\[[\w,-]+\])?==(\S+)", re.M)


def pinned(text: str) -> dict[str, str]:
    """Package name to version."""
    return dict(_PIN.findall(text))


def unsafe_pins(path: str, text: str) -> list[str]:
    """Requirements without a version and sha256, options, and addresses."""
    found = []
    for block in re.split(r"\n(?=\S)", text):
        first = block.split("\n", 1)[0]
        if first.startswith("#") or not first.strip():
            continue
        if not _PIN.match(first) or "--hash=sha256:" not in block:
            found.append(f"{path}: {first!r} has no version and hash: run `make lock`")
        if "://" in block:
            found.append(f"{path}: {first!r} names a place: pins must work with any mirror; run `make lock`")
    if "make lock" not in text:
        found.append(f"{path}: not made by `make lock`, so its header may name a machine's paths")
    return found


def disagreements(sets: dict[str, dict[str, str]]) -> list[str]:
    """Packages that two sets of one .venv pin differently."""
    found = []
    first: dict[str, tuple[str, str]] = {}
    for path, pins in sets.items():
        for name, version in pins.items():
            other, seen = first.setdefault(name, (path, version))
            if seen != version:
                found.append(f"{name} is {seen} in {other} and {version} in {path}: run `make lock`")
    return found


def canonical(name: str) -> str:
    """A package's name as pip writes it: PyJWT and pyjwt are the same."""
    return re.sub(r"[-_.]+", "-", name).lower()


def third_party(file: Source) -> set[str]:
    """The first names of the modules of others that a file imports anywhere."""
    named: set[str] = set()
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Import):
            named.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            named.add(node.module)
    return {name.partition(".")[0] for name in named} - sys.stdlib_module_names - {PACKAGE}


def unpinned(modules: Iterable[str], installed: Mapping[str, list[str]], pins: Mapping[str, str]) -> list[str]:
    """Modules that come with none of the pinned packages; `installed` tells what each comes with."""
    return [
        f"{module} comes with {installed.get(module, 'no package')}, which requirements/core.txt does not pin"
        for module in sorted(modules)
        if pins.keys().isdisjoint(map(canonical, installed.get(module, [])))
    ]
