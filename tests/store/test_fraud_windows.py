"""The windows that SQL reads are those that the history in memory has, for the same payments."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from tests.database import DatabaseUrls, new_id
from tests.usecases.world import rounds, seeded
from vendorpay.domain.fraud.facts import facts_of
from vendorpay.domain.fraud.rows import FraudRow
from vendorpay.domain.fraud_history import History
from vendorpay.store import fraud_history, fraud_questions
from vendorpay.store.arrays import literal
from vendorpay.store.db import Database
from vendorpay.store.fraud_questions import Kept

pytestmark = pytest.mark.anyio

START = datetime(2026, 3, 1, tzinfo=UTC)
ROWS = 120
BURST = 720


def a_history(chance: random.Random, count: int = ROWS, *, within: timedelta | None = None) -> list[FraudRow]:
    """Payments of few vendors, services, people and currencies, so that windows fill and times collide."""
    vendors, incidents, people = ([UUID(int=chance.getrandbits(128)) for _ in range(n)] for n in (4, 30, 3))
    days = chance.choice((2, 40, 400))
    span = within or timedelta(days=days)
    rows = []
    for n in range(count):
        base = chance.choice((None, 0, 9_000, 12_500))
        rows.append(
            FraudRow(
                payment_id=new_id(START + timedelta(days=500, seconds=n)),
                vendor_id=chance.choice(vendors),
                incident_id=chance.choice(incidents),
                occurred_at=START
                + span * (chance.randrange(48) / 48)
                + timedelta(microseconds=chance.choice((0, 1, 999))),
                currency=chance.choice(("USD", "USD", "EUR", "JPY")),
                amount_cents=chance.randrange(1, 50_000),
                service_type=chance.choice((None, "tow", "tire change")),
                base_cents=base,
                mileage_cents=None if base is None else chance.choice((0, 700, 4_000)),
                duration_min=chance.choice((None, 0, 35, 200)),
                photo_count=chance.choice((None, 0, 3)),
                created_by=chance.choice((None, *map(str, people))),
                driver_id=chance.choice((None, *map(str, people))),
                lines_key=chance.choice((-(2**63), -1, 0, 2**63 - 1)),
                extras=tuple(sorted(chance.sample(("after hours", 'a "fee"', "ünwinch \\"), chance.randrange(4)))),
                notes_key=chance.choice((None, -5, 2**62)),
                live=chance.random() < 0.9,
            )
        )
    return rows


def write(urls: DatabaseUrls, org_id: str, rows: list[FraudRow]) -> None:
    """Puts rows into the table as a superuser: what payments stand behind them is no matter here."""
    with psycopg.connect(urls.superuser) as connection:
        connection.execute("SET session_replication_role = replica")
        for row in rows:
            connection.execute(
                "INSERT INTO fraud_history VALUES"
                " (%s, %s, 1, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                (
                    *(row.payment_id, org_id, row.vendor_id, row.incident_id, row.occurred_at, row.currency),
                    *(row.amount_cents, row.service_type or "", row.base_cents, row.mileage_cents, row.duration_min),
                    *(row.photo_count, row.created_by, row.driver_id, row.lines_key, list(row.extras)),
                    *(row.notes_key, row.photos_key, row.live),
                ),
            )


async def test_fault_16_sql_and_memory_know_the_same_of_every_payment(database_urls: DatabaseUrls) -> None:
    """Facts come from our own rows, and what is not known is None in both."""
    chance = seeded("fraud windows")
    async with Database.open(database_urls.app) as database:
        for n in range(rounds(4, 200)):
            rows = a_history(chance)
            write(database_urls, f"org-{n}", rows)
            asked = [Kept(org_id=f"org-{n}", content_version=1, row=row) for row in rows]
            async with database.connection() as connection:
                found = await fraud_history.windows(connection, [], asked)
            history = History()
            for row, (windows, said) in zip(rows, found, strict=True):
                expected = history.windows(row)
                for name in expected.__struct_fields__:
                    assert getattr(windows, name) == getattr(expected, name), (name, row)
                assert facts_of(row, windows) == facts_of(row, expected)
                assert (said.listings, said.live, said.shadow) == ((), None, None)
                history.record(row)


@pytest.mark.parametrize(("together", "spare_max"), [(1, 400), (60, 400), (160, 400), (160, 100)])
async def test_a_burst_finds_its_own_in_what_it_shares(
    together: int, spare_max: int, database_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within minutes more payments than a window has; with little to spare some of them share too little, and ask
    alone.
    """
    monkeypatch.setattr(fraud_questions, "SPARE_MAX", spare_max)
    rows = a_history(seeded("fraud burst"), BURST, within=timedelta(minutes=10))
    write(database_urls, "ours", rows)
    asked = [Kept(org_id="ours", content_version=1, row=row) for row in rows[-together:]]
    async with Database.open(database_urls.app) as database, database.connection() as connection:
        found = await fraud_history.windows(connection, [], asked[::-1])
    history = History()
    for row in rows[:-together]:
        history.record(row)
    for row, (windows, _) in zip(rows[-together:], found[::-1], strict=True):
        assert windows == history.windows(row)
        history.record(row)


async def test_another_organisations_history_is_none(database_urls: DatabaseUrls) -> None:
    rows = a_history(random.Random(1))
    write(database_urls, "theirs", rows)
    async with Database.open(database_urls.app) as database, database.connection() as connection:
        ((windows, _),) = await fraud_history.windows(
            connection, [], [Kept(org_id="ours", content_version=1, row=rows[-1])]
        )
    assert windows == History().windows(rows[-1])


def test_a_row_is_kept_as_it_is() -> None:
    """Extras go as JSON inside an array literal: their quotes and backslashes are still theirs."""
    row = a_history(random.Random(2))[0]
    values = fraud_history._values(Kept(org_id="o", content_version=1, row=row))
    assert literal([values[16]]).startswith('{"')
