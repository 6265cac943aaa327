"""Where `make package` leaves what it made."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parent
BUILT: Final = FOLDER.parent / "build" / "functions"
COMPLETE: Final = BUILT / "COMPLETE"
"""Written last: a packaging that stopped in the middle leaves none."""


class NotPackaged(Exception):
    """There is nothing to deploy yet; the message says what to run."""


def require_built() -> None:
    """Raises NotPackaged when `make package` was not run, or did not get to its end."""
    if not COMPLETE.is_file():
        raise NotPackaged(f"there is no {COMPLETE}: run `make package` first")
