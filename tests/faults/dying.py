"""What can die under a running service, and how each is made to."""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import psycopg

from tests.scenarios.serving import Serve
from vendorpay.entrypoints.embedded_postgres import processes

SOAK = os.environ.get("VENDORPAY_SOAK") == "1"
CONNECTIONS = "FROM pg_stat_activity WHERE application_name = 'vendorpay' AND backend_type = 'client backend'"


def seed_of(name: str) -> random.Random:
    """Chance, printed so that VENDORPAY_FAULT_SEED brings the same again."""
    seed = os.environ.get("VENDORPAY_FAULT_SEED") or str(random.SystemRandom().randrange(10**9))
    print(f"VENDORPAY_FAULT_SEED={seed} for {name}")
    return random.Random(f"{seed} {name}")


def rounds(few: int, many: int) -> int:
    """How often: few for `make test`, many for `make soak`."""
    return many if SOAK else few


def kill_postmaster(serve: Serve, rng: random.Random) -> None:
    processes.send(serve.postgres().pid, signal.SIGKILL)


def kill_backend(serve: Serve, rng: random.Random) -> None:
    """One connection's process: PostgreSQL then ends all of them and recovers."""
    with psycopg.connect(serve.books_url(), autocommit=True) as connection:
        pids = [pid for (pid,) in connection.execute(f"SELECT pid {CONNECTIONS}").fetchall()]
    processes.send(rng.choice(pids), signal.SIGKILL)


def cut_connections(serve: Serve, rng: random.Random) -> None:
    """All of the service's connections, several times, whatever they are doing."""
    with psycopg.connect(serve.books_url(), autocommit=True) as connection:
        for _ in range(10):
            connection.execute(f"SELECT pg_terminate_backend(pid), pg_sleep({rng.uniform(0, 0.05)}) {CONNECTIONS}")


def kill_serving_process(serve: Serve, rng: random.Random) -> None:
    processes.send(rng.choice(serve.serving_pids()), signal.SIGKILL)


OUTLIVED: dict[str, Callable[[Serve, random.Random], None]] = {
    "the postmaster": kill_postmaster,
    "a backend": kill_backend,
    "all connections": cut_connections,
    "a serving process": kill_serving_process,
}
"""What `serve` gets over by itself."""


def path_without_setpriv(folder: Path) -> str:
    """A PATH with what serve uses, but for the program that lets PostgreSQL die with it: so it survives."""
    folder.mkdir()
    for name in ("unshare", "ps", "sh"):
        if found := shutil.which(name):
            (folder / name).symlink_to(found)
    return str(folder)
