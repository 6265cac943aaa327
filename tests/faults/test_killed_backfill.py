"""kill -9 of `vendorpay fraud backfill` at random moments: given again it ends with the whole history, no row twice."""

from __future__ import annotations

import json
import subprocess
import time
from datetime import timedelta

import psycopg
import pytest
from psycopg.rows import TupleRow

from tests.database import DatabaseUrls
from tests.faults.dying import rounds, seed_of
from tests.scenarios.serving import VENDORPAY, clean_environment
from tests.usecases.world import ADMIN, a_new_payment, open_world
from vendorpay.usecases import create_payments

pytestmark = pytest.mark.anyio
ADVANCE_S_MAX = 60.0


def started(urls: DatabaseUrls) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*VENDORPAY, "fraud", "backfill", "--database-url", urls.owner, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=clean_environment(),
    )


def filled(connection: psycopg.Connection[TupleRow]) -> int:
    row = connection.execute("SELECT count(*) FROM fraud_history").fetchone()
    assert row
    return int(row[0])


def wait_beyond(connection: psycopg.Connection[TupleRow], count: int, process: subprocess.Popen[bytes]) -> None:
    """Returns when there are more; fails when it ended before."""
    deadline = time.monotonic() + ADVANCE_S_MAX
    while filled(connection) <= count:
        assert process.poll() is None, "it ended too early"
        assert time.monotonic() < deadline, "it does not get on"
        time.sleep(0.002)


def wait_for_its_backends(connection: psycopg.Connection[TupleRow]) -> None:
    """A backend ends the statement that it has, and commits, when its client was killed meanwhile."""
    others = "datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    deadline = time.monotonic() + ADVANCE_S_MAX
    while connection.execute(f"SELECT FROM pg_stat_activity WHERE {others}").fetchone() is not None:
        assert time.monotonic() < deadline, "its backends do not end"
        time.sleep(0.002)


async def test_killed_and_given_again_it_fills_every_gap_once(database_urls: DatabaseUrls) -> None:
    rng = seed_of("backfill")
    kills = rounds(1, 40)
    payments = 500 * (kills + 3)  # so many that who is off its core for a moment does not look too late
    async with open_world(database_urls) as world:
        world.clock.at -= timedelta(hours=1)
        for _ in range(payments // 500):
            await create_payments.create(world.deps, ADMIN, [a_new_payment() for _ in range(500)], None)
    with psycopg.connect(database_urls.superuser, autocommit=True) as connection:
        for _ in range(kills):
            process = started(database_urls)
            try:
                wait_beyond(connection, filled(connection), process)
                time.sleep(rng.uniform(0, 0.02))
            finally:
                process.kill()
                process.communicate()
                wait_for_its_backends(connection)
        there = filled(connection)
        assert 0 < there < payments, "it was killed in the middle"
        last = started(database_urls)
        out, _ = last.communicate(timeout=ADVANCE_S_MAX)
        assert last.returncode == 0
        assert json.loads(out) == {"looked": payments, "filled": payments - there, "left": 0}
        assert filled(connection) == payments
