"""The passwords of our own database roles: made up once, kept in one private file of the data directory."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from vendorpay.store.set_up import ROLES

FILE: Final = "roles.json"
FILE_BYTES_MAX: Final = 64 * 1024


def keep(data_dir: Path) -> dict[str, str]:
    """The password of each role; made up and stored (0600) where the file is missing or damaged. Raises OSError.

    For the owner of the running PostgreSQL alone, who then gives the roles these passwords.
    """
    known = read(data_dir)
    if known is not None:
        return known
    made_up = {role: secrets.token_urlsafe(32) for role in ROLES}
    # mkstemp makes a file that only its owner can read; a rename puts it in place whole or not at all.
    handle, draft = tempfile.mkstemp(prefix="roles-", suffix=".draft", dir=data_dir)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            if os.geteuid() == 0:  # root on the directory of somebody leaves a file that somebody can read
                os.fchown(handle, data_dir.stat().st_uid, data_dir.stat().st_gid)
            json.dump(made_up, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, data_dir / FILE)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(draft)
    return made_up


def read(data_dir: Path) -> dict[str, str] | None:
    """The stored passwords, or None when there are none that are whole. Raises OSError where they may not be read."""
    try:
        with (data_dir / FILE).open("rb") as file:
            stored = json.loads(file.read(FILE_BYTES_MAX))
    except FileNotFoundError:
        return None
    except ValueError:
        return None
    if not isinstance(stored, dict) or any(not isinstance(stored.get(role), str) for role in ROLES):
        return None
    return {role: stored[role] for role in ROLES}
