"""Pages of what waits and of one vendor, in databases of several sizes, in turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

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

Pages = Mapping[tuple[str, int], Measured]
"""By kind of page and size of the database."""


def measure(
    home: Path, postgres: RunningPostgres, known: Loaded, sizes: Sequence[int], rounds: int, seconds: float
) -> Pages:
    """The median of all rounds for each kind of page and each size; `known` is one of the databases."""
    databases = [known if size == known.payments else database.database(postgres, size, whole=False) for size in sizes]
    found: dict[tuple[str, int], list[Measured]] = {(kind, size): [] for kind in KINDS for size in sizes}
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


def slowdown(pages: Pages, kind: str) -> float:
    """How much longer a page takes in the largest database than in the smallest."""
    sizes = [size for one, size in pages if one == kind]
    return pages[kind, min(sizes)].per_s / pages[kind, max(sizes)].per_s
