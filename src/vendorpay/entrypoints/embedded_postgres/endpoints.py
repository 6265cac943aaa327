"""Where clients reach PostgreSQL: a private unix socket, and a loopback port."""

import os
import shutil
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

from vendorpay.entrypoints.embedded_postgres.layout import Layout

# The kernel's sun_path holds 108 bytes with its final zero (104 on macOS).
SOCKET_PATH_BYTES_MAX = 103
SHORT_PREFIX = "vendorpay-pg-"


def socket_directory(layout: Layout, owner: tuple[int, int]) -> Path:
    """An empty directory (0700) for the socket: in the data directory, or a short one when that does not fit."""
    directory = layout.sockets
    if fits(directory):
        shutil.rmtree(directory, ignore_errors=True)  # A socket or its lock file left by a killed PostgreSQL.
        directory.mkdir(mode=0o700)
    else:
        temporary = Path(tempfile.gettempdir())
        parent = temporary if fits(temporary / (SHORT_PREFIX + "x" * 8)) else Path("/tmp")  # noqa: S108
        directory = Path(tempfile.mkdtemp(prefix=SHORT_PREFIX, dir=parent))
    if os.geteuid() == 0:
        os.chown(directory, *owner)
    return directory


def discard_socket_directory(directory: Path | None) -> None:
    """Removes a directory made by `socket_directory`, and nothing else."""
    if directory is None or not (directory.name.startswith(SHORT_PREFIX) or directory.name == "postgres.socket"):
        return
    with suppress(FileNotFoundError):
        # Under /tmp anybody could have put another one there meanwhile.
        if os.geteuid() in (0, directory.stat(follow_symlinks=False).st_uid) and not directory.is_symlink():
            shutil.rmtree(directory, ignore_errors=True)


def fits(directory: Path) -> bool:
    """Whether the socket's path in a directory is short enough for the kernel, and a single host for libpq."""
    if "," in str(directory):  # libpq would see a list of hosts there.
        return False
    return len(os.fsencode(directory / ".s.PGSQL.65535.lock")) <= SOCKET_PATH_BYTES_MAX


def loopback_port(layout: Layout, *, avoid: frozenset[int] = frozenset()) -> int:
    """The port of the last run when it is free, so that clients find it again; else another free one."""
    last = remembered_port(layout)
    if last and last not in avoid and _is_free(last):
        return last
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    layout.write(layout.port, f"{port}\n")
    return port


def remembered_port(layout: Layout) -> int | None:
    """The port of the last run, if there was one."""
    with suppress(FileNotFoundError, ValueError):
        port = int(layout.port.read_text())
        return port if 0 < port < 65536 else None
    return None


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As PostgreSQL does it: connections that linger from the last run are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
