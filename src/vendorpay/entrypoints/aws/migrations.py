"""The function that brings the schema up to date: before the new code (pre), and after the old is gone (post).

It connects to the cluster itself, as the owner: through RDS Proxy its lock and its settings would pin a connection. It
is invoked by a deploy with {"phase": "pre"}, or as a custom resource of CloudFormation that has the phase among its
properties. Running it again is harmless.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from vendorpay import observe
from vendorpay.entrypoints.aws.database import database_secret, login_of, pending_database_secret
from vendorpay.entrypoints.aws.database_login import DatabaseSecret
from vendorpay.entrypoints.aws.functions import DatabaseRole
from vendorpay.entrypoints.aws.runtime import Context
from vendorpay.entrypoints.aws.settings import BY_IAM, AwsSettings
from vendorpay.entrypoints.ids import system_now
from vendorpay.store.logins import connected
from vendorpay.store.migrate import MigrationError, Phase, migrate
from vendorpay.store.scripts import named
from vendorpay.store.set_up import close_to_others, ensure_partitions, let_in

CONNECT_S_MAX: Final = 10
RESOURCE: Final = "vendorpay-migrations-{}"
IN_THE_LOG: Final = "What it said is in the log of the migrations function."


class NoPhase(Exception):
    """The invocation does not say which phase to run: {"phase": "pre"} or {"phase": "post"}."""


class SecretsMixedUp(Exception):
    """The secret of one login holds the name of another: put each secret where it belongs."""


def handler(event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Runs one phase, and answers with what it did.

    Raises NoPhase, SecretsMixedUp, MigrationError, SecretUnavailable, or what a database says that cannot be reached:
    the deploy must stop then.
    """
    phase = _phase(event)
    if event.get("RequestType") == "Delete":  # with the stack goes the cluster, or it stays as it is
        return {"PhysicalResourceId": RESOURCE.format(phase)}
    settings = AwsSettings.read(os.environ)
    observe.configure(settings.log_level)
    with _quoting_no_row():
        did: dict[str, Any] = {"phase": phase.value, **asyncio.run(_bring_up_to_date(settings, phase))}
    observe.info("migrations ran", migrations=did["ran"], part=phase.value)
    if "RequestType" in event:
        return {"PhysicalResourceId": RESOURCE.format(phase), "Data": did}
    return did


@contextmanager
def _quoting_no_row() -> Iterator[None]:
    """Whatever fails, its message can be shown to whoever deploys: CloudFormation keeps it, for everybody to read.

    The database's own words go to this function's log alone, whole: whoever mends the migration needs them.
    """
    try:
        yield
    except MigrationError as error:
        if error.said is None:
            raise
        _tell(error.said)
        raise MigrationError(f"{error} {IN_THE_LOG}") from None
    except psycopg.Error as error:
        _tell(str(error))
        if error.sqlstate is None:  # no connection: there was nobody who could quote anything
            raise
        raise MigrationError(f"The database refused: {named(error)}. {IN_THE_LOG}") from None


def _tell(said: str) -> None:
    # Not through `observe`, which takes out of a line what quotes rows.
    print(f"The database said: {said}", file=sys.stderr, flush=True)


def _phase(event: Mapping[str, Any]) -> Phase:
    properties = event.get("ResourceProperties")
    given = (properties if isinstance(properties, Mapping) else event).get("phase")
    try:
        return Phase(str(given))
    except ValueError:
        raise NoPhase(f"{NoPhase.__doc__} It says {str(given)[:40]!r}.") from None


async def _bring_up_to_date(settings: AwsSettings, phase: Phase) -> dict[str, Any]:
    login = login_of(settings, DatabaseRole.OWNER)  # asked anew at each connection: migrations may outlast a password
    ran = await migrate(login, phase=phase)
    async with await connected(login, autocommit=True, connect_timeout=CONNECT_S_MAX) as owner:
        ahead = await ensure_partitions(owner, system_now())  # else upkeep makes them, within the minute
        await close_to_others(owner, owner.info.dbname)
        logins = await _let_roles_in(owner, settings)
    return {"ran": ran, "partitionsAhead": ahead, "logins": logins}


async def _let_roles_in(owner: psycopg.AsyncConnection[Any], settings: AwsSettings) -> list[str]:
    """Makes the functions' roles logins; returns those that were not, or not with the password of their secret."""
    secrets = {
        DatabaseRole.APP: settings.aurora_app_secret_arn,
        DatabaseRole.READONLY: settings.aurora_readonly_secret_arn,
    }
    changed: list[str] = []
    for role, secret in secrets.items():
        if settings.database_auth == BY_IAM:
            await let_in(owner, role.value, None)
            continue
        if secret is None:  # a database named by a URL has its logins already
            continue
        password = await _password_to_set(settings, role, secret, owner.info.dsn)
        if password is not None:
            await let_in(owner, role.value, password)
            changed.append(role.value)
    return changed


async def _password_to_set(settings: AwsSettings, role: DatabaseRole, secret: str, place: str) -> str | None:
    """The password of a role's secret, where the role needs it; None where it has the right one.

    While it rotates, the right one is not the secret's current yet: put back then, the old one would lock everybody out
    as soon as the rotation ends.
    """
    current = await _login_for(settings, role, secret)
    if await _gets_in(place, role.value, current.password):
        return None
    pending = await pending_database_secret(settings, secret)
    newest = await _login_for(settings, role, secret)  # the rotation may have ended between the two questions
    for login in (pending, newest):
        if login is not None and login != current and await _gets_in(place, role.value, login.password):
            return None
    return newest.password


async def _login_for(settings: AwsSettings, role: DatabaseRole, secret: str) -> DatabaseSecret:
    login = await database_secret(settings, secret)
    if login.username != role.value:
        raise SecretsMixedUp(f"The secret for {role.value} holds another name. {SecretsMixedUp.__doc__}")
    return login


async def _gets_in(place: str, user: str, password: str) -> bool:
    """Whether the password is right already, where somebody else is connected."""
    try:
        connecting = psycopg.AsyncConnection.connect(
            place, user=user, password=password, connect_timeout=CONNECT_S_MAX, autocommit=True
        )
        async with await connecting:
            return True
    except psycopg.OperationalError:
        return False
