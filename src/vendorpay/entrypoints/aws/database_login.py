"""How functions get into Aurora: by the password of a secret, which may change at any moment, or by one AWS signs.

Never `options` in a connection string: RDS Proxy refuses it. What a role may take is set at the role (roles.sql).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from vendorpay import observe
from vendorpay.adapters.aws import rds_iam
from vendorpay.adapters.aws.credentials import Credentials
from vendorpay.adapters.aws.secret_cache import SecretCache
from vendorpay.entrypoints.aws.not_connected import why
from vendorpay.ports import SecretUnavailable
from vendorpay.store.logins import is_password_refused

ROTATION_PAUSES_S: Final = (0.25, 0.5, 1.0, 1.5)
"""Between ALTER ROLE and the move of AWSCURRENT nobody has the right password: a connection waits so long for it."""
NO_HOPE_S: Final = 10.0
"""For so long after it waited in vain nobody waits again, but only asks."""
UNACKNOWLEDGED_MS_MAX: Final = 10_000
KEEPALIVE_S: Final = 10


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A database behind an endpoint, reached over TLS whose other end has proved its name."""

    host: str
    port: int
    database: str
    ca_bundle: Path
    writes: bool = True

    def conninfo(self, user: str, password: str) -> str:
        """libpq's connection string."""
        return make_conninfo(
            "",
            host=self.host,
            port=self.port,
            dbname=self.database,
            user=user,
            password=password,
            sslmode="verify-full",
            sslrootcert=str(self.ca_bundle),
            # While a failover is under way the endpoint may still lead to who was the writer.
            target_session_attrs="read-write" if self.writes else "any",
            # A host that is gone says nothing more.
            tcp_user_timeout=UNACKNOWLEDGED_MS_MAX,
            keepalives_idle=KEEPALIVE_S,
        )


class DatabaseSecret(msgspec.Struct, frozen=True):
    """What a secret for RDS holds of what we need."""

    username: str
    password: str

    def __repr__(self) -> str:
        return f"DatabaseSecret(username={self.username!r})"


def secret_of(text: str, name: str) -> DatabaseSecret:
    """The login in a secret's text. Raises SecretUnavailable for what is none."""
    try:
        found = msgspec.json.decode(text, type=DatabaseSecret)
    except (msgspec.DecodeError, msgspec.ValidationError):
        found = DatabaseSecret("", "")
    if not found.username or not found.password:
        # Without its cause, which may quote what was read.
        raise SecretUnavailable(
            f'The secret {_called(name)}: it must be {{"username": "..", "password": ".."}}.'
        ) from None
    return found


@dataclass(kw_only=True)
class SecretLogin:
    """By the current version of a secret; a newer one is looked for when the database refuses the password.

    `user` is who it must be: a function that may only read must not get in as somebody else because two secrets were
    mixed up. None takes whomever the secret names.
    """

    place: Place
    secrets: SecretCache
    name: str
    user: str | None
    chance: Callable[[], float]
    pauses_s: Sequence[float] = ROTATION_PAUSES_S
    monotonic: Callable[[], float] = time.monotonic
    _hopeless_until_s: float = field(default=0.0, init=False)

    async def conninfo(self) -> str:
        """Raises SecretUnavailable."""
        return self._conninfo(await self.secrets.current(self.name))

    async def failed(self, conninfo: str, error: psycopg.OperationalError) -> bool:
        """Whether there is another password than the one that was refused, by now or within seconds."""
        if is_password_refused(error) and await self._changed(conninfo):
            return True
        _tell(error, self.place)
        return False

    async def _changed(self, conninfo: str) -> bool:
        refused = conninfo_to_dict(conninfo)["password"]
        patient = self.monotonic() >= self._hopeless_until_s
        for pause_s in (*self.pauses_s, 0.0) if patient else (0.0,):
            try:
                text = await self.secrets.renewed(self.name)
            except SecretUnavailable as unavailable:
                observe.failed("no newer password can be had", fault=str(unavailable))
                return False
            if secret_of(text, self.name).password != refused:
                return True
            await asyncio.sleep(pause_s * (0.5 + self.chance() / 2))
        self._hopeless_until_s = self.monotonic() + NO_HOPE_S
        return False

    def _conninfo(self, text: str) -> str:
        secret = secret_of(text, self.name)
        if self.user not in {None, secret.username}:
            raise SecretUnavailable(
                f"The secret {_called(self.name)}: its username must be {self.user}, as whom this function connects."
            )
        return self.place.conninfo(secret.username, secret.password)


class IamLogin(msgspec.Struct, frozen=True, kw_only=True):
    """By a signature of AWS, for a database user that has rds_iam."""

    place: Place
    region: str
    user: str
    credentials: Callable[[], Awaitable[Credentials]]
    now: Callable[[], datetime]

    async def conninfo(self) -> str:
        """Raises CredentialsMissing."""
        where: dict[str, Any] = {"region": self.region, "host": self.place.host, "port": self.place.port}
        password = rds_iam.password(await self.credentials(), **where, user=self.user, now=self.now())
        return self.place.conninfo(self.user, password)

    async def failed(self, conninfo: str, error: psycopg.OperationalError) -> bool:
        """False: each is signed anew anyway."""
        _tell(error, self.place)
        return False


def _called(name: str) -> str:
    """What the log can show of an ARN: what follows `secret:` it takes for one, and hides."""
    return name.rpartition(":secret:")[2]


def _tell(error: psycopg.OperationalError, place: Place) -> None:
    observe.warning("no connection to the database", host=place.host, fault=why(error, place.ca_bundle))
