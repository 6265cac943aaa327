"""Where `make package` leaves what it made."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parent
BUILT: Final = FOLDER.parent / "build" / "functions"
COMPLETE: Final = BUILT / "COMPLETE"
"""Written last: a packaging that stopped in the middle leaves none."""
