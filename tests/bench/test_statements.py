"""The bench's statements write what the service writes, so that its limit is one of the same work."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from bench import statements
from bench.database import insert
from bench.statements import APPROVER, CREATOR, ORG_READ, ORG_WRITTEN, PAGE
from tests.database import DatabaseUrls
from tests.usecases.world import World, a_caller, a_key, a_new_payment, open_world
from vendorpay.domain.new_payment import NewLine
from vendorpay.domain.payment import Payment
from vendorpay.domain.roles import Role, Scope
from vendorpay.store import read_payments
from vendorpay.store.payment_rows import payment_of

LINES = (
    NewLine(description="Towing - Base Service", quantity=1, unit_price_cents=25_000),
    NewLine(description="Mileage Charge", quantity=14, unit_price_cents=250),
)
TABLES = {
    "payments": "payment_id",
    "payment_line_items": "payment_id",
    "approvals": "payment_id",
    "payment_audit_log": "payment_id",
    "outbox": "aggregate_id",
    "commands": "payment_id",
}
OWN = {"xid", "vendor_id"}
"""Columns whose values are everybody's own and may be of any kind."""
PEOPLE = {CREATOR, APPROVER}
KINDS = {
    "a uuid": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z"),
    "a time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z\Z"),
    "a digest": re.compile(r"[0-9a-f]{64}\Z"),
}


@pytest.fixture
async def world(database_urls: DatabaseUrls) -> AsyncIterator[World]:
    async with open_world(database_urls) as opened:
        yield opened


def created_by_bench(connection: psycopg.Connection[Any]) -> UUID:
    row = connection.execute(statements.create().encode(), {"vendor": 7}).fetchone()
    assert row is not None
    return UUID(str(row[0]))


def approved_by_bench(connection: psycopg.Connection[Any], payment_id: UUID) -> None:
    digits = payment_id.hex
    # The last digits as pgbench counts them: a number.
    connection.execute(statements.approve().encode(), {"prefix": digits[:20], "i": int(digits[20:], 16)})


async def created_by_service(world: World) -> UUID:
    new = a_new_payment(
        line_items=LINES, amount_cents=28_500, metadata={"duration": 45, "serviceType": "towing"}, vendor_id=uuid4()
    )
    caller = a_caller(Role.DISPATCHER, CREATOR, org_id=ORG_WRITTEN)
    return (await world.create(new, by=caller, key=a_key(str(uuid4())))).payment_id


async def approved_by_service(world: World, payment_id: UUID) -> None:
    caller = a_caller(Role.DISPATCHER, APPROVER, org_id=ORG_WRITTEN)
    await world.approve(payment_id, by=caller, key=a_key(str(uuid4())))


def written(world: World, payment_id: UUID) -> dict[str, list[Any]]:
    """All rows about a payment, with what is every payment's own replaced by its kind."""
    found = {}
    for table, column in TABLES.items():
        rows = world.rows(f"SELECT * FROM {table} WHERE {column} = %s", payment_id)
        found[table] = sorted(
            ({name: kind_of(value) for name, value in row.items() if name not in OWN} for row in rows), key=str
        )
    return found


def kind_of(value: Any) -> Any:
    """The value itself, or what it is one of."""
    match value:
        case UUID():
            found: Any = "a uuid"
        case datetime():
            found = "a time"
        case bytes():
            is_json = value.startswith(b'{"') and value.endswith(b"}")
            found = kind_of(json.loads(value)) if is_json else f"{len(value)} bytes"
        case dict():
            found = {name: kind_of(one) for name, one in value.items() if name not in OWN}
        case list():
            found = [kind_of(one) for one in value]
        case str() if value not in PEOPLE:
            found = next((kind for kind, pattern in KINDS.items() if pattern.match(value)), value)
        case _:
            found = value
    return found


@pytest.mark.anyio
async def test_a_creation_and_an_approval_of_the_bench_leave_the_rows_that_the_service_leaves(world: World) -> None:
    by_service = await created_by_service(world)
    with psycopg.connect(world.urls.app, autocommit=True) as connection:
        by_bench = created_by_bench(connection)
        assert written(world, by_bench) == written(world, by_service)
        await approved_by_service(world, by_service)
        approved_by_bench(connection, by_bench)
    assert written(world, by_bench) == written(world, by_service)
    assert (await world.audit()).clean


@pytest.mark.anyio
async def test_an_approval_of_the_bench_is_refused_for_what_was_approved(world: World) -> None:
    with psycopg.connect(world.urls.app, autocommit=True) as connection:
        payment_id = created_by_bench(connection)
        approved_by_bench(connection, payment_id)
        with pytest.raises(psycopg.errors.DivisionByZero):
            approved_by_bench(connection, payment_id)


@pytest.mark.anyio
async def test_what_the_bench_loads_is_what_the_service_would_have_written(world: World) -> None:
    pending, approved = await created_by_service(world), await created_by_service(world)
    await approved_by_service(world, approved)
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    insert(world.urls.superuser, 4, org_id=ORG_WRITTEN, from_ms=now_ms, step_ms=10, pending_every=2, vendors=3)
    loaded = [
        row["payment_id"] for row in world.rows("SELECT payment_id FROM payments ORDER BY payment_id DESC LIMIT 4")
    ]
    for payment_id, model in zip(reversed(loaded), (pending, approved, pending, approved), strict=True):
        found, expected = written(world, payment_id), written(world, model)
        # Of old answers the length alone counts, and those of approvals are left out.
        assert [row["operation"] for row in found.pop("commands")] == ["create_payment"]
        del expected["commands"]
        assert found == expected
    assert (await world.audit()).clean


def read_by_bench(world: World, statement: str, **variables: int) -> list[Payment]:
    """The payments in a statement's rows, which have every column that the service makes a payment of."""
    with psycopg.connect(world.urls.app, autocommit=True, row_factory=dict_row) as connection:
        return [payment_of(row, row) for row in connection.execute(statement.encode(), variables).fetchall()]


@pytest.mark.anyio
async def test_what_the_bench_reads_is_what_the_service_reads(world: World) -> None:
    from_ms, step_ms = 1_700_000_000_000, 10
    insert(
        world.urls.superuser,
        2 * PAGE + 8,
        org_id=ORG_READ,
        from_ms=from_ms,
        step_ms=step_ms,
        pending_every=2,
        vendors=3,
    )
    ids = {"from_ms": from_ms, "step_ms": step_ms}
    scope, database = Scope(org_id=ORG_READ), world.deps.database
    async with database.reading() as connection:
        queue = await read_payments.pending(connection, scope, after=read_payments.FIRST, limit=PAGE + 1, offset=0)
        later = await read_payments.pending(connection, scope, after=queue[1].payment_id, limit=PAGE + 1, offset=0)
        newest = await read_payments.page(connection, scope, {}, before=read_payments.LAST, limit=2 * PAGE + 8)
        waiting, approved = await read_payments.by_ids(
            connection, [(scope, queue[1].payment_id), (scope, newest[-4].payment_id)]
        )
    assert read_by_bench(world, statements.pending()) == queue
    assert read_by_bench(world, statements.pending_page(), n=2, **ids) == later
    assert read_by_bench(world, statements.get(), n=2, **ids) == [waiting]
    assert read_by_bench(world, statements.get(), n=3, **ids) == [approved]
    assert len(queue) == len(later) == PAGE + 1
    assert approved is not None
    assert approved.approvals


def test_a_colon_in_a_text_is_no_variable_of_pgbench() -> None:
    text = """SELECT '{"seq":1,"at":"' || %(at)s::text || '"}', x::uuid"""
    assert statements.for_pgbench(text) == """SELECT '{"seq":' || '1,"at":"' || :at::text || '"}', x::uuid;\n"""
