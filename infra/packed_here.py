"""A hot function's package with the libraries of this machine: to start, measure and weigh it where no arm64 is."""

from __future__ import annotations

import shutil
import sys
from importlib.metadata import files
from pathlib import Path
from typing import Final

from infra.package import LAYERS, compile_all, tidy
from infra.packed_code import copy_hot_code

OLDER_PYTHONS_TOO: Final = ("typing-extensions",) if sys.version_info < (3, 13) else ()


def pack_here(folder: Path) -> tuple[Path, Path]:
    """The code and the libraries, each a place to import from, made in a folder as `make package` makes them.

    Raises Refused for a library that cannot be shortened.
    """
    code, libraries = folder / "hot", folder / "core" / "python"
    copy_hot_code(code)
    for name in (*LAYERS["core"], *OLDER_PYTHONS_TOO):
        for file in files(name) or ():
            if ".." not in file.parts and file.suffix != ".pyc":
                place = libraries / file
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(str(file.locate()), place)
    tidy(libraries)
    compile_all([code, libraries], sys.executable)
    return code, libraries
