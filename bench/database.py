"""The bench's own PostgreSQL: durable, migrated, and filled once for each schema and size."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from bench import statements
from bench.statements import APPROVER, CREATOR, ORG_READ, ORG_WRITTEN, PAGE
from vendorpay.entrypoints import embedded_postgres, role_passwords
from vendorpay.entrypoints.database_urls import DATABASE
from vendorpay.entrypoints.embedded_postgres import RunningPostgres
from vendorpay.store.migrate import migrate, shipped
from vendorpay.store.set_up import APP, OWNER, set_up_server

PENDING_EVERY: Final = 20
SPREAD_MS: Final = 365 * 86_400_000
"""The payments loaded came in over a year, the last one just now."""
CHUNK: Final = 5_000
LOADERS: Final = 2
BUSY_S_MAX: Final = 60.0
"""How long somebody else may be giving positions while we want to."""
BUSY_PAUSE_S: Final = 0.01
GROWTH_MAX: Final = 1.0
"""How many payments runs may have added, as a share of those loaded, before the database is made anew."""
PAYMENTS_A_VENDOR: Final = 100

# What the laptop's settings are not: memory that holds the working set, and no checkpoint or vacuum in somebody's turn.
SETTINGS: Final[Mapping[str, str]] = {
    "shared_buffers": "2GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "1h",
    "autovacuum": "off",
    "max_connections": "200",
    "log_min_messages": "warning",
}


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A database with its payments; ids follow from numbers 0 .. payments - 1."""

    name: str
    payments: int
    from_ms: int
    step_ms: int
    app_url: str
    superuser_url: str

    @property
    def vendors(self) -> int:
        return max(1, self.payments // PAYMENTS_A_VENDOR)

    @property
    def pages_waiting(self) -> int:
        """After how many of the payments that wait a whole page of others follows."""
        return max(1, self.payments // PENDING_EVERY - PAGE)


@dataclass
class Pool:
    """Payments that wait to be approved, each once; `take` tells from which number on they are whose."""

    ms: int
    size: int
    taken: int = 0

    def take(self, count: int) -> int:
        first, self.taken = self.taken, self.taken + count
        if self.taken > self.size:
            raise RuntimeError(f"of {self.size} payments for approvals none is left")
        return first

    def give_back(self, count: int) -> None:
        """What was taken last and not used."""
        self.taken -= count

    @property
    def prefix(self) -> str:
        """What all their ids begin with; the number of the payment in 12 hexadecimal digits follows."""
        return f"{self.ms:012x}70008000"


def say(text: str) -> None:
    """A line of progress."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


@contextmanager
def running(home: Path, bin_dir: Path | None = None, **settings: str) -> Iterator[RunningPostgres]:
    """PostgreSQL on the bench's directory, fsync on."""
    with embedded_postgres.start(home / "data", bin_dir=bin_dir, settings={**SETTINGS, **settings}) as postgres:
        yield postgres


def database(postgres: RunningPostgres, payments: int, *, whole: bool = True) -> Loaded:
    """A migrated database with so many payments; the one of the last run where that still fits.

    With `whole` it has the payments' whole record and is the one that `serve` itself would use; without, payments and
    lines alone.
    """
    name = DATABASE if whole else f"{DATABASE}_{payments}"
    wanted = {"payments": payments, "made_of": _made_of(), "whole": whole}
    passwords = role_passwords.keep(postgres.data_dir)
    app_url, superuser_url = postgres.url(APP, passwords[APP], name), postgres.superuser_url(name)
    facts = _facts(postgres, name)
    if facts is None or wanted.items() - facts.items() or _grown(superuser_url, payments) > GROWTH_MAX:
        facts = _make(postgres, name, passwords, wanted)
    found = Loaded(
        name=name,
        payments=payments,
        from_ms=facts["from_ms"],
        step_ms=facts["step_ms"],
        app_url=app_url,
        superuser_url=superuser_url,
    )
    say(f"database {name}: {payments:,} payments")
    return found


def version(loaded: Loaded) -> str:
    """Of the server."""
    with psycopg.connect(loaded.superuser_url) as connection:
        return str(_one(connection, "SHOW server_version", {}))


def fill_pool(loaded: Loaded, size: int) -> Pool:
    """Payments that wait, for this run's approvals."""
    began = time.monotonic()
    pool = Pool(ms=_now_ms(), size=size)
    if size == 0:
        return pool
    insert(loaded.superuser_url, size, org_id=ORG_WRITTEN, from_ms=pool.ms, step_ms=0, pending_every=1, vendors=1000)
    settle(loaded)
    with psycopg.connect(loaded.superuser_url, autocommit=True) as connection:
        connection.execute("ANALYZE")
        connection.execute("CHECKPOINT")
    say(f"{size:,} payments wait for approvals ({time.monotonic() - began:.1f} s)")
    return pool


def settle(loaded: Loaded) -> None:
    """Gives positions to what was written without a service, so that none has to do that in its own time.

    Raises RuntimeError when somebody else, who may be asleep, keeps us from it for too long.
    """
    with psycopg.connect(loaded.superuser_url, autocommit=True) as connection:
        for stream in ("feed", "audit"):
            _number(connection, stream)


def _number(connection: psycopg.Connection[Any], stream: str) -> None:
    statement, deadline = statements.load("load.sql")["number_stream"], time.monotonic() + BUSY_S_MAX
    while (outcome := _one(connection, statement, {"stream": stream})) in ("more", "busy"):
        if outcome == "more":
            deadline = time.monotonic() + BUSY_S_MAX
        elif time.monotonic() > deadline:
            raise RuntimeError(f"the {stream} could not be given positions: somebody else held it for {BUSY_S_MAX} s")
        else:
            time.sleep(BUSY_PAUSE_S)


def _make(postgres: RunningPostgres, name: str, passwords: dict[str, str], wanted: dict[str, Any]) -> dict[str, Any]:
    say(f"database {name} is made: {wanted['payments']:,} payments")
    began = time.monotonic()
    with psycopg.connect(postgres.superuser_url(), autocommit=True) as connection:
        connection.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))
    asyncio.run(_set_up(postgres, name, passwords))
    step_ms = max(1, SPREAD_MS // wanted["payments"])
    facts = {**wanted, "step_ms": step_ms, "from_ms": _now_ms() - step_ms * wanted["payments"]}
    url = postgres.superuser_url(name)
    insert(
        url,
        wanted["payments"],
        org_id=ORG_READ,
        from_ms=facts["from_ms"],
        step_ms=step_ms,
        pending_every=PENDING_EVERY,
        vendors=max(1, wanted["payments"] // PAYMENTS_A_VENDOR),
        with_record=wanted["whole"],
    )
    say(f"  loaded ({time.monotonic() - began:.1f} s)")
    loaded = Loaded(name=name, payments=wanted["payments"], from_ms=0, step_ms=0, app_url=url, superuser_url=url)
    settle(loaded)
    say(f"  numbered ({time.monotonic() - began:.1f} s)")
    with psycopg.connect(url, autocommit=True) as connection:
        # Only tables that hold something: plans made for an empty one stay bad for a connection's life.
        filled = "SELECT c.oid::regclass::text FROM pg_class c WHERE relkind = 'r' AND pg_relation_size(oid) > 0"
        filled += " AND relnamespace = 'public'::regnamespace"
        for (table,) in connection.execute(filled).fetchall():
            connection.execute(f"VACUUM {table}".encode())
        connection.execute("ANALYZE")
        connection.execute("CHECKPOINT")
        note = SQL("COMMENT ON DATABASE {} IS {}").format(Identifier(name), Literal(json.dumps(facts)))
        connection.execute(note)
    say(f"  vacuumed and analysed ({time.monotonic() - began:.1f} s)")
    return facts


async def _set_up(postgres: RunningPostgres, name: str, passwords: dict[str, str]) -> None:
    async with await psycopg.AsyncConnection.connect(postgres.superuser_url(), autocommit=True) as connection:
        await set_up_server(connection, name, passwords)
    await migrate(postgres.url(OWNER, passwords[OWNER], name))


def insert(
    url: str,
    count: int,
    *,
    org_id: str,
    from_ms: int,
    step_ms: int,
    pending_every: int,
    vendors: int,
    with_record: bool = True,
) -> None:
    """Payments numbered from 0, each with its whole record or, without it, with its lines alone; as a superuser."""
    blocks = statements.load("load.sql")
    statement = blocks["payments"].replace("@with_record", blocks["with_record"] if with_record else "")
    if not with_record:
        statement = statement.replace("),\n\nSELECT", ")\nSELECT")
    fixed = {"org_id": org_id, "from_ms": from_ms, "step_ms": step_ms, "pending_every": pending_every}
    fixed |= {"vendors": vendors, "creator": CREATOR, "approver": APPROVER}
    chunks = iter(range(0, count, CHUNK))

    def load_chunks() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute("SET synchronous_commit = off")
            connection.execute("SET work_mem = '256MB'")
            while (first := next(chunks, None)) is not None:
                numbers = {"first": first, "last": min(count, first + CHUNK) - 1}
                connection.execute(statement.encode(), {**fixed, **numbers})

    with ThreadPoolExecutor(LOADERS) as loaders:
        for done in [loaders.submit(load_chunks) for _ in range(LOADERS)]:
            done.result()


def _facts(postgres: RunningPostgres, name: str) -> dict[str, Any] | None:
    with psycopg.connect(postgres.superuser_url(), autocommit=True) as connection:
        asked = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %(name)s"
        note = _one(connection, asked, {"name": name})
    return json.loads(note) if note else None


def _grown(url: str, payments: int) -> float:
    with psycopg.connect(url, autocommit=True) as connection:
        added = _one(connection, "SELECT count(*) FROM payments WHERE org_id <> %(org_id)s", {"org_id": ORG_READ})
    return float(added) / payments


def _one(connection: psycopg.Connection[Any], statement: str, parameters: Mapping[str, Any]) -> Any:
    row = connection.execute(statement.encode(), parameters).fetchone()
    return row[0] if row else None


def _made_of() -> str:
    """What a database's content follows from: the migrations, and how it is filled."""
    parts = [migration.sha256 for migration in shipped()]
    parts += [*statements.load("load.sql").values(), str(PENDING_EVERY), str(PAYMENTS_A_VENDOR), str(SPREAD_MS)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _now_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)
