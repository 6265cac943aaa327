"""Starting the embedded PostgreSQL of a data directory, and finding the one that runs."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from vendorpay.entrypoints.embedded_postgres import binaries as installed
from vendorpay.entrypoints.embedded_postgres import cluster, endpoints, processes
from vendorpay.entrypoints.embedded_postgres.binaries import Binaries
from vendorpay.entrypoints.embedded_postgres.configuration import arguments
from vendorpay.entrypoints.embedded_postgres.errors import (
    BelongsToAnotherUser,
    DataDirectoryUnusable,
    EmbeddedPostgresError,
    StartFailed,
)
from vendorpay.entrypoints.embedded_postgres.handles import AttachedPostgres, RunningPostgres, attach
from vendorpay.entrypoints.embedded_postgres.layout import Layout
from vendorpay.entrypoints.embedded_postgres.lock import DirectoryLock
from vendorpay.entrypoints.embedded_postgres.postmaster import Postmaster
from vendorpay.entrypoints.embedded_postgres.privileges import Identity, choose, hand_over
from vendorpay.entrypoints.embedded_postgres.server_log import ServerLog
from vendorpay.entrypoints.embedded_postgres.takeover import clear_the_way

PORT_ATTEMPTS_MAX = 5
NOTHING: Mapping[str, str] = MappingProxyType({})


def start(
    data_dir: Path,
    *,
    fsync: bool = True,
    bin_dir: Path | None = None,
    settings: Mapping[str, str] = NOTHING,
    die_with_launcher: bool = True,
) -> RunningPostgres:
    """Starts the PostgreSQL of a directory, and makes it when there is none; returns when it takes connections.

    Blocks: call it before the event loop, or in a thread (any thread, a short-lived one too). Takes the
    directory's lock, and stops what a killed launcher left running there. Should this process die, however,
    PostgreSQL shuts down by itself; where that is impossible (no `setpriv`, or `die_with_launcher` false) the
    next start takes over. `fsync=False` is for tests alone. Raises an EmbeddedPostgresError: AlreadyRunning
    while another process holds the directory, the others as their names say.
    """
    layout = Layout.make(data_dir)
    try:
        lock = DirectoryLock.take(layout)
    except OSError as error:
        raise _unusable(layout, error) from error
    try:
        binaries, identity, password = _prepare(layout, bin_dir, fsync=fsync)
        return _run(layout, lock, binaries, identity, password, (fsync, settings, die_with_launcher))
    except OSError as error:
        lock.release()
        raise _unusable(layout, error) from error
    except BaseException:
        lock.release()
        raise


def running(data_dir: Path) -> AttachedPostgres | None:
    """The PostgreSQL that another process runs on a directory, once it is ready; None when there is none.

    Raises BelongsToAnotherUser when the directory's secrets cannot be read.
    """
    try:
        layout = Layout.of(data_dir)
        major = cluster.made_by(layout)
        password = cluster.read_password(layout)
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise BelongsToAnotherUser(path=data_dir, owner=data_dir.stat().st_uid, ours=os.geteuid()) from error
    if major is None or password is None:
        return None
    return attach(layout.data_dir, major, password)


def _prepare(layout: Layout, bin_dir: Path | None, *, fsync: bool) -> tuple[Binaries, Identity, str]:
    """A cluster that nobody uses, ready to start."""
    binaries = installed.find(bin_dir, layout.cluster, cluster.made_by(layout))
    identity, binaries = choose(layout, binaries)
    clear_the_way(layout.cluster)
    cluster.sweep_drafts(layout)
    ServerLog(layout).trim()
    password = cluster.read_password(layout)
    chosen = password or cluster.make_up_password()
    is_new = cluster.made_by(layout) is None
    if is_new:
        cluster.make(layout, binaries, identity, chosen, fsync=fsync)
    hand_over(layout.cluster, identity)
    cluster.write_access_rules(layout, identity)
    if password is None:
        if not is_new:
            cluster.set_password(layout, binaries, identity, chosen)
        cluster.store_password(layout, chosen)
    return binaries, identity, chosen


def _run(
    layout: Layout,
    lock: DirectoryLock,
    binaries: Binaries,
    identity: Identity,
    password: str,
    options: tuple[bool, Mapping[str, str], bool],
) -> RunningPostgres:
    """Starts the server; a port that somebody took in the meantime is given up for another one."""
    fsync, settings, die_with_launcher = options
    taken: frozenset[int] = frozenset()
    for attempt in range(1, PORT_ATTEMPTS_MAX + 1):
        port = endpoints.loopback_port(layout, avoid=taken)
        sockets = endpoints.socket_directory(layout, identity.owner)
        argv = arguments(layout.cluster, sockets, port, fsync=fsync, settings=settings)
        command = [binaries.path("postgres"), *argv]
        postmaster = Postmaster(identity, command, ServerLog(layout), die_with_launcher=die_with_launcher)
        try:
            postmaster.wait_until_ready(layout)
            handle = RunningPostgres(
                data_dir=layout.data_dir,
                bin_dir=binaries.directory,
                major=binaries.major,
                pid=postmaster.pid,
                port=port,
                socket_dir=sockets,
                superuser_password=password,
                postmaster=postmaster,
                lock=lock,
                launcher_pid=os.getpid(),
            )
            postmaster.prove(handle.superuser_url(), layout)
        except BaseException as error:
            postmaster.stop(processes.FIRM)
            endpoints.discard_socket_directory(sockets)
            lost_the_port = isinstance(error, StartFailed) and "could not create any TCP/IP" in postmaster.words()
            if not lost_the_port or attempt == PORT_ATTEMPTS_MAX:
                raise
            taken |= {port}
        else:
            return handle
    raise AssertionError("the last attempt returns or raises")


def _unusable(layout: Layout, error: OSError) -> EmbeddedPostgresError:
    path = Path(error.filename) if isinstance(error.filename, str) else layout.data_dir
    if isinstance(error, PermissionError) and path.exists() and path.stat().st_uid != os.geteuid():
        return BelongsToAnotherUser(path=path, owner=path.stat().st_uid, ours=os.geteuid())
    return DataDirectoryUnusable(data_dir=layout.data_dir, reason=f"{error.strerror or error} ({path}).")
