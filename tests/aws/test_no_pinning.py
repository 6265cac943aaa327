"""Behind RDS Proxy hundreds of functions share a few connections: nothing they do keeps one for itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from itertools import count
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from tests.api.asking import Answered, opened
from tests.aws.tapped_wire import PINNING, tap_on
from tests.aws.test_api_functions import Office
from tests.database import DatabaseUrls
from vendorpay.adapters.checkpoint_folder import CheckpointFolder
from vendorpay.adapters.local_issuer import LocalIssuer
from vendorpay.api import examples
from vendorpay.api.operation import Operation
from vendorpay.api.operations import OPERATIONS
from vendorpay.entrypoints.aws.database import open_database
from vendorpay.entrypoints.aws.functions import DatabaseRole
from vendorpay.entrypoints.aws.settings import AwsSettings
from vendorpay.entrypoints.ids import new_id, new_salt, system_now
from vendorpay.store.db import PREPARE_AFTER, Database
from vendorpay.store.migrate import migrate
from vendorpay.usecases.carry_out import WritePath
from vendorpay.usecases.consume_events import ConsumerTarget
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.group_commit import GroupCommit
from vendorpay.workers import background
from vendorpay.workers.relay import Relay
from vendorpay.workers.routes import ROUTES
from vendorpay.workers.schedule import schedule
from vendorpay.workers.sequencer import Sequencer

pytestmark = pytest.mark.anyio

OFTEN = PREPARE_AFTER + 2
"""From so many times on a statement would be prepared, where that is wanted."""


@pytest.fixture
def issuer(tmp_path: Path) -> LocalIssuer:
    return LocalIssuer.open(tmp_path)


@asynccontextmanager
async def working(database: Database, checkpoints: Path) -> AsyncIterator[Deps]:
    """What use cases work with, on a database."""
    path = WritePath(database=database, now=system_now, new_id=new_id, new_salt=new_salt)
    async with aclosing(GroupCommit(path)) as commands:
        yield Deps(
            database=database,
            commands=commands,
            now=system_now,
            new_id=new_id,
            event_sources=frozenset({"roadcall.incident-service"}),
            checkpoints=CheckpointFolder(checkpoints),
        )


def settings_for(url: str) -> AwsSettings:
    """Those of a function on a database by a URL."""
    told = {"VENDORPAY_FUNCTION": "pump", "AWS_REGION": "eu-west-1", "EVENT_BUS_NAME": "bus"}
    return AwsSettings.read({**told, "VENDORPAY_DATABASE_URL": url})


async def ask_everything(issuer: LocalIssuer, deps: Deps) -> None:
    """Every operation of the table, often enough."""
    caller = await opened(issuer, deps.commands, deps.database)

    async def ask(
        operation: Operation,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        role: str | None,
        sub: str,
    ) -> Answered:
        fresh = {**headers, "Idempotency-Key": str(next(keys))} if "Idempotency-Key" in headers else headers
        return await caller.ask(operation.method, target, role=role, sub=sub, body=body, headers=dict(fresh))

    keys = count()
    for _ in range(OFTEN):
        office = Office(ask, made={examples.INCIDENT_ID: str(uuid4()), examples.EVENT_ID: str(uuid4())})
        for operation in OPERATIONS:
            status, _, _ = await office.answer(operation)
            assert status < 500, operation.name


async def work_in_the_background(deps: Deps) -> None:
    """The sequencer, the relay and every timer."""
    stop = asyncio.Event()
    relay = Relay(deps, (ConsumerTarget(deps, ROUTES),), holder="tapped", stop_s=1.0)
    asyncio.get_running_loop().call_later(0.5, stop.set)
    await background.run((Sequencer(deps.database, on_numbered=relay.nudge), relay), stop)
    for timer in schedule(checkpoint_every_s=1.0):
        for _ in range(OFTEN):
            await timer.step(deps)


async def test_no_operation_and_no_work_in_the_background_pins_a_connection(
    database_urls: DatabaseUrls, issuer: LocalIssuer, tmp_path: Path
) -> None:
    async with (
        tap_on(database_urls.app) as (tap, url),
        open_database(settings_for(url), DatabaseRole.APP, pool_size=4) as database,
        working(database, tmp_path) as deps,
    ):
        await ask_everything(issuer, deps)
        await work_in_the_background(deps)
        with psycopg.connect(database_urls.superuser) as connection:
            held = connection.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone()
            sequences = connection.execute("SELECT count(*) FROM pg_class WHERE relkind = 'S'").fetchone()
    assert tap.pins == set()
    assert (held, sequences) == ((0,), (0,))
    told = "\n".join(tap.statements)
    assert all(
        sign in told for sign in ("pg_try_advisory_xact_lock", "INSERT INTO payments", "COMMIT", "feed_positions")
    )


async def test_the_laptop_prepares_what_a_function_does_not(database_urls: DatabaseUrls) -> None:
    """So that the tap is known to see it."""
    for prepares in (True, False):
        async with tap_on(database_urls.app) as (tap, url), Database.open(url, prepares=prepares) as database:
            for _ in range(OFTEN):
                async with database.reading() as connection:
                    await connection.execute("SELECT 1")
        assert tap.pins == ({"a prepared statement"} if prepares else set())


async def test_a_migration_would_pin_and_so_goes_to_the_cluster_itself(empty_database_urls: DatabaseUrls) -> None:
    async with tap_on(empty_database_urls.owner) as (tap, url):
        await migrate(url)
    assert any("SET lock_timeout" in pin for pin in tap.pins)
    assert any("pg_advisory_lock(" in pin for pin in tap.pins)


@pytest.mark.parametrize(
    ("statement", "pins"),
    [
        ("SET x = 1", True),
        ("begin; set local x = 1", True),
        ("SELECT pg_advisory_lock(1)", True),
        ("SELECT pg_try_advisory_lock (1)", True),
        ("SELECT pg_advisory_unlock_all()", True),
        ("SELECT pg_try_advisory_xact_lock(1)", False),
        ("UPDATE payments SET version = 2", False),
        ("CREATE TEMP TABLE x ()", True),
        ("create temporary table x ()", True),
        ("SELECT nextval('x')", True),
        ("listen x", True),
        ("SELECT 1", False),
    ],
)
def test_what_pins_is_known_when_it_is_seen(statement: str, pins: bool) -> None:
    assert any(pattern.search(statement) for pattern in PINNING) == pins
