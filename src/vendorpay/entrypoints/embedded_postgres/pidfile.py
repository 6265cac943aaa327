"""PostgreSQL's own postmaster.pid: who runs, on which port, with which socket, and is it ready."""

from dataclasses import dataclass
from pathlib import Path

from vendorpay.entrypoints.embedded_postgres.layout import write_private

# Larger than any Linux or macOS process id: kill() answers "no such process".
NOBODY = 2**31 - 2


@dataclass(frozen=True, slots=True)
class PostmasterFile:
    """The facts of a postmaster.pid; the later lines are missing while PostgreSQL is still starting."""

    pid: int
    port: int | None
    socket_dir: Path | None
    ready: bool


def read(cluster: Path) -> PostmasterFile | None:
    """What PostgreSQL wrote, or None when there is nothing, or nothing that makes sense."""
    try:
        lines = _path(cluster).read_text(encoding="utf-8", errors="surrogateescape").split("\n")
        pid = int(lines[0])
    except (FileNotFoundError, ValueError):
        return None
    lines += [""] * (8 - len(lines))
    return PostmasterFile(
        # A standalone backend (`postgres --single`) writes its number negated.
        pid=abs(pid),
        port=int(lines[3]) if lines[3].isdigit() else None,
        socket_dir=Path(lines[4]) if lines[4] else None,
        ready=lines[7].strip() == "ready",
    )


def read_bin_dir(cluster: Path) -> Path:
    """Where the binaries of the last start are, as PostgreSQL wrote it down. Raises OSError."""
    # The program stands first and bare, its arguments follow in quotes.
    program = (cluster / "postmaster.opts").read_text(errors="surrogateescape").split(' "')[0]
    return Path(program).parent


def disown(cluster: Path) -> None:
    """Makes a left-over file harmless, once it is certain that nobody uses the cluster.

    PostgreSQL refuses to start while the number in it lives, even as an unrelated process or a zombie. The file
    is not removed, because it also names the old shared memory, which PostgreSQL wants to inspect and free.
    """
    path = _path(cluster)
    if not path.exists():
        return
    stat = path.stat()
    if read(cluster) is None:
        path.unlink()  # Cut short by a full disk or a power cut: PostgreSQL refuses to start on it.
        return
    lines = path.read_text(encoding="utf-8", errors="surrogateescape").split("\n")
    text = "\n".join([str(NOBODY), *lines[1:]])
    write_private(path, text, owner=(stat.st_uid, stat.st_gid))


def _path(cluster: Path) -> Path:
    return cluster / "postmaster.pid"
