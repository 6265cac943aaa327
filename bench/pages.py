"""Pages of what waits and of one vendor, in databases of several sizes, in turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from bench import database
from bench.database import Loaded, say
from bench.load_generator import Task
from bench.measuring import Measured, median
from bench.process_tree import Tree
from bench.service import serving
from bench.statements import CREATOR, ORG_READ
from vendorpay.entrypoints.embedded_postgres import RunningPostgres

KINDS: Final = ("pending", "vendor")
CLIENTS: Final = 16
PIECE_BYTES: Final = 16 * 1024 * 1024

Pages = Mapping[tuple[str, int], Measured]
"""By kind of page and size of the database."""


def measure(
    home: Path, postgres: RunningPostgres, known: Loaded, sizes: Sequence[int], rounds: int, seconds: float
) -> Pages:
    """The median of all rounds for each kind of page and each size; `known` is one of the databases."""
    databases = [known if size == known.payments else database.database(postgres, size, whole=False) for size in sizes]
    found: dict[tuple[str, int], list[Measured]] = {(kind, size): [] for kind in KINDS for size in sizes}
    for loaded in databases:
        _read_once(loaded)
    with ExitStack() as stack:
        services = [
            stack.enter_context(serving(home / "serve", "--database-url", loaded.app_url)) for loaded in databases
        ]
        token = services[0].token("dispatcher", CREATOR, ORG_READ)
        for number in range(rounds + 1):
            for loaded, service in zip(databases, services, strict=True):
                for kind in KINDS:
                    task = Task(
                        port=service.port,
                        token=token,
                        kind=kind,
                        clients=CLIENTS,
                        seconds=seconds,
                        numbers=loaded.vendors,
                    )
                    one = service.measure(task, Tree(postgres.pid))
                    if number:  # the first time is for warming up
                        found[kind, loaded.payments].append(one)
                        say(
                            f"round {number} of {rounds}: {kind} at {loaded.payments:,}: {one.per_s:.0f}/s,"
                            f" database {one.database_us:.0f} us"
                        )
    return {key: median(all_of_it) for key, all_of_it in found.items()}


def _read_once(loaded: Loaded) -> None:
    """Has the system's cache hold the database: one of an earlier run would else come from the disk, a new one not."""
    with psycopg.connect(loaded.superuser_url) as connection:
        found = connection.execute(
            "SELECT current_setting('data_directory') || '/base/' || oid"
            " FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    assert found is not None
    for path in Path(found[0]).iterdir():
        with path.open("rb") as file:
            while file.read(PIECE_BYTES):
                pass


@dataclass(frozen=True, kw_only=True)
class Slowdown:
    """How many times as long, and as much CPU of the database, a page takes in the largest database."""

    sizes: tuple[int, int]
    """The smallest, which it is compared with, and the largest."""
    by_rate: float
    by_database_cpu: float
    """On a machine that also runs service and client, a slower database shows less in the rate than here."""

    @property
    def worse(self) -> float:
        return max(self.by_rate, self.by_database_cpu)


def slowdown(pages: Pages, kind: str) -> Slowdown | None:
    """What the size of the database costs a page; None where it was not measured in two sizes."""
    sizes = [size for one, size in pages if one == kind]
    if len(sizes) < 2:
        return None
    small, large = pages[kind, min(sizes)], pages[kind, max(sizes)]
    return Slowdown(
        sizes=(min(sizes), max(sizes)),
        by_rate=small.per_s / large.per_s,
        by_database_cpu=large.database_us / small.database_us,
    )
