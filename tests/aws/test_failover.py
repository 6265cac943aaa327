"""The writer is killed and a reader takes its place: the service heals, no payment is lost, and none is there twice."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from tests.aws.failover import Endpoint, Standby, free_primary, kill, standby_of
from tests.usecases.world import DISPATCHER, SOAK, a_key, a_new_payment
from vendorpay.domain.errors import DatabaseUnavailable, IdempotencyInFlight, Overloaded
from vendorpay.domain.new_payment import NewPayment
from vendorpay.entrypoints.aws.database import PATIENCE_S
from vendorpay.entrypoints.aws.not_connected import why
from vendorpay.entrypoints.embedded_postgres import RunningPostgres
from vendorpay.entrypoints.ids import new_id, new_salt, system_now
from vendorpay.store.db import Database
from vendorpay.store.migrate import migrate
from vendorpay.store.set_up import APP, OWNER, READONLY, set_up_server
from vendorpay.usecases.carry_out import WritePath
from vendorpay.usecases.create_payment import CreatePayment
from vendorpay.usecases.fate import FATE_S_MAX
from vendorpay.usecases.group_commit import GroupCommit
from vendorpay.usecases.verify_audit import verify

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

DATABASE = "vendorpay"
PASSWORDS = {OWNER: "of-the-owner", APP: "of-the-app", READONLY: "of-the-reader"}
CALLERS = 8
HEALED_S_MAX = 60.0
RETRY_S = 0.1
PASSING = (DatabaseUnavailable, Overloaded, IdempotencyInFlight)
"""What a caller gets who should ask again, under the same key."""
AWAY_S = [0.5, 9.0] if SOAK else [0.5]
"""For so long the endpoint still leads to the dead writer; then, for as long, to a reader."""


@dataclass
class Cluster:
    """A writer, a reader, and the endpoint that leads to the writer."""

    primary: RunningPostgres
    standby: Standby

    def url(self, endpoint: Endpoint) -> str:
        login = f"{APP}:{PASSWORDS[APP]}"
        return f"postgresql://{login}@127.0.0.1:{endpoint.own_port}/{DATABASE}?target_session_attrs=read-write"


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    memory = Path("/dev/shm")
    place = memory if memory.is_dir() else None
    with (
        tempfile.TemporaryDirectory(dir=place, ignore_cleanup_errors=True) as folder,
        free_primary(Path(folder) / "primary") as primary,
    ):
        asyncio.run(_set_up(primary))
        with standby_of(primary, Path(folder) / "standby") as standby:
            yield Cluster(primary, standby)


async def _set_up(postgres: RunningPostgres) -> None:
    async with await psycopg.AsyncConnection.connect(postgres.superuser_url(), autocommit=True) as connection:
        await set_up_server(connection, DATABASE, PASSWORDS)
    await migrate(postgres.url(OWNER, PASSWORDS[OWNER], DATABASE))


@asynccontextmanager
async def endpoint_to(port: int) -> AsyncIterator[Endpoint]:
    endpoint = Endpoint(port)
    await endpoint.open()
    try:
        yield endpoint
    finally:
        await endpoint.close()


@dataclass
class Office:
    """Callers that create payments, each asking again under its key until it has an answer."""

    group: GroupCommit
    over: asyncio.Event = field(default_factory=asyncio.Event)
    answered: dict[str, UUID] = field(default_factory=dict)
    refusals: int = 0

    async def calls(self, name: str) -> None:
        number = 0
        while not self.over.is_set():
            number += 1
            await self._created(f"{name}-{number}", a_new_payment())

    async def _created(self, key: str, new: NewPayment) -> None:
        while True:
            command = CreatePayment(
                command_id=new_id(system_now()), caller=DISPATCHER, key=a_key(key), new=new, required_approvals=1
            )
            try:
                done = await self.group.submit(command)
            except PASSING:
                self.refusals += 1
                await asyncio.sleep(RETRY_S)
                continue
            assert done.payment_id is not None
            self.answered[key] = done.payment_id
            return


@pytest.mark.parametrize("away_s", AWAY_S)
async def test_a_failover_loses_no_payment_and_makes_none_twice(cluster: Cluster, away_s: float) -> None:
    async with (
        endpoint_to(cluster.primary.port) as endpoint,
        Database.open(cluster.url(endpoint), pool_size=4, patience_s=PATIENCE_S, prepares=False) as database,
    ):
        path = WritePath(database=database, now=system_now, new_id=new_id, new_salt=new_salt)
        group = GroupCommit(path)
        office = Office(group)
        callers = [asyncio.create_task(office.calls(f"caller-{n}")) for n in range(CALLERS)]
        await _until(lambda: len(office.answered) > 50)
        before = dict(office.answered)
        await asyncio.to_thread(kill, cluster.primary)
        at_death = len(office.answered)
        await asyncio.sleep(away_s)
        # A reader still. Whoever took it for the writer could not write, and might miss what was committed just now.
        endpoint.port = cluster.standby.port
        with pytest.raises(psycopg.OperationalError) as refused:
            await psycopg.AsyncConnection.connect(cluster.url(endpoint))
        assert "leads to a reader" in why(refused.value, bundle=None)
        await asyncio.sleep(away_s)
        while_away = len(office.answered) - at_death
        await asyncio.to_thread(cluster.standby.promote)
        promoted = asyncio.get_running_loop().time()
        await _until(lambda: len(office.answered) > at_death + while_away + 50)
        took_s = asyncio.get_running_loop().time() - promoted
        office.over.set()
        await asyncio.gather(*callers)
        await group.aclose()
        report = await verify(database, None)
    assert took_s < HEALED_S_MAX
    if 2 * away_s > FATE_S_MAX:
        assert office.refusals > 0, "what is under way waits for a new writer for so long, and no longer"
    assert while_away <= CALLERS, "there was a writer all along"
    print(f"away for {2 * away_s} s: {office.refusals} refusals, well again {took_s:.1f} s after the promotion")
    assert report.clean, report
    with psycopg.connect(cluster.standby.superuser_url, dbname=DATABASE) as connection:
        stored = {row[0] for row in connection.execute("SELECT payment_id FROM payments")}
    assert len(set(office.answered.values())) == len(office.answered)
    assert set(before.values()) <= stored, "a committed payment is lost"
    assert stored == set(office.answered.values()), "each key has one payment, and each payment a key"


async def _until(true: object) -> None:
    assert callable(true)
    deadline = asyncio.get_running_loop().time() + HEALED_S_MAX
    while not true():
        assert asyncio.get_running_loop().time() < deadline, "it never came"
        await asyncio.sleep(0.02)
