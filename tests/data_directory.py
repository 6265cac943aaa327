"""Data directories on which `vendorpay serve` has run before, each a copy of one that is made once a run.

Making one costs an initdb and every migration, three seconds of CPU, and most tests of a running service are not about
that. Those that are begin with an empty directory.
"""

from __future__ import annotations

import asyncio
import fcntl
import shutil
from datetime import UTC, datetime
from pathlib import Path

from vendorpay.entrypoints import database_home
from vendorpay.settings import Settings


def first_made(shared: Path) -> Path:
    """The stopped data directory in a folder that the processes of a test run share: the first to come makes it."""
    made = shared / "first"
    with (shared / "first.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            draft = shared / "first.draft"
            shutil.rmtree(draft, ignore_errors=True)
            with database_home.for_serving(Settings(data_dir=draft)) as home:
                asyncio.run(database_home.bring_up_to_date(home.urls, now=datetime.now(UTC)))
            draft.rename(made)
    return made


def copied(first: Path, to: Path) -> Path:
    """A copy at `to`. Without the port that it remembers: copies that run at once would all want it."""
    to.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copytree(first, to, symlinks=True, ignore=shutil.ignore_patterns("postgres.port")))
