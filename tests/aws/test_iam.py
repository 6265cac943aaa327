"""Getting in by what AWS signs: passwords for RDS without a secret, credentials from where a snapshot finds them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from msgspec.structs import replace
from psycopg.conninfo import conninfo_to_dict

from tests.aws.aurora import DATABASE, HOST, Aurora, aurora
from tests.aws.free_port import free_port
from tests.aws.moto_server import CREDENTIALS, MotoServer
from vendorpay.adapters.aws.container_credentials import RENEWED_BEFORE, ContainerCredentials
from vendorpay.adapters.aws.credentials import Credentials, CredentialsMissing
from vendorpay.adapters.aws.rds_iam import GOOD_FOR_S
from vendorpay.entrypoints.aws.credentials import credentials_of
from vendorpay.entrypoints.aws.database import login_of
from vendorpay.entrypoints.aws.database_login import IamLogin
from vendorpay.entrypoints.aws.functions import DatabaseRole
from vendorpay.store.db import Database
from vendorpay.store.logins import connecting_by
from vendorpay.store.set_up import READONLY

pytestmark = pytest.mark.anyio

AT = datetime(2026, 11, 23, 9, 8, 7, tzinfo=UTC)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory, moto: MotoServer) -> Iterator[Aurora]:
    """Where the reader's password comes in the clear, as RDS wants it of users with rds_iam: over TLS alone."""
    with aurora(tmp_path_factory.mktemp("iam"), moto) as running:
        rules = running.postgres.data_dir / "postgres" / "pg_hba.conf"
        rules.write_text(f"hostssl all {READONLY} 127.0.0.1/32 password\n{rules.read_text()}")
        with running.superuser() as connection:
            connection.execute("SELECT pg_reload_conf()")
        yield running


@pytest.fixture
def login(database: Aurora, monkeypatch: pytest.MonkeyPatch) -> IamLogin:
    """That of a function whose clock stands still."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    found = login_of(database.settings(READONLY, VENDORPAY_DATABASE_AUTH="iam"), DatabaseRole.READONLY)
    assert isinstance(found, IamLogin)
    return replace(found, now=lambda: AT)


async def test_whom_aws_signs_for_is_let_in(database: Aurora, login: IamLogin) -> None:
    """The server stands in for RDS: what RDS checks by IAM, it knows as the role's password."""
    token = str(conninfo_to_dict(await login.conninfo())["password"])
    database.alter_password(READONLY, token)
    async with Database.open(login, prepares=False) as opened, opened.reading() as connection:
        query = b"SELECT current_user AS who, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        row = await (await connection.execute(query)).fetchone()
    assert row == {"who": READONLY, "ssl": True}
    later = replace(login, now=lambda: AT + timedelta(minutes=16))
    with pytest.raises(psycopg.OperationalError):
        await connecting_by(later).connect()


async def test_the_password_is_for_this_user_of_this_database_and_soon_worthless(
    database: Aurora, login: IamLogin
) -> None:
    told = conninfo_to_dict(await login.conninfo())
    assert (told["user"], told["dbname"], told["sslmode"]) == (READONLY, DATABASE, "verify-full")
    where = urlsplit(f"https://{told['password']}")
    asked = {name: values[0] for name, values in parse_qs(where.query).items()}
    assert where.netloc == f"{HOST}:{database.postgres.port}"
    assert (asked["Action"], asked["DBUser"]) == ("connect", READONLY)
    assert (asked["X-Amz-Date"], asked["X-Amz-Expires"]) == ("20261123T090807Z", str(GOOD_FOR_S))
    assert asked["X-Amz-Security-Token"] == CREDENTIALS["AWS_SESSION_TOKEN"]


@asynccontextmanager
async def credentials_address(*answers: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Where a function asks who it is; one answer after the other, the last for ever, and what was asked."""
    asked: list[bytes] = []
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answers[min(len(asked), len(answers)) - 1])
        writer.close()
        over.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v2/credentials", asked
        await over.wait()


def told(key: str, expires: datetime) -> bytes:
    body = (
        f'{{"AccessKeyId": "{key}", "SecretAccessKey": "s3cr3t", "Token": "t0k3n", "RoleArn": "arn",'
        f' "Expiration": "{expires.isoformat()}"}}'
    )
    return b"HTTP/1.1 200 OK\r\n\r\n" + body.encode()


async def test_a_function_from_a_snapshot_asks_who_it_is_and_again_before_that_expires() -> None:
    now = AT
    expires = AT + timedelta(hours=1)
    async with credentials_address(told("FIRST", expires), told("SECOND", expires)) as (address, asked):
        source = ContainerCredentials(address, "Basic abc", now=lambda: now)
        assert (await source()).access_key_id == "FIRST"
        now = expires - RENEWED_BEFORE - timedelta(seconds=1)
        assert (await source()).access_key_id == "FIRST"
        now += timedelta(seconds=1)
        assert await source() == Credentials(access_key_id="SECOND", secret_access_key="s3cr3t", session_token="t0k3n")
    assert len(asked) == 2
    assert asked[0].startswith(b"GET /v2/credentials HTTP/1.1\r\n")
    assert b"\r\nauthorization: Basic abc\r\n" in asked[0]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "no credentials: 403"),
        (b'HTTP/1.1 200 OK\r\n\r\n{"AccessKeyId": "s3cr3t"}', "gives something else"),
        (b"s3cr3t", "no credentials: 127.0.0.1 answered with something that is not HTTP"),
    ],
)
async def test_no_credentials_are_told_without_what_came_instead(answer: bytes, why: str) -> None:
    async with credentials_address(answer) as (address, _):
        with pytest.raises(CredentialsMissing) as missing:
            await ContainerCredentials(address, None, now=lambda: AT)()
    assert why in str(missing.value)
    assert "s3cr3t" not in str(missing.value)


async def test_credentials_come_from_the_environment_as_it_is_now(anyio_backend: str) -> None:
    environ = dict(CREDENTIALS)
    source = credentials_of(environ)
    assert (await source()).access_key_id == CREDENTIALS["AWS_ACCESS_KEY_ID"]
    environ["AWS_ACCESS_KEY_ID"] = "OTHER"
    assert (await source()).access_key_id == "OTHER"
    del environ["AWS_SESSION_TOKEN"]
    assert (await source()).session_token is None
    environ.clear()
    with pytest.raises(CredentialsMissing, match="neither AWS_ACCESS_KEY_ID"):
        await source()


async def test_a_snapshot_s_environment_is_asked_at_its_address(anyio_backend: str) -> None:
    address = f"http://127.0.0.1:{free_port()}/"
    with pytest.raises(CredentialsMissing, match="AWS_CONTAINER_CREDENTIALS_FULL_URI gives no credentials"):
        await credentials_of({"AWS_CONTAINER_CREDENTIALS_FULL_URI": address})()
