"""One database as each of our roles reaches it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from vendorpay.entrypoints.embedded_postgres import Postgres
from vendorpay.store.set_up import APP, OWNER, READONLY

DATABASE: Final = "vendorpay"
# What roles.sql gives the roles as logins of their own; a SET ROLE at connect does not bring a role's settings along.
# All but transaction_timeout: PostgreSQL 15 and 16 refuse a connection that asks for it.
LIMITS: Final = "-c statement_timeout=10s -c lock_timeout=5s -c idle_in_transaction_session_timeout=15s -c timezone=UTC"


class DatabaseUrlRefused(Exception):
    """The database URL cannot be used; the message says why, without the URL."""


@dataclass(frozen=True, kw_only=True)
class DatabaseUrls:
    """Connection strings of libpq. `superuser` is None for a database that is not ours to rule."""

    owner: str = field(repr=False)
    app: str = field(repr=False)
    readonly: str = field(repr=False)
    superuser: str | None = field(default=None, repr=False)
    # Whether `owner` really is one, and not a login that was made for the service alone.
    can_migrate: bool = True


def of_embedded(postgres: Postgres, passwords: dict[str, str]) -> DatabaseUrls:
    """The roles' own logins, through the private socket."""
    return DatabaseUrls(
        owner=postgres.url(OWNER, passwords[OWNER], DATABASE),
        app=postgres.url(APP, passwords[APP], DATABASE),
        readonly=postgres.url(READONLY, passwords[READONLY], DATABASE),
        superuser=postgres.superuser_url(DATABASE),
    )


def of_given(url: str) -> DatabaseUrls:
    """The URL's role to migrate, and the same login in the place of the other roles. Raises DatabaseUrlRefused."""
    try:
        parts = conninfo_to_dict(url)
    except ProgrammingError as error:
        raise DatabaseUrlRefused("The database URL is not one that PostgreSQL's libpq understands.") from error
    user = parts.get("user")
    return DatabaseUrls(
        owner=url,
        app=_in_role(parts, APP, user),
        readonly=_in_role(parts, READONLY, user),
        can_migrate=user not in {APP, READONLY},
    )


def _in_role(parts: dict[str, str | int | None], role: str, user: str | int | None) -> str:
    # Ours come first and the role last: the URL may set other limits, but not another role. A role that somebody else
    # made for us may have no limits of its own (origin 85), so they are said each time.
    options = [LIMITS, str(parts.get("options") or ""), "" if user == role else f"-c role={role}"]
    return make_conninfo("", **{**parts, "options": " ".join(filter(None, options))})
