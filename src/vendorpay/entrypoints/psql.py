"""Running psql on one of our databases."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from vendorpay.entrypoints.database_home import DatabaseNotReady
from vendorpay.entrypoints.embedded_postgres import EmbeddedPostgresError, binaries


def run(url: str, bin_dir: Path | None, command: str | None) -> int:
    """psql's exit code; `command` is run and ends it, else it reads standard input. Raises DatabaseNotReady."""
    parts = conninfo_to_dict(url)
    # Arguments can be seen by every user of the machine, the environment cannot.
    password = parts.pop("password", None)
    environment = {**os.environ, **({"PGPASSWORD": str(password)} if password is not None else {})}
    argv = [_program(bin_dir), f"--dbname={make_conninfo('', **parts)}"]
    if command is not None:
        # As it is written here, whatever the user's psqlrc says.
        argv += ["--no-psqlrc", "--set=ON_ERROR_STOP=1", f"--command={command}"]
    earlier = signal.signal(signal.SIGINT, signal.SIG_IGN)  # In psql it cancels a query, and should end nothing else.
    try:
        code = subprocess.run(argv, env=environment, preexec_fn=_heed_interrupts, check=False).returncode
    finally:
        signal.signal(signal.SIGINT, earlier)
    return code if code >= 0 else 128 - code


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _program(bin_dir: Path | None) -> str:
    for directory in (bin_dir, _installed()):
        if directory is not None and os.access(directory / "psql", os.X_OK):
            return str(directory / "psql")
    if found := shutil.which("psql"):
        return found
    raise DatabaseNotReady(
        "No psql was found. Install the PostgreSQL client, or name the directory that holds it in "
        "VENDORPAY_POSTGRES_BIN_DIR."
    )


def _installed() -> Path | None:
    """Where the embedded PostgreSQL's programs are."""
    try:
        return binaries.find(None, Path(os.devnull), None).directory
    except EmbeddedPostgresError:
        return None
