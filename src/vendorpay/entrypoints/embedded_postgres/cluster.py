"""The cluster's files: made by initdb, whole or not at all; who may connect; the superuser's password."""

import os
import secrets
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from vendorpay.entrypoints.embedded_postgres.binaries import Binaries
from vendorpay.entrypoints.embedded_postgres.errors import InitFailed, NotOurCluster, StartFailed, hint_of
from vendorpay.entrypoints.embedded_postgres.layout import Layout, sync_directory, write_private
from vendorpay.entrypoints.embedded_postgres.privileges import Identity
from vendorpay.entrypoints.embedded_postgres.server_log import WORDS_LINES

DRAFT_PREFIX = "postgres.init-"
INIT_WAIT_S = 120
SINGLE_USER_WAIT_S = 120

# Nobody is trusted by the name of their unix user: inside a user namespace that name means nothing.
HBA = """\
# Written by vendorpay at every start.
local all         all              scram-sha-256
host  all         all 127.0.0.1/32 scram-sha-256
"""


def made_by(layout: Layout) -> int | None:
    """The major version that made the cluster; None when there is no cluster yet. Raises NotOurCluster."""
    try:
        return int((layout.cluster / "PG_VERSION").read_text().split(".")[0])
    except FileNotFoundError:
        pass
    except ValueError:
        raise NotOurCluster(cluster=layout.cluster) from None
    if layout.cluster.exists() and any(layout.cluster.iterdir()):
        raise NotOurCluster(cluster=layout.cluster)
    return None


def make(layout: Layout, binaries: Binaries, identity: Identity, password: str, *, fsync: bool) -> None:
    """Makes the cluster beside its final place and renames it, so that a kill in the middle costs nothing.

    Raises InitFailed.
    """
    draft = Path(tempfile.mkdtemp(prefix=DRAFT_PREFIX, dir=layout.data_dir))
    # initdb wants its directory empty, and whom it runs as must be able to read the password.
    fresh, password_file = draft / "cluster", draft / "password"
    try:
        fresh.mkdir(mode=0o700)
        write_private(password_file, password, owner=identity.owner)
        if os.geteuid() == 0:
            os.chown(fresh, *identity.owner)
            os.chown(draft, *identity.owner)
        _initdb(layout, identity, _initdb_command(binaries, fresh, password_file, fsync=fsync))
        if layout.cluster.exists():
            layout.cluster.rmdir()  # Empty, as made_by() saw.
        fresh.rename(layout.cluster)
        sync_directory(layout.data_dir)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def sweep_drafts(layout: Layout) -> None:
    """Removes what an initdb left that was killed half-way. Drafts have unique names: one that still runs
    somewhere can spoil nothing."""
    for draft in layout.data_dir.glob(f"{DRAFT_PREFIX}*"):
        shutil.rmtree(draft, ignore_errors=True)


def write_access_rules(layout: Layout, identity: Identity) -> None:
    """Puts our pg_hba.conf in place, when it is not there already."""
    path = layout.cluster / "pg_hba.conf"
    with suppress(FileNotFoundError):
        if path.read_text(encoding="utf-8", errors="replace") == HBA:
            return
    write_private(path, HBA, owner=identity.owner)


def read_password(layout: Layout) -> str | None:
    """The superuser's password, or None when its file is missing or empty."""
    with suppress(FileNotFoundError):
        return layout.password.read_text().strip() or None
    return None


def make_up_password() -> str:
    """A password nobody has to remember; it needs no quoting in SQL."""
    return secrets.token_urlsafe(32)


def store_password(layout: Layout, password: str) -> None:
    """Stores the superuser's password. Last of all: while the file is missing, every start sets a new one."""
    layout.write(layout.password, f"{password}\n")


def set_password(layout: Layout, binaries: Binaries, identity: Identity, password: str) -> None:
    """Gives a stopped cluster another superuser password: who may change the files may do that.

    Raises StartFailed.
    """
    argv = [binaries.path("postgres"), "--single", "-D", str(layout.cluster), "postgres"]
    statement = f"ALTER ROLE postgres PASSWORD '{password}';\n"
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as script:
        script.write(statement.encode())
        script.seek(0)
        status = _run(identity, argv, stdin=script.fileno(), output=said.fileno(), wait_s=SINGLE_USER_WAIT_S)
        said.seek(0)
        words = said.read().decode(errors="replace")
    # A standalone backend ends with 0 also after a failed statement.
    if status != 0 or "ERROR:" in words:
        reason = "a new superuser password could not be set"
        raise StartFailed(
            data_dir=layout.data_dir, reason=reason, hint=hint_of(words), log=layout.log, words=words[-2000:]
        )


def _initdb_command(binaries: Binaries, fresh: Path, password_file: Path, *, fsync: bool) -> list[str]:
    # The same order of text on every machine and after every upgrade of its C library.
    provider = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if binaries.major >= 17 else []
    return [
        binaries.path("initdb"),
        f"--pgdata={fresh}",
        "--username=postgres",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        *provider,
        "--data-checksums",
        "--no-instructions",
        *([] if fsync else ["--no-sync"]),
    ]


def _initdb(layout: Layout, identity: Identity, argv: list[str]) -> None:
    with tempfile.TemporaryFile() as said:
        status = _run(identity, argv, stdin=subprocess.DEVNULL, output=said.fileno(), wait_s=INIT_WAIT_S)
        said.seek(0)
        words = said.read().decode(errors="replace")
    if status != 0:
        last = "\n".join(words.splitlines()[-WORDS_LINES:])
        raise InitFailed(data_dir=layout.data_dir, status=status, hint=hint_of(words), words=last)


def _run(identity: Identity, argv: list[str], *, stdin: int, output: int, wait_s: float) -> int:
    # Killed with its launcher: nobody would wait for what it does any more.
    command = identity.command(*argv, at_launchers_death="KILL")
    with identity.spawn(command, stdin=stdin, output=output) as process:
        try:
            return process.wait(wait_s)
        except BaseException:
            process.kill()
            raise
