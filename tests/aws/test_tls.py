"""Nobody talks to a database that has not proved that it is ours (origin 20)."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from msgspec.structs import replace

from tests.aws.aurora import DATABASE, HOST, PASSWORDS, Aurora, aurora, tls_postgres
from tests.aws.authority import Authority
from tests.aws.free_port import free_port
from tests.aws.moto_server import MotoServer
from vendorpay import observe
from vendorpay.domain.errors import DatabaseUnavailable
from vendorpay.entrypoints.aws.database import open_database
from vendorpay.entrypoints.aws.database_login import Place
from vendorpay.entrypoints.aws.functions import DatabaseRole
from vendorpay.entrypoints.aws.not_connected import REASONS, why
from vendorpay.store.set_up import APP, READONLY

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory, moto: MotoServer) -> Iterator[Aurora]:
    with aurora(tmp_path_factory.mktemp("tls"), moto) as running:
        yield running


@pytest.fixture
def place(database: Aurora) -> Place:
    """Where the database is, said right."""
    bundle = database.authority.bundle
    return Place(host=HOST, port=database.postgres.port, database=DATABASE, ca_bundle=bundle)


async def refusal(place: Place) -> str:
    """Why no connection can be had, in our words."""
    with pytest.raises(psycopg.OperationalError) as refused:
        await psycopg.AsyncConnection.connect(place.conninfo(APP, PASSWORDS[APP]), connect_timeout=3)
    return why(refused.value, place.ca_bundle)


@pytest.fixture
def credentials(moto: MotoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function's own environment: where AWS puts its credentials."""
    for name, value in moto.environment().items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(("role", "name"), [(DatabaseRole.APP, APP), (DatabaseRole.READONLY, READONLY)])
async def test_each_role_gets_in_over_tls_with_its_own_secret(
    database: Aurora, credentials: None, role: DatabaseRole, name: str
) -> None:
    """origin 20"""
    async with open_database(database.settings(name), role) as opened, opened.reading() as connection:
        query = b"SELECT current_user AS who, ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        row = await (await connection.execute(query)).fetchone()
    assert row == {"who": name, "ssl": True, "version": "TLSv1.3"}


async def test_a_stranger_with_our_name_is_not_believed(place: Place, tmp_path: Path) -> None:
    """origin 20"""
    stranger = replace(place, ca_bundle=Authority(tmp_path, "other").bundle)
    assert "no authority in" in await refusal(stranger)


async def test_a_certificate_that_was_signed_for_another_host_is_not_believed(place: Place) -> None:
    """origin 20"""
    assert "another host's: AURORA_ENDPOINT must be the name" in await refusal(replace(place, host="127.0.0.1"))


async def test_an_expired_certificate_is_not_believed(place: Place, tmp_path: Path) -> None:
    """origin 20"""
    authority = Authority(tmp_path, "authority")
    with tls_postgres(*authority.signs(HOST, days=-1)) as postgres:
        told = await refusal(replace(place, port=postgres.port, ca_bundle=authority.bundle))
    assert "no authority in" in told


async def test_a_server_without_tls_gets_no_password(place: Place, database: Aurora) -> None:
    """origin 20"""
    with tls_postgres(*database.authority.signs(HOST), ssl="off") as postgres:
        assert "speaks no TLS, without which nobody connects" in await refusal(replace(place, port=postgres.port))


async def test_without_the_authorities_nobody_connects(place: Place, tmp_path: Path) -> None:
    """origin 20"""
    assert "there is no file" in await refusal(replace(place, ca_bundle=tmp_path / "none.pem"))
    (tmp_path / "text.pem").write_text("not a certificate")
    assert "holds no certificates" in await refusal(replace(place, ca_bundle=tmp_path / "text.pem"))


async def test_a_wrong_endpoint_is_told_from_one_that_is_away(place: Place) -> None:
    assert "nobody listens there" in await refusal(replace(place, port=free_port()))
    assert "name is not known" in await refusal(replace(place, host="does-not-exist.invalid"))


async def test_a_wrong_password_is_told_without_it(place: Place) -> None:
    with pytest.raises(psycopg.OperationalError) as refused:
        await psycopg.AsyncConnection.connect(place.conninfo(APP, "wrong-one"))
    told = why(refused.value, place.ca_bundle)
    assert told.startswith("the password is refused")
    assert "wrong-one" not in told + str(refused.value)


class Tapped:
    """Somebody between us and the server: notes what we send, and may say that the server speaks no TLS."""

    def __init__(self, port: int, *, strips: bool) -> None:
        self._port, self._strips = port, strips
        self.sent = b""
        self.over = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._port)
        back = asyncio.create_task(self._answers(there_reader, writer))
        while data := await reader.read(65536):
            self.sent += data
            if self._strips and data == SSL_REQUEST:
                writer.write(b"N")
            else:
                there_writer.write(data)
        there_writer.close()
        await back
        self.over.set()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()


SSL_REQUEST = bytes.fromhex("0000000804d2162f")
HANDSHAKE = 0x16


@pytest.mark.parametrize("strips", [False, True])
async def test_whoever_listens_hears_no_password_and_no_query(place: Place, strips: bool) -> None:
    """origin 20: not even when he says that there is no TLS."""
    tapped = Tapped(place.port, strips=strips)
    server = await asyncio.start_server(tapped.serve, "127.0.0.1", 0)
    through = replace(place, port=server.sockets[0].getsockname()[1])
    async with server:
        if strips:
            assert "speaks no TLS" in await refusal(through)
            await tapped.over.wait()
            assert tapped.sent == SSL_REQUEST
        else:
            info = through.conninfo(APP, PASSWORDS[APP])
            async with await psycopg.AsyncConnection.connect(info) as connection:
                await connection.execute("SELECT 'a-secret-question'")
            await tapped.over.wait()
            assert tapped.sent[:9] == SSL_REQUEST + bytes([HANDSHAKE])
            assert not any(word in tapped.sent for word in (b"SELECT", b"secret", APP.encode()))


async def test_a_function_answers_that_the_database_is_away_and_logs_why(
    database: Aurora, credentials: None, tmp_path: Path
) -> None:
    """origin 20"""
    stranger = database.settings(APP, VENDORPAY_RDS_CA_BUNDLE=str(Authority(tmp_path, "other").bundle))
    written = io.StringIO()
    observe.configure("warning", stream=written)
    try:
        async with open_database(stranger, DatabaseRole.APP) as opened:
            with pytest.raises(DatabaseUnavailable):
                async with opened.connection():
                    pass
    finally:
        observe.configure("warning")
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    told = [line for line in lines if line["event"] == "no connection to the database"]
    assert told
    assert told[0]["host"] == HOST
    assert "package Amazon's newest bundle" in told[0]["fault"]
    assert PASSWORDS[APP] not in written.getvalue()


def test_every_sentence_says_what_to_do() -> None:
    for _, sentence in REASONS:
        assert any(word in sentence for word in ("must be", "package", "look", "correct", "under way")), sentence
