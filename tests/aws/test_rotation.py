"""The password changes while requests come in, as Secrets Manager rotates it: no request fails, no payment is lost.

AWSPENDING is written, the role gets that password, and then it becomes AWSCURRENT: in between nobody who asks for the
current one is let in.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import psycopg
import pytest

from tests.aws.aurora import PASSWORDS, Aurora, aurora, secret_text
from tests.aws.moto_server import MotoServer
from tests.usecases.world import DISPATCHER, a_new_payment, rounds
from vendorpay.domain.errors import DatabaseUnavailable
from vendorpay.entrypoints.aws.database import login_of, open_database
from vendorpay.entrypoints.aws.database_login import ROTATION_PAUSES_S
from vendorpay.entrypoints.aws.functions import DatabaseRole
from vendorpay.entrypoints.ids import new_id, new_salt, system_now
from vendorpay.ports import SecretUnavailable
from vendorpay.store.db import Database
from vendorpay.store.set_up import APP
from vendorpay.usecases.carry_out import WritePath
from vendorpay.usecases.create_payment import CreatePayment
from vendorpay.usecases.group_commit import GroupCommit

pytestmark = pytest.mark.anyio

ROTATIONS = rounds(quick=2, soak=20)
WINDOW_S = 0.8
"""Between ALTER ROLE and the move of AWSCURRENT."""
WARM = 3
COLD = 2
LET_IN_S_MAX = ROTATION_PAUSES_S[-1] + 30.0
"""Whoever was refused may sleep through the longest pause after the right password is there; then they connect."""


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory, moto: MotoServer) -> Iterator[Aurora]:
    with aurora(tmp_path_factory.mktemp("rotation"), moto) as running:
        yield running


@pytest.fixture(autouse=True)
def credentials(moto: MotoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function's own environment: where AWS puts its credentials."""
    for name, value in moto.environment().items():
        monkeypatch.setenv(name, value)


@dataclass
class Load:
    """Requests without end; what was answered, and what failed."""

    database: Aurora
    over: asyncio.Event = field(default_factory=asyncio.Event)
    created: list[UUID] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    environments: int = 0

    @asynccontextmanager
    async def environment(self) -> AsyncIterator[tuple[Database, GroupCommit]]:
        """An execution environment: a connection of its own, and no secret yet."""
        self.environments += 1
        async with open_database(self.database.settings(APP), DatabaseRole.APP) as opened:
            group = GroupCommit(WritePath(database=opened, now=system_now, new_id=new_id, new_salt=new_salt))
            try:
                yield opened, group
            finally:
                await group.aclose()

    async def request(self, group: GroupCommit) -> None:
        """A payment is created, and its caller hears so."""
        new = a_new_payment()
        made = new_id(system_now())
        command = CreatePayment(command_id=made, caller=DISPATCHER, key=None, new=new, required_approvals=1)
        try:
            done = await group.submit(command)
        except Exception as error:  # whatever it is, no caller should see it
            self.failures.append(error)
        else:
            assert done.payment_id is not None
            self.created.append(done.payment_id)

    async def cold(self) -> None:
        """One new environment after the other, for one request each."""
        while not self.over.is_set():
            async with self.environment() as (_, group):
                await self.request(group)

    async def warm(self) -> None:
        """One environment for long, that remembers the secret, and whose connection ends now and then."""
        async with self.environment() as (opened, group):
            while not self.over.is_set():
                await self.request(group)
                async with opened.connection() as connection:
                    pid = connection.info.backend_pid
                await asyncio.to_thread(self._end, pid)
                await asyncio.sleep(0.02)

    def _end(self, pid: int) -> None:
        with self.database.superuser() as connection:
            connection.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))

    async def somebody_gets_in(self) -> None:
        """Waits for one more payment."""
        before, deadline = len(self.created), time.monotonic() + LET_IN_S_MAX
        while len(self.created) == before:
            assert time.monotonic() < deadline, f"nobody got in any more, {self.failures}"
            await asyncio.sleep(0.02)


async def rotate(database: Aurora, *, window_s: float) -> str:
    """What a rotation function does, step by step; the new password."""
    client, arn = database.moto.client("secretsmanager"), database.arns[APP]
    password = secrets.token_urlsafe(16)
    before = client.get_secret_value(SecretId=arn, VersionStage="AWSCURRENT")["VersionId"]
    pending = await asyncio.to_thread(
        client.put_secret_value,
        SecretId=arn,
        SecretString=secret_text(APP, password),
        VersionStages=["AWSPENDING"],
    )
    await asyncio.to_thread(database.alter_password, APP, password)
    await asyncio.sleep(window_s)
    await asyncio.to_thread(
        client.update_secret_version_stage,
        SecretId=arn,
        VersionStage="AWSCURRENT",
        MoveToVersionId=pending["VersionId"],
        RemoveFromVersionId=before,
    )
    return password


async def test_no_request_fails_while_the_password_is_rotated(
    database: Aurora, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """origin 21: the secret that is written is the one that is read."""
    load, passwords = Load(database), [PASSWORDS[APP]]
    caplog.set_level("DEBUG", logger="psycopg")  # its pool is its child
    async with asyncio.TaskGroup() as group:
        for work in [load.warm] * WARM + [load.cold] * COLD:
            group.create_task(work())
        for _ in range(ROTATIONS):
            await load.somebody_gets_in()
            passwords.append(await rotate(database, window_s=WINDOW_S))
            await load.somebody_gets_in()
        load.over.set()
    assert load.failures == []
    assert not any(password in caplog.text + capfd.readouterr().err for password in passwords)
    assert load.environments > WARM + COLD, "cold starts went on through it"
    with database.superuser() as connection:
        rows = connection.execute("SELECT payment_id FROM payments").fetchall()
    assert sorted(row[0] for row in rows) == sorted(load.created)


async def test_the_old_password_lets_nobody_in_afterwards(database: Aurora) -> None:
    """The rotation is a real one: what went on through it did so by the new password."""
    before = database.moto.client("secretsmanager").get_secret_value(SecretId=database.arns[APP])["SecretString"]
    password = await rotate(database, window_s=0)
    assert password not in before
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(database.postgres.url(APP, PASSWORDS[APP], "vendorpay"))


async def test_a_secret_that_is_wrong_for_good_is_503_soon_and_heals_when_it_is_set_right(database: Aurora) -> None:
    password = await rotate(database, window_s=0)
    database.alter_password(APP, "something-else")
    began = asyncio.get_running_loop().time()
    async with open_database(database.settings(APP), DatabaseRole.APP) as opened:
        with pytest.raises(DatabaseUnavailable):
            async with opened.connection():
                pass
        assert asyncio.get_running_loop().time() - began < sum(ROTATION_PAUSES_S) + 20
        database.alter_password(APP, password)
        async with opened.connection() as connection:
            assert connection.info.user == APP


async def test_a_secret_for_somebody_else_is_not_used(database: Aurora) -> None:
    """origin 21: two secrets mixed up let nobody in as whom he should not be."""
    mixed_up = database.settings(APP, AURORA_SECRET_ARN=database.arns["vendorpay_owner"])
    login = login_of(mixed_up, DatabaseRole.APP)
    assert not isinstance(login, str)
    with pytest.raises(SecretUnavailable, match="its username must be vendorpay_app"):
        await login.conninfo()
