"""What a function's start is spared: somebody waits for it, and most of it is importing (docs/benchmarks.md)."""

from __future__ import annotations

import gc
import sys
from types import ModuleType
from typing import Final

UNKNOWN: Final = "0"
ASKED_FOR_VERSIONS: Final = ("psycopg", "psycopg_binary", "psycopg_pool")


def begin() -> None:
    """Before the imports. The collector would look through thousands of new objects again and again, and find nothing
    to collect: a sixth of the start.
    """
    gc.disable()
    _spare_versions()


def end() -> None:
    """After the imports: what they made is not looked at again, and everything else is as ever. Once is enough."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def _spare_versions() -> None:
    """These packages ask the metadata of their installation for their version, and to read it Python imports its email
    package: another tenth. Nobody here asks for a version, and a package for Lambda may leave metadata out.
    """
    for package in ASKED_FOR_VERSIONS:
        name = f"{package}.version"
        if name not in sys.modules:
            version = ModuleType(name, "Stands in for a file that would read the package's metadata.")
            version.__dict__["__version__"] = UNKNOWN
            sys.modules[name] = version
