"""How a pool's connections get in where the password changes while the service runs."""

from __future__ import annotations

from typing import Any, Protocol, Self

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow


class Login(Protocol):
    """Where to connect and as whom, asked anew for every connection."""

    async def conninfo(self) -> str:
        """libpq's connection string, password included. What it raises is what the connection failed of."""
        ...

    async def failed(self, conninfo: str, error: psycopg.OperationalError) -> bool:
        """Told that this one led to no connection; whether another try, with what `conninfo` says by now, may."""
        ...


def is_password_refused(error: psycopg.OperationalError) -> bool:
    """Whether the server asked for the password, got it, and let nobody in.

    libpq tells no SQLSTATE of a failed connection (28P01, 28000), and every server, proxy and language has words of
    its own; that the password was asked for is what libpq itself knows.
    """
    return error.pgconn is not None and bool(error.pgconn.used_password)


async def connected(to: str | Login, **kwargs: Any) -> AsyncConnection[Any]:
    """One connection, as whoever a URL names or a login lets in; as psycopg's own `connect` besides."""
    if isinstance(to, str):
        return await AsyncConnection.connect(to, **kwargs)
    return await connecting_by(to).connect(**kwargs)


def connecting_by(login: Login) -> type[AsyncConnection[DictRow]]:
    """The class of connections that get in by a login."""

    class ByLogin(AsyncConnection[DictRow]):
        @classmethod
        async def connect(cls, conninfo: str = "", **kwargs: Any) -> Self:
            told = await login.conninfo()
            try:
                return await super().connect(told, **kwargs)
            except psycopg.OperationalError as error:
                if not await login.failed(told, error):
                    raise
            return await super().connect(await login.conninfo(), **kwargs)

    return ByLogin
