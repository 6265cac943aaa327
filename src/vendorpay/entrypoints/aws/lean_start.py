"""What a function's start is spared: somebody waits for it, and most of it is importing (docs/benchmarks.md)."""

from __future__ import annotations

import gc
import sys
from types import ModuleType
from typing import Final

VERSIONS: Final = {"psycopg": "3.3.9", "psycopg_binary": "3.3.9", "psycopg_pool": "3.3.3"}
"""Those of requirements/core.txt; the pool asks psycopg's to know what a connection can do."""
_NO_SEARCH: Final = ModuleType("ctypes.util", "Stands in for the search for libraries of the system.")


def begin() -> None:
    """Before the imports. The collector would look through thousands of new objects again and again, and find nothing
    to collect: a sixth of the start.
    """
    gc.disable()
    _spare_versions()
    _spare_a_search()


def end() -> None:
    """After the imports: what they made is not looked at again, and everything else is as ever. Once is enough."""
    if not gc.isenabled():
        if sys.modules.get(_NO_SEARCH.__name__) is _NO_SEARCH:
            del sys.modules[_NO_SEARCH.__name__]  # whoever does search imports the real one
        gc.freeze()
        gc.enable()


def _spare_versions() -> None:
    """These packages ask the metadata of their installation for their version, and to read it Python imports its email
    package: another tenth.
    """
    for package, number in VERSIONS.items():
        name = f"{package}.version"
        if name not in sys.modules:
            version = ModuleType(name, "Stands in for a file that would read the package's metadata.")
            version.__dict__["__version__"] = number
            sys.modules[name] = version


def _spare_a_search() -> None:
    """psycopg has its libpq with it, but imports what would look for another one, and that imports everything about
    temporary files and compression.
    """
    sys.modules.setdefault(_NO_SEARCH.__name__, _NO_SEARCH)
