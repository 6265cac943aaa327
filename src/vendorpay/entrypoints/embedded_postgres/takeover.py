"""What a killed launcher or a killed PostgreSQL left behind, cleared away before a new start."""

from pathlib import Path

from vendorpay.entrypoints.embedded_postgres import pidfile, processes
from vendorpay.entrypoints.embedded_postgres.endpoints import discard_socket_directory
from vendorpay.entrypoints.embedded_postgres.errors import SurvivorWillNotDie


def clear_the_way(cluster: Path) -> None:
    """Ends every process that still uses the cluster and disarms its stale files.

    Only for the holder of the directory's lock: then whoever is left has lost its launcher. Backends outlive a
    killed postmaster while they compute, and PostgreSQL refuses to start while one holds the old shared memory.
    Raises SurvivorWillNotDie.
    """
    if not cluster.exists():
        return
    written = pidfile.read(cluster)
    pid = written.pid if written else None

    def everyone() -> set[int]:
        return processes.using(cluster, pid)

    def postmaster() -> set[int]:
        return everyone() & {pid} if pid else set()

    if everyone():
        # The postmaster first: it ends its own backends, and writes a checkpoint that makes the start quick.
        processes.end(postmaster, processes.FIRM)
        if not processes.end(everyone, processes.ORPHANS):
            raise SurvivorWillNotDie(pids=sorted(everyone()), cluster=cluster)
    pidfile.disown(cluster)
    discard_socket_directory(written.socket_dir if written else None)
